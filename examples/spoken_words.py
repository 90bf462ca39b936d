"""Which word was said? A small recurrent network, trained from nothing on recordings of four spoken digits.

pip install "punar[audio]"
python examples/spoken_words.py
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import punar

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "fsdd.zip"
WORDS = {"0": "zero", "3": "three", "6": "six", "8": "eight"}


def recordings(folder: Path, numbers: Iterable[int]) -> tuple[list[Path], list[str]]:
    """Return the recordings of the words by all six speakers with these numbers, and what is said."""
    wanted = {str(number) for number in numbers}
    files = [f for f in sorted(folder.rglob("*.wav")) if f.stem[0] in WORDS and f.stem.rpartition("_")[2] in wanted]
    return files, [WORDS[f.stem[0]] for f in files]


def main() -> tuple[float, float]:
    """Return the accuracy on recordings that were held out, and that of chance."""
    with tempfile.TemporaryDirectory() as unpacked, zipfile.ZipFile(DATA) as file:
        file.extractall(unpacked, [n for n in file.namelist() if Path(n).name[:1] in WORDS])
        model = punar.SequenceModel("gru", hidden_size=32, epochs=15, learning_rate=0.01, random_state=0)
        model.fit(*recordings(Path(unpacked), range(5, 20)))
        X, y = recordings(Path(unpacked), range(5))  # as its makers split it
        score = model.score(X, y)
    print(model.fit_report_)
    print(f"On {len(y)} other recordings: accuracy {score:.3f}; always one word: 0.250")
    return score, 0.25


if __name__ == "__main__":
    main()
