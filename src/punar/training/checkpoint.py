"""A checkpoint folder: one file, written whole or not at all, that only the same job may continue."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from punar.core.files import write_atomic
from punar.errors import CheckpointError, ParameterError, ParameterTypeError, shown
from punar.training import checkpoint_file, restoring
from punar.training.checkpoint_file import FILE as FILE

# A checkpoint is due when this much time has passed, and never takes more than a twentieth of the whole.
_SECONDS_BETWEEN = 0.5
_COST_SHARE = 20
_SHOWN = 6  # differences in a message


class Checkpoint:
    """Saves and loads the state of one job.

    Parameters
    ----------
    folder : path
    fingerprint : dict of str to JSON-able
        What makes the job this job: data, parameters, versions. A folder with another one is refused by name.

    Attributes
    ----------
    facts, tensors : dict
        What the caller wants saved beside the loop's state.
    """

    def __init__(self, folder: str | Path, fingerprint: dict[str, Any]) -> None:
        self.folder = _place(folder)
        self._path = self.folder / FILE
        self._fingerprint = fingerprint
        self.facts: dict[str, Any] = {}
        self.tensors: dict[str, Tensor] = {}
        self._last = time.perf_counter()
        self._cost = 0.0

    def due(self) -> bool:
        """Return whether enough time has passed since the last save."""
        waited = time.perf_counter() - self._last
        return waited >= max(_SECONDS_BETWEEN, _COST_SHARE * self._cost)

    def save(self, facts: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """Replace the file in one step: at any moment either the old or the new one is there."""
        started = time.perf_counter()
        facts, tensors = facts | self.facts, tensors | self.tensors
        data = checkpoint_file.to_bytes({"fingerprint": self._fingerprint, "facts": facts}, tensors)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._path, data)
        except OSError as error:
            raise CheckpointError(
                f"checkpoint={shown(str(self._path.parent))} cannot be written: {error.strerror or error}. "
                "Pass a folder that you may write to."
            ) from None
        self._last = time.perf_counter()
        self._cost = self._last - started

    def load(self) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        """Return facts and tensors, or None where no checkpoint is.

        Raises
        ------
        CheckpointError
            The file is damaged, or belongs to another job.
        """
        found = _read(self._path)
        if found is None:
            return None
        stored, tensors = found
        self._refuse_other_job(stored["fingerprint"])
        restoring.check_facts(stored["facts"], self._path)
        return stored["facts"], tensors

    def _refuse_other_job(self, stored: dict[str, Any]) -> None:
        flat_old, flat_new = _flatten(stored), _flatten(self._fingerprint)
        differ = [
            f"{name} was {shown(flat_old.get(name))}, is {shown(flat_new.get(name))}"
            for name in sorted(flat_old.keys() | flat_new.keys())
            if flat_old.get(name) != flat_new.get(name)
        ]
        if differ:
            rest = f"; and {len(differ) - _SHOWN} more" if len(differ) > _SHOWN else ""
            raise CheckpointError(
                f"The checkpoint in {shown(str(self._path.parent))} belongs to another job: "
                f"{'; '.join(differ[:_SHOWN])}{rest}. "
                "Use the same data, parameters and versions to continue it, or pass another folder."
            )


def check_folder(folder: object, where: str) -> None:
    """Check what a caller passed as ``checkpoint``, before any work is done for it.

    Parameters
    ----------
    folder : object
        A folder's path, or None. It need not exist.
    where : str
        The caller, for messages.

    Raises
    ------
    ParameterTypeError
        Not a path.
    ParameterError
        No folder can have this path.
    CheckpointError
        What is there cannot be written, or is no folder.
    """
    if folder is None:
        return
    if not isinstance(folder, (str, os.PathLike)) or not isinstance(os.fspath(folder), str):
        raise ParameterTypeError(f"{where}: checkpoint must be a folder's path or None, got {shown(folder)}.")
    text = os.fspath(folder)
    if not text.strip() or "\0" in text:
        raise ParameterError(
            f"{where}: checkpoint must name a folder, without null characters, got {shown(text)}. Pass one such as "
            "'run-1', or None to keep none."
        )
    place = _place(text)
    try:
        os.stat(place / FILE, follow_symlinks=False)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(
            f"{where}: checkpoint={shown(text)} cannot be a folder: {reason}. Pass another path."
        ) from None
    there = next(p for p in (place, *place.absolute().parents) if os.path.lexists(p))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise CheckpointError(
            f"{where}: checkpoint={shown(text)} cannot be written: {shown(str(there), 200)} must be a folder that you "
            "may write to. Pass another path."
        )


def _place(folder: str | os.PathLike[str]) -> Path:
    return Path(os.path.expanduser(folder))


def read_meta(folder: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return the stored fingerprint and facts, or None where no checkpoint is.

    Raises
    ------
    CheckpointError
        The file is damaged.
    """
    found = _read(_place(folder) / FILE)
    return None if found is None else found[0]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    found = checkpoint_file.read(path)
    if found is not None:
        stored = found[0]
        if not isinstance(stored, dict) or not all(isinstance(stored.get(n), dict) for n in ("fingerprint", "facts")):
            raise checkpoint_file.damaged(path, "it must hold the objects 'fingerprint' and 'facts'")
    return found


def _flatten(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            out |= _flatten(item, f"{prefix}{key}.")
        else:
            out[prefix + key] = item
    return out


def hash_tensors(tensors: Iterable[Tensor]) -> str:
    """Return a hash of shapes, types and bytes."""
    digest = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        value = tensor.detach().cpu().contiguous()
        digest.update(f"{tuple(value.shape)}{value.dtype}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
