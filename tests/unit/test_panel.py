"""What users pass as series to forecast: shapes, tables, times; clocks and seasons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from punar.data.ahead import read_ahead
from punar.data.clock import Clock, clock_of
from punar.data.panel import read_panel
from punar.data.season import find_season
from punar.errors import DataError, DataTypeError, ParameterError, PunarWarning

DAYS = pd.date_range("2024-01-01", periods=6)


def read(X, **settings):
    return read_panel(X, "here", **settings)


def long_table():
    """Two series, rows in no order, with names in Devanagari."""
    frame = pd.DataFrame(
        {
            "शहर": ["पुणे"] * 6 + ["दिल्ली"] * 4,
            "day": [*DAYS, *DAYS[:4]],
            "sold": np.arange(10.0),
        }
    )
    return frame.sample(frac=1, random_state=0)


@pytest.mark.parametrize(
    ("X", "single", "flat", "shapes"),
    [
        (np.arange(5), True, True, [(5, 1)]),
        ([1, 2, 3.5], True, True, [(3, 1)]),
        (torch.arange(4), True, True, [(4, 1)]),
        (pd.Series([1, 2, 3]), True, True, [(3, 1)]),
        (np.zeros((5, 2)), True, False, [(5, 2)]),
        (pd.DataFrame({"a": [1, 2], "b": [3, 4]}), True, False, [(2, 2)]),
        (pd.DataFrame({"a": [1, 2, 3]}), True, True, [(3, 1)]),
        (np.zeros((3, 5, 2)), False, False, [(5, 2)] * 3),
        ([[1, 2, 3], [1, 2]], False, True, [(3, 1), (2, 1)]),
        ([np.zeros(3), np.zeros(7)], False, True, [(3, 1), (7, 1)]),
        ([np.zeros((3, 2)), np.zeros((7, 2))], False, False, [(3, 2), (7, 2)]),
        ([pd.Series([1.0, 2]), pd.Series([3.0])], False, True, [(2, 1), (1, 1)]),
        ({"north": [1, 2, 3], "south": np.arange(5)}, False, True, [(3, 1), (5, 1)]),
        (pl.DataFrame({"a": [1.0, 2.0], "b": [3, 4]}), True, False, [(2, 2)]),
    ],
)
def test_every_form(X, single, flat, shapes):
    panel = read(X)
    assert (panel.single, panel.flat) == (single, flat)
    assert [x.shape for x in panel.items] == shapes
    assert all(x.dtype == np.float64 for x in panel.items)
    answers = np.zeros((len(panel), 4, panel.channels, 2))
    expected = ((len(panel),) if not single else ()) + (4,) + ((panel.channels,) if not flat else ()) + (2,)
    assert panel.shaped(answers).shape == expected


def test_a_long_table_is_sorted_by_time_and_keeps_its_names():
    frame = long_table()
    panel = read(frame, id_column="शहर", time_column="day")
    assert panel.ids == list(dict.fromkeys(frame["शहर"]))
    by_id = dict(zip(panel.ids, panel.items, strict=True))
    assert by_id["पुणे"].ravel().tolist() == [0, 1, 2, 3, 4, 5]
    assert by_id["दिल्ली"].ravel().tolist() == [6, 7, 8, 9]
    assert panel.names == ("sold",)
    assert panel.flat
    last = dict(zip(panel.ids, panel.clocks, strict=True))
    assert last["दिल्ली"].after(1) == [pd.Timestamp("2024-01-05")]
    times = dict(zip(panel.ids, panel.times, strict=True))
    assert times["पुणे"].tolist() == list(DAYS)


def test_times_as_text_numbers_periods_and_an_index():
    values = [3.0, 1, 2]
    for times in (
        ["2024-03-01", "2024-01-01", "2024-02-01"],
        [3, 1, 2],
        pd.PeriodIndex(["2024-03", "2024-01", "2024-02"], freq="M"),
    ):
        panel = read(pd.DataFrame({"t": times, "v": values}), time_column="t")
        assert panel.items[0].ravel().tolist() == [1, 2, 3]
    for index in (
        pd.DatetimeIndex(["2024-03-01", "2024-01-01", "2024-02-01"]),
        pd.PeriodIndex(["2024-03", "2024-01", "2024-02"], freq="M"),
    ):
        for X in (pd.Series(values, index=index), pd.DataFrame({"v": values}, index=index)):
            panel = read(X)
            assert panel.items[0].ravel().tolist() == [1, 2, 3]
            assert panel.clocks[0].after(2) == [pd.Timestamp("2024-04-01"), pd.Timestamp("2024-05-01")]


def test_duplicate_times_are_refused_with_id_and_time():
    frame = long_table()
    twice = pd.concat([frame, frame[frame["शहर"] == "पुणे"].iloc[:1]])
    with pytest.raises(DataError, match="'पुणे' has two rows at time 2024-01"):
        read(twice, id_column="शहर", time_column="day")
    with pytest.raises(DataError, match="two rows at time"):
        read(pd.Series([1.0, 2], index=pd.DatetimeIndex(["2024-01-01"] * 2)))


def test_irregular_steps_warn_with_the_first_series():
    frame = long_table()
    frame = frame[(frame["day"] != DAYS[2]) | (frame["शहर"] != "पुणे")]
    with pytest.warns(PunarWarning, match=r"times of series 'पुणे' \(1 of 2 series\) are not equally far apart"):
        panel = read(frame, id_column="शहर", time_column="day")
    assert sorted(map(len, panel.items)) == [4, 5]
    months = pd.Series(np.arange(14.0), index=pd.date_range("2023-01-31", periods=14, freq="ME"))
    assert read(months).clocks[0].after(1) == [pd.Timestamp("2024-03-31")], "months are equal steps"


@pytest.mark.parametrize(
    ("X", "settings", "message"),
    [
        (np.zeros(0), {}, "0 steps"),
        ([], {}, "0 sample"),
        ({}, {}, "0 series"),
        ([np.arange(3.0), np.zeros(0)], {}, r"X\[1\] has length 0"),
        ([np.zeros((3, 2)), np.zeros((3, 1))], {}, r"X\[1\] has 1 channels"),
        (np.zeros((2, 2, 2, 2)), {}, "shape"),
        ([1.0, np.nan, 2], {}, "the series has nan at step 1, channel 0.*missing='mask'"),
        ([[1.0, 2], [np.inf, 1]], {}, "series 1 has inf at step 0.*repair"),
        ([1.0, np.inf], {"missing": "mask"}, "inf at step 1"),
        (np.array([[1, np.nan], [2, np.nan]]), {"missing": "mask"}, "no value at all in channel 1"),
        (np.zeros((5, 2)), {"channels": 3}, "X has 2 channels.*expecting 3"),
        (pd.DataFrame({"i": ["a", "a"], "v": [1.0, np.nan]}), {"id_column": "i"}, "series 'a' has nan at step 1.*'v'"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(X, settings, message):
    with pytest.raises(DataError, match=message):
        read(X, **settings)


@pytest.mark.parametrize(
    ("X", "settings", "kind"),
    [
        ("text", {}, DataTypeError),
        (3, {}, DataTypeError),
        (["a", "b"], {}, DataTypeError),
        (np.arange(3.0), {"id_column": "id"}, ParameterError),
        (pd.DataFrame({"v": [1.0]}), {"id_column": "id"}, ParameterError),
        (pd.DataFrame({"t": ["noon", "night"], "v": [1.0, 2]}), {"time_column": "t"}, DataTypeError),
        (pd.DataFrame({"v": ["x", "y"]}), {}, DataTypeError),
    ],
)
def test_wrong_types_are_refused(X, settings, kind):
    with pytest.raises(kind, match="here"):
        read(X, **settings)


def test_missing_values_may_stay():
    panel = read([1.0, None, 3.0], missing="mask")
    np.testing.assert_array_equal(panel.items[0].ravel(), [1, np.nan, 3])


@pytest.mark.parametrize("freq", ["MS", "ME", "D", "B", "h", "W-SUN", "QS", "YS", "15min"])
def test_clocks_go_on_by_the_calendar(freq):
    stamps = pd.date_range("2024-01-01", periods=12, freq=freq)
    clock = clock_of(pd.Series(stamps[:9]))
    assert clock.regular
    assert clock.after(3) == list(stamps[9:])
    assert clock_of(pd.Series(stamps[:1])) is None


def test_clocks_of_numbers_and_of_two_dates():
    assert clock_of(pd.Series([1885, 1886, 1887])) == Clock(1887.0, 1.0)
    assert clock_of(pd.Series([0.1, 0.2, 0.3, 0.4])).regular
    assert not clock_of(pd.Series([1, 2, 4])).regular
    two = clock_of(pd.Series(pd.to_datetime(["2024-01-01", "2024-01-03"])))
    assert two.after(1) == [pd.Timestamp("2024-01-05")]


@pytest.mark.parametrize(("period", "cycles"), [(4, 10), (7, 12), (12, 5), (12, 20), (24, 8)])
def test_a_season_in_noise_and_trend_is_found(period, cycles):
    generator = np.random.default_rng(period)
    pattern = generator.normal(size=period)
    x = np.tile(pattern, cycles) + 0.02 * np.arange(period * cycles) + 0.3 * generator.normal(size=period * cycles)
    assert find_season([x[:, None]]) == period


def test_a_course_of_days_inside_one_of_years_is_found():
    hours = np.arange(24 * 40)
    x = 10 * np.sin(2 * np.pi * hours / 8766) + np.sin(2 * np.pi * hours / 24)
    assert find_season([x[:, None]]) == 24


def test_where_there_is_no_season_none_is_found():
    generator = np.random.default_rng(0)
    wrong = 0
    for n in (40, 150, 500):
        for _ in range(20):
            wrong += find_season([generator.normal(size=(n, 1))]) > 1
            wrong += find_season([generator.normal(size=(n, 1)).cumsum(0)]) > 1
    assert wrong <= 8, "of 120"
    for still in (np.arange(100.0), np.ones(100), np.arange(100.0) * 1e9, np.arange(5.0)):
        assert find_season([still[:, None]]) == 1


def test_the_season_of_many_series_is_a_common_one():
    generator = np.random.default_rng(1)
    steps = np.arange(60)
    many = [
        np.sin(2 * np.pi * (steps / 12 + generator.random()))[:, None] + 0.5 * generator.normal(size=(60, 1))
        for _ in range(30)
    ]
    assert find_season(many) == 12


# -- the calendar


def following(times, count=3):
    return [str(t) for t in clock_of(pd.Series(times)).after(count)]


@pytest.mark.parametrize(
    ("times", "wanted"),
    [
        (pd.bdate_range("2024-01-01", periods=30), ["2024-02-12", "2024-02-13", "2024-02-14"]),
        (pd.date_range("2024-01-31", periods=13, freq="ME"), ["2025-02-28", "2025-03-31", "2025-04-30"]),
        (pd.date_range("2020-01-01", periods=14, freq="QS"), ["2023-07-01", "2023-10-01", "2024-01-01"]),
        (pd.date_range("2020-02-29", periods=14, freq="QE-NOV"), ["2023-08-31", "2023-11-30", "2024-02-29"]),
        (pd.to_datetime(["2024-02-29", "2024-03-30", "2024-04-30"]), ["2024-05-30", "2024-06-30", "2024-07-30"]),
        (pd.to_datetime(["2023-11-15", "2023-12-15", "2024-01-15"]), ["2024-02-15", "2024-03-15", "2024-04-15"]),
        (pd.to_datetime(["2024-01-01", "2024-02-01"]), ["2024-03-01", "2024-04-01", "2024-05-01"]),
    ],
)
def test_steps_go_on_by_the_calendar(times, wanted):
    assert following(times) == [f"{day} 00:00:00" for day in wanted]
    assert clock_of(pd.Series(times)).regular


@pytest.mark.parametrize(
    ("times", "wanted"),
    [
        # Friday the 22nd of March: what follows is Monday.
        (pd.bdate_range("2024-01-01", "2024-03-22").delete([10, 11, 35]), ["2024-03-25", "2024-03-26"]),
        (pd.date_range("2020-01-31", "2023-04-30", freq="ME").delete([5, 20]), ["2023-05-31", "2023-06-30"]),
        (pd.date_range("2020-01-01", "2023-04-01", freq="MS").delete([5, 20]), ["2023-05-01", "2023-06-01"]),
        (pd.date_range("2024-01-01", "2024-02-10").delete([5, 20]), ["2024-02-11", "2024-02-12"]),
    ],
)
def test_a_calendar_with_gaps_is_still_that_calendar_and_not_regular(times, wanted):
    assert following(times, 2) == [f"{day} 00:00:00" for day in wanted]
    assert not clock_of(pd.Series(times)).regular


@pytest.mark.parametrize("gap", [[], [5]])
def test_days_keep_the_hour_of_their_zone_through_summer_time(gap):
    days = pd.date_range("2024-03-01 09:00", periods=29, freq="D", tz="Europe/Berlin").delete(gap)
    assert following(days, 4)[1:3] == ["2024-03-31 09:00:00+02:00", "2024-04-01 09:00:00+02:00"]
    months = pd.date_range("2024-01-31 09:00", periods=2, freq="ME", tz="Europe/Berlin")
    assert following(months, 2) == ["2024-03-31 09:00:00+02:00", "2024-04-30 09:00:00+02:00"]


def test_hours_go_on_by_the_clock_that_skips_one():
    hours = pd.date_range("2024-03-30 20:00", periods=6, freq="h", tz="Europe/Berlin")
    assert following(hours, 2) == ["2024-03-31 03:00:00+02:00", "2024-03-31 04:00:00+02:00"]


def test_offsets_that_name_no_zone_are_moments_and_go_on_with_the_last():
    text = ["2024-03-30T00:00:00+01:00", "2024-03-31T00:00:00+01:00", "2024-04-01T00:00:00+02:00"]
    frame = pd.DataFrame({"day": text, "v": [1.0, 2, 3]})
    with pytest.warns(PunarWarning, match="2 offsets from UTC.*goes on with the last offset"):
        panel = read_panel(frame, "here", time_column="day")
    assert [str(t) for t in panel.clocks[0].after(1)] == ["2024-04-02 00:00:00+02:00"]


# -- what is known ahead


def test_what_is_known_ahead_is_read_by_name_id_and_time():
    days = pd.date_range("2024-01-01", periods=10)
    frame = pd.concat([pd.DataFrame({"id": i, "day": days, "y": 1.0, "p": 0.0}) for i in ("b", "a")])
    panel = read_panel(frame, "here", id_column="id", time_column="day")
    coming = pd.date_range("2024-01-11", periods=2)
    future = pd.concat([pd.DataFrame({"id": i, "day": coming, "p": [v, v + 1]}) for i, v in (("a", 1.0), ("b", 5.0))])
    keys = {"id_column": "id", "time_column": "day"}
    found = read_ahead(future.sample(frac=1, random_state=0), panel, ["p"], 1, 2, "here", **keys)
    assert [x.ravel().tolist() for x in found] == [[5, 6], [1, 2]]
    untimed = read_ahead(future.drop(columns="day"), panel, ["p"], 1, 2, "here", **keys)
    assert [x.ravel().tolist() for x in untimed] == [[5, 6], [1, 2]]
    arrays = read_ahead({"a": [1, 2], "b": [5, 6]}, panel, ["p"], 1, 2, "here", **keys)
    assert [x.ravel().tolist() for x in arrays] == [[5, 6], [1, 2]]
    for wrong, message in (
        (future.rename(columns={"p": "promo"}), "no column 'p'"),
        (future[future["id"] == "a"], "no row for series 'b'"),
        (future[future["day"] == coming[0]], "has 1 steps; the model forecasts 2"),
        (future.assign(day=future["day"] + pd.Timedelta(days=1)), "step 1 is expected at 2024-01-11"),
        (future.assign(p=np.nan), "What is known ahead must be known"),
        ([[1.0, 2]], "is for 1 series, and there are 2"),
        ([[1.0], [2.0]], "has 1 steps; the model forecasts 2"),
        ([np.zeros((2, 3))] * 2, r"must be \(2, 1\)"),
        ([["x", "y"]] * 2, "must hold numbers"),
        ({"a": [1, 2]}, "nothing for series 'b'"),
    ):
        with pytest.raises(DataError, match=message):
            read_ahead(wrong, panel, ["p"], 1, 2, "here", **keys)


def test_business_days_that_are_known_ahead_skip_the_weekend():
    days = pd.bdate_range("2024-01-01", periods=10)
    panel = read_panel(pd.DataFrame({"y": 1.0, "p": 0.0}, index=days), "here")
    coming = pd.DataFrame({"p": [1.0, 2]}, index=pd.bdate_range("2024-01-15", periods=2))
    assert read_ahead(coming, panel, ["p"], 1, 2, "here")[0].ravel().tolist() == [1, 2]
    with pytest.raises(DataError, match="step 1 is expected at 2024-01-15"):
        read_ahead(coming.set_axis(pd.date_range("2024-01-13", periods=2)), panel, ["p"], 1, 2, "here")
