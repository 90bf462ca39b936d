"""Names into classes and back: the only place that does it, and only inside punar.

A folder's listing is its registry: ``objectives/sparse.py`` holds ``Sparse``. Nothing is imported before its
name has been found in a listing. A stored part is ``{"folder", "file", "class", "params"}``; values that JSON
lacks are objects with one key that begins with ``$``.
"""

from __future__ import annotations

import math
import pkgutil
import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

import punar
from punar.core import modules
from punar.core.synonyms import advice
from punar.errors import (
    DamagedModelError,
    ModelFolderError,
    ParameterError,
    ParameterTypeError,
    UnknownPartError,
    shown,
    suggest,
)

PART_FOLDERS = (
    "networks",
    "objectives",
    "cells",
    "backbones",
    "tasks",
    "preparations",
    "sources",
    "estimators",
    "applications",
)
# What one stored part may ask for, all nesting counted: a list of a million layers takes minutes to build.
MAX_VALUES = 10_000
_MAX_DEPTH = 16
_MAX_BITS = 128
_FILE = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_CLASS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_KEYS = {"folder", "file", "class", "params"}
_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_STORABLE = "None, True, False, a number, text, a path, a list, tuple or dict of these, or a part"


def members(folder: str) -> list[str]:
    """Return the file names of a part folder, sorted, without importing any.

    Parameters
    ----------
    folder : str
        One of the part folders, such as ``"objectives"``. One that does not exist yet has no members.

    Raises
    ------
    ParameterError
        Not a part folder.
    """
    if not isinstance(folder, str) or folder not in PART_FOLDERS:
        names = ", ".join(map(repr, PART_FOLDERS))
        raise ParameterError(f"folder must be one of {names}, got {shown(folder)}.{suggest(folder, PART_FOLDERS)}")
    found = pkgutil.iter_modules([f"{root}/{folder}" for root in punar.__path__])
    return sorted(m.name for m in found if not m.ispkg and _FILE.fullmatch(m.name))


def member(folder: str, name: str, *, further: Sequence[str] = ()) -> type:
    """Return the class that a part folder's file holds.

    Parameters
    ----------
    folder : str
        A part folder.
    name : str
        A file name, such as ``"sparse"``.
    further : sequence of str
        Names that the caller takes too, for the message.

    Raises
    ------
    ParameterError
        No such folder or file; the message lists what there is.
    """
    known = members(folder)
    if not isinstance(name, str) or name not in known:
        raise ParameterError(
            f"{folder} has no member {shown(name)}; it has {', '.join(map(repr, [*known, *further])) or 'none'}."
            f"{advice(folder, name) or suggest(name, [*known, *further])}"
        )
    module = import_module(f"punar.{folder}.{name}")
    cls = getattr(module, _camel(name), None)
    # A file may import other classes; only its own one is its member.
    if not isinstance(cls, type) or cls.__module__ != module.__name__:
        raise ParameterError(f"{folder}/{name}.py holds no part: it has no class {_camel(name)} of its own.")
    return cls


def to_dict(part: BaseEstimator, *, user_ok: bool = True) -> dict[str, Any]:
    """Return a part's settings as JSON values.

    Parameters
    ----------
    part : BaseEstimator
        An estimator or part of punar, or one that somebody else wrote; parts may hold parts.
    user_ok : bool, default True
        Whether classes from outside punar may be among them; they are stored by name, with folder ``"user"``.

    Raises
    ------
    ModelFolderError
        A setting cannot be stored; the message names it.
    """
    budget = _Budget()
    return _part_to_dict(part, type(part).__name__, user_ok, budget, 0)


def from_dict(stored: object, *, parts: Iterable[object] = (), allowed: Sequence[str] = PART_FOLDERS) -> BaseEstimator:
    """Rebuild what :func:`to_dict` gave, from an untrusted source.

    Parameters
    ----------
    stored : dict
        Anything else is refused.
    parts : iterable of classes or instances
        The user's own parts, found by class name; of torch modules also a module like the stored one.
    allowed : sequence of str
        The part folders that may be named, at every level.

    Returns
    -------
    BaseEstimator
        With its settings stored and not yet checked: the caller does that.

    Raises
    ------
    UnknownPartError
        A name is not a part here. Nothing was imported because of it.
    DamagedModelError
        Not the form that :func:`to_dict` gives, or settings that the class does not have.
    ParameterError
        ``parts`` holds something else than parts, or two of one name.
    """
    return _reader(parts, allowed).part(stored, 0)


def to_value(value: Any, where: str) -> Any:
    """Return one setting as JSON values; see :func:`to_dict`."""
    return _encode(value, where, True, _Budget(), 0)


def from_value(stored: object, *, parts: Iterable[object] = (), allowed: Sequence[str] = PART_FOLDERS) -> Any:
    """Rebuild what :func:`to_value` gave; see :func:`from_dict`."""
    return _reader(parts, allowed).value(stored, "setting", 0)


class _Budget:
    """Counts values, so that what is written can be read and what is read can be built."""

    def __init__(self) -> None:
        self.left = MAX_VALUES

    def take(self, where: str, depth: int, kind: type[ModelFolderError]) -> None:
        self.left -= 1
        if self.left < 0:
            raise kind(f"{where}: a part's settings may hold at most {MAX_VALUES} values, found more.")
        if depth > _MAX_DEPTH:
            raise kind(f"{where}: settings may nest at most {_MAX_DEPTH} levels deep, found more.")


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _part_to_dict(part: BaseEstimator, where: str, user_ok: bool, budget: _Budget, depth: int) -> dict[str, Any]:
    budget.take(where, depth, ModelFolderError)
    cls = type(part)
    folder, file = _address(cls, where)
    if folder == "user" and not user_ok:
        raise ModelFolderError(f"{where}: only punar's own parts can be stored here, found {shown(cls)}.")
    try:
        params = part.get_params(deep=False)
    except (AttributeError, RuntimeError, TypeError) as e:
        raise ModelFolderError(f"{where}: {cls.__name__} must keep its settings as scikit-learn asks: {e}") from e
    return {
        "folder": folder,
        "file": file,
        "class": cls.__name__,
        "params": {
            name: _encode(value, f"{where}.{name}", user_ok, budget, depth + 1) for name, value in params.items()
        },
    }


def _address(cls: type, where: str) -> tuple[str, str | None]:
    root, _, rest = cls.__module__.partition(".")
    if root != "punar":
        return "user", None
    folder, _, file = rest.partition(".")
    if folder in PART_FOLDERS and file in members(folder) and cls.__name__ == _camel(file):
        return folder, file
    raise ModelFolderError(f"{where}: {shown(cls)} is not a part that can be stored.")


def _encode(value: Any, where: str, user_ok: bool, budget: _Budget, depth: int) -> Any:
    budget.take(where, depth, ModelFolderError)

    def inner(v: object, at: object) -> Any:
        return _encode(v, f"{where}[{shown(at)}]", user_ok, budget, depth + 1)

    if isinstance(value, np.generic) and not isinstance(value, np.void):
        value = value.item()
    kind = type(value)
    if value is None or kind in (bool, str) or (kind is int and value.bit_length() <= _MAX_BITS):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": str(value)}
    if isinstance(value, PurePath):
        return {"$path": value.as_posix()}
    if kind is list:
        return [inner(v, i) for i, v in enumerate(value)]
    if kind is tuple:
        return {"$tuple": [inner(v, i) for i, v in enumerate(value)]}
    if kind is dict:
        pairs = [[inner(k, k), inner(v, k)] for k, v in value.items()]
        plain = all(type(k) is str and not k.startswith("$") for k in value)
        return dict(pairs) if plain else {"$dict": pairs}
    return _encode_by_class(value, where, user_ok, budget, depth)


def _encode_by_class(value: Any, where: str, user_ok: bool, budget: _Budget, depth: int) -> Any:
    if isinstance(value, BaseEstimator):
        return {"$part": _part_to_dict(value, where, user_ok, budget, depth + 1)}
    if modules.is_module(value) and user_ok:
        return modules.described(value)
    raise ModelFolderError(f"{where} cannot be stored: it must be {_STORABLE}, found {shown(value)}.")


class _Reader:
    def __init__(self, users: dict[str, type[BaseEstimator]], allowed: tuple[str, ...], known: modules.Known) -> None:
        self.users, self.allowed, self.modules, self.budget = users, allowed, known, _Budget()

    def part(self, stored: object, depth: int) -> BaseEstimator:
        self.budget.take("config.json", depth, DamagedModelError)
        if not isinstance(stored, dict) or set(stored) != _KEYS or not isinstance(stored["params"], dict):
            raise DamagedModelError(
                f"config.json: a part must be an object with folder, file, class and params, found {shown(stored)}."
            )
        cls = self.find(stored["folder"], stored["file"], stored["class"])
        # scikit-learn keeps this name private, but every estimator library builds on it.
        known = cls._get_param_names()
        for name in stored["params"]:
            if name not in known:
                raise DamagedModelError(
                    f"config.json: {cls.__name__} has no setting {shown(name)}; it has {', '.join(known)}."
                )
        params = {k: self.value(v, f"{cls.__name__}.{k}", depth + 1) for k, v in stored["params"].items()}
        try:
            return cls(**params)
        except (TypeError, ValueError) as e:
            raise DamagedModelError(f"config.json: {cls.__name__} refuses its settings: {shown(str(e), 300)}") from e

    def find(self, folder: object, file: object, name: object) -> type[BaseEstimator]:
        if not isinstance(name, str) or not _CLASS.fullmatch(name):
            raise UnknownPartError(f"config.json: class must be a plain class name, found {shown(name)}.")
        if folder == "user" and file is None:
            if name not in self.users:
                raise UnknownPartError(
                    f"config.json: the model was saved with a part of somebody's own, {name}. "
                    f"Pass its class: parts=[{name}]."
                )
            return self.users[name]
        if not isinstance(folder, str) or folder not in self.allowed or folder not in PART_FOLDERS:
            raise UnknownPartError(
                f"config.json: folder must be one of {', '.join(map(repr, self.allowed))}, found {shown(folder)}."
            )
        known = members(folder)
        if not isinstance(file, str) or file not in known or name != _camel(file):
            raise UnknownPartError(
                f"config.json: punar {punar.__version__} has no class {name} in file {shown(file)} of "
                f"{folder}; it has {', '.join(map(repr, known)) or 'none'}.{suggest(file, known)}"
            )
        try:
            cls = member(folder, file)
        except ParameterError as e:
            raise UnknownPartError(f"config.json: {e}") from e
        if not issubclass(cls, BaseEstimator):
            raise UnknownPartError(f"config.json: {folder}/{file}.py holds no part, found {shown(cls)}.")
        return cls

    def value(self, stored: object, where: str, depth: int) -> Any:
        self.budget.take(f"config.json: {where}", depth, DamagedModelError)
        if isinstance(stored, list):
            return [self.value(v, where, depth + 1) for v in stored]
        if not isinstance(stored, dict):
            return stored
        tags = [k for k in stored if isinstance(k, str) and k.startswith("$")]
        if not tags:
            return {k: self.value(v, where, depth + 1) for k, v in stored.items()}
        content = stored[tags[0]]
        if len(stored) == 1:
            match tags[0], content:
                case ("$part" | modules.TAG) as tag, _:
                    return self.by_class(tag, content, depth)
                case "$float", str() if content in _SPECIAL:
                    return _SPECIAL[content]
                case "$path", str():
                    return Path(content)
                case "$tuple", list():
                    return tuple(self.value(v, where, depth + 1) for v in content)
                case "$dict", list() if all(isinstance(p, list) and len(p) == 2 for p in content):
                    return self.pairs(content, where, depth + 1)
        raise DamagedModelError(f"config.json: {where} holds a form that is not known here, found {shown(stored)}.")

    def by_class(self, tag: str, content: object, depth: int) -> Any:
        return self.part(content, depth + 1) if tag == "$part" else self.modules.rebuilt(content)

    def pairs(self, content: list[list[object]], where: str, depth: int) -> dict[Any, Any]:
        try:
            return {self.value(k, where, depth): self.value(v, where, depth) for k, v in content}
        except TypeError as e:
            raise DamagedModelError(f"config.json: {where} has a key that cannot be one: {e}.") from e


def _reader(parts: Iterable[object], allowed: Sequence[str]) -> _Reader:
    if isinstance(parts, (str, BaseEstimator, type)):
        raise ParameterTypeError(f"parts must be a list of part classes, got {shown(parts)}.")
    own = tuple(parts)
    users = _by_name([part for part in own if not modules.is_own(part)])
    return _Reader(users, tuple(allowed), modules.Known(own))


def _by_name(parts: Iterable[object]) -> dict[str, type[BaseEstimator]]:
    found: dict[str, type[BaseEstimator]] = {}
    for part in parts:
        cls = part if isinstance(part, type) else type(part)
        if not issubclass(cls, BaseEstimator):
            raise ParameterTypeError(
                f"parts must hold classes made for punar (scikit-learn's BaseEstimator), got {shown(part)}."
            )
        if found.setdefault(cls.__name__, cls) is not cls:
            raise ParameterError(f"parts must hold one class of each name, got two called {cls.__name__!r}.")
    return found
