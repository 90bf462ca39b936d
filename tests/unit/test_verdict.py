"""The statistics of a verdict against hand-made numbers and simulated noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from punar.comparison.verdict import corrected_interval, decide
from punar.errors import DataError, ParameterError


def test_interval_equals_the_hand_computed_one():
    # mean 0.02; deviations 0, 0.01, -0.01, 0, 0 -> s² = 2e-4 / 4 = 5e-5; factor 1/5 + 20/80 = 0.45;
    # sqrt(2.25e-5) = 0.004743; t(0.975, 4) = 2.776445 from a printed table.
    mean, low, high = corrected_interval([0.02, 0.03, 0.01, 0.02, 0.02], n_train=80, n_test=20)
    assert mean == pytest.approx(0.02)
    assert low == pytest.approx(0.02 - 2.776445 * 0.0047434165, abs=1e-8)
    assert high == pytest.approx(0.02 + 2.776445 * 0.0047434165, abs=1e-8)


def test_interval_is_wider_than_the_naive_one_by_the_overlap():
    values = np.random.default_rng(0).normal(size=10)
    mean, low, _ = corrected_interval(values, n_train=90, n_test=10)
    naive = stats.t.ppf(0.975, 9) * values.std(ddof=1) / math.sqrt(10)
    assert (mean - low) / naive == pytest.approx(math.sqrt(1 + 10 * 10 / 90))


def test_one_fold_says_nothing():
    assert corrected_interval([0.3], 80, 20) == (0.3, -math.inf, math.inf)


@pytest.mark.parametrize("values", [[], [0.1, math.nan], [math.inf, 0.0]])
def test_interval_refuses_what_is_no_number(values):
    with pytest.raises(DataError, match="one finite number per fold"):
        corrected_interval(values, 80, 20)


@pytest.mark.parametrize(
    ("kwargs", "word"),
    [({"n_train": 0, "n_test": 1}, "n_train"), ({"n_train": 9, "n_test": 1, "confidence": 95}, "confidence")],
)
def test_interval_refuses_bad_parameters(kwargs, word):
    with pytest.raises(ParameterError, match=word):
        corrected_interval([0.1, 0.2], **kwargs)


def test_a_clear_winner_is_named():
    scores = {"A": [0.80, 0.81, 0.79, 0.80, 0.80], "B": [0.90, 0.91, 0.89, 0.91, 0.90]}
    decision = decide(scores, {"A": 1.0, "B": 100.0}, 80, 20)
    assert decision.ranking == ["B", "A"]
    assert decision.clear
    assert decision.cheapest == "B"
    assert decision.duels[0].difference == pytest.approx(0.102)


def test_pairing_finds_what_unpaired_intervals_hide():
    folds = np.array([0.5, 0.6, 0.7, 0.8, 0.9])  # folds differ far more than the candidates do
    decision = decide({"A": folds, "B": folds + [0.010, 0.011, 0.009, 0.010, 0.010]}, {}, 80, 20)
    assert decision.clear
    assert decision.best == "B"


def test_a_tie_goes_to_the_cheaper():
    scores = {"dear": [0.80, 0.90, 0.70, 0.85, 0.75], "cheap": [0.79, 0.80, 0.80, 0.80, 0.80]}
    decision = decide(scores, {"dear": 50.0, "cheap": 1.0}, 80, 20)
    assert decision.best == "dear"
    assert decision.tied == ["cheap"]
    assert decision.cheapest == "cheap"
    assert not decision.clear


def test_equal_scores_tie_and_rounding_is_no_difference():
    same = np.array([0.8, 0.7, 0.9])
    for other in (same, same - 1e-15):
        assert not decide({"A": same, "B": other}, {"A": 2.0, "B": 1.0}, 80, 20).clear


def test_the_classical_answer_is_met_at_a_level_for_many_candidates():
    rng = np.random.default_rng(1)
    scores = {
        name: 0.5 + base + 0.001 * rng.normal(size=5) for name, base in zip("ABCP", (0.2, 0.2, 0.1, 0), strict=True)
    }
    decision = decide(scores, {}, 80, 20, classical="P")
    assert [d.other for d in decision.duels][1:] == ["P"]
    assert decision.duels[1].confidence == pytest.approx(1 - 0.05 / 3)
    assert decision.duels[1].clear


def test_one_candidate_and_none():
    decision = decide({"A": [0.5, 0.6]}, {"A": 1.0}, 80, 20)
    assert (decision.best, decision.duels, decision.clear) == ("A", [], False)
    with pytest.raises(DataError, match="same folds"):
        decide({}, {}, 80, 20)
    with pytest.raises(DataError, match="same folds"):
        decide({"A": [0.1], "B": [0.1, 0.2]}, {}, 80, 20)


def _noise(rng: np.random.Generator, candidates: int) -> dict[str, np.ndarray]:
    """Equal candidates on five folds whose results are correlated by 0.2, as Nadeau and Bengio take overlap to be."""
    common, own = rng.normal(size=(1, candidates)), rng.normal(size=(5, candidates))
    scores = np.sqrt(0.2) * common + np.sqrt(0.8) * own
    return {f"c{i}": scores[:, i] for i in range(candidates)}


def test_noise_between_two_is_called_clear_at_the_nominal_rate():
    rng = np.random.default_rng(0)
    clear = np.mean([decide(_noise(rng, 2), {}, 80, 20).clear for _ in range(2000)])
    assert 0.035 <= clear <= 0.065  # nominal 0.05, three standard errors


def test_noise_among_nine_rarely_makes_a_winner_or_beats_the_classical_answer():
    rng = np.random.default_rng(0)
    decisions = [decide(_noise(rng, 9), {}, 80, 20, classical="c0") for _ in range(2000)]
    assert np.mean([d.clear for d in decisions]) <= 0.05
    beaten = [any(duel.other == "c0" and duel.clear for duel in d.duels) for d in decisions]
    assert np.mean(beaten) <= 0.05
