"""The autoencoder as a scikit-learn transformer: an objective times a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_array
from torch import Tensor

from punar import errors
from punar.core.params import boolean, check_params, either, integer, none, one_of
from punar.core.runtime import as_usual
from punar.data import inputs, scaling
from punar.errors import DamagedModelError, DataError, shown
from punar.estimators._generative import Generative
from punar.models import assemble
from punar.models.codec import store
from punar.models.codec.fit import Fitted, fit
from punar.models.codec.model import Codec
from punar.models.codec.reading import read
from punar.models.codec.table import names_of
from punar.models.division import Wanted
from punar.networks import Network
from punar.objectives import Objective
from punar.training import job as _fitting

_PARTS = {"objective": "objectives", "network": "networks"}


class Autoencoder(Generative, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Autoencoder: learn a code from which the rows can be reconstructed.

    Any objective goes with any network. Inputs are scaled inside (learned on the training rows) and outputs are in
    the input's units again, so data in [0, 300] or with columns of different units need no preparation. Columns of a
    data frame may hold categories, dates and gaps; each counts alike, whatever it holds.

    Parameters
    ----------
    objective : {"reconstruction", "sparse", "denoising", "variational"} or Objective, default="reconstruction"
        What is learned; an object such as ``punar.objectives.sparse.Sparse(penalty="topk")`` takes settings.
    network : {"dense", "conv", "lstm", "gru", "rnn", "min_gru", "min_lstm"}, Network or nn.Module, default="dense"
        The shape of encoder and decoder. "conv" needs pictures. The name of a recurrent cell stands for
        ``punar.networks.recurrent.Recurrent`` with that cell, which needs sequences. A torch module of one's own has
        the modules ``encoder`` and ``decoder``; a pair (encoder, decoder) does as well. A copy of it is trained, from
        the weights that it has; to load, ``punar.load(folder, parts=[its class])``.
    latent_dim : int, default=2
        Width of the code. More than the number of features is normal for sparse codes. A module of one's own has a
        width of its own, found by running it: ``latent_dim_``.
    scaling : {"auto", "standard", "global", "none"}, default="auto"
        "standard" divides each column by its own deviation, "global" all by one. "auto" is "global" for pictures and
        for columns that share one unit, else "standard". Objectives with a Bernoulli likelihood map to [0, 1]. Of
        sequences the columns are the channels, over all steps.
    kind : {None, "table", "images", "sequences"}, default=None
        How X is read; None reads 2-D as a table, 4-D and 3-D uint8 as pictures, and as sequences what a recurrent
        network gets.
    missing : {"refuse", "mask"}, default="refuse"
        Whether NaN inside a sequence is an error, or counts in no loss and is filled by ``reconstruct``.
    epochs : int, default=100
        Largest number of passes over the training rows.
    batch_size : int or "auto", default="auto"
        "auto" is a power of two near n / 50, from 16 to 256.
    learning_rate : float, default=2e-3
        Peak of the schedule.
    optimizer : {"adam", "adamw", "sgd"}, default="adamw"
    schedule : {"cosine", "constant"}, default="cosine"
        "cosine" rises for 5 % of the training and then falls to zero.
    weight_decay : float, default=1e-4
    gradient_clip : float or None, default=None
        Largest norm of the gradient.
    validation_fraction : float in [0, 1), default=0.1
        Share of the rows held out to choose the best epoch; 0, or fewer than one row, means no split.
    early_stopping : bool, default=True
        Stop after ``patience`` epochs without a better validation loss. The best weights are kept in any case.
    patience : int, default=20
    device : str or torch.device, default="auto"
        "auto" takes cuda, then mps, then cpu.
    random_state : int, RandomState or None, default=None
        Fixes split, initial weights, order and noise.
    verbose : int, default=0
        1 shows epoch, losses and time left.
    strict : bool, default=False
        Raise :class:`punar.errors.DidNotLearnError` instead of warning where ``fit_report_["learned"]`` is False.
    evidence : {"auto", "cheap"}, default="auto"
        What ``fit_report_["learned"]`` rests on. With 20 to 199 items "auto" repeats the fit on each half of them to be
        judged by the other half (a head on frozen features: on 19 random orders of y); "cheap" repeats nothing and
        takes the held-out items alone.
    warm_start : bool, default=False
        A further call of fit goes on from the weights that there are, with the scaling learned then, in place
        of beginning anew; the network must be the same.

    Attributes
    ----------
    module_ : torch.nn.Module
        With ``encoder``, ``decoder`` and ``objective``.
    history_ : list of dict
        Per epoch: epoch, train_loss, valid_loss, each named term, learning_rate, seconds.
    fit_report_ : dict
        Did it learn? Explained variance beside the untrained network, the mean and PCA of the same width, of the
        scaled rows (``score`` is in the input's units); its text is the verdict.
    n_features_in_, feature_names_in_ : see scikit-learn
    table_ : MixedTable or None
        How the columns of a data frame become numbers, where they are not all numbers; ``table_.notes`` says it.
    latent_dim_ : int
        The width of the code.
    scaling_ : str
        The scaling that was chosen.
    seed_ : int
        The seed that was drawn.

    References
    ----------
    Hinton, G. E. and Salakhutdinov, R. R. (2006). Reducing the dimensionality of data with neural networks. Science
    313, 504-507.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import punar
    >>> X = load_iris().data
    >>> ae = punar.Autoencoder(latent_dim=2, epochs=60, random_state=0).fit(X)
    >>> ae.transform(X).shape, ae.reconstruct(X).shape, ae.score(X) > 0.9
    ((150, 2), (150, 4), True)
    >>> punar.Autoencoder(objective="reconstuction").fit(X)
    Traceback (most recent call last):
        ...
    punar.errors.ParameterError: ... Did you mean 'reconstruction'?
    """

    _RULES: ClassVar = {
        "latent_dim": integer(1),
        "scaling": one_of(*scaling.MODES),
        "kind": either(none(), one_of(*inputs.KINDS)),
        "missing": one_of("refuse", "mask"),
        "warm_start": boolean(),
        **_fitting.TRAINING_RULES,
    }

    def __init__(
        self,
        objective: str | Objective = "reconstruction",
        network: str | Network = "dense",
        latent_dim: int = 2,
        *,
        scaling: str = "auto",
        kind: str | None = None,
        missing: str = "refuse",
        epochs: int = 100,
        batch_size: int | str = "auto",
        learning_rate: float = 2e-3,
        optimizer: str = "adamw",
        schedule: str = "cosine",
        weight_decay: float = 1e-4,
        gradient_clip: float | None = None,
        validation_fraction: float = 0.1,
        early_stopping: bool = True,
        patience: int = 20,
        device: str | torch.device = "auto",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        strict: bool = False,
        evidence: str = "auto",
        warm_start: bool = False,
    ) -> None:
        self.objective = objective
        self.network = network
        self.latent_dim = latent_dim
        self.scaling = scaling
        self.kind = kind
        self.missing = missing
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

    # -- fitting ------------------------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        checkpoint: str | Path | None = None,
        time_limit: float | None = None,
        validation_data: Any = None,
        groups: Any = None,
    ) -> Autoencoder:
        """Learn the code.

        Parameters
        ----------
        X : array-like of shape (n, features), pictures (n, h, w) or (n, h, w, c), sequences, or a map-style Dataset
            Items of a torch dataset are (features,), (h, w) or (channels, h, w), or tuples that begin with one.
            Sequences are (n, time, channels), with NaN after the end of shorter ones, or a list of (time_i, channels).
            A data frame (pandas, polars) may have columns of categories, dates, truth values and gaps: ``table_`` says
            what each became, and reconstructions have the same columns and types.
        y : ignored
        checkpoint : path, optional
            Folder to save progress in. Killed and called again with the same data and parameters, fit continues and
            ends with the same weights, bit for bit on the CPU; a finished folder gives the model at once.
        time_limit : float, optional
            Seconds. Training that is not over by then stops, keeps the best weights so far, and the report says so; a
            later call with the same checkpoint goes on.
        validation_data : rows as X, or a tuple of these and anything, optional
            Held out in place of a share of X, and read with the scaling learned from X: its loss chooses the best
            epoch, and ``fit_report_`` rests on it (from 20 rows on each half is answered by weights that the other
            half chose).
        groups : array-like of shape (n,), optional
            Which rows belong together, such as one person's: they are held out together.

        Returns
        -------
        self

        Raises
        ------
        punar.errors.ParameterError, DataError
            A setting or the data breaks a rule.
        punar.errors.CheckpointError
            The checkpoint belongs to another job.
        punar.errors.TrainingDivergedError
            The loss became NaN or infinite.
        punar.errors.DidNotLearnError
            With ``strict=True``.
        """
        check_params(self, self._RULES)
        wanted = Wanted.of(self, validation_data, groups, targets=False)
        before = self._codec if self.warm_start and hasattr(self, "module_") else None
        with _fitting.all_or_nothing(self, time_limit, checkpoint), as_usual():
            fitted = fit(self, X, checkpoint, wanted, before)
            self._take(fitted.codec)
            self.seed_, self.history_, self.fit_report_ = fitted.seed, fitted.history, fitted.report
        self.fit_report_.answer(strict=self.strict)
        return self

    def _take(self, codec: Codec) -> None:
        """Show a codec's parts under the names that users know."""
        self._codec = codec
        self.module_, self.objective_, self.network_ = codec.module, codec.objective, codec.network
        self.scaling_, self.latent_dim_ = codec.scaler.mode, codec.latent_dim
        self.n_features_in_ = codec.layout.shape[1] if codec.sequences else codec.layout.size
        self.table_ = codec.table
        if codec.table is not None:
            self.n_features_in_ = len(codec.table.columns)
            self.__dict__.pop("feature_names_in_", None)  # of an earlier fit
            if (names := names_of(codec.table)) is not None:
                self.feature_names_in_ = names

    # -- using --------------------------------------------------------------------------------------------------

    def transform(self, X: Any) -> np.ndarray:
        """Return the codes, float32 array of shape (n, latent_dim); sequences may be longer than in training."""
        return torch.cat(self._each("transform", X, lambda b: self._codec.encode(b))).cpu().numpy()

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the rows that codes stand for, in the input's units and shape; sequences of the longest's length.

        Parameters
        ----------
        X : array-like of shape (n, latent_dim)
        """
        self._check_fitted()
        where = f"{type(self).__name__}.inverse_transform"
        with inputs.as_data_error(where), np.errstate(over="ignore"):
            codes = check_array(inputs.to_numpy(X, where), dtype=np.float32, copy=True)
        if codes.shape[1] != self._codec.latent_dim:
            raise DataError(
                f"{where}: codes must have latent_dim={self._codec.latent_dim} columns, got {codes.shape[1]}."
            )
        with as_usual(), self._codec.in_threads(len(codes)):
            return self._codec.as_given(None, self._codec.written(torch.from_numpy(codes), where), where)

    def reconstruct(self, X: Any) -> Any:
        """Return encoded and decoded rows, in the input's units and shape; for a list of sequences a list."""
        codec = self._fitted_codec()
        found = np.concatenate(self._each("reconstruct", X, lambda b: codec.to_user(codec.reconstruct(b))))
        return codec.as_given(X, found, f"{type(self).__name__}.reconstruct")

    def reconstruction_error(self, X: Any) -> np.ndarray:
        """Return the mean squared difference per row, (n,), in the input's units; of mixed columns scaled ones."""
        codec = self._fitted_codec()
        found = self._each("reconstruction_error", X, lambda b: codec.mean(codec.squares(b)))
        return torch.cat(found).cpu().numpy()

    def score(self, X: Any, y: Any = None) -> float:
        """Return the share of variance explained: 1 perfect, 0 the training mean; the same formula for PCA.

        ``1 - sum((X - reconstruct(X))**2) / sum((X - training_mean)**2)``, in the input's units; in a table of mixed
        columns each counts alike. Where the rows equal
        the training mean it is 1 if they are reconstructed exactly, else 0.
        """
        codec = self._fitted_codec()
        sums = self._each("score", X, lambda b: (codec.sum(codec.squares(b)), codec.sum(codec.deviations(b))))
        errors, spread = (sum(part) for part in zip(*sums, strict=True))
        if spread <= 0:
            return 1.0 if errors <= 0 else 0.0
        return 1.0 - errors / spread

    # -- stored ------------------------------------------------------------------------------------------------

    def to_stored(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return facts and tensors for :func:`punar.save`."""
        names = [str(name) for name in getattr(self, "feature_names_in_", [])]
        return store.to_stored(Fitted(self._codec, self.seed_, self.history_, self.fit_report_), names)

    def from_stored(
        self, facts: dict[str, Any], tensors: dict[str, Tensor], where: str, parts: tuple[type, ...]
    ) -> None:
        """Take untrusted facts and tensors, such as :meth:`to_stored` gave."""
        fitted, names = store.from_stored(facts, tensors, where, parts)
        self._take(fitted.codec)
        self.history_, self.seed_, self.fit_report_ = fitted.history, fitted.seed, fitted.report
        if len(names) not in (0, self.n_features_in_):
            raise DamagedModelError(
                f"{where}: names must be {self.n_features_in_} texts or none, found {shown(names)}."
            )
        if names:
            self.feature_names_in_ = np.asarray(names, dtype=object)

    # -- scikit-learn -------------------------------------------------------------------------------------------

    @property
    def _n_features_out(self) -> int:
        return self._codec.latent_dim

    def _check_fitted(self) -> None:
        if not hasattr(self, "module_"):
            raise errors.NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with training rows first."
            )

    def _fitted_codec(self) -> Any:
        self._check_fitted()
        return self._codec

    def _each(self, method: str, X: Any, step: Any, repeats: int = 1) -> list[Any]:
        """Return ``step`` of each scaled block of X, on the module's device."""
        codec = self._fitted_codec()
        with as_usual(), torch.no_grad():
            rows, _ = read(self, X, method, wants=codec.layout.kind, fitted=codec)
            return codec.each(rows, step, f"{type(self).__name__}.{method}", repeats)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "module_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def set_params(self, **params: Any) -> Autoencoder:
        """Set parameters, nested ones such as ``objective__beta`` where the part is an object."""
        assemble.refuse_nested(self, params, _PARTS)
        return super().set_params(**params)
