"""A browser that looks at pages: the Chromium that is installed, without a window, driven by Playwright."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
PHONE = 600  # pixels: a page that is narrower is shown as on a phone, with a finger for a mouse


@dataclasses.dataclass(frozen=True)
class Window:
    """A window with a memory of its own: its page, the URLs that were asked for, and what its scripts raised."""

    page: Page
    asked: list[str]
    errors: list[str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser, once per module: while it is there, no test of the same thread can run a loop of its own."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        pytest.skip("Chromium is not installed: the page is not looked at in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@pytest.fixture
def open_window(browser: Browser) -> Iterator[Callable[..., Window]]:
    """A function (URL, width=1280, height=800, **settings) -> a window with that page; all are closed in the end.

    Settings are those of a context of Playwright, such as ``color_scheme="dark"``.
    """
    with contextlib.ExitStack() as opened:

        def open_page(url: str, width: int = 1280, height: int = 800, **settings) -> Window:
            small = width < PHONE
            context = browser.new_context(
                viewport={"width": width, "height": height}, is_mobile=small, has_touch=small, **settings
            )
            opened.callback(context.close)
            context.set_default_timeout(10_000)
            window = Window(context.new_page(), [], [])
            window.page.on("request", lambda request: window.asked.append(request.url))
            window.page.on("pageerror", lambda error: window.errors.append(str(error)))
            window.page.goto(url)
            return window

        yield open_page
