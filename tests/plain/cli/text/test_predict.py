"""What the terminal shows beside the answers of `predict`."""

from __future__ import annotations

import pytest

from essentia_ldl.cli.text.predict import describe_notes


@pytest.mark.parametrize(("n_noted", "start"), [(1, "note: 1 file was shorter"), (3, "note: 3 files were shorter")])
def test_c12_files_that_were_repeated_are_counted(n_noted, start):
    (line,) = describe_notes(n_noted)
    assert line.startswith(start)
    assert "--notes" in line
