"""The process that predicts: its start, and the conversation with it. In: a job; out: the answers, one dict per line.

Imports next to nothing, so that the process starts while this one still loads. What the process does is the sound
zone's business (`essentia_ldl.sound.predict`): it reads one job as json and answers in lines of json.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any

from essentia_ldl import errors
from essentia_ldl.errors import GraphError
from essentia_ldl.predict import engines
from essentia_ldl.zones import Heard, holding_interrupts, zone_environment

ENDED_EARLY = (
    "The process that predicts ended before its first file. Memory may have run out: close other programs, or try "
    "`essentia-ldl doctor`."
)
MANY = 100  # files for which a process that compared engines is not kept: what ran of both stays in its memory
N_FILES = 10_000  # that one process predicts: Essentia keeps some 900 bytes of every file that it opens
KILLED = (
    "The process that predicts was killed before its first file, often for lack of memory. Close other programs, or "
    "use fewer --jobs."
)


class Feed(deque[str]):
    """Files for a process that gets them one by one, and that process, once it is there."""

    process: subprocess.Popen[str] | None = None


def start_worker(setting: str | None = None, engine: str = "essentia") -> subprocess.Popen[str]:
    """Start ``python -m essentia_ldl.sound.predict``, which reads its job from the standard input.

    Parameters
    ----------
    setting : str or None
        "1" with oneDNN, "0" without; None takes the first of `engines.list_settings`.
    engine : str
        What the job is going to say: "auto" and "openvino" load OpenVINO while the process waits for it.

    Returns
    -------
    subprocess.Popen
        It ends by itself when its standard input closes without a job.
    """
    verbose = os.environ.get("ESSENTIA_LDL_VERBOSE") == "1"
    own = {"TF_ENABLE_ONEDNN_OPTS": setting or engines.list_settings()[0], "ESSENTIA_LDL_ENGINE": engine}
    with holding_interrupts():
        return subprocess.Popen(
            [sys.executable, "-m", "essentia_ldl.sound.predict"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if verbose else subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env={**zone_environment(), **own},
        )


def ask_worker(
    job: dict[str, Any], started: subprocess.Popen[str] | None = None, feed: Feed | None = None
) -> Iterator[dict[str, Any]]:
    """Give a process its job and yield its answers.

    A processor on which oneDNN kills the process before the first answer is remembered, and the job goes to a process
    without oneDNN. Many files go to a process that need not compare engines any more.

    Parameters
    ----------
    job : dict
        models, files (None with a `feed`), patch_hop_frames, uncertainty, engine, precision and remembered; n_threads
        of the networks, where they shall not take every core. Must be json.
    started : subprocess.Popen or None
        A process of `start_worker` that waits for its job already.
    feed : Feed or None
        Files that come one by one: the next one is taken from the left before the process is asked for its next
        answer, and an empty one ends it. The job has none then.

    Yields
    ------
    dict
        ``{"ready": True}`` with warnings, then for each file ``{"start": path}`` and what became of it. The answers
        end early when the process dies.

    Raises
    ------
    EssentiaLdlError
        The process's own error, when it cannot run the models at all.
    """
    accepted = engines.is_onednn_accepted()
    settings = engines.list_settings()
    asked, more = {**job, "onednn_accepted": accepted}, () if feed is None else (feed,)
    for setting in settings:
        answered = False
        for answer in _answer_lightly(asked, setting, started, *more):
            if not answered and not accepted and setting == engines.PLAIN and settings[0] == engines.ONEDNN:
                engines.refuse_onednn()  # without it the process answers, with it it did not
            ran = answer.get("runs_essentia", True)  # oneDNN is Essentia's: OpenVINO proves nothing of it
            if not answered and not accepted and setting == engines.ONEDNN and ran:
                engines.accept_onednn()
            if not answered:
                engines.remember_comparisons(answer.get("found", {}))
            answered = True
            yield answer
        if answered:
            return
        started = None


def _answer_lightly(
    job: dict[str, Any], setting: str, started: subprocess.Popen[str] | None, *feed: Feed
) -> Iterator[dict[str, Any]]:
    """Yield the answers to a job; one of many files goes on in a new process when the first has compared engines."""
    is_long = job["files"] is None or len(job["files"]) >= MANY
    answers = _converse(job, started or start_worker(setting), *feed)
    first = next(answers, None)
    if first is not None and first.get("found") and is_long:
        answers.close()
        job = {**job, "remembered": {**job.get("remembered", {}), **first["found"]}}
        answers = _converse(job, start_worker(setting), *feed)
        next(answers, None)  # the first process has told what there is to tell
    if first is not None:
        yield first
    yield from answers


def _converse(
    job: dict[str, Any], process: subprocess.Popen[str], feed: Feed | None = None
) -> Iterator[dict[str, Any]]:
    if feed is not None:
        feed.process = process
    has_begun = False
    try:
        with contextlib.suppress(BrokenPipeError):  # a process that died already is told by its missing answers
            json.dump(job, process.stdin)
            process.stdin.write("\n")
            if feed is None:
                process.stdin.close()
            else:
                process.stdin.flush()
        for line in io.TextIOWrapper(io.BufferedReader(Heard(process)), encoding="utf-8"):
            if not line.endswith("\n"):  # killed while it wrote
                break
            answer = json.loads(line)
            if "error" in answer:
                raise getattr(errors, answer["type"], GraphError)(answer["error"])
            has_begun = has_begun or "start" in answer
            yield answer
            if feed is not None and "start" not in answer:
                with contextlib.suppress(BrokenPipeError):
                    if feed:
                        process.stdin.write(json.dumps(feed.popleft()) + "\n")
                        process.stdin.flush()
                    else:
                        process.stdin.close()
        if process.wait() == -signal.SIGKILL and not has_begun:
            raise GraphError(KILLED)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
