"""What a network reads: one file per modality. The contract is in ``_preparation.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from punar.core.lazy import lazily

if TYPE_CHECKING:
    from punar.preparations._preparation import Batch as Batch
    from punar.preparations._preparation import Preparation as Preparation
    from punar.preparations._preparation import naming as naming
    from punar.preparations._preparation import prepare_all as prepare_all
    from punar.preparations._sample import Sample as Sample
    from punar.preparations._vocabulary import vocabulary_size as vocabulary_size

_HOME = {
    "Batch": "_preparation",
    "Preparation": "_preparation",
    "Sample": "_sample",
    "naming": "_preparation",
    "prepare_all": "_preparation",
    "vocabulary_size": "_vocabulary",
}
__all__ = sorted(_HOME)
__getattr__ = lazily(__name__, _HOME)
