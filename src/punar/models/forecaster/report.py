"""Did the forecaster learn? Its errors beside the last value, the last season and a linear autoregression."""

from __future__ import annotations

from collections.abc import Sequence
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


@dataclass(frozen=True, eq=False)
class Judged:
    """Windows with the forecasts of weights that they did not choose.

    Attributes
    ----------
    forecaster : Forecaster
    windows : Windows
        In the order of time, series by series.
    relative : Tensor of shape (n, horizon, channels, levels)
        Relative to the last value.
    """

    forecaster: Forecaster
    windows: Windows
    relative: Tensor


def answered(forecaster: Forecaster, windows: Windows, index: Tensor) -> Judged:
    """Return a forecaster's forecasts of some windows, of 3,000 at most."""
    if len(index) > MOST_ROWS:
        index = index[torch.linspace(0, len(index) - 1, MOST_ROWS).long()]
    some = windows.at(index)
    return Judged(forecaster, some, forecaster.quantiles(some, torch.device("cpu")))


def held_out(
    forecaster: Forecaster,
    windows: Windows,
    train: Tensor,
    valid: Tensor,
    loop: Loop,
    halves: tuple[Tensor, Tensor] | None,
) -> list[Judged]:
    """Return forecasts of the held-out windows, or of training windows where none are held out.

    Parameters
    ----------
    forecaster : Forecaster
        Of the loop's module.
    windows : Windows
    train, valid : Tensor of int64
    loop : Loop
        Finished.
    halves : tuple of Tensor or None
        The held-out windows in two parts, each to be forecast by the weights that were best on the other.
    """
    if halves is None:
        return [answered(forecaster, windows, valid if len(valid) else train)]
    found = []
    for k, half in enumerate(halves):
        with loop.best_of(1 - k):
            found.append(answered(forecaster, windows, half))
    return found


def calibration(judged: Sequence[Judged]) -> np.ndarray:
    """Return the errors of held-out quantiles from which intervals are made, float32 (n, horizon, channels, levels)."""
    errors = [part.windows.future(torch.arange(len(part.windows))).unsqueeze(3) - part.relative for part in judged]
    found: np.ndarray = torch.cat(errors).numpy().astype(np.float32)
    return found


def of_fit(
    forecaster: Forecaster,
    windows: Windows,
    judged: Sequence[Judged],
    panel: Panel,
    split: list[tuple[int, int]],
    cell: str,
    *,
    held_out: bool,
) -> FitReport:
    """Return the report.

    Parameters
    ----------
    forecaster : Forecaster
    windows : Windows
    judged : sequence of Judged
    panel : Panel
    split : list of (int, int)
        By series, windows that train and that are held out.
    cell : str
        The cell's name.
    held_out : bool
        Whether the judged windows were not trained on.
    """
    context, horizon = forecaster.histories.context, forecaster.horizon
    series = forecaster.histories.of_targets(panel.items)
    known = [x[: context + n - 1 + horizon] for x, (n, _) in zip(series, split, strict=True)]
    scale = mase_scale(known, forecaster.season)
    parts = []
    for part in judged:
        found = answers(part.forecaster, part.windows, part.relative)
        parts.append((part.windows, found | _without_learning(found[LAST], part.windows, known)))
    return _report(_losses(parts, scale), held_out, forecaster, cell)


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
    by_origin: dict[str, list[np.ndarray]]  # scaled, a mean for each window; windows that follow each other together

    def table(self) -> dict[str, dict[str, float]]:
        """Return both means by candidate."""
        return {name: {"mae": self.mae[name], "mase": mase} for name, mase in self.mase.items()}


def _losses(parts: Sequence[tuple[Windows, dict[str, np.ndarray]]], scale: np.ndarray) -> _Losses:
    names = [name for name in parts[0][1] if name != "actual" and all(name in found for _, found in parts)]
    off = {name: [np.abs(found[name] - found["actual"]) for _, found in parts] for name in names}
    series = [windows.series.numpy() for windows, _ in parts]
    scaled = {
        name: [value / scale[own][:, None] for value, own in zip(values, series, strict=True)]
        for name, values in off.items()
    }
    each = {
        name: [
            _mean_of_rows(value[own == i]) for value, own in zip(values, series, strict=True) for i in np.unique(own)
        ]
        for name, values in scaled.items()
    }
    return _Losses(
        {name: float(np.nanmean(np.concatenate(values))) for name, values in off.items()},
        {name: float(np.nanmean(np.concatenate(values))) for name, values in scaled.items()},
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
    undone = {name: windows.undone(every, value).numpy() for name, value in found.items()}
    return undone | {MODEL: forecaster.clipped(undone[MODEL])}


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
    return _losses([(windows, answers(forecaster, windows, relative))], scale).table()


def skill(candidates: dict[str, dict[str, float]]) -> float:
    """Return 1 − MASE / MASE of the last value: 1 is perfect, 0 the last value. For one series, MAE would do as well.

    Where the last value is perfect, it is 1 for what is perfect too, else 0.
    """
    naive, model = candidates[LAST]["mase"], candidates[MODEL]["mase"]
    if naive <= 0:
        return 1.0 if model <= 1e-6 else 0.0
    return 1.0 - model / naive


def _report(losses: _Losses, held_out: bool, forecaster: Forecaster, cell: str) -> FitReport:
    candidates, horizon = losses.table(), forecaster.horizon
    rows = sum(map(len, losses.by_origin[MODEL]))
    constant = candidates[LAST]["mase"] <= 0

    def over(name: str) -> Lead:
        pairs = zip(losses.by_origin[name], losses.by_origin[MODEL], strict=True)
        return evidence.lead_in_time([theirs - ours for theirs, ours in pairs], horizon, losses.mase[LAST])

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
    # Both as windows: of those that overlap it takes more.
    report["rows"] = rows
    if report["rows_wanted"] is not None:
        report["rows_wanted"] = max(rows + 1, -(-report["rows_wanted"] * rows // max(1, apart)))
    if constant:
        report["learned"], report["verdict"] = True, texts.CONSTANT  # there is nothing to learn
        return report
    cheaper = min((n for n in candidates if n != MODEL), key=lambda n: candidates[n]["mase"])
    report["verdict"] = _verdict(report, cell, cheaper, over(cheaper) if apart >= evidence.FEWEST else None)
    return report


def _verdict(report: FitReport, cell: str, cheaper: str, lead: Lead | None) -> str:
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
    )
    name = (texts.ON_LINEAR if report["relative_to"] == "linear" else texts.ON_NAIVE).format(cell=cell)
    better = texts.NAMES[cheaper]
    said = texts.IS_EQUAL.format(better=better[:1].lower() + better[1:])
    if lead is not None and lead.better <= evidence.LEVEL and learned is not False:
        said = texts.IS_BEST.format(name=name[:1].upper() + name[1:])
    elif lead is not None and lead.worse <= evidence.LEVEL:
        said = texts.IS_BETTER.format(better=better)
    return text + _why_not(report) + said


def _why_not(report: FitReport) -> str:
    if report["learned"] is False:
        return "" if report["effect"] >= 1.0 else texts.POWER.format(effect=report["effect"])
    return reports.why_not(report, 0.0)
