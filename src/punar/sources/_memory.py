"""Is there room for it? Asked before reading, because a machine that starts to swap answers nobody."""

from __future__ import annotations

import os
from pathlib import Path

from punar.errors import DataError


def available_bytes() -> int | None:
    """Return how many bytes this process can still take, or None where the system does not say."""
    found = []
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        if "MemAvailable" in fields:
            found.append(int(fields["MemAvailable"].split()[0]) * 1024)
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and limit.read_text().strip().isdigit():
        found.append(max(0, int(limit.read_text()) - int(used.read_text())))
    if not found and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(found) if found else None


def size_text(size: float) -> str:
    """Return a byte count for people.

    >>> size_text(512), size_text(3_500_000)
    ('512 B', '3.5 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def check_room(need: int, where: str, advice: str) -> None:
    """Raise where ``need`` bytes are more than this machine has left.

    Raises
    ------
    DataError
        With both numbers and ``advice``.
    """
    room = available_bytes()
    if room is not None and need > room:
        raise DataError(
            f"{where}: reading it needs about {size_text(need)} of memory and {size_text(room)} are free. {advice}"
        )
