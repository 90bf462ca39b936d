"""Data sets that need no file and no network: scikit-learn's bundled ones, and a series that is made here.

>>> names()
['breast-cancer', 'diabetes', 'digits', 'iris', 'seasonal', 'wine']
>>> load("iris").X.shape
(150, 4)
>>> load("irsi")  # doctest: +ELLIPSIS
Traceback (most recent call last):
    ...
punar.errors.DataError: 'irsi' is not a built-in data set. Did you mean 'iris'? There are: ...
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from punar.errors import DataError, shown, suggest
from punar.sources._source import Request, Source
from punar.sources._userdata import UserData
from punar.texts import builtin as texts


class Builtin(Source):
    """Data sets that need no file and no network."""

    def names(self) -> Sequence[str]:
        """Return the names of the built-in data sets, sorted."""
        return names()

    def takes(self, path: Path) -> bool:
        """Return False: no file is one of these sets."""
        return False

    def read(self, path: Path, request: Request) -> UserData:
        """Return the set that ``path`` is the name of; see :func:`load`."""
        return load(str(path))


def _bundled(loader: str) -> Any:
    from sklearn import datasets

    return getattr(datasets, loader)()


def _classes(name: str, loader: str, description: str) -> UserData:
    found = _bundled(loader)
    return UserData(
        X=np.asarray(found.data, dtype=np.float64),
        y=np.asarray(found.target, dtype=np.int64),
        kind="table",
        name=name,
        description=description,
        columns=tuple(str(c) for c in found.feature_names),
        classes=tuple(str(c) for c in found.target_names),
        target_kind="classification",
    )


def _digits() -> UserData:
    found = _bundled("load_digits")
    return UserData(
        X=(found.images / 16).astype(np.float32),
        y=np.asarray(found.target, dtype=np.int64),
        kind="images",
        name="digits",
        description=texts.DIGITS,
        classes=tuple(str(c) for c in found.target_names),
        target_kind="classification",
    )


def _diabetes() -> UserData:
    found = _bundled("load_diabetes")
    return UserData(
        X=np.asarray(found.data, dtype=np.float64),
        y=np.asarray(found.target, dtype=np.float64),
        kind="table",
        name="diabetes",
        description=texts.DIABETES,
        columns=tuple(str(c) for c in found.feature_names),
        target_kind="regression",
    )


# Visitors by hour of day, for each kind of station: (hour of the peak, its width in hours, its height).
_STATIONS = {
    "office": ((8.5, 1.2, 1.0), (17.5, 1.5, 0.9)),
    "school": ((7.5, 0.7, 1.0), (13.5, 1.0, 0.8)),
    "market": ((11.0, 2.5, 0.8), (18.0, 2.0, 1.0)),
    "night life": ((13.0, 2.0, 0.3), (22.5, 2.2, 1.0)),
}
# Share of a weekday's visitors that comes on each day of the week, Monday first.
_WEEK = {
    "office": (1.0, 1.0, 1.0, 1.0, 0.9, 0.25, 0.15),
    "school": (1.0, 1.0, 1.0, 1.0, 1.0, 0.05, 0.05),
    "market": (0.7, 0.7, 0.8, 0.8, 1.0, 1.4, 1.1),
    "night life": (0.4, 0.5, 0.6, 0.8, 1.5, 1.7, 0.7),
}


def _seasonal(windows: int = 800, hours: int = 48) -> UserData:
    # RandomState and not Generator: numpy promises that its numbers never change.
    draw = np.random.RandomState(20240229)
    kinds = tuple(_STATIONS)
    y = draw.randint(len(kinds), size=windows)
    first_day = draw.randint(7, size=windows)
    level = draw.lognormal(mean=4.0, sigma=0.5, size=windows)
    late = draw.normal(scale=0.8, size=windows)
    time = np.arange(hours)
    X = np.empty((windows, hours))
    for row, kind in enumerate(kinds[i] for i in y):
        clock = (time - late[row]) % 24
        shape = np.full(hours, 0.05)
        for peak, width, share in _STATIONS[kind]:
            away = np.abs(clock - peak)
            shape += share * np.exp(-0.5 * (np.minimum(away, 24 - away) / width) ** 2)
        day = (first_day[row] + time // 24) % 7
        X[row] = level[row] * shape * np.asarray(_WEEK[kind])[day]
    X *= draw.lognormal(sigma=0.1, size=X.shape)
    return UserData(
        X=np.round(X, 3),
        y=y.astype(np.int64),
        kind="table",
        name="seasonal",
        description=texts.SEASONAL.format(windows=windows, hours=hours),
        columns=tuple(f"hour {h:02d}" for h in range(hours)),
        classes=kinds,
        target_kind="classification",
        notes=[texts.SEASONAL_NOTE],
    )


_LOADERS: dict[str, Callable[[], UserData]] = {
    "breast-cancer": lambda: _classes("breast-cancer", "load_breast_cancer", texts.BREAST_CANCER),
    "diabetes": _diabetes,
    "digits": _digits,
    "iris": lambda: _classes("iris", "load_iris", texts.IRIS),
    "seasonal": _seasonal,
    "wine": lambda: _classes("wine", "load_wine", texts.WINE),
}


def names() -> list[str]:
    """Return the names of the built-in data sets, sorted."""
    return sorted(_LOADERS)


def load(name: str) -> UserData:
    """Return a built-in data set.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Returns
    -------
    UserData
        ``digits`` are pictures (1797, 8, 8), float32 in [0, 1]; the others are tables.

    Raises
    ------
    DataError
        There is no such set; the message lists them and suggests the likely spelling.
    """
    if name not in _LOADERS:
        raise DataError(
            f"{shown(name)} is not a built-in data set.{suggest(name, names())} There are: {', '.join(names())}."
        )
    return _LOADERS[name]()
