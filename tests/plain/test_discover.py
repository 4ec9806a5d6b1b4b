"""Plug-ins: a file that is there is one, and a name that is not gets the nearest as a remedy."""

from __future__ import annotations

import sys

import pytest

from essentia_ldl import discover
from essentia_ldl.errors import UnknownNameError


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "plugged_package"
    (folder / "nested").mkdir(parents=True)
    for name in ("__init__", "zeta", "alpha", "_private", "nested/__init__"):
        (folder / f"{name}.py").write_text("VALUE = 1\n")
    (folder / "broken.py").write_text("raise RuntimeError('imported')\n")
    (folder / "notes.txt").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield "plugged_package"
    for name in [name for name in sys.modules if name.split(".")[0] == "plugged_package"]:
        del sys.modules[name]


def test_names_are_the_public_modules_in_order_and_nothing_is_imported(package):
    assert discover.names(package) == ["alpha", "broken", "nested", "zeta"]
    assert "plugged_package.broken" not in sys.modules


def test_a_file_dropped_into_the_package_is_a_plug_in(package, tmp_path):
    (tmp_path / package / "newcomer.py").write_text("VALUE = 2\n")
    assert "newcomer" in discover.names(package)


def test_load_imports_one(package):
    assert discover.load(package, "alpha").VALUE == 1
    assert "plugged_package.zeta" not in sys.modules
    with pytest.raises(UnknownNameError, match=r"^plugged_package: expected one of alpha, .*Did you mean 'alpha'\?"):
        discover.load(package, "alfa")
    with pytest.raises(UnknownNameError):
        discover.load(package, "_private")


@pytest.mark.parametrize("package", ["datasets", "labels", "nets.backbones"])
def test_the_packages_of_plug_ins_have_some(package):
    assert discover.names(f"essentia_ldl.{package}")


def test_the_remedy_is_the_nearest_name():
    assert str(discover.unknown("task", "moodsad", ["mood-sad", "genre"])).endswith("Did you mean 'mood-sad'?")
    assert str(discover.unknown("task", "zzz", ["mood-sad", "genre"])).endswith("Take one of these.")
    assert "one that exists (there are none yet)" in str(discover.unknown("model", "x", []))
    assert str(discover.unknown("model", "x", [])).endswith("Make one first.")
    assert "one of a, b, c;" in str(discover.unknown("model", "x", iter("cab")))


@pytest.mark.parametrize(
    ("known", "expected"),
    [(("jazz", "rock"), "Did you mean 'rock'?"), (("jazz",), "Take one of these."), ((), "Make one first.")],
)
def test_a_suggestion_is_the_remedy_of_the_error(known, expected):
    assert discover.suggest("rokc", known) == expected
    assert str(discover.unknown("genre", "rokc", known)).endswith(expected)
