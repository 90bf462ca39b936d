"""What a network brings for writing transcripts: its decoder or its letters, its pace, how its recordings are cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from punar.backbones import Body, device_of
from punar.core.words import listed
from punar.errors import DataError, ParameterError, shown
from punar.preparations import Preparation
from punar.preparations.sounds import Sounds
from punar.tasks._dictation import Dictation
from punar.tasks._letters import Letters
from punar.tasks._unwritable import refuse_unwritable, say_unspelled

HEADS = ("ForConditionalGeneration", "ForCTC")
_WINDOW = 30.0  # seconds: attention over more takes memory by the square
# Settings that say something to a decoder alone, and to letters alone, and what they are where nobody sets them.
_OF_DECODERS = {"language": None, "task": "transcribe", "padding": "full"}
_OF_LETTERS = {"vocabulary": "auto"}
# Seconds after a recording that is heard as long as it is: with less the decoder may repeat itself without end.
_SILENCE = 2.0


@dataclass(frozen=True, eq=False)
class Met:
    """What a network brings.

    Attributes
    ----------
    preparation : Preparation or None
        Of the network; None of one that is made for the task.
    dictation : Dictation or None
        Of a network with a decoder.
    letters : Letters or None
        Of a network with a head of its own.
    strides : tuple of (int, int)
        Kernel and step of each layer between samples and steps; none where a sample is a step.
    body : Body or None
        Until the language is known.
    """

    preparation: Preparation | None = None
    dictation: Dictation | None = None
    letters: Letters | None = None
    strides: tuple[tuple[int, int], ...] = ()
    body: Body | None = None

    @classmethod
    def of(cls, body: Body, vocabulary: str, where: str, *, listen: bool) -> Met:
        """Return what a network brings.

        Parameters
        ----------
        body : Body
        vocabulary : {"auto", "transcripts"}
            Whether letters of its own are kept.
        where : str
        listen : bool
            Whether the network is asked for a language next.
        """
        facts = body.plan.preparation
        native = (body.about.get("native") or {}) if body.about.get("form") == "native" else {}
        if str(native.get("class", "")).endswith(HEADS[0]):
            return cls(facts, Dictation(body, where), body=body if listen else None)
        letters = None
        if native.get("vocabulary") and vocabulary == "auto":
            config: Any = getattr(body.module, "config", None)
            letters = Letters.of_vocabulary(
                native["vocabulary"], int(config.pad_token_id), int(config.vocab_size), where
            )
        return cls(facts, None, letters, _strides(body))

    @property
    def writes(self) -> bool:
        """Whether the network has a decoder or letters of its own."""
        return self.dictation is not None or self.letters is not None

    def refuse_unused(self, task: Any, where: str, said: Sequence[str] = ()) -> None:
        """Raise where a setting of the task, or a transcript, was given that this network makes nothing of.

        Raises
        ------
        ParameterError
        DataError
            A decoder knows no part of a transcript. Many unknown tokens are warned of.
        """
        if self.dictation is not None and said:
            refuse_unwritable(self.dictation.tokenizer, said, where)
            say_unspelled(self.dictation, None, said, where)
        decodes = self.dictation is not None
        owner = "one that says letters (CTC)" if decodes else "one with a decoder of many languages, such as Whisper"
        own = "has a decoder and no letters" if decodes else "says a letter or nothing at each step"
        for name, unset in (_OF_LETTERS if decodes else _OF_DECODERS).items():
            if getattr(task, name) != unset:
                raise ParameterError(
                    f"{where}: {name}={getattr(task, name)!r} of SpeechRecognition is for {owner}; this network {own}, "
                    f"and would not heed it. Leave {name} out."
                )

    def prepared(self, padding: str) -> Preparation:
        """Return how recordings are prepared: cut into windows, and as long as they are where that is wanted."""
        facts = self.preparation
        assert facts is not None
        if not isinstance(facts, Sounds):
            return facts
        if facts.kind == "log_mel" and padding == "own" and self.dictation is not None:
            facts = replace(facts, silence=_SILENCE)
        return replace(facts, windows=True, seconds=facts.seconds or _WINDOW)

    def check_lengths(self, items: Sequence[Any], where: str) -> None:
        """Raise where recordings with a transcript are longer than the network hears at once.

        Raises
        ------
        DataError
            Nobody knows which words belong to which window.
        """
        if self.preparation is None or not isinstance(self.preparation, Sounds):
            return
        facts, most = self.preparation, self.preparation.seconds or _WINDOW
        long = [(i, facts.duration(item)) for i, item in enumerate(items)]
        long = [(i, seconds) for i, seconds in long if seconds > most]
        if long:
            named = listed([f"{facts.name(items[i], i)} ({seconds:.1f} s)" for i, seconds in long[:5]])
            raise DataError(
                f"{where}: {len(long)} of {len(items)} recordings with a transcript are longer than {most:g} s, which "
                f"is what the network hears at once: {named}. Cut them and their transcripts at sentences; "
                "recordings without a transcript may be of any length."
            )

    def alike(self, net: Any, batch: Mapping[str, Tensor]) -> list[tuple[Tensor, Mapping[str, Tensor]]]:
        """Return a batch in parts whose rows are equally long, with their numbers, where padding would be heard.

        Where it is not, and where the frozen part's outputs are known, the batch is one part.
        """
        facts, mask = self.preparation, batch.get("attention_mask")
        every: list[tuple[Tensor, Mapping[str, Tensor]]] = [(torch.arange(len(next(iter(batch.values())))), batch)]
        if not isinstance(facts, Sounds) or mask is None or getattr(net, "remembered", False):
            return every
        own = mask.sum(1).cpu()
        if facts.kind == "log_mel" and facts.silence is not None:
            own = torch.tensor([facts.bucket(torch.empty(int(n) * facts.hop)) // facts.hop for n in own])
        elif facts.kind != "samples" or facts.multiple > 1:
            return every
        parts: list[tuple[Tensor, Mapping[str, Tensor]]] = []
        for length in own.unique().tolist():
            rows = torch.nonzero(own == length).flatten()
            parts.append((rows, {k: v[rows.to(v.device)][..., :length] for k, v in batch.items()}))
        return parts

    def steps(self, samples: int) -> int:
        """Return how many steps the network makes of a prepared recording."""
        if self.preparation is not None and isinstance(self.preparation, Sounds):
            samples = max(samples, self.preparation.shortest)
        for kernel, stride in self.strides:
            samples = (samples - kernel) // stride + 1
        return max(samples, 1)

    def span(self, trace: Tensor | None) -> tuple[float, float, float]:
        """Return where a sample begins, how long a step is, and where it ends, in seconds."""
        each, begin, end = [*([0.0] if trace is None else trace.tolist()), 0.0, 0.0][:3]
        for _, stride in self.strides:
            each *= stride
        return begin, each, end

    @torch.no_grad()
    def heard(self, items: Sequence[Any]) -> str:
        """Return the token of the language that the network hears in most of some recordings, and let go of it."""
        assert self.dictation is not None
        assert self.body is not None
        facts, body = self.prepared("full"), self.body
        samples = [facts.prepare(item) for item in items]
        batch = facts.collate(samples, max(map(facts.bucket, samples)))
        native = body.plan.view("native")
        device = device_of(body.module)
        batch = {name: value.to(device) for name, value in batch.items()}
        found = self.dictation.heard(body.module, native.compute(body.module, batch))
        object.__setattr__(self, "body", None)
        return found


def _strides(body: Body) -> tuple[tuple[int, int], ...]:
    if not isinstance(body.plan.preparation, Sounds):
        return ()  # frames, which are steps already
    config = body.about.get("config") or {}
    if "conv_kernel" in config:
        return tuple(zip(config["conv_kernel"], config["conv_stride"], strict=True))
    view = next((view for view in body.plan.views if view.form == "tokens"), None)
    return tuple((stride, stride) for stride in (view.strides if view is not None else ()))


def read_state(state: Mapping[str, Any]) -> tuple[Letters, bool, bool, str | None]:
    """Return letters, whether a decoder writes, whether a head was kept, and the language, from untrusted facts.

    Raises
    ------
    ValueError, KeyError
        A field is missing, or has another type or value than a task gives.
    """
    letters, language, writes, kept = (state[name] for name in ("letters", "language", "writes", "kept"))
    found = Letters.of_facts(letters, state["blank"])
    if type(writes) is not bool or type(kept) is not bool or (writes and (kept or letters)):
        raise ValueError("writes and kept must be true or false, and a network that writes has no letters")
    if not writes and not any(letters):
        raise ValueError("letters must have at least one letter")
    if language is not None and not (writes and isinstance(language, str) and len(language) < 64):
        raise ValueError(f"language must be a token of a network that writes, or null, found {shown(language)}")
    return found, writes, kept, language
