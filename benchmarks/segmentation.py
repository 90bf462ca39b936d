"""Road scenes, a class for every pixel: decoders on MobileNetV2, frozen, fine-tuned and from scratch, on CamVid.

    pip install ".[vision]"
    python benchmarks/segmentation.py --cell "unet fine-tuned" --epochs 20 --write benchmarks/segmentation.md
    python benchmarks/segmentation.py --cell speed --write benchmarks/segmentation.md

Each cell runs in a process of its own and replaces its line of the page; ``--list`` names them. 367 frames to learn
from (train.txt), mean IoU over 11 classes on 233 others (test.txt), which are read once. Beside every score stands the
best mask of one class. "by hand" is segmentation-models-pytorch's own U-Net over timm's network with the same weights,
in the loop of its documentation, for as many steps on as many threads. ``--checkpoint FOLDER --time-limit SECONDS``
runs a cell in several sittings, whose seconds are added.
"""

from __future__ import annotations

import argparse
import io
import json
import time
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _transfer_data import DATA, MOBILENET, need
from PIL import Image

import punar
from punar.tasks.segmentation import Segmentation

IGNORE, BATCH = 11, 8
STRATEGIES: dict[str, dict[str, Any]] = {
    "frozen": {"strategy": "feature_extraction"},
    "fine-tuned": {"strategy": "fine_tuning", "unfreeze": "all", "layer_decay": 1.0},
    "scratch": {"strategy": "scratch"},
}
CELLS = [f"{d} {s}" for s in STRATEGIES for d in ("unet", "deeplabv3plus", "fpn")]
HEAD = ["# A class for every pixel: CamVid, 240 x 180, MobileNetV2 with ImageNet weights", ""]
COLUMNS = ["| model | mean IoU | epochs | processor seconds | wall seconds |", "| --- | --- | --- | --- | --- |"]


def camvid(split: str) -> tuple[list[Image.Image], list[np.ndarray], list[str]]:
    """Return pictures, masks and names of the classes."""
    need(DATA / "camvid.zip")
    with zipfile.ZipFile(DATA / "camvid.zip") as file:
        names = file.read(f"{split}.txt").decode().split()
        pictures = [Image.open(io.BytesIO(file.read(f"images/{n}.jpg"))) for n in names]
        masks = [np.asarray(Image.open(io.BytesIO(file.read(f"masks/{n}.png")))) for n in names]
        return pictures, masks, file.read("classes.txt").decode().split()[:IGNORE]


def ours(cell: str, options: argparse.Namespace) -> Any:
    decoder, strategy = cell.split()
    need(MOBILENET)
    backbone = punar.backbone("timm:mobilenetv2_100", weights=str(MOBILENET), pad_type="same", mean=0.5, std=0.5)
    if strategy == "scratch":
        backbone = punar.backbone("timm:mobilenetv2_100", weights=None, pad_type="same", mean=0.5, std=0.5)
    names = camvid("val")[2]
    return punar.TransferLearner(
        backbone,
        task=Segmentation(decoder=decoder, ignore=IGNORE, names=names, size=options.size or "auto"),
        epochs=options.epochs,
        batch_size=BATCH,
        learning_rate=options.learning_rate or "auto",
        validation_fraction=0,
        cache=False,
        random_state=0,
        verbose=1,
        **STRATEGIES[strategy],
    )


def run(cell: str, options: argparse.Namespace) -> list[str]:
    X, y, _ = camvid("train")
    began, cpu = time.perf_counter(), time.process_time()
    model = ours(cell, options).fit(X, y, checkpoint=options.checkpoint, time_limit=options.time_limit)
    wall, used = added(options, time.perf_counter() - began, time.process_time() - cpu)
    done = len(model.history_)
    if options.checkpoint and done < options.epochs and not options.anyway:
        print(f"  {cell}: {done} of {options.epochs} epochs; run it again with the same checkpoint to go on")
        return []
    T, U, _ = camvid("test")
    task = model.fitted_.task
    found = model.predict(T)
    meter = task.meter()
    meter.add(list(task.encode(found, "benchmark").columns["masks"]), task.encode(U, "benchmark"))
    for name, value in meter.details()["iou_per_class"].items():
        print(f"  {name}: {value:.3f}" if value is not None else f"  {name}: none")
    print("  interval", meter.interval())
    said = cell if not options.size else f"{cell}, shrunk to {options.size[0]} x {options.size[1]}"
    return [f"| {said} | {meter.value():.3f} | {done} | {used:.0f} | {wall:.0f} |"]


def added(options: argparse.Namespace, wall: float, used: float) -> tuple[float, float]:
    """Return seconds with those of earlier sittings."""
    if options.checkpoint is None:
        return wall, used
    path = Path(f"{options.checkpoint}.seconds.json")
    before = json.loads(path.read_text()) if path.is_file() else [0.0, 0.0]
    total = [before[0] + wall, before[1] + used]
    path.write_text(json.dumps(total))
    return total[0], total[1]


def all_one_class(cell: str, options: argparse.Namespace) -> list[str]:
    task = Segmentation(ignore=IGNORE)
    task.learn(camvid("train")[1], "benchmark")
    targets = task.encode(camvid("test")[1], "benchmark")
    meter = task.meter()
    meter.add(task.constant(targets), targets)
    each = {k: v for k, v in meter.details()["iou_per_class"].items() if v}
    named = camvid("val")[2]
    return [f"| all {', '.join(named[int(k)] for k in each)} | {meter.value():.3f} | | | |"]


# -- by hand ----------------------------------------------------------------------------------------------------------


class Frames(torch.utils.data.Dataset):
    """The usual data set: each frame is read, brought to the size and normalised whenever it is asked for."""

    def __init__(self, split: str) -> None:
        self.pictures, self.masks, _ = camvid(split)
        self.bytes = [p.fp.getvalue() for p in self.pictures]

    def __len__(self) -> int:
        return len(self.bytes)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        pixels = np.asarray(Image.open(io.BytesIO(self.bytes[i])).convert("RGB"), dtype=np.float32) / 255
        x = np.zeros((192, 256, 3), dtype=np.float32)
        x[:180, :240] = (pixels - 0.5) / 0.5
        y = np.full((192, 256), IGNORE, dtype=np.int64)
        y[:180, :240] = self.masks[i]
        return torch.from_numpy(x).permute(2, 0, 1), torch.from_numpy(y)


def smp_unet() -> Any:
    import segmentation_models_pytorch as smp
    from safetensors.torch import load_file

    net = smp.Unet("tu-mobilenetv2_100", encoder_weights=None, classes=IGNORE, pad_type="same")
    net.encoder.model.load_state_dict(load_file(MOBILENET), strict=False)
    return net


def train_by_hand(net: Any, epochs: int, *, frozen: bool = False, flips: bool = True) -> None:
    import segmentation_models_pytorch as smp

    loader = torch.utils.data.DataLoader(Frames("train"), batch_size=BATCH, shuffle=True)
    if frozen:
        net.encoder.requires_grad_(False)
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(loader))
    dice = smp.losses.DiceLoss("multiclass", ignore_index=IGNORE)
    for epoch in range(epochs):
        net.train()
        if frozen:
            net.encoder.eval()
        total = 0.0
        for x, y in loader:
            if flips and not frozen and torch.rand(()) < 0.5:
                x, y = x.flip(3), y.flip(2)
            raw = net(x)
            loss = torch.nn.functional.cross_entropy(raw, y, ignore_index=IGNORE) + dice(raw, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        print(f"  epoch {epoch + 1} loss {total / len(loader):.3f}", flush=True)


def by_hand(cell: str, options: argparse.Namespace) -> list[str]:
    torch.manual_seed(0)
    net = smp_unet()
    began, cpu = time.perf_counter(), time.process_time()
    train_by_hand(net, options.epochs)
    wall, used = time.perf_counter() - began, time.process_time() - cpu
    task = Segmentation(ignore=IGNORE)
    task.learn(camvid("train")[1], "benchmark")
    targets, frames = task.encode(camvid("test")[1], "benchmark"), Frames("test")
    net.eval()
    with torch.no_grad():
        found = [net(frames[i][0][None])[0, :, :180, :240].argmax(0).to(torch.uint8) for i in range(len(frames))]
    meter = task.meter()
    meter.add(found, targets)
    return [f"| {cell} | {meter.value():.3f} | {options.epochs} | {used:.0f} | {wall:.0f} |"]


def speed(cell: str, options: argparse.Namespace) -> list[str]:
    """Five epochs of a U-Net on a frozen network, ours and the usual loop, in turn."""
    lines = []
    seconds = {}
    for name in ("ours", "usual loop"):
        torch.manual_seed(0)
        net = smp_unet()
        X, y, _ = camvid("train")
        began, cpu = time.perf_counter(), time.process_time()
        if name == "ours":
            ours("unet frozen", options).set_params(epochs=5, verbose=0).fit(X, y)
        else:
            train_by_hand(net, 5, frozen=True)
        seconds[name] = time.process_time() - cpu, time.perf_counter() - began
    ratios = [b / a for a, b in zip(seconds["ours"], seconds["usual loop"], strict=True)]
    for name, (used, wall) in seconds.items():
        lines.append(f"| speed: U-Net on a frozen network, 5 epochs, {name} | | 5 | {used:.0f} | {wall:.0f} |")
    lines.append(f"| speed: the usual loop's seconds divided by ours | | | {ratios[0]:.2f} | {ratios[1]:.2f} |")
    return lines


def merged(path: Path | None, lines: list[str]) -> str:
    """Return the page with these lines in place of their older ones."""
    before = path.read_text(encoding="utf-8").splitlines() if path is not None and path.is_file() else []
    rows = {line.split("|")[1].strip(): line for line in before if line.startswith("| ") and line not in COLUMNS}
    rows |= {line.split("|")[1].strip(): line for line in lines}
    foot = [
        f"One seed, batches of {BATCH}, {torch.get_num_threads()} thread of torch {torch.__version__}. Wall seconds "
        "depend on what else ran."
    ]
    return "\n".join([*HEAD, *COLUMNS, *rows.values(), "", *foot, ""])


if __name__ == "__main__":
    others = {"all one class": all_one_class, "unet by hand": by_hand, "speed": speed}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", nargs="*", default=["all one class", *CELLS, "unet by hand", "speed"])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--size", type=int, nargs=2, help="height and width; by default the frames' own, rounded up")
    parser.add_argument("--checkpoint")
    parser.add_argument("--time-limit", type=float)
    parser.add_argument("--anyway", action="store_true", help="score a cell whose time was over before its epochs")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.list:
        print("\n".join(["all one class", *CELLS, "unet by hand", "speed"]))
        raise SystemExit
    warnings.simplefilter("ignore")
    for cell in options.cell:
        found = others.get(cell, run)(cell, options)
        print("\n".join(found), flush=True)
        if options.write:
            options.write.write_text(merged(options.write, found), encoding="utf-8")
