"""Targets in word space: near words have near targets, and what has no vector has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.errors import DataError, RecipeError
from essentia_ldl.labels import word_embedding
from essentia_ldl.labels.word_embedding import ANCHORS, PRESETS
from essentia_ldl.records import Track
from essentia_ldl.tags import TAGS

VECTORS = Path(__file__).with_name("vectors.txt")
KNOWN = ("rock", "jazz", "hip-hop", "sad")


def build_track(words, name="t"):
    return Track(name, f"/{name}", "any", columns={"genre": words})


@pytest.fixture
def fit():
    """A function (words of a track, ...) -> the fitted source."""

    def fit_source(*told, **settings):
        source = word_embedding.build((), None, {"vectors": str(VECTORS), **settings})
        return source.fit([build_track(words, f"t{i}") for i, words in enumerate(told)])

    return fit_source


def test_the_columns_are_the_tags_of_the_networks(fit):
    assert tuple(tag.lower() for tag in TAGS["msd"]) == ANCHORS
    assert fit("rock").classes == tuple(f"word {tag}" for tag in ANCHORS)


def test_a_row_is_the_softmax_of_cosines(fit):
    row = dict(zip(ANCHORS, fit("dub")([build_track("dub; Ska")]).distributions[0], strict=True))
    vectors = {line.split()[0]: np.array(line.split()[1:], float) for line in VECTORS.read_text().splitlines()}
    units = {word: vector / np.linalg.norm(vector) for word, vector in vectors.items()}
    units["hip-hop"] = (units["hip"] + units["hop"]) / np.linalg.norm(units["hip"] + units["hop"])
    place = (units["dub"] + units["ska"]) / np.linalg.norm(units["dub"] + units["ska"])
    expected = np.exp([units[tag] @ place / 0.1 for tag in KNOWN])
    assert [row[tag] for tag in KNOWN] == pytest.approx(expected / expected.sum(), rel=1e-5)
    assert sum(row[tag] for tag in KNOWN) == pytest.approx(1)
    assert row["rock"] > 0.5 > row["jazz"]


def test_a_lower_temperature_is_sharper(fit):
    rows = [fit("dub", temperature=value)([build_track("dub")]).distributions[0].max() for value in (0.05, 0.1, 1.0)]
    assert rows == sorted(rows, reverse=True)


def test_words_without_a_vector_are_told(fit):
    source = fit("dub", "polka", "polka;ska")
    assert source.report["n_words"] == 2
    assert source.report["without_vector"] == ["polka"]
    assert source.report["tracks_without_target"] == 1
    assert set(source.report["tags_without_vector"]) == set(ANCHORS) - {*KNOWN}
    assert [source.covers(build_track(words)) for words in ("polka", "", "jazz", "polka|jazz")] == [0, 0, 1, 1]
    uniform = source([build_track("polka")]).distributions[0]
    assert uniform == pytest.approx(np.full(50, 1 / 50))


def test_what_cannot_be_a_target_is_told(fit, tmp_path):
    with pytest.raises(DataError, match=r"word vectors: expected a file; got 'none'.*labels\.word_embedding\.vectors"):
        fit("dub", vectors="")
    with pytest.raises(DataError, match="a word in the column 'style'; got 'none; the columns are genre'"):
        fit("dub", column="style")
    with pytest.raises(DataError, match="got 'no column'"):
        word_embedding.build((), None, {"vectors": "x"}).check([Track("t", "/t", "a")])
    with pytest.raises(DataError, match="vectors of words of the tracks and of tags; got '0 and 4'"):
        fit("polka")
    (tmp_path / "few.txt").write_text("dub 1 2\n")
    with pytest.raises(DataError, match="got '1 and 0'"):
        fit("dub", vectors=str(tmp_path / "few.txt"))
    with pytest.raises(DataError, match="fit before use"):
        word_embedding.build((), None, {"vectors": str(VECTORS)})([build_track("dub")])


@pytest.mark.parametrize("change", [{"temperature": 0.0}, {"temperature": float("inf")}, {"column": ""}])
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(RecipeError, match=r"labels\.word_embedding"):
        word_embedding.build((), None, {**PRESETS["word_embedding"], **change})
