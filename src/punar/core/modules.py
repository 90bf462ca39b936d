"""A person's own torch modules among the settings of an estimator: told apart, written by name, and found again.

A module is stored as the name of its class; its weights are stored with the model's. To load, a person passes the
class, or a module like the one that was fitted: ``punar.load(folder, parts=[Net])``, or ``parts=[Net(width=64)]`` where
the class needs settings. Nothing is imported or run because a file names it.
"""

from __future__ import annotations

import copy
import hashlib
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from punar.errors import UnknownPartError, shown

TAG = "$module"


def is_module(value: object) -> bool:
    """Return whether a value is a torch module; torch is not imported to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def is_own(part: object) -> bool:
    """Return whether a part is a torch module or a class of such."""
    torch = sys.modules.get("torch")
    return is_module(part) or (torch is not None and isinstance(part, type) and issubclass(part, torch.nn.Module))


def described(module: Any) -> dict[str, Any]:
    """Return a module as JSON values: its class, and a hash of its weights, by which a checkpoint knows its job."""
    import torch

    digest = hashlib.blake2b(digest_size=16)
    for name, value in sorted(module.state_dict().items()):
        flat = value.detach().cpu().contiguous()
        digest.update(f"{name}{tuple(flat.shape)}{flat.dtype}".encode())
        digest.update(flat.reshape(-1).view(torch.uint8).numpy().data if flat.numel() else b"")
    return {TAG: {"class": type(module).__name__, "weights": digest.hexdigest()}}


class Known:
    """The modules, and classes of modules, among a person's parts, by the name of the class.

    Of several modules of one class each is taken once, in the order in which they were given: an encoder and a decoder
    are often both a ``Sequential``.
    """

    def __init__(self, parts: Iterable[object]) -> None:
        self._parts: dict[str, list[Any]] = {}
        for part in filter(is_own, parts):
            name = part.__name__ if isinstance(part, type) else type(part).__name__
            self._parts.setdefault(name, []).append(part)

    def rebuilt(self, stored: object) -> Any:
        """Return a module like the stored one, with whatever weights it is made with.

        Raises
        ------
        UnknownPartError
            Its class is not among the parts, or cannot be made without settings.
        """
        name = stored.get("class") if isinstance(stored, Mapping) else None
        known = self._parts.get(name, []) if isinstance(name, str) else []
        if not known:
            raise UnknownPartError(
                f"config.json: the model was saved with a torch module of somebody's own, {shown(name)}. Pass its "
                f"class, or a module like it: parts=[{name}]."
            )
        given = known.pop(0) if len(known) > 1 else known[0]
        if not isinstance(given, type):
            return copy.deepcopy(given)
        try:
            return given()
        except Exception as error:  # a person's own class may raise anything
            raise UnknownPartError(
                f"config.json: the module's class {name} cannot be made without settings ({type(error).__name__}: "
                f"{error}). Pass a module like the one that was fitted: parts=[{name}(...)]."
            ) from error
