"""Prove the graphs of embedding spaces: `python -m essentia_ldl.sound.spaces RUN_DIR ...`.

In: run folders with the plan.json of a space and what was exported. Out: ``export/verify.json``, or `GraphError`. The
proofs are those of `verify`: golden patches and the answers that travel with a graph, and audio, where a plain Essentia
pipeline gives the vectors of the patches that training used.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from essentia_ldl.errors import GraphError, explain
from essentia_ldl.features.store import Store
from essentia_ldl.files import write_json
from essentia_ldl.runs.space import read_space_plan
from essentia_ldl.sound.verify import (
    REMEDY,
    end_verification,
    replay_audio,
    replay_graph,
    replay_signal,
)
from essentia_ldl.zones import follow_parent


def verify_space(run: Path) -> dict[str, Any]:
    """Verify the graph of a run.

    Parameters
    ----------
    run : Path
        Folder with plan.json and export/.

    Returns
    -------
    dict
        Largest differences, as `verify.verify_run` tells them; written to export/verify.json.

    Raises
    ------
    GraphError
        When a vector differs by more than 1e-4 of the largest, or the graph cannot be loaded.
    """
    plan = read_space_plan(run)
    graph = run / "export" / f"{plan.stem}.pb"
    golden = graph.with_name(f"{plan.stem}.golden.npz")
    if not golden.is_file():
        raise GraphError(explain("export", "golden patches", "none", golden, REMEDY))
    report: dict[str, Any] = {"golden": {plan.stem: replay_graph(graph)}, "audio": {}}
    for audio in plan.places.audio:
        stored = Store(plan.store).read(audio.content, plan.front_end)
        if plan.front_end.kind == "waveform":
            report["audio"][audio.path] = replay_signal(audio.path, stored, plan.front_end, graph)
        else:
            report["audio"][audio.path] = replay_audio(audio.path, stored, plan.front_end, graph, None, plan.graphs)
    write_json(graph.with_name("verify.json"), report)
    return report


if __name__ == "__main__":
    follow_parent()
    try:
        status = end_verification(sys.argv[1:], verify_space)
    except KeyboardInterrupt:
        status = 130
    sys.stdout.flush()
    os._exit(status)  # without the destructors of Essentia and its TensorFlow
