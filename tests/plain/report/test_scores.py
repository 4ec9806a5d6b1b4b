"""The sections of the report about the model show the numbers of scores.json."""

from __future__ import annotations

import json
import re
import types

from essentia_ldl.files import read_json, write_json
from essentia_ldl.report.results import CROSSVAL, TRAIN
from essentia_ldl.report.scores import _draw_listeners, _facts, draw_confusion, draw_curves_section
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


def make_results(**changed) -> types.SimpleNamespace:
    network = types.SimpleNamespace(
        backbone="dcnn", pretrained="features", fine_tune="head", extractor=None, backbones=()
    )
    learned = types.SimpleNamespace(networks="shared", targets=["g", "m"])
    plan = {"tracks": [types.SimpleNamespace(role="train")], "grouped": True, "network": network, "learned": learned}
    values = {
        "plan": types.SimpleNamespace(**plan, card={}, training=types.SimpleNamespace(solver="")),
        "recipe": types.SimpleNamespace(classes=("a", "b")),
        "scores": {},
        "tracks": [types.SimpleNamespace(label="a", artist="x", id="t")],
        "kind": TRAIN,
        "sources": ["none+agf-m"],
        "histories": {"none+agf-m": [{"best_epoch": 2, "epochs": [1, 2], "loss": "cross_entropy"}]},
        "corrections": {},
        "failures": (),
        "rows": {},
    }
    return types.SimpleNamespace(**values | changed)


def test_the_network_of_a_model_of_several_targets_is_named():
    assert ("network", "dcnn, shared, a classifier on g, m") in _facts(make_results())


def test_networks_side_by_side_and_a_solved_head_are_named():
    results = make_results()
    results.plan.network.backbones, results.plan.network.layers = ("msd-musicnn", "mtt-vgg"), "deep"
    results.plan.learned, results.plan.training.solver = None, "solved"
    facts = dict(_facts(results))
    assert facts["network"] == "msd-musicnn, mtt-vgg side by side (layers: deep), head only"
    assert facts["training"] == "a head, solved"
    assert "kept epoch" not in facts


def test_facts_count_tracks_corrections_and_files_left_out():
    corrections = {"n_changed": 1, "n_confirmed": 2, "n_dropped": 3, "file": "c.csv"}
    facts = dict(_facts(make_results(corrections=corrections, failures=({}, {}))))
    assert facts["tracks"] == "1: 1 a, 0 b"
    assert facts["artists"] == 1
    assert facts["split"] == "1 train, 0 validate, grouped by artist"
    assert facts["kept epoch"] == "2 of 2, loss cross_entropy"
    assert facts["corrections"] == "1 changed, 2 confirmed, 3 left out (c.csv)"
    assert facts["files left out"] == 2


def draw(function, **changed) -> str:
    return function(types.SimpleNamespace(results=make_results(**changed)))


def test_the_confusion_of_a_cross_validation_sums_its_repetitions():
    pooled = [{"confusion": [[1, 2], [3, 4]]}, {"confusion": [[5, 0], [0, 5]]}]
    html = draw(draw_confusion, kind=CROSSVAL, rows={"s<a": {"pooled": pooled}}, scores={"n_repeats": 2})
    counts = [int(text or 0) for text in re.findall(r'class="cell[^>]*>(\d*)</span>', html)]
    assert counts == [6, 2, 3, 9]
    assert "Each track counts 2 times" in html
    assert "s&lt;a" in html
    assert "nothing was measured" in draw(draw_confusion)


def make_history(losses, accuracies, rates) -> dict:
    epochs = [
        {"train_loss": loss, "valid_loss": None, "valid_accuracy": accuracy, "learning_rate": rate}
        for loss, accuracy, rate in zip(losses, accuracies, rates, strict=True)
    ]
    return {"best_epoch": 2, "loss": "mae", "epochs": epochs}


def test_curves_show_what_was_measured_and_where_the_learning_rate_was_halved():
    history = make_history([1, 0.5, 0.4], [None] * 3, [0.1, 0.1, 0.05])
    html = draw(draw_curves_section, histories={"none+agf-m": [history]})
    assert html.count("<svg") == 1, "nothing was validated"
    assert html.count('class="halving"') == 1
    assert "Dotted: learning rate lowered." in html
    history = make_history([1, 0.5], [0.5, 0.75], [0.1, 0.1])
    html = draw(draw_curves_section, histories={"none+agf-m": [history]})
    assert html.count("<svg") == 2
    assert "Dotted" not in html
    assert "mean recall over 2 epochs: 0.5 to 0.75" in html


def test_curves_of_folds_have_their_median_as_long_as_the_shortest():
    histories = [make_history([1] * n, [0.1 * k] * n, [0.1] * n) for k, n in ((1, 2), (2, 3), (6, 4))]
    histories[2]["best_epoch"] = 4
    html = draw(draw_curves_section, kind=CROSSVAL, histories={"sa": histories, "none": []})
    lines = re.findall(r'<polyline class="curve ([^"]*)" points="([^"]*)"', html)
    assert [(kind, len(points.split())) for kind, points in lines] == [
        *(("c2 thin", n) for n in (2, 3, 4)),
        ("c1", 2),
    ]
    assert lines[3][1].split()[0] == lines[1][1].split()[0], "the median is the second of three"
    assert "epochs 2 to 4 were kept" in html


def test_listeners_are_compared_where_the_run_has_them():
    assert _draw_listeners(make_results()) == ""
    found = {"divergence": {"model": 0.1234, "constant": 0.2}, "spearman": None}
    html = _draw_listeners(
        make_results(
            scores={"listeners": {"column": "share", "class": "sad"}}, rows={"sa": {"listeners": found}, "logreg": {}}
        )
    )
    assert '<th scope="row">sa</th><td>0.123</td><td>0.200</td><td>–</td>' in html
    assert "logreg" not in html
    assert "from the column share (sad)" in html


def test_what_a_model_was_adapted_to_is_said_where_it_is_to_beware_of(make_writer, write):
    folder = make_writer().train()
    plan = read_json(folder / "plan.json")
    adapted = {"n_tracks": 30, "share": 0.3, "note": "By <30>."}
    write_json(folder / "plan.json", {**plan, "card": {**plan["card"], "adapted": adapted}})
    page = write(folder).page
    assert "By &lt;30&gt;." in page[: page.index('id="scores"')]
