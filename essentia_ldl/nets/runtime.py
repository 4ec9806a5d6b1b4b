"""Keras and TensorFlow, loaded once and without their start-up noise; every module of the zone takes them from here.

In: nothing. Out: `keras`, `tf` and two parts of TensorFlow that have no public name. TensorFlow writes some lines to
the process's stderr before its log level counts, so file descriptor 2 points to the null device while it loads;
``ESSENTIA_LDL_VERBOSE=1`` leaves everything audible.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send what C++ code writes to stderr to the null device for a while, unless ESSENTIA_LDL_VERBOSE is 1.

    A Python exception passes through unharmed: its traceback is printed after the descriptor is back.
    """
    if os.environ.get("ESSENTIA_LDL_VERBOSE") == "1":
        yield
        return
    sys.stderr.flush()
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


@contextlib.contextmanager
def without(*packages: str) -> Iterator[None]:
    """Let a package that is not loaded yet count as not installed for a while.

    Parameters
    ----------
    *packages : str
        Names at the top. Keras asks for scikit-learn and matplotlib while it loads, for parts that nothing here uses,
        and goes on without them; together they take a quarter of its time.
    """
    blocked = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(blocked))
    try:
        yield
    finally:
        for name in blocked:
            del sys.modules[name]


with quiet(), without("sklearn", "matplotlib"):
    import keras
    import tensorflow as tf
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    # The first use of a device prints too.
    tf.constant(0.0)

if os.environ.get("ESSENTIA_LDL_VERBOSE") != "1":
    logging.getLogger("tensorflow").setLevel(logging.ERROR)

__all__ = ["convert_variables_to_constants_v2", "keras", "op_def_pb2", "quiet", "tf", "without"]
