"""How a command ends: its lines, and one sentence for every error."""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from essentia_ldl.cli.group import Group, fail, show
from essentia_ldl.errors import DataError


@click.group(cls=Group)
def program():
    """Two commands, not in the order of the alphabet."""


@program.command()
def second():
    show(["a line", "another"])
    fail("2 files were left out.")


@program.command()
def first():
    raise DataError("labels: expected some.")


@program.command()
def third():
    show([os.fsdecode(b"caf\xe9.wav")])


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_a_name_that_is_not_utf8_is_shown_as_it_is(errors):
    """Shells of most locales give a strict stream, CliRunner too."""
    code = "from test_group import program; program(['third'])"
    settings = {**os.environ, "PYTHONIOENCODING": f"utf-8:{errors}", "PYTHONPATH": os.path.dirname(__file__)}
    done = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b"caf\xe9.wav\n", b"")
    assert CliRunner().invoke(program, ["third"]).stdout_bytes == b"caf\xe9.wav\n"


def test_commands_are_listed_as_they_are_defined():
    assert list(program.list_commands(None)) == ["second", "first", "third"]


def test_lines_go_to_the_output_and_a_failure_to_the_errors():
    done = CliRunner().invoke(program, ["second"])
    assert (done.exit_code, done.stdout) == (1, "a line\nanother\n")
    assert done.stderr == "error: 2 files were left out.\n"


def test_an_error_of_ours_is_one_sentence():
    done = CliRunner().invoke(program, ["first"])
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", "error: labels: expected some.\n")


def test_a_failure_that_was_told_before_has_a_status_only(capsys):
    with pytest.raises(SystemExit) as ended:
        fail("", 7)
    assert (ended.value.code, capsys.readouterr().err) == (7, "")
