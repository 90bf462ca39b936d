"""The tokenizer of a model folder as JSON text, from whichever of the usual files it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from punar.backbones import _sentencepiece
from punar.errors import BackboneError, DamagedModelError, MissingExtraError, PunarError, shown

_BYTE_SPECIALS = ("<pad>", "<s>", "</s>", "<unk>")


def read_tokenizer(folder: Path, config: Any, settings: Mapping[str, Any]) -> str:
    """Return the JSON text of a folder's tokenizer, truncation and padding switched off.

    Parameters
    ----------
    folder : Path
        With ``tokenizer.json``, ``vocab.txt`` (BERT), ``vocab.json`` and ``merges.txt`` (GPT-2, RoBERTa), or
        ``source.spm``, ``target.spm`` and ``vocab.json`` (Marian).
    config : transformers configuration
    settings : mapping
        What ``tokenizer_config.json`` holds.

    Raises
    ------
    BackboneError
        None of these files is there.
    DamagedModelError
        A file does not hold a tokenizer.
    """
    try:
        import tokenizers
    except ImportError:
        raise MissingExtraError("Texts need the package tokenizers: pip install 'punar[text]'") from None
    kind = config.model_type
    try:
        # Their own models first: a tokenizer.json beside them reads the source's language only.
        if kind == "marian" and _sentencepiece.has(folder):
            return _plain(_sentencepiece.build(folder, "source"))
        if (folder / "tokenizer.json").is_file():
            return _plain(tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")))
        if kind in ("bert", "distilbert") and (folder / "vocab.txt").is_file():
            return _plain(_word_pieces(folder / "vocab.txt", settings))
        if kind in ("gpt2", "roberta") and (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
            return _plain(_byte_pairs(folder, kind, settings))
    except PunarError:
        raise
    # tokenizers raises plain Exception for whatever is wrong in a file
    except Exception as error:
        raise DamagedModelError(f"{folder}: its tokenizer cannot be read: {shown(str(error), 200)}.") from None
    raise BackboneError(
        f"{folder} has no tokenizer.json, the tokenizer as one file. Write it where the model came from: "
        "AutoTokenizer.from_pretrained(...).save_pretrained(folder)."
    )


def byte_tokenizer(vocab_size: int) -> str:
    """Return a tokenizer of the 256 bytes of UTF-8 between a start and an end token, for networks without one.

    Raises
    ------
    BackboneError
        The network has fewer than 260 tokens.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

    symbols = [*_BYTE_SPECIALS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    if vocab_size < len(symbols):
        raise BackboneError(f"texts as bytes need a network of at least {len(symbols)} tokens, found {vocab_size}.")
    built = Tokenizer(models.BPE(vocab={s: i for i, s in enumerate(symbols)}, merges=[]))
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    built.decoder = decoders.ByteLevel()
    built.add_special_tokens([AddedToken(s, special=True) for s in _BYTE_SPECIALS])
    built.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    return _plain(built)


def _plain(tokenizer: Any) -> str:
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))


def _word_pieces(vocab: Path, settings: Mapping[str, Any]) -> Any:
    from tokenizers import BertWordPieceTokenizer

    return BertWordPieceTokenizer(
        str(vocab),
        lowercase=bool(settings.get("do_lower_case", True)),
        strip_accents=settings.get("strip_accents"),
        handle_chinese_chars=bool(settings.get("tokenize_chinese_chars", True)),
    )


def _byte_pairs(folder: Path, kind: str, settings: Mapping[str, Any]) -> Any:
    from tokenizers import ByteLevelBPETokenizer, processors

    space = bool(settings.get("add_prefix_space", False))
    built = ByteLevelBPETokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), add_prefix_space=space)
    if kind == "roberta":
        start, end = (built.token_to_id(token) for token in ("<s>", "</s>"))
        built.post_processor = processors.RobertaProcessing(("</s>", end), ("<s>", start), add_prefix_space=space)
    return built
