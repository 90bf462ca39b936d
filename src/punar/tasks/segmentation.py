"""A class for every pixel of a picture."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from punar.backbones import Body, View
from punar.core.draws import seeded
from punar.core.params import boolean, check_params, either, instance, integer, none, one_of
from punar.errors import DataError, DataTypeError, NotSupportedError, ParameterError, PunarWarning, shown
from punar.preparations import Preparation, Sample
from punar.preparations.pictures import Pictures
from punar.preparations.whole_pictures import WholePictures
from punar.tasks import _mask_files as files
from punar.tasks import _masks as masks
from punar.tasks import _sides as sides
from punar.tasks._decoders import DECODERS, Decoder
from punar.tasks._dice import dice
from punar.tasks._iou import IouMeter, counts_of, mean_iou
from punar.tasks._mask_list import MaskList
from punar.tasks._targets import Targets
from punar.tasks._task import Meter, Net, Task, Term
from punar.texts import segmentation as texts

_MOST_CLASSES = 254
_LONGEST = 512  # of "auto"


class Segmentation(Task):
    """Which class has each pixel?

    Items are pictures, targets are masks: paths of grey or palette PNG files, whose numbers are the classes, or int
    arrays (h, w), each of its picture's size as the file stores it (before EXIF's turn). ``predict`` gives masks of
    that size with the same numbers. Any backbone that shows maps of several sizes carries a decoder of
    segmentation-models-pytorch. The score is the mean over classes of intersection over union, counted over the pixels
    of all pictures.

    The loss is cross-entropy plus the Dice loss: the one teaches every pixel, the other counts each class of a batch
    alike, as the score does, so that rare classes need no weights. Unless ``augment=None``, pictures and masks are
    mirrored left and right, enlarged by up to a quarter and shifted at random, but not where the output of frozen
    stages is remembered, which is of the pictures as they are. Nothing is turned upside down, and colours stay.

    Parameters
    ----------
    decoder : {"unet", "deeplabv3plus", "fpn"}, default="unet"
    ignore : int or None, default=255
        The number of pixels that nobody knows; they teach nothing and do not count. None where all numbers are classes,
        as in black-and-white masks of 0 and 255.
    size : "auto", int or (height, width), default="auto"
        What pictures are brought to, keeping their proportions: multiples of 32; one number is both. "auto" takes the
        median of the pictures to learn from, rounded up, 512 at most; smaller pictures are then not enlarged.
    tiles : bool, default=False
        Whether larger pictures are read at their own scale, in tiles of ``size`` that overlap by a quarter; class
        scores are averaged where they do, the middle of a tile first. False shrinks them.
    names : sequence of str or None, default=None
        What the numbers 0, 1, 2, ... of the masks stand for, in reports. Each is a class, though the masks of the fit
        may not hold it.

    References
    ----------
    Ronneberger, Fischer and Brox (2015). U-Net. MICCAI.
    Chen et al. (2018). Encoder-decoder with atrous separable convolution (DeepLabV3+). ECCV.
    Kirillov et al. (2019). Panoptic feature pyramid networks, 3. CVPR. (FPN)
    Milletari, Navab and Ahmadi (2016). V-Net. 3DV. (the Dice term of the loss)

    Examples
    --------
    >>> import numpy as np
    >>> task = Segmentation()
    >>> targets = task.learn([np.array([[0, 7], [255, 7]])], "fit")
    >>> task.values_, targets.item(0)["masks"].tolist()
    ([0, 7], [[0, 1], [255, 1]])
    """

    domains: ClassVar[tuple[str, ...]] = ("vision",)
    view: ClassVar[str] = "pyramid"
    models: ClassVar[tuple[str, ...]] = ("structured",)
    estimator_type: ClassVar[str | None] = None
    metric: ClassVar[str] = "mean_iou"
    target_form: ClassVar[str] = "masks"
    batch_size: ClassVar[int | None] = 8  # a picture is many examples, and takes the memory of many

    def __init__(
        self,
        decoder: str = "unet",
        ignore: int | None = 255,
        size: Any = "auto",
        tiles: bool = False,
        names: Sequence[str] | None = None,
    ) -> None:
        self.decoder = decoder
        self.ignore = ignore
        self.size = size
        self.tiles = tiles
        self.names = names

    def check(self, where: str | None = None) -> None:
        """Raise where a setting breaks its rule."""
        where = where or type(self).__name__
        rules = {
            "decoder": one_of(*DECODERS),
            "ignore": either(none(), integer(-(2**31))),
            "tiles": boolean(),
            "size": either(one_of("auto"), integer(1), instance(tuple, list, text="(height, width)")),
            "names": either(none(), instance(tuple, list, text="a list of names")),
        }
        check_params(self, rules, where)
        if not isinstance(self.size, str) and not sides.is_size(self.size):
            raise ParameterError(
                f"{where}: size must be 'auto', one number or (height, width), multiples of {sides.MULTIPLE} up to "
                f"{sides.MOST}, got {shown(self.size)}."
            )
        if self.names is not None and not all(isinstance(name, str) for name in self.names):
            raise ParameterError(f"{where}: names must be None or a list of names, got {shown(self.names)}.")
        if self.names is not None and len(set(self.names)) < len(self.names):
            raise ParameterError(f"{where}: names must differ, got {shown(self.names)}.")

    # -- targets --------------------------------------------------------------------------------------------------

    def meet(self, body: Body, where: str) -> Preparation:
        """Return how pictures are read: whole or in tiles, at the size that was learned or set.

        Raises
        ------
        NotSupportedError
            The backbone shows no maps of several sizes, or reads pictures of one size alone that is not ``size``.
        ParameterError
            ``size`` is less than it reads.
        """
        # Before it learned, after it, and after loading: what the network itself reads stands in its own plan.
        facts = body.recipe.plan(body.module, body.about).preparation
        if not isinstance(facts, Pictures):
            raise NotSupportedError(f"{where}: task='segmentation' needs a backbone that reads pictures.")
        body.plan.view(self.view)
        least = sides.rounded_up(facts.smallest)
        if isinstance(self.size, str):
            height, width = getattr(self, "size_", facts.size)
            size = max(height, least), max(width, least)
        else:
            size = sides.both(self.size)
            if min(size) < least:
                raise ParameterError(
                    f"{where}: size must be at least {(least, least)} for this backbone, got {shown(self.size)}."
                )
        if not facts.any_size and size != facts.size:
            raise NotSupportedError(
                f"{where}: this backbone reads pictures of {facts.size[0]} x {facts.size[1]} pixels alone; "
                f"task='segmentation' would read {size[0]} x {size[1]}. Set size={facts.size}, or take another one."
            )
        enlarge = not isinstance(self.size, str) and not self.tiles
        return WholePictures.of(facts, size, enlarge=enlarge, tiles=bool(self.tiles))

    def learn(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return masks as class numbers, and keep the numbers that they hold and the size of pictures."""
        read = files.read_masks(y, where, items)
        found = np.unique(np.concatenate([np.unique(mask) for mask in read]))
        values = [int(v) for v in found if v != self.ignore]
        if len(values) > _MOST_CLASSES:
            raise DataError(
                f"{where}: masks may hold {_MOST_CLASSES} different numbers, got {len(values):,}. A mask holds the "
                "class of each pixel, not a colour or the number of an object."
            )
        if len(values) < 2:
            raise DataError(files.too_few(values, self.ignore, where))
        if self.names is not None and max(values) >= len(self.names):
            raise ParameterError(
                f"{where}: names must have a name for each number of the masks, counted from 0: they hold "
                f"{max(values)}, and there are {len(self.names)} names."
            )
        # What has a name is a class, though the masks of this fit may not hold it: others may.
        self.values_ = sorted({*values, *range(len(self.names or ()))} - {self.ignore})
        if self.size == "auto":
            self.size_ = self._median_size(read, items, where)
        else:
            self.size_ = sides.both(self.size)
        return self._encoded(read, where, files.listed_masks(y, where))

    def encode(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return masks encoded as those of the fit; see :class:`Task`."""
        return self._encoded(files.read_masks(y, where, items), where, files.listed_masks(y, where))

    def _encoded(self, read: Sequence[np.ndarray], where: str, given: Sequence[Any]) -> Targets:
        known = np.asarray(self.values_)

        def one(i: int) -> np.ndarray:
            mask = read[i]
            number = np.searchsorted(known, mask).clip(max=len(known) - 1)
            ignored = mask == self.ignore if self.ignore is not None else np.zeros(mask.shape, dtype=bool)
            strange = (known[number] != mask) & ~ignored
            if strange.any():
                value = int(mask[strange][0])
                raise DataError(
                    f"{where}: y[{i}]{files.named(given[i])} holds the number {value}, which no mask of the fit held; "
                    f"those were {', '.join(map(str, known.tolist()))}. Fit again with masks that hold it, with a name "
                    f"for each number, Segmentation(names=...) or classes.txt beside a folder; no class is "
                    f"{self.ignore}."
                )
            return np.where(ignored, masks.IGNORED, number).astype(np.uint8)

        return Targets({"masks": MaskList(map(one, range(len(read))), torch.from_numpy)})

    def weights_of_rows(self, targets: Targets, class_weight: Any, where: str) -> Tensor | None:
        """Refuse ``class_weight``; see :class:`Task`."""
        if class_weight is not None:
            raise ParameterError(f"{where}: {texts.NO_CLASS_WEIGHT}")
        return None

    def _median_size(self, read: Sequence[np.ndarray], items: Sequence[Any], where: str) -> tuple[int, int]:
        """Return the pictures' median height and width as the network may read them, and say where that is smaller."""
        turned = [files.picture_size(item)[2] for item in items] or [False] * len(read)
        shapes = [mask.shape[::-1] if turn else mask.shape for mask, turn in zip(read, turned, strict=True)]
        height, width = (float(v) for v in np.median(np.asarray(shapes), axis=0))
        # Tiles lose nothing: each side has its own limit.
        share = 1.0 if self.tiles else min(1.0, _LONGEST / max(height, width))
        size = tuple(min(_LONGEST, sides.rounded_up(side * share)) for side in (height, width))
        if share < 1:
            said = texts.SHRUNK.format(where=where, height=round(height), width=round(width), size=size)
            warnings.warn(said, PunarWarning, stacklevel=2)
        return size[0], size[1]

    def state(self) -> dict[str, Any]:
        """Return the numbers of the classes, and the size of pictures."""
        return {"values": self.values_, "size": list(self.size_)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take untrusted facts; see :class:`Task`."""
        values, size = state["values"], state["size"]
        whole = isinstance(values, list) and all(type(v) is int for v in values)
        if not whole or values != sorted(set(values)) or not 2 <= len(values) <= _MOST_CLASSES:
            raise ValueError(f"values must be 2 to {_MOST_CLASSES} rising whole numbers, found {shown(values)}")
        if not isinstance(size, list) or not sides.is_size(size):
            raise ValueError(f"size must be two multiples of {sides.MULTIPLE} up to {sides.MOST}, found {shown(size)}")
        self.values_, self.size_ = values, (size[0], size[1])

    def place(self, target: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
        """Return the mask as the network sees its picture, uint8 (h, w); what is beside the picture is ignored."""
        assert sample.trace is not None
        return {"masks": masks.placed_mask(target["masks"], sample.trace, sample.tensor.shape[-2:])}

    def collate(self, placed: Sequence[Mapping[str, Tensor]], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return {"masks": (n, h, w)}."""
        return {"masks": torch.stack([target["masks"] for target in placed])}

    # -- the network ------------------------------------------------------------------------------------------------

    @property
    def outputs(self) -> int:
        """One per class."""
        return len(self.values_)

    @property
    def class_names(self) -> list[str]:
        """What each class is called: its name where there is one, else its number."""
        known = list(self.names or ())
        return [known[v] if 0 <= v < len(known) else str(v) for v in self.values_]

    def build(self, view: View, seed: int | None) -> nn.Module:
        """Return the decoder.

        Raises
        ------
        MissingExtraError
            segmentation-models-pytorch is not installed.
        """
        with nullcontext() if seed is None else seeded(seed):
            return Decoder(self.decoder, view.widths, view.strides, self.outputs)

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
        """Return the cross-entropy of the pixels, and 1 minus the Dice coefficient over the classes of the batch."""
        raw, true = net(batch).float(), target["masks"].long()
        known = true != masks.IGNORED
        share = known.to(raw.dtype)
        if weight is not None:
            share = share * weight.view(-1, 1, 1)
        total = share.sum()
        sure = torch.log_softmax(raw, 1)
        # An ignored pixel counts as one of class 0 with weight 0.
        picked = sure.gather(1, true.masked_fill(~known, 0).unsqueeze(1)).squeeze(1)
        mean = -(picked * share).sum() / total.clamp(min=torch.finfo(raw.dtype).tiny)
        count = float(total)
        return {"cross_entropy": Term(mean, count), "dice": Term(dice(sure.exp(), true, share), count)}

    def vary(
        self, batch: Mapping[str, Tensor], target: Mapping[str, Tensor], generator: torch.Generator
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return pictures and masks mirrored, enlarged and shifted at random, together."""
        pixels, true = batch["pixels"], target["masks"]
        grid = masks.random_grid(len(pixels), pixels.shape[-2:], generator).to(pixels.device, pixels.dtype)
        moved = F.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        # What enters at the border is no class: 0 in numbers that count from 1.
        numbers = (true + 1).to(pixels.dtype).unsqueeze(1)  # in uint8 255 + 1 is 0: what is ignored stays so
        own = F.grid_sample(numbers, grid, mode="nearest", padding_mode="zeros", align_corners=False)
        back = own.squeeze(1).round().to(torch.uint8) - 1
        return {**batch, "pixels": moved}, {**target, "masks": back}

    # -- answers ------------------------------------------------------------------------------------------------------

    def answer(self, net: Net, batch: Mapping[str, Tensor], traces: Sequence[Tensor | None]) -> list[Any]:
        """Return, for each picture, the class of each of its own pixels; for a tile its place and class scores."""
        found: list[Any] = []
        for raw, trace in zip(net(batch).float(), traces, strict=True):
            assert trace is not None
            if trace[2, 2] == 1:
                found.append(masks.labels_of(raw, trace))
                continue
            box = masks.box_of(trace, raw.shape[1:])
            sure = masks.scores_at(torch.softmax(raw, 0), trace, box)
            found.append((trace, torch.tensor(box), sure.to(torch.float16).cpu()))
        return found

    def merge(self, parts: Sequence[Any], item: Any) -> Any:
        """Return the class of each pixel, uint8 (h, w); where tiles overlap, of the highest mean score."""
        if isinstance(parts[0], Tensor):
            return parts[0]
        height, width = (int(v) for v in parts[0][0][2, :2])
        total = torch.zeros(self.outputs, height, width)
        for _, box, sure in parts:
            top, left, bottom, right = box.tolist()
            total[:, top:bottom, left:right] += sure * masks.tile_weights(bottom - top, right - left)
        return total.argmax(0).to(torch.uint8)

    def predictions(self, answers: Sequence[Any], items: Sequence[Any]) -> Any:
        """Return a mask for each picture, with the numbers of the fit's masks: uint8 where they fit, else int64."""
        small = self.values_[0] >= 0 and self.values_[-1] <= 255
        values = np.asarray(self.values_, dtype=np.uint8 if small else np.int64)
        return [values[answer.numpy()] for answer in answers]

    def constant(self, targets: Targets) -> list[Any]:
        """Return the class that most pixels have, everywhere: no other mask of one class has a better mean."""
        known = (mask[mask != masks.IGNORED].long() for mask in targets.columns["masks"])
        counts = sum(torch.bincount(own, minlength=self.outputs) for own in known)
        assert isinstance(counts, Tensor)
        usual = counts.argmax().to(torch.uint8)
        return [usual.expand(mask.shape) for mask in targets.columns["masks"]]

    def itself(self, raw: Any) -> dict[str, Tensor]:
        """Return the predicted class of every pixel."""
        return {"masks": raw.detach().argmax(1).to(torch.uint8)}

    def meter(self) -> Meter:
        """Return a meter of the mean over classes of intersection over union."""
        return IouMeter(self.class_names)

    def score(self, y: Any, predictions: Any, sample_weight: Any = None) -> float:
        """Return the mean over classes of intersection over union, over the pixels of all pictures."""
        if sample_weight is not None:
            raise DataTypeError("score: sample_weight is not for task='segmentation'; every pixel counts once.")
        true, found = self.encode(y, "score"), self.encode(predictions, "score")
        if len(true) != len(found):
            raise DataError(f"score: y has {len(true)} masks, and there are {len(found)} predictions.")
        for i, (a, b) in enumerate(zip(true.columns["masks"], found.columns["masks"], strict=True)):
            if a.shape != b.shape:
                raise DataError(f"score: y[{i}] has shape {tuple(a.shape)}, and its prediction {tuple(b.shape)}.")
        if all(bool((mask == masks.IGNORED).all()) for mask in true.columns["masks"]):
            raise DataError(f"score: every pixel of y is ignored ({self.ignore}); there is nothing to measure.")
        meter = self.meter()
        meter.add(list(found.columns["masks"]), true)
        return meter.value()

    def sheet(self, answer: Any, target: Mapping[str, Tensor], item: Any) -> dict[str, Any]:
        """Return what a report shows of one picture: the mask that is right and the one that was found."""
        score = mean_iou(counts_of(answer, target["masks"], self.outputs))
        return {
            "form": "masks",
            "truth": target["masks"].numpy(),
            "found": answer.numpy(),
            "names": self.class_names,
            "ignore": masks.IGNORED,
            "score": score,
        }
