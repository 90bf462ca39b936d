"""Which recurrent cell suits your sequences: RNN, LSTM, GRU, or one that trains in parallel over time?"""

from __future__ import annotations

import json
import math
import pickle
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from punar.cells import _cell
from punar.comparison import _equal, _item_baselines, _sequence_baselines, protocol
from punar.comparison._question import Candidate, Least, Metric, Question, Trial
from punar.comparison._sequence_fold import SequenceFold
from punar.comparison._sequence_reading import KINDS, SequenceReading, read_sequences
from punar.comparison.reading import Reading
from punar.core.plugins import member, members
from punar.errors import ParameterError, ParameterTypeError, shown, suggest
from punar.estimators.sequence_model import SequenceModel
from punar.texts import compare as texts

ACCURACY, R2 = "accuracy", "r2"
EQUAL = ("width", "parameters")

_WIDTH = 64
_EMBEDDING, _BANDS = 64, 40
# The order of the table; further cells follow.
_ORDER = ("rnn", "gru", "lstm", "min_gru", "min_lstm")
# Training steps times epochs: a few minutes for all cells and folds, on two cores.
_STEP_PASSES = 1_000_000
_FEWEST_EPOCHS, _MOST_EPOCHS = 8, 200
_PATIENCE = 10
_BY_LENGTH = ("short", "middle", "long")


class Cell(Question):
    """Accuracy or R² of recurrent cells of one width, or of one number of parameters, on the same folds.

    Parameters
    ----------
    equal : {"width", "parameters"} or None
        None is "width".
    hidden_size : int or None
    id_column, time_column : str or None
    groups : array-like of shape (n,) or None

    References
    ----------
    Chung, Gulcehre, Cho and Bengio (2014). Empirical evaluation of gated recurrent neural networks on sequence
    modeling. arXiv:1412.3555.
    Greff, Srivastava, Koutník, Steunebrink and Schmidhuber (2017). LSTM: a search space odyssey. IEEE TNNLS 28.
    """

    reads: ClassVar[str] = "sequences"
    takes: ClassVar[tuple[str, ...]] = ("equal", "hidden_size", "id_column", "time_column", "groups")
    costs_shown: ClassVar[tuple[str, ...]] = (
        "gates",
        "hidden_size",
        "parameters",
        "model_kb",
        "fit_seconds",
        "step_us",
        "peak_mb",
    )
    least: ClassVar[Least] = Least(epochs=4, rows=100)
    trial: ClassVar[Trial] = Trial(rows=96, epochs=(1, 3), repeats=1)
    words: ClassVar[Mapping[str, str]] = texts.CELL_WORDS
    trade: ClassVar[str | None] = "fit_seconds"

    def __init__(
        self,
        equal: str | None = None,
        hidden_size: int | None = None,
        id_column: str | None = None,
        time_column: str | None = None,
        groups: Any = None,
    ) -> None:
        super().__init__()
        if equal is not None and equal not in EQUAL:
            raise ParameterError(
                f"compare: equal must be one of {', '.join(map(repr, EQUAL))}, got {shown(equal)}."
                f"{suggest(equal, EQUAL)}"
            )
        rule = "compare: hidden_size must be an integer >= 1"
        if hidden_size is not None and (isinstance(hidden_size, bool) or not isinstance(hidden_size, int)):
            raise ParameterTypeError(f"{rule}, got {shown(hidden_size)}.")
        if hidden_size is not None and hidden_size < 1:
            raise ParameterError(f"{rule}, got {hidden_size}.")
        self._asked = equal is not None or hidden_size is not None
        self.equal, self.hidden_size = equal or "width", hidden_size or _WIDTH
        self._reading = {"id_column": id_column, "time_column": time_column, "groups": groups}
        self._usual = False

    def read(self, X: Any, y: Any, kind: str | None, name: str | None) -> SequenceReading:
        """Return sequences with labels; each recording was opened once."""
        return read_sequences(X, y, kind, name, **self._reading)

    def folds_for(self, data: Reading, cv: object) -> tuple[int, list[str]] | None:
        """Return the usual number of folds, and not more than there are groups."""
        assert isinstance(data, SequenceReading)
        folds, notes = protocol.folds_for(data, cv)
        most = folds if data.groups is None else len(np.unique(data.groups))
        if most < folds:
            notes.append(texts.NOTE_FOLDS_GROUPS.format(asked=folds, folds=most))
        return min(folds, most), notes

    def splits(self, data: Reading, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]] | None:
        """Return splits that keep groups together, where there are groups."""
        assert isinstance(data, SequenceReading)
        if data.groups is None:
            return None
        kind = StratifiedGroupKFold if data.target == "classes" else GroupKFold
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")
            parts = kind(folds, shuffle=True, random_state=seed).split(np.zeros(len(data.X)), data.y, data.groups)
            return [(train, test) for train, test in parts]

    def how_split(self, data: Reading) -> str | None:
        """Return that groups were kept together."""
        assert isinstance(data, SequenceReading)
        return None if data.groups is None else texts.HOW_SPLITS_GROUPS

    def table_costs(self, data: Reading) -> tuple[str, ...]:
        """Return the costs, and the score by length where lengths differ."""
        assert isinstance(data, SequenceReading)
        return self.costs_shown + (_BY_LENGTH if data.cuts else ())

    def candidates(self, data: Reading, width: int | None, n_train: int, device: str) -> list[Candidate]:
        """Return one network per cell, the linear model, and chance."""
        assert isinstance(data, SequenceReading)
        self._usual = True
        epochs = epochs_for(n_train, float(data.lengths.mean()))
        own: dict[str, Any] = {
            "task": "classification" if data.target == "classes" else "regression",
            "kind": KINDS[data.kind],
            "missing": "mask" if data.missing else "refuse",
            "epochs": epochs,
            # On few sequences a validation loss jumps, and an epoch is a handful of steps.
            "patience": max(_PATIENCE, epochs // 4),
            "device": device,
        }
        names = [*_ORDER, *sorted(set(members("cells")) - set(_ORDER))]
        found = [
            Candidate(texts.CELLS.get(n, n), SequenceModel(n, hidden_size=self._size(n, data), **own))
            for n in names
            if n in members("cells")
        ]
        return [*self._others(data), *found]

    def given(self, candidates: Any, data: Reading, n_train: int, device: str) -> list[Candidate]:
        """Return the user's estimators, the linear model, and chance."""
        if self._asked:
            raise ParameterError(
                "compare: give either equal or hidden_size, for the usual cells, or candidates, not both."
            )
        return [*self._others(data), *super().given(candidates, data, n_train, device)]

    def check(self, name: str, estimator: Any) -> None:
        """Raise where a user's candidate is no object with fit and predict."""
        if isinstance(estimator, type):
            raise ParameterTypeError(
                f"compare: candidates[{name!r}] is the class {estimator.__name__}; pass an object: "
                f"{estimator.__name__}()."
            )
        missing = [m for m in ("fit", "predict", "get_params") if not hasattr(estimator, m)]
        if missing:
            raise ParameterTypeError(
                f"compare: candidates[{name!r}] must be an estimator with fit(X, y) and predict, got "
                f"{shown(estimator)}, which has no {missing[0]}."
            )

    def metrics(self, data: Reading) -> list[Metric]:
        """Return accuracy, or R² for numbers."""
        if data.target == "classes":
            return [Metric(ACCURACY, texts.ACCURACY_LABEL, texts.CELL_ACCURACY_HELP, texts.ACCURACY_BASELINE)]
        return [Metric(R2, texts.ITEM_R2_LABEL, texts.ITEM_R2_HELP, texts.R2_BASELINE)]

    def open_fold(self, data: Reading, train: np.ndarray, test: np.ndarray, seed: int, *, first: bool) -> SequenceFold:
        """Return the sequences of both sides."""
        assert isinstance(data, SequenceReading)
        assert data.y is not None
        assert data.target is not None
        sides = (data.X[train], data.X[test], data.y[train], data.y[test])
        return SequenceFold(*sides, data.lengths[test], data.target, data.cuts)

    def judge(self, fold: SequenceFold, estimator: Any) -> dict[str, float | None]:
        """Return the score on the held-out sequences; those by length are kept for the costs."""
        answers, classes = fold.predict(estimator), fold.target == "classes"
        fold.by_length = {name: _score(fold, answers, rows) for name, rows in fold.parts().items()}
        return {ACCURACY if classes else R2: _score(fold, answers, np.ones(len(answers), dtype=bool))}

    def costs(self, fold: SequenceFold, estimator: Any, measured: dict[str, float | None]) -> dict[str, float | None]:
        """Return what a cell costs: gates, width, parameters, size, and microseconds per step."""
        found = measured | fold.by_length | {"model_kb": _kilobytes(estimator)}
        if not isinstance(estimator, SequenceModel):
            learned = measured["parameters"] if hasattr(estimator, "module_") else None
            return found | {"parameters": learned or _item_baselines.coefficients(estimator)}
        micro = measured["transform_us"]
        return found | {
            "gates": float(type(estimator.cell_).gates),
            "hidden_size": float(estimator.hidden_size),
            "step_us": None if micro is None else micro * fold.timed / max(1, fold.steps),
        }

    def baselines(self, fold: SequenceFold) -> dict[str, float]:
        """Return the score of the answer that looks at no sequence."""
        constant = _item_baselines.chance(fold.target).fit(np.zeros((len(fold.y_train), 1)), fold.y_train)
        score = float(constant.score(np.zeros((len(fold.y_test), 1)), fold.y_test))
        return {ACCURACY if fold.target == "classes" else R2: score}

    def show_fold(self, fold: SequenceFold) -> dict[str, Any]:
        """Return nothing: sequences have no picture."""
        return {}

    def show(self, fold: SequenceFold, estimator: Any) -> dict[str, Any]:
        """Return the history of losses and what the fit reports."""
        out: dict[str, Any] = {}
        history = getattr(estimator, "history_", None)
        if isinstance(history, list) and history:
            out["losses"] = {k: [_plain(e.get(k)) for e in history] for k in ("train_loss", "valid_loss")}
        report = getattr(estimator, "fit_report_", None)
        return out | ({"fit_report": str(report.get("verdict", ""))} if isinstance(report, dict) else {})

    def how(self, data: Reading, candidates: Sequence[Candidate]) -> list[str]:
        """Return what the cells have in common, what the linear model sees, and where lengths were cut."""
        assert isinstance(data, SequenceReading)
        lines = [texts.HOW_EQUAL[self.equal].format(size=self.hidden_size)] if self._usual else []
        lines.append(texts.HOW_LINEAR[data.kind])
        if data.cuts:
            lines.append(texts.HOW_LENGTHS.format(low=data.cuts[0], high=data.cuts[1], unit=texts.STEPS_OF[data.kind]))
        return lines

    def plan(self) -> str:
        """Return what the cells have in common."""
        return texts.PLAN_EQUAL[self.equal].format(size=self.hidden_size) if self._usual else ""

    def _others(self, data: Reading) -> list[Candidate]:
        assert data.target is not None
        answer = texts.MAJORITY if data.target == "classes" else texts.MEAN_ANSWER
        return [
            Candidate(answer, _item_baselines.chance(data.target), yardstick=True, chance=True),
            Candidate(texts.LINEAR, _sequence_baselines.linear(data.kind, data.target), classical=True),
        ]

    def _size(self, name: str, data: SequenceReading) -> int:
        if self.equal == "width":
            return self.hidden_size
        width = {"text": _EMBEDDING, "audio": _BANDS}.get(data.kind) or data.X[0].shape[1] * (1 + data.missing)
        outputs = len(data.classes) if data.target == "classes" else 1
        cell, reference = member("cells", name)(), member("cells", "lstm")()
        assert isinstance(cell, _cell.Cell)
        assert isinstance(reference, _cell.Cell)
        return _equal.hidden_size(cell, reference, self.hidden_size, int(width), outputs)


def epochs_for(n_train: int, length: float) -> int:
    """Return how many epochs a network gets: fewer where there are many steps.

    >>> epochs_for(250, 40), epochs_for(1600, 20), epochs_for(50_000, 100)
    (100, 31, 8)
    """
    return min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, round(_STEP_PASSES / max(1.0, n_train * length))))


def _score(fold: SequenceFold, answers: np.ndarray, rows: np.ndarray) -> float | None:
    if fold.target == "classes":
        return float(accuracy_score(fold.y_test[rows], answers[rows])) if rows.any() else None
    return float(r2_score(fold.y_test[rows], answers[rows])) if rows.sum() > 1 else None


def _kilobytes(estimator: Any) -> float | None:
    """Return the size of a saved model: its tensors and facts; of others the size in memory, as a pickle."""
    if isinstance(estimator, SequenceModel):
        facts, tensors = estimator.to_stored()
        size = sum(t.numel() * t.element_size() for t in tensors.values())
        return (size + len(json.dumps(facts, ensure_ascii=False).encode())) / 1000
    try:
        return len(pickle.dumps(estimator)) / 1000
    except Exception:  # a user's estimator may hold anything
        return None


def _plain(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
