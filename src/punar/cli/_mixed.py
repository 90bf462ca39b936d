"""What the commands say of tables whose columns are not all numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from punar.texts import mixed as texts

if TYPE_CHECKING:
    from punar.sources import UserData


def notes(found: UserData) -> Sequence[str]:
    """Return how the columns of what was read become numbers; nothing where they are numbers."""
    if not hasattr(found.X, "columns"):
        return ()
    from punar.preparations.mixed import learn_table

    return learn_table(found.X, found.description).notes


def scores(model: Any, X: Any, again: Any) -> Sequence[str]:
    """Return a line for each column: how well it came back, beside the answer that looks at no row."""
    from punar.preparations.mixed import column_scores

    found = column_scores(model.table_, X, again)
    width = max(len(str(one["column"])) for one in found)
    lines = [texts.SCORES]
    for one in found:
        measure, baseline = texts.MEASURES[one["measure"]]
        name = f"{one['column']!s:<{width}}"
        lines.append(
            texts.SCORE.format(name=name, measure=measure, what=baseline, score=one["score"], baseline=one["baseline"])
        )
    return lines
