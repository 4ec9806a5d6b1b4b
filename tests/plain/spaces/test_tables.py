"""Tables of measures: text, Markdown and JSON, and what the paper has beside it."""

from __future__ import annotations

import json
from pathlib import Path

from essentia_ldl.spaces.evaluate import MeasuredEmbeddings
from essentia_ldl.spaces.measure import MeanScore, Standing
from essentia_ldl.spaces.paper import PUBLISHED
from essentia_ldl.spaces.tables import list_cells, list_published, write_json, write_markdown, write_text

SCORES = {
    "map": MeanScore(0.5, (0.4, 0.6), 9, 1),
    "precision": MeanScore(1.0, None, 9, 1),
    "knn": MeanScore(0.7, None, 10, 0),
}
ROWS = (Standing("m", "artist", False, {"map": SCORES["map"]}), Standing("m", "genre", False, SCORES))
DONE = MeasuredEmbeddings("data", 10, 4, 5, ROWS, (Path("a.png"),), ())


def test_cells_are_those_of_the_rows():
    head, artist, genre = list_cells(DONE)
    assert head == ["model", "by", "artist filter", "asked", "MAP", "P@5", "k-NN", "softmax"]
    assert artist == ["m", "artist", "off", "9 of 10", ".500 [.400, .600]", "-", "-", "-"]
    assert genre[4:] == [".500 [.400, .600]", "1.000", ".700", "-"]


def test_lines_are_aligned_or_markdown():
    text, markdown = write_text([["a", "b"], ["long", "c"]]), write_markdown([["a|", "b"], ["c", "d"]])
    assert text == ["a     b", "long  c"]
    assert markdown == ["| a\\| | b |", "| --- | --- |", "| c | d |"]


def test_json_holds_everything():
    found = json.loads(write_json(DONE))
    assert found["rows"][1]["scores"]["map"] == {"value": 0.5, "interval": [0.4, 0.6], "n_asked": 9, "n_without": 1}
    assert found["pictures"] == ["a.png"]


def test_what_was_measured_by_genre_stands_beside_the_paper():
    cells = list_published(DONE)
    assert cells[0][2:] == ["artist labels, basic", "artist labels, siamese", "tag labels", "m by genre"]
    assert cells[1] == ["1: MAP", "GTZAN (fault-filtered)", ".497", ".551", ".551", "-"]
    assert cells[4] == ["1: MAP", "this one", "-", "-", "-", ".500"]
    assert len(cells) == 1 + sum(len(rows) + 1 for rows in PUBLISHED.values())
