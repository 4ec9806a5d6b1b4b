"""What is remembered of the processor, and what is tried."""

from __future__ import annotations

from essentia_ldl.predict import engines


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "cache").write_text("in the way")
    engines.refuse_onednn()
    assert not engines.is_onednn_refused()


def test_the_settings_of_onednn(monkeypatch):
    assert engines.list_settings() == ("1", "0")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "x")
    assert engines.list_settings() == ("x",)
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    engines.refuse_onednn()
    assert engines.list_settings() == ("0",)
