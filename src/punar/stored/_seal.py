"""SHA-256 of what a model folder holds, kept in its config.json: a bit that is flipped changes no answer unseen.

``config.json`` has the key ``sha256``: an object with the hash of each other file that is read, and its own, which is
that of its JSON values without this one. It protects against damage and mixtures of two models, not against somebody
who writes new hashes. Folders of older versions have none, and are not checked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from punar.errors import DamagedModelError
from punar.stored._facts import convert

KEY = "sha256"
_SHOWN = 12  # hex digits in messages


class _Seal(msgspec.Struct):
    sha256: dict[str, str]


def sealed(config: Mapping[str, Any], files: Mapping[str, str], own: str) -> dict[str, Any]:
    """Return a config with the hashes of the folder's files and of itself.

    Parameters
    ----------
    config : mapping
        JSON values.
    files : mapping of str to str
        Hash of each other file that is read, by name.
    own : str
        The config's file name.
    """
    full = {**config, KEY: dict(files)}
    return {**config, KEY: {own: _hash_of(full), **files}}


def check(config: dict[str, Any], files: Mapping[str, bytes], own: str, where: str) -> dict[str, Any]:
    """Return an untrusted config without its hashes, which must be those of the folder's files.

    Raises
    ------
    DamagedModelError
        A hash is another, or missing among others.
    """
    if KEY not in config:
        return config
    wanted = dict(convert(config, _Seal, where).sha256)
    kept = {k: v for k, v in config.items() if k != KEY}
    itself = wanted.pop(own, "")
    found = {own: _hash_of({**kept, KEY: wanted})}
    found |= {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    for name, digest in found.items():
        expected = {own: itself, **wanted}.get(name, "")
        if digest != expected:
            raise DamagedModelError(
                f"{where}/{name} is not as it was saved: its SHA-256 must be {expected[:_SHOWN] or 'in config.json'}…, "
                f"found {digest[:_SHOWN]}…. It was damaged or changed, or is of another model. Get the folder again "
                f"from where it came; if you changed it yourself and trust it, delete the key {KEY!r} from {own}."
            )
    return kept


def _hash_of(config: Mapping[str, Any]) -> str:
    # Of the values: other spaces or another order of the keys are the same model.
    text = json.dumps(config, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
