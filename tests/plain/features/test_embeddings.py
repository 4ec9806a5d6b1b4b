"""Embeddings as the plain zone sees them: where they are, which are missing, and what their mean is."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import RecipeError, StoreError, WeightsError
from essentia_ldl.features import embeddings
from essentia_ldl.files import Home, digest_file, read_json
from essentia_ldl.measure import baselines
from essentia_ldl.recipe.recipe import NetworkSettings
from essentia_ldl.records import Track

here = Home.from_environment  # the fixtures set the variable

NETWORK = NetworkSettings()


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))


@pytest.fixture
def collection() -> Collection:
    tracks = [Track(f"t{n:02}", f"/{n}", ("non_sad", "sad")[n % 2]) for n in range(12)]
    contents = {track.id: hashlib.sha256(track.id.encode()).hexdigest() for track in tracks}
    return Collection(tuple(tracks), contents, dict.fromkeys(contents, 20.0), (), here())


def write_embeddings(collection, backbone="musicnn") -> dict[str, np.ndarray]:
    """Write weights, and embeddings as the nets zone stores them."""
    here().graphs.mkdir(exist_ok=True)
    weights = here().graphs / f"msd-{backbone}-1.weights.h5"
    weights.write_bytes(b"weights")
    folder = here().store / f"{frontends.MUSICNN.key}-{backbone}-msd-{digest_file(weights)[:8]}"
    arrays = {}
    for number, track in enumerate(collection.tracks):
        content = collection.contents[track.id]
        arrays[track.id] = np.full((number + 1, 4), number, dtype=np.float32)
        arrays[track.id][0] += 1
        path = folder / content[:2] / f"{content}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, arrays[track.id])
    return arrays


def test_what_the_nets_zone_stored_is_read_and_averaged(collection):
    arrays = write_embeddings(collection)
    found = embeddings.read_embeddings(collection, NETWORK)
    assert list(found) == [track.id for track in collection.tracks]
    means = baselines.average(found)
    for track_id, array in arrays.items():
        np.testing.assert_array_equal(found[track_id], array)
        np.testing.assert_allclose(means[track_id], array.mean(axis=0), rtol=1e-6)


def test_embeddings_that_are_not_there_are_told_with_the_numbers(collection):
    with pytest.raises(WeightsError, match=r"pretrained weights.*graphs build"):
        embeddings.read_embeddings(collection, NETWORK)
    write_embeddings(collection)
    next(here().store.rglob("*.npy")).unlink()
    with pytest.raises(StoreError, match="1 of 12 missing"):
        embeddings.read_embeddings(collection, NETWORK)
    (here().graphs / "msd-musicnn-1.weights.h5").write_bytes(b"other weights")
    with pytest.raises(StoreError, match="12 of 12 missing"):
        embeddings.read_embeddings(collection, NETWORK)


def test_a_damaged_array_is_removed_so_that_it_is_made_again(collection):
    write_embeddings(collection)
    path = next(here().store.rglob("*.npy"))
    path.write_bytes(b"no array")
    with pytest.raises(StoreError, match="readable array"):
        embeddings.read_embeddings(collection, NETWORK)
    assert not path.exists()


def test_a_network_from_scratch_has_none(collection):
    with pytest.raises(RecipeError, match="fine_tune none"):
        embeddings.make_embeddings(collection, NetworkSettings(fine_tune="none"))


def test_only_those_that_are_missing_are_asked_for(collection, monkeypatch):
    write_embeddings(collection)
    path = next(here().store.rglob("*.npy"))
    path.unlink()
    asked = []
    monkeypatch.setattr(embeddings, "run_zone", lambda module, job: asked.append((module, read_json(job))))
    embeddings.make_embeddings(collection, NETWORK)
    [(module, job)] = asked
    assert module == "essentia_ldl.nets.embed"
    assert (job["backbone"], job["dataset"], job["contents"]) == ("musicnn", "msd", [path.stem])
