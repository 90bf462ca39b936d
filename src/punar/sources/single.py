"""One picture or one recording, named by its own file."""

from __future__ import annotations

from pathlib import Path

from punar.errors import DataError
from punar.sources._found import FoundFiles
from punar.sources._kinds import ITEM_KINDS, SUFFIXES
from punar.sources._source import Request, Source

_ONE = {"vision": "picture", "audio": "recording"}


class Single(Source):
    """A file that is one item: a picture or a recording. Its folder says nothing of its label."""

    def takes(self, path: Path) -> bool:
        """Return whether it is a file with the suffix of a picture or a recording."""
        return _kind(path) is not None and path.is_file()

    def read(self, path: Path, request: Request) -> FoundFiles:
        """Return the file alone.

        Raises
        ------
        DataError
            ``request.kind`` asks for items of another kind.
        """
        kind = _kind(path)
        assert kind is not None
        if request.kind not in (None, kind):
            wanted = ITEM_KINDS.get(request.kind, request.kind)
            raise DataError(
                f"{path}: {wanted} are needed here, and this is a {_ONE[kind]}. Name data like the model's."
            )
        return FoundFiles(kind, [path])


def _kind(path: Path) -> str | None:
    return next((kind for kind, suffixes in SUFFIXES.items() if path.suffix.lower() in suffixes), None)
