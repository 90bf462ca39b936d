"""Several labels for an item, given as lists: what goes in comes back."""

from __future__ import annotations

import numpy as np
import pytest

import punar
from punar.errors import DataError, ParameterError
from punar.tasks.multilabel import Multilabel

TEXTS = ["warm sweet drink", "warm salty soup", "cold sweet cream", "cold salty snack"] * 8
TAGS = [["sweet", "warm"], ("warm",), {"sweet"}, []] * 8
MATRIX = np.array([[1, 1], [0, 1], [1, 0], [0, 0]] * 8)


def fitted(y):
    return punar.SequenceModel("gru", task="multilabel", epochs=30, random_state=0, evidence="cheap").fit(TEXTS, y)


@pytest.fixture(scope="module")
def model():
    return fitted(TAGS)


def test_lists_in_and_lists_out(model, tmp_path):
    assert model.classes_.tolist() == ["sweet", "warm"]
    assert model.predict(TEXTS[:4]) == [["sweet", "warm"], ["warm"], ["sweet"], []]
    assert model.score(TEXTS, TAGS) == 1.0 > 0.25, "one of four sets of labels is right by chance"
    loaded = punar.load(punar.save(model, tmp_path / "m"))
    assert loaded.predict(TEXTS[:4]) == model.predict(TEXTS[:4])
    assert loaded.score(TEXTS, TAGS) == 1.0


def test_a_matrix_gives_the_same_model_and_a_matrix_back(model):
    other = fitted(MATRIX)
    assert np.array_equal(other.predict(TEXTS), MATRIX)
    assert np.array_equal(other.predict_proba(TEXTS), model.predict_proba(TEXTS))
    # Either form is taken for the score of the model of lists.
    assert model.score(TEXTS, MATRIX) == model.score(TEXTS, TAGS)


@pytest.mark.parametrize("form", [list, lambda y: np.array([*y, 0], dtype=object)[:-1]], ids=["list", "object array"])
def test_forms_of_sets(form):
    task = Multilabel()
    found = task.learn_rows(form([[7, 3], [3], [], [9]]), "t")
    assert task.classes_.tolist() == [3, 7, 9]
    assert found.tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 1]]
    again = Multilabel()
    again.restore(task.state())
    assert again.classes_.tolist() == [3, 7, 9]
    assert again.encode_rows([[9, 3]], "t").tolist() == [[1, 0, 1]]


def test_rows_of_zeros_and_ones_are_a_matrix():
    task = Multilabel()
    assert task.learn_rows([[0, 1], [1, 1]], "t").tolist() == [[0, 1], [1, 1]]
    assert task.state() == {"labels": 2}
    old = Multilabel()
    old.restore({"labels": 2})  # as folders of before there were names
    assert old.classes_.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([["a"], "b", ["c"]], r"y\[1\] must be a list of labels, as y\[0\] is, got 'b'"),
        ([[], [], []], "y holds no label at all"),
        ([["a", 1], ["b"], []], "all text or all whole numbers, found both"),
        ([["a"], [2.5], []], r"y\[1\] holds 2.5; a label must be text or a whole number"),
        ([1, 0, 1], r"Or a list of labels for each item, such as \[\['red', 'round'\], \['red'\], \[\]\]"),
        ([[0, 2], [1, 1], [0, 0]], "must hold 0 and 1 only"),
    ],
)
def test_mistakes_say_what_to_do(y, words):
    with pytest.raises(DataError, match=words):
        Multilabel().learn_rows(y, "t")


def test_a_label_that_the_fit_did_not_see(model):
    with pytest.raises(DataError, match=r"y\[2\] has the label 'green', which the fit did not see: 'sweet', 'warm'"):
        model.score(TEXTS[:3], [["warm"], [], ["green"]])


@pytest.mark.parametrize("names", [["a"], ["a", "a"], "ab", ["a", 1], [None, "b"]])
def test_damaged_names_are_refused(names):
    with pytest.raises(ValueError, match="names must be a list of different texts"):
        Multilabel().restore({"labels": 2, "names": names})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("instance segmentation", "punar does not do instance segmentation. task='segmentation' says what each pixel"),
        ("Summarization", "does not do summarisation"),
        ("zero-shot", "strategy='zero_shot'"),
        ("imputation", "missing='mask'"),
        ("anomaly detection", "reconstruction_error"),
        ("clasification", "Did you mean 'classification'"),
    ],
)
def test_a_task_that_is_not_here_says_so(name, words):
    for model in (punar.SequenceModel("gru", task=name), punar.TransferLearner("starter", task=name)):
        with pytest.raises(ParameterError, match=words) as caught:
            model.fit(TEXTS, [0, 1] * 16)
        assert "classification" in str(caught.value)


@pytest.mark.filterwarnings("ignore::punar.errors.DidNotLearnWarning")
def test_keeping_the_start_is_allowed():
    pictures = np.random.default_rng(0).random((24, 16, 16))
    settings = {"cache": False, "random_state": 0, "evidence": "cheap", "epochs": 1}
    tuned = punar.TransferLearner("starter", strategy="fine_tuning", interpolation=0, **settings)
    start = punar.TransferLearner("starter", **settings)
    y = np.arange(24) % 2
    found = tuned.fit(pictures, y)
    assert found.fit_report_["interpolation"] == 0
    for name, value in start.fit(pictures, y).module_.backbone.state_dict().items():
        assert np.array_equal(value.numpy(), found.module_.backbone.state_dict()[name].numpy())


def test_lists_of_labels_are_no_rows_of_a_matrix_that_was_fitted_on() -> None:
    task = Multilabel()
    task.learn(np.eye(3)[[0, 1, 2, 0]], "here")
    with pytest.raises(DataError, match=r"here: y must be an indicator matrix \(n, 3\) as in the fit"):
        task.encode([[1], [1, 2], [0], [2]], "here")
