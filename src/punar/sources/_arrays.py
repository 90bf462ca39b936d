"""npy and npz files: arrays of numbers only, sized up before they are read. Pickles are never opened."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from punar.core.words import counted, listed
from punar.errors import DataError, DataTypeError, shown, suggest
from punar.sources._memory import check_room, size_text
from punar.sources._target import read_target
from punar.sources._userdata import UserData

_DATA_KEYS = ("X", "x", "data", "images")
_TARGET_KEYS = ("y", "Y", "target", "labels")
_ADVICE = "Take fewer rows, or a smaller number type."


def read_npy(path: Path, *, kind: str | None) -> UserData:
    """Return the rows in a npy file.

    Raises
    ------
    DataError
        The file is not npy, is cut off, holds Python objects, text or records, or does not fit into memory.
    """
    return _user_data(raw_npy(path), None, path, str(path), kind, [])


def raw_npy(path: Path) -> np.ndarray:
    """Return the array in a npy file as it is; see :func:`read_npy`."""
    with path.open("rb") as file:
        return _read_array(file, path.stat().st_size, str(path))


def read_npz(path: Path, *, key: str | None, target: str | None, kind: str | None) -> UserData:
    """Return the rows, and the labels where there are any, in a npz file.

    Parameters
    ----------
    path : Path
    key : str or None
        The array with the rows; None takes X, x, data or images, or the only array.
    target : str or None
        The array with the labels; None takes y, Y, target or labels, when there is one.
    kind : {"table", "images"} or None

    Raises
    ------
    DataError
        As :func:`read_npy`, or no array is plainly the data.
    """
    X, y, where_y, notes = raw_npz(path, key=key, target=target)
    return _user_data(X, y, path, where_y, kind, notes)


def raw_npz(path: Path, *, key: str | None, target: str | None) -> tuple[np.ndarray, np.ndarray | None, str, list[str]]:
    """Return the rows and labels of a npz file as they are, where the labels stand, and notes; see :func:`read_npz`."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise DataError(f"{path}: this is not a npz file, or it is cut off ({error}).") from None
    with archive:
        members = {i.filename.removesuffix(".npy"): i for i in archive.infolist() if i.filename.endswith(".npy")}
        if not members:
            raise DataError(f"{path}: there is no array inside; write one with numpy.savez(file, X=X, y=y).")
        key = _choose(members, key, path)
        if target is not None and target not in members:
            raise DataError(
                f"{path}: the target {shown(target)} is not an array of this file.{suggest(target, members)} "
                f"There are: {listed(list(members))}."
            )
        if target is None:
            target = next((k for k in _TARGET_KEYS if k in members and k != key), None)
        X = _read_member(archive, members[key], f"{path}, array {shown(key)}")
        where_y = f"{path}, array {shown(target)}"
        y = None if target is None else _read_member(archive, members[target], where_y, allow_text=True)
    notes = [] if len(members) == 1 else [f"rows from the array {key!r} of {listed(list(members))}"]
    if y is not None and y.shape not in ((len(X),), (len(X), 1)):
        raise DataError(
            f"{where_y}: one label per row is needed, {len(X)} of them, but the shape is {y.shape}. Choose "
            "another array with --target (target=)."
        )
    return X, y, where_y, notes


def _choose(members: dict[str, zipfile.ZipInfo], key: str | None, path: Path) -> str:
    if key is not None:
        if key not in members:
            raise DataError(
                f"{path}: there is no array {shown(key)}.{suggest(key, members)} There are: {listed(list(members))}."
            )
        return key
    known = [k for k in _DATA_KEYS if k in members]
    if known:
        return known[0]
    if len(members) == 1:
        return next(iter(members))
    raise DataError(
        f"{path}: it has {counted(len(members), 'array')}, {listed(list(members))}, and none is called X. "
        "Say which holds the rows (--key NAME, key=) and which the labels (--target NAME, target=)."
    )


def _read_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str, *, allow_text: bool = False
) -> np.ndarray:
    try:
        with archive.open(info) as file:
            return _read_array(file, info.file_size, where, allow_text=allow_text)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise DataError(f"{where}: it cannot be unpacked ({error}).") from None
    except Exception as error:
        # zlib.error, lzma.LZMAError and their like have no common base
        if isinstance(error, DataError):
            raise
        raise DataError(f"{where}: it is damaged ({type(error).__name__}: {error}).") from None


def _read_array(file: IO[bytes], size: int, where: str, *, allow_text: bool = False) -> np.ndarray:
    try:
        version = npy.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise DataError(f"{where}: npy format {version} is not read; save it again with numpy.save.")
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran_order, dtype = read_header(file)
    except DataError:
        raise
    # A hostile header can raise whatever the parser of Python literals raises.
    except Exception as error:
        raise DataError(
            f"{where}: this is not a npy array, or its header is damaged ({shown(str(error), 120)})."
        ) from None
    if dtype.hasobject:
        raise DataTypeError(
            f"{where}: this array holds Python objects, which would have to be unpickled; a pickle can run "
            "anything and is never read. Save numbers: numpy.save(file, X.astype(float))."
        )
    if dtype.kind not in ("biufSU" if allow_text else "biuf"):
        raise DataTypeError(f"{where}: it must hold numbers, got type {dtype}. Save X.astype(float).")
    count = math.prod(int(n) for n in shape)
    if any(n < 0 for n in shape) or count * dtype.itemsize > size:
        raise DataError(
            f"{where}: its header promises shape {shape} of {dtype}, {size_text(count * dtype.itemsize)}, "
            f"but the file has {size_text(size)}; it is cut off or damaged."
        )
    check_room(2 * count * dtype.itemsize, where, _ADVICE)
    raw = bytearray(count * dtype.itemsize)
    view, got = memoryview(raw), 0
    while got < len(raw):
        part = file.read(min(1 << 24, len(raw) - got))
        if not part:
            raise DataError(f"{where}: it is cut off after {size_text(got)} of {size_text(len(raw))}.")
        view[got : got + len(part)] = part
        got += len(part)
    array = np.frombuffer(raw, dtype=dtype).reshape(shape, order="F" if fortran_order else "C")
    return np.ascontiguousarray(array.astype(dtype.newbyteorder("="), copy=False))


def _user_data(
    X: np.ndarray, y: np.ndarray | None, path: Path, where_y: str, kind: str | None, notes: list[str]
) -> UserData:
    kind = _kind_of(X, kind, str(path))
    if X.dtype.kind == "f" and not np.isfinite(X).all():
        bad = np.argwhere(~np.isfinite(X))
        raise DataError(
            f"{path}: values must be finite, but {len(bad)} of {X.size} are missing (NaN) or infinite, the "
            f"first at {tuple(int(i) for i in bad[0])}. Fill them, for example with numpy.nan_to_num or "
            "column means."
        )
    if kind == "images":
        X = _pixels(X, str(path))
    else:
        X = X.reshape(len(X), -1)
        X = X if X.dtype.kind == "f" else X.astype(np.float64)
    found = None if y is None else read_target(y.reshape(-1), where_y)
    return UserData(
        X=X,
        y=found.y if found else None,
        kind=kind,
        name=path.stem,
        description=str(path),
        classes=found.classes if found else (),
        target_kind=found.kind if found else None,
        notes=[*notes, found.note] if found else notes,
    )


def _pixels(X: np.ndarray, where: str) -> np.ndarray:
    """Return pictures as uint8 or as floats in [0, 1]."""
    if X.dtype == np.uint8:
        return X
    if X.dtype.kind == "b":
        return X.astype(np.uint8) * 255
    low, high = float(X.min()), float(X.max())
    top = 255 if X.dtype.kind in "iu" else 1
    if low < 0 or high > top:
        raise DataError(
            f"{where}: pictures must be whole numbers from 0 to 255, or floats in [0, 1], but {X.dtype} "
            f"values from {low:g} to {high:g} were found. Divide by the largest possible value, or save "
            "X.astype('uint8')."
        )
    return X.astype(np.uint8) if X.dtype.kind in "iu" else X


def _kind_of(X: np.ndarray, kind: str | None, where: str) -> str:
    if 0 in X.shape:
        raise DataError(f"{where}: the array of shape {X.shape} has no rows or no columns; both are needed.")
    if kind == "images" and X.ndim not in (3, 4):
        raise DataError(
            f"{where}: pictures are (n, height, width) or (n, height, width, channels), got shape {X.shape}. "
            "Reshape the array, or leave out --kind."
        )
    if X.ndim == 2 or (kind == "table" and X.ndim > 2):
        return "table"
    if X.ndim == 3 and X.dtype != np.uint8 and kind != "images":
        raise DataError(
            f"{where}: {X.dtype} values of shape {X.shape} are read as sequences (n, time, channels), which "
            "these commands do not take. If they are pictures say --kind images (kind='images')."
        )
    if X.ndim in (3, 4):
        return "images"
    raise DataError(
        f"{where}: rows must be a table (n, columns) or pictures (n, height, width[, channels]), got shape "
        f"{X.shape}. Reshape the array, for example X.reshape(len(X), -1)."
    )
