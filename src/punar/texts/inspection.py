"""What looking into a network says: ``punar.gradient_flow``, and the page of ``punar gates``."""

from __future__ import annotations

# -- the command

GATES_HELP = """Look inside a recurrent model while it reads one sequence.

Writes a page with a heat map of every gate (forget, input, output, update, reset) and state, units by time, with the
words or values that were read along the time axis, the means over time, and how much of the loss's gradient reaches
each step. MODEL is a folder with a sequence model, or an autoencoder with a recurrent network.
"""
GATES_EXAMPLES = """\b
Examples:
  punar gates reviews-model reviews.csv --out gates.html
  punar gates digits-model spoken/ --item 12 --out gates.html
  punar gates digits-model one.wav --out gates.html
  punar gates reviews-model "a slow start, but what an ending" --out gates.html
  punar gates lstm-model machine.csv --beside gru-model --beside rnn-model --out gates.html
"""
GATES_OUT = "The .html file to write."
GATES_ITEM = "Which sequence of DATA, counted from 0."
GATES_BESIDE = "Another model, whose gradient is drawn beside. May be given several times."
GATES_WRITTEN = "gates, layers times directions: {n}"
GATES_RATIO = "{model}, {layer}: gradient at the step read first / last: {ratio:.2g}"
GATES_MADE = "Made by punar {punar} with torch {torch}, Python {python}."

# -- gradient flow, as text

FLOW_TITLE = "|d loss / d h_t|: mean of {n} sequences, {steps} steps, loss {loss:.4g}"
FLOW_HEAD = ("layer", "read first", "read last", "first / last", "per step")

# -- the page

DID_NOT_LEARN = "This model did not learn; what is drawn here says little about the data. {verdict}"
CANNOT_TELL = "It is not known whether this model learned. {verdict}"
TITLE = "Inside {model}: {item} of {data}"
CELLS = {"Lstm": "LSTM", "Gru": "GRU", "Rnn": "Plain recurrent network", "MinGru": "minGRU", "MinLstm": "minLSTM"}
LEAD = "{cell}, {units} units per layer and direction; {steps} steps"
ERROR = "reconstruction error {value:.4g}"
CLASS = "predicted: {name} ({share:.0%})"
NUMBERS = "predicted: {values}"
UNKNOWN, NO_WORD = "({word})", "∅"
CAPTION_UNKNOWN = "Words in brackets are not in the model's vocabulary."
LAYER = "Layer {number}"
LAYER_REVERSE = "Layer {number}, reading from the end to the start"
READ = "read\n(as scaled)"
CHANNEL = "channel {number}"
UNITS = "{n} units"
BANDS = "{n} bands"
MEAN = "mean gate"
MEAN_SIZE = "mean size\n|value|"
STEP = "step"
SECONDS = "seconds"
FOREVER = "over 10,000"
HALF_LIVES = "{0} · {1} · {2}"

HEAD_TABLE = "Gates in numbers"
TABLE_HEAD = ("layer", "gate", "mean", "nearly shut (< 0.1)", "nearly open (> 0.9)", "half-life in steps")
CAPTION_TABLE = (
    "Over all units and steps of this sequence. Half-life: how many steps it takes until half of what a unit holds is "
    "gone, at its mean rate; the tenth of units that forgets fastest, the middle one, the tenth that keeps longest."
)
CAPTION_GATES = (
    "Each row of a heat map is a unit, each column a step. Gates run from 0 (shut, dark) to 1 (open, yellow); "
    "candidates and states are blue below zero and red above, each on its own scale."
)
CAPTION_ORDER = (
    "Units stand in one order in all maps of a layer: those that keep most from step to step, by the mean of “{name}”, "
    "at the top."
)
CAPTION_NO_ORDER = "Units stand in the network's own order."
CAPTION_STATES = (
    "Each row of the heat map is a unit, each column a step; blue is below zero, red above. This cell has no gates."
)
CAPTION_REVERSE = "Layers that read from the end are drawn in the order of time: what they read first is on the right."

HEAD_FLOW = "Where the gradient goes"
FLOW_AXIS = "|∂ loss / ∂ hₜ|"
FLOW_TABLE_HEAD = ("model", "layer", "first step / last step read")
CAPTION_FLOW = (
    "How strongly the loss of this sequence depends on the hidden state at each step, later steps included. Where the "
    "line has fallen by many powers of ten, training cannot connect what was read there with the answer. The loss is "
    "the model's own, against {target}."
)
CAPTION_NO_FLOW = (
    "No gradient is drawn: it needs a loss that is taken from the states of what was read, and nothing else."
)
FLOW_TARGETS = {
    "given": "the sequence's own label",
    "own": "the class that it predicts",
    "mean": "the training mean",
    "input": "the sequence itself",
    "linear": "the forecast that the network adds to",
}


def layer(name: str) -> str:
    """Return a layer's name for readers.

    >>> layer("hidden_l1_reverse"), layer("hidden")
    ('layer 2, from the end', 'layer 1')
    """
    base = name.removesuffix("_reverse")
    number = int(base.partition("_l")[2] or 0) + 1
    return f"layer {number}, from the end" if base != name else f"layer {number}"


RATES = (
    "The loss falls fastest at a learning rate of {suggestion:.1e} and is lowest at {highest:.1e} ({steps} steps, "
    "{low:.0e} to {last:.0e}). Take the first, or a tenth of the second."
)
RATES_AXIS = "learning rate"
RATES_TITLE = "smoothed loss by learning rate"
RATES_NOTHING = (
    "No learning rate from {low:.0e} to {last:.0e} lowered the loss in {steps} steps: there may be nothing to learn, "
    "or more steps are needed (steps=)."
)
