"""Layers that several network shapes share: activations, their first weights, norms that take one row."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "leaky_relu": nn.LeakyReLU,
    "sigmoid": nn.Sigmoid,
    "identity": nn.Identity,
}
_SIGMOID_DEVIATION = 0.21  # of sigmoid(u) for standard normal u
_RELU_LIKE = frozenset({"relu", "gelu", "silu", "elu", "leaky_relu"})


def initialise(
    layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d,
    activation: str = "identity",
    fed_by: str = "identity",
    *,
    taps: float = 1.0,
) -> None:
    """Set a layer's first weights for the activation that follows it, in place.

    He et al. (2015) for the relu family, Glorot and Bengio (2010) for the others, with gain 4 before a
    sigmoid, whose slope at zero is 1/4.

    Parameters
    ----------
    layer : nn.Linear, nn.Conv2d or nn.ConvTranspose2d
    activation : str
        What follows the layer.
    fed_by : str
        The activation before it. A sigmoid's outputs average 0.5; the bias takes that away, or the next layer
        would start saturated.
    taps : float
        How many kernel positions reach one output, for a transposed convolution: fewer than the kernel has.
    """
    weight = layer.weight
    if isinstance(layer, nn.Linear):
        fan_out, fan_in = weight.shape
    elif isinstance(layer, nn.ConvTranspose2d):
        fan_in, fan_out = int(weight.shape[0] * taps), int(weight.shape[1] * taps)
    else:
        area = weight[0, 0].numel()
        fan_in, fan_out = weight.shape[1] * area, weight.shape[0] * area
    if activation in _RELU_LIKE:
        deviation = (2.0 / max(fan_in, 1)) ** 0.5
    else:
        gain = 4.0 if activation == "sigmoid" else 1.0
        deviation = gain * (2.0 / max(fan_in + fan_out, 1)) ** 0.5
    with torch.no_grad():
        weight.normal_(0.0, deviation)
        if layer.bias is None:
            return
        layer.bias.zero_()
        if fed_by == "sigmoid":
            inputs = (0, 2, 3) if isinstance(layer, nn.ConvTranspose2d) else tuple(range(1, weight.dim()))
            share = taps / weight[0, 0].numel() if isinstance(layer, nn.ConvTranspose2d) else 1.0
            layer.bias.copy_(-0.5 * share * weight.sum(inputs))


class CentredLinear(nn.Linear):
    """A linear layer after a sigmoid, written as ``W (x - 0.5) + b``.

    The same functions as ``nn.Linear``, in parameters that gradient descent finds easier: a sigmoid's outputs
    average 0.5, and without the shift every weight's gradient has that mean in common (LeCun et al., 1998,
    Efficient BackProp; Schraudolph, 1998).
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input - 0.5, self.weight, self.bias)


def linear(
    inputs: int, outputs: int, activation: str = "identity", fed_by: str = "identity", *, bias: bool = True
) -> nn.Linear:
    """Return an initialised linear layer, centred where a sigmoid feeds it."""
    if fed_by == "sigmoid":
        centred = CentredLinear(inputs, outputs, bias=bias)
        initialise(centred, activation)
        # Outputs of variance one from a sigmoid's deviation of about 0.21; Glorot's rule, made for inputs of
        # variance one, would let the signal fade from layer to layer.
        nn.init.normal_(centred.weight, 0.0, 1.0 / (_SIGMOID_DEVIATION * max(inputs, 1) ** 0.5))
        return centred
    layer = nn.Linear(inputs, outputs, bias=bias)
    initialise(layer, activation, fed_by)
    return layer


def _single(x: Tensor) -> bool:
    return x.numel() == x.shape[1]


class BatchNorm1d(nn.BatchNorm1d):
    """Batch normalisation that uses its running statistics where a training batch has one row."""

    def forward(self, input: Tensor) -> Tensor:
        if self.training and _single(input):
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        return super().forward(input)


class BatchNorm2d(nn.BatchNorm2d):
    """The same for pictures, where one row of one pixel has no variance."""

    def forward(self, input: Tensor) -> Tensor:
        if self.training and _single(input):
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        return super().forward(input)


def group_norm(channels: int) -> nn.GroupNorm:
    """Return a group norm of at most 8 groups with at least two channels each."""
    groups = max(g for g in range(1, max(2, min(8, channels // 2) + 1)) if channels % g == 0)
    return nn.GroupNorm(groups, channels)
