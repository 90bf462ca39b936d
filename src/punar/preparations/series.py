"""Series of numbers as recurrent networks read them: scaled steps, with a flag beside what may be missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from msgspec import Meta
from torch import Tensor

from punar.data import levels, sequences
from punar.data.decode import BadItem
from punar.data.scaling import SMALLEST, Moments, learn_scaler, shares_one_unit
from punar.errors import DataError
from punar.preparations._preparation import Batch, Preparation
from punar.preparations._reading import Count, Finite, Positive, Size
from punar.preparations._sample import Sample
from punar.preparations._windows import owners, starts

MISSING = ("refuse", "mask")
SCALINGS = ("auto", "standard", "none")
_STEP = 8
_ONE_UNIT_RATIO = 10.0  # of the largest and the smallest deviation
_BLOCK = 16_384  # steps
_MANY = 8  # channels: rows of pictures and spectra have as many
_FARTHEST = 1e30  # scaled values beyond overflow float32's squares in the first step


@dataclass(frozen=True)
class Series(Preparation):
    """Input facts of a network that reads series.

    An item is an array of numbers (t, channels), or (t,) for one channel.

    Parameters
    ----------
    channels : int
    names : tuple of str
        Of the channels, where they came from a table.
    missing : {"refuse", "mask"}, default="refuse"
        Whether NaN is an error, or becomes 0 after scaling with a flag per channel that says what was observed.
    shift, scale : tuple of float
        A step becomes ``(x - shift) / scale``, per channel; empty leaves it as it is.
    longest : int
        Steps of the longest item that was trained on.
    max_length : int or None
        Most steps that the network reads at once. :meth:`prepare` cuts off what follows, :meth:`samples` reads it in
        further windows.
    id_column, time_column, time_format : str or None
        Of long tables.
    step_names : tuple of str
        The columns of the steps, where a table had a row for each series.

    Examples
    --------
    >>> import numpy as np
    >>> facts = Series.learn([np.array([[0.0], [2.0]]), np.array([[4.0]])], scaling="standard")
    >>> facts.prepare(np.array([[2.0]]))
    tensor([[0.]])
    """

    channels: Size
    names: tuple[str, ...] = ()
    missing: Annotated[str, Meta(pattern=r"^(refuse|mask)\Z")] = MISSING[0]
    shift: tuple[Finite, ...] = ()
    scale: tuple[Positive, ...] = ()
    longest: Count = 0
    max_length: Size | None = None
    id_column: str | None = None
    time_column: str | None = None
    time_format: str | None = None
    step_names: tuple[str, ...] = ()

    domain: ClassVar[str] = "series"
    several: ClassVar[bool] = True

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """Rebuild from untrusted facts; see :class:`Preparation`."""
        made = super().from_facts(facts)
        check_scaling(made.channels, made.shift, made.scale)
        if made.names and len(made.names) != made.channels:
            raise ValueError(f"names must be one for each of {made.channels} channels, found {len(made.names)}")
        return made

    @classmethod
    def learn(cls, items: Sequence[np.ndarray], *, scaling: str = "auto", **facts: Any) -> Series:
        """Return the facts of training items.

        Parameters
        ----------
        items : sequence of ndarray of shape (t, channels)
        scaling : {"auto", "standard", "none"}, default="auto"
            "standard" brings each channel to mean 0 and deviation 1 over all observed steps. "auto" does so too, but
            divides channels that share one unit (pixels, counts, deviations within a factor of ten) by one deviation,
            so that rare ones are not blown up. "none" leaves the numbers.
        **facts
            The other parameters.
        """
        channels = items[0].shape[1]
        facts = {"channels": channels, "longest": max(map(len, items)), **facts}
        if scaling == "none":
            return cls(**facts)
        shift, scale = learned_scaling(items, scaling)
        return cls(**facts, shift=shift, scale=scale)

    @property
    def width(self) -> int:
        """Numbers per prepared step."""
        return self.channels * (2 if self.missing == "mask" else 1)

    def unscaled(self) -> Series:
        """Return the same facts without scaling."""
        return replace(self, shift=(), scale=())

    def check(self, X: Any, where: str) -> list[np.ndarray]:
        """Return arrays (t, channels); see :class:`Preparation`.

        Raises
        ------
        DataError
            Also for infinity, for NaN under ``missing="refuse"``, and for another number of channels.
        """
        found = self._read(X, where)
        sequences.check_values(found, where, channels=self.channels, missing=self.missing)
        return found.items

    def targets(self, X: Any, y: Any, where: str) -> Any:
        """Return ``y`` in the order of the items; of a long table or a mapping it may be looked up by id."""
        X = levels.series_of(X, where)
        named = isinstance(X, (pd.DataFrame, Mapping))
        return sequences.matched(y, self._read(X, where), where) if named else y

    def _read(self, X: Any, where: str) -> sequences.Sequences:
        columns = {"id_column": self.id_column, "time_column": self.time_column, "time_format": self.time_format}
        return sequences.read_series(X, where, names=self.names, **columns)

    def content(self, item: Any) -> bytes:
        """Return shape, type and numbers."""
        values = np.ascontiguousarray(item)
        return f"{values.shape}{values.dtype}".encode() + values.tobytes()

    def prepare(self, item: Any) -> Tensor:
        """Return float32 (t, ``width``): scaled values, then under "mask" the flags of observed ones."""
        return self._scaled(np.asarray(item)[: self.max_length])

    def cuts(self, item: Any) -> bool:
        """Return whether the item has more than ``max_length`` steps."""
        return self.max_length is not None and len(item) > self.max_length

    def samples(self, item: Any) -> list[Sample]:
        """Return the item in windows of ``max_length`` steps; each step belongs to one of them, a missing one too."""
        steps = self._scaled(item)
        window = self.max_length or max(len(steps), 1)
        owner = owners(len(steps), window)
        found = []
        for k, start in enumerate(starts(len(steps), window)):
            at = np.arange(start, min(start + window, len(steps)))
            trace = np.stack([at, at, at + 1, owner[at] == k], axis=1).astype(np.int64)
            found.append(Sample(steps[start : start + window], torch.from_numpy(trace)))
        return found

    def _scaled(self, item: Any) -> Tensor:
        values = np.asarray(item, dtype=np.float64)
        if self.shift:
            with np.errstate(over="ignore"):
                values = (values - np.asarray(self.shift)) / np.asarray(self.scale)
        if self.missing == "mask":
            observed = ~np.isnan(values)
            values = np.concatenate([np.where(observed, values, 0.0), observed], axis=1)
        if not np.abs(values).max(initial=0.0) < _FARTHEST:
            raise BadItem("its values are so far from those of the training that they overflow; check their units")
        return torch.from_numpy(values.astype(np.float32))

    def bucket(self, prepared: Tensor) -> int:
        """Return the number of steps rounded up to a multiple of 8."""
        return -(-len(prepared) // _STEP) * _STEP

    def blank(self, bucket: int) -> Tensor:
        """Return zeros."""
        return torch.zeros(max(bucket, 1), self.width)

    def collate(self, prepared: Sequence[Tensor], bucket: int) -> Batch:
        """Return {"values": float32 (n, t, ``width``), "lengths": int64 (n,)}, t the bucket or the longest item."""
        return collate_steps(prepared, bucket)


def check_scaling(width: int, shift: Sequence[float], scale: Sequence[float]) -> None:
    """Raise ValueError where stored shift and scale are not of a number per channel, or of none."""
    if not len(shift) == len(scale) in (0, width):
        raise ValueError(
            f"shift and scale must hold a number for each of {width} channels, or none, "
            f"found {len(shift)} and {len(scale)}"
        )


def collate_steps(prepared: Sequence[Tensor], bucket: int) -> Batch:
    """Return steps of several lengths with zeros after them, and the lengths."""
    lengths = torch.tensor([len(p) for p in prepared], dtype=torch.int64)
    values = torch.zeros(len(prepared), max(bucket, int(lengths.max())), prepared[0].shape[1])
    for row, steps in enumerate(prepared):
        values[row, : len(steps)] = steps
    return {"values": values, "lengths": lengths}


def learned_scaling(items: Sequence[np.ndarray], scaling: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return shift and scale per channel over every observed step of ``items``; NaN does not count."""
    found = _moments(items)
    mode = ("global" if _share_one_unit(found) else "standard") if scaling == "auto" else scaling
    scaler = learn_scaler(found, mode, unit_range=False, pictures=False)
    shape = found.mean.shape
    return tuple(scaler.shift.expand(shape).tolist()), tuple(scaler.scale.expand(shape).tolist())


def _share_one_unit(found: Moments) -> bool:
    """Return whether channels look as if they were measured in one unit.

    Stricter than for tables, whose many columns vouch for each other: a rainfall and a flag, both zero at times, do not
    share a unit.
    """
    deviation = found.deviation[found.deviation > 0]
    if len(deviation) < 2 or float(deviation.max()) <= _ONE_UNIT_RATIO * float(deviation.min()):
        return True
    return len(found.deviation) >= _MANY and shares_one_unit(found)


def _moments(items: Sequence[np.ndarray]) -> Moments:
    """Two passes, because a long series with a large offset loses its variance in one."""
    width = items[0].shape[1]
    count, total = np.zeros(width), np.zeros(width)
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        for values in _blocks(items):
            seen = ~np.isnan(values)
            count += seen.sum(0)
            total += np.where(seen, values, 0.0).sum(0)
            low = np.minimum(low, np.where(seen, values, np.inf).min(0))
            high = np.maximum(high, np.where(seen, values, -np.inf).max(0))
        mean, squares = total / np.maximum(count, 1), np.zeros(width)
        for values in _blocks(items):
            squares += np.square(np.where(np.isnan(values), mean, values) - mean).sum(0)
    if not np.isfinite(squares).all():
        channel = int((~np.isfinite(squares)).argmax())
        raise DataError(
            f"X has values whose squares overflow, in channel {channel} up to {high[channel]:g}. Divide the data by a "
            "constant first."
        )
    never = count == 0
    vanish = (high > low) & (high - low < SMALLEST) & ~never
    if vanish.any():
        channel = int(vanish.argmax())
        spread = high[channel] - low[channel]
        raise DataError(
            f"X has values whose squares vanish, in channel {channel}: they differ by {spread:g} at most. Multiply "
            "the data by a constant first, or drop the channel."
        )
    low, high = np.where(never, 0.0, low), np.where(never, 0.0, high)
    variance = squares / np.maximum(count, 1)
    one, two, three, four = (torch.from_numpy(v) for v in (mean, variance, low, high))
    return Moments(1, one, two, three, four, binary=False)


def _blocks(items: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the steps of many short items at once, as float64."""
    some: list[np.ndarray] = []
    steps = 0
    for item in items:
        some.append(np.asarray(item, dtype=np.float64))
        steps += len(item)
        if steps >= _BLOCK:
            yield np.concatenate(some)
            some, steps = [], 0
    if some:
        yield np.concatenate(some)
