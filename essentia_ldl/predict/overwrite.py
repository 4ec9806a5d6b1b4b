"""What `predict` must not write over: its inputs, and files that are audio, a graph, a card or somebody else's.

In: the name of the output and what the command reads; out: nothing, or one sentence. What is there is judged by its
content, because a slip of the keyboard has the wrong name too.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from essentia_ldl.content import AUDIO_SUFFIXES, begins_as_audio
from essentia_ldl.errors import StoreError, explain
from essentia_ldl.files import read_json

N_LOOKED_AT = 65536  # bytes; an mp3 may begin with a header of some server
N_CARD = 4 << 20  # bytes; a card is a few kilobytes
REPLACED = 0.1  # share of characters that are not UTF-8, above which a file is no text
KEYS_OF_CARDS = ("inference", "schema", "essentia_ldl")


def describe_content(path: str) -> str | None:
    """Say what a file is that must not be written over.

    Parameters
    ----------
    path : str
        An existing file.

    Returns
    -------
    str or None
        "audio", "a graph", "a card" or "a file of another program"; None for text and parquet, which are replaced.
    """
    with open(path, "rb") as file:
        head = file.read(N_LOOKED_AT)
    if begins_as_audio(head):
        return "audio"
    if head.startswith(b"PAR1"):
        return None
    text = head.decode("utf-8", "replace")
    if b"\0" in head or text.count("\ufffd") > REPLACED * len(text):
        return "a graph" if head[:1] == b"\n" or path.endswith(".pb") else "a file of another program"
    return "a card" if text.lstrip("\ufeff \t\r\n").startswith("{") and _is_card(path) else None


def _is_card(path: str) -> bool:
    if os.path.getsize(path) > N_CARD:
        return False
    try:
        value = read_json(path)
    except StoreError:
        return False
    return isinstance(value, dict) and any(key in value for key in KEYS_OF_CARDS)


def refuse_overwriting(path: str, audio: Sequence[str], inputs: Sequence[str], replaces: bool = False) -> None:
    """Refuse an output that would cost the user a file.

    Parameters
    ----------
    path : str
        Where the document goes: a file, or the name of one that is not there yet.
    audio : sequence of str
        The arguments: files, folders and patterns.
    inputs : sequence of str
        All files that are read: audio, graphs and cards.
    replaces : bool
        Whether the caller knows what stands there, so that its content is not judged.

    Raises
    ------
    StoreError
        When the output is one of them, also by another spelling or a link; when it is a file that is audio, a graph, a
        card or of another program; when it would be audio of a folder that is given.
    """
    target, remedy = os.path.realpath(path), "Choose another output."
    if os.path.isfile(target):
        own = os.stat(target)
        if any(_is_same(own, name) for name in inputs):
            raise StoreError(explain("output", "a file that is not read", "an input", path, remedy))
        if replaces:
            return
        try:
            found = describe_content(target)
        except OSError as error:
            raise StoreError(f"{path} is there already and cannot be read: {error.strerror}. {remedy}") from None
        if found is not None:
            raise StoreError(explain("output", "a new file or an earlier document", found, path, remedy))
        return
    if any(os.path.basename(name) == os.path.basename(path) and os.path.realpath(name) == target for name in inputs):
        raise StoreError(explain("output", "a file that is not read", "an input", path, remedy))
    folders = [os.path.realpath(name) for name in audio if os.path.isdir(name)]
    if target.lower().endswith(AUDIO_SUFFIXES) and any(_is_below(target, folder) for folder in folders):
        raise StoreError(explain("output", "no audio of a folder that is read", "such a name", path, remedy))


def _is_same(own: os.stat_result, name: str) -> bool:
    try:
        return os.path.samestat(own, os.stat(name))
    except (OSError, ValueError):
        return False


def _is_below(target: str, folder: str) -> bool:
    return os.path.commonpath([target, folder]) == folder
