"""Names of sides, parts and systems."""

from __future__ import annotations

import pytest

from essentia_ldl.datasets._names import are_parts, is_system, read_role, spell


@pytest.mark.parametrize(
    ("name", "role"),
    [
        *(("train", "train"), ("Training Set", "train"), ("TRAINSET", "train"), ("train_data", "train")),
        *(("1_train", "train"), ("x-train", "train"), ("aprendizaje", None), ("Entrenamiento", "train")),
        *(("val", "valid"), ("validation1", None), ("validation 1", "valid"), ("Dev", "valid"), ("検証", "valid")),
        *(("test", "test"), ("held_out", "test"), ("evaluation", "test"), ("тест", "test"), ("teste", "test")),
        *(("sad", None), ("", None), ("trainer", None), ("testament", None), ("valid name", None), ("data", None)),
    ],
)
def test_sides_are_known_in_several_words_a4_b7(name, role):
    assert read_role(name) == role


@pytest.mark.parametrize("names", [["fold1", "fold2"], ["Fold_01"], ["cv 3", "cv 4"], ["000", "155"], ["00", "a1"]])
def test_folds_and_shards_are_parts_a4(names):
    assert are_parts(names)


@pytest.mark.parametrize("names", [[], ["fold1", "sad"], ["0", "1"], ["10", "20"], ["1999", "2005"], ["ab", "cd"]])
def test_other_names_are_no_parts_a4(names):
    assert not are_parts(names)


def test_systems_and_spellings():
    assert is_system("__macosx")
    assert is_system("Lost+Found")
    assert not is_system("sad")
    assert spell("Not\u00a0Sad") == spell("not-sad") == "not sad"
