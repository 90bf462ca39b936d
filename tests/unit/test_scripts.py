"""scripts/start and scripts/test: an environment is made once, kept while nothing changes, and never another's."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


class Environment:
    """scripts/environment.py of a small project, with pip and venv replaced by what only takes notes."""

    def __init__(self, folder, monkeypatch):
        spec = importlib.util.spec_from_file_location("environment_of_scripts", ROOT / "scripts/environment.py")
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.root, self.venv = folder / "a project", folder / "an environment"
        (self.root / "src/punar").mkdir(parents=True)
        for name in ("pyproject.toml", "README.md", "LICENSE", "src/punar/a.py"):
            (self.root / name).write_text(name)
        self.made, self.installed, self.fails = 0, [], False
        monkeypatch.setenv("PUNAR_VENV", str(self.venv))
        monkeypatch.delenv("PUNAR_TORCH", raising=False)
        monkeypatch.setattr(self.module, "ROOT", self.root)
        monkeypatch.setattr(self.module, "_make", self._make)
        monkeypatch.setattr(self.module, "_runs", lambda venv: (venv / "works").exists())
        monkeypatch.setattr(self.module, "_pip", self._pip)

    def _make(self, venv):
        shutil.rmtree(venv, ignore_errors=True)
        venv.mkdir()
        (venv / "works").touch()
        self.made += 1

    def _pip(self, venv, what):
        if self.fails:
            raise self.module.EnvironmentProblem("pip could not install")
        self.installed.append(what.replace(str(self.root), "."))

    def ready(self, *extras):
        """Return what was installed by one run."""
        before = len(self.installed)
        assert self.module.ready(set(extras)) == self.module.python_of(self.venv)
        return self.installed[before:]


@pytest.fixture
def environment(tmp_path, monkeypatch):
    return Environment(tmp_path, monkeypatch)


def test_a_second_run_installs_nothing(environment):
    assert environment.ready() == ["."]
    assert environment.ready() == []
    assert environment.made == 1


def test_a_file_that_changed_came_or_went_is_installed(environment):
    environment.ready()
    source = environment.root / "src/punar"
    (source / "a.py").write_text("changed")
    assert environment.ready() == ["."]
    (source / "b.py").write_text("new")
    assert environment.ready() == ["."]
    (source / "b.py").unlink()
    assert environment.ready() == ["."]
    (source / "__pycache__").mkdir()
    (source / "__pycache__/a.pyc").write_text("of no interest")
    assert environment.ready() == []
    assert environment.made == 1


def test_extras_are_added_and_stay(environment):
    environment.ready()
    assert environment.ready("test") == [".[test]"]
    assert environment.ready() == environment.ready("test") == []


def test_an_install_that_failed_is_done_again(environment):
    environment.ready()
    environment.fails = True
    with pytest.raises(environment.module.EnvironmentProblem, match="pip could not install"):
        environment.ready("test")
    environment.fails = False
    assert environment.ready() == ["."]


def test_an_environment_that_no_longer_runs_is_made_anew(environment):
    environment.ready("test")
    (environment.venv / "works").unlink()
    assert environment.ready() == ["."]
    assert environment.made == 2


def test_another_interpreter_makes_it_anew(environment, monkeypatch):
    environment.ready()
    monkeypatch.setattr(environment.module.sys, "base_prefix", str(environment.root))
    assert environment.ready() == ["."]
    assert environment.made == 2


def test_torch_of_your_own_is_installed_first_and_once(environment, monkeypatch):
    monkeypatch.setenv("PUNAR_TORCH", "torch==2.11.0+cpu")
    assert environment.ready() == ["torch==2.11.0+cpu", "."]
    assert environment.ready() == []
    monkeypatch.delenv("PUNAR_TORCH")
    assert environment.ready() == []
    monkeypatch.setenv("PUNAR_TORCH", "torch==2.12.0")
    assert environment.ready() == ["torch==2.12.0", "."]


def test_an_environment_of_yours_is_left_alone(environment):
    environment.venv.mkdir()
    (environment.venv / "pyvenv.cfg").write_text("yours")
    with pytest.raises(environment.module.EnvironmentProblem, match=r"not made by this script.*PUNAR_VENV"):
        environment.ready()
    assert environment.made == 0
    assert [p.name for p in environment.venv.iterdir()] == ["pyvenv.cfg"]


def _copied(tmp_path):
    """Return the scripts in a folder whose name has a space, and a Python that says what it was asked."""
    root = tmp_path / "a checkout"
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    python = tmp_path / "an environment/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(
        '#!/bin/sh\ncase "$1" in *environment.py) shift; echo "made with: $*" >&2; echo "$0";; '
        '*) echo "$(pwd) runs:"; for word; do echo "<$word>"; done;; esac\n'
    )
    python.chmod(0o755)
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()

    def run(script, *arguments, code=0):
        environ = {"PATH": os.environ["PATH"], "PYTHON": str(python), "PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            [root / "scripts" / script, *arguments], cwd=elsewhere, env=environ, text=True, capture_output=True
        )
        assert done.returncode == code, done.stderr
        return done.stdout, done.stderr

    return root, elsewhere, run


@needs_bash
def test_the_commands_run_from_any_folder(tmp_path):
    root, elsewhere, run = _copied(tmp_path)
    out, said = run("test")
    assert out == f"{root} runs:\n<-m>\n<pytest>\n<-m>\n<not slow>\n<-q>\n<-rs>\n"
    assert said == "made with: test\n"
    out, said = run("test", "-k", "two words")
    assert out.endswith("<not slow>\n<-k>\n<two words>\n")
    out, said = run("start", "compare", "my table.csv")
    assert out == f"{elsewhere} runs:\n<-m>\n<punar>\n<compare>\n<my table.csv>\n"
    assert said == "made with: \n"


@needs_bash
def test_here_makes_no_environment(tmp_path):
    root, _, run = _copied(tmp_path)
    out, said = run("test", "--here", "-x")
    assert (out, said) == (f"{root} runs:\n<-m>\n<pytest>\n<-m>\n<not slow>\n<-x>\n", "")


@needs_bash
def test_start_compares_once_and_then_shows_what_was_found(tmp_path):
    root, _, run = _copied(tmp_path)
    report = root / "punar-digits-report.html"
    note = tmp_path / "an environment/punar-environment.json"
    note.touch()
    os.utime(note, (0, 0))
    first, said = run("start")
    assert f"<compare>\n<digits>\n<--report>\n<{report}>\n" in first
    assert f"The report: {report}\n" in first
    assert "comparing" in said
    report.write_text("<html>")
    kept = tmp_path / "an environment/digits.txt"
    again, said = run("start")
    assert "<compare>" in again
    assert "This is the result of" in again
    assert "comparing" not in said
    kept.write_text("as it was\n")
    assert run("start")[0].startswith("as it was\n")
    assert "as it was" not in run("start", "--again")[0]
    kept.write_text("as it was\n")
    os.utime(note, (2**32, 2**32))  # installed anew since
    assert "as it was" not in run("start")[0]


@needs_bash
@pytest.mark.parametrize("script", ["start", "test"])
def test_usage(tmp_path, script):
    _, _, run = _copied(tmp_path)
    out, said = run(script, "--help")
    assert out.startswith(f"usage: scripts/{script}")
    assert "PUNAR_VENV" in out
    assert said == ""


@needs_bash
def test_a_python_that_is_too_old_is_named(tmp_path):
    path = str(ROOT / "scripts/environment.py")
    old = f"import sys, runpy; sys.version_info = (3, 10); runpy.run_path({path!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", old], text=True, capture_output=True)
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
