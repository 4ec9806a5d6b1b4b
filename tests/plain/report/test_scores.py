"""The sections of the report about the model show the numbers of scores.json."""

from __future__ import annotations

import json
import re
import types

from essentia_ldl.files import write_json
from essentia_ldl.report.results import TRAIN
from essentia_ldl.report.scores import _facts
from essentia_ldl.runs.score import score_run


def test_numbers_are_those_of_scores_json(made):
    folder, page, _ = made()
    scores = json.loads((folder / "scores.json").read_text())["valid"]
    assert f"balanced accuracy {scores['balanced_accuracy']:.3f}" in page
    assert f'<p class="big">{scores["balanced_accuracy"]:.2f}</p>' in page
    matrix = page[page.index('id="confusion"') : page.index('id="curves"')]
    shown_counts = [int(text or 0) for text in re.findall(r'class="cell[^>]*>(\d*)</span>', matrix)]
    assert shown_counts == [count for row in scores["confusion"] for count in row]


def test_the_table_of_a_cross_validation_is_that_of_scores_json(made):
    folder, page, _ = made("crossval")
    scores = json.loads((folder / "scores.json").read_text())
    for row in (*scores["sources"].values(), *scores["baselines"].values()):
        assert f"{row['balanced_accuracy_mean']:.3f}</b>" in page
        assert f"± {row['balanced_accuracy_std']:.3f}" in page
    assert page.count('class="dot"') == 9
    assert page.count("0.4321"[:5]) == 3
    assert page.count("<td>0.424</td>") == 4
    for text in ("no &lt;MFCC&gt;", "NOT grouped by artist", "no network beats every baseline", "mean 0.85"):
        assert text in page


def test_labels_of_one_class_each_and_no_validation(home, make_writer, write, check):
    writer = make_writer(n_tracks=12)
    folder = home / "runs" / "all"
    writer.cell(folder, "none", ["train"] * 12)
    write_json(folder / "scores.json", score_run(folder))
    page = write(folder).page
    check(page)
    assert "no track was kept from training" in page
    assert "label settings are the defaults" in page
    assert '<p class="big">–</p>' in page
    told = {"run": "x-crossval-1", "balanced_accuracy_mean": 0.7654, "balanced_accuracy_std": 0.01}
    told["recall"] = {"non_sad": 0.25, "sad": None}
    write_json(folder / "scores.json", {**score_run(folder), "crossval": told})
    page = write(folder).page
    check(page)
    assert '<p class="big">0.77<span class="spread">± 0.01</span></p>' in page
    assert "in the cross-validation x-crossval-1" in page
    assert "25 %</b>" in page


def test_the_network_of_a_transferred_model_is_named():
    track = types.SimpleNamespace(label="a", artist="x", id="t")
    plan = {
        "tracks": [{"role": "train"}],
        "split": {"grouped": True},
        "network": {"backbone": "dcnn", "pretrained": "features", "fine_tune": "head"},
        "features": ["features/shared"],
        "transfer": {"networks": "shared", "targets": ["g", "m"]},
    }
    results = types.SimpleNamespace(
        plan=plan,
        recipe=types.SimpleNamespace(classes=("a",)),
        scores={},
        tracks=[track],
        kind=TRAIN,
        sources=["none+agf-m"],
        histories={"none+agf-m": [{"best_epoch": 2, "epochs": [1, 2], "loss": "cross_entropy"}]},
        corrections={},
        failures=(),
    )
    assert ("network", "dcnn, shared, a classifier on g, m") in _facts(results)
