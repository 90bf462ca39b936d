"""What messages call: the public estimator that has a task, tasks by the names that people pass."""

from __future__ import annotations

import numpy as np
import pytest

import punar
from punar.errors import NotFittedError, NotSupportedError, ParameterError

PAIRS = [("Who won?", "Asha won the race."), ("When did it rain?", "It rained on Monday.")] * 4
ANSWERS = ["Asha", "on Monday"] * 4


@pytest.fixture(scope="module")
def reader():
    return punar.TransferLearner("minilm", "question_answering", epochs=1, random_state=0, cache=False).fit(
        PAIRS, ANSWERS
    )


@pytest.mark.parametrize("task", ["question_answering", "masked_language_modeling", "detection", "segmentation"])
def test_a_sequence_model_names_the_estimator_that_has_the_task(task):
    with pytest.raises(ParameterError, match=rf"Use punar\.TransferLearner\(backbone, task='{task}'\)") as raised:
        punar.SequenceModel("gru", task=task).fit(["a"] * 4, ["b"] * 4)
    assert "structured" not in str(raised.value)


def test_a_transfer_learner_names_the_estimator_that_has_the_task():
    with pytest.raises(ParameterError, match=r"Use punar\.SequenceModel"):
        punar.TransferLearner("starter", task="forecasting").fit(np.zeros((4, 8, 8)), [0, 1, 0, 1])


def test_attention_names_the_task_as_people_pass_it(reader):
    with pytest.raises(NotSupportedError, match=r"task='question_answering', which writes no text.*task='translation'"):
        punar.attention(reader, PAIRS)


def test_other_messages_name_the_task_as_people_pass_it(reader):
    with pytest.raises(NotSupportedError, match=r"transform: task='question_answering' reads no vector"):
        reader.transform(PAIRS)
    with pytest.raises(ParameterError, match=r"views must be 0 for task='question_answering'"):
        punar.TransferLearner("minilm", "question_answering", "fine_tuning", views=2).fit(PAIRS, ANSWERS)
    other = reader.__class__(**reader.get_params())
    other.__dict__.update(reader.__dict__)
    other.task = "tagging"
    with pytest.raises(NotFittedError, match=r"was fitted to question_answering, and its task is now 'tagging'"):
        other.predict(PAIRS)
