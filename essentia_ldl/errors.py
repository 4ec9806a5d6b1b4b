"""Errors of essentia-ldl: one root, and leaves that also inherit the builtin a caller would catch.

A message about a value has one form, made by `explain`: what is wrong, what was expected, what was found, where, and a
remedy. A message about an event is a sentence and a remedy, such as "runs/x is in use by another process. Wait for it
or stop it."
"""

from __future__ import annotations

import errno
import os


class EssentiaLdlError(Exception):
    """Root of every error that essentia-ldl raises on purpose."""


class AudioError(EssentiaLdlError, OSError):
    """An audio file cannot be used: missing, unreadable, truncated, silent, too short."""


class PictureError(EssentiaLdlError, OSError):
    """A picture of a track cannot be used: missing, not a picture, truncated, too large."""


class DataError(EssentiaLdlError, ValueError):
    """A collection, a label or an array does not fit."""


class ArrayTypeError(DataError, TypeError):
    """An array, or what was to become one, holds something that is no number."""


class RecipeError(EssentiaLdlError, ValueError):
    """A recipe has an unknown key, a missing key or a value out of range."""


class CardError(EssentiaLdlError, ValueError):
    """The .json card of a graph is broken or does not fit its graph."""


class GraphError(EssentiaLdlError, RuntimeError):
    """A graph cannot be built, exported, verified or run."""


class StoreError(EssentiaLdlError, OSError):
    """A file of the store, a run or graphs/ cannot be read or written."""


class DiskError(StoreError):
    """The disk is full, or a folder cannot be written: whatever comes next would meet it too."""


class UnknownNameError(EssentiaLdlError, LookupError):
    """A task, model, label source, network or layout of that name does not exist."""


class WeightsError(EssentiaLdlError, OSError):
    """The pretrained weights cannot be fetched, or are not the ones expected."""


class TrainingError(EssentiaLdlError, RuntimeError):
    """Training cannot start or go on."""


class ClusterError(EssentiaLdlError, ConnectionError):
    """A cluster does not answer, has no workers, or they cannot run what they are sent."""


class ImportOrderError(EssentiaLdlError, ImportError):
    """TensorFlow and Essentia were about to meet in one process, which would abort it."""


_FULL = (errno.ENOSPC, errno.EDQUOT)


def find_full_disk(error: Exception | str) -> DiskError | None:
    """Tell a full disk from what is wrong with one file: whatever comes next would meet it too.

    Parameters
    ----------
    error : Exception or str
        Of the system, of a library that passes on no number (HDF5, numpy), or what another program printed.

    Returns
    -------
    DiskError or None
        What to raise in its place; None when no disk is full.

    Examples
    --------
    >>> str(find_full_disk(OSError(errno.ENOSPC, "No space left on device", "a.wav")))
    'The disk is full (a.wav). Free space and run the same command again.'
    >>> find_full_disk(OSError(errno.ENOENT, "No such file or directory", "a.wav"))
    """
    if isinstance(error, DiskError):
        return error
    said = getattr(error, "errno", None) in _FULL or any(os.strerror(code) in str(error) for code in _FULL)
    if not said:
        return None
    path = getattr(error, "filename", None)
    which = f"The disk is full ({path})." if path else "A disk is full, that of the home or that of temporary files."
    return DiskError(f"{which} Free space and run the same command again.")


SHOWN, SAID, LONGEST = 80, 200, 1000  # characters of a value, of a reason, and of a path, a rule or a key
_GAP = " ... "


class Reason(str):
    """What a library says is wrong, in one line of at most `SAID` characters, which `explain` shows whole.

    Parameters
    ----------
    said : Exception or str
        An exception without a text is named by its type.

    Examples
    --------
    >>> Reason(KeyError())
    'KeyError'
    """

    __slots__ = ()

    def __new__(cls, said: BaseException | str) -> Reason:
        return super().__new__(cls, " ".join(str(said).split())[:SAID] or type(said).__name__)


def show(value: object) -> str:
    """Write a value for a message: its ``repr``, without its middle where that is longer than `SHOWN`.

    An error of ours that is the value of another one is a sentence already, and stays whole; any other exception is
    shown as its `Reason`.

    Examples
    --------
    >>> show("sad")
    "'sad'"
    >>> len(show(list(range(1000))))
    80
    """
    if isinstance(value, EssentiaLdlError):
        return repr(str(value))
    if isinstance(value, Reason | BaseException):
        return repr(str(Reason(value)))
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deep; an integer of more digits than Python writes
        text = f"(a {type(value).__name__} too large to write)"
    if len(text) <= SHOWN:
        return text
    return _cut(text, SHOWN)


def _cut(text: object, longest: int = LONGEST) -> str:
    """Leave the middle out of a text that is longer than that."""
    text = str(text)
    end = (longest - len(_GAP)) // 2
    return text if len(text) <= longest else text[: longest - len(_GAP) - end] + _GAP + text[-end:]


def explain(what: str, rule: str, value: object, where: object, remedy: str) -> str:
    """Compose the message of an error.

    Parameters
    ----------
    what : str
        The thing that is wrong, such as ``"label"``.
    rule : str
        What was expected.
    value : object
        What was found; shown by `show`. The text of a library is a `Reason`, or the exception itself.
    where : object
        File, row, track or key.
    remedy : str
        What to do now, one sentence ending in a full stop.

    Returns
    -------
    str
        ``"{what}: expected {rule}; got {value} ({where}). {remedy}"``
    """
    return f"{_cut(what)}: expected {_cut(rule)}; got {show(value)} ({_cut(where)}). {remedy}"
