"""The pictures of a collection in the store: shared, counted, and what cannot be used with its reason."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from essentia_ldl.covers.pictures import require_covers, store_picture, store_pictures
from essentia_ldl.errors import DataError, PictureError
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home
from essentia_ldl.frontends import PICTURE
from essentia_ldl.records import Track


def test_pictures_are_kept_by_their_content_and_what_fails_has_its_reason(silence, picture, tmp_path):
    (tmp_path / "one.png").write_bytes(picture((9, 9, 9)))
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    covers = {"a": "one.png", "b": "one.png", "c": "", "d": "broken.jpg", "e": "gone.png"}
    tracks = [
        Track(name, str(silence(tmp_path / f"{name}.wav")), "x", columns={"cover": cover})
        for name, cover in covers.items()
    ]
    home = Home(tmp_path / "home")
    found = store_pictures(tracks, str(tmp_path), home, 1)
    assert list(found.contents) == ["a", "b"]
    assert found.contents["a"] == found.contents["b"]
    assert found.counts == {"column": 2}
    assert found.without == ("c",)
    assert [failure.path for failure in found.failures] == [tracks[3].path, tracks[4].path]
    assert "a whole JPEG" in found.failures[0].reason
    assert "gone.png" in found.failures[1].reason
    pixels = Store(home.store).read(found.contents["a"], PICTURE)
    assert (pixels.shape, pixels.dtype) == ((224, 672), np.uint8)
    assert np.all(pixels.reshape(PICTURE.patch_shape) == 9)


def test_a_picture_that_is_in_the_store_is_not_decoded_again(silence, picture, tmp_path, monkeypatch):
    (tmp_path / "cover.png").write_bytes(picture())
    job = {"path": str(silence(tmp_path / "a.wav")), "cover": "", "folder": "", "store": str(tmp_path / "store")}
    first = store_picture(job)
    assert first["source"] == "beside"
    monkeypatch.setattr("essentia_ldl.covers.pictures.decode_picture", None)
    assert store_picture(job) == first


def test_a_worker_passes_on_why_a_picture_fails(silence, tmp_path):
    (tmp_path / "cover.png").write_bytes(b"no picture")
    job = {"path": str(silence(tmp_path / "a.wav")), "cover": "", "folder": "", "store": str(tmp_path / "store")}
    with pytest.raises(PictureError, match=r"cover\.png"):
        store_picture(job)


def test_the_extra_is_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "mutagen", None)
    with pytest.raises(DataError, match=r"pip install 'essentia-ldl\[covers\]'"):
        require_covers()
