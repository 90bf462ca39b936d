"""What a model must beat, each written once.

Fit reports (``models/*/report``) and comparisons take their baselines from here. Each learns from what it is fitted on
and is asked about other rows; none sees what it is measured on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from punar.core.lazy import lazily

if TYPE_CHECKING:
    from punar.baselines.constant import chance as chance
    from punar.baselines.constant import chance_score as chance_score
    from punar.baselines.constant import random_codes as random_codes
    from punar.baselines.forecasts import Autoregression as Autoregression
    from punar.baselines.forecasts import Drift as Drift
    from punar.baselines.forecasts import LastSeason as LastSeason
    from punar.baselines.forecasts import LastValue as LastValue
    from punar.baselines.forecasts import mase_scale as mase_scale
    from punar.baselines.kernels import random_kernels as random_kernels
    from punar.baselines.kinds import linear_for as linear_for
    from punar.baselines.linear import coefficients as coefficients
    from punar.baselines.linear import head_answers as head_answers
    from punar.baselines.linear import linear_model as linear_model
    from punar.baselines.linear import raw_answers as raw_answers
    from punar.baselines.linear_autoregression import LinearAutoregression as LinearAutoregression
    from punar.baselines.linear_autoregression import fit_linear as fit_linear
    from punar.baselines.neighbours import NearestNeighbour as NearestNeighbour
    from punar.baselines.pca import pca_reconstruction as pca_reconstruction
    from punar.baselines.random_code import random_reconstructions as random_reconstructions
    from punar.baselines.summary import Statistics as Statistics
    from punar.baselines.summary import statistics as statistics
    from punar.baselines.tags import linear_per_step as linear_per_step
    from punar.baselines.tags import most_frequent_tag as most_frequent_tag
    from punar.baselines.texts import nearest_text as nearest_text
    from punar.baselines.words import bag_of_words as bag_of_words

_HOME = {
    "Autoregression": "forecasts",
    "Drift": "forecasts",
    "LastSeason": "forecasts",
    "LastValue": "forecasts",
    "LinearAutoregression": "linear_autoregression",
    "NearestNeighbour": "neighbours",
    "Statistics": "summary",
    "bag_of_words": "words",
    "chance": "constant",
    "chance_score": "constant",
    "coefficients": "linear",
    "fit_linear": "linear_autoregression",
    "head_answers": "linear",
    "linear_for": "kinds",
    "linear_model": "linear",
    "linear_per_step": "tags",
    "mase_scale": "forecasts",
    "most_frequent_tag": "tags",
    "nearest_text": "texts",
    "pca_reconstruction": "pca",
    "random_codes": "constant",
    "random_kernels": "kernels",
    "random_reconstructions": "random_code",
    "raw_answers": "linear",
    "statistics": "summary",
}
__all__ = sorted(_HOME)
__getattr__ = lazily(__name__, _HOME)
