"""punar.save and punar.load: equal answers, and nothing hostile gets through."""

from __future__ import annotations

import copy
import json
import pickle
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file, save_file

import punar
from punar.errors import DamagedModelError, ModelFolderError, NewerFormatError, NotFittedError, UnknownPartError
from punar.networks.conv import Conv
from punar.networks.dense import Dense
from punar.objectives.reconstruction import Reconstruction
from punar.objectives.sparse import Sparse

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


class Shifted(Reconstruction):
    """An objective of a user's own."""


def table(n: int = 30) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, 5))


def test_the_golden_folder_gives_its_answers() -> None:
    answers = json.loads((GOLDEN / "autoencoder-1.json").read_text(encoding="utf-8"))
    model = punar.load(GOLDEN / "autoencoder-1")
    rows = pd.DataFrame(answers["rows"], columns=answers["columns"])
    np.testing.assert_allclose(model.transform(rows), answers["codes"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.reconstruct(rows), answers["reconstructions"], rtol=1e-4, atol=1e-5)
    assert model.objective.beta == 0.5
    assert model.feature_names_in_[0] == "बाह्यदल (cm)"
    assert "Learned" in str(model.fit_report_)


@pytest.mark.parametrize(
    "objective",
    ["reconstruction", "sparse", Sparse(penalty="topk"), "denoising", "variational", Reconstruction(loss="bernoulli")],
    ids=str,
)
def test_every_objective_comes_back_bit_equal(objective: Any, tmp_path: Path) -> None:
    X = table()
    ae = punar.Autoencoder(objective, epochs=2, random_state=0).fit(X)
    back = punar.load(punar.save(ae, tmp_path / "मॉडल"))
    np.testing.assert_array_equal(back.transform(X), ae.transform(X))
    np.testing.assert_array_equal(back.reconstruct(X), ae.reconstruct(X))
    assert back.score(X) == ae.score(X)
    assert back.history_ == ae.history_
    assert back.get_params()["latent_dim"] == 2
    back.fit(X)  # a loaded estimator can be fitted again


def test_pictures_come_back_too(tmp_path: Path) -> None:
    X = np.random.default_rng(0).integers(0, 256, (12, 7, 9, 3), dtype=np.uint8)
    ae = punar.Autoencoder(network=Conv(channels=(4,)), epochs=1, random_state=np.random.RandomState(3)).fit(X)
    back = punar.load(punar.save(ae, tmp_path / "m"))
    np.testing.assert_array_equal(back.reconstruct(X), ae.reconstruct(X))
    assert back.random_state == ae.seed_


def test_own_parts_are_named_by_the_caller_only(tmp_path: Path) -> None:
    ae = punar.Autoencoder(Shifted(), epochs=1, random_state=0).fit(table())
    punar.save(ae, tmp_path / "m")
    with pytest.raises(UnknownPartError, match=r"parts=\[Shifted\]"):
        punar.load(tmp_path / "m")
    back = punar.load(tmp_path / "m", parts=[Shifted])
    np.testing.assert_array_equal(back.transform(table()), ae.transform(table()))


def test_saving_needs_a_fitted_estimator(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match=r"Call 'fit' before punar\.save"):
        punar.save(punar.Autoencoder(), tmp_path / "m")
    with pytest.raises(punar.errors.ParameterTypeError, match="must be a fitted Autoencoder"):
        punar.save({"a": 1}, tmp_path / "m")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work")
    ae = punar.Autoencoder(epochs=1, random_state=0).fit(table())
    with pytest.raises(ModelFolderError):
        punar.save(ae, tmp_path / "full")
    assert (tmp_path / "full" / "thesis.tex").read_text() == "years of work"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ae = punar.Autoencoder(network=Dense(hidden=(4,)), epochs=1, random_state=0).fit(table())
    return punar.save(ae, tmp_path_factory.mktemp("good") / "m")


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    """A folder without hashes, as an older punar wrote it: what is wrong must show by itself."""
    copy = Path(shutil.copytree(good, tmp_path / "m"))
    config = json.loads((copy / "config.json").read_text())
    del config["sha256"]
    (copy / "config.json").write_text(json.dumps(config))
    return copy


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        place = config
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return change


def _drop(*path: Any) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        place = config
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return change


CODEC = ("fitted", "codec")
CHANGES: list[tuple[Callable[[dict[str, Any]], None], type[Exception]]] = [
    (_set("punar_format", to=99), NewerFormatError),
    (_set("estimator", "class", to="system"), UnknownPartError),
    (_set("estimator", "file", to="os"), UnknownPartError),
    (_set("estimator", "folder", to="../../tmp"), ModelFolderError),
    (_set("estimator", "file", to="folder"), ModelFolderError),
    (_set(*CODEC, "network", "file", to="subprocess"), UnknownPartError),
    (_set(*CODEC, "network", "class", to="Popen"), UnknownPartError),
    (_set(*CODEC, "network", "folder", to="objectives"), ModelFolderError),
    (_set(*CODEC, "network", "params", "hidden", to=[10**9]), ModelFolderError),
    (_set(*CODEC, "network", "params", "hidden", to="wide"), ModelFolderError),
    (_set(*CODEC, "network", "params", "spell", to=1), ModelFolderError),
    (_set(*CODEC, "latent_dim", to=10**12), DamagedModelError),
    (_set(*CODEC, "latent_dim", to=True), DamagedModelError),
    (_set(*CODEC, "latent_dim", to="2"), DamagedModelError),
    (_set(*CODEC, "latent_dim", to=3), DamagedModelError),
    (_set(*CODEC, "input", "shape", to=[10**10]), DamagedModelError),
    (_set(*CODEC, "input", "shape", to=[-5]), DamagedModelError),
    (_set(*CODEC, "input", "shape", to=[]), DamagedModelError),
    (_set(*CODEC, "input", "shape", to=5), DamagedModelError),
    (_set(*CODEC, "input", "kind", to="images"), DamagedModelError),
    (_set(*CODEC, "input", "kind", to=["table"]), DamagedModelError),
    (_set(*CODEC, "input", to=None), DamagedModelError),
    (_drop(*CODEC, "input"), DamagedModelError),
    (_drop(*CODEC), DamagedModelError),
    (_drop("fitted"), DamagedModelError),
    (_drop("estimator"), ModelFolderError),
    (_set("fitted", to=[]), DamagedModelError),
    (_set("fitted", "history", to=3), DamagedModelError),
    (_set("fitted", "report", to="fine"), DamagedModelError),
    (_set("fitted", "names", to=["a"]), DamagedModelError),
    (_set("fitted", "seed", to="x"), DamagedModelError),
    (_set("fitted", "report", to={}), DamagedModelError),
    (_set("fitted", "history", to="abc"), DamagedModelError),
    (_set("fitted", "names", to="abcde"), DamagedModelError),
]


@pytest.mark.parametrize(("change", "kind"), CHANGES, ids=range(len(CHANGES)))
def test_a_hostile_config_is_one_clear_error_and_runs_nothing(
    change: Callable[[dict[str, Any]], None], kind: type[Exception], folder: Path
) -> None:
    config = json.loads((folder / "config.json").read_text())
    before = copy.deepcopy(config)
    change(config)
    assert config != before
    (folder / "config.json").write_text(json.dumps(config))
    modules = set(sys.modules)
    with pytest.raises(kind) as caught:
        punar.load(folder)
    assert isinstance(caught.value, ModelFolderError)
    assert len(str(caught.value)) < 1000
    assert {m for m in set(sys.modules) - modules if not m.startswith("punar.")} == set()


def test_weights_of_another_shape_missing_or_not_finite(folder: Path) -> None:
    file = folder / "model.safetensors"
    tensors = load_file(file)
    for name in ("scaler.scale", "module.encoder.1.skip.weight", "module.decoder.2.weight"):
        if name in tensors:
            save_file({k: v for k, v in tensors.items() if k != name}, file)
            with pytest.raises(DamagedModelError):
                punar.load(folder)
    for name in [k for k in tensors if k.startswith("module.")][:3]:
        save_file(tensors | {name: tensors[name].flatten()[:-1].contiguous()}, file)
        with pytest.raises(DamagedModelError, match="must be"):
            punar.load(folder)
    save_file(tensors | {"scaler.scale": tensors["scaler.scale"] * 0}, file)
    with pytest.raises(DamagedModelError, match="scale > 0"):
        punar.load(folder)


class Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.target,))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_pickle_in_disguise_is_not_run(name: str, folder: Path, tmp_path: Path) -> None:
    (folder / name).write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    with pytest.raises(DamagedModelError):
        punar.load(folder)
    assert not (tmp_path / "ran").exists()


def test_a_header_of_ten_gigabytes_and_json_nested_without_end(folder: Path) -> None:
    file = folder / "model.safetensors"
    content = file.read_bytes()
    file.write_bytes(struct.pack("<Q", 10 * 2**30) + content[8:])
    with pytest.raises(DamagedModelError):
        punar.load(folder)
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(DamagedModelError):
        punar.load(folder)
    file.write_bytes(content)
    (folder / "config.json").write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(DamagedModelError):
        punar.load(folder)
