"""A plan as `train` writes it, for the tests of the run folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl import frontends
from essentia_ldl.runs.plan import NetworkPlan, Places, Plan, PlannedAudio, PlannedTrack, TrainingPlan

ROLES = ("train", "train", "valid", "test")


@pytest.fixture
def plan(tmp_path) -> Plan:
    """Four tracks of two classes in the folder ``run``."""
    return Plan(
        folder=tmp_path / "run",
        task="mood-sad",
        name="mood sad",
        description="sad or not",
        classes=("non_sad", "sad"),
        front_end=frontends.MUSICNN,
        network=NetworkPlan("musicnn", pretrained="msd"),
        training=TrainingPlan(epochs=3),
        tracks=tuple(
            PlannedTrack(f"t{n}", f"{n}" * 8, role, ("non_sad", "sad")[n % 2]) for n, role in enumerate(ROLES)
        ),
        places=Places(
            Path("/store"), Path("/graphs"), (PlannedAudio("/a.wav", "0" * 8),), {"t0": "/a.wav"}, {"t0": "x"}
        ),
        stems={"full": "mood_sad-musicnn-msd", "head": None},
        card={"demo": True},
        grouped=True,
    )
