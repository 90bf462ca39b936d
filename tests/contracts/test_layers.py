"""Imports point one way, parts do not know each other, and files stay short."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import punar

ROOT = Path(punar.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
LONGEST = 400

# From the lowest floor up: a room may import what lies below it. Rooms of one floor do not know each other.
FLOORS = [
    {"errors", "texts"},
    {"core"},
    {"data"},
    {"preparations"},
    {"stored"},
    {"cells"},
    {"backbones", "networks", "objectives"},
    {"tasks"},
    {"features"},
    {"training"},
    {"baselines"},
    {"models"},
    {"estimators"},
    {"applications", "inspection"},
    {"comparison"},
    {"serving"},
    {"cli"},
]
BASE, CORE = {"errors", "texts"}, {"errors", "texts", "core"}
BELOW = {room: set().union(*FLOORS[:at]) for at, floor in enumerate(FLOORS) for room in floor}
# By first name under punar: what it may import besides itself.
MAY_IMPORT = BELOW | {
    "errors": set(),
    "texts": set(),
    # What a person names becomes data here; only those who talk to a person read it.
    "sources": CORE | {"data", "preparations"},
    # It sees plain dicts only.
    "reporting": CORE,
    **{room: BELOW[room] | {"sources", "reporting"} for room in ("comparison", "serving", "cli")},
    # Their layers are handed shapes and parts: they need no floor between the cells and the data.
    **{room: BELOW[room] - {"stored", "preparations"} for room in ("networks", "objectives", "cells")},
    # Drawings of plain numbers.
    "inspection": BELOW["inspection"] | {"reporting"},
    "extend": BELOW["features"] | {"tasks", "sources"},
    "__main__": {"cli"},
}
# The public names are loaded by the one; names are turned into classes by the other.
# The two later ones import what their own folder lists: commands and questions.
MAY_IMPORT_BY_NAME = {"__init__.py", "core/lazy.py", "core/plugins.py", "cli/main.py", "comparison/ask.py"}


def layer_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(tree: ast.AST, package: tuple[str, ...]) -> list[tuple[int, str]]:
    """Return (line, dotted name) of everything of punar's own that is imported, at any depth of the code."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += node.module.split(".") if node.module else []
            found += [(node.lineno, ".".join([*base, alias.name])) for alias in node.names]
    return [(line, name) for line, name in found if name.split(".")[0] == "punar"]


def breaches(source: str, path: Path) -> list[str]:
    """Return the imports in ``source``, standing at ``path``, that break the rule."""
    layer = layer_of(path)
    if path == ROOT / "__init__.py":
        return []
    wrong = []
    package = ("punar", *path.relative_to(ROOT).parent.parts)
    tree = ast.parse(source)
    for line, name in imports(tree, package):
        target = name.split(".")[1] if "." in name else ""
        if target in ("", "__version__", "__path__", layer):
            continue
        if target not in MAY_IMPORT[layer]:
            wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    if path.relative_to(ROOT).as_posix() not in MAY_IMPORT_BY_NAME:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
                "import_module",
                "__import__",
                "exec",
                "eval",
            ):
                inner = node.args[0] if node.args else None
                literal = isinstance(inner, ast.Constant) and not str(inner.value).startswith(("punar", "."))
                method = isinstance(node.func, ast.Attribute) and node.func.attr == "eval"
                if not literal and not method:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} turns a name into code")
    return wrong


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_imports_point_one_way(path):
    assert layer_of(path) in {*MAY_IMPORT, "__init__"}, "a new folder needs a place in the order"
    assert breaches(path.read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    ("at", "source"),
    [
        ("objectives/x.py", "from punar.networks import dense"),
        ("objectives/x.py", "from punar import networks"),
        ("objectives/x.py", "from punar import compare"),
        ("objectives/x.py", "from ..networks._network import Network"),
        ("objectives/x.py", "def f():\n    import punar.training.loop"),
        ("networks/x.py", "if TYPE_CHECKING:\n    from punar.objectives import Objective"),
        ("cells/x.py", "from punar.estimators.autoencoder import Autoencoder"),
        ("data/x.py", "from punar.training import loop"),
        ("core/x.py", "from punar.data import rows"),
        ("errors.py", "from punar.core import params"),
        ("texts/x.py", "from punar.errors import shown"),
        ("reporting/x.py", "from punar.estimators.autoencoder import Autoencoder"),
        ("estimators/x.py", "from punar.comparison import verdict"),
        ("comparison/x.py", "from punar.cli import main"),
        ("estimators/x.py", "from punar.extend import Objective"),
        ("estimators/x.py", "import importlib\nimportlib.import_module(name)"),
        ("data/x.py", "from importlib import import_module\nimport_module('punar.training')"),
        ("core/x.py", "eval(text)"),
    ],
)
def test_the_rule_sees_breaches(at, source):
    assert len(breaches(source, ROOT / at)) == 1


@pytest.mark.parametrize(
    ("at", "source"),
    [
        (
            "objectives/x.py",
            "from punar.objectives import Objective\nfrom punar.core.params import number",
        ),
        ("objectives/x.py", "from ._objective import Objective\nnet.eval()"),
        ("core/x.py", "from punar import __version__"),
        ("backbones/x.py", "from importlib import import_module\nimport_module('timm')"),
        ("cli/x.py", "from punar.comparison import verdict"),
    ],
)
def test_the_rule_lets_good_imports_pass(at, source):
    assert breaches(source, ROOT / at) == []


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imported(path: Path) -> set[str]:
    """Return the files of punar's that a file imports, at any depth of its code."""
    package = ("punar", *path.relative_to(ROOT).parent.parts)
    names = {name for _, name in imports(ast.parse(path.read_text(encoding="utf-8")), package)}
    return {name if name in MODULES else name.rpartition(".")[0] for name in names} & MODULES.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_private_files_are_of_their_room_alone(path):
    """What other rooms need stands in a room's ``__init__``, or in a file without an underscore."""
    layer = layer_of(path)
    others = [name for name in imported(path) if name != "punar" and name.split(".")[1] != layer]
    assert [name for name in others if any(part.startswith("_") for part in name.split("."))] == []


def test_no_files_import_each_other_in_a_circle():
    # Rooms' lists of names and the public names lead everywhere, when they are asked.
    graph = {name: imported(path) for name, path in MODULES.items() if path.name != "__init__.py"}
    waiting = {name: {other for other in found if other in graph} for name, found in graph.items()}
    while free := [name for name, found in waiting.items() if not found]:
        for name in free:
            del waiting[name]
        for found in waiting.values():
            found.difference_update(free)
    assert not waiting, "a circle, or files that lead into one"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_file_is_long(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{lines} lines: look for the second idea inside it"


@pytest.mark.parametrize("module", ["punar", "punar.errors", "punar.texts"])
def test_importing_is_light(module):
    code = f"import sys, {module}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=_env(), check=True)
    loaded = set(done.stdout.split())
    assert "punar" in loaded
    assert not loaded & {
        "torch",
        "sklearn",
        "numpy",
        "pandas",
        "scipy",
        "matplotlib",
        "safetensors",
        "typer",
        "rich",
    }


def test_listing_names_is_light():
    code = "import sys, punar; dir(punar); punar.__version__; punar.errors; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=_env(), check=True)
    assert done.stdout.strip() == "False"


def test_no_pickle_is_read_anywhere():
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [a.name for a in node.names] + [getattr(node, "module", "") or ""]
                loaded = {n.split(".")[0] for n in names}
                assert not loaded & {"pickle", "cloudpickle", "dill", "marshal", "shelve"}, f"{path}:{node.lineno}"
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "np.load"):
                given = {k.arg: ast.unparse(k.value) for k in node.keywords}
                safe = given.get("weights_only") == "True" or given.get("allow_pickle") == "False"
                assert safe, f"{path}:{node.lineno}"


def _env() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": str(ROOT.parent)}
