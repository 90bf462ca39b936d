"""What the commands say of tables whose columns are not all numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from punar.texts import mixed as texts


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
