"""Find music by its sound and by words from Python: an index, what is near a track, an artist or words in it.

In: files, names of models and artists; out: records that a notebook shows. Essentia runs in processes of its own.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Sequence

from essentia_ldl.api.outcomes import DescribedTracks, FoundTracks, WrittenIndex
from essentia_ldl.api.settings import (
    HowToDescribe,
    HowToFind,
    HowToIndex,
    Place,
    Say,
    check_settings,
    find_home,
    name_path,
    telling,
)
from essentia_ldl.files import Home
from essentia_ldl.predict.many import Workers
from essentia_ldl.predict.write import Output
from essentia_ldl.progress import be_silent
from essentia_ldl.search import describe as describe_module
from essentia_ldl.search import index as index_module
from essentia_ldl.search import similar as similar_module
from essentia_ldl.search import words as words_module


def index(
    music: Place | Sequence[Place],
    out: Place,
    model: str | None = None,
    home: Home | Place | None = None,
    say: Say | None = print,
    **settings: typing.Unpack[HowToIndex],
) -> WrittenIndex:
    """Make an index of music by its sound, or bring one up to date.

    A call with an index that is there embeds what is new or has changed, and drops tracks whose files are gone. A call
    that was stopped goes on when it is made again.

    Parameters
    ----------
    music : path or sequence of path
        Files, folders, patterns, URLs, and tables whose columns artist, label and others are kept.
    out : path
        The index.
    model : str or None
        A name in graphs/ or a .pb file, of any network that has embeddings; None is that of the index, or
        msd-musicnn-1.
    home : Home, path or None
        The folder whose graphs are meant; None is ESSENTIA_LDL_HOME, or the current folder.
    say : callable or None
        Gets a line for every file that cannot be used; None is silence.
    **settings
        extractor_output : str
            The output to read; the card's embeddings when not given.
        vectors : int
            Vectors per track, at most: 1 is the mean of all patches.
        engine : str
            "auto", "essentia" or "openvino".
        precision : str
            "f32", or "bf16" in OpenVINO.
        again : bool
            Begin anew: keep nothing of what is there.
        jobs : int
            Processes of one thread each; as many as are of use when not given.

    Returns
    -------
    WrittenIndex
        ``n_tracks``, ``n_new``, ``n_failures`` and others.

    Raises
    ------
    AudioError
        When there is no file, or none that can be used; an OSError.
    StoreError
        When the index is damaged or of another model, or cannot be written; an OSError.
    UnknownNameError
        When a model or a setting does not exist; a LookupError.

    Examples
    --------
    >>> import essentia_ldl as ldl
    >>> done = ldl.index(song, folder / "lib.index", home=folder, say=None)
    >>> done.n_tracks, done.model
    (1, 'msd-musicnn-1')
    """
    given, place, say = check_settings(settings, HowToIndex), find_home(home), say or be_silent
    paths = list(music) if isinstance(music, Iterable) and not isinstance(music, str) else [music]
    embedding = index_module.Embedding(
        model,
        given.get("extractor_output", ""),
        given.get("vectors", 1),
        given.get("engine", "auto"),
        given.get("precision", "f32"),
    )
    output = Output("text", name_path(out), given.get("again", False))
    workers = Workers(given.get("jobs"), place.cluster)
    with telling(say):
        done = index_module.index(list(map(name_path, paths)), embedding, output, place.graphs, say, workers)
    return WrittenIndex(**vars(done))


def similar(
    query: Place,
    index: Place,
    n: int = 10,
    home: Home | Place | None = None,
    **settings: typing.Unpack[HowToFind],
) -> FoundTracks:
    """Find the tracks of an index that sound like a track, or like what an artist plays.

    Parameters
    ----------
    query : path or str
        A file, in the index or not, or the name of an artist of the index.
    index : path
        The index; it is read once while it does not change.
    n : int
        How many tracks, at most.
    home : Home, path or None
        The folder whose graphs are meant, for a track that the index does not have.
    **settings
        not_same_artist : bool
            Leave out tracks of the artist of the track, or of who is asked for.
        engine : str
            What embeds a track that the index does not have: "auto", "essentia" or "openvino".

    Returns
    -------
    FoundTracks
        ``neighbours`` with path, similarity, artist and label; ``write_playlist``; a notebook shows it.

    Raises
    ------
    StoreError
        When the index is missing, damaged, or of another model; an OSError.
    UnknownNameError
        When there is no such file and no such artist, or a setting does not exist; a LookupError.
    AudioError
        When the track cannot be used; an OSError.

    Examples
    --------
    >>> import essentia_ldl as ldl
    >>> _ = ldl.index(song, folder / "lib.index", home=folder, say=None)
    >>> [round(one.similarity, 3) for one in ldl.similar(copy, folder / "lib.index", home=folder).neighbours]
    [1.0]
    """
    given, place = check_settings(settings, HowToFind), find_home(home)
    found = similar_module.similar(name_path(query), name_path(index), similar_module.Limits(n, **given), place.graphs)
    return FoundTracks(**vars(found))


def search(
    query: str,
    index: Place,
    n: int = 10,
    words: Place | None = None,
    home: Home | Place | None = None,
) -> FoundTracks:
    """Find the tracks of an index that words fit best.

    Parameters
    ----------
    query : str
        A word or a phrase, such as "melancholic piano".
    index : path
        The index, of a model with tags; it is read once while it does not change.
    n : int
        How many tracks, at most.
    words : path or None
        Word vectors of GloVe, word2vec or fastText, for words that are no tags.
    home : Home, path or None
        The folder whose graphs are meant, and in whose store what was read of large vectors is kept.

    Returns
    -------
    FoundTracks
        ``neighbours`` with path, similarity (0 to 1), artist and label; ``notes`` on how the words were understood.

    Raises
    ------
    StoreError
        When the index is missing, damaged, or has no tags; an OSError.
    UnknownNameError
        When a word is no tag and has no vector; a LookupError.
    DataError
        When the file of vectors is none, cut or damaged; a ValueError.

    Examples
    --------
    >>> import essentia_ldl as ldl
    >>> _ = ldl.index(song, folder / "lib.index", home=folder, say=None)
    >>> len(ldl.search("female vocalists", folder / "lib.index", home=folder).neighbours)
    1
    """
    place, limits = find_home(home), similar_module.Limits(n)
    found = words_module.search(query, name_path(index), limits, place.graphs, _find_vectors(words, place))
    return FoundTracks(**vars(found))


def describe(
    audio: Place | Sequence[Place],
    listed: Sequence[str] = (),
    words: Place | None = None,
    home: Home | Place | None = None,
    **settings: typing.Unpack[HowToDescribe],
) -> DescribedTracks:
    """Find the words of a list that fit tracks best.

    Parameters
    ----------
    audio : path or sequence of path
        Files, folders, patterns and URLs.
    listed : sequence of str
        Words and phrases; none stands for the tags of the model.
    words : path or None
        Word vectors of GloVe, word2vec or fastText, for words that are no tags.
    home : Home, path or None
        The folder whose graphs are meant.
    **settings
        model : str
            A name in graphs/ or a .pb file, of a network with tags; msd-musicnn-1 when not given.
        n : int
            Words per track, at most; 10 when not given.
        engine : str
            "auto", "essentia" or "openvino".

    Returns
    -------
    DescribedTracks
        ``tracks`` with path and words, ``failures`` and ``notes``.

    Raises
    ------
    AudioError
        When a folder or a pattern has no audio; an OSError.
    UnknownNameError
        When no word of the list is known, or a setting does not exist; a LookupError.
    DataError
        When the model has no tags, or the file of vectors is none, cut or damaged; a ValueError.

    Examples
    --------
    >>> import essentia_ldl as ldl
    >>> [track] = ldl.describe(song, ["sad", "happy", "rock"], home=folder).tracks
    >>> sorted(word for word, score in track.words)
    ['happy', 'rock', 'sad']
    """
    given, place = check_settings(settings, HowToDescribe), find_home(home)
    paths = list(audio) if isinstance(audio, Iterable) and not isinstance(audio, str) else [audio]
    asked = describe_module.Describing(vectors=_find_vectors(words, place), **given)
    done = describe_module.describe(list(map(name_path, paths)), listed, asked, place.graphs)
    return DescribedTracks(**vars(done))


def _find_vectors(words: Place | None, home: Home) -> words_module.VectorFile:
    return words_module.VectorFile(None if words is None else name_path(words), home.store / "words")
