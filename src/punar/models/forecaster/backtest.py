"""Rolling origins: what would have been forecast at each, beside what came and beside the baselines."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone
from torch import Tensor

from punar.core.params import boolean, check_params, either, integer, none
from punar.core.runtime import as_usual, pick_device
from punar.data.panel import Panel
from punar.data.windows import Windows
from punar.errors import DataError, DidNotLearnWarning, ParameterError, ParameterTypeError, shown
from punar.models.forecaster import report as reports
from punar.models.forecaster.interval import COVERAGE, ends, moves
from punar.models.forecaster.model import Forecaster

_ENDS = ("low", "high")
_DEFAULT = 10  # origins, where none are asked for and none were held out


@dataclass(frozen=True, eq=False)
class Backtest:
    """What :meth:`punar.SequenceModel.backtest` returns.

    Attributes
    ----------
    table : DataFrame
        A row per series, origin, step and channel: the last time that is known (or how many steps are), the step, the
        actual value, the forecast and those of the baselines; with ``coverage`` the ends of the interval. ``seen`` says
        where training has seen what followed.
    errors : DataFrame
        MAE, MASE and skill (1 − MASE / MASE of the last value) by candidate; "model" is the fitted one.
    refitted : bool
        Whether the model was fitted again at every origin.
    covered : float or None
        Share of the actual values that lie inside the intervals, ends included.
    """

    table: pd.DataFrame
    errors: pd.DataFrame
    refitted: bool
    covered: float | None = None

    def __str__(self) -> str:
        return self.errors.to_string(float_format=lambda v: f"{v:.4g}")


def backtest(
    estimator: Any, forecaster: Forecaster, X: Any, origins: Any, stride: int, refit: bool, coverage: float | None
) -> Backtest:
    """Forecast from rolling origins; see :meth:`punar.SequenceModel.backtest`."""
    where = f"{type(estimator).__name__}.backtest"
    rules = {"stride": integer(1), "refit": boolean(), "coverage": either(none(), COVERAGE)}
    check_params(SimpleNamespace(stride=stride, refit=refit, coverage=coverage), rules, where)
    panel = _panel(forecaster, X, where)
    known = _origins(forecaster, panel, X is None, origins, stride, where)
    origins_at = [np.array(counts) - 1 for counts in known]
    windows = forecaster.histories.windows(panel.items, forecaster.horizon, forecaster.season, origins_at)
    with as_usual():
        if refit:
            found = _refitted(estimator, forecaster, panel, known, coverage, where)
        else:
            device = pick_device(estimator.device)
            relative = forecaster.quantiles(windows, device)
            found = reports.answers(forecaster, windows, relative)
            if coverage is not None:
                new = None if X is None else moves(forecaster, panel, origins_at, coverage, device, where)
                found |= _ends(forecaster, windows, relative, coverage, where, new)
    series = forecaster.histories.of_targets(panel.items)
    first = [x[: min(counts)] for x, counts in zip(series, known, strict=True)]
    scale = reports.mase_scale(first, forecaster.season)[windows.series.numpy()][:, None]
    actual = found.pop("actual")
    interval = {name: found.pop(name) for name in _ENDS if name in found}
    errors = {}
    for name, value in found.items():
        off = np.abs(value - actual)
        errors[name] = {"mae": float(np.nanmean(off)), "mase": float(np.nanmean(off / scale))}
    for row in errors.values():
        row["skill"] = reports.skill({reports.MODEL: row, reports.LAST: errors[reports.LAST]})
    seen = None
    if X is None and not refit:
        free = [len(x) - forecaster.horizon - held for x, held in zip(panel.items, forecaster.held_out, strict=True)]
        seen = np.concatenate([np.array(counts) <= n for counts, n in zip(known, free, strict=True)])
    table = _table(forecaster, panel, known, windows, actual, found | interval, seen)
    return Backtest(table, pd.DataFrame(errors).T, refit, _covered(actual, interval))


def _ends(
    forecaster: Forecaster, windows: Windows, relative: Tensor, coverage: float, where: str, new: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Return the ends of each window's intervals in the user's units, (n, horizon, channels)."""
    every = torch.arange(len(windows))
    values, scale = windows.undone(every, relative).numpy(), windows.scale(every).numpy()
    return dict(zip(_ENDS, ends(forecaster, values, scale, coverage, where, new), strict=True))


def _covered(actual: np.ndarray, interval: dict[str, np.ndarray]) -> float | None:
    if not interval:
        return None
    low, high = (interval[name] for name in _ENDS)
    return float(((actual >= low) & (actual <= high))[~np.isnan(actual)].mean())


def _panel(forecaster: Forecaster, X: Any, where: str) -> Panel:
    if X is not None:
        return forecaster.histories.read(X, where)
    if forecaster.panel is None:
        raise DataError(
            f"{where}: pass the series: a model that was loaded knows only the ends of those it was fitted on."
        )
    return forecaster.panel


def _origins(forecaster: Forecaster, panel: Panel, own: bool, origins: Any, stride: int, where: str) -> list[list[int]]:
    """Return for each series how many steps are known at each origin."""
    context, horizon = forecaster.histories.context, forecaster.horizon
    forecaster.histories.refuse_short(panel, context + horizon, f"context={context} and horizon={horizon}", where)
    rule = f"{where}: origins must be None, a number of origins >= 1 or a list of numbers of known steps, got "
    whole = isinstance(origins, (int, np.integer)) and not isinstance(origins, bool)
    if not whole and origins is not None:
        if isinstance(origins, str) or not isinstance(origins, (Sequence, np.ndarray)) or not len(origins):
            raise ParameterTypeError(f"{rule}{shown(origins)}.")
        if not all(isinstance(o, (int, np.integer)) and not isinstance(o, bool) for o in origins):
            raise ParameterTypeError(f"{rule}{shown(origins)}.")
    elif whole and origins < 1:
        raise ParameterError(f"{rule}{shown(origins)}.")
    found = []
    for i, item in enumerate(panel.items):
        n, last = len(item), len(item) - horizon
        if whole or origins is None:
            held = forecaster.held_out[i] if own else 0
            count = int(origins) if whole else held or _DEFAULT
            possible = (last - context) // stride + 1
            if whole and count > possible:
                raise ParameterError(
                    f"{where}: origins={count} with stride={stride} needs {context + horizon + (count - 1) * stride} "
                    f"steps, {panel.named(i)} has {n}: at most {possible} origins."
                )
            count = min(count, possible)
            found.append(list(range(last - (count - 1) * stride, last + 1, stride)))
            continue
        counts = sorted(int(o) if o >= 0 else n + int(o) for o in origins)
        if counts[0] < context or counts[-1] > last:
            raise ParameterError(
                f"{where}: origins are numbers of known steps from context={context} to {last} (so that {horizon} "
                f"steps follow) for {panel.named(i)}, which has {n}; got {shown(list(origins))}."
            )
        found.append(counts)
    return found


def _refitted(
    estimator: Any, forecaster: Forecaster, panel: Panel, known: list[list[int]], coverage: float | None, where: str
) -> dict[str, np.ndarray]:
    """Return every candidate's answers from a model that is fitted at each origin on what is known there."""
    parts = []
    for k in range(max(map(len, known))):
        some = [i for i, counts in enumerate(known) if k < len(counts)]
        cut = [panel.items[i][: known[i][k]] for i in some]
        again = clone(estimator).set_params(
            context=forecaster.histories.context,
            season=forecaster.season,
            random_state=estimator.seed_,
            id_column=None,
            time_column=None,
            freq=None,
            target=list(forecaster.histories.aimed) or None,
            known_ahead=list(forecaster.histories.known_ahead) or None,
            strict=False,
            verbose=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DidNotLearnWarning)
            model = again.fit(cut).fitted_.forecaster
        at = [np.array([known[i][k] - 1]) for i in some]
        windows = model.histories.windows([panel.items[i] for i in some], model.horizon, model.season, at)
        relative = model.quantiles(windows, pick_device(estimator.device))
        answers = reports.answers(model, windows, relative)
        if coverage is not None:
            answers |= _ends(model, windows, relative, coverage, where, None)
        parts += [((i, k), {name: value[j] for name, value in answers.items()}) for j, i in enumerate(some)]
    ordered = [answer for _, answer in sorted(parts, key=lambda part: part[0])]
    return {name: np.stack([a[name] for a in ordered]) for name in ordered[0] if all(name in a for a in ordered)}


def _table(
    forecaster: Forecaster,
    panel: Panel,
    known: list[list[int]],
    windows: Windows,
    actual: np.ndarray,
    found: dict[str, np.ndarray],
    seen: np.ndarray | None,
) -> pd.DataFrame:
    facts, (n, horizon, channels) = forecaster.histories, actual.shape
    series, each = windows.series.tolist(), horizon * channels
    counts = [c for some in known for c in some]
    columns: dict[str, Any] = {}
    if not panel.single:
        ids = list(range(len(panel))) if panel.ids is None else panel.ids
        columns |= facts.id_columns([ids[i] for i in series for _ in range(each)], panel)
    times = panel.times
    origins = counts if times is None else [times[i].iloc[c - 1] for i, c in zip(series, counts, strict=True)]
    columns["origin"] = [o for o in origins for _ in range(each)]
    columns["step"] = np.tile(np.repeat(np.arange(1, horizon + 1), channels), n)
    if times is not None:
        stamps = [t for i, c in zip(series, counts, strict=True) for t in times[i].iloc[c : c + horizon]]
        columns[facts.time_column or "time"] = [t for t in stamps for _ in range(channels)]
    if channels > 1:
        columns["channel"] = list(facts.target_names or range(channels)) * (n * horizon)
    columns["actual"] = actual.ravel()
    columns["forecast"] = found[reports.MODEL].ravel()
    columns |= {name: value.ravel() for name, value in found.items() if name != reports.MODEL}
    if seen is not None:
        columns["seen"] = np.repeat(seen, each)
    return pd.DataFrame(columns)
