"""What is said of boxes."""

from __future__ import annotations

NO_AREA = (
    "{where}: boxes without area inside their picture are left out, of training and of the score: {named}. Repair or "
    "remove them to silence this."
)
OUTSIDE = "{where}: boxes that reach beyond their picture are clipped to it: {named}."
