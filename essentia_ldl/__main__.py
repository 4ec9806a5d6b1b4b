"""``python -m essentia_ldl``."""

from essentia_ldl.cli.main import main

main(prog_name="essentia-ldl")
