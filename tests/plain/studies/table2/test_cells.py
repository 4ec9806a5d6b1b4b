"""The book of table 2: what is noted holds as long as recipe, data and scores are those that were measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl.files import write_json
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.studies.table2.cells import Book, CellGroup, list_digests
from essentia_ldl.studies.table2.paper import Cell


@pytest.fixture
def make_book(tmp_path):
    """Return the function that opens the book of a run."""
    return lambda: Book(tmp_path / "runs" / "table2", tmp_path)


@pytest.fixture
def scores(tmp_path):
    """Scores of a cross-validation with the sources none and sa."""
    path = tmp_path / "runs" / "mood-sad" / "scores.json"
    row = {"balanced_accuracy_mean": 0.7, "balanced_accuracy_std": 0.05}
    write_json(path, {"n_tracks": 6, "sources": {"none": row, "sa": row}, "comparisons": []})
    return path


def make_group(**digests):
    recipe = Recipe("mood-sad", ("non_sad", "sad"))
    return CellGroup("mood-sad", "vgg", "pretrained", recipe, Path("sad"), 6, digests or {"5f": "one"})


def test_a_group_has_its_names():
    group = make_group()
    assert (group.key, group.training) == ("mood-sad/vgg/pretrained", f"vgg:{group.recipe.network.fine_tune}")
    assert list_digests([group, make_group(**{"5f": "two", "ext": "e"})]) == {
        "mood-sad/vgg/pretrained/5f": "two",
        "mood-sad/vgg/pretrained/ext": "e",
    }


def test_what_is_noted_is_found_by_another_book_of_the_run(make_book, scores):
    group, book = make_group(), make_book()
    assert book.measured(group, "5f") == []
    book.note(group, "5f", "sa", scores)
    book.note(group, "5f", "none", scores)
    again = make_book()
    assert again.rows == book.rows
    assert again.measured(group, "5f") == ["none", "sa"], "in the order of the paper"
    assert again.measured(group, "ext") == []
    cells = again.cells(list_digests([group]))
    assert set(cells) == {Cell("vgg", "mood-sad", "pretrained", "5f", source) for source in ("none", "sa")}
    assert {cell["scores"] for cell in cells.values()} == {"runs/mood-sad/scores.json"}, "so that the home may be moved"


def test_other_data_empties_the_row_and_rows_that_cannot_be_compared_stay(make_book, scores):
    group, book = make_group(), make_book()
    book.note(group, "5f", "none", scores)
    other = make_group(**{"5f": "two"})
    assert book.measured(other, "5f") == []
    assert book.cells(list_digests([other])) == {}
    assert len(book.cells({})) == 1
    book.note(other, "5f", "sa", scores)
    assert book.measured(other, "5f") == ["sa"]
    assert book.measured(group, "5f") == []


def test_scores_outside_the_home_keep_their_path(make_book, tmp_path_factory):
    path = tmp_path_factory.mktemp("elsewhere") / "scores.json"
    write_json(path, {"balanced_accuracy": 0.6, "n_tracks": 3})
    group, book = make_group(**{"5f": "one", "ext": "two"}), make_book()
    book.note(group, "ext", "none", path)
    (cell,) = book.cells({}).values()
    assert (cell["measured"], cell["scores"]) == (0.6, str(path))


@pytest.mark.parametrize("text", ["[]", "{", "null", '{"a/b/c/5f": 3}', '{"a/b": {"digest": "x", "scores": {}}}'])
def test_a_damaged_book_is_empty(make_book, text):
    path = make_book().path
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert make_book().rows == {}


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {"n_tracks": 6},
        {"n_tracks": 6, "sources": {"none": {"balanced_accuracy_mean": "x"}}, "comparisons": []},
    ],
)
def test_scores_that_are_gone_or_hold_no_numbers_are_no_cell(make_book, scores, content):
    group, book = make_group(), make_book()
    book.note(group, "5f", "none", scores)
    scores.unlink() if content is None else write_json(scores, content)
    assert book.measured(group, "5f") == []
    assert book.cells({}) == {}
