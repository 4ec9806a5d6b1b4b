"""Figure 3: what is averaged, and that every set of networks has its line."""

from __future__ import annotations

import sys

import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.studies.artist_groups import figure
from essentia_ldl.studies.artist_groups.comparison import collect
from essentia_ldl.studies.artist_groups.figure import average_sizes, draw_figure
from essentia_ldl.studies.artist_groups.paper import FIGURE_3, TABLE_5, Score


def test_the_averages_of_the_figure_are_those_of_the_same_sets(make_rows):
    (measured,) = collect(make_rows()).values()
    ours, paper = figure.compare_sizes(measured)
    assert ours == paper == {**FIGURE_3, **{key: score for key, score in TABLE_5.items() if key[0] == "wide"}}
    assert figure.compare_sizes({}) == ({}, paper)
    (measured,) = collect(make_rows(1, ("g", "gm", "gs"), wide=False)).values()
    ours, paper = figure.compare_sizes(measured)
    assert set(paper) == {("separate", 1), ("separate", 2), ("shared", 2)}
    assert ours == paper
    assert paper["separate", 2].log_loss == pytest.approx((0.8606 + 0.8874) / 2)


def test_only_what_is_chosen_and_measured_is_averaged():
    values = {("separate", "g"): Score(1.0, 0.2), ("separate", "m"): Score(2.0, 0.4), ("shared", "gm"): Score(3.0, 0.6)}
    found = average_sizes(values, {3: Score(9.0, 0.9)}, {"separate": ["g", "m", "d"], "shared": ["gs"]})
    assert found == {("wide", 3): Score(9.0, 0.9), ("separate", 1): Score(1.5, pytest.approx(0.3))}


def test_lines_are_those_of_the_measured_networks_and_of_the_paper(tmp_path, monkeypatch, make_rows):
    matplotlib = pytest.importorskip("matplotlib.figure")
    drawn = []
    save = matplotlib.Figure.savefig
    monkeypatch.setattr(matplotlib.Figure, "savefig", lambda self, *a, **k: (drawn.append(self), save(self, *a, **k)))
    draw_figure(tmp_path / "a.png", collect(make_rows(1, ("g", "gm"), shift=0.5)), "demo")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    (picture,) = drawn
    left, right = picture.axes
    lines = {line.get_label(): line for line in left.lines}
    assert set(lines) == {
        f"{name}, {who}" for name in ("STN", "MTN", "wSTN") for who in ("measured", "paper, same sets")
    }
    assert lines["STN, measured"].get_xdata().tolist() == [1, 2]
    assert lines["STN, measured"].get_ydata()[0] == pytest.approx(0.8891 + 0.5)
    assert lines["STN, paper, same sets"].get_ydata()[0] == pytest.approx(0.8891)
    assert lines["wSTN, measured"].get_xdata().tolist() == [2, 3, 4, 5]
    assert (left.get_ylabel(), right.get_ylabel()) == ("log loss", "macro F1")
    assert left.get_title(loc="left") == "stratified split"


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(DataError, match=r"figure 3: expected matplotlib.*essentia-ldl\[plots\]"):
        draw_figure(tmp_path / "a.png", {"": {}})
    assert not (tmp_path / "a.png").exists()
