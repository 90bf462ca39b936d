"""One item of a report as HTML: a picture with masks or boxes, a context with spans, texts side by side."""

from __future__ import annotations

import base64
import colorsys
import io
from collections.abc import Callable, Sequence
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image

from punar.reporting import svg
from punar.reporting._align import Piece, aligned
from punar.reporting.palette import CLASSES, RAMP
from punar.texts import report as texts

_COVER = 0.6  # of a mask over its picture
_UNKNOWN = (128, 128, 128)
_CELL, _LETTER, _LONGEST = 17.0, 6.5, 16  # of an attention map: a cell, a letter, letters of a word
_MOST_WORDS = 60

Card = dict[str, Any]


def card(facts: Card) -> Markup:
    """Return what one item looks like, by its form."""
    found = _FORMS.get(facts["form"], _plain)(facts)
    if "attention" in facts:
        found += _attention(*facts["attention"])
    return Markup(found)


def colour(number: int) -> tuple[int, int, int]:
    """Return the colour of a class; those beyond the palette are spread around the circle of hues.

    >>> colour(0), len({colour(i) for i in range(60)})
    ((68, 119, 170), 60)
    """
    if number < len(CLASSES):
        code = CLASSES[number].lstrip("#")
        return int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)
    # The golden angle never comes back to where it was.
    hue = (number * 0.381966) % 1.0
    red, green, blue = colorsys.hls_to_rgb(hue, 0.35 + 0.15 * (number % 3), 0.65)
    return round(red * 255), round(green * 255), round(blue * 255)


def _css(number: int) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour(number))


def image(pixels: np.ndarray, words: str) -> str:
    """Return an ``<img>`` that holds its picture."""
    height, width = pixels.shape[:2]
    return f'<img src="{_data(pixels)}" width="{width}" height="{height}" alt="{escape(words, quote=True)}">'


def _data(pixels: np.ndarray) -> str:
    """Return a picture as an address that holds it; photographs take a tenth of what PNG would."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def _panels(*panels: tuple[str, str]) -> str:
    shown = "".join(f"<div><b>{escape(head)}</b>{body}</div>" for head, body in panels)
    return f'<div class="beside">{shown}</div>'


def _legend(rows: Sequence[tuple[str, str]]) -> str:
    marks = "".join(f'<span><i style="background:{paint}"></i>{escape(name)}</span>' for name, paint in rows)
    return f'<div class="legend">{marks}</div>' if rows else ""


# -- pictures


def _masks(facts: Card) -> str:
    names, picture = facts["names"], np.asarray(facts["picture"])
    truth, found = np.asarray(facts["truth"]), np.asarray(facts["found"])
    present = [int(v) for v in np.unique(np.concatenate([truth.ravel(), found.ravel()])) if 0 <= v < len(names)]
    wrong = (truth != found) & (truth != facts["ignore"])
    share = wrong.sum() / max(1, int((truth != facts["ignore"]).sum()))
    said = texts.ALT_MASK.format(name=facts["name"], classes=", ".join(names[v] for v in present))
    legend = [(names[v], _css(v)) for v in present]
    return _panels(
        (texts.PICTURE, image(picture, texts.ALT_PICTURE.format(name=facts["name"]))),
        (texts.TRUTH, image(_covered(picture, truth, len(names)), f"{texts.TRUTH}: {said}")),
        (texts.FOUND, image(_covered(picture, found, len(names)), f"{texts.FOUND}: {said}")),
    ) + _legend(legend) + f'<p class="foot">{texts.WRONG_PIXELS.format(share=share)}</p>'  # fmt: skip


def _covered(picture: np.ndarray, mask: np.ndarray, count: int) -> np.ndarray:
    """Return a picture under its mask; numbers without a class are grey."""
    table = np.array([*(colour(i) for i in range(count)), _UNKNOWN], dtype=float)
    known = np.where((mask >= 0) & (mask < count), mask, count)
    return (picture * (1 - _COVER) + table[known] * _COVER).round().astype(np.uint8)


def _boxes(facts: Card) -> str:
    picture = np.asarray(facts["picture"])
    height, width = picture.shape[:2]
    name = facts["name"]

    def drawn(rows: Sequence[Card], head: str) -> str:
        said = texts.ALT_BOXES.format(head=head, name=name, boxes=", ".join(row["name"] for row in rows[:30]) or "-")
        shapes = [_box(row) for row in rows]
        under = f'<image width="{width}" height="{height}" href="{_data(picture)}"/>'
        return svg.drawing(width, height, said, [under, *shapes])

    legend = {row["name"]: _css(row["class"]) for row in [*facts["truth"], *facts["found"]]}
    more = texts.MORE_BOXES.format(n=facts["more"]) if facts["more"] else ""
    return _panels(
        (texts.TRUTH, drawn(facts["truth"], texts.TRUTH)), (texts.FOUND, drawn(facts["found"], texts.FOUND))
    ) + _legend(list(legend.items())) + (f'<p class="foot">{more}</p>' if more else "")  # fmt: skip


def _box(row: Card) -> str:
    x1, y1, x2, y2 = row["box"]
    paint = _css(row["class"])
    words = row["name"] if row["score"] is None else f"{row['name']} {row['score']:.2f}"
    hint = f"<title>{escape(words)}</title>"
    shape = (
        f'<rect x="{x1:.1f}" y="{y1:.1f}" width="{max(0.0, x2 - x1):.1f}" height="{max(0.0, y2 - y1):.1f}" '
        f'class="box" style="stroke:{paint}">{hint}</rect>'
    )
    return shape if row["score"] is None else shape + _tag(x1, y1, f"{row['score']:.2f}", paint)


def _tag(x: float, y: float, words: str, paint: str) -> str:
    y = max(9.0, y)
    return (
        f'<rect x="{x:.1f}" y="{y - 9:.1f}" width="{5.2 * len(words) + 3:.1f}" height="9" style="fill:{paint}"/>'
        f'<text x="{x + 1.5:.1f}" y="{y - 1.5:.1f}" class="tag">{escape(words)}</text>'
    )


# -- texts


def _span(facts: Card) -> str:
    context, found = facts["context"], facts["found"]
    edges = sorted({0, len(context), *(p for span in [*facts["truth"], *([found] if found else [])] for p in span)})
    parts = []
    for a, b in pairwise(edges):
        marks = ["t" if any(x <= a and b <= y for x, y in facts["truth"]) else ""]
        marks += ["f" if found is not None and found[0] <= a and b <= found[1] else ""]
        kind = " ".join(mark for mark in marks if mark)
        words = escape(context[a:b])
        parts.append(f'<mark class="{kind}">{words}</mark>' if kind else words)
    before, after = ("… " if cut else "" for cut in facts["cut"])
    none = [] if facts["truth"] else [texts.NO_TRUTH]
    none += [] if found is not None else [texts.NO_FOUND]
    said = f'<p class="foot">{" ".join(none)}</p>' if none else ""
    return f'<p class="asked">{escape(facts["question"])}</p><p class="prose">{before}{"".join(parts)}{after}</p>{said}'


def _texts(facts: Card) -> str:
    # Of several right answers the one that is nearest is shown piece by piece.
    pairs = [aligned(truth, facts["found"]) for truth in facts["truth"] or [""]]
    best = max(pairs, key=lambda pair: sum(len(p.text) for p in pair.found if p.right))
    rows = [] if facts["given"] is None else [(texts.GIVEN, escape(facts["given"]))]
    rows += [(texts.TRUTH, _pieces(best.truth, best.space, "t")), (texts.FOUND, _pieces(best.found, best.space, "f"))]
    others = len(facts["truth"]) - 1
    more = f'<p class="foot">{texts.MORE_TRUTHS.format(n=others)}</p>' if others > 0 else ""
    return _rows(rows) + more


def _pieces(pieces: Sequence[Piece], space: str, kind: str) -> str:
    words = [escape(p.text) if p.right else f'<mark class="{kind} wrong">{escape(p.text)}</mark>' for p in pieces]
    return space.join(words) or f'<span class="spread">{texts.NOTHING}</span>'


def _rows(rows: Sequence[tuple[str, str]]) -> str:
    return '<dl class="lines">' + "".join(f"<dt>{escape(head)}</dt><dd>{body}</dd>" for head, body in rows) + "</dl>"


def _blanks(facts: Card) -> str:
    text, parts, at = facts["text"], [], 0
    for begin, end, true, found, sure in facts["blanks"]:
        if begin < at:
            continue
        right = true == found
        said = escape(found) if right or not true else f"<s>{escape(true)}</s> {escape(found)}"
        kind = "t" if right else "f wrong" if true else "f"
        parts += [escape(text[at:begin]), f'<mark class="{kind}">{said} <small>{sure:.2f}</small></mark>']
        at = end
    return f'<p class="prose">{"".join(parts)}{escape(text[at:])}</p>'


def _plain(facts: Card) -> str:
    shown = ""
    if facts.get("picture") is not None:
        shown = image(np.asarray(facts["picture"]), texts.ALT_PICTURE.format(name=facts["name"]))
    elif facts.get("tokens"):
        words = [
            escape(word)
            if true == found
            else f'<mark class="f wrong">{escape(word)} <small>{escape(true)} → {escape(found)}</small></mark>'
            for word, true, found in facts["tokens"]
        ]
        return f'<p class="prose">{" ".join(words)}</p>'
    elif facts.get("text"):
        shown = f'<p class="prose">{escape(facts["text"])}</p>'
    return shown + _rows([(texts.TRUTH, escape(facts["truth"])), (texts.FOUND, escape(facts["found"]))])


def _attention(values: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> str:
    """Return a heat map of where the network looked: a row for each word written, a column for each word read."""
    rows, columns = list(rows)[:_MOST_WORDS], list(columns)[:_MOST_WORDS]
    values = np.asarray(values, dtype=float)[: len(rows), : len(columns)]
    if not values.size:
        return ""
    width, height = _CELL * len(columns), _CELL * len(rows)
    left, top = (12 + _LETTER * min(_LONGEST, max(map(len, words))) for words in (rows, columns))
    parts = [svg.heat(left, top, (width, height), values, 0.0, max(float(values.max()), 1e-9), RAMP)]
    for i, word in enumerate(rows):
        parts.append(svg.text(left - 6, top + (i + 0.7) * _CELL, _short(word), "small", "end"))
    for i, word in enumerate(columns):
        parts.append(svg.text(left + (i + 0.6) * _CELL, top - 6, _short(word), "small", turn=-60))
    whole = svg.drawing(left + width + _LETTER * _LONGEST / 2, top + height + 4, texts.ALT_ATTENTION, parts)
    return f'<div class="scroll attention">{whole}</div><p class="foot">{texts.CAPTION_ATTENTION}</p>'


def _short(word: str) -> str:
    return word if len(word) <= _LONGEST else f"{word[: _LONGEST - 1]}…"


_FORMS: dict[str, Callable[[Card], str]] = {
    "masks": _masks,
    "boxes": _boxes,
    "span": _span,
    "texts": _texts,
    "blanks": _blanks,
}
