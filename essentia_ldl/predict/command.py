"""The `predict` command. In: audio, a question and where the answers go; out: the document, and how many failed."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from essentia_ldl.predict.ask import Question, expand_files, find_models, predict_files
from essentia_ldl.predict.write import Output, Writer
from essentia_ldl.records import Failure


@dataclasses.dataclass(frozen=True)
class Predicted:
    """What `predict` did.

    Parameters
    ----------
    n_failures : int
        Files that could not be used; `say` got the reason of each.
    """

    n_failures: int


def predict(
    audio: Sequence[str],
    question: Question,
    output: Output,
    graphs: Path,
    say: Callable[[str], object],
    started: subprocess.Popen[str] | None = None,
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
    started : subprocess.Popen or None
        A process of `worker.start_worker` that was started early, to save time.

    Returns
    -------
    Predicted
        How many failures there were.

    Raises
    ------
    EssentiaLdlError
        When there is no model or no file, a model cannot run at all, or the output cannot be opened.
    """
    from tqdm import tqdm

    models, problems = find_models(question.models, graphs)
    for problem in problems:
        say(f"warning: {problem}")
    files = expand_files(audio)
    n_failures = 0
    with output.open() as stream:
        writer = Writer(stream.write, output.form, models, question)
        # a bar belongs on a terminal that does not show the answers themselves
        show = len(files) > 1 and sys.stderr.isatty() and (output.path is not None or not sys.stdout.isatty())
        with tqdm(total=len(files), unit="file", disable=not show) as bar:
            for answer in predict_files(models, files, graphs, question, started):
                bar.update()
                if isinstance(answer, Failure):
                    n_failures += 1
                    with tqdm.external_write_mode(file=sys.stderr):
                        say(f"error: {answer.reason}")
                    continue
                writer.add(answer)
                stream.flush()
        writer.close()
    return Predicted(n_failures)
