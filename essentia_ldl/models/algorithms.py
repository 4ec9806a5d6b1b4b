"""Which front-end an Essentia algorithm stands for. In: what a card says; out: a `FrontEnd`."""

from __future__ import annotations

import re

from essentia_ldl import frontends
from essentia_ldl.errors import CardError, explain
from essentia_ldl.frontends import GENERAL
from essentia_ldl.records import FrontEnd

BY_PREDICTOR = {
    front_end.predict_algorithm: front_end
    for front_end in frontends.ALL.values()
    if front_end.predict_algorithm not in ("", GENERAL)
}
# The cards of Essentia's OpenL3 name no algorithm; the names of the files say what the graphs read.
_OPENL3_NAME = re.compile(r"openl3-(env|music)-mel(?P<n_bands>\d+)-")


def of_algorithm(algorithm: str, where: str, name: str = "", stem: str = "") -> FrontEnd:
    """Return the front-end of a graph.

    Parameters
    ----------
    algorithm : str
        The Essentia algorithm of its card.
    where : str
        Name of the model, for the message.
    name : str
        Front-end that its card names; asked where the algorithm runs any graph.
    stem : str
        Name of the graph's file; asked for OpenL3, whose cards say less than the name.

    Raises
    ------
    CardError
        When nothing says what the graph reads, or it reads what no chain here makes.
    """
    if algorithm in BY_PREDICTOR:
        return BY_PREDICTOR[algorithm]
    if algorithm == GENERAL and name in frontends.ALL and frontends.ALL[name].predict_algorithm == GENERAL:
        return frontends.ALL[name]
    if (found := _OPENL3_NAME.match(stem)) is not None:
        if int(found["n_bands"]) == frontends.OPENL3.n_bands:
            return frontends.OPENL3
        rule = f"OpenL3 with {frontends.OPENL3.n_bands} mel bands"
        raise CardError(explain("extractor", rule, stem, where, "Take the one with mel128 in its name."))
    known = f"one of {', '.join(sorted(BY_PREDICTOR))}"
    raise CardError(explain("inference.algorithm", known, algorithm, where, "Run it with Essentia."))
