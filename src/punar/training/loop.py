"""The training loop: train > epoch > step > losses.

Order and randomness are functions of (seed, epoch, step) and the learning rate of progress, so the loop's state is
small and a resumed run equals one that was never stopped, bit for bit on the CPU.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from punar.core import deadline
from punar.core.progress import Progress
from punar.core.runtime import mix
from punar.data.rows import DatasetRows, TensorRows, blocks
from punar.texts import fit as texts
from punar.texts import progress as progress_texts
from punar.training import divergence, optimisers, sweep
from punar.training.best import BESTS, Best, Between
from punar.training.checkpoint import Checkpoint
from punar.training.restoring import checked_parts
from punar.training.terms import Term, accumulate, means, summed, write_means

Losses = Callable[..., Mapping[str, Term]]

# Streams of the seed, one for each use.
_ORDER, _TRAIN, _VALID, _EPOCH_END = range(4)


class Loop:
    """Trains a module on rows.

    Parameters
    ----------
    module : nn.Module
    losses : callable
        ``losses(module, batch, progress=..., generator=...)`` -> named scalar means whose sum is minimised, each alone
        or with what the batch weighs (tokens, pixels; by default its rows). The generator is its only randomness,
        dropout included.
    rows : TensorRows or DatasetRows
        Rows with ``arrange(order, batch_size, generator)`` say themselves which of the shuffled rows share a batch.
    train_index, valid_index : Tensor of int64
        Rows to train on, and rows whose loss decides when to stop and which weights to keep (may be empty).
    epochs, batch_size : int
    optimizer, schedule : str
    learning_rate, weight_decay : float
    gradient_clip : float or None
        Largest norm of the whole gradient.
    patience : int or None
        Epochs without a better validation loss after which training stops; None never stops.
    seed : int
    device : torch.device
    epoch_end : callable, optional
        ``epoch_end(module, progress=..., generator=...)`` after each epoch.
    progress : Progress, optional
    checkpoint : Checkpoint, optional
    epoch_begin : callable, optional
        ``epoch_begin(module, epoch)``, epoch from 0, after the module was put in training mode; again where a run is
        taken up inside an epoch. It may freeze and unfreeze parameters.
    rate_of : callable, optional
        ``rate_of(parameter)`` -> factor on the learning rate; by default 1.
    eval_rows : int, optional
        Rows per batch in validation; by default at least 2,048.
    halves : tuple of Tensor, optional
        The validation rows in two parts. The weights that were best on one of them are kept beside the best on all, so
        that the other part may be answered by weights that it did not choose: see :meth:`best_of`.
    start_counts : bool, default=False
        Whether the weights that training starts from are a candidate for the best.
    shares : sequence of float, default=()
        Points on the straight way from the weights at the start (0) to the last ones (1), one of which is kept when
        training ends: the one with the best score or, where these are equal, loss. Without validation rows the first.
    scores : callable, optional
        ``scores()`` -> the module's score on all validation rows and on each half, higher is better; for ``shares``.
    settle : float in [0, 1), default=0.0
        Share of the epochs whose weights are no such candidates: a handful of validation rows, asked often enough,
        prefers weights that have hardly been trained.
    """

    def __init__(
        self,
        module: nn.Module,
        losses: Losses,
        rows: TensorRows | DatasetRows,
        train_index: Tensor,
        valid_index: Tensor,
        *,
        epochs: int,
        batch_size: int,
        optimizer: str,
        schedule: str,
        learning_rate: float,
        weight_decay: float,
        gradient_clip: float | None,
        patience: int | None,
        seed: int,
        device: torch.device,
        epoch_end: Callable[..., None] | None = None,
        progress: Progress | None = None,
        checkpoint: Checkpoint | None = None,
        epoch_begin: Callable[[nn.Module, int], None] | None = None,
        rate_of: Callable[[nn.Parameter], float] | None = None,
        eval_rows: int | None = None,
        halves: tuple[Tensor, Tensor] | None = None,
        start_counts: bool = False,
        shares: Sequence[float] = (),
        scores: Callable[[], Sequence[float]] | None = None,
        settle: float = 0.0,
    ) -> None:
        self.module = module
        self._losses = losses
        self._rows = rows
        self._train_index = train_index
        self._valid_index = [valid_index] if halves is None else list(halves)
        self._start_counts = start_counts and len(valid_index) > 0
        self.epochs = epochs
        self._settle = int(settle * epochs)
        self._batch_size = batch_size
        self._schedule = schedule
        self._learning_rate = learning_rate
        self._advice = optimisers.advice(learning_rate, weight_decay)
        self._clip = gradient_clip
        self._patience = patience
        self._seed = seed
        self._epoch_end = epoch_end
        self._progress = progress or Progress(verbose=0)
        self._checkpoint = checkpoint
        self._folder = checkpoint.folder if checkpoint is not None else ""
        self._parameters = [p for p in module.parameters() if p.requires_grad]
        self._frozen = {name for name, p in module.named_parameters(remove_duplicate=False) if not p.requires_grad}
        self._optimizer = optimisers.build(
            optimizer, self._parameters, learning_rate=learning_rate, weight_decay=weight_decay, rate_of=rate_of
        )
        self._generator = torch.Generator(device=device)
        self._batch_norm = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in module.modules())
        self._steps = self._count_steps()
        self._eval_rows = eval_rows or max(batch_size, 2048)
        self._epoch_begin = epoch_begin

        self.epoch = 0
        self.step = 0
        self.history: list[dict[str, float]] = []
        self.steps_run = 0  # in this process; what a resumed run did not have to do again
        self._totals: dict[str, Tensor] = {}  # by term: the weighted sum, and the weights
        # The best on all validation rows and, where these are in two parts, on each.
        self._bests = [Best() for _ in range(1 if halves is None else 3)]
        self._stale = 0
        # The start is the module as it comes: a resumed run is given the same one before it is restored.
        self._scores = scores
        self._between = Between.of(shares, self._trained_state())
        self.kept_share: float | None = None  # where it is a point between
        self._seconds = 0.0
        self._clock = time.perf_counter()
        self._validation = 0.0  # seconds of the last one, which a deadline leaves room for
        self.out_of_time = False
        self._sweep = sweep.current()

    @property
    def share(self) -> float:
        """Share of the planned training that is done."""
        return (self.epoch * self._steps + self.step) / (self.epochs * self._steps)

    @property
    def finished(self) -> bool:
        """Whether all epochs are run, patience is spent or time is over."""
        patient = self._patience is None or self._stale < self._patience
        return self.out_of_time or self.epoch >= self.epochs or not patient

    @property
    def chose(self) -> bool:
        """Whether the weights are the best of several: not without validation rows, nor where none could count yet."""
        return bool(self._bests[0].state)

    def train(self) -> list[dict[str, float]]:
        """Run to the end, put the best weights back and return the history, one entry per epoch."""
        self._progress.begin(self.share, self._shown({}))
        self._clock = time.perf_counter()
        if self._start_counts and not self.epoch and not self.step and not self._bests[0].state:
            self._keep_best(self._validate()[1])
        try:
            with torch.enable_grad():
                while not self.finished:
                    self._run_epoch()
        finally:
            self._progress.close()
        self._look_between()
        self._bests[0].put_back(self.module)
        self.module.eval()
        divergence.check_weights(self._parameters, self._learning_rate, self._advice)
        return self.history

    @contextlib.contextmanager
    def best_of(self, half: int) -> Iterator[None]:
        """Have the module hold, inside the block, the weights that were best on one half of the validation rows."""
        self._bests[1 + half].put_back(self.module)
        try:
            yield
        finally:
            self._bests[0].put_back(self.module)

    def _look_between(self) -> None:
        """Keep one of the points between the start and the last weights, for all validation rows and for each half."""
        between = self._between
        if not between.shares or between.done:
            return
        between.done = True
        if not len(self._valid_index[0]):
            self.kept_share = between.shares[0]
            between.go(self.module, self.kept_share)
            return
        last = {k: v.clone() for k, v in self._trained_state().items()}
        won = [(math.inf, math.inf)] * len(self._bests)
        for share in between.shares:
            if deadline.is_set() and deadline.seconds_left() <= 2 * self._validation:
                return
            between.go(self.module, share, last)
            losses = self._validate()[1]
            scores = [0.0] * len(losses) if self._scores is None else self._scores()
            for i, key in enumerate((-score, loss) for score, loss in zip(scores, losses, strict=True)):
                if key < won[i]:
                    won[i], self._bests[i] = key, Best(losses[i], between.at(share, last))
                    self.kept_share = share if i == 0 else self.kept_share

    def _run_epoch(self) -> None:
        order = self._order()
        self.module.train()
        if self._epoch_begin is not None:
            self._epoch_begin(self.module, self.epoch)
        while self.step < self._steps and not self._is_late():
            self._run_step(order)
            if self._checkpoint is not None and self._checkpoint.due():
                self._checkpoint.save(*self.state())
        if self.out_of_time and self._checkpoint is not None:
            self._checkpoint.save(*self.state())  # before the best weights are put back
        self._close_epoch()

    def _rate(self, progress: float) -> float:
        """Return the learning rate of the next step."""
        if self._sweep is not None:
            return self._sweep.rate
        return self._learning_rate * optimisers.rate(self._schedule, progress)

    def _is_late(self) -> bool:
        """Return whether the deadline leaves no time for another step; the first one of a call is always run."""
        if self._sweep is not None and self._sweep.over:
            self.out_of_time = True
            return True
        late = self.steps_run > 0 and deadline.seconds_left() <= 1.1 * self._validation
        self.out_of_time = late and deadline.is_set()
        return self.out_of_time

    def _run_step(self, order: Tensor) -> None:
        start = self.step * self._batch_size
        stop = None if self.step == self._steps - 1 else start + self._batch_size
        index = order[start:stop]
        progress = self.share
        self._seed_step(_TRAIN, self.step)
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate(progress) * group["factor"]
        terms = self._losses(self.module, self._rows.take(index), progress=progress, generator=self._generator)
        self._optimizer.zero_grad(set_to_none=True)
        summed(terms).backward()
        if self._clip is not None:
            nn.utils.clip_grad_norm_(self._parameters, self._clip)
        self._optimizer.step()
        if self._sweep is not None:
            self._sweep.saw(float(summed(terms).detach()))
        accumulate(self._totals, terms, len(index))
        self.step += 1
        self.steps_run += 1

    def _close_epoch(self) -> None:
        """Measure, keep the best weights, write the history entry and go to the next epoch."""
        if not self.step:  # time was over before the epoch's first step
            return
        progress = (self.epoch + 1) / self.epochs
        if self._epoch_end is not None:
            self._seed_step(_EPOCH_END, 0)
            self._epoch_end(self.module, progress=progress, generator=self._generator)
        entry: dict[str, float] = {"epoch": self.epoch + 1}
        write_means(entry, "train", self._totals)
        losses: list[float] = []
        if len(self._valid_index[0]):
            started = deadline.clock()
            totals, losses = self._validate()
            self._validation = deadline.clock() - started
            write_means(entry, "valid", totals)
        entry["learning_rate"] = self._learning_rate * optimisers.rate(self._schedule, progress)
        now = time.perf_counter()
        self._seconds += now - self._clock
        self._clock = now
        entry["seconds"] = self._seconds
        divergence.check_losses(entry, self._learning_rate, self._advice)
        self.history.append(entry)
        if losses and self.epoch >= self._settle:
            self._stale = 0 if self._keep_best(losses) else self._stale + 1
        self.epoch, self.step, self._totals = self.epoch + 1, 0, {}
        self._progress.show(1.0 if self.finished else self.share, self._shown(entry))
        if self.out_of_time:
            self._progress.note(texts.STOPPED_BY_TIME.format(epoch=self.epoch, epochs=self.epochs))
        elif self.finished and self.epoch < self.epochs:
            self._progress.note(texts.STOPPED_EARLY.format(epoch=self.epoch, patience=self._patience))

    def _shown(self, entry: dict[str, float]) -> str:
        losses = "  ".join(f"{k} {entry[k]:.4g}" for k in ("train_loss", "valid_loss") if k in entry)
        return progress_texts.EPOCH.format(epoch=self.epoch, epochs=self.epochs, losses=losses).rstrip()

    def _validate(self) -> tuple[dict[str, Tensor], list[float]]:
        """Return summed terms over the validation rows, and the loss on all of them and on each half.

        At full progress and with the same noise every epoch.
        """
        self.module.eval()
        parts: list[dict[str, Tensor]] = []
        self._generator.manual_seed(mix(self._seed, _VALID))
        with torch.no_grad():
            for index in self._valid_index:
                totals: dict[str, Tensor] = {}
                for batch in blocks(self._rows, index, self._eval_rows):
                    terms = self._losses(self.module, batch, progress=1.0, generator=self._generator)
                    accumulate(totals, terms, len(batch))
                parts.append(totals)
        every = {name: sum((part[name] for part in parts[1:]), parts[0][name]) for name in parts[0]}
        return every, [sum(means(totals).values()) for totals in ([every, *parts] if len(parts) > 1 else [every])]

    def _keep_best(self, losses: list[float]) -> bool:
        """Keep the weights where they are better than before; return whether they are so on all validation rows."""
        state = self._trained_state()
        better = [best.keep(state, loss) for best, loss in zip(self._bests, losses, strict=True)]
        return better[0]

    def _trained_state(self) -> dict[str, Tensor]:
        return {k: v for k, v in self.module.state_dict().items() if k not in self._frozen}

    def _order(self) -> Tensor:
        generator = torch.Generator().manual_seed(mix(self._seed, _ORDER, self.epoch))
        shuffle = torch.randperm(len(self._train_index), generator=generator)
        order = self._train_index[shuffle.to(self._train_index.device)]
        arrange = getattr(self._rows, "arrange", None)
        return order if arrange is None else arrange(order, self._batch_size, generator)

    def _count_steps(self) -> int:
        steps, rest = divmod(len(self._train_index), self._batch_size)
        # A last batch of one row has no variance for batch normalisation: it joins the batch before it.
        if rest == 0 or (rest == 1 and steps > 0 and self._batch_norm):
            return steps
        return steps + 1

    def _seed_step(self, stream: int, step: int) -> None:
        self._generator.manual_seed(mix(self._seed, stream, self.epoch, step))

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return everything that a resumed loop needs, as JSON-able facts and named tensors."""
        tensors = {f"module.{k}": v for k, v in self.module.state_dict().items()}
        for name, best in zip(BESTS, self._bests, strict=False):
            tensors |= {f"{name}.{k}": v for k, v in best.state.items()}
        tensors |= {f"total.{k}": v for k, v in self._totals.items()}
        tensors |= {f"optimizer.{k}": v for k, v in optimisers.stored(self._optimizer).items()}
        facts = {
            "epoch": self.epoch,
            "step": self.step,
            "history": self.history,
            "best_loss": [best.loss if math.isfinite(best.loss) else None for best in self._bests],
            "stale": self._stale,
            "between": self._between.done,
            "seconds": self._seconds + time.perf_counter() - self._clock,
        }
        return facts, tensors

    def restore(self, facts: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """Continue from what :meth:`state` returned."""
        limits, trained = (self.epochs, self._steps, len(self._bests)), self._trained_state().keys()
        parts = checked_parts(
            facts, tensors, self.module, trained, optimisers.ordered(self._optimizer), limits, self._folder
        )
        self.module.load_state_dict(parts["module"])
        device = self._parameters[0].device
        for name, best, loss in zip(BESTS, self._bests, facts["best_loss"], strict=False):
            best.state = {k: v.to(device) for k, v in parts[name].items()}
            best.loss = math.inf if loss is None else loss
        self._totals = {k: v.to(device) for k, v in parts["total"].items()}
        optimisers.restore(self._optimizer, parts["optimizer"])
        self.epoch, self.step = facts["epoch"], facts["step"]
        self.history = facts["history"]
        self._stale = facts["stale"]
        self._between.done = bool(facts.get("between", False))
        self._seconds = facts["seconds"]
        self._progress.note(texts.RESUMED.format(folder=self._folder, epoch=self.epoch + 1, step=self.step))
