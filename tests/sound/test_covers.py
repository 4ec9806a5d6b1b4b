"""Music and its pictures, from a folder to an extractor that Essentia runs: one small collection, the whole way."""

from __future__ import annotations

import csv
import json
import shutil

import essentia
import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl.collection.read import Source
from essentia_ldl.datasets.demo import DemoSize, build_demo
from essentia_ldl.errors import GraphError
from essentia_ldl.features.extractors import describe_extractor
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import Home
from essentia_ldl.frontends import CQT
from essentia_ldl.models.folder import read_model
from essentia_ldl.predict.write import Output
from essentia_ldl.runs.covers import SYSTEMS, CoversSettings
from essentia_ldl.search.index import Embedding, index
from essentia_ldl.sound.covers import verify_covers
from essentia_ldl.sound.features import extract_track
from essentia_ldl.studies.covers.command import CoversTerms, measure

SETTINGS = CoversSettings(epochs=2, linear_epochs=10, width=0.125, size=8)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return Home(tmp_path_factory.mktemp("covers") / "home")


@pytest.fixture(scope="module")
def music(home):
    """Two classes of six tracks; one picture is damaged, one track has none."""
    size = DemoSize(n_tracks=6, n_artists=3, duration_s=20.0, covers=True)
    folder = build_demo(home.root.parent / "music", ("classical", "rock"), size)
    with open(folder / "index.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    (folder / rows[0]["cover"]).write_bytes(b"no picture")
    rows[1]["cover"] = ""
    with open(folder / "index.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture(scope="module")
def done(home, music):
    said = []
    terms = CoversTerms(folds=2, settings=SETTINGS, name="small")
    return measure(Source(str(music)), terms, home, 1, said.append), said


pytestmark = pytest.mark.slow


def test_the_table_has_every_system_and_failures_have_reasons(done):
    covered, said = done
    assert list(covered.found["systems"]) == list(SYSTEMS)
    for row in covered.found["systems"].values():
        low, high = row["intervals"]["balanced_accuracy"]
        assert 0 <= low <= row["balanced_accuracy"] <= high <= 1
    assert covered.found["systems"]["audio"]["gain"] == 0
    assert (covered.found["n_tracks"], covered.found["n_without_picture"]) == (10, 1)
    assert "pictures of 10 tracks (10 column); 1 track has none, 1 picture cannot be used" in said
    [failure] = covered.failures
    assert "a whole JPEG" in failure.reason
    assert "a whole JPEG" in (covered.folder / "failures.csv").read_text()


def test_the_same_again_trains_nothing(done, home, music):
    said = []
    terms = CoversTerms(folds=2, settings=SETTINGS, name="small")
    again = measure(Source(str(music)), terms, home, 1, said.append)
    assert again.folder == done[0].folder
    assert again.models == done[0].models == ("demo-small-covers-1",)
    assert again.found == json.loads((again.folder / "covers.json").read_text())


def test_the_extractor_is_what_a_pipeline_of_its_card_computes(done, home, music, tmp_path):
    """In `index`, and with `--extractor`."""
    model = read_model(home.graphs / "demo-small-covers-1.pb")
    card, told = model.card, model.card.extra["analysis"]
    path = sorted((music / "audio").iterdir())[3]
    signal = es.MonoLoader(filename=str(path), sampleRate=card.sample_rate_hz, resampleQuality=4)()
    transform = es.SpectrumCQ(**told["SpectrumCQ"])
    bins = np.array([transform(frame) for frame in es.FrameGenerator(signal, **told["FrameCutter"])])
    patch = (10 * np.log10(np.maximum(bins**2, 1e-10))).astype(np.float32)[: CQT.patch_frames]
    network = es.TensorflowPredict(
        graphFilename=str(model.graph), inputs=[card.input_name], outputs=["model/embeddings"], squeeze=True
    )
    pool = essentia.Pool()
    pool.set(card.input_name, np.ascontiguousarray(patch[np.newaxis, np.newaxis]))
    expected = np.array(network(pool)["model/embeddings"]).reshape(1, -1)
    assert expected.shape == (1, SETTINGS.size)

    extractor, store = describe_extractor(model), Store(tmp_path / "store")
    job = {"path": str(path), "store": str(store.root), "front_ends": [], "extractor": extractor.as_job(store)}
    content = extract_track(job)["content"]
    np.testing.assert_allclose(np.load(array_path(extractor.folder(store), content)), expected, rtol=1e-4, atol=1e-4)

    output = Output("text", str(tmp_path / "lib.index"))
    found = index((str(path),), Embedding(model=model.name), output, home.graphs, print)
    assert (found.n_tracks, found.model) == (1, model.name)


def test_tracks_may_have_several_genres(home, tmp_path):
    size = DemoSize(n_tracks=16, n_artists=8, duration_s=16.0, covers=True)
    folder = build_demo(tmp_path / "tags", ("bright", "loud"), size, kind="multi_label")
    terms = CoversTerms(folds=2, settings=SETTINGS, export=False)
    done = measure(Source(str(folder)), terms, home, 1, lambda line: None)
    assert (done.found["kind"], done.found["classes"], done.models) == ("multi_label", ["bright", "loud"], ())
    for row in done.found["systems"].values():
        low, high = row["intervals"]["roc_auc"]
        assert low <= row["roc_auc"] <= high


def test_a_head_is_trained_on_it_and_predicts(done, home, music, run_command):
    run_command(home.root, "new", "ages", "--data", str(music / "index.csv"))
    said = run_command(
        home.root,
        *("train", "ages", "--data", str(music / "index.csv"), "--extractor", done[0].models[0]),
        *("--labels", "none", "--epochs", "1"),
    )
    assert "verified" in said
    [head] = home.graphs.glob("*ages*.pb")
    path = sorted((music / "audio").iterdir())[2]
    found = json.loads(run_command(home.root, "predict", "--model", head.stem, "--format", "json", str(path)))
    assert "classical" in json.dumps(found)


def test_a_graph_that_answers_otherwise_is_refused(done, tmp_path):
    shutil.copytree(done[0].folder / "whole", tmp_path / "whole")
    golden = tmp_path / "whole" / "export" / "demo-small-covers.golden.npz"
    with np.load(golden) as arrays:
        changed = {name: arrays[name] for name in arrays}
    changed["model__embeddings_0"] = changed["model__embeddings_0"] * 1.01
    np.savez(golden, **changed)
    with pytest.raises(GraphError, match="model/embeddings: expected what Keras computed"):
        verify_covers(tmp_path / "whole")
