"""Model folders that an earlier version wrote load, and give the answers that they gave then."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import punar

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
FOLDERS = sorted(p.parent.name for p in GOLDEN.glob("*/config.json") if p.parent.name != "autoencoder-1")

_spec = importlib.util.spec_from_file_location("golden_make", GOLDEN / "make.py")
assert _spec is not None
assert _spec.loader is not None
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)


def flat(values: Any) -> np.ndarray:
    """Return nested lists of one or several lengths as one row of values."""
    return np.concatenate([flat(v) for v in values]) if isinstance(values, list) else np.asarray([values])


def test_there_is_one_of_each() -> None:
    assert set(make.MAKERS) == set(FOLDERS)
    assert len(FOLDERS) >= 15


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_of_0_1_0_answers_as_it_did(name: str) -> None:
    if "text" in name or name == "transfer_sound":
        pytest.importorskip("transformers")
    stored: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    found = make.answers(punar.load(GOLDEN / name), make.from_input(stored["input"]))
    assert found.keys() == stored["answers"].keys()
    for method, wanted in stored["answers"].items():
        a, b = flat(found[method]), flat(wanted)
        if b.dtype.kind in "fc":
            # Sums in another order on another processor: the numbers are equal to the bit on the one that wrote them.
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=method)
        else:
            np.testing.assert_array_equal(a, b, err_msg=method)
