"""Tables whose columns are not all numbers: how they become rows of numbers, and columns again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from punar.core.lazy import lazily

if TYPE_CHECKING:
    from punar.preparations.mixed.frames import as_frame as as_frame
    from punar.preparations.mixed.frames import is_mixed as is_mixed
    from punar.preparations.mixed.frames import like as like
    from punar.preparations.mixed.learn import learn_table as learn_table
    from punar.preparations.mixed.scores import column_scores as column_scores
    from punar.preparations.mixed.table import MixedTable as MixedTable
    from punar.preparations.mixed.table import check_table as check_table

_HOME = {
    "MixedTable": "table",
    "as_frame": "frames",
    "check_table": "table",
    "column_scores": "scores",
    "is_mixed": "frames",
    "learn_table": "learn",
    "like": "frames",
}
__all__ = sorted(_HOME)
__getattr__ = lazily(__name__, _HOME)
