"""A cell's single step, walked, is its own pass; decoders are made of it."""

from __future__ import annotations

import pytest
import torch

from punar.backbones import Tokens
from punar.cells import Cell
from punar.core import plugins
from punar.errors import NotSupportedError
from punar.tasks._attention_decoder import AttentionDecoder

CELLS = [plugins.member("cells", name)() for name in plugins.members("cells")]
CELLS += [plugins.member("cells", "rnn")(nonlinearity="relu")]
every_cell = pytest.mark.parametrize("cell", CELLS, ids=str)


@every_cell
def test_steps_give_what_the_whole_pass_gives(cell: Cell) -> None:
    torch.manual_seed(0)
    module, x = cell.build(3, 5), torch.randn(4, 7, 3)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    state = cell.begin(module, torch.zeros(4, 5))
    found = []
    for step in x.unbind(1):
        state = cell.step(module, step, state)
        found.append(state[0])
    torch.testing.assert_close(torch.stack(found, 1), module(x), atol=1e-5, rtol=1e-5)


def test_a_cell_without_a_step_says_what_to_do() -> None:
    class Bare(Cell):
        gates = 0

        def check(self) -> None: ...

        def build(self, input_width, hidden_size):
            return torch.nn.Linear(input_width, hidden_size)

        def look(self, module, x, *, nudge=None):
            return {"hidden": module(x)}

    cell = Bare()
    with pytest.raises(NotSupportedError, match="Bare has no step of its own"):
        cell.step(cell.build(2, 2), torch.zeros(1, 2), (torch.zeros(1, 2),))


def decoder(cell: Cell, **settings) -> tuple[AttentionDecoder, Tokens]:
    torch.manual_seed(1)
    made = AttentionDecoder(cell, 6, 9, longest=12, **settings).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.7 * torch.randn_like(parameter))
    mask = torch.arange(8) < torch.tensor([8, 3, 5, 1]).unsqueeze(1)
    return made, Tokens(torch.randn(4, 8, 6), mask)


@every_cell
def test_what_is_written_greedily_is_the_likeliest_token_after_each_other(cell: Cell) -> None:
    made, shown = decoder(cell)
    written = made(shown, {})
    logits = made(shown, {"labels": written.ids}).detach()
    logits[..., 1] = -torch.inf
    own = (written.ids != 0).int().cumprod(1).bool()
    own = torch.cat([torch.ones(4, 1, dtype=torch.bool), own], 1)[:, : written.ids.shape[1]]
    assert torch.equal(logits.argmax(2)[own], written.ids[own])
    # A ReLU of random weights is soon so large that it writes one token for ever.
    assert len({tuple(ids) for ids in written.ids.tolist()}) > 1 or "relu" in str(cell)
    weights = written.attention
    assert torch.allclose(weights.sum(2), torch.ones(4, weights.shape[1]))
    assert not weights.masked_select(~shown.mask.unsqueeze(1).expand_as(weights)).any()


@every_cell
def test_padding_changes_nothing(cell: Cell) -> None:
    made, shown = decoder(cell)
    labels = torch.randint(0, 9, (4, 5))
    logits = made(shown, {"labels": labels})
    for row, length in enumerate([8, 3, 5, 1]):
        alone = Tokens(shown.values[row : row + 1, :length], torch.ones(1, length, dtype=torch.bool))
        torch.testing.assert_close(made(alone, {"labels": labels[row : row + 1]})[0], logits[row])
    other = shown.values.masked_fill(~shown.mask.unsqueeze(2), 99.0)
    torch.testing.assert_close(made(Tokens(other, shown.mask), {"labels": labels}), logits)


def likelihoods(made: AttentionDecoder, shown: Tokens, row: int, texts: list[list[int]]) -> list[float]:
    """Return the mean log-probability of each text's tokens, up to its end."""
    every = Tokens(*(part[row : row + 1].expand(len(texts), *part.shape[1:]) for part in shown))
    ids = torch.tensor(texts)
    with torch.no_grad():
        logits = made(every, {"labels": ids})
    logits[..., 1] = -torch.inf
    sure = torch.log_softmax(logits, 2).gather(2, ids.unsqueeze(2)).squeeze(2)
    own = torch.cat([torch.ones(len(ids), 1), (ids != 0).float().cumprod(1)[:, :-1]], 1)
    return ((sure * own).sum(1) / own.sum(1)).tolist()


def test_more_beams_find_likelier_texts_and_all_of_them_the_likeliest() -> None:
    gru = plugins.member("cells", "gru")()
    every = [[a, b, c] for a in range(9) for b in range(9) for c in range(9) if 1 not in (a, b, c)]
    found = {}
    for beams in (1, 2, len(every)):
        made, shown = decoder(gru, beams=beams)
        made.longest = 3
        written = torch.nn.functional.pad(made(shown, {}).ids, (0, 3))[:, :3].tolist()
        found[beams] = [likelihoods(made, shown, row, [ids])[0] for row, ids in enumerate(written)]
    best = [max(likelihoods(made, shown, row, every)) for row in range(4)]
    assert found[len(every)] == pytest.approx(best, abs=1e-5)
    assert all(a <= b + 1e-6 for a, b in zip(found[2], best, strict=True))
    assert sum(found[2]) >= sum(found[1]) - 1e-6
