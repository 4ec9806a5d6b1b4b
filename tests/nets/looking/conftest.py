"""Runs of networks that hear samples, narrow and untrained, on tracks that are steps of known heights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.features.store import Store
from essentia_ldl.nets.backbones import load_backbone
from essentia_ldl.nets.networks import build_model
from essentia_ldl.nets.trained_weights import write_weights
from essentia_ldl.runs.names import WEIGHTS
from essentia_ldl.runs.plan import read_plan

CLASSES = ("non_sad", "sad")
LEVELS = (16384, 8192, 4096, 2048)  # of full scale, 32768: a half, a quarter ...


@pytest.fixture
def make_wave_run(make_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function (name, backbone, roles, seconds of each track, trained, changes of the plan) -> run folder."""

    def make(
        name: str = "run",
        backbone: str = "samplecnn-1s-se",
        roles: Sequence[str] = ("train", "valid", "test", "test"),
        seconds: float = 2.0,
        trained: bool = True,
        **changes,
    ) -> Path:
        monkeypatch.setattr(load_backbone(backbone), "CHECKPOINT_SIZES", {None: {"width": 4}})
        front_end, store, tracks = frontends.of_network(backbone), Store(tmp_path / "samples"), []
        for index, (role, level) in enumerate(zip(roles, LEVELS, strict=True)):
            content = hashlib.sha256(f"step {index} {seconds}".encode()).hexdigest()
            samples = np.full((int(seconds * front_end.sample_rate_hz), 1), level, dtype=np.int16)
            store.write(content, front_end, samples)
            tracks.append({"id": f"t{index}", "content": content, "role": role, "label": CLASSES[index % 2]})
        network = {"backbone": backbone, "pretrained": None, "fine_tune": "none", "hidden": 0}
        settings = {"store": store.root, "front_end": front_end.name, "tracks": tracks, **changes}
        folder = make_run(name, network=network, **settings)
        if trained:
            write_weights(folder / WEIGHTS, build_model(read_plan(folder), pretrained=False))
        return folder

    return make
