"""scikit-learn's own checks, nothing skipped, failed or excused."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

import punar
from punar.errors import ParameterTypeError
from punar.objectives.variational import Variational

_CHECKS = """
import sys
import warnings
from sklearn.utils.estimator_checks import check_estimator
import punar
warnings.simplefilter("ignore")
found = check_estimator(eval(sys.argv[1]), on_skip=None, on_fail=None)
for one in found:
    print(one["status"], one["check_name"], repr(one["exception"])[:300])
"""


@pytest.mark.parametrize(
    "estimator",
    [
        "punar.Autoencoder()",
        "punar.AnomalyDetector()",
    ],
)
def test_check_estimator_with_nothing_excused(estimator: str) -> None:
    # SCIPY_ARRAY_API is read when scipy is imported, so this needs a process of its own.
    env = os.environ | {"SCIPY_ARRAY_API": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _CHECKS, estimator], env=env, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert len(lines) > 40
    assert [line for line in lines if not line.startswith("passed ")] == []


@pytest.mark.parametrize(
    "name",
    [
        "check_set_output_transform",
        "check_set_output_transform_pandas",
        "check_set_output_transform_polars",
        "check_global_output_transform_pandas",
        "check_global_set_output_transform_polars",
        "check_dataframe_column_names_consistency",
        "check_transformer_get_feature_names_out",
        "check_transformer_get_feature_names_out_pandas",
    ],
)
def test_output_and_name_checks_with_pandas_and_polars(name: str) -> None:
    pytest.importorskip("polars")
    check = getattr(estimator_checks, name)
    with warnings.catch_warnings():
        # These checks fit random noise, and mix named with unnamed columns on purpose; both rightly warn.
        warnings.simplefilter("ignore", punar.errors.DidNotLearnWarning)
        warnings.filterwarnings("ignore", message="X (has|does not have valid) feature names")
        check("Autoencoder", punar.Autoencoder(epochs=2))


def test_pipeline_grid_search_and_clone() -> None:
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(punar.Autoencoder(epochs=3, random_state=0), {"latent_dim": [1, 3]}, cv=3).fit(X)
    assert search.best_params_ == {"latent_dim": 3}
    nested = punar.Autoencoder(Variational(), epochs=2, random_state=0).set_params(objective__beta=0.5)
    assert clone(nested).objective.beta == 0.5
    pipe = make_pipeline(punar.Autoencoder(latent_dim=2, epochs=30, random_state=0), LogisticRegression())
    score = cross_val_score(pipe, X, y, cv=3).mean()
    assert score > 0.75  # chance is 1/3


def test_pandas_in_names_out() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 3)), columns=["ऊँचाई", "चौड़ाई", "भार"])
    ae = punar.Autoencoder(epochs=2, random_state=0).set_output(transform="pandas").fit(frame)
    codes = ae.transform(frame)
    assert list(codes.columns) == ["autoencoder0", "autoencoder1"]
    assert list(ae.feature_names_in_) == ["ऊँचाई", "चौड़ाई", "भार"]
    with pytest.raises(ValueError, match="feature names should match"):
        ae.transform(frame.rename(columns={"भार": "वज़न"}))


def test_a_nested_parameter_of_a_string_part_gets_a_kind_error() -> None:
    with pytest.raises(ParameterTypeError, match=r"objective__beta cannot be set because objective='variational'"):
        punar.Autoencoder("variational").set_params(objective__beta=2.0)
