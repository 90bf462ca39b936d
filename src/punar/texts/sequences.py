"""What the fit of a sequence model says."""

LEARNED = "Learned: {metric} {model:.3f} on {rows} {which} rows; always the same answer gives {constant:.3f}."
DID_NOT_LEARN = (
    "Did not learn: {metric} {model:.3f} on {rows} {which} rows; always the same answer gives {constant:.3f}."
)
BEATS_LINEAR = " A linear model on {what} gives {linear:.3f}: the order of the steps says more."
LOSES_TO_LINEAR = (
    " A linear model on {what} gives {linear:.3f}: the network is not better here, and the linear model costs less."
)
EQUALS_LINEAR = " A linear model on {what} gives {linear:.3f}: no clear difference on so few rows, and it costs less."
STATISTICS = "each channel's mean, deviation, extremes, first and last value"
BAG = "the words without their order"
ADVICE = " Try more epochs, another learning_rate or pooling, a larger hidden_size, or more items."
PREDICTING = "predictions"
