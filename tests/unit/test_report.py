"""Facts in, report out: one file that needs nothing else, in any script, for hostile names too."""

from __future__ import annotations

import base64
import io
import json
import re
from copy import deepcopy
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

from punar.reporting import plots, render, svg, table
from punar.reporting.palette import class_colour

HOSTILE = "<script>alert('x')</script> & \"q\""
HINDI = "मुख्य घटक"


def row(name: str, score: float, **more: Any) -> dict[str, Any]:
    points = [[float(i % 5), float(i)] for i in range(12)]
    shown = {"code_size": 3, "map": points, "examples": [[[0.0, 0.5], [score, 1.0]]] * 2}
    shown |= {"losses": {"train_loss": [2.0, 1.0, 0.5], "valid_loss": [2.1, 1.2, None]}, "fit_report": "Learned."}
    scores = {"variance_explained": {"mean": score, "half": 0.02, "folds": [score, score], "reference": False}}
    costs = {"parameters": 12345.0, "fit_seconds": 1.234, "transform_us": 0.5, "peak_mb": None, "epochs": 3.0}
    base = {"name": name, "status": "ok", "note": "", "scores": scores, "costs": costs, "code_size": 3, "shown": shown}
    return base | more


@pytest.fixture
def facts() -> dict[str, Any]:
    empty = {"scores": {}, "shown": {}, "code_size": None}
    empty["costs"] = dict.fromkeys(("parameters", "fit_seconds", "transform_us", "peak_mb", "epochs"))
    verdict = {"text": f"{HINDI} wins", "best": HINDI, "clear": True, "tied": [], "cheapest": HINDI, "duels": []}
    metric = {"key": "variance_explained", "label": "variance explained", "help": "A share."}
    return {
        "data": {
            "name": HOSTILE,
            "kind": "images",
            "shape": [12, 2, 2],
            "reading": f"{HOSTILE}: read as 12 pictures",
            "target": "classes",
            "classes": ["क", HOSTILE, "c"],
        },
        "protocol": {"folds": 2, "plan": "3 candidates", "how": ["So."], "made": "Made by hand."},
        "metrics": [metric | {"baseline": "training mean", "baseline_score": 0.0}],
        "rows": [
            row(HINDI, 0.9),
            row(HOSTILE, 0.5),
            row("conv", 0.0, status="refused", note="needs <pictures>", **empty),
        ],
        "verdicts": {"variance_explained": verdict},
        "notes": ["Watch <out>."],
        "shown": {"labels": [0, 1, 2] * 4, "points": 12, "examples": [[[0.0, 0.5], [0.7, 1.0]]] * 2},
    }


class Page(HTMLParser):
    """Collects tags, their attributes and text; complains about tags that do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.open = "", []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "img", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_needs_nothing_else(facts):
    page = render.html(facts)
    tags = Page(page).tags
    names = {tag for tag, _ in tags}
    assert not names & {"script", "link", "iframe", "object", "embed"}
    sources = [a[key] for _, a in tags for key in ("src", "href", "xlink:href") if key in a]
    assert sources
    assert all(str(source).startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"https?:|@import|url\(", page)


def test_names_in_any_script_and_hostile_ones_stay_text(facts):
    page = render.html(facts)
    assert "<script" not in page
    text = Page(page).text
    assert HINDI in text
    assert HOSTILE in text
    assert "needs <pictures>" in text
    assert "Watch <out>." in text
    assert "<script" not in render.fragment(facts)


def test_every_drawing_is_there(facts):
    page = render.html(facts)
    assert page.count('class="picture"') == 3 * 2  # original and two candidates, two examples
    assert len(plots.scores(facts)) == 1
    assert len(plots.codes(facts)) == len(plots.losses(facts)) == 2
    assert [name for name, _ in plots.legend(facts)] == ["क", HOSTILE, "c"]


def test_pictures_keep_their_numbers():
    drawn = svg.picture(0, 0, (60, 60), [[0.0, 0.25], [0.5, 1.0]], 0.0, 1.0)
    png = base64.b64decode(re.search(r"base64,([^\"]+)", drawn)[1])
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), [[0, 64], [128, 255]])


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 1), (3, 5, 3), (3, 5, 2), (1, 1)])
def test_pictures_of_any_shape_are_drawn(shape):
    assert "data:image/png" in svg.picture(0, 0, (60, 60), np.zeros(shape), 0.0, 0.0)


def test_a_table_is_drawn_as_profiles(facts):
    facts["data"]["kind"] = "table"
    for shown in (facts["shown"], *(r["shown"] for r in facts["rows"])):
        if shown:
            shown["examples"] = [[0.1, -0.2, 3.0]]
    page = render.html(facts)
    assert 'class="picture"' not in page
    assert page.count('class="curve"') >= 2


@pytest.mark.parametrize("missing", ["labels", "examples", "map", "losses", "scores", "all"])
def test_what_is_missing_is_left_out(facts, missing):
    for shown in (facts["shown"], *(r["shown"] for r in facts["rows"])):
        shown.pop(missing, None)
    if missing in ("scores", "all"):
        for r in facts["rows"]:
            r["scores"] = {}
    if missing == "all":
        facts["rows"], facts["shown"] = facts["rows"][2:], {}
        facts["verdicts"]["variance_explained"] |= {"best": None}
    Page(render.html(facts))
    assert "conv" in render.text(facts)


def test_more_classes_than_colours_share_grey(facts):
    facts["data"]["classes"] = [f"class {i}" for i in range(14)]
    facts["shown"]["labels"] = [*range(12)]
    names = [name for name, _ in plots.legend(facts)]
    assert len(names) == 11
    assert len({class_colour(i) for i in range(10)}) == 10
    Page(render.html(facts))


def test_numbers_as_labels_are_a_ramp(facts):
    facts["data"] |= {"target": "numbers", "classes": []}
    facts["shown"]["labels"] = [i / 7 for i in range(12)]
    assert len(set(re.findall(r"stroke:(#[0-9a-f]{6})", plots.codes(facts)[0]))) == 12
    assert plots.legend(facts) == []


def test_extreme_scores_do_not_break_the_panels(facts):
    for score, half in ((-1e9, 5.0), (1.0, None), (-3.0, 1e9)):
        changed = deepcopy(facts)
        changed["rows"][1]["scores"]["variance_explained"] |= {"mean": score, "half": half}
        places = [float(x) for x in re.findall(r'cx="([-0-9.e]+)"', plots.scores(changed)[0])]
        assert all(184 <= x <= 372 for x in places)


def test_json_is_strict_and_returns_the_facts(facts):
    assert json.loads(render.json_text(facts)) == facts
    facts["notes"] = [float("nan")]
    with pytest.raises(ValueError):
        render.json_text(facts)


def test_text_lines_up_and_says_it_all(facts):
    facts["rows"][0]["name"] = "plain"
    facts["verdicts"]["variance_explained"] |= {"best": "plain"}
    lines = render.text(facts).splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("candidate"))
    assert len(lines[head].rstrip()) == len(lines[head + 2].rstrip())
    assert "0.900 ±0.020" in lines[head + 2]
    assert "12,345" in lines[head + 2]
    assert lines[head + 4] == "conv" + " " * (len(HOSTILE) - 4) + "  needs <pictures>"
    assert "- Watch <out>." in lines


def test_markdown_keeps_its_columns(facts):
    facts["rows"][1]["name"] = "a|b"
    lines = [line for line in render.markdown(facts).splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert "**0.900 ±0.020**" in lines[2]


def test_small_costs_are_not_told_in_false_digits(facts):
    facts["rows"][0]["costs"] |= {"fit_seconds": 0.00001, "transform_us": 123.4, "peak_mb": 0.02, "parameters": 0.0}
    assert [str(c) for c in table.rows(facts)[0].cells][2:] == ["0", "<0.001", "123", "<0.1"]
