"""What is said of a table whose columns are not all numbers: how each kind of column was read, one line per kind."""

NUMBERS = "numbers, scaled: {names}"
BOOLEANS = "true or false, as 1 and 0: {names}"
DURATIONS = "lengths of time, in seconds, scaled: {names}"
DATES = "dates, as time passed and the parts that vary (day of the year, day of the week, time of day): {names}"
CATEGORIES = "categories, one indicator per value: {names}"
LEFT_OUT = "left out: {names}"

GAPS = "{count} missing"
VALUES = "{kept} values"
MOST_FREQUENT = "the {kept} most frequent of {all} values, the others as {other!r} with how frequent they are"
RARE = "{kept} of {all} values, the rare ones as {other!r}"
OTHER = "other"

CONSTANT = "always {value}"
EMPTY = "no value"
IDENTIFIER = "every value differs, as in an id"
FILLED = "missing values are filled with the column's mean and marked by an indicator of their own"
NOT_NUMBERS = "read as missing: {count} of {rows} values of {name} that are not numbers, such as {value}"
NOT_DATES = "read as missing: {count} of {rows} values of {name} that are not dates, such as {value}"
AMBIGUOUS = "{name} is read as day, month, year, which its values do not decide; write dates as 2024-01-31 to be sure"

SCORES = "How each column comes back:"
SCORE = "  {name}  {measure} {score:.3f} ({what} {baseline:.3f})"
MEASURES = {
    "accuracy": ("accuracy", "the most frequent value"),
    "variance explained": ("variance explained", "the mean"),
}
MEAN_ERROR = "Mean reconstruction error: {mean:.6g} (mean squared difference, of the scaled columns)"
EXPLAINED = (
    "Share of variance explained: {score:.4f}, each column counting alike (1 is perfect, 0 is the training mean)"
)
READ_MIXED = "{name}: read as a table of {n} rows and {d} columns, not all of them numbers"
HOW_MIXED = (
    "Columns that are not numbers are made numbers in every fold by its training rows, the same for all candidates: "
    "every column counts alike, whatever it holds."
)
