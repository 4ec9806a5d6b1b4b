"""Extractors as the plain zone sees them: which file a recipe means, what its card must say, what the zones get."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.cli.options import resolve_recipe
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import CardError, GraphError, RecipeError, StoreError, WeightsError
from essentia_ldl.features import embeddings, extractors
from essentia_ldl.features.extract import extract
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home, read_json
from essentia_ldl.models.card import GraphCard, find_front_end
from essentia_ldl.models.folder import Model, find_extractor, read_model
from essentia_ldl.predict.ask import segment_times
from essentia_ldl.recipe.recipe import NetworkSettings, Recipe
from essentia_ldl.records import Failure, Split, Track
from essentia_ldl.train import prepare
from essentia_ldl.train.compose import name_stems, plan_run

here = Home.from_environment  # the fixtures set the variable

EFFNET = "discogs-effnet-bs64-1"
NETWORK = NetworkSettings(extractor=EFFNET)
RECIPE = Recipe("mood-sad", ("non_sad", "sad"), labels="none").override(network__extractor=EFFNET)


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))


def make_card(
    algorithm="TensorflowPredictEffnetDiscogs", purposes=("predictions", "embeddings"), shape=(64, 128, 96), **changes
) -> dict:
    outputs = [{"name": f"PartitionedCall:{n}", "output_purpose": purpose} for n, purpose in enumerate(purposes)]
    return {
        "name": "Discogs-EffNet",
        "type": "multi-label classifier",
        "link": "https://example.org/discogs-effnet-bs64-1.pb",
        "schema": {"inputs": [{"name": "serving_default_melspectrogram", "shape": list(shape)}], "outputs": outputs},
        "inference": {"sample_rate": 16000, "algorithm": algorithm},
        **changes,
    }


def write_extractor(name=EFFNET, folder=None, data=b"graph", **changes) -> Path:
    path = (folder or here().graphs) / f"{name}.pb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.with_suffix(".json").write_text(json.dumps(make_card(**changes)))
    return path


@pytest.fixture
def collection() -> Collection:
    tracks = [Track(f"t{n}", f"/{n}.wav", ("non_sad", "sad")[n % 2]) for n in range(6)]
    contents = {track.id: hashlib.sha256(track.id.encode()).hexdigest() for track in tracks}
    return Collection(tuple(tracks), contents, dict.fromkeys(contents, 20.0), (), here())


def write_embeddings(collection) -> dict[str, np.ndarray]:
    folder = embeddings.embedding_folder(NETWORK, here())
    arrays = {}
    for number, (track_id, content) in enumerate(collection.contents.items()):
        arrays[track_id] = np.full((number + 1, 5), number, np.float32)
        path = folder / content[:2] / f"{content}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, arrays[track_id])
    return arrays


# --- which graph ----------------------------------------------------------------------------------------------------


def test_a_name_and_a_path_mean_the_same_extractor(tmp_path):
    path = write_extractor()
    found = extractors.read_extractor(NETWORK, here().graphs)
    assert found == extractors.read_extractor(NetworkSettings(extractor=str(path)), here().graphs)
    assert (found.name, found.node, found.input_name) == (EFFNET, "PartitionedCall:1", "serving_default_melspectrogram")
    assert found.front_end == frontends.EFFNET
    assert found.sha256 == hashlib.sha256(b"graph").hexdigest()


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("discogs-effnet-bs64-1", "discogs-effnet"),
        ("discogs-effnet-bsdynamic-1", "discogs-effnet"),
        ("audioset-vggish-3", "audioset-vggish"),
        ("msd-musicnn-1", "msd-musicnn"),
        ("discogs-maest-30s-pw-2", "discogs-maest-30s-pw"),
        ("discogs-maest-30s-pw-519l-2", "discogs-maest-30s-pw-519l"),
        ("mine", "mine"),
    ],
)
def test_heads_are_named_after_data_set_and_architecture(name, stem):
    write_extractor(name)
    recipe = RECIPE.override(network__extractor=name)
    extractor = extractors.read_extractor(recipe.network, here().graphs)
    assert name_stems(recipe, False, extractor) == {"full": None, "head": f"mood_sad-{stem}"}
    assert name_stems(recipe, True, extractor)["head"] == f"demo-mood_sad-{stem}"


def test_a_missing_extractor_says_where_it_goes_and_where_it_is_had():
    with pytest.raises(CardError, match=rf"{EFFNET}\.pb with its card; got 'nothing there'.*upf\.edu/models/feature"):
        extractors.read_extractor(NETWORK, here().graphs)
    write_extractor().with_suffix(".json").unlink()
    with pytest.raises(CardError, match=r"a \.json beside the \.pb"):
        extractors.read_extractor(NETWORK, here().graphs)
    with pytest.raises(GraphError, match=r"an existing \.pb"):
        extractors.read_extractor(NetworkSettings(extractor="/nowhere/a.pb"), here().graphs)


@pytest.mark.parametrize("mode", ["all", "none"])
def test_only_a_head_trains_on_an_extractor(mode):
    write_extractor()
    with pytest.raises(RecipeError, match=f"fine_tune: expected head, with an extractor; got '{mode}'"):
        extractors.read_extractor(NetworkSettings(extractor=EFFNET, fine_tune=mode), here().graphs)


def test_the_output_is_the_cards_unless_another_is_named():
    write_extractor(purposes=("predictions", "", ""))
    with pytest.raises(CardError, match=r"one output for embeddings; got 'none'.*Choose one of PartitionedCall:0, Par"):
        extractors.read_extractor(NETWORK, here().graphs)
    chosen = NetworkSettings(extractor=EFFNET, extractor_output="PartitionedCall:2")
    assert extractors.read_extractor(chosen, here().graphs).node == "PartitionedCall:2"
    with pytest.raises(CardError, match=r"its card names PartitionedCall:0, PartitionedCall:1.*got 'nosuch'"):
        extractors.read_extractor(NetworkSettings(extractor=EFFNET, extractor_output="nosuch"), here().graphs)
    write_extractor(purposes=("embeddings", "embeddings"))
    with pytest.raises(CardError, match=r"one output for embeddings; got \['PartitionedCall:0', 'PartitionedCall:1'\]"):
        extractors.read_extractor(NETWORK, here().graphs)


def test_a_head_is_no_extractor():
    write_extractor(algorithm="TensorflowPredict2D")
    with pytest.raises(CardError, match="got 'a head, which reads embeddings itself'"):
        extractors.read_extractor(NETWORK, here().graphs)


@pytest.mark.parametrize("algorithm", ["TensorflowPredictTempoCNN", "TensorflowPredictCREPE", "TensorflowPredict"])
def test_an_algorithm_that_makes_no_embeddings_is_refused(algorithm):
    write_extractor(algorithm=algorithm)
    with pytest.raises(CardError, match=rf"one of TensorflowPredictEffnetDiscogs, .*; got '{algorithm}'"):
        extractors.read_extractor(NETWORK, here().graphs)


def test_other_bytes_or_another_node_are_another_folder():
    write_extractor()
    folders = {embeddings.embedding_folder(NETWORK, here())}
    folders.add(
        embeddings.embedding_folder(NetworkSettings(extractor=EFFNET, extractor_output="PartitionedCall:0"), here())
    )
    write_extractor(data=b"other graph")
    folders.add(embeddings.embedding_folder(NETWORK, here()))
    assert len(folders) == 3
    assert all(folder.name.startswith(f"extractor-{EFFNET}-") for folder in folders)


# --- front-ends of cards --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "frames"), [((1, 626, 96), 626), ((1876, 96), 1876), ((96,), 1876), ((), 1876)])
def test_the_length_of_a_maest_patch_is_its_cards(shape, frames):
    card = GraphCard(make_card("TensorflowPredictMAEST", shape=shape))
    front_end = find_front_end(card, "maest")
    assert (front_end.patch_frames, front_end.patch_hop_frames) == (frames, frames - 1)


def test_segments_of_a_head_have_the_times_of_its_extractor():
    fields = make_card("TensorflowPredict2D", purposes=("predictions",))
    fields["inference"]["embedding_model"] = {"algorithm": "TensorflowPredictEffnetDiscogs", "model_name": EFFNET}
    model = Model("head-1", "head-1.pb", GraphCard(fields))
    assert segment_times(model, 2) == [(0.0, 128 * 0.016), (62 * 0.016, 190 * 0.016)]
    fields["essentia_ldl"] = {"patch_frames": 316, "patch_hop_frames": 315}
    fields["inference"]["embedding_model"]["algorithm"] = "TensorflowPredictMAEST"
    assert segment_times(Model("head-1", "head-1.pb", GraphCard(fields)), 2)[1][0] == pytest.approx(315 * 0.016)


@pytest.mark.parametrize(("backbone", "pretrained"), [("vggish", "msd"), ("musicnn", "audioset"), ("vgg", "audioset")])
def test_weights_that_a_network_has_not_are_refused(backbone, pretrained):
    plain = Recipe("x", ("a", "b"))
    with pytest.raises(RecipeError, match=rf"pretrained: expected .*; got '{pretrained}' \(network {backbone}\)"):
        plain.override(network__backbone=backbone, network__pretrained=pretrained)
    scratch = plain.override(network__backbone=backbone, network__pretrained=pretrained, network__fine_tune="none")
    assert scratch.n_epochs == 600


# --- embeddings and steps -------------------------------------------------------------------------------------------


def test_only_what_is_missing_is_asked_of_the_sound_zone(collection, monkeypatch):
    write_extractor()
    arrays = write_embeddings(collection)
    asked = []

    def run_jobs(function, jobs, step, *_, **__):
        asked.append((function, [job["path"] for job in jobs], jobs[0]["extractor"]["node"]))
        yield jobs[0], jobs[0]["content"]

    monkeypatch.setattr(embeddings, "run_jobs", run_jobs)
    embeddings.make_embeddings(collection, NETWORK)
    assert asked == []
    for track_id, array in embeddings.read_embeddings(collection, NETWORK).items():
        np.testing.assert_array_equal(array, arrays[track_id])
    content = collection.contents["t3"]
    (embeddings.embedding_folder(NETWORK, here()) / content[:2] / f"{content}.npy").unlink()
    embeddings.make_embeddings(collection, NETWORK)
    assert asked == [("essentia_ldl.sound.extractors:embed_track", ["/3.wav"], "PartitionedCall:1")]


def test_a_track_that_cannot_be_embedded_any_more_is_an_error(collection, monkeypatch):
    write_extractor()
    monkeypatch.setattr(embeddings, "run_jobs", lambda *_, **__: [({}, Failure("/0.wav", "embeddings", "audio: gone"))])
    with pytest.raises(StoreError, match="audio: gone"):
        embeddings.make_embeddings(collection, NETWORK)


def test_extraction_embeds_and_leaves_out_what_fails(tmp_path, monkeypatch):
    write_extractor()
    job = extractors.read_extractor(NETWORK, here().graphs).as_job(Store(here().store))
    tracks = [Track(f"t{n}", str(tmp_path / f"{n}.wav"), "sad") for n in range(3)]
    asked = []

    def run_jobs(function, jobs, step, n_jobs, home):
        for number, one in enumerate(jobs):
            asked.append((one["front_ends"], one["extractor"]["folder"]))
            failure = Failure(one["path"], "features", "audio: expected at least 2.03 s")
            yield one, failure if number == 1 else {"content": f"{number:064}", "duration_s": 9.0}

    monkeypatch.setattr("essentia_ldl.features.extract.run_jobs", run_jobs)
    done = extract(tracks, here(), [], extractor=job)
    assert [track.id for track in done.tracks] == ["t0", "t2"]
    assert [failure.reason for failure in done.failures] == ["audio: expected at least 2.03 s"]
    assert asked == [([], job["folder"])] * 3


def test_the_plan_says_which_embeddings(collection, tmp_path):
    write_extractor()
    write_embeddings(collection)
    split = Split(("t0", "t1", "t2", "t3"), ("t4", "t5"), ())
    plan_run(tmp_path / "run", RECIPE, collection, split)
    plan = read_json(tmp_path / "run" / "plan.json")
    assert plan["front_end"] == "effnet"
    assert plan["stems"] == {"full": None, "head": "mood_sad-discogs-effnet"}
    wanted = {"name": EFFNET, "size": 5, "node": "PartitionedCall:1", "patch_frames": 128, "patch_hop_frames": 62}
    assert wanted.items() <= plan["extractor"].items()
    assert (here().store / plan["extractor"]["folder"]) == embeddings.embedding_folder(NETWORK, here())


def test_a_recipe_without_an_extractor_has_none_in_its_plan(collection, tmp_path):
    split = Split(("t0", "t1", "t2", "t3"), ("t4", "t5"), ())
    plan_run(tmp_path / "run", RECIPE.override(network__extractor=""), collection, split)
    assert read_json(tmp_path / "run" / "plan.json")["extractor"] is None


def test_a_network_is_required_before_the_long_work(monkeypatch):
    built = []
    monkeypatch.setattr(prepare, "build_base_graphs", lambda graphs: built.append("base"))
    prepare.require_network(NetworkSettings(), here().graphs)
    prepare.require_network(NetworkSettings(backbone="vggish", fine_tune="none"), here().graphs)
    assert built == ["base"]
    with pytest.raises(WeightsError, match=r"Get https.*audioset-vggish-3\.pb"):
        prepare.require_network(NetworkSettings(backbone="vggish", pretrained="audioset"), here().graphs)
    with pytest.raises(CardError, match="nothing there"):
        prepare.require_network(NETWORK, here().graphs)
    assert built == ["base"]


# --- models ---------------------------------------------------------------------------------------------------------


def test_a_published_extractor_is_no_model_of_ones_own():
    """Whatever its card calls itself: predict without --model must not take it for a classifier."""
    assert read_model(write_extractor()).is_base
    assert not read_model(write_extractor("own-1", essentia_ldl={"run": "a"})).is_base
    assert not read_model(write_extractor("theirs-1", purposes=("predictions", ""))).is_base


def test_a_head_takes_only_the_extractor_it_was_trained_on(tmp_path):
    head = make_card("TensorflowPredict2D", purposes=("predictions",))
    needed = {"algorithm": "TensorflowPredictEffnetDiscogs", "model_name": EFFNET, "link": "https://a.org/x/e.pb"}
    head["inference"]["embedding_model"] = needed
    head["essentia_ldl"] = {"extractor": {"sha256": hashlib.sha256(b"graph").hexdigest()}}
    model = Model("head-1", str(tmp_path / "head-1.pb"), GraphCard(head))
    with pytest.raises(GraphError, match=r"nothing there.*They are published at https://a\.org/x/e\."):
        find_extractor(model, here().graphs)
    write_extractor()
    assert find_extractor(model, here().graphs).name == EFFNET
    write_extractor(data=b"another")
    with pytest.raises(
        GraphError, match=r"the discogs-effnet-bs64-1\.pb that head-1 was trained on; got 'other bytes'"
    ):
        find_extractor(model, here().graphs)


# --- command line ---------------------------------------------------------------------------------------------------


def test_the_option_means_a_head_whatever_the_recipe_says():
    names = ("network", "pretrained", "fine_tune", "epochs", "seed", "data", "jobs", "extractor_output")
    given = {**dict.fromkeys((*names, "dropout", "samples", "paper", "speed", "music")), "changes": {}}
    recipe = resolve_recipe("mood-sad", {**given, "extractor": EFFNET}, here().recipes)
    assert (recipe.network.extractor, recipe.network.fine_tune) == (EFFNET, "head")
    recipe = resolve_recipe("mood-sad", {**given, "extractor": EFFNET, "fine_tune": "all"}, here().recipes)
    with pytest.raises(RecipeError, match="expected head, with an extractor; got 'all'"):
        extractors.read_extractor(recipe.network, here().graphs)
    recipe = resolve_recipe(
        "mood-sad", {**given, "network": "vggish", "pretrained": "audioset", "extractor": None}, here().recipes
    )
    assert (recipe.network.backbone, recipe.network.pretrained) == ("vggish", "audioset")


def test_a_run_knows_the_bytes_of_the_users_file():
    assert extractors.identify_weights(NetworkSettings(), here().graphs) == []
    write_extractor()
    first = extractors.identify_weights(NETWORK, here().graphs)
    write_extractor(data=b"another graph")
    assert first != extractors.identify_weights(NETWORK, here().graphs) != []
    write_extractor("audioset-vggish-3", purposes=("embeddings",))
    vggish = NetworkSettings(backbone="vggish", pretrained="audioset")
    assert extractors.identify_weights(vggish, here().graphs) == [hashlib.sha256(b"graph").hexdigest()]
