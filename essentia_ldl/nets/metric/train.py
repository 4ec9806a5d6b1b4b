"""The training of an embedding space: epochs, the best of them, and a checkpoint that a killed run goes on from.

In: a run folder with the plan.json of a `SpacePlan`, features of the store, weights of graphs/. Out, in the run folder:
`weights.npz`, `history.json` and `vectors.npz`, what the trained network makes of every track of the plan.

With validation tracks the weights of the best epoch are kept, by mean average precision of tracks of the same group
(cosine), and a training ends when `patience` epochs were no better; without, those of the last epoch.

`history.json` is {"best_epoch" (from 1), "stopped" ("epochs" or "patience"), "n_trained" (numbers that train, without
the outputs of groups or labels), "epochs": [{"epoch", "train_loss", "valid_map" (null where no validation track has
another one of its group)}]}; `vectors.npz` is {ids (str), vectors (n_tracks, size) float32}.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from essentia_ldl.files import read_object, replacing
from essentia_ldl.nets.metric.updates import SpaceRun, open_source
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.trained_weights import write_weights
from essentia_ldl.nets.training.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from essentia_ldl.progress import hides_bars
from essentia_ldl.runs.names import CHECKPOINT, PLAN, WEIGHTS
from essentia_ldl.runs.outcome import write_history
from essentia_ldl.runs.space import VECTORS, read_space_plan
from essentia_ldl.scores.neighbours import rank_neighbours, summarise

CHECKPOINT_EVERY_S = 20.0


def learn(
    folder: Path, checkpoint_every_s: float = CHECKPOINT_EVERY_S, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Train the space of a run folder, or go on where it was stopped.

    Parameters
    ----------
    folder : Path
        The run folder.
    checkpoint_every_s : float
        Seconds between checkpoints; one is also written at the end.
    say : callable
        Gets a line where a training goes on.

    Returns
    -------
    dict[str, Any]
        What `history.json` holds.

    Raises
    ------
    TrainingError
        When the plan does not fit, or the loss is no number.
    DataError
        When there are no two groups of tracks, or none of two tracks.
    WeightsError, StoreError
        When an input is missing or broken.
    """
    plan = read_space_plan(folder)
    source = open_source(plan)
    keras.utils.set_random_seed(plan.settings.seed)
    tf.config.experimental.enable_op_determinism()
    run = SpaceRun(plan, source)
    history = _loop(run, checkpoint_every_s, say)
    write_weights(plan.folder / WEIGHTS, run.space)
    write_history(plan.folder, history)
    vectors = run.embed_tracks(np.arange(len(plan.tracks)))
    with replacing(plan.folder / VECTORS) as file:
        np.savez(file, ids=np.array([track.id for track in plan.tracks]), vectors=vectors)
    return history


def _loop(run: SpaceRun, checkpoint_every_s: float, say: Callable[[str], None]) -> dict[str, Any]:
    plan, settings = run.plan, run.plan.settings
    path, digest = plan.folder / CHECKPOINT, _digest(plan.folder)
    history: list[dict[str, Any]] = []
    best, best_epoch, best_cost, elapsed = run.snapshot(), 0, math.inf, 0.0
    saved = read_checkpoint(path, digest)
    if saved is not None and len(saved.values) == len(run.variables):
        run.restore(saved.values)
        history, best, best_epoch, best_cost = saved.history, saved.best, saved.best_epoch, saved.best_cost
        elapsed = saved.elapsed_s
        if not _is_over(history, best_epoch, settings):
            say(f"{plan.name}: goes on after epoch {len(history)} of {settings.epochs}")

    def save() -> None:
        state = Checkpoint(digest, run.snapshot(), best, history, best_epoch, best_cost, 0, elapsed)
        write_checkpoint(path, state)

    last_save = time.monotonic()
    with tqdm(total=settings.epochs, initial=len(history), desc=plan.name, unit="epoch", disable=hides_bars()) as bar:
        while not _is_over(history, best_epoch, settings):
            start = time.monotonic()
            epoch = len(history)
            loss, score = run.train_epoch(epoch), _validate(run)
            # without a score every epoch is better than the one before it
            cost = -float(epoch) if score is None else 1 - score
            if cost < best_cost:
                best, best_epoch, best_cost = run.snapshot(), epoch + 1, cost
            history.append({"epoch": epoch + 1, "train_loss": loss, "valid_map": score})
            elapsed += time.monotonic() - start
            bar.update()
            bar.set_postfix(train=f"{loss:.3f}", **({} if score is None else {"MAP": f"{score:.3f}"}))
            if time.monotonic() - last_save >= checkpoint_every_s:
                save()
                last_save = time.monotonic()
    save()
    run.restore(best)
    stopped = "epochs" if len(history) >= settings.epochs else "patience"
    n_trained = sum(int(np.prod(variable.shape)) for variable in run.space.trainable_variables)
    return {"best_epoch": best_epoch, "stopped": stopped, "n_trained": n_trained, "epochs": history}


def _is_over(history: list[dict[str, Any]], best_epoch: int, settings: Any) -> bool:
    return len(history) >= settings.epochs or len(history) - best_epoch >= settings.patience


def _validate(run: SpaceRun) -> float | None:
    """Return the mean average precision of the validation tracks among themselves; None where none has an answer."""
    if not run.valid_rows.size:
        return None
    groups = run.plan.groups[run.valid_rows]
    if len(np.unique(groups)) == len(groups):
        return None
    score = summarise(rank_neighbours(run.embed_tracks(run.valid_rows), groups).average_precision)[0]
    return score if math.isfinite(score) else None


def _digest(folder: Path) -> str:
    """Return a digest of all that decides the numbers of an epoch: the plan without places, names and epochs."""
    fields = read_object(folder / PLAN)
    for name in ("store", "graphs", "audio", "card", "name", "description", "stem"):
        fields.pop(name)
    for name in ("epochs", "patience"):
        fields["settings"].pop(name)
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
