"""A text and a sentence about it, together through an entailment model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from punar.core.progress import counting
from punar.core.runtime import as_usual, available_cores, pick_device, threads
from punar.errors import DataError, MissingExtraError, shown
from punar.features.frozen import BATCH_SIZE
from punar.models.transfer.fit import Fitted
from punar.models.zero_shot.prompts import Prompts
from punar.preparations.sentences import Sentences
from punar.texts import fit as texts

_STEP = 8

Pair = tuple[list[int], list[int]]  # token ids, and which of the two each belongs to


def raw(estimator: Any, fitted: Fitted, items: Sequence[str], where: str) -> Tensor:
    """Return raw outputs, (n, labels): what an entailment model says of each text with the labels' sentences.

    Parameters
    ----------
    estimator : TransferLearner
    fitted : Fitted
        Its head is :class:`punar.models.zero_shot.heads.Entailment`.
    items : sequence of str
    where : str
        The caller, for messages.
    """
    head: Any = fitted.module.head
    preparation: Any = fitted.body.plan.preparation
    device = pick_device(estimator.device)
    module = fitted.module.backbone.to(device).eval()
    sentences = head.prompts.flat
    size = fitted.body.plan.batch_size or BATCH_SIZE["text"]
    # Whole texts at a time, so that what waits for its neighbours stays small.
    at_once = max(1, 16 * size // len(sentences))
    found = []
    run = functools.partial(_run, module, preparation, device)
    shown_to = counting(texts.ENTAILMENT, int(estimator.verbose))
    with as_usual(), threads(available_cores()), torch.no_grad(), shown_to as progress:
        for begin in range(0, len(items), at_once):
            some = items[begin : begin + at_once]
            pairs = [pair for item in some for pair in _pairs(preparation, item, sentences, where)]
            found.append(head(_answered(pairs, size, run).view(len(some), len(sentences), -1)))
            progress(begin + len(some), len(items))
    return torch.cat(found)


def beside(preparation: Sentences, prompts: Prompts, where: str) -> Sentences:
    """Return the preparation with the length that the labels' longest sentence leaves a text.

    Raises
    ------
    DataError
        It leaves none.
    """
    built = _built(preparation.tokenizer)
    built.no_truncation()
    special = built.num_special_tokens_to_add(True) - built.num_special_tokens_to_add(False)
    lengths = {s: len(built.encode(s, add_special_tokens=False).ids) for s in prompts.flat}
    longest = max(lengths, key=lambda s: lengths[s])
    left = preparation.max_length - special - lengths[longest]
    if left <= built.num_special_tokens_to_add(False):
        raise DataError(
            f"{where}: {shown(longest, 60)} has {lengths[longest]} tokens, and the network reads "
            f"{preparation.max_length} of a text and it together. Take a shorter name or template."
        )
    return replace(preparation, max_length=left)


def _answered(pairs: Sequence[Pair], size: int, run: Callable[[Sequence[Pair]], Tensor]) -> Tensor:
    """Return the model's outputs of each pair; pairs of one length share batches."""
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]))
    rows: list[Tensor | None] = [None] * len(pairs)
    for begin in range(0, len(order), size):
        some = order[begin : begin + size]
        for i, row in zip(some, run([pairs[i] for i in some]), strict=True):
            rows[i] = row
    return torch.stack([row for row in rows if row is not None])


def _run(module: nn.Module, preparation: Sentences, device: torch.device, pairs: Sequence[Pair]) -> Tensor:
    longest = min(-(-max(len(ids) for ids, _ in pairs) // _STEP) * _STEP, preparation.max_length)
    config: Any = module.config
    ids = torch.full((len(pairs), longest), preparation.pad_id, dtype=torch.int64)
    mask, kinds = torch.zeros_like(ids), torch.zeros_like(ids)
    for row, (tokens, types) in enumerate(pairs):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        kinds[row, : len(tokens)] = torch.tensor(types)
        mask[row, : len(tokens)] = 1
    batch = {"input_ids": ids, "attention_mask": mask}
    if getattr(config, "type_vocab_size", 0) > 1:
        batch["token_type_ids"] = kinds
    found: Tensor = module(**{k: v.to(device) for k, v in batch.items()}).logits
    return found.float().cpu()


def _pairs(preparation: Sentences, item: str, sentences: Sequence[str], where: str) -> list[Pair]:
    """Return a text with each sentence; the text alone is cut where both together are too long."""
    built = _built(preparation.tokenizer)
    built.enable_truncation(preparation.max_length, strategy="only_first")
    try:
        encoded = built.encode_batch([(item, sentence) for sentence in sentences])
    except Exception as error:  # tokenizers raises plain Exception; half of a character raises TypeError
        why = shown(str(error), 200)
        raise DataError(f"{where}: {shown(item, 60)} cannot be read beside the labels: {why}.") from None
    return [(each.ids, each.type_ids) for each in encoded]


@functools.lru_cache(maxsize=4)
def _built(text: str) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtraError("Texts need the package tokenizers: pip install 'punar[text]'") from None
    built = Tokenizer.from_str(text)
    built.no_padding()
    built.encode_special_tokens = True  # a text that spells one is a text: BART counts them
    return built
