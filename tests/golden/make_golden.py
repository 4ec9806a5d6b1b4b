"""Write golden.npz: what Essentia's own algorithms make of a synthetic signal. Uses nothing of essentia_ldl.

    python tests/golden/make_golden.py [folder of the base graphs]

`tests/sound/test_golden.py` runs `compute` and compares it with the file, so that this script cannot rot, and compares
the package with the file, so that a new Essentia that changes the numbers is noticed.
"""

from __future__ import annotations

import sys
import tempfile
import wave
from pathlib import Path

import numpy as np

RATE_HZ = 44100
DURATION_S = 21
MODEL = "msd-musicnn-1.pb"
FRAMES = (0, 1, 100, 500, 1000, 1311)  # of 1314


def write_signal(path: Path) -> Path:
    """Write three gliding tones, a pulse and noise as 16-bit stereo."""
    time = np.arange(DURATION_S * RATE_HZ) / RATE_HZ
    noise = np.random.default_rng(2022).integers(-600, 600, (len(time), 2))
    left = np.sin(2 * np.pi * (220 * time + 15 * time**2)) + 0.5 * np.sin(2 * np.pi * 1760 * time)
    right = np.sin(2 * np.pi * (330 * time + 5 * time**2)) * (np.mod(time, 0.5) < 0.2)
    samples = np.round(7000 * np.stack([left, right], axis=1)).astype(np.int64) + noise
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def compute(path: Path, graphs: Path) -> dict[str, np.ndarray]:
    """Run Essentia on a file.

    Returns
    -------
    dict[str, np.ndarray]
        bands (6, 96) at `FRAMES`, bands_mean and bands_std (96,), n_frames, mfcc (6, 13) at `FRAMES` less 30,
        mfcc_mean and mfcc_std (13,), n_mfcc, segments (n_patches, 50), embeddings_mean (200,).
    """
    import essentia

    essentia.log.infoActive = essentia.log.warningActive = False
    import essentia.standard as es

    signal = es.MonoLoader(filename=str(path), sampleRate=16000, resampleQuality=4)()
    input_bands = es.TensorflowInputMusiCNN()
    bands = np.array([input_bands(frame) for frame in es.FrameGenerator(signal, frameSize=512, hopSize=256)])
    full = es.MonoLoader(filename=str(path), sampleRate=RATE_HZ, resampleQuality=4)()
    window = es.Windowing(type="hann", size=1024, zeroPadding=1024)
    spectrum = es.Spectrum(size=2048)
    coefficients = es.MFCC(
        inputSize=1025, sampleRate=RATE_HZ, numberBands=40, numberCoefficients=13, highFrequencyBound=11000
    )
    frames = es.FrameGenerator(full[5 * RATE_HZ : 20 * RATE_HZ], frameSize=1024, hopSize=512)
    mfcc = np.array([coefficients(spectrum(window(frame)))[1] for frame in frames])
    graph = str(graphs / MODEL)
    segments = es.TensorflowPredictMusiCNN(graphFilename=graph)(signal)
    embeddings = es.TensorflowPredictMusiCNN(graphFilename=graph, output="model/dense/BiasAdd")(signal)
    values = {
        "bands": bands[list(FRAMES)],
        "bands_mean": bands.mean(axis=0, dtype=np.float64),
        "bands_std": bands.std(axis=0, dtype=np.float64),
        "n_frames": np.array(len(bands)),
        "mfcc": mfcc[[max(0, frame - 30) for frame in FRAMES]],
        "mfcc_mean": mfcc.mean(axis=0, dtype=np.float64),
        "mfcc_std": mfcc.std(axis=0, dtype=np.float64),
        "n_mfcc": np.array(len(mfcc)),
        "segments": segments,
        "embeddings_mean": embeddings.mean(axis=0, dtype=np.float64),
    }
    return {name: value.astype(np.float32) if value.ndim else value for name, value in values.items()}


def main(arguments: list[str]) -> None:
    """Write the file beside this script."""
    here = Path(__file__).resolve().parent
    graphs = Path(arguments[0]) if arguments else here.parents[1] / ".cache" / "graphs"
    with tempfile.TemporaryDirectory() as folder:
        values = compute(write_signal(Path(folder, "golden.wav")), graphs)
    np.savez_compressed(here / "golden.npz", **values)
    print(f"{here / 'golden.npz'}: {(here / 'golden.npz').stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
