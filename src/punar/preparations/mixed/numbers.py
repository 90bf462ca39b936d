"""A column of numbers, truth values or lengths of time as one scaled number, and an indicator of what is missing."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec
import numpy as np
import pandas as pd

from punar.errors import DataError, shown
from punar.preparations._reading import Finite, Positive
from punar.preparations.mixed.forms import cast
from punar.preparations.mixed.frames import refuse_others, unique_of

Form = Literal["number", "boolean", "duration"]

_DURATION = re.compile(r"-?\d+ days?( [+-]?\d{1,2}:\d{2}:\d{2}(\.\d+)?)?|\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?")
_TRUTH = {True: 1.0, False: 0.0, "True": 1.0, "False": 0.0, "true": 1.0, "false": 0.0}


class Number(msgspec.Struct, frozen=True, tag="number"):
    """How a column of numbers is read.

    Attributes
    ----------
    form : {"number", "boolean", "duration"}
        Truth values are 1 and 0, lengths of time are seconds.
    dtype : str
        The column's own, in which it is given back.
    mean, scale : float
        Of the values that are there.
    whole : bool
        All values were whole numbers.
    gaps : bool
        Whether values were missing, so that there is an indicator of it.
    lenient : bool
        Whether text that is not a number counts as missing: a few values did in training.
    """

    form: Form
    dtype: str
    mean: Finite
    scale: Positive
    whole: bool
    gaps: bool
    lenient: bool = False

    @property
    def width(self) -> int:
        """Numbers per row."""
        return 1 + self.gaps

    def encode(self, column: pd.Series, where: str) -> np.ndarray:
        """Return (n, width) numbers, with NaN for what is missing."""
        values = read_numbers(column, self.form, where, lenient=self.lenient)
        with np.errstate(over="ignore"):
            scaled = (values - self.mean) / self.scale
        return np.column_stack([scaled, np.isnan(values)]) if self.gaps else scaled[:, None]

    def decode(self, block: np.ndarray) -> pd.Series:
        """Return the column that numbers stand for, in its own type."""
        values = block[:, 0] * self.scale + self.mean
        if self.whole:
            values = np.round(values)
        if self.form == "boolean":
            values = np.clip(values, 0.0, 1.0)
        missing = block[:, 1] > 0.5 if self.gaps else np.zeros(len(values), dtype=bool)
        return cast(np.where(missing, np.nan, values), self.dtype, self.form, whole=self.whole)


def read_numbers(column: pd.Series, form: Form, where: str, *, lenient: bool) -> np.ndarray:
    """Return a column as float64, NaN where a value is missing.

    Parameters
    ----------
    column : Series
    form : {"number", "boolean", "duration"}
    where : str
    lenient : bool
        Whether what is no number counts as missing.

    Raises
    ------
    DataError
        A value is infinite.
    DataTypeError
        A value is of another kind.
    """
    values = _typed(column, form)
    if values is None:
        codes, found = unique_of(column, where, column.name)
        one = {"number": number_of, "boolean": _truth_of, "duration": _seconds_of}[form]
        known = np.array([one(v) for v in found] + [np.nan], dtype=np.float64)
        refuse_others(column, codes, found, np.isnan(known[:-1]), where, f"a {form}", lenient=lenient)
        values = known[codes]
    infinite = np.isinf(values)
    if infinite.any():
        raise DataError(
            f"{where}: values must be finite, but column {shown(column.name, 40)} of X contains infinity in row "
            f"{column.index[int(infinite.argmax())]}. Replace it."
        )
    return values


def _typed(column: pd.Series, form: Form) -> np.ndarray | None:
    """Return the values of a column whose type says that it is numbers or lengths of time; None for other types."""
    kinds = pd.api.types
    if form != "duration" and kinds.is_numeric_dtype(column.dtype) and not kinds.is_complex_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if form == "duration" and kinds.is_timedelta64_dtype(column.dtype):
        return column.dt.total_seconds().to_numpy(dtype=np.float64, na_value=np.nan)
    return None


def number_of(value: Any) -> float:
    """Return a cell as a number; NaN where it is none."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan
    return found if np.isfinite(found) or not isinstance(value, str) else np.nan


def _truth_of(value: Any) -> float:
    return _TRUTH.get(value, np.nan) if isinstance(value, (bool, np.bool_, str, int, float)) else np.nan


def _seconds_of(value: Any) -> float:
    if isinstance(value, str):
        if not is_duration(value):
            return np.nan
        value = value if value.count(":") != 1 else value + ":00"
    elif hasattr(value, "hour"):
        return float(value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1e6)
    try:
        return float(pd.Timedelta(value).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return np.nan


def is_duration(text: str) -> bool:
    """Return whether text is a length of time as it stands in files, or a time of day."""
    return _DURATION.fullmatch(text.strip()) is not None
