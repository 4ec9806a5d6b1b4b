"""The whole training of one plan, and its extractor: what the graph answers is the projection of the embedding."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.models.folder import read_model
from essentia_ldl.nets.covers.run import main
from essentia_ldl.runs.covers import ANSWERS, SYSTEMS, write_covers_plan


@pytest.mark.slow
def test_a_plan_is_trained_once_and_its_answers_are_of_the_tracks_that_test(make_covers_plan, capsys):
    plan = make_covers_plan(stem="small-covers")
    write_covers_plan(plan)
    assert main([str(plan.folder)]) == 0
    with np.load(plan.folder / ANSWERS) as arrays:
        assert arrays["ids"].tolist() == ["6", "7", "14", "15"]
        assert set(arrays) == {"ids", *SYSTEMS}
        hits = {name: (arrays[name].argmax(axis=1) == [0, 1, 0, 1]).mean() for name in SYSTEMS}
    assert hits["image"] == 1
    model = read_model(plan.folder / "export" / "small-covers.pb")
    assert model.card.output("embeddings") == "model/embeddings"
    assert model.card.extra["space"]["genres"] == ["folk", "rock"]
    assert "exported" in capsys.readouterr().out
    before = (plan.folder / ANSWERS).stat().st_mtime_ns
    assert main([str(plan.folder)]) == 0
    assert (plan.folder / ANSWERS).stat().st_mtime_ns == before


def test_a_folder_without_a_plan_is_one_sentence(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: file: expected readable json")
