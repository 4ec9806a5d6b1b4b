"""The pretrained networks of graphs/: are they there, whole, and written by the code that is installed?

In: the folder. Out: yes or no, without a network library, so that nobody starts one to find nothing to do.
"""

from __future__ import annotations

import functools
import hashlib
from importlib import resources
from pathlib import Path

from essentia_ldl.files import digest_file, read_object
from essentia_ldl.models.answers import read_answers
from essentia_ldl.models.folder import BASE_MODELS, TAG_HEADS

CARD_FORMAT = 2  # raised when graphs or cards of an earlier version must be written again
WEIGHT_FILES = ("wheel.py", "weights.py")  # of nets/pretrained/: which file is fetched, and how it is read
LAYER_FILES = (("layers.py",), ("export", "folding.py"))  # of nets/, beside the file of the network itself


def describe_format(network: str) -> str:
    """Digest what decides the layers of a network such as "musicnn": weights saved by others are built again."""
    nets = resources.files("essentia_ldl") / "nets"
    sources = [nets.joinpath(*parts).read_bytes() for parts in (("backbones", f"{network}.py"), *LAYER_FILES)]
    return hashlib.sha256(b"".join(sources) + str(CARD_FORMAT).encode()).hexdigest()[:16]


@functools.cache
def describe_weights() -> str:
    """Digest what decides the pretrained weights, whether they are built yet or not: where they come from, and layers.

    A weights file that is another one than its card tells is built again, so that no other weights are ever started
    from.
    """
    sources = [(resources.files("essentia_ldl") / "nets" / "pretrained" / name).read_bytes() for name in WEIGHT_FILES]
    formats = [describe_format(network) for network in sorted({stem.split("-")[1] for stem in BASE_MODELS})]
    return hashlib.sha256(b"".join(sources) + "".join(formats).encode()).hexdigest()[:16]


def is_built(graphs: Path, stem: str) -> bool:
    """Tell whether a network such as "msd-musicnn-1" is there: its graph and weights are those that its card tells."""
    try:
        sums = read_object(graphs / f"{stem}.json")["essentia_ldl"]
        return (
            sums["format"] == describe_format(stem.split("-")[1])
            and sums["sha256"] == digest_file(graphs / f"{stem}.pb")
            and sums["weights_sha256"] == digest_file(graphs / f"{stem}.weights.h5")
        )
    except (OSError, KeyError, TypeError):
        return False


def has_answers(graphs: Path, stem: str) -> bool:
    """Tell whether a network has golden answers, which graphs of older versions lack."""
    graph = graphs / f"{stem}.pb"
    try:
        return read_answers(graph, digest_file(graph)) is not None
    except OSError:  # StoreError is one, too
        return False


def are_built(graphs: Path) -> bool:
    """Tell whether every pretrained network is there, with its answers, and the heads of tags."""
    heads = all((graphs / f"{stem}.json").is_file() and has_answers(graphs, stem) for stem in TAG_HEADS.values())
    return heads and all(is_built(graphs, stem) and has_answers(graphs, stem) for stem in BASE_MODELS)
