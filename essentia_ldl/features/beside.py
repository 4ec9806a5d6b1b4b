"""Published extractors beside the pretrained networks: which file a name means, and whether its patches are the same.

In: names of a recipe, and the folder of the models. Out: a `taps.Network` for each, which for an extractor holds what
its file and card say. Nothing is remembered, so that every folder has its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from essentia_ldl import frontends, taps
from essentia_ldl.discover import unknown
from essentia_ldl.errors import CardError, RecipeError, explain
from essentia_ldl.files import is_file_name
from essentia_ldl.models.card import GraphCard, find_embeddings, find_front_end
from essentia_ldl.models.folder import Model, digest_graph, read_model, refuse_head
from essentia_ldl.records import FrontEnd
from essentia_ldl.taps import UNKNOWN_LICENCE, Network, Published

# What of an analysis a patch does not show: its name, the network, and how production goes on from patch to patch.
_NOT_OF_PATCHES = ("name", "kind", "predict_algorithm", "patch_hop_frames", "patch_hop_samples", "resample_quality")


def find_networks(networks: Sequence[str | Network], graphs: Path) -> tuple[Network, ...]:
    """Find networks that are to stand side by side.

    Parameters
    ----------
    networks : sequence of str or Network
        Names of `taps.NETWORKS` or of extractors; what is a network already stays as it is.
    graphs : Path
        Folder of the models.

    Returns
    -------
    tuple[Network, ...]
        In their order.

    Raises
    ------
    UnknownNameError
        When there is neither a network nor an extractor of a name.
    RecipeError
        When one is named twice.
    CardError
        When an extractor has no card, reads other patches, or its card does not say what its embeddings are.
    GraphError
        When the card was written for other bytes than those of the graph.
    """
    found = tuple(find_network(network, graphs) for network in networks)
    taps.check_backbones(found, "networks")
    return found


def find_network(network: str | Network, graphs: Path) -> Network:
    """Find one network; parameters and errors as those of `find_networks`."""
    if isinstance(network, Network) or network in taps.NETWORKS:
        return taps.describe_network(network)
    graph = Path(graphs) / f"{network}.pb"
    there = graph.is_file() or graph.with_suffix(".json").is_file()
    if not is_file_name(network) or not there:
        raise unknown("network", network, [*taps.NETWORKS, *(path.stem for path in Path(graphs).glob("*.pb"))])
    return taps.place_extractor(describe_published(read_model(graph)))


def check_ambiguous(names: Sequence[str], graphs: Path) -> None:
    """Raise `RecipeError` when a name that somebody gave is that of a network and that of a graph of the user's."""
    for name in names:
        if name in taps.NETWORKS and (graph := Path(graphs) / f"{name}.pb").is_file():
            rule, remedy = "one network of that name", "Give the file and its card another name."
            raise RecipeError(explain("network", rule, name, f"the pretrained one, and {graph}", remedy))


def identify_networks(names: Sequence[str], graphs: Path) -> list[str]:
    """Return what tells two runs apart that name the same extractors: the digests of their graphs."""
    found = [find_network(name, graphs).published for name in dict.fromkeys(names)]
    return [published.sha256 for published in found if published is not None]


def describe_published(model: Model) -> Published:
    """Take from a model's card what it is as an extractor; raises `CardError` as `find_networks`."""
    card, where = model.card, model.name
    refuse_head(model)
    if "layer_sizes" in card.extra:
        return _describe_own(model)
    _check_patches(card, where)
    remedy = 'Write "output_purpose": "embeddings" into the card at the output that is meant, and at no other.'
    output = find_embeddings(card, where, remedy)
    node, shape = output["name"], output.get("shape")
    size = shape[-1] if isinstance(shape, list) and shape else None
    if type(size) is not int or size < 1:
        rule, remedy = "its shape, such as [200]", "Write it into the card, in schema.outputs."
        raise CardError(explain(f"output {node}", rule, shape or "none", where, remedy))
    link = str(card.fields.get("link") or f"{where}.pb")
    return Published(where, size, digest_graph(model.graph), card.input_name, node, link, read_licence(card))


def _describe_own(model: Model) -> Published:
    """Take from the card of a network that was trained here what its layers are; raises `CardError`."""
    card, where, layers = model.card, model.name, model.card.extra["layer_sizes"]
    front_end, remedy = find_front_end(card, where), "Train it again, with --fine-tune none."
    whole = isinstance(layers, list) and all(isinstance(one, list) and len(one) == 2 for one in layers)
    whole = whole and all(isinstance(name, str) and type(size) is int and size > 0 for name, size in layers)
    if not whole or not 0 < len(layers) <= taps.MOST_LAYERS:
        rule = f"names and sizes of one to {taps.MOST_LAYERS} layers"
        raise CardError(explain("essentia_ldl.layer_sizes", rule, layers, where, remedy))
    backbone = card.extra.get("backbone")
    if backbone not in frontends.NETWORKS or frontends.of_network(backbone).name != front_end.name:
        raise CardError(explain("essentia_ldl.backbone", f"one that reads {front_end.name}", backbone, where, remedy))
    link = str(card.fields.get("link") or f"{where}.pb")
    size, sha256 = sum(size for _, size in layers), digest_graph(model.graph)
    return Published(where, size, sha256, card.input_name, taps.LAYERS_NODE, link, read_licence(card), layers, backbone)


def _check_patches(card: GraphCard, where: str) -> None:
    """Raise `CardError` when an extractor does not read the patches that the networks beside it read."""
    wanted, found = taps.FRONT_END, find_front_end(card, where)
    rule = f"{wanted.patch_frames} frames of {wanted.n_bands} bands, as {wanted.input_algorithm} makes them"
    got = f"{found.patch_frames} frames of {found.n_bands} bands"
    shape = card.fields["schema"]["inputs"][0].get("shape") or []
    sizes = [size for size in shape if type(size) is int and size > 1]
    if _cut(found) == _cut(wanted):
        if sizes[-2:] == [wanted.patch_frames, wanted.n_bands] or len(sizes) < 2:
            return
        got = f"the shape {shape}"
    elif (found.patch_frames, found.n_bands) == (wanted.patch_frames, wanted.n_bands):
        got = f"{got} of another analysis, {found.name}"
    remedy = "It cannot stand beside others; train a head on it with --extractor."
    raise CardError(explain("patches", rule, got, where, remedy))


def _cut(front_end: FrontEnd) -> dict[str, object]:
    return {key: value for key, value in dataclasses.asdict(front_end).items() if key not in _NOT_OF_PATCHES}


def read_licence(card: GraphCard) -> str:
    """Return what a card says of the licence of its graph; "unknown" where it says nothing, as Essentia's do.

    Essentia's schema has no field for it. Where others write one, it stands at the top; ours is under "essentia_ldl".
    What stands with the data set is the licence of the data.
    """
    for place in (card.fields, card.extra):
        for key in ("licence", "license"):
            if isinstance(place.get(key), str) and place[key].strip():
                return place[key].strip()
    return UNKNOWN_LICENCE
