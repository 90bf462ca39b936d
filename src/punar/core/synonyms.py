"""What a word from courses and other libraries is called here, for messages, and for what is only asked about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from punar.errors import shown
from punar.texts import synonyms as texts


def advice(folder: str, word: object) -> str:
    """Return a sentence that says what a word stands for among the parts of a folder, or an empty string.

    >>> advice("objectives", "VAE")
    " 'VAE' is called 'variational' here."
    >>> advice("objectives", "variable")
    ''
    """
    if not isinstance(word, str):
        return ""
    plain, given = folded(word), shown(word, 40)
    if folder in ("tasks", "backbones") and (undone := undone_task(word)):
        return texts.NEAREST.format(
            task=undone, instead=f" {nearest}" if (nearest := texts.INSTEAD.get(undone)) else ""
        )
    if found := texts.ELSEWHERE.get(folder, {}).get(plain):
        return texts.OTHER_PLACE.format(word=given, what=found[0], call=found[1])
    if instead := texts.ABSENT.get(folder, {}).get(plain):
        return texts.NO_SUCH.format(word=given, instead=instead)
    name = named(texts.NAMES.get(folder, {}), plain)
    return texts.CALLED.format(word=given, name=name) if name and name != word else ""


def undone_task(word: str) -> str | None:
    """Return the name of a task that punar does not do, where the word stands for one."""
    return named(texts.UNDONE, folded(word))


def domain(word: str) -> str:
    """Return "vision", "text" or "audio" where the word stands for it, else the word."""
    return named(texts.DOMAINS, folded(word)) or word


def use(word: str) -> str:
    """Return the catalogue's word for a use of networks, or the word itself."""
    return named(texts.USES, folded(word)) or word


def folded(word: str) -> str:
    """Return a word in small letters, with one space for every hyphen, underscore and space.

    >>> folded(" Denoising-AutoEncoder")
    'denoising autoencoder'
    """
    return " ".join(word.lower().replace("_", " ").replace("-", " ").split())


def named(names: Mapping[str, Iterable[str]], plain: str) -> str | None:
    """Return the name for which a folded word stands: itself or one of its words."""
    for name, words in names.items():
        if plain == folded(name) or plain in map(folded, words):
            return name
    return None
