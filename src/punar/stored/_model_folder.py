"""The saved form of a model: ``config.json``, ``model.safetensors`` and ``README.md`` in one folder.

Nothing in a folder is ever run, and nothing is allocated on its word alone. Names of classes are turned into
classes by :mod:`punar.core.plugins` only.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from punar import __version__
from punar.core import files, strict_json, tensor_file
from punar.errors import ModelFolderError, NewerFormatError, shown
from punar.stored import _seal
from punar.stored._reading import CONFIG, FORMAT, MAX_CONFIG_BYTES, WEIGHTS, as_path, read_config, steadily

README = "README.md"
_SEAL_BYTES = 1024  # room for the hashes


def write_folder(
    folder: str | os.PathLike[str], config: Mapping[str, Any], tensors: Mapping[str, Tensor], readme: str
) -> Path:
    """Write a model folder as a whole: at any moment the old one or the new one can be read.

    Parameters
    ----------
    folder : path-like
        Made where missing. An existing punar model is replaced.
    config : mapping of str
        JSON values only: str, int, finite float, bool, None, list, dict. ``punar_format``, ``punar_version`` and
        hashes of the files (``sha256``) are added.
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
    final = as_path(folder)
    full = _full(config)
    _check_target(final)
    try:
        with files.new_folder(final) as new:
            tensor_file.save(new / WEIGHTS, tensors)
            with open(new / WEIGHTS, "rb") as written:
                digest = hashlib.file_digest(written, "sha256").hexdigest()
            (new / CONFIG).write_bytes(_json(_seal.sealed(full, {WEIGHTS: digest}, CONFIG)))
            (new / README).write_bytes(readme.encode("utf-8", "replace"))
    except OSError as e:
        raise ModelFolderError(f"The model folder {final} cannot be written: {e}.") from e
    return final


def _full(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config with what is added to it, if it can be stored."""
    own = {"punar_format": FORMAT, "punar_version": __version__}
    full = {**own, **config, **own}
    try:
        data = _json(full)
        back = strict_json.loads(data, "config")
    except (TypeError, ValueError, RecursionError) as e:
        raise ModelFolderError(f"config cannot be stored as JSON: {e}") from e
    changed = [key for key in full if key not in back or back[key] != full[key]]
    if changed:
        raise ModelFolderError(
            f"config must hold JSON values only, so that it reads back as it was; {shown(changed[0])} would "
            f"change: {shown(full[changed[0]])} (tuples and keys that are not text are not JSON)."
        )
    if len(data) > MAX_CONFIG_BYTES - _SEAL_BYTES:
        raise ModelFolderError(
            f"config must have at most {MAX_CONFIG_BYTES - _SEAL_BYTES} bytes as JSON, found {len(data)}. "
            f"Store large things as tensors."
        )
    return full


def _json(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _check_target(final: Path) -> None:
    if not os.path.lexists(final):
        return
    if files.is_no_folder(final):
        kind = "a symbolic link" if final.is_symlink() else "a file"
        raise ModelFolderError(f"{final} is {kind}, not a folder. Choose another name.")
    if Path.cwd().is_relative_to(final):
        raise ModelFolderError(f"{final} is the folder this process works in. Choose a folder inside it.")
    try:
        names = set(os.listdir(final))
    except FileNotFoundError:  # another writer is replacing it
        return
    except OSError as e:
        raise ModelFolderError(f"{final} cannot be opened: {e}.") from e
    if not names:
        return
    try:
        steadily(final, read_config)
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
