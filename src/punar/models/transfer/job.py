"""What one fit of a transfer model is about: items, targets, weights, the backbone, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.backbones import Body, View, build, freeze, resolve
from punar.core.progress import counting
from punar.core.runtime import available_cores, draw_seed, pick_device, threads
from punar.errors import DataError, ParameterError
from punar.features import cache as caches
from punar.features import frozen
from punar.features.engine import Rows
from punar.models import evidence, prepared
from punar.models.division import Division, Wanted
from punar.models.prepared import Prepared
from punar.models.samples import Placed, Samples
from punar.models.transfer.freezing import trainable_stages
from punar.models.weights import item_weights
from punar.preparations import Preparation, say_unknown, say_unread
from punar.tasks import LinearHead, Targets, Task
from punar.texts import fit as texts
from punar.training import job as jobs
from punar.training.checkpoint import Checkpoint

# The recipe of fine-tuning; what it was found and checked on: benchmarks/strategies.md
_HELD_OUT = 0.15
_CHANGES, _VARIANTS, _FEW = "light_no_mirror", 4, 1000  # a mirrored digit is another one
_SHARES, _HALF_WAY = (0.5, 0.25, 0.75, 1.0, 0.0), 0.5  # the first where a deadline leaves no time to choose
_PASSES, _EPOCHS = 10_000, (5, 20)  # items times epochs, and between which numbers of epochs


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
    checkpoint : path or None
        Where a seed that was drawn before is taken up again.
    wanted : Wanted
        What the call says of the division.
    """

    def __init__(
        self, estimator: Any, task: Task, X: Any, y: Any, sample_weight: Any, checkpoint: Any, wanted: Wanted
    ) -> None:
        self.estimator, self.task, self.where = estimator, task, f"{type(estimator).__name__}.fit"
        self.device = pick_device(estimator.device)
        self.cache = caches.check(estimator.cache, type(estimator).__name__)
        scratch = estimator.strategy == "scratch"
        recipe = resolve(estimator.backbone, None if scratch else estimator.weights, type(estimator).__name__)
        seed, _ = jobs.resolve_seed(estimator.random_state, checkpoint)
        self.seed = draw_seed(seed)
        self.body = build(recipe, seed=self.seed, form=task.view, heads=task.heads)
        freeze(self.body.module)
        self.body.module.to(self.device)
        self._check_together()
        self._meet()
        self.items = self.preparation.check(X, self.where)
        if task.view == "vector":  # tokens are read in windows, to the end
            say_unread(self.preparation, self.items, self.where)
        self.targets = task.learn(self.preparation.targets(X, y, self.where), self.where, self.items)
        say_unknown(self.preparation, self.items, self.where)
        if len(self.targets) != len(self.items):
            raise DataError(
                f"{self.where}: Found input variables with inconsistent numbers of samples: X has {len(self.items)}, "
                f"y {len(self.targets)}."
            )
        self._meet()
        self.weight = item_weights(task, self.targets, estimator.class_weight, sample_weight, self.where)
        self.groups, self.given = wanted.numbered(len(self.items)), 0
        if wanted.given:
            self._join(wanted)
        self.samples = self._sampled()
        self.skipped: dict[int, str] = {}

    def _sampled(self) -> Samples:
        return Samples.of(self.task, self.preparation, self.items, self.where, room=prepared.ROOM)

    def _join(self, wanted: Wanted) -> None:
        """Take the items to validate on behind the others; each weighs 1."""
        items = self.preparation.check(wanted.X, wanted.at)
        theirs = self.task.encode(self.preparation.targets(wanted.X, wanted.y, wanted.at), wanted.at, items)
        wanted.check_length(len(items), len(theirs))
        self.items, self.given = [*self.items, *items], len(items)
        self.targets = self.targets.joined(theirs)
        self.weight = None if self.weight is None else torch.cat([self.weight, torch.ones(self.given)])

    def _meet(self) -> None:
        """Prepare items as the task asks for."""
        self.body = met(self.task, self.body, self.where)
        self.preparation = self.body.plan.preparation

    def _check_together(self) -> None:
        """Refuse a task, a backbone and settings that do not fit each other."""
        domain, owner = self.body.plan.preparation.domain, type(self.estimator).__name__
        if domain not in self.task.domains:
            raise ParameterError(
                f"{owner}: this backbone reads {domain}, the task {type(self.task).__name__} is for "
                f"{', '.join(self.task.domains)}. Take another backbone or task."
            )
        if self.estimator.augment not in (None, "auto") and domain != "vision":
            raise ParameterError(f"{self.where}: augment is for pictures; this backbone reads {domain}.")

    @property
    def view(self) -> View:
        """What the head sees of the backbone."""
        return self.body.plan.view(self.task.form(self.body.plan))

    @property
    def prepared(self) -> Prepared:
        """The samples of a task that reads more than the items' vectors."""
        assert self.samples.known is not None
        return self.samples.known

    @property
    def stages(self) -> frozenset[int]:
        """The stages that are trained."""
        stages, strategy = self.body.plan.stages, self.estimator.strategy
        if strategy == "scratch":
            return frozenset(range(len(stages)))
        if strategy == "feature_extraction":
            return frozenset()
        return trainable_stages(stages, self.estimator.unfreeze, type(self.estimator).__name__)

    @property
    def augmentation(self) -> tuple[str | None, int]:
        """The random changes of training pictures, and how many variants of each are remembered; 0: new ones each time.

        "auto" changes what is classified: a number to be predicted may depend on place or size. Where the frozen part
        is computed once it also counts what variants cost.
        """
        preset, views = self.estimator.augment, int(self.estimator.views)
        if preset != "auto":
            return preset, views
        fits = self.preparation.domain == "vision" and self.task.estimator_type == "classifier"
        if self.estimator.strategy != "fine_tuning" or not fits or self.task.random_input:
            return None, views
        if views or not min(self.stages, default=0):
            return _CHANGES, views
        return (_CHANGES, _VARIANTS) if self.learned_from <= _FEW else (None, 0)

    @property
    def shares(self) -> tuple[float, ...]:
        """Points between the start and the end of training that are candidates for what is kept."""
        given = self.estimator.interpolation
        if self.estimator.strategy != "fine_tuning" or given == 1:
            return ()
        if given != "auto":
            return (float(given),)
        if self._fraction() or self.given:
            return _SHARES
        # Whoever labels each word learns from so many that what it began with is soon left behind.
        return (_HALF_WAY,) if self.task.view == "vector" else ()

    @property
    def learned_from(self) -> int:
        """How many items were given to learn from."""
        return len(self.items) - self.given

    @property
    def epochs(self) -> int:
        """What "auto" epochs are: fewer where there is much to train on."""
        fewest, most = _EPOCHS
        tuned = self.estimator.strategy == "fine_tuning"
        return min(most, max(fewest, round(_PASSES / self.learned_from))) if tuned else most

    def _fraction(self) -> float:
        """Return the share that is held out: nothing of few items, whose loss would cost more than the choice gains."""
        given = self.estimator.validation_fraction
        if given != "auto":
            return float(given)
        few = self.estimator.strategy == "fine_tuning" and self.learned_from < evidence.MANY
        few = few and "transfer" in self.task.models  # what a task of another model learns of few is soon too much
        return 0.0 if few else _HELD_OUT

    def read_as(self) -> tuple[Preparation, Sequence[Any]]:
        """Return how samples are prepared, and an item for each of them."""
        return self.samples.read_as(self.preparation, self.items)

    def remembered(self, at: int | None, change: Callable[[Preparation], Preparation] | None = None) -> Rows:
        """Return the output of the first ``at`` stages for every sample, or for None what the head sees.

        Items that cannot be read are left out of the job, where the estimator says so.
        """
        plan, tokens = self.body.plan, self.task.view != "vector"
        compute = frozen.boundary(plan, at) if at is not None else frozen.of_view(self.view)
        what: dict[str, Any] = {"stage": None if at is None else plan.stages[at - 1].modules[-1]}
        if at is None and tokens:
            what["view"] = self.task.view
        return self.computed(compute, what, texts.FEATURES if at is None else texts.FROZEN, change)

    def computed(
        self,
        compute: frozen.Compute,
        what: dict[str, Any],
        said: str,
        change: Callable[[Preparation], Preparation] | None = None,
    ) -> Rows:
        """Return a frozen computation's row for every sample.

        Parameters
        ----------
        compute, what
            See :func:`punar.features.frozen.engine`.
        said : str
            What progress says of it.
        change : callable, optional
            A preparation -> what samples are prepared by in its place.
        """
        preparation, items = self.read_as()
        engine = frozen.engine(
            self.body,
            compute,
            what,
            items=items,
            device=self.device,
            cache=self.cache,
            preparation=preparation if change is None else change(preparation),
        )
        with threads(available_cores()), counting(said, int(self.estimator.verbose)) as progress:
            rows = engine.rows(items, where=self.where, on_error=self.estimator.on_error, progress=progress)
        self._keep(rows)
        return rows

    def _keep(self, rows: Rows) -> None:
        """Leave out the items that could not be read."""
        if not rows.bad:
            return
        # Where an item has several samples each was prepared before: only whole items can be bad here.
        self.skipped |= rows.bad
        index, classes = torch.tensor(rows.kept), _classes(self.task, self.targets)
        self.items = [self.items[i] for i in rows.kept]
        self.targets = self.targets.take(index)
        self.weight = None if self.weight is None else self.weight[index]
        self.groups = None if self.groups is None else self.groups[index.numpy()]
        first = len(rows.kept) + len(rows.bad) - self.given
        self.given = sum(i >= first for i in rows.kept)
        self.samples = self._sampled()
        if _classes(self.task, self.targets) < classes:
            raise DataError(f"{self.where}: after leaving out {len(rows.bad)} unreadable items a class has none left.")

    @property
    def division(self) -> Division:
        """How the items are divided."""
        strata = self.task.strata(self.targets)
        return Division(
            len(self.items), self._fraction(), self.seed, strata, self.weight, groups=self.groups, given=self.given
        )

    def sample_weight(self) -> Tensor | None:
        """Return the weight of each sample: its item's."""
        return None if self.weight is None else self.weight[self.samples.item]

    def placed(self) -> Placed:
        """Return the targets in the samples' coordinates."""
        return Placed(self.task, self.targets, self.samples, self.where, self.given)

    def fit_head(self, features: Tensor | Sequence[Tensor], index: Tensor, placed: Placed) -> LinearHead:
        """Fit the head on the features of some samples, on one thread: more lose on matrices of this size."""
        weights = self.sample_weight()
        weight = None if weights is None else weights[index].numpy().astype(np.float64)
        if weight is not None and weight.sum() <= 0:
            raise DataError(
                f"{self.where}: all items to train on have weight 0 and others are held out. Lower validation_fraction."
            )
        some = features[index] if isinstance(features, Tensor) else [features[i] for i in index.tolist()]
        return self.task.start(some, placed.columns(index), weight, self.seed)

    def checkpoint(self, folder: Any) -> Checkpoint | None:
        """Return the checkpoint of this job, or None where no folder is given."""
        if folder is None:
            return None
        data = {
            "content": jobs.content(self.preparation, self.items, self.targets, self.weight),
            "rows": len(self.items),
            "weights": self.body.hash,
        } | self.division.facts()
        return Checkpoint(folder, jobs.fingerprint(self.estimator, data, self.seed))


def met(task: Task, body: Body, where: str) -> Body:
    """Return the body with items prepared as a task asks for; see :meth:`punar.tasks.Task.meet`."""
    plan = body.plan
    preparation = task.meet(body, where)
    views = tuple(task.looks(view) for view in plan.views)
    if preparation is plan.preparation and all(a is b for a, b in zip(views, plan.views, strict=True)):
        return body
    return replace(body, plan=replace(plan, preparation=preparation, views=views))


def _classes(task: Task, targets: Targets) -> int:
    strata = task.strata(targets)
    return 0 if strata is None else len(np.unique(strata))
