"""What a fitted autoencoder is, apart from how it was fitted: rows to codes to rows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from punar.core.draws import seeded
from punar.core.runtime import choose_threads, count_work, mix, threads
from punar.data import padded
from punar.data.inputs import Layout
from punar.data.rows import DatasetRows, TensorRows
from punar.data.scaling import Scaler
from punar.errors import DataError
from punar.models.codec.rows import PaddedRows
from punar.networks import AutoencoderModule, Centre, Network, ThenCentre
from punar.objectives import Objective
from punar.preparations import mixed
from punar.preparations.mixed import MixedTable
from punar.stored import module_tensors, scaler_tensors

BLOCK = 4096  # rows per forward pass outside training
_STEPS = 2**18  # of sequences, in the same
_BUILD = 200  # stream of the seed


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
    table : MixedTable, optional
        How the columns of a data frame become the rows' numbers, where they are not all numbers.
    """

    network: Network
    objective: Objective
    latent_dim: int
    layout: Layout
    scaler: Scaler
    binary: bool
    float32: bool
    table: MixedTable | None = None
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

    @property
    def groups(self) -> Tensor | None:
        """For each number of a row, which column of a mixed table it belongs to; None where every number is one."""
        if self.table is None:
            return None
        widths = torch.tensor([column.kind.width for column in self.table.columns if column.kind.width])
        return torch.repeat_interleave(torch.arange(len(widths)), widths)

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
            self._work = count_work(self.module, lambda net: self.reconstruct(row, net))
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

    def written(self, codes: Tensor, where: str) -> np.ndarray:
        """Return the rows that codes stand for, in the input's units and shape.

        Raises
        ------
        DataError
            Codes so far from those of the training rows that the decoder overflows.
        """
        with np.errstate(over="ignore"):
            found = self.to_user(self.decode(codes.to(self.device)))
        finite = np.isfinite(found).reshape(len(found), -1).all(axis=1)
        if not finite.all():
            bad = int(np.argmin(finite))
            raise DataError(
                f"{where}: {int((~finite).sum())} of {len(found)} codes give rows that overflow, first code {bad} with "
                f"numbers up to {float(codes[bad].abs().max()):g}. Pass codes near those that transform gives."
            )
        return found

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

    def as_given(self, X: Any, found: np.ndarray, where: str) -> Any:
        """Return what :meth:`to_user` gave in the form of ``X``: a list of sequences, or a table of mixed columns.

        Parameters
        ----------
        X : Any
            None where there is no such; a table of mixed columns is then one of pandas.
        found : ndarray
        where : str
        """
        if self.table is not None:
            return mixed.like(X, self.table.decode(found))
        return found if X is None or not self.sequences else padded.as_given(X, found, where)

    def tensors(self) -> dict[str, Tensor]:
        """Return the numbers by the names that they have in files: the module's state, and the scaler's."""
        return module_tensors(self.module) | scaler_tensors(self.scaler)
