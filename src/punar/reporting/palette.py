"""Colours that stay apart for colour-blind readers, on light and on dark paper."""

from __future__ import annotations

# Paul Tol's "muted" and "bright" schemes (SRON/EPS/TN/09-002), ordered so that neighbours differ in lightness too.
CLASSES = (
    "#4477aa",
    "#ee6677",
    "#228833",
    "#ccaa33",
    "#66ccee",
    "#aa3377",
    "#882255",
    "#ee7733",
    "#999933",
    "#44aa99",
)
OTHERS = "#999999"

# A dark-to-light ramp (cividis: Nunez, Anderton and Renslow 2018), sampled at six points.
RAMP = ((0, 52, 110), (61, 78, 108), (102, 105, 112), (143, 134, 118), (187, 166, 102), (254, 232, 56))

# Below zero blue, above red, zero near white (Tol's "BuRd").
DIVERGING = (
    (33, 102, 172),
    (67, 147, 195),
    (146, 197, 222),
    (209, 229, 240),
    (247, 247, 247),
    (253, 219, 199),
    (244, 165, 130),
    (214, 96, 77),
    (178, 24, 43),
)


def class_colour(number: int) -> str:
    """Return the colour of a class number; beyond the palette all classes share grey."""
    return CLASSES[number] if 0 <= number < len(CLASSES) else OTHERS


def ramp_colour(share: float) -> str:
    """Return the colour at ``share`` in [0, 1] of a ramp from dark blue to yellow.

    >>> ramp_colour(0.0), ramp_colour(1.0)
    ('#00346e', '#fee838')
    """
    place = min(1.0, max(0.0, share)) * (len(RAMP) - 1)
    low = min(int(place), len(RAMP) - 2)
    rest = place - low
    mixed = (round(a + (b - a) * rest) for a, b in zip(RAMP[low], RAMP[low + 1], strict=True))
    return "#" + "".join(f"{c:02x}" for c in mixed)
