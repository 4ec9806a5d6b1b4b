"""Which tags of a collection are read: an option and the tags that tracks have flow in, their names flow out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from essentia_ldl.discover import unknown
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import Track

ALL = "all"


def choose_tags(
    wanted: str | Path | Iterable[str], named: Mapping[str, Sequence[str]], present: Collection[str]
) -> tuple[str, ...]:
    """Choose among the tags of a collection.

    Parameters
    ----------
    wanted : str, Path or iterable of str
        "all", a key of `named`, the path of a text file with one tag per line, or the tags of a task, of which those
        that are not there are left out.
    named : Mapping[str, sequence of str]
        Published lists; of one, tags that are not there are left out too.
    present : collection of str
        Tags that the collection knows.

    Returns
    -------
    tuple[str, ...]
        In the order of the list; of "all", sorted.

    Raises
    ------
    DataError
        When the option is none of these, the file cannot be read, or none of its tags is there.
    UnknownNameError
        When a tag of the file is not there.
    """
    if wanted == ALL:
        return tuple(sorted(present))
    if isinstance(wanted, str | Path):
        asked = named[str(wanted)] if str(wanted) in named else _read_list(Path(wanted).expanduser(), named)
    else:
        asked = tuple(wanted)
    is_file = isinstance(wanted, str | Path) and str(wanted) not in named
    chosen = tuple(dict.fromkeys(tag for tag in asked if tag in present))
    if is_file and len(chosen) < len(set(asked)):
        raise unknown("tag", next(tag for tag in asked if tag not in present), present)
    if not chosen:
        rule = f"tags that the collection has, such as {', '.join(sorted(present)[:3]) or 'one'}"
        raise DataError(explain("option tags", rule, ", ".join(asked) or "none", "tags", "Choose others, or all."))
    return chosen


def _read_list(path: Path, named: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    if not path.is_file():
        rule = f"{', '.join([ALL, *named])}, or a file with one tag per line"
        raise DataError(explain("option tags", rule, str(path), "option", "Correct the option."))
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        what = f"byte {error.object[error.start]:#04x}"
        raise DataError(explain("list of tags", "UTF-8", what, path, "Save it as UTF-8.")) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
    return tuple(line.strip() for line in lines if line.strip())


def drop_untagged(tracks: list[Track], say: Callable[[str], object]) -> list[Track]:
    """Leave out the tracks without any tag, and say how many."""
    kept = [track for track in tracks if track.tags]
    if len(kept) < len(tracks):
        say(f"left out: {len(tracks) - len(kept)} of {len(tracks)} tracks, which have none of the tags")
    return kept
