"""The state of a training on disk: a checkpoint from which a killed run goes on.

In: arrays of variables and counters. Out: `checkpoint.npz` (state of model and optimiser after the last whole epoch,
best state, history), written whole or not at all.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from essentia_ldl.arrays import DAMAGE, read_arrays
from essentia_ldl.files import replacing


class Checkpoint(NamedTuple):
    """A training after a whole epoch.

    Parameters
    ----------
    digest : str
        `targets.digest_training` of the run it belongs to.
    values, best : list[np.ndarray]
        Variables of model and optimiser: now, and after the best epoch.
    history : list[dict]
        One entry per epoch.
    best_epoch : int
        From 1; 0 before the first.
    best_cost : float
        Cost of the best epoch.
    n_worse : int
        Counter of the plateau rule.
    elapsed_s : float
        Seconds of training so far, over all processes.
    """

    digest: str
    values: list[np.ndarray]
    best: list[np.ndarray]
    history: list[dict[str, Any]]
    best_epoch: int
    best_cost: float
    n_worse: int
    elapsed_s: float


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically; raise `StoreError` when the disk is full."""
    arrays = {f"value_{index}": value for index, value in enumerate(checkpoint.values)}
    arrays |= {f"best_{index}": value for index, value in enumerate(checkpoint.best)}
    facts = checkpoint._asdict()
    del facts["values"], facts["best"]
    with replacing(path) as file:
        np.savez(file, facts=np.array(json.dumps(facts)), elapsed_s=np.array(checkpoint.elapsed_s), **arrays)


def read_checkpoint(path: Path, digest: str) -> Checkpoint | None:
    """Read the checkpoint of a run.

    Parameters
    ----------
    path : Path
        The file.
    digest : str
        `targets.digest_training` of the run.

    Returns
    -------
    Checkpoint or None
        None when there is none, it is damaged, or it belongs to another plan: the run then starts anew.
    """
    try:
        arrays = read_arrays(path, "checkpoint")
        facts = json.loads(str(arrays["facts"]))
        if facts["digest"] != digest:
            return None
        count = sum(name.startswith("value_") for name in arrays)
        values = [arrays[f"value_{index}"] for index in range(count)]
        return Checkpoint(values=values, best=[arrays[f"best_{index}"] for index in range(count)], **facts)
    except DAMAGE:
        return None
