"""What a look leaves in a run: records that fit, files that read back, and damage in a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.files import write_json
from essentia_ldl.runs.looks import (
    FOLDER,
    LIST,
    Bands,
    Excitations,
    Harmonics,
    Seen,
    Spectra,
    is_seen,
    read_list,
    read_look,
    write_list,
    write_look,
)

SPECTRA = Spectra("stem", 16000, 5, 3, np.array([4, 0]), np.array([[1, 0.5, 0], [0, 0.25, 1]], np.float32))
EXCITATIONS = Excitations(
    role="test",
    blocks=("block_1", "last_block"),
    sizes=np.array([2, 1]),
    classes=("non_sad", "sad"),
    n_tracks=np.array([3, 1]),
    means=np.array([[0.1, 0.5, 0.9], [0.3, 0.5, 0.7]], np.float32),
    loudness_db=np.array([-30, -20, -10], np.float32),
    labels=np.array([0, 0, 1]),
    first=np.array([[0.1, 0.5], [0.2, 0.5], [0.3, 0.5]], np.float32),
)
HARMONICS = Harmonics(16000, 6, np.array([100.0, 200.0], np.float32), 0.1, 20.0, 2.0, np.array([0.1079, 24.7, 1.0]))
BANDS = Bands("timbral_1", 62.5, 96, np.ones((2, 7, 38), np.float32))
LOOKS = {
    Seen("samplecnn", "filters", "stem"): SPECTRA,
    Seen("samplecnn", "ascent", "block_1_conv"): SPECTRA,
    Seen("samplecnn-se", "excitations"): EXCITATIONS,
    Seen("harmoniccnn", "harmonics"): HARMONICS,
    Seen("msd-musicnn", "bands", "timbral_1"): BANDS,
}


@pytest.mark.parametrize("seen", LOOKS, ids=lambda seen: seen.picture)
def test_a_look_reads_back_as_it_was_written(seen, tmp_path):
    look = LOOKS[seen]
    assert not is_seen(tmp_path, seen, "weights")
    write_look(tmp_path, seen, look, "weights")
    found = read_look(tmp_path, seen)
    assert type(found) is type(look)
    for name, value in vars(look).items():
        np.testing.assert_array_equal(getattr(found, name), value)
        assert type(getattr(found, name)) is type(value)
    assert is_seen(tmp_path, seen, "weights")
    assert not is_seen(tmp_path, seen, "other weights")


def test_files_are_named_for_network_picture_and_layer(tmp_path):
    names = [str(seen.path(tmp_path).relative_to(tmp_path)) for seen in LOOKS]
    assert names[0] == f"{FOLDER}/samplecnn/filters-stem"
    assert names[2] == f"{FOLDER}/samplecnn-se/excitations"


def test_the_list_reads_back_and_no_name_leads_out_of_the_run(tmp_path):
    write_list(tmp_path, list(LOOKS), ["a note"])
    assert read_list(tmp_path) == (tuple(LOOKS), ("a note",))
    for network, picture, layer in [
        ("..", "filters", ""),
        ("a/b", "filters", ""),
        ("a", "b", ""),
        ("a", "ascent", "/"),
    ]:
        told = {"network": network, "picture": picture, "layer": layer}
        write_json(tmp_path / FOLDER / LIST, {"seen": [told], "notes": []})
        with pytest.raises((DataError, StoreError), match=r"look: expected (names without|a list).* --look all\.$"):
            read_list(tmp_path)
    write_json(tmp_path / FOLDER / LIST, {"seen": [{"layer": 1}], "notes": []})
    with pytest.raises(StoreError, match="look: expected a list of its files"):
        read_list(tmp_path)


@pytest.mark.parametrize("damage", ["nothing", "bytes", "other arrays", "other shapes"])
def test_a_damaged_file_is_one_sentence(damage, tmp_path):
    seen = next(iter(LOOKS))
    write_look(tmp_path, seen, SPECTRA, "weights")
    path = tmp_path / FOLDER / "samplecnn" / "filters-stem.npz"
    if damage == "nothing":
        path.unlink()
    elif damage == "bytes":
        path.write_bytes(path.read_bytes()[:-9])
    elif damage == "other arrays":
        np.savez(path, values=np.zeros(3))
    else:
        np.savez(path, **{**vars(SPECTRA), "numbers": np.array([1])})
    with pytest.raises(StoreError, match=r"^look: expected .* \(.*filters-stem.npz\)\. Give the command again"):
        read_look(tmp_path, seen)
    assert not is_seen(tmp_path, seen, "weights")


def test_peaks_are_where_spectra_are_largest():
    assert SPECTRA.frequencies_hz.tolist() == [0.0, 4000.0, 8000.0]
    assert SPECTRA.peaks_hz.tolist() == [0.0, 8000.0]


def test_deviations_are_over_classes_and_their_mean_over_channels():
    """Of two numbers the deviation is half of their distance: (.1 + 0) / 2 in the first block, .1 in the last."""
    np.testing.assert_allclose(EXCITATIONS.deviations, [0.05, 0.1], atol=1e-7)
    np.testing.assert_array_equal(EXCITATIONS.block(1), [[np.float32(0.9)], [np.float32(0.7)]])


def test_a_channel_that_rests_has_no_correlation_with_the_loudness():
    rising, resting = EXCITATIONS.correlations
    assert rising == pytest.approx(1.0)
    assert np.isnan(resting)


def test_widths_are_those_of_the_paper():
    np.testing.assert_allclose(HARMONICS.widths_hz([100.0, 600.0]), [(0.1 * 100 + 20) / 2, (0.1 * 600 + 20) / 2])
    np.testing.assert_allclose(HARMONICS.widths_hz(1000.0, learnt=False), 0.1079 * 1000 + 24.7)


def test_filters_that_shrank_to_nothing_are_not_active():
    kernels = np.ones((3, 7, 38), np.float32) * np.array([1e-30, 1.0, 2e-6], np.float32)[:, np.newaxis, np.newaxis]
    np.testing.assert_array_equal(Bands("timbral_1", 62.5, 96, kernels).active, kernels[1:])
    assert len(Bands("timbral_1", 62.5, 96, np.zeros((3, 7, 38), np.float32)).active) == 3


@pytest.mark.parametrize(
    ("kind", "values", "text"),
    [
        (Spectra, ("stem", 16000, 1, 3, np.arange(2), np.ones((2, 3))), "spectra: expected a row per filter"),
        (Spectra, ("stem", 16000, 2, 3, np.arange(2), np.eye(3)[[1, 0]]), "spectra: expected rows by peak"),
        (Excitations, tuple({**vars(EXCITATIONS), "labels": np.zeros(2)}.values()), "excitations: expected shapes"),
        (Harmonics, (16000, 6, np.ones(2), 0.1, 20.0, 0.0, np.ones(3)), "harmonics: expected frequencies and q"),
        (Bands, ("timbral_1", 62.5, 96, np.ones((2, 7, 97))), "filters of bands: expected"),
    ],
)
def test_records_that_do_not_fit_are_refused(kind, values, text):
    with pytest.raises(DataError, match=text):
        kind(*values)
