"""Networks with a decoder of their own: taken up where they were stopped, and stopped where they never end."""

from __future__ import annotations

import time

import pytest
import torch

import punar
from punar.core import deadline
from punar.tasks.translation import Translation

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

X, Y = ["one two three", "two two", "three one", "four"] * 3, ["three two one", "two two", "one three", "four"] * 3


@pytest.fixture(scope="module", params=["t5", "bart"])
def folder(request, tmp_path_factory):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = {word: i for i, word in enumerate(["<pad>", "</s>", "<unk>", "one", "two", "three", "four"])}
    own = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    own.pre_tokenizer = pre_tokenizers.Whitespace()
    own.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    made = tmp_path_factory.mktemp(request.param)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=own, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(made)
    ids = {
        "vocab_size": len(words),
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 0,
        "decoder_start_token_id": 0,
    }
    torch.manual_seed(0)
    if request.param == "t5":
        config = transformers.T5Config(d_model=16, num_layers=2, num_heads=2, d_ff=32, d_kv=8, **ids)
        transformers.T5ForConditionalGeneration(config).save_pretrained(made)
    else:
        config = transformers.BartConfig(
            d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
            encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=64, forced_eos_token_id=1, **ids,
        )  # fmt: skip
        transformers.BartForConditionalGeneration(config).save_pretrained(made)
    return str(made)


def learner(folder, **settings):
    return punar.TransferLearner(
        folder, "translation", "fine_tuning", unfreeze="all", epochs=3, validation_fraction=0, cache=False,
        random_state=0, **settings,
    )  # fmt: skip


def test_resuming_equals_never_having_stopped(folder, tmp_path, monkeypatch):
    now, losses = [0.0], Translation.losses

    def slow(self, *given, **named):
        now[0] += 1.0
        return losses(self, *given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(deadline, "clock", lambda: now[0])
        patched.setattr(Translation, "losses", slow)
        stopped = learner(folder, batch_size=4).fit(X, Y, checkpoint=tmp_path, time_limit=4.0)
    assert 0 < len(stopped.history_) < 3
    resumed = learner(folder, batch_size=4).fit(X, Y, checkpoint=tmp_path)
    straight = learner(folder, batch_size=4).fit(X, Y)
    assert len(resumed.history_) == 3
    for name, value in straight.module_.state_dict().items():
        assert torch.equal(value, resumed.module_.state_dict()[name]), name
    # What is finished is given at once.
    again = learner(folder, batch_size=4).fit(X, Y, checkpoint=tmp_path)
    assert again.predict(X[:2]) == resumed.predict(X[:2])


def test_a_checkpoint_as_it_is_stops_writing(folder):
    began = time.perf_counter()
    model = punar.TransferLearner(folder, "translation", "zero_shot").fit(None)
    assert model.fitted_.task.most <= 512
    found = model.predict(["one"])
    print(f"{len(found[0].split())} words in {time.perf_counter() - began:.1f} s")
    assert len(found[0].split()) <= 512
