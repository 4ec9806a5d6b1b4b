"""A grid of machines on folds: what every setting says of tracks that its fit has not seen.

In: tracks and parts as `linear.choose` has them, and a grid. Out: an `Explored` that `linear.choose.choose` picks from,
and fits of one setting. Kernels that several settings share are computed once.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.linear.choose import Explored, Fitted, Tracks, find_training
from essentia_ldl.machines.fit import (
    MachineGrid,
    MachineSetting,
    compute_kernel,
    fit_machine,
    join_blocks,
    measure_scaling,
    solve_machines,
)


def explore(tracks: Tracks, parts: np.ndarray, left_out: Sequence[int], grid: MachineGrid) -> Explored | None:
    """Fit every setting without some parts, and ask it of their tracks; parameters and errors as `linear.choose`'s.

    Returns
    -------
    Explored or None
        None when a class has no track left to train on.
    """
    train, rows = find_training(tracks, parts, left_out), np.flatnonzero(np.isin(parts, left_out))
    targets = tracks.one_hot
    if len(train) < 2 or (tracks.kind == SINGLE_LABEL and not targets[train].any(axis=0).all()):
        return None
    logits: dict[MachineSetting, np.ndarray] = {}
    scalings = itertools.groupby(grid.list_settings(), lambda one: (one.features, one.standardize))
    for (wanted, standardize), group in scalings:
        features = join_blocks([tracks.blocks[name] for name in wanted.blocks])
        own = features[:, train].mean(axis=0)
        mean, scale = measure_scaling(own, standardize)
        own, asked = (own - mean) / scale, (features[:, rows] - mean) / scale
        for _, same in itertools.groupby(group, lambda one: (one.kernel, one.gamma)):
            settings = list(same)
            products = compute_kernel(own, own, settings[0])
            told = np.stack([compute_kernel(quality, own, settings[0]) for quality in asked])
            for setting in settings:
                found = solve_machines(products, targets[train], tracks.kind, setting.c)
                logits[setting] = told @ found.dual + found.bias
    return Explored(tuple(left_out), rows, logits)


def fit(tracks: Tracks, train: np.ndarray, setting: MachineSetting) -> Fitted:
    """Fit a setting on training tracks; raises as `machines.fit.solve_machines`."""
    part = tracks.select(train, setting.features.blocks)
    targets = tracks.one_hot[train]
    blocks = [part.blocks[name] for name in setting.features.blocks]
    return Fitted(setting, fit_machine(blocks, targets, tracks.kind, setting), targets)
