"""Variants of the audio of a track, as mel bands of the store: what an encoder or another performance would change.

In: an audio file. Out: bands under the key of the variant (`choices.AUDIO_VARIANTS`, or one of `choices.DEFORMATIONS`).
ffmpeg makes the audio, with filters that every build of it has: another pitch is another speed with the tempo taken
back. White noise is mixed in, so much of it and so much less of the music, as loud at its peaks as full scale; it is
the same in every file. The dynamic range is compressed as by four of Dolby's profiles, with the numbers that audio
augmentation takes for them.

References
----------
B. McFee, E. J. Humphrey and J. P. Bello, "A software framework for musical data augmentation" (ISMIR 2015), whose
package muda has the profiles in its file drc_presets.json. M. Won, A. Ferraro, D. Bogdanov and X. Serra, "Evaluation of
CNN-based automatic music tagging models" (SMC 2020): the four kinds of change; the strengths are ours.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from essentia_ldl import frontends
from essentia_ldl.choices import DEFORMATIONS
from essentia_ldl.errors import AudioError, Reason, explain
from essentia_ldl.features.store import Store
from essentia_ldl.sound.features import store_features
from essentia_ldl.urls import local_copy

RATE_HZ = 44100
SEMITONE = 2 ** (1 / 12)
LIMIT_S = 600  # seconds that ffmpeg may take for one file


def _describe_pitch(factor: float) -> str:
    resampled = f"aresample={RATE_HZ},asetrate={RATE_HZ * factor:.0f},aresample={RATE_HZ}"
    return f"{resampled},atempo={1 / factor:.6f}"


def _describe_noise(share: float) -> str:
    return f"aeval='{1 - share:g}*val(ch)+{share:g}*(2*random(ch)-1)':c=same"


def _describe_compression(attack_decay: str, points: str, settings: str) -> str:
    attack, decay = attack_decay.split()
    pairs = points.split()
    curve = "|".join(f"{a}/{b}" for a, b in zip(pairs[::2], pairs[1::2], strict=True))
    return f"compand=attacks={attack}:decays={decay}:points={curve}{settings}"


_PROFILES = {
    "music-light": ("0.1 0.3", "-90 -90 -70 -58 -65 -53 -41 -41 -21 -21 0 -11", ":delay=0.1"),
    "music-standard": ("0.1 0.3", "-90 -90 -70 -58 -55 -43 -31 -31 -21 -21 0 -20", ":delay=0.1"),
    "speech": ("0.1 0.3", "-90 -90 -70 -55 -50 -35 -31 -31 -21 -21 0 -20", ":delay=0.1"),
    "radio": ("0.01 1", "-90 -90 -70 -70 -60 -20 0 0", ":gain=-5"),
}


# By variant, the suffix of the file that ffmpeg writes, and its options.
COMMANDS = {
    "mp3-64k": (".mp3", ("-codec:a", "libmp3lame", "-b:a", "64k")),
    "pitch-up-1": (".wav", ("-af", _describe_pitch(SEMITONE))),
    "pitch-down-1": (".wav", ("-af", _describe_pitch(1 / SEMITONE))),
    "tempo-106": (".wav", ("-af", "atempo=1.06")),
    "tempo-94": (".wav", ("-af", "atempo=0.94")),
    "pitch-up-2": (".wav", ("-af", _describe_pitch(SEMITONE**2))),
    "pitch-down-2": (".wav", ("-af", _describe_pitch(SEMITONE**-2))),
    **{name: (".wav", ("-af", f"atempo={speed}")) for name, speed in DEFORMATIONS["tempo"].items()},
    **{name: (".wav", ("-af", _describe_noise(share))) for name, share in DEFORMATIONS["noise"].items()},
    **{f"drc-{name}": (".wav", ("-af", _describe_compression(*profile))) for name, profile in _PROFILES.items()},
}


def make_audio(path: str, target: Path, options: tuple[str, ...]) -> None:
    """Let ffmpeg write a variant of an audio file; raise `AudioError` when it cannot."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", f"file:{path}", "-map", "a:0", *options, str(target)]
    remedy = "Leave augment.audio out, or the file."
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=LIMIT_S, check=False)
    except FileNotFoundError:
        raise AudioError(explain("augment.audio", "ffmpeg on the PATH", "none", path, remedy)) from None
    except subprocess.TimeoutExpired:
        raise AudioError(f"ffmpeg did not end within {LIMIT_S} s on {path}. {remedy}") from None
    if done.returncode:
        reason = Reason((done.stderr.strip().splitlines() or ["ffmpeg failed"])[-1])
        raise AudioError(f"ffmpeg could not make a variant of {path}: {reason}. {remedy}")


def extract_variant(job: dict[str, Any]) -> None:
    """Fill the store with the bands of variants of one file; the job of a worker.

    Parameters
    ----------
    job : dict
        path, content (sha256), store (folder), front_ends (names) and variants (names of `COMMANDS`).
    """
    store, wanted = Store(job["store"]), [frontends.get(name) for name in job["front_ends"]]
    with local_copy(job["path"]) as local, tempfile.TemporaryDirectory() as folder:
        for variant in job["variants"]:
            suffix, options = COMMANDS[variant]
            audio = Path(folder) / f"{variant}{suffix}"
            missing = tuple(one for one in wanted if not store.has(job["content"], one, variant))
            if not missing:
                continue
            make_audio(local, audio, options)
            store_features(store, job["content"], str(audio), missing, variant)
            audio.unlink()
