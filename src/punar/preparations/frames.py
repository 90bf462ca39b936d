"""Recordings as recurrent networks read them: log-mel frames, one every 10 ms."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import torch
from msgspec import Meta
from torch import Tensor

from punar.data.decode import read_rate
from punar.errors import PunarWarning
from punar.preparations import _spectrum
from punar.preparations._preparation import Batch, Preparation, naming
from punar.preparations._reading import Count, Finite, Positive, Size
from punar.preparations._sample import Sample
from punar.preparations.series import check_scaling, collate_steps, learned_scaling
from punar.preparations.sounds import Sounds

_STEP = 8
_HIGHEST_RATE = 16_000  # speech has little above 8 kHz
_LOWEST_RATE = 4_000
_QUIETEST = -80.0  # decibels; below is a silent room's own noise


@dataclass(frozen=True)
class Frames(Preparation):
    """Input facts of a recurrent network that reads sound.

    An item is what :class:`punar.preparations.sounds.Sounds` takes: a path, samples at ``rate``, or a pair
    (samples, rate). A step is 10 log10 of the mel power of a 25 ms window every 10 ms, relative to the recording's
    loudest point and at least -80, scaled per band: how loud somebody speaks, and how far from the microphone, does not
    count.

    Parameters
    ----------
    rate : int, default=16000
        Samples per second that every recording is brought to.
    n_mels : int, default=40
    shift, scale : tuple of float
        Learned on training frames; empty leaves decibels.
    longest : int
        Frames of the longest recording that was trained on.
    max_length : int or None
        Most frames of a recording; what follows is cut off.
    stack : int
        Frames that make one step together, each band's beside each other: so many times fewer steps. The last step is
        filled up with its last frame.
    """

    rate: Annotated[int, Meta(ge=_LOWEST_RATE, le=_HIGHEST_RATE)] = _HIGHEST_RATE
    n_mels: Size = 40
    shift: tuple[Finite, ...] = ()
    scale: tuple[Positive, ...] = ()
    longest: Count = 0
    max_length: Size | None = None
    stack: Annotated[int, Meta(ge=1, le=64)] = 1

    domain: ClassVar[str] = "audio"

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """Rebuild from untrusted facts; see :class:`Preparation`."""
        made = super().from_facts(facts)
        check_scaling(made.n_mels, made.shift, made.scale)
        return made

    @classmethod
    def for_items(cls, items: Sequence[Any], where: str, *, n_mels: int, max_length: int | None = None) -> Frames:
        """Return the facts of training recordings, before scaling.

        The rate is the lowest among them, at most 16 kHz: bands that only some recordings have would tell how a
        recording was made, not what it says. Samples without a rate count as 16 kHz.

        Parameters
        ----------
        items : sequence
        where : str
        n_mels : int
        max_length : int or None
        """
        rates = []
        for i, item in enumerate(items):
            with naming(f"{where}: {cls().name(item, i)}"):
                rates.append(rate_of(item))
        rate = max(_LOWEST_RATE, min([_HIGHEST_RATE, *rates]))
        slow = [i for i, each in enumerate(rates) if 2 * each <= min(_HIGHEST_RATE, float(np.median(rates)))]
        if slow:
            _warn(where, cls().name(items[slow[0]], slow[0]), [rates[i] for i in slow], len(rates), rate)
        return cls(rate, n_mels, max_length=max_length)

    def learned(self, frames: Sequence[Tensor], scaling: str) -> Frames:
        """Return the facts with the scaling of training frames.

        Parameters
        ----------
        frames : sequence of Tensor of shape (t, n_mels)
            Prepared without scaling.
        scaling : {"auto", "standard", "none"}
            "auto" and "standard" bring each band to mean 0 and deviation 1 over all frames.
        """
        facts = replace(self, longest=max(map(len, frames)))
        if scaling == "none":
            return facts
        shift, scale = learned_scaling([f.numpy() for f in frames], "standard")
        return replace(facts, shift=shift, scale=scale)

    @property
    def width(self) -> int:
        """Numbers per step."""
        return self.n_mels * self.stack

    def check(self, X: Any, where: str) -> Sequence[Any]:
        """Return paths, arrays or pairs as a list; see :class:`Preparation`."""
        return self._sounds.check(X, where)

    def loaded(self, item: Any) -> Any:
        """Return the bytes of a path's file; see :class:`Preparation`."""
        return self._sounds.loaded(item)

    def content(self, item: Any) -> bytes:
        """Return a file's bytes, or rate, shape, type and numbers of an array."""
        return self._sounds.content(item)

    def prepare(self, item: Any) -> Tensor:
        """Return float32 steps (t, ``width``), t >= 1."""
        level = _spectrum.decibels(self._sounds.prepare(item), self.rate, self.n_mels).T
        return self.stepped((level - level.max()).clamp(min=_QUIETEST)[: self.max_length].contiguous())

    def cuts(self, item: Any) -> bool:
        """Return whether the recording has more than ``max_length`` frames."""
        if self.max_length is None:
            return False
        return self._sounds.duration(item) * self.rate / _spectrum.step_of(self.rate) >= self.max_length

    def samples(self, item: Any) -> list[Sample]:
        """Return the recording with its seconds per step."""
        step = self.stack * _spectrum.step_of(self.rate) / self.rate
        return [Sample(self.prepare(item), torch.tensor([step], dtype=torch.float64))]

    def scaled(self, frames: Tensor) -> Tensor:
        """Return frames (t, ``n_mels``) in decibels by the learned scaling."""
        return (frames - torch.tensor(self.shift)) / torch.tensor(self.scale) if self.shift else frames

    def stepped(self, frames: Tensor) -> Tensor:
        """Return frames (t, ``n_mels``) in decibels as steps (t / ``stack``, ``width``) by the learned scaling."""
        frames = self.scaled(frames)
        if self.stack == 1:
            return frames
        short = -len(frames) % self.stack
        frames = torch.cat([frames, frames[-1:].expand(short, -1)])
        return frames.view(-1, self.stack, self.n_mels).transpose(1, 2).reshape(-1, self.width)

    def bucket(self, prepared: Tensor) -> int:
        """Return the number of steps rounded up to a multiple of 8."""
        return -(-len(prepared) // _STEP) * _STEP

    def blank(self, bucket: int) -> Tensor:
        """Return zeros."""
        return torch.zeros(max(bucket, 1), self.width)

    def collate(self, prepared: Sequence[Tensor], bucket: int) -> Batch:
        """Return {"values": float32 (n, t, ``width``), "lengths": int64 (n,)}."""
        return collate_steps(prepared, bucket)

    @property
    def _sounds(self) -> Sounds:
        return Sounds(rate=self.rate)


def _warn(where: str, first: str, slow: Sequence[int], total: int, rate: int) -> None:
    warnings.warn(
        f"{where}: {len(slow)} of {total:,} recordings have half the samples per second of most, or fewer; the first "
        f"is {first} with {slow[0]:,}. All are brought to {rate:,}, and what sounds above {rate // 2:,} Hz is lost. "
        "Leave them out where the others should be heard whole.",
        PunarWarning,
        stacklevel=2,
    )


def rate_of(item: Any) -> int:
    """Return a recording's own samples per second; samples without one count as 16 kHz.

    Raises
    ------
    BadItem
        The file cannot be read.
    """
    if isinstance(item, (str, os.PathLike)):
        return read_rate(Path(item))
    return int(item[1]) if isinstance(item, tuple) else _HIGHEST_RATE
