"""Windows: what is cut equals what a loop would cut, relative to where it ends; splits in time; scales; gaps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from punar.data.windows import Windows, default_context, filled, split_in_time, spread
from punar.preparations.histories import Histories


def items(gaps=False):
    generator = np.random.default_rng(0)
    found = [generator.normal(size=(n, 2)).cumsum(0) * [1, 1000] + [5, -3] for n in (20, 9, 31)]
    if gaps:
        for x in found:
            x[generator.random(x.shape) < 0.3] = np.nan
    return found


def windows(some, context=6, horizon=3, season=4, origins=None, **settings):
    if origins is None:
        origins = [np.arange(context - 1, len(x) - horizon) for x in some]
    scale = np.concatenate([spread(x, context, at + 1) for x, at in zip(some, origins, strict=True)])
    return Windows(some, context, horizon, season, scale, origins, **settings), scale


def test_windows_equal_slices():
    some = items()
    found, scale = windows(some)
    index = torch.arange(len(found))
    past, future, naive = found.past(index), found.future(index), found.naive(index)
    at = 0
    for i, x in enumerate(some):
        for origin in range(5, len(x) - 3):
            last = x[origin]
            np.testing.assert_allclose(past[at], (x[origin - 5 : origin + 1] - last) / scale[at])
            np.testing.assert_allclose(future[at], (x[origin + 1 : origin + 4] - last) / scale[at])
            np.testing.assert_allclose(naive[at], (x[origin - 3 : origin] - last) / scale[at])
            assert found.series[at] == i
            at += 1
    assert at == len(found)
    assert bool((past[:, -1] == 0).all())


def test_a_batch_is_what_its_rows_are_alone():
    found, _ = windows(items(gaps=True))
    index = torch.tensor([7, 3, 3, 11])
    for read in (found.past, found.future, found.naive, found.seen, found.level, found.last_season):
        alone = torch.cat([read(i[None]) for i in index])
        torch.testing.assert_close(read(index), alone, equal_nan=True, rtol=0, atol=0)
        torch.testing.assert_close(
            found.at(index[1:]).at(torch.tensor([2])).past(torch.tensor([0])), found.past(index[3:])
        )


def test_what_is_undone_is_what_it_was():
    some = items()
    found, _ = windows(some)
    index = torch.arange(len(found))
    back = found.undone(index, found.future(index))
    np.testing.assert_allclose(back[0], some[0][6:9])
    np.testing.assert_allclose(found.undone(index, found.future(index).unsqueeze(3))[..., 0], back)


def test_a_window_never_reaches_into_the_next_series():
    some = items()
    ends = [np.array([len(x) - 1]) for x in some]
    found, _ = windows(some, origins=ends)
    index = torch.arange(3)
    assert bool(found.future(index).isnan().all()), "nothing follows the end"
    for i, x in enumerate(some):
        np.testing.assert_allclose(found.undone(index, found.past(index))[i], x[-6:])
    inside, _ = windows(some, origins=[e - 1 for e in ends])
    known = ~inside.future(index).isnan()
    assert known[:, 0].all()
    assert not known[:, 1:].any()


@pytest.mark.parametrize(("season", "horizon"), [(4, 3), (4, 4), (4, 9), (6, 13), (2, 5)])
def test_the_naive_path_repeats_the_last_season(season, horizon):
    x = np.arange(40.0)[:, None] ** 2
    found, _ = windows([x], season=season, horizon=horizon, origins=[np.array([19])])
    last = x[20 - season : 20]
    expected = np.tile(last, (-(-horizon // season), 1))[:horizon]
    np.testing.assert_allclose(found.undone(torch.tensor([0]), found.naive(torch.tensor([0])))[0], expected)
    assert found.seasonal


@pytest.mark.parametrize("season", [1, 7])
def test_without_a_season_inside_the_context_the_naive_path_is_the_last_value(season):
    found, _ = windows([np.arange(40.0)[:, None]], season=season)
    index = torch.arange(len(found))
    assert not found.seasonal
    assert bool((found.naive(index) == 0).all())
    longer = found.last_season(index)
    if season == 7:
        assert longer[0].isnan().ravel().tolist() == [True, False, False], "of seven steps before, six are known"
        np.testing.assert_allclose(found.undone(index, longer)[5].ravel(), [4.0, 5.0, 6.0])


def test_gaps_take_the_value_before_and_are_flagged():
    x = np.array([[np.nan, 1.0], [2, np.nan], [np.nan, np.nan], [np.nan, 4], [5, np.nan], [np.nan, 6], [7, 7], [8, 8]])
    np.testing.assert_array_equal(filled(x)[:, 0], [2, 2, 2, 2, 5, 5, 7, 8])
    np.testing.assert_array_equal(filled(x)[:, 1], [1, 1, 1, 4, 4, 6, 7, 8])
    found = Windows([x], 4, 2, 1, np.ones((2, 2)), [np.array([3, 5])])
    index = torch.arange(2)
    assert found.masked
    np.testing.assert_array_equal(found.level(index)[:, 0], [[2, 4], [5, 6]])
    np.testing.assert_array_equal(found.seen(index), ~np.isnan(np.stack([x[0:4], x[2:6]])))
    np.testing.assert_array_equal(found.future(index)[0], [[3, np.nan], [np.nan, 2]])


def test_the_scale_is_what_windows_hold_and_is_known_at_each_origin():
    x = items(gaps=True)[2]
    found = spread(x, 5, [10, 20, 31])
    for n, row in zip((10, 20, 31), found, strict=True):
        np.testing.assert_array_equal(spread(x[:n], 5, [n])[0], row)
        squares = [np.nanmean((x[lag:n] - x[: n - lag]) ** 2, axis=0) for lag in (1, 2, 3, 4)]
        np.testing.assert_allclose(row, np.sqrt(np.mean(squares, axis=0)))


def test_the_scale_does_not_grow_with_the_length_of_a_trend():
    trend = np.arange(1000.0)[:, None] * [1.0, -20.0]
    found = spread(trend, 8, [10, 100, 1000])
    np.testing.assert_allclose(found, found[[0, 0, 0]])
    np.testing.assert_allclose(found[:, 1], 20 * found[:, 0])


@pytest.mark.parametrize("x", [np.full((20, 1), 7.0), np.full((20, 1), 1e9), np.zeros((1, 1)), np.full((20, 1), 0.1)])
def test_what_does_not_move_has_scale_one(x):
    assert spread(x, 5, [len(x)]).tolist() == [[1.0]]


def test_gaps_do_not_count_in_the_scale():
    x = np.arange(50.0)[:, None]
    holes = x.copy()
    holes[::7] = np.nan
    np.testing.assert_allclose(spread(holes, 2, [50]), spread(x, 2, [50]))
    holes[:] = np.nan
    assert spread(holes, 2, [50]).tolist() == [[1.0]]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 12, 13, 40, 400])
@pytest.mark.parametrize("horizon", [1, 2, 12])
@pytest.mark.parametrize("fraction", [0.0, 0.15, 0.5, 0.9])
def test_held_out_windows_come_after_and_share_no_future(count, horizon, fraction):
    trained, held_out = split_in_time(count, horizon, fraction)
    assert trained >= 1
    assert held_out >= 0
    assert trained + held_out <= count
    if held_out:
        last_of_training = trained - 1 + horizon  # steps behind the first origin
        first_of_held_out = count - held_out + 1
        assert last_of_training < first_of_held_out
        assert trained >= count / 4
        assert held_out <= max(1, round(fraction * count))
    else:
        assert trained == count
    if fraction == 0:
        assert held_out == 0


@pytest.mark.parametrize("shortest", [2, 3, 5, 14, 30, 100, 1000])
@pytest.mark.parametrize("season", [1, 7, 12, 365])
def test_the_default_context_leaves_windows(shortest, season):
    for horizon in (1, 4, 12):
        if shortest > horizon:
            context = default_context(shortest, horizon, season)
            assert 1 <= context <= 64
            assert shortest - context - horizon + 1 >= 1


def test_a_preparation_reads_a_series_as_training_reads_its_last_window():
    for missing in ("refuse", "mask"):
        some = items(gaps=missing == "mask")
        facts = Histories(channels=2, context=6, missing=missing)
        found = facts.windows(some, 3, 1)
        steps = facts.steps(found, torch.arange(3))
        for i, x in enumerate(some):
            assert torch.equal(facts.prepare(x), steps[i])
            assert facts.prepare(x).shape == (6, facts.width)
        batch = facts.collate([facts.prepare(x) for x in some], 6)
        assert batch["values"].shape == (3, 6, facts.width)
        assert batch["lengths"].tolist() == [6, 6, 6]
    assert Histories.from_facts(facts.facts()) == facts


@pytest.mark.parametrize(
    "change", [{"channels": 0}, {"channels": "2"}, {"names": ["a"]}, {"missing": "x"}, {"scaled": 1}, {"id_column": 3}]
)
def test_stored_facts_are_not_trusted(change):
    facts = Histories(channels=2, context=6).facts() | change
    with pytest.raises(ValueError):
        Histories.from_facts(facts)
