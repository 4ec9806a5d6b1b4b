"""Whether a chosen order of answers helps. ``python tests/annotate_study.py INDEX``, of an index with label and artist.

The artists are dealt to five parts. Each part tests once; the tracks of the others are a pool, whose labels are told
one by one in some order, five at a time, as the page asks for them. After so many answers the model of the page says
what it thinks of the tested tracks, and of all parts together there is one balanced accuracy. Every order begins anew
with the parts of each seed, so that differences are of pairs; `random` is the order of the page's switch, `chosen` its
default, and the others are what the literature proposes. Intervals of 95 % are of seeds and artists drawn again.

``--setting sliders`` tells distributions made of sadness_share, ``rare`` leaves so many tracks of the second class in
the pool that they are 12 % of it, ``very-sad`` tells apart the clips of which 45 % of the listeners or more chose
sadness, ``clean`` tells what a model of all labels says in their place, so that there is no doubt that more answers do
not end, and ``genre`` the values of the column genre. ``--seeds 0 20`` are those that the default was chosen on, and
others are reported. ``--pool N`` draws so many tracks of each pool, ``--judge`` adds what the page would say of itself,
and ``--picture FILE`` draws the curve. Without an index the calls are timed, on synthetic tracks.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable, Sequence

import numpy as np

from essentia_ldl.annotate.choose import choose_tracks, draw_tracks
from essentia_ldl.annotate.judge import judge_answers
from essentia_ldl.annotate.learn import learn, number_artists
from essentia_ldl.scores.bootstrap import draw_weights, find_interval
from essentia_ldl.search.library import read_library
from essentia_ldl.search.nearest import normalise

COUNTS = (10, 20, 30, 40, 60, 80, 100, 130, 160)
JUDGED = ("random", "chosen")
N_PARTS, N_AT_ONCE, RARE_SHARE, EARLY = 5, 5, 0.12, 40


@dataclasses.dataclass(frozen=True)
class Music:
    """Tracks: unit vectors, classes (n_tracks,), what people say (n_tracks, n_classes), artists; and what is tried."""

    units: np.ndarray
    classes: np.ndarray
    targets: np.ndarray
    groups: np.ndarray
    setting: str
    n_pool: int | None = None


@dataclasses.dataclass(frozen=True)
class State:
    """What an order sees: the pool, and what was answered so far."""

    units: np.ndarray
    groups: np.ndarray
    rows: list[int]
    targets: np.ndarray
    seed: int

    @property
    def free(self) -> np.ndarray:
        """What may be asked, in random order, so that the first of equals is any."""
        return np.array(draw_tracks(len(self.units), self.rows, len(self.units), self.seed), dtype=int)

    @property
    def rng(self) -> np.random.Generator:
        """Another one after every answer."""
        return np.random.default_rng([self.seed, len(self.rows)])

    @property
    def is_heard(self) -> bool:
        """Whether every class was heard."""
        return len(np.unique(self.targets.argmax(axis=1))) == self.targets.shape[1]

    def ask(self, rows: np.ndarray) -> np.ndarray:
        """Return what the model of the answers says of some tracks."""
        return learn(self.units[self.rows], self.targets).ask(self.units[rows])

    def doubt(self, rows: np.ndarray) -> np.ndarray:
        """Return 1 less the margin of the two most probable classes."""
        said = np.sort(self.ask(rows), axis=1)
        return 1 - said[:, -1] + said[:, -2]


def draw(state: State, n: int) -> list[int]:
    """Random order."""
    return draw_tracks(len(state.units), state.rows, n, state.seed)


def draw_by_turns(state: State, n: int) -> list[int]:
    """Random order in which every artist is asked once before one is asked again."""
    turns: dict[str, int] = {}
    for group in state.groups[state.rows]:
        turns[group] = turns.get(group, 0) + 1
    asked, free = [], state.free.tolist()
    while free and len(asked) < n:
        asked.append(min(free, key=lambda row: turns.get(state.groups[row], 0)))
        turns[state.groups[asked[-1]]] = turns.get(state.groups[asked[-1]], 0) + 1
        free.remove(asked[-1])
    return asked


def take_doubtful(state: State, n: int) -> list[int]:
    """The smallest margin first (Scheffer et al. 2001), random until every class was heard."""
    if not state.is_heard:
        return draw(state, n)
    return state.free[np.argsort(-state.doubt(state.free), kind="stable")[:n]].tolist()


def take_farthest(state: State, n: int, weighed: bool = False) -> list[int]:
    """The farthest from all that were asked (core-set: Sener and Savarese 2018); weighed, times the doubt."""
    if weighed and not state.is_heard:
        return draw(state, n)
    free, asked = state.free, list(state.rows) or [int(state.free[0])]
    chosen = [] if state.rows else asked[:1]
    weights = state.doubt(free) if weighed else np.ones(len(free))
    while len(chosen) < min(n, len(free)):
        gaps = (1 - state.units[free] @ state.units[asked].T).min(axis=1) * weights
        gaps[np.isin(free, chosen)] = -1
        chosen.append(int(free[gaps.argmax()]))
        asked.append(chosen[-1])
    return chosen


def take_typical(state: State, n: int) -> list[int]:
    """The track with the nearest neighbours of each largest cluster nobody was asked of (TypiClust: Hacohen 2022)."""
    from sklearn.cluster import KMeans

    n_clusters = min(len(state.rows) + n, len(state.units))
    clusters = KMeans(n_clusters, n_init=1, random_state=state.seed).fit_predict(state.units)
    distances = np.sqrt(np.maximum(2 - 2 * state.units @ state.units.T, 0))
    asked, chosen = np.bincount(clusters[state.rows], minlength=n_clusters), []
    sizes, free = np.bincount(clusters, minlength=n_clusters), set(state.free.tolist())
    while free and len(chosen) < n:
        open_ = np.unique(clusters[list(free)])
        cluster = min(open_, key=lambda k: (asked[k], -sizes[k]))
        inside = np.flatnonzero(clusters == cluster)
        near = np.sort(distances[np.ix_(inside, inside)], axis=1)[:, 1:21].sum(axis=1)
        order = [int(row) for row in inside[np.argsort(near, kind="stable")] if int(row) in free]
        chosen.append(order[0])
        free.remove(order[0])
        asked[cluster] += 1
    return chosen


def take_typical_then_doubtful(state: State, n: int) -> list[int]:
    """Twenty typical ones, then the smallest margin (TCM: Doucet et al. 2024)."""
    return take_typical(state, n) if len(state.rows) < 20 or not state.is_heard else take_doubtful(state, n)


def take_gradients(state: State, n: int) -> list[int]:
    """Gradients that the likeliest answers would have, spread by k-means++ (BADGE: Ash et al. 2020)."""
    if not state.is_heard:
        return draw(state, n)
    free, said = state.free, state.ask(state.free)
    errors = said - np.eye(said.shape[1])[said.argmax(axis=1)]
    vectors = state.units[free] - state.units.mean(axis=0)
    gradients = (errors[:, :, None] * vectors[:, None, :]).reshape(len(free), -1)
    chosen = [int((gradients**2).sum(axis=1).argmax())]
    while len(chosen) < min(n, len(free)):
        gaps = ((gradients[:, None] - gradients[chosen]) ** 2).sum(axis=2).min(axis=1)
        gaps[chosen] = 0
        left = np.setdiff1d(np.arange(len(free)), chosen)
        drawn = state.rng.choice(len(free), p=gaps / gaps.sum()) if gaps.sum() > 0 else left[0]
        chosen.append(int(drawn))
    return free[chosen].tolist()


def cover(state: State, n: int) -> list[int]:
    """Coverage alone (MaxHerding: Bae et al. 2024): as the default, without doubt and artists."""
    return choose_tracks(state.units, state.rows, state.targets[:0], n, state.seed)


def cover_doubtful(state: State, n: int) -> list[int]:
    """Coverage of what is in doubt (UHerding: Bae et al. 2025): as the default, without artists."""
    return choose_tracks(state.units, state.rows, state.targets, n, state.seed)


def cover_by_turns(state: State, n: int) -> list[int]:
    """Coverage, artists by turns: as the default, without doubt."""
    return choose_tracks(state.units, state.rows, state.targets[:0], n, state.seed, state.groups)


def choose(state: State, n: int) -> list[int]:
    """The default of the page."""
    return choose_tracks(state.units, state.rows, state.targets, n, state.seed, state.groups)


Order = Callable[[State, int], list[int]]
ORDERS: dict[str, Order] = {
    "random": draw,
    "random, artists by turns": draw_by_turns,
    "margin": take_doubtful,
    "margin times distance": lambda state, n: take_farthest(state, n, weighed=True),
    "farthest first": take_farthest,
    "typical first": take_typical,
    "typical, then margin": take_typical_then_doubtful,
    "BADGE": take_gradients,
    "coverage": cover,
    "coverage, artists by turns": cover_by_turns,
    "coverage of doubt": cover_doubtful,
    "chosen": choose,
}


def read_music(path: str, setting: str, n_pool: int | None = None) -> Music:
    """Read an index."""
    library = read_library(path)
    columns = [entry.columns for entry in library.entries]
    labels = [entry.label for entry in library.entries]
    if setting == "genre":
        labels = [column["genre"] for column in columns]
    if setting == "very-sad":
        labels = [float(column["sadness_share"]) >= 0.45 for column in columns]
    names, classes = np.unique(labels, return_inverse=True)
    targets = np.eye(len(names))[classes]
    if setting == "clean":
        classes = learn(library.units, targets).ask(library.units).argmax(axis=1)
        targets = np.eye(len(names))[classes]
    if setting == "sliders":  # 10 % and 30 % of the listeners, where the labels begin, become a quarter and three
        shares = np.clip([float(column["sadness_share"]) / 0.4 for column in columns], 0, 1)
        targets = np.stack([1 - shares, shares], axis=1)
    groups = np.array([entry.artist for entry in library.entries])
    return Music(library.units, classes, targets, groups, setting, n_pool)


def deal(music: Music, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the pool and the tested tracks of each part."""
    rng, artists = np.random.default_rng(seed), number_artists(music.groups)
    parts = (rng.permutation(artists.max() + 1) % N_PARTS)[artists]
    sides = []
    for part in range(N_PARTS):
        pool = np.flatnonzero(parts != part)
        if music.setting == "rare":
            often, rare = (pool[music.classes[pool] == k] for k in (0, 1))
            n_kept = round(len(often) * RARE_SHARE / (1 - RARE_SHARE))
            pool = np.concatenate([often, rng.permutation(rare)[:n_kept]])
        if music.n_pool is not None:
            pool = rng.permutation(pool)[: music.n_pool]
        sides.append((np.sort(pool), np.flatnonzero(parts == part)))
    return sides


def walk(music: Music, seed: int, order: Order, judges: bool) -> tuple[np.ndarray, np.ndarray, float]:
    """Tell the answers of each pool in an order.

    Returns
    -------
    right : np.ndarray [shape=(n_counts, n_tracks), bool]
        Whether each track was recognised when it was tested, by the number of answers; in a smaller pool all of it.
    judged : np.ndarray [shape=(n_counts,), float64]
        What the page says of itself, mean over the pools in which it says something.
    early : float
        Tracks of the last class among the first `EARLY` answers, mean over the pools.
    """
    right, judged, early = (
        np.zeros((len(COUNTS), len(music.classes)), bool),
        np.full((len(COUNTS), N_PARTS), np.nan),
        [],
    )
    for part, (pool, test) in enumerate(deal(music, seed)):
        units, groups, rows = music.units[pool], music.groups[pool], []
        for number, count in enumerate(COUNTS):
            while len(rows) < min(count, len(pool)):
                state = State(units, groups, rows, music.targets[pool[rows]], seed)
                rows = rows + order(state, min(N_AT_ONCE, count - len(rows)))
            targets = music.targets[pool[rows]]
            right[number, test] = (
                learn(units[rows], targets).ask(music.units[test]).argmax(axis=1) == music.classes[test]
            )
            if judges and len(rows) == count:
                judgement = judge_answers(units[rows], targets, groups[rows])
                judged[number, part] = judgement.balanced_accuracy if judgement.is_told else np.nan
        early.append(np.sum(music.classes[pool[rows[:EARLY]]] == music.classes.max()))
    told = np.isfinite(judged).any(axis=1)
    means = np.full(len(COUNTS), np.nan)
    means[told] = np.nanmean(judged[told], axis=1)
    return right, means, float(np.mean(early))


def balance(right: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the mean over the classes of the means over their tracks, which are the last axis."""
    return np.mean([right[..., classes == k].mean(axis=-1) for k in range(classes.max() + 1)], axis=0)


def compare(gaps: np.ndarray, music: Music) -> tuple[float, float, float]:
    """Return a mean difference (n_seeds, n_tracks) with its interval, seeds and artists drawn with replacement."""
    rng, drawn = np.random.default_rng(0), []
    for weights in draw_weights(number_artists(music.groups)):
        seeds = rng.multinomial(len(gaps), np.full(len(gaps), 1 / len(gaps)), len(weights)) / len(gaps)
        weighed = weights * (seeds @ gaps)
        inside = np.eye(music.classes.max() + 1)[music.classes]
        drawn.append(((weighed @ inside) / np.maximum(weights @ inside, 1)).mean(axis=1))
    return float(balance(gaps.mean(axis=0), music.classes)), *find_interval(np.concatenate(drawn))


def main() -> None:
    """Print the tables of a setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("index", nargs="?")
    parser.add_argument("--setting", choices=["keys", "sliders", "rare", "very-sad", "clean", "genre"], default="keys")
    parser.add_argument("--seeds", nargs=2, type=int, default=[100, 130], metavar=("FIRST", "END"))
    parser.add_argument("--orders", nargs="+", choices=list(ORDERS), default=list(ORDERS))
    parser.add_argument("--pool", type=int)
    parser.add_argument("--judge", action="store_true", help="compare with what the page says, of random and chosen")
    parser.add_argument("--picture")
    given = parser.parse_args()
    if given.index is None:
        return time_calls()
    music, seeds = read_music(given.index, given.setting, given.pool), range(*given.seeds)
    judged = JUDGED if given.judge else ()
    walks = {name: [walk(music, seed, ORDERS[name], name in judged) for seed in seeds] for name in given.orders}
    right = {name: np.stack([one[0] for one in found]).astype(float) for name, found in walks.items()}
    sizes = [len(pool) for seed in seeds for pool, _ in deal(music, seed)]
    drawn = f"pools of {min(sizes)} to {max(sizes)}, seeds {seeds.start} to {seeds.stop - 1}"
    print(f"{len(music.classes)} tracks, {given.setting}, {drawn}\n")
    print(f"| order | {' | '.join(map(str, COUNTS))} | mean | above random | interval | found |")
    print("| --- " * (len(COUNTS) + 5) + "|")
    for name, found in right.items():
        means = balance(found, music.classes).mean(axis=0)
        gain, low, high = compare((found - right["random"]).mean(axis=1), music)
        gained = "| |" if name == "random" else f"{gain:+.3f} | {low:+.3f} to {high:+.3f} |"
        early = np.mean([one[2] for one in walks[name]])
        print(f"| {name} | {' | '.join(f'{mean:.3f}' for mean in means)} | {means.mean():.3f} | {gained} {early:.1f} |")
    if given.judge:
        print_judgements(music, walks, right)
    if given.picture:
        draw_picture(given.picture, music, right)


def time_calls() -> None:
    """Print processor seconds of a choice and of a judgement, of vectors of 200 numbers and 50 artists."""
    rng = np.random.default_rng(0)
    classes, artists = rng.integers(0, 2, 100_000), [f"artist {i}" for i in rng.integers(0, 50, 100_000)]
    units = normalise(rng.normal(size=(100_000, 200)) + classes[:, None] * (np.arange(200) < 10))
    for n_answered in (0, 500, 5000):
        targets, start = np.eye(2)[classes[:n_answered]], time.process_time()
        choose_tracks(units, range(n_answered), targets, N_AT_ONCE, 0, artists)
        chosen = time.process_time()
        if n_answered:
            judge_answers(units[:n_answered], targets, artists[:n_answered])
        print(f"| {n_answered} | {chosen - start:.2f} | {time.process_time() - chosen:.2f} |")


def print_judgements(music: Music, walks: dict[str, Sequence], right: dict[str, np.ndarray]) -> None:
    """Print what the page says of itself beside what is so on other artists."""
    print(f"\n| order | | {' | '.join(map(str, COUNTS))} |\n" + "| --- " * (len(COUNTS) + 2) + "|")
    for name in JUDGED:
        said = np.stack([one[1] for one in walks[name]])
        rows = {"on the page": said, "on other artists": balance(right[name], music.classes)}
        rows["page less other artists"] = rows["on the page"] - rows["on other artists"]
        for what, values in rows.items():
            told = np.isfinite(values).any(axis=0)  # a pool may have fewer tracks than that
            cells = [
                f"{np.nanmean(column):.3f}" if is_told else "" for column, is_told in zip(values.T, told, strict=True)
            ]
            print(f"| {name} | {what} | {' | '.join(cells)} |")


def draw_picture(path: str, music: Music, right: dict[str, np.ndarray]) -> None:
    """Draw the curves of random and chosen order, and their difference."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (top, below) = plt.subplots(
        2, 1, figsize=(7.2, 6.0), sharex=True, height_ratios=[2.4, 1], layout="constrained"
    )
    for name, colour in (("random", "#8a8f98"), ("chosen", "#1f6fb4")):
        scores = balance(right[name], music.classes)
        low, high = np.percentile(scores, [2.5, 97.5], axis=0)
        top.fill_between(COUNTS, low, high, color=colour, alpha=0.2, linewidth=0)
        top.plot(COUNTS, scores.mean(axis=0), color=colour, marker="o", markersize=4, label=f"{name} order")
    top.set_ylabel("balanced accuracy on other artists")
    top.set_title(f"{len(scores)} orders each; bands hold 95 % of them", fontsize=10, loc="left")
    top.legend(frameon=False, loc="lower right")
    gaps = right["chosen"] - right["random"]
    found = np.array([compare(gaps[:, number], music) for number in range(len(COUNTS))])
    below.fill_between(COUNTS, found[:, 1], found[:, 2], color="#1f6fb4", alpha=0.2, linewidth=0)
    below.plot(COUNTS, found[:, 0], color="#1f6fb4", marker="o", markersize=4)
    below.axhline(0, color="#8a8f98", linewidth=1)
    below.set_ylabel("chosen less random")
    below.set_title("difference of pairs, with its 95 % interval over orders and artists", fontsize=10, loc="left")
    below.set_xlabel("answers")
    for axes in (top, below):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
