"""What is said of the layouts that people bring: folders that are split, columns that are kept."""

from __future__ import annotations

ROOT = "The folder that the paths of --path begin in. Without it: the folder of DATA, or this one."
SUFFIX = "What the paths of --path lack at their end, such as .png."
KEEP = "A column of DATA that stands first in what is written, such as a key. May be given several times."
KEEP_TABLES = "--keep is for tables that are written with names; --out must end in .csv, .tsv or .parquet, got '{out}'."
KEEP_NOT_STEPS = "--keep is not for forecasts, whose rows are no rows of DATA: they begin with the id of the series."
ALL_RIGHT = "Items whose labels are all right, on the labels of DATA: {score:.4f}"

FOLDER_GONE = (
    "punar: the folder that this runs in does not exist any more: it was deleted or moved. Change to another one (cd) "
    "and say it again."
)

SPLIT_TRAIN = "{data}: it is split; {train} is learned from"
SPLIT_TEST = "{data}: {test} is left aside, to be measured on: punar predict MODEL {test}"
SPLIT_VAL = "{val}: to validate on"
ONLY_TEXT = "--out must end in {suffixes} for a table whose columns are not all numbers, got '{out}'."
TIMES_READ_AS = "times are read as '{form}' (--time-format)"
NO_TIMES_LEFT_OUT = " If the rows are in order as they are, leave it out: --drop {name}."
NOT_TOGETHER = (
    "{where}: the time stands in several columns, but {error}. Mend the value; or say which column is the time (--time "
    "COLUMN), and leave out what is none (--drop COLUMN)."
)
