"""A saved sequence model as a backbone: embedding, recurrent layers and pooling, for the next task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from punar import stored
from punar.backbones._backbone import Plan, Stage
from punar.backbones._stages import prove_stages
from punar.backbones._view import Tokens, View
from punar.backbones._weights import put_weights
from punar.cells import Cell, build_encoder, lengths_of, steps_of
from punar.core.weights import at_most, most_parameters, refuse_larger
from punar.errors import BackboneError, shown
from punar.preparations import Batch
from punar.preparations.frames import Frames
from punar.preparations.histories import Histories

ARCHITECTURE = "sequence"
_PARTS = ("embed.", "stack.", "pool.")
_DESIGN = ("width", "tokens", "hidden_size", "num_layers", "bidirectional", "layer_norm", "dropout", "pooling")
_FRAME = 0.01  # seconds from one frame of a sound to the next, as Frames makes them
_SOME = (9, 6)  # steps of the sequences that stages are proven on: unequal, as in use
# Of the small networks that these are; what is right for a transformer hardly moves them.
_LEARNING_RATE = 1e-3
_BATCH_SIZE = 32


def describe(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return what the other functions here need, as JSON values.

    Raises
    ------
    BackboneError
        It forecasts, or its cell or preparation is not one of punar's.
    DamagedModelError
        The folder does not describe a sequence model.
    """
    where = str(folder)
    with stored.as_damage(where):
        fitted = config["fitted"]
        forecasts = fitted["input"].get("domain") == Histories.domain
        own = fitted["cell"]["class"] if fitted["cell"]["folder"] == "user" else fitted["input"].get(stored.PART)
    if forecasts:
        raise BackboneError(
            f"{folder} holds a model that forecasts, which cannot be a backbone: it reads windows that are scaled "
            "by their own series, a step at a time, and has no input facts for whole items. Save one of another "
            "task."
        )
    if own is not None:
        raise BackboneError(
            f"{folder} was saved with a cell or a preparation of somebody's own, {shown(own)}. Backbones are made of "
            "punar's own parts."
        )
    with stored.as_damage(where):
        given = stored.with_text(fitted["input"], tensors, where)
        about = {
            "architecture": ARCHITECTURE,
            "most_parameters": most_parameters(tensors),
            "cell": fitted["cell"],
            "design": {name: fitted["design"][name] for name in _DESIGN},
            "input": given,
            "domain": str(given["domain"]),
            "made_by": "you, with punar",
            "licence": "yours",
        }
        design = about["design"]
        stored.check_steps(stored.read_preparation(given, where), design["width"], design["tokens"], where)
        refuse_larger(lambda: build(about), tensors, where)
    module = build(about)
    batch = _some(about["design"])
    stages = prove_stages(module, _stages(module, about["design"]), lambda: _forward(module, batch))
    return about | {"stages": [[s.name, list(s.modules)] for s in stages]}


def build(about: Mapping[str, Any]) -> nn.Module:
    """Return embedding, layers and pooling with random weights."""
    with stored.as_damage("config.json"), at_most(int(about["most_parameters"]), "config.json"):
        cell: Cell = stored.read_part(about, "cell", Cell, ("cells",), (), "config.json")
        cell.check()
        module: nn.Module = build_encoder(cell, about["design"])
    return module


def fill(module: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Put the stored network in, without the head."""
    own = stored.own_tensors(tensors)
    put_weights(module, {name: value for name, value in own.items() if name.startswith(_PARTS)}, where)


def plan(module: nn.Module, about: Mapping[str, Any]) -> Plan:
    """Return stages, width and calls."""
    with stored.as_damage("config.json"):
        width = int(module.stack.output_width)  # type: ignore[union-attr, arg-type]
        preparation = stored.read_preparation(about["input"], "config.json")
        strides = (round(preparation.rate * _FRAME),) if isinstance(preparation, Frames) else ()
        stages = tuple(Stage(str(name), tuple(modules)) for name, modules in about["stages"])
        known = {name for name, _ in module.named_modules()}
        if not stages or not all(s.modules and known.issuperset(s.modules) for s in stages):
            raise ValueError("stages must name modules of the network")
        return Plan(
            stages=stages,
            width=width,
            preparation=preparation,
            forward=_forward,
            pool=mean_of_steps,
            export=(),
            learning_rate=_LEARNING_RATE,
            batch_size=_BATCH_SIZE,
            views=(View("tokens", (width,), _states, strides),),
        )


def mean_of_steps(output: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """Pool (n, t, c) by the mean over each sequence's own steps; (n, c) as it is."""
    if output.dim() == 2:
        return output
    lengths = lengths_of(batch).unsqueeze(1)
    past = torch.arange(output.shape[1], device=output.device) >= lengths
    return output.masked_fill(past.unsqueeze(2), 0.0).sum(1) / lengths.to(output.dtype)


def _forward(module: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    # A network with an answer for each step pools nothing.
    return mean_of_steps(module(steps_of(batch), lengths_of(batch)), batch)


def _states(module: Any, batch: Mapping[str, Tensor]) -> Tokens:
    """Return the last layer's state at each step; zero past a sequence's end."""
    steps, lengths = steps_of(batch), lengths_of(batch)
    states, _ = module.stack(module.embed(steps), lengths)
    return Tokens(states, torch.arange(steps.shape[1], device=steps.device) < lengths.unsqueeze(1).to(steps.device))


def _some(design: Mapping[str, Any]) -> Batch:
    generator = torch.Generator().manual_seed(0)
    longest, count = max(_SOME), len(_SOME)
    lengths = torch.tensor(_SOME)
    if design["tokens"] is None:
        return {"values": torch.randn(count, longest, design["width"], generator=generator), "lengths": lengths}
    ids = torch.randint(design["tokens"], (count, longest), generator=generator)
    return {"input_ids": ids, "attention_mask": (torch.arange(longest) < lengths.unsqueeze(1)).long()}


def _stages(module: nn.Module, design: Mapping[str, Any]) -> list[Stage]:
    """Return the embedding where there is one to learn, then each layer with its norm, the last with the pooling."""
    stack: Any = module.get_submodule("stack")
    found: list[Stage] = []
    waiting: tuple[str, ...] = ("embed",)
    if design["tokens"] is not None:
        found, waiting = [Stage("embed", waiting)], ()
    for number in range(len(stack.layers)):
        norm = (f"stack.norms.{number}",) if len(stack.norms) else ()
        found.append(Stage(f"layer{number}", (*waiting, f"stack.layers.{number}", *norm)))
        waiting = ()
    if any(True for _ in module.get_submodule("pool").parameters()):
        # What weighs the steps is learned with the layer that gives them.
        found[-1] = Stage(found[-1].name, (*found[-1].modules, "pool"))
    return found
