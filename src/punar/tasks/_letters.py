"""Connectionist temporal classification: a letter or a blank for each step, and the text that these spell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from punar.errors import DataError, NotSupportedError, shown
from punar.tasks._targets import Misfit


class Segment(NamedTuple):
    """A piece of a transcript and when it was said, in seconds from the recording's beginning."""

    begin: float
    end: float
    text: str


_SPECIAL = ("<pad>", "<s>", "</s>", "[PAD]")
_SPACES = ("|", "▁")
_MOST = 20_000  # letters of a stored vocabulary
_PAUSE, _LONG = 1.0, 7.0  # seconds: a pause, or so much text, ends a piece
_SHARE = (0.08, 0.2)  # of steps and of bands, at most, each time


@dataclass(frozen=True)
class Letters:
    """What each output unit stands for.

    Parameters
    ----------
    letters : tuple of str
        By unit; empty for the blank and for units that write nothing. A word ends where " " stands.
    blank : int
        The unit that says nothing.
    """

    letters: tuple[str, ...]
    blank: int = 0

    @classmethod
    def of_texts(cls, texts: Sequence[str]) -> Letters:
        """Return the letters that transcripts hold, behind the blank."""
        return cls(("", *sorted(set("".join(texts)))))

    @classmethod
    def of_vocabulary(cls, tokens: Mapping[str, Any], blank: int, outputs: int, where: str) -> Letters:
        """Return the letters of a checkpoint's own vocabulary.

        Raises
        ------
        NotSupportedError
            It does not number the checkpoint's outputs.
        """
        found = [""] * outputs
        for token, number in tokens.items():
            if type(number) is not int or not 0 <= number < outputs:
                raise NotSupportedError(
                    f"{where}: the checkpoint's vocabulary gives {shown(token)} the number {shown(number)}, and it has "
                    f"{outputs} outputs."
                )
            found[number] = "" if token in _SPECIAL or number == blank else " " if token in _SPACES else token
        return cls(tuple(found), blank)

    @classmethod
    def of_facts(cls, letters: object, blank: object) -> Letters:
        """Return the letters of untrusted facts.

        Raises
        ------
        ValueError
            They are no texts, or the blank is none of their numbers.
        """
        if not isinstance(letters, list) or len(letters) > _MOST or not all(isinstance(x, str) for x in letters):
            raise ValueError(f"letters must be a list of at most {_MOST} texts, found {shown(letters)}")
        if type(blank) is not int or not 0 <= blank < max(len(letters), 1):
            raise ValueError(f"blank must be the number of a letter, found {shown(blank)}")
        return cls(tuple(letters), blank)

    def fitting(self, text: str, where: str) -> list[int]:
        """Return the unit of each letter of a text; a letter that is there in one case only stands for both.

        Raises
        ------
        DataError
            A letter that the vocabulary lacks.
        """
        number = {letter: i for i, letter in enumerate(self.letters) if letter}
        found = []
        for letter in text:
            unit = next((number[c] for c in (letter, letter.upper(), letter.lower()) if c in number), None)
            if unit is None:
                known = "".join(sorted(letter for letter in number if len(letter) == 1))
                raise DataError(
                    f"{where}, {shown(text)}, has the letter {shown(letter)}, which the model does not know: its "
                    f"letters are {shown(known, 200)}. Write it with these, or fit a new head on transcripts that "
                    "have it."
                )
            found.append(unit)
        return found

    def taught(self, text: str, steps: int, seconds: float) -> Tensor:
        """Return the units of a transcript.

        Parameters
        ----------
        text : str
        steps : int
            Of its recording.
        seconds : float
            Of a step.

        Raises
        ------
        Misfit
            Its recording has too few steps.
        """
        units = torch.tensor(self.fitting(text, "fit: a transcript"), dtype=torch.int64)
        needed = steps_needed(units)
        if needed > steps:
            raise Misfit(
                f"{shown(text, 40)} ({len(text)} letters need at least {needed} steps, {steps * seconds:.2f} s have "
                f"{steps})",
                "transcripts",
                f"The recording is too short for its transcript: the network says a letter or nothing every "
                f"{seconds * 1000:.0f} ms, and needs such a step for each letter and one more between two that are "
                "equal. Is it the transcript of another recording, or the speech far too fast? Leave these pairs out "
                "or correct them.",
            )
        return units

    def spelled(self, units: Sequence[int]) -> str:
        """Return the text of units, one for each letter."""
        return " ".join("".join(self.letters[k] for k in units).split())

    def said(self, sure: np.ndarray, begin: float, step: float, beams: int) -> list[Segment]:
        """Return what log-probabilities (t, outputs) of a sample say, in pieces.

        Parameters
        ----------
        sure : ndarray of shape (t, outputs)
        begin, step : float
            Seconds where the sample begins, and of a step.
        beams : int
        """
        units = greedy(sure, self.blank) if beams == 1 else beam(sure, self.blank, beams)
        return [Segment(begin + a * step, begin + b * step, text) for a, b, text in self.pieces(units, step)]

    def pieces(self, found: Sequence[tuple[int, int]], step: float) -> list[tuple[int, int, str]]:
        """Return (first step, one past the last, text) of what is said between pauses, or within some seconds.

        Parameters
        ----------
        found : sequence of (int, int)
            Unit and step of each letter.
        step : float
            Seconds of a step.
        """
        pieces: list[list[tuple[int, int]]] = [[]]
        for at, (unit, begun) in enumerate(found):
            own = pieces[-1]
            if self.letters[unit] == " " and own and 0 < at < len(found) - 1:
                quiet = (found[at + 1][1] - found[at - 1][1]) * step > _PAUSE
                if quiet or (begun - own[0][1]) * step > _LONG:
                    pieces.append([])
                    continue
            own.append((unit, begun))
        each = [(own[0][1], own[-1][1] + 1, self.spelled([unit for unit, _ in own])) for own in pieces if own]
        return [piece for piece in each if piece[2]]


class LetterHead(nn.Module):
    """A linear map from each step's state to the letters' scores.

    Parameters
    ----------
    width, outputs : int
    """

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, outputs)

    def forward(self, shown: Any, batch: Any = None) -> Any:
        """Return scores (n, t, outputs); beside them the mask of own steps, where what is shown has one."""
        if isinstance(shown, Tensor):
            return self.map(shown)
        return self.map(shown.values), shown.mask


def steps_needed(units: Tensor) -> int:
    """Return how many steps a text needs at least: one for each letter, and a blank between two that are equal."""
    return len(units) + int((units[1:] == units[:-1]).sum())


def losses(
    raw: Tensor, lengths: Tensor, target: Mapping[str, Tensor], weight: Tensor | None, blank: int
) -> tuple[Tensor, float]:
    """Return the mean loss of a letter, and how many letters there are.

    Parameters
    ----------
    raw : Tensor of shape (n, t, outputs)
    lengths : Tensor of int64, (n,)
        Own steps of each row.
    target : mapping
        ``units`` (n, letters), ``length`` (n,).
    weight : Tensor of shape (n,) or None
    blank : int

    References
    ----------
    Graves, Fernández, Gomez and Schmidhuber (2006). Connectionist temporal classification. ICML.
    """
    sure = torch.log_softmax(raw.float(), 2).transpose(0, 1)
    each = F.ctc_loss(sure, target["units"], lengths, target["length"], blank=blank, reduction="none")
    share = target["length"].clamp(min=1).to(each.dtype)  # silence teaches as much as a letter
    if weight is not None:
        each, share = each * weight, share * weight
    total = share.sum()
    return each.sum() / total.clamp(min=torch.finfo(each.dtype).tiny), float(total)


def greedy(sure: np.ndarray, blank: int) -> list[tuple[int, int]]:
    """Return (unit, step) of each letter along the likeliest path: repeats are one, blanks are left out.

    >>> greedy(np.log(np.array([[.1, .9], [.1, .9], [.8, .2], [.1, .9]])), 0)
    [(1, 0), (1, 3)]
    """
    best = sure.argmax(1)
    begins = np.flatnonzero((best != blank) & (best != np.concatenate([[-1], best[:-1]])))
    return [(int(best[at]), int(at)) for at in begins]


def beam(sure: np.ndarray, blank: int, width: int) -> list[tuple[int, int]]:
    """Return (unit, step) of each letter of the likeliest text, over all paths that spell it, among ``width`` texts.

    Parameters
    ----------
    sure : ndarray of shape (t, outputs)
        Log-probabilities.
    blank, width : int

    References
    ----------
    Hannun, Maas, Jurafsky and Ng (2014). First-pass large vocabulary continuous speech recognition using
    bi-directional recurrent DNNs. (prefix beam search, here without a language model)
    """
    # Of each text: log-probability that its path ends in a blank, or in its last letter; and where letters began.
    beams: dict[tuple[int, ...], tuple[float, float, tuple[int, ...]]] = {(): (0.0, -np.inf, ())}
    for at, row in enumerate(sure):
        fresh: dict[tuple[int, ...], tuple[float, float, tuple[int, ...]]] = {}

        def put(text: tuple[int, ...], quiet: float, loud: float, begun: tuple[int, ...], into: Any = fresh) -> None:
            known = into.get(text, (-np.inf, -np.inf, begun))
            into[text] = (np.logaddexp(known[0], quiet), np.logaddexp(known[1], loud), known[2])

        likely = [int(k) for k in np.argsort(-row)[: width + 1] if k != blank]
        for text, (quiet, loud, begun) in beams.items():
            both = np.logaddexp(quiet, loud)
            put(text, both + row[blank], loud + row[text[-1]] if text else -np.inf, begun)
            for unit in likely:
                # After the same letter a new one needs a blank between them.
                before = quiet if text and unit == text[-1] else both
                put((*text, unit), -np.inf, before + row[unit], (*begun, at))
        best = sorted(fresh.items(), key=lambda pair: -np.logaddexp(pair[1][0], pair[1][1]))[:width]
        beams = dict(best)
    text, (_, _, begun) = next(iter(beams.items()))
    return list(zip(text, begun, strict=True))


def masked(values: Tensor, lengths: Tensor, generator: torch.Generator) -> Tensor:
    """Return frames with a few steps and bands of each recording set to the mean, 0.

    Parameters
    ----------
    values : Tensor of shape (n, t, width)
    lengths : Tensor of int64, (n,)
    generator : torch.Generator

    References
    ----------
    Park et al. (2019). SpecAugment. Interspeech.
    """
    n, t, width = values.shape
    drawn = torch.rand(
        n, 2, 2, 2, generator=generator, device=generator.device
    ).cpu()  # steps or bands, twice, how many and where
    found = values
    for axis, size in ((0, lengths.cpu().float()), (1, torch.full((n,), float(width)))):
        along = torch.arange(t if axis == 0 else width)
        for k in range(2):
            long = (drawn[:, axis, k, 0] * _SHARE[axis] * size).floor()
            begin = (drawn[:, axis, k, 1] * (size - long)).floor()
            hidden = (along >= begin[:, None]) & (along < (begin + long)[:, None])
            hidden = hidden.to(values.device)
            found = found.masked_fill(hidden[:, :, None] if axis == 0 else hidden[:, None, :], 0.0)
    return found
