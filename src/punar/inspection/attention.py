"""``punar.attention``: where a decoder looked for each token that it wrote."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from punar.core.words import snake
from punar.errors import DataError, NotSupportedError, ParameterTypeError, shown
from punar.estimators.sequence_model import SequenceModel
from punar.estimators.transfer_learner import TransferLearner
from punar.models.recurrent import answer as recurrent
from punar.models.structured import answer as structured


class Attention(NamedTuple):
    """What was written for one text, and where the decoder looked meanwhile.

    Attributes
    ----------
    text : str
        As ``predict`` gives it.
    written, read : tuple of str
        Tokens: letters, or pieces of words, in which "▁" is a space. The last one written is "∎", the end, unless the
        text was cut off.
    weights : ndarray of float32, shape (written, read)
        How much each token that was written looked at each that was read; rows add up to 1.
    """

    text: str
    written: tuple[str, ...]
    read: tuple[str, ...]
    weights: np.ndarray


def attention(model: Any, X: Any) -> list[Attention]:
    """Return the attention of a translator's decoder for each text.

    Parameters
    ----------
    model : SequenceModel or TransferLearner
        Fitted with ``task="translation"``; its decoder is the recurrent one with attention (Bahdanau, Cho and Bengio,
        2015).
    X : list of str

    Returns
    -------
    list of Attention

    Raises
    ------
    punar.errors.ParameterTypeError
        ``model`` is no such estimator.
    punar.errors.NotFittedError
        It has not been fitted.
    punar.errors.NotSupportedError
        It does not write, or a pretrained network's own decoder does.
    punar.errors.DataError
        ``X`` is not what the model takes, or a text is so long that its map would be too large.

    Examples
    --------
    >>> import punar
    >>> words = ["one", "two", "three", "four", "five"] * 8
    >>> model = punar.SequenceModel(task="translation", epochs=1, random_state=0).fit(words, [w[::-1] for w in words])
    >>> seen = punar.attention(model, ["two"])[0]
    >>> seen.read, seen.weights.shape == (len(seen.written), 4)
    (('▁', 't', 'w', 'o'), True)
    """
    if not isinstance(model, (SequenceModel, TransferLearner)):
        raise ParameterTypeError(
            f"attention: model must be a SequenceModel or a TransferLearner for translation, got {shown(model)}."
        )
    fitted: Any = model._known()
    if not fitted.task.writes:
        raise NotSupportedError(
            f"attention: this model is for task={snake(type(fitted.task).__name__)!r}, which writes no text token by "
            "token. It is for task='translation'; punar.gates shows what a SequenceModel keeps."
        )
    answers = recurrent.answers if isinstance(model, SequenceModel) else structured.answers
    found, items = answers(model, fitted, X, "attention")
    return [_one(model, item, own, i) for i, (item, own) in enumerate(zip(items, found, strict=True))]


def _one(model: Any, item: str, answer: Any, index: int) -> Attention:
    if not model.fitted_.task.outputs:
        raise NotSupportedError(
            "attention: a pretrained network's own decoder writes here, whose many layers and heads each look "
            "elsewhere. It is for decoders that punar gives: of recurrent networks, and of encoders such as BERT."
        )
    if answer.attention is None:
        raise DataError(f"attention: X[{index}] is too long for a map: {shown(item)}. Pass a part of it.")
    weights = answer.attention.astype(np.float32)
    read = tuple(_tokens(model.preparation_.tokenizer, item))
    return Attention(answer.text, answer.tokens, read[: weights.shape[1]], weights[:, : len(read)])


def _tokens(tokenizer: str, text: str) -> list[str]:
    """Return the names of a text's tokens, in which a space is seen."""
    from tokenizers import Tokenizer  # it is here: the model reads with it

    found: list[str] = Tokenizer.from_str(tokenizer).encode(text).tokens
    return found
