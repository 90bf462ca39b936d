"""How well each column of a mixed table was reconstructed, beside the answer that looks at no row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from punar.preparations.mixed.categories import Category, key_of
from punar.preparations.mixed.frames import checked, unique_of
from punar.preparations.mixed.kinds import LeftOut
from punar.preparations.mixed.numbers import Number
from punar.preparations.mixed.table import Column, MixedTable

ACCURACY, VARIANCE = "accuracy", "variance explained"


def column_scores(table: MixedTable, X: Any, again: Any) -> list[dict[str, Any]]:
    """Return for each column how well it came back.

    Parameters
    ----------
    table : MixedTable
    X : data frame
        The truth.
    again : data frame
        Its reconstruction.

    Returns
    -------
    list of dict
        "column", "measure", "score" and "baseline". Of categories and truth values the measure is accuracy, beside that
        of the most frequent value of ``X``; of numbers and dates the share of variance explained, beside 0, that of
        their mean in ``X``. Missing values count as a value of a category, and are passed over in a number.
    """
    where, needed = "column_scores", [str(name) for name in table.needed]
    frame, back = (checked(each, where).rename(columns=str)[needed] for each in (X, again))
    truth, rows = (table.encode(each, where).astype(np.float64) for each in (frame, back))
    found, at = [], 0
    for column in table.columns:
        if not isinstance(column.kind, LeftOut):
            measure = _accuracy if _is_labels(column) else _variance
            found.append(measure(column, frame[str(column.name)], back[str(column.name)], truth[:, at], rows[:, at]))
        at += column.kind.width
    return found


def _is_labels(column: Column) -> bool:
    return isinstance(column.kind, Category) or (isinstance(column.kind, Number) and column.kind.form == "boolean")


def _accuracy(column: Column, truth: pd.Series, again: pd.Series, _: Any, __: Any) -> dict[str, Any]:
    kind = column.kind
    known = {key_of(v) for v in kind.values} if isinstance(kind, Category) else None
    other = kind.other if isinstance(kind, Category) else None
    codes, values = unique_of(truth, "column_scores", column.name)
    keys = [key_of(v) if known is None or other is None or key_of(v) in known else other for v in values]
    labels = np.array([*keys, ""], dtype=object)[codes]
    back = np.array(["" if gone else key_of(v) for v, gone in zip(again, again.isna(), strict=True)], dtype=object)
    most = pd.Series(labels).value_counts(normalize=True).iloc[0]
    return _said(column, ACCURACY, float((labels == back).mean()), float(most))


def _variance(column: Column, truth: pd.Series, _: pd.Series, wanted: np.ndarray, found: np.ndarray) -> dict[str, Any]:
    there = truth.notna().to_numpy()
    spread = float(((wanted[there] - wanted[there].mean()) ** 2).sum()) if there.any() else 0.0
    lost = float(((wanted[there] - found[there]) ** 2).sum())
    return _said(column, VARIANCE, 1.0 - lost / spread if spread > 0 else float(lost <= 1e-12), 0.0)


def _said(column: Column, measure: str, score: float, baseline: float) -> dict[str, Any]:
    return {"column": column.name, "measure": measure, "score": score, "baseline": baseline}
