"""The `predict` command: models by name, files, a progress bar, and where the answers go."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from essentia_ldl.errors import StoreError, explain
from essentia_ldl.models import folder as models
from essentia_ldl.predict.ask import Writer, expand_files, predict_files
from essentia_ldl.records import Failure


def predict(
    audio: Sequence[str],
    names: Sequence[str],
    form: str,
    segments: bool,
    patch_hop_frames: int | None,
    output: str | None,
    started: subprocess.Popen[str] | None = None,
    *,
    graphs: Path,
    uncertainty: bool = False,
    min_confidence: float | None = None,
) -> int:
    """Run models on files and write what they say; returns how many files failed.

    Parameters
    ----------
    audio : sequence of str
        Files, folders and patterns.
    names : sequence of str
        Models; empty takes those of graphs/.
    form : str
        "text", "json" or "csv".
    segments : bool
        Also write every patch.
    patch_hop_frames : int or None
        Distance between patch starts; None takes the card's.
    output : str or None
        A file, which appears when everything is written; until then its name ends in .part.
    started : subprocess.Popen or None
        A process of `workers.start_worker` that was started early.
    graphs : Path
        Folder of the models.
    uncertainty, min_confidence
        As in `prediction.Writer`.
    """
    from tqdm import tqdm

    if names:
        chosen = [models.find_model(name, graphs) for name in names]
    else:
        listing = models.list_models(graphs)
        chosen = models.choose_models(graphs, listing)
        for problem in listing[1]:
            click.echo(f"warning: {problem}", err=True)
    files = expand_files(audio)
    n_failed = 0
    direct = output is not None and os.path.exists(output) and not os.path.isfile(output)  # a pipe or a device
    part = None if output is None else Path(output if direct else f"{output}.part")
    if part is not None and Path(output).is_dir():
        raise StoreError(explain("output", "a file to write", "a folder", output, "Choose another."))
    try:
        if part is None:
            stream = sys.stdout
            stream.reconfigure(errors="surrogateescape")  # file names need not be UTF-8
        else:
            stream = open(part, "w", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115  (closed below)
    except OSError as error:
        raise StoreError(explain("output", "a file to write", error.strerror, output, "Choose another.")) from None
    # a bar belongs on a terminal that does not show the answers themselves
    show = len(files) > 1 and sys.stderr.isatty() and (part is not None or not sys.stdout.isatty())
    try:
        more = {"uncertainty": uncertainty, "min_confidence": min_confidence}
        writer = Writer(stream.write, form, chosen, segments, patch_hop_frames, **more)
        with tqdm(total=len(files), unit="file", disable=not show) as bar:
            for answer in predict_files(chosen, files, graphs, patch_hop_frames, started, uncertainty=uncertainty):
                bar.update()
                if isinstance(answer, Failure):
                    n_failed += 1
                    with tqdm.external_write_mode(file=sys.stderr):
                        click.echo(f"error: {answer.reason}", err=True)
                    continue
                writer.add(answer)
                stream.flush()
        writer.close()
        if part is not None:
            stream.close()
            if not direct:
                os.replace(part, output)
    except BaseException:  # Ctrl-C too: an unfinished document is of no use
        if part is not None:
            with contextlib.suppress(OSError):  # closing a full disk's file fails once more
                stream.close()
            if not direct:
                part.unlink(missing_ok=True)
        raise
    return n_failed
