"""Tensors as a safetensors file, read without allocating anything on its word.

Layout: 8 bytes little-endian header length, the header as JSON (name -> dtype, shape, byte range), the bytes. What
safetensors checks itself is left to it: that ranges follow each other, and are as long as shape and dtype need.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import torch
from torch import Tensor

from punar.core import strict_json
from punar.errors import DamagedModelError, ModelFolderError, shown

MAX_HEADER_BYTES = 16 * 2**20
_DTYPES = (
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
)
_ADVICE = "Get the folder again from where it came."

_Size = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    dtype: Literal["BOOL", "U8", "I8", "I16", "I32", "I64", "F16", "BF16", "F32", "F64"]
    shape: Annotated[list[_Size], msgspec.Meta(max_length=16)]
    data_offsets: tuple[_Size, _Size]


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
    if not dense or tensor.dtype not in _DTYPES:
        raise ModelFolderError(
            f"tensor {name!r} must be dense, hold data, and have one of the dtypes "
            f"{', '.join(str(d).removeprefix('torch.') for d in _DTYPES)}; "
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
    """Return the header of a file of ``size`` bytes that begins with ``data``.

    What decides whether the file is read at all is checked here: lengths, types and the end of the last tensor.
    :func:`load` checks the rest.

    Raises
    ------
    DamagedModelError
        The header is no list of tensors, or does not agree with the size.
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
    end = max((_entry(name, entry, where).data_offsets[1] for name, entry in header.items()), default=0)
    if end != size - 8 - length:
        raise DamagedModelError(
            f"{where}: the tensors need {end} bytes after the header, found {size - 8 - length}: the file is "
            f"truncated or has something appended. {_ADVICE}"
        )
    return header


def load(data: bytes, where: str) -> dict[str, Tensor]:
    """Return the tensors of a file whose header :func:`read_header` has accepted, on the CPU.

    Raises
    ------
    DamagedModelError
        Byte ranges overlap, leave gaps, or are not as long as shape and dtype need.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as load_bytes

    try:
        return load_bytes(data)
    except (SafetensorError, ValueError, RuntimeError, OverflowError, TypeError) as e:
        raise DamagedModelError(f"{where} is not a readable safetensors file: {e}. {_ADVICE}") from e


def fits_in_memory(size: int) -> bool:
    """Return whether ``size`` bytes are less than the machine's memory; True where that is not known."""
    try:
        return size < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return True


def _entry(name: str, entry: object, where: str) -> _Entry:
    try:
        return msgspec.convert(entry, _Entry)
    except msgspec.ValidationError as e:
        raise DamagedModelError(f"{where}: tensor {shown(name)}: {e}, found {shown(entry)}. {_ADVICE}") from None


def _disguise(data: bytes) -> str:
    if data[:2] == b"PK":
        return " looks like a zip archive, which punar never opens"
    if data[:1] == b"\x80":
        return " looks like a pickle, which punar never opens"
    return ""
