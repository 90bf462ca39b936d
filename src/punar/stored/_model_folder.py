"""The saved form of a model: ``config.json``, ``model.safetensors`` and ``README.md`` in one folder.

Nothing in a folder is ever run, and nothing is allocated on its word alone. Names of classes are turned into
classes by :mod:`punar.core.plugins` only.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from torch import Tensor

from punar import __version__
from punar.core import files, strict_json, tensor_file
from punar.errors import DamagedModelError, ModelFolderError, NewerFormatError, ParameterTypeError, shown
from punar.stored._facts import convert

FORMAT = 1
CONFIG, WEIGHTS, README = "config.json", "model.safetensors", "README.md"
MAX_CONFIG_BYTES = 16 * 2**20

_BEGINNING = 4096  # bytes that hold the first key
_ADVICE = "Get the folder again from where it came."


class _Format(msgspec.Struct):
    punar_format: Annotated[int, msgspec.Meta(ge=1)]


def write_folder(
    folder: str | os.PathLike[str], config: Mapping[str, Any], tensors: Mapping[str, Tensor], readme: str
) -> Path:
    """Write a model folder as a whole: at any moment the old one or the new one can be read.

    Parameters
    ----------
    folder : path-like
        Made where missing. An existing punar model is replaced.
    config : mapping of str
        JSON values only: str, int, finite float, bool, None, list, dict. ``punar_format`` and
        ``punar_version`` are added.
    tensors : mapping of str to Tensor
        Dense, on any device. Views and shared memory are stored in full.
    readme : str
        The model card, Markdown.

    Returns
    -------
    Path
        The absolute folder.

    Raises
    ------
    ModelFolderError
        ``config`` or ``tensors`` cannot be stored, the folder cannot be written, or it holds something else
        than a punar model. Nothing has changed then.
    """
    final = _as_path(folder)
    text = _config_bytes(config)
    _check_target(final)
    try:
        with files.new_folder(final) as new:
            (new / CONFIG).write_bytes(text)
            tensor_file.save(new / WEIGHTS, tensors)
            (new / README).write_bytes(readme.encode("utf-8", "replace"))
    except OSError as e:
        raise ModelFolderError(f"The model folder {final} cannot be written: {e}.") from e
    return final


def read_folder(folder: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a model folder that may be damaged or hostile.

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
        A file is missing, truncated, inconsistent, too large or not what its name says.
    """
    final = _as_path(folder)
    where = files.present(final)
    if not where.is_dir():
        what = "is not a folder" if os.path.lexists(where) else "does not exist"
        raise ModelFolderError(f"{final} {what}. Pass the folder that holds {CONFIG} and {WEIGHTS}.")
    config = _read_config(where)
    path = where / WEIGHTS
    with _open_regular(path) as f:
        size = os.fstat(f.fileno()).st_size
        start = f.read(8 + tensor_file.MAX_HEADER_BYTES)
        tensor_file.read_header(start, size, str(path))
        if not tensor_file.fits_in_memory(size):
            raise ModelFolderError(f"{path} has {size} bytes, more than this machine's memory.")
        try:
            f.seek(0)
            data = f.read(size)
        except (OSError, MemoryError) as e:
            raise ModelFolderError(f"{path} cannot be read: {e or 'not enough memory'}.") from e
        if len(data) != size or not data.startswith(start):
            raise ModelFolderError(f"{path} changed while it was read. Try again.")
    return config, tensor_file.load(data, str(path))


def is_saved(folder: str | os.PathLike[str]) -> bool:
    """Return whether ``folder`` looks like one that :func:`write_folder` wrote, from the first bytes of its facts."""
    try:
        path = Path(folder).expanduser() / CONFIG
        if not path.is_file():
            return False
        with open(path, "rb") as file:
            return b'"punar_format"' in file.read(_BEGINNING)
    except (OSError, ValueError, RuntimeError, TypeError):
        return False


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    with _open_regular(path) as f:
        size = os.fstat(f.fileno()).st_size
        if size > MAX_CONFIG_BYTES:
            raise DamagedModelError(f"{path} must have at most {MAX_CONFIG_BYTES} bytes, found {size}. {_ADVICE}")
        data = f.read(MAX_CONFIG_BYTES)
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


def _open_regular(path: Path) -> Any:
    """Open a plain file for reading; refuse links, pipes, devices and folders."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            # Between lstat and open the file may have been swapped for a link or a pipe.
            flags = sum(getattr(os, f, 0) for f in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
            handle = os.open(path, os.O_RDONLY | flags)
            mode = os.fstat(handle).st_mode
            if stat.S_ISREG(mode):
                return open(handle, "rb")
            os.close(handle)
    except FileNotFoundError as e:
        raise DamagedModelError(f"{path} is missing: the folder is incomplete or not a punar model.") from e
    except OSError as e:
        if e.errno != errno.ELOOP:
            raise ModelFolderError(f"{path} cannot be opened: {e}.") from e
        mode = stat.S_IFLNK
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe"}
    raise DamagedModelError(
        f"{path} must be a plain file, found {kinds.get(stat.S_IFMT(mode), 'a device or socket')}. "
        f"Copy the folder with its links resolved (cp -rL)."
    )


def _config_bytes(config: Mapping[str, Any]) -> bytes:
    full = {"punar_format": FORMAT, "punar_version": __version__}
    full = {**full, **config, **full}
    try:
        data = json.dumps(full, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        back = strict_json.loads(data, "config")
    except (TypeError, ValueError, RecursionError) as e:
        raise ModelFolderError(f"config cannot be stored as JSON: {e}") from e
    changed = [key for key in full if key not in back or back[key] != full[key]]
    if changed:
        raise ModelFolderError(
            f"config must hold JSON values only, so that it reads back as it was; {shown(changed[0])} would "
            f"change: {shown(full[changed[0]])} (tuples and keys that are not text are not JSON)."
        )
    if len(data) > MAX_CONFIG_BYTES:
        raise ModelFolderError(
            f"config must have at most {MAX_CONFIG_BYTES} bytes as JSON, found {len(data)}. "
            f"Store large things as tensors."
        )
    return data


def _check_target(final: Path) -> None:
    if not os.path.lexists(final):
        return
    if final.is_symlink() or not final.is_dir():
        kind = "a symbolic link" if final.is_symlink() else "a file"
        raise ModelFolderError(f"{final} is {kind}, not a folder. Choose another name.")
    if Path.cwd().is_relative_to(final):
        raise ModelFolderError(f"{final} is the folder this process works in. Choose a folder inside it.")
    try:
        names = set(os.listdir(final))
    except OSError as e:
        raise ModelFolderError(f"{final} cannot be opened: {e}.") from e
    if not names:
        return
    try:
        _read_config(final)
    except NewerFormatError:
        pass
    except ModelFolderError as e:
        raise ModelFolderError(
            f"{final} is not empty and not a punar model ({e}) Nothing was changed; choose another folder."
        ) from e
    if extra := sorted(names - {CONFIG, WEIGHTS, README}):
        raise ModelFolderError(
            f"{final} holds a punar model and also {shown(extra)}, which would be lost. Nothing was changed; "
            f"move them or choose another folder."
        )


def _as_path(folder: str | os.PathLike[str]) -> Path:
    if not isinstance(folder, (str, os.PathLike)) or not str(folder):
        raise ParameterTypeError(f"folder must be a path, got {shown(folder)}.")
    if "\0" in str(folder):
        raise ModelFolderError(f"folder must be a path without null characters, got {shown(folder)}.")
    return Path(os.path.abspath(os.path.expanduser(folder)))
