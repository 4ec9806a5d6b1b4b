"""The analysis numbers of every front-end, written down once, and one row per network that reads them.

In: nothing. Out: `FrontEnd` constants and the table `NETWORKS`. The same constants drive feature extraction, the shape
of the networks, the graph card and `predict`; no other module writes the hop of an analysis. Numbers of the mel and
embedding front-ends are those of Essentia's TensorflowInput* and TensorflowPredict* algorithms
(https://essentia.upf.edu/reference), those of `MFCC` are section 4.2 of Buisson et al., "Ambiguity modelling with label
distribution learning for music classification" (ICASSP 2022). Kind "embedding" are the published extractors that no
network of ours reads: only Essentia runs them.

`RESNET` and `OPENL3` have no TensorflowInput* algorithm; their chains are in `sound.mel`. Rate, window, hop, bands,
patch and hop of the patches of `RESNET` are those of Lukashevich, Grollmisch and Abeßer, "Quantifying uncertainty in
music genre classification" (2023), section Experiments; the paper names no filters and no compression, so they are
those of TensorflowInputMusiCNN, up to half the rate. `OPENL3` is the usage that Essentia's page of models publishes for
its OpenL3 graphs: windows of 1 s around every full second, resampling quality 1. The openl3 package itself takes a
window every 0.1 s unless told otherwise.

`DCNN` and the two whole-track MFCC are those of artist group factors: Kim, Won, Serra and Liem, "Transfer learning of
artist group factors to musical genre classification" (WWW 2018), table 1 and sections 3.1.1, 3.2.1 and 3.4: windows of
46 ms that overlap by half, 128 mel bands in decibels, patches of 43 frames, one second; 25 MFCC of every frame
of a track, where the authors' code takes 13. What the paper does not say of the patches is as in that code: 44.1 kHz,
and half a patch from one to the next at inference. It does not say the frames of the MFCC either; they are those of the
patches here, where the code's are twice as long (2048 samples at 22.05 kHz). The filters are those of `RESNET`.

`CHOI` is that of Choi, Fazekas, Sandler and Cho, "Transfer learning for music classification and regression tasks"
(ISMIR 2017), section 3.1: 12 kHz, windows of 512 samples, hop 256, 96 mel bands in decibels, patches of 29 s. A patch
of 1360 frames needs 28.99 s, so that clips of 29 s have one. The filters are those of `RESNET`.

Front-ends of kind "waveform" are samples as they are decoded: a frame is one sample, and a patch is what a network
hears at once. `SAMPLECNN` is that of Lee, Park, Kim and Nam (SMC 2017), one second at its rate that of table 1 of Kim,
Lee and Nam (IEEE JSTSP 13(2), 2019) for Speech Commands and DCASE; three seconds at 16 kHz that of Dieleman and
Schrauwen, "End-to-end learning for music audio" (ICASSP 2014), five seconds that of Won, Chun, Nieto and Serra,
"Data-driven harmonic filters for audio representation learning" (ICASSP 2020), half of them from one patch to the next.
`MEL96_29S`, `MEL128_4S` and `MEL128_15S` are those of Won, Ferraro, Bogdanov and Serra, "Evaluation of CNN-based
automatic music tagging models" (SMC 2020), in the authors' code (https://github.com/minzwon/sota-music-tagging-models):
Hann windows of 512 samples, one every 256, up to half the rate, decibels of the power of triangles on the scale of HTK
whose tops are 1. Its spectrum of 257 bins leaves the lowest triangles without a bin; here the window is filled up with
silence to 2048 samples, and none is empty. Patches stand next to one another.
`ARTISTS` is that of Park, Lee, Park, Ha and Nam, "Representation learning of music using artist labels" (ISMIR 2018),
section 3, in the authors' code (https://github.com/jongpillee/ismir2018-artist): 128 bands of the magnitude, compressed
as log10(1 + 10 x), three seconds at a time, ten of them in a clip of 30 s. The filters are those of `RESNET`.
`CQT` is the constant-Q transform of Oramas, Barbieri, Nieto and Serra, "Multimodal deep learning for music genre
classification" (TISMIR 1(1), 2018), section 4.1, in the authors' code (https://github.com/sergiooramas/tartarus):
96 bins, twelve per octave from C1, one frame every 1024 samples at 22 050 Hz, patches of 322 frames, 15 s. Essentia's
SpectrumCQ makes it of frames that are as long as its longest kernel; they are decibels of its power here, and what
follows from the whole patch is inside the network (`nets.backbones.cqtcnn`). Half a patch from one to the next is ours.
`PICTURE` is no sound: 224 x 224 pixels, as networks for photographs take them, of a picture that belongs to a track.
The twins of waveforms are mel bands of the same patch, 128 of them, whose windows and hops are the filters and
strides of a first convolution: powers of 2 in the first paper, powers of 3 in figure 4 of Kim, Lee and Nam.
"""

from __future__ import annotations

import dataclasses

from essentia_ldl.discover import unknown
from essentia_ldl.errors import RecipeError, explain
from essentia_ldl.known import KnownNetwork
from essentia_ldl.records import FrontEnd

MUSICNN = FrontEnd(
    name="musicnn",
    kind="mel",
    sample_rate_hz=16000,
    frame_samples=512,
    hop_samples=256,
    n_bands=96,
    patch_frames=187,
    patch_hop_frames=93,
    input_algorithm="TensorflowInputMusiCNN",
    predict_algorithm="TensorflowPredictMusiCNN",
)

VGGISH = FrontEnd(
    name="vggish",
    kind="mel",
    sample_rate_hz=16000,
    frame_samples=400,
    fft_samples=512,
    hop_samples=160,
    n_bands=64,
    patch_frames=96,
    patch_hop_frames=93,
    input_algorithm="TensorflowInputVGGish",
    predict_algorithm="TensorflowPredictVGGish",
)

EFFNET = dataclasses.replace(
    MUSICNN,
    name="effnet",
    kind="embedding",
    patch_frames=128,
    patch_hop_frames=62,
    predict_algorithm="TensorflowPredictEffnetDiscogs",
)

MAEST = dataclasses.replace(  # the 30-second network; `find_front_end` of models.card reads the length of others
    MUSICNN,
    name="maest",
    kind="embedding",
    patch_frames=1876,
    patch_hop_frames=1875,
    predict_algorithm="TensorflowPredictMAEST",
)

MFCC = FrontEnd(
    name="mfcc",
    kind="mfcc",
    sample_rate_hz=44100,
    frame_samples=1024,
    fft_samples=2048,
    hop_samples=512,
    n_bands=13,
    patch_frames=86,
    patch_hop_frames=86,
    segment_offset_s=5.0,
    segment_duration_s=15.0,
    input_algorithm="MFCC",
)

MFCC_FRAMES_25 = FrontEnd(  # without a segment: the whole track
    name="mfcc-frames-25",
    kind="mfcc",
    sample_rate_hz=44100,
    frame_samples=2048,
    hop_samples=1024,
    n_bands=25,
    patch_frames=1,
    patch_hop_frames=1,
    input_algorithm="MFCC",
)
MFCC_FRAMES_13 = dataclasses.replace(MFCC_FRAMES_25, name="mfcc-frames-13", n_bands=13)

# By compression, of log10(1 + scale x): RESNET, of the bands' power, as TensorflowInputMusiCNN; ARTISTS, of magnitude.
LOG_SCALES = {"": 10000.0, "log-10": 10.0}
DECIBEL_FLOOR = 1e-10  # DCNN: 10 log10(max(x, floor)) of the bands' power; OPENL3: of their magnitude,
DECIBEL_RANGE = 80.0  # less the largest value of the patch, never below -80

RESNET = FrontEnd(
    name="resnet",
    kind="mel",
    sample_rate_hz=44100,
    frame_samples=2048,
    hop_samples=710,
    n_bands=96,
    patch_frames=186,  # 3 s
    patch_hop_frames=62,  # 1 s
    input_algorithm="MelBands",
    predict_algorithm="TensorflowPredict",
    input_parameters=(
        ("highFrequencyBound", 22050.0),
        ("lowFrequencyBound", 0.0),
        ("normalize", "unit_tri"),
        ("type", "power"),
        ("warpingFormula", "slaneyMel"),
        ("weighting", "linear"),
    ),
)

DCNN = dataclasses.replace(
    RESNET,
    name="dcnn",
    hop_samples=1024,
    n_bands=128,
    patch_frames=43,  # 1 s
    patch_hop_frames=21,
    compression="decibel",
)

CHOI = dataclasses.replace(
    RESNET,
    name="choi",
    sample_rate_hz=12000,
    frame_samples=512,
    hop_samples=256,
    patch_frames=1360,  # 29 s
    patch_hop_frames=1360,
    input_parameters=(("highFrequencyBound", 6000.0), *RESNET.input_parameters[1:]),
    compression="decibel",
)

OPENL3 = FrontEnd(
    name="openl3",
    kind="embedding",
    sample_rate_hz=48000,
    frame_samples=2048,
    hop_samples=242,
    n_bands=128,
    patch_frames=199,  # 1 s
    patch_hop_frames=199,
    patch_hop_samples=48000,
    resample_quality=1,
    input_algorithm="MelBands",
    predict_algorithm="TensorflowPredict",
    input_parameters=(
        ("highFrequencyBound", 24000.0),
        ("lowFrequencyBound", 0.0),
        ("normalize", "unit_tri"),
        ("type", "magnitude"),
        ("warpingFormula", "slaneyMel"),
        ("weighting", "linear"),
    ),
)

ARTISTS = dataclasses.replace(
    RESNET,
    name="artists",
    sample_rate_hz=22050,
    frame_samples=1024,
    hop_samples=512,
    n_bands=128,
    patch_frames=129,  # 3 s
    patch_hop_frames=129,
    input_parameters=(("highFrequencyBound", 11025.0), *OPENL3.input_parameters[1:]),  # of the magnitude
    compression="log-10",
)
ZEROSHOT = dataclasses.replace(ARTISTS, name="zeroshot", patch_frames=130, patch_hop_frames=130)  # Choi et al. (2019)

CQT = FrontEnd(
    name="cqt",
    kind="cqt",
    sample_rate_hz=22050,
    frame_samples=16384,  # the power of 2 above the 11 340 samples of the kernel of C1
    hop_samples=1024,
    n_bands=96,
    patch_frames=322,  # 15 s
    patch_hop_frames=161,
    input_algorithm="SpectrumCQ",
    predict_algorithm="TensorflowPredict",
    input_parameters=(("binsPerOctave", 12), ("minFrequency", 32.70319566257483), ("zeroPhase", False)),
    compression="decibel",
)

SAMPLECNN = FrontEnd(
    name="samplecnn",
    kind="waveform",
    sample_rate_hz=22050,
    frame_samples=1,
    hop_samples=1,
    n_bands=1,
    patch_frames=3**10,  # 2.68 s
    patch_hop_frames=3**10,
    input_algorithm="FrameCutter",
    predict_algorithm="TensorflowPredict",
)
SAMPLECNN_1S = dataclasses.replace(SAMPLECNN, name="samplecnn-1s", patch_frames=22050, patch_hop_frames=22050)

PICTURE = FrontEnd(
    "picture", "image", 1, 1, 1, n_bands=224 * 3, patch_frames=224, patch_hop_frames=224, input_algorithm=""
)

WAVE_3S = dataclasses.replace(
    SAMPLECNN, name="wave-3s", sample_rate_hz=16000, patch_frames=48000, patch_hop_frames=48000
)

WAVE_5S = dataclasses.replace(WAVE_3S, name="wave-5s", patch_frames=80000, patch_hop_frames=40000)

MEL96_29S = dataclasses.replace(
    RESNET,
    name="mel96-29s",
    sample_rate_hz=16000,
    frame_samples=512,
    fft_samples=2048,
    hop_samples=256,
    patch_frames=1813,
    patch_hop_frames=1813,
    compression="decibel",
    input_parameters=(
        ("highFrequencyBound", 8000.0),
        ("lowFrequencyBound", 0.0),
        ("normalize", "unit_max"),
        ("type", "power"),
        ("warpingFormula", "htkMel"),
        ("weighting", "linear"),
    ),
)

MEL128_4S = dataclasses.replace(  # 59 049 samples, 3.69 s
    MEL96_29S, name="mel128-4s", n_bands=128, patch_frames=231, patch_hop_frames=231
)

MEL128_15S = dataclasses.replace(MEL128_4S, name="mel128-15s", patch_frames=938, patch_hop_frames=938)

FRAME_LEVEL = ((1024, 1024), (1024, 512), (512, 512), (512, 256), (256, 256))  # window and hop, or filter and stride
POWERS_OF_3 = ((2187, 729), (729, 729), (729, 243), (243, 243), (243, 81), (81, 81))
_TWIN_FFT = 2048  # so that no band is without a bin; 4096 for a longer window


def _mirror(wave: FrontEnd, name: str, window: int, hop: int) -> FrontEnd:
    """Make mel bands of the length of a waveform's patch: what its first convolution is compared with."""
    n_frames, longest_hz = wave.patch_frames // hop, wave.sample_rate_hz / 2
    return dataclasses.replace(
        RESNET,
        name=f"{name}-{window}-{hop}",
        sample_rate_hz=wave.sample_rate_hz,
        frame_samples=window,
        fft_samples=_TWIN_FFT if window <= _TWIN_FFT else 2 * _TWIN_FFT,
        hop_samples=hop,
        n_bands=128,
        patch_frames=n_frames,
        patch_hop_frames=n_frames,
        input_parameters=(("highFrequencyBound", longest_hz), *RESNET.input_parameters[1:]),
    )


FRAME_TWINS = {f"framecnn-mel-{w}-{h}": _mirror(WAVE_3S, "framecnn-mel", w, h) for w, h in FRAME_LEVEL}
SAMPLE_TWINS = {f"samplecnn-mel-{w}-{h}": _mirror(SAMPLECNN, "samplecnn-mel", w, h) for w, h in POWERS_OF_3}

ALL = {value.name: value for value in tuple(globals().values()) if isinstance(value, FrontEnd)}
ALL |= {value.name: value for value in (*FRAME_TWINS.values(), *SAMPLE_TWINS.values())}

GENERAL = "TensorflowPredict"  # runs any graph and says nothing of what the graph reads
COMPRESSED = {  # in words
    **{name: f"log10(1 + {scale:.0f} x)" for name, scale in LOG_SCALES.items()},
    "decibel": f"10 log10(max(x, {DECIBEL_FLOOR:.0e}))",
}

IMAGE_NETWORKS = ("vgg16", "inceptionv3", "densenet121", "efficientnetb0", "resnet50")
SAMPLECNN_BLOCKS = ("multi", "se", "res1", "res2", "rese1", "rese2", "rnn4", "rnn5")

# One row per file of nets/backbones and per variant there; tests hold it to the FRONT_END, CHECKPOINTS, GRAPHS,
# SHARED_UNTIL, widen, narrow and DEPTHS there.
NETWORKS = {
    "artists": KnownNetwork(ARTISTS, is_narrowed=True),
    "attention": KnownNetwork(MEL128_15S, is_narrowed=True),
    "choi": KnownNetwork(CHOI),
    "cqtcnn": KnownNetwork(CQT, is_narrowed=True),
    "crnn": KnownNetwork(MEL96_29S, is_narrowed=True),
    "dcnn": KnownNetwork(DCNN, is_cut=True, is_widened=True),
    "fcn": KnownNetwork(MEL96_29S, is_narrowed=True),
    "framecnn": KnownNetwork(WAVE_3S),
    **{f"framecnn-{w}-{h}": KnownNetwork(WAVE_3S, family="framecnn") for w, h in FRAME_LEVEL},
    **{name: KnownNetwork(front_end, family="framecnn") for name, front_end in FRAME_TWINS.items()},
    "harmoniccnn": KnownNetwork(WAVE_5S, is_narrowed=True),
    "harmoniccnn-free": KnownNetwork(WAVE_5S, family="harmoniccnn", is_narrowed=True),
    "images": KnownNetwork(MUSICNN),
    **{name: KnownNetwork(MUSICNN, family="images") for name in IMAGE_NETWORKS},
    "musicnn": KnownNetwork(MUSICNN, ("msd", "mtt"), is_narrowed=True, depths=("front", "pooled", "embedding")),
    "pons": KnownNetwork(MUSICNN),
    "pons-wave": KnownNetwork(WAVE_3S, family="pons"),
    "resnet": KnownNetwork(RESNET),
    "samplecnn": KnownNetwork(SAMPLECNN, is_narrowed=True),
    **{f"samplecnn-{name}": KnownNetwork(SAMPLECNN, family="samplecnn", is_narrowed=True) for name in SAMPLECNN_BLOCKS},
    **{
        name: KnownNetwork(SAMPLECNN_1S, family="samplecnn", is_narrowed=True)
        for name in ("samplecnn-1s", "samplecnn-1s-se")
    },
    **{f"samplecnn-{w}-{h}": KnownNetwork(SAMPLECNN, family="samplecnn", is_narrowed=True) for w, h in POWERS_OF_3},
    **{name: KnownNetwork(front_end, family="samplecnn", is_narrowed=True) for name, front_end in SAMPLE_TWINS.items()},
    "shortchunk": KnownNetwork(MEL128_4S, is_narrowed=True),
    "shortchunk-res": KnownNetwork(MEL128_4S, family="shortchunk", is_narrowed=True),
    "vgg": KnownNetwork(
        MUSICNN, ("msd", "mtt"), is_narrowed=True, depths=("pool_1", "pool_2", "pool_3", "pool_4", "embedding")
    ),
    "vggish": KnownNetwork(
        VGGISH, ("audioset",), depths=("pool1", "pool2", "pool3", "pool4", "fc1_2_relu", "embedding")
    ),
    "zeroshot": KnownNetwork(ZEROSHOT),
}


def get_network(backbone: str) -> KnownNetwork:
    """Return the row of a network; raise `UnknownNameError` when there is no such network."""
    if backbone not in NETWORKS:
        raise unknown("network", backbone, NETWORKS)
    return NETWORKS[backbone]


def of_network(backbone: str) -> FrontEnd:
    """Return the front-end that a network reads; raise `UnknownNameError` when there is no such network."""
    return get_network(backbone).front_end


def check_depth(backbone: str, layer: str) -> None:
    """Raise `UnknownNameError` when a network cannot be frozen up to a layer of that name: the error lists those."""
    depths = get_network(backbone).depths
    if layer not in depths:
        raise unknown(f"layer of {backbone}", layer, depths)


def check_pretrained(backbone: str, pretrained: str) -> None:
    """Raise `RecipeError` when a network has no weights of that data set, or none at all."""
    known = get_network(backbone).pretrained
    if not known:
        rule, remedy = "none: there are no weights of this network", "Use --fine-tune none to train it from scratch."
        raise RecipeError(explain("pretrained", rule, pretrained, f"network {backbone}", remedy))
    if pretrained not in known:
        remedy = f"Use --pretrained {known[0]}, or --fine-tune none to train without."
        raise RecipeError(explain("pretrained", " or ".join(known), pretrained, f"network {backbone}", remedy))


def get(name: str) -> FrontEnd:
    """Return the front-end of a name; raise `UnknownNameError` when there is none."""
    if name not in ALL:
        raise unknown("front-end", name, ALL)
    return ALL[name]
