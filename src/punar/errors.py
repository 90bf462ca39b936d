"""Every exception and warning that punar raises on purpose: one tree, drawn first.

::

    PunarError
    ├── ParameterError (ValueError)           a setting of an estimator or part breaks its rule
    │   └── ParameterTypeError (TypeError)    ... by its type
    ├── DataError (ValueError)                the data cannot be used as given
    │   └── DataTypeError (TypeError)         ... by its type
    ├── NotFittedError                        also scikit-learn's NotFittedError (see below)
    ├── NotSupportedError (AttributeError)    this combination of parts cannot do that
    ├── ModelFolderError (ValueError)         a saved model cannot be read
    │   ├── DamagedModelError                 ... truncated, of the wrong shape, or hostile
    │   ├── NewerFormatError                  ... written by a newer punar
    │   └── UnknownPartError                  ... made of a part that is not here
    ├── BackboneError (ValueError)            a pretrained network cannot be used as named
    │   └── WeightsNotFoundError (OSError)    ... its weights are not on this machine
    ├── CheckpointError (ValueError)          a checkpoint belongs to another job
    ├── MissingExtraError (ImportError)       an optional dependency is not installed
    ├── TrainingDivergedError (ArithmeticError)   the loss became NaN or infinite
    └── DidNotLearnError (RuntimeError)       strict=True and the model does not beat the constant answer

    PunarWarning (UserWarning)
    └── DidNotLearnWarning                    the same, with strict=False

The second base is the builtin that callers of scikit-learn and Python already catch. ``NotFittedError`` is
also ``sklearn.exceptions.NotFittedError``; it is made on first use, because this module must import nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

_SHOWN = 100  # values of a list that are looked at for a message


class PunarError(Exception):
    """Base of everything that punar raises on purpose."""


class ParameterError(PunarError, ValueError):
    """A parameter breaks its rule; the message has name, rule, value and what to do."""


class ParameterTypeError(ParameterError, TypeError):
    """A parameter has the wrong type."""


class DataError(PunarError, ValueError):
    """Data cannot be used; the message names what, where, the rule and the value found."""


class DataTypeError(DataError, TypeError):
    """Data has the wrong type."""


class NotSupportedError(PunarError, AttributeError):
    """A combination of parts that has no such operation."""


class ModelFolderError(PunarError, ValueError):
    """A model folder cannot be read or written."""


class DamagedModelError(ModelFolderError):
    """A model folder is truncated, inconsistent or hostile. Nothing from it was run."""


class NewerFormatError(ModelFolderError):
    """A model folder was written by a newer punar."""


class UnknownPartError(ModelFolderError):
    """A model folder names a part that this punar does not have."""


class BackboneError(PunarError, ValueError):
    """A backbone's file, folder or name cannot be used."""


class WeightsNotFoundError(BackboneError, OSError):
    """Pretrained weights are not on this machine; the message says both ways to bring them."""


class CheckpointError(PunarError, ValueError):
    """A checkpoint folder belongs to other data, parameters or versions."""


class MissingExtraError(PunarError, ImportError):
    """An optional dependency is missing; the message has the install command."""


class TrainingDivergedError(PunarError, ArithmeticError):
    """The training loss became NaN or infinite."""


class OutOfTimeError(PunarError, TimeoutError):
    """The time limit was over before there was anything to keep."""


class DidNotLearnError(PunarError, RuntimeError):
    """The fitted model is no better than the constant or untrained answer."""


class PunarWarning(UserWarning):
    """Base of punar's warnings."""


class DidNotLearnWarning(PunarWarning):
    """The fitted model is no better than the constant or untrained answer."""


def suggest(value: object, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the likely spelling, or an empty string.

    >>> suggest("reconstuction", ["reconstruction", "sparse"])
    " Did you mean 'reconstruction'?"
    >>> suggest(3, ["reconstruction"])
    ''
    """
    close = difflib.get_close_matches(value, list(known), n=1) if isinstance(value, str) else []
    return f" Did you mean {close[0]!r}?" if close else ""


def shown(value: object, limit: int = 80) -> str:
    """Return ``repr(value)``, shortened, so that a huge value cannot flood a message; numpy's numbers as Python's.

    >>> import numpy as np
    >>> shown(np.int64(3)), shown([np.str_("a"), np.float64(0.5)])
    ('3', "['a', 0.5]")
    """
    try:
        text = repr(_plain(value))
    except Exception:  # a user's own object may not even have a working repr
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _plain(value: Any) -> Any:
    """Return numpy's scalars as Python's, in short lists, tuples and dicts too."""
    kind = type(value)
    if kind.__module__ == "numpy" and not getattr(value, "shape", (0,)) and hasattr(value, "item"):
        return value.item() if kind.__name__ not in ("datetime64", "timedelta64", "ndarray") else value
    if kind in (list, tuple) and len(value) <= _SHOWN:
        return kind(map(_plain, value))
    if kind is dict and len(value) <= _SHOWN:
        return {_plain(k): _plain(v) for k, v in value.items()}
    return value


def __getattr__(name: str) -> Any:
    if name != "NotFittedError":
        raise AttributeError(f"module 'punar.errors' has no attribute {name!r}")
    from sklearn.exceptions import NotFittedError as SklearnNotFittedError

    # scikit-learn's own class is a ValueError and an AttributeError already.
    cls = type(
        "NotFittedError",
        (PunarError, SklearnNotFittedError),
        {"__module__": __name__, "__doc__": "fit has not been called yet."},
    )
    globals()["NotFittedError"] = cls
    return cls
