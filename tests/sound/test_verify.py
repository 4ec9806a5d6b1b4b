"""Verification: what passes, and everything that must not."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.errors import EssentiaLdlError, GraphError
from essentia_ldl.files import Home, digest_file
from essentia_ldl.frontends import MUSICNN
from essentia_ldl.models.answers import name_answers, read_answers
from essentia_ldl.sound import verify
from essentia_ldl.sound.features import extract_features
from essentia_ldl.sound.verify import verify_run

FULL, HEAD = "mood_sad-musicnn-msd", "mood_sad-msd-musicnn"
SOFTMAX, LOGITS = "model__Softmax", "model__dense_2__BiasAdd"


def edit_golden(run: Path, stem: str, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    path = run / "export" / f"{stem}.golden.npz"
    with np.load(path, allow_pickle=False) as arrays:
        values = dict(arrays)
    change(values)
    np.savez(path, **values)


def assert_refused(run: Path, pattern: str) -> None:
    """`verify_run` raises, and leaves no report that could be taken for a pass."""
    with pytest.raises(GraphError, match=pattern):
        verify_run(run)
    assert not (run / "export" / "verify.json").exists()


def test_exported_run_passes(copied_run):
    report = verify_run(copied_run)
    assert report == json.loads((copied_run / "export" / "verify.json").read_text())
    assert report["golden"].keys() == {FULL, HEAD}
    full, head = report["golden"][FULL], report["golden"][HEAD]
    assert {"model/Softmax", "model/Sigmoid", "model/dense/BiasAdd"} <= full.keys()
    assert {"model/Softmax", "model/dense/BiasAdd", "model/dense_1/BiasAdd"} <= head.keys()
    for nodes in (full, head):
        assert nodes["model/Softmax"] <= 1e-5
        assert all(value <= 1e-4 for value in nodes.values())
    audio = [entry["path"] for entry in json.loads((copied_run / "plan.json").read_text())["audio"]]
    assert list(report["audio"]) == audio
    for found in report["audio"].values():
        assert found.keys() == {"audio to full graph", "audio to head"}
        assert all(value <= 1e-5 for value in found.values())


@pytest.mark.parametrize(("stem", "index"), [(FULL, 0), (FULL, 1), (FULL, 2), (HEAD, 0)])
def test_probabilities_off_by_1e_4(stem, index, copied_run):
    def change(values: dict[str, np.ndarray]) -> None:
        values[f"{SOFTMAX}_{index}"][-1, 0] += 1e-4

    edit_golden(copied_run, stem, change)
    assert_refused(copied_run, rf"model/Softmax: expected what Keras computed, to 1e-05; got .*{stem}\.pb")


def test_answers_that_travel_off_by_1e_4(copied_run):
    graph = copied_run / "export" / f"{FULL}.pb"
    answers = read_answers(graph, digest_file(graph))
    assert verify.replay_answers(graph).keys() == answers.values.keys()
    path = name_answers(graph)
    with np.load(path) as arrays:
        values = dict(arrays)
    values[f"answers_{list(answers.values).index('model/Softmax')}"][-1, 0] += 1e-4
    np.savez_compressed(path, **values)
    assert_refused(copied_run, rf"model/Softmax: expected what Keras computed, to 1e-05; got .*{FULL}\.pb")


@pytest.mark.slow
def test_a_run_without_answers_that_travel_passes(copied_run):
    for path in (copied_run / "export").glob("*.answers.npz"):
        path.unlink()
    assert verify_run(copied_run)["golden"].keys() == {FULL, HEAD}


def test_logits_off_by_1e_3(copied_run):
    def change(values: dict[str, np.ndarray]) -> None:
        values[f"{LOGITS}_0"] *= 1.001

    edit_golden(copied_run, FULL, change)
    assert_refused(copied_run, "model/dense_2/BiasAdd: expected what Keras computed, to 0.0001")


def test_nan(copied_run):
    def change(values: dict[str, np.ndarray]) -> None:
        values[f"{SOFTMAX}_0"][0, 0] = np.nan

    edit_golden(copied_run, HEAD, change)
    assert_refused(copied_run, "model/Softmax: expected what Keras computed.*got nan")


def test_shape(copied_run):
    def change(values: dict[str, np.ndarray]) -> None:
        values[f"{SOFTMAX}_0"] = np.repeat(values[f"{SOFTMAX}_0"], 2, axis=1)

    edit_golden(copied_run, FULL, change)
    assert_refused(copied_run, r"model/Softmax: expected shape \(4, 4\); got \(4, 2\)")


def test_missing_node(copied_run):
    def change(values: dict[str, np.ndarray]) -> None:
        values["nodes"] = np.append(values["nodes"], "model/dense_9/BiasAdd")
        values["model__dense_9__BiasAdd_0"] = values[f"{SOFTMAX}_0"]

    edit_golden(copied_run, FULL, change)
    assert_refused(copied_run, "graph: expected a frozen graph with the nodes of its card; got .*model/dense_9/BiasAdd")


def test_golden_without_the_values_of_a_node(copied_run):
    edit_golden(copied_run, FULL, lambda values: values.pop(f"{SOFTMAX}_1"))
    with pytest.raises(EssentiaLdlError):
        verify_run(copied_run)


def test_golden_without_patches(copied_run):
    """Nothing was compared, so nothing was proved."""

    def change(values: dict[str, np.ndarray]) -> None:
        for name in [name for name in values if name.startswith("patches_")]:
            del values[name]

    edit_golden(copied_run, HEAD, change)
    assert_refused(copied_run, "golden")


def test_no_golden(copied_run):
    for path in (copied_run / "export").glob("*.golden.npz"):
        path.unlink()
    assert_refused(copied_run, "export: expected golden patches; got 'none'")


def test_graph_whose_golden_is_missing(copied_run):
    """Both graphs are promoted, so both are verified."""
    (copied_run / "export" / f"{HEAD}.golden.npz").unlink()
    assert_refused(copied_run, "golden")


def test_graph_of_other_weights(copied_run):
    data = bytearray((copied_run / "export" / f"{HEAD}.pb").read_bytes())
    values = np.random.default_rng(0).uniform(-0.3, 0.3, 2000).astype("<f4").tobytes()
    middle = len(data) // 2  # within the largest constant
    data[middle : middle + len(values)] = values
    (copied_run / "export" / f"{HEAD}.pb").write_bytes(data)
    assert_refused(copied_run, rf"expected what Keras computed.*{HEAD}\.pb")


@pytest.mark.parametrize("data", [b"", b"not a graph"])
def test_graph_that_does_not_load(data, copied_run):
    (copied_run / "export" / f"{FULL}.pb").write_bytes(data)
    assert_refused(copied_run, "graph: expected a frozen graph with the nodes of its card")


def test_bands_that_are_not_those_of_the_file(copied_run):
    """The patches of training came from elsewhere than the audio: another hop, another loader."""
    plan = json.loads((copied_run / "plan.json").read_text())
    first, second = plan["audio"]
    first["content"], second["content"] = second["content"], first["content"]
    (copied_run / "plan.json").write_text(json.dumps(plan))
    assert_refused(copied_run, r"model/S\w+: expected")


@pytest.mark.slow
def test_program_ends_with_its_status(copied_run, run_python):
    done = run_python("-m", "essentia_ldl.sound", str(copied_run), ESSENTIA_LDL_LEAN="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("verified in Essentia: 2 graphs, largest difference ")
    (copied_run / "export" / f"{FULL}.pb").write_bytes(b"not a graph")
    done = run_python("-m", "essentia_ldl.sound", str(copied_run), ESSENTIA_LDL_LEAN="1")
    assert done.returncode == 1
    assert done.stderr.startswith("error: graph: expected a frozen graph with the nodes of its card")
    assert done.stderr.count("\n") == 1


def test_failed_verification_promotes_nothing(copied_run, monkeypatch):
    """The steps of `train` from verification to graphs/, with verification in this process."""
    from essentia_ldl.train import train as train_module
    from essentia_ldl.zones import StepFailed

    def run_zone(module: str, *arguments: str) -> None:
        if module == "essentia_ldl.sound" and verify.main(list(arguments)) != 0:
            raise StepFailed("", 1)

    edit_golden(copied_run, FULL, lambda values: values[f"{SOFTMAX}_0"].__iadd__(1e-4))
    monkeypatch.setattr(train_module, "run_zone", run_zone)
    monkeypatch.setattr(train_module, "promote", lambda *_: pytest.fail("an unverified graph was promoted"))
    with pytest.raises(StepFailed):
        train_module.finish(copied_run, train_module.Collection((), {}, {}, (), Home.from_environment()))


@pytest.mark.parametrize("name", [pytest.param("a.opus", marks=pytest.mark.slow), "latin\udce9.wav"])
def test_a_file_that_needs_a_detour_is_verified_too(name, copied_run, song, encode, graphs, tmp_path):
    """Opus through MonoLoader would kill the process; a name that is not UTF-8 would be refused by it."""
    plain = tmp_path / f"plain{Path(name).suffix}"
    path = encode(song, plain, "-c:a", "libopus") if name.endswith("opus") else shutil.copy(song, plain)
    os.rename(path, tmp_path / name)
    path = str(tmp_path / name)
    bands = extract_features(path, (MUSICNN,))[0][MUSICNN.name]
    exported = copied_run / "export"
    found = verify.replay_audio(path, bands, MUSICNN, exported / f"{FULL}.pb", exported / f"{HEAD}.pb", graphs)
    assert set(found) == {"audio to full graph", "audio to head"}
    assert max(found.values()) <= 1e-5
