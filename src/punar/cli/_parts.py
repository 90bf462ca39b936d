"""Parts of a user's own: the Python files that are named with ``--parts``, and what they hold.

A file is imported because it stands on the command line; nothing is imported because a model folder or data says so.
"""

from __future__ import annotations

import inspect
import re
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from punar.core.words import snake
from punar.errors import ParameterError, UnknownPartError, shown
from punar.texts import cli as texts


@dataclass(frozen=True)
class Parts:
    """What the files hold.

    Attributes
    ----------
    classes : tuple of type
    files : tuple of Path
        As they were named.
    """

    classes: tuple[type, ...] = ()
    files: tuple[Path, ...] = ()

    def own(self, folder: str, name: object) -> type | None:
        """Return the class of this kind that ``name`` stands for, in either spelling; None where there is none."""
        kind = _contracts()[folder]
        return next((c for c in self.classes if issubclass(c, kind) and name in (c.__name__, snake(c.__name__))), None)

    def cls(self, folder: str, name: str) -> type:
        """Return the class that ``name`` stands for, of one's own or of punar.

        Raises
        ------
        ParameterError
            There is no such part; the message lists what there is.
        """
        from punar.core.plugins import member

        kind = _contracts()[folder]
        further = [snake(c.__name__) for c in self.classes if issubclass(c, kind)]
        return self.own(folder, name) or member(folder, name, further=further)

    def part(self, folder: str, name: str | None) -> Any:
        """Return what an estimator takes for ``name``: an object of a class of one's own, else the name as it is."""
        own = self.own(folder, name)
        return name if own is None else _made(own)

    def backbone(self, name: str, weights: Any) -> Any:
        """Return a backbone of one's own, named as its class or as ``class:network``; None where there is none."""
        source, _, rest = name.partition(":")
        own = self.own("backbones", source)
        return None if own is None else _made(own, rest or name, weights=weights)

    def load(self, folder: str | Path) -> Any:
        """Return a saved model; see :func:`punar.load`."""
        import punar

        try:
            return punar.load(folder, parts=self.classes)
        except UnknownPartError as error:
            raise UnknownPartError(texts.PARTS_NEEDED.format(error=error)) from None

    def words(self) -> list[str]:
        """Return the options that name the files again."""
        return [word for file in self.files for word in ("--parts", str(file))]


def load_parts(files: Sequence[Path] | None) -> Parts:
    """Import the files that a person named.

    Parameters
    ----------
    files : sequence of Path or None

    Raises
    ------
    ParameterError
        A file is missing, is no Python file, raises while it is imported, or holds no part; or two parts have one name.
    """
    found: dict[str, type] = {}
    for number, file in enumerate(files or ()):
        for cls in _classes_of(_imported(file, number), file):
            if cls.__name__ in found:
                raise ParameterError(
                    f"--parts {file}: a part called {cls.__name__} is in another file too. Rename one."
                )
            found[cls.__name__] = cls
    return Parts(tuple(found.values()), tuple(files or ()))


def _imported(file: Path, number: int) -> ModuleType:
    if not file.is_file():
        raise ParameterError(f"--parts {file}: there is no such file. Name a Python file with your own parts.")
    if file.suffix != ".py":
        raise ParameterError(f"--parts {file}: a Python file is needed, whose name ends in .py.")
    spec = spec_from_file_location(f"parts_{number}_{re.sub('[^0-9A-Za-z_]', '_', file.stem)}", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    # whatever a user's file raises is about the file
    except Exception as error:
        del sys.modules[spec.name]
        line = _line_of(error, file)
        message = " ".join(str(error).split())
        raise ParameterError(f"--parts {file}, line {line}: {type(error).__name__}: {message}") from error
    return module


def _line_of(error: Exception, file: Path) -> int | str:
    """Return the last line of the file that was run, or that cannot be read."""
    here = str(file.absolute())
    if isinstance(error, SyntaxError) and error.filename is not None and Path(error.filename).absolute() == Path(here):
        return error.lineno or 1
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if str(Path(f.filename).absolute()) == here]
    return lines[-1] if lines and lines[-1] is not None else "?"


def _classes_of(module: ModuleType, file: Path) -> list[type]:
    from torch import nn

    kinds = (*_contracts().values(), nn.Module)  # a saved model may hold a module of somebody's own
    own = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    found = [c for c in dict.fromkeys(own) if issubclass(c, kinds) and not inspect.isabstract(c)]
    if not found:
        names = ", ".join(kind.__name__ for kind in kinds[:-1])
        raise ParameterError(
            f"--parts {file}: no part in it. It must define a class that derives from one of punar.extend's "
            f"{names}, or from torch.nn.Module, and leaves none of its abstract methods out."
        )
    return found


def _contracts() -> dict[str, type]:
    from punar.backbones import Backbone
    from punar.cells import Cell
    from punar.networks import Network
    from punar.objectives import Objective
    from punar.preparations import Preparation
    from punar.sources import Source
    from punar.tasks import Task

    return {
        "tasks": Task,
        "preparations": Preparation,
        "sources": Source,
        "backbones": Backbone,
        "cells": Cell,
        "objectives": Objective,
        "networks": Network,
    }


def _made(cls: type, *values: Any, **settings: Any) -> Any:
    try:
        return cls(*values, **settings)
    except TypeError as error:
        given = ", ".join([*map(shown, values), *settings]) or "no setting"
        raise ParameterError(
            f"--parts: {cls.__name__} cannot be made with {given} ({error}). Give it defaults."
        ) from None
