"""Does a comparison end within its budget, on a quiet machine and beside two busy processes?

    python benchmarks/budgets.py --write benchmarks/budgets.md

Each run is a process of its own: seconds are those of ``compare``, imports not counted, as a caller sees them. At most
1.25 times the budget and 3 s are allowed; where epochs were cut, at least 70 % of the budget is to be used.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BUDGETS = (5.0, 20.0, 120.0)
ONE = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import punar
from sklearn import datasets
name, budget = sys.argv[1], float(sys.argv[2])
if name == "walks":
    import numpy as np
    rng = np.random.default_rng(0)
    y = np.arange(480) % 4
    X = rng.normal(size=(480, 80, 2)).cumsum(1) + y[:, None, None] * np.linspace(0, 2, 80)[None, :, None]
    call = dict(question="cell")
else:
    X, y = getattr(datasets, "load_" + name)(return_X_y=True)
    call = {}
started = time.perf_counter()
result = punar.compare(X, y, budget=budget, verbose=0, **call)
seconds = time.perf_counter() - started
status = result.table["status"].value_counts().to_dict()
print(json.dumps({"seconds": seconds, "folds": result.facts["protocol"]["folds"], "status": status,
                  "epochs": result.facts["protocol"]["epochs"], "notes": result.notes}))
"""


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def one(name: str, budget: float) -> dict[str, Any]:
    said = subprocess.run(
        [sys.executable, "-c", ONE, name, str(budget)], capture_output=True, text=True, check=True
    ).stdout
    return json.loads(said.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--budgets", type=float, nargs="+", default=BUDGETS)
    parser.add_argument("--data", nargs="+", default=["iris", "digits", "walks"])
    args = parser.parse_args()
    import torch

    import punar

    lines = [
        "# Budgets: does a comparison end in time?",
        "",
        f"`python benchmarks/budgets.py`, punar {punar.__version__}, torch {torch.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()}, 2 shared cores. Iris and digits: nine reducers; "
        "walks: 480 series of 80 steps, the recurrent cells. Allowed are 1.25 times the budget and 3 s.",
        "",
        "| data | beside | budget, s | took, s | allowed, s | folds | epochs | candidates | left out |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in args.data:
        for count in (0, 2):
            for budget in args.budgets:
                with busy(count):
                    found = one(name, budget)
                status, allowed = found["status"], 1.25 * budget + 3
                beside = "nothing" if not count else "two busy processes"
                late = "" if found["seconds"] <= allowed else " (late)"
                lines.append(
                    f"| {name} | {beside} | {budget:.0f} | {found['seconds']:.1f}{late} | {allowed:.1f} | "
                    f"{found['folds']} | {found['epochs']} | {status.get('ok', 0)} | {status.get('left out', 0)} |"
                )
                print(lines[-1], flush=True)
                if args.write:
                    args.write.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
