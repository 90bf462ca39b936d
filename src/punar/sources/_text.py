"""Text files: UTF-8, line by line, and what a file that is none is told."""

from __future__ import annotations

from pathlib import Path

from punar.errors import DataError, shown
from punar.sources._beginning import check_beginning
from punar.sources._memory import check_room

NAME_IT_CONLL = " If it holds one token and its label per line, and a blank line between sentences, name it .conll."
ADVICE = "Save it again as UTF-8"


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file, without their ends and without a byte order mark.

    Raises
    ------
    DataError
        Empty, of another format, not UTF-8, or larger than memory.
    """
    check_beginning(path)
    check_room(6 * path.stat().st_size, str(path), "Cut it into parts.")
    with path.open("rb") as raw:
        check_no_binary(path, raw.read(4096))
    try:
        with path.open(encoding="utf-8-sig") as file:
            # Not splitlines, which also breaks at characters that may stand inside a text, such as U+2028.
            return [line.removesuffix("\n") for line in file]
    except UnicodeDecodeError:
        raise not_utf8(path, ADVICE) from None


def check_no_binary(path: Path, head: bytes, advice: str = ADVICE, what: str = "the file") -> None:
    """Raise where the first bytes of a file are UTF-16, or hold zeros."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{path}: this is UTF-16 text; the file must be UTF-8. {advice}.")
    if b"\0" in head:
        raise DataError(f"{path}: this is not text ({what} holds zero bytes), whatever its name says.")


def not_utf8(path: Path, advice: str) -> DataError:
    """Return the error that names the first line that is not UTF-8."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError as error:
                found = raw[error.start : error.start + 4]
                return DataError(
                    f"{path}, line {number}: the file must be UTF-8 text, but byte {error.start} of this "
                    f"line is not ({shown(found)}). {advice}; if it is not a text file, its name is wrong."
                )
    return DataError(f"{path}: the file must be UTF-8 text. {advice}.")
