"""Embeddings of a frozen network before any training: `python -m essentia_ldl.nets.embed JOB.json`.

In: a job {store, graphs, backbone, dataset, hop_frames (null: the front-end's), contents}. Out: one array per content
in the store, as `embeddings.FrozenNetwork` writes them. Exit status 0; 1 after an error, 130 after Ctrl-C,
each with one line on stderr. `embed_block` does such a job in a worker of a cluster.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

from essentia_ldl.files import read_json
from essentia_ldl.nets.inputs.embeddings import FrozenNetwork
from essentia_ldl.nets.runtime import keras
from essentia_ldl.zones import end_step, follow_parent


@functools.lru_cache(maxsize=1)
def _load_model(graphs: str, backbone: str, dataset: str) -> keras.Model:
    return FrozenNetwork(Path("."), Path(graphs), backbone, dataset).model


def embed_block(job: dict[str, Any]) -> int:
    """Embed some tracks; the job of a worker, as that of the program. Return how many there were."""
    kind = (job["graphs"], job["backbone"], job["dataset"])
    places = (Path(job["store"]), Path(job["graphs"]))
    network = FrozenNetwork(*places, *kind[1:], job["hop_frames"], _load_model(*kind))  # a new one keeps no old arrays
    return len(network.load(job["contents"]))


def main(arguments: list[str]) -> int:
    """Run the job of a file; return the exit status."""

    def work() -> None:
        job = read_json(arguments[0])
        places = (Path(job["store"]), Path(job["graphs"]))
        FrozenNetwork(*places, job["backbone"], job["dataset"], job["hop_frames"]).load(job["contents"])

    return end_step(work)


if __name__ == "__main__":
    follow_parent()
    sys.exit(main(sys.argv[1:]))
