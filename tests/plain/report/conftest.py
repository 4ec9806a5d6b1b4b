"""Runs of the report's tests, written by hand, with features by chance that tell the classes apart."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.cli.text.report import describe_report
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home, write_json
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import render_recipe
from essentia_ldl.records import LabelTable
from essentia_ldl.report.command import write_report
from essentia_ldl.report.doubts import AUDIT, judge, read_features_of, write_doubts
from essentia_ldl.report.page import Page
from essentia_ldl.report.results import read_results
from essentia_ldl.report.tracks import draw_doubts
from essentia_ldl.runs.score import score_predictions, score_run
from essentia_ldl.runs.targets import write_table

NASTY = ("a<script>alert(1)</script>.wav", "q\"uote' &amp;.wav", b"caf\xe9.wav".decode("utf-8", "surrogateescape"))


class Checker(HTMLParser):
    """Check that tags close in order, and keep ids, links and words."""

    EMPTY = ("meta", "br", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open, self.ids, self.links, self.tags = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        values = dict(attributes)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values[key] for key in ("src", "href", "action", "data") if key in values]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.EMPTY:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


class Writer:
    """Write runs: `n_tracks` tracks whose MFCC tell their class, the first ones with names that are hard to show."""

    def __init__(self, home: Path, classes=("non_sad", "sad"), n_tracks=40, names=NASTY) -> None:
        self.home, self.classes = home, classes
        self.random = np.random.default_rng(0)
        settings = {"sa": {"n_neighbors": 2}}
        self.recipe = Recipe("mood-sad", tuple(classes), label_settings=settings, labels="sa")
        self.recipe = self.recipe.override(network__fine_tune="none")
        self.ids = [*names, *(f"music/{n:03}.wav" for n in range(n_tracks))][:n_tracks]
        self.labels = [classes[n % len(classes)] for n in range(n_tracks)]
        self.contents = [hashlib.sha256(os.fsencode(name)).hexdigest() for name in self.ids]
        for content, label in zip(self.contents, self.labels, strict=True):
            frames = self.random.normal(size=(1292, 13)) + 0.3 * classes.index(label)
            Store(Home(home).store).write(content, frontends.MFCC, frames.astype(np.float32))

    def paths(self) -> dict[str, str]:
        return {name: str(self.home / "audio" / name) for name in self.ids}

    def cell(self, folder: Path, source: str, roles: list[str], places: bool = True) -> None:
        folder.mkdir(parents=True)
        rows = zip(self.ids, self.contents, roles, self.labels, strict=True)
        plan = {
            **{"task": "mood-sad", "name": "mood sad", "description": "", "front_end": "musicnn"},
            **{"training": {"epochs": 12}, "store": "store", "graphs": "graphs"},
            "classes": list(self.classes),
            "network": {"backbone": "musicnn", "pretrained": None, "fine_tune": "none", "hidden": 100},
            "labels_source": source,
            "seed": 0,
            "card": {"demo": True},
            "tracks": [{"id": i, "content": c, "role": r, "label": label} for i, c, r, label in rows],
            "split": {"grouped": False},
        }
        if places:
            plan |= {"paths": self.paths(), "artists": {name: f"artist <{n // 2}>" for n, name in enumerate(self.ids)}}
        write_json(folder / "plan.json", plan)
        n_classes = len(self.classes)
        targets = np.eye(n_classes)[[self.classes.index(label) for label in self.labels]]
        soft = targets if source == "none" else 0.7 * targets + 0.3 / n_classes
        write_table(LabelTable(tuple(self.ids), tuple(self.classes), soft), folder / "labels.csv")
        own = None if source == "none" else 0.7 + 0.3 / n_classes
        write_json(folder / "labels.json", {"source": source} | ({} if own is None else {"own_mass_mean": own}))
        epochs = [
            {
                "epoch": n + 1,
                "train_loss": 1 / (n + 1),
                "valid_loss": 1.2 / (n + 1),
                "valid_accuracy": n / 20,
                "learning_rate": 0.001 if n < 8 else 0.0005,
            }
            for n in range(12)
        ]
        write_json(folder / "history.json", {"loss": "mae", "best_epoch": 7, "stopped": "epochs", "epochs": epochs})
        self.predictions(folder, roles)

    def predictions(self, folder: Path, roles: list[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        targets = np.eye(len(self.classes))[[self.classes.index(label) for label in self.labels]]
        scores = targets * 2 + self.random.gumbel(size=targets.shape)
        probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        arrays = {"ids": self.ids, "roles": roles, "labels": self.labels, "classes": list(self.classes)}
        np.savez(folder / "predictions.npz", **arrays, probabilities=probabilities.astype(np.float32))

    def train(self, name: str = "mood-sad-1", places: bool = True, source: str = "sa") -> Path:
        folder = self.home / "runs" / name
        roles = ["valid" if n % 4 == 3 or (n % 4 == 2 and n < 12) else "train" for n in range(len(self.ids))]
        self.cell(folder, source, roles, places)
        (folder / "recipe.toml").write_text(render_recipe(self.recipe))
        write_json(folder / "scores.json", score_run(folder))
        (folder / "failures.csv").write_text("path,step,reason\n/x/<b>.wav,decode,bad <i>\n")
        return folder

    def crossval(self, name: str = "mood-sad-crossval-1") -> Path:
        folder, folds = self.home / "runs" / name, []
        rows = {"none": [], "sa": [], "logreg": []}
        for number in range(3):
            roles = ["test" if n % 3 == number else "train" for n in range(len(self.ids))]
            sizes = {"n_train": roles.count("train"), "n_valid": 0, "n_test": roles.count("test")}
            folds.append({"repeat": 0, "seed": 0, "fold": number, "held_out": None, **sizes})
            for row, scored in rows.items():
                cell = folder / f"{row}-0-{number}"
                self.predictions(cell, roles) if row == "logreg" else self.cell(cell, row, roles)
                with np.load(cell / "predictions.npz") as arrays:
                    chosen = arrays["roles"] == "test"
                    targets = np.array([self.classes.index(label) for label in arrays["labels"][chosen]])
                    probabilities = arrays["probabilities"][chosen]
                scored.append(score_predictions(targets, probabilities, self.classes))
        table = {
            row: {
                "balanced_accuracy_mean": float(np.mean([one["balanced_accuracy"] for one in scored])),
                "balanced_accuracy_std": float(np.std([one["balanced_accuracy"] for one in scored], ddof=1)),
                "balanced_accuracy_pooled": 0.4321,
                "own_mass_mean": None if row != "sa" else 0.85,
                "pooled": scored[:1],
                "folds": scored,
            }
            for row, scored in rows.items()
        }
        test = {"t": 1.0, "df": 2, "p": 0.4242}
        tests = {"independent": test, "paired": {**test, "p": None}, "corrected": test}
        scores = {
            "task": "mood-sad",
            "classes": list(self.classes),
            "n_tracks": len(self.ids),
            "n_folds": 3,
            "n_repeats": 1,
            "leave_out": None,
            "seeds": [0],
            "grouped_by_artist": False,
            "warnings": ["NOT grouped by artist"],
            "folds": folds,
            "sources": {row: table[row] for row in ("none", "sa")},
            "baselines": {"logreg": table["logreg"]},
            "baselines_left_out": {"mfcc-svm": "no <MFCC>"},
            "comparisons": [{"name": n, "against": "none", "difference": 0.1, **tests} for n in ("sa", "logreg")],
            "findings": ["no network beats every baseline"],
        }
        write_json(folder / "scores.json", scores)
        return folder


class Made(NamedTuple):
    """A run with its report: the folder, the text of the page, and the notes."""

    folder: Path
    page: str
    notes: tuple[str, ...]


def make_report(folder: Path | str | None, **options) -> Made:
    done = write_report(None if folder is None else str(folder), Home.from_environment(), **options)
    return Made(done.page.parent, done.page.read_text(encoding="utf-8"), describe_report(done))


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home of its own."""
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def make_writer(home) -> Callable[..., Writer]:
    """Return the function that makes a writer of runs in `home`."""
    return lambda *classes, **options: Writer(home, *classes, **options)


@pytest.fixture
def write() -> Callable[..., Made]:
    """Return the function that writes the report of a run."""
    return make_report


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Callable[..., Made]:
    """Return the function that writes a run of a kind with its report, once for all tests that only look at it."""
    known: dict[tuple, Made] = {}

    def make(kind: str = "train", classes: tuple[str, ...] = ("non_sad", "sad")) -> Made:
        if (kind, classes) not in known:
            home = tmp_path_factory.mktemp("home")
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("ESSENTIA_LDL_HOME", str(home))
                known[kind, classes] = make_report(getattr(Writer(home, classes), kind)())
        return known[kind, classes]

    return make


@pytest.fixture
def judge_run() -> Callable[..., tuple[str, list[str]]]:
    """Return the function that judges the labels of a run and writes audit.csv: the section of the page, and notes."""

    def judge_labels(folder: Path, **options) -> tuple[str, list[str]]:
        results = read_results(folder, Home.from_environment())
        doubts = judge(results, read_features_of(results))
        notes = write_doubts(folder / AUDIT, doubts, results)
        return draw_doubts(Page(results, doubts, (), {}, 40, (), **options)), notes

    return judge_labels


@pytest.fixture
def read_audit() -> Callable[[Path], list[dict[str, str]]]:
    """Return the function that reads the rows of a run's audit.csv."""

    def read(folder: Path) -> list[dict[str, str]]:
        with open(folder / "audit.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture
def check() -> Callable[[str], Checker]:
    """Return the function that checks the tags of a page and gives what it has seen."""

    def check_page(page: str) -> Checker:
        checker = Checker()
        checker.feed(page)
        assert checker.open == []
        assert len(set(checker.ids)) == len(checker.ids)
        return checker

    return check_page


@pytest.fixture
def nasty() -> tuple[str, ...]:
    """Return names that are hard to show: the first tracks of every run."""
    return NASTY
