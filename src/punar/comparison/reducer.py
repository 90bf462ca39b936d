"""Which reducer keeps most of the data in a code of this size: PCA, NMF, a random projection, an autoencoder?"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import NMF, PCA
from sklearn.manifold import trustworthiness
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.random_projection import GaussianRandomProjection

from punar.baselines import chance_score, linear_model, random_codes
from punar.comparison._question import Candidate, Metric, Question
from punar.comparison._scaled_fold import Fold, scaled_fold, variance_explained
from punar.comparison.reading import Reading
from punar.errors import DataError, ParameterError, ParameterTypeError, shown
from punar.estimators.autoencoder import Autoencoder
from punar.texts import compare as texts
from punar.texts import mixed as mixed_texts

VARIANCE, ACCURACY, R2, TRUST = "variance_explained", "accuracy", "r2", "trustworthiness"

_NEIGHBOURS = 5
_TRUST_ROWS = 1000
_DOWNSTREAM_ROWS = 10_000
_CODE_POINTS = 400
_EXAMPLES = 8
_LONGEST_SIDE = 64  # of a picture in the report
_UPDATES = 1050  # steps after which the networks have settled on small data; measured on digits, wine and iris
_FEWEST_EPOCHS, _MOST_EPOCHS = 30, 200


class Identity(TransformerMixin, BaseEstimator):
    """The raw columns: what a code of full width keeps."""

    def fit(self, X: np.ndarray, y: object = None) -> Identity:
        """Learn nothing."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return X."""
        return X

    def inverse_transform(self, Z: np.ndarray) -> np.ndarray:
        """Return Z."""
        return Z


class NonNegative(TransformerMixin, BaseEstimator):
    """Shift every column to start at 0; rows below the training minimum are clipped.

    A shift keeps squared distances, so NMF minimises the same error that all candidates are scored by.
    """

    def fit(self, X: np.ndarray, y: object = None) -> NonNegative:
        """Learn each column's minimum."""
        self.shift_ = X.min(axis=0)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return X, shifted and clipped at 0."""
        return np.maximum(X - self.shift_, 0)

    def inverse_transform(self, Z: np.ndarray) -> np.ndarray:
        """Return Z, shifted back."""
        return Z + self.shift_


class Reducer(Question):
    """Share of variance, downstream accuracy and neighbourhoods that survive a code of one size."""

    takes: ClassVar[tuple[str, ...]] = ("latent_dim",)

    def width(self, data: Reading, asked: int | None, n_train: int) -> int:
        """Return the code size: ``asked``, or a quarter of the columns between 2 and 16, as far as there are rows."""
        if asked is None:
            return max(1, min(16, max(2, data.size // 4), data.size, n_train - 1))
        if isinstance(asked, bool) or not isinstance(asked, (int, np.integer)):
            raise ParameterTypeError(f"compare: latent_dim must be an integer >= 1, got {shown(asked)}.")
        if asked < 1:
            raise ParameterError(f"compare: latent_dim must be an integer >= 1, got {shown(asked)}.")
        return int(asked)

    def candidates(self, data: Reading, width: int | None, n_train: int, device: str) -> list[Candidate]:
        """Return the nine: four that need no training loop and five kinds of autoencoder."""
        assert width is not None
        too_wide = None
        if width > min(data.size, n_train):
            too_wide = texts.NEEDS_NARROW_CODE.format(most=min(data.size, n_train), latent_dim=width)
        start = "nndsvda" if too_wide is None else "random"
        nmf = make_pipeline(NonNegative(), NMF(width, init=start, max_iter=1000, tol=1e-3))
        projection = GaussianRandomProjection(width, compute_inverse_components=True)
        kinds = {
            texts.VANILLA: "reconstruction",
            texts.SPARSE: "sparse",
            texts.DENOISING: "denoising",
            texts.VARIATIONAL: "variational",
        }
        train = functools.partial(Autoencoder, **_training(n_train), latent_dim=width, device=device)
        found = [
            Candidate(texts.PCA, PCA(width), classical=True, refusal=too_wide),
            Candidate(texts.NMF, nmf),
            Candidate(texts.PROJECTION, projection, refusal=too_wide),
            Candidate(texts.RAW, Identity(), yardstick=True, trivial_in=(VARIANCE, TRUST)),
        ]
        found += [Candidate(name, train(objective=objective)) for name, objective in kinds.items()]
        conv = train(network="conv", kind="images")
        refusal = None if data.kind == "images" else texts.NEEDS_PICTURES
        return [*found, Candidate(texts.CONVOLUTIONAL, conv, refusal=refusal)]

    def check(self, name: str, estimator: Any) -> None:
        """Raise where a user's candidate is no transformer object."""
        if isinstance(estimator, type):
            hint = f"pass an object: {estimator.__name__}()."
            raise ParameterTypeError(f"compare: candidates[{name!r}] is the class {estimator.__name__}; {hint}")
        missing = [m for m in ("fit", "transform", "get_params") if not hasattr(estimator, m)]
        if missing:
            raise ParameterTypeError(
                f"compare: candidates[{name!r}] must be a scikit-learn transformer with fit and transform, got "
                f"{shown(estimator)}, which has no {missing[0]}."
            )

    def is_classical(self, estimator: Any) -> bool:
        """Return whether it is PCA."""
        return type(estimator) is PCA

    def metrics(self, data: Reading) -> list[Metric]:
        """Return variance explained, the downstream score where there are labels, and trustworthiness."""
        found = [Metric(VARIANCE, texts.VARIANCE_LABEL, texts.VARIANCE_HELP, texts.VARIANCE_BASELINE)]
        if data.target == "classes":
            help_text = texts.ACCURACY_HELP.format(rows=_DOWNSTREAM_ROWS)
            found.append(Metric(ACCURACY, texts.ACCURACY_LABEL, help_text, texts.ACCURACY_BASELINE))
        elif data.target == "numbers":
            help_text = texts.R2_HELP.format(rows=_DOWNSTREAM_ROWS)
            found.append(Metric(R2, texts.R2_LABEL, help_text, texts.R2_BASELINE))
        trust = texts.TRUST_HELP.format(neighbours=_NEIGHBOURS, rows=_TRUST_ROWS)
        return [*found, Metric(TRUST, texts.TRUST_LABEL, trust, texts.TRUST_BASELINE)]

    def open_fold(self, data: Reading, train: np.ndarray, test: np.ndarray, seed: int, *, first: bool = True) -> Fold:
        """Scale the fold by what its training rows say."""
        return scaled_fold(data, train, test, seed)

    def judge(self, fold: Fold, estimator: Any) -> dict[str, float | None]:
        """Return the scores of a fitted candidate on the fold's held-out rows."""
        codes = fold.encode(estimator, fold.test)
        back = fold.decode(estimator, codes)
        scores: dict[str, float | None] = {VARIANCE: None if back is None else variance_explained(fold, back)}
        if fold.target is not None:
            key = ACCURACY if fold.target == "classes" else R2
            scores[key] = _downstream(fold, estimator, codes)
        return scores | {TRUST: _trust(fold, codes)}

    def baselines(self, fold: Fold) -> dict[str, float]:
        """Return the training mean's share (0), the constant label's score and the trust of random codes."""
        noise = random_codes(len(fold.test), 2, fold.seed)
        found: dict[str, float | None] = {VARIANCE: 0.0, TRUST: _trust(fold, noise)}
        if fold.target is not None and fold.y_train is not None and fold.y_test is not None:
            key = ACCURACY if fold.target == "classes" else R2
            found[key] = chance_score(fold.target, fold.y_train, fold.y_test)
        return {k: v for k, v in found.items() if v is not None}

    def show_fold(self, fold: Fold) -> dict[str, Any]:
        """Return the labels of the mapped rows and the originals of the reconstructed ones."""
        points, examples = _mapped(fold), _examples(fold)
        labels = None if fold.y_test is None else fold.y_test[points].tolist()
        return {"labels": labels, "points": len(points), **_pictured(fold, fold.test[examples])}

    def show(self, fold: Fold, estimator: Any) -> dict[str, Any]:
        """Return reconstructions, two coordinates per mapped row, code size and the history of losses."""
        codes = fold.encode(estimator, fold.test)
        out: dict[str, Any] = {"code_size": codes.shape[1], "map": _plane(codes)[_mapped(fold)].round(4).tolist()}
        back = fold.decode(estimator, codes[_examples(fold)])
        if back is not None:
            out |= _pictured(fold, back)
        history = getattr(estimator, "history_", None)
        if isinstance(history, list):
            keys = ("train_loss", "valid_loss")
            out["losses"] = {k: [_plain(epoch.get(k)) for epoch in history] for k in keys}
        report = getattr(estimator, "fit_report_", None)
        return out | ({"fit_report": str(report.get("verdict", ""))} if isinstance(report, dict) else {})

    def how(self, data: Reading, candidates: Sequence[Candidate]) -> list[str]:
        """Return how the rows were scaled."""
        said = [texts.HOW_SCALER_IMAGES if data.kind == "images" else texts.HOW_SCALER_TABLE]
        said = said if data.table is None else [mixed_texts.HOW_MIXED]
        shifted = any(isinstance(c.estimator, Pipeline) and isinstance(c.estimator[0], NonNegative) for c in candidates)
        return [*said, texts.HOW_NMF] if shifted else said


def _training(n_train: int) -> dict[str, Any]:
    """Return settings for all networks alike: batches of n / 25 rows, and epochs for a fixed number of updates.

    >>> _training(120)["epochs"], _training(1437)["epochs"], _training(56_000)["epochs"]
    (150, 50, 30)
    """
    batch = min(512, max(16, 1 << round(math.log2(max(1, n_train) / 25)))) if n_train > 25 else 16
    steps = max(1, math.ceil(0.9 * n_train / batch))
    epochs = min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, round(_UPDATES / steps)))
    # The rows come scaled already; scaling them once more would give the networks a space of their own.
    return {
        "scaling": "none",
        "epochs": epochs,
        "batch_size": batch,
        "learning_rate": 3e-3,
        "patience": max(1, epochs // 3),
    }


def _downstream(fold: Fold, estimator: Any, codes: np.ndarray) -> float:
    if fold.y_train is None or fold.y_test is None:
        raise DataError("a downstream score needs labels.")
    rows = np.random.default_rng(fold.seed).permutation(len(fold.train))[:_DOWNSTREAM_ROWS]
    labels = fold.y_train[rows]
    if fold.target == "classes" and len(np.unique(labels)) == 1:  # the only row of the other class is held out
        return float((fold.y_test == labels[0]).mean())
    model = make_pipeline(StandardScaler(), linear_model(str(fold.target)))
    return float(model.fit(fold.encode(estimator, fold.train[rows]), labels).score(codes, fold.y_test))


def _trust(fold: Fold, codes: np.ndarray) -> float | None:
    rows = np.random.default_rng(fold.seed).permutation(len(fold.test))[:_TRUST_ROWS]
    neighbours = min(_NEIGHBOURS, math.ceil(len(rows) / 2) - 1)
    if neighbours < 1:
        return None
    return float(trustworthiness(fold.test[rows].astype(np.float64), codes[rows], n_neighbors=neighbours))


def _mapped(fold: Fold) -> np.ndarray:
    return np.sort(np.random.default_rng(fold.seed).permutation(len(fold.test))[:_CODE_POINTS])


def _plane(codes: np.ndarray) -> np.ndarray:
    """Return two columns: the codes themselves, or their first two principal components."""
    if codes.shape[1] == 1:
        return np.column_stack([codes, np.zeros(len(codes))])
    if codes.shape[1] > 2 and len(codes) > 1:
        return PCA(2, random_state=0).fit_transform(codes)
    return codes[:, :2]


def _examples(fold: Fold) -> np.ndarray:
    """Return up to eight held-out rows, of different classes where there are any."""
    order = np.arange(len(fold.test))
    if fold.target == "classes" and fold.y_test is not None:
        first = np.unique(fold.y_test, return_index=True)[1]
        order = np.concatenate([first, np.setdiff1d(order, first)])
    return order[:_EXAMPLES]


def _pictured(fold: Fold, rows: np.ndarray) -> dict[str, Any]:
    """Return pictures in input units, thinned to a size for the report, or rows in the scaled space."""
    if fold.picture is None:
        return {"examples": rows.round(4).tolist()}
    pictures = fold.in_input_units(rows.astype(np.float64)).reshape(len(rows), *fold.picture)
    step = max(1, math.ceil(max(fold.picture[:2]) / _LONGEST_SIDE))
    return {"examples": pictures[:, ::step, ::step].round(4).tolist()}


def _plain(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
