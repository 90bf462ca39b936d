"""What estimators with a ``task`` share: the task's class, tags, and which methods there are."""

from __future__ import annotations

from typing import Any

from sklearn.utils import ClassifierTags, RegressorTags, Tags

from punar import errors
from punar.cells import Cell
from punar.core.words import snake
from punar.errors import NotSupportedError, shown
from punar.models import assemble
from punar.preparations import Preparation


def task_class(estimator: Any) -> type | None:
    """Return the class of the estimator's task; None where ``fit`` will refuse it."""
    return assemble.class_of(estimator.task, "tasks")


def known(estimator: Any) -> Any:
    """Return what the estimator was fitted to be.

    Raises
    ------
    NotFittedError
        It is not fitted, or to another task than it has now.
    """
    if not estimator.__sklearn_is_fitted__():
        raise errors.NotFittedError(
            f"This {type(estimator).__name__} instance is not fitted yet. Call 'fit' with appropriate arguments before "
            "using this estimator."
        )
    task = estimator.fitted_.task
    if task_class(estimator) is not type(task):
        raise errors.NotFittedError(
            f"This {type(estimator).__name__} was fitted to {snake(type(task).__name__)}, and its task is now "
            f"{shown(estimator.task)}: call fit again, or set the task back."
        )
    return estimator.fitted_


def estimator_type(estimator: Any) -> str | None:
    """Return scikit-learn's kind of estimator, as the task says."""
    return getattr(task_class(estimator), "estimator_type", None)


def gives_probabilities(estimator: Any) -> bool:
    """Return True, or raise where the task has no probabilities."""
    if not hasattr(task_class(estimator), "proba"):
        raise NotSupportedError(
            f"{type(estimator).__name__}.predict_proba is for classification, not task={estimator.task!r}."
        )
    return True


def tagged(estimator: Any, tags: Tags) -> Tags:
    """Return scikit-learn's tags with what the task says of targets."""
    kind = tags.estimator_type = estimator_type(estimator)
    tags.target_tags.multi_output = bool(getattr(task_class(estimator), "multi_output", False))
    tags.no_validation = True
    tags.input_tags.string = True
    if kind == "regressor":
        tags.regressor_tags = RegressorTags()
    elif kind == "classifier":
        tags.classifier_tags = ClassifierTags()
    return tags


class FittedParts:
    """What a fitted model is made of."""

    def _known(self) -> Any:
        return known(self)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")

    @property
    def preparation_(self) -> Preparation:
        """What items are brought to before the network sees them."""
        found: Preparation = self._known().preparation
        return found

    @property
    def cell_(self) -> Cell:
        """The fitted cell's recipe."""
        found: Cell = self._known().cell
        return found
