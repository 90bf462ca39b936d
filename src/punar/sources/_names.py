"""Names of columns: each is there, each once, and those that are asked for exist."""

from __future__ import annotations

from collections.abc import Sequence

from punar.core.words import listed
from punar.errors import DataError, shown, suggest

COUNTS_ROWS = " and only counts the rows; left out"


def printable(name: object) -> str:
    """Return a name as text can hold it: a file's name need not be UTF-8, and what is not is escaped.

    >>> printable("b" + chr(0xDCE4) + "r.png").isascii()
    True
    """
    return str(name).encode(errors="backslashreplace").decode()


def check_names(names: Sequence[str], where: str) -> None:
    """Raise where a column has no name, or a name is there twice."""
    empty = [i for i, name in enumerate(names, 1) if not name.strip()]
    if empty:
        raise DataError(
            f"{where}: column {listed([str(i) for i in empty]).replace(chr(39), '')} (counted from 1) has no "
            "name; every column needs one. Name it in the first line, or remove it."
        )
    twice = sorted({n for n in names if names.count(n) > 1}) if len(set(names)) < len(names) else []
    if twice:
        places = [i for i, n in enumerate(names, 1) if n == twice[0]]
        raise DataError(
            f"{where}: column names must differ, but {listed(twice)} stands more than once (columns "
            f"{', '.join(map(str, places[:4]))}). Rename one of them."
        )


def index_name(names: Sequence[str]) -> str:
    """Return what to call a first column without a name, as pandas writes its index: "index", where that is free.

    >>> index_name(["", "sales"]), index_name(["", "index"])
    ('index', 'index (column 1)')
    """
    return "index" if "index" not in names else "index (column 1)"


def check_known(wanted: Sequence[str], names: Sequence[str], why: str, where: str) -> None:
    """Raise where one of ``wanted`` is not among ``names``."""
    known = set(names)
    for name in wanted:
        if name not in known:
            raise DataError(
                f"{where}: there is no column {shown(name)} {why}.{suggest(name, names)} "
                f"The columns are: {listed(list(names))}."
            )
