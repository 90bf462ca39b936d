"""Files that commands write: checked before the work begins, and either whole or not there."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from punar.errors import MissingExtraError, ModelFolderError, ParameterError, shown
from punar.texts import layouts

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ROWS = (".csv", ".tsv", ".parquet", ".npy")


def check_file(path: Path, suffixes: Sequence[str], option: str, *, may_replace: bool) -> None:
    """Raise before any work is done where ``path`` cannot be written.

    Parameters
    ----------
    path : Path
    suffixes : sequence of str
        What it may end in.
    option : str
        For messages, such as ``"--out"``.
    may_replace : bool
        Whether a file that stands there may be lost.

    Raises
    ------
    ParameterError
        Wrong suffix, no such folder, not writable, or something is there already.
    MissingExtraError
        A parquet file, and pyarrow is not installed.
    """
    if path.suffix.lower() not in suffixes:
        raise ParameterError(f"{option} must end in {', '.join(suffixes)}, got {shown(str(path))}.")
    if path.suffix.lower() == ".parquet":
        try:
            import pyarrow  # type: ignore[import-untyped]  # noqa: F401
        except ImportError:
            raise MissingExtraError(
                f"{option} {path}: writing parquet needs pyarrow. Run: pip install 'punar[table]'"
            ) from None
    _check_parent(path, option)
    if path.is_dir():
        raise ParameterError(f"{option} {path} is a folder; give the name of a file.")
    if path.exists() and not may_replace:
        raise ParameterError(f"{option} {path} exists already. Choose another name, or say --force to replace it.")


def check_model_folder(path: Path, *, may_replace: bool) -> None:
    """Raise before a fit where the model could not be saved, or would replace something.

    Raises
    ------
    ModelFolderError
        Something other than a punar model is there.
    ParameterError
        A model is there and ``may_replace`` is false, or the folder cannot be made.
    """
    _check_parent(path, "--out")
    if path.is_dir() and not any(path.iterdir()):
        return
    if path.is_dir() and (path / "config.json").is_file() and (path / "model.safetensors").is_file():
        if not may_replace:
            raise ParameterError(
                f"--out {path} holds a model already. Choose another name, or say --force to replace it."
            )
    elif path.exists():
        raise ModelFolderError(
            f"--out {path} exists and is not a model folder; nothing in it is touched. Choose another name."
        )


def check_new_folder(path: Path, option: str) -> None:
    """Raise where ``path`` is not free for a new folder."""
    _check_parent(path, option)
    if path.exists():
        raise ParameterError(f"{option} {path} exists already. Choose another name, or remove it first.")


def _check_parent(path: Path, option: str) -> None:
    parent = path.absolute().parent
    if not parent.is_dir():
        raise ParameterError(f"{option} {path}: the folder {parent} does not exist. Make it first.")
    if not os.access(parent, os.W_OK):
        raise ParameterError(f"{option} {path}: you may not write to {parent}. Choose another folder.")


def write_rows(
    path: Path,
    rows: np.ndarray,
    columns: Sequence[str],
    row_names: Sequence[str],
    row_title: str,
    kept: Mapping[str, Any] | None = None,
) -> None:
    """Write a table of numbers in the format of the path's suffix.

    Parameters
    ----------
    path : Path
    rows : ndarray of shape (n, d)
    columns : sequence of d str
    row_names : sequence of n str, or empty
        A first column in text and parquet files; npy holds numbers only.
    row_title : str
        The name of that column.
    kept : mapping of str to sequence of n values, optional
        Columns that stand before it.

    Raises
    ------
    ParameterError
        Columns to keep, and an npy file.
    """
    import pandas as pd

    if path.suffix.lower() == ".npy":
        if kept:
            raise ParameterError(layouts.KEEP_TABLES.format(out=path))
        write_arrays(path, rows)
        return
    frame = pd.DataFrame(rows, columns=list(columns))
    if row_names and row_title not in (kept or ()):
        frame.insert(0, row_title, [_encodable(name) for name in row_names], allow_duplicates=True)
    for at, (name, values) in enumerate((kept or {}).items()):
        frame.insert(at, name, values, allow_duplicates=True)
    _write_frame(path, frame)


def write_frame(path: Path, columns: Mapping[str, Any]) -> None:
    """Write named columns as text or parquet, by the path's suffix."""
    import pandas as pd

    _write_frame(path, pd.DataFrame(_all_encodable(columns)))


def frame_text(columns: Mapping[str, Any]) -> str:
    """Return named columns as csv."""
    import pandas as pd

    return _text_of(pd.DataFrame(_all_encodable(columns)), ",")


def write_text(path: Path, text: str) -> None:
    """Write text in UTF-8."""
    # Names of files need not be UTF-8; what no text can hold is written as \udc80, and not lost with all else.
    write_bytes(path, text.encode(errors="backslashreplace"))


def _text_of(frame: pd.DataFrame, separator: str) -> str:
    return frame.to_csv(index=False, sep=separator, lineterminator="\n")


def _write_frame(path: Path, frame: pd.DataFrame) -> None:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        buffer = io.BytesIO()
        frame.to_parquet(buffer, engine="pyarrow", index=False)
        write_bytes(path, buffer.getvalue())
        return
    write_text(path, _text_of(frame, "\t" if suffix == ".tsv" else ","))


def _all_encodable(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns in which no text keeps pandas from making a table of them."""
    import numpy as np

    def clean(values: Any) -> Any:
        if not isinstance(values, np.ndarray) or values.dtype.kind != "O":
            return values
        return np.array([_encodable(v) for v in values], dtype=object)

    return {_encodable(name): clean(values) for name, values in columns.items()}


def _encodable(value: Any) -> Any:
    """Return a text as UTF-8 can hold it; anything else as it is."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def write_arrays(path: Path, X: np.ndarray, **others: np.ndarray) -> None:
    """Write one array as npy, or X and others as npz."""
    import numpy as np

    buffer = io.BytesIO()
    if path.suffix.lower() == ".npy":
        np.save(buffer, X, allow_pickle=False)
    else:
        np.savez(buffer, X=X, **others)  # type: ignore[arg-type]
    write_bytes(path, buffer.getvalue())


def write_pictures(folder: Path, X: np.ndarray, row_names: Sequence[str], *, top: float) -> None:
    """Write pictures as PNG files into a new folder, under their old names.

    Parameters
    ----------
    folder : Path
        Must not exist.
    X : ndarray of shape (n, h, w) or (n, h, w, c)
    row_names : sequence of n str, or empty
        Relative paths; numbers are used without them.
    top : float
        The value that is white: 255 or 1.
    """
    import shutil

    import numpy as np
    from PIL import Image

    pixels = np.clip(np.round(X.astype(np.float64) * (255 / top)), 0, 255).astype(np.uint8)
    if pixels.ndim == 4 and pixels.shape[3] == 1:
        pixels = pixels[..., 0]
    digits = len(str(len(pixels)))
    names = [Path(n).with_suffix(".png") for n in row_names] or [Path(f"{i:0{digits}}.png") for i in range(len(pixels))]
    taken: set[Path] = set()
    temporary = folder.absolute().with_name(f".{folder.name}.new-{os.getpid()}")
    temporary.mkdir()
    try:
        for name, picture in zip(names, pixels, strict=True):
            while name in taken:
                name = name.with_stem(name.stem + "-2")
            taken.add(name)
            target = temporary / name
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(target)
        os.rename(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    from punar.core.files import write_atomic

    write_atomic(path, data)
