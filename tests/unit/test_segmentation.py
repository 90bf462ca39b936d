"""A class for every pixel: targets, losses, answers, and the task through a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.base import clone

import punar
from punar.errors import DataError, DataTypeError, NotSupportedError, ParameterError, ParameterTypeError, PunarWarning
from punar.preparations.whole_pictures import WholePictures
from punar.tasks import Targets, Task, Term
from punar.tasks._masks import IGNORED
from punar.tasks.segmentation import Segmentation

pytest.importorskip("segmentation_models_pytorch", reason="pip install 'punar[vision]'")

RNG = np.random.default_rng(0)
SIZES = [(30, 40), (33, 41), (30, 40), (64, 20), (30, 40), (30, 40)]
X = [RNG.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]
Y = [np.select([x[..., 0] < 80, x[..., 0] < 160], [0, 3], 9).astype(np.uint8) for x in X]
Y[0][:4] = 255


def learned(**settings: Any) -> tuple[Segmentation, Targets, dict[str, torch.Tensor], list[Any]]:
    task = Segmentation(**settings)
    targets = task.learn(Y, "fit", X)
    samples = [WholePictures(size=task.size_).samples(x)[0] for x in X]
    placed = [task.place(targets.item(i), sample) for i, sample in enumerate(samples)]
    return task, targets, task.collate(placed, {}), samples


def losses(
    task: Task, raw: torch.Tensor, target: dict[str, torch.Tensor], weight: Any = None
) -> tuple[torch.Tensor, dict[str, Term]]:
    terms = task.losses(lambda batch: raw, {}, target, weight, progress=0.5, generator=torch.Generator())
    return sum((t.mean for t in terms.values()), torch.zeros(())), terms


def perfect(target: torch.Tensor, classes: int) -> torch.Tensor:
    known = target.long().masked_fill(target == IGNORED, 0)
    return 30.0 * torch.nn.functional.one_hot(known, classes).permute(0, 3, 1, 2)


# -- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"decoder": "u-net"}, "decoder must be one of 'unet', 'deeplabv3plus', 'fpn'.*Did you mean 'unet'"),
        ({"size": (100, 64)}, "size must be 'auto', one number or .*multiples of 32"),
        ({"size": (64,)}, "size must be"),
        ({"size": (64, 8192)}, "size must be"),
        ({"size": 100}, "size must be .*multiples of 32 up to 4096, got 100"),
        ({"size": True}, "size must be"),
        ({"size": "large"}, "size must be"),
        ({"tiles": 1}, "tiles must be True or False"),
        ({"ignore": 2.5}, "ignore must be None or an integer"),
        ({"names": [1]}, "names must be None or a list of names"),
    ],
)
def test_settings_that_break_their_rule_are_named(settings: dict[str, Any], words: str) -> None:
    with pytest.raises((ParameterError, ParameterTypeError), match=words):
        Segmentation(**settings).check()


def test_settings_are_stored_as_given_and_documented() -> None:
    task = Segmentation("fpn", None, (64, 96), True, ["a"])
    assert clone(task).get_params() == task.get_params()
    assert all(name in (Segmentation.__doc__ or "") for name in task.get_params())
    assert (task.metric, task.view, task.target_form, task.takes_targets) == ("mean_iou", "pyramid", "masks", True)


# -- targets ----------------------------------------------------------------------------------------------------------


def test_the_numbers_of_the_fit_are_the_classes() -> None:
    task, targets, _, _ = learned()
    assert task.values_ == [0, 3, 9]
    assert task.outputs == 3
    assert bool((targets.item(0)["masks"][:4] == IGNORED).all())
    known = targets.item(1)["masks"]
    assert np.array_equal(np.array([0, 3, 9])[known.numpy()], Y[1])
    names = ["sky", "a", "b", "road", "c", "d", "e", "f", "g", "car"]
    named = Segmentation(names=names)
    named.learn(Y, "fit", X)
    assert named.class_names == names
    assert named.outputs == 10


def test_what_was_learned_travels_as_json() -> None:
    task, targets, _, _ = learned()
    again = clone(task)
    again.restore(json.loads(json.dumps(task.state())))
    assert again.state() == task.state()
    assert again.encode(Y, "here", X).digest() == targets.digest()
    state = task.state()
    for damaged in (
        state | {"values": [0]},
        state | {"values": [3, 0]},
        state | {"values": [0, 0]},
        state | {"values": [0, 1.5]},
        state | {"values": list(range(300))},
        state | {"values": {"a": 1}},
        state | {"size": [64]},
        state | {"size": [64, 63]},
        state | {"size": [64, 0]},
        state | {"size": None},
        state | {"size": [True, 64]},
    ):
        with pytest.raises((ValueError, KeyError, TypeError)):
            clone(task).restore(damaged)
    for missing in state:
        with pytest.raises(KeyError):
            clone(task).restore({k: v for k, v in state.items() if k != missing})


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        (None, DataError, "y is None"),
        ("masks/", DataTypeError, "list of masks"),
        (3, DataTypeError, "list of masks"),
        ([], DataError, "got none"),
        (Y[:-1], DataError, "X has 6, y 5"),
        ([np.zeros((2, 2), int), *Y[1:]], DataError, r"y\[0\] is a mask of 2 x 2"),
        ([y.astype(float) for y in Y], DataTypeError, r"y\[0\] must hold whole numbers"),
        ([np.zeros_like(y) for y in Y], DataError, "at least 2 different numbers.*only 0"),
        ([np.where(y > 0, 255, 0) for y in Y], DataError, "only 0 beside ignore=255.*set ignore=None"),
        ([np.full_like(y, 255) for y in Y], DataError, "got none beside ignore=255"),
        ([np.arange(y.size).reshape(y.shape) for y in Y], DataError, "254 different numbers"),
    ],
)
def test_bad_masks_are_named(y: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        Segmentation().learn(y, "here", X)
    assert str(caught.value).startswith("here: ")


def test_a_number_that_was_not_learned_is_named() -> None:
    task, _, _, _ = learned()
    strange = [Y[0], np.where(Y[1] == 3, 4, Y[1])]
    with pytest.raises(DataError, match=r"here: y\[1\] holds the number 4, .* those were 0, 3, 9.*no class is 255"):
        task.encode(strange, "here", X[:2])


def test_black_and_white_masks_with_ignore_none() -> None:
    task = Segmentation(ignore=None)
    found = task.learn([np.where(y > 3, 255, 0) for y in Y], "fit", X)
    assert task.values_ == [0, 255]
    assert found.item(1)["masks"].max() == 1
    assert task.predictions([torch.tensor([[0, 1]], dtype=torch.uint8)], X[:1])[0].tolist() == [[0, 255]]


def test_negative_and_large_numbers_come_back() -> None:
    task = Segmentation(ignore=-1)
    task.learn([np.array([[-1, -5], [1000, 7]])], "fit")
    assert task.values_ == [-5, 7, 1000]
    found = task.predictions([torch.tensor([[0, 1, 2]], dtype=torch.uint8)], [None])[0]
    assert found.dtype == np.int64
    assert found.tolist() == [[-5, 7, 1000]]


def test_files_and_arrays_are_one(tmp_path: Path) -> None:
    paths = []
    for i, y in enumerate(Y):
        Image.fromarray(y).save(tmp_path / f"{i}.png")
        paths.append(tmp_path / f"{i}.png")
    task, targets, _, _ = learned()
    assert task.encode(paths, "here", X).digest() == targets.digest()
    same = np.stack([Y[0], Y[2]])
    assert len(task.encode(same, "here", [X[0], X[2]])) == 2


# -- sizes ------------------------------------------------------------------------------------------------------------


def test_the_size_is_the_median_rounded_up(tmp_path: Path) -> None:
    assert learned()[0].size_ == (32, 64)
    assert learned(size=(96, 64))[0].size_ == (96, 64)
    assert learned(size=np.int64(96))[0].size_ == (96, 96)
    # A photograph that lies on its side is read upright.
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(X[0]).save(tmp_path / "p.jpg", exif=exif)
    task = Segmentation()
    task.learn(Y[:1], "fit", [tmp_path / "p.jpg"])
    assert task.size_ == (64, 32)


def test_large_pictures_are_shrunk_and_it_is_said() -> None:
    masks = [np.arange(1000 * 700).reshape(1000, 700) % 2] * 2
    task = Segmentation()
    with pytest.warns(PunarWarning, match=r"fit: the pictures have about 1000 x 700 .* shrunk to \(512, 384\)"):
        task.learn(masks, "fit")
    assert task.size_ == (512, 384)
    tiled = Segmentation(tiles=True)
    tiled.learn(masks, "fit")
    assert tiled.size_ == (512, 512)


# -- losses -----------------------------------------------------------------------------------------------------------


def test_losses_are_those_of_torch_without_ignored_pixels() -> None:
    task, _, target, _ = learned()
    raw = torch.randn(6, 3, *target["masks"].shape[1:], generator=torch.Generator().manual_seed(0))
    _, terms = losses(task, raw, target)
    true = target["masks"].long()
    expected = torch.nn.functional.cross_entropy(raw, true, ignore_index=IGNORED)
    torch.testing.assert_close(terms["cross_entropy"].mean, expected)
    assert terms["cross_entropy"].weight == terms["dice"].weight == float((true != IGNORED).sum())
    # Dice as segmentation-models-pytorch has it.
    import segmentation_models_pytorch as smp

    reference = smp.losses.DiceLoss("multiclass", ignore_index=IGNORED, smooth=0.0)(raw, true)
    torch.testing.assert_close(terms["dice"].mean, reference)


def test_perfect_scores_lose_nothing_and_teach_nothing_where_ignored() -> None:
    task, _, target, _ = learned()
    total, terms = losses(task, perfect(target["masks"], 3), target)
    raw = torch.empty(6, 3, *target["masks"].shape[1:])
    assert all(0 <= float(t.mean) < 1e-4 for t in terms.values())
    drawn = torch.randn(raw.shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    total, _ = losses(task, drawn, target)
    total.backward()
    assert drawn.grad is not None
    ignored = (target["masks"] == IGNORED).unsqueeze(1).expand_as(drawn)
    assert not drawn.grad[ignored].any()
    assert (drawn.grad.flatten(1).abs().sum(1) > 0).all()
    itself = task.itself(drawn)
    assert bool(losses(task, drawn, itself)[0].isfinite())


def test_a_batch_that_nobody_knows_loses_nothing() -> None:
    task, _, target, _ = learned()
    unknown = {"masks": torch.full_like(target["masks"], IGNORED)}
    raw = torch.randn(6, 3, *target["masks"].shape[1:]).requires_grad_()
    total, terms = losses(task, raw, unknown)
    total.backward()
    assert float(total.detach()) == 0.0
    assert terms["dice"].weight == 0.0
    assert not raw.grad.any()


def test_a_picture_of_weight_0_changes_nothing() -> None:
    task, _, target, _ = learned()
    raw = torch.randn(6, 3, *target["masks"].shape[1:], generator=torch.Generator().manual_seed(0))
    weight = torch.tensor([0.0, 1.0, 2.0, 1.0, 0.5, 1.0])
    with_it = losses(task, raw, target, weight)[0]
    without = losses(task, raw[1:], {"masks": target["masks"][1:]}, weight[1:])[0]
    torch.testing.assert_close(with_it, without)
    torch.testing.assert_close(losses(task, raw, target, torch.ones(6))[0], losses(task, raw, target)[0])
    assert not torch.isclose(losses(task, raw, target, torch.tensor([9.0, 1, 1, 1, 1, 1]))[0], without)


def test_pictures_and_masks_vary_together() -> None:
    task = Segmentation()
    # A picture that shows its own mask: what moves, moves in both.
    coarse = torch.rand(6, 1, 2, 4, generator=torch.Generator().manual_seed(5))
    smooth = torch.nn.functional.interpolate(coarse, (32, 64), mode="bilinear")[:, 0]
    blocks = {"masks": (smooth > 0.5).to(torch.uint8)}
    batch = {"pixels": blocks["masks"].float().unsqueeze(1).repeat(1, 3, 1, 1)}
    before = {k: v.clone() for k, v in (batch | blocks).items()}
    varied, moved = task.vary(batch, blocks, torch.Generator().manual_seed(0))
    again, _ = task.vary(batch, blocks, torch.Generator().manual_seed(0))
    other, _ = task.vary(batch, blocks, torch.Generator().manual_seed(1))
    assert torch.equal(varied["pixels"], again["pixels"])
    assert not torch.equal(varied["pixels"], other["pixels"])
    assert all(torch.equal(before[k], v) for k, v in (batch | blocks).items()), "what was given is as it was"
    known = moved["masks"] != IGNORED
    alike = (varied["pixels"][:, 0] > 0.5) == (moved["masks"] == 1)
    assert alike[known].float().mean() > 0.97
    assert known.all(), "enlarged and shifted within what there is"
    ignored = {"masks": torch.full_like(blocks["masks"], IGNORED)}
    assert bool((task.vary(batch, ignored, torch.Generator().manual_seed(0))[1]["masks"] == IGNORED).all())


# -- answers ----------------------------------------------------------------------------------------------------------


def test_perfect_scores_give_the_masks_back() -> None:
    task, targets, target, samples = learned(size=(64, 64))
    answers = task.answer(lambda batch: perfect(target["masks"], 3), {}, [s.trace for s in samples])
    answers = [task.merge([part], item) for part, item in zip(answers, X, strict=True)]
    found = task.predictions(answers, X)
    for mask, y in zip(found, Y, strict=True):
        assert mask.shape == y.shape
        assert mask.dtype == np.uint8
        assert np.array_equal(mask[y != 255], y[y != 255])
    meter = task.meter()
    meter.add(answers, targets)
    assert meter.value() == 1.0
    assert task.score(Y, found) == 1.0
    sheet = task.sheet(answers[1], targets.item(1), X[1])
    assert sheet["form"] == "masks"
    assert sheet["score"] == 1.0
    assert np.array_equal(sheet["truth"], sheet["found"])
    assert sheet["names"] == ["0", "3", "9"]


def test_chance_is_the_best_mask_of_one_class() -> None:
    task, targets, _, _ = learned()
    meter = task.meter()
    meter.add(task.constant(targets), targets)
    others = []
    for k in range(3):
        other = task.meter()
        other.add([torch.full(y.shape, k, dtype=torch.uint8) for y in Y], targets)
        others.append(other.value())
    assert meter.value() == max(others)
    assert min(others) < max(others) < 0.25


def test_scores_of_masks_of_another_size_say_so() -> None:
    task, _, _, _ = learned()
    with pytest.raises(DataError, match=r"score: y\[0\] has shape \(30, 40\), and its prediction \(33, 41\)"):
        task.score(Y[:1], Y[1:2])
    with pytest.raises(DataError, match="1 masks, and there are 2"):
        task.score(Y[:1], Y[:2])
    with pytest.raises(DataTypeError, match="sample_weight"):
        task.score(Y[:1], Y[:1], sample_weight=[1])


# -- through a model --------------------------------------------------------------------------------------------------


def learner(**settings: Any) -> punar.TransferLearner:
    task = {k: settings.pop(k) for k in ("size", "tiles", "decoder") if k in settings}
    given = {"backbone": "starter", "epochs": 2, "batch_size": 4, "learning_rate": 3e-3, "random_state": 0}
    return punar.TransferLearner(task=Segmentation(**task), cache=False, device="cpu", **(given | settings))


@pytest.mark.parametrize("strategy", ["feature_extraction", "fine_tuning", "scratch"])
def test_every_strategy_answers_in_the_pictures_own_size_and_as_stored(strategy: str, tmp_path: Path) -> None:
    model = learner(strategy=strategy).fit(X, Y)
    found = model.predict(X)
    assert [m.shape for m in found] == SIZES
    assert 0 <= model.score(X, Y) <= 1
    assert model.fit_report_["metric"] == "mean_iou"
    assert 0 < model.fit_report_["constant"] < 0.34
    assert set(model.fit_report_["iou_per_class"]) == {"0", "3", "9"}
    assert not hasattr(model, "predict_proba")
    again = punar.load(punar.save(model, tmp_path / "m"))
    assert again.preparation_ == model.preparation_ == WholePictures.of(model_input(model), (32, 64))
    for a, b in zip(again.predict(X), found, strict=True):
        assert np.array_equal(a, b)
    # One by one and in another order: nothing else of a batch changes an answer.
    for i in (3, 0):
        assert np.array_equal(model.predict([X[i]])[0], found[i])
    with pytest.raises(NotSupportedError, match="transform"):
        model.transform(X)


def model_input(model: punar.TransferLearner) -> Any:
    body = model.fitted_.body
    return body.recipe.plan(body.module, body.about).preparation


def test_frozen_is_frozen_to_the_bit() -> None:
    model = learner().fit(X, Y)
    fresh = punar.backbones.build(punar.backbone("starter")).module.state_dict()
    assert all(torch.equal(fresh[k], v) for k, v in model.module_.backbone.state_dict().items())


def test_a_seed_fixes_the_answers() -> None:
    before = torch.get_rng_state()
    one, two = (learner(strategy="fine_tuning", unfreeze="all").fit(X, Y) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    for (k, a), b in zip(one.module_.state_dict().items(), two.module_.state_dict().values(), strict=True):
        assert torch.equal(a, b), k
    other = learner(strategy="fine_tuning", unfreeze="all", random_state=1).fit(X, Y)
    assert any(
        not torch.equal(a, b)
        for a, b in zip(one.module_.state_dict().values(), other.module_.state_dict().values(), strict=True)
    )


def test_tiles_through_a_model(tmp_path: Path) -> None:
    large = [RNG.integers(0, 256, (70, 90, 3), dtype=np.uint8) for _ in range(3)]
    masks = [(x[..., 0] > 127).astype(int) for x in large]
    model = learner(tiles=True, size=(32, 64)).fit([*X, *large], [*((x[..., 0] > 127).astype(int) for x in X), *masks])
    assert [m.shape for m in model.predict(large)] == [(70, 90)] * 3
    assert len(model.preparation_.samples(large[0])) == 6
    again = punar.load(punar.save(model, tmp_path / "m"))
    for a, b in zip(again.predict(large), model.predict(large), strict=True):
        assert np.array_equal(a, b)


def test_training_goes_on_from_a_checkpoint_as_if_it_never_stopped(tmp_path: Path) -> None:
    settings = {"strategy": "fine_tuning", "unfreeze": "all", "epochs": 3}
    whole = learner(**settings).fit(X, Y)
    learner(**settings).fit(X, Y, checkpoint=tmp_path / "c", time_limit=0.05)
    resumed = learner(**settings).fit(X, Y, checkpoint=tmp_path / "c")
    assert len(resumed.history_) == 3
    for (k, a), b in zip(whole.module_.state_dict().items(), resumed.module_.state_dict().values(), strict=True):
        assert torch.equal(a, b), k


def test_validation_masks_have_learned_numbers_and_their_pictures_size() -> None:
    with pytest.raises(DataError, match="holds the number 4"):
        learner().fit(X, Y, validation_data=(X[:2], [np.where(y == 3, 4, y) for y in Y[:2]]))
    with pytest.raises(DataError, match="is a mask of"):
        learner().fit(X, Y, validation_data=(X[:2], [Y[1], Y[0]]))
    model = learner().fit(X, Y, validation_data=(X[:2], Y[:2]))
    assert model.fit_report_["rows"] == 2


def test_pictures_are_no_smaller_than_the_network_reads() -> None:
    pytest.importorskip("torchvision")
    body = punar.backbones.build(punar.backbone("inception_v3", weights=None))
    task = learned()[0]
    assert task.meet(body, "here").size == (96, 96)
    with pytest.raises(ParameterError, match=r"here: size must be at least \(96, 96\) .*got \(64, 128\)"):
        Segmentation(size=(64, 128)).meet(body, "here")


def test_texts_are_no_pictures() -> None:
    with pytest.raises((ParameterError, DataError, DataTypeError, NotSupportedError)):
        learner().fit(["a text"] * 6, Y)
