"""Arrays, tensors and tables in the layouts of other libraries: read right, or refused with what to write."""

from __future__ import annotations

import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

import punar
from punar import errors
from punar.data import layouts
from punar.data.channels import are_first, say_if_first
from punar.data.columns import kind_of, numbers_of

LENGTHS = (3, 7, 5, 2, 7, 4, 6, 7, 1, 5, 3, 6)


@pytest.fixture(scope="module")
def series():
    generator = np.random.default_rng(11)
    X = [generator.normal(size=(n, 2)) for n in LENGTHS * 2]
    return X, np.array([int(x[0, 0] > 0) for x in X])


@pytest.fixture(scope="module")
def model(series):
    return punar.SequenceModel("gru", hidden_size=4, epochs=2, random_state=0).fit(*series)


def padded(X):
    out = np.full((len(X), max(map(len, X)), X[0].shape[1]), np.nan)
    for row, x in zip(out, X, strict=True):
        row[: len(x)] = x
    return out


def tensors(X):
    return [torch.from_numpy(x) for x in X]


class Lazy:
    """A table that is computed when it is asked for, as polars has it."""

    def __init__(self, table):
        self._table = table

    def collect_schema(self):
        return list(self._table.columns)

    def collect(self):
        return self._table


# -- sequences


FORMS = {
    "padded with NaN": padded,
    "padded tensor": lambda X: torch.from_numpy(padded(X)),
    "tensors": tensors,
    "tensors with a gradient": lambda X: [t.requires_grad_() for t in tensors(X)],
    "packed": lambda X: pack_sequence(tensors(X), enforce_sorted=False),
    "values and lengths": lambda X: pad_packed_sequence(pack_sequence(tensors(X), enforce_sorted=False)),
    "batch first": lambda X: pad_packed_sequence(pack_sequence(tensors(X), enforce_sorted=False), batch_first=True),
    "nested": lambda X: torch.nested.nested_tensor(tensors(X)),
    "jagged": lambda X: torch.nested.nested_tensor(tensors(X), layout=torch.jagged),
    "arrays of objects": lambda X: [x.astype(object) for x in X],
    "decimals": lambda X: [np.array([[Decimal(repr(float(v))) for v in row] for row in x]) for x in X],
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_layout_gives_the_answers_of_a_list(model, series, form):
    X, y = series
    np.testing.assert_array_equal(model.predict_proba(FORMS[form](X)), model.predict_proba(X))
    again = punar.SequenceModel("gru", hidden_size=4, epochs=2, random_state=0).fit(FORMS[form](X), y)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_steps_after_the_end_carry_no_tags(series):
    X, _ = series
    array = padded(X)
    tags = (np.nan_to_num(array[..., 0]) > 0).astype(int)
    of_list = [t[: len(x)] for t, x in zip(tags, X, strict=True)]
    fit = lambda X, y: punar.SequenceModel("gru", "tagging", 4, epochs=2, random_state=0).fit(X, y)  # noqa: E731
    one, other = fit(array, tags), fit(X, of_list)
    for found, wanted in zip(one.predict(array), other.predict(X), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert one.score(array, tags) == other.score(X, of_list)


def test_missing_steps_inside_and_before_the_start_stay_what_they_were(model, series):
    array = padded(series[0])
    inside = array.copy()
    inside[1, 3] = np.nan
    with pytest.raises(errors.DataError, match=r"X\[1\] has nan at step 3, channel 0.*Fill or drop it"):
        model.predict(inside)
    front = array.copy()
    front[1, :2] = np.nan
    with pytest.raises(errors.DataError, match="the 2 steps of NaN before the start are padding, pad after the end"):
        model.predict(front)
    with pytest.raises(errors.DataError, match=r"X\[0\] has nan at step 3"):
        model.predict(list(array))  # items of a list have lengths of their own


def test_padding_of_many_series_to_forecast_is_after_their_ends():
    generator = np.random.default_rng(0)
    X = [np.sin(np.arange(n) / 3)[:, None] + generator.normal(0, 0.1, (n, 1)) for n in (40, 50, 60)]
    fit = lambda X: punar.SequenceModel("gru", "forecasting", 4, horizon=2, epochs=1, random_state=0).fit(X)  # noqa: E731
    np.testing.assert_array_equal(fit(padded(X)).predict(), fit(X).predict())


def test_pairs_that_are_no_padded_sequences_stay_two_series():
    pair = (np.zeros((4, 2)), np.ones((6, 2)))
    assert layouts.known(pair, "here") is pair
    with pytest.raises(errors.DataTypeError, match="lengths from 1 to 4, the steps of values, got 1 to 9"):
        layouts.known((np.zeros((2, 4, 1)), np.array([1, 9])), "here")
    with pytest.raises(errors.DataTypeError, match=r"X must be dense.*to_dense"):
        layouts.known(torch.eye(3).to_sparse(), "here")


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_recurrent_autoencoders_read_them_too(series):
    X = series[0]
    model = punar.Autoencoder(network="gru", latent_dim=2, epochs=2, random_state=0).fit(X)
    codes = model.transform(X)
    for form in ("padded with NaN", "packed", "values and lengths", "nested", "tensors with a gradient"):
        given = FORMS[form](X)
        np.testing.assert_array_equal(model.transform(given), codes)
        written = model.reconstruct(given)
        for found, wanted in zip(written, model.reconstruct(X), strict=True):
            np.testing.assert_array_equal(found[: len(wanted)], wanted)


# -- which axis holds the channels


@pytest.mark.parametrize(
    ("shape", "along", "said"),
    [
        ((20, 1, 30), None, True),
        ((20, 4, 40), None, True),
        ((20, 24, 51), 2, True),
        ((20, 24, 51), 1, False),
        ((20, 24, 51), None, False),
        ((20, 10, 300), None, False),
        ((20, 30, 1), None, False),
        ((20, 8, 8), 2, False),
        ((20, 1, 3), None, False),
    ],
)
def test_channels_that_look_like_time_are_said(shape, along, said):
    X = np.random.default_rng(1).normal(size=shape)
    X = X if along is None else X.cumsum(along)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        say_if_first(list(X), "here")
    assert bool(caught) == said
    if said:
        assert f"of {shape[2]} channels" in str(caught[0].message)
        assert "X.transpose(0, 2, 1)" in str(caught[0].message)


def test_fits_say_it_and_predictions_name_the_axis():
    X = np.random.default_rng(0).normal(size=(16, 1, 30))
    for make in (
        lambda X: punar.SequenceModel(hidden_size=3, epochs=1).fit(X, np.arange(16) % 2),
        lambda X: punar.Autoencoder(network="lstm", epochs=1).fit(X),
    ):
        for form in (X, torch.from_numpy(X), list(X)):
            with pytest.warns(errors.PunarWarning, match="1 step.s. of 30 channels"):
                make(form)
        right = make(X.transpose(0, 2, 1))
        with pytest.raises(errors.DataError, match=r"expecting 1 channels.*n, channels, time.*transpose"):
            right.transform(X)
    with pytest.raises(errors.DataError, match=r"has length 1.*1 step.s. of 30 channels. Pass X.T"):
        punar.SequenceModel(task="forecasting", horizon=2).fit(X[0])
    named = [pd.DataFrame(x, columns=[f"c{i}" for i in range(30)]) for x in X]
    punar.SequenceModel(hidden_size=3, epochs=1).fit(named, np.arange(16) % 2)  # no warning: its columns are named


# -- pictures


PIXELS = np.random.default_rng(2).random((8, 3, 12, 14)).astype(np.float32)
FIRST = {
    "floats": PIXELS,
    "bytes": (PIXELS * 255).astype(np.uint8),
    "tensor": torch.from_numpy(PIXELS),
    "list": list(PIXELS),
    "tensors": list(torch.from_numpy(PIXELS)),
    "grey": PIXELS[:, :1],
    "four": np.concatenate([PIXELS, PIXELS[:, :1]], axis=1),
}


@pytest.mark.parametrize("form", FIRST, ids=str)
def test_channels_first_pictures_are_refused_with_what_to_write(form):
    X, y = FIRST[form], np.arange(8) % 2
    calls = [
        lambda: punar.TransferLearner("starter", cache=False).fit(X, y),
        lambda: punar.FeatureExtractor("starter", cache=False).transform(X),
        lambda: punar.Autoencoder(network="conv", epochs=1).fit(X),
    ]
    for call in calls:
        with pytest.raises(errors.DataError, match=r"channels last. Pass np.moveaxis\([xX], [01], -1\)"):
            call()


def test_pictures_with_channels_last_are_read_in_every_form():
    last = np.moveaxis(PIXELS, 1, -1)
    extractor = punar.FeatureExtractor("starter", cache=False)
    for X in (torch.from_numpy(last), list(last), list(torch.from_numpy(last))):
        np.testing.assert_array_equal(extractor.transform(X), extractor.transform(last))
    ae = punar.Autoencoder(network="conv", epochs=1, random_state=0).fit(last)
    np.testing.assert_array_equal(ae.transform(list(torch.from_numpy(last))), ae.transform(last))
    assert not are_first((3, 12, 3)), "three pixels high, with three channels"


def test_the_pictures_of_a_torch_dataset_have_their_channels_first():
    data = torch.utils.data.TensorDataset(torch.from_numpy(PIXELS), torch.arange(8) % 2)
    extractor = punar.FeatureExtractor("starter", cache=False)
    wanted = extractor.transform(np.moveaxis(PIXELS, 1, -1))
    np.testing.assert_array_equal(extractor.transform(data), wanted)
    learner = punar.TransferLearner("starter", cache=False, random_state=0).fit(data, np.arange(8) % 2)
    assert len(learner.predict(data)) == 8


# -- columns


VALUES = [1.5, 2.0, -3.25]
KINDS = {
    "float": pd.Series(VALUES),
    "Float64": pd.Series(VALUES, dtype="Float64"),
    "arrow": pd.Series(VALUES, dtype="double[pyarrow]"),
    "arrow decimal": pd.Series([Decimal(str(v)) for v in VALUES], dtype=pd.ArrowDtype(pa.decimal128(10, 4))),
    "decimal": pd.Series([Decimal(str(v)) for v in VALUES]),
    "objects": pd.Series(VALUES, dtype=object),
    "polars": pl.Series(VALUES).to_pandas(),
}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_numbers_of_every_type_are_numbers(kind):
    np.testing.assert_array_equal(numbers_of(KINDS[kind], "x", "here"), VALUES)
    gap = KINDS[kind].copy()
    gap.iloc[1] = None
    np.testing.assert_array_equal(numbers_of(gap, "x", "here"), [1.5, np.nan, -3.25])


def test_whole_numbers_and_booleans_are_numbers():
    for dtype in ("int8", "Int64", "int64[pyarrow]", "bool", "boolean", "bool[pyarrow]", object):
        np.testing.assert_array_equal(numbers_of(pd.Series([1, 0, 1], dtype=dtype), "x", "here"), [1, 0, 1])
    missing = pd.Series([1, pd.NA, np.nan, None, True, Decimal("2.5")], dtype=object)
    np.testing.assert_array_equal(numbers_of(missing, "x", "here"), [1, np.nan, np.nan, np.nan, 1, 2.5])
    with pytest.raises(errors.DataError, match="beyond the range of floats"):
        numbers_of(pd.Series([10**400, 1], dtype=object), "x", "here")


DAYS = pd.date_range("2021-03-01", periods=3)
REFUSED = {
    "dates": (pd.Series(DAYS), "holds|time_column='d'"),
    "zoned dates": (pd.Series(DAYS.tz_localize("Asia/Tokyo")), "time_column='d'"),
    "date objects": (pd.Series(DAYS.date), "time_column='d'"),
    "periods": (pd.Series(DAYS.to_period()), "time_column='d'"),
    "arrow dates": (pd.Series(DAYS.date, dtype=pd.ArrowDtype(pa.date32())), "time_column='d'"),
    "spans": (pd.Series(DAYS - DAYS[0]), r"X\['d'\].dt.total_seconds"),
    "complex": (pd.Series([1j, 2, 3]), "Complex data not supported"),
    "text": (pd.Series(["a", "b", None]), "get_dummies"),
    "arrow text": (pd.Series(["a", "b", None], dtype=pd.ArrowDtype(pa.string())), "get_dummies"),
    "categories": (pd.Series(["a", "b", "a"], dtype="category"), "get_dummies"),
}


@pytest.mark.parametrize("kind", REFUSED, ids=str)
def test_what_is_no_number_is_refused_with_the_right_advice(kind):
    column, advice = REFUSED[kind]
    with pytest.raises(errors.DataTypeError, match=advice) as caught:
        numbers_of(column.rename("d"), "the column 'd'", "here", timed=True)
    assert ("get_dummies" in str(caught.value)) == (kind_of(column) == "text")
    table = pd.DataFrame({"v": [1.0, 2.0, 3.0], "d": column})
    with pytest.raises(errors.DataTypeError, match="'d' must hold numbers"):
        punar.SequenceModel(task="forecasting", horizon=1).fit(table)


def test_autoencoders_read_nullable_arrow_and_lazy_tables():
    generator = np.random.default_rng(0)
    table = pd.DataFrame(generator.normal(size=(30, 3)), columns=list("abc"))
    model = punar.Autoencoder(latent_dim=2, epochs=2, random_state=0).fit(table)
    codes = model.transform(table)
    for form in (
        table.astype("Float64"),
        table.astype("double[pyarrow]"),
        table.astype(object),
        table.map(lambda v: Decimal(repr(v))),
        pl.from_pandas(table),
        Lazy(pl.from_pandas(table)),
        pl.from_pandas(table).lazy(),
        pa.Table.from_pandas(table),
    ):
        np.testing.assert_array_equal(model.transform(form), codes)
    gap = table.astype("Float64")
    gap.iloc[4, 1] = pd.NA
    with pytest.raises(errors.DataError, match=r"1 value.s. of X are NaN or infinite, the first in row 4, column 'b'"):
        model.transform(gap)
    with pytest.raises(errors.DataTypeError, match="datetime64"):
        punar.Autoencoder().fit(DAYS.to_numpy()[:, None])
    frame = model.set_output(transform="pandas").transform(table.set_index(pd.Index(range(7, 37))))
    assert list(frame.index[:2]) == [7, 8]


# -- labels


LABELS = {
    "Int64": lambda y: pd.Series(y, dtype="Int64"),
    "arrow": lambda y: pd.Series(y, dtype="int64[pyarrow]"),
    "polars": lambda y: pl.Series(y),
    "pyarrow": lambda y: pa.array(y),
    "tensor": lambda y: torch.from_numpy(y),
    "categorical": lambda y: pd.Series(pd.Categorical(y)),
    "table": lambda y: pd.DataFrame({"y": y}),
    "numpy's texts": lambda y: list(map(np.str_, np.where(y > 0, "up", "down"))),
    "strings": lambda y: pd.Series(np.where(y > 0, "up", "down"), dtype="string"),
    "boolean": lambda y: pd.Series(y > 0, dtype="boolean"),
}


@pytest.mark.parametrize("form", LABELS, ids=str)
def test_labels_of_every_type_are_classes(series, form):
    X, y = series
    given = LABELS[form](y)
    found = punar.SequenceModel(hidden_size=3, epochs=1, random_state=0).fit(X, given)
    assert found.classes_.dtype.kind in "biU"
    assert found.score(X, given) == np.mean(np.asarray(found.predict(X)) == found.classes_[y])


@pytest.mark.parametrize("gap", [pd.NA, None, np.nan], ids=str)
def test_missing_labels_are_refused_by_fit_and_score(series, gap):
    X, y = series
    model = punar.SequenceModel(hidden_size=3, epochs=1, random_state=0).fit(X, y)
    texts = [gap, *np.where(y[1:] > 0, "up", "down")]
    numbers = [gap, *y[1:].tolist()]
    for labels in (texts, numbers, pd.Series(texts, dtype="string"), pd.Series(numbers, dtype="Int64")):
        with pytest.raises(errors.DataError, match=r"missing labels|NaN"):
            punar.SequenceModel(epochs=1).fit(X, labels)
        with pytest.raises(errors.DataError, match=r"missing labels|NaN"):
            model.score(X, labels)
    with pytest.raises(errors.DataError, match="NaN or infinity, first at row 0"):
        punar.SequenceModel(task="regression", epochs=1).fit(X, numbers)


def test_messages_show_python_values(series):
    X, y = series
    with pytest.raises(errors.DataError, match="got 1 class: 7"):
        punar.SequenceModel(epochs=1).fit(X, np.full(len(y), 7))
    assert errors.shown({np.int64(1): [np.float32(0.5), np.str_("a")]}) == "{1: [0.5, 'a']}"
    with pytest.raises(errors.DataTypeError, match="y holds str, and the model's classes are int"):
        punar.SequenceModel(hidden_size=3, epochs=1).fit(X, y).score(X, list("ab") * (len(y) // 2))


# -- texts


GAPS = {
    "None": [None, "a b", None, "c"],
    "NA": pd.Series([pd.NA, "a b", pd.NA, "c"], dtype="string"),
    "NaN": [np.nan, "a b", np.float32("nan"), "c"],
    "NaT": np.array([pd.NaT, "a b", pd.NaT, "c"], dtype=object),
    "arrow": pd.Series([None, "a b", None, "c"], dtype=pd.ArrowDtype(pa.string())),
    "polars": pl.Series([None, "a b", None, "c"]),
    "words": [None, ["a", "b"], None, ["c"]],
}


@pytest.mark.parametrize("gap", GAPS, ids=str)
def test_missing_texts_are_one_error_with_their_positions(gap):
    X, y = GAPS[gap], [0, 1, 0, 1]
    for call in (
        lambda: punar.SequenceModel(epochs=1).fit(X, y),
        lambda: punar.TransferLearner("minilm", cache=False).fit(X, y),
        lambda: punar.FeatureExtractor("minilm", cache=False).transform(X),
    ):
        with pytest.raises(errors.DataTypeError, match=r"X\[0\], X\[2\] are missing \(2 of 4 items\)"):
            call()


def test_a_mapping_of_texts_is_refused():
    with pytest.raises(errors.DataTypeError, match="must be a list, a column"):
        punar.FeatureExtractor("minilm", cache=False).transform({"a": "text"})
