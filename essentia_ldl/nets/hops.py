"""Another distance between patches, for scores alone: `python -m essentia_ldl.nets.hops JOB.json` embeds at it.

Training, its validation and what is exported keep the front-end's hop, which is that of production; tables of the
papers were made with patches that do not overlap (187 frames). In: mel bands of the store, which do not depend on the
hop. Out: a source whose grid has another hop; embeddings of it are kept apart from those of the front-end's hop,
because the key of their folder holds a digest of every number of the analysis.

The job is {store, graphs, backbone, dataset, hop_frames, contents}; exit statuses are those of `embed`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from essentia_ldl.errors import EssentiaLdlError, TrainingError, explain
from essentia_ldl.models import require_weights
from essentia_ldl.nets.batches import count_grid, cut_grid
from essentia_ldl.nets.embeddings import BATCH_PATCHES, Extractor
from essentia_ldl.nets.plan import Plan
from essentia_ldl.nets.runtime import tf
from essentia_ldl.nets.sources import BandSource, EmbeddingSource
from essentia_ldl.store import Store, read_json, replacing
from essentia_ldl.zones import follow_parent


class HopBands(BandSource):
    """Mel bands whose grid has the plan's `evaluation_hop_frames`."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._grid = dataclasses.replace(plan.front_end, patch_hop_frames=plan.evaluation_hop_frames)
        n_frames = [len(self._bands(row)) for row in range(len(plan.tracks))]
        self.n_patches = np.array([count_grid(n, self._grid) for n in n_frames], dtype=np.int64)

    def grid(self, row: int) -> np.ndarray:
        """Return all patches of the grid of a track, shape (n_patches, patch_frames, n_bands), float32."""
        return cut_grid(self._bands(row), self._grid)


class HopExtractor:
    """A frozen network at another hop.

    Parameters
    ----------
    extractor : Extractor
        The network, with its store.
    store, graphs : Path
        Where bands and embeddings are, and where the weights are.
    hop_frames : int
        Frames between the starts of patches.
    """

    def __init__(self, extractor: Extractor, store: Path, graphs: Path, hop_frames: int) -> None:
        self.extractor, self._store = extractor, Store(store)
        self.front_end = extractor.module.FRONT_END
        self._grid = dataclasses.replace(self.front_end, patch_hop_frames=hop_frames)
        weights = require_weights(graphs, extractor.backbone, extractor.dataset)
        self._folder = self._store.embeddings(self._grid, extractor.backbone, extractor.dataset, weights)

    def load(self, contents: Sequence[str]) -> list[np.ndarray]:
        """Return the embeddings of some tracks, each (n_patches, d) float32, computing those that are not there."""
        found = {content: self._recall(content) for content in dict.fromkeys(contents)}
        missing = [content for content, array in found.items() if array is None]
        if missing:
            model = self.extractor.model

            @tf.function(input_signature=[tf.TensorSpec(model.input_shape, tf.float32)], autograph=False)
            def embed(patches: tf.Tensor) -> tf.Tensor:
                return model(patches, training=False)

            for content in tqdm(missing, desc=f"embeddings, hop {self._grid.patch_hop_frames}", disable=None):
                patches = np.ascontiguousarray(cut_grid(self._store.read(content, self.front_end), self._grid))
                starts = range(0, len(patches), BATCH_PATCHES)
                array = np.concatenate([embed(patches[start : start + BATCH_PATCHES]).numpy() for start in starts])
                with replacing(self._path(content)) as file:
                    np.save(file, array)
                found[content] = array
        return [found[content] for content in contents]

    def _path(self, content: str) -> Path:
        return self._folder / content[:2] / f"{content}.npy"

    def _recall(self, content: str) -> np.ndarray | None:
        with contextlib.suppress(OSError, ValueError, EOFError):  # a damaged file is made again
            array = np.load(self._path(content))
            if array.ndim == 2 and array.dtype == np.float32 and np.all(np.isfinite(array)):
                return array
        return None


def open_source(plan: Plan, extractors: dict[tuple[str, ...], Extractor] | None = None) -> BandSource | EmbeddingSource:
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
    extractor = Extractor.of(plan, {} if extractors is None else extractors)
    return EmbeddingSource(plan, HopExtractor(extractor, plan.store, plan.graphs, plan.evaluation_hop_frames))


def main(arguments: list[str]) -> int:
    """Embed the tracks of a job; return the exit status."""
    try:
        job = read_json(arguments[0])
        store, graphs = Path(job["store"]), Path(job["graphs"])
        extractor = Extractor(store, graphs, job["backbone"], job["dataset"])
        HopExtractor(extractor, store, graphs, job["hop_frames"]).load(job["contents"])
    except EssentiaLdlError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    follow_parent()
    sys.exit(main(sys.argv[1:]))
