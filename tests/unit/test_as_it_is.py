"""Checkpoints that do their task already are taken as they are: nothing is trained, examples only measure."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

import punar
from punar.errors import NotSupportedError, ParameterError
from punar.tasks.translation import Translation

pytest.importorskip("tokenizers")
try:
    import torchaudio  # noqa: F401
except Exception:
    # transformers imports whatever torchaudio is installed, and one made for another torch breaks it all.
    sys.modules["torchaudio"] = None  # type: ignore[assignment]
transformers = pytest.importorskip("transformers")

BERT = {
    "vocab_size": 300, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "hidden_size": 16,
    "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 64,
}  # fmt: skip
T5 = {
    "vocab_size": 300, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "d_model": 16, "num_layers": 1,
    "num_heads": 2, "d_ff": 32, "d_kv": 8, "decoder_start_token_id": 0,
}  # fmt: skip
CHECKPOINTS = {
    "BertForQuestionAnswering": ("BertConfig", BERT),
    "BertModel": ("BertConfig", BERT),
    "T5ForConditionalGeneration": ("T5Config", T5),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    from punar.backbones._tokenizer import byte_tokenizer

    made = {}

    def get(name):
        if name not in made:
            config, settings = CHECKPOINTS[name]
            torch.manual_seed(1)
            model = getattr(transformers, name)(getattr(transformers, config)(**settings)).eval()
            folder = tmp_path_factory.mktemp(name)
            model.save_pretrained(folder)
            (folder / "tokenizer.json").write_text(byte_tokenizer(300), "utf-8")
            made[name] = str(folder), model
        return made[name]

    return get


def taken(folder, task):
    return punar.TransferLearner(folder, task, "zero_shot", device="cpu")


def test_a_translator_writes_what_the_library_writes(saved, tmp_path):
    folder, theirs = saved("T5ForConditionalGeneration")
    model = taken(folder, Translation(max_length=6)).fit(None)
    assert "nothing was trained" in model.fit_report_["verdict"].lower()
    texts = ["a bee", "कख"]
    found = model.predict(texts)
    plan = model.fitted_.body.plan
    for text, own in zip(texts, found, strict=True):
        batch = plan.preparation.collate([plan.preparation.prepare(text)], 0)
        ids = batch["input_ids"][:, : int(batch["attention_mask"].sum())]
        written = theirs.generate(input_ids=ids, max_new_tokens=6, do_sample=False, num_beams=1)[0, 1:]
        assert own == _text(model, written)
    punar.save(model, tmp_path / "model")
    assert punar.load(tmp_path / "model").predict(texts) == found
    for name, value in theirs.state_dict().items():
        assert torch.equal(value, model.module_.backbone.state_dict()[name]), name


def _text(model, ids):
    from tokenizers import Tokenizer

    read = Tokenizer.from_str(model.fitted_.task.kept_.target)
    return read.decode([int(i) for i in ids], skip_special_tokens=True).strip()


def test_a_reader_answers_and_examples_measure(saved):
    folder, theirs = saved("BertForQuestionAnswering")
    pairs = [("who?", "Asha won"), ("when?", "on Monday")] * 12
    model = taken(folder, "question_answering").fit(pairs, ["Asha", "on Monday"] * 12)
    assert model.fit_report_["rows"] == 24
    assert all(answer in context for answer, (_, context) in zip(model.predict(pairs), pairs, strict=True))
    for name, value in theirs.state_dict().items():
        assert torch.equal(value, model.module_.backbone.state_dict()[name]), name


def test_a_detector_goes_on_with_its_own_classes():
    pytest.importorskip("torchvision")
    backbone = punar.backbone("torchvision:fasterrcnn_mobilenet_v3_large_320_fpn", weights=None)
    model = taken(backbone, punar.tasks.detection.Detection(size=64)).fit(None)
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    (found,) = model.predict([picture])
    assert set(found) == {"boxes", "labels", "scores"}
    assert "person" in model.fitted_.task.labels_


@pytest.mark.parametrize("task", ["translation", "question_answering"])
def test_a_network_without_a_head_is_to_be_taught(task, saved):
    with pytest.raises(NotSupportedError, match="needs a checkpoint that does this task already"):
        taken(saved("BertModel")[0], task).fit(None)


def test_what_belongs_to_labels_is_refused(saved):
    folder, _ = saved("T5ForConditionalGeneration")
    with pytest.raises(ParameterError, match="templates='"):
        taken(folder, "translation").set_params(templates="{}").fit(None)
    with pytest.raises(NotSupportedError, match="needs examples"):
        punar.TransferLearner(punar.backbone("resnet18", weights=None), "segmentation", "zero_shot").fit(None)
