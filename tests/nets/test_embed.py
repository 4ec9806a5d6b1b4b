"""The entry point that makes embeddings before a training."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl import discover, frontends
from essentia_ldl.features.store import Store
from essentia_ldl.files import write_json
from essentia_ldl.models.folder import weights_file
from essentia_ldl.nets.backbones import musicnn
from essentia_ldl.nets.embed import main
from essentia_ldl.runs.plan import BACKBONES


def test_a_job_leaves_one_array_a_content(tmp_path, random_graphs):
    store = Store(tmp_path / "store")
    random = np.random.default_rng(0)
    contents = ["a" * 64, "b" * 64]
    for content, n_frames in zip(contents, (187, 300), strict=True):
        store.write(content, frontends.MUSICNN, random.uniform(0, 4, (n_frames, 96)).astype(np.float32))
    job = {
        "store": str(store.root),
        "graphs": str(random_graphs),
        "backbone": "musicnn",
        "dataset": "msd",
        "hop_frames": None,
    }
    write_json(tmp_path / "job.json", {**job, "contents": contents})
    assert main([str(tmp_path / "job.json")]) == 0
    folder = store.embeddings(frontends.MUSICNN, "musicnn", "msd", weights_file(random_graphs, "musicnn", "msd"))
    arrays = [np.load(folder / content[:2] / f"{content}.npy") for content in contents]
    assert [array.shape for array in arrays] == [(1, musicnn.EMBEDDING_SIZE), (2, musicnn.EMBEDDING_SIZE)]


def test_a_missing_weight_is_one_line(tmp_path, capsys):
    job = {"store": str(tmp_path), "graphs": str(tmp_path), "backbone": "musicnn", "dataset": "msd"}
    write_json(tmp_path / "job.json", {**job, "hop_frames": None, "contents": []})
    assert main([str(tmp_path / "job.json")]) == 1
    assert "pretrained weights" in capsys.readouterr().err


@pytest.mark.parametrize("name", discover.names(BACKBONES))
def test_the_plain_zone_knows_what_a_network_reads(name):
    assert frontends.of_network(name) == discover.load(BACKBONES, name).FRONT_END


def test_a_job_that_cannot_be_done_is_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere.json")]) == 1
    assert capsys.readouterr().err.startswith("error: file: expected readable json")
