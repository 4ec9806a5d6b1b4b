"""An exported graph on variants of the tracks that test it, and how long it takes: a module to run on a folder.

In: a run folder with plan and export, and the store, which has what the network reads of every test track and of its
variants. Out: the graph is verified, `variants.npz` {ids (n_tracks,), one array (n_tracks, n_classes) float32 per
variant, "original" for the tracks themselves: means of the probabilities of patches} and `speed.json` {ms_per_s:
milliseconds that the graph takes for a second of audio, patches as far apart as at inference, bands at hand}.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.features.store import Store
from essentia_ldl.files import read_json, replacing, write_json
from essentia_ldl.models.card import GraphCard
from essentia_ldl.records import FrontEnd
from essentia_ldl.runs.names import ORIGINAL, SPEED, VARIANTS
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.sound.graph import BATCH_PATCHES, load_graph, run_graph
from essentia_ldl.sound.patches import cut_stored
from essentia_ldl.sound.verify import verify_run
from essentia_ldl.zones import end_step, follow_parent

N_TIMED, N_PATCHES_TIMED = 3, 4


def answer_variants(run: Path, variants: list[str]) -> None:
    """Verify the graph of a run, let it answer the variants of its test tracks, and time it.

    Parameters
    ----------
    run : Path
        Folder with plan.json and export/.
    variants : list of str
        Names; the tracks themselves are always answered.

    Raises
    ------
    GraphError, StoreError
        When the graph is not what Keras computed or cannot run, or a variant is not in the store.
    """
    verify_run(run)
    plan = read_plan(run)
    graph = run / "export" / f"{plan.stems['full']}.pb"
    card = GraphCard(read_json(graph.with_suffix(".json")))
    node = card.output("predictions")
    network = load_graph(graph, card.input_name, [node])
    store, tested = Store(plan.store), [plan.tracks[row] for row in plan.rows("test")]
    answers: dict[str, Any] = {"ids": np.array([track.id for track in tested])}

    def answer(patches: np.ndarray) -> np.ndarray:
        return run_graph(network, graph, card.input_name, patches, [node])[node]

    for name in (ORIGINAL, *variants):
        rows = []
        for track in tested:
            bands = store.read(track.content, plan.front_end, "" if name == ORIGINAL else name)
            blocks = cut_track(bands, plan.front_end)
            rows.append(np.concatenate([answer(block) for block in blocks]).mean(axis=0))
        answers[name] = np.stack(rows)
    with replacing(run / VARIANTS) as file:
        np.savez(file, **answers)
    bands = store.read(tested[0].content, plan.front_end)
    first = np.concatenate(cut_track(bands, plan.front_end))[:N_PATCHES_TIMED]
    answer(first[:BATCH_PATCHES])
    best = min(_time(answer, first) for _ in range(N_TIMED))
    seconds = len(first) * plan.front_end.patch_step_samples / plan.front_end.sample_rate_hz
    write_json(run / SPEED, {"ms_per_s": 1000 * best / seconds})


def cut_track(bands: np.ndarray, front_end: FrontEnd) -> list[np.ndarray]:
    """Cut what the store has of a track into batches of patches, as a training evaluates it.

    Parameters
    ----------
    bands : np.ndarray [shape=(n_frames, n_bands), float32 or int16]
        Of the whole track; a shorter one than a patch is repeated.
    front_end : FrontEnd
        Of the network.

    Returns
    -------
    list[np.ndarray [shape=(n <= BATCH_PATCHES, *patch_shape), float32]]
        One at least.
    """
    last = "repeat" if len(bands) < front_end.patch_frames else "discard"
    return list(cut_stored(bands, front_end, BATCH_PATCHES, last))


def _time(answer: Any, patches: np.ndarray) -> float:
    start = time.perf_counter()
    for first in range(0, len(patches), BATCH_PATCHES):
        answer(patches[first : first + BATCH_PATCHES])
    return time.perf_counter() - start


def main(arguments: list[str]) -> int:
    """Answer the variants of one run; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m essentia_ldl.sound.robustness", description=main.__doc__)
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("variants", nargs="*", metavar="VARIANT")
    given = parser.parse_args(arguments)
    return end_step(lambda: answer_variants(given.run, given.variants))


if __name__ == "__main__":
    follow_parent()
    done = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(done)  # without the destructors of Essentia and its TensorFlow
