"""Shapes of autoencoders: one file per shape. The contract is in ``_network.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from punar.core.lazy import lazily

if TYPE_CHECKING:
    from punar.networks._network import AutoencoderModule as AutoencoderModule
    from punar.networks._network import Centre as Centre
    from punar.networks._network import Network as Network
    from punar.networks._network import ThenCentre as ThenCentre
    from punar.networks._own import OwnModules as OwnModules

_HOME = {
    "AutoencoderModule": "_network",
    "Centre": "_network",
    "Network": "_network",
    "OwnModules": "_own",
    "ThenCentre": "_network",
}
__all__ = sorted(_HOME)
__getattr__ = lazily(__name__, _HOME)
