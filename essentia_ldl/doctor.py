"""The `doctor` command: what is installed, which graphs are there, and whether a second of sound goes through."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import shutil
import tempfile
import wave
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from essentia_ldl.errors import AudioError, EssentiaLdlError
from essentia_ldl.files import Home
from essentia_ldl.models import folder as models
from essentia_ldl.predict import engines
from essentia_ldl.predict.ask import predict_files
from essentia_ldl.records import Failure

RATE_HZ = 44100


@dataclasses.dataclass(frozen=True)
class SelfTest:
    """What a model said of one second of a tone: its most probable class, and how probable it is."""

    model: str
    best: str
    probability: float


@dataclasses.dataclass(frozen=True)
class Examined:
    """What `examine` found.

    Parameters
    ----------
    versions : Mapping[str, str]
        Of the packages that decide numbers; "missing" for one that is not installed.
    ffmpeg : str or None
        Its path.
    uses_onednn : bool
        Whether oneDNN is on.
    home : Path
        Folder of the home.
    models : tuple[str, ...]
        Names of the usable models.
    tested : SelfTest or None
        None when something was wrong before.
    problems : tuple[str, ...]
        One sentence each, which ends with the remedy.
    compared : tuple[Mapping[str, object], ...]
        What was found of graphs in OpenVINO on this machine, as `engines.recall_comparisons` has it.
    """

    versions: Mapping[str, str]
    ffmpeg: str | None
    uses_onednn: bool
    home: Path
    models: tuple[str, ...]
    tested: SelfTest | None
    problems: tuple[str, ...]
    compared: tuple[Mapping[str, object], ...] = ()


def examine(home: Home) -> Examined:
    """Check the installation.

    Parameters
    ----------
    home : Home
        Whose graphs are looked at.

    Returns
    -------
    Examined
    """
    versions = installed_versions()
    predicts_only = is_predict_only(versions)
    problems = [] if predicts_only else _find_conflicts(versions)
    problems += [f"{name} is not installed. Run `pip install {name}`." for name in _missing(predicts_only)]
    found, broken = models.list_models(home.graphs)
    names = tuple(model.name for model in found)
    problems += broken
    missing = [name for name in models.BASE_MODELS if name not in names]
    tested = None
    if predicts_only and not found:
        problems.append("there are no models. Copy .pb, .json and .answers.npz from where they were trained.")
    elif missing and not predicts_only:
        problems.append(f"base graphs are missing: {', '.join(missing)}. Run `essentia-ldl graphs build`.")
    elif not problems:
        try:
            chosen = models.choose_models(home.graphs)[0].name if missing else models.BASE_MODEL
            tested = _test_prediction(models.find_model(chosen, home.graphs), home.graphs)
        except EssentiaLdlError as error:
            problems.append(str(error))
    compared = tuple(engines.recall_comparisons().values()) if versions.get("openvino", "missing") != "missing" else ()
    return Examined(
        versions,
        shutil.which("ffmpeg"),
        not engines.is_onednn_refused(),
        home.root,
        names,
        tested,
        tuple(problems),
        compared,
    )


def is_predict_only(versions: Mapping[str, str]) -> bool:
    """Tell an installation of requirements-predict.txt: an Essentia without TensorFlow, and nothing to train with."""
    absent = all(versions.get(name, "missing") == "missing" for name in ("essentia-tensorflow", "tensorflow"))
    return absent and versions.get("essentia", "missing") != "missing"


def _find_conflicts(versions: Mapping[str, str]) -> list[str]:
    """List the packages of a whole installation that are not there, or do not go with others."""
    problems = []
    if versions["essentia-tensorflow"] == "missing":
        problems.append("essentia-tensorflow is not installed. Run `pip install essentia-tensorflow`.")
    if versions["essentia"] != "missing":
        problems.append(
            "plain essentia is installed beside essentia-tensorflow and hides its TensorFlow algorithms."
            " Run `pip uninstall essentia essentia-tensorflow`, then `pip install essentia-tensorflow`."
        )
    return problems


def installed_versions() -> dict[str, str]:
    """Return the versions of the packages that decide numbers; "missing" for one that is not installed."""
    found = {}
    names = (
        "tensorflow",
        "keras",
        "essentia-tensorflow",
        "essentia",
        "openvino",
        "scikit-learn",
        "scipy",
        "numpy",
    )
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def _missing(predicts_only: bool = False) -> list[str]:
    needed = ("tensorflow", "keras", "scikit-learn", "tqdm", "click", "joblib")
    if predicts_only:
        needed = ("openvino", "tqdm", "click", "joblib")
    missing = []
    for name in needed:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    return missing


def _test_prediction(model: models.Model, graphs: Path) -> SelfTest:
    """Send one second of a 440 Hz tone through a model."""
    tone = (0.3 * 32767 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ)).astype("<i2")
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-") as folder:
        path = Path(folder, "tone.wav")
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(tone.tobytes())
        answer = next(predict_files([model], [str(path)], graphs))
    if isinstance(answer, Failure):
        raise AudioError(answer.reason)
    best = int(np.argmax(answer[0].probabilities))
    return SelfTest(model.name, answer[0].classes[best], float(answer[0].probabilities[best]))
