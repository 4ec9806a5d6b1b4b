"""Start the process that predicts. Imports next to nothing, so that the process starts while this one still loads."""

from __future__ import annotations

import os
import subprocess
import sys

from essentia_ldl.predict import onednn
from essentia_ldl.zones import zone_environment


def start_worker(setting: str | None = None) -> subprocess.Popen[str]:
    """Start ``python -m essentia_ldl.sound.predict``, which reads its job from the standard input.

    Parameters
    ----------
    setting : str or None
        "1" with oneDNN, "0" without; None takes the first of `onednn.settings`.

    Returns
    -------
    subprocess.Popen
        It ends by itself when its standard input closes without a job.
    """
    verbose = os.environ.get("ESSENTIA_LDL_VERBOSE") == "1"
    return subprocess.Popen(
        [sys.executable, "-m", "essentia_ldl.sound.predict"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if verbose else subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env={**zone_environment(), "TF_ENABLE_ONEDNN_OPTS": setting or onednn.settings()[0]},
    )
