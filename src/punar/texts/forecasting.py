"""What a forecasting model says: warnings about its data, and the verdict of its fit."""

IRREGULAR = (
    "{where}: the times of {named} ({count} of {n} series) are not equally far apart. They are taken as equal steps in "
    "their order; insert the missing times (with missing='mask', or filled) if that is wrong."
)
