"""What the command line says of options and arguments that several commands share, panel by panel."""

from __future__ import annotations

DATA = (
    "A built-in name; a csv, tsv, xlsx, jsonl, parquet, npy or npz file; series in a tsv, txt or ts file; or a folder "
    "of pictures or recordings."
)
DATA_OPTIONAL = "What to describe; without it the built-in sets are listed."
MODEL = "A folder that `punar fit` or punar.save has written."
FORCE = "Replace what is there."
PARTS = (
    "A Python file with parts of your own, which is run: classes of tasks, preparations, sources, backbones, cells, "
    "objectives and networks can then be named as the class or as its name in lower case. May be given several times."
)

# -- how DATA is read

PANEL_DATA = "Data"
TARGET = "The column of a table, or array (npz), with the labels. Several columns: labels of 0 and 1 each, or amounts."
TEXT = "The column of texts. Without it punar looks for one."
PATH = "The column of paths to pictures or recordings. Without it punar looks for one."
ID_COLUMN = "A table with a row for each step: the column that says which series the row belongs to."
TIME_COLUMN = "A table with a row for each step: the column of times, by which the rows are sorted."
TIME_FORMAT = (
    "How times are written, as %d.%m.%Y (%q: quarter). Without it punar finds out over all rows, and asks where it "
    "cannot."
)
DROP = "Leave this column out. May be given several times."
KEY = "npz: the array that holds the rows."
HEADER = "csv, tsv: whether line 1 holds the column names. Without it punar looks."
SIZE = "Pictures: the size to bring them to, as 32 or 24x32 (height x width)."
KIND = "How an array is read: table or images."
SKIP_BAD = "Leave out rows with missing values and items that cannot be read, and say how many."

# -- pretrained networks

PANEL_TRANSFER = "Transfer learning"
BACKBONE = "A pretrained network (see: punar models), or a folder. Default with --task: starter, minilm for texts."
WEIGHTS = "Pretrained weights: default, none (random ones), or a file or folder of your own."
STRATEGY = "feature_extraction (the default), fine_tuning, scratch or zero_shot (labels by their names; see --labels)."
LABELS = "zero_shot: names of labels with commas between; nothing is trained, and DATA may be left out."
TEMPLATE = "zero_shot: a sentence in which {} stands for a label, as 'This text is about {}.' (several: their mean)."
UNFREEZE = "fine_tuning: what to train: all, last (the default), a number of last blocks, or a block's name (several)."
AUGMENT = (
    "Random changes of training pictures: auto (the default: light_no_mirror where fine-tuning classifies), light, "
    "strong, light_no_mirror, strong_no_mirror or none."
)
INTERPOLATION = (
    "fine_tuning: how far from the frozen network (0) to the trained one (1) the weights lie that are kept. Without it "
    "the best of five points is taken."
)

# -- recurrent networks

PANEL_SEQUENCES = "Sequences"
CELL = "A recurrent network from scratch, by its cell: rnn, gru, lstm, min_gru or min_lstm."
HIDDEN_SIZE = "Hidden units of a cell. Default: 64."
BIDIRECTIONAL = "Whether a second network reads from the end. Without it, what suits the task: taggers do."
BRANCH = (
    "Whether convolutions read series beside the cell, for one answer each. Without it they do where few series are "
    "trained on."
)
MISSING = (
    "Values that are missing inside a series: refuse (the default), or mask, so that the network sees that they are."
)
FREQ = (
    "Forecasting: the step of the times (D, B, h, W-SUN, MS, 'Mon Tue Wed Thu Fri Sat', auto): rows that are missing "
    "are inserted, without values; see --missing."
)
HORIZON = "Forecasting: how many steps to forecast."
CONTEXT = "Forecasting: how many steps are looked at. Without it, a number that suits the series."
SEASON = "Forecasting: steps of a season, as 12 for months of a year. Without it punar looks."
KNOWN_AHEAD = (
    "Forecasting: a column whose later values are known, as a promotion; may be given several times. With --target "
    "only these are read. predict takes the values from --future FILE."
)
LOWER = "Forecasting: forecasts and intervals are clipped to this from below, as 0 for counts."
UPPER = "Forecasting: the same from above."

# -- autoencoders

PANEL_AUTOENCODER = "Autoencoder"
OBJECTIVE = "What an autoencoder learns: reconstruction (the default), sparse, denoising or variational."
NETWORK = (
    "The shape of its encoder and decoder: dense (the default), conv for pictures, or a recurrent one for series: "
    "lstm, gru, rnn, min_gru, min_lstm."
)
LATENT_DIM = "How many numbers a row is reduced to."
SCALING = "auto, standard, global or none; of series too."

# -- training

PANEL_TRAINING = "Training"
EPOCHS = "Largest number of passes over the rows."
BATCH_SIZE = "Rows per step. Without it, a number that suits the size of DATA."
LEARNING_RATE = "Peak of the learning rate."
PATIENCE = "Stop after so many epochs without a better held-out loss."
CHECKPOINT = "A folder to save progress in. The same command given again goes on from there."
TIME_LIMIT = (
    "Stop training after this long (60s, 5min) and keep the best weights so far; longer with --checkpoint goes on."
)
VALIDATION = "Held out in place of a share of DATA: data of the same form, which then chooses the best epoch."
GROUPS = "The column that says which rows belong together, such as a person: they are held out together."
STRICT = "Fail where the model does not beat its baseline."
SEED = "Fixes everything random."
DEVICE = "auto, cpu, cuda, cuda:N or mps."
QUIET = "No progress on the terminal."
