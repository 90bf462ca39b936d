"""The best weights of a training so far, kept beside those that go on, and weights between its start and its end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

# On all validation rows and, where these are in two parts, on each: names in a checkpoint.
BESTS = ("best", "best_a", "best_b")


@dataclass
class Best:
    """The weights with the lowest loss so far."""

    loss: float = math.inf
    state: dict[str, Tensor] = field(default_factory=dict)

    def keep(self, state: Mapping[str, Tensor], loss: float) -> bool:
        """Keep what a module holds if its loss is lower; return whether."""
        if not loss < self.loss:
            return False
        self.loss = loss
        if not self.state:
            self.state = {k: v.clone() for k, v in state.items()}
        for name, value in state.items():
            self.state[name].copy_(value)
        return True

    def put_back(self, module: nn.Module) -> None:
        """Give a module the weights, where there are any."""
        if self.state:
            module.load_state_dict(self.state, strict=False)


@dataclass
class Between:
    """Weights on the straight way from where training started to where it ended.

    Fine-tuned networks keep more of what they knew, and small data misleads them less, part of the way back to where
    they began.

    Attributes
    ----------
    shares : tuple of float
        Points that are tried, each in [0, 1]; none where training starts from nothing.
    start : dict of str to Tensor
    done : bool
        Whether they were tried.

    References
    ----------
    Wortsman et al. (2022). Robust fine-tuning of zero-shot models. CVPR.
    """

    shares: tuple[float, ...] = ()
    start: dict[str, Tensor] = field(default_factory=dict)
    done: bool = False

    @classmethod
    def of(cls, shares: Sequence[float], state: Mapping[str, Tensor]) -> Between:
        """Return the way from a state, whose tensors are copied."""
        return cls(tuple(shares), {k: v.clone() for k, v in state.items()} if shares else {})

    def at(self, share: float, last: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights at ``share`` of the way to ``last``."""
        return {k: v.lerp(last[k], share) if v.is_floating_point() else last[k] for k, v in self.start.items()}

    def go(self, module: nn.Module, share: float, last: Mapping[str, Tensor] | None = None) -> None:
        """Give a module the weights at ``share`` of the way to ``last``, by default to those that it holds."""
        module.load_state_dict(self.at(share, module.state_dict() if last is None else last), strict=False)
