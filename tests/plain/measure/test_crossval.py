"""Cross-validation: the same folds for every source, nothing leaks, and scores.json holds every number shown."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.choices import BASELINES, LAYER_BASELINES
from essentia_ldl.cli.text.crossval import describe_final, describe_measured, describe_scores
from essentia_ldl.collection.read import Collection, Source, keep_split
from essentia_ldl.errors import DataError, RecipeError, UnknownNameError
from essentia_ldl.features import descriptors
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import Home, digest_file, read_json, write_json
from essentia_ldl.linear.choose import Tracks
from essentia_ldl.linear.span import Block
from essentia_ldl.measure import baselines, refit
from essentia_ldl.measure import crossval as crossval_module
from essentia_ldl.measure.crossval import Comparison, Folds
from essentia_ldl.measure.rows import TruthColumn
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Failure, Track
from essentia_ldl.runs import calibrate as calibrate_module
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.predictions import gather_out_of_fold, read_side
from essentia_ldl.runs.score import choose_best
from essentia_ldl.scores.calibration import fit
from essentia_ldl.scores.metrics import score_nll
from essentia_ldl.train import batch as batch_module
from essentia_ldl.train import prepare as prepare_module
from essentia_ldl.train.compose import plan_run

here = Home.from_environment  # the fixtures set the variable

RECIPE = Recipe("mood-sad", ("non_sad", "sad"), label_settings={"sa": {"n_neighbors": 3}})
GENRES = ("rock", "pop", "jazz")
ALL = ("logreg", "joint-logreg", "descriptors-svm", "mfcc-svm")
ROWS = ("none", "sa", "logreg", "descriptors-svm", "mfcc-svm")


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


def replace_work(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """Replace extraction and training by what they leave; gives the tracks, the calls and what to leave out."""
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(home))
    state = {"tracks": make_tracks(), "trained": [], "extracted": [], "embeddings": True, "mfcc": True}
    state |= {"shares": [], "threads": [], "hops": [], "descriptors": True, "refused": ()}
    random = np.random.default_rng(0)

    def prepare(recipe, source, needs, home, n_jobs, say):
        for split in needs.draw(state["tracks"]):
            assert set(split.train) <= {track.id for track in state["tracks"]}
        contents = {track.id: hashlib.sha256(track.id.encode()).hexdigest() for track in state["tracks"]}
        collection = Collection(tuple(state["tracks"]), contents, dict.fromkeys(contents, 20.0), (), here())
        if set(needs.labels) - {"none"}:
            extract(collection.tracks, here(), [frontends.MFCC])
        return collection

    def extract(tracks, home, front_ends, n_jobs=None):
        state["extracted"].append([front_end.name for front_end in front_ends])
        for track in tracks if state["mfcc"] else ():
            content = hashlib.sha256(track.id.encode()).hexdigest()
            frames = random.normal(random.normal(size=13), 1.0, (1292, 13)).astype(np.float32)
            Store(home.store).write(content, frontends.MFCC, frames)

    def build_base_graphs(graphs, wheel=None):
        here().graphs.mkdir(parents=True, exist_ok=True)
        (here().graphs / "msd-musicnn-1.weights.h5").write_bytes(b"weights")

    def embed(module, job):
        assert module == "essentia_ldl.nets.embed"
        hop_frames = read_json(job)["hop_frames"]
        state["hops"] += [] if hop_frames is None else [hop_frames]

    def run_zones(module, shares, n_threads=None):
        assert module == "essentia_ldl.nets"
        state["shares"].append([len(share) for share in shares])
        state["threads"].append(n_threads)
        for share in shares:
            run_zone(module, *share)

    def run_zone(module, *cells):
        weights = digest_file(here().graphs / "msd-musicnn-1.weights.h5")[:8]
        folder = here().store / f"{frontends.MUSICNN.key}-musicnn-msd-{weights}"
        for cell in map(Path, cells):
            state["trained"].append(cell.name)
            tracks = read_json(cell / "plan.json")["tracks"]
            for track in tracks if state["embeddings"] else ():
                path = folder / track["content"][:2] / f"{track['content']}.npy"
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, np.full((3, 4), track["label"] == "sad") + random.normal(size=(3, 4)).astype(np.float32))
            random_rows = random.dirichlet([1, 1], len(tracks)).astype(np.float32)
            keys = ("id", "role", "label")
            arrays = {f"{key}s": np.array([track[key] for track in tracks]) for key in keys}
            arrays |= {"classes": np.array(["non_sad", "sad"]), "n_patches": np.ones(len(tracks), dtype=np.int64)}
            logits = np.log(random_rows)
            np.savez(cell / "predictions.npz", **arrays, probabilities=random_rows, patch_logits=logits)
            np.savez(cell / "weights.npz", seed=np.array(random.random()))
            calibrate_module.calibrate_run(cell)
            best = 3 + int(cell.name.rpartition("-")[2])
            epochs = [{"epoch": n, "learning_rate": 0.1 if n < 4 else 0.05} for n in range(1, 9)]
            write_json(cell / "history.json", {"best_epoch": best, "epochs": epochs})

    def make_descriptors(collection, n_jobs=None):
        folder = descriptors.descriptor_folder(Store(here().store))
        if not state["descriptors"]:
            return [Failure("/3", "descriptors", "t03 is constant.")]
        write_json(folder / "names.json", ["a", "b", "c"])
        refused = [track for track in collection.tracks if track.id in state["refused"]]
        for track in [track for track in collection.tracks if track not in refused]:
            path = array_path(folder, collection.contents[track.id])
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, random.normal(size=3).astype(np.float32))
        return [Failure(track.path, "descriptors", f"{track.id} is constant.") for track in refused]

    monkeypatch.setattr("essentia_ldl.collection.parts._N_TRIES", 3)
    monkeypatch.setattr(baselines, "N_INNER_FOLDS", 2)
    monkeypatch.setitem(baselines.GRIDS, "logreg", {"C": (0.1, 1.0)})
    monkeypatch.setitem(baselines.GRIDS, "mfcc-svm", {"C": (1.0,), "gamma": (0.1,)})
    monkeypatch.setitem(baselines.GRIDS, "descriptors-svm", {"kernel": ("rbf",), "C": (1.0,), "gamma": (0.5,)})
    monkeypatch.setattr(descriptors, "make_descriptors", make_descriptors)
    monkeypatch.setattr(crossval_module, "prepare", prepare)
    monkeypatch.setattr(crossval_module, "extract", extract)
    monkeypatch.setattr(crossval_module.embeddings, "run_zone", embed)
    monkeypatch.setattr(prepare_module, "build_base_graphs", build_base_graphs)
    monkeypatch.setattr(batch_module, "run_zone", run_zone)
    monkeypatch.setattr(batch_module, "run_zones", run_zones)
    return state


@pytest.fixture
def work(tmp_path, monkeypatch):
    """What `replace_work` gives, for a test of its own."""
    return replace_work(tmp_path / "home", monkeypatch)


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """Tracks, run folder, scores and lines of two sources in two repetitions; to be read only."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        state = replace_work(tmp_path_factory.mktemp("twice") / "home", monkeypatch)
        return state["tracks"], *validate(("none", "sa"), n_repeats=2, baselines=ALL)


def measure(sources=("none",), n_folds=3, n_repeats=1, recipe=RECIPE, leave_out=None, say=None, n_jobs=1, **options):
    """Cross-validate, beside one baseline where none is named: fits take most of the time."""
    comparison = Comparison(
        tuple(sources), Folds(n_folds, n_repeats, leave_out), **{"baselines": ("logreg",), **options}
    )
    return crossval_module.cross_validate(recipe, Source(), comparison, here(), n_jobs, say or [].append)


def validate(*arguments, **options):
    """Return the run folder, its scores and the lines shown."""
    done = measure(*arguments, **options)
    lines = describe_measured(done)
    assert lines[-1] == str(done.run / "scores.json")
    return done.run, read_json(done.run / "scores.json"), lines[:-1]


def read_sides(cell: Path) -> dict[str, set[str]]:
    with np.load(cell / "predictions.npz") as arrays:
        return {side: set(arrays["ids"][arrays["roles"] == side].tolist()) for side in ("train", "valid", "test")}


# --- drawn folds ----------------------------------------------------------------------------------------------------


def test_every_source_and_baseline_has_the_same_folds_and_no_test_artist_trains(twice):
    tracks, run, scores, _ = twice
    assert list(scores["sources"]) == ["none", "sa"]
    assert list(scores["baselines"]) == ["logreg", "descriptors-svm", "mfcc-svm"]
    artist_of = {track.id: track.artist for track in tracks}
    for seed in (0, 1):
        tested = []
        for number in range(3):
            sides = [read_sides(run / f"{name}-{seed}-{number}") for name in ROWS]
            assert all(side == sides[0] for side in sides)
            seen = {artist_of[i] for i in sides[0]["train"] | sides[0]["valid"]}
            assert not seen & {artist_of[i] for i in sides[0]["test"]}
            tested += sides[0]["test"]
        assert sorted(tested) == sorted(artist_of), "every track is tested once a repetition"
    assert read_sides(run / "none-0-0")["test"] != read_sides(run / "none-1-0")["test"]


def test_the_scores_hold_all_that_is_shown(twice):
    _, run, scores, lines = twice
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert lines == describe_scores(scores)
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


@pytest.mark.slow
def test_sources_and_baselines_are_tested_against_none_wherever_it_stands(work):
    from scipy.stats import ttest_ind, ttest_rel

    scores = validate(("sa", "none"), n_repeats=2, baselines=ALL)[1]
    assert [(row["name"], row["against"]) for row in scores["comparisons"]] == [
        *(("sa", "none"), ("logreg", "none"), ("descriptors-svm", "none"), ("mfcc-svm", "none"))
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


def test_music_to_adapt_to_is_left_to_train(work):
    with pytest.raises(RecipeError, match="adapt: expected none in a cross-validation; got 'folder'"):
        crossval_module.cross_validate(RECIPE, Source("x", adapt="folder"), Comparison(("auto",)), here())


@pytest.mark.slow
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


def plan_as_descent(job):
    """Plan the cell of a row that is solved as one that descends: its features are nowhere."""
    training = dataclasses.replace(job["training"], recipe=job["training"].recipe.override(labels="none"))
    collection = keep_split(job["collection"], training.split)
    plan_run(training.folder, training.recipe, collection, training.split, job["wanted"])


def test_a_baseline_without_features_is_left_out_and_the_table_says_so(work):
    work["embeddings"] = work["mfcc"] = work["descriptors"] = False
    _, scores, lines = validate(baselines=ALL)
    assert scores["baselines"] == {}
    assert scores["comparisons"] == []
    reason = scores["baselines_left_out"]["logreg"]
    assert "48 of 48 missing" in reason
    assert f"logreg           left out: {reason}" in lines
    assert scores["baselines_left_out"]["descriptors-svm"].endswith("First: t03 is constant.")
    assert scores["findings"] == [], "nothing was tested that a network could lose against"
    assert "48 of 48 missing" in scores["baselines_left_out"]["mfcc-svm"]


@pytest.mark.slow
def test_baselines_that_are_not_asked_for_do_not_run_and_go_into_the_same_run_later(work):
    run, scores, _ = validate(("none",), baselines=())
    assert scores["baselines"] == {}
    assert not list(run.glob("logreg-*"))
    again, scores, _ = validate(("none",), baselines=("logreg",))
    assert again == run
    assert list(scores["baselines"]) == ["logreg"]
    assert work["trained"] == ["none-0-0", "none-0-1", "none-0-2"]


@pytest.mark.slow
def test_mfcc_are_extracted_for_their_baseline_only_when_they_are_missing(work):
    validate(baselines=ALL)
    assert work["extracted"] == [["mfcc"]], "no source reads them, the baseline does"
    validate(n_folds=4, baselines=ALL)
    assert work["extracted"] == [["mfcc"]]


@pytest.mark.slow
def test_the_joint_features_in_scikit_learn_stand_beside_what_is_solved_on_them(work, monkeypatch):
    random = np.random.default_rng(0)

    def gather(collection, sets, classes):
        targets = np.array([classes.index(track.label) for track in collection.tracks])
        blocks = {}
        for name in sets[0].blocks:
            values = random.normal(size=(len(targets), 5)) + 3 * targets[:, None]
            blocks[name] = Block(name, (values, values))
        return Tracks(blocks, targets, len(classes))

    monkeypatch.setattr(crossval_module, "gather_tracks", gather)
    _, scores, lines = validate(("none",), baselines=ALL)
    assert "Name --labels auto" in scores["baselines_left_out"]["joint-logreg"]
    monkeypatch.setattr(batch_module, "plan_cell", plan_as_descent)
    _, scores, lines = validate(("joint-one-hot", "none"), baselines=ALL)
    assert scores["baselines"]["joint-logreg"]["balanced_accuracy_mean"] > 0.95
    assert "joint-logreg" in [line.split()[0] for line in lines]
    assert scores["baselines_left_out"] == {}


@pytest.mark.slow
def test_machines_on_layers_read_what_the_labels_svm_read_and_mfcc_beside_it(work, monkeypatch):
    seen, gathered = {}, []

    def gather(collection, sets, classes):
        gathered.append(sets[0])
        columns = np.arange(len(collection.tracks), dtype=float)[:, None]
        return Tracks({name: Block(name, (columns, columns + 1)) for name in sets[0].blocks}, columns[:, 0], 2)

    def run_machine(name, features, cell, fold, tracks, classes):
        seen[name] = features
        raise DataError("not fitted here")

    monkeypatch.setattr(crossval_module, "gather_tracks", gather)
    monkeypatch.setattr(batch_module, "plan_cell", plan_as_descent)
    monkeypatch.setattr(crossval_module.machine_baselines, "run_machine", run_machine)
    _, scores, _ = validate(("svm", "none"), baselines=LAYER_BASELINES)
    assert list(scores["baselines_left_out"]) == list(LAYER_BASELINES)
    assert {one.layers for one in gathered} == {"12345"}
    alone, beside = (seen[name]["t03"] for name in LAYER_BASELINES)
    assert alone.tolist() == [3.0] * len(gathered[0].blocks), "quality 4"
    np.testing.assert_array_equal(beside[: len(alone)], alone)
    assert len(beside) == len(alone) + 2 * frontends.MFCC.n_bands


def test_machines_on_layers_are_left_out_where_no_source_has_layers(work):
    _, scores, _ = validate(("none",), baselines=("layers-mfcc-svm",))
    assert "Name --labels svm too" in scores["baselines_left_out"]["layers-mfcc-svm"]


def test_a_baseline_that_does_not_exist_is_told_with_those_that_do():
    with pytest.raises(UnknownNameError, match=r"baseline: expected one of .*layers-svm.*mfcc-svm"):
        Comparison(("none",), baselines=("mfcc-layers",))
    assert tuple(baselines.GRIDS) == BASELINES


# --- one value left out ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_value_left_out_is_the_test_side_and_its_artists_do_not_train(work):
    work["tracks"][0] = Track("t00", "/0", "sad", artist="artist2", columns={"genre": "rock"})  # artist2 plays pop
    run, scores, lines = validate(("none", "sa"), n_repeats=2, leave_out="genre", baselines=ALL)
    assert [fold["held_out"] for fold in scores["folds"]] == ["jazz", "pop", "rock"] * 2
    assert (scores["leave_out"], scores["n_folds"]) == ("genre", 3)
    by_id = {track.id: track for track in work["tracks"]}
    for fold in scores["folds"]:
        for name in ROWS:
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


@pytest.mark.slow
def test_other_values_or_another_column_are_another_run(work):
    first = validate(leave_out="genre")[0]
    assert validate(leave_out="genre")[0] == first
    assert validate()[0] != first
    work["tracks"][0] = Track("t00", "/0", "sad", artist="artist0", columns={"genre": "jazz"})
    assert validate(leave_out="genre")[0] != first


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


# --- processes ------------------------------------------------------------------------------------------------------


def test_heads_train_in_as_many_processes_as_asked_with_one_thread_each(work):
    recipe, lines = RECIPE, []
    measure(("none", "sa"), 4, recipe=recipe, say=lines.append, n_jobs=3, baselines=())
    assert work["shares"] == [[3, 3, 2]]
    assert work["threads"] == [1]
    assert sorted(work["trained"]) == [f"{name}-0-{number}" for name in ("none", "sa") for number in range(4)]


def test_whole_networks_train_one_at_a_time(work):
    measure(recipe=RECIPE.override(network__fine_tune="all"), n_jobs=3, baselines=())
    assert work["shares"] == []
    assert len(work["trained"]) == 3


# --- another hop ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_another_hop_is_another_run_whose_plans_say_so(work):
    usual, scores, _ = validate(baselines=())
    run, other, lines = validate(patch_hop=187, baselines=())
    assert run != usual
    assert work["hops"] == [187]
    assert read_json(run / "none-0-0" / "plan.json")["evaluation_hop_frames"] == 187
    assert read_json(usual / "none-0-0" / "plan.json")["evaluation_hop_frames"] is None
    assert (scores["patch_hop_frames"], other["patch_hop_frames"]) == (93, 187)
    assert "networks scored every 187 frames" in lines[1]
    assert validate(patch_hop=93, baselines=())[0] == usual


def test_another_hop_and_a_calibrated_final_model_do_not_go_together(work):
    with pytest.raises(RecipeError, match=r"patch hop: expected the network's own, .*got 187"):
        validate(patch_hop=187, to_refit=True)
    assert work["trained"] == []


# --- calibration ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_each_fold_is_calibrated_on_its_validation_side_and_scored_on_its_test_side(work):
    work["tracks"] = make_tracks(240)
    run, scores, lines = validate(("none", "sa"), n_repeats=2)
    for name in ("none", "sa"):
        found, after, truth, n_changed = scores["sources"][name]["calibration"], [], [], 0
        for fold, told in zip(scores["folds"], found["folds"], strict=True):
            cell = run / f"{name}-{fold['seed']}-{fold['fold']}"
            golden = fit(read_side(cell, "valid"), "temperature", selected=True)
            assert told["temperature"] == golden.temperature
            assert told["n_tracks"] == fold["n_valid"] >= 20
            with np.load(cell / "predictions.npz") as arrays:
                test = arrays["roles"] == "test"
                after.append(arrays["probabilities"][test])
                truth.append((arrays["labels"][test] == "sad").astype(int))
                n_changed += int((arrays["patch_logits"][test].argmax(1) != after[-1].argmax(1)).sum())
        value = np.mean([score_nll(t, p).mean() for t, p in zip(truth, after, strict=True)])  # folds of one size
        assert found["after"]["nll"]["value"] == pytest.approx(value, abs=1e-6)
        assert found["before"]["nll"]["value"] > found["after"]["nll"]["value"], "its networks guess, and are sure"
        assert found["n_changed"] == n_changed == 0, "one patch a track"
        assert len(found["repeats"]) == 2
        low, high = found["after"]["brier"]["interval"]
        assert low < found["after"]["brier"]["value"] < high
    assert "calibration" not in scores["baselines"]["logreg"]
    (row,) = [line for line in lines if line.startswith("none") and " -> " in line]
    found = scores["sources"]["none"]["calibration"]
    assert f"{found['before']['ece']['value']:.3f} -> {found['after']['ece']['value']:.3f}" in row


def test_a_fold_with_too_few_tracks_says_so(work):
    _, scores, lines = validate(baselines=())
    assert {fold["temperature"] for fold in scores["sources"]["none"]["calibration"]["folds"]} == {1.0}
    assert any("tracks are too few to fit a temperature, 20 are needed" in line for line in lines)


def test_a_cell_that_was_killed_before_its_calibration_is_finished(work):
    run, _, _ = validate(baselines=())
    (run / "none-0-2" / "calibration.json").unlink()
    validate(baselines=())
    assert work["trained"][3:] == ["none-0-2"]


# --- listeners ------------------------------------------------------------------------------------------------------


def give_shares(tracks: list[Track]) -> list[Track]:
    """Half the listeners of a sad track and a tenth of another chose sadness, more or less."""
    return [
        Track(t.id, t.path, t.label, t.artist, columns={"share": f"{0.5 if t.label == 'sad' else 0.1}{n % 5}"})
        for n, t in enumerate(tracks)
    ]


@pytest.mark.slow
def test_predictions_are_compared_with_the_shares_of_listeners_and_the_prior_is_that_of_the_training_side(work):
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import spearmanr

    work["tracks"] = give_shares(work["tracks"])
    run, scores, lines = validate(("none",), truth=TruthColumn("share"), baselines=ALL)
    shares = {track.id: float(track.columns["share"]) for track in work["tracks"]}
    assert scores["listeners"] == {"column": "share", "class": "sad"}
    for name in ("none", "logreg", "descriptors-svm", "mfcc-svm"):
        ours, constant, pairs = [], [], []
        for number in range(3):
            with np.load(run / f"{name}-0-{number}" / "predictions.npz") as arrays:
                test = arrays["roles"] == "test"
                prior = np.mean([shares[i] for i in arrays["ids"][~test]])
                for track_id, row in zip(arrays["ids"][test], arrays["probabilities"][test], strict=True):
                    truth = [1 - shares[track_id], shares[track_id]]
                    ours.append(jensenshannon(truth, row) ** 2)
                    constant.append(jensenshannon(truth, [1 - prior, prior]) ** 2)
                    pairs.append((shares[track_id], row[1]))
        found = (scores["sources"] | scores["baselines"])[name]["listeners"]
        assert found["divergence"]["model"] == pytest.approx(np.mean(ours), rel=1e-4)
        assert found["divergence"]["constant"] == pytest.approx(np.mean(constant), rel=1e-4)
        assert found["spearman"] == pytest.approx(spearmanr(*zip(*pairs, strict=True)).statistic)
        assert set(found["spearman_within"]) == {"non_sad", "sad"}
    assert any(line.startswith("listeners") for line in lines)
    assert "listeners" not in validate(("none",))[1]["sources"]["none"]


def test_a_truth_column_that_does_not_fit_is_told_before_the_long_work(work):
    with pytest.raises(LookupError, match="truth column"):
        validate(truth=TruthColumn("share"))
    with pytest.raises(DataError, match="a number"):
        validate(truth=TruthColumn("genre"))
    assert work["trained"] == []


# --- findings -------------------------------------------------------------------------------------------------------


def test_a_network_that_does_not_beat_the_baselines_is_pointed_out(twice):
    _, _, scores, lines = twice
    means = {name: row["balanced_accuracy_mean"] for name, row in (scores["sources"] | scores["baselines"]).items()}
    best = max(means["none"], means["sa"])
    assert means["logreg"] > best, "the embeddings of this test tell the classes, its networks guess"
    (finding,) = scores["findings"]
    assert finding.startswith("no network beats every baseline: ")
    assert f"logreg {means['logreg']:.3f}" in finding
    assert lines[-1] == f"finding: {finding}"


# --- the final model ------------------------------------------------------------------------------------------------


@pytest.fixture
def final(work, monkeypatch):
    """Replace export and promotion; gives the runs that were finished."""
    finished = []

    def finish(run, collection, measured=None):
        plan = read_json(run / "plan.json")
        finished.append((run, plan, measured))
        (here().graphs / "m-1.pb").touch()
        write_json(run / "scores.json", measured)
        runs.finish_run(run, ["m-1"])
        return ("m-1",), {}

    monkeypatch.setattr(refit, "finish", finish)
    return finished


@pytest.mark.slow
def test_the_final_model_is_trained_on_all_tracks_as_the_folds_chose(work, final):
    done = measure(("none", "sa"), to_refit=True, baselines=ALL)
    path = done.run / "scores.json"
    trained = refit.refit(done, RECIPE, [].append)
    scores = read_json(path)
    ((run, plan, measured),) = final
    best = choose_best(scores)
    assert {track["role"] for track in plan["tracks"]} == {"train"}
    assert len(plan["tracks"]) == 48
    assert plan["labels_source"] == best
    # best epochs are 3, 4, 5; every fold halved after epoch 3, which is before epoch 4
    assert (plan["training"]["epochs"], plan["training"]["halvings"]) == (4, [3])
    assert plan["export"]
    mean = scores["sources"][best]["balanced_accuracy_mean"]
    assert plan["card"]["dataset"]["metrics"] == {"3-fold_cross_validation_normalized_accuracy": round(mean, 4)}
    assert measured["crossval"]["run"] == path.parent.name
    assert measured["crossval"]["balanced_accuracy_mean"] == mean
    assert set(measured["crossval"]["baselines"]) == {"logreg", "descriptors-svm", "mfcc-svm"}
    json.dumps(measured, allow_nan=False)
    link = read_json(path.parent / "refit.json")
    assert link == {"run": run.name, "models": ["m-1"], "source": best, "n_epochs": 4, "halvings": [3]}
    assert f'source = "{best}"' in (run / "recipe.toml").read_text()
    assert (trained.run, trained.models, trained.repeated) == (run, ("m-1",), False)
    graphs = here().graphs
    assert describe_final(trained, graphs) == [f"final model: {graphs / 'm-1'}.pb and .json", f"run: {run}"]
    cells = [path.parent / f"{best}-0-{number}" for number in range(3)]
    pooled, golden = read_side(run / calibrate_module.OUT_OF_FOLD, "test"), gather_out_of_fold(cells)
    assert pooled.ids == golden.ids
    assert sorted(pooled.ids) == sorted(track.id for track in work["tracks"]), "every track, by a network without it"
    np.testing.assert_array_equal(pooled.patch_logits, golden.patch_logits)
    assert plan["calibration"] == "temperature"
    found = scores["sources"][best]["calibration"]
    assert measured["crossval"]["calibration"] == {key: found[key] for key in ("before", "after", "n_changed")}


@pytest.mark.slow
def test_the_final_model_of_the_same_folds_is_not_trained_twice(work, final):
    for _ in range(2):
        refit.refit(measure(to_refit=True, baselines=()), RECIPE, [].append)
    assert len(final) == 1


def test_too_few_artists_of_a_class_are_told_with_the_numbers(work):
    work["tracks"] = [t for t in make_tracks() if t.label == "non_sad" or t.artist in ("artist0", "artist2")]
    with pytest.raises(DataError, match=r"artists of class 'sad': .*got '2 for 3 folds'.*Take at most 2 folds"):
        validate()


@pytest.mark.slow
def test_files_that_musicextractor_refuses_are_told_with_their_reason_the_next_time_too(work):
    work["refused"] = ("t03",)
    for _ in range(2):
        run, scores, lines = validate(baselines=ALL)
        assert "descriptors-svm" in scores["baselines"]
        assert f"files that MusicExtractor refused count as average there: see {run / crossval_module.REFUSED}" in lines
        assert "/3,descriptors,t03 is constant." in (run / crossval_module.REFUSED).read_text()
