"""What the questions over items share: paths, texts, pictures or recordings with labels, and models that predict."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.metrics import accuracy_score, r2_score

from punar import baselines
from punar.baselines.kinds import SIDE
from punar.comparison._item_fold import TIMED, ItemFold, Memory, as_input
from punar.comparison._item_reading import read_items
from punar.comparison._question import Candidate, Least, Metric, Question, Trial, check_predictor
from punar.comparison.budget import epochs_for
from punar.comparison.reading import Reading
from punar.errors import ParameterError, shown
from punar.estimators.transfer_learner import TransferLearner
from punar.inspection.catalogue import entries, weights_at
from punar.preparations.pictures import Pictures
from punar.texts import compare as texts

ACCURACY, R2 = "accuracy", "r2"

_EXAMPLES = 8
_EXAMPLE_SIDE = 48
# Training items times epochs: enough for thousands of items, and a minute or two for a few hundred.
_ROW_PASSES = 8_000
_FEWEST_EPOCHS, _MOST_EPOCHS = 4, 30


class ItemQuestion(Question):
    """Accuracy or R² of models that predict labels of items, beside chance and a cheap linear model."""

    reads: ClassVar[str] = "items"
    costs_shown: ClassVar[tuple[str, ...]] = (
        "fit_seconds",
        "refit_seconds",
        "latency_ms",
        "trained",
        "parameters",
        "peak_mb",
    )
    least: ClassVar[Least] = Least(epochs=2, rows=60)
    trial: ClassVar[Trial] = Trial(rows=32, remembers=True)
    trade: ClassVar[str | None] = "fit_seconds"

    def __init__(self, backbone: Any = None) -> None:
        super().__init__(backbone)
        self._memory: Memory | None = None

    def read(self, X: Any, y: Any, kind: str | None, name: str | None) -> Reading:
        """Return the items; each of them was opened once."""
        return read_items(X, y, kind, name)

    def check(self, name: str, estimator: Any) -> None:
        """Raise where a user's candidate is no object with fit and predict."""
        check_predictor(name, estimator)

    def metrics(self, data: Reading) -> list[Metric]:
        """Return accuracy, or R² for numbers."""
        if data.target == "classes":
            return [Metric(ACCURACY, texts.ACCURACY_LABEL, texts.ITEM_ACCURACY_HELP, texts.ACCURACY_BASELINE)]
        return [Metric(R2, texts.ITEM_R2_LABEL, texts.ITEM_R2_HELP, texts.R2_BASELINE)]

    def open_fold(self, data: Reading, train: np.ndarray, test: np.ndarray, seed: int, *, first: bool) -> ItemFold:
        """Return the items of both sides."""
        assert data.y is not None
        assert data.target is not None
        if self._memory is None:
            self._memory = Memory()
        sides = (data.X[train], data.X[test], data.y[train], data.y[test])
        return ItemFold(*sides, data.kind, data.target, self._memory, first, seed)

    def judge(self, fold: ItemFold, estimator: Any) -> dict[str, float | None]:
        """Return the score on the held-out items."""
        answers = fold.predict(estimator)
        if fold.target == "classes":
            return {ACCURACY: float(accuracy_score(fold.y_test, answers))}
        return {R2: float(r2_score(fold.y_test, answers))}

    def costs(self, fold: ItemFold, estimator: Any, measured: dict[str, float | None]) -> dict[str, float | None]:
        """Return the seconds under the name that says what was remembered, and what was trained."""
        seconds, micro = measured["fit_seconds"], measured["transform_us"]
        found = measured | {
            "fit_seconds": seconds if fold.first else None,
            "refit_seconds": None if fold.first else seconds,
            "latency_ms": None if micro is None else micro / 1000,
        }
        if hasattr(estimator, "module_"):
            every = list(estimator.module_.parameters())
            trained = sum(p.numel() for p in every if p.requires_grad)
            return found | {"trained": float(trained), "parameters": float(sum(p.numel() for p in every))}
        learned = baselines.coefficients(estimator)
        return found | {"trained": learned, "parameters": learned}

    def baselines(self, fold: ItemFold) -> dict[str, float]:
        """Return the score of the majority class, or the mean."""
        score = baselines.chance_score(fold.target, fold.y_train, fold.y_test)
        return {ACCURACY if fold.target == "classes" else R2: score}

    def show_fold(self, fold: ItemFold) -> dict[str, Any]:
        """Return example pictures, thinned to a size for the report, with their labels."""
        chosen = _examples(fold)
        truth = [self._name(value) for value in fold.y_test[chosen]]
        if fold.kind != "vision":
            return {"truth": truth}
        facts = Pictures(size=(_EXAMPLE_SIDE, _EXAMPLE_SIDE), crop=1.0, interpolation="bilinear", smallest=1)
        items = facts.check(as_input(fold.test[chosen]), "compare")
        return {"truth": truth, "pictures": [facts.prepare(i).permute(1, 2, 0).tolist() for i in items]}

    def show(self, fold: ItemFold, estimator: Any) -> dict[str, Any]:
        """Return answers for the examples, the history of losses and what the fit reports."""
        # All of them again, which the cache knows; a few alone would be computed in another size of batch.
        answers = fold.predict(estimator)[_examples(fold)]
        out: dict[str, Any] = {"answers": [self._name(value) for value in answers]}
        history = getattr(estimator, "history_", None)
        if isinstance(history, list) and history:
            out["losses"] = {k: [_plain(e.get(k)) for e in history] for k in ("train_loss", "valid_loss")}
        report = getattr(estimator, "fit_report_", None)
        return out | ({"fit_report": str(report.get("verdict", ""))} if isinstance(report, dict) else {})

    def close(self) -> None:
        """Delete the caches."""
        if self._memory is not None:
            self._memory.close()

    def yardsticks(self, data: Reading) -> list[Candidate]:
        """Return chance and the cheap linear model."""
        assert data.target is not None
        self._classes = list(data.classes)
        answer = texts.MAJORITY if data.target == "classes" else texts.MEAN_ANSWER
        return [
            Candidate(answer, baselines.chance(data.target), yardstick=True, chance=True),
            Candidate(texts.CHEAP[data.kind], baselines.linear_for(data.kind, data.target), yardstick=True),
        ]

    def how_cheap(self, data: Reading) -> str:
        """Return a sentence on the cheap linear model."""
        return texts.HOW_CHEAP[data.kind].format(side=SIDE)

    def learner(self, data: Reading, backbone: Any, n_train: int, device: str, **settings: Any) -> TransferLearner:
        """Return a transfer model for this data."""
        epochs = epochs_for(n_train, _ROW_PASSES, _FEWEST_EPOCHS, _MOST_EPOCHS)
        return TransferLearner(backbone, data.task, epochs=epochs, device=device, **settings)

    def _name(self, value: Any) -> str:
        classes: list[str] = getattr(self, "_classes", [])
        if classes:
            return classes[int(value)]
        return f"{float(value):.4g}"


def here(domain: str) -> list[str]:
    """Return the pretrained networks of a domain whose weights are on this machine."""
    return [e["name"] for e in entries() if e["domain"] == domain and weights_at(e) is not None]


def label_of(backbone: Any) -> str:
    """Return how to call a backbone in a table."""
    name = backbone if isinstance(backbone, str) else getattr(backbone, "name", type(backbone).__name__)
    return Path(str(name)).name or str(name)


def domain_of(backbone: Any, where: str) -> str:
    """Return what a backbone reads, without its weights."""
    from punar.backbones import resolve

    recipe = resolve(backbone, "default", where)
    about = recipe.describe()
    domain = about.get("input", {}).get("domain") or recipe.domain
    return str(domain)


def fits(backbone: Any, data: Reading) -> None:
    """Raise where a backbone does not read what the data is."""
    domain = domain_of(backbone, "compare")
    if domain != data.kind:
        raise ParameterError(
            f"compare: the backbone {shown(label_of(backbone))} reads {domain}, but {data.describe()}. Choose another: "
            f"punar.list_backbones(domain={data.kind!r})."
        )


def _examples(fold: ItemFold) -> np.ndarray:
    """Return up to eight held-out items, of different classes where there are any."""
    order = np.arange(len(fold.test))
    if fold.target == "classes":
        nth = np.zeros(len(order), dtype=np.int64)
        for label in np.unique(fold.y_test):
            nth[fold.y_test == label] = np.arange(int((fold.y_test == label).sum()))
        order = order[np.argsort(nth, kind="stable")]
    return order[:_EXAMPLES]


def _plain(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def words(of: dict[str, str]) -> dict[str, str]:
    """Return a question's words with the size of a timed batch in them."""
    return of | {"how_costs": of["how_costs"].format(batch=max(TIMED.values()))}
