"""What a fitted autoencoder is, apart from how it was fitted: rows to codes to rows, and its stored form."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from punar.core import plugins
from punar.core.runtime import choose_threads, count_work, mix, seeded, threads
from punar.data.inputs import KINDS, Layout
from punar.data.rows import DatasetRows, TensorRows
from punar.data.scaling import Scaler
from punar.errors import DamagedModelError, DataError, ModelFolderError, shown
from punar.models.codec.rows import PaddedRows
from punar.networks import AutoencoderModule, Centre, Network, ThenCentre
from punar.objectives import Objective
from punar.stored import _model_folder as model_folder

BLOCK = 4096  # rows per forward pass outside training
_STEPS = 2**18  # of sequences, in the same
_BUILD = 200  # stream of the seed
_MOST_NUMBERS = 2**28  # per row, in a stored model


@dataclass
class Codec:
    """Encoder, decoder and input scaling, joined.

    Parameters
    ----------
    network, objective : Network, Objective
        The parts, as recipes.
    latent_dim : int
    layout : Layout
        Of the user's rows.
    scaler : Scaler
    binary : bool
        The training data were all 0 and 1.
    float32 : bool
        Answers in the input's units are float32, else float64: as the training data were.
    """

    network: Network
    objective: Objective
    latent_dim: int
    layout: Layout
    scaler: Scaler
    binary: bool
    float32: bool
    module: AutoencoderModule = field(init=False, repr=False)
    _work: int | None = field(default=None, init=False, repr=False)  # multiply-adds per row

    def build(self, seed: int | None = None) -> AutoencoderModule:
        """Return an untrained module, the same for the same seed; ``None`` takes torch's stream as it is."""
        if seed is not None:
            with seeded(mix(seed, _BUILD)):
                return self.build()
        shape = self.layout.shape
        encoder = self.network.build_encoder(shape, self.objective.code_width(self.latent_dim))
        decoder = self.network.build_decoder(self.latent_dim, shape)
        if self.objective.needs_unit_range(self.binary):
            # Rows in [0, 1] are not centred by scaling: without this the first layer's problem is ill-conditioned,
            # and the first steps only learn the mean.
            mean = self.scaler(self.scaler.mean[None])[0]
            mean, then = (mean.mean(0), ThenCentre) if self.sequences else (mean, nn.Sequential)
            encoder = nn.Sequential(Centre(mean), encoder)
            decoder = then(decoder, Centre(-torch.logit(mean.clamp(0.01, 0.99))))
        return AutoencoderModule(encoder, decoder, self.objective.build(self.latent_dim, shape, binary=self.binary))

    @property
    def sequences(self) -> bool:
        """Whether rows are sequences, with NaN for what there is not."""
        return self.layout.kind == "sequences"

    def block(self, steps: int | None = None) -> int:
        """Return the rows per forward pass, for sequences of so many steps; by default of the longest."""
        if not self.sequences:
            return BLOCK
        return max(1, min(BLOCK // 4, _STEPS // (steps or self.layout.shape[0])))

    @property
    def device(self) -> torch.device:
        """Where the module is."""
        return next(self.module.parameters()).device

    def in_threads(self, rows: int) -> AbstractContextManager[None]:
        """Return a context with the thread count that suits forward passes over this many rows."""
        if self.device.type != "cpu":
            return threads(torch.get_num_threads())
        return threads(choose_threads(rows * self.work_per_row() // self.meetings))

    @property
    def meetings(self) -> int:
        """How often threads would wait for each other in a pass: a recurrent layer's at every step.

        Where other programs want the cores, each time costs a turn of the scheduler: there two threads took from twice
        to hundreds of times as long as one.
        """
        return self.layout.shape[0] if self.sequences else 1

    def work_per_row(self) -> int:
        """Return the multiply-adds of one row's reconstruction."""
        if self._work is None:
            row = torch.zeros(1, *self.layout.shape, device=self.device)
            self._work = count_work(self.module, lambda: self.reconstruct(row))
        return self._work

    def scaled(self, rows: Tensor | DatasetRows, device: torch.device) -> TensorRows | DatasetRows:
        """Return rows that a loop can index, scaled, on ``device``."""
        if isinstance(rows, Tensor):
            scaled = self.scaler(rows).to(device)
            return PaddedRows(scaled) if self.sequences else TensorRows(scaled)
        return DatasetRows(rows.dataset, self.scaler, device)

    def each(
        self, rows: Tensor | DatasetRows, step: Callable[[Tensor], Any], where: str, repeats: int = 1
    ) -> list[Any]:
        """Return ``step`` of each scaled block, in the threads that suit ``repeats`` passes over all of them.

        Raises
        ------
        DataError
            Scaled values are not finite in float32: the rows lie too far from the training rows.
        """
        scaled = self.scaled(rows, self.device)
        place = self.device if isinstance(scaled, TensorRows) else torch.device("cpu")
        found = []
        size = self.block(rows.shape[1]) if isinstance(rows, Tensor) else BLOCK
        with self.in_threads(len(scaled) * repeats):
            for start in range(0, len(scaled), size):
                block = scaled.take(torch.arange(start, min(start + size, len(scaled)), device=place))
                sound = ~torch.isinf(block) if self.sequences else torch.isfinite(block)
                if not bool(sound.all()):
                    bad = int((~sound.flatten(1).all(1)).nonzero()[0, 0]) + start
                    raise DataError(
                        f"{where}: row {bad} has values so far from the training rows that they overflow float32. "
                        "Check their units."
                    )
                found.append(step(block))
        return found

    @torch.no_grad()
    def encode(self, rows: Tensor, module: AutoencoderModule | None = None) -> Tensor:
        """Return the codes of scaled rows."""
        net = module or self.module
        return torch.cat([self.objective.encode(net, b) for b in rows.split(self.block(rows.shape[1]))])

    @torch.no_grad()
    def decode(self, codes: Tensor, module: AutoencoderModule | None = None) -> Tensor:
        """Return the scaled rows that codes stand for."""
        net = module or self.module
        return torch.cat([self.objective.decode(net, b) for b in codes.split(self.block())])

    def reconstruct(self, rows: Tensor, module: AutoencoderModule | None = None) -> Tensor:
        """Return scaled rows, encoded and decoded; sequences have as many steps as ``rows``."""
        found = self.decode(self.encode(rows, module), module)
        return found[:, : rows.shape[1]] if self.sequences else found

    def squares(self, rows: Tensor) -> Tensor:
        """Return squared differences of scaled rows in the input's units, (n, numbers per row); NaN where there is
        nothing to compare with.
        """
        difference = self.reconstruct(rows).double() - rows.double()
        return (difference * self.scaler.to(rows.device).scale).square().flatten(1)

    def deviations(self, rows: Tensor) -> Tensor:
        """Return squared differences of scaled rows from the training mean, in the input's units."""
        scaler = self.scaler.to(rows.device)
        mean = scaler.mean[: rows.shape[1]] if self.sequences else scaler.mean
        return (scaler.inverse(rows) - mean).square().flatten(1)

    def mean(self, squares: Tensor) -> Tensor:
        """Return each row's mean over what there is."""
        return squares.nanmean(1) if self.sequences else squares.mean(1)

    def sum(self, squares: Tensor) -> float:
        """Return the sum over what there is."""
        return float(squares.nansum() if self.sequences else squares.sum())

    def to_user(self, rows: Tensor) -> np.ndarray:
        """Return scaled rows in the input's units and shape."""
        out = self.scaler.to(rows.device).inverse(rows)
        return self.layout.to_user(out.to(torch.float32) if self.float32 else out)

    # -- the stored form --------------------------------------------------------------------------------------

    def facts(self) -> dict[str, Any]:
        """Return everything but the numbers, JSON-able."""
        return {
            "network": plugins.to_dict(self.network),
            "objective": plugins.to_dict(self.objective),
            "latent_dim": self.latent_dim,
            "input": {
                "kind": self.layout.kind,
                "shape": list(self.layout.shape),
                "user_shape": list(self.layout.user_shape),
                "float32": self.float32,
                "binary": self.binary,
                "scaling": self.scaler.mode,
            },
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return the numbers: the module's state, and the scaler's."""
        module = {f"module.{k}": v for k, v in self.module.state_dict().items()}
        return module | scaler_tensors(self.scaler)

    @classmethod
    def from_stored(
        cls, facts: dict[str, Any], tensors: dict[str, Tensor], where: str, parts: tuple[type, ...] = ()
    ) -> Codec:
        """Return the codec that :meth:`facts` and :meth:`tensors` wrote, trusting neither.

        Raises
        ------
        DamagedModelError
            Facts and tensors do not describe one model.
        UnknownPartError
            A part is not here.
        """
        with as_damage(where):
            given = facts["input"]
            layout = _layout(given, where)
            latent_dim = facts["latent_dim"]
            if type(latent_dim) is not int or not 1 <= latent_dim <= _MOST_NUMBERS:
                raise DamagedModelError(f"{where}: latent_dim must be an integer >= 1, found {shown(latent_dim)}.")
            network = plugins.from_dict(facts["network"], parts=parts, allowed=("networks", "cells"))
            objective = plugins.from_dict(facts["objective"], parts=parts, allowed=("objectives",))
            if not isinstance(network, Network) or not isinstance(objective, Objective):
                raise DamagedModelError(f"{where}: network and objective must be such parts.")
            if network.sequences_only != (layout.kind == "sequences"):
                raise DamagedModelError(
                    f"{where}: {type(network).__name__} does not take rows of kind {layout.kind!r}."
                )
            network.check(layout.shape)
            objective.check()
            scaler = _scaler(tensors, str(given["scaling"]), layout.shape, where)
            codec = cls(network, objective, latent_dim, layout, scaler, bool(given["binary"]), bool(given["float32"]))
        state = {k.removeprefix("module."): v for k, v in tensors.items() if k.startswith("module.")}
        module = model_folder.load_weights(codec.build, state, where)
        assert isinstance(module, AutoencoderModule)
        codec.module = module.eval()
        return codec


def scaler_tensors(scaler: Scaler) -> dict[str, Tensor]:
    """Return the scaler's tensors by the names they have in files."""
    named = {"scaler.shift": scaler.shift, "scaler.scale": scaler.scale, "scaler.mean": scaler.mean}
    return {name: value.detach().cpu().clone() for name, value in named.items()}  # files take no shared memory


def stored_scaler(tensors: dict[str, Tensor], mode: str) -> Scaler:
    """Return the scaler that :func:`scaler_tensors` wrote."""
    return Scaler(tensors["scaler.shift"], tensors["scaler.scale"], tensors["scaler.mean"], mode)


def _scaler(tensors: dict[str, Tensor], mode: str, shape: tuple[int, ...], where: str) -> Scaler:
    found = {name: tensors[f"scaler.{name}"] for name in ("shift", "scale", "mean")}
    for name, value in found.items():
        sequences = len(shape) == 2
        own = shape[1:] if sequences and name != "mean" else shape  # per channel
        # A sequence's steps are known by nothing else in the file; what is built must not be larger than the file.
        allowed = {own} if sequences and name == "mean" else {(), own}
        if value.dtype != torch.float64 or tuple(value.shape) not in allowed:
            raise DamagedModelError(
                f"{where}: scaler.{name} must be float64 of shape {own} or (), found {value.dtype} "
                f"{tuple(value.shape)}."
            )
    if not bool((found["scale"] > 0).all()) or not all(bool(torch.isfinite(v).all()) for v in found.values()):
        raise DamagedModelError(f"{where}: the scaler must be finite with scale > 0.")
    return stored_scaler(tensors, mode)


def _layout(given: dict[str, Any], where: str) -> Layout:
    shape, user_shape = tuple(given["shape"]), tuple(given["user_shape"])
    sizes = [*shape, *user_shape]
    sound = given["kind"] in KINDS and sizes and all(type(s) is int and s >= 1 for s in sizes)
    expected = {"table": ((1, 1),), "images": ((3, 2), (3, 3)), "sequences": ((2, 2),)}
    if (
        not sound
        or (len(shape), len(user_shape)) not in expected[given["kind"]]
        or math.prod(shape) != math.prod(user_shape)
        or math.prod(shape) > _MOST_NUMBERS
    ):
        raise DamagedModelError(f"{where}: input must describe rows of one shape, found {shown(given, 200)}.")
    return Layout(given["kind"], shape, user_shape)


class as_damage:
    """Turn a missing key, a wrong type or value, or a broken rule in stored facts into DamagedModelError."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (KeyError, TypeError, AttributeError, ValueError, OverflowError)) and not isinstance(
            error, ModelFolderError
        ):
            words = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise DamagedModelError(
                f"{self._where}: config.json does not describe a model: {shown(words, 300)}."
            ) from None
