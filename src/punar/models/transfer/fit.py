"""One fit of a transfer model: frozen features and a head, and then, where asked, the trained stages."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from punar.backbones import Body
from punar.core.draws import drawing_from, seeded
from punar.core.runtime import half_precision, mix
from punar.errors import ParameterError
from punar.features.engine import Rows
from punar.models import evidence
from punar.models.division import Wanted
from punar.models.measure import Measured
from punar.models.transfer import report as reports
from punar.models.transfer.freezing import norms_learn, stage_parameters
from punar.models.transfer.heads import judged_head, said_by
from punar.models.transfer.job import Job
from punar.models.transfer.lora import add_lora, merge_lora
from punar.models.transfer.module import Transfer, rates, set_head
from punar.models.transfer.passes import SAMPLES_PER_PASS, answers_of, batch_of, shown_of
from punar.models.transfer.rows import Mini, TransferRows, from_rows
from punar.preparations import Preparation, Variant, augment
from punar.tasks import Column, LinearHead, Task, Term
from punar.texts import fit as texts
from punar.training import job as jobs
from punar.training.checkpoint import Checkpoint
from punar.training.loop import Loop
from punar.training.report import MOST_ROWS, FitReport, meter_of
from punar.training.settings import resolve

_ADAPTERS, _HEAD = 103, 104  # streams of the seed
_PATIENCE = 5
_TUNED_WIDTH = 384  # for which the rate of tokens was found


@dataclass
class Fitted:
    """What a fit leaves behind.

    Attributes
    ----------
    body : Body
    module : nn.Module
    task : Task
    history : list of dict
    report : FitReport
    seed : int
    skipped : dict of int to str
    rates : dict of str to float
        Peak learning rate by stage, and of the head; empty where only a head was fitted.
    """

    body: Body
    module: Any
    task: Task
    history: list[dict[str, float]]
    report: FitReport
    seed: int
    skipped: dict[int, str]
    rates: dict[str, float]


def fit(estimator: Any, task: Task, X: Any, y: Any, sample_weight: Any, checkpoint: Any, wanted: Wanted) -> Fitted:
    """Fit by the estimator's strategy."""
    job = Job(estimator, task, X, y, sample_weight, checkpoint, wanted)
    trained = job.stages
    if not trained and estimator.strategy != "scratch":
        return _feature_extraction(job)
    return _train(job, trained, checkpoint)


# -- a head on frozen features ------------------------------------------------------------------------------------


def _feature_extraction(job: Job) -> Fitted:
    rows = job.remembered(None)
    features = rows.tensor() if job.task.view == "vector" else [rows.row(i) for i in range(len(rows))]
    placed = job.placed()
    # All items that were given to learn from: nothing is held out for a head.
    learn = torch.arange(job.learned_from)
    head = job.fit_head(features, job.samples.index(learn), placed)
    judged = judged_head(job, features, placed, head)
    report = reports.of_head(job.task, head, judged, job.targets, job.items)
    return _fitted(job, _module(job, job.body.module, frozenset(), head), [], report)


# -- trained stages -------------------------------------------------------------------------------------------------


def _train(job: Job, trained: frozenset[int], checkpoint: Any) -> Fitted:
    settings = _settings(job)
    frozen, features = _remembered(job, min(trained))
    division = job.division
    train, valid = division.split()
    run = _Run(job, settings, trained, frozen, features, _variants(job, min(trained), frozen))
    repeated = division.folds(job.estimator)
    start = copy.deepcopy(job.body.module) if repeated else None
    parts = division.parts(valid)
    store = job.checkpoint(checkpoint)
    done = run(job.body.module, train, valid, parts, store)
    report = jobs.kept_report(store)
    if report is None:
        judged, before = _judged(job, run, done, repeated, start, train, valid, parts)
        judged = division.judged(judged)
        report = reports.of_training(job.task, judged, job.targets, job.items, before=before)
        if done.loop.kept_share is not None:
            report["interpolation"] = done.loop.kept_share
        jobs.say_out_of_time(report, done.loop)
        jobs.keep_report(store, done.loop, report)
    if job.estimator.lora is not None:
        merge_lora(done.module.backbone)
    reached = _open_at(job, trained, len(done.loop.history))
    done.module.thaw(reached)
    return _fitted(job, done.module, done.loop.history, report, _peaks(job, reached, settings))


def _judged(
    job: Job,
    run: _Run,
    done: _Done,
    repeated: list[tuple[Tensor, Tensor]],
    start: nn.Module | None,
    train: Tensor,
    valid: Tensor,
    parts: tuple[Tensor, Tensor] | None,
) -> tuple[Measured, list[Any] | None]:
    """Return the answers to judge the training by, and those that it began with for the same items."""
    before: list[Any] = []
    cut_short: list[bool] = []

    def refit(learn: Tensor, ask: Tensor) -> tuple[Tensor, list[Any]]:
        kept, held = job.division.split(learn)
        longer = replace(run, settings=evidence.as_long(run.settings, len(learn) + len(ask), len(learn)))
        again = longer(copy.deepcopy(start or job.body.module), kept, held)
        cut_short.append(again.loop.out_of_time)
        before.extend(again.before(ask))
        return kept, again.answer(ask)

    if repeated and evidence.affordable(done.loop):
        evidence.say_repeated(job.estimator)
        judged = evidence.crossed(repeated, refit)
    if not cut_short or any(cut_short):
        judged = evidence.held_out(done.loop, done.answer, train, valid, parts, MOST_ROWS)
        before = done.before(judged.items)
    return judged, before or None


@dataclass
class _Done:
    """A trained module, and what it and its beginning answer for items."""

    module: Transfer
    loop: Loop
    answer: Callable[[Tensor], list[Any]]
    before: Callable[[Tensor], list[Any]]


@dataclass
class _Run:
    """Trains copies of a backbone on some items or others; what is remembered of it is shared."""

    job: Job
    settings: SimpleNamespace
    trained: frozenset[int]
    frozen: Rows | None
    features: Column | None
    variants: list[Rows]

    def __call__(
        self,
        backbone: nn.Module,
        train: Tensor,
        valid: Tensor,
        parts: tuple[Tensor, Tensor] | None = None,
        store: Checkpoint | None = None,
    ) -> _Done:
        job = self.job
        samples = job.samples.index(train), job.samples.index(valid)
        rows = _rows(job, self.frozen, self.variants, samples[0])
        module = _module(job, backbone, self.trained, None)
        head = None
        if job.estimator.strategy != "scratch":
            if self.features is None:
                self.features = shown_of(job, module, rows)
            head = job.fit_head(self.features, samples[0], job.placed())
            _take_head(module, head)
        if job.estimator.lora is not None:
            with seeded(mix(job.seed, _ADAPTERS)):
                add_lora(module.backbone, job.body.plan.stages, self.trained, int(job.estimator.lora), job.where)
            module.thaw(self.trained)
        loop = jobs.run(
            self.settings,
            module,
            _losses(job),
            None,
            rows,  # type: ignore[arg-type]
            samples,
            seed=job.seed,
            device=job.device,
            store=store,
            epoch_begin=_epoch_begin(job, rows, self.trained),
            rate_of=_rate_of(job, module),
            eval_rows=SAMPLES_PER_PASS,
            halves=None if parts is None else (job.samples.index(parts[0]), job.samples.index(parts[1])),
            start_counts=head is not None,
            shares=job.shares,
            scores=lambda: [self._score(module, rows, some) for some in (valid, *(parts or ()))],
        )

        def before(items: Tensor) -> list[Any]:
            if head is None or self.features is None:
                return []
            return said_by(job, head, self.features, items)

        return _Done(module, loop, lambda items: answers_of(job, module, rows, items), before)

    def _score(self, module: Transfer, rows: TransferRows, items: Tensor) -> float:
        """Return the task's metric on some items."""
        job = self.job
        return meter_of(job.task, answers_of(job, module, rows, items), job.targets.take(items)).value()


def _remembers(job: Job, boundary: int) -> bool:
    """Return whether the frozen part's output is computed once.

    Random augmentation changes the pixels every time: what lies below the boundary cannot be remembered then.
    """
    preset, views = job.augmentation
    return boundary > 0 and not job.task.random_input and (preset is None or views > 0)


def _remembered(job: Job, boundary: int) -> tuple[Rows | None, Column | None]:
    """Return the frozen part's output, or, where it is not remembered, what the head sees at first."""
    if job.estimator.strategy == "scratch":
        if job.estimator.on_error == "skip":
            raise ParameterError(
                f"{job.where}: on_error='skip' needs a pretrained backbone; strategy='scratch' has none."
            )
        return None, None
    if _remembers(job, boundary):
        # Above the boundary what the head sees is a short way from here.
        return job.remembered(boundary), None
    rows = job.remembered(None)
    return None, rows.tensor() if job.task.view == "vector" else [rows.row(i) for i in range(len(rows))]


def _variants(job: Job, boundary: int, frozen: Rows | None) -> list[Rows]:
    """Return the frozen part's output for augmented variants, where these are remembered."""
    preset, views = job.augmentation
    if frozen is None or preset is None:
        return []

    def change(number: int) -> Callable[[Preparation], Preparation]:
        return lambda preparation: Variant(preparation, preset, number)

    return [job.remembered(boundary, change(number)) for number in range(views)]


def _rows(job: Job, frozen: Rows | None, variants: Sequence[Rows], training: Tensor) -> TransferRows:
    preparation, items = job.read_as()
    return TransferRows(
        items,
        preparation,
        job.placed(),
        job.sample_weight(),
        job.device,
        frozen=None if frozen is None else from_rows(frozen),
        variants=[from_rows(rows) for rows in variants],
        training=training,
        raw=job.augmentation[0] is not None and frozen is None,
        prepared={} if job.samples.known is None else job.samples.known.kept,
    )


def _module(job: Job, backbone: nn.Module, trained: frozenset[int], head: LinearHead | None) -> Transfer:
    estimator = job.estimator
    if any(isinstance(m, nn.Conv2d) for m in backbone.modules()):
        # Twice the speed of the usual layout on a CPU with AVX-512, and what tensor cores want.
        backbone.to(memory_format=torch.channels_last)
    with seeded(mix(job.seed, _HEAD)):
        layer = job.task.build(job.view, None)
    if isinstance(layer, nn.Linear):
        # Until it is fitted a linear head answers 0 to everything.
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    batch_norm = norms_learn(estimator.strategy, estimator.batch_norm)
    module = Transfer(backbone, layer.to(job.device), job.body.plan, job.view, trained, batch_norm=batch_norm)
    if head is not None:
        _take_head(module, head)
    return module


def _take_head(module: Transfer, head: LinearHead) -> None:
    set_head(module.head, torch.from_numpy(head.weight), torch.from_numpy(head.bias))


def _losses(job: Job) -> Callable[..., Mapping[str, Term]]:
    mixed = half_precision(job.device, job.estimator.precision)
    preset = job.augmentation[0]

    def losses(module: nn.Module, mini: Mini, *, progress: float, generator: torch.Generator) -> Mapping[str, Term]:
        if mini.pixels is not None and preset is not None and module.training:
            number = int(torch.randint(2**62, (1,), generator=generator, device=generator.device))
            mini = replace(mini, pixels=augment(mini.pixels, preset, torch.Generator().manual_seed(number)))

        def net(batch: Mapping[str, Tensor]) -> Any:
            with torch.autocast(job.device.type, torch.bfloat16, enabled=mixed):
                return module(batch, mini.value)

        with drawing_from(generator, module):
            return job.task.losses(
                net, batch_of(job, mini), mini.target, mini.weight, progress=progress, generator=generator
            )

    return losses


def _epoch_begin(job: Job, rows: TransferRows, trained: frozenset[int]) -> Callable[[nn.Module, int], None]:
    def begin(module: nn.Module, epoch: int) -> None:
        rows.epoch = epoch
        if job.estimator.gradual:
            module.thaw(_open_at(job, trained, epoch + 1))  # type: ignore[operator]

    return begin


def _open_at(job: Job, trained: frozenset[int], epochs: int) -> frozenset[int]:
    """Return the stages that are trained in the last of so many epochs.

    Gradually it is one stage more at each, from the head down: a function of the epoch alone, so a resumed run agrees.
    """
    return frozenset(sorted(trained, reverse=True)[: max(1, epochs)]) if job.estimator.gradual else trained


def _settings(job: Job) -> SimpleNamespace:
    """Return the estimator's training parameters with "auto" made a number."""
    scratch = job.estimator.strategy == "scratch"
    auto: dict[str, Any] = {
        "learning_rate": 2e-3 if scratch or job.estimator.lora is not None else _tuned(job),
        "epochs": job.epochs,
    }
    settings = resolve(job.estimator, jobs.TRAINING_RULES, auto)
    if settings.patience == "auto":
        # Where a point between start and end is kept the end is to be reached.
        settings.patience = settings.epochs if job.shares else _PATIENCE
    return settings


def _tuned(job: Job) -> float:
    """Return the usual peak for fine-tuning."""
    plan = job.body.plan
    if plan.learning_rate is not None:
        return plan.learning_rate
    if job.preparation.domain == "vision":
        return 1e-3
    if job.task.view != "tokens":
        return 1e-4
    # Each sentence teaches as often as it has words (MiniLM, parts of speech: 0.92 at 3e-4, 0.94 at 5e-4); wider: less.
    return 5e-4 * min(1.0, _TUNED_WIDTH / job.view.width)


def _decay(job: Job) -> float:
    return 1.0 if job.estimator.strategy == "scratch" else float(job.estimator.layer_decay)


def _rate_of(job: Job, module: Transfer) -> Callable[[nn.Parameter], float]:
    stages = job.body.plan.stages
    found = rates(module, len(stages), _decay(job), stage_parameters(module.backbone, stages))
    return lambda p: found.get(id(p), 1.0)


def _peaks(job: Job, trained: frozenset[int], settings: SimpleNamespace) -> dict[str, float]:
    """Return the peak learning rate of each trained stage and of the head."""
    peak, decay, stages = float(settings.learning_rate), _decay(job), job.body.plan.stages
    return {stages[at].name: peak * decay ** (len(stages) - at) for at in sorted(trained)} | {"head": peak}


def _fitted(
    job: Job,
    module: Transfer,
    history: list[dict[str, float]],
    report: FitReport,
    peaks: dict[str, float] | None = None,
) -> Fitted:
    module.eval()
    if job.skipped:
        named = "; ".join(f"{i}: {reason}" for i, reason in sorted(job.skipped.items())[:5])
        report["skipped"] = len(job.skipped)
        report["verdict"] += " " + texts.SKIPPED.format(
            count=len(job.skipped), total=len(job.skipped) + len(job.items), named=named
        )
    return Fitted(job.body, module, job.task, history, report, job.seed, job.skipped, peaks or {})
