"""The long examples of the public names, as a notebook runs them that has imported TensorFlow."""

from __future__ import annotations

import pytest

NAMES = (
    *("train", "predict", "evaluate", "report", "cross_validate", "index", "similar", "search", "describe"),
    *("learn_space", "compare_spaces", "evaluate_embeddings", "learn_words", "measure_covers"),
)
NOTEBOOK = """
import doctest, pathlib, shutil, sys
import tensorflow
import essentia_ldl as ldl
from essentia_ldl.datasets.demo import DemoSize, build_demo

folder, song, *names = pathlib.Path(sys.argv[1]), *sys.argv[2:]
copy = shutil.copy(song, folder / "copy.wav")
pictured = build_demo(folder / "pictured", ("classical", "rock"), DemoSize(4, 4, covers=True))
for name in names:
    function = getattr(ldl, name)
    (test,) = doctest.DocTestFinder().find(function, name, module=sys.modules[function.__module__])
    test.globs.update(folder=folder, song=song, copy=copy, pictured=pictured)
    assert test.examples
    failed = doctest.DocTestRunner().run(test).failed
    print(name, "failed" if failed else "ran")
done = ldl.train("mood-sad", home=folder, say=None)
assert done.repeated
print("shows", "<svg" in done._repr_html_())
print("essentia" in sys.modules, "tensorflow" in sys.modules)
"""
SMALL = """
task = "mood-sad"
classes = ["non_sad", "sad"]
labels = { sa = { n_neighbors = 3 } }
demo = { tracks = 12, artists = 6 }
"""


@pytest.mark.slow
def test_the_examples_of_the_commands_run_beside_tensorflow(demo_home, run_python, song, tmp_path):
    home = demo_home(tmp_path / "home")
    (home / "recipes").mkdir()
    (home / "recipes" / "mood-sad.toml").write_text(SMALL)
    done = run_python("-c", NOTEBOOK, str(home), str(song), *NAMES, timeout_s=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = [f"{name} ran" for name in NAMES]
    told = [line for line in done.stdout.splitlines() if line.endswith((" ran", " failed")) or " True" in line]
    assert told == [*ran, "shows True", "False True"], done.stdout + done.stderr
