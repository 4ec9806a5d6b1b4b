"""Options that several commands of the command line share, and the recipe that the options of a training make."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from essentia_ldl.choices import CHOSEN, HEAD, MUSIC, SPEEDS

if TYPE_CHECKING:
    from essentia_ldl.collection.read import Source
    from essentia_ldl.files import Home
    from essentia_ldl.measure.rows import TruthColumn
    from essentia_ldl.recipe.recipe import Recipe

DATA = click.option("--data", metavar="PATH", help="Folder with one sub-folder a class, or a CSV / TSV table.")
JOBS = click.option("--jobs", type=click.IntRange(1), metavar="N", help="Worker processes (default: one a core).")
CLUSTER = click.option("--cluster", metavar="dask://HOST:PORT", help="Let the workers of a cluster read the audio.")
SHARE = click.option("--share", metavar="URL", help="A place that workers see who do not see the store.")


class SourceOption(click.Option):
    """An option whose help names the label sources; they are looked for when help is shown, so that help is quick."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from essentia_ldl import labels

        option, text = super().get_help_record(ctx) or ("--labels", "")
        space = "" if text.startswith(";") else " "
        named = ", ".join((*CHOSEN, *labels.presets(), "agf"))
        return option, f"{named}, or several joined by +{space}{text}"


LABELS = click.option("--labels", metavar="SOURCE", cls=SourceOption, help=" (default: as the recipe says).")


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
    click.option("--layout", metavar="NAME", help="folder, table, gtzan, dortmund, fma, mtg_jamendo (else by look)."),
    click.option("--option", "options", multiple=True, callback=read_pairs, metavar="KEY=VALUE", help="Of layout."),
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


PAPER = "sb"  # labels of the paper that the recipes are of

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
        click.option("--network", metavar="NAME", help="musicnn, vgg, vggish, resnet, dcnn (default: recipe)."),
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


def resolve_home(options: dict[str, Any]) -> Home:
    """Return the home of the environment, with the cluster that the options name."""
    from essentia_ldl.files import Home

    return dataclasses.replace(Home.from_environment(), cluster=options["cluster"], share=options["share"])


def resolve_source(options: dict[str, Any]) -> Source:
    """Return where the options of a training say that the collection is."""
    from essentia_ldl.collection.read import Source

    return Source(options["data"], options["layout"], options["options"], options["corrections"])


def resolve_truth(options: dict[str, Any]) -> TruthColumn | None:
    """Return the column of listeners' shares that the options name."""
    from essentia_ldl.measure.rows import TruthColumn

    column = options["truth_column"]
    return None if column is None else TruthColumn(column, options["truth_class"])


def _is_descended(options: dict[str, Any]) -> bool:
    """Tell whether options ask for a network that only descent can train."""
    sections = {key.partition(".")[0] for key in options["changes"]}
    keys = {key for key in options["changes"] if key.startswith("network.")} - {"network.backbones", "network.layers"}
    return bool(
        options["fine_tune"] not in (None, HEAD)
        or options["network"] not in (None, "musicnn", "vgg")
        or keys
        or sections & {"training", "targets", "uncertainty"}
        or any(options.get(name) for name in ("extractor", "dropout", "samples", "epochs", "members", "augment"))
    )


def _list_networks(options: dict[str, Any]) -> tuple[str, ...]:
    """List the pretrained networks that options leave to choose among; empty where they name none."""
    from essentia_ldl.taps import NETWORKS

    backbone, dataset = options["network"], options["pretrained"]
    if backbone is None and dataset is None:
        return ()
    return tuple(name for name, (b, d) in NETWORKS.items() if backbone in (None, b) and dataset in (None, d))


def resolve_recipe(task: str, options: dict[str, Any], recipes: Path) -> Recipe:
    """Return the recipe of a task with what the options of a training change in it."""
    from essentia_ldl.recipe.augment import read_augmentations
    from essentia_ldl.recipe.toml import change_recipe, read_recipe

    if options["extractor_output"] and not options["extractor"]:
        raise click.UsageError("--extractor-output needs --extractor.")
    for other in ("network", "pretrained"):
        if options["extractor"] and options[other]:
            raise click.UsageError(f"--extractor stands in place of the network: leave --{other} out.")
    epochs = options["epochs"]
    recipe = change_recipe(read_recipe(task, recipes), options["changes"])
    augment = {} if options.get("augment") is None else read_augmentations(options["augment"])
    labels = options.get("labels")
    if options["paper"]:
        if labels in CHOSEN:
            raise click.UsageError(f"--labels {labels} is not of the paper: leave it or --paper out.")
        labels = labels or (PAPER if recipe.is_solved else None)
    elif labels is None and recipe.is_solved and (_is_descended(options) or recipe.network.fine_tune != HEAD):
        labels = "none"
    if recipe.override(labels=labels).is_solved or options.get("sources"):
        recipe = recipe.override(choice__networks=_list_networks(options) or None)
    return recipe.override(
        labels=labels,
        choice__speed=options["speed"],
        choice__music=options["music"],
        network__backbone=options["network"],
        network__pretrained=options["pretrained"],
        network__fine_tune=options["fine_tune"] or ("head" if options["extractor"] else None),
        **{f"augment__{key}": value for key, value in augment.items()},
        network__extractor=options["extractor"],
        network__extractor_output=options["extractor_output"],
        training__epochs=epochs,
        training__epochs_from_scratch=epochs,
        network__dropout=options["dropout"],
        uncertainty__samples=options["samples"],
        split__seed=options["seed"],
    )
