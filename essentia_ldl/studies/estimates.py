"""How long trainings will take, told before they start.

In: measured seconds per step and per patch, tracks and epochs; out: seconds. Features, labels and baselines are left
out: next to training they take minutes.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import frontends
from essentia_ldl.errors import StoreError
from essentia_ldl.features.store import Store
from essentia_ldl.files import read_json, write_json
from essentia_ldl.parallel import run_jobs
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Failure, Track
from essentia_ldl.zones import run_zone

N_PROBED = 24
UNKNOWN_S = 30.0  # taken when no header tells a duration


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a network costs on this machine, in seconds.

    Parameters
    ----------
    batch_size : int
        Tracks per step.
    step_s, patch_s, embed_s : float
        A training step, the evaluation of a patch, and its embedding by a frozen network (0 where there is none).
    """

    batch_size: int
    step_s: float
    patch_s: float
    embed_s: float


def measure_costs(path: Path, networks: Sequence[str], batch_size: int) -> dict[str, Cost]:
    """Measure networks in a process of the nets zone; what the file has already is not measured again.

    Parameters
    ----------
    path : Path
        json file that keeps the measurements.
    networks : sequence of str
        Each a network and how it is trained, such as "vgg:none", "musicnn:all" or "vgg:head".
    batch_size : int
        Tracks per step.

    Returns
    -------
    dict[str, Cost]
        By name. What a damaged file held is measured anew.
    """
    known: dict[str, Any] = {}
    with contextlib.suppress(StoreError, AttributeError):  # an AttributeError: json that is no table
        kept = read_json(path)
        known = {name: row for name, row in kept.items() if _is_cost(row) and row["batch_size"] == batch_size}
    missing = [name for name in networks if name not in known]
    if missing:
        new = path.with_name(f"{path.stem}-new.json")
        run_zone("essentia_ldl.nets.timing", str(new), *missing, "--batch-size", str(batch_size))
        known.update(read_json(new))
        write_json(path, known)
        new.unlink()
    return {name: Cost(**known[name]) for name in networks}


def _is_cost(row: Any) -> bool:
    """Tell whether json has all numbers of a `Cost`, and no others."""
    names = {field.name for field in dataclasses.fields(Cost)}
    return isinstance(row, dict) and set(row) == names and all(type(value) in (int, float) for value in row.values())


def find_durations(tracks: Sequence[Track], store: Store, n_jobs: int | None = None) -> list[float]:
    """Return the seconds of some of the tracks, evenly spread over them; at least one number.

    What the store knows is taken from there, the rest from headers. Files that cannot be read are passed over.
    """
    step = max(1, len(tracks) // N_PROBED)
    found, jobs = [], []
    for track in tracks[::step][:N_PROBED]:
        content = store.recall(track.path)
        try:
            found.append(float(store.read_info(content)["duration_s"]) if content else 0.0)
        except (StoreError, KeyError, TypeError, ValueError):  # json that is not a description: ask the header
            found.append(0.0)
        if not found[-1]:
            jobs.append({"path": track.path, "store": str(store.root)})
    for _, result in run_jobs("essentia_ldl.sound.features:probe_track", jobs, "files", n_jobs, progress=False):
        found.append(0.0 if isinstance(result, Failure) else result["duration_s"])
    return [seconds for seconds in found if seconds > 0] or [UNKNOWN_S]


def estimate_training(
    cost: Cost, recipe: Recipe, n_tracks: int, durations_s: Sequence[float], n_folds: int | None = None
) -> float:
    """Estimate the trainings of one label source.

    Parameters
    ----------
    cost : Cost
        Of the recipe's network.
    recipe : Recipe
        Its epochs and its share of validation tracks count.
    n_tracks : int
        Of the whole collection.
    durations_s : sequence of float
        Of some of the tracks.
    n_folds : int or None
        Folds of a cross-validation; None is one training on the whole collection.

    Returns
    -------
    float
        Seconds, the trainings one after the other. The embeddings of a frozen network, computed once for all sources
        and folds, are `estimate_embeddings`.
    """
    inside = n_tracks * (1 - 1 / n_folds) if n_folds else n_tracks
    n_valid = inside * recipe.split.valid_share
    n_patches = count_patches(recipe, durations_s)
    # whole batches and the rest cost what their tracks cost
    epoch_s = cost.step_s * (inside - n_valid) / cost.batch_size + n_valid * n_patches * cost.patch_s
    return (n_folds or 1) * (recipe.n_epochs * epoch_s + n_tracks * n_patches * cost.patch_s)


def estimate_embeddings(cost: Cost, recipe: Recipe, n_tracks: int, durations_s: Sequence[float]) -> float:
    """Estimate the embeddings of a collection, in seconds; 0 when the network is not frozen."""
    return n_tracks * count_patches(recipe, durations_s) * cost.embed_s


def count_patches(recipe: Recipe, durations_s: Sequence[float]) -> float:
    """Return the mean number of patches of a track on the grid of the recipe's network."""
    front_end = frontends.of_network(recipe.network.backbone)
    frames = np.asarray(durations_s) * front_end.sample_rate_hz / front_end.hop_samples
    return float(np.mean(np.maximum(0, frames - front_end.patch_frames) // front_end.patch_hop_frames + 1))


def describe_length(seconds: float) -> str:
    """Write a length of time in hours, minutes or seconds, whichever reads best."""
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} hours" if seconds < 360000 else f"{seconds / 3600:.0f} hours"
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} s"
