"""One fit of a transfer model: frozen features, head, and then, where asked, the trained stages."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from punar.backbones import Body, build, freeze, resolve
from punar.core.replay import replayed
from punar.core.runtime import available_cores, draw_seed, drawing_from, mix, pick_device, seeded, threads
from punar.errors import DataError, ParameterError
from punar.features import cache as caches
from punar.features import frozen as _frozen
from punar.features.engine import Rows
from punar.models.codec.report import FitReport
from punar.models.transfer import report as _transfer_report
from punar.models.transfer.freezing import stage_parameters, trainable_stages
from punar.models.transfer.lora import add_lora, merge_lora
from punar.models.transfer.module import Transfer, linear_head, rates
from punar.models.transfer.rows import Mini, TransferRows, from_rows, keep_classes, row_weights
from punar.preparations import Batch
from punar.preparations._augment import View, augment
from punar.preparations.pictures import Pictures
from punar.tasks import Targets, Task
from punar.texts import fit as texts
from punar.training import job as _fitting
from punar.training.checkpoint import Checkpoint
from punar.training.row_progress import RowProgress

_SPLIT, _ADAPTERS = 102, 103  # streams of the seed
_EVAL_ROWS = 64


@dataclass
class Fitted:
    """What a fit leaves behind."""

    body: Body
    module: Transfer
    task: Task
    history: list[dict[str, float]]
    report: FitReport
    seed: int
    skipped: dict[int, str]
    rates: dict[str, float]  # peak learning rate by stage, and of the head; empty where only a head was fitted


class Job:
    """The items, targets and parts of one fit.

    Parameters
    ----------
    estimator : TransferLearner
        Checked.
    task : Task
        A clone; it learns the targets.
    X, y, sample_weight
        As the user passed them.
    where : str
        For messages.
    checkpoint : path or None
        Where a seed that was drawn before is taken up again.
    """

    def __init__(
        self, estimator: Any, task: Task, X: Any, y: Any, sample_weight: Any, where: str, checkpoint: Any
    ) -> None:
        self.estimator, self.task, self.where = estimator, task, where
        self.device = pick_device(estimator.device)
        self.cache = caches.check(estimator.cache, type(estimator).__name__)
        scratch = estimator.strategy == "scratch"
        recipe = resolve(estimator.backbone, None if scratch else estimator.weights, type(estimator).__name__)
        seed, _ = _fitting.resolve_seed(estimator.random_state, checkpoint)
        self.seed = draw_seed(seed)
        self.body = build(recipe, seed=self.seed)
        freeze(self.body.module)
        self.body.module.to(self.device)
        self.preparation = self.body.plan.preparation
        self.items = self.preparation.check(X, where)
        target = task.learn(self.preparation.targets(X, y, where), where).columns["y"]
        if len(target) != len(self.items):
            raise DataError(
                f"{where}: Found input variables with inconsistent numbers of samples: X has {len(self.items)}, "
                f"y {len(target)}."
            )
        self.weight = row_weights(task, target, estimator.class_weight, sample_weight, where)
        self.target = target
        if estimator.augment is not None and self.preparation.domain != "vision":
            raise ParameterError(f"{where}: augment is for pictures; this backbone reads {self.preparation.domain}.")
        self.skipped: dict[int, str] = {}

    @property
    def stages(self) -> frozenset[int]:
        """The stages that are trained."""
        stages, strategy = self.body.plan.stages, self.estimator.strategy
        if strategy == "scratch":
            return frozenset(range(len(stages)))
        if strategy == "feature_extraction":
            return frozenset()
        return trainable_stages(stages, self.estimator.unfreeze, type(self.estimator).__name__)

    def frozen(self, at: int | None, preparation: Any = None) -> Rows:
        """Return the output of the first ``at`` stages for every item, or the network's features for None."""
        plan = self.body.plan
        compute = _frozen.features(plan) if at is None else _frozen.boundary(plan, at)
        engine = _frozen.engine(
            self.body,
            compute,
            {"stage": None if at is None else plan.stages[at - 1].modules[-1]},
            items=self.items,
            device=self.device,
            cache=self.cache,
            preparation=preparation,
        )
        what = texts.FEATURES if at is None else texts.FROZEN
        with RowProgress(what, int(self.estimator.verbose)) as progress:
            return engine.rows(self.items, where=self.where, on_error=self.estimator.on_error, progress=progress)

    def keep(self, rows: Rows) -> None:
        """Leave out the items that could not be read."""
        if not rows.bad:
            return
        self.skipped |= rows.bad
        index = torch.tensor(rows.kept)
        self.items = [self.items[i] for i in rows.kept]
        self.target = self.target[index]
        self.weight = None if self.weight is None else self.weight[index]
        if (
            self.task.strata(Targets({"y": self.target})) is not None
            and len(torch.unique(self.target)) < self.task.outputs
        ):
            raise DataError(f"{self.where}: after leaving out {len(rows.bad)} unreadable items a class has none left.")

    def split(self) -> tuple[Tensor, Tensor]:
        """Return training and validation indices, stratified where there are classes."""
        n, fraction = len(self.items), float(self.estimator.validation_fraction)
        groups = self.task.strata(Targets({"y": self.target}))
        count = int(n * fraction)
        fewest = 0 if groups is None else min(count, n - count)
        if groups is None or fewest < len(np.unique(groups)) or np.bincount(groups).min() < 2:
            return keep_classes(*_fitting.split(n, fraction, self.seed), groups)
        state = mix(self.seed, _SPLIT) % 2**32
        train, valid = train_test_split(np.arange(n), test_size=count, stratify=groups, random_state=state)
        return torch.from_numpy(np.sort(train)), torch.from_numpy(np.sort(valid))

    def fit_head(self, features: Tensor, index: Tensor) -> Any:
        """Fit the head on the features of some items, on one thread: more lose on matrices of this size."""
        weight = None if self.weight is None else self.weight[index].numpy().astype(np.float64)
        if weight is not None and weight.sum() <= 0:
            raise DataError(
                f"{self.where}: all items to train on have weight 0 and others are held out. Lower validation_fraction."
            )
        return self.task.fit_head(features[index].numpy(), self.target[index], weight, self.seed)


def fit(estimator: Any, task: Task, X: Any, y: Any, sample_weight: Any, checkpoint: Any) -> Fitted:
    """Fit by the estimator's strategy."""
    where = f"{type(estimator).__name__}.fit"
    job = Job(estimator, task, X, y, sample_weight, where, checkpoint)
    trained = job.stages
    if not trained and estimator.strategy != "scratch":
        return _feature_extraction(job)
    return _train(job, trained, checkpoint)


def _feature_extraction(job: Job) -> Fitted:
    with threads(available_cores()):
        rows = job.frozen(None)
    job.keep(rows)
    features = rows.tensor()
    head = job.fit_head(features, torch.arange(len(features)))
    module = _module(job, frozenset(), head)
    report = _transfer_report.of_head(job.task, head, features, job.target)
    return _fitted(job, module, [], report)


def _train(job: Job, trained: frozenset[int], checkpoint: Any) -> Fitted:
    estimator, plan = job.estimator, job.body.plan
    scratch = estimator.strategy == "scratch"
    boundary = min(trained)
    augmented = estimator.augment is not None
    # Random augmentation changes the pixels every time: what lies below the boundary cannot be remembered.
    remembers = boundary > 0 and (not augmented or estimator.views)
    if scratch and estimator.on_error == "skip":
        raise ParameterError(f"{job.where}: on_error='skip' needs a pretrained backbone; strategy='scratch' has none.")
    with threads(available_cores()):
        known = job.frozen(boundary) if remembers else None
        # Above the boundary the head's features are a short way from what is known; else the whole network runs once.
        whole = None if scratch or remembers else job.frozen(None)
        for rows_read in (known, whole):
            if rows_read is not None:
                job.keep(rows_read)
        views = []
        if remembers and augmented:
            views = [job.frozen(boundary, View(job.preparation, estimator.augment, k)) for k in range(estimator.views)]
    index = job.split()
    train, valid = index
    rows = TransferRows(
        job.items,
        job.preparation,
        job.target,
        job.weight,
        job.device,
        frozen=None if known is None else from_rows(known),
        views=[from_rows(v) for v in views],
        training=train,
        raw=augmented and not remembers,
    )
    features = None if scratch else _features(job, rows, boundary) if whole is None else whole.tensor()
    head = None if features is None else job.fit_head(features, train)
    module = _module(job, trained, head)
    if estimator.lora is not None:
        with seeded(mix(job.seed, _ADAPTERS)):
            add_lora(module.backbone, plan.stages, trained, int(estimator.lora), job.where)
        module.thaw(trained)
    store = _checkpoint(job, checkpoint)
    stored = None if store is None else store.load()
    loop = _fitting.run(
        _settings(job),
        module,
        _losses(job),
        None,
        rows,  # type: ignore[arg-type]
        index,
        seed=job.seed,
        device=job.device,
        store=store,
        stored=stored,
        epoch_begin=_epoch_begin(job, rows, trained),
        rate_of=_rate_of(job, module),
        eval_rows=_EVAL_ROWS,
    )
    if store is not None:
        store.save(*loop.state())
    if estimator.lora is not None:
        merge_lora(module.backbone)
    measured, from_valid = (valid, True) if len(valid) >= 1 else (train, False)
    report = _transfer_report.of_training(
        job.task,
        _raw(job, module, rows, measured),
        job.target[measured],
        held_out=from_valid,
        before=None if head is None or features is None else _apply(head, features[measured]),
    )
    peak, decay = float(_settings(job).learning_rate), _decay(job)
    count = len(plan.stages)
    by_stage = {plan.stages[at].name: peak * decay ** (count - at) for at in sorted(trained)}
    return _fitted(job, module, loop.history, report, by_stage | {"head": peak})


def _features(job: Job, rows: TransferRows, boundary: int) -> Tensor:
    """Return what the head sees of every item, from the frozen part's known output."""
    plan, network, found = job.body.plan, job.body.module, []
    before = rows.training_views(False)
    with threads(available_cores()), torch.no_grad():
        for some in torch.arange(len(rows)).split(_EVAL_ROWS):
            mini = rows.take(some)
            assert mini.batch is not None
            assert mini.value is not None
            with replayed(network, plan.stages, boundary, mini.value):
                found.append(plan.forward(network, mini.batch).float().cpu())
    rows.training_views(before)
    return torch.cat(found)


def _fitted(
    job: Job,
    module: Transfer,
    history: list[dict[str, float]],
    report: FitReport,
    rates: dict[str, float] | None = None,
) -> Fitted:
    module.eval()
    if job.skipped:
        named = "; ".join(f"{i}: {reason}" for i, reason in sorted(job.skipped.items())[:5])
        report["skipped"] = len(job.skipped)
        report["verdict"] += " " + texts.SKIPPED.format(
            count=len(job.skipped), total=len(job.skipped) + len(job.items), named=named
        )
    return Fitted(job.body, module, job.task, history, report, job.seed, job.skipped, rates or {})


def _module(job: Job, trained: frozenset[int], head: Any) -> Transfer:
    weights = (None, None) if head is None else (torch.from_numpy(head.weight), torch.from_numpy(head.bias))
    if any(isinstance(m, nn.Conv2d) for m in job.body.module.modules()):
        # Twice the speed of the usual layout on a CPU with AVX-512, and what tensor cores want.
        job.body.module.to(memory_format=torch.channels_last)
    layer = linear_head(job.body.plan.width, job.task.outputs, *weights)
    keeps = job.estimator.batch_norm
    batch_norm = job.estimator.strategy == "scratch" if keeps == "auto" else keeps == "train"
    return Transfer(job.body.module, layer.to(job.device), job.body.plan, trained, batch_norm=batch_norm)


def _losses(job: Job) -> Callable[..., dict[str, Tensor]]:
    mixed = job.device.type == "cuda" and torch.cuda.is_bf16_supported()
    preset = job.estimator.augment

    def losses(module: nn.Module, mini: Mini, *, progress: float, generator: torch.Generator) -> dict[str, Tensor]:
        if mini.pixels is not None and module.training:
            number = int(torch.randint(2**62, (1,), generator=generator, device=generator.device))
            changed = augment(mini.pixels, preset, torch.Generator().manual_seed(number))
            mini = replace(mini, pixels=changed)
        batch = _batch(job, mini)
        with drawing_from(generator), torch.autocast(job.device.type, torch.bfloat16, enabled=mixed):
            raw = module(batch, mini.value)
        return {job.task.loss_name: job.task.loss(raw.float(), mini.target, mini.weight)}

    return losses


def _epoch_begin(job: Job, rows: TransferRows, trained: frozenset[int]) -> Callable[[nn.Module, int], None]:
    order, every = sorted(trained, reverse=True), job.estimator.gradual

    def begin(module: nn.Module, epoch: int) -> None:
        rows.epoch = epoch
        if every:
            # One stage more at each epoch, from the head down: a function of the epoch alone, so a resumed run agrees.
            module.thaw(frozenset(order[: epoch + 1]))  # type: ignore[operator]

    return begin


def _settings(job: Job) -> SimpleNamespace:
    """Return the estimator's training parameters with "auto" made a number."""
    estimator = job.estimator
    found = {name: getattr(estimator, name) for name in _fitting.TRAINING_RULES}
    if found["learning_rate"] == "auto":
        fresh = estimator.strategy == "scratch" or estimator.lora is not None
        tuned = job.body.plan.learning_rate or (1e-3 if job.preparation.domain == "vision" else 1e-4)
        found["learning_rate"] = 2e-3 if fresh else tuned
    return SimpleNamespace(**found)


def _rate_of(job: Job, module: Transfer) -> Callable[[nn.Parameter], float]:
    stages = job.body.plan.stages
    found = rates(module, len(stages), _decay(job), stage_parameters(module.backbone, stages))
    return lambda p: found.get(id(p), 1.0)


def _decay(job: Job) -> float:
    return 1.0 if job.estimator.strategy == "scratch" else float(job.estimator.layer_decay)


def _raw(job: Job, module: Transfer, rows: TransferRows, index: Tensor) -> Tensor:
    module.eval()
    parts = []
    with torch.no_grad():
        for some in index.split(_EVAL_ROWS):
            mini = rows.take(some)
            parts.append(module(_batch(job, mini), mini.value).float().cpu())
    return torch.cat(parts)


def _batch(job: Job, mini: Mini) -> Batch:
    if mini.batch is not None:
        return mini.batch
    assert isinstance(job.preparation, Pictures)
    assert mini.pixels is not None
    return {"pixels": job.preparation.normalise(mini.pixels)}


def _apply(head: Any, features: Tensor) -> Tensor:
    return features @ torch.from_numpy(head.weight).T + torch.from_numpy(head.bias)


def _checkpoint(job: Job, folder: Any) -> Checkpoint | None:
    if folder is None:
        return None
    digest = hashlib.blake2b(digest_size=16)
    for item in job.items:
        digest.update(hashlib.blake2b(job.preparation.content(item), digest_size=16).digest())
    digest.update(job.target.numpy().tobytes())
    if job.weight is not None:
        digest.update(job.weight.numpy().tobytes())
    data = {"content": digest.hexdigest(), "rows": len(job.items), "weights": job.body.hash}
    return Checkpoint(folder, _fitting.fingerprint(job.estimator, data, job.seed))
