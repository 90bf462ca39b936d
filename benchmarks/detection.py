"""Blood cells found and named: Faster R-CNN on MobileNetV2, and torchvision's own training loop with the same network.

    pip install ".[vision,test]"
    python benchmarks/detection.py punar --checkpoint FOLDER --minutes 7     # again, until its row says all epochs
    python benchmarks/detection.py loop --checkpoint FOLDER --minutes 7      # the same network and steps by hand
    python benchmarks/detection.py speed                                     # predicting 200 pictures

BCCD: 292 pictures to train on, its test list of 72 read once. Each row is a process of its own, which can be stopped
and taken up again; seconds are the processor's, of all its parts.
"""

from __future__ import annotations

import argparse
import io
import time
import warnings
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _transfer_data import DATA, need
from PIL import Image, ImageDraw
from torch import nn

import punar
from punar.tasks._detector_heads import CHANNELS, PROPOSALS, UNITS
from punar.tasks.detection import Detection

WEIGHTS = DATA / "weights" / "mobilenet_v2_imagenet" / "mobilenetv2_100_same_bnstats.safetensors"
CANVAS, BATCH, FROZEN = (320, 448), 4, 4  # the first stages, to stride 8, stay as they are


def bccd(split: str) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
    need(DATA / "bccd.zip")
    archive = zipfile.ZipFile(DATA / "bccd.zip")
    listed = next(n for n in archive.namelist() if n.endswith(f"ImageSets/Main/{split}.txt"))
    root = listed[: -len(f"ImageSets/Main/{split}.txt")]
    X, y = [], []
    for name in archive.read(listed).decode().split():
        X.append(np.asarray(Image.open(io.BytesIO(archive.read(f"{root}JPEGImages/{name}.jpg"))).convert("RGB")))
        things = list(ET.fromstring(archive.read(f"{root}Annotations/{name}.xml")).iter("object"))
        sides = ("xmin", "ymin", "xmax", "ymax")
        boxes = [[float(t.findtext(f"bndbox/{side}", "")) for side in sides] for t in things]
        y.append({"boxes": boxes, "labels": [t.findtext("name") for t in things]})
    return X, y


def backbone() -> Any:
    need(WEIGHTS)
    return punar.backbone("timm:mobilenetv2_100", weights=WEIGHTS, pad_type="same", mean=0.5, std=0.5)


def measured(task: Detection, found: list[dict[str, Any]], X: Any, y: Any) -> dict[str, Any]:
    meter, targets = task.meter(), task.encode(y, "benchmark", X)
    number = {name: i for i, name in enumerate(task.labels_)}
    for own, boxes, labels in zip(found, targets.columns["boxes"], targets.columns["labels"], strict=True):
        meter.count({**own, "labels": [number[n] for n in own["labels"]]}, boxes, labels)
    low, high = meter.interval()
    chance = task.meter()
    chance.add(task.constant(targets), targets)
    return {"map_50": meter.value(), "low": low, "high": high, "chance": chance.value(), **meter.details()}


def row(name: str, found: dict[str, Any], seconds: float) -> str:
    each = ", ".join(f"{label} {value:.3f}" for label, value in found["per_class"].items())
    return (
        f"| {name} | {found['map_50']:.3f} ({found['low']:.3f} to {found['high']:.3f}) | {found['map_50_95']:.3f} | "
        f"{each} | {found['chance']:.3f} | {seconds:.0f} |"
    )


def ours(options: argparse.Namespace) -> None:
    X, y = bccd("trainval")
    model = punar.TransferLearner(
        backbone(),
        task="detection",
        strategy="fine_tuning",
        unfreeze=8 - options.frozen,
        epochs=options.epochs,
        batch_size=BATCH,
        learning_rate=options.rate,
        validation_fraction=0,
        random_state=0,
        # What is frozen is not computed again when the training is taken up again.
        cache=False if options.checkpoint is None else str(Path(options.checkpoint) / "cache"),
    )
    began = time.process_time()
    model.fit(X, y, checkpoint=options.checkpoint, time_limit=60 * options.minutes)
    print(f"{len(model.history_)} epochs, {time.process_time() - began:.0f} s of this process", model.history_[-1:])
    if options.checkpoint is not None:
        with (Path(options.checkpoint) / "seconds.txt").open("a", encoding="utf-8") as file:
            file.write(f"{time.process_time() - began}\n")
    seconds = time.process_time() - began
    if options.checkpoint is not None:
        seconds = sum(map(float, (Path(options.checkpoint) / "seconds.txt").read_text().split()))
        if len(model.history_) == options.epochs:
            punar.save(model, Path(options.checkpoint) / "model")
    V, w = bccd("test")
    name = f"punar, {len(model.history_)} of {options.epochs} epochs"
    found = model.predict(V)
    print(row(name, measured(model.fitted_.task, found, V, w), seconds))
    if options.sheet is not None:
        sheet(V[:6], w[:6], found[:6]).save(options.sheet)


def sheet(X: list[np.ndarray], y: list[dict[str, Any]], found: list[dict[str, Any]]) -> Image.Image:
    """Return pictures with true boxes in white, thin, and found ones of a score over a half in their class's colour."""
    colours = {"RBC": "red", "WBC": "blue", "Platelets": "lime"}
    width, height = X[0].shape[1], X[0].shape[0]
    page = Image.new("RGB", (3 * width, -(-len(X) // 3) * height))
    for i, (picture, true, own) in enumerate(zip(X, y, found, strict=True)):
        tile = Image.fromarray(picture)
        pen = ImageDraw.Draw(tile)
        for box in true["boxes"]:
            pen.rectangle(box, outline="white", width=1)
        for box, label, score in zip(own["boxes"], own["labels"], own["scores"], strict=True):
            if score > 0.5:
                pen.rectangle(box.tolist(), outline=colours[str(label)], width=2)
                pen.text((float(box[0]) + 3, float(box[1]) + 1), f"{label} {score:.2f}", fill=colours[str(label)])
        page.paste(tile, (i % 3 * width, i // 3 * height))
    return page


class Maps(nn.Module):
    """The same maps of the same network, and the same pyramid on them, as torchvision's detectors want them."""

    def __init__(self) -> None:
        super().__init__()
        import timm
        from safetensors.torch import load_file
        from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool

        self.body = timm.create_model("mobilenetv2_100", pad_type="same")
        self.body.load_state_dict({k: v.float() for k, v in load_file(WEIGHTS).items()}, strict=False)
        self.fpn = FeaturePyramidNetwork([32, 96, 1280], CHANNELS, LastLevelMaxPool())
        self.out_channels = CHANNELS

    def forward(self, x: torch.Tensor) -> Any:
        body, found = self.body, {}
        with torch.no_grad():
            x = body.bn1(body.conv_stem(x))
            for i in range(3):
                x = body.blocks[i](x)
        found["0"] = x
        for i in range(3, 7):
            x = body.blocks[i](x)
            if i == 4:
                found["1"] = x
        found["2"] = body.bn2(body.conv_head(x))
        return self.fpn(found)


def by_hand(classes: int) -> Any:
    """Return the same network, all of it torchvision's and timm's own."""
    from torchvision.models.detection import FasterRCNN
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
    from torchvision.ops import MultiScaleRoIAlign

    sizes = tuple((4 * s, int(4 * s * 2**0.5)) for s in (8, 16, 32, 64))
    return FasterRCNN(
        Maps(),
        min_size=CANVAS[0],
        max_size=CANVAS[1],
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        rpn_anchor_generator=AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * 4),
        rpn_pre_nms_top_n_train=1000,
        rpn_pre_nms_top_n_test=500,
        rpn_post_nms_top_n_train=500,
        rpn_post_nms_top_n_test=300,
        box_roi_pool=MultiScaleRoIAlign(["0", "1", "2"], 7, 2),
        box_head=TwoMLPHead(CHANNELS * 49, UNITS),
        box_predictor=FastRCNNPredictor(UNITS, classes + 1),
        box_batch_size_per_image=PROPOSALS,
    )


def loop(options: argparse.Namespace) -> None:
    """torchvision's references/detection: SGD 0.02 per 16 pictures, warmed up, a tenth at 16 and 22 of 26 epochs."""
    torch.manual_seed(0)
    X, y = bccd("trainval")
    task = Detection()
    targets = task.learn(y, "benchmark", X)
    pairs = list(zip(X, targets.columns["boxes"], targets.columns["labels"], strict=True))
    model = by_hand(len(task.labels_))
    for norm in model.modules():
        norm.requires_grad_(not isinstance(norm, nn.BatchNorm2d))
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.SGD(trained, lr=0.02 * BATCH / 16, momentum=0.9, weight_decay=1e-4)
    each, epoch, before = len(X) // BATCH, 0, 0.0
    file = None if options.checkpoint is None else Path(options.checkpoint) / "loop.pt"
    if file is not None and file.is_file():
        kept = torch.load(file, weights_only=True)
        model.load_state_dict(kept["model"])
        optimiser.load_state_dict(kept["optimiser"])
        epoch, before = kept["epoch"], kept["seconds"]
    began, clock = time.process_time(), time.perf_counter()
    while epoch < options.epochs and time.perf_counter() - clock < 60 * options.minutes:
        model.train()
        for norm in model.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.eval()
        generator = torch.Generator().manual_seed(epoch)
        for step, some in enumerate(torch.randperm(len(X), generator=generator).split(BATCH)[:each]):
            share = (epoch + step / each) / options.epochs
            rate = 0.02 * BATCH / 16 * (0.1 if share >= 16 / 26 else 1.0) * (0.1 if share >= 22 / 26 else 1.0)
            warm = min(1.0, 0.001 + (epoch * each + step) / each)
            for group in optimiser.param_groups:
                group["lr"] = rate * warm
            pictures, truth = [], []
            for i in some.tolist():
                picture, boxes, labels = pairs[i]
                pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1).float() / 255
                if torch.rand((), generator=generator) < 0.5:
                    width = pixels.shape[2]
                    pixels = pixels.flip(2)
                    boxes = torch.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1)
                pictures.append(pixels)
                truth.append({"boxes": boxes, "labels": labels + 1})
            losses = model(pictures, truth)
            total = sum(losses.values())
            optimiser.zero_grad()
            total.backward()
            optimiser.step()
        epoch += 1
        print(epoch, {k: round(float(v), 3) for k, v in losses.items()}, round(time.process_time() - began), flush=True)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            kept = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch}
            torch.save(kept | {"seconds": before + time.process_time() - began}, file)
    seconds = before + time.process_time() - began
    V, w = bccd("test")
    found = predicted(model, V, task.labels_)
    name = f"torchvision's loop, {epoch} of {options.epochs} epochs"
    print(row(name, measured(task, found, V, w), seconds))


@torch.no_grad()
def predicted(model: Any, X: list[np.ndarray], names: list[str]) -> list[dict[str, Any]]:
    """The library's own way: batches of pictures of 16, in eval mode."""
    model.eval()
    found = []
    for start in range(0, len(X), 16):
        some = [torch.from_numpy(x.copy()).permute(2, 0, 1).float() / 255 for x in X[start : start + 16]]
        for own in model(some):
            labels = np.asarray(names)[own["labels"].numpy() - 1]
            found.append({"boxes": own["boxes"].numpy(), "labels": labels, "scores": own["scores"].numpy()})
    return found


def speed(options: argparse.Namespace) -> None:
    """Predict pictures with a model of each that was just built: the same work, whatever it answers."""
    X, y = bccd("trainval")
    X, y = X[: options.pictures], y[: options.pictures]
    model = punar.TransferLearner(
        backbone(), task="detection", epochs=1, batch_size=BATCH, random_state=0, cache=False, validation_fraction=0
    ).fit(X[:8], y[:8])
    other = by_hand(3)
    names = ["Platelets", "RBC", "WBC"]
    # The same weights, so that both keep as many boxes.
    other.backbone.fpn.load_state_dict(model.module_.head.pyramid.fpn.state_dict())
    other.rpn.load_state_dict(model.module_.head.rpn.state_dict())
    if model.fitted_.task.labels_ == names:
        other.roi_heads.load_state_dict(model.module_.head.roi_heads.state_dict())
    seconds: dict[str, list[tuple[float, float]]] = {"punar": [], "loop": []}
    for _ in range(options.rounds):
        for name, run in (("punar", lambda: model.predict(X)), ("loop", lambda: predicted(other, X, names))):
            clock, began = time.perf_counter(), time.process_time()
            found = run()
            seconds[name].append((time.perf_counter() - clock, time.process_time() - began))
            print(name, seconds[name][-1], sum(len(f["boxes"]) for f in found), flush=True)
    best = {name: (min(w for w, _ in each), min(c for _, c in each)) for name, each in seconds.items()}
    ratios = [best["loop"][i] / best["punar"][i] for i in (0, 1)]
    print(f"the loop's time over ours: {ratios[0]:.2f} by the clock, {ratios[1]:.2f} by the processor")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cell", choices=("punar", "loop", "speed"))
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--frozen", type=int, default=FROZEN, help="of the cell punar: first stages that stay")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--minutes", type=float, default=60.0, help="after so many it stops, to be taken up again")
    parser.add_argument("--checkpoint", type=Path, help="a folder")
    parser.add_argument("--sheet", type=Path, help="a PNG of six test pictures with their boxes, for the cell punar")
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    warnings.simplefilter("ignore")
    chosen = parser.parse_args()
    {"punar": ours, "loop": loop, "speed": speed}[chosen.cell](chosen)
