"""A checkpoint folder: one file, written whole or not at all, that only the same job may continue."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from punar.core.files import write_atomic
from punar.errors import CheckpointError, shown

FILE = "checkpoint.safetensors"

# A checkpoint is due when this much time has passed, and never takes more than a twentieth of the whole.
_SECONDS_BETWEEN = 0.5
_COST_SHARE = 20


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
        self.folder = Path(folder)
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
        meta = json.dumps({"fingerprint": self._fingerprint, "facts": facts}, ensure_ascii=False)
        data = save({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, metadata={"punar": meta})
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
        stored = read_meta(self._path.parent)
        if stored is None:
            return None
        self._refuse_other_job(stored["fingerprint"])
        with safe_open(self._path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        return stored["facts"], tensors

    def _refuse_other_job(self, stored: dict[str, Any]) -> None:
        flat_old, flat_new = _flatten(stored), _flatten(self._fingerprint)
        differ = [
            f"{name} was {shown(flat_old.get(name))}, is {shown(flat_new.get(name))}"
            for name in sorted(flat_old.keys() | flat_new.keys())
            if flat_old.get(name) != flat_new.get(name)
        ]
        if differ:
            raise CheckpointError(
                f"The checkpoint in {shown(str(self._path.parent))} belongs to another job: {'; '.join(differ)}. "
                "Use the same data, parameters and versions to continue it, or pass another folder."
            )


def read_meta(folder: str | Path) -> dict[str, Any] | None:
    """Return the stored fingerprint and facts, or None where no checkpoint is."""
    path = Path(folder) / FILE
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            stored = json.loads((file.metadata() or {})["punar"])
        if not {"fingerprint", "facts"} <= stored.keys():
            raise KeyError("fingerprint")
    except (SafetensorError, OSError, KeyError, ValueError, RecursionError, AttributeError) as error:
        raise CheckpointError(
            f"{shown(str(path))} is not a readable punar checkpoint ({type(error).__name__}). "
            "Delete it to start the job again."
        ) from None
    return stored


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
