"""What ``punar report`` says."""

from __future__ import annotations

REPORT_HELP = """Write a page with a model's answers for DATA, the worst first.

The score stands beside chance, and, where the task has them, beside figures of each class. Then come the items that
were answered worst: masks over their pictures, boxes, answers marked in their contexts, texts side by side, words that
were hidden; of classes and amounts what is right and what was found. DATA needs targets, as for fit.
"""
REPORT_EXAMPLES = """\b
Examples:
  punar report streets-model streets/test.txt --out report.html
  punar report answers-model test.json --out report.html --worst 30
  punar report photos-model photos/ --out report.html
"""
OUT = "The .html file to write."
WORST = "How many items to show."
NEEDS_TARGETS = "{data}: there is nothing to compare the answers with; {advice}. Without targets: punar predict."
ADVICE = "labels that the model knows are needed"
ADVICE_COLUMN = "name the column of the labels: --target COLUMN"
ADVICE_FOLDER = "put the files into one subfolder per class, or name a table of files with --target COLUMN"
NO_FORECASTS = "{model} forecasts, and a report shows answers for items; punar compare {data} --horizon N measures it."
WRITTEN = "{n:,} of {total:,} items, worst first"
FIGURES = "{metric}: {score:.4f}{interval}; chance: {chance:.4f}"
FIGURES_INTERVAL = " (95 %: {low:.4f} to {high:.4f})"

TITLE = "{model} on {data}"
LEAD = "{task}, {n:,} items. {metric}: {score}{interval}; the best constant answer reaches {chance}"
INTERVAL = " (between {low} and {high} with 95 % confidence)"
HEAD_FIGURES, HEAD_CLASSES, HEAD_WORST = "Figures", "By class", "Worst answers"
ROW_MODEL, ROW_CHANCE = "this model", "chance"
AT_FIT = "What the fit said of itself: {verdict}"
NOT_THERE = "not in the data"
NO_SCORE = "nothing to measure"
ITEM_SCORE = "{metric} of this item: {score}"
MADE = "Made by punar {punar} with torch {torch}, Python {python}."

PICTURE, TRUTH, FOUND, GIVEN = "picture", "right", "found", "given"
NOTHING = "(nothing)"
ALT_PICTURE = "the picture {name}"
ALT_MASK = "mask of {name} with {classes}"
ALT_BOXES = "{head}: boxes in {name}: {boxes}"
ALT_ATTENTION = "Where the network looked while it wrote each word"
WRONG_PIXELS = "{share:.1%} of the pixels are wrong. Grey: not known."
MORE_BOXES = "Not drawn: {n:,} with a score below 0.3, or beyond the first sixty."
MORE_TRUTHS = "Other right answers: {n}; the nearest is shown."
NO_TRUTH = "Right: the context has no answer."
NO_FOUND = "Found: no answer."
CAPTION_ATTENTION = (
    "A row for each word that was written, a column for each that was read; the brighter, the more was looked at it."
)

_CAPTIONS = {
    "masks": "Masks over their pictures, pictures with the least score first.",
    "boxes": "Boxes that are right, and boxes that were found with their scores from 0.3 up.",
    "span": "Underlined: right. Shaded: found. Contexts that are long are shown around the answers.",
    "texts": "Words, or of one word letters, that the other text lacks are marked.",
    "blanks": "Hidden words: struck out what stood there, behind it what was found, and how likely it was held to be.",
    "plain": "Items whose answers are farthest from what is right.",
}
_FIGURES = {
    "map_50_95": "mAP at IoU 0.5 to 0.95",
    "iou_per_class": "IoU",
    "per_class": "score",
    "exact_match": "exact match",
    "bleu": "BLEU",
    "character_error_rate": "character error rate",
    "word_error_rate": "word error rate",
    "perplexity": "perplexity",
}


def caption(form: str) -> str:
    """Return what the drawings of a form show."""
    return _CAPTIONS.get(form, _CAPTIONS["plain"])


def figure(name: str) -> str:
    """Return what a figure is called."""
    return _FIGURES.get(name, name.replace("_", " "))
