"""Train, verify and run Essentia classifiers of one's own.

The map, in reading order: a module imports only what stands above it. CONTRIBUTING.md says what to touch for what.

Underneath:

  errors        one root, and leaves that callers know
  records       the data that flows: frozen, checked when made
  choices       the names that recipes and plans choose among
  discover      plug-ins by walking a package
  files         the folders of a home, atomic writing, json and digests
  frontends     the numbers of the analyses, and one row per network
  taps          the layers of pretrained networks that are read as features, and where each stands
  urls          audio at a URL, copied to a local file
  zones         a step in a process of its own
  cluster/      calls spread over threads here, or over the workers of a cluster
  parallel      one function over many files, in worker processes that may die

Nouns, which are data:

  scores/       arrays in, numbers out: metrics, calibration, intervals, tests
  linear/       a linear classifier on features of tracks: solved, its settings chosen by folds
  labels/       Tracks and features become label distributions; one file per source
  models/       the folder graphs/, and the card and golden answers beside each graph
  datasets/     a folder or a table becomes Tracks; one file per layout
  recipe/       a TOML file becomes a checked Recipe
  collection/   Tracks with checked labels, corrected by a person, split by artist
  features/     what is computed of tracks before training, in the store
  runs/         the run folder, sole owner of its files: plan, targets, predictions, scores

Zones, which are processes:

  sound/        audio to features, graphs on audio, proof of a graph; the only place that imports Essentia
  nets/         networks, training and export; the only place that imports Keras and TensorFlow

Verbs, which are commands:

  train/        from a recipe and a collection to a verified model in graphs/
  predict/      models on files and folders
  measure/      cross-validation, baselines, and an exported graph on another collection
  report/       a finished run as one page
  studies/      the experiments of the papers, measured
  doctor        the installation
  cli/          the command line: commands, options, and the text that the terminal shows

Zones: sound/ imports Essentia and never TensorFlow, nets/ the reverse, everything else neither; they meet in files.
"""

__version__ = "0.1.0"
