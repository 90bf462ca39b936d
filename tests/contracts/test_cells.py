"""Every cell that lies in its folder keeps its contract, alone and in a stack."""

from __future__ import annotations

import json

import pytest
import torch
from sklearn.base import clone

from punar.cells import Cell, Stack
from punar.core import plugins
from punar.core.draws import drawing_from
from punar.errors import ParameterError

# Further settings of known cells; one that is not named here is checked with its defaults.
VARIANTS = {
    "rnn": [{"nonlinearity": "relu"}],
    "lstm": [{"forget_bias": -1.0}],
    "min_gru": [{"update_bias": 0.0}],
    "min_lstm": [{"forget_bias": 3.0}],
}
STACKS = [
    {},
    {"bidirectional": True, "dropout": 0.4},  # between layers only: of no effect here
    {"num_layers": 2, "dropout": 0.3, "layer_norm": True},
    {"num_layers": 3, "bidirectional": True, "dropout": 0.3, "layer_norm": True},
]
GATES = {"rnn": 0, "gru": 2, "lstm": 3, "min_gru": 1, "min_lstm": 2}
D, H = 3, 4
LENGTHS = torch.tensor([5, 9, 1, 7])


def _cells():
    for name in plugins.members("cells"):
        for settings in [{}, *VARIANTS.get(name, [])]:
            yield pytest.param(plugins.member("cells", name)(**settings), id=f"{name}-{settings}")


CELLS = list(_cells())
every_cell = pytest.mark.parametrize("cell", CELLS)
every_stack = pytest.mark.parametrize("options", STACKS, ids=str)


def _built(cell, seed=0):
    torch.manual_seed(seed)
    return cell.build(D, H)


def _stack(cell, options, seed=0):
    torch.manual_seed(seed)
    return Stack(cell, D, H, **options)


def _x(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _batch():
    return _x(len(LENGTHS), 9, D)


def test_the_folder_holds_what_the_design_names():
    assert set(GATES) <= set(plugins.members("cells"))


@every_cell
def test_a_cell_is_a_recipe(cell):
    params = cell.get_params(deep=False)
    assert isinstance(cell, Cell)
    assert set(vars(cell)) == set(params), "settings only"
    assert clone(cell).get_params(deep=False) == params
    assert all(name in type(cell).__doc__ for name in params), "every setting is documented"
    assert isinstance(cell.gates, int)
    assert cell.gates >= 0
    assert cell.gates == GATES.get(type(cell).__module__.rpartition(".")[2], cell.gates)


@every_cell
def test_a_cell_is_stored_by_name(cell):
    stored = json.loads(json.dumps(plugins.to_dict(cell), allow_nan=False))
    found = plugins.from_dict(stored, allowed=["cells"])
    assert type(found) is type(cell)
    assert found.get_params() == cell.get_params()


@every_cell
def test_check_refuses_with_name_rule_and_value(cell):
    cell.check()
    for name in cell.get_params(deep=False):
        for bad in (object(), "no such thing"):
            with pytest.raises(ParameterError) as caught:
                clone(cell).set_params(**{name: bad}).check()
            message = str(caught.value)
            assert f"{type(cell).__name__}: {name} must be" in message
            assert repr(bad)[:30] in message
        if isinstance(getattr(cell, name), float):
            with pytest.raises(ParameterError, match=f"{name} must be a finite number, got nan"):
                clone(cell).set_params(**{name: float("nan")}).check()


@every_cell
def test_one_layer_maps_sequences_to_states(cell):
    module = _built(cell)
    for count, steps in ((1, 1), (2, 1), (1, 40), (3, 17)):
        for mode in (True, False):
            out = module.train(mode)(_x(count, steps, D))
            assert out.shape == (count, steps, H)
            assert out.dtype == torch.float32
            assert out.isfinite().all()
    assert cell.build(1, 1)(_x(2, 3, 1)).shape == (2, 3, 1)
    assert module.double()(_x(2, 5, D).double()).dtype == torch.float64


@every_cell
def test_no_state_depends_on_a_later_step(cell):
    module = _built(cell)
    x = _x(2, 30, D)
    later = x.clone()
    later[:, 13:] += 5.0
    before, after = module(x), module(later)
    torch.testing.assert_close(before[:, :13], after[:, :13], rtol=0, atol=1e-6)
    assert not torch.allclose(before[:, 13:], after[:, 13:])
    torch.testing.assert_close(module(x[:, :13]), before[:, :13], rtol=0, atol=1e-6)


@every_cell
def test_states_remember_earlier_steps(cell):
    module = _built(cell)
    x = _x(2, 6, D)
    earlier = x.clone()
    earlier[:, 0] += 5.0
    assert not torch.allclose(module(x)[:, 3], module(earlier)[:, 3])


@every_cell
@every_stack
def test_a_stack_gives_states_and_last_states(cell, options):
    stack = _stack(cell, options)
    width = H * (2 if options.get("bidirectional") else 1)
    assert stack.output_width == width
    assert stack.cell is cell
    assert len(stack.layers) == options.get("num_layers", 1)
    for x, lengths in (
        (_batch(), LENGTHS),
        (_batch(), None),
        (_x(1, 1, D), None),
        (_x(1, 1, D), torch.ones(1, dtype=torch.int64)),
    ):
        out, last = stack(x, lengths)
        assert out.shape == (*x.shape[:2], width)
        assert last.shape == (len(x), width)
        assert out.dtype == last.dtype == torch.float32
        assert out.isfinite().all()


@every_cell
@every_stack
def test_the_last_state_is_where_each_direction_ends(cell, options):
    stack = _stack(cell, options).eval()
    out, last = stack(_batch(), LENGTHS)
    rows = torch.arange(len(LENGTHS))
    assert torch.equal(last[:, :H], out[rows, LENGTHS - 1, :H])
    assert torch.equal(last[:, H:], out[:, 0, H:])


@every_cell
@every_stack
def test_padding_changes_nothing(cell, options):
    stack = _stack(cell, options).eval()
    out, last = stack(_batch(), LENGTHS)
    for fill in (0.0, 1e6, torch.nan, torch.inf):
        padded = torch.cat([_batch(), torch.zeros(len(LENGTHS), 6, D)], 1)
        for row, length in enumerate(LENGTHS):
            padded[row, length:] = fill
        more, end = stack(padded, LENGTHS)
        torch.testing.assert_close(more[:, :9], out, rtol=0, atol=1e-6)
        assert bool((more[:, 9:] == 0).all())
        torch.testing.assert_close(end, last, rtol=0, atol=1e-6)


@every_cell
def test_known_equal_lengths_and_none_are_the_same(cell):
    stack = _stack(cell, {"num_layers": 2, "bidirectional": True}).eval()
    x = _batch()
    for a, b in zip(stack(x), stack(x, torch.full((len(x),), 9)), strict=True):
        assert torch.equal(a, b)


@every_cell
@every_stack
def test_gradients_reach_every_parameter_and_no_padding(cell, options):
    stack = _stack(cell, options)
    x = _batch()
    x[0, 5:] = torch.nan
    x.requires_grad_()
    out, last = stack(x, LENGTHS)
    (out * _x(*out.shape, seed=3)).sum().add((last * _x(*last.shape, seed=4)).sum()).backward()
    for name, parameter in stack.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name
    assert x.grad.isfinite().all()
    for row, length in enumerate(LENGTHS):
        assert x.grad[row, :length].abs().sum() > 0
        assert x.grad[row, length:].abs().sum() == 0


@every_cell
def test_looking_inside_agrees_with_the_fast_pass(cell):
    module = _built(cell)
    x = _x(2, 40, D)
    seen = cell.look(module, x)
    assert list(seen)[-1] == "hidden"
    assert all(value.shape == (2, 40, H) for value in seen.values())
    assert len(seen) >= 1 + cell.gates
    torch.testing.assert_close(seen["hidden"], module(x), rtol=0, atol=1e-5)
    fast = torch.autograd.grad(module(x)[:, -1].sum(), list(module.parameters()))
    slow = torch.autograd.grad(seen["hidden"][:, -1].sum(), list(module.parameters()))
    for a, b in zip(fast, slow, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@every_cell
def test_a_nudge_is_added_before_the_next_step(cell):
    module = _built(cell)
    x = _x(1, 8, D)
    plain = cell.look(module, x)["hidden"]
    nudge = torch.zeros(1, 8, H)
    assert torch.equal(cell.look(module, x, nudge=nudge)["hidden"], plain)
    nudge[:, 3] = 0.25
    moved = cell.look(module, x, nudge=nudge)["hidden"]
    assert torch.equal(moved[:, :3], plain[:, :3])
    torch.testing.assert_close(moved[:, 3], plain[:, 3] + 0.25)
    assert not torch.allclose(moved[:, 4:], plain[:, 4:])


@every_cell
@every_stack
def test_a_stack_opens_every_layer_and_direction(cell, options):
    stack = _stack(cell, options).eval()
    names = set(cell.look(_built(cell), _x(1, 1, D)))
    suffixes = {
        layer + direction
        for layer in ["", "_l1", "_l2"][: options.get("num_layers", 1)]
        for direction in (["", "_reverse"] if options.get("bidirectional") else [""])
    }
    seen = stack.look(_batch(), LENGTHS)
    assert set(seen) == {name + suffix for name in names for suffix in suffixes}
    past = torch.arange(9) >= LENGTHS[:, None]
    for value in seen.values():
        assert torch.equal(value.isnan(), past[:, :, None].expand(-1, -1, H))
    # The topmost states are the output, before the norm.
    top = f"_l{len(stack.layers) - 1}" if len(stack.layers) > 1 else ""
    states = [seen["hidden" + top]]
    if options.get("bidirectional"):
        states.append(seen[f"hidden{top}_reverse"])
    out = torch.cat(states, 2)
    out = stack.norms[-1](out) if options.get("layer_norm") else out
    torch.testing.assert_close(out.nan_to_num(), stack(_batch(), LENGTHS)[0], rtol=0, atol=1e-5)


@every_cell
@every_stack
def test_the_seed_is_the_only_randomness(cell, options):
    first, second = (_stack(cell, options, seed=5) for _ in "ab")
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    found = []
    for stack in (first, second):
        with drawing_from(torch.Generator().manual_seed(7)):
            found.append(stack(_batch(), LENGTHS)[0])
    assert torch.equal(*found)
    dropped = options.get("dropout", 0) and options.get("num_layers", 1) > 1
    assert torch.equal(first(_batch())[0], first(_batch())[0]) is not bool(dropped)
    first.eval()
    assert torch.equal(first(_batch())[0], first(_batch())[0])


@every_cell
@every_stack
def test_weights_survive_a_state_dict(cell, options):
    stack, other = _stack(cell, options, seed=1).eval(), _stack(cell, options, seed=2).eval()
    assert not torch.equal(stack(_batch())[1], other(_batch())[1])
    other.load_state_dict(stack.state_dict())
    assert torch.equal(stack(_batch())[1], other(_batch())[1])


@every_cell
def test_a_layer_norm_over_one_unit_is_refused(cell):
    with pytest.raises(ParameterError, match=r"hidden_size must be an integer >= 2 with layer_norm=True, got 1"):
        Stack(cell, D, 1, layer_norm=True)
    assert Stack(cell, D, 1)(_x(2, 3, D))[1].shape == (2, 1)


def test_an_unknown_cell_is_named_with_its_likely_spelling():
    with pytest.raises(ParameterError, match=r"cells has no member 'min_gro'.*Did you mean 'min_gru'"):
        plugins.member("cells", "min_gro")
