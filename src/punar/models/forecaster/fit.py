"""One fit of a forecasting model: read, find season and context, split in time, fit the linear part, train, report."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from punar.cells import Cell
from punar.core.params import Rule, check_params, either, integer, none, one_of
from punar.core.runtime import pick_device, threads
from punar.data.channels import say_if_first
from punar.data.panel import Panel, read_panel
from punar.data.season import find_season
from punar.data.windows import default_context, filled
from punar.errors import DataError, ParameterError
from punar.models import assemble
from punar.models.division import Wanted
from punar.models.evidence import MANY, affordable, say_repeated
from punar.models.forecaster import report as _forecast_report
from punar.models.forecaster.channels import check_bounds, with_roles
from punar.models.forecaster.model import RELATIVE_TO, Forecaster, Tail, base
from punar.models.forecaster.report import Judged
from punar.models.forecaster.split import Split
from punar.models.forecaster.trainer import Trainer, module_of
from punar.models.recurrent.fit import design_of, settings
from punar.models.recurrent.module import Design, SequenceModule
from punar.preparations.histories import Histories
from punar.tasks import Task
from punar.tasks.forecasting import Forecasting
from punar.texts.times import FREQ_NEEDS_TIMES
from punar.training import job as _fitting
from punar.training.checkpoint import FILE, Checkpoint
from punar.training.checkpoint_file import damaged
from punar.training.evidence import FEWEST
from punar.training.loop import Loop
from punar.training.report import FitReport

_RULES: dict[str, Rule] = {
    "horizon": integer(1),
    "context": either(none(), integer(1)),
    "season": either(one_of("auto"), integer(1)),
    "relative_to": one_of(*RELATIVE_TO),
}
_CALIBRATION = "calibration"  # the errors' name in a checkpoint
_SAMPLE = 4096  # windows from which the usual size of targets is learned


@dataclass
class Fitted:
    """What a fit leaves behind.

    Attributes
    ----------
    cell : Cell
    design : Design
    module : SequenceModule
    preparation : Histories
    task : Forecasting
    history : list of dict
    report : FitReport
    seed : int
    forecaster : Forecaster
        The module with what it adds to, and what it is calibrated by.
    """

    cell: Cell
    design: Design
    module: SequenceModule
    preparation: Histories
    task: Forecasting
    history: list[dict[str, float]]
    report: FitReport
    seed: int
    forecaster: Forecaster


def fit(estimator: Any, task: Task, X: Any, checkpoint: Any) -> Fitted:
    """Fit a forecasting model.

    Parameters
    ----------
    estimator : SequenceModel
        Its general parameters are checked.
    task : Task
        A clone of the estimator's.
    X : array-like
        See :func:`punar.data.panel.read_panel`.
    checkpoint : path or None
    """
    where = f"{type(estimator).__name__}.fit"
    if estimator.warm_start:
        raise ParameterError(f"{where}: warm_start=True is not for task='forecasting'. Leave it out.")
    task = _task(estimator, task)
    cell = assemble.part(estimator, "cell", "cells", Cell)
    device = pick_device(estimator.device)
    seed, seed_to_write = _fitting.resolve_seed(estimator.random_state, checkpoint)
    panel = read_panel(
        X,
        where,
        id_column=estimator.id_column,
        time_column=estimator.time_column,
        missing=estimator.missing,
        time_format=estimator.time_format,
        freq=estimator.freq,
    )
    if estimator.freq is not None and panel.times is None:
        raise ParameterError(FREQ_NEEDS_TIMES.format(where=where))
    horizon = int(task.horizon or 0)
    if not panel.names and not panel.single:
        say_if_first(panel.items, where)
    histories, season = _histories(estimator, panel, horizon, where)
    chosen = settings(estimator, task, histories.domain, cell)
    parts = Split.of(histories, panel, horizon, season, float(estimator.validation_fraction))
    windows, train = parts.windows, parts.train
    linear = parts.linear_of(train)
    with threads(1):
        some = train[torch.linspace(0, len(train) - 1, min(len(train), _SAMPLE)).long()]
        task.learn_rows((windows.future(some) - base(estimator.relative_to, linear, windows, some)).numpy(), where)
    design = design_of(estimator, task, chosen, histories)
    store = None
    if checkpoint is not None:
        data = {"content": _content(panel), "series": len(panel)}
        store = Checkpoint(checkpoint, _fitting.fingerprint(estimator, data, seed_to_write))
        kept = store.load()
        # Each save writes the whole file: what a finished job left there stays in it.
        store.tensors |= {k: v for k, v in (kept[1] if kept else {}).items() if k == _CALIBRATION}
    trainer = Trainer(parts, histories, task, estimator.relative_to, cell, design, chosen, seed, device)
    loop = trainer.trained(linear, train, parts.valid, halves=parts.halves, store=store)
    forecaster = Forecaster(
        module=module_of(loop),
        histories=histories,
        task=task,
        season=season,
        relative_to=estimator.relative_to,
        linear=linear,
        tail=Tail.of(panel, histories, max(histories.context, season)),
        calibration=np.zeros((0, horizon, histories.aims, len(task.levels)), np.float32),
        held_out=[held for _, held in parts.counts],
        panel=panel,
        calibrated="pooled",
        lower=_bound(estimator.lower),
        upper=_bound(estimator.upper),
    )
    report = _fitting.kept_report(store)
    if report is None:
        name = estimator.cell if isinstance(estimator.cell, str) else type(cell).__name__.lower()
        judged = _judged(estimator, trainer, forecaster, loop)
        held_out = len(parts.valid) > 0
        report = _forecast_report.of_fit(forecaster, windows, judged, panel, parts.counts, name, held_out=held_out)
        _fitting.say_out_of_time(report, loop)
        if store is not None:
            store.tensors[_CALIBRATION] = torch.from_numpy(forecaster.calibration)
        _fitting.keep_report(store, loop, report)
    elif store is not None:
        errors = store.tensors.get(_CALIBRATION)
        if errors is None or errors.dim() != 4 or errors.shape[1:] != forecaster.calibration.shape[1:]:
            raise damaged(store.folder / FILE, "the errors that intervals are made of are missing")
        forecaster.calibration = errors.numpy()
    return Fitted(cell, design, forecaster.module, histories, task, loop.history, report, seed, forecaster)


def _judged(estimator: Any, trainer: Trainer, forecaster: Forecaster, loop: Loop) -> list[Judged]:
    """Return the windows that the fit is judged by, with forecasts that they did not choose; calibrate intervals."""
    parts, linear = trainer.split, forecaster.linear
    windows, valid, halves = parts.windows, parts.valid, parts.halves
    judged = [*_forecast_report.held_out(forecaster, windows, parts.train, valid, loop, halves)]
    if not len(valid):
        return judged
    forecaster.calibration = _forecast_report.calibration(judged)
    if estimator.evidence != "auto" or len(valid) >= MANY or not affordable(loop):
        return judged
    early, later = parts.early()
    if halves is None or len(early) >= FEWEST:
        say_repeated(estimator)
    if halves is None:
        # All of so few windows chose the epoch: a fit whose training they do not stop answers for them.
        other = replace(forecaster, module=module_of(trainer.unstopped(linear)))
        forecaster.calibration = _forecast_report.calibration([_forecast_report.answered(other, windows, valid)])
    if len(early) >= FEWEST and affordable(loop):
        # Where those held out are few, a second fit answers for the first windows.
        linear = parts.linear_of(later)
        other = replace(forecaster, module=module_of(trainer.trained(linear, later, valid)), linear=linear)
        judged.append(_forecast_report.answered(other, windows, early))
    return judged


def _bound(value: Any) -> float | None:
    return None if value is None else float(value)


def refuse_targets(estimator: Any, y: Any, sample_weight: Any) -> None:
    """Raise where a forecasting model is given targets or weights."""
    where = f"{type(estimator).__name__}.fit"
    if y is not None:
        raise DataError(f"{where}: task='forecasting' takes no y: what is to be forecast are the series themselves.")
    if sample_weight is not None:
        raise ParameterError(f"{where}: sample_weight is not for task='forecasting'.")


def refuse_division(wanted: Wanted) -> None:
    """Raise where a call says how to divide windows, which time divides."""
    if wanted.given:
        raise ParameterError(
            f"{wanted.where}: validation_data= is not for task='forecasting', which holds out the last windows of each "
            "series: set validation_fraction= to their share. For later values: backtest(X) of the fitted model."
        )
    if wanted.groups is not None:
        raise ParameterError(
            f"{wanted.where}: groups= is not for task='forecasting', where time divides each series and not the items."
        )


def _task(estimator: Any, given: Task) -> Forecasting:
    """Return the task with the estimator's horizon and quantiles, or those of a task that is passed as an object."""
    owner = type(estimator).__name__
    if not isinstance(given, Forecasting):
        raise ParameterError(f"{owner}: a forecaster carries tasks made from Forecasting, got {type(given).__name__}.")
    task = Forecasting(
        given.horizon if estimator.horizon is None else estimator.horizon,
        given.quantiles if estimator.quantiles is None else estimator.quantiles,
    )
    if task.horizon is None:
        raise ParameterError(f"{owner}: task='forecasting' needs horizon=, the number of steps to forecast.")
    task.check(owner)
    check_params(estimator, {k: r for k, r in _RULES.items() if k != "horizon"})
    if estimator.class_weight is not None:
        raise ParameterError(f"{owner}: class_weight is for task='classification'.")
    if estimator.kind not in (None, "series"):
        raise ParameterError(f"{owner}: task='forecasting' reads series, not kind={estimator.kind!r}.")
    return task


def _histories(estimator: Any, panel: Panel, horizon: int, where: str) -> tuple[Histories, int]:
    """Return the input facts and the season."""
    facts = Histories(
        channels=panel.channels,
        context=1,
        names=panel.names,
        missing=estimator.missing,
        scaled=estimator.scaling != "none",
        id_column=estimator.id_column,
        time_column=estimator.time_column,
        levels=panel.levels,
        time_format=estimator.time_format or panel.time_format,
        freq=estimator.freq,
    )
    facts.refuse_short(panel, horizon + 1, f"horizon={horizon}", where)
    facts = with_roles(facts, panel, estimator.target, estimator.known_ahead, where)
    check_bounds(facts, panel, estimator.lower, estimator.upper, where)
    season = int(estimator.season) if estimator.season != "auto" else None
    if season is None:
        season = find_season([filled(x) for x in facts.of_targets(panel.items)])
    if estimator.context is None:
        context = default_context(min(map(len, panel.items)), horizon, season)
    else:
        context = int(estimator.context)
        told = f"context={context} and horizon={horizon}"
        facts.refuse_short(panel, context + horizon, told, where)
    return replace(facts, context=context), season


def _content(panel: Panel) -> str:
    digest = hashlib.blake2b(repr(panel.ids).encode(), digest_size=16)
    for item in panel.items:
        digest.update(f"{item.shape}".encode() + np.ascontiguousarray(item).tobytes())
    return digest.hexdigest()
