"""From the names of labels to a model that answers, by what the backbone is.

Sentence encoders give texts and labels features that are compared; entailment models judge a sentence about the text
for each label; networks of two towers, as CLIP, compare a picture's features with those of the labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from punar.backbones import Body, build, freeze, resolve
from punar.core.runtime import as_usual, draw_seed, pick_device
from punar.errors import DataError, NotSupportedError, ParameterError
from punar.features import frozen
from punar.features.frozen import BATCH_SIZE
from punar.models.division import Wanted
from punar.models.measure import Measured
from punar.models.transfer.fit import Fitted
from punar.models.transfer.module import Transfer
from punar.models.zero_shot import pairs
from punar.models.zero_shot.answer import answers
from punar.models.zero_shot.heads import SENTENCE_SCALE, Cosine, Entailment, classes_of_entailment
from punar.models.zero_shot.prompts import Prompts, names_in, refuse_alike, templates_of, wordings_of
from punar.preparations.sentences import Sentences
from punar.tasks import Task
from punar.texts import fit as texts
from punar.training.report import HELD_OUT, FitReport

_ALIKE = 1 - 1e-6  # a cosine
SENTENCES, ENTAILMENT, TOWERS = "sentences", "entailment", "towers"
TEMPLATES = {
    SENTENCES: "This text is about {}.",
    ENTAILMENT: "This example is {}.",
    TOWERS: "This is a photo of {}.",
}


def fit(estimator: Any, task: Task, X: Any, y: Any, sample_weight: Any, checkpoint: Any, wanted: Wanted) -> Fitted:
    """Return a model of the labels that ``y`` names; with ``X`` the rows that it is measured on.

    Parameters
    ----------
    estimator : TransferLearner
        Checked.
    task : Task
        A clone.
    X : sequence or None
    y : labels, or with ``X`` a label for each item
    sample_weight, checkpoint : None
        Nothing is trained.
    wanted : Wanted
        Rows to measure on where ``X`` is None.

    Raises
    ------
    ParameterError, DataError, DataTypeError
        Labels or templates are none.
    NotSupportedError
        The task needs examples, or the backbone knows nothing of words.
    """
    where = f"{type(estimator).__name__}.fit"
    if X is not None and wanted.given:
        raise ParameterError(f"{where}: zero_shot is measured on X and y, or on validation_data=. Pass one of them.")
    if X is None and wanted.groups is not None:
        raise ParameterError(f"{where}: groups= says which of X belong together, and X is None. Leave it out.")
    wordings = wordings_of(y if X is None else names_in(y, where), where)
    task.from_names(sorted(wordings))
    recipe = resolve(estimator.backbone, estimator.weights, type(estimator).__name__)
    seed = draw_seed(estimator.random_state)
    way = way_of(recipe.describe(), type(estimator).__name__)
    prompts = Prompts.of(wordings, templates_of(estimator.templates, TEMPLATES[way], type(estimator).__name__))
    device = pick_device(estimator.device)
    body = build(recipe, seed=seed, form="native" if way == ENTAILMENT else "vector")
    freeze(body.module)
    body.module.to(device)
    if way == ENTAILMENT:
        head: nn.Module = _entailment(body, prompts, task, where)
    elif way == SENTENCES:
        _refuse_several(task, where)
        head = Cosine.of(prompts, _embedded(body, prompts, device, where), SENTENCE_SCALE)
    else:
        head = _towers(build(recipe, seed=seed, form="native"), prompts, task, where)
    if isinstance(head, Cosine):
        _refuse_alike(head, where)
    view = body.plan.view(task.form(body.plan))
    module = Transfer(body.module, head, body.plan, view, frozenset(), batch_norm=False).eval()
    module.requires_grad_(False)
    fitted = Fitted(body, module, task, [], _without_rows(task), seed, {}, {})
    rows = (X, y) if X is not None else (wanted.X, wanted.y) if wanted.given else None
    if rows is not None:
        fitted.report.update(_measured(estimator, fitted, *rows, wanted, where if X is not None else wanted.at))
    return fitted


def way_of(about: Mapping[str, Any], owner: str) -> str:
    """Return how a backbone tells labels from their names, by what its ``describe`` found.

    Raises
    ------
    NotSupportedError
        It knows nothing of words.
    """
    native = about.get("native") or {}
    if about.get("towers"):
        return TOWERS
    classifies = str(native.get("class", "")).endswith("ForSequenceClassification")
    if classifies and classes_of_entailment(native.get("id2label")):
        return ENTAILMENT
    domain = about.get("domain") or about["input"].get("domain")
    if domain == "text":
        return SENTENCES
    what = {"vision": "pictures", "audio": "recordings"}.get(str(domain), str(domain))
    raise NotSupportedError(
        f"{owner}: strategy='zero_shot' needs a network that reads the labels' names, and this backbone reads {what} "
        "alone. For pictures take a folder of CLIP's or SigLIP's kind; for texts a sentence encoder ('minilm') or an "
        "entailment model. Or learn from a few labelled items: strategy='feature_extraction'."
    )


def _embedded(body: Body, prompts: Prompts, device: torch.device, where: str) -> torch.Tensor:
    preparation = body.plan.preparation
    _refuse_long(preparation, prompts, where)
    view = frozen.of_view(body.plan.view("vector"))
    sentences = preparation.check(prompts.flat, where)
    return frozen.extract(body, view, {"stage": None}, items=sentences, device=device, cache=None, where=where).tensor()


def _entailment(body: Body, prompts: Prompts, task: Task, where: str) -> Entailment:
    found = classes_of_entailment(body.about["native"]["id2label"])
    assert found is not None
    preparation: Any = body.plan.preparation
    pairs.beside(preparation, prompts, where)
    return Entailment(prompts, *found, independent=task.multi_output)


def _towers(both: Body, prompts: Prompts, task: Task, where: str) -> Cosine:
    """Return the head that the tower of texts makes of the labels; the tower itself is not needed any more."""
    module: Any = both.module
    bias = getattr(module, "logit_bias", None)
    if bias is None:  # with a bias each label was trained to be judged by itself
        _refuse_several(task, where)
    words = Sentences.from_facts(both.about["words"])
    _refuse_long(words, prompts, where)
    prepared = [words.prepare(sentence) for sentence in prompts.flat]
    some = [prepared[i : i + BATCH_SIZE["text"]] for i in range(0, len(prepared), BATCH_SIZE["text"])]
    compute = both.plan.view("native").compute
    with as_usual(), torch.no_grad():
        embedded = torch.cat([compute(module, words.collate(each, 0)) for each in some])
        scale = module.logit_scale.exp().item()
    return Cosine.of(prompts, embedded, scale, 0.0 if bias is None else bias.item())


def _refuse_several(task: Task, where: str) -> None:
    if task.multi_output:
        raise NotSupportedError(
            f"{where}: this backbone compares labels with each other and cannot say of each by itself whether it fits. "
            "For several labels per item take an entailment model or SigLIP, or learn from labelled items: "
            "strategy='feature_extraction'."
        )


def _refuse_alike(head: Cosine, where: str) -> None:
    """Raise where the network makes the same of two labels: their letters are unknown to it, say, or differ in case."""
    alike = torch.nonzero((head.weight @ head.weight.T).triu(1) > _ALIKE).tolist()
    if alike:
        refuse_alike({head.prompts.names[i]: True for i in alike[0]}, where)


def _refuse_long(preparation: Any, prompts: Prompts, where: str) -> None:
    for sentence in prompts.flat:
        if preparation.cuts(sentence):
            raise DataError(
                f"{where}: {sentence[:60]!r}... has more tokens than the network reads "
                f"({preparation.max_length}). Take a shorter name or template."
            )


def _measured(estimator: Any, fitted: Fitted, X: Any, y: Any, wanted: Wanted, where: str) -> FitReport:
    """Return how right the answers are for rows that were given, beside the best constant answer."""
    task, preparation = fitted.task, fitted.body.plan.preparation
    found, items = answers(estimator, fitted, X, "fit")
    targets = task.encode(preparation.targets(X, y, where), where, items)
    if len(targets) != len(items):
        raise DataError(
            f"{where}: Found input variables with inconsistent numbers of samples: X has {len(items)}, "
            f"y {len(targets)}."
        )
    every = torch.arange(len(items))
    measured = Measured(found, [(every[:0], every)], HELD_OUT, groups=wanted.numbered(len(items)))
    report = measured.report(task, targets)
    report["verdict"] += texts.ZERO_SHOT
    return report


def _without_rows(task: Task) -> FitReport:
    return FitReport(
        metric=task.metric,
        model=None,
        constant=None,
        rows=0,
        rows_from=HELD_OUT,
        learned=None,
        p_value=None,
        effect=None,
        rows_wanted=None,
        verdict=texts.ZERO_SHOT_UNMEASURED,
    )
