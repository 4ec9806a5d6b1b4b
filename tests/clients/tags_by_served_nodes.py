"""The 50 tags through the head that is read as a saved model, by either way to write its output."""

import json
import sys

import essentia

essentia.log.infoActive = essentia.log.warningActive = False
from essentia.standard import MonoLoader, TensorflowPredict2D, TensorflowPredictMusiCNN  # noqa: E402

folder, path = sys.argv[1:]
audio = MonoLoader(filename=path, sampleRate=16000, resampleQuality=4)()
embeddings = TensorflowPredictMusiCNN(graphFilename=f"{folder}/msd-musicnn-1.pb", output="model/dense/BiasAdd")(audio)
found = []
for output in ("PartitionedCall", "PartitionedCall:0"):
    head = TensorflowPredict2D(
        graphFilename=f"{folder}/msd-msd-musicnn-1.pb", input="serving_default_model_Placeholder", output=output
    )
    found.append(head(embeddings).mean(axis=0).tolist())
print(json.dumps(found))
