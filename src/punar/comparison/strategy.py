"""Which strategy suits your pictures, texts or recordings: from scratch, feature extraction, or fine-tuning?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from punar.comparison._item_question import ItemQuestion, fits, here, label_of, words
from punar.comparison._question import Candidate
from punar.comparison.reading import Reading
from punar.errors import ParameterError
from punar.texts import compare as texts

# The networks that come with punar, by what they read.
_USUAL = {"vision": "starter", "text": "minilm"}
_STRATEGIES: dict[str, dict[str, Any]] = {
    texts.SCRATCH: {"strategy": "scratch"},
    texts.EXTRACTION: {"strategy": "feature_extraction"},
    texts.LAST_BLOCK: {"strategy": "fine_tuning", "unfreeze": "last"},
    texts.ALL_LAYERS: {"strategy": "fine_tuning", "unfreeze": "all"},
}


class Strategy(ItemQuestion):
    """Four strategies on the same network and the same folds.

    References
    ----------
    Kornblith, Shlens and Le (2019). Do better ImageNet models transfer better? CVPR.
    """

    takes: ClassVar[tuple[str, ...]] = ("backbone",)
    words: ClassVar[Mapping[str, str]] = words(texts.STRATEGY_WORDS)

    def candidates(self, data: Reading, width: int | None, n_train: int, device: str) -> list[Candidate]:
        """Return the four strategies and two yardsticks."""
        self._choose(data)
        found = [
            Candidate(
                name,
                self.learner(data, self.backbone, n_train, device, **settings),
                classical=settings["strategy"] == "scratch",
            )
            for name, settings in _STRATEGIES.items()
        ]
        return [*self.yardsticks(data), *found]

    def given(self, candidates: Any, data: Reading, n_train: int, device: str) -> list[Candidate]:
        """Return the user's estimators and two yardsticks."""
        if self.backbone is not None:
            raise ParameterError("compare: give either backbone, for the usual strategies, or candidates, not both.")
        found = super().given(candidates, data, n_train, device)
        return [*self.yardsticks(data), *found]

    def is_classical(self, estimator: Any) -> bool:
        """Return whether it trains from scratch."""
        return getattr(estimator, "strategy", None) == "scratch"

    def how(self, data: Reading, candidates: Sequence[Candidate]) -> list[str]:
        """Return how the strategies differ, and what the cheap model is."""
        if self.backbone is None:
            return [self.how_cheap(data)]
        weights = getattr(self.backbone, "weights", "default")
        kind = "none" if weights is None else "default" if isinstance(weights, str) and weights == "default" else "file"
        line = texts.HOW_STRATEGY.format(name=label_of(self.backbone), weights=texts.WEIGHTS_OF[kind])
        return [line, self.how_cheap(data)]

    def plan(self) -> str:
        """Return the network's name."""
        return "" if self.backbone is None else texts.PLAN_BACKBONE.format(name=label_of(self.backbone))

    def _choose(self, data: Reading) -> None:
        if self.backbone is None:
            known = here(data.kind)
            usual = _USUAL.get(data.kind)
            if usual is None and not known:
                raise ParameterError(
                    f"compare: no pretrained network that reads {data.kind} is on this machine. Name one, "
                    "backbone=NAME, which is fetched where that is allowed (punar fetch NAME); or "
                    f"a folder that holds one. punar.list_backbones(domain={data.kind!r}) lists those that are known."
                )
            self.backbone = usual or known[0]
        fits(self.backbone, data)
