"""Make the virtual environment that scripts/start and scripts/test run in, or bring it up to date.

    python scripts/environment.py [EXTRA ...]

prints the environment's Python as its last line; all else goes to the error stream. It needs Python 3.11 and nothing
else. The environment keeps a note of what was installed into it (a hash of the project's files, the interpreter, the
extras): while that still holds, nothing is done.

PUNAR_VENV=FOLDER    where the environment is (default: .venv beside the project's files)
PUNAR_TORCH=WHAT     a requirement or the path of a wheel, installed first: PyTorch's CPU build, say
PIP_*                pip's own settings
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NOTE = "punar-environment.json"
_READ_BY_THE_INSTALL = ("pyproject.toml", "README.md", "LICENSE")
# They would install to another place than the environment.
_ELSEWHERE = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONPATH", "PYTHONHOME")


class EnvironmentProblem(Exception):
    """What keeps the environment from being made, and what to do."""


def say(text: str) -> None:
    print(f"punar: {text}", file=sys.stderr, flush=True)


def files_digest(root: Path) -> str:
    """Return a hash of all files that an install reads."""
    found = hashlib.blake2b(digest_size=16)
    sources = sorted(p for p in (root / "src").rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    for path in [*(root / name for name in _READ_BY_THE_INSTALL), *sources]:
        content = path.read_bytes()
        found.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode())
        found.update(content)
    return found.hexdigest()


def place() -> Path:
    """Return where the environment is."""
    return Path(os.environ.get("PUNAR_VENV") or ROOT / ".venv").expanduser().absolute()


def python_of(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def read_note(venv: Path) -> dict[str, Any] | None:
    """Return what is known of an environment; None where these scripts did not make it."""
    try:
        found = json.loads((venv / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_note(venv: Path, note: dict[str, Any]) -> None:
    """Write it whole or not at all."""
    beside = venv / f"{NOTE}.new"
    beside.write_text(json.dumps(note, indent=1), encoding="utf-8")
    beside.replace(venv / NOTE)


def ready(extras: set[str]) -> Path:
    """Return the Python of an environment in which the project, as its files are now, is installed.

    Raises
    ------
    EnvironmentProblem
        The environment is another's, Python is too old, or a step failed.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 - it may well run in an older one
        raise EnvironmentProblem(f"Python 3.11 or newer is needed, {sys.executable} is {sys.version.split()[0]}.")
    venv = place()
    note = read_note(venv)
    interpreter = f"{sys.version.split()[0]} {Path(sys.base_prefix).resolve()}"
    if note is None and venv.exists() and (not venv.is_dir() or any(venv.iterdir())):
        raise EnvironmentProblem(
            f"{venv} is there already and was not made by this script, so it is left alone. Name another place with "
            "PUNAR_VENV=FOLDER, delete it, or use it as it is: pip install . (and scripts/test --here for the tests)."
        )
    if note is None or note.get("interpreter") != interpreter or not _runs(venv):
        say(f"making a virtual environment in {venv} (Python {sys.version.split()[0]})")
        _make(venv)
        note = {"interpreter": interpreter, "extras": [], "files": None, "torch": None}
        write_note(venv, note)
    torch = os.environ.get("PUNAR_TORCH") or None
    extras |= set(note["extras"])
    files = files_digest(ROOT)
    current = note["files"] == files and set(note["extras"]) == extras and torch in (None, note["torch"])
    if not current:
        first = note["files"] is None
        # Until the install has ended nothing is known of the environment.
        write_note(venv, note | {"files": None})
        _install(venv, extras, None if torch == note["torch"] else torch, first=first)
        write_note(venv, note | {"extras": sorted(extras), "files": files, "torch": torch or note["torch"]})
    return python_of(venv)


def _runs(venv: Path) -> bool:
    try:
        done = subprocess.run([python_of(venv), "-m", "pip", "--version"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def _make(venv: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], stdout=sys.stderr, check=False)
    if done.returncode:
        raise EnvironmentProblem(
            f"{sys.executable} -m venv failed, see above. On Debian and Ubuntu it needs one more package: "
            "apt install python3-venv."
        )


def _install(venv: Path, extras: set[str], torch: str | None, *, first: bool) -> None:
    what = "punar" + (f" with what its {', '.join(sorted(extras))} extra needs" if extras else "")
    if first:
        say(f"installing {what}. The most of it is PyTorch: about 200 MB to download and 1 GB on the disk for its CPU")
        say("build, 3 GB and 6 GB with CUDA, which is what pip takes on Linux. README.md says how to take the CPU")
        say("build; what was downloaded before is not fetched again.")
    else:
        say(f"files have changed: installing {what} again")
    began = time.monotonic()
    if torch is not None:
        say(f"first {torch}, as PUNAR_TORCH asks")
        _pip(venv, torch)
    _pip(venv, f"{ROOT}[{','.join(sorted(extras))}]" if extras else str(ROOT))
    say(f"installed in {time.monotonic() - began:.0f} s")


def _pip(venv: Path, what: str) -> None:
    # In a terminal pip shows its progress; into a file it would write a line for each package.
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    command = [str(python_of(venv)), "-m", "pip", "install", "--disable-pip-version-check", *quiet, what]
    environment = {k: v for k, v in os.environ.items() if k not in _ELSEWHERE}
    done = subprocess.run(command, stdout=sys.stderr, env=environment, check=False)
    if done.returncode:
        raise EnvironmentProblem(f"pip could not install {what}, see above.")


if __name__ == "__main__":
    try:
        print(ready(set(sys.argv[1:])))
    except EnvironmentProblem as problem:
        say(str(problem))
        sys.exit(1)
