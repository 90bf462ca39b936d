"""punar (पुनर्, "again"): reuse, reconstruct, remember, and measure which of them your data needs.

The public names below are loaded on first use, so that ``import punar`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from punar.applications.anomaly_detector import AnomalyDetector
    from punar.backbones import backbone
    from punar.comparison.ask import compare
    from punar.estimators.autoencoder import Autoencoder
    from punar.estimators.feature_extractor import FeatureExtractor
    from punar.estimators.sequence_model import SequenceModel
    from punar.estimators.transfer_learner import TransferLearner
    from punar.inspection.attention import attention
    from punar.inspection.catalogue import list_backbones
    from punar.inspection.gates import gates
    from punar.inspection.gradient_flow import gradient_flow
    from punar.inspection.latent import latent_map
    from punar.inspection.layers import layers
    from punar.inspection.learning_rates import learning_rates
    from punar.stored import load, save

__version__ = "0.1.0"

__all__ = [
    "AnomalyDetector",
    "Autoencoder",
    "FeatureExtractor",
    "SequenceModel",
    "TransferLearner",
    "attention",
    "backbone",
    "compare",
    "errors",
    "extend",
    "gates",
    "gradient_flow",
    "latent_map",
    "layers",
    "learning_rates",
    "list_backbones",
    "load",
    "save",
]

_HOME = {
    "AnomalyDetector": "punar.applications.anomaly_detector",
    "Autoencoder": "punar.estimators.autoencoder",
    "FeatureExtractor": "punar.estimators.feature_extractor",
    "SequenceModel": "punar.estimators.sequence_model",
    "TransferLearner": "punar.estimators.transfer_learner",
    "attention": "punar.inspection.attention",
    "backbone": "punar.backbones",
    "compare": "punar.comparison.ask",
    "gates": "punar.inspection.gates",
    "gradient_flow": "punar.inspection.gradient_flow",
    "latent_map": "punar.inspection.latent",
    "layers": "punar.inspection.layers",
    "learning_rates": "punar.inspection.learning_rates",
    "list_backbones": "punar.inspection.catalogue",
    "load": "punar.stored",
    "save": "punar.stored",
}
# ``punar.networks.dense.Dense`` resolves after a bare ``import punar``, each step when it is asked for.
_PARTS = ("backbones", "cells", "networks", "objectives", "preparations", "sources", "tasks")


def __getattr__(name: str) -> Any:
    if name in ("errors", "extend", *_PARTS):
        return import_module(f"punar.{name}")
    if name not in _HOME:
        from punar.errors import suggest

        raise AttributeError(f"module 'punar' has no attribute {name!r}.{suggest(name, __all__)}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
