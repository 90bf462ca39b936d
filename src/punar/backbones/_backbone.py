"""The contract of a backbone source: a pretrained network without its head.

A backbone is a recipe: a name, where its weights come from, and the source's own options; cheap to clone, never
weights. To add a source, add one file here whose class is the file's name in CamelCase.

Life of a backbone::

    about  = backbone.describe()            what the name means, as JSON: input facts, licence; no weights
    module = backbone.build(about)          the source library's module, random weights, no classifier
    used   = backbone.fill(module, about)   pretrained weights into it; says which
    plan   = backbone.plan(module, about)   stages, width, preparation, views: how a batch becomes features

The library's own model with its head or decoder is another build of the same recipe: ``about = backbone.native(about)``
in between, and the rest as before. A model folder stores recipe, ``about`` and tensors, so that ``build`` works there
without hub, files or network.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from punar.backbones._view import View
from punar.errors import NotSupportedError, shown
from punar.preparations import Preparation

Forward = Callable[[nn.Module, Mapping[str, Tensor]], Tensor]
# What weights exchanged with each other change; a prime count, so that rows of a matrix do not fall on the same one.
_FACTORS = np.arange(1, 510)
_WHOLE = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True)
class Stage:
    """A part of the network that is frozen or trained as one, in the order of execution.

    Attributes
    ----------
    name : str
        As the source library's users know it: ``layer3``, ``block5``, ``encoder.layer.11``.
    modules : tuple of str
        Dotted names of its modules, in order of execution, none inside another. The output of the last one is the
        stage's output. Parameters that belong to no stage count as the first one's.
    """

    name: str
    modules: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """How a built module is used.

    Attributes
    ----------
    stages : tuple of Stage
    width : int
        Features per item after pooling.
    preparation : Preparation
        Input facts.
    forward : callable
        ``forward(module, batch)`` -> pooled features, (n, width).
    pool : callable
        ``pool(output, batch)`` -> (n, c): a stage's raw output (a map, tokens) averaged to one vector per item.
    export : tuple of str
        Names of the batch's tensors that ``forward`` reads, in order, for exporting; empty where it cannot be.
    learning_rate : float or None
        Peak for fine-tuning, where it is another than the domain's.
    batch_size : int or None
        Items of a frozen pass, where it is another than the domain's.
    views : tuple of View
        What the network can show beside the pooled vector of ``forward``.
    head : tuple of str
        Of a native build: dotted names of the modules that lie above all stages, its head or decoder. A tensor that
        they share with a stage, such as an embedding, is the stage's.
    """

    stages: tuple[Stage, ...]
    width: int
    preparation: Preparation
    forward: Forward
    pool: Callable[[Tensor, Mapping[str, Tensor]], Tensor]
    export: tuple[str, ...] = ("pixels",)
    learning_rate: float | None = None
    batch_size: int | None = None
    views: tuple[View, ...] = ()
    head: tuple[str, ...] = ()

    @property
    def forms(self) -> tuple[str, ...]:
        """What the network can show: names for :meth:`view`."""
        return ("vector", *(view.form for view in self.views))

    def view(self, form: str) -> View:
        """Return what the network shows in this form.

        Raises
        ------
        NotSupportedError
            It shows no such thing; the message lists what it shows.
        """
        if form == "vector":
            return View("vector", (self.width,), self.forward)
        for view in self.views:
            if view.form == form:
                return view
        raise NotSupportedError(
            f"this backbone cannot show {form}: it shows {', '.join(self.forms)}. Take another backbone or task."
        )


class Backbone(BaseEstimator, ABC):
    """A pretrained network of one source.

    Parameters
    ----------
    name : str
        As the source knows it.
    weights : "default", None or path
        The published weights, random ones, or a file or folder of one's own (tensors only).
    options : dict or None
        The source's own options for building, such as ``{"pad_type": "same"}``.

    Attributes
    ----------
    domain : {"vision", "text", "audio", "series"}
        What it reads; for sources of several, set by what ``describe`` finds.
    """

    domain: ClassVar[str] = "vision"

    def __init__(self, name: str, weights: Any = "default", options: dict[str, Any] | None = None) -> None:
        self.name = name
        self.weights = weights
        self.options = options

    @classmethod
    @abstractmethod
    def has(cls, name: str) -> bool:
        """Return whether the source knows ``name``, without building or fetching anything; False if not installed."""

    @classmethod
    @abstractmethod
    def names(cls) -> list[str]:
        """Return the names that the source knows (installed ones only), sorted; may be empty for open sets."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return what ``build`` and ``plan`` need, as JSON values: at least ``licence``, ``made_by`` and ``input``.

        Raises
        ------
        ParameterError
            Unknown name or option; the message suggests the likely spelling.
        MissingExtraError
            The source's package is not installed.
        BackboneError
            A file or folder that is named cannot be used.
        """

    def native(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``about`` of the library's own model with its head or decoder, for ``build``, ``fill`` and ``plan``.

        Parameters
        ----------
        about : mapping
            From :meth:`describe`. Sources that keep heads say under ``native`` what there is: ``{"class": name}``, or
            None.

        Returns
        -------
        dict
            JSON values. ``form`` is "native"; the plan that follows from it has a view of that form, stages of the
            encoder, and the names of what lies above them as :attr:`Plan.head`.

        Raises
        ------
        NotSupportedError
            Nothing but the network without its head is known.
        """
        raise NotSupportedError(
            f"{type(self).__name__}: {shown(about.get('name', self.name))} has no head or decoder that is kept. Take "
            "one of T5, Whisper or Marian, a checkpoint whose config.json names a class with a head, or a detector of "
            "torchvision."
        )

    @abstractmethod
    def build(self, about: Mapping[str, Any]) -> nn.Module:
        """Return the module with random weights and without its classifier; works on torch's meta device."""

    @abstractmethod
    def fill(self, module: nn.Module, about: Mapping[str, Any]) -> str:
        """Put the weights that ``self.weights`` names into ``module`` and return where they came from.

        Raises
        ------
        WeightsNotFoundError
            They are not on this machine and cannot be fetched; says both ways to bring them.
        DamagedModelError
            The file is not such weights.
        """

    @abstractmethod
    def plan(self, module: nn.Module, about: Mapping[str, Any]) -> Plan:
        """Return stages, width, preparation and calls for a module that ``build`` made."""


def mean_of_map(output: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """Pool a picture network's stage: (n, c, h, w) and (n, t, c) by their mean, (n, c) as it is."""
    if output.dim() == 4:
        return output.mean((2, 3))
    return output.mean(1) if output.dim() == 3 else output


def mean_of_tokens(output: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """Pool (n, t, c) by the mean over tokens that the attention mask keeps."""
    mask = batch.get("attention_mask")
    if mask is None or mask.shape[1] != output.shape[1]:
        return output.mean(1)
    kept = mask.to(output.dtype).unsqueeze(2)
    return (output * kept).sum(1) / kept.sum(1).clamp(min=1.0)


def weight_hash(module: nn.Module) -> str:
    """Return a hash of names, shapes and bytes of every parameter and buffer."""
    digest = hashlib.blake2b(digest_size=16)
    for name, value in sorted(module.state_dict().items()):
        flat = value.detach().cpu().contiguous()
        digest.update(f"{name}{tuple(flat.shape)}{flat.dtype}".encode())
        if flat.numel():
            digest.update(flat.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def weight_state(module: nn.Module) -> tuple[Any, ...]:
    """Return what differs once a weight has changed, at the speed of memory: the hash itself takes ten times as long.

    For each parameter and buffer its name, place, type and torch's count of changes, which fused optimisers and
    ``.data`` do not raise, and therefore a sum of its bits as well.
    """
    named = sorted(module.state_dict(keep_vars=True).items())
    facts = [(name, v.data_ptr(), tuple(v.shape), v.dtype, 0 if v.is_inference() else v._version) for name, v in named]
    return (*facts, *_sums([value.detach() for _, value in named]))


def _sums(values: list[Tensor]) -> list[int]:
    """Return a weighted sum of each tensor's bits, in whole numbers that overflow: they are exact in any order."""
    found: list[int | None] = []
    away = []
    for value in values:
        # Channels-last weights lie in memory in this order: nothing is copied.
        dense = value if value.is_contiguous() or value.dim() != 4 else value.permute(0, 2, 3, 1)
        flat = dense.contiguous().reshape(-1).view(_WHOLE[value.element_size()])
        if value.device.type == "cpu":
            found.append(_sum(flat.numpy()))
        else:
            found.append(None)
            away.append(flat.sum(dtype=torch.int64))
    summed = iter(torch.stack(away).tolist() if away else ())
    return [next(summed) if value is None else value for value in found]


def _sum(numbers: np.ndarray) -> int:
    count = numbers.nbytes // 8
    words = numbers[: count * 8 // numbers.itemsize].view(np.int64)
    rest = int(numbers[count * 8 // numbers.itemsize :].sum())
    rows = count // len(_FACTORS)
    table = words[: rows * len(_FACTORS)].reshape(rows, -1).sum(0) if rows else 0
    last = words[rows * len(_FACTORS) :]
    return int((_FACTORS * table).sum()) + int((_FACTORS[: len(last)] * last).sum()) + rest
