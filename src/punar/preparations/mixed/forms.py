"""Numbers back into a column's own type."""

from __future__ import annotations

import re
from datetime import time
from typing import Any

import numpy as np
import pandas as pd

MINUTES, SECONDS, DAYS, TIMES = "%H:%M", "%H:%M:%S", "days", "time"  # of text, and of Python's times of day
_DAY = 86_400
_WHOLE = re.compile(r"u?int(8|16|32|64)")


def cast(values: np.ndarray, dtype: str, form: str, *, whole: bool) -> pd.Series:
    """Return numbers, NaN where missing, as a column of numbers, truth values or lengths of time of this type.

    A type that cannot hold them, as whole numbers cannot hold gaps, or that is not here, gives the nearest that can.
    """
    if form == "duration":
        return _durations(values, dtype)
    if form == "boolean":
        return as_type(pd.Series(values).map({1.0: True, 0.0: False}).astype(object), dtype)
    if _WHOLE.fullmatch(dtype):  # numpy would wrap around in silence
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        values = np.clip(values, low, high if dtype[-2:] != "64" else np.nextafter(float(high), 0.0))
    if dtype in ("object", "str", "string"):  # numbers that stood there as text or objects come back as numbers
        return pd.Series(values) if not whole else as_type(pd.Series(values), "Int64")
    found = pd.Series(values)
    return as_type(found if dtype.startswith(("float", "int", "uint")) else found.astype("Float64"), dtype)


def _durations(values: np.ndarray, dtype: str) -> pd.Series:
    whole = np.where(np.isnan(values), 0, np.round(values * 1e6)).astype("int64").astype("timedelta64[us]")
    found = pd.Series(whole).mask(np.isnan(values))
    if dtype in (MINUTES, SECONDS, TIMES):
        return found.astype(object).map(lambda t: _clock(t.total_seconds(), dtype), na_action="ignore")
    return found.astype(object).map(str, na_action="ignore") if dtype == DAYS else as_type(found, dtype)


def _clock(seconds: float, dtype: str) -> Any:
    whole = round(seconds) % _DAY
    found = time(whole // 3600, whole // 60 % 60, whole % 60)
    return found if dtype == TIMES else found.strftime(dtype)


def as_type(found: pd.Series, dtype: str) -> pd.Series:
    """Return a column in this type; as it is where the type is not here, has no name or cannot hold the values."""
    try:
        return found.astype(dtype)
    except (TypeError, ValueError, ImportError, OverflowError, NotImplementedError, AttributeError):
        return found
