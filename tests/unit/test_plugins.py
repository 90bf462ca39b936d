"""Names into classes and back, from untrusted sources."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from punar.core import plugins
from punar.errors import (
    DamagedModelError,
    ModelFolderError,
    ParameterError,
    ParameterTypeError,
    UnknownPartError,
)


class Mine(BaseEstimator):
    def __init__(self, a=None, b=None):
        self.a, self.b = a, b


class Picky(BaseEstimator):
    def __init__(self, a=1):
        if a == 0:
            raise ValueError("a must not be 0")
        self.a = a


def there_and_back(part, **kwargs):
    text = json.dumps(plugins.to_dict(part), allow_nan=False)
    return plugins.from_dict(json.loads(text), **kwargs)


def stored(folder="objectives", file="sparse", cls="Sparse", **params):
    return {"folder": folder, "file": file, "class": cls, "params": params}


# --- listing ---


def test_a_folders_listing_is_its_registry():
    assert {"dense", "conv"} <= set(plugins.members("networks"))
    assert {"reconstruction", "sparse", "denoising", "variational"} <= set(plugins.members("objectives"))
    for folder in plugins.PART_FOLDERS:
        names = plugins.members(folder)
        assert names == sorted(names)
        assert not any(name.startswith("_") for name in names)


def test_a_new_file_is_a_new_member(tmp_path, monkeypatch):
    (tmp_path / "objectives").mkdir()
    (tmp_path / "objectives" / "two_words.py").write_text("class TwoWords:\n    pass\n")
    (tmp_path / "objectives" / "_helper.py").write_text("")
    (tmp_path / "objectives" / "Odd-Name.py").write_text("")
    monkeypatch.setattr("punar.__path__", [str(tmp_path)])
    assert plugins.members("objectives") == ["two_words"]
    assert plugins.members("cells") == []


def test_members_takes_part_folders_only():
    with pytest.raises(ParameterError, match=r"got 'objectivs'\. Did you mean 'objectives'\?"):
        plugins.members("objectivs")
    for name in ("core", "../networks", "", None, 3, ["networks"]):
        with pytest.raises(ParameterError, match="folder must be one of"):
            plugins.members(name)


@pytest.mark.parametrize("folder", ["networks", "objectives", "cells", "backbones", "tasks", "applications"])
def test_every_member_holds_a_part_of_its_name(folder):
    for name in plugins.members(folder):
        cls = plugins.member(folder, name)
        assert issubclass(cls, BaseEstimator)
        assert cls.__name__.lower() == name.replace("_", "")


def test_unknown_member_lists_and_suggests():
    with pytest.raises(ParameterError, match=r"'reconstruction'.*Did you mean 'sparse'\?"):
        plugins.member("objectives", "sparce")
    for name in ("_objective", "__init__", "os.system", "", None, 3, "Sparse"):
        with pytest.raises(ParameterError, match="objectives has no member"):
            plugins.member("objectives", name)


# --- storing ---


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -(2**100),
        0.1,
        -0.0,
        math.inf,
        -math.inf,
        1e-320,
        "",
        "पुनर् \n \"'",
        [],
        (),
        [1, (2, [3, ()])],
        {"a": (1, 2)},
        {"$tuple": [1]},
        {1: "a", (2, 3): "b", None: 4},
        Path("a") / "b",
    ],
    ids=repr,
)
def test_values_come_back_as_they_were(value):
    back = there_and_back(Mine(a=value), parts=[Mine]).a
    assert repr(back) == repr(value)
    assert type(back) is type(value)


def test_nan_comes_back():
    assert math.isnan(there_and_back(Mine(a=math.nan), parts=[Mine]).a)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.float32(0.5), float),
        (np.int64(3), int),
        (np.bool_(True), bool),
        (np.str_("a"), str),
        (np.float64(2), float),
    ],
)
def test_numpy_scalars_become_pythons(value, kind):
    back = there_and_back(Mine(a=value), parts=[Mine]).a
    assert type(back) is kind
    assert back == value


def test_parts_inside_parts():
    inner = plugins.member("objectives", "sparse")()
    back = there_and_back(Mine(a=inner, b=[Mine(a=1)]), parts=[Mine])
    assert type(back.a) is type(inner)
    assert back.a.get_params() == inner.get_params()
    assert back.b[0].a == 1


def test_the_stored_form_names_folder_file_and_class():
    form = plugins.to_dict(plugins.member("networks", "dense")())
    assert (form["folder"], form["file"], form["class"]) == ("networks", "dense", "Dense")
    assert "hidden" in form["params"]
    assert plugins.to_dict(Mine())["folder"] == "user"
    assert plugins.to_dict(Mine())["file"] is None


@pytest.mark.parametrize(
    "value",
    [
        lambda x: x,
        object(),
        Mine,
        np.zeros(2),
        np.random.RandomState(0),
        {1, 2},
        b"bytes",
        1j,
        10**60,
        np.datetime64("2020-01-01"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_cannot_be_stored_is_named(value):
    with pytest.raises(ModelFolderError, match=r"Mine\.b\[0\] cannot be stored"):
        plugins.to_dict(Mine(b=[value]))


def test_an_open_file_cannot_be_stored(tmp_path):
    with (
        open(tmp_path / "f", "w") as f,
        pytest.raises(ModelFolderError, match=r"Mine\.a\.b cannot be stored"),
    ):
        plugins.to_dict(Mine(a=Mine(b=f)))


def test_endless_and_huge_settings_are_refused():
    loop: list = []
    loop.append(loop)
    with pytest.raises(ModelFolderError, match="levels deep"):
        plugins.to_dict(Mine(a=loop))
    with pytest.raises(ModelFolderError, match="10000 values"):
        plugins.to_dict(Mine(a=[1] * 20_000))
    with pytest.raises(DamagedModelError, match="10000 values"):
        plugins.from_dict(stored(penalty=[[1] * 2_000] * 10))
    deep: list = []
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(DamagedModelError, match="levels deep"):
        plugins.from_dict(stored(penalty=deep))


def test_user_parts_may_be_ruled_out():
    with pytest.raises(ModelFolderError, match="only punar's own parts"):
        plugins.to_dict(Mine(), user_ok=False)


def test_a_private_class_of_punar_cannot_be_stored():
    hidden = type("Hidden", (Mine,), {"__module__": "punar.core.params"})
    with pytest.raises(ModelFolderError, match="not a part that can be stored"):
        plugins.to_dict(hidden())


# --- reading ---


def test_user_parts_are_asked_for_by_name():
    form = plugins.to_dict(Mine(a=1))
    with pytest.raises(UnknownPartError, match=r"parts=\[Mine\]"):
        plugins.from_dict(form)
    assert plugins.from_dict(form, parts=[Mine]).a == 1
    assert plugins.from_dict(form, parts=[Mine(a=5)]).a == 1  # an instance says its class, nothing else


def test_parts_must_be_parts():
    with pytest.raises(ParameterTypeError, match="parts must hold classes"):
        plugins.from_dict(stored(), parts=[dict])
    for wrong in (Mine, Mine(), "Mine"):
        with pytest.raises(ParameterTypeError, match="parts must be a list"):
            plugins.from_dict(stored(), parts=wrong)
    with pytest.raises(ParameterError, match="two called 'Mine'"):
        plugins.from_dict(stored(), parts=[Mine, type("Mine", (Mine,), {})])


HOSTILE_NAMES = [
    "os.system",
    "os",
    "subprocess",
    "antigravity",
    "../x",
    "..",
    "punar.errors",
    "errors",
    "__init__",
    "_objective",
    "_layers",
    "sparse.py",
    "sparse\n",
    "sparse\0",
    "sparse ",
    "ｓparse",  # full-width s, which Python's own import normalises
    "ſparse",
    "sparѕe",  # Cyrillic
    "SPARSE",
    "",
    None,
    0,
    True,
    1.5,
    ["sparse"],
    {"a": 1},
]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
@pytest.mark.parametrize("place", ["folder", "file", "class"])
def test_hostile_names_import_nothing(name, place):
    plugins.member("objectives", "sparse")
    before = set(sys.modules)
    with pytest.raises(UnknownPartError):
        plugins.from_dict(stored() | {place: name})
    assert set(sys.modules) == before


def test_the_class_must_be_the_files_own():
    for name in ("Objective", "BaseEstimator", "Dense", "check_params", "torch", "__builtins__"):
        with pytest.raises(UnknownPartError):
            plugins.from_dict(stored(cls=name))
    with pytest.raises(UnknownPartError, match=r"Did you mean 'sparse'\?"):
        plugins.from_dict(stored(file="sparce", cls="Sparce"))


def test_allowed_folders_hold_at_every_level():
    network = plugins.to_dict(plugins.member("networks", "dense")())
    with pytest.raises(UnknownPartError, match="folder must be one of 'objectives'"):
        plugins.from_dict(network, allowed=("objectives",))
    with pytest.raises(UnknownPartError, match="folder must be one of 'objectives'"):
        plugins.from_dict(stored(penalty={"$part": network}), allowed=("objectives",))
    with pytest.raises(UnknownPartError):
        plugins.from_dict(stored("core", "params", "Rule"), allowed=("core",))


def test_only_settings_that_the_class_has():
    with pytest.raises(DamagedModelError, match=r"Sparse has no setting 'penalti'; it has .*penalty"):
        plugins.from_dict(stored(penalti="l1"))
    with pytest.raises(DamagedModelError, match="Picky refuses its settings: 'a must not be 0'"):
        plugins.from_dict(plugins.to_dict(Picky()) | {"params": {"a": 0}}, parts=[Picky])


@pytest.mark.parametrize(
    "form",
    [
        None,
        [],
        "objectives",
        {},
        {"folder": "objectives", "file": "sparse", "class": "Sparse"},
        stored() | {"module": "os"},
        stored() | {"params": None},
        stored() | {"params": [1]},
        stored(penalty={"$part": 1}),
        stored(penalty={"$tuple": "ab"}),
        stored(penalty={"$float": "1e5"}),
        stored(penalty={"$float": 1}),
        stored(penalty={"$path": ["a"]}),
        stored(penalty={"$dict": [[1]]}),
        stored(penalty={"$dict": [[[1], 2]]}),
        stored(penalty={"$tuple": [], "$float": "nan"}),
        stored(penalty={"$eval": "1"}),
        stored(penalty={"a": 1, "$tuple": []}),
    ],
    ids=repr,
)
def test_malformed_forms_are_damage(form):
    with pytest.raises(DamagedModelError, match=r"config\.json"):
        plugins.from_dict(form)
