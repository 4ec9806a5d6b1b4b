"""What goes on in the background: vectors are read as they come, a model chooses, and the curve gets its points."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.annotate import background as module
from essentia_ldl.annotate.background import Answered, Background, Embedder, read_vectors
from essentia_ldl.errors import StoreError

PATHS = [f"/music/{k}.mp3" for k in range(40)]


@pytest.fixture
def units() -> np.ndarray:
    """Two clouds of unit vectors: the first twenty tracks, and the others."""
    random = np.random.default_rng(0)
    centres = np.repeat([[3.0, 0, 0, 0], [0, 3.0, 0, 0]], 20, axis=0)
    found = centres + random.normal(size=(40, 4))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def answers(n: int, left_out=()) -> Answered:
    """Answer the first n of each cloud."""
    paths = [path for k in range(n) for path in (PATHS[k], PATHS[20 + k])]
    return Answered(tuple(paths), np.tile(np.eye(2), (n, 1)), tuple(paths), tuple(left_out), 2 * n)


def build(index, look, keep=lambda _: None, **changes) -> Background:
    embedder = Embedder(index, index.parent, **{"model": "nothing", "is_given": True, **changes})
    return Background(PATHS, lambda path: path, look, keep, embedder, seed=0)


def test_vectors_are_those_of_the_music_and_of_length_one(write_index, units):
    index = write_index(["/elsewhere.mp3", *PATHS[1:]], 2 * units)
    vectors = read_vectors(index, PATHS)
    assert vectors.paths == tuple(PATHS[1:])
    assert vectors.units == pytest.approx(units[1:], abs=1e-6)
    assert vectors.find([PATHS[0], PATHS[2]]) == [None, 1]


def test_what_is_chosen_is_neither_answered_nor_left_out(write_index, units):
    now = answers(13, left_out=[PATHS[36], "/not embedded.mp3"])
    background = build(write_index(PATHS, units), lambda: now)
    background.work()
    assert background.n_embedded == 40
    assert set(background.queue) == set(PATHS) - set(now.paths) - {PATHS[36]}


def test_it_chooses_again_after_some_answers_and_when_there_is_more_music(write_index, units, monkeypatch):
    chosen = []
    monkeypatch.setattr(module, "choose_tracks", lambda *given: chosen.append(len(given[0])) or [0, 1])
    now = [answers(1)]
    background = build(write_index(PATHS[:30], units[:30]), lambda: now[0])
    for n in (1, 1, 2, 3):
        now[0] = answers(n)
        background.work()
    assert chosen == [30, 30], "at the start, and after three answers or more"
    write_index(PATHS, units)
    background.work()
    assert chosen == [30, 30, 40]


def test_the_curve_gets_a_point_when_there_are_new_answers(write_index, units):
    points, now = [], [answers(2)]
    background = build(write_index(PATHS, units), lambda: now[0], points.append)
    background.work()
    for n in (10, 11, 16):
        now[0] = answers(n)
        background.work()
    assert [point.n for point in points if point.n >= 20] == [20, 32]
    assert points[-1].balanced_accuracy > 0.9
    assert points[-1].low <= points[-1].balanced_accuracy <= points[-1].high
    assert points[-1].n_artists == 32


def test_answers_to_music_that_is_not_embedded_do_not_count(write_index, units):
    points = []
    index = write_index(PATHS[20:], units[20:])
    background = build(index, lambda: answers(12), points.append)
    background.work()
    assert points == [], "one class alone"
    assert background.n_embedded == 20


def test_trouble_is_told_and_does_not_end_it(tmp_path, write_index, units, wait_until):
    index = tmp_path / "lib.index"
    index.write_bytes(b"no index")
    background = build(index, lambda: answers(2))
    background.start()
    wait_until(lambda: "index" in background.trouble)
    write_index(PATHS, units)
    background.nudge()
    wait_until(lambda: background.queue and not background.trouble)
    background.close()


def test_an_index_that_is_given_must_be_there(tmp_path, wait_until):
    background = build(tmp_path / "lib.index", lambda: answers(2))
    background.start()
    wait_until(lambda: "lib.index" in background.trouble)
    background.close()
    with pytest.raises(StoreError):
        read_vectors(tmp_path / "lib.index", PATHS)


def test_the_embedding_ends_with_it_and_its_trouble_is_told(tmp_path, wait_until):
    background = build(tmp_path / "lib.index", lambda: answers(2), is_given=False)
    background.start()
    wait_until(lambda: "nothing" in background.trouble)
    background.close()


def test_answers_that_are_all_taken_back_leave_it_alive(write_index, units):
    now = [answers(5)]
    background = build(write_index(PATHS, units), lambda: now[0])
    background.work()
    now[0] = answers(0)
    background.work()
    assert len(set(background.queue)) == module.N_QUEUED


def test_whatever_goes_wrong_is_told_and_it_goes_on(write_index, units, wait_until):
    fails = [True]

    def look() -> Answered:
        if fails[0]:
            raise ValueError("something strange")
        return answers(1)

    background = build(write_index(PATHS, units), look)
    background.start()
    wait_until(lambda: background.trouble == "something strange")
    assert background.queue == ()
    fails[0] = False
    background.nudge()
    wait_until(lambda: not background.trouble and background.queue)
    background.close()


def test_the_curve_does_not_go_back_while_the_music_is_embedded_again(write_index, units, wait_until):
    kept, rows = [], [*range(6), *range(20, 26)]
    index = write_index([PATHS[row] for row in rows], units[rows])
    background = build(index, lambda: answers(10), kept.append)  # of whose 20 tracks 12 have a vector
    background.start(judged_at=20)
    wait_until(lambda: background.n_embedded == 12)
    background.close()
    assert kept == []
    background = build(index, lambda: answers(6), kept.append)  # 8 answers were taken back
    background.start(judged_at=20)
    wait_until(lambda: kept)
    background.close()
    assert [point.n for point in kept] == [12]
