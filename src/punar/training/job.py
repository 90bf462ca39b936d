"""The path from rows to a trained module, shared by the estimators: split, seed, checkpoint, loop, report."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

import punar
from punar.core import deadline, plugins
from punar.core.params import Rule, boolean, check_params, either, instance, integer, none, number, one_of, random_state
from punar.core.progress import Progress
from punar.core.runtime import choose_threads, count_work, draw_seed, in_lanes, lanes, mix, threads
from punar.core.shared import one_blas_thread
from punar.data.rows import DatasetRows, TensorRows
from punar.errors import CheckpointError, ModelFolderError
from punar.preparations import Preparation
from punar.stored import describable
from punar.tasks import Targets
from punar.texts import fit as texts
from punar.training import checkpoint as checkpoints
from punar.training import optimisers
from punar.training.checkpoint import Checkpoint
from punar.training.loop import Loop, Losses
from punar.training.report import FitReport

_MEASURE = 101  # stream of the seed

# Parameters that change what is shown, never what is learned: a checkpoint does not care about them.
_NOT_IN_FINGERPRINT = ("verbose", "strict", "cache", "warm_start")

TIME_LIMIT = either(none(), number(0, open_low=True))

TRAINING_RULES: dict[str, Rule] = {
    "epochs": integer(1),
    "batch_size": either(one_of("auto"), integer(1)),
    "learning_rate": number(0, open_low=True),
    "optimizer": one_of(*optimisers.NAMES),
    "schedule": one_of(*optimisers.SCHEDULES),
    "weight_decay": number(0),
    "gradient_clip": either(none(), number(0, open_low=True)),
    "validation_fraction": number(0, 1, open_high=True),
    "early_stopping": boolean(),
    "patience": integer(1),
    "device": either(instance(str, text="a device name"), instance(torch.device, text="a torch.device")),
    "random_state": random_state(),
    "verbose": either(boolean(), integer(0)),
    "evidence": one_of("auto", "cheap"),
    "strict": boolean(),
}


def auto_batch_size(n: int) -> int:
    """Return a power of two near n / 50, from 16 to 256: enough steps per epoch on few rows, less overhead on many.

    >>> [auto_batch_size(n) for n in (10, 150, 1797, 20_000)]
    [16, 16, 32, 256]
    """
    size = 16
    while size < 256 and size * 75 < n:
        size *= 2
    return size


def run(
    estimator: Any,
    module: nn.Module,
    losses: Losses,
    epoch_end: Callable[..., None] | None,
    rows: TensorRows | DatasetRows,
    index: tuple[Tensor, Tensor],
    *,
    seed: int,
    device: torch.device,
    store: Checkpoint | None,
    meetings: int = 1,
    **further: Any,
) -> Loop:
    """Train ``module`` with the estimator's training parameters and return the finished loop.

    Parameters
    ----------
    estimator : object
        Has the parameters of ``TRAINING_RULES``.
    module, losses, epoch_end, rows, seed, device
        See :class:`punar.training.loop.Loop`.
    index : tuple of Tensor
        Training and validation indices.
    store : Checkpoint or None
        Continued where it holds a job's state, and saved at the end: a finished folder returns the model at once.
    meetings : int, default=1
        How often threads wait for each other in one pass of a layer: once for each step of a sequence.
    **further
        ``epoch_begin``, ``rate_of``, ``eval_rows``, ``halves``, ``start_counts`` and ``settle`` of the loop.
    """
    train, valid = index
    stored = None if store is None else store.load()
    size = auto_batch_size(len(train)) if isinstance(estimator.batch_size, str) else int(estimator.batch_size)
    place = device if isinstance(rows, TensorRows) else torch.device("cpu")
    count, side_by_side = torch.get_num_threads(), lanes()
    if stored is not None:
        count, side_by_side = stored[0]["threads"], stored[0].get("lanes", 1)
    elif device.type == "cpu":
        typical = getattr(rows, "typical", None)  # of rows that differ in length
        row, generator = rows.take(train[:1] if typical is None else typical(train)), torch.Generator()
        work = count_work(module, lambda net: losses(net, row, progress=1.0, generator=generator))
        count = choose_threads(3 * min(size, len(train)) * work // meetings)
    if store is not None:
        store.facts |= {"seed": seed, "threads": count, "lanes": side_by_side}
    loop = Loop(
        module,
        losses,
        rows,
        train.to(place),
        valid.to(place),
        epochs=int(estimator.epochs),
        batch_size=size,
        optimizer=estimator.optimizer,
        schedule=estimator.schedule,
        learning_rate=float(estimator.learning_rate),
        weight_decay=float(estimator.weight_decay),
        gradient_clip=estimator.gradient_clip,
        patience=int(estimator.patience) if estimator.early_stopping and len(valid) else None,
        seed=seed,
        device=device,
        epoch_end=epoch_end,
        progress=Progress(int(estimator.verbose)),
        checkpoint=store,
        **further,
    )
    if stored is not None:
        loop.restore(*stored)
        if store is not None and stored[0].get("report") is not None:
            store.facts["report"] = stored[0]["report"]
    with threads(count), in_lanes(side_by_side):
        loop.train()
    if store is not None and not loop.out_of_time:
        store.save(*loop.state())
    return loop


def kept_report(store: Checkpoint | None) -> FitReport | None:
    """Return the report of a job that was finished before, or None."""
    stored = None if store is None else store.facts.get("report")
    return None if stored is None else FitReport(stored)


def keep_report(store: Checkpoint | None, loop: Loop, report: FitReport) -> None:
    """Save the report with the finished job, so that a finished folder returns the model at once."""
    if store is not None and not loop.out_of_time:  # else the next call goes on
        store.facts["report"] = dict(report)
        store.save(*loop.state())


def say_out_of_time(report: FitReport, loop: Loop) -> None:
    """Write into a report that a deadline stopped the training, where it did."""
    if loop.out_of_time:
        report["out_of_time"] = True
        kept = texts.KEPT_BEST if loop.chose else texts.KEPT_LAST
        report["verdict"] += texts.TIME_WAS_OVER.format(epoch=len(loop.history), epochs=loop.epochs, kept=kept)


def content(preparation: Preparation, items: Sequence[Any], targets: Targets, weight: Tensor | None) -> str:
    """Return a hash of what a fit reads: items, targets and weights."""
    digest = hashlib.blake2b(digest_size=16)
    for item in items:
        digest.update(hashlib.blake2b(preparation.content(item), digest_size=16).digest())
    digest.update(targets.digest().encode())
    if weight is not None:
        digest.update(weight.numpy().tobytes())
    return digest.hexdigest()


@contextlib.contextmanager
def all_or_nothing(
    estimator: BaseEstimator, time_limit: float | None = None, checkpoint: str | Path | None = None
) -> Iterator[None]:
    """Put the estimator back as it was where the block raises: an earlier fit survives a failed one.

    Parameters
    ----------
    estimator : object
    time_limit : float or None
        Seconds within which the block is to end; see :mod:`punar.core.deadline`.
    checkpoint : path or None
        Checked before the block is begun.
    """
    where = f"{type(estimator).__name__}.fit"
    check_params(SimpleNamespace(time_limit=time_limit), {"time_limit": TIME_LIMIT}, where)
    checkpoints.check_folder(checkpoint, where)
    before = dict(vars(estimator))
    try:
        # NumPy's number of threads is the process's: with one in every fit, fits side by side round alike.
        with deadline.within(None if time_limit is None else float(time_limit)), one_blas_thread():
            yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def fingerprint(estimator: BaseEstimator, data: dict[str, Any], seed: int | None) -> dict[str, Any]:
    """Return what makes a job this job: data, parameters and versions."""
    try:
        params = plugins.to_dict(describable(estimator, seed or 0))["params"]
    except ModelFolderError as error:
        raise CheckpointError(f"checkpoint= needs parameters that can be written down: {error}") from None
    kept = {k: json.dumps(v, sort_keys=True) for k, v in params.items() if k not in _NOT_IN_FINGERPRINT}
    versions = {"punar": punar.__version__, "torch": torch.__version__, "machine": platform.machine()}
    return {"data": data, "parameters": kept, "versions": versions}


def resolve_seed(state: Any, folder: str | Path | None) -> tuple[int, int | None]:
    """Return the job's seed, and the seed to write into the fingerprint (None where random_state is None or an int).

    With ``random_state=None`` a checkpoint's own drawn seed is taken up again.
    """
    if state is None and folder is not None:
        stored = checkpoints.read_meta(folder)
        if stored is not None and isinstance(stored["facts"].get("seed"), int):
            return stored["facts"]["seed"], None
    seed = draw_seed(state)
    return seed, seed if isinstance(state, np.random.RandomState) else None


def mean_loss(
    losses: Callable[..., dict[str, Tensor]], seed: int, block: int = 2048
) -> Callable[[nn.Module, Tensor], float]:
    """Return a function that gives the summed loss terms on rows, at full progress and with fixed noise."""

    def measure(module: nn.Module, rows: Tensor) -> float:
        generator = torch.Generator(device=rows.device).manual_seed(mix(seed, _MEASURE))
        total = 0.0
        with torch.no_grad():
            for batch in rows.split(block):
                terms = losses(module, batch, progress=1.0, generator=generator)
                total += sum(float(v) for v in terms.values()) * len(batch)
        return total / len(rows)

    return measure
