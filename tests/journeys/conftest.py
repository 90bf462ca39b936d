"""What the tests of commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from punar.cli.main import run


@dataclass(frozen=True)
class Answer:
    """What a command printed and how it ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def punar_says(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Answer]:
    """Run a command in an empty folder, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PUNAR_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))

    def call(*words: str) -> Answer:
        with pytest.raises(SystemExit) as stop:
            run(words)
        out, err = capsys.readouterr()
        return Answer(int(stop.value.code or 0), out, err)

    return call
