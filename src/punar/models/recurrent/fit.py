"""One fit of a sequence model that classifies or gives numbers: read, split, learn the preparation, train, report."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from punar.cells import Cell
from punar.core.runtime import choose_threads, count_work, drawing_from, mix, pick_device, threads
from punar.data import sequences
from punar.errors import DataError, ParameterError
from punar.models.recurrent import report as _sequence_report
from punar.models.recurrent.module import Design, SequenceModule
from punar.models.recurrent.rows import Mini, SequenceRows, rows_per_pass, sorted_by_length
from punar.models.transfer.rows import keep_classes, row_weights
from punar.preparations import Preparation, prepare_all
from punar.preparations import _vocabulary as vocabulary
from punar.preparations.frames import Frames
from punar.preparations.series import Series
from punar.tasks import Targets, Task
from punar.training import job as _fitting
from punar.training.checkpoint import Checkpoint
from punar.training.report import FitReport

_SPLIT = 102  # stream of the seed

# What "auto" stands for, by what is read (measured: docs/sequences.md). An embedding soon knows each training text
# by heart, which dropping whole words prevents; a word is spoken somewhere in a recording, not at its end.
_AUTO: dict[str, dict[str, Any]] = {
    "series": {"dropout": 0.0, "pooling": "last", "learning_rate": 1e-2},
    "text": {"dropout": 0.6, "pooling": "last", "learning_rate": 2e-3},
    "audio": {"dropout": 0.0, "pooling": "mean", "learning_rate": 1e-2},
    "history": {"dropout": 0.0, "pooling": "last", "learning_rate": 2e-3},
}
_AUTO_WIDTH = 64  # for which these learning rates are
# Without gates a step of the weights acts on the state at every step of the sequence, and the largest rates of gated
# cells throw it about (indoor movements: validation loss 0.62 at 1e-2, 0.46 at 2e-3).
_AUTO_UNGATED = {"series": 2e-3, "audio": 4e-3}


@dataclass
class Fitted:
    """What a fit leaves behind.

    Attributes
    ----------
    cell : Cell
    design : Design
    module : SequenceModule
    preparation : Preparation
    task : Task
    history : list of dict
    report : FitReport
    seed : int
    extra : dict
        What a task of its own kind keeps beside these (forecasting).
    """

    cell: Cell
    design: Design
    module: SequenceModule
    preparation: Preparation
    task: Task
    history: list[dict[str, float]]
    report: FitReport
    seed: int
    extra: dict[str, Any] = field(default_factory=dict)


def fit(estimator: Any, cell: Cell, task: Task, X: Any, y: Any, sample_weight: Any, checkpoint: Any) -> Fitted:
    """Fit a sequence model.

    Parameters
    ----------
    estimator : SequenceModel
        Checked.
    cell, task : Cell, Task
        Clones; the task learns the targets.
    X, y, sample_weight
        As the user passed them.
    checkpoint : path or None
    """
    where = f"{type(estimator).__name__}.fit"
    device = pick_device(estimator.device)
    seed, seed_to_write = _fitting.resolve_seed(estimator.random_state, checkpoint)
    found = read(estimator, X, where)
    target = task.learn(sequences.matched(y, found, where), where).columns["y"]
    if len(target) != len(found):
        raise DataError(
            f"{where}: Found input variables with inconsistent numbers of samples: X has {len(found)}, y {len(target)}."
        )
    weight = row_weights(task, target, estimator.class_weight, sample_weight, where)
    # An item of weight 0 is as good as absent, and must not decide when to stop.
    counted = torch.arange(len(target)) if weight is None else weight.nonzero().flatten()
    train, valid = (counted[i] for i in split(task, target[counted], float(estimator.validation_fraction), seed))
    preparation, prepared = prepare(estimator, found, train, where)
    rows = SequenceRows(prepared, target, weight, device)
    chosen = settings(estimator, preparation.domain, cell)
    design = design_of(estimator, chosen, preparation, task.outputs)
    module = design.build(cell, seed).to(device)
    store = None
    if checkpoint is not None:
        data = {"content": _content(preparation, found.items, target, weight), "rows": len(found)}
        store = Checkpoint(checkpoint, _fitting.fingerprint(estimator, data, seed_to_write))
    loop = train_module(chosen, module, losses_of(task), rows, (train, valid), seed=seed, device=device, store=store)
    measured, held_out = (valid, True) if len(valid) else (train, False)
    report = _sequence_report.of_training(
        task,
        raw_of(module, rows, measured[: _sequence_report.MOST_ROWS]),
        target[measured],
        held_out=held_out,
        linear=_sequence_report.linear_answers(task, preparation, rows, target, weight, train, measured, seed),
        kind=found.kind,
    )
    return Fitted(cell, design, module.cpu().eval(), preparation, task, loop.history, report, seed)


def read(estimator: Any, X: Any, where: str) -> sequences.Sequences:
    """Return what X holds, by the estimator's ``kind`` or by content."""
    kind = estimator.kind or sequences.kind_of(X, where)
    if kind != "series" and (estimator.id_column is not None or estimator.time_column is not None):
        raise ParameterError(f"{where}: id_column and time_column are for tables of numbers, got {kind}.")
    if kind == "texts":
        return sequences.Sequences(kind, list(vocabulary.as_texts(X, where)))
    if kind == "sounds":
        return sequences.Sequences(kind, list(Frames().check(X, where)))
    found = sequences.read_series(X, where, id_column=estimator.id_column, time_column=estimator.time_column)
    sequences.check_values(found, where, channels=None, missing=estimator.missing)
    return found


def split(task: Task, target: Tensor, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Return training and validation indices, stratified where there are classes."""
    n, groups = len(target), task.strata(Targets({"y": target}))
    count = int(n * fraction)
    fewest = 0 if groups is None else min(count, n - count)
    if groups is None or fewest < len(np.unique(groups)) or np.bincount(groups).min() < 2:
        return keep_classes(*_fitting.split(n, fraction, seed), groups)
    state = mix(seed, _SPLIT) % 2**32
    train, valid = train_test_split(np.arange(n), test_size=count, stratify=groups, random_state=state)
    return torch.from_numpy(np.sort(train)), torch.from_numpy(np.sort(valid))


def prepare(estimator: Any, found: sequences.Sequences, train: Tensor, where: str) -> tuple[Preparation, list[Tensor]]:
    """Return how items are prepared, learned from those that are trained on, and all items prepared."""
    some = [found.items[i] for i in train.tolist()]
    cut = None if estimator.max_length is None else int(estimator.max_length)
    if found.kind == "sounds":
        plain = Frames.for_items(some, where, n_mels=int(estimator.n_mels), max_length=cut)
        frames = prepare_all(plain, found.items, where)
        facts = plain.learned([frames[i] for i in train.tolist()], estimator.scaling)
        return facts, [facts.scaled(f) for f in frames]
    preparation: Preparation
    if found.kind == "texts":
        preparation = vocabulary.learn(some, int(estimator.vocabulary_size), cut)
    else:
        preparation = Series.learn(
            some,
            scaling=estimator.scaling,
            names=found.names,
            missing=estimator.missing,
            max_length=cut,
            id_column=estimator.id_column,
            time_column=estimator.time_column,
        )
    return preparation, prepare_all(preparation, found.items, where)


def design_of(estimator: Any, chosen: SimpleNamespace, preparation: Preparation, outputs: int) -> Design:
    """Return the sizes of the network for what the preparation gives, with :func:`settings` ``chosen``."""
    tokens = vocabulary.size(preparation) if preparation.domain == "text" else None
    width: Any = int(estimator.embedding_dim) if tokens is not None else preparation.width  # type: ignore[attr-defined]
    return Design(
        width=int(width),
        tokens=tokens,
        hidden_size=int(estimator.hidden_size),
        num_layers=int(estimator.num_layers),
        bidirectional=bool(estimator.bidirectional),
        layer_norm=bool(estimator.layer_norm),
        dropout=float(chosen.dropout),
        pooling=chosen.pooling,
        outputs=outputs,
    )


def losses_of(task: Task) -> Callable[..., dict[str, Tensor]]:
    """Return the loss that the loop minimises."""

    def losses(module: nn.Module, mini: Mini, *, progress: float, generator: torch.Generator) -> dict[str, Tensor]:
        with drawing_from(generator):
            raw = module(mini.batch)
        return {task.loss_name: task.loss(raw, mini.target, mini.weight)}

    return losses


def train_module(
    chosen: SimpleNamespace,
    module: nn.Module,
    losses: Callable[..., dict[str, Tensor]],
    rows: Any,
    index: tuple[Tensor, Tensor],
    *,
    seed: int,
    device: torch.device,
    store: Checkpoint | None,
) -> Any:
    """Train, from the checkpoint where there is one, and return the finished loop.

    Parameters
    ----------
    chosen : SimpleNamespace
        From :func:`settings`.
    module : nn.Module
        With ``stack``.
    losses : callable
    rows : SequenceRows
        Or others with ``lengths``, ``take`` and ``arrange``.
    index : tuple of Tensor
        Training and validation rows.
    seed, device, store
        As for :func:`punar.training.job.run`.
    """
    train, valid = index
    stored = None if store is None else store.load()
    loop = _fitting.run(
        chosen,
        module,
        losses,
        None,
        rows,
        (train, sorted_by_length(rows.lengths, valid)),
        seed=seed,
        device=device,
        store=store,
        stored=stored,
        eval_rows=rows_per_pass(int(rows.lengths.max()), module.stack.output_width),  # type: ignore[union-attr, arg-type]
    )
    if store is not None:
        store.save(*loop.state())
    return loop


def settings(estimator: Any, domain: str, cell: Cell) -> SimpleNamespace:
    """Return the estimator's training parameters, dropout and pooling, with "auto" made a value.

    Parameters
    ----------
    estimator : SequenceModel
    domain : {"series", "text", "audio", "history"}
        Of the preparation.
    cell : Cell
    """
    found = {name: getattr(estimator, name) for name in (*_fitting.TRAINING_RULES, "dropout", "pooling")}
    for name, value in _AUTO[domain].items():
        if isinstance(found[name], str) and found[name] == "auto":
            found[name] = value
            if name == "learning_rate":
                value = value if cell.gates else _AUTO_UNGATED.get(domain, value)
                # Wider states move more for the same change of each weight.
                found[name] = value * min(1.0, (_AUTO_WIDTH / int(estimator.hidden_size)) ** 0.5)
    return SimpleNamespace(**found)


@torch.no_grad()
def raw_of(module: SequenceModule, rows: SequenceRows, index: Tensor, *, features: bool = False) -> Tensor:
    """Return raw outputs, or pooled states, of some rows in their order, on the CPU.

    Rows run by rising length, so that little is padded.
    """
    module.eval()
    rank = rows.lengths[index].sort(stable=True).indices
    size = rows_per_pass(int(rows.lengths.max()), module.stack.output_width)
    run = module.features if features else module
    typical = rows.take(rows.typical(index)).batch
    work = count_work(module, lambda: module(typical))
    with threads(choose_threads(min(size, len(index)) * work)):
        found = torch.cat([run(rows.take(some).batch).float().cpu() for some in index[rank].split(size)])
    answers = torch.empty_like(found)
    answers[rank] = found
    return answers


def _content(preparation: Preparation, items: Sequence[Any], target: Tensor, weight: Tensor | None) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for item in items:
        digest.update(hashlib.blake2b(preparation.content(item), digest_size=16).digest())
    digest.update(target.numpy().tobytes())
    if weight is not None:
        digest.update(weight.numpy().tobytes())
    return digest.hexdigest()
