"""Parameter rules: a small table beside the signature, checked when ``fit`` starts.

>>> class Thing:
...     def __init__(self, width=3, mode="fast"):
...         self.width, self.mode = width, mode
>>> RULES = {"width": integer(1), "mode": one_of("fast", "exact")}
>>> check_params(Thing(), RULES)
>>> check_params(Thing(width=0), RULES)
Traceback (most recent call last):
    ...
punar.errors.ParameterError: Thing: width must be an integer >= 1, got 0.
>>> check_params(Thing(mode="exat"), RULES)
Traceback (most recent call last):
    ...
punar.errors.ParameterError: Thing: mode must be one of 'fast', 'exact', got 'exat'. Did you mean 'exact'?
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from punar.errors import ParameterError, ParameterTypeError, shown, suggest

_MOST = 2**31 - 1


@dataclass(frozen=True)
class Rule:
    """What a value must be: in words, by type, and by value."""

    text: str
    has_type: Callable[[object], bool]
    is_valid: Callable[[object], bool]
    names: tuple[str, ...] = field(default=())


def _is_integer(value: object) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_))


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


def integer(low: int, high: int | None = None) -> Rule:
    """An integer in [low, high]; without ``high`` no larger than any size or count that a machine can mean."""
    text = f"an integer >= {low}" if high is None else f"an integer in [{low}, {high}]"
    most = _MOST if high is None else high
    return Rule(text, _is_integer, lambda v: low <= v <= most)  # type: ignore[operator]


def number(low: float = -math.inf, high: float = math.inf, *, open_low: bool = False, open_high: bool = False) -> Rule:
    """A finite number between ``low`` and ``high``, ends included unless said to be open."""
    left, right = ("(" if open_low else "["), (")" if open_high else "]")
    if math.isinf(low) and math.isinf(high):
        text = "a finite number"
    elif math.isinf(high):
        text = f"a number {'>' if open_low else '>='} {low:g}"
    else:
        text = f"a number in {left}{low:g}, {high:g}{right}"

    def valid(value: object) -> bool:
        try:
            v = float(value)  # type: ignore[arg-type]
        except OverflowError:  # an integer beyond the range of floats
            return False
        above = v > low if open_low else v >= low
        below = v < high if open_high else v <= high
        return math.isfinite(v) and above and below

    return Rule(text, _is_number, valid)


def one_of(*names: str) -> Rule:
    """One of some strings."""
    return Rule("one of " + ", ".join(map(repr, names)), lambda v: isinstance(v, str), lambda v: v in names, names)


def boolean() -> Rule:
    """True or False."""
    return Rule("True or False", lambda v: isinstance(v, (bool, np.bool_)), lambda v: True)


def widths(low: int = 1) -> Rule:
    """A tuple or list of integers, possibly empty."""
    return Rule(
        f"a tuple of integers >= {low}",
        lambda v: isinstance(v, (tuple, list)),
        lambda v: all(_is_integer(i) and i >= low for i in v),  # type: ignore[attr-defined]
    )


def instance(*types: type, text: str) -> Rule:
    """An object of one of some types."""
    return Rule(text, lambda v: isinstance(v, types), lambda v: True)


def none() -> Rule:
    """None."""
    return Rule("None", lambda v: v is None, lambda v: True)


def either(*rules: Rule) -> Rule:
    """Whatever satisfies one of ``rules``."""
    return Rule(
        " or ".join(r.text for r in rules),
        lambda v: any(r.has_type(v) for r in rules),
        lambda v: any(r.has_type(v) and r.is_valid(v) for r in rules),
        tuple(n for r in rules for n in r.names),
    )


def random_state() -> Rule:
    """What scikit-learn takes as ``random_state``."""
    return either(
        none(),
        integer(0, 2**32 - 1),
        instance(np.random.RandomState, text="a numpy.random.RandomState"),
    )


def check_params(owner: object, rules: Mapping[str, Rule], where: str | None = None) -> None:
    """Raise where an attribute of ``owner`` breaks its rule.

    Parameters
    ----------
    owner : object
        An estimator or part.
    rules : mapping of str to Rule
        By attribute name.
    where : str, optional
        What stands first in the message; by default the owner's class name.

    Raises
    ------
    ParameterTypeError
        The value has the wrong type.
    ParameterError
        The value is out of range or not among the known names.
    """
    for name, rule in rules.items():
        value = getattr(owner, name)
        if rule.has_type(value) and rule.is_valid(value):
            continue
        kind = ParameterError if rule.has_type(value) else ParameterTypeError
        hint = suggest(value, rule.names)
        if _is_integer(value) and value > _MOST:
            hint = " No machine holds so many."
        raise kind(f"{where or type(owner).__name__}: {name} must be {rule.text}, got {shown(value)}.{hint}")
