"""The folder graphs/: which models there are, which one a name means, and how a new one gets in.

In: verified graphs and cards of a run; out: ``<stem>-<version>.pb``, ``.json`` and, where the run has them, the golden
answers and the word side that travel with the graph. A model is never overwritten: a run takes the next free version
number, and each file appears whole or not at all, the card last.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import functools
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from essentia_ldl.discover import unknown
from essentia_ldl.errors import (
    CardError,
    EssentiaLdlError,
    GraphError,
    Reason,
    StoreError,
    UnknownNameError,
    WeightsError,
    explain,
)
from essentia_ldl.files import digest_file, is_file_name, read_json, read_object, write_json
from essentia_ldl.models.answers import SUFFIX as ANSWERS
from essentia_ldl.models.answers import read_answers
from essentia_ldl.models.card import REMEDY as CARD_REMEDY
from essentia_ldl.models.card import GraphCard
from essentia_ldl.words.side import SUFFIX as WORDS

BASE_MODEL = "msd-musicnn-1"
BASE_MODELS = ("msd-musicnn-1", "msd-vgg-1", "mtt-musicnn-1", "mtt-vgg-1")
TAG_HEADS = {"msd": "msd-msd-musicnn-1", "mtt": "mtt-mtt-musicnn-1"}  # the tags of MusiCNN as heads of its embedding
# Networks whose weights are read from a published graph that the user puts into graphs/: (network, data set) -> stem.
USERS_GRAPHS = {("vggish", "audioset"): "audioset-vggish-3"}
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK)  # the second and third are one on Linux
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


def next_version(folder: Path, stems: Sequence[str]) -> int:
    """Return the first version number that no stem has taken, counting half-written files as taken."""
    taken = [0]
    for stem in stems:
        pattern = re.compile(re.escape(stem) + r"-(\d+)\.(pb|json|answers\.npz|words\.npz)")
        taken += [int(match[1]) for path in folder.glob(f"{stem}-*") if (match := pattern.fullmatch(path.name))]
    return max(taken) + 1


def promote(
    exported: Path, stems: Sequence[str], folder: Path, additions: Mapping[str, Any] | None = None
) -> list[Model]:
    """Move verified graphs of a run into the folder of models, under one new version number.

    Parameters
    ----------
    exported : Path
        Folder with ``<stem>.pb``, ``<stem>.json``, and perhaps ``<stem>.answers.npz`` and ``<stem>.words.npz``.
    stems : sequence of str
        File names without version, such as ``"mood_sad-musicnn-msd"``.
    folder : Path
        graphs/.
    additions : Mapping[str, Any] or None
        What the cards say more under "essentia_ldl": the run and its scores.

    Returns
    -------
    list[Model]
        One a stem.

    Raises
    ------
    StoreError
        When a file cannot be written; nothing of this call is left behind then.
    """
    claim = exported / "promoted.json"
    version = _read_claim(claim)
    if version is None:
        version = next_version(folder, stems)
        write_json(claim, {"version": version})
    placed: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=folder) as staging:
            for stem in stems:
                name = f"{stem}-{version}"
                shutil.copyfile(exported / f"{stem}.pb", Path(staging, f"{name}.pb"))
                card = GraphCard(read_object(exported / f"{stem}.json"))
                extra = {**card.extra, **(additions or {})}
                before = str(card.fields.get("link", ""))
                address = "".join(before.rpartition("/")[:2]) + f"{name}.pb" if before else ""
                write_json(Path(staging, f"{name}.json"), {**card.fields, "link": address, "essentia_ldl": extra})
                for suffix in (ANSWERS, WORDS):  # runs of earlier versions have no answers
                    if (exported / f"{stem}{suffix}").is_file():
                        shutil.copyfile(exported / f"{stem}{suffix}", Path(staging, f"{name}{suffix}"))
                staged = read_model(Path(staging, f"{name}.pb"))  # refuses a card that does not fit its graph
                read_answers(staged.graph, digest_file(staged.graph))  # and answers of another one
            for suffix in (".pb", ANSWERS, WORDS, ".json"):
                for stem in stems:
                    name = f"{stem}-{version}{suffix}"
                    if Path(staging, name).is_file() and _place(Path(staging, name), folder / name):
                        placed.append(folder / name)
    except OSError as error:
        for path in placed:
            path.unlink()
        if isinstance(error, FileExistsError):  # another run took the number meanwhile
            claim.unlink(missing_ok=True)
            return promote(exported, stems, folder, additions)
        if isinstance(error, StoreError):
            raise
        reason = Reason(error.strerror or error)
        raise StoreError(f"The model could not be put into {folder}: {reason}. Free space and run again.") from None
    return [read_model(folder / f"{stem}-{version}.pb") for stem in stems]


def _read_claim(claim: Path) -> int | None:
    """Return the version that a killed run had chosen, or None."""
    try:
        return int(read_json(claim)["version"])
    except (StoreError, KeyError, TypeError, ValueError):
        return None


def _place(source: Path, target: Path) -> bool:
    """Link a whole file under its final name; False when it is there already, from before a kill."""
    with contextlib.suppress(FileNotFoundError):
        if digest_file(target) == digest_file(source):
            return False
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if target.exists():  # a file system without hard links
            raise FileExistsError(target) from None
        os.replace(source, target)
    return True
