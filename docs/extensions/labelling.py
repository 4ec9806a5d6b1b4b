"""Draw the labelling page as it is after some answers: ``python docs/extensions/labelling.py PICTURE TABLE [N]``.

In: a table of labelled music, whose labels are hidden from `annotate` and answered with keys, N by Ann and a fifth as
many by Ben; out: a picture of the page as Ann sees it then. Tracks are numbered, so that no title tells the label.
Needs Chromium, a home with pretrained networks, and the extras app and dev.
"""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from essentia_ldl.datasets import read_tracks

WIDTH, HEIGHT, WAIT_MS = 1180, 760, 120_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def write_music(table: str, folder: Path) -> dict[str, str]:
    """Write the table that is labelled; return the label of each title."""
    labels = {}
    with open(folder / "music.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "artist", "title"])
        for number, track in enumerate(read_tracks(table), 1):
            labels[f"Track {number}"] = track.label
            writer.writerow([track.path, track.artist or "", f"Track {number}"])
    return labels


def label(page, rater: str, labels: dict[str, str], n: int) -> None:
    """Answer as one rater, with the key of the class that a track has."""
    from playwright.sync_api import expect

    page.fill("#rater", rater)
    page.click("#who button")
    keys = {name: str(number) for number, name in enumerate(sorted(set(labels.values())), 1)}
    for done in range(n):
        title = page.locator("#title")
        expect(title).not_to_be_empty(timeout=WAIT_MS)
        before = title.text_content()
        page.wait_for_timeout(400)  # a key that comes sooner is taken for a slip of the finger
        page.keyboard.press(keys[labels[before]])
        expect(title).not_to_have_text(before, timeout=WAIT_MS)
        if done == 0:
            expect(page.locator("#choice")).to_contain_text("most to learn", timeout=WAIT_MS)


def draw(target: Path, table: str, n: int) -> None:
    """Serve the page, answer, and draw it."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as driver:
        labels = write_music(table, Path(place))
        classes = ",".join(sorted(set(labels.values())))
        command = [sys.executable, "-m", "essentia_ldl", "annotate", f"{place}/music.csv", "--classes", classes]
        command += ["-o", f"{place}/labels.csv", "--no-browser"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            address = next((found[0] for line in server.stdout if (found := re.search(r"http://\S+", line))), None)
            if address is None:
                sys.exit("the server did not start")
            browser = driver.chromium.launch(executable_path=program)
            pages = []
            for rater, count in (("Ben", n // 5), ("Ann", n)):
                page = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}).new_page()
                page.set_default_timeout(WAIT_MS)
                page.goto(address)
                label(page, rater, labels, count)
                pages.append(page)
            page.wait_for_selector("#curve svg")
            page.wait_for_timeout(6000)  # for the last point of the curve, and some seconds of the track
            page.screenshot(path=str(target))
            browser.close()
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    draw(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 45)
