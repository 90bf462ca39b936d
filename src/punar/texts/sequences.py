"""What the fit of a sequence model says."""

BEATS_LINEAR = " A linear model on {what} gives {linear:.3f}: the order of the steps says more."
LOSES_TO_LINEAR = (
    " A linear model on {what} gives {linear:.3f}: the network is not better here, and the linear model costs less."
)
EQUALS_LINEAR = " A linear model on {what} gives {linear:.3f}: no clear difference, and it costs less."
STATISTICS = "each channel's mean, deviation, extremes, first and last value, and the length"
BEATS_NEAREST = " The nearest training series gives {nearest:.3f}: the network is better."
LOSES_TO_NEAREST = " The nearest training series gives {nearest:.3f}: it is better than the network, and costs nothing."
EQUALS_NEAREST = " The nearest training series gives {nearest:.3f}: no clear difference."
BAG = "the words without their order"
LETTERS = "letters and pairs of neighbouring letters, without their order"
ADVICE = " Try more epochs, another learning_rate or pooling, a larger hidden_size, or more items."
RIVALS: dict[str, str] = {}  # by the name of a rival in the report, for tasks that have rivals of their own
PREDICTING = "predictions"

# Autoencoders of series on the command line.
ONE_SERIES = (
    "{name}: it holds one series, and an autoencoder learns from many. Say which rows belong together with "
    "--id COLUMN, or give an npy file (n, time, channels) of windows."
)
STEPS_SHAPE = "{n} steps of {series} series, each with its squared error"
CHANNELS_FIRST = (
    "{where}: X is read as {n} series (n, time, channels) with {steps} step(s) of {channels} channels. If these are "
    "(n, channels, time), as aeon and torch's convolutions have them, pass X.transpose(0, 2, 1)."
)
