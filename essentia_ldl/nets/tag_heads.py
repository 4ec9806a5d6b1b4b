"""The 50 tags from the embedding of MusiCNN, as a head: what programs look for as ``msd-msd-musicnn-1``.

In: the tagger with the released weights. Out: its layers above the embedding as a graph of their own, under the nodes
by which programs read the published head, with card and golden answers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.files import digest_file, read_object, replacing, write_json
from essentia_ldl.models.answers import read_answers, write_answers
from essentia_ldl.models.card import SERVED_INPUT, SERVED_OUTPUT, GraphCard
from essentia_ldl.models.folder import HEADS, TAG_HEADS, base_name
from essentia_ldl.nets.backbones import musicnn
from essentia_ldl.nets.export.freeze import GraphDef, build_evaluator, freeze_model
from essentia_ldl.nets.export.interfaces import serve
from essentia_ldl.nets.export.nodes import SIGMOID, Node, dense_node
from essentia_ldl.nets.layers import connect
from essentia_ldl.nets.pretrained.weights import load_tagger
from essentia_ldl.nets.runtime import keras
from essentia_ldl.tags import TAGS

BACKBONE = "musicnn"  # whose embedding published heads stand on
LIMITS = (-3.0, 3.0)  # of random embeddings, for golden answers
NODES = (
    Node(SIGMOID, "tags", "Sigmoid", "predictions", activation="sigmoid"),
    Node(dense_node(0), "tags", "fully connected", "", "logits"),
)


def build_tag_head(tagger: keras.Model) -> keras.Model:
    """Take the layers above the embedding of a tagger.

    Parameters
    ----------
    tagger : keras.Model
        Of `classifier.build_tagger`.

    Returns
    -------
    keras.Model
        Embeddings (batch, d) float32 -> logits (batch, 50) float32.
    """
    inputs = keras.Input(tagger.get_layer("embedding").output.shape[1:])
    head = keras.Model(inputs, connect(musicnn.tail(inputs), tagger.output.shape[-1], "tags"), name="network")
    for layer in head.layers:
        layer.set_weights(tagger.get_layer(layer.name).get_weights() if layer.weights else [])
    return head


def write_tag_head(graphs: Path, dataset: str) -> Path:
    """Write the head of a data set, from the weights that are in the folder.

    Parameters
    ----------
    graphs : Path
        The folder of models, with the base graphs.
    dataset : str
        "msd" or "mtt".

    Returns
    -------
    Path
        The .pb.
    """
    stem = TAG_HEADS[dataset]
    model = build_tag_head(load_tagger(graphs, BACKBONE, dataset))
    graph: GraphDef = serve(freeze_model(model, NODES), SIGMOID)
    path, data = graphs / f"{stem}.pb", graph.SerializeToString(deterministic=True)
    with replacing(path) as file:
        file.write(data)
    evaluate, shape = build_evaluator(model, NODES), model.input_shape[1:]

    def answer(inputs: np.ndarray) -> dict[str, Any]:
        found = evaluate(inputs)
        return {SERVED_OUTPUT: found[SIGMOID], **found}

    write_answers(path, digest_file(path), SERVED_INPUT, shape, LIMITS, answer)
    # The card comes last: it vouches for the graph.
    write_json(path.with_suffix(".json"), dict(_describe(graphs, path, dataset, shape[-1]).fields))
    return path


def is_built(graphs: Path, dataset: str) -> bool:
    """Tell whether the head of a data set is there, of the tagger that is there, with its golden answers."""
    path = graphs / f"{TAG_HEADS[dataset]}.pb"
    try:
        sums = read_object(path.with_suffix(".json"))["essentia_ldl"]
        below = digest_file(graphs / f"{base_name(BACKBONE, dataset)}.pb")
        is_whole = sums["sha256"] == digest_file(path) and sums["extractor"]["sha256"] == below
        return is_whole and read_answers(path, sums["sha256"]) is not None
    except (OSError, KeyError, TypeError):
        return False


def build_tag_heads(graphs: Path) -> list[str]:
    """Write the heads that are missing, or that were made of other taggers; return their names."""
    wanted = [dataset for dataset in TAG_HEADS if not is_built(graphs, dataset)]
    return [write_tag_head(graphs, dataset).stem for dataset in wanted]


def _describe(graphs: Path, path: Path, dataset: str, size: int) -> GraphCard:
    """Write the card: that of the tagger, with the nodes of the head and the network below it."""
    below = base_name(BACKBONE, dataset)
    tagger = read_object(graphs / f"{below}.json")
    n_tags = len(TAGS[dataset])
    outputs = [
        {"name": SERVED_OUTPUT, "type": "float", "shape": [n_tags], "op": "Sigmoid", "output_purpose": "predictions"},
        *(
            {"name": node.name, "type": "float", "shape": [n_tags], "op": node.op, "output_purpose": ""}
            for node in NODES
        ),
    ]
    ours = tagger["essentia_ldl"]
    extractor = {"name": below, "node": musicnn.EMBEDDING_NODE, "sha256": ours["sha256"], "size": size}
    kept = {key: ours[key] for key in ("front_end", "resample_quality", "patch_frames", "patch_hop_frames", "licence")}
    return GraphCard(
        {
            **tagger,
            "name": f"{dataset.upper()} tags",
            "schema": {"inputs": [{"name": SERVED_INPUT, "type": "float", "shape": [size]}], "outputs": outputs},
            "inference": {
                "sample_rate": tagger["inference"]["sample_rate"],
                "algorithm": HEADS,
                "embedding_model": {
                    "algorithm": tagger["inference"]["algorithm"],
                    "model_name": below,
                    "link": "",
                },
            },
            "essentia_ldl": {**kept, "extractor": extractor, "sha256": digest_file(path)},
        }
    )
