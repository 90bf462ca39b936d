"""What is predicted: one file per task. The contract is in ``_task.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from punar.core.lazy import lazily

if TYPE_CHECKING:
    from punar.tasks._linear_head import LinearHead as LinearHead
    from punar.tasks._meter import RowsMeter as RowsMeter
    from punar.tasks._meter import bootstrap as bootstrap
    from punar.tasks._targets import Misfit as Misfit
    from punar.tasks._targets import Targets as Targets
    from punar.tasks._task import Column as Column
    from punar.tasks._task import Meter as Meter
    from punar.tasks._task import Net as Net
    from punar.tasks._task import Table as Table
    from punar.tasks._task import Task as Task
    from punar.tasks._task import Term as Term
    from punar.tasks._vector import VectorTask as VectorTask

_HOME = {
    "Column": "_task",
    "LinearHead": "_linear_head",
    "Meter": "_task",
    "Misfit": "_targets",
    "Net": "_task",
    "RowsMeter": "_meter",
    "Table": "_task",
    "Targets": "_targets",
    "Task": "_task",
    "Term": "_task",
    "VectorTask": "_vector",
    "bootstrap": "_meter",
}
__all__ = sorted(_HOME)
__getattr__ = lazily(__name__, _HOME)
