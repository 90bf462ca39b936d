"""The opening of picture and sound files, for everything that reads them: what is damaged says why."""

from __future__ import annotations

import os
import stat
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from punar.errors import MissingExtraError

PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
# What soundfile reads, and at the end what it does not: those are recordings too, and their owners are told so.
_UNREAD = (".m4a", ".aac", ".wma", ".amr", ".mp4", ".webm")
SOUNDS = (
    *(".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf"),
    *(".w64", ".rf64", ".voc", ".sph"),
    *_UNREAD,
)
MOST_SECONDS = 3600
# Of samples per second: slower is no sound, and from a false header faster takes all memory when it is resampled.
RATES = (1_000, 384_000)
# Named, because Pillow would also start other programs (EPS) and follow other files for some formats.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_MOST_PIXELS = 100_000_000


class BadItem(Exception):
    """One item cannot be used; the text is the reason, without the item's name."""


@dataclass(frozen=True, eq=False)
class LoadedFile:
    """A file whose bytes were read, for what would otherwise read it twice: to know it again, and to decode it."""

    path: Path
    data: bytes

    def open(self) -> BytesIO:
        """Return the bytes as an open file."""
        return BytesIO(self.data)


def check_regular(path: str | os.PathLike[str]) -> None:
    """Raise where a path is a named pipe, a socket or a device: who opens one may wait for good.

    Raises
    ------
    BadItem
        It is there, and no file.
    OSError
        It is not there.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        raise BadItem(f"it is {kind_of_file(mode)} and no file")


def kind_of_file(mode: int) -> str:
    """Return what the mode of a path says that it is."""
    kinds = {
        stat.S_ISDIR: "a folder",
        stat.S_ISFIFO: "a named pipe",
        stat.S_ISSOCK: "a socket",
        stat.S_ISCHR: "a device",
        stat.S_ISBLK: "a device",
    }
    return next((name for asked, name in kinds.items() if asked(mode)), "a special file")


def loaded(item: Any) -> Any:
    """Return the file that a path names as a :class:`LoadedFile`, and everything else as it is.

    Raises
    ------
    BadItem
        It cannot be read.
    """
    if not isinstance(item, (str, os.PathLike)):
        return item
    try:
        check_regular(Path(item))
        return LoadedFile(Path(item), Path(item).read_bytes())
    except OSError as error:
        raise BadItem(f"it cannot be read ({error.strerror or error})") from None


def open_picture(path: Path | LoadedFile) -> Image.Image:
    """Return a picture whose header was read, not yet decoded.

    Raises
    ------
    BadItem
        No picture of a known format, or more than 100 million pixels.
    """
    try:
        with warnings.catch_warnings():
            # Our own limit on pixels comes with a reason; broken EXIF tags are no reason to stop.
            warnings.simplefilter("ignore")
            if not isinstance(path, LoadedFile):
                check_regular(path)
            picture = Image.open(path.open() if isinstance(path, LoadedFile) else path, formats=_FORMATS)
    except BadItem:
        raise
    # Pillow's readers raise whatever a damaged file makes them raise: OSError, SyntaxError, struct.error, ...
    except Exception as error:
        raise BadItem(reason_of(error)) from None
    if picture.width * picture.height > _MOST_PIXELS:
        picture.close()
        raise BadItem(f"more than {_MOST_PIXELS:,} pixels")
    return picture


def reason_of(error: Exception) -> str:
    """Return what one of Pillow's exceptions says of a file."""
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {_MOST_PIXELS:,} pixels"
    if isinstance(error, Image.UnidentifiedImageError):
        return "not a picture in a known format"
    return str(error) or type(error).__name__


def upright(picture: Image.Image) -> Image.Image:
    """Return the picture turned as its EXIF tag says."""
    try:
        turned: Image.Image = ImageOps.exif_transpose(picture)
        return turned
    # a damaged EXIF block is not a damaged picture
    except (SyntaxError, KeyError, ValueError, TypeError, AttributeError):
        return picture


def picture_size(path: Path) -> tuple[int, int]:
    """Return height and width after turning, from the header alone.

    Raises
    ------
    BadItem
        As :func:`open_picture`.
    """
    with open_picture(path) as picture:
        try:
            turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        # a damaged EXIF block is not a damaged picture
        except Exception:
            turned = False
        return (picture.width, picture.height) if turned else (picture.height, picture.width)


def to_rgb(picture: Image.Image) -> Image.Image:
    """Return 8-bit RGB: transparency laid on white, deep grey brought to 8 bits.

    Raises
    ------
    BadItem
        Pixels that are not numbers, or out of their range.
    """
    picture.load()
    if picture.mode == "F" or picture.mode.startswith("I"):
        return _deep_grey(picture).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture.convert("RGB")


def _deep_grey(picture: Image.Image) -> Image.Image:
    """Bring 16-bit and float grey to 8 bits; Pillow itself would cut off at 255."""
    values = np.asarray(picture, dtype=np.float64)
    if picture.mode == "F":
        top = 1.0 if values.max() <= 1 else 255.0
    else:
        top = 65535.0
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > top:
        raise BadItem(f"{picture.mode} pixels from {values.min():g} to {values.max():g}; 0 to {top:g} can be read")
    return Image.fromarray(np.round(values * (255 / top)).astype(np.uint8))


def read_audio(path: Path | LoadedFile) -> tuple[np.ndarray, int]:
    """Return a file's samples, (t,) or (t, channels), as floats in [-1, 1] or integers of full scale, and their rate.

    Raises
    ------
    BadItem
        Not audio, damaged, empty, longer than an hour, or of less than 1,000 or more than 384,000 samples per second.
    MissingExtraError
        It is no wav file, and soundfile is not installed.
    """
    name, source = (path.path, path.open()) if isinstance(path, LoadedFile) else (path, str(path))
    whole = find_spec("soundfile") is not None
    if not whole and name.suffix.lower() not in (".wav", ".wave"):
        raise MissingExtraError(f"{name}: files other than wav need the package soundfile: pip install 'punar[audio]'")
    if not isinstance(path, LoadedFile):
        _check_there(path)
    return _with_soundfile(source, name) if whole else _with_scipy(source)


def read_rate(path: Path) -> int:
    """Return a file's samples per second, from its header where the reader allows it.

    Raises
    ------
    BadItem, MissingExtraError
        As :func:`read_audio`.
    """
    _check_there(path)
    if find_spec("soundfile") is None:
        return read_audio(path)[1]
    import soundfile

    try:
        return _checked_rate(int(soundfile.info(str(path)).samplerate))
    except (soundfile.LibsndfileError, RuntimeError, OSError, ValueError, TypeError) as error:
        raise _no_sound(path, error) from None


def _check_there(path: Path) -> None:
    try:
        check_regular(path)
    except OSError as error:
        raise BadItem(f"it cannot be read ({error.strerror or error})") from None


def _checked_rate(rate: int) -> int:
    if not RATES[0] <= rate <= RATES[1]:
        raise BadItem(
            f"its header says {rate:,} samples per second; {RATES[0]:,} to {RATES[1]:,} can be read. Convert it: "
            "ffmpeg -i OLD -ar 16000 NEW.wav"
        )
    return rate


def _no_sound(name: Path, error: Exception) -> BadItem:
    if name.suffix.lower() in _UNREAD:
        return BadItem(
            f"soundfile does not read {name.suffix.lower()}. Convert it: ffmpeg -i {name.name} {name.stem}.wav"
        )
    return BadItem(f"it cannot be decoded as audio ({_reason(error)})")


def read_seconds(path: Path) -> float:
    """Return how long a recording is; of what it holds nothing is decoded where soundfile is installed.

    Raises
    ------
    BadItem, MissingExtraError
        As :func:`read_audio`.
    """
    if find_spec("soundfile") is None:
        samples, rate = read_audio(path)
        return len(samples) / rate
    import soundfile

    try:
        return float(soundfile.info(str(path)).duration)
    except (soundfile.LibsndfileError, RuntimeError, OSError, ValueError, TypeError) as error:
        raise _no_sound(path, error) from None


def _with_soundfile(source: str | BytesIO, name: Path) -> tuple[np.ndarray, int]:
    import soundfile

    try:
        with soundfile.SoundFile(source) as file:
            _checked_rate(int(file.samplerate))
            # Before anything is decoded: a few kilobytes of flac may hold days of silence.
            if file.frames > MOST_SECONDS * file.samplerate:
                raise BadItem(
                    f"it lasts {file.frames / file.samplerate:.0f} s; recordings may last {MOST_SECONDS} s. "
                    "Cut it into parts"
                )
            return file.read(dtype="float32"), int(file.samplerate)
    except (soundfile.LibsndfileError, RuntimeError, OSError, ValueError, TypeError, MemoryError) as error:
        raise _no_sound(name, error) from None


def _with_scipy(source: str | BytesIO) -> tuple[np.ndarray, int]:
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks that hold no samples
            rate, samples = wavfile.read(source)
    # a damaged header ends in any of struct's and numpy's errors
    except Exception as error:
        raise BadItem(f"it cannot be decoded as audio ({_reason(error)})") from None
    return samples, _checked_rate(int(rate))


def _reason(error: Exception) -> str:
    return str(error).rstrip(". ").splitlines()[0][:200] if str(error) else type(error).__name__
