"""The nets zone: networks, training and export. It may import keras, tensorflow and numpy, and never essentia.

In: a run folder with `plan.json` and `labels.csv`, mel bands of the store, base graphs. Out: trained weights,
predictions, and frozen graphs with their cards. Importing this package sets two environment variables and nothing else;
`runtime` loads TensorFlow.

The map, in the order of the imports: a module imports only from what stands above it, in a folder too.

    runtime          keras and tensorflow, loaded once and without noise
    layers           layers that several backbones share
    backbones/       patches -> embedding: one file per network
        musicnn vgg vggish resnet dcnn choi samplecnn framecnn harmoniccnn pons images
        fcn crnn shortchunk attention artists zeroshot cqtcnn
    classifier       a backbone with outputs: tagger, head, whole network
    shared           one network for several targets
    pretrained/      networks that somebody else trained
        wheel        the released weights: fetched, read, assigned to a tagger
        frozen       weights out of a frozen graph that the user has
        weights      a pretrained network of graphs/ as a Keras model
        published    a published extractor of the user's as a Keras model
    tapped           pretrained networks side by side, several layers of each
    trained_weights  weights.npz of a run
    networks         the network that a plan asks for
    inputs/          what networks read, batch by batch
        patches      bands -> patches: the grid, and the random patch of an epoch
        embeddings   what a frozen network makes of tracks, kept in the store
        joint        what several pretrained networks make of tracks, side by side
        trained_features  what trained networks make of tracks, side by side
        below_head   which of these a plan's head stands on
        sources      inputs of a training: embeddings or bands, row by row
        lower        what the frozen lower layers of a network make of bands, kept for a run
        augment      training patches changed at random
        ahead        the next batch, made while a step computes
        evaluation_hop    sources with another distance between patches
    training/
        losses       distributions and logits -> one number per row
        depths       groups of layers that learn at rates of their own
        devices      one network on several devices
        precision    training in 16 bits
        updates      a model with its optimiser: what an epoch does
        shared_updates    the same for several targets
        checkpoints  the state that a killed training goes on from
        solved       a head that was solved, as weights of the network
        train        a run folder -> weights, history, predictions
    export/
        oplists      what old TensorFlow runtimes know
        folding      the same graph, quicker
        nodes        names of the outputs, as in Essentia's models
        freeze       a Keras model -> a frozen graph, checked
        interfaces   a head by the other pair of nodes that programs read
        exchange     the same network as ONNX
        sampling     uncertainty inside a graph, from dropout
        ensemble     several networks as one graph
        cards        the .json beside a graph
        export       a trained run -> graphs, cards, golden patches
    metric/          embedding spaces
        losses       distances of embeddings -> one number per row
        sampling     anchors, positives and negatives of an epoch
        scatter      differences within artists, and the map that makes them small
        encoders     projections and whole networks that end in a space
        updates      a network with its optimiser: what an epoch does
        words        the same for audio and words in one space
        train        a run folder -> weights, history, vectors of tracks
        export       a trained space -> an extractor
        run          the entry point: train and export run folders
    tag_heads        the tags of MusiCNN as heads of its embedding
    base_graphs      the released weights -> graphs/
    tapped_graphs    pretrained networks, frozen for the features of the store
    covers/          music and its pictures in one space
        images       networks that see a picture
        fitting      training of small parts
        genres       networks of spectra and of pictures that learn genres
        space        one space for both, by triplets
        fusion       linear classifiers on parts side by side
        export       the audio side as an extractor
        run          the entry point
    looking/         what trained networks have learned
        spectra      spectra of filters, by their peaks
        ascent       waveforms that excite the filters of a layer
        excitations  what SE blocks say of tracks
        front_ends   harmonic filters, and filters of mel bands
        subjects     the networks of a run, and which pictures each has
        look         the entry point: all of it, written into the run
    run              the entry point: train, calibrate, export run folders
    embed            the entry point for embeddings alone
    timing           how long a network takes on this machine
"""

from __future__ import annotations

import os
import sys

from essentia_ldl.zones import tie_to_parent

if sys.argv[:1] == ["-m"]:  # `python -m`, which looks for its module: TensorFlow takes seconds to load
    tie_to_parent()
if os.environ.get("ESSENTIA_LDL_VERBOSE") != "1":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Every module of this zone is written for the TensorFlow backend: the export freezes a TensorFlow graph.
os.environ["KERAS_BACKEND"] = "tensorflow"
