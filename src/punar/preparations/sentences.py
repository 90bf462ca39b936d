"""Sentences as pretrained networks read them: token ids with the special tokens, cut at the network's length."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import torch
from torch import Tensor

from punar.data.decode import BadItem
from punar.errors import DataError, DataTypeError, MissingExtraError, shown
from punar.preparations._preparation import Batch, Preparation

_STEP = 8
_LONGEST = 10_000_000


@dataclass(frozen=True)
class Sentences(Preparation):
    """Input facts of a text network.

    Parameters
    ----------
    tokenizer : str
        JSON text of a ``tokenizers.Tokenizer``. What it says of truncation and padding is not used.
    max_length : int
        Most tokens of one item, special ones included; what follows is cut off.
    pad_id : int, default=0
        Token that fills up shorter items of a batch; never attended to.

    Examples
    --------
    >>> from tokenizers import Tokenizer
    >>> from tokenizers.models import WordLevel
    >>> from tokenizers.pre_tokenizers import Whitespace
    >>> words = Tokenizer(WordLevel({"?": 0, "नमस्ते": 1, "world": 2}, unk_token="?"))
    >>> words.pre_tokenizer = Whitespace()
    >>> facts = Sentences(words.to_str(), max_length=8)
    >>> facts.prepare("नमस्ते world")
    tensor([1, 2])
    """

    tokenizer: str
    max_length: int
    pad_id: int = 0

    domain: ClassVar[str] = "text"

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Sentences:
        """Rebuild from :meth:`facts`."""
        made = cls(**{f.name: facts[f.name] for f in fields(cls) if f.name in facts})
        sound = isinstance(made.tokenizer, str) and type(made.max_length) is int and type(made.pad_id) is int
        if not (sound and 1 <= made.max_length <= _LONGEST and made.pad_id >= 0):
            raise ValueError(
                "tokenizer must be text, max_length a whole number from 1 to "
                f"{_LONGEST} and pad_id one >= 0, found max_length {made.max_length!r} and pad_id {made.pad_id!r}"
            )
        return made

    def check(self, X: Any, where: str) -> Sequence[Any]:
        """Return the texts as a list; see :class:`Preparation`."""
        if isinstance(X, (str, bytes)):
            raise DataTypeError(f"{where}: X must be a list of texts, got one text: pass a list, [X].")
        if hasattr(X, "columns") or getattr(X, "ndim", 1) != 1 or not hasattr(X, "__len__"):
            shape = f" of shape {tuple(X.shape)}" if hasattr(X, "shape") else ""
            raise DataTypeError(
                f"{where}: X must be a list, a column or a 1-D array of texts, got {type(X).__name__}{shape}. "
                "Pass one column of a table: X['text']."
            )
        items = list(X)
        if not items:
            raise DataError(f"{where}: Found X with 0 sample(s) while a minimum of 1 is required.")
        for i, item in enumerate(items):
            if isinstance(item, str):
                continue
            missing = item is None or item != item or type(item).__name__ == "NAType"
            if missing:
                raise DataTypeError(
                    f"{where}: X[{i}] is missing ({shown(item)}); every item must be text. Drop the row, "
                    "or fill it with ''."
                )
            raise DataTypeError(f"{where}: X[{i}] must be text, got {shown(item)} ({type(item).__name__}).")
        return items

    def content(self, item: Any) -> bytes:
        """Return the text in UTF-8."""
        return str(item).encode("utf-8", "surrogatepass")

    def prepare(self, item: Any) -> Tensor:
        """Return int64 token ids (t,), 1 <= t <= ``max_length``."""
        try:
            ids = _built(self.tokenizer, self.max_length).encode(str(item)).ids
        except (UnicodeEncodeError, TypeError):
            raise BadItem("it holds half of a character (a lone surrogate), which is not text") from None
        # Without special tokens an empty text has no token at all, and nothing to average.
        return torch.tensor(ids or [self.pad_id], dtype=torch.int64)

    def pieces(self, item: Any) -> list[tuple[str, bool]]:
        """Return the text behind each token of :meth:`prepare`, as it stands in the item, and whether it is known.

        Special tokens, which stand for no text, have their name; an empty text has one piece, which is empty.
        """
        built, text = _built(self.tokenizer, self.max_length), str(item)
        found, unknown = built.encode(text), getattr(built.model, "unk_token", None)
        parts = zip(found.offsets, found.tokens, strict=True)
        return [(text[a:b] if b > a else token, token != unknown) for (a, b), token in parts] or [("", True)]

    def blank(self, bucket: int) -> Tensor:
        """Return an item of nothing but padding."""
        return torch.full((max(bucket, 1),), self.pad_id, dtype=torch.int64)

    def bucket(self, prepared: Tensor) -> int:
        """Return the number of tokens rounded up to a multiple of 8, at most ``max_length``."""
        return min(-(-len(prepared) // _STEP) * _STEP, self.max_length)

    def collate(self, prepared: Sequence[Tensor], bucket: int) -> Batch:
        """Return {"input_ids", "attention_mask"}, both int64 (n, bucket); longer where an item's own bucket is."""
        bucket = max(bucket, *map(self.bucket, prepared))
        ids = torch.full((len(prepared), bucket), self.pad_id, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(prepared):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        return {"input_ids": ids, "attention_mask": mask}


# Kept outside the instances, so that they stay plain values: equal, hashable, cheap to pickle.
@functools.lru_cache(maxsize=8)
def _built(text: str, max_length: int) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtraError("Texts need the package tokenizers: pip install 'punar[text]'") from None
    try:
        built = Tokenizer.from_str(text)
    except Exception as error:  # tokenizers raises plain Exception
        raise DataError(f"The tokenizer cannot be built from its JSON text: {shown(str(error), 200)}.") from None
    built.no_padding()
    built.enable_truncation(max_length)
    return built
