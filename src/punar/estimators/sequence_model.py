"""Recurrent networks for series, texts and sounds of unequal length, as a scikit-learn estimator."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if

from punar.cells import Cell
from punar.core.params import boolean, check_params, either, integer, none, number, one_of
from punar.core.runtime import as_usual
from punar.data import sequences
from punar.estimators._forecasting import (
    OWN_RULES,
    ForecastMethods,
    StoredByCarrier,
    carrier,
    check_forecast_settings,
    given_ahead,
)
from punar.estimators._tasked import FittedParts, estimator_type, gives_probabilities, tagged, task_class
from punar.models import assemble
from punar.models.division import Wanted
from punar.models.recurrent.module import POOLINGS
from punar.preparations.series import MISSING, SCALINGS
from punar.tasks import Task
from punar.texts import sequences as texts
from punar.training import job as jobs


class SequenceModel(ForecastMethods, StoredByCarrier, FittedParts, BaseEstimator):
    """Classify, predict numbers from or forecast sequences of unequal length with a recurrent network.

    Sequences are series of numbers, texts (words become vectors that are learned) or recordings (log-mel frames).
    Batches hold sequences of about one length; neither padding, nor order, nor batch size changes an answer.

    Parameters
    ----------
    cell : {"rnn", "lstm", "gru", "min_gru", "min_lstm"} or Cell, default="gru"
    task : {"classification", "regression", "multilabel", "tagging", "forecasting", "translation"} or Task, optional
    hidden_size : int, default=64
        Units of each layer and direction.
    num_layers : int, default=1
    bidirectional : bool or "auto", default="auto"
        Also read from the end; not for forecasts. "auto" does where each step or token has a label.
    dropout : "auto" or float in [0, 1), default="auto"
        On what the head sees, between layers, and on whole words of texts. "auto" is 0.6 for texts, 0.1 where texts
        are written for them, 0.5 with ``branch``, else 0.
    layer_norm : bool, default=False
        Normalise each layer's output: for deep stacks.
    pooling : {"auto", "last", "mean", "max", "attention"}, default="auto"
        How states become one vector: the last, their mean or maximum over steps, or a mean with learned weights.
        "auto" is "mean" for recordings, else "last".
    branch : {"auto", "conv"} or None, default="auto"
        Convolutions beside the cell, whose features the head sees next to the pooled state: see
        :class:`punar.cells.Branch`. "auto" has them where at most 300 series of 24 steps or more are trained on, with
        one answer for each. ``transform``, gates and a model saved as a backbone are of the recurrent part alone.
    horizon, context, season : int
        For forecasting: steps to forecast, steps seen, and steps of a season (None and "auto" choose).
    quantiles : sequence of float, optional
        For forecasting: quantiles beside the median.
    target, known_ahead : str, int or list of these, optional
        For forecasting: the channels that are forecast (None: all), and those whose later values one knows (promotions,
        holidays) and gives to ``predict(future=...)``, by name or number. All others are inputs only.
    lower, upper : float, optional
        For forecasting: forecasts and intervals are clipped to these, such as ``lower=0`` for counts.
    relative_to : {"linear", "naive"}, default="linear"
        For forecasting: the forecast that the network improves.
    kind : {None, "series", "texts", "sounds"}, default=None
        What X holds; None tells it by content. Arrays of samples without a rate are sounds only where asked.
    id_column, time_column : str, optional
        For long tables, a row per id and time, sorted by time: columns or levels of the index. The rest are channels.
    time_format : str, optional
        Of times that are text, as "%d.%m.%Y"; by default found over all rows, or asked for where it may be two.
    freq : str or float, optional
        For forecasting: the step ("D", "B", "MS", "Mon Wed Fri", "auto") at which missing times are inserted, as NaN.
    missing : {"refuse", "mask"}, default="refuse"
        NaN in a series is an error, or becomes the mean, with a flag per channel that says what was observed.
    scaling : {"auto", "standard", "none"}, default="auto"
        Of series and frames, learned on the training part: each channel to mean 0 and deviation 1; "auto" divides
        channels in one unit by one deviation.
    vocabulary_size : int or "auto", default="auto"
        Words with a vector of their own, at most; "auto" is 10,000. Where each word has a label it is the number of
        buckets for pieces of words, and "auto" is 8,192. Translation reads letters unless it is given.
    embedding_dim : int, default=64
        Width of those vectors.
    n_mels : int, default=40
        Bands of the frames of recordings, one frame every 10 ms.
    max_length : int, optional
        Most steps, words (None: 8 times as many as is usual, at least 256) or frames; the rest is cut off, and said.
    class_weight : None, "balanced" or dict, default=None
    epochs : int or "auto", default="auto"
        "auto" is 100, with ``branch`` 25, and in both cases, for series, so many that 300 steps are made.
    batch_size : int or "auto", default="auto"
        "auto" is a power of two near n / 50, from 16 to 256.
    learning_rate : float or "auto", default="auto"
        Peak. "auto" is 2e-3 for texts and forecasts, 4e-3 for translation, else 1e-2 (cells without gates: series
        2e-3, recordings 4e-3), at most 5e-3 with ``branch``, times (64 / hidden_size) ** 0.5 where that is below 1.
    optimizer, schedule, weight_decay : default="adamw", "cosine", 0.01
        {"adamw", "adam", "sgd"}, {"cosine", "constant"} and a float.
    gradient_clip : float or None, default=1.0
        Largest norm of the gradient: through many steps it grows beyond any bound.
    validation_fraction : float in [0, 1), default=0.15
        Share held out to stop in time and to keep the best weights; stratified by class.
    early_stopping : bool, default=True
    patience : int or "auto", default="auto"
        "auto" is 15, and for series at least 150 steps.
    device : str or torch.device, default="auto"
    random_state : int, RandomState or None, default=None
    verbose : int, default=0
    strict : bool, default=False
        Raise :class:`punar.errors.DidNotLearnError` where the model does not beat the constant answer.
    evidence : {"auto", "cheap"}, default="auto"
        What ``fit_report_["learned"]`` rests on. With 20 to 199 items "auto" repeats the fit on each half of them to be
        judged by the other half (a head on frozen features: on 19 random orders of y); "cheap" repeats nothing and
        takes the held-out items alone. Of forecasts with fewer than 200 held-out windows "auto" fits once more, on
        later windows, to be judged by the first ones.
    warm_start : bool, default=False
        A further call of fit goes on from the weights that there are, with the preparation and classes learned then,
        in place of beginning anew; the network must be the same. Not for forecasts.

    Attributes
    ----------
    module_ : torch.nn.Module
        With ``embed``, ``stack``, ``pool``, ``head`` and ``branch``.
    classes_ : ndarray
        For classification and multilabel.
    history_ : list of dict
        Per epoch.
    fit_report_ : dict
        Score beside the constant answer, a linear model that sees no order and, of series, the nearest one of them.
    n_features_in_ : int
        Channels, where X holds series.
    seed_ : int

    References
    ----------
    Hochreiter and Schmidhuber (1997). Long short-term memory. Neural Computation.
    Cho et al. (2014). Learning phrase representations using RNN encoder-decoder. EMNLP. (GRU)
    Karim et al. (2018). LSTM fully convolutional networks for time series classification. IEEE Access. (the branch)

    Examples
    --------
    >>> import numpy as np, punar
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(rng.integers(3, 20), 2)) for _ in range(200)]
    >>> y = [x[-1, 0] > 0 for x in X]
    >>> model = punar.SequenceModel("gru", epochs=20, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    >>> model.transform(X[:3]).shape
    (3, 64)
    """

    _RULES: ClassVar = {
        **jobs.TRAINING_RULES,
        "hidden_size": integer(1, 2**24),
        "num_layers": integer(1, 64),
        "bidirectional": either(one_of("auto"), boolean()),
        "dropout": either(one_of("auto"), number(0, 1, open_high=True)),
        "learning_rate": either(one_of("auto"), number(0, open_low=True)),
        "layer_norm": boolean(),
        "pooling": one_of("auto", *POOLINGS),
        "branch": either(one_of("auto", "conv"), none()),
        "epochs": either(one_of("auto"), integer(1)),
        "patience": either(one_of("auto"), integer(1)),
        "kind": either(none(), one_of(*sequences.KINDS)),
        "warm_start": boolean(),
        "missing": one_of(*MISSING),
        "scaling": one_of(*SCALINGS),
        "vocabulary_size": either(one_of("auto"), integer(1, 2**24)),
        "embedding_dim": integer(1, 2**24),
        "n_mels": integer(1, 512),
        "max_length": either(none(), integer(1)),
        **OWN_RULES,
    }

    def __init__(
        self,
        cell: str | Cell = "gru",
        task: str | Task = "classification",
        hidden_size: int = 64,
        *,
        num_layers: int = 1,
        bidirectional: bool | str = "auto",
        dropout: float | str = "auto",
        layer_norm: bool = False,
        pooling: str = "auto",
        branch: str | None = "auto",
        horizon: int | None = None,
        context: int | None = None,
        quantiles: Any = None,
        season: Any = "auto",
        relative_to: str = "linear",
        target: Any = None,
        known_ahead: Any = None,
        lower: float | None = None,
        upper: float | None = None,
        kind: str | None = None,
        id_column: str | None = None,
        time_column: str | None = None,
        time_format: str | None = None,
        freq: Any = None,
        missing: str = "refuse",
        scaling: str = "auto",
        vocabulary_size: int | str = "auto",
        embedding_dim: int = 64,
        n_mels: int = 40,
        max_length: int | None = None,
        class_weight: Any = None,
        epochs: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        optimizer: str = "adamw",
        schedule: str = "cosine",
        weight_decay: float = 0.01,
        gradient_clip: float | None = 1.0,
        validation_fraction: float = 0.15,
        early_stopping: bool = True,
        patience: int | str = "auto",
        device: str | torch.device = "auto",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        strict: bool = False,
        evidence: str = "auto",
        warm_start: bool = False,
    ) -> None:
        self.cell = cell
        self.task = task
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.layer_norm = layer_norm
        self.pooling = pooling
        self.branch = branch
        self.horizon = horizon
        self.context = context
        self.quantiles = quantiles
        self.season = season
        self.relative_to = relative_to
        self.target = target
        self.known_ahead = known_ahead
        self.lower = lower
        self.upper = upper
        self.kind = kind
        self.id_column = id_column
        self.time_column = time_column
        self.time_format = time_format
        self.freq = freq
        self.missing = missing
        self.scaling = scaling
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.n_mels = n_mels
        self.max_length = max_length
        self.class_weight = class_weight
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.gradient_clip = gradient_clip
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.device = device
        self.random_state = random_state
        self.verbose = verbose
        self.strict = strict
        self.evidence = evidence
        self.warm_start = warm_start

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
    ) -> SequenceModel:
        """Fit the network.

        Parameters
        ----------
        X : array-like
            (n, time, channels), (n, time) for one channel, a list of (time_i, channels) or (time_i,), a long table
            with ``id_column``, a list of texts, or of recordings (wav and flac paths, pairs of samples and rate).
        y : array-like of shape (n,) or (n, outputs)
            For a long table a Series indexed by id, a mapping, or values in the order in which ids first appear.
            None for forecasting.
        sample_weight : array-like of shape (n,), optional
        checkpoint : path, optional
            Folder to save in: killed and called again, fit continues and ends with the same weights, bit for bit on
            the CPU.
        time_limit : float, optional
            Seconds. Training that is not over by then stops, keeps the best weights so far, and the report says so; a
            later call with the same checkpoint goes on.
        validation_data : tuple (X, y), optional
            Held out in place of a share of X, and read with the scaling learned from X: its loss chooses the best
            epoch, and ``fit_report_`` rests on it (from 20 items on each half is answered by weights that the other
            half chose). Not for forecasts.
        groups : array-like of shape (n,), optional
            Which items belong together, such as one person's: they are held out together.

        Returns
        -------
        self

        Raises
        ------
        punar.errors.ParameterError, DataError, CheckpointError, TrainingDivergedError, DidNotLearnError
        """
        check_params(self, self._RULES)
        assemble.part(self, "cell", "cells", Cell).check()
        task = assemble.part(self, "task", "tasks", Task)
        task.check()
        check_forecast_settings(self)
        wanted = Wanted.of(self, validation_data, groups, targets=task.takes_targets)
        with jobs.all_or_nothing(self, time_limit, checkpoint), as_usual():
            self._take(carrier(self).fit(self, task, X, y, sample_weight, checkpoint, wanted))
        self.fit_report_.answer(strict=self.strict, advice=texts.ADVICE)
        return self

    def _take(self, fitted: Any) -> None:
        self.fitted_ = fitted
        self.module_ = fitted.module
        self.history_, self.fit_report_, self.seed_ = fitted.history, fitted.report, fitted.seed
        for name in ("classes_", "n_features_in_"):
            self.__dict__.pop(name, None)  # of an earlier fit to another task
        if hasattr(fitted.task, "classes_"):
            self.classes_ = fitted.task.classes_
        if hasattr(fitted.preparation, "channels"):
            self.n_features_in_ = fitted.preparation.channels

    # -- using --------------------------------------------------------------------------------------------------

    def predict(self, X: Any = None, *, future: Any = None) -> Any:
        """Return classes, numbers, a label for each step or token, or the steps after the end of each series.

        Parameters
        ----------
        X : array-like, optional
            Needed but for forecasts, which by default continue the series that were fitted on.
        future : DataFrame or array-like, optional
            For forecasts with ``known_ahead``: these columns for each step of the horizon (and id), with the times that
            follow, or without times; or an array (horizon, channels), one for each series.
        """
        fitted = self._known()
        return carrier(self).predict(self, fitted, X, **given_ahead(self, future))

    @available_if(gives_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities, (n, classes), in the order of ``classes_``; there is none for regression."""
        fitted = self._known()
        found: np.ndarray = carrier(self).predict_proba(self, fitted, X)
        return found

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the task's score: accuracy, R², entity F1; of forecasts the skill on the last horizon of X."""
        fitted = self._known()
        return float(carrier(self).score(self, fitted, X, y, sample_weight))

    def transform(self, X: Any) -> Any:
        """Return the pooled state of each sequence, float32 (n, hidden size times directions).

        Where each step has a label: the states of the steps, a list of (time, width).
        """
        fitted = self._known()
        return carrier(self).transform(self, fitted, X)

    # -- scikit-learn -------------------------------------------------------------------------------------------

    def set_params(self, **params: Any) -> SequenceModel:
        """Set parameters; one that is nested in a part which is still a name gets a kind error."""
        assemble.refuse_nested(self, params, {"cell": "cells", "task": "tasks"})
        super().set_params(**params)
        return self

    @property
    def _estimator_type(self) -> str | None:
        return estimator_type(self)

    def __sklearn_tags__(self) -> Tags:
        tags = tagged(self, super().__sklearn_tags__())
        tags.target_tags.required = getattr(task_class(self), "target_form", None) != "none"
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing == "mask"
        return tags
