"""What a fitted model answers, item by item beside what is right: the facts of ``punar report``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from punar.data.decode import BadItem, open_picture, to_rgb, upright
from punar.tasks import Targets, Task

_SIDE = 360  # pixels of a picture in a report, at most
_LONGEST = 1200  # letters of a text
_LEAST_SCORE, _MOST_BOXES = 0.3, 60  # of boxes that are drawn

Card = dict[str, Any]


def answer_facts(
    task: Task,
    answers: Sequence[Any],
    items: Sequence[Any],
    targets: Targets,
    *,
    truth: Sequence[Any] | None,
    predictions: Sequence[Any],
    names: Sequence[str],
    count: int,
) -> dict[str, Any]:
    """Return a score beside chance, figures of each class, and the items that were answered worst.

    Parameters
    ----------
    task : Task
        Fitted.
    answers : sequence of n
        Encoded, one for each item.
    items : sequence of n
        What the preparation's ``check`` made of X.
    targets : Targets
        Encoded, of the same items.
    truth, predictions : sequence of n, or None
        In the user's terms, for tasks that have no sheet of their own.
    names : sequence of n str
        Of the items.
    count : int
        How many items are shown.

    Returns
    -------
    dict
        ``metric``, ``score``, ``interval`` (of 95 %; None of one item), ``chance``, ``items``, ``figures`` (further
        numbers by name), ``classes`` (tables of a number by class, by name) and ``cards``, worst first.
    """
    ours, chance = task.meter(), task.meter()
    ours.add(answers, targets)
    chance.add(task.constant(targets), targets)
    low, high = ours.interval()
    further: dict[str, Any] = getattr(ours, "details", dict)()
    scores, sheets = _scored(task, answers, items, targets, truth, predictions)
    order = sorted(range(len(items)), key=lambda i: (math.isnan(scores[i]), scores[i], i))
    cards = []
    for i in order[:count]:
        sheet = sheets(i)
        drawn = _DRAWN.get(str(sheet.get("form")), _plain)(sheet, items[i])
        cards.append({"form": sheet["form"], "name": names[i], "score": scores[i], **drawn, **_attention(sheet)})
    return {
        "metric": task.metric,
        "score": float(ours.value()) if task.takes_targets else task.measured(answers, targets, None, "report"),
        "interval": [float(low), float(high)] if math.isfinite(low) and math.isfinite(high) else None,
        "chance": float(chance.value()),
        "items": len(items),
        "form": cards[0]["form"] if cards else "plain",
        "figures": {k: float(v) for k, v in further.items() if isinstance(v, (int, float))},
        "classes": {k: dict(v) for k, v in further.items() if isinstance(v, Mapping)},
        "cards": cards,
    }


def _scored(
    task: Task,
    answers: Sequence[Any],
    items: Sequence[Any],
    targets: Targets,
    truth: Sequence[Any] | None,
    predictions: Sequence[Any],
) -> tuple[list[float], Any]:
    """Return the score of each item, larger is better, and a function from its number to its sheet.

    Sheets hold arrays as large as their pictures, so that only those that are shown are kept.
    """
    first = task.sheet(answers[0], targets.item(0), items[0]) if len(items) else None
    if first is None:
        rows = [_row(task, t, p) for t, p in zip(() if truth is None else truth, predictions, strict=True)]
        return [row["score"] for row in rows], rows.__getitem__

    def sheet(i: int) -> Mapping[str, Any]:
        found = task.sheet(answers[i], targets.item(i), items[i])
        assert found is not None
        return found

    return [float(sheet(i)["score"]) for i in range(len(items))], sheet


def _row(task: Task, truth: Any, predicted: Any) -> dict[str, Any]:
    """Return one item's target and prediction as they are, and how far they are apart."""
    if task.target_form == "amounts":
        score = -float(np.abs(np.asarray(truth, dtype=float) - np.asarray(predicted, dtype=float)).mean())
    elif task.target_form == "sequences":
        same = [str(a) == str(b) for a, b in zip(truth, predicted, strict=False)]
        score = sum(same) / max(1, len(truth), len(predicted))
    else:
        score = float(_text(truth) == _text(predicted))
    return {"form": "plain", "truth": truth, "found": predicted, "score": score}


def _text(value: Any) -> str:
    plain = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(plain, float):
        return f"{plain:.6g}"
    if isinstance(plain, (list, tuple)):
        return ", ".join(_text(v) for v in plain)
    return str(plain)


def picture_of(item: Any, *, turned: bool = True) -> np.ndarray | None:
    """Return a picture as uint8 (h, w, 3), as a file stores it or turned as its EXIF tag says; None of another item."""
    shape: tuple[int, ...] = getattr(item, "shape", ())
    try:
        if isinstance(item, (str, Path)):
            with open_picture(Path(item)) as opened:
                return np.asarray(to_rgb(upright(opened) if turned else opened), dtype=np.uint8)
        if hasattr(item, "getexif"):
            return np.asarray(to_rgb(upright(item) if turned else item), dtype=np.uint8)
    except (BadItem, OSError, ValueError):
        return None
    if len(shape) not in (2, 3):
        return None
    values = np.asarray(item)
    values = values if values.dtype == np.uint8 else np.clip(np.nan_to_num(values) * 255, 0, 255).astype(np.uint8)
    values = values[..., None] if values.ndim == 2 else values
    return np.ascontiguousarray(np.broadcast_to(values[..., :1], (*shape[:2], 3)) if shape[-1] != 3 else values)


def _shrunk(picture: np.ndarray) -> tuple[np.ndarray, float]:
    """Return a picture no longer than what a report shows, and by how much it was shrunk."""
    from PIL import Image

    scale = min(1.0, _SIDE / max(picture.shape[:2]))
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR)), scale


def _nearest(mask: Any, height: int, width: int) -> np.ndarray:
    """Return a mask of another size, each value that of the nearest pixel."""
    values = np.asarray(mask)
    rows = (np.arange(height) + 0.5) * values.shape[0] / height
    columns = (np.arange(width) + 0.5) * values.shape[1] / width
    return values[rows.astype(int)[:, None], columns.astype(int)]


def _masks(sheet: Mapping[str, Any], item: Any) -> Card:
    truth, found = np.asarray(sheet["truth"]), np.asarray(sheet["found"])
    picture = picture_of(item, turned=False)
    if picture is None or picture.shape[:2] != truth.shape:
        picture = np.full((*truth.shape, 3), 128, dtype=np.uint8)
    small, _ = _shrunk(picture)
    height, width = small.shape[:2]
    return {
        "picture": small,
        "truth": _nearest(truth, height, width),
        "found": _nearest(found, height, width),
        "names": [str(name) for name in sheet["names"]],
        "ignore": sheet.get("ignore", 255),
    }


def _boxes(sheet: Mapping[str, Any], item: Any) -> Card:
    picture, names = picture_of(item), [str(name) for name in sheet["names"]]
    if picture is None:
        picture = np.full((_SIDE, _SIDE, 3), 128, dtype=np.uint8)
    small, scale = _shrunk(picture)

    def called(label: Any) -> tuple[int, str]:
        if isinstance(label, (int, np.integer)) and 0 <= label < len(names):
            return int(label), names[int(label)]
        return (names.index(str(label)) if str(label) in names else len(names)), str(label)

    def listed(side: Mapping[str, Any]) -> list[dict[str, Any]]:
        scores = side.get("scores", [None] * len(side["labels"]))
        rows = zip(side["boxes"], side["labels"], scores, strict=True)
        made = []
        for box, label, score in rows:
            number, name = called(label)
            made.append({"box": [float(v) * scale for v in box], "class": number, "name": name, "score": score})
        return made

    found = sorted(listed(sheet["found"]), key=lambda row: -float(row["score"]))
    drawn = [row for row in found if row["score"] >= _LEAST_SCORE][:_MOST_BOXES]
    return {"picture": small, "truth": listed(sheet["truth"]), "found": drawn, "more": len(found) - len(drawn)}


def _span(sheet: Mapping[str, Any], item: Any) -> Card:
    """Return a question and the part of its context in which the answers are, with their places in that part."""
    context = str(sheet["context"])
    spans = [tuple(map(int, span)) for span in sheet["truth"]]
    found = None if sheet["found"] is None else tuple(map(int, sheet["found"]))
    every = [*spans, *([found] if found else [])]
    begin, end = 0, len(context)
    if end > _LONGEST:
        middle = every or [(0, 0)]
        begin = max(0, min(a for a, _ in middle) - _LONGEST // 3)
        end = min(end, max(b for _, b in middle) + _LONGEST // 3)
    return {
        "question": str(sheet["question"]),
        "context": context[begin:end],
        "cut": [begin > 0, end < len(context)],
        "truth": [(a - begin, b - begin) for a, b in spans],
        "found": None if found is None else (found[0] - begin, found[1] - begin),
    }


def _texts(sheet: Mapping[str, Any], item: Any) -> Card:
    truth = [str(text) for text in sheet["truth"]]
    given = None if sheet["given"] is None else str(sheet["given"])
    return {"given": given, "truth": truth, "found": str(sheet["found"])}


def _blanks(sheet: Mapping[str, Any], item: Any) -> Card:
    rows = [(int(a), int(b), str(true), str(found), float(sure)) for a, b, true, found, sure in sheet["blanks"]]
    return {"text": str(sheet["text"]), "blanks": sorted(rows)}


def _plain(sheet: Mapping[str, Any], item: Any) -> Card:
    found: Card = {"truth": _text(sheet["truth"]), "found": _text(sheet["found"]), "picture": None, "text": None}
    if isinstance(item, (list, tuple)) and all(isinstance(token, str) for token in item):
        truth, own = list(sheet["truth"]), list(sheet["found"])
        if len(truth) == len(own) == len(item):
            found["tokens"] = [(str(w), str(a), str(b)) for w, a, b in zip(item, truth, own, strict=True)]
        return found | {"text": " ".join(item)}
    picture = picture_of(item) if not isinstance(item, str) or Path(item).suffix else None
    if picture is not None:
        return found | {"picture": _shrunk(picture)[0]}
    return found | ({"text": item[:_LONGEST]} if isinstance(item, str) else {})


def _attention(sheet: Mapping[str, Any]) -> Card:
    """Return where a network looked while it wrote, where a sheet has that: the weights, and the words on both sides.

    ``attention`` of a sheet is (weights, words written, words read), or the weights alone, (written, read), with the
    words written as ``tokens``; what was read is then told from the text where its words or letters are as many.
    """
    shown = sheet.get("attention")
    if shown is None:
        return {}
    if isinstance(shown, tuple):
        values, rows, columns = np.asarray(shown[0], dtype=float), list(shown[1]), list(shown[2])
    else:
        values = np.asarray(shown, dtype=float).reshape(len(shown), -1)
        rows, columns = list(sheet.get("tokens", ())), _read_words(str(sheet.get("given") or ""), values.shape[1])
    rows += [""] * (values.shape[0] - len(rows))
    return {"attention": (values, [str(word) for word in rows], [str(word) for word in columns])}


def _read_words(given: str, count: int) -> list[str]:
    for words in (given.split(), list(given)):
        # A mark at the end of what was read may have its own place.
        if 0 <= count - len(words) <= 1:
            return [*words, *["."] * (count - len(words))]
    return [""] * count


_DRAWN = {"masks": _masks, "boxes": _boxes, "span": _span, "texts": _texts, "blanks": _blanks, "plain": _plain}
