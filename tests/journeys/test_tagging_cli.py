"""Labels of tokens and of steps from the command line: fit, predict, files, the terminal, and what is refused."""

from __future__ import annotations

import csv
import io
import random
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import punar
from punar.tasks.tagging import Tagging

Sentence = list[tuple[str, str]]

NAMES, PLACES = ["सीता", "राम", "मोहन", "गीता"], ["पुणे", "दिल्ली", "काशी"]
LSTM = ("--task", "tagging", "--cell", "lstm", "--hidden-size", "16", "--learning-rate", "0.02", "--quiet")


def sentences(n: int, seed: int) -> list[Sentence]:
    """Sentences in which a name may have two words."""
    draw = random.Random(seed)
    found = []
    for _ in range(n):
        more = [("कुमार", "I-PER")] if draw.random() < 0.4 else []
        words = [(draw.choice(NAMES), "B-PER"), *more, ("कल", "O"), (draw.choice(PLACES), "B-LOC"), ("गया", "O")]
        found.append(words)
    return found


def conll(found: list[Sentence], *, labels: bool = True) -> str:
    return "\n\n".join("\n".join(f"{w}\t{t}" if labels else w for w, t in s) for s in found) + "\n"


def parsed(text: str) -> list[Sentence]:
    """Return what a file of tokens and labels holds."""
    return [[tuple(line.split("\t")) for line in part.split("\n")] for part in text.rstrip("\n").split("\n\n")]  # type: ignore[misc]


@pytest.fixture
def words(tmp_path: Path) -> Path:
    (tmp_path / "words.conll").write_text(conll(sentences(80, 0)), encoding="utf-8")
    (tmp_path / "test.conll").write_text(conll(sentences(20, 1)), encoding="utf-8")
    (tmp_path / "new.txt").write_text(conll(sentences(20, 1), labels=False), encoding="utf-8")
    return tmp_path


@pytest.fixture
def tagger(punar_says, words: Path) -> Path:
    answer = punar_says("fit", "words.conll", *LSTM, "--epochs", "20", "--out", "m")
    assert answer.status == 0, answer.err
    assert "80 texts" in answer.err
    assert "target: 4 labels" in answer.err
    assert "Learned: entity_f1" in answer.out
    assert "Next: punar predict m words.conll --out preds.conll" in answer.out
    return words


@pytest.fixture
def steps(tmp_path: Path) -> str:
    """Walks whose rows are not sorted, with a label for each step."""
    rng = np.random.default_rng(0)
    parts = []
    for i in range(20):
        up = rng.random(8 + i % 4) < 0.5
        values = np.where(up, 1.0, -1.0) + rng.normal(0, 0.1, len(up))
        label = np.where(up, "चढ़ाई", "ढाल")
        parts.append(pd.DataFrame({"walk": f"w{i}", "second": np.arange(len(up)), "x": values, "gait": label}))
    pd.concat(parts).sample(frac=1, random_state=0).to_csv(tmp_path / "walks.csv", index=False)
    return "walks.csv"


# -- tokens


def test_a_recurrent_tagger_prints_tokens_and_labels(punar_says, tagger: Path) -> None:
    model = punar.load("m")
    assert isinstance(model, punar.SequenceModel)
    assert (model.cell, model.task) == ("lstm", "tagging")
    answer = punar_says("predict", "m", "new.txt")
    assert answer.status == 0, answer.err
    truth = sentences(20, 1)
    assert [[w for w, _ in s] for s in parsed(answer.out)] == [[w for w, _ in s] for s in truth]
    given = [[w for w, _ in s] for s in truth]
    assert [[t for _, t in s] for s in parsed(answer.out)] == model.predict(given)
    assert parsed(answer.out) == truth
    assert not answer.out.startswith("\n")
    assert not answer.out.endswith("\n\n")
    assert "labels of DATA" not in answer.out + answer.err


def test_the_score_stands_beside_labels_that_the_data_has(punar_says, tagger: Path) -> None:
    answer = punar_says("predict", "m", "test.conll")
    assert answer.status == 0
    assert "Entity F1 on the labels of DATA: 1.0000" in answer.err
    assert "F1" not in answer.out  # nothing but tokens and labels
    wrong = Path("test.conll").read_text(encoding="utf-8").replace("सीता\tB-PER", "सीता\tB-ORG")
    Path("wrong.conll").write_text(wrong, encoding="utf-8")
    answer = punar_says("predict", "m", "wrong.conll", "--out", "p.csv")
    given = [[w for w, _ in s] for s in sentences(20, 1)]
    score = punar.load("m").score(given, [[t for _, t in s] for s in parsed(wrong)])
    assert 0 < score < 1
    # A label that the model never saw is one that it gets wrong.
    assert f"Entity F1 on the labels of DATA: {score:.4f}" in answer.out


@pytest.mark.parametrize("name", ["found.conll", "found.tsv", "found.txt"])
def test_a_file_of_tokens_is_read_again(punar_says, tagger: Path, name: str) -> None:
    printed = punar_says("predict", "m", "new.txt").out
    answer = punar_says("predict", "m", "new.txt", "--out", name)
    assert answer.status == 0, answer.err
    assert f"Written: {name} (20 predictions)" in answer.out
    assert Path(name).read_text(encoding="utf-8") == printed
    assert punar_says("predict", "m", "new.txt", "--out", name).status == 2  # nothing is replaced in silence
    assert punar_says("predict", "m", "new.txt", "--out", name, "--force").status == 0
    if name != "found.tsv":  # a tsv file is a table for the reader
        answer = punar_says("predict", "m", name)
        assert "Entity F1 on the labels of DATA: 1.0000" in answer.err


@pytest.mark.parametrize("name", ["found.csv", "found.parquet"])
def test_a_table_has_a_row_for_each_token(punar_says, tagger: Path, name: str) -> None:
    assert punar_says("predict", "m", "new.txt", "--out", name).status == 0
    found = pd.read_csv(name, dtype=str) if name.endswith(".csv") else pd.read_parquet(name).astype(str)
    assert list(found.columns) == ["sentence", "number", "token", "label"]
    expected = [(str(i), str(j), w, t) for i, s in enumerate(sentences(20, 1)) for j, (w, t) in enumerate(s)]
    assert list(found.itertuples(index=False, name=None)) == expected


def test_both_directions_are_an_option(punar_says, words: Path) -> None:
    for option, wanted in (("--bidirectional", True), ("--no-bidirectional", False)):
        answer = punar_says("fit", "words.conll", *LSTM, "--epochs", "1", option, "--out", f"m{wanted}")
        assert answer.status == 0, answer.err
        model = punar.load(f"m{wanted}")
        assert model.bidirectional is wanted
        assert model.transform([["राम", "गया"]])[0].shape == (2, 32 if wanted else 16)


def test_pages_of_gates_show_a_taggers_labels(punar_says, tagger: Path) -> None:
    answer = punar_says("gates", "m", "test.conll", "--out", "g.html")
    assert answer.status == 0, answer.err
    assert "predicted: B-PER, " in Path("g.html").read_text(encoding="utf-8")


# -- a transformer


@pytest.fixture
def tiny_bert(tmp_path: Path) -> str:
    """A folder as transformers saves it: two layers, random weights, pieces of Devanagari words."""
    tokenizers = pytest.importorskip("tokenizers")
    try:
        import torchaudio  # noqa: F401
    except Exception:
        # transformers imports whatever torchaudio is installed, and one made for another torch breaks it all.
        sys.modules["torchaudio"] = None  # type: ignore[assignment]
    transformers = pytest.importorskip("transformers")
    from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

    built = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    built.normalizer = normalizers.NFC()
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    text = [" ".join(w for w, _ in s) for s in sentences(20, 0)]
    built.train_from_iterator(
        text, trainers.WordPieceTrainer(vocab_size=45, special_tokens=special, show_progress=False)
    )
    built.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    assert len(built.encode("दिल्ली", add_special_tokens=False).ids) > 1  # words of several pieces are what is hard
    sizes = {"vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.BertConfig(**sizes, intermediate_size=48, max_position_embeddings=48)
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(tmp_path / "tiny-bert")
    built.save(str(tmp_path / "tiny-bert" / "tokenizer.json"))
    return "./tiny-bert"


def test_a_transformer_is_frozen_and_fine_tuned(punar_says, words: Path, tiny_bert: str) -> None:
    answer = punar_says(
        "fit", "words.conll", "--task", "tagging", "--backbone", tiny_bert, "--quiet", "--out", "frozen"
    )
    assert answer.status == 0, answer.err
    assert "entity_f1" in answer.out
    model = punar.load("frozen")
    assert (type(model), model.strategy, model.task) == (punar.TransferLearner, "feature_extraction", "tagging")

    tuning = ("--strategy", "fine_tuning", "--unfreeze", "1", "--epochs", "4", "--learning-rate", "0.003", "--quiet")
    answer = punar_says("fit", "words.conll", "--task", "tagging", "--backbone", tiny_bert, *tuning, "--out", "tuned")
    assert answer.status == 0, answer.err
    model = punar.load("tuned")
    assert (model.strategy, model.unfreeze, len(model.history_)) == ("fine_tuning", 1, 4)

    for name in ("frozen", "tuned"):
        printed = punar_says("predict", name, "new.txt")
        assert printed.status == 0, printed.err
        given = [[w for w, _ in s] for s in sentences(20, 1)]
        assert [[w for w, _ in s] for s in parsed(printed.out)] == given
        assert [[t for _, t in s] for s in parsed(printed.out)] == punar.load(name).predict(given)
        answer = punar_says("predict", name, "test.conll")
        found = re.search(r"Entity F1 on the labels of DATA: ([\d.]+)", answer.err)
        assert found is not None
        assert float(found[1]) > 0.9


def test_without_backbone_and_cell_the_usual_network_for_texts_is_taken(
    punar_says, words: Path, tiny_bert: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from punar.cli import _items

    assert _items.USUAL["text"] == "minilm"
    monkeypatch.setitem(_items.USUAL, "text", tiny_bert)
    answer = punar_says("fit", "words.conll", "--task", "tagging", "--quiet", "--out", "m")
    assert answer.status == 0, answer.err
    assert punar.load("m").preparation_.domain == "text"


def test_a_file_with_a_label_per_token_is_tagging_without_saying_so(punar_says, words: Path, tiny_bert: str) -> None:
    answer = punar_says("fit", "words.conll", "--backbone", tiny_bert, "--quiet", "--out", "m")
    assert answer.status == 0, answer.err
    assert punar.load("m").task == "tagging"


def test_spans_of_texts_are_a_table(punar_says, tiny_bert: str) -> None:
    def text_and_spans(sentence: Sentence) -> tuple[str, list[tuple[int, int, str]]]:
        text, spans = "", []
        for word, tag in sentence:
            if tag.startswith("B-"):
                spans.append((len(text), len(text) + len(word), tag[2:]))
            elif tag.startswith("I-"):
                spans[-1] = (spans[-1][0], len(text) + len(word), tag[2:])
            text += word + " "
        return text.rstrip(), spans

    texts, spans = zip(*map(text_and_spans, sentences(80, 0)), strict=True)
    model = punar.TransferLearner(tiny_bert, Tagging(), cache=False, random_state=0).fit(list(texts), list(spans))
    punar.save(model, "m")
    Path("new.txt").write_text("\n".join([*texts[:3], "कल", texts[3]]) + "\n", encoding="utf-8")
    answer = punar_says("predict", "m", "new.txt")
    assert answer.status == 0, answer.err
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert list(rows[0]) == ["row", "start", "end", "label", "text"]
    given = [*texts[:3], "कल", texts[3]]
    expected = [(str(i), a, b, label) for i, own in enumerate(model.predict(given)) for a, b, label in own]
    assert [(r["row"], int(r["start"]), int(r["end"]), r["label"]) for r in rows] == expected
    assert [r["text"] for r in rows] == [given[int(i)][a:b] for i, a, b, _ in expected]
    assert len(expected) >= 6

    # One line that could be four columns is a text for this model.
    Path("one.txt").write_text("सीता कल पुणे गया\n", encoding="utf-8")
    answer = punar_says("predict", "m", "one.txt", "--out", "p.csv")
    assert answer.status == 0, answer.err
    assert "1 text" in answer.err
    answer = punar_says("predict", "m", "one.txt", "--out", "p.conll")
    assert answer.status == 2
    assert "--out must end in .csv, .tsv, .parquet for this model" in answer.err


def test_plain_sentences_are_split_into_words_for_a_model_of_words(punar_says, words: Path) -> None:
    assert punar_says("fit", "words.conll", *LSTM, "--epochs", "1", "--out", "m").status == 0
    Path("plain.txt").write_text("राम कल पुणे गया।\nसीता कुमार कल काशी गया थी\n", encoding="utf-8")
    answer = punar_says("predict", "m", "plain.txt")
    assert answer.status == 0, answer.err
    assert "each text is split into words" in answer.err
    sentences = answer.out.strip().split("\n\n")
    assert [[line.split("\t")[0] for line in s.split("\n")] for s in sentences] == [
        ["राम", "कल", "पुणे", "गया", "।"],
        ["सीता", "कुमार", "कल", "काशी", "गया", "थी"],
    ]


# -- steps


def test_a_series_tagger_writes_a_row_for_each_step(punar_says, steps: str) -> None:
    reading = ("--id", "walk", "--time", "second", "--target", "gait")
    answer = punar_says(
        "fit", steps, "--task", "tagging", "--cell", "gru", *reading, "--epochs", "8", "-q", "--out", "m"
    )
    assert answer.status == 0, answer.err
    assert "Learned: accuracy" in answer.out
    answer = punar_says("predict", "m", steps, "--target", "gait", "--out", "p.csv")
    assert answer.status == 0, answer.err
    assert "Accuracy on the labels of DATA: 1.0000" in answer.out
    found, given = pd.read_csv("p.csv"), pd.read_csv(steps)
    assert list(found.columns) == ["walk", "second", "step", "label"]
    assert len(found) == len(given)
    together = found.merge(given, on=["walk", "second"], validate="one_to_one")
    assert (together["label"] == together["gait"]).all()
    assert (found["step"] == found["second"]).all()

    answer = punar_says("predict", "m", steps)  # without labels, to the terminal
    assert answer.status == 0, answer.err
    assert answer.out == Path("p.csv").read_text(encoding="utf-8")
    assert "labels of DATA" not in answer.err
    answer = punar_says("predict", "m", steps, "--out", "p.conll")
    assert answer.status == 2
    assert "for this model" in answer.err


def test_columns_of_the_data_are_not_hidden_by_those_of_predictions(punar_says, steps: str) -> None:
    frame = pd.read_csv(steps).rename(columns={"walk": "label", "second": "step"})
    frame.to_csv("odd.csv", index=False)
    reading = ("--id", "label", "--time", "step", "--target", "gait")
    words = ("--task", "tagging", "--cell", "gru", *reading, "--epochs", "1", "--quiet")
    answer = punar_says("fit", "odd.csv", *words, "--out", "m")
    assert answer.status == 0, answer.err
    answer = punar_says("predict", "m", "odd.csv")
    assert answer.out.splitlines()[0] == "label,step,step (punar),label (punar)"


# -- other models print tables


def test_other_models_print_csv(punar_says) -> None:
    frame = pd.DataFrame({"text": ["यह फ़िल्म अच्छी है", "यह फ़िल्म बुरी है"] * 20, "label": ["good", "bad"] * 20})
    frame.to_csv("r.csv", index=False)
    words = ("--target", "label", "--cell", "gru", "--epochs", "2", "--hidden-size", "4", "--quiet")
    assert punar_says("fit", "r.csv", *words, "--out", "m").status == 0
    answer = punar_says("predict", "m", "r.csv", "--target", "label")
    assert answer.status == 0, answer.err
    found = pd.read_csv(io.StringIO(answer.out))
    assert list(found.columns) == ["row", "prediction", "probability bad", "probability good"]
    assert len(found) == 40
    assert "Accuracy on the labels of DATA" in answer.err
    pd.DataFrame({"x": np.arange(80.0) % 8}).to_csv("s.csv", index=False)
    words = ("--task", "forecasting", "--horizon", "3", "--epochs", "1", "--quiet")
    answer = punar_says("fit", "s.csv", *words, "--out", "f")
    assert answer.status == 0, answer.err
    answer = punar_says("predict", "f")
    assert answer.status == 0, answer.err
    assert list(pd.read_csv(io.StringIO(answer.out))["step"]) == [1, 2, 3]


# -- what is refused


@pytest.mark.parametrize(
    ("words_", "said"),
    [
        (("fit", "new.txt", "--task", "tagging", "--cell", "gru", "--out", "n"), "there are no labels to learn from"),
        (("fit", "new.txt", "--task", "tagging", "--out", "n"), "there are no labels to learn from"),
        (("fit", "table.csv", "--task", "tagging", "--target", "label", "--out", "n"), "conll"),
        (("fit", "words.conll", "--task", "classification", "--out", "n"), "tagging"),
        (("fit", "words.conll", "--task", "taging", "--out", "n"), "Did you mean 'tagging'"),
        (("fit", "words.conll", "--task", "tagging", "--bidirectional", "--out", "n"), "--bidirectional is for rec"),
        (("fit", "words.conll", "--task", "tagging", "--cell", "gru", "--horizon", "3", "--out", "n"), "forecasting"),
        (("fit", "broken.conll", "--task", "tagging", "--cell", "gru", "--out", "n"), "broken.conll, line 2"),
        (("predict", "m", "new.txt", "--out", "p.npy"), "must end in .csv"),
        (("predict", "m", "nowhere.txt"), "no such file"),
        (("predict", "m"), "needs DATA"),
        (("transform", "m", "new.txt", "--out", "p.csv"), "features for each token"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(punar_says, words: Path, words_: tuple[str, ...], said: str) -> None:
    Path("table.csv").write_text("text,label\nयह अच्छा है,good\nवह बुरा है,bad\n", encoding="utf-8")
    Path("broken.conll").write_text("राम\tB-PER\nगया\n", encoding="utf-8")
    if words_[0] != "fit":
        assert punar_says("fit", "words.conll", *LSTM, "--epochs", "1", "--out", "m").status == 0
    answer = punar_says(*words_)
    assert answer.status == 2, answer.err
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
