"""Principal components: the best linear code of a size."""

from __future__ import annotations

import functools

import numpy as np
from sklearn.decomposition import PCA
from threadpoolctl import ThreadpoolController


def pca_reconstruction(train: np.ndarray, rows: np.ndarray, components: int) -> np.ndarray:
    """Return ``rows`` as PCA, fitted on ``train``, reconstructs them.

    Parameters
    ----------
    train : ndarray of shape (r, features)
    rows : ndarray of shape (m, features)
    components : int
        At most min(r, features).

    Returns
    -------
    ndarray of shape (m, features)
    """
    # One thread: on so few rows a second one gains nothing, and waits for its turn where cores are taken.
    with _blas().limit(limits=1, user_api="blas"):
        pca = PCA(components, iterated_power=4, random_state=0).fit(train)
        found: np.ndarray = pca.inverse_transform(pca.transform(rows))
    return found


@functools.cache
def _blas() -> ThreadpoolController:
    """Return the controller of the BLAS libraries, found once: the search takes longer than the PCA."""
    return ThreadpoolController()
