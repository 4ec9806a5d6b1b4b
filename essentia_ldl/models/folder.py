"""The folder graphs/: which models there are, and which one a name means.

In: ``<name>.pb`` and ``<name>.json``; out: `Model`. Golden answers and a word side may travel with a graph; `promotion`
puts new models there.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from pathlib import Path, PurePosixPath

from essentia_ldl.discover import unknown
from essentia_ldl.errors import (
    CardError,
    EssentiaLdlError,
    GraphError,
    UnknownNameError,
    WeightsError,
    explain,
)
from essentia_ldl.files import digest_file, is_file_name, read_json
from essentia_ldl.models.card import REMEDY as CARD_REMEDY
from essentia_ldl.models.card import GraphCard

BASE_MODEL = "msd-musicnn-1"
BASE_MODELS = ("msd-musicnn-1", "msd-vgg-1", "mtt-musicnn-1", "mtt-vgg-1")
TAG_HEADS = {"msd": "msd-msd-musicnn-1", "mtt": "mtt-mtt-musicnn-1"}  # the tags of MusiCNN as heads of its embedding
# Networks whose weights are read from a published graph that the user puts into graphs/: (network, data set) -> stem.
USERS_GRAPHS = {("vggish", "audioset"): "audioset-vggish-3"}
HEADS = "TensorflowPredict2D"  # the algorithm that runs them
PUBLISHED = "https://essentia.upf.edu/models"
BUILD = "Run `essentia-ldl graphs build`, or set ESSENTIA_LDL_HOME to the folder in which your graphs/ is."


@dataclasses.dataclass(frozen=True)
class Model:
    """A graph with its card.

    Parameters
    ----------
    name : str
        Stem of the files.
    graph : str
        Absolute path of the .pb.
    card : GraphCard
        What the .json says.
    """

    name: str
    graph: str
    card: GraphCard

    @property
    def is_base(self) -> bool:
        """True for the pretrained networks themselves: taggers, and published graphs that offer embeddings."""
        foreign = not self.card.extra and self.card.output("embeddings") is not None
        return foreign or self.card.fields["type"] in ("auto-tagging", "embedding extractor")


def read_model(graph: str | os.PathLike[str]) -> Model:
    """Read the card of a graph file.

    Parameters
    ----------
    graph : path
        The .pb, or its .json.

    Raises
    ------
    GraphError
        When the .pb is missing, or its bytes are not those that the card was written for.
    CardError
        When the .json is missing, not json, or lacks what `predict` needs.
    """
    if not Path(graph).name:
        raise GraphError(explain("model", "a .pb file", str(graph), "by name", "Check the name."))
    graph = Path(graph).with_suffix(".pb").absolute()
    path = graph.with_suffix(".json")
    if not graph.is_file():
        raise GraphError(explain("model", "an existing .pb", "nothing there", graph, "Check the name."))
    if not path.is_file():
        raise CardError(explain("card", "a .json beside the .pb", "nothing there", path, "Copy it there too."))
    fields = read_json(path, "card", CARD_REMEDY, CardError)
    try:
        card = GraphCard(fields)
        expected = card.extra.get("sha256")
    except (CardError, AttributeError, TypeError, KeyError) as error:
        raise CardError(f"{error} The card is {path}.") from None
    if expected is not None and digest_file(graph) != expected:
        raise GraphError(
            explain("graph", "the file that its card describes", "other bytes", graph, "Export or copy it again.")
        )
    return Model(graph.stem, str(graph), card)


def base_name(backbone: str, pretrained: str) -> str:
    """Name the graph of a pretrained network, such as "msd-musicnn-1"."""
    return USERS_GRAPHS.get((backbone, pretrained), f"{pretrained}-{backbone}-1")


def weights_file(folder: Path, backbone: str, pretrained: str) -> Path:
    """Return where the weights of a pretrained network are, whether they are there or not."""
    suffix = "pb" if (backbone, pretrained) in USERS_GRAPHS else "weights.h5"
    return Path(folder) / f"{base_name(backbone, pretrained)}.{suffix}"


def refuse_head(model: Model) -> None:
    """Raise `CardError` when what is named as an extractor is a head."""
    if model.card.algorithm == HEADS:
        remedy = "Name a network that reads audio, such as msd-musicnn-1."
        raise CardError(explain("extractor", "a network", "a head, which reads embeddings itself", model.name, remedy))


def require_weights(folder: Path, backbone: str, pretrained: str) -> Path:
    """Return the file with the weights of a pretrained network.

    Raises
    ------
    WeightsError
        When it is missing; the message says how it gets there.
    """
    path = weights_file(folder, backbone, pretrained)
    remedy = "Run essentia-ldl graphs build."
    if (backbone, pretrained) in USERS_GRAPHS:
        link = f"{PUBLISHED}/feature-extractors/{backbone}/{path.stem}"
        remedy = f"Get {link}.pb and {path.stem}.json (mind their licence) and put both into {folder}."
        missing = [p for p in (path, path.with_suffix(".json")) if not p.is_file()]
    else:
        missing = [] if path.is_file() else [path]
    if missing:
        raise WeightsError(explain("pretrained weights", "an existing file", "nothing there", missing[0], remedy))
    return path


def list_models(folder: Path) -> tuple[list[Model], list[str]]:
    """List the models of a folder.

    Returns
    -------
    models : list[Model]
        By name.
    problems : list[str]
        One sentence for every graph or card that cannot be used.
    """
    models, problems = [], []
    stems = {path.stem for path in folder.glob("*.pb")} | {path.stem for path in folder.glob("*.json")}
    for stem in sorted(stems):
        try:
            models.append(read_model(folder / f"{stem}.pb"))
        except EssentiaLdlError as error:
            problems.append(str(error))
    return models, problems


def find_model(name: str, folder: Path) -> Model:
    """Find a model by file, or by name in a folder.

    Raises
    ------
    UnknownNameError
        When there is none of that name; the nearest one is named.
    """
    if name.endswith((".pb", ".json")) or os.sep in name:
        return read_model(name)
    if (folder / f"{name}.pb").is_file():
        return read_model(folder / f"{name}.pb")
    known = [path.stem for path in folder.glob("*.pb")]
    if not known:
        raise UnknownNameError(explain("model", "one that exists", name, f"{folder} has none", BUILD))
    raise unknown("model", name, known)


@functools.lru_cache(maxsize=64)
def _digest(path: str, size: int, mtime_ns: int) -> str:
    del size, mtime_ns  # only part of the key
    return digest_file(path)


def digest_graph(path: str | os.PathLike[str]) -> str:
    """Return the sha256 of a file, read once per process while it does not change: ten heads share one extractor."""
    status = os.stat(path)
    return _digest(str(path), status.st_size, status.st_mtime_ns)


def find_extractor(model: Model, folder: Path) -> Model | None:
    """Find the extractor whose embeddings a head needs: beside the head, or in the folder of graphs.

    Raises
    ------
    GraphError
        When the card names an extractor that is not there, or the one there has other bytes than the head was trained
        on.
    """
    needed = model.card.embedding_model
    if needed is None:
        return None
    link = str(needed.get("link") or "")
    stem = needed.get("model_name") or PurePosixPath(link).stem
    if not is_file_name(stem):
        raise GraphError(
            explain("extractor", "the name of a model", stem, model.name, "Correct model_name in its card.")
        )
    for candidate in (Path(model.graph).parent, folder):
        if (candidate / f"{stem}.pb").is_file():
            found = read_model(candidate / f"{stem}.pb")
            expected = (model.card.extra.get("extractor") or {}).get("sha256")
            if expected is not None and digest_graph(found.graph) != expected:
                remedy = "Put that file there, or train the head again."
                rule = f"the {stem}.pb that {model.name} was trained on"
                raise GraphError(explain("extractor", rule, "other bytes", found.graph, remedy))
            return found
    remedy = "Run `essentia-ldl graphs build`." if stem in BASE_MODELS else "Put its .pb and .json beside the head."
    if stem not in BASE_MODELS and link.startswith("http"):
        remedy = f"{remedy} They are published at {link.removesuffix('.pb')}."
    raise GraphError(explain("extractor", f"{stem}.pb", "nothing there", model.name, remedy))


def _has_extractor(head: Model, folder: Path) -> bool:
    try:
        return find_extractor(head, folder) is not None
    except EssentiaLdlError:
        return False


def choose_models(folder: Path, listing: tuple[list[Model], list[str]] | None = None) -> list[Model]:
    """Choose what `predict` runs when no model is named.

    Trained models; of a run with a model on several networks side by side only that one; else, of a head and the full
    graph of the same run, only the head, because heads share their network.
    Demo models only when there is nothing else, and the tags of `BASE_MODEL` when nothing was trained at all.

    Parameters
    ----------
    folder : Path
        graphs/.
    listing : tuple or None
        What `list_models` gave for it, when the caller has it already.

    Raises
    ------
    GraphError
        When the folder has no usable model.
    """
    models, problems = listing or list_models(folder)
    trained = [model for model in models if not model.is_base]
    real = [model for model in trained if not model.card.extra.get("demo")]
    heads = [model for model in trained if model.card.embedding_model is not None and _has_extractor(model, folder)]
    covered = {model.card.extra.get("run") for model in heads} - {None}
    joint = [model for model in trained if model.card.extra.get("backbones")]
    beaten = {model.card.extra.get("run") for model in joint} - {None}
    chosen = [
        model
        for model in real or trained
        if model in joint
        or (model.card.extra.get("run") not in beaten and model in heads)
        or (model.card.embedding_model is None and model.card.extra.get("run") not in covered | beaten)
    ]
    if chosen:
        return chosen
    base = [model for model in models if model.is_base]
    if not base:
        found = "none that can be used" if problems else "none"
        remedy = " ".join([*problems, BUILD])
        raise GraphError(explain("models", "at least one", found, folder, remedy))
    return [next((model for model in base if model.name == BASE_MODEL), base[0])]
