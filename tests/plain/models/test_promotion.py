"""How models get into graphs/: each stem under a number of its own, whole, and never over another."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from essentia_ldl.errors import GraphError, StoreError
from essentia_ldl.files import digest_file
from essentia_ldl.models import promotion
from essentia_ldl.models.answers import name_answers, read_answers, write_answers
from essentia_ldl.models.folder import list_models, read_model
from essentia_ldl.models.promotion import CLAIM, next_version, promote
from essentia_ldl.zones import zone_environment

STEMS = FULL, HEAD = ["mood_sad-musicnn-msd", "mood_sad-msd-musicnn"]


@pytest.fixture(scope="session")
def export(write_model) -> Callable[..., Path]:
    """A function (folder, name of the run) -> the folder, with what a run exports."""

    def write(folder: Path, run: str = "run") -> Path:
        for number, stem in enumerate(STEMS):
            write_model(folder, stem, f"{run} {number}".encode(), run=run)
        return folder

    return write


def list_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def names_of(*versions: int) -> list[str]:
    return sorted(f"{stem}-{n}.{suffix}" for stem in STEMS for n in versions for suffix in ("pb", "json"))


# --- versions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "version"),
    [
        ([], 1),
        (["mood_sad-musicnn-msd-1.pb", "mood_sad-musicnn-msd-1.json"], 2),
        (["mood_sad-msd-musicnn-3.pb", "mood_sad-msd-musicnn-3.json"], 1),
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
    assert next_version(graphs, FULL) == version


# --- promotion ------------------------------------------------------------------------------------------------------


def test_a_run_becomes_models_with_cards_that_link_to_them(tmp_path, export):
    placed = promote(export(tmp_path / "export"), STEMS, tmp_path / "graphs")
    assert [model.name for model in placed] == [f"{stem}-1" for stem in STEMS]
    assert list_files(tmp_path / "graphs") == names_of(1)
    for model, stem in zip(placed, STEMS, strict=True):
        assert Path(model.graph).read_bytes() == (tmp_path / "export" / f"{stem}.pb").read_bytes()
        assert model.card.fields["link"] == f"classifiers/mood_sad/{stem}-1.pb"
        assert model.card.extra["run"] == "run"


def test_a_promotion_writes_what_its_caller_adds_beside_what_the_card_says(tmp_path, export):
    exported = export(tmp_path / "export")
    placed = promote(exported, STEMS, tmp_path / "graphs", {"scores": {"valid": 0.5}, "run": "other"})
    for model, stem in zip(placed, STEMS, strict=True):
        before = json.loads((exported / f"{stem}.json").read_text())
        assert model.card.extra == {**before["essentia_ldl"], "scores": {"valid": 0.5}, "run": "other"}
        assert {**before, "link": 0, "essentia_ldl": 0} == {**model.card.fields, "link": 0, "essentia_ldl": 0}


def test_nothing_is_ever_overwritten(tmp_path, graphs, export):
    for number in range(1, 4):
        promote(export(tmp_path / f"export{number}", f"run {number}"), STEMS, graphs)
    assert list_files(graphs) == names_of(1, 2, 3)
    for number in range(1, 4):
        assert read_model(graphs / f"{STEMS[0]}-{number}.pb").card.extra["run"] == f"run {number}"
    half = graphs / f"{HEAD}-4.pb"
    half.write_bytes(b"somebody's")
    placed = promote(export(tmp_path / "export5"), STEMS, graphs)
    assert [model.name for model in placed] == [f"{FULL}-4", f"{HEAD}-5"]
    assert half.read_bytes() == b"somebody's"


def test_the_first_head_of_a_task_is_the_first_wherever_the_full_graph_stands(tmp_path, graphs, export):
    for number in range(1, 4):
        promote(export(tmp_path / f"export{number}", f"run {number}"), [FULL], graphs)
    placed = promote(add_answers(export(tmp_path / "export")), STEMS, graphs)
    assert [model.name for model in placed] == [f"{FULL}-4", f"{HEAD}-1"]
    assert [model.card.fields["link"] for model in placed] == [
        f"classifiers/mood_sad/{FULL}-4.pb",
        f"classifiers/mood_sad/{HEAD}-1.pb",
    ]
    assert [model.card.extra["run"] for model in placed] == ["run", "run"], "by which they are found together"
    assert {f"{FULL}-4.answers.npz", f"{HEAD}-1.answers.npz"} < set(list_files(graphs))


def test_promoting_twice_gives_the_same_models(tmp_path, graphs, export):
    exported = export(tmp_path / "export")
    first = promote(exported, STEMS, graphs)
    assert promote(exported, STEMS, graphs) == first
    assert list_files(graphs) == names_of(1)


@pytest.mark.parametrize("n_placed", range(5))
def test_a_killed_promotion_goes_on_under_its_number(tmp_path, graphs, monkeypatch, n_placed, export):
    exported = export(tmp_path / "export")
    link, done = os.link, []

    def die(source, target):
        if len(done) == n_placed:
            raise KeyboardInterrupt  # like a kill, no handler undoes anything
        done.append(target)
        link(source, target)

    monkeypatch.setattr(promotion.os, "link", die)
    if n_placed < 4:
        with pytest.raises(KeyboardInterrupt):
            promote(exported, STEMS, graphs)
    else:
        promote(exported, STEMS, graphs)
    monkeypatch.undo()
    assert len([name for name in list_files(graphs) if not name.startswith(".")]) == n_placed
    if n_placed:  # meanwhile another run comes: it may not take a number that the one that was killed has begun to use
        other = promote(export(tmp_path / "other", "other"), STEMS, graphs)
        assert [model.name for model in other] == [f"{FULL}-2", f"{HEAD}-{1 if n_placed == 1 else 2}"]
    placed = promote(exported, STEMS, graphs)
    assert [model.name for model in placed] == [f"{FULL}-1", f"{HEAD}-{2 if n_placed == 1 else 1}"]
    assert [model.card.extra["run"] for model in placed] == ["run", "run"]
    assert list_models(graphs)[1] == [], "no file is left without its others"


def test_a_claim_of_a_killed_run_keeps_a_number_for_each_stem(tmp_path, graphs, export):
    promote(export(tmp_path / "before", "before"), [FULL], graphs)
    exported = export(tmp_path / "export")
    names = [model.name for model in promote(exported, STEMS, graphs)]
    assert names == [f"{FULL}-2", f"{HEAD}-1"]
    assert json.loads((exported / CLAIM).read_text()) == {"versions": {FULL: 2, HEAD: 1}}
    (graphs / f"{HEAD}-1.json").unlink()  # as a kill before the last file leaves it
    promote(export(tmp_path / "other", "other"), STEMS, graphs)
    assert [model.name for model in promote(exported, STEMS, graphs)] == names


def test_a_claim_of_an_earlier_version_is_one_number_for_all_stems(tmp_path, graphs, export):
    exported = export(tmp_path / "export")
    (exported / CLAIM).write_text('{"version": 3}')
    half = (exported / f"{FULL}.pb").read_bytes()
    (graphs / f"{FULL}-3.pb").write_bytes(half)  # what such a run had placed when it was killed
    assert [model.name for model in promote(exported, STEMS, graphs)] == [f"{FULL}-3", f"{HEAD}-3"]
    assert [model.name for model in promote(exported, STEMS, graphs)] == [f"{FULL}-3", f"{HEAD}-3"]


@pytest.mark.parametrize(
    "claim",
    [
        "",
        "[]",
        '{"version": Infinity}',
        '{"version": -2}',
        '{"version": true}',
        '{"version": "../../3"}',
        '{"versions": 3}',
        '{"versions": [3]}',
        '{"versions": {"mood_sad-musicnn-msd": 0, "mood_sad-msd-musicnn": null, "another": 7}}',
    ],
)
def test_a_claim_that_is_none_is_made_again(tmp_path, graphs, claim, export):
    exported = export(tmp_path / "export")
    (exported / CLAIM).write_text(claim)
    promote(exported, STEMS, graphs)
    assert list_files(graphs) == names_of(1)
    assert json.loads((exported / CLAIM).read_text()) == {"versions": {FULL: 1, HEAD: 1}}


def test_a_number_that_another_run_took_meanwhile_is_given_up(tmp_path, graphs, export):
    exported = export(tmp_path / "export")
    (exported / CLAIM).write_text(json.dumps({"versions": {FULL: 1, HEAD: 1}}))
    promote(export(tmp_path / "other", "other"), [HEAD], graphs)
    placed = promote(exported, STEMS, graphs)
    assert [model.name for model in placed] == [f"{FULL}-1", f"{HEAD}-2"]
    assert read_model(graphs / f"{HEAD}-1.pb").card.extra["run"] == "other"
    assert json.loads((exported / CLAIM).read_text()) == {"versions": {FULL: 1, HEAD: 2}}


def fill_disk(monkeypatch: pytest.MonkeyPatch, call: str, n_good: int) -> None:
    """Let there be room for so many calls of "copyfile" or "link"."""
    target = promotion.shutil if call == "copyfile" else promotion.os
    real, done = getattr(target, call), []

    def fail(*arguments):
        if len(done) >= n_good:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(target, call, fail)


@pytest.mark.parametrize(
    ("call", "n_good"), [("copyfile", 0), ("copyfile", 1), ("link", 0), ("link", 1), ("link", 2), ("link", 3)]
)
def test_a_full_disk_leaves_nothing_behind(tmp_path, graphs, monkeypatch, call, n_good, export):
    exported = export(tmp_path / "export")
    promote(export(tmp_path / "before", "before"), STEMS, graphs)
    fill_disk(monkeypatch, call, n_good)
    with pytest.raises(StoreError, match=r"could not be put into .*: No space left"):
        promote(exported, STEMS, graphs)
    monkeypatch.undo()
    assert list_files(graphs) == names_of(1)
    assert promote(exported, STEMS, graphs)[0].name.endswith("-2")


def test_a_file_in_the_place_of_the_folder_is_one_sentence(tmp_path, export):
    (tmp_path / "graphs").touch()
    with pytest.raises(StoreError, match=r"^The model could not be put into .*graphs: File exists\."):
        promote(export(tmp_path / "export"), STEMS, tmp_path / "graphs")


def test_a_card_that_does_not_fit_its_graph_does_not_get_in(tmp_path, graphs, export):
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


def test_golden_answers_travel_with_the_graph(tmp_path, graphs, export):
    exported = add_answers(export(tmp_path / "export"))
    placed = promote(exported, STEMS, graphs)
    assert list_files(graphs) == sorted(names_of(1) + [f"{stem}-1.answers.npz" for stem in STEMS])
    for model, stem in zip(placed, STEMS, strict=True):
        assert name_answers(model.graph).read_bytes() == name_answers(exported / f"{stem}.pb").read_bytes()
        assert read_answers(model.graph, digest_file(model.graph)).values.keys() == {"model/Softmax"}
    assert promote(exported, STEMS, graphs) == placed
    assert [model.name for model in list_models(graphs)[0]] == sorted(f"{stem}-1" for stem in STEMS)


def test_answers_of_another_graph_do_not_get_in(tmp_path, graphs, export):
    other = export(tmp_path / "other", "other")
    exported = add_answers(export(tmp_path / "export"), other)
    with pytest.raises(StoreError, match="expected those of the graph beside them"):
        promote(exported, STEMS, graphs)
    assert list_files(graphs) == []


@pytest.mark.parametrize(("call", "n_good"), [("copyfile", 1), *(("link", n) for n in range(6))])
def test_a_full_disk_leaves_no_answers_behind_either(tmp_path, graphs, monkeypatch, call, n_good, export):
    exported = add_answers(export(tmp_path / "export"))
    fill_disk(monkeypatch, call, n_good)
    with pytest.raises(StoreError, match=r"could not be put into .*: No space left"):
        promote(exported, STEMS, graphs)
    assert list_files(graphs) == []


def check_distinct(graphs: Path, n_runs: int) -> None:
    """Every stem has the numbers from 1 on, each of another run, and every run one of each stem."""
    found, problems = list_models(graphs)
    assert problems == []
    assert sorted(model.name for model in found) == sorted(f"{s}-{n}" for s in STEMS for n in range(1, n_runs + 1))
    for stem in STEMS:
        runs = {model.card.extra["run"] for model in found if model.name.startswith(stem)}
        assert len(runs) == n_runs
    assert [name for name in list_files(graphs) if name.startswith(".")] == []


def test_runs_that_end_at_the_same_time_get_numbers_of_their_own(tmp_path, graphs, export):
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


def test_processes_that_end_at_the_same_time_get_numbers_of_their_own(tmp_path, graphs, export):
    code = """
import sys, time
from pathlib import Path
from essentia_ldl.models.promotion import promote
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


def test_runs_with_the_same_graph_do_not_take_each_others_files(tmp_path, graphs, monkeypatch, write_model):
    exported = {}
    for run in ("first", "second"):
        exported[run] = tmp_path / run
        write_model(exported[run], HEAD, b"the same bytes", run=run)
        (exported[run] / CLAIM).write_text(json.dumps({"versions": {HEAD: 1}}))  # both chose before either placed
    placed, second = promotion._place, threading.Thread(target=promote, args=(exported["second"], [HEAD], graphs))

    def place(source: Path, target: Path) -> bool:
        is_new = placed(source, target)
        if threading.current_thread() is not second and target.suffix == ".pb" and not second.ident:
            second.start()
            second.join(timeout=0.5)  # it waits for the first, or ends before the card of the first is there
        return is_new

    monkeypatch.setattr(promotion, "_place", place)
    promote(exported["first"], [HEAD], graphs)
    second.join()
    found, problems = list_models(graphs)
    assert problems == []
    assert {model.name: model.card.extra["run"] for model in found} == {f"{HEAD}-1": "first", f"{HEAD}-2": "second"}
