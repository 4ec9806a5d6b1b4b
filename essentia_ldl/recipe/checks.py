"""What sections of a recipe must have together. In: sections; out: nothing, or one `RecipeError` in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from essentia_ldl import frontends, taps
from essentia_ldl import labels as label_sources
from essentia_ldl.choices import ALL, HEAD, LOSSES_OF, SCRATCH, SINGLE_LABEL, TOP, is_loss, join_choices
from essentia_ldl.errors import RecipeError, explain
from essentia_ldl.recipe.sections import AugmentSettings, NetworkSettings, TrainingSettings


def check_tuning(network: NetworkSettings, training: TrainingSettings, networks: str, where: str) -> None:
    """Refuse depths that are to learn at rates of their own, or not at all, where there are no pretrained depths.

    Parameters
    ----------
    network, training
        What is trained, and how.
    networks : str
        "none", "separate", "shared" or "wide": networks that learn targets first.
    where : str
        Name of the recipe, for the message.

    Raises
    ------
    RecipeError
        When a key is set that the network cannot follow.
    UnknownNameError
        When the network has no layer of the name that it is to be frozen up to.
    """
    for key, default in (("rate_factor", 1.0), ("warmup_epochs", 0)):
        value = getattr(training, key)
        if value != default and (network.fine_tune not in (TOP, ALL) or networks != "none"):
            rule = f"{default:g} unless one pretrained network is tuned"
            remedy = "Leave it out, or set network.fine_tune to top or all."
            raise RecipeError(explain(f"training.{key}", rule, value, where, remedy))
    if network.frozen_until:
        if network.fine_tune != TOP:
            rule, remedy = "none unless network.fine_tune is top", "Leave it out, or set network.fine_tune to top."
            raise RecipeError(explain("network.frozen_until", rule, network.frozen_until, where, remedy))
        frontends.check_depth(network.backbone, network.frozen_until)


def check_stages(network: NetworkSettings, training: TrainingSettings, networks: str, where: str) -> None:
    """Raise `RecipeError` when optimisers one after the other are wanted of a head; parameters as of `check_tuning`."""
    tuned = training.rate_factor != 1 or training.warmup_epochs
    if training.stages and (network.fine_tune not in (ALL, SCRATCH) or networks != "none" or tuned):
        rule = "none unless one whole network trains, all of it at one rate"
        remedy = "Leave them out, or set network.fine_tune to all or none."
        raise RecipeError(explain("training.stages", rule, list(training.stages), where, remedy))


def check_width(network: NetworkSettings, networks: str, where: str) -> None:
    """Raise `RecipeError` when a network cannot be narrower, or keeps its weights; parameters as of `check_tuning`."""
    if network.width == 1:
        return
    if network.fine_tune != SCRATCH or networks != "none":
        rule, remedy = "1 unless one network is trained from scratch", "Set network.fine_tune to none."
        raise RecipeError(explain("network.width", rule, network.width, where, remedy))
    if not frontends.get_network(network.backbone).is_narrowed:
        able = ", ".join(name for name, row in frontends.NETWORKS.items() if row.is_narrowed and not row.family)
        rule, remedy = f"1 with {network.backbone}", f"Leave it out, or take one of {able}."
        raise RecipeError(explain("network.width", rule, network.width, where, remedy))


def check_precision(network: NetworkSettings, training: TrainingSettings, networks: str, where: str) -> None:
    """Raise `RecipeError` when 16 bits are wanted where no whole network trains; parameters as of `check_tuning`."""
    if training.mixed_precision and (network.fine_tune not in (ALL, SCRATCH) or networks != "none"):
        rule = "false unless one whole network trains: heads, solved or not, are computed in 32 bits"
        remedy = "Leave it out, or set network.fine_tune to all or none."
        raise RecipeError(explain("training.mixed_precision", rule, True, where, remedy))


def check_augment(network: NetworkSettings, augment: AugmentSettings, networks: str, where: str) -> None:
    """Raise `RecipeError` when patches are to be changed that no network of one target learns; see `check_tuning`."""
    changed = [name for name, value in vars(augment).items() if value]
    if changed and (network.fine_tune == HEAD or networks != "none"):
        rule = "nothing unless layers of one network train"
        remedy = "Leave it out, or set network.fine_tune to top, all or none."
        raise RecipeError(explain("augment", rule, ", ".join(changed), where, remedy))


def check_joint(network: NetworkSettings, networks: str, where: str) -> None:
    """Raise `RecipeError` when networks side by side, or their layers, are asked for where they cannot be.

    Parameters
    ----------
    network : NetworkSettings
        What is trained.
    networks : str
        "none", "separate", "shared" or "wide": networks that learn targets first.
    where : str
        Name of the recipe, for the message.
    """
    if not network.backbones:
        if network.layers != taps.EMBEDDING:
            rule, remedy = "embedding without network.backbones", "Name networks, such as msd-musicnn."
            raise RecipeError(explain("network.layers", rule, network.layers, where, remedy))
        return
    for key, rule, value in (
        ("network.fine_tune", "head", network.fine_tune),
        ("network.extractor", "", network.extractor),
        ("targets.networks", "none", networks),
    ):
        if value != rule:
            rule = f"{rule or 'none'}, with network.backbones"
            raise RecipeError(explain(key, rule, value, where, "Leave it or the backbones out."))


def check_targets(sources: Sequence[str], networks: str, network: NetworkSettings, where: str) -> None:
    """Check label sources against the networks that are to learn them.

    Parameters
    ----------
    sources : sequence of str
        Label sources, each by its own name.
    networks : str
        "none", "separate", "shared" or "wide".
    network : NetworkSettings
        What is trained.
    where : str
        Name of the recipe, for the message.

    Raises
    ------
    RecipeError
        When several sources have no networks to learn them, two sources are of the task's own classes, or the networks
        cannot be separate, shared or wide.
    """
    main = [source for source in sources if not label_sources.is_auxiliary(source)]
    if len(main) > 1:
        rule, remedy = "one source of the task's own classes", "Name one of them, beside artist groups."
        raise RecipeError(explain("label sources", rule, ", ".join(main), where, remedy))
    if networks == "none":
        if len(sources) > 1 or label_sources.is_auxiliary(sources[0]):
            rule, remedy = "separate, shared or wide with several label sources", "Set it, or name one source."
            raise RecipeError(explain("targets.networks", rule, networks, where, remedy))
        return
    if network.extractor:
        remedy = "Leave the extractor out, or train a head on it, with one label source."
        raise RecipeError(explain("targets", "a network of ours", network.extractor, where, remedy))
    if network.fine_tune == "head" and network.hidden < 1:
        rule = "at least 1, because a frozen network has the same features whatever its head learns"
        raise RecipeError(explain("network.hidden", rule, network.hidden, where, "Set it, such as 100."))
    shared = networks == "shared" and len(sources) > 1
    if shared and network.fine_tune == TOP:
        rule, remedy = "all or none where targets share a network", "Set it, or targets.networks to separate."
        raise RecipeError(explain("network.fine_tune", rule, TOP, where, remedy))
    if shared and not frontends.get_network(network.backbone).is_cut and network.hidden < 1:
        rule = f"at least 1 where targets share all of {network.backbone}"
        remedy = "Set it, such as 100, or targets.networks to separate."
        raise RecipeError(explain("network.hidden", rule, network.hidden, where, remedy))
    if networks == "wide" and len(sources) > 1 and not frontends.get_network(network.backbone).is_widened:
        able = " or ".join(name for name, known in frontends.NETWORKS.items() if known.is_widened)
        rule, remedy = f"{able} for a wide network", "Set targets.networks to separate."
        raise RecipeError(explain("network.backbone", rule, network.backbone, where, remedy))


def check_loss(kind: str, loss: str, where: str) -> None:
    """Raise `RecipeError` when the loss of a recipe with tags or numbers is none of theirs, or the reverse."""
    if loss not in LOSSES_OF[kind] and (kind != SINGLE_LABEL or is_loss(loss)):
        rule = f"{join_choices(LOSSES_OF[kind])} where the kind is {kind}"
        raise RecipeError(explain("training.loss", rule, loss, where, "Take one of them."))


def check_kind(kind: str, sources: Sequence[str], asked: Mapping[str, object], where: str) -> None:
    """Raise `RecipeError` when a recipe asks for what tags or numbers do not allow.

    Parameters
    ----------
    kind : str
        One of `choices.KINDS`.
    sources : sequence of str
        Label sources, each by its own name.
    asked : Mapping[str, object]
        What the recipe says under the keys of `_WITHOUT_CLASSES`.
    where : str
        Name of the recipe, for the message.
    """
    if kind == SINGLE_LABEL:
        return
    remedy = "Leave it out, or set kind to single_label and give every track one class."
    for source in sources:
        if not label_sources.takes_kind(source, kind):
            able = [name for name in label_sources.presets() if label_sources.takes_kind(name, kind)]
            rule = f"{join_choices(('auto', *able))} where the kind is {kind}"
            raise RecipeError(explain("label source", rule, source, where, remedy))
    for name, allowed in _WITHOUT_CLASSES.items():
        if asked[name] not in allowed:
            rule = f"{' or '.join(str(value) or 'none' for value in allowed)} where the kind is {kind}"
            raise RecipeError(explain(name, rule, asked[name], where, remedy))


_WITHOUT_CLASSES: dict[str, tuple[object, ...]] = {
    "targets.networks": ("none",),
    "choice.leave_out": ("",),
    "uncertainty.samples": (0,),
    "calibration.method": ("temperature", "none"),
    "aliases": ("",),
}
