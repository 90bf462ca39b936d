"""What ``fit`` measured: a plain dict whose text is its verdict."""

from __future__ import annotations

import warnings
from typing import Any

from punar.errors import DidNotLearnError, DidNotLearnWarning
from punar.texts import fit as texts

MOST_ROWS = 3000


class FitReport(dict[str, Any]):
    """What ``fit`` measured; a plain dict whose text is its verdict."""

    def __str__(self) -> str:
        return str(self["verdict"])

    def answer(self, *, strict: bool, advice: str = texts.DID_NOT_LEARN_ADVICE) -> None:
        """Warn, or raise under ``strict``, where the model did not learn."""
        if self["learned"]:
            return
        message = self["verdict"] + advice
        if strict:
            raise DidNotLearnError(message)
        warnings.warn(message, DidNotLearnWarning, stacklevel=3)
