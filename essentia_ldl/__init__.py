"""Train, verify and run Essentia classifiers of one's own.

The map, in the order of the data:

  cli           the command line; every command calls one function of the modules below
  recipe        a TOML file becomes a checked Recipe
  scaffold      a recipe for the user's own classes
  datasets/     a folder or a table becomes Tracks; one file a layout
  collection    Tracks with features in the store, and a reason for every file left out
  parallel      one function over many files, in worker processes that may die
  sound/        audio to features, graphs on audio, proof of a graph; the only place that imports Essentia
  store         features on disk, keyed by content and front-end; atomic writing
  splits        training, validation and test sides, grouped by artist
  labels/       Tracks and features become label distributions; one file a source
  labelling     the labels command
  runs          run folders, found again after a kill
  zones         a step in a process of its own
  nets/         networks, training and export; the only place that imports Keras and TensorFlow
  metrics       scores as pure functions
  embeddings    what a frozen network makes of tracks
  planning      targets and plan of a run
  scoring       scores of predictions, ready for json
  steps         the steps of train in order
  evaluation    cross-validation
  baselines     what a network has to beat, on the same folds
  statistics    whether two label sources differ, and the tables of it
  external      the evaluate command: an exported graph on another collection
  class_map     labels of a collection become classes of a model
  bootstrap     intervals by resampling artists
  listeners     predictions beside the share of listeners
  summary       what the terminal shows after a training
  models        the folder graphs/
  prediction    which files, which process, which format
  predicting    the predict command
  workers       the process that predicts
  onednn        whether this processor survives oneDNN
  doctor        the doctor command

Underneath:

  records       the data that flows: frozen, checked when made
  graph_card    the json beside a graph, checked
  frontends     the numbers of the analyses, once
  discover      plug-ins by walking a package
  errors        one root, and leaves that callers know

Zones: sound/ imports Essentia and never TensorFlow, nets/ the reverse, everything else neither; they meet in files.
"""

__version__ = "0.1.0"
