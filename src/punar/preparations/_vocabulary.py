"""A vocabulary of words learned from training texts, as a tokenizer that travels with the model."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

from punar.errors import MissingExtraError
from punar.preparations._preparation import Preparation
from punar.preparations.sentences import Sentences

PAD, UNKNOWN = "[PAD]", "[UNK]"
_NO_CUT = 1_000_000  # tokens
_FEWEST = 2  # times that a word is seen before it has a vector of its own


def as_texts(X: Any, where: str) -> Sequence[str]:
    """Return texts as a list.

    Raises
    ------
    DataError, DataTypeError
        It is empty, or not all are text.
    """
    return list(Sentences("", _NO_CUT).check(X, where))


def learn_vocabulary(texts: Sequence[str], most: int, max_length: int | None, *, pieces: bool = False) -> Sentences:
    """Return a preparation with the words of ``texts``.

    Text is brought to Unicode's NFC and to lower case, and split at white space and around punctuation; letters keep
    their combining marks, so that Devanagari's vowel signs stay with their consonants. Words beyond the ``most``
    frequent are unknown, and where there are many (more than a tenth of ``most``) also words seen once: the vector
    for unknown words is learned from those, so that new words have one.

    Parameters
    ----------
    texts : sequence of str
    most : int
        Words at most.
    max_length : int or None
        Tokens of one text at most.

    Raises
    ------
    MissingExtraError
        The package tokenizers is not installed.
    """
    built = _splitter()
    counts: Counter[str] = Counter()
    for text in chain.from_iterable([item] if isinstance(item, str) else item for item in texts):
        # A lone surrogate is no text; it is refused where the text is prepared, with its name.
        clean = text.encode("utf-8", "replace").decode()
        counts.update(word for word, _ in built.pre_tokenizer.pre_tokenize_str(built.normalizer.normalize_str(clean)))
    fewest = _FEWEST if len(counts) > most // 10 else 1
    kept = sorted((-n, word) for word, n in counts.items() if n >= fewest and word not in (PAD, UNKNOWN))[:most]
    words = {PAD: 0, UNKNOWN: 1} | {word: i + 2 for i, (_, word) in enumerate(kept)}
    return Sentences(_splitter(words).to_str(), max_length or _NO_CUT, pad_id=0)


def vocabulary_size(preparation: Preparation) -> int:
    """Return how many tokens a preparation's vocabulary has.

    Raises
    ------
    ValueError, KeyError, TypeError
        Its tokenizer is not one that :func:`learn` made.
    """
    words = json.loads(preparation.tokenizer)["model"]["vocab"]  # type: ignore[attr-defined]
    if sorted(words.values()) != list(range(len(words))) or words[PAD] != 0 or words[UNKNOWN] != 1:
        raise ValueError("the vocabulary must number its words from 0")
    return len(words)


size = vocabulary_size


def _splitter(words: dict[str, int] | None = None) -> Any:
    try:
        from tokenizers import Tokenizer, normalizers, pre_tokenizers
        from tokenizers.models import WordLevel
    except ImportError:
        raise MissingExtraError("Texts need the package tokenizers: pip install 'punar[text]'") from None
    built = Tokenizer(WordLevel(words or {UNKNOWN: 0}, unk_token=UNKNOWN))
    # Not the normaliser of BERT: it drops accents, and with them the vowel signs of Indian scripts.
    built.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    built.pre_tokenizer = pre_tokenizers.Whitespace()
    return built
