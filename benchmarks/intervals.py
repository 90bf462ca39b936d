"""Do forecast intervals hold what they say? Coverage of 80 % and 95 % intervals on classical series, rolling origins.

    python benchmarks/intervals.py --write benchmarks/intervals.md

The twelve series, splits and horizons of forecasting.py. One model is fitted per series and seed, everything as by
default, and not fitted again; its intervals follow the values that come (``SequenceModel.backtest`` with ``coverage``).
Beside them those of the last season: split-conformal, step by step, from its own errors in the same past.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from forecasting import DATA, SERIES, series

import punar
from punar.core import conformal

SEEDS = (0, 1, 2)
COVERAGES = (0.8, 0.95)
KNOWN_DAYS = 600  # of the simulated sales


def naive(values: np.ndarray, known: int, horizon: int, season: int, coverage: float) -> tuple[float, float]:
    """Return coverage and mean width of the last season's conformal intervals; nan where too little is known."""
    season = season if season < known // 2 else 1
    step = np.arange(1, horizon + 1)
    before = step - season * -(-step // season)

    def errors(origins: np.ndarray) -> np.ndarray:
        return values[origins[:, None] + step] - values[origins[:, None] + before]

    past = np.abs(errors(np.arange(season - 1, known - horizon)))
    if len(past) < conformal.fewest(coverage):
        return float("nan"), float("nan")
    radius = conformal.radius(past, coverage, "intervals")
    new = np.abs(errors(np.arange(known - 1, len(values) - horizon)))
    return float((new <= radius).mean()), float(2 * radius.mean())


def run(name: str, seed: int) -> dict[float, tuple[float, float]]:
    """Fit one model and return coverage and mean width at each asked coverage."""
    values, known = series(name)
    _, horizon, season = SERIES[name]
    model = punar.SequenceModel("gru", task="forecasting", horizon=horizon, season=season, random_state=seed)
    model.fit(values[:known])
    found = {}
    for coverage in COVERAGES:
        told = model.backtest(values, origins=list(range(known, len(values) - horizon + 1)), coverage=coverage)
        found[coverage] = (told.covered, float((told.table["high"] - told.table["low"]).mean()))
    return found


def row(name: str, found: list[dict[float, tuple[float, float]]]) -> tuple[list[str], list[float]]:
    """Return a table's cells and the coverages of one series."""
    values, known = series(name)
    _, horizon, season = SERIES[name]
    cells, shares = [name, f"{known}", f"{len(values) - horizon - known + 1} x {horizon}"], []
    for coverage in COVERAGES:
        share, width = np.mean([f[coverage] for f in found], axis=0)
        spread = [100 * f[coverage][0] for f in found]
        base, base_width = naive(values, known, horizon, season, coverage)
        shares.append(float(share))
        cells += [f"{100 * share:.0f} ({min(spread):.0f} to {max(spread):.0f})", _number(width / base_width, "{:.2f}")]
        cells.append(_number(100 * base, "{:.0f}"))
    return cells, shares


def _number(value: float, form: str) -> str:
    return "" if np.isnan(value) else form.format(value)


def promotions(seed: int, steps: int = KNOWN_DAYS + 100) -> pd.DataFrame:
    """Return daily sales of deviation-1 noise around a week's course, 25 more on the days of a promotion."""
    generator = np.random.default_rng(seed)
    promo = (generator.random(steps) < 0.25).astype(float)
    week = 5 * np.sin(2 * np.pi * np.arange(steps) / 7)
    days = pd.date_range("2023-01-01", periods=steps, freq="D")
    return pd.DataFrame({"sales": 100 + week + 25 * promo + generator.normal(size=steps), "promo": promo}, index=days)


def covariates() -> list[str]:
    """Return the lines of the example with a promotion that is known ahead."""
    asked: dict[str, dict[str, Any]] = {
        "known ahead": {"target": "sales", "known_ahead": "promo"},
        "an input only": {"target": "sales"},
        "left out": {},
    }
    rows = []
    for told, settings in asked.items():
        found = []
        for seed in SEEDS:
            frame = promotions(seed)
            frame = frame if settings else frame[["sales"]]
            model = punar.SequenceModel(task="forecasting", horizon=7, season=7, random_state=seed, **settings)
            model.fit(frame[:KNOWN_DAYS])
            after = model.backtest(frame, origins=list(range(KNOWN_DAYS, KNOWN_DAYS + 94)), coverage=0.8)
            width = float((after.table["high"] - after.table["low"]).mean())
            errors = after.errors["mae"]
            found.append((errors["model"], errors["linear"], errors["seasonal_naive"], 100 * after.covered, width))
        means = np.mean(found, axis=0)
        rows.append([told, *(f"{value:.2f}" for value in means[:3]), f"{means[3]:.0f}", f"{means[4]:.2f}"])
    head = ["the promotion is", "MAE", "linear part alone", "last season", "80 %: inside, %", "width"]
    return [
        "## A promotion that is known ahead",
        "",
        "Simulated daily sales, a week's course and 25 more on a quarter of the days, at random; noise of deviation 1, "
        f"whose own mean absolute error is {np.sqrt(2 / np.pi):.2f}, and 2.56 wide is the narrowest 80 % interval. "
        f"{KNOWN_DAYS} days fitted, 94 origins of 7 days after them; means of {len(SEEDS)} seeds.",
        "",
        *_markdown([head, ["---"] * len(head), *rows]),
        "",
    ]


def _markdown(lines: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(line) + " |" for line in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--only", nargs="*", default=list(SERIES), help="names of series")
    options = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"The series are not there: {DATA}")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", punar.errors.DidNotLearnWarning)
    started, rows, shares = time.perf_counter(), [], []
    for name in options.only:
        cells, own = row(name, [run(name, seed) for seed in SEEDS])
        rows.append(cells)
        shares.append(own)
        print(cells, flush=True)
    text = table(rows, np.array(shares), covariates(), started)
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


def table(rows: list[list[str]], shares: np.ndarray, example: list[str], started: float) -> str:
    """Return the page."""
    seconds = time.perf_counter() - started
    head = ["series", "steps known", "origins x steps"]
    for coverage in COVERAGES:
        head += [f"{coverage:.0%}: inside, %", "width", "last season inside, %"]
    low, high = shares.T
    lines = [
        "# Do forecast intervals hold what they say?",
        "",
        "Share of later values inside `predict_interval`, from rolling origins in the held-out end of each series, all "
        f"steps of the horizon together: the mean of {len(SEEDS)} seeds, lowest and highest in brackets.",
        "",
        *_markdown([head, ["---"] * len(head), *rows]),
        "",
        f"On the average {100 * low.mean():.1f} % lie in the 80 % intervals (lowest series {100 * low.min():.0f} %) "
        f"and {100 * high.mean():.1f} % in the 95 % intervals (lowest {100 * high.min():.0f} %).",
        "",
        "Width is the mean width over that of the last season's conformal interval (the last value's where there is no "
        "season, or the series is shorter than two), calibrated step by step on its own errors in the same past, which "
        "does not follow what comes; empty where that past has too few windows for the coverage. The model is fitted "
        "once, before the first origin; its intervals follow the values that come.",
        "",
        "Where there are few origins one odd month is in as many windows as the horizon has steps, so single shares "
        "say little: writing paper ends with a break that nothing before it announces. One rule holds for all "
        "series; its rate, and how few windows are made up for, were chosen with these series in view, so that the "
        "averages flatter it.",
        "",
        *example,
        f'{(len(rows) + 3) * len(SEEDS)} fits of `SequenceModel("gru", task="forecasting")`, {seconds:.0f} seconds '
        f"with their back-tests, one thread. Machine: {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, torch {torch.__version__}, punar {punar.__version__}.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
