"""Tensors as a safetensors file, with every claim of its header checked before anything is allocated.

Layout: 8 bytes little-endian header length, the header as JSON (name -> dtype, shape, byte range), the bytes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from punar.core import strict_json
from punar.errors import DamagedModelError, ModelFolderError, shown

MAX_HEADER_BYTES = 16 * 2**20
_MAX_SIDE = 2**40
_DTYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
}
_ADVICE = "Get the folder again from where it came."


def save(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write ``tensors``; the same tensors give the same bytes.

    Views and tensors that share memory are stored in full, each under its own name.

    Raises
    ------
    ModelFolderError
        A name is not text, or a tensor is not a dense one of a plain dtype.
    """
    from safetensors.torch import save_file

    plain: dict[str, Tensor] = {}
    owned: set[int] = set()
    for name, tensor in tensors.items():
        plain[name] = _plain(name, tensor, owned)
    save_file(plain, str(path), metadata={"format": "pt"})


def _plain(name: str, tensor: Tensor, owned: set[int]) -> Tensor:
    if not isinstance(name, str) or not isinstance(tensor, Tensor):
        raise ModelFolderError(f"tensors must map names to tensors, got {shown(name)}: {shown(type(tensor))}.")
    dense = tensor.layout == torch.strided and not tensor.is_quantized and tensor.device.type != "meta"
    if not dense or tensor.dtype not in _DTYPES.values():
        raise ModelFolderError(
            f"tensor {name!r} must be dense, hold data, and have one of the dtypes "
            f"{', '.join(str(d).removeprefix('torch.') for d in _DTYPES.values())}; "
            f"found dtype {tensor.dtype}, layout {tensor.layout}, device {tensor.device}."
        )
    flat = tensor.detach().to("cpu").contiguous()
    storage = flat.untyped_storage()
    if storage.data_ptr() in owned or storage.nbytes() != flat.numel() * flat.element_size():
        flat = flat.clone()
    if flat.numel():
        owned.add(flat.untyped_storage().data_ptr())
    return flat


def read_header(data: bytes, size: int, where: str) -> dict[str, Any]:
    """Return the checked header of a file of ``size`` bytes that begins with ``data``.

    Raises
    ------
    DamagedModelError
        A length, dtype, shape or byte range does not agree with the file.
    """
    if size < 8:
        raise DamagedModelError(f"{where} must hold at least 8 bytes, found {size}. {_ADVICE}")
    length = int.from_bytes(data[:8], "little")
    room = min(size - 8, MAX_HEADER_BYTES)
    if length > room:
        raise DamagedModelError(
            f"{where}{_disguise(data)}: the header's length must be at most {room} bytes (file size and "
            f"punar's limit), found {length}. {_ADVICE}"
        )
    header = strict_json.loads(data[8 : 8 + length], f"{where} (header)")
    if not isinstance(header, dict):
        raise DamagedModelError(f"{where}: the header must be an object, found {shown(header)}. {_ADVICE}")
    header.pop("__metadata__", None)
    ranges = sorted((*_check_entry(name, entry, where), name) for name, entry in header.items())
    at = 0
    for begin, end, name in ranges:
        if begin != at:
            raise DamagedModelError(
                f"{where}: the tensors' bytes must follow each other without overlap or gap; {name!r} "
                f"begins at {begin} instead of {at}. {_ADVICE}"
            )
        at = end
    if at != size - 8 - length:
        raise DamagedModelError(
            f"{where}: the tensors need {at} bytes after the header, found {size - 8 - length}: the file is "
            f"truncated or has something appended. {_ADVICE}"
        )
    return header


def load(data: bytes, where: str) -> dict[str, Tensor]:
    """Return the tensors of a file whose header :func:`read_header` has accepted, on the CPU."""
    from safetensors import SafetensorError
    from safetensors.torch import load as load_bytes

    try:
        return load_bytes(data)
    except (SafetensorError, ValueError, RuntimeError, OverflowError, KeyError) as e:
        raise DamagedModelError(f"{where} is not a readable safetensors file: {e}. {_ADVICE}") from e


def fits_in_memory(size: int) -> bool:
    """Return whether ``size`` bytes are less than the machine's memory; True where that is not known."""
    try:
        return size < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return True


def _check_entry(name: str, entry: object, where: str) -> tuple[int, int]:
    def refuse(rule: str) -> DamagedModelError:
        return DamagedModelError(f"{where}: tensor {shown(name)} must have {rule}, found {shown(entry)}. {_ADVICE}")

    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise refuse("exactly dtype, shape and data_offsets")
    dtype, shape, span = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise refuse("one of the dtypes " + ", ".join(_DTYPES))
    if not isinstance(shape, list) or len(shape) > 16 or not all(_is_size(n) and n <= _MAX_SIDE for n in shape):
        raise refuse("a shape of at most 16 whole numbers >= 0")
    if not isinstance(span, list) or len(span) != 2 or not all(map(_is_size, span)):
        raise refuse("two offsets >= 0")
    if span[1] - span[0] != math.prod(shape) * _DTYPES[dtype].itemsize:
        raise refuse("as many bytes between its offsets as its shape and dtype need")
    return span[0], span[1]


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _disguise(data: bytes) -> str:
    if data[:2] == b"PK":
        return " looks like a zip archive, which punar never opens"
    if data[:1] == b"\x80":
        return " looks like a pickle, which punar never opens"
    return ""
