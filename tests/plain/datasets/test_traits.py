"""What tags and dimensions sound like: fields of styles, shares, and artists who tend to some values."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.datasets import _traits
from essentia_ldl.datasets._traits import DIMENSIONS, FIELDS, TAGS, Trait, draw_numbers, draw_tags, find_traits
from essentia_ldl.errors import DataError

ARTISTS = np.arange(200) % 20


def test_known_names_have_their_field_and_others_the_next_free_one():
    loud, mine, quiet = find_traits(("Loud", "mine", "quiet"), TAGS)
    assert loud == Trait((FIELDS.index("loudness"),), True)
    assert quiet == Trait((FIELDS.index("loudness"),), False)
    assert mine == Trait((FIELDS.index("mode"),), True)
    arousal, other = find_traits(("arousal", "other"), DIMENSIONS)
    assert len(arousal.fields) == 4
    assert other.fields == (FIELDS.index("mode"),)


def test_more_names_than_fields_are_refused():
    with pytest.raises(
        DataError, match=r"names of the demo: expected at most 8 that are not known.*got 9.*major, minor"
    ):
        find_traits([str(i) for i in range(9)], TAGS)


def test_tags_are_independent_and_had_by_the_share():
    traits = find_traits(("bright", "busy", "quiet"), TAGS)
    truth, values = draw_tags(traits, ARTISTS, np.random.default_rng(0))
    assert truth.sum(axis=0).tolist() == [round(_traits.TAG_SHARE * 200)] * 3
    assert np.abs(np.corrcoef(truth.T.astype(float)) - np.eye(3)).max() < 0.25
    for tag, trait in zip(truth.T, traits, strict=True):
        on_its_side = (values[:, trait.fields[0]] > 0.5) == (tag == trait.is_high)
        assert 0.9 < on_its_side.mean() < 1
    again, _ = draw_tags(traits, ARTISTS, np.random.default_rng(0))
    assert np.array_equal(truth, again)


def test_a_tag_and_its_opposite_exclude_one_another():
    truth, _ = draw_tags(find_traits(("loud", "quiet"), TAGS), ARTISTS, np.random.default_rng(1))
    assert (truth.sum(axis=1) == 1).all()


def test_every_tag_is_had_and_lacked_by_one_track_where_there_are_two():
    for seed in range(5):
        truth, _ = draw_tags(find_traits(("bright", "slow"), TAGS), np.array([0, 1]), np.random.default_rng(seed))
        assert truth.sum(axis=0).tolist() == [1, 1]


def test_dimensions_follow_what_is_played_with_noise():
    traits = find_traits(("arousal", "valence"), DIMENSIONS)
    numbers, values = draw_numbers(traits, ARTISTS, np.random.default_rng(0))
    assert numbers.min() >= _traits.LOWEST
    assert numbers.max() <= _traits.HIGHEST
    for number, trait in zip(numbers.T, traits, strict=True):
        assert 0.95 < np.corrcoef(number, values[:, trait.fields].mean(axis=1))[0, 1] < 1
    assert abs(np.corrcoef(numbers.T)[0, 1]) < 0.4


@pytest.mark.parametrize(("draw", "known"), [(draw_tags, TAGS), (draw_numbers, DIMENSIONS)])
def test_artists_tend_to_some_values(draw, known):
    """Whoever plays tells something: the artist's mean explains more than the mean of as many tracks of anybody."""
    truth, _ = draw(find_traits(("bright", "valence"), known), ARTISTS, np.random.default_rng(3))
    x = truth[:, 1].astype(float)

    def spread(groups):
        return np.var([x[groups == i].mean() for i in range(20)])

    assert spread(ARTISTS) > 2 * spread(np.random.default_rng(4).permutation(ARTISTS))
