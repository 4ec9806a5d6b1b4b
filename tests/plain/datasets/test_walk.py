"""Walking folders: what is passed over is counted, and nothing stops the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from essentia_ldl.datasets._walk import PassedOver, list_audio, walk_files
from essentia_ldl.errors import DataError


def test_a_folder_that_cannot_be_listed_is_passed_over_b6(tmp_path, monkeypatch):
    for name in ("a/1.wav", "closed/2.wav", "z/3.wav"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    real = Path.iterdir

    def refuse(self):
        if self.name == "closed":
            raise PermissionError(13, "Permission denied")
        return real(self)

    monkeypatch.setattr(Path, "iterdir", refuse)
    passed = PassedOver()
    assert [path.name for path in list_audio(tmp_path, passed)] == ["1.wav", "3.wav"]
    assert passed.describe(tmp_path) == ["passed over: 1 folder that cannot be listed (closed)"]
    with pytest.raises(DataError, match="closed cannot be listed: Permission denied"):
        list_audio(tmp_path / "closed")


def test_two_links_to_one_folder_are_walked_and_a_loop_is_not_b6(tmp_path):
    (tmp_path / "music").mkdir()
    (tmp_path / "music/1.wav").touch()
    (tmp_path / "music/up").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "music")
    passed = PassedOver()
    found = [os.path.relpath(path, tmp_path) for path in walk_files(tmp_path, (), passed)]
    assert found == ["again/1.wav", "music/1.wav"]
    assert passed.counts["link to a folder above it"] == 2
