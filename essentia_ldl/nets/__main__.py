"""``python -m essentia_ldl.nets RUN_DIR ...``: train and export; Ctrl-C is quiet even while TensorFlow loads."""

import sys

from essentia_ldl.zones import follow_parent

follow_parent()
try:
    from essentia_ldl.nets.run import main

    status = main()
except KeyboardInterrupt:
    status = 130
sys.exit(status)
