"""Ridge heads: leave-one-out by one decomposition, and what is kept of it for the report."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import Ridge

from punar.tasks import _linear_head
from punar.tasks._linear_head import fit_ridge

PENALTIES = _linear_head._PENALTIES


def problem(n: int = 30, width: int = 5, outputs: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    X = draw.normal(3.0, 2.0, size=(n, width))
    return X, X @ draw.normal(size=(width, outputs)) + draw.normal(size=(n, outputs))


def left_out(X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, penalty: float) -> np.ndarray:
    """Return the answers of a ridge regression fitted again without each row."""
    rows = (X - X.mean(0)) / X.std(0)
    found = []
    for i in range(len(X)):
        kept = np.arange(len(X)) != i
        model = Ridge(alpha=penalty).fit(rows[kept], y[kept], None if weight is None else weight[kept])
        found.append(model.predict(rows[i : i + 1])[0])
    return np.array(found).reshape(y.shape)


@pytest.mark.parametrize("width", [5, 80])
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_held_out_answers_are_those_of_refits_without_the_row(width, outputs, weighted):
    X, y = problem(30, width, outputs)
    weight = np.random.default_rng(1).uniform(0.5, 2, 30) if weighted else None
    head = fit_ridge(X, y, weight, seed=0)
    index, raw = head.held_out
    assert index.tolist() == list(range(30))
    refits = [left_out(X, y, weight, p) for p in PENALTIES]
    errors = [((refit - y) ** 2).mean(1) for refit in refits]
    share = np.ones(30) if weight is None else weight
    # A row's answer is of the penalty that all others would choose.
    others = [[(e * share).sum() - e[i] * share[i] for e in errors] for i in range(30)]
    chosen = [refits[int(np.argmin(sums))][i] for i, sums in enumerate(others)]
    np.testing.assert_allclose(raw, np.array(chosen), rtol=1e-6, atol=1e-8)
    means = [np.average(e, weights=weight) for e in errors]
    assert head.facts["alpha"] == PENALTIES[int(np.argmin(means))]
    assert head.facts["validation_score"] == pytest.approx(-min(means))


def test_the_head_is_the_ridge_regression_of_the_chosen_penalty():
    X, y = problem(40, 60)
    head = fit_ridge(X, y, None, seed=0)
    rows = (X - X.mean(0)) / X.std(0)
    rival = Ridge(alpha=head.facts["alpha"]).fit(rows, y)
    np.testing.assert_allclose(X @ head.weight.T + head.bias, rival.predict(rows), rtol=1e-4, atol=1e-4)


def test_rows_of_weight_zero_are_as_good_as_absent():
    X, y = problem()
    weight = np.ones(30)
    weight[20:] = 0
    y[20:] = 1e6
    head = fit_ridge(X, y, weight, seed=0)
    assert head.held_out[0].tolist() == list(range(20))
    assert np.isfinite(head.held_out[1]).all()
    assert np.abs(X[:20] @ head.weight.T + head.bias - y[:20]).mean() < 2


def test_metadata_routing_changes_nothing():
    X, y = problem()
    weight = np.linspace(0.5, 2, 30)
    plain = fit_ridge(X, y, weight, seed=0)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = fit_ridge(X, y, weight, seed=0)
    np.testing.assert_array_equal(plain.weight, routed.weight)


def test_many_rows_are_split_once(monkeypatch):
    monkeypatch.setattr(_linear_head, "_MANY_ROWS", 99)
    X, y = problem(100)
    head = fit_ridge(X, y, None, seed=0)
    assert head.facts["validation_folds"] == 1
    assert len(head.held_out[0]) == 20
    error = ((head.held_out[1] - y[head.held_out[0]]) ** 2).mean()
    assert head.facts["validation_score"] >= -error  # the answers of each half are of the penalty that the other chose


def test_too_few_rows_to_leave_one_out():
    X, y = problem(3)
    head = fit_ridge(X, y, None, seed=0)
    assert head.held_out is None
    assert head.facts["validation_folds"] == 0
