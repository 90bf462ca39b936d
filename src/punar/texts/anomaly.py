"""What an anomaly detector says of its fit."""

VERDICT = (
    "Of rows like those of the fit at most {alpha:.1%} are flagged: {held_out} held-out rows set the threshold; "
    "{flagged} of all {rows} rows lie beyond it."
)
VERDICT_TRIMMED = " {trimmed} of the rows, the oddest ones, were left out as anomalies (trim={trim:g})."
VERDICT_ALIKE = " All held-out rows have the same score: only what differs from them is flagged."
WIDER = (
    "{where}: {held_out} held-out rows tell at most one row in {least} from the others, so that alpha is {alpha:.3g} "
    "in place of 0.05. Give more rows, a larger calibration_fraction, or alpha."
)
