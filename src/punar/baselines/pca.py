"""Principal components: the best linear code of a size."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA

from punar.core.shared import one_blas_thread


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
    with one_blas_thread():
        pca = PCA(components, iterated_power=4, random_state=0).fit(train)
        found: np.ndarray = pca.inverse_transform(pca.transform(rows))
    return found
