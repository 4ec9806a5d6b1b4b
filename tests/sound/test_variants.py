"""Variants of audio through ffmpeg: a sine keeps its length at another pitch and its pitch at another tempo."""

from __future__ import annotations

import json
import shutil
import wave

import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.choices import AUDIO_VARIANTS, DEFORMATIONS
from essentia_ldl.errors import AudioError
from essentia_ldl.features.store import Store, find_variant
from essentia_ldl.sound import variants
from essentia_ldl.sound.features import extract_track

CONTENT = "ab" * 32


@pytest.fixture(scope="module")
def bands(needs_ffmpeg, tmp_path_factory, write_wav):
    """Bands of a sine of 1 kHz and of all of its variants, by variant."""
    folder = tmp_path_factory.mktemp("variants")
    path = str(write_wav(folder / "sine.wav", 0.5 * np.sin(2 * np.pi * 1000 * np.arange(44100 * 5) / 44100)))
    job = {"path": path, "content": CONTENT, "store": str(folder / "store"), "front_ends": ["musicnn"]}
    variants.extract_variant({**job, "variants": list(variants.COMMANDS)})
    content = extract_track({"path": path, "store": job["store"], "front_ends": ["musicnn"]})["content"]
    store = Store(folder / "store")
    found = {name: store.read(CONTENT, frontends.MUSICNN, name) for name in variants.COMMANDS}
    return {"": store.read(content, frontends.MUSICNN), **found}


def find_peak(values):
    return int(values[60:120].mean(axis=0).argmax())


def test_every_variant_that_is_no_quality_has_a_command():
    own = {name for names in AUDIO_VARIANTS.values() for name in names if find_variant(frontends.MUSICNN, name)[1]}
    tested = {name for names in DEFORMATIONS.values() for name in names}
    assert own | tested == set(variants.COMMANDS)


def test_a_variant_changes_what_its_name_says(bands):
    n_frames, peak = len(bands[""]), find_peak(bands[""])
    for name, values in bands.items():
        speed = ({"tempo-106": 1.06, "tempo-94": 0.94} | DEFORMATIONS["tempo"]).get(name, 1.0)
        assert len(values) == pytest.approx(n_frames / speed, abs=6), name
        assert values.dtype == np.float32
        moved = find_peak(values) - peak
        assert np.sign(moved) == np.sign(DEFORMATIONS["pitch"].get(name, 0)), name
    assert not np.array_equal(bands["mp3-64k"][:300], bands[""][:300])


def test_the_stronger_a_deformation_is_the_further_it_goes(bands):
    far = {name: np.abs(bands[name][60:120] - bands[""][60:120]).mean() for name in DEFORMATIONS["noise"]}
    assert list(far.values()) == sorted(far.values())
    assert far["noise-1"] > 0
    loud = {name: bands[name][60:120].max() for name in DEFORMATIONS["compression"]}
    assert all(np.isfinite(list(loud.values())))
    assert all(not np.array_equal(bands[name][60:120], bands[""][60:120]) for name in loud)


def test_noise_is_the_same_in_every_file_and_has_its_share(needs_ffmpeg, tmp_path, write_wav):
    """Silence with a tenth of uniform noise has a deviation of 0.1 / sqrt(3)."""
    path = str(write_wav(tmp_path / "silence.wav", np.zeros(44100)))
    for name in ("one", "two"):
        variants.make_audio(path, tmp_path / f"{name}.wav", variants.COMMANDS["noise-10"][1])
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "two.wav").read_bytes()
    with wave.open(str(tmp_path / "one.wav")) as file:
        samples = np.frombuffer(file.readframes(44100), "<i2") / 32768
    assert samples.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.02)


def test_a_variant_of_a_waveform_is_samples(needs_ffmpeg, tmp_path, write_wav):
    path = str(write_wav(tmp_path / "sine.wav", 0.5 * np.sin(2 * np.pi * 1000 * np.arange(44100 * 4) / 44100)))
    job = {"path": path, "content": CONTENT, "store": str(tmp_path / "store"), "front_ends": ["samplecnn"]}
    variants.extract_variant({**job, "variants": ["mp3-64k"]})
    samples = Store(tmp_path / "store").read(CONTENT, frontends.SAMPLECNN, "mp3-64k")
    assert (samples.dtype, samples.shape[1]) == (np.int16, 1)
    assert np.abs(samples).max() == pytest.approx(16384, rel=0.1)


def test_what_ffmpeg_refuses_is_one_sentence(needs_ffmpeg, tmp_path, monkeypatch):
    (tmp_path / "a.mp3").write_bytes(b"nothing")
    told = r"^ffmpeg could not make a variant of .*a\.mp3: .+\. Leave augment\.audio out, or the file\.$"
    with pytest.raises(AudioError, match=told) as caught:
        variants.make_audio(str(tmp_path / "a.mp3"), tmp_path / "b.wav", ())
    assert "\n" not in str(caught.value)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioError, match=r"augment\.audio: expected ffmpeg on the PATH"):
        variants.make_audio(str(tmp_path / "a.mp3"), tmp_path / "b.wav", ())


@pytest.mark.slow
def test_the_last_layers_learn_changed_patches_of_training_tracks_and_the_graph_is_verified(
    bands, graphs, run_command, tmp_path
):
    """The whole path, from audio to a model that Essentia runs as Keras does."""
    (tmp_path / "graphs").mkdir()
    for path in graphs.glob("ms*"):
        shutil.copy(path, tmp_path / "graphs" / path.name)
    size = [
        "demo.tracks=6",
        "demo.artists=3",
        "demo.seconds=20.0",
        "training.rate_factor=0.4",
        "training.warmup_epochs=1",
    ]
    options = ["--fine-tune", "top", "--augment", "both", "--epochs", "3", *(f for key in size for f in ("--set", key))]
    shown = run_command(tmp_path, "train", "mood-sad", *options)
    assert "verified in Essentia: 1 graph," in shown
    card = json.loads((tmp_path / "graphs" / "demo-mood_sad-musicnn-msd-1.json").read_text())
    assert card["essentia_ldl"]["fine_tune"] == "top"
    (run,) = (tmp_path / "runs").glob("mood-sad-*")
    plan = json.loads((run / "plan.json").read_text())
    assert plan["augment"]["audio"] == list(AUDIO_VARIANTS)
    training = {track["content"] for track in plan["tracks"] if track["role"] == "train"}
    assert 0 < len(training) < len(plan["tracks"])
    for name in ("mp3-64k", "pitch-up-1", "pitch-down-1", "tempo-106", "tempo-94"):
        kept = (tmp_path / "store" / f"{frontends.MUSICNN.key}-{name}").rglob("*.npy")
        assert {path.stem for path in kept} == training
