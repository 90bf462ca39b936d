"""Every task keeps the contract: what it learned travels as JSON, losses count what they should, chance is the best."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import d2_tweedie_score
from torch import Tensor, nn

import punar
from punar.backbones import FORMS, View
from punar.core import plugins
from punar.errors import DataError, NotSupportedError, PunarError
from punar.preparations import Preparation, Sample
from punar.preparations.rows import Rows
from punar.preparations.series import Series
from punar.preparations.words import Words
from punar.tasks import LinearHead, Table, Targets, Task, Term, VectorTask
from punar.tasks.classification import Classification
from punar.tasks.forecasting import Forecasting
from punar.tasks.multilabel import Multilabel
from punar.tasks.regression import Regression
from punar.tasks.tagging import Tagging


class Counts(VectorTask):
    """A stranger's task: how many? Poisson regression, whose raw outputs are logarithms of rates.

    Parameters
    ----------
    margin : float, default=2.0
        A rate may be this many times the largest count of the fit, and no more.
    """

    estimator_type: ClassVar[str | None] = "regressor"
    loss_name: ClassVar[str] = "poisson"
    metric: ClassVar[str] = "d2"
    target_form: ClassVar[str] = "amounts"

    def __init__(self, margin: float = 2.0) -> None:
        self.margin = margin

    def learn_rows(self, y: Any, where: str) -> Tensor:
        found = self.encode_rows(y, where)
        self.most_ = int(found.max())
        return found

    def encode_rows(self, y: Any, where: str) -> Tensor:
        try:
            values = np.asarray(y)
        except ValueError:
            raise DataError(f"{where}: y must have one count per item.") from None
        if values.ndim != 1 or not len(values) or values.dtype.kind not in "iuf":
            raise DataError(f"{where}: y must be counts (n,), got {values.dtype} {values.shape}.")
        if not np.isfinite(values).all() or (values < 0).any() or (values != np.round(values)).any():
            raise DataError(f"{where}: counts must be whole numbers >= 0.")
        return torch.from_numpy(values.astype(np.float32))[:, None]

    def state(self) -> dict[str, Any]:
        return {"most": self.most_}

    def restore(self, state: dict[str, Any]) -> None:
        if type(state["most"]) is not int or state["most"] < 0:
            raise ValueError("most must be a whole number >= 0")
        self.most_ = state["most"]

    @property
    def outputs(self) -> int:
        return 1

    def loss(self, raw: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        each = (raw.exp() - target * raw)[:, 0]
        return each.mean() if weight is None else (each * weight).sum() / weight.sum()

    def fit_head(self, features: np.ndarray, target: Tensor, weight: np.ndarray | None, seed: int) -> LinearHead:
        model = PoissonRegressor(alpha=1.0, max_iter=1000).fit(features, target.numpy()[:, 0], weight)
        return LinearHead(model.coef_[None].astype(np.float32), np.float32([model.intercept_]), {"alpha": 1.0})

    def decode(self, raw: Tensor) -> np.ndarray:
        return raw[:, 0].double().exp().clamp(max=self.margin * max(self.most_, 1)).cpu().numpy()

    def measure(self, raw: Tensor, target: Tensor) -> float:
        rate = raw[:, 0].double().exp().cpu().numpy()
        return float(d2_tweedie_score(target[:, 0].double().cpu().numpy(), rate, power=1))

    def constant_row(self, target: Tensor) -> Tensor:
        return target.mean(0, keepdim=True).log()

    def itself_rows(self, raw: Tensor) -> Tensor:
        return raw.exp().round()

    def score(self, y: Any, predictions: Any, sample_weight: Any = None) -> float:
        return float(d2_tweedie_score(y, predictions, power=1, sample_weight=sample_weight))


@dataclass
class Case:
    """A task with targets that it takes and targets that it must refuse; items lie beside targets that need them."""

    task: Task
    y: Any
    bad: Sequence[Any] = ()
    items: Sequence[Any] = field(default_factory=list)
    preparation: Preparation = field(default_factory=lambda: Rows(3))
    encodes: bool = True


N = 24
DRAWN = np.random.default_rng(0)
NAN = float("nan")
NUMBERS = DRAWN.normal(3.0, 5.0, N)
# Rare labels, of which a majority vote would give none.
SETS = (DRAWN.random((N, 3)) < [0.4, 0.3, 0.1]).astype(int)
AHEAD = DRAWN.normal(0.5, 1.0, (N, 4, 2))
AHEAD[3, 1, 0] = NAN
WORDS = [["we", "met", "Asha", "Rao", "in", "पुणे"], ["she", "is", "well"], ["in", "Delhi", "again"]] * (N // 3)
TAGS = [["O", "O", "B-who", "I-who", "O", "B-where"], ["O", "O", "O"], ["O", "B-where", "O"]] * (N // 3)
KINDS = [["PRON", "VERB", "NAME", "NAME", "ADP", "NAME"], ["PRON", "VERB", "ADV"], ["ADP", "NAME", "ADV"]] * (N // 3)
TEXTS = ["we met Asha Rao in पुणे.", "she is well", "in Delhi again"] * (N // 3)
SPANS = [[(7, 15, "who"), (19, 23, "where")], [], [(3, 8, "where")]] * (N // 3)
SERIES = [DRAWN.normal(size=(n, 2)) for n in DRAWN.integers(3, 12, N)]
EVEN = [x[:3] for x in SERIES]
STEPS = Series.learn(SERIES)
NO_ROWS = [None, [], np.zeros((0, 1)), [NAN] * N, [1, 2, NAN], np.zeros((N, 2, 2)), [[1], [1, 2]], {"a": 1}, 3]
NO_SETS = [*NO_ROWS[:6], *NO_ROWS[7:], [["a"], 3]]  # lists of different lengths are lists of labels
NO_LISTS = [None, [], "text", 3, np.array(3), [NAN] * N, [None] * N]


def tagging(y, items, preparation, *bad):
    spoilt = [[y[0][:-1], *y[1:]], y[:-1], *([[v, *own[1:]] for own in y] for v in (None, NAN, [1, 2], {"a": 1}))]
    return Case(Tagging(), y, [*NO_LISTS, *spoilt, *bad], items, preparation)


def spans(*first):
    return [list(first), *SPANS[1:]]


CASES: dict[str, Case] = {
    "classes": Case(
        Classification(),
        ["मराठी", "हिंदी", "தமிழ்", "हिंदी"] * (N // 4),
        [*NO_ROWS, ["a"] * N, ["a", None] * 12, ["a", 1] * 12, [["a", "b"]] * N, ["a", NAN]],
    ),
    "classes by number": Case(Classification(), np.array([3, 1, 3, 7] * 6), [*NO_ROWS, [0.5, 1.0] * 12]),
    "classes as floats": Case(Classification(), np.array([3.0, 1.0, 3.0, 7.0] * 6), NO_ROWS),
    "classes true or false": Case(Classification(), [True, False, False] * 8, NO_ROWS),
    "a number": Case(Regression(), NUMBERS, [*NO_ROWS, ["a"] * N, [np.inf, 1.0], np.zeros((N, 0))]),
    "several numbers": Case(Regression(), np.stack([NUMBERS, -(NUMBERS**2)], 1), [*NO_ROWS, np.zeros((N, 0))]),
    "labels": Case(Multilabel(), SETS, [*NO_SETS, SETS[:, 0], SETS * 2, SETS * NAN, np.zeros((N, 0))]),
    "steps ahead": Case(
        Forecasting(4), AHEAD, [None, [], AHEAD[0], AHEAD[:, :3], AHEAD[:0]], preparation=STEPS, encodes=False
    ),
    "quantiles ahead": Case(Forecasting(4, (0.9, 0.1)), AHEAD, [None, AHEAD[:, :3]], preparation=STEPS, encodes=False),
    "entities of words": tagging(TAGS, WORDS, Words()),
    "labels of words": tagging(KINDS, WORDS, Words(), [["a", 1, *own[2:]] for own in KINDS]),
    "entities of texts": Case(
        Tagging(),
        SPANS,
        [
            *NO_LISTS,
            SPANS[1:],
            spans((0, 99, "who")),
            spans((3, 3, "who")),
            spans((0, 4, "who"), (3, 6, "who")),
            spans((0, 4)),
            spans((0.0, 4.0, "who")),
            spans((0, 4, None)),
            spans(None),
        ],
        TEXTS,
        Words(),
    ),
    "numbers of steps": tagging(
        [[int(v > 0) for v in x[:, 0]] for x in SERIES],
        SERIES,
        STEPS,
        [np.full(len(x), 0.5) for x in SERIES],
        [np.full(len(x), np.inf) for x in SERIES],
    ),
    "numpy's numbers of steps": Case(
        Tagging(), [list((x[:, 0] > 0).astype(np.int64)) for x in SERIES], (), SERIES, STEPS
    ),
    "a table of steps": Case(Tagging(), np.stack([x[:, 1] > 0 for x in EVEN]), (), EVEN, STEPS),
    "a stranger's": Case(Counts(), DRAWN.poisson(3, N), [*NO_ROWS, [-1, 2], [0.5, 1.0], ["a"]]),
}
EVERY = pytest.mark.parametrize("name", CASES)


@dataclass
class Learned:
    """A task that has seen its targets, and one batch of all its items."""

    case: Case
    task: Task
    targets: Targets
    samples: list[Sample]

    @classmethod
    def of(cls, name: str) -> Learned:
        case = CASES[name]
        task = clone(case.task)
        targets = task.learn(case.y, "here", case.items)
        if task.view == "vector":
            return cls(case, task, targets, [Sample(torch.ones(2))] * len(targets))
        samples = [case.preparation.samples(item) for item in case.preparation.check(case.items, "here")]
        assert all(len(own) == 1 for own in samples)
        return cls(case, task, targets, [own[0] for own in samples])

    @property
    def traces(self) -> list[Tensor | None]:
        return [sample.trace for sample in self.samples]

    def batch(self, index: Sequence[int], padding: int = 0) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return inputs and targets of some items, steps padded further by ``padding``."""
        tensors = [self.samples[i].tensor for i in index]
        steps = max(map(len, tensors)) + padding
        inputs = {"input_ids": torch.zeros(len(index), steps, dtype=torch.int64)}
        placed = [self.task.place(self.targets.item(i), self.samples[i]) for i in index]
        return inputs, self.task.collate(placed, inputs)

    def raw(self, seed: int = 0) -> Tensor:
        """Return raw outputs of all items, drawn."""
        steps = [] if self.task.view == "vector" else [max(len(s.tensor) for s in self.samples)]
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(len(self.samples), *steps, self.task.outputs, generator=generator)

    def perfect(self) -> Tensor:
        """Return raw outputs that say what is right."""
        _, target = self.batch(range(len(self.samples)))
        if isinstance(self.task, Tagging):
            return 9.0 * nn.functional.one_hot(target["tags"].clamp(min=0), self.task.outputs)
        y = target["y"]
        if isinstance(self.task, Classification):
            return 9.0 * nn.functional.one_hot(y, self.task.outputs)
        if isinstance(self.task, Forecasting):
            return y.nan_to_num().repeat_interleave(len(self.task.levels), 1)
        if isinstance(self.task, Multilabel):
            return 2.0 * y - 1.0
        return y if isinstance(self.task, Regression) else y.clamp(min=1e-6).log()

    def answers(self, raw: Tensor, task: Task | None = None) -> list[Any]:
        """Return the encoded answer of each item."""
        task = task or self.task
        inputs, _ = self.batch(range(len(self.samples)))
        parts = task.answer(lambda batch: raw, inputs, self.traces)
        return [task.merge([part], item) for part, item in zip(parts, self.items, strict=True)]

    @property
    def items(self) -> Sequence[Any]:
        return self.case.items or [None] * len(self.samples)

    def terms(self, raw: Tensor, target: dict[str, Tensor], weight: Tensor | None = None) -> dict[str, Term]:
        """Return the losses of raw outputs."""
        net = lambda batch: raw  # noqa: E731
        return self.task.losses(net, {}, target, weight, progress=0.5, generator=torch.Generator().manual_seed(0))

    def measured(self, answers: Sequence[Any]) -> float:
        """Return the metric of encoded answers."""
        meter = self.task.meter()
        meter.add(answers, self.targets)
        return meter.value()


def total(terms: dict[str, Term]) -> Tensor:
    return sum((term.mean for term in terms.values()), torch.zeros(()))


def plain(found: Any) -> Any:
    """Return predictions as what can be compared, types included."""
    if isinstance(found, np.ndarray):
        return found.dtype.kind, found.shape, found.tolist()
    return [plain(own) for own in found] if isinstance(found, list) else found


def alike(a: Any, b: Any) -> None:
    """Assert that predictions are equal; of numbers up to what another order of adding changes."""
    if isinstance(a, (np.ndarray, np.floating)) and a.dtype.kind == "f":
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    else:
        assert plain(a) == plain(b)


# -- recipes ----------------------------------------------------------------------------------------------------------


def test_every_file_of_the_folder_is_here():
    listed = {plugins.member("tasks", name) for name in plugins.members("tasks")}
    # Heads that are trained on answers with structure have their outputs in forms of their own, and tests beside them.
    listed = {task for task in listed if "structured" not in task.models}
    assert {type(case.task) for case in CASES.values()} == listed | {Counts}


@EVERY
def test_a_task_is_a_recipe_until_it_learns(name):
    task = clone(CASES[name].task)
    settings = task.get_params()
    assert vars(task) == settings
    assert task.__doc__
    assert all(setting in task.__doc__ for setting in settings), "every setting is documented"
    learned = Learned.of(name).task
    assert learned.get_params() == settings
    assert set(vars(learned)) > set(settings)
    assert all(own.endswith("_") for own in set(vars(learned)) - set(settings))
    assert vars(clone(learned)) == settings


@EVERY
def test_what_a_class_says_of_itself_is_allowed(name):
    task = CASES[name].task
    folders = {p.name for root in punar.__path__ for p in (Path(root) / "models").iterdir() if p.is_dir()}
    assert task.view in FORMS
    assert task.models
    assert set(task.models) <= folders - {"codec"}
    assert task.domains
    assert set(task.domains) <= {"vision", "text", "audio", "series", "table"}
    assert task.target_form in {"classes", "amounts", "sets", "sequences", "none"}
    assert task.estimator_type in {"classifier", "regressor", None}
    assert type(task.multi_output) is type(task.random_input) is bool
    assert task.takes_targets == (task.target_form != "none")
    assert Learned.of(name).task.metric


# -- targets ----------------------------------------------------------------------------------------------------------


@EVERY
def test_what_was_learned_travels_as_json(name):
    learned = Learned.of(name)
    again = clone(learned.case.task)
    again.restore(json.loads(json.dumps(learned.task.state(), allow_nan=False)))
    assert again.outputs == learned.task.outputs
    assert again.metric == learned.task.metric
    assert again.state() == learned.task.state()
    if learned.case.encodes:
        found = again.encode(learned.case.y, "here", learned.case.items)
        assert found.digest() == learned.targets.digest()
        assert learned.task.encode(learned.case.y, "here", learned.case.items).digest() == found.digest()
    else:
        with pytest.raises(NotSupportedError, match="here"):
            again.encode(learned.case.y, "here")
    for raw in (learned.raw(), learned.perfect()):
        answers = [learned.answers(raw, task) for task in (learned.task, again)]
        found = [t.predictions(a, learned.items) for t, a in zip((learned.task, again), answers, strict=True)]
        assert plain(found[0]) == plain(found[1])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.encodes])
def test_one_item_is_encoded_as_it_was_among_others(name):
    learned = Learned.of(name)
    for i in (0, 2):
        items = learned.case.items[i : i + 1]
        found = learned.task.encode(learned.case.y[i : i + 1], "here", items)
        assert found.digest() == learned.targets.take(torch.tensor([i])).digest()


@EVERY
def test_a_damaged_state_is_refused(name):
    learned = Learned.of(name)
    state = learned.task.state()
    assert state
    for at in state:
        for damaged in (state | {at: {"a": 1}}, {k: v for k, v in state.items() if k != at}, state | {at: None}):
            with pytest.raises((ValueError, KeyError, TypeError)):
                clone(learned.case.task).restore(damaged)


@pytest.mark.parametrize(
    ("task", "state"),
    [
        (Regression(), {"mean": [0.0], "scale": [np.inf], "flat": True}),
        (Regression(), {"mean": [0.0, 1.0], "scale": [1.0, 1.0], "flat": True}),
        (Multilabel(), {"labels": True}),
        (Multilabel(), {"labels": 0}),
        (Classification(), {"classes": ["a", "a"], "dtype": "str"}),
        (Classification(), {"classes": ["a", 1], "dtype": "str"}),
        (Forecasting(2), {"unit": [0.0]}),
        (Forecasting(), {"unit": [1.0]}),
        (Tagging(), {"tags": ["O", "B-x", "I-x"], "form": "spans", "entities": False, "begins": True, "whole": False}),
        (Tagging(), {"tags": ["B-x", "I-x"], "form": "spans", "entities": True, "begins": True, "whole": False}),
        (Tagging(), {"tags": ["O", "B-x", "B-y"], "form": "spans", "entities": True, "begins": True, "whole": False}),
    ],
)
def test_a_state_that_no_targets_give_is_refused(task, state):
    with pytest.raises((ValueError, KeyError, TypeError)):
        task.restore(state)


@EVERY
def test_bad_targets_are_refused_where_they_are_passed(name):
    learned = Learned.of(name)
    for bad in learned.case.bad:
        methods = [clone(learned.case.task).learn]
        methods += [learned.task.encode] if learned.case.encodes else []
        for method in methods:
            with pytest.raises(PunarError) as caught:
                method(bad, "here", learned.case.items)
            assert str(caught.value).startswith("here: "), bad


@pytest.mark.parametrize("y", [[1] * N, ["a"] * N, [[0]] * N])
def test_one_class_is_too_few_to_learn_and_enough_to_encode(y):
    with pytest.raises(DataError, match="here: y must have at least 2 classes"):
        Classification().learn(y, "here")
    task = Classification()
    task.learn([*y, *(["b"] if y[0] == "a" else [[2]] if y[0] == [0] else [2])], "here")
    assert task.encode(y, "here").columns["y"].tolist() == [0] * N


@EVERY
def test_targets_keep_order_and_numbers(name):
    targets = Learned.of(name).targets
    assert len(targets) == N
    order = torch.tensor([5, 0, 23, 5])
    some = targets.take(order)
    assert len(some) == 4
    for at, i in enumerate(order.tolist()):
        for column, value in targets.item(i).items():
            assert torch.equal(value.nan_to_num(), some.item(at)[column].nan_to_num())
    assert targets.take(torch.arange(N)).digest() == targets.digest()
    assert some.digest() != targets.digest()
    assert targets.take(torch.arange(N).flip(0)).digest() != targets.digest()
    for column, values in targets.columns.items():
        changed = values.clone() if isinstance(values, Tensor) else [v.clone() for v in values]
        changed[-1].view(-1)[-1] += 1
        assert Targets({**targets.columns, column: changed}).digest() != targets.digest()
        assert Targets({f"{column}s": values}).digest() != targets.digest()


@EVERY
def test_placed_targets_collate_by_item(name):
    learned = Learned.of(name)
    _, whole = learned.batch(range(N))
    assert all(value.shape[0] == N for value in whole.values())
    for i in (0, 1, N - 1):
        inputs, alone = learned.batch([i])
        assert alone.keys() == whole.keys()
        for column, value in alone.items():
            own = whole[column][i][: value.shape[1]] if learned.task.view == "tokens" else whole[column][i]
            assert torch.equal(value[0].nan_to_num(), own.nan_to_num())
            assert value.dtype == whole[column].dtype
            assert learned.task.view != "tokens" or value.shape[1] == inputs["input_ids"].shape[1]
    strata = learned.task.strata(learned.targets)
    assert strata is None or len(strata) == N


# -- the network ------------------------------------------------------------------------------------------------------


@EVERY
def test_a_head_follows_its_seed_alone(name):
    task, view = Learned.of(name).task, View(CASES[name].task.view, (7,), lambda module, batch: None)
    before = torch.get_rng_state()
    heads = [task.build(view, seed).state_dict() for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(heads[0][k], heads[1][k]) for k in heads[0])
    assert any(not torch.equal(heads[0][k], heads[2][k]) for k in heads[0])
    assert task.build(view, None)(torch.zeros(2, 7)).shape == (2, task.outputs)


@EVERY
def test_a_head_starts_from_remembered_features(name):
    learned = Learned.of(name)
    placed = [learned.task.place(learned.targets.item(i), learned.samples[i]) for i in range(N)]
    generator = torch.Generator().manual_seed(0)
    steps = [()] * N if learned.task.view == "vector" else [(len(s.tensor),) for s in learned.samples]
    features = [torch.randn(*shape, 5, generator=generator) for shape in steps]
    columns = {k: [one[k] for one in placed] for k in placed[0]}
    for weight in (None, np.linspace(0.5, 1.0, N)):
        head = learned.task.start(features, columns, weight, 0)
        assert head.weight.shape == (learned.task.outputs, 5)
        assert head.bias.shape == (learned.task.outputs,)
        assert np.isfinite(head.weight).all()
        assert np.isfinite(head.bias).all()
        json.dumps(head.facts, allow_nan=False)


@EVERY
def test_losses_are_terms_with_a_gradient(name):
    learned = Learned.of(name)
    _, target = learned.batch(range(N))
    raw = learned.raw().requires_grad_()
    terms = learned.terms(raw, target)
    assert terms
    for label, term in terms.items():
        assert label.isidentifier()
        assert isinstance(term, Term)
        assert term.mean.shape == ()
        assert term.mean.isfinite()
        assert term.weight > 0
    total(terms).backward()
    assert raw.grad.isfinite().all()
    assert (raw.grad.flatten(1).abs().sum(1) > 0).all(), "every item is learned from"
    assert total(learned.terms(learned.perfect().float(), target)) < total(terms)
    itself = learned.task.itself(raw)
    assert total(learned.terms(raw, itself)).isfinite()


@EVERY
def test_an_item_of_weight_0_changes_nothing(name):
    learned = Learned.of(name)
    index = list(range(6))
    found = []
    for seed in (1, 2, None):  # None: without the item
        kept = index if seed is not None else index[1:]
        _, target = learned.batch(kept)
        steps = next(iter(target.values())).shape[1] if learned.task.view == "tokens" else None
        raw = learned.raw()[kept]
        raw = raw if steps is None else raw[:, :steps]
        if seed is not None:
            raw[0] = torch.randn(raw[0].shape, generator=torch.Generator().manual_seed(seed)) * 3
        raw.requires_grad_()
        weight = torch.tensor([0.0, 1.0, 2.0, 1.0, 0.5, 1.0])[-len(kept) :]
        loss = total(learned.terms(raw, target, weight))
        loss.backward()
        if seed is not None:
            assert not raw.grad[0].any()
        # Without the longest item there are fewer steps: padding has no gradient.
        found.append((loss.detach(), [g[g != 0] for g in raw.grad[-5:]]))
    for loss, gradients in found[1:]:
        torch.testing.assert_close(loss, found[0][0])
        for one, other in zip(gradients, found[0][1], strict=True):
            torch.testing.assert_close(one, other)
    _, target = learned.batch(index)
    raw = learned.raw()[:6, : target["tags"].shape[1]] if learned.task.view == "tokens" else learned.raw()[:6]
    equal = total(learned.terms(raw, target, torch.ones(6)))
    torch.testing.assert_close(equal, total(learned.terms(raw, target)))
    assert not torch.isclose(total(learned.terms(raw, target, torch.tensor([9.0, 1, 1, 1, 1, 1]))), equal)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.task.view == "tokens"])
def test_padding_changes_no_loss(name):
    learned = Learned.of(name)
    _, target = learned.batch(range(N))
    _, padded = learned.batch(range(N), padding=5)
    raw = learned.raw()
    more = torch.cat([raw, torch.full((N, 5, raw.shape[2]), 50.0)], 1).requires_grad_()
    a, b = learned.terms(raw, target), learned.terms(more, padded)
    assert {k: t.weight for k, t in a.items()} == {k: t.weight for k, t in b.items()}
    torch.testing.assert_close(total(a), total(b))
    total(b).backward()
    assert not more.grad[:, -5:].any()
    inputs, _ = learned.batch(range(N), padding=5)
    parts = learned.task.answer(lambda batch: more.detach(), inputs, learned.traces)
    answers = [learned.task.merge([part], item) for part, item in zip(parts, learned.items, strict=True)]
    assert all(torch.equal(x, y) for x, y in zip(answers, learned.answers(raw), strict=True))


# -- answers ----------------------------------------------------------------------------------------------------------


@EVERY
def test_each_item_has_one_answer(name):
    learned = Learned.of(name)
    answers = learned.answers(learned.raw())
    found = learned.task.predictions(answers, learned.items)
    assert len(answers) == len(found) == N
    assert len(learned.task.predictions([], [])) == 0
    inputs, _ = learned.batch(range(N))
    parts = learned.task.answer(lambda batch: learned.raw(), inputs, learned.traces)
    assert len(parts) == N
    for part, item, answer in zip(parts, learned.items, answers, strict=True):
        # Pieces of one item in any order: halves of the words, or a vector said twice.
        pieces = [part, part]
        if isinstance(part, tuple):
            half = len(part[0]) // 2
            pieces = [tuple(t[half:] for t in part), tuple(t[:half] for t in part)]
        assert torch.equal(learned.task.merge(pieces, item), answer)
    # A forecast's table is of times, which its model knows.
    table = learned.task.table(answers, learned.items) if learned.case.encodes else None
    if table is not None:
        assert isinstance(table, Table)
        assert set(table.item.tolist()) <= set(range(N))
        assert table.columns
        assert all(len(column) == len(table.item) for column in table.columns.values())


@EVERY
def test_perfect_outputs_give_the_targets_back_and_score_1(name):
    learned = Learned.of(name)
    answers = learned.answers(learned.perfect().float())
    assert learned.measured(answers) == pytest.approx(1.0, abs=1e-5)
    found = learned.task.predictions(answers, learned.items)
    if not learned.case.encodes:
        known = np.isfinite(AHEAD)
        np.testing.assert_allclose(found[known], AHEAD[known], rtol=1e-4, atol=1e-5)
        with pytest.raises(NotSupportedError, match="score"):
            learned.task.score(AHEAD, found)
        return
    assert learned.task.score(learned.case.y, found) == pytest.approx(1.0, abs=1e-5)
    if isinstance(learned.task, (Regression, Counts)):
        np.testing.assert_allclose(found, learned.case.y, rtol=1e-5, atol=1e-5)
    else:
        assert [list(own) if isinstance(own, (list, np.ndarray)) else own for own in found] == [
            list(own) if isinstance(own, (list, np.ndarray)) else own for own in learned.case.y
        ]
    worse = learned.task.predictions(learned.answers(learned.raw()), learned.items)
    assert learned.task.score(learned.case.y, worse) < 1


def constants(learned: Learned) -> list[list[Any]]:
    """Return other answers that are the same for every item."""
    task = learned.task
    if isinstance(task, Tagging):
        if "spans" in learned.targets.columns:
            numbers = [k for k, tag in enumerate(task.tags_) if tag.startswith("B-")]
            return [[torch.tensor([[0, len(text), k]]) for text in learned.items] for k in numbers]
        lengths = [len(own) for own in learned.targets.columns["tags"]]
        return [[torch.full((n,), k) for n in lengths] for k in range(task.outputs)]
    if isinstance(task, Classification):
        rows = list(torch.eye(task.outputs))
    elif isinstance(task, Multilabel):
        rows = [torch.tensor(signs) for signs in itertools.product((-1.0, 1.0), repeat=task.outputs)]
    else:
        target = learned.targets.columns["y"]
        rows = [*target, target.median(0).values, target.mean(0) + 0.1, target.mean(0) - 0.1]
        rows = rows if isinstance(task, Regression) else [row.clamp(min=1e-3).log() for row in rows]
    return [[row] * N for row in rows]


@EVERY
def test_chance_is_the_best_constant_answer(name):
    learned = Learned.of(name)
    answers = learned.task.constant(learned.targets)
    assert len(answers) == N
    assert len(learned.task.predictions(answers, learned.items)) == N
    chance = learned.measured(answers)
    assert chance < 1
    if isinstance(learned.task, Forecasting):
        # Skill counts from the forecast that needs no network, which is the answer 0: chance is 0 by definition. The
        # median of what is left would be a correction that was learned from the held-out rows themselves.
        assert chance == 0
        return
    others = [learned.measured(other) for other in constants(learned)]
    assert max(others) <= chance + 1e-6
    assert min(others) < chance or max(others) == min(others) == chance == 0


@EVERY
def test_an_interval_holds_its_value(name):
    learned = Learned.of(name)
    blend = 0.9 * learned.raw() + 0.5 * learned.perfect()
    for raw in (blend, learned.perfect().float()):
        meter = learned.task.meter()
        answers = learned.answers(raw)
        # In two portions, as answers come.
        meter.add(answers[:9], learned.targets.take(torch.arange(9)))
        meter.add(answers[9:], learned.targets.take(torch.arange(9, N)))
        assert meter.value() == pytest.approx(learned.measured(answers))
        low, high = meter.interval()
        assert low - 1e-9 <= meter.value() <= high + 1e-9
        assert (low, high) == meter.interval()
        narrow = meter.interval(0.5)
        assert low <= narrow[0] <= narrow[1] <= high


@EVERY
def test_answers_may_be_exchanged_between_meters(name):
    learned = Learned.of(name)
    ours, theirs = learned.task.meter(), learned.task.meter()
    ours.add(learned.answers(learned.perfect(), learned.task), learned.targets)
    theirs.add(learned.answers(learned.raw(), learned.task), learned.targets)
    none = np.zeros(N, dtype=bool)
    before = ours.value(), theirs.value()
    assert ours.exchanged(theirs, none) == pytest.approx(before)
    assert ours.exchanged(theirs, ~none) == pytest.approx(before[::-1])
    half = np.arange(N) % 2 == 0
    assert ours.exchanged(theirs, half) == pytest.approx(theirs.exchanged(ours, ~half))
    assert (ours.value(), theirs.value()) == before


# -- through a model --------------------------------------------------------------------------------------------------


def fitted(name: str) -> tuple[Any, list[Any]]:
    case = CASES[name]
    given = {"hidden_size": 4, "epochs": 2, "random_state": 0, "device": "cpu"}
    if "forecaster" in case.task.models:
        X = [np.sin(np.arange(n) / 3.0) + k for k, n in enumerate((60, 45, 50))]
        settings = {"horizon": 4, "context": 8, "season": 1, "quantiles": case.task.quantiles}
        return punar.SequenceModel("gru", task="forecasting", **settings, **given).fit(X), X
    X = list(case.items) or SERIES
    return punar.SequenceModel("gru", task=clone(case.task), **given).fit(X, case.y), X


@EVERY
def test_a_model_answers_each_item_for_itself_and_as_stored(name, tmp_path):
    model, X = fitted(name)
    found = model.predict(X)
    assert len(found) == len(X)
    order = list(range(len(X)))[::-1]
    turned = model.predict([X[i] for i in order])
    for at, i in enumerate(order):
        alike(turned[at], found[i])
    for i in (0, 1, len(X) - 1):
        alike(model.predict([X[i]])[0], found[i])
    back = punar.load(punar.save(model, tmp_path / "m"), parts=[Counts])
    assert plain(back.predict(X)) == plain(found)
    if "forecaster" not in CASES[name].task.models:
        assert back.score(X, CASES[name].y) == model.score(X, CASES[name].y)
        with pytest.raises(PunarError):
            model.fit(X, CASES[name].y[:-1])
