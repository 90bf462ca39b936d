"""The public names are a contract: other people's scripts call them."""

from __future__ import annotations

import inspect

import pytest

import punar

NAMES = [
    "AnomalyDetector",
    "Autoencoder",
    "FeatureExtractor",
    "SequenceModel",
    "TransferLearner",
    "attention",
    "backbone",
    "compare",
    "errors",
    "extend",
    "gates",
    "gradient_flow",
    "latent_map",
    "layers",
    "learning_rates",
    "list_backbones",
    "load",
    "save",
]
EXTEND = [
    "AutoencoderModule",
    "Backbone",
    "BadItem",
    "Batch",
    "Cell",
    "FoundArrays",
    "FoundFiles",
    "FoundItems",
    "FoundTable",
    "LinearHead",
    "Meter",
    "Network",
    "Objective",
    "Plan",
    "Preparation",
    "Request",
    "RowsMeter",
    "Rule",
    "Sample",
    "Source",
    "Stack",
    "Stage",
    "Table",
    "Targets",
    "Task",
    "Term",
    "Tokens",
    "VectorTask",
    "View",
    "boolean",
    "check_params",
    "either",
    "instance",
    "integer",
    "none",
    "number",
    "one_of",
    "random_state",
    "widths",
]


def test_the_names_are_the_agreed_ones():
    assert punar.__all__ == NAMES
    assert sorted(NAMES) == NAMES
    assert set(dir(punar)) == {*NAMES, "__version__"}


@pytest.mark.parametrize("name", NAMES)
def test_each_name_resolves_and_explains_itself(name):
    value = getattr(punar, name)
    assert inspect.getdoc(value)
    if not inspect.ismodule(value):
        assert value.__name__ == name
        for method, f in inspect.getmembers(value, inspect.isfunction):
            if not method.startswith("_") and f.__module__.startswith("punar."):
                assert inspect.getdoc(f), f"{name}.{method}"


def test_a_wrong_name_is_an_attribute_error_with_a_hint():
    with pytest.raises(AttributeError, match=r"no attribute 'Autoencodr'\. Did you mean 'Autoencoder'\?"):
        _ = punar.Autoencodr


def test_the_names_for_people_who_extend():
    assert sorted(punar.extend.__all__) == punar.extend.__all__ == EXTEND
    for name in EXTEND:
        assert inspect.getdoc(getattr(punar.extend, name)), name


def test_every_error_is_a_punar_error_and_explained():
    from punar import errors

    own = [(n, c) for n, c in vars(errors).items() if inspect.isclass(c) and c.__module__ == errors.__name__]
    assert len(own) >= 15
    for name, cls in own:
        assert issubclass(cls, (errors.PunarError, errors.PunarWarning)), name
        assert inspect.getdoc(cls), name
    assert issubclass(errors.NotFittedError, errors.PunarError)
