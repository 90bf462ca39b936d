"""Model folders: what is written is read, and nothing else is."""

from __future__ import annotations

import json
import os
import pickle
import random
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from punar import __version__
from punar.core import files
from punar.core.weights import load_weights
from punar.errors import DamagedModelError, ModelFolderError, NewerFormatError, ParameterTypeError
from punar.stored import FORMAT, read_folder, write_folder

TENSORS = {
    "a.weight": torch.arange(12, dtype=torch.float32).reshape(3, 4),
    "a.bias": torch.tensor([1.5, float("nan"), -0.0]),
    "steps": torch.tensor(7),
    "flag": torch.tensor([True, False]),
    "half": torch.ones(2, dtype=torch.bfloat16),
    "none": torch.empty(0, 5),
}
CONFIG = {"model": {"folder": "estimators", "params": {"x": [1, 2.5, None, True, "पुनर्"]}}}


@pytest.fixture
def saved(tmp_path):
    return write_folder(tmp_path / "model", CONFIG, TENSORS, "# A model\n")


def header_of(path: Path) -> tuple[dict, bytes]:
    data = path.read_bytes()
    n = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + n]), data[8 + n :]


def put_header(path: Path, header: object, body: bytes) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


def fails(folder: Path, match: str, kind: type = DamagedModelError) -> None:
    with pytest.raises(kind, match=match) as e:
        read_folder(folder)
    assert len(str(e.value)) < 1_000


# --- there and back ---


def test_what_is_written_is_read(saved):
    config, tensors = read_folder(str(saved))
    assert config == CONFIG | {"punar_format": FORMAT, "punar_version": __version__}
    assert set(tensors) == set(TENSORS)
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert tensors[name].shape == tensor.shape
        assert (
            tensors[name].numpy(force=True).tobytes() == tensor.numpy(force=True).tobytes()
            if (tensor.dtype != torch.bfloat16)
            else torch.equal(tensors[name], tensor)
        )
    assert sorted(p.name for p in saved.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert (saved / "README.md").read_text(encoding="utf-8") == "# A model\n"


def test_the_same_model_gives_the_same_bytes(tmp_path, saved):
    again = write_folder(tmp_path / "again", *read_folder(saved), "# A model\n")
    for name in ("config.json", "model.safetensors", "README.md"):
        assert (again / name).read_bytes() == (saved / name).read_bytes()


def test_views_and_shared_memory_are_stored_in_full(tmp_path):
    base = torch.arange(20.0).reshape(4, 5)
    given = {
        "base": base,
        "same": base,
        "transposed": base.T,
        "row": base[1],
        "expanded": torch.ones(1, 3).expand(4, 3),
        "grad": nn.Parameter(base),
        "picture": torch.ones(1, 2, 3, 3).to(memory_format=torch.channels_last),
    }
    _, back = read_folder(write_folder(tmp_path / "m", {}, given, ""))
    for name, tensor in given.items():
        assert torch.equal(back[name], tensor.detach()), name


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(2, 2).to_sparse(),
        torch.ones(2, device="meta"),
        torch.ones(2, dtype=torch.complex64),
        [1.0],
    ],
    ids=["sparse", "meta", "complex", "list"],
)
def test_tensors_that_cannot_be_stored_leave_nothing(tmp_path, tensor):
    with pytest.raises(ModelFolderError, match="tensor"):
        write_folder(tmp_path / "m", {}, {"w": tensor}, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "config",
    [
        {"a": float("nan")},
        {"a": object()},
        {"a": (1, 2)},
        {"a": {1: 2}},
        {"a": 10**50},
        {"a": "\ud800"},
        {"a": "x" * (17 * 2**20)},
    ],
    ids=["nan", "object", "tuple", "int key", "huge int", "surrogate", "17 MB"],
)
def test_a_config_that_would_change_is_refused(tmp_path, config):
    with pytest.raises(ModelFolderError, match="config"):
        write_folder(tmp_path / "m", config, {}, "")
    assert list(tmp_path.iterdir()) == []


# --- where to write ---


def test_parents_are_made_and_an_empty_folder_is_used(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "a/b/c"):
        assert read_folder(write_folder(tmp_path / name, {}, TENSORS, ""))


def test_an_existing_model_is_replaced(saved):
    write_folder(saved, {"second": 2}, {"w": torch.ones(1)}, "two")
    config, tensors = read_folder(saved)
    assert config["second"] == 2
    assert "model" not in config
    assert list(tensors) == ["w"]
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


@pytest.mark.parametrize("name", ["thesis.txt", "config.json", ".hidden"])
def test_a_folder_of_something_else_is_left_alone(tmp_path, name):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / name).write_text('{"model_type": "bert"}')
    with pytest.raises(ModelFolderError, match="Nothing was changed"):
        write_folder(tmp_path / "home", {}, TENSORS, "")
    assert [p.name for p in tmp_path.rglob("*")] == ["home", name]


def test_a_model_folder_with_other_files_is_left_alone(saved):
    (saved / "notes.txt").write_text("mine")
    before = {p: p.read_bytes() for p in saved.iterdir()}
    with pytest.raises(ModelFolderError, match=r"\['notes\.txt'\], which would be lost"):
        write_folder(saved, {}, {}, "")
    assert {p: p.read_bytes() for p in saved.iterdir()} == before


def test_links_and_files_are_no_place_for_a_model(tmp_path, saved):
    (tmp_path / "link").symlink_to(saved)
    (tmp_path / "file").write_text("x")
    for name, what in (("link", "a symbolic link"), ("file", "a file")):
        with pytest.raises(ModelFolderError, match=what):
            write_folder(tmp_path / name, {}, {}, "")
    with pytest.raises(ModelFolderError, match="cannot be written"):
        write_folder(tmp_path / "file" / "m", {}, {}, "")
    assert read_folder(saved)[0]["model"] == CONFIG["model"]


def test_the_working_folder_is_not_replaced(saved, monkeypatch):
    monkeypatch.chdir(saved)
    with pytest.raises(ModelFolderError, match="works in"):
        write_folder(".", {}, {}, "")


def test_not_a_path():
    for folder in (None, 3, "", b"x"):
        with pytest.raises(ParameterTypeError, match="folder must be a path"):
            read_folder(folder)
    fails("a\0b", "null", ModelFolderError)


# --- killed ---

KILLED = """
import os, sys, torch
from pathlib import Path
from punar.stored import read_folder, write_folder
from punar.errors import ModelFolderError
root = Path(sys.argv[1])
torch.set_num_threads(1)
old, new = {"w": torch.zeros(3)}, {"w": torch.ones(3)}
seen = []
for fresh in (True, False):
    for point in range(1, 100):
        folder = root / f"{fresh}-{point}" / "m"
        if not fresh:
            write_folder(folder, {"which": 0}, old, "")
        pid = os.fork()
        if pid == 0:
            calls = 0
            def wrap(f):
                def wrapped(*a, **k):
                    global calls
                    calls += 1
                    if calls == point:
                        os._exit(9)
                    return f(*a, **k)
                return wrapped
            for name in ("rename", "fsync", "mkdir", "rmdir", "unlink", "replace"):
                setattr(os, name, wrap(getattr(os, name)))
            write_folder(folder, {"which": 1}, new, "")
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        try:
            config, tensors = read_folder(folder)
            assert float(tensors["w"][0]) == config["which"], "a mixture"
            seen.append((fresh, config["which"]))
        except ModelFolderError as e:
            assert fresh and "does not exist" in str(e), e
            seen.append((fresh, None))
        write_folder(folder, {"which": 2}, new, "")
        assert read_folder(folder)[0]["which"] == 2
        assert not [n for n in os.listdir(folder.parent) if "old" in n]
        if code == 0:
            break
        assert code == 9
    print(fresh, point)
assert {(True, None), (True, 1), (False, 0), (False, 1)} == set(seen), seen
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_killed_at_any_point_the_old_or_the_new_is_there(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert done.returncode == 0, done.stderr
    points = [int(line.split()[1]) for line in done.stdout.splitlines()]
    assert min(points) > 5


def test_leftovers_are_swept_only_when_old(tmp_path):
    fresh, old = tmp_path / ".m.punar-new-aa", tmp_path / ".m.punar-new-bb"
    for path in (fresh, old):
        path.mkdir()
        (path / "model.safetensors").write_bytes(b"half")
        (path / "link").symlink_to(tmp_path)
    past = time.time() - 3_600
    for path in (old / "model.safetensors", old / "link", old):
        os.utime(path, (past, past), follow_symlinks=False)
    write_folder(tmp_path / "m", {}, {}, "")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".m.punar-new-aa", "m"]


def test_an_atomic_write_that_fails_leaves_the_old(tmp_path, monkeypatch):
    path = files.write_atomic(tmp_path / "f", "old")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        files.write_atomic(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_atomic_write_replaces_a_link_not_its_target(tmp_path):
    (tmp_path / "target").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    files.write_atomic(tmp_path / "link", "new")
    assert (tmp_path / "target").read_text() == "kept"
    assert (tmp_path / "link").read_text() == "new"


# --- damaged or hostile ---


def test_missing_things_are_named(tmp_path, saved):
    fails(tmp_path / "nowhere", "does not exist", ModelFolderError)
    fails(saved / "config.json", "is not a folder", ModelFolderError)
    (saved / "model.safetensors").unlink()
    fails(saved, r"model\.safetensors is missing")
    (saved / "config.json").unlink()
    fails(saved, r"config\.json is missing")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_links_pipes_and_folders_in_place_of_files(saved, name):
    path = saved / name
    kept = path.rename(saved.parent / "kept")
    path.symlink_to(kept)
    fails(saved, "plain file, found a symbolic link")
    path.unlink()
    os.mkfifo(path)
    fails(saved, "plain file, found a named pipe")
    path.unlink()
    path.mkdir()
    fails(saved, "plain file, found a folder")


def test_a_newer_format_is_named(saved):
    text = json.dumps({"punar_format": 7, "punar_version": "9.9.9"})
    (saved / "config.json").write_text(text)
    fails(
        saved,
        rf"format 7, written by punar '9\.9\.9'; this punar .* up to {FORMAT}",
        NewerFormatError,
    )


@pytest.mark.parametrize("number", ["0", "-1", "1.0", "true", '"1"', "null", "[]"])
def test_format_numbers_are_whole(saved, number):
    (saved / "config.json").write_text(f'{{"punar_format": {number}}}')
    fails(saved, "punar_format: Expected `int`")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "must be JSON"),
        (b"{", "must be JSON"),
        (b"[1]", "JSON object"),
        (b"{}", "punar_format"),
        (b"[" * 100_000, "levels deep"),
        (b'{"punar_format": 1, "a": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, "levels deep"),
        (b'{"a' + b'\\"' * 1_000_000, "must be JSON"),
        (b'{"punar_format": 1, "punar_format": 1}', "a key may stand once.*punar_format"),
        (b'{"punar_format": 1, "a": NaN}', "finite, found 'NaN'"),
        (b'{"punar_format": 1, "a": -Infinity}', "finite"),
        (b'{"punar_format": 1, "a": 1e999}', "finite, found '1e999'"),
        (b'{"punar_format": 1, "a": ' + b"9" * 1_000_000 + b"}", "at most 40 digits"),
        (b'{"punar_format": 1, "a": "\\ud800"}', "must be JSON"),
        (b'{"punar_format": 1, "a": "\xff"}', "UTF-8"),
        ('{"punar_format": 1}'.encode("utf-16"), "UTF-8"),
        (b"\x80\x04\x95", "pickle"),
    ],
    ids=lambda v: ascii(v)[:30],
)
def test_bad_json(saved, content, match):
    (saved / "config.json").write_bytes(content)
    fails(saved, match)


def test_brackets_in_text_are_no_depth(tmp_path):
    config = {"a": "[" * 500 + '"{' * 500 + "\\"}
    assert read_folder(write_folder(tmp_path / "m", config, {}, ""))[0]["a"] == config["a"]


def test_a_gigabyte_of_config_is_not_read(saved):
    os.truncate(saved / "config.json", 2**30)
    fails(saved, "at most 16777216 bytes, found 1073741824")


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_in_disguise_is_not_run(tmp_path, saved, name, protocol):
    proof = tmp_path / "proof"
    bomb = pickle.dumps(Bomb(proof), protocol)
    pickle.loads(bomb).close()
    assert proof.exists()
    proof.unlink()
    (saved / name).write_bytes(bomb)
    fails(saved, "pickle" if protocol else name)
    assert not proof.exists()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_torch_file_in_disguise_is_not_run(tmp_path, saved, name):
    torch.save(TENSORS, tmp_path / "t.pt")
    assert zipfile.is_zipfile(tmp_path / "t.pt")
    (saved / name).write_bytes((tmp_path / "t.pt").read_bytes())
    fails(saved, "zip archive")


@pytest.mark.parametrize("length", [10 * 2**30, 2**63, 2**64 - 1, 17 * 2**20])
def test_a_header_may_not_claim_more_than_there_is(saved, length):
    path = saved / "model.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + path.read_bytes()[8:])
    fails(saved, f"header's length must be at most .* found {length}")


@pytest.mark.parametrize("keep", [0, 7, 8, 9, 200, -1])
def test_truncated_weights(saved, keep):
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    fails(saved, r"model\.safetensors")


def test_bytes_appended_to_weights(saved):
    with open(saved / "model.safetensors", "ab") as f:
        f.write(b"extra")
    fails(saved, "appended")


def entry(dtype="F32", shape=(2,), data_offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(data_offsets)}


@pytest.mark.parametrize(
    ("header", "match"),
    [
        ({"a": entry(), "b": entry()}, "invalid offset"),
        ({"a": entry(), "b": entry(data_offsets=(4, 8))}, "invalid offset"),
        ({"a": entry(shape=(1,), data_offsets=(4, 8))}, "invalid offset"),
        ({"a": entry(shape=(2**33,), data_offsets=(0, 2**35))}, "truncated"),
        ({"a": entry(shape=(2**70,))}, "shape"),
        ({"a": entry(shape=(2**40,) * 16)}, "overflow"),
        ({"a": entry(shape=(3,))}, "tensor"),
        ({"a": entry(shape=(0, 2**40, 2**40), data_offsets=(0, 0)), "b": entry()}, "[Oo]verflow"),
        ({"a": entry(shape=(1,) * 17)}, "length <= 16.*shape"),
        ({"a": entry(shape=(-2,))}, "shape"),
        ({"a": entry(shape=(True, 2))}, "shape"),
        ({"a": entry(shape=(2.0,))}, "shape"),
        ({"a": entry(data_offsets=(8, 0))}, "truncated"),
        ({"a": entry(data_offsets=(-8, 0))}, "offsets"),
        ({"a": entry(data_offsets=(0, 4, 8))}, "offsets"),
        ({"a": entry(dtype="F128")}, "dtype"),
        ({"a": entry(dtype=["F32"])}, "dtype"),
        ({"a": entry() | {"run": "me"}}, "unknown field `run`"),
        ({"a": None}, "Expected `object`"),
        ([1], "object"),
        (b'{"a": 1, "a": 2}', "a key may stand once"),
        (b"[" * 100_000, "levels deep"),
        (b"\xff\xfe", "UTF-8"),
        (b"", "must be JSON"),
    ],
    ids=lambda v: ascii(v)[:40],
)
def test_bad_headers(saved, header, match):
    put_header(saved / "model.safetensors", header, bytes(8))
    fails(saved, match)


@pytest.mark.parametrize(
    ("size", "match", "kind"),
    [
        # The header agrees with 8 bytes, or with the whole terabyte.
        (8, "truncated or has something appended", DamagedModelError),
        (2**40 - 2**20, "more than this machine's memory", ModelFolderError),
    ],
)
def test_a_sparse_file_of_a_terabyte_is_not_read(saved, size, match, kind):
    path = saved / "model.safetensors"
    put_header(path, {"a": entry(dtype="U8", shape=(size,), data_offsets=(0, size))}, b"")
    start = path.stat().st_size
    try:
        os.truncate(path, start + max(size, 2**40 - 2**20))
    except OSError:
        pytest.skip("this file system keeps no sparse files of a terabyte")
    fails(saved, match, kind)


def test_a_file_larger_than_memory_is_not_read(saved, monkeypatch):
    monkeypatch.setattr("punar.core.tensor_file.fits_in_memory", lambda size: False)
    fails(saved, "more than this machine's memory", ModelFolderError)


def test_flipped_and_cut_bytes_never_give_another_exception(tmp_path):
    rng = random.Random(0)
    saved = write_folder(tmp_path / "m", CONFIG, TENSORS | {"long": torch.zeros(100)}, "")
    config = json.loads((saved / "config.json").read_text())
    del config["sha256"]  # as an older punar wrote it: nothing but the form can tell
    (saved / "config.json").write_text(json.dumps(config))
    outcomes = {"read": 0, "refused": 0}
    originals = {n: (saved / n).read_bytes() for n in ("config.json", "model.safetensors")}
    for i in range(400):
        name = ("config.json", "model.safetensors")[i % 2]
        data = bytearray(originals[name])
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
        else:
            for _ in range(rng.randint(1, 3)):
                data[rng.randrange(len(data))] = rng.randrange(256)
        (saved / name).write_bytes(data)
        try:
            read_folder(saved)
            outcomes["read"] += 1
        except ModelFolderError:
            outcomes["refused"] += 1
        (saved / name).write_bytes(originals[name])
    assert min(outcomes.values()) > 20
    assert read_folder(saved)


# --- weights into a module ---


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
        self.b.weight = self.a.weight
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("table", torch.arange(3.0), persistent=False)
        self.a.weight.requires_grad_(False)

    def forward(self, x):
        return self.norm(self.b(self.a(x))) + self.table


def test_weights_come_back_bit_for_bit(tmp_path):
    torch.manual_seed(0)
    net = Tied()
    net(torch.randn(5, 3))
    _, tensors = read_folder(write_folder(tmp_path / "m", {}, net.state_dict(), ""))
    before = torch.random.get_rng_state()
    back = load_weights(Tied, tensors, "m")
    assert torch.equal(torch.random.get_rng_state(), before)
    x = torch.randn(4, 3)
    assert torch.equal(net.eval()(x), back.eval()(x))
    assert back.a.weight is back.b.weight
    assert not back.a.weight.requires_grad
    assert back.norm.weight.requires_grad
    assert isinstance(back.norm.weight, nn.Parameter)


def test_differences_are_named():
    tensors = nn.Linear(3, 2).state_dict()
    with pytest.raises(DamagedModelError, match=r"m: .*weight must be \(5, 3\) torch.float32, found \(2, 3\)"):
        load_weights(lambda: nn.Linear(3, 5), tensors, "m")
    with pytest.raises(DamagedModelError, match="bias is missing"):
        load_weights(lambda: nn.Linear(3, 2), {"weight": tensors["weight"]}, "m")
    with pytest.raises(DamagedModelError, match="'extra' is not part of it"):
        load_weights(lambda: nn.Linear(3, 2), tensors | {"extra": torch.ones(1)}, "m")
    with pytest.raises(DamagedModelError, match=r"found \(2, 3\) torch.float64"):
        load_weights(lambda: nn.Linear(3, 2), {k: v.double() for k, v in tensors.items()}, "m")
    with pytest.raises(DamagedModelError, match="and 5 more"):
        load_weights(lambda: nn.Linear(3, 2), {str(i): torch.ones(1) for i in range(6)}, "m")


@pytest.mark.parametrize("width", [10**5, 10**12, 10**30, -1, "x"])
def test_a_hostile_size_allocates_nothing(width):
    tensors = nn.Linear(3, 2).state_dict()
    with pytest.raises(DamagedModelError, match=r"^m: "):
        load_weights(lambda: nn.Linear(width, width), tensors, "m")


def test_a_hostile_computed_buffer_allocates_nothing():
    def factory():
        net = nn.Linear(3, 2)
        net.register_buffer("table", torch.zeros(10**12), persistent=False)
        return net

    with pytest.raises(DamagedModelError, match="table need 4000000000000"):
        load_weights(factory, nn.Linear(3, 2).state_dict(), "m")
