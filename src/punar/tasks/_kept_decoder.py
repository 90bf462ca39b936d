"""A pretrained network's own decoder: how its texts begin and end, in which language, and how long they may be."""

from __future__ import annotations

from typing import Any, NamedTuple

from punar.errors import ParameterError, shown
from punar.tasks import _languages as languages
from punar.tasks._writing import ids_of

_MOST = 2**20  # tokens of a text


class KeptDecoder(NamedTuple):
    """What is known of a decoder that is kept.

    Attributes
    ----------
    source, target : str
        Tokenizers, as JSON text, of what is read and of what is written.
    generate : dict of str to int
        For the library's ``generate``, beside its own settings.
    ends : list of int
        Tokens after those that the tokenizer puts at a text's end.
    room : int
        Tokens of a text at most.
    """

    source: str
    target: str
    generate: dict[str, int]
    ends: list[int]
    room: int


def kept_decoder(
    source: str, target: str, config: Any, spoken: tuple[str | None, str | None], where: str
) -> KeptDecoder:
    """Return what is known of a network's decoder.

    Parameters
    ----------
    source, target : str
        The network's tokenizers.
    config : transformers configuration
        Of the network; where it does not say with which token texts begin, that is noted, as T5 begins.
    spoken : tuple of (str or None, str or None)
        ``source_language`` and ``target_language``.
    where : str
        The caller, for messages.

    Raises
    ------
    ParameterError
        A language that the tokenizer does not have, or none where one is needed.
    """
    source, target, generate = _spoken(source, target, spoken, where)
    known = config.eos_token_id[0] if isinstance(config.eos_token_id, list) else config.eos_token_id
    own = [i for i in ids_of(target, "") if i not in generate.values()]
    if getattr(config, "decoder_start_token_id", None) is None and config.pad_token_id is not None:
        config.decoder_start_token_id = config.pad_token_id
        generate.setdefault("decoder_start_token_id", int(config.pad_token_id))
    if own and own[-1] != known:  # random weights with a tokenizer of another making
        generate["eos_token_id"] = own[-1]
    return KeptDecoder(source, target, generate, [] if own else [int(known)], _room(config))


def _spoken(
    source: str, target: str, spoken: tuple[str | None, str | None], where: str
) -> tuple[str, str, dict[str, int]]:
    """Return both tokenizers with the languages' tokens, and what begins a text of the one that is written."""
    begins = languages.begins(source)
    if begins is None:
        for name, language in zip(("source_language", "target_language"), spoken, strict=True):
            if language is not None:
                raise ParameterError(
                    f"{where}: this network's tokenizer marks no languages: {name} must be None, got {shown(language)}."
                )
        return source, target, {}
    if spoken[1] is None:
        known = languages.codes(source)
        raise ParameterError(
            f"{where}: target_language must say which of {len(known)} languages is written, such as "
            f"{', '.join(known[:3])}, got None."
        )
    code = languages.code_of(target, spoken[1], "target_language", where)
    generate = {"forced_bos_token_id" if begins else "decoder_start_token_id": languages.number_of(target, code)}
    target = languages.in_language(target, code)
    if spoken[0] is not None:
        source = languages.in_language(source, languages.code_of(source, spoken[0], "source_language", where))
    return source, target, generate


def _room(config: Any) -> int:
    """Return how many positions there are for what is written; those of T5 are relative, and have no end."""
    inner = getattr(config, "decoder", None) or config
    room = int(getattr(inner, "max_position_embeddings", None) or _MOST)
    # RoBERTa's begin after that of the padding.
    return room - int(inner.pad_token_id) - 1 if "roberta" in inner.model_type else room
