"""``python -m essentia_ldl.sound RUN_DIR ...``: verify exported graphs; Ctrl-C is quiet."""

import os
import sys

from essentia_ldl.zones import follow_parent

follow_parent()
try:
    from essentia_ldl.sound.verify import main

    status = main(sys.argv[1:])
except KeyboardInterrupt:
    status = 130
sys.stdout.flush()
os._exit(status)  # without the destructors of Essentia and its TensorFlow
