"""The version of Essentia, without Essentia."""

from __future__ import annotations

import importlib.metadata

import pytest

from essentia_ldl import versions


@pytest.fixture
def install(monkeypatch):
    """A function that lets distributions of these versions be all that is installed."""

    def installed(**found: str) -> None:
        def version(name: str) -> str:
            if name not in found:
                raise importlib.metadata.PackageNotFoundError(name)
            return found[name]

        monkeypatch.setattr(importlib.metadata, "version", version)
        versions.find_essentia.cache_clear()

    yield installed
    versions.find_essentia.cache_clear()


@pytest.mark.parametrize(
    ("found", "version"),
    [
        ({"essentia-tensorflow": "2.1b6.dev1389"}, "2.1b6.dev1389"),
        ({"essentia": "2.1b5", "essentia-tensorflow": "2.1b6"}, "2.1b6"),
        ({"essentia": "2.1b5"}, "2.1b5"),
        ({"essentia": "2.1/../b5-own"}, "2.1_.._b5_own"),
        ({}, "unknown"),
    ],
)
def test_the_version_is_that_of_the_distribution(install, found, version):
    install(**found)
    assert versions.find_essentia() == version
