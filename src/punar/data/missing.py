"""What stands in lists and columns where there is no value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def is_missing(value: Any) -> bool:
    """Return whether an item is None, NaN, NaT or ``pd.NA``: what tables hold where there is no value."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return isinstance(value, (float, np.floating, np.datetime64, np.timedelta64)) and value != value
