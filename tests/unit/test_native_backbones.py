"""Models that keep their head or decoder: the library's own answers, all weights, and stages that stay frozen."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest
import torch
from torch import nn

from punar.backbones import build, prove_view
from punar.backbones.local import Local
from punar.backbones.transformers import Transformers
from punar.core.weights import load_weights
from punar.errors import DamagedModelError, NotSupportedError

pytest.importorskip("tokenizers")
try:
    import torchaudio  # noqa: F401
except Exception:
    # transformers imports whatever torchaudio is installed, and one made for another torch breaks it all.
    sys.modules["torchaudio"] = None  # type: ignore[assignment]
transformers = pytest.importorskip("transformers")

_TEXT = {"vocab_size": 300, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
_BERT = _TEXT | {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 48,
}  # fmt: skip
_T5 = _TEXT | {"d_model": 16, "num_layers": 2, "num_heads": 2, "d_ff": 32, "d_kv": 8, "decoder_start_token_id": 0}
_SMALL = {
    "d_model": 16, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32,
}  # fmt: skip
_WHISPER = _SMALL | {
    "vocab_size": 60, "max_source_positions": 50, "pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 1,
    "decoder_start_token_id": 1,
}  # fmt: skip
_MARIAN = _SMALL | {
    "vocab_size": 300, "pad_token_id": 0, "eos_token_id": 3, "forced_eos_token_id": 3, "decoder_start_token_id": 0,
    "max_position_embeddings": 48,
}  # fmt: skip
_WAVE = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "conv_dim": (8, 8),
    "conv_stride": (5, 4), "conv_kernel": (10, 4), "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
    "num_feat_extract_layers": 2, "vocab_size": 40, "feat_extract_norm": "layer", "do_stable_layer_norm": True,
}  # fmt: skip
_GPT2 = {"vocab_size": 300, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 48, "eos_token_id": 3}
_NLI = {"id2label": {0: "entailment", 1: "neutral", 2: "contradiction"}}
MODELS = {
    "BertForMaskedLM": ("BertConfig", _BERT),
    "RobertaForMaskedLM": ("RobertaConfig", _BERT | {"pad_token_id": 1}),
    "BertForSequenceClassification": ("BertConfig", _BERT | _NLI),
    "RobertaForSequenceClassification": ("RobertaConfig", _BERT | _NLI | {"pad_token_id": 1}),
    "BertForTokenClassification": ("BertConfig", _BERT | _NLI),
    "BertForQuestionAnswering": ("BertConfig", _BERT),
    "GPT2LMHeadModel": ("GPT2Config", _GPT2),
    "T5ForConditionalGeneration": ("T5Config", _T5),
    "MarianMTModel": ("MarianConfig", _MARIAN),
    "WhisperForConditionalGeneration": ("WhisperConfig", _WHISPER),
    "Wav2Vec2ForCTC": ("Wav2Vec2Config", _WAVE),
}
DECODERS = ["T5ForConditionalGeneration", "MarianMTModel", "WhisperForConditionalGeneration"]
every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A function from a class of the library to (folder that it saved, the model)."""
    from punar.backbones._tokenizer import byte_tokenizer

    made = {}

    def get(name):
        if name not in made:
            config, settings = MODELS[name]
            torch.manual_seed(len(made))
            model = getattr(transformers, name)(getattr(transformers, config)(**settings)).eval()
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.requires_grad:
                        parameter.add_(0.1 * torch.randn_like(parameter))
            folder = tmp_path_factory.mktemp(name)
            model.save_pretrained(folder)
            (folder / "tokenizer.json").write_text(byte_tokenizer(300), "utf-8")
            made[name] = folder, model
        return made[name]

    return get


def _built(recipe):
    about = json.loads(json.dumps(recipe.native(json.loads(json.dumps(recipe.describe())))))
    module = recipe.build(about)
    recipe.fill(module, about)
    return module.eval(), recipe.plan(module, about), about


def _batch(plan, decoder=False):
    facts = plan.preparation
    rng = np.random.default_rng(0)
    texts = facts.domain == "text"
    raw = (
        ["the film is good", "यह फ़िल्म"] if texts else [rng.normal(0, 0.2, n).astype(np.float32) for n in (7_900, 4_000)]
    )
    items = [facts.prepare(one) for one in raw]
    batch = facts.collate(items, max(map(facts.bucket, items)))
    return batch | ({"decoder_input_ids": torch.tensor([[1, 5, 7], [1, 9, 4]])} if decoder else {})


@every_model
def test_answers_are_the_librarys_and_every_weight_is_in(name, saved):
    folder, theirs = saved(name)
    module, plan, about = _built(Local(str(folder)))
    assert about["native"]["class"] == name == type(module).__name__
    mine, wanted = module.state_dict(), theirs.state_dict()
    assert mine.keys() == wanted.keys()
    assert all(torch.equal(mine[key], wanted[key]) for key in wanted)
    batch = _batch(plan, name in DECODERS)
    with torch.no_grad():
        found = plan.view("native").compute(module, batch)
        given = {k: v for k, v in batch.items() if not (k == "attention_mask" and "input_features" in batch)}
        expected = theirs(**given)
        for key in ("logits", "start_logits", "end_logits"):
            if key in expected:
                torch.testing.assert_close(found[key], expected[key], atol=1e-5, rtol=1e-5)
        bare, bare_plan, _ = _plain(folder)
        torch.testing.assert_close(plan.forward(module, batch), bare_plan.forward(bare, batch), atol=1e-5, rtol=1e-5)
        for a, b in zip(
            plan.view("tokens").compute(module, batch), bare_plan.view("tokens").compute(bare, batch), strict=True
        ):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)
    if "ForSequence" in name:
        assert module.config.id2label == _NLI["id2label"]
        assert found.logits.shape == (2, 3)


def _plain(folder):
    recipe = Local(str(folder))
    about = recipe.describe()
    assert about["native"]["class"]
    module = recipe.build(about)
    recipe.fill(module, about)
    return module.eval(), recipe.plan(module, about), about


@every_model
def test_the_encoders_stages_are_frozen_and_replayed_below_the_head(name, saved):
    folder, _ = saved(name)
    module, plan, _ = _built(Local(str(folder)))
    _, bare, _ = _plain(folder)
    assert [s.name for s in plan.stages] == [s.name for s in bare.stages]
    batch = _batch(plan, name in DECODERS)
    native = plan.view("native")

    def shown(module, batch):
        return native.compute(module, batch).to_tuple()[0]

    assert prove_view(module, plan.stages, shown, batch) == tuple((at,) for at in range(len(plan.stages)))
    assert [native.kept(b + 1) for b in range(len(plan.stages))] == [(at,) for at in range(len(plan.stages))]
    below = {id(p) for s in plan.stages for m in s.modules for p in module.get_submodule(m).parameters()}
    above = [p for m in plan.head for p in module.get_submodule(m).parameters() if id(p) not in below]
    # What is neither is in no stage without a head either.
    left = [k for k, p in module.named_parameters() if id(p) not in below | {id(a) for a in above}]
    allowed = ("masked_spec_embed", "relative_attention_bias.weight", "projection.weight", "projection.bias")
    assert all(key.endswith(allowed) for key in left), left
    if not above:
        assert name == "GPT2LMHeadModel", "its head is its table of tokens"
        return
    before = {k: v.clone() for k, v in module.state_dict().items()}
    module.requires_grad_(False)
    for parameter in above:
        parameter.requires_grad_(True)
    shown(module, batch).square().mean().backward()
    with torch.no_grad():
        for parameter in above:
            if parameter.grad is not None:
                parameter.sub_(parameter.grad)
    moved = {k for k, v in module.state_dict().items() if not torch.equal(v, before[k])}
    own = {k for k, p in module.named_parameters(remove_duplicate=False) if id(p) in {id(a) for a in above}}
    assert moved
    assert moved <= own


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_writes_from_what_the_encoder_gave(name, saved):
    folder, theirs = saved(name)
    module, plan, _ = _built(Local(str(folder)))
    batch = _batch(plan)
    with torch.no_grad():
        seen = plan.view("native").compute(module, batch)
        states = plan.view("tokens").compute(module, batch).values
        torch.testing.assert_close(seen.last_hidden_state, states)
        rest = {"attention_mask": batch["attention_mask"]} if plan.preparation.domain == "text" else {}
        found = module.generate(encoder_outputs=seen, max_new_tokens=5, do_sample=False, num_beams=1, **rest)
        given = {k: v for k, v in batch.items() if rest or k == "input_features"}
        expected = theirs.generate(**given, max_new_tokens=5, do_sample=False, num_beams=1)
    assert torch.equal(found, expected)


@every_model
def test_stored_tensors_and_facts_rebuild_it(name, saved):
    module, plan, about = _built(Local(str(saved(name)[0])))
    elsewhere = Local("/no/such/folder")
    again = load_weights(lambda: elsewhere.build(about), dict(module.state_dict()), "here").eval()
    batch = _batch(plan, name in DECODERS)
    with torch.no_grad():
        a = elsewhere.plan(again, about).view("native").compute(again, batch).to_tuple()[0]
        assert torch.equal(a, plan.view("native").compute(module, batch).to_tuple()[0])
    assert len(list(again.parameters())) == len(list(module.parameters())), "tied weights stay one tensor"


def test_what_a_folder_lacks_is_not_offered_or_named(saved, tmp_path):
    from safetensors.torch import load_file, save_file

    def changed(name, config=None, tensors=None):
        folder = shutil.copytree(saved(name)[0], tmp_path / "m", dirs_exist_ok=True)
        stored = json.loads((folder / "config.json").read_text()) | (config or {})
        (folder / "config.json").write_text(json.dumps({k: v for k, v in stored.items() if v is not None}))
        if tensors:
            save_file(tensors(load_file(folder / "model.safetensors")), folder / "model.safetensors")
        return Local(str(folder))

    bare = changed("BertForMaskedLM", tensors=lambda t: {k: v for k, v in t.items() if not k.startswith("cls.")})
    assert bare.describe()["native"] is None
    with pytest.raises(NotSupportedError, match=r"no head or decoder that is kept.*BertForMaskedLM"):
        build(bare, form="native")
    # A class that is not the library's own with a head is never built.
    assert changed("BertForMaskedLM", {"architectures": ["Trainer"]}).describe()["native"] is None
    # Without the name of a class the tensors tell.
    assert changed("BertForMaskedLM", {"architectures": None}).describe()["native"]["class"] == "BertForMaskedLM"
    # A checkpoint of pretraining holds one head more.
    twice = changed(
        "BertForMaskedLM",
        {"architectures": ["BertForPreTraining"]},
        lambda t: t | {"cls.seq_relationship.weight": torch.zeros(2, 16), "bert.pooler.dense.bias": torch.zeros(16)},
    )
    assert type(build(twice, form="native").module).__name__ == "BertForMaskedLM"
    more = changed("BertForMaskedLM", tensors=lambda t: t | {"cls.other.weight": torch.zeros(2)})
    with pytest.raises(DamagedModelError, match="is not part of it"):
        build(more, form="native")
    apart = changed(
        "T5ForConditionalGeneration", tensors=lambda t: t | {"encoder.embed_tokens.weight": t["shared.weight"] + 1}
    )
    with pytest.raises(DamagedModelError, match="must be the same tensor"):
        build(apart, form="native")
    about = changed("T5ForConditionalGeneration", {"num_decoder_layers": 10**9}).describe()
    assert about["native"] is None
    about = Local(str(saved("BertForMaskedLM")[0]))
    known = about.native(about.describe())
    with pytest.raises(DamagedModelError, match="native must name a class"):
        about.build(known | {"native": {"class": "PreTrainedModel"}})


def test_random_weights_have_a_head_too():
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    body = build(Transformers("bert-base-uncased", weights=None, options={"config": small}), form="native")
    assert type(body.module).__name__ == "BertForMaskedLM"
    assert body.plan.forms == ("vector", "tokens", "native")
    asked = small | {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "yes", "1": "no"}}
    body = build(Transformers("bert-base-uncased", weights=None, options={"config": asked}), form="native")
    assert isinstance(body.module.classifier, nn.Linear)
    assert body.plan.head == ("dropout", "classifier", "bert.pooler")


def test_what_is_written_comes_with_its_vocabulary(saved, tmp_path):
    folder = shutil.copytree(saved("Wav2Vec2ForCTC")[0], tmp_path / "m")
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text('{"<pad>": 0, "a": 1, "|": 2}')
    recipe = Local(str(folder))
    assert recipe.native(recipe.describe())["native"]["vocabulary"]["|"] == 2
    folder, _ = saved("WhisperForConditionalGeneration")
    (folder / "generation_config.json").write_text('{"eos_token_id": 1, "suppress_tokens": [3], "pad_token_id": 1}')
    module, _, about = _built(Local(str(folder)))
    assert module.generation_config.suppress_tokens == [3]
    assert json.loads(about["native"]["tokenizer"])["model"]
