"""A streaming network that cuts patches of 64 frames, as real-time examples do."""

import json
import sys

import essentia

essentia.log.infoActive = essentia.log.warningActive = False
from essentia import Pool, run  # noqa: E402
from essentia.standard import MonoLoader  # noqa: E402
from essentia.streaming import (  # noqa: E402
    FrameCutter,
    PoolToTensor,
    TensorflowInputMusiCNN,
    TensorflowPredict,
    TensorToPool,
    TensorToVectorReal,
    VectorInput,
    VectorRealToTensor,
)

folder, path = sys.argv[1:]
audio = MonoLoader(filename=path, sampleRate=16000, resampleQuality=4)()
source, frames = VectorInput(audio), FrameCutter(frameSize=512, hopSize=256)
bands, patches = TensorflowInputMusiCNN(), VectorRealToTensor(shape=[1, 1, 64, 96], lastPatchMode="discard")
pooled = TensorToPool(namespace="model/Placeholder")
network = TensorflowPredict(
    graphFilename=f"{folder}/mood_sad-musicnn-msd-2.pb", inputs=["model/Placeholder"], outputs=["model/Sigmoid"]
)
answers, rows, pool = PoolToTensor(namespace="model/Sigmoid"), TensorToVectorReal(), Pool()
source.data >> frames.signal
frames.frame >> bands.frame
bands.bands >> patches.frame
patches.tensor >> pooled.tensor
pooled.pool >> network.poolIn
network.poolOut >> answers.pool
answers.tensor >> rows.tensor
rows.frame >> (pool, "activations")
run(source)
found = pool["activations"]
print(json.dumps({"mean": found.mean(axis=0).tolist(), "patches": len(found)}))
