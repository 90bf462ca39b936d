"""What was said in a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from punar.backbones import Body, Plan, View
from punar.core.draws import seeded
from punar.core.params import boolean, check_params, either, instance, integer, none, one_of
from punar.errors import DataError, DataTypeError, NotSupportedError
from punar.preparations import Preparation, Sample
from punar.tasks import _error_rates as rates
from punar.tasks import _letters as ctc
from punar.tasks._hearing import HEADS, Met, read_state
from punar.tasks._letters import LetterHead, Letters, Segment
from punar.tasks._passed import Passed
from punar.tasks._targets import Targets
from punar.tasks._task import Meter, Net, Table, Task, Term
from punar.tasks._unwritable import say_unspelled
from punar.texts import predictions as texts

_IGNORED = -100
_LISTENED = 5  # recordings of which the language is heard
_NOTHING = Met()


class Transcript(NamedTuple):
    """An encoded answer.

    Attributes
    ----------
    text : str
    segments : tuple of Segment
        Pieces in order of time, with seconds.
    """

    text: str
    segments: tuple[Segment, ...] = ()


class SpeechRecognition(Task):
    """What was said in a recording?

    Items are recordings with a transcript each; answers are texts. The score is 1 - word error rate over all words,
    below 0 where more words are wrong than were said; the report has the character error rate as well.

    A network with a state for each step (Wav2Vec2, a recurrent network) says a letter or nothing at each of them:
    connectionist temporal classification, with the letters of the transcripts, or those of a checkpoint that has a
    head of its own. A network with a decoder (Whisper) writes.

    Parameters
    ----------
    language : str or None, default=None
        For Whisper: the language that is spoken, by code or name ("hi", "hindi"). None: the one that the checkpoint
        hears, in each recording where it answers as it is; after training, in most of the first five trained on.
    task : {"transcribe", "translate"}, default="transcribe"
        For Whisper: write what was said, or say it in English.
    vocabulary : {"auto", "transcripts"}, default="auto"
        "auto" keeps a checkpoint's own letters where it has some; "transcripts" makes a new head with the letters of
        the transcripts, for a language or a script that the checkpoint was not made for.
    padding : {"full", "own"}, default="full"
        For Whisper: every recording is heard as 30 s, as in pretraining, or only as long as it is with two seconds of
        silence after it, which takes a fraction of the time, and is worse for those of a few seconds (measured:
        benchmarks/speech.md). Words that the decoder then repeats without end count once.
    beams : int, default=1
        How many texts are followed while decoding; 1 takes the likeliest at each step.
    timestamps : bool, default=False
        Give answers in segments with seconds, for subtitles, as a table of predictions; Whisper writes marks of time
        for it, others are cut at pauses.
    normalise : bool, default=False
        Compare in lower case and without punctuation, as most tables of error rates do.

    References
    ----------
    Graves, Fernández, Gomez and Schmidhuber (2006). Connectionist temporal classification. ICML.
    Baevski, Zhou, Mohamed and Auli (2020). wav2vec 2.0. NeurIPS.
    Radford et al. (2022). Robust speech recognition via large-scale weak supervision. (Whisper)
    Park et al. (2019). SpecAugment. Interspeech. (what is hidden of frames in training)

    Examples
    --------
    >>> task = SpeechRecognition()
    >>> targets = task.learn(["one two", "two"], "fit")
    >>> "".join(task.letters_.letters), task.outputs, len(targets)
    (' enotw', 7, 2)
    """

    domains: ClassVar[tuple[str, ...]] = ("audio",)
    view: ClassVar[str] = "tokens"
    models: ClassVar[tuple[str, ...]] = ("structured", "recurrent")
    estimator_type: ClassVar[str | None] = None
    metric: ClassVar[str] = "1 - word error rate"
    target_form: ClassVar[str] = "texts"
    frames_per_step: ClassVar[int] = 3

    _RULES: ClassVar = {
        "language": either(none(), instance(str, text="a language's name or code")),
        "task": one_of("transcribe", "translate"),
        "vocabulary": one_of("auto", "transcripts"),
        "padding": one_of("full", "own"),
        "beams": integer(1, 1000),
        "timestamps": boolean(),
        "normalise": boolean(),
    }

    def __init__(
        self,
        language: str | None = None,
        *,
        task: str = "transcribe",
        vocabulary: str = "auto",
        padding: str = "full",
        beams: int = 1,
        timestamps: bool = False,
        normalise: bool = False,
    ) -> None:
        self.language = language
        self.task = task
        self.vocabulary = vocabulary
        self.padding = padding
        self.beams = beams
        self.timestamps = timestamps
        self.normalise = normalise

    def check(self, where: str | None = None) -> None:
        """Raise where a setting breaks its rule; see :class:`Task`."""
        check_params(self, self._RULES, where)

    # -- the network's own letters, or its decoder ------------------------------------------------------------------

    @property
    def heads(self) -> tuple[str, ...]:  # type: ignore[override]
        """Which of the library's classes have a head that is kept."""
        return ("ForConditionalGeneration",) if self.vocabulary == "transcripts" else HEADS

    @property
    def random_input(self) -> bool:  # type: ignore[override]
        """Whether nothing may be remembered: what is known of recordings of several lengths cannot share a batch."""
        return self.padding == "own"

    def meet(self, body: Body, where: str) -> Preparation:
        """Take what a network brings for writing, and return how its recordings are prepared.

        Parameters
        ----------
        body : Body
        where : str

        Raises
        ------
        NotSupportedError, ParameterError
            A decoder without a tokenizer, or a language that it does not know.
        """
        # The language is heard once, before it is learned from.
        unheard = self.language is None and not hasattr(self, "language_")
        self.met_ = Met.of(body, self.vocabulary, where, listen=unheard)
        if self.met_.dictation is not None:
            if self.language is not None:
                self.met_.dictation.language(self.language, where)
            self.met_.dictation.check_task(self.task, where)
        return self.met_.prepared(self.padding)

    def form(self, plan: Plan) -> str:
        """Return "native" where a decoder or a checkpoint's own letters are kept, else "tokens"."""
        return "native" if self._known.writes else self.view

    # -- targets ----------------------------------------------------------------------------------------------------

    def learn(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return transcripts as code points, and learn the letters; see :class:`Task`."""
        said = rates.transcripts(y, where)
        if not any(said):
            raise DataError(f"{where}: y must have at least one word to learn from, got {len(said)} empty transcripts.")
        met = self._known
        met.refuse_unused(self, where, said)
        self.writes_, self.kept_ = met.dictation is not None, met.letters is not None
        self.letters_ = Letters(()) if self.writes_ else met.letters or Letters.of_texts(said)
        self.language_ = None
        if met.dictation is not None and met.dictation.languages:
            self.language_ = (
                met.heard(items[:_LISTENED]) if self.language is None else met.dictation.language(self.language, where)
            )
        return self._encoded(said, where, items)

    def from_names(self, labels: Sequence[str]) -> None:
        """Take a checkpoint that writes as it is; ``labels`` are none.

        Raises
        ------
        NotSupportedError
            It has neither a decoder nor letters of its own.
        """
        met = self._known
        if labels or not met.writes:
            raise NotSupportedError(
                "SpeechRecognition without examples needs a checkpoint that has learned to write, such as Whisper or "
                "Wav2Vec2 with a head for CTC and its vocab.json. Teach this one: fit(recordings, transcripts)."
            )
        met.refuse_unused(self, "fit")
        self.writes_, self.kept_ = met.dictation is not None, met.letters is not None
        self.letters_, self.language_ = met.letters or Letters(()), None

    def encode(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return transcripts encoded as those of the fit; see :class:`Task`."""
        return self._encoded(rates.with_words(y, where), where, items)

    def _encoded(self, said: Sequence[str], where: str, items: Sequence[Any]) -> Targets:
        self._known.check_lengths(items, where)
        if not self.writes_:
            for i, text in enumerate(said):
                self.letters_.fitting(text, f"{where}: y[{i}]")
        return Targets({"said": [torch.tensor(list(map(ord, text)), dtype=torch.int64) for text in said]})

    def state(self) -> dict[str, Any]:
        """Return the letters, whether they are the checkpoint's, and the language that was learned from."""
        return {
            "letters": list(self.letters_.letters),
            "blank": self.letters_.blank,
            "writes": self.writes_,
            "kept": self.kept_,
            "language": self.language_,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take untrusted facts; see :class:`Task`."""
        self.letters_, self.writes_, self.kept_, self.language_ = read_state(state)

    def place(self, target: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
        """Return the units of a transcript's letters, or the tokens that a decoder is taught.

        Raises
        ------
        Misfit
            The recording is too short for its transcript, or the transcript longer than the decoder writes.
        """
        text, known = rates.text_of(target["said"]), self._known
        if known.dictation is not None:
            return {"tokens": known.dictation.taught(text, self.language_, self.task)}
        return {"units": self.letters_.taught(text, known.steps(len(sample.tensor)), known.span(sample.trace)[1])}

    def collate(self, placed: Sequence[Mapping[str, Tensor]], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return {"tokens": (n, t)}, padded with -100, or {"units": (n, letters), "length": (n,)}."""
        name = "tokens" if self.writes_ else "units"
        lengths = [len(target[name]) for target in placed]
        found = torch.full((len(placed), max(1, *lengths)), _IGNORED if self.writes_ else 0, dtype=torch.int64)
        for row, target in enumerate(placed):
            found[row, : lengths[row]] = target[name]
        return {name: found} if self.writes_ else {name: found, "length": torch.tensor(lengths)}

    # -- the network ------------------------------------------------------------------------------------------------

    @property
    def outputs(self) -> int:
        """One per letter and one for the blank; 0 where the head is the library's own."""
        return 0 if self.writes_ or self.kept_ else len(self.letters_.letters)

    def build(self, view: View, seed: int | None) -> nn.Module:
        """Return a linear map for every step, or what passes the library's own output on."""
        if self.outputs == 0:
            return Passed()
        if seed is None:
            return LetterHead(view.width, self.outputs)
        with seeded(seed):
            return LetterHead(view.width, self.outputs)

    def vary(
        self, batch: Mapping[str, Tensor], target: Mapping[str, Tensor], generator: torch.Generator
    ) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Return a training batch of frames with some steps and bands hidden (SpecAugment), others as they are."""
        if "values" not in batch or batch["values"].dim() != 3:
            return batch, target
        return {**batch, "values": ctc.masked(batch["values"], batch["lengths"], generator)}, target

    def losses(
        self,
        net: Net,
        batch: Mapping[str, Tensor],
        target: Mapping[str, Tensor],
        weight: Tensor | None,
        *,
        progress: float,
        generator: Any,
    ) -> dict[str, Term]:
        """Return the loss of a letter (CTC), or of a token that the decoder writes, weighed by their number."""
        dictation = self._known.dictation
        if dictation is not None:
            return {"cross_entropy": Term(*dictation.losses(net, batch, target, weight))}
        if getattr(net, "training", False):
            batch, target = self.vary(batch, target, generator)
        raw, lengths = self._scores(net, batch)
        return {"ctc": Term(*ctc.losses(raw, lengths, target, weight, self.letters_.blank))}

    def _scores(self, net: Net, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return scores (n, t, outputs) and how many steps are each row's own."""
        found = net(batch)
        if isinstance(found, Tensor):
            return found, batch["lengths"]
        if isinstance(found, tuple) and len(found) == 2:
            raw, mask = found
            return raw, mask.sum(1)
        lengths = [self._known.steps(int(n)) for n in batch["attention_mask"].sum(1).tolist()]
        return found.logits, torch.tensor(lengths, device=found.logits.device)

    # -- answers ----------------------------------------------------------------------------------------------------

    def answer(self, net: Net, batch: Mapping[str, Tensor], traces: Sequence[Tensor | None]) -> list[Any]:
        """Return what was said in each sample, in segments."""
        found: list[Any] = [None] * len(traces)
        for rows, part in self._known.alike(net, batch):
            spans = [self._known.span(traces[row]) for row in rows.tolist()]
            for row, said in zip(rows.tolist(), self._said(net, part, spans), strict=True):
                found[row] = said
        return found

    def _said(
        self, net: Net, batch: Mapping[str, Tensor], spans: Sequence[tuple[float, float, float]]
    ) -> list[list[Segment]]:
        dictation = self._known.dictation
        if dictation is not None:
            said = self.language_ if self.language is None else dictation.language(self.language, "predict")
            rows = dictation.written(net, batch, said, self.task, self.timestamps, self.beams)
            return [dictation.segments(row, begin, end) for row, (begin, _, end) in zip(rows, spans, strict=True)]
        raw, lengths = self._scores(net, batch)
        sure = torch.log_softmax(raw.float(), 2).cpu().numpy()
        return [
            self.letters_.said(row[: int(length)], begin, step, self.beams)
            for row, length, (begin, step, _) in zip(sure, lengths.tolist(), spans, strict=True)
        ]

    def merge(self, parts: Sequence[Any], item: Any) -> Transcript:
        """Return the transcript of a recording from those of its windows, in order."""
        segments = tuple(segment for part in parts for segment in part)
        return Transcript(rates.tidy(" ".join(segment.text for segment in segments)), segments)

    def predictions(self, answers: Sequence[Any], items: Sequence[Any]) -> list[str]:
        """Return the transcripts, a list of texts."""
        return [answer.text for answer in answers]

    def table(self, answers: Sequence[Any], items: Sequence[Any]) -> Table:
        """Return a row for each transcript; with ``timestamps`` a row for each of its segments."""
        return self.segments(answers, items) if self.timestamps else super().table(answers, items)

    def segments(self, answers: Sequence[Any], items: Sequence[Any]) -> Table:
        """Return a row for each segment of each transcript: where it begins and ends, in seconds, and its text.

        Where nothing was said one row says so, with an empty text.
        """
        each = [answer.segments or (Segment(0.0, 0.0, answer.text),) for answer in answers]
        rows = [segment for own in each for segment in own]
        which = np.repeat(np.arange(len(items)), [len(own) for own in each])
        columns = {
            texts.START: [row.begin for row in rows],
            texts.END: [row.end for row in rows],
            texts.TEXT: [row.text for row in rows],
        }
        return Table(which, columns)

    def constant(self, targets: Targets) -> list[Any]:
        """Return the transcript that makes the fewest errors alone: the commonest, the commonest word, or none."""
        said = [rates.text_of(codes) for codes in targets.columns["said"]]
        found = rates.best_constant([rates.plain(text) for text in said] if self.normalise else said)
        return [Transcript(found)] * len(targets)

    def meter(self) -> Meter:
        """Return a meter of the word error rate."""
        return rates.ErrorRates(self.normalise)

    def score(self, y: Any, predictions: Any, sample_weight: Any = None) -> float:
        """Return 1 - word error rate of transcripts, over all words; below 0 where more are wrong than were said."""
        if sample_weight is not None:
            raise DataTypeError("score: sample_weight is not for task='speech_recognition'; every word counts once.")
        true = rates.with_words(y, "score")
        say_unspelled(self._known.dictation, getattr(self, "letters_", None), true, "score")
        return rates.measured(true, predictions, self.normalise, "score").value()

    def error_rates(self, y: Any, predictions: Any) -> dict[str, float]:
        """Return ``word_error_rate`` and ``character_error_rate`` of transcripts.

        Parameters
        ----------
        y, predictions : sequence of str
        """
        return rates.measured(y, predictions, self.normalise, "error_rates").details()

    def sheet(self, answer: Any, target: Mapping[str, Tensor], item: Any) -> dict[str, Any]:
        """Return what a report shows of one recording: what was said and what was found."""
        true = rates.text_of(target["said"])
        meter = rates.ErrorRates(self.normalise)
        meter.count(answer.text, true)
        return {"form": "texts", "given": None, "truth": [true], "found": answer.text, "score": meter.value()}

    @property
    def _known(self) -> Met:
        """What the network brings; a recurrent network, which is met by none, brings nothing."""
        return getattr(self, "met_", _NOTHING)
