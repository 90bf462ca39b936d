"""``python -m punar`` is the command ``punar``."""

from __future__ import annotations

from punar.cli.main import run

if __name__ == "__main__":
    run()
