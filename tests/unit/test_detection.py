"""Boxes as targets and answers: forms, what is refused or left out, what is stored, and each detector's losses."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

import punar
from punar.backbones import View, build
from punar.core.draws import seeded
from punar.errors import DamagedModelError, DataError, DataTypeError, NotSupportedError, ParameterError, PunarWarning
from punar.preparations.letterboxed import Letterboxed
from punar.preparations.pictures import Pictures
from punar.preparations.rows import Rows
from punar.tasks._canvas import canvas_of, finest_of
from punar.tasks.detection import Detection, _colours

PICTURES = [np.full((60, 80, 3), 90, np.uint8)] * 3
Y = [
    {"boxes": [[10, 10, 40, 30], [50.5, 20, 70, 55]], "labels": ["cat", "dog"]},
    {"boxes": [], "labels": []},
    {"boxes": np.array([[0, 0, 80, 60]]), "labels": np.array(["dog"])},
]


def learned(**settings: Any) -> Detection:
    task = Detection(**settings)
    task.learn(Y, "fit", PICTURES)
    return task


def network() -> nn.Module:
    """Four stages of convolutions with batch norms, strides 2 to 16."""
    with seeded(0):
        widths = [(3, 8), (8, 16), (16, 24), (24, 32)]
        stages = [nn.Sequential(nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU()) for a, b in widths]
        return nn.Sequential(*stages)


def learner(backbone: Any = None, task: Any = "detection", **given: Any) -> punar.TransferLearner:
    settings = {"strategy": "scratch", "epochs": 1, "random_state": 0, "cache": False, "device": "cpu"} | given
    return punar.TransferLearner(network() if backbone is None else backbone, task=task, **settings)


def alike(found: list[Any], expected: list[Any], within: float = 0.0) -> None:
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert set(a) == set(b) == {"boxes", "labels", "scores"}
        assert (a["labels"] == b["labels"]).all()
        np.testing.assert_allclose(a["boxes"], b["boxes"], rtol=0, atol=within)
        np.testing.assert_allclose(a["scores"], b["scores"], rtol=0, atol=within)


# -- targets ----------------------------------------------------------------------------------------------------------


def test_boxes_of_every_form_are_one():
    task = Detection()
    expected = task.learn(Y, "fit", PICTURES).digest()
    forms = [
        pd.Series(Y),
        np.array(Y, dtype=object),
        tuple(Y),
        [{k: torch.as_tensor(v) if k == "boxes" and len(v) else v for k, v in own.items()} for own in Y],
        [{**own, "labels": pd.Series(own["labels"], dtype=object)} for own in Y],
        [{**own, "area": 3, "boxes": np.asarray(own["boxes"], np.float32)} for own in Y],
    ]
    for form in forms:
        assert Detection().learn(form, "fit", PICTURES).digest() == expected
        assert task.encode(form, "fit", PICTURES).digest() == expected
    assert task.labels_ == ["cat", "dog"]
    assert task.outputs == 2
    numbered = Detection()
    numbered.learn([{"boxes": [[0, 0, 9, 9]], "labels": np.array([7])}], "fit")
    assert numbered.labels_ == [7]


BOX = [[1, 2, 9, 9]]


@pytest.mark.parametrize(
    ("y", "error", "said"),
    [
        (None, DataError, "requires y"),
        ("boxes", DataTypeError, "must be a list"),
        (3, DataTypeError, "must be a list"),
        ([], DataError, "got none"),
        ([BOX], DataTypeError, r"y\[0\] must be a dict"),
        ([{"boxes": BOX}], DataTypeError, r"y\[0\] must be a dict"),
        ([{"boxes": BOX, "labels": []}], DataError, "1 boxes and 0 labels"),
        ([{"boxes": [[1, 2, 3]], "labels": ["a"]}], DataError, r"shape \(m, 4\)"),
        ([{"boxes": [1, 2, 3, 4], "labels": ["a"]}], DataError, r"shape \(m, 4\)"),
        ([{"boxes": [["x", 2, 3, 4]], "labels": ["a"]}], DataTypeError, "four numbers"),
        ([{"boxes": [[1, 2, 3, 4], [1]], "labels": ["a", "b"]}], DataTypeError, "four numbers"),
        ([{"boxes": [[1, 2, float("nan"), 4]], "labels": ["a"]}], DataError, r"y\[0\]\['boxes'\]\[0\] contains NaN"),
        ([{"boxes": [[1, 2, float("inf"), 4]], "labels": ["a"]}], DataError, "NaN or infinity"),
        ([{"boxes": [[50, 20, 30, 40]], "labels": ["a"]}], DataError, r"boxes\[:, 2:\] \+= boxes\[:, :2\]"),
        ([{"boxes": BOX, "labels": [None]}], DataTypeError, r"\['labels'\]\[0\] must be a text or a whole number"),
        ([{"boxes": BOX, "labels": [True]}], DataTypeError, "must be a text or a whole number"),
        ([{"boxes": BOX, "labels": [1.5]}], DataTypeError, "must be a text or a whole number"),
        ([{"boxes": BOX, "labels": [""]}], DataTypeError, "must be a text or a whole number"),
        ([{"boxes": BOX, "labels": "a"}], DataTypeError, "must be a list"),
        ([{"boxes": BOX * 2, "labels": ["a", 1]}], DataTypeError, "all texts or all whole numbers"),
        ([{"boxes": [], "labels": []}] * 3, DataError, "at least one box"),
    ],
)
def test_what_is_no_box_is_refused_by_its_place_and_rule(y, error, said):
    with pytest.raises(error, match=said) as caught:
        Detection().learn(y, "here")
    assert str(caught.value).startswith("here: ")


def test_unknown_labels_and_unknown_settings_are_named():
    with pytest.raises(DataError, match=r"y\[0\]\['labels'\]\[1\] is 'cow', which is not a label of the model"):
        learned().encode([{"boxes": BOX * 2, "labels": ["cat", "cow"]}], "here")
    for wrong, said in (
        ({"detector": "yolo"}, "detector must be one of"),
        ({"detector": "retinanets"}, "Did you mean 'retinanet'"),
        ({"size": 8}, "size must be"),
        ({"size": (320,)}, "size must be 'auto'"),
        ({"size": (320, 9000)}, r"size must be in \[32, 4096\]"),
        ({"size": "big"}, "size must be"),
        ({"score_threshold": 1}, "score_threshold must be"),
    ):
        with pytest.raises(ParameterError, match=said):
            learner(task=Detection(**wrong)).fit(PICTURES, Y)


def test_boxes_without_area_are_named_and_left_out():
    bad = [{"boxes": [[5, 5, 5, 20], [10, 10, 40, 30], [90, 5, 99, 20]], "labels": ["cat", "cat", "cow"]}, *Y[1:]]
    task = Detection()
    with pytest.warns(PunarWarning, match=r"y\[0\]\['boxes'\]\[0\], y\[0\]\['boxes'\]\[2\]"):
        targets = task.learn(bad, "fit", PICTURES)
    assert task.labels_ == ["cat", "dog"]
    assert targets.item(0)["boxes"].tolist() == [[10, 10, 40, 30]]
    with pytest.warns(PunarWarning, match="without area"):
        assert task.encode(bad[:1], "score", PICTURES[:1]).digest() == targets.take(torch.tensor([0])).digest()


def test_boxes_beyond_the_picture_are_clipped_and_named():
    far = [{"boxes": [[-9, 10, 40, 70], [50, 20, 80.5, 60]], "labels": ["cat", "dog"]}, *Y[1:]]
    with pytest.warns(PunarWarning, match=r"clipped to it: y\[0\]\['boxes'\]\[0\]\."):
        targets = Detection().learn(far, "fit", PICTURES)
    assert targets.item(0)["boxes"].tolist() == [[0, 10, 40, 60], [50, 20, 80, 60]]  # half a pixel needs no word
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Detection().learn(Y, "fit", PICTURES)


def test_what_was_learned_travels_as_json():
    task = learned(size=96)
    again = Detection(size=96)
    again.restore(task.state())
    assert again.state() == task.state()
    assert again.encode(Y, "fit", PICTURES).digest() == task.encode(Y, "fit", PICTURES).digest()
    state = task.state()
    for wrong in (
        {"labels": []},
        {"labels": ["a", 1]},
        {"labels": "cat"},
        {"labels": [1.5]},
        {"canvas": [96]},
        {"canvas": [96, 100]},
        {"canvas": [0, 96]},
        {"canvas": [96.0, 96]},
        {"finest": 3},
        {"finest": True},
        *({name: None} for name in state),
    ):
        with pytest.raises((ValueError, TypeError)):
            Detection().restore(state | wrong)
    for name in state:
        with pytest.raises(KeyError):
            Detection().restore({k: v for k, v in state.items() if k != name})


def test_the_canvas_follows_pictures_and_boxes():
    assert canvas_of([(640, 480)] * 9, 60.0, "auto") == (320, 448)
    assert canvas_of([(480, 640)] * 9, 60.0, "auto") == (448, 320)
    assert canvas_of([(640, 480)] * 9, 60.0, 480) == (480, 640)
    assert canvas_of([(640, 480)] * 9, 60.0, (256, 300)) == (256, 320)
    assert canvas_of([(640, 480)] * 9, 12.0, "auto") == (640, 864)  # 12 pixels become 16
    assert canvas_of([(640, 480)] * 9, 3.0, "auto") == (640, 864)  # twice 320, and no more
    assert canvas_of([(64, 64)] * 9, 20.0, "auto") == (64, 64)
    assert canvas_of([(640, 480), (480, 640)], 60.0, "auto") == (320, 320)
    assert max(canvas_of([(5000, 50)], 20.0, "auto")) <= 1344
    assert canvas_of((), 0.0, "auto") == (320, 320)
    assert finest_of((320, 448), [(640, 480)], 60.0) == 8
    assert finest_of((320, 448), [(640, 480)], 12.0) == 4


# -- in the network's coordinates -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 60), (30, 200), (401, 97)])
def test_boxes_go_to_the_network_and_come_back(size):
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    boxes = torch.tensor([[1.0, 2.0, size[0] / 2, size[1] / 2], [0.0, 0.0, size[0], size[1]]])
    sample = Letterboxed(canvas=(96, 128)).samples(picture)[0]
    task = learned()
    placed = task.place({"boxes": boxes, "labels": torch.tensor([0, 1])}, sample)
    assert placed["boxes"].min() >= 0
    assert (placed["boxes"].amax(0) <= torch.tensor([128, 96, 128, 96.0]) + 1e-4).all()
    said = {"boxes": placed["boxes"], "labels": torch.tensor([1, 2]), "scores": torch.tensor([0.9, 0.01])}
    (part,) = task.answer(lambda batch: [said], {}, [sample.trace])
    assert part["boxes"].tolist() == [pytest.approx(boxes[0].tolist(), abs=1e-3)]  # the other is not sure enough
    assert part["labels"].tolist() == [0]
    beyond = {k: v.repeat(2) for k, v in part.items() if k != "boxes"} | {
        "boxes": boxes + torch.tensor([-5.0, 0.0, size[0], 9.0])
    }
    beside = {name: torch.cat([value, value[:1]]) for name, value in beyond.items()}
    beside["boxes"][2] = torch.tensor([size[0] + 1.0, 0.0, size[0] + 9.0, 9.0])
    assert len(task.merge([beside], picture)["boxes"]) == 2
    assert task.merge([beyond], picture)["boxes"].tolist() == [
        [0.0, 2.0, size[0], min(size[1] / 2 + 9, size[1])],
        [0.0, 0.0, size[0], size[1]],
    ]


def test_targets_are_padded_and_mirrored_with_their_pictures():
    task = learned()
    sample = Letterboxed(canvas=(60, 80)).samples(PICTURES[0])[0]
    placed = [task.place(task.encode(Y, "fit").item(i), sample) for i in range(3)]
    target = task.collate(placed, {})
    assert {name: tuple(v.shape) for name, v in target.items()} == {"boxes": (3, 2, 4), "labels": (3, 2), "count": (3,)}
    assert target["count"].tolist() == [2, 0, 1]
    assert tuple(task.collate(placed[1:2], {})["boxes"].shape) == (1, 0, 4)
    pixels = torch.zeros(64, 3, 60, 80)
    pixels[:, :, 10:30, 10:40] = 1.0
    batch, many = {"pixels": pixels}, {name: v[:1].repeat_interleave(64, 0) for name, v in target.items()}
    changed, moved = task.vary(batch, many, torch.Generator().manual_seed(0))
    mirrored = moved["boxes"][:, 0, 0] == 40
    assert 16 < int(mirrored.sum()) < 48
    for k in range(64):
        left, top, right, bottom = (int(v) for v in moved["boxes"][k, 0])
        assert bool((changed["pixels"][k, :, top:bottom, left:right] == 1).all())
        assert float(changed["pixels"][k].sum()) == 3 * 20 * 30
    again, _ = task.vary(batch, many, torch.Generator().manual_seed(0))
    assert torch.equal(again["pixels"], changed["pixels"])
    assert torch.equal(pixels[0], batch["pixels"][0])
    assert torch.equal(moved["labels"], many["labels"])


# -- losses and answers -----------------------------------------------------------------------------------------------


def view_of(widths: tuple[int, ...], strides: tuple[int, ...]) -> View:
    return View("pyramid", widths, lambda module, batch: (), strides, tuple(range(len(widths))))


@pytest.mark.parametrize("detector", ["faster_rcnn", "retinanet"])
def test_losses_are_the_same_in_every_mode_and_follow_the_generator(detector):
    task = learned(detector=detector, size=(64, 96))
    head = task.build(view_of((8, 12, 16), (8, 16, 32)), 0)
    maps = [torch.randn(3, w, 64 // s, 96 // s) for w, s in ((8, 8), (12, 16), (16, 32))]
    prepared = [Letterboxed(canvas=(64, 96)).samples(x)[0] for x in PICTURES]
    target = task.collate([task.place(task.encode(Y, "x").item(i), s) for i, s in enumerate(prepared)], {})
    batch = {"pixels": torch.zeros(3, 3, 64, 96)}

    def losses(seed: int, weight: Any = None) -> dict[str, Any]:
        generator = torch.Generator().manual_seed(seed)
        return task.losses(lambda b: head(maps, b), batch, target, weight, progress=0.0, generator=generator)

    torch.manual_seed(5)
    before = torch.get_rng_state()
    train = losses(0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    head.eval()
    valid = losses(0)
    assert set(train) == set(valid)
    for name, term in train.items():
        assert torch.equal(term.mean, valid[name].mean), name
        assert term.weight == 3.0
    assert all(not part.training for part in head.modules())
    found = head(maps, batch)
    assert [set(own) for own in found] == [{"boxes", "labels", "scores"}] * 3
    head.train()
    assert [set(own) for own in head(maps, batch)] == [{"boxes", "labels", "scores"}] * 3
    assert all(part.training for part in head.modules())
    sum(term.mean for term in train.values()).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in head.parameters())
    # A picture that weighs nothing teaches nothing; the weighted mean is over pictures.
    one = losses(0, torch.tensor([0.0, 0.0, 2.0]))
    assert next(iter(one.values())).weight == 2.0
    maps = [m[2:] for m in maps]
    batch, target = {"pixels": batch["pixels"][2:]}, {name: v[2:] for name, v in target.items()}
    alone = losses(0)
    if detector == "retinanet":  # which draws nothing
        for name, term in one.items():
            assert term.mean.item() == pytest.approx(alone[name].mean.item(), rel=1e-5)


def test_a_head_is_the_same_for_the_same_seed_and_stores_each_tensor_once():
    task = learned(detector="retinanet")
    view = view_of((8, 12, 16), (8, 16, 32))
    a, b, c = (task.build(view, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert any(not torch.equal(a[name], c[name]) for name in a)
    assert len({value.data_ptr() for value in a.values() if value.numel()}) == sum(v.numel() > 0 for v in a.values())


# -- a whole fit ------------------------------------------------------------------------------------------------------


def test_a_fit_gives_boxes_in_the_pictures_pixels_and_comes_back_from_a_folder(tmp_path: Path) -> None:
    task = Detection(size=(64, 96), score_threshold=0.0)
    fitted = learner("timm:mobilenetv2_035", task=task, weights=None, strategy="feature_extraction").fit(PICTURES, Y)
    found = fitted.predict(PICTURES)
    assert all(own["boxes"].dtype == np.float32 and own["boxes"].shape[1] == 4 for own in found)
    every = np.concatenate([own["boxes"] for own in found])
    assert len(every)
    assert every.min() >= 0
    assert every[:, 2].max() <= 80
    assert every[:, 3].max() <= 60
    assert all((np.diff(own["scores"]) <= 0).all() for own in found)
    assert set(np.concatenate([own["labels"] for own in found])) <= {"cat", "dog"}
    alike(fitted.predict(PICTURES[:1]), found[:1], within=1e-3)
    punar.save(fitted, tmp_path / "m")
    again = punar.load(tmp_path / "m")
    alike(again.predict(PICTURES), found)
    assert again.score(PICTURES, Y) == fitted.score(PICTURES, Y)
    assert fitted.fit_report_["metric"] == "map_50"
    assert {"map_50_95", "per_class", "constant"} <= set(fitted.fit_report_)


@pytest.mark.slow
def test_a_resumed_fit_and_one_of_the_same_seed_are_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"task": Detection(size=64), "epochs": 2, "strategy": "fine_tuning", "batch_size": 1}
    settings |= {"unfreeze": "last", "validation_fraction": 0}
    whole = learner(**settings).fit(PICTURES, Y)
    torch.manual_seed(3)
    again = learner(**settings).fit(PICTURES, Y)
    steps: list[int] = []
    losses = Detection.losses

    def stops(*args: Any, **kwargs: Any) -> Any:
        steps.append(len(steps))
        if len(steps) == 5:  # in the second epoch
            raise KeyboardInterrupt
        return losses(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Detection, "losses", stops)
        with pytest.raises(KeyboardInterrupt):
            learner(**settings).fit(PICTURES, Y, checkpoint=tmp_path / "c")
    resumed = learner(**settings).fit(PICTURES, Y, checkpoint=tmp_path / "c")
    assert len(resumed.history_) == len(whole.history_)
    for name, value in whole.module_.state_dict().items():
        assert torch.equal(value, again.module_.state_dict()[name]), name
        assert torch.equal(value, resumed.module_.state_dict()[name]), name
    before = network().state_dict()
    kept = {k: v for k, v in whole.module_.backbone.state_dict().items() if k.startswith(("0.", "1.", "2."))}
    assert all(torch.equal(value, before[name]) for name, value in kept.items()), "frozen"
    assert len(kept) == 21


def test_networks_without_a_pyramid_are_refused_and_say_why():
    with pytest.raises(NotSupportedError, match=r"pyramid|pixels alone"):
        learner(nn.Sequential(nn.Flatten(), nn.Linear(3 * 224 * 224, 8))).fit(PICTURES, Y)
    with pytest.raises(NotSupportedError, match="reads pictures"):
        _colours(Rows(3), "here")
    with pytest.raises(NotSupportedError, match="224 x 224 pixels alone"):
        _colours(Pictures(any_size=False), "here")


def test_a_picture_turned_by_exif_has_its_boxes_as_people_see_it(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    Image.fromarray(np.zeros((60, 80, 3), np.uint8)).save(path, exif=exif)  # seen as 60 wide, 80 high
    targets = Detection().learn([{"boxes": [[5, 5, 55, 75]], "labels": ["a"]}], "fit", [path])
    assert targets.item(0)["boxes"].tolist() == [[5, 5, 55, 75]]
    with pytest.warns(PunarWarning, match="clipped"):
        targets = Detection().learn([{"boxes": [[5, 5, 75, 55]], "labels": ["a"]}], "fit", [path])
    assert targets.item(0)["boxes"].tolist() == [[5, 5, 60, 55]]


# -- metric, chance, table, sheet -------------------------------------------------------------------------------------


def test_score_is_one_for_the_truth_and_less_for_chance():
    rng = np.random.default_rng(0)
    y, pictures = [], [np.zeros((100, 100, 3), np.uint8)] * 20
    for _ in pictures:
        corner = rng.uniform(0, 70, (3, 2))
        y.append({"boxes": np.concatenate([corner, corner + 25], 1), "labels": ["x", "y", "x"]})
    task = Detection()
    targets = task.learn(y, "fit", pictures)
    truth = [{**own, "scores": np.ones(3)} for own in y]
    assert task.score(y, truth) == 1.0
    nothing = [{"boxes": np.zeros((0, 4)), "labels": [], "scores": []}] * 20
    assert task.score(y, nothing) == 0.0
    constant = task.constant(targets)
    meter = task.meter()
    meter.add(constant, targets)
    assert 0.0 < meter.value() < 0.3
    assert task.score(y, task.predictions(constant, pictures)) == pytest.approx(meter.value(), abs=1e-6)
    assert all(own is constant[0] for own in constant)
    with pytest.raises(DataError, match="20 pictures and the predictions 2"):
        task.score(y, truth[:2])
    with pytest.raises(DataError, match="prediction 0 must have 'scores'"):
        task.score(y, y)
    flat = [{"boxes": [[3, 3, 3, 9]], "labels": ["x"], "scores": [2.0]}] * 20
    assert task.score(y, flat) == 0.0
    with pytest.raises(DataTypeError, match="sample_weight"):
        task.score(y, truth, [1.0] * 20)


def test_found_boxes_become_rows_and_a_sheet():
    task = learned()
    targets = task.encode(Y, "fit")
    answer = {
        "boxes": torch.tensor([[10.0, 10.0, 40.0, 30.0], [0.0, 0.0, 5.0, 5.0]]),
        "labels": torch.tensor([0, 1]),
        "scores": torch.tensor([0.9, 0.5]),
    }
    none = {name: value[:0] for name, value in answer.items()}
    table = task.table([answer, none], PICTURES[:2])
    assert table.item.tolist() == [0, 0]
    assert {k: list(v) for k, v in table.columns.items()} == {
        "label": ["cat", "dog"],
        "score": pytest.approx([0.9, 0.5]),
        "left": [10.0, 0.0],
        "top": [10.0, 0.0],
        "right": [40.0, 5.0],
        "bottom": [30.0, 5.0],
    }
    assert len(task.table([none], PICTURES[:1]).item) == 0
    sheet = task.sheet(answer, targets.item(0), PICTURES[0])
    assert sheet["form"] == "boxes"
    assert sheet["names"] == ["cat", "dog"]
    assert sheet["truth"]["labels"] == [0, 1]
    assert sheet["found"]["boxes"] == [[10.0, 10.0, 40.0, 30.0], [0.0, 0.0, 5.0, 5.0]]
    assert sheet["score"] == pytest.approx(0.5)
    assert task.sheet(none, targets.item(1), PICTURES[1])["score"] == 1.0


# -- detectors that a backbone brings along ---------------------------------------------------------------------------


NATIVE = "torchvision:fasterrcnn_mobilenet_v3_large_320_fpn"


@pytest.fixture(scope="module")
def detector_file(tmp_path_factory) -> Path:
    """Return a state dict as torchvision saves it, of random weights."""
    from torchvision.models import get_model

    with seeded(0):
        module = get_model(NATIVE.partition(":")[2], weights=None, weights_backbone=None)
        # Statistics of real activations, without which random layers show the same everywhere.
        for norm in module.backbone.body.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.momentum = 1.0
        with torch.no_grad():
            module.backbone.body.train()(torch.randn(4, 3, 320, 448))
        for layer in (module.roi_heads.box_predictor.cls_score, module.rpn.head.cls_logits):
            layer.weight.data.mul_(40.0)
    path = tmp_path_factory.mktemp("weights") / "detector.pth"
    torch.save(module.state_dict(), path)
    return path


@pytest.mark.slow
def test_a_coco_detector_learns_labels_of_ones_own(detector_file, tmp_path):
    backbone = punar.backbone(NATIVE, weights=detector_file)
    task = Detection(size=(64, 96), score_threshold=0.0)
    settings = {"strategy": "fine_tuning", "unfreeze": "last", "validation_fraction": 0}
    y = [{**own, "labels": [f"{name}fish" for name in own["labels"]]} for own in Y]  # catfish is none of COCO's
    fitted = learner(backbone, task=task, **settings).fit(PICTURES, y)
    assert fitted.module_.backbone.roi_heads.box_predictor.cls_score.out_features == 3
    assert fitted.fitted_.task.labels_ == ["catfish", "dogfish"]
    assert not any(name.endswith("own_") for name in vars(fitted.fitted_.task))
    found = fitted.predict(PICTURES)
    punar.save(fitted, tmp_path / "m")
    again = punar.load(tmp_path / "m")
    alike(again.predict(PICTURES), found)
    untrained = build(backbone, form="native")
    with pytest.raises(DamagedModelError, match="tells 90 classes apart, and the model has 2 labels"):
        learned().meet(untrained, "here")
    other = get_state(untrained.module)
    kept = get_state(fitted.module_.backbone)
    same = [name for name, value in kept.items() if name in other and torch.equal(value, other[name])]
    assert any(name.startswith("backbone.body") for name in same)
    assert not any(name.startswith("roi_heads.box_predictor") for name in same)


def get_state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value for name, value in module.state_dict().items() if value.dim()}


@pytest.mark.slow
def test_a_coco_detector_keeps_its_classes_where_the_labels_are_cocos(detector_file):
    """Frozen and with a rate of almost nothing it answers as torchvision's own does."""
    from torchvision.models import get_model

    own = get_model(NATIVE.partition(":")[2], weights=None, weights_backbone=None, box_score_thresh=0.0)
    own.load_state_dict(torch.load(detector_file, weights_only=True))
    backbone = punar.backbone(NATIVE, weights=detector_file)
    task = Detection(size=(320, 448), score_threshold=0.0)
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (320, 448, 3), dtype=np.uint8) for _ in range(2)]
    y = [{"boxes": [[10, 10, 200, 130]], "labels": ["cat"]}, {"boxes": [[10, 10, 200, 130]], "labels": ["dog"]}]
    fitted = learner(backbone, task=task, strategy="feature_extraction", learning_rate=1e-12, validation_fraction=0)
    fitted.fit(pictures, y)
    assert fitted.module_.backbone.roi_heads.box_predictor.cls_score.out_features == 91
    for norm in own.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eps = 1e-5  # of the frozen norms that torchvision gives to weights that are trained already
    own.transform.min_size, own.transform.max_size = (320,), 448
    own.eval()
    with torch.no_grad():
        expected = own([torch.from_numpy(x).permute(2, 0, 1).float() / 255 for x in pictures])
    for a, b in zip(fitted.predict(pictures), expected, strict=True):
        np.testing.assert_allclose(a["scores"], b["scores"].numpy(), atol=1e-3)
        assert np.ptp(a["scores"]) > 0.01
        labels = [fitted.fitted_.task.labels_[int(k) - 1] for k in b["labels"]]
        # Boxes of scores that are nearly equal may change places.
        near = np.abs(a["boxes"][:, None] - b["boxes"].numpy()[None]).max(2) < 0.1
        found = [
            [labels[k] == label for k in np.flatnonzero(row)] for row, label in zip(near, a["labels"], strict=True)
        ]
        assert np.mean([any(own) for own in found]) > 0.95
    with pytest.raises(ParameterError, match="Faster R-CNN of its own"):
        learner(backbone, task=Detection(detector="retinanet")).fit(pictures, y)


def test_levels_that_are_not_read_are_not_remembered():
    task = learned()
    fine = View("pyramid", (8, 12, 16), lambda module, batch: ("a", "b", "c"), (4, 8, 16), (0, 2, 3))
    seen = task.looks(fine)
    assert (seen.widths, seen.strides, seen.reads) == ((12, 16), (8, 16), (2, 3))
    assert seen.compute(nn.Identity(), {}) == ("b", "c")
    assert task.looks(seen) is seen
    assert Detection().looks(fine) is fine  # before the boxes are known
    native = View("native", (), lambda module, batch: None)
    assert task.looks(native) is native
    fitted = learner("timm:mobilenetv2_035", task=Detection(size=64), weights=None, strategy="feature_extraction")
    fitted.fit(PICTURES, Y)
    assert fitted.fitted_.body.plan.view("pyramid").strides == (8, 16, 32)
