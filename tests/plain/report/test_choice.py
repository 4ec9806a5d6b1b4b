"""The section of the report about what was chosen."""

from __future__ import annotations

import types

from essentia_ldl.report.choice import draw_choice
from essentia_ldl.report.results import CROSSVAL, TRAIN


def make_setting(name="msd-<b>", smoothing=0.0, strength=0.1, loss=0.5):
    return {
        **{"backbones": [name, "mtt-vgg"], "layers": "deep", "smoothing": smoothing, "strength": strength, "cost": 1.7},
        **{"log_loss": loss, "balanced_accuracy": 0.75},
    }


TRIED = [make_setting(), make_setting(strength=0.01, loss=0.4), make_setting(smoothing=0.3, loss=0.45)]
CHOICE = {"n_settings": 3, "chosen": TRIED[1], "tried": TRIED}


def make_page(reports, kind=TRAIN):
    return types.SimpleNamespace(results=types.SimpleNamespace(reports=reports, kind=kind))


def test_the_best_strength_of_each_combination_is_shown_and_the_chosen_one_marked():
    html = draw_choice(make_page({"auto": [{"source": "auto", "choice": CHOICE}]}))
    assert html.count("<tr><th scope") == 1 + 2
    assert "<b>msd-&lt;b&gt;, mtt-vgg (chosen)</b>" in html
    assert html.count("(chosen)") == 1
    assert "<td>0.400</td>" in html
    assert "<td>0.500</td>" not in html  # a worse strength of the same combination
    assert "30 %" in html
    assert "3 settings were tried" in html


def test_a_run_that_chose_nothing_has_no_section():
    assert draw_choice(make_page({"sb": [{"source": "sb"}], "none": []})) == ""
    reason = {"n_settings": 3, "chosen": TRIED[0], "reason": "a class has too few artists for folds"}
    assert draw_choice(make_page({"auto": [{"choice": reason}]})) == ""


def test_rows_of_a_cross_validation_are_told_apart():
    html = draw_choice(make_page({"auto": [{"choice": CHOICE}], "none": [{}]}, CROSSVAL))
    assert "<h3>auto</h3>" in html
    assert "of the first fold" in html
