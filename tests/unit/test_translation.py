"""Translation from nothing: what a recurrent network with attention writes, what is refused, what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import punar
from punar.errors import DataError, DataTypeError, NotSupportedError, ParameterError, ParameterTypeError
from punar.tasks.translation import Translation

RNG = np.random.default_rng(0)
X = ["".join(RNG.choice(list("अबकखग"), RNG.integers(2, 5))) for _ in range(400)]
NEW = ["बअग", "खखक", "कगअब"]
Y = [text[::-1] for text in X]


def model(**settings: Any) -> Any:
    given = {"epochs": 12, "hidden_size": 32, "learning_rate": 1e-2, "evidence": "cheap"}
    return punar.SequenceModel("gru", task=settings.pop("task", "translation"), random_state=0, **given | settings)


@pytest.fixture(scope="module")
def fitted() -> Any:
    return model().fit(X, Y)


def test_words_are_written_backwards(fitted) -> None:
    assert fitted.predict(NEW) == [text[::-1] for text in NEW]
    assert fitted.score(NEW, [text[::-1] for text in NEW]) == 1.0
    assert fitted.score(NEW, [["no", text[::-1]] for text in NEW]) == 1.0
    report = fitted.fit_report_
    assert (report["metric"], report["learned"]) == ("chrf", True)
    assert report["model"] > 0.95 > report["nearest_text"] > report["constant"] > 0
    assert "The answer of the nearest training text gives" in report["verdict"]


def test_an_answer_does_not_hang_on_what_else_is_asked(fitted) -> None:
    alone = [fitted.predict([text])[0] for text in NEW]
    assert fitted.predict([NEW[0], "क" * 40, *NEW[1:]])[2:] == alone[1:]
    assert fitted.predict(NEW[::-1]) == alone[::-1]


def test_letters_never_seen_empty_texts_and_very_long_ones_have_an_answer(fitted) -> None:
    found = fitted.predict(["zबअq☺", "", " ", "ब" * 10_000, "अ ब\nक"])
    assert [type(text) for text in found] == [str] * 5
    # The longest target has 4 letters, and a space and an end beside them.
    assert max(map(len, found)) <= 2 * 6 + 20
    assert set("".join(found)) <= set("".join(X)) | {" "}


def test_a_stored_model_answers_the_same(fitted, tmp_path: Path) -> None:
    again = punar.load(punar.save(fitted, tmp_path / "m"))
    assert again.predict([*NEW, "zब"]) == fitted.predict([*NEW, "zब"])
    assert again.score(X, Y) == fitted.score(X, Y)
    (a,), (b,) = punar.attention(again, NEW[:1]), punar.attention(fitted, NEW[:1])
    np.testing.assert_array_equal(a.weights, b.weights)


def test_the_same_seed_writes_the_same_and_beams_are_kept(tmp_path: Path) -> None:
    first, second = (model(epochs=2, task=Translation(num_beams=3)).fit(X, Y) for _ in range(2))
    assert first.predict(NEW) == second.predict(NEW)
    for a, b in zip(first.module_.state_dict().values(), second.module_.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    again = punar.load(punar.save(first, tmp_path / "m"))
    assert again.module_.head.beams == 3
    assert again.predict(NEW) == first.predict(NEW)


def test_a_stopped_fit_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole = model(epochs=3).fit(X, Y)
    with pytest.raises(KeyboardInterrupt):
        _stopped_in_epoch(2, tmp_path / "c")
    resumed = model(epochs=3).fit(X, Y, checkpoint=tmp_path / "c")
    for a, b in zip(whole.module_.state_dict().values(), resumed.module_.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def _stopped_in_epoch(epoch: int, folder: Path) -> None:
    class Stops(Translation):
        count = 0

        def losses(self, net: Any, *args: Any, progress: float, **further: Any) -> Any:
            if progress > (epoch - 1) / 3 + 0.05:
                raise KeyboardInterrupt
            return super().losses(net, *args, progress=progress, **further)

    Stops.__name__ = "Translation"
    Stops.__module__ = Translation.__module__
    model(epochs=3, task=Stops()).fit(X, Y, checkpoint=folder)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "min_gru", "min_lstm"])
def test_every_cell_writes(cell, tmp_path: Path) -> None:
    other = model(epochs=1).set_params(cell=cell).fit(X[:60], Y[:60])
    head = other.module_.head
    assert type(head.cell) is type(other.cell_)
    assert punar.load(punar.save(other, tmp_path / "m")).predict(NEW) == other.predict(NEW)


def test_few_pairs_of_any_container_are_judged_on_both_halves() -> None:
    pandas = pytest.importorskip("pandas")
    columns = pandas.DataFrame({"a": X[:40], "b": Y[:40]}, index=range(100, 140))
    small = punar.SequenceModel("gru", task="translation", hidden_size=16, epochs=2, random_state=0)
    plain = small.fit(X[:40], Y[:40])
    assert plain.fit_report_["rows"] == 40
    assert plain.fit_report_["nearest_text"] > 0
    found = plain.predict(NEW)
    assert small.fit(columns["a"], columns["b"]).predict(pandas.Series(NEW)) == found
    assert small.fit(np.array(X[:40]), np.array(Y[:40], dtype=object)).predict(np.array(NEW)) == found


def test_a_fit_goes_on_from_another_and_texts_that_weigh_nothing_teach_nothing() -> None:
    begun = model(epochs=2, warm_start=True).fit(X[:200], Y[:200])
    before = begun.score(X[200:], Y[200:])
    assert begun.set_params(epochs=8).fit(X[:200], Y[:200]).score(X[200:], Y[200:]) > before
    weight = np.repeat([1.0, 0.0], [100, 20])
    # Of the same letters: a vocabulary is learned from all.
    found = [
        model(epochs=1, validation_fraction=0.0).fit(X[:120], [*Y[:100], *[text] * 20], weight)
        for text in ("अबअब", "बअबअ")
    ]
    a, b = (dict(each.module_.state_dict()) for each in found)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_saved_translator_is_a_backbone(fitted, tmp_path: Path) -> None:
    folder = str(punar.save(fitted, tmp_path / "m"))
    again = punar.TransferLearner(folder, task="translation", epochs=2, cache=False, random_state=0).fit(X[:80], Y[:80])
    assert len(again.predict(NEW)) == 3
    assert punar.FeatureExtractor(folder, cache=False).transform(NEW).shape == (3, 64)


def test_pieces_of_words(tmp_path: Path) -> None:
    words = ["नीला घर", "लाल घर", "नीला फूल", "लाल फूल"] * 20
    said = ["blue house", "red house", "blue flower", "red flower"] * 20
    other = model(task=Translation(pieces=60), epochs=20).fit(words, said)
    assert other.predict(words[:4]) == said[:4]
    (seen,) = punar.attention(other, words[:1])
    assert len(seen.read) < len("नीला घर")
    assert "".join(seen.read) == "▁नीला▁घर"
    assert punar.load(punar.save(other, tmp_path / "m")).predict(words[:4]) == said[:4]


# -- where it looks ---------------------------------------------------------------------------------------------------


def test_attention_says_which_letter_each_one_was_taken_from(fitted) -> None:
    for text, seen in zip(NEW, punar.attention(fitted, NEW), strict=True):
        assert seen.text == text[::-1]
        assert seen.read == ("▁", *text)
        assert seen.written == ("▁", *text[::-1], "∎")
        assert seen.weights.shape == (len(seen.written), len(seen.read))
        np.testing.assert_allclose(seen.weights.sum(1), 1, atol=2e-3)
        # The states of both directions say much of their neighbours: it need not look at the letter itself, but near.
        where = seen.weights[1:-1] @ np.arange(len(seen.read))
        assert np.corrcoef(where, np.arange(len(where)))[0, 1] < -0.5


def test_attention_is_for_decoders(fitted) -> None:
    other = model(task="classification", epochs=1).fit(X[:40], [len(x) for x in X[:40]])
    with pytest.raises(NotSupportedError, match="task='classification', which writes no text"):
        punar.attention(other, X[:2])
    with pytest.raises(ParameterTypeError, match="SequenceModel or a TransferLearner"):
        punar.attention("gru", X[:2])
    with pytest.raises(DataError, match=r"X\[1\] is too long for a map"):
        punar.attention(fitted, ["क", "क" * 9000])


def test_a_report_shows_what_was_read_and_written(fitted) -> None:
    task = fitted.fitted_.task
    targets = task.encode([NEW[0]], "here")
    (answer,) = list(_answers(fitted, NEW[:1]))
    sheet = task.sheet(answer, targets.item(0), NEW[0])
    assert {k: sheet[k] for k in ("form", "given", "truth", "found")} == {
        "form": "texts",
        "given": NEW[0],
        "truth": [NEW[0]],
        "found": NEW[0][::-1],
    }
    assert 0 < sheet["score"] < 1
    assert np.shape(sheet["attention"]) == (5, 4)


def _answers(fitted: Any, texts: list[str]) -> list[Any]:
    from punar.models.recurrent.answer import answers

    return answers(fitted, fitted.fitted_, texts, "predict")[0]


def test_states_and_gates_are_seen(fitted) -> None:
    assert [states.shape for states in fitted.transform(NEW)] == [(4, 64), (4, 64), (5, 64)]
    assert set(punar.gates(fitted, NEW)) >= {"reset", "update_reverse"}


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (None, "requires y"),
        ("text", "got one text"),
        ([], "got none"),
        ([*Y[:-1], None], r"y\[399\] is missing"),
        ([*Y[:-1], float("nan")], r"y\[399\] is missing"),
        ([*Y[:-1], 3], r"y\[399\] must be a text, got 3"),
        ([*Y[:-1], ["a", "b"]], r"y\[399\] must be a text"),
        ([*Y[:-1], "\ud800"], r"y\[399\] holds half of a character"),
        (Y[:-1], "inconsistent numbers of samples"),
        (np.array([["a"]] * 400), "must be a list, a column or a 1-D array of texts"),
    ],
)
def test_targets_that_are_no_texts_are_refused(y, said) -> None:
    with pytest.raises(DataError, match=said):
        model(epochs=1).fit(X, y)


def test_lists_of_words_are_no_texts_to_translate() -> None:
    with pytest.raises(DataTypeError, match="X must be texts"):
        model(epochs=1).fit([list(x) for x in X], Y)


@pytest.mark.parametrize("name", ["source_language", "target_language", "prefix"])
def test_what_is_for_pretrained_networks_is_refused(name) -> None:
    with pytest.raises(ParameterError, match=f"for pretrained networks: {name} must be None, got 'hi'"):
        model(task=Translation(**{name: "hi"}), epochs=1).fit(X, Y)


@pytest.mark.parametrize("settings", [{"pieces": 3}, {"max_length": 0}, {"num_beams": 0}, {"prefix": 3}])
def test_settings_keep_their_rules(settings) -> None:
    with pytest.raises(ParameterError, match=next(iter(settings))):
        model(task=Translation(**settings)).fit(X, Y)


def test_texts_are_not_cut() -> None:
    with pytest.raises(ParameterError, match="max_length must be None"):
        model(max_length=3).fit(X, Y)


def test_nothing_is_learned_from_empty_texts_alone() -> None:
    with pytest.raises(DataError, match="X must have a text to learn from, got 30"):
        model(epochs=1).fit([""] * 30, Y[:30])
    assert len(model(epochs=1).fit(["", *X[1:30]], Y[:30]).predict(["", "अ"])) == 2


def test_scores_name_what_is_wrong(fitted) -> None:
    task = fitted.fitted_.task
    with pytest.raises(DataTypeError, match=r"score: y\[1\]\[0\] must be a text"):
        task.score(["a", [3]], ["a", "b"])
    with pytest.raises(DataError, match="inconsistent"):
        fitted.score(NEW, Y[:2])


# -- other networks ---------------------------------------------------------------------------------------------------


def test_an_encoder_without_a_decoder_is_given_one(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from punar.backbones._tokenizer import byte_tokenizer

    folder = tmp_path / "bert"
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=300, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(byte_tokenizer(300), "utf-8")
    learner = punar.TransferLearner(str(folder), task="translation", epochs=2, cache=False, random_state=0)
    learner.fit(X[:80], Y[:80])
    again = punar.load(punar.save(learner, tmp_path / "m"))
    assert again.predict(NEW) == learner.predict(NEW)
    (seen,) = punar.attention(again, NEW[:1])
    assert seen.weights.shape == (len(seen.written), 3 * len(NEW[0]) + 2)  # three bytes each, a beginning and an end
