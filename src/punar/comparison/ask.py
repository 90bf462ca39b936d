"""``compare``: ask a question of your data and get a measured answer."""

from __future__ import annotations

import contextlib
import pkgutil
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from typing import Any

import numpy as np
import sklearn
import torch

import punar
from punar.comparison import budget as budgets
from punar.comparison import protocol
from punar.comparison._question import Candidate, Question
from punar.comparison._refused import refuse_structured
from punar.comparison.facts import score_facts
from punar.comparison.reading import Reading
from punar.comparison.result import Comparison
from punar.comparison.trial import trial
from punar.core.progress import Progress, in_words
from punar.core.runtime import available_cores, draw_seed, pick_device
from punar.errors import ParameterError, shown, suggest
from punar.texts import compare as texts


def compare(
    X: Any,
    y: Any = None,
    *,
    question: str = "reducer",
    candidates: Mapping[str, Any] | Sequence[Any] | None = None,
    backbone: Any = None,
    equal: str | None = None,
    hidden_size: int | None = None,
    horizon: int | None = None,
    season: int | None = None,
    id_column: str | None = None,
    time_column: str | None = None,
    groups: Any = None,
    latent_dim: int | None = None,
    budget: str | float | None = None,
    cv: int = 5,
    device: str = "auto",
    random_state: int | np.random.RandomState | None = 0,
    verbose: int = 1,
    kind: str | None = None,
    name: str | None = None,
) -> Comparison:
    """Measure candidates on shared folds of your data, and say which is better, or that none clearly is.

    Every candidate sees the same scaled training rows of every fold; its scores are on held-out rows, in that same
    space, beside what a constant answer scores.

    Parameters
    ----------
    X : array-like of shape (n, features), or pictures of shape (n, h, w) or (n, h, w, c)
        Finite numbers. Columns of a DataFrame may hold categories, dates and gaps, which every fold makes numbers of by
        its training rows, the same for all candidates. For "strategy" and "backbone": pictures as an array, or a
        list of n paths, pictures, texts or recordings. For "cell": what :class:`punar.SequenceModel` takes.
    y : array-like of shape (n,), optional
        Classes, or numbers for regression; without it there is no downstream score. "strategy" and "backbone" need it;
        "cell" takes series without it as a forecasting task.
    question : str, default="reducer"
        "reducer": which method keeps most of the data in a code of this size? "strategy": train a network from
        scratch, take a pretrained one's features, or fine-tune some or all of it? "backbone": which pretrained
        network's features suit the data? "cell": which recurrent cell suits the sequences?
    candidates : mapping of str to estimator, or sequence of backbones, optional
        Replaces the default list. For "reducer": scikit-learn transformers; those without ``inverse_transform`` have
        no share of variance explained. For "strategy": estimators with ``fit(X, y)`` and ``predict``. For "backbone":
        names of pretrained networks or what :func:`punar.backbone` returns; by default those on this machine. For
        "cell": estimators with ``fit(X, y)`` and ``predict``, beside the linear model.
    backbone : str or Backbone, optional
        For "strategy": the network that all strategies use; by default "starter" for pictures, "minilm" for texts.
    equal : {"width", "parameters"}, optional
        For "cell": what all cells have in common: the hidden size (the default), or about as many trained parameters
        as an LSTM of that hidden size.
    hidden_size : int, optional
        For "cell": by default 64.
    horizon, season : int, optional
        For "cell" on series without labels: steps to forecast, by default a season, or a tenth of the series and at
        most 24; steps of a season, by default found in the series.
    id_column, time_column : str, optional
        For "cell" on a long table: what says which series a row belongs to, and when it was measured.
    groups : array-like of shape (n,), optional
        For "cell" with labels: sequences of one group, such as one speaker's, are never on both sides of a split.
    latent_dim : int, optional
        For "reducer": code size; by default a quarter of the columns, at least 2 and at most 16.
    budget : str or float, optional
        ``"60s"``, ``"2min"`` or seconds: a deadline. Epochs are cut first, then folds, then rows; candidates that do
        not fit are left out, and the table and ``notes`` say so. Without it ten minutes are the limit, which few data
        reach, and the same call gives the same scores again. ``"none"`` lifts it.
    cv : int, default=5
        Number of folds, shuffled, and stratified where there are classes.
    device : str, default="auto"
        Where the networks are trained.
    random_state : int, RandomState or None, default=0
        Fixes folds and candidates.
    verbose : int, default=1
        0 is silent; 1 says on stderr how the data is read, and shows progress with time left.
    kind : {None, "table", "images", "vision", "text", "audio", "series"}, default=None
        How X is read; by default 2-D is a table and the rest pictures, and items are told by their content.
    name : str, optional
        What to call the data.

    Returns
    -------
    Comparison
        With ``table``, ``verdict``, ``verdicts``, ``notes``, ``facts`` and ``to_html``, ``to_json``, ``to_markdown``.

    Raises
    ------
    punar.errors.ParameterError
        A parameter breaks its rule, or the question is unknown.
    punar.errors.DataError
        X or y cannot be used.

    References
    ----------
    Nadeau, C. and Bengio, Y. (2003). Inference for the generalization error. Machine Learning 52, 239-281.
    Venna, J. and Kaski, S. (2001). Neighborhood preservation in nonlinear projection methods. ICANN 2001, 485-491.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA, KernelPCA
    >>> import punar
    >>> X, y = load_iris(return_X_y=True)
    >>> two = {"PCA": PCA(2), "kernel": KernelPCA(2, kernel="rbf", fit_inverse_transform=True)}
    >>> result = punar.compare(X, y, candidates=two, verbose=0)
    >>> print(result.verdicts["variance_explained"].split(":")[0])
    PCA wins
    >>> punar.compare(X, question="reducr")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    punar.errors.ParameterError: compare: question must be one of 'backbone', 'cell', 'reducer', 'strategy', got ...
    """
    started = budgets.clock()
    of_cells = {"equal": equal, "hidden_size": hidden_size, "horizon": horizon, "season": season}
    of_cells |= {"id_column": id_column, "time_column": time_column, "groups": groups}
    asked = find_question(question, latent_dim=latent_dim, backbone=backbone, **of_cells)
    seconds = budgets.parse_budget(budget)
    usual = budget is None
    pick_device(device)
    with contextlib.closing(asked):
        refuse_structured(X, y)
        data = asked.read(X, y, kind, name)
        limits = (seconds, usual)
        return _answer(asked, data, candidates, latent_dim, limits, cv, device, random_state, verbose, started)


def _answer(
    asked: Question,
    data: Reading,
    candidates: Any,
    latent_dim: int | None,
    limits: tuple[float | None, bool],
    cv: int,
    device: str,
    random_state: int | np.random.RandomState | None,
    verbose: int,
    started: float,
) -> Comparison:
    seconds, usual = limits
    folds, notes = asked.folds_for(data, cv) or protocol.folds_for(data, cv)
    n_train = len(data.X) - -(-len(data.X) // folds)
    width = asked.width(data, latent_dim, n_train)
    seed = draw_seed(random_state)
    rivals = _candidates(asked, candidates, data, width, n_train, device)
    say = Progress(verbose).note
    say(data.describe() + ".")
    epochs = protocol.epochs_of(rivals)
    plan = budgets.Plan(folds, epochs, len(data.X), seconds, notes)
    if usual:
        seconds = budgets.USUAL
        plan = replace(plan, seconds=seconds)
    if seconds is not None:
        say(texts.PROGRESS_TRIAL + ".")
        timings = trial(asked, data, rivals, folds, seed, seconds)
        least = asked.fewest(data)
        spent = budgets.clock() - started
        # What costs next to nothing stays in, unless the trial alone has used all of the time.
        kept = {c.name for c in rivals if (c.yardstick or c.classical) and spent < seconds}
        share = min(1.0, least.rows / len(data.X))
        out = budgets.left_out(timings, kept, plan, spent, fewest_epochs=least.epochs, share=share)
        fitting = [t for name, t in timings.items() if name not in out]
        plan = budgets.fit_in(plan, fitting, spent, fewest_epochs=least.epochs, fewest_rows=least.rows)
        reason = texts.LEFT_OUT.format(budget=in_words(seconds))
        plan = replace(plan, left_out=dict.fromkeys(out, reason), trial=True)
        if plan.rows < len(data.X):
            data = _some_rows(data, plan.rows, seed)
            # Batches follow the number of rows, so that fewer rows do not mean fewer updates.
            n_train = len(data.X) - -(-len(data.X) // plan.folds)
            rivals = _candidates(asked, candidates, data, width, n_train, device)
        possible = asked.folds_for(data, plan.folds) or protocol.folds_for(data, plan.folds)
        plan = replace(plan, folds=min(plan.folds, possible[0]))
    line = texts.PLAN.format(candidates=len(rivals), folds=plan.folds)
    line += asked.plan()
    if candidates is None and width is not None:
        line += texts.PLAN_WIDTH.format(latent_dim=width)
        line += texts.WHY_LATENT.format(d=data.size) if latent_dim is None else ""
    line += texts.PLAN_EPOCHS.format(epochs=plan.epochs) if plan.epochs else ""
    say(line + ".")
    measured = protocol.measure(asked, data, rivals, plan, seed, started=started, verbose=verbose)
    plan = measured.plan if measured.notes or measured.plan.notes or not usual else replace(measured.plan, seconds=None)
    costs = asked.table_costs(data)
    facts = score_facts(measured, asked.metrics(data), costs)
    facts["notes"] = [*data.notes, *plan.notes, *measured.notes, *facts["notes"]]
    how = [*asked.how(data, rivals), asked.words["how_verdict"], asked.words["how_costs"]]
    split = asked.how_split(data) or texts.HOW_SPLITS
    facts |= _frame(data, plan, measured, split, how, seed, budgets.clock() - started)
    facts["protocol"] |= {"latent_dim": width if candidates is None else None, "plan": line}
    facts |= {"costs": list(costs), "trade": asked.trade}
    facts["words"] = {key: asked.words[key] for key in ("title", "foot", "losses")}
    return Comparison(facts)


def known_questions() -> list[str]:
    """Return the names of the questions: the files of this folder that hold one."""
    from punar import comparison

    found = (module.name for module in pkgutil.iter_modules(comparison.__path__))
    return sorted(name for name in found if not name.startswith("_") and _question_class(name) is not None)


def _question_class(name: str) -> type[Question] | None:
    """Return the class that is the file's name in CamelCase, where it is a question."""
    module = import_module(f"punar.comparison.{name}")
    found = getattr(module, "".join(part.capitalize() for part in name.split("_")), None)
    return found if isinstance(found, type) and issubclass(found, Question) else None


def find_question(name: object, **settings: Any) -> Question:
    """Return the question of this name, for one call of :func:`compare`.

    Parameters
    ----------
    name : str
    **settings
        Those of compare's parameters that only some questions know; None where they were not given.

    Raises
    ------
    ParameterError
        There is no such question; the message lists those there are. Or it does not know a setting.
    """
    known = known_questions()
    if not isinstance(name, str) or name not in known:
        raise ParameterError(
            f"compare: question must be one of {', '.join(map(repr, known))}, got {shown(name)}.{suggest(name, known)}"
        )
    cls = _question_class(name)
    assert cls is not None
    for key, value in settings.items():
        if value is not None and key not in cls.takes:
            raise ParameterError(f"compare: {key} is not for question={name!r}, got {shown(value)}; leave it out.")
    return cls(**{key: settings.get(key) for key in cls.takes if key != "latent_dim"})


def _candidates(
    question: Question, given: Any, data: Reading, width: int | None, n_train: int, device: str
) -> list[Candidate]:
    if given is None:
        return question.candidates(data, width, n_train, device)
    return question.given(given, data, n_train, device)


def _some_rows(data: Reading, rows: int, seed: int) -> Reading:
    """Return a random share of the rows, the same of every class and at least one."""
    if rows >= len(data.X):
        return data
    order = np.random.default_rng(seed).permutation(len(data.X))
    if data.target != "classes" or data.y is None:
        return data.take(np.sort(order[:rows]))
    share = rows / len(data.X)
    labels = data.y[order]
    kept = [order[labels == c][: max(1, round(share * int((labels == c).sum())))] for c in np.unique(labels)]
    return data.take(np.sort(np.concatenate(kept)))


def _frame(
    data: Reading,
    plan: budgets.Plan,
    measured: protocol.Measured,
    split: str,
    sentences: list[str],
    seed: int,
    seconds: float,
) -> dict[str, Any]:
    """Return the facts around the scores: the data, the protocol and the machine."""
    n_train, n_test = (round(float(np.mean([s[i] for s in measured.sizes]))) for i in (0, 1))
    folds = len(measured.sizes)
    how = split.format(folds=folds, n_train=n_train, n_test=n_test, seed=seed)
    cores, device = available_cores(), torch.get_num_threads()
    machine = f"{platform.system()} {platform.machine()}, {cores} cores, {device} torch threads"
    versions = {"python": platform.python_version(), "numpy": np.__version__, "sklearn": sklearn.__version__}
    versions |= {"torch": str(torch.__version__), "punar": punar.__version__}
    return {
        "format": 1,
        "data": {
            "name": data.name,
            "kind": data.kind,
            "shape": list(data.X.shape),
            "reading": data.describe(),
            "target": data.target,
            "classes": data.classes,
        },
        "protocol": {
            "folds": folds,
            "epochs": plan.epochs,
            "budget_seconds": plan.seconds,
            "seed": seed,
            "n_train": n_train,
            "n_test": n_test,
            "seconds": seconds,
            "how": [how, *sentences],
            "made": texts.MADE_BY.format(
                version=punar.__version__,
                date=datetime.now().strftime("%Y-%m-%d %H:%M"),
                seconds=in_words(seconds),
                machine=machine,
            ),
            "versions": versions,
        },
        "shown": measured.shown,
    }
