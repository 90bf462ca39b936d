"""Text that counts steps but is read as no time ("2004H1", "day 17"): whether its numbers say that rows are out of
order.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

from punar.data.date_text import plain

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = re.compile(rf"(?<![a-z])({'|'.join(_MONTHS)})[a-z]*", re.IGNORECASE)
_WEEKDAY = re.compile(r"(?<![a-z])(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*", re.IGNORECASE)
_MOST_DAYS = 31


def out_of_order(labels: Sequence[Any]) -> bool:
    """Return whether texts, all different, hold numbers that run backwards or are shuffled.

    Numbers are compared from the left and from the right ("2004H1", "H1 2004"). Days of months without a year begin
    again ("31 Jan", "01 Feb"): of these, most must grow. Of several patterns that come again ("Spring 2004"), only
    numbers that never grow are out of order.

    Parameters
    ----------
    labels : sequence of str

    Examples
    --------
    >>> out_of_order(["2004H2", "2004H1"]), out_of_order(["H2 2003", "H1 2004"]), out_of_order(["b7", "a2"])
    (True, False, False)
    """
    import pandas as pd

    texts = [_WEEKDAY.sub("", t) for t in plain(pd.Series(list(labels), dtype=object))]
    numbered = [_MONTH.sub(lambda m: str(1 + _MONTHS.index(m[1].lower())), t) for t in texts]
    patterns = {re.sub(r"\d+", "#", t).strip().lower() for t in numbered}
    if len(numbered) < 2 or not all("#" in p for p in patterns) or len(set(labels)) < len(labels):
        return False
    keys = [tuple(map(int, re.findall(r"\d+", t))) for t in numbered]
    if len(patterns) > 1:
        # A few words take turns, as seasons do ("Spring 2004"): numbers that only fall are told, words are not.
        return 2 * len(patterns) <= len(keys) and keys[0] != keys[-1] and keys == sorted(keys, reverse=True)
    orders = [keys, [key[::-1] for key in keys]]
    if any(all(a <= b for a, b in itertools.pairwise(order)) for order in orders):
        return False
    yearless = len(keys[0]) == 2 and max(map(max, keys)) <= _MOST_DAYS
    return not (yearless and any(_mostly_grow(order) for order in orders))


def _mostly_grow(keys: Sequence[tuple[int, ...]]) -> bool:
    steps = list(itertools.pairwise(keys))
    return 3 * sum(a < b for a, b in steps) >= 2 * len(steps)
