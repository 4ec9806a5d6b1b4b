"""Which temperatures to believe: rules of calibration on drawn tracks whose best temperature is known.

``python tests/calibration_study.py`` prints the tables; seeded. `tests/plain/scores/test_calibration.py` tests what
they decide.

A track of class y shows d at y and 0 elsewhere, plus normal noise, part of it common to its patches. Of one patch the
posterior is softmax(d x what is shown), so that logits of T times that size need the temperature T, and the
temperature that is best for means over patches stands in the same ratio to T. A network is one draw of the noise. Its
epochs share a part of the noise and are equally good, so that what the best epoch of a validation side shows too much
of is the choice alone, and all that a rule loses on fresh tracks is the rule's.

Reported: mean negative log-likelihood of fresh tracks above that of the best temperature, in thousandths of a nat.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from essentia_ldl.scores.calibration import fit_temperature
from essentia_ldl.scores.logits import PatchLogits, mean_nll

RULES = ("T = 1", "likelihood", "believed", "halved", "never < 1", "selected")
TEMPERATURES = (0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
N_FRESH = 1000
N_EPOCHS = 30
COMMON = 0.8  # share of the noise's variance that epochs have in common
TRACK = 0.5  # share of the noise's variance that the patches of a track have in common


@dataclasses.dataclass(frozen=True)
class World:
    """What is drawn from: classes, patches per track, and how far classes are apart (d)."""

    n_classes: int
    n_patches: int
    distance: float


def draw_noise(random: np.random.Generator, world: World, n_tracks: int) -> np.ndarray:
    """Return the noise of patches, (n_tracks, n_patches, n_classes), of variance 1."""
    track = random.normal(size=(n_tracks, 1, world.n_classes))
    patch = random.normal(size=(n_tracks, world.n_patches, world.n_classes))
    return math.sqrt(TRACK) * track + math.sqrt(1 - TRACK) * patch


def make_sample(world: World, targets: np.ndarray, noise: np.ndarray, temperature: float) -> PatchLogits:
    """Return the logits of tracks: those of the posterior times a temperature."""
    shown = noise + world.distance * np.eye(world.n_classes)[targets][:, None]
    names = tuple(f"c{n}" for n in range(world.n_classes))
    counts = np.full(len(targets), world.n_patches)
    logits = temperature * world.distance * shown.reshape(-1, world.n_classes)
    return PatchLogits(tuple(map(str, range(len(targets)))), targets, names, logits, counts)


def draw_validation(
    random: np.random.Generator, world: World, n_tracks: int, temperature: float, n_epochs: int
) -> PatchLogits:
    """Draw the validation side of a network; of several epochs, the one with the best mean recall on it."""
    targets = np.arange(n_tracks) % world.n_classes
    common, best, best_recall = draw_noise(random, world, n_tracks), None, -1.0
    for _ in range(n_epochs):
        noise = math.sqrt(COMMON) * common + math.sqrt(1 - COMMON) * draw_noise(random, world, n_tracks)
        sample = make_sample(world, targets, noise, temperature)
        shares = np.exp(sample.patch_logits - sample.patch_logits.max(axis=1, keepdims=True))
        shares = (shares / shares.sum(axis=1, keepdims=True)).reshape(n_tracks, -1, world.n_classes).mean(axis=1)
        hits = shares.argmax(axis=1) == targets
        recall = np.mean([hits[targets == column].mean() for column in range(world.n_classes)])
        if recall > best_recall:
            best, best_recall = sample, recall
    return best


def apply_rules(sample: PatchLogits) -> dict[str, float]:
    """Return the temperature of every rule of `RULES`: "believed" and "selected" are those of `calibration`."""
    believed = fit_temperature(sample).temperature
    return {
        "T = 1": 1.0,
        "likelihood": fit_temperature(sample, spread=math.inf).temperature,
        "believed": believed,
        "halved": believed if believed > 1 else math.sqrt(believed),
        "never < 1": max(1.0, believed),
        "selected": fit_temperature(sample, selected=True).temperature,
    }


class Truth:
    """The likelihood of fresh tracks at every temperature, for logits of temperature 1."""

    def __init__(self, world: World, seed: int = 10**6) -> None:
        random, targets = np.random.default_rng(seed), np.arange(N_FRESH) % world.n_classes
        fresh = make_sample(world, targets, draw_noise(random, world, N_FRESH), 1.0)
        self._grid = np.linspace(math.log(0.002), math.log(200), 120)
        self._nll = np.array([mean_nll(fresh, math.exp(-value), 0.0) for value in self._grid])

    def find_excess(self, found: float, temperature: float) -> float:
        """Return the nats that a temperature loses to the best one, for logits of a temperature."""
        return float(np.interp(math.log(found / temperature), self._grid, self._nll) - self._nll.min())


@functools.cache
def find_truth(world: World) -> Truth:
    """Return the truth of a world, made once."""
    return Truth(world)


def measure(
    world: World, n_tracks: int, temperature: float, n_epochs: int, n_draws: int, seed: int = 0
) -> dict[str, float]:
    """Return the mean excess of every rule, in nats, over draws of a network."""
    random, truth = np.random.default_rng(seed), find_truth(world)
    losses: dict[str, list[float]] = {rule: [] for rule in RULES}
    for _ in range(n_draws):
        for rule, found in apply_rules(draw_validation(random, world, n_tracks, temperature, n_epochs)).items():
            losses[rule].append(truth.find_excess(found, temperature))
    return {rule: float(np.mean(values)) for rule, values in losses.items()}


def main() -> None:
    """Print the tables."""
    worlds = [World(2, 1, 1.2), World(2, 5, 1.2), World(8, 5, 1.8)]
    for n_epochs, sizes in ((N_EPOCHS, (20, 40, 100, 500)), (1, (40, 200, 2000))):
        print(f"\n{f'best of {n_epochs} epochs' if n_epochs > 1 else 'no choice (out of fold)'}: thousandths of a nat")
        print(f"{'classes x patches':18}{'tracks':>7}{'T':>5} " + "".join(f"{rule:>13}" for rule in RULES))
        for world in worlds:
            for n_tracks in sizes:
                rows = {
                    t: measure(world, n_tracks, t, n_epochs, n_draws=10 if n_tracks < 500 else 4) for t in TEMPERATURES
                }
                mean = {rule: np.mean([row[rule] for row in rows.values()]) for rule in RULES}
                for t, row in (*rows.items(), ("all", mean)):
                    cells = "".join(f"{1000 * row[rule]:13.1f}" for rule in RULES)
                    print(f"{f'{world.n_classes} x {world.n_patches}':18}{n_tracks:7}{t:>5} {cells}", flush=True)


if __name__ == "__main__":
    main()
