"""Transcripts that a decoder writes: Whisper's tokens of language and task, what it is taught, what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from punar.backbones import Body
from punar.errors import MissingExtraError, NotSupportedError, ParameterError, shown, suggest
from punar.tasks._letters import Segment
from punar.tasks._targets import Misfit

_IGNORED = -100
_PER_SECOND = 50  # marks of time
_FRAMES = 100  # of a spectrum, in a second
_PROMPT = 8  # marks before a text, at most
_FEWEST, _FASTEST = 16, 25  # tokens of any answer, and in each second: letters of some scripts take three each


class Dictation:
    """How one checkpoint writes transcripts.

    Parameters
    ----------
    body : Body
        In its native form, with a decoder.
    where : str

    Raises
    ------
    NotSupportedError
        The checkpoint has no tokenizer.
    """

    def __init__(self, body: Body, where: str) -> None:
        native: Mapping[str, Any] = body.about["native"]
        if not native.get("tokenizer"):
            raise NotSupportedError(
                f"{where}: the checkpoint has no tokenizer.json, so that nobody knows which tokens are which words. "
                "Put it beside config.json: AutoTokenizer.from_pretrained(...).save_pretrained(folder)."
            )
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise MissingExtraError("Transcripts need the package tokenizers: pip install 'punar[text]'") from None
        module: Any = body.module
        self.tokenizer = str(native["tokenizer"])
        self._tokenizer = Tokenizer.from_str(self.tokenizer)
        generation = module.generation_config
        self.languages: dict[str, int] = dict(getattr(generation, "lang_to_id", None) or {})
        self._tasks: dict[str, int] = dict(getattr(generation, "task_to_id", None) or {})
        self._plain: int | None = getattr(generation, "no_timestamps_token_id", None)
        self._start, self._end = int(module.config.decoder_start_token_id), _first(module.config.eos_token_id)
        self.longest = int(module.config.max_target_positions)

    def language(self, name: str, where: str) -> str:
        """Return the token of a language, ``<|hi|>``, from its code or name.

        Raises
        ------
        ParameterError
            The checkpoint has no such language.
        """
        from transformers.models.whisper.tokenization_whisper import LANGUAGES, TO_LANGUAGE_CODE

        code = TO_LANGUAGE_CODE.get(name.lower(), name.lower())
        if f"<|{code}|>" in self.languages:
            return f"<|{code}|>"
        known = [token[2:-2] for token in self.languages]
        names = [LANGUAGES.get(code, code) for code in known]
        said = ", ".join(known) if known else "none: it writes one language only. Leave language=None"
        raise ParameterError(
            f"{where}: language must be one that the checkpoint knows, got {shown(name)}. It knows {said}."
            f"{suggest(name, [*known, *names])}"
        )

    def check_task(self, task: str, where: str) -> None:
        """Raise where the checkpoint does not translate."""
        if task == "translate" and "translate" not in self._tasks:
            raise ParameterError(
                f"{where}: task='translate' is for checkpoints of many languages; this one writes one."
            )

    def heard(self, module: Any, encoded: Any) -> str:
        """Return the token of the language that the checkpoint hears in most recordings."""
        found = module.detect_language(encoder_outputs=encoded, generation_config=module.generation_config)
        number = int(torch.mode(found.cpu()).values)
        return next((token for token, own in self.languages.items() if own == number), next(iter(self.languages)))

    def numbers(self, text: str, language: str | None, task: str) -> list[int]:
        """Return what the decoder is taught to write: tokens of language and task, those of the text, the end."""
        begin = [self.languages[language]] if language is not None and language in self.languages else []
        begin += [self._tasks[task]] if task in self._tasks else []
        begin += [] if self._plain is None else [self._plain]
        # As in its pretraining, where a text begins with a space.
        words = self._tokenizer.encode(f" {text}" if text else "", add_special_tokens=False).ids
        return [*begin, *words, self._end]

    def taught(self, text: str, language: str | None, task: str) -> Tensor:
        """Return :meth:`numbers` as a tensor.

        Raises
        ------
        Misfit
            There are more than the decoder writes.
        """
        found = self.numbers(text, language, task)
        if len(found) > self.longest:
            raise Misfit(
                f"{shown(text, 40)} ({len(text)} letters, {len(found)} tokens)",
                "transcripts",
                f"The network writes at most {self.longest} tokens for one recording. Is it the transcript of another "
                "recording? Cut recording and transcript at a sentence, or leave these pairs out.",
            )
        return torch.tensor(found, dtype=torch.int64)

    def losses(
        self, net: Any, batch: Mapping[str, Tensor], target: Mapping[str, Tensor], weight: Tensor | None
    ) -> tuple[Tensor, float]:
        """Return the mean cross-entropy of a token, and how many there are."""
        labels = target["tokens"]
        begin = labels.new_full((len(labels), 1), self._start)
        given = torch.cat([begin, labels[:, :-1]], 1)
        raw = net({**batch, "decoder_input_ids": given.masked_fill(given == _IGNORED, self._end)}).logits.float()
        each = F.cross_entropy(raw.flatten(0, 1), labels.flatten(), ignore_index=_IGNORED, reduction="none")
        share = (labels != _IGNORED).to(each.dtype)
        if weight is not None:
            share = share * weight.unsqueeze(1)
        total = share.sum()
        mean = (each * share.flatten()).sum() / total.clamp(min=torch.finfo(each.dtype).tiny)
        return mean, float(total)

    def written(
        self, net: Any, batch: Mapping[str, Tensor], language: str | None, task: str, timestamps: bool, beams: int
    ) -> list[list[int]]:
        """Return the tokens that the decoder writes for each row of a batch."""
        settings: dict[str, Any] = {"num_beams": beams}
        if self.languages:
            settings |= {"language": language, "task": task}
        if self._plain is not None:
            settings["return_timestamps"] = timestamps
        limit = self._limit(net.module.backbone, batch)
        if limit is not None:
            settings["max_new_tokens"] = limit
        found = net.module.backbone.generate(encoder_outputs=net(batch), **settings)
        rows = [list(map(int, row)) for row in found]
        return rows if limit is None else [self._ended(row, limit) for row in rows]

    def _limit(self, module: Any, batch: Mapping[str, Tensor]) -> int | None:
        """Return the most tokens of recordings that are heard as long as they are; None of those heard in full.

        Without the silence that the network was trained with it may say the same words without end.
        """
        frames = batch["input_features"].shape[2]
        if frames >= 2 * int(module.config.max_source_positions):
            return None
        heard = float(batch["attention_mask"].sum(1).max()) / _FRAMES
        return max(1, min(self.longest - _PROMPT, round(_FEWEST + _FASTEST * heard)))

    def _ended(self, tokens: list[int], limit: int) -> list[int]:
        """Return tokens without the repeats at the end of an answer that did not end by itself."""
        while tokens and tokens[-1] == self._end:
            tokens = tokens[:-1]
        return tokens if len(tokens) < limit else said_once(tokens)

    def segments(self, tokens: Sequence[int], begin: float, end: float) -> list[Segment]:
        """Return pieces between marks of time; without marks, one piece from ``begin`` to ``end``.

        Parameters
        ----------
        tokens : sequence of int
        begin, end : float
            Of the window, in seconds.
        """
        first = None if self._plain is None else self._plain + 1
        found: list[Segment] = []
        piece: list[int] = []
        since = begin
        for token in tokens:
            if first is None or token < first:
                piece.append(token)
                continue
            at = min(begin + (token - first) / _PER_SECOND, end)
            if text := self.text(piece):
                found.append(Segment(since, at, text))
            piece, since = [], at
        if text := self.text(piece):
            found.append(Segment(since, end, text))
        return found

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, marks of language, task and end left out."""
        known = [token for token in tokens if self._plain is None or token <= self._plain]
        found: str = self._tokenizer.decode(known, skip_special_tokens=True)
        return found.strip()


def said_once(tokens: list[int]) -> list[int]:
    """Return tokens without what is said three times or more at their end, but for the first time.

    >>> said_once([5, 1, 2, 1, 2, 1, 2, 1])
    [5, 1, 2]
    """
    for period in range(1, len(tokens) // 3 + 1):
        at = len(tokens)
        while at > period and tokens[at - 1] == tokens[at - 1 - period]:
            at -= 1
        if len(tokens) - at >= 2 * period:
            return tokens[:at]
    return tokens


def _first(value: Any) -> int:
    return int(value[0] if isinstance(value, (list, tuple)) else value)
