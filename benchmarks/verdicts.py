"""How often does a fit say "Learned" where there is nothing to learn, and where there is something?

    python benchmarks/verdicts.py --jobs 2 --results /tmp/verdicts.jsonl            # run; goes on where it stopped
    python benchmarks/verdicts.py --results /tmp/verdicts.jsonl --write benchmarks/verdicts.md

Every row of the table is a way to fit on data that is drawn anew for each seed, 0 to 199. Where labels are random, or
the data is noise, a verdict at a level of 5 % says "Learned" in 10 of 200 fits: at most 18 is the 1 % bound. The second
table has a known effect. Data is small and networks are small: what is asked is the verdict, not the model.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import math
import os
import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

SEEDS = 200
MOST = 18  # of 200: the 1 % bound of a rate of 5 %
POWER = 0.8

Design = Callable[[np.random.Generator, int], Any]
NULL: dict[str, Design] = {}
EFFECT: dict[str, Design] = {}


def null(name: str) -> Callable[[Design], Design]:
    return lambda design: NULL.setdefault(name, design)


def effect(name: str) -> Callable[[Design], Design]:
    return lambda design: EFFECT.setdefault(name, design)


def pictures(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.integers(0, 256, size=(n, 32, 32, 3)).astype(np.uint8)


def labels(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.permutation(np.arange(n) % 2)


def series(rng: np.random.Generator, n: int, steps: int = 30) -> np.ndarray:
    return rng.normal(size=(n, steps, 1)).astype(np.float32)


def learner(seed: int, **more: Any) -> Any:
    import punar

    return punar.TransferLearner("starter", cache=False, random_state=seed, **more)


def sequences(seed: int, **more: Any) -> Any:
    import punar

    return punar.SequenceModel(hidden_size=16, epochs=15, random_state=seed, **more)


def coder(seed: int, **more: Any) -> Any:
    import punar

    return punar.Autoencoder(random_state=seed, **more)


# -- nothing to learn ---------------------------------------------------------------------------------------------


@null("frozen features, 40 pictures, 2 classes")
def _(rng: np.random.Generator, seed: int) -> Any:
    return learner(seed).fit(pictures(rng, 40), labels(rng, 40))


@null("frozen features, 300 pictures, 2 classes")
def _(rng: np.random.Generator, seed: int) -> Any:
    return learner(seed).fit(pictures(rng, 300)[:, ::2, ::2], labels(rng, 300))


@null("frozen features, 60 pictures, a number")
def _(rng: np.random.Generator, seed: int) -> Any:
    return learner(seed, task="regression").fit(pictures(rng, 60), rng.normal(size=60))


@null("fine-tuning, 40 pictures, 2 classes")
def _(rng: np.random.Generator, seed: int) -> Any:
    fine = learner(seed, strategy="fine_tuning", unfreeze="last", epochs=5)
    return fine.fit(pictures(rng, 40), labels(rng, 40))


@null("GRU, 40 series, 2 classes")
def _(rng: np.random.Generator, seed: int) -> Any:
    return sequences(seed).fit(series(rng, 40), labels(rng, 40))


@null("GRU, 40 series, 3 classes of unequal size")
def _(rng: np.random.Generator, seed: int) -> Any:
    return sequences(seed).fit(series(rng, 40), rng.permutation(np.repeat([0, 1, 2], [24, 10, 6])))


@null("GRU, 300 series, 2 classes")
def _(rng: np.random.Generator, seed: int) -> Any:
    return sequences(seed).fit(series(rng, 300, 15), labels(rng, 300))


@null("GRU, 40 series, a number")
def _(rng: np.random.Generator, seed: int) -> Any:
    return sequences(seed, task="regression").fit(series(rng, 40), rng.normal(size=40))


@null("GRU, 40 series, three labels each")
def _(rng: np.random.Generator, seed: int) -> Any:
    return sequences(seed, task="multilabel").fit(series(rng, 40), rng.integers(0, 2, size=(40, 3)))


@null("GRU, 40 series, a label for each step")
def _(rng: np.random.Generator, seed: int) -> Any:
    return sequences(seed, task="tagging").fit(series(rng, 40, 20), list(rng.integers(0, 3, size=(40, 20))))


@null("GRU, 40 lists of words, entities at random")
def _(rng: np.random.Generator, seed: int) -> Any:
    words = [[f"w{k}" for k in rng.integers(0, 30, 12)] for _ in range(40)]
    tags = [["B-x" if u < 0.2 else "O" for u in rng.random(12)] for _ in range(40)]
    return sequences(seed, task="tagging", vocabulary_size=64).fit(words, tags)


@null("forecasts of a random walk, 300 steps, horizon 1")
def _(rng: np.random.Generator, seed: int) -> Any:
    return sequences(seed, task="forecasting", horizon=1).fit(rng.normal(size=300).cumsum())


@null("forecasts of a random walk, 300 steps, horizon 5")
def _(rng: np.random.Generator, seed: int) -> Any:
    return sequences(seed, task="forecasting", horizon=5).fit(rng.normal(size=300).cumsum())


@null("forecasts of a walk with drift, 300 steps, horizon 1")
def _(rng: np.random.Generator, seed: int) -> Any:
    return sequences(seed, task="forecasting", horizon=1).fit((0.3 + rng.normal(size=300)).cumsum())


@null("forecasts of white noise, 300 steps, horizon 1")
def _(rng: np.random.Generator, seed: int) -> Any:
    return sequences(seed, task="forecasting", horizon=1).fit(rng.normal(size=300))


@null("autoencoder, white noise, 100 x 20, code of 4")
def _(rng: np.random.Generator, seed: int) -> Any:
    return coder(seed, latent_dim=4, epochs=30).fit(rng.normal(size=(100, 20)))


@null("autoencoder, white noise, 400 x 10, code of 3")
def _(rng: np.random.Generator, seed: int) -> Any:
    return coder(seed, latent_dim=3, epochs=30).fit(rng.normal(size=(400, 10)))


@null("autoencoder, white noise, 60 pictures of 8 x 8, code of 8")
def _(rng: np.random.Generator, seed: int) -> Any:
    return coder(seed, network="conv", latent_dim=8, epochs=20).fit(pictures(rng, 60)[:, ::4, ::4, 0])


# -- a known effect -----------------------------------------------------------------------------------------------


@effect("GRU, 60 series, two classes that 80 % accuracy is the best for")
def _(rng: np.random.Generator, seed: int) -> Any:
    y = labels(rng, 60)
    # Levels two deviations of 0.594 apart: the better side of the middle is right for 80 of 100.
    level = np.where(y == 1, 0.5, -0.5) + 0.594 * rng.normal(size=60)
    return sequences(seed).fit((level[:, None, None] + 0.02 * series(rng, 60)).astype(np.float32), y)


@effect("frozen features, 60 pictures, two classes that 80 % accuracy is the best for")
def _(rng: np.random.Generator, seed: int) -> Any:
    y = labels(rng, 60)
    level = np.where(y == 1, 0.5, -0.5) + 0.594 * rng.normal(size=60)
    found = pictures(rng, 60).astype(float) / 4 + 60
    found[..., 0] += 40 * level[:, None, None]
    return learner(seed).fit(found.clip(0, 255).astype(np.uint8), y)


@effect("autoencoder, 100 digits, code of 8")
def _(rng: np.random.Generator, seed: int) -> Any:
    from sklearn.datasets import load_digits

    X, _ = load_digits(return_X_y=True)
    return coder(seed, latent_dim=8, epochs=30).fit(X[rng.choice(len(X), 100, replace=False)])


@effect("forecasts of an AR(2) series, 400 steps, horizon 1")
def _(rng: np.random.Generator, seed: int) -> Any:
    x = np.zeros(500)
    for t in range(2, 500):
        x[t] = 1.2 * x[t - 1] - 0.6 * x[t - 2] + rng.normal()
    return sequences(seed, task="forecasting", horizon=1).fit(x[100:])


# -- running and writing ------------------------------------------------------------------------------------------


def run(name: str, seed: int) -> dict[str, Any]:
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    design = (NULL | EFFECT)[name]
    start = time.perf_counter()
    report = design(np.random.default_rng([seed, 7]), seed).fit_report_
    return {
        "name": name,
        "seed": seed,
        "learned": report["learned"],
        "p": report["p_value"],
        "seconds": round(time.perf_counter() - start, 2),
    }


def table(found: list[dict[str, Any]]) -> str:
    import torch

    import punar

    lines = [
        "# Verdicts: how often does a fit say that it learned?",
        "",
        f"`python benchmarks/verdicts.py`, punar {punar.__version__}, torch {torch.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()}. Seeds 0 to {SEEDS - 1}, one thread each.",
        "",
        f'Nothing to learn: a level of 5 % says "Learned" in 10 of {SEEDS}; more than {MOST} happen in 1 % of cases.',
        "",
        "| data | learned | did not learn | cannot tell | fits | seconds each |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    pooled = [0, 0]
    for designs, head in ((NULL, None), (EFFECT, True)):
        if head:
            rate = pooled[0] / max(1, pooled[1])
            lines += [
                "",
                f'All of these together: "Learned" in {pooled[0]} of {pooled[1]} ({rate:.1%}); a rate of 5 % gives at '
                f"most {int(stats.binom.ppf(0.99, pooled[1], 0.05))} in 99 of 100 cases.",
                "",
                f"A known effect: wanted is at least {POWER:.0%}.",
                "",
                "| data | learned | did not learn | cannot tell | fits | seconds each |",
                "| --- | --- | --- | --- | --- | --- |",
            ]
        for name in designs:
            own = [row for row in found if row["name"] == name]
            if not own:
                continue
            said = [sum(row["learned"] is value for row in own) for value in (True, False, None)]
            seconds = float(np.median([row["seconds"] for row in own]))
            lines.append(f"| {name} | {said[0]} | {said[1]} | {said[2]} | {len(own)} | {seconds:.1f} |")
            if not head:
                pooled = [pooled[0] + said[0], pooled[1] + len(own)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="a file with a line for each fit; appended to")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--only", default="", help="designs whose name has this in it")
    parser.add_argument("--seconds", type=float, default=math.inf, help="start no fit later than this")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the networks are trained")
    parser.add_argument("--write", type=Path, help="write the table of what is in the results")
    args = parser.parse_args()
    lines = args.results.read_text(encoding="utf-8").splitlines() if args.results.exists() else []
    found = [json.loads(line) for line in lines]
    if args.write:
        args.write.write_text(table(found), encoding="utf-8")
        return
    done = {(row["name"], row["seed"]) for row in found}
    names = [name for name in NULL | EFFECT if args.only in name]
    wanted = [(name, seed) for seed in range(args.seeds) for name in names if (name, seed) not in done]
    os.environ |= {"OMP_NUM_THREADS": "1"} | ({"CUDA_VISIBLE_DEVICES": ""} if args.device == "cpu" else {})
    start = time.perf_counter()
    with (
        concurrent.futures.ProcessPoolExecutor(args.jobs) as pool,
        args.results.open("a", encoding="utf-8") as file,
    ):
        waiting = iter(wanted)
        running = {pool.submit(run, *job) for _, job in zip(range(2 * args.jobs), waiting, strict=False)}
        while running:
            ready, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in ready:
                file.write(json.dumps(future.result()) + "\n")
                file.flush()
                job = next(waiting, None) if time.perf_counter() - start < args.seconds else None
                if job is not None:
                    running.add(pool.submit(run, *job))
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
