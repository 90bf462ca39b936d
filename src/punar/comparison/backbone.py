"""Which pretrained network suits your pictures, texts or recordings?"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from punar.backbones import Backbone as PretrainedBackbone
from punar.comparison._item_question import ItemQuestion, fits, here, label_of, words
from punar.comparison._question import Candidate
from punar.comparison.reading import Reading
from punar.errors import ParameterError, ParameterTypeError, shown
from punar.texts import compare as texts

_RULE = "compare: candidates must be names of pretrained networks or what punar.backbone(...) returns"


class Backbone(ItemQuestion):
    """The frozen features of several networks, each under a linear head, on the same folds.

    References
    ----------
    Kornblith, Shlens and Le (2019). Do better ImageNet models transfer better? CVPR.
    """

    words: ClassVar[Mapping[str, str]] = words(texts.BACKBONE_WORDS)

    def candidates(self, data: Reading, width: int | None, n_train: int, device: str) -> list[Candidate]:
        """Return the networks whose weights are on this machine, and two yardsticks."""
        known = here(data.kind)
        if not known:
            raise ParameterError(
                f"compare: no pretrained network that reads {data.kind} is on this machine. Name some, "
                "candidates=[...], which are fetched where that is allowed (punar fetch NAME). "
                f"punar.list_backbones(domain={data.kind!r}) lists those that are known."
            )
        return self.given(known, data, n_train, device)

    def given(self, candidates: Any, data: Reading, n_train: int, device: str) -> list[Candidate]:
        """Return the networks that the user names, as a sequence or as a mapping of names of their own."""
        if isinstance(candidates, (str, bytes, PretrainedBackbone)) or not hasattr(candidates, "__len__"):
            raise ParameterTypeError(f"{_RULE}, several in a list, got {shown(candidates)}.")
        if not len(candidates):
            raise ParameterError(f"{_RULE}, got none.")
        named = dict(candidates) if isinstance(candidates, Mapping) else _named(candidates)
        found = []
        for name, value in named.items():
            if not isinstance(name, str) or not name.strip():
                raise ParameterTypeError(f"{_RULE}; a name must be text that is not empty, got {shown(name)}.")
            if isinstance(value, (str, os.PathLike, PretrainedBackbone)):
                fits(value, data)
                value = self.learner(data, value, n_train, device, strategy="feature_extraction")
            self.check(name, value)
            found.append(Candidate(name, value))
        return [*self.yardsticks(data), *found]

    def how(self, data: Reading, candidates: Sequence[Candidate]) -> list[str]:
        """Return what is done with the networks, and what the cheap model is."""
        return [texts.HOW_BACKBONE, self.how_cheap(data)]


def _named(candidates: Sequence[Any]) -> dict[str, Any]:
    """Return short names for backbones, whole ones where the short would be the same."""
    short = [label_of(c) for c in candidates]
    found: dict[str, Any] = {}
    for i, (name, value) in enumerate(zip(short, candidates, strict=True)):
        whole = str(value) if short.count(name) > 1 else name
        found[whole if whole not in found else f"{whole} ({i + 1})"] = value
    return found
