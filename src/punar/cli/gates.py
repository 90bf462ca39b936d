"""``punar gates MODEL DATA --out FILE``."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from punar.cli import _options as o
from punar.cli import _sequences, _series_autoencoders
from punar.cli._answers import known_labels
from punar.cli._items import refuse
from punar.cli._panels import Given, takes
from punar.cli._parts import load_parts
from punar.cli._writing import check_file
from punar.errors import ParameterError
from punar.texts import cli as texts
from punar.texts import inspection as words

if TYPE_CHECKING:
    from punar.sources import UserSequences


@takes(reading=o.DATA.without("size", "kind"))
def gates(
    model: o.Model,
    data: o.Data,
    reading: Given,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=words.GATES_OUT, show_default=False)],
    item: Annotated[int, typer.Option("--item", metavar="N", help=words.GATES_ITEM)] = 0,
    beside: Annotated[
        list[Path] | None, typer.Option("--beside", metavar="MODEL", help=words.GATES_BESIDE, show_default=False)
    ] = None,
    parts: o.Parts = None,
    force: o.Force = False,
) -> None:
    """Write the page, and print where the gradient goes."""
    check_file(out, (".html", ".htm"), "--out", may_replace=force)
    from punar.core.files import write_atomic
    from punar.inspection.gate_facts import gate_facts
    from punar.reporting.gates import html

    own = load_parts(parts)
    fitted = own.load(model)
    others = [(place, own.load(place)) for place in beside or []]
    _refuse_without_gates({model: fitted, **dict(others)})
    if _series_autoencoders.reads_series(fitted):
        found, items = _series_autoencoders.read(data, reading, fitted, parts=own)
    else:
        refuse(o.DATA.given(reading, "id_column", "time_column"), texts.ONLY_FOR_SERIES)
        found = _sequences.read_for(fitted, data, reading, own.classes)
        items = _items(fitted, found)
    labelled = reading["target"] is not None or found.kind != "series"
    if not 0 <= item < len(items):
        raise ParameterError(
            f"--item must be from 0 to {len(items) - 1}, got {item}: {data} has {len(items)} sequences."
        )
    facts = gate_facts(fitted, items, item, name=_name(found, item), y=_known(fitted, found, labelled))
    names = _apart([model, *(place for place, _ in others)])
    facts["flows"] = [{"model": names[0], **facts.pop("flow")}]
    for name, (_, other) in zip(names[1:], others, strict=True):
        more = gate_facts(other, items, item, y=_known(other, found, labelled))
        facts["flows"].append({"model": name, **more["flow"]})
    facts |= {"model": names[0], "data": found.name, "made": words.GATES_MADE.format(**_versions())}
    write_atomic(out, html(facts))
    typer.echo(texts.WRITTEN.format(path=out, what=words.GATES_WRITTEN.format(n=len(facts["layers"]))))
    for flow in facts["flows"]:
        for name, ratio in flow["ratios"].items():
            if ratio is not None:
                line = words.GATES_RATIO.format(model=flow["model"], layer=words.layer(name), ratio=ratio)
                typer.echo(line)


def _refuse_without_gates(models: dict[Path, Any]) -> None:
    for place, fitted in models.items():
        if not hasattr(fitted, "cell_") and not _series_autoencoders.reads_series(fitted):
            raise ParameterError(
                f"{place} is a {type(fitted).__name__} without a recurrent network, so it has no gates. Fit one with "
                "punar fit DATA --cell lstm, or an autoencoder with --network lstm."
            )


def _items(fitted: Any, found: UserSequences) -> Any:
    """Return the sequences one by one, those of a long table too."""
    if hasattr(found.items, "columns"):
        return list(fitted.preparation_.check(found.items, "gates"))
    return found.items


def _known(fitted: Any, found: UserSequences, labelled: bool) -> Any:
    """Return the labels where the model can have learned them."""
    if not labelled or not hasattr(fitted, "cell_"):
        return None
    return known_labels(fitted.fitted_.task, found)


def _name(found: UserSequences, item: int) -> str:
    return f"{found.row_title} {found.row_names[item]}" if found.row_names else str(item)


def _apart(places: list[Path]) -> list[str]:
    """Return short names of models: the folder's own, or the whole path where two are called alike."""
    short = [place.resolve().name for place in places]
    return short if len(set(short)) == len(short) else [str(place) for place in places]


def _versions() -> dict[str, str]:
    import torch

    import punar

    return {"punar": punar.__version__, "torch": torch.__version__, "python": platform.python_version()}
