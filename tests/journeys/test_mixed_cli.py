"""Tables of numbers, categories, dates and gaps on the command line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import punar

QUICK = ("--epochs", "3", "--quiet")


def shop(n: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "order": np.arange(1, n + 1),
            "दुकान": rng.choice(["उत्तर", "दक्षिण", "पूर्व"], n),
            "weight": rng.normal(40, 9, n).round(2).astype(object),
            "paid": rng.random(n) > 0.4,
            "when": (pd.Timestamp("2023-11-05") + pd.to_timedelta(rng.integers(0, 99, n), unit="D")).strftime(
                "%d.%m.%Y"
            ),
            "left": rng.choice(["yes", "no"], n),
        }
    )
    frame.loc[3, "weight"] = "?"
    frame.loc[7:11, "weight"] = np.nan
    frame.loc[20, "दुकान"] = np.nan
    return frame


@pytest.fixture
def shop_csv(tmp_path: Path) -> Path:
    shop().to_csv(tmp_path / "shop.csv", index=False)
    return tmp_path / "shop.csv"


def test_fit_transform_and_reconstruct_give_the_table_back(punar_says, shop_csv: Path, tmp_path: Path) -> None:
    answer = punar_says("fit", "shop.csv", "--target", "left", "--latent-dim", "3", "--out", "m", *QUICK)
    assert answer.status == 0, answer.err
    assert "shop: numbers, scaled: 'weight' (" in answer.err
    assert "shop: categories, one indicator per value: 'दुकान' (3 values, 1 missing)" in answer.err
    assert "shop: true or false, as 1 and 0: 'paid'" in answer.err
    assert re.search(r"shop: dates, .*: 'when'", answer.err)
    assert "shop: left out: 'order' (every value differs, as in an id)" in answer.err
    assert "1 of 81 values of 'weight' that are not numbers, such as '?'" in answer.err

    assert punar_says("transform", "m", "shop.csv", "--out", "codes.csv").status == 0
    codes = pd.read_csv("codes.csv")
    assert codes.shape == (90, 3)
    model = punar.load("m")
    assert np.allclose(codes, model.transform(pd.read_csv("shop.csv").drop(columns="left")), atol=1e-5)

    answer = punar_says("reconstruct", "m", "shop.csv", "--out", "again.csv")
    assert answer.status == 0, answer.err
    assert re.search(r"paid +accuracy \d\.\d{3} \(the most frequent value 0\.\d{3}\)", answer.out)
    assert re.search(r"weight +variance explained -?\d\.\d{3} \(the mean 0\.000\)", answer.out)
    again = pd.read_csv("again.csv")
    assert again.columns.tolist() == ["order", "दुकान", "weight", "paid", "when"]
    assert set(again["दुकान"].dropna()) <= {"उत्तर", "दक्षिण", "पूर्व"}
    assert again["paid"].dtype == bool
    assert again["when"].str.fullmatch(r"\d\d\.\d\d\.\d{4}").all()
    assert pd.api.types.is_float_dtype(again["weight"])


def test_rows_and_columns_in_another_order_and_without_what_is_not_needed(punar_says, shop_csv: Path) -> None:
    assert punar_says("fit", "shop.csv", "--drop", "left", "--out", "m", *QUICK).status == 0
    shop()[["when", "paid", "weight", "दुकान"]].to_csv("less.csv", index=False, sep=";")
    assert punar_says("transform", "m", "shop.csv", "--out", "all.npy").status == 0
    assert punar_says("transform", "m", "less.csv", "--out", "less.npy").status == 0
    assert np.array_equal(np.load("all.npy"), np.load("less.npy"))
    shop().drop(columns="paid").to_csv("short.csv", index=False)
    answer = punar_says("transform", "m", "short.csv", "--out", "short.npy")
    assert answer.status != 0
    assert "'paid'" in answer.err


def test_what_needs_text_files_or_numbers_says_so(punar_says, shop_csv: Path, tmp_path: Path) -> None:
    assert punar_says("fit", "shop.csv", "--out", "m", *QUICK).status == 0
    answer = punar_says("reconstruct", "m", "shop.csv", "--out", "again.npy")
    assert answer.status != 0
    assert ".csv" in answer.err
    assert "not all numbers" in answer.err
    pd.DataFrame(np.random.default_rng(0).normal(size=(30, 2)), columns=["weight", "b"]).to_csv("n.csv", index=False)
    assert punar_says("fit", "n.csv", "--out", "plain", *QUICK).status == 0
    shop().assign(b=1.0).to_csv("text.csv", index=False)
    answer = punar_says("transform", "plain", "text.csv", "--out", "codes.csv")
    assert answer.status != 0
    assert "'weight' (1 of 90 values, first '?' in line 5)" in answer.err


def test_rows_with_gaps_are_left_out_where_that_is_asked_for(punar_says, shop_csv: Path) -> None:
    answer = punar_says("fit", "shop.csv", "--skip-bad", "--out", "m", *QUICK)
    assert answer.status == 0, answer.err
    assert "6 of 90 rows lack a value and were left out" in answer.err


def test_compare_reads_the_same_table(punar_says, shop_csv: Path) -> None:
    answer = punar_says("compare", "shop.csv", "--target", "left", "--budget", "5s", "--folds", "2", "--no-report")
    assert answer.status == 0, answer.err
    assert (
        "read as a table of 90 rows and 5 columns, not all of them numbers, with 2 classes" in answer.err + answer.out
    )
    assert re.search(r"PCA +\d", answer.out)
    assert re.search(r"majority class = 0\.\d+", answer.out)
    assert "categories, one indicator per value: 'दुकान' (3 values, 1 missing)" in answer.out


def test_numbers_with_gaps_are_enough(punar_says, tmp_path: Path) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=["a", "b", "c"])
    frame.loc[::9, "b"] = np.nan
    frame.to_csv("gaps.tsv", index=False, sep="\t")
    answer = punar_says("fit", "gaps.tsv", "--out", "m", *QUICK)
    assert answer.status == 0, answer.err
    assert (
        "gaps: missing values are filled with the column's mean and marked by an indicator of their own" in answer.err
    )
