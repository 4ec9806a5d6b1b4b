"""What is below a head: one pretrained network or several, a published extractor, or the features of trained networks.

In: a plan. Out: an object whose `load(contents)` gives what it makes of tracks; all but an extractor have a `model`.
"""

from __future__ import annotations

import dataclasses

from essentia_ldl import taps
from essentia_ldl.choices import SOLVED
from essentia_ldl.nets.inputs.embeddings import FrozenNetwork, StoredEmbeddings, open_embeddings
from essentia_ldl.nets.inputs.joint import JointNetwork, Wanted
from essentia_ldl.nets.inputs.trained_features import TrainedFeatures
from essentia_ldl.runs.plan import Plan

Body = FrozenNetwork | StoredEmbeddings | TrainedFeatures | JointNetwork
Known = dict[tuple[str, ...], Body]


def open_body(plan: Plan, known: Known, hop_frames: int | None = None) -> Body:
    """Open what is below the head of a plan.

    Parameters
    ----------
    plan : Plan
        With `fine_tune` "head".
    known : Known
        What earlier runs of this process opened; added to.
    hop_frames : int or None
        Frames between the starts of patches; None is the front-end's.

    Returns
    -------
    Body

    Raises
    ------
    WeightsError, StoreError
        When weights are missing.
    """
    if networks := _list_joint(plan):
        wanted = Wanted(networks, plan.network.layers, plan.front_end.resample_quality, hop_frames)
        parts = (str(plan.store), str(plan.graphs), str(wanted))
        if parts not in known:
            known[parts] = JointNetwork(plan.store, plan.graphs, wanted)
        return known[parts]
    if not plan.features:
        return open_embeddings(plan, known, hop_frames)
    hop = plan.front_end.patch_hop_frames if hop_frames is None else hop_frames
    names = (*map(str, plan.features), str(hop))
    if names not in known:
        grid = dataclasses.replace(plan.front_end, patch_hop_frames=hop)
        known[names] = TrainedFeatures(plan.store, plan.features, grid)
    return known[names]


def _list_joint(plan: Plan) -> tuple[str | taps.Network, ...]:
    """List the networks whose features the store has for solvers: several, or the one that a solved head stands on."""
    network = plan.network
    alone = f"{network.pretrained}-{network.backbone}"
    is_solved = plan.training.solver == SOLVED and plan.extractor is None and not plan.features
    return network.networks or ((alone,) if is_solved and alone in taps.NETWORKS else ())
