"""The best weights of a training so far, kept beside those that go on."""

from __future__ import annotations

import math
from collections.abc import Mapping
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
