"""Train, calibrate and export runs: `python -m essentia_ldl.nets.run [--networks | --export-only] RUN_DIR ...`.

In: run folders. Out: what training, calibration and export write in them, and a line or more per run. Several folders
share one process and its embeddings. Exit status 0; 1 after an error, 130 after Ctrl-C, each with
one line on stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path
from typing import Any

from essentia_ldl.choices import MULTI_LABEL, REGRESSION, SINGLE_LABEL, SOLVED
from essentia_ldl.errors import StoreError
from essentia_ldl.nets.export.export import export
from essentia_ldl.nets.inputs.below_head import Known
from essentia_ldl.nets.trained_weights import count_features
from essentia_ldl.nets.training.train import train
from essentia_ldl.runs.calibrate import calibrate_run
from essentia_ldl.runs.folder import remove_features
from essentia_ldl.runs.names import HISTORY
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.scores.calibration import NONE
from essentia_ldl.zones import end_step

_MEASURES = {SINGLE_LABEL: "mean recall", MULTI_LABEL: "ROC-AUC", REGRESSION: "R2"}


def run_all(folders: list[Path], *, export_only: bool = False) -> None:
    """Train and calibrate, and export where the plan asks for it, every run folder in turn, its networks first.

    Parameters
    ----------
    folders : list[Path]
        Run folders; a run that was killed goes on where it was.
    export_only : bool
        They are trained and calibrated already.

    Raises
    ------
    EssentiaLdlError
        What `train`, `calibrate_run` and `export` raise.
    """
    extractors: Known = {}
    for folder in folders:
        if export_only:
            _export(folder, extractors)
            continue
        plan = read_plan(folder)
        for network in plan.features:
            train_network(network)
        start = time.monotonic()
        history = train(folder, extractors=extractors)
        best = history["epochs"][history["best_epoch"] - 1]
        score = (
            "" if best["valid_loss"] is None else f", validation {_MEASURES[plan.kind]} {best['valid_accuracy']:.3f}"
        )
        found = calibrate_run(folder)
        scaled = "" if plan.calibration == NONE else f", {found.name}"
        print(
            f"{plan.name}: {_describe_epochs(history)}{score}{scaled} ({time.monotonic() - start:.0f} s)",
            flush=True,
        )
        if plan.export:
            _export(folder, extractors)
        for network in plan.features:
            if network.is_relative_to(plan.folder):  # no other classifier reads them
                remove_features(network)


def train_network(folder: Path) -> None:
    """Train a network that others read as features, unless it is trained already.

    Parameters
    ----------
    folder : Path
        Holds the network's own plan.json.

    Raises
    ------
    EssentiaLdlError
        What `train` raises.
    """
    with contextlib.suppress(StoreError):  # lost or damaged weights are made again, from the checkpoint
        if (folder / HISTORY).is_file() and count_features(folder):
            return
    start = time.monotonic()
    history = train(folder)
    last = history["epochs"][-1]
    seconds = time.monotonic() - start
    print(
        f"{read_plan(folder).name}: trained {len(history['epochs'])} epochs{_describe_limit(history)}, "
        f"training loss {last['train_loss']:.3f} ({seconds:.0f} s)",
        flush=True,
    )


def _describe_epochs(history: dict[str, Any]) -> str:
    if history["stopped"] == SOLVED:
        return "a solved head"
    return f"trained {len(history['epochs'])} epochs{_describe_limit(history)}, best is epoch {history['best_epoch']}"


def _describe_limit(history: dict[str, Any]) -> str:
    return " (stopped by max_hours)" if history["stopped"] == "max_hours" else ""


def _export(folder: Path, extractors: Known) -> None:
    for path in export(folder, extractors=extractors):
        print(f"{read_plan(folder).name}: exported {path}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Train and export run folders; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m essentia_ldl.nets.run", description=main.__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="RUN_DIR", help="holds plan.json and labels.csv")
    parser.add_argument("--networks", action="store_true", help="they are networks that a classifier reads")
    parser.add_argument("--export-only", action="store_true", help="they are trained and calibrated already")

    def work() -> None:
        given = parser.parse_args(arguments)
        if given.networks:
            for folder in given.folders:
                train_network(folder)
        else:
            run_all(given.folders, export_only=given.export_only)

    return end_step(work)


if __name__ == "__main__":
    sys.exit(main())
