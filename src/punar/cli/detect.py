"""``punar detect DATA [--model FOLDER] [--out FILE]``: rows that are unlike the others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from punar.cli import _items
from punar.cli import _options as o
from punar.cli._panels import Given, takes
from punar.cli._parts import Parts, load_parts
from punar.cli._reading import read_data, read_like, say_notes
from punar.cli._writing import ROWS, check_file, check_new_folder, write_rows
from punar.errors import ParameterError
from punar.texts import cli
from punar.texts import detect as texts

if TYPE_CHECKING:
    import numpy as np

_SHOWN, _NAMED = 10, 3
_OF_ITEMS = ("text", "path", "root", "suffix")
_OF_ROWS = ("drop", "key", "header", "size", "kind")


@takes(
    reading=o.DATA.only(*_OF_ITEMS, *_OF_ROWS, "skip_bad"),
    network=o.TRANSFER.only("backbone", "weights"),
    settings=o.ANOMALIES,
)
def detect(
    data: o.Data,
    reading: Given,
    network: Given,
    settings: Given,
    model: Annotated[
        Path | None, typer.Option("--model", metavar="FOLDER", help=texts.MODEL, show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=texts.OUT, show_default=False)] = None,
    save: Annotated[Path | None, typer.Option("--save", metavar="FOLDER", help=texts.SAVE, show_default=False)] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help=texts.SEED)] = 0,
    parts: o.Parts = None,
    force: o.Force = False,
) -> None:
    """List what is odd, and write the score of every row."""
    if out is not None:
        check_file(out, ROWS, "--out", may_replace=force)
    if save is not None:
        check_new_folder(save, "--save")
    own = load_parts(parts)
    asked = {name: value for name, value in settings.items() if value is not None}
    if model is None:
        found, detector, X = _fitted(data, reading, network, asked | {"random_state": seed}, own)
        scores, p = detector.decision_scores_, detector.p_values_
        typer.echo(str(detector.fit_report_))
    else:
        _items.refuse(o.ANOMALIES.given(settings), texts.NOT_WITH_MODEL)
        _items.refuse(o.TRANSFER.given(network), texts.NOT_WITH_MODEL)
        if save is not None:
            raise ParameterError(texts.NOT_WITH_MODEL.format(option="--save"))
        found, detector, X = _judged(data, reading, model, own)
        scores, p = -detector.score_samples(X), detector.p_values(X)
        flagged = int((p <= detector.alpha_ + 1e-12).sum())
        typer.echo(texts.FLAGGED.format(flagged=flagged, rows=len(scores), alpha=detector.alpha_))
    _say_oddest(found, detector, X, scores, p)
    if out is not None:
        _write(out, found, detector, scores, p)
    if save is not None:
        import punar

        punar.save(detector, save)
        typer.echo(texts.SAVED.format(path=save, data=data))


def _fitted(data: str, reading: Given, network: Given, settings: Given, own: Parts) -> tuple[Any, Any, Any]:
    """Return data, a detector that was fitted to it, and what it was fitted to."""
    import punar

    if network["backbone"] is None:
        _items.refuse(o.TRANSFER.given(network), texts.NEEDS_BACKBONE)
        _items.refuse(o.DATA.given(reading, *_OF_ITEMS), texts.NEEDS_BACKBONE)
        options = {name: reading[name] for name in (*_OF_ROWS, "skip_bad")}
        found = read_data(data, parts=own.classes, **options)
        detector = punar.AnomalyDetector(**settings).fit(found.as_input())
        say_notes(found.name, detector.table_.notes if detector.table_ is not None else ())
        return found, detector, found.as_input()
    _items.refuse(o.DATA.given(reading, *_OF_ROWS), texts.NOT_WITH_BACKBONE)
    backbone = _items.chosen_backbone(network["backbone"], network["weights"], None, own)
    items = _items.read_for(punar.FeatureExtractor(backbone).fit(), data, **_of_items(reading, own))
    return items, punar.AnomalyDetector(backbone=backbone, **settings).fit(items.items), items.items


def _judged(data: str, reading: Given, model: Path, own: Parts) -> tuple[Any, Any, Any]:
    """Return data, the stored detector, and the data as it takes it."""
    from punar.applications.anomaly_detector import AnomalyDetector

    detector = own.load(model)
    if not isinstance(detector, AnomalyDetector):
        raise ParameterError(texts.NO_DETECTOR.format(model=model, kind=type(detector).__name__))
    if detector.extractor_ is not None:
        _items.refuse(o.DATA.given(reading, *_OF_ROWS), texts.NOT_WITH_BACKBONE)
        items = _items.read_for(detector.extractor_, data, **_of_items(reading, own))
        return items, detector, items.items
    _items.refuse(o.DATA.given(reading, *_OF_ITEMS, "size", "kind"), texts.KNOWN_BY_MODEL)
    options = {name: reading[name] for name in ("drop", "key", "header", "skip_bad")}
    found, X = read_like(detector, detector.row_shape_, data, parts=own.classes, **options)
    return found, detector, X


def _of_items(reading: Given, own: Parts) -> Given:
    return {"open_each": True, "parts": own.classes, **_items.columns(reading)}


def _say_oddest(found: Any, detector: Any, X: Any, scores: np.ndarray, p: np.ndarray) -> None:
    import numpy as np
    from sklearn.utils import _safe_indexing

    order = np.argsort(-scores, kind="stable")[:_SHOWN]
    names = _columns(found, detector)
    parts = detector.explain(_safe_indexing(X, order)) if names else None
    typer.echo(texts.ODDEST)
    for at, row in enumerate(order):
        name = found.row_names[row] if found.row_names else cli.ROW.format(row=row)
        line = texts.ODD_ROW.format(name=name, score=scores[row], p=p[row])
        if parts is not None and parts[at].sum() > 0:
            shares = parts[at] / parts[at].sum()
            most = [c for c in np.argsort(-shares, kind="stable")[:_NAMED] if shares[c] > 0]
            line += texts.BECAUSE.format(columns=", ".join(f"{names[c]} {shares[c]:.0%}" for c in most))
        typer.echo(line)


def _columns(found: Any, detector: Any) -> list[str]:
    """Return the columns' names of a table; nothing of pictures and items."""
    if detector.extractor_ is not None or len(detector.row_shape_) > 1:
        return []
    if detector.table_ is not None:
        return [str(name) for name in detector.table_.names]
    return [str(name) for name in found.columns] or [f"column {i + 1}" for i in range(detector.row_shape_[0])]


def _write(out: Path, found: Any, detector: Any, scores: np.ndarray, p: np.ndarray) -> None:
    import numpy as np

    flagged = (p <= detector.alpha_ + 1e-12).astype(float)
    title = getattr(found, "row_title", "file" if getattr(found, "kind", "") == "images" else "row")
    write_rows(out, np.stack([scores, p, flagged], 1), ["score", "p_value", "flagged"], found.row_names, title)
    typer.echo(cli.WRITTEN.format(path=out, what=texts.SCORES.format(n=len(scores))))
