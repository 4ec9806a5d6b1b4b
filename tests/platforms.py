"""Which platforms have wheels of all that is needed: `python tests/platforms.py [--only predict] [PLATFORM ...]`.

Asks pip to resolve, without installing, what setup.cfg and requirements-predict.txt name, for every platform and
version of Python of `TARGETS`. That wheels are there does not say that they run. Environment markers are those of the
Python that runs this, which changes nothing for the packages here. Needs a network, and minutes.
"""

from __future__ import annotations

import argparse
import configparser
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
TARGETS = {
    "Linux x86-64": [f"manylinux_2_{n}_x86_64" for n in (28, 27, 24, 17)] + ["manylinux2014_x86_64"],
    "Linux aarch64": [f"manylinux_2_{n}_aarch64" for n in (35, 34, 31, 28, 27, 24, 17)] + ["manylinux2014_aarch64"],
    "macOS 15 arm64": [f"macosx_{n}_0_arm64" for n in (15, 14, 13, 12, 11)] + ["macosx_10_9_universal2"],
    "Windows x86-64": ["win_amd64"],
}
SHOWN = ("essentia", "essentia-tensorflow", "tensorflow", "openvino")


def read_requirements(kind: str) -> list[str]:
    """Return what "whole" or "predict" needs, as pip reads it."""
    if kind == "predict":
        lines = (REPOSITORY / "requirements-predict.txt").read_text(encoding="utf-8").splitlines()
    else:
        config = configparser.ConfigParser()
        config.read(REPOSITORY / "setup.cfg", encoding="utf-8")
        lines = config["options"]["install_requires"].splitlines()
        lines += config["options.extras_require"]["fast"].splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def resolve(requirements: list[str], python: str, platforms: list[str]) -> str:
    """Return the versions that pip would install, or why it would not."""
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode != 0:
        pip = [shutil.which("pip") or "pip"]
    with tempfile.TemporaryDirectory() as folder:
        command = [*pip, "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-", "--target", folder]
        command += ["--only-binary", ":all:", "--python-version", python]
        command += [part for platform in platforms for part in ("--platform", platform)]
        done = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        return "no: " + (errors[-1].removeprefix("ERROR: ").split(" (from")[0] if errors else "pip failed")
    found = {one["metadata"]["name"]: one["metadata"]["version"] for one in json.loads(done.stdout)["install"]}
    return f"{len(found)} packages, " + ", ".join(f"{name} {found[name]}" for name in SHOWN if name in found)


def main() -> None:
    """Print a line per set of packages, platform and Python."""
    parser = argparse.ArgumentParser(description="Which platforms have wheels of everything that is needed.")
    parser.add_argument("platforms", nargs="*", metavar="PLATFORM", help=f"Of {', '.join(TARGETS)} (default: all).")
    parser.add_argument("--only", choices=["whole", "predict"], help="One set of packages (default: both).")
    parser.add_argument("--python", action="append", choices=PYTHONS, help="May repeat (default: all).")
    options = parser.parse_args()
    unknown = sorted(set(options.platforms) - set(TARGETS))
    if unknown:
        parser.error(f"platform: expected one of {', '.join(TARGETS)}; got {unknown[0]!r}.")
    for kind in [options.only] if options.only else ["whole", "predict"]:
        for name in options.platforms or TARGETS:
            for python in options.python or PYTHONS:
                told = resolve(read_requirements(kind), python, TARGETS[name])
                print(f"{kind:8}{name:16}{python:6}{told}", flush=True)


if __name__ == "__main__":
    main()
