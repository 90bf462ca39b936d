"""A model folder that may be damaged, hostile, or about to be replaced by another process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TypeVar

import msgspec
from torch import Tensor

from punar import __version__
from punar.core import files, strict_json, tensor_file
from punar.core.plain_file import NotPlainError, OpenFolder
from punar.errors import DamagedModelError, ModelFolderError, NewerFormatError, ParameterTypeError, shown
from punar.stored import _seal
from punar.stored._facts import convert

T = TypeVar("T")
FORMAT = 1
CONFIG, WEIGHTS = "config.json", "model.safetensors"
MAX_CONFIG_BYTES = 16 * 2**20

_ADVICE = "Get the folder again from where it came."
_BEGINNING = 4096  # bytes that hold the first key
_PAUSE = 0.002  # seconds between two tries
_TRIES = 50  # of a folder that is replaced while it is read


class _Format(msgspec.Struct):
    punar_format: Annotated[int, msgspec.Meta(ge=1)]


def read_folder(folder: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a model folder that may be damaged or hostile.

    Both files are of one save, also where another process saves to the folder at the same time.

    Returns
    -------
    config : dict
        As it was written, with ``punar_format`` and ``punar_version``.
    tensors : dict of str to Tensor
        On the CPU.

    Raises
    ------
    ModelFolderError
        There is no such folder, or it cannot be opened.
    NewerFormatError
        A newer punar wrote it.
    DamagedModelError
        A file is missing, truncated, inconsistent, too large, not what its name says or not as it was saved.
    """
    return steadily(as_path(folder), _read)


def is_saved(folder: str | os.PathLike[str]) -> bool:
    """Return whether ``folder`` looks like one that :func:`punar.save` wrote, from the first bytes of its facts."""
    try:
        path = Path(folder).expanduser() / CONFIG
        if not path.is_file():
            return False
        with open(path, "rb") as file:
            return b'"punar_format"' in file.read(_BEGINNING)
    except (OSError, ValueError, RuntimeError, TypeError):
        return False


def steadily(final: Path, read: Callable[[OpenFolder], T]) -> T:
    """Return what ``read`` makes of a folder; again, where another one took its place meanwhile.

    Raises
    ------
    ModelFolderError
        There is no such folder, or it cannot be opened.
    """
    for attempt in range(_TRIES):
        before = _identity(final)
        try:
            with _opened(final) as opened:
                return read(opened)
        except ModelFolderError:
            # Where folders cannot be exchanged in one step there is none for a moment, between a writer's two renames.
            if attempt == _TRIES - 1 or (_identity(final) == before and not files.under_way(final)):
                raise
            time.sleep(_PAUSE)
    raise AssertionError("the last attempt returns or raises")


def read_config(folder: OpenFolder) -> dict[str, Any]:
    """Return a folder's config with its hashes, which are not checked."""
    with _file(folder, CONFIG) as file:
        return _parsed(file, folder.path)


def as_path(folder: str | os.PathLike[str]) -> Path:
    """Return the absolute path of what a caller passed as a folder."""
    if not isinstance(folder, (str, os.PathLike)) or not str(folder):
        raise ParameterTypeError(f"folder must be a path, got {shown(folder)}.")
    if "\0" in str(folder):
        raise ModelFolderError(f"folder must be a path without null characters, got {shown(folder)}.")
    return Path(os.path.abspath(os.path.expanduser(folder)))


def _opened(final: Path) -> OpenFolder:
    where = files.present(final)
    try:
        inside = where.is_dir()
    except OSError as e:  # such as a name that is too long
        raise ModelFolderError(f"{shown(str(final), 200)} cannot be opened: {e.strerror}.") from e
    if not inside:
        what = "is not a folder" if os.path.lexists(where) else "does not exist"
        raise ModelFolderError(f"{final} {what}. Pass the folder that holds {CONFIG} and {WEIGHTS}.")
    try:
        return OpenFolder(where)
    except OSError as e:
        raise ModelFolderError(f"{final} cannot be opened: {e}.") from e


def _identity(final: Path) -> tuple[int, ...] | None:
    try:
        facts = os.stat(files.present(final))
    except OSError:
        return None
    return facts.st_dev, facts.st_ino, facts.st_mtime_ns


def _read(folder: OpenFolder) -> tuple[dict[str, Any], dict[str, Tensor]]:
    where = str(folder.path / WEIGHTS)
    # Both are opened before either is read: what is deleted meanwhile can still be read.
    with _file(folder, CONFIG) as first, _file(folder, WEIGHTS) as second:
        config = _parsed(first, folder.path)
        data = _tensor_bytes(second, where)
    tensors = tensor_file.load(data, where)  # first: it says more about what is no file of tensors at all
    return _seal.check(config, {WEIGHTS: data}, CONFIG, str(folder.path)), tensors


def _tensor_bytes(file: BinaryIO, where: str) -> bytes:
    size = os.fstat(file.fileno()).st_size
    try:
        start = file.read(8 + tensor_file.MAX_HEADER_BYTES)
        tensor_file.read_header(start, size, where)
        if not tensor_file.fits_in_memory(size):
            raise ModelFolderError(f"{where} has {size} bytes, more than this machine's memory.")
        file.seek(0)
        data = file.read(size)
    except (OSError, MemoryError) as e:
        raise ModelFolderError(f"{where} cannot be read: {e or 'not enough memory'}.") from e
    if len(data) != size or not data.startswith(start):
        raise ModelFolderError(f"{where} changed while it was read. Try again.")
    return data


def _parsed(file: BinaryIO, folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    size = os.fstat(file.fileno()).st_size
    if size > MAX_CONFIG_BYTES:
        raise DamagedModelError(f"{path} must have at most {MAX_CONFIG_BYTES} bytes, found {size}. {_ADVICE}")
    try:
        data = file.read(MAX_CONFIG_BYTES)
    except OSError as e:
        raise ModelFolderError(f"{path} cannot be read: {e}.") from e
    config = strict_json.loads(data, str(path))
    if not isinstance(config, dict):
        raise DamagedModelError(f"{path} must hold a JSON object, found {shown(config)}. {_ADVICE}")
    if "punar_format" not in config:
        raise DamagedModelError(
            f"{path} must have the key 'punar_format', found none: this is not a folder that punar saved."
        )
    number = convert(config, _Format, str(folder)).punar_format
    if number > FORMAT:
        raise NewerFormatError(
            f"{path} has format {number}, written by punar {shown(config.get('punar_version'))}; this punar "
            f"{__version__} reads formats up to {FORMAT}. Upgrade: pip install --upgrade punar."
        )
    return config


def _file(folder: OpenFolder, name: str) -> BinaryIO:
    path = folder.path / name
    try:
        return folder.open(name)
    except FileNotFoundError as e:
        raise DamagedModelError(f"{path} is missing: the folder is incomplete or not a punar model.") from e
    except NotPlainError as e:
        raise DamagedModelError(
            f"{path} must be a plain file, found {e.found}. Copy the folder with its links resolved (cp -rL)."
        ) from None
    except OSError as e:
        raise ModelFolderError(f"{path} cannot be opened: {e}.") from e
