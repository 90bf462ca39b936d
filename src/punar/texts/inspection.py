"""What looking into a network says."""

from __future__ import annotations

FLOW_TITLE = "|d loss / d h_t|: mean of {n} sequences, {steps} steps, loss {loss:.4g}"
FLOW_HEAD = ("layer", "read first", "read last", "first / last", "per step")
