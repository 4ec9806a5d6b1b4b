"""The report as a whole: every section of every kind of run, and a page that asks for nothing.

The browser tests need Chromium.
"""

from __future__ import annotations

import json
import os
import shutil

import pytest
from click.testing import CliRunner

from essentia_ldl.cli.main import main
from essentia_ldl.collection.corrections import read_corrections
from essentia_ldl.errors import AudioError
from essentia_ldl.report import command as report
from essentia_ldl.report.pictures import shown

MANY = ("blues", "classic", "country", "disco", "hip hop", "jazz", "metal", "pop", "reggae", "rock")
SECTIONS = ["summary", "scores", "confusion", "abstention", "curves", "labels", "map", "audit"]


# --- the page -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [("non_sad", "sad"), pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["train", "crossval"])
def test_every_section_is_there_and_the_page_needs_nothing_else(made, check, kind, classes):
    folder, page, _ = made(kind, classes)
    checker = check(page)
    for anchor in SECTIONS:
        assert anchor in checker.ids
        assert f'href="#{anchor}"' in page
    assert all(link.startswith(("#", "file:///")) for link in checker.links)
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page
    assert (folder / "report.html").read_text(encoding="utf-8") == page
    assert page.count('data-track="') in (40, 80)  # a map of the smoothing space, and one of the audit's


def test_what_the_user_named_cannot_become_markup(made, check, nasty):
    page = made().page
    checker = check(page)
    assert checker.tags.count("script") == 2
    assert "<script>alert" not in page
    assert "artist <" not in page
    assert "/x/<b>" not in page
    assert shown(nasty[2]) == "caf\N{REPLACEMENT CHARACTER}.wav"
    assert "bad &lt;i&gt;" in page


def test_a_report_of_three_tracks_a_run_without_places_and_one_without_features(home, make_writer, write, check):
    writer = make_writer(n_tracks=3)
    _, page, notes = write(writer.train(places=False))
    check(page)
    assert "before runs kept the paths" in notes[0]
    assert "<audio" not in page
    shutil.rmtree(home / "store")
    _, page, notes = write("mood-sad-1")
    check(page)
    assert any("could not be looked for" in note for note in notes)
    assert "There is no map" in page


def test_the_command_writes_both_files_and_fails_in_one_sentence(make_writer):
    folder = make_writer(n_tracks=6).train()
    done = CliRunner().invoke(main, ["report"])
    assert done.exit_code == 0
    assert done.output.splitlines()[-2:] == [
        f"report: {folder}/report.html",
        f"labels to listen to again: {folder}/audit.csv",
    ]
    done = CliRunner().invoke(main, ["report", "nothing"])
    assert done.exit_code == 1
    assert done.output.startswith("error: run: expected the name of a finished run")


@pytest.mark.slow
def test_files_that_do_not_fit_one_another_are_told_in_one_sentence(make_writer):
    """Case C1: readable json, with a value of another type."""
    folder = make_writer(n_tracks=6).train()
    assert CliRunner().invoke(main, ["report"]).exit_code == 0
    page = (folder / "report.html").read_bytes()
    for value in ({}, [], "x", {"mean": 1}):
        told = json.loads((folder / "labels.json").read_text("utf-8"))
        (folder / "labels.json").write_text(json.dumps({**told, "own_mass_mean": value}), "utf-8")
        done = CliRunner().invoke(main, ["report"])
        assert done.exit_code == 1
        assert done.output.count("error: run: expected files that fit one another; got ") == 1
        assert "Error" in done.output
        assert "Traceback" not in done.output
        assert (folder / "report.html").read_bytes() == page


def test_what_is_written_while_the_report_is_made_is_kept(make_writer, judge_run, write, read_audit, monkeypatch):
    writer = make_writer()
    folder = writer.train()
    judge_run(folder)
    path = folder / "audit.csv"

    def wait(*_):
        text = path.read_bytes()
        (row,) = (line for line in text.splitlines() if os.fsencode(f",{writer.ids[3]},") in line)
        path.write_bytes(text.replace(row, row + b"drop"))
        return []

    monkeypatch.setattr(report, "place_maps", wait)
    write(folder)
    assert {row["id"]: row["correction"] for row in read_audit(folder) if row["correction"]} == {writer.ids[3]: "drop"}


# --- players --------------------------------------------------------------------------------------------------------


def test_players_open_the_files_that_are_there(home, make_writer, write):
    writer = make_writer()
    folder = writer.train()
    for name in writer.ids[:5]:
        path = home / "audio" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    _, page, notes = write(folder)
    assert any("35 of 40 audio files are not where they were" in note for note in notes)
    assert page.count("<audio controls") == 5
    assert "caf%E9.wav" in page


def test_excerpts_are_inside_the_page_and_no_path_of_this_computer_is(home, make_writer, write, monkeypatch):
    writer = make_writer()
    folder = writer.train()
    monkeypatch.setattr(report, "find_ffmpeg", lambda: "ffmpeg")
    monkeypatch.setattr(report, "read_excerpt", lambda ffmpeg, path, s, track_s: f"data:audio/mpeg;base64,{s:g}")
    page = write(folder, excerpt_s=3.0, n_listed=5).page
    assert page.count('src="data:audio/mpeg;base64,3"') == 5
    assert "file:" not in page.replace("media-src file:", "")
    assert str(home) not in page


def test_excerpts_without_ffmpeg_say_what_to_do(home, make_writer, write, monkeypatch):
    folder = make_writer().train()
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(AudioError, match=r"ffmpeg on the PATH.*leave --excerpts out"):
        write(folder, excerpt_s=5.0)
    assert not (folder / "report.html").exists()


# --- in a browser ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.slow)])
@pytest.mark.parametrize("classes", [("non_sad", "sad"), MANY])
@pytest.mark.parametrize("kind", ["train", "crossval"])
def test_a_browser_shows_every_section_without_an_error(made, open_window, kind, classes, width):
    page = made(kind, classes).folder / "report.html"
    window = open_window(page.as_uri(), width)
    look = window.page.evaluate
    heights = look("Object.fromEntries([...document.querySelectorAll('section')].map(s => [s.id, s.offsetHeight]))")
    assert set(SECTIONS) <= set(heights)
    assert min(heights.values()) > 60
    assert look("document.documentElement.dataset.error || ''") == ""
    assert look("document.documentElement.scrollWidth") <= width
    assert window.asked == [page.as_uri()]
    assert window.errors == []
    smallest = "Math.min(...[...document.querySelectorAll('.picture text')].map(t => t.getBoundingClientRect().height))"
    assert look(smallest) > 9
    assert look("[...document.querySelectorAll('audio')].every(a => a.paused)")


def test_the_script_orders_picks_and_saves_corrections(made, open_window):
    folder = made().folder
    page = open_window((folder / "report.html").as_uri(), 390).page
    rows = page.locator("tr[data-id]")
    ids = rows.evaluate_all("rows => rows.map(row => row.dataset.id)")[:2]
    assert page.locator("#save").is_disabled()
    for n, word in enumerate(("sad", "drop")):
        rows.nth(n).locator("select").select_option(word)
    with page.expect_download() as saved:
        page.locator("#save").click()
    path = folder / "corrections.csv"
    saved.value.save_as(path)
    assert {name: value for name, (_, value) in read_corrections(path).values.items()} == dict(
        zip(ids, ("sad", "drop"), strict=True)
    )
    page.locator("#order").select_option("name")
    names = page.locator("#rows tbody tr").evaluate_all("rows => rows.map(row => row.dataset.name)")
    assert names == page.evaluate("names => names.toSorted((a, b) => a.localeCompare(b))", names)
    page.locator(".map .pt").first.dispatch_event("click")
    assert "share of the label" in page.locator("#picked").text_content()
    page.locator("button.class").first.click()
    assert page.locator(".pt.dim").count() >= 20
    # the name that is not UTF-8 cannot go through the page, and says so
    assert page.locator("#rows tr:not([data-id]) .choose small").count() == 1
    assert page.evaluate("document.documentElement.dataset.error || ''") == ""
