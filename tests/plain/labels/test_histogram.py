"""Histograms of label distributions: the mass on a track's own class as numbers and as a picture."""

import os

import numpy as np
import pytest

from essentia_ldl import labels
from essentia_ldl.errors import DataError
from essentia_ldl.records import LabelTable


@pytest.fixture
def pair():
    ids = tuple(f"t{i}" for i in range(20))
    truth = {track_id: "ab"[i % 2] for i, track_id in enumerate(ids)}

    def make(own):
        own = np.asarray(own)
        rows = np.stack([own, 1 - own], axis=1)
        rows[1::2] = rows[1::2, ::-1]
        return LabelTable(ids, ("a", "b"), rows)

    return {"sa": make(np.repeat([0.5, 0.6, 0.7, 0.6], 5)), "sb": make(np.repeat([1, 1, 29 / 30, 0.4], 5))}, truth


def test_own_mass_is_the_column_of_the_label(pair):
    tables, truth = pair
    np.testing.assert_allclose(labels.score_own_mass(tables["sa"], truth), np.repeat([0.5, 0.6, 0.7, 0.6], 5))


def test_own_mass_needs_every_label(pair):
    tables, truth = pair
    with pytest.raises(DataError, match=r"label: expected one of a, b; got None \(t3\)"):
        labels.score_own_mass(tables["sa"], {k: v for k, v in truth.items() if k != "t3"})


def test_every_source_at_once_has_a_picture(pair, tmp_path):
    shown = [name for name in labels.presets() if not labels.is_auxiliary(name)]  # groups have no own class
    tables = dict.fromkeys(shown, pair[0]["sa"])
    assert labels.write_histogram(tables, pair[1], tmp_path / "all.png").stat().st_size > 5000
    assert list(labels.score_own_masses(tables, pair[1])) == shown


@pytest.mark.parametrize("k", [1, 3, 7, 10, 20, 30])
def test_bins_hold_every_possible_mass(k):
    from essentia_ldl.labels import EDGES

    masses = (np.arange(k + 1) / k).astype(np.float32)
    assert np.histogram(masses, EDGES)[0].sum() == k + 1
    assert np.abs(EDGES[:, None] - masses).min() > 5e-6


def test_histogram_is_a_png_and_appears_whole(pair, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    backend = matplotlib.get_backend()
    path = labels.write_histogram(*pair, tmp_path / "plots" / "labels.png", title="mood-sad")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert os.listdir(path.parent) == ["labels.png"]
    assert matplotlib.get_backend() == backend
    one = labels.write_histogram(pair[0]["sa"], pair[1], tmp_path / "one.png")
    assert one.stat().st_size > 5000


def test_histogram_without_matplotlib_says_what_to_install(pair, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(DataError, match=r"pip install essentia-ldl\[plots\]"):
        labels.write_histogram(*pair, tmp_path / "labels.png")
    assert not os.listdir(tmp_path)


def test_histogram_needs_tables_with_tracks(pair):
    with pytest.raises(DataError, match="1 to 8 tables"):
        labels.score_own_masses({}, pair[1])
    with pytest.raises(DataError, match="at least one track"):
        labels.score_own_masses(LabelTable((), ("a", "b"), np.zeros((0, 2))), {})
