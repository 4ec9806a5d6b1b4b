"""Shares of listeners as labels: what the table says becomes the row, and what it does not say is told."""

import numpy as np
import pytest

from essentia_ldl import labels
from essentia_ldl.errors import DataError, RecipeError
from essentia_ldl.records import Track

CLASSES = ("non_sad", "sad")


def make_tracks(cells, column="sadness", names=None):
    names = names or [CLASSES[i % 2] for i in range(len(cells))]
    return [
        Track(f"{i}.mp3", f"/{i}.mp3", name, columns={column: c})
        for i, (c, name) in enumerate(zip(cells, names, strict=True))
    ]


def build_source(classes=CLASSES, **settings):
    return labels.build("shares", classes, None, settings)


def test_the_share_is_the_mass_of_the_positive_class():
    tracks = make_tracks(["0.3", "1", "0", " .25 "])
    table = build_source(column="sadness").fit(tracks)(tracks)
    np.testing.assert_allclose(table.distributions[:, 1], [0.3, 1, 0, 0.25], atol=1e-7)
    np.testing.assert_allclose(table.distributions.sum(axis=1), 1, atol=1e-7)


@pytest.mark.parametrize(
    ("classes", "positive", "column_of_share"),
    [
        (("happy", "non_happy"), "", 0),
        (("aggressive", "not_aggressive"), "", 0),
        (CLASSES, "non_sad", 0),
        (CLASSES, "sad", 1),
        (("female", "male"), "male", 1),
    ],
)
def test_which_class_the_share_is_of(classes, positive, column_of_share):
    tracks = make_tracks(["0.9", "0.9"], names=list(classes))
    table = build_source(classes, column="sadness", positive_class=positive).fit(tracks)(tracks)
    np.testing.assert_allclose(table.distributions[:, column_of_share], 0.9, atol=1e-7)


def test_the_even_share_becomes_a_half_and_the_order_stays():
    tracks = make_tracks(["0", "0.1", "0.2", "0.3", "0.6", "1"])
    raw = build_source(column="sadness").fit(tracks)(tracks).distributions[:, 1]
    np.testing.assert_allclose(raw, [0, 0.1, 0.2, 0.3, 0.6, 1], atol=1e-7)
    table = build_source(column="sadness", even_share=0.2).fit(tracks)(tracks)
    np.testing.assert_allclose(table.distributions[:, 1], [0, 0.25, 0.5, 0.5625, 0.75, 1], atol=1e-7)
    assert np.all(np.diff(table.distributions[:, 1]) > 0)


def test_one_column_a_class_is_divided_by_the_sum():
    classes = ("blues", "jazz", "rock")
    cells = [("0.2", "0.2", "0.4"), ("1", "0", "0"), ("0.1", "0.5", "0.4")]
    tracks = [
        Track(f"{i}.mp3", "/x", classes[i], columns=dict(zip(classes, row, strict=True))) for i, row in enumerate(cells)
    ]
    table = build_source(classes).fit(tracks)(tracks)
    np.testing.assert_allclose(table.distributions, [[0.25, 0.25, 0.5], [1, 0, 0], [0.1, 0.5, 0.4]], atol=1e-7)


def test_report_counts_tracks_whose_listeners_contradict_the_label():
    tracks = make_tracks(["0.1", "0.35", "0.6", "0.8", "0.5", "0.5"])
    report = build_source(column="sadness").fit(tracks).report
    assert report["n_contrary"] == {"non_sad": 1, "sad": 1}  # 0.6 is called non_sad, 0.35 sad; a half is no majority
    assert report["own_mass_mean"] == pytest.approx(np.mean([0.9, 0.35, 0.4, 0.8, 0.5, 0.5]))


def test_the_label_is_not_looked_at_but_must_be_a_class():
    tracks = make_tracks(["0.3", "0.3"])
    source = build_source(column="sadness").fit(tracks)
    assert np.ptp(source(tracks).distributions, axis=0).max() == 0
    with pytest.raises(DataError, match=r"label: expected one of non_sad, sad; got 'jazz' \(0\.mp3\)"):
        source.fit(make_tracks(["0.3"], names=["jazz"]))


@pytest.mark.parametrize(
    ("cell", "rule", "remedy"),
    [
        ("", "a number; got ''", "Correct the cell"),
        ("many", "a number; got 'many'", "Correct the cell"),
        ("nan", "a share from 0 to 1; got 'nan'", "Correct the cell"),
        ("inf", "a share from 0 to 1; got 'inf'", "Correct the cell"),
        ("-0.1", "a share from 0 to 1; got '-0.1'", "Correct the cell"),
        ("1.01", "a share from 0 to 1; got '1.01'", "Divide per cents by 100"),
        ("30", "a share from 0 to 1; got '30'", "Divide per cents by 100"),
        ("1e9", "a share from 0 to 1; got '1e9'", "Correct the cell"),
    ],
)
def test_a_cell_that_is_no_share_names_track_and_value_before_the_work(cell, rule, remedy):
    tracks = make_tracks(["0.3", cell])
    with pytest.raises(DataError, match=rf"share column sadness: expected {rule} \(labels\.shares, row of 1\.mp3\)"):
        build_source(column="sadness").check(tracks)
    with pytest.raises(DataError, match=remedy):
        build_source(column="sadness")(tracks)


def test_a_column_that_is_not_there_gets_the_nearest():
    with pytest.raises(
        DataError,
        match=r"expected a column 'sadnes' in the table of the collection; got \['sadness'\] \(0\.mp3\)\."
        r" Did you mean 'sadness'\? Correct labels\.shares\.column\.",
    ):
        build_source(column="sadnes").check(make_tracks(["0.3"]))


def test_without_a_column_the_columns_of_the_classes_are_asked_for():
    with pytest.raises(
        DataError, match=r"a column 'non_sad' .*Add a column per class, or name .* in labels\.shares\.column\."
    ):
        build_source().check(make_tracks(["0.3"]))
    with pytest.raises(DataError, match=r"a column 'a' .*; got \[\] \(x\)\. Add a column per class\.$"):
        build_source(("a", "b", "c")).check([Track("x", "/x", "a")])


def test_a_row_of_zeros_is_told():
    tracks = [
        Track("x", "/x", "a", columns={"a": "0.5", "b": "0"}),
        Track("y", "/y", "b", columns={"a": "0", "b": "0"}),
    ]
    with pytest.raises(DataError, match=r"a share above 0 in one of a, b; got '0 in all' \(labels\.shares, row of y\)"):
        build_source(("a", "b")).check(tracks)


@pytest.mark.parametrize(
    ("classes", "settings", "message"),
    [
        (("a", "b", "c"), {"column": "x"}, r"empty, with 3 classes; got 'x' \(labels\.shares\.column\).*a, b, c"),
        (CLASSES, {"positive_class": "sad"}, r"a column too; .*\(labels\.shares\.positive_class\)"),
        (CLASSES, {"even_share": 0.2}, r"a column too; .*\(labels\.shares\.even_share\)"),
        (CLASSES, {"column": "x", "even_share": 0.0}, r"above 0 and below 1; got 0\.0"),
        (CLASSES, {"column": "x", "even_share": 1.0}, r"above 0 and below 1; got 1\.0"),
        (CLASSES, {"column": "x", "positive_class": "bad"}, r"one of non_sad, sad; got 'bad'"),
        (("female", "male"), {"column": "x"}, r"one of female, male; got '' .*name the class that the share is of"),
        (("non_a", "non_b"), {"column": "x"}, r"one of non_a, non_b; got ''"),
    ],
)
def test_settings_that_cannot_be(classes, settings, message):
    with pytest.raises(RecipeError, match=message):
        build_source(classes, **settings)
