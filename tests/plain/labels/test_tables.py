"""Label tables as CSV, and their histograms."""

import errno
import os

import numpy as np
import pytest

from essentia_ldl import labels
from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.records import LabelTable

IDS = ("a.mp3", 'odd, "name"\n.mp3', "größe/ü.flac", "bytes\udcff.wav", " leading", "")


@pytest.fixture
def table():
    raw = np.random.default_rng(1).dirichlet([0.3] * 3, size=len(IDS)).astype(np.float32)
    raw[0] = [0, 1, 0]
    return LabelTable(IDS, ("blues", "hip hop", "rock, hard"), raw)


def test_table_reads_back_to_the_last_bit(table, tmp_path):
    path = labels.write_table(table, tmp_path / "deep" / "labels.csv")
    again = labels.read_table(path)
    assert again.ids == table.ids
    assert again.classes == table.classes
    np.testing.assert_array_equal(again.distributions, table.distributions)
    assert os.listdir(path.parent) == ["labels.csv"]


def test_table_is_plain_csv(tmp_path):
    table = LabelTable(("x.mp3",), ("non_sad", "sad"), np.array([[0.1, 0.9]]))
    path = labels.write_table(table, tmp_path / "labels.csv")
    assert path.read_bytes() == b"id,non_sad,sad\nx.mp3,0.1,0.9\n"


def test_table_without_tracks(tmp_path):
    table = LabelTable((), ("non_sad", "sad"), np.zeros((0, 2)))
    assert labels.read_table(labels.write_table(table, tmp_path / "labels.csv")).ids == ()


def test_failed_write_keeps_the_old_file_and_leaves_no_other(table, tmp_path, monkeypatch):
    path = labels.write_table(table, tmp_path / "labels.csv")
    before = path.read_bytes()

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StoreError, match=r"got 'No space left on device' .*labels\.csv.*Free space"):
        labels.write_table(table, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["labels.csv"]


def test_write_below_a_file_is_a_store_error(table, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="space and permission to write"):
        labels.write_table(table, tmp_path / "file" / "labels.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the header id,<classes"),
        ("path,a,b\n", "the header id,<classes"),
        ("id\n", "the header id,<classes"),
        ("id,a,a\n", "the header id,<classes"),
        ("id,a,b\nx,0.5\n", r"expected 3 cells; got 2 \(.*labels\.csv, row 2\)"),
        ("id,a,b\nx,1,0\ny,half,0.5\n", r"expected numbers; got \['half', '0.5'\] \(.*row 3\)"),
        ("id,a,b\nx,0.5,0.6\n", r"labels\.csv: label row: expected probabilities that sum to 1"),
        ("id,a,b\nx,nan,0.6\n", "probabilities that sum to 1"),
        ("id,a,b\nx,1,0\nx,1,0\n", "ids that differ"),
    ],
)
def test_broken_table_names_file_and_row(tmp_path, text, message):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        labels.read_table(path)


def test_missing_table(tmp_path):
    with pytest.raises(StoreError, match=r"got 'No such file or directory' .*none\.csv"):
        labels.read_table(tmp_path / "none.csv")


# --- histograms


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


def test_text_histogram_counts_every_track_once(pair):
    text = labels.text_histogram(*pair)
    sa, sb = text.split("\n\n")
    assert sa.splitlines()[0] == "sa: mass on the own class, mean 0.60, 20 tracks"
    assert sa.splitlines()[6:9] == [" 0.5 |" + "#" * 20 + " 5", " 0.6 |" + "#" * 40 + " 10", " 0.7 |" + "#" * 20 + " 5"]
    assert sb.splitlines()[11] == " 1.0 |" + "#" * 40 + " 15"
    assert text.isascii()


def test_own_mass_is_described_a_class():
    ids, truth = ("x", "y", "z"), {"x": "a", "y": "a", "z": "bb"}
    table = LabelTable(ids, ("a", "bb", "c"), np.array([[0.5, 0.5, 0], [0.2, 0.5, 0.3], [0.1, 0.6, 0.3]]))
    assert labels.describe_own_mass(table, truth) == [
        "  a   mean 0.35, min 0.20, 1 of 2 tracks have more on another class",
        "  bb  mean 0.60, min 0.60, 0 of 1 tracks have more on another class",
    ]


def test_every_source_at_once_has_a_picture(pair, tmp_path):
    shown = [name for name in labels.presets() if not labels.is_auxiliary(name)]  # groups have no own class
    tables = dict.fromkeys(shown, pair[0]["sa"])
    assert labels.write_histogram(tables, pair[1], tmp_path / "all.png").stat().st_size > 5000
    assert len(labels.text_histogram(tables, pair[1]).split("\n\n")) == len(tables)


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
        labels.text_histogram({}, pair[1])
    with pytest.raises(DataError, match="at least one track"):
        labels.text_histogram(LabelTable((), ("a", "b"), np.zeros((0, 2))), {})
