"""Opening files: what decodes, what is refused and with which words, and that nothing kills the process."""

from __future__ import annotations

import functools
import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl.errors import AudioError
from essentia_ldl.sound import audio
from essentia_ldl.sound.audio import is_long, probe_audio, sniff_container
from essentia_ldl.sound.decoder import Decoder, Source

MP3 = ("-c:a", "libmp3lame")
# name -> ffmpeg options, container, whether the samples (and so the duration) are exactly those of the source
ENCODED = {
    "cbr.mp3": ((*MP3, "-b:a", "128k"), "mp3", True),
    "cbr-noxing.mp3": ((*MP3, "-b:a", "128k", "-write_xing", "0"), "mp3", False),
    "vbr.mp3": ((*MP3, "-q:a", "6"), "mp3", True),
    "vbr-noxing.mp3": ((*MP3, "-q:a", "6", "-write_xing", "0", "-id3v2_version", "0"), "mp3", False),
    "aac.m4a": (("-c:a", "aac"), "mp4", False),
    "alac.m4a": (("-c:a", "alac"), "mp4", True),
    "adts.aac": (("-c:a", "aac"), "other", False),
    "vorbis.ogg": (("-c:a", "libvorbis"), "ogg", False),
    "lossless.flac": (("-c:a", "flac"), "flac", True),
    "stereo.aiff": ((), "aiff", True),
    "opus.opus": (("-c:a", "libopus"), "opus", True),
    "opus.ogg": (("-c:a", "libopus"), "opus", True),
    "opus.webm": (("-c:a", "libopus"), "matroska", True),
    "vorbis.mkv": (("-c:a", "libvorbis"), "matroska", True),
    "pcm24.wav": (("-c:a", "pcm_s24le"), "wav", True),  # an extensible header
    "rf64.wav": (("-c:a", "pcm_s16le", "-rf64", "always"), "wav", True),
}


def collect(path: Path | str, *rates_hz: int) -> tuple[dict[int, np.ndarray], float]:
    """Return the samples of a file at some rates, by one pass of a `Decoder`, and its duration."""

    def connect(source: Source) -> None:
        for rate_hz in rates_hz:
            source.signals[rate_hz] >> (source.pool, f"signal.{rate_hz}")

    pool, duration_s = Decoder(rates_hz, connect).decode(str(path))
    return {rate_hz: pool[f"signal.{rate_hz}"] for rate_hz in rates_hz}, duration_s


def truncate(source: Path, target: Path, share: float = 0.4) -> Path:
    """Copy the beginning of a file."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "wav"),
        (b"RF64\xff\xff\xff\xffWAVEds64", "wav"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "other"),
        (b"FORM\x00\x00\x00\x00AIFFCOMM", "aiff"),
        (b"FORM\x00\x00\x00\x00AIFCFVER", "aiff"),
        (b"fLaC\x00\x00\x00\x22", "flac"),
        (b"OggS" + bytes(24) + b"\x01\x1e\x01vorbis", "ogg"),
        (b"OggS" + bytes(24) + b"OpusHead\x01", "opus"),
        (b"\x1aE\xdf\xa3\x01\x00\x00\x00", "matroska"),
        (b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00", "mp4"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x00", "mp3"),
        (b"\xff\xfb\x90\x64", "mp3"),  # MPEG 1 layer III
        (b"\xff\xf3\x40\xc0", "mp3"),  # MPEG 2 layer III
        (b"\xff\xe3\x18\xc4", "mp3"),  # MPEG 2.5 layer III
        (b"\xff\xf1\x50\x80", "other"),  # AAC in ADTS
        (b"\xff\xf9\x50\x80", "other"),
        (b"\xff", "other"),
        (b"hello, I am a text", "other"),
        (b"", "other"),
    ],
)
def test_sniff_reads_the_first_bytes(tmp_path, head, container):
    path = tmp_path / "file.mp3"
    path.write_bytes(head)
    assert sniff_container(str(path)) == container


@pytest.mark.parametrize("name", ENCODED)
def test_formats_decode(name, song, encode, audio_folder):
    options, container, is_exact = ENCODED[name]
    path = encode(song, audio_folder / name, *options)
    assert sniff_container(str(path)) == container
    info = probe_audio(str(path))
    assert info.container == container
    signals, duration_s = collect(path, 16000)
    decoded_s = len(signals[16000]) / 16000
    assert -0.001 <= duration_s - decoded_s <= 0.101
    assert duration_s == pytest.approx(10, abs=0.11 if is_exact else 0.2)
    assert np.abs(signals[16000]).max() > 0.1
    if container in ("wav", "flac", "aiff", "mp4") or name in ("cbr.mp3", "vbr.mp3", "vorbis.ogg"):
        assert (info.sample_rate_hz, info.n_channels) == (44100, 2)
        # the size of an RF64 file is beyond its 32-bit fields
        assert info.duration_s == (0 if name == "rf64.wav" else pytest.approx(10, abs=1))
    if "noxing" in name:
        assert info.duration_s == 0  # nothing that could be trusted


@pytest.mark.parametrize("name", ["lossless.flac", "alac.m4a", "stereo.aiff", "rf64.wav"])
def test_lossless_formats_give_the_same_samples(name, song, encode, audio_folder):
    path = encode(song, audio_folder / f"same-{name}", *ENCODED[name][0])
    np.testing.assert_array_equal(collect(path, 16000)[0][16000], collect(song, 16000)[0][16000])


@pytest.mark.parametrize("form", ["u8", "s16", "s24", "f32"])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_wav_sample_formats(form, n_channels, make_signal, write_wav, tmp_path):
    signal = make_signal(2, seed=3, n_channels=n_channels)
    path = write_wav(tmp_path / "a.wav", signal, form=form)
    info = probe_audio(str(path))
    assert (info.container, info.duration_s, info.sample_rate_hz, info.n_channels) == ("wav", 2.0, 44100, n_channels)
    signals, duration_s = collect(path, 44100)
    expected = signal if n_channels == 1 else signal.mean(axis=1)  # mono is the mean of the channels
    step = {"u8": 1 / 64, "s16": 1e-4, "s24": 1e-6, "f32": 1e-6}[form]
    np.testing.assert_allclose(signals[44100], expected, atol=step)
    assert duration_s == pytest.approx(2, abs=0.11)


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000])
def test_sampling_rates(rate_hz, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(3.03, rate_hz), rate_hz)
    assert probe_audio(str(path)).sample_rate_hz == rate_hz
    signals, duration_s = collect(path, 16000)
    assert len(signals[16000]) == pytest.approx(3.03 * 16000, abs=3)
    assert duration_s == pytest.approx(3.03, abs=0.11)


@pytest.mark.parametrize("rate_hz", [11025, pytest.param(44100, marks=pytest.mark.slow)])
def test_duration_of_a_long_file(rate_hz, write_wav, tmp_path):
    n_samples = 600 * rate_hz
    path = write_wav(tmp_path / "a.wav", np.random.default_rng(0).uniform(-0.5, 0.5, n_samples), rate_hz, "u8")
    assert Decoder((), lambda source: None).decode(str(path))[1] == pytest.approx(600, abs=0.11)


@pytest.mark.parametrize("rate_hz", [44100, 48000])
@pytest.mark.parametrize("targets_hz", [(16000,), (44100,), (16000, 44100)])
def test_resampling_is_that_of_monoloader(rate_hz, targets_hz, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(4, rate_hz, seed=4, n_channels=2), rate_hz)
    signals, _ = collect(path, *targets_hz)
    for target_hz in targets_hz:
        expected = es.MonoLoader(filename=str(path), sampleRate=target_hz, resampleQuality=4)()
        np.testing.assert_array_equal(signals[target_hz], expected)


def test_quality_is_passed_on(song):
    def connect(source: Source) -> None:
        source.signals[16000] >> (source.pool, "signal")

    found = Decoder((16000,), connect, 1).decode(str(song))[0]["signal"]
    np.testing.assert_array_equal(found, es.MonoLoader(filename=str(song), sampleRate=16000, resampleQuality=1)())
    assert not np.array_equal(found[:1000], collect(song, 16000)[0][16000][:1000])


def test_lossy_formats_are_those_of_monoloader(song, encode, audio_folder):
    path = encode(song, audio_folder / "mono.mp3", *MP3, "-b:a", "128k")
    expected = es.MonoLoader(filename=str(path), sampleRate=16000, resampleQuality=4)()
    np.testing.assert_array_equal(collect(path, 16000)[0][16000], expected)


def test_wrong_rate_in_the_tags(song, encode, audio_folder):
    """HE-AAC declares half of the rate that it decodes to; here the box of an m4a says so."""
    path = encode(song, audio_folder / "rate.m4a", "-c:a", "alac")
    right = collect(path, 16000)[0][16000]
    data = path.read_bytes()
    box = data.index(b"alac")  # the sample entry: 24 bytes on, the rate as 16.16 fixed point
    assert struct.unpack_from(">H", data, box + 28)[0] == 44100
    aac = encode(song, audio_folder / "rate-aac.m4a", "-c:a", "aac")
    data = bytearray(aac.read_bytes())
    box = data.index(b"mp4a")
    assert struct.unpack_from(">H", data, box + 28)[0] == 44100
    expected, duration_s = collect(aac, 16000)
    struct.pack_into(">H", data, box + 28, 22050)
    wrong = audio_folder / "rate-wrong.m4a"
    wrong.write_bytes(data)
    assert probe_audio(str(wrong)).sample_rate_hz == 22050
    found, found_s = collect(wrong, 16000)
    np.testing.assert_array_equal(found[16000], expected[16000])
    assert found_s == duration_s
    assert len(right) == pytest.approx(160000, abs=2)


def test_four_channels_through_ffmpeg(needs_ffmpeg, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "four.wav", make_signal(3, seed=5, n_channels=4))
    assert probe_audio(str(path)) == audio.AudioInfo("wav", 3.0, 44100, 4)
    signals, duration_s = collect(path, 16000)
    assert len(signals[16000]) == pytest.approx(48000, abs=2)
    assert np.abs(signals[16000]).max() > 0.1
    assert duration_s == pytest.approx(3, abs=0.11)


@pytest.mark.parametrize("name", ["opus.opus", "opus.ogg", "opus.webm", "four.wav"])
def test_without_ffmpeg_the_remedy_is_named(name, song, encode, make_signal, write_wav, tmp_path, monkeypatch):
    if name == "four.wav":
        path = write_wav(tmp_path / name, make_signal(1, n_channels=4))
    else:
        path = encode(song, tmp_path / name, "-c:a", "libopus")
    monkeypatch.setattr(audio.ffmpeg.shutil, "which", lambda _: None)
    for read in (probe_audio, lambda p: collect(p, 16000)):
        with pytest.raises(AudioError, match=r"at most 2 channels .*Install ffmpeg .*convert the file to stereo FLAC"):
            read(str(path))


def test_ffmpeg_that_fails_is_an_error(song, encode, tmp_path):
    path = encode(song, tmp_path / "a.webm", "-c:a", "libopus")
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(AudioError, match=r"expected a file that ffmpeg decodes; got '.+' \(.*a.webm\)"):
        collect(path, 16000)


@pytest.mark.parametrize(
    "name", ["Prélude № 1.wav", 'it\'s "so" $HOME & %d.wav', "Title: song.wav", "-dash.wav", "new\nline.wav"]
)
@pytest.mark.parametrize("suffix", ["wav", "opus"])
def test_names_of_files(name, suffix, song, encode, tmp_path, monkeypatch):
    """Names as people write them, also relative ones that look like a protocol or an option."""
    monkeypatch.chdir(tmp_path)
    path = Path(name).with_suffix(f".{suffix}")
    if suffix == "wav":
        shutil.copy(song, tmp_path / path)
    else:
        shutil.copy(encode(song, tmp_path / "plain.opus", "-c:a", "libopus"), tmp_path / path)
    probe_audio(str(path))
    assert collect(str(path), 16000)[1] == pytest.approx(10, abs=0.11)


def test_name_that_is_not_utf8(song, tmp_path):
    """Old collections have names in Latin-1, which Python holds as surrogates."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")
    shutil.copy(song, path)
    assert probe_audio(path).duration_s == 10
    np.testing.assert_array_equal(collect(path, 16000)[0][16000], collect(song, 16000)[0][16000])


# What is wrong with a file -> what the message says.
BAD = {
    "missing.wav": "an existing file; got 'nothing there'",
    "folder.wav": "a file; got 'a folder'",
    "empty.mp3": "a file with content; got '0 bytes'",
    "text.mp3": "a file that decodes; got '",
    "random.mp3": "a file that decodes; got '",
    "random.wav": "a file that decodes; got '",
    "header.wav": "a file that decodes; got '|samples; got 'an empty stream'|bytes as its header says",
    "no-samples.wav": "a file that decodes; got '|samples; got 'an empty stream'|bytes as its header says",
    "header.flac": "a file that decodes; got '|samples; got 'an empty stream'|bytes as its header says",
    "truncated.wav": r"10\.0 s as its header says; got '4\.0 s'",
    "truncated.aiff": r"bytes as its header says; got \d+ .*truncated",
    "truncated.flac": r"10\.0 s as its header says; got '[345]\.\d s'",
    "truncated.mp3": r"10\.0 s as its header says; got '[345]\.\d s'",
    "truncated.m4a": "a file that decodes; got '",
    "nan.wav": r"finite samples; got 'NaN at 0\.0 s'",
    "some-nan.wav": r"finite samples; got 'NaN at 1\.5 s'",
    "infinite.wav": r"finite samples; got 'NaN at 0\.5 s'",
    "silent.wav": "sound; got 'silence'",
    "silent.mp3": "sound; got 'silence'",
}
NEEDS_FFMPEG = ("header.flac", "truncated.flac", "truncated.mp3", "truncated.m4a", "silent.mp3")


@pytest.fixture(scope="module")
def make_bad(song, encode, write_wav, write_aiff, make_signal, tmp_path_factory) -> Callable[[str], Path]:
    """A function (key of BAD) -> path of such a file."""
    folder = tmp_path_factory.mktemp("bad")
    signal = make_signal(2, seed=6)

    def spoil(name: str, value: float, where: slice) -> Path:
        spoilt = signal.copy()
        spoilt[where] = value
        return write_wav(folder / name, spoilt, form="f32")

    def shorten(name: str, source: Path) -> Path:
        return truncate(source, folder / name)

    def encoded(suffix: str, *options: str, source: Path = song) -> Path:
        return encode(source, folder / f"whole.{suffix}", *options)

    def write(name: str, data: bytes) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    def silence() -> Path:
        return write_wav(folder / "silent.wav", np.zeros(3 * 44100))

    def make_folder() -> Path:
        (folder / "folder.wav").mkdir(exist_ok=True)
        return folder / "folder.wav"

    noise = np.random.default_rng(9).bytes(50_000)
    makers = {
        "missing.wav": lambda: folder / "missing.wav",
        "folder.wav": make_folder,
        "empty.mp3": lambda: write("empty.mp3", b""),
        "text.mp3": lambda: write("text.mp3", b"this is not music\n" * 400),
        "random.mp3": lambda: write("random.mp3", noise),
        "random.wav": lambda: write("random.wav", b"RIFF\x00\x00\x10\x00WAVE" + noise),
        "header.wav": lambda: write("header.wav", song.read_bytes()[:44]),
        "no-samples.wav": lambda: write_wav(folder / "no-samples.wav", np.zeros(0)),
        "header.flac": lambda: write("header.flac", encoded("flac").read_bytes()[:42]),
        "truncated.wav": lambda: shorten("truncated.wav", song),
        "truncated.aiff": lambda: shorten("truncated.aiff", write_aiff(folder / "whole.aiff", make_signal(5))),
        "truncated.flac": lambda: shorten("truncated.flac", encoded("flac")),
        "truncated.mp3": lambda: shorten("truncated.mp3", encoded("mp3", *MP3, "-b:a", "128k")),
        "truncated.m4a": lambda: shorten("truncated.m4a", encoded("m4a", "-c:a", "aac")),
        "nan.wav": lambda: spoil("nan.wav", np.nan, slice(None)),
        "some-nan.wav": lambda: spoil("some-nan.wav", np.nan, slice(67_000, 67_003)),
        "infinite.wav": lambda: spoil("infinite.wav", np.inf, slice(22_100, 22_101)),
        "silent.wav": silence,
        "silent.mp3": lambda: encode(silence(), folder / "silent.mp3", *MP3),
    }
    assert makers.keys() == BAD.keys()
    return functools.cache(lambda name: makers[name]())


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_audio_errors(name, make_bad):
    path = make_bad(name)
    with pytest.raises(AudioError, match=BAD[name]) as caught:
        collect(path, 16000, 44100)
    assert f"({path}). " in str(caught.value)  # where, and a remedy after it
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "name", ["missing.wav", "folder.wav", "empty.mp3", "text.mp3", "random.mp3", "header.wav", "truncated.aiff"]
)
def test_bad_files_fail_when_probed(name, make_bad):
    with pytest.raises(AudioError, match=BAD[name]):
        probe_audio(str(make_bad(name)))


@pytest.mark.slow
def test_bad_files_do_not_kill_the_process(make_bad, song, run_python):
    names = [name for name in BAD if name not in NEEDS_FFMPEG or shutil.which("ffmpeg")]
    paths = [str(make_bad(name)) for name in names]
    script = (
        "import json, sys\n"
        "from essentia_ldl.errors import AudioError\n"
        "from essentia_ldl.sound.decoder import Decoder\n"
        "decoder = Decoder((16000,), lambda s: s.signals[16000] >> (s.pool, 'x'))\n"
        "answers = []\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        answers.append(decoder.decode(path)[1])\n"
        "    except AudioError as error:\n"
        "        answers.append(str(error))\n"
        "print(json.dumps(answers))\n"
    )
    done = run_python("-c", script, str(song), *paths, *paths, str(song))
    assert (done.returncode, done.stderr) == (0, "")
    answers = json.loads(done.stdout)
    assert answers[0] == answers[-1] == pytest.approx(10, abs=0.11)
    assert all(isinstance(answer, str) for answer in answers[1:-1])
    assert len(answers) == 2 * len(names) + 2


def test_tiny_file(make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "tiny.wav", make_signal(0.002))
    assert collect(path, 16000)[1] == pytest.approx(0.002, abs=0.11)


def test_truncated_without_a_frame_count_is_what_is_there(song, encode, tmp_path):
    """An mp3 without Xing header declares nothing, so that the half that is there is taken as the track."""
    whole = encode(song, tmp_path / "whole.mp3", *MP3, "-b:a", "128k", "-write_xing", "0")
    assert collect(truncate(whole, tmp_path / "half.mp3", 0.5), 16000)[1] == pytest.approx(5, abs=0.2)


def test_a_failed_graph_does_not_spoil_the_next_file(song, make_bad):
    expected = collect(song, 16000)[0][16000]
    for name in ("nan.wav", "text.mp3", "silent.wav"):
        with pytest.raises(AudioError):
            collect(make_bad(name), 16000)
        np.testing.assert_array_equal(collect(song, 16000)[0][16000], expected)


def test_what_was_collected_is_the_callers(song):
    decoder = Decoder((), lambda source: None)
    pool, _ = decoder.decode(str(song))
    levels = pool["source.levels"].copy()
    assert len(levels) == 100
    decoder.decode(str(song))
    np.testing.assert_array_equal(pool["source.levels"], levels)


@pytest.mark.parametrize("n_channels", [1, 2, 4])
def test_a_container_does_not_change_the_level(n_channels, make_signal, write_wav, encode, tmp_path):
    """Lossless audio in Matroska, which ffmpeg decodes, gives the samples of the wav, which Essentia decodes."""
    signal = make_signal(4)
    signal = np.repeat(np.asarray(signal).reshape(len(signal), -1)[:, :1], n_channels, axis=1)
    wav = write_wav(tmp_path / "a.wav", signal if n_channels > 1 else signal[:, 0])
    boxed = encode(wav, tmp_path / "a.mka", "-c:a", "flac")
    single = write_wav(tmp_path / "one.wav", signal[:, 0])

    def connect(source):
        source.signals[44100] >> (source.pool, "signal")

    expected = Decoder((44100,), connect).decode(str(single))[0]["signal"]
    found = Decoder((44100,), connect).decode(str(boxed))[0]["signal"]
    assert len(found) == len(expected)
    assert np.abs(found - expected).max() < 1e-4


def test_a_truncated_wav_is_seen_before_it_is_decoded(make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(3))
    path.write_bytes(path.read_bytes()[:50000])
    with pytest.raises(AudioError, match=r"bytes as its header says"):
        probe_audio(str(path))


def write_header(path: Path, data_size: int, file_size: int) -> str:
    """Write a WAV whose header declares 8 kHz mono of 16 bits, and fill it up with a hole."""
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16) + b"data" + struct.pack("<I", data_size)
    with open(path, "wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 0) + head)
        file.truncate(file_size)
    return str(path)


@pytest.mark.parametrize(
    ("data_size", "file_size", "expected"),
    [
        (16000 * 1700, 28_000_000, False),
        (16000 * 1900, 31_000_000, True),
        (16000 * 1900, 1_000_000, False),  # truncated: not even looked at
        (0, 31_000_000, False),  # the header says nothing: by the size
        (0, 70_000_000, True),
    ],
)
def test_a_file_of_more_than_half_an_hour_is_long(tmp_path, data_size, file_size, expected):
    assert is_long(write_header(tmp_path / "a.wav", data_size, file_size)) is expected


def test_a_file_that_cannot_be_read_is_not_long(tmp_path):
    assert not is_long(str(tmp_path / "missing.wav"))
    noise = tmp_path / "a.mp3"
    noise.write_bytes(bytes(8_000_000))
    assert not is_long(str(noise))


def test_what_the_loader_says_of_a_file_stays_whole():
    reason = f"could not open /music/{'deep/' * 20}song.flac: invalid data found when processing input"

    class Loader:
        def configure(self, filename):
            raise RuntimeError(f"Error while configuring AudioLoader: AudioLoader: {reason}")

    assert len(reason) > 150
    with pytest.raises(AudioError) as caught:
        audio.open_loader(Loader(), "/tmp/x", "song.flac")
    assert f"got {reason!r} (song.flac)" in str(caught.value)


# Good files that Essentia's loader refuses, or is not to get: ffmpeg's options -> what is played.
PLAYED = {
    "six.m4a": ("-ac", "6", "-c:a", "aac"),  # B1
    "six.aac": ("-ac", "6", "-c:a", "aac"),
    "six.ac3": ("-ac", "6", "-c:a", "ac3"),
    "six.eac3": ("-ac", "6", "-c:a", "eac3"),
    "six.au": ("-ac", "6"),
    "six.caf": ("-ac", "6"),
    "six.mov": ("-ac", "6", "-c:a", "aac"),
    "six-flac.mp3": ("-ac", "6", "-c:a", "flac", "-f", "flac"),
    "six-adts.mp3": ("-ac", "6", "-c:a", "aac", "-f", "adts"),
    "opus.m4a": ("-c:a", "libopus", "-f", "mp4"),  # B2
    "opus.caf": ("-c:a", "libopus"),
    "opus.ts": ("-c:a", "libopus", "-f", "mpegts"),
    "flac.mp4": ("-c:a", "flac", "-strict", "-2", "-f", "mp4"),
    "a.w64": (),
    "adpcm.wav": ("-c:a", "adpcm_ms"),
    "mp2.ts": ("-c:a", "mp2", "-f", "mpegts"),
    "a.spx": ("-c:a", "libspeex"),
    "a.nut": ("-c:a", "pcm_s16le"),
    "alac.caf": ("-c:a", "alac"),
    "a.voc": (),
}


@pytest.fixture(scope="module")
def short(make_signal, write_wav, audio_folder) -> Path:
    """Two seconds of stereo at 44.1 kHz."""
    return write_wav(audio_folder / "short.wav", make_signal(2, seed=8, n_channels=2))


@pytest.fixture(scope="module")
def play() -> Callable[[Path], tuple[np.ndarray, float]]:
    """A function (path) -> samples at 16 kHz and duration, by one network."""
    decoder = Decoder((16000,), lambda source: source.signals[16000] >> (source.pool, "signal"))

    def run(path: Path) -> tuple[np.ndarray, float]:
        pool, duration_s = decoder.decode(str(path))
        return pool["signal"], duration_s

    return run


@pytest.mark.parametrize("name", PLAYED)
def test_what_ffmpeg_plays_is_played_b1_b2(name, short, play, encode, tmp_path):
    """B1, B2, B4: surround is the mean of its channels, and `data` judges as what decodes does."""
    path = encode(short, tmp_path / name, *PLAYED[name])
    signal, duration_s = play(path)
    assert duration_s == pytest.approx(2, abs=0.2)
    assert probe_audio(str(path)).sample_rate_hz >= 8000
    if name.startswith("six"):  # two of six channels have sound
        level = np.sqrt(np.mean(signal**2)) / np.sqrt(np.mean(play(short)[0] ** 2))
        assert level == pytest.approx(1 / 3, abs=0.04)


def test_mp3_of_two_rates_are_right_or_refused_a6(song, encode, tmp_path, monkeypatch):
    """A6: a file that is appended to one of another rate and other channels is not played too fast or too slow."""
    first = encode(song, tmp_path / "1.mp3", *MP3, "-ac", "1", "-ar", "22050")
    second = encode(song, tmp_path / "2.mp3", *MP3)
    joined = tmp_path / "joined.mp3"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    assert collect(joined, 16000)[1] == pytest.approx(20, abs=0.3)
    monkeypatch.setattr(audio.ffmpeg.shutil, "which", lambda _: None)
    with pytest.raises(AudioError, match="Install ffmpeg"):
        collect(joined, 16000)


@pytest.mark.parametrize("rate_hz", [1, 100, 1000, 1999, 400_001, 10**9, 2**31 - 1])
def test_rates_that_no_audio_has_are_refused_a10(rate_hz, song, tmp_path):
    """A10: a header of 1e9 Hz took 13 GB."""
    data = bytearray(song.read_bytes())
    struct.pack_into("<II", data, 24, rate_hz, (rate_hz * 4) & 0xFFFFFFFF)
    (tmp_path / "a.wav").write_bytes(data)
    for read in (probe_audio, lambda path: collect(path, 16000)):
        with pytest.raises(AudioError, match=rf"a sampling rate of 2000 to 400000 Hz; got {rate_hz} "):
            read(str(tmp_path / "a.wav"))


def test_rates_that_only_ffmpeg_reads_are_bounded_a10(song, encode, tmp_path):
    """A CAF file, which TagLib does not know: its rate is a float behind the first chunk's size."""
    path = encode(song, tmp_path / "song.caf")
    data = bytearray(path.read_bytes())
    assert struct.unpack_from(">d", data, 20) == (44100.0,)
    struct.pack_into(">d", data, 20, 3e9)
    path.write_bytes(data)
    for read in (
        probe_audio,
        Decoder((16000,), lambda source: source.signals[16000] >> (source.pool, "signal")).decode,
    ):
        with pytest.raises(AudioError, match="a sampling rate of 2000 to 400000 Hz; got 2147483647 "):
            read(str(path))


def test_channels_that_cancel_out_are_told_b9(make_signal, write_wav, tmp_path):
    signal = make_signal(2)
    path = write_wav(tmp_path / "a.wav", np.stack([signal, -signal], axis=1))
    with pytest.raises(AudioError, match=r"sound; got 'channels that cancel out in their mean' .*Invert one channel"):
        collect(path, 16000)
