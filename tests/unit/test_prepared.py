"""What a fit holds of its items: as much as there is room for; the rest is read again, to the same result."""

from __future__ import annotations

import gc
import io
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import punar
from punar.core import deadline
from punar.core.draws import seeded
from punar.core.replay import captured
from punar.errors import DataError
from punar.models import prepared, samples
from punar.models.prepared import Prepared
from punar.models.structured import answer
from punar.preparations import Sample
from punar.preparations.whole_pictures import WholePictures
from punar.tasks import _mask_list
from punar.tasks.segmentation import Segmentation

pytest.importorskip("segmentation_models_pytorch", reason="pip install 'punar[vision]'")

RNG = np.random.default_rng(0)
Y = [(RNG.random((40, 64)) < 0.4).astype(np.uint8) for _ in range(24)]
X = [np.stack([255 * y, 40 + 0 * y, 255 - 255 * y], 2).astype(np.uint8) for y in Y]


class Alive:
    """Counts the prepared pictures that are alive, each time one is made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most = self.made = 0
        self._each: weakref.WeakSet[Sample] = weakref.WeakSet()
        made = WholePictures.samples

        def counted(facts: WholePictures, item: Any) -> list[Sample]:
            found = made(facts, item)
            for sample in found:
                self._each.add(sample)
            self.made += len(found)
            self.most = max(self.most, len(self._each))
            return found

        monkeypatch.setattr(WholePictures, "samples", counted)


def network() -> Any:
    with seeded(0):
        widths = [(3, 8), (8, 8), (8, 8), (8, 8), (8, 8)]
        stages = [torch.nn.Sequential(torch.nn.Conv2d(a, b, 3, 2, 1), torch.nn.ReLU()) for a, b in widths]
        return torch.nn.Sequential(*stages)


def model(**given: Any) -> punar.TransferLearner:
    settings: dict[str, Any] = {"task": Segmentation(), "strategy": "scratch", "epochs": 2, "batch_size": 4}
    settings |= {"random_state": 0, "device": "cpu", "cache": False}
    return punar.TransferLearner(network(), **settings | given)


def no_room(monkeypatch: pytest.MonkeyPatch, room: int = 0) -> None:
    monkeypatch.setattr(prepared, "ROOM", room)
    monkeypatch.setattr(samples, "_ROOM", room)


def same(a: Any, b: Any) -> bool:
    return all(torch.equal(v, b.module_.state_dict()[k]) for k, v in a.module_.state_dict().items())


def test_a_fit_holds_no_more_pictures_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        alive = Alive(patched)
        whole = model().fit(X, Y)
        assert (alive.made, alive.most) == (24, 24)  # each is prepared once, and kept
    for room, kept in ((0, 0), (3 * 3 * 64 * 64, 3)):
        gc.collect()
        with monkeypatch.context() as patched:
            no_room(patched, room)
            alive = Alive(patched)
            again = model().fit(X, Y)
            # A pass over validation pictures reads 16 at once, and the last batch is alive until the next one is.
            assert kept < alive.most <= kept + 16 + 1
            assert alive.made > 24 * 3
        assert same(whole, again)
        assert [e["train_loss"] for e in whole.history_] == [e["train_loss"] for e in again.history_]
        assert whole.fit_report_["model"] == again.fit_report_["model"]


def test_a_stopped_fit_goes_on_with_room_or_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    whole = model(epochs=3).fit(X, Y)
    now, losses = [0.0], Segmentation.losses

    def slow(self: Any, *given: Any, **named: Any) -> Any:
        now[0] += 1.0
        return losses(self, *given, **named)

    with monkeypatch.context() as patched:
        no_room(patched)
        patched.setattr(deadline, "clock", lambda: now[0])
        patched.setattr(Segmentation, "losses", slow)
        stopped = model(epochs=3).fit(X, Y, checkpoint=tmp_path, time_limit=9.0)
    resumed = model(epochs=3).fit(X, Y, checkpoint=tmp_path)
    assert len(stopped.history_) < len(whole.history_) == len(resumed.history_)
    assert same(whole, resumed)


def test_answers_are_found_a_part_of_the_items_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = model(epochs=1).fit(X, Y)
    whole = fitted.predict(X)
    monkeypatch.setattr(answer, "_BYTES_AT_ONCE", 5 * 3 * 64 * 64)
    gc.collect()
    alive = Alive(monkeypatch)
    again = fitted.predict(X)
    assert alive.most <= 2 * 5  # those of a part live on while the next one is read
    assert alive.made == 24
    assert all(np.array_equal(a, b) for a, b in zip(whole, again, strict=True))
    tiled = model(epochs=1, task=Segmentation(tiles=True, size=(32, 32))).fit(X, Y)
    whole = tiled.predict(X)
    monkeypatch.setattr(answer, "_BYTES_AT_ONCE", 1)  # a picture's tiles stay together
    assert all(np.array_equal(a, b) for a, b in zip(whole, tiled.predict(X), strict=True))


def test_a_picture_that_cannot_be_read_is_called_by_its_own_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    fitted = model(epochs=1).fit(X, Y)
    monkeypatch.setattr(answer, "_ITEMS_AT_ONCE", 4)
    Image.fromarray(X[0]).save(whole := io.BytesIO(), "PNG")
    with pytest.raises(DataError, match="item 9"):
        fitted.predict([*X[:9], Image.open(io.BytesIO(whole.getvalue()[:60]))])
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"a\.png"):
        fitted.predict([*X[:9], tmp_path / "a.png"])


@pytest.mark.parametrize("room", [0, 4 * 3 * 64 * 64, np.inf])
def test_samples_are_the_same_whether_they_are_kept_or_not(room: float) -> None:
    facts = WholePictures(size=(32, 32), tiles=True)
    expected = [(i, k, sample) for i, x in enumerate(X[:5]) for k, sample in enumerate(facts.samples(x))]
    found = Prepared(facts, X[:5], "here", room)
    assert len(found) == len(expected) == len(list(found))
    assert found.item.tolist() == [i for i, _, _ in expected]
    assert found.part.tolist() == [k for _, k, _ in expected]
    order = np.random.default_rng(1).permutation(len(found)).tolist()
    for some in (order[:7], order[3:9], order):
        for at, sample in zip(some, found.take(some), strict=True):
            assert torch.equal(sample.tensor, expected[at][2].tensor)
            assert torch.equal(found.traces[at], expected[at][2].trace)
    part = Prepared(facts, X[:5], "here", room, within=range(1, 4), enough=1)
    assert set(part.item.tolist()) == {1}
    assert torch.equal(part[-1].tensor, facts.samples(X[1])[-1].tensor)


def test_a_file_that_changed_meanwhile_is_named(tmp_path: Any) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(X[0]).save(path)
    found = Prepared(WholePictures(size=(32, 32), tiles=True), [path], "here", 0)
    Image.fromarray(X[0][:8, :8]).save(path)
    with pytest.raises(DataError, match=r"here: .*a\.png has changed since"):
        found.take([len(found) - 1])
    path.unlink()
    with pytest.raises(DataError, match=r"here: .*a\.png"):
        found.take([0])


def test_a_pass_that_stops_early_leaves_nothing_behind() -> None:
    net, collecting = network(), gc.isenabled()
    gc.disable()
    try:
        with captured(net, "1") as found:
            net(torch.zeros(1, 3, 64, 64))
        held = weakref.ref(found.pop("1"))
        assert held() is None
    finally:
        if collecting:
            gc.enable()


def test_masks_are_packed_where_there_is_no_room_and_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = [y.astype(np.int64) * 1000 for y in Y]  # numbers of more than 8 bits, and a size of its own
    wide[3][:5] = 7
    held = {}
    for room in (2**29, 0):
        monkeypatch.setattr(_mask_list, "_ROOM", room)
        task = Segmentation()
        targets = task.learn(wide, "fit", X)
        joined = targets.joined(task.encode(wide[:2], "fit", X[:2]))
        packed = [isinstance(m, _mask_list._Packed) for m in joined.columns["masks"]._masks]  # type: ignore[union-attr]
        assert packed == [room == 0] * 26
        assert sum(len(m.data) for m in joined.columns["masks"]._masks if room == 0) < 26 * 40 * 64  # type: ignore
        some = joined.take(torch.tensor([3, 25, 0])).columns["masks"]
        held[room] = (task.values_, joined.digest(), [m.tolist() for m in some], task.constant(joined)[0].tolist())
    assert held[2**29] == held[0]
    assert held[0][0] == [0, 7, 1000]


def test_numbers_of_64_bits_without_a_sign_are_read_or_refused() -> None:
    high = [y.astype(np.uint64) for y in Y]
    task = Segmentation()
    task.learn([high[0], *Y[1:]], "fit", X)
    assert task.values_ == [0, 1]
    assert task.predictions([torch.tensor([[0, 1]])], [X[0]])[0].tolist() == [[0, 1]]
    high[0] = high[0] * np.uint64(2**63 + 5)
    with pytest.raises(DataError, match=r"fit: y\[0\] must hold numbers up to 9,223,372,036,854,775,807, got 9,223"):
        Segmentation().learn(high, "fit", X)
