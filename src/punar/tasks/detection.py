"""Which things does a picture show, and where?"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from punar.backbones import Body, View
from punar.core.draws import drawing_from, seeded
from punar.core.params import check_params, either, integer, number, one_of
from punar.errors import (
    DamagedModelError,
    DataError,
    DataTypeError,
    NotSupportedError,
    ParameterError,
    ParameterTypeError,
    PunarWarning,
    shown,
)
from punar.preparations import Preparation, Sample
from punar.preparations.letterboxed import Letterboxed
from punar.preparations.pictures import Pictures
from punar.tasks import _boxes as forms
from punar.tasks._average_precision import PrecisionMeter
from punar.tasks._canvas import canvas_of, finest_of, smallest_of
from punar.tasks._constant_boxes import best_boxes
from punar.tasks._detector_heads import FasterRCNN, Passed, RetinaNet, levels_of
from punar.tasks._own_detectors import Own
from punar.tasks._targets import Targets
from punar.tasks._task import Meter, Net, Table, Task, Term
from punar.texts import detection as sentences
from punar.texts import predictions as texts

_DETECTORS: dict[str, Any] = {"faster_rcnn": FasterRCNN, "retinanet": RetinaNet}
_LEAST = 0.1  # pixels that a box is wide at least once it is scaled: the logarithm of its side is learned


class Detection(Task):
    """Which things does a picture show, and where?

    Targets are dicts of ``boxes`` (m, 4), left, top, right and bottom in pixels of the picture as people see it (after
    the turn that EXIF asks for), and ``labels`` (m,), texts or whole numbers; pictures without boxes have empty ones.
    Answers are such dicts with ``scores`` (m,) besides, the surest first.

    A detector of torchvision is put on the feature pyramid of any picture backbone that shows one. A detector that was
    trained on COCO (``"torchvision:fasterrcnn_resnet50_fpn"`` and its relatives) is kept whole: it goes on with its own
    classes where all labels are COCO's, else its last layer is replaced.

    Parameters
    ----------
    detector : {"faster_rcnn", "retinanet"}, default="faster_rcnn"
    size : "auto", int or (height, width), default="auto"
        Pixels of the short side of the usual picture, or the canvas that all are fitted into. "auto" takes 320, less
        where the pictures are smaller and more where nine tenths of their boxes would not reach 16 pixels.
    score_threshold : float in [0, 1), default=0.05
        Boxes of a lower score are not given.

    References
    ----------
    Ren et al. (2015). Faster R-CNN: towards real-time object detection with region proposal networks. NeurIPS.
    Lin et al. (2017). Feature pyramid networks for object detection. CVPR.
    Lin et al. (2017). Focal loss for dense object detection. ICCV. (RetinaNet)
    Lin et al. (2014). Microsoft COCO: common objects in context. ECCV. (mean average precision)

    Examples
    --------
    >>> task = Detection()
    >>> targets = task.learn([{"boxes": [[2, 3, 9, 8]], "labels": ["cell"]}, {"boxes": [], "labels": []}], "fit")
    >>> task.labels_, targets.item(0)["boxes"].tolist()
    (['cell'], [[2.0, 3.0, 9.0, 8.0]])
    """

    domains: ClassVar[tuple[str, ...]] = ("vision",)
    view: ClassVar[str] = "pyramid"
    models: ClassVar[tuple[str, ...]] = ("structured",)
    heads: ClassVar[tuple[str, ...]] = ("FasterRCNN",)
    estimator_type: ClassVar[str | None] = None
    metric: ClassVar[str] = "map_50"
    target_form: ClassVar[str] = "boxes"
    batch_size: ClassVar[int | None] = 4  # pictures: each gives many boxes

    def __init__(self, detector: str = "faster_rcnn", size: Any = "auto", score_threshold: float = 0.05) -> None:
        self.detector = detector
        self.size = size
        self.score_threshold = score_threshold

    def check(self, where: str | None = None) -> None:
        """Raise where a setting breaks its rule."""
        where, side = where or type(self).__name__, integer(32, 4096)
        rules = {
            "detector": one_of(*_DETECTORS),
            "score_threshold": number(0, 1, open_high=True),
        }
        check_params(self, rules, where)
        if not isinstance(self.size, (tuple, list)):
            check_params(self, {"size": either(one_of("auto"), side)}, where)
        elif len(self.size) != 2 or not all(side.has_type(v) for v in self.size):
            raise ParameterTypeError(
                f"{where}: size must be 'auto', one whole number or (height, width), got {shown(self.size)}."
            )
        elif not all(side.is_valid(v) for v in self.size):
            raise ParameterError(f"{where}: size must be in [32, 4096] both ways, got {shown(self.size)}.")

    # -- targets --------------------------------------------------------------------------------------------------

    def meet(self, body: Body, where: str) -> Preparation:
        """Return pictures seen whole, in the network's colours; see :class:`Task`.

        Raises
        ------
        NotSupportedError
            The backbone reads no pictures, or of one size alone.
        ParameterError
            A COCO detector is Faster R-CNN, and ``detector`` asks for another.
        DamagedModelError
            A stored one has other classes than the labels say.
        """
        canvas = getattr(self, "canvas_", None) or canvas_of((), 0.0, self.size)
        own, colours = Own.of(body), _colours(body.plan.preparation, where)
        if own is None:
            return replace(colours, canvas=canvas)
        if self.detector != "faster_rcnn":
            raise ParameterError(
                f"{where}: this backbone is a Faster R-CNN of its own; detector={shown(self.detector)} needs one "
                "without a head, such as 'resnet50'."
            )
        own.sees(canvas, self.score_threshold)
        if not hasattr(self, "labels_"):
            # Until the labels are learned and the head is built: only then can its last layer be another.
            self.own_ = own
        elif not hasattr(self, "own_") and own.outputs != self.outputs:
            raise DamagedModelError(
                f"{where}: the detector tells {own.outputs} classes apart, and the model has {self.outputs} labels."
            )
        return replace(colours, canvas=canvas, fill=own.fill)

    def looks(self, view: View) -> View:
        """Return the levels of a pyramid from the finest on that was chosen for the boxes; see :class:`Task`."""
        if view.form != "pyramid" or not hasattr(self, "finest_"):
            return view
        at = levels_of(view.strides, _DETECTORS[self.detector].finest(self.finest_))
        return view if len(at) == len(view.strides) else view.levels(at)

    def learn(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return boxes in the pictures' pixels and label numbers; see :class:`Task`."""
        self.check(where)
        found = forms.read(y, where, items)
        known = forms.names_of(found, where)
        if not known:
            raise DataError(f"{where}: y must hold at least one box to learn from, got none in {len(found)} pictures.")
        own = getattr(self, "own_", None)
        self.labels_ = known if own is None else own.names(known)
        sizes, smallest = forms.sizes_of(items), smallest_of([boxes for boxes, _ in found])
        self.canvas_ = canvas_of(sizes, smallest, self.size)
        self.finest_ = finest_of(self.canvas_, sizes, smallest)
        return self._encoded(found, where)

    def from_names(self, labels: Sequence[str]) -> None:
        """Take a detector with its own classes as it is; ``labels`` are none. See :class:`Task`."""
        own = getattr(self, "own_", None)
        known = [] if own is None else own.categories
        self._takes_as_it_is(bool(known) and not labels, "torchvision's detectors that were trained on COCO")
        self.labels_, self.canvas_ = known, canvas_of((), 0.0, self.size)
        self.finest_ = finest_of(self.canvas_, (), 0.0)

    def encode(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return targets encoded as those of the fit; see :class:`Task`."""
        return self._encoded(forms.read(y, where, items), where)

    def _encoded(self, found: Sequence[forms.Boxes], where: str) -> Targets:
        number = {name: i for i, name in reversed(list(enumerate(self.labels_)))}
        for i, (_, labels) in enumerate(found):
            for j, label in enumerate(labels):
                if label not in number:
                    raise DataError(
                        f"{where}: y[{i}]['labels'][{j}] is {shown(label)}, which is not a label of the model: it has "
                        f"{shown(self.labels_)}."
                    )
        return Targets(
            {
                "boxes": [torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4) for boxes, _ in found],
                "labels": [torch.tensor([number[name] for name in own], dtype=torch.int64) for _, own in found],
            }
        )

    def state(self) -> dict[str, Any]:
        """Return labels, canvas, and the finest map that is read."""
        return {"labels": self.labels_, "canvas": list(self.canvas_), "finest": self.finest_}

    def restore(self, state: dict[str, Any]) -> None:
        """Take untrusted facts; see :class:`Task`."""
        labels, canvas, finest = state["labels"], state["canvas"], state["finest"]
        kinds = {type(label) for label in labels} if isinstance(labels, list) else set()
        if kinds not in ({str}, {int}):
            raise ValueError(f"labels must be a list of texts or of whole numbers, found {shown(labels)}")
        sides = canvas if isinstance(canvas, list) and len(canvas) == 2 else []
        if not sides or not all(type(side) is int and 32 <= side <= 4096 and side % 32 == 0 for side in sides):
            raise ValueError(f"canvas must be two multiples of 32 up to 4096, found {shown(canvas)}")
        if type(finest) is not int or finest not in (4, 8):
            raise ValueError(f"finest must be 4 or 8, found {shown(finest)}")
        self.labels_, self.canvas_, self.finest_ = labels, (sides[0], sides[1]), finest

    def place(self, target: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
        """Return boxes in the pixels that the network reads, and their labels."""
        assert sample.trace is not None
        scale, shift = sample.trace[:, :2].diagonal(), sample.trace[:, 2]
        boxes = ((target["boxes"].double().reshape(-1, 2, 2) - shift) / scale).reshape(-1, 4).float()
        boxes[:, 2:] = torch.maximum(boxes[:, 2:], boxes[:, :2] + _LEAST)
        return {"boxes": boxes, "labels": target["labels"]}

    def collate(self, placed: Sequence[Mapping[str, Tensor]], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return {"boxes": (n, m, 4), "labels": (n, m), "count": (n,)}, padded with zeros to the most boxes."""
        count = torch.tensor([len(target["labels"]) for target in placed])
        most = int(count.max()) if len(placed) else 0
        boxes, labels = torch.zeros(len(placed), most, 4), torch.zeros(len(placed), most, dtype=torch.int64)
        for i, target in enumerate(placed):
            boxes[i, : count[i]], labels[i, : count[i]] = target["boxes"], target["labels"]
        return {"boxes": boxes, "labels": labels, "count": count}

    def vary(
        self, batch: Mapping[str, Tensor], target: Mapping[str, Tensor], generator: Any
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the batch with half of its pictures mirrored, left for right, boxes with them."""
        pixels, boxes = batch["pixels"], target["boxes"]
        device = getattr(generator, "device", pixels.device)
        mirrored = (torch.rand(len(pixels), generator=generator, device=device) < 0.5).to(pixels.device)
        width = float(pixels.shape[3])
        other = torch.stack([width - boxes[..., 2], boxes[..., 1], width - boxes[..., 0], boxes[..., 3]], -1)
        return (
            {**batch, "pixels": torch.where(mirrored[:, None, None, None], pixels.flip(3), pixels)},
            {**target, "boxes": torch.where(mirrored[:, None, None], other, boxes)},
        )

    # -- the network ------------------------------------------------------------------------------------------------

    @property
    def outputs(self) -> int:
        """One per label."""
        return len(self.labels_)

    def build(self, view: View, seed: int | None) -> nn.Module:
        """Return the detector over a pyramid; of a COCO detector its own, with a new last layer for new labels."""
        own = self.__dict__.pop("own_", None)
        with nullcontext() if seed is None else seeded(seed):
            if view.form == "native":
                if own is not None:
                    own.learn_names(self.labels_)
                return Passed()
            made: nn.Module = _DETECTORS[self.detector](view, self.outputs, self.finest_, self.score_threshold)
            return made

    def losses(
        self,
        net: Net,
        batch: Mapping[str, Tensor],
        target: Mapping[str, Tensor],
        weight: Tensor | None,
        *,
        progress: float,
        generator: Any,
    ) -> dict[str, Term]:
        """Return torchvision's losses: of proposals and boxes, or of every anchor; each weighs its pictures."""
        pictures = zip(target["boxes"], target["labels"], target["count"].tolist(), strict=True)
        # torchvision counts the background as 0.
        targets = [{"boxes": boxes[:n], "labels": labels[:n] + 1} for boxes, labels, n in pictures]
        given: dict[str, Any] = {**batch, "targets": targets}
        if weight is not None:
            given["weight"] = weight
        # Which boxes are learned from is drawn by torch.randperm.
        with drawing_from(generator):
            found = net(given)
        count = float(len(targets)) if weight is None else float(weight.sum())
        return {name: Term(value, count) for name, value in found.items()}

    # -- answers ------------------------------------------------------------------------------------------------------

    def answer(self, net: Net, batch: Mapping[str, Tensor], traces: Sequence[Tensor | None]) -> list[Any]:
        """Return boxes in the picture's own pixels, label numbers and scores of each sample."""
        found: list[Any] = []
        for own, trace in zip(net(batch), traces, strict=True):
            assert trace is not None
            scale, shift = trace[:, :2].diagonal(), trace[:, 2]
            boxes = own["boxes"].detach().cpu().double().reshape(-1, 2, 2) * scale + shift
            labels, scores = own["labels"].cpu() - 1, own["scores"].detach().float().cpu()
            sure = scores >= self.score_threshold
            found.append({"boxes": boxes.reshape(-1, 4).float()[sure], "labels": labels[sure], "scores": scores[sure]})
        return found

    def merge(self, parts: Sequence[Any], item: Any) -> Any:
        """Return what was found in a picture, within its borders."""
        (found,) = parts
        boxes = forms.clip(found["boxes"], item)
        kept = (boxes[:, 2:] > boxes[:, :2]).all(1)  # others lie beside the picture, where its canvas is filled
        return {name: value[kept] for name, value in (found | {"boxes": boxes}).items()}

    def predictions(self, answers: Sequence[Any], items: Sequence[Any]) -> list[dict[str, np.ndarray]]:
        """Return a dict of boxes (m, 4), labels (m,) and scores (m,) for each picture, the surest first."""
        names = np.asarray(self.labels_)
        return [
            {"boxes": a["boxes"].numpy(), "labels": names[a["labels"].numpy()], "scores": a["scores"].numpy()}
            for a in answers
        ]

    def table(self, answers: Sequence[Any], items: Sequence[Any]) -> Table:
        """Return a row for each box that was found."""
        predicted = self.predictions(answers, items)
        boxes = np.concatenate([own["boxes"] for own in predicted] or [np.zeros((0, 4))])
        columns: dict[str, Any] = {
            texts.LABEL: np.concatenate([own["labels"] for own in predicted] or [np.zeros(0)]),
            texts.SCORE: np.concatenate([own["scores"] for own in predicted] or [np.zeros(0)]),
        }
        sides = (texts.LEFT, texts.TOP, texts.RIGHT, texts.BOTTOM)
        columns |= {name: boxes[:, i] for i, name in enumerate(sides)}
        return Table(np.repeat(np.arange(len(items)), [len(own["labels"]) for own in predicted]), columns)

    def constant(self, targets: Targets) -> list[Any]:
        """Return the boxes that alone, in every picture, score best of those tried."""
        answer = best_boxes(targets, self.outputs, self.meter)
        return [answer] * len(targets)

    def meter(self) -> Meter:
        """Return a meter of mean average precision at an overlap of 0.5."""
        return PrecisionMeter([str(name) for name in self.labels_])

    def score(self, y: Any, predictions: Any, sample_weight: Any = None) -> float:
        """Return the mean average precision at an overlap of 0.5."""
        if sample_weight is not None:
            raise DataTypeError("score: sample_weight is not for task='detection'; every picture counts once.")
        true, own = forms.read(y, "score"), forms.as_given(predictions, "score: predictions")
        if len(true) != len(own):
            raise DataError(f"score: y has {len(true)} pictures and the predictions {len(own)}.")
        if not any(len(boxes) for boxes, _ in true):
            raise DataError(f"score: y has no box in {len(true)} pictures; there is nothing to measure.")
        names = forms.names_of([*true, *own], "score")
        if hasattr(self, "labels_"):
            strange = [name for name in forms.names_of(true, "score") if name not in self.labels_]
            if strange:
                said = sentences.STRANGE.format(found=shown(strange), known=shown(self.labels_))
                warnings.warn(said, PunarWarning, stacklevel=3)
        number = {name: i for i, name in enumerate(names)}
        meter, sure = PrecisionMeter(names), forms.scores_of(predictions, own, "score")
        for (boxes, labels), (found, named), scores in zip(true, own, sure, strict=True):
            answer = {"boxes": found, "labels": [number[name] for name in named], "scores": scores}
            meter.count(answer, boxes, [number[name] for name in labels])
        return meter.value()

    def sheet(self, answer: Any, target: Mapping[str, Tensor], item: Any) -> dict[str, Any]:
        """Return true and found boxes of a picture, and the mean average precision of it alone."""
        meter = PrecisionMeter(self.labels_)
        meter.count(answer, target["boxes"], target["labels"])
        return {
            "form": "boxes",
            "truth": {name: target[name].tolist() for name in ("boxes", "labels")},
            "found": {name: answer[name].tolist() for name in ("boxes", "labels", "scores")},
            "names": [str(name) for name in self.labels_],
            "score": meter.value(),
        }


def _colours(preparation: Preparation, where: str) -> Letterboxed:
    """Return how a network that reads pictures has them, on some canvas.

    Raises
    ------
    NotSupportedError
        It reads no pictures, or of one size alone.
    """
    if isinstance(preparation, Letterboxed):
        return preparation
    if not isinstance(preparation, Pictures):
        raise NotSupportedError(f"{where}: task='detection' reads pictures; this backbone does not. Take another.")
    if not preparation.any_size:
        raise NotSupportedError(
            f"{where}: task='detection' sees pictures in their own proportions; this backbone reads "
            f"{preparation.size[0]} x {preparation.size[1]} pixels alone. Take a convolutional one, such as 'resnet18'."
        )
    return Letterboxed.like(preparation)
