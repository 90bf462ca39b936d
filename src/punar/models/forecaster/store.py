"""A forecasting model as facts and tensors, and back from a folder that nobody vouches for.

Of the series that were fitted on, a folder holds the ends only: what :meth:`punar.SequenceModel.predict` needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.baselines.linear_autoregression import LinearAutoregression
from punar.core import plugins
from punar.data.clock import Clock
from punar.errors import DamagedModelError, shown
from punar.models.codec.model import as_damage
from punar.models.forecaster.model import RELATIVE_TO, Forecaster, Tail
from punar.models.recurrent.fit import Fitted
from punar.models.recurrent.store import stored_module, stored_network
from punar.preparations.histories import Histories
from punar.tasks.forecasting import Forecasting
from punar.texts import card
from punar.training.report import FitReport

_MOST = 2**24


def to_stored(fitted: Fitted) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a fit's facts and tensors."""
    forecaster: Forecaster = fitted.extra["forecaster"]
    tail, linear = forecaster.tail, forecaster.linear
    tensors = {f"module.{k}": v for k, v in fitted.module.state_dict().items()}
    tensors |= {
        "linear.weight": linear.weight.contiguous(),
        "linear.bias": linear.bias.contiguous(),
        "tail.values": torch.from_numpy(np.concatenate(tail.items)),
        "tail.lengths": torch.tensor([len(x) for x in tail.items]),
        "tail.scale": torch.from_numpy(tail.scale),
        "calibration": torch.from_numpy(np.ascontiguousarray(forecaster.calibration)),
    }
    clocks = None if tail.clocks is None else [None if c is None else asdict(c) for c in tail.clocks]
    facts = {
        "cell": plugins.to_dict(fitted.cell),
        "design": fitted.design.facts(),
        "input": forecaster.histories.facts(),
        "task": plugins.to_dict(fitted.task),
        "task_state": fitted.task.state(),
        "season": forecaster.season,
        "relative_to": forecaster.relative_to,
        "linear": {"alone": linear.alone, "penalty": linear.penalty},
        "tail": {
            "single": tail.single,
            "flat": tail.flat,
            "ids": None if tail.ids is None else [_plain(i) for i in tail.ids],
            "clocks": clocks,
        },
        "holds": card.HOLDS_ENDS.format(steps=max(map(len, tail.items)), series=len(tail.items)),
        "history": fitted.history,
        "report": dict(fitted.report),
        "seed": fitted.seed,
    }
    return facts, tensors


def from_stored(facts: dict[str, Any], tensors: dict[str, Tensor], where: str, parts: tuple[type, ...]) -> Fitted:
    """Return what a fit left behind.

    Raises
    ------
    DamagedModelError
        Facts and tensors do not describe one model.
    UnknownPartError
        A part is not here.
    """
    with as_damage(where):
        histories = Histories.from_facts(facts["input"])
        cell, design = stored_network(facts, parts, where)
        task = plugins.from_dict(facts["task"], parts=parts, allowed=("tasks",))
        if not isinstance(task, Forecasting):
            raise DamagedModelError(f"{where}: task must be Forecasting, found {type(task).__name__}.")
        task.restore(facts["task_state"])
        season, relative_to = facts["season"], facts["relative_to"]
        if type(season) is not int or not 1 <= season <= _MOST or relative_to not in RELATIVE_TO:
            raise DamagedModelError(f"{where}: season must be an integer >= 1, relative_to one of {RELATIVE_TO}.")
        sound = design.outputs == task.outputs and design.width == histories.width and design.tokens is None
        if not sound or task.channels != histories.channels:
            raise DamagedModelError(f"{where}: network, input and task must have the same channels and horizon.")
        linear = _linear(facts["linear"], tensors, histories, int(task.horizon or 0), where)
        tail = _tail(facts["tail"], tensors, histories, where)
        calibration = _checked(tensors, "calibration", torch.float32, where)
        shape = (int(task.horizon or 0), histories.channels, len(task.levels))
        if calibration.dim() != 4 or tuple(calibration.shape[1:]) != shape:
            raise DamagedModelError(f"{where}: calibration must be (n, {', '.join(map(str, shape))}).")
        history, seed = facts["history"], int(facts["seed"])
        if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
            raise DamagedModelError(f"{where}: history must be a list of objects, one per epoch.")
        report = FitReport.from_stored(facts["report"], where)
    module = stored_module(cell, design, tensors, where)
    forecaster = Forecaster(module, histories, task, season, relative_to, linear, tail, calibration.numpy())
    return Fitted(cell, design, module, histories, task, history, report, seed, {"forecaster": forecaster})


def _linear(
    facts: Mapping[str, Any], tensors: Mapping[str, Tensor], histories: Histories, horizon: int, where: str
) -> LinearAutoregression:
    alone, penalty = facts["alone"], float(facts["penalty"])
    weight = _checked(tensors, "linear.weight", torch.float64, where)
    bias = _checked(tensors, "linear.bias", torch.float64, where)
    channels = 1 if alone else histories.channels
    shape = (histories.context * channels, horizon * channels)
    if type(alone) is not bool or tuple(weight.shape) != shape or tuple(bias.shape) != shape[1:]:
        raise DamagedModelError(f"{where}: the linear part must have weights {shape}, found {tuple(weight.shape)}.")
    if not bool(torch.isfinite(weight).all() and torch.isfinite(bias).all()):
        raise DamagedModelError(f"{where}: the linear part's weights must be finite.")
    return LinearAutoregression(weight, bias, alone, penalty)


def _tail(facts: Mapping[str, Any], tensors: Mapping[str, Tensor], histories: Histories, where: str) -> Tail:
    values = _checked(tensors, "tail.values", torch.float64, where)
    lengths = _checked(tensors, "tail.lengths", torch.int64, where)
    scale = _checked(tensors, "tail.scale", torch.float64, where)
    n, channels = len(lengths), histories.channels
    # Each is held to the whole before they are added: sums of hostile numbers overflow.
    whole = bool((lengths >= histories.context).all()) and bool((lengths <= len(values)).all())
    if not n or not whole or int(lengths.sum()) != len(values) or tuple(values.shape[1:]) != (channels,):
        raise DamagedModelError(f"{where}: the ends of the series must have {channels} channels and fit their lengths.")
    if tuple(scale.shape) != (n, channels) or not bool((torch.isfinite(scale) & (scale > 0)).all()):
        raise DamagedModelError(f"{where}: each series must have a finite scale > 0 per channel.")
    if bool(torch.isinf(values).any()) or (histories.missing == "refuse" and bool(torch.isnan(values).any())):
        raise DamagedModelError(f"{where}: the ends of the series must be finite numbers.")
    single, flat, ids, clocks = (facts[k] for k in ("single", "flat", "ids", "clocks"))
    if type(single) is not bool or type(flat) is not bool or (single and n != 1) or (flat and channels != 1):
        raise DamagedModelError(f"{where}: single and flat must say how the series were passed.")
    for name, found in (("ids", ids), ("clocks", clocks)):
        if found is not None and (not isinstance(found, list) or len(found) != n):
            raise DamagedModelError(f"{where}: {name} must be null or a list of {n}, found {shown(found)}.")
    if ids is not None and not all(isinstance(i, (str, int, float)) for i in ids):
        raise DamagedModelError(f"{where}: ids must be texts or numbers.")
    items = [x.numpy() for x in values.split(lengths.tolist())]
    return Tail(items, scale.numpy(), single, flat, ids, None if clocks is None else [_clock(c) for c in clocks])


def _clock(facts: Any) -> Clock | None:
    if facts is None:
        return None
    clock = Clock(**facts)
    if isinstance(clock.last, str) != isinstance(clock.step, str) or type(clock.regular) is not bool:
        raise ValueError("a clock must have numbers, or a date and a frequency")
    clock.after(1)
    return clock


def _checked(tensors: Mapping[str, Tensor], name: str, dtype: torch.dtype, where: str) -> Tensor:
    if tensors[name].dtype != dtype:
        raise DamagedModelError(f"{where}: {name} must be {dtype}, found {tensors[name].dtype}.")
    return tensors[name]


def _plain(value: Any) -> Any:
    """Return an id as a JSON value: numbers and texts as they are, the rest as text."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, (str, int, float)) else str(value)
