"""The folder of models: broken ones are told, a name finds one, a new one gets in whole, under a number of its own."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from essentia_ldl.errors import CardError, GraphError, StoreError, UnknownNameError
from essentia_ldl.files import digest_file
from essentia_ldl.models import folder as models
from essentia_ldl.models.answers import name_answers, read_answers, write_answers
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import (
    choose_models,
    find_extractor,
    find_model,
    list_models,
    next_version,
    promote,
    read_model,
)
from essentia_ldl.zones import zone_environment

STEMS = ["mood_sad-musicnn-msd", "mood_sad-msd-musicnn"]
MUSICNN = {"algorithm": "TensorflowPredictMusiCNN", "model_name": "msd-musicnn-1", "link": "msd-musicnn-1.pb"}


def make_card(graph: bytes, kind: str = "music classification", needs: dict | None = None, **extra) -> dict:
    inference = {"sample_rate": 16000, "algorithm": "TensorflowPredict2D" if needs else "TensorflowPredictMusiCNN"}
    if needs:
        inference["embedding_model"] = needs
    return {
        "name": "mood sad",
        "type": kind,
        "link": "classifiers/mood_sad/mood_sad.pb",
        "classes": ["non_sad", "sad"],
        "schema": {
            "inputs": [{"name": "model/Placeholder", "shape": [187, 96]}],
            "outputs": [{"name": "model/Sigmoid", "output_purpose": "predictions", "shape": [1, 2]}],
        },
        "inference": inference,
        "essentia_ldl": {"sha256": hashlib.sha256(graph).hexdigest(), **extra},
    }


def write_model(folder: Path, name: str, graph: bytes = b"graph", **card) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.pb").write_bytes(graph)
    (folder / f"{name}.json").write_text(json.dumps(make_card(graph, **card)))
    return folder / f"{name}.pb"


def export(folder: Path, content: str = "run") -> Path:
    for number, stem in enumerate(STEMS):
        write_model(folder, stem, f"{content} {number}".encode(), run=content)
    return folder


def list_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def names_of(version: int) -> list[str]:
    return sorted(f"{stem}-{version}.{suffix}" for stem in STEMS for suffix in ("pb", "json"))


@pytest.fixture
def graphs(tmp_path):
    (tmp_path / "graphs").mkdir()
    return tmp_path / "graphs"


# --- cards ----------------------------------------------------------------------------------------------------------


def test_a_model_is_read_by_its_graph_or_its_card(graphs):
    path = write_model(graphs, "a.b-1")
    model = read_model(path)
    assert (model.name, model.graph) == ("a.b-1", str(path))
    assert model.card.classes == ("non_sad", "sad")
    assert not model.is_base
    assert read_model(path.with_suffix(".json")).graph == str(path)


@pytest.mark.parametrize("key", ["name", "type", "schema", "inference"])
def test_a_card_without_a_key_says_which_and_where(graphs, key):
    path = write_model(graphs, "a-1")
    fields = json.loads(path.with_suffix(".json").read_text())
    del fields[key]
    path.with_suffix(".json").write_text(json.dumps(fields))
    with pytest.raises(CardError, match=rf"the key '{key}'.*a-1\.json"):
        read_model(path)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'"card"',
        b'{"name": "a", "type": "b", "schema": 1, "inference": {}}',
        b"[" * 200_000,
        b'{"name": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_card_that_is_no_card_is_a_card_error(graphs, text):
    """Case C1: of whatever bytes a card is."""
    path = write_model(graphs, "a-1")
    path.with_suffix(".json").write_bytes(text)
    with pytest.raises(CardError, match=r"a-1\.json"):
        read_model(path)


def test_a_damaged_card_is_one_problem_and_the_other_models_work(graphs):
    """Case C1: one such card disabled `models`, and `predict` without -m."""
    for name in ("a-1", "b-1", "c-1"):
        write_model(graphs, name)
    (graphs / "b-1.json").write_text("[" * 200_000)
    models, problems = list_models(graphs)
    assert [model.name for model in models] == ["a-1", "c-1"]
    assert len(problems) == 1
    assert "card: expected readable json" in problems[0]
    assert [model.name for model in choose_models(graphs)] == ["a-1", "c-1"]


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": 3},
        {"essentia_ldl": []},
        {"essentia_ldl": None},
        {"schema": {"inputs": [1], "outputs": [2]}},
        {
            "schema": {
                "inputs": [{"name": "x"}],
                "outputs": [{"name": "y", "output_purpose": "predictions", "shape": 2}],
            }
        },
    ],
)
def test_a_card_with_values_of_other_types_is_a_card_error(graphs, changes):
    path = write_model(graphs, "a-1")
    fields = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**fields, **changes}))
    with pytest.raises(CardError, match=r"a-1\.json"):
        read_model(path)


def test_a_graph_of_other_bytes_is_refused(graphs):
    path = write_model(graphs, "a-1")
    path.write_bytes(b"other")
    with pytest.raises(GraphError, match=r"expected the file that its card describes; got 'other bytes' .*a-1\.pb"):
        read_model(path)


def test_a_card_of_essentias_own_needs_no_digest(graphs):
    path = write_model(graphs, "a-1")
    fields = json.loads(path.with_suffix(".json").read_text())
    del fields["essentia_ldl"]
    path.with_suffix(".json").write_text(json.dumps(fields))
    assert read_model(path).card.extra == {}


def test_halves_are_told(graphs):
    path = write_model(graphs, "a-1")
    write_model(graphs, "b-1")
    write_model(graphs, "c-1")
    path.with_suffix(".json").unlink()
    (graphs / "b-1.pb").unlink()
    with pytest.raises(CardError, match=r"a \.json beside the \.pb.*a-1\.json"):
        read_model(path)
    with pytest.raises(GraphError, match=r"an existing \.pb.*b-1\.pb"):
        read_model(graphs / "b-1.pb")
    found, problems = list_models(graphs)
    assert [model.name for model in found] == ["c-1"]
    assert len(problems) == 2
    assert list_models(graphs / "none") == ([], [])


def test_a_link_to_a_graph_is_a_model_of_the_name_of_the_link(graphs, tmp_path):
    blob = write_model(tmp_path / "blobs", "0a1b2c")
    os.symlink(blob, graphs / "linked-1.pb")
    os.symlink(blob.with_suffix(".json"), graphs / "linked-1.json")
    assert read_model(graphs / "linked-1.pb").name == "linked-1"


# --- names ----------------------------------------------------------------------------------------------------------


def test_a_name_finds_a_model_and_a_wrong_one_the_nearest(graphs):
    path = write_model(graphs, "mood_sad-musicnn-msd-1")
    assert find_model("mood_sad-musicnn-msd-1", graphs).graph == str(path)
    assert find_model(str(path), Path("/nowhere")).graph == str(path)
    with pytest.raises(UnknownNameError, match=r"^model: .*Did you mean 'mood_sad-musicnn-msd-1'\?"):
        find_model("mood-sad-musicnn-msd-1", graphs)
    with pytest.raises(UnknownNameError, match=r"expected one that exists; got 'x' .*/none has none"):
        find_model("x", graphs / "none")
    with pytest.raises(GraphError, match=r"an existing \.pb"):
        find_model("x.pb", graphs)


def test_an_extractor_is_found_beside_the_head_or_in_the_folder(graphs, tmp_path):
    head = read_model(write_model(tmp_path / "heads", "head-1", needs=MUSICNN))
    with pytest.raises(GraphError, match=r"expected msd-musicnn-1\.pb; .*\(head-1\)\. Run `essentia-ldl graphs build`"):
        find_extractor(head, graphs)
    there = write_model(graphs, "msd-musicnn-1", kind="auto-tagging")
    assert find_extractor(head, graphs).graph == str(there)
    beside = write_model(tmp_path / "heads", "msd-musicnn-1", kind="auto-tagging")
    assert find_extractor(head, graphs).graph == str(beside)
    assert find_extractor(read_model(there), graphs) is None


def test_an_extractor_is_found_by_the_link_of_a_card_that_names_none(graphs):
    link = {"algorithm": "X", "link": "https://essentia.upf.edu/models/feature-extractors/vggish/audioset-vggish-3.pb"}
    head = read_model(write_model(graphs, "head-1", needs=link))
    with pytest.raises(GraphError, match=r"audioset-vggish-3\.pb.*beside the head"):
        find_extractor(head, graphs)
    write_model(graphs, "audioset-vggish-3")
    assert find_extractor(head, graphs).name == "audioset-vggish-3"


# --- the choice of predict ------------------------------------------------------------------------------------------


def chosen(graphs: Path) -> list[str]:
    return [model.name for model in choose_models(graphs)]


def test_predict_takes_the_head_and_not_its_full_twin(graphs):
    write_model(graphs, "msd-musicnn-1", kind="auto-tagging")
    write_model(graphs, "sad-full-1", run="a")
    write_model(graphs, "sad-head-1", run="a", needs=MUSICNN)
    write_model(graphs, "genre-full-1", run="b")
    write_model(graphs, "theirs-1")
    assert chosen(graphs) == ["genre-full-1", "sad-head-1", "theirs-1"]


def test_predict_takes_networks_side_by_side_before_the_others_of_their_run(graphs):
    write_model(graphs, "msd-musicnn-1", kind="auto-tagging")
    write_model(graphs, "sad-full-1", run="a")
    write_model(graphs, "sad-head-1", run="a", needs=MUSICNN)
    write_model(graphs, "sad-joint-4-1", run="a", backbones=["msd-musicnn", "msd-vgg"])
    write_model(graphs, "genre-head-1", run="b", needs=MUSICNN)
    write_model(graphs, "other-joint-2-1", backbones=["msd-musicnn", "mtt-vgg"])
    assert chosen(graphs) == ["genre-head-1", "other-joint-2-1", "sad-joint-4-1"]


def test_demo_models_run_only_when_there_is_nothing_else(graphs):
    write_model(graphs, "msd-musicnn-1", kind="auto-tagging")
    write_model(graphs, "demo-full-1", run="d", demo=True)
    write_model(graphs, "demo-head-1", run="d", demo=True, needs=MUSICNN)
    assert chosen(graphs) == ["demo-head-1"]
    write_model(graphs, "sad-full-1", run="a", demo=False)
    assert chosen(graphs) == ["sad-full-1"]


def test_the_tags_run_when_nothing_was_trained(graphs):
    for name in ("mtt-vgg-1", "msd-musicnn-1", "msd-vgg-1"):
        write_model(graphs, name, kind="auto-tagging")
    assert chosen(graphs) == ["msd-musicnn-1"]
    (graphs / "msd-musicnn-1.pb").unlink()
    assert chosen(graphs) == ["msd-vgg-1"]


def test_no_model_says_how_to_get_one(graphs):
    """Case C11."""
    with pytest.raises(GraphError, match=r"at least one; got 'none' .*graphs build.*ESSENTIA_LDL_HOME to the folder"):
        choose_models(graphs)
    write_model(graphs, "a-1").write_bytes(b"other")
    with pytest.raises(GraphError, match=r"got 'none that can be used' .*other bytes.*graphs build") as caught:
        choose_models(graphs)
    assert list_models(graphs)[1][0] in str(caught.value), "whole"


# --- versions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "version"),
    [
        ([], 1),
        (["mood_sad-musicnn-msd-1.pb", "mood_sad-musicnn-msd-1.json"], 2),
        (["mood_sad-msd-musicnn-1.pb"], 2),
        (["mood_sad-musicnn-msd-9.pb", "mood_sad-musicnn-msd-10.json"], 11),
        (["mood_sad-musicnn-msd-4.json"], 5),
        (["mood_sad-musicnn-msd-6.answers.npz"], 7),
        (["mood_sad-musicnn-msd-1.pb.bak", "mood_sad-musicnn-msd-x.pb", "mood_sad-vgg-msd-7.pb"], 1),
        (["demo-mood_sad-musicnn-msd-3.pb", "mood_sad-musicnn-msd-2-3.pb"], 1),
    ],
)
def test_the_next_version_is_one_that_no_file_has(graphs, there, version):
    for name in there:
        (graphs / name).write_bytes(b"")
    assert next_version(graphs, STEMS) == version


# --- promotion ------------------------------------------------------------------------------------------------------


def test_a_run_becomes_models_with_cards_that_link_to_them(tmp_path):
    placed = promote(export(tmp_path / "export"), STEMS, tmp_path / "graphs")
    assert [model.name for model in placed] == [f"{stem}-1" for stem in STEMS]
    assert list_files(tmp_path / "graphs") == names_of(1)
    for model, stem in zip(placed, STEMS, strict=True):
        assert Path(model.graph).read_bytes() == (tmp_path / "export" / f"{stem}.pb").read_bytes()
        assert model.card.fields["link"] == f"classifiers/mood_sad/{stem}-1.pb"
        assert model.card.extra["run"] == "run"


def test_a_promotion_writes_what_its_caller_adds_beside_what_the_card_says(tmp_path):
    exported = export(tmp_path / "export")
    placed = promote(exported, STEMS, tmp_path / "graphs", {"scores": {"valid": 0.5}, "run": "other"})
    for model, stem in zip(placed, STEMS, strict=True):
        before = json.loads((exported / f"{stem}.json").read_text())
        assert model.card.extra == {**before["essentia_ldl"], "scores": {"valid": 0.5}, "run": "other"}
        assert {**before, "link": 0, "essentia_ldl": 0} == {**model.card.fields, "link": 0, "essentia_ldl": 0}


def test_nothing_is_ever_overwritten(tmp_path, graphs):
    for number in range(1, 4):
        promote(export(tmp_path / f"export{number}", f"run {number}"), STEMS, graphs)
    assert list_files(graphs) == sorted(names_of(1) + names_of(2) + names_of(3))
    for number in range(1, 4):
        assert read_model(graphs / f"{STEMS[0]}-{number}.pb").card.extra["run"] == f"run {number}"
    half = graphs / f"{STEMS[1]}-4.pb"
    half.write_bytes(b"somebody's")
    (model, _) = promote(export(tmp_path / "export5"), STEMS, graphs)
    assert model.name.endswith("-5")
    assert half.read_bytes() == b"somebody's"


def test_promoting_twice_gives_the_same_models(tmp_path, graphs):
    exported = export(tmp_path / "export")
    first = promote(exported, STEMS, graphs)
    assert promote(exported, STEMS, graphs) == first
    assert list_files(graphs) == names_of(1)


@pytest.mark.parametrize("n_placed", range(5))
def test_a_killed_promotion_goes_on_under_its_number(tmp_path, graphs, monkeypatch, n_placed):
    exported = export(tmp_path / "export")
    link, done = os.link, []

    def die(source, target):
        if len(done) == n_placed:
            raise KeyboardInterrupt  # like a kill, no handler undoes anything
        done.append(target)
        link(source, target)

    monkeypatch.setattr(models.os, "link", die)
    if n_placed < 4:
        with pytest.raises(KeyboardInterrupt):
            promote(exported, STEMS, graphs)
    else:
        promote(exported, STEMS, graphs)
    monkeypatch.undo()
    assert len([name for name in list_files(graphs) if not name.startswith(".")]) == n_placed
    if n_placed:  # meanwhile another run comes: it may not take the number of the one that was killed
        other = promote(export(tmp_path / "other", "other"), STEMS, graphs)
        assert other[0].name.endswith("-2")
    placed = promote(exported, STEMS, graphs)
    assert [model.name for model in placed] == [f"{stem}-1" for stem in STEMS]
    assert set(names_of(1)) <= set(list_files(graphs))


def test_a_number_that_another_run_took_meanwhile_is_given_up(tmp_path, graphs):
    exported = export(tmp_path / "export")
    (exported / "promoted.json").write_text('{"version": 1}')
    promote(export(tmp_path / "other", "other"), STEMS, graphs)
    placed = promote(exported, STEMS, graphs)
    assert [model.name for model in placed] == [f"{stem}-2" for stem in STEMS]
    assert read_model(graphs / f"{STEMS[0]}-1.pb").card.extra["run"] == "other"
    assert json.loads((exported / "promoted.json").read_text()) == {"version": 2}


@pytest.mark.parametrize(
    ("call", "n_good"), [("copyfile", 0), ("copyfile", 1), ("link", 0), ("link", 1), ("link", 2), ("link", 3)]
)
def test_a_full_disk_leaves_nothing_behind(tmp_path, graphs, monkeypatch, call, n_good):
    exported = export(tmp_path / "export")
    promote(export(tmp_path / "before", "before"), STEMS, graphs)
    target = models.shutil if call == "copyfile" else models.os
    real, done = getattr(target, call), []

    def fail(*arguments):
        if len(done) >= n_good:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(target, call, fail)
    with pytest.raises(StoreError, match=r"could not be put into .*: No space left"):
        promote(exported, STEMS, graphs)
    monkeypatch.undo()
    assert list_files(graphs) == names_of(1)
    assert promote(exported, STEMS, graphs)[0].name.endswith("-2")


def test_a_card_that_does_not_fit_its_graph_does_not_get_in(tmp_path, graphs):
    exported = export(tmp_path / "export")
    (exported / f"{STEMS[1]}.pb").write_bytes(b"other bytes than the card's")
    with pytest.raises(GraphError, match="other bytes"):
        promote(exported, STEMS, graphs)
    assert list_files(graphs) == []


def add_answers(exported: Path, graph_of: Path | None = None) -> Path:
    for stem in STEMS:
        graph = exported / f"{stem}.pb"
        digest = digest_file((graph_of or exported) / graph.name)
        write_answers(graph, digest, "model/Placeholder", (4,), (0, 1), lambda rows: {"model/Softmax": rows[:, :2]})
    return exported


def test_golden_answers_travel_with_the_graph(tmp_path, graphs):
    exported = add_answers(export(tmp_path / "export"))
    placed = promote(exported, STEMS, graphs)
    assert list_files(graphs) == sorted(names_of(1) + [f"{stem}-1.answers.npz" for stem in STEMS])
    for model, stem in zip(placed, STEMS, strict=True):
        assert name_answers(model.graph).read_bytes() == name_answers(exported / f"{stem}.pb").read_bytes()
        assert read_answers(model.graph, digest_file(model.graph)).values.keys() == {"model/Softmax"}
    assert promote(exported, STEMS, graphs) == placed
    assert [model.name for model in list_models(graphs)[0]] == sorted(f"{stem}-1" for stem in STEMS)


def test_answers_of_another_graph_do_not_get_in(tmp_path, graphs):
    other = export(tmp_path / "other", "other")
    exported = add_answers(export(tmp_path / "export"), other)
    with pytest.raises(StoreError, match="expected those of the graph beside them"):
        promote(exported, STEMS, graphs)
    assert list_files(graphs) == []


@pytest.mark.parametrize(("call", "n_good"), [("copyfile", 1), *(("link", n) for n in range(6))])
def test_a_full_disk_leaves_no_answers_behind_either(tmp_path, graphs, monkeypatch, call, n_good):
    exported = add_answers(export(tmp_path / "export"))
    target = models.shutil if call == "copyfile" else models.os
    real, done = getattr(target, call), []

    def fail(*arguments):
        if len(done) >= n_good:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(target, call, fail)
    with pytest.raises(StoreError, match=r"could not be put into .*: No space left"):
        promote(exported, STEMS, graphs)
    assert list_files(graphs) == []


def check_distinct(graphs: Path, n_runs: int) -> None:
    """Every run has one number, all files of a number are of one run, and no two runs share one."""
    found, problems = list_models(graphs)
    assert problems == []
    assert len(found) == len(STEMS) * n_runs
    runs: dict[str, set[str]] = {}
    for model in found:
        runs.setdefault(model.name.rpartition("-")[2], set()).add(model.card.extra["run"])
    assert sorted(map(int, runs)) == list(range(1, n_runs + 1))
    assert all(len(run) == 1 for run in runs.values())
    assert len(set.union(*runs.values())) == n_runs
    assert [name for name in list_files(graphs) if name.startswith(".")] == []


def test_runs_that_end_at_the_same_time_get_numbers_of_their_own(tmp_path, graphs):
    n_runs = 8
    exported = [export(tmp_path / f"export{number}", f"run {number}") for number in range(n_runs)]
    barrier = threading.Barrier(n_runs)
    problems = []

    def work(folder: Path) -> None:
        barrier.wait()
        try:
            promote(folder, STEMS, graphs)
        except Exception as error:  # a thread's exception would be lost
            problems.append(error)

    threads = [threading.Thread(target=work, args=(folder,)) for folder in exported]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    check_distinct(graphs, n_runs)


def test_processes_that_end_at_the_same_time_get_numbers_of_their_own(tmp_path, graphs):
    code = """
import sys, time
from pathlib import Path
from essentia_ldl.models.folder import promote
while not Path(sys.argv[1]).exists():
    time.sleep(0.001)
promote(Path(sys.argv[2]), sys.argv[4:], Path(sys.argv[3]))
"""
    start = tmp_path / "start"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(start), str(export(tmp_path / f"e{n}", f"run {n}")), str(graphs), *STEMS],
            env=zone_environment(),
        )
        for n in range(4)
    ]
    start.touch()
    assert [process.wait(timeout=60) for process in processes] == [0] * 4
    check_distinct(graphs, 4)


# --- names that become paths ----------------------------------------------------------------------------------------


def make_head_fields(name: object) -> dict:
    return {
        "name": "mood sad",
        "type": "multi-class classifier",
        "classes": ["non_sad", "sad"],
        "schema": {"inputs": [{"name": "in"}], "outputs": [{"name": "out", "output_purpose": "predictions"}]},
        "inference": {
            "sample_rate": 16000,
            "algorithm": "TensorflowPredict2D",
            "embedding_model": {"algorithm": "TensorflowPredictMusiCNN", "model_name": name},
        },
    }


@pytest.mark.parametrize("name", ["../secret", "/etc/secret", "a/b", "a/", "..", ".", "a\0b", 3, ["a"]])
def test_an_extractors_name_that_leads_out_of_the_folder_is_one_sentence(name, tmp_path):
    """Case C16: the extractor that a card names."""
    folder = tmp_path / "graphs"
    folder.mkdir()
    for path in (tmp_path / "secret", folder / "head-1"):
        path.with_suffix(".pb").touch()
        path.with_suffix(".json").write_text(json.dumps(make_head_fields(name)))
    rule = r"inference\.embedding_model\.model_name: expected a plain name without folders"
    with pytest.raises(CardError, match=rf"^{rule}; got .* \(mood sad\)\. [^.]+\. The card is .*head-1\.json\.$"):
        read_model(folder / "head-1.pb")
    models, problems = list_models(folder)
    assert (models, len(problems)) == ([], 1)


@pytest.mark.parametrize("name", ["msd-musicnn-1", "discogs-effnet-bs64-1", "a name.of 1", "", None])
def test_an_ordinary_name_is_not(name):
    assert GraphCard(make_head_fields(name)).embedding_model["model_name"] == name


def test_an_extractor_is_looked_for_beside_the_head_and_among_the_graphs(tmp_path):
    fields = make_head_fields("base-1")
    for folder, stem in (("here", "head-1"), ("graphs", "base-1")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{stem}.pb").touch()
        own = fields if stem == "head-1" else {**fields, "inference": {"sample_rate": 16000, "algorithm": "X"}}
        (tmp_path / folder / f"{stem}.json").write_text(json.dumps(own))
    found = find_extractor(read_model(tmp_path / "here" / "head-1.pb"), tmp_path / "graphs")
    assert found.graph == str(tmp_path / "graphs" / "base-1.pb")
