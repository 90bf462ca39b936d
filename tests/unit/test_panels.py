"""Options in panels: what the help shows, and what a command is handed."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from punar.cli import _options as o
from punar.cli._panels import Given, Option, Panel, PanelCommand, takes
from punar.cli.fit import fit
from punar.cli.main import app
from punar.texts import options as texts

PANELS = [o.DATA, o.TRANSFER, o.STRUCTURED, o.SEQUENCES, o.AUTOENCODER, o.TRAINING]


def help_of(command: str, columns: int) -> list[str]:
    answer = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": str(columns)})
    assert answer.exit_code == 0
    return answer.output.splitlines()


@pytest.mark.parametrize("columns", [80, 120])
def test_the_help_of_fit_has_a_section_for_each_panel(columns: int) -> None:
    lines = help_of("fit", columns)
    titles = [line[:-1] for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["Arguments", "Options", *(panel.title for panel in PANELS)]
    section, found = "", {}
    for line in lines:
        section = line[:-1] if line.endswith(":") and not line.startswith(" ") else section
        if line.startswith(("  --", "  -q")):
            found[line.split()[0].rstrip(",") if "-q" not in line else "--quiet"] = section
    for panel in PANELS:
        assert {name for name, at in found.items() if at == panel.title} == {x.name for x in panel.options.values()}
    upto = next(i for i, line in enumerate(lines) if "Examples:" in line)  # a command is not broken
    assert max(len(line) for line in lines[:upto]) <= columns
    # Help begins in one column, in all sections.
    begins = {line.index(text) for line, text in _first_words(lines)}
    assert len(begins) == 1


def _first_words(lines: list[str]) -> list[tuple[str, str]]:
    starts = [texts.TARGET[:12], texts.STRATEGY[:12], texts.MISSING[:12], texts.OBJECTIVE[:12], texts.EPOCHS[:12]]
    return [(line, text) for text in starts for line in lines if text in line and line.startswith("  --")]


def test_no_command_has_two_options_of_one_name() -> None:
    names = [x.name for panel in PANELS for x in panel.options.values()]
    keys = [key for panel in PANELS for key in panel.options]
    assert len(set(names)) == len(names)
    assert len(set(keys)) == len(keys)
    assert len(inspect.signature(fit).parameters) == 5 + len(keys)


def called(*words: str) -> tuple[Any, Given]:
    """Return what a command with a panel is handed."""
    seen: list[tuple[Any, Given]] = []
    panel = Panel(
        "Some",
        size=Option("--size", "How many.", "N", int),
        names=Option("--name", "Whose.", "NAME", list[str]),
        whole=Option("--whole/--part", "Whether.", kind=bool),
        loud=Option("--loud", "Whether.", kind=bool, default=False),
        file=Option("--file", "Which.", "FILE", Path, short="-f"),
        seed=Option("--seed", "Fixed.", "N", int, 0),
    )

    @takes(given=panel)
    def command(data: str, given: Given) -> None:
        seen.append((data, panel.given(given)))

    made = typer.Typer(rich_markup_mode=None)
    made.command(cls=PanelCommand)(command)
    answer = CliRunner().invoke(made, list(words))
    assert answer.exit_code == 0, answer.output
    return seen[0]


def test_a_command_is_handed_a_dict_and_what_was_given_is_told_from_defaults() -> None:
    assert called("x") == ("x", {})
    assert called("x", "--size", "0", "--part", "-f", "a") == (
        "x",
        {"--size": 0, "--whole": False, "--file": Path("a")},
    )
    assert called("x", "--name", "a", "--name", "b", "--loud", "--seed", "0") == (
        "x",
        {"--name": ["a", "b"], "--loud": True},
    )


def test_parts_of_a_panel() -> None:
    assert list(o.DATA.only("target", "key").options) == ["target", "key"]
    assert "size" not in o.DATA.without("size").options
    assert o.DATA.given({"size": "8", "key": None, "target": "a"}, "size", "key") == {"--size": "8"}
