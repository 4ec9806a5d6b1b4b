"""Train and export embedding spaces: `python -m essentia_ldl.nets.metric.run RUN_DIR ...`.

In: run folders with the plan.json of a space. Out: what `train` writes in them, an exported graph where the plan names
its stem, and a line per run. Exit status 0; 1 after an error, 130 after Ctrl-C, each with one line on stderr.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from essentia_ldl.nets.metric.export import export_space
from essentia_ldl.nets.metric.train import learn
from essentia_ldl.runs.space import read_space_plan
from essentia_ldl.zones import end_step, follow_parent


def run_all(folders: Sequence[Path]) -> None:
    """Train the space of every folder in turn, and export where its plan asks for it; raises as `learn` and export."""
    for folder in folders:
        plan, start = read_space_plan(folder), time.monotonic()
        history = learn(folder)
        seconds = time.monotonic() - start
        print(f"{plan.name}: {describe(history)} ({seconds:.0f} s)", flush=True)
        if plan.stem:
            print(f"{plan.name}: exported {export_space(folder)}", flush=True)


def describe(history: dict[str, Any]) -> str:
    """Say what a training did in a few words."""
    epochs = history["epochs"]
    if not epochs:
        return "a map without training"
    score = epochs[history["best_epoch"] - 1]["valid_map"]
    told = "" if score is None else f", validation MAP {score:.3f}"
    return f"trained {len(epochs)} epochs, best is epoch {history['best_epoch']}{told}"


def main(arguments: list[str] | None = None) -> int:
    """Train and export run folders; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m essentia_ldl.nets.metric.run", description=main.__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="RUN_DIR", help="holds the plan.json of a space")
    return end_step(lambda: run_all(parser.parse_args(arguments).folders))


if __name__ == "__main__":
    follow_parent()
    sys.exit(main())
