"""What is said of the times of a table: formats that are asked for, rows without one, calendars."""

from __future__ import annotations

NO_TIMES = (
    "{column} must hold numbers, dates or text like 2024-01-31, got {found}. Say in which format its texts are "
    "({option}'%d.%m.%Y'), or convert it first, for example with pandas.to_datetime."
)
NOT_IN_FORMAT = (
    "{column}: {found} in {at} is no time in the format '{form}'{like} ({count:,} of {n:,} rows do not fit). Repair "
    "or drop the row, or give the format of all."
)
NO_FORMAT = (
    "{where}: {option}{form} is no format of times: {error}. Write it as strftime does: %Y year, %m month, %d day, %b "
    "month's name, %H:%M:%S, %z offset, %q quarter, %G-W%V ISO week."
)
AMBIGUOUS = (
    "{column}: {found} in {at} may be {day} ('{one}') or {other_day} ('{other}'), and no row shows which. Say it: "
    "{option}'{one}' or {option}'{other}'."
)
MIXED = (
    "{column} mixes two orders: {found} in {at} can only be '{form}', and {like} in {at_like} only '{best}'. Write all "
    "rows in one format."
)
OFFSETS = (
    "{column} has {count} offsets from UTC, as a clock with summer time has, and names no zone. The times are kept as "
    "moments; what is forecast goes on with the last offset ({last}). Give a zone to be exact: "
    "pandas.to_datetime(column, utc=True).dt.tz_convert('Europe/Berlin')."
)
BACKWARDS = (
    "{where}: the row labels run backwards, from {first} to {last}: the rows seem to be reversed. If their order is "
    "right as it is, use X.reset_index(drop=True); if the labels count time, X.sort_index(), or name the times "
    "(time_column=, or an index of dates)."
)
UNSORTED = (
    "{where}: the row labels are whole numbers in no order ({first}, {second}, ...): the rows seem to be shuffled. If "
    "their order is right as it is, use X.reset_index(drop=True); if the labels count time, X.sort_index(), or name "
    "the times (time_column=, or an index of dates)."
)
LEVELS = (
    "{where}: the index has the levels {levels}, and it is not plain which are ids and which times. Name them: "
    "id_column= and time_column= (levels of the index may be named like columns)."
)
TWICE = (
    "{where}: {named} has two rows at time {time} ({one} and {other}; column {column}). Drop one, or average them: "
    "X.groupby([id, time]).mean().{several}"
)
SEVERAL = " If the rows belong to several series, say which to which: {option}."
UNKNOWN_STEP = (
    "{where}: the times of {named} follow no calendar that punar knows, so those of the steps to come are not known "
    "and future= cannot be checked by its times. Leave them out (the {horizon} rows in their order), or fit with freq= "
    "if the calendar has a name."
)
NO_FREQ = (
    "{where}: freq={freq} is no step. Give a pandas frequency ('D', 'B', 'h', 'W-SUN', 'MS', 'QE'), days of the week "
    "('Mon Tue Wed Thu Fri Sat'), 'auto', or a number where times are numbers."
)
FREQ_NEEDS_TIMES = "{where}: freq= needs times: an index of dates, or time_column=."
NO_AUTO_FREQ = (
    "{where}: the times of {named} follow no calendar that punar knows; name it in place of freq='auto', for example "
    "freq='h'."
)
NOT_ON_CALENDAR = (
    "{where}: {named} has the time {time}, which is not one of the steps freq={freq} from {first} on. Give a freq that "
    "has all its times, or move or drop that row."
)
TOO_MANY_STEPS = (
    "{where}: freq={freq} makes {count:,} steps of the {n:,} of {named}; that is hardly meant. Give a longer step."
)
INSERTED = (
    "{where}: freq={freq} inserts {count:,} steps that {named} does not have, the first at {time}. Say that they are "
    "missing (missing='mask'), or fill them."
)
UNKNOWN_IDS = (
    "{where}: future has series {ids}, which {count} not among those that are forecast. Leave out its rows, or pass "
    "the series in X."
)
NOT_TOGETHER = (
    "{where}: the time stands in several columns, but {error}. Mend the value; or say which column is the time (--time "
    "COLUMN), and leave out what is none (--drop COLUMN)."
)
