"""A saved punar autoencoder as a backbone: its encoder and its input scaling, rebuilt without the estimator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from punar import stored
from punar.backbones._backbone import Plan, Stage, mean_of_map
from punar.backbones._maps import find_maps, picture_views
from punar.backbones._stages import prove_stages
from punar.backbones._weights import put_weights
from punar.core import plugins
from punar.core.weights import refuse_larger
from punar.errors import BackboneError, DamagedModelError, ModelFolderError
from punar.preparations import Preparation
from punar.preparations.pictures import Pictures
from punar.preparations.rows import Rows

_MOST_NUMBERS = 2**24  # per row


class ScaledEncoder(nn.Module):
    """Rows in the user's units into codes: ``encode((x - shift) / scale)``.

    Parameters
    ----------
    encoder, objective : nn.Module
        As in the autoencoder; its objective turns the encoder's output into codes.
    shape : tuple of int
        One row.
    recipe : Objective
    """

    def __init__(self, encoder: nn.Module, objective: nn.Module, shape: tuple[int, ...], recipe: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.objective = objective
        self._recipe = recipe
        self.shift: Tensor
        self.scale: Tensor
        self.register_buffer("shift", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(shape, dtype=torch.float64))

    def forward(self, rows: Tensor) -> Tensor:
        """Return codes, (n, latent_dim)."""
        kind = rows.dtype  # float64 rows are centred in float64, so that large offsets lose nothing
        scaled = rows.sub(self.shift.to(kind)).div(self.scale.to(kind)).to(torch.float32)
        codes: Tensor = self._recipe.encode(self, scaled)
        return codes


def describe(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return what the other functions here need, as JSON values.

    Raises
    ------
    BackboneError
        Its pictures have neither one channel nor three, or its rows are sequences or a table of mixed columns.
    DamagedModelError
        The folder does not describe an autoencoder.
    """
    with stored.as_damage(str(folder)):
        codec = config["fitted"]["codec"]
        found = stored.read_codec(codec, str(folder))
        mean = stored.read_scaler(tensors, found.input, str(folder)).mean
    if found.input.kind == "sequences":
        raise BackboneError(
            f"{folder} holds an autoencoder of sequences, which cannot be a backbone: its encoder tells padding "
            "from missing values by NaN, which prepared items do not have. Use its own transform, or save a "
            "SequenceModel."
        )
    if "class" not in found.network:
        raise BackboneError(
            f"{folder} was saved with a torch module of somebody's own. Backbones are made of punar's own parts: load "
            "it with punar.load(folder, parts=[its class]), and use its transform."
        )
    if found.table is not None:
        raise BackboneError(
            f"{folder} holds an autoencoder of a table whose columns are not all numbers, which cannot be a backbone. "
            "Put the autoencoder itself before a model: make_pipeline(punar.load(folder), LogisticRegression())."
        )
    shape = found.input.shape
    if math.prod(shape) > _MOST_NUMBERS:
        raise DamagedModelError(f"{folder}: a row may have at most {_MOST_NUMBERS} numbers, found shape {shape}.")
    about = {
        "architecture": "autoencoder",
        "codec": {k: codec[k] for k in ("network", "objective", "latent_dim", "input")},
        "made_by": "you, with punar",
        "licence": "yours",
    }
    # The folder does not say in which range the pictures were; a mean above 1 tells.
    top = 255.0 if float(mean.max()) > 1.0 else 1.0
    preparation = _preparation(
        found.input.kind, shape, top, folder, stored.convert(config["fitted"], _Names, str(folder))
    )
    about |= {"input": preparation.facts(), "domain": preparation.domain}
    refuse_larger(lambda: build(about), tensors, str(folder))
    module = build(about)
    batch = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    stages = prove_stages(module, _stages(module), lambda: module(batch))
    views = {} if len(shape) == 1 else find_maps(module, stages, shape[0], shape[1:])
    return about | {"stages": [[s.name, list(s.modules)] for s in stages], "views": views}


def build(about: Mapping[str, Any]) -> nn.Module:
    """Return encoder, scaling and objective with random weights."""
    codec = stored.read_codec(about["codec"], "config.json")
    shape, binary, latent = codec.input.shape, codec.input.binary, codec.latent_dim
    with stored.as_damage("config.json"):
        network: Any = plugins.from_dict(codec.network, allowed=("networks",))
        objective: Any = plugins.from_dict(codec.objective, allowed=("objectives",))
        network.check(shape)
        objective.check()
    encoder = network.build_encoder(shape, objective.code_width(latent))
    if objective.needs_unit_range(binary):
        encoder = nn.Sequential(_Centre(shape), encoder)
    return ScaledEncoder(encoder, objective.build(latent, shape, binary=binary), shape, objective)


def fill(module: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Put the stored tensors in, without those of the decoder.

    Raises
    ------
    DamagedModelError
        They are not those of the autoencoder that the folder describes.
    """
    own = stored.own_tensors(tensors)
    found = {name: value for name, value in own.items() if name.startswith(("encoder.", "objective."))}
    for name in ("shift", "scale"):
        try:
            found[name] = tensors[f"scaler.{name}"].expand(module.get_buffer(name).shape)
        except (KeyError, RuntimeError):
            raise DamagedModelError(f"{where}: scaler.{name} is missing or has another shape than the rows.") from None
    if not bool((found["scale"] > 0).all()) or not bool(torch.isfinite(found["shift"]).all()):
        raise DamagedModelError(f"{where}: the scaler must be finite with scale > 0.")
    put_weights(module, found, where)


def plan(module: nn.Module, about: Mapping[str, Any]) -> Plan:
    """Return stages, width and calls."""
    with stored.as_damage("config.json"):
        preparation = stored.read_preparation(about["input"], "config.json")
    name = "rows" if preparation.domain == "table" else "pixels"
    return Plan(
        stages=tuple(Stage(each, tuple(modules)) for each, modules in about["stages"]),
        width=int(about["codec"]["latent_dim"]),
        preparation=preparation,
        forward=lambda module, batch: module(batch[name]),
        pool=mean_of_map,
        export=(name,),
        views=picture_views(about),
    )


def read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return config and tensors of a folder that punar saved."""
    try:
        return stored.read_folder(folder)
    except DamagedModelError:
        raise
    except ModelFolderError as error:
        raise BackboneError(str(error)) from None


class _Centre(nn.Module):
    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.row: Tensor
        self.register_buffer("row", torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        return x - self.row


class _Names(msgspec.Struct):
    names: list[str] = []


def _preparation(kind: str, shape: tuple[int, ...], top: float, folder: Path, columns: _Names) -> Preparation:
    if kind == "table":
        with stored.as_damage(str(folder)):
            return Rows.from_facts({"width": shape[0], "names": columns.names})
    channels, height, width = shape
    if channels not in (1, 3):
        raise BackboneError(f"{folder}: pictures must have 1 or 3 channels to be read from files, found {channels}.")
    none, full = (0.0,) * channels, (1.0 / top,) * channels
    pictures = Pictures(
        (height, width), none, full, crop=1.0, channels=channels, smallest=min(height, width), any_size=False
    )
    # Cropping and resizing may not touch what has the size already: codes would differ from the autoencoder's own.
    trial = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    if not torch.equal(pictures.prepare(trial.permute(1, 2, 0).numpy()), trial):
        raise BackboneError(
            f"{folder}: pictures must be square to be read from files, found {height} x {width} pixels."
        )
    return pictures


def _stages(module: nn.Module) -> list[Stage]:
    """Return one stage for each layer with a weight matrix, with what follows it: norm, activation.

    What flattens maps for a dense layer belongs to that layer, so that the stage before it shows its map.
    """
    encoder, prefix = module.get_submodule("encoder"), "encoder"
    if isinstance(encoder, nn.Sequential) and isinstance(encoder[0], _Centre):
        encoder, prefix = encoder[1], "encoder.1"
    found: list[list[str]] = []
    for name, child in encoder.named_children():
        heavy = any(isinstance(m, (nn.Linear, nn.Conv2d, nn.Flatten)) for m in child.modules())
        if heavy and found and any(True for n in found[-1] if _weighs(module, n)):
            found.append([])
        found = found or [[]]
        found[-1].append(f"{prefix}.{name}")
    return [Stage(next(n for n in names if _weighs(module, n)), tuple(names)) for names in found]


def _weighs(module: nn.Module, name: str) -> bool:
    return any(isinstance(m, (nn.Linear, nn.Conv2d)) for m in module.get_submodule(name).modules())
