"""The engine of frozen passes: every file is read once, every row computed once, a few items answered directly."""

from __future__ import annotations

import builtins
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import punar
from punar import errors
from punar.backbones import _backbone, _body, build
from punar.data.decode import BadItem
from punar.features import batches, engine, frozen, runtime
from punar.features.cache import Cache
from punar.features.engine import Engine
from punar.preparations import Preparation

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PUNAR_CACHE_DIR", str(tmp_path / "cache"))


@dataclass(frozen=True)
class Words(Preparation):
    """Files or texts as their letters, padded to a multiple of four; counts what is read."""

    domain: ClassVar[str] = "vision"
    read: ClassVar[Counter[str]] = Counter()

    def check(self, X: Any, where: str) -> Any:
        return X

    def content(self, item: Any) -> bytes:
        type(self).read[f"content {item}"] += 1
        return self._bytes(item)

    def prepare(self, item: Any) -> torch.Tensor:
        type(self).read[f"prepare {item}"] += 1
        found = self._bytes(item)
        if b"bad" in found:
            raise BadItem("it is bad")
        return torch.tensor(list(found), dtype=torch.float32)

    def bucket(self, prepared: torch.Tensor) -> int:
        return -(-len(prepared) // 4) * 4

    def collate(self, prepared: Any, bucket: int) -> dict[str, torch.Tensor]:
        rows = torch.zeros(len(prepared), bucket)
        for row, letters in zip(rows, prepared, strict=True):
            row[: len(letters)] = letters
        return {"rows": rows}

    def blank(self, bucket: int) -> torch.Tensor:
        return torch.zeros(max(bucket, 1))

    def _bytes(self, item: Any) -> bytes:
        return item.read_bytes() if isinstance(item, Path) else str(item).encode()


class Counting:
    """A run that gives each row and its sum, as long as the row is; counts batches and rows, and may lack memory."""

    def __init__(self, most: int = 10**9) -> None:
        self.sizes: list[int] = []
        self.most = most

    def __call__(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        self.sizes.append(len(batch["rows"]))
        if len(batch["rows"]) > self.most:
            raise torch.OutOfMemoryError("too many")
        return batch["rows"] + batch["rows"].sum(1, keepdim=True)


@pytest.fixture
def words():
    Words.read.clear()
    return Words()


def made(words, run, cache=None, **settings):
    return Engine(run, words, {"what": "test"}, batch_size=8, cache=cache, **settings)


def wanted(text: str) -> torch.Tensor:
    letters = torch.zeros(-(-len(text) // 4) * 4)
    letters[: len(text)] = torch.tensor(list(text.encode()), dtype=torch.float32)
    return letters + letters.sum()


TEXTS = [f"{'letters'[: i % 7 + 1]}{i % 11}" for i in range(40)]


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("in_memory", [0, 2**29])
def test_rows_come_in_the_order_of_the_items_whatever_is_known(words, cached, in_memory, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "_IN_MEMORY", in_memory)
    cache = Cache(tmp_path) if cached else None
    made(words, Counting(), cache).rows(TEXTS[7:19], where="t")
    for _ in range(2):
        rows = made(words, Counting(), cache).rows(TEXTS, where="t")
        assert rows.kept == list(range(40))
        for i, text in enumerate(TEXTS):
            torch.testing.assert_close(rows.row(i), wanted(text), rtol=0, atol=0)
    assert rows.computed == (0 if cached else len(set(TEXTS)))
    assert {type(row) for row in rows._rows} == {engine.Stored if cached and not in_memory else np.ndarray}


@pytest.mark.parametrize("cached", [True, False])
def test_duplicates_are_computed_once(words, cached, tmp_path):
    run = Counting()
    items = ["abc", "abd", "abe"] * 10
    rows = made(words, run, Cache(tmp_path) if cached else None).rows(items, where="t")
    assert run.sizes == [8]
    assert rows.computed == 3
    assert torch.equal(rows.tensor(), torch.stack([wanted(t) for t in items]))


def test_a_batch_is_filled_up_to_whole_passes_only(words):
    run = Counting()
    rows = made(words, run, pass_size=2).rows([f"ab{i}" for i in range(11)], where="t")
    assert run.sizes == [8, 4]
    assert torch.equal(rows.tensor(), torch.stack([wanted(f"ab{i}") for i in range(11)]))


def test_memory_that_does_not_suffice_halves_the_batch(words, tmp_path):
    run = Counting(most=2)
    rows = made(words, run, Cache(tmp_path)).rows(TEXTS, where="t")
    assert run.sizes[:3] == [8, 4, 2]
    assert all(torch.equal(rows.row(i), wanted(text)) for i, text in enumerate(TEXTS))
    with pytest.raises(torch.OutOfMemoryError):
        made(words, Counting(most=0)).rows(TEXTS, where="t")


@pytest.mark.parametrize("cached", [True, False])
def test_bad_items_are_left_out_or_named(words, cached, tmp_path):
    cache = Cache(tmp_path) if cached else None
    items = [*TEXTS, "bad", "ok", "bad"]
    rows = made(words, Counting(), cache).rows(items, where="t", on_error="skip")
    assert rows.bad == {40: "it is bad", 42: "it is bad"}
    assert rows.kept == [*range(40), 41]
    assert torch.equal(rows.row(40), wanted("ok"))
    for given in (items, ["bad", "bad"]):
        with pytest.raises(errors.DataError, match=r"t: 2 of \d+ items cannot be read"):
            made(words, Counting(), cache).rows(given, where="t")
    with pytest.raises(errors.DataError, match=r"t: 1 of 2 items cannot be read: bad: it is bad"):
        batches.at_once(Counting(), words, ["ok", "bad"], 8, "t")


def test_progress_ends_with_all_that_had_to_be_computed(words, tmp_path):
    seen: list[tuple[int, int]] = []
    cache = Cache(tmp_path)
    made(words, Counting(), cache).rows(TEXTS[:9], where="t")
    made(words, Counting(), cache).rows(TEXTS, where="t", progress=lambda *found: seen.append(found))
    left = len(set(TEXTS)) - len(set(TEXTS[:9]))
    assert seen[-1] == (left, left)
    assert all(done <= total for done, total in seen)
    made(words, Counting(), cache).rows(TEXTS, where="t", progress=lambda *found: pytest.fail("nothing is computed"))


def test_without_a_cache_no_preparation_reads_a_file_twice(words, tmp_path):
    paths = []
    for i in range(20):
        paths.append(tmp_path / f"{i}.txt")
        paths[-1].write_text(f"text {i}")
    made(words, Counting()).rows(paths, where="t")
    assert Words.read == {f"prepare {path}": 1 for path in paths}


def opened(monkeypatch) -> Counter[str]:
    """Count how often each file is opened from now on, by Python's and pathlib's way."""
    found: Counter[str] = Counter()

    def counted(real: Any) -> Any:
        def inner(file: Any, *args: Any, **kwargs: Any) -> Any:
            found[str(file)] += 1
            return real(file, *args, **kwargs)

        return inner

    monkeypatch.setattr(builtins, "open", counted(builtins.open))
    monkeypatch.setattr(io, "open", counted(io.open))
    return found


def picture_files(folder, count):
    rng, paths = np.random.default_rng(0), []
    for i in range(count):
        paths.append(folder / f"{i}.png")
        Image.fromarray(rng.integers(0, 256, (40, 32, 3), dtype=np.uint8)).save(paths[-1])
    return paths


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("count", [3, 40])
def test_picture_files_are_read_once(tmp_path, monkeypatch, cache, count):
    paths = picture_files(tmp_path, count)
    extractor = punar.FeatureExtractor("starter", cache=cache, device="cpu").fit()
    found = opened(monkeypatch)
    first = extractor.transform(paths)
    assert {str(path): found[str(path)] for path in paths} == {str(path): 1 for path in paths}
    np.testing.assert_array_equal(extractor.transform([np.asarray(Image.open(path)) for path in paths]), first)


@pytest.mark.parametrize("count", [4, 20])
def test_sound_files_are_read_once(tmp_path, monkeypatch, count):
    wavfile = pytest.importorskip("scipy.io.wavfile")
    from punar.preparations.sounds import Sounds

    rng, paths = np.random.default_rng(0), []
    for i in range(count):
        paths.append(tmp_path / f"{i}.wav")
        wavfile.write(paths[-1], 16_000, rng.integers(-9000, 9000, 1600 + 40 * i, dtype=np.int16))
    found = opened(monkeypatch)
    made = Engine(lambda b: b["input_values"].mean(1, keepdim=True), Sounds(), {}, batch_size=8, cache=Cache(tmp_path))
    rows = made.rows(paths, where="t")
    assert {found[str(path)] for path in paths} == {1}
    read = [wavfile.read(path)[1] / 2**15 for path in paths]
    padded = [wave.sum() / (-(-len(wave) // 1600) * 1600) for wave in read]
    np.testing.assert_allclose(rows.tensor()[:, 0].numpy(), padded, atol=1e-6)


@pytest.fixture(scope="module")
def learner():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (24, 32, 32, 3), dtype=np.uint8), np.arange(24) % 2
    X[y == 1, :16] //= 3
    return punar.TransferLearner("starter", cache=False, device="cpu", random_state=0).fit(X, y), X


@pytest.fixture(scope="module")
def body():
    return punar.FeatureExtractor("starter", cache=False, device="cpu").fit().body_


def test_a_few_items_cost_no_hash_no_threads_and_no_file(learner, body, monkeypatch, tmp_path):
    model, X = learner
    model = model.set_params(cache=True)

    def refused(*_: Any, **__: Any) -> Any:
        raise AssertionError("not for a few items")

    for where, name in ((_body, "weight_hash"), (_body, "weight_state"), (engine, "ThreadPoolExecutor")):
        monkeypatch.setattr(where, name, refused)
    few = body.plan.preparation.check(X[:3], "t")
    compute = frozen.features(body.plan)
    frozen.direct(body, compute, few, device=CPU, where="t")  # laid out for this machine once
    with monkeypatch.context() as patched:
        for name in ("to", "eval"):
            patched.setattr(nn.Module, name, refused)
        answers = frozen.extract(body, compute, {}, items=few, device=CPU, cache=Cache(), where="t")
    assert answers.tensor().shape == (3, body.plan.width)
    assert len(model.predict(X[:1])) == 1
    assert not (tmp_path / "cache").exists()


def test_many_items_hash_no_weights_without_a_cache(learner, monkeypatch):
    model, X = learner
    model = model.set_params(cache=False)
    monkeypatch.setattr(_body, "weight_hash", lambda module: pytest.fail("hashed without a cache"))
    assert len(model.predict(X)) == len(X)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_a_few_pictures_give_the_bits_of_the_engine(learner, body, count, tmp_path):
    _, X = learner
    compute = frozen.features(body.plan)
    items = body.plan.preparation.check(X[[0, 5, 0, 7, 7, 1, 2, 3][:count]], "t")
    made = frozen.engine(body, compute, {}, items=items, device=CPU, cache=Cache(tmp_path))
    found = frozen.direct(body, compute, items, device=CPU, where="t").tensor()
    assert torch.equal(found, made.rows(items, where="t").tensor())
    assert torch.equal(found, made.rows(items, where="t").tensor())  # from the cache
    whole = frozen.engine(body, compute, {}, items=X, device=CPU, cache=None)
    many = whole.rows(body.plan.preparation.check(X, "t"), where="t").tensor()[[0, 5, 0, 7, 7, 1, 2, 3][:count]]
    torch.testing.assert_close(found, many, rtol=1e-5, atol=1e-6 * float(many.abs().max()))


def test_a_few_texts_of_several_lengths_give_the_bits_of_the_engine():
    pytest.importorskip("transformers")
    sizes = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
    recipe = punar.backbone(
        "transformers:bert-base-uncased",
        weights=None,
        config=sizes | {"vocab_size": 300, "max_position_embeddings": 64},
    )
    body = build(recipe, seed=0)
    compute = frozen.features(body.plan)
    items = ["a film", "b", "a film", "a very, very, very, very, very, very long film", "the end of it"]
    found = frozen.direct(body, compute, items, device=CPU, where="t").tensor()
    made = frozen.engine(body, compute, {}, items=items, device=CPU, cache=None)
    assert torch.equal(found, made.rows(items, where="t").tensor())
    assert torch.equal(found[0], found[2])


def test_weights_are_hashed_once_until_they_change(monkeypatch):
    body = build(punar.backbone("starter"))
    real, calls = _backbone.weight_hash, []

    def counting(module: nn.Module) -> str:
        calls.append(1)
        return real(module)

    monkeypatch.setattr(_body, "weight_hash", counting)
    first = body.hash
    assert body.hash == first == real(body.module)
    assert len(calls) == 1
    body.module.to(memory_format=torch.channels_last)
    assert body.hash == first
    weights = [p for p in body.module.parameters() if p.dim() == 4]
    one = weights[0]
    last = weights[-1]

    def in_place() -> None:
        with torch.no_grad():
            one.mul_(1.5)

    def through_data() -> None:
        one.data[0, 0, 0, 0] += 1

    def exchanged() -> None:
        one.data[[0, 1]] = one.data[[1, 0]]

    def by_numpy() -> None:
        last.detach().numpy()[0] *= -1

    def by_a_fused_optimiser() -> None:
        one.requires_grad_(True)
        one.grad = torch.ones_like(one)
        torch.optim.AdamW([one], lr=0.1, fused=True).step()

    def loaded() -> None:
        body.module.load_state_dict({k: v + 1 for k, v in body.module.state_dict().items()})

    seen = {first}
    for change in (in_place, through_data, exchanged, by_numpy, by_a_fused_optimiser, loaded):
        change()
        found = body.hash
        assert found not in seen, change.__name__
        assert found == real(body.module), change.__name__
        seen.add(found)


@pytest.mark.filterwarnings("ignore:.*in the cache was damaged:punar.errors.PunarWarning")
def test_a_damaged_row_of_the_cache_is_computed_again(tmp_path, learner):
    _, X = learner
    first = punar.FeatureExtractor("starter", cache=tmp_path / "c", device="cpu").transform(X)
    (rows,) = tmp_path.glob("c/features/*/*.rows")
    rows.write_bytes(bytes(rows.stat().st_size))
    again = punar.FeatureExtractor("starter", cache=tmp_path / "c", device="cpu").transform(X)
    np.testing.assert_array_equal(first, again)
    (rows,) = tmp_path.glob("c/features/*/*.rows")
    assert any(rows.read_bytes())


def test_a_network_is_settled_only_where_it_is_not(monkeypatch):
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout())
    before = {name: value.clone() for name, value in module.state_dict().items()}
    runtime.settle(module, CPU)
    assert not any(layer.training for layer in module.modules())
    assert module[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    monkeypatch.setattr(nn.Module, "_apply", lambda *_: pytest.fail("moved again"))
    monkeypatch.setattr(nn.Module, "train", lambda *_: pytest.fail("set again"))
    runtime.settle(module, CPU)
    module[2].training = True
    with pytest.raises(pytest.fail.Exception, match="set again"):
        runtime.settle(module, CPU)
