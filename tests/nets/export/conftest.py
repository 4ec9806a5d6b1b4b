"""One run of a head, trained and exported, for all tests of the room."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl.nets.export.export import export
from essentia_ldl.nets.training.train import train


@pytest.fixture(scope="session")
def exported_head(tmp_path_factory: pytest.TempPathFactory, write_run, store, random_graphs) -> Path:
    """A run folder with a full graph and a head on the MusiCNN, not calibrated; to be read only."""
    folder = tmp_path_factory.mktemp("exported") / "head"
    small = {"store": store, "graphs": random_graphs, "n_tracks": 6, "n_frames": 190}
    write_run(folder, **small, training={"epochs": 2})
    train(folder, say=lambda _: None)
    export(folder)
    return folder
