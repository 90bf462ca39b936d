"""Split-conformal radii: the finite-sample rule, coverage that is measured, too few errors."""

from __future__ import annotations

import numpy as np
import pytest

from punar.core import conformal
from punar.errors import DataError


@pytest.mark.parametrize("coverage", [0.5, 0.7, 0.8, 0.9, 0.95, 0.99])
def test_fewest_is_the_smallest_number_whose_rank_exists(coverage):
    n = conformal.fewest(coverage)
    assert conformal.rank(n, coverage) <= n
    assert n == 1 or conformal.rank(n - 1, coverage) > n - 1


def test_the_radius_is_the_error_of_the_finite_sample_rank():
    errors = np.array([5.0, 1, 3, 2, 4, 9, 8, 7, 6])
    assert conformal.radius(errors, 0.9, "here") == 9.0, "ceil(10 * 0.9) = 9th of 9, not the plain quantile"
    assert conformal.radius(errors, 0.8, "here") == 8.0
    assert conformal.radius(errors, 0.7, "here") == 7.0, "(9 + 1) * 0.7 is a little over 7 in floats"
    assert conformal.radius(errors, 0.5, "here") == 5.0


def test_every_column_has_its_own_radius_and_nan_does_not_count():
    errors = np.stack([np.arange(1.0, 21), np.arange(10.0, 210, 10)], 1)
    assert conformal.radius(errors, 0.8, "here").tolist() == [17.0, 170.0]
    errors[15:, 0] = np.nan
    assert conformal.radius(errors, 0.8, "here").tolist() == [13.0, 170.0], "ceil(16 * 0.8) of the 15 that are known"
    assert conformal.radius(errors.reshape(20, 2, 1), 0.8, "here").shape == (2, 1)


@pytest.mark.parametrize("n", [9, 19, 50])
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_coverage_of_new_values_is_what_was_asked(n, coverage):
    """The mean over calibration sets is rank / (n + 1) for any continuous distribution: here one with heavy tails."""
    generator = np.random.default_rng(0)
    errors = np.abs(generator.standard_t(2, (n, 4000)))
    new = np.abs(generator.standard_t(2, 4000))
    share = (new <= conformal.radius(errors, coverage, "here")).mean()
    exact = conformal.rank(n, coverage) / (n + 1)
    assert exact >= coverage
    assert share == pytest.approx(exact, abs=4 * np.sqrt(0.25 / 4000))


def test_the_plain_quantile_would_cover_too_little():
    generator = np.random.default_rng(1)
    errors, new = np.abs(generator.normal(size=(9, 4000))), np.abs(generator.normal(size=4000))
    plain = (new <= np.quantile(errors, 0.9, axis=0)).mean()
    assert plain < 0.87 < (new <= conformal.radius(errors, 0.9, "here")).mean()


def test_quantile_errors_correct_intervals_that_are_too_narrow_and_too_wide():
    generator = np.random.default_rng(2)
    spread = generator.uniform(0.5, 3, 6000)
    actual = generator.normal(size=6000) * spread
    for factor in (0.5, 3.0):
        low, high = -factor * spread, factor * spread
        errors = conformal.beyond(actual[:3000], low[:3000], high[:3000])
        r = conformal.radius(errors, 0.9, "here")
        inside = (actual[3000:] >= low[3000:] - r) & (actual[3000:] <= high[3000:] + r)
        assert inside.mean() == pytest.approx(0.9, abs=0.02)
        assert (r > 0) == (factor == 0.5)


@pytest.mark.parametrize(("n", "coverage", "needed"), [(8, 0.9, 9), (18, 0.95, 19), (0, 0.5, 1), (98, 0.99, 99)])
def test_too_few_errors_are_refused_with_both_numbers(n, coverage, needed):
    with pytest.raises(DataError, match=f"here: coverage={coverage:g} needs at least {needed} .* there are {n}"):
        conformal.radius(np.ones((n, 3)), coverage, "here")
    assert conformal.radius(np.ones((needed, 3)), coverage, "here").tolist() == [1, 1, 1]
    errors = np.ones((needed, 3))
    errors[0, 1] = np.nan
    with pytest.raises(DataError, match=f"there are {needed - 1}"):
        conformal.radius(errors, coverage, "here")
