"""Look inside the networks of a run: `python -m essentia_ldl.nets.looking.look JOB.json`.

In: a job {run: folder with a plan, pictures: some of `choices.LOOKS`, none for all that there are, layers: names for
"ascent" and "bands", none for all}. Out: the files of `runs.looks`, one after the other, so that a look that was
stopped goes on. Exit status 0; 1 after an error, 130 after Ctrl-C, each with one line on stderr.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from essentia_ldl.choices import ASCENT, BANDS, EXCITATIONS, FILTERS, HARMONICS, MULTI_LABEL, SINGLE_LABEL, join_choices
from essentia_ldl.discover import unknown
from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import read_json
from essentia_ldl.nets.looking.ascent import look_at_layer
from essentia_ldl.nets.looking.excitations import look_at_excitations
from essentia_ldl.nets.looking.front_ends import find_harmonics, look_at_bands, look_at_harmonics
from essentia_ldl.nets.looking.spectra import look_at_filters
from essentia_ldl.nets.looking.subjects import Subject, list_subjects
from essentia_ldl.nets.runtime import tf
from essentia_ldl.runs.looks import Look, Seen, is_seen, write_list, write_look
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.zones import end_step, follow_parent

OF_LAYERS = (ASCENT, BANDS)  # pictures of which there is one per layer, and which may be asked for by layer
VERSION = 1  # of how a look is made: another one makes it again


def look_inside(run: Path, pictures: Sequence[str] = (), layers: Sequence[str] = ()) -> list[Seen]:
    """Look inside the networks of a run, and write what is seen.

    Parameters
    ----------
    run : Path
        Holds `plan.json`.
    pictures : sequence of str
        Some of `choices.LOOKS`; none is all that a network has.
    layers : sequence of str
        Layers for "ascent" and "bands"; none is all, but of "ascent" the first, whose filters its weights show.

    Returns
    -------
    list[Seen]
        What there is now, network by network.

    Raises
    ------
    DataError
        When no network of the run has such a picture.
    UnknownNameError
        When none has a layer of a name.
    EssentiaLdlError
        What `list_subjects` and `look_at_excitations` raise.
    """
    tf.config.experimental.enable_op_determinism()
    subjects = list_subjects(read_plan(run))
    wanted = [(subject, one) for subject in subjects for one in list_wanted(subject, pictures, layers)]
    _check_pictures(subjects, pictures, run)
    _check_layers(subjects, layers)
    notes = []
    for subject, seen in wanted:
        made_of = _digest(subject)
        if not is_seen(run, seen, made_of):
            write_look(run, seen, _look(subject, seen), made_of)
        if seen.picture == EXCITATIONS and subject.plan.kind not in (SINGLE_LABEL, MULTI_LABEL):
            notes.append("Excitations are not shown by class: a network of numbers has none.")
    seen = [one for _, one in wanted]
    write_list(run, seen, notes)
    return seen


def list_wanted(subject: Subject, pictures: Sequence[str], layers: Sequence[str]) -> list[Seen]:
    """List what is to be seen of a network, in the order of `choices.LOOKS` and of its layers."""
    found = []
    for picture, there in subject.pictures.items():
        if pictures and picture not in pictures:
            continue
        if picture in OF_LAYERS and layers:
            there = [name for name in there if name in layers]
        elif picture == ASCENT and FILTERS in subject.pictures:
            there = there[1:]
        found += [Seen(subject.name, picture, name) for name in there]
    return found


def _check_pictures(subjects: Sequence[Subject], pictures: Sequence[str], run: Path) -> None:
    known = tuple(dict.fromkeys(picture for subject in subjects for picture in subject.pictures))
    names = ", ".join(subject.name for subject in subjects)
    if not known:
        rule = "a network with filters of samples, excitations, or filters of bands that have names"
        raise DataError(explain("look", rule, names, run, "There are no pictures of this one."))
    for picture in pictures:
        if picture not in known:
            remedy = f"There are of {names}: {', '.join(known)}."
            raise DataError(explain("look", join_choices(known), picture, run, remedy))


def _check_layers(subjects: Sequence[Subject], layers: Sequence[str]) -> None:
    known = {name for subject in subjects for key in OF_LAYERS for name in subject.pictures.get(key, ())}
    for name in layers:
        if name not in known:
            raise unknown("layer", name, known)


def _look(subject: Subject, seen: Seen) -> Look:
    model, rate = subject.model, subject.front_end.sample_rate_hz
    if seen.picture == FILTERS:
        return look_at_filters(model.get_layer(seen.layer), rate)
    if seen.picture == ASCENT:
        return look_at_layer(model, seen.layer, rate, subject.plan.seed, subject.standardize)
    if seen.picture == HARMONICS:
        return look_at_harmonics(find_harmonics(model))
    if seen.picture == BANDS:
        return look_at_bands(model.get_layer(seen.layer), subject.front_end)
    return look_at_excitations(model, subject.plan)


def _digest(subject: Subject) -> str:
    tracks = [(track.id, track.content, track.role, track.label) for track in subject.plan.tracks]
    told = [VERSION, subject.digest, subject.plan.seed, subject.plan.classes, tracks]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def main(arguments: list[str]) -> int:
    """Run the job of a file; return the exit status."""

    def work() -> None:
        job = read_json(arguments[0])
        look_inside(Path(job["run"]), job["pictures"], job["layers"])

    return end_step(work)


if __name__ == "__main__":
    follow_parent()
    sys.exit(main(sys.argv[1:]))
