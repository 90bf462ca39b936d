"""Translation by networks with a decoder of their own: their answers, labels, languages, and what is stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import punar
from punar.backbones import build
from punar.core import plugins
from punar.errors import BackboneError, DataError, ParameterError, ParameterTypeError
from punar.tasks.translation import Translation

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

X = ["one two three", "two two", "three one", "four", "one four two", "five one"] * 4
Y = ["एक दो तीन", "दो दो", "तीन एक", "चार", "एक चार दो", "पाँच एक"] * 4
_SMALL = {
    "d_model": 16, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "max_position_embeddings": 48,
}  # fmt: skip
_FIRST = {
    "mbart": {"decoder_start_token_id": 4},
    "mbart50": {"forced_bos_token_id": 4},
    "m2m": {"forced_bos_token_id": 4},
}
_IDS = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 0, "decoder_start_token_id": 0}


def tokenizer(folder: Path, special: list[str], template: str) -> int:
    """Save pieces of all texts as a tokenizer; return how many there are."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    built = Tokenizer(models.Unigram())
    built.pre_tokenizer = pre_tokenizers.Metaspace()
    built.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=60, special_tokens=special, unk_token="<unk>", show_progress=False)
    built.train_from_iterator([*X, *Y], trainer)
    used = [(token, built.token_to_id(token)) for token in special if token in template]
    built.post_processor = processors.TemplateProcessing(single=template, special_tokens=used)
    built.save(str(folder / "tokenizer.json"))
    return int(built.get_vocab_size())


def written(model: Any, folder: Any, kind: str, beams: int) -> list[str]:
    """Return what the library's own ``generate`` writes for the first six texts."""
    own = transformers.PreTrainedTokenizerFast(tokenizer_file=f"{folder}/tokenizer.json", pad_token="<pad>")
    given = own(X[:6], return_tensors="pt", padding=True)
    with torch.no_grad():
        ids = model.generate(
            input_ids=given.input_ids, attention_mask=given.attention_mask, max_new_tokens=8, num_beams=beams,
            do_sample=False, **_FIRST.get(kind, {}),
        )  # fmt: skip
    return [text.strip() for text in own.batch_decode(ids, skip_special_tokens=True)]


def writing(build: Any, folder: Any, kind: str) -> Any:
    """Return a model of random weights that does not write the same for everything, with one beam and with three."""
    for seed in range(50):
        torch.manual_seed(seed)
        model = build()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.add_(0.5 * torch.randn_like(parameter))
        if all(len({text for text in written(model, folder, kind, beams) if text}) > 2 for beams in (1, 3)):
            return model
    raise AssertionError("no such weights")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Any]]:
    """Return, by kind, a folder as the library saves it, and the library's model."""
    made: dict[str, tuple[str, Any]] = {}
    plain = ["<pad>", "</s>", "<unk>"]
    many = [*plain, "en_XX", "hi_IN"]
    kinds: dict[str, tuple[list[str], str, str, str, dict[str, Any]]] = {
        "t5": (
            plain, "$A </s>", "T5Config", "T5ForConditionalGeneration",
            {"d_model": 16, "num_layers": 2, "num_heads": 2, "d_ff": 32, "d_kv": 8},
        ),
        "marian": (plain, "$A </s>", "MarianConfig", "MarianMTModel", _SMALL | {"forced_eos_token_id": 1}),
        "mbart": (many, "$A </s> en_XX", "MBartConfig", "MBartForConditionalGeneration", _SMALL),
        "mbart50": (many, "en_XX $A </s>", "MBartConfig", "MBartForConditionalGeneration", _SMALL),
        "m2m": (many, "en_XX $A </s>", "M2M100Config", "M2M100ForConditionalGeneration", _SMALL),
    }  # fmt: skip
    for kind, (special, template, config, cls, settings) in kinds.items():
        folder = tmp_path_factory.mktemp(kind)
        size = tokenizer(folder, special, template)
        given = getattr(transformers, config)(vocab_size=size, **settings | _IDS)
        model = writing(lambda given=given, cls=cls: getattr(transformers, cls)(given).eval(), folder, kind)
        model.save_pretrained(folder)
        made[kind] = str(folder), model
    return made


KINDS = {
    "t5": {},
    "marian": {},
    "mbart": {"source_language": "en_XX", "target_language": "hi_IN"},
    "mbart50": {"source_language": "en", "target_language": "hi"},
    "m2m": {"source_language": "en", "target_language": "hi"},
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def learner(folder: Any, kind: str, **settings: Any) -> Any:
    task = Translation(**KINDS[kind], max_length=8)
    given = {"strategy": "fine_tuning", "unfreeze": "all", "epochs": 1, "batch_size": 8, "cache": False}
    return punar.TransferLearner(folder, task=task, random_state=0, **given | settings)


@every_kind
@pytest.mark.parametrize("beams", [1, 3])
def test_answers_are_those_of_the_librarys_own_generate(kind, beams, folders) -> None:
    folder, theirs = folders[kind]
    # A head that hardly learns: the answers are the checkpoint's.
    fitted = learner(folder, kind, strategy="feature_extraction", learning_rate=1e-12)
    fitted.set_params(task=Translation(**KINDS[kind], max_length=8, num_beams=beams)).fit(X, Y)
    expected = written(theirs, folder, kind, beams)
    assert fitted.predict(X[:6]) == expected
    assert len(set(expected)) > 1


@every_kind
def test_one_step_changes_it_and_a_stored_model_answers_the_same(kind, folders, tmp_path: Path) -> None:
    folder, theirs = folders[kind]
    fitted = learner(folder, kind, learning_rate=3e-3, validation_fraction=0.0).fit(X, Y)
    before = dict(theirs.named_parameters())
    moved = [name for name, p in fitted.module_.backbone.named_parameters() if not torch.equal(p, before[name])]
    assert moved
    again = punar.load(punar.save(fitted, tmp_path / "m"))
    assert again.predict(X[:6]) == fitted.predict(X[:6])
    assert again.score(X, Y) == fitted.score(X, Y)


@every_kind
def test_a_frozen_encoder_is_not_changed_and_its_decoder_learns(kind, folders) -> None:
    folder, theirs = folders[kind]
    fitted = learner(folder, kind, strategy="feature_extraction", learning_rate=3e-3, epochs=2).fit(X, Y)
    plan = fitted.fitted_.body.plan
    frozen = {f"{m}.{n}" for s in plan.stages for m in s.modules for n, _ in theirs.get_submodule(m).named_parameters()}
    mine, before = dict(fitted.module_.backbone.named_parameters()), dict(theirs.named_parameters())
    assert frozen & set(before)
    assert all(torch.equal(mine[name], before[name]) for name in frozen if name in before)
    assert any(not torch.equal(mine[name], before[name]) for name in before if name not in frozen)


def test_labels_end_and_name_the_language(folders) -> None:
    found = {}
    for kind in KINDS:
        fitted = learner(folders[kind][0], kind, strategy="feature_extraction").fit(X, Y)
        task = fitted.fitted_.task
        special = 5 if KINDS[kind] else 3
        own = [i for i in fitted.preparation_.prepare("one").tolist() if i < special]
        found[kind] = [i for i in task.encode(["दो"], "here").item(0)["ids"].tolist() if i < special], own
    assert found == {
        "t5": ([1], [1]),
        "marian": ([1], [1]),
        "mbart": ([1, 4], [1, 3]),  # end, Hindi; end, English
        "mbart50": ([4, 1], [3, 1]),
        "m2m": ([4, 1], [3, 1]),
    }


def test_a_prefix_is_read_before_each_text(folders) -> None:
    folder, _ = folders["t5"]
    task = Translation(prefix="two ", max_length=8)
    fitted = punar.TransferLearner(folder, task=task, epochs=1, cache=False, random_state=0).fit(X, Y)
    plain = punar.TransferLearner(folder, task=Translation(max_length=8), epochs=1, cache=False, random_state=0)
    plain.fit(X, Y)
    assert fitted.preparation_.prepare("one").tolist() == plain.preparation_.prepare("two one").tolist()
    assert (
        fitted.fitted_.task.encode(["दो"], "here").item(0)["ids"].tolist()
        == plain.fitted_.task.encode(["दो"], "here").item(0)["ids"].tolist()
    )


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("mbart", {}, "target_language must say which of 2 languages"),
        ("mbart", {"target_language": "hindi"}, r"target_language must be one of the 2 languages.*en_XX.*hindi"),
        ("mbart", {"target_language": "hi_IN", "source_language": "fr"}, "source_language must be one of"),
        ("t5", {"target_language": "hi"}, "marks no languages: target_language must be None"),
        ("t5", {"pieces": 100}, "pieces must be None, got 100"),
    ],
)
def test_settings_that_a_network_has_no_use_for_are_refused(kind, settings, said, folders) -> None:
    with pytest.raises(ParameterError, match=said):
        punar.TransferLearner(folders[kind][0], task=Translation(**settings)).fit(X, Y)


def test_a_text_longer_than_the_network_reads_is_refused_by_its_number(folders) -> None:
    with pytest.raises(DataError, match=r"item 1: it has more than the 48 tokens .* sentences"):
        learner(folders["marian"][0], "marian").fit([X[0], "one two " * 40, *X[2:]], Y)


def test_a_target_longer_than_the_network_writes_is_refused_by_its_number(folders) -> None:
    with pytest.raises(DataError, match=r"y\[2\] has \d+ tokens, and this network writes 48 at once"):
        learner(folders["mbart"][0], "mbart").fit(X, [*Y[:2], "एक दो " * 40, *Y[3:]])
    fitted = learner(folders["mbart"][0], "mbart", strategy="feature_extraction")
    fitted.set_params(task=Translation(target_language="hi", max_length=500)).fit(X, Y)
    assert fitted.fitted_.task.most == 47
    fitted.predict(X[:2])


def test_lists_of_words_are_refused(folders) -> None:
    with pytest.raises(DataError, match="item 0: it must be a text"):
        learner(folders["t5"][0], "t5").fit([x.split() for x in X], Y)


def test_hostile_states_are_refused(folders, tmp_path: Path) -> None:
    task = Translation()
    for state in (
        {"vocabulary": None, "longest": 0},
        {"vocabulary": None, "longest": True},
        {"vocabulary": "{}", "longest": 3},
        {"vocabulary": 3, "longest": 3},
        {"vocabulary": json.dumps({"model": {"vocab": {"a": 7}}}), "longest": 3},
    ):
        with pytest.raises(ValueError):
            task.restore(state)
    with pytest.raises(KeyError):
        task.restore({"longest": 3})
    with pytest.raises(ParameterTypeError):
        Translation(prefix=3).check()


# -- BERT as encoder and decoder --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("bert")
    size = tokenizer(folder, ["[PAD]", "[CLS]", "[SEP]", "<unk>"], "[CLS] $A [SEP]")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=size, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=48,
    )  # fmt: skip
    transformers.BertForMaskedLM(config).save_pretrained(folder)
    return str(folder)


def test_both_begin_with_the_weights_of_one_bert(bert) -> None:
    body = build(punar.backbone("bert2bert", weights=bert), form="native")
    own, stored = body.module.state_dict(), transformers.BertForMaskedLM.from_pretrained(bert).state_dict()
    for name, value in stored.items():
        inner = name.removeprefix("bert.")
        assert torch.equal(own[f"decoder.{name}"], value)
        assert inner.startswith("cls.") or torch.equal(own[f"encoder.{inner}"], value)
    new = [name for name in own if name.startswith("decoder.") and name.removeprefix("decoder.") not in stored]
    assert new
    assert all(".crossattention." in name for name in new)
    alone = build(punar.backbone("bert2bert", weights=bert))
    assert alone.plan.forms == ("vector", "tokens")
    batch = body.plan.preparation.collate([body.plan.preparation.prepare(x) for x in X[:2]], 8)
    with torch.no_grad():
        torch.testing.assert_close(body.plan.forward(body.module, batch), alone.plan.forward(alone.module, batch))


def test_bert_learns_to_write_and_what_it_writes_is_generates(bert, tmp_path: Path) -> None:
    backbone = punar.backbone("bert2bert", weights=bert)
    fitted = learner(backbone, "t5", epochs=6, learning_rate=5e-3).fit(X, Y)
    assert fitted.history_[-1]["train_loss"] < 0.85 * fitted.history_[0]["train_loss"]
    module = fitted.module_.backbone
    assert type(module) is transformers.EncoderDecoderModel
    own = transformers.PreTrainedTokenizerFast(tokenizer_file=f"{bert}/tokenizer.json", pad_token="[PAD]")
    given = own(X[:6], return_tensors="pt", padding=True)
    ids = module.generate(
        input_ids=given.input_ids, attention_mask=given.attention_mask, max_new_tokens=8, do_sample=False
    )
    assert fitted.predict(X[:6]) == [text.strip() for text in own.batch_decode(ids, skip_special_tokens=True)]
    again = punar.load(punar.save(fitted, tmp_path / "m"))
    assert again.predict(X[:6]) == fitted.predict(X[:6])


def test_a_frozen_encoder_of_two_stays_as_it_was(bert) -> None:
    fitted = learner(punar.backbone("bert2bert", weights=bert), "t5", strategy="feature_extraction").fit(X, Y)
    stored = transformers.BertForMaskedLM.from_pretrained(bert).state_dict()
    for name, value in fitted.module_.backbone.encoder.state_dict().items():
        assert torch.equal(value, stored[f"bert.{name}"])


@pytest.mark.parametrize(("name", "weights"), [("bert2bert", "/nowhere"), ("bert3", None)])
def test_other_names_and_folders_are_refused(name, weights) -> None:
    with pytest.raises(ParameterError, match=r"(?i)bert[23]"):
        build(plugins.member("backbones", "bert2bert")(name, weights))


def test_only_bert_is_made_two(folders) -> None:
    with pytest.raises(BackboneError, match="must be a BERT or RoBERTa, found t5"):
        build(punar.backbone("bert2bert", weights=folders["t5"][0]))
