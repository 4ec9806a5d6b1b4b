"""The command `space words`: music with words and vectors of these in, a space of both out.

In: a collection with tags, labels or a column of words, and a file of word vectors. Out: the audio side as a verified
extractor in graphs/, with the word side beside it, so that `index` and `search` work with it; and what is measured of
words that were seen in training and of words that were not, in the run's ``words.json``. The steps are those of
`artists`.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import __version__, datasets, labels
from essentia_ldl.arrays import read_arrays
from essentia_ldl.choices import BASIC, WORDS
from essentia_ldl.collection.alike import LABEL, list_alike
from essentia_ldl.collection.read import Source
from essentia_ldl.errors import DataError, UnknownNameError, explain
from essentia_ldl.files import Home, digest_file, read_object, write_json
from essentia_ldl.models.promotion import promote
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.records import Failure, Track
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.names import FAILURES, HISTORY
from essentia_ldl.runs.space import VECTORS, SpacePlan, write_space_plan
from essentia_ldl.runs.words import MEASURES, SIDE, write_planned_words
from essentia_ldl.spaces.artists import WantedSpace, name_data, plan_space, prepare_features, train_spaces
from essentia_ldl.spaces.word_measures import list_nearest, list_rows, measure_words
from essentia_ldl.spaces.word_splits import WordSplit, split_words
from essentia_ldl.train.prepare import Say, find_data
from essentia_ldl.words.side import SUFFIX, WordSide, read_side
from essentia_ldl.words.vectors import WordVectors, read_vectors
from essentia_ldl.zones import run_zone

DEMO, COLUMN = "tags-demo", "words"
CITATION = (
    "@inproceedings{choi2019zero, title={Zero-shot learning for audio-based music classification and tagging}, "
    "author={Choi, Jeong and Lee, Jongpil and Park, Jiyoung and Nam, Juhan}, booktitle={20th International Society for "
    "Music Information Retrieval Conference (ISMIR)}, year={2019}}"
)


@dataclasses.dataclass(frozen=True)
class LearnedWords:
    """What `learn_words` leaves.

    Parameters
    ----------
    run : Path
        Its folder.
    model : str
        The extractor in graphs/.
    measures : Mapping[str, Any]
        What words.json holds: the split, and measures of seen and unseen words.
    history : Mapping[str, Any]
        What the training wrote, see `nets.metric.train`.
    without_vector : tuple[str, ...]
        Words that were left out.
    failures : tuple[Failure, ...]
        Files left out, and why.
    repeated : bool
        Whether it was learned before.
    """

    run: Path
    model: str
    measures: Mapping[str, Any]
    history: Mapping[str, Any]
    without_vector: tuple[str, ...]
    failures: tuple[Failure, ...]
    repeated: bool = False


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The words of a collection that have a vector.

    Parameters
    ----------
    told : Mapping[str, tuple[str, ...]]
        Words by id of a track; () of one that has none.
    words : tuple[str, ...]
        All of them, sorted.
    units : np.ndarray [shape=(n_words, d), float32]
        Their unit vectors.
    without_vector : tuple[str, ...]
        Words that were left out.
    """

    told: Mapping[str, tuple[str, ...]]
    words: tuple[str, ...]
    units: np.ndarray
    without_vector: tuple[str, ...]


def learn_words(
    asked: WantedSpace, vectors: str, source: Source, home: Home, n_jobs: int | None = None, say: Say = print
) -> LearnedWords:
    """Learn a space of words and audio, from music to a verified extractor in graphs/ and its word side.

    Parameters
    ----------
    asked : WantedSpace
        What is to be learned, with a loss of `choices.WORD_LOSSES`; `by` is the column of words, or "label".
    vectors : str
        The file of word vectors.
    source : Source
        Where the collection is; without data, the demo of tags.
    home : Home
        Where run, features and model go.
    n_jobs : int or None
        Worker processes; None is one per core.
    say : callable
        Gets lines for the user.

    Raises
    ------
    DataError
        When there are no words, too few of them have a vector, or the file of vectors is none, cut or damaged.
    EssentiaLdlError
        Whatever else went wrong; nothing half-written is left in graphs/.
    """
    source, is_demo = find_data(read_recipe(DEMO, home.recipes), source, home, say)
    tracks = datasets.read_tracks(source.place, source.layout, source.options, say=say)
    vocabulary = find_vocabulary(tracks, asked.by, vectors, home.store / "words")
    split = split_words(tracks, vocabulary.told, asked.settings.seed)
    asked, taken = dataclasses.replace(asked, by=COLUMN), join_words(tracks, vocabulary, split)
    collection, networks = prepare_features(asked, taken, home, n_jobs, say)
    collection = dataclasses.replace(collection, is_demo=is_demo)
    name = asked.name or name_data(source.place, is_demo)
    bare = dataclasses.replace(asked, settings=dataclasses.replace(asked.settings, loss=BASIC))  # a plan without words
    plan = plan_space(bare, collection, networks, name)
    words = {track.id: list(vocabulary.told[track.id]) for track in plan.tracks}
    plan = dataclasses.replace(plan, settings=asked.settings, tags=words)
    plan = plan_words(plan, vocabulary, split, vectors)
    identity = [dataclasses.asdict(plan.settings), plan.layers, plan.network, plan.stem, dict(plan.tags)]
    known = [list(split.seen), list(split.unseen), vocabulary.units.tobytes().hex()]
    below = [dataclasses.asdict(one) for one in plan.published]
    listing = [dataclasses.astuple(track) for track in plan.tracks]
    digest = runs.fingerprint(__version__, *identity, *known, plan.backbones, below, listing)
    run, finished = runs.take_run(f"space-{name}", digest, home, False, say)
    if not finished:
        with runs.locked(run):
            plan = dataclasses.replace(plan, folder=run)
            runs.write_failures(run / FAILURES, collection.failures)
            write_planned_words(run, vocabulary.words, vocabulary.units, split.seen)
            write_space_plan(plan)
            train_spaces([run])
            run_zone("essentia_ldl.sound.spaces", str(run))
            write_json(run / MEASURES, measure_run(plan, vocabulary, split, read_side(run / SIDE)))
            shutil.copyfile(run / SIDE, run / "export" / f"{plan.stem}{SUFFIX}")
            additions = {"run": run.name, "words": {**plan.card["words"], "sha256": digest_file(run / SIDE)}}
            [model] = promote(run / "export", [plan.stem], home.graphs, additions)
            runs.finish_run(run, [model.name])
    [model] = runs.read_models(run)
    measures, history = read_object(run / MEASURES), read_object(run / HISTORY)
    return LearnedWords(
        run, model, measures, history, vocabulary.without_vector, collection.failures, repeated=finished
    )


def find_vocabulary(tracks: Sequence[Track], by: str, path: str, kept: Path) -> Vocabulary:
    """Find the words of tracks, and their vectors.

    Parameters
    ----------
    tracks : sequence of Track
        The collection.
    by : str
        "label" for their tags or labels, or a column whose words are parted by ; or |.
    path : str
        The file of word vectors.
    kept : Path
        The folder for what was read of a large one.

    Raises
    ------
    DataError
        When no word has a vector, or the file is none, cut or damaged.
    UnknownNameError, StoreError
        When there is no such column or file.
    """
    if by == LABEL:
        told = {track.id: track.names for track in tracks}
    else:
        told = {track.id: labels.split_words(text) for track, text in zip(tracks, list_alike(tracks, by), strict=True)}
    words = sorted({word for named in told.values() for word in named})
    if not words:
        remedy = "Give tags or labels, or name a column of words with --by."
        raise DataError(explain("words", "tags or labels of tracks", "none", "space", remedy))
    units = find_units(read_vectors(path, words, kept), words)
    if not units:
        raise DataError(explain("words", "some that have a vector", ", ".join(words), path, "Take another file."))
    left = {id_: tuple(word for word in named if word in units) for id_, named in told.items()}
    without = tuple(word for word in words if word not in units)
    return Vocabulary(left, tuple(units), np.stack([*units.values()]), without)


def join_words(tracks: Sequence[Track], vocabulary: Vocabulary, split: WordSplit) -> list[Track]:
    """Return the tracks that have a role, with their words as label and in the column `COLUMN`."""
    found = []
    for track in tracks:
        if track.id in split.roles:
            told = "; ".join(vocabulary.told[track.id])
            columns = {**track.columns, COLUMN: told}
            found.append(dataclasses.replace(track, label=told, tags=None, columns=columns))
    return found


def find_units(vectors: WordVectors, words: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the unit vectors of the words that have one."""
    found = {}
    for word in words:
        try:
            found[word] = vectors.find(word).unit
        except (UnknownNameError, DataError):
            continue
    return found


def plan_words(plan: SpacePlan, vocabulary: Vocabulary, split: WordSplit, vectors: str) -> SpacePlan:
    """Give the plan of a space its words: which tracks have which, and who trains, validates and tests."""
    told = {"file": Path(vectors).name, "dimensions": int(vocabulary.units.shape[1]), "words": len(vocabulary.words)}
    way = "one space of words and audio" if plan.settings.loss == WORDS else "word vectors, then joined with them"
    return dataclasses.replace(
        plan,
        tracks=tuple(dataclasses.replace(track, role=split.roles[track.id]) for track in plan.tracks),
        description=f"embeddings of music learned from words: {way}",
        card={**plan.card, "citation": CITATION, "words": {"suffix": SUFFIX, "vectors": told}},
    )


def measure_run(plan: SpacePlan, vocabulary: Vocabulary, split: WordSplit, side: WordSide) -> dict[str, Any]:
    """Measure a trained space on the tracks that test; returns what words.json holds."""
    arrays = read_arrays(plan.folder / VECTORS, "vectors of tracks")
    rows = dict(zip(arrays["ids"].tolist(), arrays["vectors"], strict=True))
    tested = [track.id for track in plan.tracks if track.role == "test"]
    if not tested:
        raise DataError("No track is left to test the space on. Give more music, of more artists.")
    tracks = np.stack([rows[id_] for id_ in tested])
    lengths = np.linalg.norm(tracks, axis=1, keepdims=True)
    cosines = tracks / np.where(lengths > 0, lengths, 1) @ side.units.T
    truth = np.array([[int(word in plan.tags[id_]) for word in side.words] for id_ in tested])
    is_seen = np.isin(side.words, split.seen)
    return {
        "seen": list(split.seen),
        "unseen": list(split.unseen),
        "parts": split.count_parts(),
        "measures": {
            "seen": measure_words(truth[:, is_seen], cosines[:, is_seen]),
            "unseen": measure_words(truth[:, ~is_seen], cosines[:, ~is_seen]),
            "all": measure_words(truth, cosines),
        },
        "rows": list_rows(side.words, truth, cosines, split.seen),
        "nearest_before": list_nearest(side.words, vocabulary.units),
        "nearest_after": list_nearest(side.words, side.units),
    }
