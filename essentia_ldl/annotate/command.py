"""The `annotate` command: music and classes flow in, a page is served, and a table of labels stays."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from essentia_ldl import bounds
from essentia_ldl.annotate.background import Embedder
from essentia_ldl.annotate.journal import VoteJournal
from essentia_ldl.annotate.music import read_pool
from essentia_ldl.annotate.review import open_audit
from essentia_ldl.annotate.review_session import ReviewSession
from essentia_ldl.annotate.server import Serving, find_token, open_socket, require_app, serve
from essentia_ldl.annotate.session import LabelSession
from essentia_ldl.annotate.votes import EVEN_VOTES, UNSURE, Agreement, check_classes, measure_agreement
from essentia_ldl.errors import DataError, StoreError, explain
from essentia_ldl.files import Home
from essentia_ldl.models.folder import BASE_MODEL
from essentia_ldl.predict.overwrite import refuse_overwriting
from essentia_ldl.report.doubts import AUDIT
from essentia_ldl.search.library import read_library

INDEX = ".index"


@dataclasses.dataclass(frozen=True)
class Labelling:
    """What is to be labelled, and how.

    Parameters
    ----------
    classes : tuple[str, ...]
        In the order of their keys.
    output : str
        The table, .csv.
    n_votes : int
        Votes that are wanted of each track.
    index : str or None
        An index of the music that is there; None makes one beside the table.
    has_model : bool
        Whether a model chooses what to ask.
    seed : int
        Of the random order.

    Raises
    ------
    DataError
        When the classes are none, fewer than one vote is wanted, or the seed is none.
    """

    classes: tuple[str, ...]
    output: str = "labels.csv"
    n_votes: int = 1
    index: str | None = None
    has_model: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        check_classes(self.classes)
        if self.n_votes < 1:
            raise DataError(explain("votes", "1 or more", self.n_votes, "labelling", "Take 1 for one per track."))
        if not bounds.is_seed(self.seed):
            raise DataError(explain("seed", bounds.SEED, self.seed, "labelling", "Take 0."))


@dataclasses.dataclass(frozen=True)
class Annotated:
    """What a labelling has come to.

    Parameters
    ----------
    table : Path
        What `train` reads.
    counts : dict[str, int]
        Tracks with each label.
    n_even, n_unsure : int
        Tracks whose votes are even, and of which everybody is unsure; the table has neither.
    agreement : Agreement or None
        Of several people, where they voted on the same tracks.
    silent : dict[str, str]
        Files that could not be played, and why.
    notes : tuple[str, ...]
        What the user should know.
    """

    table: Path
    counts: dict[str, int]
    n_even: int
    n_unsure: int
    agreement: Agreement | None
    silent: dict[str, str]
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Reviewed:
    """What a review has come to.

    Parameters
    ----------
    audit : Path
        The file, which `train --corrections` reads.
    n_changed, n_confirmed, n_dropped : int
        Labels that are others now, labels that are right, and tracks that are left out of training.
    silent : dict[str, str]
        Tracks that could not be played, and why.
    """

    audit: Path
    n_changed: int
    n_confirmed: int
    n_dropped: int
    silent: dict[str, str]


def review(run: str, serving: Serving, home: Home, say: Callable[[str], object]) -> Reviewed:
    """Serve the label audit of a run for listening, until Ctrl-C.

    Parameters
    ----------
    run : str
        Name or folder of a run that `report` has made a page of.
    serving : Serving
        The port.
    home : Home
        Whose runs are meant, and whose store keeps the token of the address.
    say : callable
        Gets what is reviewed, and the address.

    Raises
    ------
    UnknownNameError
        When there is no such run.
    DataError
        When it is of tags or numbers, its audit cannot be read, or the extra is not installed.
    StoreError
        When it has no report, or the port is taken.
    """
    require_app()
    audit = open_audit(run, home)
    session = ReviewSession(audit)
    done = sum(bool(item.correction) for item in audit.items)
    say(f"{len(audit.items)} tracks of {audit.folder.name}, {done} of them decided; answers go to its {AUDIT}")
    serve(session, find_token(home.store), serving, lambda address: say(f"open {address}"))
    counts = {f"n_{name}": n for name, n in session.count().items()}
    return Reviewed(audit.path, **counts, silent=dict(session.silent))


def annotate(
    music: Sequence[str], labelling: Labelling, serving: Serving, home: Home, say: Callable[[str], object]
) -> Annotated:
    """Serve a page on which people label music, until Ctrl-C.

    Parameters
    ----------
    music : sequence of str
        Files, folders, patterns and tables.
    labelling : Labelling
        Classes and table.
    serving : Serving
        The port.
    home : Home
        Whose graphs make the embeddings, and whose store keeps the token of the address.
    say : callable
        Gets sentences on the music, and the address.

    Raises
    ------
    AudioError
        When there is no music.
    DataError
        When the classes are others than those of the table that is there, or the extra is not installed.
    StoreError
        When the port is taken, another process labels this table, it cannot be written or is MUSIC, or the index that
        is given is damaged or of other music.
    """
    require_app()
    open_socket(serving.port).close()  # before the music is looked for, which may take a while
    token = find_token(home.store)
    refuse_overwriting(labelling.output, music, music, replaces=True)
    pool = read_pool(music, labelling.classes, say)
    if labelling.index is not None and labelling.has_model:
        check_index(labelling.index, pool.paths)
    journal = VoteJournal(labelling.output, labelling.classes)
    index = Path(labelling.index or f"{os.path.splitext(journal.table)[0]}{INDEX}")
    embedder = Embedder(index, home.graphs, BASE_MODEL, labelling.index is not None)
    session = LabelSession(journal, pool, embedder if labelling.has_model else None, labelling.n_votes, labelling.seed)
    try:
        say(f"{len(pool.paths)} tracks; answers go to {labelling.output}")
        serve(session, token, serving, lambda address: say(f"open {address}"))
    finally:
        session.close()
    if journal.trouble:
        raise StoreError(journal.trouble)
    counts = journal.votes.count()
    return Annotated(
        table=journal.table,
        counts={name: counts[name] for name in labelling.classes},
        n_even=counts[EVEN_VOTES],
        n_unsure=counts[UNSURE],
        agreement=measure_agreement(journal.votes),
        silent=dict(session.silent),
        notes=tuple(journal.notes),
    )


def check_index(index: str, paths: Sequence[str]) -> None:
    """Raise `StoreError` when an index cannot be read, or has none of these files."""
    rows = read_library(index).entries.rows
    if not any(path in rows for path in paths):
        remedy = "Leave --index out: one is made."
        raise StoreError(explain("index", "one of MUSIC", f"{len(rows)} other tracks", index, remedy))
