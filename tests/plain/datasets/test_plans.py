"""The tracks of a demo before they are synthesised."""

from __future__ import annotations

import pytest

from essentia_ldl.datasets._plans import plan_tracks

BASE = {"n_tracks": 12, "n_artists": 4, "seed": 0}


@pytest.mark.parametrize(
    ("parameters", "n_tracks", "columns"),
    [
        ({"classes": ["a", "b"]}, 24, ("label", "artist", "split", "title")),
        (
            {"classes": ["a", "b"], "n_substyles": 2},
            24,
            ("label", "artist", "split", "title", "album", "subgenres", "plays"),
        ),
        ({"classes": ["fast", "loud"], "kind": "multi_label"}, 12, ("fast", "loud", "artist", "split", "title")),
        ({"classes": ["valence"], "kind": "regression"}, 12, ("valence", "artist", "split", "title")),
    ],
)
def test_every_kind_of_demo_has_its_rows(parameters, n_tracks, columns):
    planned = plan_tracks(BASE | parameters)
    assert len(planned) == n_tracks
    assert all(tuple(track.row) == ("path", *columns) for track in planned)
    assert len({track.row["path"] for track in planned}) == len({track.entropy for track in planned}) == n_tracks
    assert [track.row for track in planned] == [track.row for track in plan_tracks(BASE | parameters)]
    assert planned[0].row != plan_tracks(BASE | parameters | {"seed": 1})[0].row or "kind" in parameters


def test_the_artists_of_tags_and_dimensions_take_turns():
    planned = plan_tracks(BASE | {"classes": ["fast"], "kind": "multi_label"})
    assert [track.row["artist"] for track in planned[:5]] == [*(f"artist {i}" for i in (1, 2, 3, 4)), "artist 1"]
    assert {track.row["fast"] for track in planned} == {"0", "1"}
