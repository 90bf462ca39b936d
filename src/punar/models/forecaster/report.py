"""Did the forecaster learn? Its errors beside the last value, the last season and a linear autoregression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from punar.baselines import mase_scale
from punar.data.panel import Panel
from punar.data.windows import Windows
from punar.models.forecaster.model import Forecaster
from punar.texts import forecasting as texts
from punar.training import evidence
from punar.training import report as reports
from punar.training.evidence import Lead
from punar.training.loop import Loop
from punar.training.report import MOST_ROWS, FitReport

MODEL, LAST, SEASONAL, LINEAR = "model", "last_value", "seasonal_naive", "linear"
MEAN, DRIFT = "mean", "drift"
CHANCE = (MEAN, LAST, DRIFT, SEASONAL)  # what needs no learning, or next to none


def of_fit(
    forecaster: Forecaster,
    windows: Windows,
    train: Tensor,
    valid: Tensor,
    panel: Panel,
    split: list[tuple[int, int]],
    cell: str,
    loop: Loop,
    halves: tuple[Tensor, Tensor] | None,
) -> tuple[FitReport, np.ndarray]:
    """Return the report, and the errors of held-out quantiles from which intervals are made.

    Parameters
    ----------
    forecaster : Forecaster
    windows : Windows
    train, valid : Tensor of int64
    panel : Panel
    split : list of (int, int)
        By series, windows that train and that are held out.
    cell : str
        The cell's name.
    loop : Loop
        Finished.
    halves : tuple of Tensor or None
        The held-out windows in two parts, each to be forecast by the weights that were best on the other.
    """
    held_out = len(valid) > 0
    some = valid if held_out else train
    if len(some) > MOST_ROWS:
        some = some[torch.linspace(0, len(some) - 1, MOST_ROWS).long()]
    measured = windows.at(some)
    if halves is None:
        relative = forecaster.quantiles(measured, torch.device("cpu"))
    else:
        relative = torch.empty(0)
        for k, half in enumerate(halves):
            own = torch.isin(some, half)
            with loop.best_of(1 - k):
                found = forecaster.quantiles(windows.at(some[own]), torch.device("cpu"))
            relative = relative if len(relative) else found.new_empty(len(some), *found.shape[1:])
            relative[own] = found
    errors = (measured.future(torch.arange(len(measured))).unsqueeze(3) - relative).numpy()
    context, horizon = forecaster.histories.context, forecaster.horizon
    known = [x[: context + n - 1 + horizon] for x, (n, _) in zip(panel.items, split, strict=True)]
    found_by = answers(forecaster, measured, relative)
    found_by |= _without_learning(found_by[LAST], measured, known)
    scale = mase_scale(known, forecaster.season)
    report = _report(_losses(found_by, measured, scale), measured, held_out, forecaster, cell)
    calibration = errors if held_out else errors[:0]
    return report, calibration.astype(np.float32)


def _without_learning(last: np.ndarray, windows: Windows, known: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Return the forecasts of the mean and of the drift of what was trained on, (n, horizon, channels)."""
    means = np.stack([np.nanmean(x, axis=0) for x in known])[windows.series.numpy()]
    slopes = np.stack([np.nan_to_num(np.nanmean(np.diff(x, axis=0), axis=0)) for x in known])[windows.series.numpy()]
    step = np.arange(1, last.shape[1] + 1)[None, :, None]
    return {MEAN: np.broadcast_to(means[:, None], last.shape), DRIFT: last + step * slopes[:, None]}


@dataclass(frozen=True, eq=False)
class _Losses:
    """What every candidate's forecasts are off by."""

    mae: dict[str, float]
    mase: dict[str, float]
    by_origin: dict[str, np.ndarray]  # scaled, a mean over steps and channels for each window

    def table(self) -> dict[str, dict[str, float]]:
        """Return both means by candidate."""
        return {name: {"mae": self.mae[name], "mase": mase} for name, mase in self.mase.items()}


def _losses(found: dict[str, np.ndarray], windows: Windows, scale: np.ndarray) -> _Losses:
    actual, by = found["actual"], scale[windows.series.numpy()][:, None]
    off = {name: np.abs(value - actual) for name, value in found.items() if name != "actual"}
    each = {name: _mean_of_rows(value / by) for name, value in off.items()}
    return _Losses(
        {name: float(np.nanmean(value)) for name, value in off.items()},
        {name: float(np.nanmean(value / by)) for name, value in off.items()},
        each,
    )


def _mean_of_rows(values: np.ndarray) -> np.ndarray:
    """Return each window's mean; 0 where nothing is known of what followed."""
    flat = values.reshape(len(values), -1)
    there = ~np.isnan(flat)
    found: np.ndarray = np.where(there, flat, 0.0).sum(1) / np.maximum(there.sum(1), 1)
    return found


def answers(forecaster: Forecaster, windows: Windows, relative: Tensor) -> dict[str, np.ndarray]:
    """Return every candidate's forecasts and the actual values in the user's units, (n, horizon, channels).

    Parameters
    ----------
    forecaster : Forecaster
    windows : Windows
    relative : Tensor of shape (n, horizon, channels, levels)
        The forecaster's, from :meth:`Forecaster.quantiles`.
    """
    every = torch.arange(len(windows))
    found = {
        MODEL: relative[..., forecaster.median],
        LAST: torch.zeros_like(relative[..., 0]),
        SEASONAL: windows.last_season(every),
        LINEAR: forecaster.linear(windows, every),
        "actual": windows.future(every),
    }
    if forecaster.season == 1 or bool(found[SEASONAL].isnan().any()):
        del found[SEASONAL]
    return {name: windows.undone(every, value).numpy() for name, value in found.items()}


def measures(
    forecaster: Forecaster, windows: Windows, relative: Tensor, scale: np.ndarray
) -> dict[str, dict[str, float]]:
    """Return MAE and MASE of every candidate.

    Parameters
    ----------
    forecaster, windows, relative
        See :func:`answers`.
    scale : ndarray of shape (series, channels)
        From :func:`punar.baselines.mase_scale`.
    """
    return _losses(answers(forecaster, windows, relative), windows, scale).table()


def skill(candidates: dict[str, dict[str, float]]) -> float:
    """Return 1 − MASE / MASE of the last value: 1 is perfect, 0 the last value. For one series, MAE would do as well.

    Where the last value is perfect, it is 1 for what is perfect too, else 0.
    """
    naive, model = candidates[LAST]["mase"], candidates[MODEL]["mase"]
    if naive <= 0:
        return 1.0 if model <= 1e-6 else 0.0
    return 1.0 - model / naive


def _report(losses: _Losses, windows: Windows, held_out: bool, forecaster: Forecaster, cell: str) -> FitReport:
    candidates = losses.table()
    rows, horizon = len(windows), forecaster.horizon
    constant = candidates[LAST]["mase"] <= 0

    def over(name: str) -> Lead:
        better = losses.by_origin[name] - losses.by_origin[MODEL]
        series = windows.series.numpy()
        return evidence.lead_in_time([better[series == i] for i in np.unique(series)], horizon, losses.mase[LAST])

    chances = [name for name in CHANCE if name in candidates]
    least = max((over(name) for name in chances), key=lambda found: found.better)
    chance = max(skill({MODEL: candidates[name], LAST: candidates[LAST]}) for name in chances)
    # Windows that overlap say less than their number.
    apart = rows if horizon == 1 else min(rows, 2 * rows // horizon)
    report = reports.verdict_on(
        forecaster.task.metric,
        skill(candidates),
        chance,
        apart,
        reports.HELD_OUT if held_out else reports.TRAINING,
        least,
        candidates=candidates,
        best=min(candidates, key=lambda name: candidates[name]["mase"]),
        horizon=horizon,
        context=forecaster.histories.context,
        season=forecaster.season,
        relative_to=forecaster.relative_to,
    )
    report["rows"] = rows
    if constant:
        report["learned"], report["verdict"] = True, texts.CONSTANT  # there is nothing to learn
        return report
    cheaper = min((n for n in candidates if n != MODEL), key=lambda n: candidates[n]["mase"])
    report["verdict"] = _verdict(report, cell, cheaper, over(cheaper))
    return report


def _verdict(report: FitReport, cell: str, cheaper: str, lead: Lead) -> str:
    candidates, learned = report["candidates"], report["learned"]
    others = ", ".join(
        texts.OTHERS[name].format(mase=candidates[name]["mase"], season=report["season"])
        for name in texts.OTHERS
        if name in candidates
    )
    text = (texts.LEARNED if learned else texts.DID_NOT_LEARN if learned is False else texts.CANNOT_TELL).format(
        model=candidates[MODEL]["mase"],
        mae=candidates[MODEL]["mae"],
        rows=report["rows"],
        which=reports.which(report["rows_from"]),
        horizon=report["horizon"],
        others=others,
        effect=report["effect"],
    )
    name = (texts.ON_LINEAR if report["relative_to"] == "linear" else texts.ON_NAIVE).format(cell=cell)
    better = texts.NAMES[cheaper]
    said = texts.IS_EQUAL.format(better=better[:1].lower() + better[1:])
    if report["rows"] >= evidence.FEWEST and lead.better <= evidence.LEVEL:
        said = texts.IS_BEST.format(name=name[:1].upper() + name[1:])
    elif report["rows"] >= evidence.FEWEST and lead.worse <= evidence.LEVEL:
        said = texts.IS_BETTER.format(better=better)
    return text + reports.why_not(report) + said
