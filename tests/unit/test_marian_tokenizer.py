"""Marian's two tokenizers are those of the library: pieces of each language's model, numbered together."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

import punar
from punar.backbones import _sentencepiece, build
from punar.errors import BackboneError, DamagedModelError

transformers = pytest.importorskip("transformers")
pytest.importorskip("google.protobuf")

SOURCE = {"▁": -3.0, "▁the": -1.0, "▁tea": -1.5, "▁is": -1.2, "▁hot": -2.0, "h": -5.0, "o": -5.0, "t": -5.0, "e": -5.5}
TARGET = {"▁": -3.0, "▁चाय": -1.0, "▁गरम": -1.5, "▁है": -1.2, "ग": -5.0, "र": -5.0, "म": -5.0, "।": -4.0}
X, Y = ["the tea is hot", "the tea", "hot tea", "tea is hot"] * 4, ["चाय गरम है।", "चाय", "गरम चाय", "चाय गरम है।"] * 4


def model(pieces: dict[str, float]) -> bytes:
    from transformers.convert_slow_tokenizer import import_protobuf

    made = import_protobuf().ModelProto()
    for piece, score, kind in (
        ("<unk>", 0.0, 2),
        ("<s>", 0.0, 3),
        ("</s>", 0.0, 3),
        *((p, s, 1) for p, s in pieces.items()),
    ):
        made.pieces.add(piece=piece, score=score, type=kind)
    made.trainer_spec.model_type = 1
    made.normalizer_spec.add_dummy_prefix = True
    made.normalizer_spec.remove_extra_whitespaces = True
    found: bytes = made.SerializeToString()
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("marian")
    (made / "source.spm").write_bytes(model(SOURCE))
    (made / "target.spm").write_bytes(model(TARGET))
    numbers = {piece: i for i, piece in enumerate(["</s>", "<unk>", ">>hin<<", *{**SOURCE, **TARGET}, "<pad>"])}
    (made / "vocab.json").write_text(json.dumps(numbers), "utf-8")
    (made / "tokenizer_config.json").write_text('{"source_lang": "eng", "target_lang": "hin"}', "utf-8")
    size = len(numbers)
    torch.manual_seed(0)
    config = transformers.MarianConfig(
        vocab_size=size, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=32,
        pad_token_id=size - 1, eos_token_id=0, forced_eos_token_id=0, decoder_start_token_id=size - 1,
    )  # fmt: skip
    transformers.MarianMTModel(config).save_pretrained(made)
    return made


def named(folder: Path, side: str, text: str) -> list[str]:
    return list(_sentencepiece.build(folder, side).encode(text).tokens)


def test_each_language_is_read_by_its_own_model(folder) -> None:
    assert named(folder, "source", "the  tea is hot ") == ["▁the", "▁tea", "▁is", "▁hot", "</s>"]
    assert named(folder, "target", "चाय गरम है।") == ["▁चाय", "▁गरम", "▁है", "।", "</s>"]
    # No piece of the other language's model, but its single letters, which the vocabulary holds.
    assert named(folder, "source", "चाय।")[-2:] == ["।", "</s>"]
    assert "▁चाय" not in named(folder, "source", "चाय")
    assert named(folder, "source", ">>hin<< tea")[:2] == [">>hin<<", "▁tea"]
    target = _sentencepiece.build(folder, "target")
    ids = [target.token_to_id(piece) for piece in ("▁चाय", "▁है", "।")] + [0]
    assert target.decode(ids) == "चाय है।"
    foreign = json.loads((folder / "vocab.json").read_text("utf-8"))["▁tea"]
    assert target.decode([foreign, ids[1]]) == "tea है"


def test_it_is_the_librarys_own_tokenizer(folder) -> None:
    pytest.importorskip("sentencepiece")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = transformers.MarianTokenizer.from_pretrained(folder)
    for side, texts in (("source", [*X, "  a hot  tea", ""]), ("target", [*Y, "है।।", ""])):
        mine = _sentencepiece.build(folder, side)
        for text in texts:
            given: Any = {"text_target": text} if side == "target" else {"text": text}
            assert mine.encode(text).ids == theirs(**given).input_ids


def test_a_model_writes_and_learns_with_the_targets_tokenizer(folder, tmp_path: Path) -> None:
    learner = punar.TransferLearner(str(folder), task="translation", epochs=30, cache=False, random_state=0)
    learner.set_params(strategy="fine_tuning", unfreeze="all", learning_rate=1e-2, batch_size=4).fit(X, Y)
    assert learner.predict(X[:2]) == Y[:2]
    assert learner.score(X, Y) > 0.8
    again = punar.load(punar.save(learner, tmp_path / "m"))
    assert again.predict(X[:4]) == learner.predict(X[:4])
    assert again.fitted_.task.encode(["चाय"], "here").item(0)["ids"].tolist() == [12, 0]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("target.spm", b"\xff\xff\xff\xff", "is no SentencePiece model"),
        ("vocab.json", b'{"</s>": 0, "<unk>": 7}', "must number its pieces from 0"),
        ("vocab.json", b'{"</s>": "a", "<unk>": "b", "<pad>": "c"}', "must number its pieces from 0"),
        ("vocab.json", b"[1]", "must hold a JSON object"),
    ],
)
def test_files_that_are_not_theirs_are_refused(name, content, said, folder, tmp_path: Path) -> None:
    spoilt = tmp_path / "m"
    shutil.copytree(folder, spoilt)
    (spoilt / name).write_bytes(content)
    with pytest.raises((BackboneError, DamagedModelError), match=said):
        build(punar.backbone(str(spoilt)), form="native")
