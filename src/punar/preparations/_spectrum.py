"""Mel spectra with torch alone. Slaney (1998), Auditory Toolbox, for the mel scale; Radford et al. (2022) for
Whisper's normalisation.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor

_LINEAR = 200.0 / 3.0  # Hz per mel up to 1000 Hz
_LOG_STEP = math.log(6.4) / 27.0  # above it
_KNEE = 1000.0 / _LINEAR


@functools.lru_cache(maxsize=16)
def mel_filters(n_mels: int, n_fft: int, rate: int) -> Tensor:
    """Return triangles of unit area from 0 to rate / 2, evenly spaced on Slaney's mel scale.

    Returns
    -------
    Tensor of shape (n_mels, n_fft // 2 + 1), float32
    """
    top = rate / 2.0
    most = top / _LINEAR if top < 1000.0 else _KNEE + math.log(top / 1000.0) / _LOG_STEP
    mels = np.linspace(0.0, most, n_mels + 2)
    hertz = np.where(mels < _KNEE, mels * _LINEAR, 1000.0 * np.exp(_LOG_STEP * (np.maximum(mels, _KNEE) - _KNEE)))
    bins = np.linspace(0.0, top, n_fft // 2 + 1)
    rising = (bins - hertz[:-2, None]) / (hertz[1:-1] - hertz[:-2])[:, None]
    falling = (hertz[2:, None] - bins) / (hertz[2:] - hertz[1:-1])[:, None]
    area = 2.0 / (hertz[2:] - hertz[:-2])
    return torch.from_numpy(np.maximum(0.0, np.minimum(rising, falling)) * area[:, None]).to(torch.float32)


def whisper_log_mel(waves: Tensor, rate: int, n_mels: int, n_fft: int, hop: int) -> Tensor:
    """Return Whisper's input, (n, n_mels, t // hop), for waves (n, t).

    log10 of the mel power, at most 8 below its largest value in the recording, plus 4, over 4.
    """
    half = n_fft // 2
    if waves.shape[1] <= half:
        waves = torch.nn.functional.pad(waves, (0, half + 1 - waves.shape[1]))
    power = torch.stft(
        waves, n_fft, hop, window=torch.hann_window(n_fft), center=True, pad_mode="reflect", return_complex=True
    )
    mel = mel_filters(n_mels, n_fft, rate) @ (power[..., :-1].abs() ** 2)
    level = mel.clamp(min=1e-10).log10()
    level = torch.maximum(level, level.amax((1, 2), keepdim=True) - 8.0)
    return (level + 4.0) / 4.0


def decibels(wave: Tensor, rate: int, n_mels: int) -> Tensor:
    """Return 10 log10 of the mel power of 25 ms windows every 10 ms, (n_mels, frames), for a wave (t,)."""
    window, hop = max(round(0.025 * rate), 2), step_of(rate)
    n_fft = 2 ** math.ceil(math.log2(2 * window))
    power = torch.stft(
        wave,
        n_fft,
        hop,
        win_length=window,
        window=torch.hann_window(window),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    return 10.0 * (mel_filters(n_mels, n_fft, rate) @ (power.abs() ** 2)).clamp(min=1e-10).log10()


def step_of(rate: int) -> int:
    """Return the samples from one window of :func:`decibels` to the next: 10 ms."""
    return max(round(0.01 * rate), 1)
