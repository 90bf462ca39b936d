"""Targets as a task encodes them: named tensors, item by item."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from punar.errors import DataError


class Misfit(DataError):
    """A target that one of its item's samples has no room for, such as a transcript longer than its recording.

    A fit says of all such targets at once which they are.

    Parameters
    ----------
    found : str
        What the target is, and by how much it does not fit.
    noun : str
        What targets are called, in the plural.
    rule : str
        What does not fit, why, and what to do; said once, behind the targets.
    """

    def __init__(self, found: str, noun: str, rule: str) -> None:
        super().__init__(f"{found}. {rule}")
        self.found, self.noun, self.rule = found, noun, rule


@dataclass(frozen=True, eq=False)
class Targets:
    """What a task learned of y.

    Attributes
    ----------
    columns : mapping of str to Tensor or sequence of Tensor
        By name: one tensor whose first axis is the item, or a tensor for each item where they differ in shape (a tag
        per token, the boxes of a picture). All are of one length.

    Examples
    --------
    >>> targets = Targets({"tags": [torch.tensor([0, 1]), torch.tensor([1, 1, 0])]})
    >>> len(targets), targets.item(1)["tags"].tolist(), len(targets.take(torch.tensor([1])))
    (2, [1, 1, 0], 1)
    """

    columns: Mapping[str, Tensor | Sequence[Tensor]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def item(self, i: int) -> dict[str, Tensor]:
        """Return one item's targets by name."""
        return {name: column[i] for name, column in self.columns.items()}

    def take(self, index: Tensor) -> Targets:
        """Return the targets of some items, in the order of ``index``."""
        wanted = index.tolist()
        return Targets(
            {k: c[index] if isinstance(c, Tensor) else [c[i] for i in wanted] for k, c in self.columns.items()}
        )

    def joined(self, other: Targets) -> Targets:
        """Return these targets and then those of other items."""
        return Targets(
            {
                name: torch.cat([own, theirs])
                if isinstance(own, Tensor) and isinstance(theirs := other.columns[name], Tensor)
                else _one_after_the_other(own, other.columns[name])
                for name, own in self.columns.items()
            }
        )

    def digest(self) -> str:
        """Return a hash of names and numbers, for fingerprints."""
        found = hashlib.blake2b(digest_size=16)
        for name, column in sorted(self.columns.items()):
            whole = isinstance(column, Tensor)
            for value in [column] if isinstance(column, Tensor) else column:
                flat = value.detach().cpu().contiguous()
                found.update(f"{name}{whole}{tuple(flat.shape)}{flat.dtype}".encode())
                found.update(flat.reshape(-1).view(torch.uint8).numpy().data if flat.numel() else b"")
        return found.hexdigest()


def _one_after_the_other(own: Any, theirs: Any) -> Sequence[Tensor]:
    # A sequence that packs its tensors stays one.
    return own + theirs if type(own) is type(theirs) and hasattr(own, "__add__") else [*own, *theirs]
