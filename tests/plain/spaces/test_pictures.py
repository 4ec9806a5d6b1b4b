"""Pictures of embeddings: one per column, grey where values are many, and the same each time."""

from __future__ import annotations

from essentia_ldl.spaces.pictures import draw_pictures


def test_a_picture_per_column_that_repeats(music, tmp_path):
    tracks, vectors = music
    one = draw_pictures(tmp_path / "a", "m.pb", tracks, vectors, ("artist", "genre"))
    assert [path.name for path in one] == ["m-artist.png", "m-genre.png"]
    other = draw_pictures(tmp_path / "b", "m.pb", tracks, vectors, ("genre",))
    assert other[0].read_bytes() == one[1].read_bytes()
