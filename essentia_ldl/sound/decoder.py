"""One streaming network of Essentia over many files. In: paths; out: what the attached algorithms collected of each.

Essentia does not free all of a streaming network, not even of one that only decodes (some 1.5 MB each stay), so a
`Decoder` builds its network once and gives its loader one file after another. Some 900 bytes stay of each opening, and
some 500 of each configuring, so a file is opened once and what its rate does not change is not configured again.
What comes out is bit for bit what a new network gives, because every algorithm is reset in between. The mixer alone is
a new one for each file: at the end of a file it takes what is left, and takes no more than that at a time from then on,
so that after a few files it mixes one sample after another.

Conventions: mono is the mean of the channels (MonoMixer "mix"); every sampling rate is resampled from the source rate,
never through another one, which makes a branch bit-identical to Essentia's MonoLoader.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import essentia
import essentia.streaming as ess
import numpy as np

from essentia_ldl.errors import AudioError, Reason, explain
from essentia_ldl.sound.audio import (
    LEVEL_HOP_S,
    SILENCE_RMS,
    check_rate,
    check_signal,
    decoded_audio,
    open_audio,
    open_loader,
    refuse_cancelled,
)
from essentia_ldl.sound.headers import SLACK_S

FALLBACK_RATE_HZ = 44100
SPAN = "span of "  # and a name of `Source.stored`: its key in what `decode` returns


def _measure(pool: dict[str, np.ndarray], rate_hz: int) -> float:
    """Return the seconds that were decoded, to 0.1 s."""
    return len(pool.get("source.levels", ())) * int(rate_hz * LEVEL_HOP_S) / rate_hz


@dataclasses.dataclass
class Source:
    """What `connect` attaches to: Essentia's sources of mono samples by sampling rate, and the pool that collects.

    What goes to files stands in `stored`, each stream by its name.
    """

    signals: dict[int, object]
    pool: essentia.Pool
    algorithms: list[object] = dataclasses.field(default_factory=list)
    stored: dict[str, Any] = dataclasses.field(default_factory=dict)

    def collect(self, stream: Any, name: str, path: Path | None = None) -> None:
        """Collect a stream in the pool, or in a file of raw float32 values for `patches.find_stored`.

        A network with such a file serves one audio file.
        """
        if path is None:
            stream >> (self.pool, name)
            return
        stream >> self.keep(ess.FileOutput(filename=str(path), mode="binary"))
        self.stored[name] = stream

    def keep(self, algorithm: object) -> object:
        """Hold a reference to an algorithm as long as the network, and return it."""
        self.algorithms.append(algorithm)
        return algorithm


class Decoder:
    """A network that decodes one file after another.

    Parameters
    ----------
    rates_hz : tuple[int, ...]
        Sampling rates that `connect` wants.
    connect : callable
        Gets a `Source` and connects ``source.signals[rate]`` to algorithms of its own, which write to
        ``source.pool``. Called once.
    quality : int
        libsamplerate quality, 0 (best) to 4 (linear).
    """

    def __init__(self, rates_hz: tuple[int, ...], connect: Callable[[Source], None], quality: int = 4) -> None:
        self._quality = quality
        self._rate_hz = 0
        self._loader = ess.AudioLoader()
        self._source = source = Source({}, essentia.Pool())
        self._n_written: dict[str, int] = {}
        self._loader.sampleRate >> (source.pool, "source.rate")
        for unused in ("md5", "bit_rate", "codec"):
            getattr(self._loader, unused) >> None
        self._cutter = source.keep(ess.FrameCutter())
        level = source.keep(ess.RMS())
        self._cutter.frame >> level.array
        level.rms >> (source.pool, "source.levels")
        self._resamplers = {rate_hz: source.keep(ess.Resample()) for rate_hz in rates_hz}
        for rate_hz, resampler in self._resamplers.items():
            source.signals[rate_hz] = resampler.signal
        self._mixer = self._connect_mixer()
        connect(source)

    def decode(self, path: str) -> tuple[dict[str, np.ndarray], float]:
        """Decode a file and run everything that is attached.

        Parameters
        ----------
        path : str
            Audio file.

        Returns
        -------
        pool : dict[str, np.ndarray]
            What the branches collected, by their names; a branch that got nothing is not in it. Of what went to a file,
            the first value and the one behind the last, by `SPAN` and its name: what `patches.find_stored` reads.
        duration_s : float
            Seconds of audio decoded, to 0.1 s.

        Raises
        ------
        AudioError
            When the file is missing, not audio, truncated, silent, or holds NaN. The next file is not affected.
        """
        with open_audio(path, self._loader) as (readable, declared_s, rate_hz):
            pool, rate_hz = self._run_at(readable, path, rate_hz)
            duration_s = _measure(pool, rate_hz)
            if duration_s and declared_s > duration_s + SLACK_S and readable == os.path.abspath(path):
                # only what ffmpeg finds short too is truncated
                with contextlib.suppress(AudioError), decoded_audio(path) as (decoded, true_hz):
                    open_loader(self._loader, decoded, path)
                    found, true_hz = self._run_at(decoded, path, true_hz)
                    if _measure(found, true_hz) > duration_s + SLACK_S:
                        pool, duration_s = found, _measure(found, true_hz)
            levels = pool.get("source.levels", np.zeros(0, np.float32))
            if len(levels) and float(levels.max()) < SILENCE_RMS:
                refuse_cancelled(readable, path)
        check_signal(path, levels, duration_s, declared_s)
        return pool, duration_s

    def _run_at(self, readable: str, path: str, rate_hz: int) -> tuple[dict[str, np.ndarray], int]:
        """Run everything on the file that is open; return what was collected, and the rate that the file has."""
        rate_hz = rate_hz or FALLBACK_RATE_HZ
        pool = self._run(path, rate_hz)
        true_rate_hz = int(pool["source.rate"]) if "source.rate" in pool else rate_hz
        if true_rate_hz != rate_hz:  # the tags were wrong, as they are for HE-AAC: once more from the true rate
            check_rate(true_rate_hz, path)
            open_loader(self._loader, readable, path)
            pool = self._run(path, true_rate_hz)
        return pool, true_rate_hz

    def _find_spans(self) -> dict[str, np.ndarray]:
        """Tell where the run that has just ended wrote into files: first value and the one behind the last, by name.

        A file that is read twice, at another rate or as ffmpeg decodes it, stands twice in what it was written to.
        """
        spans = {}
        for name, stream in self._source.stored.items():
            first = self._n_written.get(name, 0)
            self._n_written[name] = first + stream.totalProduced()  # a reset begins to count anew
            spans[f"{SPAN}{name}"] = np.array([first, self._n_written[name]])
        return spans

    def _list_mixed(self) -> list[Any]:
        """Return what reads the mixed signal."""
        return [self._cutter.signal, *(resampler.signal for resampler in self._resamplers.values())]

    def _connect_mixer(self) -> Any:
        """Make a mixer between the loader and what reads the mixed signal."""
        mixer = ess.MonoMixer()
        self._loader.audio >> mixer.audio
        self._loader.numberChannels >> mixer.numberChannels
        for sink in self._list_mixed():
            mixer.audio >> sink
        return mixer

    def _renew_mixer(self) -> None:
        """Put a new mixer in the place of the old one, and free that: Essentia frees networks of which a start goes."""
        old = self._mixer
        self._loader.audio.disconnect(old.audio)
        self._loader.numberChannels.disconnect(old.numberChannels)
        for sink in self._list_mixed():
            old.audio.disconnect(sink)
        start = ess.StereoMuxer()
        start.audio >> old.audio
        self._mixer = self._connect_mixer()
        for algorithm in (start, old):  # which refer to themselves
            vars(algorithm).clear()

    def _set_rate(self, rate_hz: int) -> None:
        """Configure what depends on the source's rate; only where it is another one, because each time costs memory."""
        if rate_hz == self._rate_hz:
            return
        self._rate_hz = 0  # what fails half-way is configured anew for the next file
        hop = int(rate_hz * LEVEL_HOP_S)
        self._cutter.configure(
            frameSize=hop, hopSize=hop, startFromZero=True, silentFrames="keep", lastFrameToEndOfFile=True
        )
        for target_hz, resampler in self._resamplers.items():
            resampler.configure(inputSampleRate=rate_hz, outputSampleRate=target_hz, quality=self._quality)
        self._rate_hz = rate_hz

    def _run(self, path: str, rate_hz: int) -> dict[str, np.ndarray]:
        """Run everything on the file that the loader has just opened."""
        self._renew_mixer()
        self._set_rate(rate_hz)
        essentia.reset(self._mixer)  # and what follows it: a loader that is reset opens its file again
        pool = self._source.pool
        pool.clear()
        try:
            essentia.run(self._loader)
            return {name: pool[name] for name in pool.descriptorNames()} | self._find_spans()
        except RuntimeError as error:
            reason, remedy = Reason(error), "Re-encode the file, or leave it out."
            raise AudioError(explain("audio", "a stream that decodes", reason, path, remedy)) from None
        finally:
            pool.clear()
