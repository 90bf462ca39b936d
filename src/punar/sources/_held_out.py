"""What is held out must not be learned from: two lists that name one picture, a file that is given twice, a copy."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Hashable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from punar.core.words import counted, listed
from punar.errors import DataError
from punar.sources._apart import listed_stems

_RULE = "What is held out must not be learned from, or its score says nothing."
_OTHER = "Name other data with --validation, or leave it out: a share of DATA is then held out."


def check_lists(learned: Path, *held_out: Path) -> None:
    """Raise where a list of pictures that are held out names one that the list to learn from names too.

    Parameters
    ----------
    learned, *held_out : Path
        Parts of a folder; those that are no lists are passed over.

    Raises
    ------
    DataError
    """
    known = set(_stems(learned))
    for path in held_out:
        stems = list(dict.fromkeys(_stems(path)))
        shared = [stem for stem in stems if stem in known]
        if shared:
            raise _both(str(path), str(learned), shared, len(stems), "picture")


def _stems(path: Path) -> list[str]:
    try:
        return [PurePosixPath(stem).as_posix() for stem in listed_stems(path)] if path.is_file() else []
    except DataError:
        return []  # whoever reads it says why


def check_held_out(learned: str, held_out: str, found: Any, others: Any) -> list[str]:
    """Return notes on what to learn from and what to validate on share; none where they share nothing.

    Files are the same where their paths are. Texts may well be there twice, so that it takes all of them to be refused;
    so does a folder whose files are copies of others of the same names.

    Parameters
    ----------
    learned, held_out : str
        As they were named.
    found, others : UserData, UserItems or UserSequences
        What was read of each.

    Raises
    ------
    DataError
        They are one file or folder, or copies; a picture or recording is in both; or all texts that are held out are.
    """
    if _is_one(learned, held_out):
        raise DataError(f"{held_out}: it is named twice, to be learned from and to validate on. {_RULE} {_OTHER}")
    ours, theirs = _paths_of(found, learned), _paths_of(others, held_out)
    if ours and theirs:
        _check_paths(ours, theirs, learned, held_out, others)
        return []
    if _same_bytes(learned, held_out):
        raise DataError(f"{held_out}: it is a copy of {learned}, byte for byte. {_RULE} {_OTHER}")
    return _of_texts(found, others, learned, held_out) if found.kind == others.kind == "text" else []


def _is_one(learned: str, held_out: str) -> bool:
    return learned == held_out or (
        os.path.exists(learned) and os.path.exists(held_out) and os.path.samefile(learned, held_out)
    )


def _paths_of(found: Any, source: str) -> list[str]:
    """Return where the files of items lie, links followed; none where items are no files."""
    items: Any = found.items if hasattr(found, "items") else ()
    if found.kind == "images" and Path(source).is_dir():
        items = [os.path.join(source, name) for name in found.row_names]
    of_files = found.kind in ("vision", "audio", "images") and isinstance(items, list)
    if not of_files or not all(isinstance(item, (str, os.PathLike)) for item in items):
        return []
    return [os.path.realpath(item) for item in items]


def _check_paths(ours: Sequence[str], theirs: Sequence[str], learned: str, held_out: str, others: Any) -> None:
    """Raise where a file is in both, or all that are held out are copies of those of their names."""
    known, noun = set(ours), "recording" if others.kind == "audio" else "picture"
    shared = [name for name, path in zip(others.row_names, theirs, strict=True) if path in known]
    if shared:
        raise _both(held_out, learned, shared, len(theirs), noun)
    if _are_copies(ours, theirs):
        raise DataError(
            f"{held_out}: all of its {noun}s ({len(theirs):,}) are copies of those of the same names in {learned}, "
            f"byte for byte. {_RULE} Take them out of one of the two."
        )


def _are_copies(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Return whether each file of ``theirs`` is the same, byte for byte, as one of its name."""
    by_name: dict[str, list[str]] = {}
    for path in ours:
        by_name.setdefault(os.path.basename(path), []).append(path)
    # Where they are none, the first that differs says so, and no other is opened.
    return all(any(_same_bytes(own, path) for own in by_name.get(os.path.basename(path), ())) for path in theirs)


def _same_bytes(one: str, other: str) -> bool:
    try:
        files = os.path.isfile(one) and os.path.isfile(other)
        return files and os.path.getsize(one) == os.path.getsize(other) > 0 and filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False  # whoever reads it says why


def _of_texts(found: Any, others: Any, learned: str, held_out: str) -> list[str]:
    """Return a note on the texts that are in both.

    Raises
    ------
    DataError
        All that are held out are.
    """
    known, theirs = set(map(_key, found.items)), list(map(_key, others.items))
    shared = sum(each in known for each in theirs)
    if shared == len(theirs):
        raise DataError(f"{held_out}: all of its texts ({shared:,}) are also in {learned}. {_RULE} {_OTHER}")
    return [f"{shared:,} of {counted(len(theirs), 'text')} are also in {learned}, and learned from"] if shared else []


def _key(text: Any) -> Hashable:
    return text if isinstance(text, str) else tuple(text)


def _both(held_out: str, learned: str, shared: Sequence[str], total: int, noun: str) -> DataError:
    verb, them = ("is", "it") if len(shared) == 1 else ("are", "them")
    two = "lists" if held_out.endswith(".txt") and learned.endswith(".txt") else "two"
    return DataError(
        f"{held_out}: {len(shared):,} of {counted(total, noun)} {verb} also in {learned}: {listed(shared)}. {_RULE} "
        f"Take {them} out of one of the {two}."
    )
