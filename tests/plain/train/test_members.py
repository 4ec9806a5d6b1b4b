"""Members of an ensemble: what may be put together, and what the run folder of the ensemble says."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.files import Home, read_json
from essentia_ldl.runs import calibrate as calibrating
from essentia_ldl.runs.predictions import read_side
from essentia_ldl.train import ensemble as ensembles
from essentia_ldl.train import train as steps
from essentia_ldl.train.members import Member, assemble, check_members, join_plans

here = Home.from_environment  # the fixtures set the variable
CLASSES = ["non_sad", "sad"]
ROLES = ["train", "train", "valid", "valid", "test", "test"]
EXTRACTOR = {
    **{"name": "e", "graph": "e.pb", "algorithm": "a", "link": "", "sha256": "1", "node": "n", "size": 3},
    **{"folder": "f", "patch_frames": 187, "patch_hop_frames": 93, "resample_quality": 4},
}
NETWORK = {"backbone": "musicnn", "pretrained": "msd", "fine_tune": "head", "hidden": 4}


def softmax(values):
    values = np.exp(values - values.max(axis=-1, keepdims=True))
    return values / values.sum(axis=-1, keepdims=True)


@pytest.fixture
def write_member(tmp_path):
    """A function (name, seed, **changes of the plan) -> Member with six tracks of 1 to 3 patches."""

    def write(name, seed=0, roles=ROLES, ids=None, counts=(1, 2, 3, 1, 2, 3), classes=CLASSES, **changes):
        folder, random = tmp_path / "runs" / name, np.random.default_rng(seed)
        folder.mkdir(parents=True)
        ids = ids or [f"t{n}" for n in range(len(roles))]
        labels = [classes[n % 2] for n in range(len(ids))]
        tracks = [
            {"id": i, "content": f"{i}-content", "role": role, "label": label}
            for i, role, label in zip(ids, roles, labels, strict=True)
        ]
        plan = {
            "run": name,
            "task": "mood-sad",
            "name": "mood sad",
            "description": "",
            "front_end": "musicnn",
            "training": {"epochs": 1},
            **{"store": "store", "graphs": "graphs"},
            "classes": classes,
            "network": NETWORK,
            "calibration": "temperature",
            "samples": 30,
            "export": False,
            "stems": {"full": "mood_sad-musicnn-msd", "head": "mood_sad-msd-musicnn"},
            "tracks": tracks,
            "artists": {i: f"artist of {i}" for i in ids},
            "paths": {i: f"/music/{i}" for i in ids},
            **changes,
        }
        (folder / "plan.json").write_text(json.dumps(plan))
        rows = [",".join(["id", *classes])]
        rows += [
            f"{i},{float(label == classes[0])},{float(label == classes[1])}"
            for i, label in zip(ids, labels, strict=True)
        ]
        (folder / "labels.csv").write_text("\n".join(rows) + "\n")
        (folder / "labels.json").write_text("{}")
        (folder / "history.json").write_text(json.dumps({"best_epoch": seed}))
        np.savez(folder / "weights.npz", **{"logits/kernel": random.normal(size=(4, 2))})
        logits = random.normal(size=(sum(counts), 2)).astype(np.float32)
        np.savez(
            folder / "predictions.npz",
            ids=np.array(ids),
            roles=np.array(roles),
            labels=np.array(labels),
            classes=np.array(classes),
            probabilities=np.zeros((len(ids), 2), np.float32),
            patch_logits=logits,
            n_patches=np.array(counts),
        )
        return Member(name, folder)

    return write


def test_the_predictions_are_the_mean_over_patches_and_members(tmp_path, write_member):
    members = [write_member(f"m{n}", n) for n in range(3)]
    run = tmp_path / "ensemble"
    assemble(join_plans(run, members), members)
    expected = []
    for row in range(6):
        means = []
        for member in members:
            found = member.read_predictions()
            start = int(found.n_patches[:row].sum())
            means.append(softmax(found.patch_logits[start : start + found.n_patches[row]]).mean(axis=0))
        expected.append(np.mean(means, axis=0))
    with np.load(run / "predictions.npz") as arrays:
        np.testing.assert_allclose(arrays["probabilities"], expected, atol=1e-6)
        assert arrays["n_patches"].tolist() == [3, 6, 9, 3, 6, 9]
    sample = read_side(run, "valid")  # a calibration reads it as any other run
    assert sample.ids == ("t2", "t3")


def test_weights_are_those_of_every_member_under_its_number(tmp_path, write_member):
    members = [write_member(f"m{n}", n) for n in range(2)]
    assemble(join_plans(tmp_path / "ensemble", members), members)
    with np.load(tmp_path / "ensemble" / "weights.npz") as arrays:
        assert sorted(arrays.files) == ["0/logits/kernel", "1/logits/kernel"]
        for number, member in enumerate(members):
            with np.load(member.folder / "weights.npz") as own:
                assert arrays[f"{number}/logits/kernel"].tobytes() == own["logits/kernel"].tobytes()


def test_the_plan_names_the_members_and_asks_for_a_graph_without_samples(tmp_path, write_member):
    members = [write_member(f"m{n}", n) for n in range(2)]
    assemble(dataclasses.replace(join_plans(tmp_path / "ensemble", members), name="other"), members)
    plan = read_json(tmp_path / "ensemble" / "plan.json")
    assert (plan["members"], plan["export"], plan["samples"], plan["name"]) == (["m0", "m1"], True, 0, "other")
    assert [track["role"] for track in plan["tracks"]] == ROLES
    assert read_json(tmp_path / "ensemble" / "history.json") == {"best_epoch": 0}


def test_a_track_that_trained_one_member_does_not_validate(tmp_path, write_member):
    other = ["valid", "train", "train", "valid", "valid", "test"]
    members = [write_member("m0", 0), write_member("m1", 1, roles=other)]
    assemble(join_plans(tmp_path / "ensemble", members), members)
    roles = {track["id"]: track["role"] for track in read_json(tmp_path / "ensemble" / "plan.json")["tracks"]}
    assert roles == {"t0": "train", "t1": "train", "t2": "train", "t3": "valid", "t4": "valid", "t5": "test"}
    with np.load(tmp_path / "ensemble" / "predictions.npz") as arrays:
        assert dict(zip(arrays["ids"].tolist(), arrays["roles"].tolist(), strict=True)) == roles


def test_tracks_of_some_members_train_and_are_not_predicted(tmp_path, write_member):
    members = [write_member("m0", 0), write_member("m1", 1, ids=["t0", "t1", "t2", "t3", "t4", "new"])]
    assemble(join_plans(tmp_path / "ensemble", members), members)
    plan = read_json(tmp_path / "ensemble" / "plan.json")
    assert {track["id"] for track in plan["tracks"]} == {"t0", "t1", "t2", "t3", "t4", "t5", "new"}
    assert plan["artists"]["new"] == "artist of new"
    with np.load(tmp_path / "ensemble" / "predictions.npz") as arrays:
        assert arrays["ids"].tolist() == ["t0", "t1", "t2", "t3", "t4"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ["happy", "non_happy"]}, r"classes: expected the classes of m0, non_sad, sad; got 'happy, non_ha"),
        ({"network": {**NETWORK, "backbone": "vgg"}}, r"network.backbone: expected 'musicnn', as in m0; got 'vgg'"),
        ({"network": {**NETWORK, "hidden": 100}}, r"network.hidden: expected 4, as in m0; got 100"),
        ({"extractor": EXTRACTOR}, "extractor: expected the bytes that m0 read"),
        ({"members": ["a", "b"]}, "member: expected a single network; got 'an ensemble'"),
        ({"evaluation_hop_frames": 187}, "patch hop: expected patches as predict cuts them; got 187"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(write_member, changes, message):
    members = [write_member("m0", 0), write_member("m1", 1, **changes)]
    with pytest.raises(DataError, match=message):
        check_members(members)


def test_members_that_fit_are_accepted(write_member):
    check_members([write_member("m0", 0), write_member("m1", 1)])


def test_one_network_is_no_ensemble_and_each_counts_once(write_member):
    member = write_member("m0", 0)
    with pytest.raises(DataError, match="expected two networks or more; got 1"):
        check_members([member])
    with pytest.raises(DataError, match="expected each network once; got 'm0'"):
        check_members([member, member])


def test_a_run_without_weights_is_named(write_member):
    members = [write_member("m0", 0), write_member("m1", 1)]
    (members[1].folder / "weights.npz").unlink()
    with pytest.raises(StoreError, match=r"expected trained weights.*m1"):
        check_members(members)


def test_other_patches_of_a_track_are_refused(tmp_path, write_member):
    members = [write_member("m0", 0), write_member("m1", 1, counts=(1, 2, 3, 1, 2, 4))]
    with pytest.raises(DataError, match=r"expected patches \(3, 2\) of t5, as m0; got \(4, 2\) \(m1\)"):
        assemble(join_plans(tmp_path / "ensemble", members), members)


def test_collections_that_share_no_track_are_refused(tmp_path, write_member):
    members = [write_member("m0", 0), write_member("m1", 1, ids=[f"u{n}" for n in range(6)])]
    with pytest.raises(DataError, match="expected some that all members answer for; got 0"):
        assemble(join_plans(tmp_path / "ensemble", members), members)


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def _without_zones(tmp_path, monkeypatch):
    """What the nets and the sound zone do is left out."""
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))
    monkeypatch.setattr(ensembles, "run_zone", lambda *arguments: None)
    monkeypatch.setattr(steps, "deliver", lambda run, measured: ((read_json(run / "plan.json")["stems"]["full"],), {}))


@pytest.mark.usefixtures("_without_zones")
def test_an_ensemble_of_runs_has_its_own_name(write_member):
    for number in range(2):
        folder = write_member(f"mood-sad-{number}", number).folder
        (folder / "scores.json").write_text(json.dumps({"classes": CLASSES}))
    said = []
    done = ensembles.make_ensemble("my-sad", ["mood-sad-0", "mood-sad-1"], here(), say=said.append)
    plan = read_json(done.run / "plan.json")
    assert done.run.name.startswith("my-sad-")
    assert plan["stems"] == {"full": "my_sad-musicnn-msd", "head": "my_sad-msd-musicnn"}
    assert plan["members"] == ["mood-sad-0", "mood-sad-1"]
    assert said[0] == "ensemble of 2: mood-sad-0, mood-sad-1"
    assert read_json(done.run / "calibration.json")["n_tracks"] == 2  # too few, so that T stays 1 and says why
    assert "too few" in read_json(done.run / "calibration.json")["reason"]


@pytest.mark.usefixtures("_without_zones")
def test_the_folds_of_a_cross_validation_are_calibrated_on_what_each_tested(tmp_path, write_member):
    for number in range(3):
        roles = ["train"] * 6
        roles[2 * number : 2 * number + 2] = ["test", "test"]
        write_member(f"mood-sad-crossval/none-0-{number}", number, roles=roles)
    scores = {
        "folds": [{"seed": 0, "fold": number} for number in range(3)],
        "sources": {"none": {"balanced_accuracy_mean": 0.5}},
    }
    (tmp_path / "runs" / "mood-sad-crossval" / "scores.json").write_text(json.dumps(scores))
    done = ensembles.make_ensemble("folds", ["mood-sad-crossval"], here())
    plan, kept = read_json(done.run / "plan.json"), done.run / calibrating.OUT_OF_FOLD
    assert len(plan["members"]) == 3
    assert {track["role"] for track in plan["tracks"]} == {"train"}
    assert sorted(read_side(kept, "test").ids) == [f"t{n}" for n in range(6)]
    assert read_json(done.run / "calibration.json")["fitted_on"] == "out-of-fold tracks"


@pytest.mark.usefixtures("_without_zones")
def test_a_cross_validation_stands_alone(tmp_path, write_member):
    folder = write_member("mood-sad-0", 0).folder
    (folder / "scores.json").write_text(json.dumps({"classes": CLASSES}))
    crossval = tmp_path / "runs" / "cv"
    crossval.mkdir()
    (crossval / "scores.json").write_text(json.dumps({"folds": [], "sources": {}}))
    with pytest.raises(DataError, match="runs of train, or one cross-validation"):
        ensembles.make_ensemble("x", ["mood-sad-0", "cv"], here())


@pytest.mark.parametrize("name", ["", "a b", "../x", "a/b"])
def test_a_name_that_is_no_file_name_is_refused(name):
    with pytest.raises(DataError, match="name: expected letters, digits and hyphens"):
        ensembles.make_ensemble(name, ["a", "b"], here())
