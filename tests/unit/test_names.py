"""Columns are matched by name: another order changes nothing, other names are refused, ids come back."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import punar
from punar import errors
from punar.data.levels import indexed
from punar.data.names import in_order, named

NAMES = ["größe", "weight", "ऊँचाई"]
TURNED = ["ऊँचाई", "größe", "weight"]
DAYS = pd.date_range("2023-05-01", periods=60)


def walks(n=24, steps=12, seed=3):
    """Tables of one series each; the class is the sign of the first channel's last step."""
    generator = np.random.default_rng(seed)
    tables = [pd.DataFrame(generator.normal(size=(steps, 3)).cumsum(0), columns=NAMES) for _ in range(n)]
    return tables, np.array([int(t["größe"].iloc[-1] > 0) for t in tables])


def turned(tables):
    return [t[TURNED] for t in tables]


@pytest.fixture(scope="module")
def classifier():
    tables, y = walks()
    model = punar.SequenceModel("gru", hidden_size=5, epochs=2, random_state=1).fit(tables, y)
    return model, tables, y, model.predict_proba(tables)


def level_table(tables, names=("who", "step")):
    return pd.concat({f"s{i}": t for i, t in enumerate(tables)}, names=list(names))


ORDERS = {
    "pandas": turned,
    "one of them": lambda tables: [tables[0], *turned(tables[1:])],
    "mapping": lambda tables: dict(enumerate(turned(tables))),
    "polars": lambda tables: [pl.from_pandas(t) for t in turned(tables)],
    "lazy polars": lambda tables: [pl.from_pandas(t).lazy() for t in turned(tables)],
    "pyarrow": lambda tables: [pa.Table.from_pandas(t) for t in turned(tables)],
    "records": lambda tables: [t.to_records(index=False) for t in turned(tables)],
    "decomposed letters": lambda tables: [
        t.rename(columns=lambda c: unicodedata.normalize("NFD", c)) for t in turned(tables)
    ],
    "two levels": lambda tables: level_table(tables)[TURNED],
    "three levels": lambda tables: pd.concat({"all": level_table(tables)})[TURNED],
    "nested": lambda tables: pd.DataFrame({c: [t[c] for t in tables] for c in TURNED}),
    "nested arrays": lambda tables: pd.DataFrame({c: [t[c].to_numpy() for t in tables] for c in TURNED}),
    "positions": lambda tables: [t.to_numpy() for t in tables],
}


@pytest.mark.parametrize("form", ORDERS, ids=str)
def test_another_order_gives_the_same_answer(classifier, form):
    model, tables, _, answer = classifier
    assert np.abs(answer - answer[:1]).max() > 0, "answers differ from series to series"
    np.testing.assert_array_equal(model.predict_proba(ORDERS[form](tables)), answer)


def test_positions_in_another_order_do_change_the_answer(classifier):
    model, tables, _, answer = classifier
    assert np.abs(model.predict_proba([t.to_numpy() for t in turned(tables)]) - answer).max() > 1e-3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"weight": "mass"}, "missing 'weight'; unexpected 'mass'"),
        ({"weight": "mass", "größe": "size"}, "missing 'größe', 'weight'; unexpected 'size', 'mass'"),
    ],
)
def test_other_names_are_listed(classifier, change, told):
    model, tables, y, _ = classifier
    others = [t.rename(columns=change) for t in tables]
    for call in (model.predict, model.transform, lambda X: model.score(X, y)):
        with pytest.raises(errors.DataError, match=rf"X\[0\]: columns are matched by name.*{told}"):
            call(others)
    with pytest.raises(errors.DataError, match=rf"X\[1\].*{told}"):
        model.predict([tables[0], *others[1:]])
    with pytest.raises(errors.DataError, match=r"X\[5\].*matched by name"):
        punar.SequenceModel(epochs=1).fit([*tables[:5], *others[5:]], y)


def test_missing_and_further_columns_are_refused(classifier):
    model, tables, _, _ = classifier
    with pytest.raises(errors.DataError, match=r"missing 'ऊँचाई'\."):
        model.predict([t[NAMES[:2]] for t in tables])
    with pytest.raises(errors.DataError, match="unexpected 'label'"):
        model.predict([t.assign(label=0) for t in tables])


def test_names_are_stored_with_the_model(classifier, tmp_path):
    model, tables, _, answer = classifier
    loaded = punar.load(punar.save(model, tmp_path / "m"))
    np.testing.assert_array_equal(loaded.predict_proba(turned(tables)), answer)
    with pytest.raises(errors.DataError, match="unexpected 'x'"):
        loaded.predict([t.rename(columns={"weight": "x"}) for t in tables])


def test_targets_of_a_mapping_and_of_levels_are_found_by_id(classifier):
    _, tables, y, answer = classifier
    ids = [f"s{i}" for i in range(len(y))]
    shuffled = pd.Series(y, index=ids).sample(frac=1, random_state=0)
    for X in (dict(zip(ids, tables, strict=True)), level_table(tables)):
        model = punar.SequenceModel("gru", hidden_size=5, epochs=2, random_state=1).fit(X, shuffled)
        np.testing.assert_array_equal(model.predict_proba(X), answer)
        assert model.score(X, shuffled) == model.score(X, y) == model.score(tables, y)
    with pytest.raises(errors.DataError, match="no entry for id 's0'"):
        punar.SequenceModel(epochs=1).fit(level_table(tables), shuffled.drop("s0"))


def test_a_long_table_is_matched_by_name_too(classifier):
    _, tables, y, answer = classifier
    table = level_table(tables).reset_index()
    model = punar.SequenceModel("gru", hidden_size=5, epochs=2, random_state=1, id_column="who", time_column="step")
    model.fit(table, y)
    for X in (
        table[["step", *TURNED, "who"]],
        pl.from_pandas(table[["step", *TURNED, "who"]]).lazy(),
        level_table(tables),
    ):
        np.testing.assert_array_equal(model.predict_proba(X), answer)
    with pytest.raises(errors.DataError, match="missing 'weight'; unexpected 'mass'"):
        model.predict(table.rename(columns={"weight": "mass"}))


# -- forecasts


def sales(seed=0):
    generator = np.random.default_rng(seed)
    values = {"sold": generator.normal(20, 1, 60) + np.arange(60) / 5, "price": generator.normal(3, 0.1, 60)}
    return pd.DataFrame(values, index=DAYS)


def forecaster(X, **settings):
    return punar.SequenceModel("gru", "forecasting", 4, horizon=3, epochs=2, random_state=2, **settings).fit(X)


def test_forecasts_of_one_table_in_another_order():
    table = sales()
    model = forecaster(table)
    np.testing.assert_array_equal(model.predict(table[["price", "sold"]]), model.predict(table))
    np.testing.assert_array_equal(model.predict(table[["price", "sold"]]), model.predict())
    with pytest.raises(errors.DataError, match="missing 'price'; unexpected 'cost'"):
        model.predict(table.rename(columns={"price": "cost"}))


def test_forecasts_of_a_mapping_of_tables(tmp_path):
    tables = {"north": sales(), "south": sales(1)}
    model = forecaster(tables)
    other = {"south": sales(1)[["price", "sold"]], "north": sales()}
    np.testing.assert_array_equal(model.predict(other), model.predict(tables)[::-1])
    assert list(model.predict_table(other)["series"].unique()) == ["south", "north"]
    loaded = punar.load(punar.save(model, tmp_path / "m"))
    np.testing.assert_array_equal(loaded.predict(other), model.predict(tables)[::-1])
    for wrong in ({"north": sales(), "south": sales().rename(columns={"price": "cost"})},):
        for call in (model.predict, loaded.predict, forecaster):
            with pytest.raises(errors.DataError, match="missing 'price'; unexpected 'cost'"):
                call(wrong)


def test_ids_and_times_of_several_levels_come_back(tmp_path):
    tables = {("in", "north"): sales(), ("in", "south"): sales(1), ("out", "north"): sales(2)}
    X = pd.concat(tables, names=["land", "shop", "day"])
    model = forecaster(X)
    found = model.predict_table()
    assert list(found.columns) == ["land", "shop", "step", "time", "channel", "forecast"]
    assert list(dict.fromkeys(zip(found["land"], found["shop"], strict=True))) == list(tables)
    assert list(found["time"].unique()) == list(pd.date_range("2023-06-30", periods=3))
    np.testing.assert_array_equal(model.predict(), forecaster(tables).predict())
    loaded = punar.load(punar.save(model, tmp_path / "m"))
    pd.testing.assert_frame_equal(loaded.predict_table(), found)
    pd.testing.assert_frame_equal(loaded.predict_table(X[["price", "sold"]]), found)
    back = model.backtest(origins=1).table
    assert list(back.columns[:3]) == ["land", "shop", "origin"]


def test_levels_say_which_is_the_time():
    index = pd.MultiIndex.from_tuples([("n", 1), ("n", 1), ("s", 2)], names=["land", "shop"])
    found = indexed(pd.DataFrame({"x": [1, 2, 3]}, index=index), "here", None, None)
    assert (found.time_column, found.levels) == (None, ("land", "shop")), "rows of one shop follow each other"
    assert found.table["series"].tolist() == [("n", 1), ("n", 1), ("s", 2)]
    text = pd.MultiIndex.from_tuples([("n", "b"), ("n", "a")], names=["land", "shop"])
    assert indexed(pd.DataFrame({"x": [1, 2]}, index=text), "here", None, None).time_column is None
    dates = pd.MultiIndex.from_tuples([("n", "2024-01-02"), ("n", "2024-01-01")], names=["land", None])
    assert indexed(pd.DataFrame({"x": [1, 2]}, index=dates), "here", None, None).time_column == "time"
    plain = pd.DataFrame({"x": [1]})
    assert indexed(plain, "here", "i", "t").table.equals(plain)


# -- tables of rows, and autoencoders of series


@pytest.fixture(scope="module")
def rows():
    generator = np.random.default_rng(5)
    table = pd.DataFrame(generator.normal(size=(50, 2)), columns=NAMES[:2])
    return table.assign(**{NAMES[2]: table["größe"] - 2 * table["weight"]}) * [1, 10, 100]


@pytest.fixture(scope="module")
def saved(rows, tmp_path_factory):
    model = punar.Autoencoder(latent_dim=2, epochs=3, random_state=0).fit(rows)
    return model, punar.save(model, tmp_path_factory.mktemp("names") / "m")


def test_an_autoencoder_of_rows_refuses_another_order_as_scikit_learn_does(rows, saved):
    model, folder = saved
    for each in (model, punar.load(folder)):
        with pytest.raises(
            errors.DataError, match=r"same order as they were in fit.\nPass X\[model.feature_names_in_\]"
        ):
            each.transform(rows[TURNED])
        again = each.transform(rows[TURNED][each.feature_names_in_])
        np.testing.assert_array_equal(again, model.transform(rows))


def test_a_table_backbone_matches_by_name(rows, saved, tmp_path):
    model, folder = saved
    extractor = punar.FeatureExtractor(str(folder), cache=False).fit()
    codes = model.transform(rows)
    for X in (rows, rows[TURNED], pl.from_pandas(rows[TURNED]), pa.Table.from_pandas(rows[TURNED]), rows.to_numpy()):
        np.testing.assert_allclose(extractor.transform(X), codes, rtol=1e-5, atol=1e-6)
    with pytest.raises(errors.DataError, match="missing 'weight'; unexpected 'mass'"):
        extractor.transform(rows.rename(columns={"weight": "mass"}))
    head = punar.TransferLearner(str(folder), cache=False, random_state=0).fit(rows, np.arange(50) % 2)
    loaded = punar.load(punar.save(head, tmp_path / "head"))
    for each in (head, loaded):
        np.testing.assert_array_equal(each.predict_proba(rows[TURNED]), head.predict_proba(rows))
        with pytest.raises(errors.DataError, match="missing 'weight'"):
            each.predict(rows[NAMES[::2]])


def test_a_table_backbone_of_an_older_folder_takes_positions(rows, saved):
    from punar.preparations.rows import Rows

    facts = Rows(3, tuple(NAMES)).facts()
    facts.pop("names")
    assert Rows.from_facts(facts) == Rows(3)
    with pytest.raises(ValueError, match="one for each of 3 columns, found 1"):
        Rows.from_facts({"width": 3, "names": ["a"]})


def test_an_autoencoder_of_series_matches_by_name(tmp_path):
    tables, _ = walks()
    model = punar.Autoencoder(network="gru", latent_dim=2, epochs=2, random_state=0).fit(tables)
    assert list(model.feature_names_in_) == NAMES
    codes, loaded = model.transform(tables), punar.load(punar.save(model, tmp_path / "m"))
    for each in (model, loaded):
        for form in ("pandas", "mapping", "polars", "two levels", "nested"):
            np.testing.assert_array_equal(each.transform(ORDERS[form](tables)), codes)
        for written, again in zip(each.reconstruct(turned(tables)), model.reconstruct(tables), strict=True):
            np.testing.assert_array_equal(written, again)
        with pytest.raises(errors.DataError, match="unexpected 'x'"):
            each.transform([t.rename(columns={"weight": "x"}) for t in tables])


def test_columns_with_one_name_are_refused():
    twice = pd.DataFrame(np.zeros((2, 2)), columns=["é", "e\N{COMBINING ACUTE ACCENT}"])
    with pytest.raises(errors.DataError, match="two columns called 'é'"):
        named(twice, "here")
    with pytest.raises(errors.DataError, match=r"here: columns are matched by name.*missing 'b'"):
        in_order(pd.DataFrame({"a": [1]}), ["a", "b"], "here")


def test_a_column_of_times_inside_each_table_sorts_it():
    tables = {"north": sales(), "south": sales(1)}
    plain = forecaster(tables)
    own = {
        k: t.rename_axis("day").reset_index().sample(frac=1, random_state=0)[["price", "day", "sold"]]
        for k, t in tables.items()
    }
    for X in (own, {k: pl.from_pandas(t) for k, t in own.items()}):
        model = forecaster(X, time_column="day")
        names = list(model.preparation_.names)
        assert sorted(names) == ["price", "sold"]
        again = forecaster({k: t[names] for k, t in tables.items()}).predict()
        np.testing.assert_array_equal(model.predict(), again)
        np.testing.assert_array_equal(model.predict(list(own.values())), again)
        assert list(model.predict_table()["day"].unique()) == list(plain.predict_table()["time"].unique())
    shuffled, y = walks()
    stamped = [t.assign(step=range(len(t))).sample(frac=1, random_state=1) for t in shuffled]
    fit = lambda X, **k: punar.SequenceModel("gru", hidden_size=4, epochs=1, random_state=0, **k).fit(X, y)  # noqa: E731
    timed = fit(stamped, time_column="step")
    np.testing.assert_array_equal(timed.predict_proba(stamped), fit(shuffled).predict_proba(shuffled))
