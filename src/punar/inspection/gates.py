"""``punar.gates``: what every gate of a recurrent network did, at every step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from punar.core.runtime import as_usual
from punar.inspection._opened import evaluating, inputs, open_model
from punar.models.recurrent.rows import rows_per_pass

_TENSORS = 16  # that a step leaves behind while it is looked at, by the width of the stack


def gates(model: Any, x: Any) -> dict[str, np.ndarray]:
    """Return gates, candidates and states of a recurrent network, step by step.

    They are recomputed from the network's own weights; ``hidden`` is what its fast forward pass gives, within
    rounding.

    Parameters
    ----------
    model : SequenceModel, Autoencoder, nn.LSTM, nn.GRU or nn.RNN
        A fitted ``SequenceModel``; a fitted ``Autoencoder`` with a recurrent network, of which the encoder is shown; or
        a module of torch with any number of layers, both directions or one, with ``batch_first`` or without, from a
        zero state.
    x : array-like
        What the estimator predicts or transforms. For a module (n, time, width), or (time, n, width) where that is how
        it is called; (time, width) for one sequence; a ``PackedSequence``; or a list of arrays (time_i, width).

    Returns
    -------
    dict of str to ndarray of float32, shape (n, time, units)
        Of an LSTM ``input``, ``forget``, ``output``, ``candidate``, ``cell`` and ``hidden``; of a GRU ``reset``,
        ``update``, ``candidate`` and ``hidden``; of a plain network ``hidden``; of ``min_gru`` ``update``,
        ``candidate`` and ``hidden``, of ``min_lstm`` ``forget``, ``input``, ``candidate`` and ``hidden``. Further
        layers and directions have torch's suffixes, as in ``forget_l1_reverse``. The first axis is the sequence
        whatever ``batch_first`` says. Steps after a sequence's end are NaN.

        Of the ``(output, (h_n, c_n))`` that ``nn.LSTM`` returns, ``output`` is the last layer's ``hidden`` at every
        step, both directions side by side; ``h_n`` is every layer's and direction's ``hidden`` at the step that it read
        last, and ``c_n`` its ``cell`` there.

    Raises
    ------
    punar.errors.ParameterTypeError
        ``model`` is no recurrent network.
    punar.errors.NotFittedError
        It has not been fitted.
    punar.errors.NotSupportedError
        An ``nn.LSTM`` with ``proj_size``.
    punar.errors.DataError
        ``x`` is not what the model takes.

    References
    ----------
    Karpathy, A., Johnson, J. and Fei-Fei, L. (2015). Visualizing and understanding recurrent networks.
    arXiv:1506.02078.

    Examples
    --------
    >>> import punar, torch
    >>> seen = punar.gates(torch.nn.GRU(3, 8, num_layers=2, batch_first=True), torch.zeros(5, 20, 3))
    >>> list(seen)[:4], seen["update_l1"].shape
    (['reset', 'update', 'candidate', 'hidden'], (5, 20, 8))
    """
    with as_usual(), torch.no_grad():
        opened = open_model(model, x, "gates")
        lengths = opened.lengths
        count, steps = len(lengths), int(lengths.max())
        found: dict[str, np.ndarray] = {}
        with evaluating(opened.module):
            for index in opened.blocks(max(1, rows_per_pass(steps, opened.stack.output_width * _TENSORS))):
                seen = opened.stack.look(*inputs(opened, opened.take(index)))
                for name, value in seen.items():
                    if name not in found:
                        found[name] = np.full((count, steps, value.shape[2]), np.nan, dtype=np.float32)
                    found[name][index.numpy(), : value.shape[1]] = value.float().cpu().numpy()
    return found
