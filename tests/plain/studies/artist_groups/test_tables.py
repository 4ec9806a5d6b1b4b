"""Trainings on artist groups beside the paper's tables: the right values at the right places, in 100 columns."""

from __future__ import annotations

import csv
import sys

import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.studies.artist_groups import tables
from essentia_ldl.studies.artist_groups.paper import FIGURE_3, NOTES


def find_line(lines, title, name):
    start = next(i for i, line in enumerate(lines) if line.startswith(title))
    return next(line for line in lines[start:] if line.split("  ")[0] == name)


def test_what_the_paper_measured_stands_beside_itself(make_rows):
    lines = tables.describe(make_rows())
    assert find_line(lines, "Table 4", "gmdes").split() == [
        "gmdes",
        *("0.7894|0.7894", "0.6599|0.6599", "0.7727|0.7727", "0.6571|0.6571"),
    ]
    assert find_line(lines, "Table 4", "g").split() == ["g", "0.8891|0.8891", "0.5963|0.5963", "-|-", "-|-"]
    for title in ("Table 3", "Figure 3"):
        start = next(i for i, line in enumerate(lines) if line.startswith(title))
        for line in lines[start + 2 : start + 6]:
            pairs = [word.split("|") for word in line.split() if "|" in word]
            assert len(pairs) == 4
            assert all(ours == paper for ours, paper in pairs)
    assert find_line(lines, "Table 3", "with g").split()[2:] == [
        *("0.8540|0.8540", "0.6154|0.6154", "16", "of", "16", "0.8486|0.8486", "0.6155|0.6155", "15", "of", "15")
    ]
    assert find_line(lines, "Figure 3", "3").split()[1] == f"{FIGURE_3['separate', 3].log_loss:.4f}|0.8901"


def test_table_5_shows_the_best_of_each_size_and_marks_the_papers_errors(make_rows):
    lines = tables.describe(make_rows())
    assert find_line(lines, "Table 5: log loss", "5").split() == [
        *("5", "0.8290|0.8290", "0.7894|0.7893a", "gmdes", "0.7727|0.7727", "gmdes")
    ]
    assert find_line(lines, "Table 5: macro F1", "4").split() == [
        *("4", "0.6451|0.6451", "0.6379|0.6352b", "gmds", "0.6328|0.6328", "gdes")
    ]
    assert "0.6629|0.6629c" in find_line(lines, "Table 5: macro F1", "3")
    assert find_line(lines, "Table 5: parameters", "3").split() == ["3", "3,000", "3,000", "3,000"]
    assert "a: Table 4 has .7894" in lines


@pytest.mark.parametrize("n_seeds", [1, 5])
@pytest.mark.parametrize("shift", [0.0, 10.0])
def test_no_line_is_wider_than_100_columns(n_seeds, shift, make_rows):
    lines = tables.describe(make_rows(n_seeds, splits=("stratified", "artist"), shift=shift), is_demo=True)
    assert max(map(len, lines)) <= 100
    assert sum(line.startswith("Table 4") for line in lines) == 2


def test_several_seeds_have_a_deviation_and_a_comparison(make_rows):
    rows = make_rows(3, ("g", "m", "gs"), wide=False)
    lines = tables.describe(rows)
    assert find_line(lines, "Table 4", "gs").split()[1] == "0.8806±0.0200|0.8606"
    compared = find_line(lines, "Differences", "STN gs")
    assert compared.startswith("STN gs  -.018 [-.049, +.012]")  # t 4.303, deviation .01, (1 / 3 + 30 / 170) ** .5
    assert any("corrected resampled t-test" in line for line in lines)
    assert any("30 test tracks" in line and "seeds 0, 1, 2" in line for line in lines)
    assert not any(line.startswith("STN m") for line in lines)  # the question is of sets with g
    assert not any(line.startswith("Differences") for line in tables.describe(make_rows(1)))


def test_one_split_for_all_seeds_is_said(make_rows):
    lines = tables.describe([row | {"redrawn": False} for row in make_rows(3, ("g", "gs"))])
    assert any(line.startswith("all seeds have the same split: paired t-test") for line in lines)


def test_what_was_not_measured_is_left_out_or_a_dash(make_rows):
    lines = tables.describe(make_rows(1, ("g", "gm"), wide=False))
    table = lines[lines.index("Table 4: sets of targets") :]
    assert [line.split()[0] for line in table[2:4]] == ["g", "gm"]
    assert "29 of the 31 sets of targets are not measured; agf.md has them all" in table
    assert find_line(lines, "Table 3", "without g").split()[2] == "-|1.0079"
    assert find_line(lines, "Table 5: log loss", "4").split() == ["4", "-|0.8278", "-|0.8211", "-|0.8132"]
    # averages of few sets stand beside the paper's of the same few
    assert find_line(lines, "Table 3", "with g").split()[2] == "0.8882|0.8882"


def test_without_any_training_the_papers_tables_are_shown():
    lines = tables.describe([])
    assert "nothing measured yet" in lines
    assert find_line(lines, "Table 4", "mde").split()[1:] == ["-|1.0359", "-|0.4879", "-|1.0365", "-|0.4675"]


def test_a_demo_says_that_its_numbers_are_of_other_music(make_rows):
    head = " ".join(tables.describe(make_rows(), is_demo=True)[:4])
    assert "demo, synthesised music" in head
    assert "FMA medium" in head
    assert "these are not: compare directions, not values" in head
    assert "demo" not in " ".join(tables.describe(make_rows())[:4])


def test_the_files_hold_every_cell_of_the_paper(tmp_path, make_rows):
    written = tables.write_files(tmp_path / "run", make_rows(3, ("g", "m", "gmdes"), wide=False), is_demo=True)
    assert written[:2] == [tmp_path / "run" / "agf.md", tmp_path / "run" / "agf.csv"]
    with open(written[1], encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 57 + 4
    found = {(row["networks"], row["targets"], row["n"]): row for row in rows}
    best = found["shared", "gmdes", "5"]
    assert (best["seeds"], best["n_test"], best["parameters"]) == ("0 1 2", "30", "5000")
    assert float(best["log_loss"]) == pytest.approx(0.7727 + 0.05)
    assert float(best["log_loss_deviation"]) == pytest.approx(0.05)
    assert float(best["log_loss_paper"]) == 0.7727
    assert float(best["log_loss_difference"]) == pytest.approx(0.7727 - 0.8891 + 0.04)
    assert float(best["log_loss_low"]) < float(best["log_loss_difference"]) < float(best["log_loss_high"])
    assert float(best["log_loss_p_holm"]) >= float(best["log_loss_p"])
    assert (found["separate", "gs", "2"]["log_loss"], found["separate", "gs", "2"]["macro_f1_paper"]) == ("", "0.6114")
    text = written[0].read_text(encoding="utf-8")
    assert "| gmdes | 0.8394±0.0500 / 0.7894 |" in text
    assert "| es | - / 0.9124 |" in text
    assert "| STN m |" in text  # the terminal has those with g only
    assert all(note in text for note in NOTES)
    assert "synthesised" in text


def test_the_rows_of_a_markdown_table_have_as_many_cells_as_its_head(tmp_path, monkeypatch, make_rows):
    monkeypatch.setattr(tables, "draw_figure", lambda *_: None)
    tables.write_files(tmp_path, make_rows(3, splits=("stratified", "artist")))
    n_cells = 0
    for line in (tmp_path / "agf.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            n_cells = n_cells or line.count("|")
            assert line.count("|") == n_cells
        else:
            n_cells = 0


@pytest.mark.slow
def test_the_picture_is_a_png(tmp_path, make_rows):
    pytest.importorskip("matplotlib")
    written = tables.write_files(tmp_path, make_rows(2, splits=("stratified", "artist")))
    assert written[2] == tmp_path / "figure3.png"
    two = written[2].read_bytes()
    assert two.startswith(b"\x89PNG")
    tables.write_files(tmp_path, make_rows(1))
    height = [int.from_bytes(data[20:24], "big") for data in (written[2].read_bytes(), two)]
    assert height[0] < height[1]  # a row of pictures a split


def test_without_matplotlib_a_sentence_stands_for_the_picture(tmp_path, monkeypatch, make_rows):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    written = tables.write_files(tmp_path, make_rows())
    assert written[2] == (
        f"figure 3: expected matplotlib; got 'not installed' ({tmp_path / 'figure3.png'}). "
        "Install it: pip install 'essentia-ldl[plots]'."
    )
    assert {path.name for path in tmp_path.iterdir()} == {"agf.md", "agf.csv"}


def test_a_wrong_row_writes_nothing(tmp_path, make_rows):
    with pytest.raises(DataError, match="networks: expected one of"):
        tables.write_files(tmp_path, [make_rows()[0] | {"networks": "both"}])
    assert list(tmp_path.iterdir()) == []
