"""What ``fit`` measured: a plain dict whose text is its verdict."""

from __future__ import annotations

import warnings
from typing import Any

from punar.errors import DamagedModelError, DidNotLearnError, DidNotLearnWarning, shown
from punar.texts import fit as texts

MOST_ROWS = 3000


class FitReport(dict[str, Any]):
    """What ``fit`` measured; a plain dict whose text is its verdict."""

    def __str__(self) -> str:
        return str(self["verdict"])

    @classmethod
    def from_stored(cls, stored: object, where: str) -> FitReport:
        """Return the report that a model folder holds.

        Raises
        ------
        DamagedModelError
            It is not one.
        """
        if isinstance(stored, dict) and isinstance(stored.get("verdict"), str):
            return cls(stored)
        raise DamagedModelError(f"{where}: report must be an object with a verdict, found {shown(stored)}.")

    def answer(self, *, strict: bool, advice: str = texts.DID_NOT_LEARN_ADVICE) -> None:
        """Warn, or raise under ``strict``, where the model did not learn."""
        if self["learned"]:
            return
        message = self["verdict"] + advice
        if strict:
            raise DidNotLearnError(message)
        warnings.warn(message, DidNotLearnWarning, stacklevel=3)
