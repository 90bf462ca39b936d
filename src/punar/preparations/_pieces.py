"""Texts as letters, or as frequent pieces of words, for networks that write: every text can be put together again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from punar.errors import MissingExtraError
from punar.preparations._vocabulary import PAD, UNKNOWN
from punar.preparations.sentences import Sentences

_NO_CUT = 1_000_000  # tokens
_SPACE = "▁"
_MOST_LETTERS = 4096
_FEWEST = 2  # times that a pair of pieces is seen before it becomes one


def learn_pieces(texts: Sequence[str], size: int | None) -> Sentences:
    """Return a preparation of texts as letters, or as pieces of words by byte-pair encoding (Sennrich et al. 2016).

    A space is a token of its own, or the beginning of the piece after it. Text is brought to Unicode's NFC. The same
    texts, in any order, give the same vocabulary.

    Parameters
    ----------
    texts : sequence of str
    size : int or None
        Pieces at most, letters among them; None keeps letters alone.

    Raises
    ------
    MissingExtraError
        The package tokenizers is not installed.
    """
    try:
        from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    except ImportError:
        raise MissingExtraError("Texts need the package tokenizers: pip install 'punar[text]'") from None

    def built(model: Any) -> Any:
        made = Tokenizer(model)
        made.normalizer = normalizers.NFC()
        made.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme="always")
        made.decoder = decoders.Metaspace(replacement=_SPACE, prepend_scheme="always")
        return made

    # A lone surrogate is no text; it is refused where the text is prepared, with its name.
    known = [text.encode("utf-8", "replace").decode() for text in texts]
    plain = normalizers.NFC()
    letters = Counter(c for text in known for c in plain.normalize_str(text) if c not in (" ", _SPACE))
    alphabet = sorted(sorted(letters), key=lambda c: -letters[c])[:_MOST_LETTERS]
    numbers = {token: i for i, token in enumerate([PAD, UNKNOWN, _SPACE, *alphabet])}
    if size is None or size <= len(numbers):
        return Sentences(built(models.BPE(numbers, [], unk_token=UNKNOWN)).to_str(), _NO_CUT, pad_id=0)
    trained = built(models.BPE(unk_token=UNKNOWN))
    settings: dict[str, Any] = {
        "vocab_size": size,
        "min_frequency": _FEWEST,
        "limit_alphabet": len(numbers),
        "show_progress": False,
    }
    trained.train_from_iterator(known, trainers.BpeTrainer(special_tokens=[PAD, UNKNOWN], **settings))
    # The trainer numbers its special tokens first, and would find them in texts: a text may hold "[PAD]".
    facts = json.loads(trained.to_str()) | {"added_tokens": []}
    return Sentences(json.dumps(facts, ensure_ascii=False), _NO_CUT, pad_id=0)
