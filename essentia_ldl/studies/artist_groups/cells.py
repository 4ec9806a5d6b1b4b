"""The cells of the experiment on artist group factors. A cell is one classifier: its targets, networks and split.

In: a collection with features and a split; out: below the run, for each split and seed, ``targets/<letter>.csv``
(fitted once), ``networks/`` (trained once, read by every cell that names them) and ``cells/<name>/`` with plan,
predictions and scores.json.

References
----------
Kim, Won, Serra and Liem, "Transfer learning of artist group factors to musical genre classification", WWW 2018,
sections 3 to 5.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.choices import SEPARATE, SHARED, WIDE
from essentia_ldl.collection import splits
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import DataError, RecipeError, explain
from essentia_ldl.files import write_json
from essentia_ldl.labels import AGF
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Split, Track
from essentia_ldl.runs.names import SCORES, WEIGHTS
from essentia_ldl.runs.outcome import read_scores, write_scores
from essentia_ldl.runs.plan import write_plan
from essentia_ldl.runs.predictions import read_predictions
from essentia_ldl.runs.targets import name_table, read_table, write_table
from essentia_ldl.scores import metrics
from essentia_ldl.scores.calibration import NONE
from essentia_ldl.studies.artist_groups.comparison import SPLITS
from essentia_ldl.studies.artist_groups.paper import LETTERS, order_targets
from essentia_ldl.studies.parameters import count_parameters
from essentia_ldl.train import multi_target
from essentia_ldl.train.compose import Wanted, compose_plan
from essentia_ldl.train.multi_target import Target
from essentia_ldl.train.targets import fit_labels

SOURCES = {multi_target.name_target(source): source for source in AGF}
STRATIFIED, ARTIST = SPLITS
TEST_SHARE = 0.15  # section 4


@dataclasses.dataclass(frozen=True)
class Trial:
    """One classifier of the experiment.

    Parameters
    ----------
    split : str
        "stratified" (the paper's: tracks of an artist on both sides) or "artist" (no artist on both).
    seed : int
        Of the split where it is drawn, of the targets and of the training.
    networks : str
        "separate", "shared" or "wide".
    targets : str
        Letters in the order of `LETTERS`; of a wide network, whose only target is the first, as many as its parameters
        are worth.
    """

    split: str
    seed: int
    networks: str
    targets: str

    @property
    def group(self) -> str:
        """Folder of everything that shares its split."""
        return f"{self.split}-{self.seed}"

    @property
    def name(self) -> str:
        """Folder among the cells of its group."""
        return f"{self.networks}-{len(self.targets) if self.networks == WIDE else self.targets}"

    @property
    def learned(self) -> str:
        """Letters of the targets that its networks learn."""
        return self.targets[:1] if self.networks == WIDE else self.targets

    @property
    def networks_folder(self) -> str:
        """Folder of its networks in that of its group: separate ones are there once, for all cells that name them."""
        return "networks" if self.networks == SEPARATE else f"networks/{self.name}"

    def list_networks(self) -> list[str]:
        """Return the folders of the networks that it reads, in the folder of its group."""
        names = self.learned if self.networks == SEPARATE else [self.networks]
        return [f"{self.networks_folder}/{name}" for name in names]

    def set_up(self, recipe: Recipe) -> Recipe:
        """Return the recipe of this cell."""
        return recipe.override(
            labels="+".join(SOURCES[letter] for letter in self.targets),
            targets__networks=self.networks,
            split__seed=self.seed,
            calibration__method=NONE,  # the paper's log losses are those of plain networks
            uncertainty__samples=0,
        )


def list_cells(
    combinations: Sequence[str], networks: Sequence[str], kinds: Sequence[str], seeds: Sequence[int]
) -> list[Trial]:
    """List the cells of a grid, cheap ones first within each split and seed.

    A single target has no shared network. Wide networks are those with the parameters of 2, 3, ... networks, for every
    number of targets above one that is asked for.

    Raises
    ------
    RecipeError
        When a combination has a letter that is no target, or none.
    """
    ordered = [check_targets(letters) for letters in combinations]
    found = []
    for kind, seed in itertools.product(kinds, seeds):
        if SEPARATE in networks:
            found += [Trial(kind, seed, SEPARATE, letters) for letters in ordered]
        if WIDE in networks:
            sizes = sorted({len(letters) for letters in ordered} - {1})
            found += [Trial(kind, seed, WIDE, LETTERS[:n]) for n in sizes]
        if SHARED in networks:
            found += [Trial(kind, seed, SHARED, letters) for letters in ordered if len(letters) > 1]
    return list(dict.fromkeys(found))


def check_targets(letters: str) -> str:
    """Return a combination in the order of `LETTERS`, each letter once; raise `RecipeError` for others."""
    unknown = [letter for letter in letters if letter not in LETTERS]
    if unknown or not letters:
        rule, remedy = f"some of the letters {LETTERS}", "g is the genre, m, d, e and s are artist groups."
        raise RecipeError(explain("targets", rule, letters, "agf", remedy))
    return order_targets(set(letters))


def draw_split(tracks: Sequence[Track], kind: str, seed: int) -> Split:
    """Draw the training and the test side.

    Parameters
    ----------
    tracks : sequence of Track
        The collection.
    kind : str
        "stratified": 15 % of the tracks at random, stratified by class, whoever made them (section 4). "artist": the
        collection's own test side where it has one, which FMA's keeps apart by artist, and otherwise 15 % of the
        tracks, by artist. Validation tracks of the collection's own split are left out: nothing is chosen on them.
    seed : int
        Of what is drawn.

    Returns
    -------
    Split
        Without a validation side; of the stratified kind without artists, who are on both sides.

    Raises
    ------
    DataError
        When there are too few tracks or artists to draw from.
    """
    if kind == STRATIFIED:
        from sklearn.model_selection import train_test_split

        ids = sorted(track.id for track in tracks)
        label_of = {track.id: track.label for track in tracks}
        labels = [label_of[track_id] for track_id in ids]
        try:
            train, test = train_test_split(ids, test_size=TEST_SHARE, random_state=seed, stratify=labels)
        except ValueError as error:
            remedy = "Add tracks, or take the split artist."
            raise DataError(explain("stratified split", "two or more tracks per class", error, "agf", remedy)) from None
        return Split(tuple(sorted(train)), (), tuple(sorted(test)))
    return splits.split_tracks(
        [track for track in tracks if track.split != "valid"], valid_share=0.0, test_share=TEST_SHARE, seed=seed
    )


def fit_targets(
    folder: Path, letters: Sequence[str], recipe: Recipe, collection: Collection, split: Split
) -> dict[str, Target]:
    """Fit the targets of a split and seed, or read those that were fitted before.

    Parameters
    ----------
    folder : Path
        Gets ``<letter>.csv`` and ``<letter>.json``.
    letters : sequence of str
        Which.
    recipe : Recipe
        Its seed and label settings are meant.
    collection, split
        What they are fitted on.

    Returns
    -------
    dict[str, Target]
        By letter.
    """
    found = {}
    for letter in letters:
        table, report = folder / f"{letter}.csv", folder / f"{letter}.json"
        if not (table.is_file() and report.is_file()):
            fitted, measured = fit_labels(recipe, SOURCES[letter], collection, split)
            write_table(fitted, table)
            write_json(report, measured)
        found[letter] = Target(letter, SOURCES[letter], read_table(table))
    return found


def plan_cells(
    group: Path,
    cells: Sequence[Trial],
    recipe: Recipe,
    collection: Collection,
    split: Split,
    targets: Mapping[str, Target],
) -> None:
    """Write the plans of some cells, and of the networks that they read, each once.

    Parameters
    ----------
    group : Path
        Folder of everything that shares the split.
    cells : sequence of Trial
        Of that split and seed.
    recipe : Recipe
        Network, training and targets.
    collection, split
        What to train and test on.
    targets : Mapping[str, Target]
        From `fit_targets`, by letter.
    """
    measured = Wanted(export=False)
    for cell in cells:
        own, folder = cell.set_up(recipe), group / "cells" / cell.name
        plan = compose_plan(folder, own, collection, split, measured)
        plan = dataclasses.replace(plan, stems={})
        if cell.networks != SEPARATE:
            chosen = {letter: targets[letter] for letter in cell.learned}
            multi_target.write_networks(group / cell.networks_folder, own, chosen, plan)
        table = fit_labels(own, own.main_source, collection, split)[0]
        write_table(table, folder / name_table())
        write_plan(multi_target.plan_classifier(own, plan, [group / name for name in cell.list_networks()]))
    separate = [cell for cell in cells if cell.networks == SEPARATE]
    letters = "".join(letter for letter in LETTERS if any(letter in cell.targets for cell in separate))
    if letters:
        every = dataclasses.replace(separate[0], targets=letters)
        own = every.set_up(recipe)
        plan = compose_plan(group / "cells" / every.name, own, collection, split, measured)
        multi_target.write_networks(group / every.networks_folder, own, {x: targets[x] for x in letters}, plan)


def score_cell(folder: Path, cell: Trial, networks: Sequence[Path], *, redrawn: bool = True) -> dict[str, Any]:
    """Score a trained cell on its test tracks, and write scores.json, whose presence says that it is done.

    Parameters
    ----------
    folder : Path
        Of the cell, with predictions.npz and weights.npz.
    cell : Trial
        Which.
    networks : sequence of Path
        Folders of the networks that it reads.
    redrawn : bool
        Whether another seed has another split.

    Returns
    -------
    dict[str, Any]
        networks, targets, n (networks whose parameters it has), split, seed, redrawn, log_loss (nats), macro_f1,
        accuracy, n_test, n_train, parameters.
    """
    from sklearn.metrics import f1_score

    predictions = read_predictions(folder)
    tested = predictions.select("test")
    truth, probabilities = tested.targets, tested.probabilities
    n_train = int(np.sum(predictions.roles == "train"))
    answers = probabilities.argmax(axis=1)
    # Classes without a test track, which a demo may have, have no F1.
    present = np.unique(truth)
    scores = {
        "networks": cell.networks,
        "targets": cell.learned,
        "n": len(cell.targets),
        "split": cell.split,
        "seed": cell.seed,
        "redrawn": redrawn,
        "log_loss": float(metrics.score_nll(truth, probabilities).mean()),
        "macro_f1": float(f1_score(truth, answers, labels=present, average="macro", zero_division=0)),
        "accuracy": float(np.mean(answers == truth)),
        "n_test": len(truth),
        "n_train": n_train,
        "parameters": sum(count_parameters(place / WEIGHTS) for place in (folder, *networks)),
    }
    write_scores(folder, scores)
    return scores


def read_rows(run: Path) -> Iterator[dict[str, Any]]:
    """Yield the scores of every cell of a run that is done."""
    for path in sorted(run.glob(f"*/cells/*/{SCORES}")):
        yield read_scores(path.parent)
