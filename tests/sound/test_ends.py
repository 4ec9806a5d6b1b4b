"""How the process that predicts tells that it cannot: one line of json with a sentence, whatever was raised."""

from __future__ import annotations

import io
import json
import os

import pytest

from essentia_ldl.sound import predict


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "a.wav: memory ran out. Close other programs, or use fewer --jobs."),
        (ValueError("std::bad_alloc"), "a.wav: memory ran out. Close other programs, or use fewer --jobs."),
        (RuntimeError("no\nframes"), "a.wav: RuntimeError, no frames. Re-encode the file, or leave it out."),
    ],
)
def test_c8_what_a_library_raises_at_a_file_is_a_sentence(error, told):
    assert predict._describe(error, "a.wav") == told


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "Memory ran out while the models were loaded. Close other programs, or use fewer --jobs."),
        (RuntimeError("x" * 300), "The models cannot run: " + "x" * 200 + ". Export or copy them again, or try"),
    ],
)
def test_c8_models_that_cannot_run_are_a_sentence(error, told, monkeypatch, tmp_path):
    def refuse(*arguments):
        raise error

    monkeypatch.setattr(predict, "_answers", refuse)
    kept = [os.dup(number) for number in (1, 2)]
    answers = os.open(tmp_path / "answers", os.O_RDWR | os.O_CREAT)
    try:
        os.dup2(answers, 1)
        assert predict.main(io.StringIO(json.dumps({"files": []}) + "\n")) == 1
    finally:
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
    (line,) = (tmp_path / "answers").read_text().splitlines()
    assert json.loads(line)["type"] == "GraphError"
    assert json.loads(line)["error"].startswith(told)
