"""Artist group factors: planted groups are found, only training artists count, and what is left out is said."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.metrics import adjusted_rand_score

from essentia_ldl import labels
from essentia_ldl.cli.text.labels import describe_groups
from essentia_ldl.errors import DataError, RecipeError, UnknownNameError
from essentia_ldl.records import Track

CLASSES = ("a", "b")
N_STYLES, N_ARTISTS, N_TRACKS = 4, 32, 96
N_GROUPS = 8  # as many as styles would merge some: LDA starts at random and ends in the nearest optimum
FRAMES = {"n_clusters": 24, "n_groups": N_GROUPS, "batch_files": 20}
SETTINGS = {
    "agf-m": FRAMES,
    "agf-d": FRAMES,
    "agf-e": {"n_clusters": 16, "n_groups": N_GROUPS},
    "agf-s": {"n_groups": N_GROUPS},
}
NAMES = sorted(SETTINGS)


def style_of(i):
    return i % N_ARTISTS % N_STYLES


@pytest.fixture(scope="module")
def tracks():
    generator = np.random.default_rng(1)
    return [
        Track(
            f"t{i:03d}",
            f"/t{i:03d}",
            CLASSES[i % 2],
            artist=f"artist {i % N_ARTISTS:02d}",
            columns={"subgenres": ";".join(f"style {style_of(i)}.{k}" for k in generator.integers(0, 4, 3))},
        )
        for i in range(N_TRACKS)
    ]


@pytest.fixture(scope="module")
def read(tracks):
    """Each style has its own sounds; frames of a track move between two of them, so differences tell styles too."""
    generator = np.random.default_rng(2)
    sounds = generator.normal(0, 10, (N_STYLES, 5, 25))
    stored = {}
    for i, track in enumerate(tracks):
        frames = sounds[style_of(i)][generator.integers(0, 5, 150)] + generator.normal(size=(150, 25))
        # log-normal: any unit, one direction a style
        vector = np.exp(2 * sounds[style_of(i), 0] / 10 + 0.3 * generator.normal(size=25))
        stored[track.id] = {"descriptors": vector[None].astype(np.float32)}
        stored[track.id] |= {f"mfcc-frames-{n}": frames[:, :n].astype(np.float32) for n in (13, 25)}
    return lambda track, front_end: stored[track.id][front_end]


@pytest.fixture(scope="module")
def fitted(tracks, read):
    return {name: labels.build(name, CLASSES, read, SETTINGS[name], seed=1).fit(tracks) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_planted_groups_are_found_again(tracks, read, name):
    truth = [style_of(i) for i in range(N_TRACKS)]
    scores = []
    for seed in range(3):
        source = labels.build(name, CLASSES, read, SETTINGS[name], seed).fit(tracks)
        scores.append(adjusted_rand_score(truth, source(tracks).distributions.argmax(axis=1)))
    assert np.mean(scores) > 0.8  # e, one word a track: 0.87; the others: 0.97 and more


@pytest.mark.parametrize("name", NAMES)
def test_a_track_has_the_row_of_its_artist(fitted, tracks, name):
    table = fitted[name](tracks)
    assert table.classes == tuple(f"{name[-1]}{k}" for k in range(1, N_GROUPS + 1))
    for k in range(N_ARTISTS):
        rows = table.distributions[k::N_ARTISTS]
        assert np.ptp(rows, axis=0).max() == 0


@pytest.mark.parametrize("name", NAMES)
def test_groups_are_those_of_scikit_learn_on_the_same_counts(fitted, tracks, name):
    bags = fitted[name]._bag(tracks)
    model = LatentDirichletAllocation(n_components=N_GROUPS, random_state=1)
    expected = model.fit_transform(csr_matrix(bags.counts))
    rows = fitted[name](tracks[:N_ARTISTS]).distributions  # artists in the order of their names
    np.testing.assert_allclose(rows, expected, atol=1e-6)
    assert fitted[name].report["perplexity"] == pytest.approx(model.perplexity(csr_matrix(bags.counts)), rel=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_tracks_changes_nothing(fitted, tracks, read, name):
    mixed = [tracks[i] for i in np.random.default_rng(0).permutation(N_TRACKS)]
    again = labels.build(name, CLASSES, read, SETTINGS[name], seed=1).fit(mixed)
    np.testing.assert_array_equal(again(tracks).distributions, fitted[name](tracks).distributions)
    timeless = [{k: v for k, v in s.report.items() if not k.endswith("seconds")} for s in (again, fitted[name])]
    assert timeless[0] == timeless[1]


@pytest.mark.parametrize("name", NAMES)
def test_only_features_of_training_tracks_are_read(tracks, read, name):
    asked = set()

    def listen(track, front_end):
        asked.add((track.id, front_end))
        return read(track, front_end)

    train = [t for t in tracks if t.artist < "artist 24"]
    source = labels.build(name, CLASSES, listen, SETTINGS[name]).fit(train)
    front_ends = {"agf-e": {labels.DESCRIPTORS}, "agf-s": set()}.get(name, {"mfcc-frames-25"})
    assert set(source.front_ends) == front_ends
    assert asked == {(t.id, front_end) for t in train for front_end in front_ends}
    asked.clear()
    source(train)
    assert not asked


@pytest.mark.parametrize("name", NAMES)
def test_an_artist_who_did_not_train_has_no_group(tracks, read, name):
    source = labels.build(name, CLASSES, read, SETTINGS[name]).fit([t for t in tracks if t.artist < "artist 24"])
    stranger = next(t for t in tracks if t.artist == "artist 30")
    assert not source.covers(stranger)
    with pytest.raises(
        DataError, match=rf"artist: expected one of the training tracks; got 'artist 30' .*{name}, t030"
    ):
        source([tracks[0], stranger])
    with pytest.raises(DataError, match="fit before use"):
        labels.build(name, CLASSES, read, SETTINGS[name])([stranger])


@pytest.mark.parametrize("name", NAMES)
def test_tracks_without_artist_change_nothing_and_have_no_target(fitted, tracks, read, name):
    more = [Track(f"z{i}", "/z", "a", artist=artist) for i, artist in enumerate([None, "", None])]
    source = labels.build(name, CLASSES, read, SETTINGS[name], seed=1).fit([*more, *tracks])
    np.testing.assert_array_equal(source(tracks).distributions, fitted[name](tracks).distributions)
    assert source.report["tracks_without_artist"] == 3
    assert not any(map(source.covers, more))
    np.testing.assert_array_equal(source(more).distributions, np.full((3, 8), 0.125))


def test_an_artist_without_words_is_named_and_has_no_target(tracks, read):
    silent = [Track(t.id, t.path, t.label, t.artist) if t.artist == "artist 07" else t for t in tracks]
    source = labels.build("agf-s", CLASSES, read, SETTINGS["agf-s"]).fit(silent)
    assert source.report["artists_without_words"] == ["artist 07"]
    assert source.report["n_artists"] == N_ARTISTS
    assert source.report["n_tracks"] == N_TRACKS - 3
    assert [t.id for t in silent if not source.covers(t)] == ["t007", "t039", "t071"]
    np.testing.assert_array_equal(source([silent[7]]).distributions, np.full((1, 8), 0.125))
    assert "no target: 1 artist without words: artist 07" in describe_groups(source.report)


def test_a_file_without_descriptors_is_counted(tracks, read):
    def lacking(track, front_end):
        return np.full((1, 25), np.nan, np.float32) if track.artist == "artist 02" else read(track, front_end)

    source = labels.build("agf-e", CLASSES, lacking, SETTINGS["agf-e"]).fit(tracks)
    assert source.report["artists_without_words"] == ["artist 02"]
    assert source.report["n_tracks_without_descriptors"] == 3
    assert not source.covers(tracks[2])


def test_coefficients_and_differences(tracks, read):
    asked = set()

    def listen(track, front_end):
        asked.add(front_end)
        return read(track, front_end)

    source = labels.build("agf-d", CLASSES, listen, {**FRAMES, "n_coefficients": 13}).fit(tracks)
    assert asked == set(source.front_ends) == {"mfcc-frames-13"}
    still = {t.id: np.tile(read(t, "mfcc-frames-25")[:1], (50, 1)) for t in tracks}
    frozen = labels.build("agf-d", CLASSES, lambda t, _: still[t.id], {**FRAMES, "n_clusters": 2})
    assert frozen.fit(tracks).report["n_words_used"] == 1  # nothing moves: all the differences are 0


# --- the report


@pytest.mark.parametrize("name", NAMES)
def test_report_says_what_the_groups_are(fitted, tracks, name):
    report = fitted[name].report
    assert json.loads(json.dumps(report)) == report
    assert report["n_artists"] == N_ARTISTS
    assert report["artists_without_words"] == []
    assert report["tracks_without_artist"] == report["n_artists_with_one_track"] == 0
    assert 0 <= report["entropy_mean"] < np.log(N_GROUPS)
    shares = [group["share"] for group in report["groups"]]
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)
    table = fitted[name](tracks)
    for group in report["groups"]:
        column = table.distributions[:, table.classes.index(group["name"])]
        assert group["share"] == pytest.approx(column.mean(), abs=1e-6)
        assert len(group["artists"]) == 5
        own = [artist for artist in group["artists"] if artist["weight"] > 0.5]
        assert len({int(artist["name"][-2:]) % N_STYLES for artist in own}) <= 1
        for artist in own:
            row = table.distributions[int(artist["name"][-2:])]
            assert artist["weight"] == pytest.approx(row[table.classes.index(group["name"])], abs=1e-6)


def test_words_of_a_group_are_the_subgenres_of_its_artists(fitted):
    seen = set()
    for group in fitted["agf-s"].report["groups"][:N_STYLES]:
        style = int(group["artists"][0]["name"][-2:]) % N_STYLES
        heavy = {word["name"] for word in group["words"] if word["weight"] > 0.1}
        assert heavy
        assert heavy <= {f"style {style}.{k}" for k in range(4)}
        seen.add(style)
    assert len(seen) == N_STYLES
    for group in fitted["agf-m"].report["groups"]:
        assert all(word["name"].startswith("cluster ") for word in group["words"])


# --- what cannot be


def refuse(track, front_end):
    raise AssertionError("read before fit")


def without(tracks, **fields):
    return [Track(t.id, t.path, t.label, **{"artist": t.artist, "columns": t.columns, **fields}) for t in tracks]


@pytest.mark.parametrize("name", NAMES)
def test_no_artist_at_all(tracks, name):
    source = labels.build(name, CLASSES, refuse, SETTINGS[name])
    message = (
        rf"artists that are known; got 'none in 96 training tracks' \(labels\.{name}\)\. Add a column artist .*{name}"
    )
    for call in (source.check, source.fit):
        with pytest.raises(DataError, match=message):
            call(without(tracks, artist=None))


@pytest.mark.parametrize("name", NAMES)
def test_fewer_artists_than_groups(tracks, name):
    source = labels.build(name, CLASSES, refuse, {**SETTINGS[name], "n_groups": 33})
    rule = rf"at most 32, as the 32 artists of the training tracks give; got 33 \(labels\.{name}\.n_groups\)\. Lower"
    with pytest.raises(DataError, match=rule):
        source.check(tracks)


def test_fewer_artists_with_words_than_groups(tracks, read):
    some = [t if t.artist < "artist 06" else without([t], columns={"subgenres": ""})[0] for t in tracks]
    source = labels.build("agf-s", CLASSES, read, {"n_groups": 7})
    source.check(some)
    with pytest.raises(DataError, match="at most 6, as the 6 artists with words"):
        source.fit(some)


def test_fewer_tracks_than_clusters(tracks):
    source = labels.build("agf-e", CLASSES, refuse, {"n_clusters": 97, "n_groups": 4})
    rule = r"at most 96, as 96 training tracks with an artist give; got 97 \(labels\.agf-e\.n_clusters\)\. Lower"
    with pytest.raises(DataError, match=rule):
        source.check(tracks)
    labels.build("agf-e", CLASSES, refuse, {"n_clusters": 96, "n_groups": 4}).check(tracks)


def test_fewer_frames_than_clusters(tracks, read):
    source = labels.build("agf-m", CLASSES, read, {**FRAMES, "n_clusters": 96 * 150 + 1})
    source.check(tracks)
    with pytest.raises(DataError, match=r"as 14400 frames give; got 14401 \(labels\.agf-m\.n_clusters\)\. Lower"):
        source.fit(tracks)


def test_no_column_of_subgenres(tracks):
    named = without(tracks, columns={"subgenre": "x", "title": "y"})
    rule = r"a column 'subgenres' in the table of the collection; got \['subgenre', 'title'\]"
    with pytest.raises(
        DataError, match=rule + r".*Did you mean 'subgenre'\? Set labels\.agf-s\.column, or leave agf-s"
    ):
        labels.build("agf-s", CLASSES, refuse).check(named)
    labels.build("agf-s", CLASSES, refuse, {"column": "subgenre", "n_groups": 4}).check(named)
    with pytest.raises(DataError, match="got 'only empty cells'"):
        labels.build("agf-s", CLASSES, refuse).check(without(tracks, columns={"subgenres": " ;"}))


def test_an_artist_of_one_track_is_fine_and_counted(tracks, read):
    source = labels.build("agf-m", CLASSES, read, FRAMES).fit(tracks[: N_ARTISTS + 4])
    assert source.report["n_artists_with_one_track"] == N_ARTISTS - 4
    assert source.covers(tracks[20])


@pytest.mark.parametrize(
    ("name", "settings", "rule"),
    [
        ("agf-m", {"n_clusters": 1}, "2 or more, at most 100000"),
        ("agf-d", {"n_groups": 1}, "2 or more, at most 100000"),
        ("agf-m", {"n_groups": 2147483648}, "2 or more, at most 100000"),  # A8: names were made without end
        ("agf-e", {"n_clusters": 2147483648}, "2 or more, at most 100000"),  # A8
        ("agf-m", {"n_coefficients": 20}, "13 or 25"),
        ("agf-m", {"batch_files": 0}, "1 or more"),
        ("agf-e", {"n_clusters": 0}, "2 or more, at most 100000"),
        ("agf-s", {"column": ""}, "the name of a column"),
    ],
)
def test_settings_out_of_range(name, settings, rule):
    """Case A8: names of 2147483648 groups were made without end."""
    (key,) = settings
    with pytest.raises(RecipeError, match=rf"expected {rule}; got .* \(labels\.{name}\.{key}\)"):
        labels.build(name, CLASSES, refuse, settings)


# --- names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("sb", ("sb",)),
        ("agf", ("none", "agf-m", "agf-d", "agf-e", "agf-s")),
        ("agf-s + none+agf-s", ("agf-s", "none")),
        ("sa+agf", ("sa", "agf-m", "agf-d", "agf-e", "agf-s")),
    ],
)
def test_names_joined_by_plus(text, names):
    assert labels.expand(text) == names


@pytest.mark.parametrize(("text", "wrong"), [("agfm", "agfm"), ("none+agf-x", "agf-x"), ("none+", ""), ("", "")])
def test_names_that_do_not_exist(text, wrong):
    with pytest.raises(UnknownNameError, match=rf"label source: expected one of agf, agf-d.*; got '{wrong}'"):
        labels.expand(text)


def test_the_nearest_name_is_told():
    with pytest.raises(UnknownNameError, match="Did you mean 'agf-m'"):
        labels.expand("none+agf_m")


def test_auxiliary_sources_are_those_with_columns_of_their_own():
    assert [name for name in sorted(labels.presets()) if labels.is_auxiliary(name)] == [*NAMES, "artist"]
    with pytest.raises(UnknownNameError):
        labels.is_auxiliary("agf")
