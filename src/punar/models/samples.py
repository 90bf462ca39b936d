"""Items as samples, and targets in the samples' coordinates: what a loop indexes.

Most items give one sample. A task that answers for tokens reads a long text in several windows; then the loop's rows
are windows, the split is by item, and the answers of an item's windows are merged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from punar.core.words import MOST_SHOWN
from punar.errors import DataError
from punar.models.prepared import ROOM, Prepared
from punar.preparations import Preparation, Sample, SampleOf
from punar.tasks import Column, Misfit, Targets, Task, VectorTask

_ROOM = ROOM // 2  # bytes of targets in memory


@dataclass(frozen=True, eq=False)
class Samples:
    """Which item each sample belongs to.

    Attributes
    ----------
    item : Tensor of int64, (s,)
        The item of each sample, rising.
    known : Prepared or None
        The samples; None where each item is one that is prepared when it is needed.
    part : Tensor of int64, (s,)
        The sample's number within its item.
    """

    item: Tensor
    known: Prepared | None = None
    part: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))

    def __len__(self) -> int:
        return len(self.item)

    @classmethod
    def of(
        cls,
        task: Task,
        preparation: Preparation,
        items: Sequence[Any],
        where: str,
        *,
        room: float = math.inf,
        **some: Any,
    ) -> Samples:
        """Return the samples of items, read now where the task asks for more than the items' vectors.

        ``room`` is how many bytes of them are kept, ``some`` which items they are of; see
        :class:`punar.models.prepared.Prepared`.

        Raises
        ------
        DataError
            An item that cannot be prepared, by name.
        """
        if task.view == "vector":
            return cls(torch.arange(len(items)))
        known = Prepared(preparation, items, where, room, **some)
        return cls(known.item, known, known.part)

    def read_as(self, preparation: Preparation, items: Sequence[Any]) -> tuple[Preparation, Sequence[Any]]:
        """Return a preparation and its items, one for each sample."""
        if self.known is None or not preparation.several:
            return preparation, items
        pairs = zip(self.item.tolist(), self.part.tolist(), strict=True)
        return SampleOf(preparation), [(items[i], k) for i, k in pairs]

    def index(self, items: Tensor) -> Tensor:
        """Return the samples of some items, in the items' order."""
        if self.known is None:
            return items
        counts = torch.bincount(self.item, minlength=int(items.max()) + 1 if len(items) else 0)
        starts = counts.cumsum(0) - counts
        pairs = zip(starts[items].tolist(), counts[items].tolist(), strict=True)
        found = [torch.arange(start, start + count) for start, count in pairs]
        return torch.cat(found) if found else torch.empty(0, dtype=torch.int64)

    def traces(self, index: Tensor) -> list[Tensor | None]:
        """Return the way back to the user's coordinates of some samples."""
        if self.known is None:
            return [None] * len(index)
        return [self.known.traces[i] for i in index.tolist()]

    def merged(self, task: Task, parts: Sequence[Any], index: Tensor, items: Sequence[Any]) -> list[Any]:
        """Return an encoded answer for each item from the answers for its samples.

        Parameters
        ----------
        task : Task
        parts : sequence
            For each sample of ``index``.
        index : Tensor of int64
            From :meth:`index`: the samples of an item follow each other.
        items : sequence
            All items.
        """
        if self.known is None:
            return [task.merge([part], items[i]) for i, part in zip(index.tolist(), parts, strict=True)]
        found: list[Any] = []
        owners = self.item[index].tolist()
        start = 0
        for at in range(1, len(owners) + 1):
            if at == len(owners) or owners[at] != owners[start]:
                found.append(task.merge(parts[start:at], items[owners[start]]))
                start = at
        return found


def answered(task: Task, run: Callable[[Tensor], Any], shown: Column, traces: Sequence[Tensor | None]) -> list[Any]:
    """Return what a head says of each sample, from what it sees of them.

    Parameters
    ----------
    task : Task
    run : callable
        The head: what it sees of some samples -> raw outputs.
    shown : Tensor of shape (n, width), or sequence of Tensor
        A row for each sample; where each has tokens of its own number, (t, width), they run one by one.
    traces : sequence
        Of the samples.
    """

    def net(rows: Tensor) -> Callable[[Any], Any]:
        return lambda _: run(rows)

    if isinstance(shown, Tensor):
        return task.answer(net(shown), {}, traces)
    pairs = zip(shown, traces, strict=True)
    return [part for rows, trace in pairs for part in task.answer(net(rows[None]), {}, [trace])]


class Placed:
    """Targets in the samples' coordinates, batch by batch.

    Parameters
    ----------
    task : Task
        It has learned the targets.
    targets : Targets
        One per item.
    samples : Samples
    where : str, default="fit"
        The caller, for messages.
    given : int, default=0
        How many items, the last ones, are to validate on.

    Raises
    ------
    DataError
        Targets that do not fit their items, all of them counted and the first ones named.
    """

    def __init__(self, task: Task, targets: Targets, samples: Samples, where: str = "fit", given: int = 0) -> None:
        self._task, self._targets, self._samples = task, targets, samples
        self._whole = isinstance(task, VectorTask)
        self._kept: dict[int, dict[str, Tensor]] = {}
        if self._whole:
            return
        held = 0
        unfit: dict[int, Misfit] = {}
        # All are placed now, so that a target that cannot be is named before anything is learned.
        for i, sample in enumerate(samples.known or [Sample(torch.empty(0))] * len(samples)):
            item = int(samples.item[i])
            try:
                own = task.place(targets.item(item), sample)
            except Misfit as error:
                unfit.setdefault(item, error)
                continue
            if samples.known is None or held < _ROOM:
                self._kept[i] = own
                held += sum(value.nbytes for value in own.values())
        _refuse(unfit, len(targets), where, given)

    def take(self, index: Tensor, batch: Any) -> dict[str, Tensor]:
        """Return the targets of some samples as one batch, on the CPU."""
        if self._whole:
            # One item is one sample, and a row is a row: this runs at every step.
            return {k: column[index] for k, column in self._targets.columns.items() if isinstance(column, Tensor)}
        return self._task.collate(self._each(index), batch)

    def columns(self, index: Tensor) -> dict[str, Any]:
        """Return the placed targets of some samples by name, as :meth:`punar.tasks.Task.start` takes them."""
        if self._whole:
            return dict(self._targets.take(index).columns)
        some = self._each(index)
        return {name: [each[name] for each in some] for name in (some[0] if some else {})}

    def _each(self, index: Tensor) -> list[dict[str, Tensor]]:
        wanted = index.tolist()
        missing = [i for i in wanted if i not in self._kept]
        if not missing:
            return [self._kept[i] for i in wanted]
        assert self._samples.known is not None
        owners = self._samples.item[missing].tolist()
        pairs = zip(missing, owners, self._samples.known.take(missing), strict=True)
        anew = {i: self._task.place(self._targets.item(item), sample) for i, item, sample in pairs}
        return [self._kept[i] if i in self._kept else anew[i] for i in wanted]


def _refuse(unfit: Mapping[int, Misfit], count: int, where: str, given: int) -> None:
    """Raise where targets do not fit their items."""
    if not unfit:
        return
    learned = count - given
    named = [
        f"{f'y[{i}]' if i < learned else f'validation_data y[{i - learned}]'}, {error.found}"
        for i, error in list(unfit.items())[:MOST_SHOWN]
    ]
    more = f"; and {len(unfit) - MOST_SHOWN} more" if len(unfit) > MOST_SHOWN else ""
    first = next(iter(unfit.values()))
    raise DataError(f"{where}: {len(unfit)} of {count} {first.noun} do not fit: {'; '.join(named)}{more}. {first.rule}")
