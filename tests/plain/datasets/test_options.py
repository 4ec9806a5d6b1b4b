"""Options of a layout: checked by name, converted from the texts of a command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from essentia_ldl import datasets
from essentia_ldl.cli.main import main
from essentia_ldl.collection.read import Source, read_corrected
from essentia_ldl.datasets import _gtzan_lists, folder, gtzan
from essentia_ldl.errors import DataError, UnknownNameError
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.records import Track
from essentia_ldl.train import prepare


@pytest.fixture
def music(tmp_path, monkeypatch):
    """Return a folder whose layout has options, and what they arrive as."""
    (tmp_path / "music" / "a").mkdir(parents=True)
    (tmp_path / "music" / "a" / "1.mp3").write_bytes(b"x")
    seen = {}

    def read_tracks(
        path: Path, *, taxonomy: str | None = None, audio: str | Path | None = None, keep: bool = False, size: str = "s"
    ):
        seen.update(taxonomy=taxonomy, audio=audio, keep=keep, size=size)
        return [Track("1", "/1", "a")]

    monkeypatch.setattr(folder, "read_tracks", read_tracks)
    return tmp_path / "music", seen


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (None, {}),
        ({"taxonomy": "mood_sad"}, {"taxonomy": "mood_sad"}),
        ({"taxonomy": "None"}, {"taxonomy": None}),
        ({"taxonomy": ""}, {"taxonomy": None}),
        ({"size": "none"}, {"size": "none"}),
        ({"keep": "yes"}, {"keep": True}),
        ({"keep": "True"}, {"keep": True}),
        ({"keep": "0"}, {"keep": False}),
        ({"keep": True}, {"keep": True}),
        ({"audio": Path("/a")}, {"audio": Path("/a")}),
    ],
)
def test_options_reach_the_layout_as_what_their_default_says(music, options, expected):
    path, seen = music
    datasets.read_tracks(path, options=options)
    assert seen == {"taxonomy": None, "audio": None, "keep": False, "size": "s", **expected}


def test_a_home_folder_is_expanded_in_paths_only(music, monkeypatch):
    path, seen = music
    monkeypatch.setenv("HOME", "/home/nina")
    datasets.read_tracks(path, "folder", {"audio": "~/mtg", "size": "~/mtg"})
    assert (seen["audio"], seen["size"]) == ("/home/nina/mtg", "~/mtg")


@pytest.mark.parametrize("value", ["maybe", "", 1, None])
def test_a_switch_takes_yes_or_no(music, value):
    with pytest.raises(DataError, match="option keep: expected yes or no"):
        datasets.read_tracks(music[0], options={"keep": value})


def test_an_unknown_option_names_the_nearest(music):
    with pytest.raises(UnknownNameError, match=r"option of the layout folder.*Did you mean 'taxonomy'"):
        datasets.read_tracks(music[0], options={"taxonmy": "mood_sad"})
    with pytest.raises(UnknownNameError, match="option of the layout"):
        datasets.read_tracks(music[0], options={"path": "elsewhere"})


def test_a_layout_without_options_says_so(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.mp3").write_bytes(b"x")
    with pytest.raises(UnknownNameError, match="the layout folder has none"):
        datasets.read_tracks(tmp_path, options={"split": "all"})


def test_a_real_layout_gets_its_option(tmp_path):
    for genre in gtzan.CLASS_OF:
        (tmp_path / genre).mkdir()
        (tmp_path / genre / f"{genre}.00000.wav").write_bytes(b"x")
    assert {track.split for track in datasets.read_tracks(tmp_path, "gtzan")} == {None}
    tracks = datasets.read_tracks(tmp_path, "gtzan", {"split": "fault-filtered"})
    assert {track.split for track in tracks} == {"train", "valid", "test"}
    with pytest.raises(DataError, match="split"):
        datasets.read_tracks(tmp_path, "gtzan", {"split": "none"})


# --- from the command line ------------------------------------------------------------------------------------------


def make_gtzan(root: Path) -> Path:
    lists = _gtzan_lists.read_fault_filtered()
    for genre in gtzan.CLASS_OF:
        for number in {0, *(side[genre][0] for side in lists.values())}:
            path = root / genre / f"{genre}.{number:05d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"{genre} {number}".encode())
    return root


def test_a_recipe_reads_a_collection_by_its_layout_and_options(tmp_path):
    root, recipe = make_gtzan(tmp_path / "genres"), read_recipe("genre-tzanetakis")
    everything, _ = read_corrected(Source(root), recipe)
    assert {track.split for track in everything} == {None}
    assert {track.label for track in everything} == set(recipe.classes)
    filtered, _ = read_corrected(Source(root, "gtzan", {"split": "fault-filtered"}), recipe)
    assert {track.split for track in filtered} == {"train", "valid", "test"}
    assert len(filtered) == 930
    with pytest.raises(DataError, match="Dortmund: expected Dortmund"):
        read_corrected(Source(root, "dortmund"), recipe)


@pytest.mark.parametrize("command", ["train", "crossval"])
def test_layout_and_options_reach_the_steps(command, tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))
    root, asked = make_gtzan(tmp_path / "genres"), {}

    def read(source, recipe, say):
        asked.update(data=source.data, layout=source.layout, options=source.options)
        raise DataError("far enough")

    monkeypatch.setattr(prepare, "read_corrected", read)
    options = ["--data", str(root), "--layout", "gtzan", "--option", "split=fault-filtered"]
    result = CliRunner().invoke(main, [command, "genre-tzanetakis", *options])
    assert "far enough" in result.stderr
    assert asked == {"data": str(root), "layout": "gtzan", "options": {"split": "fault-filtered"}}


def test_new_and_data_take_them_too(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))
    seen = []

    def read_tracks(path, layout=None, options=None, say=None, kind=None):
        seen.append((layout, dict(options)))
        raise DataError("far enough")

    monkeypatch.setattr(datasets, "read_tracks", read_tracks)
    for arguments in (["new", "mine", "--data", "d"], ["data", "d"]):
        result = CliRunner().invoke(main, [*arguments, "--layout", "fma", "--option", "subset=medium"])
        assert "far enough" in result.stderr
    assert seen == [("fma", {"subset": "medium"})] * 2
