"""Recordings as pretrained networks read them: mono samples at one rate, or their log-mel spectrum."""

from __future__ import annotations

import numbers
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from msgspec import Meta
from torch import Tensor

from punar.data.decode import MOST_SECONDS, RATES, BadItem, LoadedFile, loaded, read_audio, read_seconds
from punar.errors import DataError, DataTypeError, shown
from punar.preparations import _spectrum
from punar.preparations._preparation import Batch, Preparation
from punar.preparations._sample import Sample

_RATES = (1_000, 768_000)
_Samples = Annotated[int, Meta(ge=1, le=MOST_SECONDS * _RATES[1])]
_BATCHED = 50  # frames: recordings that are as long as they are share batches by half seconds
_LOUDEST = 100.0  # float samples are in [-1, 1]; some files overshoot a little, unscaled 16-bit numbers a lot
_FULL_SCALE = {"int16": (0.0, 2.0**15), "int32": (0.0, 2.0**31), "uint8": (128.0, 128.0), "int8": (0.0, 128.0)}


@dataclass(frozen=True)
class Sounds(Preparation):
    """Input facts of an audio network.

    An item is the path of a wav, flac, mp3, ogg, opus or aiff file, or another that soundfile reads; an array of
    samples at ``rate``; a pair (samples, their rate), or a dict of both, as Hugging Face's datasets have it. Samples
    are (t,) or (t, channels): floats in [-1, 1] or integers of full scale. Channels are averaged.

    Parameters
    ----------
    rate : int, default=16000
        Samples per second that the network was trained on; other rates are resampled.
    kind : {"samples", "log_mel"}
        What the network reads.
    n_mels, n_fft, hop : int
        Of the log-mel spectrum: bands, window length and step in samples.
    seconds : float or None
        Longer recordings are cut here. "log_mel" also pads shorter ones to it.
    normalise : bool
        Whether every recording is brought to mean 0 and variance 1.
    multiple : int
        Lengths are padded with zeros to a multiple of this many samples. 1 for networks whose first layers look at
        the whole recording, padding included: recordings then share a batch only if they are equally long.
    shortest : int
        Samples that the network needs at least; shorter recordings get silence after them, and it is heard.
    windows : bool
        Whether longer recordings give several samples of at most ``seconds``, cut where they are quiet, in place of
        being cut off.
    silence : float or None
        Seconds of silence after a recording that "log_mel" does not pad to ``seconds``; None pads it.
    """

    rate: Annotated[int, Meta(ge=_RATES[0], le=_RATES[1])] = 16_000
    kind: Annotated[str, Meta(pattern=r"^(samples|log_mel)\Z")] = "samples"
    n_mels: Annotated[int, Meta(ge=1, le=1024)] = 80
    n_fft: Annotated[int, Meta(ge=2, le=2**16)] = 400
    hop: Annotated[int, Meta(ge=1, le=2**16)] = 160
    seconds: Annotated[float, Meta(gt=0, le=MOST_SECONDS)] | None = None
    normalise: bool = False
    multiple: _Samples = 1_600
    shortest: _Samples = 1
    windows: bool = False
    silence: Annotated[float, Meta(ge=0, le=MOST_SECONDS)] | None = None

    domain: ClassVar[str] = "audio"

    @property
    def several(self) -> bool:  # type: ignore[override]
        """Whether a recording may give several samples."""
        return self.windows

    def check(self, X: Any, where: str) -> Sequence[Any]:
        """Return paths, arrays or pairs as a list; see :class:`Preparation`."""
        if isinstance(X, (str, os.PathLike)):
            raise DataTypeError(f"{where}: X must be a list of recordings, got one path: pass a list, [X].")
        if _is_pair(X):
            raise DataTypeError(f"{where}: X must be a list of recordings, got one (samples, rate): pass a list, [X].")
        if isinstance(X, torch.Tensor):
            X = X.numpy(force=True)
        if hasattr(X, "columns") or not (hasattr(X, "__len__") and hasattr(X, "__iter__")):
            raise DataTypeError(
                f"{where}: X must be a list of paths, sample arrays or pairs (samples, rate), got {type(X).__name__}."
            )
        if isinstance(X, np.ndarray) and X.dtype.kind not in "OU" and X.ndim != 2:
            raise DataError(
                f"{where}: recordings of one length must be an array (n, samples), got shape {X.shape}. "
                "Pass one recording as [X]."
            )
        items = [_as_pair(item) for item in X]
        if not items:
            raise DataError(f"{where}: Found X with 0 sample(s) while a minimum of 1 is required.")
        for i, item in enumerate(items):
            self._check_item(item, f"{where}: X[{i}]")
        return items

    def loaded(self, item: Any) -> Any:
        """Return the bytes of a path's file; see :class:`Preparation`."""
        return loaded(item)

    def content(self, item: Any) -> bytes:
        """Return a file's bytes, or rate, shape, type and numbers of an array."""
        item = loaded(item)
        if isinstance(item, LoadedFile):
            return item.data
        samples, rate = self._parts(item)
        samples = np.ascontiguousarray(samples)
        return f"{rate}{samples.shape}{samples.dtype}".encode() + samples.tobytes()

    def prepare(self, item: Any) -> Tensor:
        """Return float32 samples (t,) at ``rate``, t >= 1."""
        wave = self._wave(item)
        if self.windows and self.seconds is not None:
            wave = wave[: quiet_cuts(wave, self.rate, self.seconds)[0]]
        elif self.seconds is not None:
            wave = wave[: round(self.seconds * self.rate)]
        return self._finished(wave)

    def _wave(self, item: Any) -> np.ndarray:
        if isinstance(item, (str, os.PathLike, LoadedFile)):
            samples, rate = read_audio(item if isinstance(item, LoadedFile) else Path(item))
        else:
            samples, rate = self._parts(item)
        return mono(samples, rate, self.rate)

    def _finished(self, wave: np.ndarray) -> Tensor:
        if self.normalise:
            wave = (wave - wave.mean()) / np.sqrt(wave.var() + 1e-7)
        return torch.from_numpy(np.array(wave, dtype=np.float32))

    def cuts(self, item: Any) -> bool:
        """Return whether the recording is longer than ``seconds``, and what follows is not heard."""
        return (
            not self.windows
            and self.seconds is not None
            and round(self.seconds * self.rate) < round(self.duration(item) * self.rate)
        )

    def duration(self, item: Any) -> float:
        """Return the seconds of a recording.

        Raises
        ------
        BadItem
            The file cannot be read.
        """
        if isinstance(item, (str, os.PathLike)):
            return read_seconds(Path(item))
        samples, rate = self._parts(item)
        return len(samples) / rate

    def samples(self, item: Any) -> list[Sample]:
        """Return the recording with its seconds per sample; a window also with the seconds where it begins and ends."""
        each = 1.0 / self.rate
        if not self.windows or self.seconds is None:
            return [Sample(self.prepare(item), torch.tensor([each], dtype=torch.float64))]
        wave, begin, found = self._wave(item), 0, []
        for end in quiet_cuts(wave, self.rate, self.seconds):
            trace = torch.tensor([each, begin * each, end * each], dtype=torch.float64)
            found.append(Sample(self._finished(wave[begin:end]), trace))
            begin = end
        return found

    def blank(self, bucket: int) -> Tensor:
        """Return silence."""
        return torch.zeros(max(bucket, self.shortest))

    def bucket(self, prepared: Tensor) -> int:
        """Return the padded length in samples."""
        if self.kind == "log_mel" and self.seconds is not None:
            whole = round(self.seconds * self.rate)
            if self.silence is None:
                return whole
            heard = len(prepared) + round(self.silence * self.rate)
            return min(-(-heard // (_BATCHED * self.hop)) * _BATCHED * self.hop, whole)
        step = self.hop if self.kind == "log_mel" else self.multiple
        return -(-max(len(prepared), self.shortest) // step) * step

    def collate(self, prepared: Sequence[Tensor], bucket: int) -> Batch:
        """Return the batch; longer than ``bucket`` where an item's own bucket is.

        Returns
        -------
        dict
            "samples": {"input_values": float32 (n, bucket), "attention_mask": int64 (n, bucket)}. "log_mel":
            {"input_features": float32 (n, n_mels, bucket // hop), "attention_mask": int64 (n, bucket // hop)}.
        """
        bucket = max(bucket, *map(self.bucket, prepared))
        waves = torch.zeros(len(prepared), bucket)
        mask = torch.zeros(len(prepared), bucket, dtype=torch.int64)
        for row, wave in enumerate(prepared):
            waves[row, : len(wave)] = wave
            mask[row, : max(len(wave), self.shortest)] = 1
        if self.kind == "samples":
            return {"input_values": waves, "attention_mask": mask}
        features = _spectrum.whisper_log_mel(waves, self.rate, self.n_mels, self.n_fft, self.hop)
        return {"input_features": features, "attention_mask": mask[:, :: self.hop][:, : features.shape[2]]}

    def _parts(self, item: Any) -> tuple[np.ndarray, int]:
        samples, rate = item if _is_pair(item) else (item, self.rate)
        if isinstance(samples, torch.Tensor):
            samples = samples.numpy(force=True)
        return np.asarray(samples), int(rate)

    def _check_item(self, item: Any, where: str) -> None:
        if isinstance(item, (str, os.PathLike)):
            if not Path(item).is_file():
                raise DataError(f"{where} must be an existing audio file, got {shown(str(item))}.")
            return
        pair = _is_pair(item)
        if not pair and not isinstance(item, (np.ndarray, torch.Tensor, list)):
            raise DataTypeError(f"{where} must be a path, an array of samples or (samples, rate), got {shown(item)}.")
        if pair and not RATES[0] <= item[1] <= RATES[1]:
            raise DataError(f"{where}: the rate must be {RATES[0]} to {RATES[1]} samples per second, got {item[1]}.")
        try:
            samples, _ = self._parts(item)
        except ValueError:
            raise DataTypeError(f"{where} must hold numbers in one array, got {shown(item)}.") from None
        if samples.dtype.kind != "f" and samples.dtype.name not in _FULL_SCALE:
            raise DataTypeError(
                f"{where} must hold float samples in [-1, 1] or int16, int32 or uint8 ones, got {samples.dtype}."
            )
        if 0 in samples.shape:
            raise DataError(f"{where} is empty: it has shape {samples.shape}, and no sample.")
        if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > 64):
            raise DataError(
                f"{where} must have shape (samples,) or (samples, channels), got {samples.shape}. "
                "Transpose arrays of shape (channels, samples)."
            )


def mono(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Return samples (t,) or (t, channels) as float32 (t',) in [-1, 1] at the rate ``wanted``.

    Raises
    ------
    BadItem
        Nothing in it, NaN or infinity, numbers that are not samples, or longer than an hour.
    """
    if len(samples) == 0:
        raise BadItem("it holds no samples")
    if len(samples) > MOST_SECONDS * rate:
        raise BadItem(f"it lasts {len(samples) / rate:.0f} s; recordings may last {MOST_SECONDS} s. Cut it into parts")
    if samples.dtype.name in _FULL_SCALE:
        middle, full = _FULL_SCALE[samples.dtype.name]
        samples = ((samples.astype(np.float64) - middle) / full).astype(np.float32)
    if samples.dtype.kind not in "fiub":
        raise BadItem(f"it must hold samples, which are numbers, and holds {samples.dtype}")
    wave = samples.astype(np.float32, copy=False)
    if wave.ndim == 2:
        wave = wave.mean(axis=1, dtype=np.float32)
    if not np.isfinite(wave).all():
        raise BadItem("it contains NaN or infinity")
    if (loudest := float(np.abs(wave).max())) > _LOUDEST:
        raise BadItem(f"float samples must be in [-1, 1], found {loudest:g}. Divide 16-bit numbers by 32768")
    if rate != wanted:
        from scipy.signal import resample_poly

        common = gcd(rate, wanted)
        wave = resample_poly(wave, wanted // common, rate // common).astype(np.float32)
    return wave


def quiet_cuts(wave: np.ndarray, rate: int, seconds: float) -> list[int]:
    """Return the ends of windows of at most ``seconds``, each where the last quarter of a window is quietest.

    >>> quiet_cuts(np.concatenate([np.ones(90), np.zeros(10), np.ones(60)]), 100, 1.0)
    [95, 160]
    """
    most, short = max(round(seconds * rate), 1), max(round(0.1 * rate), 1)
    ends: list[int] = []
    begin = 0
    while len(wave) - begin > most:
        first = begin + most - most // 4
        loud = np.concatenate([[0.0], np.cumsum(wave[first : begin + most].astype(np.float64) ** 2)])
        if len(loud) > short:
            at = int(np.argmin(loud[short:] - loud[:-short])) + short // 2
        else:
            at = len(loud) - 1
        begin = max(first + at, begin + 1)
        ends.append(begin)
    return [*ends, len(wave)]


def log_mel_picture(
    samples: Any, rate: int, n_mels: int = 64, width: int | None = 64, decibels: float = 80.0
) -> np.ndarray:
    """Return a recording as a grey picture of its log-mel spectrum, for picture networks.

    With P the power spectrum of 25 ms Hann windows every 10 ms (zero-padded to a power of two, at least twice the
    window), M the mel filter bank of ``n_mels`` bands from 0 to rate / 2 (Slaney's scale, unit area), and
    L = 10 log10 max(M P, 1e-10), a pixel is round(255 max(0, 1 - (max L - L) / ``decibels``)): the loudest point
    is 255, what lies ``decibels`` below is 0. The top row is the highest band, the left column the start. Time is
    stretched or squeezed linearly to ``width`` columns, so that pictures of long and short words have one size.

    Parameters
    ----------
    samples : array of shape (t,) or (t, channels)
        Floats in [-1, 1] or integers of full scale.
    rate : int
        Samples per second.
    n_mels : int, default=64
        Height.
    width : int or None, default=64
        None: one column for every 10 ms.
    decibels : float, default=80
        Range from black to white.

    Returns
    -------
    ndarray of uint8, shape (n_mels, width)

    Raises
    ------
    DataError
        The samples cannot be used; the message says why.

    Examples
    --------
    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    >>> picture = log_mel_picture(tone, 8000)
    >>> picture.shape, int(picture.max())
    ((64, 64), 255)
    """
    try:
        wave = torch.from_numpy(mono(np.asarray(samples), int(rate), int(rate)).copy())
    except BadItem as error:
        raise DataError(f"log_mel_picture: {error}.") from None
    level = _spectrum.decibels(wave, int(rate), n_mels).flip(0)
    if width is not None:
        level = torch.nn.functional.interpolate(level[None], width, mode="linear", align_corners=False)[0]
    pixels = 255.0 * (1.0 - (level.max() - level) / decibels).clamp(min=0.0)
    return pixels.round().to(torch.uint8).numpy()


def _as_pair(item: Any) -> Any:
    """Return what Hugging Face's datasets hold, {"array": ..., "sampling_rate": ...}, as a pair."""
    if isinstance(item, Mapping) and {"array", "sampling_rate"} <= item.keys():
        return item["array"], item["sampling_rate"]
    return item


def _is_pair(item: Any) -> bool:
    return (
        isinstance(item, tuple)
        and len(item) == 2
        and isinstance(item[1], numbers.Real)
        and isinstance(item[0], (np.ndarray, torch.Tensor, list))
    )
