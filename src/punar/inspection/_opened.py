"""Any recurrent model as a stack and batches that run through it; what the stack reads is caught on the way."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from punar.cells import Stack
from punar.core.runtime import pick_device
from punar.data.steps import lengths as own_lengths
from punar.data.steps import trimmed
from punar.errors import NotFittedError, ParameterTypeError, shown
from punar.estimators.autoencoder import Autoencoder
from punar.estimators.sequence_model import SequenceModel
from punar.inspection import _torch_rnn
from punar.models.codec.reading import read as read_rows
from punar.models.recurrent.rows import SequenceRows, sorted_by_length
from punar.models.samples import Samples
from punar.preparations import prepare_all


@dataclass(frozen=True)
class Opened:
    """A recurrent model and the rows to look at it with.

    Attributes
    ----------
    stack : Stack
    module : nn.Module
        Holds the stack, or is it.
    lengths : Tensor of int64 (n,)
        Steps of each row, on the CPU.
    take : callable
        ``take(index)`` gives rows as ``run`` takes them.
    feed : callable
        ``feed(rows)`` sends them through the stack, once.
    run : callable
        ``run(rows)`` sends them through all of the module, and returns states (B, T, units) and last states of a
        stack, raw outputs of a sequence model, or named losses of an autoencoder.
    """

    stack: Stack
    module: nn.Module
    lengths: Tensor
    take: Callable[[Tensor], Any]
    feed: Callable[[Any], Any]
    run: Callable[[Any], Any]

    def blocks(self, size: int) -> Iterator[Tensor]:
        """Yield row numbers, at most ``size`` at a time, by rising length."""
        yield from sorted_by_length(self.lengths, torch.arange(len(self.lengths))).split(size)


def open_model(model: Any, x: Any, where: str) -> Opened:
    """Return a model opened, in eval mode.

    Parameters
    ----------
    model : SequenceModel, Autoencoder, Stack, nn.LSTM, nn.GRU or nn.RNN
    x : array-like
        What its ``predict``, ``transform`` or ``forward`` takes.
    where : str
        For messages.

    Raises
    ------
    ParameterTypeError
        It is no recurrent model.
    NotFittedError
        It has not been fitted.
    """
    if isinstance(model, _torch_rnn.KINDS):
        like, first = next(model.parameters()), model.batch_first
        values, lengths = _torch_rnn.read(x, like, model.input_size, where, batch_first=first)
        return _of_stack(_torch_rnn.borrow(model, where), values, lengths)
    if isinstance(model, Stack):
        return _of_stack(model, *_torch_rnn.read(x, next(model.parameters()), model.input_width, where))
    if isinstance(model, (SequenceModel, Autoencoder)) and not hasattr(model, "module_"):
        raise NotFittedError(f"{where}: this {type(model).__name__} is not fitted yet; call fit first.")
    if isinstance(model, SequenceModel):
        return _of_sequences(model, x, where)
    if isinstance(model, Autoencoder) and _stacks(model.module_.encoder):
        return _of_autoencoder(model, x, where)
    raise ParameterTypeError(
        f"{where}: model must be a fitted SequenceModel, an Autoencoder with a recurrent network, or an nn.LSTM, "
        f"nn.GRU or nn.RNN, got {_named(model)}."
    )


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module in eval mode for a while."""
    modes = [(m, m.training) for m in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for m, mode in modes:
            m.training = mode


def inputs(opened: Opened, rows: Any) -> tuple[Tensor, Tensor | None]:
    """Return what the stack reads when ``rows`` run through the module: steps (B, T, D), and lengths (B,) or None."""
    caught: list[tuple[Any, ...]] = []
    handle = opened.stack.register_forward_pre_hook(lambda _, given: caught.append(given))
    try:
        opened.feed(rows)
    finally:
        handle.remove()
    steps, *rest = caught[0]
    return steps, rest[0] if rest else None


def _named(model: Any) -> str:
    if isinstance(model, Autoencoder):
        return f"an Autoencoder with network={shown(model.network)}"
    if isinstance(model, nn.Module):
        return f"a module {type(model).__name__}; pass the recurrent module that it holds"
    return f"a {type(model).__name__}" if isinstance(model, BaseEstimator) else shown(model)


def _stacks(module: Any) -> list[Stack]:
    return [m for m in module.modules() if isinstance(m, Stack)]


def _of_stack(stack: Stack, values: Tensor, lengths: Tensor) -> Opened:
    def take(index: Tensor) -> tuple[Tensor, Tensor]:
        own = lengths[index]
        return values[index.to(values.device), : int(own.max())], own

    def run(rows: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        states, last = stack(*rows)
        return states, last

    return Opened(stack, stack, lengths, take, run, run)


def _of_sequences(model: SequenceModel, x: Any, where: str) -> Opened:
    fitted: Any = model.fitted_
    items = fitted.preparation.check(x, where)
    samples = Samples.of(fitted.task, fitted.preparation, items, where)
    known = samples.known
    prepared = prepare_all(fitted.preparation, items, where) if known is None else [sample.tensor for sample in known]
    device = pick_device(model.device)
    module = copy.deepcopy(fitted.module).to(device)  # of its own: others may predict meanwhile
    rows = SequenceRows(prepared, None, None, device)
    return Opened(module.stack, module, rows.lengths, lambda index: rows.take(index).batch, module, module)


def _of_autoencoder(model: Autoencoder, x: Any, where: str) -> Opened:
    codec: Any = model._codec
    net = copy.deepcopy(codec.module)
    found, _ = read_rows(model, x, where.rpartition(".")[2], wants="sequences", fitted=codec)
    rows = codec.scaled(found, codec.device)
    lengths = own_lengths(rows.take(torch.arange(len(rows), device=codec.device))).clamp_min(1).cpu()

    def run(batch: Tensor) -> dict[str, Tensor]:
        generator = torch.Generator(codec.device).manual_seed(0)
        named: dict[str, Tensor] = codec.objective.losses(net, batch, progress=1.0, generator=generator)
        return named

    def take(index: Tensor) -> Tensor:
        return trimmed(rows.take(index.to(codec.device)))

    return Opened(_stacks(net.encoder)[0], net, lengths, take, net.encoder, run)
