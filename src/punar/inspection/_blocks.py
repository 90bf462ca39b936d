"""The rows of ``punar.layers``: what a network consists of, and what of it is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from punar.core.draws import seeded

_MOST_TYPES = 4

# Ids of the parameters that would be trained, and whether each module would be in train mode.
Planned = tuple[set[int], dict[str, bool]]


@dataclass(frozen=True)
class Block:
    """Modules that make one row: its name, their dotted names, and their learning rate."""

    name: str
    modules: tuple[str, ...]
    rate: float | None = None


def split(module: nn.Module, block: Block, levels: int) -> Iterator[Block]:
    """Yield a stage, or, deeper, its modules, or what its only module consists of."""
    if levels == 1:
        yield block
        return
    deeper = levels - 2 if len(block.modules) > 1 else levels - 1
    for name in block.modules:
        yield from children(module.get_submodule(name), name, deeper, block.rate, at=name)


def children(module: nn.Module, prefix: str, levels: int, rate: float | None = None, at: str = "") -> Iterator[Block]:
    """Yield what a module consists of, ``levels`` deep; one without children is yielded itself."""
    inner = list(module.named_children())
    if levels == 0 or not inner:
        if prefix:
            yield Block(prefix, (at,), rate)
        return
    for name, child in inner:
        here, path = f"{prefix}.{name}" if prefix else name, f"{at}.{name}" if at else name
        yield from children(child, here, levels - 1, rate, path)


def rows_of(
    module: nn.Module,
    blocks: Sequence[Block],
    planned: Planned | None,
    shapes: Mapping[str, tuple[int, ...]],
    rest: str = "",
) -> list[dict[str, Any]]:
    """Return one row per block, each parameter in the first that has it.

    Parameters in none count with the first block if that is called ``rest``, and otherwise make a row of their own.
    """
    parameters: dict[int, nn.Parameter] = {}
    place: dict[int, int] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        key = id(parameter)
        at = next((i for i, b in enumerate(blocks) if any(_within(name, m) for m in b.modules)), len(blocks))
        parameters[key], place[key] = parameter, min(place.get(key, at), at)
    if blocks[0].name == rest:
        place = {key: 0 if at == len(blocks) else at for key, at in place.items()}
    own = [[p for key, p in parameters.items() if place[key] == i] for i in range(len(blocks) + 1)]
    rows = []
    for block, mine in zip(blocks, own, strict=False):
        parts = [(m, module.get_submodule(m)) for m in block.modules]
        inner = [(f"{m}.{n}".strip("."), x) for m, part in parts for n, x in part.named_modules()]
        mode = _mode([(x, planned[1][n] if planned else x.training) for n, x in inner])
        rows.append(_row(block, _types([part for _, part in parts]), shapes.get(block.name), mine, planned, mode))
    if own[-1]:
        rows.append(_row(Block("(own)", ()), type(module).__name__, None, own[-1], planned, ""))
    return rows


def _row(
    block: Block,
    kind: str,
    shape: tuple[int, ...] | None,
    parameters: Sequence[nn.Parameter],
    planned: Planned | None,
    mode: str,
) -> dict[str, Any]:
    count = sum(p.numel() for p in parameters)
    on = sum(p.numel() for p in parameters if (id(p) in planned[0] if planned else p.requires_grad))
    state = "" if not count else "trainable" if on == count else "partly" if on else "frozen"
    return {
        "name": block.name,
        "type": kind,
        "output_shape": shape,
        "parameters": count,
        "trainable": on,
        "state": state,
        "mode": mode,
        "learning_rate": block.rate if on else None,
    }


def _types(modules: Sequence[nn.Module]) -> str:
    names = list(dict.fromkeys(type(m).__name__ for m in modules))
    return ", ".join(names if len(names) <= _MOST_TYPES else [*names[: _MOST_TYPES - 1], "..."])


def _mode(modules: Sequence[tuple[nn.Module, bool]]) -> str:
    """Return the mode of what behaves differently in training: batch norm, dropout and dropped layers."""
    norm = {on for m, on in modules if isinstance(m, nn.modules.batchnorm._NormBase)}
    drop = {on for m, on in modules if _drops(m)}
    said = []
    if norm:
        said.append(f"norm: {'mixed' if len(norm) > 1 else 'train' if True in norm else 'eval'}")
    if drop:
        said.append(f"dropout: {'mixed' if len(drop) > 1 else 'on' if True in drop else 'off'}")
    return ", ".join(said)


def _drops(module: nn.Module) -> bool:
    if isinstance(module, nn.modules.dropout._DropoutNd):
        return module.p > 0
    # timm's and torchvision's ways to drop whole branches.
    share = getattr(module, "drop_prob", None) if type(module).__name__ == "DropPath" else None
    if type(module).__name__ == "StochasticDepth":
        share = getattr(module, "p", None)
    return bool(share)


def output_shapes(module: nn.Module, blocks: Sequence[Block], run: Callable[[], object]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each block's output, from one forward pass in eval mode that leaves no trace."""
    found: dict[str, tuple[int, ...]] = {}

    def keep(name: str) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            if isinstance(output, (tuple, list)) and output:
                output = output[0]
            elif isinstance(output, Mapping):
                output = next((v for v in output.values() if isinstance(v, Tensor)), None)
            if isinstance(output, Tensor):
                found[name] = tuple(output.shape[1:])

        return hook

    modes = [(m, m.training) for m in module.modules()]
    hooks = [module.get_submodule(b.modules[-1]).register_forward_hook(keep(b.name)) for b in blocks]
    try:
        module.eval()
        with torch.no_grad(), seeded(0):
            run()
    finally:
        for handle in hooks:
            handle.remove()
        for inner, on in modes:
            inner.training = on
    return found


def _within(name: str, outer: str) -> bool:
    return not outer or name == outer or name.startswith(f"{outer}.")
