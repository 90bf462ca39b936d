"""Which channels of the series are forecast, which are inputs only, and which are known ahead."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from punar.core.words import listed
from punar.data.panel import Panel
from punar.errors import DataError, ParameterError, ParameterTypeError, shown, suggest
from punar.preparations.histories import Histories


def with_roles(facts: Histories, panel: Panel, target: Any, known_ahead: Any, where: str) -> Histories:
    """Return input facts that say which channels are forecast and which are known ahead.

    Parameters
    ----------
    facts : Histories
    panel : Panel
    target, known_ahead : None, str, int or sequence of these
        Names of columns, or numbers of channels. Without a target all are forecast that are not known ahead.
    where : str
        For messages.

    Raises
    ------
    ParameterError, ParameterTypeError
        No such channel, one that is named twice, or none is left to forecast.
    """
    targets, known = (_positions(panel, given, name, where) for name, given in _given(target, known_ahead))
    both = [c for c in targets if c in known]
    if both:
        raise ParameterError(
            f"{where}: {_label(panel, both[0])} is both a target and known_ahead; what is forecast cannot be known."
        )
    if known and target is None:
        targets = tuple(c for c in range(panel.channels) if c not in known)
    if known and not targets:
        raise ParameterError(f"{where}: known_ahead names all {panel.channels} channels; none is left to forecast.")
    one = isinstance(target, (str, int, np.integer)) or (target is None and bool(known) and len(targets) == 1)
    return replace(facts, aimed=targets, known_ahead=known, one=one)


def check_bounds(facts: Histories, panel: Panel, lower: Any, upper: Any, where: str) -> None:
    """Raise where bounds leave no room, or a value that was observed lies beyond them.

    Raises
    ------
    ParameterError, DataError
    """
    if lower is not None and upper is not None and not lower < upper:
        raise ParameterError(f"{where}: lower must be below upper, got lower={lower!r} and upper={upper!r}.")
    low, high = (-np.inf if lower is None else lower), (np.inf if upper is None else upper)
    for i, item in enumerate(facts.of_targets(panel.items)):
        beyond = np.argwhere((item < low) | (item > high))
        if len(beyond):
            step, channel = map(int, beyond[0])
            value = item[step, channel]
            rule = f"lower={lower!r}" if value < low else f"upper={upper!r}"
            raise DataError(
                f"{where}: {panel.named(i)} has {value} at step {step}, beyond {rule}. Forecasts are clipped to the "
                "bounds: give bounds that hold for all values, or repair the series."
            )


def _given(target: Any, known_ahead: Any) -> tuple[tuple[str, Any], tuple[str, Any]]:
    return ("target", target), ("known_ahead", known_ahead)


def _positions(panel: Panel, given: Any, parameter: str, where: str) -> tuple[int, ...]:
    """Return the channels that are named, in the order given."""
    if given is None:
        return ()
    single = isinstance(given, (str, int, np.integer))
    if not single and (not isinstance(given, (list, tuple, np.ndarray)) or np.ndim(given) == 0):
        raise ParameterTypeError(f"{where}: {parameter} must be a name or number of a channel, or a list of these.")
    wanted = [given] if single else list(given)
    if not wanted:
        raise ParameterError(f"{where}: {parameter} names no channel; leave it out, or name one.")
    found = tuple(_position(panel, each, parameter, where) for each in wanted)
    if len(set(found)) < len(found):
        raise ParameterError(f"{where}: {parameter} must name different channels, got {shown(wanted)}.")
    return found


def _position(panel: Panel, given: Any, parameter: str, where: str) -> int:
    if isinstance(given, str):
        if given in panel.names:
            return panel.names.index(given)
        there = f"There are: {listed(list(panel.names))}." if panel.names else "The series have no names: give numbers."
        told = f"{where}: {parameter}={shown(given)} is not a channel of the series."
        raise ParameterError(f"{told}{suggest(given, list(panel.names))} {there}")
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)):
        raise ParameterTypeError(f"{where}: {parameter} must hold names or numbers of channels, got {shown(given)}.")
    if not 0 <= given < panel.channels:
        raise ParameterError(
            f"{where}: {parameter}={given} is not a channel: there are {panel.channels}, counted from 0."
        )
    return int(given)


def _label(panel: Panel, channel: int) -> str:
    return shown(panel.names[channel]) if panel.names else f"channel {channel}"
