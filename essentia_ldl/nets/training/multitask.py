"""One network for several targets: first layers that all tasks share, and a branch of layers of its own for each.

In: a plan with `tasks`. Out: a Keras model from inputs to a list of logits, one a task, and the run that trains it.
Shared layers are called as in a network with one target, those of a branch ``<task>_<layer>``: the logits of task "m"
are "m_logits", and their input is its penultimate layer.

Where a network is cut is its backbone's `SHARED_UNTIL`. A backbone without one shares everything up to its embedding
and has its tail and a hidden layer a task; a frozen network shares its embeddings. Both need `hidden`: without it all
tasks would have one and the same penultimate layer.

Training is that of one target, but for this. The active task is drawn anew for every batch, each with the same
probability, and a step changes shared layers and its own branch only. Every task has an Adam of its own with moments of
its own for the shared layers, as the authors' code compiles an update for each task. An epoch takes as many steps as
one over all training tracks with one target, so a task sees its share of them: as many steps a task as separate
networks get need their number of epochs times the number of tasks (the paper's 1000 for five times 200). A step trains
on tracks that have a target of its task, in an order that is the task's own and new in every epoch, and that begins
again where it ends; class weights of a track are those of its own class, whatever the task.

References
----------
J. Kim, M. Won, X. Serra and C. C. S. Liem, "Transfer learning of artist group factors to musical genre classification"
(WWW 2018 companion), sections 3.2.2 and 3.2.4. The code of its authors draws the task once an epoch; X. Liu et al.,
"Representation learning using multi-task deep neural networks for semantic classification and information retrieval"
(NAACL 2015), algorithm 1, once a batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from essentia_ldl.errors import TrainingError, explain
from essentia_ldl.nets.classifier import apply_copies
from essentia_ldl.nets.runtime import keras
from essentia_ldl.nets.training.updates import Run, check_loss
from essentia_ldl.runs.plan import Plan

EMBEDDING, LOGITS = "embedding", "logits"


def share(single: keras.Model, cut: str, tasks: dict[str, int]) -> keras.Model:
    """Make a network with a branch a task of one with a single output.

    Parameters
    ----------
    single : keras.Model
        Inputs -> layer "logits".
    cut : str
        Name of its last layer that is shared. That layer and all before it are those of `single`.
    tasks : dict[str, int]
        Name of a task -> number of its classes.

    Returns
    -------
    keras.Model
        Inputs -> logits of every task, in their order. Weights of branches are drawn anew.
    """
    shared = single.get_layer(cut).output
    outputs = []
    for task, n_classes in tasks.items():

        def configure(layer: keras.layers.Layer, task: str = task, n_classes: int = n_classes) -> dict[str, Any]:
            config = {**layer.get_config(), "name": f"{task}_{layer.name}"}
            return {**config, "units": n_classes} if layer.name == LOGITS else config

        outputs += apply_copies(single, shared, shared, configure)
    return keras.Model(single.input, outputs, name="network")


def find_cut(plan: Plan) -> str:
    """Name the last layer that the tasks of a plan share.

    Raises
    ------
    TrainingError
        When nothing that is trained would be a task's own before its logits.
    """
    network = plan.network
    if network.fine_tune != "head" and hasattr(network.module, "SHARED_UNTIL"):
        return network.module.SHARED_UNTIL
    if network.hidden < 1:
        what = "embeddings of a frozen network" if network.fine_tune == "head" else f"the network {network.backbone}"
        rule = f"at least 1 where tasks share {what}"
        remedy = "Set network.hidden, such as 256, or train a network a task: targets.networks separate."
        raise TrainingError(explain("hidden", rule, network.hidden, plan.folder, remedy))
    if network.fine_tune == "head":
        return "standardize" if network.standardize else "embeddings"
    return EMBEDDING


def copy_weights(source: keras.Model, target: keras.Model, tasks: tuple[str, ...]) -> None:
    """Copy the weights of every layer to those of one name, and to those of one name in every branch."""
    known = {layer.name: layer for layer in source.layers}
    for layer in target.layers:
        names = [layer.name, *(layer.name.removeprefix(f"{task}_") for task in tasks)]
        found = next((known[name] for name in names if name in known), None)
        if found is not None and layer.weights:
            layer.set_weights(found.get_weights())


def draw_tasks(seed: int, epoch: int, n_batches: int, n_tasks: int) -> np.ndarray:
    """Draw the active task of every batch of an epoch, uniformly; a function of its arguments alone.

    Returns
    -------
    np.ndarray [shape=(n_batches,), int64]
        From 0 to n_tasks - 1.
    """
    return np.random.default_rng([seed, epoch, 1]).integers(0, n_tasks, n_batches)  # `draw_epoch` has [seed, epoch]


class SharedRun(Run):
    """A model with several outputs in training: a step and an optimiser a task.

    Raises
    ------
    TrainingError
        When the plan has validation tracks or wants predictions, which are of networks with one target; when no
        training track has a target of some task.
    """

    def build(self) -> None:
        """Compile a step a task."""
        plan = self.plan
        if self.valid_rows.size or plan.predictions:
            found = f"{self.valid_rows.size} validation tracks, predictions {plan.predictions}"
            rule, remedy = "no validation tracks and no predictions", "Train a classifier on its features."
            raise TrainingError(explain("network with several targets", rule, found, plan.folder, remedy))
        self.rows: list[np.ndarray] = []
        self.steps = []
        for task, output in zip(plan.tasks, self.model.outputs, strict=True):
            rows = self.train_rows[task.covered[self.train_rows]]
            if not rows.size:
                rule, remedy = "a training track that has it", "Leave this target out."
                raise TrainingError(explain(f"target {task.name}", rule, 0, plan.folder, remedy))
            self.rows.append(rows)
            self.steps.append(self.compile_step(keras.Model(self.model.input, output), task.loss))
        self.step = self.steps[0]  # which the estimate measures; branches cost the same
        self._losses: dict[str, float] = {}

    def sample_batch(self) -> tuple[np.ndarray, ...]:
        """Return what a step of the first task is given, with the first patch of the first tracks."""
        rows = self.rows[0][: self.plan.training.batch_size]
        return self._take(0, rows, np.zeros(len(rows), dtype=np.int64))

    def train_epoch(self, epoch: int) -> float:
        """Take as many steps as there are batches of all training tracks; return the mean loss of what they saw."""
        plan, size = self.plan, self.plan.training.batch_size
        active = draw_tasks(plan.seed, epoch, -(-len(self.train_rows) // size), len(plan.tasks))
        # Each task with a generator of its own, so that how many steps the others take changes nothing.
        random = [np.random.default_rng([plan.seed, epoch, 2 + number]) for number in range(len(plan.tasks))]
        waiting = [np.zeros(0, dtype=np.int64) for _ in plan.tasks]
        totals, counts = np.zeros(len(plan.tasks)), np.zeros(len(plan.tasks))
        for number in active:
            n_rows = min(size, len(self.rows[number]))
            if len(waiting[number]) < n_rows:  # full batches: few patches make poor statistics
                waiting[number] = np.concatenate([waiting[number], random[number].permutation(self.rows[number])])
            rows, waiting[number] = waiting[number][:n_rows], waiting[number][n_rows:]
            choices = random[number].integers(0, self.source.n_choices[rows], dtype=np.int64)
            value = check_loss(float(self.steps[number](*self._take(number, rows, choices))), epoch)
            totals[number] += value * len(rows)
            counts[number] += len(rows)
        self._losses = {
            task.name: float(total / count)
            for task, total, count in zip(plan.tasks, totals, counts, strict=True)
            if count
        }
        return float(totals.sum() / counts.sum())

    def describe_epoch(self) -> dict[str, Any]:
        """Return the mean loss of every task that was active in the last epoch."""
        return {"task_losses": self._losses}

    def _take(self, number: int, rows: np.ndarray, choices: np.ndarray) -> tuple[np.ndarray, ...]:
        task = self.plan.tasks[number]
        even = (task.class_weights or self.plan.training.class_weights) == "none"
        weights = np.ones(len(rows), dtype=np.float32) if even else self.weights[rows]
        return self.source.take(rows, choices), task.targets[rows], weights
