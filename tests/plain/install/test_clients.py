"""What a folder lacks for programs that use several models together."""

from __future__ import annotations

from essentia_ldl.install.clients import find_lacks, read_groups
from essentia_ldl.install.official import CLASSES, FULL, HEAD, parse_name


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        for suffix in (".pb", ".json"):
            (folder / f"{name}{suffix}").touch()


def test_every_name_of_the_list_is_one_of_essentias():
    assert len({group.name for group in read_groups()}) == len(read_groups()) > 3
    for group in read_groups():
        known = [parse_name(name) for name in group.needs]
        assert len({one.kind for one in known}) == 1
        assert {one.kind for one in known} <= {HEAD, FULL}
        assert all(one.version > 0 for one in known)
        assert (group.below == "") == (known[0].kind == FULL)
    [two] = [group for group in read_groups() if "two classes" in group.name]
    assert {parse_name(name).task for name in two.needs} == {task for task, names in CLASSES.items() if len(names) == 2}


def test_what_is_there_is_counted_in_folders_below_too(tmp_path):
    put(tmp_path, "mood_sad-msd-musicnn-1", "classification-heads/mood_happy/mood_happy-msd-musicnn-1")
    (tmp_path / "mood_party-msd-musicnn-1.pb").touch()  # without its card
    found = {lack.group: lack for lack in find_lacks(tmp_path, ["mood_sad-msd-musicnn-1"])}
    moods = found["heads of moods on MusiCNN's embeddings"]
    assert moods.has == ("mood_happy-msd-musicnn-1", "mood_sad-msd-musicnn-1")
    assert "mood_party-msd-musicnn-1" in moods.lacks
    assert moods.lacks[-1] == "msd-musicnn-1"
    assert len(found["heads of two classes on MusiCNN's embeddings"].lacks) == 10
    assert len(found) == 2


def test_nothing_is_told_of_groups_that_nothing_was_installed_for(tmp_path):
    put(tmp_path, "mood_sad-msd-musicnn-1")
    assert find_lacks(tmp_path, ["msd-musicnn-1", "mine"]) == ()
