"""``punar doctor``: does this installation work, and what is missing?"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from punar.texts import cli as texts

_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w.-]+)['\"]")
_NAME = re.compile(r"[\w.-]+")
# For people who work on punar itself, and the sum of the others.
_NOT_FOR_USERS = ("all", "bench", "dev", "test")


def doctor(clear_cache: Annotated[bool, typer.Option("--clear-cache", help=texts.CLEAR_CACHE)] = False) -> None:
    """Print what was found, and fail where punar cannot work."""
    if clear_cache:
        _clear()
        return
    failed = _versions() + _machine() + _folders() + _cache() + _small_fit()
    _extras()
    typer.echo(texts.DOCTOR_TROUBLE.format(n=failed) if failed else texts.DOCTOR_ALL_WELL)
    if failed:
        raise typer.Exit(1)


def _line(mark: str, what: str, value: str) -> None:
    typer.echo(texts.DOCTOR_LINE.format(mark=mark, what=what, value=value).rstrip())


def _versions() -> int:
    from importlib import metadata

    import punar

    _line(texts.DOCTOR_OK, "punar", f"{punar.__version__} ({Path(punar.__file__).parent})")
    _line(texts.DOCTOR_OK, "python", f"{sys.version.split()[0]} ({sys.executable})")
    failed = 0
    for package in ("torch", "numpy", "pandas", "scikit-learn", "scipy", "safetensors", "pillow"):
        try:
            _line(texts.DOCTOR_OK, package, metadata.version(package))
        except metadata.PackageNotFoundError:
            failed += 1
            _line(texts.DOCTOR_BAD, package, texts.DOCTOR_NOT_INSTALLED)
    return failed


def _machine() -> int:
    from punar.sources import available_bytes, size_text

    try:
        import torch

        from punar.core.runtime import available_cores, pick_device

        device = pick_device("auto")
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
        _line(texts.DOCTOR_OK, "device", f"{device} {name}".strip())
        cores = texts.DOCTOR_CORES.format(cores=available_cores(), threads=torch.get_num_threads())
        _line(texts.DOCTOR_OK, "threads", cores)
    # a broken torch fails in many ways, and saying so is what this command is for
    except Exception as error:
        _line(texts.DOCTOR_BAD, "torch", f"{type(error).__name__}: {error}")
        return 1
    free = available_bytes()
    if free is not None:
        _line(texts.DOCTOR_OK, "memory", texts.DOCTOR_MEMORY.format(free=size_text(free)))
    return 0


def _folders() -> int:
    import shutil
    import tempfile

    from punar.sources import size_text

    places = {"this folder": Path.cwd(), "temporary files": Path(tempfile.gettempdir())}
    if os.environ.get("PUNAR_CACHE_DIR"):
        places["PUNAR_CACHE_DIR"] = Path(os.path.expanduser(os.environ["PUNAR_CACHE_DIR"]))
    failed = 0
    for what, path in places.items():
        if path.is_dir() and os.access(path, os.W_OK):
            free = size_text(shutil.disk_usage(path).free)
            _line(texts.DOCTOR_OK, what, texts.DOCTOR_WRITABLE.format(path=path, free=free))
        else:
            failed += 1
            _line(texts.DOCTOR_BAD, what, texts.DOCTOR_NOT_WRITABLE.format(path=path))
    return failed


def _cache() -> int:
    """Say where computed features are kept, how large they are and may grow."""
    from punar.errors import ParameterError
    from punar.features.cache import Cache, limit_bytes
    from punar.sources import size_text

    try:
        cache, limit = Cache(), limit_bytes()
    except ParameterError as error:
        _line(texts.DOCTOR_BAD, "feature cache", str(error))
        return 1
    value = texts.DOCTOR_CACHE.format(path=cache.folder, size=size_text(cache.size()), limit=size_text(limit))
    _line(texts.DOCTOR_OK, "feature cache", value)
    return 0


def _clear() -> None:
    from punar.features.cache import Cache
    from punar.sources import size_text

    cache = Cache()
    typer.echo(texts.DOCTOR_CLEARED.format(size=size_text(cache.clear()), path=cache.folder))


def _small_fit() -> int:
    import tempfile

    try:
        import numpy as np

        import punar
        from punar.sources import builtin

        started = time.perf_counter()
        X = builtin.load("iris").X
        model = punar.Autoencoder(latent_dim=2, epochs=20, random_state=0, device="auto").fit(X)
        with tempfile.TemporaryDirectory() as folder:
            punar.save(model, Path(folder) / "model")
            again = punar.load(Path(folder) / "model")
        if not np.allclose(model.transform(X), again.transform(X), atol=1e-5):
            raise RuntimeError(texts.DOCTOR_FIT_DIFFERS)
    # whatever fails here is the finding
    except Exception as error:
        _line(texts.DOCTOR_BAD, "small fit", f"{type(error).__name__}: {error}")
        return 1
    _line(texts.DOCTOR_OK, "small fit", texts.DOCTOR_FIT.format(seconds=time.perf_counter() - started))
    return 0


def _extras() -> None:
    """Say which optional packages are here, from the list that the installation itself carries."""
    from importlib import metadata

    try:
        needs = metadata.requires("punar") or []
    except metadata.PackageNotFoundError:
        _line(texts.DOCTOR_MISSING, "extras", texts.DOCTOR_NO_METADATA)
        return
    extras: dict[str, list[str]] = {}
    for need in needs:
        found, name = _EXTRA.search(need), _NAME.match(need)
        if found and name and found[1] not in _NOT_FOR_USERS:
            extras.setdefault(found[1], []).append(name[0])
    for extra, packages in sorted(extras.items()):
        missing = [p for p in packages if not _is_installed(p)]
        if missing:
            value = texts.DOCTOR_EXTRA_MISSING.format(missing=", ".join(missing), extra=extra)
            _line(texts.DOCTOR_MISSING, f"extra {extra}", value)
        else:
            _line(texts.DOCTOR_OK, f"extra {extra}", ", ".join(packages))


def _is_installed(package: str) -> bool:
    from importlib import metadata

    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
