"""A detector that a backbone brings along whole, as torchvision's of COCO: its size, its names, its last layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from punar.backbones import Body, device_of
from punar.errors import NotSupportedError


@dataclass(frozen=True, eq=False)
class Own:
    """The native form of a detector.

    Parameters
    ----------
    body : Body
    """

    body: Body

    @classmethod
    def of(cls, body: Body) -> Own | None:
        """Return the detector of a body in native form; None of any other body."""
        return cls(body) if body.about.get("form") == "native" else None

    @property
    def fill(self) -> tuple[int, ...]:
        """The colour that the network takes for none: it normalises pictures itself."""
        return tuple(min(max(round(255 * m), 0), 255) for m in self.body.about["scaling"]["image_mean"])

    @property
    def categories(self) -> list[str]:
        """The names that the network knows, by its numbers from 1 on; empty for weights of one's own classes."""
        return [str(name) for name in self.body.about["native"].get("categories", [])][1:]

    @property
    def outputs(self) -> int:
        """How many classes the network tells apart, without the background."""
        module: Any = self.body.module
        return int(module.roi_heads.box_predictor.cls_score.out_features) - 1

    def sees(self, canvas: tuple[int, int], score_threshold: float) -> None:
        """Let the network take pictures of the canvas as they are: they were scaled before."""
        module: Any = self.body.module
        module.transform.min_size, module.transform.max_size = (min(canvas),), max(canvas)
        module.roi_heads.score_thresh = score_threshold

    def names(self, known: Sequence[Any]) -> list[Any]:
        """Return the labels to learn: the network's own where these are among them."""
        return self.categories if set(known) <= set(self.categories) - {"N/A"} else list(known)

    def learn_names(self, labels: Sequence[Any]) -> None:
        """Give the network a new last layer where the labels are others than its own.

        Raises
        ------
        NotSupportedError
            What is known of the network cannot be changed.
        """
        if list(labels) == self.categories:
            return
        from torchvision.models.detection.faster_rcnn import FastRCNNPredictor

        about, module = self.body.about, self.body.module
        if not isinstance(about, dict):
            raise NotSupportedError("this detector cannot learn other classes than its own.")
        heads: Any = module.roi_heads
        width = heads.box_predictor.cls_score.in_features
        made: nn.Module = FastRCNNPredictor(width, len(labels) + 1)
        heads.box_predictor = made.to(device_of(module)).train(heads.training)
        # What a folder stores, and a loaded model is built by.
        about["options"] = {**about["options"], "num_classes": len(labels) + 1}
        about["native"] = {**about["native"], "categories": []}
