"""The networks of a run that can be looked at, and which pictures each has.

In: a plan. Out: `Subject`, a network with its weights: the one that the run trained, the frozen ones below a head, or
the trained ones whose features a classifier reads. What Essentia alone runs, a published extractor, has none.
"""

from __future__ import annotations

import dataclasses
import functools

from essentia_ldl import frontends, taps
from essentia_ldl.choices import ASCENT, BANDS, EXCITATIONS, FILTERS, HARMONICS, HEAD
from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import digest_file
from essentia_ldl.models import folder as models
from essentia_ldl.nets.backbones import load_backbone
from essentia_ldl.nets.looking.excitations import list_gates
from essentia_ldl.nets.looking.front_ends import find_harmonics, list_band_layers
from essentia_ldl.nets.networks import build_model
from essentia_ldl.nets.pretrained.weights import load_tagger
from essentia_ldl.nets.runtime import keras
from essentia_ldl.nets.trained_weights import read_weights
from essentia_ldl.records import FrontEnd
from essentia_ldl.runs.names import WEIGHTS
from essentia_ldl.runs.plan import Plan, read_plan


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """A network to look at.

    Parameters
    ----------
    name : str
        Of the network, such as "samplecnn" or "msd-musicnn"; of several that were trained, the folder of each.
    model : keras.Model
        With its weights.
    front_end : FrontEnd
        What it reads.
    plan : Plan
        Of the run that trained it, or that stands on it.
    digest : str
        Of its weights.
    standardize : str
        Name of the layer that scales what it reads; "" for none.
    """

    name: str
    model: keras.Model
    front_end: FrontEnd
    plan: Plan
    digest: str
    standardize: str = ""

    @functools.cached_property
    def convolutions(self) -> tuple[str, ...]:
        """The convolutions of a network that hears samples, from the bottom, but those of shortcuts."""
        if self.front_end.kind != "waveform":
            return ()
        kinds = (keras.layers.Conv1D, keras.layers.Conv2D)
        names = [layer.name for layer in self.model.layers if isinstance(layer, kinds)]
        return tuple(name for name in names if not name.endswith("_shortcut"))

    @functools.cached_property
    def pictures(self) -> dict[str, tuple[str, ...]]:
        """The pictures that there are of it, and the layers of each: ("",) for one of the whole network."""
        found: dict[str, tuple[str, ...]] = {}
        first = self.convolutions[:1] if find_harmonics(self.model) is None else ()
        if first:
            found[FILTERS] = first
        if self.convolutions:
            found[ASCENT] = self.convolutions
        if list_gates(self.model):
            found[EXCITATIONS] = ("",)
        if find_harmonics(self.model) is not None:
            found[HARMONICS] = ("",)
        if list_band_layers(self.model):
            found[BANDS] = tuple(list_band_layers(self.model))
        return found


def list_subjects(plan: Plan) -> list[Subject]:
    """List the networks of a run, in their order.

    Raises
    ------
    StoreError
        When the weights of the run are missing or damaged.
    WeightsError
        When pretrained ones are.
    DataError
        When it has none that can be looked at: it is an ensemble, or stands on published extractors alone.
    """
    if plan.members:
        remedy = "Name the run of a member."
        raise DataError(explain("look", "a run of one network", f"{len(plan.members)} members", plan.folder, remedy))
    if plan.features:
        found = [(folder.name, one) for folder in plan.features for one in list_subjects(read_plan(folder))]
        return [dataclasses.replace(subject, name=name) for name, subject in found]
    network = plan.network
    if network.fine_tune != HEAD:
        model = build_model(plan, pretrained=False)
        path = plan.folder / WEIGHTS
        read_weights(path, model)
        standardize = getattr(load_backbone(network.backbone), "INPUT_STANDARDIZE", "")
        return [Subject(network.backbone, model, plan.front_end, plan, digest_file(path), standardize)]
    if plan.extractor is None:
        names = [name for name in network.backbones if name in taps.NETWORKS]
        kinds = [taps.get_network(name) for name in names]
        if not network.backbones:
            kinds = [(network.backbone, str(network.pretrained))]
        if kinds:
            return [_open_pretrained(plan, *kind) for kind in kinds]
    found = network.extractor or ", ".join(network.backbones)
    rule, remedy = "a network whose layers are known", "Train with --network instead."
    raise DataError(explain("look", rule, found, plan.folder, remedy))


def _open_pretrained(plan: Plan, backbone: str, dataset: str) -> Subject:
    model = load_tagger(plan.graphs, backbone, dataset)
    digest = digest_file(models.weights_file(plan.graphs, backbone, dataset))
    return Subject(f"{dataset}-{backbone}", model, frontends.of_network(backbone), plan, digest)
