"""Weights from a frozen graph: what is read is what the graph computes, and what does not fit is refused."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl import discover, frontends
from essentia_ldl.errors import WeightsError
from essentia_ldl.files import read_json, write_json
from essentia_ldl.models import folder as models
from essentia_ldl.nets.backbones import vggish
from essentia_ldl.nets.export.export import export
from essentia_ldl.nets.inputs.sources import BandSource
from essentia_ldl.nets.networks import build_model
from essentia_ldl.nets.pretrained import frozen
from essentia_ldl.nets.runtime import tf
from essentia_ldl.nets.training.train import train
from essentia_ldl.runs.plan import BACKBONES, read_plan

_spec = importlib.util.spec_from_file_location("make_extractors", Path(__file__).parents[2] / "make_extractors.py")
make_extractors = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_extractors)


@pytest.fixture(scope="module", params=[False, True], ids=["linear", "rectified"])
def rectified(request) -> bool:
    return request.param


@pytest.fixture(scope="module")
def graph_file(rectified, tmp_path_factory) -> Path:
    return make_extractors.write_vggish(tmp_path_factory.mktemp("graphs"), rectified=rectified)


def draw(n: int = 3) -> np.ndarray:
    return np.random.default_rng(0).uniform(-4, 4, (n, 96, 64)).astype(np.float32)


def run_graph(path: Path, patches: np.ndarray) -> np.ndarray:
    with tf.Graph().as_default() as scope:
        tf.import_graph_def(frozen.read_graph(path), name="")
        with tf.compat.v1.Session(graph=scope) as session:
            return session.run(f"{make_extractors.VGGISH_NODE}:0", {"model/Placeholder:0": patches})


def test_the_keras_network_answers_as_the_graph(graph_file, rectified):
    model = frozen.load_body(graph_file, vggish)
    expected = run_graph(graph_file, draw())
    np.testing.assert_allclose(model(draw(), training=False), expected, rtol=1e-5, atol=1e-6)
    assert expected.shape == (3, 128)
    assert bool((expected < 0).any()) != rectified
    assert expected.std() > 0.01


def test_the_size_is_the_graphs_own(graph_file, rectified):
    expected = {**make_extractors.VGGISH_SIZE, "n_embedding": 128, "rectified": rectified}
    assert frozen.read_size(graph_file, vggish) == expected


def edit(path: Path, target: Path, change) -> Path:
    graph = frozen.read_graph(path)
    change(graph)
    target.write_bytes(graph.SerializeToString())
    return target


def first(graph, op: str):
    return next(node for node in graph.node if node.op == op)


def set_stride(graph):
    first(graph, "Conv2D").attr["strides"].list.i[1] = 2


def set_pool(graph):
    first(graph, "MaxPool").attr["ksize"].list.i[1] = 3


def set_transposed(graph):
    first(graph, "MatMul").attr["transpose_b"].b = True


def set_activation(graph):
    first(graph, "Relu").op = "Elu"


def drop_activation(graph):
    """Let the second convolution read the bias of the first."""
    relu = first(graph, "Relu")
    before = relu.input[0]
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == relu.name:
                node.input[index] = before


def rename_embeddings(graph):
    for node in graph.node:
        if node.name == make_extractors.VGGISH_NODE:
            node.name = "model/vggish/other"


def replace_kernel(graph):
    constant = next(
        n for n in graph.node if n.op == "Const" and list(tf.make_ndarray(n.attr["value"].tensor).shape[:2]) == [3, 3]
    )
    value = tf.make_ndarray(constant.attr["value"].tensor)
    constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.zeros((5, 5, *value.shape[2:]), np.float32)))


def forget_weights(graph):
    constant = next(n for n in graph.node if n.op == "Const" and n.attr["dtype"].type == tf.float32.as_datatype_enum)
    constant.op = "VarHandleOp"


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (set_stride, r"strides \[1, 1, 1, 1\]; got \[1, 2, 1, 1\]"),
        (set_pool, r"ksize \[1, 2, 2, 1\]; got \[1, 3, 2, 1\]"),
        (set_transposed, "transpose_b False; got True"),
        (set_activation, r"a chain of convolution.*\(Elu\)"),
        (drop_activation, "expected a ReLU behind it; got 'none'"),
        (rename_embeddings, "expected a node model/vggish/embeddings"),
        (replace_kernel, r"expected weights \(3, 3, \d, \d\).*\(5, 5, "),
        (forget_weights, r"weights as constants \(a frozen graph\); got .*VarHandleOp"),
    ],
)
def test_another_network_is_refused(change, pattern, graph_file, tmp_path):
    path = edit(graph_file, tmp_path / "other.pb", change)
    with pytest.raises(WeightsError, match=rf"{pattern}.*other\.pb"):
        frozen.load_body(path, vggish)


def test_a_layer_too_few_is_refused(graph_file, tmp_path):
    """The second dense layer reads the flattened convolutions."""

    def skip(graph):
        nodes = {node.name: node for node in graph.node}
        dense = [node for node in graph.node if node.op == "MatMul"]
        dense.sort(key=lambda node: "fc1_1" not in node.name)
        second = next(node for node in dense if "fc1_2" in node.name)
        second.input[0] = nodes[dense[0].name].input[0]

    path = edit(graph_file, tmp_path / "short.pb", skip)
    with pytest.raises(WeightsError, match=r"the layers conv pool conv pool .*dense dense dense; got"):
        frozen.load_body(path, vggish)


@pytest.mark.parametrize("data", [b"", b"no graph at all", b"\x0a\x05abcde"])
def test_a_file_that_is_no_graph_is_refused(data, tmp_path):
    (tmp_path / "a.pb").write_bytes(data)
    with pytest.raises(WeightsError, match=r"expected a frozen graph; got .*a\.pb"):
        frozen.load_body(tmp_path / "a.pb", vggish)


def test_a_missing_file_says_what_to_get_and_where_it_goes(tmp_path):
    with pytest.raises(WeightsError, match=rf"Get https://.*audioset-vggish-3\.pb and .*\.json .*into {tmp_path}"):
        models.require_weights(tmp_path, "vggish", "audioset")
    (tmp_path / "audioset-vggish-3.pb").write_bytes(b"graph")
    with pytest.raises(WeightsError, match=r"nothing there' \(.*audioset-vggish-3\.json\)"):
        models.require_weights(tmp_path, "vggish", "audioset")
    (tmp_path / "audioset-vggish-3.json").write_text("{}")
    assert models.require_weights(tmp_path, "vggish", "audioset") == tmp_path / "audioset-vggish-3.pb"


@pytest.mark.parametrize("name", discover.names(BACKBONES))
def test_the_plain_zone_knows_the_weights_of_every_network(name):
    module = discover.load(BACKBONES, name)
    users = {dataset for backbone, dataset in models.USERS_GRAPHS if backbone == name}
    assert set(frontends.NETWORKS[name].pretrained) == set(module.CHECKPOINTS) | users
    assert bool(users) == hasattr(module, "GRAPH_LAYERS")


# --- a run from such a graph ----------------------------------------------------------------------------------------


@pytest.fixture
def make_vggish_run(tmp_path, write_run):
    """A function (fine_tune) -> run folder of six tracks with VGGish bands."""
    graphs, store = tmp_path / "graphs", tmp_path / "store"
    graphs.mkdir()
    make_extractors.write_vggish(graphs)

    def make(fine_tune: str) -> Path:
        folder = write_run(
            tmp_path / fine_tune,
            store=tmp_path / "unused",
            graphs=graphs,
            n_tracks=6,
            front_end="vggish",
            network={"backbone": "vggish", "pretrained": "audioset", "fine_tune": fine_tune},
            training={"epochs": 2},
            stems={"full": "mood_sad-vggish-audioset", "head": "mood_sad-audioset-vggish"},
        )
        plan = read_json(folder / "plan.json")
        random = np.random.default_rng(5)
        for track in plan["tracks"]:
            path = store / frontends.VGGISH.key / track["content"][:2] / f"{track['content']}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, random.uniform(-4, 4, (200, 64)).astype(np.float32))
        write_json(folder / "plan.json", {**plan, "store": str(store)})
        return folder

    return make


@pytest.mark.slow
def test_a_whole_network_starts_from_the_graph_and_is_exported_under_the_legacy_names(make_vggish_run):
    folder = make_vggish_run("all")
    plan = read_plan(folder)
    start = build_model(plan, pretrained=True)
    body = frozen.load_body(plan.graphs / "audioset-vggish-3.pb", vggish)
    for name in ("conv1", "fc1_2", "fc2"):
        for ours, theirs in zip(start.get_layer(name).get_weights(), body.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    train(folder)
    [path] = export(folder)
    card = read_json(path.with_suffix(".json"))
    names = [output["name"] for output in card["schema"]["outputs"]]
    assert names == [
        *("model/Softmax", "model/Sigmoid", "model/logits/BiasAdd", "model/fully_connected/BiasAdd"),
        *("model/vggish/fc2/Relu", "model/layers"),
    ]
    assert card["schema"]["inputs"][0] == {"name": "model/Placeholder", "type": "float", "shape": [96, 64]}
    assert card["inference"] == {"sample_rate": 16000, "algorithm": "TensorflowPredictVGGish"}
    assert any("audioset-vggish-3" in note for note in card["essentia_ldl"]["notes"])
    ops = {node.name: node.op for node in frozen.read_graph(path).node}
    assert (ops["model/vggish/fc2/Relu"], ops["model/logits/BiasAdd"]) == ("Relu", "BiasAdd")


@pytest.mark.slow
def test_a_head_reads_what_the_graph_publishes(make_vggish_run):
    folder = make_vggish_run("head")
    train(folder)
    head, full = export(folder)
    card = read_json(head.with_suffix(".json"))
    assert card["schema"]["inputs"][0]["shape"] == [128]
    assert card["inference"]["algorithm"] == "TensorflowPredict2D"
    embedding = card["inference"]["embedding_model"]
    assert (embedding["algorithm"], embedding["model_name"]) == ("TensorflowPredictVGGish", "audioset-vggish-3")
    assert embedding["link"] == "https://essentia.upf.edu/models/feature-extractors/vggish/audioset-vggish-3.pb"
    plan = read_plan(folder)
    with np.load(head.with_name("mood_sad-audioset-vggish.golden.npz")) as golden:
        embeddings = golden["patches_0"]
    # the patches of a track are one batch, as in the store: products of another size are rounded otherwise
    grids = [np.ascontiguousarray(BandSource(plan).grid(row)) for row in range(2)]
    expected = np.concatenate([run_graph(plan.graphs / "audioset-vggish-3.pb", grid)[:4] for grid in grids])
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5, atol=1e-6)
    with np.load(full.with_name("mood_sad-vggish-audioset.golden.npz")) as golden:
        assert not [name for name in golden.files if name.startswith("patches_2")]  # 96 frames and no others


def test_the_wrong_weights_for_a_network_are_refused(make_vggish_run):
    plan = read_plan(make_vggish_run("head"))
    network = dataclasses.replace(plan.network, backbone="vgg", pretrained="audioset")
    with pytest.raises(Exception, match="front_end"):
        dataclasses.replace(plan, network=network)
