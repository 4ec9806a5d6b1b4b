"""A front end that patches share: the numbers of the whole graph at every distance, in both forms of MusiCNN."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import GraphError
from essentia_ldl.sound.compiled import CompiledNetwork
from essentia_ldl.sound.patches import cut_patches
from essentia_ldl.sound.shared import BLOCK_PATCHES, N_ROWS, SharedNetwork, count_frames, open_shared, plan_rows

INPUT, NODES = "model/Placeholder", ["model/Sigmoid", "model/dense/BiasAdd", "model/dense_1/BiasAdd"]
SHAPE = (187, 96)


def draw(n_frames: int) -> np.ndarray:
    return np.random.default_rng(5).uniform(-1, 3, (n_frames, 96)).astype(np.float32)


def check(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(found) == list(expected)
    for node, values in expected.items():
        assert found[node].shape == values.shape
        np.testing.assert_allclose(found[node], values, atol=1e-5 * max(1.0, np.abs(values).max()), rtol=0)


@pytest.fixture(scope="module", params=["msd-musicnn-1", "published"])
def both(request, graphs, published) -> tuple[SharedNetwork, CompiledNetwork]:
    path = published if request.param == "published" else graphs / f"{request.param}.pb"
    return open_shared(path, INPUT, NODES, SHAPE), CompiledNetwork(path, INPUT, NODES, 2)


@pytest.mark.parametrize("hop", [93, 187, 40, 2])
def test_patches_of_a_track_have_the_numbers_of_the_whole_graph(both, hop):
    shared, whole = both
    frames = draw(187 + 4 * hop + min(hop, 10) - 1)  # some left over
    [patches] = cut_patches(frames, 187, hop, 99)
    assert len(patches) == 5
    check(shared.run_frames(frames, hop), whole.run(patches))


def test_patches_at_hand_have_them_too(both):
    shared, whole = both
    patches = draw(187 * 3).reshape(3, *SHAPE)
    check(shared.run(patches), whole.run(patches))
    check(shared.run(patches[:1]), whole.run(patches[:1]))


def test_a_patch_does_not_depend_on_its_neighbours(both):
    shared, _ = both
    frames = draw(187 + 93 * 2)
    alone = shared.run_frames(frames[93 : 93 + 187], 93)
    together = shared.run_frames(frames, 93)
    for node in NODES:
        np.testing.assert_allclose(together[node][1:2], alone[node], atol=2e-5, rtol=0)


def test_another_front_end_is_not_shared_and_a_missing_node_is_told(graphs):
    assert open_shared(graphs / "msd-vgg-1.pb", INPUT, NODES[:1], SHAPE) is None
    with pytest.raises(GraphError, match="no node model/Nothing"):
        open_shared(graphs / "msd-musicnn-1.pb", INPUT, ["model/Nothing"], SHAPE)
    with pytest.raises(GraphError, match="expected one that OpenVINO runs"):
        open_shared(graphs / "missing.pb", INPUT, NODES[:1], SHAPE)


def test_patches_of_another_shape_are_refused(both):
    with pytest.raises(GraphError, match="expected one that OpenVINO runs"):
        both[0].run(draw(187).reshape(1, 187, 96)[:, :, :64])


@pytest.mark.parametrize(
    ("n_patches", "n_frames", "hop", "reach"), [(3, 20, 10, 3), (4, 7, 7, 2), (5, 9, 1, 3), (1, 8, 4, 3)]
)
def test_rows_read_what_a_padded_patch_reads(n_patches, n_frames, hop, reach):
    windows, gathered = plan_rows(n_patches, n_frames, hop, reach)
    assert len(np.unique(windows, axis=0)) == len(windows)
    assert gathered.shape == (n_patches, n_frames)
    for patch in range(n_patches):
        inside = np.arange(patch * hop, patch * hop + n_frames)
        padded = np.concatenate([np.full(reach, -1), inside, np.full(reach, -1)])
        for frame in range(n_frames):
            np.testing.assert_array_equal(windows[gathered[patch, frame]], padded[frame : frame + 2 * reach + 1])


def test_rows_of_a_track_are_little_more_than_its_frames():
    windows, _ = plan_rows(BLOCK_PATCHES, 187, 93, 3)
    n_frames = 93 * (BLOCK_PATCHES - 1) + 187
    assert len(windows) <= n_frames + 6 * BLOCK_PATCHES
    spans = [
        some.max() - some[some >= 0].min() + 1
        for some in (windows[first : first + N_ROWS] for first in range(0, len(windows), N_ROWS))
    ]
    assert max(spans) <= count_frames(3)
