"""The labelling page as people use it: keys and clicks in headless Chromium, at the width of a desk and of a phone.

The tests need Chromium.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.annotate.background import Embedder
from essentia_ldl.annotate.review import Audit
from essentia_ldl.annotate.review_session import ReviewSession
from essentia_ldl.collection.corrections import read_corrections

WIDTHS = [390, pytest.param(1280, marks=pytest.mark.slow)]


@pytest.fixture
def serve(open_session, serve_session) -> Callable:
    """A function (names of classes with commas between them, options of the session) -> the page that labels music."""
    return lambda classes="sad,non_sad", **options: serve_session(open_session(classes.split(","), **options))


@pytest.fixture
def embedder(write_index, music) -> Embedder:
    """An index of the music from which a model can choose."""
    index = write_index(music, np.eye(len(music)))
    return Embedder(index, index.parent, "nothing", is_given=True)


def read_votes(served) -> dict[str, list[tuple[str, dict[str, float] | None]]]:
    """The votes of each rater that stand, in order: the title, and what was said."""
    votes = served.session.votes

    def tell(vote) -> tuple[str, dict[str, float] | None]:
        said = vote.said and {name: round(share, 6) for name, share in vote.said.items()}
        return Path(vote.path).stem, said

    return {name: [tell(vote) for vote in votes.list_of(name)] for name in votes.raters}


def read_table(served) -> dict[str, dict[str, str]]:
    with open(served.session.journal.table, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return {Path(row["path"]).stem: row for row in csv.DictReader(file)}


# --- one person -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
def test_a_new_user_answers_with_keys_clicks_and_the_slider(serve, listen, width):
    served = serve()
    ana = listen(served.address, width=width)
    ana.page.keyboard.type("2 Ana 1")  # the field has the focus; digits of a name are no votes
    ana.page.keyboard.press("Enter")
    ana.page.wait_for_function(ana.READY)
    expected = dict(zip(ana.press("1", "2"), ({"sad": 1.0}, {"non_sad": 1.0}), strict=True))
    expected[ana.click("non_sad")] = {"non_sad": 1.0}
    ana.page.wait_for_function(ana.READY)
    ana.page.keyboard.press("s")
    for _ in range(20):
        ana.page.keyboard.press("ArrowRight")
    expected[ana.press("Enter")[0]] = {"sad": 0.7, "non_sad": 0.3}
    expected[ana.press("u")[0]] = None
    taken_back = ana.press("2")[0]
    ana.press("z")
    assert ana.title == taken_back
    expected[ana.press("1")[0]] = {"sad": 1.0}
    assert dict(read_votes(served)["2 Ana 1"]) == expected
    # an answer that was given is changed in the list
    first = next(iter(expected))
    ana.act(ana.page.get_by_role("button", name=re.compile(first)).click)
    assert ana.title == first
    assert ana.page.locator("#classes button[aria-pressed=true]").text_content().endswith("1sad")
    ana.page.wait_for_function("() => $('title').getBoundingClientRect().top >= 0")  # also on a phone
    expected[ana.press("2")[0]] = {"non_sad": 1.0}
    assert dict(read_votes(served)["2 Ana 1"]) == expected
    assert {name: row["label"] for name, row in read_table(served).items()} == {
        name: max(said, key=said.get) for name, said in expected.items() if said
    }
    ana.check()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_forty_tracks_and_then_no_more(serve, music, listen, width):
    for number in range(12, 40):
        shutil.copy(music[number % 12], Path(music[0]).with_name(f"t{number}.wav"))
    served = serve()
    ana = listen(served.address, "Ana", width)
    names = [ana.press("12"[n % 2])[0] if n % 3 else ana.click("sad") for n in range(39)]
    names.append(ana.title)
    ana.page.wait_for_function(ana.READY)
    ana.page.keyboard.press("1")
    ana.page.get_by_role("heading", name="That was all").wait_for()
    assert len(set(names)) == 40
    assert [name for name, _ in read_votes(served)["Ana"]] == names
    assert len(read_table(served)) == 40
    ana.check()
    ana.page.locator("#undo-last").click()
    ana.page.locator("#title").filter(has_text=names[-1]).wait_for()
    assert len(read_votes(served)["Ana"]) == 39


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_several_classes_have_a_key_each_and_can_be_mixed(serve, listen, width):
    served = serve("blues,hip hop,jazz,metal,pop,reggae,rock,soul,swing,techno")
    ana = listen(served.address, "Ana", width)
    expected = dict(zip(ana.press("2", "9"), ({"hip hop": 1.0}, {"swing": 1.0}), strict=True))
    expected[ana.click("techno")] = {"techno": 1.0}  # the tenth has no key
    ana.page.get_by_text("Several classes at once").click()
    ana.page.get_by_label("jazz").fill("30")
    ana.page.get_by_label("soul").fill("90")
    expected[ana.click("Say this mixture")] = {"jazz": 0.25, "soul": 0.75}
    assert dict(read_votes(served)["Ana"]) == expected
    ana.check()


@pytest.mark.slow
def test_names_that_are_long_or_markup_are_shown_as_they_are(serve, music, listen):
    names = ["<b>bold</b> & <script>", "x" * 150, os.fsdecode(b"caf\xe9"), "%41 #1?"]
    for path, name in zip(map(Path, music), names, strict=False):
        path.rename(path.with_name(f"{name.replace('/', '')}.wav"))
    classes = ("a_class_of_a_very_long_name_without_a_gap", "<i>other</i>", "one & all")
    served = serve(",".join(classes))
    ana = listen(served.address, "<i>Ana</i> " + "y" * 49, 320)
    shown = [ana.press("123"[n % 3])[0] for n in range(11)]
    for name in ("<b>bold<b> & <script>", "x" * 150, "caf\N{REPLACEMENT CHARACTER}", "%41 #1?"):
        assert name in [*shown, ana.title]
    assert {row["label"] for row in read_table(served).values()} == set(classes)
    assert len(read_table(served)) == 11
    ana.check()


def test_keys_do_what_they_say_and_nothing_else(serve, embedder, listen):
    served = serve(embedder=embedder)
    ana = listen(served.address, "Ana")
    page, first = ana.page, ana.title
    page.wait_for_function(ana.READY)
    for keys in ("Control+1", "Alt+2", "3", "0", "9", "q", "Escape", "ArrowUp"):
        page.keyboard.press(keys)
    page.keyboard.press("d")  # leaves a track out where labels are reviewed, and nowhere else
    page.locator("#order").focus()
    page.keyboard.press("1")  # of a list that has the focus it chooses a line
    page.get_by_text("Keys", exact=True).click()
    assert page.locator(".keys-list").is_visible()
    page.wait_for_function("() => audio.readyState")
    page.evaluate("audio.pause(); audio.currentTime = 0")
    page.locator("#wave").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("audio.currentTime") > 0.5
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("audio.currentTime") == 0
    page.keyboard.press(" ")
    page.wait_for_function("() => !audio.paused || audio.ended")
    assert ana.title == first
    assert read_votes(served) == {}


@pytest.mark.slow
def test_keys_of_other_keyboards_and_a_browser_that_may_remember_nothing(serve, listen):
    served = serve()
    ana = listen(served.address)
    ana.page.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage'])"
        " Object.defineProperty(window, name, { get() { throw new DOMException('denied', 'SecurityError'); } })"
    )
    ana.page.reload()
    ana.enter("Ana")
    strike = "([key, code]) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, code, bubbles: true }))"
    first = ana.act(lambda: ana.page.evaluate(strike, ["é", "Digit2"]))  # French, without the shift key
    ana.act(lambda: ana.page.evaluate(strike, ["г", "KeyU"]))  # Russian
    ana.act(lambda: ana.page.evaluate(strike, ["я", "KeyZ"]))
    assert read_votes(served) == {"Ana": [(first, {"non_sad": 1.0})]}
    ana.check()


def test_a_key_that_is_held_or_pressed_twice_answers_one_track(serve, listen):
    served = serve()
    ana = listen(served.address, "Ana")
    ana.page.wait_for_function(ana.READY)
    first = ana.title
    # the second press of a nervous finger comes as soon as the next track is there
    ana.page.evaluate(
        "() => new Promise(done => {"
        "  const strike = () => document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '1', bubbles: true }));"
        "  new MutationObserver(() => { strike(); done(); }).observe($('title'), { childList: true });"
        "  strike();"
        "})"
    )
    ana.page.wait_for_function(ana.READY)
    strike = (
        "() => document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '1', repeat: true, bubbles: true }))"
    )
    ana.page.evaluate(strike)  # what a keyboard sends of a key that is held
    ana.page.wait_for_function(ana.READY)
    assert read_votes(served) == {"Ana": [(first, {"sad": 1.0})]}


def test_the_keyboard_keeps_its_place_in_the_list_and_a_click_does_not_take_the_space_bar(serve, listen):
    served = serve()
    ana = listen(served.address, "Ana")
    first = ana.press("1")[0]
    ana.click("sad")
    ana.page.wait_for_function(ana.READY)
    ana.page.keyboard.press(" ")  # pauses, and does not press the button again
    ana.page.wait_for_function("() => audio.paused")
    assert len(read_votes(served)["Ana"]) == 2
    ana.page.get_by_role("button", name=re.compile(first)).focus()
    ana.press("2")
    assert first in ana.page.evaluate("document.activeElement.textContent")


def test_everything_has_a_name_that_is_read_out(serve, embedder, listen):
    ana = listen(serve(embedder=embedder).address, "Ana")
    for role, name in (
        *(("button", name) for name in ("1 sad", "2 non_sad", "Unsure U", "Undo Z", "Somebody else")),
        *(("slider", "How sad?"), ("slider", "Position"), ("combobox", "Next track"), ("combobox", "Play from")),
        *(("group", "Class"), ("region", "What you said"), ("region", "Progress"), ("main", "")),
    ):
        assert ana.page.get_by_role(role, name=name, exact=True).count() >= 1, (role, name)
    unnamed = ana.page.evaluate(
        "[...document.querySelectorAll('button, input, select, summary, [tabindex]')].filter(e => e.checkVisibility())"
        ".filter(e => !(e.ariaLabel || e.textContent.trim() || (e.labels && e.labels.length))).map(e => e.outerHTML)"
    )
    assert unnamed == []
    first = ana.press("1")[0]
    assert ana.page.get_by_role("status").filter(has_text=f"{first}: sad. Now {ana.title}.").count() == 1
    assert ana.page.locator("html").get_attribute("lang") == "en"


@pytest.mark.slow
def test_order_and_name_are_remembered_and_somebody_else_can_go_on(serve, embedder, listen):
    served = serve(embedder=embedder)
    ana = listen(served.address, "Ana")
    ana.page.get_by_label("Next track").select_option("random")
    ana.page.locator("#choice").filter(has_text="as likely").wait_for()
    shown = ana.title
    ana.page.reload()
    assert ana.page.get_by_label("Your name").input_value() == "Ana"
    ana.page.get_by_role("button", name="Start").click()
    ana.page.locator("#title").filter(has_text=shown).wait_for()
    assert ana.page.get_by_label("Next track").input_value() == "random"
    ana.press("1")
    ana.page.get_by_role("button", name="Somebody else").click()
    ana.enter("Ben")
    ana.press("2")
    assert {name: len(said) for name, said in read_votes(served).items()} == {"Ana": 1, "Ben": 1}
    ana.check()


# --- a review -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
def test_a_review_goes_from_doubt_to_doubt_into_the_file_of_the_report(music, tmp_path, serve_session, listen, width):
    header = "rank,id,path,artist,label,suggestion,disagreement,neighbours_of_label,model_of_label,nearest,correction"
    rows = [f"{n + 1},{Path(path).name},{path},,sad,non_sad,0.9,0.1,0.2,,".split(",") for n, path in enumerate(music)]
    path = tmp_path / "audit.csv"
    path.write_text("\n".join([header, *(",".join(row) for row in rows), ""]), encoding="utf-8")
    session = ReviewSession(Audit(tmp_path, ("non_sad", "sad")))
    ana = listen(serve_session(session).address, width=width)
    ana.page.get_by_role("heading", name="Hear doubtful labels").wait_for()
    assert ana.page.get_by_label("Your name").is_hidden()
    ana.page.keyboard.press("Enter")
    ana.page.wait_for_function(ana.READY)
    facts = ana.page.locator("#facts").text_content()
    assert "Labelled sad; what sounds like it says non_sad" in facts
    assert "20 % for sad" in facts
    marks = ana.page.locator("#classes small")
    assert marks.all_text_contents() == ["suggested", "its label"]
    assert ana.press("1", "2", "d", "u", "1") == ["t00", "t01", "t02", "t03", "t04"]
    assert ana.click("non_sad") == "t05"
    ana.press("z")
    ana.act(ana.page.get_by_role("button", name=re.compile("t00")).click)
    ana.press("d")
    said = {name: word for name, (_, word) in read_corrections(path).values.items()}
    assert said == {"t00.wav": "drop", "t01.wav": "sad", "t02.wav": "drop", "t04.wav": "non_sad"}
    ana.check()


# --- several people and windows -------------------------------------------------------------------------------------


def test_two_people_at_once_hear_other_tracks_unless_two_votes_are_wanted(serve, listen):
    served = serve(n_votes=2)
    ana, ben = listen(served.address, "Ana"), listen(served.address, "Ben", 390)
    assert ana.title != ben.title
    for _ in range(3):
        ben.press("1")
        ana.press("1")
    said = {name: dict(votes) for name, votes in read_votes(served).items()}
    both = set(said["Ana"]) & set(said["Ben"])
    assert both
    assert {name: row["n_raters"] for name, row in read_table(served).items()} == {
        name: "2" if name in both else "1" for name in (*said["Ana"], *said["Ben"])
    }
    assert "Ben 3" in ana.page.locator("#raters").text_content()
    ana.check()
    ben.check()


@pytest.mark.slow
def test_one_person_in_two_windows_is_asked_nothing_twice(serve, listen):
    served = serve()
    windows = [listen(served.address, "Ana"), listen(served.address, "Ana")]
    names = [window.press("1")[0] for _ in range(4) for window in windows]
    assert len(set(names)) == 8
    assert sorted(name for name, _ in read_votes(served)["Ana"]) == sorted(names)


# --- the model -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_page_says_who_chooses_and_why_there_is_no_more_to_choose_from(serve, music, write_index, listen):
    index = write_index(music[:6], np.eye(6))
    for place, said in (
        (index, r"most to learn out of the 6 analysed so far\..* No more are analysed: model.*nothing"),
        (index.with_name("none.index"), r"^At random for now: model.*nothing"),
    ):
        served = serve(embedder=Embedder(place, index.parent, "nothing"))
        bob = listen(served.address, "Bob")
        bob.page.locator("#choice").filter(has_text=re.compile(said)).wait_for()
        bob.check()
        bob.page.close()
        served.session.close()
