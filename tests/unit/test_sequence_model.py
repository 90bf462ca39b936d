"""SequenceModel: padding, order and batch size never change an answer; it saves, resumes, clones and searches."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import GridSearchCV, cross_val_score

import punar
from punar import errors
from punar.cells.lstm import Lstm
from punar.core.plugins import member
from punar.models.recurrent import fit as _sequence_job
from punar.models.recurrent import rows as _sequence_rows
from punar.models.recurrent.rows import SequenceRows, by_length
from punar.models.samples import Placed, Samples
from punar.tasks import Targets
from punar.tasks.classification import Classification
from punar.training.checkpoint import Checkpoint

CELLS = ("rnn", "lstm", "gru", "min_gru", "min_lstm")


def ragged(n=40, channels=2, low=1, high=12, seed=0):
    """Series whose class is the sign of their last step."""
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(rng.integers(low, high + 1), channels)) for _ in range(n)]
    return X, np.array([int(x[-1, 0] > 0) for x in X])


def model(cell="gru", task="classification", hidden_size=6, **settings):
    given = {"random_state": 0, "epochs": 2, "device": "cpu"} | settings
    return punar.SequenceModel(cell, task, hidden_size, **given)


def weights(fitted):
    return {k: v.clone() for k, v in fitted.module_.state_dict().items()}


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


# -- answers -------------------------------------------------------------------------------------------------


def test_it_learns_what_a_last_step_says():
    X, y = ragged(300)
    fitted = model(epochs=30, hidden_size=16).fit(X, y)
    other, wanted = ragged(200, seed=1)
    report, score = fitted.fit_report_, fitted.score(other, wanted)
    print(f"accuracy {score:.3f}, best constant answer {report['constant']:.3f}, linear {report['linear']:.3f}")
    assert score > 0.9
    assert report["constant"] < 0.6
    assert report["learned"]
    assert report["rows_from"] == "held_out"
    assert "the best constant answer gives" in report["verdict"]


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_company_padding_and_order_do_not_change_an_answer(pooling, bidirectional):
    X, y = ragged(30)
    fitted = model(pooling=pooling, bidirectional=bidirectional, num_layers=2, layer_norm=True).fit(X, y)
    together = fitted.predict_proba(X)
    alone = np.concatenate([fitted.predict_proba([x]) for x in X])
    shuffled = np.random.default_rng(1).permutation(len(X))
    np.testing.assert_allclose(alone, together, atol=1e-6)
    np.testing.assert_allclose(fitted.predict_proba([X[i] for i in shuffled]), together[shuffled], atol=1e-6)
    longer = [*X, np.zeros((200, 2))]
    np.testing.assert_allclose(fitted.predict_proba(longer)[:-1], together, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_fits_transforms_saves_and_loads(cell, tmp_path):
    X, y = ragged(30)
    fitted = model(cell).fit(X, np.array(["no", "yes"])[y])
    assert list(fitted.classes_) == ["no", "yes"]
    states = fitted.transform(X)
    assert (states.shape, states.dtype) == ((30, 6), np.float32)
    punar.save(fitted, tmp_path / "m")
    again = punar.load(tmp_path / "m")
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert again.fit_report_ == fitted.fit_report_
    assert again.history_ == fitted.history_
    assert again.n_features_in_ == 2
    assert repr(again) == repr(fitted)


def test_two_predictions_in_a_row_and_two_fits_of_one_seed_are_equal():
    X, y = ragged(50)
    settings = {"dropout": 0.3, "num_layers": 2}
    one, two, three = (model(**settings, random_state=s).fit(X, y) for s in (3, 3, 4))
    assert same(weights(one), weights(two))
    assert not same(weights(one), weights(three))
    assert np.array_equal(one.predict_proba(X), one.predict_proba(X))
    assert np.array_equal(one.predict_proba(X), two.predict_proba(X))


def test_passes_of_any_size_give_the_same_answers(monkeypatch):
    X, y = ragged(40)
    fitted = model().fit(X, y)
    whole = fitted.predict_proba(X)
    monkeypatch.setattr(_sequence_rows, "_MOST_NUMBERS", 6 * 12 * 7)
    assert _sequence_rows.rows_per_pass(12, 6) == 7
    np.testing.assert_allclose(fitted.predict_proba(X), whole, atol=1e-6)


def test_the_callers_random_streams_are_untouched():
    X, y = ragged(20)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model(dropout=0.5).fit(X, y).predict(X)
    assert torch.equal(torch.rand(3), expected)


# -- batches by length ---------------------------------------------------------------------------------------


def test_batches_are_of_one_length_nearly_and_hold_every_row_once():
    lengths = torch.randint(1, 200, (1000,), generator=torch.Generator().manual_seed(0))
    order = torch.randperm(1000, generator=torch.Generator().manual_seed(1))
    found = by_length(lengths, order, 32, torch.Generator().manual_seed(2))
    assert torch.equal(found.sort().values, torch.arange(1000))

    def padded(order):
        return sum(len(b) * int(lengths[b].max()) for b in order.split(32)) / int(lengths.sum()) - 1

    print(f"padding by chance {padded(order):.0%}, by length {padded(found):.0%}")
    assert padded(order) > 0.5
    assert padded(found) < 0.1
    again = by_length(lengths, order, 32, torch.Generator().manual_seed(2))
    assert torch.equal(found, again)
    assert torch.equal(found[992:], order[992:])  # the short batch: by chance, and last
    # The batches come in an order of the generator's: else short sequences would always be first.
    means = [float(lengths[b].float().mean()) for b in found[:992].split(32)]
    assert sorted(means) not in (means, means[::-1])
    other = by_length(lengths, order, 32, torch.Generator().manual_seed(3))
    assert not torch.equal(found, other)
    assert {frozenset(b.tolist()) for b in other.split(32)} == {frozenset(b.tolist()) for b in found.split(32)}


def test_rows_of_one_length_keep_the_order_they_have():
    order = torch.randperm(50)
    assert torch.equal(by_length(torch.full((50,), 7), order, 8, torch.Generator()), order)


def test_a_batch_holds_its_own_steps_and_zeros_after_them():
    prepared = [torch.ones(n, 2) * n for n in (3, 1, 2)]
    placed = Placed(Classification(), Targets({"y": torch.arange(3)}), Samples(torch.arange(3)))
    mini = SequenceRows(prepared, placed, None, torch.device("cpu")).take(torch.tensor([2, 0, 1]))
    assert mini.batch["lengths"].tolist() == [2, 3, 1]
    assert mini.target["y"].tolist() == [2, 0, 1]
    assert mini.batch["values"][:, :3, 0].tolist() == [[2, 2, 0], [3, 3, 3], [1, 0, 0]]


# -- small and strange ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 7, 8, 9, 17])
def test_any_number_of_rows_around_a_batch(n):
    X, _ = ragged(n)
    fitted = model(batch_size=8, epochs=1).fit(X, np.arange(n) % 2)
    assert fitted.predict(X).shape == (n,)
    assert fitted.predict(X[:1]).shape == (1,)


def test_one_row_is_enough_for_regression():
    fitted = model(task="regression").fit([np.zeros((1, 1))], [3.0])
    assert fitted.predict([np.zeros((4, 1))]).shape == (1,)


def test_one_step_and_constant_channels():
    X = [np.ones((1, 3)) for _ in range(10)]
    fitted = model().fit(X, np.arange(10) % 2)
    assert np.isfinite(fitted.predict_proba(X)).all()


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [
        ([], [], "0 sample"),
        (ragged(4)[0], [1, 1, 1, 1], "at least 2 classes"),
        (ragged(4)[0], None, "y is None"),
        (ragged(4)[0], [0, 1, 0], "X has 4, y 3"),
        ([np.zeros((0, 1)), np.zeros((1, 1))], [0, 1], "length 0"),
        ([[np.nan], [1.0]], [0, 1], r"X\[0\] has nan at step 0"),
        ([[np.inf], [1.0]], [0, 1], r"X\[0\] has inf"),
        ([[1e308], [-1e308]], [0, 1], "overflow"),
    ],
)
def test_what_cannot_be_fitted_is_said(X, y, said):
    with pytest.raises(errors.PunarError, match=said):
        model().fit(X, y)


def test_predicting_needs_a_fit_the_same_channels_and_no_missing_values():
    X, y = ragged(10)
    with pytest.raises(errors.NotFittedError):
        model().predict(X)
    fitted = model().fit(X, y)
    with pytest.raises(errors.DataError, match="X has 3 channels, but the model is expecting 2"):
        fitted.predict([np.zeros((2, 3))])
    with pytest.raises(errors.DataError, match="has nan at step 1"):
        fitted.predict([np.array([[0.0, 1.0], [np.nan, 1.0]])])
    with pytest.raises(errors.DataTypeError, match="X is needed"):
        fitted.predict(None)


def test_masked_values_are_seen_as_missing():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(6, 1)) for _ in range(200)]
    y = rng.integers(0, 2, 200)
    for x, label in zip(X, y, strict=True):
        if label:
            x[3] = np.nan  # only the flag tells: the value that stands there is the mean
    fitted = model(missing="mask", epochs=30, hidden_size=12).fit(X, y)
    print("accuracy", fitted.score(X, y), "chance", max(y.mean(), 1 - y.mean()))
    assert fitted.score(X, y) > 0.95
    assert fitted.__sklearn_tags__().input_tags.allow_nan


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"cell": "lstn"}, "Did you mean 'lstm'"),
        ({"cell": Lstm}, "pass Lstm()"),
        ({"pooling": "avg"}, "pooling must be one of"),
        ({"dropout": 1.0}, "dropout must be"),
        ({"dropout": "much"}, "dropout must be"),
        ({"hidden_size": 0}, "hidden_size must be"),
        ({"kind": "text"}, "Did you mean 'texts'"),
        ({"missing": "drop"}, "missing must be"),
        ({"learning_rate": 0}, "learning_rate must be"),
        ({"task": "classify"}, "classification"),
        ({"id_column": 3}, "id_column must be"),
        ({"class_weight": "balanced", "task": "regression"}, "class_weight is for"),
    ],
)
def test_wrong_settings_are_named(settings, said):
    X, y = ragged(6)
    with pytest.raises((errors.ParameterError, errors.ParameterTypeError), match=said):
        model(**settings).fit(X, y)


def test_a_failed_fit_leaves_the_earlier_one():
    X, y = ragged(20)
    fitted = model().fit(X, y)
    before = fitted.predict_proba(X)
    with pytest.raises(errors.DataError):
        fitted.fit(X, y[:3])
    assert np.array_equal(fitted.predict_proba(X), before)


def test_strict_raises_where_nothing_was_learned():
    X, _ = ragged(60)
    y = np.random.default_rng(3).integers(0, 2, 60)
    flat = [x * 0 for x in X]
    with pytest.raises(errors.DidNotLearnError, match="best constant answer"):
        model(strict=True).fit(flat, y)


# -- targets -------------------------------------------------------------------------------------------------


def test_regression_gives_numbers_in_their_units_for_one_output_and_for_several():
    X, _ = ragged(200)
    sums = np.array([x.sum(0) * 100 + 1000 for x in X])
    fitted = model(task="regression", epochs=40, hidden_size=24).fit(X, sums)
    assert fitted.predict(X).shape == (200, 2)
    assert fitted.score(X, sums) > 0.8
    assert is_regressor(fitted)
    assert not hasattr(fitted, "predict_proba")
    assert not hasattr(fitted, "classes_")
    assert model(task="regression").fit(X, sums[:, 0]).predict(X).shape == (200,)


def test_several_labels():
    X, _ = ragged(40)
    Y = np.array([[x[0, 0] > 0, x[-1, 1] > 0] for x in X]).astype(int)
    fitted = model(task="multilabel").fit(X, Y)
    assert fitted.predict(X).shape == (40, 2)
    assert fitted.predict_proba(X).shape == (40, 2)


def test_items_of_weight_zero_are_as_good_as_absent():
    X, y = ragged(60)
    wrong = [*X, *X]
    labels = np.r_[y, 1 - y]
    kept = np.r_[np.ones(60), np.zeros(60)]
    fitted = model(epochs=25, hidden_size=16).fit(wrong, labels, sample_weight=kept)
    assert fitted.score(X, y) > 0.8
    assert fitted.score(wrong, labels, sample_weight=kept) == fitted.score(X, y)
    with pytest.raises(errors.DataError, match="not all 0"):
        model().fit(X, y, sample_weight=np.zeros(60))


def test_class_weight_moves_answers_to_the_rare_class():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(4, 1)) for _ in range(200)]
    y = (rng.random(200) < 0.15).astype(int)  # nothing tells the classes apart
    plain, balanced = (
        model(class_weight=w, epochs=3).fit(X, y).predict_proba(X)[:, 1].mean() for w in (None, "balanced")
    )
    assert plain < 0.3 < 0.35 < balanced


# -- tables, texts and sounds --------------------------------------------------------------------------------


def long_table(X):
    parts = [pd.DataFrame(x, columns=["a", "b"]).assign(who=f"p{i}", when=np.arange(len(x))) for i, x in enumerate(X)]
    return pd.concat(parts)


def test_a_long_table_in_any_order_gives_what_the_list_gives(tmp_path):
    X, y = ragged(30)
    table = long_table(X)
    fitted = model(id_column="who", time_column="when").fit(table, y)
    plain = model().fit(X, y)
    assert np.array_equal(fitted.predict_proba(table), plain.predict_proba(X))
    mixed = table.sample(frac=1, random_state=0)[["b", "when", "who", "a"]]
    place = [int(who[1:]) for who in mixed["who"].unique()]
    np.testing.assert_allclose(fitted.predict_proba(mixed), plain.predict_proba(X)[place], atol=1e-6)
    by_id = pd.Series(y, index=[f"p{i}" for i in range(30)])
    again = model(id_column="who", time_column="when").fit(table, by_id.sample(frac=1, random_state=1))
    assert np.array_equal(again.predict_proba(table), fitted.predict_proba(table))
    assert again.score(mixed, by_id) == again.score(table, y)
    punar.save(fitted, tmp_path / "m")
    assert np.array_equal(punar.load(tmp_path / "m").predict(table), fitted.predict(table))


@pytest.mark.filterwarnings("ignore:.* (empty or white space|cut. the network)")
def test_texts_save_and_unknown_words_and_empty_texts_have_answers(tmp_path):
    pytest.importorskip("tokenizers")
    texts = ["अच्छी किताब", "बुरी किताब", "a good film", "a bad film"] * 15
    y = np.array(["+", "-"] * 30)
    fitted = model("lstm", epochs=40, hidden_size=16).fit(texts, y)
    assert fitted.score(texts, y) == 1.0
    odd = ["zebra xylophone", "", "अच्छी फिल्म", "क्या"]
    proba = fitted.predict_proba(odd)
    assert np.isfinite(proba).all()
    punar.save(fitted, tmp_path / "m")
    assert np.array_equal(punar.load(tmp_path / "m").predict_proba(odd), proba)
    assert "holds the words of the texts" in (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert not hasattr(fitted, "n_features_in_")


def test_recordings_of_two_pitches_are_told_apart(tmp_path):
    from scipy.io import wavfile

    rng = np.random.default_rng(0)
    paths, y = [], np.arange(24) % 2
    for i, label in enumerate(y):
        t = np.arange(int(8000 * rng.uniform(0.1, 0.3))) / 8000
        wave = np.sin(2 * np.pi * (400 if label else 900) * t) * rng.uniform(0.1, 0.9)
        paths.append(str(tmp_path / f"{i}.wav"))
        wavfile.write(paths[-1], 8000, np.int16(wave * 32767))
    fitted = model(epochs=10, n_mels=12).fit(paths, y)
    assert fitted.score(paths, y) == 1.0
    assert fitted.preparation_.rate == 8000
    with pytest.raises(errors.DataError, match="existing audio file"):
        fitted.predict([str(tmp_path / "none.wav")])


@pytest.mark.filterwarnings("ignore:.* (empty or white space|cut. the network)")
def test_one_dimensional_arrays_are_sounds_where_asked():
    rng = np.random.default_rng(0)
    X = [rng.uniform(-0.5, 0.5, 2000).astype(np.float32) for _ in range(8)]
    assert model(kind="sounds", n_mels=8).fit(X, np.arange(8) % 2).preparation_.width == 8
    assert model(max_length=20).fit(X, np.arange(8) % 2).preparation_.width == 1


# -- scikit-learn --------------------------------------------------------------------------------------------


def test_cross_validation_and_search_on_ragged_lists_and_texts():
    X, y = ragged(120)
    scores = cross_val_score(model(epochs=15, hidden_size=12, learning_rate=0.02), X, y, cv=3)
    assert scores.mean() > 0.75
    search = GridSearchCV(model(Lstm(), epochs=2), {"cell__forget_bias": [0.0, 2.0], "hidden_size": [2, 4]}, cv=2)
    assert set(search.fit(X, y).best_params_) == {"cell__forget_bias", "hidden_size"}
    pytest.importorskip("tokenizers")
    texts = ["good film", "bad film", "fine good book", "awful bad book"] * 6
    assert cross_val_score(model(epochs=30), texts, [1, 0] * 12, cv=3).mean() > 0.9


def test_clone_pickle_tags_and_nested_parameters():
    X, y = ragged(20)
    one = model(Lstm(forget_bias=0.5), dropout=0.1)
    two = clone(one).set_params(cell__forget_bias=2.0)
    assert (one.cell.forget_bias, two.cell.forget_bias) == (0.5, 2.0)
    assert is_classifier(one)
    with pytest.raises(errors.ParameterTypeError, match="cell__forget_bias cannot be set because cell='lstm'"):
        model("lstm").set_params(cell__forget_bias=1.0)
    fitted = one.fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert one.__sklearn_tags__().target_tags.required


# -- stored and resumed --------------------------------------------------------------------------------------


class Stopped(Exception):
    pass


@pytest.mark.parametrize("stop", [3, 11])
def test_a_fit_that_was_stopped_goes_on_to_the_same_weights(tmp_path, monkeypatch, stop):
    X, y = ragged(50)
    settings = {"dropout": 0.2, "num_layers": 2, "batch_size": 8, "epochs": 4, "random_state": None}
    saves = []
    monkeypatch.setattr(Checkpoint, "due", lambda self: True)
    save = Checkpoint.save

    def stopping(self, *state):
        save(self, *state)
        saves.append(1)
        if len(saves) == stop:
            raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", stopping)
        with pytest.raises(Stopped):
            model(**settings).fit(X, y, checkpoint=tmp_path / "c")
    resumed = model(**settings).fit(X, y, checkpoint=tmp_path / "c")
    whole = model(**settings | {"random_state": resumed.seed_}).fit(X, y)
    assert same(weights(resumed), weights(whole))
    assert [h["train_loss"] for h in resumed.history_] == [h["train_loss"] for h in whole.history_]
    with pytest.raises(errors.CheckpointError, match="belongs to another job"):
        model(**settings).fit(X, 1 - y, checkpoint=tmp_path / "c")
    with pytest.raises(errors.CheckpointError, match="hidden_size"):
        model(**settings, hidden_size=7).fit(X, y, checkpoint=tmp_path / "c")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    X, y = ragged(12)
    folder = tmp_path_factory.mktemp("stored") / "m"
    punar.save(model().fit(X, y), folder)
    return folder


HOSTILE = [
    (("design", "hidden_size"), 10**9),
    (("design", "hidden_size"), "6"),
    (("design", "num_layers"), 10**6),
    (("design", "width"), 3),
    (("design", "outputs"), 3),
    (("design", "pooling"), "none"),
    (("design", "dropout"), 2.0),
    (("design", "tokens"), 100),
    (("design",), []),
    (("cell", "class"), "Module"),
    (("cell", "file"), "os"),
    (("cell", "folder"), "tasks"),
    (("input", "domain"), "vision"),
    (("input", "channels"), 5),
    (("input", "channels"), -2),
    (("input", "shift"), ["x", "y"]),
    (("input", "shift"), [1.0]),
    (("input", "scale"), [0.0, 1.0]),
    (("input", "missing"), "mask"),
    (("input",), None),
    (("task", "class"), "Regression"),
    (("task_state", "classes"), [0]),
    (("history",), "none"),
    (("report",), {}),
    (("seed",), None),
]


@pytest.mark.parametrize(("path", "value"), HOSTILE, ids=lambda v: str(v)[:40])
def test_hostile_folders_are_refused_by_one_exception(stored, tmp_path, path, value):
    import shutil

    folder = shutil.copytree(stored, tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    del config["sha256"]
    place = config["fitted"]
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(errors.ModelFolderError):
        punar.load(folder)


@pytest.mark.parametrize(
    ("cell", "domain", "hidden", "rate"),
    [("gru", "series", 64, 1e-2), ("rnn", "series", 64, 2e-3), ("rnn", "audio", 64, 4e-3), ("rnn", "text", 64, 2e-3)]
    + [("lstm", "audio", 256, 5e-3), ("rnn", "history", 16, 2e-3)],
)
def test_cells_without_gates_take_smaller_steps(cell, domain, hidden, rate):
    estimator = punar.SequenceModel(cell, hidden_size=hidden)
    assert _sequence_job.settings(
        estimator, Classification(), domain, member("cells", cell)()
    ).learning_rate == pytest.approx(rate)
    fixed = punar.SequenceModel(cell, learning_rate=0.5)
    assert _sequence_job.settings(fixed, Classification(), domain, member("cells", cell)()).learning_rate == 0.5
