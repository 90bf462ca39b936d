"""A folder as a backbone: a model in Hugging Face layout, or one that punar saved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from punar.backbones import _own_autoencoder, _own_sequence, _own_transfer, _transformers
from punar.backbones._backbone import Backbone, Plan
from punar.errors import BackboneError, ParameterError, ParameterTypeError, shown


class Local(Backbone):
    """A model folder.

    Parameters
    ----------
    name : path
        A folder with ``config.json`` and ``model.safetensors`` (or ``pytorch_model.bin`` with tensors only), and for
        texts ``tokenizer.json`` or the vocabulary's files; or a folder that :func:`punar.save` wrote.
    weights : "default" or None, default="default"
        The folder's, or random ones.
    options : dict or None
        For Hugging Face folders, as for ``transformers:NAME``.
    """

    def __init__(self, name: str, weights: Any = "default", options: dict[str, Any] | None = None) -> None:
        super().__init__(name, weights, options)

    @classmethod
    def has(cls, name: str) -> bool:
        """Return whether ``name`` is a folder with a config.json."""
        try:
            return (Path(name).expanduser() / "config.json").is_file()
        except (OSError, ValueError, RuntimeError):
            return False

    @classmethod
    def names(cls) -> list[str]:
        """Return nothing: folders are not listed."""
        return []

    def describe(self) -> dict[str, Any]:
        """Return what the folder says; see :class:`Backbone`."""
        if self.weights is not None and not (isinstance(self.weights, str) and self.weights == "default"):
            raise ParameterError(
                f"Local: weights must be 'default' (the folder's) or None (random), got {shown(self.weights)}."
            )
        folder = self._folder()
        if "punar_format" in _transformers.read_json(folder / "config.json"):
            about = _punar_model(folder, self.options)
        else:
            about = _transformers.describe_folder(folder, self.options)
        self.__dict__["domain"] = about["domain"]
        # The folder's own name only: a path says where somebody keeps their files.
        return about | {"name": folder.name}

    def native(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is known of the library's model with its head or decoder; see :class:`Backbone`."""
        if _maker(about) is not _transformers:
            kept = _own_transfer.native(about) if _maker(about) is _own_transfer else None
            return kept or super().native(about)
        return _transformers.native(about, self._folder(), str(self._folder()))

    def build(self, about: Mapping[str, Any]) -> nn.Module:
        """Return the module with random weights."""
        return _maker(about).build(about)

    def fill(self, module: nn.Module, about: Mapping[str, Any]) -> str:
        """Put the folder's weights in; see :class:`Backbone`."""
        if self.weights is None:
            return "random"
        folder = self._folder()
        maker = _maker(about)
        if maker is _transformers:
            _transformers.fill(module, about, folder, str(folder))
        else:
            maker.fill(module, _own_autoencoder.read(folder)[1], str(folder))
        return f"folder {folder.name}"

    def plan(self, module: nn.Module, about: Mapping[str, Any]) -> Plan:
        """Return stages, width and calls."""
        found: Plan = _maker(about).plan(module, about)
        return found

    def _folder(self) -> Path:
        try:
            folder = Path(self.name).expanduser()
            inside = folder.is_dir()
        except (TypeError, ValueError, RuntimeError, OSError):
            raise ParameterTypeError(f"Local: name must be a folder, got {shown(self.name)}.") from None
        if not inside:
            raise BackboneError(f"Local: name must be an existing folder, got {shown(str(folder), 200)}.")
        return folder


def _maker(about: Mapping[str, Any]) -> Any:
    """Return the functions for this kind of folder."""
    own = {
        "autoencoder": _own_autoencoder,
        _own_transfer.ARCHITECTURE: _own_transfer,
        _own_sequence.ARCHITECTURE: _own_sequence,
    }
    return own.get(about["architecture"], _transformers)


def _punar_model(folder: Path, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what ``describe`` must for a folder that punar saved."""
    if options:
        raise ParameterError(f"Local: folders that punar saved take no options, got {shown(dict(options))}.")
    config, tensors = _own_autoencoder.read(folder)
    estimator = config.get("estimator")
    kind = estimator.get("class") if isinstance(estimator, dict) else None
    if kind == "Autoencoder":
        return _own_autoencoder.describe(folder, config, tensors)
    if kind == "TransferLearner":
        return _own_transfer.describe(folder, config, tensors)
    if kind == "SequenceModel":
        return _own_sequence.describe(folder, config, tensors)
    raise BackboneError(f"{folder} holds a saved {shown(kind)}, which cannot be a backbone.")
