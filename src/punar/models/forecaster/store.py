"""A forecasting model as facts and tensors, and back from untrusted ones.

Of the series that were fitted on, a folder holds the ends only: what :meth:`punar.SequenceModel.predict` needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from punar import stored
from punar.baselines.linear_autoregression import LinearAutoregression
from punar.core import plugins
from punar.core.weights import load_weights
from punar.data.clock import Clock
from punar.errors import DamagedModelError, shown
from punar.models.forecaster import network
from punar.models.forecaster.fit import Fitted
from punar.models.forecaster.model import CALIBRATED, RELATIVE_TO, Forecaster, Tail
from punar.models.recurrent.module import SequenceModule
from punar.models.recurrent.store import stored_network
from punar.preparations.histories import Histories
from punar.tasks.forecasting import Forecasting
from punar.texts import card
from punar.training.report import FitReport

_Plain = bool | int | float | str


class _Linear(msgspec.Struct):
    alone: bool
    penalty: float


class _Tail(msgspec.Struct):
    single: bool
    flat: bool
    ids: list[_Plain | Annotated[tuple[_Plain, ...], msgspec.Meta(min_length=2)]] | None
    clocks: list[Clock | None] | None


class _Facts(msgspec.Struct):
    season: Annotated[int, msgspec.Meta(ge=1, le=2**24)]
    relative_to: str
    linear: _Linear
    tail: _Tail
    calibrated: str = "split"
    lower: float | None = None
    upper: float | None = None


def to_stored(fitted: Fitted) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a fit's facts and tensors."""
    forecaster: Forecaster = fitted.forecaster
    tail, linear = forecaster.tail, forecaster.linear
    tensors = stored.module_tensors(fitted.module) | {
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
        **stored.task_facts(fitted.task),
        "season": forecaster.season,
        "relative_to": forecaster.relative_to,
        "linear": {"alone": linear.alone, "penalty": linear.penalty},
        "tail": {
            "single": tail.single,
            "flat": tail.flat,
            "ids": None if tail.ids is None else [_plain(i) for i in tail.ids],
            "clocks": clocks,
        },
        "calibrated": forecaster.calibrated,
        "lower": forecaster.lower,
        "upper": forecaster.upper,
        "holds": card.HOLDS_ENDS.format(steps=max(map(len, tail.items)), series=len(tail.items)),
        **stored.record_facts(fitted.history, fitted.report, fitted.seed),
    }
    return facts, tensors


def from_stored(facts: dict[str, Any], tensors: dict[str, Tensor], where: str, parts: tuple[type, ...]) -> Fitted:
    """Return what a fit left behind, from untrusted facts.

    Raises
    ------
    DamagedModelError
        A field is missing or wrong, or facts and tensors do not describe one model.
    UnknownPartError
        A part is not here.
    """
    found = stored.convert(facts, _Facts, where)
    if found.relative_to not in RELATIVE_TO:
        raise DamagedModelError(f"{where}: relative_to must be one of {RELATIVE_TO}, found {shown(found.relative_to)}.")
    if found.calibrated not in CALIBRATED:
        raise DamagedModelError(f"{where}: calibrated must be one of {CALIBRATED}, found {shown(found.calibrated)}.")
    with stored.as_damage(where):
        histories = Histories.from_facts(facts["input"])
        cell, design = stored_network(facts, parts, where)
        task: Forecasting = stored.read_task(facts, Forecasting, parts, where)
        sound = design.outputs == task.outputs and design.width == histories.width and design.tokens is None
        if not sound or task.channels != histories.aims:
            raise DamagedModelError(f"{where}: network, input and task must have the same channels and horizon.")
        linear = _linear(found.linear, tensors, histories, int(task.horizon or 0), where)
        tail = _tail(found.tail, tensors, histories, where)
        calibration = _checked(tensors, "calibration", torch.float32, where)
        shape = (int(task.horizon or 0), histories.aims, len(task.levels))
        if calibration.dim() != 4 or tuple(calibration.shape[1:]) != shape:
            raise DamagedModelError(f"{where}: calibration must be (n, {', '.join(map(str, shape))}).")
    record = stored.read_record(facts, where)
    module = load_weights(
        lambda: network.build(design, cell, None, histories, task), stored.own_tensors(tensors), where
    ).eval()
    assert isinstance(module, SequenceModule)
    forecaster = Forecaster(
        module,
        histories,
        task,
        found.season,
        found.relative_to,
        linear,
        tail,
        calibration.numpy(),
        calibrated=found.calibrated,
        lower=found.lower,
        upper=found.upper,
    )
    report = FitReport(record.report)
    return Fitted(cell, design, module, histories, task, record.history, report, record.seed, forecaster)


def _linear(
    facts: _Linear, tensors: Mapping[str, Tensor], histories: Histories, horizon: int, where: str
) -> LinearAutoregression:
    weight = _checked(tensors, "linear.weight", torch.float64, where)
    bias = _checked(tensors, "linear.bias", torch.float64, where)
    inputs, outputs = (1, 1) if facts.alone else (histories.channels, histories.aims)
    shape = (histories.context * inputs + horizon * len(histories.known_ahead), horizon * outputs)
    if tuple(weight.shape) != shape or tuple(bias.shape) != shape[1:]:
        raise DamagedModelError(f"{where}: the linear part must have weights {shape}, found {tuple(weight.shape)}.")
    if not bool(torch.isfinite(weight).all() and torch.isfinite(bias).all()):
        raise DamagedModelError(f"{where}: the linear part's weights must be finite.")
    return LinearAutoregression(weight, bias, facts.alone, facts.penalty)


def _tail(facts: _Tail, tensors: Mapping[str, Tensor], histories: Histories, where: str) -> Tail:
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
    if (facts.single and n != 1) or (facts.flat and channels != 1):
        raise DamagedModelError(f"{where}: single and flat must say how the series were passed.")
    for name, found in (("ids", facts.ids), ("clocks", facts.clocks)):
        if found is not None and len(found) != n:
            raise DamagedModelError(f"{where}: {name} must be null or a list of {n}, found {shown(found)}.")
    for clock in facts.clocks or ():
        if clock is not None:
            _check_clock(clock)
    items = [x.numpy() for x in values.split(lengths.tolist())]
    return Tail(items, scale.numpy(), facts.single, facts.flat, facts.ids, facts.clocks)


def _check_clock(clock: Clock) -> None:
    if isinstance(clock.last, str) != isinstance(clock.step, str):
        raise ValueError("a clock must have numbers, or a date and a frequency")
    clock.after(1)


def _checked(tensors: Mapping[str, Tensor], name: str, dtype: torch.dtype, where: str) -> Tensor:
    if tensors[name].dtype != dtype:
        raise DamagedModelError(f"{where}: {name} must be {dtype}, found {tensors[name].dtype}.")
    return tensors[name]


def _plain(value: Any) -> Any:
    """Return an id as a JSON value: numbers and texts as they are, the rest as text."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, tuple):  # of a table's index with several levels
        return [_plain(part) for part in value]
    return value if isinstance(value, (str, int, float)) else str(value)
