"""MagnaTagATune: tags in columns, synonyms, the fifty, folders that are sides, and artists."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets import magnatagatune
from essentia_ldl.errors import DataError
from essentia_ldl.tags import TAGS

COLUMNS = ("no vocals", "no voice", "guitar", "drums", "drum", "bongos", "female vocal", "woman")
CLIPS = {
    "0/nina-one-01-song-0-29.mp3": ("2", "Nina", {"guitar", "no voice"}),
    "b/nina-one-01-song-29-58.mp3": ("6", "Nina", {"woman", "drum"}),
    "c/ada-two-02-song-0-29.mp3": ("10", "Ada", {"bongos"}),
    "d/nina-one-02-song-0-29.mp3": ("11", "Nina", {"drums", "female vocal", "guitar"}),
    "f/bach-three-01-bwv54__i_aria-30-59.mp3": ("12", "Bach", set()),
}


def write_mtt(root: Path, clips: dict = CLIPS, with_info: bool = True, audio: str = "mp3") -> Path:
    for file in CLIPS:
        (root / audio / file).parent.mkdir(parents=True, exist_ok=True)
        (root / audio / file).write_bytes(b"x")
    quote = '"{}"'.format
    lines = ["\t".join(map(quote, ("clip_id", *COLUMNS, "mp3_path")))]
    for file, (clip, _, tags) in clips.items():
        lines.append("\t".join(map(quote, (clip, *(int(tag in tags) for tag in COLUMNS), file))))
    (root / "annotations_final.csv").write_text("\n".join(lines) + "\n")
    header = ("clip_id", "track_number", "title", "artist", "album", "url", "segmentStart", "segmentEnd")
    header = (*header, "original_url", "mp3_path")
    lines = ["\t".join(map(quote, header))]
    for file, (clip, artist, _) in clips.items():
        lines.append("\t".join(map(quote, (clip, 1, "Song", artist, "One", "u", 0, 29, "o", file))))
    if with_info:
        (root / "clip_info_final.csv").write_text("\n".join(lines) + "\n")
    return root


def test_tags_and_artists_are_read(tmp_path):
    root = write_mtt(tmp_path / "mtt")
    for path in (root, root / "annotations_final.csv"):
        assert datasets.find_layout(path) == "magnatagatune"
        tracks = {track.id: track for track in datasets.read_tracks(path)}
        assert list(tracks) == sorted(CLIPS)
    first = tracks["0/nina-one-01-song-0-29.mp3"]
    assert (first.label, first.tags, first.artist, first.split) == ("", ("guitar", "no voice"), "Nina", None)
    assert dict(first.columns) == {"clip_id": "2", "title": "Song", "album": "One"}
    assert all(Path(track.path).is_file() for track in tracks.values())
    assert {tag for track in tracks.values() for tag in track.tags} <= set(TAGS["mtt"])
    assert tracks["c/ada-two-02-song-0-29.mp3"].tags == ()  # bongos and drum are none of the fifty
    assert datasets.summarise(tracks.values()).tracks["guitar"] == 2


def test_tags_may_be_all_of_a_file_or_of_a_task(tmp_path):
    root = write_mtt(tmp_path)

    def read(**options):
        return {t.columns["clip_id"]: t.tags for t in datasets.read_tracks(root, options=options)}

    assert read(tags="all") == {clip: tuple(sorted(tags)) for clip, _, tags in CLIPS.values()}
    (tmp_path / "mine.txt").write_text("bongos\nguitar\n")
    assert read(tags=str(tmp_path / "mine.txt"))["10"] == ("bongos",)
    of_task = datasets.read_tracks(root, classes=("guitar", "woman"))
    assert {tag for track in of_task for tag in track.tags} == {"guitar", "woman"}


def test_synonyms_are_merged_before_the_fifty_are_chosen(tmp_path):
    tracks = datasets.read_tracks(write_mtt(tmp_path), options={"synonyms": "yes"})
    tags = {track.columns["clip_id"]: track.tags for track in tracks}
    assert tags["2"] == ("guitar", "no singer")
    assert tags["6"] == ("drum", "female")
    assert tags["11"] == ("drum", "female", "guitar")
    assert tags["10"] == ("bongos",)  # one of the fifty most frequent of these few


def test_every_synonym_leads_to_one_name():
    names = [*magnatagatune.SYNONYMS, *(other for others in magnatagatune.SYNONYMS.values() for other in others)]
    assert len(names) == len(set(names))
    merged = {magnatagatune._NAME_OF.get(tag, tag) for tag in TAGS["mtt"]}
    assert {"no singer", "female", "male", "vocal"} < merged
    assert len(merged) < 50


def test_folders_are_the_sides_of_the_papers_and_part_artists(tmp_path):
    root, said = write_mtt(tmp_path), []
    tracks = datasets.read_tracks(root, options={"split": "folders"}, say=said.append)
    assert {t.id[0]: t.split for t in tracks} == {"0": "train", "b": "train", "c": "valid", "d": "test", "f": "test"}
    assert {track.artist for track in tracks} == {"Nina (test)", "Nina (train)", "Ada", "Bach"}
    assert {track.columns["artist"] for track in tracks} == {"Nina", "Ada", "Bach"}
    assert said[0].startswith("the official split has 1 of 3 artists on more than one side")
    said.clear()
    kept = datasets.read_tracks(root, options={"split": "tagged-folders"}, say=said.append)
    assert [track.id[0] for track in kept] == ["0", "b", "d"]
    assert said[0] == "left out: 2 of 5 tracks, which have none of the tags"
    assert [t.split for t in datasets.read_tracks(root, options={"split": "tagged"})] == [None] * 3


def test_without_information_the_name_of_the_file_has_the_artist(tmp_path):
    tracks = datasets.read_tracks(write_mtt(tmp_path, with_info=False, audio="."))
    assert {track.artist for track in tracks} == {"nina", "ada", "bach"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"0"', '"2"', r"tag no vocals: expected 0 or 1; got '2' \(.*annotations_final.csv, row 2\)"),
        ("b/nina", "x/nina", "mp3_path: expected 0/file to f/file; got 'x/nina-one-01-song-29-58.mp3'"),
        ("b/nina-one-01-song-29-58.mp3", "0/nina-one-01-song-0-29.mp3", "each clip once; got '0/nina.*row 3"),
        ('\t"0/nina-one-01-song-0-29.mp3"', "", "row: expected 10 columns; got 9"),
        ("mp3_path", "path", "header: expected columns clip_id, mp3_path; got 'no mp3_path'"),
    ],
)
def test_broken_tables_are_refused(old, new, message, tmp_path):
    table = write_mtt(tmp_path) / "annotations_final.csv"
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        magnatagatune.read_tracks(table)


def test_options_audio_and_other_folders_that_do_not_fit_are_refused(tmp_path):
    root = write_mtt(tmp_path / "mtt")
    with pytest.raises(DataError, match="option split: expected all or tagged or folders or tagged-folders; got 'a'"):
        magnatagatune.read_tracks(root, split="a")
    with pytest.raises(DataError, match="audio of MagnaTagATune: expected files that exist"):
        magnatagatune.read_tracks(root, audio=tmp_path)
    with pytest.raises(DataError, match=r"option tags: expected tags that the collection has.*got 'sitars'"):
        magnatagatune.read_tracks(root, tags=("sitars",))
    (tmp_path / "annotations_final.csv").write_text("path\tlabel\na.wav\tx\n")
    assert not magnatagatune.matches(tmp_path)
