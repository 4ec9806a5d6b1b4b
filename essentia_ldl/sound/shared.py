"""MusiCNN in OpenVINO, its front end shared by overlapping patches. In: a .pb and bands; out: values by node.

Patches that overlap by half let every frame through the timbral filters twice. Here the timbral branches run once over
the frames of a track, and patches gather what they read of it. A patch is padded with zeros, so that near its edges a
filter reads fewer frames than in the track: those frames get rows of their own. The rest of the network runs patch by
patch, and the convolutions of the front end are products of matrices (`products`).

Only graphs whose front end is recognised (`branches`) run this way. The numbers are those of the whole graph to
float32's rounding; who chooses the engine compares them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.sound.branches import FrontLayers, find_front_layers
from essentia_ldl.sound.compiled import compile_model, fill_rows, place_outputs, read_cut_model, refuse_run
from essentia_ldl.sound.graph import BATCH_PATCHES
from essentia_ldl.sound.products import build_timbral, replace_front

N_ROWS = 64  # of the timbral branches at once: what they hold in between fits the cache
BLOCK_PATCHES = 64  # that gather from one array of rows


class SharedNetwork:
    """A graph ready to run on tracks; made by `open_shared`.

    Parameters
    ----------
    graph : str
        The .pb, for messages.
    places : Mapping[str, int]
        Nodes to answer with, and the number of the output that each is.
    shape : tuple[int, int]
        Frames and bands of a patch.
    timbral, rest : openvino.InferRequest
        The timbral branches on frames, and the network on patches and their rows.
    reach : int
        Frames on either side that a timbral filter reads.
    """

    def __init__(
        self, graph: str, places: Mapping[str, int], shape: tuple[int, int], timbral: Any, rest: Any, reach: int
    ) -> None:
        self._graph, self._nodes, self._shape = graph, list(places), shape
        self._places = list(places.values())
        self._timbral, self._rest, self._reach = timbral, rest, reach

    def run(self, patches: np.ndarray) -> dict[str, np.ndarray]:
        """Run patches that have nothing to do with each other.

        Parameters
        ----------
        patches : np.ndarray [shape=(n, n_frames, n_bands), float32]
            Any number of them.

        Returns
        -------
        dict[str, np.ndarray]
            (n, size) float32 by node.

        Raises
        ------
        GraphError
            When they have another shape.
        """
        if patches.shape[1:] != self._shape:
            raise refuse_run(self._graph, ValueError(f"patches of {patches.shape[1:]}, not {self._shape}"))
        frames = patches.reshape(-1, self._shape[1])
        size = BLOCK_PATCHES * self._shape[0]
        parts = [self.run_frames(frames[first : first + size], self._shape[0]) for first in range(0, len(frames), size)]
        return {node: np.concatenate([part[node] for part in parts]) for node in self._nodes}

    def run_frames(self, frames: np.ndarray, hop_frames: int) -> dict[str, np.ndarray]:
        """Run the patches of a stretch of a track.

        Parameters
        ----------
        frames : np.ndarray [shape=(n, n_bands), float32]
            A patch or more; frames behind the last whole patch are left alone.
        hop_frames : int
            From the start of a patch to that of the next, at most the frames of one.

        Returns
        -------
        dict[str, np.ndarray]
            (n_patches, size) float32 by node.

        Raises
        ------
        GraphError
            When OpenVINO cannot run on them.
        """
        n_frames = self._shape[0]
        n_patches = (len(frames) - n_frames) // hop_frames + 1
        windows, gathered = plan_rows(n_patches, n_frames, hop_frames, self._reach)
        frames = np.ascontiguousarray(frames, dtype=np.float32)
        parts = []
        try:
            maps = self._run_timbral(frames, windows)
            for first in range(0, n_patches, BATCH_PATCHES):
                starts = np.arange(first, min(first + BATCH_PATCHES, n_patches)) * hop_frames
                patches = np.stack([frames[start : start + n_frames] for start in starts])
                parts.append(self._run_rest(patches, maps[gathered[first : first + BATCH_PATCHES]]))
        except (RuntimeError, ValueError) as error:
            raise refuse_run(self._graph, error) from None
        return {node: np.concatenate([part[i] for part in parts]) for i, node in enumerate(self._nodes)}

    def _run_timbral(self, frames: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """Return what the timbral branches say of windows (n_rows, n_taps) of frames; (n_rows, n_channels)."""
        n_given, parts = count_frames(self._reach), []
        for first in range(0, len(windows), N_ROWS):
            some = windows[first : first + N_ROWS]
            start = int(some[some >= 0].min())
            given = np.zeros((n_given, frames.shape[1]), np.float32)
            stretch = frames[start : start + n_given]
            given[: len(stretch)] = stretch
            rows = np.full((N_ROWS, windows.shape[1]), n_given, np.int32)
            rows[: len(some)] = np.where(some < 0, n_given, some - start)
            self._timbral.infer([given, rows], share_inputs=True)
            parts.append(np.array(self._timbral.get_output_tensor(0).data[: len(some)]))
        return np.concatenate(parts)

    def _run_rest(self, patches: np.ndarray, maps: np.ndarray) -> list[np.ndarray]:
        n_patches = len(patches)
        self._rest.infer([fill_rows(patches), fill_rows(maps)], share_inputs=True)
        outputs = [self._rest.get_output_tensor(place).data for place in self._places]
        return [np.array(output[:n_patches], dtype=np.float32).reshape(n_patches, -1) for output in outputs]


def open_shared(
    graph: Path | str, input_name: str, nodes: Sequence[str], shape: tuple[int, int]
) -> SharedNetwork | None:
    """Open a graph whose patches share their front end, in float32.

    Parameters
    ----------
    graph : Path or str
        The .pb.
    input_name : str
        Its input node.
    nodes : sequence of str
        Nodes to answer with.
    shape : tuple[int, int]
        Frames and bands of a patch.

    Returns
    -------
    SharedNetwork or None
        None when the graph's front end is another one.

    Raises
    ------
    GraphError
        When OpenVINO cannot read or compile it, or it has no such node.
    """
    n_frames, n_bands = shape
    model = read_cut_model(graph, input_name, nodes)
    places = dict(zip(nodes, place_outputs(model, nodes), strict=True))
    front = find_front_layers(model, n_bands)
    if front is None or not _fits(front, n_frames):
        return None
    reach = front.timbral[0].n_before
    try:
        timbral = build_timbral(front, N_ROWS, count_frames(reach), n_bands)
        rest = replace_front(model, front, n_frames, n_bands)
    except RuntimeError as error:
        raise refuse_run(str(graph), error) from None
    requests = [compile_model(one, str(graph)) for one in (timbral, rest)]
    return SharedNetwork(str(graph), places, shape, *requests, reach)


def _fits(front: FrontLayers, n_frames: int) -> bool:
    """Tell whether all timbral filters read the same frames, fewer than a patch has."""
    return len({branch.n_taps for branch in front.timbral}) == 1 and front.timbral[0].n_taps < n_frames


def count_frames(reach: int) -> int:
    """Return the frames that rows next to each other read at most."""
    return N_ROWS + 2 * reach


@functools.lru_cache(maxsize=4)
def plan_rows(n_patches: int, n_frames: int, hop_frames: int, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """List the windows that a filter reads in patches, each once.

    Parameters
    ----------
    n_patches : int
        Patches in a row.
    n_frames, hop_frames : int
        Frames of a patch, and from one start to the next.
    reach : int
        Frames on either side that the filter reads.

    Returns
    -------
    windows : np.ndarray [shape=(n_rows, 2 * reach + 1), int64]
        Numbers of frames, in the order of their middles; -1 outside the patch.
    gathered : np.ndarray [shape=(n_patches, n_frames), int64]
        The row of every frame of every patch.

    Examples
    --------
    >>> windows, gathered = plan_rows(2, 3, 2, 1)
    >>> windows.tolist()
    [[-1, 0, 1], [0, 1, 2], [1, 2, -1], [-1, 2, 3], [2, 3, 4], [3, 4, -1]]
    >>> gathered.tolist()
    [[0, 1, 2], [3, 4, 5]]
    """
    within = np.arange(n_frames)
    before, after = np.minimum(within, reach), np.minimum(n_frames - 1 - within, reach)
    middles = np.arange(n_patches)[:, np.newaxis] * hop_frames + within
    keys = (middles * (reach + 1) + before) * (reach + 1) + after  # a number per middle and cut
    rows, gathered = np.unique(keys, return_inverse=True)
    middles, before, after = rows // (reach + 1) ** 2, rows // (reach + 1) % (reach + 1), rows % (reach + 1)
    steps = np.arange(-reach, reach + 1)
    inside = (steps >= -before[:, np.newaxis]) & (steps <= after[:, np.newaxis])
    windows = np.where(inside, middles[:, np.newaxis] + steps, -1)
    for array in (windows, gathered):
        array.flags.writeable = False
    return windows, gathered.reshape(n_patches, n_frames)
