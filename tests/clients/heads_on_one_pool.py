"""Four heads on embeddings that are computed once and kept in a pool; columns are numbers in the code."""

import json
import sys

import essentia

essentia.log.infoActive = essentia.log.warningActive = False
from essentia import Pool  # noqa: E402
from essentia.standard import MonoLoader, TensorflowPredict2D, TensorflowPredictMusiCNN  # noqa: E402

POSITIVE = {"mood_sad": 1, "mood_party": 1, "mood_happy": 0, "mood_aggressive": 0}

folder, path = sys.argv[1:]
audio = MonoLoader(filename=path, sampleRate=16000, resampleQuality=4)()
pool = Pool()
embed = TensorflowPredictMusiCNN(graphFilename=f"{folder}/msd-musicnn-1.pb", output="model/dense/BiasAdd")
for row in embed(audio):
    pool.add("embeddings", row)
found = {}
for task, column in POSITIVE.items():
    head = TensorflowPredict2D(graphFilename=f"{folder}/{task}-msd-musicnn-1.pb", output="model/Softmax")
    found[task] = float(head(pool["embeddings"])[:, column].mean())
print(json.dumps(found))
