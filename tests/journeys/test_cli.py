"""The command line as a newcomer, a hurried user and an unlucky one meet it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import punar
from punar.cli import _writing, doctor
from punar.cli._reading import parse_size
from punar.cli.main import _explain, run
from punar.errors import ParameterError
from punar.texts import cli as texts

COMMANDS = (
    "compare",
    "data",
    "detect",
    "doctor",
    "fetch",
    "fit",
    "gates",
    "latent",
    "layers",
    "models",
    "predict",
    "reconstruct",
    "report",
    "transform",
)
QUICK = ("--epochs", "3", "--quiet")


@pytest.fixture(scope="module")
def flowers_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model fitted on named columns."""
    from punar.sources import builtin

    folder = tmp_path_factory.mktemp("models") / "flowers-model"
    X = builtin.load("iris").as_input()
    punar.save(punar.Autoencoder(latent_dim=2, epochs=30, random_state=0).fit(X), folder)
    return folder


@pytest.fixture
def flowers_csv(tmp_path: Path) -> Path:
    """The same flowers as a file, the columns in another order and with the species."""
    from punar.sources import builtin

    data = builtin.load("iris")
    frame = data.as_input()[list(data.columns)[::-1]]
    frame.insert(1, "species", data.labels())
    frame.to_csv(tmp_path / "flowers.csv", index=False)
    return tmp_path / "flowers.csv"


# -- how it starts


@pytest.mark.parametrize(
    "code",
    [
        "import punar",
        "from punar.cli.main import run\ntry:\n    run(['--help'])\nexcept SystemExit as stop:\n"
        "    assert not stop.code, stop.code",
        "from punar.cli.main import run\ntry:\n    run(['compare', '--help'])\nexcept SystemExit as stop:\n"
        "    assert not stop.code, stop.code",
    ],
    ids=["import punar", "punar --help", "punar compare --help"],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code: str) -> None:
    heavy = ("torch", "numpy", "pandas", "sklearn", "scipy", "matplotlib", "PIL", "rich")
    program = f"import sys\n{code}\nprint('LOADED', [m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_python_m_punar_is_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "punar", "--version"], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.strip() == punar.__version__


def test_help_lists_every_command(punar_says) -> None:
    answer = punar_says("--help")
    assert answer.status == 0
    assert [c for c in COMMANDS if re.search(rf"^  {c} +\w", answer.out, re.MULTILINE)] == list(COMMANDS)
    assert "Exit status" in answer.out


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_an_example(punar_says, command: str) -> None:
    answer = punar_says(command, "--help")
    assert answer.status == 0
    assert f"punar {command}" in answer.out.split("Example")[1]


def test_every_file_in_the_folder_is_a_command() -> None:
    folder = Path(_writing.__file__).parent
    files = {p.stem for p in folder.glob("*.py") if not p.stem.startswith("_")} - {"main"}
    assert files == set(COMMANDS)


# -- how it ends


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("compare", "irsi"), "Did you mean 'iris'?"),
        (("compare", "iris", "--question", "reducr"), "Did you mean 'reducer'?"),
        (("compare", "iris", "--report", "a.html", "--no-report"), "contradict"),
        (("compare", "iris", "--report", "a.csv"), "must end in .html"),
        (("compare", "iris", "--json", "nowhere/a.json"), "does not exist"),
        (("compare", "iris", "--size", "8"), "--size cannot be used with iris"),
        (("fit", "iris"), "--out"),
        (("fit", "iris", "--out", "m", "--objective", "sparce"), "Did you mean 'sparse'?"),
        (("fit", "iris", "--out", "m", "--latent-dim", "0"), "--latent-dim must be an integer >= 1"),
        (("fit", "iris", "--out", "m", "--epochs", "many"), "--epochs"),
        (("fit", "iris", "--out", "m", "--device", "tpu"), "device must be"),
        (("fit", "iris", "--out", "m", "--size", "big"), "32 or 24x32"),
        (("transform", "nowhere", "iris", "--out", "a.csv"), "does not exist"),
        (("transform", "m", "iris", "--out", "a.txt"), "must end in .csv"),
        (("reconstruct", "nowhere", "iris"), "does not exist"),
        (("data", "nowhere.csv"), "no such file"),
        (("dance",), "dance"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(punar_says, words: tuple[str, ...], said: str) -> None:
    answer = punar_says(*words)
    assert answer.status == 2
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    if answer.err.startswith("punar:"):
        assert answer.err.count("\n") == 1


def test_debug_shows_the_trace_wherever_it_stands(punar_says) -> None:
    for words in (("--debug", "data", "irsi"), ("data", "irsi", "--debug")):
        with pytest.raises(punar.errors.DataError, match="irsi"):
            run(words)


def test_the_status_says_whose_fault_it_is(
    punar_says, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from punar.sources import builtin

    for error, status, said in [
        (KeyboardInterrupt(), 130, "interrupted"),
        (ParameterError("a\nb"), 2, "punar: a b\n"),
        (OSError(28, "No space left on device"), 1, "No space left"),
        (MemoryError(), 1, "not enough memory"),
        (ZeroDivisionError("by zero"), 1, "unexpected ZeroDivisionError: by zero"),
    ]:

        def fail(name: str, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(builtin, "load", fail)
        answer = punar_says("data", "iris")
        assert answer.status == status
        assert said in answer.err
        assert "Traceback" not in answer.err
    assert _explain(ValueError("x.")) == 1
    assert "x. This is a fault" in capsys.readouterr().err


def test_warnings_are_one_line_each(punar_says, monkeypatch: pytest.MonkeyPatch) -> None:
    from punar.sources import builtin

    real = builtin.load

    def noisy(name: str) -> object:
        warnings.warn("mind\nthe gap", punar.errors.DidNotLearnWarning, stacklevel=1)
        return real(name)

    monkeypatch.setattr(builtin, "load", noisy)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        answer = punar_says("data", "iris")
    assert answer.err == "punar: warning: mind the gap\n"


def test_a_reader_that_stops_early_is_no_error(tmp_path: Path) -> None:
    shell = f'"{sys.executable}" -m punar data | head -n 1'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.strip() == texts.BUILTIN_HEAD
    assert done.stderr == ""


def test_a_terminal_without_devanagari_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "फूल.csv").write_text("लंबाई\n1\n2\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "punar", "data", "फूल.csv"],
        capture_output=True,
        cwd=tmp_path,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
    )
    assert b"\\u0932" in done.stdout


# -- data


def test_data_lists_the_built_in_sets(punar_says) -> None:
    answer = punar_says("data")
    assert answer.status == 0
    for name in ("breast-cancer", "diabetes", "digits", "iris", "seasonal", "wine"):
        assert f"\n{name} " in answer.out
    assert "Generated by a program" in answer.out


def test_data_describes_a_set(punar_says) -> None:
    out = punar_says("data", "iris").out
    assert "table of 150 rows and 4 columns" in out
    assert re.search(r"petal width \(cm\) +numbers +0 +0\.1 +1\.19933 +2\.5", out)
    assert "8 × 8" in punar_says("data", "digits").out


def test_data_describes_columns_of_any_kind_and_how_they_are_read(punar_says, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,when\n1,x,2020-01-01\n,y,2020-01-02\n")
    answer = punar_says("data", "a.csv")
    assert answer.status == 0
    assert re.search(r"a +numbers +1 +1 +1 +1", answer.out)
    assert re.search(r"b +text, 2 different +0", answer.out)
    assert "numbers, scaled: 'a' (1 missing)" in answer.out
    assert "(day of the year, day of the week, time of day): 'when'" in answer.out
    assert texts.CANNOT_USE not in answer.out


def test_data_describes_a_file_that_cannot_be_used_yet_and_says_why(punar_says, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,when\n1,x,2020-01-01\n")
    answer = punar_says("data", "a.csv")
    assert answer.status == 0
    assert re.search(r"a +numbers +0 +1 +1 +1", answer.out)
    assert f"{texts.CANNOT_USE} a.csv: no column of X tells its 1 rows apart" in answer.out


# -- fit, transform, reconstruct


def test_fit_transform_reconstruct(punar_says, tmp_path: Path) -> None:
    answer = punar_says("fit", "digits", "--out", "model", "--latent-dim", "8", *QUICK)
    assert answer.status == 0
    assert "PCA, same code size" in answer.out
    assert "punar reconstruct model digits" in answer.out
    assert punar.load(tmp_path / "model").latent_dim == 8

    assert punar_says("transform", "model", "digits", "--out", "codes.npy").status == 0
    from punar.sources import builtin

    X = builtin.load("digits").X
    assert np.array_equal(np.load("codes.npy"), punar.load("model").transform(X))

    answer = punar_says("reconstruct", "model", "digits", "--out", "again.npz")
    again = np.load("again.npz")
    assert again["X"].shape == X.shape
    mean = float(re.search(r"Mean reconstruction error: ([\d.e-]+)", answer.out)[1])
    assert mean == pytest.approx(float(np.mean((again["X"] - X) ** 2)), rel=1e-3)
    assert mean == pytest.approx(float(again["error"].mean()), rel=1e-5)
    share = float(re.search(r"variance explained: (-?[\d.]+)", answer.out)[1])
    assert share == pytest.approx(punar.load("model").score(X), abs=1e-4)

    assert punar_says("reconstruct", "model", "digits", "--out", "pictures").status == 0
    files = sorted(Path("pictures").iterdir())
    assert len(files) == len(X)
    with Image.open(files[3]) as picture:
        pixels = np.asarray(picture) / 255
    assert np.abs(pixels - np.clip(again["X"][3], 0, 1)).max() < 0.01
    assert punar_says("reconstruct", "model", "digits", "--out", "again.csv").status == 2


def test_columns_are_found_by_name(punar_says, flowers_model: Path, flowers_csv: Path) -> None:
    answer = punar_says("transform", str(flowers_model), "flowers.csv", "--out", "codes.csv")
    assert answer.status == 0
    assert "'species'" in answer.err
    codes = pd.read_csv("codes.csv")
    assert list(codes.columns) == ["autoencoder0", "autoencoder1"]
    from punar.sources import builtin

    direct = punar.load(flowers_model).transform(builtin.load("iris").as_input())
    np.testing.assert_allclose(codes, direct, rtol=1e-5)
    pd.read_csv(flowers_csv).drop(columns="petal width (cm)").to_csv("short.csv", index=False)
    answer = punar_says("transform", str(flowers_model), "short.csv", "--out", "c.csv")
    assert answer.status == 2
    assert "no column 'petal width (cm)'" in answer.err


def test_rows_that_are_left_out_leave_their_numbers(punar_says, flowers_model: Path, flowers_csv: Path) -> None:
    text = flowers_csv.read_text().splitlines()
    text[2] = text[2].replace(text[2].split(",")[0], "", 1)
    Path("holes.csv").write_text("\n".join(text[:5]) + "\n")
    words = ("reconstruct", str(flowers_model), "holes.csv", "--out", "again.csv")
    answer = punar_says(*words)
    assert answer.status == 2
    assert "line 3" in answer.err
    answer = punar_says(*words, "--skip-bad")
    assert answer.status == 0
    assert "1 of 4 rows" in answer.err
    again = pd.read_csv("again.csv")
    assert again["row"].tolist() == [0, 2, 3]
    assert list(again.columns)[1:] == list(punar.load(flowers_model).feature_names_in_)


def test_parquet_out(punar_says, flowers_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow", reason="parquet needs the extra 'table'")
    assert punar_says("transform", str(flowers_model), "iris", "--out", "codes.parquet").status == 0
    assert pd.read_parquet("codes.parquet").shape == (150, 2)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = punar_says("transform", str(flowers_model), "iris", "--out", "more.parquet")
    assert answer.status == 2
    assert "pip install 'punar[table]'" in answer.err


def test_pictures_from_folder_to_folder(punar_says, tmp_path: Path) -> None:
    source = tmp_path / "चित्र"
    for label in ("क", "ख"):
        (source / label).mkdir(parents=True)
        for i in range(15):
            pixels = np.random.default_rng(i).integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(source / label / f"{i}.png")
    assert punar_says("fit", "चित्र", "--out", "m", "--network", "conv", *QUICK).status == 0
    Image.new("RGB", (20, 30), "grey").save(source / "क" / "other.png")
    answer = punar_says("reconstruct", "m", "चित्र", "--out", "again")
    assert answer.status == 0
    assert "31 pictures of 8 × 8" in answer.out
    with Image.open("again/क/other.png") as picture:
        assert picture.size == (8, 8)
    answer = punar_says("transform", "m", "चित्र", "--out", "codes.csv")
    assert pd.read_csv("codes.csv")["file"][0] == str(Path("क") / "0.png")
    assert punar_says("transform", "m", "iris", "--out", "c.csv").status == 2


def test_nothing_is_replaced_without_being_asked(punar_says, flowers_model: Path, tmp_path: Path) -> None:
    model = str(flowers_model)
    (tmp_path / "codes.csv").write_text("precious")
    answer = punar_says("transform", model, "iris", "--out", "codes.csv")
    assert answer.status == 2
    assert "--force" in answer.err
    assert (tmp_path / "codes.csv").read_text() == "precious"
    assert punar_says("transform", model, "iris", "--out", "codes.csv", "--force").status == 0
    assert (tmp_path / "codes.csv").read_text().startswith("autoencoder0,")

    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("precious")
    for words in (("fit", "iris", "--out", "thesis"), ("fit", "iris", "--out", "thesis", "--force")):
        answer = punar_says(*words)
        assert answer.status == 2
        assert "not a model folder" in answer.err
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "precious"
    assert punar_says("reconstruct", model, "iris", "--out", "thesis").status == 2

    assert punar_says("fit", "iris", "--out", "m", *QUICK).status == 0
    before = (tmp_path / "m" / "model.safetensors").read_bytes()
    assert punar_says("fit", "iris", "--out", "m", "--seed", "1", *QUICK).status == 2
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == before
    assert punar_says("fit", "iris", "--out", "m", "--seed", "1", "--force", *QUICK).status == 0
    assert (tmp_path / "m" / "model.safetensors").read_bytes() != before


def test_a_failed_write_leaves_nothing_behind(
    punar_says, flowers_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "codes.csv").write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    answer = punar_says("transform", str(flowers_model), "iris", "--out", "codes.csv", "--force")
    assert answer.status == 1
    assert "No space left" in answer.err
    assert [p.name for p in tmp_path.iterdir()] == ["codes.csv"]
    assert (tmp_path / "codes.csv").read_text() == "old"


def test_the_same_fit_again_goes_on_from_the_checkpoint(punar_says) -> None:
    words = ("fit", "iris", "--checkpoint", "run", "--epochs", "3", "--quiet")
    assert punar_says(*words, "--out", "one").status == 0
    assert any(Path("run").iterdir())
    assert punar_says(*words, "--out", "two").status == 0
    tensors = [Path(folder, "model.safetensors").read_bytes() for folder in ("one", "two")]
    assert tensors[0] == tensors[1]
    answer = punar_says(*words, "--out", "three", "--seed", "5")
    assert answer.status == 2
    assert "random_state" in answer.err


@pytest.mark.parametrize(("text", "size"), [("32", 32), ("24x32", (24, 32)), ("24 X 32", (24, 32))])
def test_sizes(text: str, size: object) -> None:
    assert parse_size(text) == size


# -- compare and doctor


def test_compare_writes_a_report_and_the_figures(punar_says, tmp_path: Path) -> None:
    rows = ["a b,c,d,kind"] + [f"{i % 7},{i % 5},{(i % 7) * (i % 5)},{'xy'[i % 2]}" for i in range(40)]
    (tmp_path / "मेरा data.csv").write_text("\n".join(rows), encoding="utf-8")
    answer = punar_says(
        "compare", "मेरा data.csv", "--target", "kind", "--budget", "3s", "--folds", "2", "--json", "f.json"
    )
    assert answer.status == 0
    assert "PCA" in answer.out
    assert "2 classes (x, y)" in answer.err
    report = Path("punar-मेरा-data-report.html")
    assert report.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html")
    assert str(report) in answer.out
    facts = json.loads(Path("f.json").read_text(encoding="utf-8"))
    assert facts["data"]["classes"] == ["x", "y"]


def test_doctor_finds_this_installation_well(punar_says) -> None:
    answer = punar_says("doctor")
    assert answer.status == 0
    assert re.search(r"ok +torch +\d", answer.out)
    assert re.search(r"ok +small fit +fitted, saved and loaded", answer.out)
    assert answer.out.rstrip().endswith(texts.DOCTOR_ALL_WELL)


def test_doctor_says_what_is_broken(punar_says, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PUNAR_CACHE_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setattr(punar, "save", lambda model, folder: 1 / 0, raising=False)
    answer = punar_says("doctor")
    assert answer.status == 1
    assert re.search(r"FAILED +PUNAR_CACHE_DIR .*nowhere is not writable", answer.out)
    assert re.search(r"FAILED +small fit +ZeroDivisionError", answer.out)
    assert "2 of the checks failed" in answer.out


def test_doctor_names_missing_extras_with_their_command(
    punar_says, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from importlib import metadata

    needs = ["torch>=2", "surely-not-here>=1; extra == 'vision'", 'numpy ; extra == "table"', "x; extra == 'dev'"]
    monkeypatch.setattr(metadata, "requires", lambda name: needs)
    doctor._extras()
    out = capsys.readouterr().out
    assert "extra vision           without surely-not-here; install: pip install 'punar[vision]'" in out
    assert re.search(r"ok +extra table +numpy", out)
    assert "dev" not in out
