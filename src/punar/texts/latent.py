"""What ``punar latent`` and :func:`punar.latent_map` say."""

from __future__ import annotations

LATENT_HELP = """Draw the latent space of a model: where its codes put the rows of DATA.

Writes a page with a map of the codes in two dimensions, coloured by label, with a figure beside PCA's map of the same
rows; the nearest neighbours of some rows; and, for an autoencoder, what each latent dimension changes. A .svg or .png
file holds the map alone. MODEL is a folder with an autoencoder, or with any other model, whose features are drawn then.
"""
LATENT_EXAMPLES = """\b
Examples:
  punar latent digits-model digits --out map.html
  punar latent flowers-model flowers.csv --target species --out map.html
  punar latent photos-model photos/ --out map.png
"""
OUT = "The .html, .svg or .png file to write."
WRITTEN = "{n:,} codes of {size} numbers"

TITLE = "The latent space of {model}: {data}"
LEAD = "{n:,} rows, each a code of {size} numbers"
LEAD_SOME = "{n:,} of {total:,} rows, evenly spread, each a code of {size} numbers"
HEAD_MAP = "Map"
AXIS_CODE = "latent {number}"
AXIS_PCA = "component {number} of the codes"
AXIS_ROW = "row"
CAPTION_PLAIN = "The two latent dimensions themselves."
CAPTION_ONE = "The one latent dimension, from left to right; rows from bottom to top in their order."
CAPTION_PCA = (
    "The first two principal components of the codes. They hold {explained:.0%} of the codes' variance: rows that lie "
    "together here may be apart in the other dimensions."
)
CAPTION_HOVER = "A point's row, and label, show when the pointer rests on it."
CAPTION_NUMBERS = "Colour: the label, from its lowest twelfth (blue) to its highest (yellow)."
EDGE = "Points beyond the middle 99 % of an axis are drawn at its edge."

SCORE_LABEL = "nearest neighbour has the same label"
SCORE_TRUST = "trustworthiness (neighbours in the map that are neighbours in the data, 5 each)"
SCORE_THIS, SCORE_PCA, SCORE_CODE, SCORE_CHANCE = "this map", "PCA's map of the rows", "the whole code", "chance"
CHANCE_LABEL = "largest class, {share:.3f}"
CAPTION_SCORE = (
    "The share of rows whose nearest neighbour, itself left out, has the same label. The labels were not seen by an "
    "autoencoder; a model that was trained on these very rows and labels will look better than it is."
)
CAPTION_TRUST = (
    "Trustworthiness (Venna and Kaski 2001): 1 where each row's neighbours in the map are neighbours among the rows; a "
    "random map has about 0.5."
)

HEAD_NEAR = "Neighbours"
CAPTION_NEAR = "On the left a row, then the rows with the nearest codes, nearest first, and how far away they are."
HEAD_TRAVERSAL = "What each latent dimension changes"
CAPTION_TRAVERSAL = (
    "One dimension of the code runs from its 5th to its 95th percentile, left to right; all others stay at their "
    "median. The dimensions that vary most come first."
)
CAPTION_BARS = "Each bar is a column, in standard deviations from its mean, up or down, in the order {columns}."
CAPTION_LINES = "Each line is a channel over the steps."
MORE_COLUMNS = "{named} and {n} more"
ROW_NAME = "row {number}"
MADE = "Made by punar {punar} with torch {torch}, Python {python}."
