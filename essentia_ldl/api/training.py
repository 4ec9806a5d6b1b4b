"""Train, cross-validate, and begin a task of one's own, from Python.

In: the name of a task and where the collection is; out: records that a notebook shows. The work is that of the
command line, in the same processes, so that a notebook that has imported TensorFlow is in nobody's way.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence

from essentia_ldl.api.outcomes import CrossValidated, TrainedModel
from essentia_ldl.api.settings import (
    HowToCompare,
    HowToTrain,
    Place,
    Say,
    check_settings,
    check_writable,
    find_home,
    find_recipe,
    find_source,
    find_truth,
    telling,
)
from essentia_ldl.choices import BASELINES, SINGLE_LABEL
from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import Home
from essentia_ldl.measure import crossval
from essentia_ldl.measure.refit import refit
from essentia_ldl.progress import be_silent
from essentia_ldl.recipe.new import write_new_recipe
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.train import ensemble
from essentia_ldl.train import train as train_module


def train(
    task: str | Recipe,
    data: Place | None = None,
    labels: str | None = None,
    home: Home | Place | None = None,
    say: Say | None = print,
    **settings: typing.Unpack[HowToTrain],
) -> TrainedModel:
    """Train a task, export the model, verify it in Essentia, and put it into the graphs of a home.

    Parameters
    ----------
    task : str or Recipe
        Name of a recipe such as "mood-sad", path of a recipe file, or a recipe.
    data : path or None
        Folder with one sub-folder per class, or a CSV or TSV table; None is a demo that is synthesised.
    labels : str or None
        Label source: "auto", "none", "sa", "sb" or another, or several joined by "+"; None is the recipe's.
    home : Home, path or None
        The folder whose runs, store and graphs are meant; None is ESSENTIA_LDL_HOME, or the current folder.
    say : callable or None
        Gets one line of text after another while the work goes on, those of the processes that train and verify too;
        None is silence. Nothing goes to the terminal, and no bars are drawn.
    **settings
        network : str
            "musicnn", "vgg", "vggish", "resnet", "dcnn", "choi" or another.
        pretrained : str
            Weights to start from: "msd", "mtt", or "audioset" for vggish.
        extractor, extractor_output : str
            A published graph in place of the network, a name in graphs/ or a .pb file, and its output node.
        fine_tune : str
            "head" (frozen network), "top" (its last layers train too), "all" (whole network) or "none" (from scratch).
        augment : str
            How training patches are changed: "bands", "audio", "both", or names joined by commas; not with "head".
        epochs : int
            Epochs of the training.
        dropout : float
            Rate in a head, from 0 to 0.9.
        samples : int
            Dropout samples in the graph, for the uncertainty of predictions.
        seed : int
            Seed of split, labels and training.
        speed : str
            What labels "auto" choose: "fast", "balanced" or "best".
        music : str
            "same" where the model will meet music like that of the collection, else "other".
        leave_out : str
            A column whose values labels "auto" leave out when they choose, in place of artists.
        adapt : path
            Folder of music without labels that the model will meet, by which its features are standardised too.
        paper : bool
            Train as the paper does and choose nothing: labels "sb".
        changes : dict
            Keys of the recipe and their values, such as ``{"network.hidden": 0}``.
        layout : str
            Layout of the data, such as "gtzan"; found by look when not given.
        options : dict
            Options of the layout.
        corrections : path
            ``audit.csv`` of a report with its column correction filled.
        jobs : int
            Worker processes; one per core when not given.
        max_hours : float
            Stop training after so many hours.
        members : int
            Train so many seeds and make one model of them, an ensemble.
        again : bool
            Train even when the same training was done before.

    Returns
    -------
    TrainedModel
        ``run`` (folder), ``models`` (names in graphs/), ``scores``, ``failures``; a notebook shows it.

    Raises
    ------
    DataError
        When the collection does not fit the recipe, or a setting is of the wrong kind; a ValueError.
    RecipeError
        When a value of the recipe is out of range; a ValueError.
    DiskError
        When the home cannot be written; an OSError.
    UnknownNameError
        When a task, label source, network or setting does not exist; a LookupError.

    References
    ----------
    Buisson, Alonso-Jiménez, Bogdanov, "Ambiguity modelling with label distribution learning for music classification"
    (ICASSP 2022).

    Examples
    --------
    >>> import essentia_ldl as ldl
    >>> done = ldl.train("mood-sad", home=folder, say=None)
    >>> all(name.startswith("demo-mood_sad") for name in done.models)
    True
    >>> done.scores["crossval"]["balanced_accuracy_mean"] > 0.5
    True
    """
    given, place, say = check_settings(settings, HowToTrain), find_home(home), say or be_silent
    asked = {**given, "left_out": given.get("leave_out")}
    recipe, source = find_recipe(task, labels, asked, place), find_source(data, given)
    check_writable(place)
    effort = train_module.Effort(given.get("jobs"), given.get("max_hours"), given.get("again", False))
    with telling(say):
        if "members" in given:
            done = ensemble.train_members(recipe, source, given["members"], place, effort, say)
        else:
            done = train_module.train(recipe, source, place, effort, say)
    return TrainedModel(**vars(done))


def cross_validate(
    task: str | Recipe,
    data: Place | None = None,
    labels: str | Sequence[str] | None = None,
    home: Home | Place | None = None,
    say: Say | None = print,
    **settings: typing.Unpack[HowToCompare],
) -> CrossValidated:
    """Measure a task by cross-validation, folds grouped by artist, beside baselines on the same folds.

    Parameters
    ----------
    task : str or Recipe
        Name of a recipe such as "mood-sad", path of a recipe file, or a recipe.
    data : path or None
        Folder with one sub-folder per class, or a CSV or TSV table; None is a demo that is synthesised.
    labels : str, sequence of str or None
        One label source, or several that are compared on the same folds; None is the recipe's.
    home : Home, path or None
        The folder whose runs, store and graphs are meant; None is ESSENTIA_LDL_HOME, or the current folder.
    say : callable or None
        Gets one line of text after another while the work goes on, those of the processes that train and verify too;
        None is silence. Nothing goes to the terminal, and no bars are drawn.
    **settings
        folds, repeats : int
            Folds (5), and how often they are drawn (1).
        leave_out : str
            A column of the table: train on all of its values but one, test on that one.
        patch_hop : int
            Frames between the patches that are scored; the network's own when not given.
        truth_column, truth_class : str
            A column with the share of listeners, from 0 to 1, who chose a class, and that class.
        baselines : sequence of str
            Rows to measure beside them: "logreg", "joint-logreg", "descriptors-svm", "mfcc-svm", which run unless
            others are named, and "layers-svm" and "layers-mfcc-svm", machines on what labels "svm" read, the latter
            with MFCC.
        refit : bool
            Then train a model on all tracks, as the folds chose, and put it into graphs/.
        network, pretrained, extractor, extractor_output, fine_tune, augment, speed, music : str
            What is trained, as for `train`: "musicnn", "msd", a graph, its node, "head", "balanced", "same".
        epochs, samples, seed, jobs : int
            Epochs, dropout samples, seed, and worker processes.
        dropout : float
            Rate in a head, from 0 to 0.9.
        paper : bool
            Train as the paper does.
        changes : dict
            Keys of the recipe and their values, such as ``{"network.hidden": 0}``.
        layout : str
            Layout of the data, such as "gtzan"; found by look when not given.
        options : dict
            Options of the layout.
        corrections : path
            ``audit.csv`` of a report with its column correction filled.

    Returns
    -------
    CrossValidated
        ``run`` (folder), ``scores``, ``folds``, ``collection`` with its ``failures``, and ``final``, the model of
        `refit`; a notebook shows it.

    Raises
    ------
    DataError
        When folds cannot be made, the collection does not fit the recipe, or a setting is of the wrong kind.
    RecipeError
        When a value of the recipe is out of range; a ValueError.
    DiskError
        When the home cannot be written; an OSError.
    UnknownNameError
        When a task, label source, network or setting does not exist; a LookupError.

    Examples
    --------
    >>> import essentia_ldl as ldl
    >>> done = ldl.cross_validate("mood-sad", labels=["none", "sa"], home=folder, folds=2, epochs=2, say=None)
    >>> sorted(done.scores["sources"])
    ['none', 'sa']
    """
    given, place, say = check_settings(settings, HowToCompare), find_home(home), say or be_silent
    names = [labels] if isinstance(labels, str) else list(labels or ())
    if not all(isinstance(name, str) for name in names):
        raise DataError(explain("labels", "a text, or a list of texts", labels, "cross_validate", "Correct it."))
    recipe = find_recipe(task, None, {**given, "sources": tuple(names)}, place)
    source = find_source(data, given)
    folds = crossval.Folds(given.get("folds", 5), given.get("repeats", 1), given.get("leave_out"))
    to_refit = given.get("refit", False)
    beside = tuple(given.get("baselines", BASELINES))
    comparison = crossval.Comparison(
        tuple(names) or (recipe.labels,), folds, given.get("patch_hop"), find_truth(given), to_refit, beside
    )
    check_writable(place)
    with telling(say):
        done = crossval.cross_validate(recipe, source, comparison, place, given.get("jobs"), say)
        final = TrainedModel(**vars(refit(done, recipe, say))) if to_refit else None
    return CrossValidated(**vars(done), final=final)


def new_recipe(
    task: str,
    data: Place,
    home: Home | Place | None = None,
    layout: str | None = None,
    options: Mapping[str, object] | None = None,
    kind: str = SINGLE_LABEL,
) -> Recipe:
    """Write the recipe of a task whose classes are the labels of a collection.

    Parameters
    ----------
    task : str
        A new name with letters, digits and hyphens.
    data : path
        Folder with one sub-folder per class, or a CSV or TSV table.
    home : Home, path or None
        Its ``recipes/TASK.toml`` is written; None is ESSENTIA_LDL_HOME, or the current folder.
    layout : str or None
        Layout of the data; None finds it by look.
    options : Mapping[str, object] or None
        Options of the layout.
    kind : str
        "single_label", "multi_label" or "regression": whether tracks have one class, tags or numbers.

    Returns
    -------
    Recipe
        What `train` takes, by its name or itself.

    Raises
    ------
    RecipeError
        When the task has a recipe already, or its name is none; a ValueError.
    DataError
        When the collection has fewer than two labels; a ValueError.
    DiskError
        When the home cannot be written; an OSError.

    Examples
    --------
    >>> import essentia_ldl as ldl
    >>> for name in ("calm/a.wav", "tense/b.wav"):
    ...     (folder / "music" / name).parent.mkdir(parents=True)
    ...     (folder / "music" / name).touch()
    >>> ldl.new_recipe("tension", folder / "music", home=folder).classes
    ('calm', 'tense')
    """
    return write_new_recipe(task, find_source(data, {}).place, find_home(home), layout, options, kind).recipe
