"""One checkpoint as a file: facts and tensors, with a checksum over both, read without trust and without a mapping.

A mapped file that another program cuts short ends the process with a bus error; a file that is read is damaged.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from punar.core.plain_file import open_plain
from punar.errors import CheckpointError, shown

FILE = "checkpoint.safetensors"
_META, _CHECKSUM = "punar", "sha256"


def to_bytes(stored: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> bytes:
    """Return the file's content.

    Parameters
    ----------
    stored : mapping of str to JSON values
    tensors : mapping of str to Tensor
    """
    plain: dict[str, Tensor] = {}
    owned: set[int] = set()
    for name, value in tensors.items():
        flat = value.detach().cpu().contiguous()
        # Files take no shared memory: tied weights, and what several of the best weights have in common.
        plain[name] = flat.clone() if flat.untyped_storage().data_ptr() in owned else flat
        owned.add(flat.untyped_storage().data_ptr())
    meta = json.dumps(stored, ensure_ascii=False)
    return save(plain, metadata={_META: meta, _CHECKSUM: _checksum(meta, plain)})


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """Return what :func:`to_bytes` was given, or None where no file is.

    Raises
    ------
    CheckpointError
        It is not a plain file, or not as it was written.
    """
    try:
        with open_plain(path) as file:
            data = file.read()
    except FileNotFoundError:
        return None
    except (OSError, MemoryError) as error:
        raise CheckpointError(
            f"{shown(str(path), 200)} cannot be read: {getattr(error, 'strerror', None) or 'not enough memory'}. "
            "Delete it to start the job again, or pass another folder."
        ) from None
    try:
        meta, checksum = _metadata(data)
        tensors = load(data)
        if checksum != _checksum(meta, tensors):
            raise ValueError("its checksum is another")
        return json.loads(meta), tensors
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError, RecursionError, OverflowError) as error:
        raise damaged(path, str(error) or type(error).__name__) from None


def damaged(path: Path, reason: str) -> CheckpointError:
    """Return the error for a file that is no checkpoint."""
    return CheckpointError(
        f"{shown(str(path), 200)} is not a readable punar checkpoint: {shown(reason, 200)[1:-1]}. It was damaged or "
        "changed, or written by another version. Delete it to start the job again, or pass another folder."
    )


def _metadata(data: bytes) -> tuple[str, str]:
    """Return facts and checksum from the header, before anything else of it is believed."""
    length = int.from_bytes(data[:8], "little")
    if not 0 < length <= len(data) - 8:
        raise ValueError("it is cut short, or no file of tensors")
    held = json.loads(data[8 : 8 + length])["__metadata__"]
    if not isinstance(held, dict) or not all(isinstance(held.get(name), str) for name in (_META, _CHECKSUM)):
        raise ValueError("it has no checksum")
    return held[_META], held[_CHECKSUM]


def _checksum(meta: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(meta.encode("utf-8", "surrogatepass"))
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode("utf-8", "surrogatepass"))
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
