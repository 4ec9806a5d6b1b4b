"""The process that embeds music: in growing parts, and every line is json."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from essentia_ldl.annotate import embed as module
from essentia_ldl.annotate.embed import FIRST, GROWTH, LARGE, embed
from essentia_ldl.errors import WeightsError
from essentia_ldl.search.index import Indexed
from essentia_ldl.zones import StepFailed, zone_environment


@pytest.fixture
def job(tmp_path):
    return {
        "paths": [f"/music/{k}.mp3" for k in range(FIRST * GROWTH + 1)],
        "index": str(tmp_path / "lib.index"),
        "graphs": str(tmp_path),
        "model": "msd-musicnn-1",
        "seed": 3,
    }


@pytest.fixture
def indexed(monkeypatch):
    """The lists of files that an index was asked for."""
    asked = []

    def index(paths, embedding, output, graphs, say):
        asked.append(list(paths))
        return Indexed(output.path, embedding.model, len(paths), 0, len(paths), 0, 0, 0)

    monkeypatch.setattr(module, "index", index)
    monkeypatch.setattr(module, "build_base_graphs", lambda graphs: asked.append(["built"]))
    return asked


def test_parts_grow_and_go_on_from_one_another(job, indexed, tmp_path):
    (tmp_path / "msd-musicnn-1.pb").write_bytes(b"")
    told = []
    embed(job, told.append)
    assert told == [{"n": FIRST}, {"n": FIRST * GROWTH}, {"n": FIRST * GROWTH + 1}]
    assert indexed[0] == indexed[2][:FIRST]
    assert sorted(indexed[2]) == sorted(job["paths"])
    assert indexed[2] != job["paths"], "the order is drawn"


def test_a_network_that_is_missing_is_built_first(job, indexed):
    embed({**job, "paths": job["paths"][:3]}, lambda _: None)
    assert indexed[0] == ["built"]
    assert len(indexed) == 2


def test_the_order_is_that_of_the_seed_whatever_that_of_the_files(job, indexed, tmp_path):
    (tmp_path / "msd-musicnn-1.pb").write_bytes(b"")
    embed(job, lambda _: None)
    embed({**job, "paths": job["paths"][::-1]}, lambda _: None)
    assert indexed[0] == indexed[3]


def test_large_files_come_last(job, indexed, tmp_path):
    (tmp_path / "msd-musicnn-1.pb").write_bytes(b"")
    paths = [tmp_path / f"{k}.mp3" for k in range(4)]
    for path in paths:
        path.write_bytes(b"")
    os.truncate(paths[1], LARGE + 1)
    embed({**job, "paths": [*map(str, paths), "/not there.mp3"]}, lambda _: None)
    assert indexed[0][-1] == str(paths[1])


def test_an_error_is_a_line_of_json(job, tmp_path):
    (tmp_path / "job.json").write_text(json.dumps({**job, "model": "nothing"}))
    command = [sys.executable, "-m", "essentia_ldl.annotate.embed", str(tmp_path / "job.json")]
    done = subprocess.run(command, capture_output=True, env={**os.environ, **zone_environment()}, check=False)
    (line,) = done.stdout.decode().splitlines()
    assert "nothing" in json.loads(line)["error"]
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StepFailed("", 1, WeightsError("No network. Get it.")), "No network. Get it. Try essentia-ldl graphs build,"),
        (StepFailed("", 1), "The models could not be built. Try essentia-ldl graphs build,"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_what_a_step_said_where_nobody_reads_it_is_told(job, tmp_path, monkeypatch, capfd, error, told):
    def fail(*_):
        raise error

    monkeypatch.setattr(module, "build_base_graphs", fail)
    monkeypatch.setattr(os, "nice", lambda _: 0)
    (tmp_path / "job.json").write_text(json.dumps(job))
    out = os.dup(1)
    try:
        assert module.main(str(tmp_path / "job.json")) == 0
    finally:
        os.dup2(out, 1)
        os.close(out)
    (line,) = capfd.readouterr().out.splitlines()
    assert told in json.loads(line)["error"]
