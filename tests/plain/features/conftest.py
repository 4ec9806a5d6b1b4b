"""What the tests of the extraction share: a home, and worker processes that compute nothing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.features.store import Store
from essentia_ldl.files import Home
from essentia_ldl.frontends import MFCC, MUSICNN
from essentia_ldl.records import Failure


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def asked(monkeypatch):
    """Replace the worker processes by a function that fills the store; gives the jobs that were asked for."""
    jobs_seen: list[dict] = []

    def run_jobs(function, jobs, step, n_jobs=None, home=None):
        for job in reversed(jobs):  # answers come in any order
            jobs_seen.append(job)
            text = Path(job["path"]).read_text() if os.path.exists(job["path"]) else ""
            if not text:
                yield job, Failure(job["path"], step, f"{job['path']} is empty.")
                continue
            content = Store(job["store"]).remember(job["path"])
            if function == "essentia_ldl.sound.features:probe_track":
                yield job, {"content": content, "duration_s": float(text.split()[-1])}
                continue
            assert function == "essentia_ldl.sound.features:extract_track"
            Store(job["store"]).write_info(content, {"duration_s": 10.0})
            for front_end in (MUSICNN, MFCC):
                if front_end.name in job["front_ends"]:
                    Store(job["store"]).write(content, front_end, np.zeros((200, front_end.n_bands)))
            yield job, {"content": content, "duration_s": 10.0}

    for module in ("extract", "survey"):
        monkeypatch.setattr(f"essentia_ldl.features.{module}.run_jobs", run_jobs)
    return jobs_seen
