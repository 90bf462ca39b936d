"""The page of ``punar gates``: facts in, one file out that needs nothing else, for hostile names too."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import punar
from punar.inspection.gate_facts import gate_facts, layers
from punar.reporting import flow, gates, svg
from punar.texts import inspection as texts

HOSTILE = "<script>alert('x')</script> & \"q\""
WORDS = ["यह", "फ़िल्म", HOSTILE, "antidisestablishmentarianism", "(नया)", "है"]


def facts(steps: int = 6, units: int = 5, cell: str = "Lstm", **item: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    names = {"Lstm": ["input", "forget", "output", "candidate", "cell", "hidden"], "Rnn": ["hidden"]}[cell]
    found = {
        f"{n}{s}": rng.random((steps, units)) if n in ("input", "forget", "output") else rng.normal(size=(steps, units))
        for s in ("", "_reverse", "_l1", "_l1_reverse")
        for n in names
    }
    base = {"name": "row 3", "steps": steps, "labels": None, "unknown": False, "seconds": None, "inputs": None}
    lines = {n: (10.0 ** -np.arange(steps)[::-1]).tolist() for n in ("hidden", "hidden_l1_reverse")}
    return {
        "cell": cell,
        "model": HOSTILE,
        "data": "समीक्षाएँ",
        "made": "Made by hand.",
        "item": {**base, "answer": "predicted: अच्छी (93%)", **item},
        "layers": layers(found, cell),
        "flows": [{"model": HOSTILE, "lines": lines, "ratios": {"hidden": 1e-5, "hidden_l1_reverse": None}}],
        "target": "given",
    }


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def drawings(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def words(drawing: ElementTree.Element) -> list[str]:
    return ["".join(t.itertext()) for t in drawing.iter("text")]


def test_a_page_needs_nothing_else_and_runs_nothing():
    page = gates.html(facts(labels=WORDS, unknown=True))
    tags = Tags(page).tags
    assert not [t for t, _ in tags if t in ("script", "link", "iframe")]
    assert all(str(a.get("href", "")).startswith("data:image/png") for t, a in tags if t == "image")
    assert "alert('x')</script>" not in page
    assert "row 3 of समीक्षाएँ" in page
    assert "Words in brackets" in page
    assert "अच्छी (93%)" in page


def test_every_layer_has_a_drawing_with_every_gate_and_word():
    given = facts(labels=WORDS)
    found = drawings(gates.html(given))
    assert len(found) == 4 + 1  # layers and directions, and the gradient
    for drawing in found[:4]:
        said = words(drawing)
        for name in ("input", "forget", "output", "candidate", "cell", "hidden"):
            assert name in said
        assert said.count("यह") == 2  # above and below
        assert "antidisestablis…" in said
        assert len(list(drawing.iter("image"))) == 2 * 6  # a map and its scale
    assert [d.get("aria-label") for d in found[:4]] == [
        "Layer 1",
        "Layer 1, reading from the end to the start",
        "Layer 2",
        "Layer 2, reading from the end to the start",
    ]


def test_many_words_stand_aslant_and_make_the_drawing_wider():
    few, many = (gates.figure(facts(steps=n)["layers"][0], facts(n, labels=["शब्द"] * n)["item"]) for n in (6, 100))
    assert "rotate" not in few
    assert many.count("rotate") == 2 * 100
    assert [float(re.search(r'viewBox="0 0 (\d+)', d)[1]) for d in (few, many)] == [1080, 1780]
    assert "min-width:1780px" in many


def test_time_is_in_steps_or_seconds():
    steps = gates.figure(facts(steps=30)["layers"][0], facts(30)["item"])
    seconds = gates.figure(facts(steps=30)["layers"][0], facts(30, seconds=0.01)["item"])
    assert texts.STEP in steps
    assert texts.SECONDS in seconds
    assert ">0.1<" in seconds


@pytest.mark.parametrize("channels", [1, 6, 40])
@pytest.mark.parametrize("steps", [1, 2, 3000])
def test_inputs_of_any_size(channels, steps):
    values = np.random.default_rng(0).normal(size=(steps, channels)).tolist()
    item = facts(steps, inputs={"names": [], "values": values})["item"]
    drawing = ElementTree.fromstring(gates.figure(facts(steps)["layers"][0], item))
    said = words(drawing)
    assert (texts.CHANNEL.format(number=0) in said) == (channels <= 6)
    assert (texts.BANDS.format(n=40) in said) == (channels > 6)


def test_units_that_keep_most_are_at_the_top():
    found = {"forget": np.array([[0.1, 0.9, 0.5]] * 4), "hidden": np.zeros((4, 3))}
    (layer,) = layers(found, "Lstm")
    assert layer["order"] == [1, 2, 0]
    # After one step half is left of what the middle unit holds.
    assert layer["half_lives"][1] == pytest.approx(1.0)
    shares = {"update": np.array([[0.1, 0.9, 0.5]] * 4), "hidden": np.zeros((4, 3))}
    assert layers(shares, "Gru")[0]["order"] == [1, 2, 0]
    assert layers(shares, "MinGru")[0]["order"] == [0, 2, 1]  # there the gate is the share that is new
    assert layers({"hidden": np.zeros((4, 3))}, "Rnn")[0]["order"] == [0, 1, 2]


def test_a_cell_without_gates_and_a_state_of_zeros():
    given = facts(cell="Rnn")
    given["layers"] = layers({"hidden": np.zeros((6, 5))}, "Rnn")
    page = gates.html(given)
    assert texts.CAPTION_STATES in page
    assert texts.HEAD_TABLE not in page
    assert len(drawings(page)) == 2


def test_the_table_counts_gates_that_are_shut_and_open():
    given = facts()
    given["layers"] = layers({"forget": np.array([[0.05, 0.95], [0.05, 0.5]]), "hidden": np.zeros((2, 2))}, "Lstm")
    (row,) = [r for r in re.findall(r"<tr>(.*?)</tr>", gates.html(given), re.DOTALL) if "<td>forget" in r]
    assert re.findall(r"<td[^>]*>(.*?)</td>", row)[1:5] == ["forget", "0.388", "50%", "25%"]


def test_flows_side_by_side():
    line = {"hidden": [1e-20, 1e-10, 1.0], "hidden_l1": [1.0, 1.0, 1.0]}
    flows = [{"model": m, "lines": line, "ratios": {"hidden": 1e-20, "hidden_l1": 1.0}} for m in ("rnn", "lstm", "gru")]
    both = [ElementTree.fromstring(str(p)) for p in flow.panels(flows)]
    assert [p.get("aria-label") for p in both] == ["layer 1", "layer 2"]
    assert [w for w in words(both[0]) if w in ("rnn", "lstm", "gru")] == ["rnn", "lstm", "gru"]
    assert any(w.startswith("10−") for w in words(both[0]))
    (alone,) = flow.panels(flows[:1])
    assert {"layer 1", "layer 2"} <= set(words(ElementTree.fromstring(str(alone))))
    assert len(flow.rows(flows)) == 6


@pytest.mark.parametrize("values", [[0.0, 0.0], [1.0], [None, 1e-40, 5.0], [3.0, 3.0], [0.0, 1e20]])
def test_flows_without_a_range(values):
    drawing = ElementTree.fromstring(flow.panel("x", {"a": values, "b": values}))
    assert "nan" not in ElementTree.tostring(drawing, encoding="unicode").lower()


def test_labels_keep_apart():
    places = svg.apart([10.0, 10.0, 11.0, 80.0, 79.0], 13)
    ordered = sorted(places)
    assert min(b - a for a, b in pairwise(ordered)) >= 13 - 1e-9
    assert svg.apart([0.0, 100.0], 13) == [0.0, 100.0]
    assert np.mean(places[3:]) == pytest.approx(79.5)


def test_facts_are_plain_and_of_the_item():
    rng = np.random.default_rng(0)
    items = [rng.normal(size=(t, 2)) for t in (5, 9, 3, 7) * 5]
    y = np.array(["अ", "ब"] * 10)
    model = punar.SequenceModel("lstm", hidden_size=4, num_layers=2, epochs=1, random_state=0, device="cpu")
    found = gate_facts(model.fit(items, y), items, 1, name="second", y=list(y))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["item"]["name"], found["item"]["steps"]) == ("second", 9)
    assert np.shape(found["item"]["inputs"]["values"]) == (9, 2)
    shown = {p["name"]: p["values"] for p in found["layers"][1]["parts"]}
    np.testing.assert_allclose(shown["forget"], punar.gates(model, items)["forget_l1"][1, :9], atol=1e-5)
    assert found["target"] == "given"
    assert [p["name"] for p in found["layers"][0]["parts"]][:3] == ["input", "forget", "output"]
    assert gate_facts(model, items, 0)["target"] == "own"
    with pytest.raises(punar.errors.ParameterError, match="from 0 to 19, got 20"):
        gate_facts(model, items, 20)
