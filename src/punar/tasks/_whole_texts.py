"""Texts that are read at once or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from punar.data.decode import BadItem
from punar.preparations import Sample
from punar.preparations.sentences import Sentences


@dataclass(frozen=True)
class WholeTexts(Sentences):
    """Input facts of a network that writes a text for a text: what it does not read, it would leave out silently."""

    several: ClassVar[bool] = False

    def samples(self, item: Any) -> list[Sample]:
        """Return the item as one sample.

        Raises
        ------
        BadItem
            It is longer than the network reads at once, or is no text.
        """
        if not isinstance(item, str):
            raise BadItem("it must be a text, not a list of words")
        found = super().samples(item)
        if len(found) > 1:
            raise BadItem(
                f"it has more than the {self.max_length} tokens that the network reads at once; give its sentences one "
                "by one"
            )
        return found
