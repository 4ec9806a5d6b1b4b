"""What `covers` shows: a line per system, with intervals, and who was left out."""

from __future__ import annotations

from pathlib import Path

from essentia_ldl.cli.text.covers import describe_covers
from essentia_ldl.studies.covers.command import Covered


def make_row(score: float, interval: list[float] | None) -> dict:
    intervals = dict.fromkeys(("balanced_accuracy", "accuracy", "gain"), interval)
    return {"balanced_accuracy": score, "accuracy": score, "gain": score - 0.5, "intervals": intervals}


def make(**changes: object) -> Covered:
    systems = {"audio": make_row(0.5, [0.4, 0.6]), "all": make_row(0.75, None)}
    numbers = {"n_tracks": 8, "n_artists": 4, "n_without_artist": 0, "n_folds": 2, "demo": False}
    return Covered(Path("run"), {"kind": "single_label", "systems": systems, **numbers, **changes}, (), ("a-1",))


def test_every_system_has_a_line_and_the_first_gains_nothing_on_itself():
    heading, audio, everything, told, *files = describe_covers(make())
    assert heading.split() == ["balanced", "accuracy", "accuracy", "less", "audio"]
    assert audio.split("  ")[0] == "audio"
    assert audio.endswith("0.500 [0.400, 0.600]")
    assert everything.split() == ["all", "0.750", "0.750", "+0.250"]
    assert told == "8 tracks with pictures, 2 folds of whole artists, 4 in all; intervals of 95 %"
    assert files == ["run/covers.json", "graphs/a-1.pb"]


def test_unknown_artists_and_a_demo_are_told():
    told = describe_covers(make(n_without_artist=3, demo=True))[3]
    assert "NOT grouped by artist: 3 tracks have none" in told
    assert told.endswith("a demo, which shows that the installation works")


def test_tags_have_their_own_measures():
    rows = {"audio": {"roc_auc": 0.8, "pr_auc": 0.4, "intervals": {"roc_auc": [0.7, 0.9], "pr_auc": None}}}
    heading, audio, *_ = describe_covers(make(kind="multi_label", systems=rows))
    assert heading.split() == ["ROC-AUC", "PR-AUC"]
    assert audio.split() == ["audio", "0.800", "[0.700,", "0.900]", "0.400"]
