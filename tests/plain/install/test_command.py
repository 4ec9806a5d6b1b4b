"""Models under new names: files, cards and links, and what is refused. The steps of the other zones are played."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from essentia_ldl.errors import CardError, DataError, GraphError, StoreError
from essentia_ldl.files import digest_file
from essentia_ldl.install import command
from essentia_ldl.install.command import Allowed, Layout, install
from essentia_ldl.models.answers import name_answers, read_answers
from essentia_ldl.models.folder import read_model


@pytest.fixture(autouse=True)
def steps(monkeypatch) -> list[tuple[str, ...]]:
    """The steps in processes of their own, which do nothing but copy a graph."""
    called: list[tuple[str, ...]] = []

    def run_zone(*arguments: str) -> None:
        called.append(arguments)
        if arguments[0] == command.INTERFACES:
            shutil.copyfile(arguments[1], arguments[2])
            shutil.copyfile(name_answers(arguments[1]), name_answers(arguments[2]))

    monkeypatch.setattr(command, "run_zone", run_zone)
    return called


def read_card(path: str | Path) -> dict:
    return json.loads(Path(path).with_suffix(".json").read_text())


def test_a_head_gets_essentias_name_and_keeps_its_bytes(make_model, graphs, tmp_path, steps):
    model, said = make_model("demo-mood_sad-msd-musicnn-3", below="msd-musicnn-1"), []
    layout = Layout(str(tmp_path / "in to"), is_official=True, base_url="https://m.example/a/")
    done = install([model.name], layout, graphs, said.append)
    [(before, path)] = done.graphs
    assert (before, path) == (model.name, str(tmp_path / "in to" / "mood_sad-msd-musicnn-1.pb"))
    assert Path(path).read_bytes() == Path(model.graph).read_bytes()
    assert read_answers(path, digest_file(Path(path))) is not None
    card = read_card(path)
    assert (card["name"], card["version"]) == ("mood sad", "1")
    assert card["link"] == "https://m.example/a/classification-heads/mood_sad/mood_sad-msd-musicnn-1.pb"
    below = card["inference"]["embedding_model"]
    assert below["link"] == "https://m.example/a/feature-extractors/musicnn/msd-musicnn-1.pb"
    assert card["essentia_ldl"]["installed_from"] == model.name
    assert said == [f"{model.name} -> {path}"]
    assert [lack.has for lack in done.lacks] == [("mood_sad-msd-musicnn-1",)] * 2
    assert len(steps) == 1
    assert steps[0][0] == command.VERIFY
    assert sorted(p.name for p in (tmp_path / "in to").iterdir()) == [
        f"mood_sad-msd-musicnn-1{suffix}" for suffix in (".answers.npz", ".json", ".pb")
    ]


def test_without_an_address_there_is_no_link(make_model, graphs, tmp_path):
    make_model("a-1", below="msd-musicnn-1")
    [(_, path)] = install(["a-1"], Layout(str(tmp_path / "x"), is_official=True), graphs, print).graphs
    card = read_card(path)
    assert (card["link"], card["inference"]["embedding_model"]["link"]) == ("", "")
    make_model("b-1", base_url="https://b.example")
    [(_, path)] = install(["b-1"], Layout(str(tmp_path / "x"), name="b"), graphs, print).graphs
    assert read_card(path)["link"] == "https://b.example/b.pb"


def test_essentias_tree_with_the_network_below(make_model, graphs, tmp_path):
    make_model("msd-musicnn-1")
    make_model("h-1", below="msd-musicnn-1")
    make_model("f-1")
    layout = Layout(str(tmp_path / "tree"), is_official=True, is_tree=True, with_extractor=True)
    done = install(["h-1", "f-1"], layout, graphs, print)
    tree = tmp_path / "tree"
    assert [Path(path).relative_to(tree).as_posix() for _, path in done.graphs] == [
        "classification-heads/mood_sad/mood_sad-msd-musicnn-1.pb",
        "legacy/classifiers/mood_sad/mood_sad-musicnn-msd-2.pb",
        "feature-extractors/musicnn/msd-musicnn-1.pb",
    ]
    link = read_card(done.graphs[0][1])["inference"]["embedding_model"]["link"]
    assert link == (tree / "feature-extractors/musicnn/msd-musicnn-1.pb").as_uri()
    assert Path(link).parent.stem == "musicnn"
    again = install(
        ["h-1"], Layout(str(tree), name="mood_sad-msd-musicnn", is_tree=True, with_extractor=True), graphs, print
    )
    assert [Path(path).name for _, path in again.graphs] == ["mood_sad-msd-musicnn-2.pb"]


def test_heads_and_full_graphs_count_their_versions_apart(make_model, graphs, tmp_path):
    make_model("h-1", below="msd-musicnn-1")
    make_model("f-1")
    into = str(tmp_path / "x")
    names = []
    for model, name in (
        ("h-1", "mood_sad-msd-musicnn"),
        ("h-1", "mood_sad-msd-musicnn"),
        ("f-1", "mood_sad-musicnn-msd"),
    ):
        names += [Path(path).stem for _, path in install([model], Layout(into, name=name), graphs, print).graphs]
    assert names == ["mood_sad-msd-musicnn-1", "mood_sad-msd-musicnn-2", "mood_sad-musicnn-msd-1"]
    assert read_card(tmp_path / "x" / "mood_sad-msd-musicnn-2.pb")["version"] == "2"


def test_a_head_that_programs_read_by_other_nodes(make_model, graphs, tmp_path, steps):
    make_model("h-1", below="msd-musicnn-1", task="moods mirex", classes=tuple("abcde"))
    done = install(["h-1"], Layout(str(tmp_path / "x"), is_official=True), graphs, print)
    [(_, path)] = done.graphs
    assert [step[0] for step in steps] == [command.INTERFACES, command.VERIFY]
    assert steps[0][3] == "model/Softmax"
    card = read_model(path).card
    assert (card.input_name, card.output("predictions")) == ("serving_default_model_Placeholder", "PartitionedCall")
    outputs = card.fields["schema"]["outputs"]
    assert [(one["name"], one["output_purpose"]) for one in outputs[:2]] == [
        ("PartitionedCall", "predictions"),
        ("model/Softmax", ""),
    ]
    assert "not checked" in done.notes[0]


def test_a_folder_for_a_hub(make_model, graphs, tmp_path):
    make_model("h-1", below="msd-musicnn-1")
    done = install(["h-1"], Layout(str(tmp_path / "hub"), is_official=True, is_hub=True), graphs, print)
    folder = tmp_path / "hub" / "mood_sad-msd-musicnn-1"
    assert sorted(path.name for path in folder.iterdir()) == [
        *("README.md", "models.yaml"),
        *(f"mood_sad-msd-musicnn-1{suffix}" for suffix in (".answers.npz", ".json", ".pb")),
    ]
    assert done.lacks == ()


def test_demo_models_and_names_that_are_taken_are_refused_unless_asked_for(make_model, graphs, tmp_path):
    make_model("d-1", below="msd-musicnn-1", demo=True)
    layout = Layout(str(tmp_path / "x"), is_official=True)
    with pytest.raises(DataError, match=r"got 'a demo model'.*say --demo"):
        install(["d-1"], layout, graphs, print)
    assert not (tmp_path / "x").exists()
    install(["d-1"], layout, graphs, print, Allowed(demo=True))
    with pytest.raises(StoreError, match=r"a name that is free.*Say --force"):
        install(["d-1"], layout, graphs, print, Allowed(demo=True))
    install(["d-1"], layout, graphs, print, Allowed(demo=True, overwrite=True))


@pytest.mark.parametrize(
    ("layout", "names", "error", "told"),
    [
        ({"name": "x"}, ["h-1", "f-1"], DataError, "--as: expected one model; got '2'"),
        ({"is_legacy": True}, ["h-1"], DataError, "--legacy: expected a full graph; got 'a head'"),
        ({"name": "mood_happy-msd-musicnn-1"}, ["h-1"], CardError, "classes of mood_happy"),
        ({"is_official": True}, ["f-1", "f-1"], DataError, "expected one model each; got 'mood_sad-musicnn-msd-2'"),
    ],
)
def test_what_does_not_go_together_is_refused(make_model, graphs, tmp_path, layout, names, error, told):
    make_model("h-1", below="msd-musicnn-1")
    make_model("f-1")
    with pytest.raises(error, match=told):
        install(names, Layout(str(tmp_path / "x"), **layout), graphs, print)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"name": "a", "is_official": True}, "one of --as and --official"),
        ({"is_tree": True, "is_hub": True}, "one of --tree and --hub-layout"),
        ({"name": "../a"}, "a plain name of a file"),
    ],
)
def test_a_layout_checks_itself(settings, told):
    with pytest.raises(DataError, match=told):
        Layout("x", **settings)


def test_a_model_is_not_written_over_itself(make_model, graphs):
    make_model("mood_sad-musicnn-msd-2")
    with pytest.raises(StoreError, match="a place of its own; got 'the model itself'"):
        install(["mood_sad-musicnn-msd-2"], Layout(str(graphs)), graphs, print, Allowed(overwrite=True))


def test_a_graph_that_essentia_answers_otherwise_is_not_installed(make_model, graphs, tmp_path, monkeypatch):
    def refuse(*arguments: str) -> None:
        raise GraphError("model/Softmax: expected the same.")

    make_model("h-1", below="msd-musicnn-1")
    monkeypatch.setattr(command, "run_zone", refuse)
    with pytest.raises(GraphError):
        install(["h-1"], Layout(str(tmp_path / "x"), is_official=True), graphs, print)
    assert list((tmp_path / "x").iterdir()) == []


def test_a_folder_that_cannot_be_written_to(make_model, graphs, tmp_path):
    make_model("h-1", below="msd-musicnn-1")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="folder: expected one that can be written to"):
        install(["h-1"], Layout(str(tmp_path / "file"), is_official=True), graphs, print)
