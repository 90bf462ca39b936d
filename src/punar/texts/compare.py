"""What ``compare`` says: readings, plans, verdicts, column heads and the report's headings."""

from __future__ import annotations

# --- how the data was read -------------------------------------------------------------------------------------------
READ_TABLE = "{name}: read as a table of {n} rows and {d} columns"
READ_IMAGES = "{name}: read as {n} pictures of {shape}"
READ_CLASSES = ", with {k} classes as labels"
READ_NUMBERS = ", with numbers as labels (regression; pass strings if they are names of classes)"
READ_NOTHING = ", without labels"
DATA_DEFAULT_NAME = "your data"

NOTE_PICTURES_ASSUMED = (
    "A 3-D X is read as pictures (n, height, width) here; reshape it to 2-D if its rows are no pictures."
)
NOTE_NO_LABELS = "No labels were given, so there is no column for what a downstream model can do with the codes."
NOTE_ONE_CLASS = "Every label is {label}: with one class there is nothing to predict, so that column is left out."
NOTE_ALL_UNIQUE = "Every label occurs once: they look like identifiers, so nothing is predicted from the codes."
NOTE_FOLDS_RARE = "Folds reduced from {asked} to {folds}: the rarest class ({label}) has {count} rows."
NOTE_FOLDS_GROUPS = "Folds reduced from {asked} to {folds}: there are {folds} groups."
NOTE_FOLDS_STEPS = "Folds reduced from {asked} to {folds}: each holds out {horizon} steps of the end of the series."
NOTE_SPREAD_RARE = "{count} of {classes} classes have fewer rows than there are folds; some folds hold none of them."
NOTE_CONSTANT = "{count} of {d} columns are constant and carry nothing."

# --- the plan --------------------------------------------------------------------------------------------------------
PLAN = "{candidates} candidates, {folds} folds"
PLAN_WIDTH = ", code size {latent_dim}"
PLAN_EPOCHS = ", up to {epochs} epochs for each network"
WHY_LATENT = " (a quarter of the {d} columns, at least 2, at most 16)"
NOTE_CUT_EPOCHS = "To stay within {budget} the networks train for {epochs} epochs at most instead of {asked}."
NOTE_CUT_FOLDS = "To stay within {budget} there are {folds} folds instead of {asked}."
NOTE_CUT_ROWS = "To stay within {budget} {rows} of {asked} rows are used, drawn at random."
NOTE_STOPPED = "Stopped after {done} of {folds} folds: the next would not have ended within {budget}."
NOTE_CUT_SHORT = "the time limit cut its training short"
LEFT_OUT = "left out: two folds of it do not fit into {budget}"
LEFT_OUT_FEATURES = "left out: time was over before the pretrained network had seen all items"
NOTE_OVER_BUDGET = "The budget of {budget} was too small for the two folds that an interval needs: it took {seconds}."
NOTE_CODE_SIZES = "Code sizes differ ({sizes}): a wider code has an easier task."
NOTE_WARNED = "{name}: {message} ({count} of {folds} folds)."
NOTE_NOT_CONVERGED = "did not converge within its iterations"
NOTE_DID_NOT_LEARN = "did not learn anything that beats the constant answer"
NOTE_DOWNSTREAM_NOT_CONVERGED = "the downstream model did not converge on these codes"

# --- progress --------------------------------------------------------------------------------------------------------
PROGRESS_TRIAL = "timing a short trial"

# --- candidates of the questions strategy and backbone ----------------------------------------------------------------
SCRATCH = "From scratch"
EXTRACTION = "Feature extraction"
LAST_BLOCK = "Fine-tune last block"
ALL_LAYERS = "Fine-tune all layers"
MAJORITY = "Majority class"
MEAN_ANSWER = "Mean of the labels"
CHEAP = {"vision": "Raw pixels", "text": "Word weights", "audio": "Mean spectra"}
READ_ITEMS = {
    "vision": "{name}: read as {n:,} pictures",
    "text": "{name}: read as {n:,} texts",
    "audio": "{name}: read as {n:,} recordings",
}
PLAN_BACKBONE = ", backbone {name}"

# --- candidates of the question cell ----------------------------------------------------------------------------------
CELLS = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM", "min_gru": "minGRU", "min_lstm": "minLSTM"}
LINEAR = "Linear, summary statistics"
NEAREST = "Nearest series, Euclidean"
NEAREST_DTW = "Nearest series, DTW"
KERNELS = "Random kernels and ridge (MiniRocket)"
STEPS_FROM_TO = "{low:,} to {high:,}"
READ_SEQUENCES = {
    "series": "{name}: read as {n:,} series of {steps} steps and {channels} channels",
    "text": "{name}: read as {n:,} texts of {steps} words",
    "audio": "{name}: read as {n:,} recordings of {steps} frames of 10 ms",
}
STEPS_OF = {"series": "steps", "text": "words", "audio": "frames of 10 ms"}
READ_FORECAST = "{name}: read as {n:,} series of {steps} steps and {channels} channels, {horizon} steps to forecast"
READ_SEASON = ", season {season}"
READ_NO_SEASON = ", no season"
LAST_VALUE, SEASONAL_NAIVE, AUTOREGRESSION = "Last value", "Seasonal naive", "Linear autoregression"
NOTE_MASKED = (
    "Some values are missing: the networks see which, as flags beside the values, and the linear model leaves them out."
)
PLAN_EQUAL = {"width": ", width {size}", "parameters": ", parameters of an LSTM of width {size}"}

# --- candidates of the reducer question ------------------------------------------------------------------------------
PCA = "PCA"
NMF = "NMF"
PROJECTION = "Random projection"
RAW = "Raw columns"
VANILLA = "Vanilla autoencoder"
SPARSE = "Sparse autoencoder"
DENOISING = "Denoising autoencoder"
VARIATIONAL = "Variational autoencoder"
CONVOLUTIONAL = "Convolutional autoencoder"
NEEDS_PICTURES = "needs pictures (n, h, w[, c])"
NEEDS_NARROW_CODE = "needs a code size of at most {most} here (columns, and training rows per fold), got {latent_dim}"

# --- metrics and costs -----------------------------------------------------------------------------------------------
VARIANCE_LABEL = "variance explained"
VARIANCE_HELP = (
    "Share of the held-out rows' squared distance from the training mean that survives encoding and decoding: 1 is "
    "perfect, 0 is the training mean. The same formula for all, in the shared scaled space."
)
VARIANCE_BASELINE = "training mean"
ACCURACY_LABEL = "accuracy"
ACCURACY_HELP = "Held-out accuracy of a logistic regression on the standardised codes of at most {rows} training rows."
ACCURACY_BASELINE = "majority class"
R2_LABEL = "downstream R²"
R2_HELP = "Held-out R² of a ridge regression on the standardised codes of at most {rows} training rows."
R2_BASELINE = "mean of the training labels"
ITEM_ACCURACY_HELP = "Share of the held-out items whose class is predicted right."
ITEM_R2_LABEL = "R²"
ITEM_R2_HELP = "Held-out coefficient of determination: 1 is perfect, 0 is the mean of the labels."
TRUST_LABEL = "trustworthiness"
TRUST_HELP = (
    "Are neighbours in the code (the nearest {neighbours}) neighbours in the data too? 1 is perfect; on at most {rows} "
    "held-out rows per fold."
)
TRUST_BASELINE = "random codes"
COLUMN_NAME = "candidate"
COLUMN_CODE = "code"
COLUMN_PARAMETERS = "parameters"
COLUMN_FIT = "fit s"
COLUMN_TRANSFORM = "µs/row"
COLUMN_MEMORY = "peak MB"
COLUMN_OF = {
    "parameters": COLUMN_PARAMETERS,
    "fit_seconds": COLUMN_FIT,
    "transform_us": COLUMN_TRANSFORM,
    "peak_mb": COLUMN_MEMORY,
    "refit_seconds": "refit s",
    "latency_ms": "ms/item",
    "trained": "trained",
    "gates": "gates",
    "hidden_size": "width",
    "model_kb": "model kB",
    "step_us": "µs/step",
    "short": "short",
    "middle": "middle",
    "long": "long",
    "mae": "MAE",
    "mase": "MASE",
}
REFERENCE_MARK = "*"
REFERENCE_NOTE = "* reference only: without a bottleneck this score is trivially 1."

# --- verdicts --------------------------------------------------------------------------------------------------------
WINS = (
    "{best} wins: {best_score} against {other_score} for {other} (difference {difference}, {level} interval {low} to "
    "{high})"
)
WINS_ALSO = "; {classical} reaches {score}"
TIE = (
    "no clear difference between {best} ({best_score}) and {other} ({other_score}): {difference}, {level} interval "
    "{low} to {high}"
)
TIE_BEATS_CLASSICAL = "; {best} clearly beats {classical} ({score})"
TIE_OF_THREE = "no clear difference between {best} ({best_score}), {other} ({other_score}) and {third} ({third_score})"
CHEAPER = "; {cheap} is {times} cheaper to fit than {dear}"
AS_CHEAP = "; they cost the same to fit"
TIMES = "{factor}x"
YARDSTICK_AHEAD = "; {name} alone reach {score}, clearly more"
YARDSTICK_BEHIND = "; {name} alone reach {score}, clearly less"
YARDSTICK_EQUAL = "; no clear difference to {name} ({score})"
NOT_ABOVE_BASELINE = "; but none clearly beats the {baseline} ({score})"
ONE_CANDIDATE = "only {best} has a score: {best_score}"
NO_CANDIDATE = "no candidate has a score"
VERDICT_LINE = "{metric}: {text}."

# --- rows that have no numbers ---------------------------------------------------------------------------------------
FAILED = "failed in fold {fold}: {error}"
NOT_AVAILABLE = "–"

# --- the printed result and the report -------------------------------------------------------------------------------
TITLE = "Which reducer? {name}"
FOOT = (
    "mean ± half of the 95 % interval over {folds} folds (Nadeau-Bengio corrected); costs are medians over folds, "
    "memory the peak of all"
)
FOOT_BASELINE = "{metric}: {baseline} = {score}"
HEAD_SCORES = "Scores"
HEAD_RECONSTRUCTIONS = "Reconstructions side by side"
HEAD_CODES = "Map of the codes"
HEAD_LOSSES = "Loss curves"
HEAD_LEARNED = "Did the networks learn? (first fold)"
HEAD_NOTES = "Notes"
HEAD_HOW = "How it was measured"
CAPTION_SCORES = (
    "Dot: mean over {folds} folds; line: 95 % interval of that mean. The dashed line is the baseline. Candidates are "
    "compared by paired differences, so overlapping lines do not mean a tie."
)
CAPTION_RECONSTRUCTIONS = "The same {count} held-out examples of the first fold, encoded and decoded by each candidate."
CAPTION_PROFILES = " One line per example over the scaled columns; the thin line is the original."
CAPTION_CODES = "Held-out rows of the first fold ({points} of them)"
CAPTION_CODES_PROJECTED = "; codes of more than 2 numbers are shown by their first two principal components"
CAPTION_CODES_CLASSES = ", coloured by label"
CAPTION_CODES_NUMBERS = ", coloured by label from low (dark) to high (light)"
CAPTION_LOSSES = (
    "First fold. Each network minimises its own objective, so heights are not comparable between panels; validation "
    "rows are taken from the training rows."
)
HEAD_TRADE = "What the score costs"
CAPTION_TRADE = (
    "{metric} against {cost}, on a logarithmic scale: up and to the left is better. The bars are 95 % intervals."
)
HEAD_EXAMPLES = "Held-out examples of the first fold"
CAPTION_EXAMPLES = "The label under each picture is the true one; below it is what each candidate answers (✗: wrong)."
EXAMPLE_TRUTH = "label"
EXAMPLE_WRONG = "✗ {answer}"
ORIGINAL = "Original"
TRAIN = "train"
VALIDATION = "validation"
EPOCH = "epoch"
OTHER_CLASSES = "others"
HOW_SPLITS = "{folds} shared folds, {n_train} training and {n_test} held-out rows each, shuffled with seed {seed}."
HOW_SPLITS_GROUPS = (
    "{folds} shared folds, {n_train} training and {n_test} held-out rows each on average, no group on both sides, "
    "shuffled with seed {seed}."
)
HOW_SPLITS_ORIGINS = (
    "{folds} rolling origins in the order of time: {n_train} steps before the origin on average, the next {n_test} "
    "steps forecast; networks start with seed {seed}."
)
HOW_SCALER_TABLE = "One scaler per fold, learned on its training rows and the same for all: every column standardised."
HOW_SCALER_IMAGES = (
    "One scaler per fold, learned on its training rows and the same for all: every pixel centred, one scale for all."
)
HOW_NMF = (
    "NMF gets the same space shifted to start at 0 per column, as it needs; its errors are measured like all others."
)
HOW_VERDICT = (
    "Candidates are ranked by 1 − score. The best is compared with the runner-up, and with PCA, by paired differences "
    "over folds with the variance correction of Nadeau and Bengio (2003); for PCA the interval is widened for having "
    "picked the best of many. Where it covers 0 the answer is “no clear difference”, and the cheaper one is named."
)
HOW_COSTS = (
    "Fit seconds and µs per row are wall-clock times on this machine, medians over folds; peak MB is the extra "
    "resident memory sampled while fitting, in the fold where it was largest. On small data numpy's linear algebra "
    "runs on one thread."
)
MADE_BY = "Made by punar {version} on {date} in {seconds}; {machine}."

# --- the report of the questions strategy and backbone ----------------------------------------------------------------
_ITEM_WORDS = {
    "foot": (
        "mean ± half of the 95 % interval over {folds} folds (Nadeau-Bengio corrected); fit s: first fold, nothing "
        "remembered; refit s: the other folds, frozen features remembered; trained: parameters that training changed"
    ),
    "how_costs": (
        "Fit seconds are those of the first fold, where every candidate began with an empty cache; refit seconds are "
        "the median of the other folds, where what a frozen part had computed of an item was remembered. ms/item is "
        "predict, without the cache, in batches of up to {batch} held-out items, reading and decoding included. All "
        "are wall-clock times on this machine; peak MB is the extra resident memory sampled while fitting, in the fold "
        "where it was largest."
    ),
    "losses": "First fold. Training and validation loss of the strategies that train more than a head.",
}
STRATEGY_WORDS = {
    **_ITEM_WORDS,
    "title": "Which strategy? {name}",
    "how_verdict": (
        "Candidates are ranked by 1 − score. The best is compared with the runner-up, and with training from scratch, "
        "by paired differences over folds with the variance correction of Nadeau and Bengio (2003); for the latter the "
        "interval is widened for having picked the best of many. Where it covers 0 the answer is “no clear "
        "difference”, and the cheaper one is named."
    ),
}
BACKBONE_WORDS = {
    **_ITEM_WORDS,
    "title": "Which backbone? {name}",
    "how_verdict": (
        "Candidates are ranked by 1 − score. The best is compared with the runner-up by paired differences over folds "
        "with the variance correction of Nadeau and Bengio (2003). Where the interval covers 0 the answer is “no clear "
        "difference”, and the cheaper one is named."
    ),
}
HOW_STRATEGY = (
    "All strategies use the network {name} ({weights}). Feature extraction freezes it and fits a linear head, its "
    "regularisation chosen by cross-validation; fine-tuning starts from that head and trains the last block or all "
    "layers with it; from scratch trains the same network from random weights. Those that train stop early by a "
    "validation share of the training items. Scores flatter a network that was pretrained on these very items."
)
HOW_BACKBONE = (
    "Every network is frozen, and a linear head is fitted to its features, its regularisation chosen by "
    "cross-validation."
)
CELL_ACCURACY_HELP = "Share of the held-out sequences whose class is predicted right."
SKILL_LABEL = "1 − MASE"
SKILL_HELP = (
    "MASE is the mean absolute error in units of the mean absolute change over a season (or a step) in the training "
    "part: 1 − MASE is 1 for perfect forecasts, and below 0 where that change was smaller than the errors."
)
LAST_VALUE_BASELINE = "last value"
HOW_FORECASTS = (
    "MASE: mean absolute error divided by the mean absolute change over {season} steps in the training part (Hyndman "
    "and Koehler 2006). Linear autoregression: a ridge regression from the last {context} steps to each step to come, "
    "added to the last season where these hold one, its penalty chosen on the last fifth of the training windows. A "
    "network's answer is added to a linear autoregression of its own (relative_to='linear'). µs/step is predict, per "
    "forecast step."
)
CELL_WORDS = {
    "title": "Which cell? {name}",
    "foot": (
        "mean ± half of the 95 % interval over {folds} folds (Nadeau-Bengio corrected); costs are medians over folds, "
        "memory the peak of all"
    ),
    "how_verdict": (
        "Candidates are ranked by 1 − score. The best is compared with the runner-up, and with the linear model, by "
        "paired differences over folds with the variance correction of Nadeau and Bengio (2003); for the latter the "
        "interval is widened for having picked the best of many. Where it covers 0 the answer is “no clear "
        "difference”, and the cheaper one is named."
    ),
    "how_costs": (
        "µs/step is the time of the trained network for one time step of one sequence, in one batch of up to 64 "
        "held-out sequences that were prepared before; reading, tokenising and spectra are not in it. Parameters and "
        "model kB are those of the whole saved model, an embedding of words and the vocabulary included; of other "
        "candidates kB is the size of the arrays and words that they hold. Fit seconds are wall-clock times on this "
        "machine, medians over folds; peak MB is the extra resident memory sampled while fitting, in the fold where it "
        "was largest."
    ),
    "losses": "First fold. Training and validation loss; validation sequences are taken from the training ones.",
}
HOW_EQUAL = {
    "width": (
        "Every cell has one layer of {size} hidden units (equal width), the usual settings of SequenceModel otherwise, "
        "and at most the same epochs; a validation share of the training sequences stops training early."
    ),
    "parameters": (
        "Every cell has one layer, as wide as gives it the parameters of an LSTM of {size} hidden units or nearly "
        "(equal parameters: layer and head are counted), the usual settings of SequenceModel otherwise, and at most "
        "the same epochs; a validation share of the training sequences stops training early."
    ),
}
HOW_NEAREST = "The nearest series is sought among scaled channels; a shorter series goes on with zeros, the mean."
HOW_NO_AEON = "Without the package aeon (the extra series) DTW and MiniRocket are not measured."
HOW_LINEAR = {
    "series": (
        "The linear model sees mean, deviation, smallest, largest, first and last value of each channel, the share of "
        "observed steps and the length: nothing of the order between."
    ),
    "text": "The linear model sees tf-idf of words and pairs of words.",
    "audio": "The linear model sees mean and spread over time of the log-mel spectrum.",
}
HOW_LENGTHS = (
    "Short, middle and long: the score on held-out sequences of up to {low:,}, up to {high:,}, and more {unit}, thirds "
    "of all lengths; mean over folds."
)
HOW_CHEAP = {
    "vision": "Raw pixels: a linear model on pictures of {side} × {side} pixels.",
    "text": "Word weights: a linear model on tf-idf of words and pairs of words.",
    "audio": "Mean spectra: a linear model on mean and spread over time of the log-mel spectrum.",
}
WEIGHTS_OF = {"default": "published weights", "none": "random weights", "file": "weights of your own"}
BOXES, MASKS, PAIRS = "y holds boxes", "y holds masks", "X holds pairs of texts, such as questions and contexts"
ONE_BY_ONE = (
    "compare: {what}, and a comparison is of one class or amount for each item. Fit each model by itself, "
    "punar.TransferLearner(..., task={task!r}).fit(X, y), and put their score(X, y) on the same new items side by side."
)
NO_TABLE = (
    "compare: X holds {what}, and question='reducer' is for tables and pictures of one size. Ask question='strategy', "
    "'backbone' or 'cell', with y."
)
