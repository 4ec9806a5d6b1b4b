"""Splits: no artist on two sides for any seed, stratified, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.collection.splits import describe, describe_large_artist, fold_tracks, split_tracks
from essentia_ldl.errors import DataError
from essentia_ldl.records import ROLES, Track


def make_tracks(classes: dict[str, int], per_artist: int | None = 4, prefix: str = "") -> list[Track]:
    """Make n tracks a class, `per_artist` tracks an artist; None: artists are not known."""
    return [
        Track(
            id=f"{prefix}{label}/{i:03d}",
            path=f"/{label}/{i}",
            label=label,
            artist=None if per_artist is None else f"{prefix}{label} {i // per_artist}",
        )
        for label, n in classes.items()
        for i in range(n)
    ]


def make_random_tracks(seed: int) -> list[Track]:
    """Make a collection whose artists have 1 to 8 tracks, some in two classes, some unknown."""
    rng = np.random.default_rng(seed)
    tracks = []
    for number in range(40):
        labels = rng.choice(["a", "b", "c"], size=2, p=[0.5, 0.3, 0.2])
        for i in range(rng.integers(1, 9)):
            artist = None if number % 7 == 0 else f"artist {number}"
            tracks.append(Track(f"{number:02d}-{i}", "/x", str(labels[int(rng.random() < 0.2)]), artist))
    return tracks


def sides_of_artists(split, tracks) -> dict[str, set[str]]:
    sides: dict[str, set[str]] = {}
    for track in tracks:
        if track.artist is not None:
            sides.setdefault(track.artist, set()).add(split.role(track.id))
    return sides


def shares(split, tracks, side) -> np.ndarray:
    counts = describe(split, tracks).counts
    total = sum(np.array(list(counts[role].values())) for role in ROLES)
    return np.array(list(counts[side].values())) / total


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 12))])
def test_no_artist_is_on_two_sides_and_every_class_is_everywhere(seed):
    tracks = make_random_tracks(seed)
    for split in (split_tracks(tracks, 0.2, 0.2, seed), *fold_tracks(tracks, 4, 0.2, seed)):
        assert all(len(sides) == 1 for sides in sides_of_artists(split, tracks).values())
        assert sorted(split.train + split.valid + split.test) == sorted(track.id for track in tracks)
        for side in ROLES:
            assert min(describe(split, tracks).counts[side].values()) > 0


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
@pytest.mark.parametrize("per_artist", [None, 1, 4])
def test_shares_are_met_in_every_class(per_artist, seed):
    tracks = make_tracks({"a": 120, "b": 60, "c": 40}, per_artist)
    split = split_tracks(tracks, valid_share=0.15, test_share=0.25, seed=seed)
    np.testing.assert_allclose(shares(split, tracks, "test"), 0.25, atol=0.1)
    np.testing.assert_allclose(shares(split, tracks, "valid"), 0.15, atol=0.1)
    for fold in fold_tracks(tracks, 5, 0.2, seed):
        np.testing.assert_allclose(shares(fold, tracks, "test"), 0.2, atol=0.1)
        np.testing.assert_allclose(shares(fold, tracks, "valid"), 0.16, atol=0.1)


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 0.95])
def test_any_share_is_met_when_artists_are_many(share):
    tracks = make_tracks({"a": 200, "b": 100}, 1)
    np.testing.assert_allclose(shares(split_tracks(tracks, share), tracks, "valid"), share, atol=0.04)


def test_folds_are_disjoint_and_cover_everything():
    tracks = make_tracks({"a": 50, "b": 30}, 3)
    folds = fold_tracks(tracks, n_folds=5)
    tested = [track_id for fold in folds for track_id in fold.test]
    assert sorted(tested) == sorted(track.id for track in tracks)
    assert len(folds) == 5
    assert all(fold.valid for fold in folds)
    assert all(not fold.valid for fold in fold_tracks(tracks, 5, valid_share=0))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_split_in_any_order_of_the_tracks():
    tracks = make_random_tracks(1)
    assert split_tracks(tracks, seed=3) == split_tracks(tracks[::-1], seed=3)
    assert fold_tracks(tracks, seed=3) == fold_tracks(tracks[::-1], seed=3)
    assert len({split_tracks(tracks, seed=seed).valid for seed in range(3)}) > 1
    assert len({fold_tracks(tracks, seed=seed)[0].test for seed in range(3)}) > 1


def test_the_split_column_is_honoured_and_valid_drawn_from_train():
    tracks = [
        Track(track.id, track.path, track.label, track.artist, split="test" if int(track.id[-3:]) >= 16 else "train")
        for track in make_tracks({"a": 20, "b": 20})
    ]
    split = split_tracks(tracks, valid_share=0.2, seed=5)
    assert set(split.test) == {track.id for track in tracks if track.split == "test"}
    assert split.valid
    assert set(split.valid) <= {track.id for track in tracks if track.split == "train"}
    assert split_tracks(tracks, valid_share=0).valid == ()


def test_the_share_of_a_fixed_column_is_of_its_training_tracks():
    sides = ["train", *["test"] * 4]
    tracks = [Track(str(i), "/x", "ab"[i % 2], split=sides[i % 5]) for i in range(200)]
    split = split_tracks(tracks, valid_share=0.25)
    assert (len(split.train), len(split.valid), len(split.test)) == (30, 10, 160)


def test_a_complete_split_column_is_taken_as_it_is():
    tracks = [Track(str(i), "/x", "ab"[i % 2], split=ROLES[i // 2 % 3]) for i in range(12)]
    split = split_tracks(tracks, 0.4, 0.4)
    assert all(split.role(track.id) == track.split for track in tracks)


def test_a_split_column_with_one_artist_on_both_sides_names_the_artist():
    tracks = [Track(str(i), "/x", "ab"[i % 2], artist="Nina Simone", split=ROLES[i % 3]) for i in range(12)]
    with pytest.raises(DataError, match=r"artist in a split: expected one side only; got 'Nina Simone' \(in train"):
        split_tracks(tracks)


def test_a_split_column_filled_in_part_or_without_training_is_refused():
    tracks = make_tracks({"a": 8, "b": 8})
    mixed = [Track("z", "/z", "a", split="test"), *tracks]
    with pytest.raises(DataError, match="a side for every track or for none; got '16 of 17 without one'"):
        split_tracks(mixed)
    with pytest.raises(DataError, match="split column: expected training tracks"):
        split_tracks([Track("z", "/z", "a", split="test")])


def test_a_class_of_one_artist_stays_in_training():
    tracks = make_tracks({"a": 20, "b": 20}) + make_tracks({"c": 4}, 4)
    for seed in range(5):
        split = split_tracks(tracks, 0.2, 0.2, seed)
        assert describe(split, tracks).counts["train"]["c"] == 4
        assert min(describe(split, tracks).counts["valid"][name] for name in "ab") > 0


def test_small_classes_of_large_artists_are_still_grouped():
    tracks = make_tracks({"a": 2, "b": 2, "c": 2, "d": 2}, 1) + make_tracks({"a": 1, "b": 1}, 1, "x")
    tracks += [Track(f"y{i}", "/y", "abcd"[i], artist="y") for i in range(4)]
    for seed in range(10):
        split = split_tracks(tracks, 0.2, 0.2, seed)
        assert len(sides_of_artists(split, tracks)["y"]) == 1


def test_folds_that_cannot_be_made_say_class_artists_and_folds():
    tracks = make_tracks({"a": 20, "b": 12})
    with pytest.raises(
        DataError, match=r"artists of class 'b': .*got '3 for 5 folds' .*at most 3 folds, or add artists"
    ):
        fold_tracks(tracks, n_folds=5)
    assert len(fold_tracks(tracks, n_folds=3, valid_share=0)) == 3
    with pytest.raises(DataError, match=r"got '1 for 2 folds'.*Add artists"):
        fold_tracks(make_tracks({"a": 4, "b": 8}), n_folds=2)


def test_nothing_to_draw_from_says_the_numbers():
    with pytest.raises(
        DataError, match=r"the valid side from: expected two or more.*got 'a: 1, b: 1'.*valid share to 0"
    ):
        split_tracks(make_tracks({"a": 4, "b": 4}))
    assert len(split_tracks(make_tracks({"a": 4, "b": 4}), valid_share=0).train) == 8


@pytest.mark.parametrize(("valid", "test"), [(-0.1, 0), (0.5, 0.5), (0.2, 1.2)])
def test_shares_out_of_range_are_refused(valid, test):
    with pytest.raises(DataError, match="together below 1"):
        split_tracks(make_tracks({"a": 8}), valid, test)


def test_bad_numbers_of_folds_and_empty_collections_are_refused():
    with pytest.raises(DataError, match="n_folds and valid_share"):
        fold_tracks(make_tracks({"a": 8}), n_folds=1)
    with pytest.raises(DataError, match="at least one track"):
        split_tracks([])
    with pytest.raises(DataError, match="at least one track"):
        fold_tracks([])


def test_describe_says_whether_artists_are_known():
    known, unknown = make_tracks({"a": 8, "b": 8}), make_tracks({"a": 8, "b": 8}, None, prefix="u")
    assert describe(split_tracks(known), known).grouped is True
    assert describe(split_tracks(known), known).artists["train"] == 3
    summary = describe(split_tracks(known + unknown), known + unknown)
    assert (summary.grouped, summary.n_without_artist) == (False, 16)
    with pytest.raises(DataError, match="an id of the collection"):
        describe(split_tracks(known), unknown)


def make_artists(**artists: dict[str, int]) -> list[Track]:
    """Make the tracks of each artist, by class."""
    return [
        Track(f"{artist}-{label}-{i}", "/x", label, artist)
        for artist, classes in artists.items()
        for label, n_tracks in classes.items()
        for i in range(n_tracks)
    ]


LARGE = {
    "each of both": make_artists(x={"a": 20, "b": 20}, **{name: {"a": 1, "b": 1} for name in "pqrs"}),
    "each of one": make_artists(x={"a": 20, "b": 20}, p={"a": 2}, q={"b": 2}, r={"a": 2}, s={"b": 2}),
    "twelve tracks": make_artists(x={"a": 5, "b": 5}, y={"a": 1}, z={"b": 1}),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", LARGE)
def test_a_large_artist_trains_and_the_others_validate_a5(name, seed):
    """A5: the artist of most tracks does not end on the validation side, because that is to have a fifth of them."""
    tracks = LARGE[name]
    split = split_tracks(tracks, 0.2, seed=seed)
    n_small = sum(track.artist != "x" for track in tracks)
    assert (len(split.train), len(split.valid)) == (len(tracks) - n_small, n_small)


@pytest.mark.parametrize("valid_share", [0.0, 0.2])
@pytest.mark.parametrize("name", LARGE)
def test_folds_that_exist_are_found_a5(name, valid_share):
    """A5: two folds are not refused where a training side with every class can be had on both."""
    tracks = LARGE[name]
    for seed in range(3):
        for fold in fold_tracks(tracks, 2, valid_share, seed):
            assert {track.label for track in tracks if track.id in fold.train} == {"a", "b"}
            assert fold.valid or not valid_share or name == "twelve tracks"  # there, nothing could be drawn


def test_the_sides_of_unequal_artists_are_as_near_as_these_allow_a5():
    """A5: whatever the artists, the validation side has the tracks that it is to have, when they are many."""
    for seed in range(6):
        tracks = make_random_tracks(seed)
        split = split_tracks(tracks, 0.2, seed=seed)
        assert abs(len(split.valid) - 0.2 * len(tracks)) <= 0.5
        assert np.abs(shares(split, tracks, "valid") - 0.2).max() < 0.08


def test_folds_of_few_artists_are_even_a5():
    tracks = make_artists(
        p={"a": 8, "b": 2}, q={"b": 6}, r={"a": 4, "b": 1}, s={"a": 3}, t={"b": 5}, u={"a": 2, "b": 5}
    )
    for seed in range(3):
        assert sorted(len(fold.test) for fold in fold_tracks(tracks, 2, 0.2, seed)) == [18, 18]
        assert sorted(len(fold.test) for fold in fold_tracks(tracks, 3, 0.2, seed)) in ([11, 12, 13], [12, 12, 12])


def test_an_artist_larger_than_a_side_is_told_with_numbers_a5():
    """A5: the warning says who, how many, and what stands where."""
    tracks = LARGE["each of both"]
    said = describe_large_artist([split_tracks(tracks, 0.2)], tracks, 0.2)
    assert said == (
        "artist 'x' has 40 of 48 tracks (83%), more than the 20% of a side, and stays on one side: 40 train, 8 validate"
    )
    said = describe_large_artist(fold_tracks(tracks, 2, 0.0), tracks, 0.2)
    assert said.endswith("stays on one side: 8 to 40 train, 8 to 40 test")
    even = make_tracks({"a": 40, "b": 40})
    assert describe_large_artist([split_tracks(even, 0.2)], even, 0.2) is None
    unknown = make_tracks({"a": 40, "b": 40}, None)
    assert describe_large_artist([split_tracks(unknown, 0.2)], unknown, 0.2) is None
