"""Hidden words: blanks in every tokenizer, draws, kept and new heads, windows, and the folder as a backbone."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

import punar
from punar.backbones import build, resolve
from punar.core.draws import seeded
from punar.errors import DataError, DataTypeError, NotSupportedError, ParameterError
from punar.models.structured.module import Net, Structured
from punar.preparations.sentences import Sentences
from punar.tasks._blanks import drawn, fixed, may_be_hidden, reader
from punar.tasks.masked_language_modeling import MaskedLanguageModeling

tokenizers = pytest.importorskip("tokenizers")
transformers = pytest.importorskip("transformers")

TEXTS = [
    "नमस्ते दुनिया, आशा पुणे में रहती है।",
    "the red box holds a ring and the blue box holds a coin",
    "Asha's dog ate 3,000 mangoes 🥭 in 2021!",
    "a bird in the hand is worth two in the bush",
] * 6


def word_pieces() -> str:
    built = tokenizers.BertWordPieceTokenizer(lowercase=True)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    built.train_from_iterator(TEXTS, vocab_size=200, special_tokens=special, show_progress=False)
    built.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return built.to_str()


def byte_pairs() -> str:
    built = tokenizers.ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    built.train_from_iterator(TEXTS, vocab_size=320, special_tokens=special, show_progress=False)
    built.post_processor = tokenizers.processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return built.to_str()


TOKENIZERS = {"pieces": word_pieces(), "bytes": byte_pairs()}
every_tokenizer = pytest.mark.parametrize("name", TOKENIZERS)
_WIDTHS = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_SIZES = {"vocab_size": 320, "max_position_embeddings": 24, "pad_token_id": 0} | _WIDTHS
FAMILIES = {
    "BertForMaskedLM": ("BertConfig", _SIZES, "pieces"),
    "RobertaForMaskedLM": (
        "RobertaConfig",
        _SIZES | {"pad_token_id": 1, "type_vocab_size": 1, "max_position_embeddings": 64},
        "bytes",
    ),
    "DistilBertForMaskedLM": (
        "DistilBertConfig",
        {"vocab_size": 320, "dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 24},
        "pieces",
    ),
    "BertModel": ("BertConfig", _SIZES, "pieces"),  # as MiniLM: no head of this kind
}
every_family = pytest.mark.parametrize("name", FAMILIES)


def saved(folder, name):
    config, settings, tokenizer = FAMILIES[name]
    with seeded(0):
        model = getattr(transformers, name)(getattr(transformers, config)(**settings)).eval()
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(TOKENIZERS[tokenizer], "utf-8")
    return model


def met(folder):
    """Return a task, the body that it met, and the two as a module without training."""
    body = build(resolve(str(folder), "default", "here"), form="tokens", heads=MaskedLanguageModeling.heads)
    task = MaskedLanguageModeling()
    preparation = task.meet(body, "here")
    view = body.plan.view(task.form(body.plan))
    module = Structured(body.module, task.build(view, 0), body.plan, view, frozenset(), batch_norm=False).eval()
    return task, preparation, module


def answered(task, preparation, module, texts):
    found = []
    for text in texts:
        samples = preparation.samples(text)
        batch = preparation.collate([s.tensor for s in samples], 0)
        with torch.no_grad():
            parts = task.answer(Net(module), batch, [s.trace for s in samples])
        found.append(task.merge(parts, text))
    return found


# -- blanks ---------------------------------------------------------------------------------------------------------


@every_tokenizer
@pytest.mark.parametrize("blank", ["[MASK]", "<mask>", "___", "_____"])
def test_blanks_are_read_as_the_token_for_hidden_words(name, blank):
    known = reader(TOKENIZERS[name])
    sentences = Sentences(known.text, 64)
    for text in (f"the {blank} box, {blank}.", f"{blank}", f"पुणे में {blank}!", f"({blank})"):
        sample = sentences.samples(text)[0]
        blanks = sample.tensor == known.mask
        assert int(blanks.sum()) == text.count(blank)
        assert (sample.trace[blanks, 3] == 1).all()
        for begin in sample.trace[blanks, 1].tolist():
            assert any(at <= begin < at + len(blank) for at in range(len(text)) if text.startswith(blank, at))
    plain = Sentences(TOKENIZERS[name], 64)
    for text in TEXTS[:4]:
        assert torch.equal(sentences.prepare(text), plain.prepare(text))
    assert reader(known.text).text == known.text  # a saved model's tokenizer reads blanks already


def test_two_underscores_are_no_blank():
    known = reader(TOKENIZERS["pieces"])
    assert known.mask not in Sentences(known.text, 64).prepare("a __ b").tolist()


@every_family
def test_blanks_are_filled_and_nothing_else_changes(name, tmp_path):
    saved(tmp_path, name)
    task, preparation, module = met(tmp_path)
    text = "पुणे 🥭 the ___ box,  [MASK] and <mask>."
    answers = answered(task, preparation, module, [text, TEXTS[1]])
    found, same = task.predictions(answers, [text, TEXTS[1]])
    assert same == TEXTS[1]
    pieces = ["पुणे 🥭 the ", " box,  ", " and ", "."]
    assert found.startswith(pieces[0])
    assert found.endswith(pieces[3])
    assert all(piece in found for piece in pieces)
    assert not any(blank in found for blank in ("___", "[MASK]", "<mask>"))
    assert answers[0].rows[:, 2].tolist() == [-1, -1, -1]
    assert answers[0].counts == (0.0, 0.0, 0.0)
    words = [task._reader.word(k) for k in answers[0].rows[:, 3].tolist()]
    assert not any(
        word.startswith("##") or word in ("", "[SEP]", "<s>", "[UNK]") for word in words if name != "RobertaForMaskedLM"
    )
    # What is likeliest by the library's own model, where it has the head.
    if name == "BertForMaskedLM":
        sample = preparation.samples(text)[0]
        logits = saved(tmp_path / "again", name)(input_ids=sample.tensor[None]).logits[0].detach()
        logits[:, task._reader.refused(320) | task._reader.inner(320)] = -math.inf
        assert answers[0].rows[:, 3].tolist() == logits[sample.tensor == task._reader.mask].argmax(1).tolist()


# -- what is hidden -------------------------------------------------------------------------------------------------


@every_tokenizer
def test_only_words_that_a_window_answers_for_are_hidden(name):
    known = reader(TOKENIZERS[name])
    text = " ".join(TEXTS[:4])
    samples = Sentences(known.text, 20).samples(text)
    assert len(samples) > 2
    allowed = [may_be_hidden(s, known.special) for s in samples]
    assert not any(
        bool(torch.isin(s.tensor[a], torch.tensor(sorted(known.special))).any())
        for s, a in zip(samples, allowed, strict=True)
    )
    whole = Sentences(known.text, 1000).samples(text)[0]
    # No token counts twice; pieces of a word that a window's end cuts off may count nowhere.
    every = int(may_be_hidden(whole, known.special).sum())
    assert 0.8 * every <= sum(int(a.sum()) for a in allowed) <= every


def test_a_draw_hides_a_share_and_one_at_least():
    generator = torch.Generator().manual_seed(0)
    allowed = torch.ones(400, 50, dtype=torch.bool)
    allowed[:, 30:] = False
    allowed[7] = False
    hidden = drawn(torch.rand(400, 50, generator=generator), allowed, 0.15)
    assert not hidden[~allowed].any()
    assert hidden[allowed].float().mean() == pytest.approx(0.15, abs=0.02)
    assert (hidden.sum(1)[torch.arange(400) != 7] >= 1).all()
    tokens = torch.arange(50)
    assert torch.equal(fixed(tokens, allowed[0], 0.15), fixed(tokens.clone(), allowed[0], 0.15))
    assert not torch.equal(fixed(tokens, allowed[0], 0.15), fixed(tokens + 1, allowed[0], 0.15))


class Recorded:
    """A net that keeps what it was given and knows nothing."""

    def __init__(self, module):
        self.module, self.seen = module, []

    def __call__(self, batch):
        self.seen.append(batch)
        return Net(self.module)(batch)


def test_training_hides_anew_and_validation_never(tmp_path):
    saved(tmp_path, "BertModel")
    task, preparation, module = met(tmp_path)
    samples = [preparation.samples(text)[0] for text in TEXTS]
    targets = task.learn(None, "fit", TEXTS)
    batch = preparation.collate([s.tensor for s in samples], 0)
    target = task.collate([task.place(targets.item(i), s) for i, s in enumerate(samples)], batch)
    net = Recorded(module)

    def loss(seed):
        return task.losses(net, batch, target, None, progress=0.0, generator=torch.Generator().manual_seed(seed))

    loss(1), loss(1), loss(2)
    first, same, other = (seen["hidden"] for seen in net.seen)
    assert torch.equal(first, same)
    assert torch.equal(net.seen[0]["input_ids"], net.seen[1]["input_ids"])
    assert not torch.equal(first, other)
    for _ in range(60):
        task.losses(net, batch, target, None, progress=0.0, generator=torch.Generator().manual_seed(_))
    masked = kept = every = 0
    for seen in net.seen:
        assert torch.equal(seen["input_ids"][~seen["hidden"]], batch["input_ids"][~seen["hidden"]])
        given, true = seen["input_ids"][seen["hidden"]], batch["input_ids"][seen["hidden"]]
        masked, kept, every = (
            masked + int((given == task._reader.mask).sum()),
            kept + int((given == true).sum()),
            every + len(given),
        )
    assert masked / every == pytest.approx(0.8, abs=0.03)
    assert kept / every == pytest.approx(0.1, abs=0.03)
    net.seen.clear()
    with torch.no_grad():
        one, two = loss(1)["cross_entropy"], loss(2)["cross_entropy"]
    assert torch.equal(one.mean, two.mean)
    assert (net.seen[0]["input_ids"][net.seen[0]["hidden"]] == task._reader.mask).all()
    # The loss of validation is that of the answers that are measured.
    answers = answered(task, preparation, module, TEXTS)
    meter = task.meter()
    meter.add(answers, targets)
    assert math.log(meter.details()["perplexity"]) == pytest.approx(float(one.mean), rel=1e-4)
    assert one.weight == sum(own.counts[1] for own in answers) == sum(map(len, targets.columns["hidden"]))
    weights = torch.zeros(len(TEXTS))
    weights[3] = 1.0
    with torch.no_grad():
        alone = task.losses(net, batch, target, weights, progress=0.0, generator=None)["cross_entropy"]
    assert float(alone.mean) * alone.weight == pytest.approx(answers[3].counts[2], rel=1e-4)


def test_what_is_measured_does_not_depend_on_other_texts(tmp_path):
    saved(tmp_path, "BertForMaskedLM")
    model = punar.TransferLearner(
        str(tmp_path), task="masked_language_modeling", strategy="fine_tuning", epochs=1, cache=False, random_state=0
    ).fit(TEXTS)
    several = model.score(TEXTS[:4])
    counts = [model.score([text]) for text in TEXTS[:4]]
    assert min(counts) <= several <= max(counts)
    assert model.score(TEXTS[:4][::-1]) == several


def test_the_constant_is_the_commonest_token_and_answers_may_be_exchanged():
    task = MaskedLanguageModeling()
    targets = punar.tasks.Targets(
        {"hidden": [torch.tensor([5, 7, 5]), torch.tensor([9]), torch.tensor([], dtype=torch.int64)]}
    )
    ours, theirs = task.meter(), task.meter()
    answers = task.constant(targets)
    ours.add(answers, targets)
    assert ours.value() == 0.5
    assert ours.details()["perplexity"] == pytest.approx(math.exp((2 * math.log(2) + 2 * math.log(4)) / 4))
    low, high = ours.interval()
    assert low <= 0.5 <= high
    right = [type(own)(own.rows.clone(), own.sure, own.loss) for own in answers]
    for own in right:
        own.rows[:, 3] = own.rows[:, 2]
    theirs.add(right, targets)
    assert theirs.value() == 1.0
    assert ours.exchanged(theirs, np.array([False, True, False])) == (0.75, 0.75)


# -- what is refused ------------------------------------------------------------------------------------------------


def test_what_is_not_for_this_task_is_refused(tmp_path):
    saved(tmp_path, "BertModel")
    given = {"task": "masked_language_modeling", "strategy": "fine_tuning", "epochs": 1, "cache": False}
    model = punar.TransferLearner(str(tmp_path), **given)
    with pytest.raises(DataError, match="leave y out"):
        model.fit(TEXTS, ["a"] * len(TEXTS))
    with pytest.raises(DataTypeError, match=r"X\[0\] must be a text"):
        model.fit([["a", "b"], ["c"]])
    with pytest.raises(DataError, match="nothing can be hidden"):
        model.fit(["", "☃ ☂", ""] * 4)
    with pytest.raises(ParameterError, match="hidden_share"):
        MaskedLanguageModeling(hidden_share=1.0).check()
    with pytest.raises((NotSupportedError, ParameterError), match=r"reads vision|tokenizer"):
        punar.TransferLearner("starter", **given).fit(TEXTS)
    for damaged in ({}, {"words": 0, "width": 3}, {"words": 3, "width": "3"}, {"words": True, "width": 3}):
        with pytest.raises((ValueError, KeyError)):
            MaskedLanguageModeling().restore(damaged)
    with pytest.raises(NotSupportedError, match=r"model\.score\(texts\)"):
        MaskedLanguageModeling().score(None, TEXTS)


def test_a_tokenizer_without_a_token_for_hidden_words_is_refused(tmp_path):
    saved(tmp_path, "BertModel")
    facts = json.loads(TOKENIZERS["pieces"])
    facts["added_tokens"] = [t for t in facts["added_tokens"] if t["content"] != "[MASK]"]
    vocabulary = facts["model"]["vocab"]
    facts["model"]["vocab"] = {("hidden" if token == "[MASK]" else token): i for token, i in vocabulary.items()}
    (tmp_path / "tokenizer.json").write_text(json.dumps(facts), "utf-8")
    with pytest.raises(NotSupportedError, match=r"no token for a hidden word, such as \[MASK\]"):
        punar.TransferLearner(str(tmp_path), task="masked_language_modeling", cache=False).fit(TEXTS)


# -- models ---------------------------------------------------------------------------------------------------------


@every_family
def test_a_family_is_loaded_trained_a_step_stored_and_loaded(name, tmp_path):
    theirs = saved(tmp_path, name)
    _, preparation, module = met(tmp_path)
    native = name != "BertModel"
    if native:  # the pretrained head is kept
        batch = preparation.collate([preparation.prepare(TEXTS[1])], 0)
        hidden = torch.zeros_like(batch["input_ids"], dtype=torch.bool)
        hidden[0, 2:5] = True
        with torch.no_grad():
            found = module({**batch, "hidden": hidden, "table": torch.empty(0)})
            wanted = theirs(**batch).logits[hidden]
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    given = {"epochs": 2, "batch_size": 8, "random_state": 0, "cache": False, "validation_fraction": 0.25}
    model = punar.TransferLearner(
        str(tmp_path), task="masked_language_modeling", strategy="fine_tuning", unfreeze="all", **given
    ).fit(TEXTS)
    assert model.fit_report_["perplexity"] > 1
    assert model.fit_report_["perplexity_constant"] > 1
    blanks = ["the ___ box", "पुणे [MASK] रहती है", TEXTS[0]]
    found, score = model.predict(blanks), model.score(TEXTS)
    back = punar.load(punar.save(model, tmp_path / "m"))
    assert back.predict(blanks) == found
    assert back.score(TEXTS) == score
    assert [back.predict([text])[0] for text in blanks] == found
    again = punar.TransferLearner(
        str(tmp_path), task="masked_language_modeling", strategy="fine_tuning", unfreeze="all", **given
    ).fit(TEXTS)
    assert again.score(TEXTS) == score
    assert again.history_[-1]["valid_loss"] == model.history_[-1]["valid_loss"]


@every_family
def test_the_folder_is_a_backbone_for_other_tasks(name, tmp_path):
    saved(tmp_path, name)
    given = {"task": "masked_language_modeling", "strategy": "fine_tuning", "unfreeze": "all", "epochs": 2}
    model = punar.TransferLearner(str(tmp_path), **given, cache=False, random_state=0).fit(TEXTS)
    folder = str(punar.save(model, tmp_path / "m"))
    found = punar.FeatureExtractor(folder, cache=False).fit(TEXTS).transform(TEXTS[:4])
    before = punar.FeatureExtractor(str(tmp_path), cache=False).fit(TEXTS).transform(TEXTS[:4])
    assert found.shape == before.shape == (4, 32)
    assert not np.allclose(found, before)
    # It is the trained encoder, mean over tokens, as it stands in the model.
    encoder = next(
        m
        for m in model.module_.backbone.modules()
        if type(m).__name__ in ("BertModel", "RobertaModel", "DistilBertModel")
    )
    sample = model.preparation_.prepare(TEXTS[1])[None]
    with torch.no_grad():
        wanted = encoder.eval()(input_ids=sample, attention_mask=torch.ones_like(sample)).last_hidden_state.mean(1)
    np.testing.assert_allclose(found[1], wanted[0].numpy(), atol=1e-5)
    if name.startswith(("Roberta", "Distil")):
        return  # what follows is the same for all
    y, cheap = ["a", "b", "c", "d"] * 6, {"cache": False, "random_state": 0, "evidence": "cheap"}
    next_one = punar.TransferLearner(folder, **cheap).fit(TEXTS, y)
    assert next_one.score(TEXTS, y) == 1.0
    tuned = punar.TransferLearner(folder, strategy="fine_tuning", epochs=1, **cheap).fit(TEXTS, y)
    assert punar.load(punar.save(tuned, tmp_path / "n")).predict(TEXTS).tolist() == tuned.predict(TEXTS).tolist()
    # Going on where it stopped: with the head that it kept, or else with a new one.
    further = punar.TransferLearner(folder, **given | {"learning_rate": 1e-9}, cache=False, random_state=0).fit(TEXTS)
    texts = ["the ___ box", "a [MASK] in the hand"]
    assert (further.predict(texts) == model.predict(texts)) or name == "BertModel"
    assert further.score(TEXTS) == model.score(TEXTS) or name == "BertModel"
    back = punar.load(punar.save(further, tmp_path / "o"))
    assert back.predict(texts) == further.predict(texts)
    assert back.score(TEXTS) == further.score(TEXTS)


def test_the_table_of_words_is_stored_once_and_stays_frozen_where_it_is(tmp_path):
    theirs = saved(tmp_path, "BertModel")
    model = punar.TransferLearner(
        str(tmp_path), task="masked_language_modeling", strategy="fine_tuning", unfreeze="last", epochs=2, cache=False,
        random_state=0,
    ).fit(TEXTS)  # fmt: skip
    own, before = model.module_.backbone.state_dict(), theirs.state_dict()
    changed = {name for name in own if not torch.equal(own[name], before[name])}
    assert changed
    assert all(name.startswith("encoder.layer.1.") for name in changed)
    assert {tuple(p.shape) for p in model.module_.head.parameters()} == {(32, 32), (32,), (320,)}


def test_long_texts_are_read_in_windows_to_their_end(tmp_path):
    saved(tmp_path, "BertForMaskedLM")
    task, preparation, module = met(tmp_path)
    text = " ".join(TEXTS[:4]) + " the ___ bush"
    assert len(preparation.samples(text)) == 3
    (own,) = answered(task, preparation, module, [text])
    assert own.rows[:, 2].tolist().count(-1) == 1
    assert own.rows[own.rows[:, 2] == -1, 0].item() in range(text.index("___"), text.index("___") + 3)
    filled = task.predictions([own], [text])[0]
    assert filled.startswith(" ".join(TEXTS[:4]) + " the ")
    assert filled.endswith(" bush")
    assert "___" not in filled
    shown = task.sheet(own, {}, text)
    assert shown["form"] == "blanks"
    assert len(shown["blanks"]) == len(own.rows)


def test_a_fit_that_was_stopped_ends_as_if_it_never_was(tmp_path):
    saved(tmp_path, "BertForMaskedLM")
    given = {"strategy": "fine_tuning", "unfreeze": "all", "epochs": 6, "batch_size": 4, "random_state": 0}
    learner = punar.TransferLearner(str(tmp_path), task="masked_language_modeling", cache=False, **given)
    whole = {name: value.clone() for name, value in learner.fit(TEXTS).module_.state_dict().items()}
    stopped = learner.fit(TEXTS, checkpoint=tmp_path / "c", time_limit=0.05)
    assert len(stopped.history_) < 6
    resumed = learner.fit(TEXTS, checkpoint=tmp_path / "c")
    assert len(resumed.history_) == 6
    assert all(torch.equal(value, resumed.module_.state_dict()[name]) for name, value in whole.items())
