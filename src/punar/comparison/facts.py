"""From measurements to facts: one plain dict with every number, sentence and picture of a comparison."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from punar.comparison._question import Metric
from punar.comparison.protocol import Measured, Run
from punar.comparison.verdict import Decision, corrected_interval, decide
from punar.texts import compare as texts
from punar.texts import items

_DID_NOT_LEARN = "DidNotLearnWarning"
_NOT_CONVERGED = "ConvergenceWarning"
# Of costs over folds the median counts, because a machine that is busy for a moment must not decide what a candidate
# costs; of memory the peak, because later folds reuse what the first one has already asked the system for; of scores
# that stand among the costs the mean.
_PEAKS = ("peak_mb",)
_MEANS = ("short", "middle", "long", "mae", "mase")


def score_facts(measured: Measured, metrics: list[Metric], costs: Sequence[str]) -> dict[str, Any]:
    """Return rows, metrics, verdicts and notes as plain values.

    Parameters
    ----------
    measured : Measured
    metrics : list of Metric
    costs : sequence of str
        Keys of the costs that the rows tell.

    Returns
    -------
    dict
        Keys "metrics", "rows", "verdicts" and "notes".
    """
    n_train, n_test = (float(np.mean([s[i] for s in measured.sizes])) for i in (0, 1))
    rows = [_row(run, metrics, costs, n_train, n_test) for run in measured.runs]
    shown_metrics, verdicts = [], {}
    for metric in metrics:
        folds = [b[metric.key] for b in measured.baselines if metric.key in b]
        baseline = float(np.mean(folds)) if folds else None
        words: dict[str, Any] = {"key": metric.key, "label": metric.label, "help": metric.help}
        shown_metrics.append(words | {"baseline": metric.baseline, "baseline_score": baseline})
        verdicts[metric.key] = _verdict(metric, measured.runs, folds, n_train, n_test)
    return {"metrics": shown_metrics, "rows": rows, "verdicts": verdicts, "notes": _notes(measured.runs)}


def _row(run: Run, metrics: list[Metric], shown: Sequence[str], n_train: float, n_test: float) -> dict[str, Any]:
    ok = run.failure is None
    scores: dict[str, Any] = {}
    for metric in metrics if ok else ():
        folds = _complete(run, metric.key)
        if folds is not None:
            mean, _, high = corrected_interval(folds, n_train, n_test)
            half = high - mean if math.isfinite(high) else None
            trivial = metric.key in run.candidate.trivial_in
            scores[metric.key] = {"mean": mean, "half": half, "folds": folds, "reference": trivial}
    costs: dict[str, float | None] = {}
    for key in dict.fromkeys((*shown, "epochs")):
        known = [c[key] for c in run.costs if c.get(key) is not None] if ok else []
        summary = max if key in _PEAKS else np.mean if key in _MEANS else np.median
        costs[key] = float(summary([float(v) for v in known if v is not None])) if known else None
    return {
        "name": run.candidate.name,
        "status": _status(run),
        "note": run.failure or "",
        "scores": scores,
        "costs": costs,
        "code_size": run.shown.get("code_size"),
        "shown": run.shown if ok else {},
    }


def _status(run: Run) -> str:
    if run.failure is None:
        return "ok"
    return "left out" if run.left_out else "refused" if run.failure == run.candidate.refusal else "failed"


def _complete(run: Run, key: str) -> list[float] | None:
    """Return the score of every fold, or None where a fold has none."""
    folds = [fold.get(key) for fold in run.scores]
    found = [float(s) for s in folds if s is not None and math.isfinite(s)]
    return found if folds and len(found) == len(folds) else None


def _verdict(metric: Metric, runs: list[Run], baseline: list[float], n_train: float, n_test: float) -> dict[str, Any]:
    rivals = {
        run.candidate.name: scores
        for run in runs
        if run.failure is None and not run.candidate.yardstick
        if (scores := _complete(run, metric.key)) is not None
    }
    if not rivals:
        return {"text": texts.NO_CANDIDATE, "best": None, "clear": False, "tied": [], "cheapest": None, "duels": []}
    costs = {
        run.candidate.name: float(np.median([c["fit_seconds"] for c in run.costs if c["fit_seconds"] is not None]))
        for run in runs
        if run.candidate.name in rivals
    }
    classical = next((run.candidate.name for run in runs if run.candidate.classical), None)
    decision = decide(rivals, costs, n_train, n_test, classical=classical)
    means = {name: float(np.mean(scores)) for name, scores in rivals.items()}
    text = _sentence(decision, means, costs, classical)
    for run in runs:
        text += _beside(run, metric, rivals[decision.best], n_train, n_test)
    if len(baseline) == len(rivals[decision.best]) and len(baseline) > 1:
        lead = np.asarray(rivals[decision.best]) - np.asarray(baseline)
        if corrected_interval(lead, n_train, n_test)[1] <= 0:
            text += texts.NOT_ABOVE_BASELINE.format(baseline=metric.baseline, score=_score(float(np.mean(baseline))))
    return {
        "text": text,
        "best": decision.best,
        "clear": decision.clear,
        "tied": decision.tied,
        "cheapest": decision.cheapest,
        "ranking": decision.ranking,
        "duels": [
            {"other": d.other, "difference": d.difference, "low": _finite(d.low), "high": _finite(d.high)}
            | {"confidence": d.confidence, "clear": d.clear}
            for d in decision.duels
        ],
    }


def _sentence(decision: Decision, means: dict[str, float], costs: dict[str, float], classical: str | None) -> str:
    best = decision.best
    if not decision.duels:
        return texts.ONE_CANDIDATE.format(best=best, best_score=_score(means[best]))
    lost = [d for d in decision.duels if d.clear]
    duel = next((d for d in decision.duels if not d.clear), decision.duels[0])
    words = {
        "best": best,
        "best_score": _score(means[best]),
        "other": duel.other,
        "other_score": _score(means[duel.other]),
        "difference": _score(duel.difference),
        "low": _score(duel.low),
        "high": _score(duel.high),
        "level": f"{100 * duel.confidence:.3g} %",
    }
    if decision.clear:
        text = texts.WINS.format(**words)
        for further in lost[1:]:
            text += texts.WINS_ALSO.format(classical=further.other, score=_score(means[further.other]))
        return text
    if len(decision.tied) == 1:
        text = texts.TIE.format(**words)
    else:
        third = decision.tied[1]
        text = texts.TIE_OF_THREE.format(**words, third=third, third_score=_score(means[third]))
    text += _cheaper(decision.cheapest, best if decision.cheapest != best else duel.other, costs)
    if lost and classical in [d.other for d in lost]:
        text += texts.TIE_BEATS_CLASSICAL.format(best=best, classical=classical, score=_score(means[str(classical)]))
    return text


def _beside(run: Run, metric: Metric, best: list[float], n_train: float, n_test: float) -> str:
    """Say how the best candidate stands to a yardstick; nothing where ``run`` is none or its score is trivial."""
    folds = None if run.failure else _complete(run, metric.key)
    candidate = run.candidate
    if folds is None or not candidate.yardstick or candidate.chance or metric.key in candidate.trivial_in:
        return ""
    _, low, high = corrected_interval(np.subtract(folds, best), n_train, n_test)
    text = texts.YARDSTICK_AHEAD if low > 0 else texts.YARDSTICK_BEHIND if high < 0 else texts.YARDSTICK_EQUAL
    return text.format(name=run.candidate.name, score=_score(float(np.mean(folds))))


def _cheaper(cheap: str, dear: str, costs: dict[str, float]) -> str:
    factor = costs[dear] / max(costs[cheap], 1e-6)
    if factor < 1.05:
        return texts.AS_CHEAP
    rounded = f"{factor:.1f}" if factor < 9.95 else f"{factor:,.0f}"
    return texts.CHEAPER.format(cheap=cheap, times=texts.TIMES.format(factor=rounded), dear=dear)


def _score(value: float) -> str:
    """Return three decimals, four where three would hide a small difference."""
    if not math.isfinite(value):
        return texts.NOT_AVAILABLE
    return f"{value:.3f}" if abs(value) >= 0.0095 or value == 0 else f"{value:.4f}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _notes(runs: list[Run]) -> list[str]:
    """Return what makes candidates unequal, and what they warned of, once each with the number of folds."""
    notes = []
    sizes = {r.shown["code_size"] for r in runs if "code_size" in r.shown and not r.candidate.yardstick}
    if len(sizes) > 1:
        notes.append(texts.NOTE_CODE_SIZES.format(sizes=", ".join(map(str, sorted(sizes)))))
    for run in runs:
        said = Counter(_in_short(text) for fold in _once(run.warnings) for text in dict.fromkeys(map(str, fold)))
        for message, count in said.items():
            entry = {"name": run.candidate.name, "count": min(count, len(run.scores)), "folds": len(run.scores)}
            notes.append(texts.NOTE_WARNED.format(message=message, **entry))
    return notes


def _once(warnings: list[list[str]]) -> list[list[str]]:
    """Leave one warning of each kind about items that are not read: every fold and call has a count of its own."""
    known: set[str] = set()
    kept: list[list[str]] = []
    for fold in warnings:
        kept.append([])
        for text in map(str, fold):
            mark = next((m for m in items.MARKS if m in text), None)
            if mark is None or mark not in known:
                kept[-1].append(text)
            known |= {mark} if mark else set()
    return kept


def _in_short(warning: str) -> str:
    if _DID_NOT_LEARN in warning:
        return texts.NOTE_DID_NOT_LEARN
    if _NOT_CONVERGED in warning:
        judged = warning.startswith("judge: ")
        return texts.NOTE_DOWNSTREAM_NOT_CONVERGED if judged else texts.NOTE_NOT_CONVERGED
    text = " ".join(warning.removeprefix("judge: ").split())
    return text if len(text) <= 160 else text[:159] + "…"
