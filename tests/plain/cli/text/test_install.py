"""Lines about what was installed."""

from __future__ import annotations

from essentia_ldl.cli.text.install import describe_installed
from essentia_ldl.install.clients import Lack
from essentia_ldl.install.command import Installed


def test_notes_and_what_the_folder_lacks_are_told():
    lacks = (Lack("all moods", ("a", "b"), ()), Lack("some", ("a",), tuple("cdefg")), Lack("few", ("a",), ("c",)))
    assert list(describe_installed(Installed((("x", "/y.pb"),), lacks, ("One.",)))) == [
        "note: One.",
        "the folder has all 2 files of: all moods",
        "the folder has 1 of 6 of: some; it lacks c, d, e and 2 more",
        "the folder has 1 of 2 of: few; it lacks c",
    ]
