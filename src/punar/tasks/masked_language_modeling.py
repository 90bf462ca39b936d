"""Hidden words guessed from the words around them: what BERT learns before it learns anything else."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from punar.backbones import Body, View
from punar.core.draws import seeded
from punar.core.params import check_params, number
from punar.errors import DataError, DataTypeError, NotSupportedError, PunarWarning, shown
from punar.preparations import Preparation, Sample, naming
from punar.preparations.sentences import Sentences
from punar.tasks._blanks import BLANK, Reader, drawn, fixed, may_be_hidden, reader
from punar.tasks._guesses import Guesses, GuessMeter
from punar.tasks._rates import rates_of
from punar.tasks._targets import Targets
from punar.tasks._task import Meter, Net, Task, Term

_WORD, _BEGIN, _END, _OWN = range(4)  # columns of a trace
_MASKED, _RANDOM = 0.8, 0.1  # of the hidden tokens; the others are shown as they are
_MOST = 2**24


class MaskedLanguageModeling(Task):
    """Which words are missing?

    Items are texts, and there is no y. In each epoch a share of the tokens is hidden anew: 8 of 10 behind the mask
    token, 1 behind a random token, and 1 is shown and guessed all the same. A network that was pretrained in this way
    keeps its head; any other one (MiniLM, say) gets a new one, whose last map is the network's own table of words. The
    fitted model is a backbone for other tasks: ``backbone=FOLDER``.

    ``predict`` fills the blanks of texts: ``[MASK]``, ``<mask>``, or three underscores or more, one token each. The
    score is the share of hidden tokens that are named right, on a draw that the text alone decides.

    Parameters
    ----------
    hidden_share : float in (0, 1), default=0.15
        Of the tokens of a text.

    References
    ----------
    Devlin et al. (2019). BERT: pre-training of deep bidirectional transformers. NAACL, 3.1.
    Gururangan et al. (2020). Don't stop pretraining: adapt language models to domains and tasks. ACL.

    Examples
    --------
    >>> MaskedLanguageModeling().takes_targets
    False
    """

    domains: ClassVar[tuple[str, ...]] = ("text",)
    models: ClassVar[tuple[str, ...]] = ("structured",)
    view: ClassVar[str] = "tokens"
    heads: ClassVar[tuple[str, ...]] = ("ForMaskedLM",)
    estimator_type: ClassVar[str | None] = None
    metric: ClassVar[str] = "accuracy"
    target_form: ClassVar[str] = "none"
    random_input: ClassVar[bool] = True

    def __init__(self, hidden_share: float = 0.15) -> None:
        self.hidden_share = hidden_share

    def check(self, where: str | None = None) -> None:
        """Raise where a setting breaks its rule."""
        rule = number(0, 1, open_low=True, open_high=True)
        check_params(self, {"hidden_share": rule}, where or type(self).__name__)

    # -- the network's input ----------------------------------------------------------------------------------------

    def meet(self, body: Body, where: str) -> Preparation:
        """Return how texts are prepared: as the network reads them, its mask token standing for blanks.

        Raises
        ------
        NotSupportedError
            The network reads no tokens, its tokenizer has none for hidden words, or it has no table of words.
        """
        own = body.plan.preparation
        module: Any = body.module
        if not isinstance(own, Sentences) or not hasattr(module, "get_input_embeddings"):
            raise NotSupportedError(
                f"{where}: task='masked_language_modeling' needs a network with a tokenizer and a table of words, such "
                f"as 'minilm' or a BERT; this one reads {type(own).__name__.lower()}."
            )
        try:
            self.tokenizer_ = own.tokenizer
            self.preparation_ = replace(own, tokenizer=self._reader.text)
        except NotSupportedError as error:
            raise NotSupportedError(f"{where}: this network cannot be used here: {error}.") from None
        self.rates_, self.kept_ = rates_of(body), self.form(body.plan) == "native"
        self.words_, self.width_ = map(int, module.get_input_embeddings().weight.shape)
        return self.preparation_

    @property
    def _reader(self) -> Reader:
        return reader(self.tokenizer_)

    @property
    def learning_rates(self) -> Mapping[str, float]:  # type: ignore[override]
        """What "auto" is; a new head wants more than one that was pretrained."""
        return getattr(self, "rates_", {})

    # -- targets --------------------------------------------------------------------------------------------------

    def learn(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return the tokens that are hidden when answers are measured; see :class:`Task`. y must be None.

        Raises
        ------
        DataError
            y is given, no text has a word that could be hidden, or all have blanks of their own.
        """
        self.check(where)
        targets = self.encode(y, where, items)
        blank = sum(_has_blank(item) for item in items)
        if blank:
            said = _of_blanks(where, blank, len(items))
            warnings.warn(
                f"{said}. They are learned from, and left out of what is measured.", PunarWarning, stacklevel=4
            )
        return targets

    def from_names(self, labels: Sequence[str]) -> None:
        """Take a checkpoint as it is; ``labels`` are none. See :class:`Task`."""
        self._takes_as_it_is(self.kept_ and not labels, "one whose class ends in ForMaskedLM")

    def encode(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return the tokens that are hidden when answers are measured, as :meth:`learn` does."""
        if y is not None:
            raise DataError(
                f"{where}: task='masked_language_modeling' learns from texts alone: leave y out, or pass None, got "
                f"{shown(y)}."
            )
        found, known = [], False
        for i, item in enumerate(items):
            _check_text(item, f"{where}: X[{i}]")
            with naming(f"{where}: {self.preparation_.name(item, i)}"):
                samples = self.preparation_.samples(item)
            known = known or any(bool(self._hidden(s).any()) for s in samples)
            found.append(torch.cat([s.tensor[self._measured_in(s)] for s in samples]))
        if not known:
            raise DataError(f"{where}: no text has a word that the network knows, so that nothing can be hidden.")
        if not any(map(len, found)):
            said = _of_blanks(where, sum(_has_blank(item) for item in items), len(items))
            raise DataError(f"{said}: there is nothing to measure. Pass texts without blanks.")
        return Targets({"hidden": found})

    def strata(self, targets: Targets) -> np.ndarray | None:
        """Return whether something is measured in each text, so that texts with blanks are not all that is held out."""
        some = np.array([len(hidden) > 0 for hidden in targets.columns["hidden"]])
        return None if some.all() else some.astype(np.int64)

    def _hidden(self, sample: Sample) -> Tensor:
        """Return which tokens of a window are hidden when answers are measured, bool (t,)."""
        allowed = may_be_hidden(sample, self._reader.special)
        return fixed(sample.tensor, allowed, float(self.hidden_share))

    def _blanks(self, sample: Sample) -> Tensor:
        """Return which tokens of a window are blanks of the text, bool (t,)."""
        assert sample.trace is not None
        return (sample.tensor == self._reader.mask) & (sample.trace[:, _OWN] == 1)

    def _measured_in(self, sample: Sample) -> Tensor:
        """Return which tokens of a window are measured, bool (t,): none beside a blank, whose word nobody knows."""
        hidden = self._hidden(sample)
        return hidden & False if bool(self._blanks(sample).any()) else hidden

    def state(self) -> dict[str, Any]:
        """Return the size of the network's table of words."""
        return {"words": self.words_, "width": self.width_}

    def restore(self, state: dict[str, Any]) -> None:
        """Take untrusted facts; see :class:`Task`."""
        for name in ("words", "width"):
            if type(state[name]) is not int or not 1 <= state[name] <= _MOST:
                raise ValueError(f"{name} must be a whole number from 1 to {_MOST}, found {shown(state[name])}")
        self.words_, self.width_ = state["words"], state["width"]

    def place(self, target: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
        """Return which tokens of a window may be hidden, and which are for validation, bool (t,)."""
        return {"allowed": may_be_hidden(sample, self._reader.special), "hidden": self._hidden(sample)}

    def collate(self, placed: Sequence[Mapping[str, Tensor]], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return {"allowed", "hidden"}, bool (n, t), padded with False to the batch's tokens."""
        found = {k: torch.zeros(batch["input_ids"].shape, dtype=torch.bool) for k in ("allowed", "hidden")}
        for row, target in enumerate(placed):
            for name, values in found.items():
                values[row, : len(target[name])] = target[name]
        return found

    # -- the network ------------------------------------------------------------------------------------------------

    @property
    def outputs(self) -> int:
        """One per token of the vocabulary."""
        return self.words_

    def build(self, view: View, seed: int | None) -> nn.Module:
        """Return a map from tokens to the network's table of words, or what passes the library's own head through."""
        if view.form == "native":
            return _Own()
        if seed is None:
            return _Tied(view.width, self.width_, self.words_)
        with seeded(seed):
            return _Tied(view.width, self.width_, self.words_)

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
        """Return the cross-entropy of the hidden tokens, weighed by their number.

        Training draws them from ``generator``; without gradients they are those of the measure, all behind the mask.
        """
        tokens = batch["input_ids"]
        if torch.is_grad_enabled():
            hidden, given = self._drawn(tokens, target["allowed"], generator)
        else:
            hidden, given = target["hidden"], tokens.masked_fill(target["hidden"], self._reader.mask)
        each = F.cross_entropy(_said(net, batch, given, hidden), tokens[hidden], reduction="none")
        share = torch.ones_like(each)
        if weight is not None:
            share = weight.unsqueeze(1).expand_as(hidden)[hidden].to(each.dtype)
        total = share.sum()
        # A batch of texts without a known word teaches nothing, and its loss is 0.
        mean = (each * share).sum() / total.clamp(min=torch.finfo(each.dtype).tiny)
        return {"cross_entropy": Term(mean, float(total))}

    def _drawn(self, tokens: Tensor, allowed: Tensor, generator: Any) -> tuple[Tensor, Tensor]:
        """Return which tokens are to be guessed, and what the network is shown."""
        device = generator.device
        where, how = (torch.rand(tokens.shape, generator=generator, device=device).to(tokens.device) for _ in range(2))
        hidden = drawn(where, allowed, float(self.hidden_share))
        others = torch.randint(self._reader.size, tokens.shape, generator=generator, device=device).to(tokens.device)
        given = torch.where(how < _MASKED, self._reader.mask, torch.where(how < _MASKED + _RANDOM, others, tokens))
        return hidden, torch.where(hidden, given, tokens)

    # -- answers ------------------------------------------------------------------------------------------------------

    def answer(self, net: Net, batch: Mapping[str, Tensor], traces: Sequence[Tensor | None]) -> list[Any]:
        """Return, for each sample, guesses of its blanks; of one without blanks, of the tokens that are hidden."""
        tokens, known = batch["input_ids"].cpu(), self._reader
        hidden = torch.zeros(tokens.shape, dtype=torch.bool)
        true = tokens.clone()
        for row, trace in enumerate(traces):
            assert trace is not None
            own = Sample(tokens[row, : len(trace)], trace)
            blanks = self._blanks(own)
            hidden[row, : len(trace)] = blanks if bool(blanks.any()) else self._hidden(own)
            true[row, : len(trace)][blanks] = -1
        device = batch["input_ids"].device
        given = tokens.masked_fill(hidden, known.mask).to(device)
        sure = torch.log_softmax(_said(net, batch, given, hidden.to(device)), 1).cpu()
        found = self._guessed(sure, true[hidden])
        rows = torch.nonzero(hidden)
        spans = torch.stack([_span(traces[row], at) for row, at in rows.tolist()]) if len(rows) else rows
        guesses = Guesses(torch.cat([spans, found.rows], 1), found.sure, found.loss)
        return [Guesses(*(part[rows[:, 0] == row] for part in guesses)) for row in range(len(tokens))]

    def _guessed(self, sure: Tensor, true: Tensor) -> Guesses:
        """Return right and likeliest tokens, and how sure each is, from log-probabilities (k, words)."""
        refused, inner = (values(sure.shape[1]) for values in (self._reader.refused, self._reader.inner))
        blank = true < 0
        allowed = sure.masked_fill(refused, float("-inf")).masked_fill(blank[:, None] & inner, float("-inf"))
        best = allowed.max(1)
        loss = -sure.gather(1, true.clamp(min=0)[:, None])[:, 0].masked_fill(blank, 0.0)
        return Guesses(torch.stack([true, best.indices], 1), best.values.exp(), loss)

    def merge(self, parts: Sequence[Any], item: Any) -> Any:
        """Return the guesses of all windows of a text, in its order."""
        _check_text(item, "predict: an item")
        found = Guesses(*(torch.cat(column) for column in zip(*parts, strict=True)))
        order = found.rows[:, 0].argsort(stable=True)
        return Guesses(*(column[order] for column in found))

    def predictions(self, answers: Sequence[Any], items: Sequence[Any]) -> list[str]:
        """Return the texts with their blanks filled; texts without a blank as they are."""
        return [self._filled(own, item) for own, item in zip(answers, items, strict=True)]

    def _filled(self, own: Guesses, item: str) -> str:
        for begin, _, true, found in reversed(own.rows.tolist()):
            blank = next((m for m in BLANK.finditer(item) if m.start() <= begin < m.end()), None)
            if true < 0 and blank is not None:
                item = item[: blank.start()] + self._reader.word(found) + item[blank.end() :]
        return item

    def constant(self, targets: Targets) -> list[Any]:
        """Return the commonest hidden token, everywhere; its probability is its share, of other tokens theirs."""
        counts = torch.bincount(torch.cat(list(targets.columns["hidden"])), minlength=1)
        best, share = int(counts.argmax()), counts / counts.sum().clamp(min=1)
        found = []
        for true in targets.columns["hidden"]:
            nowhere = torch.zeros_like(true)
            rows = torch.stack([nowhere, nowhere, true, torch.full_like(true, best)], 1)
            found.append(Guesses(rows, share[best].expand(len(true)), -share[true].log()))
        return found

    def meter(self) -> Meter:
        """Return a meter of the share of hidden tokens named right, which knows the perplexity too."""
        return GuessMeter()

    def measured(self, answers: Sequence[Any], targets: Targets, sample_weight: Any, where: str) -> float:
        """Return the share of hidden tokens that are named right; texts with blanks of their own are left out.

        Raises
        ------
        DataError
            All of them have.
        """
        blank = sum(bool((own.rows[:, 2] < 0).any()) for own in answers)
        said = _of_blanks(where, blank, len(answers))
        if blank:
            warnings.warn(f"{said}. They are left out of the score.", PunarWarning, stacklevel=3)
        return super().measured(answers, targets, sample_weight, where)

    def score(self, y: Any, predictions: Any, sample_weight: Any = None) -> float:
        """Raise: what is measured are hidden words, which the model draws from the texts itself."""
        raise NotSupportedError(
            "score: task='masked_language_modeling' is measured on texts alone: model.score(texts)."
        )

    def sheet(self, answer: Any, target: Mapping[str, Tensor], item: Any) -> Mapping[str, Any]:
        """Return what a report shows of one text, as plain data."""
        right, count, _ = answer.counts
        word = self._reader.word
        blanks = [
            (begin, end, word(true) if true >= 0 else "", word(found), float(sure))
            for (begin, end, true, found), sure in zip(answer.rows.tolist(), answer.sure.tolist(), strict=True)
        ]
        return {"form": "blanks", "text": item, "blanks": blanks, "score": right / max(count, 1.0)}


class _Tied(nn.Module):
    """Tokens -> a score for each word, (k, words), at the hidden ones; the last map is the network's own table."""

    def __init__(self, width: int, inner: int, words: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, inner)
        self.norm = nn.LayerNorm(inner)
        self.bias = nn.Parameter(torch.zeros(words))

    def forward(self, shown: Any, batch: Mapping[str, Tensor]) -> Tensor:
        states = self.norm(F.gelu(self.dense(shown.values[batch["hidden"]])))
        return F.linear(states, batch["table"], self.bias)


class _Own(nn.Module):
    """The library's output -> a score for each word at the hidden tokens; nothing to learn."""

    def forward(self, shown: Any, batch: Mapping[str, Tensor]) -> Tensor:
        found: Tensor = shown.logits[batch["hidden"]]
        return found


def _of_blanks(where: str, blank: int, total: int) -> str:
    return f"{where}: {blank:,} of {total:,} texts have a blank, and nobody knows which word is right there"


def _has_blank(item: str) -> bool:
    return BLANK.search(item) is not None


def _check_text(item: Any, where: str) -> None:
    if not isinstance(item, str):
        raise DataTypeError(
            f"{where} must be a text for task='masked_language_modeling', got {shown(item)}. Join its words: "
            "' '.join(words)."
        )


def _said(net: Any, batch: Mapping[str, Tensor], given: Tensor, hidden: Tensor) -> Tensor:
    """Return scores of all words for the hidden tokens, (k, words).

    The table of words is the backbone's: a head that held it would train and store it a second time.
    """
    table = net.module.backbone.get_input_embeddings().weight
    found: Tensor = net({**batch, "input_ids": given, "hidden": hidden, "table": table}).float()
    return found


def _span(trace: Tensor | None, at: int) -> Tensor:
    assert trace is not None
    return trace[at, _BEGIN : _END + 1]
