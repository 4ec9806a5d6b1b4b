"""Calibration in exported graphs: between the logits and the softmax, and nowhere else."""

from __future__ import annotations

import functools
import json
import shutil

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError, TrainingError
from essentia_ldl.features.store import array_path
from essentia_ldl.nets import run as nets_run
from essentia_ldl.nets.export import export as export_module
from essentia_ldl.nets.export.freeze import check_graph
from essentia_ldl.nets.export.nodes import head_nodes
from essentia_ldl.nets.inputs.embeddings import open_embeddings
from essentia_ldl.nets.runtime import tf
from essentia_ldl.runs import calibrate as calibrate_module
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.scores.calibration import FILE, Calibration
from essentia_ldl.scores.calibration_file import read_calibration, write_calibration

CLASSES = ("non_sad", "sad")
HEAD, FULL = "mood_sad-msd-musicnn", "mood_sad-musicnn-msd"
LOGITS = {HEAD: "model/dense_1/BiasAdd", FULL: "model/dense_2/BiasAdd"}
T = 1.7


def read_graph(path):
    return tf.compat.v1.GraphDef.FromString(path.read_bytes())


def run_graph(path, names, inputs):
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(read_graph(path), name="")
        with tf.compat.v1.Session(graph=graph) as session:
            return session.run([f"{name}:0" for name in names], {"model/Placeholder:0": inputs})


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def vector(scale, bias, **fields):
    return Calibration("vector", CLASSES, scale, bias, **fields)


def temperature(value, **fields):
    return Calibration("temperature", CLASSES, (1 / value,) * 2, (0.0, 0.0), **fields)


def fit_temperature(digest):
    """Make what a fit of T would leave; tests that want its graphs share them."""
    numbers = {"n_tracks": 40, "nll_before": 0.5, "nll_after": 0.4, "ece_before": 0.2, "ece_after": 0.1}
    return temperature(T, model=digest, fitted_on="validation tracks", **numbers)


@pytest.fixture(scope="module")
def trained(exported_head):
    """A trained run that was not calibrated, exported."""
    return exported_head


@pytest.fixture(scope="module")
def export_with(trained, tmp_path_factory):
    """The function (calibration) -> folder of the graphs of the same weights with it, made once for all tests.

    With `head_only` the whole network, which takes several times as long, is left out.
    """

    @functools.cache
    def make(found, method=None, head_only=False):
        folder = tmp_path_factory.mktemp("exported") / "run"
        shutil.copytree(trained, folder, ignore=shutil.ignore_patterns("export"))
        plan = json.loads((folder / "plan.json").read_text())
        (folder / "plan.json").write_text(json.dumps({**plan, "calibration": method or found.kind}))
        if found is not None:
            write_calibration(folder / FILE, found)
        write = export_module._write
        with pytest.MonkeyPatch.context() as patch:
            if head_only:
                patch.setattr(
                    export_module, "_write", lambda plan, kind, *a: write(plan, kind, *a) if kind == "head" else None
                )
            export_module.export(folder)
        return folder / "export"

    return make


@pytest.mark.parametrize("stem", [HEAD, FULL])
@pytest.mark.parametrize("kind", ["temperature", pytest.param("vector", marks=pytest.mark.slow)])
def test_the_softmax_reads_calibrated_logits_and_the_logits_stay(trained, export_with, stem, kind):
    digest = calibrate_module.digest_weights(trained)
    found = fit_temperature(digest) if kind == "temperature" else vector((0.4, 1.3), (0.2, -0.2), model=digest)
    scale, bias = ((1 / T, 1 / T), (0.0, 0.0)) if kind == "temperature" else ((0.4, 1.3), (0.2, -0.2))
    graph = export_with(found) / f"{stem}.pb"
    plain = trained / "export" / f"{stem}.pb"
    with np.load(plain.with_name(f"{stem}.golden.npz")) as golden:
        inputs = golden["patches_0"]
        others = [name for name in golden["nodes"].tolist() if name not in ("model/Softmax", "model/Sigmoid")]
    names = ["model/Softmax", "model/Sigmoid", *others]
    before, after = (dict(zip(names, run_graph(path, names, inputs), strict=True)) for path in (plain, graph))
    for name in others:
        np.testing.assert_array_equal(before[name], after[name], err_msg=f"{name} is not calibrated")
    expected = softmax(before[LOGITS[stem]].astype(np.float64) * scale + bias)
    np.testing.assert_allclose(after["model/Softmax"], expected, atol=1e-6)
    np.testing.assert_array_equal(after["model/Sigmoid"], after["model/Softmax"])
    assert np.abs(after["model/Softmax"] - before["model/Softmax"]).max() > 1e-3
    with np.load(graph.with_name(f"{stem}.golden.npz")) as golden:
        np.testing.assert_allclose(golden["model__Softmax_0"], expected, atol=1e-6)


@pytest.mark.parametrize("value", [0.05, *(pytest.param(value, marks=pytest.mark.slow) for value in (0.7, 1.7, 40.0))])
def test_a_temperature_never_changes_the_class_of_a_patch(trained, export_with, value):
    graph = (
        export_with(temperature(value, model=calibrate_module.digest_weights(trained)), head_only=True) / f"{HEAD}.pb"
    )
    inputs = np.random.default_rng(0).normal(0, 3, (500, 200)).astype(np.float32)
    (before,), (after,) = (run_graph(p, ["model/Softmax"], inputs) for p in (trained / "export" / f"{HEAD}.pb", graph))
    assert len(set(before.argmax(axis=1))) == 2
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))


@pytest.mark.slow
def test_a_temperature_costs_one_multiplication_and_one_constant(trained, export_with):
    digest = calibrate_module.digest_weights(trained)
    plain = read_graph(trained / "export" / f"{HEAD}.pb")

    def added(found):
        graph = read_graph(export_with(found, head_only=True) / f"{HEAD}.pb")
        check_graph(graph, [node.name for node in head_nodes()])
        old = {node.name for node in plain.node}
        return sorted(node.op for node in graph.node if node.name not in old)

    assert added(temperature(T, model=digest)) == ["Const", "Mul"]
    assert added(vector((0.4, 1.3), (0.2, -0.2), model=digest)) == ["AddV2", "Const", "Const", "Mul"]
    same = export_with(temperature(1.0, model=digest), head_only=True) / f"{HEAD}.pb"
    assert same.read_bytes() == (trained / "export" / f"{HEAD}.pb").read_bytes(), "T = 1 adds nothing"


def test_the_card_says_what_is_baked_in(trained, export_with):
    digest = calibrate_module.digest_weights(trained)
    folder = export_with(fit_temperature(digest))
    for stem in (HEAD, FULL):
        extra = json.loads((folder / f"{stem}.json").read_text())["essentia_ldl"]
        assert extra["calibration"] == {
            "method": "temperature",
            "temperature": pytest.approx(T),
            "n_tracks": 40,
            "fitted_on": "validation tracks",
            "nll": {"before": 0.5, "after": 0.4},
            "ece": {"before": 0.2, "after": 0.1},
            "reason": "",
        }
        (note,) = [note for note in extra["notes"] if "calibrated" in note]
        assert "T = 1.7, from 40 validation tracks" in note
        assert f"The logits at {LOGITS[stem]} are not." in note
    extra = json.loads((trained / "export" / f"{HEAD}.json").read_text())["essentia_ldl"]
    assert extra["calibration"]["method"] == "none"
    assert not any("calibrated" in note for note in extra["notes"])


def test_a_calibration_of_another_model_is_one_clear_error(export_with):
    with pytest.raises(DataError, match=r"calibration: expected the one of the weights .* calibrate` on this run"):
        export_with(temperature(T, model="0" * 64))


def test_a_calibration_of_other_classes_is_one_clear_error(trained, export_with):
    numbers = {"scale": (0.5,) * 3, "bias": (0.0,) * 3, "model": calibrate_module.digest_weights(trained)}
    with pytest.raises(DataError, match="calibration: expected classes"):
        export_with(Calibration("temperature", ("a", "b", "c"), **numbers))


def test_a_run_that_was_to_be_calibrated_and_was_not_is_not_exported(export_with):
    with pytest.raises(StoreError, match="calibration: expected a file; got 'no file'"):
        export_with(None, "temperature")


def test_a_plan_that_asks_for_another_method_is_refused(make_run):
    with pytest.raises(TrainingError, match="calibration: expected temperature, vector, none; got 'platt'"):
        read_plan(make_run(calibration="platt"))


def plant_embeddings(plan):
    """Store two embeddings per track in place of those of the network, which are slow to compute."""
    body = open_embeddings(plan, {})
    for number, track in enumerate(plan.tracks):
        rows = np.random.default_rng([9, number]).normal(size=(2, 256)).astype(np.float32)
        rows[:, :8] += 0.5 * (track.label == "sad")
        path = array_path(body._folder, track.content)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, rows)


@pytest.mark.slow
@pytest.mark.parametrize("planted", [True, False])
def test_a_training_calibrates_itself_and_its_predictions_are_what_its_graph_answers(
    make_run, tmp_path, capsys, planted
):
    own = {"store": tmp_path / "store", "n_frames": 190, "network": {"backbone": "vgg"}}
    size = {"n_tracks": 150, "n_frames": 380, "calibration": "temperature", "training": {"epochs": 3}}
    folder = make_run(**{**size, **(own if planted else {})})
    plan = read_plan(folder)
    if planted:
        plant_embeddings(plan)
    assert nets_run.main([str(folder)]) == 0
    found = read_calibration(folder / FILE, calibrate_module.digest_weights(folder), CLASSES)
    assert found.n_tracks == 25
    assert f", {found.name} (" in capsys.readouterr().out.splitlines()[0]
    embeddings = open_embeddings(plan, {}).load([track.content for track in plan.tracks])
    with np.load(folder / "predictions.npz") as arrays:
        shown, counts, raw = arrays["probabilities"], arrays["n_patches"], arrays["patch_logits"]
    assert set(counts) == {2 if planted else 3}
    rows, logits = run_graph(
        folder / "export" / f"{HEAD}.pb", ["model/Softmax", LOGITS[HEAD]], np.concatenate(list(embeddings))
    )
    means = np.add.reduceat(rows, np.cumsum(counts) - counts, axis=0) / counts[:, None]
    np.testing.assert_allclose(shown, means, atol=1e-5)
    np.testing.assert_allclose(raw, logits, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_exporting_alone_does_not_train(make_run, capsys):
    small = {"n_tracks": 12, "n_frames": 190, "network": {"backbone": "vgg"}, "training": {"epochs": 1}}
    folder = make_run(**small, calibration="temperature")
    assert nets_run.main([str(folder)]) == 0
    history = (folder / "history.json").stat().st_mtime_ns
    first = (folder / "export" / f"{HEAD}.pb").read_bytes()
    write_calibration(folder / FILE, temperature(T, model=calibrate_module.digest_weights(folder)))
    capsys.readouterr()
    assert nets_run.main(["--export-only", str(folder)]) == 0
    assert [line.split(" exported")[0] for line in capsys.readouterr().out.splitlines()] == ["mood sad:"] * 2
    assert (folder / "history.json").stat().st_mtime_ns == history
    assert (folder / "export" / f"{HEAD}.pb").read_bytes() != first
