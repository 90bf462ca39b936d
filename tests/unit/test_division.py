"""A person's own validation items, and groups that stay together: in every estimator that fits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score

import punar
from punar.data.splits import halves_of_groups, split, two_folds
from punar.errors import CheckpointError, DataError, DataTypeError, ParameterError
from punar.training.loop import Loop

RNG = np.random.default_rng(3)
Y = np.arange(48) % 2
SERIES = RNG.normal(size=(48, 9, 2)) + Y[:, None, None]
TABLE = RNG.normal(size=(90, 6)) @ RNG.normal(size=(6, 6))
PICTURES = (RNG.random((48, 8, 8)) * 0.3 + 0.6 * Y[:, None, None]).astype("float32")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[int], list[int]]]:
    """The training and validation rows of every loop that is run."""
    found: list[tuple[list[int], list[int]]] = []
    usual = Loop.train

    def train(loop: Loop) -> list[dict[str, float]]:
        valid = torch.cat(loop._valid_index).tolist()
        found.append((sorted(loop._train_index.tolist()), sorted(valid)))
        return usual(loop)

    monkeypatch.setattr(Loop, "train", train)
    return found


def sequence_model(**settings: object) -> punar.SequenceModel:
    return punar.SequenceModel("gru", hidden_size=8, epochs=2, random_state=0, **settings)


def tuned(**settings: object) -> punar.TransferLearner:
    return punar.TransferLearner("starter", cache=False, random_state=0, epochs=1, batch_size=24, **settings)


def autoencoder(**settings: object) -> punar.Autoencoder:
    return punar.Autoencoder(latent_dim=2, epochs=3, random_state=0, **settings)


# -- validation_data ------------------------------------------------------------------------------------------------


def test_sequence_model_validates_on_what_is_given_and_on_nothing_else(trained):
    model = sequence_model().fit(SERIES[:26], Y[:26], validation_data=(SERIES[26:], Y[26:]))
    assert trained == [(list(range(26)), list(range(26, 48)))]  # one fit: the verdict rests on the given items
    assert (model.fit_report_["rows"], model.fit_report_["rows_from"]) == (22, "held_out")


def test_scaling_is_learned_from_training_rows_alone():
    plain = sequence_model(scaling="standard", validation_fraction=0.0, evidence="cheap").fit(SERIES[:26], Y[:26])
    given = sequence_model(scaling="standard").fit(SERIES[:26], Y[:26], validation_data=(SERIES[26:] * 50, Y[26:]))
    assert np.allclose(plain.preparation_.scale, given.preparation_.scale)
    assert np.allclose(plain.preparation_.shift, given.preparation_.shift)


def test_fine_tuning_validates_on_what_is_given(trained):
    model = tuned(strategy="fine_tuning").fit(PICTURES[:24], Y[:24], validation_data=(PICTURES[24:], Y[24:]))
    assert trained == [(list(range(24)), list(range(24, 48)))]
    assert model.fit_report_["rows"] == 24


def test_a_head_learns_from_X_alone_and_is_judged_by_what_is_given():
    given = tuned().fit(PICTURES[:24], Y[:24], validation_data=(PICTURES[24:], Y[24:]))
    plain = tuned().fit(PICTURES[:24], Y[:24])
    assert np.array_equal(given.predict_proba(PICTURES), plain.predict_proba(PICTURES))
    assert (given.fit_report_["rows"], given.fit_report_["rows_from"]) == (24, "held_out")
    # The right answers turned round are a score of their own: these rows are what is measured.
    turned = tuned().fit(PICTURES[:24], Y[:24], validation_data=(PICTURES[24:], 1 - Y[24:]))
    assert turned.fit_report_["model"] == pytest.approx(1 - given.fit_report_["model"])


@pytest.mark.parametrize("as_pair", [True, False])
def test_an_autoencoder_takes_rows_with_or_without_targets(trained, as_pair):
    rows = TABLE[60:]
    model = autoencoder().fit(TABLE[:60], validation_data=(rows, None) if as_pair else rows)
    assert trained == [(list(range(60)), list(range(60, 90)))]
    assert model.fit_report_["rows"] == 30
    assert model.n_features_in_ == 6


def test_an_autoencoder_takes_sequences_pictures_and_datasets_to_validate_on():
    short = [s[: 4 + i % 5] for i, s in enumerate(SERIES)]
    series = punar.Autoencoder(network="gru", epochs=1, random_state=0).fit(short[:30], validation_data=short[30:])
    assert series.fit_report_["rows"] == 18
    pictures = punar.Autoencoder(network="conv", epochs=1, random_state=0)
    assert pictures.fit(PICTURES[:28], validation_data=PICTURES[28:]).fit_report_["rows"] == 20
    data = torch.utils.data.TensorDataset(torch.tensor(TABLE).float())
    assert autoencoder().fit(data, validation_data=data).fit_report_["rows"] == 90


def test_a_named_table_to_validate_on_keeps_the_names_of_the_fit():
    frame = pd.DataFrame(TABLE, columns=list("abcdef"))
    model = autoencoder().fit(frame[:60], validation_data=frame[60:])
    assert list(model.feature_names_in_) == list("abcdef")
    with pytest.raises(DataError, match="feature names"):
        autoencoder().fit(frame[:60], validation_data=frame[60:].rename(columns={"a": "z"}))


def test_a_long_table_of_series_validates_by_the_columns_of_the_fit():
    rows = [(i, t, *SERIES[i, t]) for i in range(48) for t in range(9)]
    frame = pd.DataFrame(rows, columns=["id", "t", "u", "v"])
    first, later = frame[frame.id < 28], frame[frame.id >= 28][["v", "u", "t", "id"]]
    targets = pd.Series(Y, index=range(48))
    settings = {"id_column": "id", "time_column": "t"}
    model = sequence_model(**settings).fit(first, targets[:28], validation_data=(later, targets[28:]))
    plain = sequence_model().fit(SERIES[:28], Y[:28], validation_data=(SERIES[28:], Y[28:]))
    assert model.fit_report_["rows"] == 20
    assert model.history_[-1]["valid_loss"] == plain.history_[-1]["valid_loss"]


@pytest.mark.parametrize(
    ("given", "error", "word"),
    [
        (SERIES[26:], DataTypeError, "tuple"),
        ((SERIES[26:], Y[20:]), DataError, "inconsistent"),
        ((SERIES[26:], Y[26:] + 5), DataError, "not a class"),
        ((SERIES[26:, :, :1], Y[26:]), DataError, "channel"),
        ((["a text"] * 22, Y[26:]), DataError, "texts"),
        ((SERIES[:0], Y[:0]), DataError, "0 sample"),
    ],
)
def test_errors_name_validation_data(given, error, word):
    with pytest.raises(error, match=rf"validation_data.*{word}"):
        sequence_model().fit(SERIES[:26], Y[:26], validation_data=given)


def test_an_autoencoder_refuses_other_shapes_and_longer_sequences_to_validate_on():
    with pytest.raises(DataError, match="validation_data"):
        autoencoder().fit(TABLE[:60], validation_data=TABLE[60:, :4])
    with pytest.raises(DataError, match=r"validation_data.*9 steps"):
        punar.Autoencoder(network="gru", epochs=1).fit(SERIES[:20, :5], validation_data=SERIES[20:])


def test_forecasts_say_what_to_do_instead():
    forecaster = punar.SequenceModel("gru", task="forecasting", horizon=2, epochs=1)
    with pytest.raises(ParameterError, match="validation_fraction"):
        forecaster.fit(np.arange(60.0), validation_data=np.arange(60.0))
    with pytest.raises(ParameterError, match="groups="):
        forecaster.fit(np.arange(60.0), groups=[1])


def test_both_at_once_are_refused():
    with pytest.raises(ParameterError, match="Pass one"):
        sequence_model().fit(SERIES, Y, validation_data=(SERIES, Y), groups=Y)


def test_what_is_validated_on_is_part_of_a_checkpoints_identity(tmp_path):
    sequence_model().fit(SERIES[:26], Y[:26], validation_data=(SERIES[26:], Y[26:]), checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match="another job"):
        sequence_model().fit(SERIES, Y, checkpoint=tmp_path)
    again = sequence_model().fit(SERIES[:26], Y[:26], validation_data=(SERIES[26:], Y[26:]), checkpoint=tmp_path)
    assert again.fit_report_["rows"] == 22


# -- groups -----------------------------------------------------------------------------------------------------------

GROUPS = np.array([f"person {i}" for i in range(12)])[np.arange(48) // 4]


@pytest.mark.parametrize("fraction", [0.1, 0.15, 0.3, 0.5])
def test_a_split_in_groups_keeps_them_whole_near_the_share_and_classes_in_training(fraction):
    groups = np.repeat(np.arange(20), np.random.default_rng(0).integers(1, 9, 20))
    classes = groups % 3  # a group is of one class
    train, valid = split(len(groups), fraction, 1, strata=classes, groups=groups)
    assert not set(groups[train]) & set(groups[valid])
    assert len(train) + len(valid) == len(groups)
    assert abs(len(valid) / len(groups) - fraction) < 0.1
    assert set(classes[train]) == {0, 1, 2}


def test_folds_and_halves_in_groups_keep_them_whole():
    number = np.unique(GROUPS, return_inverse=True)[1]
    for learn, ask in two_folds(48, 0, strata=Y, groups=number):
        assert not set(number[learn]) & set(number[ask])
    first, second = halves_of_groups(torch.arange(30), number)
    assert not set(number[first]) & set(number[second])
    assert halves_of_groups(torch.arange(4), number) is None


def test_groups_stay_together_in_every_loop_of_every_estimator(trained):
    sequence_model().fit(SERIES, Y, groups=GROUPS)
    autoencoder().fit(PICTURES.reshape(48, -1)[:, :6], groups=list(GROUPS))
    tuned(strategy="fine_tuning", validation_fraction=0.2).fit(PICTURES, Y, groups=pd.Series(GROUPS))
    assert len(trained) == 9  # each a fit and two to be judged by
    for train, valid in trained:
        assert valid
        assert not set(GROUPS[train]) & set(GROUPS[valid])


def test_a_head_is_judged_by_groups_that_it_was_not_fitted_on():
    # Each person's pictures are alike and their labels are chance: whoever knows the person knows the label.
    rng = np.random.default_rng(0)
    person = np.arange(96) // 4
    label = rng.integers(0, 2, 24)[person]
    faces = rng.random((24, 8, 8))[person] + rng.normal(0, 0.01, (96, 8, 8))
    X = np.clip(faces, 0, 1).astype("float32")
    alone, grouped = tuned().fit(X, label), tuned().fit(X, label, groups=person)
    assert alone.fit_report_["model"] > 0.9
    assert grouped.fit_report_["model"] < 0.75
    assert grouped.fit_report_["learned"] is not True


def test_answers_are_exchanged_in_whole_groups():
    from punar.tasks.classification import Classification
    from punar.training import evidence
    from punar.training.report import meter_of

    task = Classification()
    targets = task.learn(np.arange(40) % 2, "test")
    right = [torch.tensor([float(c == 0), float(c == 1)]) for c in targets.columns["y"]]
    wrong = task.constant(targets)
    one, other = meter_of(task, right, targets), meter_of(task, wrong, targets)
    assert evidence.lead(one, other, 40).better < 0.01
    assert evidence.lead(one, other, 40, groups=np.arange(40) // 20).better > 0.1  # two groups tell next to nothing


@pytest.mark.parametrize(
    ("groups", "word"),
    [
        (GROUPS[:40], r"\(48,\)"),
        (np.zeros(48), "2 different"),
        ([None, *GROUPS[1:]], r"groups\[0\] is missing"),
        (np.ones((48, 2)), "shape"),
    ],
)
def test_errors_name_groups(groups, word):
    with pytest.raises(DataError, match=word):
        sequence_model().fit(SERIES, Y, groups=groups)


def test_groups_of_scikit_learn_go_on_working():
    found = cross_val_score(sequence_model(evidence="cheap"), SERIES, Y, groups=GROUPS, cv=GroupKFold(2))
    search = GridSearchCV(sequence_model(evidence="cheap"), {"hidden_size": [4, 8]}, cv=GroupKFold(2))
    assert len(found) == 2
    assert search.fit(SERIES, Y, groups=GROUPS).best_params_["hidden_size"] in (4, 8)


def test_the_same_groups_under_other_names_divide_alike(trained):
    sequence_model(evidence="cheap").fit(SERIES, Y, groups=GROUPS)
    sequence_model(evidence="cheap").fit(SERIES, Y, groups=np.arange(48) // 4 * 10)
    assert trained[0] == trained[1]
