"""What a model folder holds belongs together: hashes, and several processes that save and load at once."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import punar
from punar.core import files
from punar.errors import DamagedModelError, ModelFolderError
from punar.stored import read_folder, write_folder

FILES = ["config.json", "model.safetensors"]


@pytest.fixture(scope="module")
def fitted() -> list[Any]:
    X = np.random.default_rng(5).normal(size=(30, 3))
    return [punar.Autoencoder(latent_dim=2, epochs=1, random_state=seed).fit(X) for seed in (1, 2)]


@pytest.fixture
def folder(fitted: list[Any], tmp_path: Path) -> Path:
    return punar.save(fitted[0], tmp_path / "m")


def edit(folder: Path, change: Any) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    change(config)
    (folder / "config.json").write_text(json.dumps(config), "utf-8")


# --- hashes ---


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_save_is_refused(fitted, folder, tmp_path, name):
    other = punar.save(fitted[1], tmp_path / "other")
    shutil.copy(other / name, folder / name)
    # Whichever file was exchanged: the config says which tensors are its own.
    with pytest.raises(DamagedModelError, match=r"model\.safetensors is not as it was saved: its SHA-256 must be"):
        punar.load(folder)


def test_a_config_changed_by_hand_is_refused_and_accepted_without_its_hashes(fitted, folder):
    edit(folder, lambda c: c["estimator"]["params"].update(patience=7))
    with pytest.raises(DamagedModelError, match=r"config\.json is not as it was saved.*delete the key 'sha256'"):
        punar.load(folder)
    edit(folder, lambda c: c.pop("sha256"))
    assert punar.load(folder).patience == 7


def test_spaces_and_the_order_of_keys_are_no_change(fitted, folder):
    path = folder / "config.json"
    config = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(dict(reversed(config.items())), indent=7), "utf-8")
    assert "sha256" not in read_folder(folder)[0]
    assert punar.load(folder).seed_ == fitted[0].seed_


@pytest.mark.parametrize(
    "seal", [{}, [], "abc", None, {"config.json": 3}, {"model.safetensors": "0" * 64}, {"config.json": "0" * 64}]
)
def test_hashes_that_are_none_are_refused(folder, seal):
    edit(folder, lambda c: c.update(sha256=seal))
    with pytest.raises(DamagedModelError):
        punar.load(folder)


def test_a_changed_hash_of_the_tensors_blames_the_config(folder):
    edit(folder, lambda c: c["sha256"].update({"model.safetensors": "0" * 64}))
    with pytest.raises(DamagedModelError, match=r"config\.json is not as it was saved"):
        punar.load(folder)


# --- what the form alone can tell, in folders without hashes ---


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_refused(folder, value):
    edit(folder, lambda c: c.pop("sha256"))
    tensors = load_file(folder / "model.safetensors")
    name = next(n for n in tensors if n.startswith("module.encoder.") and n.endswith("weight"))
    tensors[name].view(-1)[-1] = value
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(DamagedModelError, match=f"weights must be finite, found .*{name.removeprefix('module.')}"):
        punar.load(folder)
    with pytest.raises(punar.errors.PunarError, match="weights must be finite"):
        punar.FeatureExtractor(str(folder)).fit()


def test_a_model_whose_weights_are_not_finite_is_not_saved(tmp_path):
    model = punar.Autoencoder(latent_dim=1, epochs=1, random_state=0).fit(np.random.default_rng(0).normal(size=(20, 2)))
    with torch.no_grad():
        next(model.module_.parameters()).fill_(float("nan"))
    with pytest.raises(ModelFolderError, match="weights must be finite"):
        punar.save(model, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_tensors_that_belong_to_nothing_are_refused(folder):
    edit(folder, lambda c: c.pop("sha256"))
    for name in ("extra", "scaler.more", "tokenizer"):
        save_file(load_file(folder / "model.safetensors") | {name: torch.zeros(3)}, folder / "other")
        held = shutil.copy(folder / "model.safetensors", folder.parent / "held")
        os.replace(folder / "other", folder / "model.safetensors")
        with pytest.raises(DamagedModelError, match=f"no others, found '{name}'"):
            punar.load(folder)
        shutil.copy(held, folder / "model.safetensors")
    assert punar.load(folder)


# --- several processes ---


def _save(folder: Path, which: int, times: int) -> None:
    for _ in range(times):
        write_folder(folder, {"which": which}, {"w": torch.full((300,), which), "v": torch.full((2,), which)}, "")


def _without_exchange(folder: Path, which: int, times: int) -> None:
    files.exchange = lambda one, other: False
    _save(folder, which, times)


@pytest.mark.parametrize("save", [_save, _without_exchange])
def test_savers_never_fail_and_loaders_never_see_a_mixture(tmp_path, save):
    folder, times = tmp_path / "m", 120
    _save(folder, 0, 1)
    context = multiprocessing.get_context("fork" if os.name == "posix" else "spawn")
    savers = [context.Process(target=save, args=(folder, which, times)) for which in (1, 2, 3)]
    for saver in savers:
        saver.start()
    seen: dict[int, int] = {}
    while any(saver.is_alive() for saver in savers):
        config, tensors = read_folder(folder)
        values = {config["which"], *tensors["w"].tolist(), *tensors["v"].tolist()}
        assert len(values) == 1, "a mixture"
        seen[config["which"]] = seen.get(config["which"], 0) + 1
    for saver in savers:
        saver.join()
    assert [saver.exitcode for saver in savers] == [0, 0, 0]
    assert len(seen) > 1, seen
    # Nobody's unfinished or old folders are left.
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_without_exchange_the_old_folder_is_found_where_it_stepped_aside(tmp_path, monkeypatch):
    folder = tmp_path / "m"
    _save(folder, 4, 1)
    os.rename(folder, tmp_path / ".m.punar-old")  # as versions before hashes were killed
    assert read_folder(folder)[0]["which"] == 4
    os.rename(tmp_path / ".m.punar-old", tmp_path / ".m.punar-old-12-34-abcd")
    assert read_folder(folder)[0]["which"] == 4
    monkeypatch.setattr(files, "exchange", lambda one, other: False)
    _save(folder, 5, 2)
    assert read_folder(folder)[0]["which"] == 5
