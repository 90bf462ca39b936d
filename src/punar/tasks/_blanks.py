"""Words to be guessed: a tokenizer that reads blanks, and which tokens of a text are hidden."""

from __future__ import annotations

import functools
import json
import re
import zlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from punar.errors import NotSupportedError
from punar.preparations import Sample

# How people write a blank; a network has its own token for it.
BLANK = re.compile(r"\[MASK\]|<mask>|_{3,}")
_TOKEN = re.compile(r"\W{0,2}mask\W{0,2}", re.IGNORECASE)
_WORD, _BEGIN, _END, _OWN = range(4)  # columns of a trace


class Reader:
    """A tokenizer whose token for hidden words also stands for the blanks of a text.

    Parameters
    ----------
    text : str
        JSON text of a ``tokenizers.Tokenizer``.

    Attributes
    ----------
    text : str
        That of the tokenizer that reads blanks.
    mask : int
        Number of the token for what is hidden.
    special : frozenset of int
        Tokens that stand for no text: none of them is hidden, drawn or answered.
    """

    def __init__(self, text: str) -> None:
        from tokenizers import Tokenizer

        facts = json.loads(text)
        added = {t["content"]: t for t in facts.get("added_tokens") or ()}
        named = [t for t in (*added, *_vocabulary(facts)) if _TOKEN.fullmatch(t)]
        if not named:
            raise NotSupportedError(
                "its tokenizer has no token for a hidden word, such as [MASK] or <mask>, so that it can guess none"
            )
        hidden = named[0]
        number: Any = Tokenizer.from_str(text).token_to_id(hidden)
        token = {"id": number, "content": hidden, "single_word": False, "lstrip": False, "rstrip": False}
        # Found after the blanks were replaced: "normalized" says so.
        added[hidden] = {**token, **added.get(hidden, {}), "special": True, "normalized": True}
        rule = {"type": "Replace", "pattern": {"Regex": BLANK.pattern}, "content": hidden}
        known = facts.get("normalizer") or {}
        if rule not in known.get("normalizers", ()):  # else it was saved by a model of this task
            facts["normalizer"] = {"type": "Sequence", "normalizers": [rule, *([known] if known else [])]}
        facts["added_tokens"] = sorted(added.values(), key=lambda t: t["id"])
        self.text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
        self.mask, self.special = int(number), frozenset(t["id"] for t in added.values() if t["special"])
        self._built = Tokenizer.from_str(self.text)
        inside = (facts.get("model") or {}).get("continuing_subword_prefix")
        self._inner = [i for token, i in self._built.get_vocab().items() if inside and token.startswith(inside)]

    @property
    def size(self) -> int:
        """Tokens of the vocabulary."""
        return int(self._built.get_vocab_size())

    def refused(self, size: int) -> Tensor:
        """Return which of ``size`` numbers are no answer, bool (size,): special tokens, and what has no token."""
        found = torch.ones(size, dtype=torch.bool)
        found[: self.size] = False
        found[[i for i in self.special if i < size]] = True
        return found

    def inner(self, size: int) -> Tensor:
        """Return which of ``size`` numbers stand for the rest of a word, bool (size,): these fill no blank."""
        found = torch.zeros(size, dtype=torch.bool)
        found[[i for i in self._inner if i < size]] = True
        return found

    def word(self, number: int) -> str:
        """Return what a token stands for, without the spaces around it."""
        return str(self._built.decode([number], skip_special_tokens=False)).strip()


def _vocabulary(facts: dict[str, Any]) -> Sequence[str]:
    vocabulary = (facts.get("model") or {}).get("vocab") or ()
    return list(vocabulary) if isinstance(vocabulary, dict) else [token for token, *_ in vocabulary]


@functools.lru_cache(maxsize=8)
def reader(text: str) -> Reader:
    """Return the reader of a tokenizer.

    Raises
    ------
    NotSupportedError
        It has no token for a hidden word.
    """
    return Reader(text)


def may_be_hidden(sample: Sample, special: frozenset[int]) -> Tensor:
    """Return which tokens of a window may be hidden, bool (t,): pieces of the words that it answers for."""
    assert sample.trace is not None
    words = sample.trace[:, _WORD]
    own = torch.isin(words, words[sample.trace[:, _OWN] == 1]) & (words >= 0)
    return own & ~torch.isin(sample.tensor, torch.tensor(sorted(special), dtype=torch.int64))


def drawn(numbers: Tensor, allowed: Tensor, share: float) -> Tensor:
    """Return which tokens are hidden, bool (n, t): a share of the allowed ones, in each row one at least.

    Parameters
    ----------
    numbers : Tensor of shape (n, t)
        Drawn from [0, 1).
    allowed : Tensor of bool, (n, t)
    share : float
    """
    numbers = numbers.masked_fill(~allowed, 2.0)
    least = numbers.amin(1, keepdim=True)
    return allowed & ((numbers < share) | (numbers == least))


def fixed(tokens: Tensor, allowed: Tensor, share: float) -> Tensor:
    """Return which tokens of one window are hidden when answers are measured: a draw that its tokens alone decide."""
    seed = zlib.crc32(tokens.numpy().tobytes())
    numbers = torch.rand(1, len(tokens), generator=torch.Generator().manual_seed(seed))
    return drawn(numbers, allowed[None], share)[0]
