"""How well, how fast and in how much memory neighbours are found in indexes of 10,000 to 1,000,000 vectors.

    python tests/bench_search.py --sizes 10000 100000 --folder /somewhere [--engines numpy scikit-learn voyager faiss]

Vectors are synthetic: 200 numbers about centres of "artists" (20 vectors each), which lie about centres of "genres",
in a space of few dimensions with noise on top, as embeddings do; noise alone has no neighbours worth finding. ``numpy``
and ``voyager`` are the toolkit's own commands, from the file of an index to the ten nearest tracks. ``scikit-learn`` is
its brute-force search, ``faiss`` its HNSW graph of the same size and effort (pip install faiss-cpu; the toolkit does
not need it). Every engine opens what it has stored in a process of its own, which measures itself. Recall is the share
of the ten nearest by an exact search that an engine finds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

D, N_LATENT, N_PER_ARTIST, N_ARTISTS_PER_GENRE = 200, 24, 20, 50
N_NEAREST = 10
SEED = 20261129
ENGINES = ("numpy", "scikit-learn", "voyager", "faiss")


def draw_vectors(n: int) -> np.ndarray:
    """Draw unit vectors of tracks of artists of genres; (n, D) float32."""
    rng = np.random.default_rng(SEED)
    n_artists = -(-n // N_PER_ARTIST)
    n_genres = -(-n_artists // N_ARTISTS_PER_GENRE)
    genres = rng.standard_normal((n_genres, N_LATENT), np.float32)
    artists = np.repeat(genres, N_ARTISTS_PER_GENRE, axis=0)[:n_artists]
    artists = artists + 0.6 * rng.standard_normal(artists.shape, np.float32)
    mix = rng.standard_normal((N_LATENT, D), np.float32)
    vectors = np.empty((n, D), np.float32)
    for start in range(0, n, 100_000):
        who = np.arange(start, min(n, start + 100_000)) // N_PER_ARTIST
        latent = artists[who] + 0.5 * rng.standard_normal((len(who), N_LATENT), np.float32)
        block = latent @ mix + 0.5 * rng.standard_normal((len(who), D), np.float32)
        vectors[start : start + len(who)] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return vectors


def find_truth(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Find the nearest of some rows exactly, without the row itself; (n_queries, N_NEAREST)."""
    best = []
    for row in rows:
        scores = vectors @ vectors[row]
        scores[row] = -2
        some = np.argpartition(-scores, N_NEAREST)[:N_NEAREST]
        best.append(some[np.argsort(-scores[some])])
    return np.stack(best)


def store(engine: str, vectors: np.ndarray, folder: Path) -> float:
    """Write what an engine opens; return the seconds that it took."""
    start = time.perf_counter()
    if engine in ("numpy", "voyager"):
        from essentia_ldl.search.catalogue import IndexedTrack, gather
        from essentia_ldl.search.library import Library, Maker, write_library
        from essentia_ldl.search.nearest import build_graph

        graph = build_graph(vectors) if engine == "voyager" else b""
        entries = gather(
            IndexedTrack(f"https://music/{i}.mp3", 200.0, 1, 1, f"artist {i // N_PER_ARTIST}")
            for i in range(len(vectors))
        )
        maker = Maker("synthetic-1", "0" * 64, "none")
        with open(folder / engine, "wb") as file:
            write_library(Library(maker, entries, vectors, np.arange(len(vectors)), graph), file)
    elif engine == "faiss":
        import faiss

        index = faiss.IndexHNSWFlat(D, 16, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 200
        index.add(vectors)
        faiss.write_index(index, str(folder / engine))
    return time.perf_counter() - start


def open_engine(engine: str, folder: Path):
    """Open what was stored; return a function from a row to the nearest rows."""
    if engine in ("numpy", "voyager"):
        from essentia_ldl.search.similar import Limits, open_index, similar

        path, limits = str(folder / engine), Limits(N_NEAREST)
        open_index(path)

        def ask(row: int) -> list[int]:
            found = similar(f"https://music/{row}.mp3", path, limits, folder).neighbours
            return [int(one.path[len("https://music/") : -len(".mp3")]) for one in found]

        return ask
    vectors = np.load(folder / "vectors.npy", mmap_mode="r" if engine == "faiss" else None)
    if engine == "faiss":
        import faiss

        index = faiss.read_index(str(folder / engine))
        index.hnsw.efSearch = 200
        return lambda row: [i for i in index.search(vectors[row : row + 1], N_NEAREST + 1)[1][0] if i != row]
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(metric="cosine", algorithm="brute").fit(vectors)
    return lambda row: [i for i in search.kneighbors(vectors[row : row + 1], N_NEAREST + 1)[1][0] if i != row]


def measure(engine: str, folder: Path) -> dict[str, float]:
    """Open an engine in this process, and ask it."""
    import psutil

    if engine == "scikit-learn":
        import sklearn.neighbors  # noqa: F401  (not what is measured)
    truth, rows = np.load(folder / "truth.npy"), np.load(folder / "rows.npy")
    process = psutil.Process()
    before, start = process.memory_info().rss, time.perf_counter()
    ask = open_engine(engine, folder)
    load_s = time.perf_counter() - start
    found, times = [], []
    for row in rows:
        start = time.perf_counter()
        found.append(ask(int(row)))
        times.append(time.perf_counter() - start)
    recall = np.mean([len({*a[:N_NEAREST]} & {*map(int, b)}) / N_NEAREST for a, b in zip(found, truth, strict=True)])
    memory = (process.memory_info().rss - before) / 2**20
    return {
        "recall": float(recall),
        "per_s": len(rows) / sum(times),
        "median_ms": 1000 * float(np.median(times)),
        "load_s": load_s,
        "memory_mib": memory,
    }


def main() -> None:
    """Measure every size with every engine, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--folder", type=Path, required=True, help="Where to write; some 3 GB for a million vectors.")
    parser.add_argument("--measure", choices=ENGINES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.folder)))
        return
    print("| vectors | engine | recall at 10 | queries per s | median ms | load s | memory MiB | build s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    given.folder.mkdir(parents=True, exist_ok=True)
    for n in given.sizes:
        vectors = draw_vectors(n)
        rows = np.random.default_rng(SEED).choice(n, given.queries, replace=False)
        for name, values in (("vectors", vectors), ("rows", rows), ("truth", find_truth(vectors, rows))):
            np.save(given.folder / f"{name}.npy", values)
        for engine in given.engines:
            build_s = store(engine, vectors, given.folder)
            command = [sys.executable, __file__, "--measure", engine, "--folder", str(given.folder)]
            done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            cells = [f"{done['recall']:.3f}", f"{done['per_s']:.0f}", f"{done['median_ms']:.2f}"]
            cells += [f"{done['load_s']:.2f}", f"{done['memory_mib']:.0f}", f"{build_s:.0f}"]
            print(f"| {n:,} | {engine} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
