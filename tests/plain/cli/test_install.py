"""`install` on the command line: what reaches it, and what it shows."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from essentia_ldl.cli.main import main
from essentia_ldl.errors import UnknownNameError
from essentia_ldl.install import command, exchange
from essentia_ldl.install.command import Allowed, Installed, Layout


@pytest.fixture
def calls(monkeypatch, tmp_path):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))
    found: list[tuple] = []

    def install(names, layout, graphs, say, allowed):
        found.append((names, layout, graphs, allowed))
        if layout.name == "wrong":
            raise UnknownNameError("name: expected another.")
        say("a -> b")
        return Installed((("a", "b"),), (), ("One.",))

    monkeypatch.setattr(command, "install", install)
    return found


def test_what_is_asked_for_reaches_the_command(calls, tmp_path):
    options = ["--into", "d", "--official", "--tree", "--with-extractor", "--base-url", "https://m.example", "--demo"]
    done = CliRunner().invoke(main, ["install", "a", "b", *options])
    assert (done.exit_code, done.output) == (0, "a -> b\nnote: One.\n")
    layout = Layout("d", is_official=True, is_tree=True, with_extractor=True, base_url="https://m.example")
    assert calls == [(("a", "b"), layout, tmp_path / "graphs", Allowed(demo=True))]


def test_an_error_is_one_sentence_and_contradictions_are_refused(calls):
    done = CliRunner().invoke(main, ["install", "a", "--into", "d", "--as", "wrong", "--force"])
    assert (done.exit_code, done.stderr) == (1, "error: name: expected another.\n")
    done = CliRunner().invoke(main, ["install", "a", "--into", "d", "--as", "x", "--official"])
    assert done.exit_code == 1
    assert "one of --as and --official" in done.stderr
    assert len(calls) == 1


def test_export_hands_on_models_and_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))
    calls: list[tuple] = []
    monkeypatch.setattr(exchange, "export_onnx", lambda *given: calls.append(given[:3]) or given[3]("a -> b"))
    done = CliRunner().invoke(main, ["export", "a", "b", "--onnx", "--into", "d"])
    assert (done.exit_code, done.output) == (0, "a -> b\n")
    assert calls == [(("a", "b"), "d", tmp_path / "graphs")]
    assert CliRunner().invoke(main, ["export", "a"]).exit_code == 2
