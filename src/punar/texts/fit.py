"""What ``fit`` says: how it goes on, and the verdict of the fit report."""

RESUMED = "resumed from {folder} at epoch {epoch}, step {step}"
STOPPED_BY_TIME = "stopped in epoch {epoch} of {epochs}: the time limit is over"
TIME_WAS_OVER = " The time limit stopped training in epoch {epoch} of {epochs}; {kept} were kept."
KEPT_BEST, KEPT_LAST = "the best weights so far", "the weights of that moment"
CACHE_DAMAGED = (
    "{path} in the cache was damaged: its segment is deleted, and what it held is computed again. Where this happens "
    "often, the disk or another program changes files."
)
OUT_OF_TIME = (
    "The time limit was over when the pretrained network had seen {done} of {count} items. Set a longer time_limit; "
    "what was computed is remembered, where a cache is on."
)
WENT_ON = " It went on from the weights of the fit before."
MAY_HAVE_SEEN = (
    " It went on from the weights of the fit before, which may have seen these rows: pass validation_data= that they "
    "have not."
)
SAYS_LEARNED, SAYS_CANNOT_TELL = "Learned:", "Cannot tell whether it learned:"
STOPPED_EARLY = "stopped early after epoch {epoch}: no better validation loss for {patience} epochs"

AS_IT_IS = " Nothing was trained: the checkpoint answers as it is."
AS_IT_IS_UNMEASURED = (
    "Cannot tell how good it is: nothing was trained, and no examples were given. Give some to fit or to score: they "
    "only measure."
)

VERDICT_CONSTANT_DATA = "The rows do not vary: there is nothing to learn."
VERDICT_DID_NOT_LEARN = (
    "Did not learn: it explains {model:.1%} of the variance of {rows} {which} rows; the mean alone explains 0.0%{note}."
)
VERDICT_CANNOT_TELL = (
    "Cannot tell whether it learned: it explains {model:.1%} of the variance of {rows} {which} rows; the mean alone "
    "explains 0.0%{note}."
)
VERDICT_RANDOM = ", a random code of that width {random:.1%}"
VERDICT_UNTRAINED = ", the same network untrained {untrained:.1%}"
VERDICT_LEARNED = (
    "Learned: it explains {model:.1%} of the variance of {rows} {which} rows; the mean alone explains 0.0%{note}."
)
VERDICT_BEATS_PCA = " PCA with {width} components explains {pca:.1%}: the autoencoder reconstructs better."
VERDICT_LOSES_TO_PCA = " PCA with {width} components explains {pca:.1%}: PCA reconstructs better, and costs less."
VERDICT_EQUALS_PCA = " PCA with {width} components explains {pca:.1%}: no clear difference, and PCA costs less."
VERDICT_FILLED = " For PCA {share:.1%} of the values, after an end or missing, were filled with the mean."
VERDICT_OVERCOMPLETE = (
    " The code is as wide as the data or wider, so PCA of that width would be exact and is no baseline."
)
VERDICT_DEAD_UNITS = " {dead} of {width} code units never change."
VERDICT_SAME_CODES = " Only {distinct} of {rows} rows have a code of their own."
LEARNED = "Learned: {metric} {model:.3f} on {rows} {which} rows; the best constant answer gives {constant:.3f}."
DID_NOT_LEARN = (
    "Did not learn: {metric} {model:.3f} on {rows} {which} rows; the best constant answer gives {constant:.3f}."
)
CANNOT_TELL = (
    "Cannot tell whether it learned: {metric} {model:.3f} on {rows} {which} rows; the best constant answer gives "
    "{constant:.3f}."
)
POWER = " With so many rows a score of {seen:.3f} would have been told from chance in 80 of 100 cases."
WORSE = " It is worse than chance."
NOTHING_TO_LEARN = " There is nothing to learn: a constant answer is perfect."
TOO_FEW = " {rows} {which} rows are too few to tell; about {wanted} {which} ones would do."
NOTHING_HELD_OUT = (
    " These are the rows that it was trained on, which show nothing of new ones: hold more out (validation_fraction)."
)
TOO_FEW_TO_HOLD_OUT = (
    " These are the rows that it was trained on, which show nothing of new ones, and {rows} are too few to hold some "
    "of them out; about {wanted} rows in all would do."
)
WHICH_HELD_OUT = "held-out"
WHICH_TRAINING = "training"
WHICH_CROSS_VALIDATED = "cross-validated"
WHICH_CROSS_FITTED = "cross-fitted"

DID_NOT_LEARN_ADVICE = " Try more epochs, another learning_rate, a wider latent_dim or another scaling."

FEATURES = "features"
FROZEN = "frozen part"
SKIPPED = "{count} of {total} items could not be read and were left out: {named}"

TRANSFER_BEATS_FROZEN = " A linear head on frozen features gives {frozen:.3f}: fine-tuning is better here."
TRANSFER_LOSES_TO_FROZEN = (
    " A linear head on frozen features gives {frozen:.3f}: fine-tuning is not better here; "
    "strategy='feature_extraction' is enough."
)
TRANSFER_EQUALS_FROZEN = " A linear head on frozen features gives {frozen:.3f}: no clear difference."
TRANSFER_ADVICE = " Try another backbone, strategy or learning_rate, or more items per class."
ENTAILMENT = "texts beside the labels"
ZERO_SHOT_STRATEGY = "zero_shot"
ZERO_SHOT = " Nothing was trained: the labels were told apart by their names."
ZERO_SHOT_UNMEASURED = (
    "Cannot tell how good it is: nothing was trained, and no labelled rows were given. Give some to fit or to score: "
    "they only measure."
)
ZERO_SHOT_ADVICE = (
    " Try other templates, or wordings of the labels; or learn from a few labelled items of each class with "
    "strategy='feature_extraction'."
)
BEATS_WORDS = " The most frequent label of each word gives {without_context:.3f}: the words around it say more."
LOSES_TO_WORDS = " The most frequent label of each word gives {without_context:.3f}: the network is not better here."
EQUALS_WORDS = " The most frequent label of each word gives {without_context:.3f}: no clear difference."
BEATS_STEPS = " A linear model of one step at a time gives {without_context:.3f}: the steps around it say more."
LOSES_TO_STEPS = " A linear model of one step at a time gives {without_context:.3f}: the network is not better here."
EQUALS_STEPS = " A linear model of one step at a time gives {without_context:.3f}: no clear difference."
BEATS_NEAREST_TEXT = " The answer of the nearest training text gives {nearest_text:.3f}: the network is better."
LOSES_TO_NEAREST_TEXT = (
    " The answer of the nearest training text gives {nearest_text:.3f}: the network is not better here."
)
EQUALS_NEAREST_TEXT = " The answer of the nearest training text gives {nearest_text:.3f}: no clear difference."
