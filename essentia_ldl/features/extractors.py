"""Published extractors under a trained head: which file a recipe means, and what of its card the zones need.

In: the name or the path of a frozen graph with its card. Out: an `Extractor`. The sound zone runs it with the Essentia
algorithm that its card names, as published usage does, and stores the embeddings; the nets zone trains on those; the
head's card names it, and `predict` finds it again. Our own networks need none of this: they are trained and embedded by
the nets zone.

References
----------
https://essentia.upf.edu/models.html: feature extractors and the metadata beside them. P. Alonso-Jiménez, X. Serra and
D. Bogdanov, "Efficient supervised training of audio transformers for music representation learning" (ISMIR 2023), for
the tokens of MAEST.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from essentia_ldl.arrays import read_array
from essentia_ldl.errors import CardError, RecipeError, StoreError, explain
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.models.card import find_embeddings, find_front_end
from essentia_ldl.models.folder import (
    PUBLISHED,
    USERS_GRAPHS,
    Model,
    digest_graph,
    find_model,
    refuse_head,
    require_weights,
)
from essentia_ldl.recipe.recipe import NetworkSettings
from essentia_ldl.records import FrontEnd

FORMAT = 1  # raised when the same graph would give other embeddings


@dataclasses.dataclass(frozen=True)
class Extractor:
    """A frozen graph that makes embeddings.

    Parameters
    ----------
    name : str
        Stem of its files, such as "discogs-effnet-bs64-1".
    graph : str
        Path of the .pb.
    algorithm, input_name, node : str
        Essentia's algorithm, the input node, and the node of the embeddings.
    link : str
        Where the card says the graph is published.
    front_end : FrontEnd
        What it reads.
    sha256 : str
        Of the graph.
    """

    name: str
    graph: str
    algorithm: str
    input_name: str
    node: str
    link: str
    front_end: FrontEnd
    sha256: str

    @property
    def stem(self) -> str:
        """Data set and architecture: the name without version and batch size, as in the names of Essentia's heads."""
        return re.sub(r"(-bs(\d+|dynamic))?-\d+$", "", self.name)

    def folder(self, store: Store) -> Path:
        """Return where its embeddings are kept: the name has a digest of the graph and of all that decides numbers."""
        parts = [FORMAT, self.sha256, self.algorithm, self.input_name, self.node, self.front_end.key]
        digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]
        return store.root / f"extractor-{self.name}-{digest}"

    def as_job(self, store: Store) -> dict[str, Any]:
        """Return what a worker of the sound zone needs, in plain values."""
        return {
            "graph": self.graph,
            "input_name": self.input_name,
            "node": self.node,
            "front_end": dataclasses.asdict(self.front_end),
            "folder": str(self.folder(store)),
        }


def read_extractor(network: NetworkSettings, graphs: Path) -> Extractor:
    """Find the extractor that a recipe names.

    Parameters
    ----------
    network : NetworkSettings
        With `extractor`, a name of graphs/ or the path of a .pb with its .json beside it, and `extractor_output`, the
        node to read; an empty one takes the card's output of purpose "embeddings".
    graphs : Path
        Folder of the models.

    Raises
    ------
    RecipeError
        When something else than a head is to be trained.
    CardError
        When the card names an algorithm that cannot be run here, no output for embeddings, or several.
    GraphError, UnknownNameError
        When there is no such graph; the message says where published ones are.
    """
    name = network.extractor
    if network.fine_tune != "head":
        remedy = "Leave fine_tune or the extractor out: only a head can be trained on it."
        raise RecipeError(explain("fine_tune", "head, with an extractor", network.fine_tune, name, remedy))
    if not name.endswith((".pb", ".json")) and "/" not in name and not (graphs / f"{name}.pb").is_file():
        remedy = f"Put {name}.pb and {name}.json into {graphs}; Essentia's are at {PUBLISHED}/feature-extractors."
        raise CardError(explain("extractor", f"{name}.pb with its card", "nothing there", graphs, remedy))
    return describe_extractor(find_model(name, graphs), network.extractor_output)


def identify_weights(network: NetworkSettings, graphs: Path) -> list[str]:
    """Return what tells two runs apart whose recipes name the same file of the user's: nothing, or its digest."""
    if network.extractor:
        return [read_extractor(network, graphs).folder(Store(".")).name]
    if network.fine_tune != "none" and (network.backbone, network.pretrained) in USERS_GRAPHS:
        return [digest_graph(require_weights(graphs, network.backbone, network.pretrained))]
    return []


def describe_extractor(model: Model, node: str = "") -> Extractor:
    """Take from a model's card what running it as an extractor needs; raises as `read_extractor`."""
    card = model.card
    refuse_head(model)
    front_end = find_front_end(card, model.name)
    node = choose_output(model, node)
    sha256 = digest_graph(model.graph)
    link = str(card.fields.get("link", f"{model.name}.pb"))
    algorithm = front_end.predict_algorithm  # where the card names none, as those of OpenL3
    return Extractor(model.name, model.graph, algorithm, card.input_name, node, link, front_end, sha256)


def choose_output(model: Model, node: str = "") -> str:
    """Return the node of a network whose values are embeddings.

    Parameters
    ----------
    model : Model
        Which is no head.
    node : str
        The node that the user wants; empty takes the card's output of purpose "embeddings".

    Raises
    ------
    CardError
        When the card has no such output or several, or the graph has no node of that name.
    """
    if not node:
        return find_embeddings(model.card, model.name, "Choose one of {} with --extractor-output.")["name"]
    known = [output["name"] for output in model.card.fields["schema"]["outputs"]]
    if node not in known and node.partition(":")[0].encode() not in Path(model.graph).read_bytes():
        rule = "a node of the graph; its card names " + ", ".join(known)
        raise CardError(explain("extractor output", rule, node, model.name, "Correct it."))
    return node


def plan_extractor(extractor: Extractor, store: Store, content: str) -> dict[str, Any]:
    """Write what the nets zone needs of an extractor; the size is that of the embeddings of one content."""
    folder = extractor.folder(store)
    names = ("patch_frames", "patch_hop_frames", "resample_quality")
    numbers = {name: getattr(extractor.front_end, name) for name in names}
    known = {key: getattr(extractor, key) for key in ("name", "graph", "algorithm", "link", "sha256", "node")}
    return {**known, "size": measure_size(folder, content), "folder": folder.name, **numbers}


def measure_size(folder: Path, content: str) -> int:
    """Return how many numbers an embedding of a folder has."""
    path, remedy = array_path(folder, content), "Run the same command again."
    shape = read_array(path, "embeddings", remedy, mapped=True).shape
    if len(shape) != 2:
        path.unlink()
        raise StoreError(explain("embeddings", "an array (n_patches, d)", shape, path, remedy))
    return shape[1]
