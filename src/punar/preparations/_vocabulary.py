"""A vocabulary learned from training texts, of words or of their pieces, as a tokenizer that travels with the model."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from punar.errors import MissingExtraError
from punar.preparations._preparation import Preparation
from punar.preparations._spelling import any_script, one_spelling
from punar.preparations.sentences import Sentences
from punar.preparations.words import Words

PAD, UNKNOWN = "[PAD]", "[UNK]"
_NO_CUT = 1_000_000  # tokens
_FEWEST = 2  # times that a word or a pair of pieces is seen before it has a vector of its own
_INSIDE = "##"  # before a piece that does not begin its word
_ALPHABET = 4  # pieces per character that is known at all: a character is two, where a word begins and inside


def as_texts(X: Any, where: str) -> Sequence[Any]:
    """Return texts, or lists of words, as a list.

    Raises
    ------
    DataError, DataTypeError
        It is empty, or not all are text.
    """
    return list(Sentences("", _NO_CUT).check(X, where))


def learn_vocabulary(items: Sequence[Any], size: int, longest: int | None, *, pieces: bool = False) -> Sentences:
    """Return a preparation with the words of training items, or with pieces of words.

    Text is brought to Unicode's NFC and split at white space and around punctuation; letters keep their combining
    marks, so that Devanagari's vowel signs stay with their consonants. The same items, in any order, give the same
    vocabulary.

    Parameters
    ----------
    items : sequence of str, or of list of str
        Texts, or lists of words; see :func:`as_texts`.
    size : int
        Words or pieces at most.
    longest : int or None
        Tokens of one item at most.
    pieces : bool, default=False
        False: whole words in lower case, the most frequent ones. The others are unknown, and where there are many
        (more than a tenth of ``size``) also words seen once: the vector for unknown words is learned from those, so
        that new words have one. True: pieces by WordPiece, case kept, down to single characters, so that a new word
        is known by its parts; unknown is a word with a character that the vocabulary does not have.

    Raises
    ------
    MissingExtraError
        The package tokenizers is not installed.
    """
    texts = list(chain.from_iterable([item] if isinstance(item, str) else item for item in items))
    # A lone surrogate is no text; it is refused where the text is prepared, with its name.
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    learned = _pieces(texts, size) if pieces else _words(texts, size)
    numbers = {token: i for i, token in enumerate([PAD, UNKNOWN, *learned])}
    return Sentences(_tokenizer(numbers, pieces).to_str(), longest or _NO_CUT, pad_id=0)


def vocabulary_size(preparation: Preparation) -> int:
    """Return how many tokens a preparation's vocabulary has.

    Raises
    ------
    ValueError, KeyError, TypeError
        Its tokenizer is not one that :func:`learn_vocabulary` made.
    """
    if isinstance(preparation, Words):
        return preparation.buckets
    words = json.loads(preparation.tokenizer)["model"]["vocab"]  # type: ignore[attr-defined]
    if sorted(words.values()) != list(range(len(words))) or words[PAD] != 0 or words[UNKNOWN] != 1:
        raise ValueError("the vocabulary must number its words from 0")
    return len(words)


def _words(texts: Sequence[str], size: int) -> list[str]:
    """Return the most frequent words, the most frequent first; of equally frequent ones the first by code points."""
    from tokenizers.trainers import WordLevelTrainer

    def trained(most: int, fewest: int) -> list[str]:
        built = _tokenizer({UNKNOWN: 0}, pieces=False)
        trainer = WordLevelTrainer(vocab_size=most, min_frequency=fewest, show_progress=False, special_tokens=[])
        built.train_from_iterator(texts, trainer)
        return _in_order(built)

    every = trained(2**31 - 1, 1)
    if len(every) > size // 10:
        every = trained(2**31 - 1, _FEWEST)
    return [word for word in every if word not in (PAD, UNKNOWN)][:size]


def _pieces(texts: Sequence[str], size: int) -> list[str]:
    from tokenizers.trainers import WordPieceTrainer

    built = _tokenizer({UNKNOWN: 0}, pieces=True)
    words = list(_split(built, texts))
    frequent = Counter(chain.from_iterable(words))
    alphabet = sorted(sorted(frequent), key=lambda c: -frequent[c])[: max(size // _ALPHABET, 1)]
    known = set(alphabet)
    # The trainer numbers pieces in the order of a hash map, which changes from run to run, and settles ties by these
    # numbers. Named beforehand, single characters have numbers of their own.
    single = [*sorted(known), *(_INSIDE + c for c in sorted(known))]
    trainer = WordPieceTrainer(
        vocab_size=size, min_frequency=_FEWEST, show_progress=False, special_tokens=single, limit_alphabet=len(known)
    )
    built.train_from_iterator([word for word in words if known.issuperset(word)], trainer)
    return [piece for piece in _in_order(built) if piece not in (PAD, UNKNOWN)][:size]


def _split(built: Any, texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for word, _ in built.pre_tokenizer.pre_tokenize_str(built.normalizer.normalize_str(text)):
            yield word


def _in_order(built: Any) -> list[str]:
    return [token for token, _ in sorted(built.get_vocab(with_added_tokens=False).items(), key=lambda pair: pair[1])]


def _tokenizer(numbers: dict[str, int], pieces: bool) -> Any:
    try:
        from tokenizers import Tokenizer, normalizers, pre_tokenizers
        from tokenizers.models import WordLevel, WordPiece
    except ImportError:
        raise MissingExtraError("Texts need the package tokenizers: pip install 'punar[text]'") from None
    # Not the normaliser of BERT: it drops accents, and with them the vowel signs of Indian scripts.
    if pieces:
        built = Tokenizer(WordPiece(numbers, unk_token=UNKNOWN, continuing_subword_prefix=_INSIDE))
        built.normalizer, built.pre_tokenizer = normalizers.NFC(), pre_tokenizers.Whitespace()
    else:
        built = Tokenizer(WordLevel(numbers, unk_token=UNKNOWN))
        built.normalizer, built.pre_tokenizer = one_spelling(), any_script()
    return built
