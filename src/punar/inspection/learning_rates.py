"""``punar.learning_rates``: which learning rates train a model, and which throw it about."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.base import clone

from punar.core.files import write_atomic
from punar.core.params import check_params, integer, number
from punar.errors import NotSupportedError, ParameterError, TrainingDivergedError, shown
from punar.models import assemble
from punar.reporting import svg
from punar.texts import inspection as texts
from punar.training.sweep import Sweep, sweeping

_FALLEN = 0.02  # of the first losses: less is no fall
_EDGE = 8  # steps at the beginning whose smoothed loss is hardly more than one batch's
_WIDE, _HIGH, _LEFT, _BOTTOM = 560.0, 300.0, 56.0, 44.0
_STYLE = (
    "<style>svg{background:#fff}text{font:12px system-ui,sans-serif;fill:#333}.axis{stroke:#999}"
    ".rate{fill:none;stroke:#3366cc;stroke-width:2}.pick{stroke:#cc3344;stroke-dasharray:4 3}</style>"
)


@dataclass(frozen=True)
class LearningRates:
    """What :func:`punar.learning_rates` returns; ``str`` of it says which rate to take.

    Attributes
    ----------
    rates : ndarray of float64, shape (steps,)
        Rising in equal factors.
    losses : ndarray of float64, shape (steps,)
        Of a batch at each rate.
    smoothed : ndarray of float64, shape (steps,)
        Exponential means of them.
    suggestion : float
        Where the smoothed loss falls fastest, on a logarithmic scale of rates.
    highest : float
        Where the smoothed loss is lowest: from here on it rises, and a tenth of it is another usual choice.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float
    highest: float

    def __str__(self) -> str:
        # Noise of batches apart, the loss did not fall.
        first = float(np.median(self.losses[:_EDGE]))
        if float(self.smoothed.min()) > first - _FALLEN * abs(first):
            return texts.RATES_NOTHING.format(low=self.rates[0], last=self.rates[-1], steps=len(self.rates))
        return texts.RATES.format(
            suggestion=self.suggestion,
            highest=self.highest,
            low=self.rates[0],
            last=self.rates[-1],
            steps=len(self.rates),
        )

    def plot(self, path: str | Path) -> Path:
        """Write the curve as an SVG picture, the suggestion marked, and return its path.

        Raises
        ------
        ParameterError
            The name does not end in .svg.
        """
        path = Path(path)
        if path.suffix.lower() != ".svg":
            raise ParameterError(f"LearningRates.plot: path must end in .svg, got {shown(str(path))}.")
        write_atomic(path, self.to_svg().encode("utf-8"))
        return path

    def to_svg(self) -> str:
        """Return the curve as an SVG picture: smoothed loss by rate, on a logarithmic scale."""
        x = np.log10(self.rates)
        floor, start = float(self.smoothed.min()), float(self.smoothed[min(_EDGE, len(x) - 1)])
        top = max(start, floor) + 0.15 * max(abs(start - floor), 1e-9)
        bottom = floor - 0.1 * max(top - floor, 1e-9)

        def across(value: float) -> float:
            return _LEFT + (_WIDE - _LEFT - 16) * (value - x[0]) / max(float(x[-1] - x[0]), 1e-9)

        def up(value: float) -> float:
            return 16 + (_HIGH - _BOTTOM - 16) * (top - min(value, top)) / (top - bottom)

        parts = [_STYLE, svg.line(_LEFT, _HIGH - _BOTTOM, _WIDE - 16, _HIGH - _BOTTOM, "axis")]
        for power in range(int(np.ceil(x[0])), int(np.floor(x[-1])) + 1):
            parts.append(svg.text(across(power), _HIGH - _BOTTOM + 18, f"1e{power}", anchor="middle"))
        for tick in svg.ticks(bottom, top):
            parts.append(svg.text(_LEFT - 6, up(tick) + 4, f"{tick:g}", anchor="end"))
        at = across(float(np.log10(self.suggestion)))
        parts.append(svg.line(at, 16, at, _HIGH - _BOTTOM, "pick"))
        parts.append(svg.text(at + 6, 28, f"{self.suggestion:.1e}"))
        points = [(across(float(a)), up(float(b))) for a, b in zip(x, self.smoothed, strict=True)]
        parts.append(svg.curve(points, "rate"))
        middle = (_LEFT + _WIDE) / 2
        parts.append(svg.text(middle, _HIGH - 6, texts.RATES_AXIS, anchor="middle"))
        picture = svg.drawing(_WIDE, _HIGH, texts.RATES_TITLE, parts)
        return picture.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def learning_rates(
    model: Any, X: Any, y: Any = None, *, low: float = 1e-6, high: float = 1.0, steps: int = 100
) -> LearningRates:
    """Train a copy of a model for a few steps, each at a higher learning rate, and return the losses.

    Where the loss begins to fall a rate does something, where it falls fastest it does most, and where it rises it is
    too high. The model itself is not fitted, and not changed.

    Parameters
    ----------
    model : Autoencoder, SequenceModel or TransferLearner
        Fitted or not. A transfer model must train more than a head: ``strategy="fine_tuning"`` or "scratch".
    X, y
        As for its ``fit``.
    low, high : float, default=1e-6, 1.0
        First and last rate.
    steps : int, default=100
        Optimisation steps; it ends earlier where the loss is four times its lowest value.

    Returns
    -------
    LearningRates
        With ``rates``, ``losses``, ``suggestion`` and ``plot(path)``.

    Raises
    ------
    punar.errors.ParameterError
        ``low`` is not below ``high``, or a parameter of the model breaks its rule.
    punar.errors.NotSupportedError
        The model trains nothing step by step.
    punar.errors.DataError
        As from ``fit``.

    References
    ----------
    Smith, L. N. (2017). Cyclical learning rates for training neural networks. WACV 2017, 464-472.

    Examples
    --------
    >>> import punar
    >>> from sklearn.datasets import load_iris
    >>> found = punar.learning_rates(punar.Autoencoder(random_state=0), load_iris().data)
    >>> 1e-5 < found.suggestion < found.highest
    True
    """
    rules = {"low": number(0, open_low=True), "high": number(0, open_low=True), "steps": integer(10)}
    check_params(SimpleNamespace(low=low, high=high, steps=steps), rules, "learning_rates")
    if low >= high:
        raise ParameterError(f"learning_rates: low must be below high, got {low:g} and {high:g}.")
    known = {} if isinstance(model, type) or not hasattr(model, "get_params") else model.get_params(deep=False)
    if not {"epochs", "learning_rate", "validation_fraction"} <= known.keys():
        raise NotSupportedError(f"learning_rates is for models that are trained step by step, got {shown(model)}.")
    if known.get("strategy") == "zero_shot":
        raise NotSupportedError(
            "learning_rates: strategy='zero_shot' trains nothing and has no learning rate. Set strategy='fine_tuning'."
        )
    trained: tuple[str, ...] = getattr(assemble.class_of(model.task, "tasks"), "models", ()) if "task" in known else ()
    if known.get("strategy") == "feature_extraction" and "structured" not in trained:
        raise NotSupportedError(
            "learning_rates: strategy='feature_extraction' fits a head in closed form and has no learning rate. Set "
            "strategy='fine_tuning'."
        )
    again = clone(model).set_params(
        epochs=steps, learning_rate=float(high), validation_fraction=0.0, evidence="cheap", verbose=0, strict=False
    )
    sweep = Sweep(float(low), float(high), int(steps))
    # The last rates are meant to be too high: what came before them counts.
    with warnings.catch_warnings(), sweeping(sweep), contextlib.suppress(TrainingDivergedError):
        warnings.simplefilter("ignore")
        again.fit(X) if y is None else again.fit(X, y)
    if int(np.isfinite(sweep.smoothed).sum()) < _EDGE:
        raise ParameterError(f"learning_rates: the loss left within {_EDGE} steps of low={low:g}. Pass a lower low.")
    return _result(sweep)


def _result(sweep: Sweep) -> LearningRates:
    rates, losses = np.asarray(sweep.rates), np.asarray(sweep.losses)
    smoothed = np.asarray(sweep.smoothed)
    sound = np.isfinite(smoothed)
    rates, losses, smoothed = rates[sound], losses[sound], smoothed[sound]
    lowest = int(smoothed.argmin())
    # Over a tenth of the sweep to both sides: a few batches that are easier than others are no slope.
    places, wide = np.arange(len(rates)), max(3, len(rates) // 10)
    before, after = np.maximum(places - wide, 0), np.minimum(places + wide, len(rates) - 1)
    slope = (smoothed[after] - smoothed[before]) / np.log10(rates[after] / rates[before])
    # Up to the lowest point, and without the first steps, whose mean is of few batches.
    first = min(_EDGE, max(lowest - 1, 0))
    at = first + int(slope[first : lowest + 1].argmin())
    return LearningRates(rates, losses, smoothed, float(rates[at]), float(rates[lowest]))
