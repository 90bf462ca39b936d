"""A label for each token of a text, or for each step of a series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from punar.backbones import View
from punar.core.draws import seeded
from punar.errors import DataError, DataTypeError, shown
from punar.preparations import Sample
from punar.tasks import _tag_forms as forms
from punar.tasks._entities import EntityMeter, are_entity_tags, entities_of
from punar.tasks._linear_head import LinearHead, fit_logistic_of_some
from punar.tasks._meter import ShareMeter
from punar.tasks._targets import Targets
from punar.tasks._task import Column, Meter, Net, Table, Task, Term
from punar.texts import predictions as texts

_IGNORED = -100
_WORD, _BEGIN, _END, _OWN = range(4)  # columns of a trace


class Tagging(Task):
    """Which label has each token, or each step?

    Items are lists of tokens with a label each, texts with spans (first character, one past the last, label), or series
    with a label per step; answers have the form of the targets. Where labels are entity tags ("O", "B-person",
    "I-person", ...) or spans, the score is F1 over exact entities by the rules of CoNLL; else it is the share of labels
    that are right. Where every entity of the fit begins with a B, what is predicted is the likeliest sequence in which
    no entity goes on that has not begun; in older data an I begins one too, and then each tag is the likeliest.

    A network reads pieces of words: a word's label is learned and predicted at its first piece. Texts longer than the
    network reads are read in windows that overlap, and each word is answered where it lies deepest in one.

    References
    ----------
    Ramshaw and Marcus (1995). Text chunking using transformation-based learning.
    Tjong Kim Sang and De Meulder (2003). Introduction to the CoNLL-2003 shared task. (entity F1)
    Devlin et al. (2019). BERT. NAACL, 5.3. (a word's first piece)

    Examples
    --------
    >>> task = Tagging()
    >>> targets = task.learn([["O", "B-place"], ["O"]], "fit", [["in", "Pune"], ["yes"]])
    >>> task.tags_, targets.item(0)["tags"].tolist()
    (['B-place', 'O'], [1, 0])
    """

    domains: ClassVar[tuple[str, ...]] = ("text", "series")
    view: ClassVar[str] = "tokens"
    estimator_type: ClassVar[str | None] = None
    target_form: ClassVar[str] = "sequences"

    @property
    def metric(self) -> str:  # type: ignore[override]
        """Entity F1 where labels are entity tags or spans, else the share of labels that are right."""
        return "entity_f1" if getattr(self, "entities_", False) else "accuracy"

    # -- targets --------------------------------------------------------------------------------------------------

    def learn(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return tag numbers per token or step, or the spans of texts; see :class:`Task`."""
        self.form_ = forms.form_of(y, items, where)
        labels = forms.listed(y, items, self.form_, where)
        if self.form_ == "spans":
            kinds = sorted({kind for spans in labels for _, _, kind in spans})
            if not kinds:
                raise DataError(
                    f"{where}: y must hold at least one span to learn from, got none in {len(labels)} texts."
                )
            known: list[Any] = _tags_of(kinds)
        else:
            known = forms.distinct(labels, where)
        self.tags_ = known
        self.entities_ = all(isinstance(tag, str) for tag in known) and are_entity_tags(known)
        self.begins_ = self.form_ == "spans" or (self.entities_ and all(map(forms.entities_begin_with_b, labels)))
        self.whole_ = self.form_ == "steps" and isinstance(y, np.ndarray) and y.dtype != object
        return self._encoded(labels, where)

    def encode(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return targets encoded as those of the fit; see :class:`Task`."""
        return self._encoded(forms.listed(y, items, self.form_, where), where)

    def _encoded(self, labels: Sequence[Any], where: str) -> Targets:
        number = {tag: i for i, tag in enumerate(self.tags_)}
        found = []
        for i, own in enumerate(labels):
            if self.form_ == "spans":
                own = [(begin, end, f"B-{kind}") for begin, end, kind in own]
            for j, label in enumerate(own):
                name = label[2] if self.form_ == "spans" else label
                if name not in number:
                    raise DataError(f"{where}: y[{i}][{j}] is {shown(name)}, which is not a label of the model.")
            if self.form_ == "spans":
                rows = [(begin, end, number[name]) for begin, end, name in own]
                found.append(torch.tensor(rows, dtype=torch.int64).reshape(-1, 3))
            else:
                found.append(torch.tensor([number[label] for label in own], dtype=torch.int64))
        return Targets({"spans" if self.form_ == "spans" else "tags": found})

    def state(self) -> dict[str, Any]:
        """Return labels, the form of targets, and whether every entity begins with a B."""
        names = ("tags", "form", "entities", "begins", "whole")
        return {name: getattr(self, f"{name}_") for name in names}

    def restore(self, state: dict[str, Any]) -> None:
        """Take untrusted facts; see :class:`Task`."""
        tags, form = state["tags"], state["form"]
        kinds = {type(tag) for tag in tags} if isinstance(tags, list) else set()
        if not kinds or not (kinds == {str} or kinds <= {int, float, bool}) or len(set(tags)) < len(tags):
            raise ValueError(f"tags must be a list of different names, or of numbers, found {shown(tags)}")
        said = [state[name] for name in ("entities", "begins", "whole")]
        if form not in forms.FORMS or not all(isinstance(value, bool) for value in said):
            raise ValueError(f"form must be one of {', '.join(forms.FORMS)}, found {shown(form)}")
        if state["entities"] and not (kinds == {str} and are_entity_tags(tags)):
            raise ValueError(f"entities are tagged 'O', 'B-kind' and 'I-kind', found {shown(tags)}")
        if form == "spans" and not (state["entities"] and tags == _tags_of([tag[2:] for tag in tags[1::2]])):
            raise ValueError(f"tags of spans must be 'O' and for each kind 'B-kind', 'I-kind', found {shown(tags)}")
        self.tags_, self.form_ = tags, form
        self.entities_, self.begins_, self.whole_ = said

    def place(self, target: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
        """Return a tag number for each token of a sample, -100 where the sample does not answer for a word."""
        assert sample.trace is not None
        trace = sample.trace
        own = trace[:, _OWN] == 1
        if self.form_ == "spans":
            tags = self._of_spans(target["spans"], trace)
        else:
            tags = target["tags"][trace[:, _WORD].clamp(min=0)]
        return {"tags": torch.where(own, tags, _IGNORED)}

    def _of_spans(self, spans: Tensor, trace: Tensor) -> Tensor:
        """Return the tag of each token: B at the first word of a span, I at the others, O outside."""
        tags = torch.full((len(trace),), self.tags_.index("O"), dtype=torch.int64)
        words, begin, end = trace[:, _WORD], trace[:, _BEGIN], trace[:, _END]
        for first, last, number in spans.tolist():
            inside = (words >= 0) & (begin < last) & (end > first)
            if bool(inside.any()):
                # The span's kind has two numbers, side by side: its B, then its I.
                opens = inside & ((begin <= first) | (words == words[inside].min()) & (begin - first <= 1))
                tags[inside] = number + 1
                tags[opens] = number
        return tags

    def collate(self, placed: Sequence[Mapping[str, Tensor]], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return {"tags": (n, t)}, padded with -100 to the batch's steps."""
        steps = max(v.shape[1] for k, v in batch.items() if k in ("input_ids", "values"))
        tags = torch.full((len(placed), steps), _IGNORED, dtype=torch.int64)
        for row, target in enumerate(placed):
            tags[row, : len(target["tags"])] = target["tags"]
        return {"tags": tags}

    def strata(self, targets: Targets) -> np.ndarray | None:
        """Return which items hold an entity; None where labels are no entity tags."""
        if not self.entities_:
            return None
        if "spans" in targets.columns:
            return np.array([int(len(spans) > 0) for spans in targets.columns["spans"]])
        outside = self.tags_.index("O") if "O" in self.tags_ else -1
        return np.array([int(bool((tags != outside).any())) for tags in targets.columns["tags"]])

    # -- the network ------------------------------------------------------------------------------------------------

    @property
    def outputs(self) -> int:
        """One per label."""
        return len(self.tags_)

    def build(self, view: View, seed: int | None) -> nn.Module:
        """Return a linear map for every token."""
        if seed is None:
            return nn.Linear(view.width, self.outputs)
        with seeded(seed):
            return nn.Linear(view.width, self.outputs)

    def start(self, features: Column, placed: Mapping[str, Column], weight: np.ndarray | None, seed: int) -> LinearHead:
        """Return a logistic regression on the features of the words' first pieces."""
        rows, labels, weights = [], [], []
        for i, (shows, tags) in enumerate(zip(features, placed["tags"], strict=True)):
            own = tags != _IGNORED
            rows.append(shows[: len(tags)][own])
            labels.append(tags[own])
            weights.append(np.full(int(own.sum()), 1.0 if weight is None else weight[i]))
        each = None if weight is None else np.concatenate(weights)
        return fit_logistic_of_some(torch.cat(rows).numpy(), torch.cat(labels).numpy(), each, self.outputs, seed)

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
        """Return the cross-entropy of the words, weighed by their number."""
        raw, tags = net(batch).float(), target["tags"]
        each = F.cross_entropy(raw.flatten(0, 1), tags.flatten(), ignore_index=_IGNORED, reduction="none")
        share = (tags != _IGNORED).to(each.dtype)
        if weight is not None:
            share = share * weight.unsqueeze(1)
        total = share.sum()
        # A batch of windows that answer for nothing teaches nothing, and its loss is 0.
        mean = (each * share.flatten()).sum() / total.clamp(min=torch.finfo(each.dtype).tiny)
        return {"cross_entropy": Term(mean, float(total))}

    # -- answers ------------------------------------------------------------------------------------------------------

    def answer(self, net: Net, batch: Mapping[str, Tensor], traces: Sequence[Tensor | None]) -> list[Any]:
        """Return, for each sample, the traces of the words that it answers for and their log-probabilities."""
        sure = torch.log_softmax(net(batch).float(), 2).cpu()
        found: list[Any] = []
        for row, trace in zip(sure, traces, strict=True):
            assert trace is not None
            own = trace[:, _OWN] == 1
            found.append((trace[own], row[: len(trace)][own]))
        return found

    def merge(self, parts: Sequence[Any], item: Any) -> Any:
        """Return the number of each word's tag, (words,), or the spans of a text, (spans, 3).

        Raises
        ------
        DataTypeError
            Texts where lists of words were learned from, or the other way round.
        """
        if isinstance(item, str) != (self.form_ == "spans"):
            learned = "texts with spans" if self.form_ == "spans" else "lists of words or series"
            raise DataTypeError(
                f"predict: the model learned from {learned}, got {shown(item)}. Pass the same form: text.split(), say."
            )
        trace, sure = torch.cat([t for t, _ in parts]), torch.cat([s for _, s in parts])
        order = trace[:, _WORD].argsort(stable=True)
        trace, sure = trace[order], sure[order]
        chosen = forms.likeliest(sure.numpy(), self._allowed()) if self.entities_ else sure.argmax(1).numpy()
        if self.form_ == "spans":
            named = [self.tags_[k] for k in chosen]
            rows = [
                (int(trace[a, _BEGIN]), int(trace[b - 1, _END]), self.tags_.index(f"B-{kind}"))
                for a, b, kind in entities_of(named)
            ]
            return torch.tensor(rows, dtype=torch.int64).reshape(-1, 3)
        # A token that the tokenizer makes nothing of has no row: it is outside, or of the first label.
        tags = torch.full((len(item),), self.tags_.index("O") if "O" in self.tags_ else 0, dtype=torch.int64)
        tags[trace[:, _WORD]] = torch.from_numpy(np.asarray(chosen, dtype=np.int64))
        return tags

    def _allowed(self) -> np.ndarray | None:
        """Return which tag may follow which; None where tags are not of the plain B and I kind, or an I may begin."""
        if not self.begins_:
            return None
        prefixes = {tag[0] for tag in self.tags_ if tag != "O"}
        kinds = {tag[2:] for tag in self.tags_ if tag != "O"}
        if not prefixes <= {"B", "I"} or any(f"B-{kind}" not in self.tags_ for kind in kinds):
            return None
        goes_on = [tag[2:] if tag.startswith("I-") else None for tag in self.tags_]
        kind_of = [tag[2:] if tag != "O" else "" for tag in self.tags_]
        return np.array([[kind is None or kind == before for kind in goes_on] for before in ["", *kind_of]])

    def predictions(self, answers: Sequence[Any], items: Sequence[Any]) -> Any:
        """Return a label for each token or step, or spans, in the form of the targets."""
        if self.form_ == "spans":
            return [[(a, b, self.tags_[k][2:]) for a, b, k in spans.tolist()] for spans in answers]
        if isinstance(self.tags_[0], str):
            return [[self.tags_[k] for k in tags.tolist()] for tags in answers]
        labels = np.asarray(self.tags_)
        found = [labels[tags.numpy()] for tags in answers]
        alike = len({len(tags) for tags in found}) == 1
        return np.stack(found) if self.whole_ and alike else found

    def table(self, answers: Sequence[Any], items: Sequence[Any]) -> Table:
        """Return a row for each token, for each step, or for each span that was found.

        Raises
        ------
        DataError
            The items are texts where the model learned lists of tokens, or the other way round.
        """
        for i, item in enumerate(items):
            if isinstance(item, str) != (self.form_ == "spans"):
                found, learned = ("a text", "lists of tokens") if isinstance(item, str) else ("no text", "whole texts")
                raise DataError(f"item {i} is {found}, but this model was fitted on {learned}. Give it the same.")
        predicted = self.predictions(answers, items)
        lengths = [len(own) for own in predicted]
        rows = [label for own in predicted for label in own]
        if self.form_ == "spans":
            pieces = [items[i][a:b] for i, own in enumerate(predicted) for a, b, _ in own]
            columns = dict(zip((texts.START, texts.END, texts.LABEL), zip(*rows, strict=True), strict=True))
            columns = columns or {texts.START: (), texts.END: (), texts.LABEL: ()}
            return Table(np.repeat(np.arange(len(items)), lengths), {**columns, texts.TEXT: pieces})
        numbers = [k for length in lengths for k in range(length)]
        shown = {texts.STEP: numbers} if self.form_ == "steps" else {texts.NUMBER: numbers}
        if self.form_ == "tokens":
            shown[texts.TOKEN] = [token for item in items for token in item]
        return Table(np.repeat(np.arange(len(items)), lengths), {**shown, texts.LABEL: rows})

    def constant(self, targets: Targets) -> list[Any]:
        """Return the label that alone scores best at every token; of spans none, which scores 0."""
        if self.form_ == "spans":
            return [torch.empty(0, 3, dtype=torch.int64)] * len(targets)
        lengths = [len(tags) for tags in targets.columns["tags"]]
        best: tuple[float, list[Any]] = (-1.0, [])
        for number in range(self.outputs):
            answers = [torch.full((n,), number, dtype=torch.int64) for n in lengths]
            meter = self.meter()
            meter.add(answers, targets)
            best = max(best, (meter.value(), answers), key=lambda pair: pair[0])
        return best[1]

    def itself(self, raw: Any) -> dict[str, Tensor]:
        """Return the predicted tag of every token."""
        return {"tags": raw.detach().argmax(2)}

    def meter(self) -> Meter:
        """Return a meter of entity F1, or of the share of labels that are right."""
        return _Tags(self.tags_, self.form_) if self.entities_ else ShareMeter("tags")

    def score(self, y: Any, predictions: Any, sample_weight: Any = None) -> float:
        """Return entity F1 where labels are entity tags or spans, else the share of labels that are right."""
        if sample_weight is not None:
            raise DataTypeError("score: sample_weight is not for task='tagging'; every token counts once.")
        found = forms.plain_pairs(y, predictions, self.form_)
        if not self.entities_:
            right = sum(int(np.sum(np.asarray(a) == np.asarray(b))) for a, b in found)
            return right / max(1, sum(len(a) for a, _ in found))
        meter = EntityMeter()
        for true, own in found:
            spans = self.form_ == "spans"
            meter.count(own if spans else entities_of(own), true if spans else entities_of(true))
        return meter.value()


def _tags_of(kinds: Sequence[str]) -> list[Any]:
    return ["O", *(f"{prefix}-{kind}" for kind in kinds for prefix in "BI")]


class _Tags:
    """Entity F1 of encoded answers."""

    def __init__(self, tags: Sequence[str], form: str) -> None:
        self._tags, self._form, self._entities = tags, form, EntityMeter()

    def add(self, answers: Sequence[Any], targets: Targets) -> None:
        """Count encoded answers beside what was right, item by item."""
        column = targets.columns["spans" if self._form == "spans" else "tags"]
        for found, true in zip(answers, column, strict=True):
            self._entities.count(self._of(found), self._of(true))

    def _of(self, encoded: Tensor) -> list[Any]:
        if self._form == "spans":
            return [tuple(row) for row in encoded.tolist()]
        return entities_of([self._tags[k] for k in encoded.tolist()])

    def value(self) -> float:
        """Return F1."""
        return self._entities.value()

    def interval(self, level: float = 0.95, *, seed: int = 0) -> tuple[float, float]:
        """Return an interval of F1, by resampling items."""
        return self._entities.interval(level, seed=seed)

    def exchanged(self, other: _Tags, swap: np.ndarray) -> tuple[float, float]:
        """Return both F1 after the answers for some items were exchanged."""
        return self._entities.exchanged(other._entities, swap)
