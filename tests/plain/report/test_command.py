"""The report: every section of every kind of run, numbers as scores.json has them, and a page that asks for nothing.

The runs are written by hand, with features by chance that tell the classes apart; the browser tests need Chromium.
"""

from __future__ import annotations

import csv
import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from essentia_ldl import frontends
from essentia_ldl import labels as label_sources
from essentia_ldl.cli.main import main
from essentia_ldl.collection.corrections import apply_corrections, read_corrections
from essentia_ldl.errors import AudioError, StoreError, UnknownNameError
from essentia_ldl.features.store import open_store
from essentia_ldl.files import write_json
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import render_recipe
from essentia_ldl.records import LabelTable
from essentia_ldl.report import command as report
from essentia_ldl.report import doubts as audit
from essentia_ldl.report import excerpts, results
from essentia_ldl.report.pictures import choose_color, find_ticks, glyph, shown
from essentia_ldl.runs import score as scoring

MANY = ("blues", "classic", "country", "disco", "hip hop", "jazz", "metal", "pop", "reggae", "rock")
NASTY = ("a<script>alert(1)</script>.wav", "q\"uote' &amp;.wav", b"caf\xe9.wav".decode("utf-8", "surrogateescape"))
SECTIONS = ["summary", "scores", "confusion", "abstention", "curves", "labels", "map", "audit"]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Checker(HTMLParser):
    """Check that tags close in order, and keep ids, links and words."""

    EMPTY = ("meta", "br")

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


def check(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert len(set(checker.ids)) == len(checker.ids)
    return checker


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
            open_store().write(content, frontends.MFCC, frames.astype(np.float32))

    def paths(self) -> dict[str, str]:
        return {name: str(self.home / "audio" / name) for name in self.ids}

    def cell(self, folder: Path, source: str, roles: list[str], places: bool = True) -> None:
        folder.mkdir(parents=True)
        rows = zip(self.ids, self.contents, roles, self.labels, strict=True)
        plan = {
            "task": "mood-sad",
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
        label_sources.write_table(LabelTable(tuple(self.ids), tuple(self.classes), soft), folder / "labels.csv")
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
        write_json(folder / "scores.json", scoring.score_run(folder))
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
                scored.append(scoring.score_predictions(targets, probabilities, self.classes))
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


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))
    return tmp_path


def write(folder: Path | str | None, **options) -> tuple[str, list[str]]:
    lines = list(report.write_report(None if folder is None else str(folder), **options))
    return Path(lines[-2].removeprefix("report: ")).read_text(encoding="utf-8"), lines


def read_audit(folder: Path) -> list[dict[str, str]]:
    with open(folder / "audit.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


# --- the page -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [("non_sad", "sad"), MANY])
@pytest.mark.parametrize("kind", ["train", "crossval"])
def test_every_section_is_there_and_the_page_needs_nothing_else(home, kind, classes):
    folder = getattr(Writer(home, classes), kind)()
    page, lines = write(folder)
    checker = check(page)
    for anchor in SECTIONS:
        assert anchor in checker.ids
        assert f'href="#{anchor}"' in page
    assert all(link.startswith(("#", "file:///")) for link in checker.links)
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page
    assert str(folder / "report.html") in lines[-2]
    assert page.count('data-track="') in (40, 80)  # a map of the smoothing space, and one of the audit's


def test_numbers_are_those_of_scores_json(home):
    folder = Writer(home).train()
    scores = json.loads((folder / "scores.json").read_text())["valid"]
    page, _ = write(folder)
    assert f"balanced accuracy {scores['balanced_accuracy']:.3f}" in page
    assert f'<p class="big">{scores["balanced_accuracy"]:.2f}</p>' in page
    matrix = page[page.index('id="confusion"') : page.index('id="curves"')]
    shown_counts = [int(text or 0) for text in re.findall(r'class="cell[^>]*>(\d*)</span>', matrix)]
    assert shown_counts == [count for row in scores["confusion"] for count in row]


def test_abstaining_shows_the_coverage_of_every_threshold(home):
    folder = Writer(home).train()
    page, _ = write(folder)
    part = page[page.index('id="abstention"') : page.index('id="curves"')]
    with np.load(folder / "predictions.npz") as arrays:
        kept = np.isin(arrays["roles"], ["valid", "test"])
        rows, labels = arrays["probabilities"][kept].astype(float), arrays["labels"][kept]
    confidence, right = rows.max(axis=1), np.array(["non_sad", "sad"])[rows.argmax(axis=1)] == labels
    for threshold in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
        answered = confidence >= threshold
        accuracy = f"{right[answered].mean():.3f}" if answered.any() else "–"
        row = f'<th scope="row">{threshold:g}</th><td>{100 * answered.mean():.0f} %</td><td>{accuracy}</td>'
        assert row in part
    assert "<svg" in part


def test_the_table_of_a_cross_validation_is_that_of_scores_json(home):
    folder = Writer(home).crossval()
    scores = json.loads((folder / "scores.json").read_text())
    page, _ = write(folder)
    for row in (*scores["sources"].values(), *scores["baselines"].values()):
        assert f"{row['balanced_accuracy_mean']:.3f}</b>" in page
        assert f"± {row['balanced_accuracy_std']:.3f}" in page
    assert page.count('class="dot"') == 9
    assert page.count("0.4321"[:5]) == 3
    assert page.count("<td>0.424</td>") == 4
    for text in ("no &lt;MFCC&gt;", "NOT grouped by artist", "no network beats every baseline", "mean 0.85"):
        assert text in page


def test_what_the_user_named_cannot_become_markup(home):
    folder = Writer(home).train()
    page, _ = write(folder)
    checker = check(page)
    assert checker.tags.count("script") == 2
    assert "<script>alert" not in page
    assert "artist <" not in page
    assert "/x/<b>" not in page
    assert shown(NASTY[2]) == "caf\N{REPLACEMENT CHARACTER}.wav"
    assert "bad &lt;i&gt;" in page


def test_a_report_of_three_tracks_a_run_without_places_and_one_without_features(home):
    writer = Writer(home, n_tracks=3)
    page, lines = write(writer.train(places=False))
    check(page)
    assert "before runs kept the paths" in lines[0]
    assert "<audio" not in page
    shutil.rmtree(home / "store")
    page, lines = write("mood-sad-1")
    check(page)
    assert any("could not be looked for" in line for line in lines)
    assert "There is no map" in page


def test_labels_of_one_class_each_and_no_validation(home):
    writer = Writer(home, n_tracks=12)
    folder = home / "runs" / "all"
    writer.cell(folder, "none", ["train"] * 12)
    write_json(folder / "scores.json", scoring.score_run(folder))
    page, _ = write(folder)
    check(page)
    assert "no track was kept from training" in page
    assert "label settings are the defaults" in page
    assert '<p class="big">–</p>' in page
    told = {"run": "x-crossval-1", "balanced_accuracy_mean": 0.7654, "balanced_accuracy_std": 0.01}
    told["recall"] = {"non_sad": 0.25, "sad": None}
    write_json(folder / "scores.json", {**scoring.score_run(folder), "crossval": told})
    page, _ = write(folder)
    check(page)
    assert '<p class="big">0.77<span class="spread">± 0.01</span></p>' in page
    assert "in the cross-validation x-crossval-1" in page
    assert "25 %</b>" in page


def test_the_last_run_is_taken_and_another_one_by_name(home):
    writer = Writer(home)
    first, second = writer.train("one"), writer.train("two", source="none")
    os.utime(first / "scores.json", (1, 1))
    assert results.find_finished(None) == second
    assert results.find_finished("one") == first
    assert results.find_finished(str(first)) == first
    with pytest.raises(UnknownNameError, match=r"got 'three'.*There are: two, one"):
        results.find_finished("three")
    (home / "runs" / "damaged").mkdir()
    (home / "runs" / "damaged" / "scores.json").write_text('{"a":')
    assert results.find_finished(None) == second, "a damaged run that nobody asked for"
    with pytest.raises(UnknownNameError, match=r"There are: two, one\."):
        results.find_finished("three")
    with pytest.raises(StoreError, match=r"expected readable json.*damaged/scores\.json"):
        results.find_finished("damaged")
    (home / "runs" / "busy").mkdir()
    with pytest.raises(StoreError, match=r"one without scores\.json"):
        results.find_finished("busy")
    write_json(home / "runs" / "busy" / "scores.json", {"model": "x"})
    with pytest.raises(StoreError, match="one that is neither"):
        results.find_finished("busy")
    shutil.rmtree(home / "runs")
    with pytest.raises(UnknownNameError, match="Run train or crossval first"):
        results.find_finished(None)


def test_the_command_writes_both_files_and_fails_in_one_sentence(home):
    folder = Writer(home).train()
    done = CliRunner().invoke(main, ["report"])
    assert done.exit_code == 0
    assert done.output.splitlines()[-2:] == [
        f"report: {folder}/report.html",
        f"labels to listen to again: {folder}/audit.csv",
    ]
    done = CliRunner().invoke(main, ["report", "nothing"])
    assert done.exit_code == 1
    assert done.output.startswith("error: run: expected the name of a finished run")


# --- the audit ------------------------------------------------------------------------------------------------------


def test_the_audit_lists_every_track_the_most_doubtful_first(home):
    writer = Writer(home)
    writer.labels[5], right = writer.classes[0], writer.labels[5]
    assert right != writer.labels[5]
    folder = writer.train()
    write(folder)
    rows = read_audit(folder)
    assert [row["rank"] for row in rows] == [str(n + 1) for n in range(len(writer.ids))]
    assert {row["id"] for row in rows} == set(writer.ids)
    doubts = [float(row["disagreement"]) for row in rows]
    assert doubts == sorted(doubts, reverse=True)
    assert rows[0]["id"] == writer.ids[5]
    assert rows[0]["suggestion"] == right
    assert rows[0]["path"] == writer.paths()[writer.ids[5]]
    names = [f"{name}_of_label" for name in ("neighbours", "classifier", "model")]
    for row in rows:
        shares = [float(row[name]) for name in names if row[name]]
        assert float(row["disagreement"]) == pytest.approx(1 - np.mean(shares), abs=1e-4)
        assert row["correction"] == ""
    judged = {row["id"] for row in rows if row["model_of_label"]}
    plan = json.loads((folder / "plan.json").read_text(errors="surrogateescape"))
    assert judged == {row["id"] for row in plan["tracks"] if row["role"] == "valid"}


def test_a_cross_validation_judges_every_track_by_its_best_row(home):
    folder = Writer(home).crossval()
    page, _ = write(folder)
    found = results.read_results(folder)
    assert f"the prediction of {found.best}, out of fold" in page
    assert all(row["model_of_label"] for row in read_audit(folder))


def test_neighbours_come_from_the_pretrained_network_where_there_is_one(home, monkeypatch):
    writer = Writer(home)
    folder = writer.train(source="none")
    recipe = writer.recipe.override(network__fine_tune="head", labels="none")
    (folder / "recipe.toml").write_text(render_recipe(recipe))
    random = np.random.default_rng(1)
    vectors = {name: random.normal(size=(3, 9)).astype(np.float32) for name in writer.ids}
    monkeypatch.setattr(audit.embeddings, "make_embeddings", lambda collection, network: None)
    monkeypatch.setattr(audit.embeddings, "read_embeddings", lambda collection, network: vectors)
    page, _ = write(folder)
    assert "nearest other tracks by the mean embedding of the pretrained network" in page
    means = np.stack([vectors[name].mean(axis=0, dtype=np.float64) for name in sorted(writer.ids)])
    distances = np.square((means - means[0]) / means.std(axis=0)).sum(axis=1)
    nearest = [sorted(writer.ids)[n] for n in np.argsort(distances)[1:4]]
    row = next(row for row in read_audit(folder) if row["id"] == sorted(writer.ids)[0])
    assert row["nearest"] == " | ".join(nearest)


def test_corrections_go_round_and_are_not_asked_again(home):
    writer = Writer(home)
    folder = writer.train()
    write(folder)
    rows = read_audit(folder)
    for row, word in zip(rows, ("sad", "drop", "non_sad"), strict=False):
        row["correction"] = word
    path = folder / "edited.csv"
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        filled = csv.DictWriter(file, list(rows[0]))
        filled.writeheader()
        filled.writerows(rows)
    tracks = results.read_results(folder).tracks
    kept, record = apply_corrections(tracks, read_corrections(path), writer.classes, {})
    assert len(kept) == len(tracks) - 1
    # the next run, trained with them
    for track in kept:
        writer.labels[writer.ids.index(track.id)] = track.label
    gone = writer.ids.index(rows[1]["id"])
    for values in (writer.ids, writer.labels, writer.contents):
        values.pop(gone)
    second = writer.train("second")
    write_json(second / "corrections.json", record)
    page, _ = write(second)
    again = read_audit(second)
    assert [row["id"] for row in again[-3:]][-1] == rows[1]["id"]
    assert {row["id"]: row["correction"] for row in again if row["correction"]} == {
        rows[0]["id"]: "sad",
        rows[1]["id"]: "drop",
        rows[2]["id"]: "non_sad",
    }
    assert "2 that a person has judged before are not listed again" in page
    final, _ = apply_corrections(tracks, read_corrections(second / "audit.csv"), writer.classes, {})
    assert [(t.id, t.label) for t in final] == [(t.id, t.label) for t in kept]


def fill_audit(folder: Path, words: dict[str, str], delimiter: str = ",") -> list[dict[str, str]]:
    """Write corrections into audit.csv, as a person does with a spreadsheet."""
    rows = read_audit(folder)
    for row in rows:
        row["correction"] = words.get(row["id"], row["correction"])
    with open(folder / "audit.csv", "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        filled = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        filled.writeheader()
        filled.writerows(rows)
    return rows


def read_words(folder: Path) -> dict[str, str]:
    return {row["id"]: row["correction"] for row in read_audit(folder) if row["correction"]}


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_second_report_keeps_what_a_person_wrote_into_the_audit(home, delimiter):
    writer = Writer(home)
    folder = writer.train()
    write(folder)
    words = {writer.ids[2]: "sad", writer.ids[9]: "drop", writer.ids[11]: "a word that is no class"}
    fill_audit(folder, words, delimiter)
    page, lines = write(folder)
    assert read_words(folder) == words
    assert len(read_audit(folder)) == len(writer.ids)
    assert "3 that a person has judged before are not listed again" in page
    before = json.loads(html.unescape(re.search(r'data-before="([^"]*)"', page)[1]))
    # the page saves all that can be written as UTF-8
    assert dict(before) == {name: word for name, word in words.items() if name != NASTY[2]}
    assert not any("could not be read" in line for line in lines)
    assert not list(folder.glob("audit-*"))


def test_what_a_person_wrote_goes_before_what_the_run_was_given(home):
    writer = Writer(home)
    folder = writer.train()
    changes = [
        {"id": writer.ids[4], "from": "sad", "to": "non_sad"},
        {"id": writer.ids[6], "from": "sad", "to": "non_sad"},
        {"id": "gone.wav", "from": "sad", "to": None},
        {"id": "also gone.wav", "from": "sad", "to": None},
    ]
    record = {"file": "a.csv", "n_changed": 2, "n_dropped": 2, "n_confirmed": 0, "changes": changes}
    write_json(folder / "corrections.json", record)
    write(folder)
    given = {writer.ids[4]: "non_sad", writer.ids[6]: "non_sad", "gone.wav": "drop", "also gone.wav": "drop"}
    assert read_words(folder) == given
    fill_audit(folder, {writer.ids[4]: "drop", "gone.wav": "sad"})
    with open(folder / "audit.csv", "a") as file:  # a row that no report wrote
        file.write(f",new.wav{',' * (len(audit.HEADER) - 2)},,,,,sad\n")
    write(folder)
    assert read_words(folder) == {**given, writer.ids[4]: "drop", "gone.wav": "sad", "new.wav": "sad"}
    assert {row["id"]: row["label"] for row in read_audit(folder)}["gone.wav"] == "sad"


def test_what_is_written_while_the_report_is_made_is_kept(home, monkeypatch):
    writer = Writer(home)
    folder = writer.train()
    write(folder)
    place_maps = report.place_maps

    def wait(*arguments):
        fill_audit(folder, {writer.ids[3]: "drop"})
        return place_maps(*arguments)

    monkeypatch.setattr(report, "place_maps", wait)
    write(folder)
    assert read_words(folder) == {writer.ids[3]: "drop"}


def test_an_audit_that_cannot_be_read_is_kept_under_another_name(home):
    writer = Writer(home)
    folder = writer.train()
    for name in ("audit-unreadable.csv", "audit-unreadable-2.csv"):
        (folder / "audit.csv").write_text(f"my own table\n{name}\n")
        _, lines = write(folder)
        note = next(line for line in lines if "could not be read" in line)
        assert note.startswith(f"audit.csv is kept as {name}, because it could not be read: header: expected one")
        assert name in (folder / name).read_text()
        assert len(read_audit(folder)) == len(writer.ids)


def test_the_command_that_takes_corrections_back_repeats_the_run(home, monkeypatch):
    writer = Writer(home)
    folder = writer.train("a run")
    page, _ = write(folder)
    assert f"<code>essentia-ldl train &#x27;{folder}/recipe.toml&#x27; --corrections corrections.csv</code>" in page
    monkeypatch.setattr(report, "find_ffmpeg", lambda: "ffmpeg")
    monkeypatch.setattr(report, "read_excerpt", lambda *_: "data:audio/mpeg;base64,x")
    page, _ = write(folder, excerpt_s=3.0)
    assert "essentia-ldl train &#x27;runs/a run/recipe.toml&#x27; --corrections" in page
    (folder / "recipe.toml").unlink()
    page, _ = write(folder)
    assert "<code>essentia-ldl train mood-sad --corrections corrections.csv</code>" in page

    folder = writer.crossval()
    (folder / "recipe.toml").write_text(render_recipe(writer.recipe))
    page, _ = write(folder)
    options = "--labels none --labels sa --folds 3 --repeats 1"
    command = f"crossval {folder}/recipe.toml --corrections corrections.csv {options}"
    assert f"<code>essentia-ldl {command}</code>" in page
    asked = {}
    monkeypatch.setattr(
        "essentia_ldl.measure.crossval.cross_validate", lambda *a, **k: asked.update(a=a, k=k) or iter(())
    )
    done = CliRunner().invoke(main, command.split())
    assert done.exit_code == 0, done.output
    assert list(asked["a"][2:5]) == [("none", "sa"), 3, 1]
    scores = json.loads((folder / "scores.json").read_text())
    write_json(folder / "scores.json", {**scores, "leave_out": "artist", "n_repeats": 2})
    page, _ = write(folder)
    assert "--labels sa --leave-out artist --repeats 2</code>" in page


# --- players --------------------------------------------------------------------------------------------------------


def test_players_open_the_files_that_are_there(home):
    writer = Writer(home)
    folder = writer.train()
    for name in writer.ids[:5]:
        path = home / "audio" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    page, lines = write(folder)
    assert any("35 of 40 audio files are not where they were" in line for line in lines)
    assert page.count("<audio controls") == 5
    assert "caf%E9.wav" in page


def test_excerpts_are_inside_the_page_and_no_path_of_this_computer_is(home, monkeypatch):
    writer = Writer(home)
    folder = writer.train()
    monkeypatch.setattr(report, "find_ffmpeg", lambda: "ffmpeg")
    monkeypatch.setattr(report, "read_excerpt", lambda ffmpeg, path, s, track_s: f"data:audio/mpeg;base64,{s:g}")
    page, _ = write(folder, excerpt_s=3.0, n_listed=5)
    assert page.count('src="data:audio/mpeg;base64,3"') == 5
    assert "file:" not in page.replace("media-src file:", "")
    assert str(home) not in page


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_an_excerpt_is_mp3_of_its_length(tmp_path):
    import base64
    import wave

    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes((3000 * np.sin(np.arange(8 * 8000) / 3)).astype("<i2").tobytes())
    uri = excerpts.read_excerpt(excerpts.find_ffmpeg(), str(path), 4.0, 8.0)
    data = base64.b64decode(uri.removeprefix("data:audio/mpeg;base64,"))
    assert 4 * 64000 / 8 * 0.8 < len(data) < 4 * 64000 / 8 * 1.2
    path.write_bytes(b"nothing")
    with pytest.raises(AudioError, match="expected a file that ffmpeg turns into MP3"):
        excerpts.read_excerpt(excerpts.find_ffmpeg(), str(path), 4.0, 8.0)


def test_excerpts_without_ffmpeg_say_what_to_do(home, monkeypatch):
    folder = Writer(home).train()
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(AudioError, match=r"ffmpeg on the PATH.*leave --excerpts out"):
        write(folder, excerpt_s=5.0)
    assert not (folder / "report.html").exists()


# --- pictures -------------------------------------------------------------------------------------------------------


def test_ticks_are_round_and_colours_run_from_orange_to_blue():
    assert np.allclose(find_ticks(0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1])
    assert np.allclose(find_ticks(1, 150, 4), [50, 100, 150])
    assert find_ticks(3, 3).tolist() == [3]
    assert [choose_color(value) for value in (0, 0.5, 1, 2)] == ["#d55e00", "#b0b0b0", "#0072b2", "#0072b2"]
    assert len({glyph(number) for number in range(10)}) == 10


# --- in a browser ---------------------------------------------------------------------------------------------------


class Browser:
    """Headless Chromium, spoken to through its DevTools pipe: messages of json that end in a zero byte."""

    def __init__(self, folder: Path) -> None:
        to_child, to_browser = os.pipe()
        from_browser, from_child = os.pipe()
        # the browser reads from descriptor 3 and writes to 4; both go high first, because either may be one of these
        launch = (
            "import fcntl, os, sys\n"
            "read, write = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 20) for number in sys.argv[1:3])\n"
            "os.dup2(read, 3), os.dup2(write, 4), os.execv(sys.argv[3], sys.argv[3:])"
        )
        command = [sys.executable, "-c", launch, str(to_child), str(from_child), CHROMIUM]
        command += ["--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio"]
        command += ["--remote-debugging-pipe", f"--user-data-dir={folder}", "--no-first-run"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, pass_fds=(to_child, from_child), **quiet)
        os.close(to_child)
        os.close(from_child)
        self.write, self.read = to_browser, from_browser
        self.buffer, self.events, self.count, self.session = b"", [], 0, None

    def receive(self) -> dict:
        while b"\0" not in self.buffer:
            piece = os.read(self.read, 1 << 20)
            if not piece:
                pytest.fail("the browser ended")
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method: str, **parameters) -> dict:
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.count:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, page: Path, width: int) -> None:
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")
        phone = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **phone)
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.receive())

    def run(self, script: str):
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def asked(self) -> list[str]:
        sent = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: the page is not looked at in a browser")
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.process.kill()
    browser.process.wait()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("classes", [("non_sad", "sad"), MANY])
@pytest.mark.parametrize("kind", ["train", "crossval"])
def test_a_browser_shows_every_section_without_an_error(home, browser, kind, classes, width):
    folder = getattr(Writer(home, classes), kind)()
    write(folder)
    browser.open(folder / "report.html", width)
    heights = browser.run(
        "Object.fromEntries([...document.querySelectorAll('section')].map(s => [s.id, s.offsetHeight]))"
    )
    assert set(SECTIONS) <= set(heights)
    assert min(heights.values()) > 60
    assert browser.run("document.documentElement.dataset.error || ''") == ""
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.asked() == [(folder / "report.html").as_uri()]
    assert not [event for event in browser.events if event.get("method") == "Runtime.exceptionThrown"]
    smallest = "Math.min(...[...document.querySelectorAll('.picture text')].map(t => t.getBoundingClientRect().height))"
    assert browser.run(smallest) > 9
    assert browser.run("[...document.querySelectorAll('audio')].every(a => a.paused)")


def test_the_script_orders_picks_and_saves_corrections(home, browser):
    writer = Writer(home)
    folder = writer.train()
    write(folder)
    browser.open(folder / "report.html", 390)
    select = "(n, v) => { const s = document.querySelectorAll('tr[data-id] select')[n]; s.value = v;"
    select += " s.dispatchEvent(new Event('change', {bubbles: true})); return s.closest('tr').dataset.id; }"
    assert browser.run("document.getElementById('save').disabled")
    ids = [browser.run(f"({select})({n}, '{value}')") for n, value in enumerate(("sad", "drop"))]
    browser.run("URL.createObjectURL = (blob) => { window.saved = blob; return '#'; }")
    browser.run("document.getElementById('save').click()")
    path = folder / "corrections.csv"
    path.write_text(browser.run("window.saved.text()"), encoding="utf-8")
    assert {name: value for name, (_, value) in read_corrections(path).values.items()} == dict(
        zip(ids, ("sad", "drop"), strict=True)
    )
    browser.run("const o = document.getElementById('order'); o.value = 'name'; o.dispatchEvent(new Event('change'))")
    names = browser.run("[...document.querySelectorAll('#rows tbody tr')].map(r => r.dataset.name)")
    assert names == browser.run(f"{json.dumps(names)}.sort((a, b) => a.localeCompare(b))")
    browser.run("document.querySelector('.map .pt').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert "share of the label" in browser.run("document.getElementById('picked').textContent")
    browser.run("document.querySelector('button.class').click()")
    assert browser.run("document.querySelectorAll('.pt.dim').length") >= 20
    # the name that is not UTF-8 cannot go through the page, and says so
    assert browser.run("document.querySelectorAll('#rows tr:not([data-id]) .choose small').length") == 1
    assert browser.run("document.documentElement.dataset.error || ''") == ""
