"""The demo's synthesiser: a style and an artist flow in, a signal flows out; numpy only.

Pitched voices are wavetables at 22.05 kHz, drums are one-shots at 44.1 kHz; they meet as spectra, where the tone filter
and the room are products. The room is circular: the tail of the end is heard at the start, which is never silent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from essentia_ldl.datasets._styles import Style

SAMPLE_RATE_HZ = 44100
VOICE_RATE_HZ = 22050
PEAK = 0.89  # -1 dBFS
_TABLE_SAMPLES = 2048
_SCALES = {0: np.array([0, 2, 3, 5, 7, 8, 10]), 1: np.array([0, 2, 4, 5, 7, 9, 11])}  # natural minor, major; semitones
_PROGRESSIONS = {  # scale degrees of the chords, one a bar
    0: ((0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 4), (0, 3, 5, 4)),
    1: ((0, 4, 5, 3), (0, 3, 4, 3), (0, 5, 3, 4), (0, 3, 0, 4)),
}


@dataclasses.dataclass(frozen=True)
class Artist:
    """The sound that every track of one artist shares.

    Parameters
    ----------
    name : str
        Name in the index.
    offset : np.ndarray [shape=(8,)]
        What the artist adds to the parameters of any style.
    tables : np.ndarray [shape=(3, 2048), float32]
        One cycle of the bass, the chords and the lead.
    register : int
        Semitones above the usual key.
    vibrato_hz, vibrato_semitones, noise, reverb_s, reverb_level : float
        Vibrato, breath noise (relative to the music) and room.
    drums : np.ndarray [shape=(3, 16), bool]
        Bass drum, snare and hi-hat, in sixteenths of a bar.
    drum_tones : np.ndarray [shape=(3,)]
        Hz of the bass drum, Hz of the snare, seconds of the hi-hat.
    """

    name: str
    offset: np.ndarray
    tables: np.ndarray
    register: int
    vibrato_hz: float
    vibrato_semitones: float
    noise: float
    reverb_s: float
    reverb_level: float
    drums: np.ndarray
    drum_tones: np.ndarray


def build_artist(name: str, rng: np.random.Generator, deviation: float = 0.05) -> Artist:
    """Invent an artist.

    Parameters
    ----------
    name : str
        Name in the index.
    rng : np.random.Generator
        Source of every choice.
    deviation : float
        Standard deviation of the artist's offset from a style.

    Returns
    -------
    Artist
        The same for the same state of `rng`.
    """
    phase = np.arange(_TABLE_SAMPLES) / _TABLE_SAMPLES
    harmonics = np.arange(1, 13)
    tables = []
    for top in (8, 10, 12):  # fewer harmonics for the bass, where they would only blur
        weights = rng.uniform(0.2, 1, 12) * harmonics ** -rng.uniform(0.8, 1.3)
        if rng.random() < 0.3:
            weights[1::2] *= 0.1  # hollow, as a clarinet
        weights[top:] = 0
        wave = weights @ np.sin(2 * np.pi * (harmonics[:, None] * phase + rng.random((12, 1))))
        tables.append(wave / np.sqrt(np.mean(wave**2)))
    drums = rng.random((3, 16)) < np.array([[0.15], [0.08], [0.4]])
    drums[0, [0, 8]] = drums[1, [4, 12]] = drums[2, ::4] = True
    return Artist(
        name=name,
        offset=rng.normal(0, deviation, 8),
        tables=np.array(tables, dtype=np.float32),
        register=int(rng.integers(-5, 6)),
        vibrato_hz=rng.uniform(4, 7),
        vibrato_semitones=rng.uniform(0, 0.35),
        noise=10 ** rng.uniform(-3, -2.3),
        reverb_s=rng.uniform(0.2, 1.5),
        reverb_level=rng.uniform(0.1, 0.6),
        drums=drums,
        drum_tones=np.array([rng.uniform(45, 80), rng.uniform(150, 260), rng.uniform(0.02, 0.12)]),
    )


@dataclasses.dataclass(frozen=True)
class _Voice:
    """How notes sound: the artist's wavetable, and seconds until they are there and until they are gone."""

    table: np.ndarray
    attack_s: float
    decay_s: float


def _render_voice(
    starts: np.ndarray, midi: np.ndarray, artist: Artist, voice: _Voice, n_samples: int
) -> Iterator[np.ndarray]:
    """Play notes one after the other, each until the next starts, shape (n_samples,), float32 at 22.05 kHz.

    One such line per row of `midi`, shape (n_lines, n_notes): what only the starts decide is worked out once.
    """
    lengths = np.diff(np.append(starts, n_samples))
    age = np.arange(n_samples) - np.repeat(starts, lengths)
    seconds = np.arange(lengths.max()) / VOICE_RATE_HZ
    vibrato = artist.vibrato_semitones * np.minimum(seconds / 0.4, 1) * np.sin(2 * np.pi * artist.vibrato_hz * seconds)
    bend = (2 ** (vibrato / 12))[age]
    envelope = ((1 - np.exp(-seconds / voice.attack_s)) * np.exp(-seconds / voice.decay_s)).astype(np.float32)[age]
    release = np.minimum((np.repeat(lengths, lengths) - age) * np.float32(1 / (0.01 * VOICE_RATE_HZ)), 1)
    for line in midi:
        cycles = np.cumsum(np.repeat(440 * 2 ** ((line - 69) / 12) / VOICE_RATE_HZ, lengths) * bend)
        cycles -= np.floor(cycles)
        cycles *= _TABLE_SAMPLES
        yield (voice.table[cycles.astype(np.int32)] * envelope * release).astype(np.float32)


def _render_drums(
    artist: Artist, style: Style, sixteenth_s: float, rng: np.random.Generator, n_samples: int
) -> np.ndarray:
    """Play the artist's pattern, shape (n_samples,), float32 at 44.1 kHz; few hits when the style is sparse."""
    kick_hz, snare_hz, hat_s = artist.drum_tones
    t = np.arange(int(0.3 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    hiss = rng.normal(0, 1, t.size)
    shots = (
        np.sin(2 * np.pi * (kick_hz * t + 3 * (1 - np.exp(-t / 0.03)))) * np.exp(-t / 0.1),
        (0.5 * np.sin(2 * np.pi * snare_hz * t) + 0.4 * hiss) * np.exp(-t / 0.07),
        0.3 * np.diff(hiss, prepend=0) * np.exp(-t / hat_s),
    )
    out = np.zeros(n_samples + t.size)
    steps = np.arange(int(n_samples / SAMPLE_RATE_HZ / sixteenth_s))
    for shot, pattern in zip(shots, artist.drums, strict=True):
        hits = pattern[steps % 16] & (rng.random(steps.size) < 0.35 + 0.6 * style.density)
        for step, gain in zip(steps[hits], rng.uniform(0.7, 1, hits.sum()), strict=True):
            start = int(step * sixteenth_s * SAMPLE_RATE_HZ)
            out[start : start + t.size] += gain * shot
    return out[:n_samples].astype(np.float32)


def _render_voices(artist: Artist, style: Style, beat_s: float, rng: np.random.Generator, n_samples: int) -> np.ndarray:
    """Play bass, chords and lead of a random song, shape (n_samples,), float32 at 22.05 kHz."""
    mode = int(style.mode > 0.5)
    scale, key = _SCALES[mode], 57 + artist.register + int(rng.integers(-4, 5))
    progression = np.array(_PROGRESSIONS[mode][rng.integers(4)])
    duration_s = n_samples / VOICE_RATE_HZ

    def pitches(degrees: np.ndarray) -> np.ndarray:
        return key + scale[degrees % 7] + 12 * (degrees // 7)

    def grid(note_s: float) -> tuple[np.ndarray, np.ndarray]:
        at_s = np.arange(int(np.ceil(duration_s / note_s))) * note_s
        chords = progression[(at_s / (4 * beat_s) + 1e-6).astype(int) % 4]
        return (at_s * VOICE_RATE_HZ).astype(int), chords

    attack_s = 0.25 * 0.01**style.attack
    decay_s = 2.5 * 0.12**style.attack
    bass = _Voice(artist.tables[0], attack_s, decay_s)
    chord = _Voice(artist.tables[1], attack_s * 1.5, decay_s * 1.5)
    lead = _Voice(artist.tables[2], attack_s, decay_s)
    n_notes = 0.5 * 2 ** np.round(3 * style.density)  # a beat: 0.5, 1, 2 or 4
    starts, chords = grid(beat_s * (2 if style.density < 0.5 else 1))
    (line,) = _render_voice(starts, pitches(chords)[None] - 12, artist, bass, n_samples)
    out = 0.9 * line
    starts, chords = grid(beat_s * (4 if style.density < 0.4 else 2))
    for line in _render_voice(starts, pitches(chords + np.array([[0], [2], [4]])), artist, chord, n_samples):
        out += 0.4 * line
    starts, chords = grid(beat_s / n_notes)
    walk = np.clip(np.cumsum(rng.integers(-2, 3, starts.size)), -4, 5)
    degrees = np.where(np.arange(starts.size) % 4 == 0, chords + 2 * rng.integers(0, 3, starts.size), chords + walk)
    (line,) = _render_voice(starts, pitches(degrees)[None] + 12, artist, lead, n_samples)
    out += 0.8 * line
    return out


def render_track(style: Style, artist: Artist, rng: np.random.Generator, duration_s: float) -> np.ndarray:
    """Play a new song of an artist in a style.

    Parameters
    ----------
    style : Style
        What this track is like; the artist's offset is not added here.
    artist : Artist
        Timbre, register, room and drums.
    rng : np.random.Generator
        Source of the notes.
    duration_s : float
        Length in seconds.

    Returns
    -------
    np.ndarray [shape=(n_samples,), float32]
        Signal at 44.1 kHz, its peak not above `PEAK`.
    """
    n_samples = 2 * round(duration_s * VOICE_RATE_HZ)  # even, so that the bins of both rates meet
    n_voice = n_samples // 2
    beat_s = 60 / (62 * 2.4**style.tempo)
    voices = _render_voices(artist, style, beat_s, rng, n_voice)
    drive = 0.3 * 20**style.synthetic
    voices = np.tanh(drive * voices) / np.tanh(drive)
    drums = _render_drums(artist, style, beat_s / 4, rng, n_samples)

    spectrum = np.fft.rfft(drums * np.float32(0.9 * style.percussion))
    low = np.fft.rfft(voices)[: spectrum.size]
    spectrum[: low.size] += 2 * np.float32(1 - 0.3 * style.percussion) * low  # 2: half the samples, half the sum
    hz = np.arange(spectrum.size, dtype=np.float32) * np.float32(SAMPLE_RATE_HZ / n_samples)
    spectrum /= 1 + (hz / np.float32(600 * 9**style.brightness)) ** 2  # 12 dB an octave above 0.6 to 5.4 kHz

    room = np.zeros(n_samples, dtype=np.float32)
    tail = np.arange(int(artist.reverb_s * SAMPLE_RATE_HZ))
    room[tail] = rng.normal(0, 1, tail.size) * 10 ** (-3 * tail / tail.size)
    room *= artist.reverb_level / np.sqrt(np.sum(room**2))
    room[0] += 1
    signal = np.fft.irfft(spectrum * np.fft.rfft(room), n_samples)

    signal /= np.sqrt(np.mean(signal**2))
    signal += artist.noise * rng.standard_normal(n_samples, dtype=np.float32)
    level = 10 ** ((-30 + 14 * style.loudness) / 20)
    return (signal * min(level, PEAK / np.abs(signal).max())).astype(np.float32)
