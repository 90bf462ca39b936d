"""``punar.layers``: the blocks of a network, their sizes, and what of them is trained."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from punar.backbones import Backbone, Body, Plan, Stage, backbone, build, children_as_stages, device_of, resolve
from punar.core.runtime import as_usual
from punar.errors import NotFittedError, ParameterError, ParameterTypeError, shown
from punar.inspection._blocks import Block, Planned, children, output_shapes, rows_of, split
from punar.models.transfer.freezing import HEAD, norms_learn, planned_modes, stage_parameters, trainable_stages
from punar.models.transfer.module import Transfer
from punar.preparations.sounds import Sounds
from punar.stored import is_saved, load

_HEAD = ("name", "type", "output shape", "parameters", "trainable", "state", "mode", "learning rate")
_NO_HEAD = "The head is made by fit, is always trained, and is not counted here."
_NUMBERS = ("parameters", "trainable", "learning rate")


@dataclass(frozen=True)
class LayerTable:
    """What :func:`punar.layers` returns; ``str`` of it is the table.

    Attributes
    ----------
    rows : list of dict
        One per block, in order: ``name``, ``type``, ``output_shape`` (a tuple without the batch axis, None where it is
        not known), ``parameters``, ``trainable`` (how many of them), ``state`` ("trainable", "frozen", "partly", or ""
        without parameters), ``mode`` of batch norm and dropout ("norm: train", "norm: eval", "dropout: on",
        "dropout: off", or ""), ``learning_rate`` (None where there is none). Each parameter is counted in one row.
    totals : dict
        ``parameters``, ``trainable``, ``frozen`` and ``blocks``.
    notes : tuple of str
        What the table leaves out.
    """

    rows: list[dict[str, Any]]
    totals: dict[str, int]
    notes: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        cells = self._cells()
        widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
        sides = [">" if name in _NUMBERS else "<" for name in cells[0]]
        lines = ["  ".join(f"{c:{s}{w}}" for c, s, w in zip(line, sides, widths, strict=True)) for line in cells]
        lines.insert(1, "-" * len(lines[0]))
        return "\n".join(line.rstrip() for line in [*lines, "-" * len(lines[0]), self._total(), *self.notes])

    def _repr_html_(self) -> str:
        def row(tag: str, line: Iterable[str]) -> str:
            return "<tr>" + "".join(f"<{tag}>{escape(c)}</{tag}>" for c in line) + "</tr>"

        head, *body = self._cells()
        below = "".join(f"<p>{escape(text)}</p>" for text in (self._total(), *self.notes))
        return f"<table>{row('th', head)}{''.join(row('td', line) for line in body)}</table>{below}"

    def _total(self) -> str:
        return (
            f"{self.totals['blocks']:,} blocks, {self.totals['parameters']:,} parameters: "
            f"{self.totals['trainable']:,} trainable, {self.totals['frozen']:,} frozen"
        )

    def _cells(self) -> list[tuple[str, ...]]:
        lines = [_HEAD]
        for row in self.rows:
            shape = row["output_shape"]
            lines.append(
                (
                    row["name"],
                    row["type"],
                    "-" if shape is None else " x ".join(str(n) for n in shape),
                    f"{row['parameters']:,}",
                    f"{row['trainable']:,}",
                    row["state"],
                    row["mode"],
                    "" if row["learning_rate"] is None else f"{row['learning_rate']:.3g}",
                )
            )
        keep = [
            i for i, name in enumerate(_HEAD) if name not in ("mode", "learning rate") or any(x[i] for x in lines[1:])
        ]
        return [tuple(line[i] for i in keep) for line in lines]


def layers(
    anything: Any, *, depth: int | None = None, unfreeze: Any = None, example: Tensor | tuple[Tensor, ...] | None = None
) -> LayerTable:
    """Return the blocks of a network: type, output shape, parameters, and which of them are trained.

    Parameters
    ----------
    anything : estimator, backbone, str or nn.Module
        A fitted ``TransferLearner`` is shown as its fit trained it, before it is saved and after it is loaded, and an
        unfitted one, or a ``FeatureExtractor``, as its fit would. A folder that :func:`punar.save` wrote is shown as
        the model in it, unless ``unfreeze`` is given. A backbone, or its name, is built with random weights on the CPU;
        unless ``unfreeze`` is given nothing of it is frozen. A module is shown as it is.
    depth : int, default=1
        1 shows a backbone's stages, or a module's children; 2 what they consist of, and so on.
    unfreeze : "all", "last", int or list of str, default=None
        Show what ``TransferLearner(strategy="fine_tuning")`` with this ``unfreeze`` would train, instead: its batch
        norms stay in eval mode, unless it has ``batch_norm="train"``. Nothing is changed.
    example : Tensor or tuple of Tensor, default=None
        Input of a module, to find output shapes with one forward pass. A backbone knows its own.

    Returns
    -------
    LayerTable
        With ``rows``, ``totals`` and, as ``str``, a table of whole numbers.

    Raises
    ------
    punar.errors.ParameterError
        ``depth`` is below 1, or ``unfreeze`` names no stage.
    punar.errors.ParameterTypeError
        ``anything`` holds no network.
    punar.errors.NotFittedError
        An estimator without backbone that has not been fitted.

    Examples
    --------
    >>> import punar
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> net[0].requires_grad_(False).weight.shape
    torch.Size([4, 8])
    >>> punar.layers(net).totals
    {'parameters': 46, 'trainable': 10, 'frozen': 36, 'blocks': 3}
    """
    levels = 1 if depth is None else depth
    if isinstance(levels, bool) or not isinstance(levels, int) or levels < 1:
        raise ParameterError(f"layers: depth must be a whole number from 1, got {shown(depth)}.")
    # Whoever wrapped the call in inference mode or another default type gets the same table.
    with as_usual():
        return _look(anything, levels, unfreeze, example)


def _look(anything: Any, levels: int, unfreeze: Any, example: Any) -> LayerTable:
    if isinstance(anything, (str, os.PathLike)):
        anything = backbone(os.fspath(anything), weights=None)
        if unfreeze is None and is_saved(anything.name):
            anything = load(anything.name)
    if isinstance(anything, Backbone):
        body = build(resolve(anything, None, "layers"))
        return _of_body(body.module, body.plan, levels, "all" if unfreeze is None else unfreeze, notes=(_NO_HEAD,))
    if isinstance(anything, Body):
        return _of_body(anything.module, anything.plan, levels, unfreeze, notes=(_NO_HEAD,))
    if isinstance(anything, nn.Module):
        return _of_module(anything, levels, unfreeze, example)
    module, made_of = getattr(anything, "module_", None), getattr(anything, "body_", None)
    if isinstance(module, nn.Module):
        if isinstance(made_of, Body) and not isinstance(module, Transfer):
            return _of_body(module, made_of.plan, levels, unfreeze)
        return _of_module(module, levels, unfreeze, example, getattr(anything, "learning_rates_", {}))
    if isinstance(anything, BaseEstimator) and "backbone" in anything.get_params(deep=False):
        return _of_plan(anything, levels, unfreeze)
    if isinstance(anything, BaseEstimator):
        raise NotFittedError(f"layers: this {type(anything).__name__} has no network yet; call fit first.")
    raise ParameterTypeError(
        "layers: give an estimator, a backbone or its name, or an nn.Module; got "
        f"{'the class ' + anything.__name__ if isinstance(anything, type) else shown(anything)}."
    )


def _of_plan(estimator: BaseEstimator, levels: int, unfreeze: Any) -> LayerTable:
    """Show what the fit of an estimator would train, from its parameters."""
    given = estimator.get_params(deep=False)
    body = build(resolve(given["backbone"], None, type(estimator).__name__))
    strategy = given.get("strategy", "feature_extraction")
    if unfreeze is None:
        unfreeze = {"feature_extraction": 0, "scratch": "all"}.get(strategy, given.get("unfreeze", "all"))
    notes = (_NO_HEAD,) if "strategy" in given else ()
    batch_norm = norms_learn(strategy, given.get("batch_norm", "auto"))
    return _of_body(body.module, body.plan, levels, unfreeze, batch_norm=batch_norm, notes=notes)


def _of_body(
    module: nn.Module,
    plan: Plan,
    levels: int,
    unfreeze: Any,
    head: Any = None,
    rates: Mapping[str, float] | None = None,
    notes: tuple[str, ...] = (),
    *,
    planned: Planned | None = None,
    batch_norm: bool = False,
) -> LayerTable:
    stages, rates = plan.stages, rates or {}
    planned = planned or _planned(module, stages, unfreeze, batch_norm=batch_norm)
    blocks = [b for s in stages for b in split(module, Block(s.name, s.modules, rates.get(s.name)), levels)]
    shapes = output_shapes(module, blocks, lambda: plan.forward(module, _blank(plan, device_of(module))))
    rows = rows_of(module, blocks, planned, shapes, rest=stages[0].name)
    if isinstance(head, nn.Module):
        inner = list(children(head, HEAD, levels - 1, rates.get(HEAD)))
        rows += rows_of(head, inner, None if planned is None else _everything(head), {})
    return LayerTable(rows, _totals(rows), notes)


def _of_module(
    module: nn.Module, levels: int, unfreeze: Any, example: Any, rates: Mapping[str, float] | None = None
) -> LayerTable:
    if isinstance(module, Transfer):
        planned = (_trainable(module.backbone), module.modes()) if unfreeze is None else None
        return _of_body(module.backbone, module._plan, levels, unfreeze, module.head, rates, planned=planned)
    planned = _planned(module, children_as_stages(module), unfreeze)
    blocks = list(children(module, "", levels)) or [Block(type(module).__name__, ("",))]
    shapes: dict[str, tuple[int, ...]] = {}
    if example is not None:
        inputs = example if isinstance(example, tuple) else (example,)
        shapes = output_shapes(module, blocks, lambda: module(*inputs))
    rows = rows_of(module, blocks, planned, shapes)
    return LayerTable(rows, _totals(rows))


def _trainable(module: nn.Module) -> set[int]:
    return {id(p) for p in module.parameters() if p.requires_grad}


def _planned(module: nn.Module, stages: Sequence[Stage], unfreeze: Any, *, batch_norm: bool = False) -> Planned | None:
    """Return the trainable parameters and the modes that ``unfreeze`` stands for; None: as the module is."""
    if unfreeze is None:
        return None
    chosen = trainable_stages(stages, unfreeze, "layers")
    parts = stage_parameters(module, stages)
    return {id(p) for i in chosen for p in parts[i]}, planned_modes(module, stages, chosen, batch_norm=batch_norm)


def _everything(module: nn.Module) -> Planned:
    return {id(p) for p in module.parameters()}, {name: True for name, _ in module.named_modules()}


def _totals(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    total, on = (sum(row[key] for row in rows) for key in ("parameters", "trainable"))
    return {"parameters": total, "trainable": on, "frozen": total - on, "blocks": len(rows)}


def _blank(plan: Plan, device: torch.device) -> dict[str, Tensor]:
    """Return a batch of one empty item: a picture of the network's size, 16 tokens or steps, a second of silence."""
    preparation = plan.preparation
    item = {"text": torch.zeros(16, dtype=torch.int64), "series": torch.zeros(16)}.get(preparation.domain)
    if preparation.domain == "audio":
        item = torch.zeros(16_000 if isinstance(preparation, Sounds) else 16)
    bucket = 0 if item is None else preparation.bucket(item)
    return {k: v.to(device) for k, v in preparation.collate([preparation.blank(bucket)], bucket).items()}
