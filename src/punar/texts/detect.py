"""Words of ``punar detect``."""

DETECT_HELP = """Find rows, pictures or items of DATA that are unlike the others.

No labels are needed. A share of the rows is held out and sets the threshold, so that of usual rows at most --alpha is
flagged. The oddest are listed, with the columns that make them odd.
"""
DETECT_EXAMPLES = """\b
Examples:
  punar detect payments.csv --out odd.csv
  punar detect payments.csv --drop id --alpha 0.01 --save payments-detector
  punar detect new-payments.csv --model payments-detector --out odd.csv
  punar detect parts/ --backbone mobilenet_v2 --out odd.csv
"""

MODEL = (
    "A folder that `punar detect --save` or punar.save has written: it judges DATA. Without it DATA is judged by "
    "itself."
)
OUT = "A .csv, .tsv, .parquet or .npy file for the score, the p-value and the flag of every row."
SAVE = "A new folder for the detector, to judge other data with --model."
METHOD = "neighbors (the default) or autoencoder."
ALPHA = "Share of usual rows that may be flagged. [default: 0.05]"
TRIM = "Share of the rows that are taken for anomalies already and left out of the fit. [default: 0]"
PANEL = "Anomalies"
HELD_OUT = "Share of the rows that sets the threshold. [default: a quarter, more where --alpha needs it]"
SEED = "Fixes which rows are held out."
NOT_WITH_MODEL = "{option} is for a new detector; with --model it is known already. Leave one of them out."
NOT_WITH_BACKBONE = (
    "{option} is for tables and pictures that are judged as they are; leave it out with a pretrained network."
)
NEEDS_BACKBONE = "{option} is for items that a pretrained network reads: name one with --backbone, or leave it out."
KNOWN_BY_MODEL = "{option} is not needed: the detector knows the form of its rows. Leave it out."
NO_DETECTOR = (
    "{model} holds no detector, but a model of the kind {kind}: make one with `punar detect DATA --save FOLDER`."
)
FLAGGED = "{flagged} of {rows} rows are flagged; of usual rows at most {alpha:.1%} would be."
ODDEST = "The oddest first, with what adds most to it:"
ODD_ROW = "  {name}  score {score:.4g}, p-value {p:.3g}"
BECAUSE = "; {columns}"
SCORES = "scores of {n} rows"
SAVED = "Saved: {path}\nNext: punar detect {data} --model {path}"
