"""Facts of a latent space -> the page of ``punar latent``, or its map alone as a drawing."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image, ImageDraw

from punar.reporting import svg
from punar.reporting.palette import CLASSES, OTHERS, class_colour, ramp_colour
from punar.reporting.render import environment
from punar.texts import compare as shared
from punar.texts import latent as texts

_WIDE, _HIGH, _EDGE = 760.0, 560.0, 34.0
_CELL = 60.0
_LEGEND = 190.0
_STYLE = (
    "<style>text{font:13px system-ui,sans-serif;fill:#333}.small{font-size:11px;fill:#62676d}.frame{fill:#fff;"
    "stroke:#e0e0da}.halo{font-weight:700;paint-order:stroke;stroke:#fff;stroke-width:3px}</style>"
)
_KINDS = {"plain": texts.CAPTION_PLAIN, "one": texts.CAPTION_ONE}
_NAMES = {"map": texts.SCORE_THIS, "PCA": texts.SCORE_PCA, "code": texts.SCORE_CODE, "chance": texts.SCORE_CHANCE}


def html(facts: dict[str, Any]) -> str:
    """Return a whole page, complete in itself: no script, no address of another file.

    Parameters
    ----------
    facts : dict
        From :func:`punar.latent_map`.
    """
    return environment().get_template("latent.html").render(**_words(facts), whole=True)


def fragment(facts: dict[str, Any]) -> str:
    """Return the same for a notebook: no page around it."""
    return environment().get_template("latent.html").render(**_words(facts), whole=False)


def svg_file(facts: dict[str, Any]) -> str:
    """Return the map with its legend as a drawing that stands alone."""
    parts = [_STYLE, *_map(facts), *_legend_drawn(facts)]
    picture = svg.drawing(_WIDE + _LEGEND, _HIGH, _title(facts), parts)
    return picture.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def png(facts: dict[str, Any], scale: int = 2) -> bytes:
    """Return the map with its legend as a PNG picture, twice as fine as a screen's points."""
    image = Image.new("RGB", (int((_WIDE + _LEGEND) * scale), int(_HIGH * scale)), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle([_EDGE * scale, 8 * scale, (_WIDE - 8) * scale, (_HIGH - _EDGE) * scale], outline="#d0d0ca")
    for (x, y), colour in zip(_places(facts), _colours(facts), strict=True):
        r = 3 * scale
        draw.ellipse([x * scale - r, y * scale - r, x * scale + r, y * scale + r], fill=colour)
    words = [(_EDGE, _HIGH - 20, _axes(facts)[0]), (_EDGE + 6, 12, _axes(facts)[1])]
    for x, y, word in words:
        draw.text((x * scale, y * scale), _latin(word), fill="#333", font_size=12 * scale)
    for i, (name, colour) in enumerate(_legend(facts)):
        x, y = _WIDE * scale, (20 + 20 * i) * scale
        draw.ellipse([x, y, x + 9 * scale, y + 9 * scale], fill=colour)
        draw.text((x + 15 * scale, y - 3 * scale), _latin(name), fill="#333", font_size=12 * scale)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _latin(word: str) -> str:
    # The font that travels with Pillow has no other letters.
    return "".join(c if ord(c) < 256 else "?" for c in word)


def _words(facts: dict[str, Any]) -> dict[str, Any]:
    lead = texts.LEAD if facts["rows"] == facts["total"] else texts.LEAD_SOME
    common = facts["look"]
    drawn = [
        {"name": texts.AXIS_CODE.format(number=line["number"]), "ends": f"{line['low']:.3g} … {line['high']:.3g}",
         "cells": [Markup(_cell(cell, common)) for cell in line["cells"]]}
        for line in facts["traversal"]
    ]  # fmt: skip
    near = [[{**each, "drawn": Markup(_cell(each["look"], common)), "text": _text(each, facts),
             "words": each["look"].get("text", "")} for each in line]
            for line in facts["neighbours"]]  # fmt: skip
    return {
        "t": texts,
        "facts": facts,
        "title": _title(facts),
        "lead": lead.format(n=facts["rows"], total=facts["total"], size=facts["size"]),
        "map": Markup(svg.drawing(_WIDE, _HIGH, _title(facts), _map(facts))),
        "legend": _legend(facts),
        "map_caption": _caption(facts),
        "score_head": _score_head(facts),
        "score_rows": [(_NAMES[name], f"{value:.3f}") for name, value in _ordered(facts)],
        "score_caption": texts.CAPTION_SCORE if "chance" in facts["scores"] else texts.CAPTION_TRUST,
        "near": near,
        "traversal": drawn,
        "cell_caption": _cell_caption(common),
    }


def figures(facts: dict[str, Any]) -> str:
    """Return the scores as one sentence; empty where there are none."""
    said = ", ".join(f"{_NAMES[name]} {value:.3f}" for name, value in _ordered(facts))
    return f"{_score_head(facts)}: {said}" if said else ""


def _score_head(facts: dict[str, Any]) -> str:
    return texts.SCORE_LABEL if "chance" in facts["scores"] else texts.SCORE_TRUST


def _ordered(facts: dict[str, Any]) -> list[tuple[str, float]]:
    scores = facts["scores"]
    names = [name for name in _NAMES if name in scores and not (name == "code" and facts["size"] <= 2)]
    return [(name, scores[name]) for name in names]


def _title(facts: dict[str, Any]) -> str:
    return texts.TITLE.format(model=facts["model"], data=facts["data"])


def _caption(facts: dict[str, Any]) -> str:
    kind = facts["projection"]["kind"]
    said = [_KINDS.get(kind) or texts.CAPTION_PCA.format(explained=facts["projection"]["explained"])]
    said += [texts.CAPTION_NUMBERS] if facts["target"] == "numbers" else []
    return " ".join([*said, texts.CAPTION_HOVER, texts.EDGE])


def _cell_caption(common: dict[str, Any]) -> str:
    if common["kind"] == "line":
        return texts.CAPTION_LINES
    if common["kind"] != "bars":
        return ""
    names = common["columns"]
    named = ", ".join(names[:8])
    columns = named if len(names) <= 8 else texts.MORE_COLUMNS.format(named=named, n=len(names) - 8)
    return texts.CAPTION_BARS.format(columns=columns)


def _axes(facts: dict[str, Any]) -> tuple[str, str]:
    kind = facts["projection"]["kind"]
    axis = texts.AXIS_PCA if kind == "pca" else texts.AXIS_CODE
    return axis.format(number=1), texts.AXIS_ROW if kind == "one" else axis.format(number=2)


def _places(facts: dict[str, Any]) -> list[tuple[float, float]]:
    points = np.asarray(facts["points"], dtype=float)
    low, high = np.quantile(points, 0.005, axis=0), np.quantile(points, 0.995, axis=0)
    span = np.where(high > low, high - low, 1.0)
    share = np.clip((points - low + 0.03 * span) / (1.06 * span), 0, 1)
    x = _EDGE + 6 + share[:, 0] * (_WIDE - _EDGE - 20)
    y = 14 + (1 - share[:, 1]) * (_HIGH - _EDGE - 20)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _colours(facts: dict[str, Any]) -> list[str]:
    labels = facts["labels"]
    if labels is None:
        return [CLASSES[0]] * len(facts["points"])
    if facts["target"] == "classes":
        return [class_colour(int(v)) for v in labels]
    ranks = np.argsort(np.argsort(labels)) / max(1, len(labels) - 1)
    return [ramp_colour(min(int(r * 12), 11) / 11) for r in ranks.tolist()]


def _map(facts: dict[str, Any]) -> list[str]:
    places, colours = _places(facts), _colours(facts)
    parts = [f'<rect x="{_EDGE:g}" y="8" width="{_WIDE - _EDGE - 8:g}" height="{_HIGH - _EDGE - 8:g}" class="frame"/>']
    hints = facts["shown_labels"] or [""] * len(places)
    for (x, y), colour, name, label in zip(places, colours, facts["names"], hints, strict=True):
        parts.append(svg.dot(x, y, 3.4, colour, f"{name}: {label}" if label else name))
    if facts["target"] == "classes" and len(facts["classes"]) <= len(CLASSES):
        for number, name in enumerate(facts["classes"]):
            mine = np.asarray([p for p, v in zip(places, facts["labels"], strict=True) if v == number])
            if len(mine) and len(name) <= 14:
                x, y = np.median(mine, axis=0)
                parts.append(svg.text(float(x), float(y) + 5, name, "halo", "middle"))
    across, up = _axes(facts)
    parts.append(svg.text((_WIDE + _EDGE) / 2, _HIGH - 10, across, "small", "middle"))
    parts.append(svg.text(16, (_HIGH - _EDGE) / 2, up, "small", "middle", -90))
    return parts


def _legend(facts: dict[str, Any]) -> list[tuple[str, str]]:
    if facts["target"] == "numbers":
        values = facts["labels"]
        return [(f"{min(values):.4g}", ramp_colour(0)), (f"{max(values):.4g}", ramp_colour(1))]
    named = [(name, class_colour(i)) for i, name in enumerate(facts["classes"][: len(CLASSES)])]
    return [*named, (shared.OTHER_CLASSES, OTHERS)] if len(facts["classes"]) > len(CLASSES) else named


def _legend_drawn(facts: dict[str, Any]) -> list[str]:
    parts = []
    for i, (name, colour) in enumerate(_legend(facts)):
        parts += [svg.dot(_WIDE + 8, 20 + 20 * i, 5, colour), svg.text(_WIDE + 20, 24 + 20 * i, name)]
    return parts


def _text(each: dict[str, Any], facts: dict[str, Any]) -> str:
    label = "" if each["label"] is None else f" · {facts['classes'][each['label']]}"
    far = "" if each["distance"] is None else f" · {each['distance']:.3g}"
    return f"{each['name']}{label}{far}"


def _cell(look: dict[str, Any], common: dict[str, Any]) -> str:
    if look["kind"] == "picture":
        values = np.asarray(look["values"], dtype=float)
        height, width = values.shape[:2]
        size = (_CELL * min(1.0, width / height), _CELL * min(1.0, height / width))
        drawn = svg.picture((_CELL - size[0]) / 2, (_CELL - size[1]) / 2, size, values, common["low"], common["high"])
        return svg.drawing(_CELL, _CELL, "", [drawn])
    if look["kind"] == "line":
        return svg.drawing(_CELL, _CELL, "", _lines(look["values"]))
    if look["kind"] == "bars":
        return svg.drawing(_CELL, _CELL, "", _bars(look["values"]))
    return ""


def _lines(channels: list[list[float]]) -> list[str]:
    values = np.asarray(channels, dtype=float)
    low, high = float(values.min()), float(values.max())
    span = (high - low) or 1.0
    step = (_CELL - 4) / max(1, values.shape[1] - 1)
    return [
        svg.curve([(2 + i * step, _CELL - 2 - (_CELL - 4) * (v - low) / span) for i, v in enumerate(channel)], "curve",
                  CLASSES[k % len(CLASSES)])
        for k, channel in enumerate(values.tolist())
    ]  # fmt: skip


def _bars(values: list[float]) -> list[str]:
    middle, most = _CELL / 2, 3.0  # standard deviations that fill half of a cell
    width = (_CELL - 4) / len(values)
    parts = [svg.line(0, middle, _CELL, middle, "grid")]
    for i, value in enumerate(values):
        tall = min(most, abs(value)) / most * (middle - 2)
        top = middle - tall if value > 0 else middle
        colour = CLASSES[1] if value > 0 else CLASSES[0]
        parts.append(
            f'<rect x="{2 + i * width:.1f}" y="{top:.1f}" width="{max(0.6, width - 0.6):.1f}" height="{tall:.1f}" '
            f'style="fill:{colour}"/>'
        )
    return parts
