"""An autoencoder's fit from X to a codec: reading, scaling, the checkpoint's identity, the loop, the report."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from punar.core.memory import check_memory
from punar.core.runtime import pick_device, threads
from punar.data import inputs, scaling
from punar.data.rows import DatasetRows, TensorRows
from punar.models import assemble, evidence, warm
from punar.models.codec import table as tables
from punar.models.codec.given import joined
from punar.models.codec.model import Codec
from punar.models.codec.moments import learn_moments, scaler_for
from punar.models.codec.own import code_size, refuse_out_of_reach
from punar.models.codec.reading import check_together, read
from punar.models.codec.report import Part, measure, measured_rows, pca_rows
from punar.models.division import Division, Wanted
from punar.networks import Network
from punar.objectives import Objective
from punar.preparations.mixed import MixedTable
from punar.stored import MODULE, module_tensors, own_tensors, scaler_tensors, stored_scaler
from punar.training import job as _fitting
from punar.training.checkpoint import Checkpoint, hash_tensors
from punar.training.loop import Loop
from punar.training.report import CROSS_FITTED, HELD_OUT, TRAINING, FitReport
from punar.training.restoring import check_like
from punar.training.settings import resolve

_FEWEST_HELD_OUT = 10  # rows that say anything of reconstructions


@dataclass
class Fitted:
    """What a fit leaves behind."""

    codec: Codec
    seed: int
    history: list[dict[str, float]]
    report: FitReport


def fit(estimator: Any, X: Any, folder: str | Path | None, wanted: Wanted, before: Codec | None = None) -> Fitted:
    """Fit a codec with the estimator's parameters; the estimator is given nothing but scikit-learn's names of X.

    Parameters
    ----------
    estimator : Autoencoder
    X : array-like, pictures or Dataset
    folder : path or None
        Of the checkpoint.
    wanted : Wanted
        What the call says of the division.
    before : Codec, optional
        Of the fit before, whose weights this one goes on from.
    """
    objective = assemble.part(estimator, "objective", "objectives", Objective)
    network = assemble.part(estimator, "network", "networks", Network)
    objective.check()
    device = pick_device(estimator.device)
    seed, written_seed = _fitting.resolve_seed(warm.random_state(estimator, before), folder)
    with threads(1):  # memory-bound passes, in blocks that fit a cache: a second thread would only wait
        wants = "images" if network.pictures_only else "sequences" if network.sequences_only else None
        table = tables.learn(estimator, X, wants, seed) if before is None else before.table
        rows, layout = read(estimator, X, "fit", wants=wants, table=table)
        check_together(estimator, network, layout)
        groups = wanted.numbered(len(rows))
        rows, own = joined(estimator, wanted, rows, layout, table)
        division = Division(len(rows), float(estimator.validation_fraction), seed, groups=groups, given=own)
        index = division.split()
        found, step_means = learn_moments(estimator, rows, layout, index[0])
        store = open_checkpoint(estimator, folder, rows, layout, found, written_seed, division, before)
        stored = store.load() if store is not None else None
        codec = _codec(estimator, network, objective, rows, layout, found, step_means, table)
        _build(estimator, codec, seed, before, store, stored)
        codec.module.to(device)
        if store is not None and stored is not None and stored[0].get("finished"):
            return _finished(codec, store, stored, seed)
        if store is not None:
            store.tensors |= scaler_tensors(codec.scaler)
        scaled = codec.scaled(rows, device)
        refuse_out_of_reach(codec, scaled, f"{type(estimator).__name__}.fit")

    settings = resolve(estimator, _fitting.TRAINING_RULES, {})

    def trained(
        settings: SimpleNamespace,
        module: nn.Module,
        index: tuple[Tensor, Tensor],
        halves: Any = None,
        store: Checkpoint | None = None,
    ) -> Loop:
        return _fitting.run(
            settings,
            module,
            objective.losses,
            objective.epoch_end,
            scaled,
            index,
            seed=seed,
            device=device,
            store=store,
            meetings=codec.meetings,
            halves=halves,
            **({"eval_rows": codec.block()} if codec.sequences else {}),
        )

    def refit(learn: Tensor) -> tuple[Loop, Tensor]:
        index = division.split(learn)
        longer = evidence.as_long(settings, len(rows), len(learn))
        return trained(longer, codec.build(seed).to(device), index), index[0]

    # Fits that begin anew would say nothing of one that goes on.
    folds = division.folds(estimator) if before is None else []
    halves = division.parts(index[1])
    loop = trained(settings, codec.module, index, halves, store)
    judges = _crossed(estimator, folds, refit) if folds and evidence.affordable(loop) else None
    judges = judges or _held_out(loop, index, halves)
    with codec.in_threads(256):
        measured = report(codec, scaled, judges, seed=seed, seen=len(index[0]) * len(loop.history))
    warm.say(measured, before, given=wanted.given)
    _fitting.say_out_of_time(measured, loop)
    if table is not None:
        measured["columns"] = list(table.notes)
    if store is not None and not loop.out_of_time:
        store.save({"finished": True, "history": loop.history, "report": dict(measured)}, codec.tensors())
    return Fitted(codec, seed, loop.history, measured)


def _finished(codec: Codec, store: Checkpoint, stored: tuple[dict[str, Any], dict[str, Tensor]], seed: int) -> Fitted:
    """Return what an earlier call with this checkpoint had come to."""
    facts, tensors = stored
    kept = {name: value for name, value in tensors.items() if name.startswith(MODULE)}
    check_like(module_tensors(codec.module), kept, store.folder)
    codec.module.load_state_dict(own_tensors(tensors))
    codec.module.eval()
    return Fitted(codec, seed, facts["history"], FitReport(facts["report"]))


def _codec(
    estimator: Any,
    network: Network,
    objective: Objective,
    rows: Tensor | DatasetRows,
    layout: inputs.Layout,
    found: scaling.Moments,
    step_means: Tensor | None,
    table: MixedTable | None,
) -> Codec:
    """Return a codec without its module, whose scaling is learned from the training rows' moments."""
    scaler = scaler_for(estimator, objective, found, layout, mixed=table is not None)
    if step_means is not None:
        scaler = dataclasses.replace(scaler, mean=step_means)
    wide = (rows if isinstance(rows, Tensor) else rows.take(torch.arange(1))).dtype == torch.float64
    size = code_size(estimator, network, objective, layout)
    return Codec(network, objective, size, layout, scaler, found.binary, not wide, table)


def _build(
    estimator: Any, codec: Codec, seed: int, before: Codec | None, store: Checkpoint | None, stored: Any
) -> None:
    """Give a codec its module: an untrained one, or that of the fit before with the scaling that it rests on."""
    if before is not None:
        codec.scaler, codec.binary = before.scaler, before.binary
    if store is not None and stored is not None:
        kept = {name: value for name, value in stored[1].items() if name.startswith("scaler.")}
        check_like(scaler_tensors(codec.scaler), kept, store.folder)
        codec.scaler = stored_scaler(stored[1], codec.scaler.mode)
    check_memory(codec.build, f"{type(estimator).__name__}.fit", "latent_dim, or the network's own")
    if before is None:
        codec.module = codec.build(seed)
        return
    for what, old, new in (
        ("objective", type(before.objective).__name__, type(codec.objective).__name__),
        ("network", type(before.network).__name__, type(codec.network).__name__),
        ("latent_dim", before.latent_dim, codec.latent_dim),
        ("shape of a row", before.layout.user_shape, codec.layout.user_shape),
    ):
        warm.refuse_other(estimator, what, old, new)
    codec.module = codec.build(seed)
    warm.take(estimator, codec.module, before.module)


def open_checkpoint(
    estimator: Any,
    folder: str | Path | None,
    rows: Tensor | DatasetRows,
    layout: inputs.Layout,
    found: scaling.Moments,
    seed: int | None,
    division: Division,
    before: Codec | None,
) -> Checkpoint | None:
    """Return the checkpoint of this job, or None where no folder is given."""
    if folder is None:
        return None
    # A dataset may be larger than memory: its moments and first row stand for its content.
    parts = [rows] if isinstance(rows, Tensor) else [found.mean, found.squares, rows.take(torch.arange(1))]
    data = {"content": hash_tensors(parts), "rows": len(rows), "row_shape": list(layout.user_shape)}
    data |= division.facts() | warm.facts(before)
    return Checkpoint(folder, _fitting.fingerprint(estimator, data, seed))


@dataclass(frozen=True, eq=False)
class _Judge:
    """Weights, the rows that they are judged by, and those that they were trained on."""

    module: Any
    holding: Callable[[], contextlib.AbstractContextManager[None]]  # inside it the module has these weights
    asked: Tensor
    train: Tensor
    rows_from: str


def _crossed(
    estimator: Any, folds: list[tuple[Tensor, Tensor]], refit: Callable[[Tensor], tuple[Loop, Tensor]]
) -> list[_Judge] | None:
    """Return fits on one half of the rows each, to be judged by the other half; None where time cut them short."""
    evidence.say_repeated(estimator)
    fits = [(*refit(learn), ask) for learn, ask in folds]
    if any(loop.out_of_time for loop, _, _ in fits):
        return None
    return [_Judge(loop.module, contextlib.nullcontext, ask, train, CROSS_FITTED) for loop, train, ask in fits]


def _held_out(loop: Loop, index: tuple[Tensor, Tensor], halves: tuple[Tensor, Tensor] | None) -> list[_Judge]:
    """Return the weights that were best on each half of the validation rows, to be judged by the other half."""
    train, valid = index
    if halves is not None:
        return [
            _Judge(loop.module, functools.partial(loop.best_of, 1 - k), half, train, HELD_OUT)
            for k, half in enumerate(halves)
        ]
    asked, rows_from = (valid, HELD_OUT) if len(valid) >= _FEWEST_HELD_OUT else (train, TRAINING)
    return [_Judge(loop.module, contextlib.nullcontext, asked, train, rows_from)]


def report(codec: Codec, rows: TensorRows | DatasetRows, judges: list[_Judge], *, seed: int, seen: int) -> FitReport:
    """Measure reconstructions of rows that did not choose the weights, or of training rows where there are no such.

    Parameters
    ----------
    codec : Codec
    rows : TensorRows or DatasetRows
    judges : list of _Judge
    seed : int
    seen : int
        How many rows training saw over all epochs.
    """
    place = torch.device("cpu") if isinstance(rows, DatasetRows) else codec.device
    losses = _fitting.mean_loss(codec.objective.losses, seed, *([codec.block()] if codec.sequences else []))
    work, parts, groups = codec.work_per_row() * seen, [], codec.groups
    for judge in judges:
        asked = _spread(judge.asked, -(-measured_rows(len(judge.asked) * len(judges), seen) // len(judges)))
        sample = _spread(judge.train, pca_rows(len(judge.train), codec.layout.size, codec.latent_dim, work))
        some = rows.take(asked.to(place))
        shuffled = None if codec.sequences else _columns_apart(some, seed, groups)
        with judge.holding():
            found = codec.decode(codec.encode(some, judge.module), judge.module).flatten(1)
            loss = losses(judge.module, some) if judge.rows_from != TRAINING else None
            apart = None
            if shuffled is not None:
                again = codec.decode(codec.encode(shuffled, judge.module), judge.module)
                apart = (shuffled.flatten(1), again.flatten(1))
        parts.append(Part(some, found, rows.take(sample.to(place)), apart, loss))
    return measure(
        codec.module,
        codec.build(seed).to(codec.device).eval(),
        lambda net, x: codec.encode(x, net),
        lambda net, z: codec.decode(z, net),
        losses,
        parts,
        codec.scaler(codec.scaler.mean[None])[0].to(codec.device),
        latent_dim=codec.latent_dim,
        rows_from=judges[0].rows_from,
        seed=seed,
        groups=groups,
    )


def _columns_apart(rows: Tensor, seed: int, groups: Tensor | None) -> Tensor:
    """Return rows with the values of each column, or group of columns, in an order of its own."""
    generator = torch.Generator().manual_seed(seed)
    count = rows[0].numel() if groups is None else int(groups.max()) + 1
    order = torch.rand((len(rows), count), generator=generator).argsort(0)
    order = (order if groups is None else order[:, groups]).to(rows.device)
    return rows.flatten(1).gather(0, order).reshape(rows.shape)


def _spread(index: Tensor, most: int) -> Tensor:
    """Return at most ``most`` of ``index``, evenly spread."""
    if len(index) <= most:
        return index
    return index[torch.linspace(0, len(index) - 1, most).long()]
