"""Which recurrent cell suits your sequences: RNN, LSTM, GRU, or one that trains in parallel over time?"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from punar import baselines, cells
from punar.comparison import _equal, _forecasts, protocol
from punar.comparison._forecasts import ForecastFold, ForecastReading, read_forecast
from punar.comparison._question import Candidate, Least, Metric, Question, Trial, check_predictor
from punar.comparison._sequence_fold import SequenceFold
from punar.comparison._sequence_reading import KINDS, SequenceReading, read_sequences
from punar.comparison.budget import epochs_for
from punar.comparison.reading import Reading
from punar.core.plugins import member, members
from punar.data import sequences
from punar.errors import ParameterError, ParameterTypeError, shown, suggest
from punar.estimators.sequence_model import SequenceModel
from punar.texts import compare as texts

AnyFold = SequenceFold | ForecastFold
ACCURACY, R2 = "accuracy", "r2"
EQUAL = ("width", "parameters")

_WIDTH = 64
_EMBEDDING, _BANDS = 64, 40
# The order of the table; further cells follow.
_ORDER = ("rnn", "gru", "lstm", "min_gru", "min_lstm")
# Training steps times epochs: a few minutes for all cells and folds, on two cores.
_STEP_PASSES = 1_000_000
_FEWEST_EPOCHS, _MOST_EPOCHS = 8, 200
_PATIENCE = 15
_MOST_DTW = 5 * 10**9  # cells of all pairs' tables, in a band of a fifth: seconds
_NUMBER = 8  # bytes
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
    horizon, season : int or None
        Of forecasts.

    References
    ----------
    Chung, Gulcehre, Cho and Bengio (2014). Empirical evaluation of gated recurrent neural networks on sequence
    modeling. arXiv:1412.3555.
    Greff, Srivastava, Koutník, Steunebrink and Schmidhuber (2017). LSTM: a search space odyssey. IEEE TNNLS 28.
    """

    reads: ClassVar[str] = "sequences"
    takes: ClassVar[tuple[str, ...]] = (
        "equal",
        "hidden_size",
        "horizon",
        "season",
        "id_column",
        "time_column",
        "groups",
    )
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
        horizon: int | None = None,
        season: int | None = None,
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
        self._columns: dict[str, Any] = {"id_column": id_column, "time_column": time_column}
        self._groups = groups
        self._steps: dict[str, Any] = {"horizon": horizon, "season": season}
        self._usual = False

    def read(self, X: Any, y: Any, kind: str | None, name: str | None) -> SequenceReading | ForecastReading:
        """Return sequences with labels, each recording opened once; or series to forecast where there is no label."""
        given = next((key for key, value in self._steps.items() if value is not None), None)
        if y is None and (kind == "series" or given is not None or _is_series(X)):
            if self._groups is not None:
                raise ParameterError("compare: groups are for sequences with labels; leave them out, or pass y.")
            return read_forecast(X, name, **self._steps, **self._columns)
        if given is not None:
            raise ParameterError(f"compare: {given} is for series without labels; leave it out, or leave out y.")
        return read_sequences(X, y, kind, name, **self._columns, groups=self._groups)

    def folds_for(self, data: Reading, cv: object) -> tuple[int, list[str]] | None:
        """Return the usual number of folds, and not more than there are groups."""
        folds, notes = protocol.folds_for(data, cv)
        if isinstance(data, ForecastReading):
            return _forecasts.folds_for(data, folds)
        assert isinstance(data, SequenceReading)
        most = folds if data.groups is None else len(np.unique(data.groups))
        if most < folds:
            notes.append(texts.NOTE_FOLDS_GROUPS.format(asked=folds, folds=most))
        return min(folds, most), notes

    def splits(self, data: Reading, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]] | None:
        """Return splits that keep groups together, where there are groups; of forecasts rolling origins."""
        if isinstance(data, ForecastReading):
            return _forecasts.splits(data, folds)
        assert isinstance(data, SequenceReading)
        if data.groups is None:
            return None
        kind = StratifiedGroupKFold if data.target == "classes" else GroupKFold
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")
            parts = kind(folds, shuffle=True, random_state=seed).split(np.zeros(len(data.X)), data.y, data.groups)
            return [(train, test) for train, test in parts]

    def how_split(self, data: Reading) -> str | None:
        """Return that groups were kept together, or where the origins were."""
        if isinstance(data, ForecastReading):
            return texts.HOW_SPLITS_ORIGINS
        assert isinstance(data, SequenceReading)
        return None if data.groups is None else texts.HOW_SPLITS_GROUPS

    def table_costs(self, data: Reading) -> tuple[str, ...]:
        """Return the costs, and the score by length where lengths differ."""
        if isinstance(data, ForecastReading):
            return _forecasts.COSTS
        assert isinstance(data, SequenceReading)
        return self.costs_shown + (_BY_LENGTH if data.cuts else ())

    def fewest(self, data: Reading) -> Least:
        """Return what a small budget may not cut further: of series to forecast no step is left out."""
        return Least(self.least.epochs, len(data.X)) if isinstance(data, ForecastReading) else self.least

    def candidates(self, data: Reading, width: int | None, n_train: int, device: str) -> list[Candidate]:
        """Return one network per cell, the linear model, and chance."""
        self._usual = True
        if isinstance(data, ForecastReading):
            return [*self._naive(data), *self._forecasters(data, device)]
        assert isinstance(data, SequenceReading)
        epochs = _epochs(n_train * float(data.lengths.mean()))
        own: dict[str, Any] = {
            "task": data.task,
            "kind": KINDS[data.kind],
            "missing": "mask" if data.missing else "refuse",
            "epochs": epochs,
            # On few sequences a validation loss jumps, and an epoch is a handful of steps.
            "patience": max(_PATIENCE, epochs // 4),
            "device": device,
            "branch": None,  # which is the same beside every cell, and would hide what they differ in
        }
        width = {"text": _EMBEDDING, "audio": _BANDS}.get(data.kind) or data.X[0].shape[1] * (1 + data.missing)
        outputs = len(data.classes) if data.target == "classes" else 1
        found = [
            Candidate(texts.CELLS.get(n, n), SequenceModel(n, hidden_size=self._size(n, int(width), outputs), **own))
            for n in _cells()
        ]
        return [*self._others(data), *found]

    def given(self, candidates: Any, data: Reading, n_train: int, device: str) -> list[Candidate]:
        """Return the user's estimators, the linear model, and chance."""
        if self._asked:
            raise ParameterError(
                "compare: give either equal or hidden_size, for the usual cells, or candidates, not both."
            )
        others = self._naive(data) if isinstance(data, ForecastReading) else self._others(data)
        return [*others, *super().given(candidates, data, n_train, device)]

    def check(self, name: str, estimator: Any) -> None:
        """Raise where a user's candidate is no object with fit and predict."""
        check_predictor(name, estimator)

    def metrics(self, data: Reading) -> list[Metric]:
        """Return accuracy, R² for numbers, or 1 − MASE of forecasts."""
        if isinstance(data, ForecastReading):
            return _forecasts.metrics()
        if data.target == "classes":
            return [Metric(ACCURACY, texts.ACCURACY_LABEL, texts.CELL_ACCURACY_HELP, texts.ACCURACY_BASELINE)]
        return [Metric(R2, texts.ITEM_R2_LABEL, texts.ITEM_R2_HELP, texts.R2_BASELINE)]

    def open_fold(self, data: Reading, train: np.ndarray, test: np.ndarray, seed: int, *, first: bool) -> AnyFold:
        """Return the sequences of both sides."""
        if isinstance(data, ForecastReading):
            return ForecastFold.at(data, train, test)
        assert isinstance(data, SequenceReading)
        assert data.y is not None
        assert data.target is not None
        sides = (data.X[train], data.X[test], data.y[train], data.y[test])
        return SequenceFold(*sides, data.lengths[test], data.target, data.cuts)

    def judge(self, fold: AnyFold, estimator: Any) -> dict[str, float | None]:
        """Return the score on the held-out sequences; those by length are kept for the costs."""
        if isinstance(fold, ForecastFold):
            return {_forecasts.SKILL: 1 - fold.errors(estimator)[0]}
        answers, classes = fold.predict(estimator), fold.target == "classes"
        fold.by_length = {name: _score(fold, answers, rows) for name, rows in fold.parts().items()}
        return {ACCURACY if classes else R2: _score(fold, answers, np.ones(len(answers), dtype=bool))}

    def costs(self, fold: AnyFold, estimator: Any, measured: dict[str, float | None]) -> dict[str, float | None]:
        """Return what a cell costs: gates, width, parameters, size, and microseconds per step."""
        found = measured | {"model_kb": _kilobytes(estimator)}
        if isinstance(fold, ForecastFold):
            mase, mae = fold.errors(estimator)
            found |= {"mase": mase, "mae": mae}
        else:
            found |= fold.by_length
        if not isinstance(estimator, SequenceModel):
            learned = measured["parameters"] if hasattr(estimator, "module_") else None
            return found | {"parameters": learned or baselines.coefficients(estimator)}
        micro = measured["transform_us"]
        return found | {
            "gates": float(type(estimator.cell_).gates),
            "hidden_size": float(estimator.hidden_size),
            "step_us": micro if micro is None or isinstance(fold, ForecastFold) else micro * fold.timed / fold.steps,
        }

    def baselines(self, fold: AnyFold) -> dict[str, float]:
        """Return the score of the majority class or the mean, or of the last value."""
        if isinstance(fold, ForecastFold):
            return {_forecasts.SKILL: fold.last_value()}
        score = baselines.chance_score(fold.target, fold.y_train, fold.y_test)
        return {ACCURACY if fold.target == "classes" else R2: score}

    def show_fold(self, fold: AnyFold) -> dict[str, Any]:
        """Return nothing: sequences have no picture."""
        return {}

    def show(self, fold: AnyFold, estimator: Any) -> dict[str, Any]:
        """Return the history of losses and what the fit reports."""
        out: dict[str, Any] = {}
        history = getattr(estimator, "history_", None)
        if isinstance(history, list) and history:
            out["losses"] = {k: [_plain(e.get(k)) for e in history] for k in ("train_loss", "valid_loss")}
        report = getattr(estimator, "fit_report_", None)
        return out | ({"fit_report": str(report.get("verdict", ""))} if isinstance(report, dict) else {})

    def how(self, data: Reading, candidates: Sequence[Candidate]) -> list[str]:
        """Return what the cells have in common, what the linear model sees, and where lengths were cut."""
        lines = [texts.HOW_EQUAL[self.equal].format(size=self.hidden_size)] if self._usual else []
        if isinstance(data, ForecastReading):
            return [*lines, texts.HOW_FORECASTS.format(context=data.context, season=data.season)]
        assert isinstance(data, SequenceReading)
        lines.append(texts.HOW_LINEAR[data.kind])
        if data.kind == "series":
            lines.append(texts.HOW_NEAREST)
            lines += [texts.HOW_NO_AEON] if find_spec("aeon") is None else []
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
            Candidate(answer, baselines.chance(data.target), yardstick=True, chance=True),
            Candidate(texts.LINEAR, baselines.linear_for(data.kind, data.target), classical=True),
            *(_on_series(data) if data.kind == "series" else ()),
        ]

    def _naive(self, data: ForecastReading) -> list[Candidate]:
        steps = {"horizon": data.horizon}
        found = [Candidate(texts.LAST_VALUE, baselines.LastValue(**steps), yardstick=True, chance=True)]
        if data.season > 1:
            seasonal = baselines.LastSeason(**steps, season=data.season)
            found.append(Candidate(texts.SEASONAL_NAIVE, seasonal, yardstick=True))
        linear = baselines.Autoregression(**steps, context=data.context, season=data.season)
        return [*found, Candidate(texts.AUTOREGRESSION, linear, classical=True)]

    def _forecasters(self, data: ForecastReading, device: str) -> list[Candidate]:
        epochs = _epochs(sum(map(len, data.series)) * data.context)
        own: dict[str, Any] = {"task": "forecasting", "horizon": data.horizon, "season": data.season, "device": device}
        own |= {"epochs": epochs, "patience": max(_PATIENCE, epochs // 4)}
        width = data.series[0].shape[1]
        outputs = data.horizon * width  # medians alone
        return [
            Candidate(texts.CELLS.get(n, n), SequenceModel(n, hidden_size=self._size(n, width, outputs), **own))
            for n in _cells()
        ]

    def _size(self, name: str, width: int, outputs: int) -> int:
        if self.equal == "width":
            return self.hidden_size
        cell, reference = member("cells", name)(), member("cells", "lstm")()
        assert isinstance(cell, cells.Cell)
        assert isinstance(reference, cells.Cell)
        return _equal.hidden_size(cell, reference, self.hidden_size, width, outputs)


def _on_series(data: Reading) -> list[Candidate]:
    """Return the nearest series, and what aeon brings where it is installed and no long wait."""
    assert data.target is not None
    found = [Candidate(texts.NEAREST, baselines.NearestNeighbour(), classical=True)]
    if find_spec("aeon") is None:
        return found
    longest = max(map(len, data.X))
    if (len(data.X) * longest) ** 2 <= _MOST_DTW:
        found.append(Candidate(texts.NEAREST_DTW, baselines.NearestNeighbour("dtw"), classical=True))
    return [*found, Candidate(texts.KERNELS, baselines.random_kernels(data.target), classical=True)]


def _cells() -> list[str]:
    """Return the cells in the order of the table."""
    known = members("cells")
    return [n for n in _ORDER if n in known] + sorted(set(known) - set(_ORDER))


def _is_series(X: Any) -> bool:
    return sequences.kind_of(X, "compare") == "series"


def _epochs(steps: float) -> int:
    return epochs_for(steps, _STEP_PASSES, _FEWEST_EPOCHS, _MOST_EPOCHS)


def _score(fold: SequenceFold, answers: np.ndarray, rows: np.ndarray) -> float | None:
    if fold.target == "classes":
        return float(accuracy_score(fold.y_test[rows], answers[rows])) if rows.any() else None
    return float(r2_score(fold.y_test[rows], answers[rows])) if rows.sum() > 1 else None


def _kilobytes(estimator: Any) -> float:
    """Return the size of a saved model: its tensors and facts; of others what :func:`_learned` counts."""
    if isinstance(estimator, SequenceModel):
        facts, tensors = estimator.to_stored()
        size = sum(t.numel() * t.element_size() for t in tensors.values())
        return (size + len(json.dumps(facts, ensure_ascii=False).encode())) / 1000
    return _learned(estimator) / 1000


def _learned(estimator: Any) -> int:
    """Return the bytes of the arrays and words that an estimator of scikit-learn's kind holds."""
    if hasattr(estimator, "steps"):
        return sum(_learned(step) for _, step in estimator.steps)
    size = 0
    for value in vars(estimator).values() if hasattr(estimator, "__dict__") else ():
        if isinstance(value, np.ndarray):
            size += value.nbytes
        elif isinstance(value, dict):
            size += sum(len(str(word).encode()) + _NUMBER for word in value)
        elif isinstance(value, BaseEstimator):
            size += _learned(value)
    return size


def _plain(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
