"""What the page of ``punar gates`` shows of one sequence, as a plain dict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from punar.errors import NotSupportedError, ParameterError
from punar.estimators.sequence_model import SequenceModel
from punar.inspection._opened import open_model
from punar.inspection.gates import gates
from punar.inspection.gradient_flow import gradient_flow
from punar.texts import inspection as texts

Parts = dict[str, np.ndarray]

_GATES = ("input", "forget", "output", "reset", "update")
_FRAME = 0.01  # seconds from one spectrum of a recording to the next

# Which share of a unit's content lives on to the next step, by cell: the gate by which units are sorted, and the rule.
_KEPT: dict[str, tuple[str, Callable[[Parts], np.ndarray]]] = {
    "Lstm": ("forget", lambda parts: parts["forget"]),
    "Gru": ("update", lambda parts: parts["update"]),
    "MinGru": ("update", lambda parts: 1 - parts["update"]),
    "MinLstm": ("forget", lambda parts: parts["forget"]),
}


def gate_facts(model: Any, items: Any, index: int, *, name: str | None = None, y: Any = None) -> dict[str, Any]:
    """Return what is to be seen of one sequence.

    Parameters
    ----------
    model : SequenceModel or Autoencoder
        Fitted, with a recurrent network.
    items : list or ndarray
        Sequences as the model takes them.
    index : int
        Which of them.
    name : str, optional
        How to call it; by default its number.
    y : sequence, optional
        Targets of the items, for the gradient.

    Returns
    -------
    dict
        ``cell``; ``item`` with ``name``, ``steps``, ``labels``, ``unknown``, ``seconds``, ``inputs`` and ``answer``;
        ``layers``, each with ``number``, ``reverse``, ``parts``, ``order``, ``kept_by`` and ``half_lives``; ``flow``
        with ``lines`` and ``ratios``, both empty
        where the task's loss cannot be taken from the states; ``target``, a key of
        :data:`punar.texts.inspection.FLOW_TARGETS`;
        ``doubt``, a sentence where the model did not learn, or None.

    Raises
    ------
    ParameterError
        There is no such item.
    """
    if not 0 <= index < len(items):
        raise ParameterError(f"item must be from 0 to {len(items) - 1}, got {index}: there are {len(items)} sequences.")
    one = items[index : index + 1]
    found = {part: values[0] for part, values in gates(model, one).items()}
    given = None if y is None else [y[index]]
    item = {"name": str(index) if name is None else name, "steps": len(next(iter(found.values())))}
    return {
        "cell": type(_cell(model)).__name__,
        "item": item | _of_input(model, one) | {"answer": _answer(model, one)},
        "layers": layers(found, type(_cell(model)).__name__),
        "flow": _flow(model, one, given),
        "target": _target(model, given),
        "doubt": doubt(model),
    }


def _flow(model: Any, one: Any, given: Any) -> dict[str, Any]:
    """Return the norms of the gradient and their ratios; none where the loss cannot be taken from the states."""
    try:
        measured = gradient_flow(model, one, given)
    except NotSupportedError:
        return {"lines": {}, "ratios": {}}
    return {
        "lines": {layer: norms[0].tolist() for layer, norms in measured.by_item.items()},
        "ratios": {layer: ratio if np.isfinite(ratio) else None for layer, ratio in measured.ratios.items()},
    }


def doubt(model: Any) -> str | None:
    """Return what a page about a model that may have learned nothing says first; None where it learned."""
    report = model.fit_report_
    words = {False: texts.DID_NOT_LEARN, None: texts.CANNOT_TELL}.get(report.get("learned"))
    return None if words is None else words.format(verdict=report["verdict"])


def layers(found: Parts, cell: str) -> list[dict[str, Any]]:
    """Return the layers and directions in order, each with its gates, candidates and states.

    Parameters
    ----------
    found : dict of str to ndarray of shape (steps, units)
        As :func:`punar.gates` names them.
    cell : str
        The name of the cell's class.
    """
    sets: dict[tuple[int, bool], Parts] = {}
    for key, values in found.items():
        base, reverse = key.removesuffix("_reverse"), key.endswith("_reverse")
        name, _, number = base.partition("_l")
        sets.setdefault((int(number or 0), reverse), {})[name] = values
    return [_layer(number, reverse, parts, cell) for (number, reverse), parts in sorted(sets.items())]


def _layer(number: int, reverse: bool, parts: Parts, cell: str) -> dict[str, Any]:
    name, rule = _KEPT.get(cell, (None, None))
    order, lives = list(range(next(iter(parts.values())).shape[1])), None
    if name is not None and rule is not None:
        kept = rule(parts).astype(np.float64).mean(0)
        order = np.argsort(-kept, kind="stable").tolist()
        with np.errstate(divide="ignore"):
            each = np.log(0.5) / np.log(np.clip(kept, 1e-12, 1 - 1e-12))
        lives = np.quantile(each, [0.1, 0.5, 0.9]).tolist()
    shown = [{"name": n, "gate": n in _GATES, "values": v.round(5).tolist()} for n, v in parts.items()]
    # Gates first: they are what one looks for.
    shown.sort(key=lambda part: not part["gate"])
    return {
        "number": number,
        "reverse": reverse,
        "parts": shown,
        "order": order,
        "kept_by": name,
        "half_lives": lives,
    }


def _cell(model: Any) -> Any:
    return model.cell_ if isinstance(model, SequenceModel) else model.network_.cell


def _of_input(model: Any, one: Any) -> dict[str, Any]:
    """Return what was read: labels of tokens, or numbers by step as the network sees them."""
    nothing = {"labels": None, "unknown": False, "seconds": None, "inputs": None}
    if not isinstance(model, SequenceModel):
        opened = open_model(model, one, "gates")
        values = opened.take(torch.tensor([0]))[0].nan_to_num().cpu().numpy()
        return nothing | {"inputs": {"names": [], "values": values.round(4).tolist()}}
    preparation: Any = model.preparation_
    item = preparation.check(one, "gates")[0]
    if preparation.domain == "text":
        pieces = preparation.pieces(item)
        words = [word if known else texts.UNKNOWN.format(word=word) for word, known in pieces]
        unknown = not all(known for _, known in pieces)
        return nothing | {"labels": [word or texts.NO_WORD for word in words], "unknown": unknown}
    values = preparation.prepare(item).numpy()
    if preparation.domain == "audio":
        return nothing | {"seconds": _FRAME, "inputs": {"names": [], "values": values.round(4).tolist()}}
    values = values[:, : preparation.channels]
    return nothing | {"inputs": {"names": list(preparation.names), "values": values.round(4).tolist()}}


def _answer(model: Any, one: Any) -> str | None:
    if not isinstance(model, SequenceModel):
        return texts.ERROR.format(value=float(model.reconstruction_error(one)[0]))
    if not model.fitted_.task.takes_targets:
        return None
    answer = np.asarray(model.predict(one))[0]
    if hasattr(model, "classes_") and np.ndim(answer) == 0:
        return texts.CLASS.format(name=answer, share=float(model.predict_proba(one)[0].max()))
    values = np.atleast_1d(answer)
    # A tagger's are labels, one for each word or step.
    return texts.NUMBERS.format(values=", ".join(str(v) if values.dtype.kind in "UO" else f"{v:.4g}" for v in values))


def _target(model: Any, given: Any) -> str:
    if not isinstance(model, SequenceModel):
        return "input"
    if given is not None:
        return "given"
    if not model.fitted_.task.takes_targets:
        return "linear"
    return "mean" if model.fitted_.task.estimator_type == "regressor" else "own"
