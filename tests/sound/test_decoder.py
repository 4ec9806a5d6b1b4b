"""One network over many files: the numbers of a new network, and memory that does not grow (A9)."""

from __future__ import annotations

import contextlib
import gc
import time

import essentia.streaming as ess
import numpy as np
import pytest

from essentia_ldl.errors import AudioError
from essentia_ldl.frontends import MUSICNN
from essentia_ldl.sound import audio
from essentia_ldl.sound import decoder as decoder_module
from essentia_ldl.sound.decoder import Decoder, Source
from essentia_ldl.sound.features import connect_bands
from essentia_ldl.sound.patches import find_stored


def connect(source: Source) -> None:
    source.signals[16000] >> (source.pool, "signal")
    cutter = source.keep(ess.FrameCutter(frameSize=512, hopSize=256, silentFrames="keep"))
    bands = source.keep(ess.TensorflowInputMusiCNN())
    source.signals[16000] >> cutter.signal
    cutter.frame >> bands.frame
    bands.bands >> (source.pool, "bands")


@pytest.fixture(scope="module")
def files(write_wav, make_signal, tmp_path_factory) -> list[str]:
    """Files of several rates, numbers of channels and lengths."""
    folder = tmp_path_factory.mktemp("files")
    kinds = [(44100, 2, 4.0), (22050, 1, 2.0), (48000, 2, 3.0), (16000, 1, 5.0), (8000, 1, 1.0), (44100, 1, 4.0)]
    signals = [make_signal(seconds, rate, seed=i, n_channels=n) for i, (rate, n, seconds) in enumerate(kinds)]
    paths = [folder / f"{i}.wav" for i in range(len(kinds))]
    return [str(write_wav(path, signal, rate)) for path, signal, (rate, *_) in zip(paths, signals, kinds, strict=True)]


@pytest.mark.parametrize("quality", [1, 4])
def test_a_network_that_is_used_again_answers_as_a_new_one(files, quality):
    decoder = Decoder((16000,), connect, quality)
    for path in [*files, *reversed(files)]:
        found, duration_s = decoder.decode(path)
        expected, expected_s = Decoder((16000,), connect, quality).decode(path)
        assert duration_s == expected_s
        assert set(found) == set(expected)
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)


@pytest.mark.slow
def test_a_network_that_is_used_again_is_as_fast_as_a_new_one(write_wav, make_signal, tmp_path):
    """Essentia's mixer takes what is left at the end of a file, and no more than that from then on: here one sample."""
    leaves_one = str(write_wav(tmp_path / "leaves_one.wav", make_signal(1, 44100, n_channels=2)[: 3 * 4096 + 1], 44100))
    minute = str(write_wav(tmp_path / "minute.wav", make_signal(60, 44100, n_channels=2), 44100))

    def measure(decoder: Decoder) -> float:
        start = time.process_time()
        decoder.decode(minute)
        return time.process_time() - start

    def connect_signal(source: Source) -> None:
        source.signals[16000] >> (source.pool, "signal")

    used = Decoder((16000,), connect_signal)
    used.decode(leaves_one)
    times = [(measure(Decoder((16000,), connect_signal)), measure(used)) for _ in range(3)]
    new_s, used_s = map(min, zip(*times, strict=True))
    assert used_s < 2 * new_s, times


def test_a_file_that_is_refused_changes_nothing_for_the_next(files, write_wav, tmp_path):
    decoder = Decoder((16000,), connect)
    expected, _ = decoder.decode(files[0])
    text = tmp_path / "text.mp3"
    text.write_text("no music")
    nan = write_wav(tmp_path / "nan.wav", np.full(44100, np.nan), 44100, "f32")
    silent = write_wav(tmp_path / "silent.wav", np.zeros(44100), 44100)
    for path in (text, tmp_path / "missing.wav", nan, silent, text):
        with pytest.raises(AudioError):
            decoder.decode(str(path))
        np.testing.assert_array_equal(decoder.decode(files[0])[0]["bands"], expected["bands"])


def test_a_file_is_opened_once_and_nothing_is_configured_again(files, monkeypatch):
    """Each opening costs memory that Essentia does not give back, and so does each configuring."""
    decoder, calls = Decoder((16000,), connect), []
    real = audio.open_loader
    opened = lambda loader, readable, path: calls.append("open") or real(loader, readable, path)  # noqa: E731
    monkeypatch.setattr(audio, "open_loader", opened)
    monkeypatch.setattr(decoder_module, "open_loader", opened)
    configure = type(decoder._cutter).configure
    monkeypatch.setattr(
        type(decoder._cutter), "configure", lambda self, **some: calls.append("configure") or configure(self, **some)
    )
    for path in (files[0], files[0]):
        decoder.decode(path)
    assert calls == ["open", "configure", "open"]


def test_a_rate_that_is_refused_half_way_is_configured_anew_for_the_next_file(files, monkeypatch):
    decoder = Decoder((16000,), connect)
    expected, _ = decoder.decode(files[0])

    def refuse(**settings):
        raise RuntimeError("no such ratio")

    with monkeypatch.context() as patched:
        patched.setattr(decoder._resamplers[16000], "configure", refuse)
        with pytest.raises(RuntimeError, match="no such ratio"):
            decoder.decode(files[1])
    found, _ = decoder.decode(files[0])
    np.testing.assert_array_equal(found["source.levels"], expected["source.levels"])
    np.testing.assert_array_equal(found["signal"], expected["signal"])


def test_a_branch_that_got_nothing_is_not_in_the_answer(files):
    def connect_late(source: Source) -> None:
        trimmer = source.keep(ess.Trimmer(startTime=60, endTime=61, sampleRate=16000))
        source.signals[16000] >> trimmer.signal
        trimmer.signal >> (source.pool, "late")

    assert "late" not in Decoder((16000,), connect_late).decode(files[0])[0]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_files(files, measure_growth):
    """Case A9: 150 files took 3.1 GB. A network for each file, as before, keeps some 1,500 kB of it."""
    script = (
        "import json, sys\n"
        "from essentia_ldl.frontends import MUSICNN\n"
        "from essentia_ldl.sound.features import make_decoder, probe_audio\n"
        "found = []\n"
        "for i in range(300):\n"
        "    path = sys.argv[1 + i % (len(sys.argv) - 1)]\n"
        "    probe_audio(path)\n"
        "    make_decoder((MUSICNN,)).decode(path)\n"
        "    found += [rss()] if i in (59, 179, 299) else []\n"
        "print(json.dumps(found))\n"
    )
    assert measure_growth(script, *files) < 120 * 10, "kB of 120 files"


@pytest.mark.slow
def test_memory_of_predict_does_not_grow_with_the_number_of_files(files, graphs, measure_growth):
    """Case A9, as `predict folder/` does it.

    With a network for each file, TensorFlow's graph in it would keep 12,000 kB and more of it."""
    script = (
        "import json, sys\n"
        "from essentia_ldl.models.card import GraphCard\n"
        "from essentia_ldl.sound.predict import Predictor\n"
        "from essentia_ldl.sound.request import Request\n"
        "graph = sys.argv[1]\n"
        "card = GraphCard(json.load(open(graph.replace('.pb', '.json'))))\n"
        "predictor, found = Predictor([Request('msd', graph, card)]), []\n"
        "for i in range(160):\n"
        "    predictor.predict(sys.argv[2 + i % (len(sys.argv) - 2)])\n"
        "    found += [rss()] if i in (39, 79, 119, 159) else []\n"
        "print(json.dumps(found))\n"
    )
    grown = measure_growth(script, str(graphs / "msd-musicnn-1.pb"), *files)
    assert grown < 40 * 100, "kB of 40 files, of which some are shorter than a patch and decoded twice"


# --- files of a pass -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told_hz", [44100, 22050, 48000])
def test_what_went_to_files_is_exactly_what_the_last_reading_gave(
    told_hz, write_wav, make_signal, tmp_path, monkeypatch
):
    """A header that tells another rate makes a file stand twice in what it was written to: not a sample too many."""
    path = str(write_wav(tmp_path / "a.wav", make_signal(3.337, 44100, seed=5), 44100))
    expected, _ = Decoder((16000,), connect).decode(path)
    opened = decoder_module.open_audio

    @contextlib.contextmanager
    def open_wrongly(*given):
        with opened(*given) as (readable, declared_s, _):
            yield readable, declared_s, told_hz

    def connect_files(source: Source) -> None:
        source.collect(source.signals[16000], "signal", tmp_path / "signal")
        source.collect(connect_bands(source, MUSICNN), "bands", tmp_path / "bands")

    monkeypatch.setattr(decoder_module, "open_audio", open_wrongly)
    decoder = Decoder((16000,), connect_files)
    pool, _ = decoder.decode(path)
    del decoder
    gc.collect()
    n_runs = 1 if told_hz == 44100 else 2
    for name, n_bands in (("signal", 1), ("bands", 96)):
        found = find_stored(pool, name, tmp_path / name, n_bands)
        np.testing.assert_array_equal(found[:], expected[name].reshape(-1, n_bands))
        assert (found.first_frame > 0) is (n_runs == 2)
        assert (tmp_path / name).stat().st_size == 4 * n_bands * (found.first_frame + len(found))
