"""A question and the text that may answer it, as pretrained networks read them: one row of tokens, in windows."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from msgspec import Meta
from torch import Tensor

from punar.data import layouts
from punar.data.decode import BadItem
from punar.data.missing import is_missing
from punar.errors import DataError, DataTypeError, MissingExtraError, shown
from punar.preparations._preparation import Batch, Preparation
from punar.preparations._reading import Count
from punar.preparations._sample import Sample

NAMES = ("question", "context")
_STEP = 8
_LONGEST = 10_000_000
_LEAST = 4  # a question leaves at least one part in so many of the input to its context
_JOINERS = "\u200c\u200d"
_ELSEWHERE = (-1, 0, 0, 0)


@dataclass(frozen=True)
class Pairs(Preparation):
    """Input facts of a text network that reads questions with their contexts.

    An item is a pair (question, context), read as ``[CLS] question [SEP] context [SEP]`` with the special tokens that
    the tokenizer puts around a pair. Of a context that is too long to be read at once, each window is read behind the
    question.

    Parameters
    ----------
    tokenizer : str
        JSON text of a ``tokenizers.Tokenizer``.
    max_length : int
        Most tokens that the network reads at once: special ones, question and a window of the context.
    pad_id : int, default=0
        Token that fills up shorter items of a batch; never attended to.
    stride : int, default=64
        Tokens of the context that two neighbouring windows share; at most half of a window.
    types : bool, default=False
        Whether the network is told which tokens are the context's (BERT's token types).

    Notes
    -----
    The trace of a sample has a row per token: the number of the context's word, or -1 for what is not context; where
    the token itself begins and ends in the context, in characters; and 1 in the one window that answers for it. White
    space at a token's ends is left out. Combining marks after it, which some tokenizers drop, belong to it.

    References
    ----------
    Devlin et al. (2019). BERT. NAACL.

    Examples
    --------
    >>> from tokenizers import Tokenizer
    >>> from tokenizers.models import WordLevel
    >>> from tokenizers.pre_tokenizers import Whitespace
    >>> words = Tokenizer(WordLevel({"?": 0, "who": 1, "आशा": 2, "sings": 3}, unk_token="?"))
    >>> words.pre_tokenizer = Whitespace()
    >>> sample = Pairs(words.to_str(), max_length=8).samples(("who sings", "आशा sings"))[0]
    >>> sample.tensor[:, 0].tolist(), sample.trace[2].tolist()
    ([1, 3, 2, 3], [0, 0, 3, 1])
    """

    tokenizer: str
    max_length: Annotated[int, Meta(ge=1, le=_LONGEST)]
    pad_id: Count = 0
    stride: Count = 64
    types: bool = False

    domain: ClassVar[str] = "text"
    several: ClassVar[bool] = True

    def check(self, X: Any, where: str) -> Sequence[Any]:
        """Return pairs (question, context) as a list of tuples; see :class:`Preparation`.

        Parameters
        ----------
        X : list of pairs or of mappings, array of shape (n, 2), or table
            Mappings, as rows of Hugging Face's datasets are, have the keys ``question`` and ``context``, and a table
            has columns of these names; others are not read.
        where : str
        """
        items = _listed(X, where)
        if not items:
            raise DataError(f"{where}: Found X with 0 sample(s) while a minimum of 1 is required.")
        return [_pair(item, f"{where}: X[{i}]") for i, item in enumerate(items)]

    def content(self, item: Any) -> bytes:
        """Return both texts in UTF-8, between them a byte that UTF-8 never has."""
        return b"\xff".join(text.encode("utf-8", "surrogatepass") for text in item)

    def prepare(self, item: Any) -> Tensor:
        """Return the first window: int64 (t, 2), token ids and token types, t <= ``max_length``."""
        return self.samples(item)[0].tensor

    def samples(self, item: Any) -> list[Sample]:
        """Return the question with each window of the context; neighbours share ``stride`` tokens.

        Raises
        ------
        BadItem
            It is no text, or the question is so long that it leaves a context less than a quarter of the input.
        """
        question, context = item
        try:
            encoded = _built(self.tokenizer).encode(question, context)
        except (UnicodeEncodeError, TypeError):
            raise BadItem("it holds half of a character (a lone surrogate), which is not text") from None
        rows = list(zip(encoded.ids, encoded.type_ids, strict=True))
        inside = [i for i, sequence in enumerate(encoded.sequence_ids) if sequence == 1]
        trace = _trace(encoded, inside, context)
        # An empty context stands where the last special token, if there is one, begins.
        first = inside[0] if inside else len(rows) - (encoded.sequence_ids[-1:] == [None])
        last = inside[-1] + 1 if inside else first
        before, after, length = rows[:first], rows[last:], last - first
        room = self.max_length - len(before) - len(after)
        if room < min(length, self.max_length / _LEAST):
            asked = encoded.sequence_ids.count(0)
            raise BadItem(
                f"its question has {asked:,} tokens, which leaves {max(room, 0)} of the {self.max_length:,} that the "
                f"network reads to the context; at least 1 in {_LEAST} must be left. Shorten the question"
            )
        found = []
        for start, stop, own, end in _windows(length, max(room, 1), self.stride):
            ids = [*before, *rows[first + start : first + stop], *after]
            # Without special tokens nothing at all may be left of an empty pair.
            tensor = torch.tensor(ids or [(self.pad_id, 0)], dtype=torch.int64)
            lines = torch.tensor([_ELSEWHERE] * len(tensor), dtype=torch.int64)
            lines[len(before) : len(before) + stop - start] = trace[start:stop]
            lines[len(before) + own - start : len(before) + end - start, 3] = 1
            found.append(Sample(tensor, lines))
        return found

    def pieces(self, item: Any) -> list[tuple[str, bool]]:
        """Return the text of each token of :meth:`prepare`, and whether it is known."""
        encoded = _built(self.tokenizer).encode(*item)
        unknown = getattr(_built(self.tokenizer).model, "unk_token", None)
        parts = zip(encoded.offsets, encoded.tokens, encoded.sequence_ids, strict=True)
        found = [(item[k][a:b] if k is not None and b > a else token, token != unknown) for (a, b), token, k in parts]
        return found[: len(self.prepare(item))] or [("", True)]

    def blank(self, bucket: int) -> Tensor:
        """Return a pair of nothing but padding."""
        return torch.tensor([(self.pad_id, 0)], dtype=torch.int64).repeat(max(bucket, 1), 1)

    def bucket(self, prepared: Tensor) -> int:
        """Return the number of tokens rounded up to a multiple of 8, at most ``max_length``."""
        return min(-(-len(prepared) // _STEP) * _STEP, self.max_length)

    def collate(self, prepared: Sequence[Tensor], bucket: int) -> Batch:
        """Return {"input_ids", "attention_mask"} and, where the network reads them, "token_type_ids": (n, bucket)."""
        bucket = max(bucket, *map(self.bucket, prepared))
        ids = torch.full((len(prepared), bucket), self.pad_id, dtype=torch.int64)
        mask, types = torch.zeros_like(ids), torch.zeros_like(ids)
        for row, tokens in enumerate(prepared):
            ids[row, : len(tokens)], types[row, : len(tokens)] = tokens.unbind(1)
            mask[row, : len(tokens)] = 1
        found = {"input_ids": ids, "attention_mask": mask}
        return found | {"token_type_ids": types} if self.types else found


def _listed(X: Any, where: str) -> list[Any]:
    """Return the items of a list, a table or an array of two columns."""
    if isinstance(X, tuple) and len(X) == 2 and all(isinstance(part, str) for part in X):
        raise DataTypeError(f"{where}: X must be a list of pairs (question, context), got one pair: pass a list, [X].")
    X = list(X) if isinstance(X, tuple) else layouts.known(X, where)
    if hasattr(X, "columns"):
        columns = [str(name) for name in X.columns]
        if not set(NAMES) <= set(columns):
            raise DataError(
                f"{where}: a table of questions must have the columns 'question' and 'context', got "
                f"{shown(columns, 200)}. Rename them, or pass pairs: list(zip(X['q'], X['text']))."
            )
        return list(zip(X["question"], X["context"], strict=True))
    if isinstance(X, Mapping) and set(NAMES) <= set(X) and not isinstance(X["question"], str):
        return _of_columns(X, where)
    if isinstance(X, (str, bytes, Mapping, Set)) or not hasattr(X, "__len__") or getattr(X, "ndim", 1) > 2:
        raise DataTypeError(
            f"{where}: X must be a list of pairs (question, context) or of such dicts, or a table with these columns, "
            f"got {type(X).__name__}. Of one question pass a list, [X]."
        )
    return list(X)


def _of_columns(X: Mapping[Any, Any], where: str) -> list[Any]:
    """Return pairs of a mapping of columns, as slices of Hugging Face's datasets are."""
    columns = [X[name] for name in NAMES]
    counts = [len(column) if hasattr(column, "__len__") else -1 for column in columns]
    if -1 in counts or counts[0] != counts[1]:
        raise DataError(
            f"{where}: X must have as many questions as contexts, got {shown(columns[0])} and {shown(columns[1])}."
        )
    return list(zip(*columns, strict=True))


def _pair(item: Any, where: str) -> tuple[str, str]:
    """Return one item as a tuple of two texts."""
    if isinstance(item, Mapping):
        absent = [name for name in NAMES if name not in item]
        if absent:
            raise DataTypeError(
                f"{where} must have the keys 'question' and 'context', got {shown(sorted(map(str, item)), 200)}."
            )
        item = [item[name] for name in NAMES]
    parts = None if isinstance(item, (str, bytes, Mapping, Set)) or not hasattr(item, "__len__") else list(item)
    if parts is None or len(parts) != len(NAMES):
        missing = is_missing(item)
        rule = "is missing" if missing else "must be a pair of texts (question, context)"
        raise DataTypeError(f"{where} {rule}, got {shown(item)} ({type(item).__name__}).")
    for name, part in zip(NAMES, parts, strict=True):
        if not isinstance(part, str):
            rule = "is missing" if is_missing(part) else "must be text"
            raise DataTypeError(f"{where}: its {name} {rule}, got {shown(part)} ({type(part).__name__}).")
    return str(parts[0]), str(parts[1])


def _windows(length: int, room: int, stride: int) -> list[tuple[int, int, int, int]]:
    """Return where windows begin and end that cover ``length`` tokens, and which tokens each answers for.

    What two windows share is divided in its middle: no token is answered for near a cut that another window does not
    have.
    """
    shared = min(stride, room // 2)
    starts = [0, *range(room - shared, max(length - shared, 0), room - shared)]
    stops = [min(start + room, length) for start in starts]
    middles = [(start + stop) // 2 for start, stop in zip(starts[1:], stops[:-1], strict=True)]
    return list(zip(starts, stops, [0, *middles], [*middles, length], strict=True))


def _trace(encoded: Any, inside: Sequence[int], context: str) -> Tensor:
    """Return word, begin, end and 0 for each token of the context, int64 (t, 4)."""
    words, offsets = encoded.word_ids, encoded.offsets
    taken = {offsets[i][0] for i in inside}
    rows = []
    for i in inside:
        a, b = offsets[i]
        piece = context[a:b]
        if core := piece.strip():  # byte-level tokenizers count the space before a word as the word's
            a += len(piece) - len(piece.lstrip())
            b = a + len(core)
        while b < len(context) and b not in taken and _continues(context[b]):
            b += 1
        rows.append((-1 if words[i] is None else words[i], a, b, 0))
    return torch.tensor(rows, dtype=torch.int64).reshape(-1, 4)


def _continues(sign: str) -> bool:
    return unicodedata.category(sign)[0] == "M" or sign in _JOINERS


@functools.lru_cache(maxsize=16)
def _built(text: str) -> Any:
    """Return a tokenizer that cuts nothing and puts special tokens between question and context."""
    try:
        from tokenizers import Tokenizer, processors
    except ImportError:
        raise MissingExtraError("Texts need the package tokenizers: pip install 'punar[text]'") from None
    try:
        built = Tokenizer.from_str(text)
    except Exception as error:  # tokenizers raises plain Exception
        raise DataError(f"The tokenizer cannot be built from its JSON text: {shown(str(error), 200)}.") from None
    built.no_padding()
    built.no_truncation()
    if built.num_special_tokens_to_add(True) > built.num_special_tokens_to_add(False):
        return built
    single = built.encode("")
    parts = [(token, i) for token, i in zip(single.tokens, single.ids, strict=True)]
    if len(parts) == 2:  # made for single texts: one token before them and one after
        (first, _), (last, _) = parts
        built.post_processor = processors.TemplateProcessing(
            single=f"{first} $A {last}", pair=f"{first} $A {last} $B:1 {last}:1", special_tokens=sorted(set(parts))
        )
    return built
