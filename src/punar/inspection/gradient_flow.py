"""``punar.gradient_flow``: how much of the loss's gradient reaches each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from punar.cells import Stack
from punar.core.runtime import as_usual
from punar.errors import DataError, NotSupportedError, ParameterError, ParameterTypeError
from punar.estimators.autoencoder import Autoencoder
from punar.estimators.sequence_model import SequenceModel
from punar.inspection import _targets
from punar.inspection._opened import Opened, evaluating, open_model
from punar.models.recurrent.rows import rows_per_pass
from punar.models.samples import Placed
from punar.texts import inspection as texts

Loss = Callable[[Tensor], Tensor]

_TENSORS = 64  # that a step leaves in the graph, by the width of the stack


@dataclass(frozen=True)
class GradientFlow:
    """What :func:`punar.gradient_flow` returns; ``str`` of it is a table.

    Names are those of :func:`punar.gates`: ``hidden`` for the first layer, ``hidden_l1``, ``hidden_reverse``.

    Attributes
    ----------
    by_time : dict of str to ndarray of float64, shape (time,)
        The norm at each step, averaged over the sequences that have it.
    by_item : dict of str to ndarray of float64, shape (n, time)
        The norm of d loss / d h_t of each sequence; NaN after its end.
    ratios : dict of str to float
        The mean norm at the step that is read first, divided by that at the step that is read last: near 0 where the
        gradient vanished, far above 1 where it exploded. The reverse direction reads a sequence's end first. NaN where
        no gradient reaches the last step.
    loss : float
        Mean over the sequences.
    """

    by_time: dict[str, np.ndarray]
    by_item: dict[str, np.ndarray]
    ratios: dict[str, float]
    loss: float

    def __str__(self) -> str:
        first, last = _ends(self.by_item)
        cells = [list(texts.FLOW_HEAD)]
        for name, ratio in self.ratios.items():
            cells.append([name, f"{first[name]:.3g}", f"{last[name]:.3g}", f"{ratio:.3g}", self._per_step(name)])
        widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
        lines = [
            "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))])
            for line in cells
        ]
        count, steps = next(iter(self.by_item.values())).shape
        return "\n".join([texts.FLOW_TITLE.format(n=count, steps=steps, loss=self.loss), *lines])

    def _per_step(self, name: str) -> str:
        """Return the factor by which a step changes the norm, on the way from the last one read to the first."""
        steps = float(_lengths(self.by_item[name]).mean()) - 1
        ratio = self.ratios[name]
        return f"{ratio ** (1 / steps):.3f}" if steps > 0 and ratio > 0 else "-"


def gradient_flow(model: Any, x: Any, y: Any = None, *, loss: Loss | None = None) -> GradientFlow:
    """Return the norm of d loss / d h_t at every step: the vanishing gradient, measured.

    It is the whole derivative by the hidden state, everything that later steps make of the state included, of each
    sequence's own loss. Where it is near zero, no training can connect what happened then with the answer.

    Parameters
    ----------
    model : SequenceModel, Autoencoder, nn.LSTM, nn.GRU or nn.RNN
        As for :func:`punar.gates`.
    x : array-like
        As for :func:`punar.gates`.
    y : array-like, optional
        Targets of a ``SequenceModel`` that classifies or gives numbers. Without them a class is taken to be what the
        model predicts, a number to be the training mean, and a forecast the one that the network adds to.
    loss : callable, optional
        For a module: ``loss(states)`` of all states of the last layer, (n, time, units), which returns one number per
        sequence, (n,), or their sum. By default the mean of the squares of each sequence's last state, of both
        directions where there are two. An estimator has a loss of its own.

    Returns
    -------
    GradientFlow
        ``str`` of it is a table with the ratio of first step to last.

    Raises
    ------
    punar.errors.ParameterError
        ``y`` for a model without targets, or ``loss`` for an estimator.
    punar.errors.ParameterTypeError, NotFittedError, NotSupportedError, DataError
        As for :func:`punar.gates`; also where the loss is not finite.

    References
    ----------
    Hochreiter, S. (1991). Untersuchungen zu dynamischen neuronalen Netzen. Diploma thesis, TU München.

    Bengio, Y., Simard, P. and Frasconi, P. (1994). Learning long-term dependencies with gradient descent is difficult.
    IEEE Transactions on Neural Networks 5, 157-166.

    Examples
    --------
    >>> import punar, torch
    >>> flow = punar.gradient_flow(torch.nn.RNN(1, 8, batch_first=True), torch.ones(4, 100, 1))
    >>> flow.by_time["hidden"].shape, flow.ratios["hidden"] < 1e-6
    ((100,), True)
    """
    where = "gradient_flow"
    if y is not None and isinstance(model, (Autoencoder, nn.Module)):
        raise ParameterError(f"{where}: y is for a SequenceModel; a module takes loss=, an Autoencoder neither.")
    if loss is not None and isinstance(model, (SequenceModel, Autoencoder)):
        raise ParameterError(f"{where}: loss is for a module; a {type(model).__name__} has its own. Leave it out.")
    if loss is not None and not callable(loss):
        raise ParameterTypeError(f"{where}: loss must be a callable, got {type(loss).__name__}.")
    with as_usual():
        opened = open_model(model, x, where)
        target = None if y is None else _targets.given(model, x, y, len(opened.lengths), where)
        with evaluating(opened.module), torch.enable_grad():
            return _measure(opened, _loss_of(model, opened, target, loss, where), loss is not None, where)


def _loss_of(
    model: Any, opened: Opened, target: Placed | None, loss: Loss | None, where: str
) -> Callable[[Any, Tensor], Tensor]:
    """Return a function of the rows and their numbers: the sum of their losses."""

    def of_states(rows: Any, index: Tensor) -> Tensor:
        states, last = opened.run(rows)
        return (last.square().mean(1) if loss is None else torch.as_tensor(loss(states))).sum()

    def of_task(rows: Any, index: Tensor) -> Tensor:
        raw, task = opened.run(rows), model.fitted_.task
        if not isinstance(raw, Tensor):
            name = type(task).__name__
            raise NotSupportedError(
                f"{where}: {name} writes its answer step by step, so that its loss is none of one pass. "
                "punar.attention shows what it looked at, punar.gates what its cells kept."
            )
        found = task.itself(raw) if target is None else target.take(index, rows)
        wanted = {name: value.to(raw.device) for name, value in found.items()}
        terms = task.losses(lambda _: raw, rows, wanted, None, progress=1.0, generator=None)
        return torch.stack([term.mean for term in terms.values()]).sum() * len(index)

    def of_objective(rows: Any, index: Tensor) -> Tensor:
        return torch.stack(list(opened.run(rows).values())).sum() * len(index)

    if isinstance(model, SequenceModel):
        return of_task
    return of_objective if isinstance(model, Autoencoder) else of_states


def _measure(opened: Opened, loss: Callable[[Any, Tensor], Tensor], at_once: bool, where: str) -> GradientFlow:
    lengths, total = opened.lengths, 0.0
    count, steps = len(lengths), int(lengths.max())
    size = max(1, rows_per_pass(steps, opened.stack.output_width * _TENSORS))
    found: dict[str, np.ndarray] = {}
    # A user's loss may hold targets of its own, which go with all rows in their order.
    for index in [torch.arange(count)] if at_once else opened.blocks(size):
        with _nudged(opened.stack) as nudges:
            value = loss(opened.take(index), index)
            if not bool(torch.isfinite(value.detach())):
                raise DataError(f"{where}: the loss of x is {float(value.detach())}, which has no slope.")
            slopes = torch.autograd.grad(value, list(nudges.values()), allow_unused=True, materialize_grads=True)
        total += float(value.detach())
        for name, slope in zip(nudges, slopes, strict=True):
            norms = slope.double().norm(dim=2).cpu().numpy()
            if name.endswith("_reverse"):
                norms = _turned_back(norms, lengths[index].numpy())
            kept = found.setdefault(name, np.full((count, steps), np.nan))
            kept[index.numpy(), : norms.shape[1]] = norms
    past = np.arange(steps) >= lengths.numpy()[:, None]
    by_item = {name: np.where(past, np.nan, norms) for name, norms in sorted(found.items(), key=_place)}
    by_time = {name: np.nanmean(norms, axis=0) for name, norms in by_item.items()}
    first, last = _ends(by_item)
    ratios = {name: first[name] / last[name] if last[name] > 0 else float("nan") for name in by_item}
    return GradientFlow(by_time, by_item, ratios, total / count)


@contextmanager
def _nudged(stack: Stack) -> Iterator[dict[str, Tensor]]:
    """Let every layer of the stack add zeros to its states, by which the loss can then be derived."""
    nudges: dict[str, Tensor] = {}

    def hook(name: str) -> Callable[..., Tensor]:
        def replaced(module: nn.Module, given: tuple[Tensor, ...], fast: Tensor) -> Tensor:
            nudges[name] = torch.zeros_like(fast, requires_grad=True)
            # The fast pass has no place for a nudge: the step-by-step one takes over.
            return stack.cell.look(module, given[0], nudge=nudges[name])["hidden"]

        return replaced

    handles = []
    for layer in range(len(stack.layers)):
        pair: Any = stack.layers[layer]
        for direction, module in enumerate(pair):
            name = "hidden" + (f"_l{layer}" if layer else "") + ("_reverse" if direction else "")
            handles.append(module.register_forward_hook(hook(name)))
    try:
        yield nudges
    finally:
        for handle in handles:
            handle.remove()


def _turned_back(norms: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return (B, T) in the order of time, from the order in which the reverse direction reads."""
    step = np.arange(norms.shape[1])
    own = lengths[:, None]
    return np.take_along_axis(norms, np.where(step < own, own - 1 - step, step), axis=1)


def _place(entry: tuple[str, Any]) -> tuple[int, bool]:
    """Return where a layer stands: by depth, forwards first."""
    name = entry[0].removesuffix("_reverse")
    return int(name.partition("_l")[2] or 0), name != entry[0]


def _lengths(norms: np.ndarray) -> np.ndarray:
    return (~np.isnan(norms)).sum(1)


def _ends(by_item: dict[str, np.ndarray]) -> tuple[dict[str, float], dict[str, float]]:
    """Return the mean norms at the steps that are read first and last."""
    first, last = {}, {}
    for name, norms in by_item.items():
        start, end = norms[:, 0], norms[np.arange(len(norms)), _lengths(norms) - 1]
        if name.endswith("_reverse"):
            start, end = end, start
        first[name], last[name] = float(start.mean()), float(end.mean())
    return first, last
