"""Features against Essentia's own algorithms, the rule for short tracks, the store, and workers that die."""

from __future__ import annotations

import essentia
import essentia.standard as es
import essentia.streaming as ess
import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.errors import AudioError, StoreError
from essentia_ldl.features.store import Store
from essentia_ldl.files import digest_file
from essentia_ldl.frontends import MFCC, MFCC_FRAMES_13, MFCC_FRAMES_25, MUSICNN
from essentia_ldl.labels._mfcc import pool_frames
from essentia_ldl.parallel import run_jobs
from essentia_ldl.records import Failure
from essentia_ldl.sound import features
from essentia_ldl.sound.decoder import Decoder, Source
from essentia_ldl.sound.features import (
    compute_mfcc,
    connect_bands,
    cut_segment,
    extract_features,
    extract_track,
    probe_track,
)

EXTRACT = "essentia_ldl.sound.features:extract_track"


def compute_bands(signal: np.ndarray) -> np.ndarray:
    """Mel bands by Essentia's algorithms in standard mode."""
    bands = es.TensorflowInputMusiCNN()
    return np.array([bands(frame) for frame in es.FrameGenerator(signal, frameSize=512, hopSize=256)])


def compute_reference_mfcc(signal: np.ndarray) -> np.ndarray:
    """MFCC by the chain of the contract, section 4, every parameter written out, in streaming mode."""
    vector, pool = ess.VectorInput(signal), essentia.Pool()
    cutter = ess.FrameCutter(frameSize=1024, hopSize=512, silentFrames="keep")
    window = ess.Windowing(type="hann", size=1024, zeroPadding=1024)
    spectrum = ess.Spectrum(size=2048)
    mfcc = ess.MFCC(inputSize=1025, sampleRate=44100, numberBands=40, numberCoefficients=13, highFrequencyBound=11000)
    vector.data >> cutter.signal
    cutter.frame >> window.frame >> spectrum.frame
    spectrum.spectrum >> mfcc.spectrum
    mfcc.mfcc >> (pool, "mfcc")
    mfcc.bands >> None
    essentia.run(vector)
    return pool["mfcc"]


@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000])
def test_bands_are_essentias(rate_hz, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(5, rate_hz, n_channels=2), rate_hz)
    found, duration_s = extract_features(str(path), (MUSICNN,))
    signal = es.MonoLoader(filename=str(path), sampleRate=16000, resampleQuality=4)()
    expected = compute_bands(signal)
    assert found.keys() == {"musicnn"}
    assert found["musicnn"].dtype == np.float32
    assert found["musicnn"].shape == expected.shape == (len(found["musicnn"]), 96)
    np.testing.assert_allclose(found["musicnn"], expected, atol=1e-5, rtol=0)
    assert expected.std() > 0.1
    assert duration_s == pytest.approx(5, abs=0.11)


@pytest.mark.parametrize(
    ("n_samples", "n_frames"), [(47_360, 186), (47_616, 187), (47_617, 188), (48_000, 189), (16_000, 64)]
)
def test_number_of_frames(n_samples, n_frames, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(4, 16000)[:n_samples], 16000)

    def connect(source: Source) -> None:
        connect_bands(source, MUSICNN) >> (source.pool, "bands")

    pool, _ = Decoder((16000,), connect).decode(str(path))
    assert pool["bands"].shape == (n_frames, 96)


def test_one_patch_is_enough(make_signal, write_wav, tmp_path):
    signal = make_signal(4, 16000)
    path = write_wav(tmp_path / "a.wav", signal[: MUSICNN.patch_samples], 16000)
    assert len(extract_features(str(path), (MUSICNN,))[0]["musicnn"]) == 187


@pytest.mark.parametrize("n_samples", [32, 8_000, 47_360])
def test_too_short_for_a_patch(n_samples, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(4, 16000)[:n_samples], 16000)
    with pytest.raises(AudioError, match=r"at least 2\.98 s, one patch of musicnn; got '\d\.\d\d s' \(.*a\.wav\)"):
        extract_features(str(path), (MUSICNN,))


def test_mfcc_are_essentias(long_song):
    found, _ = extract_features(str(long_song), (MFCC,))
    signal = es.MonoLoader(filename=str(long_song), sampleRate=44100, resampleQuality=4)()
    expected = compute_reference_mfcc(signal[5 * 44100 : 20 * 44100])
    assert found["mfcc"].shape == expected.shape
    np.testing.assert_allclose(found["mfcc"], expected, atol=1e-5, rtol=1e-6)
    assert found["mfcc"].dtype == np.float32
    assert len(found["mfcc"]) >= 15 * 86 == 1290


def test_mfcc_fill_the_windows_of_the_labels(long_song):
    frames = extract_features(str(long_song), (MFCC,))[0]["mfcc"]
    expected = [frames[86 * i : 86 * (i + 1)].mean(axis=0, dtype=np.float64) for i in range(15)]
    np.testing.assert_allclose(pool_frames(frames), np.concatenate(expected), rtol=1e-9)


def test_one_pass_gives_what_two_give(long_song):
    both, _ = extract_features(str(long_song), (MUSICNN, MFCC))
    for front_end in (MUSICNN, MFCC):
        alone = extract_features(str(long_song), (front_end,))[0][front_end.name]
        np.testing.assert_array_equal(both[front_end.name], alone)


def compute_whole_track_mfcc(signal: np.ndarray) -> np.ndarray:
    """25 coefficients of every frame by Essentia's algorithms in standard mode, every parameter written out."""
    window, spectrum = es.Windowing(type="hann", size=2048, zeroPadding=0), es.Spectrum(size=2048)
    mfcc = es.MFCC(
        inputSize=1025, sampleRate=44100, numberBands=40, numberCoefficients=25, highFrequencyBound=11000, liftering=0
    )
    frames = es.FrameGenerator(signal, frameSize=2048, hopSize=1024)
    return np.array([mfcc(spectrum(window(frame)))[1] for frame in frames])


@pytest.mark.parametrize("rate_hz", [44100, 48000])
def test_mfcc_of_the_whole_track_are_essentias(rate_hz, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(22, rate_hz, n_channels=2), rate_hz)
    found = extract_features(str(path), (MFCC_FRAMES_25, MFCC_FRAMES_13))[0]
    signal = es.MonoLoader(filename=str(path), sampleRate=44100, resampleQuality=4)()
    expected = compute_whole_track_mfcc(signal)
    assert found["mfcc-frames-25"].shape == expected.shape == (-(-len(signal) // 1024) + 1, 25)
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(found["mfcc-frames-25"], expected, atol=1e-4, rtol=1e-6)
    np.testing.assert_allclose(compute_mfcc(signal, MFCC_FRAMES_25), expected, atol=1e-4, rtol=1e-6)
    assert expected.std(axis=0).min() > 0.5
    # the transform is orthogonal: fewer coefficients are the first of more
    np.testing.assert_array_equal(found["mfcc-frames-13"], found["mfcc-frames-25"][:, :13])


def test_louder_is_the_first_coefficient_alone(make_signal, write_wav, tmp_path):
    """Twice the level is four times the power, 20 log10 of it ("dbamp") in 40 bands, an orthonormal transform."""
    signal = make_signal(3, seed=4)
    quiet, loud = (
        extract_features(str(write_wav(tmp_path / f"{gain}.wav", gain * signal, form="f32")), (MFCC_FRAMES_25,))[0]
        for gain in (0.5, 1.0)
    )
    found = (loud["mfcc-frames-25"] - quiet["mfcc-frames-25"])[2:-4]
    expected = np.zeros(25)
    expected[0] = np.sqrt(40) * 20 * np.log10(4)
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1e-2)


def test_mfcc_of_silent_frames_are_the_same_in_every_run(make_signal, write_wav, tmp_path):
    signal = np.concatenate([make_signal(1), np.zeros(44100)])
    path = write_wav(tmp_path / "a.wav", signal)
    first, second = (extract_features(str(path), (MFCC_FRAMES_25,))[0]["mfcc-frames-25"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.all(np.isfinite(first))
    assert len(np.unique(first[46:], axis=0)) == 1


@pytest.mark.parametrize("n_samples", [1025, 2048])
def test_one_frame_of_mfcc_is_enough(n_samples, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(1)[:n_samples])
    assert extract_features(str(path), (MFCC_FRAMES_25,))[0]["mfcc-frames-25"].shape == (3, 25)


def test_less_than_a_frame_of_mfcc_is_told(make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(1)[:1000])
    with pytest.raises(AudioError, match=r"at least 0\.05 s, one frame of mfcc-frames-25; got '0\.02 s' \(.*a\.wav\)"):
        extract_features(str(path), (MFCC_FRAMES_25,))


def test_a_store_holds_mfcc_of_whole_tracks_beside_those_of_segments(song, tmp_path):
    store = Store(tmp_path / "store")
    job = {"path": str(song), "store": str(store.root), "front_ends": ["mfcc", "mfcc-frames-25", "mfcc-frames-13"]}
    content = extract_track(job)["content"]
    shapes = [store.read(content, front_end).shape for front_end in (MFCC, MFCC_FRAMES_25, MFCC_FRAMES_13)]
    assert shapes[0][1] == 13
    assert shapes[0][0] >= 1290
    assert shapes[1:] == [(432, 25), (432, 13)]


def test_segment_of_a_long_track():
    signal = np.arange(30 * 44100, dtype=np.float32)
    np.testing.assert_array_equal(cut_segment(signal, MFCC), signal[5 * 44100 : 20 * 44100])


def test_segment_of_exactly_twenty_seconds():
    signal = np.arange(20 * 44100, dtype=np.float32)
    np.testing.assert_array_equal(cut_segment(signal, MFCC), signal[5 * 44100 :])


def test_segment_of_18_s_starts_at_3_s():
    signal = np.arange(18 * 44100, dtype=np.float32)
    np.testing.assert_array_equal(cut_segment(signal, MFCC), signal[3 * 44100 :])


def test_segment_of_10_s_is_repeated():
    signal = np.arange(10 * 44100, dtype=np.float32)
    segment = cut_segment(signal, MFCC)
    assert segment.shape == (15 * 44100,)
    np.testing.assert_array_equal(segment, np.concatenate([signal, signal])[: 15 * 44100])


@pytest.mark.parametrize(
    ("duration_s", "offset_s"), [(18, 3), *(pytest.param(s, 5, marks=pytest.mark.slow) for s in (20, 30))]
)
def test_segment_of_a_file(duration_s, offset_s, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(duration_s, seed=8))
    signal = es.MonoLoader(filename=str(path), sampleRate=44100, resampleQuality=4)()
    expected = compute_reference_mfcc(signal[offset_s * 44100 : (offset_s + 15) * 44100])
    np.testing.assert_allclose(extract_features(str(path), (MFCC,))[0]["mfcc"], expected, atol=1e-5, rtol=1e-6)


def test_short_file_is_repeated(make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(4, seed=8))
    signal = es.MonoLoader(filename=str(path), sampleRate=44100, resampleQuality=4)()
    expected = compute_reference_mfcc(np.tile(signal, 4)[: 15 * 44100])
    np.testing.assert_allclose(extract_features(str(path), (MFCC,))[0]["mfcc"], expected, atol=1e-5, rtol=1e-6)
    assert len(expected) >= 1290


def test_extract_track_fills_the_store_once(song, tmp_path, monkeypatch):
    store = Store(tmp_path / "store")
    job = {"path": str(song), "store": str(store.root), "front_ends": ["musicnn", "mfcc"]}
    answer = extract_track(job)
    assert answer["content"] == digest_file(song)
    assert answer["duration_s"] == pytest.approx(10, abs=0.11)
    expected, _ = extract_features(str(song), (MUSICNN, MFCC))
    for front_end in (MUSICNN, MFCC):
        found = store.read(answer["content"], front_end)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected[front_end.name])

    def fail(*_args: object) -> None:
        raise RuntimeError("this file was read already")

    monkeypatch.setattr(features, "extract_features", fail)
    monkeypatch.setattr("essentia_ldl.features.store.digest_file", fail)
    assert extract_track(job) == answer


def test_extract_track_computes_only_what_is_missing(song, tmp_path, monkeypatch):
    job = {"path": str(song), "store": str(tmp_path / "store"), "front_ends": ["musicnn"]}
    extract_track(job)
    asked = []
    real = features.extract_features
    monkeypatch.setattr(
        features, "extract_features", lambda path, wanted, **how: asked.append(wanted) or real(path, wanted)
    )
    extract_track({**job, "front_ends": ["musicnn", "mfcc"]})
    assert asked == [(MFCC,)]


def test_changed_file_is_extracted_again(make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(4, seed=1))
    job = {"path": str(path), "store": str(tmp_path / "store"), "front_ends": ["musicnn"]}
    before = extract_track(job)
    write_wav(path, make_signal(5, seed=2))
    after = extract_track(job)
    assert before["content"] != after["content"]
    assert after["duration_s"] == pytest.approx(5, abs=0.11)


def test_failed_track_leaves_no_features(make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(1))
    store = tmp_path / "store"
    with pytest.raises(AudioError, match=r"at least 2\.98 s"):
        extract_track({"path": str(path), "store": str(store), "front_ends": ["mfcc", "musicnn"]})
    assert not list(store.rglob("*.npy"))


@pytest.fixture
def all_are_long(monkeypatch):
    """Make every file one that goes through the disk, in many pieces."""
    monkeypatch.setattr(features, "is_long", lambda path, longest_s: True)
    monkeypatch.setattr(features, "PIECE_VALUES", 5000)


def test_a_long_file_leaves_the_same_bytes_in_the_store(song, tmp_path, request):
    names = ["wave-3s", "samplecnn", "musicnn", "vggish", "mfcc", "mfcc-frames-25"]
    job = {"path": str(song), "front_ends": names}
    expected = extract_track({**job, "store": str(tmp_path / "memory")})
    request.getfixturevalue("all_are_long")
    assert extract_track({**job, "store": str(tmp_path / "disk")}) == expected
    memory, disk = Store(tmp_path / "memory"), Store(tmp_path / "disk")
    for front_end in map(frontends.get, names):
        paths = [store.path(expected["content"], front_end) for store in (memory, disk)]
        assert paths[0].read_bytes() == paths[1].read_bytes(), front_end.name
    found = {path.relative_to(disk.root) for path in disk.root.rglob("*")}
    assert found == {path.relative_to(memory.root) for path in memory.root.rglob("*")}, "nothing else is left"


@pytest.mark.usefixtures("all_are_long")
def test_a_long_file_that_fills_no_patch_leaves_nothing(make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(2.9))
    with pytest.raises(AudioError, match=r"audio: expected at least 3\.00 s, one patch of wave-3s; got '2\.90 s'"):
        extract_track({"path": str(path), "store": str(tmp_path / "store"), "front_ends": ["mfcc", "wave-3s"]})
    assert not list((tmp_path / "store").rglob("*.npy"))
    assert not list((tmp_path / "store").glob(".part*"))


def test_decoded_audio_counts_as_long_from_ten_minutes(song, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(features, "is_long", lambda path, longest_s: asked.append(longest_s))
    for name in ("musicnn", "wave-3s"):
        extract_track({"path": str(song), "store": str(tmp_path / "store"), "front_ends": [name]})
    assert asked == [1800, 600]


def test_full_disk_is_a_store_error(song, tmp_path):
    (tmp_path / "store").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="could not be written"):
        extract_track({"path": str(song), "store": str(tmp_path / "store"), "front_ends": ["musicnn"]})


def test_probe_track(song, tmp_path):
    assert probe_track({"path": str(song), "store": str(tmp_path / "store")}) == {
        "content": digest_file(song),
        "container": "wav",
        "duration_s": 10.0,
        "sample_rate_hz": 44100,
        "n_channels": 2,
    }


def test_front_ends_are_those_of_the_graphs():
    wrapper = es.TensorflowPredictMusiCNN()
    assert (MUSICNN.patch_frames, MUSICNN.patch_hop_frames) == (
        wrapper.paramValue("patchSize"),
        wrapper.paramValue("patchHopSize"),
    )
    bands = es.TensorflowInputMusiCNN()(np.zeros(MUSICNN.frame_samples, np.float32))
    assert len(bands) == MUSICNN.n_bands
    assert frontends.get("musicnn") is MUSICNN


@pytest.fixture
def fresh_workers(monkeypatch, tmp_path):
    """New worker processes for this test, which import modules from its folder, and none left over."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor(max_workers=2).shutdown(wait=True)
    monkeypatch.syspath_prepend(tmp_path)  # workers start with this process's path
    yield
    get_reusable_executor(max_workers=2).shutdown(wait=True)


def test_workers_extract_and_report(fresh_workers, make_signal, write_wav, tmp_path):
    good = [write_wav(tmp_path / f"{i}.wav", make_signal(4, seed=i)) for i in range(3)]
    text = tmp_path / "text.mp3"
    text.write_text("no music " * 100)
    short = write_wav(tmp_path / "short.wav", make_signal(1))
    store = Store(tmp_path / "store")
    jobs = [
        {"path": str(path), "store": str(store.root), "front_ends": ["musicnn"]}
        for path in (good[0], text, good[1], tmp_path / "missing.wav", short, good[2])
    ]
    found = {job["path"]: result for job, result in run_jobs(EXTRACT, jobs, "features", 2)}
    assert found.keys() == {job["path"] for job in jobs}
    for path in good:
        expected = extract_features(str(path), (MUSICNN,))[0]["musicnn"]
        np.testing.assert_array_equal(store.read(found[str(path)]["content"], MUSICNN), expected)
    reasons = {"text.mp3": "a file that decodes", "missing.wav": "nothing there", "short.wav": "at least 2.98 s"}
    for name, reason in reasons.items():
        failure = found[str(tmp_path / name)]
        assert isinstance(failure, Failure)
        assert failure.step == "features"
        assert reason in failure.reason


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_file_that_kills_its_worker_is_blamed_alone(n_jobs, fresh_workers, make_signal, write_wav, tmp_path):
    """A decoder that aborts cannot be had on demand, so a job kills the process on two files of eight."""
    (tmp_path / "killing_job.py").write_text(
        "import os\n"
        "from essentia_ldl.sound.features import extract_track\n"
        "def extract(job):\n"
        "    if 'killer' in job['path']:\n"
        "        os.abort()\n"
        "    return extract_track(job)\n"
    )
    names = ["0", "1", "killer-2", "3", "4", "killer-5", "6", "7"]
    paths = [write_wav(tmp_path / f"{name}.wav", make_signal(3.2, seed=3)) for name in names]
    jobs = [{"path": str(path), "store": str(tmp_path / "store"), "front_ends": ["musicnn"]} for path in paths]
    answers = list(run_jobs("killing_job:extract", jobs, "features", n_jobs))
    found = {job["path"]: result for job, result in answers}
    assert len(answers) == len(found) == len(jobs)
    for path in paths:
        if "killer" in path.name:
            assert isinstance(found[str(path)], Failure)
            assert "killed the process that decoded it" in found[str(path)].reason
        else:
            assert found[str(path)]["content"] == digest_file(path)


def test_opus_that_reaches_essentia_harms_nobody(fresh_workers, song, encode, make_signal, write_wav, tmp_path):
    """Without ffmpeg, asked first or afterwards: the file fails, by an error or by its worker's death, and alone."""
    (tmp_path / "direct_job.py").write_text(
        "from essentia_ldl.sound import audio, features\n"
        "audio._needs_ffmpeg = lambda path, container, n_channels: False\n"
        "audio.ffmpeg.is_there = lambda: False\n"
        "extract = features.extract_track\n"
    )
    opus = encode(song, tmp_path / "song.opus", "-c:a", "libopus")
    good = [write_wav(tmp_path / f"{i}.wav", make_signal(3.2, seed=i)) for i in range(3)]
    jobs = [{"path": str(path), "store": str(tmp_path / "store"), "front_ends": ["musicnn"]} for path in (opus, *good)]
    found = {job["path"]: result for job, result in run_jobs("direct_job:extract", jobs, "features", 2)}
    assert isinstance(found.pop(str(opus)), Failure)
    assert sorted(found) == [str(path) for path in good]
    assert all(isinstance(result, dict) for result in found.values())
