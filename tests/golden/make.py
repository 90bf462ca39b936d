"""Write a golden folder of each estimator and task, and the answers that each must give.

Run once, with the version whose folders are to be kept (commit 68c43a8 wrote those that are here), never to make a
test pass::

    python tests/golden/make_all.py FOLDER
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import punar
from punar.networks.conv import Conv
from punar.networks.dense import Dense
from punar.networks.recurrent import Recurrent

MAKERS: dict[str, Callable[[], tuple[Any, Any]]] = {}
RNG = np.random.default_rng(0)
TEXTS = ["यह फ़िल्म अच्छी है", "a good film", "a bad film", "यह बुरा है", "not so good", "very bad indeed"]


def golden(make: Callable[[], tuple[Any, Any]]) -> Callable[[], tuple[Any, Any]]:
    MAKERS[make.__name__] = make
    return make


def blobs(n: int = 40, width: int = 5) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(n) % 2
    return np.random.default_rng(1).normal(size=(n, width)) + 1.5 * y[:, None], y


def pictures(n: int = 24, side: int = 12, channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(n) % 2
    rng = np.random.default_rng(2)
    base = np.where(y[:, None, None, None] == 1, 40, 180)
    return (base + rng.integers(0, 60, (n, side, side, channels))).astype(np.uint8), y


def series(n: int = 30, channels: int = 2) -> tuple[list[np.ndarray], np.ndarray]:
    rng, y = np.random.default_rng(3), np.arange(n) % 2
    return [rng.normal(size=(rng.integers(4, 12), channels)) + k for k in y], y


def tones(n: int = 16) -> tuple[list[Any], np.ndarray]:
    rng, y = np.random.default_rng(4), np.arange(n) % 2
    return [(np.sin(np.arange(2400) * (0.1 + 0.3 * k)) * 0.5 + rng.normal(0, 0.01, 2400), 8000) for k in y], y


def tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    built = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    built.normalizer = normalizers.NFC()
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=120, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"], show_progress=False
    )
    built.train_from_iterator(TEXTS, trainer)
    built.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    built.save(str(folder / "tokenizer.json"))


def bert() -> str:
    import transformers

    folder = Path(tempfile.mkdtemp())
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=120, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    transformers.BertModel(config).save_pretrained(folder)
    tokenizer(folder)
    return str(folder)


def wav2vec2() -> str:
    import transformers

    folder = Path(tempfile.mkdtemp())
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(16,) * 7,
        num_conv_pos_embedding_groups=2,
        num_conv_pos_embeddings=16,
    )
    transformers.Wav2Vec2Model(config).save_pretrained(folder)
    return str(folder)


def saved(model: Any) -> str:
    folder = Path(tempfile.mkdtemp()) / "model"
    punar.save(model, folder)
    return str(folder)


FAST = {"epochs": 3, "random_state": 0}
TRANSFER = {"cache": False, "random_state": 0}


@golden
def autoencoder_sparse_conv() -> tuple[Any, Any]:
    X, _ = pictures(24, 8, 1)
    return punar.Autoencoder("sparse", Conv(channels=(4, 6), hidden=()), latent_dim=3, **FAST).fit(X[..., 0]), X[
        :4, ..., 0
    ]


@golden
def autoencoder_denoising() -> tuple[Any, Any]:
    X, _ = blobs()
    return punar.Autoencoder("denoising", Dense(hidden=(6,)), latent_dim=2, **FAST).fit(X), X[:4]


@golden
def autoencoder_lstm() -> tuple[Any, Any]:
    from punar.cells.lstm import Lstm

    X, _ = series()
    return punar.Autoencoder(network=Recurrent(Lstm(), hidden_size=6), latent_dim=2, **FAST).fit(X), X[:4]


@golden
def transfer_classification_picture() -> tuple[Any, Any]:
    X, y = pictures(24, 32)
    names = np.array(["अँधेरा", "bright"])[y]
    model = punar.TransferLearner("cifar_resnet20", weights=None, **TRANSFER).fit(X, names)
    return model, X[:4]


@golden
def transfer_finetuned_text() -> tuple[Any, Any]:
    X = TEXTS * 5
    y = [int("good" in t or "अच्छी" in t) for t in X]
    model = punar.TransferLearner(bert(), strategy="fine_tuning", unfreeze="all", epochs=2, **TRANSFER).fit(X, y)
    return model, TEXTS


@golden
def transfer_multilabel_text() -> tuple[Any, Any]:
    X = TEXTS * 5
    y = np.array([[int("good" in t), int("film" in t)] for t in X])
    return punar.TransferLearner(bert(), task="multilabel", **TRANSFER).fit(X, y), TEXTS


@golden
def transfer_sound() -> tuple[Any, Any]:
    X, y = tones()
    return punar.TransferLearner(wav2vec2(), **TRANSFER).fit(X, y), X[:3]


@golden
def transfer_regression_of_own_rows() -> tuple[Any, Any]:
    X, _ = blobs()
    own = saved(punar.Autoencoder(network=Dense(hidden=(6,)), latent_dim=2, **FAST).fit(X))
    return punar.TransferLearner(own, task="regression", **TRANSFER).fit(X, X.sum(1)), X[:4]


@golden
def transfer_of_own_series() -> tuple[Any, Any]:
    X, y = series()
    own = saved(punar.SequenceModel("gru", hidden_size=6, **FAST).fit(X, y))
    return punar.TransferLearner(own, strategy="fine_tuning", epochs=2, **TRANSFER).fit(X, y), X[:4]


@golden
def sequence_gru_series() -> tuple[Any, Any]:
    X, y = series()
    return punar.SequenceModel("gru", hidden_size=6, **FAST).fit(X, np.array(["no", "yes"])[y]), X[:5]


@golden
def sequence_lstm_regression() -> tuple[Any, Any]:
    X, _ = series()
    y = np.array([[x.sum(), x[-1, 0]] for x in X])
    model = punar.SequenceModel(
        "lstm", task="regression", hidden_size=5, num_layers=2, bidirectional=True, layer_norm=True,
        pooling="attention", missing="mask", **FAST,
    )  # fmt: skip
    return model.fit(X, y), X[:5]


@golden
def sequence_rnn_multilabel_text() -> tuple[Any, Any]:
    X = TEXTS * 5
    y = np.array([[int("good" in t), int("film" in t)] for t in X])
    return punar.SequenceModel("rnn", task="multilabel", hidden_size=6, embedding_dim=8, **FAST).fit(X, y), TEXTS


@golden
def sequence_min_gru_sound() -> tuple[Any, Any]:
    X, y = tones()
    return punar.SequenceModel("min_gru", hidden_size=6, n_mels=8, **FAST).fit(X, y), X[:3]


@golden
def forecasting_array() -> tuple[Any, Any]:
    t = np.arange(90)
    X = 10 + np.sin(t * np.pi / 6) + 0.05 * t
    model = punar.SequenceModel(
        "gru", task="forecasting", horizon=4, context=12, quantiles=(0.1, 0.9), hidden_size=6, **FAST
    )
    return model.fit(X), X[10:80]


@golden
def forecasting_long_table() -> tuple[Any, Any]:
    rows = []
    for shop in ("क", "b"):
        for i, day in enumerate(pd.date_range("2024-01-01", periods=60)):
            rows.append((shop, day, 10 + np.sin(i / 3) + 5 * (shop == "b"), float(i % 7)))
    frame = pd.DataFrame(rows, columns=["shop", "day", "sales", "weekday"])
    model = punar.SequenceModel(
        "lstm", task="forecasting", horizon=3, context=7, relative_to="naive", id_column="shop", time_column="day",
        hidden_size=6, **FAST,
    )  # fmt: skip
    return model.fit(frame), None


def stored_input(X: Any) -> Any:
    """Return an input as JSON values, with what turns it back."""
    if X is None or (isinstance(X, list) and isinstance(X[0], str)):
        return {"form": "plain", "values": X}
    if isinstance(X, np.ndarray):
        return {"form": "array", "dtype": str(X.dtype), "values": X.tolist()}
    if isinstance(X[0], tuple):
        return {"form": "sounds", "values": [[a.round(6).tolist(), rate] for a, rate in X]}
    return {"form": "list", "values": [x.tolist() for x in X]}


def from_input(stored: Any) -> Any:
    """Return what :func:`stored_input` was given."""
    values = stored["values"]
    match stored["form"]:
        case "array":
            return np.array(values, dtype=stored["dtype"])
        case "sounds":
            return [(np.array(a), rate) for a, rate in values]
        case "list":
            return [np.array(v) for v in values]
    return values


def answers(model: Any, X: Any) -> dict[str, Any]:
    """Return everything that a fitted model says of X."""
    found = {}
    for method in ("transform", "reconstruct", "predict", "predict_proba", "predict_interval"):
        if not hasattr(model, method):
            continue
        try:
            found[method] = getattr(model, method)(X)
        except (punar.errors.NotSupportedError, punar.errors.DataTypeError):  # a forecaster reads no series here
            continue
    return {
        k: [np.asarray(p).tolist() for p in v] if isinstance(v, (tuple, list)) else v.tolist() for k, v in found.items()
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    home = Path(sys.argv[1])
    for name in sys.argv[2:] or MAKERS:
        fitted, X = MAKERS[name]()
        punar.save(fitted, home / name)
        asked = stored_input(X)
        text = {"input": asked, "answers": answers(fitted, from_input(asked))}
        (home / f"{name}.json").write_text(json.dumps(text, ensure_ascii=False) + "\n", encoding="utf-8")
        print(name, sorted(text["answers"]), flush=True)
