"""What a network reads: one file per modality. The contract is in ``_preparation.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from punar.core.lazy import lazily

if TYPE_CHECKING:
    from punar.preparations._augment import AUGMENTATIONS as AUGMENTATIONS
    from punar.preparations._augment import Augmented as Augmented
    from punar.preparations._augment import Variant as Variant
    from punar.preparations._augment import augment as augment
    from punar.preparations._facts import of_facts as of_facts
    from punar.preparations._pieces import learn_pieces as learn_pieces
    from punar.preparations._preparation import Batch as Batch
    from punar.preparations._preparation import Preparation as Preparation
    from punar.preparations._preparation import naming as naming
    from punar.preparations._preparation import prepare_all as prepare_all
    from punar.preparations._sample import Sample as Sample
    from punar.preparations._samples import SampleOf as SampleOf
    from punar.preparations._spectrum import decibels as decibels
    from punar.preparations._unknown import say_unknown as say_unknown
    from punar.preparations._unknown import unknown_tokens as unknown_tokens
    from punar.preparations._unread import say_unread as say_unread
    from punar.preparations._vocabulary import as_texts as as_texts
    from punar.preparations._vocabulary import learn_vocabulary as learn_vocabulary
    from punar.preparations._vocabulary import vocabulary_size as vocabulary_size

_HOME = {
    "AUGMENTATIONS": "_augment",
    "Augmented": "_augment",
    "Batch": "_preparation",
    "Preparation": "_preparation",
    "Sample": "_sample",
    "SampleOf": "_samples",
    "Variant": "_augment",
    "as_texts": "_vocabulary",
    "augment": "_augment",
    "decibels": "_spectrum",
    "learn_pieces": "_pieces",
    "learn_vocabulary": "_vocabulary",
    "naming": "_preparation",
    "of_facts": "_facts",
    "prepare_all": "_preparation",
    "say_unknown": "_unknown",
    "say_unread": "_unread",
    "unknown_tokens": "_unknown",
    "vocabulary_size": "_vocabulary",
}
__all__ = sorted(_HOME)
__getattr__ = lazily(__name__, _HOME)
