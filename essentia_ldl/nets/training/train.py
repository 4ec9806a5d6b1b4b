"""Training of one run: an epoch loop, a plateau rule, and a checkpoint that a killed run goes on from.

In: a run folder with `plan.json` and `labels.csv`, features of the store, base weights. Out, in the run folder:
`weights.npz` (best weights, by path of the variable), `history.json` and `predictions.npz`.

The recipe is that of MTG's classifiers (https://github.com/xaviliz/musicnn-training): Adam, one random patch per track
and epoch, L2 on kernels (half the sum of squares times `l2`), the cost of the validation tracks on the patch grid
after every epoch, and `step_plateau`. What an epoch does depends on the seed and the number of the epoch alone. With
`stages` optimisers and rates are those of the stages, and the best weights go on from one to the next.

A plan with `halvings` has its schedule from elsewhere (the folds of a cross-validation): the rate halves after those
epochs, and the last epoch is the result. With `class_weights` "balanced" the losses of a track, in training and in
validation, are multiplied by `Plan.weights`; the mean recall is not. What a network with several targets does
otherwise is in `shared_updates`; its entries of "epochs" have "task_losses" too. With `solver` "solved" there is no
epoch: see `solved`.

`history.json` is {"loss", "valid_cost" ("valid", "train", or "none" where the schedule is given), "best_epoch",
"stopped" ("epochs", "max_hours" or "solved"), "epochs": [{"epoch" (from 1), "train_loss", "valid_loss",
"valid_accuracy" (mean recall over classes of whole tracks), "learning_rate"}]}; `predictions.npz` is {ids, roles,
labels, classes (str), probabilities (n_tracks, n_classes): mean of the probabilities of a track's patches, patch_logits
(sum of n_patches, n_classes), n_patches (n_tracks,)}. `runs.calibrate` replaces these probabilities by calibrated ones
afterwards; the logits stay.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from essentia_ldl.choices import REGRESSION, SINGLE_LABEL, SOLVED, TOP
from essentia_ldl.nets.backbones import load_backbone
from essentia_ldl.nets.classifier import set_statistics, split_model
from essentia_ldl.nets.inputs.augment import Augmenter
from essentia_ldl.nets.inputs.below_head import Known, open_body
from essentia_ldl.nets.inputs.evaluation_hop import open_source
from essentia_ldl.nets.inputs.lower import LowerPart, LowerSource
from essentia_ldl.nets.inputs.sources import BandSource, EmbeddingSource, iterate_grid
from essentia_ldl.nets.networks import build_model, find_frozen
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.trained_weights import write_weights
from essentia_ldl.nets.training.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from essentia_ldl.nets.training.devices import Strategy, find_devices, open_strategy
from essentia_ldl.nets.training.precision import choose_policy, use_policy
from essentia_ldl.nets.training.shared_updates import SharedRun
from essentia_ldl.nets.training.solved import describe_solution, read_fitting, set_solution
from essentia_ldl.nets.training.updates import Run, rescale
from essentia_ldl.progress import hides_bars
from essentia_ldl.runs.names import CHECKPOINT, WEIGHTS
from essentia_ldl.runs.outcome import write_history
from essentia_ldl.runs.plan import AugmentPlan, Plan, read_plan
from essentia_ldl.runs.predictions import Predictions, write_predictions
from essentia_ldl.runs.targets import digest_training, read_targets, read_truth

CHECKPOINT_EVERY_S = 20.0
ESTIMATE_ABOVE_S = 120.0


class Plateau(NamedTuple):
    """Where the plateau rule stands: the best cost so far, and epochs that were no better since the last halving."""

    best: float = math.inf
    n_worse: int = 0


def step_plateau(state: Plateau, cost: float, patience: int) -> tuple[Plateau, bool, bool]:
    """Apply the plateau rule to the cost of an epoch.

    An improvement does not reset the counter: it counts all epochs without one, and starts again after a halving.

    Parameters
    ----------
    state : Plateau
        Before the epoch.
    cost : float
        Validation cost of the epoch.
    patience : int
        Count at which the learning rate halves.

    Returns
    -------
    state : Plateau
        After the epoch.
    improved : bool
        Whether the cost is the best so far.
    halve : bool
        Whether the learning rate halves now.
    """
    if cost < state.best:
        return Plateau(cost, state.n_worse), True, False
    n_worse = state.n_worse + 1
    return (
        (Plateau(state.best, 0), False, True) if n_worse >= patience else (Plateau(state.best, n_worse), False, False)
    )


def train(
    folder: Path,
    *,
    extractors: Known | None = None,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    devices: Sequence[str] | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train the network of a run folder, or go on where it was stopped.

    Parameters
    ----------
    folder : Path
        The run folder.
    extractors : dict or None
        Frozen networks of earlier runs of this process, added to; see `below_head.open_body`.
    checkpoint_every_s : float
        Seconds between checkpoints; one is also written at the end.
    devices : sequence of str or None
        That share the batches of a network that trains as a whole, such as ("GPU:0", "GPU:1"); None are all graphics
        cards that TensorFlow sees.
    say : Callable[[str], None]
        Takes lines for the user.

    Returns
    -------
    dict[str, Any]
        What `history.json` holds.

    Raises
    ------
    TrainingError
        When the plan does not fit or the loss is not a number.
    WeightsError, StoreError, DataError
        When an input is missing or broken.
    """
    plan = read_plan(folder)
    read_targets(plan)  # what is wrong with them is told before the long work
    if plan.training.solver == SOLVED:
        read_fitting(plan)
    extractors = {} if extractors is None else extractors
    source: EmbeddingSource | BandSource | LowerSource
    if plan.network.fine_tune == "head":
        source = EmbeddingSource(plan, open_body(plan, extractors))
    else:
        source = BandSource(plan)
    # Only now: how much was drawn before depends on which embeddings were there already.
    keras.utils.set_random_seed(plan.seed)
    tf.config.experimental.enable_op_determinism()
    strategy = open_strategy(plan, find_devices() if devices is None else devices)
    with contextlib.nullcontext() if strategy is None else strategy.scope():
        return _train(plan, source, strategy, extractors, checkpoint_every_s, say)


def _train(
    plan: Plan,
    source: EmbeddingSource | BandSource | LowerSource,
    strategy: Strategy | None,
    extractors: Known,
    checkpoint_every_s: float,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train a network where its variables are to be, and write what a run keeps."""
    with use_policy(choose_policy(plan)):
        model = build_model(plan, pretrained=True)
    _standardize(plan, source, model)
    trained, bands, lower = model, source, None
    if plan.network.fine_tune == TOP:
        lower, trained = _open_lower(plan, model, extractors)
        source = LowerSource(source, lower)
    augmenter = None if plan.augment == AugmentPlan() else Augmenter(plan, bands, lower)
    run = (SharedRun if plan.tasks else Run)(plan, source, trained, augmenter, strategy)
    if plan.training.solver == SOLVED:
        set_solution(plan, model)
        run.targets = read_targets(plan)  # it answers numbers as they are
        history = describe_solution(run)
    else:
        history = _loop(run, checkpoint_every_s, say)
        if plan.kind == REGRESSION:
            rescale(model, run.unit)
    write_weights(plan.folder / WEIGHTS, model)
    write_history(plan.folder, history)
    if plan.training.mixed_precision:  # predictions are those of the network that leaves
        model = build_model(plan, pretrained=False)
        model.set_weights(run.model.get_weights())
        run.infer = run.compile_answer(model)
    if not plan.predictions:
        return history
    if plan.evaluation_hop_frames is not None:
        hopped = open_source(plan, extractors)
        run.source = LowerSource(hopped, lower) if plan.network.fine_tune == TOP else hopped
    _write_predictions(run)
    return history


def _open_lower(plan: Plan, model: keras.Model, known: Known) -> tuple[LowerPart, keras.Model]:
    """Return the lower part of a network, which does not learn and may be that of an earlier run, and the upper."""
    network, front_end = plan.network, plan.front_end
    cut = find_frozen(network)
    lower, upper = split_model(model, cut)
    place = (TOP, str(plan.store), str(plan.graphs), network.backbone, str(network.pretrained), cut)
    if place not in known:
        known[place] = LowerPart(lower, front_end.patch_shape)
    return known[place], upper


def _standardize(plan: Plan, source: EmbeddingSource | BandSource, model: keras.Model) -> None:
    """Set the layer that shifts and scales the inputs, where there is one, by the training tracks."""
    rows = plan.rows("train")
    if plan.network.fine_tune == "head":
        if plan.network.standardize:
            set_statistics(model, *source.measure(rows))
        return
    module = load_backbone(plan.network.backbone)
    layer = getattr(module, "INPUT_STANDARDIZE", None)
    if layer is not None and plan.network.pretrained is None:
        mean, variance = source.measure(rows)
        floor = np.float32(module.INPUT_DEVIATION_FLOOR) ** 2
        set_statistics(model, mean, np.maximum(variance, floor), layer)


def _loop(run: Run, checkpoint_every_s: float, say: Callable[[str], None]) -> dict[str, Any]:
    plan, training = run.plan, run.plan.training
    path = plan.folder / CHECKPOINT
    history: list[dict[str, Any]] = []
    plateau, best, best_epoch, elapsed = Plateau(), run.snapshot(), 0, 0.0
    digest = digest_training(plan, run.targets)
    saved = read_checkpoint(path, digest)
    # of another policy, on a machine of another kind, it has other variables
    if saved is not None and len(saved.values) == len(run.variables) and len(saved.history) <= training.epochs:
        run.restore(saved.values)
        history, best, best_epoch, elapsed = saved.history, saved.best, saved.best_epoch, saved.elapsed_s
        plateau = Plateau(saved.best_cost, saved.n_worse)
        if len(history) < training.epochs:
            say(f"{plan.name}: goes on after epoch {len(history)} of {training.epochs}")
    if not run.valid_rows.size and not history and training.halvings is None:
        say(f"{plan.name}: no validation tracks, so the best epoch and the learning rate go by the training loss")
    if len(history) < training.epochs:
        _estimate(run, training.epochs - len(history), say)

    def save() -> None:
        write_checkpoint(
            path,
            Checkpoint(digest, run.snapshot(), best, history, best_epoch, plateau.best, plateau.n_worse, elapsed),
        )

    limit_s = math.inf if plan.max_hours is None else plan.max_hours * 3600
    stopped = "epochs"
    last_save, save_s = time.monotonic(), 0.0
    with tqdm(total=training.epochs, initial=len(history), desc=plan.name, unit="epoch", disable=hides_bars()) as bar:
        for epoch in range(len(history), training.epochs):
            if history and elapsed >= limit_s:
                stopped = "max_hours"
                break
            start = time.monotonic()
            run.begin_epoch(epoch, best)
            train_loss = run.train_epoch(epoch)
            valid_loss, accuracy = run.validate() if run.valid_rows.size else (None, None)
            rate = run.rate
            cost = train_loss if valid_loss is None else valid_loss
            if training.halvings is None:
                plateau, improved, halve = step_plateau(plateau, cost, training.patience)
            else:
                improved, halve = True, epoch + 1 in training.halvings
            if improved:
                best, best_epoch = run.snapshot(), epoch + 1
            if halve and not training.stages:
                run.rate = rate / 2
            history.append(
                {
                    "epoch": epoch + 1,
                    "train_loss": train_loss,
                    "valid_loss": valid_loss,
                    "valid_accuracy": accuracy,
                    "learning_rate": rate,
                    **run.describe_epoch(),
                }
            )
            elapsed += time.monotonic() - start
            bar.update()
            bar.set_postfix(train=f"{train_loss:.3f}", **({} if valid_loss is None else {"valid": f"{valid_loss:.3f}"}))
            if time.monotonic() - last_save >= checkpoint_every_s * max(1.0, save_s):  # VGGish writes gigabytes
                start = time.monotonic()
                save()
                last_save = time.monotonic()
                save_s = last_save - start
    save()
    run.restore(best)
    return {
        "loss": plan.loss,
        "valid_cost": "none" if training.halvings is not None else "valid" if run.valid_rows.size else "train",
        "best_epoch": best_epoch,
        "stopped": stopped,
        "epochs": history,
    }


def _time(call: Callable[[], object]) -> float:
    start = time.monotonic()
    call()
    return time.monotonic() - start


def _estimate(run: Run, n_epochs: int, say: Callable[[str], None]) -> None:
    """Say how long a long run will take, from one step and one evaluation whose effects are taken back."""
    state = run.snapshot()
    rows, patches = run.valid_rows, None
    if rows.size:
        patches = next(iterate_grid(run.source, rows[:1]))
        n_times = run.source.n_patches[rows].sum() / len(patches)
    step_s, valid_s, seconds = math.inf, math.inf, math.inf
    n_batches = len(run.train_rows) / len(run.sample_batch()[0])
    for _ in range(2):  # the first of them traces, too; a run that is short nevertheless needs no second
        step_s = min(step_s, _time(lambda: run.step(*run.sample_batch()).numpy()))
        valid_s = 0.0 if patches is None else min(valid_s, _time(lambda: run.infer(patches).numpy()) * n_times)
        seconds = n_epochs * (step_s * n_batches + valid_s)
        if seconds <= ESTIMATE_ABOVE_S:
            break
    run.restore(state)
    if seconds > ESTIMATE_ABOVE_S:
        length = f"{seconds / 3600:.1f} hours" if seconds > 5400 else f"{seconds / 60:.0f} minutes"
        say(f"{run.plan.name}: {n_epochs} epochs take about {length}; a stopped run goes on where it was")


def _write_predictions(run: Run) -> None:
    tracks = run.plan.tracks
    rows = np.arange(len(tracks))
    logits = run.predict(rows)
    found = Predictions(
        ids=np.array([track.id for track in tracks]),
        roles=np.array([track.role for track in tracks]),
        labels=np.array([track.label for track in tracks]),
        classes=np.array(run.plan.classes),
        probabilities=run.mean_probabilities(logits, rows),
        patch_logits=logits,
        n_patches=run.source.n_patches,
        truth=None if run.plan.kind == SINGLE_LABEL else read_truth(run.plan),
    )
    write_predictions(run.plan.folder, found)
