"""``warm_start=True``: a further fit goes on from the weights that there are, or says why it cannot."""

from __future__ import annotations

import numpy as np
import pytest

import punar
from punar.errors import CheckpointError, DataError, ParameterError
from punar.networks.dense import Dense

RNG = np.random.default_rng(5)
TABLE = RNG.normal(size=(260, 5)) @ RNG.normal(size=(5, 9))
Y = np.arange(60) % 2
SERIES = RNG.normal(size=(60, 12, 2)) + 0.5 * Y[:, None, None]


def autoencoder(**settings):
    return punar.Autoencoder(latent_dim=2, epochs=4, random_state=0, **settings)


def sequence_model(**settings):
    return punar.SequenceModel("gru", hidden_size=8, epochs=3, random_state=0, evidence="cheap", **settings)


def state_of(model):
    return {name: value.clone() for name, value in model.module_.state_dict().items()}


def test_a_warm_autoencoder_goes_on_where_the_first_fit_ended():
    warm = autoencoder(warm_start=True).fit(TABLE)
    anew = warm.history_[0]["valid_loss"]
    warm.set_params(learning_rate=1e-9).fit(TABLE)
    # The last weights of the first fit, seen again: at this rate nothing moves.
    assert warm.history_[0]["valid_loss"] == pytest.approx(warm.history_[-1]["valid_loss"], rel=1e-4)
    assert warm.history_[0]["valid_loss"] < 0.99 * anew
    assert "went on from the weights" in str(warm.fit_report_)


def test_without_it_a_second_fit_begins_anew_bit_for_bit():
    model = autoencoder()
    codes = model.fit(TABLE).transform(TABLE)
    assert np.array_equal(codes, model.fit(TABLE).transform(TABLE))


def test_the_first_scaling_stays_so_that_the_weights_mean_the_same():
    warm = autoencoder(warm_start=True).fit(TABLE)
    mean = warm._codec.scaler.mean.clone()
    warm.set_params(learning_rate=1e-12).fit(TABLE + 100.0)
    assert np.array_equal(warm._codec.scaler.mean, mean)


def test_a_warm_sequence_model_goes_on_and_keeps_preparation_and_classes():
    warm = sequence_model(warm_start=True).fit(SERIES, Y)
    before, shift = state_of(warm), warm.preparation_.shift
    warm.set_params(learning_rate=1e-12, weight_decay=0.0).fit(SERIES[:40] + 9.0, Y[:40])
    assert all(np.allclose(before[name], value, atol=1e-6) for name, value in state_of(warm).items())
    assert warm.preparation_.shift == shift
    # Some of the classes may be away, none may be new.
    warm.fit(SERIES[Y == 1], Y[Y == 1])
    assert list(warm.classes_) == [0, 1]
    with pytest.raises(DataError, match="not a class"):
        warm.fit(SERIES, Y + 1)


@pytest.mark.parametrize("y", [SERIES[:, 0, 0], np.stack([Y, 1 - Y], 1)])
def test_other_tasks_of_sequences_go_on_too(y):
    task = "regression" if y.ndim == 1 else "multilabel"
    warm = sequence_model(warm_start=True, task=task).fit(SERIES, y)
    first = warm.history_[-1]["train_loss"]
    assert warm.fit(SERIES, y).history_[0]["train_loss"] < 1.2 * first


def test_texts_keep_their_vocabulary():
    texts = ["red round", "blue square", "red square", "blue round"] * 8
    warm = sequence_model(warm_start=True).fit(texts, np.arange(32) % 2)
    vocabulary = warm.preparation_.facts()
    warm.fit(["green oval", "red round"] * 16, np.arange(32) % 2)
    assert warm.preparation_.facts() == vocabulary


def test_the_weights_of_the_fit_before_are_left_as_they_were():
    warm = autoencoder(warm_start=True).fit(TABLE)
    module, before = warm.module_, state_of(warm)
    warm.fit(TABLE)
    assert warm.module_ is not module
    assert all(np.array_equal(before[name], value) for name, value in module.state_dict().items())


def test_a_loaded_model_goes_on(tmp_path):
    punar.save(autoencoder(warm_start=True).fit(TABLE), tmp_path / "m")
    again = punar.load(tmp_path / "m")
    assert again.warm_start
    assert again.fit(TABLE).history_[0]["valid_loss"] < autoencoder().fit(TABLE).history_[0]["valid_loss"]


def test_a_verdict_says_nothing_for_rows_that_may_have_been_seen():
    warm = punar.Autoencoder(latent_dim=4, epochs=40, random_state=0, warm_start=True).fit(TABLE)
    assert warm.fit_report_["learned"] is True
    warm.fit(TABLE)
    assert warm.fit_report_["learned"] is None
    assert str(warm.fit_report_).startswith("Cannot tell")
    warm.fit(TABLE[:200], validation_data=TABLE[200:])
    assert warm.fit_report_["learned"] is True


def test_no_seed_holds_out_the_same_rows_again():
    warm = autoencoder(warm_start=True).set_params(random_state=None).fit(TABLE)
    seed = warm.seed_
    assert warm.fit(TABLE).seed_ == seed


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"latent_dim": 3}, "latent_dim was 2; now it is 3"),
        ({"objective": "sparse"}, "objective"),
        ({"network": Dense(hidden=(7,))}, "tensor"),
    ],
)
def test_another_autoencoder_is_refused(changed, word):
    warm = autoencoder(warm_start=True).fit(TABLE)
    codes = warm.transform(TABLE)
    with pytest.raises(ParameterError, match=word):
        warm.set_params(**changed).fit(TABLE)
    assert np.array_equal(codes, warm.transform(TABLE))  # the fit before survives


@pytest.mark.parametrize("changed", [{"hidden_size": 9}, {"cell": "lstm"}, {"num_layers": 2}, {"pooling": "mean"}])
def test_another_sequence_model_is_refused(changed):
    warm = sequence_model(warm_start=True).fit(SERIES, Y)
    with pytest.raises(ParameterError, match=r"warm_start=True goes on.*" + next(iter(changed))):
        warm.set_params(**changed).fit(SERIES, Y)


def test_forecasts_refuse_it():
    with pytest.raises(ParameterError, match="forecasting"):
        punar.SequenceModel("gru", task="forecasting", horizon=2, warm_start=True).fit(np.arange(80.0))


def test_where_a_fit_begins_is_part_of_a_checkpoints_identity(tmp_path):
    warm = autoencoder(warm_start=True).fit(TABLE, checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match="begins_with"):
        warm.fit(TABLE, checkpoint=tmp_path)
