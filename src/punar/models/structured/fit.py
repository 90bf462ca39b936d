"""One fit of a backbone with a trained head: what is frozen is computed once, the head learns first, then the rest.

With ``strategy="fine_tuning"`` a head that is new learns alone for the first tenth of the epochs, so that what is
pretrained never follows a random head's gradients; a head of the library's own that is pretrained starts with the
rest, and what it was before is a candidate for the best weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from punar.core.draws import drawing_from, seeded
from punar.core.runtime import half_precision, mix
from punar.core.words import snake
from punar.errors import ParameterError
from punar.models import evidence
from punar.models.division import Wanted
from punar.models.rivals import add_nearest_text
from punar.models.structured import untrained
from punar.models.structured.memory import Unpacked, compute_of, worth_it
from punar.models.structured.module import Net, Structured
from punar.models.structured.passes import SAMPLES_PER_PASS, answers_of
from punar.models.structured.rows import Mini, StructuredRows
from punar.models.transfer.fit import Fitted
from punar.models.transfer.freezing import norms_learn, stage_parameters
from punar.models.transfer.job import Job
from punar.models.transfer.lora import add_lora, merge_lora
from punar.tasks import Task, Term
from punar.texts import fit as texts
from punar.training import job as jobs
from punar.training.report import MOST_ROWS
from punar.training.settings import resolve

_ADAPTERS, _HEAD = 103, 104  # streams of the seed, as in a transfer model
_HEAD_ALONE = 0.1  # share of the epochs; where that is less than one, the warm-up has to do
_PATIENCE = 5
_RATES = {"scratch": 2e-3, "feature_extraction": 1e-3, "fine_tuning": 1e-3}
_RATE_OF_NATIVE = 1e-4  # pretrained decoders and text networks
_PASSES, _EPOCHS = 10_000, (20, 100)  # of a head or a whole network that begins with random weights


def fit(estimator: Any, task: Task, X: Any, y: Any, sample_weight: Any, checkpoint: Any, wanted: Wanted) -> Fitted:
    """Fit by the estimator's strategy; see :func:`punar.models.transfer.fit.fit`."""
    _refuse(estimator, task)
    if estimator.strategy == "zero_shot":
        return untrained.fit(estimator, task, X, y, wanted)
    job = Job(estimator, task, X, y, sample_weight, checkpoint, wanted)
    trained = job.stages
    settings = _settings(job)
    rows = _rows(job, min(trained, default=len(job.body.plan.stages)))
    division = job.division
    train, valid = division.split()
    parts = division.parts(valid)
    module = _module(job, trained)
    native = task.form(job.body.plan) == "native" and estimator.strategy != "scratch"
    alone = 0 if native or estimator.strategy != "fine_tuning" else _alone(int(settings.epochs))
    store = job.checkpoint(checkpoint)
    loop = jobs.run(
        settings,
        module,
        _losses(job, varies=rows.known is None and estimator.augment is not None),
        None,
        rows.rows,  # type: ignore[arg-type]
        (job.samples.index(train), job.samples.index(valid)),
        seed=job.seed,
        device=job.device,
        store=store,
        epoch_begin=_epoch_begin(job, trained, alone),
        rate_of=_rate_of(job, module),
        eval_rows=SAMPLES_PER_PASS,
        halves=None if parts is None else (job.samples.index(parts[0]), job.samples.index(parts[1])),
        start_counts=native,
    )

    def answer(items: Tensor) -> list[Any]:
        return answers_of(task, module, rows.rows, job.samples, items, job.items)

    report = jobs.kept_report(store)
    if report is None:
        judged = division.judged(evidence.held_out(loop, answer, train, valid, parts, MOST_ROWS))
        report = judged.report(task, job.targets)
        add_nearest_text(report, task, judged, job.items, job.targets)
        jobs.say_out_of_time(report, loop)
        jobs.keep_report(store, loop, report)
    if estimator.lora is not None:
        merge_lora(module.backbone)
    reached = _open_at(job, trained, alone, len(loop.history))
    module.thaw(reached)
    module.eval()
    return Fitted(job.body, module, task, loop.history, report, job.seed, job.skipped, _peaks(job, reached, settings))


def _refuse(estimator: Any, task: Task) -> None:
    """Refuse settings of which such a fit makes nothing."""
    for name, unset in (("views", (0,)), ("interpolation", ("auto", 1)), ("augment", ("auto", None))):
        given = getattr(estimator, name)
        if given not in unset:
            said = " or ".join(map(repr, unset))
            raise ParameterError(
                f"{type(estimator).__name__}: {name} must be {said} for task={snake(type(task).__name__)!r}, whose "
                f"changes of the training examples are its own, got {given!r}. Leave {name} out."
            )


class _Remembered:
    """The rows of a fit, and what is remembered for them."""

    def __init__(self, rows: StructuredRows, known: Any) -> None:
        self.rows, self.known = rows, known


def _rows(job: Job, boundary: int) -> _Remembered:
    known = unpack = None
    plan, prepared = job.body.plan, job.prepared
    # Chance changes what networks that read words in part are given: then nothing below can be remembered.
    if boundary > 0 and not job.task.random_input and job.estimator.strategy != "scratch":
        kept = job.view.kept(boundary)
        batch = job.preparation.collate([prepared[0].tensor], int(prepared.lengths[0]))
        batch = {k: v.to(job.device) for k, v in batch.items()}
        if worth_it(job.view, job.body.module, plan, kept, batch, len(job.samples)):
            what: dict[str, Any] = {"stages": [plan.stages[at].modules[-1] for at in kept]}
            remembered = job.computed(compute_of(plan, kept), what, texts.FROZEN)
            unpack = Unpacked(job.body.module, plan, kept)
            known = lambda wanted: [remembered.row(i) for i in wanted]  # noqa: E731
    rows = StructuredRows(
        job.prepared, job.preparation, job.placed(), job.sample_weight(), job.device, known=known, unpack=unpack
    )
    return _Remembered(rows, known)


def _module(job: Job, trained: frozenset[int]) -> Structured:
    backbone, plan = job.body.module, job.body.plan
    with seeded(mix(job.seed, _HEAD)):
        head = job.task.build(job.view, None)
    estimator = job.estimator
    module = Structured(
        backbone,
        head.to(job.device),
        plan,
        job.view,
        trained,
        batch_norm=norms_learn(estimator.strategy, estimator.batch_norm),
    )
    if estimator.lora is not None:
        with seeded(mix(job.seed, _ADAPTERS)):
            add_lora(backbone, plan.stages, trained, int(estimator.lora), job.where)
        module.thaw(trained)
    return module


def _losses(job: Job, *, varies: bool) -> Callable[..., Mapping[str, Term]]:
    task = job.task
    mixed = half_precision(job.device, job.estimator.precision)

    def losses(module: nn.Module, mini: Mini, *, progress: float, generator: torch.Generator) -> Mapping[str, Term]:
        assert isinstance(module, Structured)
        batch: Mapping[str, Tensor] = mini.batch
        target = mini.target
        if varies and module.training:
            batch, target = task.vary(batch, target, generator)
        with (
            drawing_from(generator, module),
            torch.autocast(job.device.type, torch.bfloat16, enabled=mixed),
        ):
            return task.losses(
                Net(module, mini.value), batch, target, mini.weight, progress=progress, generator=generator
            )

    return losses


def _alone(epochs: int) -> int:
    """Return in how many epochs a new head learns alone."""
    return int(_HEAD_ALONE * epochs)


def _epoch_begin(job: Job, trained: frozenset[int], alone: int) -> Callable[[nn.Module, int], None]:
    def begin(module: nn.Module, epoch: int) -> None:
        if alone or job.estimator.gradual:
            module.thaw(_open_at(job, trained, alone, epoch + 1))  # type: ignore[operator]

    return begin


def _open_at(job: Job, trained: frozenset[int], alone: int, epochs: int) -> frozenset[int]:
    """Return the stages that are trained in the last of so many epochs: a function of the epoch alone."""
    if epochs <= alone:
        return frozenset()
    return frozenset(sorted(trained, reverse=True)[: epochs - alone]) if job.estimator.gradual else trained


def _settings(job: Job) -> SimpleNamespace:
    """Return the estimator's training parameters with "auto" made a number."""
    strategy, task = job.estimator.strategy, job.task
    fewest, most = _EPOCHS
    tuned = strategy == "fine_tuning"
    auto: dict[str, Any] = {
        "learning_rate": task.learning_rates.get(strategy, _usual_rate(job)),
        "epochs": job.epochs if tuned else min(most, max(fewest, round(_PASSES / job.learned_from))),
    }
    settings = resolve(job.estimator, jobs.TRAINING_RULES, auto)
    if settings.patience == "auto":
        settings.patience = settings.epochs if tuned else max(_PATIENCE, settings.epochs // 4)
    if settings.batch_size == "auto" and task.batch_size is not None:
        settings.batch_size = task.batch_size
    return settings


def _usual_rate(job: Job) -> float:
    strategy = job.estimator.strategy
    if strategy == "fine_tuning" and (job.preparation.domain != "vision"):
        return _RATE_OF_NATIVE
    return _RATES[strategy]


def _rate_of(job: Job, module: Structured) -> Callable[[nn.Parameter], float]:
    """Return each parameter's factor on the rate: 1 for the head, falling per stage below it."""
    stages, decay = job.body.plan.stages, _decay(job)
    found: dict[int, float] = {}
    for at, group in enumerate(stage_parameters(module.backbone, stages)):
        found |= {id(p): decay ** (len(stages) - at) for p in group}
    found |= {id(p): 1.0 for p in module.above()}
    return lambda p: found.get(id(p), 1.0)


def _decay(job: Job) -> float:
    return 1.0 if job.estimator.strategy == "scratch" else float(job.estimator.layer_decay)


def _peaks(job: Job, trained: frozenset[int], settings: SimpleNamespace) -> dict[str, float]:
    peak, stages = float(settings.learning_rate), job.body.plan.stages
    return {stages[at].name: peak * _decay(job) ** (len(stages) - at) for at in sorted(trained)} | {"head": peak}
