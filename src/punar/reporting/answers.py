"""Facts of a model's answers -> the page of ``punar report``: a score beside chance, and the worst answers drawn."""

from __future__ import annotations

from typing import Any

from punar.reporting._cards import card
from punar.reporting.render import environment
from punar.texts import report as texts


def html(facts: dict[str, Any]) -> str:
    """Return a whole page, complete in itself: no script, no address of another file.

    Parameters
    ----------
    facts : dict
        From :func:`punar.inspection.answer_facts.answer_facts`, with ``model`` and ``data`` (names), ``metric`` and
        ``task`` in words, ``verdict`` (what the fit said of itself, or None) and ``made``.
    """
    ends = facts["interval"]
    rows = [(texts.ROW_MODEL, _figure(facts["score"])), (texts.ROW_CHANCE, _figure(facts["chance"]))]
    further = [(texts.figure(name), _figure(value)) for name, value in facts["figures"].items()]
    classes = [(texts.figure(name), _by_class(values)) for name, values in facts["classes"].items() if values]
    return (
        environment()
        .get_template("answers.html")
        .render(
            t=texts,
            facts=facts,
            title=texts.TITLE.format(model=facts["model"], data=facts["data"]),
            lead=texts.LEAD.format(
                task=facts["task"].replace("_", " ").capitalize(),
                n=facts["items"],
                metric=facts["metric"],
                score=_figure(facts["score"]),
                interval="" if ends is None else texts.INTERVAL.format(low=_figure(ends[0]), high=_figure(ends[1])),
                chance=_figure(facts["chance"]),
            ),
            rows=rows + further,
            classes=classes,
            cards=[(each["name"], _score(each, facts), card(each)) for each in facts["cards"]],
            caption=texts.caption(facts["form"]),
        )
    )


def _by_class(values: dict[str, float | None]) -> list[tuple[str, str]]:
    """Return a row for each class, worst first."""
    order = sorted(values.items(), key=lambda pair: (pair[1] is None, pair[1] or 0.0))
    return [(name, texts.NOT_THERE if value is None else _figure(value)) for name, value in order]


def _score(each: dict[str, Any], facts: dict[str, Any]) -> str:
    """Return the score of one item in words; of one class or amount there is nothing to say beyond the answer."""
    if each["form"] == "plain":
        return ""
    value = each["score"]
    return texts.NO_SCORE if value != value else texts.ITEM_SCORE.format(metric=facts["metric"], score=_figure(value))


def _figure(value: float) -> str:
    return f"{value:.4g}" if abs(value) >= 100 else f"{value:.3f}"
