"""The Autoencoder at its edges: small n, bad input, units, reports."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import punar
from punar.errors import (
    DataError,
    DataTypeError,
    DidNotLearnError,
    DidNotLearnWarning,
    NotFittedError,
    NotSupportedError,
    ParameterError,
    ParameterTypeError,
    TrainingDivergedError,
)
from punar.objectives.reconstruction import Reconstruction
from punar.objectives.sparse import Sparse


def low_rank(n: int = 200, d: int = 6, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)) @ rng.normal(size=(2, d)) + 0.01 * rng.normal(size=(n, d))


@pytest.mark.parametrize("objective", ["reconstruction", "sparse", "denoising", "variational"])
@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 33])
def test_every_small_n_works(objective: str, n: int) -> None:
    X = low_rank(n)
    ae = punar.Autoencoder(objective, epochs=2, batch_size=16, random_state=0).fit(X)
    assert ae.transform(X).shape == (n, 2)
    assert np.isfinite(ae.reconstruct(X)).all()
    assert ae.reconstruction_error(X).shape == (n,)
    assert np.isfinite(ae.score(X))
    assert np.isfinite(ae.history_[-1]["train_loss"])


def test_fewer_rows_than_a_batch_still_learn() -> None:
    X = low_rank(20)
    ae = punar.Autoencoder(epochs=300, batch_size=128, validation_fraction=0, random_state=0).fit(X)
    assert ae.score(X) > 0.9
    assert ae.fit_report_["parameters_moved"] > 0.01


@pytest.mark.parametrize("n", [1, 2, 12])
def test_models_of_few_rows_can_be_saved(n: int, tmp_path: Path) -> None:
    X = low_rank(n)
    ae = punar.Autoencoder(epochs=2, random_state=0).fit(X)
    back = punar.load(punar.save(ae, tmp_path / "m"))
    np.testing.assert_array_equal(back.transform(X), ae.transform(X))
    assert back.fit_report_ == ae.fit_report_


@pytest.mark.parametrize("scale", [1e-3, 300.0, 1e6])
def test_data_of_any_range_just_works(scale: float) -> None:
    X = scale * (low_rank() + 5.0)
    for objective in ("reconstruction", Reconstruction(loss="bernoulli"), "variational"):
        ae = punar.Autoencoder(objective, epochs=150, random_state=0).fit(X)
        assert ae.score(X) > 0.8, objective
        assert abs(ae.reconstruct(X).mean() / X.mean() - 1) < 0.02


def test_a_large_offset_loses_no_precision() -> None:
    X = 1e8 + low_rank()
    ae = punar.Autoencoder(epochs=100, random_state=0).fit(X)
    assert ae.reconstruct(X).dtype == np.float64
    assert ae.score(X) > 0.9


def test_constant_columns_and_constant_data() -> None:
    X = low_rank()
    X[:, 2] = 7.0
    ae = punar.Autoencoder(scaling="standard", epochs=30, random_state=0).fit(X)
    assert np.abs(ae.reconstruct(X)[:, 2] - 7).max() < 0.5
    still = np.full((40, 3), 4.5)
    ae = punar.Autoencoder(epochs=2, random_state=0).fit(still)
    assert "do not vary" in str(ae.fit_report_)
    assert ae.score(still) in (0.0, 1.0)


def test_score_is_the_same_formula_for_pca() -> None:
    X = load_digits().data[:400]
    ae = punar.Autoencoder(latent_dim=8, epochs=3, validation_fraction=0, random_state=0).fit(X)
    by_hand = 1 - ((X - ae.reconstruct(X)) ** 2).sum() / ((X - X.mean(0)) ** 2).sum()
    assert ae.score(X) == pytest.approx(by_hand, abs=1e-6)
    pca = PCA(8).fit(X)
    share = 1 - ((X - pca.inverse_transform(pca.transform(X))) ** 2).sum() / ((X - X.mean(0)) ** 2).sum()
    assert share == pytest.approx(pca.explained_variance_ratio_.sum())
    errors = ((X - ae.reconstruct(X)) ** 2).mean(1)
    np.testing.assert_allclose(ae.reconstruction_error(X), errors, rtol=1e-4)


BAD_SETTINGS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"latent_dim": 0}, ParameterError, r"latent_dim must be an integer >= 1, got 0"),
    ({"latent_dim": 2.5}, ParameterTypeError, r"latent_dim must be an integer >= 1, got 2.5"),
    ({"objective": "reconstuction"}, ParameterError, r"Did you mean 'reconstruction'"),
    ({"objective": Reconstruction}, ParameterTypeError, r"pass Reconstruction\(\)"),
    ({"objective": Reconstruction(loss="mze")}, ParameterError, r"loss must be one of"),
    ({"objective": Sparse(penalty="topk", k=9)}, ParameterError, r"k .*9"),
    ({"network": "konv"}, ParameterError, r"Did you mean 'conv'"),
    ({"network": "conv"}, ParameterError, r"picture"),
    ({"network": 3}, ParameterTypeError, r"network must be a name"),
    ({"epochs": 0}, ParameterError, r"epochs must be an integer >= 1"),
    ({"batch_size": "big"}, ParameterError, r"batch_size"),
    ({"learning_rate": 0}, ParameterError, r"learning_rate must be a number > 0"),
    ({"learning_rate": float("nan")}, ParameterError, r"learning_rate"),
    ({"validation_fraction": 1.0}, ParameterError, r"validation_fraction must be a number in \[0, 1\)"),
    ({"optimizer": "adm"}, ParameterError, r"Did you mean 'adam'"),
    ({"device": "gpu7"}, ParameterError, r"device"),
    ({"random_state": -1}, ParameterError, r"random_state"),
    ({"scaling": "minmax"}, ParameterError, r"scaling must be one of"),
]


@pytest.mark.parametrize(("settings", "kind", "words"), BAD_SETTINGS, ids=lambda v: str(v)[:30])
def test_bad_settings_are_named(settings: dict[str, Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        punar.Autoencoder(**settings).fit(low_rank(30))


def _with(value: float) -> np.ndarray:
    X = low_rank(20)
    X[3, 4] = value
    return X


BAD_DATA: list[tuple[Any, type[Exception], str]] = [
    (_with(np.nan), DataError, r"row 3, column 4 \(nan\)"),
    (_with(np.inf), DataError, r"row 3, column 4 \(inf\)"),
    (np.empty((0, 4)), DataError, r"0 sample"),
    (np.empty((4, 0)), DataError, r"0 feature"),
    (np.ones(5), DataError, r"Reshape your data"),
    ([["a", "b"], ["c", "d"]], DataError, r"could not convert string"),
    (low_rank(5) * 1j, DataError, r"Complex data not supported"),
    (low_rank(20).reshape(5, 4, 6), DataError, r"kind='images'"),
    (np.zeros((2, 3, 4, 5, 6)), DataError, r"dim"),
    (None, DataError, r"None"),
    ("digits", DataError, r"digits"),
    (np.full((3, 4, 4), np.nan), DataError, r"kind='images'"),
    (np.full((3, 4, 4, 1), np.nan), DataError, r"first in picture 0"),
    (np.empty((0, 4, 4, 1)), DataError, r"0 sample"),
    (np.array([[[["x"]]]]), DataTypeError, r"must be numbers"),
]


@pytest.mark.parametrize(("X", "kind", "words"), BAD_DATA, ids=range(len(BAD_DATA)))
def test_bad_data_is_named(X: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        punar.Autoencoder(epochs=1).fit(X)


def test_wrong_width_at_transform_and_before_fit() -> None:
    ae = punar.Autoencoder(epochs=1, random_state=0)
    for call in (ae.transform, ae.reconstruct, ae.reconstruction_error, ae.score, ae.inverse_transform):
        with pytest.raises(NotFittedError, match="Call 'fit'"):
            call(low_rank())
    ae.fit(low_rank())
    with pytest.raises(DataError, match="X has 5 features, but Autoencoder is expecting 6"):
        ae.transform(low_rank(d=5))
    with pytest.raises(DataError, match="latent_dim=2 columns, got 3"):
        ae.inverse_transform(np.zeros((2, 3)))
    with pytest.raises(NotSupportedError, match="objective=Reconstruction has no sample"):
        ae.sample(3)
    pictures = punar.Autoencoder(epochs=1, random_state=0).fit(np.zeros((4, 5, 6), np.uint8))
    with pytest.raises(DataError, match=r"\(6, 5\).*\(5, 6\)"):
        pictures.transform(np.zeros((4, 6, 5), np.uint8))


@pytest.mark.parametrize("shape", [(12, 9, 7), (12, 9, 7, 3), (12, 1, 1)])
@pytest.mark.parametrize("network", ["dense", "conv"])
def test_pictures_come_back_in_their_own_shape_and_units(shape: tuple[int, ...], network: str) -> None:
    X = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    ae = punar.Autoencoder(network=network, epochs=1, random_state=0).fit(X)
    assert ae.transform(X).shape == (12, 2)
    assert ae.reconstruct(X).shape == ae.inverse_transform(ae.transform(X)).shape == shape
    assert 50 < ae.reconstruct(X).mean() < 200


def test_pictures_of_another_range_are_refused_instead_of_answered_wrongly() -> None:
    X = np.random.default_rng(0).integers(0, 256, (12, 5, 6), dtype=np.uint8)
    ae = punar.Autoencoder(epochs=1, random_state=0).fit(X)
    with pytest.raises(DataError, match=r"Pass the uint8 pictures, or X \* 255"):
        ae.transform(X / 255.0)
    np.testing.assert_allclose(ae.transform(X.astype(float)), ae.transform(X), atol=1e-5)
    ae.transform(np.zeros((2, 5, 6)))  # black is black in either range
    wide = punar.Autoencoder(epochs=1, kind="images", random_state=0).fit(X.astype(np.float32))
    assert wide.transform(X).shape == (12, 2)
    floats = punar.Autoencoder(epochs=1, kind="images", random_state=0).fit(X / 255.0)
    with pytest.raises(DataError, match=r"Pass X / 255.0"):
        floats.transform(X)


def test_random_state_fixes_everything_and_leaves_torch_alone() -> None:
    X = low_rank()
    state = torch.get_rng_state()
    one, two = (punar.Autoencoder("denoising", epochs=3, random_state=5).fit(X).transform(X) for _ in range(2))
    other = punar.Autoencoder("denoising", epochs=3, random_state=6).fit(X).transform(X)
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)
    assert torch.equal(state, torch.get_rng_state())


def test_pickle_and_two_transforms_agree() -> None:
    X = low_rank()
    ae = punar.Autoencoder("variational", epochs=2, random_state=0).fit(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(ae)).transform(X), ae.transform(X))
    np.testing.assert_array_equal(ae.transform(X), ae.transform(X))


def test_a_dataset_gives_what_the_same_rows_in_memory_give() -> None:
    X = low_rank().astype(np.float32)

    class Rows(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(X)

        def __getitem__(self, i: int) -> tuple[np.ndarray, int]:
            return X[i], 0

    a = punar.Autoencoder(epochs=4, random_state=0).fit(X)
    b = punar.Autoencoder(epochs=4, random_state=0).fit(Rows())
    np.testing.assert_allclose(a.transform(X), b.transform(Rows()), rtol=1e-4, atol=1e-5)
    assert b.fit_report_["rows"] == 20


def test_fit_report_holds_the_baselines_and_agrees_with_them() -> None:
    X = load_digits().data
    ae = punar.Autoencoder(latent_dim=8, epochs=15, validation_fraction=0, random_state=0).fit(X)
    report = ae.fit_report_
    assert report["rows_from"] == "training"
    assert report["rows"] >= 300
    assert report["explained_variance"] == pytest.approx(ae.score(X), abs=0.01)
    full = PCA(8).fit(X).explained_variance_ratio_.sum()
    assert report["explained_variance_pca"] == pytest.approx(full, abs=0.03)
    assert report["loss"] < report["loss_untrained"]
    assert report["explained_variance"] > report["explained_variance_untrained"]
    assert report["dead_units"] == 0
    assert report["distinct_codes"] == report["rows"]


def test_a_model_that_learns_nothing_says_so() -> None:
    X = np.random.default_rng(0).normal(size=(300, 20))
    settings = {"latent_dim": 1, "epochs": 1, "learning_rate": 1e-9, "random_state": 0}
    with pytest.warns(DidNotLearnWarning, match="Did not learn"):
        punar.Autoencoder(**settings).fit(X)
    with pytest.raises(DidNotLearnError):
        punar.Autoencoder(**settings, strict=True).fit(X)


def test_losing_to_pca_is_a_verdict_and_no_warning() -> None:
    X = low_rank(400, 30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ae = punar.Autoencoder(epochs=10, random_state=0).fit(X)
    assert "PCA reconstructs better" in str(ae.fit_report_)


def test_dead_units_are_counted() -> None:
    X = load_digits().data
    ae = punar.Autoencoder(Sparse(penalty="l1", weight=50.0), latent_dim=32, epochs=10, random_state=0).fit(X)
    assert ae.fit_report_["dead_units"] > 0
    assert "never change" in str(ae.fit_report_)


def test_divergence_is_named_with_the_next_step() -> None:
    with pytest.raises(TrainingDivergedError, match=r"Lower learning_rate"):
        punar.Autoencoder(optimizer="sgd", learning_rate=1e6, schedule="constant", epochs=50).fit(low_rank())


def test_early_stopping_keeps_the_best_epoch() -> None:
    X = np.random.default_rng(0).normal(size=(120, 10))
    ae = punar.Autoencoder(latent_dim=8, epochs=400, patience=5, schedule="constant", random_state=0, evidence="cheap")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DidNotLearnWarning)
        ae.fit(X)
    losses = [entry["valid_loss"] for entry in ae.history_]
    assert len(losses) < 400
    assert len(losses) - 1 - int(np.argmin(losses)) == 5
    assert ae.fit_report_["loss"] == pytest.approx(min(losses), rel=1e-5)


def test_large_integers_keep_their_precision() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([1_700_000_000 + rng.integers(0, 60, 200), rng.integers(0, 60, 200)])
    ae = punar.Autoencoder(epochs=60, random_state=0).fit(X)
    assert np.abs(ae.reconstruct(X) - X).max() < 5


def test_a_failed_fit_leaves_an_earlier_one_as_it_was() -> None:
    X = low_rank()
    ae = punar.Autoencoder(epochs=2, random_state=0).fit(X)
    codes, report = ae.transform(X), dict(ae.fit_report_)
    ae.set_params(optimizer="sgd", learning_rate=1e30, epochs=20)
    with pytest.raises(TrainingDivergedError):
        ae.fit(low_rank(d=4))
    np.testing.assert_array_equal(ae.transform(X), codes)
    assert ae.fit_report_ == report
    fresh = punar.Autoencoder(optimizer="sgd", learning_rate=1e30, epochs=20)
    with pytest.raises(TrainingDivergedError):
        fresh.fit(X)
    with pytest.raises(NotFittedError):
        fresh.transform(X)


def test_weights_that_explode_in_the_last_step_are_noticed() -> None:
    with pytest.raises(TrainingDivergedError, match=r"Lower learning_rate"):
        punar.Autoencoder(epochs=1, learning_rate=1e30, optimizer="sgd", random_state=0).fit(low_rank(8))


def test_names_of_an_earlier_fit_do_not_stay(tmp_path: Path) -> None:
    ae = punar.Autoencoder(epochs=1, random_state=0).fit(pd.DataFrame(low_rank(), columns=list("abcdef")))
    ae.fit(np.zeros((6, 5, 5), np.uint8) + np.arange(5, dtype=np.uint8))
    assert not hasattr(ae, "feature_names_in_")
    punar.load(punar.save(ae, tmp_path / "m"))


@pytest.mark.parametrize("scale", [1e20, 1e-25])
def test_float32_data_whose_squares_leave_float32(scale: float) -> None:
    X = (low_rank() * scale).astype(np.float32)
    assert punar.Autoencoder(epochs=100, random_state=0).fit(X).score(X) > 0.8


def test_values_beyond_reason_are_named() -> None:
    with pytest.raises(DataError, match="squares overflow, in column 0"):
        punar.Autoencoder(epochs=1).fit(low_rank() * 1e200)
    ae = punar.Autoencoder(epochs=1, random_state=0).fit(low_rank())
    with pytest.raises(DataError, match=r"transform: row 1 .* overflow float32"):
        ae.transform(np.array([[0.0] * 6, [1e300] * 6]))


def test_tiny_values_are_not_taken_for_binary() -> None:
    V = np.random.default_rng(0).random((200, 5)) * 1e-9
    ae = punar.Autoencoder("variational", epochs=5, random_state=0).fit(V)
    assert not ae.module_.objective.bernoulli
    B = np.random.default_rng(0).integers(0, 2, (200, 5))
    assert punar.Autoencoder("variational", epochs=1, random_state=0).fit(B).module_.objective.bernoulli


def test_a_report_on_few_rows_uses_the_training_rows() -> None:
    report = punar.Autoencoder(epochs=5, random_state=0).fit(low_rank(15)).fit_report_
    assert (report["rows_from"], report["rows"]) == ("training", 14)
    assert report["dead_units"] == 0


def test_the_callers_torch_settings_do_not_matter(tmp_path: Path) -> None:
    X = low_rank()
    wanted = punar.Autoencoder(epochs=2, random_state=0).fit(X)
    torch.set_default_dtype(torch.float64)
    try:
        found = punar.Autoencoder(epochs=2, random_state=0).fit(X)
        np.testing.assert_array_equal(found.transform(X), wanted.transform(X))
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.inference_mode():
        found = punar.Autoencoder(epochs=2, random_state=0, device=torch.device("cpu")).fit(X, checkpoint=tmp_path)
    np.testing.assert_array_equal(found.transform(X), wanted.transform(X))
    assert punar.load(punar.save(found, tmp_path / "m")).device == "cpu"


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda ae: ae.fit(torch.eye(4).to_sparse()), DataTypeError),
        (lambda ae: ae.sample(2, random_state="x"), ParameterTypeError),
        (lambda ae: ae.sample(0), ParameterError),
        (lambda ae: ae.sample(1.5), ParameterTypeError),
        (lambda ae: ae.fit(low_rank(), checkpoint=5), ParameterTypeError),
        (lambda ae: punar.save(punar.Autoencoder, "m"), ParameterTypeError),
        (lambda ae: punar.Autoencoder(learning_rate=10**400).fit(low_rank()), ParameterError),
    ],
    ids=range(7),
)
def test_users_mistakes_are_punars_errors(call: Any, kind: type[Exception]) -> None:
    ae = punar.Autoencoder("variational", epochs=1, random_state=0).fit(low_rank())
    with pytest.raises(kind):
        call(ae)


def test_tensors_of_any_kind_and_hasattr_of_a_typo() -> None:
    x = torch.tensor(low_rank(), requires_grad=True)
    ae = punar.Autoencoder(epochs=1, random_state=0).fit(x)
    assert ae.inverse_transform(torch.zeros(3, 2, requires_grad=True)).shape == (3, 6)
    punar.Autoencoder(epochs=1, random_state=0).fit(x.detach().bfloat16())
    assert not hasattr(punar.Autoencoder(objective="typo"), "sample")


def test_what_a_variational_autoencoder_adds() -> None:
    X = low_rank()
    vae = punar.Autoencoder("variational", epochs=20, random_state=0).fit(X)
    mean, deviation = vae.encode(X)
    np.testing.assert_array_equal(mean, vae.transform(X))
    assert deviation.shape == (200, 2)
    assert (deviation > 0).all()
    np.testing.assert_array_equal(vae.sample(5, random_state=1), vae.sample(5, random_state=1))
    assert vae.sample(5000, random_state=1).shape == (5000, 6)
    bound, better = vae.elbo(X, n_samples=20).mean(), vae.log_likelihood(X, n_samples=200).mean()
    assert bound < better
    untrained = punar.Autoencoder("variational", epochs=1, learning_rate=1e-9, random_state=0).fit(X)
    assert untrained.log_likelihood(X, n_samples=200).mean() < better - 1
