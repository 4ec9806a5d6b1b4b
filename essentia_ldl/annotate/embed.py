"""The embeddings of the music, made in a process of its own while somebody labels: ``python -m ... job.json``.

In: a job with the files, the index and the folder of models. Out: the index, of the first `FIRST` files at once and of
more and more of them then, so that a model can begin to choose after a minute. Every line that is printed is json:
``n``, how many files are in the index, or ``error``, why there will be no more.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from essentia_ldl.errors import EssentiaLdlError, Reason
from essentia_ldl.files import read_object
from essentia_ldl.models.folder import BASE_MODELS
from essentia_ldl.predict.write import Output
from essentia_ldl.search.index import Embedding, index
from essentia_ldl.train.prepare import build_base_graphs
from essentia_ldl.zones import StepFailed, end_step, follow_parent

FIRST = 64
GROWTH = 4
LARGE = 100_000_000  # bytes: an hour of mp3, ten minutes of samples
KINDNESS = 10  # of `os.nice`: who labels is not to wait for it


def embed(job: dict[str, Any], tell: Callable[[dict[str, Any]], object]) -> None:
    """Embed files into an index, in growing parts.

    Parameters
    ----------
    job : dict[str, Any]
        paths, index, graphs, model and seed; the order in which files are embedded is drawn, the large ones last.
    tell : callable
        Gets ``{"n": tracks}`` whenever the index has been written.

    Raises
    ------
    EssentiaLdlError
        When the model is missing, or no file can be used.
    """
    graphs, model = Path(job["graphs"]), job["model"]
    if model in BASE_MODELS and not (graphs / f"{model}.pb").is_file():
        build_base_graphs(graphs)
    paths = sorted(job["paths"])
    random.Random(job["seed"]).shuffle(paths)
    paths.sort(key=_is_large)
    n = FIRST
    while True:
        done = index(paths[:n], Embedding(model), Output("text", job["index"]), graphs, _be_silent)
        tell({"n": done.n_tracks})
        if n >= len(paths):
            return
        n *= GROWTH


def _is_large(path: str) -> bool:
    """Tell whether a file may take longer than many others, which nobody is to wait for."""
    try:
        return os.path.getsize(path) > LARGE
    except OSError:
        return False  # which the table of failures tells


def _be_silent(_: str) -> None:
    """Say nothing: the table of failures beside the index has what could not be used."""


def main(job: str) -> int:
    """Do a job; what the files print that are run on the way is not for who reads this."""
    os.nice(KINDNESS)
    out = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def tell(value: dict[str, Any]) -> None:
        out.write(json.dumps(value) + "\n")

    def work() -> None:
        try:
            embed(read_object(job), tell)
        except StepFailed as failed:  # its process has told why where nobody reads it
            reason = str(failed.error or failed) or "The models could not be built."
            tell({"error": f"{reason} Try essentia-ldl graphs build, and start annotate again."})
        except EssentiaLdlError as error:
            tell({"error": str(error)})
        except OSError as error:
            tell({"error": f"{Reason(error)}. Put that right, and start annotate again."})

    return end_step(work)


if __name__ == "__main__":
    follow_parent()
    sys.exit(main(sys.argv[1]))
