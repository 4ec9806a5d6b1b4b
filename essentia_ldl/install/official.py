"""Essentia's names: which there are, what their classes are, and which nodes programs ask for.

In: a name such as "mood_sad-msd-musicnn-1". Out: an `Official`: task, network, kind and version. Heads and feature
extractors name the data set first, the full classifiers of 2020 the network: "mood_sad-musicnn-msd-2".

References
----------
https://essentia.upf.edu/models.html and the metadata beside the models: classes, in the order of the columns.
"""

from __future__ import annotations

import dataclasses
import difflib
import re

from essentia_ldl.errors import UnknownNameError, explain

HEAD, FULL, EXTRACTOR = "head", "full", "extractor"
CLASSES: dict[str, tuple[str, ...]] = {
    "danceability": ("danceable", "not_danceable"),
    "gender": ("female", "male"),
    "genre_dortmund": (
        *("alternative", "blues", "electronic", "folkcountry", "funksoulrnb"),
        *("jazz", "pop", "raphiphop", "rock"),
    ),
    "genre_rosamerica": ("cla", "dan", "hip", "jaz", "pop", "rhy", "roc", "spe"),
    "mood_acoustic": ("acoustic", "non_acoustic"),
    "mood_aggressive": ("aggressive", "not_aggressive"),
    "mood_electronic": ("electronic", "non_electronic"),
    "mood_happy": ("happy", "non_happy"),
    "mood_party": ("non_party", "party"),
    "mood_relaxed": ("non_relaxed", "relaxed"),
    "mood_sad": ("non_sad", "sad"),
    "tonal_atonal": ("atonal", "tonal"),
    "voice_instrumental": ("instrumental", "voice"),
}
# Tasks whose classes are not checked: how the published models write them was not seen.
UNCHECKED = ("genre_tzanetakis", "genre_discogs400", "moods_mirex", "msd", "mtt", "deam", "emomusic", "muse")
TASKS = (*CLASSES, *UNCHECKED)
# Heads that programs read through another pair of nodes, by task.
SERVED = ("genre_discogs400", "moods_mirex", "msd", "mtt")
# Network -> the data sets of its weights, the version of the full classifiers, and Essentia's algorithm.
NETWORKS = {
    "musicnn": (("msd", "mtt"), 2, "TensorflowPredictMusiCNN"),
    "vgg": (("msd", "mtt"), 2, "TensorflowPredictMusiCNN"),
    "vggish": (("audioset",), 1, "TensorflowPredictVGGish"),
}
PAIRS = tuple((dataset, network) for network, (datasets, *_) in NETWORKS.items() for dataset in datasets)
_VERSIONED = re.compile(r"(?P<stem>.+?)(?:-(?P<version>\d+))?")


@dataclasses.dataclass(frozen=True)
class Official:
    """A name of Essentia's, taken apart.

    Parameters
    ----------
    kind : str
        `HEAD`, `FULL` or `EXTRACTOR`.
    task : str
        With underscores; empty for an extractor.
    dataset, network : str
        Such as "msd" and "musicnn".
    version : int
        The last number of the name; 0 where it has none, which is the next that is free.
    """

    kind: str
    task: str
    dataset: str
    network: str
    version: int

    @property
    def stem(self) -> str:
        """The name without its version."""
        middle = [self.network, self.dataset] if self.kind == FULL else [self.dataset, self.network]
        return "-".join([*([self.task] if self.task else []), *middle])

    @property
    def is_served(self) -> bool:
        """Whether programs read it as `serving_default_model_Placeholder` -> `PartitionedCall`."""
        return self.kind == HEAD and self.task in SERVED

    @property
    def folder(self) -> str:
        """Where it is in the tree of Essentia's site, which its generator of scripts reads."""
        if self.kind == EXTRACTOR:
            return f"feature-extractors/{self.network}"
        return f"{'classification-heads' if self.kind == HEAD else 'legacy/classifiers'}/{self.task}"


def parse_name(name: str, own_task: str = "") -> Official | None:
    """Take a name apart.

    Parameters
    ----------
    name : str
        Without folder and suffix, with its version or without.
    own_task : str
        A task that may stand where Essentia's stand: that of the model.

    Returns
    -------
    Official or None
        None for a name that does not end like one of Essentia's.

    Raises
    ------
    UnknownNameError
        When it ends like one, but there is no such task; the nearest name is told.

    Examples
    --------
    >>> parse_name("mood_sad-msd-musicnn-1").folder, parse_name("mood_sad-musicnn-msd-2").kind
    ('classification-heads/mood_sad', 'full')
    """
    found = _VERSIONED.fullmatch(name)
    stem, version = found["stem"], int(found["version"] or 0)
    for dataset, network in PAIRS:
        for kind, ending in ((HEAD, f"{dataset}-{network}"), (FULL, f"{network}-{dataset}")):
            if kind == HEAD and stem == ending:
                return Official(EXTRACTOR, "", dataset, network, version)
            if stem.endswith(f"-{ending}"):
                task = stem.removesuffix(f"-{ending}")
                if task not in (*TASKS, own_task):
                    raise _unknown(name, task, stem.removeprefix(task) + (f"-{version}" if version else ""))
                return Official(kind, task, dataset, network, version)
    return None


def _unknown(name: str, task: str, ending: str) -> UnknownNameError:
    near = difflib.get_close_matches(task, TASKS, 1, 0.5)
    remedy = f"Did you mean {near[0]}{ending}?" if near else f"Tasks are {', '.join(TASKS)}."
    return UnknownNameError(explain("name", "one of Essentia's, or of the model's own task", name, "install", remedy))
