"""Prove an extractor that learned from pictures: `python -m essentia_ldl.sound.covers FOLDER`.

In: a folder with the plan.json of a `CoversPlan` and its export. Out: export/verify.json, or `GraphError`. Golden
patches and answers are replayed in Essentia, and files are heard: what training stored of them, through the graph, is
what MonoLoader and the chain of the card make of them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from essentia_ldl.features.store import Store
from essentia_ldl.files import write_json
from essentia_ldl.frontends import CQT
from essentia_ldl.runs.covers import read_covers_plan
from essentia_ldl.sound.verify import end_verification, replay_audio, replay_graph
from essentia_ldl.zones import follow_parent


def verify_covers(folder: Path) -> dict[str, Any]:
    """Verify the exported graph of a training.

    Parameters
    ----------
    folder : Path
        Holds plan.json and export/.

    Returns
    -------
    dict
        Largest relative difference of the embeddings: "golden", by graph and node, and "audio", by file.

    Raises
    ------
    GraphError
        When it differs from Keras, or what it hears from what it was trained on, by more than 1e-4.
    """
    plan = read_covers_plan(folder)
    graph = plan.folder / "export" / f"{plan.stem}.pb"
    golden = replay_graph(graph)
    store, heard = Store(plan.store), {}
    for path, track in zip(plan.audio, plan.tracks, strict=False):  # the first tracks of the plan
        heard[path] = replay_audio(path, store.read(track.audio, CQT), CQT, graph, None, graph.parent)
    report = {"golden": {plan.stem: golden}, "audio": heard}
    write_json(graph.with_name("verify.json"), report)
    return report


def main(arguments: list[str]) -> int:
    """Verify the exports of folders; return the exit status."""
    return end_verification(arguments, verify_covers)


if __name__ == "__main__":
    follow_parent()
    sys.exit(main(sys.argv[1:]))
