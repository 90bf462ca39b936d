"""The nearest training text: what it was translated by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

_BLOCK = 500  # rows of distances in memory
_LONGEST = 4


def nearest_text(known: Sequence[str], asked: Sequence[str]) -> np.ndarray:
    """Return which known text each other one is nearest to, by the tf-idf of 1 to 4 letters within words.

    Parameters
    ----------
    known, asked : sequence of str

    Returns
    -------
    ndarray of int64, shape (asked,)
        Of equally near ones the first.

    Examples
    --------
    >>> nearest_text(["one two", "three four"], ["three five"])
    array([1])
    """
    if not any(text.strip() for text in known):
        return np.zeros(len(asked), dtype=np.int64)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, _LONGEST), sublinear_tf=True)
    table = letters.fit_transform(known).T.tocsc()
    rows = letters.transform(asked)
    found = [(rows[at : at + _BLOCK] @ table).toarray().argmax(1) for at in range(0, len(asked), _BLOCK)]
    return np.concatenate(found).astype(np.int64)
