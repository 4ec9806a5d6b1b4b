"""The command that gives models the names that programs know. Its body imports inside, so that help is quick."""

from __future__ import annotations

from typing import Any

import click

from essentia_ldl.cli.group import show
from essentia_ldl.files import Home


@click.command("install")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--into", required=True, metavar="DIR", help="The folder of models of a program.")
@click.option(
    "--as", "name", default="", metavar="NAME", help="Such as mood_sad-msd-musicnn-1; without its number, the next."
)
@click.option("--official", "is_official", is_flag=True, help="Name it as Essentia names that task and network.")
@click.option("--legacy", "is_legacy", is_flag=True, help="The same for full graphs alone: mood_sad-musicnn-msd-2.")
@click.option("--tree", "is_tree", is_flag=True, help="Lay out classification-heads/, feature-extractors/ and legacy/.")
@click.option("--hub-layout", "is_hub", is_flag=True, help="A folder for each model, with a page for model hubs.")
@click.option("--with-extractor", is_flag=True, help="Also the network whose embeddings a head reads.")
@click.option("--base-url", default="", metavar="URL", help="Below which you publish them (default: of the card).")
@click.option("--demo", is_flag=True, help="Also models of the synthetic demo.")
@click.option("--force", "overwrite", is_flag=True, help="Write over models that are there.")
def install_command(models: tuple[str, ...], demo: bool, overwrite: bool, **layout: Any) -> None:
    """Put models into the folder of a program, under the names that it knows.

    Classes and their order are checked against Essentia's, and every graph is verified in Essentia under its new name.
    With --official a head becomes mood_sad-msd-musicnn-1, say, and a full graph mood_sad-musicnn-msd-2.
    """
    from essentia_ldl.cli.text.install import describe_installed
    from essentia_ldl.install.command import Allowed, Layout, install

    done = install(models, Layout(**layout), Home.from_environment().graphs, click.echo, Allowed(demo, overwrite))
    show(describe_installed(done))


@click.command("export")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--onnx", is_flag=True, required=True, help="The format, with the extra onnx.")
@click.option("--into", metavar="DIR", help="Default: beside the .pb.")
def export_command(models: tuple[str, ...], onnx: bool, into: str | None) -> None:
    """Write models in another format, proved in its run-time by their golden answers."""
    from essentia_ldl.install.exchange import export_onnx

    export_onnx(models, into, Home.from_environment().graphs, click.echo)
