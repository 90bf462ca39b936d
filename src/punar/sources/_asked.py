"""What a person named -> the source that reads it. A folder's listing is the registry; own sources come first."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from punar.core.plugins import member, members
from punar.data.decode import kind_of_file
from punar.errors import DataError, ParameterError, ParameterTypeError, PunarError, shown, suggest
from punar.sources._found import Found, FoundItems
from punar.sources._source import Request, Source

STRUCTURED = ("masks", "boxes", "answers", "texts")
FORMS = ("classes", "amounts", "sets", "sequences", *STRUCTURED, "none")
_BESIDE = {
    "masks": "a folder of pictures and one of masks, or a picture and its mask,",
    "boxes": "a folder of pictures, and a COCO json file or a folder of xml or txt files,",
    "texts": "two files of lines that belong together, or recordings and a csv or tsv file with a column of files and "
    "one of texts,",
}
_ELSEWHERE = {
    ".xls": "Save the sheet as 'CSV UTF-8'.",
    ".ods": "Save the sheet as csv in UTF-8.",
    ".gz": "Only .csv.gz and .tsv.gz are read packed; unpack others first.",
    ".zip": "Unpack it first.",
    ".tar": "Unpack it first.",
    ".yaml": "Of a YOLO data set name the folder that the images and labels lie in.",
    ".yml": "Of a YOLO data set name the folder that the images and labels lie in.",
    ".pkl": "A pickle can run anything and is never read; save it as csv, parquet or npz.",
    ".pickle": "A pickle can run anything and is never read; save it as csv, parquet or npz.",
}


@dataclass(frozen=True)
class Asked:
    """What a person named, and who reads it.

    Attributes
    ----------
    source : Source
    path : Path
    where : str
        For messages.
    built_in : bool
        Whether it is one of the source's own names and no path.
    """

    source: Source
    path: Path
    where: str
    built_in: bool = False

    @property
    def name(self) -> str:
        """Short, for titles and file names."""
        if self.built_in:
            return self.where
        return (self.path.resolve().name or "data") if self.path.is_dir() else self.path.stem

    def read(self, request: Request) -> Found:
        """Return what is there; see :meth:`Source.read`.

        Raises
        ------
        DataError
            It cannot be read.
        ParameterError
            An option that the format does not know.
        """
        for option in ("header", "key", "target_path", *(("root", "target") if self.source.forms else ())):
            if getattr(request, option) is not None and option not in self.source.options:
                raise ParameterError(f"{option} cannot be used with {self.where}. Leave it out.")
        name = type(self.source).__name__
        try:
            found = self.source.read(self.path, request)
        except (PunarError, OSError, MemoryError):
            raise
        except Exception as error:
            if type(self.source).__module__.startswith("punar."):
                raise
            # A person's own source may raise anything; which file it was is known here only.
            raise DataError(f"{self.where}: {name} cannot read it ({type(error).__name__}: {error}).") from error
        return _checked(found, self.where, name)

    def naming_files(self) -> AbstractContextManager[None]:
        """Return a context that turns what the system raises into a :class:`DataError` that names the file."""
        return nullcontext() if self.built_in else _naming(self.where)


def _checked(found: Any, where: str, name: str) -> Found:
    kinds = get_args(Found)
    if not isinstance(found, kinds):
        known = ", ".join(kind.__name__ for kind in kinds)
        raise ParameterTypeError(f"{where}: {name}.read must return one of {known}, got {shown(found)}.")
    if isinstance(found, FoundItems):
        if not len(found.items):
            raise DataError(f"{where}: there is no item in it; at least one is needed.")
        for what in (found.targets, found.names or None):
            if what is not None and len(what) != len(found.items):
                raise DataError(f"{where}: {name} found {len(found.items)} items, but {len(what)} targets or names.")
        if found.lines and not _are_lines(found.names, found.lines):
            raise DataError(
                f"{where}: {name} found items in {found.lines:,} lines, so their names must be numbers of lines from "
                f"0, each once, got {shown(found.names)}."
            )
    return found


def _are_lines(names: Sequence[str], lines: int) -> bool:
    return len(set(names)) == len(names) > 0 and all(n.isdecimal() and int(n) < lines for n in names)


@contextmanager
def _naming(where: str) -> Iterator[None]:
    try:
        yield
    except PunarError:
        raise
    except PermissionError as error:
        raise DataError(f"{error.filename or where}: it may not be read by you (permission denied).") from None
    except OSError as error:
        raise DataError(f"{shown(where)}: the system cannot read it ({error.strerror or error}).") from None


def look_up(
    source: str | os.PathLike[str],
    parts: Iterable[object] = (),
    *,
    form: str | None = None,
    target_path: str | None = None,
) -> Asked:
    """Return who reads what ``source`` names.

    Parameters
    ----------
    source : str or path
        Text that is a built-in name is the built-in set, unless written with a suffix or a separator (``./iris``).
    parts : iterable
        Sources of a person's own, objects or classes, which are asked first; other parts are passed over.
    form : str or None, default=None
        Of the targets: sources that are for other forms alone are not asked.
    target_path : str or None, default=None
        Where the targets lie, apart from the items.

    Raises
    ------
    DataError
        There is no such thing, or no source takes it.
    """
    text = os.fspath(source)
    listed = sorted(_listed(), key=lambda each: not each.forms)
    asked = [each for each in [*_own(parts), *listed] if not each.forms or form in each.forms]
    with _naming(text):
        if target_path is not None:
            return _apart(Path(text), Path(target_path), asked, form)
        return _look_up(source, text, asked)


def _apart(path: Path, target_path: Path, sources: Sequence[Source], form: str | None) -> Asked:
    """Return who reads items whose targets lie elsewhere."""
    for each in (path, target_path):
        if not each.exists():
            raise _unknown(str(each), sources)
    for source in sources:
        if source.takes_with(path, target_path):
            return Asked(source, path, str(path))
    wanted = _BESIDE.get(str(form), "data whose targets lie in another file or folder")
    raise DataError(f"{path} and {target_path}: {wanted} are needed, and these two are not that.")


def _look_up(source: str | os.PathLike[str], text: str, sources: Sequence[Source]) -> Asked:
    if not text:
        raise DataError(f"The data's name is empty. Name a built-in set ({_names(sources)}) or a path.")
    if isinstance(source, str):
        for each in sources:
            if text in each.names():
                return Asked(each, Path(text), text, built_in=True)
    path = Path(text)
    if not path.exists():
        raise _unknown(text, sources)
    for each in sources:
        if each.takes(path):
            return Asked(each, path, str(path))
    if not path.is_file():
        what = kind_of_file(path.stat().st_mode)
        raise DataError(f"{path}: it is {what}, neither a file nor a folder. Save what comes from it to a file first.")
    suffix = path.suffix.lower()
    known = dict.fromkeys(s for each in sources for s in each.suffixes)
    raise DataError(
        f"{path}: files must end in {', '.join(known)}, got {shown(suffix) if suffix else 'no suffix'}. "
        f"{_ELSEWHERE.get(suffix, 'Convert it to one of these.')}"
    )


def _listed() -> list[Source]:
    found: list[Source] = [member("sources", name)() for name in members("sources")]
    return sorted(found, key=lambda each: each.fallback)


def _own(parts: Iterable[object]) -> Iterator[Source]:
    if isinstance(parts, (str, type, Source)):
        raise ParameterTypeError(f"parts must be a list of sources or classes of them, got {shown(parts)}.")
    for part in parts:
        if isinstance(part, Source):
            yield part
        elif isinstance(part, type) and issubclass(part, Source) and not inspect.isabstract(part):
            try:
                yield part()
            except TypeError as error:
                raise ParameterTypeError(
                    f"parts: {part.__name__} cannot be made without settings ({error}). Pass an object of it."
                ) from None


def _names(sources: Sequence[Source]) -> str:
    return ", ".join(name for each in sources for name in each.names())


def _unknown(text: str, sources: Sequence[Source]) -> DataError:
    names = [name for each in sources for name in each.names()]
    if not Path(text).suffix and not any(s in text for s in (os.sep, os.altsep or os.sep)):
        return DataError(
            f"{shown(text)} is not a built-in data set.{suggest(text, names)} There are: {', '.join(names)}. There is "
            "no file or folder of this name either."
        )
    parent = Path(text).parent
    near = [p.name for p in parent.iterdir()] if parent.is_dir() else []
    return DataError(
        f"{text}: there is no such file or folder.{suggest(Path(text).name, near)} Built-in data sets are: "
        f"{', '.join(names)}."
    )


def refuse(given: dict[str, Any], where: str, what: str) -> None:
    """Raise for the first option that was given and does not belong.

    Raises
    ------
    ParameterError
    """
    for name, value in given.items():
        if value is not None and value != ():
            raise ParameterError(f"{name} cannot be used with {where}, which is {what}. Leave it out.")


def check_one_of(name: str, value: str | None, known: Iterable[str]) -> None:
    """Raise where a setting is neither None nor known.

    Raises
    ------
    ParameterError
    """
    options = list(known)
    if value is not None and value not in options:
        raise ParameterError(
            f"{name} must be one of {', '.join(options)}, got {shown(value)}.{suggest(value, options)}"
        )
