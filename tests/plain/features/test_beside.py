"""Extractors beside pretrained networks: which file a name means, what of a card is read, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from essentia_ldl import frontends, taps
from essentia_ldl.errors import CardError, GraphError, RecipeError, UnknownNameError
from essentia_ldl.features.beside import check_ambiguous, find_networks, identify_networks
from essentia_ldl.files import digest_file

NODE = {"name": "model/dense/BiasAdd", "shape": [200], "output_purpose": "embeddings"}
TAGS = {"name": "model/Sigmoid", "shape": [50], "output_purpose": "predictions"}
OTHER = {**NODE, "name": "model/dense_1/BiasAdd"}


def make_card(algorithm="TensorflowPredictMusiCNN", outputs=(TAGS, NODE), shape=(187, 96), **changes) -> dict:
    """Make a card with the keys of Essentia's published extractors, and nothing of ours."""
    return {
        "name": "MSD MusiCNN",
        "type": "auto-tagging",
        "link": "https://example.org/feature-extractors/musicnn/published-net-1.pb",
        "version": "1",
        "schema": {
            "inputs": [{"name": "model/Placeholder", "type": "float", "shape": list(shape)}],
            "outputs": list(outputs),
        },
        "inference": {"sample_rate": 16000, "algorithm": algorithm},
        **changes,
    }


@pytest.fixture
def graphs(tmp_path) -> Path:
    write_extractor(tmp_path, "published-net-1")
    return tmp_path


def write_extractor(folder: Path, name: str, data: bytes = b"graph", **changes) -> Path:
    path = folder / f"{name}.pb"
    path.write_bytes(data)
    path.with_suffix(".json").write_text(json.dumps(make_card(**changes)))
    return path


def test_an_extractor_is_a_network_like_the_others(graphs):
    ours, other = find_networks(("mtt-vgg", "published-net-1"), graphs)
    assert ours == taps.describe_network("mtt-vgg")
    assert ours.published is None
    assert (other.name, other.deep, other.more) == ("published-net-1", (taps.Tap("embedding", "", 200),), ())
    known = other.published
    assert (known.input_name, known.node, known.size) == ("model/Placeholder", "model/dense/BiasAdd", 200)
    assert known.sha256 == digest_file(graphs / "published-net-1.pb")
    assert known.link == "https://example.org/feature-extractors/musicnn/published-net-1.pb"
    assert find_networks((ours, other), graphs.parent) == (ours, other)  # what is a network needs no folder


def test_two_folders_do_not_know_of_one_another(graphs, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("graphs")
    write_extractor(elsewhere, "published-net-1", b"others", outputs=[{**NODE, "shape": [64, 12]}])
    (one,), (two,) = (find_networks(("published-net-1",), folder) for folder in (graphs, elsewhere))
    assert [one.published.size, two.published.size] == [200, 12]
    assert one.published.sha256 != two.published.sha256


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "unknown"),
        ({"licence": "  "}, "unknown"),
        ({"license": "CC BY-NC-SA 4.0"}, "CC BY-NC-SA 4.0"),
        ({"licence": "ISC"}, "ISC"),
        ({"essentia_ldl": {"licence": "ISC (weights of a package)"}}, "ISC (weights of a package)"),
        ({"dataset": {"licence": "of the data"}}, "unknown"),
    ],
)
def test_the_licence_is_what_the_card_says(tmp_path, changes, expected):
    write_extractor(tmp_path, "net", **changes)
    assert find_networks(("net",), tmp_path)[0].published.licence == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"algorithm": "TensorflowPredictVGGish", "shape": (96, 64)},
            r"patches: expected 187 frames of 96 bands, as TensorflowInputMusiCNN makes them; got .96 frames of 64",
        ),
        ({"algorithm": "TensorflowPredictEffnetDiscogs", "shape": (64, 128, 96)}, "got '128 frames of 96 bands'"),
        ({"shape": (64, 96)}, r"got 'the shape \[64, 96\]'"),
        ({"algorithm": "TensorflowPredict2D"}, "extractor: expected a network; got 'a head, which reads embeddings"),
        ({"algorithm": "TensorflowPredictTempoCNN"}, r"inference\.algorithm: expected one of"),
        ({"outputs": [TAGS]}, "card: expected one output for embeddings; got 'none'"),
        ({"outputs": [NODE, OTHER]}, "card: expected one output for embeddings; got .*dense_1"),
        ({"outputs": [{**NODE, "shape": None}]}, r"BiasAdd: expected its shape, such as \[200\]; got 'none'"),
        ({"outputs": [{**NODE, "shape": ["d"]}]}, r"BiasAdd: expected its shape, such as \[200\]; got \['d'\]"),
        ({"outputs": [{**NODE, "shape": [True]}]}, r"BiasAdd: expected its shape"),
    ],
)
def test_what_cannot_stand_beside_others_is_one_sentence(tmp_path, changes, message):
    write_extractor(tmp_path, "net", **changes)
    with pytest.raises(CardError, match=message) as caught:
        find_networks(("msd-vgg", "net"), tmp_path)
    assert "\n" not in str(caught.value)


def test_a_batch_in_the_shape_does_not_matter(tmp_path):
    for number, shape in enumerate(((64, 187, 96), (1, 187, 96), ("batch_size", 187, 96), (187, 96, 1), ())):
        write_extractor(tmp_path, f"net-{number}", shape=shape)
        assert find_networks((f"net-{number}",), tmp_path)[0].published.size == 200


def test_names_that_mean_nothing_or_too_much(graphs):
    with pytest.raises(UnknownNameError, match=r"network: expected one of .*Did you mean 'published-net-1'\?"):
        find_networks(("published-net",), graphs)
    with pytest.raises(UnknownNameError, match="Did you mean 'msd-musicnn'"):
        find_networks(("msd-musicn",), graphs)
    with pytest.raises(RecipeError, match="each network once"):
        find_networks(("published-net-1", "published-net-1"), graphs)
    check_ambiguous(("msd-vgg", "published-net-1"), graphs)
    write_extractor(graphs, "msd-vgg")
    with pytest.raises(RecipeError, match="network: expected one network of that name; got 'msd-vgg'"):
        check_ambiguous(("published-net-1", "msd-vgg"), graphs)


def test_a_graph_without_its_card_or_a_card_without_its_graph(graphs):
    graphs.joinpath("published-net-1.json").rename(graphs / "alone.json")
    with pytest.raises(CardError, match=r"card: expected a \.json beside the \.pb; got 'nothing there'"):
        find_networks(("published-net-1",), graphs)
    with pytest.raises(GraphError, match=r"model: expected an existing \.pb"):
        find_networks(("alone",), graphs)


def test_a_card_of_other_bytes_is_refused(tmp_path):
    write_extractor(tmp_path, "net", essentia_ldl={"sha256": "0" * 64})
    with pytest.raises(GraphError, match="graph: expected the file that its card describes; got 'other bytes'"):
        find_networks(("net",), tmp_path)


def test_runs_are_told_apart_by_the_bytes_of_extractors_alone(graphs):
    assert identify_networks(("msd-vgg", "mtt-vgg"), graphs) == []
    before = identify_networks(("published-net-1", "msd-vgg", "published-net-1"), graphs)
    assert before == [digest_file(graphs / "published-net-1.pb")]
    write_extractor(graphs, "published-net-1", b"another graph")
    assert identify_networks(("published-net-1",), graphs) != before


# --- a network that was trained here --------------------------------------------------------------------------------


def write_own(folder: Path, backbone: str = "choi", front_end: str = "choi", sizes: object = None) -> None:
    sizes = [[f"pool_{n}", 32] for n in range(1, 6)] if sizes is None else sizes
    ours = {"backbone": backbone, "front_end": front_end, "layer_sizes": sizes, "licence": "mine"}
    rate = {"inference": {"sample_rate": 12000, "algorithm": "TensorflowPredict"}}
    write_extractor(folder, "my_tags-choi-scratch-1", shape=(1360, 96), essentia_ldl=ours, **rate)


def find_own(folder: Path) -> taps.Network:
    (found,) = find_networks(("my_tags-choi-scratch-1",), folder)
    return found


def test_a_network_of_one_s_own_has_its_layers(graphs):
    write_own(graphs)
    found = find_own(graphs)
    assert [(tap.size, tap.number) for tap in found.deep] == [(32, n) for n in range(1, 6)]
    assert (found.published.node, found.published.size, found.published.licence) == ("model/layers", 160, "mine")
    assert found.front_end.name == "choi"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sizes": [["pool_1", 0]]}, r"essentia_ldl\.layer_sizes: expected names and sizes of one to 5 layers"),
        ({"sizes": "deep"}, r"essentia_ldl\.layer_sizes"),
        ({"sizes": [["pool_1", 32]] * 6}, r"essentia_ldl\.layer_sizes"),
        ({"backbone": "vgg"}, r"essentia_ldl\.backbone: expected one that reads choi; got 'vgg'"),
        ({"backbone": "chio"}, r"essentia_ldl\.backbone"),
    ],
)
def test_layers_that_a_card_does_not_tell_right(changes, message, graphs):
    write_own(graphs, **changes)
    with pytest.raises(CardError, match=message):
        find_own(graphs)


def test_a_network_that_hears_waveforms_has_its_layers_too(graphs):
    write_own(graphs, backbone="samplecnn", front_end="samplecnn", sizes=[["stem_relu", 16], ["block_3", 16]])
    card = json.loads((graphs / "my_tags-choi-scratch-1.json").read_text())
    card["inference"]["sample_rate"] = 22050
    (graphs / "my_tags-choi-scratch-1.json").write_text(json.dumps(card))
    found = find_own(graphs)
    assert found.front_end == frontends.SAMPLECNN
    assert (found.hop_frames, taps.count_columns(found, "12")) == (3**10, 32)
    with pytest.raises(RecipeError, match=r"expected networks that read the same patches; got .*msd-vgg reads"):
        find_networks(("my_tags-choi-scratch-1", "msd-vgg"), graphs)
