"""Pretrained networks as Keras models: what is missing or damaged is told."""

from __future__ import annotations

import pytest

from essentia_ldl.errors import WeightsError
from essentia_ldl.models.folder import weights_file
from essentia_ldl.nets.pretrained.weights import load_tagger


def test_missing_and_damaged_keras_weights(tmp_path):
    with pytest.raises(WeightsError, match="graphs build"):
        load_tagger(tmp_path, "musicnn", "msd")
    weights_file(tmp_path, "musicnn", "msd").write_bytes(b"no h5")
    with pytest.raises(WeightsError, match="a readable file"):
        load_tagger(tmp_path, "musicnn", "msd")
