"""What a candidate costs: seconds, resident memory and parameters."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

_SAMPLE_SECONDS = 0.01
_TRANSFORM_SECONDS = 0.2
_TRANSFORM_REPEATS = 5


def resident_mb() -> float | None:
    """Return this process's resident memory in MB, or None where the system has no ``/proc/self/statm``."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class MemoryPeak:
    """Samples resident memory in a thread while the block runs.

    Attributes
    ----------
    extra_mb : float or None
        Largest sample minus the sample at entry, in MB; None where it cannot be read.
    """

    def __init__(self) -> None:
        self.extra_mb: float | None = None

    def __enter__(self) -> MemoryPeak:
        gc.collect(1)  # a full collection takes longer than most fits here
        _give_back()
        self._start = resident_mb()
        self._peak = self._start or 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        if self._start is not None:
            self._thread.start()
        return self

    def _sample(self) -> None:
        while not self._stop.wait(_SAMPLE_SECONDS):
            self._peak = max(self._peak, resident_mb() or 0.0)

    def __exit__(self, *_: object) -> None:
        if self._start is None:
            return
        self._stop.set()
        self._thread.join()
        self.extra_mb = max(self._peak, resident_mb() or 0.0) - self._start


def _give_back() -> None:
    """Return freed heap to the system, so that a fit does not live on what the one before it left behind."""
    if sys.platform == "linux":
        import ctypes

        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc only
        if trim is not None:
            trim(0)


def measured_fit(fit: Callable[[], Any]) -> tuple[Any, float, float | None, list[str]]:
    """Run ``fit`` and return its result, seconds, peak extra MB and the warnings it gave as "Category: text"."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with MemoryPeak() as memory:
            started = time.perf_counter()
            fitted = fit()
            seconds = time.perf_counter() - started
    said = [f"{w.category.__name__}: {str(w.message).strip()}" for w in caught]
    return fitted, seconds, memory.extra_mb, list(dict.fromkeys(said))


def transform_microseconds(transform: Callable[[], Any], rows: int) -> float:
    """Return the wall-clock microseconds per row of the fastest of a few calls; the caller has warmed it up."""
    best, spent = np.inf, 0.0
    for _ in range(_TRANSFORM_REPEATS):
        started = time.perf_counter()
        transform()
        seconds = time.perf_counter() - started
        best, spent = min(best, seconds), spent + seconds
        if spent > _TRANSFORM_SECONDS:
            break
    return float(best) / rows * 1e6


def count_parameters(estimator: Any) -> int | None:
    """Return how many stored numbers encode and decode a row, or None where that cannot be told.

    A torch estimator counts the parameters of its ``module_``; a linear one its components, means and inverse; a
    pipeline the sum of its steps.
    """
    if hasattr(estimator, "module_"):
        return sum(int(p.numel()) for p in estimator.module_.parameters())
    if hasattr(estimator, "steps"):
        counts = [count_parameters(step) for _, step in estimator.steps if step not in (None, "passthrough")]
        return None if None in counts else sum(c for c in counts if c is not None)
    names = ("components_", "mean_", "inverse_components_", "scale_", "shift_")
    found = [getattr(estimator, name, None) for name in names]
    sizes = [int(np.prod(a.shape)) for a in found if a is not None and hasattr(a, "shape")]
    if sizes:
        return sum(sizes)
    return 0 if not any(k.endswith("_") and not k.startswith("n_") for k in vars(estimator)) else None
