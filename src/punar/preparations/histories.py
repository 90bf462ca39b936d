"""Series as a forecasting network reads them: the last steps of each, relative to where it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import torch
from msgspec import Meta
from torch import Tensor

from punar.data import layouts
from punar.data.decode import BadItem
from punar.data.panel import Panel, are_tables, read_panel
from punar.data.times import check_form
from punar.data.windows import Windows, spread
from punar.errors import DataError
from punar.preparations._preparation import Batch, Preparation
from punar.preparations._reading import read_facts
from punar.preparations.series import collate_steps

_Steps = Annotated[int, Meta(ge=1, le=2**24)]
_Position = Annotated[int, Meta(ge=0, le=2**24)]
# Fields that older folders do not have.
_LATER = {"aimed": (), "known_ahead": (), "one": False, "levels": (), "time_format": None, "freq": None}


@dataclass(frozen=True)
class Histories(Preparation):
    """Input facts of a forecasting network.

    Parameters
    ----------
    channels : int
    context : int
        Steps that the network sees.
    names : tuple of str
        Of the channels, where they came from a table.
    missing : {"refuse", "mask"}, default="refuse"
        Whether NaN is an error, or takes the value before it, with a flag per channel that says what was observed.
    scaled : bool, default=True
        Whether each series is divided by how far it moves inside a window.
    id_column, time_column : str or None
        Of tables.
    aimed : tuple of int, default=()
        The channels that are forecast, the others are inputs only; empty is all.
    known_ahead : tuple of int, default=()
        The channels whose later values are known when one forecasts.
    one : bool, default=False
        Whether the target was named alone: answers have no axis for it.
    levels : tuple of str, default=()
        Of the fitted table's MultiIndex, that together name a series.
    time_format : str or None, default=None
        How times were written; see :class:`punar.data.times.Times`.
    freq : str or float or None, default=None
        The step of times, at which those that are missing are inserted.
    """

    channels: _Steps
    context: _Steps
    names: tuple[str, ...] = ()
    missing: Annotated[str, Meta(pattern=r"^(refuse|mask)\Z")] = "refuse"
    scaled: bool = True
    id_column: str | None = None
    time_column: str | None = None
    aimed: tuple[_Position, ...] = ()
    known_ahead: tuple[_Position, ...] = ()
    one: bool = False
    levels: tuple[str, ...] = ()
    time_format: str | None = None
    freq: int | float | str | None = None

    domain: ClassVar[str] = "history"

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """Rebuild from untrusted facts, all of them; see :class:`Preparation`."""
        if isinstance(facts, Mapping):
            facts = _LATER | dict(facts)
        made = read_facts(cls, facts, complete=True)
        if made.names and len(made.names) != made.channels:
            raise ValueError(f"names must be one for each of {made.channels} channels, found {len(made.names)}")
        for name, found in (("aimed", made.aimed), ("known_ahead", made.known_ahead)):
            if len(set(found)) < len(found) or any(c >= made.channels for c in found):
                raise ValueError(f"{name} must be different channels of {made.channels}, found {list(found)}")
        if set(made.aimed) & set(made.known_ahead) or (made.known_ahead and not made.aimed):
            raise ValueError("aimed must be named where channels are known ahead, and be others")
        check_form(made.time_format)
        if made.one and len(made.aimed) != 1:
            raise ValueError(f"one must be false with {len(made.aimed)} targets")
        return made

    @property
    def aims(self) -> int:
        """How many channels are forecast."""
        return len(self.aimed) or self.channels

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the channels that are forecast, where there are any."""
        return tuple(self.names[c] for c in self.aimed) if self.names and self.aimed else self.names

    def id_columns(self, ids: Sequence[Any], panel: Panel) -> dict[str, list[Any]]:
        """Return ids as columns of a table of answers: of a MultiIndex, one for each of its levels.

        Parameters
        ----------
        ids : sequence
            One for each row.
        panel : Panel
            The series that are answered for.
        """
        names = panel.levels or self.levels
        if len(names) > 1 and all(isinstance(i, tuple) and len(i) == len(names) for i in ids):
            return {name: [i[k] for i in ids] for k, name in enumerate(names)}
        return {self.id_column or (names[0] if names else "series"): list(ids)}

    def of_targets(self, items: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the series with the channels alone that are forecast."""
        return [x[:, list(self.aimed)] if self.aimed else x for x in items]

    @property
    def width(self) -> int:
        """Numbers per prepared step."""
        return self.channels * (2 if self.missing == "mask" else 1)

    def read(self, X: Any, where: str) -> Panel:
        """Return what X holds, checked; see :func:`punar.data.panel.read_panel`.

        Raises
        ------
        DataError
            Also for a series shorter than the context.
        """
        X = layouts.known(X, where)
        panel = read_panel(
            X,
            where,
            names=self.names,
            channels=self.channels,
            id_column=self.id_column if hasattr(X, "columns") else None,
            time_column=self.time_column if hasattr(X, "columns") or are_tables(X) else None,
            missing=self.missing,
            time_format=self.time_format,
            strict=False,
            freq=self.freq,
        )
        self.refuse_short(panel, self.context, f"context={self.context}", where)
        return panel

    @staticmethod
    def refuse_short(panel: Panel, least: int, what: str, where: str) -> None:
        """Raise where a series has fewer than ``least`` steps."""
        for i, item in enumerate(panel.items):
            if len(item) < least:
                wide = ""
                if item.shape[1] >= least:
                    wide = (
                        f" It is read as (time, channels): {len(item)} step(s) of {item.shape[1]} channels. Pass X.T "
                        "if it is (channels, time), of many series X.transpose(0, 2, 1)."
                    )
                raise DataError(
                    f"{where}: {panel.named(i)} has length {len(item)}; {what} needs at least {least} steps. Drop it, "
                    f"or fit with a smaller context or horizon.{wide}"
                )

    def windows(
        self, items: Sequence[np.ndarray], horizon: int, season: int, origins: Sequence[np.ndarray] | None = None
    ) -> Windows:
        """Return windows that end with each series, or at ``origins``.

        What a window is divided by is known at its origin: training sees what :meth:`punar.SequenceModel.predict` would
        have seen.
        """
        ends = [np.array([len(x) - 1]) for x in items] if origins is None else origins
        scale = [
            spread(x, self.context, at + 1) if self.scaled else np.ones((len(at), self.channels))
            for x, at in zip(items, ends, strict=True)
        ]
        return self.windows_of(items, horizon, season, np.concatenate(scale), ends)

    def windows_of(
        self,
        items: Sequence[np.ndarray],
        horizon: int,
        season: int,
        scale: np.ndarray,
        origins: Sequence[np.ndarray],
    ) -> Windows:
        """Return windows whose scale (windows, channels) is known."""
        return Windows(items, self.context, horizon, season, scale, origins, self.aimed, self.known_ahead)

    def steps(self, windows: Windows, index: Tensor) -> Tensor:
        """Return windows as the network reads them, float32 (n, context, ``width``)."""
        values = windows.past(index).float()
        if self.missing == "mask":
            values = torch.cat([values, windows.seen(index).float()], dim=2)
        return values

    # -- as a preparation ---------------------------------------------------------------------------------------

    def check(self, X: Any, where: str) -> list[np.ndarray]:
        """Return the series, (t, channels)."""
        return self.read(X, where).items

    def content(self, item: Any) -> bytes:
        """Return shape and numbers."""
        values = np.ascontiguousarray(item, dtype=np.float64)
        return f"{values.shape}".encode() + values.tobytes()

    def prepare(self, item: Any) -> Tensor:
        """Return the last ``context`` steps, float32 (context, ``width``)."""
        found = self.steps(self.windows([np.asarray(item, np.float64)], 1, 1), torch.tensor([0]))[0]
        if not bool(torch.isfinite(found).all()):
            raise BadItem("its values are so large that they overflow")
        return found

    def bucket(self, prepared: Tensor) -> int:
        """Return the context."""
        return self.context

    def blank(self, bucket: int) -> Tensor:
        """Return zeros."""
        return torch.zeros(self.context, self.width)

    def collate(self, prepared: Sequence[Tensor], bucket: int) -> Batch:
        """Return {"values": float32 (n, context, ``width``), "lengths": int64 (n,)}."""
        return collate_steps(prepared, bucket)
