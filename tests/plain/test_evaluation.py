"""Cross-validation: the same folds for every source, nothing leaks, and scores.json holds every number shown."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl import baselines, evaluation, frontends, splits, steps
from essentia_ldl.collection import Collection
from essentia_ldl.errors import DataError
from essentia_ldl.recipe import Recipe
from essentia_ldl.records import Track
from essentia_ldl.store import digest_file, graphs_folder, open_store, read_json

RECIPE = Recipe("mood-sad", ("non_sad", "sad"), label_settings={"sa": {"n_neighbors": 3}})
GENRES = ("rock", "pop", "jazz")


def make_tracks(n_tracks: int = 48, artists: bool = True) -> list[Track]:
    """Two tracks an artist; the genre changes with the artist."""
    return [
        Track(
            f"t{n:02}",
            f"/{n}",
            "sad" if n % 4 < 2 else "non_sad",
            artist=f"artist{n // 2}" if artists else None,
            columns={"genre": GENRES[n // 4 % 3], "title": "" if n == 5 else str(n)},
        )
        for n in range(n_tracks)
    ]


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Replace extraction and training by what they leave; gives the tracks, the calls and what to leave out."""
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))
    state = {"tracks": make_tracks(), "trained": [], "extracted": [], "embeddings": True, "mfcc": True}
    random = np.random.default_rng(0)

    def prepare(recipe, data, sources, n_jobs, say, *, bands=True, draw=None):
        for split in draw(state["tracks"]):
            assert set(split.train) <= {track.id for track in state["tracks"]}
        contents = {track.id: hashlib.sha256(track.id.encode()).hexdigest() for track in state["tracks"]}
        collection = Collection(tuple(state["tracks"]), contents, dict.fromkeys(contents, 20.0), ())
        if set(sources) - {"none"}:
            extract(collection.tracks, open_store(), [frontends.MFCC])
        return collection, False

    def extract(tracks, store, front_ends, n_jobs=None):
        state["extracted"].append([front_end.name for front_end in front_ends])
        for track in tracks if state["mfcc"] else ():
            content = hashlib.sha256(track.id.encode()).hexdigest()
            frames = random.normal(random.normal(size=13), 1.0, (1292, 13)).astype(np.float32)
            store.write(content, frontends.MFCC, frames)

    def build_base_graphs(wheel=None):
        graphs_folder().mkdir(parents=True, exist_ok=True)
        (graphs_folder() / "msd-musicnn-1.weights.h5").write_bytes(b"weights")

    def run_zone(module, *cells):
        assert module == "essentia_ldl.nets"
        weights = digest_file(graphs_folder() / "msd-musicnn-1.weights.h5")[:8]
        folder = open_store().root / f"{frontends.MUSICNN.key}-musicnn-msd-{weights}"
        for cell in map(Path, cells):
            state["trained"].append(cell.name)
            tracks = read_json(cell / "plan.json")["tracks"]
            for track in tracks if state["embeddings"] else ():
                path = folder / track["content"][:2] / f"{track['content']}.npy"
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, np.full((3, 4), track["label"] == "sad") + random.normal(size=(3, 4)).astype(np.float32))
            random_rows = random.dirichlet([1, 1], len(tracks))
            keys = ("id", "role", "label")
            arrays = {f"{key}s": np.array([track[key] for track in tracks]) for key in keys}
            np.savez(cell / "predictions.npz", **arrays, probabilities=random_rows.astype(np.float32))

    monkeypatch.setitem(baselines.GRIDS, "mfcc-svm", {"C": (1.0,), "gamma": (0.01, 0.1)})
    monkeypatch.setattr(steps, "prepare", prepare)
    monkeypatch.setattr(evaluation, "extract", extract)
    monkeypatch.setattr(evaluation.embeddings, "run_zone", lambda *_: None)
    monkeypatch.setattr(steps, "build_base_graphs", build_base_graphs)
    monkeypatch.setattr(evaluation, "run_zone", run_zone)
    return state


def validate(sources=("none",), n_folds=3, n_repeats=1, recipe=RECIPE, **options):
    """Return the run folder, its scores and the lines shown."""
    lines = list(evaluation.cross_validate(recipe, None, sources, n_folds, n_repeats, 1, [].append, **options))
    return Path(lines[-1]).parent, read_json(lines[-1]), lines[:-1]


def read_sides(cell: Path) -> dict[str, set[str]]:
    with np.load(cell / "predictions.npz") as arrays:
        return {side: set(arrays["ids"][arrays["roles"] == side].tolist()) for side in ("train", "valid", "test")}


# --- drawn folds ----------------------------------------------------------------------------------------------------


def test_every_source_and_baseline_has_the_same_folds_and_no_test_artist_trains(work):
    run, scores, _ = validate(("none", "sa"), n_repeats=2)
    assert list(scores["sources"]) == ["none", "sa"]
    assert list(scores["baselines"]) == ["logreg", "mfcc-svm"]
    artist_of = {track.id: track.artist for track in work["tracks"]}
    for seed in (0, 1):
        tested = []
        for number in range(3):
            sides = [read_sides(run / f"{name}-{seed}-{number}") for name in ("none", "sa", "logreg", "mfcc-svm")]
            assert all(side == sides[0] for side in sides)
            seen = {artist_of[i] for i in sides[0]["train"] | sides[0]["valid"]}
            assert not seen & {artist_of[i] for i in sides[0]["test"]}
            tested += sides[0]["test"]
        assert sorted(tested) == sorted(artist_of), "every track is tested once a repetition"
    assert read_sides(run / "none-0-0")["test"] != read_sides(run / "none-1-0")["test"]


def test_the_scores_hold_all_that_is_shown(work):
    run, scores, lines = validate(("none", "sa"), n_repeats=2)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert lines == evaluation.describe_scores(scores)
    assert (scores["seeds"], scores["n_folds"], scores["n_repeats"], scores["leave_out"]) == ([0, 1], 3, 2, None)
    assert scores["class_counts"] == {"non_sad": 24, "sad": 24}
    assert len(scores["folds"]) == 6
    for fold in scores["folds"]:
        sides = read_sides(run / f"none-{fold['seed']}-{fold['fold']}")
        assert {side: fold[f"n_{side}"] for side in sides} == {side: len(ids) for side, ids in sides.items()}
        assert {side: sum(fold["class_counts"][side].values()) for side in sides} == {
            side: len(ids) for side, ids in sides.items()
        }
        assert fold["artists"] == {side: len(ids) // 2 for side, ids in sides.items()}
        assert (fold["n_dropped"], fold["held_out"]) == (0, None)
    assert scores["grouped_by_artist"]
    assert scores["warnings"] == []
    values = [fold["balanced_accuracy"] for fold in scores["sources"]["none"]["folds"]]
    assert scores["sources"]["none"]["balanced_accuracy_mean"] == pytest.approx(np.mean(values))
    assert scores["sources"]["none"]["balanced_accuracy_std"] == pytest.approx(np.std(values, ddof=1))


def test_sources_and_baselines_are_tested_against_none_wherever_it_stands(work):
    from scipy.stats import ttest_ind, ttest_rel

    scores = validate(("sa", "none"), n_repeats=2)[1]
    assert [(row["name"], row["against"]) for row in scores["comparisons"]] == [
        *(("sa", "none"), ("logreg", "none"), ("mfcc-svm", "none"))
    ]
    one, two = ([f["balanced_accuracy"] for f in scores["sources"][name]["folds"]] for name in ("none", "sa"))
    row = scores["comparisons"][0]
    assert row["independent"]["p"] == pytest.approx(ttest_ind(two, one).pvalue)
    assert row["paired"]["p"] == pytest.approx(ttest_rel(two, one).pvalue)
    assert (row["independent"]["df"], row["paired"]["df"]) == (10, 5)
    assert row["corrected"]["p"] > row["paired"]["p"]
    others = validate(("sa",), n_folds=4)[1]
    assert {row["against"] for row in others["comparisons"]} == {"sa"}


def test_artists_that_are_not_known_are_a_warning_in_the_scores_and_in_the_table(work):
    work["tracks"] = make_tracks(artists=False)
    _, scores, lines = validate()
    assert scores["grouped_by_artist"] is False
    assert scores["warnings"][0].startswith("NOT grouped by artist: not known for 48 of 48 tracks")
    assert lines[1] == scores["warnings"][0]
    assert "grouped" not in lines[0]


def test_what_is_there_is_not_done_again(work):
    run, scores, _ = validate(("none", "none"))
    assert work["trained"] == ["none-0-0", "none-0-1", "none-0-2"]
    (run / "none-0-1" / "predictions.npz").unlink()
    again, repeated, _ = validate(n_repeats=2)
    assert again == run
    assert work["trained"][3:] == ["none-0-1", "none-1-0", "none-1-1", "none-1-2"]
    assert repeated["sources"]["none"]["folds"][0] == scores["sources"]["none"]["folds"][0]
    assert repeated["baselines"]["logreg"]["folds"][:3] == scores["baselines"]["logreg"]["folds"]


# --- baselines ------------------------------------------------------------------------------------------------------


def test_a_baseline_without_features_is_left_out_and_the_table_says_so(work):
    work["embeddings"] = work["mfcc"] = False
    _, scores, lines = validate()
    assert scores["baselines"] == {}
    assert scores["comparisons"] == []
    reason = scores["baselines_left_out"]["logreg"]
    assert "48 of 48 missing" in reason
    assert f"logreg    left out: {reason}" in lines
    assert "48 of 48 missing" in scores["baselines_left_out"]["mfcc-svm"]


def test_mfcc_are_extracted_for_their_baseline_only_when_they_are_missing(work):
    validate()
    assert work["extracted"] == [["mfcc"]], "no source reads them, the baseline does"
    validate(n_folds=4)
    assert work["extracted"] == [["mfcc"]]


# --- one value left out ---------------------------------------------------------------------------------------------


def test_a_value_left_out_is_the_test_side_and_its_artists_do_not_train(work):
    work["tracks"][0] = Track("t00", "/0", "sad", artist="artist2", columns={"genre": "rock"})  # artist2 plays pop
    run, scores, lines = validate(("none", "sa"), n_repeats=2, leave_out="genre")
    assert [fold["held_out"] for fold in scores["folds"]] == ["jazz", "pop", "rock"] * 2
    assert (scores["leave_out"], scores["n_folds"]) == ("genre", 3)
    by_id = {track.id: track for track in work["tracks"]}
    for fold in scores["folds"]:
        for name in ("none", "sa", "logreg", "mfcc-svm"):
            sides = read_sides(run / f"{name}-{fold['seed']}-{fold['fold']}")
            assert sides["test"] == {i for i, track in by_id.items() if track.columns["genre"] == fold["held_out"]}
            seen = sides["train"] | sides["valid"]
            assert not {by_id[i].artist for i in seen} & {by_id[i].artist for i in sides["test"]}
            assert len(by_id) - len(seen) - len(sides["test"]) == fold["n_dropped"]
    assert [fold["n_dropped"] for fold in scores["folds"][:3]] == [0, 1, 2]
    assert scores["comparisons"][0]["independent"]["df"] == 4, "repetitions test the same tracks: 3 values a source"
    assert lines[0] == "mood-sad: 3 folds, each a genre left out, 2 times, grouped by artist"
    start = next(number for number, line in enumerate(lines) if line.startswith("left out"))
    assert lines[start].split() == ["left", "out", "jazz", "pop", "rock"]
    shown = [float(value) for value in lines[start + 1].split()[1:]]
    folds = np.reshape([f["balanced_accuracy"] for f in scores["sources"]["none"]["folds"]], (2, 3))
    np.testing.assert_allclose(shown, folds.mean(axis=0), atol=6e-4)


def test_other_values_or_another_column_are_another_run(work):
    first = validate(leave_out="genre")[0]
    assert validate(leave_out="genre")[0] == first
    assert validate()[0] != first
    work["tracks"][0] = Track("t00", "/0", "sad", artist="artist0", columns={"genre": "jazz"})
    assert validate(leave_out="genre")[0] != first


def test_a_class_that_one_value_alone_has_cannot_be_learned_without_it():
    tracks = [
        Track(f"t{n}", f"/{n}", "sad" if n < 4 else "non_sad", f"a{n // 2}", columns={"g": "x"}) for n in range(8)
    ]
    tracks += [Track(f"u{n}", f"/u{n}", "non_sad", f"b{n}" if n else "a0", columns={"g": "y"}) for n in range(6)]
    with pytest.raises(
        DataError, match=r"every class in every training side; got '5 non_sad, 0 sad; 8 tracks test, 1 more .*\(g x\)"
    ):
        evaluation.leave_out_values(tracks, "g", 0.2, 0)


@pytest.mark.parametrize(
    ("column", "match"),
    [
        ("style", r"column: expected one of genre, title; got 'style'"),
        ("title", r"a value for every track; got '1 of 48 tracks without one' \(t05\)"),
    ],
)
def test_a_column_that_cannot_be_left_out_is_told_before_the_long_work(work, column, match):
    with pytest.raises(DataError, match=match):
        validate(leave_out=column)
    assert work["trained"] == []


def test_one_value_cannot_be_left_out_and_a_column_is_needed():
    tracks = [Track(f"t{n}", f"/{n}", "sad" if n % 2 else "non_sad", columns={"genre": "pop"}) for n in range(8)]
    with pytest.raises(DataError, match=r"two or more values; got \['pop'\]"):
        evaluation.leave_out_values(tracks, "genre", 0.2, 0)
    bare = [Track(f"t{n}", f"/{n}", "sad" if n % 2 else "non_sad") for n in range(8)]
    with pytest.raises(DataError, match="the columns that the collection has beside path"):
        evaluation.leave_out_values(bare, "genre", 0.2, 0)


def test_a_split_column_and_the_order_of_the_tracks_do_not_matter():
    tracks = make_tracks()
    fixed = [Track(t.id, t.path, t.label, t.artist, "train", t.columns) for t in reversed(tracks)]
    assert evaluation.leave_out_values(tracks, "genre", 0.2, 3) == evaluation.leave_out_values(fixed, "genre", 0.2, 3)


def test_repetitions_draw_by_the_seeds_that_follow():
    tracks = make_tracks()
    folds = evaluation.draw_folds(tracks, RECIPE.override(split__seed=5), 3, 2, None)
    assert [(fold.repeat, fold.seed, fold.number) for fold in folds] == [
        *((0, 5, 0), (0, 5, 1), (0, 5, 2), (1, 6, 0), (1, 6, 1), (1, 6, 2))
    ]
    assert [fold.split for fold in folds[3:]] == splits.fold_tracks(tracks, 3, 0.2, 6)
