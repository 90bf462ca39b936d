"""npy and npz files: arrays of numbers only, sized up before they are read. Pickles are never opened."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, ClassVar

import numpy as np
from numpy.lib import format as npy

from punar.core.words import counted, listed
from punar.errors import DataError, DataTypeError, ParameterError, shown, suggest
from punar.sources._beginning import check_beginning
from punar.sources._found import FoundArrays
from punar.sources._memory import check_room, size_text
from punar.sources._source import Request, Source

_DATA_KEYS = ("X", "x", "data", "images")
_TARGET_KEYS = ("y", "Y", "target", "labels")
_MOST_AXES = 32
_ADVICE = "Take fewer rows, or a smaller number type."


class Arrays(Source):
    """Arrays of numbers: npy and npz."""

    suffixes: ClassVar[tuple[str, ...]] = (".npy", ".npz")
    options: ClassVar[tuple[str, ...]] = ("key",)
    tabular: ClassVar[bool] = True

    def read(self, path: Path, request: Request) -> FoundArrays:
        """Return the array of a npy file; of a npz file the rows, and the labels where there are any.

        The rows are the array ``request.key``, or X, x, data or images, or the only one; the labels are the array
        ``request.target``, or y, Y, target or labels.

        Raises
        ------
        DataError
            The file is neither, is cut off, holds Python objects, text or records, does not fit into memory, or no
            array is plainly the data.
        ParameterError
            A key or a target for a npy file.
        """
        if path.suffix.lower() == ".npz":
            check_beginning(path, b"PK\x03\x04")
            return _read_npz(path, request)
        for name in ("target", "key"):
            if getattr(request, name) is not None:
                raise ParameterError(
                    f"{name} cannot be used with {path}: a npy file holds one array; --target and --key are for npz "
                    "files. Leave it out."
                )
        check_beginning(path, b"\x93NUMPY")
        with path.open("rb") as file:
            return FoundArrays(_read_array(file, path.stat().st_size, str(path)))


def _read_npz(path: Path, request: Request) -> FoundArrays:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise DataError(f"{path}: this is not a npz file, or it is cut off ({error}).") from None
    with archive:
        members = {i.filename.removesuffix(".npy"): i for i in archive.infolist() if i.filename.endswith(".npy")}
        if not members:
            raise DataError(f"{path}: there is no array inside; write one with numpy.savez(file, X=X, y=y).")
        key, target = _choose(members, request.key, path), request.target
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
    if y is not None:
        _check_labels(X, y, request.form, where_y)
    return FoundArrays(X, y, where_y, notes)


def _check_labels(X: np.ndarray, y: np.ndarray, form: str | None, where: str) -> None:
    if X.ndim == 0 or y.shape in ((len(X),), (len(X), 1)) or (form == "sequences" and y.shape == X.shape[:2]):
        return
    per_step = f", or one per step, shape {X.shape[:2]}" if form == "sequences" else ""
    raise DataError(
        f"{where}: one label per row is needed, {len(X)} of them{per_step}, but the shape is {y.shape}. Choose "
        "another array with --target (target=)."
    )


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
    if len(shape) > _MOST_AXES or not all(type(n) is int for n in shape):
        raise DataError(
            f"{where}: its header promises the shape {shown(shape, 60)}, which no array has; it is damaged."
        )
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
