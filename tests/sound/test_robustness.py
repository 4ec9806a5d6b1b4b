"""Variants of test tracks through an exported graph: answers of each, patches as a training cuts them, and the time."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.errors import StoreError
from essentia_ldl.features.store import Store
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.runs.predictions import read_predictions
from essentia_ldl.sound.graph import BATCH_PATCHES
from essentia_ldl.sound.robustness import answer_variants, cut_track

SHORT = dataclasses.replace(frontends.MUSICNN, patch_frames=4, patch_hop_frames=3)


@pytest.mark.parametrize(("n_frames", "starts"), [(4, [0]), (6, [0]), (7, [0, 3]), (25, [0, 3, 6, 9, 12, 15, 18, 21])])
def test_patches_are_those_of_the_grid(n_frames, starts):
    bands = np.arange(n_frames * 96, dtype=np.float32).reshape(n_frames, 96)
    blocks = cut_track(bands, SHORT)
    assert all(len(block) <= BATCH_PATCHES for block in blocks)
    patches = np.concatenate(blocks)
    assert [int(patch[0, 0]) // 96 for patch in patches] == starts
    assert patches.shape[1:] == (4, 96)


def test_a_shorter_track_is_repeated():
    bands = np.arange(3 * 96, dtype=np.float32).reshape(3, 96)
    (block,) = cut_track(bands, SHORT)
    np.testing.assert_array_equal(block[0], bands[[0, 1, 2, 0]])


def test_samples_become_floats():
    wave = dataclasses.replace(frontends.SAMPLECNN, patch_frames=4, patch_hop_frames=4)
    (block,) = cut_track(np.full((8, 1), 16384, np.int16), wave)
    assert (block.shape, block.dtype, block.max()) == ((2, 4), np.float32, 0.5)


@pytest.mark.slow
def test_the_graph_says_of_tracks_what_the_network_said_and_of_variants_something_else(dcnn_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(dcnn_run, run)
    plan = json.loads((run / "plan.json").read_text())
    for track in plan["tracks"][1:]:
        track["role"] = "test"
    (run / "plan.json").write_text(json.dumps(plan))
    planned = read_plan(run)
    store, front_end = Store(planned.store), planned.front_end
    tested = [planned.tracks[row] for row in planned.rows("test")]
    with pytest.raises(StoreError, match="features"):
        answer_variants(run, ["noise-10"])
    for track in tested:
        bands = np.array(store.read(track.content, front_end))
        store.write(track.content, front_end, bands, "tempo-141")
        store.write(track.content, front_end, bands - 20, "noise-10")
    answer_variants(run, ["tempo-141", "noise-10"])
    with np.load(run / "variants.npz") as arrays:
        found = dict(arrays)
    assert list(found["ids"]) == [track.id for track in tested]
    np.testing.assert_array_equal(found["tempo-141"], found["original"])
    assert not np.allclose(found["noise-10"], found["original"], atol=1e-4)
    predictions = read_predictions(run)
    rows = [list(predictions.ids).index(name) for name in found["ids"]]
    np.testing.assert_allclose(found["original"], predictions.probabilities[rows], atol=1e-4)
    assert json.loads((run / "speed.json").read_text())["ms_per_s"] > 0
