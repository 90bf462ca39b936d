"""Marian's tokenizers: pieces of a SentencePiece model for each language, numbered by a vocabulary beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from punar.backbones._configuration import read_json
from punar.errors import BackboneError, MissingExtraError, shown

FILES = {"source": "source.spm", "target": "target.spm"}
_VOCABULARY, _OF_TARGET = "vocab.json", "target_vocab.json"
_MOST_BYTES = 64 * 2**20
_END, _UNKNOWN, _PAD = "</s>", "<unk>", "<pad>"
# Before pieces that the other language's model alone has: no text holds it, so that none is read as such a piece.
_FOREIGN = "\ue000"


def has(folder: Path) -> bool:
    """Return whether a folder holds both models and their vocabulary."""
    return all((folder / name).is_file() for name in (*FILES.values(), _VOCABULARY))


def build(folder: Path, side: str) -> Any:
    """Return the tokenizer of one side; texts are written by that of "target".

    Parameters
    ----------
    folder : Path
        See :func:`has`.
    side : {"source", "target"}

    Raises
    ------
    BackboneError, DamagedModelError
        A file is not what its name says.
    MissingExtraError
        The package protobuf, by which they are read, is not installed.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    own = folder / _OF_TARGET
    numbers = read_json(own if side == "target" and own.is_file() else folder / _VOCABULARY)
    if sorted(numbers.values()) != list(range(len(numbers))) or not {_END, _UNKNOWN, _PAD} <= numbers.keys():
        raise BackboneError(f"{folder}: {_VOCABULARY} must number its pieces from 0, {_END} and {_UNKNOWN} among them.")
    model = _read(folder / FILES[side])
    scores = {piece.piece: float(piece.score) for piece in model.pieces}
    lowest = min(scores.values(), default=0.0)
    special = {_END, _UNKNOWN, _PAD} | {piece for piece in numbers if piece.startswith(">>") and piece.endswith("<<")}
    pieces = []
    for piece in sorted(numbers, key=lambda name: int(numbers[name])):
        # A single letter that is unknown to a model is looked up in the vocabulary of both.
        known = piece in scores or piece in special or len(piece) == 1
        pieces.append((piece if known else _FOREIGN + piece, scores.get(piece, lowest)))
    made = Tokenizer(models.Unigram(pieces, unk_id=int(numbers[_UNKNOWN]), byte_fallback=False))
    charsmap = model.normalizer_spec.precompiled_charsmap
    changes: list[Any] = [normalizers.Precompiled(charsmap)] if charsmap else []
    if model.normalizer_spec.remove_extra_whitespaces:
        changes += [normalizers.Replace(Regex(r"\A +| +\z"), ""), normalizers.Replace(Regex(" {2,}"), " ")]
    made.normalizer = normalizers.Sequence(changes)
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False)
    spaces = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    made.decoder = decoders.Sequence([decoders.Replace(_FOREIGN, ""), spaces])
    made.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in sorted(special)])
    made.post_processor = processors.TemplateProcessing(
        single=f"$A {_END}", pair=f"$A $B {_END}", special_tokens=[(_END, int(numbers[_END]))]
    )
    return made


def text_of(folder: Path, side: str) -> str:
    """Return a tokenizer's JSON text."""
    return json.dumps(json.loads(build(folder, side).to_str()), ensure_ascii=False, separators=(",", ":"))


def _read(path: Path) -> Any:
    if path.stat().st_size > _MOST_BYTES:
        raise BackboneError(f"{path} must have at most {_MOST_BYTES} bytes, found {path.stat().st_size}.")
    try:
        from transformers.convert_slow_tokenizer import import_protobuf

        found = import_protobuf().ModelProto()
    except ImportError:
        raise MissingExtraError(
            "Marian's tokenizers need the package protobuf: pip install 'punar[translation]'"
        ) from None
    try:
        found.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf raises its own, or plain ones
        raise BackboneError(f"{path} is no SentencePiece model: {shown(str(error), 200)}.") from None
    return found
