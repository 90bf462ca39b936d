"""A text for each text: another language, or whatever is written anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from punar.backbones import Body, View
from punar.cells import Cell
from punar.core.draws import seeded
from punar.core.params import check_params, either, instance, integer, none
from punar.errors import DataError, DataTypeError, ParameterError, shown
from punar.preparations import Preparation, Sample, learn_pieces, vocabulary_size
from punar.preparations.sentences import Sentences
from punar.tasks import _chrf as metric
from punar.tasks import _writing as writing
from punar.tasks._attention_decoder import END, IGNORED, UNKNOWN, AttentionDecoder, Written
from punar.tasks._checks import score_weights
from punar.tasks._kept_decoder import kept_decoder
from punar.tasks._languages import with_prefix
from punar.tasks._passed import Passed
from punar.tasks._targets import Targets
from punar.tasks._task import Meter, Net, Task, Term
from punar.tasks._unwritable import refuse_unwritable, say_unwritable
from punar.tasks._whole_texts import WholeTexts

_MOST = 2**20  # tokens of a text
_MOST_UNTOLD = 512  # that are written where no target was seen
_END = "∎"  # how an attention map names the end of what was written
_MOST_SHOWN = 16_384  # places of an attention map that is kept


class Answer(NamedTuple):
    """A text that was written.

    Attributes
    ----------
    text : str
    attention : ndarray of shape (written, read), or None
        How much each token looked at each place of what was read; None where the network does not say, or where it
        would be large.
    tokens : tuple of str
        The tokens that were written, the end among them; empty where there is no ``attention``.
    """

    text: str
    attention: np.ndarray | None = None
    tokens: tuple[str, ...] = ()


class Translation(Task):
    """Which text should be written for this one?

    Targets are texts, one for each item; ``score`` takes lists of several that are right as well. The score is chrF
    from 0 to 1 (Popović 2015), as sacrebleu has it; reports also hold BLEU from 0 to 1 (Papineni et al. 2002), as
    sacrebleu's default has it, for texts of one right answer each.

    A pretrained network that writes (T5, Marian, mBART) keeps its decoder and its tokenizer. Every other network that
    shows its tokens, a recurrent one among them, is given a recurrent decoder with attention, which writes letters, or
    pieces of words, of its own.

    Parameters
    ----------
    source_language, target_language : str, optional
        Codes of the tokenizer of a network for many languages, such as "en_XX" and "hi_IN", or their beginnings, "en".
    prefix : str, optional
        Put before each text, as T5 was trained: "translate English to German: ".
    pieces : int, optional
        Of networks that are given a decoder: pieces of words that it writes, at most; None writes letters. A
        recurrent network reads in the same way.
    max_length : int, optional
        Tokens that are written at most; by default twice as many as the longest target of the fit has, and 20 more, or
        512 where a checkpoint is taken as it is.
    num_beams : int, optional
        Texts that are followed at once; by default as the pretrained network's settings say, or one.

    References
    ----------
    Cho et al. (2014). Learning phrase representations using RNN encoder-decoder. EMNLP.
    Bahdanau, Cho and Bengio (2015). Neural machine translation by jointly learning to align and translate. ICLR.
    Raffel et al. (2020). Exploring the limits of transfer learning with a unified text-to-text transformer. JMLR.
    Papineni et al. (2002). BLEU: a method for automatic evaluation of machine translation. ACL.
    Popović (2015). chrF: character n-gram F-score for automatic MT evaluation. WMT.

    Examples
    --------
    >>> task = Translation()
    >>> targets = task.learn(["दो", "तीन"], "fit", ["two", "three"])
    >>> len(targets.item(0)["ids"]), task.score([["दो", "दो ही"], ["तीन"]], ["दो", "तीन"])
    (4, 1.0)
    """

    domains: ClassVar[tuple[str, ...]] = ("text",)
    view: ClassVar[str] = "tokens"
    models: ClassVar[tuple[str, ...]] = ("structured", "recurrent")
    heads: ClassVar[tuple[str, ...]] = ("ForConditionalGeneration", "MTModel", "EncoderDecoderModel")
    estimator_type: ClassVar[str | None] = None
    metric: ClassVar[str] = "chrf"
    target_form: ClassVar[str] = "texts"
    writes: ClassVar[bool] = True

    def __init__(
        self,
        source_language: str | None = None,
        target_language: str | None = None,
        prefix: str | None = None,
        pieces: int | None = None,
        max_length: int | None = None,
        num_beams: int | None = None,
    ) -> None:
        self.source_language = source_language
        self.target_language = target_language
        self.prefix = prefix
        self.pieces = pieces
        self.max_length = max_length
        self.num_beams = num_beams

    def check(self, where: str | None = None) -> None:
        """Raise where a setting breaks its rule."""
        text = either(none(), instance(str, text="a text"))
        rules = dict.fromkeys(("source_language", "target_language", "prefix"), text)
        rules |= {"pieces": either(none(), integer(16, 2**20)), "max_length": either(none(), integer(1, _MOST))}
        check_params(self, rules | {"num_beams": either(none(), integer(1, 64))}, where)

    # -- the network's side ---------------------------------------------------------------------------------------

    def meet(self, body: Body, where: str) -> Preparation:
        """Take the tokenizer of a network that writes, and its languages; see :class:`Task`."""
        given = body.plan.preparation
        if isinstance(given, WholeTexts):
            return given  # asked again
        if "native" not in body.plan.forms:
            for name in ("source_language", "target_language"):
                self._refuse(name, f"{where}: this network has no tokens for languages")
        if not isinstance(given, Sentences):
            self._refuse("prefix", f"{where}: this network reads words by their spelling")
            return given
        source = given.tokenizer
        if "native" in body.plan.forms:
            self._refuse("pieces", f"{where}: this network writes pieces of its own")
            self.vocabulary_: str | None = None
            target = str(body.about["native"].get("tokenizer") or source)
            spoken = self.source_language, self.target_language
            self.kept_ = kept_decoder(source, target, body.module.config, spoken, where)
            source = self.kept_.source
        if self.prefix:
            source = with_prefix(source, self.prefix)
        return WholeTexts(source, given.max_length, given.pad_id)

    def _refuse(self, name: str, why: str) -> None:
        if getattr(self, name) is not None:
            raise ParameterError(f"{why}: {name} must be None, got {shown(getattr(self, name))}.")

    # -- targets --------------------------------------------------------------------------------------------------

    def learn(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return the tokens of each text, and its bytes; see :class:`Task`."""
        texts = writing.one_text_each(y, where)
        for name, each in (("y", texts), ("X", items)):
            if each and not any(not isinstance(text, str) or text.strip() for text in each):
                raise DataError(f"{where}: {name} must have a text to learn from, got {len(each)} empty ones.")
        if not self._keeps:
            self.vocabulary_ = learn_pieces(texts, self.pieces).tokenizer
        refuse_unwritable(self._tokenizer, texts, where)
        targets = self.encode(texts, where)
        self.longest_ = max(map(len, targets.columns["ids"]))
        return targets

    def from_names(self, labels: Sequence[str]) -> None:
        """Take a checkpoint as it is; ``labels`` are none. See :class:`Task`."""
        self._takes_as_it_is(self._keeps and not labels, "Marian, mBART or T5 with a decoder")
        # A network that repeats itself would write on for as long as it has room, T5 a million tokens.
        self.longest_ = max(1, (min(self.kept_.room, _MOST_UNTOLD) - 20) // 2)

    def encode(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return targets encoded as those of the fit; see :class:`Task`. Letters may be new, and many are said."""
        texts = writing.one_text_each(y, where)
        say_unwritable(self._tokenizer, [[text] for text in texts], where)
        return self._encoded(texts, where)

    @property
    def _keeps(self) -> bool:
        """Whether the network's own decoder writes."""
        return hasattr(self, "kept_")

    @property
    def _tokenizer(self) -> str:
        return self.kept_.target if self._keeps else str(self.vocabulary_)

    def _encoded(self, texts: Sequence[str], where: str) -> Targets:
        end = self.kept_.ends if self._keeps else [END]
        ids = [[*writing.ids_of(self._tokenizer, text), *end] for text in texts]
        room = self.kept_.room if self._keeps else _MOST
        for i, own in enumerate(ids):
            if len(own) > room:
                raise DataError(
                    f"{where}: y[{i}] has {len(own)} tokens, and this network writes {room} at once; give its "
                    "sentences one by one."
                )
        numbers = [torch.tensor(own, dtype=torch.int64) for own in ids]
        return Targets({"ids": numbers, "text": [writing.encoded(text) for text in texts]})

    def state(self) -> dict[str, Any]:
        """Return the vocabulary, and the length of the longest target."""
        return {"vocabulary": self.vocabulary_, "longest": self.longest_}

    def restore(self, state: dict[str, Any]) -> None:
        """Take untrusted facts; see :class:`Task`."""
        vocabulary, longest = state["vocabulary"], state["longest"]
        if type(longest) is not int or not 1 <= longest <= _MOST:
            raise ValueError(f"longest must be a number of tokens, found {shown(longest)}")
        self.longest_, self.vocabulary_ = longest, vocabulary
        if vocabulary is None:
            return  # the network's own: it is met afterwards
        if not isinstance(vocabulary, str):
            raise ValueError(f"vocabulary must be the text of a tokenizer, or null, found {shown(vocabulary)}")
        writing.built(vocabulary)
        vocabulary_size(Sentences(vocabulary, 1))

    def place(self, target: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
        """Return the target's tokens."""
        return {"ids": target["ids"]}

    def collate(self, placed: Sequence[Mapping[str, Tensor]], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return {"labels": (n, t)}, padded with -100."""
        ids = [own["ids"] for own in placed]
        return {"labels": nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=IGNORED)}

    # -- the network ------------------------------------------------------------------------------------------------

    @property
    def outputs(self) -> int:
        """Tokens that can be written; 0 where the network's own decoder writes."""
        return 0 if self.vocabulary_ is None else vocabulary_size(Sentences(self.vocabulary_, 1))

    @property
    def most(self) -> int:
        """Tokens that are written at most."""
        wanted = int(self.max_length) if self.max_length is not None else 2 * self.longest_ + 20
        return min(wanted, self.kept_.room - 1 if self._keeps else _MOST)

    def build(self, view: View, seed: int | None) -> nn.Module:
        """Return a decoder of gated recurrent units with attention; nothing where the network has its own."""
        if view.form == "native":
            return Passed()
        from punar.cells.gru import Gru

        return self.build_with(Gru(), view, seed)

    def reader(self, items: Sequence[Any], size: int | None, where: str) -> Preparation:
        """Return texts as letters, or as pieces of words; see :class:`Task`."""
        for name in ("source_language", "target_language", "prefix"):
            self._refuse(name, f"{where}: it is for pretrained networks")
        for i, item in enumerate(items):
            if not isinstance(item, str):
                raise DataTypeError(f"{where}: X must be texts for task='translation', got {shown(item)} in row {i}.")
        return learn_pieces(items, size or self.pieces)

    def build_with(self, cell: Cell, view: View, seed: int | None) -> nn.Module:
        """Return a decoder of this cell with attention."""
        if seed is not None:
            with seeded(seed):
                return self.build_with(cell, view, None)
        if self.vocabulary_ is None:
            raise ValueError("a decoder of its own needs a vocabulary, found none")
        return AttentionDecoder(cell, view.width, self.outputs, beams=self.num_beams or 1, longest=self.most)

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
        """Return the cross-entropy of the tokens, each after those that are right, weighed by their number."""
        labels = target["labels"]
        raw = net({**batch, "labels": labels})
        logits = (raw if isinstance(raw, Tensor) else raw.logits).float()
        each = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="none")
        share = (labels != IGNORED).to(each.dtype)
        if weight is not None:
            share = share * weight.unsqueeze(1)
        total = share.sum()
        mean = (each * share.flatten()).sum() / total.clamp(min=torch.finfo(each.dtype).tiny)
        return {"cross_entropy": Term(mean, float(total))}

    # -- answers ------------------------------------------------------------------------------------------------------

    def answer(self, net: Net, batch: Mapping[str, Tensor], traces: Sequence[Tensor | None]) -> list[Any]:
        """Return the text that is written for each item."""
        found = net(batch)
        if not isinstance(found, Written):
            module: Any = net.module.backbone  # type: ignore[attr-defined]
            ids = module.generate(
                encoder_outputs=found,
                attention_mask=batch["attention_mask"],
                max_new_tokens=self.most,
                do_sample=False,
                **self.kept_.generate,
                **({} if self.num_beams is None else {"num_beams": self.num_beams}),
            )
            return [Answer(writing.text_from(self.kept_.target, own)) for own in ids.tolist()]
        lengths = batch["attention_mask"].sum(1).tolist()
        pairs = zip(found.ids.cpu(), found.attention.float().cpu(), lengths, strict=True)
        return [self._answer(ids.tolist(), attention[:, :length]) for ids, attention, length in pairs]

    def _answer(self, ids: list[int], attention: Tensor) -> Answer:
        count = ids.index(END) + 1 if END in ids else len(ids)
        text = writing.text_from(self._tokenizer, [i for i in ids[:count] if i > UNKNOWN])
        if attention[:count].numel() > _MOST_SHOWN:
            return Answer(text)
        tokens = tuple(
            _END if i == END else name
            for i, name in zip(ids[:count], writing.tokens_of(self._tokenizer, ids[:count]), strict=True)
        )
        return Answer(text, attention[:count].numpy().astype(np.float16), tokens)

    def merge(self, parts: Sequence[Any], item: Any) -> Any:
        """Return the text of the only sample.

        Raises
        ------
        DataError
            The text is longer than the network reads at once.
        """
        if len(parts) != 1:
            raise DataError(f"{shown(item)} is longer than the network reads at once: translate its sentences.")
        return parts[0]

    def predictions(self, answers: Sequence[Any], items: Sequence[Any]) -> Any:
        """Return a list of texts."""
        return [answer.text for answer in answers]

    def sheet(self, answer: Any, target: Mapping[str, Tensor], item: Any) -> Mapping[str, Any]:
        """Return what was read, what is right and what was written, and where the decoder looked; see :class:`Task`.

        ``attention``, where there is one, has a row for each of the ``tokens`` that were written.
        """
        true = metric.text_of(target["text"])
        score = metric.chrf(np.asarray(metric.best_statistics(answer.text, [true])))
        shown = {"form": "texts", "given": item, "truth": [true], "found": answer.text, "score": score}
        if answer.attention is None:
            return shown
        weights = answer.attention.astype(np.float64).round(3).tolist()
        return shown | {"attention": weights, "tokens": list(answer.tokens)}

    def constant(self, targets: Targets) -> list[Any]:
        """Return the target that scores best as the answer to everything."""
        texts = [metric.text_of(text) for text in targets.columns["text"]]
        return [Answer(metric.nearest_to_all(texts))] * len(texts)

    def meter(self) -> Meter:
        """Return a meter of chrF."""
        return metric.ChrfMeter("text")

    def score(self, y: Any, predictions: Any, sample_weight: Any = None) -> float:
        """Return chrF in [0, 1] over all texts, each beside the nearest of those that are right.

        Parameters
        ----------
        y : sequence of str, or of list of str
        predictions : sequence of str
        sample_weight : array-like of shape (n,), optional
            How often each text counts.
        """
        true, found = writing.references(y, "score"), writing.one_text_each(predictions, "score: predictions")
        if self._keeps or getattr(self, "vocabulary_", None) is not None:
            say_unwritable(self._tokenizer, true, "score")
        counts = np.array([metric.best_statistics(a, own) for a, own in zip(found, true, strict=True)], np.float64)
        weights = score_weights(sample_weight, len(counts))
        if weights is not None:
            counts = counts * weights[:, None]
        return metric.chrf(counts.sum(0))
