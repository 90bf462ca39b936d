"""Calendars: weeks of fewer days, holidays, months of business days, steps that are inserted, what is known ahead."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from pandas.tseries.holiday import USFederalHolidayCalendar

import punar
from punar.data.ahead import read_ahead
from punar.data.clock import Clock, clock_of
from punar.data.panel import read_panel
from punar.errors import DataError, ParameterError, PunarWarning


def week(days, count, start="2023-03-01"):
    return pd.date_range(start, periods=count, freq=pd.offsets.CustomBusinessDay(weekmask=days))


@pytest.mark.parametrize("gaps", [[], [7, 19, 31]])
@pytest.mark.parametrize(
    "days",
    ["Sun Mon Tue Wed Thu", "Mon Tue Wed Thu Fri Sat", "Sat Sun", "Tue Thu", "Mon Wed Fri", "Sat Sun Mon Tue Wed"],
)
def test_weeks_of_fewer_days_go_on(days, gaps):
    every = week(days, 45)
    clock = clock_of(pd.Series(every[:40].delete(gaps)))
    assert clock.after(5) == list(every[40:])
    assert clock.regular == (not gaps)
    assert not clock.guessed


def test_business_days_without_holidays_stay_business_days():
    every = pd.bdate_range("2022-06-01", periods=200)
    open_days = every.difference(USFederalHolidayCalendar().holidays("2022", "2024"))
    clock = clock_of(pd.Series(open_days.tz_localize("America/New_York")))
    following = clock.after(10)
    assert all(t.day_of_week < 5 and t.hour == 0 and str(t.tz) == "America/New_York" for t in following)
    assert following[0].tz_localize(None) == every[-1] + pd.offsets.BDay()


@pytest.mark.parametrize("freq", ["BME", "BMS", "BQE"])
@pytest.mark.parametrize("gaps", [[], [4, 15]])
def test_business_months_go_on(freq, gaps):
    every = pd.date_range("2016-02-01", periods=30, freq=freq)
    assert clock_of(pd.Series(every[:25].delete(gaps))).after(5) == list(every[25:])


def test_a_midnight_that_summer_time_skips():
    days = pd.date_range("2023-03-10", periods=15, tz="Asia/Beirut")
    assert [t.hour for t in clock_of(pd.Series(days)).after(3)] == [0, 1, 0], "the 26th began at one"


def test_times_without_a_calendar_are_said_and_have_no_future():
    opened = [
        t
        for d in pd.bdate_range("2023-03-01", periods=8)
        for t in pd.date_range(d + pd.Timedelta("9h"), periods=7, freq="30min")
    ]
    draw = np.random.default_rng(3)
    jitter = pd.Timestamp("2023-03-01") + pd.to_timedelta(np.cumsum(draw.integers(40, 80, 50)), unit="s")
    weekdays = pd.date_range("2023-03-01", periods=24 * 21, freq="h")
    weekdays = weekdays[weekdays.day_of_week < 5]
    for stamps in (
        pd.DatetimeIndex(opened),
        weekdays,
        jitter,
        pd.DatetimeIndex(["2023-01-01", "2023-01-09", "2023-03-04"]),
    ):
        with pytest.warns(PunarWarning, match="follow no calendar"):
            panel = read_panel(pd.DataFrame({"v": 1.0, "p": 0.0}, index=stamps), "here")
        ahead = pd.DataFrame({"p": [1.0]}, index=stamps[-1:] + pd.Timedelta("1D"))
        with pytest.raises(DataError, match=r"follow no calendar that punar knows.*Leave them out"):
            read_ahead(ahead, panel, ["p"], 1, 1, "here")
        assert read_ahead(ahead.reset_index(drop=True), panel, ["p"], 1, 1, "here")[0].tolist() == [[1.0]]
    outages = pd.date_range("2023-03-01", periods=100, freq="h").delete([5, 6, 70])
    assert not clock_of(pd.Series(outages)).guessed
    assert clock_of(pd.Series([1, 2, 3, 5])).after(2) == [6, 7]


# -- freq=


@pytest.mark.parametrize(
    ("stamps", "freq"),
    [
        (pd.bdate_range("2023-03-01", periods=30), "B"),
        (pd.bdate_range("2023-03-01", periods=30), "auto"),
        (week("Mon Tue Wed Thu Fri Sat", 30), "Mon Tue Wed Thu Fri Sat"),
        (pd.date_range("2023-03-10", periods=30, tz="Europe/Paris"), "D"),
        (pd.date_range("2018-01-31", periods=30, freq="ME"), "auto"),
        (pd.date_range("2018-01-31", periods=30, freq="ME"), "ME"),
        (pd.date_range("2018-01-07", periods=30, freq="W"), "W"),
        (pd.date_range("2023-03-25", periods=30, freq="h", tz="Europe/Paris"), "h"),
        (pd.Index(range(1980, 2010), name="year"), 1),
    ],
)
def test_missing_steps_are_inserted_without_values(stamps, freq):
    gaps = [4, 5, 20]
    series = pd.Series(np.arange(30.0), index=stamps).drop(stamps[gaps])
    panel = read_panel(series[::-1], "here", freq=freq, missing="mask")
    assert np.flatnonzero(np.isnan(panel.items[0].ravel())).tolist() == gaps
    assert panel.times[0].tolist() == stamps.tolist()
    assert panel.clocks[0].regular
    with pytest.raises(
        DataError, match=f"inserts 3 steps that the series does not have, the first at {str(stamps[4])[:4]}"
    ):
        read_panel(series, "here", freq=freq)


@pytest.mark.parametrize(
    ("freq", "kind", "message"),
    [
        ("fortnight", ParameterError, "is no step. Give a pandas frequency"),
        (2, ParameterError, "is no step"),
        ("W-MON", DataError, "has the time 2023-03-02.*not one of the steps"),
        ("s", DataError, "makes .* steps of the 30"),
    ],
)
def test_a_step_that_does_not_fit_is_refused(freq, kind, message):
    series = pd.Series(np.arange(30.0), index=pd.date_range("2023-03-01", periods=30))
    with pytest.raises(kind, match=message):
        read_panel(series, "here", freq=freq, missing="mask")


# -- what is known ahead


@pytest.fixture(scope="module")
def six_days():
    days = week("Mon Tue Wed Thu Fri Sat", 44)
    frame = pd.DataFrame({"v": np.arange(44.0), "p": (np.arange(44) % 4 == 0) * 1.0}, index=days)
    return frame[:40], frame[["p"]][40:]


def test_the_future_is_checked_against_the_calendar_whatever_holds_its_time(six_days):
    past, coming = six_days
    panel = read_panel(past, "here")
    for future in (
        coming,
        coming[::-1],
        coming.set_axis(coming.index.strftime("%d-%b-%Y")),
        coming.rename_axis("day").reset_index(),
        coming.assign(when=coming.index.strftime("%Y/%m/%d")).reset_index(drop=True),
        coming.reset_index(drop=True),
    ):
        assert read_ahead(future, panel, ["p"], 1, 4, "here")[0].ravel().tolist() == coming["p"].tolist()
    late = coming.index + pd.Timedelta("1D")
    for future in (
        coming.set_axis(late),
        coming.set_axis(late.strftime("%Y-%m-%d")),
        coming.assign(when=late.strftime("%Y-%m-%d")).reset_index(drop=True),
    ):
        with pytest.raises(DataError, match="where step 1 is expected at"):
            read_ahead(future, panel, ["p"], 1, 4, "here")


def test_a_holiday_may_lie_ahead_where_some_lay_behind():
    days = pd.bdate_range("2023-11-01", "2023-12-22").drop(["2023-11-23"])
    with pytest.warns(PunarWarning, match="not equally far apart"):
        panel = read_panel(pd.DataFrame({"v": 1.0, "p": 0.0}, index=days), "here")
    after = pd.DatetimeIndex(["2023-12-26", "2023-12-27"])
    assert len(read_ahead(pd.DataFrame({"p": [1.0, 2]}, index=after), panel, ["p"], 1, 2, "here")[0]) == 2
    with pytest.raises(DataError, match="expected at"):
        read_ahead(pd.DataFrame({"p": [1.0, 2]}, index=after + pd.Timedelta("4D")), panel, ["p"], 1, 2, "here")


def test_series_of_the_future_that_nobody_knows_are_refused():
    frame = pd.DataFrame({"id": ["a"] * 6 + ["b"] * 6, "v": 1.0, "p": 0.0})
    panel = read_panel(frame, "here", id_column="id")
    future = pd.DataFrame({"id": ["a", "b", "c"], "p": 1.0})
    with pytest.raises(DataError, match="future has series 'c', which is not among"):
        read_ahead(future, panel, ["p"], 1, 1, "here", id_column="id")
    with pytest.raises(DataError, match="future has series 'c'"):
        read_ahead({"a": [1], "b": [1], "c": [1]}, panel, ["p"], 1, 1, "here")


# -- fitted, saved and loaded


def model(**settings):
    settings = {"horizon": 3, "epochs": 1, "random_state": 0, "evidence": "cheap"} | settings
    return punar.SequenceModel("gru", task="forecasting", **settings)


def quiet(fit):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PunarWarning)
        return fit()


def test_a_model_keeps_format_calendar_and_step(tmp_path):
    days = week("Sun Mon Tue Wed Thu", 63)
    frame = pd.DataFrame({"day": days.strftime("%d/%m/%Y"), "v": np.sin(np.arange(63.0))})
    f = quiet(lambda: model(time_column="day", freq="auto", missing="mask").fit(frame[:60].drop([7, 30])[::-1]))
    again = punar.load(punar.save(f, tmp_path / "m"))
    for m in (f, again):
        assert m.predict_table()["day"].tolist() == list(days[60:])
        assert m.preparation_.time_format == "%d/%m/%Y"
        # No row of so few tells the day from the month: they are read as those that were fitted on.
        few = pd.DataFrame({"day": week("Sun Mon Tue Wed Thu", 9, "2023-07-02").strftime("%d/%m/%Y"), "v": 1.0})
        assert quiet(lambda m=m, few=few: m.predict_table(few))["day"].iloc[0] == pd.Timestamp("2023-07-13")
    assert again.get_params()["freq"] == "auto"
    quarters = pd.Series(np.arange(40.0), index=[f"{2001 + i // 4}-Q{i % 4 + 1}" for i in range(40)])
    assert quiet(lambda: model().fit(quarters)).predict_table()["time"].tolist() == ["2011-Q1", "2011-Q2", "2011-Q3"]
    with pytest.raises(ParameterError, match="freq= needs times"):
        model(freq="D").fit(np.arange(40.0))


def test_older_folders_have_clocks_without_the_new_fields():
    assert Clock("2023-03-01", "B", False, None).after(1) == [pd.Timestamp("2023-03-02")]
    old = punar.preparations.histories.Histories(1, 4).facts()
    del old["time_format"], old["freq"]
    assert punar.preparations.histories.Histories.from_facts(old).freq is None
    with pytest.raises(ValueError, match="is no format of times"):
        punar.preparations.histories.Histories.from_facts(old | {"time_format": "period[nonsense]"})


# -- few values


@pytest.mark.parametrize("n", [8, 9, 10, 12])
def test_the_forecast_of_few_values_stays_near_them(n):
    draw = np.random.default_rng(n)
    for x in (
        np.arange(n) + draw.normal(0, 0.3, n),
        50 + draw.normal(0, 2, n),
        -30 * np.arange(n) + draw.normal(0, 9, n),
        draw.normal(size=n).cumsum(),
        np.tile([2.0, 7, 4], n)[:n] + draw.normal(0, 0.2, n),
        np.exp(np.arange(n) / 8) + draw.normal(0, 0.1, n),
    ):
        for horizon in (1, 3):
            f = quiet(lambda x=x, horizon=horizon: model(horizon=horizon, epochs=3).fit(x))
            low, high, reach = x.min(), x.max(), 1.5 * np.ptp(x)
            assert (f.predict() > low - reach).all()
            assert (f.predict() < high + reach).all()


def test_a_straight_line_of_few_values_goes_on():
    x = 3 * np.arange(10.0) + np.random.default_rng(0).normal(0, 0.2, 10)
    np.testing.assert_allclose(quiet(lambda: model().fit(x)).predict(), [30, 33, 36], atol=1.5)
