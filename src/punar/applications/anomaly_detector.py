"""Which rows are unlike the others: a threshold with a promise, over a memory of usual rows or an autoencoder."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
import numpy as np
import torch
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import Tags
from torch import Tensor, nn

from punar import stored
from punar.applications import _division as division
from punar.applications._memory import Memory
from punar.applications._reconstruction import Reconstruction, usual_width
from punar.applications._vectors import Vectors
from punar.core import conformal
from punar.core.params import check_params, either, instance, integer, number, one_of
from punar.core.runtime import draw_seed
from punar.errors import DamagedModelError, DataError, NotFittedError, PunarWarning
from punar.estimators.autoencoder import Autoencoder
from punar.estimators.feature_extractor import FeatureExtractor
from punar.preparations.mixed import MixedTable
from punar.texts import anomaly as texts
from punar.training.report import HELD_OUT, FitReport

_FEWEST = 4


class _Kept(msgspec.Struct):
    names: list[str]
    features: int
    scorer: dict[str, Any]


def _numbers(tensors: Mapping[str, Tensor], name: str, where: str) -> np.ndarray:
    value = tensors.get(name)
    if value is None or value.dtype != torch.float64 or value.ndim != 1 or not len(value):
        raise DamagedModelError(f"{where}: {name} must be float64 of one axis.")
    if not bool(torch.isfinite(value).all()):
        raise DamagedModelError(f"{where}: {name} must be finite.")
    found: np.ndarray = value.numpy()
    return found


class AnomalyDetector(OutlierMixin, BaseEstimator):
    """Find rows that are unlike the others: of a table, pictures, or items that a pretrained network reads.

    A share of the rows is held out. A row is flagged where at most a share ``alpha`` of these, itself counted, scores
    as high (a conformal p-value): of new rows like those of the fit at most a share ``alpha`` is flagged, whatever the
    data and the method. No anomalies are needed to fit.

    Parameters
    ----------
    method : {"auto", "neighbors", "autoencoder"}, default="auto"
        "neighbors" is the distance to the k-th nearest of the fit's rows, each column in its own deviations;
        "autoencoder" the reconstruction error together with the distance of the code from the usual ones. "auto" is
        "neighbors", which wins on most tables (docs/anomalies.md) and needs no training.
    alpha : "auto" or float in (0, 1), default="auto"
        Share of usual rows that may be flagged. "auto" is 0.05, or what so few held-out rows can tell, with a warning.
    control : {"row", "discoveries"}, default="row"
        What ``alpha`` bounds: the share of usual rows that is flagged, or, of the rows that are given to ``predict``
        together, the expected share of flagged ones that are usual (false discovery rate).
    trim : float in [0, 0.5), default=0
        Share of the rows that are taken for anomalies already: so many, those that score highest, are left out and the
        rest is fitted again.
    backbone : None, str, Backbone or nn.Module, default=None
        A pretrained network that turns pictures, sentences or recordings into features; see :func:`punar.backbone`.
    n_neighbors : "auto" or int, default="auto"
        "auto" is the square root of the number of remembered rows.
    memory_size : int, default=20000
        Rows that "neighbors" remembers at most; of more a random draw.
    network : str or Network, default="dense"
        Of the autoencoder; see :class:`punar.Autoencoder`, as for the two parameters below.
    objective : str or Objective, default="reconstruction"
    latent_dim : "auto" or int, default="auto"
        "auto" is the number of principal components that hold nine tenths of the variance.
    epochs : int, default=100
    calibration_fraction : "auto" or float in (0, 1), default="auto"
        Share of the rows that sets the threshold. "auto" is a quarter, more where ``alpha`` needs it, at most a half.
    cache : bool or path, default=True
        Where the features of ``backbone`` are remembered.
    device : str or torch.device, default="auto"
    random_state : int, RandomState or None, default=None
    verbose : int, default=0

    Attributes
    ----------
    decision_scores_ : ndarray of shape (n,)
        Of the fit's rows, higher where they are odder (PyOD's). A row is not its own neighbour.
    threshold_ : float
        The score above which a row is flagged.
    labels_ : ndarray of shape (n,)
        1 for the fit's rows above the threshold, else 0 (PyOD's).
    p_values_ : ndarray of shape (n,)
        Of the fit's rows.
    offset_ : float
        ``-threshold_``, as in scikit-learn: ``decision_function = score_samples - offset_``.
    alpha_ : float
        The share that was asked for, or that "auto" chose.
    fit_report_ : dict
        Its text says how many rows set the threshold and how many of the fit lie beyond.
    n_features_in_, feature_names_in_ : see scikit-learn
    seed_ : int

    References
    ----------
    Laxhammar and Falkman (2015). Inductive conformal anomaly detection. Annals of Mathematics and AI 74.
    Bates et al. (2023). Testing for outliers with conformal p-values. Annals of Statistics 51.
    Ramaswamy, Rastogi and Shim (2000). Efficient algorithms for mining outliers from large data sets. SIGMOD.

    Examples
    --------
    >>> import numpy as np, punar
    >>> X = np.random.default_rng(0).normal(size=(400, 3))
    >>> detector = punar.AnomalyDetector(random_state=0).fit(X)
    >>> detector.predict([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]]).tolist()
    [1, -1]
    >>> detector.explain([[9.0, 0.0, 0.0]]).argmax()
    np.int64(0)
    """

    _RULES: ClassVar = {
        "method": one_of("auto", "neighbors", "autoencoder"),
        "alpha": either(one_of("auto"), number(0, 1, open_low=True, open_high=True)),
        "control": one_of("row", "discoveries"),
        "trim": number(0, 0.5, open_high=True),
        "n_neighbors": either(one_of("auto"), integer(1)),
        "memory_size": integer(2),
        "latent_dim": either(one_of("auto"), integer(1)),
        "epochs": integer(1),
        "calibration_fraction": either(one_of("auto"), number(0, 1, open_low=True, open_high=True)),
        "device": either(instance(str, text="a device name"), instance(torch.device, text="a torch.device")),
        "verbose": integer(0),
    }

    def __init__(
        self,
        method: str = "auto",
        *,
        alpha: float | str = "auto",
        control: str = "row",
        trim: float = 0.0,
        backbone: Any = None,
        n_neighbors: int | str = "auto",
        memory_size: int = 20_000,
        network: Any = "dense",
        objective: Any = "reconstruction",
        latent_dim: int | str = "auto",
        epochs: int = 100,
        calibration_fraction: float | str = "auto",
        cache: Any = True,
        device: str | torch.device = "auto",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.method = method
        self.alpha = alpha
        self.control = control
        self.trim = trim
        self.backbone = backbone
        self.n_neighbors = n_neighbors
        self.memory_size = memory_size
        self.network = network
        self.objective = objective
        self.latent_dim = latent_dim
        self.epochs = epochs
        self.calibration_fraction = calibration_fraction
        self.cache = cache
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> AnomalyDetector:
        """Learn what is usual, and from held-out rows how odd a usual row may be.

        Parameters
        ----------
        X : array-like or data frame of shape (n, features), pictures (n, h, w) or (n, h, w, c), or items
            Items are what ``backbone`` reads. Columns of a data frame may hold categories, dates and gaps.
        y : ignored

        Raises
        ------
        punar.errors.ParameterError
            A setting breaks its rule, or ``alpha`` is less than the held-out rows can tell.
        punar.errors.DataError
            Fewer than 4 rows, or X is no such data.
        """
        where = f"{type(self).__name__}.fit"
        check_params(self, self._RULES)
        seed = draw_seed(self.random_state)
        vectors, rows = Vectors.of(self, X, where)
        if len(rows) < _FEWEST:
            raise DataError(
                f"{where}: X must have at least {_FEWEST} rows, some to learn from and some to hold out, got "
                f"n_samples = {len(rows)}. Give more rows."
            )
        with np.errstate(over="ignore", invalid="ignore"):
            if not np.isfinite(rows.std(0)).all():
                raise DataError(
                    f"{where}: values of X are so large that their squares are no numbers. Divide them first."
                )
        train, held_out, alpha = division.divided(self, len(rows), seed, where)
        scorer = self._scorer(vectors, rows[train], seed)
        scores = self._scored(scorer, rows, train)
        trimmed = int(self.trim * len(rows))
        if trimmed:
            kept = np.sort(np.argsort(scores, kind="stable")[: len(rows) - trimmed])
            train, held_out = np.intersect1d(train, kept), np.intersect1d(held_out, kept)
            alpha = division.checked(self.alpha, alpha, len(held_out), where)
            scorer = self._scorer(vectors, rows[train], seed)
            scores = self._scored(scorer, rows, train)
        self._vectors, self._scorer_, self._held_out = vectors, scorer, np.sort(scores[held_out])
        self.alpha_, self.seed_ = alpha, seed
        self.threshold_ = conformal.highest_usual(self._held_out, alpha)
        self.offset_ = -self.threshold_
        self.decision_scores_, self.labels_ = scores, (scores > self.threshold_).astype(int)
        self.p_values_ = conformal.p_values(self._held_out, scores)
        self.fit_report_ = self._report(len(rows), trimmed)
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Return how usual each row is, (n,): the negative score, as in scikit-learn."""
        return -self._scores(X, "score_samples")

    def decision_function(self, X: Any) -> np.ndarray:
        """Return ``score_samples(X) - offset_``, (n,): negative for rows that are flagged, as in scikit-learn."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Return -1 for rows that are flagged and 1 for others, (n,)."""
        scores = self._scores(X, "predict")
        flagged = scores > self.threshold_
        if self.control == "discoveries":
            flagged = conformal.discoveries(conformal.p_values(self._held_out, scores), self.alpha_)
        return np.where(flagged, -1, 1)

    def p_values(self, X: Any) -> np.ndarray:
        """Return for each row which share of held-out rows, itself counted, is at least as odd, (n,).

        Of rows like those of the fit at most a share ``a`` has a p-value of at most ``a``.
        """
        scores = self._scores(X, "p_values")
        return conformal.p_values(self._held_out, scores)

    def explain(self, X: Any) -> np.ndarray:
        """Return how much each column, or pixel, adds to a row's oddness, (n, columns) or (n, *picture).

        Squared deviations from the nearest usual rows, or of the reconstruction, in units of the column's own.
        """
        rows = self._read(X, "explain")
        parts, vectors = self._scorer_.parts(rows), self._vectors
        if (columns := vectors.columns) is not None:
            assert vectors.table is not None
            found = np.zeros((len(rows), len(vectors.table.columns)))
            np.add.at(found.T, columns, parts.T)
            return found
        return parts.reshape(len(rows), *vectors.shape)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _scorer(self, vectors: Vectors, rows: np.ndarray, seed: int) -> Memory | Reconstruction:
        each = vectors.kind == "table" and vectors.table is None
        if self.method != "autoencoder":
            k = None if self.n_neighbors == "auto" else int(self.n_neighbors)
            return Memory.of(rows, k=k, most=self.memory_size, each=each, seed=seed)
        width = usual_width(rows, each=each) if self.latent_dim == "auto" else int(self.latent_dim)
        with warnings.catch_warnings():
            # Whether the rows have a structure is no matter here: what is odd is judged by the held-out ones.
            warnings.simplefilter("ignore", PunarWarning)
            return Reconstruction.of(rows, vectors.shape, self._autoencoder(width, each, seed), each=each)

    def _autoencoder(self, width: int, each: bool, seed: int) -> Autoencoder:
        return Autoencoder(
            self.objective, self.network, width, scaling="standard" if each else "auto", epochs=self.epochs,
            device=self.device, random_state=seed, verbose=self.verbose, evidence="cheap",
        )  # fmt: skip

    @staticmethod
    def _scored(scorer: Memory | Reconstruction, rows: np.ndarray, train: np.ndarray) -> np.ndarray:
        """Return the scores of all rows of the fit; those that were learned from are judged without themselves."""
        scores = np.empty(len(rows))
        others = np.setdiff1d(np.arange(len(rows)), train)
        scores[train] = scorer.scores(rows[train], own=True)
        if len(others):
            scores[others] = scorer.scores(rows[others])
        return scores

    def _report(self, rows: int, trimmed: int) -> FitReport:
        held_out, flagged = len(self._held_out), int(self.labels_.sum())
        said = texts.VERDICT.format(alpha=self.alpha_, held_out=held_out, flagged=flagged, rows=rows)
        if trimmed:
            said += texts.VERDICT_TRIMMED.format(trimmed=trimmed, trim=self.trim)
        if self._held_out[0] == self._held_out[-1]:
            said += texts.VERDICT_ALIKE
        return FitReport(
            rows=held_out, rows_from=HELD_OUT, learned=None, alpha=self.alpha_, threshold=self.threshold_,
            flagged=flagged, trimmed=trimmed, verdict=said,
        )  # fmt: skip

    def _read(self, X: Any, method: str) -> np.ndarray:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with usual rows first."
            )
        return self._vectors.read(self, X, f"{type(self).__name__}.{method}")

    def _scores(self, X: Any, method: str) -> np.ndarray:
        rows = self._read(X, method)
        return self._scorer_.scores(rows)

    @property
    def table_(self) -> MixedTable | None:
        """How the columns of a data frame became numbers, where they are not all numbers."""
        return self._vectors.table

    @property
    def extractor_(self) -> FeatureExtractor | None:
        """The pretrained network that reads the items; None where rows are read as they are."""
        return self._vectors.extractor

    @property
    def row_shape_(self) -> tuple[int, ...]:
        """Shape of one row or picture, as it was passed; of items the number of features."""
        return self._vectors.shape

    @property
    def module_(self) -> nn.Module | None:
        """The autoencoder's network; None where there is none."""
        return self._scorer_.autoencoder.module_ if isinstance(self._scorer_, Reconstruction) else None

    # -- stored -----------------------------------------------------------------------------------------------------

    def to_stored(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return facts and tensors for :func:`punar.save`."""
        facts = stored.record_facts([], self.fit_report_, self.seed_) | {
            "names": [str(name) for name in getattr(self, "feature_names_in_", [])],
            "features": int(getattr(self, "n_features_in_", 0)),
            "rows": self._vectors.facts(),
            "scorer": self._scorer_.facts(),
        }
        own = {"held_out": self._held_out, "decision_scores": self.decision_scores_}
        return facts, self._scorer_.tensors() | {name: torch.from_numpy(value.copy()) for name, value in own.items()}

    def from_stored(
        self, facts: Mapping[str, Any], tensors: Mapping[str, Tensor], where: str, parts: tuple[type, ...]
    ) -> None:
        """Take untrusted facts and tensors, such as :meth:`to_stored` gave."""
        record = stored.read_record(facts, where)
        kept = stored.convert(facts, _Kept, where)
        with stored.as_damage(where):
            check_params(self, self._RULES)
        self._vectors = Vectors.from_facts(facts.get("rows", {}), self, where)
        width = math.prod(self._vectors.shape)
        if self.method == "autoencoder":
            inner = self._autoencoder(1, each=True, seed=record.seed)
            self._scorer_ = Reconstruction.from_stored(kept.scorer, tensors, inner, width, where)
        else:
            self._scorer_ = Memory.from_stored(kept.scorer, tensors, width, where)
        self._held_out = _numbers(tensors, "held_out", where)
        alpha = record.report.get("alpha")
        if not isinstance(alpha, float) or not 1 / (len(self._held_out) + 1) - 1e-9 <= alpha < 1:
            raise DamagedModelError(
                f"{where}: report.alpha must be a share that the held-out rows can tell, found {alpha}."
            )
        self.alpha_, self.seed_, self.fit_report_ = alpha, record.seed, FitReport(record.report)
        self.threshold_ = conformal.highest_usual(self._held_out, alpha)
        self.offset_ = -self.threshold_
        self.decision_scores_ = _numbers(tensors, "decision_scores", where)
        self.labels_ = (self.decision_scores_ > self.threshold_).astype(int)
        self.p_values_ = conformal.p_values(self._held_out, self.decision_scores_)
        if self.backbone is None:
            self.n_features_in_ = kept.features
        if kept.names:
            self.feature_names_in_ = np.asarray(kept.names, dtype=object)

    # -- scikit-learn -----------------------------------------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_held_out")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if self.backbone is not None:
            tags.input_tags.two_d_array, tags.input_tags.string, tags.no_validation = False, True, True
        return tags
