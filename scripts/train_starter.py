"""Trains the starter backbone, the one that travels in the wheel, on one CPU core in about half an hour.

    python scripts/train_starter.py cifar10.zip --work FOLDER
    python scripts/train_starter.py cifar10.zip --work FOLDER --out src/punar/backbones

``cifar10.zip`` holds ``train/<class>/NNNN.jpg`` and ``test/<class>/NNNN.jpg``. The work folder keeps decoded pictures
and a checkpoint for each epoch: a killed run goes on where it was. With ``--out`` the finished network's weights and
card are written there. The test pictures are read once, after the last epoch: nothing is chosen by them.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import io
import json
import os
import time
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from punar.backbones._cifar_resnet import CifarResNet

BLOCKS, WIDTHS = (2, 2, 2), (16, 48, 128)
PADDING = 4
BATCH = 128
# Crops of 24 pixels cost half as much as whole pictures; the last epochs see whole ones, as users of the network do.
SMALL, WHOLE = 24, 32
PEAK, WARM = 0.25, 0.2
MOMENTUM, DECAY, SMOOTHING = 0.9, 5e-4, 0.1
AVERAGE_EVERY, AVERAGE = 4, 0.99
IMAGENET = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def read(path: Path, split: str, folder: Path) -> tuple[Tensor, Tensor, list[str]]:
    """Return pictures uint8 (n, 32, 32, 3), labels (n,) and class names of one split, decoded once."""
    pixels, labels = folder / f"{split}.npy", folder / f"{split}-labels.npy"
    with zipfile.ZipFile(path) as archive:
        names = sorted(n for n in archive.namelist() if n.startswith(f"{split}/") and n.endswith(".jpg"))
        classes = sorted({n.split("/")[1] for n in names})
        if not labels.exists():
            decoded = [np.asarray(Image.open(io.BytesIO(archive.read(n))).convert("RGB")) for n in names]
            np.save(pixels, np.stack(decoded))
            np.save(labels, np.array([classes.index(n.split("/")[1]) for n in names]))
    return torch.from_numpy(np.load(pixels)), torch.from_numpy(np.load(labels)), classes


def facts(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each channel of pixels in [0, 1], to three digits."""
    flat = pictures.reshape(-1, 3).numpy()
    return tuple(torch.tensor(np.round(f(flat, axis=0) / 255.0, 3), dtype=torch.float32) for f in (np.mean, np.std))


def normalised(pictures: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return float32 (n, 3, h, w), in memory as convolutions on a CPU like it."""
    return ((pictures.float() / 255.0 - mean) / std).permute(0, 3, 1, 2)


def augmented(padded: Tensor, rows: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Return random crops of ``size``, half of them mirrored, of the rows of ``padded``: uint8 (n, size, size, 3)."""
    n, room = len(rows), padded.shape[1] - size + 1
    top, left = torch.randint(room, (2, n, 1), generator=generator)
    along = torch.arange(size).expand(n, size)
    mirrored = torch.rand(n, 1, generator=generator) < 0.5
    across = torch.where(mirrored, size - 1 - along, along)
    return padded[rows[:, None, None], (top + along)[:, :, None], (left + across)[:, None, :]]


def learning_rate(share: float) -> float:
    """Return one cycle: a straight rise to the peak, a straight fall to zero."""
    return PEAK * (share / WARM if share < WARM else (1.0 - share) / (1.0 - WARM))


def average(into: nn.Module, module: nn.Module) -> None:
    """Move the running average of weights and buffers a little towards ``module``."""
    with torch.no_grad():
        for old, new in zip(into.state_dict().values(), module.state_dict().values(), strict=True):
            if old.is_floating_point():
                old.lerp_(new, 1.0 - AVERAGE)
            else:
                old.copy_(new)


def train(padded: Tensor, labels: Tensor, mean: Tensor, std: Tensor, options: argparse.Namespace) -> dict:
    """Run every epoch that the checkpoint does not hold yet; return the checkpoint's content."""
    torch.manual_seed(options.seed)
    module = CifarResNet(BLOCKS, WIDTHS).to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(module)
    plain = [p for p in module.parameters() if p.dim() == 1]
    decayed = [p for p in module.parameters() if p.dim() > 1]
    groups = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=0.0, momentum=MOMENTUM, nesterov=True, weight_decay=DECAY)
    file = options.work / "checkpoint.pt"
    state = {"epoch": 0, "seconds": 0.0}
    if file.exists():
        state = torch.load(file, weights_only=True)
        module.load_state_dict(state["module"])
        averaged.load_state_dict(state["averaged"])
        optimizer.load_state_dict(state["optimizer"])
    steps = len(labels) // BATCH
    while state["epoch"] < options.epochs:
        epoch, begun = state["epoch"], time.perf_counter()
        size = SMALL if epoch < options.small_epochs else WHOLE
        # order and crops are a function of seed and epoch, so that a resumed run sees the same pictures
        generator = torch.Generator().manual_seed(options.seed * 1000 + epoch)
        order = torch.randperm(len(labels), generator=generator)
        total, right = 0.0, 0
        module.train()
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate((epoch + step / steps) / options.epochs)
            rows = order[step * BATCH : (step + 1) * BATCH]
            batch = normalised(augmented(padded, rows, size, generator), mean, std)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.bfloat16):
                logits = module(batch)
            loss = F.cross_entropy(logits.float(), labels[rows], label_smoothing=SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % AVERAGE_EVERY == 0:
                average(averaged, module)
            total += loss.item()
            right += int((logits.argmax(1) == labels[rows]).sum())
        state = {
            "epoch": epoch + 1,
            "seconds": state["seconds"] + time.perf_counter() - begun,
            "module": module.state_dict(),
            "averaged": averaged.state_dict(),
            "optimizer": optimizer.state_dict(),
        }
        torch.save(state, file.with_suffix(".new"))
        os.replace(file.with_suffix(".new"), file)
        print(
            f"epoch {epoch + 1}/{options.epochs}  {size} px  loss {total / steps:.4f}  "
            f"training accuracy {right / steps / BATCH:.4f}  {state['seconds'] / 60:.1f} min",
            flush=True,
        )
    return state


def accuracy(module: nn.Module, pictures: Tensor, labels: Tensor, mean: Tensor, std: Tensor) -> float:
    """Return the share of pictures whose class is named rightly, in float32."""
    module.eval()
    right = 0
    with torch.inference_mode():
        for first in range(0, len(labels), 500):
            batch = normalised(pictures[first : first + 500], mean, std)
            right += int((module(batch).argmax(1) == labels[first : first + 500]).sum())
    return right / len(labels)


def linear_baseline(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> float:
    """Return the test accuracy of logistic regression on raw pixels, standardised."""
    from sklearn.linear_model import LogisticRegression

    X, T = (pictures.flatten(1).numpy().astype(np.float32) / 255.0 for pictures in (train[0], test[0]))
    mean, std = X.mean(0), X.std(0)
    model = LogisticRegression(C=1e-3, max_iter=100, tol=1e-3).fit((X - mean) / std, train[1].numpy())
    return float(model.score((T - mean) / std, test[1].numpy()))


def finish(
    state: dict, mean: Tensor, std: Tensor, train: tuple, test: tuple, classes: list, options: argparse.Namespace
):
    """Write the averaged weights in half precision, and the card, to ``options.out``."""
    half = {k: v.half().contiguous() for k, v in state["averaged"].items() if v.is_floating_point()}
    weights = options.out / "starter.safetensors"
    save_file(half, weights, metadata={"format": "pt"})
    weights.chmod(0o644)
    module = CifarResNet(BLOCKS, WIDTHS)
    module.load_state_dict(half)
    right = accuracy(module, *test, mean, std)
    beside = {}
    for path in options.beside:
        other = CifarResNet(((int(path.stem.removeprefix("resnet")) - 2) // 6,) * 3)
        other.load_state_dict(load_file(path))
        beside[f"{path.stem}, trained by its makers on the lossless pictures"] = accuracy(other, *test, *IMAGENET)
    card = {
        "name": "starter",
        "made_by": "the punar developers, by scripts/train_starter.py",
        "year": 2026,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "architecture": {"blocks": list(BLOCKS), "widths": list(WIDTHS)},
        "parameters": sum(p.numel() for p in module.parameters()),
        "stored_as": "float16; running averages of the weights of every fourth step",
        "mean": [round(float(v), 3) for v in mean],
        "std": [round(float(v), 3) for v in std],
        "classes": classes,
        "trained_on": "CIFAR-10, 50,000 training pictures of 32x32 pixels as JPEG (quality 75, 4:2:0 colour)",
        "accuracy": {
            "what": "share of the 10,000 CIFAR-10 test pictures (the same JPEG compression) named rightly, 10 classes",
            "starter": right,
            "chance": 1.0 / len(classes),
            "logistic regression on raw pixels": linear_baseline(train, test),
            **beside,
        },
        "training": {
            "epochs": options.epochs,
            "of_these_on_crops_of_24_pixels": options.small_epochs,
            "minutes": round(state["seconds"] / 60, 1),
            "threads": options.threads,
            "bfloat16": options.bfloat16,
            "seed": options.seed,
            "batch_size": BATCH,
            "peak_learning_rate": PEAK,
            "optimizer": f"SGD, Nesterov momentum {MOMENTUM}, weight decay {DECAY}, one cycle",
            "label_smoothing": SMOOTHING,
            "augmentation": "random crops, mirrored",
            "held_out": "nothing was chosen by the test pictures; they were read once, after the last epoch",
        },
        "limits": [
            "It has seen ten kinds of objects, centred, at 32x32 pixels; larger pictures are shrunk to that.",
            "Trained on compressed pictures: figures do not compare with published CIFAR-10 results.",
            "Drawings, digits, text, medical and aerial pictures and sounds are far from what it has seen: on "
            "scikit-learn's digits its features do no better than those of the same network with random weights.",
            "Its sources state no licence for the pictures and no consent of whom they show.",
            "One run, one seed.",
        ],
        "licence": "Apache-2.0 for code and weights; the repository that the pictures came from states none for them",
    }
    (options.out / "starter.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(card["accuracy"], indent=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for decoded pictures and checkpoints")
    parser.add_argument("--out", type=Path, help="folder for starter.safetensors and starter.json")
    parser.add_argument("--beside", type=Path, nargs="*", default=[], help="resnet20.safetensors ... for the card")
    parser.add_argument("--epochs", type=int, default=26)
    parser.add_argument("--small-epochs", type=int, default=15, help="how many of them see crops of 24 pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bfloat16", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)

    pictures, labels, classes = read(options.data, "train", options.work)
    mean, std = facts(pictures)
    padded = F.pad(pictures.permute(0, 3, 1, 2), (PADDING,) * 4, mode="reflect").permute(0, 2, 3, 1).contiguous()
    state = train(padded, labels, mean, std, options)
    if options.out is not None:
        test = read(options.data, "test", options.work)[:2]
        finish(state, mean, std, (pictures, labels), test, classes, options)


if __name__ == "__main__":
    main()
