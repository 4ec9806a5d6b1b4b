"""Files for many processes at once: those of this machine, or those of a cluster. In: files; out: answers for each.

One process of one thread per core is faster than one process whose network has a thread per core, because decoding and
mel bands have one thread only (`docs/library.md` has the numbers). It is also the default where there are enough files
and enough memory.
"""

from __future__ import annotations

import dataclasses
import subprocess
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl.cluster.pool import Lost, Pool, Threads, as_failure, open_cluster, put_in_order, spread
from essentia_ldl.models.folder import Model, digest_graph
from essentia_ldl.parallel import count_workers
from essentia_ldl.predict.ask import Question, make_job, predict_files, read_predictions
from essentia_ldl.predict.session import answer_file, make_absolute
from essentia_ldl.records import Failure, Prediction

N_FILES = 8  # per process: fewer are not worth its start
MEMORY_BYTES = 600 << 20  # per process: what Essentia's TensorFlow takes, and some more
N_AHEAD = 16  # files per process that may be done before the one whose turn it is
Answer = list[Prediction] | Failure


@dataclasses.dataclass(frozen=True)
class Workers:
    """Who predicts.

    Parameters
    ----------
    n_jobs : int or None
        Processes of one thread each; None takes as many as are of use. 1 is one process with a thread per core.
    cluster : str or None
        URL of a cluster, as `cluster.pool.open_cluster` takes it; None is this machine.
    started : subprocess.Popen or None
        A process of `worker.start_worker` that was started early, to save time.
    """

    n_jobs: int | None = None
    cluster: str | None = None
    started: subprocess.Popen[str] | None = None


ANYBODY = Workers()


def count_jobs(n_files: int, n_jobs: int | None = None) -> int:
    """Return how many processes predict so many files.

    Parameters
    ----------
    n_files : int
        A process that has few files is not worth its start.
    n_jobs : int or None
        What the user wants; None is a core each, as far as free memory goes.
    """
    if n_jobs is not None:
        return max(1, min(n_jobs, n_files))
    import psutil

    n_fitting = psutil.virtual_memory().available // MEMORY_BYTES
    return max(1, min(count_workers(), n_files // N_FILES, n_fitting))


def is_alone(n_files: int, workers: Workers) -> bool:
    """Tell whether one process of this machine predicts so many files, with a thread per core."""
    return workers.cluster is None and count_jobs(n_files, workers.n_jobs) == 1


def predict_many(
    models: Sequence[Model],
    files: Sequence[str],
    graphs: Path,
    question: Question,
    workers: Workers,
    warn: Callable[[str], object] | None = None,
) -> Iterator[tuple[int, Answer]]:
    """Run models on files in many processes, one result per file, as they come.

    Parameters
    ----------
    models : sequence of Model
        All of them run on every file, which is decoded once.
    files : sequence of str
        Audio files.
    graphs : Path
        Where the extractors of heads are.
    question : Question
        The distance between patches, whether entropies are wanted, and the engine.
    workers : Workers
        Who predicts.
    warn : callable or None
        Gets a sentence for every graph that does not run as it was asked for.

    Yields
    ------
    index : int
        Of the file. At most `N_AHEAD` files per process are done before the one whose turn it is.
    answer : list[Prediction] or Failure
        One `Prediction` per model.

    Raises
    ------
    EssentiaLdlError
        When a model cannot run at all, or the cluster is gone; answers that came before stand.
    """
    job = {**make_job(models, graphs, question), "files": None, "n_threads": 1, "key": uuid.uuid4().hex}
    if workers.cluster is None:
        pool: Pool = Threads(count_jobs(len(files), workers.n_jobs))
        spare = ([workers.started] if workers.started else [],)
    else:
        pool, spare = open_cluster(workers.cluster), ()
        parts = [part for request in job["models"] for part in (request, request["extractor"]) if part]
        job["digests"] = {part["graph"]: digest_graph(part["graph"]) for part in parts}
    told: set[str] = set()
    try:
        calls = ((job, make_absolute(path), *spare) for path in files)
        for index, found in spread(pool, answer_file, calls, N_AHEAD * max(1, pool.count_slots())):
            for sentence in found["warnings"] if warn is not None and not isinstance(found, Lost) else ():
                if sentence not in told:
                    told.add(sentence)
                    warn(sentence)
            yield index, _read(found, files[index], question)
    finally:
        pool.close()


def predict_in_order(
    models: Sequence[Model],
    files: Sequence[str],
    graphs: Path,
    question: Question,
    workers: Workers,
    warn: Callable[[str], object] | None = None,
) -> Iterator[Answer]:
    """Run models on files in as many processes as are of use, one result per file in the order of the files.

    Parameters
    ----------
    models : sequence of Model
        All of them run on every file, which is decoded once.
    files : sequence of str
        Audio files.
    graphs : Path
        Where the extractors of heads are.
    question : Question
        The distance between patches, whether entropies are wanted, and the engine.
    workers : Workers
        Who predicts.
    warn : callable or None
        Gets a sentence for every graph that does not run as it was asked for.

    Yields
    ------
    list[Prediction] or Failure
        One `Prediction` per model.

    Raises
    ------
    EssentiaLdlError
        When a model cannot run at all, or the cluster is gone; answers that came before stand.
    """
    if is_alone(len(files), workers):
        yield from predict_files(models, files, graphs, question, workers.started, warn)
    else:
        yield from put_in_order(predict_many(models, files, graphs, question, workers, warn))


def _read(found: dict[str, Any] | Lost, path: str, question: Question) -> Answer:
    """Make a record of what came back, under the name that the user gave the file."""
    if isinstance(found, Lost):
        return as_failure(path, "predict", found)
    if "reason" in found:
        return Failure(path, "predict", found["reason"].replace(make_absolute(path), path))
    return [dataclasses.replace(one, path=path) for one in read_predictions(found["predictions"], question.precision)]
