"""A batch that runs in parts, in threads, gives what the whole batch gives, and the same each time."""

from __future__ import annotations

import multiprocessing
import os
import threading

import pytest
import torch

import punar
from punar.cells import Stack, _lanes
from punar.cells.gru import Gru
from punar.cells.lstm import Lstm
from punar.cells.min_gru import MinGru
from punar.core import runtime
from punar.training.checkpoint import Checkpoint

ROWS, STEPS, D, H = 37, 50, 3, 16


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(_lanes, "_WORK", 0)


def batch():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, STEPS, D, generator=generator)
    return x, torch.randint(1, STEPS + 1, (ROWS,), generator=generator)


def stack(cell, **options):
    torch.manual_seed(0)
    return Stack(cell, D, H, **options)


def answers(module, x, lengths, lanes, states=True):
    """Return states, last states and the gradients of the weights and of x."""
    x = x.clone().requires_grad_()
    with runtime.in_lanes(lanes):
        out, last = module(x, lengths, states=states)
    loss = last.square().sum() + (0 if out is None else (out * torch.linspace(0, 1, STEPS)[:, None]).sum())
    found = [out, last, *torch.autograd.grad(loss, [x, *module.parameters()])]
    return [None if f is None else f.detach() for f in found]


@pytest.mark.parametrize("ragged", [True, False])
@pytest.mark.parametrize("states", [True, False])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True, "layer_norm": True}], ids=str)
@pytest.mark.parametrize("cell", [Lstm(), Gru(), MinGru()], ids=lambda c: type(c).__name__)
def test_parts_give_what_the_whole_gives(cell, options, states, ragged):
    x, lengths = batch()
    module = stack(cell, **options)
    lengths = lengths if ragged else None
    whole = answers(module, x, lengths, 1, states)
    for lanes in (2, 4):
        for a, b in zip(whole, answers(module, x, lengths, lanes, states), strict=True):
            assert a is b is None or (a - b).abs().max() <= 1e-5 * max(1.0, float(a.abs().max()))


def test_parts_give_the_same_each_time():
    x, lengths = batch()
    module = stack(Lstm())
    first = answers(module, x, lengths, 4)
    for _ in range(5):
        assert all(torch.equal(a, b) for a, b in zip(first, answers(module, x, lengths, 4), strict=True))


def test_frozen_weights_get_no_gradient_and_the_others_theirs():
    x, lengths = batch()
    module = stack(Gru(), num_layers=2)
    for p in module.layers[0].parameters():
        p.requires_grad_(False)
    grads = []
    for lanes in (1, 2):
        module.zero_grad()
        with runtime.in_lanes(lanes):
            module(x, lengths)[1].square().sum().backward()
        assert all(p.grad is None for p in module.layers[0].parameters())
        grads.append([p.grad.clone() for p in module.layers[1].parameters()])
    assert all(torch.allclose(a, b, atol=1e-4) and a.abs().max() > 0.01 for a, b in zip(*grads, strict=True))


def ran_in(module, x, lanes):
    """Return how many threads the layer ran in, and whether one was the caller's."""
    seen = set()
    run = module._through
    module._through = lambda *a: seen.add(threading.get_ident()) or run(*a)
    try:
        with runtime.in_lanes(lanes), torch.no_grad():
            module(x)
    finally:
        del module._through
    return seen, threading.get_ident() in seen


def test_parts_run_only_where_they_pay(monkeypatch):
    x, _ = batch()
    module = stack(Gru())
    assert not ran_in(module, x, 2)[1]
    assert ran_in(module, x, 1)[1], "one lane"
    assert ran_in(module, x[:15], 4)[1], "few rows"
    with torch.no_grad():
        monkeypatch.setattr(_lanes, "_MOST", 4)
        with runtime.in_lanes(2):
            assert _lanes.count(module, x) == 10, "more parts than lanes where no states are kept"
    monkeypatch.setattr(_lanes, "_WORK", 10**12)
    assert ran_in(module, x, 2)[1], "little work"


def test_a_hook_on_a_layer_sees_the_whole_batch():
    x, _ = batch()
    module = stack(Lstm())
    seen = []
    module.layers[0][0].register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    with runtime.in_lanes(2):
        module(x)
    assert seen == [ROWS]


def test_dropout_between_layers_is_drawn_once_and_in_order():
    x, lengths = batch()
    module = stack(Lstm(), num_layers=2, dropout=0.5).train()
    found = []
    for lanes in (1, 4):
        torch.manual_seed(3)
        with runtime.in_lanes(lanes):
            found.append(module(x, lengths)[1])
    assert torch.equal(*found)


def test_an_error_in_a_part_reaches_the_caller():
    x, lengths = batch()
    module = stack(Lstm())
    with runtime.in_lanes(2), pytest.raises(RuntimeError, match="input"):
        module(torch.cat([x, x], 2), lengths)


def _in_child(module, queue):
    torch.set_num_threads(1)  # torch's own threads, too, are the parent's only
    x, lengths = batch()
    with runtime.in_lanes(2), torch.no_grad():
        queue.put(float(module(x, lengths)[1].sum()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_has_threads_of_its_own():
    x, lengths = batch()
    module = stack(Lstm())
    with runtime.in_lanes(2), torch.no_grad():
        here = float(module(x, lengths)[1].sum())
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(module, queue))
    child.start()
    assert queue.get(timeout=60) == pytest.approx(here, abs=1e-4)
    child.join(60)
    assert child.exitcode == 0


def test_fewer_cores_may_be_asked_for(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert runtime.available_cores() == runtime.lanes() == 1
    for nothing in ("", "many", "0", "-2", "64,2"):
        monkeypatch.setenv("OMP_NUM_THREADS", nothing)
        assert runtime.available_cores() >= 1


def test_a_run_is_taken_up_with_the_lanes_it_began_with(monkeypatch, tmp_path):
    x, lengths = batch()
    X = [row[:n].numpy() for row, n in zip(x, lengths, strict=True)]
    y = (lengths > STEPS // 2).numpy().astype(int)

    def fitted(cores, folder):
        monkeypatch.setattr(runtime, "available_cores", lambda: cores)
        model = punar.SequenceModel("gru", hidden_size=4, epochs=3, batch_size=32, random_state=0, device="cpu")
        return model.fit(X, y, checkpoint=tmp_path / folder)

    whole, one = fitted(3, "whole"), fitted(1, "one")
    monkeypatch.setattr(Checkpoint, "due", lambda self: True)
    save, saved = Checkpoint.save, []

    def stopping(self, *state):
        save(self, *state)
        saved.append(1)
        if len(saved) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", stopping)
        with pytest.raises(KeyboardInterrupt):
            fitted(3, "stopped")
    resumed = fitted(1, "stopped")
    weights = [m.module_.state_dict() for m in (whole, one, resumed)]
    assert all(torch.equal(weights[0][name], weights[2][name]) for name in weights[0])
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0]), "lanes round differently"


class Nested(torch.nn.Module):
    """A layer that holds layers of its own."""

    def __init__(self):
        super().__init__()
        self.inner = Stack(Gru(), D, H)

    def forward(self, x):
        return self.inner(x)[0]


def test_layers_inside_a_lane_do_not_wait_for_lanes():
    x, lengths = batch()
    torch.manual_seed(0)
    module = stack(Lstm())
    module.layers[0][0] = Nested()
    x = torch.cat([x, x])
    lengths = torch.cat([lengths, lengths])
    whole = answers(module, x, lengths, 1)
    for a, b in zip(whole, answers(module, x, lengths, runtime.available_cores()), strict=True):
        assert (a - b).abs().max() <= 1e-5 * max(1.0, float(a.abs().max()))


@pytest.mark.parametrize("cell", [Lstm(), Gru()], ids=lambda c: type(c).__name__)
def test_second_derivatives_are_those_of_the_whole(cell):
    x, _ = batch()
    module = stack(cell)
    found = []
    for lanes in (1, 2):
        given = x.clone().requires_grad_()
        with runtime.in_lanes(lanes):
            last = module(given, states=False)[1]
            (slope,) = torch.autograd.grad(last.sum(), given, create_graph=True)
            (last.sum() + 10 * slope.square().sum()).backward()
        found.append([given.grad, *(p.grad.clone() for p in module.parameters())])
        module.zero_grad()
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-4) for a, b in zip(*found, strict=True))


def test_a_graph_that_was_kept_is_walked_again_and_one_that_was_not_is_refused():
    x, lengths = batch()
    module = stack(Gru())
    found = []
    for lanes in (1, 2):
        module.zero_grad()
        with runtime.in_lanes(lanes):
            out, last = module(x, lengths)
            last.sum().backward(retain_graph=True)
            out.sum().backward()
            with pytest.raises(RuntimeError, match="backward through the graph a second time"):
                last.sum().backward()
        found.append([p.grad.clone() for p in module.parameters()])
    assert all(torch.allclose(a, b, atol=1e-3) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("hooked", ["weight", "layer's gradient", "every module"])
def test_other_hooks_too_get_the_whole_batch_once(hooked):
    x, _ = batch()
    module, seen = stack(Gru()), []
    if hooked == "weight":
        handle = module.layers[0][0].fused.weight_hh_l0.register_hook(lambda g: seen.append(g.shape))
    elif hooked == "layer's gradient":
        handle = module.layers[0][0].register_full_backward_hook(lambda _, __, g: seen.append(len(g[0])))
    else:
        handle = torch.nn.modules.module.register_module_forward_hook(lambda *a: seen.append(threading.get_ident()))
    try:
        with runtime.in_lanes(2):
            module(x.clone().requires_grad_(), states=False)[1].sum().backward()
    finally:
        handle.remove()
    wanted = {"weight": [(3 * H, H)], "layer's gradient": [ROWS]}
    assert seen == wanted.get(hooked, [threading.get_ident()] * len(seen)) != []


@pytest.mark.filterwarnings("ignore")  # tracing is on its way out of torch
def test_what_follows_the_callers_thread_keeps_the_batch_whole():
    x, _ = batch()
    module = stack(Gru()).requires_grad_(False)
    with runtime.in_lanes(2), torch.no_grad():
        with torch.autocast("cpu", torch.bfloat16):
            assert _lanes.count(module, x) == 1
        traced = torch.jit.trace(lambda x: module(x, states=False)[1], x, check_trace=False)
        assert torch.allclose(traced(-x), module(-x, states=False)[1], atol=1e-6)
        assert _lanes.count(module, x) == 2


def test_other_threads_keep_torchs_number_of_threads():
    x, _ = batch()
    module = stack(Gru())
    _lanes._pools.clear()
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    found = []
    try:
        with runtime.in_lanes(2), torch.no_grad():
            module(x)
        thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        thread.start()
        thread.join()
    finally:
        torch.set_num_threads(before)
    assert found == [2]
