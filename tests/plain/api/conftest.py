"""Results of commands that were made by hand, and folders of music that is not there."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from essentia_ldl.records import Prediction


class _Checker(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.open.append(tag)
        assert not [name for name, _ in attributes if name in ("src", "href", "onclick")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="session")
def check_html() -> Callable[[str], list[str]]:
    """A function (HTML) -> its tags in order, which close in order and ask for nothing from elsewhere."""

    def check(text: str) -> list[str]:
        checker = _Checker()
        checker.feed(text)
        assert checker.open == []
        assert "script" not in checker.tags
        return checker.tags

    return check


@pytest.fixture(scope="session")
def make_prediction() -> Callable[..., Prediction]:
    """A function (path, model, classes, probabilities) -> a prediction of two patches."""

    def make(path="a.mp3", model="sad-1", classes=("non_sad", "sad"), probabilities=(0.2, 0.8), notes=()) -> Prediction:
        rows = np.array([probabilities, probabilities], dtype=np.float32)
        return Prediction(path, model, tuple(classes), rows[0], rows, 4.5, tuple(notes), {"predictive": 0.5})

    return make


@pytest.fixture
def music(tmp_path) -> Path:
    """A folder with two classes of empty files."""
    for name in ("calm/a.wav", "calm/b.wav", "tense/c.wav"):
        path = tmp_path / "music" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "music"


@pytest.fixture
def collection() -> SimpleNamespace:
    """What a cross-validation read, as far as a notebook is shown it."""
    return SimpleNamespace(failures=())
