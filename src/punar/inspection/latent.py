"""``punar.latent_map``: the latent space of a model as a picture, with a figure that says how good the picture is."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from punar.core.files import write_atomic
from punar.errors import DataError, ParameterError, ParameterTypeError, shown
from punar.inspection._looks import decoded_looks, looks_of
from punar.inspection.gate_facts import doubt
from punar.reporting import latent as drawn
from punar.texts import latent as texts

SUFFIXES = (".html", ".htm", ".svg", ".png")
_MOST = 2000  # rows that are drawn: distances between all of them are measured
_FEWEST = 3
_ASKED, _NEAR = 6, 6  # rows whose neighbours are shown, and how many
_DIMENSIONS, _STEPS = 8, 9  # of the traversal
_MOST_CLASSES = 20  # of labels that are numbers; more are amounts


class LatentMap:
    """What :func:`latent_map` returns; in a notebook it shows itself.

    Attributes
    ----------
    points : ndarray of float, shape (n, 2)
        Where the rows lie.
    rows : ndarray of int, shape (n,)
        Which rows of X they are: all of them, or of more than 2,000 some, evenly spread.
    scores : dict of str to float
        How good the picture is, beside PCA's picture of the rows and chance, as far as these can be measured.
    facts : dict
        All that is drawn, as plain values.
    """

    def __init__(self, points: np.ndarray, rows: np.ndarray, scores: dict[str, float], facts: dict[str, Any]) -> None:
        self.points, self.rows, self.scores, self.facts = points, rows, scores, facts

    def save(self, path: str | Path) -> Path:
        """Write the page (.html), or the map alone (.svg, .png), and return the path.

        Raises
        ------
        punar.errors.ParameterError
            The name ends in something else.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES:
            raise ParameterError(f"LatentMap.save: path must end in {', '.join(SUFFIXES)}, got {shown(str(path))}.")
        if suffix == ".png":
            write_atomic(path, drawn.png(self.facts))
        else:
            write_atomic(path, (drawn.svg_file if suffix == ".svg" else drawn.html)(self.facts).encode("utf-8"))
        return path

    def _repr_html_(self) -> str:
        return drawn.fragment(self.facts)

    def __repr__(self) -> str:
        figures = f"; {self.figures()}" if self.scores else ""
        return f"LatentMap({len(self.points)} rows{figures})"

    def figures(self) -> str:
        """Return the scores as one sentence; empty where none could be measured."""
        return drawn.figures(self.facts)


def latent_map(
    model: Any, X: Any, labels: Any = None, *, names: Sequence[str] | None = None, model_name: str = "the model",
    data_name: str = "X",
) -> LatentMap:  # fmt: skip
    """Draw the latent space of a fitted model: a map of its codes, neighbours, and what each dimension changes.

    Codes of two numbers are drawn as they are, longer ones by their first two principal components. Beside the map
    stands how often the nearest neighbour in it has the same label, for this map, for PCA's map of the rows, for the
    whole code and by chance; without labels the trustworthiness of the map.

    Parameters
    ----------
    model : estimator with ``transform``
        An ``Autoencoder``, which is also asked to decode (the traversal); or a ``FeatureExtractor``,
        ``TransferLearner`` or ``SequenceModel``, whose features are drawn.
    X : as its ``transform`` takes it
    labels : array-like of shape (n,), optional
        Classes, or numbers, for the colours.
    names : sequence of n str, optional
        Of the rows; by default their numbers.
    model_name, data_name : str
        For the title.

    Returns
    -------
    LatentMap
        With ``points``, ``scores``, and ``save("map.html")``, or .svg or .png.

    Raises
    ------
    punar.errors.ParameterTypeError
        The model gives no codes, or not one for each row.
    punar.errors.DataError
        Fewer than 3 rows, or another number of labels than rows.

    References
    ----------
    Hinton and Salakhutdinov (2006). Reducing the dimensionality of data with neural networks. Science 313.
    Venna and Kaski (2001). Neighborhood preservation in nonlinear projection methods. ICANN.

    Examples
    --------
    >>> import punar
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> found = punar.latent_map(punar.Autoencoder(epochs=5, random_state=0).fit(X), X, y)
    >>> found.points.shape, sorted(found.scores)
    ((150, 2), ['PCA', 'chance', 'code', 'map'])
    """
    codes = _codes(model, X)
    n = len(codes)
    labels = _checked(labels, n, "labels")
    names = _checked(names, n, "names")
    rows = np.linspace(0, n - 1, min(n, _MOST)).astype(int)
    some = codes[rows]
    points, projection = _projected(some)
    own = None if labels is None else np.asarray(labels)[rows]
    target, classes, values = _labels(own)
    X = _as_numbers(model, X)
    plain = _numbers(X, n)
    scores = _scores(points, some, None if plain is None else plain[rows], target, values)
    look, common = looks_of(model, X, n)
    called = [str(names[r]) if names is not None else texts.ROW_NAME.format(number=r) for r in rows]
    facts = {
        "model": model_name,
        "data": data_name,
        "made": texts.MADE.format(**_versions()),
        "rows": len(rows),
        "total": n,
        "size": codes.shape[1],
        "points": points.round(5).tolist(),
        "names": called,
        "projection": projection,
        "target": target,
        "classes": classes,
        "labels": values,
        "shown_labels": None if own is None else [str(v) for v in own.tolist()],
        "scores": scores,
        "look": {k: v for k, v in common.items() if k in ("kind", "low", "high", "columns")},
        "neighbours": _neighbours(some, rows, look, called, values if target == "classes" else None),
        "traversal": _traversal(model, some, common),
        "doubt": doubt(model) if hasattr(model, "fit_report_") else None,
    }
    return LatentMap(points, rows, scores, facts)


def _as_numbers(model: Any, X: Any) -> Any:
    """Return a table of mixed columns as the numbers that the model makes of it; anything else as it is."""
    table = getattr(model, "table_", None)
    return X if table is None else table.encode(X, "latent_map")


def _codes(model: Any, X: Any) -> np.ndarray:
    if not hasattr(model, "transform"):
        kind = model.__name__ if isinstance(model, type) else shown(model)
        raise ParameterTypeError(f"latent_map: model must have transform, such as punar.Autoencoder; got {kind}.")
    codes = model.transform(X)
    if getattr(codes, "ndim", 0) != 2:
        raise ParameterTypeError(
            "latent_map: this model gives features for each token or step; a map needs one row for each item. Save the "
            "model and use its folder, whose features are of whole items: punar.FeatureExtractor(folder).fit(X)."
        )
    if len(codes) < _FEWEST:
        raise DataError(f"latent_map: a map needs at least {_FEWEST} rows, got {len(codes)}.")
    found: np.ndarray = np.asarray(codes, dtype=np.float64)
    return found


def _checked(values: Any, count: int, name: str) -> Any:
    if values is not None and len(values) != count:
        raise DataError(f"latent_map: {name} must hold one for each row, {count}, got {len(values)}.")
    return values


def _projected(codes: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Return points in two dimensions, and how they were found."""
    from sklearn.decomposition import PCA

    if codes.shape[1] == 1:
        return np.column_stack([codes[:, 0], np.arange(len(codes))]), {"kind": "one"}
    if codes.shape[1] == 2:
        return codes, {"kind": "plain"}
    pca = PCA(2, svd_solver="full" if min(codes.shape) < 500 else "arpack", random_state=0).fit(codes)
    share = float(np.nan_to_num(pca.explained_variance_ratio_).sum())
    return pca.transform(codes), {"kind": "pca", "explained": share}


def _labels(labels: np.ndarray | None) -> tuple[str | None, list[str], list[float] | None]:
    """Return whether labels are classes or numbers, the classes' names, and a number for each row."""
    if labels is None:
        return None, [], None
    known = np.unique(labels.astype(str) if labels.dtype == object else labels)
    if labels.dtype.kind == "f" and (len(known) > _MOST_CLASSES or not np.all(known == np.round(known))):
        return "numbers", [], labels.astype(float).tolist()
    if labels.dtype.kind in "iu" and len(known) > _MOST_CLASSES:
        return "numbers", [], labels.astype(float).tolist()
    at = {str(name): i for i, name in enumerate(known.tolist())}
    return "classes", list(at), [float(at[str(v)]) for v in labels.tolist()]


def _numbers(X: Any, count: int) -> np.ndarray | None:
    """Return rows of numbers, standardised where they are columns of a table; None where X holds something else."""
    try:
        values = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    if values.ndim < 2 or len(values) != count or not np.isfinite(values).all():
        return None
    if values.ndim > 2:
        return values.reshape(count, -1)
    deviation = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)


def _scores(
    points: np.ndarray, codes: np.ndarray, rows: np.ndarray | None, target: str | None, labels: list[float] | None
) -> dict[str, float]:
    maps = {"map": points}
    if rows is not None and rows.shape[1] > 1:
        maps["PCA"] = _projected(rows)[0]
    if target != "classes" or labels is None:
        return {} if rows is None else {name: _trust(rows, place) for name, place in maps.items()}
    if codes.shape[1] != 2:
        maps["code"] = codes
    known = np.asarray(labels)
    largest = float(np.unique(known, return_counts=True)[1].max() / len(known))
    same = {name: float(np.mean(known[_nearest(place, 1)[0][:, 0]] == known)) for name, place in maps.items()}
    return {"code": same["map"]} | same | {"chance": largest}


def _trust(rows: np.ndarray, place: np.ndarray) -> float:
    from sklearn.manifold import trustworthiness

    return float(trustworthiness(rows, place, n_neighbors=max(1, min(5, (len(rows) - 1) // 2))))


def _nearest(place: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows nearest to each, itself left out, and their distances."""
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=min(count, len(place) - 1)).fit(place)
    distances, at = found.kneighbors()
    return at, distances


def _neighbours(
    codes: np.ndarray, rows: np.ndarray, look: Any, names: list[str], classes: list[float] | None
) -> list[list[dict[str, Any]]]:
    asked = np.linspace(0, len(codes) - 1, min(_ASKED, len(codes))).astype(int)
    if classes is not None:
        # One row of each class shows more than rows that happen to be of the same.
        first = {c: i for i, c in reversed(list(enumerate(classes)))}
        asked = np.asarray([first[c] for c in sorted(first)][:_ASKED] or asked)
    near, distances = _nearest(codes, _NEAR)
    return [
        [
            {"look": look(int(rows[at])), "name": names[at], "label": None if classes is None else int(classes[at]),
             "distance": far}
            for at, far in [(int(row), None), *zip(near[row].tolist(), distances[row].round(6).tolist(), strict=True)]
        ]
        for row in asked
    ]  # fmt: skip


def _traversal(model: Any, codes: np.ndarray, common: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a decoder makes of one dimension after the other; empty for models without one."""
    if not hasattr(model, "inverse_transform"):
        return []
    order = np.argsort(-codes.var(axis=0), kind="stable")[:_DIMENSIONS]
    found = []
    for at in order.tolist():
        low, high = np.quantile(codes[:, at], [0.05, 0.95])
        path = np.tile(np.median(codes, axis=0), (_STEPS, 1))
        path[:, at] = np.linspace(low, high, _STEPS)
        rows = np.asarray(_as_numbers(model, model.inverse_transform(path.astype(np.float32))), dtype=float)
        cells = decoded_looks(rows, common)
        found.append({"number": at + 1, "low": float(low), "high": float(high), "cells": cells})
    return found


def _versions() -> dict[str, str]:
    import torch

    import punar

    return {"punar": punar.__version__, "torch": torch.__version__, "python": platform.python_version()}
