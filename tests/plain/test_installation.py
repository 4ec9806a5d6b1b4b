"""What is installed: the oldest versions that are tested are those that are allowed, and every extra has its line."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = configparser.ConfigParser()
CONFIG.read(ROOT / "setup.cfg", encoding="utf-8")


def read_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def test_the_oldest_versions_are_the_lower_bounds():
    constraints = dict(line.split("==") for line in read_lines((ROOT / "tests" / "oldest.txt").read_text("utf-8")))
    needed = [*read_lines(CONFIG["options"]["install_requires"]), "pytest>=9"]
    bounds = dict(line.split(">=") for line in needed)
    assert set(constraints) == set(bounds)
    for name, version in bounds.items():
        exact, least = as_numbers(constraints[name]), as_numbers(version)
        assert exact[: len(least)] == least, name
        assert not any(exact[len(least) :]) or name == "tensorflow", name  # 2.16.0 was not released


def test_every_extra_has_its_line_in_the_table():
    """The comment above an extra says what it is for; a table of the documentation is made of them."""
    text = (ROOT / "setup.cfg").read_text("utf-8").partition("[options.extras_require]")[2].partition("[options.")[0]
    named = re.findall(r"^# \S.*\n(\w+) =$", text, re.MULTILINE)
    assert set(named) == set(CONFIG["options.extras_require"])


def test_every_package_is_installed():
    """The list is written out, because the recipes stand elsewhere."""
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "essentia_ldl").rglob("*.py")}
    packages = {".".join(folder.parts) for folder in folders} | {"essentia_ldl.recipes"}
    assert read_lines(CONFIG["options"]["packages"]) == sorted(packages)
