"""Which engine runs a graph: what is compared, what is remembered, and what is warned of."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl.errors import DataError, GraphError
from essentia_ldl.files import digest_file
from essentia_ldl.models.answers import RANGES, name_answers, read_answers, write_answers
from essentia_ldl.scores.uncertainty import ENTROPIES, node_name
from essentia_ldl.sound import choice
from essentia_ldl.sound.choice import Chooser, compare_engines, compare_shared, compare_times, draw_rows
from essentia_ldl.sound.compiled import CompiledNetwork
from essentia_ldl.sound.shared import SharedNetwork

INPUT, NODES, PATCH = "model/Placeholder", ["model/Sigmoid"], (187, 96)
STEMS = {"full": "mood_sad-musicnn-msd", "head": "mood_sad-msd-musicnn"}


@pytest.fixture(autouse=True)
def _equally_fast(monkeypatch) -> None:
    """What is faster depends on the machine."""
    monkeypatch.setattr(choice, "compare_times", lambda *_: 1.0)


@pytest.fixture
def graph(graphs, tmp_path) -> str:
    """A graph without golden answers."""
    (tmp_path / "alone").mkdir()
    shutil.copy(graphs / "msd-vgg-1.pb", tmp_path / "alone")
    return str(tmp_path / "alone" / "msd-vgg-1.pb")


@pytest.fixture
def proved(graph, graphs) -> str:
    """The same with its golden answers."""
    shutil.copy(name_answers(graphs / "msd-vgg-1.pb"), Path(graph).parent)
    return graph


@pytest.fixture
def plain(monkeypatch) -> None:
    """Essentia as the package essentia has it, without TensorFlow."""
    monkeypatch.delattr(es, "TensorflowPredict")


@pytest.fixture
def wrong(monkeypatch) -> None:
    """An OpenVINO whose answers are .01 away."""
    run = CompiledNetwork.run
    monkeypatch.setattr(CompiledNetwork, "run", lambda self, x: {n: v + 0.01 for n, v in run(self, x).items()})


def forbid(monkeypatch, name: str) -> None:
    monkeypatch.setattr(choice, name, lambda *_: pytest.fail(f"{name} was called"))


def test_essentia_compares_nothing(graph, monkeypatch):
    forbid(monkeypatch, "CompiledNetwork")
    chooser = Chooser()
    assert not chooser.choose(graph, INPUT, NODES, PATCH)
    assert (chooser.found, chooser.warnings, chooser.ran_essentia) == ({}, [], False)


def test_auto_takes_what_agrees_and_compares_once(graph, monkeypatch):
    first = Chooser("auto")
    assert first.choose(graph, INPUT, NODES, PATCH)
    [finding] = first.found.values()
    assert finding["graph"] == "msd-vgg-1"
    assert finding["agrees"]
    assert 0 <= finding["difference"] <= 1e-5
    assert first.ran_essentia
    forbid(monkeypatch, "CompiledNetwork")
    later = Chooser("auto", remembered=first.found)
    assert first.choose(graph, INPUT, NODES, PATCH)
    assert later.choose(graph, INPUT, NODES, PATCH)
    assert (later.found, later.warnings, later.ran_essentia) == ({}, [], False)


@pytest.mark.slow
def test_other_nodes_bytes_or_patches_are_compared_anew(graph, graphs, tmp_path):
    chooser = Chooser("auto")
    other = tmp_path / "other.pb"
    other.write_bytes((graphs / "mtt-vgg-1.pb").read_bytes())
    assert chooser.choose(graph, INPUT, NODES, PATCH)
    assert chooser.choose(graph, INPUT, [*NODES, "model/dense/BiasAdd"], PATCH)
    assert chooser.choose(str(other), INPUT, NODES, PATCH)
    assert len(chooser.found) == 3


def test_auto_leaves_what_differs_to_essentia_and_openvino_warns(graph, wrong):
    auto = Chooser("auto")
    assert not auto.choose(graph, INPUT, NODES, PATCH)
    assert auto.warnings == []
    [finding] = auto.found.values()
    assert not finding["agrees"]
    assert finding["difference"] == pytest.approx(0.01, abs=1e-4)
    told = Chooser("openvino", remembered=auto.found)
    assert told.choose(graph, INPUT, NODES, PATCH)
    assert told.warnings == ["msd-vgg-1 runs in OpenVINO, unproved: it differs from Essentia by 0.01."]


def test_a_graph_that_cannot_be_compared_is_left_to_essentia(graph, tmp_path):
    chooser = Chooser("auto")
    broken = tmp_path / "broken.pb"
    broken.write_bytes(b"no graph")
    assert not chooser.choose(str(broken), INPUT, NODES, PATCH)
    assert not chooser.choose(str(tmp_path / "missing.pb"), INPUT, NODES, PATCH)
    assert not chooser.choose(graph, INPUT, ["model/Nothing"], PATCH)
    assert [finding["agrees"] for finding in chooser.found.values()] == [False, False]


def test_a_missing_package_means_essentia_unless_it_is_asked_for(graph, monkeypatch):
    def refuse():
        raise GraphError("engine: expected an OpenVINO")

    monkeypatch.setattr(choice, "is_installed", lambda: False)
    monkeypatch.setattr(choice, "open_core", refuse)
    chooser = Chooser("auto")
    assert not chooser.choose(graph, INPUT, NODES, PATCH)
    assert chooser.found == {}
    with pytest.raises(GraphError, match="expected an OpenVINO"):
        Chooser("openvino")


def test_bf16_is_openvinos(monkeypatch):
    with pytest.raises(DataError, match="f32 in Essentia"):
        Chooser("essentia", "bf16")
    monkeypatch.setattr(choice, "require_precision", lambda precision: None)
    chooser = Chooser("auto", "bf16")
    assert (chooser.engine, chooser.precision) == ("openvino", "bf16")


def test_what_only_essentia_can_feed_is_told_to_who_asked_for_openvino():
    for engine, n_warnings in (("auto", 0), ("openvino", 1)):
        chooser = Chooser(engine)
        chooser.leave("/graphs/discogs-effnet-bs64-1.pb")
        assert len(chooser.warnings) == n_warnings
    assert chooser.warnings[0].startswith("discogs-effnet-bs64-1 runs in Essentia")


@pytest.mark.parametrize("kind", ["full", "head"])
def test_trained_graphs_agree_and_sampled_nodes_within_chance(exported_run, sampled_run, kind):
    patch = PATCH if kind == "full" else None
    chooser = Chooser("auto")
    assert chooser.choose(str(exported_run / "export" / f"{STEMS[kind]}.pb"), INPUT, ["model/Softmax"], patch)
    spread = [node_name(name) for name in ENTROPIES]
    assert chooser.choose(str(sampled_run / "export" / f"{STEMS[kind]}.pb"), INPUT, ["model/Softmax", *spread], patch)
    assert all(finding["difference"] < 1e-5 for finding in chooser.found.values())


def test_engines_are_compared_absolutely_up_to_1_and_relatively_above():
    rows = draw_rows((3,))
    found = compare_engines(lambda x: {"a": x + 0.01}, lambda x: {"a": x}, rows, "g")
    assert found == pytest.approx(0.01 / np.abs(rows).max(), rel=1e-3)
    assert compare_engines(lambda x: {"a": x * 0 + 0.01}, lambda x: {"a": x * 0}, rows, "g") == pytest.approx(0.01)


def sample(seed: int, shift: float = 0.0):
    random = np.random.default_rng(seed)
    return lambda rows: {"a": random.normal(0.5 + shift, 0.02, (len(rows), 2)).astype(np.float32)}


def test_sampled_nodes_are_compared_by_their_distribution():
    rows = draw_rows((3,))
    assert compare_engines(sample(1), sample(2), rows, "g") == 0
    with pytest.raises(GraphError, match="expected the mean"):
        compare_engines(sample(1, 0.1), sample(2), rows, "g")
    with pytest.raises(GraphError, match="other values in every run"):
        compare_engines(lambda x: {"a": np.full((len(x), 2), 0.5, np.float32)}, sample(2), rows, "g")


@pytest.mark.parametrize(
    ("ours", "message"),
    [(lambda x: {"a": x * np.nan}, "expected finite numbers"), (lambda x: {"a": x[:, :2]}, "expected shape")],
)
def test_answers_that_cannot_be_compared_are_refused(ours, message):
    with pytest.raises(GraphError, match=message):
        compare_engines(ours, lambda x: {"a": x}, draw_rows((3,)), "g")


def test_auto_leaves_what_would_be_slower_to_essentia(graph, monkeypatch):
    monkeypatch.setattr(choice, "compare_times", lambda *_: 2.0)
    auto = Chooser("auto")
    assert not auto.choose(graph, INPUT, NODES, PATCH)
    told = Chooser("openvino", remembered=auto.found)
    assert told.choose(graph, INPUT, NODES, PATCH)
    assert told.warnings == []


def test_the_time_of_engines_is_told_as_a_ratio():
    calls = []

    def quick(rows):
        calls.append("quick")

    def slow(rows):
        calls.append("slow")
        time.sleep(0.02)

    assert compare_times(quick, slow, draw_rows((3,))) < 1
    assert calls == ["quick", "slow"] * 3


@pytest.mark.slow
def test_a_front_end_is_shared_where_it_agrees_with_the_whole_graph(graphs, monkeypatch):
    path = str(graphs / "msd-musicnn-1.pb")
    first = Chooser("auto")
    assert first.choose(path, INPUT, NODES, PATCH)
    assert first.shared == {path}
    [finding] = first.found.values()
    assert finding["shared"]
    remembered = Chooser("openvino", remembered=first.found)
    assert remembered.choose(path, INPUT, NODES, PATCH)
    assert remembered.shared == {path}
    run = SharedNetwork.run_frames
    monkeypatch.setattr(SharedNetwork, "run_frames", lambda *told: {n: v + 2e-5 for n, v in run(*told).items()})
    wrong = Chooser("auto")
    assert wrong.choose(path, INPUT, NODES, PATCH)
    assert wrong.shared == set()


def test_a_graph_without_such_a_front_end_is_not_shared(graph):
    chooser = Chooser("auto")
    assert chooser.choose(graph, INPUT, NODES, PATCH)
    assert chooser.shared == set()


def test_not_a_number_is_no_agreement():
    class Broken:
        def run_frames(self, frames, hop):
            return {"a": np.full((5, 1), np.nan)}

    found = compare_shared(Broken(), lambda patches: {"a": np.zeros((len(patches), 1))}, (10, 3))
    assert not found <= choice.TOLERANCE


# --- golden answers ---------------------------------------------------------------------------------------------------


def test_golden_answers_prove_openvino_once(proved, monkeypatch):
    first = Chooser("auto")
    forbid(monkeypatch, "compare_engines")
    assert first.choose(proved, INPUT, NODES, PATCH)
    [finding] = first.found.values()
    assert (finding["graph"], finding["agrees"], finding["by"]) == ("msd-vgg-1", True, "answers")
    assert 0 <= finding["difference"] <= 1e-5
    forbid(monkeypatch, "CompiledNetwork")
    later = Chooser("auto", remembered=first.found)
    assert later.choose(proved, INPUT, NODES, PATCH)
    assert (later.found, later.warnings, later.ran_essentia) == ({}, [], False)


def test_golden_answers_that_are_not_given_leave_a_graph_to_essentia(proved, wrong):
    auto = Chooser("auto")
    assert not auto.choose(proved, INPUT, NODES, PATCH)
    told = Chooser("openvino", remembered=auto.found)
    assert told.choose(proved, INPUT, NODES, PATCH)
    assert told.warnings == ["msd-vgg-1 runs in OpenVINO, unproved: it differs from its golden answers by 0.01."]


@pytest.mark.parametrize("damage", [b"", b"PK", None])
def test_damaged_answers_are_told_and_essentia_is_asked(proved, graphs, damage):
    path = name_answers(proved)
    path.write_bytes(name_answers(graphs / "mtt-vgg-1.pb").read_bytes() if damage is None else damage)
    chooser = Chooser("auto")
    assert chooser.choose(proved, INPUT, NODES, PATCH)
    [warning] = chooser.warnings
    assert warning.startswith("golden answers: expected ")
    assert str(path) in warning
    [finding] = chooser.found.values()
    assert finding["by"] == "essentia"


def test_answers_that_do_not_cover_what_is_wanted_are_not_asked(proved, graphs):
    path, digest = Path(proved), digest_file(proved)
    values = read_answers(proved, digest).values
    write_answers(path, digest, INPUT, PATCH, RANGES[""], lambda _: {NODES[0]: values[NODES[0]]})
    chooser = Chooser("auto")
    assert chooser.choose(proved, INPUT, [*NODES, "model/dense/BiasAdd"], PATCH)
    write_answers(path, digest, INPUT, (64, 96), RANGES[""], lambda _: values)
    assert chooser.choose(proved, INPUT, NODES, PATCH)
    assert [finding["by"] for finding in chooser.found.values()] == ["essentia", "essentia"]


def test_answers_that_come_later_are_asked_then(graph, graphs, plain):
    told = Chooser("openvino")
    assert told.choose(graph, INPUT, NODES, PATCH)
    assert told.warnings == ["msd-vgg-1 runs in OpenVINO, unproved: it has no golden answers."]
    assert told.found == {}
    shutil.copy(name_answers(graphs / "msd-vgg-1.pb"), Path(graph).parent)
    assert told.choose(graph, INPUT, NODES, PATCH)
    assert len(told.warnings) == len(told.found) == 1


def test_without_tensorflow_golden_answers_are_proof_enough(proved, plain, monkeypatch):
    monkeypatch.undo()
    monkeypatch.delattr(es, "TensorflowPredict")
    chooser = Chooser("auto")
    forbid(monkeypatch, "compare_times")
    assert chooser.choose(proved, INPUT, NODES, PATCH)
    [finding] = chooser.found.values()
    assert (finding["by"], finding["agrees"], "time_ratio" in finding) == ("answers", True, False)
    assert not chooser.ran_essentia


def test_without_tensorflow_auto_refuses_what_nothing_proves(graph, plain):
    with pytest.raises(GraphError, match=r"has no golden answers.*take --engine openvino"):
        Chooser("auto").choose(graph, INPUT, NODES, PATCH)


def test_without_tensorflow_auto_refuses_what_differs(proved, plain, wrong):
    with pytest.raises(GraphError, match=r"differs from its golden answers by 0\.01"):
        Chooser("auto").choose(proved, INPUT, NODES, PATCH)


@pytest.mark.parametrize("engine", ["auto", "essentia"])
def test_without_both_engines_one_sentence_says_what_is_missing(proved, plain, monkeypatch, engine):
    monkeypatch.setattr(choice, "is_installed", lambda: False)
    with pytest.raises(GraphError, match=r"expected an Essentia with TensorFlow; got 'the package essentia"):
        Chooser(engine).choose(proved, INPUT, NODES, PATCH)
    with pytest.raises(GraphError, match="expected an Essentia with TensorFlow"):
        Chooser(engine).leave("/graphs/discogs-effnet-bs64-1.pb")


@pytest.mark.parametrize("kind", ["full", "head"])
def test_trained_graphs_are_proved_by_their_answers(exported_run, sampled_run, kind):
    patch = PATCH if kind == "full" else None
    chooser = Chooser("auto")
    for run in (exported_run, sampled_run):
        assert chooser.choose(str(run / "export" / f"{STEMS[kind]}.pb"), INPUT, ["model/Softmax"], patch)
    assert [finding["by"] for finding in chooser.found.values()] == ["answers", "answers"]
    assert all(finding["difference"] < 1e-5 for finding in chooser.found.values())
