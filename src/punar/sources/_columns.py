"""A table with named columns -> numbers and labels; every refusal names the columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from punar.core.words import MOST_SHOWN, counted, listed
from punar.errors import DataError, DataTypeError, shown
from punar.sources._found import FoundTable
from punar.sources._names import check_known
from punar.sources._target import read_target
from punar.sources._userdata import UserData


def to_user_data(
    table: FoundTable,
    *,
    where: str,
    name: str,
    target: str | None = None,
    drop: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    on_error: str = "raise",
    mixed: bool | None = False,
) -> UserData:
    """Return the numbers and labels of a table, or its columns as they are.

    Parameters
    ----------
    table : FoundTable
    where, name : str
        For messages and titles.
    target : str or None
        The column that becomes y.
    drop : sequence of str
        Columns to leave out.
    columns : sequence of str or None
        Only these, in this order: those that a fitted model knows.
    on_error : {"raise", "skip"}
        What to do with rows that lack a value.
    mixed : bool or None
        Whether columns are kept as they are, with their text and gaps; None keeps them where they are not all numbers
        that are there. Rows may lack a value then, unless on_error is "skip".

    Raises
    ------
    DataError
        Text, missing or infinite values, unknown names, no rows, no columns.
    """
    frame, line_of, notes = table.frame, table.line_of, list(table.notes)
    names = list(frame.columns)
    check_known(drop, names, "to drop", where)
    check_known([target] if target is not None else [], names, "for the target", where)
    check_known(columns or [], names, "for the model, which was fitted on it", where)
    left_out = {*drop, target}
    features = [n for n in names if n not in left_out] if columns is None else list(columns)
    if columns is not None:
        unknown = [n for n in names if n not in {*features, *left_out}]
        notes += [f"left out, because the model was not fitted on them: {listed(unknown)}"] if unknown else []
    if not features:
        raise DataError(f"{where}: no column is left to learn from; the file has {listed(names)}.")
    if not len(frame):
        raise DataError(f"{where}: there are column names but no rows; at least one row is needed.")
    used = frame[features]
    if mixed is not False and not set(features) <= set(table.spelled):
        used = table.as_names(features).frame[features]
    kept = bool(mixed) or (mixed is None and _is_mixed(used, gaps=on_error == "raise"))
    if not kept:
        _check_numeric(used, where, line_of)
    labels = None if target is None else plain(frame[target])
    full = [] if kept and on_error == "raise" else features  # columns whose every value must be there
    missing = frame[full].isna().to_numpy()
    if labels is not None:
        missing = np.column_stack([missing, pd.isna(labels)])
    keep = np.flatnonzero(~missing.any(axis=1))
    if len(keep) < len(frame):
        said = _holes(missing, [*full, str(target)])
        if on_error == "raise" or not len(keep):
            first = line_of(int(np.argmax(missing.any(axis=1))))
            raise DataError(
                f"{where}: values are missing: {said}; the first in {first}. {len(keep)} of {len(frame)} "
                "rows are complete. Fill the holes, drop the columns (--drop, drop=[...]), or leave out the "
                "rows (--skip-bad, on_error='skip')."
            )
        notes.append(f"{len(frame) - len(keep)} of {len(frame)} rows lack a value and were left out: {said}")
    X: Any = used.iloc[keep].reset_index(drop=True) if kept else used.to_numpy(dtype=np.float64, na_value=np.nan)[keep]
    if not kept:
        _check_finite(X, features, keep, where, line_of)
    found = None if labels is None else read_target(labels[keep], f"{where}, column {shown(target)}")
    return UserData(
        X=X,
        y=found.y if found else None,
        kind="table",
        name=name,
        description=where,
        columns=tuple(features),
        classes=found.classes if found else (),
        target_kind=found.kind if found else None,
        notes=[*notes, found.note] if found else notes,
        row_names=() if len(keep) == len(frame) else tuple(str(i) for i in keep),
    )


def _is_number(dtype: Any) -> bool:
    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype)


def _is_text(column: pd.Series) -> bool:
    if _is_number(column.dtype):
        return False
    # Whole numbers past 64 bits and decimals arrive as objects; a column without any value as text.
    kinds = ("integer", "floating", "decimal", "mixed-integer-float", "empty")
    return pd.api.types.infer_dtype(column, skipna=True) not in kinds


def _is_mixed(used: pd.DataFrame, *, gaps: bool) -> bool:
    """Return whether there is a column of something else than numbers, or one with gaps where these are asked for."""
    return (gaps and bool(used.isna().any(axis=None))) or any(_is_text(used[name]) for name in used.columns)


def _check_numeric(used: pd.DataFrame, where: str, line_of: Callable[[int], str]) -> None:
    suspects = [n for n, dtype in used.dtypes.items() if not _is_number(dtype)]
    bad = [str(n) for n in suspects if _is_text(used[n])]
    if not bad:
        return
    said = [_what_text(used[name], line_of) for name in bad[:MOST_SHOWN]]
    more = f" and {len(bad) - MOST_SHOWN} more" if len(bad) > MOST_SHOWN else ""
    raise DataTypeError(
        f"{where}: {len(bad)} of {used.shape[1]} columns are not numbers: {', '.join(said)}{more}. Leave a "
        f"column out (--drop {shown(bad[0], 40)}, or drop=[...]), name it as the target (--target, target=), "
        "or turn it into numbers first."
    )


def _what_text(column: pd.Series, line_of: Callable[[int], str]) -> str:
    name = shown(str(column.name), 40)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return f"{name} (dates)"
    text = column.astype("string")
    wrong = np.flatnonzero((pd.to_numeric(text, errors="coerce").isna() & column.notna()).to_numpy())
    if not len(wrong):
        return f"{name} ({column.dtype})"
    some = f"{len(wrong)} of {len(column)} values" if len(wrong) < len(column) else "all values"
    return f"{name} ({some}, first {shown(str(text.iloc[wrong[0]]), 40)} in {line_of(int(wrong[0]))})"


def _holes(missing: np.ndarray, names: Sequence[str]) -> str:
    counts = missing.sum(axis=0)
    holes = [f"{shown(names[i], 40)} {counted(int(counts[i]), 'time')}" for i in np.flatnonzero(counts).tolist()]
    more = f" and {len(holes) - MOST_SHOWN} more columns" if len(holes) > MOST_SHOWN else ""
    return ", ".join(holes[:MOST_SHOWN]) + more


def _check_finite(
    X: np.ndarray, features: Sequence[str], keep: np.ndarray, where: str, line_of: Callable[[int], str]
) -> None:
    bad = np.argwhere(~np.isfinite(X))
    if len(bad):
        row, column = map(int, bad[0])
        raise DataError(
            f"{where}: values must be finite, but {counted(len(bad), 'value')} of {X.size:,} is not, the "
            f"first in column {shown(features[column], 40)}, {line_of(int(keep[row]))} ({X[row, column]}). "
            "Replace them."
        )


def plain(column: pd.Series) -> np.ndarray:
    """Return labels as booleans, floats or text, whatever pandas stored them as; NaN or NA where missing."""
    if pd.api.types.is_bool_dtype(column.dtype) and not column.isna().any():
        return column.to_numpy(dtype=bool)
    if _is_number(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    text = column.astype("string")
    text = text.mask(text.str.strip() == "")
    numbers: Any = pd.to_numeric(text, errors="coerce")
    # 007 is a name; pandas would make it 7.
    if not (numbers.isna() & text.notna()).any() and not text.str.match(r"\s*[+-]?0\d").any():
        return numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    return text.astype(object).to_numpy()
