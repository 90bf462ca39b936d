"""A file of tensors into a module: read without running anything, compared in full, then copied."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from punar.core import tensor_file
from punar.core.weights import refuse_not_finite
from punar.errors import DamagedModelError, ModelFolderError, ParameterTypeError, WeightsNotFoundError, shown

IN_FOLDER = ("model.safetensors", "pytorch_model.bin")
# Where training scripts keep the weights among other things.
_WRAPPERS = ("state_dict", "model", "model_state_dict")
_COUNTER = "num_batches_tracked"


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file or of a ``.pth`` state dict, by name, on the CPU.

    Parameters
    ----------
    path : path-like
        A file, or a folder with ``model.safetensors`` or ``pytorch_model.bin``. A checkpoint that keeps the weights
        under ``state_dict``, ``model`` or ``model_state_dict`` is unwrapped.

    Raises
    ------
    ParameterTypeError
        Not a path.
    WeightsNotFoundError
        No such file.
    DamagedModelError
        Truncated, hostile, larger than the machine's memory, or more than tensors: nothing in it is run.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ParameterTypeError(f"weights must be 'default', None or a path, got {shown(path)}.")
    file = _file(Path(path))
    where = f"weights {file.name}"
    size = file.stat().st_size
    _check_memory(size, where)
    with open(file, "rb") as f:
        start = f.read(2)
    if file.suffix == ".safetensors" or (start != b"PK" and start[:1] != b"\x80"):
        data = file.read_bytes()
        try:
            tensor_file.read_header(data, len(data), where)
            return tensor_file.load(data, where)
        except ModelFolderError as error:
            # The reader's advice is about folders that punar wrote.
            reason = str(error).removesuffix(" Get the folder again from where it came.")
            raise DamagedModelError(f"{reason} Get the file again from where it came.") from None
    return _read_pth(file, where)


def stored_names(path: Path) -> set[str]:
    """Return the names of a file's or folder's tensors, without reading their numbers.

    Raises
    ------
    WeightsNotFoundError
        No such file.
    DamagedModelError
        It is not a file of tensors.
    """
    file = _file(path)
    if file.suffix != ".safetensors":
        return set(_read_pth(file, f"weights {file.name}", "meta"))
    size = file.stat().st_size
    with open(file, "rb") as f:
        start = f.read(8)
        start += f.read(min(int.from_bytes(start, "little"), tensor_file.MAX_HEADER_BYTES))
    try:
        return set(tensor_file.read_header(start, size, f"weights {file.name}"))
    except DamagedModelError:
        raise
    except ModelFolderError as error:
        raise DamagedModelError(str(error)) from None


def _file(path: Path) -> Path:
    file = path
    if os.path.isdir(file):
        file = next((file / name for name in IN_FOLDER if (file / name).is_file()), file / IN_FOLDER[0])
    if not os.path.isfile(file):  # False, too, where a name is longer than the system takes
        raise WeightsNotFoundError(
            f"weights must be 'default', None or an existing file, and there is none at {shown(str(file), 200)}."
        )
    return file


def _read_pth(file: Path, where: str, device: str = "cpu") -> dict[str, Tensor]:
    if zipfile.is_zipfile(file):
        try:
            with zipfile.ZipFile(file) as archive:
                _check_memory(sum(info.file_size for info in archive.infolist()), where)
        except zipfile.BadZipFile as error:
            raise DamagedModelError(f"{where} cannot be read: {error}. Get the file again.") from None
    try:
        found = torch.load(file, map_location=device, weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a hostile file may end in any of them
        raise DamagedModelError(
            f"{where} must be a state dict that holds tensors alone, and is not, or is cut short; nothing in it was "
            f"run. Save it with safetensors, or as torch.save(model.state_dict(), ...). "
            f"The reader says: {shown(str(error).splitlines()[0] if str(error) else type(error).__name__, 160)}"
        ) from None
    for key in _WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not found:
        raise DamagedModelError(f"{where} must hold named tensors, found {shown(type(found))}.")
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise DamagedModelError(f"{where} must hold named tensors only, found {shown(name)}: {shown(type(value))}.")
    return dict(found)


def put_weights(module: nn.Module, tensors: Mapping[str, Tensor], where: str, drop: Iterable[str] = ()) -> None:
    """Copy ``tensors`` into ``module``, all or nothing.

    A ``module.`` before every name is taken off. Half and double precision become the module's precision. A batch
    norm's ``num_batches_tracked`` may be absent.

    Parameters
    ----------
    module : nn.Module
    tensors : mapping of str to Tensor
        By state-dict name.
    where : str
        The file or source, for messages.
    drop : iterable of str
        Dotted names of modules that ``module`` does not have and the tensors may have: classifiers.

    Raises
    ------
    DamagedModelError
        Names or shapes differ, or a weight is not finite; the message has the first ones.
    """
    given = dict(tensors)
    if given and all(name.startswith("module.") for name in given):
        given = {name.removeprefix("module."): value for name, value in given.items()}
    slots = module.state_dict()
    prefixes = tuple(f"{name}." for name in drop)
    given = {k: v for k, v in given.items() if k in slots or not (k.startswith(prefixes) or k.endswith(_COUNTER))}
    wrong = _differences(slots, given)
    if wrong:
        rest = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise DamagedModelError(
            f"{where}: the weights must be those of this architecture; {'; '.join(wrong[:3])}{rest}. "
            "Name the architecture, with its options, that the weights were made for."
        )
    unbuilt = any(slot.is_meta for slot in slots.values())
    state: dict[str, Any] = {k: given[k].to(slot.dtype) for k, slot in slots.items() if k in given}
    for name, slot in slots.items():
        if name not in state:
            state[name] = torch.zeros(slot.shape, dtype=slot.dtype) if slot.is_meta else slot
    module.load_state_dict(state, assign=unbuilt)
    refuse_not_finite(module, where)


def _differences(slots: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    missing = [f"{name} is missing" for name in slots if name not in given and not name.endswith(_COUNTER)]
    unexpected = [f"{shown(name)} is not part of it" for name in given if name not in slots]
    other = [
        f"{name} must be {tuple(slots[name].shape)}, found {tuple(value.shape)}"
        if value.shape != slots[name].shape
        else f"{name} must hold {slots[name].dtype}, found {value.dtype}"
        for name, value in given.items()
        if name in slots and (value.shape != slots[name].shape or not _same_kind(slots[name], value))
    ]
    # One of each kind first: together they tell a wrong architecture from a wrong prefix.
    firsts = [lines[0] for lines in (missing, unexpected, other) if lines]
    return firsts + [line for lines in (missing, unexpected, other) for line in lines[1:]]


def _same_kind(slot: Tensor, value: Tensor) -> bool:
    return value.is_floating_point() == slot.is_floating_point() and value.layout == torch.strided


def _check_memory(size: int, where: str) -> None:
    if not tensor_file.fits_in_memory(size):
        raise DamagedModelError(f"{where} must fit into this machine's memory, found {size} bytes.")
