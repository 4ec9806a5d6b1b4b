"""Cards: Essentia's keys in Essentia's order, for base graphs and for classifiers."""

from __future__ import annotations

import dataclasses
import json

import pytest

from essentia_ldl import discover, frontends
from essentia_ldl.nets.export import cards
from essentia_ldl.nets.export.nodes import PLACEHOLDER, SIGMOID, SOFTMAX, head_nodes
from essentia_ldl.nets.runtime import tf
from essentia_ldl.runs.plan import BACKBONES, read_plan
from essentia_ldl.scores.calibration import Calibration, identity
from essentia_ldl.tags import TAGS

KEYS = [
    "name", "type", "link", "version", "description", "author", "email", "release_date", "framework",
    "framework_version", "classes", "model_types", "dataset", "schema", "citation", "inference", "essentia_ldl",
]  # fmt: skip
WIDTHS = {"logits": 2, "hidden": 100, "embedding": 200}
CLASSES = ("non_sad", "sad")


def describe(plan, calibration=None, nodes=None, *, head=True):
    found = calibration or identity(CLASSES, "not asked for")
    return cards.describe_classifier(plan, nodes or head_nodes(), WIDTHS, {"sha256": "0" * 64}, found, head=head)


@pytest.fixture
def plan(make_run):
    return read_plan(make_run(n_tracks=6, n_frames=190))


@pytest.mark.parametrize(("stem", "backbone"), [("msd-musicnn-1", "musicnn"), ("mtt-vgg-1", "vgg")])
def test_the_card_of_a_base_graph(stem, backbone):
    dataset, module = stem[:3], discover.load(BACKBONES, backbone)
    fields = cards.describe_tagger(stem, module, dataset, {"sha256": "0" * 64}).fields
    assert list(fields) == KEYS
    assert (fields["name"], fields["type"]) == (f"{dataset.upper()} {backbone}", "auto-tagging")
    assert fields["link"] == ""  # nobody has published it
    assert fields["classes"] == list(TAGS[dataset])
    assert fields["framework_version"] == tf.__version__
    assert list(fields["dataset"]["metrics"]) == ["ROC-AUC", "PR-AUC"]
    assert fields["schema"]["inputs"] == [{"name": PLACEHOLDER, "type": "float", "shape": [187, 96]}]
    outputs = {output["output_purpose"]: output for output in fields["schema"]["outputs"]}
    assert (outputs["predictions"]["name"], outputs["predictions"]["shape"]) == (SIGMOID, [50])
    assert outputs["embeddings"]["shape"] == [module.EMBEDDING_SIZE]
    assert fields["essentia_ldl"]["sha256"] == "0" * 64


@pytest.mark.parametrize("head", [True, False])
def test_the_card_of_a_classifier_has_the_same_keys(plan, head):
    card = describe(plan, head=head)
    assert list(card.fields) == KEYS
    assert card.fields["name"] == plan.name
    assert card.fields["link"] == ""
    shape = [200] if head else [187, 96]
    assert card.fields["schema"]["inputs"][0]["shape"] == shape
    assert ("embedding_model" in card.fields["inference"]) == head

    assert card.fields["schema"]["outputs"][0]["name"] == SOFTMAX


@pytest.mark.parametrize("head", [True, False])
def test_a_model_that_is_published_has_an_address(plan, head):
    published = dataclasses.replace(plan, card={**plan.card, "base_url": "https://music.example/models/"})
    fields = describe(published, head=head).fields
    folder, stem = "classification-heads" if head else "legacy/classifiers", plan.stems["head" if head else "full"]
    assert fields["link"] == f"https://music.example/models/{folder}/mood_sad/{stem}.pb"
    if head:
        extractor = "https://music.example/models/feature-extractors/musicnn/msd-musicnn-1.pb"
        assert fields["inference"]["embedding_model"]["link"] == extractor
    assert fields["essentia_ldl"]["base_url"] == "https://music.example/models/"


def test_what_essentia_does_not_know_goes_under_our_own_key(plan):
    card = describe(dataclasses.replace(plan, card={**plan.card, "invented": 3}))
    assert card.fields["essentia_ldl"]["invented"] == 3
    assert "invented" not in card.fields
    assert card.fields["author"] == "a test"
    assert card.fields["essentia_ldl"]["demo"] is True


def test_what_is_promised_is_there_though_the_plan_says_nothing(plan):
    ours = describe(dataclasses.replace(plan, card={})).fields["essentia_ldl"]
    promised = {"demo": False, "licence": "", "training_data_rights": "", "recipe_hash": ""}
    assert promised.items() <= ours.items()


def test_changes_of_training_patches_are_told_where_there_were_any(make_run):
    plain = describe(read_plan(make_run("plain", n_tracks=6))).fields["essentia_ldl"]
    assert not {"augment", "mixed_precision"} & set(plain)
    settings = {"mixup": 0.2, "audio": ["mp3"]}
    plan = read_plan(make_run("changed", n_tracks=6, network={"fine_tune": "all"}, augment=settings))
    card = describe(plan, head=False)
    assert card.fields["essentia_ldl"]["augment"] == settings
    assert list(card.fields) == KEYS
    assert json.loads(json.dumps(dict(card.fields))) == card.fields, "it is written as json"


def test_a_calibration_is_noted_with_the_node_that_it_leaves_alone(plan):
    found = Calibration("temperature", CLASSES, (0.5, 0.5), (0.0, 0.0))
    notes = describe(plan, found).fields["essentia_ldl"]["notes"]
    assert [note for note in notes if note.startswith("Probabilities are calibrated") and "model/dense_1" in note]
    assert not [note for note in describe(plan).fields["essentia_ldl"]["notes"] if "calibrated" in note]


def test_the_analysis_is_spelled_out_where_the_algorithm_does_not_imply_it(make_dcnn):
    fields = describe(read_plan(make_dcnn()), head=False).fields
    analysis = fields["essentia_ldl"]["analysis"]
    assert analysis["FrameCutter"] == {
        "frameSize": frontends.DCNN.frame_samples,
        "hopSize": frontends.DCNN.hop_samples,
    }
    assert analysis["MelBands"]["numberBands"] == 128
