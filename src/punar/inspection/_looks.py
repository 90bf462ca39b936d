"""How rows and items look in a drawing: pictures, lines, bars or words, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

_LONGEST_TEXT = 90
_MOST_STEPS, _MOST_CHANNELS, _MOST_BARS = 120, 4, 60
_SIDE = 48  # pixels of a thumbnail, at most

Look = dict[str, Any]


def looks_of(model: Any, X: Any, count: int) -> tuple[Callable[[int], Look], Look]:
    """Return a function from a row's number to how it looks, and what all have in common.

    Parameters
    ----------
    model : estimator
    X : as its ``transform`` takes it
    count : int
        Rows of codes; where X has not one entry for each, rows have no look.

    Returns
    -------
    look : callable
        Gives ``kind`` ("picture", "line", "bars", "text" or "none") and ``values`` or ``text``.
    common : dict
        ``kind``; of pictures ``low`` and ``high``, of bars ``columns``.
    """
    preparation = None if not hasattr(model, "preparation_") else model.preparation_
    if preparation is not None:
        return _of_items(preparation, X, count)
    if hasattr(X, "columns"):
        return _bars(np.asarray(X, dtype=float), [str(name) for name in X.columns])
    if isinstance(X, (list, tuple)) and len(X) == count and np.ndim(X[0]) == 2:
        return _lines(X)
    values = np.asarray(X)
    if values.ndim == 2:
        return _bars(values.astype(float), [str(i) for i in range(values.shape[1])])
    if getattr(model, "n_features_in_", 0) and values.ndim == 3 and values.shape[-1] == model.n_features_in_:
        return _lines(values)
    return _pictures(values)


def decoded_looks(rows: np.ndarray, common: Look) -> list[Look]:
    """Return how decoded rows look, as the rows that ``common`` was made of."""
    if common["kind"] == "picture":
        return [_picture(row) for row in rows]
    if common["kind"] == "line":
        return [_line(row) for row in rows]
    scaled = (rows[:, :_MOST_BARS] - common["mean"]) / common["deviation"]
    return [{"kind": "bars", "values": row.round(3).tolist()} for row in scaled]


def _of_items(preparation: Any, X: Any, count: int) -> tuple[Callable[[int], Look], Look]:
    items = preparation.check(X, "latent_map")
    if len(items) != count:
        return (lambda _: {"kind": "none"}), {"kind": "none"}
    if preparation.domain == "vision":

        def picture(row: int) -> Look:
            pixels = preparation.prepare(items[row]).numpy()
            return _picture(np.moveaxis(pixels, 0, -1))

        return picture, {"kind": "picture", "low": 0.0, "high": 255.0}
    if preparation.domain == "text":
        return (lambda row: {"kind": "text", "text": _cut(_words(items[row]))}), {"kind": "text"}
    if preparation.domain == "series":
        return (lambda row: _line(np.asarray(items[row], dtype=float))), {"kind": "line"}
    return (lambda _: {"kind": "none"}), {"kind": "none"}


def _bars(values: np.ndarray, columns: list[str]) -> tuple[Callable[[int], Look], Look]:
    some = values[:, :_MOST_BARS]
    mean, deviation = np.nanmean(some, axis=0), np.nanstd(some, axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)

    def look(row: int) -> Look:
        words = ", ".join(f"{name} {value:.4g}" for name, value in zip(columns, values[row], strict=False))
        scaled = np.nan_to_num((some[row] - mean) / deviation)
        return {"kind": "bars", "values": scaled.round(3).tolist(), "text": _cut(words)}

    return look, {"kind": "bars", "columns": columns, "mean": mean, "deviation": deviation}


def _lines(series: Sequence[Any] | np.ndarray) -> tuple[Callable[[int], Look], Look]:
    return (lambda row: _line(np.asarray(series[row], dtype=float))), {"kind": "line"}


def _pictures(values: np.ndarray) -> tuple[Callable[[int], Look], Look]:
    common = {"kind": "picture", "low": float(values.min()), "high": float(values.max())}
    return (lambda row: _picture(values[row])), common


def _line(steps: np.ndarray) -> Look:
    rows = steps[:, None] if steps.ndim == 1 else steps
    rows = rows[~np.isnan(rows).all(axis=1)] if np.isnan(rows).any() else rows
    some = rows[:: max(1, -(-len(rows) // _MOST_STEPS)), :_MOST_CHANNELS]
    return {"kind": "line", "values": np.nan_to_num(some).round(4).T.tolist()}


def _picture(pixels: np.ndarray) -> Look:
    step = max(1, -(-max(pixels.shape[:2]) // _SIDE))
    return {"kind": "picture", "values": np.asarray(pixels, dtype=float)[::step, ::step].round(4).tolist()}


def _words(item: Any) -> str:
    return " ".join(map(str, item)) if isinstance(item, (list, tuple)) else str(item)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
