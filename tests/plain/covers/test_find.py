"""Where the picture of a track is: the table, the tags, the folder, in this order."""

from __future__ import annotations

import base64

import mutagen
import pytest
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3

from essentia_ldl.covers.find import _list_pictures, find_picture, read_tags
from essentia_ldl.errors import PictureError


def tag(path, *pictures):
    """Write pictures, kind and bytes, into the tags of an audio file."""
    if path.suffix == ".flac":
        file = FLAC(path)
        for kind, data in pictures:
            file.add_picture(block(kind, data))
        file.save()
        return path
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    for number, (kind, data) in enumerate(pictures):
        file.tags.add(APIC(mime="image/png", type=kind, desc=str(number), data=data))
    file.save()
    return path


def block(kind, data):
    picture = Picture()
    picture.type, picture.mime, picture.data = kind, "image/png", data
    return picture


@pytest.mark.parametrize("suffix", [".mp3", ".wav", ".flac"])
def test_the_front_cover_of_the_tags_is_found(suffix, silence, picture, tmp_path):
    path = tag(silence(tmp_path / f"a{suffix}"), (4, b"the back"), (3, picture()))
    assert read_tags(str(path)) == picture()
    found = find_picture(str(path))
    assert (found.source, found.where) == ("tags", str(path))


def test_without_a_front_cover_the_first_picture_counts(silence, tmp_path):
    path = tag(silence(tmp_path / "a.flac"), (4, b"back"), (5, b"leaflet"))
    assert read_tags(str(path)) == b"back"


def test_tags_of_mp4_and_of_vorbis_comments_are_read():
    class File:
        def __init__(self, **tags):
            self.tags = tags

    assert _list_pictures(File(covr=[b"one", b"two"])) == [(3, b"one"), (3, b"two")]
    text = base64.b64encode(block(3, b"front").write()).decode()
    assert _list_pictures(File(METADATA_BLOCK_PICTURE=[text])) == [(3, b"front")]
    with pytest.raises(ValueError, match="metadata_block_picture"):
        _list_pictures(File(metadata_block_picture=["AAAA"]))


def test_the_table_goes_before_the_tags_and_these_before_the_folder(silence, picture, tmp_path):
    (tmp_path / "music").mkdir()
    path = silence(tmp_path / "music" / "a.wav")
    (tmp_path / "table.png").write_bytes(picture((1, 2, 3)))
    (tmp_path / "music" / "Folder.JPG").write_bytes(b"folder")
    assert find_picture(str(path)).data == b"folder"
    (tmp_path / "music" / "cover.png").write_bytes(b"cover")
    assert find_picture(str(path)).data == b"cover"
    assert find_picture(str(path)).source == "beside"
    tag(path, (3, b"tags"))
    assert find_picture(str(path)).data == b"tags"
    found = find_picture(str(path), "table.png", str(tmp_path))
    assert (found.data, found.source) == (picture((1, 2, 3)), "column")
    assert find_picture(str(path), "music\\cover.png", str(tmp_path)).data == b"cover"


def test_a_track_may_have_none(silence, tmp_path):
    assert find_picture(str(silence(tmp_path / "a.mp3"))) is None
    (tmp_path / "b.txt").write_text("no audio")
    assert find_picture(str(tmp_path / "b.txt")) is None


def test_a_picture_that_the_table_names_has_to_be_there(silence, tmp_path):
    with pytest.raises(PictureError, match=r"picture: expected a file that can be read; .*\(.*gone\.png\)"):
        find_picture(str(silence(tmp_path / "a.wav")), "gone.png", str(tmp_path))


def test_damaged_tags_are_told(silence, tmp_path):
    path = silence(tmp_path / "a.flac")
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(PictureError, match=r"tags: expected readable ones.*a\.flac"):
        read_tags(str(path))


def test_an_id3_tag_without_a_picture_has_none(silence, tmp_path):
    path = silence(tmp_path / "a.mp3")
    ID3().save(path)
    assert read_tags(str(path)) == b""
