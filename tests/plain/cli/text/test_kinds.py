"""What the terminal says of tags and numbers."""

from __future__ import annotations

from essentia_ldl.cli.text.kinds import describe_evaluated, describe_rows, describe_score, describe_sides

SCORE = {
    "n_tracks": 40,
    "roc_auc": 0.81,
    "pr_auc": 0.5,
    "f1": None,
    "instance_f": 0.4,
    "by_class": {"rock": {"roc_auc": 0.9}, "rare": {"roc_auc": None}},
    "intervals": {"roc_auc": [0.7, 0.9]},
}
NUMBERS = {
    "n_tracks": 12,
    "r2": 0.31,
    "pearson": 0.6,
    "ccc": None,
    "mae": 0.123456,
    "rmse": 0.2,
    "coverage": 0.875,
    "by_class": {"valence": {"r2": 0.31}},
    "intervals": {"r2": None},
}


def test_a_score_has_its_interval_and_each_tag_that_is_known():
    assert describe_score("multi_label", SCORE, "on 40 test tracks") == [
        "ROC-AUC 0.81, PR-AUC 0.50, instance-based F 0.40 (ROC-AUC 95 % 0.70 to 0.90) on 40 test tracks",
        "  ROC-AUC: rock 0.90",
    ]
    assert describe_score("regression", NUMBERS, "here") == [
        "R2 0.31, Pearson 0.60, MAE 0.123, RMSE 0.2 here",
        "  the intervals hold 88% of these tracks",
        "  R2: valence 0.31",
    ]


def test_sides_say_who_chose():
    lines = describe_sides({"kind": "regression", "valid": NUMBERS, "test": NUMBERS})
    assert lines[0].endswith("on 12 validation tracks (they chose epoch and thresholds, so on the high side)")
    assert lines[3].endswith("on 12 test tracks")
    told = {**SCORE, "grouped_by_artist": False, "n_folds": 5, "choice": {}, "warnings": ["w"], "findings": ["f"]}
    lines = describe_sides({"kind": "multi_label", "crossval": told})
    assert "neither fit nor choice has seen (5 folds, NOT grouped by artist)" in lines[0]
    assert lines[2:] == ["note: w", "finding: f"]


def test_a_cross_validation_is_a_table():
    row = {"roc_auc_mean": 0.8, "roc_auc_std": 0.05, "roc_auc_pooled": 0.79, "pooled": [SCORE]}
    scores = {
        "kind": "multi_label",
        "task": "tags",
        "n_folds": 5,
        "n_repeats": 1,
        "grouped_by_artist": True,
        "warnings": [],
        "n_tracks": 40,
        "seeds": [0],
        "sources": {"none": row},
        "comparisons": [{"name": "sa", "against": "none", "difference": 0.01, "corrected": {"p": 0.5}}],
        "findings": [],
    }
    lines = describe_rows(scores)
    assert lines[0] == "tags: 5 folds, grouped by artist"
    assert lines[3] == "none      0.800 +- 0.050      0.790"
    assert lines[-1] == "sa against none: +0.010, p 0.500 (corrected t-test)"
    told = describe_rows({**scores, "baselines": {"mfcc-svm": scores["sources"]["none"]}})
    assert told[told.index("baselines, on the same folds:") + 1] == "mfcc-svm  0.800 +- 0.050      0.790"


def test_tracks_that_trained_are_warned_of():
    known = {"kind": "multi_label", "model": "m", "data": "d", "n_failed": 1}
    lines = describe_evaluated({**SCORE, **known, "n_seen_in_training": 3})
    assert lines[0] == "m on d: 40 tracks, 1 failed"
    assert lines[1] == "WARNING: the model was made with 3 of these tracks: scores too high"
