"""A collection made ready: whose it is, what is told before the long work, and that two homes share nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from essentia_ldl import datasets, taps
from essentia_ldl.collection.read import Source
from essentia_ldl.collection.splits import split_tracks
from essentia_ldl.datasets.demo import DemoSize
from essentia_ldl.errors import DataError, RecipeError, UnknownNameError
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home, digest_file
from essentia_ldl.frontends import MUSICNN
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.train import prepare as prepare_module
from essentia_ldl.train.prepare import Built, Needs, find_data, prepare

here = Home.from_environment  # the fixtures set the variable
RECIPE = Recipe("mood-sad", ("non_sad", "sad"), labels="none")


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))


def make_tracks(root: Path, n_tracks: int = 20) -> Path:
    for number in range(n_tracks):
        path = root / ("sad" if number % 2 else "non_sad") / f"artist{number // 4}" / f"{number:02}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number)
    return root


def test_data_of_the_user_is_taken_as_it_is(tmp_path):
    said = []
    assert find_data(RECIPE, Source(str(tmp_path)), here(), said.append) == (Source(str(tmp_path)), False)
    (tmp_path / "demo.json").write_text("{}")
    assert find_data(RECIPE, Source(str(tmp_path)), here(), said.append) == (Source(str(tmp_path)), True)
    assert said == []


def test_without_data_the_demo_is_made_in_the_store(tmp_path, monkeypatch):
    made, said = [], []
    monkeypatch.setattr(prepare_module.demo, "build_demo", lambda *a, **k: made.append((a, k)) or a[0])
    root = tmp_path / "home" / "store" / "demo" / "mood-sad"
    assert find_data(RECIPE.override(split__seed=7), Source(None), here(), said.append) == (Source(str(root)), True)
    classes = ("non_sad", "sad")
    assert made == [((root, classes, DemoSize(duration_s=21.0)), {"seed": 7, "replace": True, "kind": "single_label"})]
    assert "demo collection" in said[0]
    find_data(
        RECIPE.override(demo__tracks=30, demo__artists=12, demo__substyles=3, demo__seconds=9.0),
        Source(),
        here(),
        print,
    )
    assert made[1] == ((root, classes, DemoSize(30, 12, 3, 9.0)), {"seed": 0, "replace": True, "kind": "single_label"})


def test_a_collection_is_told_in_one_line(tmp_path, extracted):
    data = make_tracks(tmp_path / "data")
    extracted["failing"] = ("sad/artist0/01.wav",)
    said = []
    collection = prepare(RECIPE, Source(data), Needs(("none",)), here(), 1, said.append)
    assert said == ["19 tracks (10 non_sad, 9 sad), 1 left out"]
    assert not collection.is_demo
    assert len(collection.tracks) == 19
    prepare(RECIPE, Source(data), Needs(("sb",)), here(), 1, said.append)
    prepare(RECIPE, Source(data), Needs(("sb",), bands=False), here(), 1, said.append)
    assert extracted["front_ends"] == [["musicnn"], ["musicnn", "mfcc"], ["mfcc"]]


def test_a_class_that_is_left_out_wholly_is_an_error_with_the_first_reason(tmp_path, extracted):
    data = make_tracks(tmp_path / "data")
    extracted["failing"] = tuple(track.id for track in datasets.read_tracks(data) if track.label == "sad")
    with pytest.raises(
        DataError, match=r"at least one usable track; got 0 \(sad in .*First: sad/artist0/01\.wav is bad"
    ):
        prepare(RECIPE, Source(data), Needs(("none",)), here(), 1, [].append)


def test_a_demo_given_by_its_table_is_a_demo_too(tmp_path):
    (tmp_path / "demo.json").write_text("{}")
    recipe = read_recipe("mood-sad")
    assert find_data(recipe, Source(str(tmp_path / "index.csv")), here(), print) == (
        Source(str(tmp_path / "index.csv")),
        True,
    )
    assert find_data(recipe, Source(str(tmp_path)), here(), print)[1]
    assert not find_data(recipe, Source(str(tmp_path / "sub" / "index.csv")), here(), print)[1]


def test_what_is_built_is_what_is_there_afterwards(tmp_path, monkeypatch):
    asked = []

    def run_zone(module, *arguments):
        asked.append((module, *arguments))
        for name in ("msd-musicnn-1", "mtt-vgg-1"):
            (tmp_path / f"{name}.pb").touch()

    monkeypatch.setattr(prepare_module, "run_zone", run_zone)
    assert prepare_module.build_base_graphs(tmp_path) == Built(tmp_path, ("msd-musicnn-1", "mtt-vgg-1"))
    prepare_module.build_base_graphs(tmp_path, "musicnn.whl")
    zone = "essentia_ldl.nets.base_graphs"
    assert asked == [(zone, str(tmp_path)), (zone, str(tmp_path), "--wheel", "musicnn.whl")]


def test_too_few_tracks_are_told_before_the_extraction(tmp_path, extracted):
    data = make_tracks(tmp_path / "data")

    def draw(tracks):
        raise DataError("too few")

    with pytest.raises(DataError, match="too few"):
        prepare(RECIPE, Source(data), Needs(("none",), draw), here(), 1, [].append)
    assert extracted["front_ends"] == []


def test_room_is_told_of_all_tracks_and_of_variants_of_those_that_train(tmp_path, extracted, monkeypatch):
    """Before the extraction, and once: 20 tracks, and of those that train another quality and two tempi."""
    told = []
    monkeypatch.setattr(prepare_module, "tell_room", lambda lacking, *rest: told.append(dict(lacking)))
    monkeypatch.setattr(prepare_module, "make_variants", lambda *told: None)
    monkeypatch.setattr("essentia_ldl.features.variants.shutil.which", lambda name: name)
    changes = {"network__backbone": "samplecnn", "network__pretrained": None, "network__fine_tune": "none"}
    recipe = RECIPE.override(**changes, augment__audio=("quality", "tempo"))
    split = []

    def draw(tracks):
        assert not extracted["front_ends"]
        split[:] = [split_tracks(tracks, 0.4)]
        return split

    prepare(recipe, Source(make_tracks(tmp_path / "data")), Needs(("none",), draw), here(), 1, [].append)
    (lacking,) = told
    counts = {Path(path).name: count for path, count in lacking.items()}
    training = {Path(name).name for name in split[0].train}
    assert 0 < len(training) < 20
    assert counts == {f"{n:02}.wav": 22050 * (4 if f"{n:02}.wav" in training else 1) for n in range(20)}


def test_networks_that_hear_samples_need_both_qualities_where_they_are_features(tmp_path, extracted, monkeypatch):
    told, made = [], []
    wave = taps.Network("own-1", (), (), taps.Published(*("own-1", 1, "", "in", "out", "", "", (), "samplecnn")))
    monkeypatch.setattr(prepare_module, "tell_room", lambda lacking, *rest: told.append(dict(lacking)))
    monkeypatch.setattr(prepare_module, "find_networks", lambda named, graphs: (wave,) if named else ())
    monkeypatch.setattr(prepare_module, "build_base_graphs", lambda graphs: None)
    monkeypatch.setattr(prepare_module, "make_joint_features", lambda *given: made.append(given[1]))
    recipe = RECIPE.override(labels="svm", network__backbones=("own-1",), network__layers="1")
    prepare(recipe, Source(make_tracks(tmp_path / "data")), Needs(("svm",)), here(), 1, [].append)
    (lacking,) = told
    assert set(lacking.values()) == {2 * 22050}
    assert made == [("own-1",)]


def test_a_column_that_settings_are_chosen_by_is_checked_before_the_extraction(tmp_path, extracted):
    data, recipe = make_tracks(tmp_path / "data"), RECIPE.override(labels="auto", choice__leave_out="genre")
    needs = Needs(("auto",), lambda tracks: [split_tracks(tracks, 0.0)])
    with pytest.raises(DataError, match=r"column: expected one of .*; got 'genre' \(leave out genre\)"):
        prepare(recipe, Source(data), needs, here(), 1, [].append)
    assert extracted["front_ends"] == []


def test_a_folder_to_adapt_to_is_looked_at_before_the_extraction(tmp_path, extracted):
    data = make_tracks(tmp_path / "data")
    with pytest.raises(RecipeError, match="adapt: expected labels auto or joint; got 'none'"):
        prepare(RECIPE, Source(data, adapt=data), Needs(("none",)), here(), 1, [].append)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="expected 20 audio files or more; got 0"):
        prepare(RECIPE.override(labels="auto"), Source(data, adapt=tmp_path / "empty"), Needs(("auto",)), here(), 1)
    assert extracted["front_ends"] == []


def test_networks_that_are_there_are_not_asked_for(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(prepare_module, "run_zone", lambda *arguments: asked.append(arguments))
    monkeypatch.setattr(prepare_module.pretrained, "are_built", lambda graphs: graphs == tmp_path)
    assert prepare_module.build_base_graphs(tmp_path).folder == tmp_path
    assert asked == []


def test_two_homes_in_one_process_share_nothing(tmp_path, monkeypatch):
    """The same bytes are prepared in two homes: each has its own features, and the variable's home stays empty."""
    data = make_tracks(tmp_path / "data", 8)
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "elsewhere"))
    seen = []

    def run_jobs(function, jobs, step, n_jobs=None, home=None):
        for job in jobs:
            store, content = Store(job["store"]), digest_file(job["path"])
            seen.append(store.root)
            store.write_info(store.remember(job["path"]), {"duration_s": 30.0})
            store.write(content, MUSICNN, np.full((187, MUSICNN.n_bands), len(seen), np.float32))
            yield job, {"content": content, "duration_s": 30.0}

    monkeypatch.setattr("essentia_ldl.features.extract.run_jobs", run_jobs)
    homes = [Home(tmp_path / "one"), Home(tmp_path / "two")]
    done = [prepare(RECIPE, Source(data), Needs(("none",)), home, 1, [].append) for home in homes]
    assert [collection.home for collection in done] == homes
    assert seen == [homes[0].store] * 8 + [homes[1].store] * 8
    assert done[0].tracks == done[1].tracks
    content = done[0].contents[done[0].tracks[0].id]
    first, second = (Store(home.store).read(content, MUSICNN)[0, 0] for home in homes)
    assert second - first == 8
    prepare(RECIPE, Source(data), Needs(("none",)), homes[0], 1, [].append)
    assert len(seen) == 16, "what is there is not made again"
    assert not (tmp_path / "elsewhere").exists()


def test_what_cannot_stand_beside_others_is_told_before_the_extraction(tmp_path, extracted, write_extractor):
    data, home = make_tracks(tmp_path / "data"), here()
    home.graphs.mkdir(parents=True)
    recipe = RECIPE.override(labels="auto", choice__networks=("msd-vgg", "net-1"))
    for name, error, found in (("net-2", UnknownNameError, "net-1"), ("msd-vgg", RecipeError, "msd-vgg")):
        write_extractor(home.graphs, name)
        with pytest.raises(error, match=rf"^network: expected .*; got '{found}'"):
            prepare(recipe, Source(data), Needs(("auto",)), home, 1, [].append)
    with pytest.raises(UnknownNameError, match="got 'net-3'"):
        prepare(RECIPE.override(network__backbones=("net-3",)), Source(data), Needs(("none",)), home, 1, [].append)
    assert extracted["front_ends"] == []
