"""The usual peak learning rate of a network of texts whose head for tokens is new."""

from __future__ import annotations

from collections.abc import Mapping

from punar.backbones import Body

# As for tags of words: found on MiniLM (5e-4 before 3e-4), for wider networks less.
_RATE, _WIDTH = 5e-4, 384


def rates_of(body: Body) -> Mapping[str, float]:
    """Return what "auto" is, by strategy; nothing where the network keeps a head of its own, which wants less.

    Parameters
    ----------
    body : Body
    """
    if "native" in body.plan.forms:
        return {}
    return {"fine_tuning": _RATE * min(1.0, _WIDTH / body.plan.width)}
