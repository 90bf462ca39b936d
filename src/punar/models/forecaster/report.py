"""Did the forecaster learn? Its errors beside the last value, the last season and a linear autoregression."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.baselines import mase_scale
from punar.data.panel import Panel
from punar.data.windows import Windows
from punar.models.forecaster.model import Forecaster
from punar.texts import forecasting as texts
from punar.training import report as reports
from punar.training.report import MOST_ROWS, FitReport

MODEL, LAST, SEASONAL, LINEAR = "model", "last_value", "seasonal_naive", "linear"
# Errors of overlapping windows are no independent draws: a smaller difference than this share says nothing.
_CLEAR = 0.02
_ROUNDING = 1e-4  # of the last value's error


def of_fit(
    forecaster: Forecaster,
    windows: Windows,
    train: Tensor,
    valid: Tensor,
    panel: Panel,
    split: list[tuple[int, int]],
    cell: str,
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
    """
    held_out = len(valid) > 0
    some = valid if held_out else train
    if len(some) > MOST_ROWS:
        some = some[torch.linspace(0, len(some) - 1, MOST_ROWS).long()]
    measured = windows.at(some)
    relative = forecaster.quantiles(measured, torch.device("cpu"))
    errors = (measured.future(torch.arange(len(measured))).unsqueeze(3) - relative).numpy()
    context, horizon = forecaster.histories.context, forecaster.horizon
    known = [x[: context + n - 1 + horizon] for x, (n, _) in zip(panel.items, split, strict=True)]
    candidates = measures(forecaster, measured, relative, mase_scale(known, forecaster.season))
    report = _report(candidates, len(measured), held_out, forecaster, cell)
    calibration = errors if held_out else errors[:0]
    return report, calibration.astype(np.float32)


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
    found = answers(forecaster, windows, relative)
    actual = found.pop("actual")
    by = scale[windows.series.numpy()][:, None]
    return {
        name: {
            "mae": float(np.nanmean(np.abs(value - actual))),
            "mase": float(np.nanmean(np.abs(value - actual) / by)),
        }
        for name, value in found.items()
    }


def skill(candidates: dict[str, dict[str, float]]) -> float:
    """Return 1 − MASE / MASE of the last value: 1 is perfect, 0 the last value. For one series, MAE would do as well.

    Where the last value is perfect, it is 1 for what is perfect too, else 0.
    """
    naive, model = candidates[LAST]["mase"], candidates[MODEL]["mase"]
    if naive <= 0:
        return 1.0 if model <= 1e-6 else 0.0
    return 1.0 - model / naive


def _report(
    candidates: dict[str, dict[str, float]], rows: int, held_out: bool, forecaster: Forecaster, cell: str
) -> FitReport:
    report = reports.scored(
        forecaster.task.metric,
        skill(candidates),
        0.0,
        rows,
        reports.HELD_OUT if held_out else reports.TRAINING,
        candidates=candidates,
        best=min(candidates, key=lambda name: candidates[name]["mase"]),
        horizon=forecaster.horizon,
        context=forecaster.histories.context,
        season=forecaster.season,
        relative_to=forecaster.relative_to,
    )
    constant = candidates[LAST]["mase"] <= 0
    report["learned"] |= constant
    report["verdict"] = texts.CONSTANT if constant else _verdict(report, cell)
    return report


def _verdict(report: FitReport, cell: str) -> str:
    candidates = report["candidates"]
    words: dict[str, Any] = {name: value["mase"] for name, value in candidates.items()}
    others = [texts.LAST_VALUE.format(mase=words[LAST])]
    if SEASONAL in words:
        others.append(texts.SEASONAL_NAIVE.format(mase=words[SEASONAL], season=report["season"]))
    others.append(texts.LINEAR.format(mase=words[LINEAR]))
    text = (texts.LEARNED if report["learned"] else texts.DID_NOT_LEARN).format(
        model=words[MODEL],
        mae=candidates[MODEL]["mae"],
        rows=report["rows"],
        which=reports.which(report["rows_from"]),
        horizon=report["horizon"],
        others=", ".join(others),
    )
    cheaper = min((n for n in words if n != MODEL), key=words.__getitem__)
    name = (texts.ON_LINEAR if report["relative_to"] == "linear" else texts.ON_NAIVE).format(cell=cell)
    clear, lead = max(words[cheaper] * _CLEAR, words[LAST] * _ROUNDING), words[cheaper] - words[MODEL]
    better = texts.NAMES[cheaper]
    return text + reports.says(
        lead - clear,
        lead + clear,
        better=texts.IS_BEST.format(name=name[:1].upper() + name[1:]),
        worse=texts.IS_BETTER.format(better=better),
        equal=texts.IS_EQUAL.format(better=better[:1].lower() + better[1:]),
    )
