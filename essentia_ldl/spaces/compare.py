"""The command `space compare`: losses against one another and against what needs no training, on artists never seen.

In: a collection with artists. Out: rows as those of `evaluate-embeddings`. In every fold, projections are learned from
the artists of one side; those of the other ask one another, and are classified by what the first side knows. Beside the
losses stand the frozen embedding as it is, shifted and scaled (`STANDARD`), and the map that projections begin with
(`MAP`): what a loss adds is what it is above these.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from essentia_ldl import __version__, datasets
from essentia_ldl.arrays import read_arrays
from essentia_ldl.choices import SPACE_LOSSES
from essentia_ldl.collection import splits
from essentia_ldl.collection.alike import ARTIST, list_alike, number_alike
from essentia_ldl.collection.read import Collection, Source
from essentia_ldl.discover import unknown
from essentia_ldl.errors import DataError, explain
from essentia_ldl.features.joint import joint_folders, read_joint
from essentia_ldl.files import Home
from essentia_ldl.records import Split, Track
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.names import HISTORY
from essentia_ldl.runs.space import COMPARED, VECTORS, WITH_OUTPUTS, SpacePlan, make_settings, write_space_plan
from essentia_ldl.scores.bootstrap import group_tracks
from essentia_ldl.scores.neighbours import rank_neighbours
from essentia_ldl.spaces.artists import WantedSpace, find_music, keep_known, plan_space, prepare_features, train_spaces
from essentia_ldl.spaces.evaluate import MeasuredEmbeddings
from essentia_ldl.spaces.measure import (
    VALID_SHARE,
    MeanScore,
    MeasureTerms,
    Standing,
    average,
    choose_columns,
    cut_sides,
    vote_sides,
)
from essentia_ldl.taps import Network
from essentia_ldl.train.prepare import Say

PLAIN, STANDARD, MAP = "as it is", "shifted and scaled", "map without training"
VARIANCE_FLOOR = 1e-6


@dataclasses.dataclass(frozen=True)
class Contest:
    """What is compared.

    Parameters
    ----------
    losses : tuple[str, ...]
        Of `choices.SPACE_LOSSES`.
    n_folds : int
        Of artists.
    terms : MeasureTerms
        By what tracks are alike, and the seed of the folds.

    Raises
    ------
    DataError
        When there are fewer than two folds.
    UnknownNameError
        When there is no such loss.
    """

    losses: tuple[str, ...] = SPACE_LOSSES
    n_folds: int = 5
    terms: MeasureTerms = dataclasses.field(default_factory=MeasureTerms)

    def __post_init__(self) -> None:
        if self.n_folds < 2:
            raise DataError(explain("folds", "2 or more", self.n_folds, "space compare", "Correct it."))
        for loss in self.losses:
            if loss not in SPACE_LOSSES:
                raise unknown("loss", loss, SPACE_LOSSES)


def compare_spaces(
    wanted: WantedSpace, contest: Contest, source: Source, home: Home, n_jobs: int | None = None, say: Say = print
) -> MeasuredEmbeddings:
    """Compare what losses learn.

    Parameters
    ----------
    wanted : WantedSpace
        On which networks, and the settings; each loss has its own margin and negatives, unless these are told.
    contest : Contest
        What is compared.
    source : Source
        The collection; without data, the demo.
    home : Home
        Where features and the run go.
    n_jobs : int or None
        Worker processes; None is one per core.
    say : callable
        Gets lines for the user.

    Raises
    ------
    DataError
        When artists are not known, or too few for the folds.
    TrainingError
        When something was asked for that none of the losses has, or no network can be.
    EssentiaLdlError
        Whatever else went wrong.
    """
    from threadpoolctl import threadpool_limits

    if contest.losses and set(contest.losses) <= set(WITH_OUTPUTS):
        make_settings(contest.losses[0], **wanted.told)  # which refuses what none of them has
    source, _ = find_music(source, home, say)
    tracks, _ = keep_known(datasets.read_tracks(source.place, source.layout, source.options, say=say), wanted)
    columns = choose_columns(tracks, contest.terms.by)
    for column in columns:
        list_alike(tracks, column)
    collection, networks = prepare_features(wanted, tracks, home, n_jobs, say)
    used = list(collection.tracks)
    free = [dataclasses.replace(track, split=None) for track in used]
    folds = splits.fold_tracks(free, contest.n_folds, VALID_SHARE, contest.terms.seed)
    vectors = gather_vectors(wanted, contest, (collection, networks), folds, say)
    terms = dataclasses.replace(contest.terms, by=columns)
    with threadpool_limits(1):  # products are small, and threads wait for one another
        rows = [row for one in vectors.items() for row in score_folds(one, used, folds, terms, vectors.get(PLAIN))]
    n_artists = len({track.artist for track in used} - {None})
    failures = collection.failures
    return MeasuredEmbeddings(source.place, len(used), n_artists, terms.k, tuple(rows), (), failures)


def gather_vectors(
    wanted: WantedSpace,
    contest: Contest,
    prepared: tuple[Collection, tuple[Network, ...]],
    folds: Sequence[Split],
    say: Say,
) -> dict[str, list[np.ndarray]]:
    """Return the vectors (n_tracks, d) of every track in every fold, by name: those without training first."""
    collection, networks = prepared
    contents = [collection.contents[track.id] for track in collection.tracks]
    found: dict[str, list[np.ndarray]] = {}
    if networks:
        folders = joint_folders(networks, wanted.layers, collection.home, networks[0].front_end.resample_quality)
        plain = np.stack([read_joint(folders, one, wanted.layers).mean(axis=0, dtype=np.float64) for one in contents])
        found[PLAIN] = [plain] * len(folds)
        found[STANDARD] = [standardise(plain, _find_rows(collection.tracks, fold)[0]) for fold in folds]
    ways = {loss: settle(wanted, loss) for loss in contest.losses}
    if networks and ways:
        first = next(iter(ways.values()))
        settings = dataclasses.replace(first.settings, epochs=0)
        ways = {MAP: dataclasses.replace(first, settings=settings), **ways}
    plans = {
        (name, number): _plan_fold(way, prepared, fold)
        for name, way in ways.items()
        for number, fold in enumerate(folds)
    }
    identity = [[key, dataclasses.asdict(plan.settings), plan.layers, plan.network] for key, plan in plans.items()]
    listing = [[track.id, track.content, track.role, track.label] for plan in plans.values() for track in plan.tracks]
    below = [getattr(network.published, "sha256", network.name) for network in networks]
    digest = runs.fingerprint(__version__, identity, listing, below)
    run = runs.resume_run(collection.home.runs, "space-compare", digest)
    with runs.locked(run):
        cells = {key: run / f"{key[0].replace(' ', '-')}-{key[1]}" for key in plans}
        for key, plan in plans.items():
            if not (cells[key] / VECTORS).is_file():
                write_space_plan(dataclasses.replace(plan, folder=cells[key]))
        missing = [cell for cell in cells.values() if not (cell / VECTORS).is_file() or not (cell / HISTORY).is_file()]
        if missing:
            say(f"{len(missing)} trainings in {run}")
            train_spaces(missing)
        for name in ways:
            found[name] = [read_vectors(cells[name, number], collection.tracks) for number in range(len(folds))]
        runs.finish_run(run)
    return found


def settle(wanted: WantedSpace, loss: str) -> WantedSpace:
    """Give a loss what was asked for by name as far as it has it, and else its own."""
    told = {name: value for name, value in wanted.told.items() if name not in COMPARED or loss not in WITH_OUTPUTS}
    return dataclasses.replace(wanted, settings=make_settings(loss, whole=bool(wanted.network), **told))


def _plan_fold(wanted: WantedSpace, prepared: tuple[Collection, tuple[Network, ...]], fold: Split) -> SpacePlan:
    """Plan the training on a fold: all that does not test, and no export."""
    plan = plan_space(dataclasses.replace(wanted, valid_share=0.0), *prepared, "compare")
    tests = set(fold.test)
    tracks = tuple(dataclasses.replace(track, role="test" if track.id in tests else "train") for track in plan.tracks)
    return dataclasses.replace(plan, tracks=tracks, stem="", name=f"compare {wanted.settings.loss}")


def read_vectors(folder: Path, tracks: Sequence[Track]) -> np.ndarray:
    """Read what a trained network made of tracks, in their order; raises `StoreError` when it is missing or damaged."""
    arrays = read_arrays(folder / VECTORS, "vectors")
    rows = {str(name): row for row, name in enumerate(arrays["ids"])}
    return arrays["vectors"][[rows[track.id] for track in tracks]]


def standardise(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Shift and scale vectors (n_tracks, d) by mean and deviation of some rows."""
    known = vectors[rows]
    return (vectors - known.mean(axis=0)) / np.sqrt(known.var(axis=0) + VARIANCE_FLOOR)


def _find_rows(tracks: Sequence[Track], fold: Split) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that do not test, and those that do."""
    tests = set(fold.test)
    sides = np.array([track.id in tests for track in tracks])
    return np.flatnonzero(~sides), np.flatnonzero(sides)


def score_folds(
    named: tuple[str, Sequence[np.ndarray]],
    tracks: Sequence[Track],
    folds: Sequence[Split],
    terms: MeasureTerms,
    plain: Sequence[np.ndarray] | None = None,
) -> list[Standing]:
    """MeanScore vectors, those of a fold on its test tracks alone.

    Parameters
    ----------
    named : tuple[str, sequence of np.ndarray [shape=(n_tracks, d)]]
        Name of the row, and vectors of each fold.
    tracks : sequence of Track
        All tracks.
    folds : sequence of Split
        Each track tests in one of them.
    terms : MeasureTerms
        By what tracks are alike, and how that is measured.
    plain : sequence of np.ndarray or None
        Vectors that the gain is told against.

    Returns
    -------
    list[Standing]
        As `measure.measure_vectors`; the classifiers have the folds of artists with the filter and without.
    """
    name, vectors = named
    places = {track.id: row for row, track in enumerate(tracks)}
    parts = [
        {role: np.array([places[one] for one in getattr(fold, role)], np.int64) for role in ("train", "valid", "test")}
        for fold in folds
    ]
    artists, drawn, rows = number_alike(tracks, ARTIST), group_tracks(tracks), []
    for by in terms.by:
        groups = number_alike(tracks, by)
        classified: dict[str, MeanScore] = {}
        if by != ARTIST:
            voted, cut = np.full((2, len(tracks)), np.nan)
            for part, own in zip(parts, vectors, strict=True):
                test = part["test"]
                voted[test] = vote_sides(own, groups, [part], terms.n_nearest)[test]
                cut[test] = cut_sides(own, groups, [part])[test]
            classified = {"knn": average(voted, drawn), "softmax": average(cut, drawn)}
        for filtered in (False,) if by == ARTIST else (False, True):
            apart = artists if filtered else None
            values = _rank_folds(vectors, groups, parts, terms.k, apart)
            retrieved = {"map": average(values[0], drawn), "precision": average(values[1], drawn)}
            if plain is not None and plain is not vectors:
                before = _rank_folds(plain, groups, parts, terms.k, apart)
                retrieved["gain"] = average(values[0] - before[0], drawn)
            rows.append(Standing(name, by, filtered, {**retrieved, **classified}))
    return rows


def _rank_folds(
    vectors: Sequence[np.ndarray],
    groups: np.ndarray,
    parts: Sequence[dict[str, np.ndarray]],
    k: int,
    artists: np.ndarray | None,
) -> np.ndarray:
    """Return average precision and precision of every track among those of its test side, (2, n_tracks)."""
    values = np.full((2, len(groups)), np.nan)
    for part, own in zip(parts, vectors, strict=True):
        test = part["test"]
        ranked = rank_neighbours(own[test], groups[test], k, None if artists is None else artists[test])
        values[:, test] = ranked.average_precision, ranked.precision
    return values
