"""A finished run read back: what a run of today, an older one and a damaged one tell."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import StoreError, TrainingError
from essentia_ldl.files import Home, read_json, write_json
from essentia_ldl.report.results import CROSSVAL, TRAIN, locate_cell, read_results

here = Home.from_environment  # the fixtures set the variable


def test_a_training_tells_its_tracks_sides_and_opinions(make_writer):
    writer = make_writer(n_tracks=8)
    found = read_results(writer.train(), here())
    assert (found.kind, found.sources, found.plan.task) == (TRAIN, ("sa",), "mood-sad")
    assert [track.id for track in found.tracks] == sorted(writer.ids)
    assert found.contents == dict(zip(writer.ids, writer.contents, strict=True))
    valid = {track.id for track in found.plan.tracks if track.role == "valid"}
    assert found.training == set(writer.ids) - valid
    assert set(found.opinions["sa"]) == valid
    assert all(np.isclose(row.sum(), 1) for row in found.opinions["sa"].values())
    (table,) = found.tables["sa"]
    assert set(table.ids) == found.training
    assert found.failures == ({"path": "/x/<b>.wav", "step": "decode", "reason": "bad <i>"},)
    assert found.notes == ()


def test_a_cross_validation_tells_every_row_out_of_fold(make_writer):
    writer = make_writer(n_tracks=9)
    folder = writer.crossval()
    found = read_results(folder, here())
    assert (found.kind, found.sources) == (CROSSVAL, ("none", "sa"))
    assert list(found.rows) == ["none", "sa", "logreg"]
    assert all(set(found.opinions[row]) == set(writer.ids) for row in found.rows)
    assert locate_cell(folder, "sa", {"seed": 0, "fold": 2}) == folder / "sa-0-2"


def test_what_an_older_run_lacks_is_a_note(make_writer):
    folder = make_writer(n_tracks=8).train(places=False)
    (folder / "recipe.toml").unlink()
    found = read_results(folder, here())
    assert [note.split(",")[0] for note in found.notes] == [
        "This run does not hold its recipe",
        "This run was made before runs kept the paths of their files",
    ]
    assert (found.recipe.task, found.recipe.labels, found.recipe.network.fine_tune) == ("mood-sad", "sa", "none")


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("plan.json", "[]", StoreError),
        ("plan.json", "{}", TrainingError),
        ("history.json", "3", StoreError),
        ("labels.json", "null", StoreError),
        ("predictions.npz", "no archive", StoreError),
    ],
)
def test_damage_is_one_sentence_with_the_path(make_writer, name, text, error):
    folder = make_writer(n_tracks=8).train()
    (folder / name).write_text(text)
    with pytest.raises(error, match=name.replace(".", r"\.")) as caught:
        read_results(folder, here())
    assert "\n" not in str(caught.value)


def test_rows_of_the_scores_do_not_lead_out_of_the_run(make_writer):
    folder = make_writer(n_tracks=9).crossval()
    scores = read_json(folder / "scores.json")
    scores["sources"]["../../x"] = scores["sources"]["none"]
    write_json(folder / "scores.json", scores)
    with pytest.raises(StoreError, match=r"fold: expected a plain name without folders; got '\.\./\.\./x-0-0'"):
        read_results(folder, here())


def test_opinions_of_several_repetitions_are_averaged(home, make_writer):
    writer = make_writer(n_tracks=12)
    folder = writer.crossval()
    scores = read_json(folder / "scores.json")
    again = [{**fold, "seed": 1} for fold in scores["folds"]]
    for name in ("none", "sa", "logreg"):
        for fold in again:
            roles = ["test" if n % 3 == fold["fold"] else "train" for n in range(12)]
            cell = folder / f"{name}-1-{fold['fold']}"
            writer.predictions(cell, roles) if name == "logreg" else writer.cell(cell, name, roles)
    write_json(folder / "scores.json", {**scores, "folds": scores["folds"] + again})
    values = []
    for seed in (0, 1):
        with np.load(folder / f"logreg-{seed}-0" / "predictions.npz") as arrays:
            values.append(arrays["probabilities"][0].astype(np.float64))
    found = read_results(folder, Home(home))
    np.testing.assert_allclose(found.opinions["logreg"][writer.ids[0]], np.mean(values, axis=0))
    assert len(found.tables["sa"]) == 6


def test_a_cross_validation_without_any_plan_is_told(home, make_writer):
    folder = make_writer(n_tracks=6).crossval()
    for path in folder.glob("*/plan.json"):
        path.unlink()
    with pytest.raises(StoreError, match=r"expected a plan\.json; got 'none'"):
        read_results(folder, Home(home))
