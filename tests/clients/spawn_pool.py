"""Workers that are spawned, each with a predictor of its own that lasts as long as the worker."""

import json
import multiprocessing
import sys

model = None


def begin(folder):
    global model
    import essentia

    essentia.log.infoActive = essentia.log.warningActive = False
    from essentia.standard import TensorflowPredictMusiCNN

    model = TensorflowPredictMusiCNN(graphFilename=f"{folder}/mood_sad-musicnn-msd-2.pb")


def analyse(path):
    from essentia.standard import MonoLoader

    return model(MonoLoader(filename=path, sampleRate=16000, resampleQuality=4)()).mean(axis=0).tolist()


if __name__ == "__main__":
    folder, path = sys.argv[1:]
    with multiprocessing.get_context("spawn").Pool(2, begin, (folder,)) as pool:
        print(json.dumps(pool.map(analyse, [path] * 4)))
