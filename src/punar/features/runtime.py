"""How a frozen network is run: plain torch for small jobs, the fastest correct runtime of this machine for large ones.

"eager" is torch in channels-last layout; "onnx" is ONNX Runtime, which folds batch norms into convolutions and fuses
what follows them, without a compiler. Which one is faster is measured once per machine and network and remembered, so
that the same job always takes the same one.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import platform
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from punar.core.files import write_atomic
from punar.core.plain_file import open_plain
from punar.core.runtime import available_cores
from punar.features.cache import default_folder
from punar.preparations import Batch

Compute = Callable[[nn.Module, Mapping[str, Tensor]], Tensor]

# Multiply-adds of a whole job from which an export can pay. It takes 6 to 20 seconds for networks of pictures; those of
# texts take 4 and gain more, since torch's plain matrix products are further from the machine's limit.
_LARGE = {"vision": 1_500_000_000_000, "text": 500_000_000_000, "audio": 1_500_000_000_000}
_AGREEMENT = 2e-3  # largest difference allowed, relative to the largest feature
_REMEMBERED = "runtimes.json"
_EXPORTED: dict[tuple[str, str], Callable[[Batch], Tensor] | None] = {}
# Pictures per pass on a CPU: the maps of a batch of 32 do not fit its cache, and memory that large is fetched anew from
# the system each time. With two threads 8 is 1.2 times as fast for ResNet-18, 1.6 for ResNet-50, 3 for MobileNet.
ROWS_PER_PASS = 8
_KEPT = 2  # networks of this process; each holds its weights once more


def eager(
    module: nn.Module, compute: Compute, device: torch.device, *, mixed: bool = False
) -> Callable[[Batch], Tensor]:
    """Return a function that runs batches through torch and gives float32 rows on the CPU.

    Parameters
    ----------
    module : nn.Module
        See :func:`settle`.
    compute : callable
        ``compute(module, batch)`` -> rows.
    device : torch.device
    mixed : bool, default=False
        bfloat16 where a GPU gains by it.
    """
    settle(module, device)

    def run(batch: Batch) -> Tensor:
        moved = {k: _laid_out(v.to(device, non_blocking=True)) for k, v in batch.items()}
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            found = [compute(module, part).float() for part in _passes(moved, device)]
            return (found[0] if len(found) == 1 else torch.cat(found)).contiguous().cpu()

    return run


def settle(module: nn.Module, device: torch.device) -> None:
    """Put a network in eval mode, on ``device`` and its convolutions in channels-last layout; its numbers stay.

    Only where it is not so already: PyTorch walks through every layer and tensor also where nothing changes, and that
    takes as long as a small network's pass.
    """
    layers = list(module.modules())
    if any(layer.training for layer in layers):
        module.eval()
    if not all(_is_on(p, device) for layer in layers for p in (*layer._parameters.values(), *layer._buffers.values())):
        module.to(device)
    channels_last = {"memory_format": torch.channels_last}
    if not all(layer.weight.is_contiguous(**channels_last) for layer in layers if isinstance(layer, nn.Conv2d)):
        module.to(**channels_last)


def _is_on(tensor: Tensor | None, device: torch.device) -> bool:
    if tensor is None:
        return True
    return tensor.device.type == device.type and device.index in (None, tensor.device.index)


def _passes(batch: Batch, device: torch.device) -> Iterator[Batch]:
    """Yield the parts of a batch that go through the network together: pictures on a CPU in small ones."""
    pixels = batch.get("pixels")
    if pixels is None or device.type != "cpu":
        yield batch
        return
    for start in range(0, len(pixels), ROWS_PER_PASS):
        yield {name: value[start : start + ROWS_PER_PASS] for name, value in batch.items()}


def can_export() -> bool:
    """Return whether ONNX Runtime and its exporter are installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("onnxruntime", "onnx", "onnxscript"))


def is_large(domain: str, work_per_item: int, items: int) -> bool:
    """Return whether a job is worth a measurement: a rule, so that it is the same every time."""
    return domain in _LARGE and work_per_item * items >= _LARGE[domain]


def fastest(
    module: nn.Module, compute: Compute, names: Sequence[str], sample: Batch, key: str, weights: str
) -> tuple[str, Callable[[Batch], Tensor]]:
    """Return the faster of eager and ONNX Runtime on the CPU, by name and as a function.

    Parameters
    ----------
    module, compute
        See :func:`eager`.
    names : sequence of str
        The batch's tensors that ``compute`` reads, in order.
    sample : Batch
        A full batch.
    key : str
        What the choice is remembered by, on this machine.
    weights : str
        A hash of them: an exported network is kept for the next call in this process.
    """
    plain = eager(module, compute, torch.device("cpu"))
    full = f"{key} {platform.machine()} {available_cores()} torch {torch.__version__} onnxruntime {_onnx_version()}"
    remembered = _recall().get(full)
    if remembered == "eager" or _onnx_version() is None:
        return "eager", plain

    def exported() -> Callable[[Batch], Tensor] | None:
        if (full, weights) not in _EXPORTED:
            while len(_EXPORTED) >= _KEPT:
                _EXPORTED.pop(next(iter(_EXPORTED)))
            _EXPORTED[full, weights] = _export(module, compute, names, sample, plain(sample))
        return _EXPORTED[full, weights]

    if remembered is None:
        fast = exported()
        remembered = "onnx" if fast is not None and _seconds(fast, sample) < _seconds(plain, sample) else "eager"
        _remember(full, remembered)
    if remembered == "eager":
        return "eager", plain
    # Exported when the first row has to be computed: everything may be in the cache.
    return "onnx", lambda batch: (exported() or plain)(batch)


def _export(
    module: nn.Module, compute: Compute, names: Sequence[str], sample: Batch, wanted: Tensor
) -> Callable[[Batch], Tensor] | None:
    """Return the network as an ONNX Runtime session for batches of the sample's size, or None where it cannot be."""
    import onnxruntime

    class Exported(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, *tensors: Tensor) -> Tensor:
            return compute(self.inner, dict(zip(names, tensors, strict=True)))

    inputs = tuple(sample[name] for name in names)
    lengths = [i for i, t in enumerate(inputs) if t.dim() == 2]
    dynamic: Any = {
        "tensors": tuple({1: torch.export.Dim.DYNAMIC} if i in lengths else None for i in range(len(inputs)))
    }
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_cores()
    # Spinning threads would take the cores that are decoding the next items.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    try:
        logger.setLevel(logging.ERROR)
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            path = Path(folder) / "network.onnx"
            torch.onnx.export(
                Exported().eval(), inputs, str(path), dynamo=True, input_names=list(names), verbose=False,
                dynamic_shapes=dynamic if lengths else None,
            )  # fmt: skip
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

        size = len(inputs[0])

        def run(batch: Batch) -> Tensor:
            # The exported network takes batches of one size; fewer items are filled up.
            given = len(batch[names[0]])
            feed = {n: batch[n][torch.arange(size).clamp(max=given - 1)].contiguous().numpy() for n in names}
            return torch.from_numpy(session.run(None, feed)[0][:given])

        found = run(sample)
    # Exporters fail in every way; then the network runs as it is.
    except Exception:
        return None
    finally:
        logger.setLevel(level)
    scale = float(wanted.abs().max()) or 1.0
    agrees = found.shape == wanted.shape and float((found - wanted).abs().max()) <= _AGREEMENT * scale
    return run if agrees and found.dtype == wanted.dtype else None


def _seconds(run: Callable[[Batch], Tensor], sample: Batch) -> float:
    run(sample)
    times = []
    for _ in range(2):
        started = time.perf_counter()
        run(sample)
        times.append(time.perf_counter() - started)
    return min(times)


def _laid_out(value: Tensor) -> Tensor:
    return value.contiguous(memory_format=torch.channels_last) if value.dim() == 4 else value


def _onnx_version() -> str | None:
    if not can_export():
        return None
    import onnxruntime

    return str(onnxruntime.__version__)


def _recall() -> dict[str, str]:
    try:
        with open_plain(default_folder() / _REMEMBERED) as file:
            stored = json.loads(file.read())
    except (OSError, ValueError, RecursionError):
        return {}
    known = stored.items() if isinstance(stored, dict) else ()
    return {k: v for k, v in known if v in ("eager", "onnx")}


def _remember(key: str, choice: str) -> None:
    try:
        default_folder().mkdir(parents=True, exist_ok=True)
        write_atomic(default_folder() / _REMEMBERED, json.dumps(_recall() | {key: choice}, indent=1))
    except OSError:  # then it is measured again next time
        pass
