"""Named terms of a loss, summed over batches by what each weighs."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

# A term is a mean over the batch's rows, or a pair of a mean and how much the batch weighs among others.
Term = Tensor | tuple[Tensor, float]


def summed(terms: Mapping[str, Term]) -> Tensor:
    """Return the sum of a batch's terms, which is minimised."""
    values = [value if isinstance(value, Tensor) else value[0] for value in terms.values()]
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def accumulate(totals: dict[str, Tensor], terms: Mapping[str, Term], count: int) -> None:
    """Add each term's sum over the batch and its weight, on the device, in double precision where the device has it."""
    for name, term in terms.items():
        value, weight = (term, float(count)) if isinstance(term, Tensor) else term
        wide = value.detach() if value.device.type == "mps" else value.detach().double()
        pair = torch.stack([wide * weight, torch.full_like(wide, weight)])
        totals[name] = totals[name] + pair if name in totals else pair


def means(totals: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the mean of each term."""
    return {name: float(total) / max(float(weight), 1e-300) for name, (total, weight) in totals.items()}


def write_means(entry: dict[str, float], split: str, totals: Mapping[str, Tensor]) -> None:
    """Write the loss of a split and, where it has several terms, each of them into an entry of the history."""
    found = means(totals)
    entry[f"{split}_loss"] = sum(found.values())
    if len(found) > 1:
        entry |= {f"{split}_{name}": value for name, value in found.items()}
