"""Benchmarks that nobody had to train: answers from a seed, and what json holds of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.files import write_json
from essentia_ldl.runs.predictions import Predictions, write_predictions
from essentia_ldl.studies.tagging.grid import NETWORKS

TAGS = ("bright", "busy", "loud")
VARIANTS = ("noise-10", "pitch-up-2")


@pytest.fixture
def make_cell(tmp_path):
    """A function (name, seed) -> the folder of a trained network whose answers are drawn."""

    def make(name: str = "fcn-0", seed: int = 0) -> Path:
        folder, random = tmp_path / name, np.random.default_rng(seed)
        folder.mkdir()
        roles = np.array(["train"] * 6 + ["test"] * 12)
        ids = np.array([f"t{number:02d}" for number in range(len(roles))])
        truth = random.integers(0, 2, (len(ids), len(TAGS))).astype(np.float32)
        truth[-2:] = [[0] * len(TAGS), [1] * len(TAGS)]
        values = np.clip(0.5 * truth + 0.6 * random.random(truth.shape), 0, 1).astype(np.float32)
        labels = np.array([""] * len(ids))
        write_predictions(folder, Predictions(ids, roles, labels, np.array(TAGS), values, truth=truth))
        order = np.arange(6, len(ids))[::-1]  # tracks in another order
        changed = {variant: random.random((12, len(TAGS))).astype(np.float32) for variant in VARIANTS}
        np.savez(folder / "variants.npz", ids=ids[order], original=values[order], **changed)
        np.savez(folder / "weights.npz", **{"a/kernel": np.zeros((5, 2)), "a_norm/moving_mean": np.zeros(3)})
        np.savez(folder / "checkpoint.npz", elapsed_s=np.array(12.5))
        write_json(folder / "speed.json", {"ms_per_s": 2.5})
        return folder

    return make


def _describe(number: int) -> dict:
    score = 0.6 + 0.03 * number
    scores = dict.fromkeys(("roc_auc", "pr_auc", "tracks_precision", "tags_precision", "tags_map", "tracks_map"), score)
    return {
        "title": list(NETWORKS.values())[number],
        "n_folds": 1,
        "scores": scores,
        "deviations": {},
        "intervals": {name: [score - 0.05, score + 0.05] for name in scores if name != "tracks_map"},
        "n_groups": 6,
        "less_best": [-0.2, 0.01] if number < 8 else None,
        "by_tag": {tag: {"roc_auc": score, "pr_auc": None} for tag in TAGS},
        "variants": {name: {"roc_auc": score - 0.1, "pr_auc": 0.5} for name in VARIANTS},
        "parameters": 1000 * 3**number,
        "costs": {"training_s": 10.0 + number, "ms_per_s": 0.5 * 2**number},
    }


@pytest.fixture
def found():
    """What benchmark.json holds of nine networks."""
    recipe = {
        "network": {"width": 0.125},
        "training": {"stages": ["adam 3e-3 2", "sgd 1e-3 1"], "batch_size": 8},
        "split": {"seed": 0},
    }
    return {
        "settings": {"data": "/music", "networks": list(NETWORKS), "folds": 1, "variants": VARIANTS, "recipe": recipe},
        "collection": {
            "n_tracks": 18,
            "n_artists": 6,
            "tags": dict.fromkeys(TAGS, 9),
            "split": "by artist",
            "n_test": [12],
        },
        "left_out": {},
        "networks": {name: _describe(number) for number, name in enumerate(NETWORKS)},
    }
