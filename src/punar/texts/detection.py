"""What is said of boxes."""

from __future__ import annotations

NO_AREA = (
    "{where}: boxes without area inside their picture are left out, of training and of the score: {named}. Repair or "
    "remove them to silence this."
)
STRANGE = (
    "score: y has labels that the model does not know: {found}; it has {known}. Boxes of theirs cannot be found, and "
    "count as missed."
)
SHARES = (
    "{where}: no box reaches beyond 1, so that they look like shares of the picture; boxes are pixels. Multiply left "
    "and right by its width, top and bottom by its height."
)
OUTSIDE = "{where}: boxes that reach beyond their picture are clipped to it: {named}."
CROWD = (
    "marks boxes around many things at once, which are no examples of one. Leave those boxes and their labels out, as "
    "COCO json files are read."
)
