"""A start without noise, and a package that loads nothing before it is asked to."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest

from essentia_ldl.nets.runtime import quiet, without


@pytest.fixture(scope="module")
def started(tmp_path_factory) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """A process that has used TensorFlow, and what it had loaded by then; scikit-learn and matplotlib load later."""
    path = tmp_path_factory.mktemp("started") / "modules.json"
    code = (
        "import json, pathlib, sys\n"
        "from essentia_ldl.nets.runtime import tf\n"
        "tf.zeros(3) + 1\n"
        "loaded = sorted({'sklearn', 'matplotlib', 'tensorflow'} & set(sys.modules))\n"
        "import sklearn, matplotlib\n"
        "pathlib.Path(sys.argv[1]).write_text(json.dumps(loaded))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    return done, json.loads(path.read_text())


@pytest.mark.slow
def test_silent_start(started):
    assert (started[0].stdout, started[0].stderr) == ("", "")


def test_package_import_is_light():
    code = "import sys, essentia_ldl.nets; print([m for m in ('tensorflow', 'keras', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_quiet_gives_the_descriptor_back(capfd, monkeypatch):
    monkeypatch.delenv("ESSENTIA_LDL_VERBOSE", raising=False)
    with quiet():
        subprocess.run([sys.executable, "-c", "import sys; sys.stderr.write('hidden')"], check=True)
    subprocess.run([sys.executable, "-c", "import sys; sys.stderr.write('heard')"], check=True)
    assert capfd.readouterr().err == "heard"


@pytest.mark.slow
def test_keras_loads_without_scikit_learn_and_matplotlib(started):
    assert started[1] == ["tensorflow"]


def test_a_package_that_is_left_out_is_back_afterwards_and_one_that_is_loaded_stays(monkeypatch):
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with without("this", "json"):
        assert importlib.import_module("json") is json
        with pytest.raises(ImportError):
            importlib.import_module("this")
    assert "this" not in sys.modules
    assert sys.modules["json"] is json
