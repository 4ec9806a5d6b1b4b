"""A space that audio and words share, in training: an output per word, the cosine of a track and the word's place.

In: a `SpacePlan` whose tracks have words, and the vectors of these in its run folder. Out: the audio side, which is the
space of the plan, and the word side, a dense layer on the vectors. A track is told one of its words and, as what it is
not, a seen word that it does not have, both drawn again in every epoch; words that are not seen in training are never
told.

With "words" both sides begin together, the word side at random. With "devise" each side is pretrained: the word side
begins as the vectors are (or as their main directions, where they have more numbers than the space), and keeps still
for the first half of the epochs, in which the audio side learns to meet it; then both are joined.

References
----------
J. Choi, J. Lee, J. Park and J. Nam, "Zero-shot learning for audio-based music classification and tagging" (ISMIR 2019),
section 3: a dense layer on word vectors, the hinge of cosines, one random negative, margin 0.4. A. Frome et al.,
"DeViSE: a deep visual-semantic embedding model" (NIPS 2013), section 3: both sides pretrained, then joined.
"""

from __future__ import annotations

import numpy as np

from essentia_ldl.choices import DEVISE
from essentia_ldl.nets.inputs.sources import BandSource, EmbeddingSource
from essentia_ldl.nets.metric.losses import FLOOR, score_triplet
from essentia_ldl.nets.metric.sampling import STREAM
from essentia_ldl.nets.metric.updates import SpaceRun
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.runs.space import SpacePlan
from essentia_ldl.runs.words import read_planned_words
from essentia_ldl.scores.multi_label import score_average_precision
from essentia_ldl.words.side import WordSide

WORD_STREAM = STREAM + 2
OUTPUTS = "words"


class WordOutputs(keras.layers.Layer):
    """The cosines of embeddings and words.

    Parameters
    ----------
    units : np.ndarray [shape=(n_words, d), float32]
        Unit vectors of the words, which do not change.
    start : np.ndarray [shape=(d, size), float32]
        What the kernel begins with.
    """

    def __init__(self, units: np.ndarray, start: np.ndarray) -> None:
        super().__init__(name=OUTPUTS)
        self.units, self.start = units, start

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights of the word side."""
        del input_shape  # its last number is that of `start`
        constant = keras.initializers.Constant
        self.kernel = self.add_weight(shape=self.start.shape, initializer=constant(self.start), name="word_kernel")
        self.bias = self.add_weight(shape=self.start.shape[1:], initializer="zeros", name="word_bias")
        self.joined = self.add_weight(shape=(), initializer="ones", trainable=False, name="joined")

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Return the cosines (batch, n_words); the word side learns from them while it is joined."""
        kernel, bias = (self.joined * w + (1 - self.joined) * tf.stop_gradient(w) for w in (self.kernel, self.bias))
        places = tf.constant(self.units) @ kernel + bias
        units = (tf.math.l2_normalize(rows, axis=-1, epsilon=FLOOR) for rows in (embeddings, places))
        return tf.matmul(*units, transpose_b=True)


class WordRun(SpaceRun):
    """A space of words and audio with its inputs, its optimiser and its compiled steps; parameters as `SpaceRun`."""

    def __init__(self, plan: SpacePlan, source: EmbeddingSource | BandSource) -> None:
        self.words, self.units, self.is_seen = read_planned_words(plan.folder)
        super().__init__(plan, source)

    def _list_targets(self) -> np.ndarray:
        return self._list_words(self.train_rows)

    def _list_words(self, rows: np.ndarray) -> np.ndarray:
        """Return which words some tracks have, (n_rows, n_words) float32 of 0 and 1."""
        told = [set(self.plan.tags[self.plan.tracks[row].id]) for row in rows]
        return np.array([[word in one for word in self.words] for one in told], np.float32)

    def _add_outputs(self) -> keras.Model:
        start = start_words(self.units[self.is_seen], self.space.output_shape[-1], self.settings)
        self.outputs = WordOutputs(self.units, start)
        return keras.Model(self.space.input, self.outputs(self.space.output), name="network")

    def train_epoch(self, epoch: int) -> float:
        """Take one step per batch; return the mean loss of the tracks."""
        waits = self.settings.loss == DEVISE and epoch < self.settings.epochs // 2
        self.outputs.joined.assign(0.0 if waits else 1.0)
        return super().train_epoch(epoch)

    def _draw_tracks(self, random: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
        """List the batches of an epoch: every track once, 1 for a word of it and -1 for a seen word of others."""
        return [(part, draw_told(told, self.is_seen, random)) for part, told in super()._draw_tracks(random)]

    def _score(self, outputs: tf.Tensor, told: tf.Tensor) -> tf.Tensor:
        """Return the hinge of every track; 0 of one that has no word, or no other."""
        near = 1 - tf.reduce_sum(tf.where(told > 0, outputs, 0.0), axis=-1)
        far = 1 - tf.reduce_sum(tf.where(told < 0, outputs, 0.0), axis=-1)
        compares = tf.reduce_min(told, axis=-1) < 0
        return tf.where(compares, score_triplet(near, far, self.settings.margin), 0.0)

    def place_words(self) -> WordSide:
        """Return the word side as it is now."""
        kernel, bias = self.outputs.kernel.numpy(), self.outputs.bias.numpy()
        bare = WordSide(kernel, bias, (), np.zeros((0, kernel.shape[1]), np.float32))
        return WordSide(kernel, bias, self.words, bare.place(self.units).astype(np.float32))

    def score_words(self, rows: np.ndarray) -> float | None:
        """Return the mean average precision of some tracks by seen words; None where no word can be measured."""
        truth = self._list_words(rows)[:, self.is_seen]
        vectors = self.embed_tracks(rows)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines = vectors / np.where(lengths > 0, lengths, 1) @ self.place_words().units[self.is_seen].T
        measured = truth.any(axis=0)
        if not measured.any():
            return None
        shares = np.clip((1 + cosines[:, measured]) / 2, 0, 1)
        return float(np.mean(score_average_precision(truth[:, measured], shares)))


def draw_told(targets: np.ndarray, is_seen: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw a word of every track, and a seen word that it does not have.

    Parameters
    ----------
    targets : np.ndarray [shape=(n_tracks, n_words), float32]
        1 where a track has a word.
    is_seen : np.ndarray [shape=(n_words,), bool]
        Words that may be told.
    random : np.random.Generator
        Of the epoch.

    Returns
    -------
    np.ndarray [shape=(n_tracks, n_words), float32]
        1 for the word, -1 for the other one; neither where a track has no word, or every seen one.
    """
    drawn = random.random((2, *targets.shape))
    has, lacks = (targets > 0) & is_seen, (targets == 0) & is_seen
    told, rows = np.zeros(targets.shape, np.float32), np.flatnonzero(has.any(axis=1) & lacks.any(axis=1))
    for value, keys, allowed in ((1, drawn[0], has), (-1, drawn[1], lacks)):
        told[rows, np.where(allowed, keys, -1)[rows].argmax(axis=1)] = value
    return told


def start_words(units: np.ndarray, size: int, settings: object) -> np.ndarray:
    """Return what the kernel of the word side begins with, (d, size) float32.

    Parameters
    ----------
    units : np.ndarray [shape=(n_seen, d), float32]
        Unit vectors of the seen words.
    size : int
        Numbers of the space.
    settings : SpaceSettings
        With "devise" the vectors as they are: themselves, or their main directions where the space is narrower;
        otherwise at random (X. Glorot and Y. Bengio, AISTATS 2010).
    """
    n_inputs = units.shape[1]
    if settings.loss != DEVISE:
        limit = np.sqrt(6 / (n_inputs + size))
        random = np.random.default_rng([settings.seed, WORD_STREAM])
        return random.uniform(-limit, limit, (n_inputs, size)).astype(np.float32)
    if n_inputs <= size:
        return np.eye(n_inputs, size, dtype=np.float32)
    directions = np.linalg.svd(units.astype(np.float64), full_matrices=True)[2][:size]
    signs = np.sign(directions[np.arange(size), np.abs(directions).argmax(axis=1)])
    return (directions * signs[:, None]).T.astype(np.float32)  # whichever the library's signs
