"""A label for each token or step: forms of targets, windows, the likeliest tags, what is refused, what is stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import punar
from punar.errors import DataError, DataTypeError, ParameterError
from punar.preparations import Sample
from punar.tasks import _tag_forms as forms
from punar.tasks._entities import are_entity_tags, entities_of
from punar.tasks.tagging import Tagging

WORDS = [["we", "met", "Asha", "Rao", "in", "पुणे"], ["she", "is", "well"], ["in", "Delhi", "again"]] * 12
TAGS = [["O", "O", "B-who", "I-who", "O", "B-where"], ["O", "O", "O"], ["O", "B-where", "O"]] * 12
TEXTS = ["we met Asha Rao in पुणे.", "she is well", "in Delhi again"] * 12
SPANS = [[(7, 15, "who"), (19, 23, "where")], [], [(3, 8, "where")]] * 12


def model(**settings):
    return punar.SequenceModel("gru", task="tagging", hidden_size=8, random_state=0, **{"epochs": 60} | settings)


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> str:
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    folder = tmp_path_factory.mktemp("bert")
    built = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    built.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=80, special_tokens=special))
    built.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    built.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=80, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    transformers.BertModel(config).save_pretrained(folder)
    return str(folder)


def learner(backbone, **settings):
    given = {"strategy": "fine_tuning", "unfreeze": "all", "epochs": 20, "learning_rate": 5e-3, "batch_size": 4}
    return punar.TransferLearner(backbone, task="tagging", cache=False, random_state=0, **given | settings)


# -- where entities begin -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("letter", "begins"), [("I", False), ("B", True)])
def test_an_entity_may_begin_with_an_i_where_it_did_in_the_fit(tmp_path: Path, letter: str, begins: bool) -> None:
    tags = [["O", "O", f"{letter}-who", "I-who", "O", f"{letter}-where"], ["O"] * 3, ["O", "B-where", "O"]] * 12
    fitted = model().fit(WORDS, tags)
    assert fitted.fitted_.task.begins_ is begins
    assert fitted.predict(WORDS[:3]) == tags[:3]
    punar.save(fitted, tmp_path / "m")
    assert punar.load(tmp_path / "m").predict(WORDS[:3]) == tags[:3]


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["O", "I-x"], False),
        (["B-y", "I-x"], False),
        (["B-x", "I-x", "I-x", "O"], True),
        (["I-x", "I-x"], False),
        ([], True),
    ],
)
def test_entities_begin_with_b(tags: list[str], found: bool) -> None:
    assert forms.entities_begin_with_b(tags) is found


@pytest.mark.parametrize("y", [None, "O", ["O", "O"], 3])
def test_score_of_labels_in_another_form_says_so(y) -> None:
    task = Tagging()
    task.learn(TAGS, "fit", WORDS)
    with pytest.raises((DataError, DataTypeError), match="score"):
        task.score(y, TAGS[:2])


def test_score_of_spans_in_another_form_says_so() -> None:
    task = Tagging()
    task.learn(SPANS, "fit", TEXTS)
    with pytest.raises(DataTypeError, match=r"score: y\[0\]\[0\] must be a span"):
        task.score([[(7, 15)]], SPANS[:1])
    with pytest.raises(DataTypeError, match="must be a span"):
        task.learn([[(0, 2, "")]], "fit", TEXTS[:1])


# -- forms of targets -----------------------------------------------------------------------------------------------


def test_lists_of_words_come_back_as_lists_of_labels(tmp_path: Path) -> None:
    fitted = model().fit(WORDS, TAGS)
    found = fitted.predict(WORDS[:3])
    assert found == TAGS[:3]
    assert fitted.score(WORDS, TAGS) == 1.0
    assert fitted.fit_report_["metric"] == "entity_f1"
    assert "without_context" in fitted.fit_report_
    assert not hasattr(fitted, "predict_proba")
    assert [states.shape for states in fitted.transform(WORDS[:3])] == [(6, 16), (3, 16), (3, 16)]
    again = punar.load(punar.save(fitted, tmp_path / "m"))
    assert again.predict(WORDS[:3] + [["Asha", "unseenword"]]) == fitted.predict(WORDS[:3] + [["Asha", "unseenword"]])


def test_an_answer_depends_on_nothing_else_in_the_batch() -> None:
    fitted = model(epochs=3).fit(WORDS, TAGS)
    alone = [fitted.predict([words])[0] for words in WORDS[:3]]
    assert fitted.predict(WORDS[:3]) == alone
    assert fitted.predict(WORDS[2::-1]) == alone[::-1]


def test_texts_with_spans_come_back_as_spans() -> None:
    fitted = model().fit(TEXTS, SPANS)
    assert fitted.predict(TEXTS[:3]) == SPANS[:3]
    assert fitted.score(TEXTS, SPANS) == 1.0
    named = [[{"start": a, "end": b, "label": kind} for a, b, kind in own] for own in SPANS]
    assert model().fit(TEXTS, named).predict(TEXTS[:3]) == SPANS[:3]


def test_steps_of_series_come_back_as_an_array() -> None:
    X = np.random.default_rng(0).normal(size=(40, 9, 2))
    y = (X[..., 0] > 0).astype(int)
    fitted = model(epochs=30).fit(X, y)
    found = fitted.predict(X)
    assert found.shape == y.shape
    assert found.dtype.kind == "i"
    assert fitted.score(X, y) == np.mean(found == y) > 0.95
    assert [len(own) for own in fitted.predict([X[0, :4], X[1]])] == [4, 9]
    with pytest.raises(ParameterError, match="max_length"):
        model(max_length=0).fit(X, y)


def test_series_that_are_cut_keep_a_label_for_each_step() -> None:
    X = [np.random.default_rng(i).normal(size=(n, 1)) for i, n in enumerate([30, 7, 12] * 8)]
    y = [(x[:, 0] > 0).astype(int) for x in X]
    fitted = model(max_length=8, epochs=30).fit(X, y)
    assert [len(own) for own in fitted.predict(X[:3])] == [30, 7, 12]
    assert fitted.score(X, y) > 0.9


def test_a_transformer_tags_words_and_spans_in_windows(bert: str, tmp_path: Path) -> None:
    long = [[w for own in WORDS[i : i + 6] for w in own] for i in range(0, 36, 6)] * 4
    tags = [[t for own in TAGS[i : i + 6] for t in own] for i in range(0, 36, 6)] * 4
    backbone = punar.backbone(bert, max_length=14)
    fitted = learner(backbone).fit(long, tags)
    assert len(fitted.preparation_.samples(long[0])) > 1
    assert fitted.score(long, tags) > 0.9
    assert [len(own) for own in fitted.predict(long)] == [len(words) for words in long]
    again = punar.load(punar.save(fitted, tmp_path / "m"))
    assert again.predict(long[:2]) == fitted.predict(long[:2]) == [fitted.predict([x])[0] for x in long[:2]]
    assert learner(bert).fit(TEXTS, SPANS).score(TEXTS, SPANS) > 0.9


@pytest.mark.parametrize("strategy", ["feature_extraction", "scratch"])
def test_every_strategy_tags(bert: str, strategy: str) -> None:
    fitted = learner(bert, strategy=strategy).fit(WORDS, TAGS)
    assert [len(own) for own in fitted.predict(WORDS[:4])] == [6, 3, 3, 6]
    assert fitted.fit_report_["rows_from"] == "cross_fitted"


def test_a_saved_tagger_is_a_backbone(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(40, 9, 2))
    y = (X[..., 0] > 0).astype(int)
    folder = punar.save(model(epochs=30).fit(X, y), tmp_path / "m")
    reused = punar.TransferLearner(str(folder), task="tagging", cache=False, random_state=0).fit(X, 1 - y)
    assert reused.score(X, 1 - y) > 0.9


# -- the likeliest tags ---------------------------------------------------------------------------------------------


def test_no_entity_goes_on_that_has_not_begun() -> None:
    task = Tagging()
    task.learn(TAGS, "here", WORDS)
    order = {tag: i for i, tag in enumerate(task.tags_)}
    sure = torch.full((3, len(order)), -5.0)
    sure[0, order["I-who"]], sure[0, order["B-who"]], sure[0, order["O"]] = -0.1, -1.0, -3.0
    sure[1, order["I-who"]] = -0.1
    sure[2, order["O"]] = -0.1
    trace = torch.tensor([[i, 0, 1, 1] for i in range(3)])
    found = task.merge([(trace, sure)], ["a", "b", "c"])
    assert [task.tags_[k] for k in found] == ["B-who", "I-who", "O"]


def test_viterbi_finds_the_best_of_all_allowed_paths() -> None:
    rng = np.random.default_rng(0)
    allowed = rng.random((5, 4)) < 0.6
    allowed[:, 0] = True
    sure = rng.normal(size=(5, 4))

    def total(path: tuple[int, ...]) -> float:
        before = [-1, *path[:-1]]
        if not all(allowed[b + 1, k] for b, k in zip(before, path, strict=True)):
            return -np.inf
        return float(sum(sure[t, k] for t, k in enumerate(path)))

    best = max(np.ndindex(4, 4, 4, 4, 4), key=total)
    assert tuple(forms.likeliest(sure, allowed)) == best


def test_entities_begin_and_end_as_conlleval_says() -> None:
    assert entities_of(["I-a", "I-a", "B-a", "I-b", "O", "S-b"]) == [
        (0, 2, "a"),
        (2, 3, "a"),
        (3, 4, "b"),
        (5, 6, "b"),
    ]
    assert are_entity_tags(["O", "B-x-y"])
    assert not are_entity_tags(["O"])
    assert not are_entity_tags(["NOUN", "O"])


def test_a_span_is_placed_at_the_words_that_it_touches() -> None:
    task = Tagging()
    targets = task.learn([[(4, 12, "who")]], "here", ["see Asha Rao now"])
    trace = [(-1, 0, 0, 0), (0, 0, 3, 1), (1, 4, 8, 1), (1, 4, 8, 0), (2, 9, 12, 1), (3, 13, 16, 1)]
    placed = task.place(targets.item(0), Sample(torch.empty(0), torch.tensor(trace)))["tags"]
    assert placed[[0, 3]].tolist() == [-100, -100], "special tokens and later pieces are not asked"
    assert [task.tags_[k] for k in placed[[1, 2, 4, 5]]] == ["O", "B-who", "I-who", "O"]


# -- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (WORDS, [["O"], *TAGS[1:]], r"y\[0\] has 1 labels, X has 6"),
        (WORDS, TAGS[:-1], "inconsistent numbers"),
        (WORDS, None, "y is None"),
        (WORDS, [[None, *own[1:]] for own in TAGS], r"y\[0\]\[0\] is missing"),
        (WORDS, [["O"] * len(own) for own in TAGS], "at least 2 different labels"),
        (TEXTS, [[(0, 99, "a")], *SPANS[1:]], r"y\[0\]\[0\] is the span 0 to 99"),
        (TEXTS, [[(0, 5, "a"), (3, 6, "b")], *SPANS[1:]], "overlap"),
        (TEXTS, [[]] * len(TEXTS), "at least one span"),
    ],
)
def test_targets_that_cannot_be_are_named(X, y, words: str) -> None:
    with pytest.raises(DataError, match=words):
        model().fit(X, y)


def test_other_kinds_are_refused(bert: str) -> None:
    with pytest.raises(DataTypeError, match=r"must be a span"):
        model().fit(TEXTS, [["O"]] * len(TEXTS))
    with pytest.raises(DataTypeError, match="text and"):
        model().fit(WORDS, [["O", 1, "O", "O", "O", "O"], *TAGS[1:]])
    with pytest.raises(ParameterError, match="vision"):
        punar.TransferLearner("starter", task="tagging", cache=False).fit(np.zeros((4, 8, 8)), [["O"]] * 4)
    fitted = model(epochs=1).fit(WORDS, TAGS)
    with pytest.raises(DataError, match="labels, X has"):
        fitted.score(WORDS[:1], [["O"]])
    with pytest.raises(DataTypeError, match="learned from lists of words"):
        fitted.predict(["a text"])
    with pytest.raises(ParameterError, match="class_weight"):
        model(class_weight="balanced").fit(WORDS, TAGS)
