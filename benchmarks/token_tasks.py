"""Batches by length against transformers' Trainer: the same network, data, steps and peak, seconds and scores.

    pip install ".[text]" accelerate
    python benchmarks/token_tasks.py --write benchmarks/token_tasks.md

Questions of a made-up language, whose answers are known (who, where, when or what; some have none), on contexts of 10
to 230 words, most of them short, as texts are. A BERT of two layers of 128 units with random weights. The Trainer is
transformers' own with its defaults for a loop: batches drawn at random and padded to their longest row, AdamW, warm-up
and linear decay. Both train 8 epochs with batches of 16 and hold nothing out. The fit is timed, not the imports; ours
includes tokenising, checks and the report. Each runs in a process of its own; the sides alternate.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers

import punar
from punar.preparations.pairs import Pairs
from punar.tasks._squad import best_rule, measured
from punar.tasks.question_answering import QuestionAnswering

EPOCHS, BATCH, LONGEST = 8, 16, 256
PEAKS = {"ours": 1e-3, "trainer": 1e-3}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WAYS = {
    "who": ["asha", "ravi kumar", "mira", "old tom", "lin wei", "sam"],
    "where": ["in pune", "at home", "on the roof", "in new delhi"],
    "when": ["at noon", "on monday", "last week", "today"],
    "what": ["a drum", "the long song", "two poems", "chess"],
}


def questions(count: int, seed: int) -> tuple[list[tuple[str, str]], list[str]]:
    """Return pairs and answers; contexts differ in length as texts do."""
    rng = random.Random(seed)
    X, y = [], []
    for _ in range(count):
        said = {kind: rng.choice(ways) for kind, ways in WAYS.items()}
        gone = rng.choice(list(WAYS)) if rng.random() < 0.2 else None
        words = ["so"] * int(math.exp(rng.uniform(0, math.log(220))))
        for kind in rng.sample(list(WAYS), 4):
            at = rng.randrange(len(words) + 1)
            words[at:at] = [f"{said[kind]} {rng.choice(['and', 'then', 'well'])}"] if kind != gone else []
        asked = gone if gone is not None and rng.random() < 0.5 else rng.choice(list(WAYS))
        X.append((f"{asked} ?", " ".join(words)))
        y.append("" if asked == gone else said[asked])
    return X, y


def network(folder: str, seed: int) -> str:
    """Save the network and its tokenizer as the hub has them."""
    texts = ["so and then well ?", *WAYS, *(way for ways in WAYS.values() for way in ways)]
    words = sorted({word for text in texts for word in text.split()})
    built = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({t: i for i, t in enumerate([*SPECIAL, *words])}, unk_token="[UNK]")
    )
    built.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    built.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    built.add_special_tokens(SPECIAL)
    built.save(f"{folder}/tokenizer.json")
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=len(words) + 5, hidden_size=128, num_hidden_layers=2, num_attention_heads=4, intermediate_size=256,
        max_position_embeddings=LONGEST, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    transformers.BertForQuestionAnswering(config).save_pretrained(folder)
    return folder


def f1(found: list[str], y: list[str]) -> float:
    return statistics.mean(measured(text, [own] if own else [])[0] for text, own in zip(found, y, strict=True))


def timed(run: Any) -> dict[str, float]:
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_utime
    run()
    return {
        "seconds": time.perf_counter() - started,
        "cpu": resource.getrusage(resource.RUSAGE_SELF).ru_utime - before,
    }


def ours(folder: str, seed: int, X: Any, y: Any, T: Any) -> tuple[dict[str, float], list[str]]:
    model = punar.TransferLearner(
        folder, task="question_answering", strategy="fine_tuning", unfreeze="all", layer_decay=1.0, epochs=EPOCHS,
        learning_rate=PEAKS["ours"], batch_size=BATCH, validation_fraction=0, cache=False, random_state=seed,
    )  # fmt: skip
    spent = timed(lambda: model.fit(X, y))
    return spent, model.predict(T)


def trainer(folder: str, seed: int, X: Any, y: Any, T: Any) -> tuple[dict[str, float], list[str]]:
    """Fit with transformers' Trainer. Labels and decoding are ours, which its own users write by hand; untimed."""
    net = transformers.BertForQuestionAnswering.from_pretrained(folder)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=f"{folder}/tokenizer.json", pad_token="[PAD]", sep_token="[SEP]", cls_token="[CLS]"
    )
    task, pairs = QuestionAnswering(), Pairs(Path(folder, "tokenizer.json").read_text("utf-8"), LONGEST, 0, 64, True)
    targets = task.learn(y, "fit", X)
    rows = []
    for i, item in enumerate(X):
        for sample in pairs.samples(item):
            placed = task.place(targets.item(i), sample)
            ids, types = sample.tensor.unbind(1)
            rows.append(
                {
                    "input_ids": ids.tolist(), "token_type_ids": types.tolist(), "attention_mask": [1] * len(ids),
                    "start_positions": int(placed["start"]), "end_positions": int(placed["end"]),
                }
            )  # fmt: skip
    with tempfile.TemporaryDirectory() as out:
        arguments = transformers.TrainingArguments(
            out, num_train_epochs=EPOCHS, per_device_train_batch_size=BATCH, learning_rate=PEAKS["trainer"],
            warmup_steps=0.1, weight_decay=0.01, seed=seed, save_strategy="no", report_to=[], disable_tqdm=True,
            use_cpu=True, logging_strategy="no",
        )  # fmt: skip
        collator = transformers.DataCollatorWithPadding(tokenizer)
        fit = transformers.Trainer(net, arguments, train_dataset=rows, data_collator=collator)
        spent = timed(fit.train)
    net.eval()
    task.empty_ = True
    found = []
    for item in T:
        samples = pairs.samples(item)
        batch = pairs.collate([s.tensor for s in samples], 0)
        with torch.no_grad():
            said = net(**batch)
        raw = torch.stack([said.start_logits, said.end_logits], 2)
        parts = task.answer(lambda _, raw=raw: raw, batch, [s.trace for s in samples])
        found.append(task.merge(parts, item)[2])
    return spent, found


def alone(side: str, seed: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--side", side, "--seed", str(seed)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    print(side, seed, {k: round(v, 3) for k, v in found.items()}, flush=True)
    return found


def page(seeds: int) -> str:
    rows: dict[str, list[dict[str, float]]] = {"ours": [], "trainer": []}
    for seed in range(seeds):
        for side, found in rows.items():
            found.append(alone(side, seed))
    X, y = questions(300, 1)
    rule = best_rule([c for _, c in X], [[own] if own else [] for own in y])
    T, U = questions(300, 2)
    lines = [
        "# Batches by length against transformers' Trainer\n",
        f"600 questions of a made-up language on contexts of 10 to 230 words, {EPOCHS} epochs, {seeds} seeds; "
        "medians.\n",
        "| | F1 | fit, s | of which processor, s |",
        "| --- | --- | --- | --- |",
        f"| best rule that looks at no question | {f1([rule(c) for _, c in T], U):.3f} | | |",
    ]
    names = {"ours": "punar", "trainer": "transformers.Trainer, padded to the longest of a batch"}
    for side, found in rows.items():
        middle = {k: statistics.median(row[k] for row in found) for k in found[0]}
        lines.append(f"| {names[side]} | {middle['f1']:.3f} | {middle['seconds']:.1f} | {middle['cpu']:.1f} |")
    pairs = list(zip(rows["ours"], rows["trainer"], strict=True))
    ratios = [statistics.median(theirs[k] / own[k] for own, theirs in pairs) for k in ("seconds", "cpu")]
    lines += [
        f"\nThe Trainer takes {ratios[0]:.2f} × our time, {ratios[1]:.2f} × our processor time.\n",
        f"Machine: {platform.machine()}, {os.cpu_count()} cores shared with other work, Python "
        f"{platform.python_version()}, torch {torch.__version__}, transformers {transformers.__version__}, punar "
        f"{punar.__version__}.\n",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--side", choices=["ours", "trainer"], help="one fit, printed as JSON")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.side:
        (X, y), (T, U) = questions(600, 100 + options.seed), questions(300, 2)
        with tempfile.TemporaryDirectory() as folder:
            network(folder, options.seed)
            run = {"ours": ours, "trainer": trainer}[options.side]
            spent, found = run(folder, options.seed, X, y, T)
        print(json.dumps({"f1": f1(found, U), **spent}))
    else:
        text = page(options.seeds)
        print(text)
        if options.write:
            options.write.write_text(text, encoding="utf-8")
