"""Prediction against Essentia's published usage: MonoLoader at quality 4, TensorflowPredict* with their defaults."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.errors import AudioError, CardError, DiskError, GraphError
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import Model, read_model
from essentia_ldl.predict.ask import Question, predict_files
from essentia_ldl.predict.engines import recall_comparisons
from essentia_ldl.records import Failure
from essentia_ldl.sound import predict as predict_module
from essentia_ldl.sound.choice import Chooser
from essentia_ldl.sound.decoder import Decoder
from essentia_ldl.sound.predict import Predictor
from essentia_ldl.sound.request import Request

EXTRACTORS = ("msd-musicnn-1", "mtt-musicnn-1", "msd-vgg-1")


def load_signal(path: Path, quality: int = 4) -> np.ndarray:
    return es.MonoLoader(filename=str(path), sampleRate=16000, resampleQuality=quality)()


def change_card(request: Request, change: Callable[[dict], None]) -> Request:
    """Return a request whose card `change` has edited."""
    fields = json.loads(json.dumps(dict(request.card.fields)))
    change(fields)
    return dataclasses.replace(request, card=GraphCard(fields))


def as_model(request: Request) -> Model:
    return Model(request.name, request.graph, request.card)


@pytest.fixture(scope="module")
def long_song(audio_folder, make_signal, write_wav) -> Path:
    """Eighteen seconds of stereo: eleven patches, of which four are run at once."""
    return write_wav(audio_folder / "eighteen.wav", make_signal(18, seed=2, n_channels=2))


@pytest.fixture(scope="module")
def trained(exported_run, load_request) -> dict[str, Request]:
    """The full graph and the head of the exported run."""
    folder = exported_run / "export"
    return {
        "full": load_request(folder / "mood_sad-musicnn-msd.pb"),
        "head": load_request(folder / "mood_sad-msd-musicnn.pb"),
    }


@pytest.fixture
def no_audio(monkeypatch) -> None:
    """Any attempt to read audio fails the test."""

    def fail(*_args: object) -> None:
        pytest.fail("audio was read")

    monkeypatch.setattr(Decoder, "decode", fail)


@pytest.mark.parametrize("name", ["msd-musicnn-1", pytest.param("mtt-musicnn-1", marks=pytest.mark.slow), "msd-vgg-1"])
def test_equals_published_usage(name, long_song, load_request):
    request = load_request(name)
    [found] = Predictor([request]).predict(str(long_song))
    expected = es.TensorflowPredictMusiCNN(graphFilename=request.graph, batchSize=64)(load_signal(long_song))
    assert found.segments.shape == expected.shape == ((1126 - 187) // 93 + 1, 50)
    np.testing.assert_allclose(found.segments, expected, atol=1e-5, rtol=0)
    np.testing.assert_allclose(found.probabilities, expected.mean(axis=0), atol=1e-5)
    assert (found.path, found.model, found.notes) == (str(long_song), name, ())
    assert found.classes == request.card.classes
    assert found.duration_s == pytest.approx(18, abs=0.11)
    assert expected.std() > 0.01


def test_another_quality_of_the_loader_is_that_of_a_pipeline(make_signal, write_wav, graphs, tmp_path):
    path = str(write_wav(tmp_path / "a.wav", make_signal(4, 44100, seed=6), 44100))
    model = read_model(graphs / "msd-vgg-1.pb")
    network, found = es.TensorflowPredictMusiCNN(graphFilename=model.graph), {}
    for quality in (None, 1, 4):
        [[answer]] = predict_files([model], [path], graphs, Question(engine="essentia", resample_quality=quality))
        signal = es.MonoLoader(filename=path, sampleRate=16000, resampleQuality=4 if quality is None else quality)()
        found[quality] = answer.probabilities
        np.testing.assert_allclose(answer.probabilities, network(signal).mean(axis=0), atol=1e-5)
    assert np.array_equal(found[None], found[4])
    assert np.max(np.abs(found[1] - found[4])) > 1e-4


@pytest.mark.slow
def test_more_patches_than_a_batch_of_essentias(make_signal, write_wav, load_request, tmp_path):
    """68 patches: Essentia runs 64 and 4, we run fours."""
    path = write_wav(tmp_path / "a.wav", make_signal(103, 16000, seed=5), 16000)
    request = load_request("msd-vgg-1")  # the quick one
    expected = es.TensorflowPredictMusiCNN(graphFilename=request.graph)(load_signal(path))
    assert len(expected) > 64
    np.testing.assert_allclose(Predictor([request]).predict(str(path))[0].segments, expected, atol=1e-5, rtol=0)


def test_full_classifier_equals_published_usage(trained, long_song):
    [found] = Predictor([trained["full"]]).predict(str(long_song))
    expected = es.TensorflowPredictMusiCNN(graphFilename=trained["full"].graph)(load_signal(long_song))
    np.testing.assert_allclose(found.segments, expected, atol=1e-5, rtol=0)
    assert found.classes == ("non_sad", "sad")
    np.testing.assert_allclose(found.segments.sum(axis=1), 1, atol=1e-5)


def test_head_equals_published_usage(trained, long_song, graphs):
    [found] = Predictor([trained["head"]]).predict(str(long_song))
    embed = es.TensorflowPredictMusiCNN(graphFilename=str(graphs / "msd-musicnn-1.pb"), output="model/dense/BiasAdd")
    embeddings = embed(load_signal(long_song))
    expected = es.TensorflowPredict2D(graphFilename=trained["head"].graph, output="model/Softmax")(embeddings)
    assert embeddings.shape[1] == 200
    np.testing.assert_allclose(found.segments, expected, atol=1e-5, rtol=0)


def test_head_equals_the_full_graph(trained, long_song):
    head, full = Predictor([trained["head"], trained["full"]]).predict(str(long_song))
    np.testing.assert_allclose(head.segments, full.segments, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_models_share_a_pass(trained, song, load_request):
    requests = [trained["head"], *(load_request(name) for name in EXTRACTORS), trained["full"]]
    together = Predictor(requests).predict(str(song))
    assert [prediction.model for prediction in together] == [request.name for request in requests]
    for request, shared in zip(requests, together, strict=True):
        [alone] = Predictor([request]).predict(str(song))
        np.testing.assert_array_equal(shared.segments, alone.segments)


def test_head_and_its_extractor_decode_once(trained, song, load_request, monkeypatch):
    calls = []
    real = Decoder.decode
    monkeypatch.setattr(Decoder, "decode", lambda *args: calls.append(args) or real(*args))
    Predictor([trained["head"], load_request("msd-musicnn-1")]).predict(str(song))
    assert len(calls) == 1


def test_predictor_goes_from_file_to_file(trained, song, long_song, make_signal, write_wav, tmp_path):
    predictor = Predictor([trained["head"]])
    first = predictor.predict(str(song))[0].segments
    with pytest.raises(AudioError, match="silence"):
        predictor.predict(str(write_wav(tmp_path / "silent.wav", np.zeros(44100 * 4))))
    text = tmp_path / "text.mp3"
    text.write_text("no music")
    with pytest.raises(AudioError, match="a file that decodes"):
        predictor.predict(str(text))
    predictor.predict(str(long_song))
    predictor.predict(str(write_wav(tmp_path / "short.wav", make_signal(1))))
    np.testing.assert_array_equal(predictor.predict(str(song))[0].segments, first)


@pytest.mark.parametrize("duration_s", [0.5, 1.0, 2.9])
def test_short_track_is_repeated(duration_s, make_signal, write_wav, load_request, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(duration_s, seed=7))
    request = load_request("msd-musicnn-1")
    [found] = Predictor([request]).predict(str(path))
    expected = es.TensorflowPredictMusiCNN(graphFilename=request.graph, lastPatchMode="repeat")(load_signal(path))
    assert found.segments.shape == expected.shape == (1, 50)
    np.testing.assert_allclose(found.segments, expected, atol=1e-5, rtol=0)
    assert found.notes == (f"padded: {found.duration_s:.1f} s repeated to one patch of 2.98 s",)


def test_short_track_through_a_head(trained, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(1.5, seed=7))
    head, full = Predictor([trained["head"], trained["full"]]).predict(str(path))
    np.testing.assert_allclose(head.segments, full.segments, atol=1e-5)
    assert head.notes == full.notes
    assert head.notes[0].startswith("padded: 1.5 s")


@pytest.mark.parametrize("hop", [187, 93, 62])
def test_patch_hop(hop, song, load_request):
    request = load_request("msd-vgg-1")
    [found] = Predictor([request], hop).predict(str(song))
    expected = es.TensorflowPredictMusiCNN(graphFilename=request.graph, patchHopSize=hop)(load_signal(song))
    assert len(found.segments) == (626 - 187) // hop + 1  # 10 s are 626 frames
    np.testing.assert_allclose(found.segments, expected, atol=1e-5, rtol=0)


def test_patch_hop_of_the_card(song, load_request):
    request = change_card(load_request("msd-vgg-1"), lambda fields: fields["essentia_ldl"].update(patch_hop_frames=187))
    assert len(Predictor([request]).predict(str(song))[0].segments) == 3
    assert len(Predictor([request], 93).predict(str(song))[0].segments) == 5


def test_two_hops_in_one_pass(song, load_request):
    plain = load_request("msd-vgg-1")
    other = change_card(
        load_request("mtt-musicnn-1"), lambda fields: fields["essentia_ldl"].update(patch_hop_frames=187)
    )
    found = Predictor([plain, other]).predict(str(song))
    assert [len(prediction.segments) for prediction in found] == [5, 3]


def test_resampling_quality_of_the_card(song, load_request):
    """Everything comes from the card: a graph trained on quality 1 is run on quality 1."""
    request = change_card(
        load_request("msd-musicnn-1"), lambda fields: fields["essentia_ldl"].update(resample_quality=1)
    )
    [found] = Predictor([request]).predict(str(song))
    expected = es.TensorflowPredictMusiCNN(graphFilename=request.graph)(load_signal(song, 1))
    np.testing.assert_allclose(found.segments, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("data", [b"", b"not a graph", None])
def test_corrupted_graph(data, no_audio, load_request, tmp_path):
    request = load_request("msd-vgg-1")
    path = tmp_path / "broken.pb"
    path.write_bytes(Path(request.graph).read_bytes()[:100_000] if data is None else data)
    with pytest.raises(GraphError, match=r"a frozen graph with the nodes of its card; got .*broken\.pb"):
        Predictor([dataclasses.replace(request, graph=str(path))])


def test_missing_graph(no_audio, load_request, tmp_path):
    request = dataclasses.replace(load_request("msd-vgg-1"), graph=str(tmp_path / "none.pb"))
    with pytest.raises(GraphError, match=r"a frozen graph .*none\.pb"):
        Predictor([request])


def test_corrupted_head(no_audio, trained, tmp_path):
    path = tmp_path / "head.pb"
    path.write_bytes(b"not a graph")
    with pytest.raises(GraphError, match=r"a frozen graph with the nodes of its card; got .*head\.pb"):
        Predictor([dataclasses.replace(trained["head"], graph=str(path))])


@pytest.mark.parametrize("kind", ["full", "head"])
@pytest.mark.parametrize("part", ["inputs", "outputs"])
def test_wrong_node_in_the_card(part, kind, no_audio, trained):
    request = change_card(trained[kind], lambda fields: fields["schema"][part][0].update(name="model/Nothing"))
    with pytest.raises(GraphError, match=r"a frozen graph with the nodes of its card; got .*model/Nothing"):
        Predictor([request])


@pytest.mark.parametrize("kind", ["full", "head"])
@pytest.mark.parametrize("classes", [["non_sad"], ["happy", "non_sad", "sad"]])
def test_wrong_number_of_classes(classes, kind, no_audio, trained):
    """The card agrees with itself, and only the graph can tell."""

    def change(fields: dict) -> None:
        fields["classes"] = classes
        for output in fields["schema"]["outputs"]:
            if output["output_purpose"] == "predictions":
                output["shape"] = [len(classes)]

    with pytest.raises((GraphError, CardError), match=rf"{len(classes)} \w+, as its card|classes"):
        Predictor([change_card(trained[kind], change)])


def test_card_that_contradicts_itself(trained):
    with pytest.raises(CardError, match=r"2 names, as model/S\w+ has; got \['sad'\]"):
        change_card(trained["full"], lambda fields: fields.update(classes=["sad"]))


def test_head_on_embeddings_of_another_size(no_audio, trained, load_request):
    """The VGG's embeddings have another size than those the head was trained on."""
    wrong = dataclasses.replace(trained["head"], extractor=load_request("msd-vgg-1"))
    with pytest.raises((GraphError, CardError), match="embedding"):
        Predictor([wrong])


def test_algorithm_that_we_cannot_run(no_audio, load_request):
    request = change_card(
        load_request("msd-vgg-1"), lambda fields: fields["inference"].update(algorithm="TensorflowPredictEffnet")
    )
    with pytest.raises(CardError, match=r"inference\.algorithm: expected one of .*MusiCNN.*; got 'T"):
        Predictor([request])


def test_extractor_without_embeddings(no_audio, trained):
    extractor = change_card(
        trained["head"].extractor,
        lambda fields: [output.update(output_purpose="") for output in fields["schema"]["outputs"]],
    )
    with pytest.raises(CardError, match="an output for embeddings"):
        Predictor([dataclasses.replace(trained["head"], extractor=extractor)])


@pytest.fixture
def own_cache(monkeypatch, tmp_path) -> None:
    """What is remembered of this processor stays in the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def cache_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def shared_cache(monkeypatch, cache_folder) -> None:
    """What is found out of this processor is remembered by the tests after this one, and nowhere else."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_folder))


@pytest.fixture
def mixed_files(song, long_song, make_signal, write_wav, tmp_path) -> dict[str, str | None]:
    """Path -> part of the reason, or None for a good file."""
    text, empty = tmp_path / "text.mp3", tmp_path / "empty.mp3"
    text.write_text("no music")
    empty.write_bytes(b"")
    cut = tmp_path / "cut.wav"
    cut.write_bytes(song.read_bytes()[:500_000])
    return {
        str(tmp_path / "missing.wav"): "nothing there",
        str(song): None,
        str(text): "a file that decodes",
        str(write_wav(tmp_path / "short.wav", make_signal(1))): None,
        str(cut): "10.0 s as its header says",
        str(write_wav(tmp_path / "silent.wav", np.zeros(44100 * 4))): "got 'silence'",
        str(empty): "0 bytes",
        str(long_song): None,
    }


@pytest.mark.parametrize(
    "names",
    [pytest.param(names, marks=pytest.mark.slow) for names in (("msd-vgg-1",), ("head", "msd-musicnn-1"))],
    ids=" ".join,
)
def test_predict_files(shared_cache, mixed_files, names, trained, load_request, graphs):
    requests = [trained["head"] if name == "head" else load_request(name) for name in names]
    answers = list(predict_files([as_model(request) for request in requests], list(mixed_files), graphs))
    assert len(answers) == len(mixed_files)
    predictor = Predictor(requests)
    for (path, reason), answer in zip(mixed_files.items(), answers, strict=True):
        if reason is not None:
            assert isinstance(answer, Failure)
            assert (answer.path, answer.step) == (path, "predict")
            assert reason in answer.reason
            continue
        for found, expected in zip(answer, predictor.predict(path), strict=True):
            np.testing.assert_allclose(found.segments, expected.segments, atol=1e-5, rtol=0)
            for field in ("path", "model", "classes", "duration_s", "notes"):
                assert getattr(found, field) == getattr(expected, field)


@pytest.mark.slow
def test_predict_files_passes_the_hop_on(shared_cache, song, load_request, graphs):
    [answer] = predict_files([as_model(load_request("msd-vgg-1"))], [str(song)], graphs, Question(patch_hop_frames=187))
    assert len(answer[0].segments) == 3


@pytest.mark.slow
def test_file_that_kills_the_process(own_cache, song, long_song, load_request, graphs, tmp_path, monkeypatch):
    """A decoder that aborts cannot be had on demand, so a hook of the interpreter dies when two files are opened."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def watch(event, arguments):\n"
        "    if event == 'open' and isinstance(arguments[0], str) and 'killer' in os.path.basename(arguments[0]):\n"
        "        os.abort()\n"
        "sys.addaudithook(watch)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    killers = [shutil.copy(song, tmp_path / f"killer-{i}.wav") for i in range(2)]
    files = [str(path) for path in (song, killers[0], long_song, killers[1])]
    answers = list(predict_files([as_model(load_request("msd-vgg-1"))], files, graphs))
    assert [isinstance(answer, Failure) for answer in answers] == [False, True, False, True]
    for path, answer in zip(files, answers, strict=True):
        if isinstance(answer, Failure):
            assert answer.path == path
            assert "killed the process that decoded it" in answer.reason
        else:
            assert answer[0].path == path


@pytest.mark.slow
def test_file_that_may_not_be_read(shared_cache, song, long_song, load_request, graphs, tmp_path, monkeypatch):
    """A file without permission fails with its own reason (a hook refuses it, because root may read everything)."""
    (tmp_path / "sitecustomize.py").write_text(
        "import errno, os, sys\n"
        "def watch(event, arguments):\n"
        "    if event == 'open' and isinstance(arguments[0], str) and 'locked' in os.path.basename(arguments[0]):\n"
        "        raise PermissionError(errno.EACCES, 'Permission denied', arguments[0])\n"
        "sys.addaudithook(watch)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    locked = shutil.copy(song, tmp_path / "locked.wav")
    failure, answer = predict_files([as_model(load_request("msd-vgg-1"))], [str(locked), str(long_song)], graphs)
    assert isinstance(failure, Failure)
    assert "ermission" in failure.reason
    assert answer[0].path == str(long_song)


@pytest.fixture(scope="module")
def odd_files(song, load_request, graphs, cache_folder, tmp_path_factory) -> tuple[list[str], list]:
    """A file whose name is not UTF-8 and another one twice, and the answers to them in one pass."""
    path = os.fsdecode(os.fsencode(tmp_path_factory.mktemp("odd")) + b"/caf\xe9.wav")
    files = [shutil.copy(song, path), str(song), str(song)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache_folder))
        return files, list(predict_files([as_model(load_request("msd-vgg-1"))], files, graphs))


def test_name_that_is_not_utf8(odd_files):
    files, (odd, plain, _) = odd_files
    np.testing.assert_allclose(odd[0].segments, plain[0].segments, atol=1e-6)
    assert odd[0].path == files[0]


def test_same_file_twice(odd_files):
    files, answers = odd_files
    assert [answer[0].path for answer in answers[1:]] == files[1:]


def test_a_hop_of_frames_is_none_of_samples():
    with pytest.raises(
        GraphError, match=r"patch hop: expected none for a network that hears samples; got 93 \(samplecnn"
    ):
        predict_module._set_hop(frontends.SAMPLECNN, 93)
    assert predict_module._set_hop(frontends.SAMPLECNN, None) is frontends.SAMPLECNN


def test_a_full_disk_ends_the_pass_and_is_no_failure_of_a_file(monkeypatch):
    class Full:
        runs_essentia = False

        def __init__(self, *settings):
            pass

        def predict(self, path):
            raise OSError(errno.ENOSPC, "No space left on device", path)

    monkeypatch.setattr(predict_module, "Predictor", Full)
    job = {"models": [], "patch_hop_frames": None, "uncertainty": None, "onednn_accepted": True}
    answers = predict_module._answers(job, ["a.wav", "b.wav"])
    assert [sorted(next(answers)) for _ in range(2)] == [["found", "ready", "runs_essentia", "warnings"], ["start"]]
    with pytest.raises(DiskError, match=r"The disk is full \(a\.wav\)"):
        next(answers)


def test_broken_model_ends_predict_files(shared_cache, song, load_request, graphs, tmp_path):
    card = load_request("msd-vgg-1").card
    ours = {key: value for key, value in card.extra.items() if key != "sha256"}  # nobody has compared the file
    (tmp_path / "broken.pb").write_bytes(b"not a graph")
    model = Model(
        "broken", str(tmp_path / "broken.pb"), dataclasses.replace(card, fields={**card.fields, "essentia_ldl": ours})
    )
    with pytest.raises(GraphError, match=r"a frozen graph with the nodes of its card; got .*broken\.pb"):
        list(predict_files([model], [str(song)], graphs))


# --- OpenVINO --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_both_engines_predict_the_same(trained, song, load_request, make_signal, write_wav, tmp_path):
    requests = [trained["head"], load_request("msd-musicnn-1"), load_request("msd-vgg-1"), trained["full"]]
    short = write_wav(tmp_path / "short.wav", make_signal(1))
    compiled, plain = Predictor(requests, chooser=Chooser("openvino")), Predictor(requests)
    assert plain.runs_essentia
    for path in (song, short):
        for found, expected in zip(compiled.predict(str(path)), plain.predict(str(path)), strict=True):
            np.testing.assert_allclose(found.segments, expected.segments, atol=1e-5, rtol=0)
            for field in ("path", "model", "classes", "duration_s", "notes"):
                assert getattr(found, field) == getattr(expected, field)


def test_a_compiled_graph_decodes_a_short_file_once(load_request, make_signal, write_wav, tmp_path, monkeypatch):
    path, calls, real = write_wav(tmp_path / "short.wav", make_signal(1)), [], Decoder.decode
    monkeypatch.setattr(Decoder, "decode", lambda *args: calls.append(args) or real(*args))
    Predictor([load_request("msd-vgg-1")], chooser=Chooser("openvino")).predict(str(path))
    assert len(calls) == 1


@pytest.mark.slow
def test_a_long_file_keeps_its_bands_on_the_disk(trained, song, load_request, monkeypatch):
    requests = [trained["head"], load_request("msd-vgg-1")]
    predictor, seen = Predictor(requests, chooser=Chooser("openvino")), []
    expected = predictor.predict(str(song))
    real = predict_module.find_stored_bands
    monkeypatch.setattr(predict_module, "is_long", lambda path: True)
    monkeypatch.setattr(predict_module, "find_stored_bands", lambda *args: seen.append(real(*args)) or seen[-1])
    for found, before in zip(predictor.predict(str(song)), expected, strict=True):
        np.testing.assert_array_equal(found.segments, before.segments)
    assert len(seen) == 1
    assert not [path for bands in seen for path in bands if Path(path).exists()]


@pytest.mark.slow
def test_the_process_tells_what_it_has_compared(own_cache, song, load_request, graphs):
    model, warnings = as_model(load_request("msd-vgg-1")), []
    for _ in range(2):
        [answer] = predict_files([model], [str(song)], graphs, Question(engine="openvino"), None, warnings.append)
        assert [(found["graph"], found["agrees"]) for found in recall_comparisons().values()] == [("msd-vgg-1", True)]
    assert warnings == []
    [expected] = predict_files([model], [str(song)], graphs, Question(engine="essentia"))
    np.testing.assert_allclose(answer[0].segments, expected[0].segments, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_an_engine_that_is_not_installed_is_one_sentence(own_cache, song, load_request, graphs, tmp_path, monkeypatch):
    (tmp_path / "openvino.py").write_text("raise ImportError('libopenvino is not there')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    model = as_model(load_request("msd-vgg-1"))
    with pytest.raises(GraphError, match=r"got 'libopenvino is not there'.*pip install 'essentia-ldl\[fast\]'"):
        list(predict_files([model], [str(song)], graphs, Question(engine="openvino")))
    [answer] = predict_files([model], [str(song)], graphs)
    assert answer[0].path == str(song)


@pytest.mark.slow
def test_a_killed_command_goes_on_with_the_same_bytes(own_cache, song, graphs, tmp_path):
    """The whole command with its process, killed in the middle of 30 files, against one that nobody killed."""
    folder = tmp_path / "music"
    folder.mkdir()
    for number in range(30):
        shutil.copy(song, folder / f"{number:02}.wav")
    (folder / "17-bad.wav").write_text("no audio")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def start(output: str) -> subprocess.Popen[str]:
        model = str(graphs / "msd-musicnn-1.pb")
        command = [sys.executable, "-m", "essentia_ldl", "predict", "-m", model, "-o", output, "music"]
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)

    with start("whole.csv") as process:
        process.communicate()
    journal = tmp_path / "out.csv.journal"
    with start("out.csv") as process:
        while process.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") > 10):
            time.sleep(0.01)
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "out.csv").exists()
    with start("out.csv") as process:
        told = process.communicate()[1]
    assert process.returncode == 1, "a file is bad"
    assert re.match(r"(9|1\d|2\d) of 31 files were done before; going on with the others\.", told), told
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert (tmp_path / "out.failures.csv").read_bytes() == (tmp_path / "whole.failures.csv").read_bytes()
    assert not journal.exists()
