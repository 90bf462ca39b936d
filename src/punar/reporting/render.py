"""Facts -> HTML, JSON, Markdown and plain text. Sees plain dicts only."""

from __future__ import annotations

import functools
import json
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.cells import cell_len

from punar.reporting import costs, plots, table
from punar.texts import compare as texts


@functools.cache
def environment() -> Environment:
    """Return what finds and fills in the templates."""
    return Environment(
        loader=PackageLoader("punar.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def html(facts: dict[str, Any]) -> str:
    """Return a whole page, complete in itself: no script, no address of another file."""
    shown, folds = facts["shown"], facts["protocol"]["folds"]
    caption = texts.CAPTION_CODES.format(points=shown.get("points", 0))
    if any((row["code_size"] or 0) > 2 for row in facts["rows"]):
        caption += texts.CAPTION_CODES_PROJECTED
    caption += {"classes": texts.CAPTION_CODES_CLASSES, "numbers": texts.CAPTION_CODES_NUMBERS}.get(
        facts["data"]["target"], ""
    )
    rebuilt = plots.reconstructions(facts)
    count = len(rebuilt[0]["cells"]) if rebuilt else 0
    profiles = "" if facts["data"]["kind"] == "images" else texts.CAPTION_PROFILES
    trade, examples = costs.trade(facts), costs.examples(facts)
    return (
        environment()
        .get_template("report.html")
        .render(
            **_table_words(facts),
            title=_word(facts, "title", texts.TITLE).format(name=facts["data"]["name"]),
            score_panels=plots.scores(facts),
            scores_caption=texts.CAPTION_SCORES.format(folds=folds),
            rebuilt=rebuilt,
            rebuilt_count=count,
            rebuilt_caption=texts.CAPTION_RECONSTRUCTIONS.format(count=count) + profiles,
            maps=plots.codes(facts),
            legend=plots.legend(facts),
            maps_caption=caption + ".",
            trade=trade,
            trade_caption=costs.trade_caption(facts) if trade else "",
            examples=examples,
            loss_panels=plots.losses(facts),
            losses_caption=_word(facts, "losses", texts.CAPTION_LOSSES),
            fit_reports=[(r["name"], r["shown"]["fit_report"]) for r in facts["rows"] if r["shown"].get("fit_report")],
        )
    )


def fragment(facts: dict[str, Any]) -> str:
    """Return verdicts and table as a piece of HTML, for notebooks."""
    return environment().get_template("table.html").render(**_table_words(facts))


def json_text(facts: dict[str, Any]) -> str:
    """Return the facts as strict JSON (no NaN)."""
    return json.dumps(facts, ensure_ascii=False, indent=1, allow_nan=False)


def markdown(facts: dict[str, Any]) -> str:
    """Return verdicts, table and notes as Markdown."""

    def cells(values: list[str]) -> str:
        return "| " + " | ".join(v.replace("|", "\\|") for v in values) + " |"

    heads = [texts.COLUMN_NAME, *table.heads(facts)]
    lines = [
        f"# {_word(facts, 'title', texts.TITLE).format(name=facts['data']['name'])}",
        "",
        facts["data"]["reading"] + ".",
        "",
    ]
    lines += [f"- **{label}**: {sentence}" for label, sentence in _verdicts(facts)]
    lines += ["", cells(heads), cells(["---", *["---:"] * (len(heads) - 1)])]
    for row in table.rows(facts):
        if row.note:
            lines.append(cells([row.name, row.note, *[""] * (len(heads) - 2)]))
        else:
            lines.append(cells([row.name, *(f"**{c}**" if c.best else str(c) for c in row.cells)]))
    lines += ["", *(f"- {line}" for line in [*_foot(facts), *facts["notes"]])]
    return "\n".join(lines) + "\n"


def text(facts: dict[str, Any]) -> str:
    """Return the result as lines for a terminal or a log."""
    heads = [texts.COLUMN_NAME, *table.heads(facts)]
    rows = table.rows(facts)
    grid = [[row.name, *map(str, row.cells)] for row in rows if not row.note]
    widths = [max(cell_len(line[i]) for line in [heads, *grid]) for i in range(len(heads))]
    widths[0] = max([widths[0], *(cell_len(row.name) for row in rows)])

    def line(cells: list[str]) -> str:
        first = cells[0] + " " * (widths[0] - cell_len(cells[0]))
        rest = [" " * (w - cell_len(c)) + c for c, w in zip(cells[1:], widths[1:], strict=True)]
        return "  ".join([first, *rest]).rstrip()

    out = [facts["data"]["reading"] + ".", facts["protocol"]["plan"] + ".", "", line(heads)]
    out.append("  ".join("-" * w for w in widths))
    for row in rows:
        padded = row.name + " " * (widths[0] - cell_len(row.name))
        out.append(f"{padded}  {row.note}" if row.note else line([row.name, *map(str, row.cells)]))
    out += ["", *_foot(facts), "", *(f"{label}: {sentence}" for label, sentence in _verdicts(facts))]
    notes = [f"- {note}" for note in facts["notes"]]
    return "\n".join(out + (["", texts.HEAD_NOTES + ":", *notes] if notes else []))


def _table_words(facts: dict[str, Any]) -> dict[str, Any]:
    heads = [texts.COLUMN_NAME, *table.heads(facts)]
    return {
        "t": texts,
        "facts": facts,
        "heads": heads,
        "rows": table.rows(facts),
        "verdicts": _verdicts(facts),
        "foot": _foot(facts),
    }


def _verdicts(facts: dict[str, Any]) -> list[tuple[str, str]]:
    labels = {m["key"]: m["label"] for m in facts["metrics"]}
    return [(labels[key], verdict["text"] + ".") for key, verdict in facts["verdicts"].items()]


def _word(facts: dict[str, Any], key: str, usual: str) -> str:
    """Return what the question itself says, or what is usual."""
    return str(facts.get("words", {}).get(key, usual))


def _foot(facts: dict[str, Any]) -> list[str]:
    lines = [
        _word(facts, "foot", texts.FOOT).format(folds=facts["protocol"]["folds"]),
        "; ".join(table.baselines(facts)),
    ]
    return [line for line in [*lines, texts.REFERENCE_NOTE if table.has_reference(facts) else ""] if line]
