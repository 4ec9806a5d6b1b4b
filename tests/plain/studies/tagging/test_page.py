"""The page of a benchmark: all that was measured is on it, and it asks for nothing."""

from __future__ import annotations

import re

import pytest

from essentia_ldl.studies.tagging.grid import NETWORKS
from essentia_ldl.studies.tagging.page import write_page
from essentia_ldl.studies.tagging.results import compare


@pytest.fixture
def text(found, tmp_path):
    return write_page(tmp_path, found, {}).read_text("utf-8")


def test_every_network_and_score_is_on_it(found, text):
    for name, row in found["networks"].items():
        assert NETWORKS[name].replace("&", "&amp;") in text
        assert f"{row['scores']['roc_auc']:.3f}" in text
    assert text.count('<svg class="picture') == 2 + 2, "two of costs, and one per kind of change that was asked"
    assert "-0.100" in text
    assert "every layer 0.125 times as wide" in text


def test_it_is_one_file_without_links_out(text):
    assert not re.findall(r'(?:src|href)="(?!#)', text)
    assert "default-src 'none'" in text


def test_the_best_of_a_column_is_bold(found, text):
    best = max(row["scores"]["roc_auc"] for row in found["networks"].values())
    assert f"<b>{best:.3f}</b>" in text


def test_every_network_has_its_intervals_and_all_but_the_best_how_far_it_is_behind(found, text):
    for row in found["networks"].values():
        low, high = row["intervals"]["roc_auc"]
        assert f"<td>[{low:.3f}, {high:.3f}]</td>" in text
    assert text.count("<td>[-0.200, +0.010]</td>") == len(found["networks"]) - 1
    assert "the 6 artists that test" in text
    assert "they are too narrow" in text


def test_differences_and_what_was_left_out_are_told(found, tmp_path):
    found["left_out"] = {"fcn": "it hears 29.0 s at once, and the tracks have 10.0 s"}
    del found["networks"]["fcn"]
    text = write_page(tmp_path, found, compare(found, found)).read_text("utf-8")
    assert "FCN is left out: it hears 29.0 s at once" in text
    assert "Against another run" in text
    assert "+0.000" in text


def test_before_the_first_network_is_measured_it_says_so(found, tmp_path):
    text = write_page(tmp_path, {**found, "networks": {}}, {}).read_text("utf-8")
    assert "Nothing is measured yet." in text


def test_a_tag_may_have_no_score(found, tmp_path):
    found["networks"]["fcn"]["by_tag"]["busy"]["roc_auc"] = None
    assert "<td>–</td>" in write_page(tmp_path, found, {}).read_text("utf-8")
