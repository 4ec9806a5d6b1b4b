"""What the sections of the report are made of: tables, bars and matrices hold the numbers they are given."""

from __future__ import annotations

import re
import types

import numpy as np
import pytest

from essentia_ldl.records import Track
from essentia_ldl.report.doubts import Doubts, Judged
from essentia_ldl.report.page import Page, bar, draw_matrix, figure, percent, table


@pytest.mark.parametrize(("value", "words"), [(None, "–"), (0, "0 %"), (0.124, "12 %"), (1.0, "100 %")])
def test_a_share_is_written_as_percent(value, words):
    assert percent(value) == words


def test_a_table_has_a_named_row_per_row_and_scrolls(check):
    html = table(["class", "tracks"], [["sad", "3"], ["non_sad", "<b>4</b>"]], "bars")
    checker = check(html)
    assert (checker.tags.count("tr"), checker.tags.count("th"), checker.tags.count("td")) == (3, 4, 2)
    assert html.startswith('<div class="scroll"')
    assert '<table class="bars">' in html
    assert '<th scope="row">non_sad</th><td><b>4</b></td>' in html  # cells are HTML
    assert check(table(["class"], [])).tags.count("tr") == 1


def test_a_bar_is_as_long_as_its_share():
    assert "--s:0.2500" in bar(0.25, "25 %")
    assert "25 %</b>" in bar(0.25, "25 %")
    assert "--s:0.0000" in bar(None, "–")
    assert figure("<svg></svg>", "a <b>run</b>") == (
        "<figure><svg></svg><figcaption>a <b>run</b></figcaption></figure>"
    )


def test_a_matrix_shades_by_the_share_of_the_row_and_marks_what_is_wrong(check):
    matrix = np.array([[6, 2], [0, 5]])
    html = draw_matrix(matrix, ("non_sad", "a <b>"), "validation")
    check(html)
    cells = re.findall(r'<td title="([^"]*)"><span class="([^"]*)" style="--s:([0-9.]+)">(\d*)</span>', html)
    assert [(kind, float(share), said) for _, kind, share, said in cells] == [
        ("cell deep", 0.75, "6"),
        ("cell off", 0.25, "2"),
        ("cell off", 0.0, ""),
        ("cell deep", 1.0, "5"),
    ]
    assert cells[1][0] == "non_sad taken for a &lt;b&gt;: 2 (25 %)"
    assert "many" not in html
    assert "<b>" not in html


def test_a_matrix_of_many_classes_is_told_apart_and_an_empty_row_has_no_shade():
    classes = [str(n) for n in range(5)]
    html = draw_matrix(np.zeros((5, 5)), classes, "none", ".0f")
    assert 'class="matrix many"' in html
    assert html.count("--s:0.0000") == 25
    assert draw_matrix(np.full((2, 2), 12.4), ("a", "b"), "mass", ".0f").count(">12</span>") == 4


def test_the_page_lists_the_doubtful_tracks_that_nobody_has_judged_yet():
    rows = [
        Judged(Track(name, "", "a"), opinions, (), 0.5, "a", correction)
        for name, opinions, correction in (
            ("1", {"model": np.ones(1)}, ""),
            ("2", {}, ""),
            ("3", {"model": np.ones(1)}, "drop"),
            ("4", {"model": np.ones(1)}, ""),
            ("5", {"model": np.ones(1)}, ""),
        )
    ]
    doubts = Doubts(tuple(rows), None, "", ())
    page = Page(types.SimpleNamespace(), doubts, (), {}, 2, ())
    assert [row.track.id for row in page.listed] == ["1", "4"]
    assert not page.is_portable
