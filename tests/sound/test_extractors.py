"""Published extractors and VGGish: what training uses is what Essentia's published usage makes, and heads on it run.

The extractors are made small by `make_extractors.py`, in a process that may load TensorFlow; they have the nodes, the
fixed batch and the axes of the published ones. One process of the nets zone trains a head on each and a whole VGGish.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import essentia
import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.errors import AudioError, GraphError
from essentia_ldl.features.extractors import Extractor, describe_extractor
from essentia_ldl.features.store import Store
from essentia_ldl.frontends import EFFNET, MAEST, MUSICNN, VGGISH
from essentia_ldl.models.folder import find_extractor, read_model
from essentia_ldl.predict.ask import segment_times
from essentia_ldl.sound.decoder import Decoder
from essentia_ldl.sound.extractors import Embedder, embed_file, embed_track, stack_tokens
from essentia_ldl.sound.features import extract_features, extract_track
from essentia_ldl.sound.predict import Predictor
from essentia_ldl.sound.request import Request
from essentia_ldl.sound.verify import verify_run

EXTRACTORS = ("audioset-vggish-3", "fake-effnet-bs64-1", "fake-maest-5s-1")
CLASSES = ("non_sad", "sad")


def load_signal(path: Path) -> np.ndarray:
    return es.MonoLoader(filename=str(path), sampleRate=16000, resampleQuality=4)()


def run_published(folder: Path, name: str, signal: np.ndarray) -> np.ndarray:
    """Run an extractor as its documentation says; the numbers of rows are checked against its hop."""
    graph = str(folder / f"{name}.pb")
    if "vggish" in name:
        return es.TensorflowPredictVGGish(graphFilename=graph, output="model/vggish/embeddings")(signal)
    if "effnet" in name:
        return es.TensorflowPredictEffnetDiscogs(graphFilename=graph, output="PartitionedCall/embeddings")(signal)
    tokens = es.TensorflowPredictMAEST(
        graphFilename=graph, output="PartitionedCall/Identity_7", patchSize=316, patchHopSize=315
    )(signal)
    assert tokens.ndim == 4
    return np.hstack([tokens[:, 0, 0], tokens[:, 0, 1], tokens[:, 0, 2:].mean(axis=1)])


@pytest.fixture(scope="module")
def folder(extractor_graphs) -> Path:
    """graphs/ with three extractors."""
    return extractor_graphs


@pytest.fixture(scope="module")
def load_extractor(folder) -> Callable[[str], Extractor]:
    return lambda name: describe_extractor(read_model(folder / f"{name}.pb"))


def make_embedder(extractor: Extractor) -> Embedder:
    return Embedder(extractor.graph, extractor.input_name, extractor.node, extractor.front_end)


# --- the front-end of VGGish ----------------------------------------------------------------------------------------


def test_patches_made_for_training_are_those_of_essentia(folder, long_song):
    """Rule 1 of the design: bands of the store, cut by us, give the numbers of TensorflowPredictVGGish."""
    bands = extract_features(str(long_song), (VGGISH,))[0]["vggish"]
    starts = range(0, len(bands) - 96 + 1, 93)
    patches = np.stack([bands[start : start + 96] for start in starts])
    graph, node = str(folder / "audioset-vggish-3.pb"), "model/vggish/embeddings"
    network = es.TensorflowPredict(graphFilename=graph, inputs=["model/Placeholder"], outputs=[node], squeeze=True)
    pool = essentia.Pool()
    pool.set("model/Placeholder", np.ascontiguousarray(patches[:, np.newaxis]))
    ours = np.array(network(pool)[node]).reshape(len(patches), -1)
    theirs = es.TensorflowPredictVGGish(graphFilename=graph, output=node)(load_signal(long_song))
    assert ours.shape == theirs.shape == (32, 128)
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(theirs).max(), rtol=0)
    assert theirs.std() > 0.01


def test_the_shortest_signal_fills_one_patch(make_signal, write_wav, tmp_path, folder):
    signal = make_signal(2, 16000, seed=3)
    shortest = 94 * 160 + 1  # Essentia's FrameCutter begins a frame, centred, on every hop before the end
    path = write_wav(tmp_path / "a.wav", signal[:shortest], 16000)
    assert len(extract_features(str(path), (VGGISH,))[0]["vggish"]) == 96
    assert len(run_published(folder, "audioset-vggish-3", load_signal(path))) == 1
    path = write_wav(tmp_path / "b.wav", signal[: shortest - 1], 16000)
    with pytest.raises(AudioError, match=r"at least 0\.95 s, one patch of vggish"):
        extract_features(str(path), (VGGISH,))
    assert len(run_published(folder, "audioset-vggish-3", load_signal(path))) == 0


def test_the_numbers_are_essentias_defaults():
    for front_end in (MUSICNN, VGGISH, EFFNET, MAEST):
        algorithm = getattr(es, front_end.predict_algorithm)()
        assert algorithm.paramValue("patchSize") == front_end.patch_frames
        assert algorithm.paramValue("patchHopSize") == front_end.patch_hop_frames
        bands = getattr(es, front_end.input_algorithm)()(np.zeros(front_end.frame_samples, np.float32))
        assert len(bands) == front_end.n_bands


def test_vggish_and_musicnn_in_one_pass(song):
    both, _ = extract_features(str(song), (MUSICNN, VGGISH))
    for front_end in (MUSICNN, VGGISH):
        alone, _ = extract_features(str(song), (front_end,))
        np.testing.assert_array_equal(both[front_end.name], alone[front_end.name])


# --- embeddings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "n_rows", "size"), list(zip(EXTRACTORS, (32, 29, 5), (128, 24, 24), strict=True)))
def test_equals_published_usage(name, n_rows, size, folder, load_extractor, long_song):
    found, duration_s = embed_file(str(long_song), make_embedder(load_extractor(name)))
    expected = run_published(folder, name, load_signal(long_song))
    assert found.shape == expected.shape == (n_rows, size)
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)
    assert duration_s == pytest.approx(30, abs=0.11)
    assert expected.std() > 0.01


def test_more_patches_than_the_fixed_batch(folder, load_extractor, make_signal, write_wav, tmp_path):
    """80 s are 79 patches: one batch of 64 and one that is filled up."""
    path = write_wav(tmp_path / "a.wav", make_signal(80, 16000, seed=5), 16000)
    found, _ = embed_file(str(path), make_embedder(load_extractor("fake-effnet-bs64-1")))
    expected = run_published(folder, "fake-effnet-bs64-1", load_signal(path))
    assert len(expected) == (80 * 16000 // 256 + 1 - 128) // 62 + 1 > 64
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", EXTRACTORS)
def test_a_short_track_is_told_and_the_next_one_goes_on(name, load_extractor, song, make_signal, write_wav, tmp_path):
    extractor = load_extractor(name)
    embedder = make_embedder(extractor)
    before, _ = embed_file(str(song), embedder)
    path = write_wav(tmp_path / "short.wav", make_signal(0.8, seed=2))
    seconds = (extractor.front_end.patch_frames - 1) * extractor.front_end.hop_samples / 16000
    with pytest.raises(AudioError, match=rf"at least {seconds:.2f} s, one patch of {name}; got '0\.80 s'"):
        embed_file(str(path), embedder)
    assert embedder(load_signal(path), "repeat").shape == (1, before.shape[1])
    np.testing.assert_array_equal(embed_file(str(song), embedder)[0], before)


def test_tokens_stand_next_to_each_other():
    tokens = np.arange(2 * 5 * 3, dtype=np.float32).reshape(2, 1, 5, 3)
    rows = stack_tokens(tokens, "a")
    assert rows.shape == (2, 9)
    assert rows[1].tolist() == [15, 16, 17, 18, 19, 20, 24, 25, 26]  # CLS, DIST, mean of three
    np.testing.assert_array_equal(stack_tokens(tokens[:, :, :1], "a"), tokens[:, 0, 0])
    np.testing.assert_array_equal(stack_tokens(tokens[:, 0, 0], "a"), tokens[:, 0, 0])
    for shape in ((2, 2, 5, 3), (2, 1, 2, 3), (2, 5, 3)):
        with pytest.raises(GraphError, match="embeddings: expected"):
            stack_tokens(np.zeros(shape, np.float32), "a")


def test_a_broken_graph_is_one_sentence(load_extractor, tmp_path):
    (tmp_path / "broken.pb").write_bytes(b"not a graph")
    extractor = dataclasses.replace(load_extractor(EXTRACTORS[1]), graph=str(tmp_path / "broken.pb"))
    with pytest.raises(GraphError, match=r"a frozen graph with the nodes of its card; got .*broken\.pb"):
        make_embedder(extractor)


def test_a_job_fills_the_store_without_bands(load_extractor, song, tmp_path, monkeypatch):
    store, extractor = Store(tmp_path), load_extractor("fake-effnet-bs64-1")
    job = {"path": str(song), "store": str(tmp_path), "front_ends": [], "extractor": extractor.as_job(store)}
    done = extract_track(job)
    path = extractor.folder(store) / done["content"][:2] / f"{done['content']}.npy"
    np.testing.assert_array_equal(np.load(path), embed_file(str(song), make_embedder(extractor))[0])
    assert done["duration_s"] == pytest.approx(10, abs=0.11)
    path.unlink()
    assert embed_track({"path": str(song), "content": done["content"], "extractor": job["extractor"]})
    assert path.is_file()
    monkeypatch.setattr(Decoder, "decode", lambda *_: pytest.fail("decoded again"))
    assert extract_track(job) == done


def test_another_node_or_graph_has_another_folder(load_extractor, tmp_path):
    extractor = load_extractor("fake-maest-5s-1")
    changes = ({"node": "b"}, {"sha256": "0"}, {"front_end": MAEST}, {"algorithm": "x"}, {"input_name": "x"})
    folders = {dataclasses.replace(extractor, **change).folder(Store(tmp_path)) for change in changes}
    assert len(folders | {extractor.folder(Store(tmp_path))}) == len(changes) + 1


# --- heads on them, and a whole VGGish ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(extractor_runs) -> dict[str, Path]:
    """Run folders by name of the extractor, and "vggish" for head and full graph."""
    return extractor_runs


@pytest.fixture(scope="module")
def load_head(runs, folder) -> Callable[..., Request]:
    """A function (name of the run, stem) -> `Request` with its extractor."""

    def load(name: str, stem: str = "") -> Request:
        stem = stem or json.loads((runs[name] / "plan.json").read_text())["stems"]["head"]
        model = read_model(runs[name] / "export" / f"{stem}.pb")
        extractor = find_extractor(model, folder)
        inner = None if extractor is None else Request(extractor.name, extractor.graph, extractor.card)
        return Request(model.name, model.graph, model.card, inner)

    return load


@pytest.mark.parametrize("name", EXTRACTORS[1:])
def test_a_head_on_an_extractor_is_verified_alone(name, runs):
    report = verify_run(runs[name])
    [nodes] = report["golden"].values()
    assert nodes["model/Softmax"] <= 1e-5
    assert len(report["audio"]) == 2
    for found in report["audio"].values():
        assert set(found) == {"audio to embeddings", "audio to head"}
        assert max(found.values()) <= 1e-5


def test_a_vggish_is_verified_whole_and_as_a_head(runs):
    report = verify_run(runs["vggish"])
    assert set(report["golden"]) == {"mood_sad-vggish-audioset", "mood_sad-audioset-vggish"}
    assert {"model/vggish/fc2/Relu", "model/logits/BiasAdd"} <= set(report["golden"]["mood_sad-vggish-audioset"])
    for found in report["audio"].values():
        assert set(found) == {"audio to full graph", "audio to head"}
        assert max(found.values()) <= 1e-5


@pytest.mark.parametrize("stored", ["embeddings of another file", "another extractor"])
def test_what_does_not_come_from_the_audio_is_refused(stored, runs, tmp_path, folder):
    plan = json.loads((runs[EXTRACTORS[1]] / "plan.json").read_text())
    if stored == "another extractor":
        original = Path(plan["extractor"]["graph"])
        data = bytearray(original.read_bytes())
        position = len(data) // 2
        data[position : position + 400] = np.full(100, 0.5, "<f4").tobytes()
        (tmp_path / original.name).write_bytes(data)
        (tmp_path / original.with_suffix(".json").name).write_bytes(original.with_suffix(".json").read_bytes())
        plan["extractor"]["graph"] = str(tmp_path / original.name)
    else:
        first, second = plan["audio"]
        first["content"], second["content"] = second["content"], first["content"]
    run = tmp_path / "run"
    run.mkdir()
    (run / "export").symlink_to(runs[EXTRACTORS[1]] / "export")
    (run / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(GraphError, match="PartitionedCall/embeddings: expected"):
        verify_run(run)


@pytest.mark.parametrize("name", EXTRACTORS[1:])
def test_the_card_names_the_extractor_as_essentias_do(name, runs, load_head):
    request = load_head(name)
    card = request.card
    assert card.fields["inference"] == {
        "sample_rate": 16000,
        "algorithm": "TensorflowPredict2D",
        "embedding_model": {
            "algorithm": request.extractor.card.algorithm,
            "model_name": name,
            "link": f"https://example.org/{name}.pb",
        },
    }
    assert Path(request.graph).stem == f"mood_sad-{'fake-effnet' if 'effnet' in name else 'fake-maest-5s'}"
    plan = json.loads((runs[name] / "plan.json").read_text())
    assert card.fields["schema"]["inputs"][0]["shape"] == [plan["extractor"]["size"]]
    assert card.extra["patch_hop_frames"] == (62 if "effnet" in name else 315)


@pytest.mark.parametrize("name", EXTRACTORS[1:])
def test_a_head_gives_what_a_pipeline_of_essentia_gives(name, load_head, folder, long_song):
    request = load_head(name)
    [found] = Predictor([request]).predict(str(long_song))
    embeddings = run_published(folder, name, load_signal(long_song))
    expected = es.TensorflowPredict2D(graphFilename=request.graph, output="model/Softmax")(embeddings)
    np.testing.assert_allclose(found.segments, expected, atol=1e-5, rtol=0)
    assert (found.classes, found.notes) == (CLASSES, ())
    times = segment_times(read_model(request.graph), len(found.segments))
    front_end = request.front_end
    assert times[0] == (0.0, pytest.approx(front_end.patch_frames * 256 / 16000))
    assert times[1][0] == pytest.approx(front_end.patch_hop_frames * 256 / 16000)


def test_a_vggish_gives_what_a_pipeline_of_essentia_gives(load_head, folder, long_song):
    head, full = load_head("vggish"), load_head("vggish", "mood_sad-vggish-audioset")
    found_head, found_full = Predictor([head, full]).predict(str(long_song))
    signal = load_signal(long_song)
    expected = es.TensorflowPredictVGGish(graphFilename=full.graph)(signal)
    np.testing.assert_allclose(found_full.segments, expected, atol=1e-5, rtol=0)
    embeddings = run_published(folder, "audioset-vggish-3", signal)
    expected = es.TensorflowPredict2D(graphFilename=head.graph, output="model/Softmax")(embeddings)
    np.testing.assert_allclose(found_head.segments, expected, atol=1e-5, rtol=0)


def test_a_head_streams_when_its_dimensions_are_told(load_head, folder, song):
    """Contract 1.1: in streaming mode TensorflowPredict2D does not take its input's size from the data."""
    import essentia.streaming as ess

    head = load_head("vggish")
    loader = ess.MonoLoader(filename=str(song), sampleRate=16000, resampleQuality=4)
    graph = str(folder / "audioset-vggish-3.pb")
    network = ess.TensorflowPredictVGGish(graphFilename=graph, output="model/vggish/embeddings")
    classify = ess.TensorflowPredict2D(graphFilename=head.graph, output="model/Softmax", dimensions=128)
    pool = essentia.Pool()
    loader.audio >> network.signal
    network.predictions >> classify.features if hasattr(
        classify, "features"
    ) else network.predictions >> classify.signal
    classify.predictions >> (pool, "rows")
    essentia.run(loader)
    np.testing.assert_allclose(pool["rows"], Predictor([head]).predict(str(song))[0].segments, atol=1e-5)


def test_all_kinds_share_one_decoding(load_head, song, monkeypatch):
    requests = [*(load_head(name) for name in EXTRACTORS[1:]), load_head("vggish")]
    requests.append(load_head("vggish", "mood_sad-vggish-audioset"))
    calls = []
    real = Decoder.decode
    monkeypatch.setattr(Decoder, "decode", lambda *args: calls.append(args) or real(*args))
    together = Predictor(requests).predict(str(song))
    assert len(calls) == 1
    for request, shared in zip(requests, together, strict=True):
        [alone] = Predictor([request]).predict(str(song))
        np.testing.assert_array_equal(shared.segments, alone.segments)


def test_only_the_model_whose_patch_is_not_filled_is_padded(load_head, make_signal, write_wav, tmp_path):
    """Three seconds fill patches of EffNet and VGGish, and not the five seconds of this MAEST."""
    path = write_wav(tmp_path / "a.wav", make_signal(3, seed=8))
    effnet, maest, vggish = (load_head(name) for name in (*EXTRACTORS[1:], "vggish"))
    together = Predictor([effnet, maest, vggish]).predict(str(path))
    assert [bool(prediction.notes) for prediction in together] == [False, True, False]
    assert "one patch of 5.04 s" in together[1].notes[0]
    assert [len(prediction.segments) for prediction in together] == [1, 1, 3]
    for request, shared in zip((effnet, vggish), (together[0], together[2]), strict=True):
        np.testing.assert_array_equal(Predictor([request]).predict(str(path))[0].segments, shared.segments)


def test_a_published_classifier_with_a_fixed_batch_runs_too(folder, long_song):
    model = read_model(folder / "fake-effnet-bs64-1.pb")
    [found] = Predictor([Request(model.name, model.graph, model.card)]).predict(str(long_song))
    expected = es.TensorflowPredictEffnetDiscogs(graphFilename=model.graph, output="PartitionedCall/predictions")(
        load_signal(long_song)
    )
    np.testing.assert_allclose(found.segments, expected, atol=1e-5, rtol=0)


def test_another_extractor_of_the_same_name_is_refused(runs, folder, tmp_path):
    model = read_model(runs[EXTRACTORS[1]] / "export" / "mood_sad-fake-effnet.pb")
    for suffix in (".pb", ".json"):
        data = (folder / f"{EXTRACTORS[1]}{suffix}").read_bytes()
        (tmp_path / f"{EXTRACTORS[1]}{suffix}").write_bytes(data + (b"" if suffix == ".json" else b"\0"))
    with pytest.raises(GraphError, match=r"that mood_sad-fake-effnet was trained on; got 'other bytes'"):
        find_extractor(model, tmp_path)
    with pytest.raises(GraphError, match=r"nothing there.*They are published at https://example\.org/fake-effnet"):
        find_extractor(model, tmp_path / "none")


def test_the_length_of_a_maest_is_in_its_card(load_extractor):
    front_end = load_extractor("fake-maest-5s-1").front_end
    assert (front_end.patch_frames, front_end.patch_hop_frames) == (316, 315)
    assert frontends.get("maest").patch_frames == 1876
