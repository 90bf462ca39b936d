"""Networks for many languages: the token that says which, in their tokenizer's template and for what they write."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from punar.core.words import listed
from punar.errors import ParameterError, shown, suggest

# Of mBART ("hi_IN"), NLLB ("hin_Deva") and M2M ("__hi__").
_CODE = re.compile(r"[a-z]{2}_[A-Z]{2}|[a-z]{3}_[A-Z][a-z]{3}|__[a-z]{2,3}__")
_MOST_SHOWN = 6


def codes(tokenizer: str) -> list[str]:
    """Return the tokens of a tokenizer that stand for languages."""
    added = json.loads(tokenizer).get("added_tokens") or []
    return sorted({str(token["content"]) for token in added if _CODE.fullmatch(str(token["content"]))})


def code_of(tokenizer: str, language: str, name: str, where: str) -> str:
    """Return the token of a language that is named by it, or by its beginning.

    Raises
    ------
    ParameterError
        There is none, or several begin so.
    """
    known = codes(tokenizer)
    found = [code for code in known if code == language] or [
        code for code in known if code.strip("_").split("_")[0] == language
    ]
    if len(found) != 1:
        some = listed(found or known[:_MOST_SHOWN]) if known else "none"
        raise ParameterError(
            f"{where}: {name} must be one of the {len(known)} languages of this network's tokenizer, such as {some}, "
            f"got {shown(language)}.{suggest(language, known)}"
        )
    return found[0]


def in_language(tokenizer: str, code: str) -> str:
    """Return a tokenizer that puts this language's token where it had another's."""
    facts = json.loads(tokenizer)
    known = set(codes(tokenizer))
    number = next(token["id"] for token in facts["added_tokens"] if token["content"] == code)
    for template in _templates(facts.get("post_processor")):
        template["special_tokens"][code] = {"id": code, "ids": [number], "tokens": [code]}
        for step in [*template["single"], *template["pair"]]:
            special = step.get("SpecialToken")
            if special is not None and special["id"] in known:
                special["id"] = code
    return json.dumps(facts, ensure_ascii=False)


def number_of(tokenizer: str, code: str) -> int:
    """Return a language token's number."""
    found: int = next(token["id"] for token in json.loads(tokenizer)["added_tokens"] if token["content"] == code)
    return found


def begins(tokenizer: str) -> bool | None:
    """Return whether a language's token begins a text; False where it ends it, None where texts have none."""
    known = set(codes(tokenizer))
    for template in _templates(json.loads(tokenizer).get("post_processor")):
        for at, step in enumerate(template["single"]):
            if step.get("SpecialToken", {}).get("id") in known:
                return not any("Sequence" in before for before in template["single"][:at])
    return None


def with_prefix(tokenizer: str, prefix: str) -> str:
    """Return a tokenizer that reads a text as if ``prefix`` stood before it."""
    facts = json.loads(tokenizer)
    first = {"type": "Prepend", "prepend": prefix}
    normalizer = facts.get("normalizer")
    facts["normalizer"] = {"type": "Sequence", "normalizers": [first, *([normalizer] if normalizer else [])]}
    return json.dumps(facts, ensure_ascii=False)


def _templates(processor: Mapping[str, Any] | None) -> list[Any]:
    each = [] if processor is None else [processor, *processor.get("processors", [])]
    return [part for part in each if part.get("type") == "TemplateProcessing"]
