"""Music to label, sessions on it, and pages that are served."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from essentia_ldl.annotate.journal import VoteJournal
from essentia_ldl.annotate.music import read_pool
from essentia_ldl.annotate.server import build_app, open_socket
from essentia_ldl.annotate.session import LabelSession
from essentia_ldl.annotate.sounds import Converted
from essentia_ldl.search.catalogue import IndexedTrack, gather
from essentia_ldl.search.library import Library, Maker, write_library

CLASSES = ("sad", "non_sad")
RATE_HZ = 8000


def write_tone(path: Path, hz: float, seconds: float = 1.0) -> Path:
    """Write a tone that swells, as a .wav of 16 bits."""
    time_s = np.arange(int(RATE_HZ * seconds)) / RATE_HZ
    samples = np.sin(2 * np.pi * hz * time_s) * time_s / seconds
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((samples * 20000).astype("<i2").tobytes())
    return path


@pytest.fixture
def music(tmp_path) -> list[str]:
    """Twelve tones in a folder, t00.wav to t11.wav."""
    return [str(write_tone(tmp_path / f"music/t{k:02}.wav", 200 + 40 * k)) for k in range(12)]


@pytest.fixture
def write_index(tmp_path) -> Callable[[list[str], np.ndarray], Path]:
    """A function (paths, units) -> an index of them."""

    def write(paths: list[str], units: np.ndarray, name: str = "lib.index") -> Path:
        entries = gather([IndexedTrack(path, 1.0, 1, 1) for path in paths])
        maker = Maker("msd-musicnn-1", "ab" * 32, "emb")
        library = Library(maker, entries, units.astype(np.float32), np.arange(len(paths)))
        with open(tmp_path / f"{name}.new", "wb") as file:
            write_library(library, file)
        return (tmp_path / f"{name}.new").replace(tmp_path / name)

    return write


@pytest.fixture
def open_session(tmp_path, music) -> Iterator[Callable[..., LabelSession]]:
    """A function (options of `LabelSession`) -> a session on the music; all of them are closed at the end."""
    opened = []

    def make(classes=CLASSES, sources=None, embedder=None, **options) -> LabelSession:
        pool = read_pool(sources or [str(tmp_path / "music")], classes, lambda _: None)
        session = LabelSession(VoteJournal(tmp_path / "labels.csv", classes), pool, embedder, **options)
        opened.append(session)
        return session

    yield make
    for session in opened:
        with contextlib.suppress(OSError):  # that a test has closed
            session.close()


class Served:
    """A page that is served: its address, and how to ask it."""

    def __init__(self, address: str, session: LabelSession) -> None:
        self.address, self.session = address, session

    def get(self, path: str = "", **headers: str) -> tuple[int, bytes, Any]:
        """Return status, body and headers of an address below the token."""
        return self.send(urllib.request.Request(self.address + path, headers=headers))

    def call(self, name: str, **body: Any) -> dict[str, Any]:
        """Return what a call says."""
        told = {"rater": "ann", "browser": "one", "order": "random", **body}
        asked = urllib.request.Request(f"{self.address}call/{name}", json.dumps(told).encode())
        return json.loads(self.send(asked)[1])

    def send(self, asked: urllib.request.Request) -> tuple[int, bytes, Any]:
        """Send a request."""
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers


@pytest.fixture
def serve_session() -> Iterator[Callable[[LabelSession], Served]]:
    """A function: session -> it, served in a thread."""
    import uvicorn

    running = []

    def serve(session: LabelSession) -> Served:
        converted, found = Converted(), open_socket(None)
        config = uvicorn.Config(build_app(session, "t" * 20, converted), log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [found]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        running.append((server, thread, converted, found))
        return Served(f"http://127.0.0.1:{found.getsockname()[1]}/{'t' * 20}/", session)

    yield serve
    for server, thread, converted, found in running:
        server.should_exit = server.force_exit = True
        thread.join(timeout=10)
        converted.close()
        found.close()


@pytest.fixture
def wait_until() -> Callable[[Callable[[], object]], None]:
    """A function: condition -> waits until it holds, ten seconds at most."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail("it did not come to be so")
            time.sleep(0.02)

    return wait


# --- in a browser ---------------------------------------------------------------------------------------------------


class Listener:
    """Somebody who listens in a window of a browser, see `open_window`."""

    READY = "() => track && !busy && performance.now() - since > REST_MS"  # the page takes an answer

    def __init__(self, window: Any, address: str) -> None:
        self.window, self.page, self.address = window, window.page, address

    @property
    def title(self) -> str:
        """What is shown."""
        return self.page.locator("#title").text_content()

    def enter(self, name: str) -> None:
        """Write a name, as everybody does first, and wait for a track."""
        self.page.get_by_label("Your name").fill(name)
        self.page.keyboard.press("Enter")
        self.page.wait_for_function("() => track && !busy")

    def act(self, action: Callable[[], object]) -> str:
        """Do something that brings another track, and return the one before."""
        self.page.wait_for_function(self.READY)
        before = self.title
        action()
        self.page.locator("#title").filter(has_not_text=before).wait_for()
        return before

    def press(self, *keys: str) -> list[str]:
        """Answer one track with each key, and return them."""
        return [self.act(lambda key=key: self.page.keyboard.press(key)) for key in keys]

    def click(self, name: str) -> str:
        """Answer with a button; where there are keys, they stand before its name."""
        return self.act(self.page.get_by_role("button", name=re.compile(rf"^(\d )?{name}( |$)")).click)

    def check(self) -> None:
        """Check what holds on every page at all times."""
        assert self.window.errors == []
        assert [url for url in self.window.asked if not url.startswith((self.address, "data:"))] == []
        assert self.page.evaluate("document.documentElement.scrollWidth") <= self.page.viewport_size["width"]


@pytest.fixture
def listen(open_window) -> Callable[..., Listener]:
    """A function (address, name=None, width=1280, settings of `open_window`) -> somebody who listens there."""

    def open_page(address: str, name: str | None = None, width: int = 1280, **settings: Any) -> Listener:
        listener = Listener(open_window(address, width, **settings), address)
        if name is not None:
            listener.enter(name)
        return listener

    return open_page
