"""Doubts about labels: labels that were flipped on purpose come first, and nobody judges a track by its own label."""

from __future__ import annotations

import csv
import html
import json
import re
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.collection.corrections import apply_corrections, read_corrections
from essentia_ldl.files import Home, write_json
from essentia_ldl.recipe.toml import render_recipe
from essentia_ldl.records import Track
from essentia_ldl.report import doubts
from essentia_ldl.report.doubts import find_neighbors, fit_classifier
from essentia_ldl.report.results import read_results


def make_clouds(n_tracks: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two clouds of points, their classes, and which tenth of the labels is flipped."""
    random = np.random.default_rng(seed)
    truth = np.arange(n_tracks) % 2
    points = random.normal(size=(n_tracks, 20)) + 1.2 * truth[:, None]
    flipped = np.zeros(n_tracks, dtype=bool)
    flipped[random.choice(n_tracks, n_tracks // 10, replace=False)] = True
    return points, np.where(flipped, 1 - truth, truth), flipped


def test_neighbours_are_the_nearest_others():
    points = np.array([[0.0], [1.0], [3.0], [3.0], [7.0]])
    assert find_neighbors(points, 2).tolist() == [[1, 2], [0, 2], [3, 1], [2, 1], [2, 3]]
    assert find_neighbors(points, 10).shape == (5, 4)


def test_neighbours_agree_with_scikit_learn():
    from sklearn.neighbors import NearestNeighbors

    points, _, _ = make_clouds()
    expected = NearestNeighbors(n_neighbors=10).fit(points).kneighbors(return_distance=False)
    assert np.array_equal(find_neighbors(points, 10), expected)


@pytest.mark.parametrize("seed", range(3))
def test_flipped_labels_are_found_by_neighbours_and_by_the_classifier(seed):
    from sklearn.metrics import roc_auc_score

    points, labels, flipped = make_clouds(seed=seed)
    near = 1 - (labels[find_neighbors(points, 10)] == labels[:, None]).mean(axis=1)
    guessed = fit_classifier(points, labels, [str(n) for n in range(len(points))], 2, seed)
    assert roc_auc_score(flipped, near) > 0.95
    assert roc_auc_score(flipped, 1 - guessed[np.arange(len(points)), labels]) > 0.95


def test_the_classifier_has_seen_no_track_of_the_artist():
    """Each artist is a place of its own with labels by chance: who has seen the artist would be right."""
    random = np.random.default_rng(0)
    artist = np.repeat(np.arange(30), 6)
    points = random.normal(size=(30, 40))[artist] * 5 + random.normal(size=(180, 40)) * 0.1
    targets = random.integers(0, 2, 30)[artist]
    right = (fit_classifier(points, targets, [str(n) for n in artist], 2, 0).argmax(axis=1) == targets).mean()
    seen = (fit_classifier(points, targets, [str(n) for n in range(180)], 2, 0).argmax(axis=1) == targets).mean()
    assert seen > 0.95
    assert right < 0.75


def test_the_classifier_says_nothing_of_few_artists():
    points, labels, _ = make_clouds(20)
    assert fit_classifier(points, labels, ["one", "two"] * 10, 2, 0) is None
    assert fit_classifier(points, np.zeros(20, dtype=int), [str(n) for n in range(20)], 2, 0) is None
    rows = fit_classifier(points, labels, [str(n) for n in range(20)], 3, 0)
    assert np.allclose(rows.sum(axis=1), 1)
    assert not rows[:, 2].any()


def test_a_tie_suggests_nothing():
    row = doubts._judge(Track("a", "", "x"), 1, {"model": np.array([0.5, 0.5])}, (), ("w", "x"), "")
    assert (row.suggestion, row.disagreement) == ("x", 0.5)


# --- of runs --------------------------------------------------------------------------------------------------------


def test_the_audit_lists_every_track_the_most_doubtful_first(make_writer, judge_run, read_audit):
    writer = make_writer()
    writer.labels[5], right = writer.classes[0], writer.labels[5]
    assert right != writer.labels[5]
    folder = writer.train()
    judge_run(folder)
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


def test_a_cross_validation_judges_every_track_by_its_best_row(made, read_audit):
    folder, page, _ = made("crossval")
    found = read_results(folder, Home(folder.parents[1]))
    assert f"the prediction of {found.best}, out of fold" in page
    assert all(row["model_of_label"] for row in read_audit(folder))


def test_neighbours_are_those_of_the_pretrained_network_if_there_is_one(
    make_writer, judge_run, read_audit, monkeypatch
):
    writer = make_writer()
    folder = writer.train(source="none")
    recipe = writer.recipe.override(network__fine_tune="head", labels="none")
    (folder / "recipe.toml").write_text(render_recipe(recipe))
    random = np.random.default_rng(1)
    vectors = {name: random.normal(size=(3, 9)).astype(np.float32) for name in writer.ids}
    monkeypatch.setattr(doubts.embeddings, "make_embeddings", lambda collection, network: None)
    monkeypatch.setattr(doubts.embeddings, "read_embeddings", lambda collection, network: vectors)
    page, _ = judge_run(folder)
    assert "nearest other tracks by the mean embedding of the pretrained network" in page
    means = np.stack([vectors[name].mean(axis=0, dtype=np.float64) for name in sorted(writer.ids)])
    distances = np.square((means - means[0]) / means.std(axis=0)).sum(axis=1)
    nearest = [sorted(writer.ids)[n] for n in np.argsort(distances)[1:4]]
    row = next(row for row in read_audit(folder) if row["id"] == sorted(writer.ids)[0])
    assert row["nearest"] == " | ".join(nearest)


def test_corrections_go_round_and_are_not_asked_again(make_writer, judge_run, read_audit):
    writer = make_writer()
    folder = writer.train()
    judge_run(folder)
    rows = read_audit(folder)
    for row, word in zip(rows, ("sad", "drop", "non_sad"), strict=False):
        row["correction"] = word
    path = folder / "edited.csv"
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        filled = csv.DictWriter(file, list(rows[0]))
        filled.writeheader()
        filled.writerows(rows)
    tracks = read_results(folder, Home(folder.parents[1])).tracks
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
    page, _ = judge_run(second)
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


def fill_audit(folder: Path, rows: list[dict[str, str]], words: dict[str, str], delimiter: str = ",") -> None:
    """Write corrections into audit.csv, as a person does with a spreadsheet."""
    for row in rows:
        row["correction"] = words.get(row["id"], row["correction"])
    with open(folder / "audit.csv", "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        filled = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        filled.writeheader()
        filled.writerows(rows)


def find_words(rows: list[dict[str, str]]) -> dict[str, str]:
    return {row["id"]: row["correction"] for row in rows if row["correction"]}


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_second_report_keeps_what_a_person_wrote_into_the_audit(make_writer, judge_run, read_audit, nasty, delimiter):
    writer = make_writer()
    folder = writer.train()
    judge_run(folder)
    words = {writer.ids[2]: "sad", writer.ids[9]: "drop", writer.ids[11]: "a word that is no class"}
    fill_audit(folder, read_audit(folder), words, delimiter)
    page, lines = judge_run(folder)
    assert find_words(read_audit(folder)) == words
    assert len(read_audit(folder)) == len(writer.ids)
    assert "3 that a person has judged before are not listed again" in page
    before = json.loads(html.unescape(re.search(r'data-before="([^"]*)"', page)[1]))
    # the page saves all that can be written as UTF-8
    assert dict(before) == {name: word for name, word in words.items() if name != nasty[2]}
    assert not any("could not be read" in line for line in lines)
    assert not list(folder.glob("audit-*"))


def test_what_a_person_wrote_goes_before_what_the_run_was_given(make_writer, judge_run, read_audit):
    writer = make_writer()
    folder = writer.train()
    changes = [
        {"id": writer.ids[4], "from": "sad", "to": "non_sad"},
        {"id": writer.ids[6], "from": "sad", "to": "non_sad"},
        {"id": "gone.wav", "from": "sad", "to": None},
        {"id": "also gone.wav", "from": "sad", "to": None},
    ]
    record = {"file": "a.csv", "n_changed": 2, "n_dropped": 2, "n_confirmed": 0, "changes": changes}
    write_json(folder / "corrections.json", record)
    judge_run(folder)
    given = {writer.ids[4]: "non_sad", writer.ids[6]: "non_sad", "gone.wav": "drop", "also gone.wav": "drop"}
    assert find_words(read_audit(folder)) == given
    fill_audit(folder, read_audit(folder), {writer.ids[4]: "drop", "gone.wav": "sad"})
    with open(folder / "audit.csv", "a") as file:  # a row that no report wrote
        file.write(f",new.wav{',' * (len(doubts.HEADER) - 2)},,,,,sad\n")
    judge_run(folder)
    assert find_words(read_audit(folder)) == {**given, writer.ids[4]: "drop", "gone.wav": "sad", "new.wav": "sad"}
    assert {row["id"]: row["label"] for row in read_audit(folder)}["gone.wav"] == "sad"


def test_an_audit_that_cannot_be_read_is_kept_under_another_name(make_writer, judge_run, read_audit):
    writer = make_writer()
    folder = writer.train()
    for name in ("audit-unreadable.csv", "audit-unreadable-2.csv"):
        (folder / "audit.csv").write_text(f"my own table\n{name}\n")
        _, lines = judge_run(folder)
        note = next(line for line in lines if "could not be read" in line)
        assert note.startswith(f"audit.csv is kept as {name}, because it could not be read: header: expected one")
        assert name in (folder / name).read_text()
        assert len(read_audit(folder)) == len(writer.ids)
