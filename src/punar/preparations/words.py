"""Words by their spelling: what each is made of, as hashed pieces of letters, without a vocabulary."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from msgspec import Meta
from torch import Tensor

from punar.data.decode import BadItem
from punar.preparations._preparation import Batch, Preparation
from punar.preparations._sample import Sample
from punar.preparations.sentences import Sentences

_STEP = 8
# Whole words and their ends say most of what a word does; where a word is long, its middle goes first.
_ENDS = (2, 3, 4, 5)
_MIDDLE = (3, 4, 2, 1, 5)


@dataclass(frozen=True)
class Words(Preparation):
    """Input facts of a recurrent network that reads words.

    An item is a text, which is split at white space and around punctuation, or a list of words. A step is a word: the
    numbers of its whole form, its shape (capitals, small letters, digits) and its groups of 1 to 5 letters, each hashed
    to a bucket. A word that was never seen shares its endings with words that were. Nothing is learned, so that a model
    holds no word of anybody's texts.

    Parameters
    ----------
    buckets : int, default=8192
        Numbers from 1 to ``buckets`` - 1; 0 is none.
    most : int, default=48
        Numbers of one word.

    References
    ----------
    Bojanowski et al. (2017). Enriching word vectors with subword information. TACL.
    Weinberger et al. (2009). Feature hashing for large scale multitask learning. ICML.

    Examples
    --------
    >>> Words().prepare(["नमस्ते", "world"]).shape
    torch.Size([2, 48])
    >>> Words().words("don't panic!")
    [(0, 3), (3, 4), (4, 5), (6, 11), (11, 12)]
    """

    buckets: Annotated[int, Meta(ge=16, le=2**24)] = 8192
    most: Annotated[int, Meta(ge=4, le=1024)] = 48

    domain: ClassVar[str] = "text"
    several: ClassVar[bool] = False

    def check(self, X: Any, where: str) -> Sequence[Any]:
        """Return the texts, or the lists of words, as a list; see :class:`Preparation`."""
        return Sentences("", 1).check(X, where)

    def content(self, item: Any) -> bytes:
        """Return a text in UTF-8; words between bytes that UTF-8 never has."""
        return Sentences("", 1).content(item)

    def prepare(self, item: Any) -> Tensor:
        """Return int32 numbers (words, most), 0 after the last of each word; at least one row."""
        rows = [_numbers(word, self.buckets, self.most) for word in self._split(item)]
        # An empty text has one step that says nothing.
        return torch.from_numpy(np.array(rows or [(0,) * self.most], dtype=np.int32))

    def samples(self, item: Any) -> list[Sample]:
        """Return the item as one sample, each word at a step of its own."""
        spans = self.words(item)
        trace = [(i, begin, end, 1) for i, (begin, end) in enumerate(spans)] or [(-1, 0, 0, 0)]
        return [Sample(self.prepare(item), torch.tensor(trace, dtype=torch.int64))]

    def words(self, item: Any) -> list[tuple[int, int]]:
        """Return first character and end of each word of a text; of a list of words, of each word itself."""
        return list(_spans(item)) if isinstance(item, str) else [(0, len(word)) for word in item]

    def pieces(self, item: Any) -> list[tuple[str, bool]]:
        """Return the words of :meth:`prepare`; each is known. An empty text has one, which is empty."""
        return [(word, True) for word in self._split(item)] or [("", True)]

    def _split(self, item: Any) -> list[str]:
        words = [item[a:b] for a, b in _spans(item)] if isinstance(item, str) else list(item)
        if any("\ud800" <= c <= "\udfff" for word in words for c in word):
            raise BadItem("it holds half of a character (a lone surrogate), which is not text")
        return words

    def bucket(self, prepared: Tensor) -> int:
        """Return the number of words rounded up to a multiple of 8."""
        return -(-len(prepared) // _STEP) * _STEP

    def blank(self, bucket: int) -> Tensor:
        """Return words of nothing."""
        return torch.zeros(max(bucket, 1), self.most, dtype=torch.int32)

    def collate(self, prepared: Sequence[Tensor], bucket: int) -> Batch:
        """Return {"input_ids": (n, words, most), "attention_mask": (n, words)}."""
        longest = max(bucket, *map(len, prepared))
        ids = torch.zeros(len(prepared), longest, self.most, dtype=torch.int32)
        mask = torch.zeros(len(prepared), longest, dtype=torch.int64)
        for row, words in enumerate(prepared):
            ids[row, : len(words)] = words
            mask[row, : len(words)] = 1
        return {"input_ids": ids, "attention_mask": mask}


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where words lie: letters with their marks and digits together, every other sign alone."""
    begin = 0
    for at, sign in enumerate([*text, " "]):
        # Marks are letters' own: without them the vowel signs of Indian scripts would stand alone.
        if unicodedata.category(sign)[0] in "LMN" or sign == "_":
            continue
        if begin < at:
            yield begin, at
        begin = at + 1
        if not sign.isspace() and at < len(text):
            yield at, at + 1


@lru_cache(maxsize=100_000)
def _numbers(word: str, buckets: int, most: int) -> tuple[int, ...]:
    """Return the hashed features of a word, different ones, filled up with 0."""
    word = unicodedata.normalize("NFC", word)
    small = f"<{word.lower()}>"
    features = [f"W{word}", f"S{_shape(word)}", small]
    features += [end for n in _ENDS for end in (small[-n - 1 :], small[: n + 1]) if len(small) > n + 1]
    features += [small[i : i + n] for n in _MIDDLE for i in range(len(small) - n + 1)]
    found: dict[int, None] = {}
    for feature in features:
        # A checksum is the same in every process and on every machine; Python's own hash is not.
        found[1 + zlib.crc32(feature.encode("utf-8", "surrogatepass")) % (buckets - 1)] = None
        if len(found) == most:
            break
    return (*found, *[0] * (most - len(found)))


def _shape(word: str) -> str:
    """Return the kinds of a word's signs, without repeats: "Aa" for "Delhi", "A0" for "B12"."""
    shape = ""
    for sign in word:
        kind = "0" if sign.isdigit() else "A" if sign.isupper() else "a" if sign.isalpha() else sign
        if not shape.endswith(kind):
            shape += kind
    return shape
