"""Training of one run: an epoch loop, a plateau rule, and a checkpoint that a killed run goes on from.

In: a run folder with `plan.json` and `labels.csv`, features of the store, base weights. Out, in the run folder:
`weights.npz` (best weights, by path of the variable), `history.json` and `predictions.npz`.

The recipe is that of MTG's classifiers (https://github.com/xaviliz/musicnn-training): Adam, one random patch a track
and epoch, L2 on kernels (half the sum of squares times `l2`), the cost of the validation tracks on the patch grid
after every epoch, and `step_plateau`. What an epoch does depends on the seed and the number of the epoch alone.

A plan with `halvings` has its schedule from elsewhere (the folds of a cross-validation): the rate halves after those
epochs, and the last epoch is the result. With `class_weights` "balanced" the losses of a track, in training and in
validation, are multiplied by `Plan.weights`; the mean recall is not.

`history.json` is {"loss", "valid_cost" ("valid", "train", or "none" where the schedule is given), "best_epoch",
"stopped" ("epochs" or "max_hours"),
"epochs": [{"epoch" (from 1), "train_loss", "valid_loss", "valid_accuracy" (mean recall over classes of whole tracks),
"learning_rate"}]}; `predictions.npz` is {ids, roles, labels, classes (str), probabilities (n_tracks, n_classes): mean
of the probabilities of a track's patches, patch_logits (sum of n_patches, n_classes), n_patches (n_tracks,)}.
`calibrating` replaces these probabilities by calibrated ones afterwards; the logits stay.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from essentia_ldl.errors import TrainingError, explain
from essentia_ldl.nets import classifier, hops
from essentia_ldl.nets.batches import draw_epoch
from essentia_ldl.nets.checkpoints import Checkpoint, read_checkpoint, write_checkpoint, write_weights
from essentia_ldl.nets.embeddings import Extractor
from essentia_ldl.nets.losses import LOSSES
from essentia_ldl.nets.plan import Plan, read_plan
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.sources import BandSource, EmbeddingSource, iterate_grid
from essentia_ldl.nets.weights import load_tagger
from essentia_ldl.store import replacing, write_json

CHECKPOINT_EVERY_S = 20.0
ESTIMATE_ABOVE_S = 120.0
ADAM_EPSILON = 1e-8  # TensorFlow 1's default, which the recipe used


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
    extractors: dict[tuple[str, ...], Extractor] | None = None,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train the network of a run folder, or go on where it was stopped.

    Parameters
    ----------
    folder : Path
        The run folder.
    extractors : dict or None
        Frozen networks of earlier runs of this process, added to; see `Extractor.of`.
    checkpoint_every_s : float
        Seconds between checkpoints; one is also written at the end.
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
    source: EmbeddingSource | BandSource
    if plan.network.fine_tune == "head":
        source = EmbeddingSource(plan, Extractor.of(plan, {} if extractors is None else extractors))
    else:
        source = BandSource(plan)
    # Only now: how much was drawn before depends on which embeddings were there already.
    keras.utils.set_random_seed(plan.seed)
    tf.config.experimental.enable_op_determinism()
    model = build_model(plan, pretrained=True)
    if plan.network.standardize and plan.network.fine_tune == "head":
        classifier.set_statistics(model, np.concatenate([source.grid(row) for row in plan.rows("train")]))
    run = _Run(plan, source, model)
    history = _loop(run, checkpoint_every_s, say)
    write_weights(plan.folder / "weights.npz", run.model)
    write_json(plan.folder / "history.json", history)
    if plan.evaluation_hop_frames is not None:
        run.source = hops.open_source(plan, extractors)
    _write_predictions(run)
    return history


def build_model(plan: Plan, *, pretrained: bool) -> keras.Model:
    """Build the model that a plan trains.

    Parameters
    ----------
    plan : Plan
        The run.
    pretrained : bool
        Whether to load pretrained weights where the plan has them; False when trained ones are loaded afterwards.

    Returns
    -------
    keras.Model
        Embeddings -> logits for `fine_tune` "head", patches -> logits otherwise.
    """
    network = plan.network
    n_classes = len(plan.classes)
    if network.fine_tune == "head":
        regular = {"standardize": network.standardize, "dropout": network.dropout}
        return classifier.build_head(plan.embedding_size, n_classes, network.hidden, **regular)
    model = classifier.build_network(
        network.module,
        plan.front_end,
        n_classes,
        network.hidden,
        fine_tune=network.fine_tune,
        train_input_norm=network.train_input_norm,
        dropout=network.dropout,
        **plan.size,
    )
    if pretrained and network.pretrained is not None:
        classifier.copy_weights(load_tagger(plan.graphs, network.backbone, network.pretrained), model)
    return model


class _Run:
    """A model with its optimiser, its data and its compiled steps."""

    def __init__(self, plan: Plan, source: EmbeddingSource | BandSource, model: keras.Model) -> None:
        self.plan, self.source, self.model = plan, source, model
        self.train_rows, self.valid_rows = plan.rows("train"), plan.rows("valid")
        self.weights = plan.weights
        self.optimizer = keras.optimizers.Adam(plan.training.learning_rate, epsilon=ADAM_EPSILON)
        self.optimizer.build(model.trainable_variables)
        n_classes = len(plan.classes)
        inputs = tf.TensorSpec((None, *source.shape), tf.float32)
        targets = tf.TensorSpec((None, n_classes), tf.float32)
        loss = LOSSES[plan.loss]
        variables = model.trainable_variables
        kernels = [variable for variable in variables if variable.name == "kernel"]

        @tf.function(input_signature=[inputs, targets, tf.TensorSpec((None,), tf.float32)], autograph=False)
        def step(x: tf.Tensor, t: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                data_loss = tf.reduce_mean(w * loss(t, model(x, training=True)))
                cost = data_loss + plan.training.l2 * tf.add_n([tf.nn.l2_loss(kernel.value) for kernel in kernels])
            self.optimizer.apply(tape.gradient(cost, [v.value for v in variables]), variables)
            return data_loss

        self.step = step
        self.infer = tf.function(lambda x: model(x, training=False), input_signature=[inputs], autograph=False)
        self.loss = loss

    @property
    def variables(self) -> list[keras.Variable]:
        return [*self.model.variables, *self.optimizer.variables]

    def snapshot(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self.variables]

    def restore(self, values: list[np.ndarray]) -> None:
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)

    def train_epoch(self, epoch: int) -> float:
        """Take one step a batch; return the mean loss of the tracks."""
        order, choices = draw_epoch(self.plan.seed, epoch, self.source.n_choices[self.train_rows])
        size = self.plan.training.batch_size
        total = 0.0
        for start in range(0, len(order), size):
            picked = order[start : start + size]
            rows = self.train_rows[picked]
            value = float(
                self.step(self.source.take(rows, choices[picked]), self.plan.targets[rows], self.weights[rows])
            )
            if not math.isfinite(value):
                raise TrainingError(
                    explain("loss", "a number", value, f"epoch {epoch + 1}", "Lower training.learning_rate.")
                )
            total += value * len(rows)
        return total / len(order)

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Return the logits of every patch of the grid of some tracks, one track after the other."""
        return np.concatenate([self.infer(batch).numpy() for batch in iterate_grid(self.source, rows)])

    def mean_probabilities(self, logits: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the mean of the probabilities of each track's patches, shape (n_rows, n_classes), float32."""
        counts = self.source.n_patches[rows]
        probabilities = tf.nn.softmax(logits).numpy()
        return np.add.reduceat(probabilities, np.cumsum(counts) - counts, axis=0) / counts[:, None].astype(np.float32)

    def validate(self) -> tuple[float, float]:
        """Return the (weighted) mean loss of the validation tracks' patches, and the mean recall of whole tracks."""
        rows = self.valid_rows
        logits = self.predict(rows)
        targets, counts = self.plan.targets[rows], self.source.n_patches[rows]
        losses = self.loss(np.repeat(targets, counts, axis=0), logits)
        loss = float(tf.reduce_mean(np.repeat(self.weights[rows], counts) * losses))
        truth = targets.argmax(axis=1)
        right = self.mean_probabilities(logits, rows).argmax(axis=1) == truth
        return loss, float(np.mean([right[truth == k].mean() for k in np.unique(truth)]))


def _loop(run: _Run, checkpoint_every_s: float, say: Callable[[str], None]) -> dict[str, Any]:
    plan, training = run.plan, run.plan.training
    path = plan.folder / "checkpoint.npz"
    history: list[dict[str, Any]] = []
    plateau, best, best_epoch, elapsed = Plateau(), run.snapshot(), 0, 0.0
    saved = read_checkpoint(path, plan.digest)
    if saved is not None and len(saved.history) <= training.epochs:
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
            Checkpoint(plan.digest, run.snapshot(), best, history, best_epoch, plateau.best, plateau.n_worse, elapsed),
        )

    limit_s = math.inf if plan.max_hours is None else plan.max_hours * 3600
    stopped = "epochs"
    last_save, save_s = time.monotonic(), 0.0
    quiet = os.environ.get("ESSENTIA_LDL_BARS") == "0" or None  # None: off where there is no terminal
    with tqdm(total=training.epochs, initial=len(history), desc=plan.name, unit="epoch", disable=quiet) as bar:
        for epoch in range(len(history), training.epochs):
            if history and elapsed >= limit_s:
                stopped = "max_hours"
                break
            start = time.monotonic()
            train_loss = run.train_epoch(epoch)
            valid_loss, accuracy = run.validate() if run.valid_rows.size else (None, None)
            rate = float(run.optimizer.learning_rate)
            cost = train_loss if valid_loss is None else valid_loss
            if training.halvings is None:
                plateau, improved, halve = step_plateau(plateau, cost, training.patience)
            else:
                improved, halve = True, epoch + 1 in training.halvings
            if improved:
                best, best_epoch = run.snapshot(), epoch + 1
            if halve:
                run.optimizer.learning_rate.assign(rate / 2)
            history.append(
                {
                    "epoch": epoch + 1,
                    "train_loss": train_loss,
                    "valid_loss": valid_loss,
                    "valid_accuracy": accuracy,
                    "learning_rate": rate,
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


def _estimate(run: _Run, n_epochs: int, say: Callable[[str], None]) -> None:
    """Say how long a long run will take, from one step and one evaluation whose effects are taken back."""
    state = run.snapshot()
    rows = run.train_rows[: run.plan.training.batch_size]
    batch = (run.source.take(rows, np.zeros(len(rows), dtype=np.int64)), run.plan.targets[rows], run.weights[rows])
    run.step(*(array[:1] for array in batch))  # traces
    step_s = math.inf
    for _ in range(2):  # the first step of full size is slower than those that follow
        start = time.monotonic()
        run.step(*batch).numpy()
        step_s = min(step_s, time.monotonic() - start)
    valid_s = 0.0
    if run.valid_rows.size:
        patches = next(iterate_grid(run.source, run.valid_rows[:1]))
        run.infer(patches)
        start = time.monotonic()
        run.infer(patches).numpy()
        valid_s = (time.monotonic() - start) * run.source.n_patches[run.valid_rows].sum() / len(patches)
    run.restore(state)
    seconds = n_epochs * (step_s * len(run.train_rows) / len(rows) + valid_s)
    if seconds > ESTIMATE_ABOVE_S:
        length = f"{seconds / 3600:.1f} hours" if seconds > 5400 else f"{seconds / 60:.0f} minutes"
        say(f"{run.plan.name}: {n_epochs} epochs take about {length}; a stopped run goes on where it was")


def _write_predictions(run: _Run) -> None:
    tracks = run.plan.tracks
    rows = np.arange(len(tracks))
    logits = run.predict(rows)
    with replacing(run.plan.folder / "predictions.npz") as file:
        np.savez(
            file,
            ids=np.array([track.id for track in tracks]),
            roles=np.array([track.role for track in tracks]),
            labels=np.array([track.label for track in tracks]),
            classes=np.array(run.plan.classes),
            probabilities=run.mean_probabilities(logits, rows),
            patch_logits=logits,
            n_patches=run.source.n_patches,
        )
