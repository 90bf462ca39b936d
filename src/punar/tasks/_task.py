"""The contract of a task: what is predicted, from which view of a network, and how answers are measured.

A task is a recipe and, once it has seen the targets, what it learned of them (:meth:`Task.learn`); nothing else in
punar knows what a label is. To add one, add one file here whose class is the file's name in CamelCase. A task with one
row of numbers per item (a class, an amount) derives from :class:`punar.tasks.VectorTask`, which is shorter.

Life of a task in a fit::

    targets = task.learn(y, where, items)            checked, encoded, one per item
    placed  = task.place(targets.item(i), sample)    in the coordinates of one sample: a window, a crop
    head    = task.build(view, seed)                 what the network's view becomes raw outputs by
    terms   = task.losses(net, batch, target, ...)   what is minimised
    parts   = task.answer(net, batch, traces)        one part for each sample
    answer  = task.merge(parts, item)                the samples of one item -> one answer, encoded
    found   = task.predictions(answers, items)       in the user's terms: what predict returns
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from punar.backbones import Body, Plan, View
from punar.cells import Cell
from punar.errors import DataTypeError, NotSupportedError, ParameterError
from punar.preparations import Preparation, Sample
from punar.tasks._linear_head import LinearHead
from punar.tasks._targets import Targets
from punar.tasks._terms import Meter as Meter
from punar.tasks._terms import Table as Table
from punar.tasks._terms import Term as Term
from punar.texts import predictions as texts

Net = Callable[[Mapping[str, Tensor]], Any]
Column = Tensor | Sequence[Tensor]


class Task(BaseEstimator, ABC):
    """What is predicted for an item.

    Attributes
    ----------
    domains : tuple of str
        What items may be: "vision", "text", "audio", "series", "table".
    view : {"vector", "tokens", "map", "pyramid", "native"}
        The form of a network's view that it reads.
    models : tuple of str
        Which folders of ``models/`` can carry it: estimators ask for this, never for a task's name.
    estimator_type : {"classifier", "regressor"} or None
        For scikit-learn's tags.
    metric : str
        The name of what :meth:`meter` measures.
    heads : tuple of str
        Endings of the source library's class names whose own head does this task, such as "ForQuestionAnswering".
        Where the checkpoint's class is one, its head is kept; with ``view = "native"`` any other is refused.
    target_form : {"classes", "amounts", "sets", "sequences", "masks", "boxes", "answers", "texts", "none"}
        How a file's labels are read for it.
    multi_output : bool
        Whether y may have several columns.
    random_input : bool
        Whether :meth:`place` or :meth:`losses` changes the input at random, so that nothing computed from it may be
        remembered.
    batch_size : int or None
        What "auto" is in training, where it is another than follows from the number of samples.
    learning_rates : mapping of str to float
        What "auto" is, by strategy, where it is another than the domain's.
    frames_per_step : int
        Frames of a recording that a recurrent network reads at once.
    writes : bool
        Whether the head writes texts token by token.
    """

    domains: ClassVar[tuple[str, ...]] = ("vision", "text", "audio", "series", "table")
    view: ClassVar[str]
    models: ClassVar[tuple[str, ...]] = ("transfer", "recurrent")
    estimator_type: ClassVar[str | None]
    metric: ClassVar[str]
    target_form: ClassVar[str]
    multi_output: ClassVar[bool] = False
    random_input: ClassVar[bool] = False
    heads: ClassVar[tuple[str, ...]] = ()
    batch_size: ClassVar[int | None] = None
    learning_rates: ClassVar[Mapping[str, float]] = MappingProxyType({})
    frames_per_step: ClassVar[int] = 1
    writes: ClassVar[bool] = False

    def check(self, where: str | None = None) -> None:
        """Raise where a setting breaks its rule; estimators ask before they read data. By default there is none.

        Raises
        ------
        punar.errors.ParameterError
        """

    # -- the network's side ---------------------------------------------------------------------------------------

    def form(self, plan: Plan) -> str:
        """Return the form of the view that is read: the library's own where its head is kept, else :attr:`view`."""
        return "native" if "native" in plan.forms else self.view

    def meet(self, body: Body, where: str) -> Preparation:
        """Take what is needed of a network, such as its tokenizer, and return how items are prepared for it.

        Asked before :meth:`learn`, again after it, where what was learned may change the preparation, and after
        loading. By default the network's own preparation is kept.

        Parameters
        ----------
        body : Body
            Its weights are not to be kept.
        where : str
            The caller, for messages.

        Raises
        ------
        ParameterError, NotSupportedError
            The network cannot do this task.
        """
        return body.plan.preparation

    def looks(self, view: View) -> View:
        """Return what of a view is read, such as some levels of a pyramid: the rest is not remembered.

        Asked after :meth:`meet`; of a view that it has returned it returns the same.
        """
        return view

    # -- targets --------------------------------------------------------------------------------------------------

    @abstractmethod
    def learn(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Check targets, keep what decoding needs and return them encoded.

        Parameters
        ----------
        y : array-like or list
            As the user passed it.
        where : str
            The caller, for messages.
        items : sequence
            What the preparation's ``check`` made of X; for tasks whose targets have the items' length.

        Raises
        ------
        DataError, DataTypeError
            NaN, one class, a wrong shape; the message names rule and value.
        """

    @abstractmethod
    def encode(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return targets encoded as :meth:`learn` encoded those of the fit.

        Raises
        ------
        DataError
            A label that was not learned.
        """

    def from_names(self, labels: Sequence[str]) -> None:
        """Learn what there is to predict from names alone, without targets.

        Raises
        ------
        NotSupportedError
            The task needs examples.
        """
        raise NotSupportedError(f"{type(self).__name__} needs examples with targets; it cannot learn from names alone.")

    def _takes_as_it_is(self, does: bool, such_as: str) -> None:
        """Raise where a checkpoint cannot do the task before it has learned from examples."""
        if not does:
            raise NotSupportedError(
                f"{type(self).__name__} without examples needs a checkpoint that does this task already, such as "
                f"{such_as}. Teach this one: fit it on examples."
            )

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return what :meth:`learn` kept, as JSON values."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Take untrusted facts that :meth:`state` may have given.

        Raises
        ------
        ValueError, KeyError, TypeError
            A field is missing, or has another type or value than :meth:`state` gives.
        """

    @abstractmethod
    def place(self, target: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
        """Return one item's target in the coordinates of one of its samples."""

    @abstractmethod
    def collate(self, placed: Sequence[Mapping[str, Tensor]], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return placed targets as one batch, padded with what the loss ignores."""

    def strata(self, targets: Targets) -> np.ndarray | None:
        """Return a class per item by which a split is stratified, or None."""
        return None

    def weights_of_rows(self, targets: Targets, class_weight: Any, where: str) -> Tensor | None:
        """Return the weight of each item that ``class_weight`` asks for; None where it asks for none."""
        if class_weight is not None:
            raise ParameterError(f"{where}: class_weight is for task='classification'; use sample_weight here.")
        return None

    # -- the network ------------------------------------------------------------------------------------------------

    @property
    def takes_targets(self) -> bool:
        """Whether ``fit`` needs y: not where what is predicted lies in the items themselves."""
        return self.target_form != "none"

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Width of the head."""

    @abstractmethod
    def build(self, view: View, seed: int | None) -> nn.Module:
        """Return the head: what ``view`` shows -> raw outputs. First weights follow ``seed``; None takes any."""

    def build_with(self, cell: Cell, view: View, seed: int | None) -> nn.Module:
        """Return the head on a recurrent network of this cell; by default it is :meth:`build`'s."""
        return self.build(view, seed)

    def reader(self, items: Sequence[Any], size: int | None, where: str) -> Preparation | None:
        """Return how a recurrent network reads texts for this task; None, the default: as words.

        Parameters
        ----------
        items : sequence of str, or of list of str
            Those to learn from.
        size : int or None
            Tokens at most, where the user says so.
        where : str
            The caller, for messages.
        """
        return None

    def start(self, features: Column, placed: Mapping[str, Column], weight: np.ndarray | None, seed: int) -> LinearHead:
        """Fit a head on remembered features, its penalty chosen by validation: what fine-tuning starts from.

        Parameters
        ----------
        features : Tensor of shape (n, width), or sequence of Tensor
            What the view shows of each sample.
        placed : mapping of str to Tensor or sequence of Tensor
            From :meth:`place`, by name, a value for each sample.
        weight : ndarray of shape (n,) or None
        seed : int
            Of the validation folds.
        """
        raise NotSupportedError(f"{type(self).__name__} has no head that is fitted without training.")

    def vary(
        self, batch: Mapping[str, Tensor], target: Mapping[str, Tensor], generator: Any
    ) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Return a training batch and its targets changed at random together, such as mirrored; by default unchanged.

        Used only where nothing computed from the input is remembered.

        Parameters
        ----------
        batch, target : mapping of str to Tensor
            As :meth:`losses` takes them.
        generator : torch.Generator
            The only randomness.
        """
        return batch, target

    @abstractmethod
    def losses(
        self,
        net: Net,
        batch: Mapping[str, Tensor],
        target: Mapping[str, Tensor],
        weight: Tensor | None,
        *,
        progress: float,
        generator: Any,
    ) -> dict[str, Term]:
        """Return named terms whose means are added and minimised.

        Parameters
        ----------
        net : callable
            ``net(batch)`` -> raw outputs.
        batch, target : mapping of str to Tensor
            Inputs, and targets from :meth:`collate`.
        weight : Tensor of shape (n,) or None
            Of each sample.
        progress : float in [0, 1]
            Share of the training that is done.
        generator : torch.Generator
            The only randomness.
        """

    # -- answers ------------------------------------------------------------------------------------------------------

    @abstractmethod
    def answer(self, net: Net, batch: Mapping[str, Tensor], traces: Sequence[Tensor | None]) -> list[Any]:
        """Return what the network says of each sample of a batch."""

    @abstractmethod
    def merge(self, parts: Sequence[Any], item: Any) -> Any:
        """Return one encoded answer from those of an item's samples."""

    @abstractmethod
    def predictions(self, answers: Sequence[Any], items: Sequence[Any]) -> Any:
        """Return answers in the user's terms: what ``predict`` gives."""

    def table(self, answers: Sequence[Any], items: Sequence[Any]) -> Table:
        """Return what a file of predictions shows: by default a row for each item, with its prediction.

        Parameters
        ----------
        answers : sequence
            Encoded, one for each item.
        items : sequence
            What the preparation's ``check`` made of X.
        """
        return Table(np.arange(len(items)), {texts.PREDICTION: list(self.predictions(answers, items))})

    @abstractmethod
    def constant(self, targets: Targets) -> list[Any]:
        """Return, for each item of ``targets``, the best answer that is the same whatever the input: chance."""

    def itself(self, raw: Any) -> dict[str, Tensor]:
        """Return targets that agree with raw outputs of a batch, where the user gives none (for gradients)."""
        raise NotSupportedError(f"{type(self).__name__} needs targets: pass y.")

    def sheet(self, answer: Any, target: Mapping[str, Tensor], item: Any) -> Mapping[str, Any] | None:
        """Return what a report shows of one item, as plain data; None where it shows nothing but predictions.

        Parameters
        ----------
        answer : object
            Encoded, from :meth:`merge`.
        target : mapping of str to Tensor
            Of the item, from :meth:`punar.tasks.Targets.item`.
        item : object
            As the preparation's ``check`` gives it.

        Returns
        -------
        mapping or None
            ``form`` says what it holds: "masks" (``truth``, ``found``, ``names``, ``ignore``), "boxes" (``truth`` and
            ``found`` with ``boxes``, ``labels``, ``scores``), "span" (``question``, ``context``, ``truth``, ``found``),
            "texts" (``given``, ``truth``, ``found``) or "blanks" (``text``, ``blanks``). ``score`` is the item's: the
            worst are shown first.
        """
        return None

    @abstractmethod
    def meter(self) -> Meter:
        """Return a new meter of :attr:`metric`."""

    def measured(self, answers: Sequence[Any], targets: Targets, sample_weight: Any, where: str) -> float:
        """Return what ``score`` of an estimator means for a task without y, from encoded answers and targets.

        Raises
        ------
        DataError, DataTypeError
            There is nothing to measure, or weights that it has no use for.
        """
        if sample_weight is not None:
            raise DataTypeError(f"{where}: sample_weight is for tasks with a target y. Leave it out.")
        meter = self.meter()
        meter.add(answers, targets)
        return meter.value()

    @abstractmethod
    def score(self, y: Any, predictions: Any, sample_weight: Any = None) -> float:
        """Return what ``score`` of an estimator means here, from targets and predictions in the user's terms."""
