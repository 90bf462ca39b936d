"""Did the sequence model learn? Its score beside the constant answer, and beside a linear model that sees no order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from punar.models.measure import Measured, beside_constant, score_of
from punar.models.recurrent.rows import SequenceRows
from punar.preparations import Preparation
from punar.tasks import Targets, Task
from punar.texts import sequences as texts
from punar.training.report import MOST_ROWS, FitReport

_STRENGTH = 10.0  # of logistic regression on tf-idf; the usual 1 is too strong a penalty on rows of length 1


def of_training(
    task: Task, measured: Measured, targets: Targets, *, rivals: Mapping[str, Sequence[Any]], kind: str
) -> FitReport:
    """Report on held-out items, or on training items where none are held out.

    Parameters
    ----------
    task : Task
    measured : Measured
        The network's answers.
    targets : Targets
        Of all items.
    rivals : mapping of str to sequence
        From :func:`rivals`: answers for the same items.
    kind : {"series", "texts", "sounds"}
    """
    report = beside_constant(task, measured, targets, texts.LEARNED, texts.DID_NOT_LEARN)
    report["linear"] = None
    # One standard error of a difference of two shares of the same rows, at most.
    noise, some = 1.0 / math.sqrt(report["rows"]), targets.take(measured.items[:MOST_ROWS])
    for name, answers in rivals.items():
        score = report[name] = score_of(task, answers, some)
        lead = report["model"] - score
        verdict = (
            texts.BEATS_LINEAR if lead > noise else texts.LOSES_TO_LINEAR if lead < -noise else texts.EQUALS_LINEAR
        )
        what = texts.RIVALS.get(name, texts.BAG if kind == "texts" else texts.STATISTICS)
        report["verdict"] += verdict.format(linear=score, what=what)
    return report


def rivals(
    task: Task,
    preparation: Preparation,
    rows: SequenceRows,
    items: Sequence[Any],
    targets: Targets,
    weight: Tensor | None,
    train: Tensor,
    measured: Tensor,
    seed: int,
) -> dict[str, Sequence[Any]]:
    """Return the answers of simpler models of the same training items for the items that are measured.

    Parameters
    ----------
    task : Task
    preparation : Preparation
    rows : SequenceRows
    items : sequence
    targets, weight : Targets, Tensor
        Of all items.
    train, measured : Tensor of int64
    seed : int
    """
    target = targets.columns.get("y")
    if task.view != "vector" or not isinstance(target, Tensor):
        return {}
    found = linear_answers(task, preparation, rows, target, weight, train, measured, seed)
    return {} if found is None else {"linear": list(found)}


def linear_answers(
    task: Task,
    preparation: Preparation,
    rows: SequenceRows,
    target: Tensor,
    weight: Tensor | None,
    train: Tensor,
    measured: Tensor,
    seed: int,
) -> Tensor | None:
    """Return the answers of a linear model of the same training rows, on at most 3,000 of them, where it can be fitted.

    Parameters
    ----------
    task : Task
    preparation : Preparation
    rows : SequenceRows
    target, weight : Tensor
        Of all rows.
    train, measured : Tensor of int64
        Rows to fit on, and to answer; the first 3,000 of each.
    seed : int
    """
    train, measured = train[_some(len(train), seed)], measured[:MOST_ROWS]
    weights = None if weight is None else weight[train].numpy().astype(np.float64)
    if weights is not None and weights.sum() <= 0:
        return None
    if preparation.domain == "text":
        return _bag_answers(task, rows, target[train], weights, train, measured)
    if task.strata(Targets({"y": target})) is not None and len(torch.unique(target[train])) < task.outputs:
        return None
    known = rows.statistics(torch.cat([train, measured])).numpy()
    head = task.fit_head(known[: len(train)], target[train], weights, seed)
    return torch.from_numpy(known[len(train) :] @ head.weight.T + head.bias)


def _some(n: int, seed: int) -> Tensor:
    if n <= MOST_ROWS:
        return torch.arange(n)
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:MOST_ROWS].sort().values


def _bag_answers(
    task: Task, rows: SequenceRows, target: Tensor, weights: np.ndarray | None, train: Tensor, measured: Tensor
) -> Tensor | None:
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.multiclass import OneVsRestClassifier

    weigh = TfidfTransformer(sublinear_tf=True)
    X, other = weigh.fit_transform(_counts(rows, train)), weigh.transform(_counts(rows, measured))
    y = target.numpy()
    if task.estimator_type == "regressor":
        model = Ridge().fit(X, y, weights)
        return torch.from_numpy(np.asarray(model.predict(other)).reshape(len(measured), -1)).float()
    if y.ndim == 1:
        if len(np.unique(y)) < task.outputs:
            return None
        model = LogisticRegression(C=_STRENGTH, max_iter=300).fit(X, y, weights)
        return torch.from_numpy(model.predict_log_proba(other)).float()
    model = OneVsRestClassifier(LogisticRegression(C=_STRENGTH, max_iter=300)).fit(X, y.astype(int))
    return torch.logit(torch.from_numpy(model.predict_proba(other)).float(), eps=1e-6)


def _counts(rows: SequenceRows, index: Tensor) -> sparse.csr_matrix:
    """Return how often each token stands in each text."""
    ids, owners = [], []
    for row, i in enumerate(index.tolist()):
        tokens = rows.steps(i).cpu().numpy()
        ids.append(tokens)
        owners.append(np.full(len(tokens), row))
    flat = np.concatenate(ids)
    cells = (np.concatenate(owners), flat)
    return sparse.csr_matrix((np.ones(len(flat)), cells), shape=(len(index), rows.tokens))
