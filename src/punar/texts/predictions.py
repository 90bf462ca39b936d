"""What the columns of a file of predictions are called."""

from __future__ import annotations

PREDICTION, PROBABILITY = "prediction", "probability {name}"
# Of labels per token, per step, and of spans of a text.
NUMBER, STEP, TOKEN, LABEL = "number", "step", "token", "label"
# Of masks: a number in them, and the share of pixels that have it.
VALUE, SHARE = "value", "share"
START, END, TEXT = "start", "end", "text"
# Of boxes, in pixels.
SCORE, LEFT, TOP, RIGHT, BOTTOM = "score", "left", "top", "right", "bottom"
