"""Masks from the command line: fitted, predicted, written, reported; and reports of tasks with a class or an amount."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import punar
from punar.sources import read_items

# A task of one's own whose targets are masks: which pixels are bright? It learns a threshold on the colours.
SHADES = '''
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from punar.extend import Targets, Task, Term
from punar.tasks import bootstrap


class Shades(Task):
    """A mask from the finest map of a network."""

    domains: ClassVar = ("vision",)
    view: ClassVar = "pyramid"
    models: ClassVar = ("structured",)
    estimator_type: ClassVar = None
    metric: ClassVar = "pixels"
    target_form: ClassVar = "masks"

    def __init__(self, ignore=255, names=None):
        self.ignore, self.names = ignore, names

    def learn(self, y, where, items=()):
        return self.encode(y, where)

    def encode(self, y, where, items=()):
        read = [np.array(Image.open(m)) if isinstance(m, str) else np.asarray(m) for m in y]
        return Targets({"masks": [torch.from_numpy(m.astype(np.int64)) for m in read]})

    def state(self):
        return {}

    def restore(self, state):
        pass

    def place(self, target, sample):
        return dict(target)

    def collate(self, placed, batch):
        return {"masks": torch.stack([p["masks"] for p in placed])}

    @property
    def outputs(self):
        return 2

    def build(self, view, seed):
        return Head(view.widths[0])

    def losses(self, net, batch, target, weight, *, progress, generator):
        masks = target["masks"]
        return {"ce": Term(F.cross_entropy(net(batch), masks, ignore_index=self.ignore), float(masks.numel()))}

    def answer(self, net, batch, traces):
        return list(net(batch).argmax(1).cpu())

    def merge(self, parts, item):
        return parts[0]

    def predictions(self, answers, items):
        return [a.numpy() for a in answers]

    def constant(self, targets):
        share = torch.stack([m.float().mean() for m in targets.columns["masks"]]).mean()
        return [torch.full_like(m, int(share > 0.5)) for m in targets.columns["masks"]]

    def meter(self):
        return Pixels(self.ignore, self.names)

    def score(self, y, predictions, sample_weight=None):
        meter = self.meter()
        meter.add([torch.from_numpy(np.asarray(p)) for p in predictions], self.encode(y, "score"))
        return meter.value()

    def sheet(self, answer, target, item):
        meter = self.meter()
        meter.add([answer], Targets({"masks": [target["masks"]]}))
        return {"form": "masks", "truth": target["masks"].numpy(), "found": answer.numpy(), "ignore": self.ignore,
                "names": self.names or ["0", "1"], "score": meter.value()}


class Head(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.map = nn.Conv2d(width, 2, 1)

    def forward(self, shown, batch):
        return F.interpolate(self.map(shown[0]), size=(32, 32))


class Pixels:
    def __init__(self, ignore, names):
        self.rows, self.ignore, self.names = [], ignore, names or ["0", "1"]

    def add(self, answers, targets):
        for own, true in zip(answers, targets.columns["masks"], strict=True):
            known = true != self.ignore
            self.rows.append((int(((own == true) & known).sum()), int(known.sum())))

    def value(self):
        right, count = np.asarray(self.rows).sum(0)
        return float(right / count)

    def details(self):
        return {"per_class": dict.fromkeys(self.names, self.value()), "further": 0.25}

    def interval(self, level=0.95, *, seed=0):
        rows = np.asarray(self.rows)
        return bootstrap(len(rows), lambda i: float(rows[i, 0].sum() / rows[i, 1].sum()), level, seed)

    def exchanged(self, other, swap):
        a, b = np.asarray(self.rows), np.asarray(other.rows)
        x, y = np.where(swap[:, None], b, a), np.where(swap[:, None], a, b)
        return tuple(float(v[:, 0].sum() / v[:, 1].sum()) for v in (x, y))
'''
FIT = (
    "--parts",
    "shades.py",
    "--task",
    "shades",
    "--backbone",
    "starter",
    "--quiet",
    "--learning-rate",
    "0.05",
    "--epochs",
    "12",
)


def pictures(root: Path, n: int, seed: int, start: int = 0) -> None:
    """Bright squares on noise, and masks of where they are."""
    rng = np.random.default_rng(seed)
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for i in range(start, start + n):
        mask = np.zeros((32, 32), dtype=np.uint8)
        top, left = rng.integers(0, 16, 2)
        mask[top : top + 14, left : left + 14] = 1
        picture = rng.integers(0, 90, (32, 32, 3)) + 150 * mask[..., None]
        Image.fromarray(picture.astype(np.uint8)).save(root / "images" / f"{i}.png")
        Image.fromarray(mask).save(root / "masks" / f"{i}_mask.png")


@pytest.fixture
def shades(tmp_path: Path) -> Path:
    (tmp_path / "shades.py").write_text(SHADES)
    pictures(tmp_path / "seen", 60, 0)
    (tmp_path / "seen" / "train.txt").write_text("\n".join(str(i) for i in range(40)))
    (tmp_path / "seen" / "val.txt").write_text("\n".join(str(i) for i in range(40, 60)))
    (tmp_path / "seen" / "test.txt").write_text("\n".join(str(i) for i in range(60, 66)))
    (tmp_path / "seen" / "classes.txt").write_text("आकाश\n<b>square</b>\n", encoding="utf-8")
    pictures(tmp_path / "seen", 6, 2, start=60)
    return tmp_path


def test_masks_from_fit_to_report(punar_says, shades: Path) -> None:
    answer = punar_says("fit", "seen", *FIT, "--out", "m")
    assert answer.status == 0, answer.err
    assert "seen/train.txt is learned from" in answer.err
    assert "seen/val.txt: to validate on" in answer.err
    assert "40 pictures of 66: those that train.txt names" in answer.err
    assert "Learned: pixels" in answer.out
    assert "Next: punar predict m seen/train.txt --out masks --parts shades.py" in answer.out
    parts = ("--parts", "shades.py")
    # Into files, which are read again as masks.
    answer = punar_says("predict", "m", "seen/test.txt", "--out", "found", *parts)
    assert answer.status == 0, answer.err
    assert "6 masks" in answer.out
    score = float(re.search(r"pixels on the labels of DATA: ([\d.]+) \(chance: ([\d.]+)", answer.out)[1])
    chance = float(re.search(r"chance: ([\d.]+)", answer.out)[1])
    assert score > 0.9 > chance
    items = read_items("seen/test.txt", form="masks").items
    model = punar.load("m", parts=_classes(shades))
    for path, mask in zip(items, model.predict(items), strict=True):
        with Image.open(Path("found") / Path(path).name) as picture:
            assert np.array_equal(np.asarray(picture), mask)
    assert punar_says("predict", "m", "seen/test.txt", "--out", "found", *parts).status == 2, "nothing is replaced"
    # Without masks: no score; a table of what is in each mask.
    answer = punar_says("predict", "m", "seen/images", *parts)
    assert (answer.status, "labels of DATA" in answer.err) == (0, False)
    assert answer.out.startswith("file,value,share\n0.png,0,")
    assert "--out must be a new folder" in punar_says("predict", "m", "seen/images", "--out", "a.json", *parts).err
    assert model.task_shown if hasattr(model, "task_shown") else model.fitted_.task.names == ["आकाश", "<b>square</b>"]
    # And the page.
    answer = punar_says("report", "m", "seen/test.txt", "--out", "r.html", "--worst", "4", *parts)
    assert answer.status == 0, answer.err
    assert f"pixels: {score:.4f} (95 %:" in answer.out
    page = Path("r.html").read_text(encoding="utf-8")
    assert page.count('<section class="answer">') == 4
    assert page.count("<img ") == 12
    assert "आकाश" in page
    assert "&lt;b&gt;square" in page
    assert "<b>square" not in page
    shown = [float(v) for v in re.findall(r"pixels of this item: ([\d.]+)", page)]
    assert shown == sorted(shown), "the worst first"
    assert "--force" in punar_says("report", "m", "seen/test.txt", "--out", "r.html", *parts).err
    answer = punar_says("report", "m", "seen/images", "--out", "s.html", *parts)
    assert (answer.status, "nothing to compare the answers with" in answer.err) == (2, True)


def _classes(folder: Path) -> tuple[type, ...]:
    from punar.cli._parts import load_parts

    return load_parts([folder / "shades.py"]).classes


def test_a_table_of_pictures_and_masks(punar_says, shades: Path) -> None:
    rows = [f"seen/images/{i}.png,seen/masks/{i}_mask.png" for i in range(30)]
    Path("t.csv").write_text("picture,drawn\n" + "\n".join(rows))
    words = ("--path", "picture", "--target", "drawn")
    answer = punar_says("fit", "t.csv", *words, "--out", "m", *FIT[:-1], "1")
    assert answer.status == 0, answer.err
    assert "Next: punar predict m t.csv --path picture --target drawn --out masks" in answer.out
    answer = punar_says("predict", "m", "t.csv", *words, "--parts", "shades.py", "--out", "new")
    assert answer.status == 0, answer.err
    assert "pixels on the labels of DATA" in answer.out
    assert len(list(Path("new/seen/images").glob("*.png"))) == 30


def test_masks_elsewhere_settings_and_what_is_refused(punar_says, shades: Path) -> None:
    Path("seen/masks").rename("drawn")
    answer = punar_says("fit", "seen/images", "--out", "m", *FIT)
    assert (answer.status, "--masks FOLDER" in answer.err) == (2, True)
    words = ("fit", "seen/images", "--masks", "drawn", "--out", "m", *FIT[:-1], "1", "--set", "ignore=7")
    answer = punar_says(*words)
    assert answer.status == 0, answer.err
    assert punar.load("m", parts=_classes(shades)).fitted_.task.ignore == 7
    assert "--target-file drawn --out masks" in answer.out
    answer = punar_says(*words[:-1], "ignored=7", "--force")
    assert (answer.status, "Did you mean 'ignore'?" in answer.err) == (2, True)
    answer = punar_says(*words[:-1], "ignore", "--force")
    assert (answer.status, "NAME=VALUE" in answer.err) == (2, True)
    answer = punar_says("fit", "digits", "--out", "d", "--masks", "drawn")
    assert (answer.status, "--target-file is for pretrained networks" in answer.err) == (2, True)


# -- reports of tasks that every punar has


def page_of(punar_says, *words: str) -> str:
    answer = punar_says("report", *words, "--out", "r.html", "--force")
    assert answer.status == 0, answer.err
    return Path("r.html").read_text(encoding="utf-8")


def test_wrong_pictures_and_far_amounts(punar_says, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for name, colour in (("dark", 40), ("light", 200)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(0, 40, (16, 16, 3)) + colour
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "photos" / name / f"{i}.png")
            rows.append((f"photos/{name}/{i}.png", colour + i))
    # One whose folder is wrong.
    Path("photos/light/19.png").rename("photos/dark/wrong.png")
    answer = punar_says("fit", "photos", "--backbone", "starter", "--quiet", "--out", "m")
    assert answer.status == 0, answer.err
    page = page_of(punar_says, "m", "photos", "--worst", "3")
    first = page.split('<section class="answer">')[1]
    assert "dark/wrong.png" in first
    assert re.search(r"<dt>right</dt><dd>dark</dd><dt>found</dt><dd>light</dd>", first)
    assert 'alt="the picture dark/wrong.png"' in first
    pd.DataFrame(rows[:-1], columns=["file", "amount"]).to_csv("amounts.csv", index=False)
    words = ("--target", "amount", "--task", "regression", "--backbone", "starter", "--quiet")
    assert punar_says("fit", "amounts.csv", *words, "--out", "r").status == 0
    page = page_of(punar_says, "r", "amounts.csv", "--target", "amount", "--worst", "2")
    pairs = re.findall(r"<dt>right</dt><dd>([\d.]+)</dd><dt>found</dt><dd>(-?[\d.]+)</dd>", page)
    assert len(pairs) == 2
    apart = [abs(float(a) - float(b)) for a, b in pairs]
    assert apart[0] >= apart[1]


def test_tokens_and_what_cannot_be_reported(punar_says, tmp_path: Path) -> None:
    lines = ["राम\tB-PER\nघर\tO\nगया\tO", "सीता\tB-PER\nपुणे\tB-LOC\nमें\tO"] * 12
    Path("w.conll").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    words = ("--task", "tagging", "--cell", "gru", "--hidden-size", "8", "--epochs", "1", "--quiet")
    assert punar_says("fit", "w.conll", *words, "--out", "t").status == 0
    page = page_of(punar_says, "t", "w.conll")
    assert re.search(r'<mark class="f wrong">\S+ <small>[BO]\S* → [BO]\S*</small></mark>', page)
    assert punar_says("fit", "iris", "--out", "a", "--quiet", "--epochs", "1").status == 0
    answer = punar_says("report", "a", "iris", "--out", "x.html")
    assert (answer.status, "does not predict" in answer.err) == (2, True)
    answer = punar_says("report", "t", "w.conll", "--out", "x.pdf")
    assert (answer.status, ".html" in answer.err) == (2, True)
