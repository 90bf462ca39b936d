"""A pretrained network fitted to a task of one's own, frozen or fine-tuned, as a scikit-learn estimator."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from torch import Tensor

from punar.backbones import Backbone, refuse_nested
from punar.core.params import boolean, check_params, either, integer, none, number, one_of
from punar.core.runtime import as_usual
from punar.estimators._networks import carrier_of
from punar.estimators._tasked import estimator_type, gives_probabilities, known, tagged
from punar.estimators._unused import refuse_unused
from punar.models import assemble
from punar.models.division import Wanted
from punar.models.measure import check_length
from punar.models.transfer.fit import Fitted
from punar.models.transfer.freezing import norms_learn
from punar.models.transfer.job import met
from punar.models.zero_shot import store
from punar.preparations import AUGMENTATIONS, Preparation
from punar.tasks import Task
from punar.texts import fit as texts
from punar.training import job as jobs

STRATEGIES = ("feature_extraction", "fine_tuning", "scratch", "zero_shot")


class TransferLearner(BaseEstimator):
    """Classify or predict from pictures, sentences or recordings with a pretrained network.

    Parameters
    ----------
    backbone : str, Backbone or nn.Module, default="starter"
        See :func:`punar.list_backbones` and :func:`punar.backbone`. A torch module of one's own that takes pictures
        (n, 3, h, w) is copied; its children are the stages, and a linear layer at its end is left out.
    task : {"classification", "regression", "multilabel"} or Task, default="classification"
    strategy : {"feature_extraction", "fine_tuning", "scratch", "zero_shot"}, default="feature_extraction"
        "feature_extraction" freezes the whole network (parameters, buffers, mode) and fits a linear head to
        convergence, its regularisation chosen by cross-validation. "fine_tuning" fits that head first, then trains
        what ``unfreeze`` names together with it. "scratch" trains the same network from random weights. "zero_shot"
        trains nothing: ``fit(None, ["sports", "politics"])`` takes the labels' names, which a sentence encoder, an
        entailment model or a network of CLIP's kind compares with each item.
    templates : str, list of str or None, default=None
        For "zero_shot": sentences in which ``{}`` stands for the label; of several the mean. None is "This text is
        about {}.", of entailment models "This example is {}.", of pictures "This is a photo of {}."
    weights : "default", None or path, default="default"
    unfreeze : "all", "last", int or list of str, default="last"
        Which stages fine-tuning trains: all, the last one, the last k, or by name (``["layer4"]``).
    epochs : int or "auto", default="auto"
        Largest number of passes. "auto" is 20; in fine-tuning fewer for more than 500 items: 10,000 / n, at least 5.
    batch_size : int or "auto", default="auto"
    learning_rate : float or "auto", default="auto"
        Peak for the head. "auto" is 1e-3 for fine-tuning pictures and saved sequence models, 1e-4 for other networks of
        text and sound, 2e-3 from scratch and for ``lora``.
    layer_decay : float in (0, 1], default=0.7
        Factor on the learning rate per stage below the head: rates fall towards the input.
    gradual : bool, default=False
        Unfreeze one more stage at each epoch, from the head down.
    lora : int or None, default=None
        Rank of low-rank adapters that are trained in place of the unfrozen stages' linear layers (needs peft).
    augment : {"auto", None, "light", "strong", "light_no_mirror", "strong_no_mirror"}, default="auto"
        Random changes of training pictures. The frozen part then runs in every step, unless ``views`` is set. "auto" is
        "light_no_mirror" where fine-tuning classifies pictures, in 4 remembered views where a part stays frozen (up to
        1,000 pictures; none for more), and None elsewhere.
    views : int, default=0
        How many augmented views of each picture are computed once and remembered; 0 draws new ones every time.
    interpolation : "auto" or float in [0, 1], default="auto"
        How far from the start (frozen network, fitted head) to the trained weights the weights lie that fine-tuning
        keeps. "auto" is 0, 0.25, 0.5, 0.75 or 1, whichever scores best on the items that are held out, and 0.5 where
        none are (1 where each token has a label). With 1 the best epoch is kept, the start among them; with 0 it is the
        start.
    class_weight : None, "balanced" or dict, default=None
    batch_norm : {"auto", "train", "frozen"}, default="auto"
        Whether trained stages use and update the statistics of batches. "auto" does so from scratch only: few pictures
        make poor statistics.
    optimizer : {"adamw", "adam", "sgd"}, default="adamw"
    schedule : {"cosine", "constant"}, default="cosine"
    weight_decay : float, default=0.01
    gradient_clip : float or None, default=1.0
    validation_fraction : "auto" or float in [0, 1), default="auto"
        Share held out to stop in time and to keep the best weights; stratified. "auto" is 0.15, and 0 for fine-tuning
        on fewer than 200 items, which loses more without them than the choice gains: all epochs are run then.
    early_stopping : bool, default=True
    patience : int or "auto", default="auto"
        "auto" is 5, and in fine-tuning all epochs where ``interpolation`` is not 1.
    precision : {"auto", "float32"}, default="auto"
        "auto" trains with bfloat16 products where the device has them itself (torch's autocast; processors with AVX-512
        bfloat16 or AMX, recent GPUs): weights, losses and answers stay float32. "float32" trains in full precision.
    cache : bool or path, default=True
        Whether frozen features are remembered on disk across calls, folds and candidates.
    on_error : {"raise", "skip"}, default="raise"
        What fit does with items that cannot be read.
    device : str or torch.device, default="auto"
    random_state : int, RandomState or None, default=None
    verbose : int, default=0
    strict : bool, default=False
        Raise :class:`punar.errors.DidNotLearnError` where the model does not beat the constant answer.
    evidence : {"auto", "cheap"}, default="auto"
        What ``fit_report_["learned"]`` rests on. With 20 to 199 items "auto" repeats the fit on each half of them to be
        judged by the other half (a head on frozen features: on 19 random orders of y); "cheap" repeats nothing and
        takes the held-out items alone.

    Attributes
    ----------
    module_ : torch.nn.Module
        With ``backbone`` (the source library's module and state-dict names) and ``head``.
    classes_ : ndarray
        For classification and multilabel.
    history_ : list of dict
        Per epoch of fine-tuning; empty for feature extraction.
    fit_report_ : dict
        Score beside the constant answer, and in fine-tuning beside a linear head on frozen features.
    skipped_ : dict of int to str
        Items left out by ``on_error="skip"``, with the reason.
    learning_rates_ : dict of str to float
        Peak learning rate of each trained stage and of the head; empty where only a head was fitted.
    seed_ : int

    References
    ----------
    Yosinski et al. (2014). How transferable are features in deep neural networks? NIPS.
    Howard and Ruder (2018). Universal language model fine-tuning for text classification. ACL. (rates, gradual)
    Wortsman et al. (2022). Robust fine-tuning of zero-shot models. CVPR. (interpolation)
    Radford et al. (2021). Learning transferable visual models from natural language supervision. ICML. (zero_shot)
    Yin et al. (2019). Benchmarking zero-shot text classification. EMNLP. (zero_shot by entailment)
    Kumar et al. (2022). Fine-tuning can distort pretrained features and underperform out-of-distribution. ICLR.

    Examples
    --------
    >>> import punar
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> pictures = X.reshape(-1, 8, 8)[:200] / 16
    >>> model = punar.TransferLearner("starter", cache=False, random_state=0).fit(pictures, y[:200])
    >>> model.score(pictures, y[:200]) > 0.8
    True
    """

    _RULES: ClassVar = {
        **jobs.TRAINING_RULES,
        "strategy": one_of(*STRATEGIES),
        "epochs": either(one_of("auto"), integer(1)),
        "patience": either(one_of("auto"), integer(1)),
        "learning_rate": either(one_of("auto"), number(0, open_low=True)),
        "layer_decay": number(0, 1, open_low=True),
        "gradual": boolean(),
        "lora": either(none(), integer(1)),
        "augment": either(none(), one_of("auto", *AUGMENTATIONS)),
        "views": integer(0, 64),
        "interpolation": either(one_of("auto"), number(0, 1)),
        "validation_fraction": either(one_of("auto"), number(0, 1, open_high=True)),
        "batch_norm": one_of("auto", "train", "frozen"),
        "precision": one_of("auto", "float32"),
        "on_error": one_of("raise", "skip"),
    }

    def __init__(
        self,
        backbone: str | Backbone = "starter",
        task: str | Task = "classification",
        strategy: str = "feature_extraction",
        *,
        weights: Any = "default",
        templates: Any = None,
        unfreeze: Any = "last",
        epochs: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        layer_decay: float = 0.7,
        gradual: bool = False,
        lora: int | None = None,
        augment: str | None = "auto",
        views: int = 0,
        interpolation: float | str = "auto",
        class_weight: Any = None,
        batch_norm: str = "auto",
        optimizer: str = "adamw",
        schedule: str = "cosine",
        weight_decay: float = 0.01,
        gradient_clip: float | None = 1.0,
        validation_fraction: float | str = "auto",
        early_stopping: bool = True,
        patience: int | str = "auto",
        precision: str = "auto",
        cache: Any = True,
        on_error: str = "raise",
        device: str | torch.device = "auto",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        strict: bool = False,
        evidence: str = "auto",
    ) -> None:
        self.backbone = backbone
        self.task = task
        self.strategy = strategy
        self.weights = weights
        self.templates = templates
        self.unfreeze = unfreeze
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.layer_decay = layer_decay
        self.gradual = gradual
        self.lora = lora
        self.augment = augment
        self.views = views
        self.interpolation = interpolation
        self.class_weight = class_weight
        self.batch_norm = batch_norm
        self.optimizer = optimizer
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.gradient_clip = gradient_clip
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.precision = precision
        self.cache = cache
        self.on_error = on_error
        self.device = device
        self.random_state = random_state
        self.verbose = verbose
        self.strict = strict
        self.evidence = evidence

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        checkpoint: str | Path | None = None,
        time_limit: float | None = None,
        validation_data: Any = None,
        groups: Any = None,
    ) -> TransferLearner:
        """Fit head, and what ``strategy`` asks for beyond it.

        Parameters
        ----------
        X : sequence of n items
            Paths, PIL images or arrays of pictures; sentences; wav and flac paths or sample arrays; for a backbone that
            is a saved :class:`punar.SequenceModel`, what that takes.
            With strategy="zero_shot" None, or labelled rows that the report is measured on.
        y : array-like of shape (n,) or (n, outputs)
            For a long table of series, also a Series or a mapping by id. Masks, boxes, answers and texts as the task
            says; None where what is predicted lies in the items, as with masked words. With strategy="zero_shot" and
            X=None the labels: a list of names, or a dict of wordings, {"sports": ["sport", "football"], ...}.
        sample_weight : array-like of shape (n,), optional
        checkpoint : path, optional
            Folder to save fine-tuning in: killed and called again, fit continues and ends with the same weights, bit
            for bit on the CPU. Frozen features are in the cache.
        time_limit : float, optional
            Seconds. Training that is not over by then stops, keeps the best weights so far, and the report says so; a
            later call with the same checkpoint goes on.
        validation_data : tuple (X, y), optional
            Held out in place of a share of X, and read with the scaling learned from X: in fine-tuning it chooses
            the weights, and ``fit_report_`` rests on it (from 20 items on each half is answered by weights that the
            other half chose). X alone where there is no y.
        groups : array-like of shape (n,), optional
            Which items belong together, such as one person's: they are held out together.

        Returns
        -------
        self

        Raises
        ------
        punar.errors.ParameterError, DataError, BackboneError, WeightsNotFoundError, CheckpointError
        punar.errors.TrainingDivergedError, DidNotLearnError
        """
        check_params(self, self._RULES)
        task = assemble.part(self, "task", "tasks", Task)
        refuse_unused(self, task, sample_weight, checkpoint)
        task.check()
        carried = carrier_of(self, task)
        wanted = Wanted.of(self, validation_data, groups, targets=task.takes_targets)
        with jobs.all_or_nothing(self, time_limit, checkpoint), as_usual():
            self._take(carried.fit(self, task, X, y, sample_weight, checkpoint, wanted))
        advice = texts.ZERO_SHOT_ADVICE if self.strategy == "zero_shot" else texts.TRANSFER_ADVICE
        self.fit_report_.answer(strict=self.strict, advice=advice)
        return self

    def _take(self, fitted: Fitted) -> None:
        self.fitted_, self.module_ = fitted, fitted.module
        self.history_, self.fit_report_, self.seed_ = fitted.history, fitted.report, fitted.seed
        self.skipped_, self.learning_rates_ = fitted.skipped, fitted.rates
        if hasattr(fitted.task, "classes_"):
            self.classes_ = fitted.task.classes_

    # -- using --------------------------------------------------------------------------------------------------

    def predict(self, X: Any) -> Any:
        """Return classes, numbers, the indicator matrix of labels, or a label for each token."""
        fitted = self._known()
        found, items = carrier_of(self, fitted.task).answers(self, fitted, X, "predict")
        return fitted.task.predictions(found, items)

    @available_if(gives_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities, (n, classes), in the order of ``classes_``; there is none for regression."""
        fitted = self._known()
        task: Any = fitted.task
        answers = carrier_of(self, task).answers
        found: np.ndarray = task.proba(torch.stack(answers(self, fitted, X, "predict_proba")[0]))
        return found

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the task's score: accuracy, R², the share of items whose labels are all right, or entity F1."""
        fitted = self._known()
        where = f"{type(self).__name__}.score"
        if not fitted.task.takes_targets:
            found, items = carrier_of(self, fitted.task).answers(self, fitted, X, "score")
            return fitted.task.measured(found, fitted.task.encode(y, where, items), sample_weight, where)
        y, found = self.preparation_.targets(X, y, where), self.predict(X)
        check_length(y, found, where)
        return fitted.task.score(y, found, sample_weight)

    def transform(self, X: Any) -> Any:
        """Return what the head sees, float32 (n, width): the fine-tuned network as a feature extractor.

        Where each token has a label: a list of (tokens, width).
        """
        fitted = self._known()
        found = carrier_of(self, fitted.task).features(self, fitted, X, "transform")
        return found.numpy() if isinstance(found, torch.Tensor) else [each.numpy() for each in found]

    def _known(self) -> Fitted:
        found: Fitted = known(self)
        return found

    @property
    def preparation_(self) -> Preparation:
        """What items are brought to before the network sees them."""
        return self._known().body.plan.preparation

    # -- stored ------------------------------------------------------------------------------------------------

    def to_stored(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return facts and tensors for :func:`punar.save`."""
        return store.to_stored(self._known())

    def from_stored(
        self, facts: dict[str, Any], tensors: dict[str, Tensor], where: str, parts: tuple[type, ...]
    ) -> None:
        """Take untrusted facts and tensors that :meth:`to_stored` may have given."""
        self._take(store.from_stored(facts, tensors, where, parts, wrap=self._wrap))

    def _wrap(self, task: Task, *parts: Any) -> Any:
        """Return backbone, head, plan, view and trained stages as one module."""
        made = carrier_of(self, task).module
        return made(*parts, batch_norm=norms_learn(self.strategy, self.batch_norm))

    # -- scikit-learn -------------------------------------------------------------------------------------------

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self.__sklearn_is_fitted__():
            fitted = self.fitted_
            fitted.body = met(fitted.task, fitted.body, type(self).__name__)
            self.module_.planned(fitted.body.plan, fitted.task.form(fitted.body.plan))

    def set_params(self, **params: Any) -> TransferLearner:
        """Set parameters; one that is nested in a part which is still a name gets a kind error."""
        refuse_nested(self, params)
        assemble.refuse_nested(self, {k: v for k, v in params.items() if k.startswith("task__")}, {"task": "tasks"})
        super().set_params(**params)
        return self

    @property
    def _estimator_type(self) -> str | None:
        return estimator_type(self)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")

    def __sklearn_tags__(self) -> Tags:
        tags = tagged(self, super().__sklearn_tags__())
        tags.target_tags.required = True
        tags.input_tags.two_d_array = False
        return tags
