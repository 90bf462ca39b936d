"""Products in bfloat16: where the device has them, in training alone, and not where they are not wanted."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import punar
from punar.core import deadline, runtime
from punar.core.replay import replayed
from punar.errors import ParameterError
from punar.models.structured import fit as structured
from punar.models.transfer import fit as transfer
from punar.tasks.classification import Classification
from punar.tasks.segmentation import Segmentation

rng = np.random.default_rng(0)
PICTURES = rng.random((24, 32, 32, 3)).astype(np.float32)
LABELS = np.arange(24) % 2


@pytest.fixture
def seen(monkeypatch):
    """Whether autocast to bfloat16 was on, for each product of a fit; the processor is said to know it."""
    found: list[bool] = []
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    own = torch.nn.Conv2d.forward

    def forward(self, x):
        found.append(torch.is_autocast_enabled("cpu"))
        return own(self, x)

    monkeypatch.setattr(torch.nn.Conv2d, "forward", forward)
    return found


def model(task="classification", **settings):
    settings = {"strategy": "fine_tuning", "epochs": 2, "validation_fraction": 0, "augment": None} | settings
    if task != "classification":
        settings |= {"augment": "auto"}
    return punar.TransferLearner("starter", task, cache=False, device="cpu", random_state=0, **settings)


def masks():
    return [(picture[..., 0] > 0.5).astype(np.uint8) for picture in PICTURES]


def test_the_device_is_asked(monkeypatch):
    cpu = torch.device("cpu")
    for known in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda known=known: known, raising=False)
        assert runtime.half_precision(cpu) is known
        assert runtime.half_precision(cpu, "float32") is False
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    assert runtime.half_precision(cpu) is False
    assert runtime.half_precision(torch.device("mps")) is False


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_a_fit_uses_it_and_answers_do_not(seen, task):
    if task == "segmentation":
        pytest.importorskip("segmentation_models_pytorch", reason="pip install 'punar[vision]'")
        settings, y = (Segmentation(), masks())
    else:
        settings, y = task, LABELS
    fitted = model(settings).fit(PICTURES, y)
    assert any(seen)
    assert {p.dtype for p in fitted.module_.parameters()} == {torch.float32}
    seen.clear()
    fitted.predict(PICTURES[:4])
    assert seen
    assert not any(seen)
    seen.clear()
    full = model(settings, precision="float32").fit(PICTURES, y)
    assert not any(seen)
    losses = [m.history_[-1]["train_loss"] for m in (fitted, full)]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0] != losses[1]


def test_it_is_taken_up_where_it_was_stopped(seen, tmp_path, monkeypatch):
    whole = model(epochs=4).fit(PICTURES, LABELS)
    now, losses = [0.0], Classification.losses

    def slow(self, *given, **named):
        now[0] += 1.0
        return losses(self, *given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(deadline, "clock", lambda: now[0])
        patched.setattr(Classification, "losses", slow)
        stopped = model(epochs=4).fit(PICTURES, LABELS, checkpoint=tmp_path, time_limit=3.0)
    assert 0 < len(stopped.history_) < 4
    again = model(epochs=4).fit(PICTURES, LABELS, checkpoint=tmp_path)
    for name, value in whole.module_.state_dict().items():
        assert torch.equal(value, again.module_.state_dict()[name]), name


def test_a_stub_has_the_type_of_its_pass():
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 5), torch.nn.Linear(5, 2))
    stages = [SimpleNamespace(modules=(str(i),)) for i in range(3)]
    x, value, found = torch.randn(8, 3), torch.randn(8, 5), []
    net[1].register_forward_pre_hook(lambda _, given: found.append(given[0].dtype))
    for mixed in (True, False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed), replayed(net, stages, 2, value):
            net(x)
    assert found == [torch.bfloat16, torch.float32, torch.bfloat16]


def test_both_fits_ask(monkeypatch):
    asked = []
    for module in (structured, transfer):
        monkeypatch.setattr(module, "half_precision", lambda device, precision: bool(asked.append(precision)))
    model(precision="float32").fit(PICTURES, LABELS)
    assert set(asked) == {"float32"}


def test_a_wrong_precision_is_refused():
    with pytest.raises(ParameterError, match="precision must be one of 'auto', 'float32', got 'fp16'"):
        model(precision="fp16").fit(PICTURES, LABELS)
    with pytest.raises(ParameterError, match="precision='float32' is a setting of training"):
        punar.TransferLearner("starter", strategy="zero_shot", precision="float32").fit(None, ["a", "b"])
