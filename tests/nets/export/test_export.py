"""Export: names, operations, attributes, values, cards; and the check refuses what Essentia would read wrong."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.errors import GraphError, StoreError
from essentia_ldl.features.beside import find_networks
from essentia_ldl.files import digest_file
from essentia_ldl.models.answers import name_answers, read_answers
from essentia_ldl.models.card import GraphCard
from essentia_ldl.nets.backbones import musicnn
from essentia_ldl.nets.export import cards, nodes
from essentia_ldl.nets.export.export import export
from essentia_ldl.nets.export.freeze import freeze_model, list_versions
from essentia_ldl.nets.export.oplists import VERSIONS, read_ops
from essentia_ldl.nets.pretrained.weights import load_tagger
from essentia_ldl.nets.runtime import tf
from essentia_ldl.nets.training.train import train
from essentia_ldl.runs.solution import Solution, read_solution, write_solution

GraphDef = tf.compat.v1.GraphDef

MUSICNN_NODES = {
    "model/Softmax": 2,
    "model/Sigmoid": 2,
    "model/dense_2/BiasAdd": 2,
    "model/dense_1/BiasAdd": 100,
    "model/dense/BiasAdd": 200,
}
VGG_NODES = {
    "model/Softmax": 2,
    "model/Sigmoid": 2,
    "model/dense_1/BiasAdd": 2,
    "model/dense/BiasAdd": 100,
    "model/flatten/Reshape": 256,
}
HEAD_NODES = {"model/Softmax": 2, "model/Sigmoid": 2, "model/dense_1/BiasAdd": 2, "model/dense/BiasAdd": 100}
LINEAR_NODES = {"model/Softmax": 2, "model/Sigmoid": 2, "model/dense/BiasAdd": 2}
JOINT_NODES = {**LINEAR_NODES, "model/features": 634 + 818}
TRAINED_VGG_NODES = {**VGG_NODES, "model/layers": 5 * 128}  # what other tasks read of a network that was trained
LINEAR_VGG_NODES = {**LINEAR_NODES, "model/flatten/Reshape": 256}


def run_graph(path, names, inputs):
    with tf.Graph().as_default() as graph:
        definition = GraphDef.FromString(path.read_bytes())
        for node in definition.node:
            if node.name == "model/Placeholder":
                node.attr["shape"].shape.dim[1].size = -1  # Essentia does not look at it, this session does
        tf.import_graph_def(definition, name="")
        with tf.compat.v1.Session(graph=graph) as session:
            return session.run([f"{name}:0" for name in names], {"model/Placeholder:0": inputs})


VGG_ALONE = {"full": "mood_sad-vgg-msd", "head": None}
VGG_BOTH = {"full": "mood_sad-vgg-msd", "head": "mood_sad-msd-vgg"}
KINDS = {
    "head": {},  # that of `exported_head`
    "vgg": {
        "network": {"backbone": "vgg", "fine_tune": "all"},
        "training": {"epochs": 1, "batch_size": 2},
        "stems": VGG_ALONE,
    },
    "vgg top": {
        "network": {"backbone": "vgg", "fine_tune": "top"},
        "training": {"epochs": 1, "batch_size": 2},
        "stems": VGG_ALONE,
    },
    "vgg head": {"network": {"backbone": "vgg"}, "training": {"epochs": 1}, "stems": VGG_BOTH},
    "linear": {
        "network": {"backbone": "vgg", "hidden": 0, "standardize": True},
        "training": {"epochs": 1},
        "stems": VGG_BOTH,
    },
    "joint": {
        "network": {"hidden": 0, "backbones": ["msd-musicnn", "mtt-vgg"], "layers": "deep"},
        "training": {"solver": "solved"},
        "stems": {"full": "mood_sad-joint-2", "head": None},
    },
    "solved": {"training": {"solver": "solved"}},
}
N_SOLVED = {"joint": 634 + 818, "solved": 200, "copy": 200, "beside": 456}
QUICK = ("head",)


def draw_solution(size: int) -> Solution:
    random = np.random.default_rng(size)
    kernel = random.normal(0, 0.05, (size, 2))
    shift, scale = random.normal(size=size), random.uniform(0.5, 2, size)
    return Solution(shift, scale, kernel, random.normal(size=2))


class Exported(dict[str, Path]):
    """One run folder of each kind, trained and exported when it is first asked for.

    Networks that an earlier one has opened are not opened again.
    """

    def __init__(self, kinds: dict[str, dict], write: Callable[..., Path]) -> None:
        super().__init__()
        self._kinds, self._write, self._known = kinds, write, {}

    def __missing__(self, name: str) -> Path:
        folder = self._write(name, **self._kinds[name])
        if name in N_SOLVED:
            write_solution(folder, draw_solution(N_SOLVED[name]))
        train(folder, extractors=self._known, say=lambda _: None)
        export(folder, extractors=self._known)
        self[name] = folder
        return folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory, write_run, store, random_graphs, exported_head):
    """Name of a kind -> run folder."""
    root = tmp_path_factory.mktemp("runs")
    small = {"store": store, "graphs": random_graphs, "n_tracks": 6, "n_frames": 190}
    runs = Exported(KINDS, lambda name, **changes: write_run(root / name, **small, **changes))
    runs["head"] = exported_head
    return runs


def of_kind(name: str, *more: object):
    """Make parameters of a test: every kind but one takes seconds to train and export."""
    return pytest.param(name, *more, marks=[] if name in QUICK else pytest.mark.slow)


GRAPHS = [
    of_kind("head", "mood_sad-musicnn-msd", MUSICNN_NODES),
    of_kind("head", "mood_sad-msd-musicnn", HEAD_NODES),
    of_kind("vgg", "mood_sad-vgg-msd", TRAINED_VGG_NODES),
    of_kind("vgg top", "mood_sad-vgg-msd", TRAINED_VGG_NODES),
    of_kind("vgg head", "mood_sad-vgg-msd", VGG_NODES),
    of_kind("vgg head", "mood_sad-msd-vgg", HEAD_NODES),
    of_kind("linear", "mood_sad-vgg-msd", LINEAR_VGG_NODES),
    of_kind("linear", "mood_sad-msd-vgg", LINEAR_NODES),
    of_kind("joint", "mood_sad-joint-2", JOINT_NODES),
    of_kind("solved", "mood_sad-musicnn-msd", MUSICNN_NODES),
    of_kind("solved", "mood_sad-msd-musicnn", HEAD_NODES),
]


@pytest.mark.parametrize(("run", "stem", "nodes"), GRAPHS)
def test_graph_equals_keras(exported, run, stem, nodes):
    path = exported[run] / "export" / f"{stem}.pb"
    with np.load(path.with_name(f"{stem}.golden.npz")) as golden:
        assert str(golden["graph"]) == f"{stem}.pb"
        assert str(golden["input"]) == "model/Placeholder"
        names = golden["nodes"].tolist()
        assert set(names) == set(nodes)
        index = 0
        while f"patches_{index}" in golden:
            inputs = golden[f"patches_{index}"]
            for name, value in zip(names, run_graph(path, names, inputs), strict=True):
                assert value.dtype == np.float32
                assert value.shape == (len(inputs), nodes[name])
                np.testing.assert_allclose(
                    value, golden[f"{name.replace('/', '__')}_{index}"], rtol=1e-4, atol=1e-5, err_msg=name
                )
            index += 1
        is_full = nodes not in (HEAD_NODES, LINEAR_NODES)
        assert index == (3 if stem == "mood_sad-musicnn-msd" else 2 if is_full else 1)
        if stem == "mood_sad-musicnn-msd":
            assert golden["patches_2"].shape[1] == 64


@pytest.mark.parametrize(("run", "stem", "nodes"), GRAPHS)
def test_the_answers_that_travel_are_those_of_the_graph(exported, run, stem, nodes):
    path = exported[run] / "export" / f"{stem}.pb"
    answers = read_answers(path, digest_file(path))
    assert answers.input_name == "model/Placeholder"
    assert set(answers.values) == set(nodes)
    is_head = nodes in (HEAD_NODES, LINEAR_NODES)
    assert answers.inputs.ndim == (2 if is_head else 3)
    for (name, expected), value in zip(
        answers.values.items(), run_graph(path, list(answers.values), answers.inputs), strict=True
    ):
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5, err_msg=name)
    assert name_answers(path).stat().st_size < 80_000


@pytest.mark.parametrize(("run", "stem", "nodes"), GRAPHS)
def test_graph_is_plain(exported, run, stem, nodes):
    path = exported[run] / "export" / f"{stem}.pb"
    graph = GraphDef.FromString(path.read_bytes())
    assert not graph.library.function
    placeholders = [node.name for node in graph.node if node.op == "Placeholder"]
    is_head = len(graph.node[0].attr["shape"].shape.dim) == 2
    assert placeholders == ["model/Placeholder", *(() if is_head else ["model/Placeholder_1"])]
    assert set(nodes) <= {node.name for node in graph.node}
    for node in graph.node:
        assert not node.device
        assert not [name for name in node.attr if name.startswith("_")]
        assert not [source for source in node.input if source.startswith("^")]
        defaults = {a.name: a.default_value for a in read_ops("2.5.0")[node.op].attr if a.HasField("default_value")}
        assert not [name for name in node.attr if name in defaults and node.attr[name] == defaults[name]]
    assert list_versions(graph) == list(VERSIONS)
    by_name = {node.name: node for node in graph.node}
    assert by_name["model/Softmax"].op == "Softmax"
    assert (by_name["model/Sigmoid"].op, list(by_name["model/Sigmoid"].input)) == ("Identity", ["model/Softmax"])
    assert all(by_name[name].op == "BiasAdd" for name in nodes if name.endswith("BiasAdd"))
    assert graph.SerializeToString(deterministic=True) == path.read_bytes()


def test_placeholder_shapes(exported):
    shapes = {"mood_sad-musicnn-msd": [-1, 187, 96], "mood_sad-msd-musicnn": [-1, 200]}
    for stem, expected in shapes.items():
        graph = GraphDef.FromString((exported["head"] / "export" / f"{stem}.pb").read_bytes())
        placeholder = next(node for node in graph.node if node.name == "model/Placeholder")
        assert [d.size for d in placeholder.attr["shape"].shape.dim] == expected


def test_full_graph_is_extractor_and_head(exported):
    """The head on the embedding of the full graph gives the full graph's probabilities."""
    folder = exported["head"] / "export"
    patches = np.random.default_rng(1).uniform(0, 5, (3, 187, 96)).astype(np.float32)
    embedding, full = run_graph(folder / "mood_sad-musicnn-msd.pb", ["model/dense/BiasAdd", "model/Softmax"], patches)
    (head,) = run_graph(folder / "mood_sad-msd-musicnn.pb", ["model/Softmax"], embedding)
    np.testing.assert_allclose(head, full, atol=1e-6)


@pytest.mark.parametrize(
    ("run", "stem", "node", "logits"),
    [
        of_kind("joint", "mood_sad-joint-2", "model/features", "model/dense/BiasAdd"),
        of_kind("solved", "mood_sad-musicnn-msd", "model/dense/BiasAdd", "model/dense_2/BiasAdd"),
    ],
)
def test_logits_of_a_solved_head_are_linear_in_the_features(exported, run, stem, node, logits):
    patches = np.random.default_rng(1).uniform(0, 5, (3, 187, 96)).astype(np.float32)
    features, found = run_graph(exported[run] / "export" / f"{stem}.pb", [node, logits], patches)
    expected = read_solution(exported[run]).score(features)
    assert np.max(np.abs(found - expected)) < 1e-4 * np.max(np.abs(expected))


@pytest.mark.slow
def test_the_card_of_networks_side_by_side_names_them_and_their_frames(exported):
    card = json.loads((exported["joint"] / "export" / "mood_sad-joint-2.json").read_text())
    own = card["essentia_ldl"]
    assert (own["backbones"], own["layers"]) == (["msd-musicnn", "mtt-vgg"], "deep")
    assert own["patch_frames"] == 187
    assert "Patches have exactly 187 frames: VGG takes no others." in own["notes"]
    assert card["inference"]["algorithm"] == "TensorflowPredictMusiCNN"
    embeddings = [o for o in card["schema"]["outputs"] if o["output_purpose"] == "embeddings"]
    assert [(o["name"], o["shape"]) for o in embeddings] == [("model/features", [1452])]
    plain = json.loads((exported["solved"] / "export" / "mood_sad-musicnn-msd.json").read_text())["essentia_ldl"]
    assert "backbones" not in plain


@pytest.mark.slow
def test_vgg_refuses_other_lengths(exported):
    path = exported["vgg"] / "export" / "mood_sad-vgg-msd.pb"
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_graph(path, ["model/Softmax"], np.zeros((2, 64, 96), np.float32))


def test_predictions_are_those_of_the_graph(exported):
    """The mean over the patches of the grid, from bands through the exported graph."""
    folder = exported["head"]
    with (
        np.load(folder / "predictions.npz") as predictions,
        np.load(folder / "export" / "mood_sad-musicnn-msd.golden.npz") as golden,
    ):
        (probabilities,) = run_graph(
            folder / "export" / "mood_sad-musicnn-msd.pb", ["model/Softmax"], golden["patches_1"]
        )
        assert predictions["n_patches"].tolist() == [1] * 6
        np.testing.assert_allclose(predictions["probabilities"][: len(probabilities)], probabilities, atol=1e-5)


@pytest.mark.slow
def test_same_bytes_every_time(exported):
    path = exported["head"] / "export" / "mood_sad-musicnn-msd.pb"
    before = path.read_bytes()
    export(exported["head"])
    assert path.read_bytes() == before


@pytest.mark.parametrize(("run", "stem", "nodes"), GRAPHS)
def test_card(exported, run, stem, nodes):
    path = exported[run] / "export" / f"{stem}.json"
    fields = json.loads(path.read_text())
    card = GraphCard(fields)
    assert list(fields) == [
        "name", "type", "link", "version", "description", "author", "email", "release_date", "framework",
        "framework_version", "classes", "model_types", "dataset", "schema", "citation", "inference", "essentia_ldl",
    ]  # fmt: skip
    assert card.classes == ("non_sad", "sad")
    assert isinstance(fields["version"], str)
    assert fields["link"] == ""
    outputs = fields["schema"]["outputs"]
    assert outputs[0]["name"] == "model/Softmax"
    assert outputs[0]["output_purpose"] == "predictions"
    assert all("output_purpose" in output for output in outputs)
    assert {output["name"]: output["shape"][0] for output in outputs} == nodes
    ours = fields["essentia_ldl"]
    assert ours["sha256"] == hashlib.sha256(path.with_suffix(".pb").read_bytes()).hexdigest()
    assert (ours["demo"], ours["patch_hop_frames"], ours["resample_quality"]) == (True, 93, 4)
    assert {"licence", "training_data_rights", "recipe_hash", "labels_source", "fine_tune", "front_end"} <= set(ours)
    assert set(ours["versions"]) == {"essentia_ldl", "tensorflow", "keras"}
    assert "Identity" in ours["notes"][0]


def test_card_of_a_head_names_its_extractor(exported):
    fields = json.loads((exported["head"] / "export" / "mood_sad-msd-musicnn.json").read_text())
    assert fields["inference"] == {
        "sample_rate": 16000,
        "algorithm": "TensorflowPredict2D",
        "embedding_model": {
            "algorithm": "TensorflowPredictMusiCNN",
            "model_name": "msd-musicnn-1",
            "link": "",
        },
    }
    assert fields["schema"]["inputs"] == [{"name": "model/Placeholder", "type": "float", "shape": [200]}]


def test_only_the_link_depends_on_the_file_name(exported):
    assert cards.VERSIONED_FIELDS == ("link",)
    fields = json.loads((exported["head"] / "export" / "mood_sad-musicnn-msd.json").read_text())
    del fields["link"]
    assert "mood_sad-musicnn-msd" not in json.dumps(fields)


@pytest.mark.parametrize("run", [of_kind(name) for name in KINDS])
def test_nothing_temporary_is_left(exported, run):
    assert not [path for path in (exported[run] / "export").iterdir() if path.name.startswith(".")]


def test_export_without_weights(make_run):
    with pytest.raises(StoreError, match="Train the run again"):
        export(make_run())


# --- an extractor of the user's inside ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def copied(tmp_path_factory, write_run, store, random_graphs, exported):
    """What gives the graphs of solved runs on a MusiCNN of ours ("ours"), on a frozen copy of it as an extractor
    ("copy") and on the copy beside a VGG ("beside"), and the folder of the networks.
    """
    graphs, root = tmp_path_factory.mktemp("copied"), tmp_path_factory.mktemp("beside")
    for path in random_graphs.iterdir():
        (graphs / path.name).symlink_to(path)
    tagger = load_tagger(random_graphs, "musicnn", "msd")
    frozen = freeze_model(tagger, nodes.tagger_nodes(musicnn), (187, 96))
    (graphs / "copy-1.pb").write_bytes(frozen.SerializeToString(deterministic=True))
    card = dict(cards.describe_tagger("copy-1", musicnn, "msd", {}).fields)
    card |= {"link": "https://example.org/copy-1.pb", "license": "CC BY-NC-SA 4.0"}
    del card["essentia_ldl"]
    (graphs / "copy-1.json").write_text(json.dumps(card))
    published = [dataclasses.asdict(find_networks(("copy-1",), graphs)[0].published)]
    small = {"store": store, "graphs": graphs, "n_tracks": 6, "n_frames": 190, "training": {"solver": "solved"}}
    kinds = {}
    for name, backbones in {"copy": ["copy-1"], "beside": ["mtt-vgg", "copy-1"]}.items():
        network = {"hidden": 0, "backbones": backbones, "published": published}
        kinds[name] = {"network": network, "stems": {"full": f"mood_sad-joint-{len(backbones)}", "head": None}}
    runs = Exported(kinds, lambda name, **changes: write_run(root / name, **small, **changes))
    runs["ours"] = exported["solved"]
    stems = {"ours": "mood_sad-musicnn-msd", "copy": "mood_sad-joint-1", "beside": "mood_sad-joint-2"}
    return lambda name: runs[name] / "export" / f"{stems[name]}.pb", graphs


@pytest.mark.slow
def test_a_copy_of_a_network_answers_as_the_network(copied):
    find, _ = copied
    patches = np.random.default_rng(1).uniform(0, 5, (3, 187, 96)).astype(np.float32)
    ours = run_graph(find("ours"), ["model/Softmax", "model/dense_2/BiasAdd"], patches)
    copy = run_graph(find("copy"), ["model/Softmax", "model/dense/BiasAdd"], patches)
    np.testing.assert_allclose(copy[0], ours[0], atol=1e-6)
    assert np.max(np.abs(copy[1] - ours[1])) < 1e-6 * np.max(np.abs(ours[1]))
    assert np.ptp(ours[1][:, 0]) > 1e-3


@pytest.mark.slow
def test_a_copy_of_a_network_has_its_embedding_beside_another(copied):
    find, _ = copied
    patches = np.random.default_rng(1).uniform(0, 5, (3, 187, 96)).astype(np.float32)
    (embedding,) = run_graph(find("copy"), ["model/features"], patches)
    (joint,) = run_graph(find("beside"), ["model/features"], patches)
    assert joint.shape == (3, 456)
    np.testing.assert_allclose(joint[:, 256:], embedding, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["copy", pytest.param("beside", marks=pytest.mark.slow)])
def test_a_graph_with_an_extractor_inside_is_one_of_essentias(name, copied):
    path = copied[0](name)
    graph = GraphDef.FromString(path.read_bytes())
    found = [node.name for node in graph.node if node.op.startswith("Placeholder")]
    assert found == ["model/Placeholder", "model/Placeholder_1"]
    assert [node for node in graph.node if "/extractor_copy_1" in node.name]
    assert not graph.library.function
    assert list_versions(graph) == list(VERSIONS)
    for node in graph.node:
        defaults = {a.name: a.default_value for a in read_ops("2.5.0")[node.op].attr if a.HasField("default_value")}
        assert not [key for key, value in node.attr.items() if key.startswith("_") or defaults.get(key) == value]
    answers = read_answers(path, digest_file(path))
    for node, values in answers.values.items():
        np.testing.assert_allclose(run_graph(path, [node], answers.inputs)[0], values, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["copy", "beside"])
def test_a_graph_with_an_extractor_inside_has_the_same_bytes_every_time(name, copied):
    path = copied[0](name)
    before = path.read_bytes()
    assert export(path.parents[1])[0].read_bytes() == before


@pytest.mark.slow
def test_the_card_names_the_extractor_and_its_licence(copied):
    find, graphs = copied
    own = json.loads(find("beside").with_suffix(".json").read_text())["essentia_ldl"]
    digest = digest_file(graphs / "copy-1.pb")
    assert own["extractors"] == [
        {
            **{"name": "copy-1", "link": "https://example.org/copy-1.pb", "sha256": digest},
            **{"licence": "CC BY-NC-SA 4.0", "node": "model/dense/BiasAdd", "size": 200},
        }
    ]
    assert (own["backbones"], own["backbone"]) == (["mtt-vgg", "copy-1"], "musicnn")
    text = (
        "The graph of copy-1 is inside, whose licence is to be kept: CC BY-NC-SA 4.0 (https://example.org/copy-1.pb)."
    )
    assert text in own["notes"]
    assert "Patches have exactly 187 frames, as copy-1 takes them." in own["notes"]


@pytest.mark.slow
def test_the_card_of_an_extractor_alone_names_no_network_of_ours(copied):
    find, graphs = copied
    alone = json.loads(find("copy").with_suffix(".json").read_text())["essentia_ldl"]
    assert (alone["backbone"], alone["pretrained"], alone["backbones"]) == (None, None, ["copy-1"])
    [extractor] = alone["extractors"]
    assert extractor["sha256"] == digest_file(graphs / "copy-1.pb")
    assert extractor["licence"] == "CC BY-NC-SA 4.0"
    ours = json.loads(find("ours").with_suffix(".json").read_text())["essentia_ldl"]
    assert "extractors" not in ours


@pytest.mark.slow
def test_an_extractor_that_changed_since_is_not_exported(copied):
    find, graphs = copied
    path, run = graphs / "copy-1.pb", find("copy").parents[1]
    before = path.read_bytes()
    path.write_bytes(before + b"\x00")
    with pytest.raises(GraphError, match="extractor: expected the bytes that this run read"):
        export(run)
    path.write_bytes(before)
