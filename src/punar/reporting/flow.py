"""Gradient flows by time, of one network or several beside each other, on a logarithmic axis."""

from __future__ import annotations

import math
from typing import Any

from markupsafe import Markup

from punar.reporting import svg
from punar.reporting.palette import CLASSES
from punar.texts import inspection as texts

_LOWEST = 1e-30  # below, float32 has few digits left, and then none
_DASHES = ("", "6 3", "2 3")


def panels(flows: list[dict[str, Any]]) -> list[Markup]:
    """Return drawings: of one model one with a line per layer; of several one per layer with a line per model.

    Parameters
    ----------
    flows : list of dict
        ``model`` (a name), ``lines`` (layer -> norm of d loss / d h_t by step) and ``ratios``.
    """
    if len(flows) == 1:
        lines = flows[0]["lines"]
        return [Markup(panel(flows[0]["model"], {texts.layer(k): v for k, v in lines.items()}))]
    names = list(dict.fromkeys(name for f in flows for name in f["lines"]))
    return [
        Markup(panel(texts.layer(name), {f["model"]: f["lines"][name] for f in flows if name in f["lines"]}))
        for name in names
    ]


def panel(title: str, lines: dict[str, list[float]]) -> str:
    """Return one drawing of named lines.

    Parameters
    ----------
    title : str
    lines : dict of str to list of float
        The norm at each step; a line that falls below 1e-30 is drawn at the edge.
    """
    left, right, top, bottom = 62.0, 560.0, 52.0, 272.0
    positive = [v for values in lines.values() for v in values if v is not None and v > 0 and math.isfinite(v)]
    low = max(_LOWEST, min(positive, default=1.0))
    high = max(positive, default=1.0)
    low_power, high_power = math.floor(math.log10(low)), math.ceil(math.log10(max(high, low * 1.0001)))
    steps = max(len(values) for values in lines.values())

    def y(value: float) -> float:
        place = math.log10(max(value, 10.0**low_power))
        return bottom - (bottom - top) * (place - low_power) / (high_power - low_power)

    def x(step: float) -> float:
        return left + (right - left) * step / max(1, steps - 1)

    parts = [svg.text(0, 14, title, "head"), svg.text(0, 31, texts.FLOW_AXIS, "small")]
    stride = max(1, math.ceil((high_power - low_power) / 7))
    for power in range(low_power, high_power + 1, stride):
        place = y(10.0**power)
        parts += [svg.line(left, place, right, place, "grid"), _power(left - 6, place + 4, power)]
    for tick in svg.ticks(0.0, float(max(1, steps - 1)), min(5, max(1, steps - 1))):
        if tick != round(tick):
            continue  # there is no half a step
        parts.append(svg.text(x(tick), bottom + 17, f"{tick:g}", "small", "middle"))
    parts.append(svg.text(right + 8, bottom + 17, texts.STEP, "small"))
    ends = svg.apart([y(values[-1] or 0.0) for values in lines.values()], 14)
    for i, ((name, values), place) in enumerate(zip(lines.items(), ends, strict=True)):
        colour = CLASSES[i % len(CLASSES)]
        points = [(x(step), y(value)) for step, value in enumerate(values) if value is not None]
        drawn = svg.curve(points, "curve", colour) if len(points) > 1 else svg.dot(*points[0], 3, colour)
        dashes = _DASHES[i % len(_DASHES)]
        parts.append(drawn.replace('style="', f'stroke-dasharray="{dashes}" style="', 1) if dashes else drawn)
        parts.append(f'<g style="fill:{colour}">{svg.text(right + 8, place + 4, name, "own")}</g>')
    return svg.drawing(720, bottom + 26, title, parts)


def rows(flows: list[dict[str, Any]]) -> list[list[str]]:
    """Return lines of a table: model, layer, and the ratio of the first step read to the last."""
    return [
        [flow["model"], texts.layer(name), f"{ratio:.2g}" if ratio is not None else "-"]
        for flow in flows
        for name, ratio in flow["ratios"].items()
    ]


def _power(x: float, y: float, power: int) -> str:
    sign = "−" if power < 0 else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="end" class="small">10'
        f'<tspan dy="-4" font-size="8.5">{sign}{abs(power)}</tspan></text>'
    )
