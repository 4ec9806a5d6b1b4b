"""Updates of a network with several targets: who trains when, and what a step changes.

In: a plan with `tasks`, a source and a model of `nets.shared`. Out: changed weights and the losses of epochs.

Training is that of one target, except for this. The active task is drawn anew for every batch, each with the same
probability, and a step changes shared layers and its own branch only. Every task has an Adam of its own with moments of
its own for the shared layers, as the authors' code compiles an update for each task. An epoch takes as many steps as
one over all training tracks with one target, so a task sees its share of them: as many steps per task as separate
networks get need their number of epochs times the number of tasks (the paper's 1000 for five times 200). A step trains
on tracks that have a target of its task, in an order that is the task's own and new in every epoch, and that begins
again where it ends; class weights of a track are those of its own class, whatever the task.

References
----------
J. Kim, M. Won, X. Serra and C. C. S. Liem, "Transfer learning of artist group factors to musical genre classification"
(WWW 2018 companion), sections 3.2.2 and 3.2.4. The code of its authors draws the task once per epoch; X. Liu et al.,
"Representation learning using multi-task deep neural networks for semantic classification and information retrieval"
(NAACL 2015), algorithm 1, once per batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from essentia_ldl.errors import TrainingError, explain
from essentia_ldl.nets.runtime import keras
from essentia_ldl.nets.training.updates import Run, check_loss


def draw_tasks(seed: int, epoch: int, n_batches: int, n_tasks: int) -> np.ndarray:
    """Draw the active task of every batch of an epoch, uniformly; a function of its arguments alone.

    Returns
    -------
    np.ndarray [shape=(n_batches,), int64]
        From 0 to n_tasks - 1.
    """
    return np.random.default_rng([seed, epoch, 1]).integers(0, n_tasks, n_batches)  # `draw_epoch` has [seed, epoch]


class SharedRun(Run):
    """A model with several outputs in training: a step and an optimiser per task.

    Raises
    ------
    TrainingError
        When the plan has validation tracks or wants predictions, which are of networks with one target; when no
        training track has a target of some task.
    """

    def build(self) -> None:
        """Compile a step per task."""
        plan = self.plan
        if self.valid_rows.size or plan.predictions:
            found = f"{self.valid_rows.size} validation tracks, predictions {plan.predictions}"
            rule, remedy = "no validation tracks and no predictions", "Train a classifier on its features."
            raise TrainingError(explain("network with several targets", rule, found, plan.folder, remedy))
        self.rows: list[np.ndarray] = []
        self.steps = []
        for task, targets, output in zip(plan.tasks, self.targets, self.model.outputs, strict=True):
            rows = self.train_rows[targets[self.train_rows].any(axis=1)]
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
        return self._take_for(0, rows, np.zeros(len(rows), dtype=np.int64))

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
            value = check_loss(float(self.steps[number](*self._take_for(number, rows, choices))), epoch)
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

    def _take_for(self, number: int, rows: np.ndarray, choices: np.ndarray) -> tuple[np.ndarray, ...]:
        task = self.plan.tasks[number]
        even = (task.class_weights or self.plan.training.class_weights) == "none"
        weights = np.ones(len(rows), dtype=np.float32) if even else self.weights[rows]
        return self.source.take(rows, choices), self.targets[number][rows], weights
