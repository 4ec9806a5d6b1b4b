"""A start without noise, and a package that loads nothing before it is asked to."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest

from essentia_ldl.nets.runtime import quiet, without


def test_silent_start():
    code = "from essentia_ldl.nets.runtime import tf; tf.zeros(3) + 1"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


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
def test_keras_loads_without_scikit_learn_and_matplotlib():
    code = (
        "import sys\n"
        "from essentia_ldl.nets.runtime import keras\n"
        "print(sorted({'sklearn', 'matplotlib', 'tensorflow'} & set(sys.modules)))\n"
        "import sklearn, matplotlib\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['tensorflow']"


def test_a_package_that_is_left_out_is_back_afterwards_and_one_that_is_loaded_stays(monkeypatch):
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with without("this", "json"):
        assert importlib.import_module("json") is json
        with pytest.raises(ImportError):
            importlib.import_module("this")
    assert "this" not in sys.modules
    assert sys.modules["json"] is json
