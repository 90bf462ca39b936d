"""SQuAD's json files: contexts, questions on each, and where their answers stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from punar.core.words import counted, listed
from punar.errors import DataError, shown
from punar.sources._found import FoundItems
from punar.sources._json import entry, read_object, rows_of
from punar.sources._names import printable
from punar.sources._source import Request, Source


class Squad(Source):
    """Questions on contexts as SQuAD writes them, version 1.1 or 2.0: ``data``, ``paragraphs``, ``qas``.

    A question that ``is_impossible`` says has no answer has none.
    """

    forms: ClassVar[tuple[str, ...]] = ("answers",)

    def takes(self, path: Path) -> bool:
        """Return whether it is a json file."""
        return path.is_file() and path.suffix.lower() == ".json"

    def read(self, path: Path, request: Request) -> FoundItems:
        """Return (question, context) pairs, and of each the texts of its answers and where they start.

        Raises
        ------
        DataError
            It is no such json, some questions have answers and others have none of their own, an answer does not stand
            where the file says, or two questions have one id.
        """
        whole = read_object(path, '{"data": [{"paragraphs": [{"context": ..., "qas": [...]}]}]}')
        items: list[tuple[str, str]] = []
        answers: list[dict[str, Any] | None] = []
        names: list[str | None] = []
        contexts = 0
        for at, article in rows_of(whole, "data", path):
            for place, paragraph in rows_of(article, "paragraphs", at):
                contexts += 1
                context = entry(paragraph, "context", str, place)
                for where, row in rows_of(paragraph, "qas", place):
                    items.append((entry(row, "question", str, where), context))
                    answers.append(_answers(row, context, where))
                    names.append(_id_of(row, where))
        if not items:
            raise DataError(f"{path}: there is no question in it.")
        missing = [i for i, answer in enumerate(answers) if answer is None]
        if missing and len(missing) < len(items):
            raise DataError(
                f"{path}: {counted(len(missing), 'question')} of {len(items):,} without answers, the first is "
                f'{shown(items[missing[0]][0], 60)}. One that nothing answers says so: "is_impossible": true.'
            )
        none = sum(answer is not None and not answer["text"] for answer in answers)
        notes = [f"read as SQuAD: {counted(len(items), 'question')} on {counted(contexts, 'context')}"]
        notes += [f"{counted(none, 'question')} that the context does not answer"] if none else []
        return FoundItems(
            items,
            None if missing else answers,
            kind="text",
            form="answers",
            names=_checked_ids(names, path),
            title="question",
            notes=notes,
        )


def _id_of(row: Mapping[str, Any], where: str) -> str | None:
    """Return a question's id as results are written by it; None where it has none."""
    value = row.get("id")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise DataError(f"{where}: the id of a question must be a text or a whole number, found {shown(value, 40)}.")
    return printable(str(value))


def _checked_ids(ids: Sequence[str | None], path: Path) -> tuple[str, ...]:
    """Return the ids of questions, which are numbered from 0 where the file has no ids.

    Raises
    ------
    DataError
        Two questions have one id, or some have one and others none.
    """
    known = [each for each in ids if each is not None]
    twice = [each for each, times in Counter(known).items() if times > 1]
    if twice:
        raise DataError(
            f"{path}: {counted(len(twice), 'id')} {'belongs' if len(twice) == 1 else 'belong'} to more than one "
            f"question, and answers are written by id: {listed(twice)}. Give each question an id of its own, or remove "
            "the questions that stand there twice."
        )
    if known and len(known) < len(ids):
        raise DataError(
            f"{path}: {len(ids) - len(known):,} of {len(ids):,} questions have no id, the first is number "
            f"{ids.index(None) + 1:,}, and answers are written by id. Give each an id, or none of them."
        )
    return tuple(known) or tuple(str(i) for i in range(len(ids)))


def _answers(row: Mapping[str, Any], context: str, where: str) -> dict[str, Any] | None:
    """Return a question's answers; None where the file says nothing of them."""
    if row.get("is_impossible") is True:
        return {"text": [], "answer_start": []}
    if "answers" not in row:
        return None
    found: dict[str, Any] = {"text": [], "answer_start": []}
    for place, answer in rows_of(row, "answers", where):
        text, start = entry(answer, "text", str, place), entry(answer, "answer_start", int, place)
        if not text or start < 0 or context[start : start + len(text)] != text:
            there = context[start : start + len(text)] if 0 <= start <= len(context) else ""
            raise DataError(
                f"{place}: the answer {shown(text, 60)} must stand in the context from character {start:,}, where "
                f"there is {shown(there, 60)}. Mend answer_start."
            )
        found["text"].append(text)
        found["answer_start"].append(start)
    return found
