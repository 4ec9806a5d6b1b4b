"""The installation: what is told of it, and what counts as a problem."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from essentia_ldl import doctor
from essentia_ldl.doctor import SelfTest, examine, installed_versions
from essentia_ldl.errors import GraphError
from essentia_ldl.files import Home
from essentia_ldl.models import folder as models
from essentia_ldl.records import Failure, Prediction

WELL = {"tensorflow": "2", "keras": "3", "essentia-tensorflow": "2.1", "essentia": "missing", "scikit-learn": "1.7.1"}


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Say that everything is there; gives what may be changed, and the home."""
    state = {"versions": dict(WELL), "answer": None, "broken": []}
    tagger = [SimpleNamespace(name=name) for name in models.BASE_MODELS]
    monkeypatch.setattr(doctor, "installed_versions", lambda: state["versions"])
    monkeypatch.setattr(doctor, "_missing", lambda predicts_only=False: [])
    monkeypatch.setattr(models, "list_models", lambda folder: (tagger, state["broken"]))
    monkeypatch.setattr(models, "find_model", lambda name, folder: next(m for m in tagger if m.name == name))
    state["tagger"] = tagger

    def predict_files(chosen, files, *_):
        if isinstance(state["answer"], Exception):
            raise state["answer"]
        if state["answer"] is not None:
            yield Failure(files[0], "predict", state["answer"])
            return
        probabilities = np.array([0.25, 0.75], dtype=np.float32)
        yield [Prediction(files[0], chosen[0].name, ("calm", "loud"), probabilities, probabilities[None], 1.0)]

    monkeypatch.setattr(doctor, "predict_files", predict_files)
    return state, Home(tmp_path)


def test_a_whole_installation_has_no_problems_and_answers(installed):
    _, home = installed
    done = examine(home)
    assert done.problems == ()
    assert done.tested == SelfTest(models.BASE_MODEL, "loud", 0.75)
    assert (done.home, done.models) == (home.root, models.BASE_MODELS)
    assert done.versions == WELL


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"essentia-tensorflow": "missing"}, "essentia-tensorflow is not installed"),
        ({"essentia": "2.1b6"}, "plain essentia is installed beside essentia-tensorflow"),
    ],
)
def test_a_package_that_will_not_do_is_a_problem_and_nothing_is_tried(installed, change, problem):
    state, home = installed
    state["versions"] |= change
    done = examine(home)
    assert problem in done.problems[0]
    assert "Run `pip" in done.problems[0]
    assert done.tested is None


@pytest.mark.parametrize("version", ["1.7.2", "1.8.0", "1.9.1"])
def test_a_new_scikit_learn_is_no_problem(installed, version):
    state, home = installed
    state["versions"] |= {"scikit-learn": version}
    assert examine(home).problems == ()


def test_a_graph_that_is_missing_or_broken_is_a_problem(installed):
    state, home = installed
    state["broken"] = ["card: expected readable json."]
    gone = state["tagger"].pop()
    done = examine(home)
    assert done.problems[0] == "card: expected readable json."
    assert done.problems[1].startswith(f"base graphs are missing: {gone.name}.")
    assert done.tested is None


@pytest.mark.parametrize("answer", [GraphError("graph: expected one that runs."), "graph: expected one that runs."])
def test_a_prediction_that_fails_is_a_problem(installed, answer):
    state, home = installed
    state["answer"] = answer
    done = examine(home)
    assert done.problems == ("graph: expected one that runs.",)
    assert done.tested is None


def test_versions_that_decide_numbers_are_told():
    versions = installed_versions()
    assert versions["numpy"] == np.__version__
    assert set(versions) >= {"tensorflow", "keras", "essentia-tensorflow", "scikit-learn", "scipy"}


PLAIN = {**dict.fromkeys(WELL, "missing"), "essentia": "2.1b6", "openvino": "2026.4.1"}


def test_an_installation_that_only_predicts_needs_no_tensorflow(installed, monkeypatch):
    state, home = installed
    state["versions"] = PLAIN
    asked = []
    monkeypatch.setattr(doctor, "_missing", lambda predicts_only: asked.append(predicts_only) or [])
    done = examine(home)
    assert done.problems == ()
    assert asked == [True]
    assert done.tested == SelfTest(models.BASE_MODEL, "loud", 0.75)


def test_an_installation_that_only_predicts_tries_the_models_it_has(installed, monkeypatch):
    state, home = installed
    state["versions"] = PLAIN
    state["tagger"][:] = [SimpleNamespace(name="mine-1")]
    monkeypatch.setattr(models, "choose_models", lambda folder: state["tagger"])
    assert examine(home).tested.model == "mine-1"
    state["tagger"].clear()
    assert examine(home).problems[0].startswith("there are no models. Copy .pb, .json and .answers.npz")


@pytest.mark.parametrize(
    ("versions", "is_one"),
    [
        (PLAIN, True),
        (WELL, False),
        ({**PLAIN, "tensorflow": "2.20"}, False),
        ({**PLAIN, "essentia-tensorflow": "2.1b6"}, False),
        ({**PLAIN, "essentia": "missing"}, False),
        ({}, False),
    ],
)
def test_what_counts_as_an_installation_that_only_predicts(versions, is_one):
    assert doctor.is_predict_only(versions) == is_one


def test_an_installation_that_only_predicts_lacks_openvino_and_not_keras(monkeypatch):
    def version(name):
        raise doctor.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)
    assert doctor._missing(True) == ["openvino", "tqdm", "click", "joblib"]
    assert "keras" in doctor._missing()
