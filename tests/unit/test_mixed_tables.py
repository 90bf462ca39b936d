"""Tables of numbers, categories, dates and gaps: read, made numbers, given back in their own columns and types."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

import punar
from punar.errors import DamagedModelError, DataError, DataTypeError
from punar.preparations.mixed import column_scores, is_mixed, learn_table

N = 160


def flats(seed: int = 0, n: int = N) -> pd.DataFrame:
    """Rents that depend on town and rooms, in columns of most kinds."""
    rng = np.random.default_rng(seed)
    town = rng.choice(["पुणे", "नाशिक", "मुंबई"], n, p=[0.5, 0.3, 0.2])
    rooms = rng.integers(1, 6, n)
    base = pd.Series(town).map({"पुणे": 20.0, "नाशिक": 10.0, "मुंबई": 60.0}).to_numpy()
    frame = pd.DataFrame(
        {
            "flat_id": rng.permutation(np.arange(7000, 7000 + n)),
            "town": town,
            "rooms": rooms,
            "rent": base * rooms + rng.normal(0, 2, n),
            "lift": rooms > 2,
            "listed": pd.Timestamp("2023-05-01") + pd.to_timedelta(rng.integers(0, 400, n), unit="D"),
            "floor": pd.array(rng.integers(0, 9, n), dtype="Int64"),
            "country": "India",
            "remark": np.nan,
        }
    )
    frame.loc[rng.choice(n, 12, replace=False), "rent"] = np.nan
    frame.loc[rng.choice(n, 9, replace=False), "floor"] = pd.NA
    return frame


def back(frame: pd.DataFrame) -> pd.DataFrame:
    table = learn_table(frame, "here")
    return table.decode(table.encode(frame, "here"))


@pytest.mark.parametrize(
    "values",
    [
        list("aabbbc") * 3,
        [None, "x", "y"] * 6,
        pd.Categorical(["s", "m", "l"] * 6, categories=["s", "m", "l", "xl"], ordered=True),
        [True, False, False] * 6,
        pd.array([True, None, False] * 6, dtype="boolean"),
        pd.array([1, None, 250] * 6, dtype="UInt8"),
        np.array([3, -4, 7] * 6, dtype="int16"),
        pd.date_range("2021-02-27", periods=18, freq="D"),
        pd.date_range("2021-03-27 22:00", periods=18, freq="h", tz="Europe/London"),
        pd.date_range("1500-01-01", periods=18, freq="MS", unit="us"),
        [pd.NaT, *pd.date_range("2021", periods=17)],
        pd.period_range("2019Q3", periods=18, freq="Q"),
        pd.to_timedelta([1, 90, 86_401] * 6, unit="s"),
        [dt.date(1609 + i, 3, 2) for i in range(18)],
        [dt.time(7, 30), dt.time(23, 5)] * 9,
        ["14.02.2021", "28.12.2020"] * 9,
        ["02/28/2021 17:30", "12/31/2020 04:05"] * 9,
        ["2021-02-14 17:30:10", "2020-12-28 00:00:00"] * 9,
        [f"20{i:02}Q{1 + i % 4}" for i in range(18)],
        [f"19{i:02}-11" for i in range(70, 88)],
        ["07:05", "09:45"] * 9,
        ["00120", "94110", "00501"] * 6,
        [1, "one", 1.5] * 6,
    ],
    ids=str,
)
def test_a_column_comes_back_in_its_own_type(values: object) -> None:
    frame = pd.DataFrame({"column": values, "beside": ["p", "q", "r"] * 6})
    pd.testing.assert_frame_equal(back(frame), frame, check_freq=False)


def test_numbers_as_text_come_back_as_numbers_and_a_few_words_count_as_missing() -> None:
    values = ["?", "n/a", *map(str, range(5, 60))]
    table = learn_table(pd.DataFrame({"a": values}), "here")
    assert "read as missing: 2 of 57 values of 'a' that are not numbers, such as '?'" in table.notes
    found = table.decode(table.encode(pd.DataFrame({"a": values}), "here"))["a"]
    assert found.isna().tolist() == [True, True] + [False] * 55
    assert found[2:].tolist() == list(range(5, 60))
    words = learn_table(pd.DataFrame({"a": ["lots", "few", "some"] * 3 + ["1", "2", "3"] * 27}), "here")
    assert words.notes[0].startswith("categories")  # 90 of 100 are numbers


def test_every_column_counts_alike_and_the_matrix_is_centred() -> None:
    frame = flats()
    table = learn_table(frame, "here")
    rows = table.encode(frame, "here")
    assert rows.dtype == np.float32
    assert np.abs(rows.mean(0)).max() < 1e-5
    at = 0
    for column in table.columns:
        width = column.kind.width
        if width:
            assert rows[:, at : at + width].var(0).sum() == pytest.approx(1, abs=1e-4), column.name
        at += width
    assert at == rows.shape[1] == table.width


def test_what_was_done_is_said_one_line_per_kind() -> None:
    notes = learn_table(flats(), "here").notes
    assert [note.partition(":")[0] for note in notes] == [
        "numbers, scaled",
        "categories, one indicator per value",
        "dates, as time passed and the parts that vary (day of the year, day of the week, time of day)",
        "true or false, as 1 and 0",
        "left out",
        "missing values are filled with the column's mean and marked by an indicator of their own",
    ]
    assert "'rent' (12 missing)" in notes[0]
    assert "'flat_id' (every value differs, as in an id)" in notes[4]
    assert "'country' (always 'India'), 'remark' (no value)" in notes[4]


def test_rare_values_share_an_indicator_whose_name_is_no_value() -> None:
    values = ["other"] * 200 + ["tea"] * 150 + [f"rare {i}" for i in range(20)]
    frame = pd.DataFrame({"a": values})
    table = learn_table(frame, "here")
    assert "2 of 22 values, the rare ones as 'other (2)'" in table.notes[0]
    found = table.decode(table.encode(frame, "here"))["a"]
    kept = set(table.columns[0].kind.values)
    assert {"other", "tea"} <= kept
    assert [v if v in kept else "other (2)" for v in values] == found.tolist()


def test_values_never_seen_are_others_or_lie_on_the_average() -> None:
    rare = learn_table(pd.DataFrame({"a": list("ab") * 300 + [f"r{i}" for i in range(30)]}), "here")
    new = rare.decode(rare.encode(pd.DataFrame({"a": ["never seen", "a"]}), "here"))["a"].tolist()
    assert new == ["other", "a"]
    known = learn_table(pd.DataFrame({"a": list("ab") * 30}), "here")
    assert known.encode(pd.DataFrame({"a": ["never seen"]}), "here").tolist() == [[0.0, 0.0]]


def test_columns_of_ten_thousand_values_stay_narrow() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"street": [f"s{i}" for i in rng.integers(0, 10_000, 30_000)], "x": rng.normal(size=30_000)})
    table = learn_table(frame, "here")
    assert table.width < 40
    frequent = learn_table(pd.DataFrame({"a": [f"v{i}" for i in range(60) for _ in range(1 + 3 * i)]}), "here")
    rows = frequent.encode(pd.DataFrame({"a": ["v1", "v25"]}), "here")
    assert rows[0, -1] < rows[1, -1]  # of the others, the more frequent is told from the rarer


@pytest.mark.parametrize(
    ("frame", "error", "words"),
    [
        (pd.DataFrame({"a": ["x"][:0]}), DataError, "0 sample"),
        (pd.DataFrame({"a": ["x"], "b": [2.0]}), DataError, "no column of X tells its 1 rows apart"),
        (pd.DataFrame({"a": [None, None], "b": [np.nan] * 2}), DataError, r"'a' \(no value\), 'b' \(no value\)"),
        (pd.DataFrame({"a": [{"k": 1}, {"k": 2}]}), DataTypeError, "column 'a' holds"),
        (pd.DataFrame({"a": [[1], [2, 3]], "b": ["x", "y"]}), DataTypeError, r"column 'a' holds \[1\]"),
        (pd.DataFrame({"a": ["x", "y"], "b": [1 + 2j, 0]}), DataTypeError, "column 'b' holds"),
        (pd.DataFrame({"a": ["x", "y"], "b": [1.0, -np.inf]}), DataError, "'b' of X contains infinity in row 1"),
        (pd.DataFrame([["x", 1], ["y", 2]], columns=["a", "a"]), DataError, "found twice: 'a'"),
        (pd.DataFrame([["x", 1, 2], ["y", 2, 3]], columns=["a", 3, "3"]), DataError, "found twice: '3'"),
        (
            pd.DataFrame({"a": ["2024-01-01T00:00:00Z", "2024-01-02T00:00:00"] * 5}),
            DataTypeError,
            "some dates of column 'a' have a time zone",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(frame: pd.DataFrame, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        punar.Autoencoder(epochs=1, validation_fraction=0).fit(frame)


def test_numbers_alone_take_the_path_they_took() -> None:
    plain = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": [True, False], "d": pd.array([1, 2], dtype="Int32")})
    assert not is_mixed(plain)
    assert not is_mixed(plain.to_numpy())
    assert is_mixed(plain.assign(a=[1.0, np.nan]))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    array, frame = (
        punar.Autoencoder(epochs=3, random_state=0, evidence="cheap").fit(x)
        for x in (X, pd.DataFrame(X, columns=list("abcd")))
    )
    assert array.table_ is None
    assert frame.table_ is None
    assert np.array_equal(array.transform(X), frame.transform(pd.DataFrame(X, columns=list("abcd"))))


@pytest.fixture(scope="module")
def fitted() -> punar.Autoencoder:
    return punar.Autoencoder(latent_dim=6, epochs=150, random_state=0, evidence="cheap").fit(flats())


def test_it_learns_what_columns_have_to_do_with_each_other(fitted: punar.Autoencoder) -> None:
    new = flats(seed=1)
    again = fitted.reconstruct(new)
    assert again.columns.tolist() == new.columns.tolist()
    assert again.dtypes.drop(["flat_id", "remark"]).equals(new.dtypes.drop(["flat_id", "remark"]))
    scores = {one["column"]: one for one in column_scores(fitted.table_, new, again)}
    assert set(scores) == {"town", "rooms", "rent", "lift", "listed", "floor"}
    for name in ("town", "lift"):
        assert scores[name]["score"] > scores[name]["baseline"] + 0.15, scores[name]
    for name in ("rooms", "rent"):
        assert scores[name]["score"] > 0.5, scores[name]
    most = new["town"].value_counts(normalize=True).iloc[0]
    assert scores["town"]["baseline"] == pytest.approx(most)
    rows = fitted.table_.encode(new, "here")
    spread = ((rows - rows.mean(0)) ** 2).sum()
    pca = PCA(6).fit(fitted.table_.encode(flats(), "here"))
    linear = 1 - ((rows - pca.inverse_transform(pca.transform(rows))) ** 2).sum() / spread
    assert fitted.score(new) > linear - 0.1 > 0.3
    assert fitted.fit_report_["columns"] == list(fitted.table_.notes)


def test_a_shuffled_target_of_nothing_is_not_reconstructed_better_than_its_baseline() -> None:
    """The null: a category that has nothing to do with the other columns does not come back through a narrow code."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(300, 4)) @ np.diag([1.0, 1, 1, 1]), columns=list("abcd"))
    frame["e"] = frame["a"] * 2
    frame["coin"] = rng.choice([f"c{i}" for i in range(8)], 300)
    model = punar.Autoencoder(latent_dim=4, epochs=30, random_state=0, evidence="cheap").fit(frame[:200])
    new = frame[200:]
    scores = {one["column"]: one for one in column_scores(model.table_, new, model.reconstruct(new))}
    assert scores["coin"]["score"] < scores["coin"]["baseline"] + 0.25
    assert scores["a"]["score"] > 0.6


def test_columns_are_found_by_their_names_in_any_order(fitted: punar.Autoencoder) -> None:
    new = flats(seed=2)
    codes = fitted.transform(new)
    assert np.array_equal(codes, fitted.transform(new[new.columns[::-1]]))
    assert np.array_equal(codes, fitted.transform(new.drop(columns=["flat_id", "remark", "country"])))
    with pytest.raises(DataError, match=r"missing: 'town'.* Did you mean 'towns'"):
        fitted.transform(new.rename(columns={"town": "towns"}))
    with pytest.raises(DataError, match="not fitted on: 'price'"):
        fitted.transform(new.assign(price=1))
    with pytest.raises(DataTypeError, match="column 'rent' is read as a number, but row 0 holds 'dear'"):
        fitted.transform(new.assign(rent="dear"))
    with pytest.raises(DataTypeError, match=r"column 'listed' .*without a time zone"):
        fitted.transform(new.assign(listed=new["listed"].dt.tz_localize("UTC")))
    with pytest.raises(DataTypeError, match="column 'listed' is read as dates"):
        fitted.transform(new.assign(listed="yesterday"))
    with pytest.raises(DataTypeError, match="Pass a data frame"):
        fitted.transform(new.to_numpy())


def test_a_model_fitted_on_typed_columns_reads_what_a_file_makes_of_them(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "kind": pd.Categorical(list("abc") * 10),
            "day": pd.date_range("2021-03-01", periods=30),
            "instant": pd.date_range("2021-03-01", periods=30, freq="9h", tz="America/Lima"),
            "date": [dt.date(2020, 1, 1 + i) for i in range(30)],
            "quarter": pd.period_range("2001Q1", periods=30, freq="Q"),
            "length": pd.to_timedelta(np.arange(30) ** 2, unit="s"),
            "true": pd.array([True, None, False] * 10, dtype="boolean"),
            "count": pd.array([4, None, 9] * 10, dtype="Int16"),
        }
    )
    table = learn_table(frame, "here")
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert np.allclose(table.encode(pd.read_csv(tmp_path / "a.csv"), "here"), table.encode(frame, "here"), atol=1e-6)
    read = pd.read_csv(tmp_path / "a.csv")
    assert np.allclose(
        learn_table(read, "here").encode(frame.assign(kind=frame["kind"].astype(str)), "here"),
        learn_table(read, "here").encode(read, "here"),
        atol=1e-6,
    )


def test_rows_keep_their_index_and_codes_give_the_same_table(fitted: punar.Autoencoder) -> None:
    new = flats(seed=2)[5:25]
    again = fitted.reconstruct(new)
    assert again.index.equals(new.index)
    from_codes = fitted.inverse_transform(fitted.transform(new))
    pd.testing.assert_frame_equal(from_codes, again.reset_index(drop=True))


def test_a_polars_frame_gives_the_same_codes_and_comes_back_as_one(fitted: punar.Autoencoder) -> None:
    polars = pytest.importorskip("polars")
    new = flats(seed=2).drop(columns=["remark"])
    given = polars.from_pandas(new)
    assert np.allclose(fitted.transform(given), fitted.transform(new), atol=1e-5)
    again = fitted.reconstruct(given)
    assert isinstance(again, polars.DataFrame)
    assert again["town"].to_list() == fitted.reconstruct(new)["town"].tolist()


def test_the_folder_holds_it_as_json_and_damage_is_refused(fitted: punar.Autoencoder, tmp_path: Path) -> None:
    punar.save(fitted, tmp_path / "m")
    again = punar.load(tmp_path / "m")
    new = flats(seed=4)
    assert np.array_equal(again.transform(new), fitted.transform(new))
    pd.testing.assert_frame_equal(again.reconstruct(new), fitted.reconstruct(new))
    assert again.table_ == fitted.table_
    config = tmp_path / "m" / "config.json"
    sound = json.loads(config.read_text(encoding="utf-8"))

    def damaged(change: object) -> None:
        facts = json.loads(json.dumps(sound))
        change(facts["fitted"]["codec"]["table"])  # type: ignore[operator]
        config.write_text(json.dumps(facts), encoding="utf-8")
        with pytest.raises(DamagedModelError):
            punar.load(tmp_path / "m")

    damaged(lambda table: table["columns"].pop())
    damaged(lambda table: table["columns"][1].update(centre=[0.0]))
    damaged(lambda table: table["columns"][1]["kind"].update(type="numbers"))
    damaged(lambda table: table["columns"][2].update(weight=0))
    damaged(lambda table: table["columns"][2].update(name=sound["fitted"]["codec"]["table"]["columns"][1]["name"]))
    damaged(lambda table: table["columns"][2]["kind"].update(scale=-1.0))
    damaged(lambda table: table["columns"][5]["kind"].update(zone="../../etc/passwd"))
    damaged(lambda table: table["columns"][5]["kind"].update(step="fortnight"))


def test_resumed_equals_never_having_stopped(tmp_path: Path) -> None:
    frame = flats()
    settings = {"latent_dim": 3, "epochs": 4, "random_state": 0, "evidence": "cheap"}
    whole = punar.Autoencoder(**settings).fit(frame)
    first = punar.Autoencoder(**settings).fit(frame, checkpoint=tmp_path / "c")
    second = punar.Autoencoder(**settings).fit(frame, checkpoint=tmp_path / "c")
    for model in (first, second):
        assert np.array_equal(model.transform(frame), whole.transform(frame))
    with pytest.raises(punar.errors.CheckpointError):
        punar.Autoencoder(**settings).fit(flats(seed=9), checkpoint=tmp_path / "c")


def test_compare_gives_all_candidates_the_same_rows_made_by_the_training_rows() -> None:
    seen = []

    class Seen(PCA):
        def fit(self, X: np.ndarray, y: object = None) -> Seen:
            seen.append(np.array(X))
            return super().fit(X)

    frame = flats()
    lift = frame.pop("lift").to_numpy()
    result = punar.compare(frame, lift, candidates={"one": Seen(3), "two": Seen(3)}, cv=3, verbose=0, budget="none")
    assert "table of 160 rows and 8 columns, not all of them numbers" in result.facts["data"]["reading"]
    assert any(note.startswith("left out: 'flat_id'") for note in result.notes)
    folds = [rows for rows in seen if len(rows) > 100]  # what memory takes is measured on fewer rows
    assert len(folds) >= 6
    for rows in folds:
        assert sum(np.array_equal(rows, other) for other in seen) >= 2  # both candidates saw them
        assert np.abs(rows.mean(0)).max() < 1e-5  # centred by themselves, not by all rows
    majority = max(lift.mean(), 1 - lift.mean())
    assert result.table.loc["one", "accuracy"] > majority + 0.1
