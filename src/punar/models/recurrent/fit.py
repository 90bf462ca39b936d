"""One fit of a sequence model: read, split, learn the preparation, train, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from punar.cells import Cell
from punar.core.draws import drawing_from
from punar.core.memory import check_memory
from punar.core.runtime import pick_device
from punar.core.scripts import mostly_unspaced
from punar.data import levels, sequences
from punar.data.channels import say_if_first
from punar.errors import ParameterError
from punar.models import assemble, evidence, warm
from punar.models.division import Wanted
from punar.models.recurrent import report as reports
from punar.models.recurrent import small
from punar.models.recurrent.before import fit_before, kept_design
from punar.models.recurrent.divided import divided
from punar.models.recurrent.module import Design, SequenceModule
from punar.models.recurrent.passes import answers_of
from punar.models.recurrent.reading import how_to_pass, read_texts, refuse_unused, say_far_longer
from punar.models.recurrent.rows import Mini, SequenceRows, rows_per_pass, sorted_by_length
from punar.models.samples import Placed, Samples
from punar.preparations import Preparation, as_texts, prepare_all, say_unread, vocabulary_size
from punar.preparations.frames import Frames
from punar.preparations.series import Series
from punar.preparations.words import Words
from punar.tasks import Task, Term
from punar.training import job as jobs
from punar.training.checkpoint import Checkpoint
from punar.training.loop import Loop
from punar.training.report import MOST_ROWS, FitReport
from punar.training.settings import resolve

# What "auto" stands for, by what is read (measured: docs/sequences.md). An embedding soon knows each training text
# by heart, which dropping whole words prevents; a word is spoken somewhere in a recording, not at its end.
_AUTO: dict[str, dict[str, Any]] = {
    "series": {"dropout": 0.0, "pooling": "last", "learning_rate": 1e-2},
    "text": {"dropout": 0.6, "pooling": "last", "learning_rate": 2e-3},
    "audio": {"dropout": 0.0, "pooling": "mean", "learning_rate": 1e-2},
    "history": {"dropout": 0.0, "pooling": "last", "learning_rate": 2e-3},
}
# What is read with a label for each step, where that asks for something else.
_AUTO_STEPS: dict[str, dict[str, Any]] = {
    "text": {"dropout": 0.4, "learning_rate": 8e-3},
    "audio": {"dropout": 0.2, "learning_rate": 4e-3},
}
# What is written hangs on each letter of what is read: little of it may be dropped.
_AUTO_WRITING = {"dropout": 0.1, "learning_rate": 4e-3}
# Most words of Chinese have two letters: as many are whole then as of words at 0.6. At 0.6 one of four fits on 200
# texts whose class hangs on a negation did not begin to learn.
_AUTO_LETTERS = {"dropout": 0.35}
_SIZES = {"vector": 10_000, "tokens": 8_192}  # of a vocabulary: words, buckets of pieces of words
SIZES = "hidden_size, num_layers, embedding_dim, vocabulary_size"  # by which a network is large
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
    """

    cell: Cell
    design: Design
    module: SequenceModule
    preparation: Preparation
    task: Task
    history: list[dict[str, float]]
    report: FitReport
    seed: int


def fit(estimator: Any, task: Task, X: Any, y: Any, sample_weight: Any, checkpoint: Any, wanted: Wanted) -> Fitted:
    """Fit a sequence model.

    Parameters
    ----------
    estimator : SequenceModel
        Checked.
    task : Task
        A clone; it learns the targets.
    X, y, sample_weight
        As the user passed them.
    checkpoint : path or None
    wanted : Wanted
        What the call says of the division.
    """
    where, device = f"{type(estimator).__name__}.fit", pick_device(estimator.device)
    cell = assemble.part(estimator, "cell", "cells", Cell)
    before = fit_before(estimator, task, cell)
    seed, seed_to_write = jobs.resolve_seed(warm.random_state(estimator, before), checkpoint)
    found = read(estimator, task, X, where)
    found, targets, division = divided(
        estimator,
        task,
        found,
        read(estimator, task, wanted.X, wanted.at, found.names) if wanted.given else None,
        y,
        sample_weight,
        wanted,
        seed,
        knows=before is not None,
    )
    train, valid = division.split()
    preparation, samples, prepared = prepare(estimator, task, found, train, where, before)
    rows = SequenceRows(
        prepared, Placed(task, targets, samples, where, division.given), division.weight_of(samples.item), device
    )
    say_far_longer(rows.lengths, where)
    letters = found.kind == "texts" and mostly_unspaced(found.items)
    chosen = settings(estimator, task, preparation.domain, cell, rows.lengths[samples.index(train)], letters=letters)
    design = kept_design(estimator, design_of(estimator, task, chosen, preparation), before)
    check_memory(lambda: design.build(cell, None, task.build_with), where, SIZES)
    store = None
    if checkpoint is not None:
        data = {"content": jobs.content(preparation, found.items, targets, division.weight), "rows": len(found)}
        data |= {**division.facts(), **warm.facts(before)}
        store = Checkpoint(checkpoint, jobs.fingerprint(estimator, data, seed_to_write))

    def trained(
        chosen: SimpleNamespace,
        train: Tensor,
        valid: Tensor,
        parts: tuple[Tensor, Tensor] | None = None,
        store: Checkpoint | None = None,
    ) -> tuple[Loop, Callable[[Tensor], list[Any]]]:
        module = design.build(cell, seed, task.build_with).to(device)
        index = samples.index(train), samples.index(valid)
        if before is not None:
            warm.take(estimator, module, before.module)
        elif design.branch:
            module.learn(rows.take(small.some_of(index[0])).batch)
        halves = None if parts is None else (samples.index(parts[0]), samples.index(parts[1]))
        loop = train_module(
            chosen, module, losses_of(task), rows, index, halves=halves, seed=seed, device=device, store=store
        )
        return loop, lambda asked: answers_of(task, module, rows, samples, asked, found.items)

    cut_short: list[bool] = []  # of the fits that are repeated

    def refit(learn: Tensor, ask: Tensor) -> tuple[Tensor, list[Any]]:
        train, valid = division.split(learn)
        longer = evidence.as_long(chosen, len(learn) + len(ask), len(learn))
        loop, answer = trained(longer, train, valid)
        cut_short.append(loop.out_of_time)
        return train, answer(ask)

    # Fits that begin anew would say nothing of one that goes on.
    repeated = [] if before is not None else division.folds(estimator)
    parts = division.parts(valid)
    loop, answer = trained(chosen, train, valid, parts, store)
    report = jobs.kept_report(store)
    if report is None:
        if repeated and evidence.affordable(loop):
            evidence.say_repeated(estimator)
            judged = evidence.crossed(repeated, refit)
        if not cut_short or any(cut_short):
            judged = evidence.held_out(loop, answer, train, valid, parts, MOST_ROWS)
        judged = division.judged(judged)
        report = reports.of_training(task, judged, preparation, rows, found.items, targets, division.weight, seed)
        warm.say(report, before, given=wanted.given)
        jobs.say_out_of_time(report, loop)
        jobs.keep_report(store, loop, report)
    return Fitted(cell, design, _on_cpu(loop), preparation, task, loop.history, report, seed)


def _on_cpu(loop: Loop) -> SequenceModule:
    module = loop.module.cpu().eval()
    assert isinstance(module, SequenceModule)
    return module


def read(estimator: Any, task: Task, X: Any, where: str, names: tuple[str, ...] = ()) -> sequences.Sequences:
    """Return what X holds, by the estimator's ``kind`` or by content; of a table the channels ``names``, if given."""
    X = levels.series_of(X, where)
    kind = estimator.kind or sequences.kind_of(X, where)
    domain = {"texts": "text", "sounds": "audio", "series": "series"}[kind]
    if domain not in task.domains:
        raise ParameterError(
            f"{where}: X is read as {kind}, and the task {type(task).__name__} is for {', '.join(task.domains)}."
            f"{how_to_pass(X, task.domains)}"
        )
    if kind != "series" and (estimator.id_column is not None or estimator.time_column is not None):
        raise ParameterError(f"{where}: id_column and time_column are for tables of numbers, got {kind}.")
    if kind == "texts":
        return sequences.Sequences(kind, list(as_texts(X, where)))
    if kind == "sounds":
        return sequences.Sequences(kind, list(Frames().check(X, where)))
    columns = {name: getattr(estimator, name) for name in ("id_column", "time_column", "time_format")}
    found = sequences.read_series(X, where, names=names, **columns)
    sequences.check_values(found, where, channels=None, missing=estimator.missing)
    if not found.names:
        say_if_first(found.items, where)
    return found


def prepare(
    estimator: Any,
    task: Task,
    found: sequences.Sequences,
    train: Tensor,
    where: str,
    before: Fitted | None = None,
) -> tuple[Preparation, Samples, list[Tensor]]:
    """Return how items are prepared, learned from those that are trained on, their samples, and all prepared."""
    if before is not None:
        return before.preparation, *_prepared(task, before.preparation, found, where)
    some = [found.items[i] for i in train.tolist()]
    cut = None if estimator.max_length is None else int(estimator.max_length)
    refuse_unused(estimator, task, found.kind, where)
    if found.kind == "sounds":
        plain = Frames.for_items(some, where, n_mels=int(estimator.n_mels), max_length=cut)
        frames = prepare_all(plain, found.items, where)
        say_unread(plain, found.items, where)
        facts = plain.learned([frames[i] for i in train.tolist()], estimator.scaling)
        facts = replace(facts, stack=task.frames_per_step)
        return facts, Samples.of(task, facts, found.items, where), [facts.stepped(f) for f in frames]
    preparation: Preparation
    if found.kind == "texts":
        preparation = _reader(estimator, task, some, cut, where)
    else:
        preparation = Series.learn(
            some,
            scaling=estimator.scaling,
            names=found.names,
            missing=estimator.missing,
            max_length=cut,
            id_column=estimator.id_column,
            time_column=estimator.time_column,
            time_format=estimator.time_format,
        )
    return preparation, *_prepared(task, preparation, found, where)


def _reader(estimator: Any, task: Task, some: Sequence[Any], cut: int | None, where: str) -> Preparation:
    """Return how texts are read, learned from ``some``."""
    given = estimator.vocabulary_size
    asked = task.reader(some, None if isinstance(given, str) else int(given), where)
    if asked is not None:
        return asked
    size = _sized(given, _SIZES[task.view])
    # Where each word has an answer, its spelling tells what a word that was never seen may be.
    return read_texts(some, size, cut) if task.view == "vector" else Words(size)


def _prepared(
    task: Task, preparation: Preparation, found: sequences.Sequences, where: str
) -> tuple[Samples, list[Tensor]]:
    """Return the items' samples, and all of them prepared."""
    if task.view == "vector":
        say_unread(preparation, found.items, where)
    samples = Samples.of(task, preparation, found.items, where)
    if samples.known is not None:
        return samples, [sample.tensor for sample in samples.known]
    return samples, prepare_all(preparation, found.items, where)


def design_of(estimator: Any, task: Task, chosen: SimpleNamespace, preparation: Preparation) -> Design:
    """Return the sizes of the network for what the preparation gives, with :func:`settings` ``chosen``."""
    tokens = vocabulary_size(preparation) if preparation.domain == "text" else None
    width: Any = int(estimator.embedding_dim) if tokens is not None else preparation.width  # type: ignore[attr-defined]
    return Design(
        width=int(width),
        tokens=tokens,
        hidden_size=int(estimator.hidden_size),
        num_layers=int(estimator.num_layers),
        bidirectional=bool(chosen.bidirectional),
        layer_norm=bool(estimator.layer_norm),
        dropout=float(chosen.dropout),
        pooling=chosen.pooling,
        outputs=task.outputs,
        branch=chosen.block,
    )


def _sized(given: int | str, usual: int) -> int:
    return usual if isinstance(given, str) else int(given)


def losses_of(task: Task) -> Callable[..., Mapping[str, Term]]:
    """Return the loss that the loop minimises."""

    def losses(module: nn.Module, mini: Mini, *, progress: float, generator: torch.Generator) -> Mapping[str, Term]:
        with drawing_from(generator, module):
            return task.losses(module, mini.batch, mini.target, mini.weight, progress=progress, generator=generator)

    return losses


def train_module(
    chosen: SimpleNamespace,
    module: SequenceModule,
    losses: Callable[..., Mapping[str, Term]],
    rows: Any,
    index: tuple[Tensor, Tensor],
    *,
    halves: tuple[Tensor, Tensor] | None = None,
    seed: int,
    device: torch.device,
    store: Checkpoint | None,
) -> Loop:
    """Train, from the checkpoint where there is one, and return the finished loop.

    Parameters
    ----------
    chosen : SimpleNamespace
        From :func:`settings`.
    module : SequenceModule
    losses : callable
    rows : SequenceRows
        Or others with ``lengths``, ``take`` and ``arrange``.
    index : tuple of Tensor
        Training and validation rows.
    halves : tuple of Tensor, optional
        The validation rows in two parts; see :class:`punar.training.loop.Loop`.
    seed, device, store
        As for :func:`punar.training.job.run`.
    """
    train, valid = index
    return jobs.run(
        chosen,
        module,
        losses,
        None,
        rows,
        (train, sorted_by_length(rows.lengths, valid)),
        seed=seed,
        device=device,
        store=store,
        eval_rows=rows_per_pass(int(rows.lengths.max()), module.stack.output_width),
        halves=None if halves is None else tuple(sorted_by_length(rows.lengths, half) for half in halves),
        settle=chosen.settle,
    )


def settings(
    estimator: Any, task: Task, domain: str, cell: Cell, lengths: Tensor | None = None, *, letters: bool = False
) -> SimpleNamespace:
    """Return the estimator's training parameters, dropout, pooling and direction, with "auto" made a value.

    Parameters
    ----------
    estimator : SequenceModel
    task : Task
    domain : {"series", "text", "audio", "history"}
        Of the preparation.
    cell : Cell
    lengths : Tensor of shape (n,), optional
        Of the rows that are trained on, where these may be few.
    letters : bool, default=False
        Whether tokens are letters, of a script without spaces.
    """
    steps = task.view != "vector"
    auto = _AUTO[domain] | (_AUTO_STEPS.get(domain, {}) if steps else _AUTO_LETTERS if letters else {})
    auto |= _AUTO_WRITING if task.writes else {}
    rate = auto["learning_rate"] if cell.gates else _AUTO_UNGATED.get(domain, auto["learning_rate"])
    # Wider states move more for the same change of each weight.
    auto["learning_rate"] = rate * min(1.0, (_AUTO_WIDTH / int(estimator.hidden_size)) ** 0.5)
    # A step's label hangs on what follows as much as on what went before; a vector has seen all of it.
    auto["bidirectional"] = steps
    auto |= small.recipe(estimator, task, domain, lengths, auto["learning_rate"])
    names: Sequence[str] = (*jobs.TRAINING_RULES, "dropout", "pooling", "bidirectional", "branch")
    chosen = resolve(estimator, names, auto)
    chosen.settle = 0.0 if chosen.branch is None else small.SETTLE
    chosen.block = 0 if lengths is None or chosen.branch is None else small.block_of(int(lengths.max()))
    if steps:
        chosen.pooling = "steps"
    return chosen
