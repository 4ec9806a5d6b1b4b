"""Train on music and its pictures: `python -m essentia_ldl.nets.covers.run FOLDER ...`.

In: folders with the plan.json of a `CoversPlan`, and the store. Out, in each: answers.npz {ids, and by system the
probabilities (n, n_classes) float32 of the tracks that test}, and an exported graph where the plan names its stem. A
folder that has its answers is left alone. Exit status 0; 1 after an error, 130 after Ctrl-C, each with one line on
stderr.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from essentia_ldl.files import replacing
from essentia_ldl.nets.covers.export import export_audio
from essentia_ldl.nets.covers.fusion import classify
from essentia_ldl.nets.covers.genres import train_audio, train_image
from essentia_ldl.nets.covers.space import learn_space
from essentia_ldl.nets.runtime import keras
from essentia_ldl.runs.covers import ANSWERS, AUDIO, AURAL_IMAGE, IMAGE, VISUAL_AUDIO, read_covers_plan
from essentia_ldl.zones import end_step, follow_parent


def run_covers(folder: Path) -> None:
    """Train all that a plan asks for, and write its answers.

    Raises
    ------
    EssentiaLdlError
        When the plan, the store or the user's weights are damaged or do not fit.
    """
    plan, start = read_covers_plan(folder), time.monotonic()
    if (plan.folder / ANSWERS).is_file():
        return
    keras.utils.set_random_seed(plan.settings.seed + 1)
    _, image = train_image(plan)  # first, so that weights that do not fit are told before the long training
    keras.utils.set_random_seed(plan.settings.seed)
    body, audio = train_audio(plan)
    projection, heard, seen = learn_space(plan, audio, image)
    found = classify(plan, {AUDIO: audio, IMAGE: image, VISUAL_AUDIO: heard, AURAL_IMAGE: seen})
    if plan.stem:
        print(f"{plan.name}: exported {export_audio(plan, body, projection)}", flush=True)
    rows = plan.rows("test")
    with replacing(plan.folder / ANSWERS) as file:
        ids = np.array([plan.tracks[row].id for row in rows])
        np.savez(file, ids=ids, **{name: values[rows] for name, values in found.items()})
    print(f"{plan.name}: {time.monotonic() - start:.0f} s", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Train the plans of folders; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m essentia_ldl.nets.covers.run", description=main.__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")

    def work() -> None:
        for folder in parser.parse_args(arguments).folders:
            run_covers(folder)

    return end_step(work)


if __name__ == "__main__":
    follow_parent()
    sys.exit(main())
