"""The weights of a run: what is written is read, and weights of another network are refused."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import StoreError
from essentia_ldl.nets.classifier import DenseLayers, build_head
from essentia_ldl.nets.trained_weights import count_features, read_weights, write_weights


def test_weights_are_read_as_they_were_written(tmp_path):
    heads = [build_head(5, 2, DenseLayers(3, standardize=True)) for _ in range(2)]
    write_weights(tmp_path / "weights.npz", heads[0])
    read_weights(tmp_path / "weights.npz", heads[1])
    for ours, theirs in zip(*(head.get_weights() for head in heads), strict=True):
        assert ours.tobytes() == theirs.tobytes()
    with np.load(tmp_path / "weights.npz") as arrays:
        assert {"hidden/kernel", "logits/bias", "standardize/moving_mean"} <= set(arrays.files)


@pytest.mark.parametrize("other", [DenseLayers(0), DenseLayers(4), DenseLayers(3, standardize=True)])
def test_weights_of_another_network_are_refused(tmp_path, other):
    write_weights(tmp_path / "weights.npz", build_head(5, 2, DenseLayers(3)))
    with pytest.raises(StoreError, match=r"expected those of the plan's network; got .*Train the run again"):
        read_weights(tmp_path / "weights.npz", build_head(5, 2, other))


def test_missing_and_damaged_weights_are_told(tmp_path):
    with pytest.raises(StoreError, match=r"weights\.npz"):
        read_weights(tmp_path / "weights.npz", build_head(5, 2))
    (tmp_path / "weights.npz").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(StoreError, match=r"weights\.npz"):
        read_weights(tmp_path / "weights.npz", build_head(5, 2))
    with pytest.raises(StoreError, match="those of a trained network"):
        count_features(tmp_path)


@pytest.mark.parametrize(("hidden", "expected"), [(3, 3), (0, 5)])
def test_features_are_what_the_logits_read(tmp_path, hidden, expected):
    write_weights(tmp_path / "weights.npz", build_head(5, 2, DenseLayers(hidden)))
    assert count_features(tmp_path) == expected


def test_features_of_several_targets_are_counted_together(tmp_path):
    np.savez(tmp_path / "weights.npz", **{"g_logits/kernel": np.zeros((7, 2)), "m_logits/kernel": np.zeros((4, 9))})
    assert count_features(tmp_path) == 11
