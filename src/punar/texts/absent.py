"""What is asked for by a well-known name and is not here: what it is, and what of punar comes nearest."""

from __future__ import annotations

_DOES_NOT = "punar does not do {what} yet. {instead}"
_FEATURES = "punar.FeatureExtractor (or the command punar transform) gives a pretrained network's features of them."
_CAPTION = "It classifies pictures and texts; writing sentences needs another library, such as transformers."
_WORDS = "task='tagging' gives a label to each word; task='classification' one to each text."

# By words of the name, without spaces and signs.
_TASKS: dict[str, tuple[str, str]] = {
    "detection": ("object detection", "task='classification' says what a picture shows, not where. " + _FEATURES),
    "objectdetection": ("object detection", "task='classification' says what a picture shows, not where. " + _FEATURES),
    "segmentation": ("segmentation", "task='classification' gives one label to each picture. " + _FEATURES),
    "semanticsegmentation": ("segmentation", "task='classification' gives one label to each picture. " + _FEATURES),
    "instancesegmentation": ("segmentation", "task='classification' gives one label to each picture. " + _FEATURES),
    "questionanswering": ("question answering", _WORDS),
    "qa": ("question answering", _WORDS),
    "translation": ("translation", _CAPTION),
    "summarization": ("summarization", _CAPTION),
    "summarisation": ("summarization", _CAPTION),
    "generation": ("text generation", _CAPTION),
    "textgeneration": ("text generation", _CAPTION),
    "languagemodeling": ("language modelling", _CAPTION),
    "languagemodelling": ("language modelling", _CAPTION),
    "maskedlanguagemodeling": ("masked language modelling", _CAPTION),
    "captioning": ("captions of pictures", _CAPTION),
    "imagecaptioning": ("captions of pictures", _CAPTION),
    "speechrecognition": ("speech recognition", "task='classification' tells recordings apart, such as spoken words."),
    "asr": ("speech recognition", "task='classification' tells recordings apart, such as spoken words."),
    "transcription": ("speech recognition", "task='classification' tells recordings apart, such as spoken words."),
    "clustering": ("clustering", "Give the codes of punar.Autoencoder, or features, to sklearn.cluster.KMeans."),
    "ranking": ("ranking", "task='regression' gives a number to each item, by which to sort."),
    "zeroshot": ("zero-shot classification", "task='classification' learns from a few labelled items of each class."),
    "reinforcementlearning": ("reinforcement learning", "It learns from data that are there, not from trials."),
    "imputation": (
        "imputation as a task",
        "punar.Autoencoder(network='lstm', missing='mask').reconstruct(X) fills the gaps of series.",
    ),
    "anomalydetection": (
        "anomaly detection as a task",
        "punar.Autoencoder().fit(normal).reconstruction_error(X) gives an anomaly score: the larger, the stranger.",
    ),
    "denoising": ("denoising as a task", "It is an objective: punar.Autoencoder('denoising')."),
    "reconstruction": ("reconstruction as a task", "It is what punar.Autoencoder learns."),
    "dimensionalityreduction": ("dimensionality reduction as a task", "punar.Autoencoder(latent_dim=2) reduces rows."),
}


def task(name: object) -> str | None:
    """Return the sentence about a task that is not here; None where the name means nothing known.

    >>> task("Object Detection").startswith("punar does not do object detection yet.")
    True
    >>> task("regresion") is None
    True
    """
    if not isinstance(name, str):
        return None
    known = _TASKS.get("".join(c for c in name.lower() if c.isalnum()))
    return None if known is None else _DOES_NOT.format(what=known[0], instead=known[1])
