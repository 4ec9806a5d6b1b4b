"""Train, verify and run Essentia classifiers of one's own.

The map, in the order of the data:

  cli           the command line; every command calls one function of the modules below
  cli_options   options that commands share
  recipe        a TOML file becomes a checked Recipe
  recipe_sections  its keys, explained
  recipe_rules  what its sections must have together
  scaffold      a recipe for the user's own classes
  datasets/     a folder or a table becomes Tracks; one file a layout
  corrections   labels that a person corrected
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
  extractors    published graphs under a trained head
  embeddings    what a frozen network makes of tracks
  track_features  stored features of tracks, as label sources read them
  transfer      several targets become networks, and a classifier on what they learned
  planning      targets and plan of a run
  scoring       scores of predictions, ready for json
  steps         the steps of train in order
  evaluation    cross-validation
  folds         the folds of a cross-validation
  cells         its trainings, heads in parallel
  baselines     what a network has to beat, on the same folds
  descriptors   MusicExtractor's description of tracks, for a baseline and for groups of artists
  gathering     the folds' predictions become the rows of a table
  statistics    whether two label sources differ
  tables        the tables of a cross-validation on the terminal
  members       networks that fit one another, in one run folder
  ensembles     the ensemble command, and train with several seeds
  refit         the final model, on all tracks, as the folds chose
  paper_tables  what the paper printed in its table 2, and what is wrong with it
  estimates     how long trainings will take
  table2        the table2 command: the paper's table on the user's data
  table2_settings  which cells, how they are trained, and how that differs from the paper
  table2_data   a folder of data sets becomes the collection of each task
  table2_cells  which cells of it are measured, and where their scores are
  table2_external  training on a whole data set, scored on MTG-Jamendo
  tabulation    measured values beside the paper's
  agf           the agf command: what artist groups add, in all combinations of the paper
  agf_cells     its trainings: targets, networks and split of each
  agf_paper     what the paper on artist group factors printed, and what is wrong with it
  agf_comparison  whether artist groups beat the genre alone, with intervals over seeds
  agf_tables    trainings on artist groups beside that paper's tables
  agf_figure    and beside its figure
  external      the evaluate command: an exported graph on another collection
  class_map     labels of a collection become classes of a model
  bootstrap     intervals by resampling artists
  listeners     predictions beside the share of listeners
  logits        what networks said of the patches of tracks, read back from runs
  calibration   probabilities as large as the share of right answers: temperature and vector scaling
  calibrating   the calibration of a run: fitted after its training, on tracks that it was not trained on
  uncertainty   entropies of opinions, and labels that are withheld
  abstention    what answering only where a model is sure buys
  reliability   bins of confidence, and calibration errors with intervals
  diagrams      reliability diagrams as SVG and PNG
  summary       what the terminal shows after a training
  results       a finished run, read back
  audit         labels that neighbours and classifiers doubt
  track_map     a plane on which tracks that sound alike are near
  excerpts      some seconds of a track inside a page
  report        the report command
  report_page   what its sections are made of
  report_scores  its sections about the model
  report_calibration  its section about probabilities
  report_abstention  its section about answering only where the model is sure
  report_groups  its section about groups of artists
  report_tracks  its sections about the tracks
  report_pictures  its pictures
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
