"""Options that several commands of the command line share, and the recipe that the options of a training make."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from essentia_ldl.choices import CHOSEN, LOOKS, MUSIC, SPEEDS

if TYPE_CHECKING:
    from essentia_ldl.collection.read import Source
    from essentia_ldl.files import Home
    from essentia_ldl.measure.rows import TruthColumn
    from essentia_ldl.recipe.recipe import Recipe
    from essentia_ldl.report.looks import LookRequest

DATA = click.option("--data", metavar="PATH", help="Folder with one sub-folder per class, or a CSV / TSV table.")
JOBS = click.option("--jobs", type=click.IntRange(1), metavar="N", help="Worker processes (default: one per core).")
CLUSTER = click.option("--cluster", metavar="dask://HOST:PORT", help="Let the workers of a cluster read the audio.")
SHARE = click.option("--share", metavar="URL", help="Where workers that do not see the store put features.")

ENGINE = click.option(
    "--engine",
    type=click.Choice(["auto", "essentia", "openvino"]),
    default="auto",
    show_default=True,
    help="auto: OpenVINO where it is installed and agrees with Essentia to 1e-5 on this machine.",
)
PRECISION = click.option(
    "--precision",
    type=click.Choice(["f32", "bf16"]),
    default="f32",
    show_default=True,
    help="bf16 (OpenVINO only): nearly twice as fast, but probabilities differ by up to .016.",
)
PROCESSES = click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="Processes of one thread (default: one per core)."
)


class SourceOption(click.Option):
    """An option whose help names the label sources; they are looked for when help is shown, so that help is quick."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from essentia_ldl import labels

        option, text = super().get_help_record(ctx) or ("--labels", "")
        space = "" if text.startswith(";") else " "
        named = ", ".join((*CHOSEN, *labels.presets(), "agf"))
        return option, f"{named}, or several joined by +{space}{text}"


LABELS = click.option("--labels", metavar="SOURCE", cls=SourceOption, help=" (default: as the recipe says).")

LEFT_OUT = click.option(
    "--leave-out", "left_out", metavar="COLUMN", help="Choose by leaving out a column's values, such as genres."
)
ADAPT = click.option("--adapt", metavar="FOLDER", help="Music without labels that the model will meet: fit it there.")


def read_pairs(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Split ``name=value`` options."""
    pairs = {}
    for value in values:
        name, sign, rest = value.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"{value!r} is not of the form NAME=VALUE", ctx, parameter)
        pairs[name] = rest
    return pairs


_LAYOUT = (
    click.option("--layout", metavar="NAME", help="folder, table, gtzan, fma, magnatagatune ... (default: found)."),
    click.option(
        "--option", "options", multiple=True, callback=read_pairs, metavar="KEY=VALUE", help="Option of the layout."
    ),
)


def layout(command: Any) -> Any:
    """Add the options that say how a collection is read."""
    for option in reversed(_LAYOUT):
        command = option(command)
    return command


def read_names(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Split names that are joined by commas."""
    names = tuple(dict.fromkeys(name.strip() for value in values for name in value.split(",") if name.strip()))
    if values and not names:
        raise click.BadParameter(f"{values[0]!r} names nothing", ctx, parameter)
    return names


SET = click.option(
    "--set",
    "changes",
    multiple=True,
    callback=read_pairs,
    metavar="KEY=VALUE",
    help="A key of the recipe, such as network.hidden=0; may repeat.",
)


def options_of_training(command: Any) -> Any:
    """Add the options that train and crossval share."""
    options = [
        DATA,
        *_LAYOUT,
        click.option("--network", metavar="NAME", help="musicnn, vgg, samplecnn or another (default: recipe)."),
        click.option("--pretrained", metavar="NAME", help="msd or mtt, or audioset for vggish: weights to start from."),
        click.option("--extractor", metavar="NAME", help="A head on a published graph: a name in graphs/, or a .pb."),
        click.option("--extractor-output", metavar="NODE", help="Its output (default: its card's embeddings)."),
        click.option("--fine-tune", metavar="MODE", help="head, top (last layers), all (layers), none (from scratch)."),
        click.option(
            "--augment", metavar="LIST", help="Change training patches: bands, audio, both, or names, by commas."
        ),
        click.option("--epochs", type=click.IntRange(1), metavar="N", help="Epochs (default: as the recipe says)."),
        SET,
        click.option("--paper", is_flag=True, help="Train as the paper does, and choose nothing: labels sb."),
        click.option("--speed", type=click.Choice(SPEEDS), help="What auto chooses: how fast against how accurate."),
        click.option("--for", "music", type=click.Choice(MUSIC), help="Music the model will meet (default: same)."),
        click.option("--dropout", type=click.FloatRange(0, 0.9), metavar="P", help="Rate in a head (default: recipe)."),
        click.option("--samples", type=click.IntRange(0, 1000), metavar="N", help="Dropout samples in the graph."),
        click.option("--seed", type=int, metavar="N", help="Seed of split, labels and training."),
        click.option("--corrections", metavar="FILE", help="audit.csv of a report, its column correction filled."),
        JOBS,
        CLUSTER,
        SHARE,
    ]
    for option in reversed(options):
        command = option(command)
    return command


_LOOKS = (
    click.option(
        *("--look", "looks"),
        multiple=True,
        type=click.Choice(["all", *LOOKS]),
        help="Show what its networks learned; may repeat.",
    ),
    click.option("--layer", "layers", multiple=True, metavar="NAME", help="Layer for ascent and bands; may repeat."),
)


def options_of_looks(command: Any) -> Any:
    """Add the options that ask for pictures of what networks learned."""
    for option in reversed(_LOOKS):
        command = option(command)
    return command


def resolve_looks(looks: tuple[str, ...], layers: tuple[str, ...]) -> LookRequest | None:
    """Return what the options ask for of the inside of networks; None when nothing."""
    from essentia_ldl.report.looks import LookRequest

    if layers and not looks:
        raise click.UsageError("--layer needs --look.")
    return LookRequest(looks, layers) if looks else None


def resolve_home(options: dict[str, Any]) -> Home:
    """Return the home of the environment, with the cluster that the options name."""
    from essentia_ldl.files import Home

    return dataclasses.replace(Home.from_environment(), cluster=options["cluster"], share=options["share"])


def resolve_source(options: dict[str, Any]) -> Source:
    """Return where the options of a training say that the collection is."""
    from essentia_ldl.collection.read import Source

    return Source(options["data"], options["layout"], options["options"], options["corrections"], options.get("adapt"))


def resolve_truth(options: dict[str, Any]) -> TruthColumn | None:
    """Return the column of listeners' shares that the options name."""
    from essentia_ldl.measure.rows import TruthColumn

    column = options["truth_column"]
    return None if column is None else TruthColumn(column, options["truth_class"])


def resolve_recipe(task: str, options: dict[str, Any], recipes: Path) -> Recipe:
    """Return the recipe of a task with what the options of a training change in it."""
    from essentia_ldl.recipe.options import apply_options
    from essentia_ldl.recipe.toml import read_recipe

    if options["extractor_output"] and not options["extractor"]:
        raise click.UsageError("--extractor-output needs --extractor.")
    for other in ("network", "pretrained"):
        if options["extractor"] and options[other]:
            raise click.UsageError(f"--extractor stands in place of the network: leave --{other} out.")
    if options["paper"] and options.get("labels") in CHOSEN:
        raise click.UsageError(f"--labels {options['labels']} is not of the paper: leave it or --paper out.")
    return apply_options(read_recipe(task, recipes), options)
