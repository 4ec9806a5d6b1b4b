"""A network in training for a space: its inputs, its optimiser, its compiled step, and what an epoch of them does.

In: a `SpacePlan`, and features of the store. Out: changed weights, losses of epochs, and vectors of tracks. A network
reads a random patch of a track, and a projection what frozen networks made of one: patches are many where tracks are
few. They are in memory up to `MOST_BYTES`, and read from the store where they are more.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from essentia_ldl.choices import SEMI_HARD, TAGS
from essentia_ldl.nets.backbones import load_backbone
from essentia_ldl.nets.classifier import set_statistics
from essentia_ldl.nets.inputs.joint import JointNetwork, Wanted
from essentia_ldl.nets.inputs.sources import BandSource, EmbeddingSource
from essentia_ldl.nets.metric.encoders import SPACE, add_outputs, build_projection, build_whole, start_projection
from essentia_ldl.nets.metric.losses import measure_distance, score_anchors
from essentia_ldl.nets.metric.sampling import STREAM, check_groups, choose_semi_hard, draw_triplets
from essentia_ldl.nets.metric.scatter import measure_scatter
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.training.updates import SGD_MOMENTUM, check_loss
from essentia_ldl.runs.space import SpacePlan
from essentia_ldl.taps import count_features

PATCHES = 32  # of a whole network at once, where it does not learn
PATCH_STREAM = STREAM + 1
MOST_BYTES = 1 << 29


def open_network(plan: SpacePlan) -> JointNetwork:
    """Open the frozen networks of a plan, at the resampling quality of training.

    Raises
    ------
    WeightsError
        When weights are missing.
    """
    return JointNetwork(plan.store, plan.graphs, Wanted(plan.networks, plan.layers, plan.front_end.resample_quality))


def open_source(plan: SpacePlan) -> EmbeddingSource | BandSource:
    """Open what the network of a plan reads; raises `StoreError` when it is not in the store."""
    if plan.network:
        return BandSource(plan)
    network = open_network(plan)
    n_patches = sum(network.count([track.content for track in plan.tracks]))
    network.lazy = 4 * n_patches * count_features(plan.networks, plan.layers) > MOST_BYTES
    return EmbeddingSource(plan, network)


class SpaceRun:
    """A network with its inputs, its optimiser and its compiled steps.

    Parameters
    ----------
    plan : SpacePlan
        The run.
    source : EmbeddingSource or BandSource
        Where its inputs come from.

    Raises
    ------
    DataError
        When tracks that train cannot be compared.
    """

    def __init__(self, plan: SpacePlan, source: EmbeddingSource | BandSource) -> None:
        self.plan, self.settings, self.source = plan, plan.settings, source
        self.train_rows, self.valid_rows = plan.rows("train"), plan.rows("valid")
        self.groups = plan.groups[self.train_rows]
        if self.settings.compares:
            check_groups(self.groups, itself=self.settings.itself)
        self.space = build_space(plan, int(source.shape[-1]))
        self._start()
        self.targets = np.zeros((0, 0), np.float32) if self.settings.compares else self._list_targets()
        self.model = self.space if self.settings.compares else self._add_outputs()
        self.optimizer = self._make_optimizer()
        self._penalties = [
            (kernel, kernel.numpy() if plan.backbones and kernel.path.startswith(SPACE) else 0.0)
            for kernel in self.model.trainable_variables
            if kernel.name == "kernel"
        ]
        self._embed = tf.function(
            lambda x: self.space(x, training=False),
            input_signature=[tf.TensorSpec((None, *source.shape), tf.float32)],
            autograph=False,
        )
        self._step = tf.function(self._compare if self.settings.compares else self._answer, autograph=False)

    def _start(self) -> None:
        """Set what comes from the training tracks before the first step."""
        if self.plan.backbones:
            tracks = (self.source.grid(row) for row in self.train_rows)
            start_projection(self.space, measure_scatter(tracks, self.groups))
            return
        layer = getattr(load_backbone(self.plan.network), "INPUT_STANDARDIZE", None)
        if layer is not None:
            floor = np.float32(load_backbone(self.plan.network).INPUT_DEVIATION_FLOOR) ** 2
            mean, variance = self.source.measure(self.train_rows)
            set_statistics(self.space, mean, np.maximum(variance, floor), layer)

    def _list_targets(self) -> np.ndarray:
        """Return what each training track is to be told, (n_tracks, n_outputs) float32 of 0 and 1."""
        if self.settings.loss == TAGS:
            told = [set(self.plan.tags[self.plan.tracks[row].id]) for row in self.train_rows]
            names = sorted(set().union(*told))
            return np.array([[name in one for name in names] for one in told], np.float32)
        return (np.unique(self.groups)[None] == self.groups[:, None]).astype(np.float32)

    def _add_outputs(self) -> keras.Model:
        return add_outputs(self.space, self.targets.shape[1])

    def _make_optimizer(self) -> keras.Optimizer:
        if self.settings.optimizer == "sgd":
            made = keras.optimizers.SGD(self.settings.rate, momentum=SGD_MOMENTUM, nesterov=True)
        else:
            made = keras.optimizers.Adam(self.settings.rate)
        made.build(self.model.trainable_variables)
        return made

    @property
    def variables(self) -> list[keras.Variable]:
        """All that a training changes."""
        return [*self.model.variables, *self.optimizer.variables]

    def snapshot(self) -> list[np.ndarray]:
        """Copy `variables`."""
        return [variable.numpy() for variable in self.variables]

    def restore(self, values: list[np.ndarray]) -> None:
        """Put back what `snapshot` copied."""
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)

    def train_epoch(self, epoch: int) -> float:
        """Take one step per batch; return the mean loss of the anchors, or of the tracks."""
        random = np.random.default_rng([self.settings.seed, epoch, PATCH_STREAM])
        batches = self._draw_comparisons(epoch) if self.settings.compares else self._draw_tracks(random)
        total = n_rows = 0
        for rows, told in batches:
            inputs = self._take(rows, random)
            if self.settings.compares and self.settings.negatives == SEMI_HARD:
                inputs = self._choose(inputs, len(told))
            loss = float(self._step(tf.constant(inputs), tf.constant(told)))
            total, n_rows = total + check_loss(loss, epoch) * len(told), n_rows + len(told)
        return total / n_rows

    def _draw_comparisons(self, epoch: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """List the batches of an epoch: anchors, positives and negatives one after the other, and zeros."""
        settings = self.settings
        n_candidates = settings.n_negatives * (settings.n_candidates if settings.negatives == SEMI_HARD else 1)
        drawn = draw_triplets(self.groups, n_candidates, settings.seed, epoch, itself=settings.itself)
        found = []
        for start in range(0, len(drawn.anchors), settings.batch_size):
            part = slice(start, start + settings.batch_size)
            rows = np.concatenate([drawn.anchors[part], drawn.positives[part], drawn.negatives[part].ravel()])
            found.append((rows, np.zeros(len(drawn.anchors[part]), np.float32)))
        return found

    def _draw_tracks(self, random: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
        """List the batches of an epoch: every track once, and what it is to be told."""
        order, size = random.permutation(len(self.train_rows)), self.settings.batch_size
        starts = [start for start in range(0, len(order), size) if len(order) - start > 1 or start == 0]
        parts = (order[start:end] for start, end in itertools.pairwise([*starts, len(order)]))
        return [(part, self.targets[part]) for part in parts]

    def _take(self, places: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return an input of each of some training tracks, by their places among these."""
        rows = self.train_rows[places]
        return self.source.take(rows, random.integers(0, self.source.n_choices[rows]))

    def _choose(self, inputs: np.ndarray, n_anchors: int) -> np.ndarray:
        """Keep the semi-hard ones of the negatives of a batch."""
        settings, vectors = self.settings, self._embed(inputs)
        anchors, positives, negatives = _part(vectors, n_anchors)
        near = measure_distance(anchors, positives, settings.distance).numpy()
        far = measure_distance(anchors[:, tf.newaxis], negatives, settings.distance).numpy()
        columns = choose_semi_hard(near, far, settings.margin, settings.n_negatives)
        places = 2 * n_anchors + np.arange(n_anchors)[:, None] * far.shape[1] + columns
        return np.concatenate([inputs[: 2 * n_anchors], inputs[places.ravel()]])

    def _compare(self, inputs: tf.Tensor, told: tf.Tensor) -> tf.Tensor:
        """Learn from the comparisons of a batch; `told` is as long as there are anchors."""
        settings, n_anchors = self.settings, tf.shape(told)[0]

        def score(vectors: tf.Tensor) -> tf.Tensor:
            anchors, positives, negatives = _part(vectors, n_anchors)
            near = measure_distance(anchors, positives, settings.distance)
            far = measure_distance(anchors[:, tf.newaxis], negatives, settings.distance)
            return score_anchors(settings.loss, near, far, settings.margin)

        return self._update(inputs, score)

    def _answer(self, inputs: tf.Tensor, told: tf.Tensor) -> tf.Tensor:
        """Learn the outputs of a batch of tracks."""
        return self._update(inputs, lambda outputs: self._score(outputs, told))

    def _score(self, outputs: tf.Tensor, told: tf.Tensor) -> tf.Tensor:
        """Return the loss of every track."""
        if self.settings.loss == TAGS:
            return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(told, outputs), axis=-1)
        return tf.nn.softmax_cross_entropy_with_logits(told, outputs)

    def _update(self, inputs: tf.Tensor, score: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        """Take a step down the mean of a score of what the network makes of a batch; return that mean."""
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(score(self.model(inputs, training=True)))
            cost = loss
            if self.settings.l2:
                squares = [tf.nn.l2_loss(kernel.value - start) for kernel, start in self._penalties]
                cost += self.settings.l2 * tf.add_n(squares)
        gradients = tape.gradient(cost, [variable.value for variable in variables])
        self.optimizer.apply(gradients, variables)
        return loss

    def embed_tracks(self, rows: np.ndarray) -> np.ndarray:
        """Return the vector of each of some tracks, the mean over its patches, shape (n_rows, size), float32."""
        found = []
        for row in rows:
            grid = self.source.grid(row)
            parts = [self._embed(np.asarray(grid[i : i + PATCHES])).numpy() for i in range(0, len(grid), PATCHES)]
            found.append(np.concatenate(parts).mean(axis=0, dtype=np.float64))
        return np.array(found, np.float32).reshape(len(rows), self.space.output_shape[-1])


def build_space(plan: SpacePlan, n_inputs: int) -> keras.Model:
    """Build the network of a plan: a projection of so many numbers, or a whole network on patches."""
    if plan.network:
        return build_whole(plan.network)
    return build_projection(n_inputs, plan.settings.size)


def _part(vectors: tf.Tensor, n_anchors: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Part the vectors of a batch into anchors, positives and negatives (n_anchors, n_negatives, d)."""
    size = vectors.shape[-1]
    return (
        vectors[:n_anchors],
        vectors[n_anchors : 2 * n_anchors],
        tf.reshape(vectors[2 * n_anchors :], (n_anchors, -1, size)),
    )
