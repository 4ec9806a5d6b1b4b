"""Do artist group factors beat the genre alone? Rows of trainings flow in; differences with intervals flow out.

A row is a training: a dict that json can hold, with `KEYS`: networks ("separate", "shared" or "wide"), targets (letters
in the order of `paper.LETTERS`), split, seed, log_loss, macro_f1, accuracy, n_test, parameters. A wide network also
has n, the number of targets whose parameters it has. Two keys more say what an interval covers: n_train (tracks learned
from) and redrawn (false when all seeds have the same split). Trainings of one seed have the same split, so that
differences are taken seed by seed.

References
----------
Where every seed draws its own split, the splits share tracks, and the plain t interval over them is too short: the
variance of the mean difference is s^2 (1 / n + n_test / n_train), equation 5 of Nadeau and Bengio, "Inference for the
generalization error" (Machine Learning 52, 2003). Holm, "A simple sequentially rejective multiple test procedure"
(Scandinavian Journal of Statistics 6, 1979).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.scores.statistics import compare_corrected
from essentia_ldl.studies.artist_groups.paper import COMBINATIONS, LETTERS, NETWORKS, PAIRED, Score, order_targets

METRICS = ("log_loss", "macro_f1", "accuracy")
KEYS = ("networks", "targets", "split", "seed", *METRICS, "n_test", "parameters")
LEVEL = 0.05
SPLITS = ("stratified", "artist")  # in this order; others follow
RATIO = 15 / 85  # tested to trained tracks of the paper's split, where rows do not say


class Kind(NamedTuple):
    """A kind of training: networks, targets, and the number of targets whose parameters it has."""

    networks: str
    targets: str
    n: int


@dataclasses.dataclass(frozen=True)
class Trainings:
    """The trainings of a kind on a split.

    Parameters
    ----------
    rows : tuple[Mapping[str, Any], ...]
        One per seed, in the order of the seeds.
    """

    rows: tuple[Mapping[str, Any], ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds, ascending."""
        return tuple(row["seed"] for row in self.rows)

    @property
    def n_test(self) -> tuple[int, ...]:
        """Test tracks of each."""
        return tuple(row["n_test"] for row in self.rows)

    @property
    def parameters(self) -> int:
        """Parameters of the networks, which do not depend on the seed."""
        return self.rows[0]["parameters"]

    @property
    def score(self) -> Score:
        """Means of what the paper prints."""
        return Score(*(self.mean(metric) for metric in Score._fields))

    def mean(self, metric: str) -> float:
        """Return the mean over seeds."""
        return float(np.mean([row[metric] for row in self.rows]))

    def deviation(self, metric: str) -> float | None:
        """Return the standard deviation over seeds (n - 1), None of a single one."""
        return float(np.std([row[metric] for row in self.rows], ddof=1)) if len(self.rows) > 1 else None


def collect(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[Kind, Trainings]]:
    """Sort trainings by split and kind.

    Parameters
    ----------
    rows : sequence of Mapping
        In any order.

    Returns
    -------
    dict[str, dict[Kind, Trainings]]
        By split, kinds in the order of the paper; without any row one split named "" without trainings.

    Raises
    ------
    DataError
        When a row lacks a key, has a value that cannot be, or is there twice.
    """
    found: dict[str, dict[Kind, dict[int, Mapping[str, Any]]]] = {}
    for number, row in enumerate(rows):
        kind = _check_row(row, f"row {number + 1}")
        seeds = found.setdefault(row["split"], {}).setdefault(kind, {})
        if row["seed"] in seeds:
            shown = f"{kind.networks} {kind.targets}, {row['split']} split, seed {row['seed']}"
            raise DataError(explain("training", "each once", shown, f"row {number + 1}", "Drop one of them."))
        seeds[row["seed"]] = row
    order = [split for split in SPLITS if split in found] + sorted(set(found) - set(SPLITS))
    return {
        split: {
            kind: Trainings(tuple(seeds[seed] for seed in sorted(seeds)))
            for kind, seeds in sorted(found[split].items(), key=lambda item: _place(item[0]))
        }
        for split in order
    } or {"": {}}


def average_seeds(measured: Mapping[Kind, Trainings]) -> dict[tuple[str, str], Score]:
    """Return means over seeds in the form of `paper.TABLE_4`, without wide networks."""
    return {(kind.networks, kind.targets): one.score for kind, one in measured.items() if kind.networks in PAIRED}


def compare(rows: Sequence[Mapping[str, Any]], baseline: str = "g") -> list[dict[str, Any]]:
    """Compare every kind of training with separate networks on the baseline's targets, split by split.

    Parameters
    ----------
    rows : sequence of Mapping
        One per training.
    baseline : str
        Targets.

    Returns
    -------
    list[dict]
        One per split and kind that has two seeds or more in common with the baseline: split, networks, targets, n,
        n_seeds, ratio (tested to trained tracks; 0 where all rows say that they were not redrawn), and metrics, by
        name: difference (mean over seeds; negative is better in log_loss, positive in the others), low and high (95 %
        interval), p (two-sided), p_holm (corrected for the comparisons of this metric on this split).

    Raises
    ------
    DataError
        When a row lacks a key, has a value that cannot be, or is there twice.
    """
    compared = []
    for split, measured in collect(rows).items():
        first = measured.get(Kind("separate", baseline, len(baseline)))
        if first is None:
            continue
        found = []
        for kind, other in measured.items():
            seeds = sorted(set(first.seeds) & set(other.seeds))
            if other is first or len(seeds) < 2:
                continue
            pairs = [[dict(zip(one.seeds, one.rows, strict=True))[seed] for seed in seeds] for one in (first, other)]
            ratio = _find_ratio(pairs[1])
            row = {"split": split, **kind._asdict(), "n_seeds": len(seeds), "ratio": ratio}
            row["metrics"] = {m: _difference(*([r[m] for r in pair] for pair in pairs), ratio) for m in METRICS}
            found.append(row)
        for metric in METRICS:
            for row, p in zip(found, correct_holm([row["metrics"][metric]["p"] for row in found]), strict=True):
                row["metrics"][metric]["p_holm"] = p
        compared += found
    return compared


def correct_holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for their number by Holm's procedure, in their order."""
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected


def _place(kind: Kind) -> tuple[bool, int, int, int]:
    """Sort sets of targets as the paper does, the networks of a set together, wide ones last."""
    number = COMBINATIONS.index(kind.targets)
    return kind.networks == "wide", number, NETWORKS.index(kind.networks), kind.n


def _difference(first: Sequence[float], second: Sequence[float], ratio: float) -> dict[str, float]:
    from scipy.special import stdtrit

    test = compare_corrected(first, second, ratio)
    difference = np.subtract(second, first)
    error = difference.std(ddof=1) * math.sqrt(1 / len(difference) + ratio)
    half = float(stdtrit(test.df, 1 - LEVEL / 2) * error)
    mean = float(difference.mean())
    return {"difference": mean, "low": mean - half, "high": mean + half, "p": test.p}


def _find_ratio(rows: Sequence[Mapping[str, Any]]) -> float:
    """Return tested to trained tracks, 0 where all seeds have the same split."""
    if not any(row.get("redrawn", True) for row in rows):
        return 0.0
    return float(np.mean([row["n_test"] / row["n_train"] if row.get("n_train") else RATIO for row in rows]))


def _check_row(row: Mapping[str, Any], where: str) -> Kind:
    missing = [key for key in KEYS if key not in row]
    if missing:
        raise DataError(explain("training", f"the keys {', '.join(KEYS)}", f"no {missing[0]}", where, "Add it."))
    networks, targets = row["networks"], row["targets"]
    n = row.get("n") if networks == "wide" else len(targets)
    for key, value, rule, valid in (
        ("networks", networks, f"one of {', '.join(NETWORKS)}", networks in NETWORKS),
        (
            "targets",
            targets,
            f"letters of {LETTERS} in this order, each once",
            bool(targets) and set(targets) <= set(LETTERS) and order_targets(set(targets)) == targets,
        ),
        ("n", n, f"2 to {len(LETTERS)}", networks != "wide" or n in range(2, len(LETTERS) + 1)),
        ("seed", row["seed"], "a whole number", isinstance(row["seed"], int)),
        *(
            (name, row[name], "a whole number of 1 or more", isinstance(row[name], int) and row[name] >= 1)
            for name in ("n_test", "parameters")
        ),
        *((m, row[m], "a finite number", _is_finite(row[m])) for m in METRICS),
    ):
        if not valid:
            raise DataError(explain(key, rule, value, where, "Correct it."))
    return Kind(networks, targets, n)


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
