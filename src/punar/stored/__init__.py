"""How a fitted model becomes a folder and comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from punar.core.lazy import lazily

if TYPE_CHECKING:
    from punar.stored._folder import describable as describable
    from punar.stored._folder import load as load
    from punar.stored._folder import save as save

_HOME = {
    "describable": "_folder",
    "load": "_folder",
    "save": "_folder",
}
__all__ = sorted(_HOME)
__getattr__ = lazily(__name__, _HOME)
