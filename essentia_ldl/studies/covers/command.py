"""The command covers: what pictures add to music, measured on a collection, and an extractor that learned from them.

In: a collection with pictures (a column `cover`, tags or files beside the tracks), or none, and one is synthesised.
Out: a run folder with covers.json, and a graph. What was trained is not trained again; a killed run goes on.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import __version__, datasets
from essentia_ldl.choices import REGRESSION
from essentia_ldl.collection import splits
from essentia_ldl.collection.read import Collection, Source
from essentia_ldl.covers.pictures import Pictures, require_covers, store_pictures
from essentia_ldl.datasets.demo import DemoSize, build_demo
from essentia_ldl.errors import DataError, Reason, WeightsError, explain
from essentia_ldl.features.extract import extract
from essentia_ldl.files import Home, digest_file, read_object, write_json
from essentia_ldl.frontends import CQT
from essentia_ldl.models.promotion import promote
from essentia_ldl.recipe.new import list_classes
from essentia_ldl.records import Failure, Split, Track
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.covers import ANSWERS, CoveredTrack, CoversPlan, CoversSettings, write_covers_plan
from essentia_ldl.runs.names import FAILURES, PLAN
from essentia_ldl.spaces.artists import name_data
from essentia_ldl.studies.covers.table import FILE, gather_answers, score_systems
from essentia_ldl.train.prepare import Say
from essentia_ldl.zones import run_zone

TASK = "covers"
DEMO_CLASSES = ("classical", "electronic", "jazz", "rock")
DEMO_SIZE = DemoSize(n_tracks=30, n_artists=6, covers=True)
VALID_SHARE = 0.2
N_VERIFIED = 2  # tracks that the exported graph is heard on


@dataclasses.dataclass(frozen=True)
class CoversTerms:
    """What the command is asked for.

    Parameters
    ----------
    folds : int
        Folds of whole artists.
    settings : CoversSettings
        How everything is trained.
    image_weights : str
        The user's file of a network for pictures; empty for a small one from scratch.
    name : str
        Of the exported extractor; empty for that of the data.
    export : bool
        Whether an extractor is trained on all tracks and exported.
    again : bool
        Begin a new run, whatever there is.
    """

    folds: int = 5
    settings: CoversSettings = dataclasses.field(default_factory=CoversSettings)
    image_weights: str = ""
    name: str = ""
    export: bool = True
    again: bool = False


@dataclasses.dataclass(frozen=True)
class Covered:
    """What `measure` leaves.

    Parameters
    ----------
    folder : Path
        The run.
    found : Mapping[str, Any]
        What covers.json holds.
    failures : tuple[Failure, ...]
        Files and pictures left out.
    models : tuple[str, ...]
        Names of the graphs.
    """

    folder: Path
    found: Mapping[str, Any]
    failures: tuple[Failure, ...]
    models: tuple[str, ...]


def measure(source: Source, asked: CoversTerms, home: Home, n_jobs: int | None = None, say: Say = print) -> Covered:
    """Measure what pictures add, or go on with it, and export the extractor.

    Parameters
    ----------
    source : Source
        Folder or table with genres, one or several per track; without data, a collection is synthesised.
    asked : CoversTerms
        How.
    home : Home
        Whose runs, store and graphs are meant.
    n_jobs : int or None
        Worker processes of the extraction; None is one per core.
    say : callable
        Gets lines while the work goes on.

    Returns
    -------
    Covered

    Raises
    ------
    DataError
        When the extra `covers` is missing, no track has a picture, there is one genre only, or artists are too few.
    WeightsError
        When the image weights are missing or do not fit.
    EssentiaLdlError
        Whatever else goes wrong; what was trained stays.
    """
    require_covers()
    if asked.image_weights and not os.path.isfile(asked.image_weights):
        remedy = "Correct the path."
        raise WeightsError(explain("image weights", "a file", "nothing there", asked.image_weights, remedy))
    source, is_demo = _find_data(source, home, say)
    tracks = datasets.read_tracks(source.place, source.layout, source.options, say=say)
    kind = tracks[0].kind
    if kind == REGRESSION:
        remedy = "Give every track a genre, or tags."
        raise DataError(explain("collection", "genres", "numbers", source.place, remedy))
    collection = extract(tracks, home, (CQT,), n_jobs, say=say)
    collection.require_some()
    pictures = store_pictures(collection.tracks, _find_folder(source.place), home, n_jobs)
    covered = _require_pictures(collection, pictures, source.place, say)
    classes = _list_genres(covered, kind, source.place)
    folds = splits.fold_tracks(covered, asked.folds, VALID_SHARE, asked.settings.seed)
    failures = (*collection.failures, *pictures.failures)
    described = _describe(covered, pictures, asked)
    digest = runs.fingerprint(TASK, described)
    run, is_finished = runs.take_run(TASK, digest, home, asked.again, say)
    if is_finished:
        return Covered(run, read_object(run / FILE), failures, runs.read_models(run))
    with runs.locked(run):
        runs.write_failures(run / FAILURES, failures)
        stem = f"{'demo-' if is_demo else ''}{_name(asked.name or name_data(source.place, False))}"
        make = _Plans(run, kind, classes, covered, (collection, pictures), asked)
        folders = [make.write(f"fold-{number}", split) for number, split in enumerate(folds)]
        if asked.export:
            whole = splits.split_tracks(_without_split(covered), VALID_SHARE, seed=asked.settings.seed)
            folders.append(make.write("whole", whole, stem, is_demo))
        run_zone("essentia_ldl.nets.covers.run", *map(str, folders))
        answers = gather_answers(folders[: len(folds)], covered, len(classes))
        found = {
            "version": __version__,
            "demo": is_demo,
            "kind": kind,
            "classes": list(classes),
            "n_tracks": len(covered),
            "n_artists": len({track.artist for track in covered if track.artist}),
            "n_without_artist": sum(track.artist is None for track in covered),
            "n_without_picture": len(pictures.without),
            "pictures": dict(pictures.counts),
            "n_folds": len(folds),
            "systems": score_systems(covered, classes, kind, answers),
        }
        write_json(run / FILE, found)
        models: tuple[str, ...] = ()
        if asked.export:
            run_zone("essentia_ldl.sound.covers", str(folders[-1]))
            placed = promote(folders[-1] / "export", [stem], home.graphs, {"run": run.name})
            models = tuple(model.name for model in placed)
        runs.finish_run(run, models)
    return Covered(run, found, failures, models)


@dataclasses.dataclass(frozen=True)
class _Plans:
    """What all trainings of a run share."""

    run: Path
    kind: str
    classes: tuple[str, ...]
    tracks: Sequence[Track]
    kept: tuple[Collection, Pictures]
    asked: CoversTerms

    def write(self, name: str, split: Split, stem: str = "", is_demo: bool = False) -> Path:
        """Write the plan of one training, unless it is there; return its folder."""
        collection, pictures = self.kept
        sides = {track_id: role for role in ("train", "valid", "test") for track_id in getattr(split, role)}
        tracks = tuple(
            CoveredTrack(t.id, collection.contents[t.id], pictures.contents[t.id], sides[t.id], tuple(t.names))
            for t in self.tracks
        )
        folder = self.run / name
        heard = tuple(track.path for track in self.tracks[:N_VERIFIED]) if stem else ()
        plan = CoversPlan(
            folder,
            f"covers, {name}",
            self.kind,
            self.classes,
            tracks,
            self.asked.settings,
            collection.home.store,
            stem,
            os.path.abspath(self.asked.image_weights) if self.asked.image_weights else "",
            heard,
            is_demo,
        )
        if not (folder / PLAN).is_file() or not (folder / ANSWERS).is_file():
            write_covers_plan(plan)
        return folder


def _find_data(source: Source, home: Home, say: Say) -> tuple[Source, bool]:
    """Return a source that has data, and whether it is a demo, which is made when there is none."""
    if source.data is not None:
        path = Path(source.data)
        return source, any((folder / "demo.json").is_file() for folder in (path, path.parent))
    root = home.demos / TASK
    say(f"no DATA given: using the built-in demo collection in {root}")
    return dataclasses.replace(source, data=str(build_demo(root, DEMO_CLASSES, DEMO_SIZE))), True


def _find_folder(place: str) -> str:
    return place if os.path.isdir(place) else os.path.dirname(os.path.abspath(place))


def _require_pictures(collection: Collection, pictures: Pictures, place: str, say: Say) -> list[Track]:
    """Return the tracks that have a picture, and say how many have none."""
    covered = [track for track in collection.tracks if track.id in pictures.contents]
    n_without, n_failed = len(pictures.without), len(pictures.failures)
    told = f"{n_without} track{' has' if n_without == 1 else 's have'} none, "
    told += f"{n_failed} picture{'' if n_failed == 1 else 's'} cannot be used"
    if not covered:
        if pictures.failures:
            told += f", the first: {pictures.failures[0].reason}"
        remedy = "Name them in a column cover of the table, or put cover.jpg beside the tracks."
        raise DataError(explain("pictures", "some tracks that have one", Reason(told), place, remedy))
    places = ", ".join(f"{n} {source}" for source, n in pictures.counts.items())
    say(f"pictures of {len(covered)} tracks ({places}); {told}")
    return covered


def _list_genres(tracks: Sequence[Track], kind: str, place: str) -> tuple[str, ...]:
    """List the genres of tracks with pictures; raise `DataError` when there is one only."""
    notes: list[str] = []
    classes = tuple(list_classes(tracks, kind, place, notes))
    if len(classes) < 2:
        remedy = "Add music of others: what a picture tells shows only beside it."
        raise DataError(explain("genres", "two or more", list(classes), place, remedy))
    return classes


def _without_split(tracks: Sequence[Track]) -> list[Track]:
    """Return tracks that all may train, whatever a column says."""
    return [dataclasses.replace(track, split=None) for track in tracks]


def _describe(tracks: Sequence[Track], pictures: Pictures, asked: CoversTerms) -> dict[str, Any]:
    """Return everything that decides the numbers."""
    listing = [[t.id, sorted(t.names), t.artist, pictures.contents[t.id]] for t in tracks]
    return {
        "version": __version__,
        "tracks": hashlib.sha256(json.dumps(listing).encode()).hexdigest(),
        "settings": dataclasses.asdict(asked.settings),
        "folds": asked.folds,
        "weights": digest_file(asked.image_weights) if asked.image_weights else "",
        "export": [asked.export, asked.name],
    }


def _name(name: str) -> str:
    """Make the stem of an extractor of the name of data, or of what the user calls it, such as "my_library-covers"."""
    name = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_") or "music"
    return name if name == TASK else f"{name}-{TASK}"
