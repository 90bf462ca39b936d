"""Answers to questions: SQuAD's measure, forms of answers, offsets in every script, windows, no answer, families."""

from __future__ import annotations

import itertools
import json
import random

import numpy as np
import pandas as pd
import pytest
import torch

import punar
from punar.backbones import View, build, resolve
from punar.data.decode import BadItem
from punar.errors import DataError, DataTypeError, NotSupportedError, ParameterError, PunarWarning
from punar.preparations.pairs import Pairs
from punar.tasks import _answer_forms as forms
from punar.tasks._squad import best_rule, measured, normal, word_f1
from punar.tasks.question_answering import QuestionAnswering

tokenizers = pytest.importorskip("tokenizers")
transformers = pytest.importorskip("transformers")

CONTEXTS = [
    "नमस्ते! आशा पुणे में रहती है, और उसका भाई दिल्ली में रहता है।",
    "The 👩‍👩‍👧 family 🇮🇳 moved to  Pune\tin 1912; it was 12 then (a café, naïve).",
    "Ravi Kumar's dog — “Tiger” — ate 3,000 mangoes in 2021.",
]
QUESTIONS = ["कौन कहाँ रहता है?", "Who moved?", "What did the dog eat?"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def word_pieces(lowercase: bool) -> str:
    """Return a tokenizer as BERT has it, which drops accents and vowel signs where it lowers case."""
    built = tokenizers.BertWordPieceTokenizer(lowercase=lowercase)
    built.train_from_iterator([*CONTEXTS, *QUESTIONS], vocab_size=150, special_tokens=SPECIAL, show_progress=False)
    built.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return built.to_str()


def bytes_pairs() -> str:
    """Return a tokenizer as RoBERTa has it, whose tokens are bytes with the space before a word."""
    built = tokenizers.ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    built.train_from_iterator([*CONTEXTS, *QUESTIONS], vocab_size=300, special_tokens=special, show_progress=False)
    built.post_processor = tokenizers.processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return built.to_str()


def single(text: str) -> str:
    """Return a tokenizer that was made for single texts and says nothing of pairs."""
    facts = json.loads(text)
    facts["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": t, "type_id": 0}} for t in ("[CLS]",)]
        + [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in (("[CLS]", 2), ("[SEP]", 3))},
    }
    return json.dumps(facts)


LOWER = word_pieces(True)
TOKENIZERS = {
    "lower": LOWER,
    "cased": word_pieces(False),
    "bytes": bytes_pairs(),
    "single": single(LOWER),
}
every_tokenizer = pytest.mark.parametrize("name", TOKENIZERS)


# -- SQuAD's measure ------------------------------------------------------------------------------------------------


def test_f1_and_exact_match_are_those_of_the_reference_library():
    squad = pytest.importorskip("torchmetrics.functional.text").squad
    rng = random.Random(0)
    words = ["the", "a", "An", "red", "Red.", "box,", "cat's", "1,000", "पुणे", "-", "  ", "of", "THE", "blue-green"]
    for case in range(200):
        found = " ".join(rng.choices(words, k=rng.randrange(6)))
        right = [" ".join(rng.choices(words, k=rng.randrange(6))) for _ in range(rng.randrange(1, 4))]
        theirs = squad(
            {"prediction_text": found, "id": "1"},
            {"answers": {"text": right, "answer_start": [0] * len(right)}, "id": "1"},
        )
        f1, exact = measured(found, right)
        assert f1 == pytest.approx(float(theirs["f1"]) / 100, abs=1e-6), (case, found, right)
        assert exact == float(theirs["exact_match"]) / 100, (case, found, right)


def test_score_and_meter_agree_and_may_be_weighted():
    task = QuestionAnswering()
    items = [("who?", "Asha sings."), ("where?", "In Pune, at home."), ("when?", "now")]
    y = ["Asha", ["Pune", "at home"], ""]
    targets = task.learn(y, "fit", items)
    answers = [(0, 4, "Asha"), (3, 12, "Pune, at"), (0, 3, "now")]
    meter = task.meter()
    meter.add(answers, targets)
    found = task.predictions(answers, items)
    assert task.score(y, found) == meter.value() == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert meter.details() == {"exact_match": pytest.approx(1 / 3)}
    assert task.score(y, found, [1, 0, 0]) == 1.0
    low, high = meter.interval()
    assert low <= meter.value() <= high
    other = task.meter()
    other.add(task.constant(targets), targets)
    swapped = meter.exchanged(other, np.array([True, True, True]))
    assert swapped == pytest.approx((other.value(), meter.value()))
    assert normal("The  cat's!") == "cats"
    assert word_f1("", "") == 1.0
    assert word_f1("x", "") == word_f1("", "x") == 0.0


def test_the_constant_looks_at_no_question_and_is_the_best_of_its_rules():
    contexts = ["In 1912 Asha Rao left. She was 7.", "By 1950 Ravi came back at noon.", "It was 1999 then."]
    assert [best_rule(contexts, [["1912"], ["1950"], ["1999"]])(c) for c in contexts] == ["1912", "1950", "1999"]
    assert [best_rule(contexts, [["yes"]] * 3)(c) for c in contexts] == ["yes"] * 3
    assert [best_rule(contexts, [[]] * 3)(c) for c in contexts] == [""] * 3
    task = QuestionAnswering()
    targets = task.learn(["1912", "1950", "1999"], "fit", [("?", c) for c in contexts])
    assert task.constant(targets)[0] == (3, 7, "1912")


# -- forms of answers -----------------------------------------------------------------------------------------------


def test_answers_come_as_texts_lists_and_in_squads_form():
    items = [("q", "a cat and a cat")] * 6
    y = ["cat", ["dog", "and"], {"text": ["cat"], "answer_start": [12]}, "", [], {"text": [], "answer_start": []}]
    task = QuestionAnswering()
    targets = task.learn(y, "fit", items)
    spans = [span.tolist() for span in targets.columns["span"]]
    assert spans == [[[2, 5]], [[6, 9]], [[12, 15]], [], [], []]
    assert task.empty_
    assert task.strata(targets).tolist() == [0, 0, 0, 1, 1, 1]
    assert targets.take(torch.tensor([2])).digest() == task.encode(y[2:3], "score", items[:1]).digest()
    one = {"text": "cat", "answer_start": 2}
    assert task.encode([one], "score", items[:1]).item(0)["span"].tolist() == [[2, 5]]


@pytest.mark.parametrize(
    ("answer", "context", "place"),
    [
        ("12", "in 1912 he was 12", (15, 17)),  # no part of a word, where there is a choice
        ("12", "in 1912", (5, 7)),
        ("asha RAO", "It was Asha Rao.", (7, 15)),
        (" Pune ", "to Pune", (3, 7)),
        ("a.c", "abc a.c", (4, 7)),  # no pattern
        ("दिल्ली", "वह दिल्ली में", (3, 9)),
        ("dog", "cat", None),
    ],
)
def test_an_answer_without_a_start_is_searched(answer, context, place):
    assert forms.place_of(forms.Answers([answer], None), context) == place


def test_a_start_says_which_place_is_meant():
    for start in (2, 12):
        answers = forms.Answers(["cat"], [start])
        forms.check_starts(answers, "a cat and a cat", "here")
        assert forms.place_of(answers, "a cat and a cat") == (start, start + 3)
    with pytest.raises(
        DataError, match=r"here: the answer 'cat' must stand .* from character 11, where there is ' ca'"
    ):
        forms.check_starts(forms.Answers(["cat"], [11]), "a cat and a cat", "here")


def test_answers_that_stand_nowhere_are_counted_and_teach_nothing():
    items = [("q", "a cat"), ("q", "a dog"), ("q", "a cow")]
    task = QuestionAnswering()
    with pytest.warns(PunarWarning, match=r"fit: y\[1\] is not in its context \(1 of 3 answers\).*'horse'"):
        targets = task.learn(["cat", "horse", "cow"], "fit", items)
    pairs = Pairs(TOKENIZERS["lower"], 32)
    placed = [task.place(targets.item(i), pairs.samples(items[i])[0]) for i in range(3)]
    batch = pairs.collate([pairs.prepare(item) for item in items], 0)
    target = task.collate(placed, batch)
    assert (target["start"] == -100).tolist() == [False, True, False]
    raw = torch.randn(3, batch["input_ids"].shape[1], 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    term = task.losses(lambda _: raw, batch, target, None, progress=0.0, generator=None)["cross_entropy"]
    assert term.weight == 2
    term.mean.backward()
    assert not raw.grad[1].any()
    assert raw.grad[0].any()
    alone = {k: v[1:2] for k, v in target.items()}
    nothing = task.losses(lambda _: raw[1:2], batch, alone, None, progress=0.0, generator=None)["cross_entropy"]
    assert (float(nothing.mean.detach()), nothing.weight) == (0.0, 0.0)
    with pytest.raises(DataError, match=r"fit: y\[0\], y\[1\] are not in their contexts"):
        task.learn(["x", "y"], "fit", items[:2])


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (None, "y must be a list"),
        ("cat", "y must be a list"),
        ([None], r"y\[0\] is missing; write ''"),
        ([3], r"y\[0\] must be text or texts, got 3"),
        ([["cat", 3]], r"y\[0\]\[1\] must be text, got 3"),
        ([{"text": ["cat"], "start": [2]}], r"y\[0\] must have the keys"),
        ([{"text": ["cat"], "answer_start": [2, 3]}], "answer_start must be 1 whole numbers"),
        ([{"text": ["cat"], "answer_start": [-2]}], "answer_start must be 1 whole numbers"),
        ([{"text": ["cat"], "answer_start": ["x"]}], "answer_start must be 1 whole numbers"),
        (["cat", "cat"], "X has 1, y 2"),
    ],
)
def test_what_is_no_answer_is_named(y, said):
    with pytest.raises((DataError, DataTypeError), match=f"here: .*{said}|here: {said}"):
        QuestionAnswering().learn(y, "here", [("q", "a cat")])


def test_settings_and_facts_are_checked():
    with pytest.raises(ParameterError, match="max_answer_length"):
        QuestionAnswering(max_answer_length=0).check()
    with pytest.raises(ParameterError, match="stride"):
        QuestionAnswering(stride=-1).check()
    for damaged in ({}, {"empty": 1}, {"empty": None}):
        with pytest.raises((ValueError, KeyError)):
            QuestionAnswering().restore(damaged)


# -- pairs, their windows and offsets -------------------------------------------------------------------------------


@every_tokenizer
@pytest.mark.parametrize("most", [400, 40])
def test_a_network_that_is_right_gives_every_answer_letter_by_letter(name, most):
    # Every run of words of every context, through placing, decoding and merging: Devanagari, emoji, long ones.
    task = QuestionAnswering(stride=12, max_answer_length=60)
    contexts = [*CONTEXTS, " ".join(CONTEXTS * 4)]
    pairs = Pairs(TOKENIZERS[name], most, 0, 12, True)
    rng = random.Random(0)
    cut = 0
    for context in contexts:
        words = [(m.start(), m.end()) for m in forms.re.finditer(r"\S+", context)]
        item = ("q", context)
        samples = pairs.samples(item)
        assert len(samples) > 3 or most == 400 or context != contexts[-1]
        for _ in range(25):
            a = rng.randrange(len(words))
            b = min(len(words), a + rng.randrange(1, 3))
            begin, end = words[a][0], words[b - 1][1]
            answer = {"text": [context[begin:end]], "answer_start": [begin]}
            targets = task.learn([answer], "fit", [item])
            placed = [task.place(targets.item(0), sample) for sample in samples]
            if not any(int(p["start"]) > 0 for p in placed):
                cut += 1  # longer than what windows share
                continue
            batch = pairs.collate([s.tensor for s in samples], 0)
            target = task.collate(placed, batch)
            raw = torch.zeros(*batch["input_ids"].shape, 2)
            for row in range(len(samples)):
                raw[row, target["start"][row], 0] = 9.0
                raw[row, target["end"][row], 1] = 9.0
            parts = task.answer(lambda _, raw=raw: raw, batch, [s.trace for s in samples])
            assert task.merge(parts, item) == (begin, end, context[begin:end])
    assert cut <= (40 if most == 40 and name == "bytes" else 5)


@every_tokenizer
def test_windows_cover_the_context_and_each_token_is_answered_for_once(name):
    context = " ".join(CONTEXTS * 5)
    pairs = Pairs(TOKENIZERS[name], 48, 0, 16, True)
    samples = pairs.samples((QUESTIONS[1], context))
    whole = Pairs(TOKENIZERS[name], 10_000, 0, 16, True).samples((QUESTIONS[1], context))
    assert len(whole) == 1
    assert len(samples) > 3
    every = whole[0].trace[whole[0].trace[:, 3] == 1]
    assert torch.equal(torch.cat([s.trace[s.trace[:, 3] == 1] for s in samples]), every)
    asked = int((whole[0].trace[:, 0] < 0).nonzero()[-1])  # the closing token
    for sample in samples:
        assert len(sample.tensor) == len(sample.trace) <= 48
        inside = sample.trace[:, 0] >= 0
        first = int(inside.nonzero()[0])
        assert torch.equal(sample.tensor[:first], whole[0].tensor[:first])
        assert torch.equal(sample.tensor[~inside][first:], whole[0].tensor[asked:])
        assert (sample.tensor[inside, 1] == (0 if name == "bytes" else 1)).all()
    shared = [set(map(tuple, s.trace[s.trace[:, 0] >= 0][:, :3].tolist())) for s in samples]
    assert all(len(a & b) >= 5 for a, b in itertools.pairwise(shared))


def test_pairs_are_read_as_the_librarys_own_tokenizer_reads_them(tmp_path):
    for name, kind in (("lower", "BertTokenizerFast"), ("bytes", "RobertaTokenizerFast")):
        pairs = Pairs(TOKENIZERS[name], 64, 0, 8, True)
        file = tmp_path / f"{name}.json"
        file.write_text(TOKENIZERS[name], "utf-8")
        theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(file))
        for question, context in zip(QUESTIONS, CONTEXTS, strict=True):
            found = pairs.prepare((question, context))
            wanted = theirs(question, context, truncation="only_second", max_length=64, return_token_type_ids=True)
            assert found[:, 0].tolist() == wanted["input_ids"], kind
            assert found[:, 1].tolist() == wanted["token_type_ids"], kind


def test_a_tokenizer_made_for_single_texts_gets_a_token_between_question_and_context():
    sample = Pairs(TOKENIZERS["single"], 64).samples(("Who", "dog"))[0]
    own = Pairs(TOKENIZERS["lower"], 64).samples(("Who", "dog"))[0]
    assert torch.equal(sample.tensor, own.tensor)
    assert torch.equal(sample.trace, own.trace)


def test_pairs_come_as_lists_arrays_and_tables():
    pairs = Pairs(TOKENIZERS["lower"], 64)
    table = pd.DataFrame({"context": CONTEXTS, "id": [1, 2, 3], "question": QUESTIONS})
    wanted = list(zip(QUESTIONS, CONTEXTS, strict=True))
    for X in (
        wanted,
        [list(p) for p in wanted],
        np.array(wanted),
        np.array(wanted, dtype=object),
        table,
        tuple(wanted),
    ):
        assert pairs.check(X, "here") == wanted
    with pytest.raises(DataError, match=r"here: a table of questions must have the columns 'question' and 'context'"):
        pairs.check(table.rename(columns={"question": "q"}), "here")
    for bad in (("who?", "Asha"), "text", {"a": 1}, 3, ["a text"], [("a", "b", "c")], [("a", None)], [("a", 3)]):
        with pytest.raises(DataTypeError, match="here: "):
            pairs.check(bad, "here")


def test_a_question_that_leaves_no_room_and_half_a_character_are_named():
    pairs = Pairs(TOKENIZERS["lower"], 16)
    with pytest.raises(BadItem, match=r"its question has 20 tokens, which leaves 0 of the 16"):
        pairs.samples(("? " * 20, CONTEXTS[1]))
    with pytest.raises(BadItem, match="lone surrogate"):
        pairs.samples(("q", "\ud83d"))
    assert len(pairs.samples(("? " * 12, "a"))) == 1  # a context that fits needs no more room
    one = pairs.samples(("q", ""))[0]
    assert (one.trace[:, 0] < 0).all()
    word = pairs.samples(("q", "x" * 10_000))
    assert (
        sum(int(s.trace[:, 3].sum()) for s in word)
        == len(Pairs(TOKENIZERS["lower"], 20_000).prepare(("q", "x" * 10_000))) - 4
    )


# -- decoding -------------------------------------------------------------------------------------------------------


def decoded(task, item, starts, ends, most=64):
    pairs = Pairs(TOKENIZERS["lower"], most, 0, 4)
    samples = pairs.samples(item)
    batch = pairs.collate([s.tensor for s in samples], 0)
    raw = torch.zeros(*batch["input_ids"].shape, 2)
    for row, sample in enumerate(samples):
        for k, scores in enumerate((starts, ends)):
            for where, value in scores.items():
                at = 0 if where is None else (sample.trace[:, 1] == where) & (sample.trace[:, 0] >= 0)
                raw[row, : len(sample.trace), k][at] = value
    return task.merge(task.answer(lambda _: raw, batch, [s.trace for s in samples]), item)


def test_an_end_never_comes_before_its_start_nor_too_late():
    item = ("q", "a b c d e f")
    task = QuestionAnswering(max_answer_length=3)
    task.empty_ = False
    assert decoded(task, item, {8: 5.0}, {2: 5.0, 10: 1.0})[2] in {"e", "e f", "a b", "b"}
    assert decoded(task, item, {0: 5.0}, {10: 5.0, 4: 1.0})[2] == "a b c"
    assert decoded(task, item, {0: 5.0}, {4: 9.0})[:2] == (0, 5)
    longer = QuestionAnswering(max_answer_length=6)
    longer.empty_ = False
    assert decoded(longer, item, {0: 5.0}, {10: 5.0, 4: 1.0})[2] == "a b c d e f"


def test_no_answer_is_given_only_where_there_was_such_a_question_and_it_wins():
    item, task = ("q", "a b c"), QuestionAnswering()
    task.empty_ = True
    assert decoded(task, item, {None: 9.0, 2: 5.0}, {None: 9.0, 2: 5.0}) == (-1, -1, "")
    assert decoded(task, item, {None: 4.0, 2: 5.0}, {None: 4.0, 2: 5.0})[2] == "b"
    task.empty_ = False
    assert decoded(task, item, {None: 9.0, 2: 5.0}, {None: 9.0, 2: 5.0})[2] == "b"
    assert decoded(task, ("q", ""), {None: 1.0}, {}) == (-1, -1, "")
    # Of several windows the one that is least sure of it counts: where the answer is, there is one.
    many = ("q", " ".join("abcdefghijklmnopqrstuvwxyz"))
    task.empty_ = True
    assert decoded(task, many, {50: 9.0}, {50: 9.0}, most=16)[2] == "z"


def test_a_report_shows_spans():
    task, item = QuestionAnswering(), ("where?", "She lives in पुणे.")
    targets = task.learn(["पुणे"], "fit", [item])
    shown = task.sheet((13, 17, "पुणे"), targets.item(0), item)
    assert shown == {
        "form": "span", "question": "where?", "context": item[1], "truth": [(13, 17)], "found": (13, 17), "score": 1.0,
    }  # fmt: skip
    assert task.sheet((-1, -1, ""), targets.item(0), item)["found"] is None
    table = task.table([(13, 17, "पुणे"), (-1, -1, "")], [item, item])
    assert list(table.columns["start"]) == [13, None]
    assert list(table.columns["prediction"]) == ["पुणे", ""]


# -- networks -------------------------------------------------------------------------------------------------------

_WIDTHS = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_SIZES = {"vocab_size": 300, "max_position_embeddings": 48, "pad_token_id": 0} | _WIDTHS
FAMILIES = {
    "BertForQuestionAnswering": ("BertConfig", _SIZES, "lower"),
    "RobertaForQuestionAnswering": ("RobertaConfig", _SIZES | {"pad_token_id": 1, "type_vocab_size": 1}, "bytes"),
    "DistilBertForQuestionAnswering": (
        "DistilBertConfig",
        {"vocab_size": 300, "dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 48},
        "lower",
    ),
    "BertModel": ("BertConfig", _SIZES, "lower"),  # as MiniLM: no head of this kind
}


def saved(folder, name):
    config, settings, tokenizer = FAMILIES[name]
    with punar.core.draws.seeded(0):
        model = getattr(transformers, name)(getattr(transformers, config)(**settings)).eval()
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(TOKENIZERS[tokenizer], "utf-8")
    return model


ITEMS = list(zip(QUESTIONS, CONTEXTS, strict=True)) * 4
ANSWERS = ["पुणे", "1912", "3,000 mangoes"] * 3 + ["", "1912", "2021"]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_loaded_trained_a_step_stored_and_loaded(name, tmp_path):
    theirs = saved(tmp_path, name)
    body = build(resolve(str(tmp_path), "default", "here"), form="tokens", heads=QuestionAnswering.heads)
    task = QuestionAnswering(stride=8)
    pairs = task.meet(body, "here")
    assert pairs.types == ("Roberta" not in name and "Distil" not in name)
    native = name != "BertModel"
    assert task.form(body.plan) == ("native" if native else "tokens")
    if native:
        samples = pairs.samples(ITEMS[1])
        batch = pairs.collate([samples[0].tensor], 0)
        view = body.plan.view("native")
        with torch.no_grad():
            found = task.build(view, 0)(view.compute(body.module, batch), batch)
            wanted = theirs(**batch)
        torch.testing.assert_close(found[:, :, 0], wanted.start_logits, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found[:, :, 1], wanted.end_logits, atol=1e-5, rtol=1e-5)
    given = {"epochs": 2, "batch_size": 8, "random_state": 0, "cache": False, "validation_fraction": 0.25}
    model = punar.TransferLearner(str(tmp_path), task=task, strategy="fine_tuning", unfreeze="all", **given)
    model.fit(ITEMS, ANSWERS)
    assert {"exact_match", "exact_match_constant"} <= set(model.fit_report_)
    found = model.predict(ITEMS)
    assert all(text in context for text, (_, context) in zip(found, ITEMS, strict=True))
    back = punar.load(punar.save(model, tmp_path / "m"))
    assert back.predict(ITEMS) == found
    assert back.score(ITEMS, ANSWERS) == model.score(ITEMS, ANSWERS)
    assert [back.predict([item])[0] for item in ITEMS[:3]] == found[:3]
    again = punar.TransferLearner(str(tmp_path), task=task, strategy="fine_tuning", unfreeze="all", **given)
    assert again.fit(ITEMS, ANSWERS).predict(ITEMS) == found


def test_a_frozen_network_is_remembered_and_bit_identical(tmp_path):
    theirs = saved(tmp_path, "BertModel").state_dict()
    model = punar.TransferLearner(str(tmp_path), task="question_answering", epochs=3, cache=False, random_state=0)
    model.fit(ITEMS, ANSWERS)
    own = model.module_.backbone.state_dict()
    assert all(torch.equal(own[name], theirs[name]) for name in own)
    assert model.predict(ITEMS) == punar.load(punar.save(model, tmp_path / "m")).predict(ITEMS)


def test_token_types_reach_the_network(tmp_path):
    saved(tmp_path, "BertModel")
    body = build(resolve(str(tmp_path), "default", "here"))
    pairs = QuestionAnswering().meet(body, "here")
    batch = pairs.collate([pairs.prepare(ITEMS[1])], 0)
    view: View = body.plan.view("tokens")
    with torch.no_grad():
        told = view.compute(body.module, batch).values
        untold = view.compute(body.module, {k: v for k, v in batch.items() if k != "token_type_ids"}).values
    assert not torch.allclose(told, untold)


def test_a_network_without_a_tokenizer_is_refused():
    with pytest.raises((NotSupportedError, ParameterError), match=r"reads vision|tokenizer"):
        punar.TransferLearner("starter", task="question_answering").fit(ITEMS, ANSWERS)


def test_questions_with_bad_answers_are_refused_before_anything_is_trained(tmp_path):
    saved(tmp_path, "BertModel")
    model = punar.TransferLearner(str(tmp_path), task="question_answering", cache=False)
    with pytest.raises(DataError, match="X has 12, y 11"):
        model.fit(ITEMS, ANSWERS[:-1])
    with pytest.raises(DataTypeError, match="pair of texts"):
        model.fit(QUESTIONS, ANSWERS[:3])
    long = [("word " * 60, "a context of some words that is much longer than the rest"), *ITEMS]
    with pytest.raises(DataError, match="item 0: its question has"):
        model.fit(long, ["a context", *ANSWERS])


def test_a_fit_that_was_stopped_ends_as_if_it_never_was(tmp_path):
    saved(tmp_path, "BertModel")
    given = {"strategy": "fine_tuning", "unfreeze": "all", "epochs": 6, "batch_size": 4, "random_state": 0}
    learner = punar.TransferLearner(str(tmp_path), task="question_answering", cache=False, **given)
    whole = {name: value.clone() for name, value in learner.fit(ITEMS, ANSWERS).module_.state_dict().items()}
    stopped = learner.fit(ITEMS, ANSWERS, checkpoint=tmp_path / "c", time_limit=0.05)
    assert len(stopped.history_) < 6
    resumed = learner.fit(ITEMS, ANSWERS, checkpoint=tmp_path / "c")
    assert len(resumed.history_) == 6
    assert all(torch.equal(value, resumed.module_.state_dict()[name]) for name, value in whole.items())


def test_the_folder_is_a_backbone(tmp_path):
    saved(tmp_path, "BertForQuestionAnswering")
    given = {"strategy": "fine_tuning", "unfreeze": "all", "epochs": 1, "cache": False, "random_state": 0}
    model = punar.TransferLearner(str(tmp_path), task="question_answering", **given).fit(ITEMS, ANSWERS)
    folder = str(punar.save(model, tmp_path / "m"))
    texts = ["a dog", "Ravi ate", "पुणे"]
    found = punar.FeatureExtractor(folder, cache=False).fit(texts).transform(texts)
    assert found.shape == (3, 32)
    further = punar.TransferLearner(folder, task="question_answering", **given).fit(ITEMS, ANSWERS)
    assert punar.load(punar.save(further, tmp_path / "n")).predict(ITEMS) == further.predict(ITEMS)
