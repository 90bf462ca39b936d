"""Ends of intervals: the finite-sample rule with few windows, each side its own, and ends that follow what comes."""

from __future__ import annotations

import numpy as np
import pytest

from punar.core import intervals
from punar.errors import DataError


@pytest.mark.parametrize("windows", [3, 10, 40])
@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_new_values_are_covered_as_promised_and_not_much_more(windows, coverage):
    """Independent errors, a new set of windows each time: few windows make up for what they do not tell."""
    generator = np.random.default_rng(0)
    inside = []
    for _ in range(400):
        errors = generator.normal(0, [[1.0], [3.0]], (windows, 2, 1))
        below, above = intervals.sides(errors, coverage, "here")
        new = generator.normal(0, [[1.0], [3.0]], (50, 2, 1))
        inside.append(((new >= -below) & (new <= above)).mean())
    assert coverage - 0.03 <= np.mean(inside) <= min(1.0, coverage + 0.12)


def test_each_side_has_an_end_of_its_own():
    errors = np.random.default_rng(0).exponential(size=(500, 3, 1)) - 0.2
    below, above = intervals.sides(errors, 0.8, "here")
    np.testing.assert_allclose(above, np.quantile(errors, 0.9), rtol=0.15)
    assert (below < 0.3 * above).all()
    assert (below > 0).all()


def test_steps_and_channels_keep_their_unit_and_nan_does_not_count():
    errors = np.random.default_rng(0).normal(size=(200, 2, 2)) * [[1.0, 100.0], [2.0, 200.0]]
    found = intervals.sides(errors, 0.9, "here")
    np.testing.assert_allclose(found[:, 1] / found[:, 0], 2, rtol=0.2)
    np.testing.assert_allclose(found[:, :, 1] / found[:, :, 0], 100, rtol=0.2)
    errors[::2, 0] = np.nan
    assert np.isfinite(intervals.sides(errors, 0.9, "here")).all()
    with pytest.raises(DataError, match="there are 0"):
        intervals.sides(errors[:0], 0.9, "here")


def test_errors_of_zero_give_an_interval_of_next_to_no_width():
    found = intervals.sides(np.zeros((5, 2, 1)), 0.8, "here")
    assert (found >= 0).all()
    assert (found < 1e-9).all()


def test_a_pair_of_quantiles_is_widened_or_narrowed():
    unit = np.ones((2, 1))
    outside = np.random.default_rng(0).normal(-3, 1, (500, 2, 1))
    np.testing.assert_allclose(intervals.beyond(outside, unit, 0.8), np.quantile(outside, 0.8), atol=0.15)
    assert (intervals.beyond(outside + 9, unit, 0.8) > 6).all()


@pytest.mark.parametrize("level", [0.1, 0.025])
@pytest.mark.parametrize("scale", [0.2, 1.0, 5.0])
def test_in_the_long_run_the_asked_share_lies_beyond(level, scale):
    ratios = scale * np.random.default_rng(0).normal(size=(4000, 4))
    path = intervals.followed(ratios, level)
    before = np.r_[0.0, path[:-1]]
    beyond = (ratios > np.exp(before)[:, None])[1000:].mean()
    assert level * 0.8 <= beyond <= level * 1.2


def test_errors_that_never_change_do_not_run_away():
    assert np.isfinite(intervals.followed(np.full((20000, 1), np.inf), 0.025)).all()
    assert np.isfinite(intervals.followed(np.zeros((20000, 1)), 0.025)).all()
    assert intervals.followed(np.full((3, 2), np.nan), 0.1).tolist() == [0.0, 0.0, 0.0]
