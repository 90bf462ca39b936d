"""What ``punar --help`` says, and how messages and texts that a person types are spoken of on the command line."""

from __future__ import annotations

APP_HELP = """punar (पुनर्, "again"): reuse, reconstruct, remember, and measure which of them your data needs.

Reuse what a pretrained network knows (transfer learning for pictures, texts and recordings), reconstruct rows, pictures
or series through a narrow code (autoencoders, measured against PCA), remember sequences with gates (RNN, LSTM, GRU:
classify, tag or forecast them). Every fit says whether it learned, beside a baseline.

DATA is a built-in name (see: punar data), a csv, tsv, parquet, npy or npz file, or a folder of pictures or recordings
with one subfolder per class. A table may also have a column of texts, or of paths.
"""
APP_EPILOG = """\b
Reuse: a pretrained network on your own labels, and what of it is trained
  punar fit photos/ --backbone resnet18 --out photos-model
  punar layers resnet18 --unfreeze layer4
\b
Reconstruct: an autoencoder, and its codes as a map
  punar fit digits --latent-dim 2 --out digits-model
  punar latent digits-model digits --out map.html
\b
Remember: a recurrent network, and a look at its gates
  punar fit reviews.csv --target stars --cell lstm --out reviews-model
  punar gates reviews-model "a slow start, but what an ending" --out gates.html
\b
Which of them? A first look, without any file of your own:
  punar compare digits

Exit status: 0 done; 1 something failed that is not your input's fault; 2 the input or an option has to be changed,
and the message says how; 130 interrupted.
"""

# What a message says to who calls from Python -> what it says here.
SPOKEN = {
    'Pass fit(None, ["sports", "politics"]), or wordings of each: {"sports": ["sport", "football"], ...}.': (
        "Name them with --labels sports,politics."
    ),
    # Of a task; --size is what pictures are brought to where an autoencoder reads them.
    "Segmentation: size must be": "Segmentation: --set size must be",
    "Detection: size must be": "Detection: --set size must be",
    ": size must be at least": ": --set size must be at least",
    "or neither: fit(None).": "or leave DATA out.",
    "Repair or remove them.": "Repair or remove them, or leave them out (--skip-bad).",
}
TYPED = "read as one text, as it stands on the line"
TYPED_QUESTION = (
    "this model answers a question from a text that is given with it, and {data} is one text alone. Write both into a "
    "file, q.csv say: in its first line question,context and below it a line for each question, such as "
    '"Who won?","Asha won the race.". Then: punar predict MODEL q.csv'
)
TYPED_WORD = 'A text of one word is read as a text with a space after it: "{word} ".'
