"""The command that runs models on music. Its body imports inside, so that help is quick."""

from __future__ import annotations

from typing import Any

import click

from essentia_ldl.cli.group import fail, show
from essentia_ldl.cli.options import CLUSTER, ENGINE, PRECISION, PROCESSES
from essentia_ldl.files import Home


@click.command("predict")
@click.argument("audio", nargs=-1, required=True)
@click.option("-m", "--model", "names", multiple=True, metavar="NAME|FILE", help="A model in graphs/ or a .pb file.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "jsonl", "csv", "parquet"]),
    help="Default: as the suffix of -o says, else text.",
)
@click.option("--segments", is_flag=True, help="Also show every patch (3 s, every 1.5 s).")
@click.option(
    "--patch-hop", "patch_hop_frames", type=click.IntRange(1, 187), metavar="FRAMES", help="Distance between patches."
)
@click.option(
    "--resample-quality",
    type=click.IntRange(0, 4),
    metavar="N",
    help="Of the loader: 0 is best, 4 quickest, 1 what MonoLoader does by itself (default: of the model's card).",
)
@click.option("--uncertainty", is_flag=True, help="Also show entropies in nats, and what samples or members say.")
@click.option("--min-confidence", type=click.FloatRange(0, 1), metavar="P", help='Say "uncertain" below P.')
@ENGINE
@PRECISION
@click.option("--notes", is_flag=True, help='Last column of the csv: what was done to a file, such as "padded".')
@click.option("-o", "--output", metavar="FILE", help="Write there instead of on the terminal; goes on when stopped.")
@click.option("--again", is_flag=True, help="Start anew, although the same command was stopped.")
@PROCESSES
@CLUSTER
def predict_command(
    audio: tuple[str, ...],
    names: tuple[str, ...],
    form: str | None,
    output: str | None,
    again: bool,
    **answers: Any,
) -> None:
    """Run models on files, folders and patterns.

    Without --model: every model in graphs/, or the 50 MSD tags when none was trained yet. A file of -o appears when it
    is whole, and beside it the files that could not be used, in a table. A command that was stopped goes on when it is
    given again.
    """
    from essentia_ldl.cli.text.predict import describe_notes
    from essentia_ldl.predict.worker import start_worker

    jobs, cluster = answers.pop("jobs"), answers.pop("cluster")
    # loads Essentia while this process loads the rest
    started = start_worker(engine=answers["engine"]) if cluster is None else None
    try:
        from essentia_ldl.predict.ask import Question
        from essentia_ldl.predict.command import predict
        from essentia_ldl.predict.many import Workers
        from essentia_ldl.predict.write import Output, choose_form

        question, graphs = Question(names, **answers), Home.from_environment().graphs
        document = Output(form or choose_form(output), output, again)
        workers = Workers(jobs, cluster, started)
        done = predict(audio, question, document, graphs, lambda line: click.echo(line, err=True), workers)
    finally:
        if started is not None:
            started.kill()
            started.wait()
    if done.n_noted:
        show(describe_notes(done.n_noted), err=True)
    if done.n_failures:
        where = f": see {document.failures}." if document.is_file else "."
        fail(f"{done.n_failures} files could not be used{where}" if done.n_failures > 1 else "")
