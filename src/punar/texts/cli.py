"""What the command line says: help, results and hints. ``<NAME>_HELP`` and ``_EXAMPLES`` go with ``cli/<name>.py``."""

from __future__ import annotations

from punar.texts.app import APP_EPILOG, APP_HELP
from punar.texts.detect import DETECT_EXAMPLES, DETECT_HELP
from punar.texts.inspection import GATES_EXAMPLES, GATES_HELP
from punar.texts.latent import LATENT_EXAMPLES, LATENT_HELP
from punar.texts.layers import LAYERS_EXAMPLES, LAYERS_HELP
from punar.texts.report import REPORT_EXAMPLES, REPORT_HELP

__all__ = [
    "APP_EPILOG",
    "APP_HELP",
    "DETECT_EXAMPLES",
    "DETECT_HELP",
    "GATES_EXAMPLES",
    "GATES_HELP",
    "LATENT_EXAMPLES",
    "LATENT_HELP",
    "LAYERS_EXAMPLES",
    "LAYERS_HELP",
    "REPORT_EXAMPLES",
    "REPORT_HELP",
]

VERSION_OPTION = "Print the version and stop."
DEBUG_OPTION = "Show where in the code an error arose. May stand anywhere on the line."

PARTS_NEEDED = "{error} On the command line: --parts FILE, the Python file that defines it."

# -- compare

COMPARE_HELP = """Measure which method suits your data.

Trains PCA, NMF, a random projection and five kinds of autoencoder at the same code size on shared splits of DATA,
prints a table and a verdict, and writes a report. "No clear difference" is a normal answer.

Where DATA is labelled pictures, texts or recordings (a folder of subfolders, or a table with a column of texts or
paths and --target), it asks which strategy of transfer learning suits them: training from scratch, feature extraction,
or fine-tuning some or all of a pretrained network.
"""
COMPARE_EXAMPLES = """\b
Examples:
  punar compare digits
  punar compare flowers.csv --target species --budget 60s
  punar compare photos/ --budget 10min --report photos.html
  punar compare digits --question strategy
  punar compare reviews.csv --target label --backbones minilm,bert-base-uncased
  punar compare photos/ --question reducer --size 32 --latent-dim 16
  punar compare sounds/ --question cell
  punar compare reviews.csv --target stars --question cell --equal parameters
  punar compare steps.csv --question cell --id walk --time second --target label
  punar compare sales.csv --question cell --horizon 12
"""
QUESTION = (
    "What to ask: reducer (which method keeps most of the data in a small code?), strategy (from scratch, feature "
    "extraction or fine-tuning?), backbone (which pretrained network?) or cell (RNN, LSTM or GRU for series, texts and "
    "recordings?). Default: strategy for labelled pictures, texts and recordings, otherwise reducer."
)
COMPARE_BACKBONE = "strategy: the pretrained network (see: punar models). Default: starter, and minilm for texts."
COMPARE_BACKBONES = "Ask which of these networks suits DATA: names with commas between. Default: those on this machine."
COMPARE_NOT_FOR = (
    "{option} is not for the question {question!r}. Leave it out, or choose another question with --question."
)
EQUAL = "cell: what all cells have in common: width (the default) or parameters."
BUDGET = (
    "Time to spend, such as 60s or 5min: a deadline. Less is measured when it is short, and the notes say what. "
    "Without it ten minutes are the limit; none lifts it."
)
FOLDS = "Number of cross-validation folds."
REPORT = "Where the HTML report goes. Default: punar-<name>-report.html in this folder. It is overwritten."
NO_REPORT = "Write no report."
JSON = "Also write everything that was measured to this file."
REPORT_WRITTEN = "Report: {path}"
JSON_WRITTEN = "Figures: {path}"
REPORT_NAME = "punar-{name}-report.html"

# -- fit

FIT_HELP = """Train an autoencoder, a pretrained network on labels, or a recurrent network, and save it.

Without --backbone, --task and --cell: an autoencoder. With --backbone or --task: a pretrained network for labelled
pictures, texts, recordings or tokens. With --cell: a recurrent network from scratch for labelled texts, tokens,
recordings or series. With --task forecasting: what comes next in series. Prints whether it learned, beside baselines:
PCA, the majority class or the mean.

With --task segmentation, detection, question_answering, translation, speech_recognition or masked_language_modeling:
a network whose answers are masks, boxes or texts. DATA is then a folder of pictures and one of masks; COCO, Pascal VOC
or YOLO; SQuAD's json; a table or two files of texts; recordings with their texts; or a text on each line.

Series are tables with a row for each step (--id says which series a row belongs to, --time when it was), or npy and npz
arrays (n, time, channels). Labels of tokens stand in conll files: a token and its label on each line, a blank line
between sentences.

With --strategy zero_shot nothing is trained: --labels names what to tell apart, and DATA with labels, where it is
given, is what the names are measured on.
"""
FIT_EXAMPLES = """\b
Examples:
  punar fit digits --out digits-model --latent-dim 8
  punar fit flowers.csv --target species --objective variational --out flowers-model
  punar fit photos/ --network conv --checkpoint photos-run --out photos-model
  punar fit photos/ --backbone resnet18 --out photos-model
  punar fit photos/ --backbone resnet18 --strategy fine_tuning --unfreeze layer4 --out photos-model
  punar fit reviews.csv --target stars --task regression --out reviews-model
  punar fit reviews.csv --target stars --cell lstm --out reviews-model
  punar fit sounds/ --cell gru --out sounds-model
  punar fit steps.csv --cell gru --id walk --time second --target label --out walks-model
  punar fit steps.csv --cell gru --task tagging --id walk --target gait --out gaits-model
  punar fit sales.csv --task forecasting --horizon 12 --out sales-model
  punar fit words.conll --task tagging --out names-model
  punar fit words.conll --task tagging --cell lstm --out names-model
  punar fit streets/ --task segmentation --backbone resnet18 --strategy fine_tuning --out streets-model
  punar fit pictures/ --masks masks/ --task segmentation --set ignore=11 --out streets-model
  punar fit cells/ --task detection --strategy fine_tuning --out cells-model
  punar fit train.json --task question_answering --backbone minilm --strategy fine_tuning --out answers-model
  punar fit english.txt --target-file hindi.txt --task translation --cell gru --out hindi-model
  punar fit words/ --task speech_recognition --cell gru --out words-model
  punar fit machines.csv --network lstm --id machine --time hour --out machines-model
  punar fit --labels sports,politics --strategy zero_shot --backbone minilm --out topics-model
  punar fit data.jsonl --parts mine.py --task weigh_words --backbone letters --out m
"""
FIT_NEEDS_DATA = "DATA is missing: what to learn from. Only --strategy zero_shot needs none: --labels sports,politics."
FIT_NEEDS_LABELS = "--strategy zero_shot needs the names of the labels: --labels sports,politics, or DATA with labels."
FIT_ONLY_ZERO_SHOT = "{option} is for --strategy zero_shot, where labels are told by their names; leave it out."
FIT_NOT_ZERO_SHOT = "{option} is not for --strategy zero_shot, which trains nothing; leave it out."
FIT_OUT = "The model folder to write."
TASK = (
    "classification, regression, multilabel (several labels in a field, as red; round), tagging (a label per token or "
    "step), forecasting, segmentation, detection, question_answering, translation, speech_recognition or "
    "masked_language_modeling. Default: by the target."
)
FIT_CELL_NOT_WITH = "{option} is not for recurrent networks; leave it out, or leave out --cell and --task forecasting."
FIT_ONLY_WITH_CELL = "{option} is for recurrent networks: --cell NAME, --task forecasting, or --network lstm."
FIT_BRANCH = "{option} is for recurrent networks that give each series or recording one answer: add --cell NAME."
FIT_NOT_WITH_SERIES = "{option} is not for series; leave it out, or take --network dense or conv."
ONLY_FORECASTS = "--freq, --horizon, --context, --season, --known-ahead, --lower and --upper need --task forecasting."
ONLY_FORECASTS_AHEAD = "--{name} is for models that forecast."
PREDICT_COVERAGE = "Forecasting: the share of values that intervals shall hold. Default: 0.8."
FIT_NOT_WITH_FORECASTS = "{option} is not for --task forecasting, which holds out the last steps of each series."
PREDICT_FUTURE = (
    "Forecasting: a table with the columns that are known ahead, a row for each step to come of each series."
)
FORECAST_NEEDS_FUTURE = (
    "The model was fitted with --known-ahead ({names}): pass --future FILE, a table with these columns and a "
    "row for each of the {horizon} steps to come of each series."
)
FORECAST_NEEDS_HORIZON = "--task forecasting needs --horizon N: how many steps to forecast."
FIT_ONLY_WITH = "{option} is for pretrained networks; add --backbone NAME or --task TASK."
FIT_NOT_WITH = "{option} is for autoencoders; leave it out, or leave out --backbone and --task."
FIT_REPORT = "{verdict}"
FIT_SAVED = "Saved: {path}"
FIT_NEXT = "Next: {command}"
FIT_TABLE_HEAD = (
    "Share of variance explained on {rows} {where} rows, scaled as in training (1 is perfect, 0 is the training mean)"
)
FIT_HELD_OUT = "held-out"
FIT_TRAINING = "training"
FIT_ROWS = (
    ("this model", "explained_variance"),
    ("PCA, same code size", "explained_variance_pca"),
    ("before training", "explained_variance_untrained"),
)

# -- transform and reconstruct

PREDICT_HELP = """Write what a model predicts for DATA, to a file or without --out to the terminal.

One row for each item: its file or number, the prediction and, for classes, the probability of each. A tagger of tokens
writes a token and its label on each line, with a blank line between sentences; a tagger of series a row for each step.
A forecasting model writes a row for each step to come, with an interval, after the end of DATA, or without DATA after
the end of the series that it was fitted on. Masks are PNG files in a new folder, boxes a json file of COCO results,
answers and texts a table or a file of their own (--out). Where DATA has labels, the score is printed too, beside
chance.
"""
PREDICT_EXAMPLES = """\b
Examples:
  punar predict photos-model new-photos/ --out preds.csv
  punar predict reviews-model reviews.csv --out preds.parquet --skip-bad
  punar predict names-model new.txt
  punar predict names-model test.conll --out found.conll
  punar predict sales-model --out forecast.csv
  punar predict photos-model one-photo.jpg
  punar predict streets-model new-photos/ --out masks
  punar predict cells-model cells/ImageSets/Main/test.txt --out boxes.json
  punar predict answers-model test.json --out answers.json
  punar predict words-model one-recording.wav --out said.srt
  punar predict reviews-model "a slow start, but what an ending"
"""
PREDICT_DATA = (
    "Items, rows or series as the model was fitted on: a file or folder, one picture or recording, or a text in "
    "quotation marks. May be left out for a forecasting model."
)
PREDICT_NEEDS_DATA = "{model} needs DATA to predict: name it after the model. Only forecasting models go without."
ONLY_SEQUENCES = "{option} is for sequence models; leave it out."
FORECASTED = "{n:,} rows; low and high are the ends of {coverage:.0%} intervals, where they could be calibrated"
FORECAST_NO_INTERVAL = "No intervals: {reason}"
PREDICTED = "{n:,} predictions"
PREDICT_SCORE = "{metric} on the labels of DATA: {score:.4f}"
METRICS = {
    "accuracy": "Accuracy",
    "r2": "R²",
    "entity_f1": "Entity F1",
    "mean_iou": "Mean IoU",
    "map_50": "mAP at IoU 0.5",
    "f1": "F1 of words",
    "chrf": "chrF / 100",
}
TRANSFORM_NOT_STEPS = "This model has features for each token or step, and a table has one row for each item."
KIND_SERIES = "{n:,} series"
KIND_ITEMS = {"vision": "{n:,} pictures", "text": "{n:,} texts", "audio": "{n:,} recordings"}
KIND_ITEM = {"vision": "one picture", "text": "one text", "audio": "one recording", "series": "one series"}

TRANSFORM_HELP = """Write the codes or features of DATA.

One row for each row or item of DATA. An autoencoder's columns are found by the names that it was fitted on. With
--backbone no MODEL is needed: features are those of a pretrained network.
"""
TRANSFORM_EXAMPLES = """\b
Examples:
  punar transform flowers-model flowers.csv --out codes.csv
  punar transform digits-model digits --out codes.npy
  punar transform photos-model photos/ --out features.parquet
  punar transform photos/ --backbone resnet18 --out features.csv
"""
TRANSFORM_MODEL = "A folder that `punar fit` or punar.save has written; left out with --backbone."
TRANSFORM_BACKBONE = "A pretrained network (see: punar models) in place of MODEL."
FEATURES_SHAPE = "{n} rows of {d} features"
TRANSFORM_OUT = "A .csv, .tsv, .parquet or .npy file."
RECONSTRUCT_HELP = """Encode and decode DATA, and measure it.

Prints the mean reconstruction error and the share of variance explained, and writes the decoded rows.
"""
RECONSTRUCT_EXAMPLES = """\b
Examples:
  punar reconstruct digits-model digits
  punar reconstruct flowers-model flowers.csv --out again.csv
  punar reconstruct photos-model photos/ --out again/
  punar reconstruct machines-model machines.csv --id machine --time hour --out errors.csv
"""
RECONSTRUCT_OUT = (
    "Where the reconstructed rows go: a .csv, .tsv, .parquet, .npy or .npz file; for pictures a .npy or "
    ".npz file, or a new folder of PNG files; for series a .csv, .tsv or .parquet file with a row for each step."
)
ONLY_FOR_SERIES = "{option} is for autoencoders of series; other models know their columns, or have none. Leave it out."
READ_NOTE = "{name}: {note}"
SPLIT_INTO_WORDS = "each text is split into words, at spaces and punctuation, as the model learned from words"
WRITTEN = "Written: {path} ({what})"
CODES_SHAPE = "{n} rows of {d} codes"
ROWS_SHAPE = "{n} rows of {d} columns"
PICTURES_SHAPE = "{n} pictures of {shape}"
MEAN_ERROR = "Mean reconstruction error: {mean:.6g} (mean squared difference, in the data's own units)"
WORST_ROW = "Largest: {error:.6g} in {name}"
EXPLAINED = "Share of variance explained: {score:.4f} in the data's own units (1 is perfect, 0 is the training mean)"
ROW = "row {row}"

# -- data

DATA_HELP = """List the built-in data sets, or describe DATA.

Shows how DATA is read, what its columns hold, how much is missing, and what keeps it from being used.
"""
DATA_EXAMPLES = """\b
Examples:
  punar data
  punar data wine
  punar data flowers.csv --target species
"""
BUILTIN_HEAD = "Built-in data sets"
BUILTIN_LINE = "{name:<14} {what}"
FACT = "{label:<12} {value}"
LABEL_NAME, LABEL_KIND, LABEL_ROWS, LABEL_TARGET, LABEL_RANGE, LABEL_TYPE, LABEL_NOTE = (
    "name",
    "read as",
    "rows",
    "target",
    "range",
    "numbers",
    "note",
)
KIND_TABLE = "table of {n:,} rows and {d:,} columns"
KIND_IMAGES = "{n:,} pictures of {shape}"
TARGET_CLASSES = "{k} classes: {names}"
TARGET_NUMBERS = "numbers from {low:.6g} to {high:.6g}"
TARGET_NONE = "none (--target COLUMN)"
RANGE = "{low:.6g} to {high:.6g}, mean {mean:.6g}"
COLUMN_HEAD = ("column", "values", "missing", "lowest", "mean", "highest")
COLUMN_NUMBERS, COLUMN_DATES = "numbers", "dates"
COLUMN_TEXT = "text, {n} different"
MORE_COLUMNS = "... and {n:,} more columns"
CANNOT_USE = "Not usable as it is:"

# -- doctor

DOCTOR_HELP = """Check this installation.

Shows versions, device, folders and extras, and runs a small fit. Exit status 1 when something that punar needs does
not work.
"""
DOCTOR_EXAMPLES = """\b
Examples:
  punar doctor
  punar doctor --clear-cache
"""
DOCTOR_OK, DOCTOR_MISSING, DOCTOR_BAD = "ok", "-", "FAILED"
DOCTOR_LINE = "{mark:<7} {what:<22} {value}"
DOCTOR_NOT_INSTALLED = "not installed"
DOCTOR_EXTRA_MISSING = "without {missing}; install: pip install 'punar[{extra}]'"
DOCTOR_NO_METADATA = "unknown: punar runs from a source folder without being installed"
DOCTOR_WRITABLE = "{path} is writable, {free} free"
DOCTOR_NOT_WRITABLE = "{path} is not writable: choose another folder, or change its rights"
DOCTOR_CORES = "{cores} cores, {threads} torch threads"
DOCTOR_MEMORY = "{free} free"
CLEAR_CACHE = "Delete the remembered features, say how much was freed, and stop."
DOCTOR_CACHE = "{path}: {size} of at most {limit} (punar doctor --clear-cache empties it)"
DOCTOR_CLEARED = "Freed {size} in {path}"
DOCTOR_FIT = "fitted, saved and loaded a small model in {seconds:.1f} s"
DOCTOR_FIT_DIFFERS = "the loaded model gives other codes than the saved one"
DOCTOR_ALL_WELL = "Everything that punar needs works."
DOCTOR_TROUBLE = "{n} of the checks failed; see the lines marked FAILED."

# -- errors and warnings

ERROR = "punar: {message}"
WARNING = "punar: warning: {message}"
INTERRUPTED = "punar: interrupted"
UNEXPECTED = (
    "punar: unexpected {kind}: {message}. This is a fault of punar or of this machine, not of your input. "
    "The same command with --debug shows where."
)
SYSTEM = "punar: {message}"
NO_MEMORY = "punar: there is not enough memory. Take fewer rows, or smaller pictures (--size)."

# -- models

MODELS_HELP = """List the pretrained networks that punar knows by name.

Prints name, year, parameters, input, published accuracy, and whether the weights are on this machine; with --details
all that is known about one.
"""
MODELS_EXAMPLES = """\b
Examples:
  punar models
  punar models --domain text
  punar models --task "object detection"
  punar models --name "*resnet*"
  punar models --details vgg16
"""
MODELS_DOMAIN = "What they read: vision, text or audio."
MODELS_TASK = "What they are used for, such as 'sentiment' or 'named entities'."
MODELS_NAME = "A pattern such as '*resnet*'."
MODELS_DETAILS = "Print all that is known about one of them, a fact on each line."
MODELS_JSON = "Print JSON instead of a table."
MODELS_HEAD = ("name", "year", "parameters", "input", "published accuracy", "here")
MODELS_HERE, MODELS_NOT_HERE = "yes", "-"
MODELS_NONE = "No network in the catalogue is called like that. punar models lists all."
MODELS_FOOT = (
    "{n} of {all} networks. All about one: punar models --details NAME. Weights that are not here: punar fetch NAME. "
    "Every other network of timm works as timm:NAME."
)
MODELS_FACTS = {
    "name": "name",
    "source": "source",
    "made_by": "made by",
    "year": "year",
    "domain": "domain",
    "trained_on": "trained on",
    "key_idea": "key idea",
    "paper": "paper",
    "depth": "depth",
    "parameters": "parameters",
    "counted_as": "counted as",
    "input": "input",
    "accuracy": "accuracy",
    "strengths": "strengths",
    "weaknesses": "weaknesses",
    "used_for": "used for",
    "licence": "licence",
    "here": "here",
}
MODELS_UNKNOWN = "not known"

# -- fetch

FETCH_HELP = """Bring a pretrained network's weights to this machine.

Downloads them once, if they are not here yet, and says where they lie. Later runs need no network.
"""
FETCH_EXAMPLES = """\b
Examples:
  punar fetch resnet18
  punar fetch timm:inception_v4
  punar fetch bert-base-uncased
"""
FETCH_NAME = "A pretrained network (see: punar models)."
FETCH_DONE = "{name}: {what}, {n:,} parameters without the head."
FETCH_AT = "At: {path}"
FETCH_HERE = "its own files on this machine; nothing had to be fetched"
