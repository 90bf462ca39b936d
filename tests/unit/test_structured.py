"""Heads that are trained: what is frozen stays so to the bit, is computed once, and comes back from a folder."""

from __future__ import annotations

import copy
import pickle
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import punar
from punar.core import deadline
from punar.core.draws import seeded
from punar.errors import NotSupportedError, ParameterError
from punar.models.structured.module import Structured
from punar.tasks import RowsMeter, Targets, Task, Term


class Brightest(Task):
    """Which quarter of the picture is brightest? A map of scores from all levels of a pyramid, and their means."""

    domains: ClassVar[tuple[str, ...]] = ("vision",)
    view: ClassVar[str] = "pyramid"
    models: ClassVar[tuple[str, ...]] = ("structured",)
    estimator_type: ClassVar[str | None] = None
    metric: ClassVar[str] = "accuracy"
    target_form: ClassVar[str] = "classes"

    def learn(self, y: Any, where: str, items: Any = ()) -> Targets:
        return self.encode(y, where)

    def encode(self, y: Any, where: str, items: Any = ()) -> Targets:
        return Targets({"y": torch.as_tensor(np.asarray(y), dtype=torch.int64)})

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass

    def place(self, target: Any, sample: Any) -> dict[str, Any]:
        return dict(target)

    def collate(self, placed: Any, batch: Any) -> dict[str, Any]:
        return {"y": torch.stack([p["y"] for p in placed])}

    @property
    def outputs(self) -> int:
        return 4

    def build(self, view: Any, seed: int | None) -> nn.Module:
        return Quarters(view.widths)

    def losses(self, net: Any, batch: Any, target: Any, weight: Any, *, progress: float, generator: Any) -> Any:
        return {"cross_entropy": Term(F.cross_entropy(net(batch), target["y"]), float(len(target["y"])))}

    def answer(self, net: Any, batch: Any, traces: Any) -> list[Any]:
        assert not net.module.training
        return list(net(batch))

    def merge(self, parts: Any, item: Any) -> Any:
        return parts[0]

    def predictions(self, answers: Any, items: Any) -> Any:
        return torch.stack(list(answers)).argmax(1).numpy()

    def constant(self, targets: Targets) -> list[Any]:
        y = targets.columns["y"]
        return [F.one_hot(y.mode().values, 4).float()] * len(y)

    def meter(self) -> Any:
        return RowsMeter(lambda raw, y: float((raw.argmax(1) == y).float().mean()))

    def score(self, y: Any, predictions: Any, sample_weight: Any = None) -> float:
        return float(np.mean(np.asarray(y) == predictions))


class Quarters(nn.Module):
    """The means of four quarters of each map, weighed."""

    def __init__(self, widths: Any) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in widths)

    def forward(self, shown: Any, batch: Any) -> Any:
        return sum(F.adaptive_avg_pool2d(m(x), 2).flatten(1) for m, x in zip(self.maps, shown, strict=True))


def pictures(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, n)
    X = rng.random((n, 32, 32, 3)) * 0.5
    for picture, k in zip(X, y, strict=True):
        row, column = divmod(int(k), 2)
        picture[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16] += 0.4
    return X, y


def network() -> Any:
    """Three stages of convolutions with batch norms."""
    with seeded(0):
        widths = [(3, 8), (8, 16), (16, 16)]
        stages = [nn.Sequential(nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU()) for a, b in widths]
        return nn.Sequential(*stages)


LIBRARY = "timm:mobilenetv2_035"


def model(strategy: str, **given: Any) -> punar.TransferLearner:
    settings = {
        "backbone": network(),
        "epochs": 3,
        "random_state": 0,
        "cache": False,
        "augment": None,
        "device": "cpu",
    } | given
    return punar.TransferLearner(task=Brightest(), strategy=strategy, **settings)


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    return pictures(40)


def weights_of(fitted: Any, part: str) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in getattr(fitted.module_, part).state_dict().items()}


def test_frozen_stages_do_not_change_by_a_bit(data):
    before = model("feature_extraction", epochs=1).fit(*data)
    after = model("feature_extraction", epochs=4).fit(*data)
    for name, value in weights_of(before, "backbone").items():
        assert torch.equal(value, after.module_.backbone.state_dict()[name]), name
    assert not any(p.requires_grad for p in after.module_.backbone.parameters())
    assert all(p.requires_grad for p in after.module_.head.parameters())


def test_what_is_remembered_equals_what_is_computed_again(data, monkeypatch, tmp_path):
    from punar.models.structured import fit

    monkeypatch.setattr(fit, "half_precision", lambda *_: False)  # what is remembered has full precision
    some = model("fine_tuning", unfreeze="last").fit(*data)
    cached = model("fine_tuning", unfreeze="last", cache=tmp_path).fit(*data)
    again = model("fine_tuning", unfreeze="last", cache=tmp_path).fit(*data)
    for name, value in some.module_.state_dict().items():
        assert torch.equal(value, cached.module_.state_dict()[name]), name
        assert torch.equal(value, again.module_.state_dict()[name]), name
    monkeypatch.setattr(fit, "worth_it", lambda *_: False)
    again = model("fine_tuning", unfreeze="last").fit(*data)
    assert some.history_[0]["train_loss"] == pytest.approx(again.history_[0]["train_loss"], rel=1e-4)
    assert (some.predict(data[0]) == again.predict(data[0])).all()


def test_a_new_head_learns_alone_in_the_first_tenth_of_the_epochs(data, monkeypatch):
    opened, thaw = [], Structured.thaw

    def noted(self: Any, trainable: frozenset[int]) -> None:
        opened.append(sorted(trainable))
        thaw(self, trainable)

    monkeypatch.setattr(Structured, "thaw", noted)
    frozen = model("feature_extraction", epochs=1, validation_fraction=0).fit(*data)
    pretrained = weights_of(frozen, "backbone")
    opened.clear()
    ten = model("fine_tuning", unfreeze="all", epochs=10, validation_fraction=0).fit(*data)
    assert opened == [[0, 1, 2], [], *[[0, 1, 2]] * 10]  # built; ten epochs; done
    opened.clear()
    nine = model("fine_tuning", unfreeze="all", epochs=9, validation_fraction=0).fit(*data)
    assert [] not in opened
    for fitted in (nine, ten):
        found = weights_of(fitted, "backbone")
        changed = {name.split(".")[0] for name, value in pretrained.items() if not torch.equal(value, found[name])}
        assert changed == {"0", "1", "2"}


def test_it_learns_and_says_so_beside_chance():
    fitted = model("fine_tuning", unfreeze="all", epochs=12, learning_rate=5e-3).fit(*pictures(240))
    assert fitted.score(*pictures(60, seed=1)) > 0.8
    assert fitted.fit_report_["constant"] < 0.5
    assert fitted.fit_report_["learned"] is True


def test_a_folder_gives_the_same_answers(data, tmp_path):
    fitted = model("fine_tuning", unfreeze="last", backbone=punar.backbone(LIBRARY, weights=None, size=32)).fit(*data)
    found = fitted.predict(data[0])
    punar.save(fitted, tmp_path / "model")
    again = punar.load(tmp_path / "model", parts=[Brightest])
    for name, value in fitted.module_.state_dict().items():
        assert torch.equal(value, again.module_.state_dict()[name]), name
    for other in (again, pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert (other.predict(data[0]) == found).all()


def test_resumed_equals_never_stopped(data, tmp_path, monkeypatch):
    whole = model("fine_tuning", unfreeze="all", epochs=4).fit(*data)
    now, losses = [0.0], Brightest.losses

    def slow(self: Any, *given: Any, **named: Any) -> Any:
        now[0] += 1.0
        return losses(self, *given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(deadline, "clock", lambda: now[0])
        patched.setattr(Brightest, "losses", slow)
        stopped = model("fine_tuning", unfreeze="all", epochs=4).fit(*data, checkpoint=tmp_path, time_limit=9.0)
    resumed = model("fine_tuning", unfreeze="all", epochs=4).fit(*data, checkpoint=tmp_path)
    assert 0 < len(stopped.history_) < len(whole.history_) == len(resumed.history_)
    for name, value in whole.module_.state_dict().items():
        assert torch.equal(value, resumed.module_.state_dict()[name]), name


def test_a_folder_is_a_backbone(data, tmp_path):
    fitted = model("fine_tuning", unfreeze="last", backbone=punar.backbone(LIBRARY, weights=None, size=32)).fit(*data)
    punar.save(fitted, tmp_path / "model")
    found = punar.FeatureExtractor(str(tmp_path / "model"), cache=False).transform(data[0][:3])
    plan = fitted.fitted_.body.plan
    some = plan.preparation.collate([plan.preparation.prepare(x) for x in data[0][:3]], 0)
    with torch.no_grad():
        expected = plan.forward(fitted.module_.backbone, some)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_what_cannot_be_is_refused(data):
    with pytest.raises(ParameterError, match="views must be 0"):
        model("fine_tuning", views=2).fit(*data)
    with pytest.raises(ParameterError, match="augment must be"):
        model("fine_tuning", augment="light").fit(*data)
    with pytest.raises(ParameterError, match="reads text"):
        punar.TransferLearner("minilm", Brightest()).fit(["a", "b"], [0, 1])
    with pytest.raises(NotSupportedError, match="reads no vector"):
        model("feature_extraction").fit(*data).transform(data[0])


@pytest.mark.parametrize("name", ["timm:mobilenetv2_035", "resnet18"])
def test_a_pyramid_of_other_libraries(name, data):
    pytest.importorskip("timm")
    some = punar.TransferLearner(
        punar.backbone(name, weights=None, size=32), Brightest(), "fine_tuning", unfreeze="last", epochs=2, cache=False
    )
    assert some.set_params(random_state=0, device="cpu").fit(data[0][:12], data[1][:12]).predict(data[0]).shape == (40,)
