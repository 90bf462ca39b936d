"""Answers that are no rows of a table, by the form of a task's targets: mask files, COCO json, answers, subtitles."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from punar.cli._writing import check_file, check_new_folder, write_bytes, write_text
from punar.core.words import counted
from punar.errors import DataError, ParameterError, shown
from punar.texts import structured as texts

if TYPE_CHECKING:
    from punar.sources import UserItems, UserSequences

TABLES = (".csv", ".tsv", ".parquet")
_KINDS = {"text": "texts", "vision": "pictures"}
_PICTURES = (".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
TOKENS = (".conll", ".tsv", ".txt")


class Answers(NamedTuple):
    """What a model predicted.

    Attributes
    ----------
    found : UserItems or UserSequences
        The items and what they are called.
    predictions : sequence
        In the user's terms, one for each item.
    table : Table
        Of the task.
    """

    found: UserItems | UserSequences
    predictions: Sequence[Any]
    table: Any


class Writer(NamedTuple):
    """One way to write answers: to a folder (no suffix) or to a file; returns what was written, in words.

    ``one`` is what is said where the file is for one item and there are more; ``sounds`` says that it is for recordings
    alone.
    """

    suffix: str
    write: Callable[[Path, Answers], str]
    one: str = ""
    sounds: bool = False


def suffixes(form: str | None, kind: str | None = None) -> tuple[str, ...]:
    """Return what ``--out`` may end in for a form of targets; "" is a folder. None knows no form, or kind, yet: all."""
    heard = kind in (None, "audio")
    own = [w.suffix for f, writers in _WRITERS.items() if form in (None, f) for w in writers if heard or not w.sounds]
    tokens = TOKENS if form is None else ()
    return tuple(dict.fromkeys((*TABLES, *tokens, *own)))


def check(out: Path, *, may_replace: bool, form: str | None = None) -> None:
    """Raise where ``out`` cannot be written; see :func:`punar.cli._writing.check_file`.

    Raises
    ------
    ParameterError
    """
    known = suffixes(form)
    if not out.suffix and "" in known:
        check_new_folder(out, "--out")
        return
    if "" in known and out.suffix.lower() in _PICTURES:
        raise ParameterError(texts.OUT_NO_PICTURE.format(out=out, name=out.with_suffix("")))
    if form is not None:
        check_suffix(out, known)
    check_file(out, [s for s in known if s], "--out", may_replace=may_replace)


def check_heard(form: str, out: Path, kind: str) -> None:
    """Raise where ``out`` would be subtitles, and the items are no recordings.

    Raises
    ------
    ParameterError
    """
    known, suffix = suffixes(form, kind), out.suffix.lower()
    if suffix not in known and any(w.sounds and w.suffix == suffix for w in _WRITERS.get(form, ())):
        folder = "" if suffix else texts.SRT_FOLDER
        said = texts.SRT_SOUNDS.format(folder=folder, items=_KINDS.get(kind, kind), ends=", ".join(known), out=out)
        raise ParameterError(said)


def check_suffix(out: Path, known: Sequence[str]) -> None:
    """Raise where ``out`` ends in nothing that a model's answers are written to; "" stands for a folder.

    Raises
    ------
    ParameterError
    """
    if out.suffix.lower() not in known:
        folder = texts.NEW_FOLDER if "" in known else ""
        ends = ", ".join(dict.fromkeys(s for s in known if s))
        raise ParameterError(texts.OUT_MUST.format(folder=folder, ends=ends, out=out))


def writer_for(form: str, out: Path | None, count: int = 1) -> Callable[[Path, Answers], str] | None:
    """Return what writes answers of a form to ``out``; None where a table does.

    Raises
    ------
    ParameterError
        The file is for one item, and there are more.
    """
    if out is None:
        return None
    found = next((w for w in _WRITERS.get(form, ()) if w.suffix == out.suffix.lower()), None)
    if found is not None and found.one and count != 1:
        raise ParameterError(found.one.format(n=count, folder=out.with_suffix("")))
    return None if found is None else found.write


# -- masks


def _masks(out: Path, answers: Answers) -> str:
    """Write a mask for each picture, with the values of the training masks and a palette to look at them."""
    from punar.core.files import new_folder

    with new_folder(out) as folder:
        for name, values in zip(_file_names(answers.found, ".png"), answers.predictions, strict=True):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            _drawn(values, name).save(folder / name)
    return texts.MASKS.format(masks=counted(len(answers.predictions), "mask"))


def _mask(out: Path, answers: Answers) -> str:
    _drawn(answers.predictions[0], out).save(data := io.BytesIO(), "PNG")
    write_bytes(out, data.getvalue())
    return texts.MASKS.format(masks="one mask")


def _drawn(values: Any, name: Path) -> Any:
    """Return a mask as a picture with a palette, where its numbers are of 8 bits."""
    from PIL import Image

    picture = Image.fromarray(_as_file(values, name))
    if picture.mode == "L":
        picture.putpalette([channel for value in range(256) for channel in _colour(value)])
    return picture


def _as_file(values: Any, name: Path) -> Any:
    """Return a mask as the numbers that a PNG file can hold: of 8 bits, or of 16."""
    import numpy as np

    low, top = int(values.min(initial=0)), int(values.max(initial=0))
    if low < 0 or top > 65_535:
        raise ParameterError(texts.MASK_NUMBERS.format(name=name, low=low, top=top))
    return np.asarray(values, dtype=np.uint8 if top <= 255 else np.uint16)


def _colour(value: int) -> tuple[int, int, int]:
    """Return the colour of a value in Pascal VOC's palette, in which neighbours differ."""
    found = [0, 0, 0]
    for shift in range(8):
        for channel in range(3):
            found[channel] |= ((value >> (3 * shift + channel)) & 1) << (7 - shift)
    return found[0], found[1], found[2]


def _file_names(found: UserItems | UserSequences, suffix: str) -> list[Path]:
    """Return a name inside a new folder for each item: its own where that lies in the data's folder, and no twice."""
    names: list[Path] = []
    taken: set[str] = set()
    for i in range(len(found)):
        own = Path(found.row_names[i]) if found.row_names and found.row_title == "file" else Path(f"{i:06d}")
        safe = [part for part in own.parts if part not in ("..", own.anchor)]
        plain = Path(*safe).with_suffix("") if safe else Path(f"{i:06d}")
        name, number = plain, 1
        while name.as_posix().lower() in taken:
            number += 1
            name = plain.with_name(f"{plain.name}-{number}")
        taken.add(name.as_posix().lower())
        names.append(name.with_name(name.name + suffix))
    return names


# -- boxes


def _coco(out: Path, answers: Answers) -> str:
    """Write boxes as ``COCO.loadRes`` of pycocotools reads them: a list, with the ids that the data's file has."""
    found = answers.found
    labels = sorted({str(label) for own in answers.predictions for label in own["labels"]})
    numbers = _numbers(labels, getattr(found, "class_ids", {}))
    pictures = found.kept.get("image_id", range(1, len(found) + 1))
    rows: list[dict[str, Any]] = []
    for picture, name, own in zip(pictures, _names(found), answers.predictions, strict=True):
        for box, label, score in zip(own["boxes"], own["labels"], own["scores"], strict=True):
            x, y, right, bottom = (round(float(v), 2) for v in box)
            row = {"image_id": picture, "category_id": numbers[str(label)]}
            row |= {"bbox": [x, y, round(right - x, 2), round(bottom - y, 2)], "score": round(float(score), 6)}
            rows.append(row | {"file_name": name, "category": str(label)})
    write_text(out, json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    return texts.BOXES.format(n=len(rows), pictures=len(found))


def _numbers(labels: Sequence[str], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return an id for each label: its own, else the next free number."""
    numbers = {label: known[label] for label in labels if label in known}
    last = max((key for key in known.values() if isinstance(key, int)), default=0)
    return numbers | {label: i for i, label in enumerate((x for x in labels if x not in known), last + 1)}


# -- answers and texts


def _names(found: UserItems | UserSequences) -> list[str]:
    own = list(found.row_names) or [str(i) for i in range(len(found))]
    return [name.encode(errors="backslashreplace").decode() for name in own]


def _answers(out: Path, answers: Answers) -> str:
    """Write an object with the answer to each question by its name, as SQuAD's own scorer reads it."""
    names = _names(answers.found)
    found = dict(zip(names, map(str, answers.predictions), strict=True))
    if len(found) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(texts.ANSWERS_ONE_NAME.format(name=answers.found.name, twice=shown(twice, 60), out=out))
    write_text(out, json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    return texts.ANSWERS.format(n=len(found))


def _lines(out: Path, answers: Answers) -> str:
    """Write one text per line, in the order of the items; a line break inside a text becomes a space.

    What was line by line in the data stays so: a line that had no text is empty.
    """
    lines, total = [" ".join(str(text).splitlines()) for text in answers.predictions], answers.found.lines
    said, empty = texts.TEXTS.format(n=len(lines)), total - len(lines)
    if empty > 0:
        own = dict(zip(map(int, answers.found.row_names), lines, strict=True))
        lines = [own.get(i, "") for i in range(total)]
        said += texts.TEXTS_EMPTY.format(lines=counted(empty, "line"), verb="is" if empty == 1 else "are")
    write_text(out, "".join(f"{line}\n" for line in lines))
    return said


def _subtitles(out: Path, answers: Answers) -> str:
    """Write what is said in one recording as subtitles."""
    check_heard("texts", out, answers.found.kind)
    write_text(out, _cues(answers, 0))
    return texts.SUBTITLES.format(n=1)


def _folder_of_subtitles(out: Path, answers: Answers) -> str:
    from punar.core.files import new_folder

    with new_folder(out) as folder:
        for i, name in enumerate(_file_names(answers.found, ".srt")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_text(folder / name, _cues(answers, i))
    return texts.SUBTITLES.format(n=len(answers.found))


def _cues(answers: Answers, item: int) -> str:
    """Return one recording's subtitles: the segments that the model gives, or the whole as one."""
    from punar.texts import predictions as names

    table, columns = answers.table, answers.table.columns
    if not {names.START, names.END, names.TEXT} <= columns.keys():
        segments = [(0.0, _seconds(answers.found, item), str(answers.predictions[item]))]
    else:
        rows = [k for k, owner in enumerate(table.item) if int(owner) == item]
        sides = (columns[names.START], columns[names.END], columns[names.TEXT])
        segments = [(float(sides[0][k]), float(sides[1][k]), str(sides[2][k])) for k in rows]
    said = [(start, end, " ".join(text.split())) for start, end, text in segments if text.strip()]
    return "\n".join(
        f"{number}\n{_clock(start)} --> {_clock(max(start, end))}\n{text}\n"
        for number, (start, end, text) in enumerate(said, 1)
    )


def _seconds(found: UserItems | UserSequences, item: int) -> float:
    from punar.data.decode import BadItem, read_seconds

    path = found.items[item]
    try:
        return read_seconds(Path(path))
    except BadItem as error:
        raise DataError(f"{path}: {error}.") from None


def _clock(seconds: float) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3_600_000:02}:{whole // 60_000 % 60:02}:{whole // 1000 % 60:02},{whole % 1000:03}"


_WRITERS: dict[str, tuple[Writer, ...]] = {
    "masks": (Writer("", _masks), Writer(".png", _mask, texts.PNG_ONE)),
    "boxes": (Writer(".json", _coco),),
    "answers": (Writer(".json", _answers),),
    "texts": (
        Writer(".txt", _lines),
        Writer(".srt", _subtitles, texts.SRT_ONE, sounds=True),
        Writer("", _folder_of_subtitles, sounds=True),
    ),
    "none": (Writer(".txt", _lines),),
}
