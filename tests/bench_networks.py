"""What networks cost at full width: `python tests/bench_networks.py [NETWORK ...] [--steps | --learn] [--folder F]`.

Without names, all rows of `frontends.NETWORKS`. Per network: trained numbers, milliseconds per second of audio in
Essentia and in OpenVINO (the best of three, alternating; patches as far apart as the front-end says), and with
``--steps`` milliseconds of a training step per patch. Bands are at hand: what they cost is measured elsewhere. Graphs
have random weights, and stay in F.

With ``--learn`` it is told instead whether a network of full width, drawn at random, learns eight clips of noise by
heart, with labels drawn at random: the steps after which the loss is below a tenth of chance's, at most 200.

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
LEARN = """
import json, sys, time
import numpy as np
from essentia_ldl.models.answers import find_range
from essentia_ldl.nets.backbones import load_backbone
from essentia_ldl.nets.classifier import DenseLayers, build_network
from essentia_ldl.nets.runtime import keras, tf
keras.utils.set_random_seed(0)
module = load_backbone(sys.argv[1])
model = build_network(module, 2, DenseLayers(0), fine_tune="none")
random = np.random.default_rng(1)
front_end = module.FRONT_END
x = random.uniform(*find_range(front_end), (8, *front_end.patch_shape)).astype(np.float32)
y = np.eye(2, dtype=np.float32)[random.permutation([0, 1] * 4)]
variables = model.trainable_variables
optimizer = keras.optimizers.Adam(float(sys.argv[2]))
optimizer.build(variables)
@tf.function(autograph=False)
def step():
    with tf.GradientTape() as tape:
        cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, model(x, training=True)))
    optimizer.apply(tape.gradient(cost, [variable.value for variable in variables]), variables)
    return cost
start, chance, losses = time.perf_counter(), float(np.log(2)), []
while len(losses) < 200 and (len(losses) < 3 or max(losses[-3:]) > 0.1 * chance):
    losses.append(float(step()))
took = time.perf_counter() - start
print(json.dumps({"n": sum(int(np.prod(v.shape)) for v in variables), "first": losses[0] / chance,
                  "last": losses[-1] / chance, "steps": len(losses), "s": took}))
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


def learn(names: list[str], rate: float) -> None:
    """Print how networks learn by heart."""
    print("| network | trained numbers | first loss / chance | last | steps | s |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in names:
        found = ask(LEARN, name, str(rate))
        cells = [f"{found[key]:.3f}" for key in ("first", "last")] if "first" in found else ["-", "-"]
        more = f"{found.get('steps', '-')} | {found.get('s', 0):.0f} | {found.get('failed', '')}"
        print(f"| {name} | {found.get('n', 0):,} | {' | '.join(cells)} | {more}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", metavar="NETWORK")
    parser.add_argument("--steps", action="store_true", help="time training steps too")
    parser.add_argument("--learn", action="store_true", help="tell how soon each learns eight clips by heart")
    parser.add_argument("--rate", type=float, default=1e-3, help="of Adam, with --learn")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args(arguments)
    if options.learn:
        learn(options.networks or list(NETWORKS), options.rate)
        return 0
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
