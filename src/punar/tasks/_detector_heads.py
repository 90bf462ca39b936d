"""torchvision's detectors as heads: a feature pyramid, proposals and boxes over the maps that a backbone shows.

Called with the maps and the batch. Where the batch holds ``targets`` the answer is the named losses, in eval mode too,
else a dict of boxes, labels and scores for each picture, in pixels of what the network read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from punar.backbones import View
from punar.errors import MissingExtraError, NotSupportedError

# Narrower than torchvision's for COCO's 118,000 pictures (256 channels, 1024 units, 512 boxes): a quarter of the
# multiplications per map and box, which a processor can train on some hundred pictures.
CHANNELS, UNITS, PROPOSALS = 128, 512, 64
_TOP = 32  # pixels per step of the last map that is read; the pyramid goes on by pooling
_RATIOS = (0.5, 1.0, 2.0)


def torchvision() -> Any:
    """Return ``torchvision`` with its detectors and operators.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    try:
        import torchvision.models.detection
        import torchvision.ops
    except ImportError:
        raise MissingExtraError("Detection needs torchvision: pip install 'punar[vision]'") from None
    return torchvision


class Pyramid(nn.Module):
    """Maps of falling size -> maps of equal width, each enriched by the coarser ones, and coarser ones by pooling.

    Parameters
    ----------
    view : View
        A pyramid.
    finest : int
        Maps of fewer pixels per step are not read.
    further : nn.Module
        torchvision's block that adds coarser maps.
    levels : int
        How many maps it gives, all in all.

    References
    ----------
    Lin et al. (2017). Feature pyramid networks for object detection. CVPR.
    """

    def __init__(self, view: View, finest: int, further: Any) -> None:
        super().__init__()
        self.at = levels_of(view.strides, finest)
        self.out_channels = CHANNELS
        widths = [view.widths[i] for i in self.at]
        self.fpn = torchvision().ops.FeaturePyramidNetwork(widths, CHANNELS, extra_blocks=further)

    def forward(self, maps: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return maps by name, the finest first."""
        found: dict[str, Tensor] = self.fpn({str(k): maps[i] for k, i in enumerate(self.at)})
        return found


def levels_of(strides: Sequence[int], finest: int) -> list[int]:
    """Return which maps of a pyramid are read: one per stride from ``finest`` to 32, or the last where none is."""
    return [i for i, s in enumerate(strides) if finest <= s <= _TOP] or [len(strides) - 1]


class _Images:
    """What torchvision's parts ask of pictures: the size of a batch and of each."""

    def __init__(self, pixels: Tensor) -> None:
        self.tensors = pixels
        height, width = pixels.shape[-2:]
        self.image_sizes = [(int(height), int(width))] * len(pixels)


class FasterRCNN(nn.Module):
    """Region proposals and a classifier of boxes on a pyramid, made of torchvision's own parts.

    Parameters
    ----------
    view : View
    classes : int
        Without the background, which torchvision counts as 0.
    finest : int
        Pixels per step of the finest map that is read.
    score_threshold : float

    References
    ----------
    Ren et al. (2015). Faster R-CNN. NeurIPS.
    """

    @staticmethod
    def finest(wanted: int) -> int:
        """Return the pixels per step of the finest map that is read."""
        return wanted

    def __init__(self, view: View, classes: int, finest: int, score_threshold: float) -> None:
        super().__init__()
        tv = torchvision()
        self.pyramid = Pyramid(view, finest, tv.ops.feature_pyramid_network.LastLevelMaxPool())
        strides = [view.strides[i] for i in self.pyramid.at]
        sizes = tuple((4 * s, int(4 * s * 2**0.5)) for s in [*strides, 2 * strides[-1]])
        detection = tv.models.detection
        whole = detection.FasterRCNN(
            self.pyramid,
            rpn_anchor_generator=detection.anchor_utils.AnchorGenerator(sizes, (_RATIOS,) * len(sizes)),
            rpn_pre_nms_top_n_train=1000,
            rpn_pre_nms_top_n_test=500,
            rpn_post_nms_top_n_train=500,
            rpn_post_nms_top_n_test=300,
            box_roi_pool=tv.ops.MultiScaleRoIAlign([str(k) for k in range(len(strides))], 7, 2),
            box_head=detection.faster_rcnn.TwoMLPHead(CHANNELS * 7 * 7, UNITS),
            box_predictor=detection.faster_rcnn.FastRCNNPredictor(UNITS, classes + 1),
            box_batch_size_per_image=PROPOSALS,
            box_score_thresh=score_threshold,
        )
        self.rpn, self.roi_heads = whole.rpn, whole.roi_heads

    def forward(self, shown: Sequence[Tensor], batch: Mapping[str, Any]) -> Any:
        """Return losses where the batch has targets, else what was found."""
        features = self.pyramid(shown)
        if "targets" in batch:
            return by_picture(self._losses, features, batch)
        images = _Images(batch["pixels"])
        with teaching(False, self.rpn, self.roi_heads):
            proposals, _ = self.rpn(images, features)
            found, _ = self.roi_heads(features, proposals, images.image_sizes)
        return found

    def _losses(self, features: Mapping[str, Tensor], pixels: Tensor, targets: Any) -> dict[str, Tensor]:
        images = _Images(pixels)
        with teaching(True, self.rpn, self.roi_heads):
            proposals, losses = self.rpn(images, features, targets)
            _, further = self.roi_heads(features, proposals, images.image_sizes, targets)
        return {**losses, **further}


class RetinaNet(nn.Module):
    """A classifier of every anchor on a pyramid, made of torchvision's own parts.

    Parameters
    ----------
    view, classes, finest, score_threshold
        As for :class:`FasterRCNN`; the finest map has at least 8 pixels per step.

    References
    ----------
    Lin et al. (2017). Focal loss for dense object detection. ICCV.
    """

    @staticmethod
    def finest(wanted: int) -> int:
        """Return the pixels per step of the finest map that is read: every anchor is learned from, and 4 has most."""
        return max(wanted, 8)

    def __init__(self, view: View, classes: int, finest: int, score_threshold: float) -> None:
        super().__init__()
        tv = torchvision()
        pooled = tv.ops.feature_pyramid_network.LastLevelMaxPool()
        self.pyramid = Pyramid(view, self.finest(finest), pooled)
        strides = [view.strides[i] for i in self.pyramid.at]
        sizes = tuple(tuple(int(4 * s * 2 ** (k / 3)) for k in range(3)) for s in [*strides, 2 * strides[-1]])
        generator = tv.models.detection.anchor_utils.AnchorGenerator(sizes, (_RATIOS,) * len(sizes))
        # torchvision counts a class for the background, which is never right.
        self.detector: Any = tv.models.detection.RetinaNet(
            self.pyramid, classes + 1, anchor_generator=generator, score_thresh=score_threshold
        )
        self.detector.backbone = nn.Identity()  # the pyramid is called here, and stored once

    def forward(self, shown: Sequence[Tensor], batch: Mapping[str, Any]) -> Any:
        """Return losses where the batch has targets, else what was found."""
        maps = self.pyramid(shown)
        if "targets" in batch:
            return by_picture(self._losses, maps, batch)
        images, features, detector = _Images(batch["pixels"]), list(maps.values()), self.detector
        raw, anchors = detector.head(features), detector.anchor_generator(images, features)
        steps = [f.shape[2] * f.shape[3] for f in features]
        each = raw["cls_logits"].shape[1] // sum(steps)
        counts = [n * each for n in steps]
        by_level = {name: list(value.split(counts, 1)) for name, value in raw.items()}
        return detector.postprocess_detections(by_level, [list(a.split(counts)) for a in anchors], images.image_sizes)

    def _losses(self, maps: Mapping[str, Tensor], pixels: Tensor, targets: Any) -> dict[str, Tensor]:
        features, detector = list(maps.values()), self.detector
        raw, anchors = detector.head(features), detector.anchor_generator(_Images(pixels), features)
        losses: dict[str, Tensor] = detector.compute_loss(targets, raw, anchors)
        return losses


class Passed(nn.Module):
    """The head of a network that has its own: what it says is the answer."""

    def forward(self, shown: Any, batch: Mapping[str, Any]) -> Any:
        """Return what the network's own head says.

        Raises
        ------
        NotSupportedError
            Pictures are to be weighed.
        """
        if "weight" in batch:
            raise NotSupportedError("sample_weight is not for detectors with a head of their own; leave it out.")
        return shown


def by_picture(losses: Any, features: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the losses of a batch; where its ``weight`` is given, the weighted mean over its pictures, one by one."""
    pixels, targets, weight = batch["pixels"], batch["targets"], batch.get("weight")
    if weight is None:
        found: dict[str, Tensor] = losses(features, pixels, targets)
        return found
    total = weight.sum().clamp(min=torch.finfo(weight.dtype).tiny)
    sums: dict[str, Tensor] = {}
    for i in range(len(targets)):
        own = losses({k: v[i : i + 1] for k, v in features.items()}, pixels[i : i + 1], targets[i : i + 1])
        sums = {name: sums.get(name, 0.0) + value * weight[i] / total for name, value in own.items()}
    return sums


@contextmanager
def teaching(losses: bool, *parts: nn.Module) -> Iterator[None]:
    """Set the flag by which torchvision's parts choose between losses and answers; their layers stay as they are."""
    before = [part.training for part in parts]
    for part in parts:
        part.training = losses
    try:
        yield
    finally:
        for part, mode in zip(parts, before, strict=True):
            part.training = mode
