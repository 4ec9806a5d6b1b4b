"""What the folds of a cross-validation choose for the final model."""

from __future__ import annotations

import pytest

from essentia_ldl.errors import StoreError
from essentia_ldl.files import write_json
from essentia_ldl.measure import refit
from essentia_ldl.records import Split
from essentia_ldl.runs.folder import Fold


def test_a_halving_counts_when_more_than_half_of_the_folds_made_it(tmp_path):
    chosen = []
    for late in (1, 2):  # of three folds, so many never halve
        run = tmp_path / str(late)
        drawn = [Fold(0, 0, number, None, Split(("a",), (), ())) for number in range(3)]
        for number, fold in enumerate(drawn):
            rates = [0.1] * 10 if number < late else [0.1] * (3 + number) + [0.05] * (7 - number)
            epochs = [{"epoch": n + 1, "learning_rate": rate} for n, rate in enumerate(rates)]
            write_json(fold.cell(run, "none") / "history.json", {"best_epoch": 7 + number, "epochs": epochs})
        scores = {"sources": {"none": {"balanced_accuracy_mean": 0.5}}}
        chosen.append(refit.choose_training(run, drawn, scores))
    assert chosen == [refit.Choice("none", 8, (5,)), refit.Choice("none", 8, ())]


def test_the_metric_is_named_as_in_essentias_cards():
    name = "5-fold_cross_validation_normalized_accuracy"
    assert refit.name_metric({"leave_out": None, "n_folds": 5}) == name
    name = "leave-one-genre-out_cross_validation_normalized_accuracy"
    assert refit.name_metric({"leave_out": "genre", "n_folds": 5}) == name


@pytest.mark.parametrize("text", ["[]", "{}", '{"best_epoch": 3}', '{"best_epoch": 3, "epochs": [{}, {}]}'])
def test_a_damaged_history_is_one_sentence(tmp_path, text):
    fold = Fold(0, 0, 0, None, Split(("a",), (), ()))
    write_json(fold.cell(tmp_path, "none") / "history.json", {})
    (fold.cell(tmp_path, "none") / "history.json").write_text(text)
    with pytest.raises(StoreError, match=r"history\.json\)\. Delete"):
        refit.choose_training(tmp_path, [fold], {"sources": {"none": {"balanced_accuracy_mean": 0.5}}})
