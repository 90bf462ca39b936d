"""Facts -> the report's drawings: scores, reconstructions, maps of the codes, loss curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from punar.reporting import svg
from punar.reporting.palette import CLASSES, OTHERS, class_colour, ramp_colour
from punar.texts import compare as texts

_LOWEST_SCORE = -0.25  # below, a dot at the edge says enough; a far outlier would flatten all others
_LONGEST_DIRECT_LABEL = 12


def scores(facts: dict[str, Any]) -> list[Markup]:
    """Return one panel per metric: a dot and its interval per candidate."""
    panels = []
    for metric in facts["metrics"]:
        found = [(r["name"], r["scores"][metric["key"]]) for r in facts["rows"] if metric["key"] in r["scores"]]
        if found:
            panels.append(Markup(_score_panel(metric, found, facts["verdicts"][metric["key"]]["best"])))
    return panels


def _score_panel(metric: dict[str, Any], found: list[tuple[str, dict[str, Any]]], best: str | None) -> str:
    left, right, row, top = 184.0, 372.0, 24.0, 30.0
    ends = [s["mean"] + sign * (s["half"] or 0) for _, s in found for sign in (-1, 1)]
    low, high = max(_LOWEST_SCORE, min(ends)), max(*ends, _LOWEST_SCORE + 0.01)
    baseline = metric["baseline_score"]
    near = baseline is not None and low - 0.2 * (high - low) <= baseline <= high
    low = min(low, baseline) if near else low
    pad = 0.04 * (high - low) or 0.01
    low, high = low - pad, high + pad

    def x(value: float) -> float:
        return left + (right - left) * (min(high, max(low, value)) - low) / (high - low)

    bottom = top + row * len(found)
    parts = [svg.text(0, 14, metric["label"], "head")]
    for tick in svg.ticks(low, high, 3):
        parts += [svg.line(x(tick), top, x(tick), bottom, "grid")]
        parts += [svg.text(x(tick), bottom + 15, f"{tick:g}", "small", "middle")]
    if near:
        parts += [svg.line(x(baseline), top, x(baseline), bottom, "dashed")]
    for i, (name, score) in enumerate(found):
        y = top + row * (i + 0.5)
        mean, half = score["mean"], score["half"] or 0.0
        kind = "best" if name == best else "faint" if score["reference"] else ""
        mark = texts.REFERENCE_MARK if score["reference"] else ""
        parts.append(svg.text(left - 10, y + 4, _cut(name), kind, "end"))
        parts.append(svg.line(x(mean - half), y, x(mean + half), y, "interval"))
        parts.append(svg.dot(x(mean), y, 5 if name == best else 4, "", f"{name}: {mean:.4f} ± {half:.4f}"))
        parts.append(svg.text(right + 10, y + 4, f"{mean:.3f}{mark}", kind))
    if baseline is not None:
        note = texts.FOOT_BASELINE.format(
            metric="- -" if near else "←", baseline=metric["baseline"], score=f"{baseline:.3f}"
        )
        parts.append(svg.text(left, bottom + 32, note, "small"))
    return svg.drawing(436, bottom + 40, metric["label"], parts)


def reconstructions(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row per candidate, the original first: a name, its score and a drawing per example."""
    originals = facts["shown"].get("examples")
    if not originals:
        return []
    pictures = facts["data"]["kind"] == "images"
    rows = [{"name": texts.ORIGINAL, "score": None, "cells": originals}]
    for row in facts["rows"]:
        if row["shown"].get("examples"):
            score = row["scores"].get("variance_explained")
            shown = f"{score['mean']:.3f}" if score else None
            rows.append({"name": row["name"], "score": shown, "cells": row["shown"]["examples"]})
    if len(rows) == 1:
        return []
    values = np.asarray(originals, dtype=float)
    low, high = float(values.min()), float(values.max())
    for i, row in enumerate(rows):
        draw = _picture_cell if pictures else _profile_cell
        row["cells"] = [Markup(draw(cell, originals[j], i == 0, low, high)) for j, cell in enumerate(row["cells"])]
    return rows


def _picture_cell(cell: Any, original: Any, first: bool, low: float, high: float) -> str:
    height, width = np.asarray(cell).shape[:2]
    size = (60.0 * min(1.0, width / height), 60.0 * min(1.0, height / width))
    return svg.drawing(60, 60, "", [svg.picture(30 - size[0] / 2, 30 - size[1] / 2, size, cell, low, high)])


def _profile_cell(cell: Any, original: Any, first: bool, low: float, high: float) -> str:
    def points(values: Sequence[float]) -> list[tuple[float, float]]:
        step = 56 / max(1, len(values) - 1)
        span = (high - low) or 1.0
        return [(2 + i * step, 56 - 52 * (min(high, max(low, v)) - low) / span) for i, v in enumerate(values)]

    parts = [svg.curve(points(original), "axis")]
    return svg.drawing(60, 60, "", parts if first else [*parts, svg.curve(points(cell), "curve", CLASSES[0])])


def codes(facts: dict[str, Any]) -> list[Markup]:
    """Return one map per candidate: two coordinates per held-out row, coloured by label."""
    labels = facts["shown"].get("labels")
    groups = _groups(labels, facts["data"]["target"], facts["data"]["classes"])
    return [Markup(_map(row["name"], row["shown"]["map"], groups)) for row in facts["rows"] if row["shown"].get("map")]


def legend(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (name, colour) per class of the maps; empty without classes."""
    if facts["data"]["target"] != "classes":
        return []
    named = [(c, class_colour(i)) for i, c in enumerate(facts["data"]["classes"][: len(CLASSES)])]
    more = len(facts["data"]["classes"]) > len(CLASSES)
    return [*named, (texts.OTHER_CLASSES, OTHERS)] if more else named


def _groups(labels: list[Any] | None, target: str | None, classes: list[str]) -> list[tuple[str, str, list[int]]]:
    """Return (name, colour, rows) of what is drawn in one colour; numbers fall into twelve steps."""
    if not labels:
        return [("", CLASSES[0], [])]
    values = np.asarray(labels, dtype=float)
    if target == "classes":
        found = [(c, class_colour(i), np.flatnonzero(values == i).tolist()) for i, c in enumerate(classes)]
        return sorted(found, key=lambda group: group[1] != OTHERS)
    ranks = np.argsort(np.argsort(values)) / max(1, len(values) - 1)
    step = np.minimum((ranks * 12).astype(int), 11)
    return [("", ramp_colour(s / 11), np.flatnonzero(step == s).tolist()) for s in range(12)]


def _map(name: str, points: list[list[float]], groups: list[tuple[str, str, list[int]]]) -> str:
    width, height, top = 240.0, 196.0, 22.0
    place = np.asarray(points, dtype=float)
    # A few far points would shrink the rest to a spot: they are drawn at the edge.
    low, high = np.quantile(place, 0.01, axis=0), np.quantile(place, 0.99, axis=0)
    span = np.where(high > low, high - low, 1.0)
    share = np.clip((place - low + 0.05 * span) / (1.1 * span), 0, 1)
    xy = np.column_stack([6 + share[:, 0] * (width - 12), top + 6 + (1 - share[:, 1]) * (height - 12)])
    parts = [
        svg.text(0, 14, name, "head"),
        f'<rect x="0" y="{top:g}" width="{width:g}" height="{height:g}" class="frame"/>',
    ]
    labels = []
    for label, colour, members in groups:
        mine = xy[members] if members else (xy if not label and len(groups) == 1 else xy[:0])
        if len(mine):
            parts.append(svg.dots([(float(a), float(b)) for a, b in mine], colour))
            if 0 < len(label) <= _LONGEST_DIRECT_LABEL and len(groups) <= len(CLASSES):
                a, b = np.median(mine, axis=0)
                labels.append(svg.text(float(a), float(b) + 5, label, "halo", "middle"))
    return svg.drawing(width, height + top + 2, name, parts + labels)


def losses(facts: dict[str, Any]) -> list[Markup]:
    """Return one panel per network: training and validation loss over epochs."""
    panels = []
    for row in facts["rows"]:
        found = row["shown"].get("losses")
        train = [v for v in (found or {}).get("train_loss", []) if v is not None]
        if len(train) > 1:
            valid = [v for v in found.get("valid_loss", []) if v is not None]
            panels.append(Markup(_loss_panel(row["name"], train, valid)))
    return panels


def _loss_panel(name: str, train: list[float], valid: list[float]) -> str:
    left, right, top, bottom = 44.0, 262.0, 28.0, 150.0
    values = np.asarray([*train, *valid])
    logarithmic = bool(values.min() > 0 and values.max() > 8 * values.min())
    scaled = np.log10(values) if logarithmic else values
    low, high = float(scaled.min()), float(scaled.max())
    span = (high - low) or 1.0

    def y(value: float) -> float:
        place = math.log10(value) if logarithmic else value
        return bottom - (bottom - top) * (place - low) / span

    def path(series: list[float]) -> list[tuple[float, float]]:
        step = (right - left) / max(1, len(series) - 1)
        return [(left + i * step, y(v)) for i, v in enumerate(series)]

    parts = [svg.text(0, 14, name, "head"), svg.line(left, bottom, right, bottom, "axis")]
    for tick in _loss_ticks(float(values.min()), float(values.max()), logarithmic):
        parts += [svg.line(left, y(tick), right, y(tick), "grid")]
        parts += [svg.text(left - 6, y(tick) + 4, f"{tick:g}", "small", "end")]
    parts += [svg.text(left, bottom + 15, "1", "small", "middle")]
    parts += [svg.text(right, bottom + 15, f"{texts.EPOCH} {len(train)}", "small", "end")]
    ends = {texts.TRAIN: (train, CLASSES[0])} | ({texts.VALIDATION: (valid, CLASSES[1])} if valid else {})
    heights = [y(series[-1]) for series, _ in ends.values()]
    if len(heights) == 2 and abs(heights[0] - heights[1]) < 14:  # keep the two labels apart
        middle, side = sum(heights) / 2, 7 if heights[0] >= heights[1] else -7
        middle = min(middle, bottom - 7)
        heights = [middle + side, middle - side]
    for (label, (series, colour)), height in zip(ends.items(), heights, strict=True):
        parts.append(svg.curve(path(series), "curve", colour))
        parts.append(f'<g style="fill:{colour}">{svg.text(right + 6, height + 4, label, "own")}</g>')
    return svg.drawing(330, bottom + 22, name, parts)


def _loss_ticks(low: float, high: float, logarithmic: bool) -> list[float]:
    if not logarithmic:
        return svg.ticks(low, high, 4)
    steps = (1, 2, 5) if high < 300 * low else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [t for p in powers for m in steps if low <= (t := float(f"{m}e{p}")) <= high]


def _cut(name: str, longest: int = 26) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"
