"""Facts of a look into a recurrent network -> the page of ``punar gates``: heat maps, means and gradients by time."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup
from rich.cells import cell_len

from punar.reporting import flow, svg
from punar.reporting.palette import CLASSES, DIVERGING, RAMP
from punar.reporting.render import environment
from punar.texts import inspection as texts

LEFT, RIGHT, WIDTH = 96.0, 84.0, 1080.0
_PLOT = WIDTH - LEFT - RIGHT
_TOKEN = 16.0  # px for a label that stands aslant
_LONGEST_LABEL = 16
_LINES = 6  # channels that are drawn as lines; more are a heat map
_LEAST_HEIGHT, _MOST_HEIGHT, _UNIT = 56.0, 176.0, 4.0
_STRIP = 84.0  # height of the panels of lines


def html(facts: dict[str, Any]) -> str:
    """Return a whole page, complete in itself: no script, no address of another file.

    Parameters
    ----------
    facts : dict
        From :func:`punar.inspection.gate_facts.gate_facts`, with ``model`` and ``data`` (names), ``made``, and
        ``flows``, a list of gradient flows by model, the first one the model's own.
    """
    item = facts["item"]
    answer = f"; {item['answer']}" if item["answer"] else ""
    flows = [own for own in facts["flows"] if own["lines"]]
    panels = [(_title(layer), Markup(figure(layer, item))) for layer in facts["layers"]]
    return (
        environment()
        .get_template("gates.html")
        .render(
            t=texts,
            facts=facts,
            title=texts.TITLE.format(model=facts["model"], item=item["name"], data=facts["data"]),
            lead=texts.LEAD.format(
                steps=item["steps"],
                cell=texts.CELLS.get(facts["cell"], facts["cell"]),
                units=len(facts["layers"][0]["order"]),
            )
            + answer,
            doubt=facts.get("doubt"),
            panels=panels,
            captions=_captions(facts),
            flow_caption=texts.CAPTION_FLOW.format(target=texts.FLOW_TARGETS[facts["target"]])
            if flows
            else texts.CAPTION_NO_FLOW,
            flow_panels=[Markup(panel) for panel in flow.panels(flows)] if flows else [],
            flow_rows=flow.rows(flows),
            table=[row for layer in facts["layers"] for row in _rows(layer)],
        )
    )


def figure(layer: dict[str, Any], item: dict[str, Any]) -> str:
    """Return one drawing: what was read, every gate as a heat map of units by time, and the means over units.

    Parameters
    ----------
    layer : dict
        ``number``, ``reverse``, ``parts`` (each with ``name``, ``gate`` and ``values``, (steps, units)) and ``order``
        (of the units, from the top).
    item : dict
        ``steps``, ``labels``, ``seconds`` (per step, or None) and ``inputs`` (``names`` and ``values``, or None).
    """
    labels, steps = item["labels"], int(item["steps"])
    plot = max(_PLOT, steps * _TOKEN) if labels else _PLOT
    room = _label_room(labels, plot)
    parts: list[str] = []
    y = room + 8.0 if labels else 8.0
    if labels:
        parts += _tokens(labels, plot, y - 6, above=True)
    if item["inputs"]:
        drawn, height = _inputs(item["inputs"], plot, y)
        parts += drawn
        y += height + 14
    for part in layer["parts"]:
        values = np.asarray(part["values"], dtype=float)[:, layer["order"]]
        height = min(_MOST_HEIGHT, max(_LEAST_HEIGHT, _UNIT * values.shape[1]))
        parts += _heat(part, values, plot, y, height)
        y += height + 14
    gates = [(p["name"], np.asarray(p["values"], dtype=float).mean(1)) for p in layer["parts"] if p["gate"]]
    states = [(p["name"], np.abs(p["values"]).mean(1)) for p in layer["parts"] if not p["gate"]]
    for head, lines, ends in ((texts.MEAN, gates, (0.0, 1.0)), (texts.MEAN_SIZE, states, None)):
        if lines:
            parts += _lines(head, lines, plot, y, ends)
            y += _STRIP + 14
    if labels:
        parts += _tokens(labels, plot, y, above=False)
        y += room
    else:
        parts += _clock(steps, item["seconds"], plot, y - 8)
        y += 26
    drawing = svg.drawing(LEFT + plot + RIGHT, y, _title(layer), parts)
    # Small screens scroll: a figure that shrinks with them has labels of three pixels.
    return drawing.replace('style="', f'style="min-width:{max(720.0, LEFT + plot + RIGHT if labels else 0.0):g}px;', 1)


def _title(layer: dict[str, Any]) -> str:
    words = texts.LAYER_REVERSE if layer["reverse"] else texts.LAYER
    return words.format(number=layer["number"] + 1)


def _captions(facts: dict[str, Any]) -> list[str]:
    layer = facts["layers"][0]
    sorted_by = texts.CAPTION_ORDER.format(name=layer["kept_by"]) if layer["kept_by"] else texts.CAPTION_NO_ORDER
    found = [texts.CAPTION_GATES, sorted_by] if any(p["gate"] for p in layer["parts"]) else [texts.CAPTION_STATES]
    if facts["item"]["unknown"]:
        found.append(texts.CAPTION_UNKNOWN)
    if any(other["reverse"] for other in facts["layers"]):
        found.append(texts.CAPTION_REVERSE)
    return found


def _rows(layer: dict[str, Any]) -> list[list[str]]:
    """Return lines of the table: layer, gate, mean, shares that are nearly shut and nearly open, half-life."""
    found = []
    for part in layer["parts"]:
        if part["gate"]:
            values = np.asarray(part["values"], dtype=float)
            shut, opened = float((values < 0.1).mean()), float((values > 0.9).mean())
            kept = layer["half_lives"] if part["name"] == layer["kept_by"] else None
            lives = texts.HALF_LIVES.format(*(_steps(v) for v in kept)) if kept else ""
            found.append([_title(layer), part["name"], f"{values.mean():.3f}", f"{shut:.0%}", f"{opened:.0%}", lives])
    return found


def _steps(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}" if value < 1e4 else texts.FOREVER


def _heat(part: dict[str, Any], values: np.ndarray, plot: float, y: float, height: float) -> list[str]:
    most = float(np.abs(values).max()) or 1.0
    low, high, colours = (0.0, 1.0, RAMP) if part["gate"] else (-most, most, DIVERGING)
    shown = _pooled(values.T, int(plot))
    bar = LEFT + plot + 12
    scale = np.linspace(high, low, 32)[:, None]
    parts = [
        svg.text(0, y + 13, part["name"], "head"),
        svg.text(0, y + 29, texts.UNITS.format(n=values.shape[1]), "small"),
        svg.heat(LEFT, y, (plot, height), shown, low, high, colours),
        f'<rect x="{LEFT:g}" y="{y:.1f}" width="{plot:g}" height="{height:g}" class="outline"/>',
        svg.heat(bar, y, (9, height), scale, low, high, colours),
        svg.text(bar + 14, y + 10, f"{high:.2g}", "small"),
        svg.text(bar + 14, y + height, f"{low:.2g}".replace("-", "−"), "small"),
    ]
    if not part["gate"]:
        parts.append(svg.text(bar + 14, y + height / 2 + 4, "0", "small"))
    return parts


def _pooled(values: np.ndarray, most: int) -> np.ndarray:
    """Return (units, steps) with neighbouring steps averaged where there are more of them than pixels."""
    steps = values.shape[1]
    if steps <= most:
        return values
    edges = np.linspace(0, steps, most + 1).astype(int)[:-1]
    return np.add.reduceat(values, edges, axis=1) / np.diff([*edges, steps])


def _lines(
    head: str, lines: list[tuple[str, np.ndarray]], plot: float, y: float, ends: tuple[float, float] | None
) -> list[str]:
    low, high = ends or _range([v for _, v in lines])
    bottom = y + _STRIP

    def height(value: float) -> float:
        return bottom - _STRIP * (value - low) / ((high - low) or 1.0)

    parts = [
        svg.text(0, y + 13 + 13 * i, word, "head" if i == 0 else "small") for i, word in enumerate(head.split("\n"))
    ]
    for tick in svg.ticks(low, high, 2):
        parts += [svg.line(LEFT, height(tick), LEFT + plot, height(tick), "grid")]
        parts += [svg.text(LEFT - 6, height(tick) + 4, f"{tick:g}".replace("-", "−"), "small", "end")]
    cell = plot / max(1, len(lines[0][1]))
    places = svg.apart([height(float(v[-1])) for _, v in lines], 13)
    for i, ((name, values), place) in enumerate(zip(lines, places, strict=True)):
        colour = CLASSES[i % len(CLASSES)]
        points = [(LEFT + (k + 0.5) * cell, height(float(v))) for k, v in enumerate(values)]
        parts.append(svg.curve(points, "curve", colour) if len(points) > 1 else svg.dot(*points[0], 3, colour))
        parts.append(f'<g style="fill:{colour}">{svg.text(LEFT + plot + 6, place + 4, _cut(name, 11), "own")}</g>')
    return parts


def _range(lines: list[np.ndarray]) -> tuple[float, float]:
    values = np.concatenate(lines)
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _inputs(inputs: dict[str, Any], plot: float, y: float) -> tuple[list[str], float]:
    """Return what the network read: a line per channel, or a heat map of many."""
    values = np.asarray(inputs["values"], dtype=float)  # (steps, channels)
    if values.shape[1] <= _LINES:
        names = inputs["names"] or [texts.CHANNEL.format(number=i) for i in range(values.shape[1])]
        return _lines(texts.READ, list(zip(names, values.T, strict=True)), plot, y, None), _STRIP
    part = {"name": texts.READ.split("\n")[0], "gate": False}
    height = min(_MOST_HEIGHT, max(_LEAST_HEIGHT, 2 * values.shape[1]))
    drawn = _heat(part, values[:, ::-1], plot, y, height)  # the highest band at the top
    return [
        p.replace(texts.UNITS.format(n=values.shape[1]), texts.BANDS.format(n=values.shape[1])) for p in drawn
    ], height


def _label_room(labels: list[str] | None, plot: float) -> float:
    """Return the height that labels take."""
    if not labels:
        return 0.0
    return 14.0 if _lie(labels, plot) else 14.0 + 5.2 * max(cell_len(_cut(label)) for label in labels)


def _lie(labels: list[str], plot: float) -> bool:
    """Return whether labels have room side by side; else they stand aslant."""
    return 7.0 * max(cell_len(_cut(label)) for label in labels) < plot / len(labels)


def _tokens(labels: list[str], plot: float, y: float, *, above: bool) -> list[str]:
    cell = plot / len(labels)
    middles = [LEFT + (i + 0.5) * cell for i in range(len(labels))]
    if _lie(labels, plot):
        drop = 0 if above else 6
        return [svg.text(x, y + drop, _cut(s), "small", "middle") for x, s in zip(middles, labels, strict=True)]
    anchor, aside = ("start", 3) if above else ("end", 4)
    return [svg.text(x + aside, y, _cut(s), "small", anchor, -55) for x, s in zip(middles, labels, strict=True)]


def _clock(steps: int, seconds: float | None, plot: float, y: float) -> list[str]:
    unit = 1.0 if seconds is None else seconds
    cell = plot / steps
    parts = [svg.line(LEFT, y, LEFT + plot, y, "axis")]
    for tick in svg.ticks(0.0, (steps - 1) * unit, min(10, max(1, steps - 1))):
        if seconds is None and tick != round(tick):
            continue
        x = LEFT + (tick / unit + 0.5) * cell
        parts += [svg.line(x, y, x, y + 4, "axis"), svg.text(x, y + 17, f"{tick:g}", "small", "middle")]
    word = texts.STEP if seconds is None else texts.SECONDS
    return [*parts, svg.text(LEFT + plot + 6, y + 17, word, "small")]


def _cut(name: str, longest: int = _LONGEST_LABEL) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"
