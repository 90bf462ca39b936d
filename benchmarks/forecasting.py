"""Classical series: recurrent networks beside the last value, the last season and a linear autoregression.

    python benchmarks/forecasting.py --write benchmarks/forecasting.md

The series of ../shared/data/series with one column. The last fifth of each, two horizons at least, is held out; models
are fitted once on what is before it and forecast from rolling origins in it (``SequenceModel.backtest``). Everything as
by default, but for the horizon and the season of the calendar. Two fits at a time, one thread each.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import punar
from punar.data.season import find_season

DATA = Path(__file__).parents[2] / "shared" / "data" / "series"
SEEDS, CELLS = (0, 1, 2), ("rnn", "lstm", "gru")
MOST_ORIGINS = 200
LONGEST = 1500  # steps that long series are cut to, from the end
# file, horizon, season of the calendar; sunspots have a cycle of changing length, about 11 years
SERIES = {
    "airline passengers": ("airline-passengers.csv", 12, 12),
    "champagne sales": ("monthly_champagne_sales.csv", 12, 12),
    "car sales": ("monthly-car-sales.csv", 12, 12),
    "monthly temperature": ("monthly-mean-temp.csv", 12, 12),
    "robberies": ("monthly-robberies.csv", 12, 12),
    "writing paper": ("monthly-writing-paper-sales.csv", 12, 12),
    "shampoo sales": ("monthly-shampoo-sales.csv", 3, 12),
    "sunspots": ("monthly-sunspots.csv", 12, 1),
    "water usage": ("yearly-water-usage.csv", 4, 1),
    "female births": ("daily-total-female-births.csv", 14, 7),
    "minimum temperature": ("daily-min-temperatures.csv", 14, 365),
    "maximum temperature": ("daily-max-temperatures.csv", 14, 365),
}
BASELINES = {"last_value": "last value", "seasonal_naive": "last season", "linear": "linear AR"}
ON_LINEAR, ALONE = "linear", "naive"
DEFAULT = "GRU"


def series(name: str) -> tuple[np.ndarray, int]:
    """Return the values and how many of them are known to the fit."""
    file, horizon, _ = SERIES[name]
    values = pd.to_numeric(pd.read_csv(DATA / file).iloc[:, 1], errors="coerce").dropna().to_numpy(float)[-LONGEST:]
    return values, len(values) - max(2 * horizon, len(values) // 5)


def run(job: tuple[str, str, str, int]) -> dict[str, object]:
    """Fit one model and return its errors from rolling origins, and its seconds."""
    name, cell, relative_to, seed = job
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    values, known = series(name)
    _, horizon, season = SERIES[name]
    started = time.perf_counter()
    model = punar.SequenceModel(
        cell, task="forecasting", horizon=horizon, season=season, relative_to=relative_to, random_state=seed
    ).fit(values[:known])
    seconds = time.perf_counter() - started
    origins = np.arange(known, len(values) - horizon + 1)
    origins = origins[np.linspace(0, len(origins) - 1, min(len(origins), MOST_ORIGINS)).astype(int)].tolist()
    errors = model.backtest(values, origins=origins).errors
    return {
        "job": job,
        "errors": errors.to_dict("index"),
        "seconds": seconds,
        "context": model.fit_report_["context"],
        "known": known,
        "origins": len(origins),
        "found": find_season([values[:known, None]]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--only", nargs="*", default=list(SERIES), help="names of series")
    options = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"The series are not there: {DATA}")
    jobs = [(n, c, r, s) for n in options.only for c in CELLS for r in (ON_LINEAR, ALONE) for s in SEEDS]
    # The long ones first, so that no process is left with one at the end.
    jobs.sort(key=lambda job: -len(series(job[0])[0]))
    started = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        found = list(pool.map(run, jobs))
    text = table(options.only, found, time.perf_counter() - started)
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


def table(names: list[str], found: list[dict], seconds: float) -> str:
    columns = [*BASELINES.values(), *(c.upper() for c in CELLS), *(f"{c.upper()} alone" for c in CELLS)]
    mase, mae, verdicts = [], [], []
    for name in names:
        runs = [r for r in found if r["job"][0] == name]
        measures: dict[str, dict[str, list[float]]] = {}
        for r in runs:
            _, cell, relative_to, _ = r["job"]
            own = cell.upper() + ("" if relative_to == ON_LINEAR else " alone")
            for candidate, row in r["errors"].items():
                to = measures.setdefault(BASELINES.get(candidate, own), {"mase": [], "mae": []})
                for metric in to:
                    to[metric].append(row[metric])
        means = {c: {k: float(np.mean(v)) for k, v in m.items()} for c, m in measures.items()}
        first = runs[0]
        mase.append([name, f"{first['known']} / {first['context']}", *_cells(means, "mase", columns, "{:.3f}")])
        mae.append([name, "", *_cells(means, "mae", columns, "{:.4g}")])
        verdicts.append(f"- {name}: {_verdict(means, measures)}")
    calendar = {n: SERIES[n][2] for n in names}
    seasons = ", ".join(f"{n} {calendar[n]} ({next(r['found'] for r in found if r['job'][0] == n)})" for n in names)
    return "\n".join(
        [
            "# Forecasts of classical series: recurrent networks beside three that need none",
            "",
            "MASE from rolling origins in the held-out end; lower is better, the best of a row is bold.",
            "",
            *_markdown(["series", "steps known / context", *columns], mase),
            "",
            *verdicts,
            "",
            'RNN, LSTM and GRU are `SequenceModel(task="forecasting")` as by default: the linear autoregression and '
            'what the network adds to it. "Alone" is `relative_to="naive"`: the network on top of the last season, or '
            "of the last value. Linear AR is the report's own, fitted on the same training windows (without those "
            f"that are held out to stop in time). Means over {len(SEEDS)} seeds; the other three have no seed. The "
            f"verdicts are on {DEFAULT}, the default cell, ± the deviation between seeds, beside the best "
            "of the other three, and take a difference below 2 % for none.",
            "",
            "MAE, in the units of the series:",
            "",
            *_markdown(["series", "", *columns], mae),
            "",
            "Whether the intervals hold what they say: [intervals.md](intervals.md).",
            "",
            f"Seasons of the calendar, in brackets what `season='auto'` finds: {seasons}.",
            "",
            f"Monthly series 12 steps ahead (shampoo 3), daily 14, yearly 4; daily and sunspots their last {LONGEST} "
            f"steps; at most {MOST_ORIGINS} origins. {len(found)} fits, {seconds / 60:.1f} minutes, two at a time on "
            f"one thread each; a fit takes {np.median([r['seconds'] for r in found]):.1f} s in the middle, "
            f"{max(r['seconds'] for r in found):.0f} s at most. Machine: {platform.machine()}, {os.cpu_count()} cores, "
            f"Python {platform.python_version()}, torch {torch.__version__}, punar {punar.__version__}.",
            "",
        ]
    )


def _cells(means: dict, metric: str, columns: list[str], form: str) -> list[str]:
    best = min(m[metric] for m in means.values())
    texts = [form.format(means[c][metric]) if c in means else "" for c in columns]
    return [f"**{t}**" if c in means and means[c][metric] == best else t for c, t in zip(columns, texts, strict=True)]


def _verdict(means: dict, measures: dict) -> str:
    """Say whether the default network is better than the best that needs none; the best of six is hindsight."""
    networks = {c: m["mase"] for c, m in means.items() if c not in BASELINES.values()}
    others = {c: m["mase"] for c, m in means.items() if c in BASELINES.values()}
    best, other = min(networks, key=networks.__getitem__), min(others, key=others.__getitem__)
    own, spread = networks[DEFAULT], np.std(measures[DEFAULT]["mase"], ddof=1)
    told = f"{other} {others[other]:.3f}, {DEFAULT} {own:.3f} ± {spread:.3f}"
    if networks[best] < min(own, others[other]) * 0.98:
        told += f"; with hindsight {best} {networks[best]:.3f}"
    if own < 0.98 * others[other]:
        return f"**{DEFAULT} wins** ({told})."
    if own > 1.02 * others[other]:
        return f"**{other} wins** ({told})."
    return f"**no clear difference**, so {other} is enough ({told})."


def _markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


if __name__ == "__main__":
    main()
