"""The entry point: exit statuses and messages; and a start without noise."""

from __future__ import annotations

import errno

import pytest

from essentia_ldl.nets import run
from essentia_ldl.nets.inputs import embeddings


@pytest.mark.slow
def test_several_runs_share_the_extractor(make_run, capsys, monkeypatch):
    loads = []
    real = embeddings.load_tagger
    monkeypatch.setattr(embeddings, "load_tagger", lambda *a: loads.append(a) or real(*a))
    small = {"n_tracks": 6, "n_frames": 190, "network": {"backbone": "vgg"}, "training": {"epochs": 2}}
    folders = [make_run(name, seed=seed, **small) for seed, name in enumerate(("a", "b"))]
    assert run.main([str(folder) for folder in folders]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 6
    assert out[0].startswith("mood sad: trained 2 epochs, best is epoch ")
    assert len(loads) == 1
    for folder in folders:
        assert sorted(path.name for path in (folder / "export").iterdir()) == [
            "mood_sad-msd-musicnn.answers.npz",
            "mood_sad-msd-musicnn.golden.npz",
            "mood_sad-msd-musicnn.json",
            "mood_sad-msd-musicnn.pb",
            "mood_sad-musicnn-msd.answers.npz",
            "mood_sad-musicnn-msd.golden.npz",
            "mood_sad-musicnn-msd.json",
            "mood_sad-musicnn-msd.pb",
        ]


def test_no_export_when_not_wanted(make_run):
    folder = make_run(export=False, training={"epochs": 1})
    assert run.main([str(folder)]) == 0
    assert not (folder / "export").exists()


def test_error_is_one_line(make_run, capsys):
    assert run.main([str(make_run(network={"backbone": "lenet"}))]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: network: expected one of ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("exception", "status", "message"),
    [
        (KeyboardInterrupt(), 130, ""),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            1,
            "error: A disk is full, that of the home or that of temporary files. Free space and run the same command "
            "again.\n",
        ),
    ],
)
def test_interruptions(make_run, monkeypatch, capsys, exception, status, message):
    def fail(*_args, **_kwargs):
        raise exception

    monkeypatch.setattr(run, "train", fail)
    assert run.main([str(make_run())]) == status
    assert capsys.readouterr().err == message
