"""A model in training: its optimiser, its data, its compiled steps, and what an epoch of them does.

In: a `Plan`, a source and a Keras model. Out: changed weights and the losses of epochs. Losses are those of `losses`,
one value per patch, times the weight of its track; L2 is half the sum of squares of every kernel times `training.l2`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from essentia_ldl.choices import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from essentia_ldl.errors import TrainingError, explain
from essentia_ldl.nets.backbones import load_backbone
from essentia_ldl.nets.inputs.ahead import Batch, make_ahead
from essentia_ldl.nets.inputs.augment import Augmenter
from essentia_ldl.nets.inputs.lower import LowerSource
from essentia_ldl.nets.inputs.patches import draw_epoch
from essentia_ldl.nets.inputs.sources import BandSource, EmbeddingSource, iterate_grid
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.training.depths import Group, group_variables
from essentia_ldl.nets.training.devices import Strategy, share_statistics, spread_step
from essentia_ldl.nets.training.losses import LOSSES_BY_KIND
from essentia_ldl.nets.training.precision import guard, match_scales, scale_cost
from essentia_ldl.runs.plan import Plan
from essentia_ldl.runs.targets import read_targets
from essentia_ldl.scores.multi_label import score_roc_auc
from essentia_ldl.scores.regression import score_numbers
from essentia_ldl.stages import find_stage, read_stage

AUGMENT_STREAM = 1 << 32  # beside the draws of `draw_epoch`, and those of tasks
SGD_MOMENTUM = 0.9
ADAM_EPSILON = 1e-8  # TensorFlow 1's default, which the recipe used


class Run:
    """A model with its optimiser, its data and its compiled steps.

    Parameters
    ----------
    plan : Plan
        The run.
    source : EmbeddingSource or BandSource
        Where its inputs come from.
    model : keras.Model
        Inputs -> logits.
    augmenter : Augmenter or None
        Makes the batches of a training, in place of `source`, where its patches are changed.
    strategy : tf.distribute.MirroredStrategy or None
        Of the devices that share the batches, with a copy of `model` on each; None is one device.
    """

    def __init__(
        self,
        plan: Plan,
        source: EmbeddingSource | BandSource | LowerSource,
        model: keras.Model,
        augmenter: Augmenter | None = None,
        strategy: Strategy | None = None,
    ) -> None:
        self.plan, self.source, self.model, self.augmenter = plan, source, model, augmenter
        self.strategy = strategy
        if strategy is not None:
            share_statistics(model)
        self.train_rows, self.valid_rows = plan.rows("train"), plan.rows("valid")
        self.targets = read_targets(plan)  # one array per task
        self.weights, self.losses = plan.weights, LOSSES_BY_KIND[plan.kind]
        self.loss = self.losses[plan.loss]
        if plan.kind == REGRESSION:  # in units that a fresh network can reach, see `rescale`
            self.unit = measure_unit(self.targets[0][self.train_rows])
            self.targets = ((self.targets[0] - self.unit[0]) / self.unit[1],)
        self.optimizers: list[keras.Optimizer] = []
        self.factors: list[float] = []  # of the rate, one per optimiser
        self.staged: dict[str, Callable[..., tf.Tensor]] = {}  # steps of the optimisers that follow one another
        self.build()

    def build(self) -> None:
        """Make the optimisers and compile what trains and what predicts."""
        training, network = self.plan.training, self.plan.network
        if training.stages:
            for name in dict.fromkeys(read_stage(text).optimizer for text in training.stages):
                optimizer = self._add_optimizer(Group(1.0, self.model.trainable_variables), self.model, name)
                self.staged[name] = self.compile_step(self.model, optimizers=[optimizer])
            self.step = self.warm_step = self.staged[read_stage(training.stages[0]).optimizer]
        elif training.rate_factor == 1 and not training.warmup_epochs:
            self.step = self.warm_step = self.compile_step(self.model)
        else:
            ends = load_backbone(network.backbone).DEPTHS
            groups = group_variables(self.model, ends, training.rate_factor)
            self.step = self.compile_step(self.model, groups=groups)
            self.warm_step = self.compile_step(self.model, groups=groups[:1], optimizers=self.optimizers[:1])
        self.infer = self.compile_answer(self.model)

    def compile_answer(self, model: keras.Model) -> Callable[..., tf.Tensor]:
        """Make what answers (inputs) -> logits, float32, in inference mode."""
        inputs = tf.TensorSpec((None, *self.source.shape), tf.float32)
        return tf.function(
            lambda x: tf.cast(model(x, training=False), tf.float32), input_signature=[inputs], autograph=False
        )

    def compile_step(
        self,
        model: keras.Model,
        loss_name: str = "",
        groups: Sequence[Group] = (),
        optimizers: Sequence[keras.Optimizer] = (),
    ) -> Callable[..., tf.Tensor]:
        """Make the step (inputs, targets, weights) -> mean loss that trains a model.

        Parameters
        ----------
        model : keras.Model
            Inputs -> logits.
        loss_name : str
            Of those of its kind; empty for the plan's.
        groups : sequence of Group
            What trains, each at a rate of its own; empty for all at one rate.
        optimizers : sequence of keras.Optimizer
            Of another step, one per group; empty makes new ones.
        """
        training, loss = self.plan.training, self.losses[loss_name] if loss_name else self.loss
        groups = groups or (Group(1.0, model.trainable_variables),)
        optimizers = optimizers or [self._add_optimizer(group, model) for group in groups]
        variables = [variable for group in groups for variable in group.variables]
        starts = np.cumsum([0, *(len(group.variables) for group in groups)])
        kernels = [variable for variable in variables if variable.name == "kernel"]
        signature = [
            tf.TensorSpec((None, *self.source.shape), tf.float32),
            tf.TensorSpec((None, model.output_shape[-1]), tf.float32),
            tf.TensorSpec((None,), tf.float32),
        ]

        def update(x: tf.Tensor, t: tf.Tensor, w: tf.Tensor, n_rows: tf.Tensor | None = None) -> tf.Tensor:
            """Train on a batch, or on one of the shares of a batch of so many rows."""
            with tf.GradientTape() as tape:
                losses, l2 = w * loss(t, tf.cast(model(x, training=True), tf.float32)), training.l2
                if n_rows is None:
                    data_loss = tf.reduce_mean(losses)
                else:
                    data_loss, l2 = tf.reduce_sum(losses) / n_rows, l2 / self.strategy.num_replicas_in_sync
                cost = data_loss + l2 * tf.add_n([tf.nn.l2_loss(kernel.value) for kernel in kernels])
                cost = scale_cost(cost, optimizers)
            gradients = tape.gradient(cost, [v.value for v in variables])
            parts = [gradients[start:end] for start, end in itertools.pairwise(starts)]
            for optimizer, group, part in zip(optimizers, groups, match_scales(parts, optimizers), strict=True):
                optimizer.apply(part, group.variables)
            return data_loss

        if self.strategy is not None:
            return spread_step(self.strategy, update, signature)
        return tf.function(lambda x, t, w: update(x, t, w), input_signature=signature, autograph=False)

    def _add_optimizer(self, group: Group, model: keras.Model, name: str = "adam") -> keras.Optimizer:
        rate = self.plan.training.learning_rate * group.factor
        if name == "sgd":
            made = keras.optimizers.SGD(rate, momentum=SGD_MOMENTUM, nesterov=True)
        else:
            made = keras.optimizers.Adam(rate, epsilon=ADAM_EPSILON)
        optimizer = guard(made, model)
        optimizer.build(group.variables)
        self.optimizers.append(optimizer)
        self.factors.append(group.factor)
        return optimizer

    @property
    def variables(self) -> list[keras.Variable]:
        """All that a training changes: weights, state of the dropouts, state of the optimisers."""
        return [*self.model.variables, *(v for optimizer in self.optimizers for v in optimizer.variables)]

    @property
    def rate(self) -> float:
        """The learning rate, that of the head where others are lower."""
        return float(self.optimizers[0].learning_rate.numpy())

    @rate.setter
    def rate(self, value: float) -> None:
        for optimizer, factor in zip(self.optimizers, self.factors, strict=True):
            optimizer.learning_rate.assign(value * factor)

    def begin_epoch(self, epoch: int, best: list[np.ndarray]) -> None:
        """Take up the optimiser and the rate of an epoch's stage, and the best weights where the stage begins.

        The state of the optimisers is that of the best weights, too.
        """
        if not self.staged:
            return
        stage, begins = find_stage(self.plan.training.stages, epoch)
        if begins:
            self.restore(best)
        self.step = self.staged[stage.optimizer]
        self.rate = stage.learning_rate

    def snapshot(self) -> list[np.ndarray]:
        """Copy `variables`."""
        return [variable.numpy() for variable in self.variables]

    def restore(self, values: list[np.ndarray]) -> None:
        """Put back what `snapshot` copied."""
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)

    def sample_batch(self) -> tuple[np.ndarray, ...]:
        """Return what a step is given, with the first patch of the first tracks."""
        rows = self.train_rows[: self.plan.training.batch_size]
        return self._take(rows, np.zeros(len(rows), dtype=np.int64), np.random.default_rng(self.plan.seed))

    def train_epoch(self, epoch: int) -> float:
        """Take one step per batch; return the mean loss of the tracks."""
        order, choices = draw_epoch(self.plan.seed, epoch, (self.augmenter or self.source).n_choices[self.train_rows])
        random = np.random.default_rng([self.plan.seed, epoch, AUGMENT_STREAM])
        size = self.plan.training.batch_size
        starts = list(range(0, len(order), size))
        if self.plan.network.fine_tune == "none" and len(order) % size == 1 and len(starts) > 1:
            starts.pop()  # a last batch of one joins the one before it: its batch normalisation would be all zeros
        total = 0.0
        update = self.warm_step if epoch < self.plan.training.warmup_epochs else self.step
        parts = (order[start:end] for start, end in itertools.pairwise([*starts, len(order)]))
        batches = (self._take(self.train_rows[part], choices[part], random) for part in parts)
        for batch in self._make_ahead(batches):
            total += check_loss(float(update(*batch)), epoch) * len(batch[0])
        return total / len(order)

    def _make_ahead(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Let the next batch be made during a step, where it comes from the disk: a copy in memory costs less."""
        return make_ahead(batches) if self.augmenter is not None or self.source.reads_disk else batches

    def _take(self, rows: np.ndarray, choices: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Return inputs, targets and weights of a batch, changed where there is an augmenter."""
        targets, weights = self.targets[0][rows], self.weights[rows]
        if self.augmenter is None:
            return self.source.take(rows, choices), targets, weights
        return self.augmenter.change((self.augmenter.take(rows, choices, random), targets, weights), random)

    def describe_epoch(self) -> dict[str, Any]:
        """Return what the history keeps of the last epoch beside its loss."""
        return {}

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Return the logits of every patch of the grid of some tracks, one track after the other."""
        batches = self._make_ahead(iterate_grid(self.source, rows))
        return np.concatenate([self.infer(batch).numpy() for batch in batches])

    def mean_probabilities(self, logits: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the mean of the probabilities of each track's patches, shape (n_rows, n_classes), float32."""
        counts = self.source.n_patches[rows]
        probabilities = {SINGLE_LABEL: tf.nn.softmax, MULTI_LABEL: tf.nn.sigmoid, REGRESSION: tf.identity}[
            self.plan.kind
        ](logits).numpy()
        return np.add.reduceat(probabilities, np.cumsum(counts) - counts, axis=0) / counts[:, None].astype(np.float32)

    def validate(self) -> tuple[float, float]:
        """Return the (weighted) mean loss of the validation tracks' patches, and the mean recall of whole tracks.

        In place of the recall, of tags the mean ROC-AUC, of numbers the mean R2, where these are known, or else 0.
        """
        rows = self.valid_rows
        logits = self.predict(rows)
        targets, counts = self.targets[0][rows], self.source.n_patches[rows]
        losses = self.loss(np.repeat(targets, counts, axis=0), logits)
        loss = float(tf.reduce_mean(np.repeat(self.weights[rows], counts) * losses))
        if self.plan.kind != SINGLE_LABEL:
            answers = self.mean_probabilities(logits, rows)
            is_tags = self.plan.kind == MULTI_LABEL
            scores = score_roc_auc(targets, answers) if is_tags else score_numbers(targets, answers)["r2"]
            known = scores[np.isfinite(scores)]
            return loss, float(known.mean()) if len(known) else 0.0
        truth = targets.argmax(axis=1)
        right = self.mean_probabilities(logits, rows).argmax(axis=1) == truth
        return loss, float(np.mean([right[truth == k].mean() for k in np.unique(truth)]))


def measure_unit(targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of numbers (n_tracks, n_dimensions), float32; a deviation of 0 counts as 1."""
    deviation = targets.std(axis=0)
    return targets.mean(axis=0), np.where(deviation > 0, deviation, 1).astype(np.float32)


def rescale(model: keras.Model, unit: tuple[np.ndarray, np.ndarray]) -> None:
    """Let a network that learned numbers in units of their deviation answer the numbers themselves.

    Parameters
    ----------
    model : keras.Model
        Its layer "logits" is changed.
    unit : tuple[np.ndarray, np.ndarray]
        From `measure_unit`.
    """
    layer = model.get_layer("logits")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * unit[1], bias * unit[1] + unit[0]])


def check_loss(value: float, epoch: int) -> float:
    """Return a loss that is a number; raise `TrainingError` for another."""
    if not math.isfinite(value):
        raise TrainingError(explain("loss", "a number", value, f"epoch {epoch + 1}", "Lower training.learning_rate."))
    return value
