"""Ask models that were made: predictions of files, scores on another collection, and the report of a run.

In: files, names of models and runs; out: records that a notebook shows. Essentia runs in processes of its own.
"""

from __future__ import annotations

import os
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType

from essentia_ldl.api.outcomes import EvaluatedModel, PredictedFile, WrittenPredictions, WrittenReport
from essentia_ldl.api.pages import draw_facts, frame
from essentia_ldl.api.settings import (
    HowToEvaluate,
    HowToPredict,
    Place,
    Say,
    check_settings,
    check_writable,
    find_home,
    find_source,
    find_truth,
    name_path,
    telling,
)
from essentia_ldl.files import Home
from essentia_ldl.measure import evaluate as evaluate_module
from essentia_ldl.models.folder import Model
from essentia_ldl.predict import command
from essentia_ldl.predict.ask import Question, expand_files, find_models
from essentia_ldl.predict.many import Workers, predict_in_order
from essentia_ldl.predict.write import Output, choose_form
from essentia_ldl.progress import be_silent
from essentia_ldl.records import Failure, Prediction
from essentia_ldl.report.command import write_report
from essentia_ldl.report.looks import LookRequest
from essentia_ldl.train.train import Trained

_QUESTION = ("segments", "uncertainty", "min_confidence", "engine", "precision", "resample_quality", "notes")
Answer = list[Prediction] | Failure


class PredictionStream:
    """Predictions of files one after another, in the order of the files: an iterator, with a length.

    The models start when the first one is asked for, and run some files ahead; `close`, or the end of a ``with``, ends
    their processes.

    Parameters
    ----------
    files : Sequence[str]
        What is predicted.
    models : Sequence[Model]
        What predicts.
    answers : Iterator[list[Prediction] or Failure]
        One answer per file.

    Examples
    --------
    >>> stream = PredictionStream(["a.mp3"], [], iter([Failure("a.mp3", "predict", "a.mp3 is silent.")]))
    >>> len(stream), next(stream).failure
    (1, 'a.mp3 is silent.')
    """

    def __init__(self, files: Sequence[str], models: Sequence[Model], answers: Iterator[Answer]) -> None:
        self.files, self.models = tuple(files), tuple(model.name for model in models)
        self._answers = answers

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> PredictionStream:
        return self

    def __next__(self) -> PredictedFile:
        return PredictedFile.of(next(self._answers))

    def close(self) -> None:
        """End the processes that predict; there is nothing more to come then."""
        close = getattr(self._answers, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> PredictionStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _repr_html_(self) -> str:
        facts = [("models", ", ".join(self.models)), ("how to read", "for one in it: one.probabilities")]
        return frame(f"predictions of {len(self)} files", [draw_facts(facts)])


def predict(
    audio: Place | Sequence[Place],
    models: str | Sequence[str] | None = None,
    out: Place | None = None,
    home: Home | Place | None = None,
    say: Say | None = print,
    **settings: typing.Unpack[HowToPredict],
) -> PredictionStream | WrittenPredictions:
    """Run models on files: an iterator over their predictions, or a file of them.

    Neither holds more than some files of a library in memory. A bad file never stops the others.

    Parameters
    ----------
    audio : path or sequence of path
        Files, folders, patterns such as ``"music/*.mp3"``, and URLs.
    models : str, sequence of str or None
        Names in graphs/, or .pb files; None takes all models of graphs/, or the 50 MSD tags when none was trained yet.
    out : path or None
        File to write, ``.csv``, ``.json``, ``.jsonl`` or ``.parquet``; it appears when it is whole. None gives an
        iterator. A call that was stopped goes on when it is made again.
    home : Home, path or None
        The folder whose graphs are meant; None is ESSENTIA_LDL_HOME, or the current folder.
    say : callable or None
        Gets a line for every model that cannot be used, and with `out` for files; None is silence.
    **settings
        segments : bool
            With `out`: every patch too. An iterator's predictions always have ``segments``.
        uncertainty : bool
            Entropies in nats, and what samples or members disagree about.
        min_confidence : float
            With `out`: a column with a label, which is "uncertain" below that probability.
        patch_hop : int
            Frames between the starts of patches; the model's own when not given.
        engine : str
            "auto", "essentia" or "openvino".
        precision : str
            "f32", or "bf16" in OpenVINO.
        resample_quality : int
            Of the loader, 0 (best) to 4 (quickest); that of the model's card when not given.
        notes : bool
            With `out`: a column of the csv with what was done to a file, such as "padded".
        format : str
            "csv", "json", "jsonl", "parquet" or "text", where the suffix of `out` does not say it.
        again : bool
            With `out`: begin anew where the same call was stopped.
        jobs : int
            Processes of one thread each; as many as are of use when not given.

    Returns
    -------
    PredictionStream or WrittenPredictions
        Without `out` an iterator of `PredictedFile`: ``path``, ``probabilities`` by model and class, ``predictions``
        with their segments, ``failure``. With `out` how many files failed.

    Raises
    ------
    AudioError
        When a folder or a pattern gives no file; an OSError.
    GraphError
        When there is no model; a RuntimeError.
    UnknownNameError
        When a model or a setting does not exist; a LookupError.
    DataError
        When a setting is of the wrong kind or out of range; a ValueError.
    StoreError
        When `out` cannot be written, or is an input; an OSError.

    Examples
    --------
    >>> import essentia_ldl as ldl
    >>> for one in ldl.predict(song, models="msd-musicnn-1", home=folder):
    ...     tags = one.probabilities["msd-musicnn-1"]
    >>> len(tags), 0 < max(tags.values()) < 1
    (50, True)
    """
    given, place, say = check_settings(settings, HowToPredict), find_home(home), say or be_silent
    names = (models,) if isinstance(models, str | os.PathLike) else tuple(models or ())
    wanted = {name: given[name] for name in _QUESTION if name in given}
    question = Question(tuple(map(name_path, names)), patch_hop_frames=given.get("patch_hop"), **wanted)
    paths = list(audio) if isinstance(audio, Iterable) and not isinstance(audio, str) else [audio]
    places, workers = [name_path(path) for path in paths], Workers(given.get("jobs"), place.cluster)
    if out is None:
        found, problems = find_models(question.models, place.graphs)
        for problem in problems:
            say(f"warning: {problem}")
        files = expand_files(places, say)
        answers = predict_in_order(found, files, place.graphs, question, workers, lambda line: say(f"warning: {line}"))
        return PredictionStream(files, found, answers)
    path = name_path(out)
    output = Output(given.get("format") or choose_form(path), path, given.get("again", False))
    with telling(say):
        done = command.predict(places, question, output, place.graphs, say, workers)
    return WrittenPredictions(**vars(done), path=path)


def evaluate(
    model: str,
    data: Place,
    home: Home | Place | None = None,
    mapping: Mapping[str, str] | None = None,
    out: Place | None = None,
    **settings: typing.Unpack[HowToEvaluate],
) -> EvaluatedModel:
    """Score a model on a collection that it was not trained on, through Essentia.

    Parameters
    ----------
    model : str
        Name in graphs/, or a .pb file.
    data : path
        Folder with one sub-folder per class, or a CSV or TSV table.
    home : Home, path or None
        The folder whose graphs and runs are meant; None is ESSENTIA_LDL_HOME, or the current folder.
    mapping : Mapping[str, str] or None
        Label of the collection -> class of the model, or "ignore".
    out : path or None
        Folder to write to; None is ``runs/evaluate-MODEL-DATE``.
    **settings
        layout : str
            Layout of the data, such as "gtzan"; found by look when not given.
        options : dict
            Options of the layout.
        truth_column, truth_class : str
            A column with the share of listeners, from 0 to 1, who chose a class, and that class.

    Returns
    -------
    EvaluatedModel
        ``folder``, ``scores`` with their intervals, ``failures``; a notebook shows it.

    Raises
    ------
    DataError
        When labels map to no class, or no track could be used; a ValueError.
    GraphError
        When the model is no classifier, or cannot run; a RuntimeError.
    UnknownNameError
        When the model, a label to map, its class or a setting does not exist; a LookupError.
    DiskError
        When the home cannot be written; an OSError.

    Examples
    --------
    >>> import essentia_ldl as ldl
    >>> model = ldl.train("mood-sad", home=folder, say=None).models[0]
    >>> done = ldl.evaluate(model, folder / "store" / "demo" / "mood-sad", home=folder)
    >>> done.scores["balanced_accuracy"] > 0.5
    True
    """
    given, place = check_settings(settings, HowToEvaluate), find_home(home)
    source, folder = find_source(data, given), None if out is None else os.fspath(out)
    check_writable(place)
    with telling(be_silent):
        done = evaluate_module.evaluate(model, source, place, mapping, find_truth(given), folder)
    return EvaluatedModel(**vars(done))


def report(
    run: Trained | Place | None = None,
    home: Home | Place | None = None,
    excerpt_s: float | None = None,
    n_listed: int = 40,
    looks: str | Sequence[str] = (),
    layers: Sequence[str] = (),
) -> WrittenReport:
    """Write the report of a run: one page that opens without a network, and the labels to listen to again.

    Parameters
    ----------
    run : TrainedModel, CrossValidated, path or None
        What `train` or `cross_validate` returned, a run's name or its folder; None is the one that ended last.
    home : Home, path or None
        The folder whose runs and store are meant; None is that of the run where its result is given, else
        ESSENTIA_LDL_HOME, or the current folder.
    excerpt_s : float or None
        Seconds of every listed track that the page holds; None plays the files where they are.
    n_listed : int
        Doubtful tracks that the page lists; audit.csv has all.
    looks : str or sequence of str
        What the page shows of what its networks learned: "all", or some of "filters", "ascent", "excitations",
        "harmonics" and "bands"; none is nothing.
    layers : sequence of str
        Layers for "ascent" and "bands"; none is all.

    Returns
    -------
    WrittenReport
        ``page``, ``audit``, ``pictures`` and ``notes``.

    Raises
    ------
    UnknownNameError
        When there is no such run, look or layer; a LookupError.
    DataError
        When its networks have no such look; a ValueError.
    StoreError
        When it has not ended, is damaged or cannot be written; an OSError.
    AudioError
        When excerpts are wanted and there is no ffmpeg; an OSError.

    Examples
    --------
    >>> import essentia_ldl as ldl
    >>> ldl.report(home=folder).page.name
    'report.html'
    """
    folder = getattr(run, "run", run)
    if home is None and folder is not run:
        home = Home(folder.parent.parent)
    name = None if folder is None else os.fspath(folder)
    pictures = (looks,) if isinstance(looks, str) else tuple(looks)
    asked = LookRequest(pictures, tuple(layers)) if pictures else None
    with telling(be_silent):
        done = write_report(name, find_home(home), excerpt_s, n_listed, asked)
    return WrittenReport(**vars(done))
