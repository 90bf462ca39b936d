"""Sentences as pretrained networks read them: token ids with the special tokens, cut at the network's length."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from msgspec import Meta
from torch import Tensor

from punar.core.words import listed
from punar.data import layouts
from punar.data.decode import BadItem
from punar.data.missing import is_missing
from punar.errors import DataError, DataTypeError, MissingExtraError, shown
from punar.preparations._preparation import Batch, Preparation
from punar.preparations._reading import Count
from punar.preparations._sample import Sample
from punar.preparations._traces import traces, word_spans
from punar.preparations._windows import overlap

_STEP = 8
_WORDS = (list, tuple)
_LONGEST = 10_000_000
_PER_TOKEN = 20  # characters: far more than a token has
_SPECIAL = 8  # special tokens at most


@dataclass(frozen=True)
class Sentences(Preparation):
    """Input facts of a text network.

    An item is a text, or a list or tuple of words; all items of one call are of one kind. A list's words keep their
    bounds: no token of the network crosses them.

    Parameters
    ----------
    tokenizer : str
        JSON text of a ``tokenizers.Tokenizer``. What it says of truncation and padding is not used.
    max_length : int
        Most tokens that the network reads at once, special ones included. :meth:`prepare` cuts off what follows,
        :meth:`samples` reads it in further windows.
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
    max_length: Annotated[int, Meta(ge=1, le=_LONGEST)]
    pad_id: Count = 0

    domain: ClassVar[str] = "text"
    several: ClassVar[bool] = True

    def check(self, X: Any, where: str) -> Sequence[Any]:
        """Return the texts, or the lists of words, as a list; see :class:`Preparation`."""
        if isinstance(X, (str, bytes)):
            raise DataTypeError(f"{where}: X must be a list of texts, got one text: pass a list, [X].")
        X = layouts.known(X, where)
        if (
            hasattr(X, "columns")
            or isinstance(X, (Mapping, Set))
            or getattr(X, "ndim", 1) != 1
            or not hasattr(X, "__len__")
        ):
            shape = f" of shape {tuple(X.shape)}" if hasattr(X, "shape") else ""
            raise DataTypeError(
                f"{where}: X must be a list, a column or a 1-D array of texts, got {type(X).__name__}{shape}. "
                "Pass one column of a table: X['text']."
            )
        items = list(X)
        if not items:
            raise DataError(f"{where}: Found X with 0 sample(s) while a minimum of 1 is required.")
        _refuse_missing(items, where)
        kind = list if isinstance(items[0], _WORDS) else str
        for i, item in enumerate(items):
            _check_item(item, f"{where}: X[{i}]", kind)
        return items

    def content(self, item: Any) -> bytes:
        """Return a text in UTF-8; words between bytes that UTF-8 never has."""
        if isinstance(item, _WORDS):
            return b"".join(b"\xff" + _utf8(word) for word in item)
        return _utf8(str(item))

    def prepare(self, item: Any) -> Tensor:
        """Return int64 token ids (t,), 1 <= t <= ``max_length``."""
        return self._ids(self._beginning(item))

    def cuts(self, item: Any) -> bool:
        """Return whether the item has more than ``max_length`` tokens."""
        if len(self.content(item)) + _SPECIAL <= self.max_length:
            return False  # no token has less than a byte
        return bool(self._beginning(item).overflowing)

    def samples(self, item: Any) -> list[Sample]:
        """Return the item in windows of ``max_length`` tokens, each with its special tokens.

        Neighbouring windows share about a quarter of their tokens. A word belongs to the window in which its first
        piece lies furthest from a cut. A word of which the tokenizer makes nothing has no row in any trace.

        Raises
        ------
        BadItem
            It is no text, or ``max_length`` leaves no room beside the special tokens.
        """
        windows = self._windows(item)
        spans = None if isinstance(item, _WORDS) else word_spans(windows, str(item))
        return [Sample(self._ids(w), trace) for w, trace in zip(windows, traces(windows, spans), strict=True)]

    def words(self, item: Any) -> list[tuple[int, int]]:
        """Return where each word of a text begins and ends, in characters; its number is the one that traces give.

        A word of which the tokenizer makes nothing, or of white space alone, is an empty span. Of a list of words, a
        span is the whole word.
        """
        if isinstance(item, _WORDS):
            return [(0, len(word)) for word in item]
        spans = word_spans(self._windows(item), str(item))
        found: list[tuple[int, int]] = []
        for word in range(max(spans, default=-1) + 1):
            end = found[-1][1] if found else 0
            found.append(spans.get(word, (end, end)))
        return found

    def _encoded(self, item: Any) -> Any:
        words = isinstance(item, _WORDS)
        built = _built(self.tokenizer, self.max_length, words)
        try:
            return built.encode(list(item), is_pretokenized=True) if words else built.encode(str(item))
        except (UnicodeEncodeError, TypeError):
            raise BadItem("it holds half of a character (a lone surrogate), which is not text") from None

    def _beginning(self, item: Any) -> Any:
        """Return the first window of an item; of one that is far longer, little more is read."""
        most = _PER_TOKEN * self.max_length
        while len(item) > most:
            found = self._encoded(_first(item, most))
            if found.overflowing:
                return found
            most *= 4  # white space, of which there may be any amount
        return self._encoded(item)

    def _windows(self, item: Any) -> list[Any]:
        encoded = self._encoded(item)
        if not encoded.overflowing:
            return [encoded]
        special = _built(self.tokenizer, self.max_length, isinstance(item, _WORDS)).num_special_tokens_to_add(False)
        if special >= self.max_length:
            raise BadItem(f"max_length={self.max_length} leaves no room beside {special} special tokens")
        return [encoded, *encoded.overflowing]

    def _ids(self, encoded: Any) -> Tensor:
        # Without special tokens an empty text has no token at all, and nothing to average.
        return torch.tensor(encoded.ids or [self.pad_id], dtype=torch.int64)

    def pieces(self, item: Any) -> list[tuple[str, bool]]:
        """Return the text of each token of :meth:`prepare`, as it stands in the item, and whether it is known.

        Special tokens, which stand for no text, have their name; an empty text has one piece, which is empty.
        """
        found = self._beginning(item)
        unknown = getattr(_built(self.tokenizer, self.max_length, False).model, "unk_token", None)
        words = item if isinstance(item, _WORDS) else None
        pieces = []
        for (a, b), token, word in zip(found.offsets, found.tokens, found.word_ids, strict=True):
            text = str(item) if words is None else words[word or 0]
            pieces.append((text[a:b] if b > a else token, token != unknown))
        return pieces or [("", True)]

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


def _first(item: Any, most: int) -> Any:
    """Return the first characters of a text, up to the end of a word where that is not far, or a list's first words."""
    some = item[:most]
    if isinstance(item, _WORDS) or item[most].isspace():
        return some
    whole = some.rstrip() if some[-1:].isspace() else some[: -len(some.split()[-1])] if some.split() else some
    return whole if 2 * len(whole) > most else some


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _check_item(item: Any, where: str, kind: type) -> None:
    """Raise where an item is neither text nor words, or is not of the first item's ``kind``."""
    if isinstance(item, _WORDS):
        if kind is str:
            raise DataTypeError(f"{where} is a list of words, but X[0] is a text; pass all items in one form.")
        if len(item) == 0:
            raise DataError(f"{where} has no words; every list needs one at least. Drop the row.")
        for j, word in enumerate(item):
            if isinstance(word, str) and word:
                continue
            rule = "is missing" if is_missing(word) else "must be a word, a text that is not empty"
            raise DataTypeError(f"{where}[{j}] {rule}, got {shown(word)} ({type(word).__name__}).")
        return
    if isinstance(item, str):
        if kind is list:
            raise DataTypeError(f"{where} is a text, but X[0] is a list of words; pass all items in one form.")
        return
    raise DataTypeError(f"{where} must be text, got {shown(item)} ({type(item).__name__}). Lists of words do as well.")


def _refuse_missing(items: Sequence[Any], where: str) -> None:
    """Raise one error for all items that are None, NaN, NaT or ``pd.NA``, with their positions."""
    missing = [i for i, item in enumerate(items) if is_missing(item)]
    if missing:
        places = listed([f"X[{i}]" for i in missing], quoted=False)
        are = "is missing" if len(missing) == 1 else f"are missing ({len(missing):,} of {len(items):,} items)"
        raise DataTypeError(
            f"{where}: {places} {are}, got {shown(items[missing[0]])}. Every item must be text: drop these rows, or "
            "fill them with ''."
        )


# Kept outside the instances, so that they stay plain values: equal, hashable, cheap to pickle.
@functools.lru_cache(maxsize=16)
def _built(text: str, max_length: int, words: bool) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtraError("Texts need the package tokenizers: pip install 'punar[text]'") from None
    try:
        built = Tokenizer.from_str(_with_prefix(text) if words else text)
    except Exception as error:  # tokenizers raises plain Exception
        raise DataError(f"The tokenizer cannot be built from its JSON text: {shown(str(error), 200)}.") from None
    built.no_padding()
    room = max_length - built.num_special_tokens_to_add(False)
    built.enable_truncation(max_length, stride=max(overlap(room), 0))
    return built


def _with_prefix(text: str) -> str:
    """Return a tokenizer's JSON text that reads a word as it reads one after a space, not as the rest of a word."""
    facts = json.loads(text)
    split = facts.get("pre_tokenizer") or {}
    for part in [split, *split.get("pretokenizers", [])]:
        if part.get("type") == "ByteLevel":
            part["add_prefix_space"] = True
    return json.dumps(facts)
