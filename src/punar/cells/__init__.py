"""Recurrent cells: one file per cell. The contract is in ``_cell.py``; stacks and encoders are made of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from punar.core.lazy import lazily

if TYPE_CHECKING:
    from punar.cells._branch import Branch as Branch
    from punar.cells._cell import Cell as Cell
    from punar.cells._encoder import POOLINGS as POOLINGS
    from punar.cells._encoder import Encoder as Encoder
    from punar.cells._encoder import Pool as Pool
    from punar.cells._encoder import build_encoder as build_encoder
    from punar.cells._encoder import check_design as check_design
    from punar.cells._encoder import lengths_of as lengths_of
    from punar.cells._encoder import pooled as pooled
    from punar.cells._encoder import steps_of as steps_of
    from punar.cells._stack import Stack as Stack

_HOME = {
    "Branch": "_branch",
    "Cell": "_cell",
    "Encoder": "_encoder",
    "POOLINGS": "_encoder",
    "Pool": "_encoder",
    "Stack": "_stack",
    "build_encoder": "_encoder",
    "check_design": "_encoder",
    "lengths_of": "_encoder",
    "pooled": "_encoder",
    "steps_of": "_encoder",
}
__all__ = sorted(_HOME)
__getattr__ = lazily(__name__, _HOME)
