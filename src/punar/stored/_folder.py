"""``punar.save`` and ``punar.load``: a fitted estimator as a folder of tensors and JSON."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from punar import errors
from punar.core import plugins
from punar.core.weights import refuse_not_finite
from punar.errors import DamagedModelError, ParameterTypeError, shown
from punar.stored._model_folder import write_folder
from punar.stored._preparation import estimator_parts
from punar.stored._reading import read_folder
from punar.texts import card


def describable(estimator: Any, seed: int) -> Any:
    """Return the estimator with parameters that can be written down.

    A generator is replaced by the seed that was drawn from it, a device by its name.
    """
    changes: dict[str, Any] = {}
    if isinstance(getattr(estimator, "random_state", None), np.random.RandomState):
        changes["random_state"] = seed
    if isinstance(getattr(estimator, "device", None), torch.device):
        changes["device"] = str(estimator.device)
    return type(estimator)(**{**estimator.get_params(deep=False), **changes}) if changes else estimator


def save(model: Any, folder: str | Path) -> Path:
    """Write a fitted estimator to a folder: ``config.json``, ``model.safetensors`` and ``README.md``.

    Parameters
    ----------
    model : fitted punar estimator
    folder : path
        Made where missing; an existing punar model is replaced as a whole, any other content is refused.

    Returns
    -------
    Path
        The absolute folder.

    Raises
    ------
    punar.errors.NotFittedError
        The model is not fitted.
    punar.errors.ModelFolderError
        The folder holds something else, a parameter cannot be written down, or a weight is not finite.

    Examples
    --------
    >>> import numpy as np, tempfile, punar
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> ae = punar.Autoencoder(epochs=2, random_state=0).fit(X)
    >>> folder = punar.save(ae, tempfile.mkdtemp() + "/model")
    >>> bool((punar.load(folder).transform(X) == ae.transform(X)).all())
    True
    """
    if isinstance(model, type) or not hasattr(model, "to_stored"):
        raise ParameterTypeError(
            f"punar.save: model must be a fitted Autoencoder, SequenceModel or TransferLearner, got {shown(model)}. "
            f"{_instead(model)}".rstrip()
        )
    if not model.__sklearn_is_fitted__():
        raise errors.NotFittedError(f"This {type(model).__name__} is not fitted yet. Call 'fit' before punar.save.")
    if (module := getattr(model, "module_", None)) is not None:
        refuse_not_finite(module, f"punar.save: this {type(model).__name__}")
    facts, tensors = model.to_stored()
    config = {"estimator": plugins.to_dict(describable(model, model.seed_)), "fitted": facts}
    text = card.README.format(
        kind=type(model).__name__,
        verdict=str(facts["report"]["verdict"]),
        parameters=sum(t.numel() for t in tensors.values()),
        holds=facts.get("holds", ""),
    )
    return write_folder(folder, config, tensors, text)


def _instead(model: Any) -> str:
    """Return what to do with something that cannot be saved."""
    if isinstance(model, type):
        return f"Pass an object: {model.__name__}(...).fit(...)."
    if isinstance(model, nn.Module):
        return "Pass the estimator that holds this module, or keep it with safetensors.torch.save_model."
    if hasattr(model, "steps"):
        return "Save the step that is punar's, such as punar.save(pipeline[-1], folder), and keep the others yourself."
    if hasattr(model, "backbone"):
        return (
            f"A {type(model).__name__} learns nothing: make it again with the same settings, which give the same "
            "features. What is learned on them, punar.TransferLearner(strategy='feature_extraction') keeps."
        )
    return "Models of other libraries are kept by their own means." if hasattr(model, "fit") else ""


def load(folder: str | Path, *, parts: Iterable[type] = ()) -> Any:
    """Read what :func:`save` wrote. Nothing in the folder is run.

    Parameters
    ----------
    folder : path
    parts : iterable of classes
        Your own classes (objectives, networks, cells, tasks, preparations, ...) that the model was made with. Of a
        torch module of your own the class, where it can be made without settings, or a module like the fitted one,
        whose weights are replaced by the stored ones.

    Returns
    -------
    estimator
        Fitted, on the CPU; its answers equal the saved one's bit for bit.

    Raises
    ------
    punar.errors.DamagedModelError
        The folder is truncated, inconsistent or hostile.
    punar.errors.NewerFormatError
        It was written by a newer punar.
    punar.errors.UnknownPartError
        It is made of a part that is not here; pass your own with ``parts``.
    """
    where = str(folder)
    config, tensors = read_folder(folder)
    own = tuple(parts) if isinstance(parts, Iterable) else (parts,)
    if not all(isinstance(part, (type, torch.nn.Module)) for part in own) or isinstance(parts, type):
        raise ParameterTypeError(f"punar.load: parts must be a list of classes, got {shown(parts)}.")
    if not isinstance(config.get("estimator"), dict) or not isinstance(config.get("fitted"), dict):
        raise DamagedModelError(f"{where}: config.json must have the objects 'estimator' and 'fitted'.")
    model = plugins.from_dict(config["estimator"], parts=estimator_parts(own))
    if not hasattr(model, "from_stored"):
        raise DamagedModelError(f"{where}: {type(model).__name__} is a part, not an estimator.")
    model.from_stored(config["fitted"], tensors, where, own)
    if others := sorted(tensors.keys() - model.to_stored()[1].keys()):
        raise DamagedModelError(
            f"{where}: model.safetensors must hold this model's tensors and no others, found {shown(others[0])}. "
            "Get the folder again from where it came."
        )
    return model
