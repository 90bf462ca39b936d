"""Texts of which a network can measure, write or read little or nothing: refused, or said with the share."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import punar
from punar.errors import DataError, PunarWarning
from punar.tasks._guesses import Guesses, GuessMeter
from punar.tasks._targets import Targets

# -- hidden words -----------------------------------------------------------------------------------------------------

BLANKS = ["Asha ___ in Pune.", "Ravi [MASK] in Delhi.", "Meera <mask> in Pune."] * 8
WHOLE = ["Asha lives in Pune.", "Ravi works in Delhi.", "Meera sings in Pune."] * 4


def filler(**settings):
    pytest.importorskip("transformers")
    settings = {"epochs": 1, "random_state": 0, "evidence": "cheap"} | settings
    return punar.TransferLearner("minilm", "masked_language_modeling", "fine_tuning", **settings)


def test_a_fit_on_texts_with_blanks_alone_is_refused_as_their_score_is():
    with pytest.raises(DataError, match=r"fit: 24 of 24 texts have a blank.*nothing to measure. Pass texts without"):
        filler().fit(BLANKS)
    with pytest.raises(DataError, match=r"validation_data.*3 of 3 texts have a blank.*nothing to measure"):
        filler().fit(WHOLE, validation_data=BLANKS[:3])


def test_some_texts_with_blanks_are_said_and_never_all_that_is_measured():
    for seed in range(3):
        model = filler(validation_fraction=0.1, random_state=seed)
        with pytest.warns(PunarWarning, match=r"fit: 24 of 36 texts have a blank.*left out of what is measured"):
            report = model.fit([*BLANKS, *WHOLE]).fit_report_
        assert report["perplexity"] > 1.0
        assert math.isfinite(report["perplexity_constant"])


def test_chance_is_measured_on_the_same_words():
    model = filler()
    with pytest.warns(PunarWarning, match="24 of 36"):
        model.fit([*BLANKS, *WHOLE])
    task = model.fitted_.task
    targets = task.encode(None, "here", [BLANKS[0], WHOLE[0]])
    counts = [own.counts[1] for own in task.constant(targets)]
    assert counts[0] == 0
    assert counts[1] >= 1
    assert task.strata(targets).tolist() == [0, 1]
    assert task.strata(targets.take(torch.tensor([1]))) is None


def test_nothing_measured_has_no_share_and_no_perplexity():
    meter = GuessMeter()
    nothing = Guesses(torch.zeros(0, 4, dtype=torch.int64), torch.zeros(0), torch.zeros(0))
    meter.add([nothing] * 3, Targets({"hidden": [torch.zeros(0)] * 3}))
    assert meter.details() == {}
    with pytest.raises(DataError, match="in the 3 texts that were held out no word is hidden"):
        meter.value()
    right = Guesses(torch.tensor([[0, 1, 5, 5]]), torch.ones(1), torch.full((1,), float(np.log(2))))
    meter.add([right], Targets({"hidden": [torch.tensor([5])]}))
    assert meter.value() == 1.0
    assert meter.details()["perplexity"] == pytest.approx(2.0)
