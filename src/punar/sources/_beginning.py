"""How files begin that are often misnamed, so that a message can say what they are."""

from __future__ import annotations

from pathlib import Path

from punar.errors import DataError, shown

_BEGINNINGS = (
    (b"PK\x03\x04", "a zip archive (an .xlsx workbook and a .npz file are such)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PAR1", "a parquet file"),
    (b"\x93NUMPY", "a npy array"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "a SQLite database"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
)


def check_beginning(path: Path, own: bytes | None = None) -> None:
    """Raise where a file is empty, or plainly another format than its name says.

    Parameters
    ----------
    path : Path
    own : bytes or None, default=None
        How such a file must begin; None for text, which may begin with anything that is no other format.

    Raises
    ------
    DataError
    """
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        head = file.read(16)
    if not head:
        raise DataError(f"{path}: the file is empty.")
    if own is not None and head.startswith(own):
        return
    what = next((text for start, text in _BEGINNINGS if head.startswith(start)), None)
    if what is not None:
        raise DataError(
            f"{path}: by its content this is {what}, not a {suffix} file. Give it the right name or format."
        )
    if own is not None:
        raise DataError(f"{path}: this is not a {suffix} file; it begins with {shown(head[:8])}.")
