"""Large jobs may run in ONNX Runtime: the same numbers, one choice per machine, exported only where needed."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import punar
from punar.features import runtime

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

X = np.random.default_rng(0).integers(0, 256, (70, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def always_large(tmp_path, monkeypatch):
    monkeypatch.setenv("PUNAR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(runtime, "_LARGE", {"vision": 0, "text": 0})
    monkeypatch.setattr(runtime, "_EXPORTED", {})
    return tmp_path / "runtimes.json"


def extractor(cache=False):
    return punar.FeatureExtractor(punar.backbone("cifar_resnet20", weights=None), cache=cache, device="cpu")


def test_exported_networks_give_the_same_features(always_large, monkeypatch):
    monkeypatch.setattr(runtime, "_seconds", lambda run, sample: 1.0 if run.__qualname__.startswith("eager") else 0.5)
    fast = extractor().transform(X)
    assert list(json.loads(always_large.read_text("utf-8")).values()) == ["onnx"]
    monkeypatch.setattr(runtime, "_LARGE", {})
    plain = extractor().transform(X)
    assert np.abs(fast - plain).max() <= 1e-4 * np.abs(plain).max()
    assert not np.array_equal(fast[0], fast[1])


def test_the_choice_is_made_once_and_kept(always_large, monkeypatch):
    monkeypatch.setattr(runtime, "_seconds", lambda run, sample: 0.5 if run.__qualname__.startswith("eager") else 1.0)
    extractor().transform(X)
    assert list(json.loads(always_large.read_text("utf-8")).values()) == ["eager"]
    monkeypatch.setattr(runtime, "_export", None)  # not even tried again
    extractor().transform(X)


def test_nothing_is_exported_where_every_row_is_known(always_large, monkeypatch):
    monkeypatch.setattr(runtime, "_seconds", lambda run, sample: 1.0 if run.__qualname__.startswith("eager") else 0.5)
    first = extractor(cache=True).transform(X)
    again = extractor(cache=True)
    monkeypatch.setattr(runtime, "_EXPORTED", {})
    calls = []
    export = runtime._export
    monkeypatch.setattr(runtime, "_export", lambda *a: calls.append(1) or export(*a))
    np.testing.assert_array_equal(again.transform(X), first)
    assert not calls


def test_a_network_that_cannot_be_exported_runs_in_torch(always_large, monkeypatch):
    monkeypatch.setattr(torch.onnx, "export", lambda *a, **k: (_ for _ in ()).throw(RuntimeError("no")))
    assert extractor().transform(X).shape == (70, 64)
    assert list(json.loads(always_large.read_text("utf-8")).values()) == ["eager"]


def test_a_damaged_memory_is_measured_again(always_large):
    always_large.write_text("{broken", encoding="utf-8")
    assert extractor().transform(X).shape == (70, 64)
    assert json.loads(always_large.read_text("utf-8"))


def test_pictures_run_in_small_passes_and_give_the_same_rows():
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()).eval()
    seen = []
    module[0].register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    batch = {"pixels": torch.randn(19, 3, 9, 9)}
    run = runtime.eager(module, lambda m, b: m(b["pixels"]), torch.device("cpu"))
    rows = run(batch)
    assert seen == [8, 8, 3]
    torch.testing.assert_close(rows, module(batch["pixels"]).detach())
