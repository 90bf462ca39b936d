"""Strings are shorthand for parts: turn what the user passed into part objects."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from sklearn.base import clone
from torch import nn

from punar.core import plugins
from punar.core.params import check_params, integer
from punar.core.params import random_state as rule_of_state
from punar.core.runtime import draw_seed
from punar.errors import NotSupportedError, ParameterError, ParameterTypeError, shown
from punar.networks import Network, OwnModules
from punar.objectives import Objective

_CELL = "lstm"  # of a recurrent network that names none


def part(owner: object, name: str, folder: str, kind: type) -> Any:
    """Return the part that ``owner.<name>`` stands for: a clone of an object, or the default of a named one.

    Parameters
    ----------
    owner : object
        An estimator.
    name : str
        The parameter's name.
    folder : str
        The part folder whose listing has the names.
    kind : type
        The part's contract.

    Raises
    ------
    ParameterError
        The name is not in the folder.
    ParameterTypeError
        The object is not such a part, or is a class instead of an object.
    """
    value = getattr(owner, name)
    where = f"{type(owner).__name__}: {name}"
    if folder == "networks" and isinstance(value, (str, Network)):
        return _network(value)
    if folder == "networks" and isinstance(value, (nn.Module, tuple, list)):
        return clone(OwnModules(value))
    if isinstance(value, str):
        return plugins.member(folder, value)()
    if isinstance(value, type) and issubclass(value, (kind, nn.Module)):
        raise ParameterTypeError(f"{where} must be an object, got the class {value.__name__}; pass {value.__name__}().")
    if not isinstance(value, kind):
        raise ParameterTypeError(
            f"{where} must be a name ({', '.join(map(repr, plugins.members(folder)))}) or a {kind.__name__} object, "
            f"got {shown(value)}."
        )
    return clone(value)


def _network(value: str | Network) -> Network:
    """Return a network that has its parts: a cell's name stands for a recurrent network of that cell."""
    cells = plugins.members("cells")
    if isinstance(value, Network):
        network = clone(value)
    elif value in cells:
        network = plugins.member("networks", "recurrent")(value)
    else:
        network = plugins.member("networks", value, further=cells)()
    if network.sequences_only and hasattr(network, "cell") and (network.cell is None or isinstance(network.cell, str)):
        network.cell = plugins.member("cells", network.cell or _CELL)()
    return network


def refuse_nested(owner: object, params: dict[str, object], parts: dict[str, str]) -> None:
    """Raise a kind error where a nested parameter is set on a part that is still a string.

    Parameters
    ----------
    owner : object
    params : dict
        What ``set_params`` was called with.
    parts : dict of str to str
        Parameter name to folder.
    """
    for key in params:
        name, inner, rest = key.partition("__")
        value = params.get(name, getattr(owner, name, None))
        if inner and name in parts and isinstance(value, str):
            file, given = value, ""
            if parts[name] == "networks" and value in plugins.members("cells"):
                file, given = "recurrent", f"cell={value!r}, "
            cls = plugins.member(parts[name], file)
            raise ParameterTypeError(
                f"{type(owner).__name__}: {key} cannot be set because {name}={value!r} is a name. Pass the part as an "
                f"object: {name}=punar.{parts[name]}.{file}.{cls.__name__}({given}{rest}=...)."
            )


class needs_objective_with:
    """A method that exists only where the estimator's objective has ``name``, and else says which objective has it.

    ``sklearn.utils.metaestimators.available_if`` would hide the reason behind a second exception.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, method: Callable[..., Any]) -> Any:
        """Return the method as a descriptor."""
        name = self._name

        class Descriptor:
            __doc__ = method.__doc__

            def __get__(self, estimator: Any, owner: type | None = None) -> Any:
                if estimator is None:
                    return method
                fitted = getattr(estimator, "objective_", None)
                try:
                    objective = fitted or part(estimator, "objective", "objectives", Objective)
                except ParameterError as error:  # hasattr() must answer, not raise
                    raise NotSupportedError(str(error)) from None
                if hasattr(objective, name):
                    return method.__get__(estimator, owner)
                raise NotSupportedError(
                    f"{type(estimator).__name__}.{method.__name__} needs an objective that can: "
                    f"objective={type(objective).__name__} has no {name}; objective='variational' has."
                )

        return Descriptor()


def sampler(
    owner: object, method: str, n_samples: object, random_state: object, device: torch.device
) -> torch.Generator:
    """Return a generator for a method that draws, where ``n_samples`` and ``random_state`` keep their rules."""
    given = SimpleNamespace(n_samples=n_samples, random_state=random_state)
    check_params(given, {"n_samples": integer(1), "random_state": rule_of_state()}, f"{type(owner).__name__}.{method}")
    return torch.Generator(device=device).manual_seed(draw_seed(given.random_state))


def class_of(value: object, folder: str) -> type | None:
    """Return the class of a part that is named or passed; None where it is no such part, which ``fit`` refuses."""
    if isinstance(value, str):
        return plugins.member(folder, value) if value in plugins.members(folder) else None
    return None if isinstance(value, type) else type(value)
