"""One column of a table -> numbers, whatever type holds them; what holds none is refused with what to do about it."""

from __future__ import annotations

import datetime
import decimal
import numbers
from typing import Any

import numpy as np
import pandas as pd

from punar.errors import DataError, DataTypeError, shown

_DATES = (datetime.date, datetime.time, np.datetime64, pd.Period)
_SPANS = (datetime.timedelta, np.timedelta64)
_WHAT = {"complex": "complex numbers", "dates": "dates", "spans": "spans of time", "text": "text"}


def numbers_of(column: pd.Series, called: str, where: str, *, timed: bool = False) -> np.ndarray:
    """Return a column as float64, (n,), with NaN where a value is missing.

    Parameters
    ----------
    column : Series
        Numbers or booleans of numpy, of pandas' nullable types or of Arrow; or objects that are numbers (Decimal,
        int, float, bool), with None, NaN, NaT or ``pd.NA`` where there is none.
    called : str
        How messages call it: "the channel 'x'".
    where : str
    timed : bool, default=False
        Whether there is a parameter ``time_column``, which a column of dates may be meant for.

    Raises
    ------
    DataTypeError
        Dates, spans of time, complex numbers, text or other objects.
    DataError
        A whole number beyond the range of floats.
    """
    kind = kind_of(column)
    if kind != "numbers":
        raise DataTypeError(_refusal(column, kind, called, where, timed))
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):  # objects among which are pd.NA, NaT or Decimal's own NaN
        pass
    except OverflowError:
        raise DataError(f"{where}: {called} holds a whole number beyond the range of floats.") from None
    missing = column.isna().to_numpy()
    values = [np.nan if gone else float(v) for v, gone in zip(column.tolist(), missing, strict=True)]
    return np.asarray(values, dtype=np.float64)


def of_table(frame: pd.DataFrame, where: str, noun: str = "column") -> np.ndarray:
    """Return the numbers of a table, float64 (rows, columns); see :func:`numbers_of`."""
    columns = [numbers_of(frame[c], f"the {noun} {shown(c)}", where) for c in frame.columns]
    return np.stack(columns, axis=1) if columns else np.empty((len(frame), 0))


def kind_of(column: pd.Series) -> str:
    """Return what a column holds: "numbers", "complex", "dates", "spans" or "text", which is also everything else."""
    types, dtype = pd.api.types, column.dtype
    if types.is_complex_dtype(dtype):
        return "complex"
    if isinstance(dtype, pd.ArrowDtype):
        return {"M": "dates", "m": "spans"}.get(dtype.kind) or _of_arrow(dtype)
    if types.is_numeric_dtype(dtype) or types.is_bool_dtype(dtype):
        return "numbers" if not isinstance(dtype, pd.CategoricalDtype) else "text"
    if types.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        return "dates"
    if types.is_timedelta64_dtype(dtype):
        return "spans"
    return _of_objects(column) if dtype.kind == "O" else "text"


def _of_arrow(dtype: pd.ArrowDtype) -> str:
    name = str(dtype.pyarrow_dtype)
    if name.startswith(("date", "time")):
        return "dates"
    return "numbers" if pd.api.types.is_numeric_dtype(dtype) or name.startswith(("decimal", "bool")) else "text"


def _of_objects(column: pd.Series) -> str:
    known = [v for v in column[~column.isna()].tolist() if v is not None]
    if not all(isinstance(v, (numbers.Number, decimal.Decimal, np.bool_)) for v in known):
        for kind, types in (("dates", _DATES), ("spans", _SPANS)):
            if known and all(isinstance(v, types) for v in known):
                return kind
        return "text"
    real = all(isinstance(v, (numbers.Real, decimal.Decimal, np.bool_)) for v in known)
    return "numbers" if real else "complex"


def _refusal(column: pd.Series, kind: str, called: str, where: str, timed: bool) -> str:
    first: Any = column[~column.isna()]
    value = f" such as {shown(str(first.iloc[0]), 40)}" if len(first) else ""
    told = f"{where}: {called} must hold numbers, got {column.dtype} ({_WHAT[kind]}{value})."
    if kind == "complex":
        return f"{told} Complex data not supported: pass real and imaginary part as two columns."
    if kind == "dates":
        parts = f"numbers made of it (pandas.to_datetime(X[{shown(column.name)}]).dt.dayofweek)"
        if timed:
            return f"{told} If it says when each row was measured, pass time_column={shown(column.name)}; else {parts}."
        return f"{told} Drop it, or pass {parts}."
    if kind == "spans":
        return f"{told} Pass their seconds: X[{shown(column.name)}].dt.total_seconds()."
    return (
        f"{told} Drop the column, or encode it, for example with pandas.get_dummies; numbers that are written as text "
        "become numbers by pandas.to_numeric."
    )
