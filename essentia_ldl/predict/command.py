"""The `predict` command. In: audio, a question and where the answers go; out: the document, and how many there are.

On the terminal, in a pipe and on a device the answers appear as they come. A file is written when all of them are
there; until then they are in a journal beside it, with which the same command goes on after it was stopped.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TextIO

from essentia_ldl.errors import StoreError, explain
from essentia_ldl.models.answers import SUFFIX as ANSWERS
from essentia_ldl.models.folder import Model
from essentia_ldl.predict.ask import Question, expand_files, find_models
from essentia_ldl.predict.journal import Journal, identify, list_parts
from essentia_ldl.predict.many import ANYBODY, Workers, is_alone, predict_in_order, predict_many
from essentia_ldl.predict.overwrite import refuse_overwriting
from essentia_ldl.predict.parquet import ParquetWriter
from essentia_ldl.predict.write import Output, Writer, open_document, sweep_parts
from essentia_ldl.progress import hides_bars
from essentia_ldl.records import Failure, Prediction

N_TOLD = 5  # failures that the terminal shows when all are in a table
TABLE = "path,reason\n"
PADDED = "padded"  # what the note of a file begins with that is shorter than a patch
Answers = Iterable[list[Prediction] | Failure]


class DocumentWriter(Protocol):
    """What writes a document: answers one after another, and its end."""

    shows_notes: bool

    def add(self, predictions: list[Prediction]) -> None:
        """Write what the models say of one file."""

    def close(self) -> None:
        """End the document."""


@dataclasses.dataclass(frozen=True)
class Predicted:
    """What `predict` did.

    Parameters
    ----------
    n_failures : int
        Files that could not be used. `say` got the reasons: all of them, or the first `N_TOLD` where the rest is in
        the table beside the output.
    n_kept : int
        Files that were done before the command was stopped, and have not changed.
    n_noted : int
        Files with a note that the document does not show: they were shorter than a patch, and repeated to fill it.
    """

    n_failures: int
    n_kept: int = 0
    n_noted: int = 0


def predict(
    audio: Sequence[str],
    question: Question,
    output: Output,
    graphs: Path,
    say: Callable[[str], object],
    workers: Workers = ANYBODY,
) -> Predicted:
    """Run models on files and write what they say.

    Parameters
    ----------
    audio : sequence of str
        Files, folders and patterns.
    question : Question
        The models, and what is wanted of them.
    output : Output
        The form, and the file or the standard output.
    graphs : Path
        The folder of models.
    say : callable
        Gets a line for every model or file that cannot be used, as it is met.
    workers : Workers
        How many processes predict, and where.

    Returns
    -------
    Predicted
        How many failures there were.

    Raises
    ------
    EssentiaLdlError
        When there is no model or no file, a model cannot run at all, or the output cannot be opened, is an input, or
        is written by another process.
    """
    models, problems = find_models(question.models, graphs)
    for problem in problems:
        say(f"warning: {problem}")
    task = Task(audio, expand_files(audio, say), models, question, graphs, workers)
    if not output.is_file:
        with output.open() as stream:
            writer = Writer(stream.write, output.form, models, question)
            return _write(task.answer(task.files, output, say), writer, stream, None)
    return write_document(task, output, output.form, lambda stream: _make_writer(stream, output, models, question), say)


@dataclasses.dataclass(frozen=True)
class Task:
    """Files for models, and who does it.

    Parameters
    ----------
    audio : Sequence[str]
        What the user named.
    files : Sequence[str]
        The files that this means, each once.
    models : Sequence[Model]
        What runs on them.
    question : Question
        What is wanted of the models.
    graphs : Path
        The folder of models.
    workers : Workers
        How many processes predict, and where.
    kept : Collection[str]
        Files whose answers the document has already.
    shorten : callable
        Makes of an answer what the journal is to keep.
    """

    audio: Sequence[str]
    files: Sequence[str]
    models: Sequence[Model]
    question: Question
    graphs: Path
    workers: Workers = ANYBODY
    kept: Collection[str] = ()
    shorten: Callable[[list[Prediction]], list[Prediction]] = list

    def answer(
        self, waiting: Sequence[str], output: Output, say: Callable[[str], object]
    ) -> Iterator[list[Prediction] | Failure]:
        """Yield what becomes of the files that wait, under a bar, and tell of the first failures, or of all."""
        from tqdm import tqdm

        # a bar belongs on a terminal that does not show the answers themselves
        shows = len(self.files) > 1 and not hides_bars() and (output.path is not None or not sys.stdout.isatty())
        n_told, n_kept = 0, len(self.files) - len(waiting)
        with tqdm(total=len(self.files), initial=n_kept, unit="file", disable=not shows) as bar:
            for found in self._ask(waiting, output, say):
                bar.update()
                if isinstance(found, Failure):
                    n_told += 1
                    if n_told <= N_TOLD or not output.is_file:
                        with tqdm.external_write_mode(file=sys.stderr):
                            say(f"error: {found.reason}")
                yield found

    def _ask(
        self, waiting: Sequence[str], output: Output, say: Callable[[str], object]
    ) -> Iterator[list[Prediction] | Failure]:
        from tqdm import tqdm

        def warn(sentence: str) -> None:
            with tqdm.external_write_mode(file=sys.stderr):
                say(f"warning: {sentence}")

        asked = (self.models, waiting, self.graphs, self.question, self.workers, warn)
        if not output.is_file or is_alone(len(waiting), self.workers):
            yield from predict_in_order(*asked)
            return
        # a journal takes them as they come, so that the fewest are lost when the command is killed
        yield from (answer for _, answer in predict_many(*asked))


def write_document(
    task: Task,
    output: Output,
    form: str,
    make_writer: Callable[[TextIO], DocumentWriter],
    say: Callable[[str], object],
    *,
    replaces: bool = False,
) -> Predicted:
    """Write a file of what models say, through a journal beside it, so that a command that was stopped goes on.

    Parameters
    ----------
    task : Task
        Files and models.
    output : Output
        The file.
    form : str
        What tells documents of the same models and options apart, in the journal.
    make_writer : callable
        From the stream of the file to what writes answers into it, in the order of the files.
    say : callable
        Gets a line for every model or file that cannot be used, as it is met.
    replaces : bool
        Whether the caller has judged that what stands there may be replaced.

    Returns
    -------
    Predicted
        How many failures there were.

    Raises
    ------
    EssentiaLdlError
        When a model cannot run at all, or the output cannot be opened, is an input, or is written by another process.
    """
    from tqdm import tqdm

    parts = list_parts(task.models, task.graphs)
    read = [str(Path(part.graph).with_suffix(suffix)) for _, part in parts for suffix in (".pb", ".json", ANSWERS)]
    refuse_overwriting(output.path, task.audio, [*task.files, *read], replaces)
    _check_table(output.failures)
    with Journal(output.target, identify(parts, task.question, form), task.files, output.again) as journal:
        sweep_parts(output.target)
        kept = frozenset(task.kept)
        waiting = [path for path in journal.list_missing() if path not in kept]
        n_kept = len(task.files) - len(waiting)
        if n_kept > len(kept):
            say(f"{n_kept} of {len(task.files)} files were done before; going on with the others.")
        for found in task.answer(waiting, output, say):
            failed = isinstance(found, Failure)
            path = found.path if failed else found[0].path
            journal.add(path, found if failed else task.shorten(found), task.question.segments)
        with output.open() as stream, _open_table(output.failures) as failures:  # the table appears first
            hidden = hides_bars() or len(task.files) < 2
            bar = tqdm(journal.read(kept), "writing", len(task.files), leave=False, unit="file", disable=hidden)
            done = _write(bar, make_writer(stream), None, failures)
        journal.remove()
    return dataclasses.replace(done, n_kept=n_kept)


def _make_writer(stream: TextIO, output: Output, models: Sequence[Model], question: Question) -> DocumentWriter:
    if output.form == "parquet":
        return ParquetWriter(stream.buffer, models, question)
    return Writer(stream.write, output.form, models, question)


def _write(
    answers: Answers,
    writer: DocumentWriter,
    live: TextIO | None,
    failures: Callable[[Failure], object] | None,
) -> Predicted:
    """Write answers as they come; `live` is flushed after each one."""
    n_failures = n_noted = 0
    for found in answers:
        if isinstance(found, Failure):
            n_failures += 1
            if failures is not None:
                failures(found)
            continue
        writer.add(found)
        n_noted += not writer.shows_notes and any(note.startswith(PADDED) for one in found for note in one.notes)
        if live is not None:
            live.flush()
    writer.close()
    return Predicted(n_failures, n_noted=n_noted)


def _check_table(path: str) -> None:
    """Refuse a table of failures where the user has something else of that name."""
    if not os.path.lexists(path):
        return
    found = "a folder or device"
    if os.path.isfile(path):
        with open(path, encoding="utf-8", errors="replace") as file:
            if file.readline() in ("", TABLE):
                return
        found = "another file"
    remedy = "Move it away, or choose another output."
    raise StoreError(explain("table of failures", "its own name beside the output", found, path, remedy))


@contextlib.contextmanager
def _open_table(path: str) -> Iterator[Callable[[Failure], object]]:
    """Yield a function that adds a failure to the table; without one there is no table in the end."""
    with contextlib.ExitStack() as stack:
        streams: list[TextIO] = []

        def add(failure: Failure) -> None:
            if not streams:
                streams.append(stack.enter_context(open_document(path)))
                streams[0].write(TABLE)
            csv.writer(streams[0], lineterminator="\n").writerow([failure.path, failure.reason])

        yield add
        if not streams:  # an earlier run's would be wrong
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
