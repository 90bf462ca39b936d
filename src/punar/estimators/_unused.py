"""Settings of a transfer learner that its strategy does not use."""

from __future__ import annotations

import inspect
from typing import Any

from punar.errors import NotSupportedError, ParameterError, shown
from punar.tasks import Task

# Settings of training alone.
_OF_TRAINING = (
    "unfreeze", "epochs", "batch_size", "learning_rate", "layer_decay", "gradual", "interpolation", "batch_norm",
    "optimizer", "schedule", "weight_decay", "gradient_clip", "validation_fraction", "early_stopping", "patience",
    "precision",
)  # fmt: skip
# By setting: the values that ask for nothing.
_BELOW_HEAD: dict[str, tuple[Any, ...]] = {"augment": ("auto", None), "views": (0,), "lora": (None,)}


def refuse_unused(estimator: Any, task: Task, sample_weight: Any, checkpoint: Any) -> None:
    """Raise where a setting or an argument of ``fit`` was given that the strategy has no use for.

    Raises
    ------
    ParameterError
    NotSupportedError
        The task cannot be done from the names of labels.
    """
    owner, strategy = type(estimator).__name__, estimator.strategy
    zero = strategy == "zero_shot"
    if not zero and estimator.templates is not None:
        raise ParameterError(
            f"{owner}: templates={estimator.templates!r} is for strategy='zero_shot', where nothing is trained. Leave "
            "it out, or set that strategy."
        )
    for name, unset in _BELOW_HEAD.items() if zero or strategy == "feature_extraction" else ():
        if getattr(estimator, name) not in unset:
            raise ParameterError(
                f"{owner}: {name}={getattr(estimator, name)!r} changes what is trained below the head, and "
                f"strategy={strategy!r} trains nothing there. Leave {name} out, or set strategy='fine_tuning'."
            )
    if not zero:
        return
    if not {"transfer", "structured"} & set(task.models):
        raise NotSupportedError(
            f"{owner}: strategy='zero_shot' is for labels that have names, as in task='classification' and "
            f"'multilabel'; task={estimator.task!r} needs examples or a network that was trained for it."
        )
    if "transfer" not in task.models and estimator.templates is not None:
        raise ParameterError(
            f"{owner}: templates={estimator.templates!r} is for labels that have names; task={estimator.task!r} takes "
            "a checkpoint as it is. Leave it out."
        )
    _refuse_training(estimator)
    given = {"sample_weight": sample_weight, "checkpoint": checkpoint, "class_weight": estimator.class_weight}
    for name, value in given.items():
        if value is not None:
            raise ParameterError(
                f"{owner}.fit: {name} is for training, and strategy='zero_shot' trains nothing. Leave it out."
            )


def _refuse_training(estimator: Any) -> None:
    """Raise where a setting of training is not its default, and nothing is trained."""
    usual = inspect.signature(type(estimator).__init__).parameters
    for name in _OF_TRAINING:
        value = getattr(estimator, name)
        if name in usual and not _same(value, usual[name].default):
            raise ParameterError(
                f"{type(estimator).__name__}: {name}={shown(value)} is a setting of training, and "
                "strategy='zero_shot' trains nothing. Leave it out, or set another strategy."
            )


def _same(value: Any, usual: Any) -> bool:
    return type(value) is type(usual) and bool(value == usual)
