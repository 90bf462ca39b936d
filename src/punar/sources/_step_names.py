"""The names of a wide table's steps, as a model learned them: the same must be there when it predicts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from punar.core.words import counted, listed
from punar.errors import DataError, shown

_YEAR_FIRST = re.compile(r"\d{4}\D")


def worth_keeping(steps: Sequence[str]) -> tuple[str, ...]:
    """Return names of steps that a person gave; none where a program only counted the columns from 0 or 1."""
    return () if steps and steps[0] in ("0", "1", "column 1", "column 2") else tuple(steps)


def by_date(dates: Sequence[str]) -> list[str]:
    """Return names that are dates in the order of time, where they begin with the year; else as they stand.

    >>> by_date(["2021-10-01", "2021-9-01"])
    ['2021-9-01', '2021-10-01']
    """
    if not all(_YEAR_FIRST.match(name.strip()) for name in dates):
        return list(dates)
    return sorted(dates, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])


def check_steps(known: Sequence[str], names: Sequence[str], where: str) -> None:
    """Raise where a table lacks the columns of steps that a model was fitted on.

    Parameters
    ----------
    known : sequence of str
        The steps of the fit; empty where it has no names of them.
    names : sequence of str
        The columns that there are.
    where : str

    Raises
    ------
    DataError
    """
    there = set(names)
    missing = [name for name in known if name not in there]
    if not missing:
        return
    raise DataError(
        f"{where}: the model was fitted on series of {counted(len(known), 'column')} {shown(known[0], 30)} to "
        f"{shown(known[-1], 30)}, and {listed(missing)} {'is' if len(missing) == 1 else 'are'} not there. The columns "
        f"are: {listed(list(names))}. Name the steps as in the file of the fit; leave fields empty where a series has "
        "ended."
    )
