"""A head on embeddings that the sound zone has stored: trained from them, exported alone, named in its card."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl.errors import StoreError, TrainingError
from essentia_ldl.features.store import Store
from essentia_ldl.files import read_json, write_json
from essentia_ldl.frontends import MUSICNN
from essentia_ldl.nets import embed
from essentia_ldl.nets.export.export import export
from essentia_ldl.nets.inputs.embeddings import FrozenNetwork, StoredEmbeddings, open_embeddings
from essentia_ldl.nets.inputs.patches import cut_grid
from essentia_ldl.nets.training.train import train
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.runs.targets import digest_training, read_targets

SIZE = 24
EXTRACTOR = {
    "name": "discogs-effnet-bs64-1",
    "graph": "/somewhere/discogs-effnet-bs64-1.pb",
    "algorithm": "TensorflowPredictEffnetDiscogs",
    "link": "https://example.org/discogs-effnet-bs64-1.pb",
    "sha256": "0" * 64,
    "node": "PartitionedCall:1",
    "size": SIZE,
    "folder": "extractor-discogs-effnet-bs64-1-00000000",
    "patch_frames": 128,
    "patch_hop_frames": 62,
    "resample_quality": 4,
}


@pytest.fixture
def run(make_run):
    """A run over an extractor, without any weights in graphs/; embeddings tell the classes apart."""
    folder = make_run(
        "extractor",
        front_end="effnet",
        n_tracks=12,
        network={"extractor": EXTRACTOR["name"], "extractor_output": ""},
        stems={"full": None, "head": "mood_sad-discogs-effnet"},
        training={"epochs": 30},
        graphs="/nowhere",
    )
    write_json(folder / "plan.json", {**read_json(folder / "plan.json"), "extractor": EXTRACTOR})
    plan = read_plan(folder)
    random = np.random.default_rng(0)
    for number, track in enumerate(plan.tracks):
        rows = random.normal(2.0 if track.label == "sad" else -2.0, 1.0, (3 + number % 2, SIZE)).astype(np.float32)
        path = plan.store / EXTRACTOR["folder"] / track.content[:2] / f"{track.content}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, rows)
    return folder


def path_of(plan, number: int):
    content = plan.tracks[number].content
    return plan.store / EXTRACTOR["folder"] / content[:2] / f"{content}.npy"


def test_a_head_trains_on_what_is_stored_and_leaves_alone(run):
    train(run)
    with np.load(run / "predictions.npz") as arrays:
        truth = np.array([label == "sad" for label in arrays["labels"]])
        assert ((arrays["probabilities"][:, 1] > 0.5) == truth).all()
        assert arrays["n_patches"].tolist() == [3, 4] * 6
    [path] = export(run)
    assert path.name == "mood_sad-discogs-effnet.pb"
    card = read_json(path.with_suffix(".json"))
    assert card["schema"]["inputs"] == [{"name": "model/Placeholder", "type": "float", "shape": [SIZE]}]
    assert card["inference"]["embedding_model"] == {
        "algorithm": "TensorflowPredictEffnetDiscogs",
        "model_name": "discogs-effnet-bs64-1",
        "link": "https://example.org/discogs-effnet-bs64-1.pb",
    }
    ours = card["essentia_ldl"]
    assert (ours["front_end"], ours["patch_frames"], ours["patch_hop_frames"]) == ("effnet", 128, 62)
    assert (ours["backbone"], ours["pretrained"]) == (None, None)
    assert ours["extractor"] == {key: EXTRACTOR[key] for key in ("name", "node", "sha256", "size")}
    assert any("licence" in note for note in ours["notes"])
    plan = read_plan(run)
    with np.load(path.with_name("mood_sad-discogs-effnet.golden.npz")) as golden:
        expected = np.concatenate([np.load(path_of(plan, number))[:4] for number in (0, 1)])
        np.testing.assert_array_equal(golden["patches_0"], expected)


def test_two_runs_of_a_process_share_what_is_read(run):
    plan, known = read_plan(run), {}
    first = open_embeddings(plan, known)
    assert isinstance(first, StoredEmbeddings)
    assert open_embeddings(plan, known) is first


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_bytes(b"no array"), "pickle|magic"),
        (lambda path: np.save(path, np.zeros((3, SIZE + 1), np.float32)), r"\(3, 25\)"),
        (lambda path: np.save(path, np.zeros((0, SIZE), np.float32)), r"\(0, 24\)"),
        (lambda path: np.save(path, np.full((3, SIZE), np.nan, np.float32)), r"\(3, 24\)"),
        (lambda path: np.save(path, np.zeros((3, SIZE))), "float64"),
    ],
)
def test_damaged_embeddings_are_told_and_removed_so_that_they_are_made_again(damage, found, run):
    plan = read_plan(run)
    damage(path_of(plan, 2))
    with pytest.raises(StoreError, match=rf"expected finite float32 \(n_patches, 24\); got .*{found}"):
        open_embeddings(plan, {}).load([track.content for track in plan.tracks])
    assert not path_of(plan, 2).exists()


def test_the_extractor_is_part_of_what_decides_the_numbers(run):
    plan = read_plan(run)
    before = digest_training(plan, read_targets(plan))
    fields = read_json(run / "plan.json")
    write_json(run / "plan.json", {**fields, "extractor": {**EXTRACTOR, "folder": "extractor-other"}})
    plan = read_plan(run)
    assert digest_training(plan, read_targets(plan)) != before


def test_only_a_head_stands_on_an_extractor(run):
    fields = read_json(run / "plan.json")
    write_json(run / "plan.json", {**fields, "network": {**fields["network"], "fine_tune": "all"}})
    with pytest.raises(TrainingError, match="head, over an extractor"):
        read_plan(run)


@pytest.mark.slow
def test_embeddings_of_another_hop_are_those_of_its_patches_and_are_kept_apart(
    make_run, store, random_graphs, tmp_path
):
    plan = read_plan(make_run(n_tracks=2, n_frames=600))
    content = plan.tracks[0].content
    extractor = FrozenNetwork(store, random_graphs, "musicnn", "msd")
    own = extractor.load([content])[0]
    job = {"store": str(store), "graphs": str(random_graphs), "backbone": "musicnn", "dataset": "msd"}
    write_json(tmp_path / "job.json", {**job, "hop_frames": 187, "contents": [content]})
    assert embed.main([str(tmp_path / "job.json")]) == 0
    other = FrozenNetwork(store, random_graphs, "musicnn", "msd", 187)
    (found,) = other.load([content])
    grid = dataclasses.replace(MUSICNN, patch_hop_frames=187)
    patches = cut_grid(Store(store).read(content, MUSICNN), grid)
    np.testing.assert_allclose(found, extractor.model(patches, training=False).numpy(), rtol=1e-4, atol=1e-5)
    assert (len(own), len(found)) == (5, 3)
    np.testing.assert_array_equal(extractor.load([content])[0], own)
    path = next(store.glob(f"{grid.key}-musicnn-msd-*/{content[:2]}/{content}.npy"))
    path.write_bytes(b"damaged")
    again = FrozenNetwork(store, random_graphs, "musicnn", "msd", 187)  # the other one remembers what it has read
    np.testing.assert_array_equal(again.load([content])[0], found)
