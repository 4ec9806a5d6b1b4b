"""The command that learns from artists: what it asks for, plans and refuses before any audio is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl.collection.read import Collection, Source
from essentia_ldl.errors import DataError, TrainingError, UnknownNameError
from essentia_ldl.features.beside import find_networks
from essentia_ldl.files import Home
from essentia_ldl.records import Track
from essentia_ldl.spaces import artists
from essentia_ldl.spaces.artists import (
    check_size,
    draw_roles,
    keep_known,
    learn_space,
    make_asked,
    name_data,
    plan_space,
)

TRACKS = [Track(f"{n}.mp3", f"/{n}.mp3", "sad", f"artist {n // 2}", tags=None) for n in range(8)]


def collect(tracks: list[Track], home: Home) -> Collection:
    return Collection(tuple(tracks), {track.id: f"{n:064}" for n, track in enumerate(tracks)}, {}, (), home)


def test_options_are_fields_of_what_is_asked_or_of_its_settings():
    asked = make_asked("triplet", margin=0.3, on=("msd-vgg", "mtt-vgg"), by="genre", epochs=None, network="")
    assert (asked.on, asked.by, asked.settings.margin, asked.settings.epochs) == (
        ("msd-vgg", "mtt-vgg"),
        "genre",
        0.3,
        10,
    )
    whole = make_asked("siamese", network="artists")
    assert (whole.on, whole.settings.rate, whole.settings.itself) == ((), 0.1, False)


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"network": "artits"}, UnknownNameError, "network"),
        ({"name": "../out"}, DataError, "name: expected letters"),
        ({"valid_share": 1.0}, DataError, "share that validates"),
        ({"margin": -1.0}, TrainingError, "margin: expected above 0"),
        ({"network": "artists", "size": 8}, TrainingError, "size: expected nothing beside a network .*; got 8"),
        ({"network": "artists", "layers": "deep"}, TrainingError, "layers: expected nothing beside a network"),
        ({"network": "artists", "on": ("msd-vgg",)}, TrainingError, "on: expected nothing beside a network"),
        ({"network": "artists", "epochs": 0}, TrainingError, "epochs: expected 1 or more of a network"),
    ],
)
def test_what_cannot_be_asked_for(given, error, told):
    with pytest.raises(error, match=told):
        make_asked(**given)


def test_a_projection_has_as_many_numbers_as_what_is_below_it_at_most(tmp_path):
    networks = find_networks(("msd-musicnn", "msd-vgg"), tmp_path)
    check_size(make_asked(size=456), networks)  # 200 and 256
    with pytest.raises(TrainingError, match=r"size: expected 456 or fewer, .*; got 457 \(msd-musicnn and msd-vgg\)"):
        check_size(make_asked(size=457), networks)
    check_size(make_asked("words"), ())  # which has a size of its own


def test_a_projection_is_planned_on_every_track_and_named_after_data_and_network(tmp_path):
    networks = find_networks(("msd-musicnn",), tmp_path)
    plan = plan_space(make_asked(), collect(TRACKS, Home(tmp_path)), networks, "my-music")
    assert (plan.stem, plan.backbones, plan.network) == ("my_music_artist-musicnn", ("msd-musicnn",), "")
    assert {track.role for track in plan.tracks} == {"train"}
    assert [track.label for track in plan.tracks[:3]] == ["artist 0", "artist 0", "artist 1"]
    joint = plan_space(
        make_asked(), collect(TRACKS, Home(tmp_path)), find_networks(("msd-vgg", "mtt-vgg"), tmp_path), "m"
    )
    assert joint.stem == "m_artist-joint"


def test_a_whole_network_is_chosen_by_artists_of_its_own(tmp_path):
    plan = plan_space(make_asked(network="artists"), collect(TRACKS, Home(tmp_path)), (), "m")
    assert plan.stem == "m_artist-artists"
    by_role = {role: {t.label for t in plan.tracks if t.role == role} for role in ("train", "valid")}
    assert len(by_role["valid"]) == 1
    assert not by_role["train"] & by_role["valid"]
    assert draw_roles(["a", "b"], 0.5, 0) == draw_roles(["a", "b"], 0.5, 0)


def test_tags_need_no_artists(tmp_path):
    tracks = [Track(f"{n}.mp3", f"/{n}.mp3", "", tags=("a", "b")[: n % 3]) for n in range(6)]
    assert keep_known(tracks, make_asked("tags")) == (tracks, 0)
    plan = plan_space(make_asked("tags"), collect(tracks, Home(tmp_path)), find_networks(("msd-vgg",), tmp_path), "m")
    assert plan.stem == "m_tags-vgg"
    assert plan.tags == {f"{n}.mp3": ["a", "b"][: n % 3] for n in range(6)}
    with pytest.raises(DataError, match=r"labels: expected two or more; got \['sad'\]"):
        keep_known([Track("x", "/x", "sad")], make_asked("tags"))


def test_tracks_without_artist_are_left_out_and_counted():
    tracks = [*TRACKS, Track("x", "/x", "sad")]
    assert keep_known(tracks, make_asked()) == (TRACKS, 1)
    with pytest.raises(DataError, match=r"column 'artist': expected two or more values; got \['artist 0'\]"):
        keep_known(TRACKS[:2], make_asked())
    with pytest.raises(DataError, match="column 'artist': expected a value for some tracks"):
        keep_known([Track("x", "/x", "sad")], make_asked())


def test_a_collection_without_artists_is_refused_before_any_audio_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(artists, "prepare_features", None)
    for name in ("a", "b"):
        (tmp_path / "music" / name).mkdir(parents=True)
        (tmp_path / "music" / name / "1.wav").touch()
    with pytest.raises(DataError, match="column 'artist': expected a value for some tracks; got 'none'"):
        learn_space(make_asked(), Source(tmp_path / "music"), Home(tmp_path), say=lambda line: None)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("My Music", "my_music"),
        ("dr. x", "dr_x"),
        ("emotify-sad/index.tsv", "emotify_sad"),
        ("home/my-music.csv", "my_music"),
    ],
)
def test_a_space_is_named_after_its_data(tmp_path, place, name):
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.touch() if "/" in place else path.mkdir()
    assert name_data(str(path), False) == name
    assert name_data(str(path), True) == f"demo_{name}"
    assert isinstance(path, Path)
