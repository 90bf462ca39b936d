"""A recurrent decoder with attention: writes tokens one by one, and looks at each at other places of what was read.

Shapes: B items, S places that were read, T tokens that are written, V tokens of the vocabulary, H units. Token 0 begins
and ends every text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from punar.backbones import Tokens
from punar.cells import Cell
from punar.core.draws import dropout

END, UNKNOWN = 0, 1
IGNORED = -100
_EMBEDDED = 64
_MOST_UNITS = 512
State = tuple[Tensor, ...]


class Written(NamedTuple):
    """What a decoder wrote.

    Attributes
    ----------
    ids : Tensor of int64, (B, T)
        0 from the end of each text on.
    attention : Tensor of shape (B, T, S)
        How much each token looked at each place; rows add up to 1.
    """

    ids: Tensor
    attention: Tensor


class _Read(NamedTuple):
    values: Tensor  # (B, S, W)
    keys: Tensor  # (B, S, A)
    past: Tensor  # (B, S), True where there is nothing

    def repeated(self, times: int) -> _Read:
        return _Read(*(each.repeat_interleave(times, 0) for each in self))


class AttentionDecoder(nn.Module):
    """One layer of a cell that sees, beside the token before, a mean of what was read, weighed by additive attention.

    Parameters
    ----------
    cell : Cell
        With a step of its own.
    width : int
        Of what is read.
    outputs : int
        V.
    beams : int, default=1
        Texts that are followed at once; 1 takes the likeliest token at each step.
    longest : int, default=200
        Tokens at most.
    share : float in [0, 1), default=0.1
        Of the values of embeddings and outputs that is dropped in training.

    References
    ----------
    Cho et al. (2014). Learning phrase representations using RNN encoder-decoder. EMNLP.
    Bahdanau, Cho and Bengio (2015). Neural machine translation by jointly learning to align and translate. ICLR.
    """

    # It is called with what is shown and with the batch: that holds the labels from which it is taught.
    reads_batch = True

    def __init__(
        self, cell: Cell, width: int, outputs: int, *, beams: int = 1, longest: int = 200, share: float = 0.1
    ) -> None:
        super().__init__()
        size = min(width, _MOST_UNITS)
        self.cell, self.beams, self.longest, self.share = cell, beams, longest, share
        self.embed = nn.Embedding(outputs, _EMBEDDED)
        nn.init.normal_(self.embed.weight, std=_EMBEDDED**-0.5)
        self.start = nn.Linear(width, size)
        self.key = nn.Linear(width, size, bias=False)
        self.query = nn.Linear(size, size)
        self.energy = nn.Linear(size, 1, bias=False)
        self.layer = cell.build(_EMBEDDED + width, size)
        self.mix = nn.Linear(size + width + _EMBEDDED, size)
        self.out = nn.Linear(size, outputs)

    def forward(self, shown: Tokens, batch: Mapping[str, Tensor]) -> Tensor | Written:
        """Return the logits of the tokens of ``batch["labels"]``, (B, T, V), or what it writes where there are none."""
        if "labels" in batch:
            return self.taught(shown, batch["labels"])[0]
        with torch.no_grad():
            ids = self._greedy(shown) if self.beams == 1 else self._beams(shown)
            return Written(ids, self.taught(shown, ids)[1])

    def taught(self, shown: Tokens, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, T, V) and attention (B, T, S), where each token is followed by the one that is given."""
        read, state = self._read(shown)
        before = F.pad(labels.clamp(min=0), (1, 0))[:, :-1]
        given = self._dropped(self.embed(before))
        states, contexts, weights = [], [], []
        for token in given.unbind(1):
            state, context, weight = self._step(read, token, state)
            states.append(state[0])
            contexts.append(context)
            weights.append(weight)
        logits = self._logits(torch.stack(states, 1), torch.stack(contexts, 1), given)
        return logits, torch.stack(weights, 1)

    def _read(self, shown: Tokens) -> tuple[_Read, State]:
        values, mask = shown
        own = mask.unsqueeze(2).to(values.dtype)
        mean = (values * own).sum(1) / own.sum(1).clamp(min=1.0)
        state = self.cell.begin(self.layer, torch.tanh(self.start(mean)))
        return _Read(values, self.key(values), ~mask), state

    def _step(self, read: _Read, token: Tensor, state: State) -> tuple[State, Tensor, Tensor]:
        energy = self.energy(torch.tanh(read.keys + self.query(state[0]).unsqueeze(1))).squeeze(2)
        weight = torch.softmax(energy.float().masked_fill(read.past, -torch.inf), 1).to(read.values.dtype)
        context = torch.bmm(weight.unsqueeze(1), read.values).squeeze(1)
        return self.cell.step(self.layer, torch.cat([token, context], 1), state), context, weight

    def _logits(self, state: Tensor, context: Tensor, token: Tensor) -> Tensor:
        found: Tensor = self.out(self._dropped(torch.tanh(self.mix(torch.cat([state, context, token], -1)))))
        return found

    def _dropped(self, values: Tensor) -> Tensor:
        return dropout(values, self.share, self.training)

    def _next(self, read: _Read, before: Tensor, state: State) -> tuple[Tensor, State]:
        """Return log-probabilities of the next token, (B, V), and the state; unknown tokens are not written."""
        token = self.embed(before)
        state, context, _ = self._step(read, token, state)
        logits = self._logits(state[0], context, token).float()
        logits[:, UNKNOWN] = -torch.inf
        return torch.log_softmax(logits, 1), state

    def _greedy(self, shown: Tokens) -> Tensor:
        read, state = self._read(shown)
        last = torch.zeros(len(read.values), dtype=torch.int64, device=read.values.device)
        ended = torch.zeros_like(last, dtype=torch.bool)
        found = []
        for _ in range(self.longest):
            sure, state = self._next(read, last, state)
            last = sure.argmax(1).masked_fill(ended, END)
            ended = ended | (last == END)
            found.append(last)
            if bool(ended.all()):
                break
        return torch.stack(found, 1)

    def _beams(self, shown: Tokens) -> Tensor:
        """Follow the likeliest beginnings at once, and take the text whose tokens are likeliest on the average."""
        read, state = self._read(shown)
        count, wide, size = len(read.values), self.beams, self.out.out_features
        device = read.values.device
        read, state = read.repeated(wide), tuple(s.repeat_interleave(wide, 0) for s in state)
        rows = torch.arange(count, device=device).unsqueeze(1) * wide
        # At first all beams of an item are the same: only one may go on.
        total = torch.full((count, wide), -torch.inf, device=device)
        total[:, 0] = 0.0
        found = torch.zeros(count * wide, 0, dtype=torch.int64, device=device)
        last = torch.zeros(count * wide, dtype=torch.int64, device=device)
        ended, lengths = torch.zeros_like(last, dtype=torch.bool), torch.zeros_like(last)
        for _ in range(self.longest):
            sure, state = self._next(read, last, state)
            sure = sure.masked_fill(ended.unsqueeze(1), -torch.inf)
            sure[:, END] = sure[:, END].masked_fill(ended, 0.0)
            every = (total.reshape(-1, 1) + sure).reshape(count, wide * size)
            total, best = every.topk(wide, 1)
            kept, last = (rows + best // size).flatten(), (best % size).flatten()
            state = tuple(s[kept] for s in state)
            found = torch.cat([found[kept], last.unsqueeze(1)], 1)
            lengths = lengths[kept] + (~ended[kept]).long()
            ended = ended[kept] | (last == END)
            if bool(ended.all()):
                break
        likeliest = (total / lengths.view(count, wide)).argmax(1)
        return found[rows[:, 0] + likeliest]
