"""The contract between what a user has (paths, arrays, texts, recordings) and what a pretrained network reads.

A preparation is a frozen dataclass of input facts. It turns one item into a small tensor, once, and groups prepared
items into batches. It never sees a model; a backbone says which facts it needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

from torch import Tensor

from punar.core.runtime import available_cores
from punar.data.decode import BadItem
from punar.errors import DataError
from punar.preparations._reading import read_facts
from punar.preparations._sample import Sample

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Preparation(ABC):
    """Input facts of a backbone, and how items are brought to them.

    Attributes
    ----------
    domain : {"vision", "text", "audio", "series", "table", "history"}
    several : bool, default=False
        Whether one item may give several samples, as a text longer than the network's input does.
    """

    domain: ClassVar[str]
    several: ClassVar[bool] = False

    @abstractmethod
    def check(self, X: Any, where: str) -> Sequence[Any]:
        """Return ``X`` as a sequence of items without reading them.

        Raises
        ------
        DataError, DataTypeError
            X is empty, or its items cannot be this domain's; the message names the first that cannot and the rule.
        """

    def loaded(self, item: Any) -> Any:
        """Return the item with its file, where it has one, read into memory: ``content`` and ``prepare`` take it too.

        Who needs both then reads the file once.

        Raises
        ------
        BadItem
            It cannot be read.
        """
        return item

    @abstractmethod
    def content(self, item: Any) -> bytes:
        """Return the bytes that stand for an item (a file's content, an array's numbers); equal bytes, equal input.

        Raises
        ------
        BadItem
            It cannot be read.
        """

    @abstractmethod
    def prepare(self, item: Any) -> Tensor:
        """Return one item brought to the facts: uint8 (c, h, w), int64 token ids (t,) or float32 samples (t,).

        Raises
        ------
        BadItem
            It cannot be decoded.
        """

    def cuts(self, item: Any) -> bool:
        """Return whether :meth:`prepare` leaves out the end of an item, because the network reads no more."""
        return False

    def samples(self, item: Any) -> list[Sample]:
        """Return the pieces in which the network reads an item, with the way back to its coordinates; one at least.

        The first one's tensor is what :meth:`prepare` gives.

        Raises
        ------
        BadItem
            It cannot be decoded.
        """
        return [Sample(self.prepare(item), None)]

    def bucket(self, prepared: Tensor) -> int:
        """Return the padded length of an item: items of one bucket share batches. Depends on the item alone."""
        return 0

    @abstractmethod
    def collate(self, prepared: Sequence[Tensor], bucket: int) -> Batch:
        """Return a batch of prepared items of one bucket: named tensors whose first axis is the item."""

    @abstractmethod
    def blank(self, bucket: int) -> Tensor:
        """Return a prepared item of zeros in this bucket, for finding out shapes."""

    def name(self, item: Any, index: int) -> str:
        """Return how to call an item in messages: its path where it is one, else its number."""
        from os import PathLike, fspath

        return fspath(item) if isinstance(item, (str, PathLike)) and self.domain != "text" else f"item {index}"

    def targets(self, X: Any, y: Any, where: str) -> Any:
        """Return ``y`` in the order of the items that :meth:`check` makes of ``X``."""
        return y

    def facts(self) -> dict[str, Any]:
        """Return the facts as JSON values; tuples become lists. A class outside punar adds its name, as "part"."""
        found = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()} | {"domain": self.domain}
        own = type(self).__module__.partition(".")[0] != __name__.partition(".")[0]
        return found | {"part": type(self).__name__} if own else found

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """Rebuild from untrusted facts, which :meth:`facts` may have given.

        Types and bounds stand at the dataclass's fields: ``width: Annotated[int, msgspec.Meta(ge=1)]``.

        Raises
        ------
        ValueError
            A field is missing, or its value has another type or breaks a rule; the message names field, rule and value.
        """
        return read_facts(cls, facts)


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Turn :class:`BadItem` into a :class:`DataError` that begins with ``where``."""
    try:
        yield
    except BadItem as error:
        raise DataError(f"{where}: {error}") from None


def prepare_all(preparation: Preparation, items: Sequence[Any], where: str) -> list[Tensor]:
    """Return every item prepared.

    Raises
    ------
    DataError
        The first that cannot be, by name.
    """

    def one(i: int) -> Tensor:
        try:
            return preparation.prepare(items[i])
        except BadItem as error:
            raise DataError(f"{where}: {preparation.name(items[i], i)}: {error}.") from None

    if preparation.domain != "audio":
        return [one(i) for i in range(len(items))]
    with ThreadPoolExecutor(available_cores()) as pool:
        return list(pool.map(one, range(len(items))))
