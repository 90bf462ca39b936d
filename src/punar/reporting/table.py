"""Facts -> the cells of the results table, the same for text, Markdown and HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from punar.texts import compare as texts

# Smaller values are noise of the clock or of the pages that memory comes in.
_LEAST = {"fit_seconds": 0.001, "refit_seconds": 0.001, "transform_us": 0.01, "latency_ms": 0.001, "peak_mb": 0.1}
_LEAST |= {"step_us": 0.001, "model_kb": 0.1, "mae": 1e-9}
_SCORES = ("short", "middle", "long", "mase")  # that stand among the costs
_COSTS = ("parameters", "fit_seconds", "transform_us", "peak_mb")


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes
    ----------
    text : str
    spread : str
        Half of the interval, with its sign; empty where there is none.
    best : bool
        The best in its metric, or not clearly behind it.
    """

    text: str
    spread: str = ""
    best: bool = False

    def __str__(self) -> str:
        return f"{self.text} {self.spread}".rstrip()


@dataclass(frozen=True)
class Row:
    """One candidate: cells, or a note that says why there are none."""

    name: str
    cells: list[Cell]
    note: str


def heads(facts: dict[str, Any]) -> list[str]:
    """Return the column heads after the candidate's name."""
    code = [texts.COLUMN_CODE] if _has_codes(facts) else []
    return [*code, *(m["label"] for m in facts["metrics"]), *(texts.COLUMN_OF[key] for key in _costs(facts))]


def rows(facts: dict[str, Any]) -> list[Row]:
    """Return the candidates in the order of the facts."""
    return [_row(facts, row) for row in facts["rows"]]


def _row(facts: dict[str, Any], row: dict[str, Any]) -> Row:
    if row["status"] != "ok":
        return Row(row["name"], [], row["note"])
    cells = [Cell(_whole(row["code_size"]))] if _has_codes(facts) else []
    for metric in facts["metrics"]:
        score = row["scores"].get(metric["key"])
        if score is None:
            cells.append(Cell(texts.NOT_AVAILABLE))
            continue
        verdict = facts["verdicts"][metric["key"]]
        best = row["name"] in (verdict["best"], *verdict["tied"])
        mark = texts.REFERENCE_MARK if score["reference"] else ""
        half = score["half"]
        spread = "" if mark or half is None else f"±{half:.3f}" if half >= 0.0005 else f"±{half:.4f}"
        cells.append(Cell(f"{score['mean']:.3f}{mark}", spread, best))
    costs = row["costs"]
    cells += [Cell(_cost(key, costs[key])) for key in _costs(facts)]
    return Row(row["name"], cells, "")


def _costs(facts: dict[str, Any]) -> list[str]:
    return list(facts.get("costs", _COSTS))


def _has_codes(facts: dict[str, Any]) -> bool:
    """Return whether the candidates make codes, which have a size; a comparison without any row is asked as before."""
    return "costs" not in facts or any(row["code_size"] is not None for row in facts["rows"])


def has_reference(facts: dict[str, Any]) -> bool:
    """Return whether a score is marked as trivial."""
    return any(s["reference"] for row in facts["rows"] for s in row["scores"].values())


def baselines(facts: dict[str, Any]) -> list[str]:
    """Return what a constant or random answer scores, one sentence per metric."""
    return [
        texts.FOOT_BASELINE.format(metric=m["label"], baseline=m["baseline"], score=f"{m['baseline_score']:.3f}")
        for m in facts["metrics"]
        if m["baseline_score"] is not None
    ]


def _cost(key: str, value: float | None) -> str:
    if key in _SCORES and value is not None:
        return f"{value:.3f}"
    return _short(value, _LEAST[key]) if key in _LEAST else _whole(value)


def _whole(value: float | None) -> str:
    return texts.NOT_AVAILABLE if value is None else f"{round(value):,}"


def _short(value: float | None, least: float) -> str:
    """Return two or three significant digits without an exponent, or that it is less than what is worth telling."""
    if value is None:
        return texts.NOT_AVAILABLE
    if value < least:
        return f"<{least:g}"
    if value >= 99.5:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 9.95 else f"{value:.2f}" if value >= 0.095 else f"{value:.3f}"
