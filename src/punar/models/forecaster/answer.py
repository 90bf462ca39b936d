"""What a fitted forecaster answers: steps, quantiles, intervals, tables and scores."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch

from punar.core.params import check_params
from punar.core.runtime import as_usual, pick_device
from punar.data.panel import Panel
from punar.data.windows import Windows
from punar.errors import ParameterError
from punar.models.forecaster import report as reports
from punar.models.forecaster.interval import COVERAGE, ends, moves
from punar.models.forecaster.model import Forecaster
from punar.models.recurrent.passes import states_of
from punar.models.recurrent.rows import SequenceRows
from punar.preparations import prepare_all


def predict(estimator: Any, forecaster: Forecaster, X: Any) -> np.ndarray:
    """Return the steps after the end of each series; see :meth:`punar.SequenceModel.predict`."""
    panel, _, values = _forecasts(estimator, forecaster, X, "predict")
    return panel.shaped(values[..., forecaster.median])


def predict_quantiles(estimator: Any, forecaster: Forecaster, X: Any) -> np.ndarray:
    """Return the quantiles that were asked for, in their order, as a last axis."""
    if not forecaster.task.quantiles:
        raise ParameterError(
            f"{type(estimator).__name__}.predict_quantiles: the model was fitted without quantiles. Fit with "
            "quantiles=(0.1, 0.9), or use predict_interval."
        )
    panel, _, values = _forecasts(estimator, forecaster, X, "predict_quantiles")
    wanted = [forecaster.task.levels.index(float(q)) for q in forecaster.task.quantiles]
    return panel.shaped(values[..., wanted])


def predict_interval(estimator: Any, forecaster: Forecaster, X: Any, coverage: float) -> np.ndarray:
    """Return intervals calibrated on held-out windows that follow what came since, low and high as a last axis."""
    panel, low, high = _interval(estimator, forecaster, X, coverage, "predict_interval")[:3]
    return panel.shaped(np.stack([low, high], axis=-1))


def predict_table(estimator: Any, forecaster: Forecaster, X: Any, coverage: float | None) -> pd.DataFrame:
    """Return forecasts as a table with a row for each series, step and channel."""
    if coverage is None:
        panel, _, values = _forecasts(estimator, forecaster, X, "predict_table")
        bounds = {}
    else:
        panel, low, high, values = _interval(estimator, forecaster, X, coverage, "predict_table")
        bounds = {"low": low.ravel(), "high": high.ravel()}
    middle = values[..., forecaster.median]
    n, horizon, channels = middle.shape
    facts = forecaster.histories
    columns: dict[str, Any] = {}
    if not panel.single:
        ids = list(range(n)) if panel.ids is None else panel.ids
        columns[facts.id_column or "series"] = [i for i in ids for _ in range(horizon * channels)]
    columns["step"] = np.tile(np.repeat(np.arange(1, horizon + 1), channels), n)
    if panel.clocks is not None and all(c is not None for c in panel.clocks):
        stamps = [t for c in panel.clocks if c is not None for t in c.after(horizon)]
        columns[facts.time_column or "time"] = [t for t in stamps for _ in range(channels)]
    if channels > 1:
        columns["channel"] = list(facts.names or range(channels)) * (n * horizon)
    return pd.DataFrame(columns | {"forecast": middle.ravel()} | bounds)


def score(estimator: Any, forecaster: Forecaster, X: Any) -> float:
    """Return the skill on the last horizon of each series, which is held back."""
    where = f"{type(estimator).__name__}.score"
    facts, horizon = forecaster.histories, forecaster.horizon
    panel = facts.read(X, where)
    told = f"score, which holds back the last {horizon} steps, with context={facts.context}"
    facts.refuse_short(panel, facts.context + horizon, told, where)
    known = panel.until([len(x) - horizon for x in panel.items]).items
    origins = [np.array([len(x) - 1]) for x in known]
    windows = facts.windows(panel.items, horizon, forecaster.season, origins)
    with as_usual():
        relative = forecaster.quantiles(windows, pick_device(estimator.device))
    scale = reports.mase_scale(known, forecaster.season)
    return reports.skill(reports.measures(forecaster, windows, relative, scale))


def states(estimator: Any, forecaster: Forecaster, X: Any) -> np.ndarray:
    """Return the pooled state of the last window of each series, (n, width)."""
    facts = forecaster.histories
    device, where = pick_device(estimator.device), f"{type(estimator).__name__}.transform"
    with as_usual(), torch.no_grad():
        prepared = prepare_all(facts, facts.check(X, where), where)
        module = forecaster.module.to(device).eval()
        rows = SequenceRows(prepared, None, None, device)
        return torch.stack(states_of(module, rows, torch.arange(len(rows)))).numpy()


def _forecasts(estimator: Any, forecaster: Forecaster, X: Any, method: str) -> tuple[Panel, Windows, np.ndarray]:
    """Return the series, their last windows, and forecasts (n, horizon, channels, levels) in the user's units."""
    facts, tail = forecaster.histories, forecaster.tail
    if X is None:
        panel = Panel(tail.items, tail.single, tail.flat, facts.names, tail.ids, clocks=tail.clocks)
        ends = [np.array([len(x) - 1]) for x in panel.items]
        windows = Windows(panel.items, facts.context, forecaster.horizon, forecaster.season, tail.scale, ends)
    else:
        panel = facts.read(X, f"{type(estimator).__name__}.{method}")
        windows = facts.windows(panel.items, forecaster.horizon, forecaster.season)
    with as_usual():
        relative = forecaster.quantiles(windows, pick_device(estimator.device))
    return panel, windows, windows.undone(torch.arange(len(windows)), relative).numpy()


def _interval(
    estimator: Any, forecaster: Forecaster, X: Any, coverage: float, method: str
) -> tuple[Panel, np.ndarray, np.ndarray, np.ndarray]:
    """Return the series, lower and upper ends (n, horizon, channels), and the forecasts they belong to."""
    where = f"{type(estimator).__name__}.{method}"
    check_params(SimpleNamespace(coverage=coverage), {"coverage": COVERAGE}, where)
    panel, windows, values = _forecasts(estimator, forecaster, X, method)
    scale = windows.scale(torch.arange(len(windows))).numpy()
    with as_usual():
        last = [np.array([len(x) - 1]) for x in panel.items]
        moved = None if X is None else moves(forecaster, panel, last, coverage, pick_device(estimator.device), where)
    return panel, *ends(forecaster, values, scale, coverage, where, moved), values
