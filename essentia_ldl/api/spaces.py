"""Learn embedding spaces, measure embeddings, and measure what album covers add, from Python.

In: collections and names of models; out: records that a notebook shows. The work is that of the command line, in the
same processes.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl.api.learned import EvaluatedEmbeddings, LearnedSpace, LearnedWordSpace, MeasuredCovers
from essentia_ldl.api.settings import (
    HowToCover,
    HowToLearn,
    HowToLearnWords,
    HowToMatch,
    HowToMeasure,
    Place,
    Say,
    check_settings,
    check_writable,
    find_home,
    find_source,
    name_path,
    telling,
)
from essentia_ldl.choices import SIAMESE, SPACE_LOSSES, WORD_LOSSES
from essentia_ldl.files import Home
from essentia_ldl.predict.many import Workers
from essentia_ldl.progress import be_silent
from essentia_ldl.runs.covers import CoversSettings
from essentia_ldl.spaces import artists, compare, evaluate
from essentia_ldl.spaces import words as words_module
from essentia_ldl.spaces.measure import MeasureTerms
from essentia_ldl.studies.covers import command as covers_module

LABEL = "label"
_NOT_OF_A_SPACE = ("layout", "options", "jobs", "again", "folds", "columns")


def learn_space(
    data: Place | None = None,
    loss: str = SIAMESE,
    home: Home | Place | None = None,
    say: Say | None = print,
    **settings: typing.Unpack[HowToLearn],
) -> LearnedSpace:
    """Learn an embedding space from artists, or from labels, and put it into the graphs of a home as an extractor.

    Parameters
    ----------
    data : path or None
        A collection whose artists are known; None is a demo that is synthesised.
    loss : str
        "siamese", "triplet", "contrastive", "basic" or "tags".
    home : Home, path or None
        The folder whose runs, store and graphs are meant; None is ESSENTIA_LDL_HOME, or the current folder.
    say : callable or None
        Gets one line of text after another while the work goes on; None is silence.
    **settings
        on : list of str
            Frozen networks, or names of extractors in graphs/; ["msd-musicnn"] when not given.
        layers : str
            Of them: "embedding", "deep", "all", or some of "12345".
        network : str
            In place of these: a network that is trained from scratch, such as "artists".
        by : str
            Column of what tracks are alike in; "artist" when not given.
        distance, negatives : str
            "cosine" or "l2"; "random" or "semi-hard".
        margin : float
            In the unit of the distance.
        n_negatives, size, epochs : int
            Negatives per anchor, numbers of an embedding, and epochs at most.
        rate : float
            Learning rate.
        seed : int
            Of everything random.
        name : str
            Of the model; that of the data when not given.
        layout : str
            Layout of the data; found by look when not given.
        options : dict
            Options of the layout.
        again : bool
            Learn even when the same space was learned before.
        jobs : int
            Worker processes; one per core when not given.

    Returns
    -------
    LearnedSpace
        ``model`` (in graphs/), ``run``, ``history``, ``failures``; a notebook shows it.

    Raises
    ------
    DataError
        When artists are not known, or there is one alone; a ValueError.
    TrainingError
        When a number is out of range, or the loss or the network has no such setting; a RuntimeError.
    UnknownNameError
        When a loss, a network or a setting does not exist; a LookupError.

    References
    ----------
    Park, Lee, Park, Ha, Nam, "Representation learning of music using artist labels" (ISMIR 2018).

    Examples
    --------
    >>> import essentia_ldl as ldl
    >>> music = folder / "store" / "demo" / "mood-sad"
    >>> done = ldl.learn_space(music, home=folder, epochs=1, name="mine", say=None)
    >>> done.by, done.model
    ('artist', 'mine_artist-musicnn-1')
    """
    given, say = check_settings(settings, HowToLearn), say or be_silent
    asked, source = artists.make_asked(loss, **_keep_asked(given)), find_source(data, given)
    place = check_writable(find_home(home))
    with telling(say):
        done = artists.learn_space(asked, source, place, given.get("jobs"), given.get("again", False), say)
    return LearnedSpace(**vars(done))


def learn_words(
    vectors: Place,
    data: Place | None = None,
    way: str = WORD_LOSSES[0],
    home: Home | Place | None = None,
    say: Say | None = print,
    **settings: typing.Unpack[HowToLearnWords],
) -> LearnedWordSpace:
    """Learn a space of words and audio from tags, for `index`, `search` and `describe`.

    A fifth of the words is never seen in training, and measured apart.

    Parameters
    ----------
    vectors : path
        Word vectors of GloVe, word2vec or fastText, or a table.
    data : path or None
        A collection with tags; None is a demo that is synthesised.
    way : str
        "words", or "devise": on pretrained vectors as they are.
    home : Home, path or None
        The folder whose runs, store and graphs are meant; None is ESSENTIA_LDL_HOME, or the current folder.
    say : callable or None
        Gets one line of text after another while the work goes on; None is silence.
    **settings
        by : str
            Column of words, parted by ";"; tags or labels when not given.
        on, layers, network, size, epochs, rate, seed, name, layout, options, jobs
            As of `learn_space`.

    Returns
    -------
    LearnedWordSpace
        ``model`` (in graphs/), ``measures`` of seen and unseen words, ``without_vector``; a notebook shows it.

    Raises
    ------
    DataError
        When there are no words, too few have a vector, or the file of vectors is none, cut or damaged; a ValueError.
    TrainingError, UnknownNameError
        As of `learn_space`.

    References
    ----------
    Choi, Lee, Park, Nam, "Zero-shot learning for audio-based music classification and tagging" (ISMIR 2019).

    Examples
    --------
    >>> import essentia_ldl as ldl
    >>> lines = ["bright 1 0 .2", "busy -1 .3 0", "distorted 0 1 .1", "loud .4 .9 0", "percussion .1 -.5 1"]
    >>> vectors = folder / "glove.txt"
    >>> _ = vectors.write_text("\\n".join(lines))
    >>> done = ldl.learn_words(vectors, home=folder, epochs=1, size=8, say=None)
    >>> len(done.measures["seen"]), len(done.measures["unseen"])
    (4, 1)
    """
    given, say = check_settings(settings, HowToLearnWords), say or be_silent
    asked = artists.make_asked(way, **{"by": LABEL, **_keep_asked(given)})
    source, place = find_source(data, given), check_writable(find_home(home))
    with telling(say):
        done = words_module.learn_words(asked, name_path(vectors), source, place, given.get("jobs"), say)
    return LearnedWordSpace(**vars(done))


def compare_spaces(
    data: Place | None = None,
    losses: str | Sequence[str] = SPACE_LOSSES,
    home: Home | Place | None = None,
    say: Say | None = print,
    **settings: typing.Unpack[HowToMatch],
) -> EvaluatedEmbeddings:
    """Compare what losses learn, on artists who did not train, beside what needs no training.

    Parameters
    ----------
    data : path or None
        A collection whose artists are known; None is a demo that is synthesised.
    losses : str or sequence of str
        One or more of those of `learn_space`.
    home : Home, path or None
        The folder whose runs, store and graphs are meant; None is ESSENTIA_LDL_HOME, or the current folder.
    say : callable or None
        Gets one line of text after another while the work goes on; None is silence.
    **settings
        folds : int
            Folds of artists; 5 when not given.
        columns : list of str
            By what tracks are alike when it is measured; artist and label when not given.
        on, layers, network, by, distance, negatives, margin, n_negatives, size, epochs, rate, seed
            As of `learn_space`; each loss gets what it has of these.
        layout, options, jobs
            As of `learn_space`.

    Returns
    -------
    EvaluatedEmbeddings
        ``rows`` by loss, column and artist filter; a notebook shows them as a table.

    Raises
    ------
    DataError
        When artists are not known, or too few for the folds; a ValueError.
    TrainingError, UnknownNameError
        As of `learn_space`.

    Examples
    --------
    >>> import essentia_ldl as ldl
    >>> music = folder / "store" / "demo" / "mood-sad"
    >>> done = ldl.compare_spaces(music, ["basic"], home=folder, folds=2, epochs=1, columns=["label"], say=None)
    >>> [row.model for row in done.rows if not row.filtered]
    ['as it is', 'shifted and scaled', 'map without training', 'basic']
    """
    given, say = check_settings(settings, HowToMatch), say or be_silent
    terms = MeasureTerms(tuple(given.get("columns", ())))
    names = (losses,) if isinstance(losses, str) else tuple(losses)
    contest = compare.Contest(names, given.get("folds", 5), terms)
    asked, source = artists.make_asked(**_keep_asked(given)), find_source(data, given)
    place = check_writable(find_home(home))
    with telling(say):
        done = compare.compare_spaces(asked, contest, source, place, given.get("jobs"), say)
    return EvaluatedEmbeddings(**vars(done))


def evaluate_embeddings(
    models: str | Sequence[str],
    data: Place,
    home: Home | Place | None = None,
    say: Say | None = print,
    **settings: typing.Unpack[HowToMeasure],
) -> EvaluatedEmbeddings:
    """Measure the embeddings of models: is the same artist near, or the same label?

    Parameters
    ----------
    models : str or sequence of str
        Names in graphs/ or .pb files with embeddings; "name:node" names another output.
    data : path
        The collection.
    home : Home, path or None
        The folder whose graphs and store are meant; None is ESSENTIA_LDL_HOME, or the current folder.
    say : callable or None
        Gets a line for every model or file that cannot be used; None is silence.
    **settings
        by : list of str
            Columns of what tracks are alike in; artist and label when not given.
        k, nearest : int
            Length of the list whose precision is told (10), and voters of the k-NN (20).
        seed : int
            Of the folds.
        pictures : path
            A folder for t-SNE pictures, one per model and column.
        layout : str
            Layout of the data; found by look when not given.
        options : dict
            Options of the layout.
        jobs : int
            Processes of one thread each; as many as are of use when not given.

    Returns
    -------
    EvaluatedEmbeddings
        ``rows`` by model, column and artist filter; a notebook shows them as a table.

    Raises
    ------
    DataError
        When there is no such column, no track that all models can use, or a number is out of range; a ValueError.
    UnknownNameError
        When a model or a setting does not exist; a LookupError.

    Examples
    --------
    >>> import essentia_ldl as ldl
    >>> music = folder / "store" / "demo" / "mood-sad"
    >>> done = ldl.evaluate_embeddings("msd-musicnn-1", music, home=folder, by=["label"], say=None)
    >>> [(row.by, row.filtered) for row in done.rows]
    [('label', False), ('label', True)]
    """
    given, place, say = check_settings(settings, HowToMeasure), find_home(home), say or be_silent
    pictures = None if "pictures" not in given else Path(given["pictures"])
    numbers = {new: given[old] for old, new in (("k", "k"), ("nearest", "n_nearest"), ("seed", "seed")) if old in given}
    terms = MeasureTerms(tuple(given.get("by", ())), pictures=pictures, **numbers)
    names = [models] if isinstance(models, str) else list(models)
    with telling(say):
        done = evaluate.evaluate_embeddings(
            names, find_source(data, given), terms, place, say, Workers(given.get("jobs"), place.cluster)
        )
    return EvaluatedEmbeddings(**vars(done))


def measure_covers(
    data: Place | None = None,
    home: Home | Place | None = None,
    say: Say | None = print,
    **settings: typing.Unpack[HowToCover],
) -> MeasuredCovers:
    """Measure what pictures, such as album covers, add to music, and export what the audio learned from them.

    Parameters
    ----------
    data : path or None
        A collection whose tracks have pictures: a column cover of the table, tags of the files, or cover.jpg beside
        them; None is a demo that is synthesised.
    home : Home, path or None
        The folder whose runs, store and graphs are meant; None is ESSENTIA_LDL_HOME, or the current folder.
    say : callable or None
        Gets one line of text after another while the work goes on; None is silence.
    **settings
        folds : int
            Folds of whole artists; 5 when not given.
        image_weights : path
            A ResNet of keras.applications, .keras or .weights.h5; a small network from scratch when not given.
        epochs, size, seed : int
            Epochs of the networks at most (100), numbers of the common space (128), and of folds and training (0).
        name : str
            Of the exported extractor; that of the data when not given.
        export : bool
            Whether to train on all tracks and export the audio side; True when not given.
        layout, options, again, jobs
            As of `learn_space`.

    Returns
    -------
    MeasuredCovers
        ``found`` with the scores of each system, ``models`` (in graphs/), ``failures``; a notebook shows it.

    Raises
    ------
    DataError
        When the extra `covers` is missing, no track has a picture, or artists are too few; a ValueError.
    WeightsError
        When the image weights are missing or do not fit; an OSError.
    TrainingError, UnknownNameError
        As of `learn_space`.

    References
    ----------
    Oramas, Barbieri, Nieto, Serra, "Multimodal deep learning for music genre classification" (TISMIR 2018).

    Examples
    --------
    >>> import essentia_ldl as ldl
    >>> done = ldl.measure_covers(pictured, home=folder, folds=2, epochs=1, size=8, export=False, say=None)
    >>> done.models, done.found["n_folds"]
    ((), 2)
    """
    given, say = check_settings(settings, HowToCover), say or be_silent
    numbers = {name: given[name] for name in ("epochs", "size", "seed") if name in given}
    named = {name: given[name] for name in ("folds", "name", "export", "again") if name in given}
    weights = name_path(given.get("image_weights", ""))
    terms = covers_module.CoversTerms(settings=CoversSettings(**numbers), image_weights=weights, **named)
    source, place = find_source(data, given), check_writable(find_home(home))
    with telling(say):
        done = covers_module.measure(source, terms, place, given.get("jobs"), say)
    return MeasuredCovers(**vars(done))


def _keep_asked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that say what is learned; the names of networks are a tuple."""
    kept = {name: value for name, value in given.items() if name not in _NOT_OF_A_SPACE}
    return {**kept, **({"on": tuple(kept["on"])} if "on" in kept else {})}
