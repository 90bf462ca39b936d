"""What a preparation makes of an item: tensors for the network, and the way back to the user's coordinates."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Sample:
    """One prepared piece of an item; most items give one, a long text several.

    Attributes
    ----------
    tensor : Tensor
        What :meth:`Preparation.prepare` gives: uint8 (c, h, w), int64 token ids (t,), float32 steps (t, d), ...
    trace : Tensor or None
        From the network's coordinates back to the user's. Of texts and series int64 (t, 4), for each token or step:

        0. the number of the word or step in the item; -1 where there is none, as for special tokens;
        1. where it begins: of a text, the first character of the whole word; of a list of words, the first
           character of this piece in its word; of a series, the step;
        2. where it ends, one past the last;
        3. 1 where this sample answers for it: each word belongs to its first piece in one sample.

        Of pictures float64 (2, 3), which maps (x, y, 1) of the prepared picture to pixels of the original; of those
        seen whole or in tiles (3, 3), whose last row holds the original's height and width and the number of samples.
        Of recordings float64 (1,), seconds per sample or frame.
    """

    tensor: Tensor
    trace: Tensor | None = None
