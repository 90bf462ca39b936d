"""What of texts a tokenizer does not know: the tokens that stand for anything it has never seen."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from punar.errors import PunarWarning
from punar.texts import items as texts

SHARE = 0.1  # of what there is, from which on it is said
# New words are usual where whole words are known, and have a vector of their own: it is said where all are new.
_SHARE_OF_WORDS = 1.0
_MOST = 2_000  # texts that are looked at, evenly among all
_LONGEST = 4_000  # characters of each
_SPACES = ("▁", "Ġ", "")


class Unknown(NamedTuple):
    """How many tokens of each text are unknown, and how many there are but for special ones and spaces."""

    unknown: list[int]
    total: list[int]

    @property
    def share(self) -> float:
        """Unknown tokens among all; 0 where there are none."""
        return sum(self.unknown) / max(sum(self.total), 1)

    @property
    def wholly(self) -> list[int]:
        """Which texts hold nothing that is known; empty ones hold nothing."""
        return [i for i, (own, every) in enumerate(zip(self.unknown, self.total, strict=True)) if own and own == every]


def unknown_tokens(tokenizer: str, items: Sequence[Any]) -> Unknown:
    """Return what of texts, or of lists of words, a tokenizer does not know.

    Parameters
    ----------
    tokenizer : str
        JSON text of a ``tokenizers.Tokenizer``; one that falls back on bytes knows everything.
    items : sequence of str, or of list of str
    """
    built, unknown, passed, _ = _known(tokenizer)
    if unknown is None:
        return Unknown([0] * len(items), [0] * len(items))
    found = Unknown([], [])
    for item in items:
        words = not isinstance(item, str)
        given = [_plain(word) for word in item] if words else _plain(item)
        encoded = built.encode(given, is_pretokenized=words)
        ids = [i for i, own in zip(encoded.ids, encoded.special_tokens_mask, strict=True) if not own]
        found.unknown.append(ids.count(unknown))
        found.total.append(sum(i not in passed for i in ids))
    return found


def say_unknown(preparation: Any, items: Sequence[Any], where: str) -> None:
    """Warn, once, of texts of which the network knows a tenth or more not at all, with the share.

    Parameters
    ----------
    preparation : Preparation
        Only one with a tokenizer reads texts so.
    items : sequence
        What its ``check`` returned.
    where : str
        The caller, for messages.
    """
    tokenizer = getattr(preparation, "tokenizer", None)
    if not isinstance(tokenizer, str) or not items:
        return
    whole_words = _known(tokenizer)[3]
    some = [items[i] for i in range(0, len(items), -(-len(items) // _MOST))]
    found = unknown_tokens(tokenizer, [" ".join(item) if isinstance(item, tuple) else item for item in some])
    if found.share < (_SHARE_OF_WORDS if whole_words else SHARE):
        return
    count = len(found.wholly)
    message = texts.UNKNOWN.format(where=where, share=found.share, what="words" if whole_words else "tokens")
    message += texts.WHOLLY_UNKNOWN.format(count=f"{count:,}", n=f"{len(some):,}") if count else ""
    warnings.warn(message, PunarWarning, stacklevel=3)


def _plain(text: str) -> str:
    # Half of a character is named where the text is prepared.
    return text[:_LONGEST].encode("utf-8", "replace").decode()


@functools.lru_cache(maxsize=16)
def _known(tokenizer: str) -> tuple[Any, int | None, frozenset[int], bool]:
    """Return the tokenizer, its token for what is unknown, tokens that do not count, and whether it knows words."""
    from tokenizers import Tokenizer

    facts = json.loads(tokenizer)
    built = Tokenizer.from_str(tokenizer)
    built.no_padding()
    built.no_truncation()
    model = facts.get("model") or {}
    name, number = model.get("unk_token"), model.get("unk_id")
    if model.get("byte_fallback"):
        unknown = None
    elif isinstance(name, str):
        unknown = built.token_to_id(name)
    else:
        unknown = number if type(number) is int else None
    passed = _numbers(built, _SPACES) | {t["id"] for t in facts.get("added_tokens") or () if t.get("special")}
    return built, unknown, frozenset(passed - {unknown}), model.get("type") == "WordLevel"


def _numbers(built: Any, names: Iterable[str]) -> set[int]:
    found = (built.token_to_id(name) for name in names)
    return {i for i in found if i is not None}
