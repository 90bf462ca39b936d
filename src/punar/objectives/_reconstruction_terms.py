"""Distances between a decoder's raw output and its target, and calls of a network's halves.

Where rows are sequences, (n, steps, channels) with NaN for what there is not, only what there is counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from punar.core.draws import drawing_from
from punar.data.steps import are_sequences

LOSSES = ("mse", "mae", "huber", "bernoulli")


def distance(raw: Tensor, target: Tensor, loss: str, output: str = "linear") -> Tensor:
    """Return the average over all elements of the loss of ``raw`` after its link, a scalar; NaN is no element."""
    if are_sequences(target):
        seen = ~target.isnan()
        if not bool(seen.all()):
            raw, target = raw[seen], target[seen]
    if loss == "bernoulli":
        return F.binary_cross_entropy_with_logits(raw, target.clamp(0.0, 1.0))
    predicted = link(raw, loss, output)
    if loss == "mse":
        return mean_square(predicted, target)
    if loss == "mae":
        return F.l1_loss(predicted, target)
    return F.huber_loss(predicted, target)


class _MeanSquare(torch.autograd.Function):
    """``F.mse_loss`` in two passes over memory instead of five: on small networks it is a tenth of a step."""

    @staticmethod
    def forward(ctx: Any, predicted: Tensor, target: Tensor) -> Tensor:
        difference = predicted - target
        ctx.save_for_backward(difference)
        flat = difference.flatten()
        return torch.dot(flat, flat) / flat.numel()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (difference,) = ctx.saved_tensors
        return difference * (grad * (2.0 / difference.numel())), None


def mean_square(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared difference, a scalar; ``target`` gets no gradient."""
    if predicted.requires_grad and not target.requires_grad:
        loss: Tensor = _MeanSquare.apply(predicted, target)
        return loss
    return F.mse_loss(predicted, target)


def link(raw: Tensor, loss: str, output: str = "linear") -> Tensor:
    """Return the reconstruction that a raw output stands for."""
    return torch.sigmoid(raw) if loss == "bernoulli" or output == "sigmoid" else raw


def encoded(net: nn.Module, batch: Tensor) -> Tensor:
    """Return the encoder's output."""
    encoder: Any = net.encoder
    return encoder(batch)


def decoded(net: nn.Module, code: Tensor, like: Tensor | None = None) -> Tensor:
    """Return the decoder's raw output; for sequences with as many steps as ``like``, where it is given."""
    decoder: Any = net.decoder
    if like is not None and are_sequences(like):
        return decoder(code, like.shape[1])
    return decoder(code)


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Put every module of ``net`` in eval mode for a while: no dropout, batch norms by running statistics."""
    if not net.training:
        yield
        return
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def randomness_from(generator: torch.Generator, net: nn.Module) -> Iterator[None]:
    """Let dropout draw from ``generator``. The global one, which torch's layers use, is left untouched."""
    if not (net.training and any(_drops(module) for module in net.modules())):
        yield
        return
    with drawing_from(generator, net):
        yield


def _drops(module: nn.Module) -> bool:
    """Return whether it is a dropout layer, or has a share of its own to drop, as torch's recurrent layers have."""
    share = module.p if isinstance(module, nn.modules.dropout._DropoutNd) else getattr(module, "dropout", 0.0)
    return isinstance(share, (int, float)) and share > 0
