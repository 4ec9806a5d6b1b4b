"""The `doctor` command: what is installed, which graphs are there, and whether a second of sound goes through."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np

from essentia_ldl import __version__
from essentia_ldl.errors import EssentiaLdlError
from essentia_ldl.files import graphs_folder, home
from essentia_ldl.models import folder as models
from essentia_ldl.predict import engines
from essentia_ldl.predict.ask import predict_files
from essentia_ldl.records import Failure

RATE_HZ = 44100


def examine() -> tuple[list[str], bool]:
    """Check the installation.

    Returns
    -------
    lines : list[str]
        What was found; a problem begins with "problem:" and ends with its remedy.
    healthy : bool
        True when there is no problem.
    """
    lines = [f"essentia-ldl {__version__}, Python {platform.python_version()}, {platform.machine()} {sys.platform}"]
    versions = installed_versions()
    lines += [
        f"{name} {version}" for name, version in versions.items() if not (name == "essentia" and version == "missing")
    ]
    problems = []
    if versions["essentia-tensorflow"] == "missing":
        problems.append("essentia-tensorflow is not installed. Run `pip install essentia-tensorflow`.")
    if versions["essentia"] != "missing":
        problems.append(
            "plain essentia is installed beside essentia-tensorflow and hides its TensorFlow algorithms."
            " Run `pip uninstall essentia essentia-tensorflow`, then `pip install essentia-tensorflow`."
        )
    if versions["scikit-learn"] != "missing" and tuple(map(int, versions["scikit-learn"].split(".")[:2])) >= (1, 8):
        problems.append("metric-learn 0.7 breaks on this scikit-learn. Run `pip install 'scikit-learn<1.8'`.")
    problems += [f"{name} is not installed. Run `pip install {name}`." for name in _missing()]
    lines.append("ffmpeg: " + (shutil.which("ffmpeg") or "not on the PATH (Opus, WebM and surround files need it)"))
    lines.append("oneDNN: " + ("off, it crashes on this processor" if engines.is_onednn_refused() else "on"))
    lines.append(f"home: {home()}")
    found, broken = models.list_models(graphs_folder())
    lines.append(f"graphs: {', '.join(model.name for model in found) or 'none'}")
    problems += broken
    missing = [name for name in models.BASE_MODELS if name not in {model.name for model in found}]
    if missing:
        problems.append(f"base graphs are missing: {', '.join(missing)}. Run `essentia-ldl graphs build`.")
    elif not problems:
        problems += _test_prediction(models.find_model(models.BASE_MODEL, graphs_folder()), lines)
    return lines + [f"problem: {problem}" for problem in problems], not problems


def installed_versions() -> dict[str, str]:
    """Return the versions of the packages that decide numbers; "missing" for one that is not installed."""
    found = {}
    for name in ("tensorflow", "keras", "essentia-tensorflow", "essentia", "metric-learn", "scikit-learn", "numpy"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def _missing() -> list[str]:
    needed = ("tensorflow", "keras", "metric-learn", "scikit-learn", "tqdm", "click", "joblib")
    missing = []
    for name in needed:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    return missing


def _test_prediction(model: models.Model, lines: list[str]) -> list[str]:
    """Send one second of a 440 Hz tone through a model; returns the problems."""
    tone = (0.3 * 32767 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ)).astype("<i2")
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-") as folder:
        path = Path(folder, "tone.wav")
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(tone.tobytes())
        try:
            answer = next(predict_files([model], [str(path)], graphs_folder()))
        except EssentiaLdlError as error:
            return [str(error)]
    if isinstance(answer, Failure):
        return [answer.reason]
    best = answer[0].classes[int(np.argmax(answer[0].probabilities))]
    lines.append(f"self-test: one second of 440 Hz through {model.name}: {best} {answer[0].probabilities.max():.2f}")
    return []
