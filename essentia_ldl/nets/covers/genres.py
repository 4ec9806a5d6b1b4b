"""The networks that learn genres, one of spectra and one of pictures. In: a plan and its store; out: embeddings.

A track's embedding is the mean over its patches. It is what follows builds on, for all tracks of the plan, those that
test too, which the network has not seen.
"""

from __future__ import annotations

import numpy as np

from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.features.store import Store
from essentia_ldl.frontends import CQT, PICTURE
from essentia_ldl.nets.backbones import cqtcnn
from essentia_ldl.nets.covers.fitting import Limits, cut, fit_part, score_labels
from essentia_ldl.nets.covers.images import build_small, load_image_network, prepare_pixels
from essentia_ldl.nets.inputs.patches import count_grid, cut_grid, cut_patch
from essentia_ldl.nets.layers import drop
from essentia_ldl.nets.runtime import keras
from essentia_ldl.runs.covers import CoversPlan

AUDIO_BATCH, IMAGE_BATCH = 8, 16  # patches and pictures that a network has at once


def train_audio(plan: CoversPlan) -> tuple[keras.Model, np.ndarray]:
    """Train the network of spectra on genres.

    Returns
    -------
    model : keras.Model
        Patches (batch, 322, 96) float32 -> embedding (batch, d).
    embeddings : np.ndarray [shape=(n_tracks, d), float32]
    """
    store, targets = Store(plan.store), plan.targets
    spectra = [store.read(track.audio, CQT) for track in plan.tracks]  # mapped from disk
    body = cqtcnn.build(**cqtcnn.narrow(plan.settings.width))

    def load(rows: np.ndarray, epoch: int | None) -> list[np.ndarray]:
        patches = []
        for row in rows:
            frames = spectra[row]
            n_starts = max(1, len(frames) - CQT.patch_frames + 1)
            start = n_starts // 2  # the middle of a track that validates
            if epoch is not None:
                start = np.random.default_rng([plan.settings.seed, epoch, row]).integers(n_starts)
            patches.append(cut_patch(frames, int(start), CQT))
        return [np.stack(patches), targets[rows]]

    _train_genres(plan, body, load)
    return body, np.stack([_embed_patches(body, frames) for frames in spectra])


def _embed_patches(body: keras.Model, frames: np.ndarray) -> np.ndarray:
    """Return the mean embedding (d,) of the patches of a track."""
    batches = (np.ascontiguousarray(some) for some in cut(cut_grid(frames, CQT), AUDIO_BATCH))
    return sum(np.asarray(body(batch, training=False)).sum(0) for batch in batches) / count_grid(len(frames), CQT)


def train_image(plan: CoversPlan) -> tuple[keras.Model, np.ndarray]:
    """Train the network of pictures on genres, or take the user's as it is.

    Returns
    -------
    model : keras.Model
        Pixels (batch, 224, 224, 3) -> embedding (batch, d).
    embeddings : np.ndarray [shape=(n_tracks, d), float32]
    """
    store, targets = Store(plan.store), plan.targets

    def read(rows: np.ndarray) -> np.ndarray:
        pixels = [store.read(plan.tracks[row].picture, PICTURE) for row in rows]
        return np.stack(pixels).reshape(-1, *PICTURE.patch_shape)

    def load(rows: np.ndarray, epoch: int | None) -> list[np.ndarray]:
        pixels = read(rows).astype(np.float32)
        if epoch is not None:  # covers are as good seen in a mirror
            mirrored = np.random.default_rng([plan.settings.seed, epoch, int(rows[0])]).random(len(rows)) < 0.5
            pixels[mirrored] = pixels[mirrored, :, ::-1]
        return [pixels, targets[rows]]

    everything = np.arange(len(plan.tracks))
    if plan.image_weights:
        body = load_image_network(plan.image_weights)
        parts = [body(prepare_pixels(read(rows)), training=False) for rows in cut(everything, IMAGE_BATCH)]
    else:
        body = build_small(plan.settings.width)
        _train_genres(plan, body, load)
        parts = [body(load(rows, None)[0], training=False) for rows in cut(everything, IMAGE_BATCH)]
    return body, np.concatenate([np.asarray(part) for part in parts])


def _train_genres(plan: CoversPlan, body: keras.Model, load: object) -> None:
    """Train a network below a dropout and a linear layer of genres, which leaves again."""
    settings, is_single = plan.settings, plan.kind == SINGLE_LABEL
    outputs = keras.layers.Dense(len(plan.classes), name="genres")(drop(body.output, rate=cqtcnn.TAIL_DROPOUT))
    model = keras.Model(body.input, outputs, name=body.name)

    def measure(inputs: object, targets: object, training: bool) -> object:
        return score_labels(targets, model(inputs, training=training), is_single)

    limits = Limits(settings.epochs, settings.patience, settings.batch_size, settings.rate, settings.seed)
    found = fit_part(model, load, measure, (plan.rows("train"), plan.rows("valid")), limits)
    print(
        f"{plan.name}: {'spectra' if body.name == 'backbone' else 'pictures'}, {found['epochs']} epochs, best is "
        f"{found['best_epoch']}, validation loss {found['valid_loss']:.3f}",
        flush=True,
    )
