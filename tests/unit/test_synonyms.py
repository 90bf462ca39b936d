"""Words of courses, each typed as a newcomer types it: understood, or answered with what they are called here."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import punar
from punar.core import plugins, synonyms
from punar.errors import ParameterError
from punar.texts import synonyms as texts

X = np.random.default_rng(0).normal(size=(20, 4))


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("Vanilla", "'reconstruction'"),
        ("VAE", "'variational'"),
        ("denoising-autoencoder", "'denoising'"),
        ("SPARSE", "'sparse'"),
        ("CNN", "Autoencoder(network='conv')"),
        ("GRU", "Autoencoder(network='gru')"),
        ("GAN", "Autoencoder('variational')"),
    ],
)
def test_objectives(word, answer):
    with pytest.raises(ParameterError) as error:
        punar.Autoencoder(word).fit(X)
    assert answer in str(error.value)


@pytest.mark.parametrize(
    ("word", "answer"), [("LSTM", "'lstm'"), ("convolutional", "'conv'"), ("VAE", "Autoencoder('variational')")]
)
def test_networks(word, answer):
    with pytest.raises(ParameterError) as error:
        punar.Autoencoder(network=word).fit(X)
    assert answer in str(error.value)


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("Gru", "'gru'"),
        ("Bi-LSTM", "SequenceModel('lstm', bidirectional=True)"),
        ("biGRU", "SequenceModel('gru', bidirectional=True)"),
        ("SimpleRNN", "'rnn'"),
        ("Transformer", "TransferLearner('minilm')"),
    ],
)
def test_cells(word, answer):
    with pytest.raises(ParameterError) as error:
        punar.SequenceModel(word).fit(["a", "b"] * 6, [0, 1] * 6)
    assert answer in str(error.value)


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("sentiment analysis", "'classification'"),
        ("NER", "'tagging'"),
        ("Machine Translation", "'translation'"),
        ("object-detection", "'detection'"),
        ("semantic segmentation", "'segmentation'"),
        ("ASR", "'speech_recognition'"),
        ("fill-mask", "'masked_language_modeling'"),
        ("SQuAD", "'question_answering'"),
        ("Zero-Shot", "strategy='zero_shot'"),
        ("chatbot", "does not do text generation"),
        ("anomaly detection", "reconstruction_error"),
    ],
)
def test_tasks(word, answer):
    with pytest.raises(ParameterError) as error:
        punar.SequenceModel(task=word).fit(["a", "b"] * 6, [0, 1] * 6)
    assert answer in str(error.value)


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("Multilingual BERT", "'bert-base-multilingual-cased'"),
        ("RoBERTa", "'roberta-base'"),
        ("VGG-19", "'vgg19'"),
        ("InceptionV4", "'timm:inception_v4'"),
        ("DistilBERT", "distilbert/distilbert-base-uncased"),
        ("Wav2Vec", "'facebook/wav2vec2-base'"),
        ("YOLO", "TransferLearner('resnet18', task='detection')"),
        ("U-Net", "TransferLearner('resnet18', task='segmentation')"),
        ("CLIP", "'openai/clip-vit-base-patch32'"),
        ("ChatGPT", "encoders of sentences"),
        ("LSTM", "SequenceModel('lstm')"),
    ],
)
def test_backbones(word, answer):
    with pytest.raises(ParameterError) as error:
        punar.backbone(word)
    assert answer in str(error.value)


def test_what_a_word_is_called_exists():
    for folder in ("objectives", "cells", "tasks"):
        assert set(texts.NAMES[folder]) <= set(plugins.members(folder))
    assert set(texts.NAMES["networks"]) <= {*plugins.members("networks"), *plugins.members("cells")}
    for name in texts.NAMES["backbones"]:
        punar.backbone(name)
    catalogue = {use.partition(":")[0] for row in punar.list_backbones()["used_for"] for use in row.split("; ")}
    assert set(texts.USES) <= catalogue
    for folder in ("objectives", "networks", "cells", "tasks", "backbones"):
        words = [*texts.ELSEWHERE.get(folder, ()), *texts.ABSENT.get(folder, ())]
        assert all(word == synonyms.folded(word) for word in words)
    assert not set(texts.UNDONE) & set(plugins.members("tasks"))
    assert set(texts.INSTEAD) <= set(texts.UNDONE)


@pytest.mark.parametrize(
    ("word", "domain"), [("NLP", "text"), ("computer-vision", "vision"), ("voice", "audio"), ("audio", "audio")]
)
def test_domains(word, domain):
    assert set(punar.list_backbones(domain=word)["domain"]) == {domain}


def cli(*words):
    done = subprocess.run(
        [sys.executable, "-m", "punar", "models", *words], capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def test_the_command_models():
    code, out = cli("--task", "sentiment-analysis", "--domain", "Language")
    assert code == 0
    assert "bert-base-uncased" in out
    assert "vgg16" not in out
    code, out = cli("--task", "Summarization")
    assert code == 2
    assert "does not do summarisation" in out
    assert "tasks are classification, " in out
    assert "t5-small" in out
    code, out = cli("--task", "text-to-speech")
    assert (code, "does not do text to speech" in out) == (2, True)
    code, out = cli("--task", "forecasting")
    assert (code, "SequenceModel(task='forecasting')" in out) == (2, True)
    assert "'bert-base-uncased'" in cli("--details", "BERT")[1]


def test_ner_is_no_part_of_another_word():
    assert punar.list_backbones(task="ner")["name"].str.contains("bert").any()
    assert not punar.list_backbones(task="ner")["name"].str.contains("inception").any()
