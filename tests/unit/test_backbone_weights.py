"""Weights into a backbone: from files of every usual form, from the libraries' folders, never by running code."""

from __future__ import annotations

import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from punar.backbones._backbone import weight_hash
from punar.backbones._weights import read_state_dict
from punar.errors import (
    DamagedModelError,
    ParameterTypeError,
    WeightsNotFoundError,
)

torchvision = pytest.importorskip("torchvision", reason="pip install 'punar[vision]'")
timm = pytest.importorskip("timm", reason="pip install 'punar[vision]'")

from punar.backbones.timm import Timm  # noqa: E402
from punar.backbones.torchvision import Torchvision  # noqa: E402


@pytest.fixture(scope="module")
def tiny():
    backbone = Timm("test_resnet", weights=None)
    about = backbone.describe()
    full = timm.create_model("test_resnet", num_classes=10)
    return about, full.state_dict()


def filled(about, path):
    module = Timm("test_resnet").build(about)
    used = Timm("test_resnet", weights=path).fill(module, about)
    assert used == "file"
    return module


@pytest.mark.parametrize("form", ["safetensors", "pth", "legacy", "wrapped", "folder", "module", "half", "no counters"])
def test_checkpoints_in_every_usual_form_load(tiny, tmp_path, form):
    about, state = tiny
    path = tmp_path / ("w.safetensors" if form in ("safetensors", "half", "no counters") else "w.pth")
    given = dict(state)
    if form == "module":
        given = {f"module.{k}": v for k, v in given.items()}
    if form == "half":
        given = {k: v.half() if v.is_floating_point() else v for k, v in given.items()}
    if form == "no counters":
        given = {k: v for k, v in given.items() if not k.endswith("num_batches_tracked")}
    if form == "folder":
        save_file(given, tmp_path / "model.safetensors")
        path = tmp_path
    elif path.suffix == ".safetensors":
        save_file(given, path)
    else:
        content = {"epoch": 3, "state_dict": given} if form == "wrapped" else given
        torch.save(content, path, _use_new_zipfile_serialization=form != "legacy")
    module = filled(about, path)
    assert module.state_dict().keys() < state.keys()
    for name, value in module.state_dict().items():
        assert value.dtype == state[name].dtype
        assert torch.equal(value, state[name].half().float() if form == "half" and value.dim() else state[name])


def test_a_googlenet_checkpoint_with_auxiliary_heads_loads(tmp_path):
    backbone = Torchvision("googlenet", weights=tmp_path / "w.pth")
    about = backbone.describe()
    full = torchvision.models.googlenet(aux_logits=True, init_weights=False).state_dict()
    assert any(name.startswith("aux1.") for name in full)
    torch.save(full, tmp_path / "w.pth")
    module = backbone.build(about)
    before = weight_hash(module)
    assert backbone.fill(module, about) == "file"
    assert weight_hash(module) != before
    assert all(torch.equal(v, full[k]) for k, v in module.state_dict().items())


def test_weights_of_another_architecture_are_refused_and_nothing_is_changed(tiny, tmp_path):
    about, _ = tiny
    save_file(timm.create_model("test_byobnet").state_dict(), tmp_path / "w.safetensors")
    backbone = Timm("test_resnet", weights=tmp_path / "w.safetensors")
    module = backbone.build(about)
    before = weight_hash(module)
    with pytest.raises(DamagedModelError, match=r"conv1\S* is missing; '\S+' is not part of it.* more"):
        backbone.fill(module, about)
    wide = {k: torch.cat([v, v]) if k == "layer1.0.conv1.weight" else v for k, v in module.state_dict().items()}
    save_file(wide, tmp_path / "w.safetensors")
    with pytest.raises(DamagedModelError, match=r"layer1.0.conv1.weight must be \(.*\), found"):
        backbone.fill(module, about)
    assert weight_hash(module) == before


class Bomb:
    def __reduce__(self):
        return os.mkdir, (os.environ["PUNAR_TEST_BOMB"],)


@pytest.mark.parametrize("form", ["torch", "plain", "inside", "renamed"])
def test_a_pickle_with_code_is_refused_and_nothing_is_run(tmp_path, monkeypatch, form):
    mark = tmp_path / "ran"
    monkeypatch.setenv("PUNAR_TEST_BOMB", str(mark))
    path = tmp_path / ("w.safetensors" if form == "renamed" else "w.pth")
    if form == "plain":
        path.write_bytes(pickle.dumps(Bomb()))
    else:
        torch.save({"a": torch.zeros(2), "b": Bomb()} if form == "inside" else Bomb(), path)
    with pytest.raises(DamagedModelError):
        read_state_dict(path)
    assert not mark.exists()


def test_damaged_and_absent_files_are_refused(tiny, tmp_path):
    _, state = tiny
    save_file(state, tmp_path / "w.safetensors")
    torch.save(state, tmp_path / "w.pth")
    for name in ("w.safetensors", "w.pth"):
        data = (tmp_path / name).read_bytes()
        for cut in (0, 1, 7, 100, len(data) // 2, len(data) - 1):
            (tmp_path / f"cut{name}").write_bytes(data[:cut])
            with pytest.raises(DamagedModelError, match="cutw"):
                read_state_dict(tmp_path / f"cut{name}")
    with pytest.raises(WeightsNotFoundError, match="existing file"):
        read_state_dict(tmp_path / "none.pth")
    with pytest.raises(WeightsNotFoundError, match="existing file"):
        read_state_dict("defualt")
    with pytest.raises(ParameterTypeError, match="'default', None or a path"):
        read_state_dict(3)
    torch.save({"a": torch.zeros(1), "b": 3}, tmp_path / "w.pth")
    with pytest.raises(DamagedModelError, match="'b'"):
        read_state_dict(tmp_path / "w.pth")
    torch.save([torch.zeros(1)], tmp_path / "w.pth")
    with pytest.raises(DamagedModelError, match="named tensors"):
        read_state_dict(tmp_path / "w.pth")


def test_torchvision_default_weights_come_from_torchs_hub_folder(tmp_path, monkeypatch):
    backbone = Torchvision("mobilenet_v3_small")
    about = backbone.describe()
    module = backbone.build(about)

    def offline(*_, **__):
        raise OSError("<urlopen error no network>")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(WeightsNotFoundError, match=r"punar fetch mobilenet_v3_small.* weights=PATH") as caught:
        backbone.fill(module, about)
    assert isinstance(caught.value, OSError)
    full = torchvision.models.mobilenet_v3_small().state_dict()
    url = torchvision.models.MobileNet_V3_Small_Weights.DEFAULT.url
    file = tmp_path / "checkpoints" / url.rpartition("/")[2]
    file.parent.mkdir(exist_ok=True)
    torch.save(full, file)
    assert backbone.fill(module, about) == "torchvision IMAGENET1K_V1"
    assert all(torch.equal(v, full[k]) for k, v in module.state_dict().items())
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(DamagedModelError, match="hub folder"):
        backbone.fill(module, about)


def test_timm_default_weights_go_through_timms_loader(tiny, monkeypatch):
    about, state = tiny
    backbone = Timm("test_resnet")
    module = backbone.build(about)
    create = timm.create_model

    def from_hub(name, pretrained=False, **options):
        model = create(name, **options)
        if pretrained:
            model.load_state_dict({k: v for k, v in state.items() if not k.startswith("fc.")})
        return model

    monkeypatch.setattr(timm, "create_model", from_hub)
    assert backbone.fill(module, about) == "timm test_resnet.r160_in1k"
    assert all(torch.equal(v, state[k]) for k, v in module.state_dict().items())

    def offline(*_, **__):
        raise ConnectionError("no network")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(WeightsNotFoundError, match=r"no network.*punar fetch test_resnet.* weights=PATH"):
        backbone.fill(module, about)
    with pytest.raises(WeightsNotFoundError, match="timm has none of"):
        Timm("test_mambaout").fill(module, about | {"weights": None})
