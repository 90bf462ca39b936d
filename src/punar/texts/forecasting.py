"""What a forecasting model says: warnings about its data, and the verdict of its fit."""

IRREGULAR = (
    "{where}: the times of {named} ({count} of {n} series) are not equally far apart. They are taken as equal steps in "
    "their order; insert the missing times if that is wrong (freq= with missing='mask', or filled).{unknown}"
)
UNKNOWN = " They follow no calendar that punar knows, so the forecasts of such series have no times."

CONSTANT = "The held-out values do not change: there is nothing to forecast."
LEARNED = "Learned: MASE {model:.3f} (MAE {mae:.4g}) on {rows} {which} windows of {horizon} steps; {others}."
DID_NOT_LEARN = (
    "Did not learn: MASE {model:.3f} (MAE {mae:.4g}) on {rows} {which} windows of {horizon} steps is not better than "
    "what needs no learning; {others}."
)
POWER = " An error lower by {effect:.0%} of the last value's would have been seen in 80 of 100 cases."
CANNOT_TELL = (
    "Cannot tell whether it learned: MASE {model:.3f} (MAE {mae:.4g}) on {rows} {which} windows of {horizon} steps; "
    "{others}."
)
OTHERS = {
    "last_value": "the last value {mase:.3f}",
    "seasonal_naive": "the last season of {season} steps {mase:.3f}",
    "mean": "the mean {mase:.3f}",
    "drift": "the drift {mase:.3f}",
    "linear": "a linear autoregression {mase:.3f}",
}
IS_BEST = " {name} is the best of these."
IS_BETTER = " {better} is better here, and costs less."
IS_EQUAL = " No clear difference to {better}, which costs less."
NAMES = {
    "last_value": "The last value",
    "seasonal_naive": "Repeating the last season",
    "mean": "The mean",
    "drift": "The drift",
    "linear": "The linear autoregression",
}
ON_LINEAR = "the linear autoregression with what the {cell} adds"
ON_NAIVE = "the {cell}"
