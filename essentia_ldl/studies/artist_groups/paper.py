"""Tables 3, 4 and 5 of the paper on artist group factors, as they were printed, and what is wrong with them.

In: nothing. Out: the published values, those that follow from Table 4 (Figure 3 was a picture without numbers), and the
contradictions. Targets are letters: g the genre, m MFCC, d delta MFCC, e Essentia's descriptors, s sub-genres; a set of
them is written in this order ("gmdes" is the paper's gsedm). Networks are "separate" (the paper's STN: one per target),
"shared" (MTN: one network whose first block all targets share) or "wide" (wSTN: one network on g alone, with as many
parameters as those of N targets).

References
----------
Kim, Won, Serra and Liem, "Transfer learning of artist group factors to musical genre classification" (The Web
Conference 2018), tables 3, 4 and 5 and figure 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

LETTERS = "gmdes"
NETWORKS = ("separate", "shared", "wide")
PAIRED = NETWORKS[:2]  # those that learn several targets
WORDS = {"log_loss": "log loss", "macro_f1": "macro F1", "accuracy": "accuracy"}
SHORT = {"separate": "STN", "shared": "MTN", "wide": "wSTN"}
DATA = "FMA medium (25 000 tracks, 16 genres, 85 % to learn from and 15 % to test, drawn at random)"

# One row per set of targets, in the paper's order and letters: STN log loss, F1, MTN log loss, F1.
_TABLE_4 = """
g     .8891 .5963
m     1.1812 .3581
d     1.0987 .3967
e     1.2542 .3437
s     .9404 .5218
gs    .8606 .6114 .8578 .6190
ge    .8811 .5953 .8792 .5996
gd    .8845 .5898 .8803 .5955
gm    .8874 .5957 .8813 .6037
se    .9124 .5537 .9079 .5502
sd    .9191 .5601 .9146 .5412
sm    .9260 .5581 .9283 .5458
ed    1.0557 .4433 1.0422 .4399
em    1.1186 .4244 1.1060 .4376
dm    1.0583 .4373 1.0704 .4280
gse   .8361 .6255 .8335 .6277
gsd   .8579 .6280 .8519 .6150
gsm   .8486 .6289 .8541 .6153
ged   .8528 .6051 .8601 .6067
gem   .8645 .5988 .8701 .6056
gdm   .8773 .5985 .8845 .5941
sed   .8965 .5818 .8867 .5640
sem   .9104 .5834 .8889 .5668
sdm   .9211 .5629 .9109 .5572
edm   1.0359 .4879 1.0365 .4675
gsed  .8211 .6343 .8132 .6328
gsem  .8264 .6352 .8172 .6284
gsdm  .8407 .6379 .8288 .6170
gedm  .8466 .6053 .8450 .6152
sedm  .8906 .5856 .8875 .5870
gsedm .7894 .6599 .7727 .6571
"""

REASONS = {
    "a": "Table 4 has .7894",
    "b": "the log loss is the best of four targets, the F1 is that of gmes; Table 4 has .6379, of gmds",
    "c": "above every other F1 of the paper, those of wide networks with more parameters included, with a log loss that"
    " is not the best: likely an error",
}

NOTES = (
    "Table 3 is the mean of Table 4 (.4932 is .4933), but its STN counts the five single targets, which MTN does not"
    " have; over the combinations that both have, STN is at .9677 and .5253 without g, at .8517 and .6166 with g",
    "the text says that MTN is worse in F1: in Table 3 it is better in both rows, for that reason, and worse over the"
    " combinations that both have",
    "three of the four pairs with g (ge, gm, gd, separate) have a lower F1 than g alone, as have shared gd and gmd; in"
    " log loss every set with g is better than g alone",
    "Table 5 takes the best of up to ten combinations, each metric for itself, on the tracks that score it; the wide"
    " network has one try",
    "the vocabulary of s holds the main genres too: s without g is not without the genre",
    "every value is of one split and one training, so that nothing tells how far another would be",
)


class Score(NamedTuple):
    """What the tables print of one way to learn."""

    log_loss: float
    macro_f1: float


def order_targets(letters: Iterable[str]) -> str:
    """Write a set of targets in our order: "sg" becomes "gs"."""
    return "".join(sorted(letters, key=LETTERS.index))


def _parse() -> dict[tuple[str, str], Score]:
    values = {}
    for line in _TABLE_4.split("\n"):
        if line:
            targets, *row = line.split()
            scores = [float(value) for value in row]
            for networks, start in zip(("separate", "shared"), range(0, len(scores), 2), strict=False):
                values[networks, order_targets(targets)] = Score(*scores[start : start + 2])
    return values


TABLE_4 = _parse()  # by networks and targets; a single target has no shared network
COMBINATIONS = tuple(targets for networks, targets in TABLE_4 if networks == "separate")  # the 31, in the paper's order

TABLE_3 = {  # by networks and whether g is among the targets
    ("separate", False): Score(1.0079, 0.4932),
    ("shared", False): Score(0.9618, 0.5168),
    ("separate", True): Score(0.8540, 0.6154),
    ("shared", True): Score(0.8486, 0.6155),
}

TABLE_5 = {  # by networks and number of targets; of several combinations the best, each metric for itself
    ("wide", 2): Score(0.8688, 0.6071),
    ("wide", 3): Score(0.8546, 0.6629),
    ("wide", 4): Score(0.8278, 0.6451),
    ("wide", 5): Score(0.8290, 0.6528),
    ("separate", 2): Score(0.8606, 0.6114),
    ("separate", 3): Score(0.8361, 0.6289),
    ("separate", 4): Score(0.8211, 0.6352),
    ("separate", 5): Score(0.7893, 0.6599),
    ("shared", 2): Score(0.8578, 0.6190),
    ("shared", 3): Score(0.8335, 0.6277),
    ("shared", 4): Score(0.8132, 0.6328),
    ("shared", 5): Score(0.7727, 0.6571),
}

MARKS = {  # of values in Table 5, by networks, number of targets and metric
    ("separate", 5, "log_loss"): "a",
    ("separate", 4, "macro_f1"): "b",
    ("wide", 3, "macro_f1"): "c",
}


def average_scores(values: Mapping[tuple[str, str], Score], networks: str, chosen: Iterable[str]) -> Score | None:
    """Average log loss and F1 over sets of targets.

    Parameters
    ----------
    values : Mapping[tuple[str, str], Score]
        By networks and targets, as `TABLE_4`.
    networks : str
        Which of the networks.
    chosen : iterable of str
        Sets of targets; those without a value are left out.

    Returns
    -------
    Score or None
        None when none of them has a value.
    """
    found = [values[networks, targets] for targets in chosen if (networks, targets) in values]
    if not found:
        return None
    return Score(*(sum(column) / len(found) for column in zip(*found, strict=True)))


def list_sets(has_genre: bool | None = None, n_targets: int | None = None, at_least: int = 1) -> tuple[str, ...]:
    """List the sets of targets with or without g (None: both), of a size (None: any), in the paper's order."""
    return tuple(
        targets
        for targets in COMBINATIONS
        if (has_genre is None or ("g" in targets) == has_genre)
        and (n_targets is None or len(targets) == n_targets)
        and len(targets) >= at_least
    )


def find_best(values: Mapping[tuple[str, str], Score], networks: str, n_targets: int, metric: str) -> str:
    """Return the set of so many targets of the lowest log loss or the highest F1, as Table 5 does; "" if none has one.

    Parameters
    ----------
    values : Mapping[tuple[str, str], Score]
        By networks and targets, as `TABLE_4`.
    networks : str
        Which of the networks.
    n_targets : int
        Size of the sets.
    metric : str
        A field of `Score`.
    """
    sign = 1 if metric == "log_loss" else -1
    sets = [targets for targets in list_sets(n_targets=n_targets) if (networks, targets) in values]
    return min(sets, key=lambda targets: sign * getattr(values[networks, targets], metric), default="")


FIGURE_3 = {  # average by number of targets
    (networks, n): average
    for networks in ("separate", "shared")
    for n in range(1, len(LETTERS) + 1)
    if (average := average_scores(TABLE_4, networks, list_sets(n_targets=n))) is not None
}
