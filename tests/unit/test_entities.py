"""Entity F1 equals that of seqeval, an independent implementation of the rules of conlleval."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from punar.tasks._entities import EntityMeter, entities_of

KINDS = ("who", "where", "work-of-art", "व्यक्ति")
SCHEMES = {"IOB2": "BI", "IOB1": "I", "BIOES": "BIES"}


def drawn(generator, prefixes, outside):
    """Return sequences of tags, valid or not: what a network may say."""
    tags = [f"{prefix}-{kind}" for prefix in prefixes for kind in KINDS]
    chance = [outside, *[(1 - outside) / len(tags)] * len(tags)]
    return [list(generator.choice(["O", *tags], n, p=chance)) for n in generator.integers(1, 12, 6)]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("outside", [0.2, 0.6, 1.0])
def test_f1_equals_that_of_seqeval(scheme, outside):
    metrics = pytest.importorskip("seqeval.metrics")
    seen = set()
    for seed in range(70):
        generator = np.random.default_rng(seed)
        true = drawn(generator, SCHEMES[scheme], outside if seed % 2 else 0.6)
        # Half of what is predicted is right, so that F1 is neither 0 nor 1.
        others = drawn(generator, SCHEMES[scheme], outside)
        found = [
            [a if generator.random() < 0.5 else other[k % len(other)] for k, a in enumerate(own)]
            for own, other in zip(true, others, strict=True)
        ]
        meter = EntityMeter()
        for a, b in zip(found, true, strict=True):
            meter.count(entities_of(a), entities_of(b))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metrics that are not defined: F1 is 0 there
            expected = float(metrics.f1_score(true, found))
        assert meter.value() == pytest.approx(expected, abs=1e-12)
        seen.add(round(expected, 6))
    assert len(seen) > 10


def test_entities_are_those_of_seqeval():
    labeling = pytest.importorskip("seqeval.metrics.sequence_labeling")
    for seed in range(200):
        generator = np.random.default_rng(seed)
        for tags in drawn(generator, SCHEMES[list(SCHEMES)[seed % 3]], 0.3):
            expected = [(begin, end + 1, kind) for kind, begin, end in labeling.get_entities(tags)]
            assert entities_of(tags) == expected
