"""Reconstructions from random codes: what a code of a size gives before anything is learned."""

from __future__ import annotations

import numpy as np

_PENALTY = 1.0  # on squares summed over training rows, of codes with about the data's variance


def random_reconstructions(
    train: np.ndarray, rows: np.ndarray, mean: np.ndarray, width: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows as two random codes reconstruct them: an orthonormal one by its transpose, and by a ridge decoder.

    Parameters
    ----------
    train : ndarray of shape (r, features)
        Of which the decoder learns.
    rows : ndarray of shape (m, features)
    mean : ndarray of shape (features,)
        Subtracted first.
    width : int
        Of the code, less than the number of features.
    seed : int

    Returns
    -------
    transposed, decoded : ndarray of shape (m, features)
    """
    generator = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(generator.standard_normal((train.shape[1], width)))
    known, asked = (train - mean) @ basis, (rows - mean) @ basis
    decoder = np.linalg.solve(known.T @ known + _PENALTY * np.eye(width), known.T @ (train - mean))
    return asked @ basis.T + mean, asked @ decoder + mean
