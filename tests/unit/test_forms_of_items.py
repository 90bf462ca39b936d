"""Questions, texts and recordings in the forms that datasets and tables have; what is no such form is told how."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import punar
from punar.errors import DataError, DataTypeError, ParameterError
from punar.preparations.pairs import Pairs
from punar.tasks import _answer_forms as forms

pytest.importorskip("tokenizers")
PAIRS = [("Who won?", "Asha won."), ("कहाँ?", "मीरा पुणे में रहती है।")]
DICTS = [{"question": question, "context": context} for question, context in PAIRS]
READ = Pairs("", 64)


def test_rows_of_a_dataset_are_pairs():
    whole = [{"id": "5", "title": "t", **row, "answers": {"text": ["Asha"], "answer_start": [0]}} for row in DICTS]
    columns = {name: [row[name] for row in DICTS] for name in ("question", "context")}
    for X in (DICTS, tuple(DICTS), whole, columns, {**columns, "id": ["1", "2"]}, pd.DataFrame(whole), PAIRS):
        assert READ.check(X, "here") == PAIRS


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (
            [DICTS[0], {"question": "q", "text": "c"}],
            r"X\[1\] must have the keys 'question' and 'context'",
        ),
        ([{"question": "q", "context": None}], r"X\[0\]: its context is missing"),
        ([{"question": 3, "context": "c"}], r"X\[0\]: its question must be text, got 3"),
        (DICTS[0], r"X must be a list of pairs .* got dict. Of one question pass a list, \[X\]"),
        ({"question": ["a", "b"], "context": ["c"]}, r"as many questions as contexts, got \['a', 'b'\] and \['c'\]"),
        ({"question": 3, "context": ["c"]}, r"as many questions as contexts"),
        ({"question": [], "context": []}, r"X with 0 sample"),
    ],
)
def test_other_dicts_are_refused_and_told_how(X, message):
    with pytest.raises(DataError, match=rf"here: .*{message}|here: {message}"):
        READ.check(X, "here")


def test_answers_as_datasets_have_them():
    rows = [{"text": np.array(["Asha"], dtype=object), "answer_start": np.array([0], dtype=np.int32)}]
    for y in (rows, pd.Series(rows), [{"text": "Asha", "answer_start": 0}], [{"text": ["Asha"], "answer_start": [0]}]):
        assert forms.listed(y, "here") == [forms.Answers(["Asha"], [0])]
    assert forms.listed([{"text": [], "answer_start": []}], "here") == [forms.Answers([], [])]
    with pytest.raises(DataTypeError, match=r"got DataFrame of shape \(1, 1\)"):
        forms.listed(pd.DataFrame({"text": ["Asha"]}), "here")


def test_dicts_are_learned_from_and_answered_as_pairs_are():
    answers = [{"text": ["Asha"], "answer_start": [0]}, {"text": ["पुणे"], "answer_start": [5]}] * 3
    model = punar.TransferLearner("minilm", "question_answering", epochs=1, random_state=0, cache=False)
    model.fit(DICTS * 3, answers)
    assert model.predict(DICTS) == model.predict(PAIRS)
    assert model.score(DICTS * 3, answers) == model.score(PAIRS * 3, ["Asha", "पुणे"] * 3)


WORDS, FIGURES = ["one", "two", "three", "four"] * 6, ["1", "2", "3", "4"] * 6


def translator():
    return punar.SequenceModel("gru", task="translation", epochs=1, random_state=0, evidence="cheap")


def test_arrays_and_columns_of_texts_are_texts():
    expected = translator().fit(WORDS, FIGURES).predict(WORDS[:4])
    for form in (np.array, pd.Series, lambda x: np.array(x, dtype=object), lambda x: pd.DataFrame({"en": x})["en"]):
        assert translator().fit(form(WORDS), form(FIGURES)).predict(form(WORDS[:4])) == expected


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (pd.DataFrame({"en": WORDS, "hi": FIGURES}), r"Pass one column of the table, such as X\['en'\]; what is to be"),
        (np.array(WORDS)[:, None], r"Pass a list or a 1-D array of texts"),
        ([{"en": a, "hi": b} for a, b in zip(WORDS, FIGURES, strict=True)], r"Pass a list or a 1-D array of texts"),
    ],
)
def test_what_is_no_list_of_texts_is_told_how(X, message):
    with pytest.raises(ParameterError, match=rf"Translation is for text\. {message}"):
        translator().fit(X, FIGURES)


def test_what_is_no_list_of_recordings_is_told_how():
    model = punar.SequenceModel("gru", task="speech_recognition")
    with pytest.raises(ParameterError, match=r"is for audio\. Pass a column of files, such as X\['file'\], or pairs"):
        model.fit(pd.DataFrame({"file": ["a.wav"] * 4}), ["a"] * 4)
    with pytest.raises(ParameterError, match=r"is for audio\. Pass a list of files, or pairs of samples"):
        model.fit(np.zeros((4, 8000)), ["a"] * 4)


def test_targets_of_another_form_are_told_how():
    with pytest.raises(
        DataTypeError, match=r"y must be a list, a column or a 1-D array of texts, got DataFrame of shape"
    ):
        translator().fit(WORDS, pd.DataFrame({"hi": FIGURES}))
    with pytest.raises(DataTypeError, match=r"must be numbers \(of texts pass a list or a 1-D array\)"):
        punar.SequenceModel("gru").fit(np.array(WORDS)[:, None], FIGURES)
