"""What was read from a built-in name, a file or a folder, before any estimator sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class UserData:
    """Rows, labels where there are any, and what was decided while reading them.

    Attributes
    ----------
    X : ndarray
        (n, features) float64 for a table; (n, h, w) or (n, h, w, c) for pictures, uint8 or floats in [0, 1].
    y : ndarray of shape (n,) or None
        int64 indices into ``classes`` for classification, float64 for regression.
    kind : {"table", "images"}
    name : str
        Short, for titles and file names.
    description : str
        Where the data comes from, in a sentence or two.
    columns : tuple of str
        The feature names of a table; empty where it has none.
    classes : tuple of str
        Names of the classes, in the order of the numbers in ``y``.
    target_kind : {"classification", "regression"} or None
    notes : list of str
        What was decided for the user: sizes, colours, rows left out.
    row_names : tuple of str
        File names of pictures, or the numbers (from 0) of the rows that were kept when some were left out.
    """

    X: np.ndarray
    y: np.ndarray | None
    kind: str
    name: str
    description: str
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    target_kind: str | None = None
    notes: list[str] = field(default_factory=list)
    row_names: tuple[str, ...] = ()

    def labels(self) -> np.ndarray | None:
        """Return y with the names of the classes instead of their numbers."""
        if self.y is None or not self.classes:
            return self.y
        return np.array(self.classes, dtype=str)[self.y]

    def as_input(self) -> np.ndarray | pd.DataFrame:
        """Return X for an estimator: a DataFrame where columns have names, so that the model learns them."""
        if not self.columns:
            return self.X
        import pandas as pd

        return pd.DataFrame(self.X, columns=list(self.columns), copy=False)
