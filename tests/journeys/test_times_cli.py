"""Times on the command line: found, read in their format, put in order, written as they came."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import punar
from punar.errors import PunarWarning

QUICK = ("--epochs", "1", "--hidden-size", "4", "--quiet", "--out", "m")
DAYS = pd.date_range("2022-09-01", periods=60)
VALUES = np.round(20 + np.arange(60) + np.random.default_rng(2).normal(0, 0.3, 60), 3)


def forecast(says, frame: pd.DataFrame, *options: str, predict: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return what a model of a csv file says, as text."""
    frame.to_csv("sales.csv", index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PunarWarning)
        fitted = says("fit", "sales.csv", "--task", "forecasting", "--horizon", "3", *QUICK, *options)
        assert fitted.status == 0, fitted.err
        answer = says("predict", "m", *predict, "--out", "f.csv", "--force")
    assert answer.status == 0, answer.err
    return pd.read_csv("f.csv", dtype=str).assign(said=fitted.err)


@pytest.mark.parametrize(
    ("name", "form"),
    [("date", "%d/%m/%Y"), ("order date", "%m/%d/%Y"), ("Datum", "%d.%m.%Y"), ("दिनांक", "%Y-%m-%d"), ("x", "%d-%b-%Y")],
)
def test_the_dates_that_nobody_named_are_found_sorted_and_written_again(punar_says, name, form) -> None:
    found = forecast(punar_says, pd.DataFrame({"sold": VALUES, name: DAYS.strftime(form)})[::-1])
    coming = pd.date_range(DAYS[-1] + pd.Timedelta("1D"), periods=3)
    assert found[name].tolist() == coming.strftime(form).tolist()
    assert abs(float(found["forecast"].iloc[0]) - 80) < 3, "not where the series began"
    assert f"time: the column '{name}' (--time)" in found["said"].iloc[0]
    assert ("times are read as" in found["said"].iloc[0]) == (form != "%Y-%m-%d")


@pytest.mark.parametrize(
    ("text", "following"),
    [
        ([f"Q{i % 4 + 1}/{1998 + i // 4}" for i in range(60)], ["Q1/2013", "Q2/2013", "Q3/2013"]),
        (pd.date_range("2004-04", periods=60, freq="MS").strftime("%b %Y"), ["Apr 2009", "May 2009", "Jun 2009"]),
        (pd.date_range("2021-03-01", periods=60, freq="7D").strftime("%G-W%V"), ["2022-W17", "2022-W18", "2022-W19"]),
        (pd.date_range("2004-04", periods=60, freq="MS").strftime("%Y%m"), ["200904", "200905", "200906"]),
        (np.arange(1950, 2010), ["2010", "2011", "2012"]),
        (
            [str(t) for t in pd.date_range("2022-09-02", periods=60, tz="Europe/Rome")],
            ["2022-11-01 00:00:00+01:00", "2022-11-02 00:00:00+01:00", "2022-11-03 00:00:00+01:00"],
        ),
    ],
)
def test_quarters_months_weeks_years_and_offsets_go_on(punar_says, text, following) -> None:
    found = forecast(punar_says, pd.DataFrame({"period": text, "sold": VALUES}))
    assert found["period"].tolist() == following


def test_a_format_is_asked_for_where_no_row_shows_it(punar_says) -> None:
    few = pd.DataFrame({"on": DAYS[:10].strftime("%d/%m/%y"), "sold": VALUES[:10]})
    few.to_csv("few.csv", index=False)
    words = ("fit", "few.csv", "--task", "forecasting", "--horizon", "1", *QUICK)
    answer = punar_says(*words, "--time", "on")
    assert answer.status != 0
    assert "line" in answer.err
    assert "--time-format '%d/%m/%y'" in answer.err
    found = forecast(punar_says, few, "--time", "on", "--time-format", "%d/%m/%y")
    assert found["on"].iloc[0] == "11/09/22"
    wrong = punar_says(*words[:-1], "n", "--time", "on", "--time-format", "%Y")
    assert "'01/09/22' in line 2 is no time in the format '%Y'" in wrong.err
    few[["sold"]].to_csv("plain.csv", index=False)
    plain = punar_says(
        "fit", "plain.csv", "--task", "forecasting", "--horizon", "1", *QUICK[:-1], "p", "--time-format", "%Y"
    )
    assert "--time-format needs a column of times" in plain.err


def test_times_that_are_there_twice_are_named_by_their_lines(punar_says) -> None:
    frame = pd.DataFrame({"date": DAYS.strftime("%Y-%m-%d"), "sold": VALUES})
    pd.concat([frame, frame[4:5]]).to_csv("twice.csv", index=False)
    answer = punar_says("fit", "twice.csv", "--task", "forecasting", "--horizon", "3", *QUICK)
    assert "two rows at time 2022-09-05 (line 6 and line 62" in answer.err
    assert "--id COLUMN" in answer.err


def test_missing_days_are_inserted(punar_says) -> None:
    frame = pd.DataFrame({"date": DAYS.strftime("%Y-%m-%d"), "sold": VALUES}).drop([8, 9, 30])
    frame.to_csv("gaps.csv", index=False)
    words = ("fit", "gaps.csv", "--task", "forecasting", "--horizon", "3", *QUICK)
    assert "--freq D inserts 3 steps" in punar_says(*words, "--freq", "D").err
    found = forecast(punar_says, frame, "--freq", "D", "--missing", "mask", predict=("--coverage", "0.5"))
    assert found["date"].iloc[0] == "2022-10-31"
    wide = forecast(punar_says, frame, "--freq", "D", "--missing", "mask", "--force", predict=("--coverage", "0.95"))
    widths = [(f["high"].astype(float) - f["low"].astype(float)).mean() for f in (found, wide)]
    assert widths[0] < widths[1]


def test_the_future_is_checked_by_its_dates_whatever_their_column_is_called(punar_says) -> None:
    promo = (np.arange(60) % 3 == 0) * 1
    frame = pd.DataFrame({"date": DAYS.strftime("%d/%m/%Y"), "sold": VALUES, "promo": promo})
    coming = pd.date_range("2022-10-31", periods=3)
    future = pd.DataFrame({"day": coming.strftime("%d/%m/%Y"), "promo": [1, 0, 0]})
    future.to_csv("next.csv", index=False)
    asked = ("--target", "sold", "--known-ahead", "promo")
    found = forecast(punar_says, frame, *asked, predict=("--future", "next.csv"))
    assert found["date"].tolist() == ["31/10/2022", "01/11/2022", "02/11/2022"]
    for name in ("day", "date"):
        future.assign(day=(coming + pd.Timedelta("1D")).strftime("%d/%m/%Y")).rename(columns={"day": name}).to_csv(
            "late.csv", index=False
        )
        late = punar_says("predict", "m", "--future", "late.csv")
        assert late.status != 0
        assert "expected at 2022-10-31" in late.err
    future[["promo"]].to_csv("untimed.csv", index=False)
    assert punar_says("predict", "m", "--future", "untimed.csv").status == 0


def test_a_model_of_an_index_continues_a_file_with_a_column(punar_says) -> None:
    model = punar.SequenceModel(task="forecasting", horizon=3, epochs=1, random_state=0, evidence="cheap")
    punar.save(model.fit(pd.Series(VALUES, index=DAYS, name="sold").to_frame()), Path("m"))
    pd.DataFrame({"sold": VALUES[:50], "date": DAYS[:50].strftime("%d %B %Y")})[::-1].to_csv("past.csv", index=False)
    assert punar_says("predict", "m", "past.csv", "--out", "f.csv").status == 0
    found = pd.read_csv("f.csv")
    assert found["time"].tolist() == ["21 October 2022", "22 October 2022", "23 October 2022"]
    assert abs(found["forecast"].iloc[0] - 70) < 3


def test_options_of_forecasts_are_refused_elsewhere(punar_says) -> None:
    walks = pd.DataFrame({"i": np.repeat(np.arange(12), 5), "t": np.tile(np.arange(5), 12), "v": np.arange(60.0)})
    walks.assign(label=walks["i"] % 2).to_csv("walks.csv", index=False)
    words = ("fit", "walks.csv", "--target", "label", "--id", "i", "--time", "t", "--cell", "gru", *QUICK)
    refused = punar_says(*words, "--freq", "1")
    assert refused.status != 0
    assert "--task forecasting" in refused.err
    assert punar_says(*words).status == 0
    assert "--coverage is for models that forecast" in punar_says("predict", "m", "walks.csv", "--coverage", "0.5").err
