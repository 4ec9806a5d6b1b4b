"""What the default is worth: every way to train the same task, on folds of whole artists and on values left out.

``python tests/evidence.py TASK TABLE [--column genre] [--truth sadness_share] [--repeats 3]`` cross-validates what is
not there yet, and prints a table in Markdown per kind of fold. TABLE is a collection in any layout; its features go
into the store of ESSENTIA_LDL_HOME. The rows:

- paper, none and paper, sb: the paper's network, 100 units on one embedding, on labels as they are and on smoothed
  ones;
- linear, descended: the same without units;
- one network, solved: the embedding of msd-musicnn, labels as they are;
- joint one-hot, joint, auto: the networks side by side, see the recipe's section [choice];
- the baselines.

ECE (10 bins) and NLL are after calibration; JSD is the divergence from the shares of listeners. Training is measured in
seconds of processor time, for the first fold, TensorFlow's start included.

``python tests/evidence.py --time MODEL --time MODEL`` prints what a patch costs in prediction instead, per engine, in
alternating runs: the difference between a long and a short file, decoding and bands included, per patch.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench_library import list_engines, measure, write_audio

from essentia_ldl import frontends
from essentia_ldl.collection.read import Source, keep_split
from essentia_ldl.files import Home
from essentia_ldl.measure.baselines import GRIDS
from essentia_ldl.measure.crossval import Comparison, Folds, Measured, cross_validate
from essentia_ldl.measure.rows import TruthColumn
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.train.batch import FoldTraining, train_cells
from essentia_ldl.train.compose import Wanted

ONE = {"choice__networks": ("msd-musicnn",), "choice__layers": "embedding", "choice__smoothing": "0"}
# What changes in the recipe, and the label sources that are cross-validated with it, by the name of their row.
GROUPS: tuple[tuple[Mapping[str, Any], Mapping[str, str]], ...] = (
    (
        {},
        {
            **{"joint one-hot": "joint-one-hot", "joint": "joint", "auto": "auto"},
            **{"paper, none": "none", "paper, sb": "sb"},
        },
    ),
    (ONE, {"one network, solved": "auto"}),
    ({"network__hidden": 0}, {"linear, descended": "none"}),
)
SHORT_S, LONG_S = 30, 330
HEAD = ("", "balanced accuracy", "ECE", "NLL", "JSD", "s to train")


def count_seconds() -> float:
    """Return the processor seconds of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def time_training(recipe: Recipe, labels: str, measured: Measured) -> float:
    """Train the first fold again, elsewhere, and return its processor seconds."""
    split = measured.folds[0].split
    with tempfile.TemporaryDirectory() as folder:
        training = FoldTraining(Path(folder) / "cell", recipe.override(labels=labels), split)
        start = count_seconds()
        train_cells([training], keep_split(measured.collection, split), Wanted(export=False), 1, lambda line: None)
        return count_seconds() - start


def time_patches(models: Sequence[str], n_rounds: int) -> None:
    """Print the milliseconds per patch of models, per engine: the median of rounds."""
    front_end = frontends.MUSICNN
    patch_s = front_end.patch_hop_frames * front_end.hop_samples / front_end.sample_rate_hz
    n_patches = (LONG_S - SHORT_S) / patch_s
    engines = {name: how for name, how in list_engines().items() if "bf16" not in name}
    print(f"| model | {' | '.join(f'{name}, ms per patch' for name in engines)} |\n|{' --- |' * (1 + len(engines))}")
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-bench-") as folder:
        short, long = (write_audio(Path(folder, f"{seconds}.wav"), seconds) for seconds in (SHORT_S, LONG_S))
        found: dict[tuple[str, str], list[float]] = {(model, name): [] for model in models for name in engines}
        for number in range(n_rounds + 1):
            for model, name in found:
                command = [sys.executable, "-m", "essentia_ldl", "predict", "-m", model, *engines[name]]
                seconds = measure([*command, long])[0] - measure([*command, short])[0]
                if number:  # the first round settles what is measured once
                    found[model, name].append(1000 * seconds / n_patches)
    for model in models:
        print(
            f"| {Path(model).stem} | {' | '.join(f'{statistics.median(found[model, name]):.1f}' for name in engines)} |"
        )


def show_row(name: str, row: Mapping[str, Any], seconds: float | None) -> str:
    """Write a row of the table."""
    after, heard = row.get("calibration", {}).get("after"), row.get("listeners")
    cells = [
        f"{row['balanced_accuracy_mean']:.3f} ± {row['balanced_accuracy_std']:.3f}",
        *("" if after is None else f"{after[key]['value']:.3f}" for key in ("ece", "nll")),
        "" if heard is None else f"{heard['divergence']['model']:.3f}",
        "" if seconds is None else f"{seconds:.0f}",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("task", nargs="?")
    parser.add_argument("table", nargs="?")
    parser.add_argument("--time", action="append", metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=5, help="of --time")
    parser.add_argument("--column")
    parser.add_argument("--truth")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    if asked.time:
        time_patches(asked.time, asked.rounds)
        return
    if asked.table is None:
        parser.error("expected a task and a table of tracks, or --time")
    home, source = Home.from_environment(), Source(asked.table)
    base = read_recipe(asked.task, home.recipes)
    truth = None if asked.truth is None else TruthColumn(asked.truth)
    for column in (None, asked.column) if asked.column else (None,):
        folds, lines, baselines = Folds(n_repeats=asked.repeats, leave_out=column), [], {}
        for changes, rows in GROUPS:
            recipe = base.override(**changes)
            tested = () if baselines else tuple(GRIDS)  # once, as they are the same on the same folds
            comparison = Comparison(tuple(rows.values()), folds, truth=truth, baselines=tested)
            done = cross_validate(recipe, source, comparison, home, say=lambda line: None)
            baselines = baselines or done.scores["baselines"]
            for name, labels in rows.items():
                found = done.scores["sources"][labels]
                lines.append(show_row(name, found, time_training(recipe, labels, done)))
        lines += [show_row(name, row, None) for name, row in baselines.items()]
        kind = f"each {column} left out" if column else f"{folds.n_folds} folds of whole artists"
        print(f"\n{asked.task}, {len(done.collection.tracks)} tracks, {kind}, {asked.repeats} times\n")
        print(f"| {' | '.join(HEAD)} |\n|{' --- |' * len(HEAD)}")
        print("\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
