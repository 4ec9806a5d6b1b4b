"""The names of the files in a run folder, each once: whoever looks for one takes it from here.

Predictions, targets and calibrations are found by the modules that read them.
"""

from __future__ import annotations

PLAN = "plan.json"
STATE = "run.json"  # what tells the folder of a run from those inside it
RECIPE = "recipe.toml"
CORRECTIONS = "corrections.json"
FAILURES = "failures.csv"
WEIGHTS = "weights.npz"
HISTORY = "history.json"
CHECKPOINT = "checkpoint.npz"
SCORES = "scores.json"
VARIANTS = "variants.npz"  # what a graph answers to variants of the tracks that test it
ORIGINAL = "original"  # among them, the tracks themselves
SPEED = "speed.json"
DRAWS = "draws.npz"  # its scores on draws of the artists that test it
