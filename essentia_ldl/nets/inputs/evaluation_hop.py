"""Another distance between patches, for scores alone.

Training, its validation and what is exported keep the front-end's hop, which is that of production; tables of the
papers were made with patches that do not overlap (187 frames). In: mel bands of the store, which do not depend on the
hop. Out: a source whose grid has another hop.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from essentia_ldl.errors import TrainingError, explain
from essentia_ldl.nets.inputs.below_head import Known, open_body
from essentia_ldl.nets.inputs.patches import count_grid, cut_grid
from essentia_ldl.nets.inputs.sources import BandSource, EmbeddingSource
from essentia_ldl.runs.plan import Plan


class HopBands(BandSource):
    """Mel bands whose grid has the plan's `evaluation_hop_frames`."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._grid = dataclasses.replace(plan.front_end, patch_hop_frames=plan.evaluation_hop_frames)
        n_frames = [len(self._bands(row)) for row in range(len(plan.tracks))]
        self.n_patches = np.array([count_grid(n, self._grid) for n in n_frames], dtype=np.int64)

    def grid(self, row: int) -> np.ndarray:
        """Return all patches of the grid of a track, shape (n_patches, *patch_shape), float32."""
        return self._read_patches(cut_grid(self._bands(row), self._grid))

    def name_grid(self, row: int) -> tuple[str, int]:
        """Name the patches of a track: content, and frames from one to the next."""
        return self._contents[row], self._grid.patch_hop_frames


def open_source(plan: Plan, extractors: Known | None = None) -> BandSource | EmbeddingSource:
    """Open the source of a plan with its evaluation hop; for predictions only.

    Raises
    ------
    TrainingError
        When the plan's embeddings come from a graph of the user's, whose hop is its own.
    """
    if plan.network.fine_tune != "head":
        return HopBands(plan)
    if plan.extractor is not None:
        rule, remedy = "a network whose hop is free", "Leave the patch hop out."
        raise TrainingError(explain("patch hop", rule, plan.extractor.name, plan.folder, remedy))
    known = {} if extractors is None else extractors
    return EmbeddingSource(plan, open_body(plan, known, plan.evaluation_hop_frames))
