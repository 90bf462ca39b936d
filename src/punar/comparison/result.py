"""What ``compare`` returns: a table, a verdict, and a report to read or to keep."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from punar.core.files import write_atomic
from punar.reporting import render
from punar.texts import compare as texts

if TYPE_CHECKING:
    import pandas as pd


class Comparison:
    """The outcome of :func:`punar.compare`.

    Parameters
    ----------
    facts : dict
        Plain values only: what the report is made of, JSON-able as it stands.

    Attributes
    ----------
    facts : dict
    """

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts

    @property
    def table(self) -> pd.DataFrame:
        """One row per candidate: for each metric its mean and, as ``<metric>_pm``, half of its 95 % interval.

        Further columns: ``code_size``, ``parameters``, ``fit_seconds``, ``transform_us`` (per row), ``peak_mb`` (extra
        resident memory while fitting), ``epochs``, ``status`` ("ok", "refused", "failed", "left out") and ``note``.
        """
        import pandas as pd

        rows = []
        for row in self.facts["rows"]:
            entry: dict[str, Any] = {"candidate": row["name"], "code_size": row["code_size"]}
            for metric in self.facts["metrics"]:
                score = row["scores"].get(metric["key"], {})
                entry |= {metric["key"]: score.get("mean"), f"{metric['key']}_pm": score.get("half")}
            entry |= {key: row["costs"][key] for key in (*self.facts["costs"], "epochs")}
            rows.append(entry | {"status": row["status"], "note": row["note"]})
        table = pd.DataFrame(rows).set_index("candidate")
        words = ["status", "note"]
        numbers = table.drop(columns=words).astype("float64")
        return numbers.join(table[words].astype("object"))

    @property
    def verdicts(self) -> dict[str, str]:
        """One sentence per metric."""
        return {key: str(verdict["text"]) for key, verdict in self.facts["verdicts"].items()}

    @property
    def verdict(self) -> str:
        """All verdicts, one line per metric."""
        labels = {metric["key"]: metric["label"] for metric in self.facts["metrics"]}
        lines = [texts.VERDICT_LINE.format(metric=labels[k], text=t.rstrip(".")) for k, t in self.verdicts.items()]
        return "\n".join(lines)

    @property
    def notes(self) -> list[str]:
        """What was cut, left out, or warned of."""
        return list(self.facts["notes"])

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the report as one HTML file that needs nothing else, and return its path.

        The file is written under another name and renamed, so a reader never sees half of it.
        """
        return write_atomic(path, render.html(self.facts))

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write :attr:`facts` as JSON and return the path."""
        return write_atomic(path, render.json_text(self.facts))

    def to_markdown(self) -> str:
        """Return verdicts, table and notes as Markdown."""
        return render.markdown(self.facts)

    def __str__(self) -> str:
        return render.text(self.facts)

    def __repr__(self) -> str:
        names = ", ".join(row["name"] for row in self.facts["rows"])
        return f"<Comparison of {names} on {self.facts['data']['name']}>"

    def _repr_html_(self) -> str:
        return render.fragment(self.facts)
