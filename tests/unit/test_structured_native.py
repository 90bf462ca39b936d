"""Pretrained heads and decoders that are kept: what is trained of them, what is frozen, and how they are stored."""

from __future__ import annotations

import sys
from typing import Any, ClassVar

import pytest
import torch
from torch.nn import functional as F

import punar
from punar.errors import NotSupportedError
from punar.tasks import RowsMeter, Targets, Task, Term
from punar.tasks._passed import Passed

pytest.importorskip("tokenizers")
try:
    import torchaudio  # noqa: F401
except Exception:
    # transformers imports whatever torchaudio is installed, and one made for another torch breaks it all.
    sys.modules["torchaudio"] = None  # type: ignore[assignment]
transformers = pytest.importorskip("transformers")

TEXTS = ["a bee", "bee a", "a cat", "bad a", "cab", "bag", "a", "bb ca", "ab", "ba", "cc", "aa"] * 3
LETTER = [97 + 3, 98 + 3]


class FirstLetter(Task):
    """Does a text begin with an a? The decoder writes the byte of "a" or of "b"."""

    domains: ClassVar[tuple[str, ...]] = ("text",)
    view: ClassVar[str] = "native"
    heads: ClassVar[tuple[str, ...]] = ("ForConditionalGeneration",)
    models: ClassVar[tuple[str, ...]] = ("structured",)
    estimator_type: ClassVar[str | None] = None
    metric: ClassVar[str] = "accuracy"
    target_form: ClassVar[str] = "texts"

    def learn(self, y: Any, where: str, items: Any = ()) -> Targets:
        return self.encode(y, where)

    def encode(self, y: Any, where: str, items: Any = ()) -> Targets:
        return Targets({"y": torch.tensor([int(text == "b") for text in y])})

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass

    def place(self, target: Any, sample: Any) -> dict[str, Any]:
        return dict(target)

    def collate(self, placed: Any, batch: Any) -> dict[str, Any]:
        return {"y": torch.stack([p["y"] for p in placed])}

    @property
    def outputs(self) -> int:
        return 0

    def build(self, view: Any, seed: int | None) -> Any:
        return Passed()

    def losses(self, net: Any, batch: Any, target: Any, weight: Any, *, progress: float, generator: Any) -> Any:
        labels = torch.tensor(LETTER)[target["y"]][:, None]
        return {"cross_entropy": Term(net({**batch, "labels": labels}).loss, float(len(labels)))}

    def answer(self, net: Any, batch: Any, traces: Any) -> list[Any]:
        written = net.module.backbone.generate(
            encoder_outputs=net(batch), attention_mask=batch["attention_mask"], max_new_tokens=1, do_sample=False
        )
        return list(F.one_hot((written[:, 1] == LETTER[1]).long(), 2).float())

    def merge(self, parts: Any, item: Any) -> Any:
        return parts[0]

    def predictions(self, answers: Any, items: Any) -> Any:
        return ["ab"[int(row.argmax())] for row in answers]

    def constant(self, targets: Targets) -> list[Any]:
        return [torch.tensor([1.0, 0.0])] * len(targets)

    def meter(self) -> Any:
        return RowsMeter(lambda raw, y: float((raw.argmax(1) == y).float().mean()))

    def score(self, y: Any, predictions: Any, sample_weight: Any = None) -> float:
        return sum(a == b for a, b in zip(y, predictions, strict=True)) / len(y)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from punar.backbones._tokenizer import byte_tokenizer

    config = transformers.T5Config(
        vocab_size=300, pad_token_id=0, bos_token_id=2, eos_token_id=3, d_model=16, num_layers=2, num_heads=2, d_ff=32,
        d_kv=8, decoder_start_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.T5ForConditionalGeneration(config)
    found = tmp_path_factory.mktemp("t5")
    model.save_pretrained(found)
    (found / "tokenizer.json").write_text(byte_tokenizer(300), "utf-8")
    return str(found), model


def model(folder, strategy, **given):
    settings = {"epochs": 2, "random_state": 0, "cache": False, "device": "cpu", "learning_rate": 1e-3} | given
    return punar.TransferLearner(folder[0], FirstLetter(), strategy, **settings)


Y = [text[0] if text[0] == "a" else "b" for text in TEXTS]


def changed(fitted, theirs):
    before = theirs.state_dict()
    found = fitted.module_.backbone.state_dict()
    return {name for name, value in before.items() if not torch.equal(found[name], value)}


def test_a_frozen_encoder_keeps_its_numbers_and_the_decoder_learns(folder):
    fitted = model(folder, "feature_extraction").fit(TEXTS, Y)
    some = changed(fitted, folder[1])
    assert some
    assert all(name.startswith(("decoder.", "lm_head")) and "embed" not in name for name in some), some
    assert fitted.predict(TEXTS[:3]) == fitted.predict(TEXTS)[:3]


def test_fine_tuning_trains_the_stages_that_are_named(folder):
    fitted = model(folder, "fine_tuning", unfreeze="last", early_stopping=False).fit(TEXTS, Y)
    some = changed(fitted, folder[1])
    assert any(name.startswith("encoder.block.1") for name in some)
    assert not any(name.startswith(("encoder.block.0", "shared")) for name in some)


def test_adapters_beside_the_stages(folder):
    pytest.importorskip("peft")
    fitted = model(folder, "fine_tuning", unfreeze="all", lora=2).fit(TEXTS, Y)
    assert not any("lora" in name for name in fitted.module_.backbone.state_dict())
    assert any(name.startswith("decoder.") for name in changed(fitted, folder[1]))


def test_a_folder_gives_the_same_answers(folder, tmp_path):
    fitted = model(folder, "fine_tuning", unfreeze="all").fit(TEXTS, Y)
    punar.save(fitted, tmp_path / "model")
    again = punar.load(tmp_path / "model", parts=[FirstLetter])
    assert again.predict(TEXTS) == fitted.predict(TEXTS)
    assert changed(again, fitted.module_.backbone) == set()


def test_other_checkpoints_are_refused(folder):
    with pytest.raises(NotSupportedError, match="no head or decoder"):
        punar.TransferLearner("minilm", FirstLetter()).fit(TEXTS, Y)
