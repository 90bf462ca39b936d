"""Questions on Wikipedia paragraphs: MiniLM with a new head, here and by a loop of one's own on transformers' class.

    pip install ".[text,minilm]"
    python benchmarks/question_answering.py --write benchmarks/question_answering.md

XQuAD English of ../shared/data: 894 questions on 36 articles to train on, 296 on 12 other articles to test. Both sides
begin with the same weights, read windows of 256 tokens that share 64, hold nothing out and train the same layers in the
same number of steps with batches of 16. The loop by hand is what people write after transformers' ``run_qa``: its
BertForQuestionAnswering, AdamW, warm-up over the first tenth of the steps and linear decay, clipping at 1, batches
padded to their longest row. Each fit runs in a process of its own. Rates are chosen on every fourth article of the
training part (``--tune``); the test part chose nothing. The best constant rule is chosen on the training part among
first and last words, sentences, numbers, names, and the whole.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _transfer_data import DATA, need
from torch.nn import functional as F

import punar
from punar.tasks._squad import best_rule, measured

FOLDER = DATA / "xquad_en"
LENGTH, STRIDE, BATCH, MOST = 256, 64, 16, 30
Question = tuple[str, str]


def parts(options: argparse.Namespace) -> Any:
    """Return what is learned from, evenly drawn where it is less than all, and what is asked."""
    (X, y), test = (read(part, options.tune) for part in ("train", "test"))
    kept = np.linspace(0, len(X) - 1, min(options.questions, len(X))).round().astype(int)
    return ([X[i] for i in kept], [y[i] for i in kept]), test


def read(part: str, tune: bool = False) -> tuple[list[Question], list[dict[str, Any]]]:
    """Return pairs (question, context) and answers in SQuAD's form; to tune, both parts are of the training part."""
    file = FOLDER / ("train.json" if tune else f"{part}.json")
    need(file)
    X, y = [], []
    for i, article in enumerate(json.loads(file.read_text("utf-8"))["data"]):
        if tune and (i % 4 == 0) == (part == "train"):
            continue
        for paragraph in article["paragraphs"]:
            for qa in paragraph["qas"]:
                X.append((qa["question"], paragraph["context"]))
                y.append({k: [a[k] for a in qa["answers"]] for k in ("text", "answer_start")})
    return X, y


def scores(found: list[str], y: list[dict[str, Any]]) -> dict[str, float]:
    rows = np.array([measured(text, own["text"]) for text, own in zip(found, y, strict=True)])
    return {"f1": rows[:, 0].mean(), "exact": rows[:, 1].mean()}


def ours(options: argparse.Namespace) -> dict[str, float]:
    """Fit and answer with punar."""
    (X, y), (T, U) = parts(options)
    model = punar.TransferLearner(
        "minilm", task="question_answering", strategy="fine_tuning", unfreeze=options.unfreeze, epochs=options.epochs,
        learning_rate=options.rate or "auto", batch_size=BATCH, validation_fraction=0, cache=False,
        random_state=options.seed,
    )  # fmt: skip
    started = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - started
    windows = sum(len(model.preparation_.samples(x)) for x in X)
    steps = len(model.history_) * -(-windows // BATCH)
    started = time.perf_counter()
    found = model.predict(T)
    return scores(found, U) | {"fit": seconds, "predict": time.perf_counter() - started, "steps": steps}


class ByHand:
    """What people write on transformers' own class."""

    def __init__(self, seed: int, unfreeze: int) -> None:
        from transformers import AutoTokenizer, BertForQuestionAnswering
        from transformers.utils import logging

        from punar.backbones.minilm import _folder

        logging.set_verbosity_error()
        torch.manual_seed(seed)
        self.tokenizer = AutoTokenizer.from_pretrained(_folder())
        self.net = BertForQuestionAnswering.from_pretrained(_folder())
        layers = self.net.bert.encoder.layer
        if unfreeze < len(layers):
            for frozen in (self.net.bert.embeddings, *layers[:-unfreeze]):
                frozen.requires_grad_(False)

    def encode(self, X: list[Question]) -> Any:
        return self.tokenizer(
            [q for q, _ in X], [c for _, c in X], truncation="only_second", max_length=LENGTH, stride=STRIDE,
            return_overflowing_tokens=True, return_offsets_mapping=True,
        )  # fmt: skip

    def padded(self, found: Any, rows: list[int]) -> dict[str, torch.Tensor]:
        names = ("input_ids", "attention_mask", "token_type_ids")
        return self.tokenizer.pad({k: [found[k][i] for i in rows] for k in names}, return_tensors="pt")

    def labels(self, found: Any, y: list[dict[str, Any]]) -> torch.Tensor:
        """Return first and last token of the answer in each window, 0 where it is not wholly inside."""
        ends = []
        for row, offsets in enumerate(found["offset_mapping"]):
            own = y[found["overflow_to_sample_mapping"][row]]
            begin = own["answer_start"][0]
            end = begin + len(own["text"][0])
            inside = [i for i, s in enumerate(found.sequence_ids(row)) if s == 1]
            if not inside or offsets[inside[0]][0] > begin or offsets[inside[-1]][1] < end:
                ends.append((0, 0))
                continue
            tokens = [i for i in inside if offsets[i][0] < end and offsets[i][1] > begin]
            ends.append((tokens[0], tokens[-1]))
        return torch.tensor(ends)

    def train(self, X: list[Question], y: list[dict[str, Any]], steps: int, peak: float) -> None:
        found = self.encode(X)
        labels = self.labels(found, y)
        kinds = ([], [])
        for name, parameter in self.net.named_parameters():
            kinds["bias" in name or "LayerNorm" in name].append(parameter)
        optimizer = torch.optim.AdamW(
            [{"params": kinds[0], "weight_decay": 0.01}, {"params": kinds[1], "weight_decay": 0}]
        )
        order: list[int] = []
        self.net.train()
        for step in range(steps):
            if not order:
                order = torch.randperm(len(labels)).tolist()
            rows, order = order[:BATCH], order[BATCH:]
            said = self.net(**self.padded(found, rows))
            pairs = ((said.start_logits, 0), (said.end_logits, 1))
            loss = sum(F.cross_entropy(logits, labels[rows][:, k]) for logits, k in pairs) / 2
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
            warm = max(1, steps // 10)
            rate = peak * min((step + 1) / warm, (steps - step) / max(steps - warm, 1))
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()

    @torch.no_grad()
    def predict(self, X: list[Question]) -> list[str]:
        self.net.eval()
        found = self.encode(X)
        best: dict[int, tuple[float, str]] = {}
        for first in range(0, len(found["input_ids"]), BATCH):
            rows = list(range(first, min(first + BATCH, len(found["input_ids"]))))
            said = self.net(**self.padded(found, rows))
            for at, row in enumerate(rows):
                item, offsets = found["overflow_to_sample_mapping"][row], found["offset_mapping"][row]
                inside = [i for i, s in enumerate(found.sequence_ids(row)) if s == 1]
                sums = said.start_logits[at][inside][:, None] + said.end_logits[at][inside][None]
                allowed = torch.ones_like(sums, dtype=torch.bool).triu().tril(MOST - 1)
                sums = sums.masked_fill(~allowed, -torch.inf)
                k = int(sums.argmax())
                a, b = inside[k // len(inside)], inside[k % len(inside)]
                if float(sums.max()) > best.get(item, (-np.inf, ""))[0]:
                    best[item] = float(sums.max()), X[item][1][offsets[a][0] : offsets[b][1]]
        return [best[i][1] for i in range(len(X))]


def by_hand(options: argparse.Namespace) -> dict[str, float]:
    (X, y), (T, U) = parts(options)
    model = ByHand(options.seed, options.unfreeze)
    started = time.perf_counter()
    model.train(X, y, options.steps, options.rate or 3e-4)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    found = model.predict(T)
    return scores(found, U) | {"fit": seconds, "predict": time.perf_counter() - started, "steps": options.steps}


def alone(side: str, seed: int, options: argparse.Namespace, **given: Any) -> dict[str, float]:
    """Run one side in a process of its own; its processor seconds are told beside its time."""
    command = [sys.executable, __file__, "--side", side, "--seed", str(seed), "--epochs", str(options.epochs)]
    command += ["--questions", str(options.questions), "--unfreeze", str(options.unfreeze)]
    for name, value in given.items():
        command += [f"--{name}", str(value)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    print(side, seed, given, {k: round(v, 4) for k, v in found.items()}, flush=True)
    return found


def mean(rows: list[dict[str, float]], name: str) -> str:
    values = [row[name] for row in rows]
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{spread}"


def page(options: argparse.Namespace) -> str:
    (X, y), (T, U) = parts(options)
    rule = best_rule([c for _, c in X], [own["text"] for own in y])
    constant = scores([rule(c) for _, c in T], U)
    seeds = range(options.seeds)
    ours_ = [alone("ours", seed, options) for seed in seeds]
    steps = int(ours_[0]["steps"])
    lines = [
        "# Questions on paragraphs\n",
        f"MiniLM on XQuAD English, the last {options.unfreeze} stages trained: {len(X)} questions to train on, "
        f"{len(T)} to test, {steps} steps of {BATCH} windows, {len(seeds)} seeds each in processes of their "
        "own (mean ± standard deviation).\n",
        "| | F1 | exact match | fit, s | of which processor, s | answers, s |",
        "| --- | --- | --- | --- | --- | --- |",
        f"| best rule that looks at no question | {constant['f1']:.3f} | {constant['exact']:.3f} | | | |",
    ]
    sides = {"punar": ours_}
    for rate in options.rates:
        sides[f"by hand, transformers, peak {rate:g}"] = [
            alone("hand", seed, options, rate=rate, steps=steps) for seed in seeds
        ]
    for name, rows in sides.items():
        seconds = [f"{statistics.mean(row[k] for row in rows):.0f}" for k in ("fit", "cpu", "predict")]
        lines.append(f"| {name} | {mean(rows, 'f1')} | {mean(rows, 'exact')} | {' | '.join(seconds)} |")
    lines += [
        "",
        f"Machine: {platform.machine()}, {os.cpu_count()} cores shared with other work, Python "
        f"{platform.python_version()}, torch {torch.__version__}, punar {punar.__version__}.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--questions", type=int, default=10**6, help="to train on; all by default")
    parser.add_argument("--unfreeze", type=int, default=7, help="last stages that are trained; 7 are all")
    parser.add_argument("--rates", type=float, nargs="*", default=[1e-4, 3e-4], help="peaks of the loop by hand")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--side", choices=["ours", "hand"], help="one fit, printed as JSON")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tune", action="store_true", help="of one side: leave the test part alone")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rate", type=float)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.side:
        found = {"ours": ours, "hand": by_hand}[options.side](options)
        print(json.dumps(found | {"cpu": resource.getrusage(resource.RUSAGE_SELF).ru_utime}))
    else:
        text = page(options)
        print(text)
        if options.write:
            options.write.write_text(text, encoding="utf-8")
