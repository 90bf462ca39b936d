"""Audio files into samples: soundfile where it is installed, plain wav files without it."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from punar.data.preparation import BadItem
from punar.errors import MissingExtraError

MOST_SECONDS = 3600


def read_audio(path: Path) -> tuple[np.ndarray, int]:
    """Return a file's samples, (t,) or (t, channels), as floats in [-1, 1] or integers of full scale, and their rate.

    Raises
    ------
    BadItem
        Not audio, damaged, empty, or longer than an hour.
    MissingExtraError
        It is no wav file, and soundfile is not installed.
    """
    if find_spec("soundfile") is not None:
        return _with_soundfile(path)
    if path.suffix.lower() not in (".wav", ".wave"):
        raise MissingExtraError(f"{path}: files other than wav need the package soundfile: pip install 'punar[audio]'")
    return _with_scipy(path)


def read_rate(path: Path) -> int:
    """Return a file's samples per second, from its header where the reader allows it.

    Raises
    ------
    BadItem, MissingExtraError
        As :func:`read_audio`.
    """
    if find_spec("soundfile") is None:
        return read_audio(path)[1]
    import soundfile

    try:
        return int(soundfile.info(str(path)).samplerate)
    except (soundfile.LibsndfileError, RuntimeError, OSError, ValueError, TypeError) as error:
        raise BadItem(f"it cannot be decoded as audio ({_reason(error)})") from None


def _with_soundfile(path: Path) -> tuple[np.ndarray, int]:
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as file:
            # Before anything is decoded: a few kilobytes of flac may hold days of silence.
            if file.frames > MOST_SECONDS * file.samplerate:
                raise BadItem(
                    f"it lasts {file.frames / file.samplerate:.0f} s; recordings may last {MOST_SECONDS} s. "
                    "Cut it into parts"
                )
            return file.read(dtype="float32"), int(file.samplerate)
    except (soundfile.LibsndfileError, RuntimeError, OSError, ValueError, TypeError, MemoryError) as error:
        raise BadItem(f"it cannot be decoded as audio ({_reason(error)})") from None


def _with_scipy(path: Path) -> tuple[np.ndarray, int]:
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks that hold no samples
            rate, samples = wavfile.read(path)
    # a damaged header ends in any of struct's and numpy's errors
    except Exception as error:
        raise BadItem(f"it cannot be decoded as audio ({_reason(error)})") from None
    return samples, int(rate)


def _reason(error: Exception) -> str:
    return str(error).rstrip(". ").splitlines()[0][:200] if str(error) else type(error).__name__
