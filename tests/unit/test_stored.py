"""What every kind of model keeps: untrusted facts, the tokenizer's text, preparations, the user's own among them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor, nn

import punar
from punar import errors, stored
from punar.core import plugins
from punar.core.weights import refuse_larger
from punar.data.clock import Clock
from punar.errors import DamagedModelError, ParameterError, ParameterTypeError, UnknownPartError
from punar.extend import Backbone, Plan, Preparation, Stage
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

# --- facts ---


class Inner(msgspec.Struct):
    clocks: list[Clock | None]


class Outer(msgspec.Struct):
    count: int
    inner: Inner
    rates: dict[str, float] = {}


GOOD = {"count": 3, "inner": {"clocks": [None, {"last": "2024-01-01", "step": "D"}]}, "more": 1}


def test_facts_become_what_they_are_asked_to_be() -> None:
    found = stored.convert(GOOD, Outer, "m")
    assert (found.count, found.inner.clocks[1]) == (3, Clock("2024-01-01", "D"))
    assert stored.convert(GOOD | {"rates": {"a": 1}}, Outer, "m").rates == {"a": 1.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": True}, r"m: config\.json, count: Expected `int`, got `bool`, found True\."),
        ({"count": "3"}, r"count: Expected `int`, got `str`, found '3'"),
        ({"count": 3.5}, r"count: Expected `int`, got `float`, found 3.5"),
        ({"inner": {}}, r"inner: Object missing required field `clocks`, found \{\}"),
        ({"inner": {"clocks": [None, {"last": 1.0}]}}, r"inner\.clocks\[1\]: .*`step`, found \{'last': 1\.0\}"),
        ({"inner": None}, r"inner: Expected `object`, got `null`, found None"),
        ({"rates": {"x" * 5000: "fast"}}, r"rates.*Expected `float`, got `str`, found \{'xxx"),
        ({"rates": [1]}, r"rates: Expected `object`, got `array`, found \[1\]"),
    ],
)
def test_wrong_facts_are_named_with_place_rule_and_value(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DamagedModelError, match=message) as caught:
        stored.convert(GOOD | change, Outer, "m")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("t"), ValueError("v"), OverflowError("o")], ids=repr)
def test_what_wrong_facts_lead_to_is_damage(error: Exception) -> None:
    with pytest.raises(DamagedModelError, match=r"m: config\.json does not describe a model"), stored.as_damage("m"):
        raise error


def test_kinder_errors_and_bugs_pass_as_they_are() -> None:
    for error in (UnknownPartError("u"), ImportError("a bug"), errors.MissingExtraError("e")):
        with pytest.raises(type(error)), stored.as_damage("m"):
            raise error


RECORD = {"history": [{"epoch": 1, "train_loss": 0.5}], "report": {"verdict": "Learned", "rows": 3}, "seed": 7}


def test_a_record_comes_back_with_integers_as_integers() -> None:
    found = stored.read_record(RECORD | {"other": 1}, "m")
    assert stored.record_facts(found.history, found.report, found.seed) == RECORD
    assert isinstance(found.history[0]["epoch"], int)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": None},
        {"seed": "7"},
        {"seed": True},
        {"history": "long"},
        {"history": [3]},
        {"history": [{"epoch": "first"}]},
        {"history": [{"epoch": [1]}]},
        {"report": []},
        {"report": {}},
        {"report": {"verdict": None}},
    ],
    ids=str,
)
def test_a_record_with_something_else_in_it_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(DamagedModelError, match="m: "):
        stored.read_record(RECORD | change, "m")
    with pytest.raises(DamagedModelError, match="missing required field"):
        stored.read_record({k: v for k, v in RECORD.items() if k not in change}, "m")


def test_a_larger_network_than_the_folder_holds_is_refused_without_memory() -> None:
    tensors = nn.Linear(3, 2).state_dict()
    refuse_larger(lambda: nn.Linear(3, 2), tensors, "m")
    with pytest.raises(DamagedModelError, match=r"m: .* larger network"):
        refuse_larger(lambda: nn.Linear(10**6, 10**6), tensors, "m")


# --- text ---


def test_a_tokenizer_is_a_tensor_in_the_folder() -> None:
    given = {"tokenizer": '{"पुनर्": 1}', "pad_id": 0}
    rest, tensors = stored.without_text(given)
    assert rest == {"pad_id": 0}
    assert tensors["tokenizer"].dtype == torch.uint8
    assert stored.with_text(rest, tensors, "m") == given
    assert stored.without_text({"pad_id": 0}) == ({"pad_id": 0}, {})


@pytest.mark.parametrize(
    "tensor",
    [torch.tensor([255, 254], dtype=torch.uint8), torch.ones(3), torch.ones(2, 2, dtype=torch.uint8)],
    ids=["not UTF-8", "floats", "two axes"],
)
def test_a_tensor_that_is_no_text_is_refused(tensor: Tensor) -> None:
    with pytest.raises(DamagedModelError, match="m: tokenizer must be text"):
        stored.with_text({}, {"tokenizer": tensor}, "m")


# --- preparations ---

OF_PUNAR: list[Preparation] = [
    Frames(rate=8000, n_mels=4),
    Histories(channels=2, context=6),
    Letterboxed(canvas=(32, 64)),
    Pairs("{}", 12, 0, 4, True),
    Pictures(size=(16, 16)),
    Rows(5),
    Sentences("{}", 12),
    Series(channels=2, shift=(1.0, 2.0), scale=(1.0, 0.5)),
    Sounds(rate=8000),
    WholePictures(size=(32, 64)),
    Words(),
]


def test_each_of_punars_preparations_is_tried() -> None:
    assert {type(p) for p in OF_PUNAR} == {plugins.member("preparations", n) for n in plugins.members("preparations")}


@pytest.mark.parametrize("preparation", OF_PUNAR, ids=lambda p: type(p).__name__)
def test_a_preparation_of_punars_comes_back_by_domain_and_fields(preparation: Preparation) -> None:
    facts, tensors = stored.preparation_facts(preparation)
    facts = json.loads(json.dumps(facts))
    assert set(facts) == {f.name for f in fields(preparation)} - {"tokenizer"} | {"domain"}
    assert stored.read_preparation(stored.with_text(facts, tensors, "m"), "m") == preparation
    assert not stored.is_own(preparation)


@pytest.mark.parametrize(
    "facts",
    [{}, {"domain": "smell"}, {"domain": ["table"], "width": 5}, {"domain": "table", "width": 5, "spell": 1}, [], None],
    ids=str,
)
def test_facts_of_no_preparation_are_refused(facts: Any) -> None:
    with pytest.raises(DamagedModelError, match=r"m: .*input must"):
        stored.read_preparation(facts, "m")


def test_a_network_reads_what_its_preparation_gives() -> None:
    series = Series(channels=2)
    stored.check_steps(series, 2, None, "m")
    for width, tokens in ((3, None), (2, 5)):
        with pytest.raises(DamagedModelError, match="the network reads"):
            stored.check_steps(series, width, tokens, "m")
    with pytest.raises(DamagedModelError, match="the input has None"):
        stored.check_steps(Pictures(), 2, None, "m")


@dataclass(frozen=True)
class Letters(Preparation):
    """Counts of some letters in a text, by a user."""

    letters: str = "ab"

    domain: ClassVar[str] = "table"

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Letters:
        return cls(**{k: facts[k] for k in ("letters",)})

    def check(self, X: Any, where: str) -> Sequence[Any]:
        return list(X)

    def content(self, item: Any) -> bytes:
        return str(item).encode()

    def prepare(self, item: Any) -> Tensor:
        return torch.tensor([float(item.count(c)) for c in self.letters])

    def collate(self, prepared: Sequence[Tensor], bucket: int = 0) -> dict[str, Tensor]:
        return {"rows": torch.stack(list(prepared))}

    def blank(self, bucket: int = 0) -> Tensor:
        return torch.zeros(len(self.letters))


class LetterNet(Backbone):
    """A network of a user's own, with a preparation of their own."""

    domain = "table"

    def __init__(self, name: str = "letters", weights: Any = None, options: dict[str, Any] | None = None) -> None:
        super().__init__(name, weights, options)

    @classmethod
    def has(cls, name: str) -> bool:
        return name == "letters"

    @classmethod
    def names(cls) -> list[str]:
        return ["letters"]

    def describe(self) -> dict[str, Any]:
        return {"name": "letters", "made_by": "me", "licence": "mine", "input": Letters("abc").facts()}

    def build(self, about: Mapping[str, Any]) -> nn.Module:
        return nn.Sequential(nn.Linear(len(about["input"]["letters"]), 4), nn.Tanh())

    def fill(self, module: nn.Module, about: Mapping[str, Any]) -> str:
        return "random"

    def plan(self, module: nn.Module, about: Mapping[str, Any]) -> Plan:
        return Plan(
            stages=(Stage("only", ("0", "1")),),
            width=4,
            preparation=Letters.from_facts(about["input"]),
            forward=lambda net, batch: net(batch["rows"]),
            pool=lambda output, batch: output,
            export=(),
        )


TEXTS = [t * n for n in range(1, 6) for t in ("aab", "bbc", "abc", "cca")]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    y = [int(t.count("a") > t.count("b")) for t in TEXTS]
    model = punar.TransferLearner(LetterNet(), strategy="feature_extraction", cache=False, random_state=0)
    model.fit(TEXTS, y)
    return model, punar.save(model, tmp_path_factory.mktemp("own") / "m")


def test_a_preparation_of_ones_own_travels_by_the_name_of_its_class(learned: tuple[Any, Path]) -> None:
    model, folder = learned
    config = json.loads((folder / "config.json").read_text("utf-8"))
    assert config["fitted"]["input"] == {"part": "Letters", "letters": "abc", "domain": "table"}
    back = punar.load(folder, parts=[LetterNet, Letters])
    np.testing.assert_array_equal(back.predict_proba(TEXTS), model.predict_proba(TEXTS))
    assert back.fitted_.body.plan.preparation == Letters("abc")
    again = punar.load(punar.save(back, folder.parent / "again"), parts=[LetterNet, Letters])
    np.testing.assert_array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))


def test_a_preparation_of_ones_own_is_found_only_where_it_is_passed(learned: tuple[Any, Path]) -> None:
    _, folder = learned
    with pytest.raises(UnknownPartError, match=r"preparation of somebody's own, 'Letters'.*parts=\[Letters\]"):
        punar.load(folder, parts=[LetterNet])
    with pytest.raises(UnknownPartError, match=r"parts=\[LetterNet\]"):
        punar.load(folder, parts=[Letters])
    other = type("Letters", (Letters,), {})
    with pytest.raises(ParameterError, match="one class of each name"):
        punar.load(folder, parts=[LetterNet, Letters, other])
    with pytest.raises(ParameterTypeError, match="parts must"):
        punar.load(folder, parts=[LetterNet, Letters, dict])


@pytest.mark.parametrize("name", [None, 3, ["Letters"], "Series", "os.system", ""], ids=str)
def test_a_hostile_name_of_a_preparation_builds_nothing(name: Any) -> None:
    with pytest.raises(UnknownPartError):
        stored.read_preparation({"part": name, "letters": "abc", "domain": "table"}, "m", [Letters, LetterNet])


def test_a_model_with_a_preparation_of_ones_own_is_no_backbone(learned: tuple[Any, Path]) -> None:
    with pytest.raises(errors.PunarError, match="somebody's own"):
        punar.FeatureExtractor(str(learned[1])).fit()


@dataclass(frozen=True)
class Doubled(Series):
    """Series of a user's own form."""

    def prepare(self, item: Any) -> Tensor:
        return super().prepare(item) * 2


def test_a_sequence_model_keeps_a_preparation_of_ones_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(7, 2)) for _ in range(12)]
    model = punar.SequenceModel("gru", hidden_size=4, epochs=1, random_state=0).fit(X, [0, 1] * 6)
    known = model.fitted_
    known.preparation = Doubled.from_facts(known.preparation.facts())
    folder = punar.save(model, tmp_path / "m")
    assert json.loads((folder / "config.json").read_text("utf-8"))["fitted"]["input"]["part"] == "Doubled"
    with pytest.raises(UnknownPartError, match=r"parts=\[Doubled\]"):
        punar.load(folder)
    back = punar.load(folder, parts=[Doubled])
    assert back.fitted_.preparation == known.preparation
    np.testing.assert_array_equal(back.predict_proba(X), model.predict_proba(X))
    with pytest.raises(errors.BackboneError, match="somebody's own, 'Doubled'"):
        punar.FeatureExtractor(str(folder)).fit()
