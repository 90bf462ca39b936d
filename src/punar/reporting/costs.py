"""Facts -> what a score costs, as a drawing, and examples with the candidates' answers."""

from __future__ import annotations

import math
from typing import Any

from markupsafe import Markup

from punar.reporting import svg
from punar.texts import compare as texts

_LEAST = 1e-3
_NAME = 150.0  # width of a name


def _ones_and_threes(low: float, high: float) -> list[float]:
    """Return 1, 3, 10, 30, ... between two powers of ten."""
    every = [step * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for step in (1, 3)]
    return [value for value in every if low - 1e-9 <= math.log10(value) <= high + 1e-9]


def trade(facts: dict[str, Any]) -> Markup | None:
    """Return the first metric against the cost that the question names, a dot and its interval per candidate."""
    key = facts.get("trade")
    if not key or not facts["metrics"]:
        return None
    metric = facts["metrics"][0]
    found = [
        (row["name"], max(row["costs"][key], _LEAST), row["scores"][metric["key"]])
        for row in facts["rows"]
        if metric["key"] in row["scores"] and row["costs"].get(key) is not None
    ]
    if len(found) < 2:
        return None
    left, right, top, bottom = 52.0, 500.0, 30.0, 300.0
    places = [math.log10(cost) for _, cost, _ in found]
    low_x, high_x = math.floor(min(places) * 2) / 2, math.ceil(max(places) * 2) / 2
    high_x = max(high_x, low_x + 0.5)
    ends = [s["mean"] + sign * (s["half"] or 0) for _, _, s in found for sign in (-1, 1)]
    low, high = max(-0.25, min(ends)), max(*ends, -0.2)
    pad = 0.06 * (high - low) or 0.01
    low, high = low - pad, high + pad

    def x(value: float) -> float:
        return left + (right - left) * (math.log10(value) - low_x) / (high_x - low_x)

    def y(value: float) -> float:
        return bottom - (bottom - top) * (min(high, max(low, value)) - low) / (high - low)

    parts = [svg.text(0, 14, metric["label"], "head")]
    for tick in svg.ticks(low, high, 5):
        parts += [svg.line(left, y(tick), right, y(tick), "grid")]
        parts += [svg.text(left - 8, y(tick) + 4, f"{tick:g}", "small", "end")]
    for value in _ones_and_threes(low_x, high_x):
        parts += [svg.line(x(value), top, x(value), bottom, "grid")]
        parts += [svg.text(x(value), bottom + 16, f"{value:g}", "small", "middle")]
    parts.append(svg.text(right, bottom + 34, texts.COLUMN_OF[key], "small", "end"))
    best = facts["verdicts"][metric["key"]]["best"]
    taken: list[tuple[float, float]] = []
    for name, cost, score in sorted(found, key=lambda f: -f[2]["mean"]):
        at, mean, half = x(cost), score["mean"], score["half"] or 0.0
        parts.append(svg.line(at, y(mean - half), at, y(mean + half), "interval"))
        parts.append(svg.dot(at, y(mean), 5 if name == best else 4, "", f"{name}: {mean:.4f} ± {half:.4f}, {cost:.3g}"))
        # Names stand beside their dot, on the side away from the middle, and move down until they meet no other.
        side = "start" if at > (left + right) / 2 else "end"
        side = "start" if at < left + _NAME else side
        height = y(mean) + 4
        while any(abs(height - h) < 14 and abs(at - a) < _NAME for a, h in taken):
            height += 14
        taken.append((at, height))
        parts.append(svg.text(at + (9 if side == "start" else -9), height, name, "best" if name == best else "", side))
    return Markup(svg.drawing(right + _NAME, bottom + 42, metric["label"], parts))


def trade_caption(facts: dict[str, Any]) -> str:
    """Return what the drawing shows."""
    label = facts["metrics"][0]["label"]
    return texts.CAPTION_TRADE.format(metric=label[:1].upper() + label[1:], cost=texts.COLUMN_OF[facts["trade"]])


def examples(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return rows of cells: example pictures, their labels, and each candidate's answers."""
    pictures, truth = facts["shown"].get("pictures"), facts["shown"].get("truth")
    if not pictures or not truth:
        return []
    rows: list[dict[str, Any]] = [
        {"name": "", "cells": [{"drawing": Markup(_drawn(p)), "text": "", "wrong": False} for p in pictures]},
        {"name": texts.EXAMPLE_TRUTH, "cells": [{"drawing": None, "text": t, "wrong": False} for t in truth]},
    ]
    for row in facts["rows"]:
        answers = row["shown"].get("answers")
        if answers:
            cells = []
            for answer, right in zip(answers, truth, strict=True):
                wrong = facts["data"]["target"] == "classes" and answer != right
                shown = texts.EXAMPLE_WRONG.format(answer=answer) if wrong else answer
                cells.append({"drawing": None, "text": shown, "wrong": wrong})
            rows.append({"name": row["name"], "cells": cells})
    return rows


def _drawn(picture: Any) -> str:
    return svg.drawing(64, 64, "", [svg.picture(0, 0, (64, 64), picture, 0, 255)])
