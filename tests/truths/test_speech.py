"""Speech recognition where the right letters are known: a tone for each letter, written down from scratch.

pytest -m slow -s tests/truths/test_speech.py      prints the figures, chance beside them
"""

from __future__ import annotations

import resource

import numpy as np
import pytest
import torch

import punar
from punar.tasks._error_rates import best_constant, measured
from punar.tasks.speech_recognition import SpeechRecognition

RATE = 8_000
LETTERS = "abcdef"


def spoken(n: int, seed: int) -> tuple[list[tuple[np.ndarray, int]], list[str]]:
    """Return words of one to three letters, each a tone of its own pitch that swells and fades; a space is silence."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for _ in range(n):
        words = ["".join(rng.choice(list(LETTERS), rng.integers(1, 4))) for _ in range(rng.integers(1, 4))]
        said = " ".join(words)
        parts = [np.zeros(int(RATE * rng.uniform(0.02, 0.1)))]
        for letter in said:
            t = np.arange(int(RATE * rng.uniform(0.08, 0.14))) / RATE
            pitch = 300 * 1.25 ** LETTERS.find(letter)
            tone = np.sin(2 * np.pi * pitch * t + rng.uniform(0, 6)) * np.hanning(len(t))
            parts.append(np.zeros(len(t)) if letter == " " else tone * rng.uniform(0.2, 0.4))
        wave = np.concatenate([*parts, np.zeros(400)])
        X.append(((wave + rng.normal(0, 0.01, len(wave))).astype(np.float32), RATE))
        y.append(said)
    return X, y


def rates(y: list[str], found: list[str]) -> dict[str, float]:
    return measured(y, found, False, "truth").details()


def show(name: str, learned: list[str], y: list[str], found: list[str]) -> dict[str, float]:
    ours, chance = rates(y, found), rates(y, [best_constant(learned)] * len(y))
    seconds = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    print(f"\n{name}: {ours}; always the same: {chance}; processor seconds so far {seconds:.0f}")
    return ours


def test_no_constant_answer_writes_tones_down() -> None:
    _, y = spoken(200, 0)
    _, asked = spoken(100, 1)
    chance = rates(asked, [best_constant(y)] * len(asked))
    assert chance["word_error_rate"] > 0.9
    assert chance["character_error_rate"] > 0.7


@pytest.mark.slow
def test_a_recurrent_network_writes_tones_down() -> None:
    (X, y), (T, asked) = spoken(600, 0), spoken(150, 1)
    model = punar.SequenceModel("gru", task="speech_recognition", hidden_size=48, epochs=40, random_state=0)
    found = model.fit(X, y).predict(T)
    ours = show("GRU", y, asked, found)
    assert ours["word_error_rate"] <= 0.05
    assert ours["character_error_rate"] <= 0.05
    assert model.fit_report_["learned"] is True
    # Pieces lie where the sound is.
    task = model.fitted_.task
    from punar.models.recurrent.answer import answers

    encoded, items = answers(model, model.fitted_, T[:20], "predict")
    ends = np.asarray(task.segments(encoded, items).columns["end"])
    assert all(end <= max(len(wave) for wave, _ in T) / RATE for end in ends)


@pytest.mark.slow
def test_a_tiny_wav2vec2_from_scratch_writes_tones_down(tmp_path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.Wav2Vec2Config(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128, conv_dim=(32, 64, 64),
        conv_kernel=(20, 8, 4), conv_stride=(10, 8, 4), num_feat_extract_layers=3, num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4, feat_extract_norm="layer", do_stable_layer_norm=True, vocab_size=8,
        hidden_dropout=0.0, attention_dropout=0.0, activation_dropout=0.0, feat_proj_dropout=0.0,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.Wav2Vec2Model(config).save_pretrained(tmp_path)
    (X, y), (T, asked) = spoken(600, 0), spoken(150, 1)
    model = punar.TransferLearner(
        str(tmp_path), task=SpeechRecognition(), strategy="scratch", epochs=40, batch_size=16, random_state=0
    )
    ours = show("Wav2Vec2", y, asked, model.fit(X, y).predict(T))
    print(model.history_[-1], model.fit_report_)
    assert ours["word_error_rate"] <= 0.05
    assert ours["character_error_rate"] <= 0.05
    assert model.fit_report_["learned"] is True
