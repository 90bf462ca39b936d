"""What people pass from memory: masked arrays, targets as tables, mixed tables in the latent map."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch

import punar
from punar.errors import DataError

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(24, 12, 1))
CHEAP = {"epochs": 2, "random_state": 0}


def test_what_is_masked_is_missing_and_not_what_lies_under_the_mask():
    mask = np.zeros(Z.shape, dtype=bool)
    mask[::2, 9:] = True
    under = np.ma.masked_array(np.where(mask, -999.0, Z), mask=mask)
    cut = [x[:9] if i % 2 == 0 else x for i, x in enumerate(Z)]
    y = np.arange(24) % 2
    model = punar.SequenceModel("gru", **CHEAP).fit(cut, y)
    np.testing.assert_array_equal(model.predict_proba(under), model.predict_proba(cut))
    series = np.ma.masked_array(np.arange(60.0), mask=np.arange(60) == 30)
    with pytest.raises(DataError, match="nan at step 30"):
        punar.SequenceModel("gru", task="forecasting", horizon=2, epochs=1).fit(series)


@pytest.mark.parametrize("make", [
    lambda: (punar.SequenceModel("gru", task="regression", **CHEAP), Z),
    lambda: (punar.TransferLearner("starter", task="regression", cache=False, random_state=0), RNG.random((24, 9, 9))),
])  # fmt: skip
def test_targets_of_a_table_are_matched_by_name(make, tmp_path):
    model, X = make()
    Y = pd.DataFrame({"u": RNG.normal(size=24), "v": 10 + RNG.normal(size=24)})
    model.fit(X, Y)
    again = punar.load(punar.save(model, tmp_path / "m"))
    for each in (model, again):
        assert each.score(X, Y[["v", "u"]]) == pytest.approx(each.score(X, Y))
        with pytest.raises(DataError, match="y must have the columns 'u', 'v'"):
            each.score(X, Y.rename(columns={"v": "w"}))
    assert model.score(X, Y.to_numpy()) == pytest.approx(model.score(X, Y))


def test_the_latent_map_of_a_table_of_mixed_columns():
    frame = pd.DataFrame({"a": RNG.normal(size=60), "c": ["gas", "oil", "coal"] * 20})
    model = punar.Autoencoder(latent_dim=2, epochs=2, random_state=0).fit(frame)
    found = punar.latent_map(model, frame, np.arange(60) % 2)
    assert found.points.shape == (60, 2)
    assert "<svg" in found._repr_html_()


def test_infinity_in_a_table_of_mixed_columns_is_named_with_its_row():
    frame = pd.DataFrame({"a": RNG.normal(size=40), "c": ["x", "y"] * 20})
    for row in (3, 25, 39):
        bad = frame.copy()
        bad.loc[row, "a"] = np.inf
        with pytest.raises(DataError, match=rf"column 'a' of X contains infinity in row {row}\b"):
            punar.Autoencoder(latent_dim=2, epochs=1, random_state=0).fit(bad)


def test_an_array_of_words_is_told_what_to_pass():
    with pytest.raises(DataError, match="Pass a DataFrame"):
        punar.Autoencoder(latent_dim=1, epochs=1).fit(np.array([["a", "b"]] * 9, dtype=object))


def test_a_score_needs_one_target_for_each_item():
    y = np.arange(24) % 2
    model = punar.SequenceModel("gru", **CHEAP).fit(Z, y)
    with pytest.raises(DataError, match=r"score: .*X has 24, y 23"):
        model.score(Z, y[1:])


def test_half_a_letter_is_named_with_its_text():
    with pytest.raises(DataError, match="item 0: it holds half of a character"):
        punar.SequenceModel(epochs=1).fit(["a \ud800 b", "c d"] * 10, [0, 1] * 10)


def test_a_missing_tag_is_named_with_its_place():
    with pytest.raises(DataError, match=r"y\[0\]\[1\] is missing"):
        punar.SequenceModel(task="tagging", epochs=1).fit([["a", "b"]] * 10, [["O", pd.NA]] * 10)


def test_one_series_far_longer_than_the_others_is_said():
    from punar.errors import PunarWarning
    from punar.models.recurrent.reading import say_far_longer

    with pytest.warns(PunarWarning, match="one sequence has 20,000 steps, nine of ten have at most 10"):
        say_far_longer(torch.tensor([10] * 24 + [20_000]), "here")
    say_far_longer(torch.tensor([10] * 24 + [900]), "here")


def test_a_module_of_ones_own_is_a_part_on_the_command_line(tmp_path):
    from punar.cli._parts import load_parts

    file = tmp_path / "mine.py"
    file.write_text(
        "from torch import nn\n\n\nclass Pair(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.encoder, self.decoder = nn.Linear(5, 2), nn.Linear(2, 5)\n"
    )
    own = load_parts([file])
    model = punar.Autoencoder(network=own.classes[0](), epochs=1, random_state=0).fit(RNG.normal(size=(40, 5)))
    folder = punar.save(model, tmp_path / "m")
    again = own.load(folder)
    X = RNG.normal(size=(6, 5))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))


@pytest.mark.parametrize("text", ["see http://x.y/z.html", "is it any good?", "so much in a/b of it"])
def test_a_text_with_a_stroke_is_a_text(text):
    from punar.cli._typed import is_typed

    assert is_typed(text, "text")


def test_gradients_are_looked_at_while_others_predict():
    model = punar.SequenceModel("gru", **CHEAP).fit(Z, np.arange(24) % 2)
    alone, answers = str(punar.gradient_flow(model, Z[:2])), model.predict_proba(Z)
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(model.predict_proba, Z) if i % 2 else pool.submit(punar.gradient_flow, model, Z[:2])
            for i in range(24)
        ]
        found = [job.result() for job in jobs]
    assert all(str(flow) == alone for flow in found[::2])
    assert all(np.array_equal(one, answers) for one in found[1::2])
