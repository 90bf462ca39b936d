"""Times as people write them: texts that name no calendar, several levels, calendars longer than the horizon."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import punar
from punar.cli.main import app
from punar.data.ahead import read_ahead
from punar.data.date_text import formats_of, parsed, plain
from punar.data.panel import read_panel
from punar.errors import DataError, DataTypeError
from punar.sources._found import FoundTable
from punar.sources._steps import Columns, series_of


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2011M07", "2011-07-01"),
        ("2011-M7", "2011-07-01"),
        ("2011:07", "2011-07-01"),
        ("20110703T143000", "2011-07-03 14:30"),
        ("2011-032", "2011-02-01"),
        ("2011年7月3日", "2011-07-03"),
        ("2011년 7월", "2011-07-01"),
        ("W05 2011", "2011-01-31"),
        ("2011W5", "2011-01-31"),
        ("KW 5/2011", "2011-01-31"),
        ("FY2011", "2011-01-01"),
        ("3Q11", "2011-07-01"),
        ("Q3'98", "1998-07-01"),
    ],
)
def test_texts_that_statistics_offices_write_are_read(text: str, meant: str) -> None:
    column = plain(pd.Series([text]))
    forms = formats_of(column[0])
    assert forms, text
    assert parsed(column, forms[0])[0][0] == pd.Timestamp(meant)


@pytest.mark.parametrize("text", ["2011M07", "W05 2011", "2011年7月", "2011-032", "3Q11"])
def test_newest_first_is_turned(text: str) -> None:
    column = plain(pd.Series([text]))
    form = formats_of(column[0])[0]
    step = {"M": "MS", "W": "W-MON", "年": "MS", "-": "D", "Q": "QS"}[next(c for c in "MW年-Q" if c in text)]
    when = pd.date_range("2011-01-01", periods=20, freq=step)
    labels = [(t.strftime(form.replace("%q", str(t.quarter)))) for t in when]
    panel = read_panel(pd.Series(np.arange(20.0)[::-1], index=labels[::-1]), "fit")
    assert panel.items[0][:, 0].tolist() == list(range(20))


_UNREAD = {
    "halves": [f"{y}H{h}" for y in range(2001, 2009) for h in (1, 2)],
    "halves first": [f"H{h} {y}" for y in range(2001, 2009) for h in (1, 2)],
    "quarters": [f"{y}:{q}" for y in range(2001, 2005) for q in (1, 2, 3, 4)],
    "days": [f"day {i}" for i in range(4, 20)],
    "no year": [f"{t:%d %b}" for t in pd.date_range("2021-03-20", periods=30)],
    "ends of months": [f"{t:%d %b}" for t in pd.date_range("2021-03-20", periods=12, freq="ME")],
    "two parts": [f"{t:%y-%b}" for t in pd.date_range("2021-03-20", periods=12, freq="ME")],
}


@pytest.mark.parametrize("labels", _UNREAD.values(), ids=_UNREAD)
def test_text_that_counts_and_is_no_time_must_grow(labels: list[str]) -> None:
    values = np.arange(float(len(labels)))
    assert read_panel(pd.Series(values, index=labels), "fit").items[0][:, 0].tolist() == values.tolist()
    with pytest.raises(DataError, match=r"time_format=.*reset_index\(drop=True\)"):
        read_panel(pd.Series(values, index=labels[::-1]), "fit")
    shuffled = list(np.random.default_rng(3).permutation(labels))
    with pytest.raises(DataError, match="in no order"):
        read_panel([pd.Series(values, index=shuffled)] * 2, "fit")
    with pytest.raises(DataError, match="in no order"):
        read_panel(pd.DataFrame({"a": values, "b": values}, index=shuffled), "fit")


def test_names_of_rows_are_left() -> None:
    for labels in (["b7", "a2", "c1"], ["north", "east", "south"], ["x1", "x1", "x0"]):
        assert len(read_panel(pd.Series([1.0, 2.0, 3.0], index=labels), "fit").items[0]) == 3


def _monthly(count: int = 40) -> pd.Series:
    return pd.Series(np.arange(float(count)), index=pd.date_range("2009-05-01", periods=count, freq="MS"), name="y")


@pytest.mark.parametrize("names", [("year", "month"), ("Jahr", "Monat"), ("वर्ष", "माह"), (None, None), ("ds", "ds")])
def test_year_and_month_are_one_time(names: tuple[str | None, str | None]) -> None:
    y = _monthly()
    index = pd.MultiIndex.from_arrays([y.index.year, y.index.month], names=names)
    for X in (pd.Series(y.to_numpy()[::-1], index=index[::-1]), pd.DataFrame({"y": y.to_numpy()}, index=index)):
        panel = read_panel(X, "fit")
        assert panel.single
        assert panel.items[0][:, 0].tolist() == y.tolist()
        assert panel.clocks is not None
        assert panel.clocks[0].after(1) == [pd.Timestamp("2012-09-01")]


def test_other_parts_of_times_are_one() -> None:
    days = pd.Series(np.arange(60.0), index=pd.date_range("2009-11-20", periods=60))
    iso, at = days.index.isocalendar(), days.index
    by = {
        "year quarter": ([at.year, at.quarter], 2),
        "year month day": ([at.year, at.month, at.day], 60),
        "year week": ([iso.year, iso.week], 10),
    }
    for names, (keys, count) in by.items():
        found = days.groupby([pd.Series(np.asarray(k), index=at) for k in keys]).mean()
        found.index = found.index.set_names(names.split())
        panel = read_panel(found, "fit")
        assert panel.single, names
        assert len(panel.items[0]) == count, names
    with pytest.raises(DataError, match="ISO 8601"):
        read_panel(
            pd.Series([1.0, 2.0], pd.MultiIndex.from_tuples([(2021, 1), (2021, 53)], names=["year", "week"])), ""
        )


def test_shops_with_years_and_months_are_a_panel_of_shops() -> None:
    y = _monthly(24)
    index = pd.MultiIndex.from_tuples([(s, t.year, t.month) for s in "ab" for t in y.index], names=["s", "yr", "mon"])
    panel = read_panel(pd.Series(np.arange(48.0), index=index), "fit")
    assert panel.ids == ["a", "b"]
    assert [len(x) for x in panel.items] == [24, 24]


def test_a_column_called_time_that_is_none_is_asked_for_its_format() -> None:
    dates = [f"{y}H{h}" for y in range(2009, 2001, -1) for h in (2, 1)]
    frame = pd.DataFrame({"date": dates, "y": np.arange(16.0)})
    for wanted in (Columns(form="none"), Columns(target="y", form="none")):
        with pytest.raises(DataTypeError, match=r"--time-format .*--drop date"):
            series_of(FoundTable(frame, [], str), "t.csv", "t", wanted)
    grown = FoundTable(frame[::-1].reset_index(drop=True), [], str)
    assert len(series_of(grown, "t.csv", "t", Columns(target="y", form="none")).items) == 16


def test_a_calendar_that_reaches_further_is_cut_to_the_steps_to_come() -> None:
    days = pd.date_range("2019-02-01", periods=50)
    calendar = pd.DataFrame({"promo": np.arange(50.0), "when": days})
    panel = read_panel(pd.Series(np.arange(20.0), index=days[:20]), "fit")
    assert read_ahead(calendar, panel, ["promo"], 1, 3, "predict")[0].ravel().tolist() == [20, 21, 22]
    weekly = read_panel(pd.Series(np.arange(3.0), index=days[:21:7]), "fit")
    assert read_ahead(calendar, weekly, ["promo"], 1, 2, "predict")[0].ravel().tolist() == [21, 28]
    with pytest.raises(DataError, match="has 50 steps"):
        read_ahead(calendar.drop(columns="when"), panel, ["promo"], 1, 3, "predict")
    with pytest.raises(DataError, match="has 49 steps"):
        read_ahead(calendar.drop(21), panel, ["promo"], 1, 3, "predict")
    zoned = read_panel(pd.Series(np.arange(20.0), index=days[:20].tz_localize("Europe/Rome")), "fit")
    assert read_ahead(calendar, zoned, ["promo"], 1, 3, "predict")[0].ravel().tolist() == [20, 21, 22]
    counted = read_panel(pd.Series(np.arange(9.0), index=pd.Index(range(1990, 1999), name="year")), "fit")
    years = pd.DataFrame({"promo": np.arange(30.0)}, index=pd.Index(range(1990, 2020), name="year"))
    assert read_ahead(years, counted, ["promo"], 1, 2, "predict")[0].ravel().tolist() == [9, 10]


def test_a_calendar_of_many_series_is_cut_for_each() -> None:
    days = pd.date_range("2019-02-01", periods=30)
    frame = pd.DataFrame({"shop": list("a" * 30 + "b" * 30), "day": [*days, *days], "promo": np.arange(60.0)})
    panel = read_panel(
        frame[(frame.day < days[20]) | (frame.shop == "b")][:45], "fit", id_column="shop", time_column="day"
    )
    found = read_ahead(frame, panel, ["promo"], 1, 2, "predict", id_column="shop", time_column="day")
    assert [x.ravel().tolist() for x in found] == [[20, 21], [55, 56]]


def test_a_mapping_of_columns_is_a_table() -> None:
    panel = read_panel(np.arange(9.0), "fit")
    assert read_ahead({"promo": [1, 0, 1]}, panel, ["promo"], 1, 3, "predict")[0].ravel().tolist() == [1, 0, 1]
    both = read_ahead({"rain": [5, 6], "promo": [1, 0]}, panel, ["promo", "rain"], 2, 2, "predict")[0]
    assert both.tolist() == [[1, 5], [0, 6]]
    with pytest.raises(DataError, match="as many in each"):
        read_ahead({"rain": [5, 6], "promo": [1]}, panel, ["promo", "rain"], 2, 2, "predict")


@pytest.mark.parametrize(
    ("index", "freqs"),
    [
        (pd.period_range("2011-04", periods=20, freq="M"), ("M", "1M", "ME", "MS", "BME")),
        (pd.period_range("2011Q2", periods=20, freq="Q"), ("Q", "QE", "QS", "Q-DEC", "QS-OCT")),
        (pd.Index([f"Q{t.quarter} {t.year}" for t in pd.date_range("2011-02-01", periods=20, freq="QS")]), ("Q", "QE")),
        (pd.period_range("1971", periods=20, freq="Y"), ("Y", "A", "YE", "YS", "Y-DEC")),
        (pd.period_range("2011-01-03", periods=20, freq="W"), ("W", "W-SUN", "7D")),
        (pd.Index([f"2011-W{w:02d}" for w in range(3, 23)]), ("W", "W-SUN", "W-MON")),
        (pd.date_range("2011-01-31", periods=20, freq="ME"), ("M", "MS")),
        (pd.date_range("2011-01-31", periods=20, freq="h"), ("H", "h")),
    ],
    ids=["months", "quarters", "texts of quarters", "years", "weeks", "texts of weeks", "ends of months", "hours"],
)
def test_any_name_of_a_step_of_that_length_will_do(index: pd.Index, freqs: tuple[str, ...]) -> None:
    series = pd.Series(np.arange(20.0), index=index)
    whole = read_panel(series, "fit")
    for freq in freqs:
        panel = read_panel(series.drop(index[[4, 5]]), "fit", freq=freq, missing="mask")
        assert np.flatnonzero(np.isnan(panel.items[0].ravel())).tolist() == [4, 5], freq
        assert panel.clocks is not None
        assert whole.clocks is not None
        assert panel.clocks[0].after(3) == whole.clocks[0].after(3), freq


def _forecaster() -> punar.SequenceModel:
    return punar.SequenceModel("gru", task="forecasting", horizon=2, epochs=1, random_state=0, evidence="cheap")


@pytest.mark.parametrize("zone", ["Europe/Rome", "UTC", "+02:00"])
def test_times_without_a_zone_do_not_continue_those_with_one(zone: str, tmp_path: Path) -> None:
    index = pd.date_range("2011-01-01", periods=40)
    series = pd.Series(np.sin(np.arange(40.0)), index=index.tz_localize(zone))
    saved = punar.save(_forecaster().fit(series), tmp_path / "m")
    fitted = punar.load(saved)
    for call in (fitted.predict, fitted.predict_table, fitted.score):
        with pytest.raises(DataError, match="have no time zone"):
            call(series.tz_localize(None))
    assert np.allclose(fitted.predict(series), fitted.predict())
    assert fitted.predict(series.to_numpy()).shape == (2,)


def test_messages_of_the_command_line_name_no_python(tmp_path: Path) -> None:
    frame = pd.DataFrame({"day": pd.date_range("2011-01-01", periods=40), "y": np.arange(40.0), "promo": [0, 1] * 20})
    fitted = _forecaster().set_params(target="y", known_ahead="promo", time_column="day").fit(frame)
    saved = punar.save(fitted, tmp_path / "m")
    answer = CliRunner().invoke(app, ["predict", str(saved)])
    assert "--known-ahead ('promo'): pass --future FILE" in str(answer.exception) + answer.output
    assert "array" not in str(answer.exception) + answer.output
    twice = pd.concat([frame, frame[-1:]])
    with pytest.raises(DataError, match="two rows at time") as told:
        series_of(FoundTable(twice, [], str), "t.csv", "t", Columns(target="y", time_column="day", form="none"))
    assert "groupby" not in str(told.value)
    with pytest.raises(DataError, match=r"X.groupby\(\[id, time\]\)"):
        _forecaster().set_params(time_column="day").fit(twice)


def test_seasons_that_run_backwards_are_refused() -> None:
    labels = [f"{s} {y}" for y in range(2003, 2009) for s in ("Spring", "Summer", "Autumn", "Winter")]
    values = np.arange(24.0)
    assert read_panel(pd.Series(values, index=labels), "fit").items[0][:, 0].tolist() == values.tolist()
    with pytest.raises(DataError, match="run backwards"):
        read_panel(pd.Series(values, index=labels[::-1]), "fit")
