"""Which networks of a run can be looked at, which pictures each has, and runs that have none."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError, WeightsError
from essentia_ldl.files import digest_file
from essentia_ldl.nets.looking.subjects import list_subjects
from essentia_ldl.nets.trained_weights import read_weights
from essentia_ldl.runs.names import WEIGHTS
from essentia_ldl.runs.plan import read_plan


def test_the_network_of_a_run_has_its_weights(make_wave_run):
    folder = make_wave_run(backbone="framecnn", seconds=3.0)
    (subject,) = list_subjects(read_plan(folder))
    assert (subject.name, subject.digest) == ("framecnn", digest_file(folder / WEIGHTS))
    assert subject.standardize == "input_standardize"
    kernel = subject.model.get_layer("stem").kernel.numpy()
    read_weights(folder / WEIGHTS, subject.model)
    np.testing.assert_array_equal(subject.model.get_layer("stem").kernel.numpy(), kernel)
    assert subject.pictures == {"filters": ("stem",), "ascent": ("stem", "conv_1", "conv_2")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "pictures"),
    [("samplecnn-rese1", ["filters", "ascent", "excitations"]), ("harmoniccnn", ["ascent", "harmonics"])],
)
def test_a_network_has_the_pictures_of_its_layers(make_wave_run, backbone, pictures):
    (subject,) = list_subjects(read_plan(make_wave_run(backbone=backbone, seconds=6.0)))
    assert list(subject.pictures) == pictures
    assert not any("shortcut" in name for name in subject.pictures["ascent"])


def test_below_a_head_are_pretrained_networks(make_run):
    (subject,) = list_subjects(read_plan(make_run()))
    assert (subject.name, list(subject.pictures)) == ("msd-musicnn", ["bands"])
    assert len(subject.pictures["bands"]) == 5
    names = ["msd-musicnn", "mtt-vgg"]
    joint = make_run("joint", network={"backbones": names, "layers": "deep"})
    subjects = list_subjects(read_plan(joint))
    assert [(one.name, list(one.pictures)) for one in subjects] == [("msd-musicnn", ["bands"]), ("mtt-vgg", [])]


def test_below_a_classifier_are_the_networks_whose_features_it_reads(make_wave_run, make_run):
    first, second = (make_wave_run(name, "framecnn", seconds=3.0) for name in ("first", "second"))
    classifier = make_run("classifier", features=["../first", "../second"])
    subjects = list_subjects(read_plan(classifier))
    assert [(subject.name, subject.plan.folder) for subject in subjects] == [("first", first), ("second", second)]


def test_weights_that_are_missing_are_told(make_wave_run, make_run, tmp_path):
    folder = make_wave_run(backbone="framecnn", trained=False)
    with pytest.raises(StoreError, match=r"weights: expected those of the plan's network; got .*No such file"):
        list_subjects(read_plan(folder))
    with pytest.raises(WeightsError, match="graphs build"):
        list_subjects(read_plan(make_run("bare", graphs=str(tmp_path / "nothing"))))


def test_a_run_of_several_networks_names_the_remedy(make_run):
    with pytest.raises(DataError, match=r"look: expected a run of one network; got '2 members' .* run of a member"):
        list_subjects(read_plan(make_run(members=["a", "b"])))
