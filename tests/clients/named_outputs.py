"""Every node of a full classifier by its name, with the switch of training named too."""

import json
import sys

import essentia

essentia.log.infoActive = essentia.log.warningActive = False
from essentia.standard import MonoLoader, TensorflowPredictMusiCNN  # noqa: E402

folder, path = sys.argv[1:]
audio = MonoLoader(filename=path, sampleRate=16000, resampleQuality=4)()
found = {}
for node in ("model/Sigmoid", "model/Softmax", "model/dense_2/BiasAdd", "model/dense_1/BiasAdd", "model/dense/BiasAdd"):
    predict = TensorflowPredictMusiCNN(
        graphFilename=f"{folder}/mood_sad-musicnn-msd-2.pb", output=node, isTrainingName="model/Placeholder_1"
    )
    rows = predict(audio)
    found[node] = {"shape": list(rows.shape), "mean": rows.mean(axis=0).tolist()}
print(json.dumps(found))
