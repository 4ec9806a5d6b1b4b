"""The `report` command: one page per run, which opens without a network, and the labels to listen to again.

In: a finished run of `train` or `crossval`; out: ``report.html``, ``audit.csv`` and the reliability diagrams as PNG in
its folder. Style, script and pictures are inside the page, and its policy forbids it to ask for anything but the audio
files of the doubtful tracks.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from essentia_ldl import labels
from essentia_ldl.errors import AudioError, EssentiaLdlError, Reason, StoreError, explain
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home, replacing
from essentia_ldl.report.choice import draw_choice
from essentia_ldl.report.confidence import draw_abstention, draw_calibration, write_diagrams
from essentia_ldl.report.doubts import AUDIT, Doubts, judge, locate, read_features_of, write_doubts
from essentia_ldl.report.excerpts import find_ffmpeg, read_excerpt
from essentia_ldl.report.groups import draw_groups
from essentia_ldl.report.kinds import NO_AUDIT, KindResults, draw_kind_sections, read_kind_results
from essentia_ldl.report.looks import LookRequest, Shown, draw_looks, look_at_run
from essentia_ldl.report.map import place_tracks
from essentia_ldl.report.page import Page, Section, wrap_page
from essentia_ldl.report.pictures import shown
from essentia_ldl.report.results import CROSSVAL, Results, read_results
from essentia_ldl.report.scores import draw_confusion, draw_curves_section, draw_scores, draw_summary
from essentia_ldl.report.tracks import draw_doubts, draw_failures, draw_labels, draw_maps
from essentia_ldl.runs.folder import find_finished

N_LISTED = 40
SECTIONS = (
    Section("summary", "Summary", "", draw_summary),
    Section("scores", "Scores", "Which classes does it recognise?", draw_scores),
    Section("confusion", "Confusion", "What does it take for what?", draw_confusion),
    Section("calibration", "Calibration", "Is it right as often as it is sure?", draw_calibration),
    Section("abstention", "Abstaining", "What does answering only where it is sure buy?", draw_abstention),
    Section("choice", "Choice", "What was chosen, and among what?", draw_choice),
    Section("curves", "Learning", "Did it learn, and when was it best?", draw_curves_section),
    Section("labels", "Labels", "What did smoothing do to the labels?", draw_labels),
    Section("groups", "Artist groups", "Which artists belong together?", draw_groups),
    Section("looks", "What it learned", "What do its layers listen to?", lambda page: page.looks),
    Section("map", "Map", "Which tracks sound alike?", draw_maps),
    Section("audit", "Label audit", "Which labels should somebody listen to again?", draw_doubts),
    Section("failures", "Files left out", "Which files could not be used?", draw_failures),
)


@dataclasses.dataclass(frozen=True)
class Reported:
    """What `write_report` leaves.

    Parameters
    ----------
    notes : tuple[str, ...]
        What is missing, in sentences.
    pictures : tuple[Path, ...]
        Reliability diagrams, and what was asked for of the networks.
    page : Path
        The report.
    audit : Path or None
        The table of labels to listen to again; None of tags and numbers, which have none.
    """

    notes: tuple[str, ...]
    pictures: tuple[Path, ...]
    page: Path
    audit: Path | None


def write_report(
    name: str | None,
    home: Home,
    excerpt_s: float | None = None,
    n_listed: int = N_LISTED,
    asked: LookRequest | None = None,
) -> Reported:
    """Write the report of a run.

    Parameters
    ----------
    name : str or None
        Name or folder of a run; None is the one that ended last.
    home : Home
        Whose runs and store are meant.
    excerpt_s : float or None
        Put that many seconds of every listed track into the page, instead of opening the files where they are.
    n_listed : int
        Doubtful tracks that the page lists; audit.csv has all.
    asked : LookRequest or None
        What to show of the inside of its networks, in a cross-validation those of the first fold; None is nothing.

    Returns
    -------
    Reported

    Raises
    ------
    UnknownNameError
        When there is no such run.
    StoreError
        When it has not ended or is damaged.
    AudioError
        When excerpts are wanted and there is no ffmpeg.
    StepFailed, DataError
        What `look_at_run` raises.
    """
    folder = find_finished(name, home.runs)
    ffmpeg = find_ffmpeg() if excerpt_s is not None else ""
    with _telling_damage(folder):
        tagged = read_kind_results(folder)
        if tagged is not None:
            return _write_kind_report(tagged, asked)
        results = read_results(folder, home)
        read = read_features_of(results)
        doubts = judge(results, read)
        notes: list[str] = []
        maps = place_maps(results, doubts, read, notes)
        looks = _look(results.plan.folder, asked, notes)
        page = Page(results, doubts, maps, {}, n_listed, ())
        sounds = _embed(page, ffmpeg, excerpt_s, notes) if excerpt_s is not None else _link(results, notes)
        page = Page(results, doubts, maps, sounds, n_listed, tuple(notes), excerpt_s is not None, draw_looks(looks))
        notes += write_doubts(folder / AUDIT, doubts, results)
        with replacing(folder / "report.html") as file:
            file.write(draw_page(page).encode("utf-8"))
        written = list(write_diagrams(results))
        notes += [note for note in written if isinstance(note, str)]
    pictures = tuple(path for path in (*written, *(one.path for one in looks)) if not isinstance(path, str))
    return Reported((*results.notes, *doubts.notes, *notes), pictures, folder / "report.html", folder / AUDIT)


def _look(folder: Path, asked: LookRequest | None, notes: list[str]) -> tuple[Shown, ...]:
    """Return the pictures of what networks learned, where they are asked for."""
    if asked is None:
        return ()
    looks, missing = look_at_run(folder, asked)
    notes += missing
    return looks


def _write_kind_report(results: KindResults, asked: LookRequest | None) -> Reported:
    """Write the page of a run of tags or numbers, which has no audit."""
    notes = [NO_AUDIT]
    looks = _look(results.plan.folder, asked, notes)
    sections = draw_kind_sections(results)
    if looks:
        sections.append(("looks", "What it learned", draw_looks(looks)))
    links = "".join(f'<a href="#{anchor}">{shown(title)}</a>' for anchor, title, _ in sections)
    bodies = "".join(
        f'<section id="{anchor}"><h2>{shown(title)}</h2>{body}</section>' for anchor, title, body in sections
    )
    kind = "Cross-validation" if results.outcome == CROSSVAL else "Training"
    plan = results.plan
    about = plan.description or ", ".join(plan.classes)
    page = results.folder / "report.html"
    with replacing(page) as file:
        file.write(wrap_page(kind, results.folder.name, (plan.task, about), links, bodies).encode("utf-8"))
    return Reported(tuple(notes), tuple(one.path for one in looks), page, None)


@contextlib.contextmanager
def _telling_damage(folder: Path) -> Iterator[None]:
    """Tell of a run whose files can be read one by one and do not fit one another."""
    try:
        yield
    except EssentiaLdlError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        found = Reason(f"{type(error).__name__}: {error}")
        remedy = "Somebody has changed them: train it again."
        raise StoreError(explain("run", "files that fit one another", found, folder, remedy)) from error


def place_maps(results: Results, doubts: Doubts, read: object, notes: list[str]) -> list[tuple[str, object]]:
    """Place the tracks in the space that smoothed the labels, and in the one that doubts come from.

    The space of a label source is learned from the tracks that the run learned it from, of a cross-validation from
    those of its first fold, so that the others lie where they would lie unseen.
    """
    maps, seed = [], results.recipe.split.seed
    rows = list(results.sources)
    # of several sources the one that the table likes best
    if results.kind == CROSSVAL:
        rows.sort(key=lambda name: -results.scores["sources"][name]["balanced_accuracy_mean"])
    # artist groups have no space of their own; what is smoothed beside them does
    named = [source for name in rows for source in labels.expand(name)]
    spaces = [source for source in named if source not in ("none", "shares") and not labels.is_auxiliary(source)]
    for source in spaces[:1]:
        fitted = [track for track in results.tracks if track.id in results.training]
        try:
            points = locate(results.recipe, source, fitted, results.tracks, read)
        except (EssentiaLdlError, AttributeError) as error:
            notes.append(f"There is no map of the smoothing space of {source}: {error}")
            continue
        learned = f"learned from {len(fitted)} of the tracks"
        maps.append((f"smoothing space of {source}, {learned}", place_tracks(points, seed)))
    if doubts.points is not None:
        maps.append((f"{doubts.space}: what the audit looks at", place_tracks(doubts.points, seed)))
    return maps


def _link(results: Results, notes: list[str]) -> dict[str, str]:
    """Return the URL of every audio file that is where it was."""
    found = {
        track.id: Path(track.path).as_uri() for track in results.tracks if track.path and Path(track.path).is_file()
    }
    told = [track for track in results.tracks if track.path]
    if told and len(found) < len(told):
        notes.append(
            f"{len(told) - len(found)} of {len(told)} audio files are not where they were: no player for them."
        )
    return found


def _embed(page: Page, ffmpeg: str, excerpt_s: float, notes: list[str]) -> dict[str, str]:
    """Return excerpts of the listed tracks as data URIs."""
    found, store = {}, Store(page.results.home.store)
    for row in page.listed:
        if not row.track.path:
            continue
        try:
            track_s = float(store.read_info(page.results.contents[row.track.id])["duration_s"])
        except (StoreError, KeyError):
            track_s = 0.0
        try:
            found[row.track.id] = read_excerpt(ffmpeg, row.track.path, excerpt_s, track_s)
        except AudioError as error:
            notes.append(str(error))
    return found


def draw_page(page: Page) -> str:
    """Return the whole page."""
    results = page.results
    drawn = [(section, section.draw(page)) for section in SECTIONS]
    drawn = [(section, body) for section, body in drawn if body]
    links = "".join(f'<a href="#{section.anchor}">{shown(section.title)}</a>' for section, _ in drawn)
    # two narrow sections share a row of a wide screen
    narrow = results.kind != CROSSVAL and len(results.recipe.classes) <= 12 and "test" not in results.scores
    half = {"scores": " class=half", "confusion": " class=half"} if narrow else {}
    bodies = "".join(
        f'<section id="{section.anchor}"{half.get(section.anchor, "")}><h2>{shown(section.title)}</h2>'
        f"{f'<p class=question>{shown(section.question)}</p>' if section.question else ''}{body}</section>"
        for section, body in drawn
    )
    kind = "Cross-validation" if results.kind == CROSSVAL else "Training"
    about = results.recipe.description or ", ".join(results.recipe.classes)
    return wrap_page(kind, results.folder.name, (results.recipe.task, about), links, bodies)
