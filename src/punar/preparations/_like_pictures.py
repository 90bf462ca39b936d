"""What preparations of pictures share that differ in how a picture comes to lie on the network's input."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor

from punar.preparations._preparation import Batch, Preparation
from punar.preparations.pictures import Pictures


class LikePictures(Preparation):
    """A preparation that takes what :class:`punar.preparations.pictures.Pictures` takes, and gives such batches."""

    domain: ClassVar[str] = "vision"

    @property
    @abstractmethod
    def _pictures(self) -> Pictures:
        """Pictures of the network's size and colours."""

    def check(self, X: Any, where: str) -> Sequence[Any]:
        """Return paths, PIL images or arrays as a sequence; see :class:`Preparation`."""
        return self._pictures.check(X, where)

    def loaded(self, item: Any) -> Any:
        """Return the bytes of a path's file; see :class:`Preparation`."""
        return self._pictures.loaded(item)

    def content(self, item: Any) -> bytes:
        """Return a file's bytes, or shape, type and numbers of an array."""
        return self._pictures.content(item)

    def prepare(self, item: Any) -> Tensor:
        """Return uint8 (channels, height, width) as the network reads it; of several samples the first."""
        return self.samples(item)[0].tensor

    def collate(self, prepared: Sequence[Tensor], bucket: int = 0) -> Batch:
        """Return {"pixels": float32 (n, channels, height, width)}, normalised."""
        return self._pictures.collate(prepared)

    def blank(self, bucket: int = 0) -> Tensor:
        """Return a black picture."""
        return self._pictures.blank()

    def normalise(self, pixels: Tensor) -> Tensor:
        """Return uint8 pixels (n, c, h, w) as the network wants them, float32."""
        return self._pictures.normalise(pixels)
