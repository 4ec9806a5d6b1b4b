"""What smoothing of targets is worth: ways to smooth, and to adapt, measured on a collection whose features are there.

``python tests/smoothing_study.py TABLE [--column genre] [--seeds 5] [--halves 0]`` prints two tables in Markdown, of
random halves of the artists where so many are asked for. TABLE is a
collection in any layout whose joint features are in the store of ESSENTIA_LDL_HOME, as after ``essentia-ldl train``.
Deep layers of all four networks; the strength of every way is chosen by artist-grouped folds inside the training
tracks, by log loss at the best temperature. Tested on five folds of whole artists per seed, and on each value of a
column, which is left out with its artists; differences are to the labels as they are, paired by fold, with the standard
error over folds (folds of one seed and of others share tracks, so that it is on the low side).

- neighbours: as `linear.solve.smooth_targets`, by share; "by distance": neighbours count by exp(-d^2 / mean d^2);
- sharper, flatter: votes of neighbours to the power of 2 and 1/2;
- distilled: in place of neighbours, what fits on four fifths of the training tracks say of the last fifth;
- mixup: as many mixtures of two training tracks, with a share from Beta(a, a), beside the tracks themselves;
- adapted: features standardised in part by the tested tracks, which are looked at without labels; "by 20": by 20 of
  them, tested on all; "as train does": with the share of `train.adapt.weigh`.

References
----------
H. Zhang, M. Cisse, Y. Dauphin and D. Lopez-Paz, "mixup: beyond empirical risk minimization", ICLR 2018. T. Furlanello
et al., "Born again neural networks", ICML 2018: targets of a network's own predictions.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from essentia_ldl import datasets
from essentia_ldl.collection import columns, splits
from essentia_ldl.collection.read import Collection
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home
from essentia_ldl.linear.choose import Setting, Tracks, make_span, score
from essentia_ldl.linear.solution import Solution
from essentia_ldl.linear.solve import balance_targets, smooth_targets, solve, weigh_tracks
from essentia_ldl.linear.span import Span, measure, multiply, to_weights
from essentia_ldl.records import Track
from essentia_ldl.taps import DEEP, NETWORKS
from essentia_ldl.train.adapt import blend, weigh
from essentia_ldl.train.solved import gather_tracks, make_feature_set

FEATURES = make_feature_set(tuple(NETWORKS), DEEP)
STRENGTHS = (0.1, 0.03, 0.01, 0.003, 0.001)
N_INNER, N_OUTER, N_NEIGHBORS = 4, 5, 30
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)

Targets = Callable[[np.ndarray, np.ndarray], np.ndarray]  # inner products and one-hot rows of training tracks -> rows


@dataclasses.dataclass(frozen=True)
class Way:
    """A way to train: what it makes of the targets, and Beta's parameter where it mixes tracks (0: it does not)."""

    name: str
    make_targets: Targets
    mixing: float = 0.0


def vote(
    products: np.ndarray, one_hot: np.ndarray, share: float, power: float = 1.0, is_near: bool = False
) -> np.ndarray:
    """Smooth by neighbours, their votes to a power, or weighted by distance; rows as `smooth_targets` gives them."""
    lengths = np.diagonal(products)
    squares = np.maximum(lengths[:, None] + lengths[None, :] - 2 * products, 0)
    np.fill_diagonal(squares, np.inf)
    nearest = np.argsort(squares, axis=1, kind="stable")[:, :N_NEIGHBORS]
    own = np.take_along_axis(squares, nearest, axis=1)
    counts = np.exp(-4 * own / own.mean()) if is_near else np.ones_like(own)
    votes = (one_hot / one_hot.sum(axis=0))[nearest] * counts[:, :, None]
    votes = votes.sum(axis=1) ** power
    votes /= votes.sum(axis=1, keepdims=True)
    return balance_targets((1 - share) * one_hot + share * votes, weigh_tracks(one_hot))


def distil(products: np.ndarray, one_hot: np.ndarray, share: float, strength: float = 0.01) -> np.ndarray:
    """Smooth by what fits on four fifths of the tracks say of the others."""
    parts = np.random.default_rng(0).permutation(len(one_hot)) % N_OUTER
    told = np.zeros_like(one_hot)
    for part in range(N_OUTER):
        train, rows = np.flatnonzero(parts != part), np.flatnonzero(parts == part)
        ((dual, bias),) = solve(
            products[np.ix_(train, train)], one_hot[train], weigh_tracks(one_hot[train]), [strength]
        )
        logits = products[np.ix_(rows, train)] @ dual + bias
        told[rows] = np.exp(logits - logits.max(axis=1, keepdims=True))
    told /= told.sum(axis=1, keepdims=True)
    return balance_targets((1 - share) * one_hot + share * told, weigh_tracks(one_hot))


def keep(products: np.ndarray, one_hot: np.ndarray) -> np.ndarray:
    """Return the labels as they are."""
    return one_hot


WAYS = (
    Way("labels as they are", keep),
    *(Way(f"neighbours {s:g}", lambda p, y, s=s: smooth_targets(p, y, s, N_NEIGHBORS)) for s in (0.15, 0.3, 0.5)),
    *(Way(f"neighbours {s:g} by distance", lambda p, y, s=s: vote(p, y, s, is_near=True)) for s in (0.3, 0.5)),
    Way("neighbours 0.5, sharper", lambda p, y: vote(p, y, 0.5, 2.0)),
    Way("neighbours 0.5, flatter", lambda p, y: vote(p, y, 0.5, 0.5)),
    *(Way(f"distilled {s:g}", lambda p, y, s=s: distil(p, y, s)) for s in (0.3, 0.5)),
    *(Way(f"mixup {a:g}", keep, a) for a in (0.2, 1.0)),
)


def train(way: Way, span: Span, one_hot: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Solve a way for every strength; combinations are of the training tracks themselves."""
    targets, weights = way.make_targets(span.own, one_hot), weigh_tracks(one_hot)
    if not way.mixing:
        return solve(span.own, targets, weights, STRENGTHS)
    random, n = np.random.default_rng(0), len(one_hot)
    shares = random.beta(way.mixing, way.mixing, n)[:, None]
    mixed = np.eye(n) * shares + np.eye(n)[random.permutation(n)] * (1 - shares)
    rows = np.concatenate([np.eye(n), mixed])
    weights = rows @ weights
    found = solve(rows @ span.own @ rows.T, rows @ targets, weights / weights.sum(), STRENGTHS)
    return [(rows.T @ dual, bias) for dual, bias in found]


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """A training side: its span, those of its inner folds with the rows that each asks, and what all were made of."""

    span: Span
    inner: tuple[tuple[Span, np.ndarray], ...]
    tracks: Tracks
    train: np.ndarray


def prepare(tracks: Tracks, listed: list[Track], rows: np.ndarray) -> Prepared:
    """Make the spans of a training side and of its inner folds."""

    def make(train: np.ndarray) -> Span:
        return make_span(
            tracks, FEATURES, train, {name: multiply(block, train) for name, block in tracks.blocks.items()}
        )

    places = {track.id: row for row, track in enumerate(listed)}
    folds = splits.fold_tracks([listed[row] for row in rows], N_INNER, 0.0, 0)
    inner = [(make(np.array([places[i] for i in f.train])), np.array([places[i] for i in f.test])) for f in folds]
    return Prepared(make(rows), tuple(inner), tracks, rows)


def fit(way: Way, ready: Prepared) -> tuple[np.ndarray, np.ndarray]:
    """Choose the strength inside, and solve the training side."""
    tracks, told, asked = ready.tracks, [[] for _ in STRENGTHS], []
    for span, rows in ready.inner:
        asked.append(rows)
        for found, (dual, bias) in zip(told, train(way, span, tracks.one_hot[span.train]), strict=True):
            found.append(span.of_all[:, rows] @ dual + bias)
    targets = tracks.targets[np.concatenate(asked)]
    losses = [
        score(Setting(FEATURES, 0, s), targets, np.concatenate(one, axis=1), tracks.n_classes).log_loss
        for s, one in zip(STRENGTHS, told, strict=True)
    ]
    return train(way, ready.span, tracks.one_hot[ready.train])[int(np.argmin(losses))]


def test(ready: Prepared, rows: np.ndarray, logits: np.ndarray) -> tuple[float, float]:
    """Return balanced accuracy, and log loss at the best temperature, of logits (q, n, k) of the tested rows."""
    found = score(Setting(FEATURES, 0, 1), ready.tracks.targets[rows], logits, ready.tracks.n_classes)
    return found.balanced_accuracy, found.log_loss


def adapt(
    ready: Prepared, dual: np.ndarray, bias: np.ndarray, sides: tuple[np.ndarray, np.ndarray], share: float
) -> np.ndarray:
    """Return logits (q, n, k) of the second side, where mean and deviation of the first have a share."""
    seen, rows = sides
    blocks = [ready.tracks.blocks[name] for name in FEATURES.blocks]
    found = [measure(block, seen) for block in blocks]
    mean = np.concatenate([one.mean for one in found])
    scale = np.concatenate([one.deviation * np.sqrt(len(one.mean)) for one in found])
    solution = blend(Solution(*to_weights(blocks, ready.span, dual), bias), mean, scale, share)
    features = [np.concatenate([block.values[q][rows] for block in blocks], axis=1) for q in range(2)]
    return np.stack([solution.score(values) for values in features])


def measure_fold(tracks: Tracks, listed: list[Track], train: np.ndarray, rows: np.ndarray) -> dict[str, tuple]:
    """Return balanced accuracy and log loss of every way, and of two of them adapted, on one fold."""
    ready, found = prepare(tracks, listed, train), {}
    for way in WAYS:
        dual, bias = fit(way, ready)
        found[way.name] = test(ready, rows, ready.span.of_all[:, rows] @ dual + bias)
        if way.name in ("labels as they are", "neighbours 0.5"):
            for share in SHARES[1:]:
                found[f"{way.name}, adapted {share:g}"] = test(
                    ready, rows, adapt(ready, dual, bias, (rows, rows), share)
                )
            some = np.random.default_rng(0).permutation(rows)[:20]
            for seen, how in ((rows, "as train does"), (some, "by 20, as train does")):
                logits = adapt(ready, dual, bias, (seen, rows), weigh(len(seen)))
                found[f"{way.name}, adapted {how}"] = test(ready, rows, logits)
            found[f"{way.name}, adapted by 20, 0.5"] = test(ready, rows, adapt(ready, dual, bias, (some, rows), 0.5))
    return found


def draw(listed: list[Track], column: str, n_seeds: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Give the folds of every seed, then those of the column: kind, training rows, tested rows."""
    places = {track.id: row for row, track in enumerate(listed)}
    for seed in range(n_seeds):
        for fold in splits.fold_tracks(listed, N_OUTER, 0.0, seed):
            yield "folds", *(np.array([places[i] for i in side]) for side in (fold.train, fold.test))
    for value in columns.list_values(listed, column) if column else ():
        held_out, rest = columns.leave_out_value(listed, column, value)
        yield column, *(np.array([places[track.id] for track in side]) for side in (rest, held_out))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("table")
    parser.add_argument("--column", default="")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--halves", type=int, default=0)
    asked = parser.parse_args()
    home = Home.from_environment()
    listed = [track for track in datasets.read_tracks(asked.table) if Store(home.store).recall(track.path)]
    contents = {track.id: Store(home.store).recall(track.path) for track in listed}
    collection = Collection(tuple(listed), contents, {}, (), home)
    tracks = gather_tracks(collection, [FEATURES], sorted({track.label for track in listed}))
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    artists = sorted({track.artist or track.id for track in listed})
    for seed in range(max(1, asked.halves)):
        chosen = set(np.random.default_rng(seed).permutation(artists)[: len(artists) // 2] if asked.halves else artists)
        here = np.array([row for row, track in enumerate(listed) if (track.artist or track.id) in chosen])
        some = [listed[row] for row in here]
        part = tracks.select(here, list(tracks.blocks))
        for kind, train, rows in draw(some, asked.column, asked.seeds):
            for name, values in measure_fold(part, some, train, rows).items():
                found.setdefault(kind, {}).setdefault(name, []).append(values)
    for kind, ways in found.items():
        base = np.array(ways[WAYS[0].name])
        print(
            f"\n{kind}: {len(base)} folds{f' of {asked.halves} halves' if asked.halves else ''}, {len(listed)} tracks\n"
        )
        print("| targets | balanced accuracy | difference | log loss | difference |\n| --- | --- | --- | --- | --- |")
        for name, values in ways.items():
            rows = np.array(values)
            mean, moved = rows.mean(axis=0), rows - base
            error = moved.std(axis=0, ddof=1) / np.sqrt(len(rows))
            cells = [f"{mean[i]:.3f} | {moved[:, i].mean():+.3f} ± {error[i]:.3f}" for i in range(2)]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
