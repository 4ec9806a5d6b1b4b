"""What goes on while somebody labels: the music is embedded, and a model learns and chooses what to ask next.

In: the votes as they stand, from a callable. Out: a queue of tracks, the agreement of the raters, and a point of the
curve after every few answers. All of it happens in a thread; the embedding in a process, which ends with this one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from essentia_ldl.annotate.choose import choose_tracks
from essentia_ldl.annotate.journal import CurvePoint
from essentia_ldl.annotate.judge import judge_answers
from essentia_ldl.errors import EssentiaLdlError, Reason
from essentia_ldl.files import write_json
from essentia_ldl.search.library import read_library
from essentia_ldl.zones import zone_environment

EVERY = 3  # answers after which the model chooses anew
N_QUEUED = 16  # enough for several raters until it chooses anew; each costs as much as the first
POINT_EVERY = 5  # answers from one point of the curve to the next
LOOK_S = 1.0  # between looks at what was embedded


@dataclasses.dataclass(frozen=True)
class Answered:
    """The votes as they stand.

    Parameters
    ----------
    paths : tuple[str, ...]
        Tracks that have a vote.
    targets : np.ndarray [shape=(n_tracks, n_classes), float64]
        Their shares.
    artists : tuple[str, ...]
        Of them; empty where they are not known.
    left_out : tuple[str, ...]
        Other tracks that are not to be asked.
    n_votes : int
        Votes and undos so far, by which two of these are told apart.
    """

    paths: tuple[str, ...]
    targets: np.ndarray
    artists: tuple[str, ...]
    left_out: tuple[str, ...]
    n_votes: int


@dataclasses.dataclass(frozen=True)
class Vectors:
    """Unit vectors of the tracks that are embedded.

    Parameters
    ----------
    units : np.ndarray [shape=(n_tracks, d), float32]
        One per track.
    paths : tuple[str, ...]
        Of the rows.
    """

    units: np.ndarray
    paths: tuple[str, ...]

    def find(self, paths: Sequence[str]) -> list[int | None]:
        """Return the row of each track, None where there is none."""
        return [self._rows.get(path) for path in paths]

    @functools.cached_property
    def _rows(self) -> dict[str, int]:
        return {path: row for row, path in enumerate(self.paths)}


def read_vectors(path: str | os.PathLike[str], paths: Sequence[str]) -> Vectors:
    """Read those of some tracks from an index.

    Raises
    ------
    StoreError
        When it is missing or damaged.
    """
    library = read_library(path)
    wanted = [path for path in paths if path in library.entries.rows]
    units = np.empty((len(wanted), library.units.shape[1]), np.float32)
    for row, path in enumerate(wanted):
        units[row] = library.rows(library.entries.rows[path]).mean(axis=0)
    units /= np.maximum(np.linalg.norm(units, axis=1, keepdims=True), 1e-12)
    return Vectors(units, tuple(wanted))


@dataclasses.dataclass(frozen=True)
class Embedder:
    """How the music is embedded.

    Parameters
    ----------
    index : Path
        Where to, and where from.
    graphs : Path
        The folder of models.
    model : str
        Which network.
    is_given : bool
        Whether the index is the user's, which is read and not written.
    """

    index: Path
    graphs: Path
    model: str
    is_given: bool = False


class Background:
    """The thread.

    Parameters
    ----------
    paths : Sequence[str]
        All the music.
    artists : Callable[[str], str]
        From a path to its artist, which may have to be read from its file; empty where it is not known.
    look : Callable[[], Answered]
        Returns the votes as they stand.
    keep : Callable[[CurvePoint], object]
        Gets a point of the curve.
    embedder : Embedder
        Where vectors come from.
    seed : int
        Of everything that is drawn.

    Attributes
    ----------
    queue : tuple[str, ...]
        What to ask next, the best first; empty before a model can choose.
    n_embedded : int
        Tracks that it can choose from.
    """

    def __init__(
        self,
        paths: Sequence[str],
        artists: Callable[[str], str],
        look: Callable[[], Answered],
        keep: Callable[[CurvePoint], object],
        embedder: Embedder,
        seed: int,
    ) -> None:
        self._paths, self._find_artist, self._look, self._keep = list(paths), artists, look, keep
        self._embedder, self._seed = embedder, seed
        self.queue: tuple[str, ...] = ()
        self.n_embedded = 0
        self._reading_trouble = self._embedding_trouble = ""
        self._vectors: Vectors | None = None
        self._artists: dict[str, str] = {}
        self._read_at: tuple[int, int] | None = None
        self._chosen_at = -EVERY
        self._judged_at = 0
        self._wake, self._is_ended = threading.Event(), False
        self._process: subprocess.Popen | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="essentia-ldl-background")

    @property
    def trouble(self) -> str:
        """Why there is no model, or no more vectors; empty while all is well."""
        return self._reading_trouble or self._embedding_trouble

    def start(self, judged_at: int = 0) -> None:
        """Begin; `judged_at` is the number of answers of the last point of the curve that is there already."""
        self._judged_at = judged_at
        if not self._embedder.is_given:
            self._start_embedding()
        self._thread.start()

    def nudge(self) -> None:
        """Say that there is another vote."""
        self._wake.set()

    def close(self) -> None:
        """End both; what was embedded stays."""
        self._is_ended = True
        self._wake.set()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def work(self) -> None:
        """Do once what there is to do: read new vectors, choose, and judge."""
        is_new = self._read()
        if self._vectors is None or not len(self._vectors.paths):
            return
        self._read_artists()
        answers = self._look()
        n_since = abs(answers.n_votes - self._chosen_at)
        if is_new or n_since >= EVERY or (n_since and not self.queue):
            self._choose(answers)
            self._judge(answers)

    def _read_artists(self) -> None:
        """Find the artists of tracks that have vectors, for `LOOK_S` at a time: the disk may be slow."""
        end = time.monotonic() + LOOK_S
        for path in self._vectors.paths:
            if path not in self._artists:
                if self._is_ended or time.monotonic() > end:
                    return
                self._artists[path] = self._find_artist(path)

    def _choose(self, answers: Answered) -> None:
        vectors = self._vectors
        rows = vectors.find(answers.paths)
        heard = [row for row in rows if row is not None]
        targets = answers.targets[[row is not None for row in rows]] if rows else answers.targets
        others = [row for row in vectors.find(answers.left_out) if row is not None]
        artists = [self._artists.get(path, "") for path in vectors.paths]
        chosen = choose_tracks(vectors.units, [*heard, *others], targets, N_QUEUED, self._seed, artists)
        self.queue = tuple(vectors.paths[row] for row in chosen)
        self._chosen_at = answers.n_votes

    def _judge(self, answers: Answered) -> None:
        rows = self._vectors.find(answers.paths)
        found = [number for number, row in enumerate(rows) if row is not None]
        # answers may be fewer than before as some were taken back, or as their tracks are not embedded again yet
        is_more = len(found) - self._judged_at >= POINT_EVERY
        is_less = self._judged_at - len(answers.paths) >= POINT_EVERY
        if not found or not (is_more or is_less):
            return
        units = self._vectors.units[[rows[number] for number in found]]
        artists = [answers.artists[number] for number in found]
        done = judge_answers(units, answers.targets[found], artists, self._seed)
        self._judged_at = len(found)
        if done.is_told:
            self._keep(CurvePoint(done.n_answers, done.n_artists, done.balanced_accuracy, *done.interval))

    def _read(self) -> bool:
        """Read the index where it has changed."""
        try:
            found = os.stat(self._embedder.index)
        except OSError:
            if self._embedder.is_given:
                raise
            return False
        if (found.st_size, found.st_mtime_ns) == self._read_at:
            return False
        self._vectors = read_vectors(self._embedder.index, self._paths)
        self._read_at, self.n_embedded = (found.st_size, found.st_mtime_ns), len(self._vectors.paths)
        return True

    def _run(self) -> None:
        while not self._is_ended:
            try:
                self.work()
                self._reading_trouble = ""
            except Exception as error:  # whatever it is: the labelling goes on at random, and says why
                self._reading_trouble = str(error if isinstance(error, EssentiaLdlError) else Reason(error))
            self._wake.wait(LOOK_S)
            self._wake.clear()

    def _start_embedding(self) -> None:
        place = tempfile.mkdtemp(prefix="essentia-ldl-embed-")
        job = Path(place) / "job.json"
        asked = {"index": str(self._embedder.index), "graphs": str(self._embedder.graphs)}
        write_json(job, {**asked, "model": self._embedder.model, "paths": self._paths, "seed": self._seed})
        command = [sys.executable, "-m", "essentia_ldl.annotate.embed", str(job)]
        quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, env=zone_environment(), **quiet)
        threading.Thread(target=self._hear, args=(self._process, place), daemon=True).start()

    def _hear(self, process: subprocess.Popen, place: str) -> None:
        for line in process.stdout:
            told = json.loads(line)
            self._embedding_trouble = told.get("error", "")
            self._wake.set()
        if process.wait() and not self._embedding_trouble and not self._is_ended:
            self._embedding_trouble = "the embedding of the music ended early; start annotate again to go on with it"
        shutil.rmtree(place, ignore_errors=True)
