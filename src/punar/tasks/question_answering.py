"""Which words of a text answer a question about it, or that it holds no answer."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from punar.backbones import Body, View
from punar.core.draws import seeded
from punar.core.params import check_params, integer
from punar.core.words import listed
from punar.errors import DataError, NotSupportedError, PunarWarning, shown
from punar.preparations import Preparation, Sample
from punar.preparations.pairs import Pairs
from punar.preparations.sentences import Sentences
from punar.tasks import _answer_forms as forms
from punar.tasks._checks import score_weights
from punar.tasks._rates import rates_of
from punar.tasks._squad import SquadMeter, best_rule, measured
from punar.tasks._targets import Targets
from punar.tasks._task import Meter, Net, Table, Task, Term
from punar.texts import predictions as texts

_IGNORED = -100
_WORD, _BEGIN, _END = range(3)  # columns of a trace
_NONE = (-1, -1, "")


class QuestionAnswering(Task):
    """Which words of the context answer the question?

    Items are pairs (question, context), or rows of a table with these columns. Targets are the answer as it stands in
    the context, a list of answers that are right, or SQuAD's ``{"text": [...], "answer_start": [...]}``; ``""`` or no
    text at all says that the context holds no answer. The first of several answers is learned, the best one counts.
    Where ``answer_start`` is not given, the first place is taken at which the answer stands as a word of its own.
    Answers are texts; the score is SQuAD's F1 over words.

    For each token the network says how likely the answer begins and ends there; the answer is the likeliest span of
    all windows of the context. "No answer", which has its place at the first token, is only ever given where there was
    such a question in the fit.

    Parameters
    ----------
    max_answer_length : int, default=30
        Most tokens of an answer that is given; longer ones can be learned from.
    stride : int, default=64
        Tokens that two neighbouring windows of a long context share. An answer is learned in the windows that hold all
        of it.

    References
    ----------
    Rajpurkar et al. (2016). SQuAD: 100,000+ questions for machine comprehension of text. EMNLP.
    Rajpurkar, Jia and Liang (2018). Know what you don't know: unanswerable questions for SQuAD. ACL.
    Devlin et al. (2019). BERT. NAACL, 4.2 and 4.3. (start and end, the first token as no answer)

    Examples
    --------
    >>> task = QuestionAnswering()
    >>> targets = task.learn(["पुणे", ""], "fit", [("where?", "She lives in पुणे."), ("who?", "She lives here.")])
    >>> targets.item(0)["span"].tolist(), targets.item(1)["span"].tolist(), task.empty_
    ([[13, 17]], [], True)
    """

    domains: ClassVar[tuple[str, ...]] = ("text",)
    models: ClassVar[tuple[str, ...]] = ("structured",)
    view: ClassVar[str] = "tokens"
    heads: ClassVar[tuple[str, ...]] = ("ForQuestionAnswering",)
    estimator_type: ClassVar[str | None] = None
    metric: ClassVar[str] = "f1"
    target_form: ClassVar[str] = "answers"

    def __init__(self, max_answer_length: int = 30, stride: int = 64) -> None:
        self.max_answer_length = max_answer_length
        self.stride = stride

    def check(self, where: str | None = None) -> None:
        """Raise where a setting breaks its rule."""
        check_params(self, {"max_answer_length": integer(1), "stride": integer(0)}, where or type(self).__name__)

    # -- the network's input ----------------------------------------------------------------------------------------

    def meet(self, body: Body, where: str) -> Preparation:
        """Return how pairs are prepared for a network: by its own tokenizer.

        Raises
        ------
        NotSupportedError
            The network reads no tokens of a tokenizer.
        """
        own = body.plan.preparation
        if not isinstance(own, (Sentences, Pairs)):  # pairs, where it was asked before
            raise NotSupportedError(
                f"{where}: task='question_answering' needs a network with a tokenizer, such as 'minilm' or a BERT; "
                f"this one reads {type(own).__name__.lower()}."
            )
        self.rates_, self.kept_ = rates_of(body), self.form(body.plan) == "native"
        types = getattr(getattr(body.module, "config", None), "type_vocab_size", 0) > 1
        return Pairs(own.tokenizer, own.max_length, own.pad_id, int(self.stride), types)

    @property
    def learning_rates(self) -> Mapping[str, float]:  # type: ignore[override]
        """What "auto" is; a new head wants more than one that was pretrained."""
        return getattr(self, "rates_", {})

    # -- targets --------------------------------------------------------------------------------------------------

    def learn(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return where each answer stands; see :class:`Task`. Answers that stand nowhere are counted in a warning.

        Raises
        ------
        DataError
            No answer at all stands in its context, or one does not stand where its answer_start says.
        """
        self.check(where)
        targets = self._encoded(y, where, items)
        kinds = targets.columns["kind"]
        assert isinstance(kinds, Tensor)
        self._say_absent(torch.nonzero(kinds == forms.ABSENT)[:, 0].tolist(), targets, where)
        self.empty_ = bool((kinds == forms.NO_ANSWER).any())
        if bool((kinds == forms.NO_ANSWER).all()):
            raise DataError(f"{where}: y must have an answer to learn from, got {len(kinds)} empty ones.")
        return targets

    def from_names(self, labels: Sequence[str]) -> None:
        """Take a checkpoint as it is, which then answers every question; ``labels`` are none. See :class:`Task`."""
        self._takes_as_it_is(self.kept_ and not labels, "one whose class ends in ForQuestionAnswering")
        self.empty_ = False

    def encode(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return targets encoded as those of the fit; see :class:`Task`."""
        return self._encoded(y, where, items)

    def _encoded(self, y: Any, where: str, items: Sequence[Any]) -> Targets:
        answers = forms.listed(y, where)
        if len(answers) != len(items):
            raise DataError(
                f"{where}: Found input variables with inconsistent numbers of samples: X has {len(items)}, y "
                f"{len(answers)}."
            )
        for i, (own, item) in enumerate(zip(answers, items, strict=True)):
            forms.check_starts(own, item[1], f"{where}: y[{i}]")
        places = [forms.place_of(own, item[1]) for own, item in zip(answers, items, strict=True)]
        kinds = [
            forms.FOUND if place else forms.ABSENT if own.texts else forms.NO_ANSWER
            for own, place in zip(answers, places, strict=True)
        ]
        spans = [torch.tensor([place] if place else [], dtype=torch.int64).reshape(-1, 2) for place in places]
        return Targets(
            {
                "span": spans,
                "kind": torch.tensor(kinds, dtype=torch.int64),
                "answers": [forms.written(own.texts) for own in answers],
                # The constant answers are made of them.
                "context": [forms.written(item[1]) for item in items],
            }
        )

    @staticmethod
    def _say_absent(absent: Sequence[int], targets: Targets, where: str) -> None:
        if not absent:
            return
        first = shown(forms.read(targets.columns["answers"][absent[0]])[0])
        places = listed([f"y[{i}]" for i in absent], quoted=False)
        rule = "is not in its context" if len(absent) == 1 else "are not in their contexts"
        said = f"{where}: {places} {rule} ({len(absent):,} of {len(targets):,} answers), the first is {first}."
        if len(absent) == len(targets):
            raise DataError(f"{said} An answer must stand in the context as it is written; '' says that there is none.")
        warnings.warn(
            f"{said} Nothing is learned from it; it counts in the score like any other.", PunarWarning, stacklevel=2
        )

    def state(self) -> dict[str, Any]:
        """Return whether there were questions without an answer."""
        return {"empty": self.empty_}

    def restore(self, state: dict[str, Any]) -> None:
        """Take untrusted facts; see :class:`Task`."""
        if not isinstance(state["empty"], bool):
            raise ValueError(f"empty must be true or false, found {shown(state['empty'])}")
        self.empty_ = state["empty"]

    def place(self, target: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
        """Return first and last token of the answer, 0 where the window does not hold it; and the context's tokens.

        -100 says that there is nothing to learn: the answer stands nowhere in the context.
        """
        assert sample.trace is not None
        trace = sample.trace
        context = trace[:, _WORD] >= 0
        first = last = 0
        if int(target["kind"]) == forms.ABSENT:
            first = last = _IGNORED
        elif len(target["span"]) and bool(context.any()):
            begin, end = target["span"][0].tolist()
            inside = torch.nonzero(context & (trace[:, _BEGIN] < end) & (trace[:, _END] > begin))[:, 0]
            # Of an answer that is cut off by the window's end, neither end may be learned.
            whole = trace[context][0, _BEGIN] <= begin and trace[context][-1, _END] >= end
            if len(inside) and bool(whole):
                first, last = int(inside[0]), int(inside[-1])
        return {"start": torch.tensor(first), "end": torch.tensor(last), "context": context}

    def collate(self, placed: Sequence[Mapping[str, Tensor]], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return {"start": (n,), "end": (n,), "context": bool (n, t)}, padded to the batch's tokens."""
        context = torch.zeros(len(placed), batch["input_ids"].shape[1], dtype=torch.bool)
        for row, target in enumerate(placed):
            context[row, : len(target["context"])] = target["context"]
        ends = {name: torch.stack([target[name] for target in placed]) for name in ("start", "end")}
        return {**ends, "context": context}

    def strata(self, targets: Targets) -> np.ndarray | None:
        """Return which questions have an answer; None where all have."""
        kinds = targets.columns["kind"]
        assert isinstance(kinds, Tensor)
        none = (kinds == forms.NO_ANSWER).numpy().astype(np.int64)
        return none if none.any() and not none.all() else None

    # -- the network ------------------------------------------------------------------------------------------------

    @property
    def outputs(self) -> int:
        """Two: whether the answer begins at a token, and whether it ends there."""
        return 2

    def build(self, view: View, seed: int | None) -> nn.Module:
        """Return a linear map for every token, or what passes the library's own head through."""
        if view.form == "native":
            return _Own()
        if seed is None:
            return _Ends(view.width)
        with seeded(seed):
            return _Ends(view.width)

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
        """Return the mean cross-entropy of first and last token, among the context's tokens and the first of all."""
        raw = net(batch).float()
        open_ = target["context"].clone()
        open_[:, 0] = True
        raw = raw.masked_fill(~open_.unsqueeze(2), float("-inf"))
        each = sum(
            F.cross_entropy(raw[:, :, k], target[name], ignore_index=_IGNORED, reduction="none") / 2
            for k, name in enumerate(("start", "end"))
        )
        assert isinstance(each, Tensor)
        share = (target["start"] != _IGNORED).to(each.dtype)
        if weight is not None:
            share = share * weight
        total = share.sum()
        # A batch of answers that stand nowhere teaches nothing, and its loss is 0.
        mean = (each * share).sum() / total.clamp(min=torch.finfo(each.dtype).tiny)
        return {"cross_entropy": Term(mean, float(total))}

    # -- answers ------------------------------------------------------------------------------------------------------

    def answer(self, net: Net, batch: Mapping[str, Tensor], traces: Sequence[Tensor | None]) -> list[Any]:
        """Return for each sample the best span, (score, begin, end) in characters, and the score of no answer."""
        raw = net(batch).float().cpu()
        found: list[Any] = []
        for row, trace in zip(raw, traces, strict=True):
            assert trace is not None
            context = torch.nonzero(trace[:, _WORD] >= 0)[:, 0]
            best = (-float("inf"), -1, -1)
            if len(context):
                score, first, last = _best(row[context, 0], row[context, 1], int(self.max_answer_length))
                best = (score, int(trace[context[first], _BEGIN]), int(trace[context[last], _END]))
            found.append((best, float(row[0].sum())))
        return found

    def merge(self, parts: Sequence[Any], item: Any) -> Any:
        """Return (begin, end, text) of the best span of all windows; (-1, -1, "") where the context has no answer."""
        score, begin, end = max((best for best, _ in parts), key=lambda best: best[0])
        none = min(none for _, none in parts)
        if begin < 0 or (self.empty_ and none > score):
            return _NONE
        return begin, end, item[1][begin:end]

    def predictions(self, answers: Sequence[Any], items: Sequence[Any]) -> list[str]:
        """Return a text for each question, "" where its context has no answer."""
        return [text for _, _, text in answers]

    def table(self, answers: Sequence[Any], items: Sequence[Any]) -> Table:
        """Return a row for each question, with its answer and where it stands in the context."""
        begins, ends = ([None if own[k] < 0 else own[k] for own in answers] for k in (0, 1))
        columns = {texts.PREDICTION: self.predictions(answers, items), texts.START: begins, texts.END: ends}
        return Table(np.arange(len(items)), columns)

    def constant(self, targets: Targets) -> list[Any]:
        """Return the answers of the best rule that looks at no question; see :func:`best_rule`."""
        contexts = [forms.read(value) for value in targets.columns["context"]]
        rule = best_rule(contexts, _texts_of(targets))
        found = []
        for context in contexts:
            text = rule(context)
            begin = context.find(text) if text else -1
            found.append((begin, begin + len(text) if begin >= 0 else -1, text))
        return found

    def meter(self) -> Meter:
        """Return a meter of SQuAD's F1, which measures exact match too."""
        return SquadMeter(_texts_of)

    def score(self, y: Any, predictions: Any, sample_weight: Any = None) -> float:
        """Return SQuAD's F1 over words: of each question that of the best right answer, in the mean."""
        answers = forms.listed(y, "score")
        each = [measured(str(found), own.texts)[0] for found, own in zip(predictions, answers, strict=True)]
        return float(np.average(each, weights=score_weights(sample_weight, len(each))))

    def sheet(self, answer: Any, target: Mapping[str, Tensor], item: Any) -> Mapping[str, Any]:
        """Return what a report shows of one question, as plain data."""
        begin, end, text = answer
        return {
            "form": "span",
            "question": item[0],
            "context": item[1],
            "truth": [tuple(span) for span in target["span"].tolist()],
            "found": (begin, end) if begin >= 0 else None,
            "score": measured(text, forms.read(target["answers"]))[0],
        }


class _Ends(nn.Module):
    """Tokens -> (n, t, 2): how likely an answer begins there, and ends there."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qa_outputs = nn.Linear(width, 2)

    def forward(self, shown: Any, batch: Mapping[str, Tensor]) -> Tensor:
        found: Tensor = self.qa_outputs(shown.values)
        return found


class _Own(nn.Module):
    """The library's output -> (n, t, 2); nothing to learn."""

    def forward(self, shown: Any, batch: Mapping[str, Tensor]) -> Tensor:
        return torch.stack([shown.start_logits, shown.end_logits], 2)


def _best(starts: Tensor, ends: Tensor, most: int) -> tuple[float, int, int]:
    """Return score, first and last token of the best span of at most ``most`` tokens."""
    count = len(starts)
    score = starts[:, None] + ends[None, :]
    allowed = torch.ones(count, count, dtype=torch.bool).triu().tril(most - 1)
    score = score.masked_fill(~allowed, float("-inf"))
    at = int(score.argmax())
    return float(score.flatten()[at]), at // count, at % count


def _texts_of(targets: Targets) -> list[list[str]]:
    return [forms.read(value) for value in targets.columns["answers"]]
