"""Small vector graphics as text: shapes, axes with round ticks, and pictures as embedded PNG.

Text stays text, so that the browser shapes every script; colours of text and axes are CSS classes of the page, so
that one drawing serves light and dark paper.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from PIL import Image

Colour = tuple[int, int, int]


def drawing(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    """Return an ``<svg>`` that scales to its container; ``title`` is read aloud."""
    label = escape(title, quote=True)
    head = f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{label}" style="max-width:{width:g}px">'
    return head + "".join(parts) + "</svg>"


def text(x: float, y: float, content: str, kind: str = "", anchor: str = "start", turn: float = 0.0) -> str:
    """Return a ``<text>``; ``kind`` is a CSS class, ``anchor`` start, middle or end, ``turn`` in degrees clockwise."""
    css = f' class="{kind}"' if kind else ""
    turned = f' transform="rotate({turn:g} {x:.1f} {y:.1f})"' if turn else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{css}{turned}>{escape(content)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str, colour: str = "") -> str:
    """Return a straight line of a CSS class."""
    paint = f' style="stroke:{colour}"' if colour else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"{paint}/>'


def dot(x: float, y: float, radius: float, colour: str = "", hint: str = "") -> str:
    """Return a filled circle, with a tooltip where ``hint`` is given."""
    paint = f' style="fill:{colour}"' if colour else ' class="dot"'
    tip = f"<title>{escape(hint)}</title>" if hint else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"{paint}>{tip}</circle>'


def dots(points: Sequence[tuple[float, float]], colour: str) -> str:
    """Return many equal points as one path of zero-length strokes, a tenth of the size of as many circles."""
    path = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points)
    return f'<path d="{path}" class="points" style="stroke:{colour}"/>'


def curve(points: Sequence[tuple[float, float]], kind: str, colour: str = "") -> str:
    """Return a line through points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    paint = f' style="stroke:{colour}"' if colour else ""
    return f'<polyline points="{path}" class="{kind}"{paint}/>'


def picture(x: float, y: float, size: tuple[float, float], values: Any, low: float, high: float) -> str:
    """Return a picture, (h, w) or (h, w, 1 or 3), whose values ``low`` to ``high`` run from black to white."""
    array = np.asarray(values, dtype=float)
    if array.ndim == 3 and array.shape[2] != 3:
        array = array[:, :, 0]  # one channel, or more than a screen has: the first
    grey = np.clip((array - low) / (high - low if high > low else 1.0), 0, 1)
    return _image(x, y, size, (grey * 255).round().astype(np.uint8))


def heat(
    x: float, y: float, size: tuple[float, float], values: Any, low: float, high: float, colours: Sequence[Colour]
) -> str:
    """Return a heat map of (rows, columns), the first row at the top, of ``low`` to ``high`` in ``colours``."""
    array = np.asarray(values, dtype=float)
    place = np.clip((array - low) / (high - low if high > low else 1.0), 0, 1)
    stops = np.linspace(0, 1, len(colours))
    channels = [np.interp(place, stops, [c[i] for c in colours]) for i in range(3)]
    return _image(x, y, size, np.stack(channels, axis=-1).round().astype(np.uint8), stretched=True)


def _image(x: float, y: float, size: tuple[float, float], pixels: np.ndarray, *, stretched: bool = False) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    fit = ' preserveAspectRatio="none"' if stretched else ""
    return (
        f'<image x="{x:.1f}" y="{y:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}" class="picture"{fit} '
        f'href="data:image/png;base64,{data}"/>'
    )


def apart(places: Sequence[float], least: float) -> list[float]:
    """Return places for labels, at least ``least`` from each other and as near to ``places`` as that allows.

    >>> apart([10.0, 12.0, 50.0], 14.0)
    [4.0, 18.0, 50.0]
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    groups: list[list[int]] = []
    middles: list[float] = []
    for i in order:
        groups.append([i])
        middles.append(places[i])
        # Labels that touch move together, to the middle of where they belong.
        while len(groups) > 1 and middles[-1] - middles[-2] < least * (len(groups[-1]) + len(groups[-2])) / 2:
            joined = groups.pop()
            groups[-1] += joined
            middles.pop()
            middles[-1] = sum(places[k] for k in groups[-1]) / len(groups[-1])
    found = list(places)
    for group, middle in zip(groups, middles, strict=True):
        for number, i in enumerate(group):
            found[i] = middle + least * (number - (len(group) - 1) / 2)
    return found


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Return about ``count`` round numbers in [low, high].

    >>> ticks(0.0, 1.0)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    >>> ticks(0.83, 0.94)
    [0.85, 0.875, 0.9, 0.925]
    """
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((m * power for m in (1, 2, 2.5, 5, 10)), key=lambda s: abs(s - rough))
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]
