"""The autoencoder as a scikit-learn transformer: an objective times a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_array
from torch import Tensor

from punar import errors
from punar.core.params import check_params, either, instance, integer, none, one_of
from punar.core.runtime import draw_seed, pick_device, threads
from punar.data import inputs, scaling
from punar.errors import (
    DamagedModelError,
    DataError,
)
from punar.estimators import _assemble, _fitting
from punar.estimators._autoencoder_job import open_checkpoint, read, report, training_blocks
from punar.estimators._codec import Codec, as_damage, scaler_tensors, stored_scaler
from punar.estimators._fit_report import FitReport
from punar.networks._network import Network
from punar.objectives._objective import Objective

_PARTS = {"objective": "objectives", "network": "networks"}


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Autoencoder: learn a code from which the rows can be reconstructed.

    Any objective goes with any network. Inputs are scaled inside (learned on the training rows) and outputs are in
    the input's units again, so data in [0, 300] or with columns of different units need no preparation.

    Parameters
    ----------
    objective : {"reconstruction", "sparse", "denoising", "variational"} or Objective, default="reconstruction"
        What is learned; an object such as ``punar.objectives.sparse.Sparse(penalty="topk")`` takes settings.
    network : {"dense", "conv"} or Network, default="dense"
        The shape of encoder and decoder. "conv" needs pictures.
    latent_dim : int, default=2
        Width of the code. More than the number of features is normal for sparse codes.
    scaling : {"auto", "standard", "global", "none"}, default="auto"
        "standard" divides each column by its own deviation, "global" all by one. "auto" is "global" for pictures and
        for columns that share one unit, else "standard". Objectives with a Bernoulli likelihood map to [0, 1].
    kind : {None, "table", "images"}, default=None
        How X is read; None reads 2-D as a table, 4-D and 3-D uint8 as pictures.
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
        Raise :class:`punar.errors.DidNotLearnError` instead of warning where the model does not beat the mean or the
        untrained network.

    Attributes
    ----------
    module_ : torch.nn.Module
        With ``encoder``, ``decoder`` and ``objective``.
    history_ : list of dict
        Per epoch: epoch, train_loss, valid_loss, each named term, learning_rate, seconds.
    fit_report_ : dict
        Did it learn? Explained variance beside the untrained network, the mean and PCA of the same width; its text
        is the verdict.
    n_features_in_, feature_names_in_ : see scikit-learn
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
        "objective": either(instance(str, text="a name"), instance(object, text="an Objective object")),
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
    ) -> None:
        self.objective = objective
        self.network = network
        self.latent_dim = latent_dim
        self.scaling = scaling
        self.kind = kind
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

    # -- fitting ------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, *, checkpoint: str | Path | None = None) -> Autoencoder:
        """Learn the code.

        Parameters
        ----------
        X : array-like of shape (n, features), pictures (n, h, w) or (n, h, w, c), or a torch map-style Dataset
            Dataset items are (features,), (h, w) or (channels, h, w), or tuples that begin with one.
        y : ignored
        checkpoint : path, optional
            Folder to save progress in. Killed and called again with the same data and parameters, fit continues and
            ends with the same weights, bit for bit on the CPU; a finished folder gives the model at once.

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
        objective = _assemble.part(self, "objective", "objectives", Objective)
        network = _assemble.part(self, "network", "networks", Network)
        objective.check()
        device = pick_device(self.device)
        self.seed_, written_seed = _fitting.resolve_seed(self.random_state, checkpoint)
        with threads(1):  # memory-bound passes, in blocks that fit a cache: a second thread would only wait
            rows, layout = read(self, X, wants_pictures=network.pictures_only)
            network.check(layout.shape)
            index = _fitting.split(len(rows), self.validation_fraction, self.seed_)
            found = scaling.moments(training_blocks(rows, index[0]))
            store = open_checkpoint(self, checkpoint, rows, layout, found, written_seed)
            stored = store.load() if store is not None else None
            scaler = scaling.learn_scaler(
                found,
                self.scaling,
                unit_range=objective.needs_unit_range(found.binary),
                pictures=layout.kind == "images",
            )
            float32 = not (isinstance(rows, Tensor) and rows.dtype == torch.float64)
            codec = Codec(network, objective, int(self.latent_dim), layout, scaler, found.binary, float32)
            if stored is not None:
                codec.scaler = stored_scaler(stored[1], scaler.mode)
            codec.module = codec.build(self.seed_).to(device)
            self._take(codec)
            if stored is not None and stored[0].get("finished"):
                return self._take_finished(*stored)
            if store is not None:
                store.tensors |= scaler_tensors(codec.scaler)
            scaled = codec.scaled(rows, device)
        loop = _fitting.run(
            self,
            codec.module,
            objective.losses,
            objective.epoch_end,
            scaled,
            index,
            seed=self.seed_,
            device=device,
            store=store,
            stored=stored,
        )
        self.history_ = loop.history
        with codec.in_threads(256):
            self.fit_report_ = report(codec, scaled, index, seed=self.seed_, history=self.history_)
        if store is not None:
            facts = {"finished": True, "history": self.history_, "report": dict(self.fit_report_)}
            store.save(facts, codec.tensors())
        self.fit_report_.answer(strict=self.strict)
        return self

    def _take(self, codec: Codec) -> None:
        """Show a codec's parts under the names that users know."""
        self._codec = codec
        self.module_, self.objective_, self.network_ = codec.module, codec.objective, codec.network
        self.scaling_ = codec.scaler.mode
        self.n_features_in_ = codec.layout.size

    def _take_finished(self, facts: dict[str, Any], tensors: dict[str, Tensor]) -> Autoencoder:
        state = {k.removeprefix("module."): v for k, v in tensors.items() if k.startswith("module.")}
        self.module_.load_state_dict(state)
        self.module_.eval()
        self.history_, self.fit_report_ = facts["history"], FitReport(facts["report"])
        self.fit_report_.answer(strict=self.strict)
        return self

    # -- using --------------------------------------------------------------------------------------------------

    def transform(self, X: Any) -> np.ndarray:
        """Return the codes, float32 array of shape (n, latent_dim)."""
        return torch.cat([self._codec.encode(b) for b in self._blocks(X)]).cpu().numpy()

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the rows that codes stand for, in the input's units and shape.

        Parameters
        ----------
        X : array-like of shape (n, latent_dim)
        """
        self._check_fitted()
        where = f"{type(self).__name__}.inverse_transform"
        with inputs.as_data_error(where):
            codes = check_array(X, dtype=np.float32, copy=True)
        if codes.shape[1] != self._codec.latent_dim:
            raise DataError(
                f"{where}: codes must have latent_dim={self._codec.latent_dim} columns, got {codes.shape[1]}."
            )
        with self._codec.in_threads(len(codes)):
            return self._codec.to_user(self._codec.decode(torch.from_numpy(codes).to(self._codec.device)))

    def reconstruct(self, X: Any) -> np.ndarray:
        """Return encoded and decoded rows, in the input's units and shape."""
        return np.concatenate([self._codec.to_user(self._codec.reconstruct(b)) for b in self._blocks(X)])

    def reconstruction_error(self, X: Any) -> np.ndarray:
        """Return the mean squared difference per row, (n,), in the input's units."""
        return np.concatenate([self._codec.squares(b).mean(1).cpu().numpy() for b in self._blocks(X)])

    def score(self, X: Any, y: Any = None) -> float:
        """Return the share of variance explained: 1 perfect, 0 the training mean; the same formula for PCA.

        ``1 - sum((X - reconstruct(X))**2) / sum((X - training_mean)**2)``, in the input's units. Where the rows equal
        the training mean it is 1 if they are reconstructed exactly, else 0.
        """
        errors = spread = 0.0
        for block in self._blocks(X):
            errors += float(self._codec.squares(block).sum())
            spread += float(self._codec.deviations(block).sum())
        if spread <= 0:
            return 1.0 if errors <= 0 else 0.0
        return 1.0 - errors / spread

    @_assemble.needs_objective_with("distribution")
    def encode(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of the posterior over codes, each (n, latent_dim)."""
        with torch.no_grad():
            pairs = [self.objective_.distribution(self.module_, b) for b in self._blocks(X)]
        mean, deviation = (torch.cat(part).cpu().numpy() for part in zip(*pairs, strict=True))
        return mean, deviation

    @_assemble.needs_objective_with("elbo")
    def elbo(self, X: Any, *, n_samples: int = 1, random_state: int = 0) -> np.ndarray:
        """Return the evidence lower bound of each row, (n,), in nats, of the scaled rows."""
        return self._bound("elbo", X, n_samples, random_state)

    @_assemble.needs_objective_with("log_likelihood")
    def log_likelihood(self, X: Any, *, n_samples: int = 500, random_state: int = 0) -> np.ndarray:
        """Return the importance-weighted log-likelihood of each row, (n,), in nats, of the scaled rows.

        A lower bound that tightens with ``n_samples`` (Burda, Grosse and Salakhutdinov 2016).
        """
        return self._bound("log_likelihood", X, n_samples, random_state)

    @_assemble.needs_objective_with("sample")
    def sample(self, n_samples: int = 1, *, random_state: int | None = None) -> np.ndarray:
        """Return new rows drawn from the prior and decoded, in the input's units and shape."""
        self._check_fitted()
        _assemble.check_count(self, "sample", n_samples)
        generator = torch.Generator(device=self._codec.device).manual_seed(draw_seed(random_state))
        with torch.no_grad():
            return self._codec.to_user(self.objective_.sample(self.module_, n_samples, generator=generator))

    def _bound(self, name: str, X: Any, n_samples: int, random_state: int) -> np.ndarray:
        self._check_fitted()
        _assemble.check_count(self, name, n_samples)
        generator = torch.Generator(device=self._codec.device).manual_seed(draw_seed(random_state))
        method = getattr(self.objective_, name)
        with torch.no_grad():
            blocks = self._blocks(X, repeats=n_samples)
            found = [method(self.module_, b, generator=generator, samples=n_samples) for b in blocks]
        return torch.cat(found).cpu().numpy()

    # -- stored ------------------------------------------------------------------------------------------------

    def to_stored(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return facts and tensors for :func:`punar.save`."""
        names = [str(name) for name in getattr(self, "feature_names_in_", [])]
        facts = {"history": self.history_, "report": dict(self.fit_report_), "seed": self.seed_, "names": names}
        return facts | {"codec": self._codec.facts()}, self._codec.tensors()

    def from_stored(
        self, facts: dict[str, Any], tensors: dict[str, Tensor], where: str, parts: tuple[type, ...]
    ) -> None:
        """Take what :meth:`to_stored` gave, trusting nothing."""
        with as_damage(where):
            self._take(Codec.from_stored(facts["codec"], tensors, where, parts))
            self.history_, self.seed_ = list(facts["history"]), int(facts["seed"])
            self.fit_report_ = FitReport(facts["report"])
            names = [str(name) for name in facts["names"]]
            if len(names) not in (0, self.n_features_in_):
                raise DamagedModelError(f"{where}: names must be {self.n_features_in_} or none, found {len(names)}.")
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

    def _blocks(self, X: Any, repeats: int = 1) -> Iterator[Tensor]:
        """Yield scaled blocks of X on the module's device."""
        self._check_fitted()
        layout = self._codec.layout
        rows, _ = read(self, X, wants_pictures=layout.kind == "images", fitted=layout)
        return self._codec.blocks(rows, repeats)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "module_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def set_params(self, **params: Any) -> Autoencoder:
        """Set parameters, nested ones such as ``objective__beta`` where the part is an object."""
        _assemble.refuse_nested(self, params, _PARTS)
        return super().set_params(**params)
