"""Speech: letters of AN4 by a recurrent network from scratch; Whisper base as it is and fine-tuned.

    pip install ".[speech]"
    python ../shared/tools/whisper_base.py whisper-base
    python benchmarks/speech.py --write benchmarks/speech.md --whisper whisper-base

AN4 (CMU, 1991): 948 utterances of spelled words, numbers and commands in capitals to train on, 130 of other speakers to
test on. LJ Speech: 32 sentences read by one woman. Beside every error rate stands the best answer that is always the
same. ``--only`` measures one table; ``--checkpoint`` and ``--minutes`` train in pieces, each of which goes on where the
last one stopped. Error rates of Whisper leave out case and punctuation.
"""

from __future__ import annotations

import argparse
import csv
import io
import resource
import time
import zipfile
from pathlib import Path
from typing import Any

import _sections
import numpy as np
import torch
from _transfer_data import DATA, need

import punar
from punar.tasks._error_rates import best_constant, plain
from punar.tasks.speech_recognition import SpeechRecognition

RECURRENT = {"hidden_size": 128, "num_layers": 2, "epochs": 30, "random_state": 0}


def read(name: str, most: int | None = None) -> tuple[list[Any], list[str], list[str]]:
    """Return recordings, what was said, and who spoke."""
    path = DATA / "speech" / f"{name}.zip"
    need(path)
    import soundfile

    with zipfile.ZipFile(path) as archive:
        table = next(n for n in archive.namelist() if n.endswith("transcripts.tsv"))
        text = io.StringIO(archive.read(table).decode("utf-8"))
        rows = list(csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE))[:most]
        folder = table.removesuffix("transcripts.tsv")
        X = [soundfile.read(io.BytesIO(archive.read(folder + r["file"])), dtype="float32") for r in rows]
    return X, [r["text"] for r in rows], [r["speaker"] for r in rows]


def training() -> tuple[list[Any], list[str], list[str]]:
    parts = [read("an4-train-1"), read("an4-train-2")]
    X, y, speakers = ([*a, *b] for a, b in zip(*parts, strict=True))
    return X, y, speakers


class Clock:
    """Wall and processor seconds, added up over the pieces of a training."""

    def __init__(self, kept: Path | None) -> None:
        self._kept = None if kept is None else kept.with_name(kept.name + ".seconds")
        found = self._kept.read_text().split() if self._kept is not None and self._kept.is_file() else ["0", "0"]
        self._before = np.array(found, dtype=float)
        self._begun = self._now()

    def spent(self) -> np.ndarray:
        found = self._before + self._now() - self._begun
        if self._kept is not None:
            self._kept.write_text(f"{found[0]} {found[1]}")
        return found

    @staticmethod
    def _now() -> np.ndarray:
        return np.array([time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_utime])


def line(name: str, task: SpeechRecognition, said: list[str], found: list[str], seconds: str = "") -> str:
    rates = task.error_rates(said, found)
    text = f"| {name} | {rates['word_error_rate']:.3f} | {rates['character_error_rate']:.3f} | {seconds} |"
    print(text, flush=True)
    return text


def constant(task: SpeechRecognition, known: list[str], said: list[str]) -> str:
    best = best_constant([plain(text) for text in known] if task.normalise else known)
    return line(f'always "{best}"', task, said, [best] * len(said))


def head(what: str) -> list[str]:
    return [f"| {what} | word error rate | character error rate | seconds (processor) |", "| --- | --- | --- | --- |"]


def recurrent(options: argparse.Namespace) -> list[str]:
    X, y, speakers = training()
    T, said, _ = read("an4-test")
    task = SpeechRecognition()
    lines = [*head("AN4 test"), constant(task, y, said)]
    clock = Clock(options.checkpoint)
    model = punar.SequenceModel("gru", task=task, verbose=1, **RECURRENT)
    limit = None if options.minutes is None else 60 * options.minutes
    model.fit(X, y, groups=speakers, checkpoint=options.checkpoint, time_limit=limit)
    wall, processor = clock.spent()
    done = len(model.history_)
    name = f"GRU, 2 layers of 128 both ways, {done} of {RECURRENT['epochs']} epochs"
    lines.append(line(name, task, said, model.predict(T), f"{wall:.0f} ({processor:.0f})"))
    model.fitted_.task.beams = 8
    begun = Clock(None)
    lines.append(line("the same, 8 beams", task, said, model.predict(T), f"{begun.spent()[0]:.0f} to answer"))
    return [*lines, "", str(model.fit_report_)]


def whisper_task(**settings: Any) -> SpeechRecognition:
    return SpeechRecognition("en", normalise=True, **settings)


def before(options: argparse.Namespace) -> list[str]:
    lines: list[str] = []
    for name, known in (("ljspeech-32", None), ("an4-test", training)):
        X, said, _ = read(name)
        X, said = X[:: options.clips], said[:: options.clips]
        lines += ["", *head(f"{name}, {len(X)} clips")]
        lines.append(constant(whisper_task(), said if known is None else known()[1], said))
        for padding in ("full", "own"):
            task = whisper_task(padding=padding)
            model = as_it_is(options, task)
            clock = Clock(None)
            found = model.predict(X)
            wall, processor = clock.spent() / len(X)
            seconds = f"{wall:.2f} ({processor:.2f}) a clip"
            lines.append(line(f'Whisper base, padding="{padding}"', task, said, found, seconds))
    return lines


def as_it_is(options: argparse.Namespace, task: SpeechRecognition) -> Any:
    model = punar.TransferLearner(str(options.whisper), task=task, strategy="zero_shot")
    return model.fit(None)


def equal(options: argparse.Namespace) -> list[str]:
    import transformers

    X, _, _ = read("ljspeech-32", 10)
    own = transformers.WhisperForConditionalGeneration.from_pretrained(options.whisper, dtype=torch.float32).eval()
    processor = transformers.WhisperProcessor.from_pretrained(options.whisper)
    found = as_it_is(options, SpeechRecognition("en")).predict(X)
    same = 0
    for (wave, rate), text in zip(X, found, strict=True):
        features = processor(wave, sampling_rate=rate, return_tensors="pt").input_features
        ids = own.generate(features, language="en", task="transcribe")
        same += processor.batch_decode(ids, skip_special_tokens=True)[0].strip() == text
    return [f"Of ten recordings of LJ Speech, {same} greedy transcripts equal those of transformers' own pipeline."]


def fine_tuned(options: argparse.Namespace) -> list[str]:
    X, y, speakers = training()
    T, said, _ = read("an4-test")
    T, said = T[:: options.clips], said[:: options.clips]
    task = whisper_task(padding="own")
    lines = [*head("AN4 test"), constant(task, y, said)]
    lines.append(line("Whisper base as it is", task, said, as_it_is(options, task).predict(T)))
    clock = Clock(options.checkpoint)
    model = punar.TransferLearner(
        str(options.whisper), task=task, strategy="feature_extraction", epochs=options.epochs, batch_size=8,
        learning_rate=5e-5, random_state=0, verbose=1,
    )  # fmt: skip
    some = slice(None, None, options.every)
    limit = None if options.minutes is None else 60 * options.minutes
    model.fit(X[some], y[some], groups=speakers[some], checkpoint=options.checkpoint, time_limit=limit)
    wall, processor = clock.spent()
    name = f"its decoder fine-tuned on {len(y[some])} utterances, {len(model.history_)} epochs"
    lines.append(line(name, task, said, model.predict(T), f"{wall:.0f} ({processor:.0f})"))
    return [*lines, "", str(model.fit_report_)]


TABLES = {
    "recurrent": ("AN4 from scratch, a recurrent network that says letters (CTC)", recurrent),
    "equal": ("Whisper base beside transformers' own", equal),
    "before": ("Whisper base as it is, and how long a clip is heard", before),
    "fine_tuned": ("Whisper base on AN4", fine_tuned),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whisper", type=Path, help="folder of Whisper base")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--minutes", type=float, help="of training in this piece")
    parser.add_argument("--clips", type=int, default=1, help="of the clips to measure Whisper on take every n-th")
    parser.add_argument("--every", type=int, default=1, help="of the utterances to fine-tune on take every n-th")
    parser.add_argument("--epochs", type=int, default=1)
    _sections.main("Speech recognition", TABLES, parser)
