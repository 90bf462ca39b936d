"""Autoencoders of sequences: lengths, missing values, forms of input and output, and what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV

import punar
from punar.cells.lstm import Lstm
from punar.core import plugins
from punar.errors import DamagedModelError, DataError, DataTypeError, ParameterError, ParameterTypeError
from punar.networks.dense import Dense
from punar.networks.recurrent import Recurrent
from punar.objectives.denoising import Denoising
from punar.objectives.reconstruction import Reconstruction
from punar.objectives.sparse import Sparse
from punar.training import checkpoint as checkpoints
from punar.training.loop import Loop

CELLS = plugins.members("cells")


def waves(n: int = 40, *, shortest: int = 3, longest: int = 12, channels: int = 2, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    found = []
    for steps in [longest, *rng.integers(shortest, longest + 1, n - 1)]:
        speed, phase = rng.uniform(0.2, 0.8), rng.uniform(0, 6.28, channels)
        found.append(5.0 + 3.0 * np.sin(speed * np.arange(steps)[:, None] + phase))
    return found


def padded(items: list[np.ndarray], steps: int) -> np.ndarray:
    out = np.full((len(items), steps, items[0].shape[1]), np.nan)
    for row, item in zip(out, items, strict=True):
        row[: len(item)] = item
    return out


def model(objective: Any = "reconstruction", network: Any = None, latent_dim: int = 3, **settings: Any) -> Any:
    settings = {"epochs": 2, "batch_size": 8, "random_state": 0} | settings
    return punar.Autoencoder(objective, network or Recurrent("lstm", hidden_size=8), latent_dim, **settings)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "objective",
    [
        "reconstruction",
        Reconstruction(loss="bernoulli"),
        Sparse(penalty="topk", k=2),
        "denoising",
        Denoising("masking"),
        "variational",
    ],
    ids=str,
)
def test_every_objective_with_every_cell(objective: Any, cell: str) -> None:
    X = waves(20)
    ae = model(objective, Recurrent(cell, hidden_size=4), epochs=1).fit(X)
    codes, rows = ae.transform(X), ae.reconstruct(X)
    assert codes.shape == (20, 3)
    assert codes.dtype == np.float32
    assert [row.shape for row in rows] == [item.shape for item in X]
    assert all(np.isfinite(row).all() for row in rows)
    assert np.isfinite(ae.reconstruction_error(X)).all()
    assert np.isfinite(ae.score(X))
    assert ae.inverse_transform(codes).shape == (20, 12, 2)
    assert all(np.isfinite(entry["valid_loss"]) for entry in ae.history_)
    assert 0 < np.mean(np.concatenate(rows)) < 10, "in the input's units"


def test_a_cells_name_stands_for_a_network() -> None:
    X = waves(12)
    for network in ("lstm", Recurrent("lstm"), Recurrent(Lstm()), Recurrent(), "recurrent"):
        ae = model(network=network, epochs=1).fit(X)
        assert isinstance(ae.network_, Recurrent)
        assert isinstance(ae.network_.cell, Lstm)
    nested = model(network=Recurrent(Lstm())).set_params(network__cell__forget_bias=0.0, network__hidden_size=3)
    assert clone(nested).network.cell.forget_bias == 0.0
    assert nested.fit(X).module_.encoder.stack.hidden_size == 3
    with pytest.raises(ParameterTypeError, match=r"Recurrent\(cell='gru', hidden_size=...\)"):
        punar.Autoencoder(network="gru").set_params(network__hidden_size=3)
    with pytest.raises(ParameterError, match="Did you mean 'lstm'"):
        punar.Autoencoder(network="lsmt").fit(X)
    with pytest.raises(ParameterError, match="Did you mean 'lstm'"):
        punar.Autoencoder(network=Recurrent("lstmm")).fit(X)
    with pytest.raises(ParameterError, match=r"cell must be a cell object .* got <class"):
        punar.Autoencoder(network=Recurrent(Lstm)).fit(X)


@pytest.mark.parametrize("objective", ["denoising", "variational"])
def test_padding_changes_nothing(objective: str) -> None:
    X = waves()
    from_list = model(objective).fit(X)
    from_array = model(objective).fit(padded(X, 30))
    for a, b in zip(from_list.module_.state_dict().values(), from_array.module_.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert from_list.fit_report_ == from_array.fit_report_
    codes = from_list.transform(X)
    np.testing.assert_array_equal(codes, from_array.transform(padded(X, 17)))
    assert from_list.score(X) == from_list.score(padded(X, 17))
    np.testing.assert_array_equal(from_list.reconstruction_error(X), from_list.reconstruction_error(padded(X, 17)))


def test_ragged_equals_one_by_one() -> None:
    X = waves()
    ae = model("variational", Recurrent("lstm", 8, num_layers=2, bidirectional=True, layer_norm=True)).fit(X)
    alone = [(ae.transform([x])[0], ae.reconstruct([x])[0], ae.reconstruction_error([x])[0]) for x in X]
    codes, rows, errors = zip(*alone, strict=True)
    np.testing.assert_allclose(ae.transform(X), codes, atol=1e-5)
    np.testing.assert_allclose(ae.reconstruction_error(X), errors, rtol=1e-4)
    for a, b in zip(ae.reconstruct(X), rows, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    backwards = ae.transform(X[::-1])[::-1]
    np.testing.assert_allclose(backwards, codes, atol=1e-5)


def test_figures_are_what_their_formulas_say() -> None:
    X = waves()
    ae = model(validation_fraction=0, epochs=5).fit(X)
    rows = ae.reconstruct(X)
    errors = [((x - row) ** 2).mean() for x, row in zip(X, rows, strict=True)]
    np.testing.assert_allclose(ae.reconstruction_error(X), errors, rtol=1e-4)
    mean = np.nanmean(padded(X, 12), axis=0)
    squares = sum(((x - row) ** 2).sum() for x, row in zip(X, rows, strict=True))
    spread = sum(((x - mean[: len(x)]) ** 2).sum() for x in X)
    assert ae.score(X) == pytest.approx(1 - squares / spread, abs=1e-6)
    report = ae.fit_report_
    assert report["explained_variance"] == pytest.approx(ae.score(X), abs=0.3)  # of scaled rows
    total = sum(len(x) for x in X)
    assert report["share_filled_for_pca"] == pytest.approx(1 - total / (len(X) * 12))
    assert "were filled with the mean" in str(report)


def test_the_baseline_is_pca_and_the_mean_is_by_step() -> None:
    X = np.stack(waves(60, shortest=12))
    ae = model(validation_fraction=0, scaling="none", epochs=1, evidence="cheap").fit(X)
    pca = PCA(3).fit(X.reshape(60, -1)).explained_variance_ratio_.sum()
    assert ae.fit_report_["explained_variance_pca"] == pytest.approx(pca, abs=1e-3)
    assert ae.fit_report_["share_filled_for_pca"] == 0
    assert "filled" not in str(ae.fit_report_)
    by_hand = 1 - ((X - ae.reconstruct(X)) ** 2).sum() / ((X - X.mean(0)) ** 2).sum()
    assert ae.score(X) == pytest.approx(by_hand, abs=1e-6)


def test_a_fit_beats_the_untrained_network_and_says_so() -> None:
    X = waves(150, shortest=12, channels=1)
    ae = punar.Autoencoder(network=Recurrent("lstm", 16), latent_dim=3, epochs=40, batch_size=16, random_state=0).fit(X)
    report = ae.fit_report_
    assert report["learned"]
    assert report["explained_variance"] > max(0.5, report["explained_variance_untrained"] + 0.3)
    assert report["loss"] < report["loss_untrained"]
    assert "PCA with 3 components explains" in str(report)


def test_a_code_that_the_network_ignores_is_not_called_learning() -> None:
    # All sequences share one curve: per channel much varies, per step nothing but noise.
    rng = np.random.default_rng(0)
    X = np.sin(np.arange(12) / 2)[None, :, None] + 1e-3 * rng.normal(size=(40, 12, 1))
    with pytest.warns(punar.errors.DidNotLearnWarning):
        model(latent_dim=1).fit(X)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9])
def test_few_sequences_and_length_one(n: int) -> None:
    X = waves(n, shortest=1, longest=1)
    ae = model("variational").fit(X)
    assert ae.reconstruct(X)[0].shape == (1, 2)
    mixed = waves(n, shortest=1, longest=5)
    ae = model().fit(mixed)
    assert ae.transform(mixed).shape == (n, 3)
    assert ae.reconstruct([mixed[0][:1]])[0].shape == (1, 2)


def test_a_list_gives_a_list_and_an_array_an_array() -> None:
    X = waves()
    ae = model().fit(X)
    A = padded(X, 15)
    found = ae.reconstruct(A)
    assert found.shape == A.shape
    np.testing.assert_array_equal(np.isnan(found), np.isnan(A))
    for row, item in zip(found, ae.reconstruct(X), strict=True):
        np.testing.assert_array_equal(row[: len(item)], item)
    short = ae.reconstruct(A[:, :3])
    assert short.shape == (40, 3, 2)
    assert np.isfinite(short).all()
    whole = torch.tensor(A[:, :3], dtype=torch.float32)
    np.testing.assert_array_equal(ae.transform(whole), ae.transform(A[:, :3].astype(np.float32)))
    one = model().fit([x[:, 0] for x in X])
    assert [r.shape for r in one.reconstruct([x[:, 0] for x in X])] == [(len(x),) for x in X]
    flat = np.stack([x[:3, 0] for x in X])
    assert one.reconstruct(flat).shape == (40, 3)
    np.testing.assert_array_equal(one.transform(flat), one.transform(flat[:, :, None]))
    counts = np.random.default_rng(0).integers(0, 256, (20, 5, 3), dtype=np.uint8)
    assert model(epochs=1).fit(counts).reconstruct(counts).shape == (20, 5, 3)


def test_longer_sequences_have_codes_but_no_reconstruction() -> None:
    X = waves()
    ae = model("variational").fit(X)
    longer = waves(5, shortest=20, longest=40, seed=1)
    codes = ae.transform(longer)
    assert codes.shape == (5, 3)
    np.testing.assert_array_equal(codes, ae.encode(longer)[0])
    for call in (ae.reconstruct, ae.reconstruction_error, ae.score, ae.elbo, ae.log_likelihood):
        with pytest.raises(DataError, match=r"X\[1\] has 40 steps, but the decoder was fitted on at most 12"):
            call([X[0], *longer])


def test_missing_values_are_refused_or_masked() -> None:
    X = [x.copy() for x in waves(80, shortest=12, channels=1)]
    whole = [x.copy() for x in X]
    X[3][4, 0] = np.nan
    for form in (X, np.stack(X)):
        with pytest.raises(DataError, match=r"X\[3\] has nan at step 4, channel 0.*missing='mask'"):
            model().fit(form)
    rng = np.random.default_rng(0)
    for x in X:
        x[rng.random(12) < 0.2] = np.nan
    ae = model(network=Recurrent("lstm", 16), missing="mask", epochs=60, learning_rate=5e-3).fit(X)
    filled = ae.reconstruct(X)
    assert all(row.shape == x.shape and np.isfinite(row).all() for row, x in zip(filled, X, strict=True))
    missing = np.isnan(np.stack(X))
    error = (np.stack(filled) - np.stack(whole))[missing].var()
    mean = (np.nanmean(np.stack(X), axis=0) - np.stack(whole))[missing].var()
    assert error < 0.6 * mean, "values that no loss has seen are filled better than by the mean"
    with pytest.raises(DataError, match=r"X\[0\] has no value, only NaN"):
        ae.transform([np.full((4, 1), np.nan)])
    with pytest.raises(DataError, match="channel 1 has no value in any sequence"):
        model(missing="mask").fit([np.array([[1.0, np.nan], [2.0, np.nan]])] * 4)
    with pytest.raises(ParameterError, match="missing='mask' is for sequences"):
        punar.Autoencoder(missing="mask").fit(np.zeros((5, 3)))


BAD: list[tuple[Any, type[Exception], str]] = [
    ([], DataError, "0 sample"),
    (np.empty((0, 4, 2)), DataError, "0 sample"),
    ([np.zeros((3, 2)), np.zeros((0, 2))], DataError, r"X\[1\] has length 0"),
    ([np.zeros((3, 2)), np.zeros((3, 1))], DataError, r"X\[1\] has 1 channels, X\[0\] has 2"),
    ([np.zeros((3, 2)), np.full((3, 2), np.inf)], DataError, r"X\[1\] has inf at step 0, channel 0"),
    ([np.zeros((3, 2)), np.full((3, 2), np.nan)], DataError, r"X\[1\] has nan at step 0"),
    (np.full((4, 3, 2), np.nan), DataError, r"X\[0\] has nan at step 0"),
    (["a", "b"], DataTypeError, r"X\[0\] must be an array"),
    (np.zeros((4, 3, 2, 1)), DataError, r"got shape \(4, 3, 2, 1\)"),
    (pd.DataFrame({"id": [1, 1], "x": [1.0, 2.0]}), DataTypeError, "groupby"),
    (None, DataTypeError, "None"),
    (torch.utils.data.TensorDataset(torch.zeros(4, 3, 2)), DataError, "dataset is not read as sequences"),
]


@pytest.mark.parametrize(("X", "kind", "words"), BAD, ids=range(len(BAD)))
def test_bad_sequences_are_named(X: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        model().fit(X)


def test_what_does_not_go_together_is_named() -> None:
    X = np.zeros((6, 4, 2))
    with pytest.raises(ParameterError, match=r"kind='sequences' needs a recurrent network, got network=Dense"):
        punar.Autoencoder(network=Dense(), kind="sequences").fit(X)
    with pytest.raises(DataError, match=r"network='lstm' or 'gru' does"):
        punar.Autoencoder().fit(X)
    for kind in ("table", "images"):
        with pytest.raises(ParameterError, match="each row must be a sequence"):
            model(kind=kind).fit(X[:, 0] if kind == "table" else X)
    ae = model().fit(waves())
    with pytest.raises(DataError, match="X has 1 channels, but the model is expecting 2"):
        ae.transform([np.zeros((4, 1))])
    with pytest.raises(DataError, match="overflow float32"):
        ae.transform([np.full((4, 2), 1e300)])
    with pytest.raises(DataError, match="squares overflow"):
        model().fit([x * 1e200 for x in waves()])


@pytest.mark.parametrize("objective", ["variational", Reconstruction(loss="bernoulli")], ids=str)
def test_saved_and_loaded_answers_are_equal(objective: Any, tmp_path: Path) -> None:
    X = waves()
    ae = model(objective, Recurrent(Lstm(forget_bias=0.5), 8), missing="mask").fit(X)
    back = punar.load(punar.save(ae, tmp_path / "m"))
    assert back.network_.cell.forget_bias == 0.5
    assert back.get_params(deep=False)["missing"] == "mask"
    np.testing.assert_array_equal(back.transform(X), ae.transform(X))
    for a, b in zip(back.reconstruct(X), ae.reconstruct(X), strict=True):
        np.testing.assert_array_equal(a, b)
    assert back.score(X) == ae.score(X)
    assert back.fit_report_ == ae.fit_report_


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"kind": "sequences"', '"kind": "table"'),
        ('"shape": [\n          12,', '"shape": [\n          -12,'),
        ('"shape": [\n          12,', '"shape": [\n          100000000,'),
        ('"hidden_size": 8', '"hidden_size": 9'),
        ('"cell": {', '"dell": {'),
        ('"class": "Lstm"', '"class": "Gru"'),
        ('"folder": "cells"', '"folder": "tasks"'),
    ],
)
def test_a_damaged_folder_is_refused(old: str, new: str, tmp_path: Path) -> None:
    folder = punar.save(model(epochs=1).fit(waves(10)), tmp_path / "m")
    config = folder / "config.json"
    text = config.read_text(encoding="utf-8").replace('"sha256"', '"unchecked"')
    assert old in text
    config.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(punar.errors.ModelFolderError):
        punar.load(folder)


def test_a_folder_with_a_scaler_of_another_width_is_refused(tmp_path: Path) -> None:
    ae = model(epochs=1).fit(waves(10))
    ae._codec.scaler = ae._codec.scaler.__class__(
        ae._codec.scaler.shift[:1], ae._codec.scaler.scale, ae._codec.scaler.mean, "global"
    )
    with pytest.raises(DamagedModelError, match=r"scaler.shift must be float64 of shape \(2,\)"):
        punar.load(punar.save(ae, tmp_path / "m"))


class Killed(BaseException):
    pass


@pytest.mark.parametrize("at", [1, 4, 7])
def test_a_killed_fit_goes_on_to_the_same_weights(at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"objective": "denoising", "network": Recurrent("lstm", 6, num_layers=2, dropout=0.3)}
    whole = model(**settings).fit(waves())
    real, steps = Loop._run_step, 0

    def counted(self: Loop, order: torch.Tensor) -> None:
        nonlocal steps
        if steps == at:
            raise Killed
        steps += 1
        real(self, order)

    monkeypatch.setattr(checkpoints.Checkpoint, "due", lambda self: True)
    monkeypatch.setattr(Loop, "_run_step", counted)
    with pytest.raises(Killed):
        model(**settings).fit(waves(), checkpoint=tmp_path)
    monkeypatch.setattr(Loop, "_run_step", real)
    again = model(**settings).fit(waves(), checkpoint=tmp_path)
    for a, b in zip(whole.module_.state_dict().values(), again.module_.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    finished = model(**settings).fit(waves(), checkpoint=tmp_path)
    np.testing.assert_array_equal(finished.transform(waves()), whole.transform(waves()))
    assert finished.score(waves()) == whole.score(waves())


def test_batches_hold_sequences_of_about_one_length(monkeypatch: pytest.MonkeyPatch) -> None:
    X = waves(128, longest=40, channels=1)
    seen: list[int] = []
    losses = Reconstruction.losses

    def watched(self: Any, net: Any, batch: torch.Tensor, **further: Any) -> Any:
        if net.training:
            lengths = (~batch[:, :, 0].isnan()).sum(1)
            seen.append(int(lengths.max() - lengths.min()))
        return losses(self, net, batch, **further)

    monkeypatch.setattr(Reconstruction, "losses", watched)
    model(validation_fraction=0, evidence="cheap").fit(X)
    assert len(seen) == 32
    assert max(seen) < 10 < max(map(len, X)) - min(map(len, X))


def test_samples_and_bounds_of_sequences() -> None:
    X = waves()
    ae = model("variational", epochs=10).fit(X)
    assert ae.sample(4, random_state=0).shape == (4, 12, 2)
    bound, better = ae.elbo(X, n_samples=20), ae.log_likelihood(X, n_samples=100)
    assert bound.shape == (40,)
    assert bound.mean() < better.mean()
    np.testing.assert_allclose(ae.elbo(padded(X, 14), n_samples=20), bound, rtol=1e-3, atol=1e-3)


def test_grid_search_on_a_ragged_list() -> None:
    search = GridSearchCV(model(validation_fraction=0), {"latent_dim": [1, 2]}, cv=2).fit(waves(20))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    codes = model().set_output(transform="pandas").fit_transform(waves(20))
    assert list(codes.columns) == ["autoencoder0", "autoencoder1", "autoencoder2"]
