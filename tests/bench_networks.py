"""What networks cost at full width: `python tests/bench_networks.py [NETWORK ...] [--steps] [--folder FOLDER]`.

Without names, all rows of `frontends.NETWORKS`. Per network: trained numbers, milliseconds per second of audio in
Essentia and in OpenVINO (the best of three, alternating; patches as far apart as the front-end says), and with
``--steps`` milliseconds of a training step per patch. Bands are at hand: what they cost is measured elsewhere. Graphs
have random weights, and stay in FOLDER.

Not a test: machines are shared and noisy, so nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from essentia_ldl.frontends import NETWORKS
from essentia_ldl.zones import zone_environment

FREEZE = """
import json, sys
import numpy as np
from essentia_ldl.nets.backbones import load_backbone
from essentia_ldl.nets.classifier import DenseLayers, build_network
from essentia_ldl.nets.export.freeze import freeze_model
from essentia_ldl.nets.export.nodes import Node
from essentia_ldl.nets.timing import _time_step
from essentia_ldl.nets.runtime import keras, tf
name, folder, steps = sys.argv[1], sys.argv[2], sys.argv[3] == "1"
module = load_backbone(name)
model = build_network(module, 2, DenseLayers(0), fine_tune="none")
wanted = (Node("model/Softmax", "logits", "Softmax", "predictions", activation="softmax"),)
graph = freeze_model(model, wanted, module.FRONT_END.patch_shape)
open(f"{folder}/{name}.pb", "wb").write(graph.SerializeToString(deterministic=True))
told = {"n": sum(int(np.prod(v.shape)) for v in model.trainable_variables)}
if steps:
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(0)
    wide = build_network(module, 10, DenseLayers(0), fine_tune="none")
    told["step_ms"] = 1000 * _time_step(wide, module.FRONT_END.patch_shape, 8, 2) / 8
print(json.dumps(told))
"""
RUN = """
import json, sys, time
import numpy as np
from essentia_ldl.errors import EssentiaLdlError
from essentia_ldl.frontends import of_network
from essentia_ldl.models.answers import find_range
from essentia_ldl.sound.compiled import CompiledNetwork
from essentia_ldl.sound.graph import load_graph, run_graph
name, graph = sys.argv[1:]
front_end, given, node = of_network(name), "model/Placeholder", ["model/Softmax"]
patches = np.random.default_rng(0).uniform(*find_range(front_end), (2, *front_end.patch_shape)).astype(np.float32)
network = load_graph(graph, given, node)
engines = {"essentia": lambda: run_graph(network, graph, given, patches, node)}
try:
    engines["openvino"] = lambda found=CompiledNetwork(graph, given, node, 2): found.run(patches)
    engines["openvino"]()
except EssentiaLdlError:
    del engines["openvino"]
seconds = len(patches) * front_end.patch_step_samples / front_end.sample_rate_hz
best = dict.fromkeys(engines, float("inf"))
for run in engines.values():
    run()
for _ in range(3):
    for engine, run in engines.items():
        start = time.perf_counter()
        run()
        best[engine] = min(best[engine], time.perf_counter() - start)
print(json.dumps({engine: 1000 * value / seconds for engine, value in best.items()}))
"""


def ask(code: str, *arguments: str) -> dict[str, float]:
    """Run code in a process of its own; return what it says in its last line, or why it said nothing."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=zone_environment(), check=False
    )
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["?"])[-1][:100]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(name: str, folder: Path, steps: bool) -> dict[str, float]:
    """Measure one network."""
    told = ask(FREEZE, name, str(folder), str(int(steps)))
    return told if "failed" in told else told | ask(RUN, name, str(folder / f"{name}.pb"))


def main(arguments: list[str] | None = None) -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", metavar="NETWORK")
    parser.add_argument("--steps", action="store_true", help="time training steps too")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args(arguments)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="essentia-ldl-"))
    folder.mkdir(parents=True, exist_ok=True)
    print("| network | trained numbers | Essentia, ms per s | OpenVINO, ms per s | step, ms per patch |")
    print("| --- | --- | --- | --- | --- |")
    for name in options.networks or list(NETWORKS):
        found = measure(name, folder, options.steps)
        cells = [f"{found[key]:.1f}" if key in found else "-" for key in ("essentia", "openvino", "step_ms")]
        print(f"| {name} | {found.get('n', 0):,} | {' | '.join(cells)} | {found.get('failed', '')}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
