"""One fit of a forecasting model: read, find season and context, split in time, fit the linear part, train, report."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from punar.baselines.linear_autoregression import LinearAutoregression, fit_linear
from punar.cells import Cell
from punar.core.params import Rule, check_params, either, integer, none, one_of
from punar.core.runtime import pick_device, threads
from punar.data.panel import Panel, read_panel
from punar.data.season import find_season
from punar.data.windows import Windows, default_context, filled, split_in_time
from punar.errors import DataError, ParameterError
from punar.models import assemble
from punar.models.evidence import MANY, affordable, say_repeated
from punar.models.forecaster import report as _forecast_report
from punar.models.forecaster.model import RELATIVE_TO, Forecaster, ForecastRows, Tail, base
from punar.models.recurrent.fit import design_of, losses_of, settings, train_module
from punar.models.recurrent.module import Design, SequenceModule
from punar.preparations.histories import Histories
from punar.tasks import Task
from punar.tasks.forecasting import Forecasting
from punar.training import job as _fitting
from punar.training.checkpoint import Checkpoint
from punar.training.evidence import FEWEST
from punar.training.loop import Loop
from punar.training.report import FitReport

_RULES: dict[str, Rule] = {
    "horizon": integer(1),
    "context": either(none(), integer(1)),
    "season": either(one_of("auto"), integer(1)),
    "relative_to": one_of(*RELATIVE_TO),
}
_INNER = 0.2  # of the training windows choose the linear part's penalty
# Windows that the penalty is fitted and checked on, others that train, those held out, and those of no use.
_FITS, _CHECKS, _TRAINS, _HELD_OUT, _UNUSED = range(5)
_EARLY = 0.4  # of the training windows, which a second fit answers for
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
    )
    horizon = int(task.horizon or 0)
    histories, season = _histories(estimator, panel, horizon, where)
    split = [
        split_in_time(len(x) - histories.context - horizon + 1, horizon, float(estimator.validation_fraction))
        for x in panel.items
    ]
    windows, role = _windows(histories, panel, horizon, season, split)
    train, valid = (role < _HELD_OUT).nonzero()[:, 0], (role == _HELD_OUT).nonzero()[:, 0]
    chosen = settings(estimator, task, histories.domain, cell)
    parts = None if len(valid) < FEWEST else _halves(windows, valid)

    def linear_of(some: Tensor) -> LinearAutoregression:
        own = torch.zeros(len(windows), dtype=torch.bool)
        own[some] = True
        with threads(1):  # the same sums in the same order, whatever the caller's number of threads
            return fit_linear(windows, some, *(((role == r) & own).nonzero()[:, 0] for r in (_FITS, _CHECKS)))

    def trained(
        linear: LinearAutoregression,
        train: Tensor,
        valid: Tensor = valid,
        *,
        halves: tuple[Tensor, Tensor] | None = None,
        store: Checkpoint | None = None,
        epochs: int = chosen.epochs,
    ) -> Loop:
        rows = ForecastRows(windows, histories, task, estimator.relative_to, linear, device)
        module = design.build(cell, seed).to(device)
        # The untrained network adds nothing: training begins at the forecast that it is to improve.
        for parameter in module.head.parameters():
            nn.init.zeros_(parameter)
        index, given = (train, valid), SimpleNamespace(**(vars(chosen) | {"epochs": epochs}))
        return train_module(
            given, module, losses_of(task), rows, index, halves=halves, seed=seed, device=device, store=store
        )

    linear = linear_of(train)
    with threads(1):
        some = train[torch.linspace(0, len(train) - 1, min(len(train), _SAMPLE)).long()]
        task.learn_rows((windows.future(some) - base(estimator.relative_to, linear, windows, some)).numpy(), where)
    design = design_of(estimator, task, chosen, histories)
    store = None
    if checkpoint is not None:
        data = {"content": _content(panel), "series": len(panel)}
        store = Checkpoint(checkpoint, _fitting.fingerprint(estimator, data, seed_to_write))
    loop = trained(linear, train, halves=parts, store=store)
    forecaster = Forecaster(
        module=_module_of(loop),
        histories=histories,
        task=task,
        season=season,
        relative_to=estimator.relative_to,
        linear=linear,
        tail=Tail.of(panel, histories, max(histories.context, season)),
        calibration=np.zeros((0, horizon, panel.channels, len(task.levels)), np.float32),
        held_out=[held for _, held in split],
        panel=panel,
        calibrated="pooled",
    )
    name = estimator.cell if isinstance(estimator.cell, str) else type(cell).__name__.lower()
    judged = [*_forecast_report.held_out(forecaster, windows, train, valid, loop, parts)]
    if len(valid):
        forecaster.calibration = _forecast_report.calibration(judged)
    report = _fitting.kept_report(store)
    if report is None:
        repeats = _repeats(estimator, valid, loop)
        early, later = _early(windows, role, horizon) if repeats else (valid[:0], valid)
        if repeats and (parts is None or len(early) >= FEWEST):
            say_repeated(estimator)
        if repeats and parts is None:
            # All of so few windows chose the epoch: a fit whose training they do not stop answers for them.
            before, stops = _before(windows, role, horizon, float(estimator.validation_fraction))
            long = _best_epoch(trained(linear_of(before), before, stops)) if len(stops) else chosen.epochs
            unstopped = replace(forecaster, module=_module_of(trained(linear, train, valid[:0], epochs=long)))
            own = _forecast_report.answered(unstopped, windows, valid)
            forecaster.calibration = _forecast_report.calibration([own])
        if len(early) >= FEWEST:
            again = linear_of(later)
            other = replace(forecaster, module=_module_of(trained(again, later)), linear=again)
            judged.append(_forecast_report.answered(other, windows, early))
        report = _forecast_report.of_fit(forecaster, windows, judged, panel, split, name, held_out=len(valid) > 0)
        _fitting.say_out_of_time(report, loop)
        if store is not None:
            store.tensors[_CALIBRATION] = torch.from_numpy(forecaster.calibration)
        _fitting.keep_report(store, loop, report)
    elif (kept := store.load() if store is not None else None) is not None:
        forecaster.calibration = kept[1][_CALIBRATION].numpy()
    return Fitted(cell, design, forecaster.module, histories, task, loop.history, report, seed, forecaster)


def _module_of(loop: Loop) -> SequenceModule:
    module = loop.module.cpu().eval()
    assert isinstance(module, SequenceModule)
    return module


def _repeats(estimator: Any, valid: Tensor, loop: Loop) -> bool:
    """Return whether a second fit answers for the first windows: where those held out are few."""
    return estimator.evidence == "auto" and 0 < len(valid) < MANY and affordable(loop)


def _before(windows: Windows, role: Tensor, horizon: int, fraction: float) -> tuple[Tensor, Tensor]:
    """Return the windows that would train and hold out if each series ended before those that are held out now."""
    train, stop = [], []
    for i in windows.series.unique().tolist():
        own = ((windows.series == i) & (role < _HELD_OUT)).nonzero()[:, 0]
        trained, held_out = split_in_time(len(own), horizon, fraction)
        train.append(own[:trained])
        stop.append(own[len(own) - held_out :])
    return torch.cat(train), torch.cat(stop)


def _best_epoch(loop: Loop) -> int:
    """Return the epoch, counted from 1, after which the held-out loss was least."""
    return 1 + int(np.argmin([entry["valid_loss"] for entry in loop.history]))


def _early(windows: Windows, role: Tensor, horizon: int) -> tuple[Tensor, Tensor]:
    """Return the first two fifths of each series' training windows, and those after them that forecast other steps.

    What follows a window is as hard to tell from a model of later windows as from one of earlier ones (Bergmeir and
    Benítez, 2012).
    """
    early, later = [], []
    for i in windows.series.unique().tolist():
        own = ((windows.series == i) & (role < _HELD_OUT)).nonzero()[:, 0]
        count = int(_EARLY * len(own))
        early.append(own[:count])
        later.append(own[count + horizon - 1 :])
    return torch.cat(early), torch.cat(later)


def refuse_targets(estimator: Any, y: Any, sample_weight: Any) -> None:
    """Raise where a forecasting model is given targets or weights."""
    where = f"{type(estimator).__name__}.fit"
    if y is not None:
        raise DataError(f"{where}: task='forecasting' takes no y: what is to be forecast are the series themselves.")
    if sample_weight is not None:
        raise ParameterError(f"{where}: sample_weight is not for task='forecasting'.")


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
    )
    facts.refuse_short(panel, horizon + 1, f"horizon={horizon}", where)
    season = find_season([filled(x) for x in panel.items]) if estimator.season == "auto" else int(estimator.season)
    if estimator.context is None:
        context = default_context(min(map(len, panel.items)), horizon, season)
    else:
        context = int(estimator.context)
        told = f"context={context} and horizon={horizon}"
        facts.refuse_short(panel, context + horizon, told, where)
    return replace(facts, context=context), season


def _windows(
    histories: Histories, panel: Panel, horizon: int, season: int, split: list[tuple[int, int]]
) -> tuple[Windows, Tensor]:
    """Return the windows of training and those held out after them, and what each is for."""
    context, origins, roles = histories.context, [], []
    for x, (trained, held_out) in zip(panel.items, split, strict=True):
        last = len(x) - horizon  # one after the last origin that has a whole horizon after it
        origins.append(np.r_[np.arange(context - 1, context - 1 + trained), np.arange(last - held_out, last)])
        fits, checks = split_in_time(trained, horizon, _INNER)
        roles += [_FITS] * fits + [_TRAINS] * (trained - fits - checks) + [_CHECKS] * checks + [_HELD_OUT] * held_out
    windows = histories.windows(panel.items, horizon, season, origins)
    role = torch.tensor(roles)
    if windows.masked:
        every = torch.arange(len(windows))
        blank = torch.cat([windows.future(some).isnan().flatten(1).all(1) for some in every.split(_SAMPLE)])
        # A window with nothing after it teaches nothing, unless all are so.
        role[blank] = _UNUSED if bool((~blank & (role < _HELD_OUT)).any()) else role[blank]
    return windows, role


def _halves(windows: Windows, valid: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return the held-out windows of each series in an earlier and a later half, which forecast no step in common.

    None where too few are left.
    """
    series, shared = windows.series[valid], windows.horizon - 1
    early, late = [], []
    for i in series.unique().tolist():
        own = valid[series == i]
        early.append(own[: max(0, (len(own) + 1) // 2 - shared)])
        late.append(own[(len(own) + 1) // 2 :])
    found = torch.cat(early), torch.cat(late)
    return found if min(map(len, found)) > 0 else None


def _content(panel: Panel) -> str:
    digest = hashlib.blake2b(repr(panel.ids).encode(), digest_size=16)
    for item in panel.items:
        digest.update(f"{item.shape}".encode() + np.ascontiguousarray(item).tobytes())
    return digest.hexdigest()
