"""What the SE blocks of a network say of tracks: `Excitations`, one pass over some of the run's tracks.

In: a trained network and its plan. Out: means per class and block, and the first block segment by segment with the
loudness. Tracks are those of the test side, or, where there is none, of the one that validates, or trains; at most
`MOST_TRACKS` of them and `MOST_SEGMENTS` of each, evenly spaced, so that neither time nor memory grows with them.

References
----------
T. Kim, J. Lee and J. Nam, "Comparison and analysis of SampleCNN architectures for audio classification" (IEEE JSTSP
13(2), 2019), section VII and figure 8: ten segments per clip; J. Hu, L. Shen and G. Sun, "Squeeze-and-excitation
networks" (CVPR 2018), section 5.3.
"""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from essentia_ldl.choices import MULTI_LABEL, SINGLE_LABEL
from essentia_ldl.nets.inputs.sources import BandSource
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.progress import hides_bars
from essentia_ldl.runs.looks import Excitations
from essentia_ldl.runs.plan import Plan
from essentia_ldl.runs.targets import read_truth

GATE = "_gate"  # ends the names of layers whose output is an excitation
MOST_TRACKS, MOST_SEGMENTS = 1000, 10
BATCH = 5
FLOOR_DB = -100.0


def list_gates(model: keras.Model) -> list[str]:
    """List the layers whose output is an excitation, from the bottom."""
    return [layer.name for layer in model.layers if layer.name.endswith(GATE)]


def look_at_excitations(model: keras.Model, plan: Plan) -> Excitations:
    """Let a network hear tracks, and keep what its blocks say.

    Parameters
    ----------
    model : keras.Model
        Samples (batch, n_samples) float32 -> anything, with layers of `list_gates`.
    plan : Plan
        Its run.

    Returns
    -------
    Excitations

    Raises
    ------
    StoreError
        When the samples of a track, or the table of tags, are missing or damaged.
    """
    gates = list_gates(model)
    inner = keras.Model(model.input, [model.get_layer(name).output for name in gates])
    sizes = np.array([output.shape[-1] for output in inner.outputs], dtype=np.int64)

    @tf.function(input_signature=[tf.TensorSpec(model.input_shape, tf.float32)], autograph=False)
    def excite(segments: tf.Tensor) -> tf.Tensor:
        return tf.concat(inner(segments, training=False), axis=1)

    role, rows = choose_tracks(plan)
    members = find_members(plan)[rows]
    source = BandSource(plan)
    sums = np.zeros((members.shape[1], int(sizes.sum())))
    loudness, labels, first = [], [], []
    for row, own in zip(tqdm(rows, desc="excitations", unit="track", disable=hides_bars()), members, strict=True):
        grid = source.grid(row)
        chosen = _space(len(grid), MOST_SEGMENTS)
        values = []
        for start in range(0, len(chosen), BATCH):
            segments = np.ascontiguousarray(grid[chosen[start : start + BATCH]])
            loudness.append(measure_loudness(segments))
            values.append(excite(segments).numpy())
        found = np.concatenate(values)
        sums[own] += found.mean(axis=0, dtype=np.float64)
        first.append(found[:, : sizes[0]])
        has_one = plan.kind == SINGLE_LABEL and own.any()
        labels.append(np.full(len(found), np.flatnonzero(own)[0] if has_one else -1))
    counts = members.sum(axis=0)
    heard = counts > 0  # classes without a track have no mean
    numbers = np.cumsum(heard) - 1
    return Excitations(
        role=role,
        blocks=tuple(name.removesuffix(GATE) for name in gates),
        sizes=sizes,
        classes=tuple(name for name, there in zip(plan.classes, heard, strict=True) if there) if len(heard) else (),
        n_tracks=counts[heard],
        means=(sums[heard] / counts[heard][:, np.newaxis]).astype(np.float32),
        loudness_db=np.concatenate(loudness),
        labels=np.array([-1 if label < 0 else numbers[label] for label in np.concatenate(labels)], dtype=np.int64),
        first=np.concatenate(first),
    )


def measure_loudness(segments: np.ndarray) -> np.ndarray:
    """Return the root mean square of segments (n, n_samples), in decibels of full scale, (n,) float32."""
    squares = np.mean(np.square(segments, dtype=np.float64), axis=1)
    return (10 * np.log10(np.maximum(squares, 10 ** (FLOOR_DB / 10)))).astype(np.float32)


def choose_tracks(plan: Plan) -> tuple[str, np.ndarray]:
    """Choose whom to hear: the role of the tracks, and their rows in the plan, (n,) int64."""
    for role in ("test", "valid", "train"):
        rows = [row for row, track in enumerate(plan.tracks) if track.role == role]
        if rows:
            break
    return role, np.array(rows, dtype=np.int64)[_space(len(rows), MOST_TRACKS)]


def find_members(plan: Plan) -> np.ndarray:
    """Return which classes or tags each track has, (n_tracks, n_classes) bool; without columns where there are none."""
    if plan.kind == SINGLE_LABEL:
        return np.array([[track.label == name for name in plan.classes] for track in plan.tracks])
    if plan.kind == MULTI_LABEL:
        return read_truth(plan) >= 0.5
    return np.zeros((len(plan.tracks), 0), dtype=bool)


def _space(n_there: int, n_most: int) -> np.ndarray:
    """Choose at most `n_most` of `n_there`, evenly spaced, (n,) int64."""
    n_chosen = min(n_there, n_most)
    return np.arange(n_chosen, dtype=np.int64) * n_there // n_chosen
