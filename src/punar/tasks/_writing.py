"""Texts as the tokens that a network writes, and back."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from punar.data import layouts
from punar.data.missing import is_missing
from punar.errors import DataError, DataTypeError, MissingExtraError, shown
from punar.tasks._checks import described

_MOST_SHOWN = 3


def one_text_each(y: Any, where: str) -> list[str]:
    """Return targets as a list of texts.

    Raises
    ------
    DataError, DataTypeError
        There are none, or one is missing or is no text.
    """
    return [_text(value, f"{where}: y[{i}]") for i, value in enumerate(_listed(y, where))]


def references(y: Any, where: str) -> list[list[str]]:
    """Return, for each item, the texts that are right: one, or a list of several."""
    found = []
    for i, value in enumerate(_listed(y, where)):
        several = isinstance(value, (list, tuple)) and len(value) > 0
        each = value if several else [value]
        found.append([_text(text, f"{where}: y[{i}]" + (f"[{j}]" if several else "")) for j, text in enumerate(each)])
    return found


def _listed(y: Any, where: str) -> list[Any]:
    if y is None:
        raise DataError(f"{where}: requires y to be passed, but the target y is None.")
    if isinstance(y, (str, bytes)):
        raise DataTypeError(f"{where}: y must have a text for each item, got one text: pass a list, [y].")
    known = layouts.known(y, where)
    if not hasattr(known, "__len__") or isinstance(known, dict) or getattr(known, "ndim", 1) != 1:
        raise DataTypeError(f"{where}: y must be a list, a column or a 1-D array of texts, got {described(y)}.")
    values = list(known)
    if not values:
        raise DataError(f"{where}: y must have a text for each item, got none.")
    return values


def _text(value: Any, where: str) -> str:
    if isinstance(value, str):
        if any("\ud800" <= c <= "\udfff" for c in value):
            raise DataError(f"{where} holds half of a character (a lone surrogate), which is not text.")
        return str(value)
    rule = "is missing" if is_missing(value) else "must be a text"
    raise DataTypeError(f"{where} {rule}, got {shown(value)} ({type(value).__name__}).")


def encoded(text: str) -> Tensor:
    """Return a text's UTF-8 bytes, (n,) uint8."""
    return torch.tensor(list(text.encode()), dtype=torch.uint8)


def ids_of(tokenizer: str, text: str) -> list[int]:
    """Return the tokens of a text, with those that the tokenizer puts around it."""
    found: list[int] = built(tokenizer).encode(text).ids
    return found


def tokens_of(tokenizer: str, ids: Sequence[int]) -> list[str]:
    """Return the name of each token."""
    made = built(tokenizer)
    return [str(made.id_to_token(i)) for i in ids]


def text_from(tokenizer: str, ids: Sequence[int]) -> str:
    """Return the text that tokens stand for; special ones stand for none."""
    found: str = built(tokenizer).decode(list(ids), skip_special_tokens=True)
    return found.strip()


@functools.lru_cache(maxsize=16)
def built(tokenizer: str) -> Any:
    """Return the tokenizer of its JSON text.

    Raises
    ------
    ValueError
        It is none.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtraError("Texts need the package tokenizers: pip install 'punar[text]'") from None
    try:
        made = Tokenizer.from_str(tokenizer)
    except Exception as error:  # tokenizers raises plain Exception
        raise ValueError(f"the tokenizer cannot be built: {shown(str(error), 200)}") from None
    made.no_padding()
    made.no_truncation()
    return made
