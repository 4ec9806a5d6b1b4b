"""The step that looks inside networks: what it writes, that it goes on where it was, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError, UnknownNameError
from essentia_ldl.files import write_json
from essentia_ldl.nets.looking import ascent, look
from essentia_ldl.nets.looking.look import look_inside, main
from essentia_ldl.nets.networks import build_model
from essentia_ldl.nets.trained_weights import write_weights
from essentia_ldl.runs.looks import FOLDER, Seen, read_list, read_look
from essentia_ldl.runs.names import WEIGHTS
from essentia_ldl.runs.plan import read_plan

NETWORK = "samplecnn-1s-se"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ascent, "N_STEPS", 2)


@pytest.mark.slow
def test_a_look_is_written_and_read_back(make_wave_run):
    run = make_wave_run()
    seen = look_inside(run, ["filters", "ascent", "excitations"], ["block_1_conv", "stem"])
    layers = [("filters", "stem"), ("ascent", "stem"), ("ascent", "block_1_conv"), ("excitations", "")]
    assert seen == [Seen(NETWORK, *one) for one in layers]
    assert read_list(run) == (tuple(seen), ())
    looks = [read_look(run, one) for one in seen]
    assert looks[0].spectra.shape[0] == looks[1].spectra.shape[0] == 4
    assert looks[3].role == "test"
    assert sorted(path.name for path in (run / FOLDER).iterdir()) == ["looks.json", NETWORK]


def test_a_look_that_was_stopped_goes_on_and_other_weights_are_looked_at_anew(make_wave_run, monkeypatch):
    run, made = make_wave_run(backbone="framecnn", seconds=3.0), []
    write = look.write_look
    monkeypatch.setattr(look, "write_look", lambda *given: made.append(given[1].picture) or write(*given))
    look_inside(run, ["filters"])
    look_inside(run, ["filters", "ascent"], ["conv_1"])
    assert made == ["filters", "ascent"]
    (run / FOLDER / "framecnn" / "filters-stem.npz").write_bytes(b"cut off")
    look_inside(run, ["filters", "ascent"], ["conv_1"])
    assert made[2:] == ["filters"]
    model = build_model(read_plan(run), pretrained=False)
    model.get_layer("stem").kernel.assign(np.ones((1024, 1, 16)))
    write_weights(run / WEIGHTS, model)
    look_inside(run, ["filters", "ascent"], ["conv_1"])
    assert made[3:] == ["filters", "ascent"]
    assert not read_look(run, Seen("framecnn", "filters", "stem")).peaks_hz.any()  # a mean of 1024 samples


def test_without_names_all_but_the_first_layer_is_climbed(make_wave_run):
    seen = look_inside(make_wave_run(backbone="framecnn", seconds=3.0))
    layers = [("filters", "stem"), ("ascent", "conv_1"), ("ascent", "conv_2")]
    assert seen == [Seen("framecnn", *one) for one in layers]


@pytest.mark.slow
def test_numbers_have_no_classes_to_show_excitations_by(make_wave_run):
    run = make_wave_run(kind="regression")
    look_inside(run, ["excitations"])
    assert read_list(run)[1] == ("Excitations are not shown by class: a network of numbers has none.",)


def test_the_released_networks_have_filters_of_bands(make_run):
    run = make_run(network={"backbones": ["msd-musicnn", "mtt-vgg"], "layers": "deep"})
    names = ("timbral_74", "timbral_77", "temporal_128", "temporal_64", "temporal_32")
    assert look_inside(run) == [Seen("msd-musicnn", "bands", name) for name in names]


def test_pictures_that_a_network_has_not_are_told_with_those_that_it_has(make_wave_run, make_run):
    run = make_wave_run(backbone="framecnn", seconds=3.0)
    text = r"^look: expected filters or ascent; got 'excitations' \(.*\)\. There are of framecnn: filters, ascent\.$"
    with pytest.raises(DataError, match=text):
        look_inside(run, ["excitations"])
    text = r"^look: expected a network with filters of samples, .*; got 'msd-vgg' \(.*\)\. There are no pictures"
    with pytest.raises(DataError, match=text):
        look_inside(make_run("vgg", network={"backbone": "vgg"}))


def test_a_layer_that_does_not_exist_is_told_with_those_that_do(make_wave_run):
    run = make_wave_run(backbone="framecnn", seconds=3.0)
    text = r"^layer: expected one of conv_1, conv_2, stem; got 'conv_3' \(by name\)\. Did you mean 'conv_2'\?$"
    with pytest.raises(UnknownNameError, match=text):
        look_inside(run, ["ascent"], ["conv_3"])
    assert not (run / FOLDER).exists()


def test_a_run_without_its_weights_ends_with_one_sentence(make_wave_run, tmp_path, capsys):
    run = make_wave_run(backbone="framecnn", trained=False)
    write_json(tmp_path / "job.json", {"run": str(run), "pictures": [], "layers": []})
    assert main([str(tmp_path / "job.json")]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("error: weights: expected those of the plan's network; got")
    assert said[0].endswith("Train the run again.")
