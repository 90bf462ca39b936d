"""``punar predict MODEL DATA --out FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from punar.cli import _items, _sequences
from punar.cli import _options as o
from punar.cli._writing import check_file, write_frame
from punar.errors import DataError, ParameterError
from punar.texts import cli as texts

if TYPE_CHECKING:
    from punar.sources import UserItems, UserSequences

_TABLES = (".csv", ".tsv", ".parquet")


def predict(
    model: o.Model,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=texts.PREDICT_OUT, show_default=False)],
    data: Annotated[str | None, typer.Argument(metavar="[DATA]", help=texts.PREDICT_DATA, show_default=False)] = None,
    target: o.Target = None,
    text: o.Text = None,
    path: o.PathColumn = None,
    key: o.Key = None,
    header: o.Header = None,
    skip_bad: o.SkipBad = False,
    force: o.Force = False,
) -> None:
    """Write predictions, and print how many are right where DATA has labels."""
    check_file(out, _TABLES, "--out", may_replace=force)
    import punar

    fitted = punar.load(model)
    if isinstance(fitted, punar.SequenceModel):
        reading = {"target": target, "text": text, "path": path, "key": key, "header": header, "skip_bad": skip_bad}
        _sequences.predict(fitted, model, data, out, reading)
        return
    _items.refuse({"--key": key}, texts.ONLY_SEQUENCES)
    if data is None:
        raise ParameterError(texts.PREDICT_NEEDS_DATA.format(model=model))
    if not hasattr(fitted, "predict") or _items.domain_of(fitted) is None:
        raise ParameterError(
            f"{model} is a {type(fitted).__name__}, which does not predict; use punar transform or punar reconstruct."
        )
    found = _items.read(
        data,
        kind=_items.domain_of(fitted),
        target=target,
        text=text,
        path=path,
        # A target is read as the model learned it.
        task=None if target is None else fitted.task,
        header=header,
        skip_bad=skip_bad,
        open_each=True,
    )
    write_answers(fitted, found, out)


def write_answers(fitted: Any, found: UserItems | UserSequences, out: Path) -> None:
    """Write predictions and probabilities, and print how many are right."""
    names, columns = _columns(fitted, found)
    write_frame(out, {found.row_title: names, **columns})
    typer.echo(texts.WRITTEN.format(path=out, what=texts.PREDICTED.format(n=len(found))))
    line = _score(fitted, found, columns.get(texts.PREDICTION))
    if line:
        typer.echo(line)


def _columns(fitted: Any, found: UserItems | UserSequences) -> tuple[list[str], dict[str, Any]]:
    """Return the names of the items, and predictions and probabilities by the name of their column."""
    import numpy as np

    names = list(found.row_names) or [str(i) for i in range(len(found))]
    if not hasattr(fitted, "classes_"):
        answers = np.asarray(fitted.predict(found.items))
        if answers.ndim == 1:
            return names, {texts.PREDICTION: answers}
        return names, {f"{texts.PREDICTION} {i}": answers[:, i] for i in range(answers.shape[1])}
    sure = fitted.predict_proba(found.items)
    if fitted.task == "multilabel":
        labels = [str(c) for c in fitted.classes_]
        answers = np.array(["; ".join(n for n, p in zip(labels, row, strict=True) if p > 0.5) for row in sure])
    else:
        answers = fitted.classes_[sure.argmax(1)]
    probabilities = {texts.PROBABILITY.format(name=c): sure[:, i] for i, c in enumerate(fitted.classes_)}
    return names, {texts.PREDICTION: answers, **probabilities}


def _score(fitted: Any, found: UserItems | UserSequences, answers: Any) -> str:
    """Return a line on how right the predictions are, where the labels are the model's own."""
    import numpy as np

    truth, task = found.labels(), str(fitted.task)
    if truth is None or answers is None or task not in texts.PREDICT_METRICS:
        return ""
    if task == "classification":
        # Subfolders of new data may be called anything.
        if not {str(t) for t in truth} <= {str(c) for c in fitted.classes_}:
            return ""
        score = float(np.mean(np.asarray(answers).astype(str) == truth.astype(str)))
    elif found.target_kind != "regression":
        return ""
    else:
        from sklearn.metrics import r2_score

        if len(truth) < 2:
            raise DataError(f"{found.name}: R² needs at least 2 items with labels; leave out --target.")
        score = float(r2_score(truth, answers))
    return texts.PREDICT_SCORE.format(metric=texts.PREDICT_METRICS[task], score=score)
