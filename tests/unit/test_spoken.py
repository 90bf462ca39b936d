"""An option is called by the name of the interface that a person uses: every message of punar is looked at."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import punar
from punar.cli import _options as o
from punar.cli._spoken import OF_TASKS, option_of, spoken

ROOT = Path(punar.__file__).parent
# What writes markup, or says nothing to a person.
NO_MESSAGES = ("reporting", "core/lazy.py", "cli/_spoken.py")
# Rooms whose words only the command line shows.
TERMINAL = (
    "cli",
    "sources",
    "texts/app.py",
    "texts/detect.py",
    "texts/latent.py",
    "texts/layers.py",
    "texts/cli.py",
    "texts/options.py",
    "texts/layouts.py",
    "texts/inspection.py",
    "texts/sequences.py",
    "texts/report.py",
    "texts/structured.py",
)
# No option sets these: they are named as Python's, or are facts that were found.
PYTHON_ONLY = {
    *("warm_start", "weight_decay", "validation_fraction"),
    *("batch_first", "batch_norm", "cache", "class", "coverage", "distance", "evidence", "form", "gradient_clip"),
    # Of a task: --set NAME=VALUE.
    *("decoder", "ignore", "tiles", "NAME"),
    *("layer_norm", "likelihood", "loss", "low", "max_length", "norm", "origins", "pooling", "proj_size", "quantiles"),
    *("relative_to", "shape", "steps", "stride", "transform", "utc", "xmlns", "y", "X", "lora", "views", "augment"),
}
SETTING = re.compile(r"(?<![\w.\-\"'/])([a-z][a-z_]*)=(?!=)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def messages(path: Path) -> Iterator[str]:
    """Yield every text of a file that holds a space and is no docstring; what is filled in is VALUE."""
    tree = ast.parse(path.read_text())
    quiet: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and isinstance(node.body[0], ast.Expr):
            quiet.add(id(node.body[0].value))
        if isinstance(node, ast.JoinedStr):
            quiet |= {id(part) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in quiet:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(p.value) if isinstance(p, ast.Constant) else "VALUE" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.value


def files(*, terminal: bool | None = None) -> list[Path]:
    found = [p for p in sorted(ROOT.rglob("*.py")) if not str(p.relative_to(ROOT)).startswith(NO_MESSAGES)]
    if terminal is None:
        return found
    return [p for p in found if str(p.relative_to(ROOT)).startswith(TERMINAL) == terminal]


def outside_calls(message: str) -> str:
    """Take out calls, and what is quoted: both are Python and stay so."""
    message = re.sub(r"(?:[a-z_]+=)?[A-Za-z_][\w.]*\((?:[^()]|\([^()]*\))*\)", "", message)
    return re.sub(r"(?<![\w=])'[^'\n]*'", "", message)


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_each_parameter_in_a_message_has_an_option_or_is_said_to_be_pythons(path):
    for message in messages(path):
        for name in SETTING.findall(outside_calls(spoken(message))):
            assert option_of(name) is None, f"{name}= reaches the terminal: {spoken(message)}"
            assert name in PYTHON_ONLY | OF_TASKS, f"is there an option for {name}=? {message}"


@pytest.mark.parametrize("path", files(terminal=False), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_message_of_python_names_an_option(path):
    for message in messages(path):
        if "pip install" not in message:
            assert not OPTION.findall(message), message


def test_the_walk_finds_what_it_looks_for():
    whole = " ".join(message for path in files() for message in messages(path))
    assert {"on_error", "time_column", "missing", "header", "drop", "gradient_clip"} <= set(SETTING.findall(whole))
    assert len(OPTION.findall(" ".join(m for p in files(terminal=True) for m in messages(p)))) > 100


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("or leave them out (--skip-bad, on_error='skip').", "or leave them out (--skip-bad)."),
        ("items 3, 9 cannot be read (on_error='skip').", "items 3, 9 cannot be read (--skip-bad)."),
        ("needs id_column= (and time_column=): name it", "needs --id COLUMN (and --time COLUMN): name it"),
        ("drop the columns (--drop, drop=[...]), or", "drop the columns (--drop), or"),
        ("say --no-header, header=False (or --header, header=True).", "say --no-header (or --header)."),
        ("pass missing='mask' to let", "pass --missing mask to let"),
        ("Pass network='lstm' or 'gru'.", "Pass --network lstm or gru."),
        (
            "SequenceModel: epochs must be an integer >= 1, got 0.",
            "SequenceModel: --epochs must be an integer >= 1, got 0.",
        ),
        ("or set gradient_clip=1.0.", "or set gradient_clip=1.0 in Python."),
        ("cv=7 would do", "--folds 7 would do"),
        ("use punar.SequenceModel(task='forecasting').", "use punar.SequenceModel(task='forecasting')."),
        ("punar.list_backbones(domain='text') lists", "punar models --domain text lists"),
        ("weights=None starts from random numbers", "--weights none starts from random numbers"),
        ("the column 'time_column=3' is text", "the column 'time_column=3' is text"),
    ],
)
def test_examples(written, said):
    assert spoken(written) == said
    assert spoken(said) == said, "saying it twice changes nothing"


def test_every_option_of_the_panels_is_in_the_table():
    for panel in (o.DATA, o.TRANSFER, o.STRUCTURED, o.SEQUENCES, o.AUTOENCODER, o.TRAINING):
        for name, option in panel.options.items():
            assert option_of(name) == (option.name, option.metavar or "")


def run(*words, folder):
    done = subprocess.run([sys.executable, "-m", "punar", *words], capture_output=True, text=True, cwd=folder)
    return done.returncode, done.stderr.strip().splitlines()[-1]


def test_as_a_person_meets_it(tmp_path):
    rows = ["when,name,value"] + [f"2021-03-{1 + i // 2:02d},{'ab'[i % 2]},{i}" for i in range(40)]
    rows[5] = "2021-03-03,a,"
    (tmp_path / "gaps.csv").write_text("\n".join(rows))
    status, said = run("fit", "gaps.csv", "--id", "name", "--time", "when", "--task", "forecasting", "--horizon", "2",
                       "--epochs", "1", "--out", "m", folder=tmp_path)  # fmt: skip
    assert (status, "--missing mask" in said, "missing=" in said) == (2, True, False), said
    status, said = run("fit", "digits", "--latent-dim", "0", "--out", "m", folder=tmp_path)
    assert (status, "--latent-dim must be" in said) == (2, True), said
    # The same rules, asked for from Python, speak Python.
    with pytest.raises(punar.errors.ParameterError, match="latent_dim must be"):
        punar.Autoencoder(latent_dim=0).fit(np.zeros((9, 2)))


def test_quiet_still_says_what_did_not_learn(tmp_path):
    rows = np.random.default_rng(0).normal(size=(260, 5))
    text = "\n".join(["a,b,c,d,e", *(",".join(f"{v:.4f}" for v in row) for row in rows)])
    (tmp_path / "noise.csv").write_text(text)
    status, said = run("fit", "noise.csv", "--epochs", "1", "--out", "m", "--quiet", folder=tmp_path)
    assert status == 0
    assert said.startswith("punar: warning: Did not learn"), said
    assert "--learning-rate" in said
    assert "learning_rate" not in said
