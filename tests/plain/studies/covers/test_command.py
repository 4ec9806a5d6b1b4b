"""The command covers: what it refuses before it trains; the whole way is in tests/sound/test_covers.py."""

from __future__ import annotations

import csv

import pytest

from essentia_ldl.collection.read import Source
from essentia_ldl.datasets.demo import DemoSize, build_demo
from essentia_ldl.errors import DataError, WeightsError
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home
from essentia_ldl.frontends import CQT
from essentia_ldl.studies.covers import command
from essentia_ldl.studies.covers.command import CoversTerms, measure


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    size = DemoSize(n_tracks=2, n_artists=2, duration_s=20.0, covers=True)
    return build_demo(tmp_path_factory.mktemp("covers") / "music", ("jazz", "rock"), size)


@pytest.fixture
def home(music, tmp_path, monkeypatch):
    """A home whose store has the spectra of the demo: what is refused is refused without Essentia."""
    import numpy as np

    home = Home(tmp_path / "home")
    store = Store(home.store)
    for path in sorted((music / "audio").iterdir()):
        content = store.remember(str(path))
        store.write(content, CQT, np.zeros((CQT.patch_frames, CQT.n_bands), np.float32))
        store.write_info(content, {"duration_s": 20.0})
    return home


def write_index(music, name, change):
    with open(music / "index.csv", newline="") as file:
        rows = [change(row) for row in csv.DictReader(file)]
    with open(music / name, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return Source(str(music / name))


def test_music_without_pictures_is_told(music, home):
    source = write_index(music, "none.csv", lambda row: {**row, "cover": ""})
    with pytest.raises(DataError, match=r"pictures: expected some tracks that have one; got '4 tracks have none"):
        measure(source, CoversTerms(), home, 1, lambda line: None)


def test_pictures_that_do_not_decode_are_told_by_the_first(music, home):
    source = write_index(music, "broken.csv", lambda row: {**row, "cover": row["path"]})
    with pytest.raises(DataError, match=r"4 pictures cannot be used, the first: picture: expected a whole JPEG"):
        measure(source, CoversTerms(), home, 1, lambda line: None)


def test_one_genre_is_not_enough(music, home):
    source = write_index(music, "one.csv", lambda row: {**row, "label": "jazz"})
    with pytest.raises(DataError, match=r"genres: expected two or more; got \['jazz'\]"):
        measure(source, CoversTerms(), home, 1, lambda line: None)


def test_more_folds_than_artists_are_refused(music, home):
    with pytest.raises(DataError, match="artists of class 'jazz'"):
        measure(Source(str(music)), CoversTerms(folds=3), home, 1, lambda line: None)


def test_weights_have_to_be_there(music, home):
    with pytest.raises(WeightsError, match="image weights: expected a file; got 'nothing there'"):
        measure(Source(str(music)), CoversTerms(image_weights="gone.keras"), home, 1, lambda line: None)


def test_numbers_are_no_genres(music, home):
    (music / "numbers.csv").write_text(
        "path,arousal\n" + "".join(f"audio/{p.name},{i}.5\n" for i, p in enumerate(sorted((music / "audio").iterdir())))
    )
    with pytest.raises(DataError, match=r"collection: expected genres; got 'numbers'"):
        measure(Source(str(music / "numbers.csv")), CoversTerms(), home, 1, lambda line: None)


@pytest.mark.parametrize(
    ("given", "name"), [("My Library", "my_library-covers"), ("///", "music-covers"), ("covers", "covers")]
)
def test_an_extractor_is_named_by_its_data(given, name):
    assert command._name(given) == name
