"""Prove an extractor that learned from pictures: `python -m essentia_ldl.sound.covers FOLDER`.

In: a folder with the plan.json of a `CoversPlan` and its export. Out: export/verify.json, or `GraphError`. Golden
patches and answers are replayed in Essentia, and files are heard: what training stored of them, through the graph, is
what MonoLoader and the chain of the card make of them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import essentia.standard as es
import numpy as np

from essentia_ldl.features.store import Store
from essentia_ldl.files import read_json, write_json
from essentia_ldl.models.card import GraphCard, find_front_end
from essentia_ldl.runs.covers import read_covers_plan
from essentia_ldl.sound.audio import readable_audio
from essentia_ldl.sound.extractors import Embedder
from essentia_ldl.sound.graph import BATCH_PATCHES, load_graph, run_graph
from essentia_ldl.sound.patches import cut_patches
from essentia_ldl.sound.verify import measure_difference, replay_answers, replay_golden
from essentia_ldl.zones import end_step, follow_parent


def verify_covers(folder: Path) -> dict[str, Any]:
    """Verify the exported graph of a training.

    Parameters
    ----------
    folder : Path
        Holds plan.json and export/.

    Returns
    -------
    dict
        Largest relative difference of the embeddings: "golden", by node, and "audio", by file.

    Raises
    ------
    GraphError
        When it differs from Keras, or what it hears from what it was trained on, by more than 1e-4.
    """
    plan = read_covers_plan(folder)
    graph = plan.folder / "export" / f"{plan.stem}.pb"
    card = GraphCard(read_json(graph.with_suffix(".json")))
    front_end, node = find_front_end(card, plan.stem), str(card.output("embeddings"))
    golden = replay_golden(graph, graph.with_name(f"{plan.stem}.golden.npz"))
    golden[node] = max(golden[node], replay_answers(graph)[node])
    network = load_graph(graph, card.input_name, [node])
    embedder = Embedder(str(graph), card.input_name, node, front_end)
    heard, store = {}, Store(plan.store)
    for path, track in zip(plan.audio, plan.tracks, strict=False):  # the first tracks of the plan
        frames = store.read(track.audio, front_end)
        blocks = cut_patches(frames, front_end.patch_frames, front_end.patch_hop_frames, BATCH_PATCHES)
        expected = np.concatenate([run_graph(network, graph, card.input_name, some, [node])[node] for some in blocks])
        with readable_audio(path) as readable:
            signal = es.MonoLoader(
                filename=readable, sampleRate=front_end.sample_rate_hz, resampleQuality=front_end.resample_quality
            )()
        heard[path] = measure_difference(expected, embedder(signal), node, graph.name)
    report = {"golden": golden, "audio": heard}
    write_json(graph.with_name("verify.json"), report)
    print(f"verified in Essentia: largest difference {max([*golden.values(), *heard.values()]):.1e}", flush=True)
    return report


def main(arguments: list[str]) -> int:
    """Verify the export of a folder; return the exit status."""
    return end_step(lambda: verify_covers(Path(arguments[0])))


if __name__ == "__main__":
    follow_parent()
    sys.exit(main(sys.argv[1:]))
