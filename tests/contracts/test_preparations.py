"""Every preparation keeps the contract: facts travel as JSON, padding changes nothing, and what is wrong is named."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from msgspec import Meta
from torch import Tensor

from punar.core import plugins
from punar.data.decode import BadItem
from punar.errors import DataError, DataTypeError, UnknownPartError
from punar.extend import Preparation
from punar.preparations import Batch, SampleOf, learn_vocabulary, of_facts, prepare_all
from punar.preparations.frames import Frames
from punar.preparations.histories import Histories
from punar.preparations.letterboxed import Letterboxed
from punar.preparations.pairs import Pairs
from punar.preparations.pictures import Pictures
from punar.preparations.rows import Rows
from punar.preparations.sentences import Sentences
from punar.preparations.series import Series
from punar.preparations.sounds import Sounds
from punar.preparations.whole_pictures import WholePictures
from punar.preparations.words import Words

TEXTS = ["नमस्ते दुनिया, मैं पुणे में रहता हूँ।", "Asha lives in Pune.", "to " * 40, "", "क्षत्रिय"]
WORDS = [["नमस्ते", "दुनिया"], ["Asha", "lives"], ["to"] * 40, ["U.S."]]
DRAWN = np.random.default_rng(0)
PAIRS = [(text[:9], text) for text in TEXTS]
WAVES = [DRAWN.uniform(-0.5, 0.5, n).astype(np.float32) for n in (900, 4000, 401, 4001)]
STEPS = [DRAWN.normal(size=(n, 2)) for n in (9, 30, 1, 8)]


@dataclass(frozen=True)
class Letters(Preparation):
    """A stranger's preparation: the code points of short names, which a class outside punar brings along."""

    most: Annotated[int, Meta(ge=1, le=100)] = 12

    domain: ClassVar[str] = "names"

    def check(self, X: Any, where: str) -> Sequence[Any]:
        items = list(X)
        if not items:
            raise DataError(f"{where}: X is empty.")
        for i, item in enumerate(items):
            if not isinstance(item, str):
                raise DataTypeError(f"{where}: X[{i}] must be a name, got {item!r}.")
        return items

    def content(self, item: Any) -> bytes:
        return str(item).encode()

    def prepare(self, item: Any) -> Tensor:
        if not item:
            raise BadItem("it is empty")
        return torch.tensor([ord(c) for c in item[: self.most]])

    def bucket(self, prepared: Tensor) -> int:
        return self.most

    def collate(self, prepared: Sequence[Tensor], bucket: int) -> Batch:
        found = torch.zeros(len(prepared), bucket, dtype=torch.int64)
        for row, letters in zip(found, prepared, strict=True):
            row[: len(letters)] = letters
        return {"letters": found}

    def blank(self, bucket: int) -> Tensor:
        return torch.zeros(bucket, dtype=torch.int64)


PICTURES = [DRAWN.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in ((20, 30), (32, 32), (90, 10))]
# Beside each preparation items that it takes, no two alike.
CASES: dict[str, tuple[Preparation, list[Any]]] = {
    "pictures": (Pictures(size=(32, 32)), PICTURES),
    "pictures in grey": (Pictures(size=(16, 24), mean=(0.5,), std=(0.2,), channels=1, crop=1.0), PICTURES),
    "pictures seen whole": (Letterboxed(canvas=(32, 64)), PICTURES),
    "grey pictures seen whole": (Letterboxed((64, 32), (0.5,), (0.2,), (0,), channels=1), PICTURES),
    "whole pictures": (WholePictures(size=(32, 64)), PICTURES),
    "pictures in tiles": (WholePictures((16, 24), (0.5,), (0.2,), channels=1, tiles=True), PICTURES),
    "sentences": (learn_vocabulary(TEXTS, 200, 16), TEXTS),
    "sentences in pieces": (learn_vocabulary(TEXTS, 200, 9, pieces=True), TEXTS),
    "sentences of words": (learn_vocabulary(WORDS, 200, 9, pieces=True), WORDS),
    "pairs": (Pairs(learn_vocabulary(TEXTS, 200, 16).tokenizer, 16, 0, 4), PAIRS),
    "pairs with types": (Pairs(learn_vocabulary(TEXTS, 200, 9, pieces=True).tokenizer, 24, 0, 5, True), PAIRS),
    "words by spelling": (Words(), WORDS),
    "texts by spelling": (Words(buckets=64, most=8), TEXTS),
    "sounds": (Sounds(rate=8000, multiple=100, normalise=True), WAVES),
    "sounds as log-mel": (Sounds(rate=8000, kind="log_mel", n_mels=8, hop=80, seconds=1.0), WAVES),
    "series": (Series.learn(STEPS, max_length=7), STEPS),
    "series with gaps": (Series(2, missing="mask", names=("a", "b")), [np.where(x > 1, np.nan, x) for x in STEPS]),
    "frames": (Frames(rate=8000, n_mels=6, shift=(1.0,) * 6, scale=(2.0,) * 6), WAVES),
    "histories": (Histories(2, 8), [x for x in STEPS if len(x) >= 8]),
    "rows": (Rows(3), list(DRAWN.normal(size=(4, 3)))),
    "a stranger's": (Letters(), ["Asha", "नमस्ते", "a name that is longer than most"]),
}
EVERY = pytest.mark.parametrize("case", CASES)


def test_every_file_of_the_folder_is_here():
    listed = {plugins.member("preparations", name) for name in plugins.members("preparations")}
    assert {type(p) for p, _ in CASES.values()} == listed | {Letters}


@EVERY
def test_facts_travel_as_json(case):
    preparation, _ = CASES[case]
    facts = json.loads(json.dumps(preparation.facts(), allow_nan=False))
    assert type(preparation).from_facts(facts) == preparation
    again = of_facts(facts, parts=[int, Letters])
    assert again == preparation
    assert type(again) is type(preparation)
    assert again.facts() == preparation.facts()
    assert hash(again) == hash(preparation)


@EVERY
def test_facts_of_another_kind_are_refused_by_field_rule_and_value(case):
    preparation, _ = CASES[case]
    facts = preparation.facts()
    for name in set(facts) - {"domain", "part"}:
        with pytest.raises(ValueError, match=rf"{type(preparation).__name__}\.{name}: Expected .*, found \{{"):
            type(preparation).from_facts(facts | {name: {"a": 1}})
    with pytest.raises(ValueError, match="must be an object"):
        type(preparation).from_facts([1])


@EVERY
def test_an_item_is_prepared_the_same_way_every_time(case):
    preparation, items = CASES[case]
    checked = preparation.check(items, "here")
    assert len(checked) == len(items)
    for item in checked:
        assert torch.equal(preparation.prepare(item), preparation.prepare(item))
        assert preparation.content(item) == preparation.content(item)
    together = prepare_all(preparation, checked, "here")
    assert all(torch.equal(a, preparation.prepare(b)) for a, b in zip(together, checked, strict=True))


@EVERY
def test_contents_differ_where_items_do(case):
    preparation, items = CASES[case]
    checked = preparation.check(items, "here")
    assert len({preparation.content(item) for item in checked}) == len(checked)


@EVERY
def test_other_items_of_a_batch_change_nothing(case):
    preparation, items = CASES[case]
    prepared = [preparation.prepare(item) for item in preparation.check(items, "here")]
    bucket = max(map(preparation.bucket, prepared))
    whole = preparation.collate(prepared, bucket)
    for i, one in enumerate(prepared):
        alone = preparation.collate([one], bucket)
        assert alone.keys() == whole.keys()
        for name, value in alone.items():
            assert value.shape[0] == 1
            assert torch.equal(value[0], whole[name][i]), name
    # What is the item's own does not depend on how far it is padded either.
    for i, one in enumerate(prepared):
        for name, value in preparation.collate([one], preparation.bucket(one)).items():
            own = value.shape[1] if value.ndim > 1 else None
            if name != "input_features" and own is not None and value.ndim < 4:
                assert torch.equal(value[0], whole[name][i, :own]), name
                assert not whole[name][i, own:].any(), name


@EVERY
def test_a_blank_item_has_the_shape_of_its_bucket(case):
    preparation, items = CASES[case]
    for item in preparation.check(items, "here"):
        prepared = preparation.prepare(item)
        bucket = preparation.bucket(prepared)
        blank = preparation.blank(bucket)
        assert blank.ndim == prepared.ndim
        assert preparation.bucket(blank) == bucket
        real, empty = preparation.collate([prepared], bucket), preparation.collate([blank], bucket)
        # Rows keep the precision that they came in, which a blank one does not know.
        kinds = [{k: (v.shape, v.is_floating_point()) for k, v in found.items()} for found in (real, empty)]
        assert kinds[0] == kinds[1]


@EVERY
def test_samples_cover_an_item_once(case):
    preparation, items = CASES[case]
    for item in preparation.check(items, "here"):
        samples = preparation.samples(item)
        assert torch.equal(samples[0].tensor, preparation.prepare(item))
        assert len(samples) == 1 or preparation.several
        for sample in samples:
            assert sample.tensor.dtype == samples[0].tensor.dtype
            assert sample.trace is None or sample.trace.dtype in (torch.int64, torch.float64)
        if samples[0].trace is None or samples[0].trace.dtype != torch.int64:
            continue
        owned = [int(row[0]) for s in samples for row in s.trace if row[3]]
        assert all(len(s.trace) == len(s.tensor) and s.trace.shape[1] == 4 for s in samples)
        if isinstance(preparation, Pairs):  # whose tokens are answered for one by one
            spans = [row[1:3].tolist() for s in samples for row in s.trace if row[3]]
            assert "".join(item[1][a:b] for a, b in spans) == "".join(item[1].split())
        elif isinstance(preparation, (Sentences, Words)):
            spans = preparation.words(item)
            assert sorted(owned) == list(range(len(spans)))
            if isinstance(item, str):
                assert "".join(item[a:b] for a, b in spans) == "".join(item.split())
        else:
            assert sorted(owned) == list(range(len(item)))


@EVERY
def test_samples_are_items_too(case):
    preparation, items = CASES[case]
    each = SampleOf(preparation)
    pairs = each.check(items, "here")
    assert len({each.content(pair) for pair in pairs}) == len(pairs)
    for item, k in pairs:
        assert torch.equal(each.prepare((item, k)), preparation.samples(item)[k].tensor)
        assert each.bucket(each.prepare((item, k))) == preparation.bucket(preparation.samples(item)[k].tensor)


@EVERY
def test_nothing_at_all_is_refused(case):
    preparation, _ = CASES[case]
    with pytest.raises((DataError, DataTypeError), match="here: "):
        preparation.check([], "here")


@pytest.mark.parametrize("bad", [None, float("nan"), pd.NA, {"a": 1}], ids=["None", "NaN", "NA", "dict"])
@EVERY
def test_an_item_of_another_kind_is_named(case, bad):
    preparation, items = CASES[case]
    for place in (0, len(items) - 1):
        mixed: list[Any] = list(items)
        mixed[place] = bad
        with pytest.raises((DataError, DataTypeError)) as found:
            preparation.check(mixed, "here")
        assert str(found.value).startswith("here: ")
        # A table is read whole: its message names X, and the rule.
        assert isinstance(preparation, Rows) or f"[{place}]" in str(found.value) or f"item {place}" in str(found.value)


@pytest.mark.parametrize("facts", [Series(2), Rows(2), Histories(2, 2)])
def test_numbers_that_are_none_are_named(facts):
    for value in (np.nan, np.inf):
        items = [np.zeros((3, 2)), np.array([[0.0, 1.0], [value, 1.0], [0.0, 0.0]])]
        if isinstance(facts, Rows):
            items = [np.zeros(2), np.array([0.0, value])]
        with pytest.raises(DataError, match=r"\[1\]|item 1|series 1"):
            facts.check(items, "here")


def test_a_strangers_class_is_asked_for_by_name():
    facts = Letters().facts()
    assert facts["part"] == "Letters"
    with pytest.raises(UnknownPartError, match=r"'Letters'.*parts=\[Letters\]"):
        of_facts(facts)
    twin = type("Letters", (Letters,), {})
    with pytest.raises(UnknownPartError, match="2 of that name"):
        of_facts(facts, parts=[Letters, twin])
    with pytest.raises(ValueError, match=r"Letters.most: Expected `int` <= 100, found 101"):
        of_facts(facts | {"most": 101}, parts=[Letters()])


@pytest.mark.parametrize("domain", [None, "smell", 3, ["text"]])
def test_an_unknown_domain_is_refused(domain):
    with pytest.raises(ValueError, match=r"input must have a domain .*'text', 'vision'"):
        of_facts({"domain": domain})
