"""What an autoencoder learns: one file per objective. The contract is in ``_objective.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from punar.core.lazy import lazily

if TYPE_CHECKING:
    from punar.objectives._objective import Objective as Objective

_HOME = {
    "Objective": "_objective",
}
__all__ = sorted(_HOME)
__getattr__ = lazily(__name__, _HOME)
