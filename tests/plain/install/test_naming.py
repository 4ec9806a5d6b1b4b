"""Which of Essentia's names a model may have."""

from __future__ import annotations

import pytest

from essentia_ldl.errors import CardError, UnknownNameError
from essentia_ldl.install.naming import check_fit, find_task, name_officially, note_inside
from essentia_ldl.install.official import parse_name


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"below": "msd-musicnn-1"}, "mood_sad-msd-musicnn-1"),
        ({"below": "audioset-vggish-3"}, "mood_sad-audioset-vggish-1"),
        ({}, "mood_sad-musicnn-msd-2"),
        ({"network": "vgg"}, "mood_sad-vgg-msd-2"),
        ({"network": "vggish"}, "mood_sad-vggish-audioset-1"),
        ({"backbones": ["msd-musicnn", "mtt-vgg"]}, "mood_sad-musicnn-msd-2"),
    ],
)
def test_what_essentia_calls_a_model(make_model, changes, name):
    model = make_model("mine-1", **changes)
    known = name_officially(model)
    assert known == parse_name(name)
    check_fit(model, known)


def test_tasks_and_networks_that_essentia_does_not_have(make_model):
    assert find_task(make_model("a-1", task="My Own-Task ")) == "my_own_task"
    with pytest.raises(UnknownNameError, match="Tasks are danceability"):
        name_officially(make_model("a-1", task="zzz"))
    with pytest.raises(CardError, match="expected a network that Essentia has models of"):
        name_officially(make_model("b-1", below="mine-musicnn-1"))


@pytest.mark.parametrize(
    ("changes", "name", "told"),
    [
        ({}, "mood_sad-msd-musicnn-1", "expected a head, which reads embeddings; got 'a full graph"),
        ({"below": "msd-musicnn-1"}, "mood_sad-musicnn-msd-2", "expected a full graph, which reads bands"),
        (
            {"below": "mtt-musicnn-1"},
            "mood_sad-msd-musicnn-1",
            "expected a head on msd-musicnn; got 'one on mtt-musicnn-1'",
        ),
        ({}, "mood_sad-vggish-audioset-1", "expected a graph for TensorflowPredictVGGish"),
        ({"classes": ("sad", "non_sad")}, "mood_sad-musicnn-msd-2", "non_sad, sad, in this order.*another order"),
        ({"classes": ("not_sad", "sad")}, "mood_sad-musicnn-msd-2", "got 'not_sad, sad'.*Rename the classes"),
        ({}, "mood_happy-musicnn-msd-2", "classes of mood_happy: expected happy, non_happy"),
    ],
)
def test_a_name_that_does_not_fit_is_refused(make_model, changes, name, told):
    with pytest.raises(CardError, match=told):
        check_fit(make_model("mine-1", **changes), parse_name(name))


def test_what_the_user_should_know(make_model):
    plain, joint = make_model("a-1"), make_model("b-1", backbones=["msd-musicnn", "mtt-vgg"])
    assert note_inside(plain, parse_name("mood_sad-musicnn-msd-2")) == []
    [note] = note_inside(joint, parse_name("mood_sad-musicnn-msd-2"))
    assert "it holds msd-musicnn, mtt-vgg" in note
    [note] = note_inside(plain, parse_name("moods_mirex-musicnn-msd-1"))
    assert "not checked" in note
