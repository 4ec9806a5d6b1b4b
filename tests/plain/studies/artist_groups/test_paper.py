"""The tables of the paper on artist group factors as they are kept: complete, and the same numbers as in print."""

from __future__ import annotations

import itertools

import pytest

from essentia_ldl.studies.artist_groups import paper
from essentia_ldl.studies.artist_groups.paper import COMBINATIONS, FIGURE_3, LETTERS, TABLE_3, TABLE_4, TABLE_5, Score

# Sums of the columns of the paper's text.
SUMS = {"separate": (31, 28.7832, 17.2447), "shared": (26, 23.3096, 14.9179)}
# Values that two tables print, or one from the other, differ by no more than their last digit.
DIGIT = 1.01e-4


@pytest.mark.parametrize("networks", SUMS)
def test_the_columns_of_table_4_have_the_sums_of_the_print(networks):
    values = [score for (name, _), score in TABLE_4.items() if name == networks]
    n, log_loss, macro_f1 = SUMS[networks]
    assert len(values) == n
    assert sum(score.log_loss for score in values) == pytest.approx(log_loss)
    assert sum(score.macro_f1 for score in values) == pytest.approx(macro_f1)


def test_all_31_sets_of_targets_are_there_once_in_our_order():
    sets = {"".join(chosen) for n in range(1, 6) for chosen in itertools.combinations(LETTERS, n)}
    assert set(COMBINATIONS) == sets
    assert len(COMBINATIONS) == 31
    assert COMBINATIONS[:7] == ("g", "m", "d", "e", "s", "gs", "ge")
    assert {targets for networks, targets in TABLE_4 if networks == "shared"} == {t for t in sets if len(t) > 1}


@pytest.mark.parametrize(("networks", "has_genre"), TABLE_3)
def test_table_3_is_the_average_of_table_4(networks, has_genre):
    """This also proves that the columns, which came out of the pdf one after the other, were put together rightly."""
    average = paper.average_scores(TABLE_4, networks, paper.list_sets(has_genre))
    assert average == pytest.approx(TABLE_3[networks, has_genre], abs=DIGIT)


@pytest.mark.parametrize("networks", ["separate", "shared"])
@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_table_5_is_the_best_of_table_4_but_for_the_marked_values(networks, n):
    for metric in Score._fields:
        best = TABLE_4[networks, paper.find_best(TABLE_4, networks, n, metric)]
        same = getattr(best, metric) == getattr(TABLE_5[networks, n], metric)
        assert same == ((networks, n, metric) not in paper.MARKS)


def test_the_marked_values_are_what_their_reasons_say():
    assert set(paper.MARKS.values()) == set(paper.REASONS)
    assert TABLE_5["separate", 5].log_loss == pytest.approx(TABLE_4["separate", "gmdes"].log_loss, abs=DIGIT)
    assert TABLE_5["separate", 4].log_loss == TABLE_4["separate", "gdes"].log_loss
    assert TABLE_5["separate", 4].macro_f1 == TABLE_4["separate", "gmes"].macro_f1
    assert paper.find_best(TABLE_4, "separate", 4, "macro_f1") == "gmds"
    assert TABLE_4["separate", "gmds"].macro_f1 == 0.6379
    others = [s.macro_f1 for key, s in (TABLE_4 | TABLE_5).items() if key != ("wide", 3)]
    assert TABLE_5["wide", 3].macro_f1 > max(others)


def test_what_the_notes_say_of_the_same_combinations_is_so():
    """Table 3 sets 15 and 16 combinations of STN against 11 and 15 of MTN."""
    for has_genre, expected in ((False, (0.9677, 0.5253)), (True, (0.8517, 0.6166))):
        both = paper.list_sets(has_genre, at_least=2)
        separate = paper.average_scores(TABLE_4, "separate", both)
        assert separate == pytest.approx(expected, abs=DIGIT)
        assert separate.macro_f1 > TABLE_3["shared", has_genre].macro_f1 > TABLE_3["separate", has_genre].macro_f1
        assert all(f"{value:.4f}".lstrip("0") in paper.NOTES[0] for value in separate)


def test_what_the_notes_say_of_g_alone_is_so():
    alone = TABLE_4["separate", "g"]
    more = {key: score for key, score in TABLE_4.items() if "g" in key[1] and key[1] != "g"}
    assert all(score.log_loss < alone.log_loss for score in more.values())
    worse = {key for key, score in more.items() if score.macro_f1 < alone.macro_f1}
    assert worse == {("separate", "ge"), ("separate", "gm"), ("separate", "gd"), ("shared", "gd"), ("shared", "gmd")}


def test_figure_3_goes_up_with_the_number_of_targets():
    assert set(FIGURE_3) == {("separate", 1), *((name, n) for name in ("separate", "shared") for n in range(2, 6))}
    assert FIGURE_3["shared", 5] == TABLE_4["shared", "gmdes"]
    assert FIGURE_3["separate", 1].log_loss == pytest.approx((0.8891 + 1.1812 + 1.0987 + 1.2542 + 0.9404) / 5)
    for networks, start in (("separate", 1), ("shared", 2)):
        scores = [FIGURE_3[networks, n] for n in range(start, 6)]
        assert all(a.log_loss > b.log_loss and a.macro_f1 < b.macro_f1 for a, b in itertools.pairwise(scores))


def test_a_cell_of_the_print():
    assert TABLE_4["shared", paper.order_targets("sdm")] == (0.9109, 0.5572)
    assert TABLE_4["separate", "gme"] == (0.8645, 0.5988)


def test_what_was_not_measured_has_no_average():
    assert paper.average_scores({}, "separate", COMBINATIONS) is None
    assert paper.find_best({}, "separate", 2, "log_loss") == ""
    assert paper.list_sets(True, 5) == ("gmdes",)
