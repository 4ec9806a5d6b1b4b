"""``python -m essentia_ldl``."""

from essentia_ldl.cli.start import run

run()
