"""The question ``cell`` on series without labels: forecasts from rolling origins, never shuffled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from punar.baselines import LastValue, mase_scale
from punar.comparison._question import Metric
from punar.comparison.reading import Reading
from punar.data.panel import read_panel
from punar.data.season import find_season
from punar.errors import DataError, ParameterError, ParameterTypeError, shown
from punar.texts import compare as texts

SKILL = "skill"
COSTS = ("gates", "hidden_size", "parameters", "model_kb", "fit_seconds", "step_us", "peak_mb", "mase", "mae")
_LONGEST = 24
_SHARE = 10  # of a series: the usual horizon


@dataclass(frozen=True)
class ForecastReading(Reading):
    """Series to forecast; ``X`` are the numbers of the steps of the shortest, which end where all end.

    Attributes
    ----------
    series : list of ndarray of shape (t_i, channels)
    horizon, season, context : int
        ``context`` is that of the linear autoregression.
    """

    series: list[np.ndarray] = field(default_factory=list)
    horizon: int = 1
    season: int = 1
    context: int = 1

    def describe(self) -> str:
        """Return one sentence that says how the series were read."""
        low, high = min(map(len, self.series)), max(map(len, self.series))
        steps = f"{low:,}" if low == high else texts.STEPS_FROM_TO.format(low=low, high=high)
        words = {"name": self.name, "n": len(self.series), "steps": steps, "horizon": self.horizon}
        season = texts.READ_SEASON.format(season=self.season) if self.season > 1 else texts.READ_NO_SEASON
        return texts.READ_FORECAST.format(**words, channels=self.series[0].shape[1]) + season


def read_forecast(
    X: Any,
    name: str | None,
    *,
    horizon: int | None,
    season: int | None,
    id_column: str | None = None,
    time_column: str | None = None,
) -> ForecastReading:
    """Return series whose last steps are held out.

    Raises
    ------
    DataError, ParameterError, ParameterTypeError
        They have missing values, are too short, or a number is no whole number from 1.
    """
    for key, value in (("horizon", horizon), ("season", season)):
        rule = f"compare: {key} must be an integer >= 1"
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer))):
            raise ParameterTypeError(f"{rule}, got {shown(value)}.")
        if value is not None and value < 1:
            raise ParameterError(f"{rule}, got {value}.")
    series = read_panel(X, "compare", id_column=id_column, time_column=time_column).items
    shortest = min(map(len, series))
    season = int(season or find_season(series))
    if horizon is None:
        horizon = season if 1 < season <= shortest // 5 else min(_LONGEST, max(1, shortest // _SHARE))
    horizon = int(horizon)
    least = 2 * horizon + max(2 * horizon, season + 1, 8)
    if shortest < least:
        raise DataError(
            f"compare: the shortest series has {shortest} steps; two folds of horizon={horizon} need at least {least}. "
            "Take a smaller horizon (horizon=), or leave the series out."
        )
    context = max(2, min(max(2 * season, horizon, 8), (shortest - 2 * horizon) // 2))
    found = {"series": series, "horizon": horizon, "season": season, "context": context}
    return ForecastReading(
        np.arange(shortest),
        "series",
        None,
        None,
        [],
        name or texts.DATA_DEFAULT_NAME,
        [],
        **found,  # type: ignore[arg-type]
    )


def folds_for(data: ForecastReading, cv: int) -> tuple[int, list[str]]:
    """Return as many folds as leave the first of them half of the shortest series to learn from."""
    least = max(2 * data.horizon, data.season + 1, 8, data.context + data.horizon, len(data.X) // 2)
    folds = max(2, min(cv, (len(data.X) - least) // data.horizon))
    if folds < cv:
        return folds, [texts.NOTE_FOLDS_STEPS.format(asked=cv, folds=folds, horizon=data.horizon)]
    return folds, []


def splits(data: ForecastReading, folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the steps before each origin, and the horizon after it; the last horizon ends with the series."""
    n, h = len(data.X), data.horizon
    return [(data.X[:origin], data.X[origin : origin + h]) for origin in range(n - folds * h, n, h)]


def metrics() -> list[Metric]:
    """Return 1 − MASE."""
    return [Metric(SKILL, texts.SKILL_LABEL, texts.SKILL_HELP, texts.LAST_VALUE_BASELINE)]


@dataclass
class ForecastFold:
    """One origin: the series up to it, and what came after."""

    train: list[np.ndarray]
    test: np.ndarray
    horizon: int
    season: int

    def __post_init__(self) -> None:
        self.scale = mase_scale(self.train, self.season)

    @classmethod
    def at(cls, data: ForecastReading, train: np.ndarray, test: np.ndarray) -> ForecastFold:
        """Return the fold of a split; of rows in no order as many steps before the last horizon."""
        n, h = len(data.X), data.horizon
        whole = len(train) == 0 or train.max() < test.min()
        origin = int(test.min()) if whole else n - h
        start = 0 if whole else max(0, origin - max(len(train), data.context + 2 * h, data.season + 1))
        known, coming = [], []
        for x in data.series:
            shift = len(x) - n  # all series end together
            known.append(x[(0 if start == 0 else start + shift) : origin + shift])
            coming.append(x[origin + shift : origin + shift + h])
        return cls(known, np.stack(coming), h, data.season)

    def fit(self, estimator: Any) -> Any:
        """Return ``estimator``, fitted on what was known at the origin."""
        return estimator.fit(self.train)

    def transform(self, estimator: Any) -> np.ndarray:
        """Return the forecasts, (series, horizon, channels); this is timed."""
        return np.asarray(estimator.predict()).reshape(self.test.shape)

    @property
    def timed(self) -> int:
        """How many steps are forecast."""
        return self.test.shape[0] * self.test.shape[1]

    def few(self, n: int) -> ForecastFold:
        """Return the same fold: it must hold a season, and windows."""
        return self

    def errors(self, estimator: Any) -> tuple[float, float]:
        """Return MASE and MAE, means over series and channels."""
        off = np.abs(self.transform(estimator) - self.test).mean(1)
        return float((off / self.scale).mean()), float(off.mean())

    def last_value(self) -> float:
        """Return 1 − MASE of the last value."""
        return 1 - self.errors(LastValue(self.horizon).fit(self.train))[0]
