"""What the terminal shows of a survey and of a demo. In: `Surveyed`, or the folder; out: lines of text."""

from __future__ import annotations

from pathlib import Path

from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.features.survey import Surveyed

N_NAMED = 20  # tracks that are too short: a collection of single words has nothing else


def describe_survey(report: Surveyed) -> list[str]:
    """Write what a collection looks like."""
    n_tracks = report.n_tracks or sum(report.classes.values())
    width = max((len(name) for name in report.classes), default=0)
    word = "classes" if report.kind == SINGLE_LABEL else "tags"
    lines = [f"{n_tracks} tracks, {len(report.classes)} {word}"]
    if report.dimensions:
        lines = [f"{n_tracks} tracks with numbers: {', '.join(report.dimensions)}"]
    for name, count in report.classes.items():
        artists = f", {report.artists[name]} artists" if name in report.artists else ""
        lines.append(f"  {name:<{width}}  {count:>6} tracks{artists}")
    lines += report.notes
    if report.n_without_artist:
        lines.append(
            f"{report.n_without_artist} tracks without artist: folds cannot keep one artist on one side, and scores"
            " may come out too high"
        )
    if report.durations_s:
        total_h, middle = sum(report.durations_s) / 3600, report.durations_s[len(report.durations_s) // 2]
        first, last = report.durations_s[0], report.durations_s[-1]
        lines.append(f"{total_h:.1f} hours: shortest {first:.0f} s, median {middle:.0f} s, longest {last:.0f} s")
    for title, groups in (("same bytes", report.duplicates), ("same bytes, different labels", report.conflicts)):
        lines += [f"{title}: {', '.join(group)}" for group in groups]
    lines += [f"too short: {track_id}" for track_id in report.too_short[:N_NAMED]]
    if len(report.too_short) > N_NAMED:
        more = len(report.too_short) - N_NAMED
        lines.append(f"too short: {more} more; of single words, samplecnn-1s takes all that last a second")
    lines += [f"unusable: {failure.reason}" for failure in report.failures]
    lines += [f"a training would refuse: {report.refusal}"] if report.refusal else []
    if not (report.duplicates or report.refusal or report.conflicts or report.too_short or report.failures):
        lines.append("by their headers and bytes: nothing unreadable, too short or twice")
    return lines


def describe_demo(folder: Path) -> list[str]:
    """Write where a demo collection is."""
    return [str(folder)]
