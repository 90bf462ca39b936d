"""The page of a report: what is drawn of each form, nothing of the data as markup, and complete in itself."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from punar.inspection.answer_facts import _DRAWN, _attention, _shrunk, picture_of
from punar.reporting._align import aligned, letters
from punar.reporting._cards import card
from punar.reporting.answers import html

NASTY = "<script>alert('x')</script> & \"q\" दो गायें"


def facts_of(sheet: dict[str, Any], item: Any = "some", name: str = "item") -> dict[str, Any]:
    drawn = _DRAWN[sheet["form"]](sheet, item)
    return {"form": sheet["form"], "name": name, "score": sheet["score"], **drawn, **_attention(sheet)}


def page(*cards: dict[str, Any], **others: Any) -> str:
    facts = {"metric": "F1 of words", "score": 0.5, "interval": [0.4, 0.6], "chance": 0.1, "items": 7}
    facts |= {"form": cards[0]["form"], "figures": {"exact_match": 0.25}, "classes": {}, "cards": list(cards)}
    facts |= {"model": "m", "data": "d", "task": "question_answering", "verdict": "Learned: x.", "made": "made"}
    return html(facts | others)


SHEETS: dict[str, tuple[dict[str, Any], Any]] = {
    "span": (
        {"form": "span", "question": NASTY, "context": NASTY * 2, "truth": [(3, 9)], "found": (6, 12), "score": 0.5},
        None,
    ),
    "texts": (
        {"form": "texts", "given": NASTY, "truth": [NASTY, "other"], "found": f"a {NASTY} b", "score": 0.5},
        None,
    ),
    "blanks": (
        {"form": "blanks", "text": NASTY, "blanks": [(0, 8, "<i>", "<u>", 0.25), (9, 14, "", "x", 0.5)], "score": 0.0},
        None,
    ),
    "masks": (
        {
            "form": "masks",
            "truth": np.array([[0, 1], [255, 1]]),
            "found": np.array([[0, 0], [1, 1]]),
            "names": [NASTY, "b"],
            "ignore": 255,
            "score": float("nan"),
        },
        np.zeros((2, 2, 3), dtype=np.uint8),
    ),
    "boxes": (
        {
            "form": "boxes",
            "truth": {"boxes": [[0, 0, 10, 8]], "labels": [0]},
            "found": {"boxes": [[1, 1, 9, 9], [2, 2, 3, 3]], "labels": [1, 0], "scores": [0.9, 0.1]},
            "names": [NASTY, "b"],
            "score": 0.0,
        },
        np.zeros((20, 40, 3), dtype=np.uint8),
    ),
    "plain": ({"form": "plain", "truth": NASTY, "found": ["a", 2.5], "score": 0.0}, NASTY),
}


class Checker(HTMLParser):
    """Tags must close in order; no script, and no address but data."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.alts: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        assert tag != "script"
        for name in ("src", "href"):
            assert (given.get(name) or "data:").startswith("data:")
        if tag == "img":
            self.alts.append(given["alt"] or "")
        if tag == "svg":
            self.alts.append(given["aria-label"] or "")
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        self.open = self.open[:-1] if tag not in ("meta", "img", "br", "link") else self.open

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("form", SHEETS)
def test_a_page_is_whole_and_escapes_everything(form: str) -> None:
    sheet, item = SHEETS[form]
    text = page(facts_of(sheet, item, name=NASTY), model=NASTY, data=NASTY, verdict=NASTY, made=NASTY)
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert "alert('x')" not in text
    assert "दो गायें" in text
    assert all(checker.alts)
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text
    assert not re.search(r"https?://", text)


def test_figures_of_classes_stand_worst_first() -> None:
    text = page(facts_of(*SHEETS["plain"]), classes={"per_class": {"good": 0.9, "bad": 0.1, "<none>": None}})
    rows = re.findall(r"<th>(.*?)</th><td class=\"n\">(.*?)</td>", text)
    assert rows == [
        ("this model", "0.500"),
        ("chance", "0.100"),
        ("exact match", "0.250"),
        ("bad", "0.100"),
        ("good", "0.900"),
        ("&lt;none&gt;", "not in the data"),
    ]
    assert "between 0.400 and 0.600 with 95 % confidence" in text
    assert "confidence" not in page(facts_of(*SHEETS["plain"]), interval=None)


def test_spans_are_marked_where_they_are() -> None:
    context = "Ram went to Pune on Monday."
    sheet = {"form": "span", "question": "Where?", "context": context, "score": 0.5}
    shown = str(card(facts_of(sheet | {"truth": [(12, 16)], "found": (9, 19)})))
    assert '<mark class="f">to </mark><mark class="t f">Pune</mark><mark class="f"> on</mark> Monday.' in shown
    shown = str(card(facts_of(sheet | {"truth": [], "found": None})))
    assert "<mark" not in shown
    assert "no answer" in shown
    # Of a long context the part with the answers, and what was cut is said by dots.
    long = "x" * 5000
    shown = str(card(facts_of(sheet | {"context": f"{long}Pune{long}", "truth": [(5000, 5004)], "found": None})))
    assert '<mark class="t">Pune</mark>' in shown
    assert shown.count("… ") + shown.count(" …") >= 1
    assert len(shown) < 2500


def test_texts_are_aligned_by_words_and_by_letters() -> None:
    found = aligned("वह घर गया", "वह घर नहीं गया")
    assert [(p.text, p.right) for p in found.found] == [("वह घर", True), ("नहीं", False), ("गया", True)]
    assert all(p.right for p in found.truth)
    assert aligned("नमस्ते", "नमस्त").space == ""
    assert [p.text for p in aligned("नमस्ते", "नमस्त").found if not p.right] == ["स्त"]
    assert "".join(letters("क्षत्रिय ज़")) == "क्षत्रिय ज़"
    assert letters("é👍🏽"[0]) == ["é"]
    sheet = {"form": "texts", "given": None, "truth": ["the red cow", "a cow"], "found": "a cow", "score": 1.0}
    shown = str(card(facts_of(sheet)))
    assert "wrong" not in shown, "the nearest of several right answers is shown"
    assert "Other right answers: 1" in shown
    assert "(nothing)" in str(card(facts_of(sheet | {"found": ""})))


def test_boxes_below_a_score_are_counted_and_not_drawn() -> None:
    shown = str(card(facts_of(*SHEETS["boxes"])))
    assert shown.count('class="box"') == 2, "one that is right, one that was found"
    assert "Not drawn: 1 with a score below 0.3" in shown
    assert "0.90" in shown
    big = np.zeros((720, 1440, 3), dtype=np.uint8)
    found = facts_of(SHEETS["boxes"][0], big)
    assert np.asarray(found["picture"]).shape == (180, 360, 3)
    assert found["truth"][0]["box"] == [0, 0, 2.5, 2.0], "boxes shrink with their picture"


def test_masks_shrink_without_new_numbers() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 9, (500, 900))
    sheet = SHEETS["masks"][0] | {"truth": truth, "found": truth, "names": [str(i) for i in range(9)]}
    found = facts_of(sheet, np.zeros((500, 900, 3), dtype=np.uint8))
    assert found["truth"].shape == (200, 360)
    assert set(np.unique(found["truth"])) <= set(range(9))
    assert "0.0% of the pixels are wrong" in str(card(found))


@pytest.mark.parametrize("attention", ["tuple", "weights"])
def test_attention_is_a_map_with_words_on_both_sides(attention: str) -> None:
    weights = [[0.9, 0.1, 0.0], [0.0, 0.2, 0.8]]
    own = {"attention": (weights, ["एक", "</text>"], ["o", "n", "e"])} if attention == "tuple" else {}
    own = own or {"attention": weights, "tokens": ["एक", "</text>"]}
    sheet = {"form": "texts", "given": "one", "truth": ["एक"], "found": "एक", "score": 1.0}
    shown = str(card(facts_of(sheet | own)))
    words = re.findall(r"<text [^>]*>(.*?)</text>", shown)
    assert words == ["एक", "&lt;/text&gt;", "o", "n", "e"]
    assert shown.count("<image ") == 1


def test_pictures_of_every_kind() -> None:
    assert picture_of("no file.png") is None
    assert picture_of(3) is None
    assert picture_of(np.zeros(5)) is None
    grey = picture_of(np.full((4, 6), 0.5))
    assert grey is not None
    assert (grey.shape, int(grey[0, 0, 0])) == ((4, 6, 3), 127)
    assert picture_of(np.zeros((4, 6, 1), dtype=np.uint8)).shape == (4, 6, 3)  # type: ignore[union-attr]
    assert _shrunk(np.zeros((4, 6, 3), dtype=np.uint8))[1] == 1.0
