"""Tables whose target is text: a translation of a sentence, what is said in a recording, the answer to a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from punar.core.words import counted, listed
from punar.errors import DataError, shown
from punar.sources._found import FoundTable
from punar.sources._item_table import Wanted, all_of, candidates, items_of
from punar.sources._labels import TASK_OF
from punar.sources._names import check_known
from punar.sources._recordings import without_ending
from punar.sources._userdata import UserItems

_SOURCES = ("source", "src", "input", "from")
_TARGETS = ("target", "tgt", "output", "to", "translation")
_SAID = ("text", "transcript", "transcription", "sentence", "words", "label")
_QUESTIONS, _CONTEXTS = ("question", "query", "प्रश्न"), ("context", "passage", "paragraph", "document", "text", "संदर्भ")
_ROW_NAMES = ("id", "ids", "index", "idx", "nr", "nr.", "#", "row")
_ANSWERS = ("answer", "answers", "answer_text", "label", "उत्तर")


def with_texts(table: FoundTable, place: Path, wanted: Wanted) -> Wanted:
    """Return what is wanted with the columns of item and target named, as far as the table tells them.

    Two columns, of words or numbers, are a sentence and its translation in the order of the file; one that is called id
    and names the rows is passed over. A column of recordings needs one that is called text or transcript. Nothing is
    guessed beyond that.

    Raises
    ------
    DataError
        Several columns could hold the texts.
    """
    names = [str(c) for c in table.frame.columns]
    named = [*([wanted.text] if wanted.text else []), *wanted.targets]
    check_known(named, names, "as asked", str(place))
    if wanted.path is None and wanted.text is None:
        sounds = {c: k for c, k in candidates(table.frame, place.parent, wanted.target).items() if k == "audio"}
        if sounds and wanted.kind in (None, "audio"):
            said = wanted.target or _called(names, _SAID)
            return replace(wanted, path=next(iter(sounds)) if len(sounds) == 1 else None, target=said)
        found = "" if sounds else without_ending(table.frame, place.parent)
        if found:
            raise DataError(f"{place}: it names recordings without what their files end in. Say it: {found}.")
    if wanted.path is not None or wanted.kind == "audio":
        return wanted if wanted.target else replace(wanted, target=_called(names, _SAID))
    free = [n for n in names if n not in wanted.keep and _may_hold_texts(table, n)]
    text = wanted.text or _called([n for n in free if n not in wanted.targets], _SOURCES)
    target = wanted.target or _called([n for n in free if n != text], _TARGETS)
    rest = [n for n in free if n not in (text, *all_of(target))]
    if text is None and target is None and len(rest) > 2:
        words = [n for n in rest if _holds_words(table, n)]
        if len(words) == 1:  # plainly what is read; nobody has said that something is written
            return replace(wanted, text=words[0])
        raise DataError(
            f"{place}: {listed(rest)} could each hold the texts that are to be written. Say which does with --target "
            "COLUMN, and which is read with --text COLUMN (target=, text=)."
        )
    if text is None and len(rest) > 1 and target is not None:
        raise DataError(
            f"{place}: {listed(rest)} could each hold the texts that are to be read. Say which does with --text COLUMN "
            "(text=)."
        )
    if text is None and rest:
        text = rest.pop(0)
    if target is None and len(rest) == 1:
        target = rest[0]
    return replace(wanted, text=text, target=target)


def _called(names: Sequence[str], known: Sequence[str]) -> str | None:
    return next((name for word in known for name in names if name.strip().lower() == word), None)


def _may_hold_texts(table: FoundTable, name: str) -> bool:
    """Return whether a column has values, of words or of numbers, and does not just name the rows."""
    values, called = table.frame[name].dropna(), name.strip().lower()
    return bool(len(values)) and not ((called in _ROW_NAMES or called.endswith("_id")) and values.is_unique)


def _holds_words(table: FoundTable, name: str) -> bool:
    values = table.frame[name].dropna()
    return bool(len(values)) and all(isinstance(v, str) for v in values)


def questions_of(table: FoundTable, place: Path, wanted: Wanted) -> UserItems:
    """Return (question, context) pairs of a table with three columns, and answers where there is a column of them.

    The columns are called so, or ``--text`` names the context and ``--target`` the answer. An empty answer says that
    the context has none.

    Raises
    ------
    DataError
        A column is not found, or a question or a context is empty and may not be left out.
    """
    frame, where = table.frame, str(place)
    names = [str(c) for c in frame.columns]
    check_known([*wanted.targets, *([wanted.text] if wanted.text else []), *wanted.keep], names, "as asked", where)
    if len(wanted.targets) > 1:
        raise DataError(f"{where}: one column holds the answers; --target was given {len(wanted.targets)}.")
    answer = next(iter(wanted.targets), None) or _called(names, _ANSWERS)
    question = _called([n for n in names if n not in (answer, wanted.text)], _QUESTIONS)
    context = wanted.text or _called([n for n in names if n not in (answer, question)], _CONTEXTS)
    if question is None or context is None:
        raise DataError(
            f"{where}: a column 'question', a column 'context' and, to learn from, a column 'answer' are needed, found "
            f"{listed(names)}. Name the context with --text and the answer with --target, and call the question so."
        )
    asked = [question, context, *([answer] if answer else [])]
    frame = table.as_texts(asked).frame
    cells: Mapping[str, list[Any]] = {name: [_text(v) for v in frame[name]] for name in asked}
    pairs = list(zip(cells[question], cells[context], strict=True))
    bad = {i: f"its {'question' if not q else 'context'} is empty" for i, (q, c) in enumerate(pairs) if not (q and c)}
    kept = [i for i in range(len(frame)) if i not in bad]
    notes = list(table.notes)
    if bad:
        said = f"{len(bad)} of {len(frame):,} rows cannot be used: " + "; ".join(
            f"{table.line_of(i)}: {why}" for i, why in list(bad.items())[:5]
        )
        if wanted.on_error == "raise" or not kept:
            raise DataError(f"{where}: {said}. Repair them, or leave them out (--skip-bad).")
        notes.append(f"left out: {said}")
    answers = None if answer is None or wanted.form == "none" else [cells[answer][i] for i in kept]
    if answers is not None and not all(answers):
        notes.append(f"{counted(sum(not a for a in answers), 'question')} without an answer: the context has none")
    unused = [n for n in names if n not in (*asked, *wanted.keep)]
    notes += [f"columns that are not used: {listed(unused)}"] if unused else []
    return UserItems(
        items=[pairs[i] for i in kept],
        y=answers,
        kind="text",
        name=place.stem,
        description=where,
        target_kind=None if answers is None else TASK_OF["answers"],
        notes=[*notes, f"questions: column {shown(question)}; contexts: {shown(context)}"],
        row_names=tuple(str(i) for i in kept),
        row_title="row",
        kept={name: frame[name].iloc[kept].to_numpy() for name in wanted.keep},
    )


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value).strip() if not isinstance(value, str) else value


def texts_of(table: FoundTable, place: Path, wanted: Wanted) -> UserItems:
    """Return texts or recordings with the text that belongs to each.

    Raises
    ------
    DataError
        No column, or several, could hold the items; or rows lack an item or a text.
    """
    told = with_texts(table, place, wanted)
    found = items_of(table.as_texts([told.text, *told.targets]), place, told)
    rest = [n for n in map(str, table.frame.columns) if n not in (told.text, told.path, *told.keep)]
    if told.target is None and len(rest) > 1 and wanted.form != "none":
        found.notes.append(f"which of {listed(rest)} is to be written was not told; name it with --target (target=)")
    if found.y is not None and told.target is not None:
        found.notes.append(f"to be written: the texts of column {shown(told.target)}")
    return found
