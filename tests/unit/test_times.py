"""Times as people have them: read in any form, sorted, told apart, and written again in the form they came in."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from punar.data import date_text
from punar.data.panel import read_panel
from punar.data.sequences import read_series
from punar.data.times import as_text, given_back, read_times
from punar.errors import DataError, DataTypeError, ParameterError, PunarWarning

DAYS = pd.date_range("2023-05-01", periods=40)
VALUES = np.arange(40.0)


def times(values, **settings):
    return read_times(pd.Series(values), "when", "here", **settings)


@pytest.mark.parametrize(
    "form",
    ["%d/%m/%Y", "%m/%d/%Y", "%d-%b-%Y", "%B %d, %Y", "%d %B %Y", "%d.%m.%Y", "%Y.%m.%d", "%Y%m%d", "%d%b%Y",
     "%d/%m/%Y %H:%M", "%m-%d-%Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%SZ", "%a, %d %b %Y", "%G-W%V-%u", "%Y/%m/%d"],
)  # fmt: skip
def test_a_format_is_found_over_the_whole_column_and_written_again(form):
    text = DAYS.strftime(form)
    found = times(text)
    assert found.values.dt.tz_localize(None).tolist() == DAYS.tolist()
    assert found.form == form
    assert as_text(found.values.tolist(), found.form) == text.tolist()


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (["2011Q3", "2011Q4"], "2011-07-01"),
        (["2011-Q3", "2011-Q4"], "2011-07-01"),
        (["Q3 2011", "Q4 2011"], "2011-07-01"),
        (["3Q2011", "4Q2011"], "2011-07-01"),
        (["2011-07", "2011-08"], "2011-07-01"),
        (["07/2011", "08/2011"], "2011-07-01"),
        (["Jul 2011", "Aug 2011"], "2011-07-01"),
        (["July 2011", "August 2011"], "2011-07-01"),
        (["2011-W27", "2011-W28"], "2011-07-04"),
        ([201107, 201108], "2011-07-01"),
    ],
)
def test_quarters_months_and_weeks_come_back_as_they_were(text, first):
    found = times(text)
    assert found.values.iloc[0] == pd.Timestamp(first)
    assert given_back(found.values.tolist(), found.form) == list(text)


def test_periods_durations_dates_and_numbers():
    months = pd.period_range("2020-11", periods=3, freq="M")
    found = times(months)
    assert found.values.iloc[1] == pd.Timestamp("2020-12-01")
    assert given_back(found.values.tolist(), found.form) == list(months)
    assert times([dt.date(2020, 5, 1), dt.date(2020, 5, 2)]).values.iloc[1] == pd.Timestamp("2020-05-02")
    assert times([20200501, 20200502]).values.iloc[1] == pd.Timestamp("2020-05-02")
    assert times([2019, 2020]).values.tolist() == [2019, 2020]
    assert times([1_600_000_000, 1_600_003_600]).form is None
    hours = times(pd.to_timedelta([1, 3], unit="h"))
    assert given_back(hours.values.tolist(), hours.form) == [pd.Timedelta("1h"), pd.Timedelta("3h")]
    assert times(["२०२४-०२-२९", "२०२४-०३-०१"]).values.tolist() == list(pd.to_datetime(["2024-02-29", "2024-03-01"]))


def test_where_no_row_tells_the_day_from_the_month_it_is_asked_for():
    text = pd.date_range("2023-05-01", periods=9).strftime("%d/%m/%Y")
    with pytest.raises(DataError, match=r"may be 1 May 2023 \('%d/%m/%Y'\) or 5 January 2023 \('%m/%d/%Y'\)"):
        times(text)
    with pytest.raises(DataError, match="--time-format '%m/%d/%Y'"):
        times(text, option="--time-format ")
    assert times(text, time_format="%m/%d/%Y").values.iloc[1] == pd.Timestamp("2023-02-05")
    assert times(text, time_format="%d/%m/%Y", strict=False).values.iloc[1] == pd.Timestamp("2023-05-02")
    two = pd.date_range("2023-05-14", periods=9).strftime("%d.%m.%y")
    with pytest.raises(DataError, match=r"'%d\.%m\.%y'"):
        times(two)
    assert times(["05/05/2023", "05/05/2023"]).values.iloc[0] == pd.Timestamp("2023-05-05"), "both readings are one"
    # Hours leap by months at every midnight under the other reading.
    hours = pd.date_range("2023-05-02", periods=60, freq="h")
    assert times(hours.strftime("%m/%d/%Y %H:%M")).values.tolist() == hours.tolist()


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        (["2023-05-01", "2023-06-31", "2023-07-01"], DataError, "'2023-06-31' in row 1 is no time in the format"),
        (["14/05/2023", "05/15/2023", "01/02/2023"], DataError, "mixes two orders: '05/15/2023' in row 1"),
        (["spring", "autumn"], DataTypeError, "must hold numbers, dates or text like.*got 'spring'.*time_format="),
        (["2023-05-01", None], DataError, "row 1 has no time"),
        ([True, False], DataTypeError, "got"),
        ([b"2023"], DataTypeError, "got"),
        ([1.0, np.inf], DataTypeError, "got inf"),
    ],
)
def test_what_is_no_time_is_named_with_its_row(values, kind, message):
    with pytest.raises(kind, match=message):
        times(values)


def test_a_format_that_is_none_is_refused():
    with pytest.raises(ParameterError, match="is no format of times"):
        times(["2023-05-01"], time_format="%!")
    with pytest.raises(DataError, match="is no time in the format '%Y'"):
        times(["2023-05-01"], time_format="%Y")
    assert times([1052023, 14052023], time_format="%d%m%Y").values.iloc[0] == pd.Timestamp("2023-05-01")


def test_offsets_from_utc_stay_moments():
    same = times(["2023-05-01T00:00:00+05:30", "2023-05-02T00:00:00+05:30"])
    assert same.values.iloc[0] == pd.Timestamp("2023-04-30T18:30:00Z")
    local = pd.date_range("2023-10-27", periods=5, tz="Europe/Paris")
    with pytest.warns(PunarWarning, match=r"2 offsets.*last offset \(UTC\+01:00\)"):
        days = times([str(t) for t in local])
    assert as_text(days.values.tolist()[-1:], days.form) == [str(local[-1])]
    hours = pd.date_range("2023-10-28 22:00", periods=6, freq="h", tz="Europe/Paris")
    with pytest.warns(PunarWarning, match="2 offsets"):
        assert times([str(t) for t in hours]).values.tolist() == hours.tolist(), "the hour that comes twice is two"


# -- the order of rows


def orders(index):
    """Series in order, newest first, and shuffled."""
    series = pd.Series(VALUES[: len(index)], index=index)
    return series, series[::-1], series.sample(frac=1, random_state=1)


@pytest.mark.parametrize(
    "index",
    [
        DAYS,
        DAYS.tz_localize("Asia/Kolkata"),
        DAYS.strftime("%Y-%m-%d"),
        DAYS.strftime("%d/%m/%Y"),
        pd.Index([d.date() for d in DAYS]),
        pd.Index([int(d) for d in DAYS.strftime("%Y%m%d")]),
        pd.Index([int(d) for d in pd.date_range("2011-03", periods=40, freq="MS").strftime("%Y%m")]),
        pd.Index(list(range(1970, 2010))),
        pd.Index([1_500_000_000 + 3600 * i for i in range(40)]),
        pd.period_range("2011Q2", periods=40, freq="Q"),
        pd.period_range("2011Q2", periods=40, freq="Q").astype(str),
        pd.Index(np.arange(40) / 4),
        pd.to_timedelta(np.arange(40), unit="min"),
        pd.Index(range(40), name="year"),
    ],
)
def test_rows_are_sorted_whatever_holds_their_time(index):
    for X in orders(index):
        np.testing.assert_array_equal(read_panel(X, "here").items[0].ravel(), VALUES)
        np.testing.assert_array_equal(read_panel([X, X.to_frame("v")], "here").items[1].ravel(), VALUES)
        np.testing.assert_array_equal(read_series([X.to_frame("v")], "here").items[0].ravel(), VALUES)
        named = X.rename_axis("when").rename("v").reset_index()
        np.testing.assert_array_equal(read_panel(named, "here", time_column="when").items[0].ravel(), VALUES)
        np.testing.assert_array_equal(
            read_panel(named.set_index("when"), "here", time_column="when").items[0].ravel(), VALUES
        )
        both = {"b": named, "a": named}
        assert read_panel(both, "here", time_column="when").items[0].ravel().tolist() == VALUES.tolist()


def test_labels_that_number_or_name_rows_are_left():
    for index in (range(40), range(5, 85, 2), [f"row {i}" for i in range(40)], [*range(20), *range(20)]):
        panel = read_panel(pd.Series(VALUES, index=index), "here")
        assert panel.times is None
        np.testing.assert_array_equal(panel.items[0].ravel(), VALUES)
    kept = np.r_[0:20, 1600:1610, 1700:1710]  # what a filter may leave
    assert read_panel(pd.Series(VALUES, index=kept), "here").times is None


def test_rows_that_were_reversed_or_shuffled_are_refused():
    frame = pd.DataFrame({"v": VALUES})
    with pytest.raises(DataError, match=r"run backwards, from 39 to 0.*reset_index"):
        read_panel(frame[::-1], "here")
    with pytest.raises(DataError, match="whole numbers in no order"):
        read_panel(frame.sample(frac=1, random_state=0), "here")
    with pytest.raises(DataError, match="run backwards"):
        read_series([frame[::-1]], "here")


def test_a_panel_in_two_levels_of_labels():
    frame = pd.concat([pd.DataFrame({"shop": s, "day": DAYS, "v": VALUES}) for s in ("west", "east")])
    panel = frame.set_index(["shop", "day"]).sample(frac=1, random_state=0)
    for X, settings in (
        (panel, {}),
        (panel["v"], {}),
        (panel.swaplevel(), {}),
        (panel, {"id_column": "shop", "time_column": "day"}),
        (panel.rename_axis([None, None]), {}),
        (panel.reset_index("shop"), {"id_column": "shop"}),
    ):
        found = read_panel(X, "here", **settings)
        assert sorted(found.ids) == ["east", "west"]
        for item in found.items:
            np.testing.assert_array_equal(item.ravel(), VALUES)
    numbered = frame.assign(day=np.tile(np.arange(40), 2)).set_index(["shop", "day"])
    assert read_panel(numbered[::-1], "here").items[0].ravel().tolist() == VALUES.tolist()
    several = read_panel(frame.assign(a="x", b="y").set_index(["a", "b", "shop"])[["v"]], "here")
    assert sorted(several.ids) == [("x", "y", "east"), ("x", "y", "west")], "levels that together name a series"
    assert several.times is None


def test_a_time_that_is_there_twice_is_refused_with_both_rows():
    series = pd.Series(VALUES, index=DAYS.strftime("%d.%m.%Y"))
    with pytest.raises(DataError, match=r"the series has two rows at time 2023-05-03 .*\(row 2 and row 40"):
        read_panel(pd.concat([series, series[2:3]]), "here")


def test_formats_of_texts_that_are_no_dates():
    for text in ("row 7", "a12", "12:30", "1234567", "SEPT2", "May", "3.5", ""):
        assert date_text.formats_of(text) == []
