"""``punar predict MODEL DATA [--out FILE]``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from punar.cli import _answers, _items, _sequences, _written
from punar.cli import _options as o
from punar.cli._panels import Given, takes
from punar.cli._parts import load_parts
from punar.errors import ParameterError
from punar.texts import cli as texts
from punar.texts import structured

_OF_SEQUENCES = ("time_format", "key")


@takes(
    reading=o.DATA.only(
        *("target", "text", "path", "root", "suffix", "time_format", "drop", "key", "header", "skip_bad")
    ),
    targets=o.STRUCTURED.only("target_path"),
    kept=o.KEEP,
)
def predict(
    model: o.Model,
    reading: Given,
    targets: Given,
    kept: Given,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help=structured.PREDICT_OUT, show_default=False)
    ] = None,
    data: Annotated[str | None, typer.Argument(metavar="[DATA]", help=texts.PREDICT_DATA, show_default=False)] = None,
    future: Annotated[
        str | None, typer.Option("--future", metavar="FILE", help=texts.PREDICT_FUTURE, show_default=False)
    ] = None,
    coverage: Annotated[
        float | None, typer.Option("--coverage", metavar="SHARE", help=texts.PREDICT_COVERAGE, show_default=False)
    ] = None,
    parts: o.Parts = None,
    force: o.Force = False,
) -> None:
    """Write predictions, and print how many are right where DATA has labels."""
    if out is not None:
        _written.check(out, may_replace=force)
    import punar

    own = load_parts(parts)
    reading, ahead = reading | targets | kept, {"future": future, "coverage": coverage}
    fitted = own.load(model)
    if isinstance(fitted, punar.SequenceModel):
        _sequences.predict(fitted, model, data, ahead, out, reading, own.classes)
        return
    _items.refuse(o.DATA.given(reading, *_OF_SEQUENCES), texts.ONLY_SEQUENCES)
    _sequences.refuse_ahead(ahead)
    if data is None:
        raise ParameterError(texts.PREDICT_NEEDS_DATA.format(model=model))
    if not hasattr(fitted, "predict") or _items.domain_of(fitted) is None:
        raise ParameterError(
            f"{model} is a {type(fitted).__name__}, which does not predict; use punar transform or punar reconstruct."
        )
    task = fitted.fitted_.task
    # A target is read as the model learned it.
    learned = reading["target"] is not None or _answers.reads_as_learned(task)
    found = _items.read_for(
        fitted,
        data,
        form=task.target_form if learned else None,
        open_each=True,
        parts=own.classes,
        **_items.columns(reading),
    )
    _answers.write_answers(fitted, found, out)
