"""A start without noise, and a package that loads nothing before it is asked to."""

from __future__ import annotations

import subprocess
import sys

from essentia_ldl.nets.runtime import quiet


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
