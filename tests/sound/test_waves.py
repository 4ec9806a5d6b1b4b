"""Graphs that read samples: in Essentia, in OpenVINO, in a plain pipeline, and one whole run."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import essentia
import essentia.standard as es
import essentia.streaming as ess
import numpy as np
import pytest

from essentia_ldl.errors import AudioError, CardError, GraphError
from essentia_ldl.features.samples import to_float, to_int16
from essentia_ldl.features.store import Store
from essentia_ldl.frontends import MUSICNN, SAMPLECNN, WAVE_3S, WAVE_5S, of_network
from essentia_ldl.models.folder import read_model
from essentia_ldl.records import FrontEnd
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.sound.choice import Chooser
from essentia_ldl.sound.compiled import CompiledNetwork
from essentia_ldl.sound.extractors import Embedder, embed_file
from essentia_ldl.sound.features import extract_features, extract_track
from essentia_ldl.sound.graph import load_graph, run_graph
from essentia_ldl.sound.predict import Predictor
from essentia_ldl.sound.request import Request
from essentia_ldl.sound.verify import replay_signal, verify_run
from essentia_ldl.sound.waves import WaveGraph, cut_signal, find_stored_signal, stream_file

REPOSITORY = Path(__file__).resolve().parents[2]
INPUT, SOFTMAX = "model/Placeholder", "model/Softmax"
RECURRENT = ("samplecnn-rnn4", "crnn")  # their loop is nothing that OpenVINO reads
BENCHMARKED = ("attention", "crnn", "fcn", "shortchunk", "shortchunk-res")  # they read bands
NETWORKS = (
    "samplecnn-rese2",
    "samplecnn-rnn4",
    "harmoniccnn",
    "pons-wave",
    "images",
    *BENCHMARKED,
)  # framecnn is the run
SHORT = dataclasses.replace(WAVE_3S, patch_frames=16384, patch_hop_frames=16384)


@pytest.fixture(scope="module")
def narrow(run_nets, tmp_path_factory) -> Path:
    """A folder with a narrow network of every family."""
    folder = tmp_path_factory.mktemp("waves")
    status, said = run_nets(REPOSITORY / "tests" / "make_waves.py", folder)
    assert status == 0, said
    return folder


@pytest.fixture(scope="module")
def request_of(wave_run) -> Request:
    """The trained network, as `predict` asks for it."""
    model = read_model(wave_run / "export" / "genre-framecnn-scratch.pb")
    return Request(model.name, str(model.graph), model.card)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_both_engines_answer_what_keras_answers(name, narrow):
    with np.load(narrow / f"{name}.npz") as arrays:
        inputs, expected = arrays["inputs"], {str(node): arrays[str(node)] for node in arrays["nodes"]}
    graph, nodes = narrow / f"{name}.pb", list(expected)
    engines = [run_graph(load_graph(graph, INPUT, nodes), graph, INPUT, inputs, nodes)]
    if name not in RECURRENT:
        engines.append(CompiledNetwork(graph, INPUT, nodes, 2).run(inputs))
    for found in engines:
        for node, values in expected.items():
            scale = 1.0 if node in (SOFTMAX, "model/Sigmoid") else max(1.0, float(np.abs(values).max()))
            np.testing.assert_allclose(found[node] / scale, values / scale, atol=1e-5, err_msg=node)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["samplecnn-rese2", "harmoniccnn", "pons-wave"])
def test_a_sample_less_or_more_than_whole_patches(name, narrow):
    """Each network answers, in either engine, of as many patches as training has, and of the same."""
    front_end, graph = of_network(name), narrow / f"{name}.pb"
    with np.load(narrow / f"{name}.npz") as arrays:
        size = arrays["inputs"].shape[1]
    hop = size * front_end.patch_hop_frames // front_end.patch_frames
    front_end = dataclasses.replace(front_end, patch_frames=size, patch_hop_frames=hop)
    engines = [WaveGraph(str(graph), INPUT, front_end, precision) for precision in (None, "f32")]
    network = load_graph(graph, INPUT, [SOFTMAX])
    for engine in engines:
        engine.want([SOFTMAX])
    noise = np.random.default_rng(6).uniform(-0.5, 0.5, size + 2 * hop + 1).astype(np.float32)
    for n_patches in (1, 2, 3):
        for more in (-1, 0, 1):
            signal = noise[: size + (n_patches - 1) * hop + more]
            starts = range(0, len(signal) - size + 1, hop)
            assert len(starts) == n_patches - (more < 0)
            patches = np.array([signal[i : i + size] for i in starts])
            for engine in engines:
                found = engine.collect({f"waves.{front_end.sample_rate_hz}": signal}, "discard")[SOFTMAX]
                assert len(found) == len(starts)
                if len(starts):
                    expected = run_graph(network, graph, INPUT, patches, [SOFTMAX])[SOFTMAX]
                    np.testing.assert_allclose(found, expected, atol=1e-5)


# --- samples --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate_hz", "n_channels"), [(44100, 2), (16000, 1)])
def test_stored_samples_are_those_of_a_loader(rate_hz, n_channels, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(4, rate_hz, n_channels=n_channels), rate_hz)
    features, duration_s = extract_features(str(path), (WAVE_3S, MUSICNN))
    signal = es.MonoLoader(filename=str(path), sampleRate=16000, resampleQuality=4)()
    np.testing.assert_array_equal(features["wave-3s"], to_int16(signal))
    assert duration_s == pytest.approx(4, abs=0.1)
    alone = extract_features(str(path), (MUSICNN,))[0]["musicnn"]
    np.testing.assert_array_equal(features["musicnn"], alone)


def test_a_clip_shorter_than_a_patch_is_told(make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(2))
    with pytest.raises(AudioError, match=r"audio: expected at least 3\.00 s, one patch of wave-3s; got '2\.00 s'"):
        extract_features(str(path), (WAVE_3S,))


def test_patches_follow_each_other():
    signal = np.arange(40000, dtype=np.float32)
    blocks = list(cut_signal(signal, dataclasses.replace(SHORT, patch_frames=10000, patch_hop_frames=9000)))
    assert [len(block) for block in blocks] == [2, 2]
    assert np.concatenate(blocks)[:, 0].tolist() == [0, 9000, 18000, 27000]
    [block] = cut_signal(signal[:6], dataclasses.replace(SHORT, patch_frames=10), "repeat")
    assert block.tolist() == [[0, 1, 2, 3, 4, 5, 0, 1, 2, 3]]
    assert not list(cut_signal(signal[:6], SHORT))


# --- the same patches in training, in a pipeline and in predict -----------------------------------------------------


def read_grid(run_nets, folder: Path, front_end: FrontEnd, paths: list[Path]) -> list[np.ndarray]:
    """Extract files, and return the patches that training reads of each."""
    job = {"store": str(folder / "store"), "front_ends": [front_end.name]}
    contents = [extract_track({**job, "path": str(path)})["content"] for path in paths]
    out = folder / "grid.npz"
    status, said = run_nets(REPOSITORY / "tests" / "make_grid.py", job["store"], front_end.name, out, *contents)
    assert status == 0, said
    with np.load(out) as arrays:
        return [arrays[content] for content in contents]


def cut_by_essentia(signal: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Cut a signal as the FrameCutter that the card tells."""
    pool, data = essentia.Pool(), ess.VectorInput(signal)
    told = {"startFromZero": True, "validFrameThresholdRatio": 1, "silentFrames": "keep"}
    cutter = ess.FrameCutter(frameSize=front_end.patch_frames, hopSize=front_end.patch_hop_frames, **told)
    data.data >> cutter.signal
    cutter.frame >> (pool, "frames")
    essentia.run(data)
    return np.array(pool["frames"])


def write_noise(folder: Path, write_wav, rate_hz: int, lengths: list[int]) -> list[Path]:
    """Write files of some numbers of samples, which no resampling changes."""
    noise = np.random.default_rng(3).uniform(-0.5, 0.5, max(lengths))
    return [write_wav(folder / f"{n}.wav", noise[:n], rate_hz) for n in lengths]


@pytest.mark.parametrize("front_end", [SAMPLECNN, WAVE_3S, WAVE_5S], ids=lambda one: one.name)
def test_training_and_a_pipeline_cut_the_same_patches(front_end, run_nets, write_wav, tmp_path):
    """One sample less and one more than whole patches, of an odd window, of an even one, and of one that overlaps."""
    size, hop = front_end.patch_frames, front_end.patch_hop_frames
    wholes = [size + k * hop for k in range(3)]
    lengths = [whole + more for whole in wholes for more in (-1, 0, 1)][1:]
    paths = write_noise(tmp_path, write_wav, front_end.sample_rate_hz, lengths)
    grids = read_grid(run_nets, tmp_path, front_end, paths)
    assert [len(grid) for grid in grids] == [1, 1, 1, 2, 2, 2, 3, 3]
    for path, grid in zip(paths, grids, strict=True):
        signal = es.MonoLoader(filename=str(path), sampleRate=front_end.sample_rate_hz)()
        assert len(signal) == int(path.stem)
        rounded = to_float(to_int16(signal))
        np.testing.assert_array_equal(np.concatenate(list(cut_signal(rounded, front_end))), grid)
        np.testing.assert_array_equal(cut_by_essentia(rounded, front_end), grid)
    with pytest.raises(AudioError, match=f"one patch of {front_end.name}"):
        extract_features(str(write_noise(tmp_path, write_wav, front_end.sample_rate_hz, [size - 1])[0]), (front_end,))


def test_predict_answers_of_the_patches_of_training(request_of, run_nets, write_wav, tmp_path):
    lengths = [48000, 48001, 95999, 96000, 96001]
    paths = write_noise(tmp_path, write_wav, 16000, [47999, *lengths])
    grids = read_grid(run_nets, tmp_path, WAVE_3S, paths[1:])
    network = load_graph(request_of.graph, INPUT, [SOFTMAX])
    expected = [run_graph(network, request_of.graph, INPUT, grid, [SOFTMAX])[SOFTMAX] for grid in grids]
    assert [len(rows) for rows in expected] == [1, 1, 1, 2, 2]
    for engine in ("essentia", "openvino"):
        predictor = Predictor([request_of], chooser=Chooser(engine))
        for path, rows in zip(paths[1:], expected, strict=True):
            [found] = predictor.predict(str(path))
            assert found.segments.shape == rows.shape, path.name
            np.testing.assert_allclose(found.segments, rows, atol=1e-5, err_msg=path.name)
            assert not found.notes
        [short] = predictor.predict(str(paths[0]))  # a sample is missing: the first one takes its place
        assert short.segments.shape == (1, 2)
        assert short.notes == ("padded: 3.0 s repeated to one patch of 3.00 s",)


# --- one run --------------------------------------------------------------------------------------------------------


def test_a_run_is_verified(wave_run):
    report = verify_run(wave_run)
    [nodes] = report["golden"].values()
    assert nodes["model/Softmax"] < 1e-5
    for found in report["audio"].values():
        assert found["steps of int16"] == 0
        assert found["audio to full graph"] < 1e-5


def test_verification_refuses_other_samples(wave_run):
    plan = read_plan(wave_run)
    audio = plan.places.audio[0]
    samples = Store(plan.store).read(audio.content, plan.front_end)
    others, full = np.asarray(samples) + np.int16(2), wave_run / "export" / "genre-framecnn-scratch.pb"
    with pytest.raises(GraphError, match="stored audio: expected MonoLoader's samples, rounded to int16"):
        replay_signal(audio.path, others, plan.front_end, full)


def test_the_card_tells_the_chain(wave_run):
    card = json.loads((wave_run / "export" / "genre-framecnn-scratch.json").read_text())
    assert card["schema"]["inputs"] == [{"name": INPUT, "type": "float", "shape": [48000]}]
    assert card["inference"] == {"sample_rate": 16000, "algorithm": "TensorflowPredict"}
    ours = card["essentia_ldl"]
    assert ours["front_end"] == "wave-3s"
    assert ours["analysis"]["FrameCutter"]["frameSize"] == 48000
    chain = "MonoLoader >> FrameCutter >> VectorRealToTensor >> TensorToPool >> TensorflowPredict"
    assert any(chain in note for note in ours["notes"])
    cutter = es.FrameGenerator  # the same frames in standard mode
    signal = np.arange(100000, dtype=np.float32)
    wanted = ours["analysis"]["FrameCutter"]
    frames = list(
        cutter(
            signal,
            frameSize=wanted["frameSize"],
            hopSize=wanted["hopSize"],
            startFromZero=wanted["startFromZero"],
            validFrameThresholdRatio=wanted["validFrameThresholdRatio"],
        )
    )
    assert len(frames) == 2


def test_predict_runs_it_in_both_engines_as_a_pipeline_does(request_of, song):
    front_end = request_of.front_end
    theirs = stream_file(str(song), request_of.graph, INPUT, SOFTMAX, front_end)
    for engine in ("essentia", "openvino"):
        [found] = Predictor([request_of], chooser=Chooser(engine)).predict(str(song))
        assert found.segments.shape == theirs.shape
        np.testing.assert_allclose(found.segments, theirs, atol=1e-5)
        assert not found.notes


def test_it_is_an_extractor_as_it_is_a_pipeline(request_of, song):
    node, front_end = request_of.card.output("embeddings"), request_of.front_end
    found, _ = embed_file(str(song), Embedder(request_of.graph, INPUT, node, front_end))
    theirs = stream_file(str(song), request_of.graph, INPUT, node, front_end)
    np.testing.assert_allclose(found, theirs, rtol=1e-4, atol=1e-4 * np.max(np.abs(theirs)))


@pytest.mark.parametrize("engine", ["essentia", "openvino"])
def test_a_long_file_goes_through_the_disk(engine, request_of, song, monkeypatch):
    """Memory does not grow with its length, and the answers are the same."""
    predictor = Predictor([request_of], chooser=Chooser(engine))
    [expected] = predictor.predict(str(song))
    monkeypatch.setattr("essentia_ldl.sound.predict.is_long", lambda path: True)
    [found] = predictor.predict(str(song))
    np.testing.assert_array_equal(found.segments, expected.segments)


def test_of_a_signal_that_stands_there_twice_the_last_counts(tmp_path):
    np.concatenate([np.zeros(700), np.ones(1000)]).astype(np.float32).tofile(tmp_path / "waves.1000")
    found = find_stored_signal({"span of waves.1000": np.array([700, 1700])}, 1000, tmp_path)
    assert len(found) == 1000
    assert found[:].min() == 1
    assert len(find_stored_signal({"span of waves.1000": np.array([0, 1700])}, 1000, tmp_path)) == 1700
    assert len(find_stored_signal({}, 16000, tmp_path)) == 0


def test_short_audio_is_repeated_and_told(request_of, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(1.5))
    [found] = Predictor([request_of]).predict(str(path))
    assert found.segments.shape == (1, 2)
    assert found.notes == ("padded: 1.5 s repeated to one patch of 3.00 s",)


def test_another_sample_rate_is_refused(request_of):
    fields = json.loads(json.dumps({**request_of.card.fields}))
    fields["inference"]["sample_rate"] = 44100
    other = dataclasses.replace(request_of, card=type(request_of.card)(fields))
    rule = r"inference\.sample_rate: expected 16000 Hz, at which wave-3s was trained; got 44100"
    with pytest.raises(CardError, match=rule):
        _ = other.front_end


def test_a_graph_that_does_not_load_is_told(tmp_path):
    broken = tmp_path / "a.pb"
    broken.write_bytes(b"no graph")
    graph = WaveGraph(str(broken), INPUT, SHORT)
    graph.want([SOFTMAX])
    assert not graph.is_compiled
    with pytest.raises(GraphError, match="graph: expected a frozen graph"):
        graph.try_silence()


def test_a_pipeline_says_when_there_is_no_patch(request_of, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(1.5))
    with pytest.raises(GraphError, match=r"pipeline: expected audio of at least 3\.00 s; got 'no patch'"):
        stream_file(str(path), request_of.graph, INPUT, SOFTMAX, request_of.front_end)


# --- bad input ------------------------------------------------------------------------------------------------------


def test_samples_of_many_channels_are_their_mean(needs_ffmpeg, make_signal, write_wav, tmp_path):
    """Essentia opens at most two; of whole steps of int16, eight of which are added exactly."""
    channels = make_signal(4, 16000, seed=3, n_channels=8)
    path = write_wav(tmp_path / "eight.wav", channels, 16000)
    found = extract_features(str(path), (WAVE_3S,))[0]["wave-3s"]
    expected = np.round(channels * 32767).mean(axis=1)
    np.testing.assert_allclose(found[:, 0], expected, atol=1)


@pytest.mark.parametrize(
    ("seconds", "sentence"), [(0, "a file with content; got '0 bytes'"), (4, "sound; got 'silence'")]
)
def test_what_holds_no_sound_never_trains(seconds, sentence, write_wav, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"")
    if seconds:
        write_wav(path, np.zeros(seconds * 16000), 16000)
    with pytest.raises(AudioError, match=f"audio: expected {sentence}"):
        extract_track({"path": str(path), "store": str(tmp_path / "store"), "front_ends": ["wave-3s"]})
    assert not list((tmp_path / "store").rglob("*.npy"))


@pytest.mark.slow
def test_the_command_says_one_sentence_of_what_cannot_be_used(
    needs_ffmpeg, request_of, run_python, make_signal, write_wav, tmp_path
):
    """A short file is repeated, eight channels are mixed; nothing to hear and a card of another rate are refused."""
    graphs, music, name = tmp_path / "graphs", tmp_path / "music", request_of.name
    graphs.mkdir()
    music.mkdir()
    for path in Path(request_of.graph).parent.glob(f"{name}.*"):
        (graphs / path.name).write_bytes(path.read_bytes())
    signal = make_signal(7, 16000, seed=4)
    write_wav(music / "good.wav", signal, 16000)
    write_wav(music / "eight.wav", np.stack([signal] * 8, axis=1), 16000)
    write_wav(music / "short.wav", signal[:24000], 16000)
    write_wav(music / "silent.wav", 0 * signal, 16000)
    (music / "empty.wav").touch()

    def predict(*files: Path) -> tuple[int, str, str]:
        command = ("-m", "essentia_ldl", "predict", "-m", name, "--format", "json")
        done = run_python(*command, *map(str, files), ESSENTIA_LDL_HOME=str(tmp_path))
        assert "Traceback" not in done.stdout + done.stderr
        return done.returncode, done.stdout, done.stderr

    status, said, errors = predict(music)
    assert status == 1
    told = {Path(one["path"]).name: one for one in json.loads(said)}
    assert "expected a file with content; got '0 bytes'" in errors + said
    assert "expected sound; got 'silence'" in errors + said
    good, eight, short = (told[f"{one}.wav"]["probabilities"] for one in ("good", "eight", "short"))
    assert list(good) == list(eight) == list(short) == list(request_of.card.classes)
    np.testing.assert_allclose(list(eight.values()), list(good.values()), atol=1e-3)
    assert "padded: 1.5 s repeated to one patch of 3.00 s" in errors + said

    card = json.loads((graphs / f"{name}.json").read_text())
    card["inference"]["sample_rate"] = 44100
    (graphs / f"{name}.json").write_text(json.dumps(card))
    status, said, errors = predict(music / "good.wav")
    rule = "expected 16000 Hz, at which wave-3s was trained; got 44100"
    assert (status, said) == (1, "")
    assert errors == f"error: inference.sample_rate: {rule} ({name}). Export or copy the model again.\n"
