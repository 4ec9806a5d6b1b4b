"""What importing the sound zone promises: no TensorFlow beside it, and a quick start that changes no number."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import essentia.standard as es
import essentia.streaming as ess
import numpy as np
import pytest

from essentia_ldl import frontends, sound
from essentia_ldl.sound import ALGORITHMS


def used_algorithms() -> set[str]:
    """Names X of every ``es.X`` and ``ess.X`` in the sound zone, and those that a front-end names."""
    names = set()
    for path in Path(sound.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("es", "ess"):
                names.add(node.attr)
    for front_end in frontends.ALL.values():
        names |= {front_end.input_algorithm, front_end.predict_algorithm}
    return names - {""}


def test_lean_import_lists_what_is_used():
    used = used_algorithms()
    assert "FrameGenerator" in used
    used = (used - {"FrameGenerator"}) | {"FrameCutter"}  # a Python class around FrameCutter
    assert used == set(ALGORITHMS)
    assert list(ALGORITHMS) == sorted(ALGORITHMS)
    assert all(hasattr(es, name) or hasattr(ess, name) for name in ALGORITHMS)


@pytest.mark.slow
def test_lean_import_gives_the_same_numbers(exported_run, load_request, song, run_python, tmp_path):
    head = load_request(exported_run / "export" / "mood_sad-msd-musicnn.pb")
    job = {
        "models": [
            {
                "name": head.name,
                "graph": head.graph,
                "card": dict(head.card.fields),
                "proved": False,
                "extractor": {
                    "name": head.extractor.name,
                    "graph": head.extractor.graph,
                    "card": dict(head.extractor.card.fields),
                    "proved": False,
                },
            }
        ],
        "path": str(song),
    }
    script = (
        "import json, sys\n"
        "import numpy as np\n"
        "from essentia_ldl.frontends import MFCC, MUSICNN\n"
        "from essentia_ldl.sound.features import extract_features\n"
        "from essentia_ldl.sound.predict import Predictor\n"
        "from essentia_ldl.sound.request import Request\n"
        "import essentia.standard as es\n"
        "job = json.loads(sys.argv[1])\n"
        "features, _ = extract_features(job['path'], (MUSICNN, MFCC))\n"
        "[prediction] = Predictor([Request.from_json(job['models'][0])]).predict(job['path'])\n"
        "np.savez(sys.argv[2], **features, segments=prediction.segments, slow=hasattr(es, 'RhythmExtractor2013'))\n"
    )
    found = {}
    for lean in ("0", "1"):
        target = tmp_path / f"{lean}.npz"
        done = run_python("-c", script, json.dumps(job), str(target), ESSENTIA_LDL_LEAN=lean)
        assert (done.returncode, done.stderr) == (0, "")
        with np.load(target) as arrays:
            found[lean] = dict(arrays)
    assert found["0"]["slow"]
    assert not found["1"]["slow"]
    for name in ("musicnn", "mfcc", "segments"):
        np.testing.assert_array_equal(found["1"][name], found["0"][name])
    assert len(found["1"]["musicnn"]) > 600
    assert len(found["1"]["segments"]) == 5


def test_gate_refuses_tensorflow(run_python):
    script = (
        "import sys, types\n"
        "sys.modules['tensorflow'] = types.ModuleType('tensorflow')\n"
        "from essentia_ldl.errors import ImportOrderError\n"
        "try:\n"
        "    import essentia_ldl.sound\n"
        "except ImportOrderError as error:\n"
        "    print(error)\n"
    )
    done = run_python("-c", script)
    assert done.returncode == 0
    assert "expected a process without tensorflow; got 'tensorflow is loaded'" in done.stdout
    assert "process of its own" in done.stdout
