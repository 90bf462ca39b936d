"""An autoencoder as facts and tensors, and back from untrusted ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from torch import Tensor

from punar import stored
from punar.core import plugins
from punar.core.weights import load_weights
from punar.errors import DamagedModelError
from punar.models.codec.fit import Fitted
from punar.models.codec.model import Codec
from punar.networks import AutoencoderModule, Network, OwnModules
from punar.objectives import Objective
from punar.training.report import FitReport

_OWN = "own"  # the fact that holds modules of a person's own


class _Names(msgspec.Struct):
    names: list[str]


def to_stored(fitted: Fitted, names: list[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a fit's facts and tensors.

    Parameters
    ----------
    fitted : Fitted
    names : list of str
        Of the columns that were fitted on; empty where they had none.
    """
    codec = fitted.codec
    described = {
        "network": _described(codec.network),
        "objective": plugins.to_dict(codec.objective),
        "latent_dim": codec.latent_dim,
        "input": {
            "kind": codec.layout.kind,
            "shape": list(codec.layout.shape),
            "user_shape": list(codec.layout.user_shape),
            "float32": codec.float32,
            "binary": codec.binary,
            "scaling": codec.scaler.mode,
        },
    }
    if codec.table is not None:
        described["table"] = msgspec.json.decode(msgspec.json.encode(codec.table))
    facts = stored.record_facts(fitted.history, fitted.report, fitted.seed) | {"names": names, "codec": described}
    return facts, codec.tensors()


def from_stored(
    facts: Mapping[str, Any], tensors: Mapping[str, Tensor], where: str, parts: tuple[type, ...] = ()
) -> tuple[Fitted, list[str]]:
    """Return what a fit left behind and the names of its columns, from untrusted facts.

    Raises
    ------
    DamagedModelError
        A field is missing or wrong, or facts and tensors do not describe one model.
    UnknownPartError
        A part is not here.
    """
    with stored.as_damage(where):
        codec = _codec(facts["codec"], tensors, where, parts)
    record, names = stored.read_record(facts, where), stored.convert(facts, _Names, where).names
    return Fitted(codec, record.seed, record.history, FitReport(record.report)), names


def _described(network: Network) -> dict[str, Any]:
    if isinstance(network, OwnModules):
        return {_OWN: plugins.to_value(network.module, "network")}
    return plugins.to_dict(network)


def _network(facts: Mapping[str, Any], parts: tuple[type, ...], where: str) -> Network:
    described = facts["network"]
    if set(described) != {_OWN}:
        found: Network = stored.read_part(facts, "network", Network, ("networks", "cells"), parts, where)
        return found
    own = OwnModules(plugins.from_value(described[_OWN], parts=parts))
    assert own.pair
    return own


def _codec(facts: Mapping[str, Any], tensors: Mapping[str, Tensor], where: str, parts: tuple[type, ...]) -> Codec:
    found = stored.read_codec(facts, where)
    network = _network(facts, parts, where)
    objective: Objective = stored.read_part(facts, "objective", Objective, ("objectives",), parts, where)
    rows = found.input
    if network.sequences_only != (rows.kind == "sequences"):
        raise DamagedModelError(f"{where}: {type(network).__name__} does not take rows of kind {rows.kind!r}.")
    network.check(rows.shape)
    objective.check()
    scaler = stored.read_scaler(tensors, rows, where)
    codec = Codec(network, objective, found.latent_dim, rows.layout, scaler, rows.binary, rows.float32, found.table)
    module = load_weights(codec.build, stored.own_tensors(tensors), where)
    assert isinstance(module, AutoencoderModule)
    codec.module = module.eval()
    return codec
