"""What the picture sources share: input facts with the user's own changes, guessed stages, and the plan."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from punar.backbones._backbone import Plan, Stage, mean_of_map
from punar.backbones._maps import picture_views
from punar.core.draws import seeded
from punar.errors import ParameterError, WeightsNotFoundError, shown, suggest
from punar.preparations.pictures import Pictures

INPUT_OPTIONS = ("mean", "std", "size", "crop")
_CONTAINERS = ("blocks", "stages", "layers", "features", "encoder", "trunk_output")
_STEMS = ("stem", "patch_embed", "conv_proj", "conv1")
_PROBE_SIDES = (32, 64, 75, 96, 128, 160, 192, 224, 256, 288, 299, 331, 384)


def split_options(options: Any, reserved: Sequence[str], where: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (what changes the input facts, what the source builds with).

    Raises
    ------
    ParameterError
        Not a dict of names, or a name that punar sets itself.
    """
    if options is not None and not (isinstance(options, dict) and all(isinstance(k, str) for k in options)):
        raise ParameterError(f"{where}: options must be a dict of the source's own options, got {shown(options)}.")
    given = dict(options or {})
    for name in reserved:
        if name in given:
            raise ParameterError(f"{where}: option {name!r} is set by punar; leave it out.")
    return {k: given.pop(k) for k in INPUT_OPTIONS if k in given}, given


def input_facts(facts: Pictures, changes: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the facts with the user's ``mean``, ``std``, ``size`` and ``crop``, as JSON values.

    Raises
    ------
    ParameterError
        A value breaks its rule, or the architecture takes its own size only.
    """
    changed = facts.facts()
    for name in ("mean", "std"):
        if name in changes:
            changed[name] = _channels(changes[name], facts.channels, name, where)
    if "crop" in changes:
        crop = changes["crop"]
        if isinstance(crop, bool) or not isinstance(crop, (int, float)) or not 0 < crop <= 1:
            raise ParameterError(f"{where}: option crop must be a number in (0, 1], got {shown(crop)}.")
        changed["crop"] = float(crop)
    if "size" in changes:
        size = list(side_pair(changes["size"], where))
        if not facts.any_size and size != changed["size"]:
            raise ParameterError(
                f"{where}: it reads pictures of size {tuple(changed['size'])} only, got {shown(size)}."
            )
        if min(size) < facts.smallest:
            raise ParameterError(f"{where}: option size must be at least {facts.smallest}, got {shown(size)}.")
        changed["size"] = size
    return changed


def side_pair(value: Any, where: str) -> tuple[int, int]:
    """Return (height, width) of a size given as one number or two."""
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in pair):
        raise ParameterError(f"{where}: option size must be one or two whole numbers > 0, got {shown(value)}.")
    return int(pair[0]), int(pair[1])


def _channels(value: Any, channels: int, name: str, where: str) -> list[float]:
    several = list(value) if isinstance(value, (tuple, list)) else [value] * channels
    good = all(isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) < 1e6 for v in several)
    if len(several) != channels or not good or (name == "std" and not all(v > 0 for v in several)):
        rule = "numbers > 0" if name == "std" else "numbers"
        raise ParameterError(f"{where}: option {name} must be one number or {channels} {rule}, got {shown(value)}.")
    return [float(v) for v in several]


def on_any_device(make: Callable[[], nn.Module]) -> nn.Module:
    """Return ``make()``, on torch's default device even if that is meta and the library computes sizes with tensors."""
    try:
        return make()
    except NotImplementedError:
        with seeded(0), torch.device("cpu"):
            module = make()
        return module.to(torch.get_default_device())


def check_name(name: Any, known: Sequence[str], source: str) -> None:
    """Refuse a name that the source does not have, with the likely spelling."""
    if not isinstance(name, str) or name not in known:
        near = suggest(name, known)
        few = len(known) < 40
        listed = f"It has {', '.join(known)}." if few else f"punar.list_backbones() lists all {len(known)}."
        raise ParameterError(f"{source} has no backbone {shown(name)}.{near} {listed}")


def not_here(name: str, what: str, error: Exception | None) -> WeightsNotFoundError:
    """Return the error for published weights that are not on this machine."""
    reason = f" ({shown(str(error).strip().splitlines()[0], 160)})" if error is not None and str(error).strip() else ""
    return WeightsNotFoundError(
        f"{name}: its weights, {what}, are not on this machine and could not be fetched{reason}. Run "
        f"`punar fetch {name}` on a machine with a network and bring its cache, or pass weights=PATH, a safetensors "
        "or .pth file of this architecture. weights=None starts from random numbers."
    )


def propose_stages(module: nn.Module) -> tuple[Stage, ...]:
    """Guess the stages of a picture network from the order and names of its parts.

    Containers (``blocks``, ``layers``, ...) give one stage per member; where the members are single layers, as in VGG,
    a stage ends at each pooling. What comes before is the stem; single layers in between go with what follows them,
    those at the end with the last stage. ``inception3a`` and ``inception3b`` are one stage. The guess is to be shown
    right by :func:`punar.backbones._stages.prove_stages`.
    """
    parts = list(_parts(module, ""))
    while parts and not any(True for _ in parts[-1][1].parameters()) and not _is_activation(parts[-1][1]):
        parts.pop()
    stages: list[Stage] = []
    waiting: list[str] = []
    seen_pool = False
    plain = not any(name.split(".")[0] in _CONTAINERS and _composite(part) for name, part in parts)
    for name, part in parts:
        waiting.append(name)
        first = not stages and any(word in name.split(".")[-1].lower() for word in _STEMS)
        if plain and name.split(".")[0] in _CONTAINERS and isinstance(part, nn.MaxPool2d):
            stages.append(Stage(f"block{len(stages) + 1}", tuple(waiting)))
            waiting, seen_pool = [], True
        elif _composite(part) and not first:
            if not stages and len(waiting) > 1:
                stages.append(Stage("stem", tuple(waiting[:-1])))
                waiting = waiting[-1:]
            stages.append(Stage(name, tuple(waiting)))
            waiting = []
    if waiting and stages and not seen_pool:
        stages[-1] = Stage(stages[-1].name, stages[-1].modules + tuple(waiting))
    elif waiting:
        stages.append(Stage("tail" if stages else "all", tuple(waiting)))
    return tuple(_grouped(stages))


def _parts(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        inside = list(child.modules())[1:]
        if name in _CONTAINERS and inside:
            yield from _parts(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child


def _composite(part: nn.Module) -> bool:
    # Scales of shape (c, 1, 1) are no layers.
    return sum(p.dim() >= 2 and math.prod(p.shape[1:]) > 1 for p in part.parameters()) >= 2


def _is_activation(part: nn.Module) -> bool:
    return type(part).__module__ == "torch.nn.modules.activation"


def _grouped(stages: Sequence[Stage]) -> Iterator[Stage]:
    def family(stage: Stage) -> str:
        match = re.fullmatch(r"([A-Za-z_]+\d)[a-z]", stage.name)
        return match[1] if match else stage.name

    for name, members in groupby(stages, family):
        several = list(members)
        modules = tuple(m for stage in several for m in stage.modules)
        yield Stage(name if len(several) > 1 else several[0].name, modules)


def smallest_side(forward: Callable[[Tensor], Tensor], channels: int, sides: Sequence[int] = _PROBE_SIDES) -> int:
    """Return the smallest of some square sides that the network takes.

    Raises
    ------
    ParameterError
        It takes none of them.
    """
    for side in sides:
        try:
            with torch.no_grad():
                forward(torch.zeros(2, channels, side, side))
        except (RuntimeError, ValueError, AssertionError, IndexError, ZeroDivisionError):
            continue
        return side
    raise ParameterError(f"the network takes square pictures of none of the sides {', '.join(map(str, sides))}.")


def stages_as_json(stages: Sequence[Stage]) -> list[list[Any]]:
    """Return stages as lists of name and modules."""
    return [[stage.name, list(stage.modules)] for stage in stages]


def picture_plan(about: Mapping[str, Any]) -> Plan:
    """Return the plan of a module that maps pixels to pooled features."""
    return Plan(
        stages=tuple(Stage(name, tuple(modules)) for name, modules in about["stages"]),
        width=int(about["num_features"]),
        preparation=Pictures.from_facts(about["input"]),
        forward=features_of_pixels,
        pool=mean_of_last_map if about.get("channels_last") else mean_of_map,
        views=picture_views(about),
    )


def features_of_pixels(module: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    """Return pooled features (n, width)."""
    features: Tensor = module(batch["pixels"])
    return features


def mean_of_last_map(output: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """Pool maps whose channels come last, (n, h, w, c), by their mean; the rest as :func:`mean_of_map` does."""
    return output.mean((1, 2)) if output.dim() == 4 else mean_of_map(output, batch)
