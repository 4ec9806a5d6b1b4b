"""Variants of the audio of a track, as mel bands of the store: what an encoder or another performance would change.

In: an audio file. Out: bands under the key of the variant (`choices.AUDIO_VARIANTS`). ffmpeg makes the audio, with
filters that every build of it has: another pitch is another speed with the tempo taken back.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from essentia_ldl import frontends
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


# By variant, the suffix of the file that ffmpeg writes, and its options.
COMMANDS = {
    "mp3-64k": (".mp3", ("-codec:a", "libmp3lame", "-b:a", "64k")),
    "pitch-up-1": (".wav", ("-af", _describe_pitch(SEMITONE))),
    "pitch-down-1": (".wav", ("-af", _describe_pitch(1 / SEMITONE))),
    "tempo-106": (".wav", ("-af", "atempo=1.06")),
    "tempo-94": (".wav", ("-af", "atempo=0.94")),
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
        path, content (sha256), store (folder), front_end (name) and variants (names of `COMMANDS`).
    """
    store, front_end = Store(job["store"]), frontends.get(job["front_end"])
    with local_copy(job["path"]) as local, tempfile.TemporaryDirectory() as folder:
        for variant in job["variants"]:
            suffix, options = COMMANDS[variant]
            audio = Path(folder) / f"{variant}{suffix}"
            make_audio(local, audio, options)
            store_features(store, job["content"], str(audio), (front_end,), variant)
            audio.unlink()
