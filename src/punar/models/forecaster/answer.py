"""What a fitted forecaster answers: steps, quantiles, intervals, tables and scores."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch

from punar.core.params import check_params
from punar.core.runtime import as_usual, moved, pick_device
from punar.data.ahead import read_ahead
from punar.data.clock import Clock
from punar.data.panel import Panel
from punar.data.times import given_back
from punar.data.windows import Windows
from punar.errors import DataError, ParameterError, shown
from punar.models.forecaster import report as reports
from punar.models.forecaster.interval import COVERAGE, ends, moves
from punar.models.forecaster.model import Forecaster
from punar.models.recurrent.passes import states_of
from punar.models.recurrent.rows import SequenceRows
from punar.preparations import prepare_all
from punar.texts import times as texts

_NO_TIME = [None]


def predict(estimator: Any, forecaster: Forecaster, X: Any, future: Any) -> np.ndarray:
    """Return the steps after the end of each series; see :meth:`punar.SequenceModel.predict`."""
    panel, _, values = _forecasts(estimator, forecaster, X, future, "predict")
    return _shaped(forecaster, panel, forecaster.clipped(values[..., forecaster.median]))


def predict_quantiles(estimator: Any, forecaster: Forecaster, X: Any, future: Any) -> np.ndarray:
    """Return the quantiles that were asked for, in their order, as a last axis."""
    if not forecaster.task.quantiles:
        raise ParameterError(
            f"{type(estimator).__name__}.predict_quantiles: the model was fitted without quantiles. Fit with "
            "quantiles=(0.1, 0.9), or use predict_interval."
        )
    panel, _, values = _forecasts(estimator, forecaster, X, future, "predict_quantiles")
    wanted = [forecaster.task.levels.index(float(q)) for q in forecaster.task.quantiles]
    return _shaped(forecaster, panel, forecaster.clipped(values[..., wanted]))


def predict_interval(estimator: Any, forecaster: Forecaster, X: Any, coverage: float, future: Any) -> np.ndarray:
    """Return intervals calibrated on held-out windows that follow what came since, low and high as a last axis."""
    panel, low, high, _ = _interval(estimator, forecaster, X, future, coverage, "predict_interval")
    return _shaped(forecaster, panel, np.stack([low, high], axis=-1))


def predict_table(estimator: Any, forecaster: Forecaster, X: Any, coverage: float | None, future: Any) -> pd.DataFrame:
    """Return forecasts as a table with a row for each series, step and channel."""
    if coverage is None:
        panel, _, values = _forecasts(estimator, forecaster, X, future, "predict_table")
        bounds = {}
    else:
        panel, low, high, values = _interval(estimator, forecaster, X, future, coverage, "predict_table")
        bounds = {"low": low.ravel(), "high": high.ravel()}
    middle = forecaster.clipped(values[..., forecaster.median])
    n, horizon, channels = middle.shape
    facts = forecaster.histories
    columns: dict[str, Any] = {}
    if not panel.single:
        ids = list(range(n)) if panel.ids is None else panel.ids
        columns |= facts.id_columns([i for i in ids for _ in range(horizon * channels)], panel)
    columns["step"] = np.tile(np.repeat(np.arange(1, horizon + 1), channels), n)
    clocks = panel.clocks or []
    if any(c is not None and not c.guessed for c in clocks):
        stamps = [t for c in clocks for t in (_NO_TIME * horizon if c is None or c.guessed else c.after(horizon))]
        stamps = given_back(stamps, panel.time_format or facts.time_format)
        columns[facts.time_column or "time"] = [t for t in stamps for _ in range(channels)]
    if channels > 1:
        columns["channel"] = list(facts.target_names or range(channels)) * (n * horizon)
    return pd.DataFrame(columns | {"forecast": middle.ravel()} | bounds)


def score(estimator: Any, forecaster: Forecaster, X: Any) -> float:
    """Return the skill on the last horizon of each series, which is held back."""
    where = f"{type(estimator).__name__}.score"
    facts, horizon = forecaster.histories, forecaster.horizon
    panel = facts.read(X, where)
    _refuse_without_zone(forecaster.tail.clocks, panel, where)
    told = f"score, which holds back the last {horizon} steps, with context={facts.context}"
    facts.refuse_short(panel, facts.context + horizon, told, where)
    known = panel.until([len(x) - horizon for x in panel.items]).items
    origins = [np.array([len(x) - 1]) for x in known]
    windows = facts.windows(panel.items, horizon, forecaster.season, origins)
    with as_usual():
        relative = forecaster.quantiles(windows, pick_device(estimator.device))
    scale = reports.mase_scale(facts.of_targets(known), forecaster.season)
    return reports.skill(reports.measures(forecaster, windows, relative, scale))


def states(estimator: Any, forecaster: Forecaster, X: Any) -> np.ndarray:
    """Return the pooled state of the last window of each series, (n, width)."""
    facts = forecaster.histories
    device, where = pick_device(estimator.device), f"{type(estimator).__name__}.transform"
    with as_usual(), torch.no_grad():
        prepared = prepare_all(facts, facts.check(X, where), where)
        module = moved(forecaster.module, device).eval()
        rows = SequenceRows(prepared, None, None, device)
        return torch.stack(states_of(module, rows, torch.arange(len(rows)))).numpy()


def _forecasts(
    estimator: Any, forecaster: Forecaster, X: Any, future: Any, method: str
) -> tuple[Panel, Windows, np.ndarray]:
    """Return the series, their last windows, and forecasts (n, horizon, channels, levels) in the user's units."""
    facts, tail, where = forecaster.histories, forecaster.tail, f"{type(estimator).__name__}.{method}"
    if X is None:
        panel = Panel(tail.items, tail.single, tail.flat, facts.names, tail.ids, clocks=tail.clocks)
    else:
        panel = facts.read(X, where)
        _refuse_without_zone(tail.clocks, panel, where)
    items = _continued(forecaster, panel, future, where)
    ends = [np.array([len(x) - 1]) for x in panel.items]
    if X is None:
        windows = facts.windows_of(items, forecaster.horizon, forecaster.season, tail.scale, ends)
    else:
        windows = facts.windows(items, forecaster.horizon, forecaster.season, ends)
    with as_usual():
        relative = forecaster.quantiles(windows, pick_device(estimator.device))
    return panel, windows, windows.undone(torch.arange(len(windows)), relative).numpy()


def _refuse_without_zone(fitted: list[Clock | None] | None, panel: Panel, where: str) -> None:
    """Raise for times without a zone where all that the model was fitted with have one."""
    lasts = [c.last for c in fitted or [] if c is not None]
    if not lasts or any(not isinstance(last, str) or pd.Timestamp(last).tz is None for last in lasts):
        return
    zone = next((c.zone for c in fitted or [] if c is not None and c.zone), pd.Timestamp(lasts[0]).tz)
    for i, clock in enumerate(panel.clocks or []):
        if clock is not None and isinstance(clock.last, str) and pd.Timestamp(clock.last).tz is None:
            raise DataError(texts.NO_ZONE.format(where=where, named=panel.named(i), last=clock.last, zone=zone))


def _continued(forecaster: Forecaster, panel: Panel, future: Any, where: str) -> list[np.ndarray]:
    """Return the series with what is known of the steps after them, where anything is; the rest there is NaN."""
    facts, horizon = forecaster.histories, forecaster.horizon
    names = [facts.names[c] for c in facts.known_ahead] if facts.names else []
    told = ", ".join(map(shown, names or facts.known_ahead))
    if not facts.known_ahead:
        if future is not None:
            raise ParameterError(
                f"{where}: future is for models with channels that are known ahead. Leave it out, or fit with "
                "known_ahead=."
            )
        return panel.items
    if future is None:
        raise ParameterError(
            f"{where}: the model was fitted with known_ahead ({told}): pass future=, their values at the {horizon} "
            "steps after the end of each series, as a table with these columns or an array "
            f"({horizon}, {len(facts.known_ahead)})."
        )
    known = read_ahead(
        future,
        panel,
        names,
        len(facts.known_ahead),
        horizon,
        where,
        id_column=facts.id_column,
        time_column=facts.time_column,
        time_format=facts.time_format,
    )
    found = []
    for item, values in zip(panel.items, known, strict=True):
        coming = np.full((horizon, item.shape[1]), np.nan)
        coming[:, list(facts.known_ahead)] = values
        found.append(np.concatenate([item, coming]))
    return found


def _shaped(forecaster: Forecaster, panel: Panel, values: np.ndarray) -> np.ndarray:
    """Return answers without the axes that the input has not, or the only target has not."""
    return replace(panel, flat=panel.flat or forecaster.histories.one).shaped(values)


def _interval(
    estimator: Any, forecaster: Forecaster, X: Any, future: Any, coverage: float, method: str
) -> tuple[Panel, np.ndarray, np.ndarray, np.ndarray]:
    """Return the series, lower and upper ends (n, horizon, channels), and the forecasts they belong to."""
    where = f"{type(estimator).__name__}.{method}"
    check_params(SimpleNamespace(coverage=coverage), {"coverage": COVERAGE}, where)
    panel, windows, values = _forecasts(estimator, forecaster, X, future, method)
    scale = windows.scale(torch.arange(len(windows))).numpy()
    with as_usual():
        last = [np.array([len(x) - 1]) for x in panel.items]
        moved = None if X is None else moves(forecaster, panel, last, coverage, pick_device(estimator.device), where)
    return panel, *ends(forecaster, values, scale, coverage, where, moved), values
