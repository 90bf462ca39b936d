"""Languages whose answers are known: a small BERT from random weights finds spans, and words that are hidden."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

import punar
from punar.core.draws import seeded
from punar.tasks.question_answering import QuestionAnswering

tokenizers = pytest.importorskip("tokenizers")
transformers = pytest.importorskip("transformers")

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WAYS = {
    "who": ["asha", "ravi kumar", "mira", "old tom", "lin wei", "sam"],
    "where": ["in पुणे", "at home", "on the roof", "in नई दिल्ली"],
    "when": ["at noon", "on monday", "last week", "today"],
    "what": ["a 🥁 drum", "the long song", "two poems", "chess"],
}
COLOURS = ["red", "blue", "green", "black", "white", "pink", "grey", "gold"]
THINGS = ["key", "ring", "book", "coin", "pen", "cup", "hat", "map", "shoe", "ball"]
# Each world names seven things in the same order, so that any of them tells which world it is.
WORLDS = [
    "red ruby mars tuesday fox एक jan",
    "blue sapphire neptune friday whale दो feb",
    "green emerald earth thursday frog तीन mar",
    "white pearl moon monday goose चार apr",
    "gold coin sun sunday lion पांच may",
]


def folder(path: Path, texts: Sequence[str], name: str) -> str:
    """Save a small BERT with random weights, and a tokenizer of these words, as the hub has them."""
    words = sorted({word for text in texts for word in text.split()})
    vocabulary = {token: i for i, token in enumerate([*SPECIAL, *words])}
    built = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    built.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    built.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    built.add_special_tokens(SPECIAL)
    built.save(str(path / "tokenizer.json"))
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128,
        max_position_embeddings=40, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    with seeded(0):
        getattr(transformers, name)(config).save_pretrained(path)
    return str(path)


def of_ways(rng: random.Random, most_so: int) -> tuple[tuple[str, str], str]:
    """Return a question for one of four ways, a context that names them in any order, and the answer; or none."""
    said = {kind: rng.choice(ways) for kind, ways in WAYS.items()}
    gone = rng.choice(list(WAYS)) if rng.random() < 0.25 else None
    parts = ["so"] * rng.randrange(most_so + 1)
    for kind in rng.sample(list(WAYS), 4):
        parts += [said[kind], rng.choice(["and", "then", "well"])] if kind != gone else []
    asked = gone if gone is not None and rng.random() < 0.5 else rng.choice(list(WAYS))
    return (f"{asked} ?", " ".join(parts)), "" if asked == gone else said[asked]


def of_boxes(rng: random.Random) -> tuple[tuple[str, str], str]:
    """Return a question whose answer depends on a colour that it names: where in the context is the same one?"""
    colours = rng.sample(COLOURS, 2)
    things = rng.sample(THINGS, 2)
    context = " ; ".join(f"{c} box {t}" for c, t in zip(colours, things, strict=True))
    k = rng.randrange(2)
    return (f"{colours[k]} ?", context), things[k]


def learner(path: str, task: str, **given: object) -> punar.TransferLearner:
    settings = {"strategy": "scratch", "learning_rate": 3e-3, "batch_size": 16, "random_state": 0, "cache": False}
    return punar.TransferLearner(path, task=task, **settings | given)


@pytest.mark.slow
def test_answers_are_found_and_their_absence_is_seen(tmp_path):
    rng = random.Random(0)
    train, test = ([of_ways(rng, 4) for _ in range(n)] for n in (800, 300))
    (X, y), (T, U) = (tuple(map(list, zip(*rows, strict=True))) for rows in (train, test))
    path = folder(tmp_path, [f"{q} {c}" for q, c in X], "BertForQuestionAnswering")
    model = learner(path, "question_answering", epochs=8).fit(X, y)
    f1, task = model.score(T, U), model.fitted_.task
    chance = model.fit_report_["constant"]
    none = [i for i, answer in enumerate(U) if answer == ""]
    found = model.predict(T)
    right = sum(found[i] == "" for i in none) / len(none)
    print(f"F1 {f1:.3f}, of {len(none)} without an answer {right:.3f}; best constant rule {chance:.3f}")
    assert chance < 0.4
    assert f1 >= 0.95
    assert right >= 0.9
    # Contexts longer than the input: the same sentences behind ever more words, and windows that share a few.
    longer = [((q, " ".join(["so"] * (7 * (i % 5))) + f" {c}"), a) for i, ((q, c), a) in enumerate(test) if a]
    windowed = QuestionAnswering(stride=14)
    model = learner(path, windowed, epochs=10).fit(
        [*X, *(pair for pair, _ in longer[:150])], [*y, *(a for _, a in longer[:150])]
    )
    T, U = map(list, zip(*longer[150:], strict=True))
    windows = [len(model.preparation_.samples(pair)) for pair in T]
    f1 = model.score(T, U)
    print(f"F1 {f1:.3f} in 1 to {max(windows)} windows")
    assert max(windows) >= 2
    assert f1 >= 0.95
    assert task.empty_


@pytest.mark.slow
def test_an_answer_is_found_by_what_the_question_names(tmp_path):
    rng = random.Random(0)
    train, test = ([of_boxes(rng) for _ in range(n)] for n in (3000, 300))
    (X, y), (T, U) = (tuple(map(list, zip(*rows, strict=True))) for rows in (train, test))
    path = folder(tmp_path, [f"{q} {c}" for q, c in X], "BertForQuestionAnswering")
    model = learner(path, "question_answering", epochs=40, learning_rate=2e-3, batch_size=32).fit(X, y)
    f1, chance = model.score(T, U), model.fit_report_["constant"]
    print(f"F1 {f1:.3f}; best constant rule {chance:.3f}")
    assert chance < 0.6
    assert f1 >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("name", ["BertForMaskedLM", "BertModel"])
def test_hidden_words_are_named_where_the_others_tell_them(tmp_path, name):
    rng = random.Random(0)
    X, T = ([rng.choice(WORLDS) for _ in range(n)] for n in (800, 100))
    model = learner(folder(tmp_path, WORLDS, name), "masked_language_modeling", epochs=6).fit(X)
    share, chance = model.score(T), model.fit_report_["constant"]
    perplexity = model.fit_report_["perplexity"]
    print(f"{name}: {share:.3f} of hidden words, perplexity {perplexity:.2f}; the commonest word {chance:.3f}")
    assert perplexity < 1.5
    assert chance < 0.3
    assert share >= 0.95
    for world in WORLDS:
        words = world.split()
        blanks = [" ".join(["___" if i == hole else word for i, word in enumerate(words)]) for hole in range(7)]
        assert model.predict(blanks) == [world] * 7
