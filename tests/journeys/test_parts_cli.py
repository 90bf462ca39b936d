"""A stranger's parts: a file outside the package defines a task, a preparation with a backbone, and a source."""

from __future__ import annotations

import importlib
import json
import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from sklearn.base import is_classifier, is_regressor
from sklearn.metrics import d2_tweedie_score

import punar
import punar.tasks
from punar.core.words import snake
from punar.errors import NotSupportedError, UnknownPartError

MINE = '''
"""Counts that follow a Poisson law, read from the letters of a text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import d2_tweedie_score
from torch import nn

from punar.extend import Backbone, FoundItems, LinearHead, Plan, Preparation, Source, Stage
from punar.tasks import VectorTask


class Jsonl(Source):
    """One object per line, with a text and perhaps a count."""

    suffixes = (".jsonl",)

    def read(self, path, request):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        counts = [row["count"] for row in rows] if "count" in rows[0] else None
        return FoundItems([row["text"] for row in rows], counts, kind="text")


@dataclass(frozen=True)
class LetterCounts(Preparation):
    """How often each of some letters is in a text."""

    letters: str = "abc"

    domain = "text"

    def check(self, X, where):
        return list(X)

    def content(self, item):
        return item.encode()

    def prepare(self, item):
        return torch.tensor([float(item.count(letter)) for letter in self.letters])

    def collate(self, prepared, bucket):
        return {"counts": torch.stack(list(prepared))}

    def blank(self, bucket):
        return torch.zeros(len(self.letters))


class Letters(Backbone):
    """The counts themselves."""

    domain = "text"

    @classmethod
    def has(cls, name):
        return name == "letters"

    @classmethod
    def names(cls):
        return ["letters"]

    def describe(self):
        return {"name": "letters", "made_by": "me", "licence": "mine", "input": LetterCounts("abc").facts()}

    def build(self, about):
        module = nn.Sequential(nn.Linear(3, 3, bias=False))
        nn.init.eye_(module[0].weight)
        return module

    def fill(self, module, about):
        return "none needed"

    def plan(self, module, about):
        return Plan(
            stages=(Stage("counts", ("0",)),),
            width=3,
            preparation=LetterCounts.from_facts({k: v for k, v in about["input"].items() if k == "letters"}),
            forward=lambda net, batch: net(batch["counts"]),
            pool=lambda output, batch: output,
            export=(),
        )


class WeighWords(VectorTask):
    """How many? A Poisson regression with a logarithmic link."""

    estimator_type = "regressor"
    loss_name = "poisson"
    metric = "d2_poisson"
    target_form = "amounts"
    outputs = 1

    def learn_rows(self, y, where):
        return torch.as_tensor(np.asarray(y, dtype=np.float32)).reshape(-1, 1)

    encode_rows = learn_rows

    def state(self):
        return {}

    def restore(self, state):
        pass

    def loss(self, raw, target, weight):
        each = (raw.exp() - target * raw).mean(1)
        return each.mean() if weight is None else (each * weight).sum() / weight.sum()

    def fit_head(self, features, target, weight, seed):
        head = PoissonRegressor(alpha=1e-3, max_iter=1000).fit(features, target.numpy()[:, 0], weight)
        return LinearHead(head.coef_[None].astype(np.float32), np.float32([head.intercept_]), {})

    def decode(self, raw):
        return raw.double().exp().cpu().numpy()[:, 0]

    def measure(self, raw, target):
        return self.score(target.cpu().numpy()[:, 0], self.decode(raw))

    def constant_row(self, target):
        return target.mean(0, keepdim=True).log()

    def itself_rows(self, raw):
        return raw.exp()

    def score(self, y, predictions, sample_weight=None):
        return float(d2_tweedie_score(np.asarray(y, float), predictions, sample_weight=sample_weight, power=1))
'''
REGRESSOR = '''
import numpy as np

from punar.tasks.regression import Regression


class LogAmounts(Regression):
    """Positive numbers, learned as their logarithms."""

    def learn_rows(self, y, where):
        return super().learn_rows(np.log(np.asarray(y, float)), where)

    def encode_rows(self, y, where):
        return super().encode_rows(np.log(np.asarray(y, float)), where)

    def decode(self, raw):
        return np.exp(super().decode(raw))
'''
FIT = ("fit", "data.jsonl", "--parts", "mine.py", "--task", "weigh_words", "--backbone", "letters", "--quiet")


@pytest.fixture
def texts() -> tuple[list[str], np.ndarray]:
    """Texts whose letters say the mean of a count: exp(0.4 a - 0.2 b + 0.5)."""
    rng = np.random.default_rng(0)
    letters = ["".join(rng.choice(list("abcx"), size=rng.integers(2, 9))) for _ in range(300)]
    mean = np.exp([0.4 * text.count("a") - 0.2 * text.count("b") + 0.5 for text in letters])
    return letters, rng.poisson(mean)


@pytest.fixture
def written(tmp_path: Path, texts: tuple[list[str], np.ndarray]) -> Path:
    rows = [json.dumps({"text": text, "count": int(count)}) for text, count in zip(*texts, strict=True)]
    (tmp_path / "data.jsonl").write_text("\n".join(rows[:250]), encoding="utf-8")
    (tmp_path / "test.jsonl").write_text("\n".join(rows[250:]), encoding="utf-8")
    bare = [json.dumps({"text": text}) for text in texts[0][250:]]
    (tmp_path / "new.jsonl").write_text("\n".join(bare), encoding="utf-8")
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    return tmp_path


@pytest.fixture
def mine(written: Path) -> ModuleType:
    return imported(written / "mine.py", "mine_of_a_stranger")


def imported(file: Path, name: str) -> ModuleType:
    spec = spec_from_file_location(name, file)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


# -- in Python


def test_a_strangers_parts_are_fitted_saved_and_loaded(mine: ModuleType, texts, tmp_path: Path) -> None:
    X, y = texts
    model = punar.TransferLearner(mine.Letters("letters"), mine.WeighWords(), cache=False, random_state=0)
    model.fit(X[:250], y[:250])
    assert is_regressor(model)
    assert not hasattr(model, "predict_proba")
    # The law is known: the head finds its coefficients, and no model explains all of a Poisson variable.
    np.testing.assert_allclose(model.module_.head.weight[0].detach(), [0.4, -0.2, 0.0], atol=0.1)
    assert model.fit_report_["learned"]
    found = model.predict(X[250:])
    assert model.score(X[250:], y[250:]) == pytest.approx(d2_tweedie_score(y[250:], found, power=1))
    assert model.score(X[250:], y[250:]) > 0.3

    folder = punar.save(model, tmp_path / "m")
    again = punar.load(folder, parts=[mine.Letters, mine.LetterCounts, mine.WeighWords])
    np.testing.assert_array_equal(again.predict(X[250:]), found)
    with pytest.raises(UnknownPartError, match="parts="):
        punar.load(folder)


def test_a_strangers_task_is_fine_tuned(mine: ModuleType, texts) -> None:
    X, y = texts
    model = punar.TransferLearner(
        mine.Letters("letters"), mine.WeighWords(), strategy="fine_tuning", epochs=2, cache=False, random_state=0
    )
    model.fit(X[:250], y[:250])
    print(model.history_[0])
    assert model.score(X[250:], y[250:]) > 0.3


# -- from the command line


def test_fit_and_predict_with_a_file_of_parts(punar_says, written: Path, texts) -> None:
    answer = punar_says(*FIT, "--out", "m")
    assert answer.status == 0, answer.err
    assert "data: 250 texts" in answer.err
    assert "Learned: d2_poisson" in answer.out
    follow_up = re.search(r"Next: punar (.*)", answer.out)
    assert follow_up is not None
    assert follow_up[1] == "predict m data.jsonl --out preds.csv --parts mine.py"

    answer = punar_says("predict", "m", "test.jsonl", "--parts", "mine.py", "--out", "preds.csv")
    assert answer.status == 0, answer.err
    found = pd.read_csv("preds.csv")
    assert list(found.columns) == ["row", "prediction"]
    score = d2_tweedie_score(texts[1][250:], found["prediction"], power=1)
    assert f"d2_poisson on the labels of DATA: {score:.4f}" in answer.out

    answer = punar_says("predict", "m", "new.jsonl", "--parts", "mine.py")
    assert answer.status == 0, answer.err
    assert answer.out == Path("preds.csv").read_text(encoding="utf-8")

    answer = punar_says("transform", "m", "new.jsonl", "--parts", "mine.py", "--out", "f.npy")
    assert answer.status == 0, answer.err
    np.testing.assert_array_equal(np.load("f.npy")[:, 0], [text.count("a") for text in texts[0][250:]])


def test_parts_have_two_spellings_and_several_files(punar_says, written: Path) -> None:
    (written / "other.py").write_text(REGRESSOR, encoding="utf-8")
    words = ("--parts", "mine.py", "--parts", "other.py", "--task", "LogAmounts", "--backbone", "Letters", "--quiet")
    lines = [json.dumps({"text": "a" * (1 + i % 5), "count": 2.0 ** (i % 5)}) for i in range(40)]
    Path("powers.jsonl").write_text("\n".join(lines), encoding="utf-8")
    answer = punar_says("fit", "powers.jsonl", *words, "--out", "m")
    assert answer.status == 0, answer.err
    answer = punar_says("predict", "m", "powers.jsonl", "--parts", "other.py", "--parts", "mine.py")
    assert answer.status == 0, answer.err
    assert re.search(r"R² on the labels of DATA: (1\.0|0\.99)", answer.err)
    assert [round(float(line.split(",")[1])) for line in answer.out.splitlines()[1:6]] == [1, 2, 4, 8, 16]


def test_a_part_of_ones_own_in_an_autoencoder_and_a_sequence_model(punar_says, written: Path) -> None:
    Path("own.py").write_text(
        "from punar.cells.gru import Gru\nfrom punar.objectives.reconstruction import Reconstruction\n"
        "from punar.networks.dense import Dense\n\n\nclass MyCell(Gru):\n    pass\n\n\n"
        "class Closely(Reconstruction):\n    pass\n\n\nclass Plain(Dense):\n    pass\n",
        encoding="utf-8",
    )
    words = ("--parts", "own.py", "--epochs", "1", "--quiet")
    answer = punar_says("fit", "iris", "--objective", "closely", "--network", "plain", *words, "--out", "a")
    assert answer.status == 0, answer.err
    assert punar_says("reconstruct", "a", "iris", "--parts", "own.py").status == 0
    np.save("x.npy", np.random.default_rng(0).normal(size=(12, 5, 2)))
    for name in ("my_cell", "recurrent"):
        chosen = ("--network", name, "--hidden-size", "4")
        assert punar_says("fit", "x.npy", *chosen, *words, "--out", f"m-{name}").status == 0
    frame = pd.DataFrame({"id": np.arange(60) // 5, "x": np.arange(60) % 7, "label": np.arange(60) // 5 % 2})
    frame.to_csv("steps.csv", index=False)
    reading = ("--cell", "MyCell", "--id", "id", "--target", "label", "--hidden-size", "4")
    answer = punar_says("fit", "steps.csv", *reading, *words, "--out", "s")
    assert answer.status == 0, answer.err
    answer = punar_says("predict", "s", "steps.csv", "--target", "label")
    assert answer.status == 2
    assert "--parts FILE" in answer.err
    assert "MyCell" in answer.err
    assert punar_says("predict", "s", "steps.csv", "--parts", "own.py").status == 0


def test_compare_reads_a_source_of_ones_own(punar_says, written: Path) -> None:
    words = ("--question", "backbone", "--backbones", "letters", "--parts", "mine.py", "--folds", "2", "--no-report")
    answer = punar_says("compare", "data.jsonl", *words, "--budget", "20s", "--quiet")
    assert answer.status == 0, answer.err
    assert "letters" in answer.out
    answer = punar_says("compare", "data.jsonl", "--question", "backbone", "--backbones", "letters", "--no-report")
    assert answer.status == 2
    assert ".jsonl" in answer.err


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (None, r"mine2\.py: there is no such file"),
        ("x = 1\ny = x / 0\n", r"mine2\.py, line 2: ZeroDivisionError"),
        ("def f(:\n", r"mine2\.py, line 1: SyntaxError"),
        ("import nothing_of_this_name\n", r"mine2\.py, line 1: ModuleNotFoundError: No module named 'nothing_of"),
        ("def f():\n    raise KeyError('a')\n\n\nf()\n", r"mine2\.py, line 2: KeyError"),
        ("class A:\n    pass\n", r"mine2\.py: no part in it"),
        ("from punar.tasks.regression import Regression\n", r"mine2\.py: no part in it"),
        ("from punar.extend import Source\n\n\nclass Half(Source):\n    pass\n", r"mine2\.py: no part in it"),
        (MINE, r"a part called Jsonl is in another file too"),
    ],
)
def test_a_file_that_holds_no_parts_is_refused(punar_says, written: Path, source: str | None, said: str) -> None:
    if source is not None:
        Path("mine2.py").write_text(source, encoding="utf-8")
    answer = punar_says(*FIT, "--parts", "mine2.py", "--out", "m")
    assert answer.status == 2
    assert re.search(said, answer.err)
    assert "Traceback" not in answer.err
    assert not Path("m").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--task", "weigh_wods", "--backbone", "letters"), "Did you mean 'weigh_words'"),
        (("--task", "weigh_words", "--backbone", "lettrs"), "no source knows 'lettrs'"),
        (("--task", "weigh_words", "--cell", "gru"), "--id"),
    ],
)
def test_unknown_names_are_refused(punar_says, written: Path, words: tuple[str, ...], said: str) -> None:
    if "--cell" in words:
        Path("data.jsonl").unlink()
        pd.DataFrame({"a": [1, 2], "b": [3, 4]}).to_csv("table.csv", index=False)
        answer = punar_says("fit", "table.csv", "--parts", "mine.py", *words, "--out", "m")
    else:
        answer = punar_says("fit", "data.jsonl", "--parts", "mine.py", *words, "--out", "m")
    assert answer.status == 2
    assert said in answer.err


def test_nothing_is_imported_because_a_model_folder_says_so(punar_says, written: Path) -> None:
    assert punar_says(*FIT, "--out", "m").status == 0
    (written / "mine.py").write_text("raise SystemError('it was imported')\n", encoding="utf-8")
    answer = punar_says("predict", "m", "data.jsonl")
    assert answer.status == 2
    assert "it was imported" not in answer.err
    assert "--parts FILE" in answer.err


@pytest.mark.parametrize(
    ("name", "said"),
    [("WeighWords", "weigh_words"), ("GRUCell", "gru_cell"), ("Jsonl", "jsonl"), ("T5Like", "t5_like")],
)
def test_a_class_is_named_as_its_file_would_be(name: str, said: str) -> None:
    assert snake(name) == said


# -- a regressor of one's own


@pytest.fixture
def log_amounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The same class as an object from a file of one's own, and by name, from a file in the listing of tasks."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "log_amounts.py").write_text(REGRESSOR, encoding="utf-8")
    monkeypatch.setattr(punar, "__path__", [*punar.__path__, str(tmp_path)])
    monkeypatch.setattr(punar.tasks, "__path__", [*punar.tasks.__path__, str(tmp_path / "tasks")])
    monkeypatch.delitem(sys.modules, "punar.tasks.log_amounts", raising=False)
    importlib.invalidate_caches()
    yield imported(tmp_path / "tasks" / "log_amounts.py", "log_amounts_of_a_stranger")
    sys.modules.pop("punar.tasks.log_amounts", None)


@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize("estimator", ["TransferLearner", "SequenceModel"])
def test_a_regressor_of_ones_own_is_a_regressor(log_amounts: ModuleType, estimator: str, by_name: bool) -> None:
    task = "log_amounts" if by_name else log_amounts.LogAmounts()
    settings = {} if estimator == "TransferLearner" else {"epochs": 1, "hidden_size": 4}
    model = getattr(punar, estimator)(task=task, random_state=0, **settings)
    assert is_regressor(model)
    assert not is_classifier(model)
    assert model.__sklearn_tags__().estimator_type == "regressor"
    assert model.__sklearn_tags__().classifier_tags is None
    assert not hasattr(model, "predict_proba")
    rng = np.random.default_rng(0)
    X = rng.random((30, 8, 8)) if estimator == "TransferLearner" else rng.normal(size=(30, 6, 2))
    y = np.exp(rng.normal(size=30))
    model.fit(X, y)
    assert (model.predict(X) > 0).all()
    assert not hasattr(model, "classes_")
    with pytest.raises(AttributeError) as refused:
        model.predict_proba(X)
    assert isinstance(refused.value.__cause__, NotSupportedError)
