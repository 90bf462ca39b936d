"""Linear heads fitted to convergence with scikit-learn, their regularisation chosen by cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, StratifiedShuffleSplit

from punar.core.shared import one_blas_thread

# Strengths of regularisation on standardised features; wider gains nothing on frozen features.
_INVERSE = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
_PENALTIES = (1e-1, 1.0, 10.0, 1e2, 1e3, 1e4, 1e5)
_FOLDS = 4
_FEWEST_LEFT_OUT = 4  # rows from which leave-one-out says anything
# From here on one split says as much as four, at a quarter of the price.
_MANY_ROWS = 4000
# Of a label for each token there are many more rows than a start needs.
_MOST_ROWS = 10_000
_UNLIKELY = -10.0


@dataclass(frozen=True)
class LinearHead:
    """A fitted linear map.

    Attributes
    ----------
    weight : ndarray of shape (outputs, width), float32
    bias : ndarray of shape (outputs,), float32
    facts : dict
        JSON values for the report: the regularisation that was chosen and its validation score.
    held_out : (index, raw) or None
        Rows and their raw outputs (m, outputs) from heads that were not fitted on them and whose regularisation other
        rows chose; None where rows are too few.
    """

    weight: np.ndarray
    bias: np.ndarray
    facts: dict[str, Any]
    held_out: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class _Space:
    """Standardised features in as few columns as there are rows: an L2 penalty does not notice a rotation."""

    rows: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    basis: np.ndarray | None

    def back(self, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the map on the features as they came."""
        full = weight if self.basis is None else weight @ self.basis
        full = full / self.scale
        return full.astype(np.float32), (bias - full @ self.mean).astype(np.float32)


def _space(features: np.ndarray) -> _Space:
    X = np.asarray(features, dtype=np.float64)
    mean, scale = X.mean(0), X.std(0)
    scale = np.where(scale > 1e-8 * (1.0 + np.abs(mean)), scale, 1.0)
    X = (X - mean) / scale
    if len(X) >= X.shape[1]:
        return _Space(X, mean, scale, None)
    q, r = np.linalg.qr(X.T)
    return _Space(np.ascontiguousarray(r.T), mean, scale, q.T)


def fit_logistic(features: np.ndarray, label: np.ndarray, weight: np.ndarray | None, seed: int) -> LinearHead:
    """Fit a multinomial logistic regression; two classes give two rows of weights, w and -w.

    Parameters
    ----------
    features : ndarray of shape (n, width)
    label : ndarray of shape (n,)
        0 .. k-1, each present.
    weight : ndarray of shape (n,) or None
    seed : int
    """
    space = _space(features)

    def fit(train: np.ndarray, strength: float) -> Any:
        # More iterations than it ever needs: a head that is not converged would be a wrong answer in silence.
        model = LogisticRegression(C=strength, max_iter=2000, tol=1e-5)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return model.fit(space.rows[train], label[train], None if weight is None else weight[train])

    def raw(model: Any, test: np.ndarray) -> np.ndarray:
        # A class that was not trained on counts as a certain miss.
        proba = np.full((len(test), int(label.max()) + 1), 1e-12)
        proba[:, model.classes_] = model.predict_proba(space.rows[test])
        return np.log(np.clip(proba, 1e-12, None))

    def score(raw: np.ndarray, test: np.ndarray) -> float:
        # The log-likelihood, which tells more than accuracy on few rows.
        each = raw[np.arange(len(test)), label[test]]
        return float(np.average(each, weights=None if weight is None else weight[test]))

    with one_blas_thread():
        chosen, facts, held_out = _choose(_INVERSE, len(label), label, weight, fit, raw, score, seed, default=1e-2)
        model = fit(np.arange(len(label)), chosen)
    coefficients, intercept = model.coef_, model.intercept_
    if len(coefficients) == 1:
        coefficients, intercept = np.vstack([-coefficients, coefficients]) / 2, np.r_[-intercept, intercept] / 2
    return LinearHead(*space.back(coefficients, intercept), {"C": chosen, **facts}, held_out)


def fit_logistic_of_some(
    features: np.ndarray, label: np.ndarray, weight: np.ndarray | None, outputs: int, seed: int
) -> LinearHead:
    """Fit a multinomial logistic regression on at most 10,000 rows, whose labels need not all be present.

    Parameters
    ----------
    features : ndarray of shape (n, width)
    label : ndarray of shape (n,)
        From 0 to ``outputs`` - 1.
    weight : ndarray of shape (n,) or None
    outputs : int
        How many rows of weights there are; a label without rows gets a bias that makes it unlikely.
    seed : int
        Of the choice of rows, and of the validation folds.
    """
    if len(label) > _MOST_ROWS:
        some = np.sort(np.random.default_rng(seed).choice(len(label), _MOST_ROWS, replace=False))
        features, label, weight = features[some], label[some], None if weight is None else weight[some]
    known, own = np.unique(label, return_inverse=True)
    full, bias = np.zeros((outputs, features.shape[1]), np.float32), np.full(outputs, _UNLIKELY, np.float32)
    if len(known) < 2:
        bias[known] = 0.0
        return LinearHead(full, bias, {"rows": len(label)})
    head = fit_logistic(features, own.reshape(-1), weight, seed)
    full[known], bias[known] = head.weight, head.bias
    return LinearHead(full, bias, {**head.facts, "rows": len(label)})


def fit_ridge(features: np.ndarray, target: np.ndarray, weight: np.ndarray | None, seed: int) -> LinearHead:
    """Fit a ridge regression for one or several targets, (n, outputs).

    The penalty is chosen by leave-one-out, which one decomposition answers for all rows and penalties; with more than
    4,000 rows by one split, which costs less than leaving out each.
    """
    space = _space(features)
    with one_blas_thread():
        # Rows of weight 0 have no answer of their own to leave out.
        counted = np.arange(len(target)) if weight is None else np.flatnonzero(weight)
        if len(counted) >= _FEWEST_LEFT_OUT and len(target) <= _MANY_ROWS:
            return _leave_one_out(space, target, weight, counted)
        return _one_split(space, target, weight, seed)


def _leave_one_out(space: _Space, target: np.ndarray, weight: np.ndarray | None, counted: np.ndarray) -> LinearHead:
    model = RidgeCV(_PENALTIES, scoring="neg_mean_squared_error", store_cv_results=True)
    with config_context(enable_metadata_routing=False):  # with it, weights would have to be asked for
        model.fit(space.rows[counted], target[counted], None if weight is None else weight[counted])
    chosen = float(model.alpha_)
    found = model.cv_results_.reshape(*target[counted].shape, len(_PENALTIES))
    share = np.ones(len(counted)) if weight is None else weight[counted]
    errors = ((found - target[counted][..., None]) ** 2).mean(1) * share[:, None]
    score = -float(errors[:, _PENALTIES.index(chosen)].sum() / share.sum())
    # Each row's answer is that of the penalty which the other rows would have chosen.
    others = (errors.sum(0) - errors).argmin(1)
    raw = np.take_along_axis(found, others[:, None, None], 2)[..., 0]
    facts = {"alpha": chosen, "validation_folds": len(counted), "validation_score": score}
    return LinearHead(*_back(space, model, target), facts, (counted, raw))


def _one_split(space: _Space, target: np.ndarray, weight: np.ndarray | None, seed: int) -> LinearHead:
    def fit(train: np.ndarray, strength: float) -> Any:
        return Ridge(alpha=strength).fit(space.rows[train], target[train], None if weight is None else weight[train])

    def raw(model: Any, test: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict(space.rows[test])).reshape(target[test].shape)

    def score(raw: np.ndarray, test: np.ndarray) -> float:
        errors = ((raw - target[test]) ** 2).mean(1)
        return -float(np.average(errors, weights=None if weight is None else weight[test]))

    chosen, facts, held_out = _choose(_PENALTIES, len(target), None, weight, fit, raw, score, seed, default=1e2)
    model = fit(np.arange(len(target)), chosen)
    return LinearHead(*_back(space, model, target), {"alpha": chosen, **facts}, held_out)


def _back(space: _Space, model: Any, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    coefficients = np.asarray(model.coef_).reshape(target.shape[1], -1)
    return space.back(coefficients, np.asarray(model.intercept_).reshape(-1))


def _choose(
    grid: tuple[float, ...],
    n: int,
    label: np.ndarray | None,
    weight: np.ndarray | None,
    fit: Callable[[np.ndarray, float], Any],
    raw: Callable[[Any, np.ndarray], np.ndarray],
    score: Callable[[np.ndarray, np.ndarray], float],
    seed: int,
    *,
    default: float,
) -> tuple[float, dict[str, Any], tuple[np.ndarray, np.ndarray] | None]:
    """Return the strength with the best mean validation score, or ``default`` where rows are too few to tell."""
    folds = list(_folds(n, label, seed))
    if weight is not None:
        # Rows of weight 0 say nothing: a fold needs others on both sides.
        folds = [f for f in folds if all(weight[side].sum() > 0 for side in f)]
    if not folds:
        return default, {"validation_folds": 0}, None
    found = [[raw(fit(train, c), test) for train, test in folds] for c in grid]
    means = [float(np.mean([score(r, test) for r, (_, test) in zip(rows, folds, strict=True)])) for rows in found]
    best = int(np.argmax(means))
    facts = {"validation_folds": len(folds), "validation_score": means[best]}
    parts = [(test, [rows[k] for rows in found]) for k, (_, test) in enumerate(folds)]
    if len(parts) == 1:
        (test, rows), half = parts[0], np.arange(len(parts[0][0])) % 2 == 0
        parts = [(test[side], [r[side] for r in rows]) for side in (half, ~half) if side.any()]
    if weight is not None:
        if any(weight[test].sum() <= 0 for test, _ in parts):
            return grid[best], facts, None
        index, answers = _chosen_by_others(parts, score)
        counted = weight[index] > 0  # rows of weight 0 say nothing, here too
        return grid[best], facts, (index[counted], answers[counted])
    return grid[best], facts, _chosen_by_others(parts, score)


def _chosen_by_others(
    parts: list[tuple[np.ndarray, list[np.ndarray]]], score: Callable[[np.ndarray, np.ndarray], float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and, for each part of them, the answers of the strength that scored best on the other parts.

    Parameters
    ----------
    parts : list of (index, list of raw)
        Rows, and their raw outputs by strength.
    score : callable
    """
    table = np.array([[score(raw, test) for raw in rows] for test, rows in parts])
    others = table.sum(0) - table if len(parts) > 1 else table
    chosen = [rows[int(np.argmax(row))] for (_, rows), row in zip(parts, others, strict=True)]
    return np.concatenate([test for test, _ in parts]), np.concatenate(chosen)


def _folds(n: int, label: np.ndarray | None, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    rows = np.zeros((n, 1))
    fewest = n // 2 if label is None else int(np.bincount(label).min())
    if fewest < 2:
        return
    if n > _MANY_ROWS:
        one = ShuffleSplit if label is None else StratifiedShuffleSplit
        yield from one(n_splits=1, test_size=0.2, random_state=seed).split(rows, label)
        return
    kind = KFold if label is None else StratifiedKFold
    yield from kind(min(_FOLDS, fewest), shuffle=True, random_state=seed).split(rows, label)
