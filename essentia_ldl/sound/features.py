"""Features of one file in one pass. In: a path and front-ends; out: float32 frames, also written to the store.

Mel bands come from the same Essentia algorithms that `predict` and any Essentia pipeline run (rule 1 of the design).
MFCC follow section 4.2 of the LDL paper: one segment of 15 s that starts at 5 s; a track shorter than 20 s moves the
start forward, one shorter than 15 s is repeated up to 15 s, so that every track gives the same number of windows.
A front-end of MFCC without a segment takes the whole track, frame by frame.

What is computed of a long file goes to the disk and from there into the store in pieces, so that an hour needs no more
memory than a minute.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import essentia.standard as es
import essentia.streaming as ess
import numpy as np

from essentia_ldl import frontends
from essentia_ldl.errors import AudioError, explain
from essentia_ldl.features.samples import as_stored
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import PART
from essentia_ldl.records import FrontEnd
from essentia_ldl.sound.audio import LONG_S, is_long, probe_audio, require_file
from essentia_ldl.sound.cqt import connect_cqt
from essentia_ldl.sound.decoder import Decoder, Source
from essentia_ldl.sound.extractors import embed_content
from essentia_ldl.sound.mel import connect_mel
from essentia_ldl.sound.patches import StoredBands, find_stored
from essentia_ldl.urls import local_copy

LONG_SIGNAL_S = 600.0  # decoded audio above this goes through the disk: in memory it takes 12 bytes per sample
PIECE_VALUES = 1 << 20  # of what is written at once


def extract_features(
    path: str, front_ends: tuple[FrontEnd, ...], whole: bool = True
) -> tuple[dict[str, np.ndarray], float]:
    """Decode a file once and compute the frames of every front-end, in memory: see `store_features` for long files.

    Parameters
    ----------
    path : str
        Audio file.
    front_ends : tuple[FrontEnd, ...]
        Kinds "mel", "cqt", "mfcc" and "waveform".
    whole : bool
        Whether a track has to fill a patch; a variant of one that does, such as a quicker one, may be shorter.

    Returns
    -------
    features : dict[str, np.ndarray [shape=(n_frames, n_bands), float32]]
        By name of the front-end; of a waveform, int16 samples (n_samples, 1).
    duration_s : float
        Seconds of audio decoded.

    Raises
    ------
    AudioError
        When the file is missing, not audio, truncated, silent, or holds NaN, or when the track does not fill one patch,
        or one frame of MFCC over the whole track.
    """
    pool, duration_s = make_decoder(front_ends).decode(path)
    features = {}
    for front_end in front_ends:
        frames = _find_frames(pool, front_end)
        _require_patch(len(frames), front_end, path, duration_s, whole)
        features[front_end.name] = as_stored(frames, front_end)
    return features, duration_s


def store_features(store: Store, content: str, path: str, front_ends: tuple[FrontEnd, ...], variant: str = "") -> float:
    """Decode a file once and write the frames of every front-end into the store; return the seconds of audio.

    Parameters
    ----------
    store : Store
        What is filled, of all front-ends or of none.
    content : str
        Of the track.
    path : str
        Audio file: the track, or a variant of it.
    front_ends : tuple[FrontEnd, ...]
        As of `extract_features`, which says what is raised.
    variant : str
        Name of the variant; "" is the track itself.
    """
    waves = any(front_end.kind == "waveform" for front_end in front_ends)
    if not is_long(path, LONG_SIGNAL_S if waves else LONG_S):
        features, duration_s = extract_features(path, front_ends, whole=not variant)
        for front_end in front_ends:
            store.write(content, front_end, features[front_end.name], variant)
        return duration_s
    store.root.mkdir(
        parents=True, exist_ok=True
    )  # which has room, as was estimated, where a folder of the system may not
    with tempfile.TemporaryDirectory(prefix=PART, dir=store.root) as name:
        folder = Path(name)
        pool, duration_s = _make_decoder(front_ends, folder).decode(path)
        gc.collect()  # frees the network, which then writes its last frames
        stored = {front_end: _find_frames(pool, front_end, folder) for front_end in front_ends}
        for front_end, frames in stored.items():
            _require_patch(len(frames), front_end, path, duration_s, whole=not variant)
        for front_end, frames in stored.items():
            store.write_pieces(content, front_end, len(frames), _cut_pieces(frames, front_end), variant)
    return duration_s


def _cut_pieces(frames: np.ndarray | StoredBands, front_end: FrontEnd) -> Iterator[np.ndarray]:
    """Yield frames as the store keeps them, a few megabytes at a time."""
    size = max(1, PIECE_VALUES // front_end.n_bands)
    for first in range(0, len(frames), size):
        piece = frames[first : first + size]
        yield as_stored(piece[:, 0] if front_end.kind == "waveform" else piece, front_end)


def _find_frames(
    pool: Mapping[str, np.ndarray], front_end: FrontEnd, folder: Path | None = None
) -> np.ndarray | StoredBands:
    """Return the frames of a front-end that a pass has computed, (n_frames, n_bands), or its signal (n_samples,)."""
    if front_end.segment_duration_s is not None:
        return compute_mfcc(cut_segment(pool.get(front_end.name, np.zeros(0, np.float32)), front_end), front_end)
    if folder is not None:
        return find_stored(pool, front_end.name, folder / front_end.name, front_end.n_bands)
    return pool.get(front_end.name, np.zeros((0, 0), np.float32))


def _require_patch(n_frames: int, front_end: FrontEnd, path: str, duration_s: float, whole: bool) -> None:
    """Raise `AudioError` when a track does not fill one patch, or one frame of MFCC or of what need not be whole."""
    frame = front_end.kind == "mfcc"
    if front_end.segment_duration_s is not None:  # a shorter track is repeated
        return
    n_least = 1 + front_end.frame_samples // front_end.hop_samples if frame or not whole else front_end.patch_frames
    if n_frames < n_least:
        # The first frame is centred on the first sample and the last is past the end: a frame less tells how long
        # the track is at most, where the duration is rounded up to 0.1 s.
        least_s, found_s = (
            max(0, n - 1) * front_end.hop_samples / front_end.sample_rate_hz for n in (n_least, n_frames)
        )
        raise AudioError(
            explain(
                "audio",
                f"at least {least_s:.2f} s, one {'frame' if frame or not whole else 'patch'} of {front_end.name}",
                f"{min(duration_s, found_s):.2f} s",
                path,
                "Leave the file out, or use a longer excerpt.",
            )
        )


@functools.cache
def make_decoder(front_ends: tuple[FrontEnd, ...]) -> Decoder:
    """Make the network that computes some front-ends, once per process: Essentia frees none."""
    return _make_decoder(front_ends)


def _make_decoder(front_ends: tuple[FrontEnd, ...], folder: Path | None = None) -> Decoder:
    """Make a network that collects in its pool, or, of one file, in a folder, in files named as the front-ends."""

    def connect(source: Source) -> None:
        for front_end in front_ends:
            if front_end.segment_duration_s is not None:
                end_s = front_end.segment_offset_s + front_end.segment_duration_s
                trimmer = source.keep(ess.Trimmer(startTime=0, endTime=end_s, sampleRate=front_end.sample_rate_hz))
                source.signals[front_end.sample_rate_hz] >> trimmer.signal
                trimmer.signal >> (source.pool, front_end.name)
                continue
            path = folder and folder / front_end.name
            source.collect(_connect_frames(source, front_end), front_end.name, path)

    rates_hz = tuple(sorted({front_end.sample_rate_hz for front_end in front_ends}))
    return Decoder(rates_hz, connect, front_ends[0].resample_quality)


def _connect_frames(source: Source, front_end: FrontEnd) -> Any:
    """Attach what computes a front-end of the whole signal; return the source of its frames."""
    if front_end.kind == "waveform":
        return source.signals[front_end.sample_rate_hz]
    return connect_mfcc(source, front_end) if front_end.kind == "mfcc" else connect_bands(source, front_end)


def connect_bands(source: Source, front_end: FrontEnd) -> Any:
    """Attach what makes mel bands of a signal, or the bins of a constant-Q transform; return the source of them."""
    if front_end.kind == "cqt":
        return connect_cqt(source, front_end)
    cutter = source.keep(ess.FrameCutter(frameSize=front_end.frame_samples, hopSize=front_end.hop_samples))
    source.signals[front_end.sample_rate_hz] >> cutter.signal
    if front_end.input_parameters:  # no algorithm of Essentia's does it all
        return connect_mel(source, cutter.frame, front_end)
    bands = source.keep(getattr(ess, front_end.input_algorithm)())
    cutter.frame >> bands.frame
    return bands.bands


def connect_mfcc(source: Source, front_end: FrontEnd) -> Any:
    """Attach the chain of MFCC to the whole signal; return the source of the coefficients.

    Silent frames are kept as they are: the noise that Essentia puts in their place differs from run to run.
    """
    parameters = _describe_mfcc(front_end)
    cutter = source.keep(
        ess.FrameCutter(frameSize=front_end.frame_samples, hopSize=front_end.hop_samples, silentFrames="keep")
    )
    window = source.keep(ess.Windowing(**parameters["Windowing"]))
    spectrum = source.keep(ess.Spectrum(**parameters["Spectrum"]))
    mfcc = source.keep(ess.MFCC(**parameters["MFCC"]))
    source.signals[front_end.sample_rate_hz] >> cutter.signal
    cutter.frame >> window.frame
    window.frame >> spectrum.frame
    spectrum.spectrum >> mfcc.spectrum
    mfcc.bands >> None
    return mfcc.mfcc


def cut_segment(signal: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Take the segment that a front-end analyses.

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples,), float32]
        The beginning of the track, from its first sample.
    front_end : FrontEnd
        With `segment_offset_s` and `segment_duration_s`.

    Returns
    -------
    np.ndarray [shape=(segment_duration_s * sample_rate_hz,), float32]
        Starts at ``min(offset, n_samples - segment)``, or at 0 and repeated when the track is shorter.
    """
    n_samples = round(front_end.segment_duration_s * front_end.sample_rate_hz)
    offset = min(round(front_end.segment_offset_s * front_end.sample_rate_hz), max(0, len(signal) - n_samples))
    segment = signal[offset : offset + n_samples]
    return np.ascontiguousarray(np.resize(segment, n_samples), dtype=np.float32)


def compute_mfcc(signal: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Compute MFCC frames of a signal in standard mode, with Essentia's defaults (htkMel, 40 bands, C0 included).

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples,), float32]
        Samples at the front-end's rate.
    front_end : FrontEnd
        Of kind "mfcc"; a segment is not cut here.

    Returns
    -------
    np.ndarray [shape=(n_frames, n_bands), float32]

    References
    ----------
    Buisson et al. 2022, section 4.2: 13 coefficients, window 1024, FFT 2048, 50 % overlap, 44.1 kHz.
    """
    parameters = _describe_mfcc(front_end)
    window = es.Windowing(**parameters["Windowing"])
    spectrum = es.Spectrum(**parameters["Spectrum"])
    mfcc = es.MFCC(**parameters["MFCC"])
    frames = es.FrameGenerator(
        signal, frameSize=front_end.frame_samples, hopSize=front_end.hop_samples, startFromZero=False
    )
    return np.array([mfcc(spectrum(window(frame)))[1] for frame in frames], dtype=np.float32)


def _describe_mfcc(front_end: FrontEnd) -> dict[str, dict[str, Any]]:
    """Return the parameters of Windowing, Spectrum and MFCC of a front-end, by algorithm."""
    n_fft = front_end.fft_samples or front_end.frame_samples
    return {
        "Windowing": {
            "type": "hann",
            "size": front_end.frame_samples,
            "zeroPadding": n_fft - front_end.frame_samples,
        },
        "Spectrum": {"size": n_fft},
        "MFCC": {
            "inputSize": n_fft // 2 + 1,
            "sampleRate": front_end.sample_rate_hz,
            "numberCoefficients": front_end.n_bands,
        },
    }


def extract_track(job: dict[str, Any]) -> dict[str, Any]:
    """Fill the store for one file; the job of a worker.

    Parameters
    ----------
    job : dict
        path, store (folder) and front_ends (names); extractor (`Extractor.as_job`), where one is wanted; quality, where
        the audio is to be resampled otherwise than the front-ends say.

    Returns
    -------
    dict
        content (sha256) and duration_s.
    """
    path, store = job["path"], Store(job["store"])
    wanted = tuple(frontends.get(name) for name in job["front_ends"])
    if "quality" in job:
        wanted = tuple(dataclasses.replace(front_end, resample_quality=job["quality"]) for front_end in wanted)
    with local_copy(path) as local:
        require_file(local)
        content = store.remember(path, local)
        _fill(store, (local, content), wanted, job.get("extractor"))
    return {"content": content, "duration_s": store.read_info(content)["duration_s"]}


def _fill(store: Store, file: tuple[str, str], wanted: tuple[FrontEnd, ...], extractor: dict[str, Any] | None) -> None:
    """Compute what the store lacks of a local file and its content."""
    path, content = file
    if extractor is not None and not (
        store.is_complete(content, ()) and array_path(extractor["folder"], content).is_file()
    ):
        store.write_info(content, {"duration_s": embed_content(path, content, extractor)})
    if not store.is_complete(content, wanted):
        missing = tuple(front_end for front_end in wanted if not store.has(content, front_end)) or wanted[:1]
        store.write_info(content, {"duration_s": store_features(store, content, path, missing)})


def probe_track(job: dict[str, Any]) -> dict[str, Any]:
    """Read the header and the digest of one file; the job of a worker.

    Parameters
    ----------
    job : dict
        path and store (folder).

    Returns
    -------
    dict
        content (sha256), container, duration_s, sample_rate_hz and n_channels; 0 where the header says nothing.
    """
    with local_copy(job["path"]) as local:
        info = dataclasses.asdict(probe_audio(local))
        return {"content": Store(job["store"]).remember(job["path"], local), **info}
