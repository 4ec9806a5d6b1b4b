"""The base graphs, made of the released weights: `python -m essentia_ldl.nets.base_graphs GRAPHS [--wheel FILE]`.

In: the wheel with the released weights. Out, for every network and data set that it has: ``<dataset>-<network>-1.pb``
with its card ``.json`` and its golden answers ``.answers.npz``, and ``.weights.h5`` for Keras, in the folder GRAPHS;
and the tags of MusiCNN as heads of its embedding. Exit status 0; 1 after an error, 130 after Ctrl-C, each with
one line on stderr.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np

from essentia_ldl import discover
from essentia_ldl.files import digest_file, replacing, write_json
from essentia_ldl.models import pretrained
from essentia_ldl.models.answers import RANGES, write_answers
from essentia_ldl.nets.classifier import build_tagger
from essentia_ldl.nets.export import cards
from essentia_ldl.nets.export.freeze import build_evaluator, freeze_model
from essentia_ldl.nets.export.nodes import PLACEHOLDER, tagger_nodes
from essentia_ldl.nets.pretrained.weights import load_tagger
from essentia_ldl.nets.pretrained.wheel import WHEEL, fetch_wheel, load_variables, read_checkpoint
from essentia_ldl.nets.runtime import keras
from essentia_ldl.nets.tag_heads import build_tag_heads
from essentia_ldl.runs.plan import BACKBONES
from essentia_ldl.tags import TAGS
from essentia_ldl.zones import end_step, follow_parent


def list_base_graphs() -> dict[str, tuple[str, str]]:
    """List what can be built: stem -> (backbone, data set), such as "msd-musicnn-1" -> ("musicnn", "msd")."""
    return {
        f"{dataset}-{name}-1": (name, dataset)
        for name in discover.names(BACKBONES)
        for dataset in discover.load(BACKBONES, name).CHECKPOINTS
    }


def build_base_graphs(graphs: Path, wheel: Path | None = None) -> dict[str, bool]:
    """Write the base graphs, their cards and the Keras weights; what is there and valid is left alone.

    Parameters
    ----------
    graphs : Path
        Folder to write to.
    wheel : Path or None
        A wheel with the released weights that is there already; None downloads it with pip. It is looked at only when
        something has to be built.

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
    built = {stem: not pretrained.is_built(graphs, stem) for stem in wanted}
    for stem, (name, dataset) in wanted.items():
        if not built[stem] and not pretrained.has_answers(graphs, stem):  # as of a graph that is older than they are
            module = discover.load(BACKBONES, name)
            _write_answers(graphs, stem, module, load_tagger(graphs, name, dataset))
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
    tagger = build_tagger(backbone, len(TAGS[dataset]), size=backbone.CHECKPOINT_SIZES.get(dataset))
    load_variables(tagger, backbone, variables)
    weights = scratch / f"{stem}.weights.h5"
    tagger.save_weights(weights)
    shape = (backbone.FRONT_END.patch_frames, backbone.FRONT_END.n_bands)
    graph = freeze_model(tagger, tagger_nodes(backbone), shape, training=True).SerializeToString(deterministic=True)
    for path, data in ((graphs / weights.name, weights.read_bytes()), (graphs / f"{stem}.pb", graph)):
        with replacing(path) as file:
            file.write(data)
    _write_answers(graphs, stem, backbone, tagger)
    # The card comes last: it vouches for the others.
    sums = {
        "format": pretrained.describe_format(backbone.__name__.rsplit(".", 1)[1]),
        "sha256": digest_file(graphs / f"{stem}.pb"),
        "weights_sha256": digest_file(graphs / weights.name),
    }
    write_json(graphs / f"{stem}.json", dict(cards.describe_tagger(stem, backbone, dataset, sums).fields))


def _write_answers(graphs: Path, stem: str, backbone: ModuleType, tagger: keras.Model) -> None:
    front_end, graph = backbone.FRONT_END, graphs / f"{stem}.pb"
    shape = (front_end.patch_frames, front_end.n_bands)
    evaluate = build_evaluator(tagger, tagger_nodes(backbone))
    write_answers(graph, digest_file(graph), PLACEHOLDER, shape, RANGES[front_end.compression], evaluate)


def main(arguments: list[str] | None = None) -> int:
    """Build the base graphs from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m essentia_ldl.nets.base_graphs", description=main.__doc__)
    parser.add_argument("graphs", type=Path, help="folder to write to")
    parser.add_argument("--wheel", type=Path, help=f"{WHEEL}, for a machine without a network")
    options = parser.parse_args(arguments)

    def work() -> None:
        for stem, built in build_base_graphs(options.graphs, options.wheel).items():
            if built:
                print(f"{stem}: built")
        for stem in build_tag_heads(options.graphs):
            print(f"{stem}: built")

    status = end_step(work)
    if status == 130:
        print("interrupted: run the same command again to go on", file=sys.stderr)
    return status


if __name__ == "__main__":
    follow_parent()
    sys.exit(main())
