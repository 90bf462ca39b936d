"""Tables, pictures and items of a pretrained network as rows of numbers, learned once and read alike ever after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np

from punar.data import inputs
from punar.errors import DamagedModelError, DataError
from punar.estimators.feature_extractor import FeatureExtractor
from punar.preparations import mixed
from punar.preparations.mixed import MixedTable
from punar.stored import convert, refuse_table


class VectorFacts(msgspec.Struct, frozen=True):
    """What :class:`Vectors` keeps in files."""

    kind: Literal["table", "images", "features"]
    shape: list[int]
    table: MixedTable | None = None
    network: str = ""


@dataclass
class Vectors:
    """How a user's rows become numbers.

    Parameters
    ----------
    kind : {"table", "images", "features"}
        "features" are those of a pretrained network.
    shape : tuple of int
        Of one row, as the user passed it; of features their number.
    table : MixedTable, optional
        How a frame's columns become numbers, where they are not numbers alone.
    extractor : FeatureExtractor, optional
    """

    kind: str
    shape: tuple[int, ...]
    table: MixedTable | None = None
    extractor: FeatureExtractor | None = None

    @classmethod
    def of(cls, estimator: Any, X: Any, where: str) -> tuple[Vectors, np.ndarray]:
        """Return how ``X`` is read, and its rows, float64 (n, numbers)."""
        if estimator.backbone is not None:
            extractor = extractor_of(estimator)
            found = cls("features", (0,), extractor=extractor)
            rows = found.read(estimator, X, where)
            found.shape = rows.shape[1:]
            return found, rows
        if mixed.is_mixed(X):
            table = mixed.learn_table(X, where)
            estimator.n_features_in_ = len(table.columns)
            return cls("table", (table.width,), table), table.encode(X, where).astype(np.float64)
        X = inputs.whole(X, where, sequences=False)
        if inputs.read_kind(X, None, None) == "images":
            pixels, layout = inputs.read_pictures(X, where)
            vars(estimator).pop("feature_names_in_", None)
            estimator.n_features_in_ = layout.size
            return cls("images", layout.user_shape), _flat(layout.to_user(pixels))
        table_rows, layout = inputs.read_table(estimator, X, where, reset=True)
        return cls("table", layout.user_shape), table_rows.double().numpy()

    def read(self, estimator: Any, X: Any, where: str) -> np.ndarray:
        """Return rows like those of the fit, float64 (n, numbers).

        Raises
        ------
        DataError
            They have another form.
        """
        if self.extractor is not None:
            return self.extractor.transform(X).astype(np.float64)
        if self.table is not None:
            return self.table.encode(X, where).astype(np.float64)
        X = inputs.whole(X, where, sequences=False)
        if inputs.read_kind(X, None, None) != self.kind:
            raise DataError(f"{where}: X must be {self._said()}, as in the fit. Pass rows of that form.")
        if self.kind == "table":
            return inputs.read_table(estimator, X, where, reset=False)[0].double().numpy()
        pixels, layout = inputs.read_pictures(X, where)
        if layout.user_shape != self.shape:
            raise DataError(
                f"{where}: X has pictures of shape {layout.user_shape}, but the fit had {self.shape}. Bring them to "
                "that size."
            )
        return _flat(layout.to_user(pixels))

    def _said(self) -> str:
        return "a table (n, features)" if self.kind == "table" else f"pictures of shape {self.shape}"

    @property
    def columns(self) -> np.ndarray | None:
        """For each number, which column of a mixed table it belongs to."""
        if self.table is None:
            return None
        return np.repeat(np.arange(len(self.table.columns)), [c.kind.width for c in self.table.columns])

    def facts(self) -> dict[str, Any]:
        """Return JSON values for :meth:`from_facts`."""
        network = "" if self.extractor is None else self.extractor.body_.hash
        facts = VectorFacts(self.kind, list(self.shape), self.table, network)  # type: ignore[arg-type]
        found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(facts))
        return found

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any], estimator: Any, where: str) -> Vectors:
        """Return the same from untrusted facts.

        Raises
        ------
        DamagedModelError
            They are not such, or the pretrained network on this machine has other weights.
        """
        found = convert(facts, VectorFacts, where, "rows")
        if not found.shape or not all(0 < side <= 2**28 for side in found.shape):
            raise DamagedModelError(f"{where}: rows must have sides, found {found.shape}.")
        if (found.kind == "features") != (estimator.backbone is not None):
            raise DamagedModelError(
                f"{where}: rows of kind {found.kind!r} do not go with backbone={estimator.backbone!r}."
            )
        refuse_table(found.table, found.shape[0] if found.kind == "table" else 0, where)
        if found.kind != "features":
            return cls(found.kind, tuple(found.shape), found.table)
        extractor = extractor_of(estimator)
        if extractor.body_.hash != found.network:
            raise DamagedModelError(
                f"{where}: the model was fitted on features of {estimator.backbone!r} with other weights than those on "
                "this machine. Fit it again, or get the weights that it was fitted with."
            )
        return cls("features", tuple(found.shape), extractor=extractor)


def extractor_of(estimator: Any) -> FeatureExtractor:
    """Return the loaded network whose features are judged."""
    return FeatureExtractor(
        estimator.backbone, cache=estimator.cache, device=estimator.device, verbose=estimator.verbose
    ).fit()


def _flat(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(len(pixels), -1).astype(np.float64)
