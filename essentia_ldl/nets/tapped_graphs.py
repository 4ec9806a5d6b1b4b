"""Frozen graphs of several layers of pretrained networks: `python -m essentia_ldl.nets.tapped_graphs JOB.json`.

In: a job {graphs, layers, networks: {name: path of the .pb to write}, published: [those of them that are extractors, as
`taps.Published`]}. Out: one graph per network, from `nodes.PLACEHOLDER` to `nodes.FEATURES`. They are for features in
the store alone, so that they have no card. Exit status 0; 1 after an error, 130 after Ctrl-C, each with one line on
stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from essentia_ldl import taps
from essentia_ldl.files import read_json, replacing
from essentia_ldl.nets.export.freeze import freeze_model
from essentia_ldl.nets.export.nodes import FEATURES, Node
from essentia_ldl.nets.tapped import EMBEDDING, build_tapped
from essentia_ldl.taps import Published
from essentia_ldl.zones import end_step, follow_parent

NODE = Node(FEATURES, EMBEDDING, "concatenation", "embeddings")


def write_graphs(graphs: Path, layers: str, networks: dict[str, str], published: Sequence[Published] = ()) -> None:
    """Freeze networks up to a choice of layers.

    Parameters
    ----------
    graphs : Path
        Where their weights are.
    layers : str
        A choice of layers: "embedding", "deep", "all", or some of the digits 1 to 5.
    networks : dict[str, str]
        Path of the .pb to write, by name of the network.
    published : sequence of Published
        Those of them that are extractors.

    Raises
    ------
    WeightsError, StoreError
        When weights are missing, or the disk is full.
    GraphError
        When an extractor cannot stand beside other networks in a graph.
    """
    wanted = taps.place_extractors(tuple(networks), published)
    for network, path in zip(wanted, networks.values(), strict=True):
        shape = taps.describe_network(network).front_end.patch_shape
        graph = freeze_model(build_tapped(graphs, [network], layers), [NODE], shape)
        with replacing(path) as file:
            file.write(graph.SerializeToString(deterministic=True))


def main(arguments: list[str]) -> int:
    """Run the job of a file; return the exit status."""

    def work() -> None:
        job = read_json(arguments[0])
        published = [Published(**one) for one in job.get("published", [])]
        write_graphs(Path(job["graphs"]), job["layers"], job["networks"], published)

    return end_step(work)


if __name__ == "__main__":
    follow_parent()
    sys.exit(main(sys.argv[1:]))
