"""The tables of the paper on artist labels, to stand beside what was measured.

Park et al. (ISMIR 2018), tables 1 to 3: mean average precision, k-NN of 20 neighbours and a linear softmax, by genre,
of networks trained on 90,000 songs.
"""

from __future__ import annotations

NETWORKS = ("artist labels, basic", "artist labels, siamese", "tag labels")
PUBLISHED: dict[str, dict[str, tuple[float, float, float]]] = {
    "map": {
        "GTZAN (fault-filtered)": (0.4968, 0.5510, 0.5508),
        "FMA small": (0.2441, 0.3203, 0.3019),
        "NAVER Korean": (0.3152, 0.3577, 0.3576),
    },
    "knn": {
        "GTZAN (fault-filtered)": (0.6655, 0.6966, 0.6759),
        "FMA small": (0.5269, 0.5732, 0.5332),
        "NAVER Korean": (0.6671, 0.6393, 0.6898),
    },
    "softmax": {
        "GTZAN (fault-filtered)": (0.6721, 0.6993, 0.7072),
        "FMA small": (0.5791, 0.5483, 0.5641),
        "NAVER Korean": (0.6696, 0.6623, 0.6755),
    },
}
