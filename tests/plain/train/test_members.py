"""Members of an ensemble: what may be put together, and what the run folder of the ensemble says."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.files import Home, read_json
from essentia_ldl.runs.predictions import read_side
from essentia_ldl.train.members import assemble, check_members, join_plans

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


def test_members_over_other_bytes_of_an_extractor_are_no_ensemble(write_member):
    known = {"name": "net-1", "size": 6, "input_name": "x", "node": "y", "link": "", "licence": "unknown"}

    def write(name, digest):
        network = {**NETWORK, "backbones": ["msd-vgg", "net-1"], "published": [{**known, "sha256": digest}]}
        return write_member(name, network=network)

    check_members([write("m0", "1"), write("m1", "1")])
    with pytest.raises(DataError, match="extractor: expected the bytes that m2 read; got 'others'"):
        check_members([write("m2", "1"), write("m3", "2")])
