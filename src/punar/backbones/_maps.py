"""What picture networks show beside a vector: maps and pyramids of stages, or the tokens of patches."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from punar.backbones._backbone import Stage
from punar.backbones._view import Tokens, View
from punar.core.replay import captured


def find_maps(
    module: nn.Module, stages: Sequence[Stage], channels: int, size: Sequence[int], *, channels_last: bool = False
) -> dict[str, Any]:
    """Return what the stages give, by running the network once on one picture.

    Parameters
    ----------
    module : nn.Module
        In eval mode, on any device, meta included.
    stages : sequence of Stage
    channels : int
    size : (height, width)
        Of the pictures that it will read; strides are the height divided by a map's, rounded.
    channels_last : bool
        Whether maps are (n, h, w, c).

    Returns
    -------
    dict
        JSON values for :func:`picture_views`. ``levels``: the last map of each stride, where stages give maps and no
        tokens follow them: module, position of its stage, channels and stride. ``patches``: for transformers of
        patches, the module that gives tokens last, position of its stage, channels, and how many tokens come before
        those of patches.
    """
    shapes = _shapes(module, stages, channels, size)
    if any(len(shape) == 3 for shape in shapes.values()):
        found = _patches(module, stages, shapes, size)
        return {"patches": found} if found else {}
    levels: list[list[Any]] = []
    side = max(size)
    for at, stage in enumerate(stages):
        # What pools the last stage's maps belongs to that stage: its maps are those of an earlier module of it.
        ends = stage.modules if at == len(stages) - 1 else stage.modules[-1:]
        for name in ends:
            shape = shapes.get(name, ())
            # An adaptive pool gives one size whatever the picture's, so it has no stride.
            if len(shape) != 4 or isinstance(module.get_submodule(name), nn.AdaptiveAvgPool2d):
                continue
            width, *sides = (shape[3], *shape[1:3]) if channels_last else shape[1:]
            if not _falls(sides, size, side):
                continue
            stride, side = round(size[0] / sides[0]), max(sides)
            if levels and stride == levels[-1][3]:
                levels.pop()
            levels.append([name, at, width, stride])
    return {"levels": levels} if levels else {}


def picture_views(about: Mapping[str, Any]) -> tuple[View, ...]:
    """Return the views that :func:`find_maps` found; none for what was described before there were views."""
    shown = about.get("views", {})
    if "patches" in shown:
        name, at, width, skipped = shown["patches"]
        return (View("tokens", (width,), _patch_tokens(name, skipped), reads=(at,)),)
    return map_views(shown.get("levels", ()), channels_last=bool(about.get("channels_last")))


def map_views(levels: Sequence[Sequence[Any]], *, channels_last: bool = False) -> tuple[View, ...]:
    """Return a map, and a pyramid where there is more than one level.

    Parameters
    ----------
    levels : sequence of (module, position of its stage, channels, stride)
    channels_last : bool
    """
    if not levels:
        return ()
    names, reads, widths, strides = (tuple(column) for column in zip(*levels, strict=True))
    pyramid = _maps(names, channels_last)
    top = _maps(names[-1:], channels_last)
    found = View("map", widths[-1:], lambda module, batch: top(module, batch)[0], strides[-1:], reads[-1:])
    return (found, View("pyramid", widths, pyramid, strides, reads)) if len(levels) > 1 else (found,)


def _maps(names: Sequence[str], channels_last: bool) -> Callable[[nn.Module, Mapping[str, Tensor]], tuple[Tensor, ...]]:
    def compute(module: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        with captured(module, *names) as found:
            module(batch["pixels"])
        return tuple(found[name].permute(0, 3, 1, 2) if channels_last else found[name] for name in names)

    return compute


def _patch_tokens(name: str, skipped: int) -> Callable[[nn.Module, Mapping[str, Tensor]], Tokens]:
    def compute(module: nn.Module, batch: Mapping[str, Tensor]) -> Tokens:
        with captured(module, name) as found:
            module(batch["pixels"])
        values: Tensor = found[name][:, skipped:]
        return Tokens(values, torch.ones(values.shape[:2], dtype=torch.bool, device=values.device))

    return compute


def _shapes(module: nn.Module, stages: Sequence[Stage], channels: int, size: Sequence[int]) -> dict[str, Sequence[int]]:
    """Return the shape of what each module of the stages gave last, in the order of execution."""
    found: dict[str, Sequence[int]] = {}

    def note(name: str) -> Any:
        def hook(_: nn.Module, __: object, output: object) -> None:
            found.pop(name, None)
            if isinstance(output, Tensor):
                found[name] = tuple(output.shape)

        return hook

    names = [name for stage in stages for name in stage.modules]
    hooks = [module.get_submodule(name).register_forward_hook(note(name)) for name in names]
    where = next((p.device for p in module.parameters()), torch.device("cpu"))
    try:
        with torch.no_grad():
            module(torch.zeros(1, channels, *size, device=where))
    finally:
        for handle in hooks:
            handle.remove()
    return found


def _patches(
    module: Any, stages: Sequence[Stage], shapes: Mapping[str, Sequence[int]], size: Sequence[int]
) -> list[Any] | None:
    """Return module, stage, width and tokens to skip, where tokens are the patches of a grid after a class token."""
    name, shape = next((n, s) for n, s in reversed(list(shapes.items())) if len(s) == 3)
    embed = getattr(module, "patch_embed", None) or getattr(module, "stem", None)
    grid = getattr(embed, "grid_size", None)
    skipped = int(getattr(module, "num_prefix_tokens", 0))
    if hasattr(module, "patch_size") and hasattr(module, "class_token"):  # torchvision's
        grid, skipped = [side // module.patch_size for side in size], 1
    if grid is None or shape[1] - skipped != math.prod(grid):
        return None
    at = next(i for i, stage in enumerate(stages) if name in stage.modules)
    return [name, at, shape[2], skipped]


def _falls(sides: Sequence[int], size: Sequence[int], before: int) -> bool:
    """Return whether these are the sides of a picture's map, no larger than the map before: not other axes, not a pool.

    Halving leads from 2 pixels to 1; what leads there from more is a pool over the whole map.
    """
    strides = [whole / side for whole, side in zip(size, sides, strict=True)]
    even = abs(strides[0] - strides[1]) <= 0.5 * max(strides)
    return even and max(sides) <= before and not (max(sides) == 1 and before > 2)
