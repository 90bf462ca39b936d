"""What the columns of a file of predictions are called."""

from __future__ import annotations

PREDICTION, PROBABILITY = "prediction", "probability {name}"
# Of labels per token, per step, and of spans of a text.
NUMBER, STEP, TOKEN, LABEL = "number", "step", "token", "label"
START, END, TEXT = "start", "end", "text"
# Of boxes, in pixels.
SCORE, LEFT, TOP, RIGHT, BOTTOM = "score", "left", "top", "right", "bottom"
