"""The section of the report about artist groups."""

from __future__ import annotations

import types

from essentia_ldl.report.groups import N_GROUPS, draw_groups
from essentia_ldl.report.results import CROSSVAL, TRAIN


def make_group(name: str, share: float = 0.5) -> dict:
    words = [("Dub <b>", 0.9), ("cluster 7", 0.3), ("faint", 0.01)]
    words = [{"name": word, "weight": weight} for word, weight in words]
    return {"name": name, "share": share, "artists": [{"name": "A & B", "weight": 0.8}], "words": words}


def make_page(reports: dict, kind: str = TRAIN) -> types.SimpleNamespace:
    return types.SimpleNamespace(results=types.SimpleNamespace(reports=reports, kind=kind))


def make_report(n_groups: int = 2, silent: tuple[str, ...] = ()) -> dict:
    groups = [make_group(f"s{number:02d}") for number in range(n_groups)]
    counts = {"n_artists": 9, "n_words": 20, "n_words_used": 17, "artists_without_words": list(silent)}
    return {"source": "none+agf-s", "targets": {"g": {}, "s": {**counts, "groups": groups}}}


def test_groups_have_their_artists_and_the_words_that_stand_out():
    html = draw_groups(make_page({"none+agf-s": [make_report(silent=("Mute",))]}))
    assert "s: sub-genres" in html
    assert "9 artists, 17 words in use; 1 artists without words: Mute" in html
    assert "A &amp; B" in html
    assert "Dub &lt;b&gt;, 7<" in html  # escaped, clusters by their number
    assert "faint" not in html  # below an even share of 20 words
    assert "the training tracks." in html


def test_many_groups_are_cut_and_counted():
    html = draw_groups(make_page({"x": [make_report(N_GROUPS + 3)]}, CROSSVAL))
    assert html.count("<tr><th") == N_GROUPS + 1
    assert "3 more groups are smaller" in html
    assert "first fold" in html


def test_rows_of_a_cross_validation_are_told_apart_and_others_have_no_section():
    html = draw_groups(make_page({"none": [{"source": "none"}], "agf": [make_report()]}, CROSSVAL))
    assert "agf, s: sub-genres" in html
    assert draw_groups(make_page({"none": [{"source": "none"}], "sb": []})) == ""
