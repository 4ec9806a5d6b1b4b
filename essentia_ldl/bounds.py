"""What learning rates, margins and seeds may be in recipes, plans and options.

In: a number; out: whether it keeps the rule, which stands beside it in words.
"""

from __future__ import annotations

# A hundred times the largest that is published of these networks, .1 (Park et al., 2018).
MOST_RATE = 10.0
RATE = f"above 0, at most {MOST_RATE:g}"
MOST_COSINE = 2.0  # the distance of vectors that point in opposite directions
COSINE_MARGIN = f"above 0, at most {MOST_COSINE:g} (the largest cosine distance)"
MOST_SEED = 2**31 - 1
SEED = f"0 to {MOST_SEED}"


def is_rate(value: float) -> bool:
    """Tell whether a number is a learning rate.

    Examples
    --------
    >>> is_rate(1e-3), is_rate(0), is_rate(1e30), is_rate(float("nan"))
    (True, False, False, False)
    """
    return 0 < value <= MOST_RATE


def is_cosine_margin(value: float) -> bool:
    """Tell whether a number is a margin of cosine distances: above it a pair would cost something wherever it stands.

    Examples
    --------
    >>> is_cosine_margin(0.4), is_cosine_margin(3)
    (True, False)
    """
    return 0 < value <= MOST_COSINE


def is_seed(value: int) -> bool:
    """Tell whether a number is a seed.

    Examples
    --------
    >>> is_seed(0), is_seed(-1), is_seed(2**31)
    (True, False, False)
    """
    return 0 <= value <= MOST_SEED
