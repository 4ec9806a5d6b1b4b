"""Artist groups on plain arrays: the mathematics of the label source, and scikit-learn's contract."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from essentia_ldl import labels
from essentia_ldl.errors import DataError
from essentia_ldl.estimators.groups import ArtistGroups
from essentia_ldl.records import Track


@pytest.fixture(scope="module")
def data():
    """Eighty tracks of eight artists, whose features are those of two styles."""
    random = np.random.default_rng(0)
    names = np.repeat([f"artist {n}" for n in range(8)], 10)
    style = np.repeat([0, 1] * 4, 10)
    return random.normal(size=(80, 5)) + 6 * style[:, None], names, style


def test_rows_are_those_of_the_label_source(data):
    X, artists, _ = data
    tracks = [Track(f"{n:03}", "", "x", artist) for n, artist in enumerate(artists)]
    own = {"n_groups": 3, "n_clusters": 6}
    source = labels.build("agf-e", ("x", "y"), lambda track, _: X[int(track.id)][None], own).fit(tracks)
    groups = ArtistGroups(3, 6)
    assert groups.fit_transform(X, artists) == pytest.approx(source(tracks).distributions, abs=1e-6)
    assert groups.artists_.tolist() == sorted(set(artists))
    assert groups.distributions_.shape == (8, 3)
    assert groups.words_.sum(axis=1) == pytest.approx(np.ones(3))


def test_artists_of_a_style_are_in_a_group_and_a_new_one_joins_them(data):
    X, artists, style = data
    groups = ArtistGroups(n_groups=2, n_clusters=4)
    rows = groups.fit_transform(X, artists)
    assert [len({row.tobytes() for row in rows[artists == name]}) for name in groups.artists_] == [1] * 8
    ours = rows.argmax(axis=1)
    assert (ours == style).all() or (ours == 1 - style).all()
    new = groups.transform(X)
    assert new.sum(axis=1) == pytest.approx(np.ones(80))
    assert np.array_equal(new.argmax(axis=1), ours)
    assert not np.allclose(new, rows), "one track says less than the ten of an artist"


def test_groups_pickle_and_name_their_columns(data):
    X, artists, _ = data
    groups = ArtistGroups(2, 4).fit(X, artists)
    assert np.array_equal(pickle.loads(pickle.dumps(groups)).transform(X), groups.transform(X))
    assert groups.get_feature_names_out().tolist() == ["e1", "e2"]


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"n_groups": 1}, "n_groups: expected a whole number, 2 or more"),
        ({"n_groups": 9, "n_clusters": 4}, "artist groups: expected at most 8"),
        ({"n_groups": 2, "n_clusters": 81}, "at most 80, as 80 training tracks"),
    ],
)
def test_parameters_that_do_not_fit_are_one_sentence(data, own, message):
    with pytest.raises(DataError, match=message):
        ArtistGroups(**own).fit(*data[:2])


def test_bad_arrays_are_errors_of_ours(data):
    X, artists, _ = data
    with pytest.raises(ValueError, match="NaN"):
        ArtistGroups(2, 4).fit(np.where(X > 7, np.nan, X), artists)
    with pytest.raises(DataError, match="inconsistent"):
        ArtistGroups(2, 4).fit(X, artists[:5])
    with pytest.raises(DataError, match="one label per row"):
        ArtistGroups(2, 4).fit(X)


@pytest.mark.slow
def test_scikit_learn_accepts_it(check):
    reason = "fit_transform gives a track the row of its artist, and transform that of a new artist of one track"
    names = ["check_transformer_data_not_an_array", "check_transformer_general"]
    check(ArtistGroups(n_groups=2, n_clusters=2), dict.fromkeys(names, reason))
