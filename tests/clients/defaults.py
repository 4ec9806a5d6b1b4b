"""Full classifiers with nothing but the defaults: loader, patches, nodes."""

import json
import sys

import essentia

essentia.log.infoActive = essentia.log.warningActive = False
from essentia.standard import MonoLoader, TensorflowPredictMusiCNN  # noqa: E402

folder, path = sys.argv[1:]
audio = MonoLoader(filename=path, sampleRate=16000)()
activations = TensorflowPredictMusiCNN(graphFilename=f"{folder}/mood_sad-musicnn-msd-2.pb")(audio)
print(json.dumps({"mean": activations.mean(axis=0).tolist(), "patches": len(activations)}))
