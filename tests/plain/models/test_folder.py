"""The folder of models: broken ones are told, a name finds one, and without a name the best of each run is taken."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from essentia_ldl.errors import CardError, GraphError, UnknownNameError
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import choose_models, find_extractor, find_model, list_models, read_model

MUSICNN = {"algorithm": "TensorflowPredictMusiCNN", "model_name": "msd-musicnn-1", "link": "msd-musicnn-1.pb"}


# --- cards ----------------------------------------------------------------------------------------------------------


def test_a_model_is_read_by_its_graph_or_its_card(graphs, write_model):
    path = write_model(graphs, "a.b-1")
    model = read_model(path)
    assert (model.name, model.graph) == ("a.b-1", str(path))
    assert model.card.classes == ("non_sad", "sad")
    assert not model.is_base
    assert read_model(path.with_suffix(".json")).graph == str(path)


@pytest.mark.parametrize("key", ["name", "type", "schema", "inference"])
def test_a_card_without_a_key_says_which_and_where(graphs, key, write_model):
    path = write_model(graphs, "a-1")
    fields = json.loads(path.with_suffix(".json").read_text())
    del fields[key]
    path.with_suffix(".json").write_text(json.dumps(fields))
    with pytest.raises(CardError, match=rf"the key '{key}'.*a-1\.json"):
        read_model(path)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'"card"',
        b'{"name": "a", "type": "b", "schema": 1, "inference": {}}',
        b"[" * 200_000,
        b'{"name": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_card_that_is_no_card_is_a_card_error(graphs, text, write_model):
    """Case C1: of whatever bytes a card is."""
    path = write_model(graphs, "a-1")
    path.with_suffix(".json").write_bytes(text)
    with pytest.raises(CardError, match=r"a-1\.json"):
        read_model(path)


def test_a_damaged_card_is_one_problem_and_the_other_models_work(graphs, write_model):
    """Case C1: one such card disabled `models`, and `predict` without -m."""
    for name in ("a-1", "b-1", "c-1"):
        write_model(graphs, name)
    (graphs / "b-1.json").write_text("[" * 200_000)
    models, problems = list_models(graphs)
    assert [model.name for model in models] == ["a-1", "c-1"]
    assert len(problems) == 1
    assert "card: expected readable json" in problems[0]
    assert [model.name for model in choose_models(graphs)] == ["a-1", "c-1"]


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": 3},
        {"essentia_ldl": []},
        {"essentia_ldl": None},
        {"schema": {"inputs": [1], "outputs": [2]}},
        {
            "schema": {
                "inputs": [{"name": "x"}],
                "outputs": [{"name": "y", "output_purpose": "predictions", "shape": 2}],
            }
        },
    ],
)
def test_a_card_with_values_of_other_types_is_a_card_error(graphs, changes, write_model):
    path = write_model(graphs, "a-1")
    fields = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**fields, **changes}))
    with pytest.raises(CardError, match=r"a-1\.json"):
        read_model(path)


def test_a_graph_of_other_bytes_is_refused(graphs, write_model):
    path = write_model(graphs, "a-1")
    path.write_bytes(b"other")
    with pytest.raises(GraphError, match=r"expected the file that its card describes; got 'other bytes' .*a-1\.pb"):
        read_model(path)


def test_a_card_of_essentias_own_needs_no_digest(graphs, write_model):
    path = write_model(graphs, "a-1")
    fields = json.loads(path.with_suffix(".json").read_text())
    del fields["essentia_ldl"]
    path.with_suffix(".json").write_text(json.dumps(fields))
    assert read_model(path).card.extra == {}


def test_halves_are_told(graphs, write_model):
    path = write_model(graphs, "a-1")
    write_model(graphs, "b-1")
    write_model(graphs, "c-1")
    path.with_suffix(".json").unlink()
    (graphs / "b-1.pb").unlink()
    with pytest.raises(CardError, match=r"a \.json beside the \.pb.*a-1\.json"):
        read_model(path)
    with pytest.raises(GraphError, match=r"an existing \.pb.*b-1\.pb"):
        read_model(graphs / "b-1.pb")
    found, problems = list_models(graphs)
    assert [model.name for model in found] == ["c-1"]
    assert len(problems) == 2
    assert list_models(graphs / "none") == ([], [])


def test_a_link_to_a_graph_is_a_model_of_the_name_of_the_link(graphs, tmp_path, write_model):
    blob = write_model(tmp_path / "blobs", "0a1b2c")
    os.symlink(blob, graphs / "linked-1.pb")
    os.symlink(blob.with_suffix(".json"), graphs / "linked-1.json")
    assert read_model(graphs / "linked-1.pb").name == "linked-1"


# --- names ----------------------------------------------------------------------------------------------------------


def test_a_name_finds_a_model_and_a_wrong_one_the_nearest(graphs, write_model):
    path = write_model(graphs, "mood_sad-musicnn-msd-1")
    assert find_model("mood_sad-musicnn-msd-1", graphs).graph == str(path)
    assert find_model(str(path), Path("/nowhere")).graph == str(path)
    with pytest.raises(UnknownNameError, match=r"^model: .*Did you mean 'mood_sad-musicnn-msd-1'\?"):
        find_model("mood-sad-musicnn-msd-1", graphs)
    with pytest.raises(UnknownNameError, match=r"expected one that exists; got 'x' .*/none has none"):
        find_model("x", graphs / "none")
    with pytest.raises(GraphError, match=r"an existing \.pb"):
        find_model("x.pb", graphs)


def test_an_extractor_is_found_beside_the_head_or_in_the_folder(graphs, tmp_path, write_model):
    head = read_model(write_model(tmp_path / "heads", "head-1", needs=MUSICNN))
    with pytest.raises(GraphError, match=r"expected msd-musicnn-1\.pb; .*\(head-1\)\. Run `essentia-ldl graphs build`"):
        find_extractor(head, graphs)
    there = write_model(graphs, "msd-musicnn-1", kind="auto-tagging")
    assert find_extractor(head, graphs).graph == str(there)
    beside = write_model(tmp_path / "heads", "msd-musicnn-1", kind="auto-tagging")
    assert find_extractor(head, graphs).graph == str(beside)
    assert find_extractor(read_model(there), graphs) is None


def test_an_extractor_is_found_by_the_link_of_a_card_that_names_none(graphs, write_model):
    link = {"algorithm": "X", "link": "https://essentia.upf.edu/models/feature-extractors/vggish/audioset-vggish-3.pb"}
    head = read_model(write_model(graphs, "head-1", needs=link))
    with pytest.raises(GraphError, match=r"audioset-vggish-3\.pb.*beside the head"):
        find_extractor(head, graphs)
    write_model(graphs, "audioset-vggish-3")
    assert find_extractor(head, graphs).name == "audioset-vggish-3"


# --- the choice of predict ------------------------------------------------------------------------------------------


def chosen(graphs: Path) -> list[str]:
    return [model.name for model in choose_models(graphs)]


def test_predict_takes_the_head_and_not_its_full_twin(graphs, write_model):
    write_model(graphs, "msd-musicnn-1", kind="auto-tagging")
    write_model(graphs, "sad-full-1", run="a")
    write_model(graphs, "sad-head-1", run="a", needs=MUSICNN)
    write_model(graphs, "genre-full-1", run="b")
    write_model(graphs, "theirs-1")
    assert chosen(graphs) == ["genre-full-1", "sad-head-1", "theirs-1"]


def test_predict_takes_networks_side_by_side_before_the_others_of_their_run(graphs, write_model):
    write_model(graphs, "msd-musicnn-1", kind="auto-tagging")
    write_model(graphs, "sad-full-1", run="a")
    write_model(graphs, "sad-head-1", run="a", needs=MUSICNN)
    write_model(graphs, "sad-joint-4-1", run="a", backbones=["msd-musicnn", "msd-vgg"])
    write_model(graphs, "genre-head-1", run="b", needs=MUSICNN)
    write_model(graphs, "other-joint-2-1", backbones=["msd-musicnn", "mtt-vgg"])
    assert chosen(graphs) == ["genre-head-1", "other-joint-2-1", "sad-joint-4-1"]


def test_demo_models_run_only_when_there_is_nothing_else(graphs, write_model):
    write_model(graphs, "msd-musicnn-1", kind="auto-tagging")
    write_model(graphs, "demo-full-1", run="d", demo=True)
    write_model(graphs, "demo-head-1", run="d", demo=True, needs=MUSICNN)
    assert chosen(graphs) == ["demo-head-1"]
    write_model(graphs, "sad-full-1", run="a", demo=False)
    assert chosen(graphs) == ["sad-full-1"]


def test_the_tags_run_when_nothing_was_trained(graphs, write_model):
    for name in ("mtt-vgg-1", "msd-musicnn-1", "msd-vgg-1"):
        write_model(graphs, name, kind="auto-tagging")
    assert chosen(graphs) == ["msd-musicnn-1"]
    (graphs / "msd-musicnn-1.pb").unlink()
    assert chosen(graphs) == ["msd-vgg-1"]


def test_no_model_says_how_to_get_one(graphs, write_model):
    """Case C11."""
    with pytest.raises(GraphError, match=r"at least one; got 'none' .*graphs build.*ESSENTIA_LDL_HOME to the folder"):
        choose_models(graphs)
    write_model(graphs, "a-1").write_bytes(b"other")
    with pytest.raises(GraphError, match=r"got 'none that can be used' .*other bytes.*graphs build") as caught:
        choose_models(graphs)
    assert list_models(graphs)[1][0] in str(caught.value), "whole"


# --- names that become paths ----------------------------------------------------------------------------------------


def make_head_fields(name: object) -> dict:
    return {
        "name": "mood sad",
        "type": "multi-class classifier",
        "classes": ["non_sad", "sad"],
        "schema": {"inputs": [{"name": "in"}], "outputs": [{"name": "out", "output_purpose": "predictions"}]},
        "inference": {
            "sample_rate": 16000,
            "algorithm": "TensorflowPredict2D",
            "embedding_model": {"algorithm": "TensorflowPredictMusiCNN", "model_name": name},
        },
    }


@pytest.mark.parametrize("name", ["../secret", "/etc/secret", "a/b", "a/", "..", ".", "a\0b", 3, ["a"]])
def test_an_extractors_name_that_leads_out_of_the_folder_is_one_sentence(name, tmp_path):
    """Case C16: the extractor that a card names."""
    folder = tmp_path / "graphs"
    folder.mkdir()
    for path in (tmp_path / "secret", folder / "head-1"):
        path.with_suffix(".pb").touch()
        path.with_suffix(".json").write_text(json.dumps(make_head_fields(name)))
    rule = r"inference\.embedding_model\.model_name: expected a plain name without folders"
    with pytest.raises(CardError, match=rf"^{rule}; got .* \(mood sad\)\. [^.]+\. The card is .*head-1\.json\.$"):
        read_model(folder / "head-1.pb")
    models, problems = list_models(folder)
    assert (models, len(problems)) == ([], 1)


@pytest.mark.parametrize("name", ["msd-musicnn-1", "discogs-effnet-bs64-1", "a name.of 1", "", None])
def test_an_ordinary_name_is_not(name):
    assert GraphCard(make_head_fields(name)).embedding_model["model_name"] == name


def test_an_extractor_is_looked_for_beside_the_head_and_among_the_graphs(tmp_path):
    fields = make_head_fields("base-1")
    for folder, stem in (("here", "head-1"), ("graphs", "base-1")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{stem}.pb").touch()
        own = fields if stem == "head-1" else {**fields, "inference": {"sample_rate": 16000, "algorithm": "X"}}
        (tmp_path / folder / f"{stem}.json").write_text(json.dumps(own))
    found = find_extractor(read_model(tmp_path / "here" / "head-1.pb"), tmp_path / "graphs")
    assert found.graph == str(tmp_path / "graphs" / "base-1.pb")
