"""Letters by connectionist temporal classification: vocabulary, lengths, decoding, what is hidden in training."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from punar.errors import DataError, NotSupportedError
from punar.tasks import _letters as ctc
from punar.tasks._letters import Letters


def collapsed(path, blank=0):
    return tuple(k for k, _ in itertools.groupby(path) if k != blank)


def log_probabilities(rng, steps, outputs, sharp=1.0):
    raw = torch.from_numpy(rng.normal(size=(steps, outputs)) * sharp)
    return torch.log_softmax(raw, 1).numpy()


def test_greedy_collapses_the_likeliest_path():
    rng = np.random.default_rng(0)
    for _ in range(100):
        sure = log_probabilities(rng, 12, 4)
        assert tuple(k for k, _ in ctc.greedy(sure, 0)) == collapsed(sure.argmax(1))


def test_a_wide_beam_finds_the_likeliest_text_of_all():
    rng = np.random.default_rng(1)
    better = 0
    for _ in range(30):
        sure = log_probabilities(rng, 5, 3)
        sums: dict[tuple[int, ...], float] = {}
        for path in itertools.product(range(3), repeat=5):
            text = collapsed(path)
            sums[text] = np.logaddexp(sums.get(text, -np.inf), sum(sure[t, k] for t, k in enumerate(path)))
        best = max(sums, key=lambda text: sums[text])
        found = ctc.beam(sure, 0, 200)
        assert tuple(k for k, _ in found) == best
        assert all(a < b for a, b in itertools.pairwise(at for _, at in found))
        better += best != tuple(k for k, _ in ctc.greedy(sure, 0))
    assert better  # the likeliest path is not always the likeliest text's


def test_losses_count_letters_and_follow_weights():
    torch.manual_seed(0)
    raw, lengths = torch.randn(3, 9, 4), torch.tensor([9, 7, 4])
    target = {"units": torch.tensor([[1, 2, 2], [3, 0, 0], [0, 0, 0]]), "length": torch.tensor([3, 1, 0])}
    mean, count = ctc.losses(raw, lengths, target, None, 0)
    assert count == 5  # silence counts as a letter
    # All is said by the blank: minus its log-probabilities.
    sure = torch.log_softmax(raw, 2)
    assert float(ctc.losses(raw, lengths, target, torch.tensor([0.0, 0.0, 1.0]), 0)[0]) == pytest.approx(
        -float(sure[2, :4, 0].sum()), abs=1e-4
    )
    each = [ctc.losses(raw, lengths, target, torch.eye(3)[i], 0) for i in range(3)]
    assert float(mean) * count == pytest.approx(sum(float(m) * c for m, c in each), abs=1e-3)
    # What stands after a row's end says nothing.
    raw[1, 7:] = 100.0
    assert float(ctc.losses(raw, lengths, target, None, 0)[0]) == pytest.approx(float(mean), abs=1e-5)


def test_steps_needed_are_enough_and_no_fewer():
    for units in ([1, 2], [1, 1], [2, 2, 2], [1, 2, 2, 1], []):
        need = ctc.steps_needed(torch.tensor(units, dtype=torch.int64))
        some = [p for t in (need - 1, need) if t >= 0 for p in itertools.product(range(3), repeat=t)]
        lengths = {len(p) for p in some if collapsed(p) == tuple(units)}
        assert lengths == {need}


def test_letters_of_transcripts_and_back():
    letters = Letters.of_texts(["ab a", "ñ"])
    assert letters.letters == ("", " ", "a", "b", "ñ")
    assert letters.spelled(letters.fitting("ab ñ", "y[0]")) == "ab ñ"
    with pytest.raises(DataError, match=r"y\[3\], 'xyz', has the letter 'x'"):
        letters.fitting("xyz", "fit: y[3]")


def test_a_checkpoints_letters_stand_for_both_cases():
    tokens = {"<pad>": 0, "<s>": 1, "|": 2, "A": 3, "B": 4, "<unk>": 5}
    letters = Letters.of_vocabulary(tokens, 0, 6, "fit")
    assert letters.fitting("a B", "y") == [3, 2, 4]
    assert letters.spelled([3, 2, 4, 1]) == "A B"
    with pytest.raises(NotSupportedError, match="6 outputs"):
        Letters.of_vocabulary({"A": 6}, 0, 6, "fit")


def test_pieces_end_at_pauses_between_words():
    letters = Letters.of_texts(["ab c"])
    units = letters.fitting("ab c", "y")
    assert letters.pieces(list(zip(units, [0, 1, 2, 3], strict=True)), 0.1) == [(0, 4, "ab c")]
    assert letters.pieces(list(zip(units, [0, 1, 2, 30], strict=True)), 0.1) == [(0, 2, "ab"), (30, 31, "c")]
    assert letters.pieces([], 0.1) == []


def test_what_is_hidden_follows_the_generator_and_stays_within_a_recording():
    values, lengths = torch.ones(4, 100, 30), torch.tensor([100, 50, 10, 1])
    found = ctc.masked(values, lengths, torch.Generator().manual_seed(3))
    assert torch.equal(found, ctc.masked(values, lengths, torch.Generator().manual_seed(3)))
    assert bool((found == 0).any())
    hidden = (found == 0).float().mean((1, 2))
    assert float(hidden.max()) < 0.6
    whole_steps = (found == 0).all(2)
    assert not bool(whole_steps[1, 50:].any())
    assert bool((values == 1).all())
